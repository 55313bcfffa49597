//! Who may ask: a layer around all routes.
//!
//! Names and passwords (basic), tokens (bearer), or the name in a client's certificate. Files are read again for every
//! request, so that who is taken out of one is out. Invariant: passwords are hashed on threads of their own, few at a time.

mod certificates;
mod throttle;
mod users;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

pub use self::certificates::Identity;
use self::certificates::Rules;
use self::throttle::{Throttle, Trier};
use self::users::{Kind, Role, User};
use super::error::ApiError;
use crate::config::{Problem, Worker};
use crate::loggers::AUDIT;

/// Paths that orchestrators ask without credentials.
const PROBES: [&str; 4] = ["/health", "/livez", "/readyz", "/startupz"];

/// Kafka's setting of names for those who show a certificate.
const MAPPING: &str = "ssl.principal.mapping.rules";

/// How many passwords are hashed at a time.
const HASHED_AT_ONCE: usize = 2;

/// Who is at the other end of a connection.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Where it comes from.
    pub address: SocketAddr,
    /// Whether it came over TLS.
    pub is_tls: bool,
    /// Whom its certificate is for, which was verified.
    pub identity: Option<Arc<Identity>>,
}

/// The one whose request this is, for the audit log.
#[derive(Clone)]
pub(super) struct Known(pub(super) String);

/// Who may ask.
pub struct Access {
    passwords: Option<PathBuf>,
    tokens: Option<PathBuf>,
    /// Roles of those who show a certificate.
    certificates: Option<PathBuf>,
    /// How they are called.
    rules: Rules,
    metrics_open: bool,
    /// Of the hashes of passwords that were verified: a client asks often, and a good hash is slow.
    key: [u8; 32],
    verified: Mutex<HashMap<String, [u8; 32]>>,
    turns: Semaphore,
    throttle: Throttle,
}

/// What a request says of who it is.
enum Credentials {
    Password { user: String, password: String },
    Token(String),
}

/// Who asks.
struct Caller {
    name: String,
    role: Role,
}

/// Why nobody was found.
enum Refused {
    /// Nothing, or nothing that is understood, was said.
    Unknown,
    /// What was said is wrong.
    Wrong,
    /// There were too many wrong passwords; nobody listens for so long.
    Throttled(Duration),
    /// The certificate is good, but its owner has no role.
    Roleless(String),
    /// A file cannot be used.
    Unreadable,
}

impl Access {
    /// As the worker's settings say.
    pub(super) fn read(worker: &Worker, problems: &mut Vec<Problem>) -> Self {
        let setting = |name: &str| worker.properties.get(name).filter(|value| !value.is_empty());
        let mut file = |name: &str, kind: Option<Kind>| {
            let path = PathBuf::from(setting(name)?);
            let read =
                kind.map_or_else(|| certificates::read(&path).map(drop), |kind| users::read(&path, kind).map(drop));
            if let Err(reason) = read {
                problems.push(Problem::new(name, reason).with_value(path.to_string_lossy()));
            }
            Some(path)
        };
        let passwords = file("rest.auth.basic.file", Some(Kind::Passwords));
        let tokens = file("rest.auth.token.file", Some(Kind::Tokens));
        let certificates = file("rest.auth.certificate.file", None);
        let rules = [format!("listeners.https.{MAPPING}"), MAPPING.to_owned()];
        let rules = rules.iter().find_map(|key| Some((key, setting(key)?)));
        let rules = rules.map_or_else(Rules::default, |(key, text)| {
            Rules::parse(text).unwrap_or_else(|reason| {
                problems.push(Problem::new(key, reason).with_value(text));
                Rules::default()
            })
        });
        let extensions = setting("rest.extension.classes").map(String::as_str).unwrap_or_default();
        if passwords.is_none() && extensions.contains("BasicAuthSecurityRestExtension") {
            let reason = "is required, because rest.extension.classes asks for basic authentication: a file of user:hash \
                          lines (JAAS' login modules are not read)";
            problems.push(Problem::new("rest.auth.basic.file", reason));
        }
        let metrics_open = !setting("rest.auth.metrics").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let turns = Semaphore::new(HASHED_AT_ONCE);
        Self {
            passwords,
            tokens,
            certificates,
            rules,
            metrics_open,
            key: rand::random(),
            verified: Mutex::default(),
            turns,
            throttle: Throttle::default(),
        }
    }

    /// Whether credentials are asked for.
    #[must_use]
    pub const fn is_asked(&self) -> bool {
        self.passwords.is_some() || self.tokens.is_some() || self.certificates.is_some()
    }

    /// Whether certificates have roles, and so must be shown.
    pub(super) const fn wants_certificates(&self) -> bool {
        self.certificates.is_some()
    }

    fn is_open(&self, path: &str) -> bool {
        let path = path.strip_suffix('/').unwrap_or(path);
        !self.is_asked() || PROBES.contains(&path) || self.metrics_open && path == "/metrics"
    }

    async fn who(&self, credentials: Option<Credentials>, peer: Option<&Peer>) -> Result<Caller, Refused> {
        let identity = peer.and_then(|peer| peer.identity.as_deref());
        let user = match (credentials, &self.passwords, &self.tokens) {
            (Some(Credentials::Password { user, password }), Some(path), _) => {
                let from = peer.map(|peer| peer.address.ip());
                self.with_password(load(path, Kind::Passwords).await?, from, user, password).await?
            }
            (Some(Credentials::Token(token)), _, Some(path)) => {
                let users = load(path, Kind::Tokens).await?;
                users::of_token(&token, &users).cloned().ok_or(Refused::Wrong)?
            }
            _ => return self.with_certificate(identity.ok_or(Refused::Unknown)?).await,
        };
        Ok(Caller { name: user.name, role: user.role })
    }

    /// Where there are passwords or tokens besides, who has no role may have one of these.
    async fn with_certificate(&self, identity: &Identity) -> Result<Caller, Refused> {
        let path = self.certificates.as_ref().ok_or(Refused::Unknown)?;
        let of = path.clone();
        let roles = beside(path, move || certificates::read(&of)).await?;
        let mapped = self.rules.name(&identity.subject);
        let role = mapped.as_ref().and_then(|name| certificates::role(&roles, name, identity));
        let name = mapped.unwrap_or_else(|| identity.subject.clone());
        match role {
            Some(role) => Ok(Caller { name, role }),
            None if self.passwords.is_some() || self.tokens.is_some() => Err(Refused::Unknown),
            None => Err(Refused::Roleless(name)),
        }
    }

    async fn with_password(
        &self,
        users: Vec<User>,
        from: Option<IpAddr>,
        name: String,
        password: String,
    ) -> Result<User, Refused> {
        let trier = self.throttle.trier(from, &name);
        self.listens(trier)?;
        let found = users.iter().find(|user| user.name == name).cloned();
        // Who does not exist takes as long as who does.
        let Some(hash) = found.as_ref().or(users.first()).map(|user| user.hash.clone()) else {
            return Err(Refused::Wrong);
        };
        let seal = self.seal(&hash, &password);
        let known = self.verified.lock().unwrap_or_else(PoisonError::into_inner).get(&name).copied();
        if known.is_some_and(|known| bool::from(known.ct_eq(&seal))) {
            self.throttle.succeeded(trier);
            return found.ok_or(Refused::Wrong);
        }
        let Ok(_turn) = self.turns.acquire().await else { return Err(Refused::Wrong) };
        // Others of the same may have failed while this one waited.
        self.listens(trier)?;
        let checked = tokio::task::spawn_blocking(move || users::is_password(&password, &hash)).await;
        let Some(user) = found.filter(|_| matches!(checked, Ok(true))) else {
            self.throttle.failed(trier, Instant::now());
            return Err(Refused::Wrong);
        };
        self.throttle.succeeded(trier);
        self.verified.lock().unwrap_or_else(PoisonError::into_inner).insert(name, seal);
        Ok(user)
    }

    fn listens(&self, trier: Trier) -> Result<(), Refused> {
        self.throttle.wait(trier, Instant::now()).map_or(Ok(()), |wait| Err(Refused::Throttled(wait)))
    }

    /// Tells one hash and its password from any other.
    fn seal(&self, hash: &str, password: &str) -> [u8; 32] {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.key) else { return rand::random() };
        mac.update(hash.as_bytes());
        mac.update(&[0]);
        mac.update(password.as_bytes());
        mac.finalize().into_bytes().into()
    }

    fn refuse(&self, refused: &Refused, peer: Option<SocketAddr>, method: &Method, path: &str) -> Response {
        let address = peer.map(|address| address.to_string());
        match refused {
            Refused::Unreadable => {
                let message = "The file of those who may ask cannot be used; the log says why";
                return ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, message).into_response();
            }
            Refused::Wrong => {
                tracing::warn!(target: AUDIT, audit = true, who = address, what = %method, path, outcome = 401, "wrong credentials");
            }
            Refused::Throttled(wait) => {
                tracing::warn!(target: AUDIT, audit = true, who = address, what = %method, path, outcome = 429, "too many wrong passwords");
                let seconds = wait.as_secs() + 1;
                let message = format!("Too many wrong passwords for this user; ask again in {seconds} seconds");
                let mut response = ApiError::new(StatusCode::TOO_MANY_REQUESTS, message).into_response();
                response.headers_mut().insert(RETRY_AFTER, seconds.into());
                return response;
            }
            Refused::Roleless(user) => {
                tracing::warn!(target: AUDIT, audit = true, who = address, user, what = %method, path, outcome = 403, "has no role");
                let message = format!("User {user} has no role");
                return ApiError::new(StatusCode::FORBIDDEN, message).into_response();
            }
            Refused::Unknown => {}
        }
        let error = ApiError::new(StatusCode::UNAUTHORIZED, "User cannot access the resource.");
        let mut response = error.into_response();
        for (asked, scheme) in
            [(&self.passwords, "Basic realm=\"rowtide\""), (&self.tokens, "Bearer realm=\"rowtide\"")]
        {
            if asked.is_some() {
                response.headers_mut().append(WWW_AUTHENTICATE, HeaderValue::from_static(scheme));
            }
        }
        response
    }
}

async fn load(path: &Path, kind: Kind) -> Result<Vec<User>, Refused> {
    let of = path.to_owned();
    beside(path, move || users::read(&of, kind)).await
}

/// Reads a file beside the runtime, and tells why it cannot be used.
async fn beside<T: Send + 'static>(
    path: &Path,
    read: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, Refused> {
    let read = tokio::task::spawn_blocking(read).await;
    read.unwrap_or_else(|error| Err(error.to_string())).map_err(|reason| {
        tracing::error!(file = %path.display(), reason, "nobody can be let in");
        Refused::Unreadable
    })
}

impl Credentials {
    fn of(headers: &HeaderMap) -> Option<Self> {
        let (scheme, rest) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
        if scheme.eq_ignore_ascii_case("bearer") {
            return Some(Self::Token(rest.trim().to_owned()));
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let pair = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
        let (user, password) = pair.split_once(':')?;
        Some(Self::Password { user: user.to_owned(), password: password.to_owned() })
    }
}

/// Lets those pass who may ask.
pub(super) async fn admit(State(access): State<Arc<Access>>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<Peer>>().map(|ConnectInfo(peer)| peer.clone());
    if access.is_open(request.uri().path()) {
        let identity = peer.and_then(|peer| peer.identity);
        let name = identity.map(|identity| access.rules.name(&identity.subject).unwrap_or(identity.subject.clone()));
        name.map(|name| request.extensions_mut().insert(Known(name)));
        return next.run(request).await;
    }
    let (method, path) = (request.method(), request.uri().path());
    let user = match access.who(Credentials::of(request.headers()), peer.as_ref()).await {
        Ok(user) => user,
        Err(refused) => return access.refuse(&refused, peer.map(|peer| peer.address), method, path),
    };
    if user.role == Role::ReadOnly && ![Method::GET, Method::HEAD, Method::OPTIONS].contains(method) {
        let who = peer.map(|peer| peer.address.to_string());
        tracing::warn!(target: AUDIT, audit = true, who, user = user.name, what = %method, path, outcome = 403, "may only read");
        return ApiError::new(StatusCode::FORBIDDEN, format!("User {} may only read", user.name)).into_response();
    }
    request.extensions_mut().insert(Known(user.name));
    next.run(request).await
}

#[cfg(test)]
mod tests;
