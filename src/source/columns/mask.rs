//! What becomes of the values of a masked or truncated column.
//!
//! Follows Debezium's `MaskStrings` and `TruncateColumn`. Knows no names and no tables. Invariant: of a value that a mask
//! is meant for nothing comes through, whatever its type.

use std::sync::Arc;

use sha2::digest::Digest;

use crate::data::{Text, Value};

/// The hash functions of `column.mask.hash.…`, by the names of Java's `MessageDigest`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

impl Algorithm {
    /// Their names, for messages.
    pub(super) const NAMES: &'static str = "MD5, SHA-1, SHA-224, SHA-256, SHA-384, SHA-512";

    /// The algorithm of that name, whatever its case.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_uppercase().as_str() {
            "MD5" => Self::Md5,
            "SHA" | "SHA1" | "SHA-1" => Self::Sha1,
            "SHA-224" => Self::Sha224,
            "SHA-256" => Self::Sha256,
            "SHA-384" => Self::Sha384,
            "SHA-512" => Self::Sha512,
            _ => return None,
        })
    }
}

/// What of a value is hashed, behind the salt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hashed {
    /// `column.mask.hash.…`: the text as Java serialises a `String`.
    Serialized,
    /// `column.mask.hash.v2.…`: the text in UTF-8.
    Plain,
}

/// A salted hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hash {
    pub(super) algorithm: Algorithm,
    pub(super) salt: Arc<str>,
    pub(super) hashed: Hashed,
}

impl Hash {
    /// The hash of a text, in hexadecimal digits.
    fn of(&self, text: &str) -> String {
        let serialized;
        let bytes = match self.hashed {
            Hashed::Plain => text.as_bytes(),
            Hashed::Serialized => {
                serialized = java_serialized(text);
                &serialized
            }
        };
        let parts = [self.salt.as_bytes(), bytes];
        match self.algorithm {
            Algorithm::Md5 => hex::<md5::Md5>(parts),
            Algorithm::Sha1 => hex::<sha1::Sha1>(parts),
            Algorithm::Sha224 => hex::<sha2::Sha224>(parts),
            Algorithm::Sha256 => hex::<sha2::Sha256>(parts),
            Algorithm::Sha384 => hex::<sha2::Sha384>(parts),
            Algorithm::Sha512 => hex::<sha2::Sha512>(parts),
        }
    }
}

fn hex<D: Digest>(parts: [&[u8]; 2]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut digest = D::new();
    for part in parts {
        digest.update(part);
    }
    let nibbles = digest.finalize().into_iter().flat_map(|byte| [byte >> 4, byte & 15]);
    nibbles.filter_map(|nibble| DIGITS.get(usize::from(nibble))).map(|digit| char::from(*digit)).collect()
}

/// A `String` as Java's `ObjectOutputStream` writes it
/// (<https://docs.oracle.com/en/java/javase/17/docs/specs/serialization/protocol.html>): the stream's header, the tag, the
/// length, and the text in Java's modified UTF-8, where zero has two bytes and what is beyond the basic plane has six.
fn java_serialized(text: &str) -> Vec<u8> {
    let mut modified = Vec::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\0' => modified.extend([0xc0, 0x80]),
            '\u{10000}'.. => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let [high, low] = unit.to_be_bytes();
                    modified.extend([0xe0 | high >> 4, 0x80 | (high & 15) << 2 | low >> 6, 0x80 | (low & 0x3f)]);
                }
            }
            _ => modified.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    let mut stream = vec![0xac, 0xed, 0x00, 0x05];
    if let Ok(length) = u16::try_from(modified.len()) {
        stream.push(0x74);
        stream.extend(length.to_be_bytes());
    } else {
        stream.push(0x7c);
        stream.extend((modified.len() as u64).to_be_bytes());
    }
    stream.extend(modified);
    stream
}

/// What is done to each value of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Masker {
    /// `column.mask.with.N.chars`: the same text for all of them, null too.
    Constant(Text),
    /// `column.mask.hash.…`, cut to so many characters if the column has a length.
    Hash(Hash, Option<usize>),
    /// `column.truncate.to.N.chars`: text and bytes keep so many characters or bytes of their beginning.
    Truncate(usize),
}

impl Masker {
    /// Changes a value.
    pub(super) fn apply(&self, value: &mut Value) {
        let masked = match (self, &*value) {
            (Self::Constant(mask), _) => Value::Text(mask.clone()),
            (Self::Hash(hash, length), Value::Text(text)) => {
                let mut hashed = hash.of(text.as_str());
                hashed.truncate(length.unwrap_or(usize::MAX));
                Value::text(hashed)
            }
            (Self::Hash(..), _) => Value::Null,
            (Self::Truncate(length), Value::Text(text)) if text.as_str().len() > *length => {
                Value::text(beginning(text.as_str(), *length))
            }
            (Self::Truncate(length), Value::Bytes(bytes)) if bytes.len() > *length => {
                Value::Bytes(bytes.slice(..*length))
            }
            (Self::Truncate(_), _) => return,
        };
        *value = masked;
    }
}

/// So many of Java's characters of a text's beginning. One that Java would cut in two is left out: half of it is no text.
fn beginning(text: &str, length: usize) -> &str {
    let mut units = 0;
    let beyond = text.char_indices().find(|(_, c)| {
        units += c.len_utf16();
        units > length
    });
    beyond.map_or(text, |(end, _)| text.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(masker: &Masker, text: &str) -> Value {
        let mut value = Value::text(text);
        masker.apply(&mut value);
        value
    }

    /// The values of Debezium's own `MaskStringsTest`.
    #[test]
    fn hashes_as_debezium_does() {
        let cases = [
            (Algorithm::Sha256, Hashed::Serialized, "af5843a0f0e728ab0332c8888b6e1190bfb79e584f0d40538de8f10df6ef29c6"),
            (Algorithm::Sha256, Hashed::Plain, "cd31b3b98ece60cb739c0bf770b2de892ae0ad133f645513c3d83f08757a843a"),
            (Algorithm::Md5, Hashed::Serialized, "46f48a7a5ea32efba87cbff49d46d35a"),
            (Algorithm::Md5, Hashed::Plain, "06decc8b095724f80103712c235586be"),
        ];
        for (algorithm, hashed, expected) in cases {
            let hash = Hash { algorithm, salt: "salt".into(), hashed };
            assert_eq!(masked(&Masker::Hash(hash.clone(), None), "hello"), Value::text(expected));
            assert_eq!(masked(&Masker::Hash(hash, Some(20)), "hello"), Value::text(&expected[..20]));
        }
    }

    #[test]
    fn every_algorithm_is_found_by_its_name() {
        for name in Algorithm::NAMES.split(", ") {
            let algorithm = Algorithm::named(&name.to_lowercase()).unwrap();
            let hash = Hash { algorithm, salt: "".into(), hashed: Hashed::Plain };
            let digits = match name {
                "MD5" => 32,
                "SHA-1" => 40,
                bits => bits[4..].parse::<usize>().unwrap() / 4,
            };
            assert_eq!(hash.of("a").len(), digits, "{name}");
        }
        assert_eq!(Algorithm::named("SHA-257"), None);
    }

    #[test]
    fn strings_are_serialised_as_java_does() {
        let header = [0xac, 0xed, 0x00, 0x05, 0x74];
        assert_eq!(java_serialized("aé漢"), [&header[..], b"\0\x06a\xc3\xa9\xe6\xbc\xa2"].concat());
        assert_eq!(java_serialized("\0😀"), [&header[..], b"\0\x08\xc0\x80\xed\xa0\xbd\xed\xb8\x80"].concat());
        let long = java_serialized(&"x".repeat(65_536));
        assert_eq!(long[..13], [0xac, 0xed, 0x00, 0x05, 0x7c, 0, 0, 0, 0, 0, 1, 0, 0]);
        assert_eq!(long.len(), 13 + 65_536);
    }

    #[test]
    fn truncates_by_javas_characters() {
        let to = Masker::Truncate;
        assert_eq!(masked(&to(3), "sally@acme.com"), Value::text("sal"));
        assert_eq!(masked(&to(3), "sal"), Value::text("sal"));
        assert_eq!(masked(&to(0), "sal"), Value::text(""));
        assert_eq!(masked(&to(2), "éüß"), Value::text("éü"));
        assert_eq!(masked(&to(3), "a😀b"), Value::text("a😀"));
        assert_eq!(masked(&to(2), "a😀b"), Value::text("a"));
        let mut bytes = Value::Bytes(vec![1, 2, 3].into());
        to(2).apply(&mut bytes);
        assert_eq!(bytes, Value::Bytes(vec![1, 2].into()));
        let mut number = Value::Int32(12_345);
        to(2).apply(&mut number);
        assert_eq!(number, Value::Int32(12_345));
    }

    #[test]
    fn a_constant_hides_null_and_a_hash_does_not() {
        let (mut constant, mut hashed) = (Value::Null, Value::Null);
        Masker::Constant("**".into()).apply(&mut constant);
        let hash = Hash { algorithm: Algorithm::Md5, salt: "".into(), hashed: Hashed::Plain };
        Masker::Hash(hash, None).apply(&mut hashed);
        assert_eq!((constant, hashed), (Value::text("**"), Value::Null));
    }
}
