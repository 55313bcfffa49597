//! What a source says: rows that changed, what else it saw in the log, and where to resume after them.
//!
//! A source makes events, [`crate::record`] makes records of them. Nothing behind the source knows how a log looks.

use std::sync::Arc;

use crate::data::{Row, Schema, Value};

/// Where a source resumes: Debezium's source offset, a JSON object, as Kafka Connect stores it and
/// `GET /connectors/NAME/offsets` shows it. Only the source that wrote it may read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position(pub Arc<str>);

/// What happened to a row, with Debezium's letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// Read by a snapshot.
    Read,
    /// Inserted.
    Create,
    /// Updated.
    Update,
    /// Deleted.
    Delete,
    /// The table was truncated; there is no row.
    Truncate,
}

impl Op {
    /// The letter in the envelope's `op`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Read => "r",
            Self::Create => "c",
            Self::Update => "u",
            Self::Delete => "d",
            Self::Truncate => "t",
        }
    }
}

/// The key of a table's records: which columns, and their schema.
#[derive(Debug)]
pub struct Key {
    /// Indexes into the rows of [`Change`], whose values behind those that are emitted are the key's alone: of columns that
    /// are masked, or not emitted.
    pub columns: Vec<usize>,
    /// `<topic>.Key`, a struct of these columns.
    pub schema: Arc<Schema>,
}

/// Everything about a table that is the same for each of its rows. Built once per schema version.
#[derive(Debug)]
pub struct Table {
    /// The table's name as Debezium writes it in transaction metadata: `db.table`, or `schema.table` in PostgreSQL.
    pub id: Arc<str>,
    /// Where its records go.
    pub topic: Arc<str>,
    /// `None`: the table has no key, its records have a null key.
    pub key: Option<Key>,
    /// `<topic>.Value`, an optional struct: the schema of `before` and `after`.
    pub row: Arc<Schema>,
    /// `<topic>.Envelope`.
    pub envelope: Arc<Schema>,
}

/// The place of an event within its database transaction (`provide.transaction.metadata`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionPlace {
    /// Debezium's id of the transaction.
    pub id: Arc<str>,
    /// The how-manieth event of the transaction this is, from 1.
    pub total_order: i64,
    /// The how-manieth event of its table in the transaction, from 1.
    pub data_collection_order: i64,
}

/// A row that changed.
#[derive(Clone, Debug)]
pub struct Change {
    /// The table, in the version that was true for this row.
    pub table: Arc<Table>,
    /// What happened.
    pub op: Op,
    /// The row before, as far as the database tells: the values of [`Table::row`]'s fields, and behind them what only the
    /// key has ([`Key::columns`]).
    pub before: Option<Row>,
    /// The row after, likewise.
    pub after: Option<Row>,
    /// The `source` block.
    pub source: Value,
    /// When the connector saw it: nanoseconds since the epoch.
    pub ts_ns: i64,
    /// Its place in the transaction, if asked for.
    pub transaction: Option<TransactionPlace>,
    /// Debezium's offset of just this event, as JSON, if the sink asked for it (`Outbox::record_offsets`).
    pub offset: Option<Arc<str>>,
}

impl Change {
    /// Whether an update gave the row another key: it becomes a delete and a create, and counts as two events of its
    /// transaction.
    #[must_use]
    pub fn changes_key(&self) -> bool {
        let (Op::Update, Some(before), Some(after), Some(key)) = (self.op, &self.before, &self.after, &self.table.key)
        else {
            return false;
        };
        key.columns.iter().any(|&column| before.get(column) != after.get(column))
    }
}

/// A transaction began or ended (`provide.transaction.metadata`).
#[derive(Clone, Debug)]
pub struct Boundary {
    /// Debezium's id of the transaction.
    pub id: Arc<str>,
    /// When the database says it happened: milliseconds since the epoch.
    pub ts_ms: i64,
    /// At the end: how many events each table had, in order of first appearance. `None` at the beginning.
    pub end: Option<Vec<(Arc<str>, i64)>>,
    /// As [`Change::offset`].
    pub offset: Option<Arc<str>>,
}

/// A record that the source has made whole: a logical message, a schema change. Its topic, key and value are final.
#[derive(Clone, Debug)]
pub struct Ready {
    /// Where it goes.
    pub topic: Arc<str>,
    /// Its partition, where Debezium fixes it.
    pub partition: Option<i32>,
    /// Its key.
    pub key: Option<crate::data::Datum>,
    /// Its value.
    pub value: Option<crate::data::Datum>,
    /// Whether it carries the context headers, as data records do.
    pub context_headers: bool,
    /// As [`Change::offset`].
    pub offset: Option<Arc<str>>,
}

/// A record that failed before, as the dead letter topic kept it: what the source made, before any transform.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// The record; its topic is where it was to go.
    pub record: Ready,
    /// Its headers, names and values.
    pub headers: Vec<(Arc<str>, crate::data::Datum)>,
    /// How often it was sent again before.
    pub retries: u32,
    /// As [`Table::id`], if it came from a table.
    pub table: Option<Arc<str>>,
}

/// What a source says.
#[derive(Clone, Debug)]
pub enum Event {
    /// A row changed.
    Change(Change),
    /// A transaction began or ended.
    Boundary(Boundary),
    /// Something the source has made whole.
    Ready(Box<Ready>),
    /// A record that failed is sent again.
    DeadLetter(Box<DeadLetter>),
    /// A sign of life (`heartbeat.interval.ms`) at this time, milliseconds since the epoch.
    Heartbeat {
        /// Milliseconds since the epoch.
        ts_ms: i64,
    },
}

/// Events that belong together, and the place to resume once all of them are durable.
///
/// An empty batch carries progress: it walks the same line, behind everything before it.
#[derive(Clone, Debug)]
pub struct Batch {
    /// In the order of the log.
    pub events: Vec<Event>,
    /// Where to resume after them.
    pub position: Position,
    /// What was read since the last batch.
    pub tally: Tally,
}

/// What was read for a batch, counted while it was filled. The metrics are made of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Rows that a snapshot read.
    pub reads: u64,
    /// Rows that were inserted. One that got another key is deleted and created, as its records tell.
    pub creates: u64,
    /// Rows that were updated.
    pub updates: u64,
    /// Rows that were deleted.
    pub deletes: u64,
    /// Tables that were truncated, and what is ready made: logical messages, schema changes.
    pub others: u64,
    /// Events of tables that are not captured. Not in the batch.
    pub filtered: u64,
    /// Updates that changed nothing that is emitted. Not in the batch.
    pub unchanged: u64,
    /// Transactions that ended, of those with an event in a batch.
    pub transactions: u64,
    /// Transactions that the log holds although they were rolled back.
    pub rollbacks: u64,
    /// Ends of transactions without a beginning.
    pub malformed: u64,
    /// Bytes of the log.
    pub bytes: u64,
    /// When the changes of the batch were committed, in microseconds since the epoch, and how many at a time.
    pub commits: Vec<(i64, u32)>,
}

impl Tally {
    /// Counts an event. A change that is no snapshot's was committed then: microseconds since the epoch.
    pub fn count(&mut self, event: &Event, commit_us: i64) {
        match event {
            Event::Change(change) => self.count_change(change, commit_us),
            Event::Ready(_) | Event::DeadLetter(_) => self.others += 1,
            Event::Boundary(_) | Event::Heartbeat { .. } => {}
        }
    }

    fn count_change(&mut self, change: &Change, commit_us: i64) {
        match change.op {
            Op::Read => {
                self.reads += 1;
                return;
            }
            Op::Create => self.creates += 1,
            Op::Update if change.changes_key() => {
                self.deletes += 1;
                self.creates += 1;
            }
            Op::Update => self.updates += 1,
            Op::Delete => self.deletes += 1,
            Op::Truncate => self.others += 1,
        }
        match self.commits.last_mut() {
            Some((last, count)) if *last == commit_us => *count += 1,
            _ => self.commits.push((commit_us, 1)),
        }
    }

    /// Changes of the log, without a snapshot's.
    #[must_use]
    pub const fn changes(&self) -> u64 {
        self.creates + self.updates + self.deletes + self.others
    }
}
