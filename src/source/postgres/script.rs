//! Cuts a script into its statements, as `psql` does: for DDL that is tried one statement after the other.
//!
//! Owns PostgreSQL's quotes and comments and nothing else of its grammar; what a statement means the server knows.
//! Rules: <https://www.postgresql.org/docs/current/sql-syntax-lexical.html>.

/// A statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statement<'a> {
    /// Where it begins, in bytes.
    pub(super) at: usize,
    /// Its text, without the semicolon.
    pub(super) text: &'a str,
    /// Its first words, in lower case.
    pub(super) words: Vec<String>,
}

/// A quote or a comment without end; where it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unclosed(pub(super) usize);

/// How many words of a statement are kept: as many as tell what it is.
const WORDS_KEPT: usize = 6;

/// The statements of a script.
///
/// # Errors
/// A quote or a comment that does not end.
pub(super) fn statements(text: &str) -> Result<Vec<Statement<'_>>, Unclosed> {
    let mut found = Vec::new();
    let mut open = Open::default();
    let mut at = 0;
    while let Some((part, length)) = part(text, at)? {
        let end = at + length;
        match part {
            Part::Gap => {}
            Part::Semicolon if open.is_whole() => {
                if let Some(begin) = open.begin {
                    let statement = text.get(begin..at).unwrap_or_default().trim_end();
                    found.push(Statement { at: begin, text: statement, words: std::mem::take(&mut open.words) });
                }
                open = Open::default();
            }
            part => open.add(at, part, text.get(at..end).unwrap_or_default()),
        }
        at = end;
    }
    if let Some(begin) = open.begin {
        let statement = text.get(begin..).unwrap_or_default().trim_end();
        found.push(Statement { at: begin, text: statement, words: open.words });
    }
    Ok(found)
}

/// A statement that has not ended yet.
#[derive(Default)]
struct Open {
    begin: Option<usize>,
    words: Vec<String>,
    parentheses: usize,
    /// How deep in `BEGIN ATOMIC … END` the body of a function is.
    bodies: usize,
}

impl Open {
    const fn is_whole(&self) -> bool {
        self.parentheses == 0 && self.bodies == 0
    }

    fn add(&mut self, at: usize, part: Part, text: &str) {
        self.begin.get_or_insert(at);
        match (part, text) {
            (Part::Other, "(") => self.parentheses += 1,
            (Part::Other, ")") => self.parentheses = self.parentheses.saturating_sub(1),
            (Part::Word, word) => {
                let word = word.to_lowercase();
                match word.as_str() {
                    "begin" if self.is_routine() => self.bodies += 1,
                    "case" if self.bodies > 0 => self.bodies += 1,
                    "end" => self.bodies = self.bodies.saturating_sub(1),
                    _ => {}
                }
                if self.words.len() < WORDS_KEPT {
                    self.words.push(word);
                }
            }
            _ => {}
        }
    }

    fn is_routine(&self) -> bool {
        let words: Vec<&str> = self.words.iter().map(String::as_str).collect();
        matches!(
            words.as_slice(),
            ["create", "function" | "procedure", ..] | ["create", "or", "replace", "function" | "procedure", ..]
        )
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// White space, or a comment.
    Gap,
    /// A keyword, a name, a number.
    Word,
    /// Text or a name in quotes.
    Quoted,
    Semicolon,
    /// Any other character.
    Other,
}

/// The part that begins there, and its length; `None`: the text ends there.
fn part(text: &str, at: usize) -> Result<Option<(Part, usize)>, Unclosed> {
    let rest = text.get(at..).unwrap_or_default();
    let Some(first) = rest.chars().next() else { return Ok(None) };
    let closed = |length: Option<usize>| length.ok_or(Unclosed(at));
    let found = match first {
        first if first.is_whitespace() => (Part::Gap, rest.len() - rest.trim_start().len()),
        '-' if rest.starts_with("--") => (Part::Gap, rest.find('\n').unwrap_or(rest.len())),
        '/' if rest.starts_with("/*") => (Part::Gap, closed(comment(rest))?),
        ';' => (Part::Semicolon, 1),
        '\'' => (Part::Quoted, closed(quoted(rest, '\'', false))?),
        '"' => (Part::Quoted, closed(quoted(rest, '"', false))?),
        'e' | 'E' if rest.get(1..).is_some_and(|behind| behind.starts_with('\'')) => {
            (Part::Quoted, 1 + closed(quoted(rest.get(1..).unwrap_or_default(), '\'', true))?)
        }
        '$' => match dollar(rest) {
            Some(opening) => (Part::Quoted, closed(dollar_quoted(rest, opening))?),
            None => (Part::Other, 1),
        },
        first if is_word(first) => (Part::Word, rest.find(|c: char| !is_word(c) && c != '$').unwrap_or(rest.len())),
        first => (Part::Other, first.len_utf8()),
    };
    Ok(Some(found))
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii()
}

/// The length of a comment; comments nest.
fn comment(rest: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = 0;
    loop {
        let here = rest.get(at..)?;
        let step = if here.starts_with("/*") {
            depth += 1;
            2
        } else if here.starts_with("*/") {
            depth -= 1;
            2
        } else {
            here.chars().next()?.len_utf8()
        };
        at += step;
        if depth == 0 {
            return Some(at);
        }
    }
}

/// The length of quoted text; the quote doubled is the quote.
fn quoted(rest: &str, quote: char, escapes: bool) -> Option<usize> {
    let mut characters = rest.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if character == quote {
            if characters.next_if(|(_, next)| *next == quote).is_none() {
                return Some(at + 1);
            }
        } else if character == '\\' && escapes {
            characters.next();
        }
    }
    None
}

/// The `$tag$` that begins text here, if it is one.
fn dollar(rest: &str) -> Option<&str> {
    let behind = rest.strip_prefix('$')?;
    let tag_end = behind.find('$')?;
    let tag = behind.get(..tag_end)?;
    let is_tag = tag.chars().all(is_word) && !tag.starts_with(|c: char| c.is_ascii_digit());
    rest.get(..tag_end + 2).filter(|_| is_tag)
}

/// The length of text between two of these.
fn dollar_quoted(rest: &str, opening: &str) -> Option<usize> {
    let inside = rest.get(opening.len()..)?;
    inside.find(opening).map(|end| end + 2 * opening.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(script: &str) -> Vec<&str> {
        statements(script).unwrap().into_iter().map(|statement| statement.text).collect()
    }

    #[test]
    fn semicolons_within_are_no_ends() {
        for whole in [
            "SELECT ';', E'\\';', \"a;b\", 'it''s;'",
            "DO $$ BEGIN; END $$",
            "DO $a$ $$;$$ $b$;$b$ $a$",
            "CREATE TABLE t (a int /* ; /* ; */ ; */, b int -- ;\n, c int)",
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END",
            "CREATE RULE r AS ON UPDATE TO t DO (DELETE FROM a; DELETE FROM b)",
            "SELECT a$b$c, $1",
        ] {
            assert_eq!(texts(&format!("{whole}; SELECT 1;")), [whole, "SELECT 1"], "{whole}");
        }
    }

    #[test]
    fn statements_have_places_and_words() {
        let script = "-- first\n ;\nALTER TABLE \"T\"\n ADD x int;\n /* c */ begin; create table t(a int)";
        let found = statements(script).unwrap();
        let told: Vec<(usize, &str, String)> =
            found.iter().map(|found| (found.at, found.text, found.words.join(" "))).collect();
        let expected = [
            (12, "ALTER TABLE \"T\"\n ADD x int", "alter table add x int"),
            (49, "begin", "begin"),
            (56, "create table t(a int)", "create table t a int"),
        ];
        assert_eq!(told, expected.map(|(at, text, words)| (at, text, words.to_owned())));
    }

    #[test]
    fn what_does_not_end_is_told() {
        for (script, at) in [("a; 'b", 3), ("a $x$ b $y$", 2), ("/* /* */", 0), ("x \"", 2), ("E'\\'", 0)] {
            assert_eq!(statements(script), Err(Unclosed(at)), "{script}");
        }
    }

    proptest! {
        #[test]
        fn ends_on_any_text(text in "[a-ce$'\"\\\\/*;()\n é-]*") {
            let _ = statements(&text);
        }
    }
}
