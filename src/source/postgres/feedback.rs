//! What we tell the server while it streams: how far it may forget the log, and that we are alive.
//!
//! Invariant: only what is saved is confirmed. It goes on while the stream waits for a sink that is behind, so that the
//! server does not take us for dead.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

use super::clock::now_us;
use super::config::PostgresConfig;
use super::position::Offset;
use super::server::sql_error;
use super::wire::{Status, Writer};
use crate::source::{Outbox, SourceError};

/// How often the server is asked where it is, until we have caught up: an idle server does not tell by itself.
const ASK_INTERVAL: Duration = Duration::from_millis(200);

/// What the reading half and the answering half share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    received: AtomicU64,
    caught_up: AtomicBool,
    answer: Notify,
    ask: AtomicBool,
}

impl Shared {
    /// All up to here has arrived.
    pub(super) fn received(&self, lsn: u64) {
        self.received.fetch_max(lsn, Ordering::Relaxed);
    }

    /// All up to here has arrived.
    pub(super) fn received_end(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// All that the log held at the start has been sent.
    pub(super) fn caught_up(&self) {
        self.caught_up.store(true, Ordering::Relaxed);
    }

    /// Asks the server how far it has read.
    pub(super) fn ask(&self) {
        self.ask.store(true, Ordering::Relaxed);
        self.answer();
    }

    /// The server wants an answer now.
    pub(super) fn answer(&self) {
        self.answer.notify_one();
    }
}

/// Tells the server until the connector stops; then once more, and that the stream ends.
pub(super) async fn run(
    config: &PostgresConfig,
    out: &Outbox,
    shared: &Shared,
    mut writer: Writer,
    start: u64,
) -> Result<(), SourceError> {
    let failed = |error| sql_error(&config.server.address(), "standby status update", &error);
    let mut saved = out.saved.clone();
    let mut confirmed = start;
    loop {
        let newest = saved.borrow_and_update().clone();
        if let Some(position) = newest {
            confirmed = confirmed.max(Offset::read(&position)?.resume());
        }
        let stopping = out.stop.is_cancelled();
        let asked = shared.ask.swap(false, Ordering::Relaxed);
        let reply = !stopping && (asked || !shared.caught_up.load(Ordering::Relaxed));
        let status = Status { received: shared.received_end(), confirmed, now_us: now_us(), reply };
        writer.confirm(status).await.map_err(failed)?;
        if stopping {
            return writer.finish().await.map_err(failed);
        }
        let pause = if reply { ASK_INTERVAL.min(config.status_interval) } else { config.status_interval };
        tokio::select! {
            () = out.stop.cancelled() => {}
            Ok(()) = saved.changed() => {}
            () = shared.answer.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}
