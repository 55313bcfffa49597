//! What is counted and measured of one connector while it runs: plain numbers, shared by its tasks.
//!
//! It owns the numbers and what each means; whoever makes something happen counts it, once for each batch and never for a
//! row. It knows no names: `api::metrics` gives them when somebody asks, and [`exposition`] writes them. A connector keeps
//! its [`Meters`] through all of its runs.

pub mod exposition;
mod flow;
mod head;
mod histogram;
mod life;
mod line;
mod sink;
mod sketch;
mod snapshot;
mod source;
mod window;

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

pub use flow::{Flow, Levels, Oldest, Passed};
pub use head::{Head, Slot};
pub use histogram::{BOUNDS, Histogram};
pub use life::{Activity, Life, Outcomes, STARTUPS, Startups};
pub use line::{Line, RegistryCalls, Saves};
pub use sink::SinkState;
pub use snapshot::{Phase, SnapshotMeter, SnapshotState};
pub use source::{BehindSource, SourceMeter};
pub use window::{Stats, Window};

/// The numbers of one connector.
#[derive(Debug, Default)]
pub struct Meters {
    /// What the source read: set by [`crate::source::Outbox::send`].
    pub source: SourceMeter,
    /// Where the source's log ends, and what the slot holds: set by the watch of each source.
    pub head: Head,
    /// The initial snapshot: set by the `snapshot` module of each source.
    pub snapshot: SnapshotMeter,
    /// What is between source and sink: set by [`crate::source::Outbox::send`] and the pump.
    pub flow: Flow,
    /// Records, and what fails of them: set by the pump and by `connector::dead_letter`.
    pub line: Line,
    /// Whether the sink answers, and what it holds: set by the sink.
    pub sink: SinkState,
    /// Positions that were saved: set by the saver.
    pub saves: Saves,
    /// Calls of a schema registry: set by its client.
    pub registry: RegistryCalls,
    /// Runs and their ends: set by the supervisor.
    pub life: Life,
}

impl Meters {
    /// A new run begins: nothing is on its way, and nothing is known of the log's end.
    pub fn run_begins(&self) {
        self.flow.clear();
        self.head.clear();
        self.line.clear();
        self.sink.clear();
    }

    /// Events between the end of the source's log and what is durable: those that were read are counted, the others are
    /// judged by the log's bytes.
    #[must_use]
    pub fn lag_events(&self) -> u64 {
        self.flow.levels().events + self.head.events_ahead(self.source.changes())
    }

    /// How long what is not durable yet has been committed, in seconds. What is committed and was not read is as old as
    /// what was read last, at most.
    #[must_use]
    pub fn lag_seconds(&self) -> f64 {
        let commit_us = match self.flow.oldest() {
            Some(Oldest { commit_us, waits }) => {
                Some(commit_us.unwrap_or_else(|| now_us() - i64::try_from(waits.as_micros()).unwrap_or(i64::MAX)))
            }
            None if self.head.events_ahead(self.source.changes()) > 0 => self.source.event_us(),
            None => None,
        };
        commit_us.map_or(0.0, |commit_us| (now_us() - commit_us).max(0) as f64 / 1e6)
    }

    /// The run has ended, however it did.
    pub fn run_ended(&self) {
        self.run_begins();
        self.snapshot.run_ended();
    }
}

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// So many more.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// How many there were.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number that may be unknown.
#[derive(Debug)]
pub struct Level(AtomicI64);

impl Default for Level {
    fn default() -> Self {
        Self(AtomicI64::new(i64::MIN))
    }
}

impl Level {
    /// It is that much now; `None`: it is not known.
    pub fn set(&self, value: Option<i64>) {
        self.0.store(value.unwrap_or(i64::MIN), Ordering::Relaxed);
    }

    /// How much it is.
    #[must_use]
    pub fn get(&self) -> Option<i64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|value| *value != i64::MIN)
    }
}

/// Microseconds since the epoch.
#[must_use]
pub fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
