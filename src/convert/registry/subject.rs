//! Under which subject a schema is registered: the strategies of Confluent's `io.confluent.kafka.serializers.subject`.

use crate::config::Problem;
use crate::config::problem::did_you_mean;

/// A strategy, by its class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strategy {
    /// `TopicNameStrategy`: the topic, with `-key` or `-value`.
    Topic,
    /// `RecordNameStrategy`: the record's full name.
    Record,
    /// `TopicRecordNameStrategy`: the topic, a hyphen, the record's full name.
    TopicRecord,
}

impl Strategy {
    const NAMES: [(&'static str, Self); 3] = [
        ("TopicNameStrategy", Self::Topic),
        ("RecordNameStrategy", Self::Record),
        ("TopicRecordNameStrategy", Self::TopicRecord),
    ];

    /// The strategy of that class; its package may be left out.
    pub(super) fn named(class: &str) -> Result<Self, String> {
        let name = class.rsplit('.').next().unwrap_or(class);
        let known = Self::NAMES.map(|(name, _)| name);
        let found = Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, strategy)| *strategy);
        found.ok_or_else(|| format!("is not supported; use {}{}", known.join(", "), did_you_mean(name, known)))
    }

    /// The subject of a schema; `record` is the name of its record, if it is one.
    ///
    /// # Errors
    /// A strategy that needs a record's name, and there is none.
    pub(super) fn subject(self, topic: &str, is_key: bool, record: Option<&str>) -> Result<String, String> {
        let record = || {
            record.ok_or_else(|| {
                let option = option(is_key);
                format!("is no record, so {option} has no name for its subject; use TopicNameStrategy")
            })
        };
        Ok(match self {
            Self::Topic => format!("{topic}-{}", if is_key { "key" } else { "value" }),
            Self::Record => record()?.to_owned(),
            Self::TopicRecord => format!("{topic}-{}", record()?),
        })
    }
}

/// The option that names the strategy.
pub(super) const fn option(is_key: bool) -> &'static str {
    if is_key { "key.subject.name.strategy" } else { "value.subject.name.strategy" }
}

/// The levels of compatibility (`io.confluent.kafka.schemaregistry.CompatibilityLevel`).
pub const LEVELS: &[&str] =
    &["NONE", "BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE"];

/// The level that `schema.compatibility` asks for.
///
/// # Errors
/// A level that does not exist, under that key.
pub fn level(key: &str, value: &str) -> Result<String, Problem> {
    let wanted = value.trim().to_ascii_uppercase();
    if LEVELS.contains(&wanted.as_str()) {
        return Ok(wanted);
    }
    let meant = did_you_mean(value, LEVELS.iter().copied());
    Err(Problem::new(key, format!("must be one of {}{meant}", LEVELS.join(", "))).with_value(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_those_of_confluents_strategies() {
        let named = |class| Strategy::named(class).unwrap();
        let topic = named("io.confluent.kafka.serializers.subject.TopicNameStrategy");
        assert_eq!(topic.subject("a.b", true, None).unwrap(), "a.b-key");
        assert_eq!(topic.subject("a.b", false, Some("x.Y")).unwrap(), "a.b-value");
        assert_eq!(named("RecordNameStrategy").subject("a.b", false, Some("x.Y")).unwrap(), "x.Y");
        assert_eq!(named("TopicRecordNameStrategy").subject("a.b", false, Some("x.Y")).unwrap(), "a.b-x.Y");
        let error = named("RecordNameStrategy").subject("a.b", true, None).unwrap_err();
        assert!(error.contains("key.subject.name.strategy"), "{error}");
        let error = Strategy::named("com.example.TopicNamStrategy").unwrap_err();
        assert!(error.contains("did you mean \"TopicNameStrategy\"?"), "{error}");
    }

    #[test]
    fn levels_may_be_written_in_small_letters() {
        assert_eq!(level("schema.compatibility", " full_transitive").unwrap(), "FULL_TRANSITIVE");
        let problem = level("schema.compatibility", "BACKWARDS").unwrap_err().to_string();
        assert!(problem.contains("did you mean \"BACKWARD\"?"), "{problem}");
    }
}
