//! The options of Debezium's `CloudEventsConverterConfig`, and those that it passes on to the converters within.

use crate::config::{Importance, Key, KeyKind, NameAdjustment, Properties, Reader};
use crate::convert::json::Style;

/// The options of `io.debezium.converters.CloudEventsConverter`.
pub(in crate::convert) const KEYS: &[Key] = &[
    high("serializer.type", KeyKind::String, "How events are written").default("json").one_of(&["json", "avro"]),
    high("data.serializer.type", KeyKind::String, "How the data within events is written")
        .default("json")
        .one_of(&["json", "avro"]),
    high(
        "opentelemetry.tracing.attributes.enable",
        KeyKind::Boolean,
        "Whether events have the attribute traceparent, from the header of that name",
    )
    .default("false"),
    high(
        "extension.attributes.enable",
        KeyKind::Boolean,
        "Whether events have the operation, the source block and the transaction as attributes",
    )
    .default("true"),
    low("schema.name.adjustment.mode", KeyKind::String, "How the name of the events' schema is made fit for Avro")
        .default("avro")
        .one_of(NameAdjustment::NAMES),
    low(
        "schema.cloudevents.name",
        KeyKind::String,
        "The name of the events' schema; else PREFIX.DATABASE.CloudEvents.Envelope",
    ),
    low(
        "schema.data.name.source.header.enable",
        KeyKind::Boolean,
        "Whether the name of the data's schema may come from the header dataSchemaName",
    )
    .default("false"),
    high(
        SOURCE,
        KeyKind::List,
        "Where the source block and the operation come from (value, header); then for id, type, traceparent and \
         dataSchemaName each, header or generate",
    )
    .default("value,id:generate,type:generate,traceparent:header,dataSchemaName:generate"),
    low("json.*", KeyKind::String, "Options of the JsonConverter that writes JSON: json.schemas.enable, …"),
    low("avro.*", KeyKind::String, "Options of the AvroConverter that writes Avro: avro.schema.registry.url, …"),
];

const SOURCE: &str = "metadata.source";

const fn high(name: &'static str, kind: KeyKind, doc: &'static str) -> Key {
    Key { importance: Importance::High, ..Key::new(name, kind, doc) }
}

const fn low(name: &'static str, kind: KeyKind, doc: &'static str) -> Key {
    Key { importance: Importance::Low, ..Key::new(name, kind, doc) }
}

/// A format of events, or of the data within.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Serializer {
    Json,
    Avro,
}

/// Where something that is told about a record comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The record's value.
    Value,
    /// The header of that name.
    Header,
    /// It is made of the source block.
    Generate,
}

/// What the options say.
#[derive(Clone, Debug)]
pub(super) struct Options {
    /// Of JSON data.
    pub(super) style: Style,
    pub(super) events: Serializer,
    pub(super) data: Serializer,
    /// `opentelemetry.tracing.attributes.enable`
    pub(super) trace: bool,
    /// `extension.attributes.enable`
    pub(super) extensions: bool,
    pub(super) adjustment: NameAdjustment,
    /// `schema.cloudevents.name`
    pub(super) name: Option<String>,
    pub(super) metadata: Metadata,
}

/// `metadata.source`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Metadata {
    /// Whether source block, operation and transaction are in headers. All of the value is the data then.
    pub(super) in_headers: bool,
    pub(super) id: Origin,
    pub(super) kind: Origin,
    pub(super) data_name: Origin,
}

impl Options {
    pub(super) fn read(read: &mut Reader<'_>, style: Style) -> Self {
        let mut serializer = |name| if read.choice(name) == "avro" { Serializer::Avro } else { Serializer::Json };
        let (events, data) = (serializer("serializer.type"), serializer("data.serializer.type"));
        if events == Serializer::Avro && data == Serializer::Json {
            let reason = "is not possible within Avro events, as with Debezium's converter; set it to avro";
            read.problem("data.serializer.type", Some("json".to_owned()), reason);
        }
        let trace = read.flag("opentelemetry.tracing.attributes.enable");
        let names = read.flag("schema.data.name.source.header.enable");
        Self {
            style,
            events,
            data,
            trace,
            extensions: read.flag("extension.attributes.enable"),
            adjustment: NameAdjustment::read(read, "schema.name.adjustment.mode"),
            name: read.text_opt("schema.cloudevents.name"),
            metadata: Metadata::read(read, trace, names),
        }
    }

    /// Whether anything is looked for in headers.
    pub(super) fn uses_headers(&self) -> bool {
        let Metadata { in_headers, id, kind, data_name } = self.metadata;
        in_headers || self.trace || [id, kind, data_name].contains(&Origin::Header)
    }
}

impl Metadata {
    /// The first entry counts for what no other names. What no record could satisfy is a problem here; Debezium's converter
    /// fails with the first record.
    fn read(read: &mut Reader<'_>, trace: bool, names: bool) -> Self {
        let entries = read.list(SOURCE);
        let mut entries = entries.iter().map(String::as_str);
        let first = entries.next().unwrap_or_default();
        let global = origin(first).filter(|global| *global != Origin::Generate).unwrap_or_else(|| {
            read.problem(SOURCE, Some(first.to_owned()), "must begin with value or header");
            Origin::Value
        });
        let [mut id, mut kind, mut traceparent, mut data_name] = [global; 4];
        for entry in entries {
            let (field, from) = entry.split_once(':').unwrap_or((entry, ""));
            let Some(from @ (Origin::Header | Origin::Generate)) = origin(from) else {
                read.problem(SOURCE, Some(entry.to_owned()), "must be FIELD:header or FIELD:generate");
                continue;
            };
            match field {
                "id" => id = from,
                "type" => kind = from,
                "traceparent" => traceparent = from,
                "dataSchemaName" => data_name = from,
                _ => {
                    let reason = "has no source of its own; there are id, type, traceparent and dataSchemaName";
                    read.problem(SOURCE, Some(field.to_owned()), reason);
                }
            }
        }
        for (field, from) in [("id", id), ("type", kind)] {
            if from == Origin::Value {
                let reason = format!("the {field} cannot come from the value; add {field}:generate or {field}:header");
                read.problem(SOURCE, None, &reason);
            }
        }
        if trace && traceparent != Origin::Header {
            read.problem(SOURCE, None, "traceparent can come from a header only; add traceparent:header");
        }
        if data_name == Origin::Header && !names {
            data_name = Origin::Generate;
        }
        Self { in_headers: global == Origin::Header, id, kind, data_name }
    }
}

fn origin(name: &str) -> Option<Origin> {
    match name.trim().to_ascii_lowercase().as_str() {
        "value" => Some(Origin::Value),
        "header" => Some(Origin::Header),
        "generate" => Some(Origin::Generate),
        _ => None,
    }
}

/// The options that begin so, without that; Debezium's `Configuration.subset`.
pub(super) fn subset(options: &Properties, prefix: &str) -> Properties {
    let named = options.iter().filter_map(|(name, value)| Some((name.strip_prefix(prefix)?.to_owned(), value.clone())));
    named.collect()
}
