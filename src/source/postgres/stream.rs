//! The stream: from the plug-in's messages to batches of events.
//!
//! It owns the order of what is sent and the position behind it; the socket is `wire`'s, the answers are `feedback`'s.
//! Invariant: whatever a batch ends with, its position resumes right behind it.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::block::{self, Place};
use super::clock::now_ns;
use super::config::PostgresConfig;
use super::feedback::Shared;
use super::message::{LogicalMessage, Messages};
use super::pgoutput::{self, Message, Old, Tuple};
use super::position::{Done, Offset, lsn_text};
use super::relations::{BadRow, Catalog, Relations, values};
use super::schema::Layout;
use super::server::sql_error;
use super::transaction::Transaction;
use super::wire::{Frame, Reader, WireError, drain};
use crate::data::{Row, Text};
use crate::event::{Change, Event, Op};
use crate::source::batcher::Batcher;
use crate::source::heartbeat::{Heartbeat, until};
use crate::source::table::Marker;
use crate::source::{Outbox, SourceError, Stopping};

/// How often the position moves on while nothing is captured: each time it is saved.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);
/// How long the server may take to close the stream when we stop.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

/// Why the stream is left.
pub(super) enum Leave {
    /// The connector stops.
    Stopping,
    /// Something is wrong.
    Failed(SourceError),
}

impl From<SourceError> for Leave {
    fn from(error: SourceError) -> Self {
        Self::Failed(error)
    }
}

impl From<Stopping> for Leave {
    fn from(_: Stopping) -> Self {
        Self::Stopping
    }
}

/// Reads the stream.
pub(super) struct Stream<'a> {
    config: &'a PostgresConfig,
    out: &'a Outbox,
    shared: &'a Shared,
    relations: Relations,
    messages: Messages,
    message_id: Arc<str>,
    batcher: Batcher,
    /// The place of the last event, as Debezium's offset says it.
    offset: Offset,
    /// All transactions that end before here are done: the last commit, or a place behind it where nothing is captured.
    floor: u64,
    /// Whether it has moved since a batch carried it.
    moved: bool,
    carried: Instant,
    done: Done,
    transaction: Option<Transaction>,
    /// When the last transaction was committed: microseconds since the epoch.
    commit_us: i64,
    /// The log's end when the stream began: from there on it has caught up.
    target: u64,
    heartbeat: Heartbeat,
    pace: Pace,
}

impl<'a> Stream<'a> {
    /// A stream that goes on behind an offset; where the log ends now it has caught up.
    pub(super) fn new(
        config: &'a PostgresConfig,
        out: &'a Outbox,
        shared: &'a Shared,
        catalog: Catalog,
        start: (Offset, u64),
    ) -> Self {
        let (offset, target) = start;
        Self {
            done: Done::of(&offset),
            commit_us: offset.ts_usec.unwrap_or_default(),
            heartbeat: Heartbeat::every(config.common.heartbeat_ms),
            config,
            out,
            shared,
            relations: Relations::new(catalog),
            messages: Messages::new(config),
            message_id: "message".into(),
            batcher: Batcher::new(out.limits),
            floor: offset.resume(),
            offset,
            moved: false,
            carried: Instant::now(),
            transaction: None,
            target,
            pace: Pace::new(),
        }
    }

    /// Reads until the connector stops.
    pub(super) async fn run(mut self, mut reader: Reader) -> Result<(), SourceError> {
        match self.read(&mut reader).await {
            Leave::Stopping => {
                drain(&mut reader, CLOSE_LIMIT).await;
                Ok(())
            }
            Leave::Failed(error) => Err(error),
        }
    }

    async fn read(&mut self, reader: &mut Reader) -> Leave {
        loop {
            if let Err(leave) = self.arrived(reader).await {
                return leave;
            }
            let due = self.due();
            tokio::select! {
                biased;
                () = self.out.stop.cancelled() => return Leave::Stopping,
                filled = self.pace.fill(reader) => if let Err(error) = filled {
                    return self.wire_error(&error).into();
                },
                () = until(due) => {}
            }
        }
    }

    /// Takes all that has arrived, and sends it.
    async fn arrived(&mut self, reader: &mut Reader) -> Result<(), Leave> {
        let mut ask = false;
        while let Some(frame) = reader.next().map_err(|error| self.wire_error(&error))? {
            match frame {
                Frame::Data { lsn, payload } => {
                    self.pace.count();
                    self.shared.received(lsn);
                    self.message(lsn, &payload).await?;
                    if self.batcher.is_full() {
                        self.send().await?;
                    }
                }
                Frame::KeepAlive { end, reply } => {
                    self.shared.received(end);
                    self.keep_alive(end);
                    ask |= reply;
                }
                Frame::Done => return Err(self.lost("the server ended the stream").into()),
            }
        }
        if ask {
            self.shared.answer();
        }
        self.beat().await;
        let progress_due = self.moved && (ask || self.carried.elapsed() >= PROGRESS_INTERVAL);
        if !self.batcher.is_empty() || progress_due {
            self.send().await?;
        }
        self.tell_caught_up();
        Ok(())
    }

    /// When something is to be done though nothing arrives.
    fn due(&self) -> Option<Instant> {
        let progress = self.moved.then(|| self.carried + PROGRESS_INTERVAL);
        progress.into_iter().chain(self.heartbeat.due()).min()
    }

    async fn send(&mut self) -> Result<(), Stopping> {
        let position = self.resume_here().position();
        self.moved = false;
        self.carried = Instant::now();
        self.out.send(self.batcher.take(position)).await
    }

    /// The position behind all that was put into the batch.
    fn resume_here(&self) -> Offset {
        let mut offset = self.offset.clone();
        if let Some(transaction) = &self.transaction {
            let (lsn, count) = transaction.last();
            let xid = Some(i64::from(transaction.xid));
            if offset.xid != xid {
                offset = Offset {
                    message_type: Some("BEGIN".into()),
                    ts_usec: Some(transaction.commit_us),
                    xid,
                    ..Offset::default()
                };
            }
            offset.lsn_proc = Some(lsn);
            offset.lsn = Some(lsn);
            offset.lsn_events_processed = Some(count);
            if self.config.common.transactions {
                offset.transaction = transaction.in_offset();
            }
        } else if offset.snapshot.is_some() {
            // Nothing but the snapshot was sent yet, and Debezium's offset of it has one place only.
            offset.lsn = Some(self.floor);
            return offset;
        }
        offset.lsn_commit = Some(self.floor);
        offset
    }

    fn tell_caught_up(&self) {
        if self.transaction.is_none() && self.shared.received_end() >= self.target {
            self.shared.caught_up();
            self.out.progress.send_if_modified(|progress| !std::mem::replace(&mut progress.caught_up, true));
        }
    }

    /// Nothing that is captured lies before `end`, beyond what was sent: the server may forget it once that is saved.
    fn keep_alive(&mut self, end: u64) {
        if self.transaction.is_none() && self.floor < end {
            self.floor = end;
            self.moved = true;
        }
    }

    async fn beat(&mut self) {
        if !self.heartbeat.beats() {
            return;
        }
        if let Some(query) = &self.config.common.heartbeat_query {
            self.relations.run_heartbeat(self.config, query).await;
        }
        self.batcher.push(Event::Heartbeat { ts_ms: now_ns() / 1_000_000 }, 0);
    }

    async fn message(&mut self, lsn: u64, payload: &Bytes) -> Result<(), SourceError> {
        let message = pgoutput::parse(payload)
            .map_err(|error| undecodable(lsn, BadRow { what: "a message".to_owned(), reason: error.to_string() }))?;
        match message {
            Message::Begin { commit_us, xid } => self.begin(lsn, commit_us, xid),
            Message::Commit => self.commit(lsn),
            Message::Origin { lsn, name } => {
                if let Some(transaction) = &mut self.transaction {
                    transaction.origin = Some((Text::from(name), lsn));
                }
            }
            Message::Relation(relation) => self.relations.learn(self.config, &relation).await?,
            Message::Type => {}
            Message::Insert { relation, new } => self.insert(lsn, relation, new, payload)?,
            Message::Update { relation, old, new } => self.update(lsn, relation, (old, new), payload)?,
            Message::Delete { relation, old } => self.delete(lsn, relation, old, payload)?,
            Message::Truncate { relations } => {
                for relation in relations {
                    self.truncate(lsn, relation)?;
                }
            }
            Message::Logical { transactional, prefix, content } => self.logical(lsn, transactional, prefix, content),
        }
        Ok(())
    }

    fn begin(&mut self, lsn: u64, commit_us: i64, xid: u32) {
        let transaction = Transaction::begin(xid, commit_us, lsn);
        self.commit_us = commit_us;
        self.batcher.committed_at(commit_us);
        if self.config.common.transactions && !self.done.began(xid) {
            self.at(lsn, "BEGIN", Some(xid));
            self.batcher.push(Event::Boundary(transaction.begun(lsn, self.record_offset())), 0);
        }
        self.transaction = Some(transaction);
    }

    fn commit(&mut self, end: u64) {
        let Some(transaction) = self.transaction.take() else { return };
        let xid = transaction.xid;
        if transaction.last().1 > 0 {
            self.batcher.tally().transactions += 1;
        }
        self.done.committed(xid);
        self.at(end, "COMMIT", Some(xid));
        self.offset.lsn_commit = Some(end);
        self.floor = self.floor.max(end);
        if self.config.common.transactions {
            self.offset.transaction = transaction.in_offset();
            let ended = transaction.ended(end, self.record_offset());
            self.batcher.push(Event::Boundary(ended), 0);
        }
    }

    fn insert(&mut self, lsn: u64, relation: u32, new: Tuple<'_>, frame: &Bytes) -> Result<(), SourceError> {
        let Some(layout) = self.layout(lsn, relation)? else { return Ok(()) };
        let after = values(&layout, new, None, frame).map_err(|bad| undecodable(lsn, bad))?;
        let after = layout.projection.row(after);
        self.change(lsn, &layout, (Op::Create, None, Some(after)), frame.len());
        Ok(())
    }

    fn update(
        &mut self,
        lsn: u64,
        relation: u32,
        (old, new): (Option<Old<'_>>, Tuple<'_>),
        frame: &Bytes,
    ) -> Result<(), SourceError> {
        let Some(layout) = self.layout(lsn, relation)? else { return Ok(()) };
        let before =
            old.map(|old| values(&layout, old.tuple, None, frame)).transpose().map_err(|bad| undecodable(lsn, bad))?;
        let whole = before.as_deref().filter(|_| old.is_some_and(|old| old.full));
        let after = values(&layout, new, whole, frame).map_err(|bad| undecodable(lsn, bad))?;
        let (before, after) = (before.map(|before| layout.projection.row(before)), layout.projection.row(after));
        self.change(lsn, &layout, (Op::Update, before, Some(after)), frame.len());
        Ok(())
    }

    fn delete(&mut self, lsn: u64, relation: u32, old: Old<'_>, frame: &Bytes) -> Result<(), SourceError> {
        let Some(layout) = self.layout(lsn, relation)? else { return Ok(()) };
        let before = values(&layout, old.tuple, None, frame).map_err(|bad| undecodable(lsn, bad))?;
        let before = layout.projection.row(before);
        self.change(lsn, &layout, (Op::Delete, Some(before), None), frame.len());
        Ok(())
    }

    fn truncate(&mut self, lsn: u64, relation: u32) -> Result<(), SourceError> {
        let Some(layout) = self.layout(lsn, relation)? else { return Ok(()) };
        self.change(lsn, &layout, (Op::Truncate, None, None), 0);
        Ok(())
    }

    /// Adds a change of a row, unless it was sent before or is not asked for.
    fn change(&mut self, lsn: u64, layout: &Arc<Layout>, rows: (Op, Option<Row>, Option<Row>), bytes: usize) {
        let (op, before, after) = rows;
        let Some(transaction) = &mut self.transaction else { return };
        let ordinal = transaction.advance(lsn);
        let is_done = self.done.covers(transaction.xid, lsn, ordinal);
        if self.config.common.skips(op) {
            return;
        }
        if op == Op::Update && layout.projection.skips_update(before.as_ref(), after.as_ref()) {
            self.batcher.tally().unchanged += 1;
            return;
        }
        let xid = transaction.xid;
        let place = Place {
            ts_us: transaction.commit_us,
            marker: Marker::False,
            xid: Some(xid.into()),
            lsn,
            last_commit: self.offset.lsn_commit,
            origin: transaction.origin.clone(),
        };
        let mut change = Change {
            source: block::of_table(self.config, layout, &place),
            table: Arc::clone(&layout.table),
            op,
            before,
            after,
            ts_ns: now_ns(),
            transaction: None,
            offset: None,
        };
        if self.config.common.transactions {
            let events = if change.changes_key() { 2 } else { 1 };
            change.transaction = Some(transaction.place(&layout.table.id, lsn, events));
        }
        if is_done {
            return;
        }
        self.at(lsn, operation(op), Some(xid));
        change.offset = self.record_offset();
        self.batcher.push(Event::Change(change), bytes);
    }

    fn logical(&mut self, lsn: u64, transactional: bool, prefix: &str, content: &[u8]) {
        let mut place = None;
        let mut is_done = self.done.covers_message(lsn);
        let xid = self.transaction.as_ref().filter(|_| transactional).map(|transaction| transaction.xid);
        let accepted = self.config.messages.accepts(prefix);
        if let Some(transaction) = self.transaction.as_mut().filter(|_| transactional) {
            let ordinal = transaction.advance(lsn);
            is_done = self.done.covers(transaction.xid, lsn, ordinal);
            if accepted && self.config.common.transactions {
                place = Some(transaction.place(&self.message_id, lsn, 1));
            }
        }
        if is_done || !accepted {
            return;
        }
        let last_commit = if transactional { self.offset.lsn_commit } else { Some(lsn) };
        self.at(lsn, "MESSAGE", xid);
        if !transactional {
            // No commit follows. The server sends again what begins where the stream starts: that is behind the message.
            self.offset.lsn_commit = last_commit;
            self.floor = self.floor.max(lsn + 1);
        }
        let source = Place {
            ts_us: self.commit_us,
            marker: Marker::False,
            xid: xid.map(i64::from),
            lsn,
            last_commit,
            origin: None,
        };
        let message = LogicalMessage {
            prefix,
            content,
            source: block::without_table(self.config, &source),
            transaction: place,
            ts_ms: now_ns() / 1_000_000,
            offset: self.record_offset(),
        };
        self.batcher.push(Event::Ready(Box::new(self.messages.record(message))), content.len());
    }

    /// The position moves to here.
    fn at(&mut self, lsn: u64, message_type: &'static str, xid: Option<u32>) {
        self.offset.lsn_proc = Some(lsn);
        self.offset.message_type = Some(Cow::Borrowed(message_type));
        self.offset.lsn = Some(lsn);
        self.offset.xid = xid.map(i64::from);
        self.offset.ts_usec = Some(self.commit_us);
        self.offset.lsn_events_processed = None;
        self.offset.transaction.clear();
        (self.offset.snapshot, self.offset.snapshot_completed, self.offset.last_snapshot_record) = (None, None, None);
        self.moved = true;
    }

    fn record_offset(&self) -> Option<Arc<str>> {
        let within = self.transaction.as_ref().filter(|_| self.config.common.transactions);
        self.out.record_offsets.then(|| match within {
            Some(transaction) => Offset { transaction: transaction.in_offset(), ..self.offset.clone() }.json(),
            None => self.offset.json(),
        })
    }

    /// `None`: the table is not captured.
    fn layout(&mut self, lsn: u64, relation: u32) -> Result<Option<Arc<Layout>>, SourceError> {
        let layout = self.relations.layout_of(relation).map_err(|bad| undecodable(lsn, bad))?;
        if layout.is_none() {
            self.batcher.tally().filtered += 1;
        }
        Ok(layout)
    }

    fn wire_error(&self, error: &WireError) -> SourceError {
        sql_error(&self.config.server.address(), "START_REPLICATION", error)
    }

    fn lost(&self, reason: &str) -> SourceError {
        SourceError::Disconnected { address: self.config.server.address(), reason: reason.to_owned() }
    }
}

fn undecodable(lsn: u64, bad: BadRow) -> SourceError {
    SourceError::Undecodable { what: bad.what, position: lsn_text(lsn), reason: bad.reason }
}

const fn operation(op: Op) -> &'static str {
    match op {
        Op::Read | Op::Create => "INSERT",
        Op::Update => "UPDATE",
        Op::Delete => "DELETE",
        Op::Truncate => "TRUNCATE",
    }
}

/// Reads slowly when much arrives. The server sends each change by itself, and a system call for each costs more than
/// decoding it: when they come fast, a short nap lets one read bring many. When they come slowly there is no nap, so
/// nothing is late.
struct Pace {
    since: Instant,
    count: u32,
    fast: bool,
}

impl Pace {
    /// How long changes are counted.
    const WINDOW: Duration = Duration::from_millis(10);
    /// Changes in the window from which on they come fast: ten thousand a second.
    const FAST: u32 = 100;
    const NAP: Duration = Duration::from_millis(1);

    fn new() -> Self {
        Self { since: Instant::now(), count: 0, fast: false }
    }

    fn count(&mut self) {
        self.count += 1;
    }

    async fn fill(&mut self, reader: &mut Reader) -> Result<(), WireError> {
        let elapsed = self.since.elapsed();
        if elapsed >= Self::WINDOW {
            let windows = u32::try_from(elapsed.as_millis() / Self::WINDOW.as_millis()).unwrap_or(u32::MAX);
            self.fast = self.count / windows.max(1) >= Self::FAST;
            (self.since, self.count) = (Instant::now(), 0);
        }
        if self.fast {
            tokio::time::sleep(Self::NAP).await;
        }
        reader.fill().await
    }
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
