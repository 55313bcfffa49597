//! The catalog: the definitions of the captured tables, kept true across the DDL in the log.
//!
//! Owns the definitions and applies statements to them; reads no log and no server. Invariant: a definition is the one at
//! the place in the log that was applied last; a table whose definition is not sure has none, until it is read anew.

use std::collections::HashMap;

use super::ddl::{Alteration, Place, Placed, Statement, TableName};
use super::definition::{Column, Definition};

/// A table's database and name.
pub(super) type Name = (String, String);

/// The definitions of the captured tables.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    tables: HashMap<Name, Definition>,
    /// The character sets of databases, as far as they are known.
    charsets: HashMap<String, String>,
}

/// What must be read from the server, since the statement alone does not tell.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(super) struct Unsure(pub(super) Vec<Name>);

impl Catalog {
    pub(super) fn get(&self, database: &str, table: &str) -> Option<&Definition> {
        self.tables.get(&(database.to_owned(), table.to_owned()))
    }

    pub(super) fn insert(&mut self, name: Name, definition: Definition) {
        self.tables.insert(name, definition);
    }

    /// A database's character set is this one.
    pub(super) fn set_charset(&mut self, database: String, charset: String) {
        self.charsets.insert(database, charset);
    }

    /// A table that was made in that database; without a character set of its own it has the database's.
    pub(super) fn settled(&self, database: &str, mut definition: Definition) -> Definition {
        definition.charset = definition.charset.take().or_else(|| self.charsets.get(database).cloned());
        definition
    }

    /// Applies a statement that ran in that database. Tells which tables are not sure now.
    pub(super) fn apply(&mut self, statement: Statement, database: &str) -> Unsure {
        let full = |name: TableName| (name.database.unwrap_or_else(|| database.to_owned()), name.table);
        let mut unsure = Unsure::default();
        match statement {
            Statement::Create { table, definition } => {
                let name = full(table);
                let definition = self.settled(&name.0, definition);
                self.tables.insert(name, definition);
            }
            Statement::CreateLike { table, like } => match self.tables.get(&full(like)).cloned() {
                Some(definition) => self.insert(full(table), definition),
                None => unsure.0.push(full(table)),
            },
            Statement::Alter { table, alterations } => self.alter(full(table), alterations, database, &mut unsure),
            Statement::Drop(tables) => tables.into_iter().for_each(|table| {
                self.tables.remove(&full(table));
            }),
            Statement::Rename(pairs) => {
                for (from, to) in pairs {
                    self.rename(&full(from), full(to), &mut unsure);
                }
            }
            Statement::Database { name, charset, .. } => {
                if let Some(charset) = charset {
                    self.set_charset(name.unwrap_or_else(|| database.to_owned()), charset);
                }
            }
            Statement::DropDatabase(database) => self.tables.retain(|(of, _), _| *of != database),
            Statement::Unclear(table) => {
                let name = full(table);
                self.tables.remove(&name);
                unsure.0.push(name);
            }
            Statement::Truncate(_) | Statement::Other => {}
        }
        unsure
    }

    fn rename(&mut self, from: &Name, to: Name, unsure: &mut Unsure) {
        match self.tables.remove(from) {
            Some(definition) => self.insert(to, definition),
            None => unsure.0.push(to),
        }
    }

    fn alter(&mut self, name: Name, alterations: Vec<Alteration>, database: &str, unsure: &mut Unsure) {
        let Some(definition) = self.tables.get(&name) else {
            unsure.0.push(name);
            return;
        };
        let mut altered = definition.clone();
        let mut renamed = None;
        for alteration in alterations {
            if let Alteration::RenameTable(to) = alteration {
                renamed = Some((to.database.unwrap_or_else(|| database.to_owned()), to.table));
            } else if altered.alter(alteration).is_none() {
                self.tables.remove(&name);
                unsure.0.push(renamed.unwrap_or(name));
                return;
            }
        }
        if renamed.is_some() {
            self.tables.remove(&name);
        }
        self.insert(renamed.unwrap_or(name), altered);
    }
}

impl Definition {
    /// Applies one alteration; `None`: it speaks of a column that is not there.
    fn alter(&mut self, alteration: Alteration) -> Option<()> {
        match alteration {
            Alteration::Add(placed) => {
                if self.index_of(placed.column.name()).is_some() {
                    return None;
                }
                self.place(placed, self.columns.len())?;
            }
            Alteration::Drop(name) => {
                let at = self.index_of(&name)?;
                self.columns.remove(at);
                self.primary_key.retain(|column| !column.eq_ignore_ascii_case(&name));
                for (_, columns) in &mut self.unique_keys {
                    columns.retain(|column| !column.eq_ignore_ascii_case(&name));
                }
                self.unique_keys.retain(|(_, columns)| !columns.is_empty());
            }
            Alteration::Change(old, placed) => {
                let at = self.index_of(&old)?;
                self.columns.remove(at);
                self.rename_in_keys(&old, placed.column.name());
                self.place(placed, at)?;
            }
            Alteration::Default(name, (default, expression)) => {
                let column = self.column_mut(&name)?;
                (column.default, column.expression) = (default, expression);
            }
            Alteration::RenameColumn(from, to) => {
                self.rename_in_keys(&from, &to);
                self.column_mut(&from)?.name = to;
            }
            Alteration::AddPrimaryKey(columns) => self.set_primary_key(columns),
            Alteration::DropPrimaryKey => self.primary_key.clear(),
            Alteration::AddUnique(unique) => self.unique_keys.push(unique),
            Alteration::DropIndex(name) => self.unique_keys.retain(|(key, _)| !key.eq_ignore_ascii_case(&name)),
            Alteration::RenameIndex(from, to) => {
                let renamed = self.unique_keys.iter_mut().find(|(key, _)| key.eq_ignore_ascii_case(&from));
                if let Some((key, _)) = renamed {
                    *key = to;
                }
            }
            Alteration::Convert(charset) => {
                self.columns.iter_mut().for_each(|column| column.charset = None);
                // DEFAULT is the database's.
                self.charset = (charset != "default").then_some(charset);
            }
            Alteration::Charset(charset) => {
                // The columns that are there keep theirs.
                let before = self.charset.replace(charset);
                for column in self.columns.iter_mut().filter(|column| column.charset.is_none()) {
                    column.charset.clone_from(&before);
                }
            }
            Alteration::Comment(comment) => self.comment = Some(comment),
            Alteration::RenameTable(_) => {}
        }
        Some(())
    }

    fn column_mut(&mut self, name: &str) -> Option<&mut Column> {
        self.columns.iter_mut().find(|column| column.name.eq_ignore_ascii_case(name))
    }

    /// Puts a column where it wants to be, else at `unsaid`.
    fn place(&mut self, placed: Placed, unsaid: usize) -> Option<()> {
        let at = match placed.place {
            Place::Unsaid => unsaid,
            Place::First => 0,
            Place::After(name) => self.index_of(&name)? + 1,
        };
        let mut column = placed.column;
        // A changed column of the primary key stays without null even if that is not said again.
        if self.primary_key.iter().any(|name| name.eq_ignore_ascii_case(column.name())) {
            column.column.nullable = false;
        }
        self.insert(at, column);
        Some(())
    }

    fn rename_in_keys(&mut self, from: &str, to: &str) {
        let keys = self.unique_keys.iter_mut().flat_map(|(_, columns)| columns.iter_mut());
        for column in self.primary_key.iter_mut().chain(keys).filter(|column| column.eq_ignore_ascii_case(from)) {
            to.clone_into(column);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::mysql::ddl;
    use crate::source::mysql::definition::DefaultValue;

    fn run(statements: &[&str]) -> (Catalog, Vec<Name>) {
        let mut catalog = Catalog::default();
        let unsure = statements.iter().flat_map(|sql| catalog.apply(ddl::parse(sql), "d").0).collect();
        (catalog, unsure)
    }

    fn names(catalog: &Catalog, table: &str) -> Vec<String> {
        catalog.get("d", table).unwrap().columns.iter().map(|column| column.name.clone()).collect()
    }

    #[test]
    fn follows_a_table_through_its_changes() {
        let (catalog, unsure) = run(&[
            "CREATE TABLE t (id int primary key, balance decimal(10,2), x int, unique key u (x))",
            "ALTER TABLE t ADD COLUMN note varchar(20) DEFAULT 'dflt', ADD a int FIRST, ADD b int AFTER id",
            "ALTER TABLE t DROP COLUMN balance, CHANGE note remark varchar(40) DEFAULT 'r', RENAME COLUMN x TO y",
            "ALTER TABLE t MODIFY id bigint AFTER remark",
        ]);
        assert_eq!(unsure, []);
        assert_eq!(names(&catalog, "t"), ["a", "b", "y", "remark", "id"]);
        let table = catalog.get("d", "t").unwrap();
        assert_eq!(table.column("remark").unwrap().default, DefaultValue::Text("r".into()));
        assert_eq!((table.key(), table.unique_keys[0].1[0].as_str()), (&["id".to_owned()][..], "y"));
        assert!(!table.column("id").unwrap().nullable);
    }

    #[test]
    fn a_unique_key_without_nulls_names_rows() {
        let (catalog, _) = run(&["CREATE TABLE t (a int not null, b int, unique key x (b), unique key y (a))"]);
        assert_eq!(catalog.get("d", "t").unwrap().key(), ["a"]);
    }

    #[test]
    fn renames_and_drops() {
        let (catalog, unsure) = run(&[
            "CREATE TABLE t (id int)",
            "RENAME TABLE t TO e.t2, e.t2 TO t3",
            "CREATE TABLE t4 LIKE t3",
            "ALTER TABLE t3 RENAME TO t5",
            "DROP TABLE t4",
        ]);
        assert_eq!(unsure, []);
        assert!(
            catalog.get("d", "t5").is_some() && catalog.get("d", "t3").is_none() && catalog.get("d", "t4").is_none()
        );
    }

    #[test]
    fn says_what_it_is_not_sure_of() {
        let (catalog, unsure) = run(&[
            "CREATE TABLE t (id int)",
            "ALTER TABLE t DROP COLUMN nope",
            "ALTER TABLE other ADD x int",
            "CREATE TABLE s AS SELECT 1 AS a",
        ]);
        let name = |table: &str| ("d".to_owned(), table.to_owned());
        assert_eq!(unsure, [name("t"), name("other"), name("s")]);
        assert!(catalog.get("d", "t").is_none());
    }
}
