//! Records on the line, what fails of them, the saves behind it, and the calls of a schema registry: what Kafka Connect
//! calls source task metrics and task error metrics.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Count, Level, Window, now_us};

/// Records of a connector.
#[derive(Debug, Default)]
pub struct Line {
    /// Records that were made of events, before transforms.
    pub polled: Count,
    /// Messages that were handed to the sink.
    pub written: Count,
    /// Messages that are durable.
    pub delivered: Count,
    /// Messages that were handed to the sink and are not durable.
    active: AtomicU64,
    /// Records of a batch.
    pub batch_size: Window,
    /// Messages that are not durable, after each batch.
    pub active_window: Window,
    /// [`Line::polled`] of late.
    pub poll_window: Window,
    /// [`Line::delivered`] of late.
    pub write_window: Window,
    /// Tries of records that failed.
    pub failures: Count,
    /// Records that failed.
    pub errors: Count,
    /// Records that failed and were tolerated.
    pub skipped: Count,
    /// Tries again.
    pub retries: Count,
    /// Records that failed and were told to the log.
    pub logged: Count,
    /// Records that went to the dead letter topic.
    pub dead_letters: Count,
    /// Records that failed and went nowhere.
    pub dropped: Count,
    /// When a record failed last: milliseconds since the epoch.
    pub last_error_ms: Level,
    /// When the pump was seen to turn last.
    beat: Mutex<Option<Instant>>,
}

impl Line {
    /// A batch became so many records, and so many messages that are handed over now.
    pub fn write(&self, records: usize, messages: usize) {
        let (records, messages) = (records as u64, messages as u64);
        self.polled.add(records);
        self.written.add(messages);
        let active = self.active.fetch_add(messages, Ordering::Relaxed) + messages;
        if records > 0 {
            self.batch_size.observe(records as f64);
            self.poll_window.observe(records as f64);
            self.active_window.observe(active as f64);
        }
    }

    /// So many messages are durable.
    pub fn deliver(&self, messages: usize) {
        let messages = messages as u64;
        self.delivered.add(messages);
        // A run that was cut off may report late.
        let less = |active: u64| Some(active.saturating_sub(messages));
        let _ = self.active.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        if messages > 0 {
            self.write_window.observe(messages as f64);
        }
    }

    /// A record failed for good.
    pub fn failed(&self) {
        self.failures.add(1);
        self.errors.add(1);
        self.last_error_ms.set(Some(now_us() / 1000));
    }

    /// A record failed, and is tried again.
    pub fn retried(&self) {
        self.failures.add(1);
        self.retries.add(1);
        self.last_error_ms.set(Some(now_us() / 1000));
    }

    /// Messages that were handed to the sink and are not durable.
    #[must_use]
    pub fn active(&self) -> u64 {
        self.active.load(Ordering::Relaxed)
    }

    /// The pump turns.
    pub fn beats(&self) {
        *self.beat.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// How long ago the pump was seen to turn; `None`: there is none.
    #[must_use]
    pub fn silent(&self) -> Option<Duration> {
        self.beat.lock().unwrap_or_else(PoisonError::into_inner).map(|beat| beat.elapsed())
    }

    /// There is no pump, and nothing is on its way.
    pub fn clear(&self) {
        self.active.store(0, Ordering::Relaxed);
        *self.beat.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Positions that were saved.
#[derive(Debug, Default)]
pub struct Saves {
    /// Those that were.
    pub done: Count,
    /// Those that failed.
    pub failed: Count,
    /// How long they took, in milliseconds.
    pub took: Window,
    /// 1 for each that was done, 0 for each that failed.
    pub succeeded: Window,
}

impl Saves {
    /// One was tried.
    pub fn tried(&self, took: Duration, done: bool) {
        if done { &self.done } else { &self.failed }.add(1);
        self.took.observe(took.as_secs_f64() * 1e3);
        self.succeeded.observe(f64::from(u8::from(done)));
    }
}

/// Calls of a schema registry, by what came of them.
#[derive(Debug, Default)]
pub struct RegistryCalls(Mutex<BTreeMap<&'static str, u64>>);

impl RegistryCalls {
    /// There is a registry, whose calls can have these outcomes.
    pub fn begins(&self, outcomes: &[&'static str]) {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for outcome in outcomes {
            calls.entry(outcome).or_default();
        }
    }

    /// One was made.
    pub fn made(&self, outcome: &'static str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(outcome).or_default() += 1;
    }

    /// How many there were of each outcome.
    #[must_use]
    pub fn get(&self) -> BTreeMap<&'static str, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
