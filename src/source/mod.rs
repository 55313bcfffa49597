//! The contract of a source: it reads a database's log and pushes batches, and hears what was saved.
//!
//! Invariants: acknowledged to the database ≤ saved ≤ durable in the sink; order is the log's; a row that cannot be
//! decoded stops the connector.

pub mod batcher;
pub mod columns;
pub mod common;
pub mod decimal;
pub mod describe;
pub mod filter;
pub mod gate;
pub mod heartbeat;
pub mod mysql;
pub mod naming;
pub mod postgres;
pub mod seats;
pub mod table;
pub mod temporal;

use std::sync::Arc;

use futures::future::BoxFuture;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::budget::Share;
use crate::event::{Batch, Position, Tally};
use crate::metrics::Meters;

/// A requirement of the source that does not hold, and what mends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong, with the names and values that were found.
    pub what: String,
    /// What mends it: the SQL, or the setting.
    pub remedy: String,
}

/// Why a source ended. `connector::policy` says of each whether it passes by itself.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The database could not be reached.
    #[error("cannot connect to {address}: {reason}")]
    Connect {
        /// host:port
        address: String,
        /// What the network or the server said.
        reason: String,
    },
    /// The connection was lost, or the server went away.
    #[error("lost the connection to {address}: {reason}")]
    Disconnected {
        /// host:port
        address: String,
        /// What was seen.
        reason: String,
    },
    /// The database refused the user.
    #[error("{address} refuses user {user:?}: {reason}; check database.user and database.password")]
    Authentication {
        /// host:port
        address: String,
        /// Who tried.
        user: String,
        /// What the server said.
        reason: String,
    },
    /// The encrypted connection could not be made as asked for.
    #[error("TLS to {address}: {reason}")]
    Tls {
        /// host:port
        address: String,
        /// What was wrong.
        reason: String,
    },
    /// The database is not set up for what was asked.
    #[error("{}", findings(.0))]
    Preflight(Vec<Finding>),
    /// The replication slot is used by somebody else.
    #[error("replication slot {slot:?} is in use by process {pid}; stop that reader, or set another slot.name")]
    SlotInUse {
        /// The slot.
        slot: String,
        /// The backend that holds it.
        pid: i64,
    },
    /// The log no longer holds what comes after the saved position.
    #[error("{what}; nothing was skipped. {remedy}")]
    PositionLost {
        /// The position, and what the log holds.
        what: String,
        /// What the user can do.
        remedy: String,
    },
    /// A saved position cannot be read.
    #[error("saved position {position}: {reason}")]
    BadPosition {
        /// As it was saved.
        position: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A statement of ours failed.
    #[error("{statement}: {reason}")]
    Sql {
        /// What was asked, without values.
        statement: String,
        /// What the server said.
        reason: String,
        /// Whether the same statement may succeed later (a deadlock, a server that stops).
        transient: bool,
    },
    /// The log holds what cannot be decoded.
    #[error("cannot decode {what} at {position}: {reason}")]
    Undecodable {
        /// The event or message, with its table and column where known.
        what: String,
        /// Where in the log.
        position: String,
        /// Why.
        reason: String,
    },
    /// A column's type is not mapped yet.
    #[error("column {table}.{column} has type {kind}, which is not supported; leave it out with column.exclude.list")]
    UnsupportedType {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// Its type, as the database names it.
        kind: String,
    },
    /// Two columns of a table get the same name.
    #[error(
        "columns {first:?} and {second:?} of {table} both become field {field:?}; leave one out with column.exclude.list, \
         or set field.name.adjustment.mode=avro_unicode"
    )]
    NameCollision {
        /// The table.
        table: String,
        /// One of the columns.
        first: String,
        /// The other.
        second: String,
        /// What field.name.adjustment.mode makes of both names.
        field: String,
    },
}

fn findings(findings: &[Finding]) -> String {
    let lines: Vec<String> = findings.iter().map(|f| format!("{}; {}", f.what, f.remedy)).collect();
    lines.join("\n")
}

/// What a source tells about itself while it runs; the status and the log are made of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Whether the database was reached and found fit.
    pub connected: bool,
    /// Whether the stream is being read (the snapshot, if any, is done).
    pub streaming: bool,
    /// Whether all that the log held when the source connected has been sent (`--once` waits for it).
    pub caught_up: bool,
}

/// The other side of the line has ended: the source ends too, without an error.
#[derive(Debug)]
pub struct Stopping;

/// Where a source puts its batches, and hears what was saved.
#[derive(Clone)]
pub struct Outbox {
    /// Sending waits while the sink is behind: this is the back-pressure, with `room` the whole of it.
    pub batches: mpsc::Sender<Batch>,
    /// The newest saved position: what may be acknowledged to the database.
    pub saved: watch::Receiver<Option<Position>>,
    /// What the source tells of itself.
    pub progress: Arc<watch::Sender<Progress>>,
    /// Cancelled when the source must end, after the last position was saved.
    pub stop: CancellationToken,
    /// Whether the sink wants the offset of every single record.
    pub record_offsets: bool,
    /// How large batches may become.
    pub limits: batcher::Limits,
    /// What is counted of it.
    pub meters: Arc<Meters>,
    /// The memory of batches that wait.
    pub room: Arc<Share>,
}

impl Outbox {
    /// Sends a batch; waits while the sink is behind.
    ///
    /// # Errors
    /// When the connector is stopping.
    pub async fn send(&self, mut batch: Batch) -> Result<(), Stopping> {
        let tally = std::mem::take(&mut batch.tally);
        tracing::debug!(events = batch.events.len(), bytes = tally.bytes, "read a batch");
        self.meters.source.sent(&tally);
        let bytes = memory_of(batch.events.len(), tally.bytes);
        self.meters.flow.sent(batch.events.len(), tally);
        let send = async {
            self.room.take(bytes).await;
            self.batches.send(batch).await
        };
        let sent = tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(Stopping),
            sent = send => sent.map_err(|_| Stopping),
        };
        if sent.is_err() {
            self.meters.flow.unsent();
        }
        sent
    }

    /// Sends a position without events, and waits until it is saved: whatever follows, the next run knows of it.
    ///
    /// # Errors
    /// When the connector is stopping.
    pub async fn save(&self, position: Position) -> Result<(), Stopping> {
        let mut saved = self.saved.clone();
        self.send(Batch { events: Vec::new(), position: position.clone(), tally: Tally::default() }).await?;
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(Stopping),
            saved = saved.wait_for(|saved| saved.as_ref() == Some(&position)) => saved.map(drop).map_err(|_| Stopping),
        }
    }

    /// The newest position that may be acknowledged to the database.
    #[must_use]
    pub fn saved(&self) -> Option<Position> {
        self.saved.borrow().clone()
    }
}

/// About how much memory events take that took so many bytes of the log: texts and bytes share what was read, but each value
/// and each event has a place of its own.
fn memory_of(events: usize, bytes: u64) -> usize {
    events.saturating_mul(256).saturating_add(usize::try_from(bytes).unwrap_or(usize::MAX).saturating_mul(2))
}

/// A database's log.
pub trait Source: Send {
    /// Snapshots if `start` says so (`None`: nothing was saved), then streams until `out.stop`, or until there is nothing
    /// more to do (`snapshot.mode=initial_only` waits for `stop`).
    fn run(self: Box<Self>, start: Option<Position>, out: Outbox) -> BoxFuture<'static, Result<(), SourceError>>;
}
