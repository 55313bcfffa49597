//! The options of the event router.

use std::collections::HashMap;
use std::sync::Arc;

use super::EventRouter;
use super::plan::Enveloped;
use crate::config::{Importance, Key, KeyKind, NameAdjustment, Properties, Reader, Rewrite};
use crate::data::PerSchema;
use crate::transform::debezium::envelope::low;
use crate::transform::debezium::json::JsonShapes;
use crate::transform::debezium::trace_context::{self, TraceContext};
use crate::transform::debezium::{Built, SCHEMAS_MAX, Transform};

/// The options.
pub(in crate::transform) const KEYS: &[Key] = &[
    low("table.field.event.id", KeyKind::String, "The column with the event's id, which becomes the header id")
        .default("id"),
    low("table.field.event.key", KeyKind::String, "The column that becomes the message's key").default("aggregateid"),
    low("table.field.event.type", KeyKind::String, "The column with the event's type; nothing depends on it")
        .default("type"),
    low("table.field.event.payload", KeyKind::String, "The column that becomes the message's value").default("payload"),
    Key::new("table.field.event.timestamp", KeyKind::String, "The column that becomes the message's timestamp"),
    low("table.field.event.schema.version", KeyKind::String, "The column with the version of the value's schema"),
    high("table.fields.additional.placement", KeyKind::List, "More columns: column:header|envelope|partition[:alias]"),
    Key::new("table.field.additional.missing", KeyKind::String, "What to do about a row without such a column")
        .default("error")
        .one_of(&["error", "ignore"]),
    low(
        "table.fields.additional.error.on.missing",
        KeyKind::Boolean,
        "An earlier form of table.field.additional.missing",
    ),
    Key::new("table.op.invalid.behavior", KeyKind::String, "What to do about rows that are changed")
        .default("warn")
        .one_of(&["warn", "error", "fatal"]),
    Key::new("table.expand.json.payload", KeyKind::Boolean, "Whether JSON text becomes a struct").default("false"),
    Key::new("table.json.payload.null.behavior", KeyKind::String, "What becomes of nulls in it")
        .default("ignore")
        .one_of(&["ignore", "optional_bytes"]),
    Key::new("table.json.payload.empty.array.behavior", KeyKind::String, "What becomes of empty arrays in it")
        .default("ignore")
        .one_of(&["ignore", "optional_string"]),
    low("field.name.adjustment.mode", KeyKind::String, "How names of fields in it are made fit for Avro")
        .default("none")
        .one_of(NameAdjustment::NAMES),
    high("route.by.field", KeyKind::String, "The column that says where events go").default("aggregatetype"),
    low("route.topic.regex", KeyKind::String, "A Java regular expression for its value")
        .default("(?<routedByValue>.*)"),
    high("route.topic.replacement", KeyKind::String, "The topic that becomes of it")
        .default("outbox.event.${routedByValue}"),
    high("route.tombstone.on.empty.payload", KeyKind::Boolean, "Whether an empty payload becomes a tombstone")
        .default("false"),
    trace_context::FIELD,
    trace_context::OPERATION,
    trace_context::ONLY,
];

const fn high(name: &'static str, kind: KeyKind, doc: &'static str) -> Key {
    Key { importance: Importance::High, ..Key::new(name, kind, doc) }
}

/// What becomes of an operation that an outbox does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Invalid {
    /// It is logged as a warning.
    Warn,
    /// It is logged as an error.
    Error,
    /// It stops the connector.
    Fatal,
}

/// Where an additional column goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placement {
    Header,
    Envelope,
    Partition,
}

/// A column beside those that make the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Additional {
    pub(super) column: String,
    pub(super) placement: Placement,
    /// Its name there.
    pub(super) alias: Arc<str>,
}

/// The names of the columns, and what to do with them.
#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) id: String,
    pub(super) key: String,
    pub(super) payload: String,
    pub(super) route: String,
    pub(super) timestamp: Option<String>,
    pub(super) version: Option<String>,
    pub(super) additional: Vec<Additional>,
    /// Whether a row without an additional column is refused.
    pub(super) needs_additional: bool,
    pub(super) invalid: Invalid,
    /// Whether an empty payload becomes a tombstone.
    pub(super) tombstones: bool,
}

/// Makes one.
pub(in crate::transform) fn build(name: &Arc<str>, options: &Properties) -> Built {
    let mut read = Reader::new(options, &[KEYS]);
    let expand = read.flag("table.expand.json.payload").then(|| {
        JsonShapes::new(
            read.choice("table.json.payload.null.behavior") == "optional_bytes",
            read.choice("table.json.payload.empty.array.behavior") == "optional_string",
            NameAdjustment::read(&mut read, "field.name.adjustment.mode"),
        )
    });
    let rewrite = Rewrite::read(&mut read, "route.topic.regex", "route.topic.replacement");
    let router = Options {
        id: read.text("table.field.event.id"),
        key: read.text("table.field.event.key"),
        payload: read.text("table.field.event.payload"),
        route: read.text("route.by.field"),
        timestamp: read.text_opt("table.field.event.timestamp"),
        version: read.text_opt("table.field.event.schema.version"),
        additional: additional(&mut read),
        needs_additional: needs_additional(&mut read, options),
        invalid: match read.choice("table.op.invalid.behavior").as_str() {
            "error" => Invalid::Error,
            "fatal" => Invalid::Fatal,
            _ => Invalid::Warn,
        },
        tombstones: read.flag("route.tombstone.on.empty.payload"),
    };
    let trace = TraceContext::read(&mut read);
    let router: Option<Box<dyn Transform>> = rewrite.map(|rewrite| {
        let router = EventRouter {
            name: Arc::clone(name),
            options: router,
            expand,
            trace,
            rewrite,
            topics: HashMap::new(),
            plans: PerSchema::new(SCHEMAS_MAX),
            enveloped: Enveloped::default(),
        };
        Box::new(router) as Box<dyn Transform>
    });
    // Without an expression there is a problem, and nothing is built.
    read.finish(router).and_then(|router| router.ok_or_else(Default::default))
}

fn needs_additional(read: &mut Reader<'_>, options: &Properties) -> bool {
    let needed = read.choice("table.field.additional.missing") != "ignore";
    if read.text_opt("table.fields.additional.error.on.missing").is_none() {
        return needed;
    }
    let earlier = read.flag("table.fields.additional.error.on.missing");
    if options.contains_key("table.field.additional.missing") && earlier != needed {
        let reason = "says the opposite of table.field.additional.missing, which is its later name; leave one out";
        read.problem("table.fields.additional.error.on.missing", Some(earlier.to_string()), reason);
    }
    earlier
}

fn additional(read: &mut Reader<'_>) -> Vec<Additional> {
    const KEY: &str = "table.fields.additional.placement";
    let mut additional: Vec<Additional> = Vec::new();
    for entry in read.list(KEY) {
        let parts: Vec<&str> = entry.split(':').map(str::trim).collect();
        let (column, placement, alias) = match parts.as_slice() {
            [column, placement] => (*column, *placement, *column),
            [column, placement, alias] => (*column, *placement, *alias),
            _ => ("", "", ""),
        };
        let placement = match placement.to_ascii_lowercase().as_str() {
            "header" => Placement::Header,
            "envelope" => Placement::Envelope,
            "partition" => Placement::Partition,
            _ => {
                read.problem(
                    KEY,
                    Some(entry),
                    "must be column:header, column:envelope or column:partition, with :ALIAS",
                );
                continue;
            }
        };
        if column.is_empty() || alias.is_empty() {
            read.problem(KEY, Some(entry), "must name a column, and an alias behind the second colon");
            continue;
        }
        let named = Additional { column: column.to_owned(), placement, alias: alias.into() };
        let taken = |other: &Additional| other.placement == placement && other.alias == named.alias;
        let is_taken = placement == Placement::Envelope && (alias == "payload" || additional.iter().any(taken));
        if is_taken {
            read.problem(
                KEY,
                Some(entry.clone()),
                "would be the second field of that name in the envelope; choose another alias",
            );
        }
        if placement == Placement::Partition && additional.iter().any(|other| other.placement == placement) {
            read.problem(KEY, Some(entry), "is the second partition of the same message");
        }
        additional.push(named);
    }
    additional
}
