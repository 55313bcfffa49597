//! Keeps a connector running: builds its parts, runs them, and after an error that can pass builds them again.
//!
//! Restart and start are one path: everything is built anew from the saved position. Duplicates are possible, loss is not.

use std::panic::AssertUnwindSafe;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use futures::future::{BoxFuture, FutureExt as _};
use rand::Rng;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::policy::{self, Verdict};
use super::status::{Outlook, State, Status};
use super::{Connector, ConnectorError, Telltale, run};
use crate::event::Position;
use crate::metrics::{Activity, Meters, STARTUPS};
use crate::source::{Progress, SourceError, batcher};

/// The longest wait between two logins that were refused.
const LOGIN_WAIT_MAX: Duration = Duration::from_secs(300);

/// Topics that are missing so long after each other are missing for two reasons. Longer than the longest wait between two looks.
const MISSES_APART: Duration = Duration::from_secs(2 * 3600);

/// The longest wait between two looks that send records again.
const REPETITION_WAIT_MAX: Duration = Duration::from_secs(3600);

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

impl Default for Retry {
    fn default() -> Self {
        Self { wait_max: Duration::from_secs(10), tries_max: None }
    }
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

    /// What is counted and measured of it.
    #[must_use]
    pub fn meters(&self) -> &Meters {
        &self.telltale.meters
    }

    /// Forgets which topics it wrote.
    pub fn forget_topics(&self) {
        self.telltale.topics.forget();
    }

    /// Lets it take nothing more for the moment, or go on. Its connections stay.
    pub fn pause(&self, paused: bool) {
        self.telltale.paused.send_if_modified(|now| std::mem::replace(now, paused) != paused);
        turns(&self.telltale, self.status.borrow().state);
    }

    /// Whether it takes nothing more.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        *self.telltale.paused.borrow()
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
    let (status, status_seen) = watch::channel(Status::now(State::Unassigned));
    let stop = CancellationToken::new();
    let telltale = Telltale::default();
    STARTUPS.connectors.attempt();
    let (built, telltale_of_run) = (OnceLock::new(), telltale.clone());
    let supervisor = Supervisor { build, retry, status, telltale: telltale_of_run, stop: stop.clone(), built };
    tokio::spawn(supervisor.run().in_current_span());
    Handle { status: status_seen, telltale, stop }
}

/// How a run is made, because of how the last one ended.
#[derive(Clone, Copy, Debug, Default)]
struct Manner {
    /// It was blocked, and may still be.
    blocked: bool,
    /// A topic refused a message; what topics take is asked before anything is sent.
    asks_first: bool,
    /// An event failed that may have had others before it in its batch: each is to be a batch of its own.
    singly: bool,
    /// When a topic was missing last.
    missed: Option<Instant>,
}

impl Manner {
    /// What to do about the error of a run that was made so, and that moved the position or not.
    fn verdict(&mut self, error: &ConnectorError, moved: bool) -> Verdict {
        match policy::judge(error) {
            Verdict::Unforeseen if self.asks_first && !moved => Verdict::Definite,
            Verdict::Unforeseen => {
                self.asks_first = true;
                Verdict::Transient
            }
            // Not by the position: a snapshot that begins anew moves it each time.
            Verdict::Missing => match self.missed.replace(Instant::now()) {
                Some(before) if before.elapsed() < MISSES_APART => Verdict::Blocked,
                _ => Verdict::Transient,
            },
            verdict => verdict,
        }
    }
}

struct Supervisor {
    build: Build,
    retry: Retry,
    status: watch::Sender<Status>,
    telltale: Telltale,
    stop: CancellationToken,
    /// Set once it was built for the first time, or could not be.
    built: OnceLock<()>,
}

impl Supervisor {
    async fn run(self) {
        let mut tries = 0;
        let mut repetitions = 0;
        let mut manner = Manner::default();
        let mut since = SystemTime::now();
        loop {
            let before = (self.telltale.saved.borrow().clone(), self.telltale.meters.line.written.get());
            // A fault of ours ends this run and is told. What it left half done goes with the run's parts; what is read after it
            // is watched and counted, and every such write is whole.
            let run = AssertUnwindSafe(Box::pin(self.run_once(manner))).catch_unwind();
            let error = match run.await.unwrap_or(Err(ConnectorError::Panicked { task: "line" })) {
                Ok(()) => return self.tell(Status::now(State::Stopped)),
                Err(error) => error,
            };
            if self.stop.is_cancelled() {
                tracing::warn!(%error, "stopped with an error");
                return self.tell(Status { trace: Some(trace(&error)), ..Status::now(State::Stopped) });
            }
            let moved = before.0 != *self.telltale.saved.borrow();
            if self.is_better_read_singly(&error, manner.singly) {
                tracing::warn!(%error, "reading again event by event, so that what is before this one is delivered");
                manner.singly = true;
                continue;
            }
            manner.singly &= !moved || policy::is_of_an_event(&error);
            // A snapshot before which a topic is missing moves the position and begins anew all the same.
            let repeats = (!moved || manner.missed.is_some()) && before.1 != self.telltale.meters.line.written.get();
            tries = if moved { 1 } else { tries + 1 };
            repetitions = if repeats { repetitions + 1 } else { 0 };
            if self.status.borrow().trace.is_none() {
                since = SystemTime::now();
            }
            let verdict = manner.verdict(&error, moved);
            self.count(&error, verdict);
            manner.blocked = verdict == Verdict::Blocked;
            let failed = |state, outlook| Status { state, since, trace: Some(trace(&error)), outlook: Some(outlook) };
            let wait = match verdict {
                Verdict::Transient if self.retry.tries_max.is_none_or(|max| tries <= max) => {
                    let wait = self.wait(tries);
                    tracing::warn!(%error, tries, wait_ms = millis(wait), "trying again");
                    self.tell(failed(State::Restarting, Outlook::Tried { tries, wait }));
                    wait
                }
                Verdict::Transient | Verdict::Definite | Verdict::Unforeseen | Verdict::Missing => {
                    tracing::error!(%error, "failed; it stays stopped until this is mended");
                    self.tell(failed(State::Failed, Outlook::Stays));
                    return self.stop.cancelled().await;
                }
                Verdict::Blocked | Verdict::LockedOut => {
                    let is_login = verdict == Verdict::LockedOut;
                    let wait = if is_login { self.log_in_again(tries) } else { self.look_again(repetitions) };
                    tracing::error!(%error, wait_ms = millis(wait), "failed; it looks again, and goes on when this is mended");
                    self.tell(failed(State::Failed, Outlook::Watched { wait }));
                    wait
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.stop.cancelled() => return self.tell(Status::now(State::Stopped)),
            }
            let (cause, reconnects) = policy::cause(&error);
            self.telltale.meters.life.restarts_because(cause, reconnects);
        }
    }

    /// Whether what precedes a failed event in its batch would be delivered if each event were a batch. A snapshot would
    /// begin anew, and repeat all that it told.
    fn is_better_read_singly(&self, error: &ConnectorError, is_already: bool) -> bool {
        !is_already && policy::is_of_an_event(error) && self.telltale.progress.borrow().streaming
    }

    fn count(&self, error: &ConnectorError, verdict: Verdict) {
        let meters = &self.telltale.meters;
        meters.life.failed(verdict.name());
        match error {
            ConnectorError::Source(SourceError::Undecodable { .. } | SourceError::UnsupportedType { .. }) => {
                meters.source.erroneous.add(1);
            }
            ConnectorError::Source(SourceError::Disconnected { .. }) => meters.source.disconnects.add(1),
            _ => {}
        }
    }

    async fn run_once(&self, manner: Manner) -> Result<(), ConnectorError> {
        STARTUPS.tasks.attempt();
        let started = AtomicBool::new(false);
        let built = (self.build)().await;
        if self.built.set(()).is_ok() {
            STARTUPS.connectors.ended(built.is_ok());
        }
        let mut connector = built.inspect_err(|_| STARTUPS.tasks.ended(false))?;
        if manner.asks_first {
            connector.pipeline.ask_first();
        }
        if manner.singly {
            connector.settings.batch = batcher::Limits::event_by_event();
        }
        let stop = self.stop.clone();
        let running = run(connector, &self.telltale, stop);
        let well = async {
            if if manner.blocked { self.unblocked().await } else { self.connected().await } {
                started.store(true, Ordering::Relaxed);
                STARTUPS.tasks.ended(true);
                self.tell(Status::now(State::Running));
            }
            std::future::pending::<()>().await;
        };
        let result = tokio::select! {
            result = running => result,
            () = well => Ok(()),
        };
        if result.is_err() && !started.load(Ordering::Relaxed) {
            STARTUPS.tasks.ended(false);
        }
        result
    }

    /// As in Connect, where a task runs once its start has connected; an unreachable host stays RESTARTING.
    async fn connected(&self) -> bool {
        self.telltale.progress.subscribe().wait_for(|progress| progress.connected).await.is_ok()
    }

    /// What blocked it comes soon after it has connected, so it stays FAILED until a record was written and saved.
    async fn unblocked(&self) -> bool {
        let written = &self.telltale.meters.line.written;
        let before = written.get();
        self.telltale.saved.subscribe().wait_for(|_| written.get() > before).await.is_ok()
    }

    /// Doubles from a second to the longest wait; a random part keeps many connectors from trying in step.
    fn wait(&self, tries: u32) -> Duration {
        let wait = Duration::from_secs(1).saturating_mul(1 << tries.saturating_sub(1).min(16));
        wait.min(self.longest_wait()).mul_f64(rand::rng().random_range(0.8..1.0))
    }

    /// Each look that sends records again, because a snapshot must begin anew, makes the wait for the next one longer.
    fn look_again(&self, repetitions: u32) -> Duration {
        let wait = self.longest_wait().saturating_mul(1 << repetitions.saturating_sub(1).min(16));
        wait.min(REPETITION_WAIT_MAX.max(self.longest_wait()))
    }

    /// Doubles, because servers lock out who is wrong too often.
    fn log_in_again(&self, tries: u32) -> Duration {
        let wait = self.longest_wait().saturating_mul(1 << tries.saturating_sub(1).min(16));
        wait.min(LOGIN_WAIT_MAX.max(self.longest_wait()))
    }

    fn longest_wait(&self) -> Duration {
        self.retry.wait_max.max(Duration::from_millis(100))
    }

    fn tell(&self, status: Status) {
        turns(&self.telltale, status.state);
        self.status.send_replace(status);
    }
}

/// Accounts for what it does from now on.
fn turns(telltale: &Telltale, state: State) {
    let activity = match state {
        State::Running if *telltale.paused.borrow() => Activity::Paused,
        State::Running => Activity::Running,
        State::Unassigned | State::Failed | State::Restarting | State::Stopped => Activity::Other,
    };
    telltale.meters.life.turns(activity);
}

/// The error and its causes, a line each.
pub(super) fn trace(error: &ConnectorError) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::SinkError;

    /// Whatever the runs between moved: else it would be tried for ever, and never told.
    #[tokio::test(start_paused = true)]
    async fn a_topic_that_stays_missing_is_told() {
        let missing = SinkError::TopicMissing { topic: "t".into(), reason: String::new(), remedy: String::new() };
        let mut manner = Manner::default();
        let error: ConnectorError = missing.into();
        assert_eq!(manner.verdict(&error, true), Verdict::Transient);
        tokio::time::advance(Duration::from_secs(40)).await;
        assert_eq!(manner.verdict(&error, true), Verdict::Blocked);
        tokio::time::advance(MISSES_APART).await;
        assert_eq!(manner.verdict(&error, true), Verdict::Transient, "another outage");
    }
}
