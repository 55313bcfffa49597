//! Reads Connect's JSON with schemas (`{"schema":…,"payload":…}`) back into data: the converter's way in reverse.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rowtide::data::{Datum, Field, Kind, Schema, Value};
use serde::Deserialize;
use serde_json::value::RawValue;

/// Schemas that were met, by their text, so that equal ones are one, as they are for the records of a connector.
#[derive(Default)]
pub(super) struct Schemas(HashMap<String, Arc<Schema>>);

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    schema: &'a RawValue,
    #[serde(borrow)]
    payload: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SchemaText<'a> {
    r#type: &'a str,
    optional: bool,
    name: Option<String>,
    version: Option<i32>,
    doc: Option<String>,
    #[serde(default)]
    parameters: serde_json::Map<String, serde_json::Value>,
    #[serde(borrow)]
    default: Option<&'a RawValue>,
    #[serde(borrow, default)]
    fields: Vec<&'a RawValue>,
    #[serde(borrow)]
    items: Option<&'a RawValue>,
    #[serde(borrow)]
    keys: Option<&'a RawValue>,
    #[serde(borrow)]
    values: Option<&'a RawValue>,
    field: Option<String>,
}

impl Schemas {
    /// The datum of a message; `None` of null, and of a message without a schema.
    pub(super) fn datum(&mut self, message: &RawValue) -> Option<Datum> {
        let Message { schema, payload } = serde_json::from_str(message.get()).ok()?;
        let schema = Arc::clone(self.0.entry(schema.get().to_owned()).or_insert_with(|| read_schema(schema).0));
        let value = read_value(&schema, payload);
        Some(Datum { schema, value })
    }
}

fn read_schema(text: &RawValue) -> (Arc<Schema>, Option<String>) {
    let read: SchemaText<'_> = serde_json::from_str(text.get()).unwrap_or_else(|error| panic!("{text}: {error}"));
    let part = |part: Option<&RawValue>| read_schema(part.unwrap()).0;
    let kind = match read.r#type {
        "boolean" => Kind::Bool,
        "int8" => Kind::Int8,
        "int16" => Kind::Int16,
        "int32" => Kind::Int32,
        "int64" => Kind::Int64,
        "float" => Kind::Float32,
        "double" => Kind::Float64,
        "string" => Kind::Text,
        "bytes" => Kind::Bytes,
        "array" => Kind::Array(part(read.items)),
        "map" => Kind::Map(part(read.keys), part(read.values)),
        "struct" => Kind::Struct(
            read.fields
                .iter()
                .map(|field| read_schema(field))
                .map(|(schema, name)| Field::new(name.unwrap(), schema))
                .collect(),
        ),
        other => panic!("no such type: {other}"),
    };
    let mut schema = Schema {
        kind,
        optional: read.optional,
        name: read.name.map(Into::into),
        version: read.version,
        doc: read.doc.map(Into::into),
        parameters: read
            .parameters
            .iter()
            .map(|(name, value)| (name.as_str().into(), value.as_str().unwrap().into()))
            .collect(),
        default: None,
    };
    schema.default = read.default.map(|default| read_value(&schema, default));
    (schema.into(), read.field)
}

fn read_value(schema: &Schema, text: &RawValue) -> Value {
    let text = text.get();
    if text == "null" {
        return Value::Null;
    }
    let plain = || serde_json::from_str::<String>(text).unwrap_or_else(|_| text.to_owned());
    match &schema.kind {
        Kind::Bool => Value::Bool(text == "true"),
        Kind::Int8 => Value::Int8(text.parse().unwrap()),
        Kind::Int16 => Value::Int16(text.parse().unwrap()),
        Kind::Int32 => Value::Int32(text.parse().unwrap()),
        Kind::Int64 => Value::Int64(text.parse().unwrap()),
        Kind::Float32 => Value::Float32(plain().parse().unwrap()),
        Kind::Float64 => Value::Float64(plain().parse().unwrap()),
        Kind::Text => Value::text(plain()),
        Kind::Bytes => Value::Bytes(STANDARD.decode(plain()).unwrap().into()),
        Kind::Array(element) => {
            let elements: Vec<&RawValue> = serde_json::from_str(text).unwrap();
            Value::Array(elements.into_iter().map(|value| read_value(element, value)).collect())
        }
        Kind::Map(key, value) => {
            assert_eq!(key.kind, Kind::Text, "maps with other keys are not in the recordings");
            let entries: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text).unwrap();
            let entry = |(name, entry): (String, serde_json::Value)| {
                let entry = serde_json::value::to_raw_value(&entry).unwrap();
                (Value::text(name), read_value(value, &entry))
            };
            Value::Map(entries.into_iter().map(entry).collect())
        }
        Kind::Struct(fields) => {
            let values: HashMap<String, &RawValue> = serde_json::from_str(text).unwrap();
            Value::Struct(fields.iter().map(|field| read_value(&field.schema, values[&*field.name])).collect())
        }
    }
}
