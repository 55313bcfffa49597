//! Connect's errors: `{"error_code": …, "message": …}`.

use axum::Json;
use axum::body::Body;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::config::Problem;
use crate::connector::definition;
use crate::connector::keys::NOT_EXACTLY_ONCE;
use crate::runtime::{Refusal, UNREACHED};

/// An error with its status and message, as `org.apache.kafka.connect.runtime.rest.errors.ConnectExceptionMapper` tells it.
#[derive(Debug)]
pub(super) struct ApiError {
    pub(super) status: StatusCode,
    message: String,
}

/// Why a change failed: beside the response, for the audit log.
#[derive(Clone)]
pub(super) struct Reason(pub(super) String);

impl ApiError {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    /// 400, with this message.
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 404, with this message.
    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// 500, with this message.
    pub(super) fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }

    /// The same error as one of the server's, which is how Connect tells some that are not.
    pub(super) fn of_the_server(self) -> Self {
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, ..self }
    }

    /// What a refusal is in Connect's words; what it says of a connector that does not exist differs from call to call.
    pub(super) fn refused(refusal: Refusal, name: &str, unknown: impl FnOnce() -> String) -> Self {
        match refusal {
            Refusal::Unknown | Refusal::UnknownTask => Self::not_found(unknown()),
            Refusal::Exists => Self::new(StatusCode::CONFLICT, format!("Connector {name} already exists")),
            Refusal::NoClass(config) => {
                let config: Vec<String> = config.iter().map(|(key, value)| format!("{key}={value}")).collect();
                Self::bad_request(format!("Connector config {{{}}} contains no connector type", config.join(", ")))
            }
            Refusal::UnknownClass(class) => Self::bad_request(super::plugins::no_such_class(&class)),
            Refusal::Invalid(problems) => Self::bad_request(invalid(&problems)),
            Refusal::NotStopped => Self::bad_request(format!(
                "Connectors must be in the STOPPED state before their offsets can be modified. This can be done for the \
                 specified connector by issuing a 'PUT' request to the '/connectors/{name}/stop' endpoint"
            )),
            Refusal::TimedOut(limit) => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                format!("Request timed out. The connector's last run has not ended within {} s", limit.as_secs()),
            ),
            Refusal::State(error) => Self::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        }
    }
}

/// What is wrong with a key's value, in Connect's words (of its own keys) or Debezium's, and with our reason.
pub(super) fn told(problem: &Problem) -> String {
    let Problem { key, value, reason } = problem;
    let is_missing = reason == "is required";
    if reason.starts_with(UNREACHED) || reason.starts_with(NOT_EXACTLY_ONCE) {
        reason.clone()
    } else if !definition::is_connects(key) {
        format!("The '{key}' value is invalid: {}", if is_missing { "A value is required" } else { reason })
    } else if is_missing {
        format!("Missing required configuration \"{key}\" which has no default value.")
    } else {
        format!("Invalid value {} for configuration {key}: {reason}", value.as_deref().unwrap_or("null"))
    }
}

fn invalid(problems: &[Problem]) -> String {
    let errors: Vec<String> = problems.iter().map(told).collect();
    format!(
        "Connector configuration is invalid and contains the following {} error(s):\n{}\nYou can also find the above list \
         of errors at the endpoint `/connector-plugins/{{connectorType}}/config/validate`",
        errors.len(),
        errors.join("\n")
    )
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = json!({"error_code": self.status.as_u16(), "message": self.message});
        let mut response = (self.status, Json(body)).into_response();
        response.extensions_mut().insert(Reason(self.message));
        response
    }
}

/// Connect's answers to what reaches none of its resources have a JSON body, and no content type.
pub(super) fn untyped(status: StatusCode) -> Response {
    let message = message_of(status);
    let body = json!({"error_code": status.as_u16(), "message": message}).to_string();
    let mut response = (status, Body::from(body)).into_response();
    response.extensions_mut().insert(Reason(message));
    response
}

/// What Jersey says of a status.
pub(super) fn message_of(status: StatusCode) -> String {
    // Its name is older than today's.
    let name = if status == StatusCode::PAYLOAD_TOO_LARGE {
        "Request Entity Too Large"
    } else {
        status.canonical_reason().unwrap_or_default()
    };
    format!("HTTP {} {name}", status.as_u16())
}
