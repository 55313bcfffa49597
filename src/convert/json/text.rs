//! JSON strings as Jackson writes them: quotes, backslashes and control characters are escaped, and so are characters beyond
//! the basic plane, as the two halves that they are in Java; all else is UTF-8.

/// How many bytes are looked at together; the compiler makes vector instructions of it.
const STRIDE: usize = 16;

/// The text in quotes.
pub(in crate::convert) fn write(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    out.reserve(bytes.len() + 2);
    out.push(b'"');
    if is_plain(bytes) {
        out.extend_from_slice(bytes);
    } else {
        write_escaped(out, text);
    }
    out.push(b'"');
}

const fn needs_escape(byte: u8) -> bool {
    matches!(byte, 0..0x20 | b'"' | b'\\' | 0xf0..)
}

fn is_plain(bytes: &[u8]) -> bool {
    let (strides, _) = bytes.as_chunks::<STRIDE>();
    strides.iter().all(all_plain) && is_end_plain(bytes)
}

/// What does not fill a stride is looked at as a stride that overlaps what was seen, and byte by byte only where there are
/// few: most texts of an event are short.
fn is_end_plain(bytes: &[u8]) -> bool {
    const HALF: usize = STRIDE / 2;
    if let Some(end) = bytes.last_chunk::<STRIDE>() {
        return all_plain(end);
    }
    match (bytes.first_chunk::<HALF>(), bytes.last_chunk::<HALF>()) {
        (Some(begin), Some(end)) => all_plain(begin) && all_plain(end),
        _ => !bytes.iter().any(|byte| needs_escape(*byte)),
    }
}

/// No early end within a stride: that is what makes vector instructions of it.
fn all_plain<const N: usize>(bytes: &[u8; N]) -> bool {
    !bytes.iter().fold(false, |found, byte| found | needs_escape(*byte))
}

fn write_escaped(out: &mut Vec<u8>, text: &str) {
    let mut rest = text;
    while let Some(plain) = rest.bytes().position(needs_escape) {
        let (before, from) = rest.split_at(plain);
        out.extend_from_slice(before.as_bytes());
        let mut characters = from.chars();
        characters.next().into_iter().for_each(|character| write_escape(out, character));
        rest = characters.as_str();
    }
    out.extend_from_slice(rest.as_bytes());
}

fn write_escape(out: &mut Vec<u8>, character: char) {
    match character {
        '"' => out.extend_from_slice(b"\\\""),
        '\\' => out.extend_from_slice(b"\\\\"),
        '\n' => out.extend_from_slice(b"\\n"),
        '\r' => out.extend_from_slice(b"\\r"),
        '\t' => out.extend_from_slice(b"\\t"),
        '\u{8}' => out.extend_from_slice(b"\\b"),
        '\u{c}' => out.extend_from_slice(b"\\f"),
        _ => {
            for unit in character.encode_utf16(&mut [0; 2]) {
                out.extend_from_slice(format!("\\u{unit:04X}").as_bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The strides overlap: no place of a text of any length may be missed.
    #[test]
    fn what_needs_an_escape_is_found_everywhere() {
        for length in 0..50 {
            let plain = "x".repeat(length);
            let mut out = Vec::new();
            write(&mut out, &plain);
            assert_eq!(out, format!("\"{plain}\"").as_bytes());
            for place in 0..length {
                let mut text = plain.clone();
                text.replace_range(place..=place, "\"");
                let mut out = Vec::new();
                write(&mut out, &text);
                assert_eq!(out, format!("\"{}\"", text.replace('"', "\\\"")).as_bytes(), "{text}");
            }
        }
    }
}
