//! Converters whose schemas are in a registry: Confluent's wire format, a zero byte, the schema's id in four bytes, big-endian,
//! and the datum (<https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format>).
//!
//! A registry is asked once for each text of a schema, never for a record. What is written after the id is the format's.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::avro::{self, AvroData};
use super::block::Block;
use super::json;
use super::json_schema::JsonSchemaData;
use super::registry::{APICURIO_KEYS, Definition, KEYS, Registered, Registries, Registry, SchemaType};
use super::registry::{RegistryError, translate_apicurio};
use super::{ConvertError, Fault};
use crate::config::{Key, Problem, Problems, Properties, Reader, Warning};
use crate::data::{Datum, PerSchema, Schema, Value};

/// Confluent's class for Avro.
pub(super) const AVRO: &str = "io.confluent.connect.avro.AvroConverter";
/// Apicurio's.
pub(super) const APICURIO: &str = "io.apicurio.registry.utils.converter.AvroConverter";
/// Confluent's class for JSON Schema.
pub(super) const JSON_SCHEMA: &str = "io.confluent.connect.json.JsonSchemaConverter";

/// Topics that share one schema (after a router, say) before they are forgotten.
const TOPICS_MAX: usize = 10_000;

/// Which converter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// [`AVRO`]
    Avro,
    /// [`APICURIO`]
    Apicurio,
    /// [`JSON_SCHEMA`]
    JsonSchema,
}

impl Class {
    /// The converter of that class; a name without a package is Confluent's.
    pub(super) fn named(class: &str) -> Option<Self> {
        match class {
            AVRO | "AvroConverter" | "Avro" => Some(Self::Avro),
            APICURIO => Some(Self::Apicurio),
            JSON_SCHEMA | "JsonSchemaConverter" | "JsonSchema" => Some(Self::JsonSchema),
            _ => None,
        }
    }

    /// All options.
    pub(super) fn keys(self) -> Vec<Key> {
        let own = if self == Self::Apicurio { APICURIO_KEYS } else { &[] };
        own.iter().chain(KEYS.into_iter().flatten()).chain(self.format_keys()).copied().collect()
    }

    const fn format_keys(self) -> &'static [Key] {
        match self {
            Self::Avro | Self::Apicurio => avro::KEYS,
            Self::JsonSchema => JsonSchemaData::KEYS,
        }
    }
}

/// How long a registry's refusal of a schema counts without asking again.
const REFUSAL_KEPT: Duration = Duration::from_secs(10);

/// A format: what stands after the id.
#[derive(Debug)]
enum Format {
    Avro(AvroData),
    JsonSchema(JsonSchemaData),
}

/// How the values of a schema are written.
#[derive(Debug)]
enum Plan {
    Avro(avro::Plan),
    JsonSchema(json::Plan),
}

impl Format {
    fn read(class: Class, read: &mut Reader<'_>) -> Self {
        match class {
            Class::Avro | Class::Apicurio => Self::Avro(AvroData::read(read)),
            Class::JsonSchema => Self::JsonSchema(JsonSchemaData::read(read)),
        }
    }

    const fn schemas_max(&self) -> usize {
        match self {
            Self::Avro(data) => data.schemas_max,
            Self::JsonSchema(data) => data.schemas_max,
        }
    }

    /// The schema, in the format's own language.
    fn definition(&self, schema: &Schema) -> Result<Definition, Fault> {
        match self {
            Self::Avro(data) => {
                let made = data.schema_of(schema)?;
                Ok(Definition { kind: SchemaType::Avro, text: made.text, name: made.name })
            }
            Self::JsonSchema(data) => {
                let made = data.schema_of(schema)?;
                Ok(Definition { kind: SchemaType::Json, text: made.text, name: made.name })
            }
        }
    }

    fn plan(&self, schema: &Schema, writer: &serde_json::Value) -> Result<Plan, Fault> {
        match self {
            Self::Avro(data) => avro::Plan::compile(schema, writer, data).map(Plan::Avro),
            // A document of JSON is written the same way whatever schema describes it.
            Self::JsonSchema(data) => data.plan(schema).map(Plan::JsonSchema),
        }
    }
}

impl Plan {
    fn write(&self, out: &mut Vec<u8>, value: &Value) -> Result<(), Fault> {
        match self {
            Self::Avro(plan) => plan.write(out, value),
            Self::JsonSchema(plan) => plan.write(out, value),
        }
    }

    fn write_fields<'v>(
        &self,
        out: &mut Vec<u8>,
        count: usize,
        value: impl Fn(usize) -> &'v Value,
    ) -> Result<(), Fault> {
        match self {
            Self::Avro(plan) => plan.write_fields(out, count, value),
            Self::JsonSchema(plan) => plan.write_fields(out, (0..count).map(value)),
        }
    }
}

/// A converter whose schemas are in a registry.
#[derive(Debug)]
pub struct Framed {
    format: Format,
    registry: Registry,
    prepared: PerSchema<PerTopic>,
    block: Block,
}

/// What is known of a schema's records in a topic.
#[derive(Debug)]
struct Prepared {
    /// The zero byte and the id.
    frame: [u8; 5],
    plan: Plan,
}

impl Framed {
    /// A converter with these options, their names without a prefix.
    ///
    /// # Errors
    /// Every option that is wrong.
    pub(super) fn build(
        class: Class,
        options: &Properties,
        is_key: bool,
        registries: &mut Registries,
        warnings: &mut Vec<Warning>,
    ) -> Result<Self, Problems> {
        if class != Class::Apicurio {
            return Self::build_of(class, options, is_key, registries, warnings);
        }
        let translated = translate_apicurio(options, is_key);
        let mut found = Vec::new();
        let built = Self::build_of(class, &translated.options, is_key, registries, &mut found);
        let original = |warning: Warning| Warning { key: translated.original(&warning.key), ..warning };
        warnings.extend(found.into_iter().map(original));
        let mut problems = translated.problems.clone();
        let built = built.map_err(|found| {
            let found = found.0.into_iter();
            problems.extend(found.map(|problem| Problem { key: translated.original(&problem.key), ..problem }));
        });
        warnings.extend(translated.warnings);
        built.ok().filter(|_| problems.is_empty()).ok_or(Problems(problems))
    }

    fn build_of(
        class: Class,
        options: &Properties,
        is_key: bool,
        registries: &mut Registries,
        warnings: &mut Vec<Warning>,
    ) -> Result<Self, Problems> {
        let [client, subjects, tls] = KEYS;
        let lists = [client, subjects, tls, class.format_keys()];
        let mut read = Reader::new(options, &lists);
        let format = Format::read(class, &mut read);
        let registry = Registry::read(&mut read, options, is_key, registries, warnings);
        warnings.extend(Registry::unknown(options, class.format_keys()));
        // Without a registry there is a problem.
        let registry = read.finish(registry)?.ok_or_else(Problems::default)?;
        let prepared = PerSchema::new(format.schemas_max());
        Ok(Self { format, registry, prepared, block: Block::default() })
    }

    /// The registry, as this converter uses it.
    #[must_use]
    pub const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// From now on a registry that is away is an error at once: whoever uses this converter waits as it sees fit.
    pub(super) const fn ask_once(&mut self) {
        self.registry.ask_once();
    }

    /// Under which subject the schema of a topic's records is registered, and how it is written there.
    ///
    /// # Errors
    /// A schema that the format cannot express, or that has no subject.
    pub fn definition(&self, topic: &str, schema: &Schema) -> Result<(String, Definition), ConvertError> {
        definition(&self.format, &self.registry, topic, schema)
    }

    /// Whether both ask over the same connections.
    #[cfg(test)]
    pub(super) fn shares_client_with(&self, other: &Self) -> bool {
        self.registry.shares_client_with(&other.registry)
    }

    /// The bytes of a datum. A null has none, and no schema.
    ///
    /// # Errors
    /// When the value does not fit its schema, or the registry does not take the schema. A registry that is away is waited
    /// for, unless it is to be asked once.
    pub(super) async fn encode(&mut self, topic: &str, datum: &Datum) -> Result<Option<Bytes>, ConvertError> {
        if datum.value.is_null() {
            return Ok(None);
        }
        let write = |plan: &Plan, out: &mut Vec<u8>| plan.write(out, &datum.value);
        self.encode_with(topic, &datum.schema, write).await.map(Some)
    }

    /// The bytes of a struct whose values stand in several places: `count` of them, one for each field of the schema.
    ///
    /// # Errors
    /// As [`Self::encode`].
    pub(super) async fn encode_fields<'v>(
        &mut self,
        topic: &str,
        schema: &Arc<Schema>,
        count: usize,
        value: impl Fn(usize) -> &'v Value,
    ) -> Result<Bytes, ConvertError> {
        self.encode_with(topic, schema, |plan, out| plan.write_fields(out, count, value)).await
    }

    async fn encode_with(
        &mut self,
        topic: &str,
        schema: &Arc<Schema>,
        write: impl FnOnce(&Plan, &mut Vec<u8>) -> Result<(), Fault>,
    ) -> Result<Bytes, ConvertError> {
        let topics = self.prepared.get_or_make(schema, |_| Ok::<_, ConvertError>(PerTopic::default()))?;
        let place = if let Some(place) = topics.place(topic) {
            place
        } else {
            topics.refusal(topic)?;
            match Box::pin(prepare(&self.format, &self.registry, topic, schema)).await {
                Ok(prepared) => topics.keep(topic, prepared),
                Err(error) => return Err(topics.refuse(topic, error)),
            }
        };
        let Prepared { frame, plan } = &topics.made[place].1;
        self.block.scratch.clear();
        self.block.scratch.extend_from_slice(frame);
        write(plan, &mut self.block.scratch).map_err(|fault| fault.of_topic(topic))?;
        Ok(self.block.cut())
    }
}

fn definition(
    format: &Format,
    registry: &Registry,
    topic: &str,
    schema: &Schema,
) -> Result<(String, Definition), ConvertError> {
    let ours = format.definition(schema).map_err(|fault| fault.of_topic(topic))?;
    let subject = registry.subject(topic, ours.name.as_deref()).map_err(|reason| Fault::new(reason).of_topic(topic))?;
    Ok((subject, ours))
}

async fn prepare(format: &Format, registry: &Registry, topic: &str, schema: &Schema) -> Result<Prepared, ConvertError> {
    let (subject, ours) = definition(format, registry, topic, schema)?;
    let Registered { id, text, .. } = registry.writer(&subject, &ours).await?;
    let writer = serde_json::from_str(&text).map_err(|error| RegistryError::Refused {
        url: registry.url(),
        subject,
        status: None,
        code: None,
        reason: format!("the text of the schema with the id {id} is no JSON: {error}"),
    })?;
    let plan = format.plan(schema, &writer).map_err(|fault| fault.of_topic(topic))?;
    let mut frame = [0; 5];
    frame[1..].copy_from_slice(&id.to_be_bytes());
    Ok(Prepared { frame, plan })
}

/// What was prepared of one schema, by the topic: two topics have two subjects.
#[derive(Debug, Default)]
struct PerTopic {
    made: Vec<(Box<str>, Prepared)>,
    places: HashMap<Box<str>, usize>,
    /// The place that was asked for last: mostly the one that is asked for next.
    latest: usize,
    /// The schema that the registry refused last, so that it is not asked again for each record that has it.
    refused: Option<Refusal>,
}

/// A registry's refusal, and when it was.
#[derive(Debug)]
struct Refusal {
    topic: Box<str>,
    error: RegistryError,
    at: Instant,
}

impl PerTopic {
    /// # Errors
    /// The registry's refusal, while it is fresh: where refused records go to a dead letter topic there may be many.
    fn refusal(&self, topic: &str) -> Result<(), RegistryError> {
        match &self.refused {
            Some(refusal) if *refusal.topic == *topic && refusal.at.elapsed() < REFUSAL_KEPT => {
                Err(refusal.error.clone())
            }
            _ => Ok(()),
        }
    }

    /// Keeps a refusal in mind, and gives it back.
    fn refuse(&mut self, topic: &str, error: ConvertError) -> ConvertError {
        if let ConvertError::Registry(error) = &error
            && !error.can_pass()
        {
            self.refused = Some(Refusal { topic: topic.into(), error: error.clone(), at: Instant::now() });
        }
        error
    }

    fn place(&mut self, topic: &str) -> Option<usize> {
        if self.made.get(self.latest).is_some_and(|(latest, _)| **latest == *topic) {
            return Some(self.latest);
        }
        self.latest = *self.places.get(topic)?;
        Some(self.latest)
    }

    fn keep(&mut self, topic: &str, prepared: Prepared) -> usize {
        if self.made.len() >= TOPICS_MAX {
            self.made.clear();
            self.places.clear();
        }
        self.latest = self.made.len();
        self.places.insert(topic.into(), self.latest);
        self.made.push((topic.into(), prepared));
        self.latest
    }
}
