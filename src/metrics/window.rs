//! What was observed in the last minute: Kafka's sampled statistics (`org.apache.kafka.common.metrics.stats`), whose
//! averages, maxima and rates are those of two samples of thirty seconds.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// `metrics.sample.window.ms`
const SAMPLE: Duration = Duration::from_secs(30);

/// Values of the last thirty to sixty seconds.
#[derive(Debug)]
pub struct Window {
    begin: Instant,
    /// The present sample, and the one before.
    samples: Mutex<[Sample; 2]>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sample {
    /// Which of the samples since the beginning.
    number: u64,
    count: u64,
    sum: f64,
    max: f64,
}

/// What a window holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stats {
    /// The mean; NaN if there was nothing.
    pub mean: f64,
    /// The largest; NaN if there was nothing.
    pub max: f64,
    /// The sum, for each second.
    pub rate: f64,
}

impl Default for Window {
    fn default() -> Self {
        Self { begin: Instant::now(), samples: Mutex::default() }
    }
}

impl Window {
    /// Something was that much.
    pub fn observe(&self, value: f64) {
        self.observe_at(Instant::now(), value);
    }

    fn observe_at(&self, now: Instant, value: f64) {
        let number = self.number(now);
        let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        let [present, before] = &mut *samples;
        if present.number != number {
            *before = std::mem::replace(present, Sample { number, ..Sample::default() });
        }
        present.max = if present.count == 0 { value } else { present.max.max(value) };
        present.count += 1;
        present.sum += value;
    }

    /// What was observed of late.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.stats_at(Instant::now())
    }

    fn stats_at(&self, now: Instant) -> Stats {
        let number = self.number(now);
        let samples = *self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        let live = samples.iter().filter(|sample| sample.number + 1 >= number && sample.count > 0);
        let (count, sum, max) = live.fold((0, 0.0, f64::NAN), |(count, sum, max), sample| {
            (count + sample.count, sum + sample.sum, sample.max.max(max))
        });
        // As Kafka's `Rate`: at least one whole sample, so that the first events are no flood.
        let since =
            now.duration_since(self.begin).as_secs_f64() - number.saturating_sub(1) as f64 * SAMPLE.as_secs_f64();
        let mean = if count == 0 { f64::NAN } else { sum / count as f64 };
        Stats { mean, max, rate: sum / since.max(SAMPLE.as_secs_f64()) }
    }

    fn number(&self, now: Instant) -> u64 {
        now.duration_since(self.begin).as_secs() / SAMPLE.as_secs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_values_are_forgotten() {
        let window = Window::default();
        let at = |seconds| window.begin + Duration::from_secs(seconds);
        let shown = |seconds| format!("{:?}", window.stats_at(at(seconds)));
        assert_eq!(shown(1), "Stats { mean: NaN, max: NaN, rate: 0.0 }");
        window.observe_at(at(10), 2.0);
        window.observe_at(at(31), 6.0);
        assert_eq!(shown(40), "Stats { mean: 4.0, max: 6.0, rate: 0.2 }");
        window.observe_at(at(65), 3.0);
        assert_eq!(shown(70), "Stats { mean: 4.5, max: 6.0, rate: 0.225 }", "the sample before counts");
        assert_eq!(shown(90), "Stats { mean: 3.0, max: 3.0, rate: 0.1 }", "the one before that does not");
        assert_eq!(shown(200), "Stats { mean: NaN, max: NaN, rate: 0.0 }");
    }
}
