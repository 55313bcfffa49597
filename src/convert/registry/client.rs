//! Requests to a registry over HTTP: fails over from one address to the next, stays with the one that answers, and gives
//! each answer its meaning.
//!
//! Invariant: credentials are sent, and never shown; an address is shown without them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, LOCATION};
use reqwest::{Method, Response, StatusCode, Url, redirect};
use rustls::ClientConfig;
use serde_json::Value;

use super::error::RegistryError;
use crate::config::Secret;
use crate::http::causes;
use crate::metrics::Meters;

/// The media type of Confluent's API, version 1.
const JSON: &str = "application/vnd.schemaregistry.v1+json";
const ACCEPTED: &str = "application/vnd.schemaregistry.v1+json, application/vnd.schemaregistry+json, application/json";

/// A schema of many thousand fields is some megabytes.
const ANSWER_BYTES_MAX: usize = 32 << 20;

/// How much of an answer that makes no sense is shown, in characters.
const SHOWN: usize = 120;

/// One address of a registry.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    /// The API's root, without credentials.
    pub(super) url: Url,
    /// User and password that stood in the address.
    pub(super) login: Option<(String, Secret)>,
}

/// How requests are authorised.
#[derive(Clone, Debug)]
pub(super) enum Auth {
    /// By what stands in the address, if anything.
    Url,
    /// By user and password.
    Basic(String, Secret),
    /// By a token.
    Bearer(Secret),
}

/// How a registry is reached.
pub(super) struct Connection {
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) auth: Auth,
    pub(super) headers: HeaderMap,
    /// host:port
    pub(super) proxy: Option<String>,
    pub(super) connect_timeout: Duration,
    pub(super) read_timeout: Duration,
    pub(super) tls: ClientConfig,
}

/// A request.
pub(super) struct Call<'a> {
    pub(super) method: Method,
    /// The parts of the path below the API's root.
    pub(super) path: &'a [&'a str],
    pub(super) query: &'a [(&'a str, &'a str)],
    pub(super) body: Option<Value>,
    /// For messages; empty when the call is of none.
    pub(super) subject: &'a str,
}

impl<'a> Call<'a> {
    pub(super) const fn get(path: &'a [&'a str], subject: &'a str) -> Self {
        Self { method: Method::GET, path, query: &[], body: None, subject }
    }

    pub(super) const fn post(path: &'a [&'a str], subject: &'a str, body: Value) -> Self {
        Self { method: Method::POST, path, query: &[], body: Some(body), subject }
    }
}

/// What a registry answers.
#[derive(Debug)]
pub(super) enum Answer {
    /// Status 200.
    Done(Value),
    /// There is no such subject, version or schema (`40401`, `40402`, `40403`).
    Missing(String),
    /// 409: the schema is not compatible.
    Conflict(String),
    /// 405 or 501, or a path that this registry does not have.
    NoSuchCall,
}

/// A client of one registry; what its connections need is shared.
pub(super) struct Client {
    http: reqwest::Client,
    endpoints: Vec<Endpoint>,
    auth: Auth,
    /// Which address answered last.
    current: AtomicUsize,
    /// Where calls are counted.
    meters: OnceLock<Arc<Meters>>,
}

impl Client {
    /// A client; connects to nobody yet.
    ///
    /// # Errors
    /// What of the connection cannot be, such as the proxy.
    pub(super) fn new(connection: Connection) -> Result<Self, String> {
        let Connection { endpoints, auth, headers, proxy, connect_timeout, read_timeout, tls } = connection;
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(concat!("rowtide/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .connect_timeout(connect_timeout)
            .read_timeout(read_timeout)
            // A redirected POST would become a GET.
            .redirect(redirect::Policy::none())
            // As in Java, where the environment's proxies do not count.
            .no_proxy();
        if let Some(proxy) = proxy {
            let proxy = reqwest::Proxy::all(format!("http://{proxy}")).map_err(|error| causes(&error))?;
            builder = builder.proxy(proxy);
        }
        let http = builder.build().map_err(|error| causes(&error))?;
        Ok(Self { http, endpoints, auth, current: AtomicUsize::new(0), meters: OnceLock::new() })
    }

    /// Counts calls there, from now on.
    pub(super) fn observe(&self, meters: &Arc<Meters>) {
        // Converters share a client, and it is one connector's.
        if self.meters.set(Arc::clone(meters)).is_ok() {
            meters.registry.begins(&OUTCOMES);
        }
    }

    /// The address that answered last.
    pub(super) fn url(&self) -> String {
        let current = self.current.load(Ordering::Relaxed);
        self.endpoints.get(current).map(|endpoint| shown(&endpoint.url)).unwrap_or_default()
    }

    /// Sends a request to the address that answered last, then to the others.
    ///
    /// # Errors
    /// The last address' error when none answers; an answer that says no.
    pub(super) async fn send(&self, call: &Call<'_>) -> Result<Answer, RegistryError> {
        let first = self.current.load(Ordering::Relaxed);
        let mut last = None;
        for place in (0..self.endpoints.len()).map(|step| (first + step) % self.endpoints.len()) {
            let answer = self.send_to(&self.endpoints[place], call).await;
            if let Some(meters) = self.meters.get() {
                meters.registry.made(outcome(&answer));
            }
            match answer {
                Err(error) if error.can_pass() => last = Some(error),
                answer => {
                    self.current.store(place, Ordering::Relaxed);
                    return answer;
                }
            }
        }
        Err(last.unwrap_or_else(|| RegistryError::Unavailable {
            url: String::new(),
            subject: call.subject.to_owned(),
            status: None,
            reason: "there is no address".to_owned(),
        }))
    }

    async fn send_to(&self, endpoint: &Endpoint, call: &Call<'_>) -> Result<Answer, RegistryError> {
        let at = At { url: shown(&endpoint.url), subject: call.subject };
        let mut url = endpoint.url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(call.path);
        }
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(call.query);
        }
        let mut request = self.http.request(call.method.clone(), url).header(ACCEPT, ACCEPTED);
        request = match (&self.auth, &endpoint.login) {
            (Auth::Basic(user, password), _) | (Auth::Url, Some((user, password))) => {
                request.basic_auth(user, Some(password.reveal()))
            }
            (Auth::Bearer(token), _) => request.bearer_auth(token.reveal()),
            (Auth::Url, None) => request,
        };
        if let Some(body) = &call.body {
            request = request.header(CONTENT_TYPE, JSON).body(body.to_string());
        }
        let answer = request.send().await.map_err(|error| at.unsent(&error))?;
        let status = answer.status();
        let location = header(&answer, LOCATION.as_str());
        let kind = header(&answer, CONTENT_TYPE.as_str());
        let text = body(answer).await.map_err(|reason| at.unavailable(Some(status), reason))?;
        at.meaning(status, &text, &kind, &location)
    }
}

/// What may come of a call, for those who count them.
const OUTCOMES: [&str; 6] = ["ok", "missing", "incompatible", "no_such_call", "unavailable", "refused"];

/// What came of a call.
const fn outcome(answer: &Result<Answer, RegistryError>) -> &'static str {
    match answer {
        Ok(Answer::Done(_)) => "ok",
        Ok(Answer::Missing(_)) => "missing",
        Ok(Answer::Conflict(_)) | Err(RegistryError::Incompatible { .. }) => "incompatible",
        Ok(Answer::NoSuchCall) => "no_such_call",
        Err(RegistryError::Unavailable { .. }) => "unavailable",
        Err(RegistryError::Refused { .. } | RegistryError::Unregistered { .. }) => "refused",
    }
}

/// Where an answer comes from, for messages.
struct At<'a> {
    url: String,
    subject: &'a str,
}

impl At<'_> {
    fn unavailable(&self, status: Option<StatusCode>, reason: String) -> RegistryError {
        let status = status.map(|status| status.as_u16());
        RegistryError::Unavailable { url: self.url.clone(), subject: self.subject.to_owned(), status, reason }
    }

    fn refused(&self, status: Option<StatusCode>, code: Option<i64>, reason: String) -> RegistryError {
        let status = status.map(|status| status.as_u16());
        RegistryError::Refused { url: self.url.clone(), subject: self.subject.to_owned(), status, code, reason }
    }

    /// A request that had no answer. A certificate that is not trusted stays so; anything else can pass.
    fn unsent(&self, error: &reqwest::Error) -> RegistryError {
        if let Some(tls) = certificate_error(error) {
            let reason = format!(
                "TLS: {tls}; schema.registry.ssl.truststore.location (PEM) says whom to trust, \
                 schema.registry.ssl.keystore.location who we are"
            );
            return self.refused(None, None, reason);
        }
        let what = if error.is_timeout() { "does not answer in time" } else { "cannot be reached" };
        self.unavailable(None, format!("{what}: {}", causes(error)))
    }

    /// What an answer means. Confluent's errors are `{"error_code":40401,"message":"…"}`.
    fn meaning(&self, status: StatusCode, text: &str, kind: &str, location: &str) -> Result<Answer, RegistryError> {
        let json: Option<Value> = serde_json::from_str(text).ok();
        let code = json.as_ref().and_then(|json| json["error_code"].as_i64());
        let message = json.as_ref().and_then(|json| json["message"].as_str()).map(str::to_owned);
        let said = message.clone().unwrap_or_else(|| excerpt(text));
        let number = status.as_u16();
        let refused = |reason: String| Err(self.refused(Some(status), code, reason));
        match number {
            200..=299 => match json {
                Some(json) => Ok(Answer::Done(json)),
                None => refused(format!(
                    "the answer is no JSON ({kind}: {said:?}); schema.registry.url must be the root of the registry's \
                     API, not a page for people"
                )),
            },
            300..=399 => refused(format!("{number}: it sends on to {location}; set schema.registry.url to that")),
            408 | 429 | 500..=599 if number != 501 => Err(self.unavailable(Some(status), format!("{number}: {said}"))),
            401 => refused(format!(
                "401: the credentials are missing or wrong ({said}); set basic.auth.credentials.source=USER_INFO and \
                 basic.auth.user.info, or bearer.auth.token"
            )),
            403 => refused(format!(
                "403: the credentials are good, but do not allow this ({said}); allow their owner to read and write \
                 the subject"
            )),
            404 if matches!(code, Some(40401..=40403)) => Ok(Answer::Missing(said)),
            404 | 405 | 501 => Ok(Answer::NoSuchCall),
            409 => Ok(Answer::Conflict(said)),
            422 => refused(format!("422: it cannot take the schema or the request: {said}")),
            _ => refused(format!("{number}: {said}")),
        }
    }
}

/// The error of an answer that a call cannot have.
pub(super) fn unexpected(url: &str, subject: &str, answer: &Answer) -> RegistryError {
    let (status, reason) = match answer {
        Answer::Done(json) => (200, format!("the answer is not what the API promises: {}", excerpt(&json.to_string()))),
        Answer::Missing(said) => (404, format!("404: {said}")),
        Answer::Conflict(said) => (409, format!("409: {said}")),
        Answer::NoSuchCall => (
            404,
            "404: there is no schema registry's API at this address; schema.registry.url must be its root \
             (Apicurio: http://HOST:PORT/apis/ccompat/v7)"
                .to_owned(),
        ),
    };
    RegistryError::Refused {
        url: url.to_owned(),
        subject: subject.to_owned(),
        status: Some(status),
        code: None,
        reason,
    }
}

/// The address as it is shown: without a slash at its end.
fn shown(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

fn header(answer: &Response, name: &str) -> String {
    answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or("unknown").to_owned()
}

/// The answer's text, so far as it is not absurdly long.
async fn body(mut answer: Response) -> Result<String, String> {
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| format!("broke off: {}", causes(&error)))? {
        if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(format!("the answer has more than {ANSWER_BYTES_MAX} bytes"));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The beginning of a text, on one line.
fn excerpt(text: &str) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.is_empty() {
        return "no more is said".to_owned();
    }
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

/// What rustls says of a certificate, if that is why there is no connection.
fn certificate_error(error: &reqwest::Error) -> Option<String> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(rustls::Error::InvalidCertificate(_) | rustls::Error::AlertReceived(_)) = tls_error(error) {
            return tls_error(error).map(ToString::to_string);
        }
        cause = error.source();
    }
    None
}

/// rustls' error stands within one of the system's.
fn tls_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    let io = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    error.downcast_ref().or_else(|| io.and_then(|inner| inner.downcast_ref()))
}
