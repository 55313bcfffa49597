//! The way back: what Connect's `JsonConverter` wrote with schemas (`schemas.enable=true`, decimals as base64) becomes a
//! datum again, equal to the one that was written.
//!
//! Values are read by their schema, from the text: a number's digits are never rounded twice.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::data::{Datum, Field, Kind, Row, Schema, Value};

/// How many schemas are kept; when there are more, all are forgotten.
const SCHEMAS_MAX: usize = 1000;

/// How deep schemas and values may lie within each other.
const DEPTH_MAX: usize = 64;

/// Reads Connect's JSON with schemas. Equal schemas become the same one, so that what is made once per schema stays so.
#[derive(Debug, Default)]
pub struct JsonReader {
    schemas: HashMap<Box<str>, Arc<Schema>>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    schema: &'a RawValue,
    #[serde(borrow)]
    payload: &'a RawValue,
}

/// A schema as it is written (`org.apache.kafka.connect.json.JsonSchema`).
#[derive(Deserialize)]
struct Written<'a> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    optional: bool,
    name: Option<String>,
    version: Option<i32>,
    doc: Option<String>,
    #[serde(borrow, default)]
    parameters: Option<Members<'a>>,
    #[serde(borrow, default)]
    default: Option<&'a RawValue>,
    field: Option<String>,
    #[serde(borrow, default)]
    items: Option<&'a RawValue>,
    #[serde(borrow, default)]
    keys: Option<&'a RawValue>,
    #[serde(borrow, default)]
    values: Option<&'a RawValue>,
    #[serde(borrow, default)]
    fields: Option<Vec<&'a RawValue>>,
}

/// An object's members, in order.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

type Read<T> = Result<T, serde_json::Error>;

impl JsonReader {
    /// The datum of these bytes.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn read(&mut self, bytes: &[u8]) -> Result<Datum, String> {
        self.datum(bytes).map_err(|error| format!("is not JSON with a schema: {error}"))
    }

    fn datum(&mut self, bytes: &[u8]) -> Read<Datum> {
        let Envelope { schema, payload } = serde_json::from_slice(bytes)?;
        let known = self.schemas.get(schema.get()).map(Arc::clone);
        let schema = match known {
            Some(known) => known,
            None => self.remember(schema)?,
        };
        let value = value(&schema, payload, 0)?;
        Ok(Datum { schema, value })
    }

    fn remember(&mut self, text: &RawValue) -> Read<Arc<Schema>> {
        let schema = Arc::new(schema(text, 0)?.1);
        if self.schemas.len() >= SCHEMAS_MAX {
            self.schemas.clear();
        }
        self.schemas.insert(text.get().into(), Arc::clone(&schema));
        Ok(schema)
    }
}

fn wrong<T>(what: impl std::fmt::Display) -> Read<T> {
    Err(serde_json::Error::custom(what))
}

/// A schema, and the field's name if it is a field's.
fn schema(text: &RawValue, depth: usize) -> Read<(Option<String>, Schema)> {
    if depth > DEPTH_MAX {
        return wrong("schemas lie too deep within each other");
    }
    let written: Written<'_> = serde_json::from_str(text.get())?;
    let inner = |text: Option<&RawValue>, what: &str| match text {
        Some(text) => Ok(Arc::new(schema(text, depth + 1)?.1)),
        None => wrong(format_args!("the schema of a {} lacks its {what}", written.kind)),
    };
    let kind = match written.kind.as_str() {
        "boolean" => Kind::Bool,
        "int8" => Kind::Int8,
        "int16" => Kind::Int16,
        "int32" => Kind::Int32,
        "int64" => Kind::Int64,
        "float" => Kind::Float32,
        "double" => Kind::Float64,
        "string" => Kind::Text,
        "bytes" => Kind::Bytes,
        "array" => Kind::Array(inner(written.items, "items")?),
        "map" => Kind::Map(inner(written.keys, "keys")?, inner(written.values, "values")?),
        "struct" => Kind::Struct(fields(written.fields.as_deref().unwrap_or_default(), depth)?),
        other => return wrong(format_args!("there is no type {other:?}")),
    };
    let mut schema = Schema::of(kind);
    if let Some(default) = written.default {
        schema.default = Some(value(&schema, default, depth)?);
    }
    schema.optional = written.optional;
    schema.name = written.name.map(Into::into);
    schema.version = written.version;
    schema.doc = written.doc.map(Into::into);
    for (name, text) in written.parameters.map(|members| members.0).unwrap_or_default() {
        let text: String = serde_json::from_str(text.get())?;
        schema.parameters.push((name.into(), text.into()));
    }
    Ok((written.field, schema))
}

fn fields(texts: &[&RawValue], depth: usize) -> Read<Vec<Field>> {
    let mut fields = Vec::with_capacity(texts.len());
    for text in texts {
        match schema(text, depth + 1)? {
            (Some(name), schema) => fields.push(Field::new(name, schema)),
            (None, _) => return wrong("a field of a struct lacks its name"),
        }
    }
    Ok(fields)
}

/// A value of that schema. Null is read where it is written: its schema is the writer's concern.
fn value(schema: &Schema, text: &RawValue, depth: usize) -> Read<Value> {
    let text = text.get();
    if text == "null" {
        return Ok(Value::Null);
    }
    if depth > DEPTH_MAX {
        return wrong("values lie too deep within each other");
    }
    Ok(match &schema.kind {
        Kind::Bool => Value::Bool(serde_json::from_str(text)?),
        Kind::Int8 => Value::Int8(serde_json::from_str(text)?),
        Kind::Int16 => Value::Int16(serde_json::from_str(text)?),
        Kind::Int32 => Value::Int32(serde_json::from_str(text)?),
        Kind::Int64 => Value::Int64(serde_json::from_str(text)?),
        Kind::Float32 => Value::Float32(number(text)?),
        Kind::Float64 => Value::Float64(number(text)?),
        Kind::Text => Value::text(serde_json::from_str::<String>(text)?),
        Kind::Bytes => {
            let base64: String = serde_json::from_str(text)?;
            let bytes = STANDARD.decode(base64).map_err(|_| serde_json::Error::custom("bytes are not base64"))?;
            Value::Bytes(Bytes::from(bytes))
        }
        Kind::Array(element) => {
            let texts: Vec<&RawValue> = serde_json::from_str(text)?;
            Value::Array(texts.into_iter().map(|text| value(element, text, depth + 1)).collect::<Read<_>>()?)
        }
        Kind::Map(keys, values) => Value::Map(entries(keys, values, text, depth + 1)?),
        Kind::Struct(fields) => Value::Struct(row(fields, text, depth + 1)?),
    })
}

/// A floating-point number; what JSON has no number for stands in quotes, by Java's name.
fn number<F: std::str::FromStr>(text: &str) -> Read<F> {
    text.trim_matches('"').parse().or_else(|_| wrong("a floating-point number is none"))
}

fn entries(keys: &Schema, values: &Schema, text: &str, depth: usize) -> Read<Box<[(Value, Value)]>> {
    if matches!(keys.kind, Kind::Text) {
        let members: Members<'_> = serde_json::from_str(text)?;
        let entry = |(key, text): (String, &RawValue)| Ok((Value::text(key), value(values, text, depth)?));
        return members.0.into_iter().map(entry).collect();
    }
    let pairs: Vec<(&RawValue, &RawValue)> = serde_json::from_str(text)?;
    pairs.into_iter().map(|(key, text)| Ok((value(keys, key, depth)?, value(values, text, depth)?))).collect()
}

/// The fields in the schema's order, which is mostly that of the text. One that is missing is null.
fn row(fields: &[Field], text: &str, depth: usize) -> Read<Row> {
    let members: Members<'_> = serde_json::from_str(text)?;
    let find = |place: usize, name: &str| {
        let here = members.0.get(place).filter(|(member, _)| member == name);
        here.or_else(|| members.0.iter().find(|(member, _)| member == name)).map(|(_, text)| *text)
    };
    let field = |(place, field): (usize, &Field)| match find(place, &field.name) {
        Some(text) => value(&field.schema, text, depth),
        None => Ok(Value::Null),
    };
    fields.iter().enumerate().map(field).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Json;
    use super::*;
    use crate::data::semantic;

    fn writer() -> Json {
        let options = [("replace.null.with.default".to_owned(), "false".to_owned())];
        Json::build(&options.into()).unwrap()
    }

    fn leaf() -> BoxedStrategy<(Schema, Value)> {
        let of = |kind: Kind, value: Value| (Schema::of(kind), value);
        prop_oneof![
            any::<bool>().prop_map(move |v| of(Kind::Bool, v.into())),
            any::<i8>().prop_map(move |v| of(Kind::Int8, v.into())),
            any::<i16>().prop_map(move |v| of(Kind::Int16, v.into())),
            any::<i32>().prop_map(move |v| of(Kind::Int32, v.into())),
            any::<i64>().prop_map(move |v| of(Kind::Int64, v.into())),
            any::<f32>().prop_map(move |v| of(Kind::Float32, v.into())),
            any::<f64>().prop_map(move |v| of(Kind::Float64, v.into())),
            any::<String>().prop_map(move |v| of(Kind::Text, Value::text(v))),
            any::<Vec<u8>>().prop_map(|v| (semantic::decimal(2, Some(9)), Value::Bytes(v.into()))),
        ]
        .boxed()
    }

    fn decorated(inner: BoxedStrategy<(Schema, Value)>) -> BoxedStrategy<(Schema, Value)> {
        (inner, any::<bool>(), any::<bool>(), proptest::option::of("[a-z.]{1,9}"))
            .prop_map(|((mut schema, value), null, default, doc)| {
                schema.doc = doc.map(Into::into);
                if default && !matches!(schema.kind, Kind::Struct(_)) {
                    schema.default = Some(value.clone());
                }
                if null { (schema.optional(), Value::Null) } else { (schema, value) }
            })
            .boxed()
    }

    fn any_datum() -> BoxedStrategy<(Schema, Value)> {
        decorated(leaf())
            .prop_recursive(3, 24, 5, |inner| {
                let structure = proptest::collection::vec(inner.clone(), 0..5).prop_map(|fields| {
                    let (schemas, values): (Vec<Schema>, Vec<Value>) = fields.into_iter().unzip();
                    let named = schemas.into_iter().enumerate();
                    let fields = named.map(|(place, schema)| Field::new(format!("f\"{place}"), schema)).collect();
                    (Schema::structure("s", fields).version(3), Value::Struct(values.into()))
                });
                let array = (inner.clone(), 0..4_usize).prop_map(|((schema, value), count)| {
                    (Schema::of(Kind::Array(schema.into())), Value::Array(vec![value; count].into()))
                });
                let map = (leaf(), inner).prop_map(|((key, key_value), (schema, value))| {
                    let kind = Kind::Map(key.into(), schema.into());
                    (Schema::of(kind), Value::Map([(key_value, value)].into()))
                });
                decorated(prop_oneof![structure, array, map].boxed())
            })
            .boxed()
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_back((schema, value) in any_datum()) {
            let datum = Datum { schema: schema.into(), value };
            let bytes = writer().encode("t", &datum).unwrap();
            let read = JsonReader::default().read(&bytes).unwrap();
            // NaN is not equal to itself.
            prop_assert_eq!(format!("{:?}", read), format!("{:?}", datum));
        }

        #[test]
        fn nothing_panics(text in ".{0,60}", bytes in any::<Vec<u8>>()) {
            let mut reader = JsonReader::default();
            let _ = (reader.read(&bytes), reader.read(text.as_bytes()));
            let _ = reader.read(format!(r#"{{"schema":{{"type":"struct","fields":[]}},"payload":{text}}}"#).as_bytes());
        }
    }

    #[test]
    fn equal_schemas_are_one_and_faults_are_told() {
        let mut reader = JsonReader::default();
        let text = br#"{"schema":{"type":"int8","optional":false},"payload":7}"#;
        let (first, second) = (reader.read(text).unwrap(), reader.read(text).unwrap());
        assert!(Arc::ptr_eq(&first.schema, &second.schema) && first.value == Value::Int8(7));
        for (text, expected) in [
            (r#"{"id":1}"#, "missing field `schema`"),
            (r#"{"schema":{"type":"uuid"},"payload":1}"#, "no type \"uuid\""),
            (r#"{"schema":{"type":"int8"},"payload":300}"#, "i8"),
            (r#"{"schema":{"type":"array"},"payload":[]}"#, "lacks its items"),
            (r#"{"schema":{"type":"bytes"},"payload":"*"}"#, "base64"),
        ] {
            let error = reader.read(text.as_bytes()).unwrap_err();
            assert!(error.contains(expected), "{expected} is not in {error}");
        }
    }
}
