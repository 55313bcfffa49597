//! `EventRouter` makes of the rows of an outbox what Debezium's makes.
//!
//! The recordings hold what came out. What went in are the rows of `setup.sql` and `stream.sql`, with the payloads as the
//! databases write them; those are in the variant `default`.

use std::collections::BTreeMap;
use std::sync::Arc;

use rowtide::config::Properties;
use rowtide::convert::Converters;
use rowtide::data::{Datum, Field, Kind, Schema, Value, semantic};
use rowtide::record::Record;
use rowtide::transform::{apply_all, build_chain};

use super::connect::Schemas;
use super::unwrap::{RUN_ID, Written, headers, properties, write};
use super::{Recorded, recorded, variants};

#[tokio::test]
async fn each_variant_comes_out_as_recorded() {
    let variants =
        variants().into_iter().filter(|name| name.starts_with("pg_outbox/") || name.starts_with("mysql_outbox/"));
    let mut compared = 0;
    for variant in variants {
        let properties = properties(&variant);
        let mut chain = build_chain(&properties).ok().unwrap();
        let mut converters = Converters::configured(&Properties::new(), &properties).unwrap();
        let mut written: BTreeMap<String, Vec<Written>> = BTreeMap::new();
        for record in events(&variant) {
            let Some(record) = apply_all(&mut chain, record).unwrap() else { continue };
            written.entry(record.topic.to_string()).or_default().push(write(&mut converters, &record).await);
        }
        assert_eq!(written, expected(&variant), "{variant}");
        compared += 1;
    }
    assert_eq!(compared, 7);
}

fn expected(variant: &str) -> BTreeMap<String, Vec<Written>> {
    let mut expected: BTreeMap<String, Vec<Written>> = BTreeMap::new();
    for mut record in recorded(variant) {
        let bytes = |text: &str| (text != "null").then(|| text.to_owned());
        record.headers.retain(|(name, _)| name != RUN_ID);
        let written = (bytes(record.key.get()), bytes(record.value.get()), record.headers);
        expected.entry(record.topic).or_default().push(written);
    }
    expected
}

/// The records that went into the transform, in the order of the statements.
fn events(variant: &str) -> Vec<Record> {
    let (case, name) = variant.split_once('/').unwrap();
    let topic = match case {
        "pg_outbox" => format!("pg_outbox-{name}.public.outbox"),
        _ => format!("mysql_outbox-{name}.g_mysql_outbox_{name}.outbox"),
    };
    let row = Arc::new(row_schema(case, &topic));
    let fields = vec![
        Field::new("before", Arc::clone(&row)),
        Field::new("after", Arc::clone(&row)),
        Field::new("op", Schema::of(Kind::Text)),
        Field::new("ts_ms", Schema::of(Kind::Int64).optional()),
    ];
    let envelope = Arc::new(Schema::structure(format!("{topic}.Envelope"), fields).version(2));
    let messages = recorded(&format!("{case}/default"));
    let headers_of = recorded(variant).swap_remove(0).headers;
    let context: Vec<_> = headers_of.into_iter().filter(|(name, _)| name.starts_with("__debezium.context")).collect();
    let event = |op: &str, before: Value, after: Value| Record {
        topic: topic.as_str().into(),
        partition: None,
        key: None,
        value: Some(Datum {
            schema: Arc::clone(&envelope),
            value: Value::Struct([before, after, Value::text(op), Value::Int64(1)].into()),
        }),
        headers: headers(context.clone()),
        ts_ms: None,
        offset: None,
    };
    let row = |id: &str, aggregate: &str, key: &str, kind: &str| {
        let texts = [id, aggregate, key, kind].map(Value::text);
        let payload = payload(&messages, id);
        Value::Struct(texts.into_iter().chain([payload]).chain(defaults(case)).collect())
    };
    let id = |first: u8| format!("{first}06c07f3-26f0-4eea-a50c-109940064b8f");
    let ordered = row(&id(5), "Order", "2", "OrderCreated");
    let renamed = row(&id(6), "Customer", "c-9", "CustomerRenamed");
    vec![
        event("r", Value::Null, row(&id(4), "Order", "1", "OrderCreated")),
        event("c", Value::Null, ordered.clone()),
        event("d", ordered, Value::Null),
        event("c", Value::Null, renamed.clone()),
        event("c", Value::Null, row(&id(7), "Customer", "c-9", "CustomerDeleted")),
        event("u", renamed.clone(), renamed.clone()),
        event("d", renamed, Value::Null),
    ]
}

fn row_schema(case: &str, topic: &str) -> Schema {
    let text = || Schema::of(Kind::Text);
    let tenant = text().optional().default(Value::text("acme"));
    let json = semantic::of(Kind::Text, semantic::JSON).optional();
    let id = if case == "pg_outbox" { semantic::of(Kind::Text, semantic::UUID) } else { text() };
    let mut fields = vec![
        Field::new("id", id),
        Field::new("aggregatetype", text()),
        Field::new("aggregateid", text()),
        Field::new("type", text()),
        Field::new("payload", json),
    ];
    if case == "pg_outbox" {
        let number = |default: i32| Schema::of(Kind::Int32).optional().default(Value::Int32(default));
        fields.extend([
            Field::new("ts", semantic::of(Kind::Int64, semantic::TIMESTAMP).optional()),
            Field::new("tracingspancontext", text().optional()),
            Field::new("version", number(3)),
            Field::new("tenant", tenant),
            Field::new("part", number(0)),
        ]);
    } else {
        fields.push(Field::new("tenant", tenant));
    }
    Schema::structure(format!("{topic}.Value"), fields).optional()
}

/// What the columns have that no statement names.
fn defaults(case: &str) -> Vec<Value> {
    let tenant = Value::text("acme");
    if case == "pg_outbox" {
        vec![Value::Int64(1_704_164_645_678), Value::Null, Value::Int32(3), tenant, Value::Int32(0)]
    } else {
        vec![tenant]
    }
}

/// The payload of the event of that id.
fn payload(messages: &[Recorded], id: &str) -> Value {
    let is_it =
        |message: &&Recorded| message.headers.iter().any(|(name, value)| name == "id" && value.as_deref() == Some(id));
    let message = messages.iter().find(is_it).unwrap_or_else(|| panic!("no message {id}"));
    Schemas::default().datum(&message.value).unwrap().value
}
