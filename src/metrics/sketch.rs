//! Quantiles of all values that were seen, within one part in a hundred, in memory that does not grow: what Debezium's
//! quantile metrics tell (`MilliSecondsBehindSourceP99`).

use super::Count;

/// From one bucket to the next.
const GROWTH: f64 = 1.02;

/// Enough for a hundred days in milliseconds.
const BUCKETS: usize = 1160;

/// Counts of values, in buckets that grow with the values.
#[derive(Debug)]
pub(super) struct Sketch {
    /// The first one is of 0; the others begin at 1 and grow.
    buckets: Box<[Count]>,
}

impl Default for Sketch {
    fn default() -> Self {
        Self { buckets: (0..BUCKETS).map(|_| Count::default()).collect() }
    }
}

impl Sketch {
    /// So many values of that size; what is below 0 counts as 0.
    pub(super) fn add(&self, value: i64, times: u64) {
        if let Some(bucket) = self.buckets.get(bucket_of(value)) {
            bucket.add(times);
        }
    }

    /// The values that these shares of all values do not exceed; `None`: nothing was seen.
    #[must_use]
    pub(super) fn quantiles<const N: usize>(&self, shares: [f64; N]) -> Option<[f64; N]> {
        let counts: Vec<u64> = self.buckets.iter().map(Count::get).collect();
        let all: u64 = counts.iter().sum();
        (all > 0).then(|| shares.map(|share| value_at(&counts, share * (all - 1) as f64)))
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the logarithm is small, and not below 0")]
fn bucket_of(value: i64) -> usize {
    if value <= 0 {
        return 0;
    }
    let bucket = 1 + ((value as f64).ln() / GROWTH.ln()).floor() as usize;
    bucket.min(BUCKETS - 1)
}

/// The middle of the bucket that holds the value of that rank.
fn value_at(counts: &[u64], rank: f64) -> f64 {
    let mut below = 0;
    for (bucket, count) in counts.iter().enumerate() {
        below += count;
        if below as f64 > rank {
            return middle(bucket);
        }
    }
    middle(counts.len().saturating_sub(1))
}

fn middle(bucket: usize) -> f64 {
    match i32::try_from(bucket) {
        Ok(bucket) if bucket > 0 => GROWTH.powi(bucket - 1) * f64::midpoint(1.0, GROWTH),
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_near() {
        let sketch = Sketch::default();
        assert_eq!(sketch.quantiles([0.5]), None);
        sketch.add(0, 10);
        assert_eq!(sketch.quantiles([0.5, 1.0]), Some([0.0, 0.0]));
        for value in 1..=990 {
            sketch.add(value, 1);
        }
        let [median, high, last] = sketch.quantiles([0.5, 0.95, 1.0]).unwrap();
        for (found, exact) in [(median, 490.0), (high, 940.0), (last, 990.0)] {
            assert!((found / exact - 1.0_f64).abs() < 0.011, "{found} is not {exact}");
        }
        sketch.add(-5, 1);
        sketch.add(i64::MAX, 1);
        assert!(sketch.quantiles([1.0]).unwrap()[0] > 8.6e9);
        let one = Sketch::default();
        one.add(1, 3);
        // As Debezium shows it.
        assert!((one.quantiles([0.99]).unwrap()[0] - 1.01).abs() < 1e-9);
    }
}
