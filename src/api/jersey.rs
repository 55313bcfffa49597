//! How Connect's HTTP library answers before any resource is asked: media types, `OPTIONS`, methods that a resource lacks.
//!
//! Clients see it as much as they see the resources: a body that is not JSON is 415, whoever takes no JSON gets 406.

use axum::extract::Request;
use axum::http::header::{ACCEPT, ALLOW, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::untyped;

const JSON: &str = "application/json";

/// The methods in the order in which Jersey lists them.
const ORDER: [&str; 7] = ["HEAD", "DELETE", "POST", "GET", "OPTIONS", "PUT", "PATCH"];

/// The methods that a resource has with those that come by themselves.
pub(super) fn allowed(methods: &[&'static str]) -> Vec<&'static str> {
    let has = |method: &str| match method {
        "OPTIONS" => true,
        "HEAD" => methods.contains(&"GET"),
        _ => methods.contains(&method),
    };
    ORDER.into_iter().filter(|method| has(method)).collect()
}

/// The answer to `OPTIONS`.
pub(super) fn options(allowed: &[&'static str], asked: &HeaderMap) -> Response {
    let allow = HeaderValue::from_str(&allowed.join(",")).unwrap_or(HeaderValue::from_static(""));
    let (kind, text) =
        if accepts(asked, "text", "plain") { ("text/plain", allowed.join(", ")) } else { (JSON, String::new()) };
    ([(CONTENT_TYPE, HeaderValue::from_static(kind)), (ALLOW, allow)], text).into_response()
}

/// Lets a request pass that sends JSON, if anything, and takes JSON.
pub(super) async fn consumes(request: Request, next: Next) -> Response {
    let is_json = |sent| is_like(sent, "application", "json");
    if !request.headers().get(CONTENT_TYPE).is_none_or(is_json) {
        return untyped(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    produces(request, next).await
}

/// Lets a request pass that takes JSON.
pub(super) async fn produces(request: Request, next: Next) -> Response {
    if accepts(request.headers(), "application", "json") {
        return next.run(request).await;
    }
    untyped(StatusCode::NOT_ACCEPTABLE)
}

fn accepts(headers: &HeaderMap, of: &str, sub: &str) -> bool {
    !headers.contains_key(ACCEPT) || accepted(headers).any(|accepted| covers(accepted, of, sub))
}

/// Types and subtypes that a request takes.
fn accepted(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let values = headers.get_all(ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).filter_map(media_type)
}

fn is_like(value: &HeaderValue, of: &str, sub: &str) -> bool {
    value.to_str().ok().and_then(media_type).is_some_and(|sent| covers(sent, of, sub))
}

fn covers((wide_of, wide_sub): (&str, &str), of: &str, sub: &str) -> bool {
    let like = |wide: &str, narrow: &str| wide == "*" || wide.eq_ignore_ascii_case(narrow);
    like(wide_of, of) && like(wide_sub, sub)
}

/// `application/json; charset=utf-8` without its parameters; one that is refused by `q=0` is none.
fn media_type(text: &str) -> Option<(&str, &str)> {
    let (name, parameters) = text.split_once(';').unwrap_or((text, ""));
    let is_refused = parameters.split(';').any(|parameter| {
        let quality = parameter.trim().strip_prefix("q=").and_then(|quality| quality.trim().parse::<f32>().ok());
        quality.is_some_and(|quality| quality <= 0.0)
    });
    name.trim().split_once('/').filter(|_| !is_refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(accept: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))])
    }

    #[test]
    fn whoever_takes_json_gets_it() {
        for accept in ["*/*", "application/*", "text/html, application/json;q=0.5", "Application/JSON; charset=utf-8"] {
            assert!(accepts(&headers(accept), "application", "json"), "{accept}");
        }
        for accept in ["text/html", "application/xml", "application/json;q=0", "nonsense"] {
            assert!(!accepts(&headers(accept), "application", "json"), "{accept}");
        }
        assert!(accepts(&HeaderMap::new(), "application", "json"));
    }

    #[test]
    fn methods_are_listed_as_jersey_does() {
        assert_eq!(allowed(&["GET", "POST"]).join(", "), "HEAD, POST, GET, OPTIONS");
        assert_eq!(allowed(&["GET", "PUT", "PATCH"]).join(","), "HEAD,GET,OPTIONS,PUT,PATCH");
        assert_eq!(allowed(&["POST"]).join(","), "POST,OPTIONS");
    }
}
