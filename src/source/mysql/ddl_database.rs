//! Character sets and comments: what CREATE and ALTER say of databases and of tables beside their columns.

use super::super::definition::Definition;
use super::column::charset_of;
use super::{Alteration, Parser, Statement, Token};

/// An option of a database or a table.
enum Setting {
    Charset(String),
    Collation(String),
    Comment(String),
}

impl Parser<'_> {
    /// CREATE and ALTER DATABASE, behind these words.
    pub(super) fn database(&mut self, made: bool) -> Option<Statement> {
        let options = ["default", "character", "charset", "collate", "encryption", "read"];
        let unnamed = !made && self.peek().is_none_or(|token| options.iter().any(|option| token.is(option)));
        let name = if unnamed { None } else { Some(self.name()?) };
        let mut charset = None;
        while self.peek().is_some() {
            match self.option() {
                Some(Setting::Charset(named)) => charset = Some(named),
                Some(Setting::Collation(collation)) => charset = charset.or_else(|| charset_of(&collation)),
                Some(Setting::Comment(_)) => {}
                None => {
                    self.next();
                }
            }
        }
        Some(Statement::Database { name, charset, made })
    }

    /// What stands behind the columns of a CREATE TABLE.
    pub(super) fn table_options(&mut self, definition: &mut Definition) {
        while self.peek().is_some_and(|token| !token.is("partition")) {
            match self.option() {
                Some(Setting::Charset(charset)) => definition.charset = Some(charset),
                Some(Setting::Collation(collation)) => {
                    definition.charset = definition.charset.take().or_else(|| charset_of(&collation));
                }
                Some(Setting::Comment(comment)) => definition.comment = Some(comment),
                None => {
                    self.next();
                }
            }
        }
    }

    /// Options in ALTER TABLE, up to the next comma: they may stand one behind the other.
    pub(super) fn altered_options(&mut self) -> Vec<Alteration> {
        let mut found = Vec::new();
        if self.accept(&["convert", "to"]) {
            if let Some(Setting::Charset(charset)) = self.option() {
                found.push(Alteration::Convert(charset));
            }
            return found;
        }
        while self.peek().is_some_and(|token| !matches!(token, Token::Symbol(',' | ';' | '('))) {
            match self.option() {
                Some(Setting::Charset(charset)) => found.push(Alteration::Charset(charset)),
                Some(Setting::Collation(collation)) => found.extend(charset_of(&collation).map(Alteration::Charset)),
                Some(Setting::Comment(comment)) => found.push(Alteration::Comment(comment)),
                None => {
                    self.next();
                }
            }
        }
        found
    }

    /// The option that comes next, if it is one of those.
    fn option(&mut self) -> Option<Setting> {
        let before = self.tokens;
        self.accept(&["default"]);
        let option = if self.accept(&["character", "set"]) || self.accept(&["char", "set"]) || self.accept(&["charset"])
        {
            self.accept_symbol('=');
            self.name().map(|name| Setting::Charset(name.to_ascii_lowercase()))
        } else if self.accept(&["collate"]) {
            self.accept_symbol('=');
            self.name().map(Setting::Collation)
        } else if self.accept(&["comment"]) {
            self.accept_symbol('=');
            self.name().map(Setting::Comment)
        } else {
            None
        };
        if option.is_none() {
            self.tokens = before;
        }
        option
    }
}
