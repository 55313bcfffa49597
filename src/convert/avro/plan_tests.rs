use bytes::Bytes;
use serde_json::{Value as Json, json};

use super::schema_tests::data;
use super::{AvroData, Plan};
use crate::data::{Field, Kind, Schema, Value, semantic};

fn of(kind: Kind) -> Schema {
    Schema::of(kind)
}

fn structure(fields: &[(&str, Schema)]) -> Schema {
    Schema::structure("a.r", fields.iter().map(|(name, schema)| Field::new(*name, schema.clone())).collect())
}

/// A record of the writer's.
fn record(fields: &[(&str, Json)]) -> Json {
    let field = |(name, kind): &(&str, Json)| json!({"name": name, "type": kind});
    json!({"type": "record", "name": "r", "namespace": "a", "fields": fields.iter().map(field).collect::<Vec<_>>()})
}

fn row<const N: usize>(values: [Value; N]) -> Value {
    Value::Struct(values.into())
}

fn written_by(data: &AvroData, schema: &Schema, writer: &Json, value: &Value) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let plan = Plan::compile(schema, writer, data);
    let done = plan.and_then(|plan| plan.write(&mut out, value));
    done.map(|()| out).map_err(|fault| fault.of_topic("t").to_string())
}

fn written(schema: &Schema, writer: &Json, value: &Value) -> Vec<u8> {
    written_by(&data(&[]), schema, writer, value).unwrap()
}

fn refused(schema: &Schema, writer: &Json, value: &Value) -> String {
    let fault = written_by(&data(&[]), schema, writer, value).unwrap_err();
    fault.strip_prefix("topic t: ").unwrap().to_owned()
}

/// Under the schema that is derived.
fn derived(options: &[(&str, &str)], schema: &Schema, value: &Value) -> Result<Vec<u8>, String> {
    let data = data(options);
    let writer = serde_json::from_str(&data.schema_of(schema).unwrap().text).unwrap();
    written_by(&data, schema, &writer, value)
}

#[test]
fn bytes_are_those_of_the_specification() {
    let long = |number: i64| written(&of(Kind::Int64), &json!("long"), &Value::Int64(number));
    let cases: [(i64, &[u8]); 8] = [
        (0, &[0]),
        (-1, &[1]),
        (1, &[2]),
        (-64, &[0x7f]),
        (64, &[0x80, 0x01]),
        (8192, &[0x80, 0x80, 0x01]),
        (i64::MAX, &[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
        (i64::MIN, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
    ];
    for (number, bytes) in cases {
        assert_eq!(long(number), bytes, "{number}");
    }
    assert_eq!(written(&of(Kind::Text), &json!("string"), &Value::text("foo")), b"\x06foo");
    assert_eq!(written(&of(Kind::Bool), &json!("boolean"), &Value::Bool(true)), [1]);
    assert_eq!(written(&of(Kind::Float32), &json!("float"), &Value::Float32(1.0)), 1_f32.to_le_bytes());
    assert_eq!(written(&of(Kind::Float64), &json!("double"), &Value::Float64(1.0)), 1_f64.to_le_bytes());
    let longs = of(Kind::Array(of(Kind::Int64).into()));
    let writer = json!({"type": "array", "items": "long"});
    let elements = Value::Array([Value::Int64(3), Value::Int64(27)].into());
    assert_eq!(written(&longs, &writer, &elements), [4, 6, 0x36, 0]);
    assert_eq!(written(&longs, &writer, &Value::Array(Box::default())), [0]);
    let map = of(Kind::Map(of(Kind::Text).into(), of(Kind::Int64).into()));
    let entries = Value::Map([(Value::text("a"), Value::Int64(1))].into());
    assert_eq!(written(&map, &json!({"type": "map", "values": "long"}), &entries), [2, 2, b'a', 2, 0]);
    let record = record(&[("a", json!("long")), ("b", json!("string"))]);
    let schema = structure(&[("a", of(Kind::Int64)), ("b", of(Kind::Text))]);
    assert_eq!(written(&schema, &record, &row([Value::Int64(27), Value::text("foo")])), b"\x36\x06foo");
}

#[test]
fn null_is_a_branch_or_the_default_of_the_field() {
    let derived = |options: &[(&str, &str)], schema: Schema, value: Value| {
        derived(options, &structure(&[("f", schema)]), &row([value]))
    };
    let text = || of(Kind::Text).optional();
    assert_eq!(derived(&[], text(), Value::Null), Ok(vec![0]));
    assert_eq!(derived(&[], text(), Value::text("x")), Ok(b"\x02\x02x".to_vec()));
    let with_default = || text().default(Value::text("d"));
    assert_eq!(derived(&[], with_default(), Value::Null), Ok(b"\0\x02d".to_vec()));
    let ignoring = [("ignore.default.for.nullables", "true")];
    assert_eq!(derived(&ignoring, with_default(), Value::Null), Ok(vec![2]));
    assert_eq!(derived(&ignoring, with_default(), Value::text("x")), Ok(b"\0\x02x".to_vec()));
    assert_eq!(derived(&ignoring, of(Kind::Int32).default(5), Value::Null), Ok(vec![10]));
    let required = "topic t: field f: null, but the field is required and has no default".to_owned();
    assert_eq!(derived(&[], of(Kind::Int32), Value::Null), Err(required));
    // Only a field has its default in place of null, as with Confluent.
    assert_eq!(super::plan_tests::derived(&[], &with_default(), &Value::Null), Ok(vec![2]));
}

#[test]
fn a_value_that_does_not_fit_is_named_by_its_path() {
    let schema = structure(&[("after", structure(&[("amount", of(Kind::Array(of(Kind::Int64).into())))]).named("b"))]);
    let fault = |value: Value| derived(&[], &schema, &value).unwrap_err();
    let amount = Value::Array([Value::Int64(1), Value::text("secret")].into());
    assert_eq!(
        fault(row([row([amount])])),
        "topic t: field after.amount.[1]: the schema says INT64, the value is STRING"
    );
    assert!(fault(row([])).contains("field (whole): the schema has 1 fields, the value 0"));
    assert!(fault(row([Value::Bool(true)])).contains("field after: the schema says STRUCT, the value is BOOLEAN"));
}

#[test]
fn fields_of_another_schema_are_matched_by_name() {
    let schema = structure(&[("a", of(Kind::Int32)), ("b", of(Kind::Text)), ("c", of(Kind::Bool))]);
    let value = row([Value::Int32(1), Value::text("x"), Value::Bool(true)]);
    let mut writer = record(&[("c", json!("boolean")), ("new", json!(["null", "int"])), ("a", json!("long"))]);
    writer["fields"][1]["default"] = Json::Null;
    assert_eq!(written(&schema, &writer, &value), [1, 0, 2]);
    let writer = record(&[("a", json!("int")), ("new", json!("int"))]);
    assert_eq!(
        refused(&schema, &writer, &value),
        "field new: the writer's schema has this field without a default, and the record lacks it"
    );
    let writer = record(&[("a", json!("string"))]);
    let said = refused(&schema, &writer, &value);
    assert_eq!(said, "field a: INT32 cannot be written as the string of the writer's schema");
}

#[test]
fn what_the_record_lacks_takes_the_default_of_the_writer() {
    let inner = record(&[("x", json!("int")), ("y", json!("string"))]);
    let cases = [
        (json!("boolean"), json!(true), vec![1]),
        (json!("int"), json!(-1), vec![1]),
        (json!("long"), json!(64), vec![0x80, 1]),
        (json!("float"), json!(1), 1_f32.to_le_bytes().to_vec()),
        (json!("double"), json!(0.5), 0.5_f64.to_le_bytes().to_vec()),
        (json!("bytes"), json!("\u{ff}"), vec![2, 0xff]),
        (json!("string"), json!("é"), vec![4, 0xc3, 0xa9]),
        (json!({"type": "fixed", "name": "F", "size": 2}), json!("ab"), b"ab".to_vec()),
        (json!({"type": "enum", "name": "E", "symbols": ["A", "B"]}), json!("B"), vec![2]),
        (json!({"type": "array", "items": "int"}), json!([1, 2]), vec![4, 2, 4, 0]),
        (json!({"type": "array", "items": "int"}), json!([]), vec![0]),
        (json!({"type": "map", "values": "int"}), json!({"k": 1}), vec![2, 2, b'k', 2, 0]),
        (json!(["null", "string"]), json!("x"), vec![2, 2, b'x']),
        (json!(["string", "null"]), Json::Null, vec![2]),
        (inner, json!({"y": "z", "x": 3}), vec![6, 2, b'z']),
    ];
    for (kind, default, bytes) in cases {
        let mut writer = json!({"type": "record", "name": "whole", "fields": [{"name": "f", "type": kind}]});
        writer["fields"][0]["default"] = default;
        assert_eq!(written(&structure(&[]), &writer, &row([])), bytes, "{writer}");
        writer["fields"][0]["default"] = json!({"no": "such"});
        if !kind["values"].is_string() {
            let fault = refused(&structure(&[]), &writer, &row([]));
            assert!(fault.starts_with("field f"), "{fault}");
        }
    }
    let endless = json!({"type": "record", "name": "L", "fields": [{"name": "next", "type": "L", "default": {}}]});
    let fault = refused(&structure(&[]), &endless, &row([]));
    assert!(fault.contains("the default has no end"), "{fault}");
}

#[test]
fn numbers_widen_and_text_and_bytes_change_places() {
    let int = |writer: Json| written(&of(Kind::Int32), &writer, &Value::Int32(3));
    assert_eq!((int(json!("long")), int(json!("float"))), (vec![6], 3_f32.to_le_bytes().to_vec()));
    assert_eq!(int(json!("double")), 3_f64.to_le_bytes());
    assert_eq!(written(&of(Kind::Int64), &json!("double"), &Value::Int64(3)), 3_f64.to_le_bytes());
    assert_eq!(written(&of(Kind::Float32), &json!("double"), &Value::Float32(0.5)), 0.5_f64.to_le_bytes());
    assert_eq!(written(&of(Kind::Text), &json!("bytes"), &Value::text("x")), b"\x02x");
    let bytes = |bytes: &'static [u8]| Value::Bytes(Bytes::from_static(bytes));
    assert_eq!(written(&of(Kind::Bytes), &json!("string"), &bytes(b"x")), b"\x02x");
    assert!(refused(&of(Kind::Bytes), &json!("string"), &bytes(&[0xff])).contains("the bytes are no text"));
    for (kind, writer) in [(Kind::Int64, "int"), (Kind::Float64, "float"), (Kind::Float32, "long"), (Kind::Bool, "int")]
    {
        let fault = refused(&of(kind), &json!(writer), &Value::Null);
        assert!(fault.contains(&format!("cannot be written as the {writer}")), "{fault}");
    }
}

#[test]
fn a_union_takes_the_branch_that_fits_best() {
    let place = |schema: Schema, branches: Json, value: Value| written(&schema, &branches, &value)[0] / 2;
    assert_eq!(place(of(Kind::Int32), json!(["double", "long", "null", "int"]), Value::Int32(1)), 3);
    assert_eq!(place(of(Kind::Int32), json!(["float", "null", "double"]), Value::Int32(1)), 2);
    assert_eq!(place(of(Kind::Text), json!(["bytes", "null", "string"]), Value::text("x")), 2);
    let optional = of(Kind::Text).optional();
    assert_eq!(written(&optional, &json!(["string", "null"]), &Value::Null), [2]);
    let fault = refused(&optional, &json!("string"), &Value::Null);
    assert_eq!(fault, "field (whole): null, which the writer's schema does not allow here");
    let fault = refused(&of(Kind::Bool), &json!(["null", "int"]), &Value::Bool(true));
    assert_eq!(fault, "field (whole): BOOLEAN fits no branch of the union in the writer's schema");
    let branch = |name: &str| json!({"type": "record", "name": name, "fields": [{"name": "x", "type": "int"}]});
    let schema = Schema::structure("n.Two", vec![Field::new("x", of(Kind::Int32))]);
    assert_eq!(
        place(schema.clone(), json!([branch("n.One"), branch("m.Two"), branch("n.Two")]), row([Value::Int32(1)])),
        2
    );
    assert_eq!(place(schema, json!([branch("n.One"), branch("m.Two")]), row([Value::Int32(1)])), 1);
}

#[test]
fn names_of_the_writer_are_followed() {
    let part = json!({"type": "record", "name": "Part", "namespace": "n", "fields": [{"name": "x", "type": "int"}]});
    let writer = record(&[("one", part), ("two", json!("n.Part")), ("three", json!(["null", "n.Part"]))]);
    let part = || Schema::structure("n.Part", vec![Field::new("x", of(Kind::Int32))]);
    let schema = structure(&[("one", part()), ("two", part()), ("three", part().optional())]);
    let value = row([row([Value::Int32(1)]), row([Value::Int32(2)]), row([Value::Int32(3)])]);
    assert_eq!(written(&schema, &writer, &value), [2, 4, 2, 6]);
    let fault = refused(&schema, &record(&[("one", json!("Missing"))]), &value);
    assert_eq!(fault, "field one: the writer's schema cannot be used: it refers to a.Missing, which it lacks");
    for broken in
        [json!(5), json!({}), json!({"type": "record"}), json!({"type": "array"}), json!([]), json!({"type": {}})]
    {
        let fault = refused(&schema, &broken, &value);
        assert!(fault.contains("writer's schema"), "{broken}: {fault}");
    }
}

#[test]
fn types_within_types_are_opened() {
    let mut json = json!("int");
    for _ in 0..100 {
        json = json!({"type": json});
    }
    assert_eq!(written(&of(Kind::Int32), &json, &Value::Int32(1)), [2]);
}

#[test]
fn numbers_of_another_unit_are_refused() {
    let decimal = |scale: u32| json!({"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": scale});
    let value = Value::Bytes(Bytes::from_static(&[1]));
    assert_eq!(written(&semantic::decimal(2, Some(9)), &decimal(2), &value), [2, 1]);
    let fault = refused(&semantic::decimal(2, Some(9)), &decimal(4), &value);
    assert_eq!(fault, "field (whole): the scale of the decimal is 2, in the writer's schema 4");
    let micros = |name: &str| json!({"type": "long", "logicalType": name});
    let millis = semantic::of(Kind::Int64, semantic::CONNECT_TIMESTAMP);
    let fault = refused(&millis, &micros("timestamp-micros"), &Value::Int64(1));
    assert_eq!(fault, "field (whole): the values are timestamp-millis, the writer's schema says timestamp-micros");
    let value = Value::Int64(1);
    let debezium = semantic::of(Kind::Int64, semantic::MICRO_TIMESTAMP);
    assert_eq!(written(&debezium, &micros("local-timestamp-micros"), &value), [2]);
    assert_eq!(written(&debezium, &json!("long"), &value), [2]);
}

#[test]
fn enums_fixed_and_unions() {
    let with = |prefix: &str| of(Kind::Text).parameter(prefix, "E").parameter(format!("{prefix}.A"), "0");
    let schema = with("io.confluent.connect.avro.Enum").parameter("io.confluent.connect.avro.Enum.B", "1").optional();
    let enhanced = [("enhanced.avro.schema.support", "true")];
    assert_eq!(derived(&enhanced, &schema, &Value::text("B")), Ok(vec![2, 2]));
    assert!(derived(&enhanced, &schema, &Value::text("C")).unwrap_err().contains("is no symbol"));
    assert_eq!(derived(&[], &schema, &Value::text("B")), Ok(b"\x02\x02B".to_vec()));

    let bytes = |bytes: &'static [u8]| Value::Bytes(Bytes::from_static(bytes));
    let hash = of(Kind::Bytes).named("a.Hash").parameter("connect.fixed.size", "2");
    assert_eq!(derived(&[], &hash, &bytes(b"ab")), Ok(b"ab".to_vec()));
    assert!(derived(&[], &hash, &bytes(b"a")).unwrap_err().contains("says fixed of 2 bytes, there are 1"));
    let amount = semantic::decimal(2, Some(9)).parameter("connect.fixed.size", "4");
    assert_eq!(derived(&[], &amount, &bytes(&[0x83])), Ok(vec![0xff, 0xff, 0xff, 0x83]));
    assert_eq!(derived(&[], &amount, &bytes(&[1, 2])), Ok(vec![0, 0, 1, 2]));
    assert!(derived(&[], &amount, &bytes(&[1, 2, 3, 4, 5])).is_err());

    let fields = vec![Field::new("int", of(Kind::Int32).optional()), Field::new("string", of(Kind::Text).optional())];
    let union = Schema::structure("io.confluent.connect.avro.Union", fields);
    let optional = union.clone().optional();
    assert_eq!(derived(&[], &union, &row([Value::Null, Value::text("x")])), Ok(b"\x02\x02x".to_vec()));
    assert_eq!(derived(&[], &optional, &row([Value::Int32(1), Value::Null])), Ok(vec![2, 2]));
    assert_eq!(derived(&[], &optional, &row([Value::Null, Value::Null])), Ok(vec![0]));
    assert_eq!(derived(&[], &optional, &Value::Null), Ok(vec![0]));
    assert!(derived(&[], &union, &row([Value::Null, Value::Null])).is_err());
}

#[test]
fn scrubbed_names_are_found_again() {
    let schema = structure(&[("Some Col", of(Kind::Int32)), ("b-c", of(Kind::Int32))]);
    let scrub = [("scrub.invalid.names", "true")];
    assert_eq!(derived(&scrub, &schema, &row([Value::Int32(1), Value::Int32(2)])), Ok(vec![2, 4]));
}
