//! `io.rowtide.transforms.Correlate`: the ids by which services follow an event, as headers.
//!
//! Each id comes from a column, if one is named and holds something; else from the database's transaction, or from the place
//! in the log. Made ids are UUIDs of version 5: the same event has the same ids whenever it is told again. What is no change of a
//! row (heartbeats, transactions, tombstones) passes unchanged. A row without its envelope has only what its columns say: this
//! transform stands before `ExtractNewRecordState`.

mod place;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::shape::SCHEMAS_MAX;
use super::{Transform, TransformError};
use crate::config::{Key, KeyKind, Properties, Reader};
use crate::data::{Datum, Kind, PerSchema, Schema, Text, Value};
use crate::record::{Header, Record};
use place::{Envelope, id_of_event, id_of_transaction};

/// The options.
pub(super) const KEYS: &[Key] = &[
    text("event.id.field", "The column that holds the event's id"),
    text("event.id.default", "Where it comes from otherwise: the place in the log")
        .default("position")
        .one_of(&["position", "none"]),
    text("event.id.header", "The header of the event's id").default("event-id"),
    text("event.type.field", "The column that holds the event's type"),
    text("event.type.default", "What it is otherwise: the table and what happened (orders.created)")
        .default("operation")
        .one_of(&["operation", "none"]),
    text("event.type.header", "The header of the event's type").default("event-type"),
    text("correlation.id.field", "The column that holds the correlation id"),
    text(
        "correlation.id.default",
        "Where it comes from otherwise; of a transaction that is not known, from the position",
    )
    .default("transaction")
    .one_of(SOURCES),
    text("correlation.id.header", "The header of the correlation id").default("correlation-id"),
    text("causation.id.field", "The column that holds the causation id"),
    text(
        "causation.id.default",
        "Where it comes from otherwise; of a transaction that is not known, from the position",
    )
    .default("none")
    .one_of(SOURCES),
    text("causation.id.header", "The header of the causation id").default("causation-id"),
];

const SOURCES: &[&str] = &["transaction", "position", "none"];

const fn text(name: &'static str, doc: &'static str) -> Key {
    Key::new(name, KeyKind::String, doc)
}

/// Where something comes from that no column says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Position,
    Transaction,
    Operation,
    None,
}

/// A header to add.
#[derive(Debug)]
struct Added {
    header: Arc<str>,
    column: Option<String>,
    origin: Origin,
}

/// What is known of a schema.
#[derive(Debug)]
struct Plan {
    /// `None`: it is no envelope, but a row, or something else.
    envelope: Option<Envelope>,
    /// Where the columns of the headers stand in the row.
    columns: Vec<Option<usize>>,
}

/// The transform.
struct Correlate {
    /// Its name in the connector file.
    name: Arc<str>,
    added: [Added; 4],
    plans: PerSchema<Plan>,
    text: Arc<Schema>,
}

/// Makes one.
pub(super) fn build(name: &Arc<str>, options: &Properties) -> super::Built {
    let mut read = Reader::new(options, &[KEYS]);
    let added = [
        added(&mut read, ["event.id.header", "event.id.field", "event.id.default"]),
        added(&mut read, ["event.type.header", "event.type.field", "event.type.default"]),
        added(&mut read, ["correlation.id.header", "correlation.id.field", "correlation.id.default"]),
        added(&mut read, ["causation.id.header", "causation.id.field", "causation.id.default"]),
    ];
    let correlate = Correlate {
        name: Arc::clone(name),
        added,
        plans: PerSchema::new(SCHEMAS_MAX),
        text: Arc::new(Schema::of(Kind::Text)),
    };
    let correlate: Box<dyn Transform> = Box::new(correlate);
    read.finish(correlate)
}

fn added(read: &mut Reader<'_>, [header, field, default]: [&'static str; 3]) -> Added {
    Added {
        header: read.text(header).into(),
        column: read.text_opt(field),
        origin: match read.choice(default).as_str() {
            "position" => Origin::Position,
            "transaction" => Origin::Transaction,
            "operation" => Origin::Operation,
            _ => Origin::None,
        },
    }
}

impl Transform for Correlate {
    fn apply(&mut self, mut record: Record) -> Result<Option<Record>, TransformError> {
        match self.headers(&record) {
            Ok(headers) => {
                record.headers.last.extend(headers);
                Ok(Some(record))
            }
            Err(reason) => Err(TransformError::Unsuitable {
                transform: Arc::clone(&self.name),
                topic: Arc::clone(&record.topic),
                reason,
            }),
        }
    }
}

impl Correlate {
    fn headers(&mut self, record: &Record) -> Result<Vec<Header>, String> {
        let Some(Datum { schema, value: Value::Struct(fields) }) = &record.value else { return Ok(Vec::new()) };
        let added = &self.added;
        let make = |schema: &Schema| Ok::<_, String>(Plan::make(schema, added));
        let plan = &*self.plans.get_or_make(schema, make)?;
        let row = match &plan.envelope {
            Some(envelope) => envelope.row(fields),
            None => Some(&**fields),
        };
        let mut headers = Vec::with_capacity(added.len());
        // Two headers may take the same id; it is made once.
        let mut event_id = None;
        for (added, column) in added.iter().zip(&plan.columns) {
            let told = match column.and_then(|place| row?.get(place)) {
                Some(value) => told(value).map_err(|why| {
                    let column = added.column.as_deref().unwrap_or_default();
                    format!("column {column:?} {why}")
                })?,
                None => None,
            };
            let mut position = |envelope: &Envelope| {
                event_id.get_or_insert_with(|| Text::from(id_of_event(envelope, record.key.as_ref(), fields))).clone()
            };
            let made = match (told, &plan.envelope, added.origin) {
                (Some(told), ..) => Some(told),
                (None, Some(envelope), Origin::Position) => Some(position(envelope)),
                (None, Some(envelope), Origin::Transaction) => {
                    Some(id_of_transaction(envelope, fields).map_or_else(|| position(envelope), Text::from))
                }
                (None, Some(envelope), Origin::Operation) => envelope.event_type(fields).map(Text::from),
                (None, None, _) | (None, _, Origin::None) => None,
            };
            if let Some(made) = made {
                let value = Datum { schema: Arc::clone(&self.text), value: Value::Text(made) };
                headers.push(Header { name: Arc::clone(&added.header), value });
            }
        }
        Ok(headers)
    }
}

impl Plan {
    fn make(schema: &Schema, added: &[Added]) -> Self {
        let envelope = Envelope::of(schema);
        let row = match &envelope {
            Some(envelope) => envelope.row_schema(schema),
            None => Some(schema),
        };
        let columns = added.iter().map(|added| row?.index_of(added.column.as_deref()?)).collect();
        Self { envelope, columns }
    }
}

/// What a column tells; `None`: nothing.
fn told(value: &Value) -> Result<Option<Text>, &'static str> {
    Ok(match value {
        Value::Null => None,
        Value::Text(text) => Some(text).filter(|text| !text.as_str().is_empty()).cloned(),
        Value::Int8(number) => Some(number.to_string().into()),
        Value::Int16(number) => Some(number.to_string().into()),
        Value::Int32(number) => Some(number.to_string().into()),
        Value::Int64(number) => Some(number.to_string().into()),
        _ => return Err("holds neither text nor a whole number"),
    })
}
