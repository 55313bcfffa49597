//! Every change leaves a line in the log: who, what, which connector, and what became of it.
//!
//! No level of the log that is set for anything else silences these lines.
//!
//! A change is a task of its own, so that a client that hangs up does not leave it half done, nor without its line.

use axum::extract::{ConnectInfo, MatchedPath, Request};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::access::{Known, Peer};
use super::error::{ApiError, Reason};
use crate::loggers::AUDIT;

/// Lets a request pass, and tells of it if it is one for a change.
pub(super) async fn tell(request: Request, next: Next) -> Response {
    if [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method()) {
        return next.run(request).await;
    }
    let extensions = request.extensions();
    let who = extensions.get::<ConnectInfo<Peer>>().map(|ConnectInfo(peer)| peer.address.to_string());
    let user = extensions.get::<Known>().map(|Known(name)| name.clone());
    let matched = extensions.get::<MatchedPath>().filter(|path| !path.as_str().starts_with("/connector-plugins"));
    let Some(matched) = matched else { return next.run(request).await };
    let what = format!("{} {}", request.method(), matched.as_str().trim_end_matches('/'));
    let connector = named(request.uri().path());
    let done = tokio::spawn(async move { next.run(request).await }).await;
    let response = done.unwrap_or_else(|_| {
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "This is a fault of the program; its log says more")
            .into_response()
    });
    let outcome = response.status().as_u16();
    let reason = response.extensions().get::<Reason>().map(|Reason(reason)| reason.as_str());
    let connector = connector.or_else(|| response.extensions().get::<Made>().map(|Made(name)| name.clone()));
    tracing::info!(target: AUDIT, audit = true, who, user, what, connector, outcome, reason, "change");
    response
}

/// The connector that a request made, whose name was in the body.
#[derive(Clone)]
pub(super) struct Made(pub(super) String);

/// The connector's name in a path.
fn named(path: &str) -> Option<String> {
    let name = path.strip_prefix("/connectors/")?.split('/').next()?;
    let bytes = name.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = (byte == b'%').then(|| after.get(..2)).flatten();
        let escaped = escaped.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        decoded.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    Some(String::from_utf8_lossy(&decoded).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_paths() {
        assert_eq!(named("/connectors/a%20b%2Fc/pause").as_deref(), Some("a b/c"));
        assert_eq!(named("/connectors/100%").as_deref(), Some("100%"));
        assert_eq!(named("/connectors"), None);
    }
}
