//! Column definitions and keys: the inside of a CREATE TABLE, and what ALTER TABLE adds.

use super::super::definition::{Column, DefaultValue, Definition, Sign, Written};
use super::super::told::Told;
use super::{KeyPart, Parser, Place, Token};

/// A column's definition, and what it says about keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct ColumnText {
    pub(in super::super) column: Column,
    /// `PRIMARY KEY`
    pub(in super::super) primary: bool,
    /// `UNIQUE`
    pub(in super::super) unique: bool,
}

impl ColumnText {
    /// The column's name.
    pub(in super::super) fn name(&self) -> &str {
        &self.column.name
    }
}

/// A column's definition, and where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Placed {
    pub(in super::super) column: ColumnText,
    pub(in super::super) place: Place,
}

/// The names of `CURRENT_TIMESTAMP`.
const NOW: [&str; 4] = ["current_timestamp", "now", "localtime", "localtimestamp"];

impl Parser<'_> {
    /// The columns and keys of a CREATE TABLE.
    pub(super) fn definition(&mut self) -> Option<Definition> {
        let mut definition = Definition::default();
        while self.peek().is_some() {
            match self.key_part()? {
                KeyPart::Primary(columns) => definition.set_primary_key(columns),
                KeyPart::Unique(unique) => definition.unique_keys.push(unique),
                KeyPart::Other => {}
                KeyPart::None => definition.push(self.column()?),
            }
            self.skip_to_comma();
            self.accept_symbol(',');
        }
        definition.require_primary_key();
        Some(definition)
    }

    /// A key, an index or a constraint, if one comes next.
    pub(super) fn key_part(&mut self) -> Option<KeyPart> {
        let mut name = None;
        let before = self.tokens;
        if self.accept(&["constraint"]) {
            let keyword = ["primary", "unique", "foreign", "check"];
            if !keyword.iter().any(|keyword| self.peek().is_some_and(|token| token.is(keyword))) {
                name = self.name();
            }
        }
        if self.accept(&["primary", "key"]) {
            self.skip_to_parentheses();
            return self.index_columns().map(KeyPart::Primary);
        }
        if self.accept(&["unique"]) {
            self.accept_any(&["index", "key"]);
            if !self.is_symbol('(') && !self.peek().is_some_and(|token| token.is("using")) {
                name = self.name();
            }
            self.skip_to_parentheses();
            let columns = self.index_columns()?;
            let name = name.or_else(|| columns.first().cloned()).unwrap_or_default();
            return Some(KeyPart::Unique((name, columns)));
        }
        let index = ["index", "key", "fulltext", "spatial", "foreign", "check", "period"];
        let other = index.iter().any(|keyword| self.peek().is_some_and(|token| token.is(keyword)));
        Some(if other || before.len() != self.tokens.len() { KeyPart::Other } else { KeyPart::None })
    }

    fn skip_to_parentheses(&mut self) {
        while self.peek().is_some() && !self.is_symbol('(') && !self.is_symbol(',') {
            self.next();
        }
    }

    /// A column's definition, and where it goes.
    pub(super) fn placed_column(&mut self) -> Option<Placed> {
        let column = self.column()?;
        let place = if self.accept(&["first"]) {
            Place::First
        } else if self.accept(&["after"]) {
            Place::After(self.name()?)
        } else {
            Place::Unsaid
        };
        Some(Placed { column, place })
    }

    /// A column's definition; what follows it (a comma, `FIRST`, `AFTER`) is left.
    fn column(&mut self) -> Option<ColumnText> {
        let name = self.name()?;
        let written = self.written_type()?;
        let serial = written.name == "serial";
        let column = Column {
            name,
            told: Told::of_written(&written),
            charset: written.charset.clone().or_else(|| national(&written.name)),
            kind: written.resolve(),
            comment: None,
            nullable: !serial,
            default: DefaultValue::None,
            generated: false,
            filled: serial,
            expression: None,
        };
        let mut found = ColumnText { column, primary: false, unique: serial };
        while let Some(token) = self.peek() {
            if matches!(token, Token::Symbol(',')) || token.is("first") || token.is("after") {
                break;
            }
            self.attribute(&mut found)?;
        }
        if found.primary {
            found.column.nullable = false;
        }
        Some(found)
    }

    fn attribute(&mut self, found: &mut ColumnText) -> Option<()> {
        let column = &mut found.column;
        if self.accept(&["not", "null"]) {
            column.nullable = false;
        } else if self.accept(&["null"]) {
            column.nullable = true;
        } else if self.accept(&["default"]) {
            (column.default, column.expression) = self.told_default()?;
        } else if self.accept(&["serial", "default", "value"]) {
            (column.nullable, column.filled, found.unique) = (false, true, true);
        } else if self.accept(&["auto_increment"]) {
            column.filled = true;
        } else if self.accept(&["on", "update"]) {
            // Not what a reference does: ON UPDATE CASCADE.
            column.filled |= self.peek().is_some_and(|token| NOW.iter().any(|now| token.is(now)));
        } else if self.accept(&["primary", "key"]) || self.accept(&["key"]) {
            found.primary = true;
        } else if self.accept(&["unique"]) {
            self.accept(&["key"]);
            found.unique = true;
        } else if self.accept(&["comment"]) {
            self.accept_symbol('=');
            if let Some(Token::Text(comment)) = self.next() {
                column.comment = Some(comment.clone());
            }
        } else if self.accept(&["collate"]) {
            self.accept_symbol('=');
            let collation = self.name()?;
            column.charset = column.charset.take().or_else(|| charset_of(&collation));
        } else if self.accept_any(&["column_format", "storage", "engine_attribute"]) {
            self.accept_symbol('=');
            self.next();
        } else if self.accept(&["as"]) {
            self.parentheses()?;
            column.generated = true;
        } else if self.is_symbol('(') {
            // CHECK, REFERENCES, ON UPDATE now(6), …
            self.parentheses()?;
        } else {
            self.next();
        }
        Some(())
    }

    /// A type's name, what stands in its parentheses, and the words behind that belong to it.
    fn written_type(&mut self) -> Option<Written> {
        let mut written = Written { name: self.word()?, ..Written::default() };
        let more: &[&str] = match written.name.as_str() {
            "double" => &["precision"],
            "character" | "char" | "nchar" => &["varying", "varchar", "byte"],
            "national" => &["char", "character", "varchar", "varcharacter"],
            "long" => &["varchar", "varbinary"],
            _ => &[],
        };
        for _ in 0..2 {
            let Some(word) = more.iter().chain(&["varying"]).find(|word| !more.is_empty() && self.accept(&[word]))
            else {
                break;
            };
            written.name = format!("{} {word}", written.name);
        }
        if let Some(inside) = self.parentheses() {
            for token in inside {
                match token {
                    Token::Word(number) => written.numbers.extend(number.parse::<u32>()),
                    Token::Text(label) | Token::Name(label) => written.labels.push(label.clone()),
                    Token::Symbol(_) => {}
                }
            }
        }
        loop {
            let sign = |sign: Sign| if written.sign == Some(Sign::Zerofill) { written.sign } else { Some(sign) };
            if self.accept(&["unsigned"]) {
                written.sign = sign(Sign::Unsigned);
            } else if self.accept(&["signed"]) {
                written.sign = sign(Sign::Signed);
            } else if self.accept(&["zerofill"]) {
                written.sign = Some(Sign::Zerofill);
            } else if self.accept(&["binary"]) {
                written.collated = true;
            } else if self.accept(&["character", "set"]) || self.accept(&["char", "set"]) || self.accept(&["charset"]) {
                self.accept_symbol('=');
                let charset = self.name()?.to_ascii_lowercase();
                written.binary |= charset == "binary";
                written.charset = Some(charset);
            } else if !self.accept_any(&["ascii", "unicode"]) {
                return Some(written);
            }
        }
    }

    fn word(&mut self) -> Option<String> {
        match self.next()? {
            Token::Word(word) => Some(word.to_ascii_lowercase()),
            _ => None,
        }
    }

    /// What stands behind `DEFAULT`, and how schema changes tell it.
    pub(super) fn told_default(&mut self) -> Option<(DefaultValue, Option<String>)> {
        let before = self.tokens;
        let default = self.default_value()?;
        let written = before.get(..before.len() - self.tokens.len())?;
        let expression = expression(&default, written);
        Some((default, expression))
    }

    /// What stands behind `DEFAULT`.
    fn default_value(&mut self) -> Option<DefaultValue> {
        if self.is_symbol('(') {
            self.parentheses()?;
            return Some(DefaultValue::Computed);
        }
        if self.accept_symbol('-') {
            return Some(DefaultValue::Text(format!("-{}", self.name()?)));
        }
        self.accept_symbol('+');
        let first = match self.next()? {
            Token::Text(text) => return Some(DefaultValue::Text(self.joined(text))),
            Token::Word(word) => word.to_ascii_lowercase(),
            Token::Name(_) | Token::Symbol(_) => return None,
        };
        if let Some(Token::Text(text)) = self.peek() {
            self.next();
            return match first.as_str() {
                "b" => Some(DefaultValue::Bytes(bits(text)?)),
                "x" => Some(DefaultValue::Bytes(hex(text)?)),
                // An introducer (_utf8mb4'…'), or a typed literal (DATE'…').
                _ => Some(DefaultValue::Text(self.joined(text))),
            };
        }
        Some(match first.as_str() {
            "null" => DefaultValue::None,
            "true" => DefaultValue::Text("1".to_owned()),
            "false" => DefaultValue::Text("0".to_owned()),
            word if word.starts_with("0x") => DefaultValue::Bytes(hex(word.get(2..)?)?),
            word if word.starts_with("0b") => DefaultValue::Bytes(bits(word.get(2..)?)?),
            word if word.starts_with(|c: char| c.is_ascii_digit()) => DefaultValue::Text(word.to_owned()),
            word if NOW.contains(&word) => {
                // With as many digits as the column.
                self.parentheses();
                DefaultValue::Now
            }
            _ => {
                self.parentheses();
                DefaultValue::Computed
            }
        })
    }
}

impl Parser<'_> {
    /// Texts that stand side by side are one.
    fn joined(&mut self, first: &str) -> String {
        let mut text = first.to_owned();
        while let Some(Token::Text(more)) = self.peek() {
            text.push_str(more);
            self.next();
        }
        text
    }
}

impl Definition {
    /// Adds a column behind the others, with the keys it names.
    pub(in super::super) fn push(&mut self, text: ColumnText) {
        self.insert(self.columns.len(), text);
    }

    /// Adds a column at that place, with the keys it names.
    pub(in super::super) fn insert(&mut self, at: usize, text: ColumnText) {
        let ColumnText { column, primary, unique } = text;
        if primary {
            self.primary_key = vec![column.name.clone()];
        }
        if unique {
            self.unique_keys.push((column.name.clone(), vec![column.name.clone()]));
        }
        self.columns.insert(at.min(self.columns.len()), column);
    }

    /// Gives the table this primary key.
    pub(in super::super) fn set_primary_key(&mut self, columns: Vec<String>) {
        self.primary_key = columns;
        self.require_primary_key();
    }

    /// The columns of a primary key are never null, even if their definition does not say so.
    fn require_primary_key(&mut self) {
        for column in &mut self.columns {
            if self.primary_key.iter().any(|name| name.eq_ignore_ascii_case(&column.name)) {
                column.nullable = false;
            }
        }
    }
}

/// The character set of a NATIONAL type.
fn national(name: &str) -> Option<String> {
    ["national", "nchar", "nvarchar"].iter().any(|word| name.starts_with(word)).then(|| "utf8".to_owned())
}

/// The character set of a collation: its name up to the first `_`.
pub(super) fn charset_of(collation: &str) -> Option<String> {
    let (charset, _) = collation.split_once('_')?;
    Some(charset.to_ascii_lowercase())
}

/// A default as Debezium tells it in schema changes (`DefaultValueParserListener`): literals as they are written, without
/// quotes; the epoch for the time of now; of expressions nothing.
fn expression(default: &DefaultValue, written: &[Token]) -> Option<String> {
    match (default, written) {
        (DefaultValue::None | DefaultValue::Computed, _) => None,
        (DefaultValue::Now, _) => Some("1970-01-01 00:00:00".to_owned()),
        (_, [Token::Word(word)]) if word.get(..2).is_some_and(|two| matches!(two, "0x" | "0b")) => {
            word.get(2..).map(str::to_owned)
        }
        (DefaultValue::Bytes(_), [.., Token::Text(digits)]) => Some(digits.clone()),
        (_, [.., Token::Text(text)]) => Some(escaped(text)),
        (_, [sign @ .., Token::Word(word)]) => {
            let minus = if sign.first() == Some(&Token::Symbol('-')) { "-" } else { "" };
            Some(format!("{minus}{word}"))
        }
        _ => None,
    }
}

/// Text as `SHOW CREATE TABLE` writes it between its quotes.
pub(in super::super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\0' => escaped.push_str("\\0"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\\' => escaped.push_str("\\\\"),
            '\'' => escaped.push_str("''"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// The bytes of a bit literal, highest bit first.
fn bits(text: &str) -> Option<Vec<u8>> {
    let number = u64::from_str_radix(text, 2).ok()?;
    let bytes = number.to_be_bytes();
    Some(bytes.get(8 - text.len().div_ceil(8).clamp(1, 8)..)?.to_vec())
}

/// The bytes of a hexadecimal literal.
fn hex(text: &str) -> Option<Vec<u8>> {
    let padded = if text.len() % 2 == 1 { format!("0{text}") } else { text.to_owned() };
    let pair = |at: usize| u8::from_str_radix(padded.get(at..at + 2)?, 16).ok();
    (0..padded.len()).step_by(2).map(pair).collect()
}
