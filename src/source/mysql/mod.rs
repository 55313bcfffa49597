//! The MySQL source: a consistent snapshot, then the binary log by GTID set or by file and position.
//!
//! `mysql_async` makes connections and delivers raw events; everything behind is ours: checksums, table maps prepared once
//! per version (`schema`), rows (`decode`, `form`), DDL (`ddl`, `catalog`) and positions (`position`).
//! Invariant: what was saved is not repeated, what was committed is not lost; a row that cannot be decoded ends the source.
//!
//! The walk of a row: `stream` reads an event → `raw` checks it → `reader` finds its table and its place in the
//! transaction → `rows` and `schema` cut out cells → `form` writes them as Debezium does → a `Change` in a batch.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

mod bytes;
mod catalog;
mod charset;
mod charset_pairs;
mod charset_tables;
mod check;
pub mod config;
mod converters;
mod ddl;
mod decode;
mod default_cell;
mod definition;
mod describe;
mod form;
mod gtid;
mod head;
mod jsonb;
mod lexer;
mod log;
mod partial;
mod patch;
mod position;
mod raw;
mod reader;
mod rewrite;
mod rows;
mod schema;
mod schema_change;
mod schema_snapshot;
mod scratch;
mod select;
mod server;
mod snapshot;
mod spatial;
mod stream;
mod table_change;
mod tablemap;
mod told;
mod unseen;

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;

pub use config::{Flavor, MySqlConfig};
pub use converters::OPTIONS as CONVERTER_OPTIONS;
pub use describe::describe;

use config::SnapshotMode;
use head::Reading;
use position::Place;
use server::Server;
use stream::Start;

use super::{Outbox, Source, SourceError};
use crate::event::Position;

/// A MySQL server's log.
pub struct MySql {
    config: Arc<MySqlConfig>,
}

impl MySql {
    /// A source of that configuration; it connects when it runs.
    #[must_use]
    pub fn new(config: impl Into<Arc<MySqlConfig>>) -> Self {
        Self { config: config.into() }
    }
}

impl Source for MySql {
    fn run(self: Box<Self>, start: Option<Position>, out: Outbox) -> BoxFuture<'static, Result<(), SourceError>> {
        let server = Server { config: self.config };
        async move {
            let stop = out.stop.clone();
            let reading = Reading::default();
            tokio::select! {
                biased;
                () = stop.cancelled() => Ok(()),
                ended = run(&server, start, (&out, &reading)) => ended,
                never = head::watch(&server, &reading, &out) => match never {},
            }
        }
        .boxed()
    }
}

/// Whether the server can be reached as the configuration says. How it is set up is looked at when the connector starts.
///
/// # Errors
/// Why not.
pub async fn reach(config: &Arc<MySqlConfig>) -> Result<(), SourceError> {
    let connection = Server { config: Arc::clone(config) }.connect().await?;
    let _ = connection.disconnect().await;
    Ok(())
}

async fn run(server: &Server, start: Option<Position>, (out, reading): (&Outbox, &Reading)) -> Result<(), SourceError> {
    let config = &server.config;
    let mut conn = server.connect().await?;
    let facts = server.check(&mut conn).await?;
    let _ = conn.disconnect().await;
    out.progress.send_modify(|progress| progress.connected = true);
    tracing::info!(address = %config.common.address(), version = %facts.version, gtid = facts.gtid, "connected");
    if !config.server_id_given {
        tracing::info!(
            server_id = config.server_id,
            "database.server.id is not set; this one is derived from topic.prefix and the server's address, so it stays"
        );
    }
    let saved = start.as_ref().map(Place::read).transpose()?;
    let in_snapshot = saved.as_ref().is_some_and(|place| place.snapshot_completed == Some(false));
    let saved = saved.map(|place| Place { snapshot_completed: None, ..place });
    let (interrupted, saved) = if in_snapshot { (saved, None) } else { (None, saved) };
    let mut attempt = match (saved, config.snapshot) {
        (Some(place), mode) if mode != SnapshotMode::Always => {
            out.meters.snapshot.skip();
            if mode == SnapshotMode::InitialOnly {
                return idle(out).await;
            }
            let start = Start { place, catalog: None };
            match stream::run(server, &facts, start, (out, reading)).await {
                Err(stream::Ended::Failed(SourceError::PositionLost { what, .. }))
                    if mode == SnapshotMode::WhenNeeded =>
                {
                    tracing::warn!(%what, "taking a new snapshot (snapshot.mode=when_needed)");
                }
                ended => return finished(ended),
            }
            None
        }
        _ => None,
    };
    if attempt.is_none() {
        attempt = match snapshot::take(server, &facts, out, interrupted).await {
            Ok(taken) => Some(Start { place: taken.place, catalog: Some((taken.catalog, taken.as_of)) }),
            Err(snapshot::Ended::Stopping) => None,
            Err(snapshot::Ended::Failed(error)) => return Err(error),
        };
    }
    match attempt {
        None => Ok(()),
        Some(_) if config.snapshot == SnapshotMode::InitialOnly => idle(out).await,
        Some(start) => finished(stream::run(server, &facts, start, (out, reading)).await),
    }
}

fn finished(ended: Result<(), stream::Ended>) -> Result<(), SourceError> {
    match ended {
        Ok(()) | Err(stream::Ended::Stopping) => Ok(()),
        Err(stream::Ended::Failed(error)) => Err(error),
    }
}

/// The snapshot is all that was asked for.
async fn idle(out: &Outbox) -> Result<(), SourceError> {
    tracing::info!("the snapshot is done, and nothing more was asked for (snapshot.mode=initial_only)");
    out.progress.send_modify(|progress| progress.caught_up = true);
    out.stop.cancelled().await;
    Ok(())
}
