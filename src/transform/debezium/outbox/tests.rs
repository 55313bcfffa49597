use super::*;
use crate::data::{Field, Kind, Schema, semantic};
use crate::transform::test_records::{applied, built, event, field, headers, heartbeat, of, refusal, row, tombstone};

fn router(options: &[(&str, &str)]) -> Box<dyn Transform> {
    built(build, options).unwrap()
}

fn columns() -> Vec<(&'static str, Schema)> {
    vec![
        ("id", semantic::of(Kind::Text, semantic::UUID)),
        ("aggregatetype", of(Kind::Text)),
        ("aggregateid", of(Kind::Text)),
        ("type", of(Kind::Text)),
        ("payload", semantic::of(Kind::Text, semantic::JSON).optional()),
        ("at", semantic::of(Kind::Int64, semantic::MICRO_TIMESTAMP).optional()),
        ("version", of(Kind::Int32).optional().default(Value::Int32(3))),
        ("part", of(Kind::Int32).optional()),
    ]
}

/// A row of the outbox, as the database inserts it.
fn inserted(aggregate: &str, payload: Value) -> Record {
    let row = row([
        Value::text("406c07f3"),
        Value::text(aggregate.to_owned()),
        Value::text("1"),
        Value::text("OrderCreated"),
        payload,
        Value::Int64(1_704_164_645_678_901),
        Value::Null,
        Value::Int32(2),
    ]);
    event("c", &columns(), Value::Null, row)
}

fn order() -> Record {
    inserted("Order", Value::text("{\"id\": 1}"))
}

#[test]
fn a_row_becomes_its_message() {
    let record = applied(&mut *router(&[]), order());
    assert_eq!((&*record.topic, record.partition, record.ts_ms), ("outbox.event.Order", None, Some(2_000)));
    assert_eq!(record.key, Some(Datum { schema: of(Kind::Text).into(), value: Value::text("1") }));
    let json = semantic::of(Kind::Text, semantic::JSON).optional();
    assert_eq!(record.value, Some(Datum { schema: json.into(), value: Value::text("{\"id\": 1}") }));
    assert_eq!(headers(&record), [("id".to_owned(), Value::text("406c07f3"))]);
}

#[test]
fn what_is_no_insert_goes_nowhere_and_what_is_no_row_passes() {
    let mut default = router(&[]);
    assert!(default.apply(tombstone()).unwrap().is_none());
    assert_eq!(applied(&mut *default, heartbeat()).topic, heartbeat().topic);
    // A delete needs none of the columns.
    let id = [("id", of(Kind::Int32))];
    assert!(default.apply(event("d", &id, row([Value::Int32(1)]), Value::Null)).unwrap().is_none());
    for (behaviour, refused) in [("warn", false), ("ERROR", false), ("fatal", true)] {
        for op in ["u", "t"] {
            let result =
                router(&[("table.op.invalid.behavior", behaviour)]).apply(event(op, &id, Value::Null, Value::Null));
            assert_eq!(result.is_err(), refused, "{behaviour} {op}");
            assert!(result.is_err() || result.unwrap().is_none());
        }
    }
    let read = applied(&mut *default, event("r", &columns(), Value::Null, field(&order(), "after")));
    assert_eq!(&*read.topic, "outbox.event.Order");
}

#[test]
fn columns_and_topics_are_named() {
    let mut router = router(&[
        ("table.field.event.id", "type"),
        ("table.field.event.key", "version"),
        ("table.field.event.payload", "aggregateid"),
        ("table.field.event.timestamp", "at"),
        ("route.by.field", "type"),
        ("route.topic.regex", "(.*)(Created|Renamed)"),
        ("route.topic.replacement", "$2.of.$1"),
    ]);
    let record = applied(&mut *router, order());
    assert_eq!((&*record.topic, record.ts_ms), ("Created.of.Order", Some(1_704_164_645_678)));
    // A null takes the column's default.
    assert_eq!(record.key.unwrap().value, Value::Int32(3));
    assert_eq!(record.value.unwrap().value, Value::text("1"));
    assert_eq!(headers(&applied(&mut *router, order())), [("id".to_owned(), Value::text("OrderCreated"))]);
    let renamed = applied(&mut *super::tests::router(&[("route.topic.regex", "(?<routedByValue>x)")]), order());
    assert_eq!(&*renamed.topic, "Order", "what does not match is the topic");
}

#[test]
fn more_columns_go_where_they_are_placed() {
    let placement = "type:header:eventType, version:envelope:eventVersion,part:partition,type:envelope";
    let mut router = router(&[("table.fields.additional.placement", placement)]);
    let record = applied(&mut *router, order());
    let expected = [("id".to_owned(), Value::text("406c07f3")), ("eventType".to_owned(), Value::text("OrderCreated"))];
    assert_eq!((headers(&record), record.partition), (expected.to_vec(), Some(2)));
    let value = record.value.unwrap();
    let values = row([Value::text("{\"id\": 1}"), Value::Int32(3), Value::text("OrderCreated")]);
    assert_eq!((value.schema.name.as_deref(), value.value), (Some("shop.orders.Order.Value"), values));
    assert_eq!((value.schema.optional, value.schema.version), (false, None));
    let names: Vec<&str> = value.schema.fields().iter().map(|field| &*field.name).collect();
    assert_eq!(names, ["payload", "eventVersion", "type"]);
    // Debezium's schema keeps the name of the first aggregate.
    let customer = applied(&mut *router, inserted("Customer", Value::Null)).value.unwrap();
    assert!(Arc::ptr_eq(&customer.schema, &value.schema));
}

#[test]
fn a_column_may_be_missing_if_that_is_said() {
    let placement = ("table.fields.additional.placement", "gone:header,gone:envelope,type:header");
    let refused = refusal(router(&[placement]).apply(order()));
    assert_eq!(refused, "transform t: topic shop.orders has no field \"gone\"");
    for option in [("table.field.additional.missing", "ignore"), ("table.fields.additional.error.on.missing", "false")]
    {
        let record = applied(&mut *router(&[placement, option]), order());
        assert_eq!(headers(&record).len(), 2, "{option:?}");
        assert_eq!(record.value.unwrap().value, Value::text("{\"id\": 1}"));
    }
}

#[test]
fn the_version_is_that_of_the_schema() {
    let options =
        [("table.fields.additional.placement", "type:envelope"), ("table.field.event.schema.version", "part")];
    let mut router = router(&options);
    let value = applied(&mut *router, order()).value.unwrap();
    assert_eq!(value.schema.version, Some(2));
    assert!(Arc::ptr_eq(&applied(&mut *router, order()).value.unwrap().schema, &value.schema));
    let wrong = super::tests::router(&[options[0], ("table.field.event.schema.version", "type")]).apply(order());
    assert!(refusal(wrong).contains("field \"type\" is of type STRING; a version is an integer of 32 bits"));
}

#[test]
fn an_empty_payload_may_become_a_tombstone() {
    for payload in [Value::Null, Value::text(" \n")] {
        let record = applied(&mut *router(&[]), inserted("Order", payload.clone()));
        assert_eq!(record.value.unwrap().value, payload);
        let tombstones = ("route.tombstone.on.empty.payload", "true");
        let more = ("table.fields.additional.placement", "type:envelope");
        assert_eq!(applied(&mut *router(&[tombstones, more]), inserted("Order", payload)).value, None);
    }
    assert!(applied(&mut *router(&[("route.tombstone.on.empty.payload", "true")]), order()).value.is_some());
}

#[test]
fn json_is_expanded_where_it_can_be() {
    let expand = ("table.expand.json.payload", "true");
    let mut router = router(&[expand]);
    let mut value =
        |payload: &'static str| applied(&mut *router, inserted("Order", Value::text(payload))).value.unwrap();
    let expanded = value("{\"a\": 1, \"n\": null}");
    assert_eq!((expanded.schema.name.as_deref(), expanded.value), (Some("payload"), row([Value::Int32(1)])));
    assert_eq!(value("[1, 2]").value, Value::Array([Value::Int32(1), Value::Int32(2)].into()));
    for text in ["plain", "{\"a\": [1, \"x\"]}", "[]"] {
        assert_eq!(value(text).value, Value::text(text), "stays text: {text}");
    }
    let nulls = ("table.json.payload.null.behavior", "optional_bytes");
    let record = applied(&mut *super::tests::router(&[expand, nulls]), inserted("Order", Value::text("{\"n\": null}")));
    let schema = Arc::clone(&record.value.unwrap().schema);
    assert_eq!(schema.fields(), [Field::new("n", of(Kind::Bytes).optional())]);
}

#[test]
fn rows_that_cannot_be_routed_are_refused() {
    for (options, expected) in [
        (("table.field.event.payload", "data"), "has no field \"data\""),
        (("route.by.field", "part"), "field \"part\" is of type INT32; only text says where an event goes"),
        (("table.field.event.timestamp", "type"), "field \"type\" is of type STRING; an event's time is"),
        (("table.fields.additional.placement", "type:partition"), "a partition is an integer of 32 bits"),
    ] {
        let refused = refusal(router(&[options]).apply(order()));
        assert!(refused.contains(expected), "{refused}");
    }
    let mut columns = columns();
    columns[1].1.optional = true;
    let row = row([Value::text("i"), Value::Null, Value::text("1")].into_iter().chain(vec![Value::Null; 5]));
    let refused = refusal(router(&[]).apply(event("c", &columns, Value::Null, row)));
    assert!(refused.contains("field \"aggregatetype\" is null"), "{refused}");
}

#[test]
fn what_cannot_work_is_said_at_once() {
    let problems = built(
        build,
        &[
            ("route.topic.regex", "("),
            (
                "table.fields.additional.placement",
                "a,b:footer,c:envelope:payload,d:envelope:x,e:envelope:x,f:partition,g:partition",
            ),
            ("table.op.invalid.behavior", "fail"),
            ("table.field.additional.missing", "ignore"),
            ("table.fields.additional.error.on.missing", "true"),
        ],
    );
    let problems = problems.err().unwrap();
    for expected in [
        "route.topic.regex=\"(\": is no regular expression",
        "placement=\"a\": must be column:header",
        "placement=\"b:footer\": must be",
        "placement=\"c:envelope:payload\": would be the second field",
        "placement=\"e:envelope:x\": would be the second field",
        "placement=\"g:partition\": is the second partition",
        "table.op.invalid.behavior=\"fail\"",
        "error.on.missing=\"true\": says the opposite",
    ] {
        assert!(problems.contains(expected), "{expected} is not in\n{problems}");
    }
    let problems = built(build, &[("route.topic.replacement", "x.${y}")]).err().unwrap();
    assert!(problems.contains("no group named \"y\""), "{problems}");
}
