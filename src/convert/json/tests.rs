use std::sync::Arc;

use super::*;
use crate::data::{Field, Kind, Schema, Value, semantic};

fn json(options: &[(&str, &str)]) -> Json {
    let options = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Json::build(&options).unwrap()
}

fn written(json: &mut Json, schema: impl Into<Arc<Schema>>, value: Value) -> String {
    String::from_utf8(json.encode("t", &Datum { schema: schema.into(), value }).unwrap().to_vec()).unwrap()
}

fn bare() -> Json {
    json(&[("schemas.enable", "false")])
}

#[test]
fn a_schema_is_written_beside_its_payload() {
    let schema = Schema::structure(
        "t.Value",
        vec![
            Field::new("id", Schema::of(Kind::Int32).default(0)),
            Field::new("amount", semantic::decimal(2, Some(8)).optional()),
            Field::new("tags", Schema::of(Kind::Array(Schema::of(Kind::Text).optional().into()))),
        ],
    );
    let tags = Value::Array([Value::text("é😀\n\u{1f}\""), Value::Null].into());
    let value = Value::Struct([Value::Int32(3), Value::Bytes(Bytes::from_static(&[1, 0x5e])), tags].into());
    assert_eq!(
        written(&mut json(&[]), schema, value),
        concat!(
            r#"{"schema":{"type":"struct","fields":[{"type":"int32","optional":false,"default":0,"field":"id"},"#,
            r#"{"type":"bytes","optional":true,"name":"org.apache.kafka.connect.data.Decimal","version":1,"#,
            r#""parameters":{"scale":"2","connect.decimal.precision":"8"},"field":"amount"},"#,
            r#"{"type":"array","items":{"type":"string","optional":true},"optional":false,"field":"tags"}],"#,
            r#""optional":false,"name":"t.Value"},"payload":{"id":3,"amount":"AV4=","tags":["é\uD83D\uDE00\n\u001F\"",null]}}"#
        )
    );
}

#[test]
fn null_is_the_default_unless_the_user_wants_the_null() {
    let schema: Arc<Schema> = Schema::of(Kind::Text).optional().default(Value::text("x")).into();
    assert_eq!(written(&mut bare(), Arc::clone(&schema), Value::Null), "\"x\"");
    let mut keeps = json(&[("schemas.enable", "false"), ("replace.null.with.default", "false")]);
    assert_eq!(written(&mut keeps, schema, Value::Null), "null");
}

#[test]
fn numbers_maps_and_bytes_look_like_jacksons() {
    let of = Schema::of;
    let number = |value| written(&mut bare(), of(Kind::Float64), Value::Float64(value));
    assert_eq!(number(1e10), "1.0E10");
    assert_eq!(number(f64::NAN), "\"NaN\"");
    assert_eq!(number(f64::NEG_INFINITY), "\"-Infinity\"");
    assert_eq!(written(&mut bare(), of(Kind::Bytes), Value::Bytes(Bytes::from_static(b"m"))), "\"bQ==\"");
    assert_eq!(written(&mut bare(), of(Kind::Struct(Vec::new())), Value::Struct(Box::default())), "{}");
    let (text, int) = (Arc::new(of(Kind::Text)), Arc::new(of(Kind::Int8)));
    let entries = Value::Map([(Value::text("a"), Value::Int8(-1)), (Value::text("b"), Value::Int8(2))].into());
    assert_eq!(written(&mut bare(), of(Kind::Map(text, Arc::clone(&int))), entries), r#"{"a":-1,"b":2}"#);
    let entries = Value::Map([(Value::Int8(1), Value::Int8(2))].into());
    assert_eq!(written(&mut bare(), of(Kind::Map(Arc::clone(&int), int)), entries), "[[1,2]]");
    let mut numeric = json(&[("schemas.enable", "false"), ("decimal.format", "numeric")]);
    assert_eq!(written(&mut numeric, semantic::decimal(2, None), Value::Bytes(Bytes::from_static(&[0x83]))), "-1.25");
}

#[test]
fn a_value_that_does_not_fit_is_named_by_its_path() {
    let row =
        Schema::structure("r", vec![Field::new("amount", Schema::of(Kind::Array(Schema::of(Kind::Int64).into())))]);
    let schema: Arc<Schema> = Schema::structure("e", vec![Field::new("after", row)]).into();
    let fault = |value: Value| {
        let datum = Datum { schema: Arc::clone(&schema), value };
        bare().encode("shop.orders", &datum).unwrap_err().to_string()
    };
    let amount = Value::Array([Value::Int64(1), Value::text("secret")].into());
    assert_eq!(
        fault(Value::Struct([Value::Struct([amount].into())].into())),
        "topic shop.orders: field after.amount.[1]: the schema says INT64, the value is STRING"
    );
    assert_eq!(
        fault(Value::Struct([Value::Struct([Value::Null].into())].into())),
        "topic shop.orders: field after.amount: null, but the field is required and has no default"
    );
    assert!(fault(Value::Struct(Box::default())).contains("the schema has 1 fields, the value 0"));
    assert!(fault(Value::Int32(1)).contains("field (whole): the schema says STRUCT"));
}

#[test]
fn wrong_options_are_all_named() {
    let options = [("schemas.enable", "maybe"), ("decimal.format", "HEX"), ("schemas.cache.size", "many")];
    let options = options.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let problems = Json::build(&options).unwrap_err();
    assert_eq!(problems.0.len(), 3, "{problems}");
}
