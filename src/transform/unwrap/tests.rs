use super::*;
use crate::data::Field;
use crate::record::Headers;

fn chain(options: &[(&str, &str)]) -> Box<dyn Transform> {
    let options = options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    build(&"unwrap".into(), &options).ok().unwrap()
}

fn problems(options: &[(&str, &str)]) -> String {
    let options = options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    build(&"unwrap".into(), &options).err().unwrap().to_string()
}

fn row_schema() -> Schema {
    let name = Schema::of(Kind::Text).optional().default(Value::text("nobody"));
    let fields = vec![Field::new("id", Schema::of(Kind::Int32)), Field::new("name", name)];
    Schema::structure("shop.customers.Value", fields).optional()
}

fn envelope_schema() -> Arc<Schema> {
    let row = Arc::new(row_schema());
    let snapshot = Schema::of(Kind::Text).optional().default(Value::text("false"));
    let source = vec![Field::new("table", Schema::of(Kind::Text)), Field::new("snapshot", snapshot)];
    let transaction = vec![Field::new("id", Schema::of(Kind::Text))];
    let fields = vec![
        Field::new("before", Arc::clone(&row)),
        Field::new("after", row),
        Field::new("source", Schema::structure("Source", source)),
        Field::new("transaction", Schema::structure("event.block", transaction).optional()),
        Field::new("op", Schema::of(Kind::Text)),
        Field::new("extra", Schema::of(Kind::Int32).optional()),
    ];
    Schema::structure("shop.customers.Envelope", fields).version(2).into()
}

fn row(name: impl Into<Value>) -> Value {
    Value::Struct([Value::Int32(7), name.into()].into())
}

fn record(op: &str, before: Value, after: Value) -> Record {
    let source = Value::Struct([Value::text("customers"), Value::Null].into());
    let envelope = [before, after, source, Value::Null, Value::text(op), Value::Int32(5)];
    let key = Schema::structure("shop.customers.Key", vec![Field::new("id", Schema::of(Kind::Int32))]);
    Record {
        topic: "shop.customers".into(),
        partition: None,
        key: Some(Datum { schema: key.into(), value: Value::Struct([Value::Int32(7)].into()) }),
        value: Some(Datum { schema: envelope_schema(), value: Value::Struct(envelope.into()) }),
        headers: Headers::default(),
        ts_ms: None,
        offset: None,
    }
}

fn created() -> Record {
    record("c", Value::Null, row(Text::from_static("Anne")))
}

fn deleted() -> Record {
    record("d", row(Value::Null), Value::Null)
}

fn tombstone() -> Record {
    Record { value: None, ..deleted() }
}

/// Names and values of a record's value.
fn named(record: &Record) -> Vec<(&str, Value)> {
    let value = record.value.as_ref().unwrap();
    let names = value.schema.fields().iter().map(|field| &*field.name);
    names.zip(value.value.as_struct().unwrap().iter().cloned()).collect()
}

/// What becomes of a delete and of a tombstone: `-` dropped, `T` tombstone, `N` null with a schema, `R` a row.
fn fates(options: &[(&str, &str)]) -> String {
    let mut unwrap = chain(options);
    let mut fate = |record| match unwrap.apply(record).unwrap().map(|record| record.value) {
        None => '-',
        Some(None) => 'T',
        Some(Some(value)) if value.value.is_null() => 'N',
        Some(Some(_)) => 'R',
    };
    [fate(deleted()), fate(tombstone())].iter().collect()
}

#[test]
fn deletes_and_tombstones_fare_as_the_mode_says() {
    let mode = "delete.tombstone.handling.mode";
    for (option, expected) in [
        ("drop", "--"),
        ("tombstone", "N-"),
        ("delete-to-tombstone", "T-"),
        ("Rewrite", "R-"),
        ("rewrite-with-tombstone", "RT"),
    ] {
        assert_eq!(fates(&[(mode, option)]), expected, "{option}");
    }
    assert_eq!(fates(&[]), "N-");
}

#[test]
fn the_old_options_mean_what_they_meant() {
    for (drop_tombstones, deletes, expected) in [
        ("true", "drop", "--"),
        ("false", "drop", "-T"),
        ("true", "rewrite", "R-"),
        ("false", "rewrite", "RT"),
        ("true", "none", "N-"),
        ("false", "none", "NT"),
    ] {
        let both = [("drop.tombstones", drop_tombstones), ("delete.handling.mode", deletes)];
        assert_eq!(fates(&both), expected, "{drop_tombstones} {deletes}");
    }
    assert_eq!(fates(&[("drop.tombstones", "false")]), "-T");
    assert_eq!(fates(&[("delete.handling.mode", "rewrite")]), "R-");
    assert_eq!(fates(&[("delete.handling.mode", "rewrite"), ("delete.tombstone.handling.mode", "drop")]), "--");
}

#[test]
fn fields_are_found_named_and_made_optional() {
    let mut unwrap = chain(&[
        ("add.fields", "op:OPERATION, table,source.snapshot,transaction.id,extra,nowhere,after.id,before.name"),
        ("add.fields.prefix", ""),
        ("add.headers", "op"),
        ("add.headers.prefix", "x-"),
    ]);
    let record = unwrap.apply(created()).unwrap().unwrap();
    let expected = [
        ("id", Value::Int32(7)),
        ("name", Value::text("Anne")),
        ("OPERATION", Value::text("c")),
        ("table", Value::text("customers")),
        ("source_snapshot", Value::Null),
        ("transaction_id", Value::Null),
        ("extra", Value::Int32(5)),
        ("after_id", Value::Int32(7)),
        ("before_name", Value::Null),
    ];
    assert_eq!(named(&record), expected);
    let schema = Arc::clone(&record.value.as_ref().unwrap().schema);
    assert!(!schema.optional && schema.fields()[2..].iter().all(|field| field.schema.optional));
    assert_eq!(schema.fields()[4].schema.default, None);
    let headers = |record: Record| -> Vec<(String, Value)> {
        record.headers.iter().map(|header| (header.name.to_string(), header.value.value.clone())).collect()
    };
    assert_eq!(headers(record), [("x-op".to_owned(), Value::text("c"))]);
    let mut passing =
        chain(&[("add.headers", "op,table"), ("delete.tombstone.handling.mode", "rewrite-with-tombstone")]);
    let passed = passing.apply(tombstone()).unwrap().unwrap();
    assert_eq!(headers(passed), [("__op".to_owned(), Value::text("d"))]);
}

#[test]
fn a_rewritten_null_becomes_the_default_unless_it_may_not() {
    for (replace, name) in [("true", Value::text("nobody")), ("false", Value::Null)] {
        let mut unwrap = chain(&[("delete.handling.mode", "rewrite"), ("replace.null.with.default", replace)]);
        let record = unwrap.apply(deleted()).unwrap().unwrap();
        assert_eq!(named(&record), [("id", Value::Int32(7)), ("name", name), ("__deleted", Value::text("true"))]);
    }
}

#[test]
fn a_column_names_the_topic() {
    let mut unwrap = chain(&[("route.by.field", "name")]);
    let mut topic = |record| unwrap.apply(record).unwrap().unwrap().topic.to_string();
    assert_eq!(topic(created()), "Anne");
    assert_eq!(topic(record("c", Value::Null, row(Value::text(" ")))), "shop.customers");
    assert_eq!(topic(deleted()), "shop.customers");
    let refused = |column| chain(&[("route.by.field", column)]).apply(created()).unwrap_err().to_string();
    assert_eq!(refused("city"), "transform unwrap: topic shop.customers has no field \"city\"");
    assert!(refused("id").contains("is no text"));
}

#[test]
fn a_header_names_fields_to_leave_out() {
    let names = |record: &Record| named(record).into_iter().map(|(name, _)| name.to_owned()).collect::<Vec<_>>();
    let listed = |mut record: Record| {
        let schema = Schema::of(Kind::Array(Schema::of(Kind::Text).into()));
        let value = Value::Array([Value::text("id"), Value::text("name"), Value::text("__op")].into());
        record.headers.push(Header { name: "drop".into(), value: Datum { schema: schema.into(), value } });
        record
    };
    let common = [("drop.fields.header.name", "drop"), ("add.fields", "op"), ("delete.handling.mode", "rewrite")];
    let mut compatible = chain(&common);
    let mut apply = |record| compatible.apply(record).unwrap().unwrap();
    assert_eq!(names(&apply(created())), ["id", "name", "__deleted", "__op"]);
    assert_eq!(names(&apply(listed(created()))), ["id", "__deleted"]);
    assert_eq!(names(&apply(listed(deleted()))), ["id", "__deleted", "__op"]);
    let more = [("drop.fields.from.key", "true"), ("drop.fields.keep.schema.compatible", "false")];
    let record = chain(&[&common[..], &more].concat()).apply(listed(created())).unwrap().unwrap();
    assert_eq!(names(&record), ["__deleted"]);
    assert!(record.key.unwrap().schema.fields().is_empty());
}

#[test]
fn what_is_no_change_of_a_row_passes_and_a_truncate_does_not() {
    let heartbeat =
        Datum { schema: Schema::structure("Heartbeat", Vec::new()).into(), value: Value::Struct([].into()) };
    let passing_record = Record { value: Some(heartbeat.clone()), ..created() };
    assert_eq!(chain(&[]).apply(passing_record).unwrap().unwrap().value, Some(heartbeat));
    assert!(chain(&[]).apply(record("t", Value::Null, Value::Null)).unwrap().is_none());
}

#[test]
fn what_cannot_work_is_said() {
    let said = problems(&[("add.fields", "op,a.b.c,x:y:z"), ("delete.tombstone.handling.mode", "rewriet")]);
    for expected in ["add.fields=\"a.b.c\"", "add.fields=\"x:y:z\"", "did you mean \"rewrite\"?"] {
        assert!(said.contains(expected), "{said}");
    }
    let said = |fields| chain(&[("add.fields", fields)]).apply(created()).unwrap_err().to_string();
    assert!(said("mongo.x").contains("the envelope has no struct \"mongo\""));
    let taken =
        chain(&[("add.fields", "op:name"), ("add.fields.prefix", "")]).apply(created()).unwrap_err().to_string();
    assert!(taken.contains("has a field \"name\" already"), "{taken}");
}
