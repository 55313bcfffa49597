//! Saves positions, and then tells the source: saved ≤ durable in the sink, acknowledged to the database ≤ saved.
//!
//! Only the newest delivered position matters, so saves coalesce: however fast batches are delivered, the state is written
//! at most once per interval.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::spans::Spans;
use super::topics::Topics;
use crate::event::Position;
use crate::metrics::Meters;
use crate::offset::{OffsetError, OffsetStore};

/// The saver's ends.
pub(super) struct Saver {
    pub(super) store: Box<dyn OffsetStore>,
    /// What the sink has durably; closed when the pump has ended.
    pub(super) delivered: watch::Receiver<Option<Position>>,
    /// What the source may acknowledge.
    pub(super) saved: watch::Sender<Option<Position>>,
    /// Topics whose first record is durable.
    pub(super) topics: Arc<Topics>,
    /// The shortest time between two saves (`offset.flush.interval.ms`).
    pub(super) interval: Duration,
    /// The connector stops: the interval is cut short.
    pub(super) hurry: CancellationToken,
    pub(super) meters: Arc<Meters>,
    /// Who waits for saves, where spans are made.
    pub(super) spans: Option<Spans>,
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
        let topics = self.topics.take();
        if !topics.is_empty() {
            // Before the position: what is behind it is not written again, so its topic would not be told again.
            self.store.wrote(topics).await?;
        }
        let newest = self.delivered.borrow_and_update().clone();
        let Some(position) = newest else { return Ok(()) };
        if Some(&position) == self.saved.borrow().as_ref() {
            self.tell(&position);
            return Ok(());
        }
        let begin = Instant::now();
        let done = self.store.save(position.clone()).await;
        self.meters.saves.tried(begin.elapsed(), done.is_ok());
        done?;
        tracing::debug!(seconds = begin.elapsed().as_secs_f32(), "saved the position");
        self.tell(&position);
        self.saved.send_replace(Some(position));
        Ok(())
    }

    fn tell(&self, position: &Position) {
        if let Some(spans) = &self.spans {
            spans.saved(position);
        }
    }
}
