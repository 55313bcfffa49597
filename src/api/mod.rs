//! The REST API: Kafka Connect's paths, bodies, status codes and errors; and beside them the probes and the metrics.
//!
//! It owns words and status codes; what is done is the runtime's. Invariant: what it shows of a configuration is masked.

mod access;
mod audit;
mod body;
mod changes;
mod connectors;
mod error;
mod internal;
mod jersey;
mod loggers;
mod metrics;
mod plugins;
mod probes;
mod seen;
mod tls;

use std::sync::{Arc, OnceLock};

use axum::extract::{DefaultBodyLimit, State};
use axum::handler::Handler;
use axum::http::header::ALLOW;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{from_fn, from_fn_with_state, map_response};
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter};
use axum::{Json, Router};
use serde_json::{Value, json};

pub use self::access::{Access, Identity, Peer};
pub use self::tls::{Tls, TlsListener};
use crate::config::{self, Problem};
use crate::runtime::Runtime;
pub use probes::{Operations, Watchdog};

/// The version of Kafka Connect whose interface this is: clients choose by it what they may ask for.
const CONNECT_VERSION: &str = "4.3.1";

/// The description of the API, for clients' generators.
const OPENAPI: &str = include_str!("openapi.json");

/// How the API is reached: by whom, and over what.
pub struct Door {
    /// Who may ask.
    pub access: Arc<Access>,
    /// What `https://` listeners need.
    pub tls: Option<Arc<Tls>>,
}

impl Door {
    /// As the worker's settings say.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub fn read(worker: &config::Worker) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let access = Arc::new(Access::read(worker, &mut problems));
        let mut tls = None;
        if worker.listeners.iter().any(|listener| listener.is_https) {
            match tls::read(worker) {
                Ok(read) => tls = Some(Arc::new(read)),
                Err(problem) => problems.push(problem),
            }
        }
        if access.wants_certificates() && !tls.as_ref().is_some_and(|tls| tls.asks) && problems.is_empty() {
            let reason =
                "needs an https listener with ssl.client.auth=required or requested: nobody could show a certificate";
            problems.push(Problem::new("rest.auth.certificate.file", reason));
        }
        if problems.is_empty() { Ok(Self { access, tls }) } else { Err(problems) }
    }
}

/// What the API knows.
pub struct Worker {
    /// host:port of this worker's API.
    pub id: String,
    /// Kafka's name for its cluster, once it is known.
    pub kafka_cluster_id: Arc<OnceLock<String>>,
    /// The connectors.
    pub runtime: Arc<Runtime>,
    /// What probes, metrics and loggers need beside.
    pub operations: Operations,
}

impl Worker {
    /// A worker's setting that is true unless it says otherwise.
    fn flag(&self, name: &str) -> bool {
        let value = self.runtime.worker().properties.get(name);
        !value.is_some_and(|value| value.trim().eq_ignore_ascii_case("false"))
    }
}

/// A path, and what may be done there.
struct Resource {
    path: &'static str,
    methods: Vec<&'static str>,
    router: MethodRouter<Arc<Worker>>,
    media: Media,
}

/// Which media types a resource insists on.
#[derive(Clone, Copy)]
enum Media {
    /// What is sent must be JSON, and whoever asks must take it.
    Json,
    /// Whoever asks must take JSON; what is sent is not looked at.
    AnswersJson,
    /// None: whoever asks gets what there is.
    Any,
}

impl Resource {
    fn new(path: &'static str) -> Self {
        Self { path, methods: Vec::new(), router: MethodRouter::new(), media: Media::Json }
    }

    /// One that does not look at the media type of what is sent.
    fn answering(path: &'static str) -> Self {
        Self { media: Media::AnswersJson, ..Self::new(path) }
    }

    /// One for machines that ask for other media types than Connect's clients, or for none.
    fn of_any(path: &'static str) -> Self {
        Self { media: Media::Any, ..Self::new(path) }
    }

    /// The same resource, whose next methods insist on these.
    fn insisting(self, media: Media) -> Self {
        Self { media, ..self }
    }

    fn on<H, T>(mut self, method: &'static str, handler: H) -> Self
    where
        H: Handler<T, Arc<Worker>>,
        T: 'static,
    {
        let filter = match method {
            "POST" => MethodFilter::POST,
            "PUT" => MethodFilter::PUT,
            "PATCH" => MethodFilter::PATCH,
            "DELETE" => MethodFilter::DELETE,
            _ => MethodFilter::GET,
        };
        self.methods.push(method);
        self.router = match self.media {
            Media::Json => self.router.on(filter, handler.layer(from_fn(jersey::consumes))),
            Media::AnswersJson => self.router.on(filter, handler.layer(from_fn(jersey::produces))),
            Media::Any => self.router.on(filter, handler),
        };
        self
    }

    fn router(self) -> MethodRouter<Arc<Worker>> {
        let allowed = jersey::allowed(&self.methods);
        self.router.options(move |headers: HeaderMap| async move { jersey::options(&allowed, &headers) })
    }
}

#[rustfmt::skip]
fn resources() -> Vec<Resource> {
    vec![
        Resource::answering("/").on("GET", root),
        Resource::answering("/health").on("GET", health),
        Resource::answering("/openapi.json").on("GET", openapi),
        Resource::of_any("/metrics").on("GET", metrics::text),
        Resource::of_any("/livez").on("GET", probes::live),
        Resource::of_any("/readyz").on("GET", probes::ready),
        Resource::of_any("/startupz").on("GET", probes::startup),
        Resource::new("/admin/loggers").on("GET", loggers::list),
        Resource::new("/admin/loggers/{logger}").on("GET", loggers::get).on("PUT", loggers::put),
        Resource::new("/connectors").on("GET", connectors::list).on("POST", changes::create),
        Resource::new("/connectors/{connector}").on("GET", connectors::info).on("DELETE", changes::delete),
        Resource::new("/connectors/{connector}/config")
            .on("GET", connectors::config).on("PUT", changes::configure).on("PATCH", changes::patch),
        Resource::new("/connectors/{connector}/status").on("GET", connectors::status),
        Resource::new("/connectors/{connector}/restart").on("POST", changes::restart),
        Resource::new("/connectors/{connector}/pause").on("PUT", changes::pause),
        Resource::new("/connectors/{connector}/resume").on("PUT", changes::resume),
        Resource::new("/connectors/{connector}/stop").on("PUT", changes::stop),
        Resource::new("/connectors/{connector}/tasks")
            .on("GET", connectors::tasks).insisting(Media::AnswersJson).on("POST", internal::put_tasks),
        Resource::answering("/connectors/{connector}/fence").on("PUT", internal::fence),
        Resource::new("/connectors/{connector}/tasks/{task}/status").on("GET", connectors::task_status),
        Resource::new("/connectors/{connector}/tasks/{task}/restart").on("POST", changes::restart_task),
        Resource::new("/connectors/{connector}/topics").on("GET", connectors::topics),
        Resource::new("/connectors/{connector}/topics/reset").on("PUT", changes::reset_topics),
        Resource::new("/connectors/{connector}/offsets")
            .on("GET", connectors::offsets).on("PATCH", changes::alter_offsets).on("DELETE", changes::reset_offsets),
        Resource::new("/connector-plugins").on("GET", plugins::list),
        Resource::new("/connector-plugins/{plugin}/config").on("GET", plugins::config),
        Resource::new("/connector-plugins/{plugin}/config/validate").on("PUT", plugins::validate),
    ]
}

/// The paths, and the methods of each: what the description of the API must tell.
#[must_use]
pub fn routes() -> Vec<(&'static str, Vec<&'static str>)> {
    resources().into_iter().map(|resource| (resource.path, resource.methods)).collect()
}

/// The routes, which take bodies of so many bytes.
pub fn router(worker: Arc<Worker>, body_bytes_max: usize) -> Router {
    let mut router = Router::new();
    for resource in resources() {
        let (path, methods) = (resource.path, resource.router());
        if path != "/" {
            // Connect takes a slash at the end, and Debezium's tutorial writes one.
            router = router.route(&format!("{path}/"), methods.clone());
        }
        router = router.route(path, methods);
    }
    let router = router
        .fallback(async || error::untyped(StatusCode::NOT_FOUND))
        .method_not_allowed_fallback(async || error::untyped(StatusCode::METHOD_NOT_ALLOWED))
        .layer(from_fn(audit::tell))
        .layer(DefaultBodyLimit::max(body_bytes_max))
        .with_state(worker);
    // What axum adds by itself can only be taken away outside of its routes.
    Router::new().fallback_service(router).layer(map_response(as_connect))
}

/// The routes, for those who may ask.
pub fn guarded(router: Router, access: Arc<Access>) -> Router {
    router.layer(from_fn_with_state(access, access::admit))
}

/// Connect does not tell which methods there would be.
async fn as_connect(mut response: Response) -> Response {
    if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().remove(ALLOW);
    }
    response
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

async fn openapi() -> Response {
    use axum::http::HeaderValue;
    use axum::http::header::CONTENT_TYPE;
    use axum::response::IntoResponse;
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], OPENAPI).into_response()
}
