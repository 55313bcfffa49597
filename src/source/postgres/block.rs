//! The `source` block of the PostgreSQL connector: where in the log a row was found.

use super::config::PostgresConfig;
use super::schema::Layout;
use crate::data::{Text, Value};
use crate::source::table::{Marker, Moment};

/// Where in the log something was found.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// When it was committed, or the snapshot was made: microseconds since the epoch.
    pub(super) ts_us: i64,
    /// The place in a snapshot.
    pub(super) marker: Marker,
    /// The transaction.
    pub(super) xid: Option<i64>,
    /// The place in the log.
    pub(super) lsn: u64,
    /// The end of the last commit before it, if one was seen.
    pub(super) last_commit: Option<u64>,
    /// The server that the transaction comes from, and its place in that server's log.
    pub(super) origin: Option<(Text, u64)>,
}

/// The block of a table's row.
pub(super) fn of_table(config: &PostgresConfig, layout: &Layout, place: &Place) -> Value {
    block(config, layout.schema.clone(), layout.name.clone(), place)
}

/// The block of something that has no table: a logical message.
pub(super) fn without_table(config: &PostgresConfig, place: &Place) -> Value {
    block(config, Text::default(), Text::default(), place)
}

fn block(config: &PostgresConfig, schema: Text, table: Text, place: &Place) -> Value {
    let (origin, origin_lsn) = match &place.origin {
        Some((name, lsn)) => (Value::Text(name.clone()), Value::Int64(lsn.cast_signed())),
        None => (Value::Null, Value::Null),
    };
    let own = [
        Value::Text(schema),
        Value::Text(table),
        place.xid.into(),
        Value::Int64(place.lsn.cast_signed()),
        // Filled only where `xmin.fetch.interval.ms` asks for it.
        Value::Null,
        origin,
        origin_lsn,
    ];
    let moment = Moment { ts_us: place.ts_us, marker: place.marker };
    config.source.value(moment, config.database.clone(), sequence(place.last_commit, place.lsn), own)
}

/// `["last commit","place"]`, numbers as text.
fn sequence(last_commit: Option<u64>, lsn: u64) -> Value {
    let (mut first, mut second) = (itoa::Buffer::new(), itoa::Buffer::new());
    let place = second.format(lsn);
    let parts = match last_commit {
        Some(last_commit) => ["[\"", first.format(last_commit), "\",\"", place, "\"]"],
        None => ["[null", "", ",\"", place, "\"]"],
    };
    let text = parts.concat();
    Value::text(text)
}
