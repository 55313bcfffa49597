//! The initial snapshot: all rows of the captured tables as of one place in the log.
//!
//! Owns the lock, the consistent read and its place; rows go through the same forms as the log's. Invariant: what was
//! committed before the place is in the snapshot, what comes after is in the stream; nothing is in neither.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mysql_async::{Conn, prelude::Queryable};

use super::catalog::{Catalog, Name};
use super::check::Facts;
use super::config::{LockingMode, SnapshotMode};
use super::definition::{Column, Type};
use super::position::Place;
use super::reader::{AsOf, now_ns};
use super::schema::{Common, Shape};
use super::schema_change::{self, Told};
use super::schema_snapshot;
use super::select;
use super::server::{ANSWER_MAX, Server, Status, quote, quoted};
use crate::data::{Row, Text, Value};
use crate::event::{Change, Event, Op};
use crate::source::batcher::Batcher;
use crate::source::table::{Marker, Moment};
use crate::source::{Outbox, SourceError};

/// How often the log tells how far the snapshot is.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// How often a place without lock is looked for, before one is taken that may repeat a transaction.
const QUIET_TRIES: usize = 100;

/// Why a snapshot ended early.
pub(super) enum Ended {
    /// The connector is stopping.
    Stopping,
    /// An error.
    Failed(SourceError),
}

impl From<SourceError> for Ended {
    fn from(error: SourceError) -> Self {
        Self::Failed(error)
    }
}

/// What a snapshot leaves behind: where the stream begins, and the definitions of the tables there.
pub(super) struct Taken {
    pub(super) place: Place,
    pub(super) catalog: Catalog,
    pub(super) as_of: AsOf,
}

/// A connection that reads as of one moment, and the one that holds a lock, if it must stay.
struct Consistent {
    conn: Conn,
    lock: Option<Conn>,
    status: Status,
}

/// Takes a snapshot; without rows where the mode says so.
///
/// One that was interrupted is taken again, and the stream begins where it did for that one: rows that it told and that are
/// gone by now are deleted in the log since then.
pub(super) async fn take(
    server: &Server,
    facts: &Facts,
    out: &Outbox,
    interrupted: Option<Place>,
) -> Result<Taken, Ended> {
    let mut conn = server.connect().await?;
    let common = Common::new(Arc::clone(&server.config));
    let (tables, visible) = server.tables_for_run(&mut conn).await?;
    let Consistent { mut conn, lock, status } = consistent(server, facts, conn, &tables, out).await?;
    let structures = schema_snapshot::told(&common, &tables, visible);
    let (catalog, made) = server.structures(&mut conn, &structures).await?;
    let as_of = AsOf { executed: status.executed.clone(), file: Arc::clone(&status.file), pos: status.pos };
    let now = server.rows(&mut conn, "SELECT UNIX_TIMESTAMP()").await?;
    let ts_sec = now.first().and_then(|row| row.get_opt::<i64, usize>(0)?.ok()).unwrap_or(0);
    let place = Place {
        ts_sec: Some(ts_sec),
        file: Arc::clone(&status.file),
        pos: status.pos,
        gtids: (!status.executed.is_empty()).then(|| status.executed.to_string().into()),
        ..Place::default()
    };
    let begin = match interrupted {
        Some(place) => still_there(server, facts, &mut conn, place).await?,
        None => None,
    };
    let begin =
        Place { snapshot_completed: Some(false), ts_sec: Some(ts_sec), ..begin.unwrap_or_else(|| place.clone()) };
    let mut writer = Writer { common, place, begin, batcher: Batcher::new(out.limits), held: None, out };
    let with_rows = server.config.snapshot != SnapshotMode::NoData;
    if with_rows {
        // Before the first row is sent, it is known that rows were sent, and where the stream must begin.
        out.save(writer.begin.position()).await.map_err(|_| Ended::Stopping)?;
    }
    schema_snapshot::tell(server, &mut conn, &catalog, made, &mut writer).await?;
    if with_rows {
        let snapshotted = |name: &&Name| {
            let patterns = &server.config.common.snapshot_tables;
            patterns.is_empty() || patterns.matches(&format!("{}.{}", name.0, name.1))
        };
        let tables: Vec<&Name> = tables.iter().filter(snapshotted).collect();
        read_all(server, &mut conn, &tables, &catalog, &mut writer).await?;
        out.meters.snapshot.completes();
    } else {
        out.meters.snapshot.skip();
    }
    writer.release(Marker::Last);
    drop(lock);
    out.meters.snapshot.global_lock(false);
    writer.begin.snapshot_completed = Some(true);
    writer.flush().await?;
    let _ = conn.disconnect().await;
    Ok(Taken { place: Place { snapshot_completed: None, ..writer.begin }, catalog, as_of })
}

/// The place of an interrupted snapshot, if the log still has what comes after it.
async fn still_there(
    server: &Server,
    facts: &Facts,
    conn: &mut Conn,
    place: Place,
) -> Result<Option<Place>, SourceError> {
    let checked = if facts.gtid && place.gtids.is_some() {
        server.check_purged(conn, &place).await
    } else {
        server.check_file(conn, &place).await
    };
    match checked {
        Ok(()) => {
            tracing::info!(file = %place.file, pos = place.pos, "the last snapshot did not end: it is taken again");
            Ok(Some(place))
        }
        Err(SourceError::PositionLost { what, .. }) => {
            tracing::warn!(
                %what,
                "the last snapshot did not end: it is taken again, and rows that it told before and that were deleted \
                 since are not told to be deleted"
            );
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// A consistent read, and its place in the log, with the shortest lock that the grants allow.
async fn consistent(
    server: &Server,
    facts: &Facts,
    conn: Conn,
    tables: &[Name],
    out: &Outbox,
) -> Result<Consistent, SourceError> {
    let locking = server.config.locking;
    if locking != LockingMode::None {
        let mut lock = server.connect().await?;
        let seconds = server.config.lock_timeout_ms.div_ceil(1000).max(1);
        server.run(&mut lock, &format!("SET lock_wait_timeout={seconds}")).await?;
        if locked(server, facts, &mut lock, tables).await? {
            out.meters.snapshot.global_lock(true);
            let begun = Instant::now();
            let mut conn = conn;
            begin(server, &mut conn).await?;
            let status = server.status(&mut conn).await?;
            let held = if locking == LockingMode::Extended {
                tracing::info!("the lock is held until all rows are read (snapshot.locking.mode=extended)");
                Some(lock)
            } else {
                server.run(&mut lock, "UNLOCK TABLES").await?;
                out.meters.snapshot.global_lock(false);
                tracing::info!(held_seconds = begun.elapsed().as_secs_f32(), "lock released");
                let _ = lock.disconnect().await;
                None
            };
            return Ok(Consistent { conn, lock: held, status });
        }
    }
    without_lock(server, conn).await
}

/// Locks the server or, where that is not granted, the tables. `false`: GTIDs make a lock needless.
async fn locked(server: &Server, facts: &Facts, lock: &mut Conn, tables: &[Name]) -> Result<bool, SourceError> {
    let statement = "FLUSH TABLES WITH READ LOCK";
    match lock.query_drop(statement).await {
        Ok(()) => return Ok(true),
        // Not granted (1227), and as managed services say it (1045).
        Err(mysql_async::Error::Server(error)) if matches!(error.code, 1227 | 1045 | 1044) => {
            tracing::info!(reason = %error.message, "no global read lock: RELOAD is not granted");
        }
        Err(error) => return Err(server.failed(statement, &error)),
    }
    if facts.gtid {
        tracing::info!("the snapshot is taken without a lock: GTIDs tell its place");
        return Ok(false);
    }
    if tables.is_empty() {
        return Ok(false);
    }
    let names: Vec<String> = tables.iter().map(|name| format!("{} READ", quoted(name))).collect();
    let statement = format!("LOCK TABLES {}", names.join(", "));
    match lock.query_drop(&statement).await {
        Ok(()) => Ok(true),
        Err(mysql_async::Error::Server(error)) if matches!(error.code, 1044 | 1045 | 1142 | 1227) => {
            let user = &server.config.common.user;
            Err(SourceError::Preflight(vec![crate::source::Finding {
                what: format!(
                    "{user:?} may lock neither the server nor the tables ({}), and gtid_mode is off",
                    error.message
                ),
                remedy: format!(
                    "GRANT RELOAD ON *.* TO '{user}'@'%', or GRANT LOCK TABLES on the databases, or turn gtid_mode on"
                ),
            }]))
        }
        Err(error) => Err(server.failed("LOCK TABLES …", &error)),
    }
}

async fn begin(server: &Server, conn: &mut Conn) -> Result<(), SourceError> {
    server.run(conn, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ").await?;
    server.run(conn, "START TRANSACTION WITH CONSISTENT SNAPSHOT").await
}

/// The place is read before the snapshot, so nothing can be missing; and again after it: if it did not move, nothing can be
/// in both. (`gtid_executed` names a transaction only after its commit is visible.)
async fn without_lock(server: &Server, mut conn: Conn) -> Result<Consistent, SourceError> {
    let mut before = server.status(&mut conn).await?;
    for attempt in 1..=QUIET_TRIES {
        begin(server, &mut conn).await?;
        let after = server.status(&mut conn).await?;
        if before == after {
            return Ok(Consistent { conn, lock: None, status: before });
        }
        if attempt < QUIET_TRIES {
            server.run(&mut conn, "ROLLBACK").await?;
            before = after;
        }
    }
    tracing::warn!(
        "the server never rests: the first streamed transactions may repeat what the snapshot holds already"
    );
    Ok(Consistent { conn, lock: None, status: before })
}

/// Reads all tables, in order.
async fn read_all(
    server: &Server,
    conn: &mut Conn,
    tables: &[&Name],
    catalog: &Catalog,
    writer: &mut Writer<'_>,
) -> Result<(), Ended> {
    let estimates = estimates(server, conn).await?;
    let begun = Instant::now();
    tracing::info!(tables = tables.len(), "snapshot begins");
    writer.out.meters.snapshot.begins(tables.len());
    let mut total = 0;
    for (index, name) in tables.iter().enumerate() {
        let Some(definition) = catalog.get(&name.0, &name.1) else { continue };
        let shape = Arc::new(writer.common.selected((&name.0, &name.1), definition)?);
        // What is left out does not leave the database.
        let kept = definition.columns.iter().zip(&shape.columns).filter(|(_, prepared)| prepared.form.is_some());
        let kept: Vec<&Column> = kept.map(|(column, _)| column).collect();
        let columns: Vec<String> = kept.iter().map(|column| quote(&column.name)).collect();
        if columns.is_empty() {
            continue;
        }
        let statement = format!("SELECT {} FROM {}", columns.join(", "), quoted(name));
        let mut table = TableRead {
            shape,
            kinds: kept.iter().map(|column| column.kind.clone()).collect(),
            first: index == 0,
            last: index + 1 == tables.len(),
            rows: 0,
            estimate: estimates.get(*name).copied().unwrap_or(0),
            begun: Instant::now(),
            told: Instant::now(),
        };
        table.read(server, conn, &statement, writer).await?;
        writer.out.meters.snapshot.read(&table.shape.table.id, table.rows, true);
        total += table.rows;
        tracing::info!(table = %table.shape.table.id, rows = table.rows, seconds = table.begun.elapsed().as_secs_f32(), "table read");
    }
    let seconds = begun.elapsed().as_secs_f64();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate for people")]
    let rate = (total as f64 / seconds.max(0.001)) as u64;
    tracing::info!(rows = total, seconds, rate, "snapshot done");
    Ok(())
}

/// How many rows the server thinks that tables have.
async fn estimates(server: &Server, conn: &mut Conn) -> Result<HashMap<Name, u64>, SourceError> {
    let statement = "SELECT TABLE_SCHEMA, TABLE_NAME, COALESCE(TABLE_ROWS, 0) FROM information_schema.TABLES";
    let rows = server.rows(conn, statement).await?;
    let row = |row| mysql_async::from_row_opt::<(String, String, u64)>(row).ok();
    Ok(rows.into_iter().filter_map(row).map(|(database, table, rows)| ((database, table), rows)).collect())
}

/// One table that is being read.
struct TableRead {
    shape: Arc<Shape>,
    kinds: Vec<Type>,
    first: bool,
    last: bool,
    rows: u64,
    estimate: u64,
    begun: Instant,
    told: Instant,
}

impl TableRead {
    /// Reads the rows one after the other; each is held back until it is known whether it is the last.
    async fn read(
        &mut self,
        server: &Server,
        conn: &mut Conn,
        statement: &str,
        writer: &mut Writer<'_>,
    ) -> Result<(), Ended> {
        let failed = |error: mysql_async::Error| server.failed(statement, &error);
        // The binary protocol: numbers come as they are, so that a FLOAT is the one that the log has.
        let mut result = conn.exec_iter(statement, ()).await.map_err(failed)?;
        let mut held: Option<(Row, usize)> = None;
        loop {
            let next = tokio::time::timeout(ANSWER_MAX, result.next()).await;
            let Some(row) = next.map_err(|_| server.unanswered(statement))?.map_err(failed)? else { break };
            let (row, bytes) = select::row(&self.shape, &self.kinds, row).map_err(|bad| SourceError::Undecodable {
                what: format!("a row of {}", self.shape.table.id),
                position: "the snapshot".to_owned(),
                reason: bad.to_string(),
            })?;
            if let Some((row, bytes)) = held.replace((row, bytes)) {
                self.emit(row, bytes, false, writer).await?;
            }
        }
        if let Some((row, bytes)) = held {
            self.emit(row, bytes, true, writer).await?;
        }
        Ok(())
    }

    async fn emit(&mut self, row: Row, bytes: usize, last: bool, writer: &mut Writer<'_>) -> Result<(), Ended> {
        let first = self.rows == 0;
        self.rows += 1;
        let marker = match (first, last) {
            (_, true) if self.last => Marker::Last,
            (true, _) if self.first => Marker::First,
            (_, true) => Marker::LastInDataCollection,
            (true, false) => Marker::FirstInDataCollection,
            (false, false) => Marker::True,
        };
        if writer.write(&self.shape, row, bytes, marker).await? {
            writer.out.meters.snapshot.read(&self.shape.table.id, self.rows, false);
        }
        if self.told.elapsed() >= TELL_EVERY {
            self.tell();
        }
        Ok(())
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "estimates for people")]
    fn tell(&mut self) {
        self.told = Instant::now();
        let rate = self.rows as f64 / self.begun.elapsed().as_secs_f64().max(0.001);
        let left = (self.estimate.saturating_sub(self.rows)) as f64 / rate.max(1.0);
        tracing::info!(
            table = %self.shape.table.id, rows = self.rows, of_about = self.estimate, rate = rate as u64,
            seconds_left = left as u64, "snapshot"
        );
    }
}

/// Puts rows into batches.
pub(super) struct Writer<'a> {
    common: Common,
    /// Of the rows.
    place: Place,
    /// Of the stream behind them: this is saved.
    begin: Place,
    batcher: Batcher,
    /// The last schema change, as one among others, and as the last of all.
    held: Option<[Option<Event>; 2]>,
    out: &'a Outbox,
}

impl Writer<'_> {
    /// Whether that filled a batch, which is sent.
    async fn write(&mut self, shape: &Shape, row: Row, bytes: usize, marker: Marker) -> Result<bool, Ended> {
        let ts_us = self.place.ts_sec.unwrap_or(0) * 1_000_000;
        let source = self.source(Moment { ts_us, marker }, shape.database.clone(), Value::Text(shape.name.clone()));
        self.release(Marker::True);
        if marker == Marker::Last {
            self.begin.snapshot_completed = Some(true);
        }
        let change = Change {
            table: Arc::clone(&shape.table),
            op: Op::Read,
            before: None,
            after: Some(row),
            source,
            ts_ns: now_ns(),
            transaction: None,
            offset: self.out.record_offsets.then(|| self.begin.position().0),
        };
        self.batcher.push(Event::Change(change), bytes);
        let full = self.batcher.is_full();
        if full {
            self.flush().await?;
        }
        Ok(full)
    }

    fn source(&self, moment: Moment, database: Text, table: Value) -> Value {
        let own = [
            table,
            Value::Int64(0),
            Value::Null,
            Value::Text(Text::from(&*self.place.file)),
            Value::Int64(self.place.pos.cast_signed()),
            Value::Int32(0),
            Value::Null,
            Value::Null,
        ];
        self.common.source.value(moment, database, Value::Null, own)
    }

    /// Tells a schema change. Its time is that of being told, not that of the snapshot.
    pub(super) async fn tell(&mut self, told: &Told, catalog: &Catalog) -> Result<(), Ended> {
        self.release(Marker::True);
        if self.batcher.is_full() {
            self.flush().await?;
        }
        // Held back until it is known whether it is the last of the snapshot: where no table has rows, it is.
        self.held = Some([Marker::True, Marker::Last].map(|marker| self.change(told, catalog, marker)));
        Ok(())
    }

    fn change(&self, told: &Told, catalog: &Catalog, marker: Marker) -> Option<Event> {
        let changes = self.common.changes.as_ref()?;
        let now_us = now_ns() / 1000;
        let table = schema_change::tables(std::slice::from_ref(told), told);
        let source = self.source(Moment { ts_us: now_us, marker }, Text::from(told.database.as_str()), table);
        let offset = self.out.record_offsets.then(|| self.begin.position().0);
        Some(Event::Ready(Box::new(changes.record(told, source, catalog, (now_us / 1000, offset)))))
    }

    /// Puts the schema change that was held back into the batch, as the snapshot's last or not.
    fn release(&mut self, marker: Marker) {
        let Some([other, last]) = self.held.take() else { return };
        if let Some(event) = if marker == Marker::Last { last } else { other } {
            self.batcher.push(event, 1024);
        }
    }

    async fn flush(&mut self) -> Result<(), Ended> {
        let batch = self.batcher.take(self.begin.position());
        self.out.send(batch).await.map_err(|_| Ended::Stopping)
    }
}
