//! An identity provider: gives signed tokens to one client, and publishes its key. Whoever wants to know whether a token is
//! genuine asks for the key, as brokers do.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::RUNTIME;

/// Who may have tokens.
pub(crate) const CLIENT: &str = "rowtide";

/// A running issuer; it answers as long as the tests run.
pub(crate) struct Issuer {
    /// host:port
    pub(crate) address: String,
    state: Arc<Answers>,
}

struct Answers {
    key: EcdsaKeyPair,
    /// Nobody knows this one.
    forged: EcdsaKeyPair,
    secret: String,
    lifetime_s: u64,
    forges: AtomicBool,
    is_down: AtomicBool,
    given: AtomicUsize,
    refused: AtomicUsize,
    /// The bodies of all requests.
    asked: Mutex<Vec<String>>,
}

fn key_pair() -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.as_ref(), &random).unwrap()
}

impl Issuer {
    /// Gives tokens to who knows that secret.
    pub(crate) fn start(secret: &str, lifetime_s: u64) -> Self {
        let state = Arc::new(Answers {
            key: key_pair(),
            forged: key_pair(),
            secret: secret.to_owned(),
            lifetime_s,
            forges: AtomicBool::new(false),
            is_down: AtomicBool::new(false),
            given: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
            asked: Mutex::default(),
        });
        let router = Router::new().route("/token", post(token)).route("/keys", get(keys));
        let router = router.with_state(Arc::clone(&state));
        let listener = RUNTIME.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        RUNTIME.spawn(async move { axum::serve(listener, router).await });
        Self { address, state }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.rsplit(':').next().unwrap().parse().unwrap()
    }

    /// How many tokens it gave.
    pub(crate) fn given(&self) -> usize {
        self.state.given.load(Ordering::Relaxed)
    }

    /// How many it refused to give.
    pub(crate) fn refused(&self) -> usize {
        self.state.refused.load(Ordering::Relaxed)
    }

    /// What it was asked.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.state.asked.lock().unwrap().clone()
    }

    /// Whether it signs with a key that nobody knows.
    pub(crate) fn set_forges(&self, forges: bool) {
        self.state.forges.store(forges, Ordering::Relaxed);
    }

    /// Whether it answers with 503.
    pub(crate) fn set_down(&self, is_down: bool) {
        self.state.is_down.store(is_down, Ordering::Relaxed);
    }
}

async fn keys(State(answers): State<Arc<Answers>>) -> String {
    // A point of the curve: a byte 4, then x and y.
    let (x, y) = answers.key.public_key().as_ref()[1..].split_at(32);
    let [x, y] = [x, y].map(|half| URL_SAFE_NO_PAD.encode(half));
    json!({"keys": [{"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": "k1", "x": x, "y": y}]})
        .to_string()
}

async fn token(State(answers): State<Arc<Answers>>, request: Request) -> Response {
    let login = format!("Basic {}", STANDARD.encode(format!("{CLIENT}:{}", answers.secret)));
    let shown =
        request.headers().get(AUTHORIZATION).and_then(|login| login.to_str().ok()).unwrap_or_default().to_owned();
    let body = axum::body::to_bytes(request.into_body(), 1 << 16).await.unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    answers.asked.lock().unwrap().push(body.clone());
    let no = |status: StatusCode, error: &str| {
        answers.refused.fetch_add(1, Ordering::Relaxed);
        // A careless one: it tells what it was shown.
        let shown = STANDARD.decode(shown.trim_start_matches("Basic ")).unwrap_or_default();
        let told = format!("not for {}", String::from_utf8_lossy(&shown));
        (status, json!({"error": error, "error_description": told}).to_string()).into_response()
    };
    if answers.is_down.load(Ordering::Relaxed) {
        return no(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable");
    }
    if shown != login {
        return no(StatusCode::UNAUTHORIZED, "invalid_client");
    }
    if !body.contains("grant_type=client_credentials") {
        return no(StatusCode::BAD_REQUEST, "unsupported_grant_type");
    }
    answers.given.fetch_add(1, Ordering::Relaxed);
    let (token, lifetime) = (answers.sign(), answers.lifetime_s);
    json!({"access_token": token, "token_type": "Bearer", "expires_in": lifetime}).to_string().into_response()
}

impl Answers {
    fn sign(&self) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let header = json!({"alg": "ES256", "typ": "JWT", "kid": "k1"});
        let claims = json!({"iss": "the-issuer", "aud": "kafka", "sub": "ops", "scope": "produce", "iat": now,
            "exp": now + self.lifetime_s});
        let part = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let text = format!("{}.{}", part(&header), part(&claims));
        let key = if self.forges.load(Ordering::Relaxed) { &self.forged } else { &self.key };
        let signature = key.sign(&SystemRandom::new(), text.as_bytes()).unwrap();
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}
