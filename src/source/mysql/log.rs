//! The place in the log: file, position, transactions that are done, and how much of the current one is.
//!
//! Owns what a [`Place`] is made of while events go by; knows no tables. Invariant: `executed` holds a transaction only
//! when all of its events went by.

use std::sync::Arc;

use super::gtid::{Gtid, GtidSet};
use super::position::{Place, Transaction};
use super::raw::Raw;
use crate::data::{Text, Value};

/// The current transaction.
#[derive(Debug)]
pub(super) struct Open {
    /// Where its `BEGIN` stands.
    begin: u64,
    /// Events of it that are done, `BEGIN` included.
    pub(super) events: u64,
    /// The session that made it.
    pub(super) thread: u32,
    /// The statement, if the log holds it.
    pub(super) query: Value,
    /// Debezium's id of it.
    pub(super) id: Arc<str>,
    /// The set before it, as text, once it was needed; empty: it is not known.
    gtids: Option<Arc<str>>,
}

/// Where the reader is.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) file: Arc<str>,
    /// The same, for `source` blocks.
    pub(super) file_text: Text,
    /// Where the event that is being read begins.
    pub(super) start: u64,
    /// Where the next one begins.
    pub(super) end: u64,
    /// The transactions that are done.
    pub(super) executed: GtidSet,
    /// Whether all of them are known, so that a place tells them.
    pub(super) by_gtid: bool,
    /// The transaction that was announced.
    pub(super) current: Option<Gtid>,
    /// The same, for `source` blocks.
    pub(super) gtid: Value,
    /// Its commit in microseconds since the epoch; 0: unknown.
    committed_us: u64,
    pub(super) server_id: u32,
    pub(super) timestamp: u32,
    pub(super) open: Option<Open>,
    /// Inside of a compressed transaction, whose events have no places of their own.
    pub(super) compressed: bool,
}

impl Log {
    pub(super) fn new(file: Arc<str>, end: u64, executed: GtidSet) -> Self {
        Self {
            file_text: Text::from(&*file),
            file,
            start: end,
            end,
            by_gtid: !executed.is_empty(),
            executed,
            current: None,
            gtid: Value::Null,
            committed_us: 0,
            server_id: 0,
            timestamp: 0,
            open: None,
            compressed: false,
        }
    }

    /// Takes note of an event's header.
    pub(super) fn arrive(&mut self, event: &Raw) {
        if event.timestamp != 0 {
            self.timestamp = event.timestamp;
        }
        self.server_id = event.server_id;
        if event.end == 0 || self.compressed {
            return;
        }
        self.end = widened(self.end, event.end);
        self.start = self.end.saturating_sub(event.size.into());
    }

    pub(super) fn rotate(&mut self, file: &str, position: u64) {
        self.file = file.into();
        self.file_text = Text::from(file);
        (self.start, self.end) = (position, position);
    }

    /// A heartbeat: the server has passed what this reader need not see.
    pub(super) fn heartbeat(&mut self, end: u32) {
        if self.open.is_none() && end != 0 {
            self.end = widened(self.end, end);
        }
    }

    /// A transaction is announced; the one before is over, whatever it was.
    pub(super) fn announce(&mut self, gtid: Option<(Gtid, u64)>) {
        self.finish();
        let (gtid, committed_us) = gtid.unzip();
        self.gtid = gtid.as_ref().map(|gtid| Text::from(gtid.to_string())).into();
        self.current = gtid;
        self.committed_us = committed_us.unwrap_or(0);
    }

    /// A transaction begins.
    pub(super) fn begin(&mut self, thread: u32) {
        let id = match &self.gtid {
            Value::Text(gtid) => gtid.as_str().into(),
            _ => format!("file={},pos={}", self.file, self.start).into(),
        };
        self.open = Some(Open { begin: self.start, events: 0, thread, query: Value::Null, id, gtids: None });
    }

    /// Whether the transaction that began is the one of that place. After a change to another server it is not: there,
    /// nothing of it may be passed, since its events are others.
    pub(super) fn is_at(&self, place: &Place) -> bool {
        // Only the lower half of a place is sure when the server passed a part of its file.
        let low = |pos: u64| pos & u64::from(u32::MAX);
        self.file == place.file && low(self.start) == low(place.pos)
    }

    /// The transaction, or the statement outside of one, is done.
    pub(super) fn finish(&mut self) {
        if let Some(gtid) = self.current.take() {
            self.executed.add(&gtid);
        }
        self.open = None;
        self.compressed = false;
        self.gtid = Value::Null;
        self.committed_us = 0;
    }

    /// When the current transaction was committed: microseconds since the epoch.
    pub(super) fn ts_us(&self) -> i64 {
        if self.committed_us == 0 {
            i64::from(self.timestamp) * 1_000_000
        } else {
            i64::try_from(self.committed_us).unwrap_or(i64::MAX)
        }
    }

    /// The transactions that are done, as text; empty if not all of them are known.
    fn executed_text(&self) -> Arc<str> {
        if self.by_gtid { self.executed.to_string().into() } else { Arc::default() }
    }

    /// The place behind what was read: `row` rows of the current event, and all events before it.
    pub(super) fn place(&mut self, row: u64, transaction: Option<Transaction>) -> Place {
        let (mut pos, mut event) = (self.end, 0);
        let mut known = None;
        if let Some(open) = &self.open {
            (pos, event) = (open.begin, open.events);
            known.clone_from(&open.gtids);
        }
        let gtids = known.unwrap_or_else(|| self.executed_text());
        if let Some(open) = &mut self.open {
            open.gtids = Some(Arc::clone(&gtids));
        }
        Place {
            ts_sec: (self.timestamp != 0).then(|| self.ts_us().div_euclid(1_000_000)),
            file: Arc::clone(&self.file),
            pos,
            gtids: (!gtids.is_empty()).then_some(gtids),
            server_id: self.server_id,
            event,
            row,
            snapshot_completed: None,
            transaction,
        }
    }
}

/// A place in a file from its lower 32 bits, which is all that a header holds: the next one at or after `last`.
fn widened(last: u64, low: u32) -> u64 {
    let near = last & !u64::from(u32::MAX) | u64::from(low);
    if near < last && last - near > 1 << 31 { near + (1 << 32) } else { near }
}

/// Whether a place in the log is before another: files are numbered behind their last point.
pub(super) fn is_before(one: (&str, u64), other: (&str, u64)) -> bool {
    (number(one.0), one.1) < (number(other.0), other.1)
}

/// The number of a file of the log.
pub(super) fn number(file: &str) -> u64 {
    file.rsplit_once('.').and_then(|(_, number)| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::mysql::gtid::Origin;

    #[test]
    fn places_go_beyond_four_gigabytes() {
        assert_eq!(widened(0xffff_fff0, 0x10), 0x1_0000_0010);
        assert_eq!(widened(0x1_0000_0010, 0x20), 0x1_0000_0020);
        assert_eq!(widened(4, 100), 100);
        assert_eq!(widened(100, 90), 90);
    }

    #[test]
    fn files_are_ordered_by_number() {
        assert!(is_before(("binlog.000009", 500), ("binlog.000010", 4)));
        assert!(is_before(("binlog.999999", 500), ("binlog.1000000", 4)));
        assert!(!is_before(("binlog.000010", 4), ("binlog.000010", 4)));
    }

    #[test]
    fn a_place_inside_of_a_transaction_keeps_the_set_before_it() {
        let uuid = "5336f431-e587-11f1-9630-02fc00000001";
        let mut log = Log::new("b.000001".into(), 100, format!("{uuid}:1-5").parse().unwrap());
        let origin = Origin { uuid: uuid.parse().unwrap(), tag: String::new() };
        log.announce(Some((Gtid { origin, number: 6 }, 1_000_001)));
        log.begin(7);
        log.open.as_mut().unwrap().events = 2;
        let place = log.place(1, None);
        assert_eq!((place.event, place.row, place.pos), (2, 1, 100));
        assert_eq!(place.gtids.as_deref(), Some(&*format!("{uuid}:1-5")));
        log.end = 200;
        log.finish();
        let place = log.place(0, None);
        assert_eq!((place.event, place.pos, place.gtids.as_deref()), (0, 200, Some(&*format!("{uuid}:1-6"))));
    }
}
