//! When a heartbeat is due: Debezium's `heartbeat.interval.ms`, for both sources.
//!
//! A heartbeat carries the position on while the captured tables are idle. Knows no connection: what
//! `heartbeat.action.query` asks for, a source runs itself.

use std::time::Duration;

use tokio::time::Instant;

/// The clock of a stream's heartbeats.
#[derive(Debug)]
pub struct Heartbeat {
    every: Duration,
    due: Option<Instant>,
}

impl Heartbeat {
    /// A heartbeat each so many milliseconds, the first after as many; 0: none.
    #[must_use]
    pub fn every(interval_ms: u64) -> Self {
        let every = Duration::from_millis(interval_ms);
        Self { every, due: (!every.is_zero()).then(|| Instant::now() + every) }
    }

    /// When the next one is due, if any.
    #[must_use]
    pub const fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Whether one is due now; the next one is then due an interval later.
    pub fn beats(&mut self) -> bool {
        let now = Instant::now();
        let beats = self.due.is_some_and(|due| due <= now);
        if beats {
            self.due = Some(now + self.every);
        }
        beats
    }
}

/// Waits for that moment; for ever if there is none.
pub async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn beats_once_an_interval() {
        let mut heartbeat = Heartbeat::every(1000);
        assert!(!heartbeat.beats());
        until(heartbeat.due()).await;
        assert!(heartbeat.beats() && !heartbeat.beats());
        // What was missed is not made up for.
        tokio::time::advance(Duration::from_millis(3500)).await;
        assert!(heartbeat.beats() && !heartbeat.beats());
        assert_eq!(heartbeat.due(), Some(Instant::now() + Duration::from_secs(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn zero_is_none() {
        let mut heartbeat = Heartbeat::every(0);
        assert_eq!(heartbeat.due(), None);
        tokio::time::advance(Duration::from_secs(60)).await;
        assert!(!heartbeat.beats());
    }
}
