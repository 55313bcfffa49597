//! MySQL's binary JSON as text, the way Debezium writes it: no white space, members in the order of the log.
//!
//! Owns the format (`json_binary.h` of the server: <https://dev.mysql.com/doc/dev/mysql-server/latest/json__binary_8h.html>)
//! and Debezium's `JsonStringFormatter`. Invariant: malformed input is an error; its text never outgrows a bound.

use std::fmt::Write as _;

use base64::Engine as _;
use bytes::Bytes;

use super::bytes::Cursor;
use super::decode::Cell;
use super::tablemap::Wire;
use crate::source::temporal::{DAY_US, Fraction, push_time};

/// Deeper than MySQL allows documents to be (100).
pub(super) const DEPTH_MAX: usize = 128;

/// Binary JSON that is not well formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the binary JSON is not well formed: {0}")]
pub(super) struct BadJson(pub(super) &'static str);

/// The text of a binary JSON value.
pub(super) fn text(bytes: &[u8]) -> Result<String, BadJson> {
    // The server stores a JSON null of an old row as nothing at all.
    let Some(value) = Binary::of(bytes) else { return Ok("null".to_owned()) };
    let mut writer = Writer::new(bytes.len());
    writer.value(value, 0)?;
    Ok(writer.text)
}

/// A value in binary form.
#[derive(Clone, Copy, Debug)]
pub(super) struct Binary<'a> {
    kind: u8,
    /// Its bytes, and what comes behind them.
    bytes: &'a [u8],
}

impl<'a> Binary<'a> {
    /// The value of a document; `None`: there is none.
    pub(super) fn of(document: &'a [u8]) -> Option<Self> {
        document.split_first().map(|(kind, bytes)| Self { kind: *kind, bytes })
    }

    /// Whether it is an object or an array.
    pub(super) const fn is_container(self) -> bool {
        self.kind < 4
    }
}

/// The values in an object, each with its key, or in an array.
#[derive(Debug)]
pub(super) struct Entries<'a> {
    bytes: &'a [u8],
    /// Whether there are keys.
    pub(super) object: bool,
    large: bool,
    count: usize,
    next: usize,
}

impl<'a> Entries<'a> {
    /// The entries of a container.
    pub(super) fn of(Binary { kind, bytes }: Binary<'a>) -> Result<Self, BadJson> {
        let mut entries = Self { bytes, object: kind < 2, large: kind % 2 == 1, count: 0, next: 0 };
        entries.count = entries.number(0)?;
        Ok(entries)
    }

    const fn width(&self) -> usize {
        if self.large { 4 } else { 2 }
    }

    fn number(&self, at: usize) -> Result<usize, BadJson> {
        let bytes = at.checked_add(self.width()).and_then(|end| self.bytes.get(at..end));
        let bytes = bytes.ok_or(BadJson("a container ends early"))?;
        Ok(bytes.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte)))
    }

    fn entry(&self, index: usize) -> Result<(Option<&'a [u8]>, Binary<'a>), BadJson> {
        let width = self.width();
        let (keys, key_entry) = (2 * width, width + 2);
        let values = if self.object { keys + self.count.saturating_mul(key_entry) } else { keys };
        let key = if self.object { Some(self.key(keys + index * key_entry)?) } else { None };
        let entry = values.saturating_add(index * (1 + width));
        let kind = *self.bytes.get(entry).ok_or(BadJson("a value ends early"))?;
        let inlined = matches!(kind, 4..=6) || self.large && matches!(kind, 7 | 8);
        let start = if inlined { entry + 1 } else { self.number(entry + 1)? };
        Ok((key, Binary { kind, bytes: self.bytes.get(start..).ok_or(BadJson("a value ends early"))? }))
    }

    fn key(&self, entry: usize) -> Result<&'a [u8], BadJson> {
        let early = BadJson("a key ends early");
        let length = entry + self.width();
        let length = self.bytes.get(length..length + 2).ok_or(early)?;
        let length = length.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte));
        let start = self.number(entry)?;
        self.bytes.get(start..start.saturating_add(length)).ok_or(early)
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<(Option<&'a [u8]>, Binary<'a>), BadJson>;

    fn next(&mut self) -> Option<Self::Item> {
        let index = self.next;
        (index < self.count).then(|| {
            self.next += 1;
            self.entry(index)
        })
    }
}

/// Writes values one behind the other.
pub(super) struct Writer {
    pub(super) text: String,
    max: usize,
}

impl Writer {
    /// A writer of documents of about so many bytes.
    pub(super) fn new(bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes * 2), max: (bytes + 16) * 1024 }
    }

    /// Writes a value.
    pub(super) fn value(&mut self, value: Binary<'_>, depth: usize) -> Result<(), BadJson> {
        if depth > DEPTH_MAX || self.text.len() > self.max {
            return Err(BadJson("too deep or too long"));
        }
        let Binary { kind, bytes } = value;
        match kind {
            0..=3 => return self.container(value, depth),
            4 => self.text.push_str(match bytes.first() {
                Some(0) => "null",
                Some(1) => "true",
                Some(2) => "false",
                _ => return Err(BadJson("unknown literal")),
            }),
            5 => self.display(i16::from_le_bytes(array(bytes)?)),
            6 => self.display(u16::from_le_bytes(array(bytes)?)),
            7 => self.display(i32::from_le_bytes(array(bytes)?)),
            8 => self.display(u32::from_le_bytes(array(bytes)?)),
            9 => self.display(i64::from_le_bytes(array(bytes)?)),
            10 => self.display(u64::from_le_bytes(array(bytes)?)),
            11 => self.double(f64::from_le_bytes(array(bytes)?)),
            12 => {
                let (length, data) = variable_length(bytes)?;
                self.string(&String::from_utf8_lossy(data.get(..length).ok_or(BadJson("a string ends early"))?));
            }
            15 => self.opaque(bytes)?,
            _ => return Err(BadJson("unknown type")),
        }
        Ok(())
    }

    fn display(&mut self, value: impl std::fmt::Display) {
        // Writing to a string cannot fail.
        let _ = write!(self.text, "{value}");
    }

    fn container(&mut self, value: Binary<'_>, depth: usize) -> Result<(), BadJson> {
        let entries = Entries::of(value)?;
        let (open, close) = if entries.object { ('{', '}') } else { ('[', ']') };
        self.text.push(open);
        for (index, entry) in entries.enumerate() {
            let (key, value) = entry?;
            self.entry(index, key);
            self.value(value, depth + 1)?;
        }
        self.text.push(close);
        Ok(())
    }

    /// What stands before a container's value: the comma behind the one before, and the key.
    pub(super) fn entry(&mut self, index: usize, key: Option<&[u8]>) {
        if index > 0 {
            self.text.push(',');
        }
        if let Some(key) = key {
            self.string(&String::from_utf8_lossy(key));
            self.text.push(':');
        }
    }

    /// As Java's `Double.toString`, but never with an exponent: then all its digits, as `BigDecimal` has them.
    fn double(&mut self, number: f64) {
        let size = number.abs();
        if size != 0.0 && !(1e-3..1e7).contains(&size) {
            let exact = format!("{number:.1074}");
            self.text.push_str(exact.trim_end_matches('0').trim_end_matches('.'));
        } else {
            let _ = write!(self.text, "{number:?}");
        }
    }

    fn string(&mut self, string: &str) {
        self.text.push('"');
        for character in string.chars() {
            match character {
                '"' => self.text.push_str("\\\""),
                '\\' => self.text.push_str("\\\\"),
                '\u{8}' => self.text.push_str("\\b"),
                '\u{c}' => self.text.push_str("\\f"),
                '\n' => self.text.push_str("\\n"),
                '\r' => self.text.push_str("\\r"),
                '\t' => self.text.push_str("\\t"),
                control if control < ' ' => {
                    let _ = write!(self.text, "\\u{:04X}", u32::from(control));
                }
                other => self.text.push(other),
            }
        }
        self.text.push('"');
    }

    /// A value of a type that JSON does not have.
    fn opaque(&mut self, bytes: &[u8]) -> Result<(), BadJson> {
        let (kind, rest) = bytes.split_first().ok_or(BadJson("a value ends early"))?;
        let (length, data) = variable_length(rest)?;
        let data = data.get(..length).ok_or(BadJson("a value ends early"))?;
        match kind {
            246 => {
                let [precision, scale, digits @ ..] = data else { return Err(BadJson("a decimal ends early")) };
                let cell = Wire::Decimal(*precision, *scale).read(&mut Cursor::new(Bytes::copy_from_slice(digits)));
                match cell {
                    Ok(Cell::Unscaled(number)) => self.text.push_str(&super::form::plain(number, (*scale).into())),
                    Ok(Cell::Digits(digits)) => self.text.push_str(&digits),
                    _ => return Err(BadJson("a decimal ends early")),
                }
            }
            7 | 10 | 11 | 12 | 17..=19 => {
                let moment = packed_time(*kind, u64::from_le_bytes(array(data)?));
                self.string(&moment);
            }
            _ => self.string(&base64::engine::general_purpose::STANDARD.encode(data)),
        }
        Ok(())
    }
}

/// A date or time as the server packs it into 64 bits (`my_time_packed`).
fn packed_time(kind: u8, packed: u64) -> String {
    let mut text = String::with_capacity(26);
    let signed = packed.cast_signed();
    let (whole, micros) = (signed.unsigned_abs() >> 24, signed.unsigned_abs() & 0xff_ffff);
    let is_time = kind == 11 || kind == 19;
    // A time has no date, but more hours than a day.
    let (date, hours) = (whole >> 17, whole >> 12 & if is_time { 0x3ff } else { 0x1f });
    let seconds = hours * 3600 + (whole >> 6 & 63) * 60 + (whole & 63);
    let micros = i64::try_from(seconds * 1_000_000 + micros).unwrap_or(0);
    if is_time {
        push_time(&mut text, if signed < 0 { -micros } else { micros }, Fraction::AsNeeded);
        return text;
    }
    // As they are: there need not be such a day. Writing to a string cannot fail.
    let month = date >> 5;
    let _ = write!(text, "{:04}-{:02}-{:02}", month / 13, month % 13, date & 31);
    if kind != 10 {
        text.push(' ');
        push_time(&mut text, micros.rem_euclid(DAY_US), Fraction::AsNeeded);
    }
    text
}

fn array<const N: usize>(bytes: &[u8]) -> Result<[u8; N], BadJson> {
    bytes.first_chunk().copied().ok_or(BadJson("a number ends early"))
}

/// A length in groups of seven bits, the lowest first, and what stands behind it.
fn variable_length(bytes: &[u8]) -> Result<(usize, &[u8]), BadJson> {
    let mut length = 0_usize;
    for (index, byte) in bytes.iter().take(5).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok((length, bytes.get(index + 1..).unwrap_or_default()));
        }
    }
    Err(BadJson("a length does not end"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn writes_documents_as_debezium_does() {
        // {"a": 1, "b": [true, "x"]} as MySQL stores it.
        let object = [
            0, 2, 0, 37, 0, 18, 0, 1, 0, 19, 0, 1, 0, 5, 1, 0, 2, 20, 0, b'a', b'b', 2, 0, 12, 0, 4, 1, 0, 12, 10, 0,
            1, b'x',
        ];
        assert_eq!(text(&object).unwrap(), r#"{"a":1,"b":[true,"x"]}"#);
        assert_eq!(text(&[]).unwrap(), "null");
        assert_eq!(text(&[12, 4, b'\t', b'"', 1, b'/']).unwrap(), r#""\t\"\u0001/""#);
    }

    #[test]
    fn writes_doubles_as_java_does() {
        let double = |number: f64| text(&[&[11][..], &number.to_le_bytes()].concat()).unwrap();
        assert_eq!(double(2.5), "2.5");
        assert_eq!(double(1.0), "1.0");
        assert_eq!(double(0.1), "0.1");
        assert_eq!(double(12_345_678.0), "12345678");
        assert!(
            double(1e100).starts_with("10000000000000000159028911097599180468360808563945281389781327557747838772")
        );
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..128)) {
            let _ = text(&bytes);
        }

        #[test]
        fn containers_never_panic(kind in 0..4_u8, bytes in proptest::collection::vec(0..40_u8, 0..64)) {
            let _ = text(&[&[kind][..], &bytes].concat());
        }
    }
}
