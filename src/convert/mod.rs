//! Converters: a datum becomes bytes. A closed, hot set that must await on a new schema, so an enum and not a trait.
//!
//! It owns the formats and the options of Kafka Connect's converters, under Connect's class names. It knows nothing of
//! sources and sinks. Invariant: a value that does not fit its schema is a [`ConvertError`], never a panic and never bytes
//! that a consumer could not read back.

mod avro;
mod block;
mod cloud_events;
mod delegating;
mod fault;
mod framed;
mod header;
mod json;
mod json_schema;
mod plain;
pub mod registry;

use std::sync::Arc;

use bytes::Bytes;

use crate::config::{Key, Problem, Problems, Properties, Warning};
use crate::data::{Datum, number};
use crate::record::Headers;

pub use cloud_events::CloudEvents;
pub use delegating::Delegating;
use fault::Fault;
pub use framed::Framed;
pub use header::{CLASSES as HEADER_CLASSES, HeaderConverter};
pub use json::{Json, JsonReader};
use registry::{Definition, Registries, RegistryError};

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
    /// The schema registry gives no id for the schema.
    #[error(transparent)]
    Registry(#[from] RegistryError),
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
    /// `io.confluent.connect.avro.AvroConverter`, and others whose schemas are in a registry
    Framed(Box<Framed>),
    /// `io.debezium.converters.CloudEventsConverter`
    CloudEvents(Box<CloudEvents>),
    /// `io.debezium.converters.BinaryDataConverter`, and its like
    Delegating(Box<Delegating>),
}

/// Headers as they are sent.
pub type EncodedHeaders = Headers<(Arc<str>, Option<Bytes>)>;

/// The class names that [`Converter::build`] knows; a name may stand without its package, as in Connect.
pub const CLASSES: &[&str] = &[
    "org.apache.kafka.connect.json.JsonConverter",
    "org.apache.kafka.connect.storage.StringConverter",
    "org.apache.kafka.connect.converters.ByteArrayConverter",
    framed::AVRO,
    framed::APICURIO,
    framed::JSON_SCHEMA,
    delegating::BINARY,
    delegating::BYTES,
    cloud_events::CLASS,
];

impl Converter {
    /// The converter of that class. `key` is the property that names it (`value.converter`), `options` are those under it,
    /// without the prefix.
    ///
    /// # Errors
    /// An unknown class, and every option that is wrong, under its full key.
    pub fn build(key: &str, class: &str, options: &Properties) -> Result<Self, Problems> {
        Self::build_beside(key, class, options, &mut Registries::default(), &mut Vec::new())
    }

    /// The same; `registries` are those of the connector's other converter.
    fn build_beside(
        key: &str,
        class: &str,
        options: &Properties,
        registries: &mut Registries,
        warnings: &mut Vec<Warning>,
    ) -> Result<Self, Problems> {
        let mut found = Vec::new();
        let is_key = key.starts_with("key.converter");
        let built = if let Some(format) = framed::Class::named(class) {
            let framed = Framed::build(format, options, is_key, registries, &mut found);
            framed.map(|framed| Self::Framed(framed.into()))
        } else if CloudEvents::is_named(class) {
            let events = CloudEvents::build(options, registries, &mut found);
            events.map(|events| Self::CloudEvents(events.into()))
        } else if Delegating::is_named(class) {
            let delegating = Delegating::build(key, options, registries, warnings)?;
            return Ok(Self::Delegating(delegating.into()));
        } else {
            return Self::simple(key, class, options);
        };
        let full = |warning: Warning| Warning { key: format!("{key}.{}", warning.key), ..warning };
        warnings.extend(found.into_iter().map(full));
        built.map_err(|problems| under(key, problems))
    }

    /// One of Connect's own.
    fn simple(key: &str, class: &str, options: &Properties) -> Result<Self, Problems> {
        match short_name(class) {
            "JsonConverter" | "Json" => Json::build(options).map(Self::Json).map_err(|problems| under(key, problems)),
            "StringConverter" | "String" => Ok(Self::Text),
            "ByteArrayConverter" | "ByteArray" => Ok(Self::Bytes),
            "ProtobufConverter" => {
                let reason = format!("Protobuf is not supported; use {} or {}", framed::AVRO, framed::JSON_SCHEMA);
                Err(Problems(vec![Problem::new(key, reason).with_value(class)]))
            }
            _ => Err(unknown(key, class, CLASSES)),
        }
    }

    /// The options of the class, for validation and documentation; none if it has none, or is unknown.
    #[must_use]
    pub fn keys(class: &str) -> Vec<Key> {
        match framed::Class::named(class) {
            Some(format) => format.keys(),
            None if CloudEvents::is_named(class) => cloud_events::KEYS.to_vec(),
            None if Delegating::is_named(class) => delegating::KEYS.to_vec(),
            None if matches!(short_name(class), "JsonConverter" | "Json") => json::KEYS.to_vec(),
            None => Vec::new(),
        }
    }

    /// The converter whose schemas are in a registry: this one, or one within.
    #[must_use]
    pub fn framed(&self) -> Option<&Framed> {
        match self {
            Self::Framed(framed) => Some(framed),
            Self::CloudEvents(events) => events.framed(),
            Self::Delegating(delegating) => delegating.delegate().and_then(Self::framed),
            Self::Json(_) | Self::Text | Self::Bytes => None,
        }
    }

    /// Under which subjects the schemas of such a value are registered, and how they are written there; `None` if headers tell.
    ///
    /// # Errors
    /// What encoding the value would say before it asks a registry.
    pub fn definitions(&self, topic: &str, datum: &Datum) -> Result<Option<Vec<(String, Definition)>>, ConvertError> {
        match self {
            Self::Framed(framed) => Ok(Some(vec![framed.definition(topic, &datum.schema)?])),
            Self::CloudEvents(events) => events.definitions(topic, datum),
            Self::Delegating(delegating) => match delegating.delegate_of(&datum.schema) {
                Some(delegate) => delegate.definitions(topic, datum),
                None => Ok(Some(Vec::new())),
            },
            Self::Json(_) | Self::Text | Self::Bytes => Ok(Some(Vec::new())),
        }
    }

    /// Whether it looks for something in a record's headers.
    fn uses_headers(&self) -> bool {
        matches!(self, Self::CloudEvents(events) if events.uses_headers())
    }

    /// From now on a registry that is away is an error at once.
    pub const fn ask_once(&mut self) {
        match self {
            Self::Framed(framed) => framed.ask_once(),
            Self::CloudEvents(events) => events.ask_once(),
            Self::Delegating(delegating) => delegating.ask_once(),
            Self::Json(_) | Self::Text | Self::Bytes => {}
        }
    }

    /// The bytes of a key or a value. `None` is null, and stays null. `headers` are those of the record, as they are sent.
    ///
    /// # Errors
    /// When the value does not fit its schema, or a registry does not take the schema. A registry that is away is waited for,
    /// unless it is to be asked once.
    pub async fn encode(
        &mut self,
        topic: &str,
        datum: Option<&Datum>,
        headers: &EncodedHeaders,
    ) -> Result<Option<Bytes>, ConvertError> {
        let Some(datum) = datum else { return Ok(None) };
        match self {
            Self::Json(json) => json.encode(topic, datum).map(Some),
            Self::Text => Ok(plain::text(datum)),
            Self::Bytes => plain::bytes(topic, datum),
            Self::Framed(framed) => framed.encode(topic, datum).await,
            Self::CloudEvents(events) => events.encode(topic, datum, headers).await,
            Self::Delegating(delegating) => delegating.encode(topic, datum, headers).await,
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
    /// What is accepted, but perhaps not meant.
    pub warnings: Vec<Warning>,
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
        let (mut registries, mut warnings) = (Registries::default(), Vec::new());
        let (level, wrong) = match connectors_level(connector) {
            Ok(level) => (level, None),
            Err(problem) => (None, Some(Problems(vec![problem]))),
        };
        let mut build = |key: &str| {
            let (class, mut options) = named(key, "JsonConverter");
            if let Some(level) = &level {
                options.entry(LEVEL.to_owned()).or_insert_with(|| level.clone());
            }
            Converter::build_beside(key, &class, &options, &mut registries, &mut warnings)
        };
        let (key, value) = (build("key.converter"), build("value.converter"));
        let (class, options) = named("header.converter", "SimpleHeaderConverter");
        let header = HeaderConverter::build("header.converter", &class, &options);
        match (key, value, header, wrong) {
            (Ok(key), Ok(value), Ok(header), None) => {
                let converters = [&key, &value];
                if level.is_some() && !converters.iter().any(|converter| converter.framed().is_some()) {
                    warnings.push(Warning::new(LEVEL, "has no effect without a converter that uses a schema registry"));
                }
                if converters.iter().any(|converter| converter.uses_headers()) && !header.has_schemas() {
                    let what = "CloudEventsConverter can read headers only as org.apache.kafka.connect.json.JsonConverter \
                                writes them, with its schemas";
                    warnings.push(Warning::new("header.converter", what));
                }
                if matches!(key, Converter::CloudEvents(_)) {
                    let what = "CloudEventsConverter makes null of keys, as Debezium's does; use another one";
                    warnings.push(Warning::new("key.converter", what));
                }
                Ok(Self { key, value, header, warnings })
            }
            (key, value, header, wrong) => {
                let found = [wrong, key.err(), value.err(), header.err()];
                Err(Problems(found.into_iter().flatten().flat_map(|problems| problems.0).collect()))
            }
        }
    }
}

/// The compatibility that new subjects get, for both converters or for one.
const LEVEL: &str = "schema.compatibility";

/// The level that the connector asks for both converters.
fn connectors_level(connector: &Properties) -> Result<Option<String>, Problem> {
    let asked = connector.get(LEVEL).filter(|value| !value.trim().is_empty());
    asked.map(|value| registry::level(LEVEL, value)).transpose()
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
