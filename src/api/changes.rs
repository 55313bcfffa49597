//! `/connectors` and what is below it, as far as it is changed.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::Worker;
use super::audit::Made;
use super::body::{Base, Body, Creation, Flags, Name, TaskName};
use super::connectors::{Answer, info_of, not_found, status_of, tracked};
use super::error::ApiError;
use crate::config::Target;
use crate::runtime::{Draft, Refusal, Restart, Seen};

type Done = Result<Response, ApiError>;

/// `POST /connectors`
pub(super) async fn create(State(worker): State<Arc<Worker>>, base: Base, body: Body) -> Done {
    let Creation { name, mut draft, target } = body.connector()?;
    named(&mut draft, &name)?;
    let made = worker.runtime.create(&name, draft, target).await;
    let mut response = created(&worker, &base, &made.map_err(|refusal| not_found(refusal, &name))?);
    response.extensions_mut().insert(Made(name));
    Ok(response)
}

/// `PUT /connectors/NAME/config`
pub(super) async fn configure(State(worker): State<Arc<Worker>>, Name(name): Name, base: Base, body: Body) -> Done {
    let mut draft = body.properties()?;
    named(&mut draft, &name)?;
    let configured = worker.runtime.configure(&name, draft).await;
    let (seen, made) = configured.map_err(|refusal| not_found(refusal, &name))?;
    Ok(if made { created(&worker, &base, &seen) } else { Json(info_of(&seen)).into_response() })
}

/// `PATCH /connectors/NAME/config`
pub(super) async fn patch(State(worker): State<Arc<Worker>>, Name(name): Name, body: Body) -> Answer {
    let draft = body.properties()?;
    let patched = worker.runtime.patch(&name, draft).await;
    Ok(Json(info_of(&patched.map_err(|refusal| not_found(refusal, &name))?)))
}

/// `DELETE /connectors/NAME`
pub(super) async fn delete(State(worker): State<Arc<Worker>>, Name(name): Name) -> Result<StatusCode, ApiError> {
    worker.runtime.delete(&name).await.map_err(|refusal| not_found(refusal, &name))?;
    Ok(StatusCode::NO_CONTENT)
}

/// `PUT /connectors/NAME/pause`
pub(super) async fn pause(State(worker): State<Arc<Worker>>, Name(name): Name) -> Result<StatusCode, ApiError> {
    set_target(&worker, &name, Target::Paused).await?;
    Ok(StatusCode::ACCEPTED)
}

/// `PUT /connectors/NAME/resume`
pub(super) async fn resume(State(worker): State<Arc<Worker>>, Name(name): Name) -> Result<StatusCode, ApiError> {
    set_target(&worker, &name, Target::Running).await?;
    Ok(StatusCode::ACCEPTED)
}

/// `PUT /connectors/NAME/stop`
pub(super) async fn stop(State(worker): State<Arc<Worker>>, Name(name): Name) -> Result<StatusCode, ApiError> {
    set_target(&worker, &name, Target::Stopped).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn set_target(worker: &Worker, name: &str, target: Target) -> Result<(), ApiError> {
    let set = worker.runtime.set_target(name, target).await;
    set.map_err(|refusal| ApiError::refused(refusal, name, || format!("Unknown connector {name}")))
}

/// `POST /connectors/NAME/restart?includeTasks=…&onlyFailed=…`
pub(super) async fn restart(State(worker): State<Arc<Worker>>, Name(name): Name, flags: Flags) -> Done {
    let flag = |name: &str| flags.flag(name).unwrap_or(false);
    let restart = Restart { include_tasks: flag("includeTasks"), only_failed: flag("onlyFailed") };
    let restarted = worker.runtime.restart(&name, restart).await;
    let restarted =
        restarted.map_err(|refusal| ApiError::refused(refusal, &name, || format!("Unknown connector: {name}")))?;
    if restart == (Restart { include_tasks: false, only_failed: false }) {
        // Before Connect had flags it had no answer either.
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let mut seen = restarted.seen;
    if restarted.connector {
        seen.state = "RESTARTING";
    }
    if let Some(task) = seen.task.as_mut().filter(|_| restarted.task) {
        task.state = "RESTARTING";
    }
    Ok((StatusCode::ACCEPTED, Json(status_of(&worker, &seen))).into_response())
}

/// `POST /connectors/NAME/tasks/TASK/restart`
pub(super) async fn restart_task(
    State(worker): State<Arc<Worker>>,
    TaskName(name, task): TaskName,
) -> Result<StatusCode, ApiError> {
    let restarted = match u32::try_from(task) {
        Ok(id) => worker.runtime.restart_task(&name, id).await,
        Err(_) => worker.runtime.get(&name).and(Err(Refusal::UnknownTask)),
    };
    match restarted {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(Refusal::UnknownTask) => Err(ApiError::not_found(format!("Unknown task: {name}-{task}"))),
        Err(refusal) => Err(ApiError::refused(refusal, &name, || format!("Unknown connector: {name}"))),
    }
}

/// `PUT /connectors/NAME/topics/reset`
pub(super) async fn reset_topics(State(worker): State<Arc<Worker>>, Name(name): Name) -> Result<StatusCode, ApiError> {
    tracked(&worker)?;
    if !worker.flag("topic.tracking.allow.reset") {
        return Err(ApiError::new(StatusCode::FORBIDDEN, "Topic tracking reset is disabled."));
    }
    worker.runtime.reset_topics(&name).await.map_err(|refusal| not_found(refusal, &name))?;
    Ok(StatusCode::ACCEPTED)
}

/// `PATCH /connectors/NAME/offsets`
pub(super) async fn alter_offsets(State(worker): State<Arc<Worker>>, Name(name): Name, body: Body) -> Answer {
    let altered = worker.runtime.alter_offsets(&name, body.offsets()?).await;
    altered.map_err(|refusal| not_found(refusal, &name))?;
    Ok(Json(json!({"message": offsets_changed("altered")})))
}

/// `DELETE /connectors/NAME/offsets`
pub(super) async fn reset_offsets(State(worker): State<Arc<Worker>>, Name(name): Name) -> Answer {
    worker.runtime.reset_offsets(&name).await.map_err(|refusal| not_found(refusal, &name))?;
    Ok(Json(json!({"message": offsets_changed("reset")})))
}

fn offsets_changed(how: &str) -> String {
    format!(
        "The Connect framework-managed offsets for this connector have been {how} successfully. However, if this connector \
         manages offsets externally, they will need to be manually {how} in the system that the connector uses."
    )
}

/// A configuration that names a connector must name this one; one that names none gets the name.
fn named(draft: &mut Draft, name: &str) -> Result<(), ApiError> {
    match draft.properties.get("name") {
        Some(other) if other != name => Err(ApiError::bad_request(format!(
            "Connector name configuration ({other}) doesn't match connector name in the URL ({name})"
        ))),
        Some(_) => Ok(()),
        None => {
            draft.nulls.retain(|null| null != "name");
            draft.properties.insert("name".to_owned(), name.to_owned());
            Ok(())
        }
    }
}

/// 201, and where the connector is.
fn created(worker: &Worker, base: &Base, seen: &Seen) -> Response {
    let (scheme, host) = (base.scheme, base.host.as_ref().unwrap_or(&worker.id));
    let location = format!("{scheme}://{host}/connectors/{}", escaped(&seen.name));
    // Its task comes when it is started.
    let info = info_of(&Seen { task: None, ..seen.clone() });
    let mut response = (StatusCode::CREATED, Json(info)).into_response();
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

/// A name as a part of a path.
fn escaped(name: &str) -> String {
    use std::fmt::Write as _;
    let mut escaped = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte) {
            escaped.push(byte.into());
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_parts_of_paths() {
        assert_eq!(escaped("orders-v2.x"), "orders-v2.x");
        assert_eq!(escaped("a b/ü%"), "a%20b%2F%C3%BC%25");
    }
}
