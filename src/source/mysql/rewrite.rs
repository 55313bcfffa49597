//! Statements of a script, read so closely that they can be run elsewhere: every table's name in them is known.
//!
//! Owns which statements are let through, and where names of tables stand in them. Invariant: what is not understood is an
//! error; in what is let through there is no name with a dot that was not taken for a table's and given another one, so a
//! statement that was rewritten reaches no table but those it was sent to.
//! Grammar: <https://dev.mysql.com/doc/refman/8.4/en/sql-data-definition-statements.html>.

use std::ops::{ControlFlow, Range};

use super::catalog::Name;
use super::ddl::TableName;
use super::lexer::{Oddity, Spanned, Token, spanned};
use super::server::quoted;

/// What is wrong, and at which byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bad {
    pub(super) at: usize,
    pub(super) reason: String,
}

/// A statement that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Statement {
    /// `USE`: the database of names without one, from here on.
    Use(String),
    /// DDL of tables.
    Ddl(Ddl),
}

/// DDL, and the tables that it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ddl {
    /// Where it begins.
    pub(super) at: usize,
    /// Its tokens.
    spans: Vec<Range<usize>>,
    /// The tables that it names, by the tokens of their names.
    tables: Vec<(Range<usize>, TableName)>,
}

impl Ddl {
    /// The tables that it names.
    pub(super) fn tables(&self) -> impl Iterator<Item = &TableName> {
        self.tables.iter().map(|(_, name)| name)
    }

    /// The statement, with the names that `renamed` gives to its tables. Comments are left out.
    pub(super) fn rewritten(&self, text: &str, renamed: impl Fn(&TableName) -> Name) -> String {
        let mut sql = String::new();
        let mut last: Option<usize> = None;
        let mut tables = self.tables.iter().peekable();
        for (token, span) in self.spans.iter().enumerate() {
            tables.next_if(|(tokens, _)| tokens.end <= token);
            let within = tables.peek().is_some_and(|(tokens, _)| tokens.start < token && token < tokens.end);
            // What had a gap keeps one: a function's name and its parenthesis must not part, nor words meet.
            if !within && last.is_some_and(|last| last < span.start) {
                sql.push(' ');
            }
            last = Some(span.end);
            match tables.peek() {
                Some((tokens, name)) if tokens.start == token => sql.push_str(&quoted(&renamed(name))),
                Some((tokens, _)) if tokens.contains(&token) => {}
                _ => sql.push_str(text.get(span.clone()).unwrap_or_default()),
            }
        }
        sql
    }
}

/// The statements of a script.
///
/// # Errors
/// The first that is not understood.
pub(super) fn statements(text: &str) -> Result<Vec<Statement>, Bad> {
    let (tokens, oddities) = spanned(text);
    match oddities.first() {
        Some(Oddity::Unclosed(at)) => {
            return Err(Bad { at: *at, reason: "what is quoted, or the comment, does not end".to_owned() });
        }
        Some(Oddity::VersionComment(at)) => {
            let reason = "/*! … */ is a statement for some versions and a comment for others; write one of the two";
            return Err(Bad { at: *at, reason: reason.to_owned() });
        }
        None => {}
    }
    let parts = tokens.split(|spanned| spanned.token == Token::Symbol(';'));
    parts.filter(|tokens| !tokens.is_empty()).map(|tokens| Walk::new(tokens).statement()).collect()
}

/// The one statement of a text that the server wrote: `SHOW CREATE TABLE`. What it has in `/*! … */` is of its own version.
///
/// # Errors
/// When it is not understood.
pub(super) fn of_server(text: &str) -> Result<Ddl, Bad> {
    let (tokens, _) = spanned(text);
    match Walk::new(&tokens).statement()? {
        Statement::Ddl(ddl) => Ok(ddl),
        Statement::Use(_) => Err(Bad { at: 0, reason: "is no CREATE TABLE".to_owned() }),
    }
}

/// Reads a statement's tokens forward.
struct Walk<'a> {
    tokens: &'a [Spanned],
    at: usize,
    tables: Vec<(Range<usize>, TableName)>,
}

type Read<T> = Result<T, Bad>;

impl<'a> Walk<'a> {
    const fn new(tokens: &'a [Spanned]) -> Self {
        Self { tokens, at: 0, tables: Vec::new() }
    }

    fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.at).map(|spanned| &spanned.token)
    }

    fn is(&self, keywords: &[&str]) -> bool {
        let tokens = self.tokens.get(self.at..).unwrap_or_default();
        keywords.len() <= tokens.len() && keywords.iter().zip(tokens).all(|(word, spanned)| spanned.token.is(word))
    }

    fn accept(&mut self, keywords: &[&str]) -> bool {
        let found = self.is(keywords);
        if found {
            self.at += keywords.len();
        }
        found
    }

    fn accept_any(&mut self, keywords: &[&str]) -> bool {
        keywords.iter().any(|keyword| self.accept(&[keyword]))
    }

    fn accept_symbol(&mut self, symbol: char) -> bool {
        let found = self.peek() == Some(&Token::Symbol(symbol));
        self.at += usize::from(found);
        found
    }

    /// What is wrong at the next token, or where the statement ends.
    fn bad(&self, reason: impl Into<String>) -> Bad {
        let last = || self.tokens.last().map_or(0, |spanned| spanned.span.end.saturating_sub(1));
        Bad { at: self.tokens.get(self.at).map_or_else(last, |spanned| spanned.span.start), reason: reason.into() }
    }

    fn expect(&mut self, keyword: &str) -> Read<()> {
        if self.accept(&[keyword]) {
            Ok(())
        } else {
            Err(self.bad(format!("{} is expected here", keyword.to_uppercase())))
        }
    }

    fn name(&mut self) -> Read<String> {
        match self.peek() {
            Some(Token::Word(name) | Token::Name(name)) => {
                self.at += 1;
                Ok(name.clone())
            }
            Some(Token::Text(_)) => Err(self.bad("a name is expected here, bare or in backticks")),
            _ => Err(self.bad("a name is expected here")),
        }
    }

    /// A table's name, to be rewritten.
    fn table(&mut self) -> Read<()> {
        let begin = self.at;
        let first = self.name()?;
        let name = if self.accept_symbol('.') {
            TableName { database: Some(first), table: self.name()? }
        } else {
            TableName { database: None, table: first }
        };
        self.tables.push((begin..self.at, name));
        Ok(())
    }

    fn statement(mut self) -> Read<Statement> {
        if self.accept(&["use"]) {
            let database = self.name()?;
            self.end()?;
            return Ok(Statement::Use(database));
        }
        if self.accept(&["create"]) {
            self.create()?;
        } else if self.accept(&["alter", "table"]) {
            self.table()?;
            self.alterations()?;
        } else if self.accept(&["drop", "table"]) || self.accept(&["drop", "tables"]) {
            self.accept(&["if", "exists"]);
            self.list(Self::table)?;
            self.accept_any(&["restrict", "cascade"]);
        } else if self.accept(&["drop", "index"]) {
            self.name()?;
            self.expect("on")?;
            self.table()?;
            self.rest(|_| Ok(ControlFlow::Continue(())))?;
        } else if self.accept(&["rename", "table"]) || self.accept(&["rename", "tables"]) {
            self.list(|walk| {
                walk.table()?;
                walk.expect("to")?;
                walk.table()
            })?;
        } else {
            return Err(self.bad(
                "is none of the statements that are tried: CREATE, ALTER, DROP and RENAME TABLE, CREATE and DROP INDEX, and \
                 USE; leave out of the file what changes no table",
            ));
        }
        self.end()?;
        let at = self.tokens.first().map_or(0, |spanned| spanned.span.start);
        let spans = self.tokens.iter().map(|spanned| spanned.span.clone()).collect();
        Ok(Statement::Ddl(Ddl { at, spans, tables: self.tables }))
    }

    fn end(&self) -> Read<()> {
        if self.peek().is_none() { Ok(()) } else { Err(self.bad("the statement should end here")) }
    }

    fn list(&mut self, mut one: impl FnMut(&mut Self) -> Read<()>) -> Read<()> {
        one(self)?;
        while self.accept_symbol(',') {
            one(self)?;
        }
        Ok(())
    }

    fn create(&mut self) -> Read<()> {
        if self.is(&["temporary"]) {
            return Err(self.bad("a temporary table is in no log; leave it out"));
        }
        if self.accept(&["table"]) {
            self.accept(&["if", "not", "exists"]);
            self.table()?;
            let parenthesis = self.tokens.get(self.at).is_some_and(|spanned| spanned.token == Token::Symbol('('));
            if parenthesis && self.tokens.get(self.at + 1).is_some_and(|spanned| spanned.token.is("like")) {
                self.at += 2;
                self.table()?;
                return if self.accept_symbol(')') { Ok(()) } else { Err(self.bad("a parenthesis should close here")) };
            }
            if self.accept(&["like"]) {
                return self.table();
            }
            return self.rest(|walk| {
                if walk.is(&["table"]) || walk.is(&["as"]) {
                    return Err(walk.bad("a table that is made of a query is not tried; write its columns"));
                }
                Ok(ControlFlow::Continue(()))
            });
        }
        self.accept_any(&["unique", "fulltext", "spatial"]);
        if !self.accept(&["index"]) {
            return Err(self.bad("of CREATE only CREATE TABLE and CREATE INDEX are tried"));
        }
        self.name()?;
        if self.accept(&["using"]) {
            self.name()?;
        }
        self.expect("on")?;
        self.table()?;
        self.rest(|_| Ok(ControlFlow::Continue(())))
    }

    /// What ALTER TABLE does: names of tables stand at the head of a part, and in constraints.
    fn alterations(&mut self) -> Read<()> {
        loop {
            self.alteration()?;
            self.rest(|walk| match walk.peek() {
                Some(Token::Symbol(',')) => Ok(ControlFlow::Break(())),
                _ => Ok(ControlFlow::Continue(())),
            })?;
            if !self.accept_symbol(',') {
                return Ok(());
            }
        }
    }

    fn alteration(&mut self) -> Read<()> {
        if self.accept(&["rename"]) {
            if self.accept_any(&["column", "index", "key"]) {
                return Ok(());
            }
            if !self.accept_any(&["to", "as"]) {
                self.accept_symbol('=');
            }
            return self.table();
        }
        if self.accept(&["exchange", "partition"]) {
            self.name()?;
            self.expect("with")?;
            self.expect("table")?;
            return self.table();
        }
        if self.is(&["discard"]) || self.is(&["import"]) {
            return Err(self.bad("the files of tables are not touched here; leave it out"));
        }
        Ok(())
    }

    /// The rest of a statement, or of a part of it: outside parentheses `each` says whether it ends before that token.
    fn rest(&mut self, each: impl Fn(&Self) -> Read<ControlFlow<()>>) -> Read<()> {
        let mut depth = 0_usize;
        while let Some(token) = self.peek() {
            if depth == 0 && each(self)?.is_break() {
                return Ok(());
            }
            match token {
                Token::Symbol('(') => depth += 1,
                Token::Symbol(')') if depth == 0 => return Err(self.bad("no parenthesis is open here")),
                Token::Symbol(')') => depth -= 1,
                Token::Symbol('.') => {
                    return Err(self.bad("a name with a dot is not understood where no table is expected"));
                }
                Token::Word(_) => self.refuse_words(depth)?,
                Token::Symbol(_) | Token::Name(_) | Token::Text(_) => {}
            }
            self.at += 1;
            if token.is("references") {
                self.table()?;
            }
        }
        if depth == 0 { Ok(()) } else { Err(self.bad("a parenthesis does not close")) }
    }

    /// Words that bring other tables, other servers or files with them.
    fn refuse_words(&self, depth: usize) -> Read<()> {
        if self.is(&["select"]) || self.is(&["union"]) {
            return Err(self.bad("a statement with a query, or of several tables, is not tried"));
        }
        if self.is(&["data", "directory"]) || self.is(&["index", "directory"]) {
            return Err(self.bad("a directory of the server is not touched here; leave it out"));
        }
        let behind = self.tokens.get(self.at + 1).map(|spanned| &spanned.token);
        if depth == 0 && self.is(&["connection"]) && matches!(behind, Some(Token::Symbol('=') | Token::Text(_))) {
            return Err(self.bad("a table of another server is in no log of this one; leave it out"));
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "rewrite_tests.rs"]
mod tests;
