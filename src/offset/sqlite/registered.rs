//! Connectors that outlive the process: their configuration as written, what they are to do, the topics that they wrote;
//! and offsets as an operator changes them.
//!
//! Invariant: what a call here changed is durable when it returns.

use std::sync::Arc;

use rusqlite::{Row, Transaction, params};

use super::Sqlite;
use crate::config::{Properties, Target};
use crate::offset::OffsetError;

/// A connector, as the state knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// Its name.
    pub name: String,
    /// Its properties as written; `None`: its file has them.
    pub config: Option<Properties>,
    /// What it is to do.
    pub target: Target,
    /// Whether it was started since it was made, or since it was stopped.
    pub has_tasks: bool,
}

const REGISTER: &str = "
INSERT INTO connectors (name, config, target, has_tasks, updated)
VALUES (?1, ?2, ?3, ?4, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
ON CONFLICT DO UPDATE SET config = excluded.config, target = excluded.target, has_tasks = excluded.has_tasks,
    updated = excluded.updated";

const WRITTEN: &str = "
INSERT INTO topics (connector, topic, since) VALUES (?1, ?2, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
ON CONFLICT DO NOTHING";

impl Sqlite {
    /// All connectors that are registered.
    ///
    /// # Errors
    /// The file cannot be read, or holds what is no connector.
    pub async fn registered(&self) -> Result<Vec<Registered>, OffsetError> {
        let rows: Vec<Result<Registered, String>> = self
            .ask(|state| {
                let sql = "SELECT name, config, target, has_tasks FROM connectors ORDER BY name";
                state.prepare_cached(sql)?.query_map([], read)?.collect()
            })
            .await?;
        rows.into_iter()
            .map(|row| row.map_err(|reason| OffsetError::State { path: self.path.to_string(), reason }))
            .collect()
    }

    /// Registers a connector, or changes what is registered of it.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn register(&self, connector: Registered) -> Result<(), OffsetError> {
        let Registered { name, config, target, has_tasks } = connector;
        let config = config.map(|config| serde_json::to_string(&config).unwrap_or_default());
        self.ask(move |state| state.execute(REGISTER, params![name, config, target.name(), has_tasks]).map(drop)).await
    }

    /// Forgets a connector and the topics that it wrote. Its offsets stay, as Connect's do.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn unregister(&self, connector: &str) -> Result<(), OffsetError> {
        let connector = connector.to_owned();
        self.ask(move |state| {
            state.execute("DELETE FROM connectors WHERE name = ?1", [&connector])?;
            state.execute("DELETE FROM topics WHERE connector = ?1", [&connector]).map(drop)
        })
        .await
    }

    /// Puts these offsets (source partition and source offset, JSON objects) in place of those that are there; `None` takes
    /// one away. All of them, or none.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn alter_offsets(
        &self,
        connector: &str,
        offsets: Vec<(String, Option<String>)>,
    ) -> Result<(), OffsetError> {
        let connector = connector.to_owned();
        self.ask(move |state| {
            for (partition, offset) in offsets {
                match offset {
                    Some(offset) => state.execute(super::SAVE_OFFSET, params![connector, partition, offset])?,
                    None => state.execute(
                        "DELETE FROM offsets WHERE connector = ?1 AND source_partition = ?2",
                        params![connector, partition],
                    )?,
                };
            }
            Ok(())
        })
        .await
    }

    /// Takes all offsets of a connector away.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn reset_offsets(&self, connector: &str) -> Result<(), OffsetError> {
        let connector = connector.to_owned();
        self.ask(move |state| state.execute("DELETE FROM offsets WHERE connector = ?1", [connector]).map(drop)).await
    }

    /// The topics that a connector wrote.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn topics(&self, connector: &str) -> Result<Vec<String>, OffsetError> {
        let connector = connector.to_owned();
        self.ask(move |state| {
            let sql = "SELECT topic FROM topics WHERE connector = ?1 ORDER BY topic";
            state.prepare_cached(sql)?.query_map([connector], |row| row.get(0))?.collect()
        })
        .await
    }

    /// Forgets the topics that a connector wrote.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn reset_topics(&self, connector: &str) -> Result<(), OffsetError> {
        let connector = connector.to_owned();
        self.ask(move |state| state.execute("DELETE FROM topics WHERE connector = ?1", [connector]).map(drop)).await
    }
}

/// Notes that a connector wrote these topics.
pub(super) fn note_written(state: &Transaction<'_>, connector: &str, topics: &[Arc<str>]) -> rusqlite::Result<()> {
    let mut statement = state.prepare_cached(WRITTEN)?;
    topics.iter().try_for_each(|topic| statement.execute(params![connector, topic]).map(drop))
}

/// A row of `connectors`; the inner error is about what it holds.
fn read(row: &Row<'_>) -> rusqlite::Result<Result<Registered, String>> {
    let (name, config, target): (String, Option<String>, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let has_tasks = row.get(3)?;
    let config = config.as_deref().map(serde_json::from_str).transpose();
    Ok(match (config, Target::named(&target)) {
        (Ok(config), Some(target)) => Ok(Registered { name, config, target, has_tasks }),
        (Err(error), _) => Err(format!("the config of connector {name:?} is no map of properties: {error}")),
        (_, None) => Err(format!("the target of connector {name:?} is {target:?}, and no state of a connector")),
    })
}
