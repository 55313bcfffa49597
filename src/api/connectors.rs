//! `/connectors` and what is below it.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use serde_json::{Map, Value, json};

use super::error::ApiError;
use super::{Watched, Worker};
use crate::connector::status::State as TaskState;
use crate::source::table::VERSION;

type Answer = Result<Json<Value>, ApiError>;

/// `GET /connectors`, also with `?expand=status&expand=info`; other expansions are left out, as Connect does.
pub(super) async fn list(State(worker): State<Arc<Worker>>, Query(query): Query<Vec<(String, String)>>) -> Json<Value> {
    let expansions: Vec<&str> =
        query.iter().filter(|(key, _)| key == "expand").map(|(_, value)| value.as_str()).collect();
    if expansions.is_empty() {
        return Json(worker.connectors.keys().map(String::as_str).collect());
    }
    let expanded = worker.connectors.iter().map(|(name, connector)| {
        let mut parts = Map::new();
        for expansion in &expansions {
            match *expansion {
                "status" => drop(parts.insert("status".to_owned(), status_of(&worker, name, connector))),
                "info" => drop(parts.insert("info".to_owned(), info_of(name, connector))),
                _ => {}
            }
        }
        (name.clone(), Value::Object(parts))
    });
    Json(Value::Object(expanded.collect()))
}

/// `GET /connectors/NAME`
pub(super) async fn info(State(worker): State<Arc<Worker>>, Path(name): Path<String>) -> Answer {
    Ok(Json(info_of(&name, find(&worker, &name)?)))
}

/// `GET /connectors/NAME/config`
pub(super) async fn config(State(worker): State<Arc<Worker>>, Path(name): Path<String>) -> Answer {
    Ok(Json(json!(find(&worker, &name)?.config)))
}

/// `GET /connectors/NAME/status`
pub(super) async fn status(State(worker): State<Arc<Worker>>, Path(name): Path<String>) -> Answer {
    match worker.connectors.get(&name) {
        Some(connector) => Ok(Json(status_of(&worker, &name, connector))),
        None => Err(ApiError::not_found(format!("No status found for connector {name}"))),
    }
}

/// `GET /connectors/NAME/tasks`
pub(super) async fn tasks(State(worker): State<Arc<Worker>>, Path(name): Path<String>) -> Answer {
    let connector = find(&worker, &name)?;
    let mut config = connector.config.clone();
    config.insert("task.class".to_owned(), connector.kind.task_class());
    let tasks =
        task_ids(connector).into_iter().map(|id| json!({"id": {"connector": name, "task": id}, "config": config}));
    Ok(Json(tasks.collect()))
}

/// `GET /connectors/NAME/tasks/TASK/status`
pub(super) async fn task_status(
    State(worker): State<Arc<Worker>>,
    Path((name, task)): Path<(String, String)>,
) -> Answer {
    let task: u32 = task.parse().map_err(|_| ApiError::not_found("HTTP 404 Not Found"))?;
    match worker.connectors.get(&name).filter(|connector| task_ids(connector).contains(&task)) {
        Some(connector) => Ok(Json(task_of(&worker, connector, task))),
        None => Err(ApiError::not_found(format!("No status found for task {name}-{task}"))),
    }
}

/// `GET /connectors/NAME/offsets`
pub(super) async fn offsets(State(worker): State<Arc<Worker>>, Path(name): Path<String>) -> Answer {
    let connector = find(&worker, &name)?;
    let offset = connector.handle.position().map(|position| {
        let offset: Value = serde_json::from_str(&position.0).unwrap_or_default();
        json!({"partition": connector.partition, "offset": offset})
    });
    Ok(Json(json!({"offsets": offset.into_iter().collect::<Vec<Value>>()})))
}

fn find<'a>(worker: &'a Worker, name: &str) -> Result<&'a Watched, ApiError> {
    worker.connectors.get(name).ok_or_else(|| ApiError::not_found(format!("Connector {name} not found")))
}

/// Each of these connectors has one task, unless it is stopped.
fn task_ids(connector: &Watched) -> Vec<u32> {
    if connector.handle.status().state == TaskState::Stopped { Vec::new() } else { vec![0] }
}

fn info_of(name: &str, connector: &Watched) -> Value {
    let tasks: Vec<Value> = task_ids(connector).into_iter().map(|id| json!({"connector": name, "task": id})).collect();
    json!({"name": name, "config": connector.config, "tasks": tasks, "type": "source"})
}

fn status_of(worker: &Worker, name: &str, connector: &Watched) -> Value {
    let stopped = connector.handle.status().state == TaskState::Stopped;
    let state = if stopped { TaskState::Stopped } else { TaskState::Running }.name();
    let tasks: Vec<Value> = task_ids(connector).into_iter().map(|id| task_of(worker, connector, id)).collect();
    json!({
        "name": name,
        "connector": {"state": state, "worker_id": worker.id, "version": VERSION},
        "tasks": tasks,
        "type": "source",
    })
}

fn task_of(worker: &Worker, connector: &Watched, id: u32) -> Value {
    let status = connector.handle.status();
    let mut task = json!({"id": id, "state": status.state.name(), "worker_id": worker.id, "version": VERSION});
    if let (Some(trace), Some(task)) = (status.trace, task.as_object_mut()) {
        task.insert("trace".to_owned(), trace.into());
    }
    task
}
