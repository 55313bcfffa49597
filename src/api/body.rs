//! What clients send: JSON bodies, names in paths, flags in queries.
//!
//! Connect answers what it cannot read with 500; here it is 400, as it would be right.

use std::collections::BTreeMap;
use std::convert::Infallible;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{ConnectInfo, FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::header::HOST;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::access::Peer;
use super::error::{ApiError, message_of, untyped};
use crate::config::Target;
use crate::runtime::{Alteration, Draft};

/// A body, not read yet.
pub(super) struct Body(Bytes);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let says_what = request.headers().contains_key(header::CONTENT_TYPE);
        let bytes = Bytes::from_request(request, state).await.map_err(|error| rejected(&error))?;
        // Jackson reads no body that does not say that it is JSON.
        if !bytes.is_empty() && !says_what {
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Err(ApiError::new(status, message_of(status)).into_response());
        }
        Ok(Self(bytes))
    }
}

/// The answer to a body that was not taken.
pub(super) fn rejected(error: &BytesRejection) -> Response {
    match error.status() {
        status @ StatusCode::PAYLOAD_TOO_LARGE => untyped(status),
        status => ApiError::new(status, error.body_text()).into_response(),
    }
}

/// Members of an object, as they were written.
type Members = BTreeMap<String, Box<RawValue>>;

impl Body {
    fn json<T: DeserializeOwned>(&self, what: &str) -> Result<T, ApiError> {
        if self.0.trim_ascii().is_empty() {
            return Err(ApiError::bad_request(format!("The request has no body; it must be {what}")));
        }
        serde_json::from_slice(&self.0)
            .map_err(|error| ApiError::bad_request(format!("The body is not {what}: {error}")))
    }

    /// Properties by name.
    ///
    /// # Errors
    /// It is something else.
    pub(super) fn properties(&self) -> Result<Draft, ApiError> {
        draft(self.json("a JSON object of property names and values")?)
    }

    /// A level of the log; `None`: it holds none.
    ///
    /// # Errors
    /// It is something else.
    pub(super) fn level(&self) -> Result<Option<String>, ApiError> {
        let members: Members = self.json("a JSON object of a level")?;
        match members.get("level").map(|level| level.get()) {
            None | Some("null") => Ok(None),
            Some(written) => scalar("level", written).map(Some),
        }
    }

    /// A connector that is to be made.
    ///
    /// # Errors
    /// It is something else.
    pub(super) fn connector(&self) -> Result<Creation, ApiError> {
        let known = ["name", "config", "initial_state"];
        let members: Members = self.json("a JSON object of name, config and initial_state")?;
        only(&members, &known)?;
        let text = |name: &str| match members.get(name).map(|value| value.get()) {
            None | Some("null") => Ok(None),
            Some(written) => scalar(name, written).map(Some),
        };
        let config = match members.get("config").map(|config| config.get()) {
            None | Some("null") => return Err(ApiError::bad_request("The request has no config")),
            Some(config) => serde_json::from_str(config)
                .map_err(|_| ApiError::bad_request("config must be a JSON object of property names and values"))?,
        };
        let target = match text("initial_state")? {
            None => Target::Running,
            Some(state) => Target::named(&state).ok_or_else(|| {
                ApiError::bad_request(format!("initial_state {state:?} is none of RUNNING, PAUSED and STOPPED"))
            })?,
        };
        // White space around a name does not count, and none is an empty one, which the validation refuses.
        let name = text("name")?.unwrap_or_default().trim().to_owned();
        Ok(Creation { name, draft: draft(config)?, target })
    }

    /// Offsets by their partitions.
    ///
    /// # Errors
    /// It is something else, or there are none.
    pub(super) fn offsets(&self) -> Result<Vec<Alteration>, ApiError> {
        let members: Members = self.json("a JSON object of offsets")?;
        only(&members, &["offsets"])?;
        let shape = "offsets must be a list of objects with a partition and an offset";
        let offsets: Option<Vec<Members>> = match members.get("offsets") {
            None => None,
            Some(offsets) => serde_json::from_str(offsets.get()).map_err(|_| ApiError::bad_request(shape))?,
        };
        let offsets = offsets.filter(|offsets| !offsets.is_empty()).ok_or_else(|| {
            ApiError::bad_request("Partitions / offsets need to be provided for an alter offsets request")
        })?;
        let mut alterations = Vec::new();
        for entry in offsets {
            only(&entry, &["partition", "offset"])?;
            let object = |name: &str| -> Result<Option<Map<String, Value>>, ApiError> {
                let Some(written) = entry.get(name) else { return Ok(None) };
                let object = serde_json::from_str(written.get()).map_err(|_| ApiError::bad_request(shape))?;
                plain(object)
            };
            // What has no partition is nobody's offset; Connect takes it, and nothing comes of it.
            let (partition, offset) = (object("partition")?, object("offset")?);
            alterations.extend(partition.map(|partition| (partition, offset)));
        }
        Ok(alterations)
    }
}

/// Partitions and offsets hold no objects and no lists.
fn plain(object: Option<Map<String, Value>>) -> Result<Option<Map<String, Value>>, ApiError> {
    let nested = object.iter().flatten().find(|(_, value)| value.is_object() || value.is_array());
    match nested {
        None => Ok(object),
        Some((name, value)) => {
            let kind = if value.is_object() { "MAP" } else { "ARRAY" };
            Err(ApiError::bad_request(format!(
                "Offsets may only contain primitive types as values, but field {name} contains {kind}"
            )))
        }
    }
}

/// The body of `POST /connectors`.
pub(super) struct Creation {
    pub(super) name: String,
    pub(super) draft: Draft,
    pub(super) target: Target,
}

fn only(members: &Members, known: &[&str]) -> Result<(), ApiError> {
    match members.keys().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => Err(ApiError::bad_request(format!(
            "Unrecognized field {name:?}; there are {}",
            known.iter().map(|known| format!("{known:?}")).collect::<Vec<_>>().join(", ")
        ))),
    }
}

/// Values become text, as they were written.
fn draft(members: Members) -> Result<Draft, ApiError> {
    let mut draft = Draft::default();
    for (name, value) in members {
        match value.get() {
            "null" => draft.nulls.push(name),
            written => {
                let value = scalar(&name, written)?;
                draft.properties.insert(name, value);
            }
        }
    }
    Ok(draft)
}

/// Text, a number, or a truth value, as text.
fn scalar(name: &str, written: &str) -> Result<String, ApiError> {
    match written.as_bytes().first() {
        Some(b'"') => {
            serde_json::from_str(written).map_err(|error| ApiError::bad_request(format!("{name:?}: {error}")))
        }
        Some(b'{' | b'[') => Err(ApiError::bad_request(format!(
            "The value of {name:?} must be text, a number, true or false; a list is written \"a,b\""
        ))),
        _ => Ok(written.to_owned()),
    }
}

/// The name of a connector or a plug-in, in the path.
pub(super) struct Name(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(name)) => Ok(Self(name)),
            // Only what is no text.
            Err(_) => Err(untyped(StatusCode::BAD_REQUEST)),
        }
    }
}

/// The name of a connector and the number of a task, in the path.
pub(super) struct TaskName(pub(super) String, pub(super) i32);

impl<S: Send + Sync> FromRequestParts<S> for TaskName {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let Ok(Path((name, task))) = Path::<(String, String)>::from_request_parts(parts, state).await else {
            return Err(untyped(StatusCode::BAD_REQUEST));
        };
        // What is no number is no path to Jersey; but a resource was found, so its answer has a type.
        let no_path = || ApiError::not_found(message_of(StatusCode::NOT_FOUND)).into_response();
        let task = task.parse().map_err(|_| no_path())?;
        Ok(Self(name, task))
    }
}

/// What the client called us by: the listener's scheme, and the host it named. Connect makes addresses of the request's
/// too; `rest.advertised.*` is for workers among themselves.
pub(super) struct Base {
    pub(super) scheme: &'static str,
    pub(super) host: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Base {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<Peer>>();
        let scheme = if peer.is_some_and(|ConnectInfo(peer)| peer.is_tls) { "https" } else { "http" };
        let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok()).map(str::to_owned);
        Ok(Self { scheme, host })
    }
}

/// What stands behind the question mark.
pub(super) struct Flags(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Flags {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let query = Query::<Vec<(String, String)>>::from_request_parts(parts, state).await;
        query.map(|Query(flags)| Self(flags)).map_err(|error| ApiError::bad_request(error.body_text()).into_response())
    }
}

impl Flags {
    /// All values of that name.
    pub(super) fn all(&self, name: &str) -> Vec<&str> {
        self.0.iter().filter(|(of, _)| of == name).map(|(_, value)| value.as_str()).collect()
    }

    /// The first value of that name: whether it is `true`.
    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        self.all(name).first().filter(|value| !value.is_empty()).map(|value| value.eq_ignore_ascii_case("true"))
    }
}
