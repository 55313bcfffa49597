//! The daemon: starts the connectors and the API, waits for a signal, stops all in order.
//!
//! Invariant: it returns only when every connector has drained and saved, or its time for that is over. A second signal
//! ends the process at once.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::future::join_all;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::api::{self, Watched};
use crate::config::properties::masked;
use crate::config::worker::{Listener, SinkKind};
use crate::config::{ConnectorFile, Problems, Properties, Worker};
use crate::connector::plan::{self, Plan, Surroundings};
use crate::connector::status::{State, Status};
use crate::connector::supervise::{self, Handle};
use crate::offset::OffsetError;
use crate::offset::sqlite::Sqlite;
use crate::sink::kafka::{self, KafkaConfig};

/// What a connector has, beyond the time to drain, to save and to tell its database.
const GOODBYE: Duration = Duration::from_secs(3);

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
pub fn start(worker: Worker, files: Vec<ConnectorFile>, once: bool) -> Result<(), DaemonError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(DaemonError::Runtime)?;
    let result = runtime.block_on(run(worker, files, once));
    // What still runs now has had its time.
    runtime.shutdown_background();
    result
}

async fn run(worker: Worker, files: Vec<ConnectorFile>, once: bool) -> Result<(), DaemonError> {
    let mut signals = Signals::new().map_err(DaemonError::Runtime)?;
    let state = Sqlite::open(&worker.state_path)?;
    let stop_timeout_ms = worker.stop_timeout_ms;
    let listeners = bind(&worker.listeners).await?;
    let (version, sink, state_path) = (env!("CARGO_PKG_VERSION"), &worker.sink, &worker.state_path);
    tracing::info!(version, %sink, %state_path, "starting");
    if files.is_empty() {
        tracing::warn!("no connector file was given; there is nothing to do");
    }
    let surroundings = Arc::new(Surroundings { worker, state, once });
    let mut connectors = BTreeMap::new();
    for file in files {
        connectors.insert(file.name.clone(), connect(file, &surroundings)?);
    }
    let handles: Vec<(String, Arc<Handle>)> =
        connectors.iter().map(|(name, connector)| (name.clone(), Arc::clone(&connector.handle))).collect();
    serve(listeners, connectors, kafka_cluster_id(&surroundings.worker)?);
    let ended = tokio::select! {
        () = signals.next() => Ok(()),
        ended = done(&handles), if once => ended,
    };
    tracing::info!("stopping");
    let stopped = tokio::select! {
        stopped = stop(&handles, stop_timeout_ms) => stopped,
        () = signals.next() => Err(DaemonError::Interrupted),
    };
    ended.and(stopped)
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

fn connect(file: ConnectorFile, surroundings: &Arc<Surroundings>) -> Result<Watched, DaemonError> {
    let plan = Plan::of(&file, &surroundings.worker)?;
    let span = tracing::info_span!("connector", name = %file.name);
    let config = masked(&file.properties);
    let (kind, retry) = (plan.kind, plan.retry);
    let partition = serde_json::from_str(&plan.partition).unwrap_or_default();
    let surroundings = Arc::clone(surroundings);
    let build = Box::new(move || plan::build(&file, &surroundings));
    let handle = span.in_scope(|| {
        tracing::info!(class = kind.class(), "starting");
        supervise::start(build, retry)
    });
    Ok(Watched { kind, config, partition, handle: Arc::new(handle) })
}

async fn bind(listeners: &[Listener]) -> Result<Vec<TcpListener>, DaemonError> {
    let mut bound = Vec::new();
    for Listener { host, port } in listeners {
        let listen = |source| DaemonError::Listen { address: format!("{host}:{port}"), source };
        bound.push(TcpListener::bind((host.as_str(), *port)).await.map_err(listen)?);
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

/// Serves the API until the runtime ends.
fn serve(listeners: Vec<TcpListener>, connectors: BTreeMap<String, Watched>, kafka_cluster_id: Arc<OnceLock<String>>) {
    let addresses: Vec<String> =
        listeners.iter().filter_map(|listener| Some(listener.local_addr().ok()?.to_string())).collect();
    let id = addresses.first().cloned().unwrap_or_default();
    let router = api::router(Arc::new(api::Worker { id, kafka_cluster_id, connectors }));
    for (listener, address) in listeners.into_iter().zip(addresses) {
        tracing::info!(%address, "the REST API listens");
        tokio::spawn(axum::serve(listener, router.clone()).into_future());
    }
}

/// Waits until every connector has ended by itself, or one has failed.
async fn done(handles: &[(String, Arc<Handle>)]) -> Result<(), DaemonError> {
    let ends = handles.iter().map(|(name, handle)| async move {
        let Status { state, trace, .. } = handle.reaches(&[State::Stopped, State::Failed]).await;
        match state {
            State::Failed => Err(DaemonError::Failed { name: name.clone(), trace: trace.unwrap_or_default() }),
            State::Unassigned | State::Running | State::Restarting | State::Stopped => Ok(()),
        }
    });
    futures::future::try_join_all(ends).await.map(drop)
}

/// Stops all connectors at the same time, and waits until they have drained, saved, and told their databases.
async fn stop(handles: &[(String, Arc<Handle>)], drain_ms: u64) -> Result<(), DaemonError> {
    for (_, handle) in handles {
        handle.stop();
    }
    let limit = Duration::from_millis(drain_ms) + GOODBYE;
    let ends = join_all(handles.iter().map(|(name, handle)| async move { (name, handle.ended().await) }));
    let Ok(ends) = tokio::time::timeout(limit, ends).await else {
        let left: Vec<&str> =
            handles.iter().filter(|(_, handle)| !handle.has_ended()).map(|(name, _)| name.as_str()).collect();
        return Err(DaemonError::Undrained { limit, names: left.join(", ") });
    };
    let unclean = ends.into_iter().find_map(|(name, status)| match (status.state, status.trace) {
        (State::Stopped, Some(trace)) => Some(DaemonError::Unclean { name: name.clone(), trace }),
        _ => None,
    });
    unclean.map_or(Ok(()), Err)
}
