//! Connect's two simplest converters: `StringConverter`, Java's `toString`, and `ByteArrayConverter`, bytes as they are.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::{ConvertError, number};
use crate::data::{Datum, Kind, Schema, Value};

/// Java's `toString` of the value; null stays null. Bytes within a struct, whose `toString` would be an address, are base64.
pub(super) fn text(datum: &Datum) -> Option<Bytes> {
    match &datum.value {
        Value::Null => None,
        Value::Text(text) => Some(text.clone().into_bytes()),
        value => Some(displayed(&datum.schema, value).into()),
    }
}

/// The bytes of a value of that type; null stays null.
pub(super) fn bytes(topic: &str, datum: &Datum) -> Result<Option<Bytes>, ConvertError> {
    match &datum.value {
        Value::Null => Ok(None),
        Value::Bytes(bytes) => Ok(Some(bytes.clone())),
        _ => Err(ConvertError::Mismatch {
            topic: topic.to_owned(),
            field: "(whole)".to_owned(),
            reason: "ByteArrayConverter takes bytes only; use another converter, or a transform that makes bytes"
                .to_owned(),
        }),
    }
}

fn displayed(schema: &Schema, value: &Value) -> String {
    let written = |write: &dyn Fn(&mut Vec<u8>)| {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    };
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Int8(number) => number.to_string(),
        Value::Int16(number) => number.to_string(),
        Value::Int32(number) => number.to_string(),
        Value::Int64(number) => number.to_string(),
        Value::Float32(float) => written(&|out| number::write_float(out, *float)),
        Value::Float64(float) => written(&|out| number::write_float(out, *float)),
        Value::Text(text) => text.to_string(),
        Value::Bytes(bytes) => match number::decimal_scale(schema) {
            Some(scale) => written(&|out| number::write_decimal(out, bytes, scale)),
            None => STANDARD.encode(bytes),
        },
        Value::Array(elements) => {
            let element_schema = if let Kind::Array(element) = &schema.kind { element } else { schema };
            let elements: Vec<String> = elements.iter().map(|element| displayed(element_schema, element)).collect();
            format!("[{}]", elements.join(", "))
        }
        Value::Map(entries) => {
            let (keys, values) =
                if let Kind::Map(key, value) = &schema.kind { (&**key, &**value) } else { (schema, schema) };
            let entry = |(key, value)| format!("{}={}", displayed(keys, key), displayed(values, value));
            format!("{{{}}}", entries.iter().map(|(key, value)| entry((key, value))).collect::<Vec<_>>().join(", "))
        }
        Value::Struct(values) => {
            let fields = schema.fields().iter().zip(values).filter(|(_, value)| !value.is_null());
            let fields = fields.map(|(field, value)| format!("{}={}", field.name, displayed(&field.schema, value)));
            format!("Struct{{{}}}", fields.collect::<Vec<_>>().join(","))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Field;

    #[test]
    fn a_struct_is_shown_as_java_shows_it() {
        let schema = Schema::structure(
            "key",
            vec![
                Field::new("id", Schema::of(Kind::Int32)),
                Field::new("none", Schema::of(Kind::Text).optional()),
                Field::new("name", Schema::of(Kind::Text)),
                Field::new("tags", Schema::of(Kind::Array(Schema::of(Kind::Text).into()))),
            ],
        );
        let tags = Value::Array([Value::text("a"), Value::text("b")].into());
        let value = Value::Struct([Value::Int32(7), Value::Null, Value::text("x"), tags].into());
        let shown = text(&Datum { schema: schema.into(), value }).unwrap();
        assert_eq!(shown, "Struct{id=7,name=x,tags=[a, b]}");
    }

    #[test]
    fn bytes_pass_and_nothing_else_does() {
        let schema: std::sync::Arc<Schema> = Schema::of(Kind::Bytes).optional().into();
        let datum = |value| Datum { schema: std::sync::Arc::clone(&schema), value };
        assert_eq!(bytes("t", &datum(Value::Bytes("x".into()))).unwrap().unwrap(), "x");
        assert_eq!(bytes("t", &datum(Value::Null)).unwrap(), None);
        assert!(bytes("t", &datum(Value::Int32(1))).is_err());
    }
}
