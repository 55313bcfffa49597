//! Asks the server, now and then, where its log ends and what the slot keeps of it, for the metrics and the readiness.
//!
//! It uses the session that reads the catalogue: no connection is made for this. What cannot be asked is not known; it is
//! no reason to stop.

use std::convert::Infallible;
use std::time::Duration;

use tokio::sync::Mutex;

use super::config::PostgresConfig;
use super::feedback::Shared;
use super::relations::reopen;
use super::server::{Session, literal};
use crate::metrics::Slot;
use crate::source::{Outbox, SourceError};

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(10);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the server may take to tell how far it has read, when it is asked.
const ANSWER: Duration = Duration::from_millis(300);

struct Look {
    end: u64,
    slot: Option<Slot>,
}

/// Looks at the slot for as long as a snapshot takes: the log grows meanwhile.
pub(super) async fn during_snapshot(config: &PostgresConfig, session: &Session, out: &Outbox) -> Infallible {
    loop {
        let slot = look(config, session).await.ok().and_then(|look| look.slot);
        out.meters.head.slot_is(slot);
        tokio::time::sleep(PAUSE).await;
    }
}

/// Looks until the connector stops; the stream began at `start`.
pub(super) async fn run(
    config: &PostgresConfig,
    session: &Mutex<Session>,
    shared: &Shared,
    out: &Outbox,
    start: u64,
) -> Result<(), SourceError> {
    let head = &out.meters.head;
    head.begins(out.meters.source.changes());
    loop {
        match ask(config, session).await {
            Ok(Look { end, slot }) => {
                head.slot_is(slot);
                if shared.received_end() < end {
                    // A server with nothing to send tells only now and then how far it has read.
                    shared.ask();
                    tokio::time::sleep(ANSWER).await;
                }
                let received = shared.received_end();
                head.passed(received.saturating_sub(start));
                head.looked(end.saturating_sub(received));
            }
            Err(error) => {
                tracing::debug!(%error, "cannot ask where the log ends");
                head.clear();
            }
        }
        tokio::select! {
            () = out.stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}

async fn ask(config: &PostgresConfig, session: &Mutex<Session>) -> Result<Look, SourceError> {
    let mut session = session.lock().await;
    reopen(&mut session, config).await?;
    look(config, &session).await
}

async fn look(config: &PostgresConfig, session: &Session) -> Result<Look, SourceError> {
    let what = "reading where the log ends";
    let sql = format!(
        "SELECT pg_wal_lsn_diff(log.lsn, '0/0')::int8, pg_wal_lsn_diff(log.lsn, s.restart_lsn)::int8, s.safe_wal_size \
         FROM (SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END AS lsn) \
         AS log LEFT JOIN pg_replication_slots s ON s.slot_name = {}",
        literal(&config.slot.name)
    );
    let lost = |reason: String| SourceError::Disconnected { address: config.server.address(), reason };
    let rows = tokio::time::timeout(PATIENCE, session.query(&sql, &[])).await;
    let rows = rows.map_err(|_| lost(format!("no answer to {what}")))?.map_err(|error| session.error(what, &error))?;
    let number = |column: usize| rows.first().and_then(|row| row.try_get::<_, Option<i64>>(column).ok().flatten());
    let positive = |column: usize| number(column).and_then(|number| u64::try_from(number).ok());
    let end = positive(0).ok_or_else(|| lost(format!("no answer to {what}")))?;
    let slot = positive(1).map(|retained| Slot { name: config.slot.name.clone(), retained, safe: number(2) });
    Ok(Look { end, slot })
}
