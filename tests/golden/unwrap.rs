//! `ExtractNewRecordState` makes of envelopes what Debezium's makes.
//!
//! The recordings hold what came out of the transform, not what went in. But the variant `fields` tells of each row its
//! operation and its source, so the envelopes can be made again from it; each variant's chain must then give that
//! variant's records.

use std::collections::BTreeMap;
use std::sync::Arc;

use rowtide::config::Properties;
use rowtide::convert::Converters;
use rowtide::data::{Datum, Field, Kind, Schema, Value};
use rowtide::record::{Header, Headers, Record};
use rowtide::transform::{apply_all, build_chain};

use super::connect::Schemas;
use super::{Recorded, recorded, root, variants};

pub(super) type Written = (Option<String>, Option<String>, Vec<(String, Option<String>)>);

#[tokio::test]
async fn each_variant_comes_out_as_recorded() {
    for (case, envelopes_of) in [("pg_unwrap", "pg_crud/default"), ("mysql_unwrap", "mysql_crud/default")] {
        let of_case: Vec<String> = variants().into_iter().filter(|name| name.starts_with(case)).collect();
        assert!(of_case.len() > 3, "{case} has too few variants");
        for variant in of_case {
            let (_, name) = variant.split_once('/').unwrap();
            let properties = properties(&variant);
            let mut chain = build_chain(&properties).ok().unwrap();
            let mut converters = Converters::configured(&Properties::new(), &properties).unwrap();
            let mut written: BTreeMap<String, Vec<Written>> = BTreeMap::new();
            for record in envelopes(case, name, envelopes_of) {
                let Some(record) = apply_all(&mut chain, record).unwrap() else { continue };
                written.entry(record.topic.to_string()).or_default().push(write(&mut converters, &record).await);
            }
            assert_eq!(written, expected(&variant), "{variant}");
        }
    }
}

pub(super) fn properties(variant: &str) -> Properties {
    let file = std::fs::read_to_string(root().join(variant).join("config.json")).unwrap();
    let file: serde_json::Value = serde_json::from_str(&file).unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    file["config"].as_object().unwrap().iter().map(|(key, value)| (key.clone(), text(value))).collect()
}

pub(super) async fn write(converters: &mut Converters, record: &Record) -> Written {
    let text = |bytes: bytes::Bytes| String::from_utf8(bytes.to_vec()).unwrap();
    let key = converters.key.encode(&record.topic, record.key.as_ref(), &Headers::default()).await.unwrap().map(text);
    let value =
        converters.value.encode(&record.topic, record.value.as_ref(), &Headers::default()).await.unwrap().map(text);
    // The recordings don't tell a null from the four letters that stand for a null with a schema.
    let value = value.filter(|value| value != "null");
    let mut headers = Vec::new();
    for header in record.headers.iter() {
        let value = converters.header.encode(&record.topic, &header.value).unwrap().map(text);
        headers.push((header.name.to_string(), value));
    }
    (key, value, headers)
}

/// What Debezium wrote to the topics of rows.
fn expected(variant: &str) -> BTreeMap<String, Vec<Written>> {
    let mut expected: BTreeMap<String, Vec<Written>> = BTreeMap::new();
    for record in recorded(variant).into_iter().filter(is_row) {
        let bytes = |text: &str| (text != "null").then(|| text.to_owned());
        let mut headers = record.headers;
        headers.retain(|(name, _)| name != RUN_ID);
        expected.entry(record.topic).or_default().push((bytes(record.key.get()), bytes(record.value.get()), headers));
    }
    expected
}

pub(super) const RUN_ID: &str = "__debezium.context.runId";

fn is_row(record: &Recorded) -> bool {
    let places = [".message", ".transaction"];
    record.topic.contains(".customers")
        || !record.topic.contains('-') && !places.iter().any(|end| record.topic.ends_with(end))
}

/// The records that went into the transform.
fn envelopes(case: &str, variant: &str, envelopes_of: &str) -> Vec<Record> {
    let mut schemas = Schemas::default();
    let like = recorded(envelopes_of).into_iter().find_map(|record| {
        let datum = schemas.datum(&record.value)?;
        datum.schema.name.as_deref()?.ends_with("customers.Envelope").then_some(datum.schema)
    });
    let like = like.unwrap_or_else(|| panic!("{envelopes_of} has no envelope of customers"));
    let path = root().join(case).join("fields/records.jsonl");
    let text = std::fs::read_to_string(path).unwrap();
    let text = text.replace(&format!("{case}-fields"), &format!("{case}-{variant}"));
    let text = text.replace(&format!("g_{case}_fields"), &format!("g_{case}_{variant}"));
    let mut envelope_schema = None;
    let mut records = Vec::new();
    for recorded in text.lines().map(|line| serde_json::from_str::<Recorded>(line).unwrap()).filter(is_row) {
        let flat = schemas.datum(&recorded.value).unwrap();
        let schema = Arc::clone(envelope_schema.get_or_insert_with(|| Arc::new(envelope_like(&like, &flat.schema))));
        let (value, op) = envelope(&schema, &flat);
        let record = Record {
            topic: recorded.topic.into(),
            partition: None,
            key: schemas.datum(&recorded.key),
            value: Some(Datum { schema, value }),
            headers: headers(recorded.headers),
            ts_ms: None,
            offset: None,
        };
        let tombstone = (op == "d").then(|| Record { value: None, ..record.clone() });
        records.push(record);
        records.extend(tombstone);
    }
    let truncate = records[0].clone();
    let Some(Datum { value: Value::Struct(envelope), schema }) = truncate.value.clone() else { panic!("no envelope") };
    let mut envelope = envelope.into_vec();
    envelope[schema.index_of("after").unwrap()] = Value::Null;
    envelope[schema.index_of("op").unwrap()] = Value::text("t");
    records.push(Record {
        value: Some(Datum { schema, value: Value::Struct(envelope.into()) }),
        key: None,
        ..truncate
    });
    records
}

/// An envelope around the row's columns: all fields but the added ones.
fn envelope_like(like: &Schema, flat: &Schema) -> Schema {
    let columns = flat.fields().iter().filter(|field| !field.name.starts_with("__")).cloned().collect();
    let row = Arc::new(Schema { kind: Kind::Struct(columns), ..flat.clone() }.optional());
    let fields = like.fields().iter().map(|field| match &*field.name {
        "before" | "after" => Field::new(Arc::clone(&field.name), Arc::clone(&row)),
        _ => field.clone(),
    });
    Schema { kind: Kind::Struct(fields.collect()), ..like.clone() }
}

/// The envelope that a flat row tells of, and its operation.
fn envelope(schema: &Schema, flat: &Datum) -> (Value, String) {
    let values = flat.value.as_struct().unwrap();
    let added = |names: [&str; 2]| {
        let place = names.iter().find_map(|name| flat.schema.index_of(name));
        place.map(|place| values[place].clone()).unwrap_or_default()
    };
    let op = added(["__op"; 2]).as_str().unwrap().to_owned();
    let names = flat.schema.fields().iter().zip(values);
    let columns = names.filter(|(field, _)| !field.name.starts_with("__")).map(|(_, value)| value.clone());
    let row = Value::Struct(columns.collect());
    let part = |place: usize, name: &str| {
        let field = |field: &Field| added([&format!("__{name}_{}", field.name), &format!("__{}", field.name)]);
        Value::Struct(schema.fields()[place].schema.fields().iter().map(field).collect())
    };
    let field = |(place, field): (usize, &Field)| match &*field.name {
        "before" if op == "d" => row.clone(),
        "after" if op != "d" => row.clone(),
        "op" => Value::text(op.as_str()),
        "source" => part(place, "source"),
        "transaction" if !added(["__transaction_id"; 2]).is_null() => part(place, "transaction"),
        _ => Value::Null,
    };
    (Value::Struct(schema.fields().iter().enumerate().map(field).collect()), op)
}

/// The headers that the transform has not added.
pub(super) fn headers(recorded: Vec<(String, Option<String>)>) -> Headers {
    let schema = Arc::new(Schema::of(Kind::Text).optional());
    let mut headers = Headers::default();
    for (name, value) in recorded.into_iter().filter(|(name, _)| name.starts_with("__debezium.") && name != RUN_ID) {
        headers.push(Header {
            name: name.into(),
            value: Datum { schema: Arc::clone(&schema), value: value.map(Value::text).into() },
        });
    }
    headers
}
