//! What a connector says of itself while it runs: the status behind the API, and the counters behind the log.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

/// The states of Kafka Connect's `AbstractStatus.State` that occur here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It starts: the database is not reached yet, or not found fit.
    Unassigned,
    /// It runs.
    Running,
    /// It stopped with an error that does not pass by itself.
    Failed,
    /// It met an error that can pass, and waits to try again.
    Restarting,
    /// It was told to stop.
    Stopped,
}

impl State {
    /// Connect's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unassigned => "UNASSIGNED",
            Self::Running => "RUNNING",
            Self::Failed => "FAILED",
            Self::Restarting => "RESTARTING",
            Self::Stopped => "STOPPED",
        }
    }
}

/// What a connector is doing.
#[derive(Clone, Debug)]
pub struct Status {
    /// The state of its task.
    pub state: State,
    /// Since when.
    pub since: SystemTime,
    /// Why it is not running: the error and its causes.
    pub trace: Option<String>,
}

impl Status {
    /// That state, from now on.
    #[must_use]
    pub fn now(state: State, trace: Option<String>) -> Self {
        Self { state, since: SystemTime::now(), trace }
    }
}

/// What went through a connector since it was started.
#[derive(Debug, Default)]
pub struct Counters {
    written: AtomicU64,
}

impl Counters {
    /// So many more records went to the sink.
    pub fn written(&self, records: usize) {
        self.written.fetch_add(records as u64, Ordering::Relaxed);
    }

    /// How many records went to the sink.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }
}
