//! A histogram with fixed bounds: how long something took, in seconds.

use std::sync::atomic::{AtomicU64, Ordering};

/// The upper bounds of the buckets, in seconds. 0.5 is one of them, for the alert.
pub const BOUNDS: [f64; 17] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, f64::INFINITY];

/// How often something took how long.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; BOUNDS.len()],
    sum_us: AtomicU64,
}

/// What was gathered for one batch before it is added.
#[derive(Clone, Debug, Default)]
pub struct Gathered {
    buckets: [u64; BOUNDS.len()],
    sum_us: u64,
}

impl Gathered {
    /// So many took that long.
    pub fn add(&mut self, took_us: i64, count: u64) {
        let took_us = u64::try_from(took_us).unwrap_or(0);
        let seconds = took_us as f64 / 1e6;
        let place = BOUNDS.iter().position(|bound| seconds <= *bound);
        if let Some(bucket) = place.and_then(|place| self.buckets.get_mut(place)) {
            *bucket += count;
        }
        self.sum_us = self.sum_us.saturating_add(took_us.saturating_mul(count));
    }
}

impl Histogram {
    /// Adds what was gathered.
    pub fn add(&self, gathered: &Gathered) {
        for (bucket, more) in self.buckets.iter().zip(gathered.buckets) {
            if more > 0 {
                bucket.fetch_add(more, Ordering::Relaxed);
            }
        }
        self.sum_us.fetch_add(gathered.sum_us, Ordering::Relaxed);
    }

    /// Each bound and how many were at or below it, but above the one before.
    #[must_use]
    pub fn buckets(&self) -> Vec<(f64, u64)> {
        BOUNDS.iter().zip(&self.buckets).map(|(bound, bucket)| (*bound, bucket.load(Ordering::Relaxed))).collect()
    }

    /// The sum of all, in seconds.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.sum_us.load(Ordering::Relaxed) as f64 / 1e6
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_has_one_bucket() {
        let histogram = Histogram::default();
        let mut gathered = Gathered::default();
        gathered.add(500_000, 2);
        gathered.add(500_001, 1);
        // A clock that is ahead of ours.
        gathered.add(-7, 1);
        gathered.add(i64::MAX, 1);
        histogram.add(&gathered);
        let filled: Vec<(f64, u64)> = histogram.buckets().into_iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(filled, [(0.001, 1), (0.5, 2), (1.0, 1), (f64::INFINITY, 1)]);
    }
}
