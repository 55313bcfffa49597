//! `/admin/loggers`: levels of the log, as Kafka Connect's `LoggingResource` shows and sets them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::Worker;
use super::body::{Body, Flags, Name};
use super::error::ApiError;
use crate::loggers::{AUDIT, Level, Logger, Loggers};

/// Levels that nobody can see, for a router without a log.
pub(super) fn none() -> Arc<Loggers> {
    Arc::new(Loggers::new("info", |_| Ok(())))
}

fn shown(logger: Logger) -> Value {
    json!({"level": logger.level.name(), "last_modified": logger.last_modified})
}

/// `GET /admin/loggers`
pub(super) async fn list(State(worker): State<Arc<Worker>>) -> Json<Value> {
    let all = worker.operations.loggers.all().into_iter();
    Json(Value::Object(all.map(|(name, logger)| (name, shown(logger))).collect::<Map<_, _>>()))
}

/// `GET /admin/loggers/NAME`
pub(super) async fn get(State(worker): State<Arc<Worker>>, Name(name): Name) -> Result<Json<Value>, ApiError> {
    let logger = worker.operations.loggers.get(&name);
    logger.map(|logger| Json(shown(logger))).ok_or_else(|| ApiError::not_found(format!("Logger {name} not found.")))
}

/// `PUT /admin/loggers/NAME`, also with `?scope=cluster`: this worker is all of its cluster.
pub(super) async fn put(
    State(worker): State<Arc<Worker>>,
    Name(name): Name,
    flags: Flags,
    body: Body,
) -> Result<Response, ApiError> {
    let Some(asked) = body.level()? else {
        return Err(ApiError::bad_request("Desired 'level' parameter was not specified in request."));
    };
    let level = Level::named(&asked).ok_or_else(|| ApiError::not_found(format!("invalid log level '{asked}'.")))?;
    if Loggers::is_audit(&name) {
        // Perhaps the last line of the audit log.
        tracing::info!(target: AUDIT, audit = true, logger = name, level = level.name(), "the audit log's level is set");
    }
    let changed = worker.operations.loggers.set(&name, level);
    let changed = changed.map_err(ApiError::internal)?;
    tracing::info!(logger = name, level = level.name(), "the level of the log was set");
    let cluster = flags.all("scope").first().is_some_and(|scope| scope.eq_ignore_ascii_case("cluster"));
    if cluster { Ok(StatusCode::NO_CONTENT.into_response()) } else { Ok(Json(changed).into_response()) }
}
