//! Gathers events into batches that are bounded in events and in bytes.

use crate::event::{Batch, Event, Position, Tally};

/// How large a batch may become.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Events in a batch.
    pub events_max: usize,
    /// Bytes of the log in a batch; one larger event makes a batch of its own.
    pub bytes_max: usize,
}

impl Default for Limits {
    /// 512 events cost what larger batches cost (measured on the sketch); 1 MiB bounds wide rows.
    fn default() -> Self {
        Self { events_max: 512, bytes_max: 1 << 20 }
    }
}

/// The batch that is being filled.
#[derive(Debug, Default)]
pub struct Batcher {
    events: Vec<Event>,
    bytes: usize,
    limits: Limits,
    tally: Tally,
    commit_us: i64,
}

impl Batcher {
    /// An empty one.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Adds an event that took so many bytes of the log.
    pub fn push(&mut self, event: Event, bytes: usize) {
        if self.events.is_empty() {
            self.events.reserve(self.limits.events_max.min(512));
        }
        self.tally.count(&event, self.commit_us);
        self.events.push(event);
        self.bytes += bytes;
    }

    /// The changes that follow were committed then: microseconds since the epoch.
    pub const fn committed_at(&mut self, commit_us: i64) {
        self.commit_us = commit_us;
    }

    /// What else is counted until the batch is taken.
    pub const fn tally(&mut self) -> &mut Tally {
        &mut self.tally
    }

    /// Whether the batch should be sent before another event is added.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.events.len() >= self.limits.events_max || self.bytes >= self.limits.bytes_max
    }

    /// Whether there is nothing to send.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Ends the batch: all of it, and where to resume behind it.
    pub fn take(&mut self, position: Position) -> Batch {
        self.tally.bytes = std::mem::take(&mut self.bytes) as u64;
        Batch { events: std::mem::take(&mut self.events), position, tally: std::mem::take(&mut self.tally) }
    }
}
