//! Raw events: header, checked checksum, and data, as the server sent them.
//!
//! Owns the numbers of event types and the small events' formats; knows no tables. Invariant: data of an event whose
//! checksum does not match is never read. Format: <https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_replication_binlog_event.html>.

use bytes::Bytes;
use mysql_async::binlog::BinlogChecksumAlg;
use mysql_async::binlog::events::{Event, GtidEvent};
use uuid::Uuid;

use super::bytes::{Cursor, Short};
use super::gtid::{Gtid, Origin};

pub(super) const QUERY: u8 = 2;
pub(super) const ROTATE: u8 = 4;
pub(super) const XID: u8 = 16;
pub(super) const TABLE_MAP: u8 = 19;
pub(super) const WRITE_ROWS_V1: u8 = 23;
pub(super) const UPDATE_ROWS_V1: u8 = 24;
pub(super) const DELETE_ROWS_V1: u8 = 25;
pub(super) const INCIDENT: u8 = 26;
pub(super) const HEARTBEAT: u8 = 27;
pub(super) const ROWS_QUERY: u8 = 29;
pub(super) const WRITE_ROWS: u8 = 30;
pub(super) const UPDATE_ROWS: u8 = 31;
pub(super) const DELETE_ROWS: u8 = 32;
pub(super) const GTID: u8 = 33;
pub(super) const ANONYMOUS_GTID: u8 = 34;
pub(super) const XA_PREPARE: u8 = 38;
pub(super) const PARTIAL_UPDATE_ROWS: u8 = 39;
pub(super) const TRANSACTION_PAYLOAD: u8 = 40;
pub(super) const HEARTBEAT_V2: u8 = 41;
pub(super) const GTID_TAGGED: u8 = 42;

/// The event was made for this reader, and stands in no file.
const ARTIFICIAL: u16 = 0x20;

/// The CRC-32 of anything with its own CRC-32 behind it.
const CRC_OF_ITSELF: u32 = 0x2144_df1c;

/// An event as the server sent it.
#[derive(Clone, Debug)]
pub(super) struct Raw {
    pub(super) kind: u8,
    /// Seconds since the epoch.
    pub(super) timestamp: u32,
    pub(super) server_id: u32,
    /// Bytes of the whole event.
    pub(super) size: u32,
    /// Where the next event begins, modulo 2^32; 0: the event stands in no file.
    pub(super) end: u32,
    /// Without header and checksum.
    pub(super) data: Bytes,
    /// The transaction that begins, and its commit in microseconds since the epoch (0: unknown).
    pub(super) gtid: Option<(Gtid, u64)>,
}

/// An event that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadEvent {
    /// Its bytes were changed on their way, or on the server's disk.
    #[error("the event's checksum does not match; the log or the connection is damaged")]
    Checksum,
    /// It is a GTID event that is not well formed.
    #[error("the GTID event cannot be read: {0}")]
    Gtid(String),
}

impl Raw {
    /// Takes an event over, and checks its checksum. Events of a compressed transaction have none: the event that holds
    /// them was checked.
    pub(super) fn take(event: &Event, compressed: bool) -> Result<Self, BadEvent> {
        let header = event.header();
        let computed = || event.calc_checksum(BinlogChecksumAlg::BINLOG_CHECKSUM_ALG_CRC32);
        let mut data = event.data();
        match event.checksum().filter(|_| !compressed) {
            Some(checksum) if computed() != u32::from_le_bytes(checksum) => return Err(BadEvent::Checksum),
            // Before the first FORMAT_DESCRIPTION nobody knows that there are checksums: it stands at the end of the data.
            None if header.event_type_raw() == ROTATE && computed() == CRC_OF_ITSELF => {
                data = data.get(..data.len().saturating_sub(4)).unwrap_or_default();
            }
            _ => {}
        }
        let kind = header.event_type_raw();
        let gtid = match kind {
            GTID | GTID_TAGGED => Some(gtid(event)?),
            _ => None,
        };
        let artificial = header.flags_raw() & ARTIFICIAL != 0;
        Ok(Self {
            kind,
            timestamp: header.timestamp(),
            server_id: header.server_id(),
            size: header.event_size(),
            end: if artificial { 0 } else { header.log_pos() },
            data: Bytes::copy_from_slice(data),
            gtid,
        })
    }
}

fn gtid(event: &Event) -> Result<(Gtid, u64), BadEvent> {
    let read: GtidEvent = event.read_event().map_err(|error| BadEvent::Gtid(error.to_string()))?;
    let tag = read.tag().map(ToString::to_string).unwrap_or_default();
    let origin = Origin { uuid: Uuid::from_bytes(read.sid()), tag };
    Ok((Gtid { origin, number: read.gno() }, read.immediate_commit_timestamp()))
}

/// A QUERY event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Query {
    /// The session.
    pub(super) thread: u32,
    /// The default database.
    pub(super) database: String,
    /// The statement.
    pub(super) sql: String,
}

impl Query {
    pub(super) fn parse(data: &Bytes) -> Result<Self, Short> {
        let mut cursor = Cursor::new(data.clone());
        let thread = cursor.u32("thread")?;
        cursor.skip(4, "execution time")?;
        let database = cursor.u8("database")?;
        cursor.skip(2, "error code")?;
        let variables = cursor.u16("status variables")?;
        cursor.skip(variables.into(), "status variables")?;
        let database = cursor.take(database.into(), "database")?;
        cursor.skip(1, "database")?;
        let sql = cursor.take(cursor.remaining(), "statement")?;
        let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
        Ok(Self { thread, database: text(&database), sql: text(&sql) })
    }
}

/// The file and the place that a ROTATE event names.
pub(super) fn rotate(data: &Bytes) -> Result<(String, u64), Short> {
    let mut cursor = Cursor::new(data.clone());
    let position = cursor.u64("position")?;
    let name = cursor.take(cursor.remaining(), "file name")?;
    Ok((String::from_utf8_lossy(&name).into_owned(), position))
}

/// The statement that a ROWS_QUERY event holds.
pub(super) fn rows_query(data: &Bytes) -> String {
    String::from_utf8_lossy(data.get(1..).unwrap_or_default()).into_owned()
}
