//! Names as Avro takes them: Debezium's `schema.name.adjustment.mode` and `field.name.adjustment.mode`.
//!
//! Follows `io.debezium.schema.SchemaNameAdjuster` and its replacement functions, which judge a name by Java's characters:
//! one outside the basic plane counts as two. Debezium warns, and no more, when two schemas get the same name; so does
//! nobody here. Two fields of one struct with the same name are an error, as there (the sources find it).

use std::borrow::Cow;
use std::fmt::Write as _;

use super::Reader;

/// How names are adjusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum NameAdjustment {
    /// Not at all.
    #[default]
    None,
    /// What Avro does not take becomes `_`.
    Avro,
    /// What Avro does not take, and `_` itself, becomes `_u` and the character's number in hexadecimal digits.
    AvroUnicode,
}

impl NameAdjustment {
    /// What the keys take.
    pub const NAMES: &'static [&'static str] = &["none", "avro", "avro_unicode"];

    /// Reads one of the two keys.
    pub fn read(reader: &mut Reader<'_>, key: &'static str) -> Self {
        match reader.choice(key).as_str() {
            "avro" => Self::Avro,
            "avro_unicode" => Self::AvroUnicode,
            _ => Self::None,
        }
    }

    /// The name of a schema; dots separate its parts.
    #[must_use]
    pub fn schema(self, name: &str) -> Cow<'_, str> {
        self.adjust(name, true)
    }

    /// The name of a field.
    #[must_use]
    pub fn field(self, name: &str) -> Cow<'_, str> {
        self.adjust(name, false)
    }

    fn adjust(self, name: &str, dots: bool) -> Cow<'_, str> {
        let valid = |place: usize, c: char| {
            c.is_ascii_alphabetic()
                || (c == '_' && self != Self::AvroUnicode)
                || (place > 0 && (c.is_ascii_digit() || (dots && c == '.')))
        };
        if self == Self::None || name.char_indices().all(|(place, c)| valid(place, c)) {
            return Cow::Borrowed(name);
        }
        let mut adjusted = String::with_capacity(name.len() + 8);
        for (place, c) in name.char_indices() {
            match self {
                _ if valid(place, c) => adjusted.push(c),
                Self::AvroUnicode => escape(c, &mut adjusted),
                Self::None | Self::Avro => (0..c.len_utf16()).for_each(|_| adjusted.push('_')),
            }
            // The digit is kept behind its replacement, so that names that differ only there stay apart.
            if self == Self::Avro && place == 0 && c.is_ascii_digit() {
                adjusted.push(c);
            }
        }
        Cow::Owned(adjusted)
    }
}

/// `_u` and the hexadecimal digits of each of Java's characters; Debezium pads to four only what has one or two digits, with
/// two zeros.
pub fn escape(c: char, adjusted: &mut String) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        let zeros = if *unit < 0x100 { "00" } else { "" };
        // Writing to a string cannot fail.
        let _ = write!(adjusted, "_u{zeros}{unit:x}");
    }
}

#[cfg(test)]
mod tests {
    use super::NameAdjustment::{Avro, AvroUnicode, None};

    #[test]
    fn none_changes_nothing() {
        assert_eq!(None.schema("1-a.ü").as_ref(), "1-a.ü");
        assert_eq!(None.field("1-a.ü").as_ref(), "1-a.ü");
    }

    /// The first, and `Some Col`, are of the recording `pg_avro`.
    #[test]
    fn avro() {
        let adjusted = Avro.schema("pg_avro-apicurio_confluent.inv.Mixed_Case.Key");
        assert_eq!(adjusted, "pg_avro_apicurio_confluent.inv.Mixed_Case.Key");
        assert_eq!(Avro.schema("a.b_C.D9"), "a.b_C.D9");
        assert_eq!(Avro.schema("9a"), "_9a");
        assert_eq!(Avro.schema("-a"), "_a");
        assert_eq!(Avro.schema(".a"), "_a");
        assert_eq!(Avro.field("Some Col"), "Some_Col");
        assert_eq!(Avro.field("a.b"), "a_b");
        assert_eq!(Avro.field("1"), "_1");
        assert_eq!(Avro.field("😀é"), "___");
        assert_eq!(Avro.field(""), "");
    }

    #[test]
    fn avro_unicode() {
        assert_eq!(AvroUnicode.schema("test-server_a.t"), "test_u002dserver_u005fa.t");
        assert_eq!(AvroUnicode.field("1a.b"), "_u0031a_u002eb");
        assert_eq!(AvroUnicode.field("\té"), "_u009_u00e9");
        assert_eq!(AvroUnicode.field("ğ"), "_u11f");
        assert_eq!(AvroUnicode.field("漢😀"), "_u6f22_ud83d_ude00");
    }
}
