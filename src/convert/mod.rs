//! Converters: a datum becomes bytes. A closed, hot set that must await on a new schema, so an enum and not a trait.
//!
//! It owns the formats and the options of Kafka Connect's converters, under Connect's class names. It knows nothing of
//! sources and sinks. Invariant: a value that does not fit its schema is a [`ConvertError`], never a panic and never bytes
//! that a consumer could not read back.

mod header;
mod json;
mod number;
mod plain;

use bytes::Bytes;

use crate::config::{Key, Problem, Problems, Properties};
use crate::data::Datum;

pub use header::HeaderConverter;
pub use json::Json;

/// Why a datum cannot become bytes.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// The value does not fit its schema.
    #[error("topic {topic}: field {field}: {reason}")]
    Mismatch {
        /// The record's topic.
        topic: String,
        /// The field's path.
        field: String,
        /// What the schema asks for, and what was there.
        reason: String,
    },
}

/// Makes bytes of keys, or of values.
#[derive(Debug)]
pub enum Converter {
    /// `org.apache.kafka.connect.json.JsonConverter`
    Json(Json),
    /// `org.apache.kafka.connect.storage.StringConverter`
    Text,
    /// `org.apache.kafka.connect.converters.ByteArrayConverter`
    Bytes,
}

/// The class names that [`Converter::build`] knows; a name may stand without its package, as in Connect.
pub const CLASSES: &[&str] = &[
    "org.apache.kafka.connect.json.JsonConverter",
    "org.apache.kafka.connect.storage.StringConverter",
    "org.apache.kafka.connect.converters.ByteArrayConverter",
];

impl Converter {
    /// The converter of that class. `key` is the property that names it (`value.converter`), `options` are those under it,
    /// without the prefix.
    ///
    /// # Errors
    /// An unknown class, and every option that is wrong, under its full key.
    pub fn build(key: &str, class: &str, options: &Properties) -> Result<Self, Problems> {
        match short_name(class) {
            "JsonConverter" | "Json" => Json::build(options).map(Self::Json).map_err(|problems| under(key, problems)),
            "StringConverter" | "String" => Ok(Self::Text),
            "ByteArrayConverter" | "ByteArray" => Ok(Self::Bytes),
            _ => Err(unknown(key, class, CLASSES)),
        }
    }

    /// The options of the class, for validation and documentation; none if it has none, or is unknown.
    #[must_use]
    pub fn keys(class: &str) -> &'static [Key] {
        if matches!(short_name(class), "JsonConverter" | "Json") { json::KEYS } else { &[] }
    }

    /// The bytes of a key or a value. `None` is null, and stays null.
    ///
    /// # Errors
    /// When the value does not fit its schema.
    #[expect(clippy::unused_async, reason = "a converter with a registry waits for it on a new schema")]
    pub async fn encode(&mut self, topic: &str, datum: Option<&Datum>) -> Result<Option<Bytes>, ConvertError> {
        let Some(datum) = datum else { return Ok(None) };
        match self {
            Self::Json(json) => json.encode(topic, datum).map(Some),
            Self::Text => Ok(plain::text(datum)),
            Self::Bytes => plain::bytes(topic, datum),
        }
    }
}

/// The three converters of a connector.
#[derive(Debug)]
pub struct Converters {
    /// Of keys.
    pub key: Converter,
    /// Of values.
    pub value: Converter,
    /// Of headers.
    pub header: HeaderConverter,
}

impl Converters {
    /// Connect's rule: a converter that the connector names comes with the connector's options only, one that it does not
    /// name is the worker's with the worker's options. Without either it is JSON with schemas, for headers the simple one.
    ///
    /// # Errors
    /// Every problem of all three.
    pub fn configured(worker: &Properties, connector: &Properties) -> Result<Self, Problems> {
        let named = |key: &str, default: &'static str| {
            let owner = if connector.contains_key(key) { connector } else { worker };
            let class = owner.get(key).map_or(default, String::as_str).to_owned();
            let prefix = format!("{key}.");
            let options =
                owner.iter().filter_map(|(name, value)| Some((name.strip_prefix(&prefix)?.to_owned(), value.clone())));
            (class, options.collect::<Properties>())
        };
        let (class, options) = named("key.converter", "JsonConverter");
        let key = Converter::build("key.converter", &class, &options);
        let (class, options) = named("value.converter", "JsonConverter");
        let value = Converter::build("value.converter", &class, &options);
        let (class, options) = named("header.converter", "SimpleHeaderConverter");
        let header = HeaderConverter::build("header.converter", &class, &options);
        match (key, value, header) {
            (Ok(key), Ok(value), Ok(header)) => Ok(Self { key, value, header }),
            (key, value, header) => Err(Problems(
                [key.err(), value.err(), header.err()].into_iter().flatten().flat_map(|problems| problems.0).collect(),
            )),
        }
    }
}

/// The class name without its package.
fn short_name(class: &str) -> &str {
    class.rsplit('.').next().unwrap_or(class)
}

/// The same problems, their keys under `key`.
fn under(key: &str, problems: Problems) -> Problems {
    Problems(
        problems.0.into_iter().map(|problem| Problem { key: format!("{key}.{}", problem.key), ..problem }).collect(),
    )
}

/// The problem of a class that does not exist here.
fn unknown(key: &str, class: &str, classes: &[&str]) -> Problems {
    let reason = format!("is no converter that exists here; there are {}", classes.join(", "));
    Problems(vec![Problem { key: key.to_owned(), value: Some(class.to_owned()), reason }])
}
