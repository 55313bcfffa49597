//! The REST API: Kafka Connect's paths, bodies, status codes and errors; read only so far.
//!
//! It sees connectors as [`Watched`], and changes nothing. Invariant: what it shows of a configuration is masked.

mod connectors;
mod error;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use axum::extract::State;
use axum::routing::{MethodRouter, get};
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::config::Properties;
use crate::connector::kind::Kind;
use crate::connector::supervise::Handle;

/// The version of Kafka Connect whose interface this is: clients choose by it what they may ask for.
const CONNECT_VERSION: &str = "4.3.1";

/// What the API knows.
pub struct Worker {
    /// host:port of this worker's API.
    pub id: String,
    /// Kafka's name for its cluster, once it is known.
    pub kafka_cluster_id: Arc<OnceLock<String>>,
    /// The connectors, by name.
    pub connectors: BTreeMap<String, Watched>,
}

/// A connector as the API sees it.
pub struct Watched {
    /// Its class.
    pub kind: Kind,
    /// Its properties as written, masked.
    pub config: Properties,
    /// Which database server it reads: Debezium's source partition.
    pub partition: Value,
    /// What it is doing.
    pub handle: Arc<Handle>,
}

/// The routes.
pub fn router(worker: Arc<Worker>) -> Router {
    let routes: [(&str, MethodRouter<Arc<Worker>>); 8] = [
        ("/health", get(health)),
        ("/connectors", get(connectors::list)),
        ("/connectors/{name}", get(connectors::info)),
        ("/connectors/{name}/config", get(connectors::config)),
        ("/connectors/{name}/status", get(connectors::status)),
        ("/connectors/{name}/tasks", get(connectors::tasks)),
        ("/connectors/{name}/tasks/{task}/status", get(connectors::task_status)),
        ("/connectors/{name}/offsets", get(connectors::offsets)),
    ];
    let mut router = Router::new().route("/", get(root));
    for (path, methods) in routes {
        // Connect takes a slash at the end, and Debezium's tutorial writes one.
        router = router.route(path, methods.clone()).route(&format!("{path}/"), methods);
    }
    router
        .fallback(async || error::no_such_path())
        .method_not_allowed_fallback(async || error::no_such_method())
        .with_state(worker)
}

async fn root(State(worker): State<Arc<Worker>>) -> Json<Value> {
    let commit = concat!("rowtide-", env!("CARGO_PKG_VERSION"));
    Json(json!({"version": CONNECT_VERSION, "commit": commit, "kafka_cluster_id": worker.kafka_cluster_id.get()}))
}

/// The listener is bound when all connectors are started, so who gets an answer gets this one.
async fn health() -> Json<Value> {
    let message = "Worker has completed startup and is ready to handle requests.";
    Json(json!({"status": "healthy", "message": message}))
}
