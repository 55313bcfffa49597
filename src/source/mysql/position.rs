//! Positions: Debezium's source offset of MySQL, as JSON.
//!
//! Owns the names and meanings of its fields (section 2.16 of Debezium's semantics); knows no log. `gtids` is the set
//! before the current transaction, `file` and `pos` where it begins, `event` and `row` what to pass of it. Zeros are left
//! out. Invariant: what is written here is read back equal, and an offset that Debezium wrote is read.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use crate::event::Position;
use crate::source::SourceError;

const ORDER_PREFIX: &str = "transaction_data_collection_order_";

/// Where the connector stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// Seconds since the epoch of the last event.
    pub(super) ts_sec: Option<i64>,
    /// The log file.
    pub(super) file: Arc<str>,
    /// Where the current transaction begins, or the last one ended.
    pub(super) pos: u64,
    /// The transactions before the current one, as the server writes sets.
    pub(super) gtids: Option<Arc<str>>,
    /// The server that wrote the last event.
    pub(super) server_id: u32,
    /// Events of the current transaction to pass, `BEGIN` included.
    pub(super) event: u64,
    /// Rows to pass in the event behind those.
    pub(super) row: u64,
    /// A snapshot is on its way (`false`), or has just been completed (`true`).
    pub(super) snapshot_completed: Option<bool>,
    /// The current transaction (`provide.transaction.metadata`).
    pub(super) transaction: Option<Transaction>,
}

/// What was told of the current transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Transaction {
    /// Debezium's id.
    pub(super) id: Arc<str>,
    /// Events of each table so far, in order of first appearance.
    pub(super) tables: Vec<(Arc<str>, i64)>,
}

impl Place {
    /// The position, as it is saved.
    pub(super) fn position(&self) -> Position {
        let mut json = Map::new();
        if let Some(transaction) = &self.transaction {
            json.insert("transaction_id".to_owned(), Json::from(&*transaction.id));
            for (table, count) in &transaction.tables {
                json.insert(format!("{ORDER_PREFIX}{table}"), Json::from(*count));
            }
        }
        if let Some(ts_sec) = self.ts_sec {
            json.insert("ts_sec".to_owned(), ts_sec.into());
        }
        json.insert("file".to_owned(), Json::from(&*self.file));
        json.insert("pos".to_owned(), self.pos.into());
        if let Some(completed) = self.snapshot_completed {
            json.insert("snapshot".to_owned(), "INITIAL".into());
            json.insert("snapshot_completed".to_owned(), completed.into());
        }
        if let Some(gtids) = &self.gtids {
            json.insert("gtids".to_owned(), Json::from(&**gtids));
        }
        let numbers = [("row", self.row), ("server_id", self.server_id.into()), ("event", self.event)];
        for (name, number) in numbers.into_iter().filter(|(_, number)| *number != 0) {
            json.insert(name.to_owned(), number.into());
        }
        Position(Json::Object(json).to_string().into())
    }

    /// Reads a saved position.
    ///
    /// # Errors
    /// When it is no offset of a MySQL connector.
    pub(super) fn read(position: &Position) -> Result<Self, SourceError> {
        let bad = |reason: String| SourceError::BadPosition { position: position.0.to_string(), reason };
        let json: Map<String, Json> = serde_json::from_str(&position.0).map_err(|error| bad(error.to_string()))?;
        let number = |name: &str| json.get(name).and_then(Json::as_u64);
        let text = |name: &str| json.get(name).and_then(Json::as_str).map(str::to_owned);
        // Older versions wrote `"snapshot": true` while one was on its way, and nothing about its end.
        let snapshot = json.get("snapshot").is_some_and(|snapshot| !matches!(snapshot, Json::Null | Json::Bool(false)));
        let completed = json.get("snapshot_completed").and_then(Json::as_bool).unwrap_or(false);
        let transaction = text("transaction_id").map(|id| {
            let orders = json
                .iter()
                .filter_map(|(name, count)| Some((Arc::from(name.strip_prefix(ORDER_PREFIX)?), count.as_i64()?)));
            Transaction { id: id.into(), tables: orders.collect() }
        });
        Ok(Self {
            ts_sec: json.get("ts_sec").and_then(Json::as_i64),
            file: text("file").ok_or_else(|| bad("it names no binlog file".to_owned()))?.into(),
            pos: number("pos").ok_or_else(|| bad("it names no place in the binlog file".to_owned()))?,
            gtids: text("gtids").filter(|gtids| !gtids.is_empty()).map(Into::into),
            server_id: number("server_id").and_then(|id| u32::try_from(id).ok()).unwrap_or(0),
            event: number("event").unwrap_or(0),
            row: number("row").unwrap_or(0),
            snapshot_completed: snapshot.then_some(completed),
            transaction,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(json: &str) -> Place {
        let place = Place::read(&Position(json.into())).unwrap();
        assert_eq!(&*place.position().0, json);
        place
    }

    #[test]
    fn reads_and_writes_debeziums_offsets() {
        let place = round_trip(
            r#"{"ts_sec":1795250553,"file":"binlog.000001","pos":25150,"gtids":"5336f431-e587-11f1-9630-02fc00000001:1-68","row":1,"server_id":1,"event":2}"#,
        );
        assert_eq!((place.pos, place.row, place.event), (25_150, 1, 2));
        let place = round_trip(
            r#"{"transaction_id":"x:234","transaction_data_collection_order_db.t":1,"ts_sec":1,"file":"b.1","pos":5,"gtids":"x:1","server_id":1,"event":3}"#,
        );
        assert_eq!(place.transaction.unwrap().tables, [("db.t".into(), 1)]);
        let place = round_trip(r#"{"ts_sec":1,"file":"b.1","pos":5,"snapshot":"INITIAL","snapshot_completed":true}"#);
        assert_eq!(place.snapshot_completed, Some(true));
        let old = Place::read(&Position(r#"{"file":"b.1","pos":5,"snapshot":true}"#.into())).unwrap();
        assert_eq!(old.snapshot_completed, Some(false));
    }

    #[test]
    fn refuses_what_is_no_offset() {
        for json in ["", "[]", "{}", r#"{"lsn":5}"#, r#"{"file":"b.1"}"#] {
            assert!(Place::read(&Position(json.into())).is_err(), "{json}");
        }
    }
}
