//! Where a source's log ends, as its server said last, and whether the reading moves towards it.
//!
//! The server is asked now and then, on a connection that is there anyway; between two looks nothing is known better.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Level;

/// What is known of the log's end.
#[derive(Debug, Default)]
pub struct Head {
    /// Bytes of the log that this run has passed.
    passed: AtomicU64,
    /// Events that were read before this run.
    events_before: AtomicU64,
    /// Bytes between what was read and the end, when the server was asked.
    behind: Level,
    slot: Mutex<Option<Slot>>,
    looks: Mutex<Looks>,
}

/// A replication slot, as the server said last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Its name.
    pub name: String,
    /// Bytes of the log that the server keeps for it.
    pub retained: u64,
    /// Bytes that can still be written before it may be lost; `None`: there is no limit.
    pub safe: Option<i64>,
}

#[derive(Debug, Default)]
struct Looks {
    /// What had been passed at the last look.
    passed: u64,
    /// Since when there is something to read, and nothing is read.
    stalled: Option<Instant>,
}

impl Head {
    /// The reading begins; so many events were read in other runs.
    pub fn begins(&self, events_before: u64) {
        self.passed.store(0, Ordering::Relaxed);
        self.events_before.store(events_before, Ordering::Relaxed);
    }

    /// So many bytes of the log have been passed since it began.
    pub fn passed(&self, bytes: u64) {
        self.passed.store(bytes, Ordering::Relaxed);
    }

    /// The server was asked: so many bytes are between what was read and its log's end.
    pub fn looked(&self, behind: u64) {
        let passed = self.passed.load(Ordering::Relaxed);
        let mut looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        let stands = behind > 0 && passed == looks.passed && self.behind.get().is_some();
        looks.stalled = if stands { looks.stalled.or_else(|| Some(Instant::now())) } else { None };
        looks.passed = passed;
        self.behind.set(Some(i64::try_from(behind).unwrap_or(i64::MAX)));
    }

    /// The server was asked about the slot.
    pub fn slot_is(&self, slot: Option<Slot>) {
        *self.slot.lock().unwrap_or_else(PoisonError::into_inner) = slot;
    }

    /// Nothing is known any more.
    pub fn clear(&self) {
        self.behind.set(None);
        self.slot_is(None);
        *self.looks.lock().unwrap_or_else(PoisonError::into_inner) = Looks::default();
    }

    /// Bytes between what was read and the log's end, if the server was asked.
    #[must_use]
    pub fn behind(&self) -> Option<u64> {
        self.behind.get().and_then(|behind| u64::try_from(behind).ok())
    }

    /// The slot, if there is one and the server was asked.
    #[must_use]
    pub fn slot(&self) -> Option<Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// For how long there has been something to read, and nothing was read.
    #[must_use]
    pub fn stalled(&self) -> Option<Duration> {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner).stalled.map(|since| since.elapsed())
    }

    /// How many events there may be in what is not read yet: as many for a byte of the log as there were so far.
    #[must_use]
    pub fn events_ahead(&self, events: u64) -> u64 {
        let (passed, behind) = (self.passed.load(Ordering::Relaxed), self.behind().unwrap_or(0));
        let seen = events.saturating_sub(self.events_before.load(Ordering::Relaxed));
        let ahead = u128::from(behind) * u128::from(seen) / u128::from(passed.max(1));
        u64::try_from(ahead).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ahead_is_judged_by_what_was_passed() {
        let head = Head::default();
        head.begins(100);
        assert_eq!((head.behind(), head.events_ahead(100)), (None, 0));
        head.passed(10_000);
        head.looked(5000);
        assert_eq!((head.behind(), head.events_ahead(140)), (Some(5000), 20));
        head.clear();
        assert_eq!((head.behind(), head.slot()), (None, None));
    }

    #[test]
    fn it_stalls_when_two_looks_see_the_same() {
        let head = Head::default();
        head.passed(10);
        head.looked(5);
        assert!(head.stalled().is_none(), "one look tells nothing");
        head.looked(7);
        assert!(head.stalled().is_some());
        head.passed(11);
        head.looked(6);
        assert!(head.stalled().is_none(), "it moved");
        head.looked(6);
        head.looked(0);
        assert!(head.stalled().is_none(), "there is nothing to read");
    }
}
