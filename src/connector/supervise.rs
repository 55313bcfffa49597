//! Keeps a connector running: builds its parts, runs them, and after an error that can pass builds them again.
//!
//! Restart and start are one path: everything is built anew from the saved position. Duplicates are possible, loss is not.

use std::time::Duration;

use futures::future::BoxFuture;
use rand::Rng;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::policy::{self, Verdict};
use super::status::{Counters, State, Status};
use super::{Connector, ConnectorError, Telltale, run};
use crate::event::Position;
use crate::source::Progress;

/// Builds a connector's parts, for each run anew.
pub type Build = Box<dyn Fn() -> BoxFuture<'static, Result<Connector, ConnectorError>> + Send + Sync>;

/// When to try again after an error that can pass.
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    /// `retriable.restart.connector.wait.ms`: the longest wait between two tries.
    pub wait_max: Duration,
    /// `errors.max.retries`: tries without any progress between them; `None`: no limit.
    pub tries_max: Option<u32>,
}

/// A supervised connector.
pub struct Handle {
    status: watch::Receiver<Status>,
    telltale: Telltale,
    stop: CancellationToken,
}

impl Handle {
    /// What it is doing.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    /// The saved position.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        self.telltale.saved.borrow().clone()
    }

    /// What the source does.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.telltale.progress.borrow().clone()
    }

    /// What went through.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.telltale.counters
    }

    /// Asks it to drain, save and end. [`Handle::ended`] tells when it has.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Waits until it has ended: after [`Handle::stop`], or by itself where it runs once. Gives the last status.
    pub async fn ended(&self) -> Status {
        // Its supervisor holds the other end until then.
        let mut status = self.status.clone();
        while status.changed().await.is_ok() {}
        self.status()
    }

    /// Whether it has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.status.has_changed().is_err()
    }

    /// Waits until its state is one of these.
    pub async fn reaches(&self, states: &[State]) -> Status {
        let mut status = self.status.clone();
        let reached = status.wait_for(|status| states.contains(&status.state)).await.map(|status| status.clone());
        reached.unwrap_or_else(|_| self.status())
    }
}

/// Starts a connector under supervision. It ends by itself only where it runs once.
#[must_use]
pub fn start(build: Build, retry: Retry) -> Handle {
    let (status, status_seen) = watch::channel(Status::now(State::Unassigned, None));
    let stop = CancellationToken::new();
    let telltale = Telltale::default();
    let supervisor = Supervisor { build, retry, status, telltale: telltale.clone(), stop: stop.clone() };
    tokio::spawn(supervisor.run().in_current_span());
    Handle { status: status_seen, telltale, stop }
}

struct Supervisor {
    build: Build,
    retry: Retry,
    status: watch::Sender<Status>,
    telltale: Telltale,
    stop: CancellationToken,
}

impl Supervisor {
    async fn run(self) {
        let mut tries = 0;
        loop {
            let before = self.telltale.saved.borrow().clone();
            let error = match self.run_once().await {
                Ok(()) => return self.tell(State::Stopped, None),
                Err(error) => error,
            };
            if self.stop.is_cancelled() {
                tracing::warn!(%error, "stopped with an error");
                return self.tell(State::Stopped, Some(trace(&error)));
            }
            let moved = before != *self.telltale.saved.borrow();
            tries = if moved { 1 } else { tries + 1 };
            if policy::judge(&error) == Verdict::Definite || self.retry.tries_max.is_some_and(|max| tries > max) {
                tracing::error!(%error, "failed; it stays stopped until this is mended");
                self.tell(State::Failed, Some(trace(&error)));
                return self.stop.cancelled().await;
            }
            let wait = self.wait(tries);
            tracing::warn!(%error, tries, wait_ms = millis(wait), "trying again");
            self.tell(State::Restarting, Some(trace(&error)));
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.stop.cancelled() => return self.tell(State::Stopped, None),
            }
        }
    }

    async fn run_once(&self) -> Result<(), ConnectorError> {
        let connector = (self.build)().await?;
        let stop = self.stop.clone();
        let running = run(connector, &self.telltale, stop);
        // As in Connect, where a task runs once its start has connected; an unreachable host stays RESTARTING.
        let mut progress = self.telltale.progress.subscribe();
        let well = async {
            if progress.wait_for(|progress| progress.connected).await.is_ok() {
                self.tell(State::Running, None);
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            result = running => result,
            () = well => Ok(()),
        }
    }

    /// Doubles from a second to the longest wait; a random part keeps many connectors from trying in step.
    fn wait(&self, tries: u32) -> Duration {
        let longest = self.retry.wait_max.max(Duration::from_millis(100));
        let wait = Duration::from_secs(1).saturating_mul(1 << tries.saturating_sub(1).min(16)).min(longest);
        wait.mul_f64(rand::rng().random_range(0.8..1.0))
    }

    fn tell(&self, state: State, trace: Option<String>) {
        self.status.send_replace(Status::now(state, trace));
    }
}

/// The error and its causes, a line each.
fn trace(error: &ConnectorError) -> String {
    let mut trace = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        trace.push_str("\ncaused by: ");
        trace.push_str(&error.to_string());
        cause = error.source();
    }
    trace
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
