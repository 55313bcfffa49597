//! Asks the server, now and then, where its log ends, for the metrics and the readiness.
//!
//! The connection that follows the log cannot be asked, so one is made for each question. What cannot be asked is not known;
//! it is no reason to stop.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::log::number;
use super::server::Server;
use crate::source::{Outbox, SourceError};

/// Between two questions.
const PAUSE: Duration = Duration::from_secs(30);
/// How long a connection and its answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the reader is: file and position. Nowhere until it reads.
#[derive(Debug, Default)]
pub(super) struct Reading(Mutex<Option<(Arc<str>, u64)>>);

impl Reading {
    /// It is there.
    pub(super) fn is_at(&self, file: &Arc<str>, pos: u64) {
        let mut place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *place {
            Some((known, at)) if Arc::ptr_eq(known, file) => *at = pos,
            place => *place = Some((Arc::clone(file), pos)),
        }
    }

    fn place(&self) -> Option<(Arc<str>, u64)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Asks for as long as it is polled.
pub(super) async fn watch(server: &Server, reading: &Reading, out: &Outbox) -> Infallible {
    let head = &out.meters.head;
    loop {
        if reading.place().is_some() {
            let asked = tokio::time::timeout(PATIENCE, files(server)).await;
            // Where the reader is now: it went on while the server was asked.
            match (asked, reading.place()) {
                (Ok(Ok(files)), Some((file, pos))) => head.looked(distance(&files, (&file, pos))),
                (Ok(Err(error)), _) => {
                    tracing::debug!(%error, "cannot ask where the log ends");
                    head.clear();
                }
                _ => head.clear(),
            }
            tokio::time::sleep(PAUSE).await;
        } else {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// The files of the log and their sizes.
async fn files(server: &Server) -> Result<Vec<(String, u64)>, SourceError> {
    let mut conn = server.connect().await?;
    let rows = server.rows(&mut conn, "SHOW BINARY LOGS").await?;
    let _ = conn.disconnect().await;
    let file = |row: &mysql_async::Row| Some((row.get_opt(0)?.ok()?, row.get_opt(1)?.ok()?));
    Ok(rows.iter().filter_map(file).collect())
}

/// Bytes of the log behind a place.
fn distance(files: &[(String, u64)], (file, pos): (&str, u64)) -> u64 {
    let behind = files.iter().map(|(name, size)| {
        if name == file {
            size.saturating_sub(pos)
        } else if number(name) > number(file) {
            *size
        } else {
            0
        }
    });
    behind.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_goes_over_files() {
        let files = [("b.000009".to_owned(), 100), ("b.000010".to_owned(), 50), ("b.000011".to_owned(), 7)];
        assert_eq!(distance(&files, ("b.000009", 90)), 67);
        assert_eq!(distance(&files, ("b.000011", 7)), 0);
        assert_eq!(distance(&files, ("b.000011", 9)), 0, "it has grown since");
        assert_eq!(distance(&files, ("b.000008", 1)), 157, "what is purged is not counted");
    }
}
