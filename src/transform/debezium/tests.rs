//! The transforms that are too small for tests of their own file.

use std::sync::Arc;

use super::*;
use crate::data::{Datum, Field, Kind, Schema, Value};
use crate::record::Record;
use crate::transform::test_records::{applied, built, event, field, headers, heartbeat, of, refusal, row, tombstone};

fn columns() -> Vec<(&'static str, Schema)> {
    vec![("id", of(Kind::Int32)), ("name", of(Kind::Text)), ("weight", of(Kind::Float64))]
}

fn customer(name: &'static str) -> Value {
    row([Value::Int32(1), Value::text(name), Value::Float64(f64::NAN)])
}

#[test]
fn a_row_that_was_read_looks_inserted() {
    let mut transform = built(read_to_insert::build, &[]).unwrap();
    for (op, expected) in [("r", "c"), ("c", "c"), ("u", "u"), ("d", "d")] {
        let record = applied(&mut *transform, event(op, &columns(), Value::Null, customer("Anne")));
        assert_eq!(field(&record, "op"), Value::text(expected));
    }
    assert_eq!(applied(&mut *transform, heartbeat()).value, heartbeat().value);
    assert_eq!(applied(&mut *transform, tombstone()).value, None);
}

#[test]
fn headers_list_what_an_update_changed() {
    let options = [("header.changed.name", "Changed"), ("header.unchanged.name", "Unchanged")];
    let mut transform = built(changed_state::build, &options).unwrap();
    let list = |names: &[&'static str]| Value::Array(names.iter().map(|name| Value::text(*name)).collect());
    let mut told = |record: Record| headers(&applied(&mut *transform, record));
    let expected =
        |changed, unchanged| vec![("Changed".to_owned(), list(changed)), ("Unchanged".to_owned(), list(unchanged))];
    let updated = event("u", &columns(), customer("Anne"), customer("Annie"));
    assert_eq!(told(updated.clone()), expected(&["name"], &["id", "weight"]));
    assert_eq!(told(event("c", &columns(), Value::Null, customer("Anne"))), expected(&[], &[]));
    assert_eq!(told(event("d", &columns(), customer("Anne"), Value::Null)), expected(&[], &[]));
    assert_eq!(told(heartbeat()), []);
    assert_eq!(told(tombstone()), []);
    let one = applied(&mut *built(changed_state::build, &options[..1]).unwrap(), updated);
    let schema = Schema::of(Kind::Array(Schema::of(Kind::Text).optional().into())).optional().named("Changed");
    assert_eq!((headers(&one).len(), &*one.headers.last[0].value.schema), (1, &schema));
}

#[test]
fn the_declaration_of_columns_is_told() {
    let told = |name: &str, kind: &str| {
        let parameter = |what: &str| format!("__debezium.source.column.{what}");
        of(Kind::Text).parameter(parameter("type"), kind).parameter(parameter("name"), name)
    };
    let sized = told("b", "NUMERIC")
        .parameter("__debezium.source.column.length", "10")
        .parameter("__debezium.source.column.scale", "2")
        .parameter("__debezium.source.column.comment", "price");
    let columns = [("a", told("a", "TEXT")), ("b", sized)];
    let created = || event("c", &columns, Value::Null, row([Value::text("x"), Value::text("y")]));
    let mut transform = built(source_schema::build, &[]).unwrap();
    let record = applied(&mut *transform, created());
    assert_eq!(field(&record, "sourceSchema.id"), Value::text("orders"));
    let column = |values: [Value; 5]| row(values);
    let expected = [
        column([Value::text("a"), Value::text("TEXT"), Value::Null, Value::Null, Value::Null]),
        column([Value::text("b"), Value::text("NUMERIC"), Value::Int32(10), Value::Int32(2), Value::text("price")]),
    ];
    assert_eq!(field(&record, "sourceSchema.table.columns"), Value::Array(expected.into()));
    let schema = &record.value.as_ref().unwrap().schema;
    let added = &schema.fields().last().unwrap().schema;
    assert_eq!((added.name.as_deref(), added.version), (Some("io.debezium.connector.source.Schema"), Some(1)));
    let truncate = event("t", &columns, Value::Null, Value::Null);
    assert_eq!(applied(&mut *transform, truncate.clone()).value, truncate.value);
    let refused = refusal(transform.apply(event("c", &self::columns(), Value::Null, customer("Anne"))));
    assert!(refused.contains("column \"id\"; set column.propagate.source.type"), "{refused}");
}

fn schema_change(changes: Value) -> Record {
    let change = Schema::structure("Change", vec![Field::new("type", of(Kind::Text))]);
    let changes_schema = of(Kind::Array(change.into())).optional();
    let schema = Schema::structure(
        "io.debezium.connector.mysql.SchemaChangeValue",
        vec![Field::new("ddl", of(Kind::Text)), Field::new("tableChanges", changes_schema)],
    );
    let value = row([Value::text("…"), changes]);
    Record { value: Some(Datum { schema: schema.into(), value }), ..tombstone() }
}

#[test]
fn schema_changes_are_dropped_by_their_type() {
    let options = [("schema.change.event.exclude.list", "DROP, DATABASE")];
    let mut transform = built(schema_change::build, &options).unwrap();
    let of_type = |name: &'static str| schema_change(Value::Array([row([Value::text(name)])].into()));
    let mut passes = |record| transform.apply(record).unwrap().is_some();
    assert!(passes(of_type("CREATE")) && passes(of_type("ALTER")) && !passes(of_type("DROP")));
    assert!(!passes(schema_change(Value::Array([].into()))) && !passes(schema_change(Value::Null)));
    assert!(passes(heartbeat()) && passes(tombstone()));
    assert!(passes(event("c", &columns(), Value::Null, customer("Anne"))));
    let problems = built(schema_change::build, &[(options[0].0, "DROP,drop")]).err().unwrap();
    assert!(problems.contains("\"drop\": must be of CREATE"), "{problems}");
    assert!(built(schema_change::build, &[]).err().unwrap().contains("is required"));
}

fn message(content: Value) -> Record {
    let content_schema = if matches!(content, Value::Text(_)) { Kind::Text } else { Kind::Bytes };
    let prefix = Field::new("prefix", of(Kind::Text).optional());
    let block = vec![prefix.clone(), Field::new("content", of(content_schema).optional())];
    let name = |part: &str| format!("io.debezium.connector.postgresql.{part}");
    let fields = vec![
        Field::new("op", of(Kind::Text)),
        Field::new("ts_ms", of(Kind::Int64).optional()),
        Field::new("message", Schema::structure(name("Message"), block)),
    ];
    let value = row([Value::text("m"), Value::Int64(7), row([Value::text("outbox"), content])]);
    let schema = Schema::structure(name("MessageValue"), fields).version(1);
    Record { value: Some(Datum { schema: schema.into(), value }), ..tombstone() }
}

#[test]
fn the_json_of_a_logical_message_becomes_a_row() {
    let content = |text: &'static str| Value::Bytes(text.into());
    let mut transform = built(decode_message::build, &[]).unwrap();
    let json = r#"{"id":1,"aggregatetype":"Order","aggregateid":"9","payload":"p","none":null}"#;
    let record = applied(&mut *transform, message(content(json)));
    assert_eq!((field(&record, "op"), field(&record, "ts_ms")), (Value::text("c"), Value::Int64(7)));
    assert_eq!((field(&record, "after.id"), record.key.is_none()), (Value::Int32(1), true));
    let schema = Arc::clone(&record.value.as_ref().unwrap().schema);
    assert_eq!(schema.name.as_deref(), Some("io.debezium.connector.postgresql.MessageValue.Envelope"));
    assert!(schema.index_of("message").is_none() && schema.fields()[2].schema.index_of("none").is_none());
    let again = applied(&mut *transform, message(content(json))).value.unwrap();
    assert_eq!(again.schema, schema);
    let routed = applied(&mut *built(outbox::build, &[]).unwrap(), record);
    assert_eq!((&*routed.topic, routed.value.unwrap().value), ("outbox.event.Order", Value::text("p")));
    let mut nulls = built(decode_message::build, &[("fields.null.include", "true")]).unwrap();
    assert!(field(&applied(&mut *nulls, message(content(json))), "after.none").is_null());
    for (wrong, expected) in [
        (content("x"), "begins with neither"),
        (content("[1]"), "is no JSON object"),
        (Value::Bytes(vec![b'{', 0xff].into()), "is no UTF-8"),
        (Value::text("e30="), "binary.handling.mode=bytes"),
        (Value::Null, "has no content"),
    ] {
        let refused = refusal(transform.apply(message(wrong)));
        assert!(refused.contains(expected), "{refused}");
    }
    assert_eq!(applied(&mut *transform, heartbeat()).value, heartbeat().value);
    assert_eq!(applied(&mut *transform, tombstone()).value, None);
}

#[test]
fn what_needs_the_database_is_refused_by_name() {
    let problems = built(timescale::build, &[("schema.list", "x")]).err().unwrap();
    assert!(problems.contains("TimescaleDb is not supported"), "{problems}");
}
