//! How the initial snapshot goes: Debezium's `SnapshotMeter`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The snapshot of a connector.
#[derive(Debug, Default)]
pub struct SnapshotMeter(Mutex<SnapshotState>);

/// How it is now.
#[derive(Clone, Debug, Default)]
pub struct SnapshotState {
    /// Whether it is being made.
    pub phase: Phase,
    /// It was made before, or is not asked for.
    pub skipped: bool,
    /// The server is locked meanwhile (MySQL).
    pub global_lock: bool,
    /// Tables in it.
    pub tables: usize,
    /// Tables that are not read to their end.
    pub remaining: usize,
    /// Rows of each table.
    pub rows: BTreeMap<Arc<str>, u64>,
    begun: Option<Instant>,
    took: Duration,
}

/// What became of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Nothing yet.
    #[default]
    None,
    /// It is being made.
    Running,
    /// It was made.
    Completed,
    /// It broke off.
    Aborted,
}

impl SnapshotState {
    /// How long it took, or takes already.
    #[must_use]
    pub fn duration(&self) -> Duration {
        if self.phase == Phase::Running {
            self.begun.map_or(Duration::ZERO, |begun| begun.elapsed())
        } else {
            self.took
        }
    }
}

impl SnapshotMeter {
    fn state(&self) -> MutexGuard<'_, SnapshotState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It begins, of so many tables.
    pub fn begins(&self, tables: usize) {
        let mut state = self.state();
        let global_lock = state.global_lock;
        let begun = Some(Instant::now());
        *state = SnapshotState {
            phase: Phase::Running,
            tables,
            remaining: tables,
            global_lock,
            begun,
            ..SnapshotState::default()
        };
    }

    /// So many rows of the table have been read; with the last ones it is `done`.
    pub fn read(&self, table: &Arc<str>, rows: u64, done: bool) {
        let mut state = self.state();
        state.rows.insert(Arc::clone(table), rows);
        state.remaining = state.remaining.saturating_sub(usize::from(done));
    }

    /// All tables have been read.
    pub fn completes(&self) {
        let mut state = self.state();
        state.took = state.duration();
        (state.phase, state.remaining) = (Phase::Completed, 0);
    }

    /// There is none: it was made before, or is not asked for.
    pub fn skip(&self) {
        self.state().skipped = true;
    }

    /// The server is locked, or not any more.
    pub fn global_lock(&self, held: bool) {
        self.state().global_lock = held;
    }

    /// The run has ended; a snapshot that was being made broke off.
    pub fn run_ended(&self) {
        let mut state = self.state();
        state.global_lock = false;
        if state.phase == Phase::Running {
            state.took = state.duration();
            state.phase = Phase::Aborted;
        }
    }

    /// How it is now.
    #[must_use]
    pub fn get(&self) -> SnapshotState {
        self.state().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_beginning_to_end() {
        let meter = SnapshotMeter::default();
        meter.begins(2);
        let table: Arc<str> = "public.t".into();
        meter.read(&table, 5, false);
        let state = meter.get();
        assert_eq!((state.phase, state.remaining, state.rows[&table]), (Phase::Running, 2, 5));
        meter.read(&table, 7, true);
        meter.run_ended();
        let state = meter.get();
        assert_eq!((state.phase, state.remaining, state.rows[&table]), (Phase::Aborted, 1, 7));
        meter.begins(1);
        meter.read(&table, 8, true);
        meter.completes();
        meter.run_ended();
        let state = meter.get();
        assert_eq!((state.phase, state.remaining, state.rows[&table]), (Phase::Completed, 0, 8));
    }
}
