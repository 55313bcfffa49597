//! The daemon: starts the connectors and the API, waits for a signal, stops all in order.
//!
//! Invariant: it returns only when every connector has drained and saved, or its time for that is over. A second signal
//! ends the process at once.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::Router;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::api::{self, Door, Operations, Peer, TlsListener, Watchdog};
use crate::budget::Budget;
use crate::config::worker::{Listener, SinkKind};
use crate::config::{ConnectorFile, Problems, Properties, Worker};
use crate::connector::plan::Surroundings;
use crate::connector::status::{State, Status};
use crate::loggers::Loggers;
use crate::offset::OffsetError;
use crate::offset::sqlite::Sqlite;
use crate::runtime::{Runtime, Unclean};
use crate::sink::kafka::probe::{self, Brokers};
use crate::sink::kafka::{self, KafkaConfig};
use crate::sink::stdout;
use crate::source::seats::Seats;
use crate::telemetry::Telemetry;
use crate::telemetry::otlp::Traces;

/// What a connector has, beyond the time to drain, to save and to tell its database.
const GOODBYE: Duration = Duration::from_secs(3);

/// How long the last spans may take to the collector, within the time of a stop.
const FLUSH_MAX: Duration = Duration::from_secs(2);

/// Between two questions to brokers that do not answer.
const CLUSTER_ID_PAUSE: Duration = Duration::from_secs(30);

/// Why the daemon ended with an error.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The runtime, or its signals.
    #[error("cannot start: {0}")]
    Runtime(#[source] std::io::Error),
    /// The state's file.
    #[error(transparent)]
    State(#[from] OffsetError),
    /// The REST API's address.
    #[error("cannot listen on {address}: {source}; set rest.port to another port, or to 0 for no REST API")]
    Listen {
        /// host:port
        address: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file changed between the check and the start.
    #[error("{0}")]
    Configuration(#[from] Problems),
    /// `--once`, and a connector that does not get there.
    #[error("connector {name} failed: {trace}")]
    Failed {
        /// The connector.
        name: String,
        /// Its error.
        trace: String,
    },
    /// Events go to standard output, and nobody reads it any more.
    #[error(
        "standard output's reader has gone, so there is nothing left to do; what was not written is read again by the next \
         start"
    )]
    ReaderGone,
    /// A connector did not end well.
    #[error("connector {name} was stopped with an error; it repeats what was not saved: {trace}")]
    Unclean {
        /// The connector.
        name: String,
        /// Its error.
        trace: String,
    },
    /// The time for stopping is over.
    #[error(
        "connectors did not stop within {limit:?} (task.shutdown.graceful.timeout.ms): {names}; \
         they repeat what was not saved"
    )]
    Undrained {
        /// How long was waited.
        limit: Duration,
        /// Those that were not done.
        names: String,
    },
    /// A second signal.
    #[error("stopped at once by a second signal; connectors repeat what was not saved")]
    Interrupted,
}

/// Runs the daemon to its end on a runtime of its own.
///
/// # Errors
/// When it cannot start, or a connector does not end well.
pub fn start(
    worker: Worker,
    door: Door,
    files: Vec<ConnectorFile>,
    once: bool,
    telemetry: Telemetry,
) -> Result<(), DaemonError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(DaemonError::Runtime)?;
    let result = runtime.block_on(run(worker, door, files, once, telemetry));
    // What still runs now has had its time.
    runtime.shutdown_background();
    result
}

async fn run(
    worker: Worker,
    door: Door,
    files: Vec<ConnectorFile>,
    once: bool,
    telemetry: Telemetry,
) -> Result<(), DaemonError> {
    let Telemetry { loggers, traces } = telemetry;
    let mut signals = Signals::new().map_err(DaemonError::Runtime)?;
    let state = Sqlite::open(&worker.state_path)?;
    let listeners = bind(&worker.listeners).await?;
    let (version, sink, state_path) = (env!("CARGO_PKG_VERSION"), &worker.sink, &worker.state_path);
    tracing::info!(version, %sink, %state_path, "starting");
    let operations = operations(&worker, &door, loggers)?;
    let stopping = operations.stopping.clone();
    let kafka_cluster_id = kafka_cluster_id(&worker)?;
    let (limit, body_bytes_max) = (Duration::from_millis(worker.stop_timeout_ms) + GOODBYE, worker.body_bytes_max);
    let budget = Budget::of(worker.memory_bytes_max);
    let traces = traces.map(Traces::start).transpose().map_err(|problem| Problems(vec![problem]))?;
    let tracer = traces.as_ref().map(Traces::tracer);
    let seats = Seats::of(worker.database_connections_max);
    let surroundings = Surroundings { worker, state, once, budget, seats, tracer };
    let runtime = Arc::new(Runtime::start(surroundings, files).await?);
    if runtime.count() == 0 && listeners.is_empty() {
        tracing::warn!("no connector file was given, and none is registered; there is nothing to do");
    }
    let id = listeners.first().and_then(|(listener, _)| Some(listener.local_addr().ok()?.to_string()));
    let api = api::Worker { id: id.unwrap_or_default(), kafka_cluster_id, runtime: Arc::clone(&runtime), operations };
    serve(listeners, &door, api::router(Arc::new(api), body_bytes_max)).map_err(DaemonError::Runtime)?;
    let ended = tokio::select! {
        biased;
        () = signals.next() => Ok(()),
        // A connector fails of it too, which says less.
        () = stdout::reader_gone() => Err(DaemonError::ReaderGone),
        ended = done(&runtime), if once => ended,
    };
    // Whoever sends requests, or counts on us, is to look elsewhere from now on.
    stopping.cancel();
    let begun = Instant::now();
    tracing::info!("stopping");
    let stopped = tokio::select! {
        stopped = runtime.stop(limit) => stopped.map_err(|unclean| match unclean {
            Unclean::Failed { name, trace } => DaemonError::Unclean { name, trace },
            Unclean::Undrained { names } => DaemonError::Undrained { limit, names: names.join(", ") },
        }),
        () = signals.next() => Err(DaemonError::Interrupted),
    };
    if let Some(traces) = traces
        && !matches!(stopped, Err(DaemonError::Interrupted))
    {
        let left = limit.saturating_sub(begun.elapsed()).min(FLUSH_MAX);
        tokio::select! {
            () = traces.stop(left) => {}
            () = signals.next() => return Err(DaemonError::Interrupted),
        }
    }
    if stopped.is_ok() {
        tracing::info!(seconds = begun.elapsed().as_secs_f32(), "stopped");
    }
    ended.and(stopped)
}

/// What the operator's endpoints need: the runtime's heartbeat, and an eye on the brokers.
fn operations(worker: &Worker, door: &Door, loggers: Arc<Loggers>) -> Result<Operations, DaemonError> {
    let mut operations = Operations { loggers, tls: door.tls.clone(), ..Operations::default() };
    tokio::spawn(Watchdog::run(Arc::clone(&operations.watchdog)));
    if matches!(worker.sink, SinkKind::Kafka(_)) {
        let (told, brokers) = watch::channel(Brokers::Unknown);
        tokio::spawn(probe::watch(KafkaConfig::read(&worker.properties, &Properties::new())?, told));
        operations.brokers = brokers;
    }
    Ok(operations)
}

/// SIGTERM and SIGINT.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// The listeners, and whether each is for TLS.
async fn bind(listeners: &[Listener]) -> Result<Vec<(TcpListener, bool)>, DaemonError> {
    let mut bound = Vec::new();
    for Listener { host, port, is_https } in listeners {
        let listen = |source| DaemonError::Listen { address: format!("{host}:{port}"), source };
        bound.push((TcpListener::bind((host.as_str(), *port)).await.map_err(listen)?, *is_https));
    }
    Ok(bound)
}

/// Asks the brokers for the name of their cluster, until they tell; it will be in the cell.
fn kafka_cluster_id(worker: &Worker) -> Result<Arc<OnceLock<String>>, DaemonError> {
    let cell: Arc<OnceLock<String>> = Arc::default();
    if !matches!(worker.sink, SinkKind::Kafka(_)) {
        return Ok(cell);
    }
    let config = KafkaConfig::read(&worker.properties, &Properties::new())?;
    let told = Arc::clone(&cell);
    tokio::spawn(async move {
        loop {
            if let Some(id) = kafka::cluster_id(&config).await {
                return drop(told.set(id));
            }
            tokio::time::sleep(CLUSTER_ID_PAUSE).await;
        }
    });
    Ok(cell)
}

/// Serves the API until the process ends.
fn serve(listeners: Vec<(TcpListener, bool)>, door: &Door, router: Router) -> std::io::Result<()> {
    let router = api::guarded(router, Arc::clone(&door.access));
    if let Some(tls) = &door.tls {
        tokio::spawn(Arc::clone(tls).renew());
    }
    for (listener, is_https) in listeners {
        let address = listener.local_addr()?;
        let tls = door.tls.as_ref().filter(|_| is_https);
        let service = router.clone().into_make_service_with_connect_info::<Peer>();
        let is_known = door.access.is_asked() || tls.is_some_and(|tls| tls.is_mutual);
        if !address.ip().is_loopback() && !is_known {
            tracing::warn!(%address, "whoever reaches this address may do everything: set rest.auth.basic.file or \
                rest.auth.token.file, or https with ssl.client.auth=required");
        } else if !address.ip().is_loopback() && tls.is_none() {
            tracing::warn!(%address, "credentials for this address travel unencrypted: make its listener https://");
        }
        match tls {
            Some(tls) => drop(tokio::spawn(axum::serve(TlsListener::start(listener, tls)?, service).into_future())),
            None => drop(tokio::spawn(axum::serve(listener, service).into_future())),
        }
        tracing::info!(%address, "the REST API listens");
    }
    Ok(())
}

/// Waits until every connector has ended by itself, or one has failed.
async fn done(runtime: &Runtime) -> Result<(), DaemonError> {
    let runs = runtime.runs().await;
    let ends = runs.iter().map(|(name, handle)| async move {
        let Status { state, trace, .. } = handle.reaches(&[State::Stopped, State::Failed]).await;
        match state {
            State::Failed => Err(DaemonError::Failed { name: name.clone(), trace: trace.unwrap_or_default() }),
            State::Unassigned | State::Running | State::Restarting | State::Stopped => Ok(()),
        }
    });
    futures::future::try_join_all(ends).await.map(drop)
}
