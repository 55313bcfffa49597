//! The reader: events of the log become changes, in their order.
//!
//! Owns the meaning of events (transactions, table maps, rows, DDL) and what to pass after a restart; knows no connection,
//! so that recorded logs are read by it too. Invariant: every row of a captured table becomes one change, or the reader
//! ends with an error; what was saved is passed.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use super::catalog::{Catalog, Name};
use super::ddl::{self, Statement};
use super::gtid::GtidSet;
use super::log::{Log, is_before};
use super::position::{Place, Transaction};
use super::raw::{self, Query, Raw};
use super::rows::{self, Rows};
use super::schema::{Common, Shape};
use super::schema_change::{self, Told};
use super::tablemap::{self, TableMap};
use crate::data::{Row, Text, Value};
use crate::event::{Boundary, Change, Event, Op, Position, TransactionPlace};
use crate::source::SourceError;
use crate::source::batcher::{Batcher, Limits};
use crate::source::table::{Marker, Moment};

/// Shapes that are kept; more are made anew when needed.
const SHAPES_MAX: usize = 10_000;

/// What an event asks of the reader's owner.
#[derive(Debug)]
pub(super) enum Step {
    /// Nothing.
    Done,
    /// Its rows are to be read with [`Reader::row`].
    Rows(OpenRows),
    /// These tables' definitions are to be read from the server.
    Unsure(Vec<Name>),
}

/// A row event that is being read.
#[derive(Debug)]
pub(super) struct OpenRows {
    rows: Rows,
    /// Rows that were read.
    read: u64,
    /// Rows to pass, since they were saved.
    pass: u64,
    /// Bytes of a row, on average.
    bytes: usize,
}

/// The place at which definitions were read; statements up to there are in them already.
#[derive(Debug)]
pub(super) struct AsOf {
    pub(super) executed: GtidSet,
    pub(super) file: Arc<str>,
    pub(super) pos: u64,
}

/// Makes changes of events.
pub(super) struct Reader {
    common: Common,
    pub(super) catalog: Catalog,
    as_of: AsOf,
    pub(super) log: Log,
    /// By the TABLE_MAP's data without its number; `None`: not captured.
    shapes: HashMap<Bytes, Option<Arc<Shape>>>,
    /// By the TABLE_MAP's number.
    mapped: HashMap<u64, Option<Arc<Shape>>>,
    /// The saved place, until its transaction comes again.
    resume: Option<Place>,
    /// Events and rows of the current transaction that were saved.
    pass: (u64, u64),
    transaction: Option<Transaction>,
    /// Whether the current transaction has changes in a batch.
    captured: bool,
    record_offsets: bool,
    /// Schema changes that are told when the catalog knows their tables.
    pending: Option<Pending>,
    /// Which row of its event the last one was: Debezium tells it of DDL too.
    last_row: u64,
    pub(super) batcher: Batcher,
    /// Behind the last event in the batch.
    last: Option<Place>,
}

impl Reader {
    /// A reader from that place on.
    pub(super) fn new(
        common: Common,
        catalog: (Catalog, AsOf),
        start: &Place,
        (record_offsets, limits): (bool, Limits),
    ) -> Result<Self, SourceError> {
        let executed = start.gtids.as_deref().unwrap_or_default().parse::<GtidSet>();
        let executed = executed.map_err(|error| SourceError::BadPosition {
            position: start.position().0.to_string(),
            reason: error.to_string(),
        })?;
        let resume = (start.event > 0 || start.row > 0 || start.transaction.is_some()).then(|| start.clone());
        let (catalog, as_of) = catalog;
        Ok(Self {
            common,
            catalog,
            as_of,
            log: Log::new(Arc::clone(&start.file), start.pos, executed),
            shapes: HashMap::new(),
            mapped: HashMap::new(),
            resume,
            pass: (0, 0),
            transaction: None,
            captured: false,
            record_offsets,
            pending: None,
            last_row: 0,
            batcher: Batcher::new(limits),
            last: None,
        })
    }

    /// The place behind the last event of the batch, or else behind all that was read.
    pub(super) fn position(&mut self) -> Position {
        let place = self.last.take().unwrap_or_else(|| {
            let mut place = self.log.place(0, self.transaction.clone());
            // What was saved of the current transaction stays saved while it is passed.
            if self.log.open.is_some() && (place.event, place.row) < self.pass {
                (place.event, place.row) = self.pass;
            }
            place
        });
        place.position()
    }

    /// Reads an event.
    pub(super) fn event(&mut self, event: &Raw) -> Result<Step, SourceError> {
        self.log.arrive(event);
        let step = match event.kind {
            raw::ROTATE => {
                let (file, position) = raw::rotate(&event.data).map_err(|error| self.undecodable("ROTATE", &error))?;
                self.log.rotate(&file, position);
                self.mapped.clear();
                Step::Done
            }
            raw::HEARTBEAT | raw::HEARTBEAT_V2 => {
                self.log.heartbeat(event.end);
                return Ok(Step::Done);
            }
            raw::GTID | raw::GTID_TAGGED | raw::ANONYMOUS_GTID => {
                self.log.announce(event.gtid.clone());
                Step::Done
            }
            raw::TRANSACTION_PAYLOAD => {
                self.log.compressed = true;
                Step::Done
            }
            raw::QUERY => self.query(&event.data)?,
            raw::XID | raw::XA_PREPARE => {
                self.commit();
                Step::Done
            }
            raw::TABLE_MAP => {
                self.table_map(&event.data)?;
                Step::Done
            }
            raw::ROWS_QUERY => {
                if self.common.config.include_query
                    && let Some(open) = &mut self.log.open
                {
                    open.query = Value::text(raw::rows_query(&event.data));
                }
                Step::Done
            }
            raw::WRITE_ROWS..=raw::DELETE_ROWS
            | raw::WRITE_ROWS_V1..=raw::DELETE_ROWS_V1
            | raw::PARTIAL_UPDATE_ROWS => self.rows(event)?,
            raw::INCIDENT => {
                let reason = "the server lost events of its log; nothing after this place can be trusted to be whole. \
                              Remove the connector's offset, so that it takes a new snapshot";
                return Err(self.undecodable("INCIDENT", &reason));
            }
            _ => Step::Done,
        };
        if !matches!(step, Step::Rows(_)) {
            self.complete();
        }
        Ok(step)
    }

    /// The event is done.
    fn complete(&mut self) {
        if let Some(open) = &mut self.log.open {
            open.events += 1;
        }
    }

    fn undecodable(&self, what: &str, reason: &dyn std::fmt::Display) -> SourceError {
        SourceError::Undecodable {
            what: what.to_owned(),
            position: format!("{}:{}", self.log.file, self.log.start),
            reason: reason.to_string(),
        }
    }

    fn query(&mut self, data: &Bytes) -> Result<Step, SourceError> {
        let query = Query::parse(data).map_err(|error| self.undecodable("QUERY", &error))?;
        let sql = query.sql.trim();
        let word =
            |n: usize| sql.split_whitespace().nth(n).unwrap_or_default().trim_end_matches(';').to_ascii_uppercase();
        match (word(0).as_str(), word(1).as_str()) {
            ("BEGIN", _) | ("XA", "START" | "BEGIN") => self.begin(query.thread),
            ("COMMIT", _) => self.commit(),
            ("ROLLBACK", second) if second != "TO" => {
                self.batcher.tally().rollbacks += 1;
                self.captured = false;
                self.commit();
            }
            ("ROLLBACK" | "SAVEPOINT" | "RELEASE", _) | ("XA", "END") => {}
            ("XA", _) => self.log.finish(),
            _ => return self.statement(&query),
        }
        Ok(Step::Done)
    }

    fn begin(&mut self, thread: u32) {
        self.log.begin(thread);
        self.pass = (0, 0);
        self.captured = false;
        let resumed = self.resume.take().filter(|place| self.log.is_at(place));
        if let Some(resumed) = &resumed {
            self.pass = (resumed.event, resumed.row);
        }
        if !self.common.config.common.transactions {
            return;
        }
        let id = self.log.open.as_ref().map(|open| Arc::clone(&open.id)).unwrap_or_default();
        let restored = resumed.and_then(|place| place.transaction).filter(|transaction| transaction.id == id);
        if restored.is_some() {
            self.transaction = restored;
            return;
        }
        self.transaction = Some(Transaction { id: Arc::clone(&id), tables: Vec::new() });
        self.boundary(id, None);
    }

    fn commit(&mut self) {
        if self.log.open.is_some()
            && let Some(transaction) = self.transaction.clone()
        {
            self.boundary(transaction.id, Some(transaction.tables));
        }
        self.batcher.tally().malformed += u64::from(self.log.open.is_none());
        self.batcher.tally().transactions += u64::from(std::mem::take(&mut self.captured));
        self.transaction = None;
        self.log.finish();
    }

    fn boundary(&mut self, id: Arc<str>, end: Option<Vec<(Arc<str>, i64)>>) {
        let place = self.log.place(0, self.transaction.clone());
        let offset = self.record_offsets.then(|| place.position().0);
        let boundary = Boundary { id, ts_ms: self.log.ts_us().div_euclid(1000), end, offset };
        self.batcher.push(Event::Boundary(boundary), 64);
        self.last = Some(place);
    }

    /// A statement that is no row: DDL. (CREATE TABLE … SELECT stands inside of the transaction of its rows.)
    fn statement(&mut self, query: &Query) -> Result<Step, SourceError> {
        let statement = ddl::parse(&query.sql);
        let told = self.to_tell(query, &statement);
        let mut unsure = Vec::new();
        if let Statement::Truncate(table) = &statement {
            let database = table.database.as_deref().unwrap_or(&query.database);
            self.truncate(database, &table.table)?;
        } else if statement != Statement::Other && !self.is_known() {
            self.shapes.clear();
            self.mapped.clear();
            unsure = self.catalog.apply(statement, &query.database).0;
            unsure.retain(|(database, table)| self.common.config.captures(database, table));
        }
        // The structure of tables that are not captured is only told, and read when they are first spoken of.
        let lacking = told.iter().filter_map(|(told, _)| told.needs()).filter(|(database, table)| {
            self.catalog.get(database, table).is_none() && !self.common.config.captures(database, table)
        });
        unsure.extend(lacking.cloned());
        if self.log.open.is_none() {
            self.log.finish();
        }
        if !told.is_empty() {
            let mut place = self.log.place(0, self.transaction.clone());
            place.event += u64::from(self.log.open.is_some());
            self.pending = Some(Pending { told, place });
        }
        if unsure.is_empty() {
            self.tell();
            return Ok(Step::Done);
        }
        Ok(Step::Unsure(unsure))
    }

    /// The schema changes of a statement, with their `source` blocks.
    fn to_tell(&self, query: &Query, statement: &Statement) -> Vec<(Told, Value)> {
        let Some(changes) = &self.common.changes else { return Vec::new() };
        // Inside of a transaction, it may have been told before the restart.
        if self.log.open.as_ref().is_some_and(|open| open.events < self.pass.0) {
            return Vec::new();
        }
        let all = changes.of_statement(&query.sql, statement, &query.database, &self.catalog);
        let ts_us = self.log.ts_us().div_euclid(1000) * 1000;
        let with_source = |told: &Told| {
            let table = schema_change::tables(&all, told);
            let thread = self.log.open.as_ref().map_or(Value::Null, |open| Value::Int64(open.thread.into()));
            let made = Made { row: self.last_row, thread, query: Value::Null };
            (told.clone(), self.source((Text::from(told.database.as_str()), table), ts_us, made))
        };
        all.iter().map(with_source).collect()
    }

    /// Tells the schema changes of the last statement: as far as it can be known, the catalog knows their tables now.
    pub(super) fn tell(&mut self) {
        let (Some(Pending { told, place }), Some(changes)) = (self.pending.take(), &self.common.changes) else {
            return;
        };
        for (told, source) in told {
            let offset = self.record_offsets.then(|| place.position().0);
            let bytes = told.ddl.len();
            let record = changes.record(&told, source, &self.catalog, (now_ns() / 1_000_000, offset));
            self.batcher.push(Event::Ready(Box::new(record)), bytes);
        }
        self.last = Some(place);
    }

    /// Whether the definitions hold the current statement already: they were read from the server behind it.
    fn is_known(&self) -> bool {
        match &self.log.current {
            Some(gtid) => self.as_of.executed.contains(gtid),
            None => !is_before((&self.as_of.file, self.as_of.pos), (&self.log.file, self.log.end)),
        }
    }

    fn truncate(&mut self, database: &str, name: &str) -> Result<(), SourceError> {
        let config = &self.common.config;
        if !config.captures(database, name) || config.common.skips(Op::Truncate) {
            return Ok(());
        }
        let Some(definition) = self.catalog.get(database, name) else { return Ok(()) };
        let shape = self.common.selected((database, name), definition)?;
        // Debezium knows a statement's time in milliseconds, a row's in microseconds.
        let ts_us = self.log.ts_us().div_euclid(1000) * 1000;
        self.batcher.committed_at(ts_us);
        let source = self.source(names(&shape), ts_us, Made::default());
        let (file, end, start) = (Arc::clone(&self.log.file), self.log.end, self.log.start);
        self.log.finish();
        let place = self.log.place(0, None);
        debug_assert_eq!((&place.file, place.pos), (&file, end));
        self.log.start = start;
        self.change(Images { shape: Arc::new(shape), op: Op::Truncate, before: None, after: None }, source, place, 64);
        Ok(())
    }

    fn table_map(&mut self, data: &Bytes) -> Result<(), SourceError> {
        let short = |reader: &Self, error| reader.undecodable("TABLE_MAP", &error);
        let table_id = rows::table_id(data).map_err(|error| short(self, error))?;
        let body = data.get(8..).unwrap_or_default();
        if let Some(shape) = self.shapes.get(body) {
            self.mapped.insert(table_id, shape.clone());
            return Ok(());
        }
        let (_, database, table) = tablemap::head(data).map_err(|error| short(self, error))?;
        let shape = if self.common.config.captures(&database, &table) {
            let map = TableMap::parse(data).map_err(|error| short(self, error))?;
            Some(Arc::new(self.common.logged(&map, self.catalog.get(&database, &table))?))
        } else {
            None
        };
        if self.shapes.len() >= SHAPES_MAX {
            self.shapes.clear();
            self.mapped.clear();
        }
        self.shapes.insert(Bytes::copy_from_slice(body), shape.clone());
        self.mapped.insert(table_id, shape);
        Ok(())
    }

    fn shape(&self, event: &Raw) -> Result<Option<Arc<Shape>>, SourceError> {
        let id = rows::table_id(&event.data).map_err(|error| self.undecodable("rows", &error))?;
        let known = self.mapped.get(&id).cloned();
        known.ok_or_else(|| self.undecodable("rows", &format!("there was no TABLE_MAP for table number {id}")))
    }

    fn rows(&mut self, event: &Raw) -> Result<Step, SourceError> {
        let Some(shape) = self.shape(event)? else {
            // Its rows are not even counted.
            self.batcher.tally().filtered += 1;
            return Ok(Step::Done);
        };
        let done = self.log.open.as_ref().map_or(0, |open| open.events);
        let (events, rows) = self.pass;
        if done < events {
            return Ok(Step::Done);
        }
        let pass = if done == events { rows } else { 0 };
        let opened = Rows::open(event.kind, &event.data, &shape);
        let rows = opened.map_err(|error| self.undecodable(&format!("rows of {}", shape.table.id), &error))?;
        if pass == 0 && self.common.config.common.skips(rows.op) {
            return Ok(Step::Done);
        }
        Ok(Step::Rows(OpenRows { rows, read: 0, pass, bytes: event.data.len() }))
    }

    /// Reads the next row; `false`: there was none, and the event is done.
    pub(super) fn row(&mut self, open: &mut OpenRows) -> Result<bool, SourceError> {
        let read = open.rows.next();
        let read = read.map_err(|error| self.undecodable(&format!("a row of {}", open.rows.shape.table.id), &error))?;
        let Some((before, after)) = read else {
            self.last_row = open.read.saturating_sub(1);
            self.complete();
            return Ok(false);
        };
        open.read += 1;
        let op = open.rows.op;
        if open.read <= open.pass || self.common.config.common.skips(op) {
            return Ok(true);
        }
        if op == Op::Update && open.rows.shape.projection.skips_update(before.as_ref(), after.as_ref()) {
            self.batcher.tally().unchanged += 1;
            return Ok(true);
        }
        let shape = &open.rows.shape;
        let made = Made {
            row: open.read - 1,
            thread: self.log.open.as_ref().map_or(Value::Null, |open| Value::Int64(open.thread.into())),
            query: self.log.open.as_ref().map_or(Value::Null, |open| open.query.clone()),
        };
        let ts_us = self.log.ts_us();
        self.batcher.committed_at(ts_us);
        let source = self.source(names(shape), ts_us, made);
        let images = Images { shape: Arc::clone(shape), op, before, after };
        let place = self.log.place(open.read, None);
        // The bytes of an event are counted with its first row, then as one more each: the batch is full soon enough.
        let bytes = if open.read == 1 { std::mem::take(&mut open.bytes) } else { 1 };
        self.change(images, source, place, bytes);
        Ok(true)
    }

    fn source(&self, (database, table): (Text, Value), ts_us: i64, made: Made) -> Value {
        let Made { row, thread, query } = made;
        let own = [
            table,
            Value::Int64(self.log.server_id.into()),
            self.log.gtid.clone(),
            Value::Text(self.log.file_text.clone()),
            Value::Int64(self.log.start.cast_signed()),
            Value::Int32(i32::try_from(row).unwrap_or(i32::MAX)),
            thread,
            query,
        ];
        self.common.source.value(Moment { ts_us, marker: Marker::False }, database, Value::Null, own)
    }

    fn change(&mut self, images: Images, source: Value, mut place: Place, bytes: usize) {
        let Images { shape, op, before, after } = images;
        let mut change = Change {
            table: Arc::clone(&shape.table),
            op,
            before,
            after,
            source,
            ts_ns: now_ns(),
            transaction: None,
            offset: None,
        };
        if let Some(transaction) = &mut self.transaction {
            change.transaction = Some(transaction.count(&change));
            place.transaction = Some(transaction.clone());
        }
        change.offset = self.record_offsets.then(|| place.position().0);
        self.batcher.push(Event::Change(change), bytes);
        self.captured = true;
        self.last = Some(place);
    }
}

/// The database and the table of a shape, for the `source` block.
fn names(shape: &Shape) -> (Text, Value) {
    (shape.database.clone(), Value::Text(shape.name.clone()))
}

/// Schema changes with their `source` blocks, and the place behind them.
struct Pending {
    told: Vec<(Told, Value)>,
    place: Place,
}

/// Which row of its event it is, and what made it.
#[derive(Default)]
struct Made {
    row: u64,
    thread: Value,
    query: Value,
}

/// A row's images, and where they belong.
struct Images {
    shape: Arc<Shape>,
    op: Op,
    before: Option<Row>,
    after: Option<Row>,
}

impl Transaction {
    /// The place of a change in this transaction; one that gives its row another key counts twice.
    fn count(&mut self, change: &Change) -> TransactionPlace {
        let step = if change.changes_key() { 2 } else { 1 };
        let total = self.tables.iter().map(|(_, count)| count).sum::<i64>();
        let table = &change.table.id;
        let before = if let Some((_, count)) = self.tables.iter_mut().find(|(id, _)| id == table) {
            std::mem::replace(count, *count + step)
        } else {
            self.tables.push((Arc::clone(table), step));
            0
        };
        TransactionPlace { id: Arc::clone(&self.id), total_order: total + 1, data_collection_order: before + 1 }
    }
}

/// Nanoseconds since the epoch.
pub(super) fn now_ns() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
