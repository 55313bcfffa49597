//! `io.debezium.connector.postgresql.transforms.DecodeLogicalDecodingMessageContent`: the JSON in a logical message becomes
//! the row of an envelope, as if it had been inserted; the event router can take it from there.

use std::collections::HashMap;
use std::sync::Arc;

use super::json::JsonShapes;
use super::{Built, Transform, TransformError};
use crate::config::{Key, KeyKind, NameAdjustment, Properties, Reader};
use crate::data::{Datum, Field, Kind, Schema, Text, Value};
use crate::record::Record;

/// The options.
pub(in crate::transform) const KEYS: &[Key] =
    &[Key::new("fields.null.include", KeyKind::Boolean, "Whether nulls are fields too, of optional bytes")
        .default("false")];

/// How many schemas of envelopes are remembered.
const ENVELOPES_MAX: usize = 1024;

/// The name that the values of logical messages have.
const MESSAGE: &str = "io.debezium.connector.postgresql.MessageValue";

struct DecodeMessage {
    /// Its name in the connector file.
    name: Arc<str>,
    shapes: JsonShapes,
    /// By the addresses of the message's schema and the content's: both, which keeps the addresses theirs, and the envelope's.
    envelopes: HashMap<(usize, usize), [Arc<Schema>; 3]>,
}

/// Makes one.
pub(in crate::transform) fn build(name: &Arc<str>, options: &Properties) -> Built {
    let mut read = Reader::new(options, &[KEYS]);
    let transform: Box<dyn Transform> = Box::new(DecodeMessage {
        name: Arc::clone(name),
        shapes: JsonShapes::new(read.flag("fields.null.include"), false, NameAdjustment::None),
        envelopes: HashMap::new(),
    });
    read.finish(transform)
}

impl Transform for DecodeMessage {
    fn apply(&mut self, mut record: Record) -> Result<Option<Record>, TransformError> {
        let Some(Datum { schema, value: Value::Struct(fields) }) = &record.value else { return Ok(Some(record)) };
        if schema.name.as_deref() != Some(MESSAGE) {
            return Ok(Some(record));
        }
        let value = self
            .envelope(schema, fields)
            .map_err(|reason| TransformError::unsuitable(&self.name, &record.topic, reason))?;
        record.value = Some(value);
        // The prefix is the key of messages; a row has none.
        record.key = None;
        Ok(Some(record))
    }
}

impl DecodeMessage {
    fn envelope(&mut self, schema: &Arc<Schema>, fields: &[Value]) -> Result<Datum, String> {
        let message = schema.index_of("message").ok_or("the logical message has no field \"message\"")?;
        let place = schema.fields()[message].schema.index_of("content").ok_or("it has no field \"content\"")?;
        let content = match fields.get(message).and_then(Value::as_struct).and_then(|message| message.get(place)) {
            Some(Value::Bytes(content)) => content,
            Some(Value::Text(_)) => {
                return Err("its content is text; set binary.handling.mode=bytes for the connector".to_owned());
            }
            _ => return Err("it has no content".to_owned()),
        };
        let content = str::from_utf8(content).map_err(|error| format!("its content is no UTF-8: {error}"))?;
        let content = self.shapes.read(None, content).map_err(|reason| format!("its content: {reason}"))?;
        if content.value.as_struct().is_none() {
            return Err("its content is no JSON object".to_owned());
        }
        let out = self.envelope_schema(schema, &content.schema);
        let op = schema.index_of("op");
        let stays = fields.iter().enumerate().filter(|(place, _)| *place != message).map(|(place, value)| match op {
            Some(op) if op == place => Value::Text(Text::from_static("c")),
            _ => value.clone(),
        });
        let value = Value::Struct(stays.chain([content.value]).collect());
        Ok(Datum { schema: out, value })
    }

    /// The message's schema with the content as `after`. The name's end makes it an envelope.
    fn envelope_schema(&mut self, schema: &Arc<Schema>, content: &Arc<Schema>) -> Arc<Schema> {
        let addresses = (Arc::as_ptr(schema).addr(), Arc::as_ptr(content).addr());
        if self.envelopes.len() >= ENVELOPES_MAX && !self.envelopes.contains_key(&addresses) {
            self.envelopes.clear();
        }
        let [_, _, out] = self.envelopes.entry(addresses).or_insert_with(|| {
            let stays = schema.fields().iter().filter(|field| &*field.name != "message").cloned();
            let fields = stays.chain([Field::new("after", Arc::clone(content))]).collect();
            let out = Schema::of(Kind::Struct(fields)).named(format!("{MESSAGE}.Envelope"));
            [Arc::clone(schema), Arc::clone(content), out.into()]
        });
        Arc::clone(out)
    }
}
