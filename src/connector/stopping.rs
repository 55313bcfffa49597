//! How long a stop may take, and which part of it each of its phases has.
//!
//! A stop is: take no more, drain what is on its way, save, confirm to the database. The parts are shares of one time
//! (`task.shutdown.graceful.timeout.ms`, as in Kafka Connect the time for all, not for each): a sink that is away must not
//! use up what saving takes.

use std::time::{Duration, Instant};

use super::ConnectorError;

/// The time of a stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopping {
    total: Duration,
}

impl Default for Stopping {
    fn default() -> Self {
        Self::within(Duration::from_secs(5))
    }
}

impl Stopping {
    /// All phases together take that long at most.
    #[must_use]
    pub const fn within(total: Duration) -> Self {
        Self { total }
    }

    /// How long what is on its way may take to become durable.
    #[must_use]
    pub fn drain(self) -> Duration {
        self.total.mul_f64(0.7)
    }

    pub(super) fn undelivered(self, batches: usize) -> ConnectorError {
        ConnectorError::Undelivered { batches, limit: self.drain() }
    }
}

/// The phases of a stop, and when each was over. Time that one leaves belongs to the next.
#[derive(Debug)]
pub(super) struct Phases {
    stopping: Stopping,
    asked: Option<Instant>,
    drained: Option<Instant>,
    saved: Option<Instant>,
}

impl Phases {
    pub(super) const fn new(stopping: Stopping) -> Self {
        Self { stopping, asked: None, drained: None, saved: None }
    }

    /// A stop was asked for.
    pub(super) fn begin(&mut self) {
        self.asked = Some(Instant::now());
    }

    /// Whether a stop was asked for.
    pub(super) const fn asked(&self) -> bool {
        self.asked.is_some()
    }

    /// Nothing is on its way any more.
    pub(super) fn drained(&mut self) {
        self.drained = Some(Instant::now());
    }

    /// The newest position is saved.
    pub(super) fn saved(&mut self) {
        self.saved = Some(Instant::now());
    }

    /// How long the last save may take; `None`: no stop was asked for.
    pub(super) fn saving(&self) -> Option<Duration> {
        self.left(0.8, 0.1)
    }

    /// How long the source may take to tell its database, and to close its connections; `None`: no stop was asked for.
    pub(super) fn confirming(&self) -> Option<Duration> {
        self.left(1.0, 0.2)
    }

    /// What is left of the time until that part of it is over; its own share at least.
    fn left(&self, until: f64, share: f64) -> Option<Duration> {
        let total = self.stopping.total;
        self.asked.map(|asked| total.mul_f64(until).saturating_sub(asked.elapsed()).max(total.mul_f64(share)))
    }

    /// The source has ended: tells the log how long each phase took, if it was a stop.
    pub(super) fn confirmed(&self) {
        let Some(asked) = self.asked else { return };
        let now = Instant::now();
        let drained = self.drained.unwrap_or(now);
        let saved = self.saved.unwrap_or(now).max(drained);
        let millis =
            |from: Instant, to: Instant| u64::try_from(to.duration_since(from).as_millis()).unwrap_or(u64::MAX);
        tracing::info!(
            drain_ms = millis(asked, drained),
            save_ms = millis(drained, saved),
            confirm_ms = millis(saved, now),
            "the connector has stopped"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_that_a_phase_leaves_belongs_to_the_next() {
        let total = Duration::from_secs(10);
        let mut phases = Phases::new(Stopping::within(total));
        assert_eq!((phases.saving(), phases.confirming()), (None, None), "no stop, no limit");
        let before = Instant::now();
        phases.begin();
        let saving = phases.saving().unwrap();
        let most = Duration::from_secs(8);
        assert!(saving + before.elapsed() >= most && saving <= most, "{saving:?}");
        phases.asked = phases.asked.and_then(|asked| asked.checked_sub(Duration::from_secs(60)));
        let least = (Some(Duration::from_secs(1)), Some(Duration::from_secs(2)));
        assert_eq!((phases.saving(), phases.confirming()), least, "each has its share, however late it is");
    }
}
