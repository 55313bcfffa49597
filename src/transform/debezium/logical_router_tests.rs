use super::*;
use crate::transform::test_records::{applied, built, event, field, heartbeat, of, refusal, row, tombstone};

const SHARDS: [(&str, &str); 2] = [("topic.regex", "(.*)orders_shard_(.*)"), ("topic.replacement", "$1orders_all")];

fn router(options: &[(&str, &str)]) -> Box<dyn Transform> {
    built(build, &[&SHARDS, options].concat()).unwrap()
}

fn on(topic: &str, record: Record) -> Record {
    Record { topic: topic.into(), ..record }
}

fn created() -> Record {
    let columns = [("id", of(Kind::Int32))];
    on("shop.orders_shard_7", event("c", &columns, Value::Null, row([Value::Int32(1)])))
}

fn key(record: &Record) -> (String, Vec<String>, Value) {
    let key = record.key.as_ref().unwrap();
    let fields = key.schema.fields().iter().map(|field| field.name.to_string()).collect();
    (key.schema.name.as_deref().unwrap().to_owned(), fields, key.value.clone())
}

#[test]
fn parts_share_the_topic_and_its_schemas() {
    let mut router = router(&[]);
    let record = applied(&mut *router, created());
    assert_eq!(&*record.topic, "shop.orders_all");
    let fields = vec!["id".to_owned(), "__dbz__physicalTableIdentifier".to_owned()];
    let expected = row([Value::Int32(1), Value::text("shop.orders_shard_7")]);
    assert_eq!(key(&record), ("shop.orders_all.Key".to_owned(), fields, expected));
    let value = record.value.clone().unwrap();
    assert_eq!((value.schema.name.as_deref(), value.schema.version), (Some("shop.orders_all.Envelope"), Some(2)));
    for row in ["before", "after"] {
        let schema = &value.schema.fields()[value.schema.index_of(row).unwrap()].schema;
        assert_eq!((schema.name.as_deref(), schema.optional), (Some("shop.orders_all.Value"), true));
    }
    assert_eq!(field(&record, "after.id"), Value::Int32(1));
    // Once per schema.
    let key = Arc::clone(&record.key.as_ref().unwrap().schema);
    let deleted = applied(&mut *router, Record { key: created().key, ..on("shop.orders_shard_7", tombstone()) });
    assert_eq!((&*deleted.topic, deleted.value), ("shop.orders_all", None));
    assert_eq!(deleted.key.unwrap().schema, key);
}

#[test]
fn the_key_tells_the_part_as_it_is_asked_to() {
    let named = [("key.field.name", "shard"), ("key.field.regex", ".*_shard_(.*)"), ("key.field.replacement", "no $1")];
    let (_, fields, value) = key(&applied(&mut *router(&named), created()));
    assert_eq!((fields[1].as_str(), value), ("shard", row([Value::Int32(1), Value::text("no 7")])));
    // What the expression does not match is the whole name.
    let (_, _, value) =
        key(&applied(&mut *router(&[("key.field.regex", "x"), ("key.field.replacement", "y")]), created()));
    assert_eq!(value, row([Value::Int32(1), Value::text("shop.orders_shard_7")]));
    let (_, fields, _) = key(&applied(&mut *router(&[("key.enforce.uniqueness", "false")]), created()));
    assert_eq!(fields, ["id"]);
    assert_eq!(applied(&mut *router(&[]), Record { key: None, ..created() }).key, None);
    let taken = router(&[("key.field.name", "id")]).apply(created());
    assert!(refusal(taken).contains("the key has a field \"id\" already"));
}

#[test]
fn names_are_adjusted() {
    let options = [("topic.regex", ".*"), ("topic.replacement", "a-b"), ("schema.name.adjustment.mode", "avro")];
    let record = applied(&mut *built(build, &options).unwrap(), created());
    assert_eq!((&*record.topic, key(&record).0.as_str()), ("a-b", "a_b.Key"));
}

#[test]
fn other_topics_and_what_is_no_row_stay() {
    let other = applied(&mut *router(&[]), on("shop.customers", created()));
    assert_eq!((&*other.topic, other.key), ("shop.customers", created().key));
    let beat = applied(&mut *router(&[]), on("shop.orders_shard_1", heartbeat()));
    assert_eq!((&*beat.topic, beat.value), ("shop.orders_all", heartbeat().value));
    let nameless = built(build, &[("topic.regex", "(x?).*"), ("topic.replacement", "$1")]).unwrap();
    assert_eq!(&*applied(&mut *{ nameless }, created()).topic, "shop.orders_shard_7");
}

#[test]
fn what_cannot_work_is_said() {
    let problems = built(build, &[("topic.regex", "("), ("key.field.regex", "(.*)")]).err().unwrap();
    for expected in ["topic.regex=\"(\": is no", "topic.replacement: is required", "key.field.replacement: must be set"]
    {
        assert!(problems.contains(expected), "{expected} is not in\n{problems}");
    }
}
