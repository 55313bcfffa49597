//! Cuts Groovy into words, numbers, texts and symbols.

use std::ops::Range;

use super::super::Fault;

/// A piece of the text.
#[derive(Clone, Debug)]
pub(super) struct Lexeme {
    /// Its first character.
    pub(super) at: usize,
    pub(super) token: Token,
}

/// What a piece is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Word(String),
    Int(i64),
    Float(f64),
    Text(String),
    /// `"…${…}…"`
    Parts(Vec<Part>),
    /// `/…/`
    Pattern(String),
    Symbol(&'static str),
}

/// A part of an interpolated text.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Part {
    Text(String),
    /// The characters of an expression.
    Code(Range<usize>),
}

/// Longer ones before their beginnings.
const SYMBOLS: &[&str] = &[
    "==~", "=~", "==", "!=", "<=", ">=", "&&", "||", "?.", "?:", "<", ">", "!", "?", ":", "(", ")", "[", "]", ".", ",",
    "+", "-", "*", "%", ";",
];

impl Lexeme {
    /// Whether it is that symbol or word.
    pub(super) fn is(&self, expected: &str) -> bool {
        match &self.token {
            Token::Word(word) => word == expected,
            Token::Symbol(symbol) => *symbol == expected,
            _ => false,
        }
    }
}

/// Cuts a part of the text.
pub(super) fn lex(text: &[char], range: Range<usize>) -> Result<Vec<Lexeme>, Fault> {
    let mut lexer = Lexer { text, at: range.start, end: range.end };
    let mut lexemes: Vec<Lexeme> = Vec::new();
    while let Some(c) = lexer.peek(0) {
        let at = lexer.at;
        let token = match c {
            _ if c.is_whitespace() => {
                lexer.at += 1;
                continue;
            }
            '\'' | '"' => lexer.text(c)?,
            '/' if lexemes.last().is_some_and(|last| last.is("==~") || last.is("=~") || last.is("(")) => {
                lexer.pattern()?
            }
            _ if c.is_ascii_digit() => lexer.number()?,
            _ if c.is_alphabetic() || c == '_' || c == '$' => Token::Word(lexer.word()),
            '!' if lexer.follows("!in") && lexer.peek(3).is_none_or(|c| !c.is_alphanumeric() && c != '_') => {
                lexer.at += 3;
                Token::Word("!in".to_owned())
            }
            _ => lexer.symbol(c)?,
        };
        lexemes.push(Lexeme { at, token });
    }
    Ok(lexemes)
}

struct Lexer<'t> {
    text: &'t [char],
    at: usize,
    end: usize,
}

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.text.get(..self.end)?.get(self.at + ahead).copied()
    }

    fn follows(&self, symbol: &str) -> bool {
        symbol.chars().enumerate().all(|(ahead, c)| self.peek(ahead) == Some(c))
    }

    fn symbol(&mut self, c: char) -> Result<Token, Fault> {
        let remedy = match c {
            '&' | '|' => format!("; write {c}{c}"),
            '=' => "; write == to compare".to_owned(),
            _ => String::new(),
        };
        let known = SYMBOLS.iter().find(|symbol| self.follows(symbol));
        let outside = || Fault::new(self.at, format!("{c:?} {}{remedy}", super::OUTSIDE));
        // `===` is another operator in Groovy, `<=>` and `..` too.
        let symbol = known.filter(|_| !["===", "!==", "<=>", "..", "**", "->"].iter().any(|other| self.follows(other)));
        let symbol = symbol.ok_or_else(outside)?;
        self.at += symbol.len();
        Ok(Token::Symbol(symbol))
    }

    fn word(&mut self) -> String {
        let start = self.at;
        while self.peek(0).is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$') {
            self.at += 1;
        }
        self.text[start..self.at].iter().collect()
    }

    fn number(&mut self) -> Result<Token, Fault> {
        let start = self.at;
        let digits = |lexer: &mut Self| {
            while lexer.peek(0).is_some_and(|c| c.is_ascii_digit() || c == '_') {
                lexer.at += 1;
            }
        };
        digits(self);
        let mut is_float = false;
        if self.peek(0) == Some('.') && self.peek(1).is_some_and(|c| c.is_ascii_digit()) {
            is_float = true;
            self.at += 1;
            digits(self);
        }
        let number: String = self.text[start..self.at].iter().filter(|c| **c != '_').collect();
        // Java's suffixes of type; which type it is makes no difference here.
        match self.peek(0) {
            Some('L' | 'l' | 'G' | 'g' | 'I' | 'i') if !is_float => self.at += 1,
            Some('D' | 'd' | 'F' | 'f') => {
                is_float = true;
                self.at += 1;
            }
            Some('G' | 'g') => self.at += 1,
            _ => {}
        }
        let fault = || Fault::new(start, "is no number that is translated: whole numbers of 64 bits, or 1.5");
        if self.peek(0).is_some_and(|c| c.is_alphanumeric() || c == '_') {
            return Err(fault());
        }
        let token = if is_float { number.parse().ok().map(Token::Float) } else { number.parse().ok().map(Token::Int) };
        token.ok_or_else(fault)
    }

    /// A text in single or double quotes; in double ones `$` begins an expression.
    fn text(&mut self, quote: char) -> Result<Token, Fault> {
        let start = self.at;
        if self.follows("'''") || self.follows("\"\"\"") {
            return Err(Fault::new(start, format!("text in triple quotes {}", super::OUTSIDE)));
        }
        self.at += 1;
        let (mut parts, mut text) = (Vec::new(), String::new());
        loop {
            let Some(c) = self.peek(0) else {
                return Err(Fault::new(start, format!("the text has no closing {quote}")));
            };
            self.at += 1;
            match c {
                _ if c == quote => break,
                '\\' => text.push(self.escaped()?),
                '$' if quote == '"' => {
                    parts.push(Part::Text(std::mem::take(&mut text)));
                    parts.push(Part::Code(self.code()?));
                }
                _ => text.push(c),
            }
        }
        if parts.is_empty() {
            return Ok(Token::Text(text));
        }
        parts.push(Part::Text(text));
        Ok(Token::Parts(parts))
    }

    /// What a `$` names: `{…}`, or a path of names.
    fn code(&mut self) -> Result<Range<usize>, Fault> {
        let start = self.at;
        if self.peek(0) == Some('{') {
            while let Some(c) = self.peek(0) {
                self.at += 1;
                if c == '}' {
                    return Ok(start + 1..self.at - 1);
                }
            }
            return Err(Fault::new(start, "the expression has no closing }"));
        }
        let begins = |c: Option<char>| c.is_some_and(|c| c.is_alphabetic() || c == '_');
        if !begins(self.peek(0)) {
            return Err(Fault::new(start, "a name should stand behind $, or \\$ for the character itself"));
        }
        loop {
            while self.peek(0).is_some_and(|c| c.is_alphanumeric() || c == '_') {
                self.at += 1;
            }
            if self.peek(0) != Some('.') || !begins(self.peek(1)) {
                return Ok(start..self.at);
            }
            self.at += 1;
        }
    }

    fn escaped(&mut self) -> Result<char, Fault> {
        let c = self.peek(0);
        self.at += 1;
        Ok(match c {
            Some('n') => '\n',
            Some('t') => '\t',
            Some('r') => '\r',
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some(c @ ('\\' | '\'' | '"' | '$')) => c,
            Some('u') => {
                let digits: String = (0..4).filter_map(|ahead| self.peek(ahead)).collect();
                let character = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32);
                let fault = || Fault::new(self.at - 2, "four hexadecimal digits of a character should follow \\u");
                let character = character.filter(|_| digits.len() == 4).ok_or_else(fault)?;
                self.at += 4;
                character
            }
            _ => return Err(Fault::new(self.at - 2, "is no escape that Groovy knows; a backslash itself is \\\\")),
        })
    }

    /// `/…/`: only the slash is escaped.
    fn pattern(&mut self) -> Result<Token, Fault> {
        let start = self.at;
        self.at += 1;
        let mut pattern = String::new();
        loop {
            match self.peek(0) {
                None => return Err(Fault::new(start, "the pattern has no closing /")),
                Some('/') => {
                    self.at += 1;
                    return Ok(Token::Pattern(pattern));
                }
                Some('\\') if self.peek(1) == Some('/') => {
                    pattern.push('/');
                    self.at += 2;
                }
                Some(c) => {
                    pattern.push(c);
                    self.at += 1;
                }
            }
        }
    }
}
