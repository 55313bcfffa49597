//! Reads what `/metrics` says.

use std::collections::BTreeMap;

use super::rest::Rest;
use super::{RUNTIME, wait_for};
use std::time::Duration;

/// One line of the text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: f64,
}

/// All lines of one answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics(pub(crate) Vec<Sample>);

impl Metrics {
    /// What a daemon says now; `None` while it does not answer.
    pub(crate) fn scrape(rest: Rest) -> Option<Self> {
        let url = format!("http://127.0.0.1:{}/metrics", rest.port);
        let text = RUNTIME.block_on(async {
            let answer = reqwest::get(url).await.ok()?;
            assert!(answer.status().is_success(), "{answer:?}");
            answer.text().await.ok()
        })?;
        Some(Self::parse(&text))
    }

    /// Waits until what it says is as wanted.
    #[track_caller]
    pub(crate) fn wait(rest: Rest, what: &str, limit: Duration, mut wanted: impl FnMut(&Self) -> bool) -> Self {
        wait_for(what, limit, || Self::scrape(rest).filter(|metrics| wanted(metrics)))
    }

    /// Every line must be of the format: anything else fails the test.
    pub(crate) fn parse(text: &str) -> Self {
        assert!(text.ends_with("# EOF\n"), "the text is cut off");
        let samples = text.lines().filter(|line| !line.starts_with('#')).map(sample).collect();
        Self(samples)
    }

    /// The samples of that name with those labels.
    pub(crate) fn all(&self, name: &str, labels: &[(&str, &str)]) -> Vec<&Sample> {
        let has = |sample: &Sample| {
            labels.iter().all(|(label, value)| sample.labels.get(*label).is_some_and(|found| found == value))
        };
        self.0.iter().filter(|sample| sample.name == name && has(sample)).collect()
    }

    /// The value of the one sample of that name with those labels, if it is there.
    #[track_caller]
    pub(crate) fn find(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let found = self.all(name, labels);
        assert!(found.len() <= 1, "{name} with {labels:?} is not one: {found:?}");
        found.first().map(|sample| sample.value)
    }

    /// The value of the one sample of that name with those labels.
    #[track_caller]
    pub(crate) fn get(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.find(name, labels).unwrap_or_else(|| panic!("there is no {name} with {labels:?}"))
    }

    /// Whether the one sample of that name with those labels is there, and is that much.
    #[track_caller]
    pub(crate) fn is(&self, name: &str, labels: &[(&str, &str)], value: i64) -> bool {
        self.find(name, labels).is_some_and(|found| (found - value as f64).abs() < f64::EPSILON)
    }

    /// The same, of numbers that are counts.
    #[track_caller]
    #[expect(clippy::cast_possible_truncation, reason = "counts of tests are small")]
    pub(crate) fn count(&self, name: &str, labels: &[(&str, &str)]) -> i64 {
        let value = self.get(name, labels);
        assert!(value.fract().abs() < f64::EPSILON, "{name} is no count: {value}");
        value as i64
    }
}

fn sample(line: &str) -> Sample {
    parse(line).unwrap_or_else(|| panic!("no line of the format: {line}"))
}

fn parse(line: &str) -> Option<Sample> {
    let (left, value) = line.rsplit_once(' ')?;
    let (name, mut rest) = match left.split_once('{') {
        Some((name, labels)) => (name, labels.strip_suffix('}')?),
        None => (left, ""),
    };
    let mut labels = BTreeMap::new();
    while !rest.is_empty() {
        let (label, after) = rest.split_once("=\"")?;
        let (value, after) = quoted(after)?;
        assert!(labels.insert(label.to_owned(), value).is_none(), "a label twice: {line}");
        rest = after.strip_prefix(',').unwrap_or(after);
    }
    Some(Sample { name: name.to_owned(), labels, value: value.parse().ok()? })
}

/// A value up to its closing quote, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((place, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[place + 1..])),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}
