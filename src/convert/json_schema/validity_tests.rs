use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value as Json;

use super::tests::read;
use super::*;
use crate::data::{Field, Kind, Value, semantic};

/// A schema and a value of it. Numbers are finite: JSON has no other.
fn datum() -> impl Strategy<Value = (Schema, Value)> {
    let simple = prop_oneof![
        any::<bool>().prop_map(|flag| (Schema::of(Kind::Bool), flag.into())),
        any::<i8>().prop_map(|number| (Schema::of(Kind::Int8), number.into())),
        any::<i16>().prop_map(|number| (Schema::of(Kind::Int16), number.into())),
        any::<i32>().prop_map(|number| (semantic::of(Kind::Int32, semantic::DATE), number.into())),
        any::<i64>().prop_map(|number| (Schema::of(Kind::Int64), number.into())),
        proptest::num::f32::NORMAL.prop_map(|number| (Schema::of(Kind::Float32), number.into())),
        proptest::num::f64::NORMAL.prop_map(|number| (Schema::of(Kind::Float64), number.into())),
        any::<String>().prop_map(|text| (Schema::of(Kind::Text), Value::text(text))),
        vec(any::<u8>(), 0..20).prop_map(|bytes| (Schema::of(Kind::Bytes), Bytes::from(bytes).into())),
        (vec(any::<u8>(), 1..20), -3..9)
            .prop_map(|(bytes, scale)| (semantic::decimal(scale, None), { Bytes::from(bytes).into() })),
    ];
    let leaf = annotated(simple);
    leaf.prop_recursive(4, 24, 4, |inner| {
        annotated(prop_oneof![
            (inner.clone(), 0..3_usize).prop_map(|((schema, value), count)| {
                (Schema::of(Kind::Array(schema.into())), Value::Array(vec![value; count].into()))
            }),
            (inner.clone(), inner.clone()).prop_map(|((key_schema, key), (schema, value))| {
                // A null is no name of a member.
                let key_schema = Schema { optional: key_schema.optional || key.is_null(), ..key_schema };
                (Schema::of(Kind::Map(key_schema.into(), schema.into())), Value::Map([(key, value)].into()))
            }),
            vec(inner, 0..5).prop_map(|fields| {
                let (schemas, values): (Vec<Schema>, Vec<Value>) = fields.into_iter().unzip();
                let named =
                    schemas.into_iter().enumerate().map(|(place, schema)| Field::new(format!("f{place}"), schema));
                (Schema::structure("t", named.collect()), Value::Struct(values.into()))
            }),
        ])
    })
}

/// The same, now and then optional, with a default, or null.
fn annotated(inner: impl Strategy<Value = (Schema, Value)> + 'static) -> BoxedStrategy<(Schema, Value)> {
    let annotated = (inner, any::<[bool; 3]>()).prop_map(|((schema, value), [optional, has_default, is_null])| {
        let default = has_default.then(|| value.clone());
        let value = if is_null && (optional || has_default) { Value::Null } else { value };
        (Schema { optional, default, ..schema }, value)
    });
    annotated.boxed()
}

/// Whether a document is valid, by the keywords that are written here.
fn is_valid(schema: &Json, document: &Json) -> bool {
    if let Some(choices) = schema.get("oneOf") {
        let choices = choices.as_array().unwrap();
        return choices.iter().filter(|choice| is_valid(choice, document)).count() == 1;
    }
    match schema["type"].as_str().unwrap() {
        "null" => document.is_null(),
        "boolean" => document.is_boolean(),
        "integer" => document.is_i64(),
        "number" => document.is_number(),
        "string" => document.is_string(),
        "array" => document.as_array().is_some_and(|items| items.iter().all(|item| is_valid(&schema["items"], item))),
        "object" => document.as_object().is_some_and(|members| {
            members.iter().all(|(name, member)| {
                match (schema["properties"].get(name), &schema["additionalProperties"]) {
                    (Some(property), _) => is_valid(property, member),
                    (None, Json::Bool(allowed)) => *allowed,
                    (None, others) => is_valid(others, member),
                }
            })
        }),
        other => panic!("no type: {other}"),
    }
}

fn check(options: &[(&str, &str)], schema: &Schema, value: &Value) -> Result<(), TestCaseError> {
    let data = read(options).unwrap();
    let schema_text = data.schema_of(schema).unwrap().text;
    let mut payload = Vec::new();
    data.plan(schema).unwrap().write(&mut payload, value).unwrap();
    let document = serde_json::from_slice(&payload).unwrap();
    prop_assert!(
        is_valid(&serde_json::from_str(&schema_text).unwrap(), &document),
        "{schema_text}\n{}",
        String::from_utf8_lossy(&payload)
    );
    Ok(())
}

proptest! {
    #[test]
    fn a_payload_is_valid_by_its_schema((schema, value) in datum()) {
        let closed = ("object.additional.properties", "false");
        check(&[closed], &schema, &value)?;
        check(&[closed, ("decimal.format", "numeric")], &schema, &value)?;
    }
}

#[test]
fn the_check_refuses_what_is_not_valid() {
    let schema: Json = serde_json::from_str(include_str!("golden_schema.json")).unwrap();
    for (document, valid) in [
        (r#"{"after":null,"ts_ms":1}"#, true),
        (r#"{"after":{"id":1,"tags":["a",null],"attributes":{"a":"b"},"pairs":[{"key":1,"value":null}]}}"#, true),
        (r#"{"ts_ms":null}"#, false),
        (r#"{"ts_ms":"1"}"#, false),
        (r#"{"unknown":1}"#, false),
        (r#"{"after":{"attributes":{"a":1}}}"#, false),
        (r#"{"after":{"pairs":[[1,null]]}}"#, false),
    ] {
        assert_eq!(is_valid(&schema, &serde_json::from_str(document).unwrap()), valid, "{document}");
    }
}
