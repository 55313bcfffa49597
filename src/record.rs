//! A Connect record, and the one place where an event becomes one: envelope, key, tombstone, headers.
//!
//! Semantics: Debezium's `io.debezium.data.Envelope` and `RelationalChangeRecordEmitter` (key changes become a delete, a
//! tombstone and a create), `io.debezium.pipeline.txmetadata.TransactionMonitor`, `io.debezium.heartbeat.HeartbeatImpl`.

use std::sync::Arc;

use crate::data::{Datum, Field, Kind, Row, Schema, Text, Value};
use crate::event::{Boundary, Change, DeadLetter, Event, Op, Ready, Table, TransactionPlace};

/// A header: its value has a schema, as the key and the value have.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    /// Its name; names may repeat.
    pub name: Arc<str>,
    /// Its value.
    pub value: Datum,
}

/// The headers of a record, in order. Those that all records of a run carry are shared, not copied.
#[derive(Clone, Debug)]
pub struct Headers<H = Header> {
    /// Before the shared ones.
    pub first: Vec<H>,
    /// Shared by all records of a run.
    pub shared: Option<Arc<[H]>>,
    /// After the shared ones: what transforms add.
    pub last: Vec<H>,
}

impl<H> Default for Headers<H> {
    fn default() -> Self {
        Self { first: Vec::new(), shared: None, last: Vec::new() }
    }
}

impl<H> Headers<H> {
    /// All, in order.
    pub fn iter(&self) -> impl Iterator<Item = &H> {
        self.first.iter().chain(self.shared.iter().flat_map(|shared| shared.iter())).chain(&self.last)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.first.len() + self.shared.as_ref().map_or(0, |shared| shared.len()) + self.last.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds one at the end.
    pub fn push(&mut self, header: H) {
        self.last.push(header);
    }
}

impl<H: Clone> Headers<H> {
    /// Keeps those that `keep` says.
    pub fn retain(&mut self, mut keep: impl FnMut(&H) -> bool) {
        self.first.retain(&mut keep);
        if let Some(shared) = &self.shared
            && !shared.iter().all(&mut keep)
        {
            self.shared = Some(shared.iter().filter(|header| keep(header)).cloned().collect());
        }
        self.last.retain(&mut keep);
    }
}

/// A record as transforms see it.
#[derive(Clone, Debug)]
pub struct Record {
    /// Where it goes.
    pub topic: Arc<str>,
    /// Its partition; `None`: by its key.
    pub partition: Option<i32>,
    /// `None`: null key.
    pub key: Option<Datum>,
    /// `None`: a tombstone. (A null value *with* a schema is a `Datum` whose value is null.)
    pub value: Option<Datum>,
    /// Its headers.
    pub headers: Headers,
    /// Kafka's timestamp, milliseconds since the epoch; `None`: when it is produced.
    pub ts_ms: Option<i64>,
    /// Debezium's offset of this record, as JSON, where the sink asked for it.
    pub offset: Option<Arc<str>>,
}

/// What the records of one run of a connector have in common.
#[derive(Clone, Debug)]
pub struct Run {
    /// `topic.prefix`
    pub prefix: String,
    /// Debezium's name of the connector: `mysql`, `postgresql`.
    pub connector: &'static str,
    /// `tombstones.on.delete`
    pub tombstones: bool,
    /// `extended.headers.enabled`
    pub context_headers: bool,
    /// Where heartbeats go.
    pub heartbeat_topic: Arc<str>,
    /// Where transaction metadata goes.
    pub transaction_topic: Arc<str>,
}

/// Makes records of events.
#[derive(Debug)]
pub struct Records {
    run: Run,
    context: Option<Arc<[Header]>>,
    server_key: Arc<Schema>,
    heartbeat: Arc<Schema>,
    transaction_key: Arc<Schema>,
    transaction: Arc<Schema>,
}

impl Records {
    /// The maker of one run's records; the run gets an id of its own.
    #[must_use]
    pub fn new(run: Run) -> Self {
        let context = run.context_headers.then(|| context(&run));
        let common = "io.debezium.connector.common";
        let text = |name: &str| Field::new(name, Schema::of(Kind::Text));
        let int64 = |name: &str| Field::new(name, Schema::of(Kind::Int64));
        let named = |name: &str, fields| Arc::new(Schema::structure(format!("{common}.{name}"), fields).version(1));
        let collection = vec![text("data_collection"), int64("event_count")];
        let collection = Schema::structure("event.collection", collection).version(1).optional();
        let transaction = vec![
            text("status"),
            text("id"),
            Field::new("event_count", Schema::of(Kind::Int64).optional()),
            Field::new("data_collections", Schema::of(Kind::Array(Arc::new(collection))).optional()),
            int64("ts_ms"),
        ];
        Self {
            context,
            server_key: named("ServerNameKey", vec![text("serverName")]),
            heartbeat: named("Heartbeat", vec![int64("ts_ms")]),
            transaction_key: named("TransactionMetadataKey", vec![text("id")]),
            transaction: named("TransactionMetadataValue", transaction),
            run,
        }
    }

    /// Adds the records of an event, in order.
    pub fn push(&self, event: Event, records: &mut Vec<Record>) {
        match event {
            Event::Change(change) => self.push_change(change, records),
            Event::Boundary(boundary) => records.push(self.boundary(boundary)),
            Event::Ready(ready) => records.push(self.ready(*ready)),
            Event::DeadLetter(letter) => records.push(self.dead_letter(*letter)),
            Event::Heartbeat { ts_ms } => records.push(self.heartbeat(ts_ms)),
        }
    }

    fn push_change(&self, change: Change, records: &mut Vec<Record>) {
        if change.changes_key() {
            self.push_key_change(change, records);
            return;
        }
        let key =
            key(&change.table, if change.op == Op::Delete { change.before.as_ref() } else { change.after.as_ref() });
        let delete = change.op == Op::Delete;
        let headers = Headers { shared: self.context.clone(), ..Headers::default() };
        let record = envelope(change, key, headers);
        let tombstone = (delete && self.run.tombstones).then(|| Record { value: None, ..record.clone() });
        records.push(record);
        records.extend(tombstone);
    }

    /// A delete of the old key, its tombstone, and a create of the new key; each names the other's key in a header.
    fn push_key_change(&self, change: Change, records: &mut Vec<Record>) {
        let old_key = key(&change.table, change.before.as_ref());
        let new_key = key(&change.table, change.after.as_ref());
        let header = |name: &str, key: &Option<Datum>| Headers {
            first: key.iter().map(|key| Header { name: name.into(), value: key.clone() }).collect(),
            shared: self.context.clone(),
            last: Vec::new(),
        };
        let next = |place: TransactionPlace| TransactionPlace {
            total_order: place.total_order + 1,
            data_collection_order: place.data_collection_order + 1,
            ..place
        };
        let created = Change {
            op: Op::Create,
            before: None,
            transaction: change.transaction.clone().map(next),
            ..change.clone()
        };
        let deleted = Change { op: Op::Delete, after: None, ..change };
        let deleted = envelope(deleted, old_key.clone(), header("__debezium.newkey", &new_key));
        let tombstone = self.run.tombstones.then(|| Record { value: None, ..deleted.clone() });
        records.push(deleted);
        records.extend(tombstone);
        records.push(envelope(created, new_key, header("__debezium.oldkey", &old_key)));
    }

    fn boundary(&self, boundary: Boundary) -> Record {
        let Boundary { id, ts_ms, end, offset } = boundary;
        let id = Value::text(&*id);
        let (status, count, collections) = match end {
            None => ("BEGIN", Value::Null, Value::Null),
            Some(tables) => {
                let count = tables.iter().map(|(_, count)| count).sum::<i64>();
                let row = |(table, count): (Arc<str>, i64)| {
                    Value::Struct(Box::new([Value::text(&*table), Value::Int64(count)]))
                };
                ("END", Value::Int64(count), Value::Array(tables.into_iter().map(row).collect()))
            }
        };
        let status = Value::Text(Text::from_static(status));
        Record {
            topic: Arc::clone(&self.run.transaction_topic),
            partition: None,
            key: Some(datum(&self.transaction_key, [id.clone()])),
            value: Some(datum(&self.transaction, [status, id, count, collections, Value::Int64(ts_ms)])),
            headers: Headers::default(),
            ts_ms: None,
            offset,
        }
    }

    fn ready(&self, ready: Ready) -> Record {
        let shared = if ready.context_headers { self.context.clone() } else { None };
        Record {
            topic: ready.topic,
            partition: ready.partition,
            key: ready.key,
            value: ready.value,
            headers: Headers { shared, ..Headers::default() },
            ts_ms: None,
            offset: ready.offset,
        }
    }

    /// The record as it was, with its headers of then.
    fn dead_letter(&self, letter: DeadLetter) -> Record {
        let first = letter.headers.into_iter().map(|(name, value)| Header { name, value }).collect();
        Record { headers: Headers { first, ..Headers::default() }, ..self.ready(letter.record) }
    }

    fn heartbeat(&self, ts_ms: i64) -> Record {
        Record {
            topic: Arc::clone(&self.run.heartbeat_topic),
            partition: Some(0),
            key: Some(datum(&self.server_key, [Value::text(self.run.prefix.as_str())])),
            value: Some(datum(&self.heartbeat, [Value::Int64(ts_ms)])),
            headers: Headers::default(),
            ts_ms: None,
            offset: None,
        }
    }
}

/// Debezium's context headers (`extended.headers.enabled`), the same on all data records of a run.
fn context(run: &Run) -> Arc<[Header]> {
    let schema = Arc::new(Schema::of(Kind::Text));
    let header = |name: &str, value: &str| Header {
        name: format!("__debezium.context.{name}").into(),
        value: Datum { schema: Arc::clone(&schema), value: Value::text(value) },
    };
    Arc::new([
        header("connectorLogicalName", &run.prefix),
        header("taskId", "0"),
        header("connectorName", run.connector),
        header("runId", &uuid::Uuid::now_v7().to_string()),
    ])
}

fn datum<const N: usize>(schema: &Arc<Schema>, fields: [Value; N]) -> Datum {
    Datum { schema: Arc::clone(schema), value: Value::Struct(Box::new(fields)) }
}

fn key(table: &Table, row: Option<&Row>) -> Option<Datum> {
    let (key, row) = (table.key.as_ref()?, row?);
    let fields = key.columns.iter().map(|&column| row.get(column).cloned().unwrap_or_default()).collect();
    Some(Datum { schema: Arc::clone(&key.schema), value: Value::Struct(fields) })
}

fn envelope(change: Change, key: Option<Datum>, headers: Headers) -> Record {
    let Change { table, op, before, after, source, ts_ns, transaction, offset } = change;
    let width = table.row.fields().len();
    let row = |row: Option<Row>| row.map_or(Value::Null, |row| Value::Struct(emitted(row, width)));
    let transaction = transaction.map_or(Value::Null, |place| {
        let id = Value::text(&*place.id);
        Value::Struct(Box::new([id, Value::Int64(place.total_order), Value::Int64(place.data_collection_order)]))
    });
    let fields = [
        row(before),
        row(after),
        source,
        transaction,
        Value::Text(Text::from_static(op.code())),
        Value::Int64(ts_ns.div_euclid(1_000_000)),
        Value::Int64(ts_ns.div_euclid(1000)),
        Value::Int64(ts_ns),
    ];
    Record {
        topic: Arc::clone(&table.topic),
        partition: None,
        key,
        value: Some(datum(&table.envelope, fields)),
        headers,
        ts_ms: None,
        offset,
    }
}

/// The row without what its key alone has.
fn emitted(row: Row, width: usize) -> Row {
    if row.len() <= width {
        return row;
    }
    let mut values = row.into_vec();
    values.truncate(width);
    values.into_boxed_slice()
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
