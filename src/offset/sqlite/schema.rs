//! The state file's tables, and how a file of an earlier version gets them.
//!
//! A version is a step: its statements turn the version before into it, and a new file takes all of them. A step that was
//! released is never changed. Invariant: a file is of one version or of the next one, never between.

use rusqlite::Connection;

/// The steps, from an empty file on; their number is SQLite's `user_version`.
const STEPS: &[&str] = &[
    "
CREATE TABLE offsets (
    connector TEXT NOT NULL,
    source_partition TEXT NOT NULL, -- JSON, Debezium's source partition: {\"server\":\"topic.prefix\"}
    source_offset TEXT NOT NULL,    -- JSON, Debezium's source offset
    updated TEXT NOT NULL,          -- UTC
    PRIMARY KEY (connector, source_partition)
);
CREATE TABLE kept (
    connector TEXT NOT NULL,
    name TEXT NOT NULL,             -- what was chosen once and must stay, such as database.server.id
    value TEXT NOT NULL,
    updated TEXT NOT NULL,          -- UTC
    PRIMARY KEY (connector, name)
);
",
    "
CREATE TABLE connectors (
    name TEXT NOT NULL PRIMARY KEY,
    config TEXT,                    -- JSON, the properties as written; NULL: its file has them
    target TEXT NOT NULL,           -- RUNNING, PAUSED or STOPPED
    has_tasks INTEGER NOT NULL,     -- 1: it was started since it was made, or since it was stopped
    updated TEXT NOT NULL           -- UTC
);
CREATE TABLE topics (
    connector TEXT NOT NULL,
    topic TEXT NOT NULL,            -- written to since the connector was made, or its topics were reset
    since TEXT NOT NULL,            -- UTC
    PRIMARY KEY (connector, topic)
);
",
];

/// The version of today's files.
pub(super) const VERSION: i64 = 2;

/// What became of a file that was opened.
pub(super) enum Prepared {
    /// It has today's version.
    Ready,
    /// It is of a later version, which is not known here.
    Newer(i64),
}

/// Takes the steps that the file lacks, together or not at all.
///
/// # Errors
/// The file cannot be written.
pub(super) fn prepare(connection: &mut Connection) -> rusqlite::Result<Prepared> {
    let written: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let Some(missing) = usize::try_from(written).ok().and_then(|version| STEPS.get(version..)) else {
        return Ok(Prepared::Newer(written));
    };
    if !missing.is_empty() {
        let transaction = connection.transaction()?;
        for step in missing {
            transaction.execute_batch(step)?;
        }
        transaction.pragma_update(None, "user_version", VERSION)?;
        transaction.commit()?;
    }
    Ok(Prepared::Ready)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_number_of_steps() {
        assert_eq!(usize::try_from(VERSION), Ok(STEPS.len()));
    }
}
