//! One budget of database connections per server, for all connectors of the process: what it may have there in all, so that the
//! database's own users are not shut out by the hundredth connector.
//!
//! A connector takes what it may need at once before it connects, so that none waits for a second connection while it holds a
//! first. Those that find nothing free wait in turn, and say what they wait for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Outbox, Source, SourceError};
use crate::event::Position;

/// The connections that a connector may have at once: its stream or its snapshot, its catalogue, and one more for a moment
/// (the one that exports a snapshot, holds a lock, or asks where the log ends).
pub const EACH: u32 = 3;

/// How long one waits before its status says why.
const PATIENCE: Duration = Duration::from_secs(10);

/// The budgets of all servers.
#[derive(Clone, Debug)]
pub struct Seats {
    /// `None`: there is no limit.
    max: Option<u32>,
    servers: Arc<Mutex<HashMap<String, Arc<Semaphore>>>>,
}

impl Seats {
    /// So many connections at each server; 0: no limit.
    #[must_use]
    pub fn of(max: u32) -> Self {
        Self { max: Some(max).filter(|max| *max > 0), servers: Arc::default() }
    }

    /// A source that takes its seats at that server, host:port, before it begins, and gives them back when it ends.
    #[must_use]
    pub fn seated(&self, source: Box<dyn Source>, address: String) -> Box<dyn Source> {
        if self.max.is_some() { Box::new(Seated { seats: self.clone(), source, address }) } else { source }
    }

    /// What each server's connectors have taken, by host:port.
    #[must_use]
    pub fn taken(&self) -> Vec<(String, u32)> {
        let Some(max) = self.max else { return Vec::new() };
        let servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        let left = |seats: &Semaphore| u32::try_from(seats.available_permits()).unwrap_or(max);
        servers.iter().map(|(address, seats)| (address.clone(), max.saturating_sub(left(seats)))).collect()
    }

    async fn take(&self, address: &str) -> Result<Option<OwnedSemaphorePermit>, SourceError> {
        let Some(max) = self.max else { return Ok(None) };
        let seats = {
            let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
            let seats = servers.entry(address.to_ascii_lowercase());
            Arc::clone(seats.or_insert_with(|| Arc::new(Semaphore::new(max as usize))))
        };
        let taken = tokio::time::timeout(PATIENCE, seats.acquire_many_owned(EACH.min(max))).await;
        taken.map(Result::ok).map_err(|_| SourceError::Connect {
            address: address.to_owned(),
            reason: format!(
                "other connectors have the {max} connections that database.connections.max allows at one server, {EACH} \
                 each; it goes on when one of them stops"
            ),
        })
    }
}

struct Seated {
    seats: Seats,
    source: Box<dyn Source>,
    address: String,
}

impl Source for Seated {
    fn run(self: Box<Self>, start: Option<Position>, out: Outbox) -> BoxFuture<'static, Result<(), SourceError>> {
        async move {
            let _taken = tokio::select! {
                biased;
                () = out.stop.cancelled() => return Ok(()),
                taken = self.seats.take(&self.address) => taken?,
            };
            self.source.run(start, out).await
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_server_has_so_many_and_those_that_wait_come_in_turn() {
        let seats = Seats::of(7);
        let (first, second) = (seats.take("a:1").await.unwrap(), seats.take("A:1").await.unwrap());
        assert_eq!(seats.taken(), [("a:1".to_owned(), 2 * EACH)]);
        let refused = seats.take("a:1").await.unwrap_err().to_string();
        assert!(refused.starts_with("cannot connect to a:1: other connectors have the 7 connections"), "{refused}");
        assert!(seats.take("a:2").await.unwrap().is_some(), "another server has its own");
        let waiting = seats.clone();
        let third = tokio::spawn(async move { waiting.take("a:1").await.map(drop) });
        tokio::task::yield_now().await;
        assert!(!third.is_finished());
        drop(first);
        third.await.unwrap().unwrap();
        drop(second);
        assert!(Seats::of(0).take("a:1").await.unwrap().is_none());
        assert!(Seats::of(1).take("a:1").await.unwrap().is_some(), "one connector always can");
    }
}
