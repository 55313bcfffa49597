//! Kafka Connect's predicates: on which records a transform works (`transforms.NAME.predicate`, `.negate`).

use fancy_regex::Regex;

use super::{Transform, TransformError};
use crate::config::{Key, KeyKind, Problems, Properties, Reader};
use crate::record::Record;

/// A predicate.
#[derive(Clone, Debug)]
pub(super) enum Predicate {
    /// `TopicNameMatches`: the whole name matches.
    TopicName(Regex),
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
                match Regex::new(&format!("^(?:{pattern})$")) {
                    Ok(regex) => read.finish(Self::TopicName(regex)),
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

    fn holds(&self, record: &Record) -> bool {
        match self {
            // An expression that backtracks without end matches nothing.
            Self::TopicName(regex) => regex.is_match(&record.topic).unwrap_or(false),
            Self::Header(name) => record.headers.iter().any(|header| *header.name == **name),
            Self::Tombstone => record.value.as_ref().is_none_or(|value| value.value.is_null()),
        }
    }
}

/// A transform that works only where its predicate holds, or only where it does not.
pub(super) struct Conditional {
    pub(super) transform: Box<dyn Transform>,
    pub(super) predicate: Predicate,
    pub(super) negate: bool,
}

impl Transform for Conditional {
    fn apply(&mut self, record: Record) -> Result<Option<Record>, TransformError> {
        if self.predicate.holds(&record) == self.negate {
            return Ok(Some(record));
        }
        self.transform.apply(record)
    }
}
