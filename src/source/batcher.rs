//! Gathers events into batches that are bounded in events and in bytes.

use crate::event::{Batch, Event, Position, Tally};

/// How large a batch may become.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Events in a batch.
    pub events_max: usize,
    /// Bytes of the log in a batch; one larger event makes a batch of its own.
    pub bytes_max: usize,
    /// The first so many events make a batch each.
    pub singly: usize,
}

impl Limits {
    /// The usual ones, but for as many events as a usual batch holds.
    #[must_use]
    pub fn event_by_event() -> Self {
        let usual = Self::default();
        Self { singly: usual.events_max, ..usual }
    }
}

impl Default for Limits {
    /// 512 events cost what larger batches cost (measured on the sketch); 1 MiB bounds wide rows.
    fn default() -> Self {
        Self { events_max: 512, bytes_max: 1 << 20, singly: 0 }
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
        let Limits { events_max, bytes_max, singly } = self.limits;
        let events_max = if singly > 0 { 1 } else { events_max };
        self.events.len() >= events_max || self.bytes >= bytes_max
    }

    /// Whether there is nothing to send.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Ends the batch: all of it, and where to resume behind it.
    pub fn take(&mut self, position: Position) -> Batch {
        self.limits.singly = self.limits.singly.saturating_sub(self.events.len());
        self.tally.bytes = std::mem::take(&mut self.bytes) as u64;
        Batch { events: std::mem::take(&mut self.events), position, tally: std::mem::take(&mut self.tally) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_events_may_make_a_batch_each() {
        let mut batcher = Batcher::new(Limits { events_max: 3, singly: 2, ..Limits::default() });
        let mut sizes = Vec::new();
        for _ in 0..8 {
            batcher.push(Event::Heartbeat { ts_ms: 0 }, 1);
            if batcher.is_full() {
                sizes.push(batcher.take(Position("{}".into())).events.len());
            }
        }
        assert_eq!(sizes, [1, 1, 3, 3]);
    }
}
