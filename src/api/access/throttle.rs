//! Guessing takes time: who gives wrong passwords is not listened to for a while.
//!
//! What counts is the name that is tried and where from, so that nobody locks somebody out who comes from elsewhere. Tokens
//! do not count: they are long and random. Invariant: what is remembered is bounded.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many wrong passwords there may be in a [`WINDOW`].
const FAILURES_MAX: u32 = 10;

/// How long failures are remembered, from the first one on.
const WINDOW: Duration = Duration::from_secs(60);

/// How many pairs of name and place are remembered.
const PAIRS_MAX: usize = 4096;

/// Who tries, and where from.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Trier {
    from: Option<IpAddr>,
    /// Names are as long as somebody likes.
    name: u64,
}

#[derive(Clone, Copy)]
struct Failures {
    count: u32,
    since: Instant,
}

/// Wrong passwords of the last time.
#[derive(Default)]
pub(super) struct Throttle {
    failures: Mutex<HashMap<Trier, Failures>>,
    hasher: RandomState,
}

impl Throttle {
    /// The one who tries that name from there.
    pub(super) fn trier(&self, from: Option<IpAddr>, name: &str) -> Trier {
        Trier { from: from.map(network), name: self.hasher.hash_one(name) }
    }

    /// For how long nobody listens; `None`: go on.
    pub(super) fn wait(&self, trier: Trier, now: Instant) -> Option<Duration> {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let Failures { count, since } = *failures.get(&trier)?;
        let left = WINDOW.saturating_sub(now.saturating_duration_since(since));
        (count >= FAILURES_MAX && !left.is_zero()).then_some(left)
    }

    /// The password was wrong.
    pub(super) fn failed(&self, trier: Trier, now: Instant) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |failures: &Failures| now.saturating_duration_since(failures.since) >= WINDOW;
        if failures.len() >= PAIRS_MAX && !failures.contains_key(&trier) {
            failures.retain(|_, failures| !is_over(failures));
        }
        if failures.len() >= PAIRS_MAX && !failures.contains_key(&trier) {
            // It had the longest time to be forgotten.
            let oldest = failures.iter().min_by_key(|(_, failures)| failures.since).map(|(trier, _)| *trier);
            oldest.map(|oldest| failures.remove(&oldest));
        }
        let entry = failures.entry(trier).or_insert(Failures { count: 0, since: now });
        if is_over(entry) {
            *entry = Failures { count: 0, since: now };
        }
        entry.count = entry.count.saturating_add(1);
    }

    /// The password was right.
    pub(super) fn succeeded(&self, trier: Trier) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).remove(&trier);
    }
}

/// One who has an IPv6 address has a whole network of them.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        IpAddr::V4(address) => IpAddr::V4(address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(throttle: &Throttle, trier: Trier, times: u32, now: Instant) {
        (0..times).for_each(|_| throttle.failed(trier, now));
    }

    #[test]
    fn it_takes_a_while() {
        let throttle = Throttle::default();
        let address = |text: &str| Some(text.parse().unwrap());
        let ops = throttle.trier(address("10.0.0.1"), "ops");
        let now = Instant::now();
        fail(&throttle, ops, FAILURES_MAX - 1, now);
        assert_eq!(throttle.wait(ops, now), None);
        throttle.succeeded(ops);
        fail(&throttle, ops, FAILURES_MAX, now);
        assert_eq!(throttle.wait(ops, now + WINDOW / 4), Some(WINDOW / 4 * 3));
        for (from, name) in [("10.0.0.2", "ops"), ("10.0.0.1", "other")] {
            assert_eq!(throttle.wait(throttle.trier(address(from), name), now), None);
        }
        assert!(throttle.wait(throttle.trier(address("::ffff:10.0.0.1"), "ops"), now).is_some());
        assert_eq!(throttle.wait(ops, now + WINDOW), None);
        throttle.failed(ops, now + WINDOW);
        assert_eq!(throttle.wait(ops, now + WINDOW), None, "the count begins anew");
        let [one, same, other] = ["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"];
        let of = |text: &str| throttle.trier(address(text), "x");
        assert!(of(one) == of(same) && of(one) != of(other));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let throttle = Throttle::default();
        let now = Instant::now();
        let first = throttle.trier(None, "first");
        fail(&throttle, first, FAILURES_MAX, now);
        for number in 0..3 * PAIRS_MAX {
            let later = now + Duration::from_millis(1);
            throttle.failed(throttle.trier(None, &format!("name {number}")), later);
            assert!(throttle.failures.lock().unwrap().len() <= PAIRS_MAX);
        }
        assert_eq!(throttle.wait(first, now), None);
    }
}
