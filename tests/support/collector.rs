//! A collector of spans: takes OTLP over HTTP, as protobuf or JSON, gzip or not, and keeps what came.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::net::TcpListener;

use super::RUNTIME;

/// What came with one request.
pub(crate) struct Request {
    pub(crate) headers: HeaderMap,
    pub(crate) body: ExportTraceServiceRequest,
}

type Kept = Arc<Mutex<Vec<Request>>>;

/// A listening collector.
pub(crate) struct Collector {
    pub(crate) port: u16,
    pub(crate) requests: Kept,
}

async fn take(State(kept): State<Kept>, headers: HeaderMap, body: Bytes) -> (StatusCode, Vec<u8>) {
    let is = |name: &str, value: &str| headers.get(name).is_some_and(|found| found == value);
    let mut plain = Vec::new();
    if is("content-encoding", "gzip") {
        flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut plain).unwrap();
    } else {
        plain.extend_from_slice(&body);
    }
    let body = if is("content-type", "application/json") {
        serde_json::from_slice(&plain).unwrap()
    } else {
        assert!(is("content-type", "application/x-protobuf"), "{headers:?}");
        ExportTraceServiceRequest::decode(&plain[..]).unwrap()
    };
    let answer = if is("content-type", "application/json") { b"{}".to_vec() } else { Vec::new() };
    kept.lock().unwrap().push(Request { headers, body });
    (StatusCode::OK, answer)
}

impl Collector {
    /// One that takes everything.
    pub(crate) fn start() -> Self {
        let requests = Kept::default();
        let router = Router::new().route("/v1/traces", post(take)).with_state(Arc::clone(&requests));
        let port = RUNTIME.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            tokio::spawn(async move { axum::serve(listener, router).await });
            port
        });
        Self { port, requests }
    }

    /// All spans that came.
    pub(crate) fn spans(&self) -> Vec<Span> {
        let requests = self.requests.lock().unwrap();
        let scopes = requests.iter().flat_map(|request| &request.body.resource_spans).flat_map(|of| &of.scope_spans);
        scopes.flat_map(|scope| scope.spans.iter().cloned()).collect()
    }

    /// What the spans say of who sent them.
    pub(crate) fn resource(&self) -> BTreeMap<String, String> {
        let requests = self.requests.lock().unwrap();
        let resource =
            requests.iter().flat_map(|request| &request.body.resource_spans).find_map(|of| of.resource.as_ref());
        attributes(&resource.unwrap().attributes)
    }
}

/// Attributes as text.
pub(crate) fn attributes(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |value: &Option<AnyValue>| match value.as_ref().and_then(|value| value.value.clone()) {
        Some(any_value::Value::StringValue(text)) => text,
        Some(any_value::Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    attributes.iter().map(|attribute| (attribute.key.clone(), text(&attribute.value))).collect()
}
