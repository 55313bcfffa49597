//! The replication slot: made, looked at, taken, dropped.

use std::time::{Duration, Instant};

use super::check::{self, Found};
use super::config::PostgresConfig;
use super::position::{Offset, lsn_text, parse_lsn};
use super::server::{Session, literal, quoted, sql_error};
use super::snapshot::Point;
use super::wire::{Connection, Purpose, Reader, WireError, Writer};
use crate::source::{Finding, SourceError};

/// How often a slot that is in use is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// `server_version_num` of the first server that keeps slots on standbys.
const FAILOVER_VERSION: i32 = 170_000;
/// SQLSTATE `object_in_use`, `duplicate_object`.
const IN_USE: &str = "55006";
const DUPLICATE: &str = "42710";

/// A replication connection whose slot has exported a snapshot; the snapshot can be imported as long as this lives.
pub(super) struct Exporter {
    _connection: Option<Connection>,
    point: Point,
}

impl Exporter {
    /// The moment of the snapshot.
    pub(super) const fn point(&self) -> &Point {
        &self.point
    }

    /// Where the stream begins.
    pub(super) const fn start(&self) -> Option<u64> {
        self.point.lsn
    }
}

/// Makes the slot, which exports the snapshot of its first moment. A slot that is there already, and of which nothing was
/// saved, stays: then a temporary slot exports the snapshot, and the stream begins at its moment.
pub(super) async fn export(config: &PostgresConfig, found: &Found) -> Result<Exporter, SourceError> {
    if let Some(slot) = &found.slot {
        if let Some(pid) = slot.active_pid {
            return Err(SourceError::SlotInUse { slot: config.slot.name.clone(), pid: pid.into() });
        }
        if config.snapshot == super::config::SnapshotMode::NoData {
            let point = Point { lsn: slot.confirmed, exported: None };
            return Ok(Exporter { _connection: None, point });
        }
        tracing::info!(slot = config.slot.name, "the slot is there already; a temporary one gives the snapshot");
    }
    let mut connection = open(config).await?;
    let statement = if found.slot.is_some() {
        let name = format!("rowtide_snapshot_{:08x}", rand::random::<u32>());
        format!("CREATE_REPLICATION_SLOT {} TEMPORARY LOGICAL pgoutput EXPORT_SNAPSHOT", quoted(&name))
    } else if config.slot.failover && found.version >= FAILOVER_VERSION {
        let name = quoted(&config.slot.name);
        format!("CREATE_REPLICATION_SLOT {name} LOGICAL pgoutput (SNAPSHOT 'export', FAILOVER true)")
    } else {
        format!("CREATE_REPLICATION_SLOT {} LOGICAL pgoutput EXPORT_SNAPSHOT", quoted(&config.slot.name))
    };
    tracing::info!(
        slot = config.slot.name,
        "making a replication slot; this waits for transactions that run now to end"
    );
    let rows = connection.query(&statement).await.map_err(|error| creation_error(config, &statement, &error))?;
    let column = |index: usize| rows.first().and_then(|row| row.get(index)).cloned().flatten();
    let point = Point { lsn: column(1).as_deref().and_then(parse_lsn), exported: column(2) };
    Ok(Exporter { _connection: Some(connection), point })
}

fn creation_error(config: &PostgresConfig, statement: &str, error: &WireError) -> SourceError {
    let failed = sql_error(&config.server.address(), statement, error);
    match error {
        WireError::Refused(refusal) if refusal.code == DUPLICATE => SourceError::Sql {
            statement: statement.to_owned(),
            reason: format!("{refusal}: somebody made it at the same moment"),
            transient: true,
        },
        WireError::Refused(refusal) if refusal.code == "53400" => SourceError::Preflight(vec![Finding {
            what: refusal.to_string(),
            remedy: "raise max_replication_slots and restart the server, or drop slots that are not used".to_owned(),
        }]),
        _ => failed,
    }
}

/// Whether the slot still holds what comes behind a saved position.
///
/// # Errors
/// [`SourceError::PositionLost`]
pub(super) fn resume(config: &PostgresConfig, found: &Found, offset: Offset) -> Result<Offset, SourceError> {
    let name = &config.slot.name;
    let saved = offset.resume();
    let remedy = "To start again with a new snapshot, delete the connector's offset, or set snapshot.mode=when_needed";
    let lost = |what: String, more: &str| SourceError::PositionLost { what, remedy: format!("{remedy}{more}") };
    let Some(slot) = &found.slot else {
        let what =
            format!("replication slot {name:?} is gone, and with it the log behind the saved {}", lsn_text(saved));
        return Err(lost(what, ""));
    };
    if slot.lost {
        let what = format!("the server has removed the log that slot {name:?} needs (max_slot_wal_keep_size)");
        return Err(lost(what, &format!(" after SELECT pg_drop_replication_slot({})", literal(name))));
    }
    if found.ends && saved > found.end {
        let (saved, end) = (lsn_text(saved), lsn_text(found.end));
        // The server would pass over all that is committed before it gets there.
        return Err(lost(format!("the saved {saved} is beyond the end of the server's log, {end}"), ""));
    }
    match slot.confirmed {
        Some(confirmed) if confirmed > saved && config.slot.trusted => {
            tracing::warn!(
                saved = lsn_text(saved),
                slot = lsn_text(confirmed),
                "going on where the slot is, as offset.mismatch.strategy says"
            );
            Ok(Offset { lsn_commit: Some(confirmed), ..offset })
        }
        Some(confirmed) if confirmed > saved => {
            let (slot, saved) = (lsn_text(confirmed), lsn_text(saved));
            let what = format!(
                "replication slot {name:?} is at {slot}, beyond the saved {saved}: it was made anew, or read by another"
            );
            Err(lost(
                what,
                ". To go on where the slot is and lose what is between, set offset.mismatch.strategy=trust_slot",
            ))
        }
        _ => Ok(offset),
    }
}

async fn open(config: &PostgresConfig) -> Result<Connection, SourceError> {
    let opened = Connection::open(&config.server, Purpose::Replication).await;
    opened.map_err(|error| config.server.connect_error(&error))
}

/// Starts the stream at that place of the log. A slot that is in use is waited for: the reader may be our own last run,
/// which the server has not missed yet.
pub(super) async fn stream(
    config: &PostgresConfig,
    session: &Session,
    start: u64,
) -> Result<(Reader, Writer), SourceError> {
    let statement = format!(
        "START_REPLICATION SLOT {} LOGICAL {} (\"proto_version\" '1', \"publication_names\" {}, \"messages\" 'true')",
        quoted(&config.slot.name),
        lsn_text(start),
        literal(&quoted(&config.publication))
    );
    let began = Instant::now();
    let mut told = false;
    loop {
        let refusal = match open(config).await?.stream(&statement).await {
            Ok(halves) => return Ok(halves),
            Err(WireError::Refused(refusal)) if refusal.code == IN_USE => refusal,
            Err(WireError::Refused(refusal)) if is_lost(&refusal.message) => {
                return Err(SourceError::PositionLost {
                    what: refusal.to_string(),
                    remedy: "Drop the slot, and delete the connector's offset for a new snapshot".to_owned(),
                });
            }
            Err(error) => return Err(sql_error(&config.server.address(), &statement, &error)),
        };
        let pid = check::read_slot(config, session).await?.and_then(|slot| slot.active_pid);
        if began.elapsed() >= config.slot.patience {
            return Err(SourceError::SlotInUse { slot: config.slot.name.clone(), pid: pid.unwrap_or_default().into() });
        }
        if !told {
            tracing::warn!(slot = config.slot.name, pid, reason = %refusal, "the replication slot is in use; waiting for it");
            told = true;
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

/// What the server says when a slot's log is gone; there is no SQLSTATE of its own for it.
fn is_lost(message: &str) -> bool {
    message.contains("can no longer get changes from replication slot") || message.contains("has already been removed")
}

/// Drops the slot (`slot.drop.on.stop`).
pub(super) async fn drop_slot(config: &PostgresConfig) -> Result<(), SourceError> {
    let session = Session::open(&config.server).await?;
    let statement = format!("SELECT pg_drop_replication_slot({})", literal(&config.slot.name));
    let began = Instant::now();
    loop {
        match session.batch_execute(&statement).await {
            Ok(()) => return Ok(()),
            Err(error)
                if error.code().is_some_and(|code| code.code() == IN_USE) && began.elapsed() < config.slot.patience =>
            {
                tokio::time::sleep(LOOK_INTERVAL).await;
            }
            Err(error) => return Err(session.error(&statement, &error)),
        }
    }
}
