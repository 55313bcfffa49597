//! Reads the DDL that changes tables: CREATE, ALTER, RENAME, DROP and TRUNCATE TABLE, and indexes.
//!
//! Tolerant on purpose: of what does not change columns or keys it only finds the end. Owns statements, not tables
//! ([`super::catalog`] applies them). Invariant: a statement that is not understood is `None`, never half applied.
//! Grammar: <https://dev.mysql.com/doc/refman/8.4/en/sql-data-definition-statements.html>.

use super::definition::{Definition, UniqueKey};
use super::lexer::{Token, tokens};

#[path = "ddl_column.rs"]
mod column;
#[path = "ddl_database.rs"]
mod database;
#[path = "ddl_text.rs"]
mod text;

pub(super) use column::{Placed, escaped};
pub(super) use text::{Said, said};

/// A table's name, with its database if that was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TableName {
    pub(super) database: Option<String>,
    pub(super) table: String,
}

/// Where a column goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Behind the others, or where it was.
    Unsaid,
    /// Before all others.
    First,
    /// Behind that column.
    After(String),
}

/// One thing that ALTER TABLE does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Alteration {
    /// A column is added.
    Add(Placed),
    /// A column is dropped.
    Drop(String),
    /// A column is defined anew, perhaps with another name.
    Change(String, Placed),
    /// A column gets another default, or none.
    Default(String, (super::definition::DefaultValue, Option<String>)),
    /// A column gets another name.
    RenameColumn(String, String),
    /// The table gets another name.
    RenameTable(TableName),
    /// The table gets a primary key.
    AddPrimaryKey(Vec<String>),
    /// The table loses its primary key.
    DropPrimaryKey,
    /// The table gets a unique key.
    AddUnique(UniqueKey),
    /// The table loses an index, unique or not.
    DropIndex(String),
    /// An index gets another name.
    RenameIndex(String, String),
    /// The table, and all text in it, gets another character set.
    Convert(String),
    /// Columns that are added from now on get another character set.
    Charset(String),
    /// The table gets a comment.
    Comment(String),
}

/// A statement that changes tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Statement {
    /// A table is made.
    Create { table: TableName, definition: Definition },
    /// A table is made like another one.
    CreateLike { table: TableName, like: TableName },
    /// A table changes.
    Alter { table: TableName, alterations: Vec<Alteration> },
    /// Tables are dropped.
    Drop(Vec<TableName>),
    /// Tables get other names.
    Rename(Vec<(TableName, TableName)>),
    /// A table is emptied.
    Truncate(TableName),
    /// A database is made, or changed (`false`), perhaps with a character set. Without a name it is the current one.
    Database { name: Option<String>, charset: Option<String>, made: bool },
    /// A database is dropped.
    DropDatabase(String),
    /// It defines that table, but it was not understood.
    Unclear(TableName),
    /// It changes no table.
    Other,
}

/// What a statement does to tables.
pub(super) fn parse(sql: &str) -> Statement {
    let tokens = tokens(sql);
    let mut parser = Parser::new(&tokens);
    parser.statement().unwrap_or(Statement::Other)
}

/// The columns and keys of a CREATE TABLE, as `SHOW CREATE TABLE` gives it.
pub(super) fn definition(create_table: &str) -> Option<Definition> {
    match parse(create_table) {
        Statement::Create { definition, .. } => Some(definition),
        _ => None,
    }
}

/// Reads tokens forward.
pub(super) struct Parser<'a> {
    tokens: &'a [Token],
}

impl<'a> Parser<'a> {
    const fn new(tokens: &'a [Token]) -> Self {
        Self { tokens }
    }

    fn peek(&self) -> Option<&'a Token> {
        self.tokens.first()
    }

    fn next(&mut self) -> Option<&'a Token> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first)
    }

    /// Whether these keywords come next; if so, they are passed.
    fn accept(&mut self, keywords: &[&str]) -> bool {
        let matches = keywords.iter().enumerate().all(|(at, word)| self.tokens.get(at).is_some_and(|t| t.is(word)));
        if matches {
            self.tokens = self.tokens.get(keywords.len()..).unwrap_or_default();
        }
        matches
    }

    /// Passes one of these keywords, if it comes next.
    fn accept_any(&mut self, keywords: &[&str]) -> bool {
        keywords.iter().any(|keyword| self.accept(&[keyword]))
    }

    fn is_symbol(&self, symbol: char) -> bool {
        self.peek() == Some(&Token::Symbol(symbol))
    }

    fn accept_symbol(&mut self, symbol: char) -> bool {
        let found = self.is_symbol(symbol);
        if found {
            self.next();
        }
        found
    }

    /// A name: bare, or quoted.
    fn name(&mut self) -> Option<String> {
        match self.next()? {
            Token::Word(name) | Token::Name(name) | Token::Text(name) => Some(name.clone()),
            Token::Symbol(_) => None,
        }
    }

    fn table_name(&mut self) -> Option<TableName> {
        let first = self.name()?;
        if !self.accept_symbol('.') {
            return Some(TableName { database: None, table: first });
        }
        Some(TableName { database: Some(first), table: self.name()? })
    }

    /// What stands in the parentheses that come next, passed.
    fn parentheses(&mut self) -> Option<&'a [Token]> {
        if !self.is_symbol('(') {
            return None;
        }
        let mut depth = 0_usize;
        for (at, token) in self.tokens.iter().enumerate() {
            match token {
                Token::Symbol('(') => depth += 1,
                Token::Symbol(')') => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                let inside = self.tokens.get(1..at)?;
                self.tokens = self.tokens.get(at + 1..)?;
                return Some(inside);
            }
        }
        None
    }

    fn statement(&mut self) -> Option<Statement> {
        if self.accept(&["create"]) {
            self.accept(&["or", "replace"]);
            return self.create();
        }
        if self.accept(&["alter"]) {
            if self.accept_any(&["database", "schema"]) {
                return self.database(false);
            }
            while self.accept_any(&["online", "offline", "ignore"]) {}
            if !self.accept(&["table"]) {
                return None;
            }
            self.accept(&["if", "exists"]);
            let table = self.table_name()?;
            let alterations = self.alterations();
            return Some(match alterations {
                Some(alterations) => Statement::Alter { table, alterations },
                None => Statement::Unclear(table),
            });
        }
        if self.accept(&["rename"]) {
            return self.accept_any(&["table", "tables"]).then(|| self.rename())?;
        }
        if self.accept(&["truncate"]) {
            self.accept(&["table"]);
            return Some(Statement::Truncate(self.table_name()?));
        }
        self.accept(&["drop"]).then(|| self.drop())?
    }

    fn create(&mut self) -> Option<Statement> {
        if self.accept_any(&["database", "schema"]) {
            self.accept(&["if", "not", "exists"]);
            return self.database(true);
        }
        let unique = self.accept(&["unique"]);
        self.accept_any(&["fulltext", "spatial"]);
        if self.accept(&["index"]) {
            return self.create_index(unique);
        }
        // A temporary table is in no row event, and hides a real one only from its own session.
        if !self.accept(&["table"]) {
            return None;
        }
        self.accept(&["if", "not", "exists"]);
        let table = self.table_name()?;
        if self.accept(&["like"]) {
            return Some(Statement::CreateLike { table, like: self.table_name()? });
        }
        let Some(inside) = self.parentheses() else {
            return Some(Statement::Unclear(table));
        };
        let mut inside = Parser::new(inside);
        if inside.accept(&["like"]) {
            return Some(Statement::CreateLike { table, like: inside.table_name()? });
        }
        // CREATE TABLE … SELECT: the log holds the columns too, but not from every server.
        let selects = self.tokens.iter().any(|token| token.is("select"));
        Some(match inside.definition() {
            Some(mut definition) if !selects => {
                self.table_options(&mut definition);
                Statement::Create { table, definition }
            }
            _ => Statement::Unclear(table),
        })
    }

    fn create_index(&mut self, unique: bool) -> Option<Statement> {
        self.accept(&["if", "not", "exists"]);
        let index = self.name()?;
        while !self.accept(&["on"]) {
            self.next()?;
        }
        let table = self.table_name()?;
        let columns = self.index_columns()?;
        let alterations = if unique { vec![Alteration::AddUnique((index, columns))] } else { Vec::new() };
        Some(Statement::Alter { table, alterations })
    }

    fn rename(&mut self) -> Option<Statement> {
        let mut pairs = Vec::new();
        loop {
            self.accept(&["if", "exists"]);
            let from = self.table_name()?;
            if !self.accept(&["to"]) {
                return None;
            }
            pairs.push((from, self.table_name()?));
            if !self.accept_symbol(',') {
                return Some(Statement::Rename(pairs));
            }
        }
    }

    fn drop(&mut self) -> Option<Statement> {
        if self.accept_any(&["database", "schema"]) {
            self.accept(&["if", "exists"]);
            return Some(Statement::DropDatabase(self.name()?));
        }
        if self.accept(&["index"]) {
            self.accept(&["if", "exists"]);
            let index = self.name()?;
            let table = self.accept(&["on"]).then(|| self.table_name())??;
            return Some(Statement::Alter { table, alterations: vec![drop_index(index)] });
        }
        if !self.accept_any(&["table", "tables"]) {
            return None;
        }
        self.accept(&["if", "exists"]);
        let mut tables = vec![self.table_name()?];
        while self.accept_symbol(',') {
            tables.push(self.table_name()?);
        }
        Some(Statement::Drop(tables))
    }

    fn alterations(&mut self) -> Option<Vec<Alteration>> {
        let mut alterations = Vec::new();
        while self.peek().is_some() {
            self.alteration(&mut alterations)?;
            self.skip_to_comma();
            if !self.accept_symbol(',') && self.peek().is_some() && !self.is_symbol(';') {
                return None;
            }
            self.accept_symbol(';');
        }
        Some(alterations)
    }

    fn alteration(&mut self, found: &mut Vec<Alteration>) -> Option<()> {
        if self.accept(&["add"]) {
            return self.add(found);
        }
        if self.accept(&["drop"]) {
            self.drop_part(found)?;
        } else if self.accept_any(&["change"]) {
            self.accept(&["column"]);
            self.accept(&["if", "exists"]);
            let old = self.name()?;
            found.push(Alteration::Change(old, self.placed_column()?));
        } else if self.accept(&["modify"]) {
            self.accept(&["column"]);
            self.accept(&["if", "exists"]);
            let placed = self.placed_column()?;
            found.push(Alteration::Change(placed.column.name().to_owned(), placed));
        } else if self.accept(&["alter"]) {
            if self.accept_any(&["index", "key", "check", "constraint"]) {
                return Some(());
            }
            self.accept(&["column"]);
            let name = self.name()?;
            if self.accept(&["set", "default"]) {
                found.push(Alteration::Default(name, self.told_default()?));
            } else if self.accept(&["drop", "default"]) {
                found.push(Alteration::Default(name, (super::definition::DefaultValue::None, None)));
            }
        } else if self.accept(&["rename"]) {
            found.push(self.rename_part()?);
        } else {
            found.extend(self.altered_options());
        }
        // Anything else (engine, partitions, algorithm, …) changes no column and no key.
        Some(())
    }

    fn rename_part(&mut self) -> Option<Alteration> {
        let column = self.accept(&["column"]);
        if column || self.accept_any(&["index", "key"]) {
            let from = self.name()?;
            let to = self.accept(&["to"]).then(|| self.name())??;
            return Some(if column { Alteration::RenameColumn(from, to) } else { Alteration::RenameIndex(from, to) });
        }
        self.accept_any(&["to", "as"]);
        self.accept_symbol('=');
        Some(Alteration::RenameTable(self.table_name()?))
    }

    fn add(&mut self, found: &mut Vec<Alteration>) -> Option<()> {
        match self.key_part()? {
            KeyPart::None => {}
            KeyPart::Other => return Some(()),
            KeyPart::Primary(columns) => {
                found.push(Alteration::AddPrimaryKey(columns));
                return Some(());
            }
            KeyPart::Unique(unique) => {
                found.push(Alteration::AddUnique(unique));
                return Some(());
            }
        }
        if self.accept(&["partition"]) {
            return Some(());
        }
        self.accept(&["column"]);
        self.accept(&["if", "not", "exists"]);
        if self.is_symbol('(') {
            let mut inside = Parser::new(self.parentheses()?);
            while inside.peek().is_some() {
                found.push(Alteration::Add(inside.placed_column()?));
                inside.accept_symbol(',');
            }
        } else {
            found.push(Alteration::Add(self.placed_column()?));
        }
        Some(())
    }

    fn drop_part(&mut self, found: &mut Vec<Alteration>) -> Option<()> {
        if self.accept(&["primary", "key"]) {
            found.push(Alteration::DropPrimaryKey);
        } else if self.accept_any(&["index", "key", "constraint"]) {
            self.accept(&["if", "exists"]);
            found.push(drop_index(self.name()?));
        } else if !self.accept_any(&["foreign", "check", "partition"]) {
            self.accept(&["column"]);
            self.accept(&["if", "exists"]);
            found.push(Alteration::Drop(self.name()?));
        }
        Some(())
    }

    /// Passes everything up to the next comma that stands in no parentheses.
    fn skip_to_comma(&mut self) {
        while let Some(token) = self.peek() {
            match token {
                Token::Symbol(',' | ';') => return,
                Token::Symbol('(') if self.parentheses().is_some() => {}
                _ => {
                    self.next();
                }
            }
        }
    }

    /// The names in an index's parentheses; empty if one of its parts is an expression.
    fn index_columns(&mut self) -> Option<Vec<String>> {
        let mut inside = Parser::new(self.parentheses()?);
        let mut columns = Vec::new();
        while inside.peek().is_some() {
            if inside.is_symbol('(') {
                return Some(Vec::new());
            }
            columns.push(inside.name()?);
            inside.skip_to_comma();
            inside.accept_symbol(',');
        }
        Some(columns)
    }
}

/// `DROP INDEX` may name the primary key too.
fn drop_index(name: String) -> Alteration {
    if name.eq_ignore_ascii_case("primary") { Alteration::DropPrimaryKey } else { Alteration::DropIndex(name) }
}

/// A part of a table's definition that is no column.
pub(super) enum KeyPart {
    /// It is a column after all.
    None,
    /// It names no rows: an index, a constraint.
    Other,
    Primary(Vec<String>),
    Unique(UniqueKey),
}

#[cfg(test)]
#[path = "ddl_tests.rs"]
mod tests;
