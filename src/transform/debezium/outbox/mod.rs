//! `io.debezium.transforms.outbox.EventRouter`: a row of an outbox table becomes the message that it holds.
//!
//! As in Debezium 3.6.1 (`EventRouterDelegate`), with `table.fields.additional.error.on.missing` of earlier versions and
//! `table.json.payload.empty.array.behavior` of 3.7 beside. What is no envelope passes; deletes and tombstones don't. Where
//! Debezium's task fails, on a truncate and on JSON that has no schema, the one counts as an operation that an outbox does
//! not have, and the other stays the text that it is; an array is expanded as an object is.

mod options;
mod plan;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use super::envelope;
use super::json::JsonShapes;
use super::trace_context::TraceContext;
use super::{Transform, TransformError};
use crate::config::Rewrite;
use crate::data::{Datum, PerSchema, Text, Value};
use crate::record::{Header, Record};
use options::{Invalid, Options};
use plan::{Enveloped, Outbox, Plan};

pub(in crate::transform) use options::{KEYS, build};

/// How many topics' names are remembered.
const TOPICS_MAX: usize = 1024;

/// The transform.
struct EventRouter {
    /// Its name in the connector file.
    name: Arc<str>,
    options: Options,
    expand: Option<JsonShapes>,
    trace: TraceContext,
    rewrite: Rewrite,
    /// The topic of each value that was routed by.
    topics: HashMap<Text, Arc<str>>,
    plans: PerSchema<Plan>,
    enveloped: Enveloped,
}

impl Transform for EventRouter {
    fn apply(&mut self, mut record: Record) -> Result<Option<Record>, TransformError> {
        self.trace.carry(&mut record);
        let Some(value) = record.value.take().filter(|value| !value.value.is_null()) else { return Ok(None) };
        if !envelope::is_envelope(&value.schema) {
            record.value = Some(value);
            return Ok(Some(record));
        }
        let Value::Struct(fields) = value.value else {
            return Err(TransformError::unsuitable(&self.name, &record.topic, "the envelope is no struct"));
        };
        let plan = self
            .plans
            .get_or_make(&value.schema, |schema| Plan::make(schema, &self.options))
            .map_err(|refusal| refusal.of(&self.name, &record.topic))?;
        match fields.get(plan.op).and_then(Value::as_str) {
            Some("d") => return Ok(None),
            Some("c" | "r") => {}
            op => return self.refuse(&record, op.unwrap_or("null")),
        }
        let outbox = plan.outbox.as_ref().map_err(|refusal| refusal.clone().of(&self.name, &record.topic))?;
        let row = fields.get(plan.after).and_then(Value::as_struct);
        let row = row.ok_or_else(|| {
            TransformError::unsuitable(&self.name, &record.topic, "the event has no row in \"after\"")
        })?;
        let Some(Value::Text(route)) = row.get(outbox.route) else {
            let reason = format!("field {:?} is null, so the event has no topic", self.options.route);
            return Err(TransformError::unsuitable(&self.name, &record.topic, reason));
        };
        let expanded = payload(self.expand.as_mut(), &self.options.payload, outbox, row);
        let payload = expanded.unwrap_or_else(|(payload, reason)| {
            tracing::warn!(transform = %self.name, topic = %record.topic, reason, "the payload is not expanded");
            payload
        });
        add_headers(outbox, row, &mut record);
        record.ts_ms = outbox.timestamp(row).or_else(|| match fields.get(plan.ts_ms?) {
            Some(Value::Int64(ts_ms)) => Some(*ts_ms),
            _ => None,
        });
        record.partition = outbox.partition(row);
        record.key = Some(outbox.key.datum(row));
        record.value = if self.options.tombstones && is_empty(&payload.value) {
            None
        } else if outbox.enveloped.is_empty() {
            Some(payload)
        } else {
            Some(self.enveloped.wrap(outbox, row, payload, route.as_str()))
        };
        record.topic = topic(&mut self.topics, &self.rewrite, route);
        Ok(Some(record))
    }
}

impl EventRouter {
    /// A row of an outbox was changed, or all were removed.
    fn refuse(&self, record: &Record, op: &str) -> Result<Option<Record>, TransformError> {
        let topic = &record.topic;
        match self.options.invalid {
            Invalid::Warn => {
                tracing::warn!(transform = %self.name, %topic, op, "not an insert into the outbox; ignored");
            }
            Invalid::Error => {
                tracing::error!(transform = %self.name, %topic, op, "not an insert into the outbox; ignored");
            }
            Invalid::Fatal => {
                let reason = format!(
                    "operation {op:?} on an outbox, which takes only inserts and deletes; \
                     table.op.invalid.behavior=warn would ignore it"
                );
                return Err(TransformError::unsuitable(&self.name, topic, reason));
            }
        }
        Ok(None)
    }
}

/// The payload, expanded if it is to be and can be; else why not.
fn payload(
    shapes: Option<&mut JsonShapes>,
    name: &str,
    outbox: &Outbox,
    row: &[Value],
) -> Result<Datum, (Datum, String)> {
    let payload = outbox.payload.datum(row);
    let Some(shapes) = shapes else { return Ok(payload) };
    match &payload.value {
        Value::Null => Ok(payload),
        Value::Text(text) => shapes.read(Some(name), text.as_str()).map_err(|reason| (payload, reason)),
        _ => Err((payload, "it is no text".to_owned())),
    }
}

fn add_headers(outbox: &Outbox, row: &[Value], record: &mut Record) {
    for (name, column) in &outbox.headers {
        record.headers.push(Header { name: Arc::clone(name), value: column.datum(row) });
    }
}

/// Whether there is nothing in a payload, white space aside (as Java's `trim` has it).
fn is_empty(payload: &Value) -> bool {
    match payload {
        Value::Null => true,
        Value::Text(text) => text.as_str().bytes().all(|byte| byte <= b' '),
        _ => false,
    }
}

/// The topic of a value that is routed by; the value itself if it does not match.
fn topic(topics: &mut HashMap<Text, Arc<str>>, rewrite: &Rewrite, route: &Text) -> Arc<str> {
    if let Some(topic) = topics.get(route) {
        return Arc::clone(topic);
    }
    let topic: Arc<str> = rewrite.apply(route.as_str()).map_or_else(|| route.as_str().into(), Into::into);
    if topics.len() >= TOPICS_MAX {
        topics.clear();
    }
    // A copy: the text itself would keep its packet alive.
    topics.insert(Text::from(route.as_str().to_owned()), Arc::clone(&topic));
    topic
}
