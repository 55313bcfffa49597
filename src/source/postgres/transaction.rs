//! The transaction that the stream is in: its id, its time, and the counts that `provide.transaction.metadata` tells.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::data::Text;
use crate::event::{Boundary, TransactionPlace};

/// An open transaction.
#[derive(Clone, Debug)]
pub(super) struct Transaction {
    /// Its id.
    pub(super) xid: u32,
    /// When it was committed: microseconds since the epoch.
    pub(super) commit_us: i64,
    /// The server that it comes from, and its place in that server's log.
    pub(super) origin: Option<(Text, u64)>,
    /// The place of the last event, and how many events there were at that place.
    last: (u64, u64),
    /// How many events each table had, in order of first appearance.
    counts: Vec<(Arc<str>, i64)>,
    total: i64,
}

impl Transaction {
    /// A transaction that begins here in the log.
    pub(super) const fn begin(xid: u32, commit_us: i64, lsn: u64) -> Self {
        Self { xid, commit_us, origin: None, last: (lsn, 0), counts: Vec::new(), total: 0 }
    }

    /// Debezium's id of it: the second part is the place of what carries the id.
    pub(super) fn id(&self, lsn: u64) -> Arc<str> {
        format!("{}:{lsn}", self.xid).into()
    }

    /// An event at that place; which it is at that place, from 1.
    pub(super) fn advance(&mut self, lsn: u64) -> u64 {
        let (last, count) = self.last;
        self.last = (lsn, if last == lsn { count + 1 } else { 1 });
        self.last.1
    }

    /// The place of the last event, and how many events at that place there were.
    pub(super) const fn last(&self) -> (u64, u64) {
        self.last
    }

    /// The place of an event of that table within the transaction; it counts as `events`.
    pub(super) fn place(&mut self, table: &Arc<str>, lsn: u64, events: i64) -> TransactionPlace {
        let index = self.counts.iter().position(|(counted, _)| counted == table).unwrap_or(self.counts.len());
        if index == self.counts.len() {
            self.counts.push((Arc::clone(table), 0));
        }
        let before = self.counts.get(index).map_or(0, |(_, count)| *count);
        let place =
            TransactionPlace { id: self.id(lsn), total_order: self.total + 1, data_collection_order: before + 1 };
        self.total += events;
        if let Some((_, count)) = self.counts.get_mut(index) {
            *count += events;
        }
        place
    }

    /// What Debezium's `TransactionContext` puts into the offset.
    pub(super) fn in_offset(&self) -> BTreeMap<String, serde_json::Value> {
        let count = |(table, count): &(Arc<str>, i64)| {
            (format!("transaction_data_collection_order_{table}"), serde_json::Value::from(*count))
        };
        let id = ("transaction_id".to_owned(), self.xid.to_string().into());
        std::iter::once(id).chain(self.counts.iter().map(count)).collect()
    }

    /// The record of its beginning.
    pub(super) fn begun(&self, lsn: u64, offset: Option<Arc<str>>) -> Boundary {
        Boundary { id: self.id(lsn), ts_ms: self.commit_us.div_euclid(1000), end: None, offset }
    }

    /// The record of its end.
    pub(super) fn ended(self, lsn: u64, offset: Option<Arc<str>>) -> Boundary {
        let id = self.id(lsn);
        Boundary { id, ts_ms: self.commit_us.div_euclid(1000), end: Some(self.counts), offset }
    }
}
