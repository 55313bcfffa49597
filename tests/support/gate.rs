//! A door with a lock before a server of HTTP that has none: who gives the right name and password gets through.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::net::TcpListener;

use super::RUNTIME;

/// A running gate; it lets through as long as the tests run.
pub(crate) struct Gate {
    pub(crate) port: u16,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    admitted: AtomicUsize,
    refused: AtomicUsize,
}

#[derive(Clone)]
struct Behind {
    address: String,
    login: String,
    counts: Arc<Counts>,
}

impl Gate {
    /// Before that address, for that user.
    pub(crate) fn before(address: String, user: &str, password: &str) -> Self {
        let counts = Arc::<Counts>::default();
        let login = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
        let behind = Behind { address, login, counts: Arc::clone(&counts) };
        let router = Router::new().fallback(pass).with_state(behind);
        let listener = RUNTIME.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let port = listener.local_addr().unwrap().port();
        RUNTIME.spawn(async move { axum::serve(listener, router).await });
        Self { port, counts }
    }

    /// How many requests got through, and how many did not.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.counts.admitted.load(Ordering::Relaxed), self.counts.refused.load(Ordering::Relaxed))
    }
}

async fn pass(State(behind): State<Behind>, request: Request) -> Response {
    if request.headers().get(AUTHORIZATION).is_none_or(|login| login.as_bytes() != behind.login.as_bytes()) {
        behind.counts.refused.fetch_add(1, Ordering::Relaxed);
        let body = r#"{"error_code":40101,"message":"Unauthorized"}"#;
        return (StatusCode::UNAUTHORIZED, body).into_response();
    }
    behind.counts.admitted.fetch_add(1, Ordering::Relaxed);
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 24).await.unwrap();
    let path = parts.uri.path_and_query().unwrap();
    let mut passed = reqwest::Client::new().request(parts.method, format!("http://{}{path}", behind.address));
    if let Some(kind) = parts.headers.get(CONTENT_TYPE) {
        passed = passed.header(CONTENT_TYPE, kind);
    }
    let answer = passed.body(body).send().await.unwrap();
    let (status, kind) = (answer.status(), answer.headers().get(CONTENT_TYPE).cloned());
    let mut response = Response::new(Body::from(answer.bytes().await.unwrap()));
    *response.status_mut() = status;
    kind.map(|kind| response.headers_mut().insert(CONTENT_TYPE, kind));
    response
}
