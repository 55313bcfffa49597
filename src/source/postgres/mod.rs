//! The PostgreSQL source: logical replication by `pgoutput`, after a snapshot of the same moment.
//!
//! It owns the order of a start: preflight, slot, snapshot, stream. Invariant: the slot never confirms what is not saved,
//! and a slot that no longer fits the saved position stops the connector; it is never made anew silently.

mod block;
mod catalog;
mod check;
mod clock;
pub mod config;
mod cursor;
mod decode;
mod default;
mod describe;
mod feedback;
mod head;
mod kinds;
mod message;
mod pgoutput;
mod position;
#[cfg(test)]
mod recorded;
mod relations;
mod schema;
mod script;
mod server;
mod slot;
mod snapshot;
mod stream;
mod tls;
mod told;
mod transaction;
mod wire;

use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::sync::Mutex;

pub use check::reach;
pub use config::{KEYS, PostgresConfig};
pub use describe::describe;

use self::check::Found;
use self::config::SnapshotMode;
use self::feedback::Shared;
use self::position::Offset;
use self::relations::Catalog;
use self::server::Session;
use self::snapshot::{Point, Snapshot, View};
use self::stream::Stream;
use super::{Outbox, Source, SourceError};
use crate::event::{Batch, Position, Tally};

/// A PostgreSQL database's log.
pub struct Postgres {
    config: PostgresConfig,
}

impl Postgres {
    /// A source as its connector file says.
    #[must_use]
    pub const fn new(config: PostgresConfig) -> Self {
        Self { config }
    }

    async fn start(&self, start: Option<Position>, out: &Outbox) -> Result<(), SourceError> {
        let begun = tokio::select! {
            biased;
            () = out.stop.cancelled() => return Ok(()),
            begun = self.begin(start, out) => begun?,
        };
        let Some((session, offset, end)) = begun else {
            out.stop.cancelled().await;
            return Ok(());
        };
        let streamed = self.stream(session, offset, end, out).await;
        match streamed {
            Err(error) if out.stop.is_cancelled() => tracing::warn!(%error, "the connection was lost while stopping"),
            streamed => streamed?,
        }
        if self.config.slot.drop_on_stop {
            slot::drop_slot(&self.config).await?;
        }
        Ok(())
    }

    /// Everything before the stream. Returns where the stream goes on, with the log's end; `None` if there is no stream.
    async fn begin(
        &self,
        start: Option<Position>,
        out: &Outbox,
    ) -> Result<Option<(Session, Offset, u64)>, SourceError> {
        let config = &self.config;
        let saved = start.as_ref().map(Offset::read).transpose()?;
        let interrupted = saved.as_ref().filter(|offset| offset.within_snapshot()).map(Offset::resume);
        let saved = saved.filter(|_| interrupted.is_none());
        if config.snapshot == SnapshotMode::InitialOnly && saved.is_some() {
            tracing::info!("the snapshot was made before, and snapshot.mode=initial_only asks for no more");
            out.meters.snapshot.skip();
            finished(out);
            return Ok(None);
        }
        let session = Session::open(&config.server).await?;
        let found = check::preflight(config, &session).await?;
        let resumed = match saved {
            Some(offset) if config.snapshot != SnapshotMode::Always => match slot::resume(config, &found, offset) {
                Err(error) if config.snapshot == SnapshotMode::WhenNeeded => {
                    tracing::warn!(%error, "a new snapshot is made, as snapshot.mode=when_needed asks");
                    None
                }
                resumed => Some(resumed?),
            },
            _ => None,
        };
        let offset = match resumed {
            Some(offset) => {
                connected(out);
                out.meters.snapshot.skip();
                offset
            }
            None => match self.first(&found, &session, out, interrupted).await? {
                Some(offset) => offset,
                None => return Ok(None),
            },
        };
        Ok(Some((session, offset, found.end)))
    }

    /// Makes the slot, and the snapshot if it is asked for. Where the stream goes on.
    ///
    /// A snapshot that was interrupted is made again, and the stream begins where it did for the first one: rows that the
    /// first one told and that are gone by the second are deleted in the log between them.
    async fn first(
        &self,
        found: &Found,
        session: &Session,
        out: &Outbox,
        interrupted: Option<u64>,
    ) -> Result<Option<Offset>, SourceError> {
        let config = &self.config;
        if config.snapshot == SnapshotMode::InitialOnly {
            let view = View::open(config, &Point { lsn: None, exported: None }).await?;
            connected(out);
            let snapshot = Snapshot::new(config, session, &view, out);
            watched(config, session, out, snapshot.run(view, &found.tables)).await?;
            finished(out);
            return Ok(None);
        }
        let exporter = slot::export(config, found).await?;
        connected(out);
        if config.snapshot == SnapshotMode::NoData {
            out.meters.snapshot.skip();
            let offset = Offset { lsn: exporter.start(), ts_usec: Some(clock::now_us()), ..Offset::default() };
            let nothing = Batch { events: Vec::new(), position: offset.position(), tally: Tally::default() };
            return Ok(out.send(nothing).await.is_ok().then_some(offset));
        }
        let patient = "SET idle_session_timeout = 0";
        // While a large table is copied the session that reads the catalogue has nothing to do.
        session.batch_execute(patient).await.map_err(|error| session.error(patient, &error))?;
        let view = View::open(config, exporter.point()).await?;
        // The snapshot is imported: what exported it may go.
        drop(exporter);
        let snapshot = Snapshot::new(config, session, &view, out);
        let snapshot = match (interrupted, &found.slot) {
            (None, _) => snapshot,
            (Some(lsn), Some(slot)) if !slot.lost && slot.confirmed.is_some_and(|confirmed| confirmed <= lsn) => {
                tracing::info!(
                    stream_from = position::lsn_text(lsn),
                    "the last snapshot did not end: it is made again"
                );
                snapshot.streamed_from(lsn)
            }
            (Some(_), _) => {
                tracing::warn!(
                    "the last snapshot did not end, and the log since then is gone: it is made again, and rows that \
                     it told before and that were deleted since are not told to be deleted"
                );
                snapshot
            }
        };
        watched(config, session, out, snapshot.run(view, &found.tables)).await
    }

    async fn stream(&self, session: Session, offset: Offset, end: u64, out: &Outbox) -> Result<(), SourceError> {
        let config = &self.config;
        let start = offset.resume();
        let (reader, writer) = tokio::select! {
            biased;
            () = out.stop.cancelled() => return Ok(()),
            begun = slot::stream(config, &session, start) => begun?,
        };
        let shared = Shared::default();
        tracing::info!(slot = config.slot.name, position = position::lsn_text(start), "streaming");
        out.progress.send_modify(|progress| progress.streaming = true);
        let session = Arc::new(Mutex::new(session));
        let stream = Stream::new(config, out, &shared, Catalog::Server(Arc::clone(&session)), (offset, end));
        let feedback = feedback::run(config, out, &shared, writer, start);
        let watch = head::run(config, &session, &shared, out, start);
        tokio::try_join!(stream.run(reader), feedback, watch).map(drop)
    }
}

/// A snapshot, with an eye on the slot.
async fn watched<T>(config: &PostgresConfig, session: &Session, out: &Outbox, snapshot: impl Future<Output = T>) -> T {
    tokio::select! {
        biased;
        made = snapshot => made,
        never = head::during_snapshot(config, session, out) => match never {},
    }
}

/// The database was found fit, and the slot is there: what is committed from now on is in the stream.
fn connected(out: &Outbox) {
    out.progress.send_modify(|progress| progress.connected = true);
}

/// There is nothing more to do: `--once` need not wait.
fn finished(out: &Outbox) {
    out.progress.send_modify(|progress| progress.caught_up = true);
}

impl Source for Postgres {
    fn run(self: Box<Self>, start: Option<Position>, out: Outbox) -> BoxFuture<'static, Result<(), SourceError>> {
        async move { self.start(start, &out).await }.boxed()
    }
}
