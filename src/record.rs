//! A Connect record, and the one place where an event becomes one: envelope, key, tombstone, headers.
//!
//! Semantics: Debezium's `io.debezium.data.Envelope` and `RelationalChangeRecordEmitter` (key changes become a delete, a
//! tombstone and a create), `io.debezium.pipeline.txmetadata.TransactionMonitor`, `io.debezium.heartbeat.HeartbeatImpl`.

use std::sync::Arc;

use crate::data::Datum;

/// A header: its value has a schema, as the key and the value have.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    /// Its name; names may repeat.
    pub name: Arc<str>,
    /// Its value.
    pub value: Datum,
}

/// The headers of a record, in order. Those that all records of a run carry are shared, not copied.
#[derive(Clone, Debug, Default)]
pub struct Headers {
    /// Before the shared ones.
    pub first: Vec<Header>,
    /// Shared by all records of a run.
    pub shared: Option<Arc<[Header]>>,
    /// After the shared ones: what transforms add.
    pub last: Vec<Header>,
}

impl Headers {
    /// All, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Header> {
        self.first.iter().chain(self.shared.iter().flat_map(|shared| shared.iter())).chain(&self.last)
    }

    /// Adds one at the end.
    pub fn push(&mut self, header: Header) {
        self.last.push(header);
    }

    /// Keeps those that `keep` says.
    pub fn retain(&mut self, mut keep: impl FnMut(&Header) -> bool) {
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
