//! The snapshot: every captured table as it was at one moment, which is where the stream begins.
//!
//! It owns the transaction that sees that moment and the markers of first and last rows. Invariant: memory does not depend
//! on the size of a table. Semantics: Debezium's `RelationalSnapshotChangeEventSource`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

use super::block::{self, Place};
use super::catalog::{self, CatalogColumn, CatalogTable};
use super::check::Captured;
use super::clock::{now_ns, now_us};
use super::config::PostgresConfig;
use super::cursor::{Cursor, Malformed};
use super::decode::Decoded;
use super::position::{Offset, parse_lsn};
use super::schema::{self, Layout, Relation, Shape};
use super::server::{Session, literal, quoted, sql_error};
use super::told::Origin;
use super::wire::{Connection, Purpose, WireError};
use crate::data::Row;
use crate::event::{Change, Event, Op};
use crate::source::batcher::Batcher;
use crate::source::table::Marker;
use crate::source::{Outbox, SourceError};

/// How often the log tells of the progress.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(10);
/// The start of binary `COPY` data, and the number that stands for its end.
const COPY_SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
const COPY_END: u16 = u16::MAX;

/// The moment of a snapshot.
#[derive(Clone, Debug)]
pub(super) struct Point {
    /// Its place in the log: the stream goes on here. `None`: where the log is when the transaction begins.
    pub(super) lsn: Option<u64>,
    /// The snapshot that the slot exported, if there is one.
    pub(super) exported: Option<String>,
}

/// A transaction that sees the moment of the snapshot.
pub(super) struct View {
    connection: Connection,
    address: String,
    lsn: u64,
    xid: i64,
}

impl View {
    /// Opens the transaction. When this returns, the replication connection that exported the snapshot may go.
    pub(super) async fn open(config: &PostgresConfig, point: &Point) -> Result<Self, SourceError> {
        let connected = Connection::open(&config.server, Purpose::Copy).await;
        let connection = connected.map_err(|error| config.server.connect_error(&error))?;
        let mut view = Self { connection, address: config.server.address(), lsn: 0, xid: 0 };
        view.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        if let Some(exported) = &point.exported {
            view.run(&format!("SET TRANSACTION SNAPSHOT {}", literal(exported))).await?;
        }
        // The snapshot is read longer than statements usually may take.
        view.run("SET LOCAL statement_timeout = 0").await?;
        view.run("SET LOCAL idle_in_transaction_session_timeout = 0").await?;
        let statement = "SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() \
            ELSE pg_current_wal_lsn() END, pg_snapshot_xmax(pg_current_snapshot())";
        let rows = view.query(statement).await?;
        let column = |index: usize| rows.first().and_then(|row| row.get(index)).and_then(Option::as_deref);
        view.lsn = point.lsn.or_else(|| column(0).and_then(parse_lsn)).unwrap_or_default();
        view.xid = column(1).and_then(|xid| xid.parse().ok()).unwrap_or_default();
        Ok(view)
    }

    async fn query(&mut self, statement: &str) -> Result<Vec<super::wire::TextRow>, SourceError> {
        self.connection.query(statement).await.map_err(|error| sql_error(&self.address, statement, &error))
    }

    async fn run(&mut self, statement: &str) -> Result<(), SourceError> {
        self.query(statement).await.map(drop)
    }
}

/// A row that waits for the next one, which tells whether it is the last.
struct Held {
    layout: Arc<Layout>,
    row: Row,
    bytes: usize,
    /// In the first of all tables.
    first_table: bool,
    first_in_table: bool,
    last_in_table: bool,
}

/// Reads the captured tables into batches.
pub(super) struct Snapshot<'a> {
    config: &'a PostgresConfig,
    session: &'a Session,
    out: &'a Outbox,
    batcher: Batcher,
    offset: Offset,
    offset_json: Option<Arc<str>>,
    place: Place,
    held: Option<Held>,
}

impl<'a> Snapshot<'a> {
    /// A snapshot of what `view` sees; the catalogue is read by `session`.
    pub(super) fn new(config: &'a PostgresConfig, session: &'a Session, view: &View, out: &'a Outbox) -> Self {
        let ts_us = now_us();
        let offset = Offset {
            last_snapshot_record: Some(false),
            lsn: Some(view.lsn),
            xid: Some(view.xid),
            ts_usec: Some(ts_us),
            snapshot: Some("INITIAL".into()),
            snapshot_completed: Some(false),
            ..Offset::default()
        };
        let place =
            Place { ts_us, marker: Marker::True, xid: Some(view.xid), lsn: view.lsn, last_commit: None, origin: None };
        let batcher = Batcher::new(out.limits);
        Self { config, session, out, batcher, offset, offset_json: None, place, held: None }
    }

    /// The stream begins there, before the moment of the snapshot.
    pub(super) const fn streamed_from(mut self, lsn: u64) -> Self {
        self.offset.lsn = Some(lsn);
        self
    }

    /// Reads all of it; the offset where the stream goes on, or `None` when the connector stops.
    pub(super) async fn run(mut self, mut view: View, tables: &[Captured]) -> Result<Option<Offset>, SourceError> {
        let started = Instant::now();
        // Before the first row is sent, it is known that rows were sent, and where the stream must begin.
        if self.out.save(self.offset.position()).await.is_err() {
            return Ok(None);
        }
        self.offset_json = self.out.record_offsets.then(|| self.offset.json());
        let snapshot = &self.config.common.snapshot_tables;
        let name = |table: &Captured| format!("{}.{}", table.schema, table.name);
        let chosen: Vec<&Captured> =
            tables.iter().filter(|table| snapshot.is_empty() || snapshot.matches(&name(table))).collect();
        tracing::info!(tables = chosen.len(), "snapshot begins");
        self.out.meters.snapshot.begins(chosen.len());
        let mut rows = 0;
        for (index, table) in chosen.iter().enumerate() {
            let Some(read) = self.table(&mut view, table, index == 0).await? else { return Ok(None) };
            rows += read;
        }
        if let Some(held) = self.held.take() {
            self.offset.last_snapshot_record = Some(true);
            self.offset.snapshot_completed = Some(true);
            self.offset_json = self.out.record_offsets.then(|| self.offset.json());
            self.push(held, true);
        }
        self.offset.last_snapshot_record = Some(true);
        self.offset.snapshot_completed = Some(true);
        if self.out.send(self.batcher.take(self.offset.position())).await.is_err() {
            return Ok(None);
        }
        self.out.meters.snapshot.completes();
        view.run("COMMIT").await?;
        let seconds = started.elapsed().as_secs_f64();
        tracing::info!(
            tables = chosen.len(),
            rows,
            seconds,
            rows_per_second = rate(rows, seconds),
            "snapshot complete"
        );
        Ok(Some(self.offset))
    }

    /// Reads a table; how many rows, or `None` when the connector stops.
    async fn table(
        &mut self,
        view: &mut View,
        table: &Captured,
        first_table: bool,
    ) -> Result<Option<u64>, SourceError> {
        // From here to the end of the snapshot nobody changes the table's columns.
        view.run(&format!("LOCK TABLE {} IN ACCESS SHARE MODE", table.sql())).await?;
        let (layout, statement) = self.layout(table).await?;
        tracing::info!(table = table.sql(), rows_estimate = table.rows_estimate, "snapshot of table begins");
        let failed = |error: &WireError| sql_error(&self.config.server.address(), &statement, error);
        view.connection.copy(&statement).await.map_err(|error| failed(&error))?;
        let mut report = Report::new(table);
        let mut data = CopyData::default();
        loop {
            let part = view.connection.copied().await;
            let part = part.map_err(|error| sql_error(&self.config.server.address(), &statement, &error))?;
            let Some(part) = part else { break };
            data.add(part);
            while let Some(tuple) = data.next().map_err(|error| undecodable(&layout, None, &error.to_string()))? {
                let row = row(&layout, &tuple)?;
                let held = Held {
                    layout: Arc::clone(&layout),
                    row,
                    bytes: tuple.len(),
                    first_table,
                    first_in_table: report.rows == 0,
                    last_in_table: false,
                };
                report.rows += 1;
                if let Some(before) = self.held.replace(held) {
                    self.push(before, false);
                }
            }
            report.tell();
            if self.batcher.is_full() {
                self.out.meters.snapshot.read(&layout.table.id, report.rows, false);
                if self.out.send(self.batcher.take(self.offset.position())).await.is_err() {
                    return Ok(None);
                }
            }
        }
        self.out.meters.snapshot.read(&layout.table.id, report.rows, true);
        if let Some(held) = self.held.as_mut().filter(|_| report.rows > 0) {
            held.last_in_table = true;
        }
        report.done();
        Ok(Some(report.rows))
    }

    /// The table's layout, and the statement that reads it.
    async fn layout(&self, table: &Captured) -> Result<(Arc<Layout>, String), SourceError> {
        let catalog = catalog::table(self.session, table.id).await?;
        let relation = relation(table, &catalog);
        let types = relation.columns.iter().map(|column| column.type_id).collect();
        let types = catalog::types(self.session, types).await?;
        let mut layout = schema::layout(self.config, &relation, &catalog, &types)?;
        layout.columns.retain(Option::is_some);
        let select: Vec<String> =
            layout.columns.iter().flatten().map(|column| column.decode.selected(&quoted(&column.name))).collect();
        // The rows of a table that others inherit from are its own; those of a partitioned table are its partitions'.
        let only = if self.config.via_root { "" } else { "ONLY " };
        let statement =
            format!("COPY (SELECT {} FROM {only}{}) TO STDOUT (FORMAT binary)", select.join(", "), table.sql());
        Ok((Arc::new(layout), statement))
    }

    fn push(&mut self, held: Held, last: bool) {
        let Held { layout, row, bytes, first_table, first_in_table, last_in_table } = held;
        self.place.marker = match () {
            () if last => Marker::Last,
            () if first_table && first_in_table => Marker::First,
            () if last_in_table => Marker::LastInDataCollection,
            () if first_in_table => Marker::FirstInDataCollection,
            () => Marker::True,
        };
        let change = Change {
            source: block::of_table(self.config, &layout, &self.place),
            table: Arc::clone(&layout.table),
            op: Op::Read,
            before: None,
            after: Some(row),
            ts_ns: now_ns(),
            transaction: None,
            offset: self.offset_json.clone(),
        };
        self.batcher.push(Event::Change(change), bytes);
    }
}

/// A table as the catalogue has it now.
pub(super) fn relation(table: &Captured, catalog: &CatalogTable) -> Relation {
    let shape = |column: &CatalogColumn| Shape {
        name: column.name.clone(),
        type_id: column.type_id,
        modifier: column.modifier,
        key: false,
    };
    Relation {
        id: table.id,
        schema: table.schema.clone(),
        name: table.name.clone(),
        columns: catalog.columns.iter().map(shape).collect(),
        keyed: false,
        origin: Origin::Catalog,
    }
}

fn undecodable(layout: &Layout, column: Option<&str>, reason: &str) -> SourceError {
    let table = &layout.table.id;
    SourceError::Undecodable {
        what: column.map_or_else(|| format!("a row of {table}"), |column| format!("{table}.{column}")),
        position: "the snapshot".to_owned(),
        reason: reason.to_owned(),
    }
}

fn row(layout: &Layout, tuple: &Bytes) -> Result<Row, SourceError> {
    let malformed = |error: Malformed| undecodable(layout, None, &error.to_string());
    let mut cells = Cursor(tuple);
    if usize::from(cells.u16().map_err(malformed)?) != layout.columns.len() {
        return Err(undecodable(layout, None, "it has another number of columns than was asked for"));
    }
    let mut row = Vec::with_capacity(layout.width);
    for column in layout.columns.iter().flatten() {
        let length = cells.i32().map_err(malformed)?;
        let Ok(length) = usize::try_from(length) else {
            row.push(column.null.clone());
            continue;
        };
        let cell = cells.bytes(length).map_err(malformed)?;
        row.push(match column.decode.binary(cell, tuple) {
            Ok(Decoded::Value(value)) => value,
            Ok(Decoded::Unrepresentable) => {
                column.unrepresentable().map_err(|reason| undecodable(layout, Some(&column.name), reason))?
            }
            Err(wanted) => return Err(undecodable(layout, Some(&column.name), &format!("the cell is not {wanted}"))),
        });
    }
    Ok(layout.projection.row(row))
}

/// Cuts binary `COPY` data into rows, wherever the parts that it comes in end.
#[derive(Default)]
struct CopyData {
    data: Bytes,
    has_header: bool,
}

impl CopyData {
    fn add(&mut self, part: Bytes) {
        self.data = if self.data.is_empty() {
            part
        } else {
            let mut joined = BytesMut::from(&*self.data);
            joined.extend_from_slice(&part);
            joined.freeze()
        };
    }

    /// The next row, if it is there whole: the number of its cells, and the cells.
    fn next(&mut self) -> Result<Option<Bytes>, Malformed> {
        if !self.has_header {
            let Some(length) = header_length(&self.data)? else { return Ok(None) };
            let _ = self.data.split_to(length);
            self.has_header = true;
        }
        let Some(length) = row_length(&self.data)? else { return Ok(None) };
        Ok(Some(self.data.split_to(length)))
    }
}

/// The length of the header; `None` when it is not there whole.
fn header_length(data: &[u8]) -> Result<Option<usize>, Malformed> {
    let mut cursor = Cursor(data);
    let Ok(signature) = cursor.bytes(COPY_SIGNATURE.len()) else { return Ok(None) };
    if signature != COPY_SIGNATURE {
        return Err(Malformed("the copied data has no signature"));
    }
    let (Ok(_flags), Ok(extension)) = (cursor.u32(), cursor.u32()) else { return Ok(None) };
    if cursor.bytes(extension as usize).is_err() {
        return Ok(None);
    }
    Ok(Some(data.len() - cursor.0.len()))
}

/// The length of the row at the front; `None` when it is not there whole, or is the end.
fn row_length(data: &[u8]) -> Result<Option<usize>, Malformed> {
    let mut cursor = Cursor(data);
    let Ok(count) = cursor.u16() else { return Ok(None) };
    if count == COPY_END {
        return Ok(None);
    }
    for _ in 0..count {
        let Ok(length) = cursor.i32() else { return Ok(None) };
        if length < -1 {
            return Err(Malformed("a cell has a negative length"));
        }
        if cursor.bytes(usize::try_from(length).unwrap_or(0)).is_err() {
            return Ok(None);
        }
    }
    Ok(Some(data.len() - cursor.0.len()))
}

/// Tells the log of a table's progress.
struct Report {
    table: String,
    estimate: f32,
    rows: u64,
    started: Instant,
    told: Instant,
}

impl Report {
    fn new(table: &Captured) -> Self {
        let now = Instant::now();
        Self { table: table.sql(), estimate: table.rows_estimate, rows: 0, started: now, told: now }
    }

    fn tell(&mut self) {
        // The clock is not asked for each row.
        if !self.rows.is_multiple_of(1024) || self.told.elapsed() < PROGRESS_INTERVAL {
            return;
        }
        self.told = Instant::now();
        let seconds = self.started.elapsed().as_secs_f64();
        let left = f64::from(self.estimate) - self.rows as f64;
        let seconds_left = (left > 0.0).then(|| (left * seconds / self.rows as f64).round());
        let (table, rows) = (&self.table, self.rows);
        tracing::info!(table, rows, rows_per_second = rate(rows, seconds), seconds_left, "snapshot of table goes on");
    }

    fn done(&self) {
        let seconds = self.started.elapsed().as_secs_f64();
        let (table, rows) = (&self.table, self.rows);
        tracing::info!(table, rows, seconds, rows_per_second = rate(rows, seconds), "snapshot of table complete");
    }
}

fn rate(rows: u64, seconds: f64) -> f64 {
    (rows as f64 / seconds.max(0.001)).round()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two rows: one of a cell and a null, one of two cells.
    fn copied() -> Bytes {
        let header = [COPY_SIGNATURE, &[0, 0, 0, 0, 0, 0, 0, 1, 9]].concat();
        let rows: &[u8] = b"\0\x02\0\0\0\x01a\xff\xff\xff\xff\0\x02\0\0\0\x02bc\0\0\0\0\xff\xff";
        Bytes::from([header.as_slice(), rows].concat())
    }

    fn rows(parts: impl Iterator<Item = Bytes>) -> Vec<Bytes> {
        let mut data = CopyData::default();
        let mut rows = Vec::new();
        for part in parts {
            data.add(part);
            while let Some(row) = data.next().unwrap() {
                rows.push(row);
            }
        }
        rows
    }

    #[test]
    fn rows_are_whole_wherever_the_parts_end() {
        let whole = copied();
        let expected = rows(std::iter::once(whole.clone()));
        assert_eq!(expected.len(), 2);
        assert!(expected[0].ends_with(b"a\xff\xff\xff\xff"));
        for end in 0..=whole.len() {
            assert_eq!(rows([whole.slice(..end), whole.slice(end..)].into_iter()), expected, "cut at {end}");
        }
        assert_eq!(rows(whole.iter().map(|byte| Bytes::copy_from_slice(&[*byte]))), expected);
    }

    #[test]
    fn what_is_no_copy_is_refused() {
        let mut data = CopyData::default();
        data.add(Bytes::from_static(b"SELECT 1, 2, 3"));
        assert_eq!(data.next(), Err(Malformed("the copied data has no signature")));
        let mut data = CopyData { data: Bytes::from_static(b"\0\x01\xff\xff\xff\xfe"), has_header: true };
        assert_eq!(data.next(), Err(Malformed("a cell has a negative length")));
    }
}
