//! The tables that the stream has told of: which are captured, and how their rows are decoded.
//!
//! It owns the SQL session that asks the catalogue when a relation message comes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Mutex;

use super::catalog;
use super::config::PostgresConfig;
use super::decode::Decoded;
use super::pgoutput::{self, Cell, Tuple};
use super::schema::{self, Column, Layout, Relation, Shape};
use super::server::Session;
use super::told::Origin;
use crate::data::Value;
use crate::source::SourceError;

/// How long a table whose columns have changed is left alone before the catalogue is read.
///
/// The catalogue is newer than the row whatever we do, and changes of tables come in bursts: a migration that adds a column
/// may rename it in its next statement. Read at once, a default would be seen or not as the race goes; read after the burst,
/// what the row's version of the table does not share with the last one has none, as in Debezium, which reads it tens of
/// milliseconds late.
const SETTLE: Duration = Duration::from_millis(100);

/// What is known of a relation.
#[derive(Clone, Debug)]
enum Known {
    /// It is not captured.
    Ignored,
    /// It is captured, its columns were these, and its rows look like this.
    Captured(Relation, Arc<Layout>),
}

/// A row that cannot be decoded, before it is known where in the log it is.
#[derive(Debug)]
pub(super) struct BadRow {
    /// The table, and the column where one is to blame.
    pub(super) what: String,
    /// Why.
    pub(super) reason: String,
}

/// Where the catalogue is asked.
pub(super) enum Catalog {
    /// On the server, by this session, which others may use too.
    Server(Arc<Mutex<Session>>),
    /// In a recording.
    #[cfg(test)]
    Recorded(super::recorded::Catalog),
}

/// The relations of one stream.
pub(super) struct Relations {
    catalog: Catalog,
    known: HashMap<u32, Known>,
}

impl Relations {
    /// None yet.
    pub(super) fn new(catalog: Catalog) -> Self {
        Self { catalog, known: HashMap::new() }
    }

    /// A relation message: the rows behind it look like that.
    pub(super) async fn learn(
        &mut self,
        config: &PostgresConfig,
        message: &pgoutput::Relation<'_>,
    ) -> Result<(), SourceError> {
        let known = if config.captures(message.schema, message.table) {
            let relation = relation(message);
            if matches!(self.known.get(&message.id), Some(Known::Captured(before, _)) if before.columns != relation.columns)
            {
                tokio::time::sleep(SETTLE).await;
            }
            let layout = self.layout(config, &relation).await?;
            Known::Captured(relation, Arc::new(layout))
        } else {
            Known::Ignored
        };
        self.known.insert(message.id, known);
        Ok(())
    }

    async fn layout(&mut self, config: &PostgresConfig, relation: &Relation) -> Result<Layout, SourceError> {
        let types = relation.columns.iter().map(|column| column.type_id).collect();
        let (catalog, types) = match &mut self.catalog {
            Catalog::Server(session) => {
                let mut session = session.lock().await;
                reopen(&mut session, config).await?;
                (catalog::table(&session, relation.id).await?, catalog::types(&session, types).await?)
            }
            #[cfg(test)]
            Catalog::Recorded(recorded) => recorded.about(relation.id),
        };
        let layout = schema::layout(config, relation, &catalog, &types)?;
        tracing::info!(table = relation.full_name(), columns = layout.width, "table seen in the stream");
        Ok(layout)
    }

    /// Runs the statement that comes with each heartbeat. It may fail: the heartbeat is not about it.
    pub(super) async fn run_heartbeat(&mut self, config: &PostgresConfig, statement: &str) {
        let run = async {
            match &mut self.catalog {
                Catalog::Server(session) => {
                    let mut session = session.lock().await;
                    reopen(&mut session, config).await?;
                    session.batch_execute(statement).await.map_err(|error| session.error(statement, &error))
                }
                #[cfg(test)]
                Catalog::Recorded(_) => Ok(()),
            }
        };
        if let Err(error) = run.await {
            tracing::warn!(%error, "heartbeat.action.query failed");
        }
    }

    /// The layout of a captured relation, `None` if it is not captured.
    pub(super) fn layout_of(&self, id: u32) -> Result<Option<Arc<Layout>>, BadRow> {
        match self.known.get(&id) {
            Some(Known::Captured(_, layout)) => Ok(Some(Arc::clone(layout))),
            Some(Known::Ignored) => Ok(None),
            None => Err(BadRow {
                what: format!("a row of the relation with OID {id}"),
                reason: "the stream has not told what it looks like".to_owned(),
            }),
        }
    }
}

/// Connects again if the session has ended since.
pub(super) async fn reopen(session: &mut Session, config: &PostgresConfig) -> Result<(), SourceError> {
    if session.is_closed() {
        *session = Session::open(&config.server).await?;
    }
    Ok(())
}

fn relation(message: &pgoutput::Relation<'_>) -> Relation {
    let shape = |column: &pgoutput::RelationColumn<'_>| Shape {
        name: column.name.to_owned(),
        type_id: column.type_id,
        modifier: column.modifier,
        key: column.identity,
    };
    Relation {
        id: message.id,
        schema: message.schema.to_owned(),
        name: message.table.to_owned(),
        columns: message.columns.iter().map(shape).collect(),
        keyed: message.identity == b'd',
        origin: Origin::Log,
    }
}

/// Decodes a row's values. `old` are those of the whole row before, where there is one: it has the TOASTed values that were
/// not touched.
pub(super) fn values(
    layout: &Layout,
    tuple: Tuple<'_>,
    old: Option<&[Value]>,
    frame: &Bytes,
) -> Result<Vec<Value>, BadRow> {
    let bad = |reason: String| BadRow { what: format!("a row of {}", layout.table.id), reason };
    if tuple.len() != layout.columns.len() {
        let reason = format!("it has {} cells, and the relation {} columns", tuple.len(), layout.columns.len());
        return Err(bad(reason));
    }
    let mut row: Vec<Value> = Vec::with_capacity(layout.width);
    for (column, cell) in layout.columns.iter().zip(tuple.cells()) {
        let cell = cell.map_err(|error| bad(error.to_string()))?;
        let Some(column) = column else { continue };
        let value = match cell {
            Cell::Text(cell) => text(layout, column, cell, frame)?,
            Cell::Null => column.null.clone(),
            Cell::Unchanged => old.and_then(|old| old.get(row.len())).unwrap_or(&column.unavailable).clone(),
        };
        row.push(value);
    }
    Ok(row)
}

fn text(layout: &Layout, column: &Column, cell: &[u8], frame: &Bytes) -> Result<Value, BadRow> {
    let bad = |reason: String| BadRow { what: format!("{}.{}", layout.table.id, column.name), reason };
    match column.decode.text(cell, frame) {
        Ok(Decoded::Value(value)) => Ok(value),
        Ok(Decoded::Unrepresentable) => {
            let value = column.unrepresentable().map_err(|reason| bad(reason.to_owned()))?;
            tracing::warn!(
                table = &*layout.table.id,
                column = &*column.name,
                "value has no place in the schema, null is sent"
            );
            Ok(value)
        }
        Err(wanted) => Err(bad(format!("the cell is not {wanted}"))),
    }
}
