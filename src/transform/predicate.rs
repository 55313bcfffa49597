//! Kafka Connect's predicates: on which records a transform works (`transforms.NAME.predicate`, `.negate`).

use super::topics::TopicFilter;
use super::{Transform, TransformError};
use crate::config::{Key, KeyKind, Problems, Properties, Reader};
use crate::record::Record;

/// A predicate.
#[derive(Clone, Debug)]
pub(super) enum Predicate {
    /// `TopicNameMatches`: the whole name matches.
    TopicName(TopicFilter),
    /// `HasHeaderKey`
    Header(String),
    /// `RecordIsTombstone`
    Tombstone,
}

/// The class names that [`Predicate::build`] knows.
pub(super) const CLASSES: &[&str] = &[
    "org.apache.kafka.connect.transforms.predicates.TopicNameMatches",
    "org.apache.kafka.connect.transforms.predicates.HasHeaderKey",
    "org.apache.kafka.connect.transforms.predicates.RecordIsTombstone",
];

const PATTERN: &[Key] =
    &[Key::new("pattern", KeyKind::String, "A Java regular expression that the whole topic name must match")
        .required()];
const NAME: &[Key] = &[Key::new("name", KeyKind::String, "The name of a header").required()];

impl Predicate {
    /// The options of the class; `None`: no such class.
    pub(super) fn keys(class: &str) -> Option<&'static [Key]> {
        Some(match super::short_name(class) {
            "TopicNameMatches" => PATTERN,
            "HasHeaderKey" => NAME,
            "RecordIsTombstone" => &[],
            _ => return None,
        })
    }

    /// The predicate of a class that [`Predicate::keys`] knows, with its options.
    pub(super) fn build(class: &str, options: &Properties) -> Result<Self, Problems> {
        match super::short_name(class) {
            "TopicNameMatches" => {
                let mut read = Reader::new(options, &[PATTERN]);
                let pattern = read.text("pattern");
                match TopicFilter::new(&pattern) {
                    Ok(topics) => read.finish(Self::TopicName(topics)),
                    Err(error) => {
                        read.problem("pattern", Some(pattern), &format!("is no regular expression: {error}"));
                        read.finish(Self::Tombstone)
                    }
                }
            }
            "HasHeaderKey" => {
                let mut read = Reader::new(options, &[NAME]);
                let name = read.text("name");
                read.finish(Self::Header(name))
            }
            _ => Ok(Self::Tombstone),
        }
    }

    fn holds(&mut self, record: &Record) -> bool {
        match self {
            Self::TopicName(topics) => topics.takes(&record.topic),
            Self::Header(name) => record.headers.iter().any(|header| *header.name == **name),
            Self::Tombstone => record.value.as_ref().is_none_or(|value| value.value.is_null()),
        }
    }
}

/// A transform that works only where its predicate holds, or only where it does not.
pub(super) struct Conditional {
    transform: Box<dyn Transform>,
    predicate: Predicate,
    negate: bool,
}

impl Conditional {
    /// The transform where the predicate holds; with `negate` where it does not.
    pub(super) fn new(transform: Box<dyn Transform>, predicate: Predicate, negate: bool) -> Self {
        Self { transform, predicate, negate }
    }
}

impl Transform for Conditional {
    fn apply(&mut self, record: Record) -> Result<Option<Record>, TransformError> {
        if self.predicate.holds(&record) == self.negate {
            return Ok(Some(record));
        }
        self.transform.apply(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Datum, Kind, Schema, Value};
    use crate::record::{Header, Headers};

    fn predicate(class: &str, key: &str, value: &str) -> Predicate {
        let options = Properties::from([(key.to_owned(), value.to_owned())]);
        Predicate::build(&format!("org.apache.kafka.connect.transforms.predicates.{class}"), &options).unwrap()
    }

    #[test]
    fn predicates_hold_where_connects_hold() {
        let null = Datum { schema: Schema::of(Kind::Int32).optional().into(), value: Value::Null };
        let mut record = Record {
            topic: "shop.orders".into(),
            partition: None,
            key: None,
            value: None,
            headers: Headers::default(),
            ts_ms: None,
            offset: None,
        };
        let topic = |pattern| predicate("TopicNameMatches", "pattern", pattern);
        for (pattern, expected) in
            [("shop.*", true), ("orders", false), ("shop", false), ("(?!other).*", true), ("a|shop\\.orders", true)]
        {
            assert_eq!(topic(pattern).holds(&record), expected, "{pattern}");
        }
        let mut tombstone = predicate("RecordIsTombstone", "", "");
        assert!(tombstone.holds(&record));
        // Connect asks for the value alone, not for its schema.
        record.value = Some(null.clone());
        assert!(tombstone.holds(&record));
        record.value = Some(Datum { value: Value::Int32(0), ..null.clone() });
        assert!(!tombstone.holds(&record));
        let mut header = predicate("HasHeaderKey", "name", "h");
        assert!(!header.holds(&record));
        record.headers.push(Header { name: "h".into(), value: null });
        assert!(header.holds(&record));
    }
}
