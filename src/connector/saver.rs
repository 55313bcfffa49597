//! Saves positions, and then tells the source: saved ≤ durable in the sink, acknowledged to the database ≤ saved.
//!
//! Only the newest delivered position matters, so saves coalesce: however fast batches are delivered, the state is written
//! at most once per interval.

use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::event::Position;
use crate::offset::{OffsetError, OffsetStore};

/// The saver's ends.
pub(super) struct Saver {
    pub(super) store: Box<dyn OffsetStore>,
    /// What the sink has durably; closed when the pump has ended.
    pub(super) delivered: watch::Receiver<Option<Position>>,
    /// What the source may acknowledge.
    pub(super) saved: watch::Sender<Option<Position>>,
    /// The shortest time between two saves (`offset.flush.interval.ms`).
    pub(super) interval: Duration,
    /// The connector stops: the interval is cut short.
    pub(super) hurry: CancellationToken,
}

impl Saver {
    /// Saves until the pump has ended, and then once more, so that a clean stop repeats nothing.
    pub(super) async fn run(mut self) -> Result<(), OffsetError> {
        while self.delivered.changed().await.is_ok() {
            self.save().await?;
            tokio::select! {
                () = tokio::time::sleep(self.interval) => {}
                () = self.hurry.cancelled() => {}
            }
        }
        self.save().await
    }

    async fn save(&mut self) -> Result<(), OffsetError> {
        let newest = self.delivered.borrow_and_update().clone();
        let Some(position) = newest.filter(|newest| Some(newest) != self.saved.borrow().as_ref()) else {
            return Ok(());
        };
        self.store.save(position.clone()).await?;
        self.saved.send_replace(Some(position));
        Ok(())
    }
}
