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
use crate::source::temporal::{DAY_US, Fraction, push_date, push_time};

/// Deeper than MySQL allows documents to be (100).
const DEPTH_MAX: usize = 128;

/// Binary JSON that is not well formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the binary JSON is not well formed: {0}")]
pub(super) struct BadJson(&'static str);

/// The text of a binary JSON value.
pub(super) fn text(bytes: &[u8]) -> Result<String, BadJson> {
    // The server stores a JSON null of an old row as nothing at all.
    let Some((kind, value)) = bytes.split_first() else { return Ok("null".to_owned()) };
    let mut writer = Writer { text: String::with_capacity(bytes.len() * 2), max: (bytes.len() + 16) * 1024 };
    writer.value(*kind, value, 0)?;
    Ok(writer.text)
}

struct Writer {
    text: String,
    max: usize,
}

impl Writer {
    fn value(&mut self, kind: u8, bytes: &[u8], depth: usize) -> Result<(), BadJson> {
        if depth > DEPTH_MAX || self.text.len() > self.max {
            return Err(BadJson("too deep or too long"));
        }
        match kind {
            0..=3 => return self.container(kind, bytes, depth),
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

    fn container(&mut self, kind: u8, bytes: &[u8], depth: usize) -> Result<(), BadJson> {
        let (object, large) = (kind < 2, kind % 2 == 1);
        let width = if large { 4 } else { 2 };
        let number = |at: usize| -> Result<usize, BadJson> {
            let bytes =
                at.checked_add(width).and_then(|end| bytes.get(at..end)).ok_or(BadJson("a container ends early"))?;
            Ok(bytes.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte)))
        };
        let count = number(0)?;
        let keys = 2 * width;
        let key_entry = width + 2;
        let values = if object { keys + count.saturating_mul(key_entry) } else { keys };
        self.text.push(if object { '{' } else { '[' });
        for index in 0..count {
            if index > 0 {
                self.text.push(',');
            }
            if object {
                let entry = keys + index * key_entry;
                let length = bytes.get(entry + width..entry + width + 2).ok_or(BadJson("a key ends early"))?;
                let length = length.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte));
                let start = number(entry)?;
                let key = bytes.get(start..start.saturating_add(length)).ok_or(BadJson("a key ends early"))?;
                self.string(&String::from_utf8_lossy(key));
                self.text.push(':');
            }
            let entry = values + index * (1 + width);
            let kind = *bytes.get(entry).ok_or(BadJson("a value ends early"))?;
            let inlined = matches!(kind, 4..=6) || large && matches!(kind, 7 | 8);
            let start = if inlined { entry + 1 } else { number(entry + 1)? };
            self.value(kind, bytes.get(start..).ok_or(BadJson("a value ends early"))?, depth + 1)?;
        }
        self.text.push(if object { '}' } else { ']' });
        Ok(())
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
                    let _ = write!(self.text, "\\u{:04x}", u32::from(control));
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
    let (date, clock) = (whole >> 17, whole & 0x1_ffff);
    let seconds = (clock >> 12) * 3600 + (clock >> 6 & 63) * 60 + (clock & 63);
    let micros = i64::try_from(seconds * 1_000_000 + micros).unwrap_or(0);
    let fraction = if micros % 1_000_000 == 0 { Fraction::Digits(0) } else { Fraction::Digits(6) };
    if kind == 11 || kind == 19 {
        push_time(&mut text, if signed < 0 { -micros } else { micros }, fraction);
        return text;
    }
    let month = date >> 5;
    let day = super::decode::day(month / 13, month % 13, date & 31).unwrap_or(0);
    push_date(&mut text, day.into());
    if kind != 10 {
        text.push(' ');
        push_time(&mut text, micros.rem_euclid(DAY_US), fraction);
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
