//! Java's ways with regular expressions: whole matches and replacement texts (`java.util.regex.Matcher`).

use fancy_regex::{Captures, Regex};

/// The expression as one that must match a whole text: `Matcher.matches`.
///
/// # Errors
/// When it is no regular expression.
pub fn whole(pattern: &str) -> Result<Regex, fancy_regex::Error> {
    Regex::new(&format!(r"\A(?:{pattern})\z"))
}

/// A replacement text in Java's syntax: `$1`, `${name}`, and `\` before what is to be taken as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replacement(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Group(usize),
}

impl Replacement {
    /// Reads one for matches of that expression.
    ///
    /// # Errors
    /// What is wrong, with the position: a group that the expression lacks, a `$` or `\` that stands alone.
    pub fn parse(text: &str, regex: &Regex) -> Result<Self, String> {
        let mut parts = Self(Vec::new());
        let mut characters = text.char_indices().peekable();
        while let Some((position, character)) = characters.next() {
            match character {
                '\\' => match characters.next() {
                    Some((_, escaped)) => parts.push(escaped),
                    None => return Err(format!(r"ends in a single `\`, at position {position}; `\\` stands for it")),
                },
                '$' => {
                    let rest = &text[position + 1..];
                    let (group, length) =
                        group(rest, regex).map_err(|what| format!("{what}, at position {position}"))?;
                    parts.0.push(Part::Group(group));
                    while characters.next_if(|(place, _)| *place < position + 1 + length).is_some() {}
                }
                _ => parts.push(character),
            }
        }
        Ok(parts)
    }

    fn push(&mut self, character: char) {
        match self.0.last_mut() {
            Some(Part::Text(text)) => text.push(character),
            _ => self.0.push(Part::Text(character.into())),
        }
    }

    /// The text with the match replaced; a group that took no part is empty.
    #[must_use]
    pub fn replace_first(&self, text: &str, captures: &Captures<'_>) -> String {
        let (start, end) = captures.get(0).map_or((0, 0), |found| (found.start(), found.end()));
        let mut replaced = text[..start].to_owned();
        for part in &self.0 {
            replaced.push_str(match part {
                Part::Text(text) => text,
                Part::Group(group) => captures.get(*group).map_or("", |found| found.as_str()),
            });
        }
        replaced.push_str(&text[end..]);
        replaced
    }
}

/// The group that stands after a `$`, and the length of what names it.
fn group(rest: &str, regex: &Regex) -> Result<(usize, usize), String> {
    if let Some(named) = rest.strip_prefix('{') {
        let (name, _) = named.split_once('}').ok_or("a `${` lacks its `}`")?;
        let group = regex.capture_names().position(|known| known == Some(name));
        return Ok((group.ok_or_else(|| format!("the expression has no group named {name:?}"))?, name.len() + 2));
    }
    let count = regex.captures_len();
    let mut digits = rest.bytes().map_while(|byte| char::from(byte).to_digit(10)).map(|digit| digit as usize);
    let mut group = digits.next().ok_or(r"a `$` needs a group, as in `$1` or `${name}`; `\$` stands for the sign")?;
    if group >= count {
        return Err(format!("the expression has no group {group}, only {}", count - 1));
    }
    let mut length = 1;
    // More digits belong to it as long as there is such a group.
    for digit in digits {
        let longer = group * 10 + digit;
        if longer >= count {
            break;
        }
        (group, length) = (longer, length + 1);
    }
    Ok((group, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(pattern: &str, replacement: &str, text: &str) -> Result<String, String> {
        let regex = Regex::new(pattern).unwrap();
        let replacement = Replacement::parse(replacement, &regex)?;
        Ok(replacement.replace_first(text, &regex.captures(text).unwrap().unwrap()))
    }

    /// As `"…".replaceFirst(…)` gives them in jshell.
    #[test]
    fn replacements_are_read_as_java_reads_them() {
        for (pattern, replacement, text, expected) in [
            ("(.*)-(.*)", "$2.$1", "a-b", "b.a"),
            ("(?<first>.*)-(.*)", "${first}$2", "a-b", "ab"),
            ("(a)", "$10", "a", "a0"),
            ("(a)(b)?", "[$2]$0", "a", "[]a"),
            ("a", r"\$1\\\x", "a", r"$1\x"),
            ("b", "ü", "abc", "aüc"),
            ("(.)", "ä$1ä", "x", "äxä"),
        ] {
            assert_eq!(replaced(pattern, replacement, text).unwrap(), expected, "{pattern} {replacement}");
        }
        for (replacement, expected) in [
            ("$2", "no group 2, only 1, at position 0"),
            ("a${b}", "no group named \"b\", at position 1"),
            ("${b", "lacks its `}`"),
            ("x$", "a `$` needs a group"),
            (r"x\", "at position 1"),
        ] {
            let reason = replaced("(a)", replacement, "a").unwrap_err();
            assert!(reason.contains(expected), "{reason}");
        }
    }
}
