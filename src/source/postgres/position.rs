//! Where to resume: Debezium's offset of the PostgreSQL connector, its names and types.
//!
//! The stream comes in the order of commits: transaction by transaction, each from its commit's place in the log. So a
//! position is the end of the last commit that was seen whole (`lsn_commit`), and, within the transaction behind it, its
//! id, the place of the last event and how many events of that place are done (`lsn_events_processed`, as Debezium 3.7
//! has it: a `TRUNCATE` or a `COPY` puts several at one place). Invariant: resuming there repeats nothing and leaves out
//! nothing.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::event::Position;
use crate::source::SourceError;

/// An offset. The order of the fields is that of Debezium's JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Offset {
    /// While a snapshot runs or has just run: whether its last row was sent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) last_snapshot_record: Option<bool>,
    /// The place of the last event that is done.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) lsn_proc: Option<u64>,
    /// What the last event was.
    #[serde(rename = "messageType", skip_serializing_if = "Option::is_none", default)]
    pub(super) message_type: Option<Cow<'static, str>>,
    /// The end of the last commit that is done: where the stream starts again.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) lsn_commit: Option<u64>,
    /// The place of the last event.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) lsn: Option<u64>,
    /// The transaction of the last event.
    #[serde(rename = "txId", skip_serializing_if = "Option::is_none", default)]
    pub(super) xid: Option<i64>,
    /// When it was committed, microseconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) ts_usec: Option<i64>,
    /// Within a transaction: how many events at `lsn` are done.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) lsn_events_processed: Option<u64>,
    /// What kind of snapshot runs or has just run.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) snapshot: Option<serde_json::Value>,
    /// Whether it is complete.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) snapshot_completed: Option<bool>,
    /// The transaction and its counts, with `provide.transaction.metadata`. They are told, and not read again: a
    /// transaction that was cut is counted from its start.
    #[serde(flatten, skip_deserializing)]
    pub(super) transaction: BTreeMap<String, serde_json::Value>,
}

impl Offset {
    /// Reads a saved position: ours, or Debezium's.
    ///
    /// # Errors
    /// [`SourceError::BadPosition`]
    pub(super) fn read(position: &Position) -> Result<Self, SourceError> {
        let bad = |reason: String| SourceError::BadPosition { position: position.0.to_string(), reason };
        let offset: Self = serde_json::from_str(&position.0).map_err(|error| bad(error.to_string()))?;
        if offset.lsn.or(offset.lsn_commit).or(offset.lsn_proc).is_none() {
            return Err(bad("has neither lsn nor lsn_commit; delete the offset for a new snapshot".to_owned()));
        }
        Ok(offset)
    }

    /// As it is saved.
    pub(super) fn position(&self) -> Position {
        Position(self.json())
    }

    /// As JSON.
    pub(super) fn json(&self) -> Arc<str> {
        serde_json::to_string(self).unwrap_or_default().into()
    }

    /// Whether it was written within a snapshot that did not end: `snapshot` is there until the stream's first event.
    pub(super) fn within_snapshot(&self) -> bool {
        self.snapshot.is_some() && self.snapshot_completed != Some(true)
    }

    /// Where the stream starts, and what the server may forget: everything before is done.
    pub(super) fn resume(&self) -> u64 {
        self.lsn_commit.or(self.lsn).or(self.lsn_proc).unwrap_or_default()
    }
}

/// What of the stream behind a resumed position is done already.
#[derive(Clone, Debug, Default)]
pub(super) struct Done {
    /// The transaction that was cut, the place in it, and how many events at that place.
    transaction: Option<(u32, u64, u64)>,
    /// Messages outside of transactions up to here; the flag says whether the one right there is done too.
    messages: (u64, bool),
}

impl Done {
    /// What an offset says of it.
    pub(super) fn of(offset: &Offset) -> Self {
        let resume = offset.resume();
        let cut = || {
            // A snapshot has no transaction; behind a commit, its transaction does not come again.
            let ended = offset.snapshot.is_some() || offset.message_type.as_deref() == Some("COMMIT");
            let xid = offset.xid.filter(|_| !ended)?;
            // Debezium 3.6 does not say how many: at least the one that it names.
            Some((xid_of(xid), offset.lsn?, offset.lsn_events_processed.unwrap_or(1)))
        };
        let at = offset.xid.is_none() && offset.lsn == Some(resume);
        Self { transaction: cut(), messages: (resume, at) }
    }

    /// Whether a transaction was begun before.
    pub(super) fn began(&self, xid: u32) -> bool {
        self.transaction.is_some_and(|(cut, ..)| cut == xid)
    }

    /// Whether an event of a transaction is done: the `ordinal`-th at that place, from 1.
    pub(super) fn covers(&self, xid: u32, lsn: u64, ordinal: u64) -> bool {
        self.transaction.is_some_and(|(cut, last, count)| cut == xid && (lsn, ordinal) <= (last, count))
    }

    /// Whether a message outside of transactions is done.
    pub(super) fn covers_message(&self, lsn: u64) -> bool {
        let (end, at) = self.messages;
        lsn < end || (at && lsn == end)
    }

    /// A transaction ended: what was cut lies behind.
    pub(super) fn committed(&mut self, xid: u32) {
        if self.began(xid) {
            self.transaction = None;
        }
    }
}

/// The transaction id of the log: 32 bits, of an offset that may count wrap-arounds above them.
fn xid_of(xid: i64) -> u32 {
    u32::try_from(xid & 0xffff_ffff).unwrap_or_default()
}

/// A place in the log as PostgreSQL writes it.
pub(super) fn lsn_text(lsn: u64) -> String {
    format!("{:X}/{:X}", lsn >> 32, lsn & 0xffff_ffff)
}

/// Reads a place in the log.
pub(super) fn parse_lsn(text: &str) -> Option<u64> {
    let (high, low) = text.split_once('/')?;
    let part = |text| u32::from_str_radix(text, 16).ok().map(u64::from);
    Some(part(high)? << 32 | part(low)?)
}

#[cfg(test)]
#[path = "position_tests.rs"]
mod tests;
