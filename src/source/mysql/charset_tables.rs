//! Character sets of one byte that the web does not have, or has with other characters, as the server maps them
//! (`CONVERT(… USING …)` of MySQL 9.7).

use std::sync::LazyLock;

use bytes::Bytes;

use crate::data::Text;

/// What each byte means.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Table {
    characters: [char; 256],
    /// Whether the first half is ASCII.
    ascii: bool,
}

/// The sets: their names, the first byte that does not mean itself, and the characters from there on. Bytes behind them, and
/// those of U+FFFD, mean nothing.
const SETS: &[(&str, u8, &str)] = &[
    (
        "armscii8",
        0xa0,
        "\u{a0}❁§։)(»«—.՝,-՟…՜՛՞ԱաԲբԳգԴդԵեԶզԷէԸըԹթԺժԻիԼլԽխԾծԿկՀհՁձՂղՃճՄմՅյՆնՇշՈոՉչՊպՋջՌռՍսՎվՏտՐրՑցՒ\
         ւՓփՔքՕօՖֆ’'",
    ),
    (
        "cp850",
        0x80,
        "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘\
         ┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u{ad}±‗¾¶§÷¸°¨·¹³²■\u{a0}",
    ),
    (
        "cp852",
        0x80,
        "ÇüéâäůćçłëŐőîŹÄĆÉĹĺôöĽľŚśÖÜŤťŁ×čáíóúĄąŽžĘę¬źČş«»░▒▓│┤ÁÂĚŞ╣║╗╝Żż┐└┴┬├─┼Ăă╚╔╩╦╠═╬¤đĐĎËďŇÍÎě┘\
         ┌█▄ŢŮ▀ÓßÔŃńňŠšŔÚŕŰýÝţ´\u{ad}˝˛ˇ˘§÷¸°¨˙űŘř■\u{a0}",
    ),
    (
        "cp866",
        0x80,
        "АБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯабвгдежзийклмноп░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘\
         ┌█▄▌▐▀рстуфхцчшщъыьэюяЁёЄєЇїЎў°∙·√ⁿ²■\u{a0}",
    ),
    (
        "dec8",
        0xa0,
        "\u{a0}¡¢£�¥�§¤©ª«����°±²³�µ¶·�¹º»¼\
         ½�¿ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏ�ÑÒÓÔÕÖŒØÙÚÛÜŸ�ßàáâãäåæçèéêëìíîï�ñòóôõöœøùú\
         ûüÿ",
    ),
    (
        "geostd8",
        0x80,
        "€�‚�„…†‡�‰�‹�����‘’“”•–—\
         ���›����\u{a0}¡¢£¤¥¦§¨©ª«¬\u{ad}®¯°±²³´µ¶\
         ·¸¹º»¼½¾¿აბგდევზჱთიკლმნჲოპჟრსტჳუფქღყშჩცძწჭხჴჯჰჵ�����\
         �����������\
         �������№",
    ),
    (
        "greek",
        0xa0,
        "\u{a0}ʽʼ£��¦§¨©�«¬\u{ad}�―°±²³΄΅Ά·ΈΉΊ»Ό½ΎΏΐΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡ\
         �ΣΤΥΦΧΨΩΪΫάέήίΰαβγδεζηθικλμνξοπρςστυφχψωϊϋόύώ",
    ),
    (
        "hebrew",
        0xa0,
        "\u{a0}�¢£¤¥¦§¨©×«¬\u{ad}®‾°±²³´µ¶·¸¹÷»¼½¾�����\
         �����������\
         �����������\
         �����‗אבגדהוזחטיךכלםמןנסעףפץצקרשת��\u{200e}\u{200f}",
    ),
    (
        "hp8",
        0xa0,
        "\u{a0}ÀÂÈÊËÎÏ´ˋˆ¨˜ÙÛ₤¯Ýý°ÇçÑñ¡¿¤£¥§ƒ¢âêôûáéóúàèòùäëöüÅîØÆåíøæÄìÖÜÉïßÔÁÃãÐðÍÌÓÒÕõŠšÚŸÿÞþ·µ¶\
         ¾—¼½ªº«■»±",
    ),
    (
        "keybcs2",
        0x80,
        "ČüéďäĎŤčěĚĹÍľĺÄÁÉžŽôöÓůÚýÖÜŠĽÝŘťáíóúňŇŮÔšřŕŔ¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘\
         ┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}",
    ),
    (
        "koi8u",
        0x80,
        "─│┌┐└┘├┤┬┴┼▀▄█▌▐░▒▓⌠■•√≈≤≥\u{a0}⌡°²·÷═║╒ёє╔ії╗╘╙╚╛ґ╝╞╟╠╡ЁЄ╣ІЇ╦╧╨╩╪Ґ╬©юабцдефгхийклмнопярст\
         ужвьызшэщчъЮАБЦДЕФГХИЙКЛМНОПЯРСТУЖВЬЫЗШЭЩЧЪ",
    ),
    (
        "latin5",
        0xa0,
        "\u{a0}¡¢£¤¥¦§¨©ª«¬\u{ad}®¯°±²³´µ¶·¸¹º»¼½¾¿ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏĞÑÒÓÔÕÖ×ØÙÚÛÜİŞßàáâãäåæçèéêëìíîï\
         ğñòóôõö÷øùúûüışÿ",
    ),
    (
        "macce",
        0x80,
        "ÄĀāÉĄÖÜáąČäčĆćéŹźĎíďĒēĖóėôöõúĚěü†°Ę£§•¶ß®©™ę¨≠ģĮįĪ≤≥īĶ∂∑łĻļĽľĹĺŅņŃ¬√ńŇ∆«»…\u{a0}ňŐÕőŌ–—“”‘\
         ’÷◊ōŔŕŘ‹›řŖŗŠ‚„šŚśÁŤťÍŽžŪÓÔūŮÚůŰűŲųÝýķŻŁżĢˇ",
    ),
    ("swe7", 0x40, "ÉABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÅÜ_éabcdefghijklmnopqrstuvwxyzäöåü"),
    (
        "tis620",
        0xa0,
        "�กขฃคฅฆงจฉชซฌญฎฏฐฑฒณดตถทธนบปผฝพฟภมยรฤลฦวศษสหฬอฮฯะัาำิีึื\u{e38}\u{e39}\u{e3a}���\
         �฿เแโใไๅๆ็่้๊๋์ํ๎๏๐๑๒๓๔๕๖๗๘๙๚๛",
    ),
];

static TABLES: LazyLock<Vec<(&str, Table)>> =
    LazyLock::new(|| SETS.iter().map(|(name, first, characters)| (*name, Table::new(*first, characters))).collect());

impl Table {
    /// The set of that name.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        TABLES.iter().find(|(known, _)| *known == name).map(|(_, table)| table)
    }

    fn new(first: u8, text: &str) -> Self {
        let mut characters = [char::REPLACEMENT_CHARACTER; 256];
        let meant = (0..first).map(char::from).chain(text.chars());
        characters.iter_mut().zip(meant).for_each(|(slot, character)| *slot = character);
        Self { characters, ascii: first >= 0x80 }
    }

    /// The text of these bytes.
    pub(super) fn text(&self, bytes: &Bytes) -> Text {
        if self.ascii
            && bytes.is_ascii()
            && let Ok(text) = Text::from_utf8(bytes.clone())
        {
            return text;
        }
        let character = |byte: &u8| self.characters.get(usize::from(*byte)).copied().unwrap_or_default();
        Text::from(bytes.iter().map(character).collect::<String>())
    }
}
