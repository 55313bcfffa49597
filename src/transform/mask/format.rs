//! Masks of single values: keyed hashes, and permutations that keep the form of a value.
//!
//! A form is what stays: length, punctuation, and of each character whether it is a digit, a small or a capital letter. Within
//! a form the mask is a permutation, so that two values never become one: a Feistel network over the characters, as NIST
//! SP 800-38G's FF1 is one over numbers, with HMAC-SHA256 for its rounds. A form of few values hides little: of one digit there
//! are ten.

use std::collections::HashMap;
use std::sync::Arc;

use hmac::Mac;
use num_bigint::{BigInt, Sign};

use super::Keyed;
use super::plan::Masker;
use crate::data::Value;

/// As FF1 has.
const ROUNDS: u8 = 10;

/// Letters beyond ASCII are exchanged within blocks of so many code points: 0x80 to 0x7ff, two bytes each, are one.
const BLOCK: u32 = 0x800;

const DIGITS: &str = "0123456789";
const FIRST_DIGITS: &str = "123456789";
const SMALL: &str = "abcdefghijklmnopqrstuvwxyz";
const CAPITAL: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const HEXADECIMAL: &str = "0123456789abcdef";
const HEXADECIMAL_CAPITAL: &str = "0123456789ABCDEF";

/// The characters that may take each other's place, in their order.
type Alphabet = Arc<[char]>;

/// What characters beyond ASCII have in common when they may take each other's place.
type Class = (u32, usize, [bool; 4]);

/// Masks values with one key.
pub(super) struct Formats {
    keyed: Keyed,
    digits: Alphabet,
    first_digits: Alphabet,
    small: Alphabet,
    capital: Alphabet,
    hexadecimal: Alphabet,
    hexadecimal_capital: Alphabet,
    /// Beyond ASCII; made when the first character of a class is seen.
    others: HashMap<Class, Alphabet>,
}

impl Formats {
    pub(super) fn new(keyed: Keyed) -> Self {
        let alphabet = |characters: &str| characters.chars().collect();
        Self {
            keyed,
            digits: alphabet(DIGITS),
            first_digits: alphabet(FIRST_DIGITS),
            small: alphabet(SMALL),
            capital: alphabet(CAPITAL),
            hexadecimal: alphabet(HEXADECIMAL),
            hexadecimal_capital: alphabet(HEXADECIMAL_CAPITAL),
            others: HashMap::new(),
        }
    }

    /// Masks a value; null stays null.
    ///
    /// # Errors
    /// When it is not what its schema says.
    pub(super) fn mask(&mut self, masker: Masker, value: &mut Value) -> Result<(), String> {
        let masked = match (masker, &*value) {
            (_, Value::Null) => return Ok(()),
            (Masker::HashText, Value::Text(text)) => Value::text(hexadecimal(&self.hash(text.as_str().as_bytes()))),
            (Masker::HashUuid, Value::Text(text)) => {
                let hash = self.hash(text.as_str().to_ascii_lowercase().as_bytes());
                let bytes = std::array::from_fn(|place| hash[place]);
                Value::text(uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string())
            }
            (Masker::HashBytes, Value::Bytes(bytes)) => Value::Bytes(self.hash(bytes).to_vec().into()),
            (Masker::Text, Value::Text(text)) => Value::text(self.text(text.as_str())),
            (Masker::Uuid, Value::Text(text)) => Value::text(self.uuid(text.as_str())),
            (Masker::Int, Value::Int8(number)) => narrowed(self.int(i64::from(*number))).map(Value::Int8)?,
            (Masker::Int, Value::Int16(number)) => narrowed(self.int(i64::from(*number))).map(Value::Int16)?,
            (Masker::Int, Value::Int32(number)) => narrowed(self.int(i64::from(*number))).map(Value::Int32)?,
            (Masker::Int, Value::Int64(number)) => Value::Int64(self.int(*number)),
            (Masker::Decimal, Value::Bytes(bytes)) => {
                let masked = self.number(&BigInt::from_signed_bytes_be(bytes));
                Value::Bytes(masked.to_signed_bytes_be().into())
            }
            _ => return Err("a value that is to be masked is not of its schema's type".to_owned()),
        };
        *value = masked;
        Ok(())
    }

    fn hash(&self, bytes: &[u8]) -> [u8; 32] {
        self.keyed.clone().chain_update(bytes).finalize().into_bytes().into()
    }

    /// Text of the same form.
    fn text(&mut self, text: &str) -> String {
        let mut characters: Vec<char> = text.chars().collect();
        let alphabets: Vec<Option<Alphabet>> = characters.iter().map(|c| self.alphabet(*c)).collect();
        self.permute(&mut characters, &alphabets);
        characters.into_iter().collect()
    }

    /// Another UUID: hexadecimal digits, and what is between them stays.
    fn uuid(&self, text: &str) -> String {
        let mut characters: Vec<char> = text.chars().collect();
        let has_capitals = characters.iter().any(char::is_ascii_uppercase);
        let alphabet = if has_capitals { &self.hexadecimal_capital } else { &self.hexadecimal };
        let alphabets: Vec<Option<Alphabet>> =
            characters.iter().map(|c| alphabet.contains(c).then(|| Arc::clone(alphabet))).collect();
        self.permute(&mut characters, &alphabets);
        characters.into_iter().collect()
    }

    /// A number of as many digits and the same sign, that is of each type of integers which the number itself is of: then a
    /// number has one mask, whatever the type of its column.
    fn int(&self, number: i64) -> i64 {
        let fits =
            |number: i64| (i8::try_from(number).is_ok(), i16::try_from(number).is_ok(), i32::try_from(number).is_ok());
        let mut masked = BigInt::from(number);
        // Each step is a permutation: going on leads back into the range at the latest with the number itself.
        loop {
            masked = self.number(&masked);
            if let Ok(found) = i64::try_from(&masked)
                && fits(found) == fits(number)
            {
                return found;
            }
        }
    }

    /// A number of as many digits and the same sign.
    fn number(&self, number: &BigInt) -> BigInt {
        let (sign, magnitude) = (number.sign(), number.magnitude().to_string());
        let mut digits: Vec<char> = magnitude.chars().collect();
        let mut alphabets = vec![Some(Arc::clone(&self.digits)); digits.len()];
        // There is no negative zero, and no zero in front.
        if let Some(first) = alphabets.first_mut().filter(|_| sign == Sign::Minus || digits.len() > 1) {
            *first = Some(Arc::clone(&self.first_digits));
        }
        self.permute(&mut digits, &alphabets);
        let digits: String = digits.into_iter().collect();
        let masked = digits.parse().unwrap_or(BigInt::ZERO);
        if sign == Sign::Minus { -masked } else { masked }
    }

    /// Exchanges the characters that have an alphabet.
    fn permute(&self, characters: &mut [char], alphabets: &[Option<Alphabet>]) {
        let mut places = Vec::with_capacity(characters.len());
        for (place, alphabet) in alphabets.iter().enumerate() {
            if let Some(alphabet) = alphabet
                && let Ok(number) = alphabet.binary_search(&characters[place])
            {
                places.push((place, number, alphabet));
            }
        }
        let mut numbers: Vec<usize> = places.iter().map(|(_, number, _)| *number).collect();
        let sizes: Vec<usize> = places.iter().map(|(.., alphabet)| alphabet.len()).collect();
        self.feistel(&mut numbers, &sizes);
        for ((place, _, alphabet), number) in places.into_iter().zip(numbers) {
            characters[place] = alphabet[number];
        }
    }

    /// The network: in turn, each half is moved on by what the other half says.
    fn feistel(&self, numbers: &mut [usize], sizes: &[usize]) {
        let half = numbers.len().div_ceil(2);
        let (left, right) = numbers.split_at_mut(half);
        let (left_sizes, right_sizes) = sizes.split_at(half);
        // The form belongs to the key.
        let form = sizes.iter().fold(self.keyed.clone(), |form, size| form.chain_update(two_bytes(*size)));
        for round in 0..ROUNDS {
            let (moved, moved_sizes, other) =
                if round % 2 == 0 { (&mut *left, left_sizes, &*right) } else { (&mut *right, right_sizes, &*left) };
            let said = form.clone().chain_update([0, 0, round]);
            let said = other.iter().fold(said, |said, number| said.chain_update(two_bytes(*number)));
            for (block, (numbers, sizes)) in moved.chunks_mut(16).zip(moved_sizes.chunks(16)).enumerate() {
                let bytes = said.clone().chain_update((block as u64).to_be_bytes()).finalize().into_bytes();
                for ((number, size), pair) in numbers.iter_mut().zip(sizes).zip(bytes.chunks(2)) {
                    let step = pair.iter().fold(0, |step, byte| step << 8 | usize::from(*byte));
                    *number = (*number + step) % size;
                }
            }
        }
    }

    /// The characters that may take a character's place; `None`: it stays.
    fn alphabet(&mut self, c: char) -> Option<Alphabet> {
        let known = match c {
            '0'..='9' => &self.digits,
            'a'..='z' => &self.small,
            'A'..='Z' => &self.capital,
            _ if c.is_ascii() || !c.is_alphanumeric() => return None,
            _ => {
                let class = class(c);
                self.others.entry(class).or_insert_with(|| {
                    let first = class.0 * BLOCK;
                    let block = (first..first + BLOCK).filter_map(char::from_u32);
                    block.filter(|other| !other.is_ascii() && self::class(*other) == class).collect()
                })
            }
        };
        Some(Arc::clone(known))
    }
}

fn class(c: char) -> Class {
    let kinds = [c.is_alphabetic(), c.is_numeric(), c.is_lowercase(), c.is_uppercase()];
    (u32::from(c) / BLOCK, c.len_utf8(), kinds)
}

/// Alphabets have fewer characters than two bytes count.
fn two_bytes(number: usize) -> [u8; 2] {
    u16::try_from(number).unwrap_or(u16::MAX).to_be_bytes()
}

fn narrowed<T: TryFrom<i64>>(number: i64) -> Result<T, String> {
    T::try_from(number).map_err(|_| format!("the mask {number} is out of the range of its type"))
}

fn hexadecimal(bytes: &[u8]) -> String {
    let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    nibbles.filter_map(|nibble| char::from_digit(u32::from(nibble), 16)).collect()
}
