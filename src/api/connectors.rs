//! `/connectors` and what is below it, as far as it is read.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::Worker;
use super::body::{Flags, Name, TaskName};
use super::error::ApiError;
use crate::runtime::{Refusal, Seen, Task};
use crate::source::table::VERSION;

pub(super) type Answer = Result<Json<Value>, ApiError>;

/// `GET /connectors`, also with `?expand=status&expand=info`; other expansions are left out, as Connect does.
pub(super) async fn list(State(worker): State<Arc<Worker>>, flags: Flags) -> Json<Value> {
    let expansions = flags.all("expand");
    if expansions.is_empty() {
        return Json(worker.runtime.names().into());
    }
    let expanded = worker.runtime.all().into_iter().map(|seen| {
        let mut parts = Map::new();
        for expansion in &expansions {
            match *expansion {
                "status" => drop(parts.insert("status".to_owned(), status_of(&worker, &seen))),
                "info" => drop(parts.insert("info".to_owned(), info_of(&seen))),
                _ => {}
            }
        }
        (seen.name, Value::Object(parts))
    });
    Json(Value::Object(expanded.collect()))
}

/// `GET /connectors/NAME`
pub(super) async fn info(State(worker): State<Arc<Worker>>, Name(name): Name) -> Answer {
    Ok(Json(info_of(&find(&worker, &name)?)))
}

/// `GET /connectors/NAME/config`
pub(super) async fn config(State(worker): State<Arc<Worker>>, Name(name): Name) -> Answer {
    Ok(Json(json!(find(&worker, &name)?.config)))
}

/// `GET /connectors/NAME/status`
pub(super) async fn status(State(worker): State<Arc<Worker>>, Name(name): Name) -> Answer {
    let seen = worker.runtime.get(&name);
    let seen =
        seen.map_err(|refusal| ApiError::refused(refusal, &name, || format!("No status found for connector {name}")))?;
    Ok(Json(status_of(&worker, &seen)))
}

/// `GET /connectors/NAME/tasks`
pub(super) async fn tasks(State(worker): State<Arc<Worker>>, Name(name): Name) -> Answer {
    let seen = find(&worker, &name)?;
    let mut config = seen.config.clone();
    config.extend(seen.kind.map(|kind| ("task.class".to_owned(), kind.task_class())));
    let tasks = seen.task.iter().map(|task| json!({"id": {"connector": name, "task": task.id}, "config": config}));
    Ok(Json(tasks.collect()))
}

/// `GET /connectors/NAME/tasks/TASK/status`
pub(super) async fn task_status(State(worker): State<Arc<Worker>>, TaskName(name, id): TaskName) -> Answer {
    let task =
        worker.runtime.get(&name).ok().and_then(|seen| seen.task).filter(|task| u32::try_from(id) == Ok(task.id));
    match task {
        Some(task) => Ok(Json(task_of(&worker, &task))),
        None => Err(ApiError::not_found(format!("No status found for task {name}-{id}"))),
    }
}

/// `GET /connectors/NAME/topics`: whether there is such a connector does not matter to Connect.
pub(super) async fn topics(State(worker): State<Arc<Worker>>, Name(name): Name) -> Answer {
    tracked(&worker)?;
    let topics = worker.runtime.topics(&name).await;
    let topics = topics.map_err(|refusal| ApiError::refused(refusal, &name, String::new))?;
    Ok(Json(Value::Object(Map::from_iter([(name, json!({"topics": topics}))]))))
}

/// `GET /connectors/NAME/offsets`
pub(super) async fn offsets(State(worker): State<Arc<Worker>>, Name(name): Name) -> Answer {
    let offsets = worker.runtime.offsets(&name).await.map_err(|refusal| not_found(refusal, &name))?;
    let offsets: Vec<Value> =
        offsets.into_iter().map(|(partition, offset)| json!({"partition": partition, "offset": offset})).collect();
    Ok(Json(json!({"offsets": offsets})))
}

/// `topic.tracking.enable`
pub(super) fn tracked(worker: &Worker) -> Result<(), ApiError> {
    if worker.flag("topic.tracking.enable") {
        return Ok(());
    }
    Err(ApiError::new(StatusCode::FORBIDDEN, "Topic tracking is disabled."))
}

/// Most calls' words for a connector that does not exist.
pub(super) fn not_found(refusal: Refusal, name: &str) -> ApiError {
    ApiError::refused(refusal, name, || format!("Connector {name} not found"))
}

fn find(worker: &Worker, name: &str) -> Result<Seen, ApiError> {
    worker.runtime.get(name).map_err(|refusal| not_found(refusal, name))
}

/// A connector as `GET /connectors/NAME` tells it.
pub(super) fn info_of(seen: &Seen) -> Value {
    let tasks: Vec<Value> = seen.task.iter().map(|task| json!({"connector": seen.name, "task": task.id})).collect();
    json!({"name": seen.name, "config": seen.config, "tasks": tasks, "type": "source"})
}

/// What a connector does, as `GET /connectors/NAME/status` tells it.
pub(super) fn status_of(worker: &Worker, seen: &Seen) -> Value {
    let tasks: Vec<Value> = seen.task.iter().map(|task| task_of(worker, task)).collect();
    json!({
        "name": seen.name,
        "connector": {"state": seen.state, "worker_id": worker.id, "version": VERSION},
        "tasks": tasks,
        "type": "source",
    })
}

fn task_of(worker: &Worker, Task { id, state, trace }: &Task) -> Value {
    let mut told = json!({"id": id, "state": state, "worker_id": worker.id, "version": VERSION});
    if let (Some(trace), Some(task)) = (trace, told.as_object_mut()) {
        task.insert("trace".to_owned(), trace.as_str().into());
    }
    told
}
