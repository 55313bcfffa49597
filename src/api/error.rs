//! Connect's errors: `{"error_code": …, "message": …}`.

use axum::Json;
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// An error with its status and message, as `org.apache.kafka.connect.runtime.rest.errors.ConnectExceptionMapper` tells it.
#[derive(Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    message: String,
}

impl ApiError {
    /// 404, with this message.
    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, message: message.into() }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = json!({"error_code": self.status.as_u16(), "message": self.message});
        (self.status, Json(body)).into_response()
    }
}

/// What Connect answers where no resource is.
pub(super) fn no_such_path() -> Response {
    untyped(StatusCode::NOT_FOUND)
}

/// What Connect answers where the resource has no such method.
pub(super) fn no_such_method() -> Response {
    untyped(StatusCode::METHOD_NOT_ALLOWED)
}

/// Connect's answers to what reaches none of its resources have a JSON body, and no content type.
fn untyped(status: StatusCode) -> Response {
    let message = format!("HTTP {} {}", status.as_u16(), status.canonical_reason().unwrap_or_default());
    let body = json!({"error_code": status.as_u16(), "message": message}).to_string();
    (status, Body::from(body)).into_response()
}
