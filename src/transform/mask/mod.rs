//! `io.rowtide.transforms.Mask`: personal data leaves as pseudonyms, in values and keys alike.
//!
//! The same value gives the same pseudonym wherever it stands, as long as the secret is the same, so that joins and keys still
//! work. Invariant: of a field that is named nothing comes through in the clear; what cannot be masked is refused.
//!
//! Fields are looked for in the key, in the value (`before` and `after` of an envelope, or the row that has taken its place),
//! and in headers that hold a key (`__debezium.newkey`, `__debezium.oldkey`).

mod format;
mod plan;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use fancy_regex::Regex;
use hmac::{Hmac, KeyInit};
use sha2::Sha256;

use super::shape::SCHEMAS_MAX;
use super::topics::TopicFilter;
use super::{Transform, TransformError};
use crate::config::{Key, KeyKind, Problems, Properties, Reader};
use crate::data::{Datum, PerSchema, Schema};
use crate::record::Record;
use format::Formats;
use plan::{Fields, Plan};

/// With fewer characters a secret can be guessed.
const SECRET_MIN: usize = 16;

/// The options.
pub(super) const KEYS: &[Key] = &[
    Key::new("fields", KeyKind::List, "Java regular expressions of the whole names of fields; nested: parent.child")
        .required(),
    Key::new("secret", KeyKind::Password, "The key of the masks, at least 16 characters").required(),
    Key::new("mode", KeyKind::String, "A keyed hash (HMAC-SHA256), or a value of the same form")
        .default("hash")
        .one_of(&["hash", "format"]),
    Key::new(
        "topic.regex",
        KeyKind::String,
        "A Java regular expression of the whole topic name; records of others pass",
    ),
];

type Keyed = Hmac<Sha256>;

/// How values are masked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Hash,
    Format,
}

/// The transform.
struct Mask {
    /// Its name in the connector file.
    name: Arc<str>,
    topics: Option<TopicFilter>,
    fields: Fields,
    plans: PerSchema<Plan>,
    formats: Formats,
}

/// Makes one.
pub(super) fn build(name: &Arc<str>, options: &Properties) -> super::Built {
    let mut read = Reader::new(options, &[KEYS]);
    let mode = if read.choice("mode") == "format" { Mode::Format } else { Mode::Hash };
    let patterns = read.list("fields").into_iter().filter_map(|pattern| regex(&mut read, pattern)).collect();
    let topics = read.text_opt("topic.regex").and_then(|pattern| match TopicFilter::new(&pattern) {
        Ok(topics) => Some(topics),
        Err(error) => {
            read.problem("topic.regex", Some(pattern), &format!("is no regular expression: {error}"));
            None
        }
    });
    let secret = read.secret("secret").map(|secret| secret.reveal().to_owned()).unwrap_or_default();
    if !secret.is_empty() && secret.chars().count() < SECRET_MIN {
        read.problem("secret", None, "must have at least 16 characters; `openssl rand -hex 32` makes one");
    }
    let keyed = Keyed::new_from_slice(secret.as_bytes());
    let keyed = keyed.map_err(|error| read.problem("secret", None, &error.to_string())).ok();
    let mask: Option<Box<dyn Transform>> = keyed.map(|keyed| {
        let mask = Mask {
            name: Arc::clone(name),
            topics,
            fields: Fields { patterns, mode },
            plans: PerSchema::new(SCHEMAS_MAX),
            formats: Formats::new(keyed),
        };
        let mask: Box<dyn Transform> = Box::new(mask);
        mask
    });
    read.finish(mask)?.ok_or_else(Problems::default)
}

/// A field's name in `fields`.
fn regex(read: &mut Reader<'_>, pattern: String) -> Option<Regex> {
    match Regex::new(&format!("^(?:{pattern})$")) {
        Ok(regex) => Some(regex),
        Err(error) => {
            read.problem("fields", Some(pattern), &format!("is no regular expression: {error}"));
            None
        }
    }
}

impl Transform for Mask {
    fn apply(&mut self, mut record: Record) -> Result<Option<Record>, TransformError> {
        if self.topics.as_mut().is_some_and(|topics| !topics.takes(&record.topic)) {
            return Ok(Some(record));
        }
        match self.mask(&mut record) {
            Ok(()) => Ok(Some(record)),
            Err(reason) => Err(TransformError::Unsuitable {
                transform: Arc::clone(&self.name),
                topic: Arc::clone(&record.topic),
                reason,
            }),
        }
    }
}

impl Mask {
    fn mask(&mut self, record: &mut Record) -> Result<(), String> {
        let headers = record.headers.first.iter_mut().chain(&mut record.headers.last);
        let headers = headers.map(|header| &mut header.value).filter(|datum| !datum.schema.fields().is_empty());
        for datum in record.key.iter_mut().chain(&mut record.value).chain(headers) {
            let Datum { schema, value } = datum;
            let make = |schema: &Schema| Plan::make(schema, &self.fields);
            self.plans.get_or_make(schema, make)?.apply(value, &mut self.formats)?;
        }
        Ok(())
    }
}
