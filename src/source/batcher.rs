//! Gathers events into batches that are bounded in events and in bytes.

use crate::event::{Batch, Event, Position};

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
}

impl Batcher {
    /// An empty one.
    #[must_use]
    pub const fn new(limits: Limits) -> Self {
        Self { events: Vec::new(), bytes: 0, limits }
    }

    /// Adds an event that took so many bytes of the log.
    pub fn push(&mut self, event: Event, bytes: usize) {
        if self.events.is_empty() {
            self.events.reserve(self.limits.events_max.min(512));
        }
        self.events.push(event);
        self.bytes += bytes;
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
        self.bytes = 0;
        Batch { events: std::mem::take(&mut self.events), position }
    }
}
