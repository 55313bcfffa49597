//! What the golden recordings `pg_crud/filters` and `mariadb_crud/filters` show of columns, and what they don't.

use std::sync::Arc;

use super::*;
use crate::config::{Problems, Properties};
use crate::data::{Kind, Schema, Value, semantic};
use crate::source::SourceError;
use crate::source::table::Identity;

fn read(pairs: &[(&str, &str)]) -> Result<ColumnRules, Problems> {
    let properties: Properties = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let mut reader = Reader::new(&properties, &[KEYS]);
    let rules = ColumnRules::read(&mut reader);
    reader.finish(rules)
}

fn fact(name: &str, schema: Schema, type_name: &str, length: i32, scale: i32) -> ColumnFacts {
    let is_character = matches!(type_name, "text" | "varchar");
    let (type_name, length, scale) = (type_name.to_owned(), Some(length), Some(scale));
    ColumnFacts { name: name.into(), schema, type_name, length, scale, comment: None, is_character }
}

/// The table of the recording.
fn customers() -> Vec<ColumnFacts> {
    let text = || Schema::of(Kind::Text);
    vec![
        fact("id", Schema::of(Kind::Int32).default(Value::Int32(0)), "serial", 10, 0),
        fact("first_name", text(), "varchar", 255, 0),
        fact("last_name", text(), "varchar", 255, 0),
        fact("email", text().optional(), "text", i32::MAX, 0),
        fact("vip", Schema::of(Kind::Bool).default(Value::Bool(false)), "bool", 1, 0),
        fact("balance", semantic::decimal(2, Some(10)).optional(), "numeric", 10, 2),
    ]
}

fn layout_of(rules: &ColumnRules, columns: &[ColumnFacts]) -> Result<Layout, SourceError> {
    let (topic, source) = ("p.public.customers".into(), Arc::new(Schema::structure("Source", Vec::new())));
    let names: Vec<&str> = columns.iter().map(|facts| &*facts.name).collect();
    let chosen = rules.choose("public.customers", &names, &[0]);
    let needed = columns.iter().enumerate().map(|(at, facts)| chosen.needs(at).then(|| facts.clone()));
    let needed: Vec<_> = needed.collect();
    rules.layout(Identity { id: "public.customers", topic: &topic, source: &source, tag: None }, &chosen, &needed)
}

/// A field as a line: its name, and its parameters without Debezium's prefix.
fn told(layout: &Layout) -> Vec<String> {
    let line = |field: &crate::data::Field| {
        let parameters = field.schema.parameters.iter();
        let parameters = parameters.map(|(name, value)| format!(" {}={value}", name.rsplit('.').next().unwrap()));
        format!("{}{}", field.name, parameters.collect::<String>())
    };
    layout.table.row.fields().iter().map(line).collect()
}

fn key_of(layout: &Layout, row: &[Value]) -> Vec<(String, Value)> {
    let key = layout.table.key.as_ref().unwrap();
    let names = key.schema.fields().iter().map(|field| field.name.to_string());
    names.zip(key.columns.iter().map(|&column| row[column].clone())).collect()
}

const FILTERS: &[(&str, &str)] = &[
    ("column.exclude.list", "public.customers.last_name"),
    ("column.mask.with.5.chars", "public.customers.first_name"),
    ("column.truncate.to.3.chars", "public.customers.email"),
    ("message.key.columns", "public.customers:id,email"),
    ("column.propagate.source.type", ".*"),
];

#[test]
fn the_recording_with_filters() {
    let layout = layout_of(&read(FILTERS).unwrap(), &customers()).unwrap();
    assert_eq!(
        told(&layout),
        [
            "id type=SERIAL length=10 scale=0 name=id",
            "first_name masked=true",
            "email truncateLength=3",
            "vip type=BOOL length=1 scale=0 name=vip",
            "balance scale=2 precision=10 type=NUMERIC length=10 scale=2 name=balance",
        ]
    );
    let id = Value::Int32(1);
    let decoded =
        vec![id.clone(), Value::text("Sally"), Value::text("sally@acme.com"), Value::Bool(false), Value::Null];
    let row = layout.projection.row(decoded);
    assert_eq!(row[..5], [id.clone(), Value::text("*****"), Value::text("sal"), Value::Bool(false), Value::Null]);
    let key = key_of(&layout, &row);
    assert_eq!(key, [("id".to_owned(), id), ("email".to_owned(), Value::text("sally@acme.com"))]);
    let key = layout.table.key.as_ref().unwrap();
    assert!(key.schema.fields().iter().all(|field| field.schema.parameters.is_empty()));
    assert_eq!(key.schema.fields()[0].schema.default, Some(Value::Int32(0)));
}

#[test]
fn without_rules_a_row_is_what_was_decoded() {
    let layout = layout_of(&read(&[]).unwrap(), &customers()).unwrap();
    let decoded: Vec<Value> = (0..6).map(Value::Int32).collect();
    assert_eq!(*layout.projection.row(decoded.clone()), *decoded);
    assert_eq!(layout.table.key.as_ref().unwrap().columns, [0]);
    assert_eq!(&*layout.table.row.name.clone().unwrap(), "p.public.customers.Value");
}

#[test]
fn a_key_keeps_columns_that_the_row_has_lost() {
    let rules = read(&[("column.include.list", r"public\.customers\.(email|VIP)")]).unwrap();
    let layout = layout_of(&rules, &customers()).unwrap();
    assert_eq!(told(&layout), ["email", "vip"]);
    let row = layout.projection.row(vec![Value::Int32(7), Value::text("e"), Value::Bool(true)]);
    assert_eq!(*row, [Value::text("e"), Value::Bool(true), Value::Int32(7)]);
    assert_eq!(key_of(&layout, &row), [("id".to_owned(), Value::Int32(7))]);
}

#[test]
fn keys_of_messages_come_in_the_order_of_the_list() {
    let rules = read(&[("message.key.columns", "other.t:id; public.cust.*:vip,(last|first)_name;.*:id")]).unwrap();
    let columns = ["id", "first_name", "last_name", "vip"];
    assert_eq!(rules.choose("public.customers", &columns, &[0]).key, [3, 1, 2, 0]);
    let rules = read(&[("message.key.columns", "other.t:id")]).unwrap();
    assert_eq!(rules.choose("public.customers", &columns, &[2, 0]).key, [2, 0]);
}

#[test]
fn masks_come_before_what_only_tells() {
    let hash = "column.mask.hash.v2.SHA-256.with.salt.salt";
    let rules = read(&[(hash, ".*_name"), ("column.propagate.source.type", ".*")]).unwrap();
    let layout = layout_of(&rules, &customers()).unwrap();
    assert_eq!(told(&layout)[1], "first_name masked=true");
    let row = layout.projection.row(vec![Value::Null, Value::text("hello")]);
    assert!(row[1].as_str().unwrap().starts_with("cd31b3b98ece60cb"));
}

#[test]
fn masks_are_for_text_and_truncation_for_what_is_longer() {
    let rules = read(&[
        ("column.mask.with.0.chars", "public.customers.id"),
        ("column.truncate.to.1.chars", "public.customers.vip,public.customers.balance"),
    ])
    .unwrap();
    let layout = layout_of(&rules, &customers()).unwrap();
    assert_eq!(told(&layout)[0], "id masked=true");
    assert_eq!(told(&layout)[4..], ["vip", "balance scale=2 precision=10 truncateLength=1"]);
    let decoded: Vec<Value> = (0..6).map(|_| Value::Bytes(vec![1, 2].into())).collect();
    assert_eq!(*layout.projection.row(decoded.clone()), *decoded);
}

#[test]
fn a_types_columns_tell_of_themselves() {
    let mut columns = customers();
    columns[3].comment = Some("where to write".to_owned());
    columns[3].length = None;
    let rules = read(&[("datatype.propagate.source.type", "public.customers.TEXT")]).unwrap();
    let told = told(&layout_of(&rules, &columns).unwrap());
    assert_eq!(told[3], "email type=TEXT scale=0 comment=where to write name=email");
    assert_eq!(told[0], "id");
}

#[test]
fn names_are_adjusted_and_may_collide() {
    let mut columns = customers();
    columns[1].name = "last-name".into();
    let rules =
        read(&[("schema.name.adjustment.mode", "avro_unicode"), ("field.name.adjustment.mode", "avro_unicode")]);
    let layout = layout_of(&rules.unwrap(), &columns).unwrap();
    assert_eq!(told(&layout)[1..3], ["last_u002dname", "last_u005fname"]);
    assert_eq!(&*layout.table.key.as_ref().unwrap().schema.name.clone().unwrap(), "p.public.customers.Key");
    let rules = read(&[("value.converter", "io.confluent.connect.avro.AvroConverter")]).unwrap();
    let error = layout_of(&rules, &columns).unwrap_err().to_string();
    assert!(error.starts_with("columns \"last-name\" and \"last_name\" of public.customers both become"), "{error}");
}

#[test]
fn updates_that_change_nothing_emitted_are_left_out_when_asked_for() {
    let exclude = ("column.exclude.list", "public.customers.vip");
    let key = ("message.key.columns", "public.customers:vip");
    let skipping = read(&[exclude, key, ("skip.messages.without.change", "true")]).unwrap();
    let projection = layout_of(&skipping, &customers()).unwrap().projection;
    let row = |email: &str, vip: bool| {
        let mut decoded = vec![Value::Null; 6];
        decoded[3] = Value::text(email);
        decoded[4] = Value::Bool(vip);
        projection.row(decoded)
    };
    assert!(projection.skips_update(Some(&row("e", false)), Some(&row("e", true))));
    assert!(!projection.skips_update(Some(&row("e", false)), Some(&row("f", false))));
    assert!(!projection.skips_update(None, Some(&row("e", true))));
    let projection = layout_of(&read(&[exclude, key]).unwrap(), &customers()).unwrap().projection;
    assert!(!projection.skips_update(Some(&row("e", false)), Some(&row("e", true))));
}

#[test]
fn tells_everything_that_is_wrong() {
    let problems = read(&[
        ("column.mask.with.five.chars", "a"),
        ("column.truncate.to.3", "a"),
        ("column.mask.hash.SHA-9.with.salt.x", "a"),
        ("column.mask.hash.SHA-256.salt.x", "a"),
        ("column.mask.with.3.chars", "a("),
        ("message.key.columns", "a:b;c"),
        ("field.name.adjustment.mode", "arvo"),
    ])
    .unwrap_err();
    let text = problems.to_string();
    assert_eq!(problems.0.len(), 7, "{text}");
    for part in ["must be column.mask.with.N.chars", "no algorithm \"SHA-9\"; there are MD5", "\"c\"", "did you mean"] {
        assert!(text.contains(part), "{part} in {text}");
    }
}
