//! Defaults as JSON: `AvroData.defaultValueFromConnect`.

use std::fmt::Write;

use serde_json::{Map, Number, Value as Json};

use super::options::is_union;
use super::{AvroData, Fault};
use crate::data::{Kind, Schema, Value};

/// A default as JSON.
pub(super) struct Default {
    pub(super) json: Json,
    /// Whether it can be the default of a field. If not, the field has none, as with Confluent: Avro's readers would refuse
    /// the whole schema.
    pub(super) is_valid: bool,
}

/// How a FLOAT32 is told: Java tells the same number with more digits once it is a double.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Floats {
    /// `0.1`, as in `connect.default`
    Short,
    /// `0.10000000149011612`, as in the default of a field
    Widened,
}

/// The JSON of a value of that schema.
pub(super) fn json_of(data: &AvroData, schema: &Schema, value: &Value, floats: Floats) -> Result<Default, Fault> {
    let nested = |schema: &Schema, value: &Value| json_of(data, schema, value, floats);
    let mut is_valid = true;
    let mut part = |schema: &Schema, value: &Value| -> Result<Json, Fault> {
        let default = nested(schema, value)?;
        is_valid &= default.is_valid;
        Ok(default.json)
    };
    let json = match (&schema.kind, value) {
        (_, Value::Null) => return Ok(Default { json: Json::Null, is_valid: schema.optional }),
        (Kind::Bool, Value::Bool(flag)) => Json::Bool(*flag),
        (Kind::Int8, Value::Int8(number)) => Json::from(*number),
        (Kind::Int16, Value::Int16(number)) => Json::from(*number),
        (Kind::Int32, Value::Int32(number)) => Json::from(*number),
        (Kind::Int64, Value::Int64(number)) => Json::from(*number),
        (Kind::Float32, Value::Float32(number)) => return Ok(float(single(*number, floats))),
        (Kind::Float64, Value::Float64(number)) => return Ok(float(*number)),
        (Kind::Text, Value::Text(text)) => Json::from(text.as_str()),
        (Kind::Bytes, Value::Bytes(bytes)) => Json::String(bytes.iter().map(|byte| char::from(*byte)).collect()),
        (Kind::Array(element), Value::Array(elements)) => {
            elements.iter().map(|value| part(element, value)).collect::<Result<_, Fault>>()?
        }
        (Kind::Map(key, values), Value::Map(entries)) if data.has_text_keys(key) => {
            let mut object = Map::new();
            for (key, value) in entries {
                let key = key.as_str().ok_or_else(|| Fault::new("the default has a key that is no text".to_owned()))?;
                object.insert(key.to_owned(), part(values, value)?);
            }
            Json::Object(object)
        }
        (Kind::Map(key, values), Value::Map(entries)) => {
            let pair = |entry: &(Value, Value)| Ok(Json::Array(vec![part(key, &entry.0)?, part(values, &entry.1)?]));
            let pairs: Json = entries.iter().map(pair).collect::<Result<_, Fault>>()?;
            // Pairs are no records: Avro takes them for no default of the entries' array.
            return Ok(Default { json: pairs, is_valid: entries.is_empty() });
        }
        (Kind::Struct(fields), Value::Struct(values)) => {
            let mut object = Map::new();
            for (field, value) in fields.iter().zip(values) {
                let value = if value.is_null() { field.schema.default.as_ref().unwrap_or(value) } else { value };
                let json = part(&field.schema, value).map_err(|fault| fault.within(&*field.name))?;
                if is_union(schema) {
                    return Ok(Default { is_valid: !json.is_null(), json });
                }
                object.insert(data.name_of(&field.name).into_owned(), json);
            }
            Json::Object(object)
        }
        _ => return Err(Fault::new("the default is not of the schema's type".to_owned())),
    };
    Ok(Default { json, is_valid })
}

/// A number that JSON does not have is text, which Avro takes for no default.
fn float(number: f64) -> Default {
    match Number::from_f64(number) {
        Some(number) => Default { json: Json::Number(number), is_valid: true },
        None if number.is_nan() => Default { json: Json::from("NaN"), is_valid: false },
        None => Default { json: Json::from(if number > 0.0 { "Infinity" } else { "-Infinity" }), is_valid: false },
    }
}

fn single(number: f32, floats: Floats) -> f64 {
    let widened = f64::from(number);
    if floats == Floats::Widened || !number.is_finite() {
        return widened;
    }
    let mut text = String::new();
    _ = write!(text, "{number}");
    text.parse().unwrap_or(widened)
}
