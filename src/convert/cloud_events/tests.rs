use std::sync::Arc;

use super::*;
use crate::convert::registry::fake::{Fake, error, json};
use crate::convert::{Converter, Converters};
use crate::data::{Field, Kind};
use crate::record::Headers;

fn properties(options: &[(&str, &str)]) -> Properties {
    options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn built(options: &[(&str, &str)]) -> Result<Converter, Problems> {
    Converter::build("value.converter", CLASS, &properties(options))
}

fn problems(options: &[(&str, &str)]) -> String {
    built(options).unwrap_err().to_string()
}

async fn written(options: &[(&str, &str)], datum: &Datum, headers: &EncodedHeaders) -> Option<String> {
    let bytes = built(options).unwrap().encode("s.t", Some(datum), headers).await.unwrap();
    bytes.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
}

async fn refused(options: &[(&str, &str)], datum: &Datum, headers: &EncodedHeaders) -> String {
    built(options).unwrap().encode("s.t", Some(datum), headers).await.unwrap_err().to_string()
}

fn headers(headers: &[(&str, &str)]) -> EncodedHeaders {
    let first = headers.iter().map(|(name, value)| ((*name).into(), Some(Bytes::copy_from_slice(value.as_bytes()))));
    Headers { first: first.collect(), ..Headers::default() }
}

const NONE: EncodedHeaders = Headers { first: Vec::new(), shared: None, last: Vec::new() };

/// The fields of a source block, and their values.
type Source = Vec<(&'static str, Schema, Value)>;

fn source(connector: &'static str, own: Source) -> Source {
    let text = || Schema::of(Kind::Text);
    let snapshot = text().optional().default(Value::text("false"));
    let common = vec![
        ("connector", text(), Value::text(connector)),
        ("name", text(), Value::text("shop")),
        ("ts_ms", Schema::of(Kind::Int64), Value::Int64(1_709_210_096_789)),
        ("snapshot", snapshot, Value::Null),
        ("db", text(), Value::text("inventory")),
    ];
    common.into_iter().chain(own).collect()
}

fn postgres() -> Source {
    let optional = |kind| Schema::of(kind).optional();
    let own = vec![
        ("sequence", optional(Kind::Text), Value::text("[null,\"1\"]")),
        ("txId", optional(Kind::Int64), Value::Int64(7)),
        ("lsn", optional(Kind::Int64), Value::Int64(42)),
        ("origin_lsn", optional(Kind::Int64), Value::Null),
    ];
    source("postgresql", own)
}

/// The change of a row with an id and a name, whose default is `none`.
fn change(source: Source, after: Value) -> Datum {
    let name = Schema::of(Kind::Text).optional().default(Value::text("none"));
    let row = vec![Field::new("id", Schema::of(Kind::Int32)), Field::new("name", name)];
    let row = Arc::new(Schema::structure("shop.t.Value", row).optional());
    let (fields, values): (Vec<_>, Vec<_>) =
        source.into_iter().map(|(name, schema, value)| (Field::new(name, schema), value)).unzip();
    let place = ["id", "total_order"].map(|name| Field::new(name, Schema::of(Kind::Text)));
    let fields = vec![
        Field::new("before", Arc::clone(&row)),
        Field::new("after", row),
        Field::new("source", Schema::structure("io.debezium.Source", fields)),
        Field::new("transaction", Schema::structure("event.block", place.into()).optional()),
        Field::new("op", Schema::of(Kind::Text)),
    ];
    let values = [Value::Null, after, Value::Struct(values.into()), Value::Null, Value::text("c")];
    Datum { schema: Schema::structure("shop.t.Envelope", fields).into(), value: Value::Struct(values.into()) }
}

fn row(name: Value) -> Value {
    Value::Struct([Value::Int32(1), name].into())
}

const BARE: &[(&str, &str)] = &[("json.schemas.enable", "false"), ("extension.attributes.enable", "false")];

const HEAD: &str = r#"{"id":"name:shop;lsn:42;txId:7;sequence:[null,\"1\"]","source":"/debezium/postgresql/shop","specversion":"1.0","type":"io.debezium.connector.postgresql.DataChangeEvent","time":"2024-02-29T12:34:56.789Z","datacontenttype":"application/json","#;

#[tokio::test]
async fn a_change_is_an_event_with_its_source_block_as_attributes() {
    let event =
        written(&[("json.schemas.enable", "false")], &change(postgres(), row(Value::Null)), &NONE).await.unwrap();
    let extensions = r#""iodebeziumop":"c","iodebeziumconnector":"postgresql","iodebeziumname":"shop","iodebeziumtsms":"1709210096789","iodebeziumsnapshot":"false","iodebeziumdb":"inventory","iodebeziumsequence":"[null,\"1\"]","iodebeziumtxId":"7","iodebeziumlsn":"42","iodebeziumoriginlsn":null,"iodebeziumtxid":null,"iodebeziumtxtotalorder":null,"iodebeziumtxdatacollectionorder":null,"#;
    let data = r#""data":{"before":null,"after":{"id":1,"name":"none"}}}"#;
    assert_eq!(event, format!("{HEAD}{extensions}{data}"));
}

#[tokio::test]
async fn data_has_its_schema_unless_that_is_turned_off_and_the_json_options_are_its_own() {
    let options = [("extension.attributes.enable", "false"), ("json.replace.null.with.default", "false")];
    let event = written(&options, &change(postgres(), row(Value::Null)), &NONE).await.unwrap();
    let data = event.strip_prefix(HEAD).unwrap();
    assert!(data.starts_with(r#""data":{"schema":{"type":"struct","fields":[{"type":"struct","#), "{data}");
    let end = r#""optional":false,"name":"io.debezium.connector.postgresql.Data"},"payload":{"before":null,"after":{"id":1,"name":null}}}}"#;
    assert!(data.ends_with(end), "{data}");
}

#[tokio::test]
async fn the_id_of_mysqls_events_is_a_place_in_the_binlog() {
    let own = vec![
        ("file", Schema::of(Kind::Text), Value::text("binlog.000002")),
        ("pos", Schema::of(Kind::Int64), Value::Int64(4)),
        ("row", Schema::of(Kind::Int32), Value::Int32(3)),
    ];
    let datum = change(source("mysql", own), row(Value::text("x")));
    let event = written(&[("json.schemas.enable", "false")], &datum, &NONE).await.unwrap();
    assert!(
        event.starts_with(r#"{"id":"name:shop;file:binlog.000002;pos:4","source":"/debezium/mysql/shop""#),
        "{event}"
    );
    assert!(event.contains(r#""iodebeziumpos":"4","iodebeziumrow":3,"#), "{event}");
}

#[tokio::test]
async fn what_is_no_change_event_is_null_and_a_schema_without_a_name_is_refused() {
    let heartbeat = Schema::structure("io.debezium.connector.common.Heartbeat", Vec::new());
    let datum = Datum { schema: heartbeat.into(), value: Value::Struct([].into()) };
    assert_eq!(written(&[], &datum, &NONE).await, None);
    let null = Datum { value: Value::Null, ..change(postgres(), Value::Null) };
    assert_eq!(written(&[], &null, &NONE).await, None);
    let text = Datum { schema: Schema::of(Kind::Text).into(), value: Value::text("x") };
    assert!(refused(&[], &text, &NONE).await.contains("has no name"));
    let oracle = change(source("oracle", Vec::new()), row(Value::Null));
    assert!(refused(&[], &oracle, &NONE).await.contains("\"oracle\""));
}

#[tokio::test]
async fn headers_may_tell_what_the_event_is() {
    let text = |text: &str| format!(r#"{{"schema":{{"type":"string","optional":false}},"payload":"{text}"}}"#);
    let datum = change(postgres(), row(Value::Null));
    let source = "value,id:header,type:header,traceparent:header,dataSchemaName:header";
    let options = [
        ("metadata.source", source),
        ("schema.data.name.source.header.enable", "true"),
        ("opentelemetry.tracing.attributes.enable", "true"),
        ("extension.attributes.enable", "false"),
    ];
    let (id, kind, name, trace) = (text("my-id"), text("my.type"), text("my.Data"), text("00-a-b-01"));
    let mut all = vec![("id", "x"), ("id", &*id), ("type", &kind), ("dataSchemaName", &name), ("traceparent", &trace)];
    let event = written(&options, &datum, &headers(&all)).await.unwrap();
    assert!(event.starts_with(r#"{"id":"my-id","#), "{event}");
    assert!(event.contains(r#""type":"my.type","#) && event.contains(r#""name":"my.Data"}"#), "{event}");
    assert!(event.contains(r#""datacontenttype":"application/json","traceparent":"00-a-b-01","data":"#), "{event}");
    all.pop();
    assert!(refused(&options, &datum, &headers(&all)).await.contains("traceparent"));
    all.pop();
    assert!(refused(&options, &datum, &headers(&all)).await.contains("there is no header dataSchemaName"));
    all.insert(2, ("id", "my-id"));
    let error = refused(&options, &datum, &headers(&all)).await;
    assert!(error.contains("header id") && error.contains("header.converter"), "{error}");
}

#[tokio::test]
async fn a_row_without_its_envelope_is_an_event_if_headers_tell_of_its_source() {
    let datum = change(postgres(), row(Value::Null));
    let Value::Struct(values) = &datum.value else { panic!() };
    let part =
        |place: usize| Datum { schema: Arc::clone(&datum.schema.fields()[place].schema), value: values[place].clone() };
    let json = |datum: &Datum| {
        let bytes = super::super::Json::build(&Properties::new()).unwrap().encode("t", datum).unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    };
    let (source, op) = (json(&part(2)), json(&part(4)));
    let mut options = BARE.to_vec();
    options.push(("metadata.source", "header,id:generate,type:generate"));
    // Top-level nulls have their defaults, whatever the JSON converter does with nulls (`Struct.get`).
    options.push(("json.replace.null.with.default", "false"));
    let event = written(&options, &part(1), &headers(&[("source", &source), ("op", &op)])).await.unwrap();
    assert_eq!(event, format!("{HEAD}\"data\":{}", r#"{"id":1,"name":"none"}}"#));
    assert_eq!(written(&options, &part(1), &headers(&[("source", &source)])).await, None);
}

#[test]
fn what_no_record_could_satisfy_is_a_problem_at_once() {
    let found = problems(&[("serializer.type", "avro"), ("avro.schema.registry.url", "http://r")]);
    assert!(found.contains("value.converter.data.serializer.type") && found.contains("Avro"), "{found}");
    let found = problems(&[("data.serializer.type", "avro")]);
    assert!(found.contains("value.converter.avro.schema.registry.url"), "{found}");
    let found = problems(&[("metadata.source", "value"), ("opentelemetry.tracing.attributes.enable", "true")]);
    for part in ["id:generate", "type:generate", "traceparent:header"] {
        assert!(found.contains(part), "{part}: {found}");
    }
    for source in ["generate,id:generate,type:generate", "value,id:value,type:generate", "value,time:header"] {
        assert!(problems(&[("metadata.source", source)]).contains("value.converter.metadata.source"), "{source}");
    }
    let found = problems(&[("json.decimal.format", "x"), ("serializer.type", "xml")]);
    assert!(found.contains("value.converter.json.decimal.format") && found.contains("value.converter.serializer.type"));
}

#[test]
fn header_metadata_wants_headers_with_schemas() {
    let file = |more: &[(&str, &str)]| {
        let options = [("value.converter", CLASS), ("value.converter.metadata.source", "header,id:header,type:header")];
        Converters::configured(&Properties::new(), &properties(&[&options, more].concat())).unwrap().warnings
    };
    assert_eq!(file(&[]).first().map(|warning| warning.key.as_str()), Some("header.converter"));
    assert!(file(&[("header.converter", "org.apache.kafka.connect.json.JsonConverter")]).is_empty());
}

#[test]
fn avro_events_and_their_data_have_a_subject_each() {
    let build = |options: &[(&str, &str)]| {
        let url = [("data.serializer.type", "avro"), ("avro.schema.registry.url", "http://localhost:1")];
        built(&[&url, options].concat()).unwrap()
    };
    let datum = change(postgres(), row(Value::Null));
    let subjects = |options: &[(&str, &str)], datum: &Datum| {
        let known = build(options).definitions("s.t", datum).unwrap()?;
        Some(known.into_iter().map(|(subject, schema)| (subject, schema.name.unwrap())).collect::<Vec<_>>())
    };
    let pair = |subject: &str, name: &str| (subject.to_owned(), name.to_owned());
    let data = "io.debezium.connector.postgresql.Data";
    assert_eq!(subjects(&[], &datum), Some(vec![pair("s.t-value", data)]));
    let avro = ("serializer.type", "avro");
    let events = pair("s.t-value", "shop.inventory.CloudEvents.Envelope");
    assert_eq!(subjects(&[avro], &datum), Some(vec![pair("s.t-data-value", data), events]));
    let named = subjects(&[avro, ("schema.cloudevents.name", "my-events.E")], &datum).unwrap();
    assert_eq!(named.last(), Some(&pair("s.t-value", "my_events.E")));
    let (_, schema) = build(&[avro]).definitions("s.t", &datum).unwrap().unwrap().pop().unwrap();
    let schema: serde_json::Value = serde_json::from_str(&schema.text).unwrap();
    let fields: Vec<&str> = schema["fields"].as_array().unwrap().iter().map(|f| f["name"].as_str().unwrap()).collect();
    assert_eq!(fields[5..9], ["datacontenttype", "dataschema", "iodebeziumop", "iodebeziumconnector"]);
    assert_eq!(fields.last(), Some(&"data"));
    assert_eq!(subjects(&[("metadata.source", "header,id:generate,type:generate")], &datum), None);
}

#[test]
fn what_may_not_be_meant_is_told() {
    let options = [("key.converter", CLASS), ("value.converter", CLASS), ("value.converter.schemas.enable", "false")];
    let warnings = Converters::configured(&Properties::new(), &properties(&options)).unwrap().warnings;
    let keys: Vec<&str> = warnings.iter().map(|warning| warning.key.as_str()).collect();
    assert_eq!(keys, ["value.converter.schemas.enable", "key.converter"]);
}

#[tokio::test]
async fn avro_events_hold_avro_data() {
    let fake = Fake::start(|call, _| match call {
        "POST /subjects/s.t-data-value/versions" => json(200, r#"{"id":7}"#),
        "POST /subjects/s.t-value/versions" => json(200, r#"{"id":8}"#),
        _ => error(404, 40403),
    })
    .await;
    let registry = ("avro.schema.registry.url", &*fake.url);
    let bare = [("extension.attributes.enable", "false"), ("data.serializer.type", "avro"), registry];
    let mut converter = built(&[&bare[..], &[("serializer.type", "avro")]].concat()).unwrap();
    let datum = change(postgres(), row(Value::text("x")));
    let event = converter.encode("s.t", Some(&datum), &NONE).await.unwrap().unwrap();
    let data = b"\0\0\0\0\x07\x00\x02\x02\x00\x02x";
    let mut expected = b"\0\0\0\0\x08".to_vec();
    let place = format!("{}/schemas/ids/7", fake.url);
    let id = r#"name:shop;lsn:42;txId:7;sequence:[null,"1"]"#;
    let kind = "io.debezium.connector.postgresql.DataChangeEvent";
    let time = "2024-02-29T12:34:56.789Z";
    for text in [id, "/debezium/postgresql/shop", "1.0", kind, time, "application/avro", &place] {
        expected.push(u8::try_from(text.len() * 2).unwrap());
        expected.extend_from_slice(text.as_bytes());
    }
    expected.push(u8::try_from(data.len() * 2).unwrap());
    expected.extend_from_slice(data);
    assert_eq!(event, expected);
}

#[test]
fn addresses_of_registries_are_told_without_passwords() {
    let addresses = "http://user:secret@a:1/apis/registry/v2,b:2";
    assert_eq!(without_user_info(addresses), "http://a:1/apis/registry/v2,b:2");
}

#[tokio::test]
async fn bytes_pass_and_the_rest_is_delegated() {
    let class = crate::convert::delegating::BINARY;
    let build = |options: &[(&str, &str)]| Converter::build("value.converter", class, &properties(options));
    let bytes = Datum { schema: Schema::of(Kind::Bytes).into(), value: Value::Bytes("x".into()) };
    let text = Datum { schema: Schema::of(Kind::Text).into(), value: Value::text("x") };
    let mut alone = build(&[]).unwrap();
    assert_eq!(alone.encode("t", Some(&bytes), &NONE).await.unwrap().unwrap(), "x");
    let error = alone.encode("t", Some(&text), &NONE).await.unwrap_err().to_string();
    assert!(error.contains("delegate.converter.type"), "{error}");
    let json = "org.apache.kafka.connect.json.JsonConverter";
    let options = [("delegate.converter.type", json), ("delegate.converter.type.schemas.enable", "false")];
    let mut delegating = build(&options).unwrap();
    assert_eq!(delegating.encode("t", Some(&text), &NONE).await.unwrap().unwrap(), "\"x\"");
    assert_eq!(delegating.encode("t", Some(&bytes), &NONE).await.unwrap().unwrap(), "x");
    let wrong = build(&[("delegate.converter.type", json), ("delegate.converter.type.decimal.format", "x")]);
    let wrong = wrong.unwrap_err().to_string();
    assert!(wrong.contains("value.converter.delegate.converter.type.decimal.format"), "{wrong}");
    assert!(build(&[("delegate.converter.type", "x.Nothing")]).is_err());
}
