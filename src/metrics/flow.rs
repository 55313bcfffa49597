//! What is between source and sink: batches that were read and are not durable yet, in their order.
//!
//! Every batch that a source sends walks the same line, so the first one that is delivered is the first one that was sent.
//! One lock for each step of a batch; none for a row.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::histogram::{Gathered, Histogram};
use super::now_us;
use crate::event::Tally;

/// The batches on their way, and how long changes took to become durable.
#[derive(Debug, Default)]
pub struct Flow {
    way: Mutex<Way>,
    /// From the commit of a change in the database to its acknowledgement by the sink.
    latency: Histogram,
}

#[derive(Debug, Default)]
struct Way {
    batches: VecDeque<Sent>,
    /// How many of them, from the front, the pump has taken.
    taken: usize,
}

#[derive(Debug)]
struct Sent {
    when: Instant,
    events: u64,
    bytes: u64,
    commits: Vec<(i64, u32)>,
}

/// What is on its way now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Levels {
    /// Events that were read and are not durable.
    pub events: u64,
    /// Of those, the ones that wait for the pump.
    pub queued_events: u64,
    /// The bytes of the log that these took.
    pub queued_bytes: u64,
}

/// What the pump takes from the way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// How long it waited for that.
    pub waited: Duration,
    /// The bytes of the log that it took.
    pub bytes: u64,
}

/// The batch that waits longest for its acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Oldest {
    /// Since when it waits.
    pub waits: Duration,
    /// When its first change was committed, microseconds since the epoch; a snapshot's rows were not.
    pub commit_us: Option<i64>,
}

impl Flow {
    fn way(&self) -> MutexGuard<'_, Way> {
        self.way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A batch of so many events is sent.
    pub fn sent(&self, events: usize, tally: Tally) {
        let sent = Sent { when: Instant::now(), events: events as u64, bytes: tally.bytes, commits: tally.commits };
        self.way().batches.push_back(sent);
    }

    /// The batch that was sent last could not be.
    pub fn unsent(&self) {
        self.way().batches.pop_back();
    }

    /// The pump takes the next batch.
    pub fn taken(&self) -> Passed {
        let mut way = self.way();
        let Some(sent) = way.batches.get(way.taken) else { return Passed::default() };
        let passed = Passed { waited: sent.when.elapsed(), bytes: sent.bytes };
        way.taken += 1;
        passed
    }

    /// The next batch is durable.
    pub fn delivered(&self) {
        let delivered = {
            let mut way = self.way();
            way.taken = way.taken.saturating_sub(1);
            way.batches.pop_front()
        };
        let Some(sent) = delivered.filter(|sent| !sent.commits.is_empty()) else { return };
        let now_us = now_us();
        let mut gathered = Gathered::default();
        for (commit_us, changes) in sent.commits {
            gathered.add(now_us - commit_us, changes.into());
        }
        self.latency.add(&gathered);
    }

    /// Nothing is on its way any more.
    pub fn clear(&self) {
        *self.way() = Way::default();
    }

    /// What is on its way.
    #[must_use]
    pub fn levels(&self) -> Levels {
        let way = self.way();
        let queued = || way.batches.iter().skip(way.taken);
        Levels {
            events: way.batches.iter().map(|sent| sent.events).sum(),
            queued_events: queued().map(|sent| sent.events).sum(),
            queued_bytes: queued().map(|sent| sent.bytes).sum(),
        }
    }

    /// The batch that waits longest.
    #[must_use]
    pub fn oldest(&self) -> Option<Oldest> {
        let way = self.way();
        let sent = way.batches.front()?;
        Some(Oldest { waits: sent.when.elapsed(), commit_us: sent.commits.first().map(|(commit_us, _)| *commit_us) })
    }

    /// From commit to acknowledgement.
    #[must_use]
    pub const fn latency(&self) -> &Histogram {
        &self.latency
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(bytes: u64, commits: &[(i64, u32)]) -> Tally {
        Tally { bytes, commits: commits.to_vec(), ..Tally::default() }
    }

    #[test]
    fn batches_are_counted_from_read_to_durable() {
        let flow = Flow::default();
        flow.sent(3, tally(30, &[(now_us() - 2_000_000, 3)]));
        flow.sent(4, tally(40, &[]));
        assert_eq!(flow.levels(), Levels { events: 7, queued_events: 7, queued_bytes: 70 });
        assert_eq!(flow.taken().bytes, 30);
        assert_eq!(flow.levels(), Levels { events: 7, queued_events: 4, queued_bytes: 40 });
        assert!(flow.oldest().is_some_and(|oldest| oldest.commit_us.is_some()));
        flow.delivered();
        assert_eq!(flow.levels(), Levels { events: 4, queued_events: 4, queued_bytes: 40 });
        let seen: Vec<(f64, u64)> = flow.latency().buckets().into_iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(seen, [(2.5, 3)], "two seconds since the commit of three changes");
        flow.unsent();
        assert_eq!((flow.levels(), flow.oldest()), (Levels::default(), None));
    }

    #[test]
    fn a_run_that_ends_leaves_nothing() {
        let flow = Flow::default();
        flow.sent(3, tally(30, &[]));
        flow.taken();
        flow.clear();
        // What a run that was cut off still reports.
        flow.delivered();
        assert_eq!(flow.levels(), Levels::default());
    }
}
