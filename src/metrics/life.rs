//! How a connector lives: its runs, why they ended, and how long it was running.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Count;

/// The starts of this process: Kafka Connect's worker metrics.
#[derive(Debug)]
pub struct Startups {
    /// Connectors that were started.
    pub connectors: Outcomes,
    /// Runs that were begun.
    pub tasks: Outcomes,
}

/// How starts went.
#[derive(Debug)]
pub struct Outcomes {
    /// Those that were tried.
    pub attempts: Count,
    /// Those that went well.
    pub successes: Count,
    /// Those that did not.
    pub failures: Count,
}

/// The starts of this process; connectors come and go.
pub static STARTUPS: Startups = Startups { connectors: Outcomes::new(), tasks: Outcomes::new() };

impl Outcomes {
    const fn new() -> Self {
        Self { attempts: Count::new(), successes: Count::new(), failures: Count::new() }
    }

    /// One was tried.
    pub fn attempt(&self) {
        self.attempts.add(1);
    }

    /// Whether the one that was tried went well.
    pub fn ended(&self, well: bool) {
        if well { &self.successes } else { &self.failures }.add(1);
    }
}

/// What a connector is doing, as far as its times are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// It runs.
    Running,
    /// It was told to rest.
    Paused,
    /// Anything else.
    Other,
}

/// The runs of a connector.
#[derive(Debug)]
pub struct Life {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    born: Instant,
    activity: Activity,
    since: Instant,
    running: Duration,
    paused: Duration,
    restarts: BTreeMap<&'static str, u64>,
    reconnects: BTreeMap<&'static str, u64>,
    errors: BTreeMap<&'static str, u64>,
}

impl Default for Life {
    fn default() -> Self {
        let now = Instant::now();
        let state = State {
            born: now,
            activity: Activity::Other,
            since: now,
            running: Duration::ZERO,
            paused: Duration::ZERO,
            restarts: BTreeMap::new(),
            reconnects: BTreeMap::new(),
            errors: BTreeMap::new(),
        };
        Self { state: Mutex::new(state) }
    }
}

impl Life {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on it does that.
    pub fn turns(&self, activity: Activity) {
        let mut state = self.state();
        state.account();
        state.activity = activity;
    }

    /// A run ended with an error of that class.
    pub fn failed(&self, class: &'static str) {
        *self.state().errors.entry(class).or_default() += 1;
    }

    /// It is built anew, because of that; the reason may be a connection.
    pub fn restarts_because(&self, cause: &'static str, reconnects: bool) {
        let mut state = self.state();
        *state.restarts.entry(cause).or_default() += 1;
        if reconnects {
            *state.reconnects.entry(cause).or_default() += 1;
        }
    }

    /// How often a connection that was lost, or could not be made, had it built anew, by cause.
    #[must_use]
    pub fn reconnects(&self) -> BTreeMap<&'static str, u64> {
        self.state().reconnects.clone()
    }

    /// How often it was built anew, by cause.
    #[must_use]
    pub fn restarts(&self) -> BTreeMap<&'static str, u64> {
        self.state().restarts.clone()
    }

    /// How many runs ended with an error, by class.
    #[must_use]
    pub fn errors(&self) -> BTreeMap<&'static str, u64> {
        self.state().errors.clone()
    }

    /// Which parts of its time it was running, and resting.
    #[must_use]
    pub fn ratios(&self) -> (f64, f64) {
        let mut state = self.state();
        state.account();
        let all = state.born.elapsed().as_secs_f64().max(f64::MIN_POSITIVE);
        (state.running.as_secs_f64() / all, state.paused.as_secs_f64() / all)
    }
}

impl State {
    /// Adds the time since the last look to what was done in it.
    fn account(&mut self) {
        let now = Instant::now();
        let time = now.duration_since(std::mem::replace(&mut self.since, now));
        match self.activity {
            Activity::Running => self.running += time,
            Activity::Paused => self.paused += time,
            Activity::Other => {}
        }
    }
}
