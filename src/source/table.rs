//! What all of a table's records share: topic, key, row and envelope schemas, and the common part of the `source` block.
//!
//! Names and order of fields are Debezium's (`Envelope`, `AbstractSourceInfoStructMaker`, `DefaultTopicNamingStrategy`);
//! consumers and registered schemas depend on both.

use std::sync::Arc;

use crate::config::NameAdjustment;
use crate::data::{Field, Kind, Schema, Text, Value, semantic};
use crate::event::{Key, Table};

/// The version that the `source` block and the REST API tell.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The optional `event.block`: a record's place in its transaction.
#[must_use]
pub fn transaction_block() -> Schema {
    let fields = vec![
        Field::new("id", Schema::of(Kind::Text)),
        Field::new("total_order", Schema::of(Kind::Int64)),
        Field::new("data_collection_order", Schema::of(Kind::Int64)),
    ];
    Schema::structure("event.block", fields).version(1).optional()
}

/// What a source calls a table.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    /// Its whole name, as lists and transaction metadata have it.
    pub id: &'a str,
    /// Where its records go.
    pub topic: &'a Arc<str>,
    /// The schema of its `source` block.
    pub source: &'a Arc<Schema>,
    /// What tells it apart in its key from other tables of the topic: a field's name, and its value.
    pub tag: Option<&'a (Arc<str>, Text)>,
}

/// A table's shared part. `fields` are the emitted columns.
#[must_use]
pub fn table(table: Identity<'_>, fields: Vec<Field>, key: Option<Key>, names: NameAdjustment) -> Table {
    let Identity { id, topic, source, .. } = table;
    let name = |part: &str| names.schema(&format!("{topic}.{part}")).into_owned();
    let row = Arc::new(Schema::structure(name("Value"), fields).optional());
    let envelope = vec![
        Field::new("before", Arc::clone(&row)),
        Field::new("after", Arc::clone(&row)),
        Field::new("source", Arc::clone(source)),
        Field::new("transaction", transaction_block()),
        Field::new("op", Schema::of(Kind::Text)),
        Field::new("ts_ms", Schema::of(Kind::Int64).optional()),
        Field::new("ts_us", Schema::of(Kind::Int64).optional()),
        Field::new("ts_ns", Schema::of(Kind::Int64).optional()),
    ];
    let envelope = Arc::new(Schema::structure(name("Envelope"), envelope).version(2));
    Table { id: id.into(), topic: Arc::clone(topic), key, row, envelope }
}

/// Whether, and where in a snapshot, a row was read: the `source` block's `snapshot`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marker {
    /// The first row of the snapshot.
    First,
    /// The first row of its table.
    FirstInDataCollection,
    /// A row of the snapshot.
    True,
    /// The last row of its table.
    LastInDataCollection,
    /// The last row of the snapshot.
    Last,
    /// A row of the stream.
    False,
    /// A row of an incremental snapshot.
    Incremental,
}

impl Marker {
    /// As the `source` block says it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::FirstInDataCollection => "first_in_data_collection",
            Self::True => "true",
            Self::LastInDataCollection => "last_in_data_collection",
            Self::Last => "last",
            Self::False => "false",
            Self::Incremental => "incremental",
        }
    }

    /// The value in the `source` block. Debezium leaves it out of the rows of a stream: JSON then shows the default, and a
    /// transform that copies the field copies a null.
    fn value(self) -> Value {
        match self {
            Self::False => Value::Null,
            marker => Value::Text(Text::from_static(marker.text())),
        }
    }
}

/// When a row changed in the database, and where in a snapshot it was read.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Microseconds since the epoch.
    pub ts_us: i64,
    /// The place in the snapshot.
    pub marker: Marker,
}

/// The `source` block of one connector: its schema, and what is the same in all of its rows.
#[derive(Clone, Debug)]
pub struct SourceBlock {
    /// The schema; part of every envelope.
    pub schema: Arc<Schema>,
    version: Text,
    connector: Text,
    name: Text,
}

impl SourceBlock {
    /// The block of a connector (`mysql`, `postgresql`) with this `topic.prefix`. `own` are the fields behind the common ones.
    #[must_use]
    pub fn new(connector: &'static str, prefix: &str, own: Vec<Field>) -> Self {
        let markers = "true,first,first_in_data_collection,last_in_data_collection,last,false,incremental";
        let snapshot = semantic::of(Kind::Text, semantic::ENUM)
            .parameter("allowed", markers)
            .optional()
            .default(Text::from_static(Marker::False.text()));
        let mut fields = vec![
            Field::new("version", Schema::of(Kind::Text)),
            Field::new("connector", Schema::of(Kind::Text)),
            Field::new("name", Schema::of(Kind::Text)),
            Field::new("ts_ms", Schema::of(Kind::Int64)),
            Field::new("snapshot", snapshot),
            Field::new("db", Schema::of(Kind::Text)),
            Field::new("sequence", Schema::of(Kind::Text).optional()),
            Field::new("ts_us", Schema::of(Kind::Int64).optional()),
            Field::new("ts_ns", Schema::of(Kind::Int64).optional()),
        ];
        fields.extend(own);
        let schema = Schema::structure(format!("io.debezium.connector.{connector}.Source"), fields).version(1);
        Self {
            schema: Arc::new(schema),
            version: Text::from_static(VERSION),
            connector: Text::from_static(connector),
            name: Text::interned(prefix),
        }
    }

    /// The block of one row; `own` are the values behind the common ones, in order.
    #[must_use]
    pub fn value<const N: usize>(&self, moment: Moment, db: Text, sequence: Value, own: [Value; N]) -> Value {
        let Moment { ts_us, marker } = moment;
        let mut fields = Vec::with_capacity(9 + N);
        fields.extend([
            Value::Text(self.version.clone()),
            Value::Text(self.connector.clone()),
            Value::Text(self.name.clone()),
            Value::Int64(ts_us.div_euclid(1000)),
            marker.value(),
            Value::Text(db),
            sequence,
            Value::Int64(ts_us),
            Value::Int64(ts_us.saturating_mul(1000)),
        ]);
        fields.extend(own);
        Value::Struct(fields.into_boxed_slice())
    }
}
