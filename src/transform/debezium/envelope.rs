//! What Debezium's transforms have in common: which records they take for envelopes, and how they read structs.

use std::sync::Arc;

use crate::config::{Importance, Key, KeyKind};
use crate::data::{Datum, Schema, Value};
use crate::record::Record;

/// A key that few set.
pub(super) const fn low(name: &'static str, kind: KeyKind, doc: &'static str) -> Key {
    Key { importance: Importance::Low, ..Key::new(name, kind, doc) }
}

/// Whether a schema is an envelope's: Debezium goes by its name alone (`Envelope.isEnvelopeSchema`).
pub(super) fn is_envelope(schema: &Schema) -> bool {
    schema.name.as_deref().is_some_and(|name| name.ends_with(".Envelope"))
}

/// The envelope of a record: its schema and fields. `None`: the record is a tombstone, or something else.
pub(super) fn envelope(record: &mut Record) -> Option<(&Arc<Schema>, &mut [Value])> {
    match record.value.as_mut()? {
        Datum { schema, value: Value::Struct(fields) } if is_envelope(schema) => Some((schema, fields)),
        _ => None,
    }
}

/// The value of a struct's field, or the field's default: Connect's `Struct.get`.
pub(super) fn get(fields: &[Value], place: usize, schema: &Schema) -> Value {
    match fields.get(place) {
        Some(Value::Null) | None => schema.default.clone().unwrap_or_default(),
        Some(value) => value.clone(),
    }
}
