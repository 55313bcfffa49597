//! What the workers of a Connect cluster ask of each other: refused, as Connect refuses whoever is none of them.
//!
//! One process is all of its cluster, so nobody has its session key. Words and order of the checks are those of
//! `InternalClusterResource` and `DistributedHerder.requestNotSignedProperly`.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::body::rejected;
use super::error::ApiError;

/// The only algorithm by which Connect's workers sign unless they are told otherwise.
const ALGORITHM: &str = "HmacSHA256";

/// `POST /connectors/NAME/tasks`
pub(super) async fn put_tasks(headers: HeaderMap, body: Result<Bytes, BytesRejection>) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(error) => return rejected(&error),
    };
    let tasks = serde_json::from_slice::<Vec<BTreeMap<String, String>>>(&body);
    let refused = tasks.err().map(|error| {
        ApiError::bad_request(format!("The body is not a JSON list of objects of property names and texts: {error}"))
    });
    refused.unwrap_or_else(|| unsigned(&headers)).into_response()
}

/// `PUT /connectors/NAME/fence`
pub(super) async fn fence(headers: HeaderMap) -> Response {
    unsigned(&headers).into_response()
}

/// Why a request is none of a worker's.
fn unsigned(headers: &HeaderMap) -> ApiError {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match (text("x-connect-request-signature-algorithm"), text("x-connect-authorization")) {
        (Some(ALGORITHM), Some(signature)) if STANDARD.decode(signature).is_ok() => {
            ApiError::new(StatusCode::FORBIDDEN, "Internal request contained invalid signature.")
        }
        (Some(ALGORITHM), Some(_)) => ApiError::bad_request("The signature of the internal request is not base64"),
        (Some(other), Some(_)) => ApiError::bad_request(format!(
            "This worker does not support the '{other}' key signing algorithm used by other workers. This worker is \
             currently configured to use: [{ALGORITHM}]. Check that all workers' configuration files permit the same set of \
             signature algorithms, and correct any misconfigured worker and restart it."
        )),
        _ => ApiError::bad_request("Internal request missing required signature"),
    }
}
