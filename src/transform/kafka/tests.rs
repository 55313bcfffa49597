use std::fmt::Write;
use std::sync::Arc;

use crate::data::{Datum, Field, Kind, Schema, Value, semantic};
use crate::record::{Header, Headers, Record};
use crate::transform::{Transform, build_chain};

/// A transform of that class (without its package) with options in the form `key=value;key=value`.
pub(super) fn transform(class: &str, options: &str) -> Result<Box<dyn Transform>, String> {
    let mut properties = crate::config::Properties::new();
    properties.insert("transforms".to_owned(), "t".to_owned());
    properties.insert("transforms.t.type".to_owned(), format!("org.apache.kafka.connect.transforms.{class}"));
    for option in options.split(';').filter(|option| !option.is_empty()) {
        let (key, value) = option.split_once('=').unwrap();
        properties.insert(format!("transforms.t.{key}"), value.to_owned());
    }
    let mut chain = build_chain(&properties).map_err(|problems| problems.to_string())?;
    Ok(chain.remove(0))
}

/// What a transform makes of a record's value, twice, so that what is prepared is used.
pub(super) fn applied(class: &str, options: &str, value: Option<Datum>) -> String {
    let mut transform = transform(class, options).unwrap();
    let first = outcome(&mut transform, value.clone());
    assert_eq!(outcome(&mut transform, value), first, "{class} {options}");
    first
}

fn outcome(transform: &mut Box<dyn Transform>, value: Option<Datum>) -> String {
    match transform.apply(record(value)) {
        Ok(Some(record)) => record_text(&record),
        Ok(None) => "dropped".to_owned(),
        Err(error) => error.to_string(),
    }
}

pub(super) fn record(value: Option<Datum>) -> Record {
    let (headers, ts_ms) = (Headers::default(), Some(1_234_567_890_123));
    Record { topic: "topic".into(), partition: Some(3), key: None, value, headers, ts_ms, offset: None }
}

#[expect(clippy::unnecessary_wraps, reason = "a side of a record is optional")]
pub(super) fn datum(schema: impl Into<Arc<Schema>>, value: impl Into<Value>) -> Option<Datum> {
    Some(Datum { schema: schema.into(), value: value.into() })
}

/// What a transform may change of a record: topic if it is another, key, value, headers.
pub(super) fn record_text(record: &Record) -> String {
    let side = |datum: &Option<Datum>| match datum {
        Some(datum) => format!("{} = {}", schema_text(&datum.schema), value_text(&datum.value)),
        None => "none".to_owned(),
    };
    let mut text = String::new();
    if &*record.topic != "topic" {
        write!(text, "{} | ", record.topic).unwrap();
    }
    if record.key.is_some() {
        write!(text, "key {} | ", side(&record.key)).unwrap();
    }
    text.push_str(&side(&record.value));
    for Header { name, value } in record.headers.iter() {
        write!(text, " | {name} {}", side(&Some(value.clone()))).unwrap();
    }
    text
}

/// `STRUCT(name) {a:INT32?=7,b:STRING}`
pub(super) fn schema_text(schema: &Schema) -> String {
    let mut text = schema.kind.name().to_owned();
    match &schema.kind {
        Kind::Array(element) => write!(text, "<{}>", schema_text(element)).unwrap(),
        Kind::Map(key, value) => write!(text, "<{},{}>", schema_text(key), schema_text(value)).unwrap(),
        _ => {}
    }
    if let Some(name) = &schema.name {
        write!(text, "({name}{})", schema.version.filter(|v| *v > 1).map(|v| format!("@{v}")).unwrap_or_default())
            .unwrap();
    }
    if schema.optional {
        text.push('?');
    }
    if let Some(default) = &schema.default {
        write!(text, "={}", value_text(default)).unwrap();
    }
    if let Kind::Struct(fields) = &schema.kind {
        let fields: Vec<String> =
            fields.iter().map(|field| format!("{}:{}", field.name, schema_text(&field.schema))).collect();
        write!(text, "{{{}}}", fields.join(",")).unwrap();
    }
    text
}

pub(super) fn value_text(value: &Value) -> String {
    let joined = |values: &[Value]| values.iter().map(value_text).collect::<Vec<_>>().join(",");
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Int8(number) => number.to_string(),
        Value::Int16(number) => number.to_string(),
        Value::Int32(number) => number.to_string(),
        Value::Int64(number) => number.to_string(),
        Value::Float32(number) => number.to_string(),
        Value::Float64(number) => number.to_string(),
        Value::Text(text) => text.to_string(),
        Value::Bytes(bytes) => bytes.iter().fold("0x".to_owned(), |text, byte| format!("{text}{byte:02x}")),
        Value::Array(elements) => format!("[{}]", joined(elements)),
        Value::Map(entries) => {
            let entry = |(key, value): &(Value, Value)| format!("{}:{}", value_text(key), value_text(value));
            format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(","))
        }
        Value::Struct(row) => format!("({})", joined(row)),
    }
}

/// A struct with a default that a null stands for.
fn row_schema() -> Schema {
    let a = Schema::of(Kind::Int32).optional().default(Value::Int32(7));
    Schema::structure("S", vec![Field::new("a", a), Field::new("b", Schema::of(Kind::Text))]).version(2).optional()
}

fn row() -> Option<Datum> {
    datum(row_schema(), Value::Struct([Value::Null, Value::text("5")].into()))
}

fn null_row() -> Option<Datum> {
    datum(row_schema(), Value::Null)
}

const ROW: &str = "STRUCT(S@2)?{a:INT32?=7,b:STRING}";

/// Checks a table of class, options, value and what becomes of it, all as Kafka 4.3.1's own transforms answer.
pub(super) fn check(table: &[(&str, &str, Option<Datum>, &str)]) {
    for (class, options, value, expected) in table {
        assert_eq!(applied(class, options, value.clone()), *expected, "{class} {options}");
    }
}

#[test]
fn fields_are_left_out_renamed_and_inserted() {
    check(&[
        ("ReplaceField$Value", "exclude=a", row(), "STRUCT(S@2){b:STRING} = (5)"),
        ("ReplaceField$Value", "include=a;renames=a:c", row(), "STRUCT(S@2){c:INT32?=7} = (7)"),
        ("ReplaceField$Value", "renames=a:b,b:a", row(), "STRUCT(S@2){b:INT32?=7,a:STRING} = (7,5)"),
        ("ReplaceField$Value", "include=a;exclude=a", row(), "STRUCT(S@2){} = ()"),
        ("ReplaceField$Value", "blacklist=b", row(), "STRUCT(S@2){a:INT32?=7} = (7)"),
        (
            "ReplaceField$Value",
            "exclude=zz;replace.null.with.default=false",
            row(),
            "STRUCT(S@2){a:INT32?=7,b:STRING} = (null,5)",
        ),
        (
            "ReplaceField$Value",
            "renames=a:b",
            row(),
            "transform t: topic topic: the struct would have two fields \"b\"",
        ),
        ("ReplaceField$Value", "exclude=a", null_row(), &format!("{ROW} = null")),
        ("ReplaceField$Value", "exclude=a", None, "none"),
        (
            "ReplaceField$Value",
            "exclude=a",
            datum(Schema::of(Kind::Int32), Value::Int32(1)),
            "transform t: topic topic: it works on structs, and this is INT32",
        ),
        (
            "InsertField$Value",
            "topic.field=t!;partition.field=p;timestamp.field=ts?;static.field=s;static.value= v ",
            row(),
            "STRUCT(S@2){a:INT32?=7,b:STRING,t:STRING,p:INT32?,ts:INT64(org.apache.kafka.connect.data.Timestamp)?,s:STRING?} = (7,5,topic,3,1234567890123,v)",
        ),
        (
            "InsertField$Value",
            "static.field=a;static.value=v",
            row(),
            "transform t: topic topic: the struct would have two fields \"a\"",
        ),
        (
            "InsertField$Value",
            "static.field=s;static.value=",
            row(),
            "STRUCT(S@2){a:INT32?=7,b:STRING,s:STRING?} = (7,5,)",
        ),
        ("InsertField$Value", "topic.field=t", null_row(), &format!("{ROW} = null")),
        ("InsertField$Value", "topic.field=t", None, "none"),
    ]);
    let mut insert = transform("InsertField$Value", "timestamp.field=ts!").unwrap();
    let refused = insert.apply(Record { ts_ms: None, ..record(row()) }).unwrap_err().to_string();
    assert!(refused.contains("nothing for the required field \"ts\""), "{refused}");
}

/// A struct with two others in it, of which the first is null, and a list.
fn nested() -> Option<Datum> {
    let inner = || {
        let x = Schema::of(Kind::Int32).default(Value::Int32(1));
        vec![Field::new("x", x), Field::new("y", Schema::of(Kind::Text))]
    };
    let fields = vec![
        Field::new("i", Schema::of(Kind::Struct(inner())).optional()),
        Field::new("j", Schema::of(Kind::Struct(inner()))),
        Field::new("l", Schema::of(Kind::Array(Schema::of(Kind::Int32).into()))),
    ];
    let schema = Schema::structure("N", fields);
    let j = Value::Struct([Value::Null, Value::text("v")].into());
    datum(schema, Value::Struct([Value::Null, j, Value::Array([Value::Int32(1)].into())].into()))
}

#[test]
fn fields_are_extracted_and_hoisted() {
    check(&[
        ("ExtractField$Value", "field=a", row(), "INT32?=7 = 7"),
        ("ExtractField$Value", "field=a;replace.null.with.default=false", row(), "INT32?=7 = null"),
        ("ExtractField$Value", "field=a", null_row(), "INT32?=7 = null"),
        ("ExtractField$Value", "field=a", None, "none"),
        ("ExtractField$Value", "field=z", row(), "transform t: topic topic has no field \"z\""),
        ("ExtractField$Value", "field=i.x", nested(), "transform t: topic topic has no field \"i.x\""),
        ("ExtractField$Value", "field=i.x;field.syntax.version=v2", nested(), "INT32=1 = null"),
        ("ExtractField$Value", "field=j.x;field.syntax.version=V2", nested(), "INT32=1 = 1"),
        ("ExtractField$Value", "field=`j`.y;field.syntax.version=V2", nested(), "STRING = v"),
        (
            "ExtractField$Value",
            "field=l.x;field.syntax.version=V2",
            nested(),
            "transform t: topic topic: it works on structs, and this is ARRAY",
        ),
        ("HoistField$Value", "field=f", datum(Schema::of(Kind::Int32), Value::Int32(5)), "STRUCT{f:INT32} = (5)"),
        (
            "HoistField$Value",
            "field=f",
            datum(Schema::of(Kind::Int32).optional(), Value::Null),
            "STRUCT{f:INT32?} = (null)",
        ),
        (
            "HoistField$Value",
            "field=f",
            datum(Schema::of(Kind::Int32), Value::Null),
            "transform t: topic topic: null cannot be put into field \"f\": its schema is required",
        ),
        ("HoistField$Value", "field=f", None, "MAP<STRING,STRING?> = {f:null}"),
    ]);
}

#[test]
fn structs_are_flattened() {
    let map = Schema::of(Kind::Map(Schema::of(Kind::Text).into(), Schema::of(Kind::Int32).into()));
    let with_map = Schema::of(Kind::Struct(vec![Field::new("m", map)]));
    check(&[
        (
            "Flatten$Value",
            "",
            nested(),
            "STRUCT(N){i.x:INT32?=1,i.y:STRING?,j.x:INT32=1,j.y:STRING,l:ARRAY<INT32>} = (null,null,1,v,[1])",
        ),
        (
            "Flatten$Value",
            "delimiter=_",
            nested(),
            "STRUCT(N){i_x:INT32?=1,i_y:STRING?,j_x:INT32=1,j_y:STRING,l:ARRAY<INT32>} = (null,null,1,v,[1])",
        ),
        (
            "Flatten$Value",
            "delimiter=",
            nested(),
            "STRUCT(N){ix:INT32?=1,iy:STRING?,jx:INT32=1,jy:STRING,l:ARRAY<INT32>} = (null,null,1,v,[1])",
        ),
        ("Flatten$Value", "", row(), "STRUCT(S@2){a:INT32?=7,b:STRING?} = (7,5)"),
        ("Flatten$Value", "", null_row(), &format!("{ROW} = null")),
        ("Flatten$Value", "", None, "none"),
        (
            "Flatten$Value",
            "",
            datum(with_map, Value::Struct([Value::Map(Box::default())].into())),
            "transform t: topic topic: field \"m\" is a MAP, which cannot be flattened",
        ),
    ]);
}

#[test]
fn a_flattened_struct_hands_down_its_default() {
    let inner = Schema::of(Kind::Struct(vec![
        Field::new("x", Schema::of(Kind::Int32)),
        Field::new("y", Schema::of(Kind::Int32).optional()),
    ]));
    let inner = inner.default(Value::Struct([Value::Int32(4), Value::Null].into()));
    let schema = Schema::of(Kind::Struct(vec![Field::new("i", inner)]));
    let value = datum(schema, Value::Struct([Value::Null].into()));
    assert_eq!(applied("Flatten$Value", "", value), "STRUCT{i.x:INT32=4,i.y:INT32?} = (null,null)");
}

#[test]
fn headers_come_and_go() {
    let refused = "transform t: topic topic: its value is null; a predicate keeps such records from this transform";
    check(&[
        (
            "HeaderFrom$Value",
            "fields=a;headers=h;operation=move",
            row(),
            "STRUCT(S@2){b:STRING} = (5) | h INT32?=7 = 7",
        ),
        ("HeaderFrom$Value", "fields=a;headers=h;operation=copy", row(), &format!("{ROW} = (null,5) | h INT32?=7 = 7")),
        (
            "HeaderFrom$Value",
            "fields=b,a;headers=x,y;operation=copy;replace.null.with.default=false",
            row(),
            &format!("{ROW} = (null,5) | x STRING = 5 | y INT32?=7 = null"),
        ),
        ("HeaderFrom$Value", "fields=z;headers=h;operation=copy", row(), "transform t: topic topic has no field \"z\""),
        ("HeaderFrom$Value", "fields=a;headers=h;operation=move", null_row(), refused),
        ("HeaderFrom$Value", "fields=a;headers=h;operation=move", None, refused),
        ("InsertHeader", "header=h;value.literal=12", None, "none | h INT8 = 12"),
        ("InsertHeader", "header=h;value.literal=null", None, "none | h STRING? = null"),
        ("Filter", "", row(), "dropped"),
        ("Filter", "", None, "dropped"),
    ]);
    let text =
        |name: &str| Header { name: name.into(), value: datum(Schema::of(Kind::Text), Value::text("v")).unwrap() };
    let mut drop = transform("DropHeaders", "headers=a,c").unwrap();
    let shared: Arc<[Header]> = [text("a"), text("x")].into();
    for _ in 0..2 {
        let headers = Headers {
            first: vec![text("c"), text("y")],
            shared: Some(Arc::clone(&shared)),
            last: vec![text("a"), text("z")],
        };
        let record = drop.apply(Record { headers, ..record(None) }).unwrap().unwrap();
        let names: Vec<&str> = record.headers.iter().map(|header| &*header.name).collect();
        assert_eq!(names, ["y", "x", "z"]);
    }
}

#[test]
fn a_header_that_is_always_the_same_is_shared() {
    let text =
        |name: &str| Header { name: name.into(), value: datum(Schema::of(Kind::Text), Value::text("v")).unwrap() };
    let shared: Arc<[Header]> = [text("a"), text("x")].into();
    let mut insert = transform("InsertHeader", "header=h;value.literal=1").unwrap();
    let mut inserted = |headers: Headers| insert.apply(Record { headers, ..record(None) }).unwrap().unwrap().headers;
    let names = |headers: &Headers| headers.iter().map(|header| header.name.to_string()).collect::<Vec<_>>();
    let of_run = || Headers { first: vec![text("c")], shared: Some(Arc::clone(&shared)), last: Vec::new() };
    let (one, other) = (inserted(of_run()), inserted(of_run()));
    assert_eq!(names(&one), ["c", "a", "x", "h"]);
    assert!(Arc::ptr_eq(one.shared.as_ref().unwrap(), other.shared.as_ref().unwrap()));
    assert_eq!(names(&inserted(Headers::default())), ["h"]);
    assert_eq!(
        names(&inserted(Headers { last: vec![text("z")], ..of_run() })),
        ["c", "a", "x", "z", "h"],
        "the order stays"
    );
    assert_eq!(names(&inserted(of_run())), ["c", "a", "x", "h"]);
}

#[test]
fn keys_and_schemas_are_made_anew() {
    let refused = "transform t: topic topic: its value is no struct; a predicate (RecordIsTombstone, negated) keeps tombstones away";
    check(&[
        ("ValueToKey", "fields=b,a", row(), &format!("key STRUCT{{b:STRING,a:INT32?=7}} = (5,7) | {ROW} = (null,5)")),
        (
            "ValueToKey",
            "fields=a;replace.null.with.default=false",
            row(),
            &format!("key STRUCT{{a:INT32?=7}} = (null) | {ROW} = (null,5)"),
        ),
        ("ValueToKey", "fields=b,b", row(), &format!("key STRUCT{{b:STRING}} = (5) | {ROW} = (null,5)")),
        ("ValueToKey", "fields=z", row(), "transform t: topic topic has no field \"z\""),
        ("ValueToKey", "fields=a", None, refused),
        ("ValueToKey", "fields=a", null_row(), refused),
        ("SetSchemaMetadata$Value", "schema.name=X", row(), "STRUCT(X@2)?{a:INT32?=7,b:STRING} = (7,5)"),
        (
            "SetSchemaMetadata$Value",
            "schema.version=3;replace.null.with.default=false",
            row(),
            "STRUCT(S@3)?{a:INT32?=7,b:STRING} = (null,5)",
        ),
        ("SetSchemaMetadata$Value", "schema.name=X", null_row(), "STRUCT(X@2)?{a:INT32?=7,b:STRING} = null"),
        ("SetSchemaMetadata$Value", "schema.name=X", None, "none"),
        ("SetSchemaMetadata$Value", "schema.name=X", datum(Schema::of(Kind::Int32), Value::Int32(1)), "INT32(X) = 1"),
    ]);
}

#[test]
fn a_key_is_worked_on_as_a_value_is() {
    let mut extract = transform("ExtractField$Key", "field=b").unwrap();
    let record = extract.apply(Record { key: row(), ..record(row()) }).unwrap().unwrap();
    assert_eq!(record_text(&record), format!("key STRING = 5 | {ROW} = (null,5)"));
}

#[test]
fn fields_are_masked() {
    let fields = vec![
        Field::new("y", Schema::of(Kind::Bytes)),
        Field::new("d", semantic::decimal(2, None)),
        Field::new("t", semantic::of(Kind::Int64, semantic::CONNECT_TIMESTAMP)),
        Field::new("l", Schema::of(Kind::Array(Schema::of(Kind::Int32).into()))),
        Field::new("o", Schema::of(Kind::Bool)),
    ];
    let schema = Arc::new(Schema::of(Kind::Struct(fields)));
    let values = || {
        let bytes = |byte: u8| Value::Bytes(vec![byte].into());
        let array = Value::Array([Value::Int32(1)].into());
        datum(
            Arc::clone(&schema),
            Value::Struct([bytes(1), bytes(125), Value::Int64(5), array, Value::Bool(true)].into()),
        )
    };
    let value =
        |options: &str, value| applied("MaskField$Value", options, value).rsplit(" = ").next().unwrap().to_owned();
    for (options, expected) in
        [("fields=d,t,l,o", "(0x01,0x00,0,[],false)"), ("fields=d;replacement=3", "(0x01,0x012c,5,[1],true)")]
    {
        assert_eq!(value(options, values()), expected, "{options}");
    }
    for (options, expected) in [
        ("fields=y", "field \"y\": BYTES has no masked form"),
        ("fields=y;replacement=3", "field \"y\": BYTES cannot be masked with a replacement"),
        ("fields=t;replacement=3", "field \"t\": org.apache.kafka.connect.data.Timestamp cannot be masked"),
        ("fields=l;replacement=3", "field \"l\": ARRAY cannot be masked"),
        ("fields=o;replacement=3", "field \"o\": BOOLEAN cannot be masked"),
        ("fields=d;replacement=1.234", "field \"d\": the replacement \"1.234\" does not fit scale 2"),
    ] {
        let refused = applied("MaskField$Value", options, values());
        assert!(refused.contains(expected), "{refused}");
    }
    let refused = "transform t: topic topic: its value is null; a predicate keeps such records from this transform";
    check(&[
        ("MaskField$Value", "fields=a,b", row(), &format!("{ROW} = (0,)")),
        ("MaskField$Value", "fields=a,b;replacement=9.7", row(), &format!("{ROW} = (9,9.7)")),
        (
            "MaskField$Value",
            "fields=a,b;replacement=x",
            row(),
            "transform t: topic topic: field \"a\": the replacement \"x\" is no number",
        ),
        (
            "MaskField$Value",
            "fields=a;replace.null.with.default=false;replacement=x",
            row(),
            &format!("{ROW} = (null,5)"),
        ),
        ("MaskField$Value", "fields=a", None, refused),
        ("MaskField$Value", "fields=a", null_row(), refused),
    ]);
}

#[test]
fn topics_are_routed() {
    check(&[
        ("RegexRouter", "regex=a|topic|t;replacement=x", None, "x | none"),
        ("RegexRouter", "regex=to|topic;replacement=x", None, "xpic | none"),
        ("RegexRouter", "regex=opi;replacement=x", None, "none"),
        ("RegexRouter", r"regex=(?<head>t)(.*);replacement=$2-${head}\$1", None, "opic-t$1 | none"),
        ("RegexRouter", "regex=(.*)(x)?;replacement=new.$1$2", None, "new.topic | none"),
        ("TimestampRouter", "", None, "topic-20090213 | none"),
        (
            "TimestampRouter",
            "topic.format=${timestamp}/${topic}.$1;timestamp.format=yyyy.MM.dd HH",
            None,
            "2009.02.13 23/topic.$1 | none",
        ),
    ]);
    let mut router = transform("TimestampRouter", "").unwrap();
    let refused = router.apply(Record { ts_ms: None, ..record(None) }).unwrap_err().to_string();
    assert!(refused.contains("topic topic: the record has no timestamp"), "{refused}");
}
