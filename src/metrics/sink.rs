//! Whether a sink answers, and how much it holds.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How a sink fares.
#[derive(Debug, Default)]
pub struct SinkState {
    bytes: AtomicUsize,
    away: Mutex<Option<(Instant, String)>>,
}

impl SinkState {
    /// It holds so many bytes of messages that are not durable yet.
    pub fn holds(&self, bytes: usize) {
        self.bytes.store(bytes, Ordering::Relaxed);
    }

    /// It does not answer, and that is why.
    pub fn is_away(&self, why: &str) {
        let mut away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        let since = away.as_ref().map_or_else(Instant::now, |(since, _)| *since);
        *away = Some((since, why.to_owned()));
    }

    /// It answers.
    pub fn is_back(&self) {
        *self.away.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// A new one begins with nothing.
    pub fn clear(&self) {
        self.holds(0);
        self.is_back();
    }

    /// Bytes of messages that are not durable yet.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// For how long it has not answered, and what was seen.
    #[must_use]
    pub fn away(&self) -> Option<(Duration, String)> {
        let away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        away.as_ref().map(|(since, why)| (since.elapsed(), why.clone()))
    }
}
