//! Debezium's `CloudEventsConverter`: a change event becomes a CloudEvent in the structured mode, as JSON or as Avro
//! (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md>).
//!
//! Attributes and their order are those of `io.debezium.converters.CloudEventsConverter`; the id is the one of each
//! connector's `CloudEventsMaker`. What is no change event becomes null there, and here too: heartbeats, transaction
//! metadata, schema changes, rows without their envelope (unless headers tell of their source), keys. Of its options
//! [`options`] knows all; what depends on schemas is made once ([`plan`]). JSON is written straight, Avro from one row of
//! attributes and the places where the data stands.

mod event;
mod options;
mod plan;

#[cfg(test)]
mod tests;

use bytes::Bytes;

use super::block::Block;
use super::framed::{self, Framed};
use super::json::{self, JsonReader, Style};
use super::registry::{Definition, Registries};
use super::{ConvertError, EncodedHeaders, Fault, LEVEL};
use crate::config::{self, Problem, Problems, Properties, Reader, Warning};
use crate::data::{Datum, PerSchema, Schema, Text, Value};

use event::{Event, Told};
use options::{Options, Origin, Serializer};
use plan::{Layout, Named, Plan, values_of};

pub(super) use options::KEYS;

/// Debezium's class.
pub(super) const CLASS: &str = "io.debezium.converters.CloudEventsConverter";

/// What follows the topic in the name under which data within Avro events is registered.
const DATA_TOPIC: &str = "-data";

/// Makes CloudEvents.
#[derive(Debug)]
pub struct CloudEvents {
    options: Options,
    avro: Option<Avro>,
    layouts: PerSchema<Layout>,
    headers: JsonReader,
    event: event::Scratch,
    block: Block,
}

/// The Avro converter within.
#[derive(Debug)]
struct Avro {
    framed: Framed,
    /// What the attribute `dataschema` begins with.
    registry: String,
    /// The data's topic, where it is not the record's.
    topic: String,
}

impl CloudEvents {
    /// Whether that class is this one.
    pub(super) fn is_named(class: &str) -> bool {
        matches!(class, CLASS | "CloudEventsConverter" | "CloudEvents")
    }

    /// A converter with these options, their names without a prefix.
    ///
    /// # Errors
    /// Every option that is wrong.
    pub(super) fn build(
        options: &Properties,
        registries: &mut Registries,
        warnings: &mut Vec<Warning>,
    ) -> Result<Self, Problems> {
        let mut problems = Vec::new();
        let within = |prefix: &'static str| {
            move |problem: Problem| Problem { key: format!("{prefix}{}", problem.key), ..problem }
        };
        let json_options = options::subset(options, "json.");
        let mut read = Reader::new(&json_options, &[json::KEYS]);
        let (style, schemas_max) = Style::read(&mut read);
        if let Err(Problems(found)) = read.finish(()) {
            problems.extend(found.into_iter().map(within("json.")));
        }
        let mut read = Reader::new(options, &[KEYS]);
        let own = Options::read(&mut read, style);
        let needs_avro = [own.events, own.data].contains(&Serializer::Avro);
        if let Err(Problems(found)) = read.finish(()) {
            problems.extend(found);
        }
        let mut avro = None;
        if needs_avro {
            let mut found = Vec::new();
            match Avro::build(options, registries, &mut found) {
                Ok(built) => avro = Some(built),
                Err(Problems(found)) => problems.extend(found.into_iter().map(within("avro."))),
            }
            let full = |warning: Warning| Warning { key: format!("avro.{}", warning.key), ..warning };
            warnings.extend(found.into_iter().map(full));
        }
        if !problems.is_empty() {
            return Err(Problems(problems));
        }
        let unknown = config::key::unknown(options, &[KEYS]).filter(|name| *name != LEVEL);
        warnings.extend(unknown.map(|name| Warning::unknown(name, "is no option of the converter; ignored")));
        let layouts = PerSchema::new(schemas_max);
        let (headers, event, block) = (JsonReader::default(), event::Scratch::default(), Block::default());
        Ok(Self { options: own, avro, layouts, headers, event, block })
    }

    /// The converter of Avro within, if there is one.
    #[must_use]
    pub fn framed(&self) -> Option<&Framed> {
        self.avro.as_ref().map(|avro| &avro.framed)
    }

    /// Whether a message is JSON; else it is bytes.
    #[must_use]
    pub const fn is_json(&self) -> bool {
        matches!(self.options.events, Serializer::Json)
    }

    /// Whether anything is looked for in headers.
    #[must_use]
    pub fn uses_headers(&self) -> bool {
        self.options.uses_headers()
    }

    /// From now on a registry that is away is an error at once.
    pub(super) const fn ask_once(&mut self) {
        if let Some(avro) = &mut self.avro {
            avro.framed.ask_once();
        }
    }

    /// The schemas of the data and of the event, and their subjects; `None` if headers tell of them.
    ///
    /// # Errors
    /// As [`Self::encode`], but for the registry.
    pub(super) fn definitions(
        &self,
        topic: &str,
        datum: &Datum,
    ) -> Result<Option<Vec<(String, Definition)>>, ConvertError> {
        let Self { options, avro, .. } = self;
        let fault = |fault: Fault| fault.of_topic(topic);
        let Some(Avro { framed, .. }) = avro else { return Ok(Some(Vec::new())) };
        if options.metadata.in_headers || options.metadata.data_name == Origin::Header {
            return Ok(None);
        }
        if datum.value.is_null() || !is_envelope(&datum.schema).map_err(fault)? {
            return Ok(Some(Vec::new()));
        }
        let mut layout = Layout::compile(&datum.schema, false).map_err(fault)?;
        let (told, mut scratch) = (Told::default(), event::Scratch::default());
        let (plan, named, _) = prepare(&mut layout, datum, &told, options, &mut scratch).map_err(fault)?;
        Ok(Some(match &named.schema {
            Some(schema) => {
                let data = framed.definition(&format!("{topic}{DATA_TOPIC}"), &plan.data.schema)?;
                vec![data, framed.definition(topic, schema)?]
            }
            None => vec![framed.definition(topic, &plan.data.schema)?],
        }))
    }

    /// The bytes of an event; `None` of what is none.
    ///
    /// # Errors
    /// A change event whose parts are missing or do not fit, and what the registry says.
    pub(super) async fn encode(
        &mut self,
        topic: &str,
        datum: &Datum,
        headers: &EncodedHeaders,
    ) -> Result<Option<Bytes>, ConvertError> {
        let Self { options, avro, layouts, headers: reader, event: scratch, block } = self;
        let fault = |fault: Fault| fault.of_topic(topic);
        let Some(told) = tell(options, datum, headers, reader).map_err(fault)? else { return Ok(None) };
        let in_headers = options.metadata.in_headers;
        let layout = layouts.get_or_make(&datum.schema, |schema| Layout::compile(schema, in_headers)).map_err(fault)?;
        let (plan, named, event) = prepare(layout, datum, &told, options, scratch).map_err(fault)?;
        if let Some(avro) = avro {
            // Other converters' messages need not make room for what is kept while this one waits.
            return Box::pin(avro.encode(topic, datum, (plan, named, event), block)).await.map(Some);
        }
        block.scratch.clear();
        event.write(&mut block.scratch, None).map_err(fault)?;
        plan.data.write_json(&mut block.scratch, datum).map_err(fault)?;
        block.scratch.push(b'}');
        Ok(Some(block.cut()))
    }
}

/// What headers tell of an event; `None` if the record is none.
fn tell(
    options: &Options,
    datum: &Datum,
    headers: &EncodedHeaders,
    reader: &mut JsonReader,
) -> Result<Option<Told>, Fault> {
    if datum.value.is_null() || !(options.metadata.in_headers || is_envelope(&datum.schema)?) {
        return Ok(None);
    }
    Told::read(options, headers, reader)
}

/// `Envelope.isEnvelopeSchema`, which takes no schema without a name.
fn is_envelope(schema: &Schema) -> Result<bool, Fault> {
    let Some(name) = &schema.name else {
        let what = schema.kind.name();
        let reason = format!("a {what} whose schema has no name is no event; Debezium's converter fails with it too");
        return Err(Fault::new(reason));
    };
    Ok(name.ends_with(".Envelope"))
}

/// The plan and the event of a record.
fn prepare<'a>(
    layout: &'a mut Layout,
    datum: &'a Datum,
    told: &'a Told,
    options: &Options,
    scratch: &'a mut event::Scratch,
) -> Result<(&'a Plan, &'a Named, Event<'a>), Fault> {
    let Layout { envelope, made } = layout;
    let values = values_of(&datum.value);
    let missing = |what: &str| Fault::new(format!("there is no {what}"));
    let (schema, source, op, transaction) = match (envelope, &told.source) {
        (Some(envelope), _) => {
            let transaction = envelope.transaction.as_ref().map(|place| place.value(values));
            (&envelope.source_schema, envelope.source.value(values), envelope.op.value(values), transaction)
        }
        (None, Some(source)) => (&source.schema, &source.value, &told.op, Some(&told.transaction)),
        (None, None) => return Err(missing("source")),
    };
    let Value::Struct(source) = source else { return Err(missing("source")) };
    let source: &[Value] = source;
    let data_name = told.data_name.as_ref().map(Text::as_str);
    let (plan, named) = match made.take() {
        Some((plan, named)) if plan.fits((schema, source), data_name) => {
            let named = if plan.is_named(&named, source) { named } else { plan.named(source, options)? };
            (plan, named)
        }
        _ => {
            let plan = Plan::compile(&datum.schema, (schema, source), data_name, options)?;
            let named = plan.named(source, options)?;
            (plan, named)
        }
    };
    let (plan, named) = made.insert((plan, named));
    let transaction = transaction.map(values_of).filter(|values| !values.is_empty());
    let event = Event::new(plan, &named.uri, told, (source, op, transaction), scratch)?;
    Ok((plan, named, event))
}

impl Avro {
    /// Apicurio's where its address is set, else Confluent's.
    fn build(options: &Properties, registries: &mut Registries, warnings: &mut Vec<Warning>) -> Result<Self, Problems> {
        const APICURIO: &str = "apicurio.registry.url";
        const CONFLUENT: &str = "schema.registry.url";
        let mut own = options::subset(options, "avro.");
        if let Some(level) = options.get(LEVEL) {
            own.entry(LEVEL.to_owned()).or_insert_with(|| level.clone());
        }
        let (class, url) = match own.get(APICURIO) {
            Some(url) => (framed::Class::Apicurio, url.as_str()),
            None => (framed::Class::Avro, own.get(CONFLUENT).map_or("", String::as_str)),
        };
        let registry = without_user_info(url.trim_end_matches(','));
        let framed = Framed::build(class, &own, false, registries, warnings)?;
        Ok(Self { framed, registry, topic: String::new() })
    }

    /// The data in Avro, within an event in Avro or in JSON.
    async fn encode(
        &mut self,
        topic: &str,
        datum: &Datum,
        (plan, named, event): (&Plan, &Named, Event<'_>),
        block: &mut Block,
    ) -> Result<Bytes, ConvertError> {
        let Self { framed, registry, topic: data_topic } = self;
        let fault = |fault: Fault| fault.of_topic(topic);
        data_topic.clear();
        data_topic.push_str(topic);
        if named.schema.is_some() {
            data_topic.push_str(DATA_TOPIC);
        }
        let Plan { data, .. } = plan;
        let value = |place| data.value(datum, place);
        let data = framed.encode_fields(data_topic, &data.schema, data.len(), value).await?;
        // Confluent's wire format: a byte, and the id.
        let id = data.get(1..).and_then(|rest| rest.first_chunk()).map_or(0, |id| i32::from_be_bytes(*id));
        let place = format!("{registry}/schemas/ids/{id}");
        if let Some(schema) = &named.schema {
            let row = event.row(&place, data).map_err(fault)?;
            let value = |place: usize| row.get(place).unwrap_or(&Value::Null);
            return framed.encode_fields(topic, schema, row.len(), value).await;
        }
        block.scratch.clear();
        event.write(&mut block.scratch, Some(&place)).map_err(fault)?;
        json::write_base64(&mut block.scratch, &data);
        block.scratch.push(b'}');
        Ok(block.cut())
    }
}

/// Addresses without user and password, which are nothing for consumers.
fn without_user_info(addresses: &str) -> String {
    let bare = |address: &str| match address.split_once("://") {
        Some((scheme, rest)) => {
            let host = rest.find('/').unwrap_or(rest.len());
            let (authority, path) = rest.split_at(host);
            let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            format!("{scheme}://{authority}{path}")
        }
        None => address.to_owned(),
    };
    addresses.split(',').map(bare).collect::<Vec<_>>().join(",")
}
