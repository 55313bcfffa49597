//! Java's `.properties` format, as `java.util.Properties.load` reads it; in UTF-8.

use super::Properties;

/// Reads the text of a `.properties` file. Every text is one: what is not a comment is a key, so nothing can fail. Of a
/// key that is there twice the last value counts.
#[must_use]
pub fn parse(text: &str) -> Properties {
    let mut properties = Properties::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let line = line.trim_start_matches(is_blank);
        if line.is_empty() || line.starts_with(['#', '!']) {
            continue;
        }
        let mut logical = line.to_owned();
        while ends_in_continuation(&logical) {
            logical.pop();
            // A continuation line may be anything, also what looks like a comment; only its indentation is cut.
            let Some(next) = lines.next() else { break };
            logical.push_str(next.trim_start_matches(is_blank));
        }
        let (key, value) = split(&logical);
        properties.insert(unescape(key), unescape(value));
    }
    properties
}

const fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\u{c}')
}

/// An odd number of backslashes at the end: the last one is not escaped itself.
fn ends_in_continuation(line: &str) -> bool {
    line.chars().rev().take_while(|character| *character == '\\').count() % 2 == 1
}

/// The key ends at the first `=`, `:` or blank that is not escaped; one `=` or `:` amid blanks belongs to the separator.
fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = line.find(|character: char| {
        let ends = !escaped && (is_blank(character) || matches!(character, '=' | ':'));
        escaped = character == '\\' && !escaped;
        ends
    });
    let (key, rest) = line.split_at(end.unwrap_or(line.len()));
    let rest = rest.trim_start_matches(is_blank);
    let rest = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    (key, rest.trim_start_matches(is_blank))
}

fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars();
    // Java's characters are UTF-16 units: one beyond the basic plane is written as two escapes.
    let mut units: Vec<u16> = Vec::new();
    while let Some(character) = rest.next() {
        let escaped = if character == '\\' { rest.next() } else { None };
        if escaped == Some('u') {
            let digits: String = rest.clone().take(4).collect();
            if let (4, Ok(unit)) = (digits.len(), u16::from_str_radix(&digits, 16)) {
                units.push(unit);
                rest.by_ref().take(4).for_each(drop);
                continue;
            }
        }
        flush(&mut units, &mut plain);
        match (character, escaped) {
            ('\\', Some('n')) => plain.push('\n'),
            ('\\', Some('r')) => plain.push('\r'),
            ('\\', Some('t')) => plain.push('\t'),
            ('\\', Some('f')) => plain.push('\u{c}'),
            ('\\', None) => {}
            (_, Some(other)) | (other, None) => plain.push(other),
        }
    }
    flush(&mut units, &mut plain);
    plain
}

fn flush(units: &mut Vec<u16>, plain: &mut String) {
    if !units.is_empty() {
        plain.push_str(&String::from_utf16_lossy(units));
        units.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(text: &str, key: &str) -> Option<String> {
        parse(text).get(key).cloned()
    }

    #[test]
    fn separators_and_comments() {
        let text = "# comment\n! comment\n\n  a = b \nc:d\ne   f g\nh\n i\t=\tj=k\n";
        let all: Vec<(String, String)> = parse(text).into_iter().collect();
        let expected = [("a", "b "), ("c", "d"), ("e", "f g"), ("h", ""), ("i", "j=k")];
        assert_eq!(all, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
    }

    #[test]
    fn continuations_and_escapes() {
        assert_eq!(get("a=b,\\\n    c,\\\n  # d\n", "a").unwrap(), "b,c,# d");
        assert_eq!(get("a=b\\\\\nc=d", "a").unwrap(), "b\\");
        assert_eq!(get(r"a\ b\=c=d\:e\tf\u00e4\ud83d\ude00\q", "a b=c").unwrap(), "d:e\tfä😀q");
        assert_eq!(get("a=b\\", "a").unwrap(), "b");
        assert_eq!(get("a=\\u12", "a").unwrap(), "u12");
        assert_eq!(get("a=1\r\na=2\r\n", "a").unwrap(), "2");
    }
}
