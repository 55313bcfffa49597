//! Java's `hashCode`, and Debezium's `MurmurHash3` over it: events must go where the same events of Debezium go.

use crate::data::{Kind, Schema, Value, semantic};

/// How a value becomes a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    /// `Object.hashCode`
    Java,
    /// Murmur3 of a text's UTF-8, or of the four bytes of any other value's `hashCode`.
    Murmur,
}

/// Debezium's seed.
const SEED: u64 = 9001;

impl Hash {
    pub(super) fn of(self, schema: &Schema, value: &Value) -> i32 {
        match (self, value) {
            (Self::Java, value) => java(schema, value),
            (Self::Murmur, Value::Text(text)) => murmur(text.as_str().as_bytes()),
            (Self::Murmur, value) => murmur(&java(schema, value).to_le_bytes()),
        }
    }
}

/// `hashCode` of the object that Connect has for the value.
fn java(schema: &Schema, value: &Value) -> i32 {
    let list = |elements: &[Value], element: &dyn Fn(usize, &Value) -> i32| {
        let each = elements.iter().enumerate();
        each.fold(1_i32, |hash, (place, value)| hash.wrapping_mul(31).wrapping_add(element(place, value)))
    };
    match value {
        Value::Null => 0,
        Value::Bool(flag) => [1237, 1231][usize::from(*flag)],
        Value::Int8(number) => i32::from(*number),
        Value::Int16(number) => i32::from(*number),
        // Connect's logical types are `java.util.Date`s, of milliseconds.
        Value::Int32(days) if schema.name.as_deref() == Some(semantic::CONNECT_DATE) => {
            long(i64::from(*days) * 86_400_000)
        }
        Value::Int32(millis) if schema.name.as_deref() == Some(semantic::CONNECT_TIME) => long(i64::from(*millis)),
        Value::Int32(number) => *number,
        Value::Int64(number) => long(*number),
        Value::Float32(number) => number.to_bits().cast_signed(),
        Value::Float64(number) => long(number.to_bits().cast_signed()),
        Value::Text(text) => text.as_str().encode_utf16().fold(0_i32, |hash, unit| step(hash, i32::from(unit))),
        Value::Bytes(bytes) if schema.name.as_deref() == Some(semantic::DECIMAL) => decimal(schema, bytes),
        // A `ByteBuffer`, from its end.
        Value::Bytes(bytes) => bytes.iter().rev().fold(1_i32, |hash, byte| step(hash, i32::from(byte.cast_signed()))),
        Value::Array(elements) => match &schema.kind {
            Kind::Array(element) => list(elements, &|_, value| java(element, value)),
            _ => 0,
        },
        Value::Map(entries) => match &schema.kind {
            Kind::Map(key, value) => {
                entries.iter().fold(0_i32, |sum, entry| sum.wrapping_add(java(key, &entry.0) ^ java(value, &entry.1)))
            }
            _ => 0,
        },
        // Java's depends on where its schema lies in memory; this one at least stays the same.
        Value::Struct(fields) => list(fields, &|place, value| match schema.fields().get(place) {
            Some(field) => java(&field.schema, value),
            None => 0,
        }),
    }
}

fn step(hash: i32, next: i32) -> i32 {
    hash.wrapping_mul(31).wrapping_add(next)
}

/// `Long.hashCode`
#[expect(clippy::cast_possible_truncation, reason = "the halves are wanted")]
fn long(number: i64) -> i32 {
    number as i32 ^ (number >> 32) as i32
}

/// `BigDecimal.hashCode`
fn decimal(schema: &Schema, unscaled: &[u8]) -> i32 {
    let scale = schema.parameters.iter().find(|(name, _)| &**name == "scale").and_then(|(_, scale)| scale.parse().ok());
    let number = num_bigint::BigInt::from_signed_bytes_be(unscaled);
    let magnitude = number.magnitude().to_u32_digits();
    let hash = magnitude.iter().rev().fold(0_i32, |hash, digit| step(hash, digit.cast_signed()));
    let hash = if number.sign() == num_bigint::Sign::Minus { hash.wrapping_neg() } else { hash };
    step(hash, scale.unwrap_or_default())
}

/// The upper half of `MurmurHash3_x64_64`: an early form of Murmur3, whose constants change with each block, and which
/// takes the bytes of the tail as signed numbers.
fn murmur(bytes: &[u8]) -> i32 {
    let mut state = Murmur {
        h1: 0x9368_e53c_2f6a_f274 ^ SEED,
        h2: 0x586d_cd20_8f7c_d3fd ^ SEED,
        c1: 0x87c3_7b91_1142_53d5,
        c2: 0x4cf5_ad43_2745_937f,
    };
    let (blocks, tail) = bytes.as_chunks::<16>();
    for block in blocks {
        let [low, high] = [&block[..8], &block[8..]]
            .map(|half| half.iter().rev().fold(0_u64, |word, byte| word << 8 | u64::from(*byte)));
        state.mix(low, high);
    }
    if !tail.is_empty() {
        let signed = |half: &[u8]| {
            let byte = |(place, byte): (usize, &u8)| (i64::from(byte.cast_signed()) << (8 * place)).cast_unsigned();
            half.iter().enumerate().map(byte).fold(0, |word, byte| word ^ byte)
        };
        let (low, high) = tail.split_at(tail.len().min(8));
        state.mix(signed(low), signed(high));
    }
    let Murmur { mut h1, mut h2, .. } = state;
    h2 ^= bytes.len() as u64;
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    h1 = finish(h1);
    h2 = finish(h2);
    h1 = h1.wrapping_add(h2);
    (h1 >> 32) as i32
}

struct Murmur {
    h1: u64,
    h2: u64,
    c1: u64,
    c2: u64,
}

impl Murmur {
    fn mix(&mut self, k1: u64, k2: u64) {
        self.h1 ^= k1.wrapping_mul(self.c1).rotate_left(23).wrapping_mul(self.c2);
        self.h1 = self.h1.wrapping_add(self.h2);
        self.h2 = self.h2.rotate_left(41);
        self.h2 ^= k2.wrapping_mul(self.c2).rotate_left(23).wrapping_mul(self.c1);
        self.h2 = self.h2.wrapping_add(self.h1);
        self.h1 = self.h1.wrapping_mul(3).wrapping_add(0x52dc_e729);
        self.h2 = self.h2.wrapping_mul(3).wrapping_add(0x3849_5ab5);
        self.c1 = self.c1.wrapping_mul(5).wrapping_add(0x7b7d_159c);
        self.c2 = self.c2.wrapping_mul(5).wrapping_add(0x6bce_6396);
    }
}

fn finish(mut k: u64) -> u64 {
    k ^= k >> 33;
    k = k.wrapping_mul(0xff51_afd7_ed55_8ccd);
    k ^= k >> 33;
    k = k.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    k ^ k >> 33
}
