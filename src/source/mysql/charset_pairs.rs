//! Character sets of several bytes of which the web's namesakes have a few other characters: those are here, as the server
//! maps them (`CONVERT(… USING …)` of MySQL 9.7); the rest is the web's.

use bytes::Bytes;
use encoding_rs::Encoding;

use crate::data::Text;

/// A set of several bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pairs {
    encoding: &'static Encoding,
    /// Characters of the codes from these on, in order of the codes.
    own: &'static [(u32, &'static str)],
    shape: Shape,
}

/// How long a character is, by its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// Two bytes.
    Two,
    /// Two bytes, or four.
    Gb18030,
    /// Two bytes, or one of half-width kana.
    Sjis,
    /// Two bytes, or three behind 8F. Both end in an area for users' own characters, which the web does not know.
    Euc,
}

/// The sets by name.
static SETS: &[(&str, Pairs)] = &[
    ("big5", Pairs { encoding: encoding_rs::BIG5, own: BIG5, shape: Shape::Two }),
    ("eucjpms", Pairs { encoding: encoding_rs::EUC_JP, own: EUCJPMS, shape: Shape::Euc }),
    ("gb18030", Pairs { encoding: encoding_rs::GB18030, own: GB18030, shape: Shape::Gb18030 }),
    ("gb2312", Pairs { encoding: encoding_rs::GBK, own: GB2312, shape: Shape::Two }),
    ("sjis", Pairs { encoding: encoding_rs::SHIFT_JIS, own: SJIS, shape: Shape::Sjis }),
    ("ujis", Pairs { encoding: encoding_rs::EUC_JP, own: UJIS, shape: Shape::Euc }),
];

impl Pairs {
    /// The set of that name.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        SETS.iter().find(|(known, _)| *known == name).map(|(_, pairs)| pairs)
    }

    /// The text of these bytes.
    pub(super) fn text(&self, bytes: &Bytes) -> Text {
        if bytes.is_ascii()
            && let Ok(text) = Text::from_utf8(bytes.clone())
        {
            return text;
        }
        let mut text = String::with_capacity(bytes.len());
        // What was passed and is the web's to decode.
        let (mut begin, mut at) = (0, 0);
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let length = self.length(rest);
            if let Some(own) = rest.get(..length).and_then(|character| self.own(character)) {
                self.decode(bytes.get(begin..at), &mut text);
                text.push(own);
                begin = at + length;
            }
            at += length;
        }
        self.decode(bytes.get(begin..), &mut text);
        Text::from(text)
    }

    fn decode(&self, bytes: Option<&[u8]>, text: &mut String) {
        text.push_str(&self.encoding.decode_without_bom_handling(bytes.unwrap_or_default()).0);
    }

    fn length(&self, bytes: &[u8]) -> usize {
        match (self.shape, bytes) {
            (_, [..0x80, ..]) | (Shape::Sjis, [0xa1..=0xdf, ..]) => 1,
            (Shape::Gb18030, [_, b'0'..=b'9', ..]) => 4,
            (Shape::Euc, [0x8f, ..]) => 3,
            _ => 2,
        }
    }

    /// The character that is not the web's.
    fn own(&self, character: &[u8]) -> Option<char> {
        match (self.shape, character) {
            (Shape::Euc, [lead @ 0xf5..=0xfe, trail @ 0xa1..=0xfe]) => user_defined(0xe000, *lead, *trail),
            (Shape::Euc, [0x8f, lead @ 0xf5..=0xfe, trail @ 0xa1..=0xfe]) => user_defined(0xe3ac, *lead, *trail),
            (_, [_, _] | [_, _, _]) => {
                let code = character.iter().fold(0, |code, byte| code << 8 | u32::from(*byte));
                let run = self.own.partition_point(|(first, _)| *first <= code).checked_sub(1)?;
                let (first, characters) = self.own.get(run)?;
                characters.chars().nth(usize::try_from(code - first).ok()?)
            }
            _ => None,
        }
    }
}

/// A character of the private area, by the row and cell of EUC.
fn user_defined(first: u32, lead: u8, trail: u8) -> Option<char> {
    char::from_u32(first + u32::from(lead - 0xf5) * 94 + u32::from(trail - 0xa1))
}

/// `big5`.
const BIG5: &[(u32, &str)] = &[
    (0xa145, "•"),
    (0xa14e, "､"),
    (0xa1c2, "‾"),
    (0xa1e3, "∼"),
    (0xa1f2, "♁☉"),
    (0xa241, "／＼"),
    (0xa244, "¥"),
    (0xa246, "¢£"),
    (
        0xc6a1,
        "ヾゝゞ々ぁあぃいぅうぇえぉおかがきぎくぐけげこごさざしじすずせぜそぞただちぢっつづてでとどなにぬねのはばぱひびぴふぶぷへべぺほぼぽまみむめもゃやゅゆょよらりるれ\
         ろゎわゐゑをんァアィイゥウェ",
    ),
    (
        0xc740,
        "エォオカガキギクグケゲコゴサザシジスズセゼソゾタダチヂッツヅテデトドナニヌネノハバパヒビピフブプヘベペホボポマミムメモャヤュユ",
    ),
    (
        0xc7a1,
        "ョヨラリルレロヮワヰヱヲンヴヵヶДЕЁЖЗИЙКЛМУФХЦЧШЩЪЫЬЭЮЯабвгдеёжзийклмнопрстуфхцчшщъыьэюя①②③④⑤⑥⑦⑧\
         ⑨⑩⑴⑵⑶⑷⑸⑹⑺⑻⑼⑽",
    ),
];

/// `eucjpms`.
const EUCJPMS: &[(u32, &str)] = &[
    (0x008f_a2c3, "￤"),
    (0x008f_a2f1, "№"),
    (0x008f_f3f3, "ⅰⅱⅲⅳⅴⅵⅶⅷⅸⅹⅠⅡ"),
    (
        0x008f_f4a1,
        "ⅢⅣⅤⅥⅦⅧⅨⅩ＇＂㈱№℡炻仼僴凬匇匤\u{fa0e}咊坙\u{fa0f}\u{fa10}增寬峵嵓\u{fa11}德悅愠敎昻晥\u{fa12}\u{f929}栁\
         \u{fa13}\u{fa14}橫櫢淸淲瀨\u{fa15}\u{fa16}甁皂皞\u{fa17}礰\u{fa18}\u{fa19}\u{fa1a}\
         \u{fa1b}竧\u{fa1c}\u{fa1d}綠緖\u{fa1e}荢\u{fa1f}薰\u{fa20}\u{fa21}蠇\u{fa22}譿賴赶\
         \u{fa23}\u{fa24}\u{fa25}郞\u{fa26}鄕\u{fa27}\u{fa28}閒\u{f9dc}\u{fa29}霻靍靑\u{fa2a}\
         \u{fa2b}\u{fa2c}馞髙魲\u{fa2d}黑",
    ),
];

/// `gb18030`.
const GB18030: &[(u32, &str)] = &[
    (0xa3a0, "\u{e5e5}"),
    (0xa6d9, "\u{e78d}\u{e78e}\u{e78f}\u{e790}\u{e791}\u{e792}\u{e793}"),
    (0xa6ec, "\u{e794}\u{e795}"),
    (0xa6f3, "\u{e796}"),
    (0xfe59, "\u{e81e}"),
    (0xfe61, "\u{e826}"),
    (0xfe66, "\u{e82b}\u{e82c}"),
    (0xfe6d, "\u{e832}"),
    (0xfe7e, "\u{e843}"),
    (0xfe90, "\u{e854}"),
    (0xfea0, "\u{e864}"),
];

/// `gb2312`.
const GB2312: &[(u32, &str)] = &[(0xa1a4, "・"), (0xa1aa, "―")];

/// `sjis`.
const SJIS: &[(u32, &str)] = &[(0x815f, "\\〜‖"), (0x817c, "−"), (0x8191, "¢£"), (0x81ca, "¬")];

/// `ujis`.
const UJIS: &[(u32, &str)] = &[(0xa1c0, "\\〜‖"), (0xa1dd, "−"), (0xa1f1, "¢£"), (0xa2cc, "¬"), (0x008f_a2b7, "~")];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(name: &str, bytes: &[u8]) -> String {
        Pairs::named(name).unwrap().text(&Bytes::copy_from_slice(bytes)).as_str().to_owned()
    }

    #[test]
    fn has_the_servers_characters_among_the_webs() {
        assert_eq!(text("sjis", b"a\x81\x5f\x93\xfa\xb1\x81\x91b"), "a\\日ｱ¢b");
        assert_eq!(text("big5", b"\xa4\xa4\xc6\xaa"), "中う");
        assert_eq!(text("eucjpms", b"\x8f\xf4\xac"), "№");
        assert_eq!(text("ujis", b"\xf5\xa1\x8f\xf5\xa2\xa4\xa2\xa1\xc0"), "\u{e000}\u{e3ad}あ\\");
        assert_eq!(text("gb18030", b"\xa6\xd9\x81\x30\x81\x30\xd6\xd0"), "\u{e78d}\u{80}中");
        assert_eq!(text("gb2312", b"\xa1\xa4\xa1"), "・\u{fffd}");
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..24)) {
            for (name, _) in SETS {
                let _ = text(name, &bytes);
            }
        }
    }
}
