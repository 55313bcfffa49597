//! Character sets: how a column's bytes become text.
//!
//! Owns the names and collation ids of MySQL's character sets; knows no columns and no events. Invariant: a set without
//! an exact decoder is refused by name, never guessed.

use bytes::Bytes;
use encoding_rs::Encoding;

use super::charset_pairs::Pairs;
use super::charset_tables::Table;
use crate::data::Text;

/// How the bytes of a text column are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Charset {
    /// `utf8mb4`, `utf8mb3`, `ascii`: the bytes are the text.
    Utf8,
    /// `binary`: there is no text.
    Binary,
    /// A set that has one of the web's encodings.
    Other(&'static Encoding),
    /// One of a byte a character that the web does not have.
    Table(&'static Table),
    /// One of several bytes a character of which the web has a variant.
    Pairs(&'static Pairs),
    /// `utf32`: four bytes a character, big-endian.
    Utf32,
}

/// First and last ids of collations, and their set: `information_schema.COLLATIONS` of MySQL 9.7, and MariaDB's
/// `uca1400` collations.
const COLLATIONS: &[(u64, u64, &str)] = &[
    (1, 1, "big5"),
    (2, 2, "latin2"),
    (3, 3, "dec8"),
    (4, 4, "cp850"),
    (5, 5, "latin1"),
    (6, 6, "hp8"),
    (7, 7, "koi8r"),
    (8, 8, "latin1"),
    (9, 9, "latin2"),
    (10, 10, "swe7"),
    (11, 11, "ascii"),
    (12, 12, "ujis"),
    (13, 13, "sjis"),
    (14, 14, "cp1251"),
    (15, 15, "latin1"),
    (16, 16, "hebrew"),
    (18, 18, "tis620"),
    (19, 19, "euckr"),
    (20, 20, "latin7"),
    (21, 21, "latin2"),
    (22, 22, "koi8u"),
    (23, 23, "cp1251"),
    (24, 24, "gb2312"),
    (25, 25, "greek"),
    (26, 26, "cp1250"),
    (27, 27, "latin2"),
    (28, 28, "gbk"),
    (29, 29, "cp1257"),
    (30, 30, "latin5"),
    (31, 31, "latin1"),
    (32, 32, "armscii8"),
    (33, 33, "utf8mb3"),
    (34, 34, "cp1250"),
    (35, 35, "ucs2"),
    (36, 36, "cp866"),
    (37, 37, "keybcs2"),
    (38, 38, "macce"),
    (39, 39, "macroman"),
    (40, 40, "cp852"),
    (41, 42, "latin7"),
    (43, 43, "macce"),
    (44, 44, "cp1250"),
    (45, 46, "utf8mb4"),
    (47, 49, "latin1"),
    (50, 52, "cp1251"),
    (53, 53, "macroman"),
    (54, 55, "utf16"),
    (56, 56, "utf16le"),
    (57, 57, "cp1256"),
    (58, 59, "cp1257"),
    (60, 61, "utf32"),
    (62, 62, "utf16le"),
    (63, 63, "binary"),
    (64, 64, "armscii8"),
    (65, 65, "ascii"),
    (66, 66, "cp1250"),
    (67, 67, "cp1256"),
    (68, 68, "cp866"),
    (69, 69, "dec8"),
    (70, 70, "greek"),
    (71, 71, "hebrew"),
    (72, 72, "hp8"),
    (73, 73, "keybcs2"),
    (74, 74, "koi8r"),
    (75, 75, "koi8u"),
    (76, 76, "utf8mb3"),
    (77, 77, "latin2"),
    (78, 78, "latin5"),
    (79, 79, "latin7"),
    (80, 80, "cp850"),
    (81, 81, "cp852"),
    (82, 82, "swe7"),
    (83, 83, "utf8mb3"),
    (84, 84, "big5"),
    (85, 85, "euckr"),
    (86, 86, "gb2312"),
    (87, 87, "gbk"),
    (88, 88, "sjis"),
    (89, 89, "tis620"),
    (90, 90, "ucs2"),
    (91, 91, "ujis"),
    (92, 93, "geostd8"),
    (94, 94, "latin1"),
    (95, 96, "cp932"),
    (97, 98, "eucjpms"),
    (99, 99, "cp1250"),
    (101, 124, "utf16"),
    (128, 159, "ucs2"),
    (160, 183, "utf32"),
    (192, 223, "utf8mb3"),
    (224, 247, "utf8mb4"),
    (248, 250, "gb18030"),
    (255, 323, "utf8mb4"),
    (576, 578, "utf8mb3"),
    (608, 610, "utf8mb4"),
    (640, 642, "ucs2"),
    (672, 674, "utf16"),
    (736, 738, "utf32"),
    (1025, 1103, "latin1"),
    (2048, 2303, "utf8mb3"),
    (2304, 2559, "utf8mb4"),
    (2560, 2815, "ucs2"),
    (2816, 3071, "utf16"),
    (3072, 3327, "utf32"),
];

impl Charset {
    /// The set of that name; `None` if it has no exact decoder.
    pub(super) fn named(name: &str) -> Option<Self> {
        let encoding = match name.to_ascii_lowercase().as_str() {
            "utf8mb4" | "utf8mb3" | "utf8" | "ascii" => return Some(Self::Utf8),
            "binary" => return Some(Self::Binary),
            "utf32" => return Some(Self::Utf32),
            // MySQL's latin1 is Windows' code page, with control characters where that has holes: as the web has it.
            "latin1" => encoding_rs::WINDOWS_1252,
            "latin2" => encoding_rs::ISO_8859_2,
            "latin7" => encoding_rs::ISO_8859_13,
            "cp1250" => encoding_rs::WINDOWS_1250,
            "cp1251" => encoding_rs::WINDOWS_1251,
            "cp1256" => encoding_rs::WINDOWS_1256,
            "cp1257" => encoding_rs::WINDOWS_1257,
            "koi8r" => encoding_rs::KOI8_R,
            "macroman" => encoding_rs::MACINTOSH,
            "gbk" => encoding_rs::GBK,
            "cp932" => encoding_rs::SHIFT_JIS,
            "euckr" => encoding_rs::EUC_KR,
            "ucs2" | "utf16" => encoding_rs::UTF_16BE,
            "utf16le" => encoding_rs::UTF_16LE,
            other => {
                return Table::named(other).map(Self::Table).or_else(|| Pairs::named(other).map(Self::Pairs));
            }
        };
        Some(Self::Other(encoding))
    }

    /// The text of a value's bytes. What is no text in this set becomes U+FFFD, as in Java.
    pub(super) fn text(self, bytes: &Bytes) -> Text {
        match self {
            Self::Utf8 | Self::Binary => match Text::from_utf8(bytes.clone()) {
                Ok(text) => text,
                Err(_) => Text::from(String::from_utf8_lossy(bytes).into_owned()),
            },
            Self::Other(encoding) => Text::from(encoding.decode_without_bom_handling(bytes).0.into_owned()),
            Self::Table(table) => table.text(bytes),
            Self::Pairs(pairs) => pairs.text(bytes),
            Self::Utf32 => {
                let character = |four: &[u8]| {
                    let number = four.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
                    char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER)
                };
                Text::from(bytes.chunks(4).map(character).collect::<String>())
            }
        }
    }
}

/// The name of a collation's character set.
pub(super) fn of_collation(id: u64) -> Option<&'static str> {
    let found = COLLATIONS.partition_point(|(first, ..)| *first <= id).checked_sub(1);
    let (_, last, name) = found.and_then(|at| COLLATIONS.get(at))?;
    (id <= *last).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str, bytes: &'static [u8]) -> String {
        Charset::named(name).unwrap().text(&Bytes::from_static(bytes)).as_str().to_owned()
    }

    #[test]
    fn decodes_each_family() {
        assert_eq!(text("utf8mb4", "é😀".as_bytes()), "é😀");
        assert_eq!(text("latin1", b"caf\xe9 \x80"), "café €");
        assert_eq!(text("sjis", b"\x93\xfa\x96\x7b"), "日本");
        assert_eq!(text("gbk", b"\xd6\xd0"), "中");
        assert_eq!(text("ucs2", b"\x00a\x20\xac"), "a€");
        assert_eq!(text("utf32", b"\x00\x01\xf6\x00"), "😀");
        assert_eq!(text("utf8mb4", b"a\xff"), "a\u{fffd}");
        assert_eq!(text("cp852", b"\xfb\x88a"), "űła");
        assert_eq!(text("swe7", b"sm|r}s"), "smörås");
        assert_eq!(text("dec8", b"a\xa4\x80"), "a\u{fffd}\u{80}");
        assert_eq!(Charset::named("no such set"), None);
    }

    #[test]
    fn knows_the_collations() {
        assert_eq!(of_collation(8), Some("latin1"));
        assert_eq!(of_collation(45), Some("utf8mb4"));
        assert_eq!(of_collation(255), Some("utf8mb4"));
        assert_eq!(of_collation(63), Some("binary"));
        assert_eq!(of_collation(17), None);
        assert_eq!(of_collation(u64::MAX), None);
        assert!(COLLATIONS.windows(2).all(|pair| pair[0].1 < pair[1].0));
    }
}
