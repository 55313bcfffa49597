//! Families of numbers with names and labels, and Prometheus' text of them.
//!
//! The text is both: OpenMetrics 1.0 and, to a reader that knows no more, Prometheus' format 0.0.4. So no family has a type
//! that only one of the two knows; what a JMX exporter would leave without a type is a gauge here.

use std::borrow::Cow;
use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::Histogram;

/// The media type of OpenMetrics.
pub const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The media type of Prometheus' older format.
pub const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Names and values of labels.
pub type Labels = Vec<(&'static str, String)>;

/// Families of one answer, in the order of their names.
#[derive(Debug, Default)]
pub struct Families(std::collections::BTreeMap<Cow<'static, str>, Family>);

#[derive(Debug)]
struct Family {
    kind: Kind,
    help: &'static str,
    samples: Vec<(Labels, Value)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

#[derive(Debug)]
enum Value {
    Count(u64),
    Seconds(f64),
    Integer(i64),
    Float(f64),
    Buckets(Vec<(f64, u64)>, f64),
}

impl Families {
    /// A number that only grows. Its name, without `_total`.
    pub fn counter(&mut self, name: &'static str, help: &'static str, labels: &Labels, value: u64) {
        self.add(name, (Kind::Counter, help), labels, Value::Count(value));
    }

    /// Seconds that only grow. The name, without `_total`.
    pub fn seconds(&mut self, name: &'static str, help: &'static str, labels: &Labels, value: f64) {
        self.add(name, (Kind::Counter, help), labels, Value::Seconds(value));
    }

    /// A number.
    pub fn gauge(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        help: &'static str,
        labels: &Labels,
        value: impl Into<f64>,
    ) {
        self.add(name, (Kind::Gauge, help), labels, Value::Float(value.into()));
    }

    /// A whole number, as large as it may be.
    pub fn integer(&mut self, name: impl Into<Cow<'static, str>>, help: &'static str, labels: &Labels, value: i64) {
        self.add(name, (Kind::Gauge, help), labels, Value::Integer(value));
    }

    /// How often something took how long.
    pub fn histogram(&mut self, name: &'static str, help: &'static str, labels: &Labels, value: &Histogram) {
        self.add(name, (Kind::Histogram, help), labels, Value::Buckets(value.buckets(), value.sum()));
    }

    fn add(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        (kind, help): (Kind, &'static str),
        labels: &Labels,
        value: Value,
    ) {
        let family = self.0.entry(name.into()).or_insert(Family { kind, help, samples: Vec::new() });
        debug_assert_eq!(family.kind, kind, "a name has one type");
        family.samples.push((labels.clone(), value));
    }

    /// The text.
    ///
    /// # Errors
    /// Never; the writer is a string.
    pub fn text(self) -> Result<String, fmt::Error> {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        let mut text = String::new();
        text::encode(&mut text, &registry)?;
        Ok(text)
    }
}

impl Collector for Families {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for (name, Family { kind, help, samples }) in &self.0 {
            let kind = match *kind {
                Kind::Counter => MetricType::Counter,
                Kind::Gauge => MetricType::Gauge,
                Kind::Histogram => MetricType::Histogram,
            };
            let mut family = encoder.encode_descriptor(name, help, None, kind)?;
            for (labels, value) in samples {
                if labels.is_empty() {
                    write(value, &mut family)?;
                } else {
                    write(value, &mut family.encode_family(labels)?)?;
                }
            }
        }
        Ok(())
    }
}

fn write(value: &Value, sample: &mut MetricEncoder<'_>) -> fmt::Result {
    match value {
        Value::Count(value) => sample.encode_counter::<NoLabelSet, _, f64>(value, None),
        Value::Seconds(value) => sample.encode_counter::<NoLabelSet, _, f64>(value, None),
        Value::Integer(value) => sample.encode_gauge(value),
        Value::Float(value) => sample.encode_gauge(value),
        Value::Buckets(buckets, sum) => {
            let count = buckets.iter().map(|(_, count)| count).sum();
            sample.encode_histogram::<NoLabelSet>(*sum, count, buckets, None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_prometheus() {
        let mut families = Families::default();
        let labels = vec![("name", "a \"b\"\\\nc".to_owned())];
        families.gauge("z_ratio", "A ratio", &labels, f64::NAN);
        families.integer("debezium_metrics_TotalNumberOfEventsSeen", "Events", &labels, 7);
        families.integer("debezium_metrics_TotalNumberOfEventsSeen", "Events", &vec![("name", "d".to_owned())], -1);
        families.counter("things", "Things", &Labels::new(), u64::MAX);
        let text = families.text().unwrap();
        let expected = r#"# HELP debezium_metrics_TotalNumberOfEventsSeen Events
# TYPE debezium_metrics_TotalNumberOfEventsSeen gauge
debezium_metrics_TotalNumberOfEventsSeen{name="a \"b\"\\\nc"} 7
debezium_metrics_TotalNumberOfEventsSeen{name="d"} -1
# HELP things Things
# TYPE things counter
things_total 18446744073709551615
# HELP z_ratio A ratio
# TYPE z_ratio gauge
z_ratio{name="a \"b\"\\\nc"} NaN
# EOF
"#;
        assert_eq!(text, expected);
    }

    #[test]
    fn histograms_have_cumulative_buckets() {
        let histogram = Histogram::default();
        let mut gathered = super::super::histogram::Gathered::default();
        gathered.add(400_000, 3);
        gathered.add(700_000, 1);
        histogram.add(&gathered);
        let mut families = Families::default();
        families.histogram("took_seconds", "Time", &vec![("connector", "c".to_owned())], &histogram);
        let text = families.text().unwrap();
        for line in [
            "took_seconds_count{connector=\"c\"} 4",
            "took_seconds_sum{connector=\"c\"} 1.9",
            "took_seconds_bucket{le=\"0.5\",connector=\"c\"} 3",
            "took_seconds_bucket{le=\"1.0\",connector=\"c\"} 4",
            "took_seconds_bucket{le=\"+Inf\",connector=\"c\"} 4",
        ] {
            assert!(text.lines().any(|other| other == line), "{line} is missing in\n{text}");
        }
    }
}
