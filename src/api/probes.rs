//! `/livez`, `/readyz`, `/startupz`: what Kubernetes asks.
//!
//! Live is a process whose loops turn; ready is one whose connectors all do what they are to do:
//! run and move forward, unless they are paused or stopped; started is one that has tried
//! each of its connectors. Every answer says which connector it is about, and why.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Map, Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::seen::{self, Seen};
use super::{Tls, Worker, loggers};
use crate::loggers::Loggers;
use crate::sink::kafka::probe::Brokers;

/// How late the watchdog's beat may be before the process counts as stuck.
const BEAT_LATE: Duration = Duration::from_secs(30);

/// What the operator's endpoints need to know beside the connectors.
pub struct Operations {
    /// The levels of the log.
    pub loggers: Arc<Loggers>,
    /// Cancelled when the daemon is told to stop: from then on it is not ready.
    pub stopping: CancellationToken,
    /// Whether the brokers answer.
    pub brokers: watch::Receiver<Brokers>,
    /// The heartbeat of the runtime.
    pub watchdog: Arc<Watchdog>,
    /// Set once every connector was tried.
    pub started: AtomicBool,
    /// What https listeners serve with, if there are any.
    pub tls: Option<Arc<Tls>>,
}

impl Default for Operations {
    fn default() -> Self {
        Self {
            loggers: loggers::none(),
            stopping: CancellationToken::new(),
            brokers: watch::Sender::new(Brokers::None).subscribe(),
            watchdog: Arc::default(),
            started: AtomicBool::new(false),
            tls: None,
        }
    }
}

/// Shows that the runtime turns: a task that beats once a second.
#[derive(Debug)]
pub struct Watchdog(Mutex<Instant>);

impl Default for Watchdog {
    fn default() -> Self {
        Self(Mutex::new(Instant::now()))
    }
}

impl Watchdog {
    /// Beats until the runtime ends.
    pub async fn run(self: Arc<Self>) {
        let mut beat = tokio::time::interval(Duration::from_secs(1));
        loop {
            beat.tick().await;
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        }
    }

    /// How long ago it beat.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }
}

type Answer = (StatusCode, Json<Value>);

fn answer(well: (&str, &str), reasons: &[String], connectors: &Map<String, Value>) -> Answer {
    let (yes, no) = well;
    let (code, status) = if reasons.is_empty() { (StatusCode::OK, yes) } else { (StatusCode::SERVICE_UNAVAILABLE, no) };
    (code, Json(json!({"status": status, "reasons": reasons, "connectors": connectors})))
}

/// Puts what is wrong with each connector into the reasons and into its own entry.
fn each(worker: &Worker, judge: impl Fn(&Seen) -> Result<(), String>) -> (Vec<String>, Map<String, Value>) {
    let mut reasons = Vec::new();
    let mut connectors = Map::new();
    for seen in seen::all(worker) {
        let mut entry = json!({"ok": true, "state": seen.shown_state()});
        if let Err(reason) = judge(&seen) {
            entry["ok"] = false.into();
            entry["reason"] = reason.as_str().into();
            let first = reason.lines().next().unwrap_or_default();
            reasons.push(format!("connector {}: {first}", seen.name));
        }
        connectors.insert(seen.name, entry);
    }
    (reasons, connectors)
}

/// `GET /livez`
pub(super) async fn live(State(worker): State<Arc<Worker>>) -> Answer {
    let (mut reasons, connectors) = each(&worker, Seen::turns);
    let age = worker.operations.watchdog.age();
    if age > BEAT_LATE {
        reasons.insert(0, format!("the runtime has not turned for {} s", age.as_secs()));
    }
    answer(("alive", "stuck"), &reasons, &connectors)
}

/// `GET /readyz`
pub(super) async fn ready(State(worker): State<Arc<Worker>>) -> Answer {
    let (mut reasons, connectors) = each(&worker, Seen::moves);
    match &*worker.operations.brokers.borrow() {
        Brokers::Silent(why) => reasons.insert(0, format!("the brokers do not answer: {why}")),
        Brokers::Unknown => reasons.insert(0, "the brokers were not asked yet".to_owned()),
        Brokers::None | Brokers::Answer => {}
    }
    if worker.operations.stopping.is_cancelled() {
        reasons.insert(0, "the daemon was told to stop".to_owned());
    }
    answer(("ready", "not ready"), &reasons, &connectors)
}

/// `GET /startupz`. Once started, always started.
pub(super) async fn startup(State(worker): State<Arc<Worker>>) -> Answer {
    let (mut reasons, connectors) = each(&worker, Seen::tried);
    let started = &worker.operations.started;
    if started.load(Ordering::Relaxed) {
        reasons.clear();
    } else if reasons.is_empty() {
        started.store(true, Ordering::Relaxed);
    }
    answer(("started", "starting"), &reasons, &connectors)
}
