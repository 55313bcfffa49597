//! The stream: the log from a place on, until the connector stops.
//!
//! Owns the connection that follows the log, its time-outs, and when a batch is sent; what events mean is
//! [`super::reader`]'s. Invariant: a batch is sent as soon as nothing more has arrived, and never grows beyond its limits.

use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use mysql_async::binlog::events::Event as Packet;
use mysql_async::{BinlogStream, BinlogStreamRequest, Conn, Error, Sid};
use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::catalog::{Catalog, Name};
use super::check::Facts;
use super::gtid::GtidSet;
use super::head::Reading;
use super::log::is_before;
use super::position::Place;
use super::raw::{QUERY, Raw, TRANSACTION_PAYLOAD};
use super::reader::{AsOf, Reader, Step, now_ns};
use super::schema::Common;
use super::server::{Server, Status, WAIT_LITTLE, innermost};
use crate::event::Event;
use crate::source::heartbeat::{Heartbeat, until};
use crate::source::{Finding, Outbox, SourceError, Stopping};

/// How often the server says that it is still there when there is nothing to say.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// How long nothing at all may come before the connection counts as lost.
const SILENCE_MAX: Duration = Duration::from_secs(35);

/// How often progress without events is told, so that a position does not grow old in an idle database. Long enough that a
/// saved position is normally that of the last event.
const PROGRESS: Duration = Duration::from_secs(30);

/// Why the stream ended.
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

impl From<Stopping> for Ended {
    fn from(_: Stopping) -> Self {
        Self::Stopping
    }
}

/// Where a stream begins.
pub(super) struct Start {
    pub(super) place: Place,
    /// The definitions, if a snapshot read them already.
    pub(super) catalog: Option<(Catalog, AsOf)>,
}

/// Follows the log.
pub(super) async fn run(
    server: &Server,
    facts: &Facts,
    start: Start,
    (out, reading): (&Outbox, &Reading),
) -> Result<(), Ended> {
    let mut conn = server.connect().await?;
    let target = server.status(&mut conn).await?;
    let mut place = start.place;
    let by_gtid = facts.gtid && place.gtids.is_some();
    if by_gtid {
        followed(server, &mut place, &target)?;
        server.check_purged(&mut conn, &place).await?;
        server.check_known(&place, &target)?;
    } else {
        // What came before is not known, so no set is written either.
        place.gtids = None;
        server.check_file(&mut conn, &place).await?;
    }
    let catalog = if let Some(catalog) = start.catalog {
        catalog
    } else {
        let (tables, _) = server.tables_for_run(&mut conn).await?;
        let catalog = server.catalog(&mut conn, &tables).await?;
        let now = server.status(&mut conn).await?;
        (catalog, AsOf { executed: now.executed, file: now.file, pos: now.pos })
    };
    let _ = conn.disconnect().await;
    let common = Common::new(Arc::clone(&server.config));
    let mut reader = Reader::new(common, catalog, &place, (out.record_offsets, out.limits))?;
    reader.log.by_gtid = by_gtid;
    let binlog = dump(server, by_gtid.then_some(&reader.log.executed), &place).await?;
    tracing::info!(file = %place.file, pos = place.pos, gtids = place.gtids.as_deref().unwrap_or(""), by_gtid, "streaming");
    out.progress.send_modify(|progress| progress.streaming = true);
    out.meters.head.begins(out.meters.source.changes());
    out.meters.source.gtid_mode.set(Some(by_gtid.into()));
    let mut stream = Stream {
        server,
        out,
        reading,
        passed: 0,
        binlog,
        reader,
        target,
        caught_up: false,
        sent: None,
        timer: ticking(PROGRESS),
        heartbeat: Heartbeat::every(server.config.common.heartbeat_ms),
        session: None,
        heard: Instant::now(),
        payload: false,
    };
    stream.tell_caught_up().await?;
    stream.follow().await
}

fn ticking(period: Duration) -> Interval {
    let mut interval = tokio::time::interval_at(Instant::now() + period, period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

/// The set to start with: what was saved, of the servers that are followed, and everything of the others.
fn followed(server: &Server, place: &mut Place, target: &Status) -> Result<(), SourceError> {
    let config = &server.config;
    if config.gtid_includes.is_empty() && config.gtid_excludes.is_empty() {
        return Ok(());
    }
    let saved: GtidSet =
        place.gtids.as_deref().unwrap_or_default().parse().map_err(|error: super::gtid::BadGtidSet| {
            SourceError::BadPosition { position: place.position().0.to_string(), reason: error.to_string() }
        })?;
    let kept = saved.filtered(|origin| config.follows(&origin.uuid));
    let others = target.executed.filtered(|origin| !config.follows(&origin.uuid));
    place.gtids = Some(kept.plus(&others).to_string().into());
    Ok(())
}

/// Asks the server for its log.
async fn dump(server: &Server, executed: Option<&GtidSet>, place: &Place) -> Result<BinlogStream, SourceError> {
    let mut conn = server.connect().await?;
    let period = HEARTBEAT.as_nanos();
    // Old and new names, so that every version finds the one it knows.
    let setup = format!(
        "SET @master_heartbeat_period={period}, @source_heartbeat_period={period}, \
         @source_binlog_checksum='CRC32', @mariadb_slave_capability=4"
    );
    server.run(&mut conn, &setup).await?;
    let request = BinlogStreamRequest::new(server.config.server_id).with_hostname(b"rowtide");
    let request = match executed {
        Some(executed) => request.with_gtid().with_gtid_set(sids(executed)?),
        None => request.with_filename(place.file.as_bytes()).with_pos(place.pos.max(4)),
    };
    conn.get_binlog_stream(request).await.map_err(|error| server.stream_failed(&error))
}

/// The set as the protocol has it.
fn sids(set: &GtidSet) -> Result<Vec<Sid<'static>>, SourceError> {
    let sid = |text: String| {
        text.parse().map_err(|error: std::io::Error| SourceError::BadPosition {
            position: text.clone(),
            reason: error.to_string(),
        })
    };
    set.parts().map(sid).collect()
}

struct Stream<'a> {
    server: &'a Server,
    out: &'a Outbox,
    reading: &'a Reading,
    /// Bytes of the log that were read.
    passed: u64,
    binlog: BinlogStream,
    reader: Reader,
    /// Where the log ended at the start.
    target: Status,
    caught_up: bool,
    /// The position of the last batch.
    sent: Option<crate::event::Position>,
    timer: Interval,
    heartbeat: Heartbeat,
    /// Where `heartbeat.action.query` runs.
    session: Option<Conn>,
    /// When the server was heard last.
    heard: Instant,
    /// A compressed transaction was announced, and its first event must come next.
    payload: bool,
}

impl Stream<'_> {
    async fn follow(&mut self) -> Result<(), Ended> {
        loop {
            // What has arrived is read at once; only then is a batch sent that is not full.
            let packet = if let Some(packet) = self.binlog.next().now_or_never() {
                packet
            } else {
                self.flush().await?;
                self.tell_caught_up().await?;
                match self.wait().await? {
                    Some(packet) => packet,
                    None => continue,
                }
            };
            let packet = match packet {
                Some(Ok(packet)) => packet,
                Some(Err(error)) => return Err(self.server.stream_failed(&error).into()),
                None => return Err(self.server.lost("the server ended the stream").into()),
            };
            self.packet(&packet).await?;
            let before = self.passed;
            self.passed += u64::from(packet.header().event_size());
            if before >> 20 != self.passed >> 20 {
                self.tell_place();
            }
            // Time that the sink took does not count as silence.
            self.heard = Instant::now();
        }
    }

    /// Waits for the next event, the time for a sign of life, or the end. `None`: look again.
    async fn wait(&mut self) -> Result<Option<Option<Result<Packet, Error>>>, Ended> {
        self.tell_place();
        tokio::select! {
            biased;
            () = self.out.stop.cancelled() => Err(Ended::Stopping),
            packet = self.binlog.next() => Ok(Some(packet)),
            // The heartbeat is sent before it is waited again.
            () = until(self.heartbeat.due()) => Ok(None),
            _ = self.timer.tick() => {
                self.progress().await?;
                Ok(None)
            }
            () = tokio::time::sleep_until(self.heard + SILENCE_MAX) => {
                let reason = format!("nothing came for {} s, not even a heartbeat", SILENCE_MAX.as_secs());
                Err(self.server.lost(&reason).into())
            }
        }
    }

    async fn packet(&mut self, packet: &Packet) -> Result<(), Ended> {
        let compressed = self.reader.log.compressed;
        let event = Raw::take(packet, compressed).map_err(|error| SourceError::Undecodable {
            what: format!("event of type {}", packet.header().event_type_raw()),
            position: format!("{}:{}", self.reader.log.file, self.reader.log.end),
            reason: error.to_string(),
        })?;
        if std::mem::take(&mut self.payload) && event.kind != QUERY {
            return Err(Ended::Failed(SourceError::Undecodable {
                what: "a compressed transaction".to_owned(),
                position: format!("{}:{}", self.reader.log.file, self.reader.log.start),
                reason: "it cannot be decompressed; SET PERSIST binlog_transaction_compression=OFF avoids them"
                    .to_owned(),
            }));
        }
        self.payload = event.kind == TRANSACTION_PAYLOAD;
        match self.reader.event(&event)? {
            Step::Done => {}
            Step::Rows(mut rows) => {
                while self.reader.row(&mut rows)? {
                    if self.reader.batcher.is_full() {
                        self.flush().await?;
                    }
                }
            }
            Step::Unsure(tables) => {
                self.learn(tables).await?;
                self.reader.tell();
            }
        }
        if self.reader.batcher.is_full() {
            self.flush().await?;
        }
        Ok(())
    }

    /// Reads definitions anew. Those of tables that are not captured are only told: without them nothing stops.
    async fn learn(&mut self, tables: Vec<Name>) -> Result<(), Ended> {
        let captured = |(database, table): &Name| self.server.config.captures(database, table);
        let mut conn = match self.server.connect().await {
            Ok(conn) => conn,
            Err(error) if tables.iter().any(captured) => return Err(error.into()),
            Err(error) => {
                tracing::warn!(%error, "a schema change is told without columns");
                return Ok(());
            }
        };
        if !tables.iter().any(captured) {
            let _ = self.server.run(&mut conn, WAIT_LITTLE).await;
        }
        for name in tables {
            tracing::info!(database = name.0, table = name.1, "reading the table's definition anew");
            match self.server.definition(&mut conn, &name).await {
                Ok(Some(definition)) => self.reader.catalog.insert(name, definition),
                Ok(None) => {}
                Err(error) if captured(&name) => return Err(error.into()),
                Err(error) => tracing::warn!(%error, "a schema change is told without columns"),
            }
        }
        let _ = conn.disconnect().await;
        Ok(())
    }

    /// Tells the metrics where the reader is.
    fn tell_place(&self) {
        let log = &self.reader.log;
        self.reading.is_at(&log.file, log.end);
        self.out.meters.head.passed(self.passed);
        self.out.meters.source.binlog_position.set(Some(log.end.cast_signed()));
    }

    /// Sends what there is, and a heartbeat if one is due.
    async fn flush(&mut self) -> Result<(), Ended> {
        self.tell_place();
        if self.heartbeat.beats() {
            self.act().await;
            self.reader.batcher.push(Event::Heartbeat { ts_ms: now_ns() / 1_000_000 }, 16);
        }
        if self.reader.batcher.is_empty() {
            return Ok(());
        }
        let position = self.reader.position();
        self.sent = Some(position.clone());
        let batch = self.reader.batcher.take(position);
        Ok(self.out.send(batch).await?)
    }

    /// Runs `heartbeat.action.query`. It may fail: the heartbeat is not about it.
    async fn act(&mut self) {
        let Some(query) = &self.server.config.common.heartbeat_query else { return };
        let run = async {
            let mut session = match self.session.take() {
                Some(session) => session,
                None => self.server.connect().await?,
            };
            self.server.run(&mut session, query).await?;
            Ok::<_, SourceError>(session)
        };
        match run.await {
            // A session that failed is not used again.
            Ok(session) => self.session = Some(session),
            Err(error) => tracing::warn!(%error, "heartbeat.action.query failed"),
        }
    }

    /// Sends how far the log was read, if that is news and no transaction is open.
    async fn progress(&mut self) -> Result<(), Ended> {
        if self.reader.log.open.is_some() {
            return Ok(());
        }
        let position = self.reader.position();
        if self.sent.as_ref() == Some(&position) {
            return Ok(());
        }
        self.sent = Some(position.clone());
        Ok(self.out.send(self.reader.batcher.take(position)).await?)
    }

    /// Tells, once, that all that the log held at the start was sent.
    async fn tell_caught_up(&mut self) -> Result<(), Ended> {
        let log = &self.reader.log;
        if self.caught_up || log.open.is_some() {
            return Ok(());
        }
        let by_set = log.by_gtid && log.executed.contains_all(&self.target.executed);
        let by_place = !is_before((&log.file, log.end), (&self.target.file, self.target.pos));
        if !by_set && !by_place {
            return Ok(());
        }
        self.flush().await?;
        self.caught_up = true;
        tracing::info!("caught up with where the log ended at the start");
        self.out.progress.send_modify(|progress| progress.caught_up = true);
        Ok(())
    }
}

impl Server {
    /// What an error of the stream means.
    fn stream_failed(&self, error: &Error) -> SourceError {
        let Error::Server(server) = error else { return self.lost(&innermost(error)) };
        if server.code != 1236 {
            return self.lost(&server.to_string());
        }
        if server.message.contains("same server_uuid/server_id") {
            let id = self.config.server_id;
            return SourceError::Preflight(vec![Finding {
                what: format!("another reader with server id {id} follows this server"),
                remedy: "stop it, or give this connector its own database.server.id".to_owned(),
            }]);
        }
        self.position_lost(&server.message)
    }

    fn position_lost(&self, what: &str) -> SourceError {
        SourceError::PositionLost {
            what: format!("the log of {} no longer holds what comes after the saved position: {what}", self.config.common.address()),
            remedy: "Remove the connector's offset (or set snapshot.mode=when_needed), so that it takes a new snapshot, and \
                     let the server keep its log longer (binlog_expire_logs_seconds)"
                .to_owned(),
        }
    }

    /// Whether the log still holds all that is not in the set.
    pub(super) async fn check_purged(&self, conn: &mut mysql_async::Conn, place: &Place) -> Result<(), SourceError> {
        let rows = self.rows(conn, "SELECT @@global.gtid_purged").await?;
        let purged: String = rows.first().and_then(|row| row.get_opt(0)?.ok()).unwrap_or_default();
        let (purged, saved) =
            (purged.parse::<GtidSet>(), place.gtids.as_deref().unwrap_or_default().parse::<GtidSet>());
        let (Ok(purged), Ok(saved)) = (purged, saved) else { return Ok(()) };
        let lost = purged.minus(&saved);
        if lost.is_empty() {
            return Ok(());
        }
        Err(self.position_lost(&format!("transactions {lost} were purged")))
    }

    /// Whether the server knows all that is in the set: what it does not know yet would be passed over when it comes.
    fn check_known(&self, place: &Place, target: &Status) -> Result<(), SourceError> {
        let saved = place.gtids.as_deref().unwrap_or_default().parse::<GtidSet>();
        let saved = saved.map_err(|error| SourceError::BadPosition {
            position: place.position().0.to_string(),
            reason: error.to_string(),
        })?;
        let unknown = saved.minus(&target.executed);
        if unknown.is_empty() {
            return Ok(());
        }
        let address = self.config.common.address();
        Err(SourceError::PositionLost {
            what: format!("the saved position holds transactions {unknown} that {address} does not have"),
            remedy: "Perhaps it is another server than before, or a replica that lags: let it catch up. To start again with a \
                     new snapshot, remove the connector's offset, or set snapshot.mode=when_needed"
                .to_owned(),
        })
    }

    /// Whether the log still has the file.
    pub(super) async fn check_file(&self, conn: &mut mysql_async::Conn, place: &Place) -> Result<(), SourceError> {
        let rows = self.rows(conn, "SHOW BINARY LOGS").await?;
        let mut files = rows
            .iter()
            .filter_map(|row| Some((row.get_opt::<String, usize>(0)?.ok()?, row.get_opt::<u64, usize>(1)?.ok()?)));
        let found = files.find(|(file, _)| **file == *place.file);
        match found {
            Some((_, size)) if size >= place.pos => Ok(()),
            Some((file, size)) => {
                Err(self.position_lost(&format!("{file} has {size} bytes, the position is {}", place.pos)))
            }
            None => Err(self.position_lost(&format!("there is no file {}", place.file))),
        }
    }
}
