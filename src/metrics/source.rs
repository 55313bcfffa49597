//! What a source read: Debezium's `CommonEventMeter` and `StreamingMeter`.

use std::sync::atomic::{AtomicI64, Ordering};

use super::sketch::Sketch;
use super::{Count, Level, now_us};
use crate::event::Tally;

/// What the source has read since the connector was started.
#[derive(Debug, Default)]
pub struct SourceMeter {
    /// Rows of snapshots.
    pub reads: Count,
    /// Rows that were inserted.
    pub creates: Count,
    /// Rows that were updated.
    pub updates: Count,
    /// Rows that were deleted.
    pub deletes: Count,
    /// Tables that were truncated, logical messages.
    pub others: Count,
    /// Events of tables that are not captured.
    pub filtered: Count,
    /// Updates that changed nothing that is emitted.
    pub unchanged: Count,
    /// Committed transactions, of those with a captured event.
    pub transactions: Count,
    /// Transactions that were rolled back, and stand in the log.
    pub rollbacks: Count,
    /// Ends of transactions without a beginning.
    pub malformed: Count,
    /// What could not be decoded: each ends a run. Set by the supervisor.
    pub erroneous: Count,
    /// Connections to the database that were lost. Set by the supervisor.
    pub disconnects: Count,
    /// Whether MySQL's GTIDs tell the place.
    pub gtid_mode: Level,
    /// The place in MySQL's log file.
    pub binlog_position: Level,
    /// When a snapshot's row was read last: microseconds since the epoch.
    read_us: Level,
    /// When an event of the log was read last.
    event_us: Level,
    behind: Behind,
}

/// From the commit of a change to its reading, in milliseconds.
#[derive(Debug, Default)]
struct Behind {
    last: Level,
    min: Level,
    max: Level,
    sum: AtomicI64,
    changes: Count,
    sketch: Sketch,
}

/// From the commit of a change to its reading, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BehindSource {
    /// Of the last one.
    pub last: i64,
    /// The shortest.
    pub min: i64,
    /// The longest.
    pub max: i64,
    /// The mean.
    pub mean: f64,
    /// What 50, 95 and 99 in a hundred do not exceed.
    pub quantiles: [f64; 3],
}

impl SourceMeter {
    /// A batch was filled.
    pub fn sent(&self, tally: &Tally) {
        let counts = [
            (&self.reads, tally.reads),
            (&self.creates, tally.creates),
            (&self.updates, tally.updates),
            (&self.deletes, tally.deletes),
            (&self.others, tally.others),
            (&self.filtered, tally.filtered),
            (&self.unchanged, tally.unchanged),
            (&self.transactions, tally.transactions),
            (&self.rollbacks, tally.rollbacks),
            (&self.malformed, tally.malformed),
        ];
        for (count, more) in counts.into_iter().filter(|(_, more)| *more > 0) {
            count.add(more);
        }
        let now_us = now_us();
        if tally.reads > 0 {
            self.read_us.set(Some(now_us));
        }
        if tally.changes() + tally.filtered > 0 {
            self.event_us.set(Some(now_us));
        }
        for (commit_us, changes) in &tally.commits {
            self.behind.add((now_us - commit_us).div_euclid(1000).max(0), (*changes).into());
        }
    }

    /// Events of the log that were seen, as Debezium counts them: changes, messages, and what is filtered.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.changes() + self.filtered.get()
    }

    /// Events of the log that were sent on.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.creates.get() + self.updates.get() + self.deletes.get() + self.others.get()
    }

    /// Milliseconds since a row of a snapshot was read; `None`: there was none.
    #[must_use]
    pub fn since_read_ms(&self) -> Option<i64> {
        self.read_us.get().map(|then| (now_us() - then) / 1000)
    }

    /// Milliseconds since an event of the log was read; `None`: there was none.
    #[must_use]
    pub fn since_event_ms(&self) -> Option<i64> {
        self.event_us.get().map(|then| (now_us() - then) / 1000)
    }

    /// When an event of the log was read last: microseconds since the epoch.
    #[must_use]
    pub fn event_us(&self) -> Option<i64> {
        self.event_us.get()
    }

    /// How far the reading was behind the commits; `None`: nothing was read.
    #[must_use]
    pub fn behind(&self) -> Option<BehindSource> {
        let Behind { last, min, max, sum, changes, sketch } = &self.behind;
        let mean = sum.load(Ordering::Relaxed) as f64 / changes.get().max(1) as f64;
        let quantiles = sketch.quantiles([0.5, 0.95, 0.99])?;
        Some(BehindSource { last: last.get()?, min: min.get()?, max: max.get()?, mean, quantiles })
    }
}

impl Behind {
    /// The source is the only one that writes.
    fn add(&self, behind_ms: i64, changes: u64) {
        self.last.set(Some(behind_ms));
        self.min.set(Some(self.min.get().map_or(behind_ms, |min| min.min(behind_ms))));
        self.max.set(Some(self.max.get().map_or(behind_ms, |max| max.max(behind_ms))));
        self.sum.fetch_add(behind_ms.saturating_mul(i64::try_from(changes).unwrap_or(i64::MAX)), Ordering::Relaxed);
        self.changes.add(changes);
        self.sketch.add(behind_ms, changes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_batch_holds_is_counted() {
        let meter = SourceMeter::default();
        assert_eq!((meter.since_event_ms(), meter.behind()), (None, None));
        let now = now_us();
        meter.sent(&Tally { reads: 2, ..Tally::default() });
        assert_eq!((meter.events(), meter.since_event_ms()), (0, None), "a snapshot is no event of the log");
        let commits = vec![(now - 3_000_000, 1), (now + 60_000_000, 1)];
        meter.sent(&Tally { creates: 1, deletes: 1, filtered: 3, commits, ..Tally::default() });
        assert_eq!((meter.events(), meter.changes()), (5, 2));
        let behind = meter.behind().unwrap();
        assert!(behind.max >= 3000 && behind.max < 4000 && behind.min == 0 && behind.last == 0, "{behind:?}");
        assert!(behind.mean >= 1500.0 && behind.mean < 2000.0, "{behind:?}");
    }
}
