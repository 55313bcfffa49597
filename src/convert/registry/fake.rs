//! A registry that answers as a test says: for the faults that a real one does not have at will.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::Value;

use super::{Definition, KEYS, Registries, Registry, SchemaType};
use crate::config::{Problems, Properties, Reader, Warning};

/// A request that came.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// `POST /subjects/t-value?normalize=true`
    pub(super) call: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// What it answers.
pub(super) struct Reply {
    status: u16,
    kind: &'static str,
    body: String,
    delay: Duration,
    location: &'static str,
}

pub(super) fn json(status: u16, body: &str) -> Reply {
    let kind = "application/vnd.schemaregistry.v1+json";
    Reply { status, kind, body: body.to_owned(), delay: Duration::ZERO, location: "" }
}

pub(super) fn html(status: u16, body: &str) -> Reply {
    Reply { kind: "text/html", ..json(status, body) }
}

/// An error as Confluent's registry writes it.
pub(super) fn error(status: u16, code: u32) -> Reply {
    json(status, &format!(r#"{{"error_code":{code},"message":"said so"}}"#))
}

impl Reply {
    pub(super) fn after(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    pub(super) fn is_late(&self) -> bool {
        !self.delay.is_zero()
    }

    pub(super) fn to(self, location: &'static str) -> Self {
        Self { location, ..self }
    }
}

/// The running fake; it lives as long as the test's runtime.
pub(super) struct Fake {
    pub(super) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Fake {
    /// Answers each request by the function, which is told the call (`GET /config`) and how many came before.
    pub(super) async fn start(answer: impl Fn(&str, usize) -> Reply + Send + Sync + 'static) -> Self {
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let (answer, kept) = (Arc::new(answer), Arc::clone(&seen));
        let handler = move |request: Request| {
            let (answer, kept) = (Arc::clone(&answer), Arc::clone(&kept));
            async move {
                let (head, body) = request.into_parts();
                let body = to_bytes(body, 1 << 20).await.unwrap();
                let call = format!("{} {}", head.method, head.uri);
                let reply = {
                    let mut kept = kept.lock().unwrap();
                    let body = serde_json::from_slice(&body).unwrap_or_default();
                    kept.push(Seen { call: call.clone(), headers: head.headers, body });
                    answer(&call, kept.len() - 1)
                };
                tokio::time::sleep(reply.delay).await;
                let response = Response::builder().status(reply.status).header("content-type", reply.kind);
                response.header("location", reply.location).body(Body::from(reply.body)).unwrap()
            }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, axum::Router::new().fallback(handler)).into_future());
        Self { url, seen }
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(super) fn calls(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.call).collect()
    }

    /// A converter's registry at this address, which waits no longer than a test may.
    pub(super) fn registry(&self, more: &[(&str, &str)]) -> Registry {
        registry(&[&[("schema.registry.url", self.url.as_str())], more].concat()).unwrap().0
    }
}

/// The registry of a value converter with these options.
pub(super) fn registry(options: &[(&str, &str)]) -> Result<(Registry, Vec<Warning>), Problems> {
    let quick = [("retries.wait.ms", "10"), ("retries.max.wait.ms", "20")];
    let given = quick.iter().chain(options).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let given: Properties = given.collect();
    let mut read = Reader::new(&given, &KEYS);
    let mut warnings = Vec::new();
    let registry = Registry::read(&mut read, &given, false, &mut Registries::default(), &mut warnings);
    warnings.extend(Registry::unknown(&given, &[]));
    Ok((read.finish(registry)?.expect("a registry or a problem"), warnings))
}

/// A record with these fields, in Avro.
pub(super) fn record(fields: &str) -> Definition {
    let text = format!(r#"{{"type":"record","name":"R","fields":[{fields}]}}"#);
    Definition { kind: SchemaType::Avro, text, name: Some("R".to_owned()) }
}
