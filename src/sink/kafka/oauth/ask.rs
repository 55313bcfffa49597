//! Asks for a token: OAuth's grant for a client's own credentials (RFC 6749, 4.4), as Kafka's `HttpJwtRetriever` does it.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{StatusCode, Url, redirect};
use serde_json::Value;

use super::settings::{Endpoint, From, Oidc};
use super::{NoToken, Token, now_ms};
use crate::config::Secret;
use crate::http::causes;

/// The largest answer that is read.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// Asks for a token. Blocks until there is an answer.
pub(super) fn token(oidc: &Oidc) -> Result<Token, NoToken> {
    let (text, lifetime) = match &oidc.from {
        From::Endpoint(endpoint) => of_endpoint(endpoint).map_err(|error| explain(oidc, error))?,
        From::File(path) => {
            let text = std::fs::read_to_string(path);
            let text = text.map_err(|error| explain(oidc, later(format!("cannot be read: {error}"))))?;
            (text.trim().to_owned(), None)
        }
    };
    token_of(oidc, text, lifetime).map_err(|error| explain(oidc, error))
}

/// Who does not give a token, and why.
fn explain(oidc: &Oidc, NoToken { reason, can_pass }: NoToken) -> NoToken {
    let reason = format!("no token for Kafka ({}): {} {reason}", oidc.key, oidc.shown());
    // What the endpoint says of an error may hold what it was asked with.
    let reason = match &oidc.from {
        From::Endpoint(endpoint) if !endpoint.secret.reveal().is_empty() => {
            reason.replace(endpoint.secret.reveal(), "********")
        }
        From::Endpoint(_) | From::File(_) => reason,
    };
    NoToken { reason, can_pass }
}

fn later(reason: String) -> NoToken {
    NoToken { reason, can_pass: true }
}

fn never(reason: impl Into<String>) -> NoToken {
    NoToken { reason: reason.into(), can_pass: false }
}

/// A token, and for how long it is good if the answer says so.
type Answer = (String, Option<Duration>);

/// A thread and a runtime for one request: whoever asks may stand within a runtime or without one.
fn of_endpoint(endpoint: &Endpoint) -> Result<Answer, NoToken> {
    let ask = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(|error| later(error.to_string()))?.block_on(request(endpoint))
    };
    let asked = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("kafka token".to_owned()).spawn_scoped(scope, ask)?;
        Ok::<_, std::io::Error>(thread.join())
    });
    match asked {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Err(never("could not be asked: this is a fault of the program")),
        Err(error) => Err(later(error.to_string())),
    }
}

async fn request(endpoint: &Endpoint) -> Result<Answer, NoToken> {
    let unsent = |error: &reqwest::Error| later(format!("cannot be reached: {}", causes(error)));
    let http = reqwest::Client::builder()
        .tls_backend_preconfigured((*endpoint.tls).clone())
        .user_agent(concat!("rowtide/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(endpoint.connect_timeout)
        .read_timeout(endpoint.read_timeout)
        // One that sends a byte now and then has no more time than one that sends none.
        .timeout(endpoint.connect_timeout + endpoint.read_timeout * 2)
        .redirect(redirect::Policy::none())
        // As in Java, where the environment's proxies do not count.
        .no_proxy()
        .build()
        .map_err(|error| unsent(&error))?;
    let (mut id, mut secret) = (endpoint.id.clone(), endpoint.secret.reveal().to_owned());
    if endpoint.urlencode {
        (id, secret) = (form(&[("", &id)])[1..].to_owned(), form(&[("", &secret)])[1..].to_owned());
    }
    let login = format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
    let mut login = HeaderValue::from_str(&login).map_err(|error| never(error.to_string()))?;
    login.set_sensitive(true);
    let mut fields = vec![("grant_type", "client_credentials")];
    fields.extend(endpoint.scope.as_deref().map(|scope| ("scope", scope)));
    let request = http
        .post(endpoint.url.clone())
        .header(AUTHORIZATION, login)
        .header(ACCEPT, "application/json")
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(form(&fields));
    let mut response = request.send().await.map_err(|error| unsent(&error))?;
    let status = response.status();
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await.map_err(|error| unsent(&error))? {
        body.extend_from_slice(&part);
        if body.len() > ANSWER_BYTES_MAX {
            return Err(never(format!("answered more than {ANSWER_BYTES_MAX} bytes")));
        }
    }
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    if !status.is_success() {
        return Err(refused(status, &body));
    }
    let token = body["access_token"].as_str().filter(|token| !token.is_empty());
    let token = token.ok_or_else(|| never(format!("answered {} without an access_token", status.as_u16())))?;
    let seconds = body["expires_in"].as_u64().or_else(|| body["expires_in"].as_str()?.parse().ok());
    Ok((token.to_owned(), seconds.map(Duration::from_secs)))
}

/// An answer that is an error, in OAuth's words if it has them.
fn refused(status: StatusCode, body: &Value) -> NoToken {
    let told = ["error", "error_description"].map(|name| body[name].as_str().unwrap_or_default());
    let told = told.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(": ");
    let told: String = told.chars().filter(|character| !character.is_control()).take(300).collect();
    let mut reason = format!("answered {}", status.as_u16());
    if !told.is_empty() {
        reason = format!("{reason} ({told})");
    }
    if matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS) || status.is_server_error() {
        return later(reason);
    }
    let remedy = "check the id, the secret and the scope of the client in sasl.jaas.config or sasl.oauthbearer.*";
    never(format!("{reason}; {remedy}"))
}

/// `application/x-www-form-urlencoded`
fn form(fields: &[(&str, &str)]) -> String {
    let Ok(mut url) = Url::parse("form:") else { return String::new() };
    url.query_pairs_mut().extend_pairs(fields);
    url.query().unwrap_or_default().to_owned()
}

/// What a token says of itself. Whether it is genuine is for the brokers to find out.
fn token_of(oidc: &Oidc, text: String, lifetime: Option<Duration>) -> Result<Token, NoToken> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(never("gave a token with characters that no token has"));
    }
    let claims = claims(&text).unwrap_or_default();
    let now = now_ms();
    let by_claim = claims["exp"].as_f64().map(|seconds| {
        #[expect(clippy::cast_possible_truncation, reason = "a time out of range is as good as its bound")]
        let ms = (seconds * 1000.0) as i64;
        ms
    });
    let by_answer = lifetime.map(|life| now.saturating_add(i64::try_from(life.as_millis()).unwrap_or(i64::MAX)));
    let ends_ms = by_claim.or(by_answer).ok_or_else(|| {
        never(
            "gave a token of which nobody knows when it ends: the answer needs expires_in, or the token the claim exp",
        )
    })?;
    let left = u64::try_from(ends_ms.saturating_sub(now)).unwrap_or_default();
    if left == 0 {
        return Err(later("gave a token that has ended; are the clocks right?".to_owned()));
    }
    // Kafka's own clients renew at four fifths, too.
    let renew = Instant::now().checked_add(Duration::from_millis(left / 5 * 4));
    let renew = renew.unwrap_or_else(|| Instant::now() + Duration::from_secs(86_400));
    let principal = claims[&oidc.name_claim].as_str().filter(|name| !name.is_empty());
    let principal = principal.map_or_else(|| unnamed(oidc), str::to_owned);
    let extensions = std::sync::Arc::clone(&oidc.extensions);
    Ok(Token { value: Secret::new(text), principal, ends_ms, renew, extensions })
}

/// Only our own log shows it: the brokers look into the token.
fn unnamed(oidc: &Oidc) -> String {
    match &oidc.from {
        From::Endpoint(endpoint) => endpoint.id.clone(),
        From::File(_) => "unknown".to_owned(),
    }
}

/// The claims of a JWT; `None` if it is none.
fn claims(token: &str) -> Option<Value> {
    let payload = token.split('.').nth(1)?;
    let payload = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&payload).ok()
}
