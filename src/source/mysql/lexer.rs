//! Cuts SQL into tokens: as little as reading DDL takes.
//!
//! Owns comments, quotes and escapes; knows no statement. Invariant: any text has tokens; nothing is an error here, but who
//! must be sure of what he read ([`spanned`]) is told what was odd.

use std::ops::Range;

/// A token of SQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A bare word or number: a keyword, a name, `0x1F`, `1.5`.
    Word(String),
    /// A name in backticks.
    Name(String),
    /// Text in single or double quotes. (In double quotes it may be a name: ANSI mode.)
    Text(String),
    /// Any other character.
    Symbol(char),
}

impl Token {
    /// Whether it is that keyword, whatever its case.
    pub(super) fn is(&self, keyword: &str) -> bool {
        matches!(self, Self::Word(word) if word.eq_ignore_ascii_case(keyword))
    }
}

/// A token, and which bytes of the text it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spanned {
    pub(super) token: Token,
    pub(super) span: Range<usize>,
}

/// What makes a text's meaning unsure; the numbers are the bytes where it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Oddity {
    /// A quote or a comment without end.
    Unclosed(usize),
    /// `/*! … */`: a statement or a comment, as the server's version has it.
    VersionComment(usize),
}

/// The tokens of a statement. Comments are left out; what stands in `/*! … */` is part of the statement.
pub(super) fn tokens(sql: &str) -> Vec<Token> {
    spanned(sql).0.into_iter().map(|spanned| spanned.token).collect()
}

/// The same, with their places, and everything that was odd.
pub(super) fn spanned(sql: &str) -> (Vec<Spanned>, Vec<Oddity>) {
    let mut lexer =
        Lexer { whole: sql.len(), rest: sql, tokens: Vec::new(), oddities: Vec::new(), in_version_comment: false };
    while lexer.step() {}
    (lexer.tokens, lexer.oddities)
}

struct Lexer<'a> {
    whole: usize,
    rest: &'a str,
    tokens: Vec<Spanned>,
    oddities: Vec<Oddity>,
    in_version_comment: bool,
}

impl Lexer<'_> {
    const fn at(&self) -> usize {
        self.whole - self.rest.len()
    }

    /// Adds a token that began there and ends here.
    fn push(&mut self, begin: usize, token: Token) {
        self.tokens.push(Spanned { token, span: begin..self.at() });
    }

    fn step(&mut self) -> bool {
        let rest = self.rest;
        let begin = self.at();
        let Some(first) = rest.chars().next() else { return false };
        if first.is_whitespace() {
            self.rest = rest.trim_start();
        } else if let Some(behind) = version_comment(rest) {
            self.rest = behind;
            self.in_version_comment = true;
            self.oddities.push(Oddity::VersionComment(begin));
        } else if rest.starts_with("/*") {
            let closed = rest.get(2..).and_then(|inside| inside.split_once("*/"));
            self.oddities.extend(closed.is_none().then_some(Oddity::Unclosed(begin)));
            self.rest = closed.map_or("", |(_, behind)| behind);
        } else if self.in_version_comment && rest.starts_with("*/") {
            self.rest = rest.strip_prefix("*/").unwrap_or_default();
            self.in_version_comment = false;
        } else if first == '#' || line_comment(rest) {
            self.rest = rest.split_once('\n').map_or("", |(_, behind)| behind);
        } else if matches!(first, '\'' | '"' | '`') {
            self.quoted(first);
        } else if is_word(first) {
            let end =
                rest.char_indices().find(|(at, c)| !is_word(*c) && !is_point(rest, *at)).map_or(rest.len(), |f| f.0);
            let (word, behind) = rest.split_at(end);
            self.rest = behind;
            self.push(begin, Token::Word(word.to_owned()));
        } else {
            self.rest = rest.strip_prefix(first).unwrap_or_default();
            self.push(begin, Token::Symbol(first));
        }
        true
    }

    /// A quoted token: the quote doubled is the quote, and a backslash escapes, but not in backticks.
    fn quoted(&mut self, quote: char) {
        let begin = self.at();
        let mut text = String::new();
        let mut characters = self.rest.char_indices().skip(1).peekable();
        let mut closed = None;
        while let Some((at, character)) = characters.next() {
            if character == quote {
                if characters.peek().is_some_and(|(_, next)| *next == quote) {
                    characters.next();
                    text.push(quote);
                    continue;
                }
                closed = Some(at + quote.len_utf8());
                break;
            }
            if character == '\\' && quote != '`' {
                text.extend(characters.next().map(|(_, escaped)| unescape(escaped)));
                continue;
            }
            text.push(character);
        }
        self.oddities.extend(closed.is_none().then_some(Oddity::Unclosed(begin)));
        self.rest = closed.and_then(|end| self.rest.get(end..)).unwrap_or_default();
        self.push(begin, if quote == '`' { Token::Name(text) } else { Token::Text(text) });
    }
}

/// What stands behind the opening of a version comment (`/*!50100 `, `/*M!100100 `).
fn version_comment(rest: &str) -> Option<&str> {
    let behind = rest.strip_prefix("/*!").or_else(|| rest.strip_prefix("/*M!"))?;
    Some(behind.trim_start_matches(|c: char| c.is_ascii_digit()))
}

/// `--` begins a comment only before white space.
fn line_comment(rest: &str) -> bool {
    rest.strip_prefix("--").is_some_and(|behind| behind.chars().next().is_none_or(char::is_whitespace))
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '$' | '@') || u32::from(character) > 0x7f
}

/// Whether the point there belongs to a number.
fn is_point(rest: &str, at: usize) -> bool {
    let (before, behind) = rest.split_at(at);
    behind.starts_with('.') && !before.is_empty() && before.bytes().all(|byte| byte.is_ascii_digit())
}

fn unescape(escaped: char) -> char {
    match escaped {
        '0' => '\0',
        'b' => '\u{8}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'Z' => '\u{1a}',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cuts_what_mysql_writes() {
        let sql = "CREATE /* c */ TABLE `a``b` -- x\n (c decimal(1.5) DEFAULT 'it''s \\n' # y\n /*!80023 INVISIBLE */,1a int)";
        let word = |w: &str| Token::Word(w.to_owned());
        let expected = vec![
            word("CREATE"),
            word("TABLE"),
            Token::Name("a`b".into()),
            Token::Symbol('('),
            word("c"),
            word("decimal"),
            Token::Symbol('('),
            word("1.5"),
            Token::Symbol(')'),
            word("DEFAULT"),
            Token::Text("it's \n".into()),
            word("INVISIBLE"),
            Token::Symbol(','),
            word("1a"),
            word("int"),
            Token::Symbol(')'),
        ];
        assert_eq!(tokens(sql), expected);
        assert_eq!(tokens("a.b"), vec![word("a"), Token::Symbol('.'), word("b")]);
        assert_eq!(tokens("'open"), vec![Token::Text("open".into())]);
    }

    #[test]
    fn tells_places_and_what_is_odd() {
        let sql = "a /* x */ `b``c`.'d'";
        let (spanned, odd) = super::spanned(sql);
        let texts: Vec<&str> = spanned.iter().map(|spanned| &sql[spanned.span.clone()]).collect();
        assert_eq!((texts, odd), (vec!["a", "`b``c`", ".", "'d'"], vec![]));
        for (sql, odd) in [
            ("a 'b''", Oddity::Unclosed(2)),
            ("`", Oddity::Unclosed(0)),
            ("a /* b", Oddity::Unclosed(2)),
            ("a /*/", Oddity::Unclosed(2)),
            ("a /*!50100 b */", Oddity::VersionComment(2)),
        ] {
            assert_eq!(super::spanned(sql).1, [odd], "{sql}");
        }
    }

    proptest! {
        #[test]
        fn ends_on_any_text(text in "[a-z0-9'\"`\\\\/*!#.\\- \n(é]*") {
            tokens(&text);
        }
    }
}
