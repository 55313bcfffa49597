//! What a connector file says of records that fail: Kafka Connect's keys, those of its sinks too, and the registry's policy.
//!
//! Names, defaults and meanings: `org.apache.kafka.connect.runtime.ConnectorConfig` and `SinkConnectorConfig`.

use std::sync::Arc;
use std::time::Duration;

use crate::config::{Key, KeyKind, Problems, Properties, Reader, Warning};

const TOLERANCE: &str = "errors.tolerance";
const RETRY_TIMEOUT: &str = "errors.retry.timeout";
const RETRY_DELAY: &str = "errors.retry.delay.max.ms";
const LOG: &str = "errors.log.enable";
const LOG_MESSAGES: &str = "errors.log.include.messages";
const TOPIC: &str = "errors.deadletterqueue.topic.name";
const REPLICATION: &str = "errors.deadletterqueue.topic.replication.factor";
const CONTEXT: &str = "errors.deadletterqueue.context.headers.enable";
const COMPATIBILITY: &str = "schema.compatibility.policy";

/// The keys.
pub const KEYS: &[Key] = &[
    Key::new(
        TOLERANCE,
        KeyKind::String,
        "none: a record that fails stops the connector; all: the line goes on without it.",
    )
    .default("none")
    .one_of(&["none", "all"]),
    Key::new(
        RETRY_TIMEOUT,
        KeyKind::Long,
        "How long an error that can pass is tried again for a record; -1: for ever.",
    )
    .default("0"),
    Key::new(RETRY_DELAY, KeyKind::Long, "The longest wait between two such tries.").default("60000"),
    Key::new(LOG, KeyKind::Boolean, "Whether each record that fails is logged.").default("false"),
    Key::new(LOG_MESSAGES, KeyKind::Boolean, "Whether the log shows its key and value.").default("false"),
    Key::new(TOPIC, KeyKind::String, "Where records that fail go."),
    Key::new(REPLICATION, KeyKind::Int, "Replicas of that topic, if it must be created; -1: the broker's default.")
        .default("3"),
    Key::new(CONTEXT, KeyKind::Boolean, "Whether they carry Connect's headers about the error.").default("false"),
    Key::new(COMPATIBILITY, KeyKind::String, "What becomes of a record whose schema the registry finds incompatible.")
        .default("stop")
        .one_of(&["stop", "dead-letter"]),
];

/// Which records that fail are logged. Those that are dropped are in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Log {
    /// The first of a run.
    First,
    /// `errors.log.enable`
    Each,
    /// `errors.log.include.messages`
    EachWithRow,
}

/// What becomes of a record that fails.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// `errors.tolerance=all`
    pub tolerant: bool,
    /// `schema.compatibility.policy=dead-letter`
    pub incompatible: bool,
    /// How long an error that can pass is tried again; `None`: for ever.
    pub retry: Option<Duration>,
    /// The longest wait between two tries.
    pub retry_delay_max: Duration,
    /// What the log tells.
    pub log: Log,
    /// Where such records go; `None`: nowhere.
    pub topic: Option<Arc<str>>,
    /// Replicas of that topic, if it must be created.
    pub replication_factor: i32,
    /// `errors.deadletterqueue.context.headers.enable`
    pub context_headers: bool,
    /// What is accepted, but perhaps not meant.
    pub warnings: Vec<Warning>,
}

impl Default for Config {
    /// Connect's defaults: nothing is tolerated.
    fn default() -> Self {
        Self {
            tolerant: false,
            incompatible: false,
            retry: Some(Duration::ZERO),
            retry_delay_max: Duration::from_secs(60),
            log: Log::First,
            topic: None,
            replication_factor: 3,
            context_headers: false,
            warnings: Vec::new(),
        }
    }
}

impl Config {
    /// What the properties say.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn read(properties: &Properties) -> Result<Self, Problems> {
        let mut read = Reader::new(properties, &[KEYS]);
        let number = |read: &mut Reader<'_>, name: &'static str, least: i64| {
            let number: i64 = read.number(name);
            if number < least {
                read.problem(name, Some(number.to_string()), &format!("must be {least} or more"));
            }
            number
        };
        let retry_ms = number(&mut read, RETRY_TIMEOUT, -1);
        let delay_ms = number(&mut read, RETRY_DELAY, 1);
        let replication_factor: i32 = read.number(REPLICATION);
        if replication_factor < 1 && replication_factor != -1 {
            read.problem(
                REPLICATION,
                Some(replication_factor.to_string()),
                "must be 1 or more, or -1 for the broker's",
            );
        }
        let (log, log_messages) = (read.flag(LOG), read.flag(LOG_MESSAGES));
        let config = Self {
            tolerant: read.choice(TOLERANCE) == "all",
            incompatible: read.choice(COMPATIBILITY) == "dead-letter",
            retry: u64::try_from(retry_ms).ok().map(Duration::from_millis),
            retry_delay_max: Duration::from_millis(u64::try_from(delay_ms).unwrap_or(1)),
            log: match (log, log_messages) {
                (false, _) => Log::First,
                (true, false) => Log::Each,
                (true, true) => Log::EachWithRow,
            },
            topic: read.text_opt(TOPIC).map(Into::into),
            replication_factor,
            context_headers: read.flag(CONTEXT),
            warnings: Vec::new(),
        };
        let warnings = config.warnings(log, log_messages);
        if config.incompatible && config.topic.is_none() {
            read.problem(COMPATIBILITY, Some("dead-letter".to_owned()), &format!("needs {TOPIC}"));
        }
        if let Some(topic) = config.topic.as_ref().filter(|topic| !is_topic_name(topic)) {
            read.problem(TOPIC, Some(topic.to_string()), "must be letters, digits, '.', '_' and '-', at most 249");
        }
        read.finish(Self { warnings, ..config })
    }

    fn warnings(&self, log: bool, log_messages: bool) -> Vec<Warning> {
        let mut warnings = Vec::new();
        if self.tolerant && self.topic.is_none() {
            let what =
                format!("all without {TOPIC}: records that fail are dropped, with a line in the log, and are lost");
            warnings.push(Warning::new(TOLERANCE, what));
        }
        if self.topic.is_some() && !self.keeps() {
            let what = format!("has no effect without {TOLERANCE}=all or {COMPATIBILITY}=dead-letter");
            warnings.push(Warning::new(TOPIC, what));
        }
        if log_messages && !log {
            warnings.push(Warning::new(LOG_MESSAGES, format!("has no effect without {LOG}=true")));
        }
        if log_messages && log {
            warnings.push(Warning::new(LOG_MESSAGES, "the log will hold keys and values of rows"));
        }
        warnings
    }

    /// Whether any record that fails may leave the line.
    #[must_use]
    pub const fn keeps(&self) -> bool {
        self.tolerant || self.incompatible
    }

    /// Whether an error that can pass is tried again for the record.
    #[must_use]
    pub fn retries(&self) -> bool {
        self.retry != Some(Duration::ZERO)
    }

    /// Whether there is anything to do about a record that fails.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.keeps() || self.retries()
    }

    /// The dead letter topic, if any record may go there.
    #[must_use]
    pub fn dead_letters(&self) -> Option<&Arc<str>> {
        self.topic.as_ref().filter(|_| self.keeps())
    }
}

fn is_topic_name(name: &str) -> bool {
    name.len() <= 249
        && !matches!(name, "." | "..")
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Config, String> {
        let pairs = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Config::read(&pairs.collect()).map_err(|problems| problems.to_string())
    }

    #[test]
    fn connects_defaults_do_nothing() {
        let config = read(&[]).unwrap();
        assert!(!config.is_active() && config.warnings.is_empty() && config.dead_letters().is_none());
        assert_eq!(config, Config::default());
    }

    #[test]
    fn what_goes_together() {
        let warned = |pairs: &[(&str, &str)]| {
            read(pairs).unwrap().warnings.into_iter().map(|warning| warning.to_string()).collect::<Vec<_>>().join("\n")
        };
        assert!(warned(&[(TOLERANCE, "all")]).contains("are dropped"));
        assert_eq!(warned(&[(TOLERANCE, "ALL"), (TOPIC, "t")]), "");
        assert_eq!(warned(&[(COMPATIBILITY, "dead-letter"), (TOPIC, "t")]), "");
        assert!(warned(&[(TOPIC, "t")]).contains("has no effect without errors.tolerance=all"));
        assert!(warned(&[(LOG_MESSAGES, "true")]).contains("has no effect without errors.log.enable"));
        assert!(warned(&[(LOG, "true"), (LOG_MESSAGES, "true")]).contains("keys and values"));
        assert!(read(&[(RETRY_TIMEOUT, "-1")]).unwrap().retry.is_none());
    }

    #[test]
    fn every_problem_is_found() {
        let problems = read(&[
            (TOLERANCE, "some"),
            (RETRY_TIMEOUT, "-2"),
            (RETRY_DELAY, "0"),
            (REPLICATION, "0"),
            (COMPATIBILITY, "dead-letter"),
        ])
        .unwrap_err();
        for expected in [
            "errors.tolerance=\"some\": must be one of none, all",
            "errors.retry.timeout=\"-2\": must be -1 or more",
            "errors.retry.delay.max.ms=\"0\"",
            "errors.deadletterqueue.topic.replication.factor=\"0\"",
            "schema.compatibility.policy=\"dead-letter\": needs errors.deadletterqueue.topic.name",
        ] {
            assert!(problems.contains(expected), "{expected} is not in\n{problems}");
        }
        assert!(read(&[(TOPIC, "a b")]).unwrap_err().contains("letters, digits"));
    }
}
