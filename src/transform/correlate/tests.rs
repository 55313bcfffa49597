use super::*;
use crate::data::Field;
use crate::record::Headers;

fn correlate(options: &[(&str, &str)]) -> Box<dyn Transform> {
    let options = options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    build(&"ids".into(), &options).ok().unwrap()
}

fn text(name: &str) -> Field {
    Field::new(name, Schema::of(Kind::Text).optional())
}

fn number(name: &str) -> Field {
    Field::new(name, Schema::of(Kind::Int64).optional())
}

/// A change in PostgreSQL, at that place, in that transaction.
fn change(op: &str, id: i64, lsn: i64, tx: impl Into<Value>) -> Record {
    let row = Arc::new(Schema::structure("V", vec![number("id"), text("request"), number("cause")]).optional());
    let block = vec![text("connector"), text("name"), number("ts_ms"), text("table"), number("txId"), number("lsn")];
    let transaction = Schema::structure("T", vec![text("id"), number("total_order")]).optional();
    let fields = vec![
        Field::new("before", Arc::clone(&row)),
        Field::new("after", row),
        Field::new("source", Schema::structure("S", block)),
        Field::new("transaction", transaction),
        text("op"),
    ];
    let row = Value::Struct([Value::Int64(id), Value::text(format!("request-{id}")), Value::Int64(id + 100)].into());
    let (before, after) = if op == "d" { (row, Value::Null) } else { (Value::Null, row) };
    let ts_ms = Value::Int64(0);
    let block =
        [Value::text("postgresql"), Value::text("shop"), ts_ms, Value::text("orders"), tx.into(), Value::Int64(lsn)];
    let value = [before, after, Value::Struct(block.into()), Value::Null, Value::text(op)];
    let key = Schema::structure("K", vec![number("id")]);
    Record {
        topic: "shop.orders".into(),
        partition: None,
        key: Some(Datum { schema: key.into(), value: Value::Struct([Value::Int64(id)].into()) }),
        value: Some(Datum { schema: Schema::structure("E", fields).into(), value: Value::Struct(value.into()) }),
        headers: Headers::default(),
        ts_ms: None,
        offset: None,
    }
}

/// The headers, by their names.
fn headers(options: &[(&str, &str)], record: Record) -> Vec<(String, String)> {
    let record = correlate(options).apply(record).unwrap().unwrap();
    let told = |header: &Header| (header.name.to_string(), header.value.value.as_str().unwrap().to_owned());
    record.headers.iter().map(told).collect()
}

fn header(name: &str, options: &[(&str, &str)], record: Record) -> Option<String> {
    headers(options, record).into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

#[test]
fn ids_are_made_of_the_place_and_stay() {
    let told = headers(&[], change("c", 1, 50, 7_i64));
    let names: Vec<&str> = told.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["event-id", "event-type", "correlation-id"]);
    assert_eq!(told[1].1, "orders.created");
    let event_id = |record| header("event-id", &[], record).unwrap();
    let first = event_id(change("c", 1, 50, 7_i64));
    assert_eq!(uuid::Uuid::parse_str(&first).unwrap().get_version_num(), 5);
    // Consumers keep these ids: they must not change from one version to the next.
    assert_eq!(first, "da2e5d28-a1c8-5c39-b794-c527a195a5ef");
    let mut later = change("c", 1, 50, 7_i64);
    if let Some(Datum { value: Value::Struct(fields), .. }) = &mut later.value
        && let Value::Struct(block) = &mut fields[2]
    {
        block[2] = Value::Int64(99);
    }
    assert_eq!(event_id(later), first);
    // A log's record may hold several rows, and a change of the key is a delete and a create at one place.
    let others = [change("c", 1, 51, 7_i64), change("c", 2, 50, 7_i64), change("d", 1, 50, 7_i64)];
    for other in others {
        assert_ne!(event_id(other), first);
    }
    let keyless = |id| event_id(Record { key: None, ..change("c", id, 50, 7_i64) });
    assert!(keyless(1) == keyless(1) && keyless(1) != keyless(2));
}

#[test]
fn a_transaction_correlates_its_events() {
    let id = |name, record| header(name, &[("causation.id.default", "transaction")], record).unwrap();
    let first = change("c", 1, 50, 7_i64);
    let correlation = id("correlation-id", first.clone());
    assert_eq!(correlation, id("correlation-id", change("d", 2, 51, 7_i64)));
    assert_ne!(correlation, id("correlation-id", change("c", 1, 50, 8_i64)));
    assert_ne!(correlation, id("event-id", first.clone()));
    assert_eq!(correlation, id("causation-id", first));
    // Of a transaction that is not known each event is its own.
    let unknown = change("c", 1, 50, Value::Null);
    assert_eq!(id("correlation-id", unknown.clone()), id("event-id", unknown.clone()));
    let mut told = unknown;
    if let Some(Datum { value: Value::Struct(fields), .. }) = &mut told.value {
        fields[3] = Value::Struct([Value::text("7:50"), Value::Int64(1)].into());
    }
    assert_ne!(id("correlation-id", told.clone()), id("event-id", told));
}

#[test]
fn columns_come_first() {
    let options = [
        ("correlation.id.field", "request"),
        ("correlation.id.header", "x-request"),
        ("causation.id.field", "cause"),
        ("event.id.default", "none"),
        ("event.type.default", "none"),
    ];
    let expected = [("x-request".to_owned(), "request-1".to_owned()), ("causation-id".to_owned(), "101".to_owned())];
    assert_eq!(headers(&options, change("c", 1, 50, 7_i64)), expected);
    assert_eq!(headers(&options, change("d", 1, 50, 7_i64)), expected);
    // A table without the column has what its transaction says.
    let elsewhere = [("correlation.id.field", "trace")];
    assert_eq!(headers(&elsewhere, change("c", 1, 50, 7_i64)), headers(&[], change("c", 1, 50, 7_i64)));
    // A row without its envelope has its columns alone.
    let schema = Schema::structure("V", vec![text("request")]);
    let value = Datum { schema: schema.into(), value: Value::Struct([Value::text("r")].into()) };
    let flat = Record { value: Some(value), ..change("c", 1, 50, 7_i64) };
    assert_eq!(headers(&options, flat), [("x-request".to_owned(), "r".to_owned())]);
}

#[test]
fn what_is_no_change_of_a_row_passes() {
    assert_eq!(headers(&[], Record { value: None, ..change("d", 1, 50, 7_i64) }), []);
    let heartbeat = Schema::structure("Heartbeat", vec![number("ts_ms")]);
    let value = Datum { schema: heartbeat.into(), value: Value::Struct([Value::Int64(1)].into()) };
    assert_eq!(headers(&[], Record { value: Some(value), ..change("c", 1, 50, 7_i64) }), []);
}

#[test]
fn a_column_that_is_no_id_is_an_error() {
    assert_eq!(told(&Value::text("")), Ok(None));
    assert!(told(&Value::Bool(true)).is_err());
    let options = [("correlation.id.default".to_owned(), "sequence".to_owned())].into();
    let said = build(&"ids".into(), &options).err().unwrap().to_string();
    assert!(said.contains("must be one of transaction, position, none"), "{said}");
}
