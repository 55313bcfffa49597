//! What a source would say of its tables, without saying it: for checks before anything is produced, and before DDL is run.
//!
//! Owns what such a description holds, and the script of DDL that is tried for one; how a database is asked is the
//! `describe` of each source. Invariants: describing makes no slot, no publication, and keeps no state; and a script that
//! was tried has changed nothing when the description is there, or the error.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::SourceError;
use crate::data::Schema;
use crate::event::Table;

/// The tables of a database, as a source would tell of them.
#[derive(Debug)]
pub struct Description {
    /// The captured tables.
    pub tables: Vec<Described>,
    /// Records that the source makes whole, where the connector's file asks for them.
    pub own: Vec<OwnRecord>,
}

/// A captured table.
#[derive(Debug)]
pub struct Described {
    /// Its whole name, as lists have it.
    pub name: String,
    /// What its events share: one form, or two where a snapshot tells another than the stream. An error is what would stop
    /// the connector at this table.
    pub forms: Result<Vec<Arc<Table>>, SourceError>,
}

impl Described {
    /// A table whose forms could be made or not; other errors than those of the table itself are passed on.
    ///
    /// # Errors
    /// What has nothing to do with this table.
    pub fn new(name: String, forms: Result<Vec<Arc<Table>>, SourceError>) -> Result<Self, SourceError> {
        match forms {
            Err(error @ (SourceError::UnsupportedType { .. } | SourceError::NameCollision { .. })) => {
                Ok(Self { name, forms: Err(error) })
            }
            Err(error) => Err(error),
            Ok(forms) => Ok(Self { name, forms: Ok(forms) }),
        }
    }
}

/// A record that the source makes whole, by its schemas.
#[derive(Clone, Debug)]
pub struct OwnRecord {
    /// Where it goes.
    pub topic: Arc<str>,
    /// The schema of its key.
    pub key: Arc<Schema>,
    /// The schema of its value.
    pub value: Arc<Schema>,
}

/// DDL that is tried, so that the tables can be described as they would be after it.
#[derive(Clone, Debug)]
pub struct Script {
    /// The file, as messages name it.
    pub file: String,
    /// The statements.
    pub text: String,
    /// Cancelled when the user wants no more: what was made for the trial is removed then too.
    pub stop: CancellationToken,
}

impl Script {
    /// The line of a byte of the text, from 1.
    #[must_use]
    pub fn line(&self, at: usize) -> usize {
        1 + self.text.bytes().take(at).filter(|byte| *byte == b'\n').count()
    }

    /// The statement at that byte is wrong.
    #[must_use]
    pub fn wrong(&self, at: usize, reason: impl Into<String>) -> DescribeError {
        DescribeError::Wrong { file: self.file.clone(), line: self.line(at), reason: reason.into() }
    }

    /// The statement at that byte could not be tried.
    #[must_use]
    pub fn untried(&self, at: usize, reason: impl Into<String>) -> DescribeError {
        DescribeError::Untried { file: self.file.clone(), line: self.line(at), reason: reason.into() }
    }
}

/// The first line of a statement, as messages quote it.
#[must_use]
pub fn quoted(statement: &str) -> String {
    const LENGTH_MAX: usize = 60;
    let words = statement.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(LENGTH_MAX) {
        Some((end, _)) => format!("{}…", words.get(..end).unwrap_or_default()),
        None => words,
    }
}

/// Why tables could not be described.
#[derive(Debug, thiserror::Error)]
pub enum DescribeError {
    /// The database could not be asked.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A statement of the script is wrong, or is none that can be tried.
    #[error("{file}:{line}: {reason}")]
    Wrong {
        /// The script's file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it, in the server's words where it was asked.
        reason: String,
    },
    /// A statement of the script could not be tried now: a lock, a time limit, a right that is missing.
    #[error("{file}:{line}: {reason}")]
    Untried {
        /// The script's file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What stood in its way, and what helps.
        reason: String,
    },
    /// The user wanted no more.
    #[error("interrupted; the database is as it was")]
    Interrupted,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_and_statements_are_cut() {
        let script = Script { file: "f.sql".into(), text: "a;\nb\n;c".into(), stop: CancellationToken::new() };
        assert_eq!([0, 2, 3, 6].map(|at| script.line(at)), [1, 1, 2, 3]);
        assert_eq!(script.wrong(3, "is no DDL").to_string(), "f.sql:2: is no DDL");
        assert_eq!(quoted("a\n  b"), "a b");
        assert_eq!(quoted(&"é".repeat(61)), format!("{}…", "é".repeat(60)));
    }
}
