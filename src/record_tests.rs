//! What becomes of an event: which records, in which order, with which keys and headers.

use super::*;
use crate::event::Key;

fn records() -> Records {
    Records::new(Run {
        prefix: "cdc".into(),
        connector: "mysql",
        tombstones: true,
        context_headers: true,
        heartbeat_topic: "__debezium-heartbeat.cdc".into(),
        transaction_topic: "cdc.transaction".into(),
    })
}

fn change(op: Op, before: Option<[i64; 2]>, after: Option<[i64; 2]>) -> Change {
    let fields = vec![Field::new("id", Schema::of(Kind::Int64)), Field::new("n", Schema::of(Kind::Int64))];
    let table = Table {
        id: "shop.orders".into(),
        topic: "cdc.shop.orders".into(),
        key: Some(Key { columns: vec![0], schema: Arc::new(Schema::structure("k", fields[..1].to_vec())) }),
        row: Arc::new(Schema::structure("v", fields).optional()),
        envelope: Arc::new(Schema::of(Kind::Struct(Vec::new()))),
    };
    let row = |row: [i64; 2]| row.map(Value::Int64).into_iter().collect::<Row>();
    Change {
        table: Arc::new(table),
        op,
        before: before.map(row),
        after: after.map(row),
        source: Value::Null,
        ts_ns: 1_795_250_634_609_439_304,
        transaction: Some(TransactionPlace { id: "7".into(), total_order: 3, data_collection_order: 2 }),
        offset: None,
    }
}

fn made(event: Event) -> Vec<Record> {
    let mut made = Vec::new();
    records().push(event, &mut made);
    made
}

fn field(record: &Record, index: usize) -> Value {
    record.value.as_ref().and_then(|v| v.value.as_struct()).map_or(Value::Null, |fields| fields[index].clone())
}

fn key_of(record: &Record) -> Option<&Value> {
    record.key.as_ref().and_then(|key| key.value.as_struct()).and_then(|fields| fields.first())
}

#[test]
fn a_delete_is_followed_by_its_tombstone() {
    let made = made(Event::Change(change(Op::Delete, Some([1, 2]), None)));
    assert_eq!(made.len(), 2);
    assert_eq!(field(&made[0], 4), Value::text("d"));
    assert!(made[1].value.is_none());
    assert_eq!(key_of(&made[0]), Some(&Value::Int64(1)));
    assert_eq!(key_of(&made[1]), Some(&Value::Int64(1)));
    assert_eq!(made[1].headers.iter().count(), 4);
}

#[test]
fn a_changed_key_is_a_delete_a_tombstone_and_a_create() {
    let made = made(Event::Change(change(Op::Update, Some([1, 2]), Some([9, 2]))));
    let ops: Vec<Value> = made.iter().map(|record| field(record, 4)).collect();
    assert_eq!(ops, [Value::text("d"), Value::Null, Value::text("c")]);
    let first: Vec<&str> = made.iter().filter_map(|record| record.headers.iter().next().map(|h| &*h.name)).collect();
    assert_eq!(first, ["__debezium.newkey", "__debezium.newkey", "__debezium.oldkey"]);
    assert_eq!(
        made.iter().filter_map(key_of).collect::<Vec<_>>(),
        [&Value::Int64(1), &Value::Int64(1), &Value::Int64(9)]
    );
    let order = |record: &Record| field(record, 3).as_struct().map(|place| place[1].clone());
    assert_eq!((order(&made[0]), order(&made[2])), (Some(Value::Int64(3)), Some(Value::Int64(4))));
}

#[test]
fn an_update_keeps_its_key_and_tells_the_time_in_three_units() {
    let made = made(Event::Change(change(Op::Update, Some([1, 2]), Some([1, 3]))));
    assert_eq!(made.len(), 1);
    let times = [5, 6, 7].map(|index| field(&made[0], index));
    assert_eq!(times, [1_795_250_634_609, 1_795_250_634_609_439, 1_795_250_634_609_439_304].map(Value::Int64));
}

#[test]
fn the_end_of_a_transaction_counts_its_events() {
    let end = Some(vec![("shop.orders".into(), 2), ("shop.lines".into(), 3)]);
    let made = made(Event::Boundary(Boundary { id: "7".into(), ts_ms: 5, end, offset: None }));
    assert_eq!(field(&made[0], 2), Value::Int64(5));
    assert_eq!(made[0].headers.iter().count(), 0);
}

#[test]
fn what_only_the_key_has_is_cut_off_the_row() {
    let mut change = change(Op::Update, None, None);
    let row = |own: i64| [1, 2, own].map(Value::Int64).into_iter().collect::<Row>();
    (change.before, change.after) = (Some(row(8)), Some(row(9)));
    let table = Arc::get_mut(&mut change.table).unwrap();
    table.key.as_mut().unwrap().columns = vec![2];
    let made = made(Event::Change(change));
    let emitted = Value::Struct(Box::new([Value::Int64(1), Value::Int64(2)]));
    assert_eq!([key_of(&made[0]), key_of(&made[2])], [Some(&Value::Int64(8)), Some(&Value::Int64(9))]);
    assert_eq!([field(&made[0], 0), field(&made[2], 1)], [emitted.clone(), emitted]);
}
