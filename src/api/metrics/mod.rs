//! `/metrics`: every name and every label, once; the numbers are [`crate::metrics`]'.
//!
//! Three sets of names: Debezium's and Kafka Connect's, as the JMX exporter makes them with the rules that people use
//! (debezium-examples, Strimzi), so that their dashboards and alerts go on; and ours, for what they do not tell.

mod connect;
mod debezium;
mod own;
mod process;

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

use super::Worker;
use super::error::ApiError;
use super::seen;
use crate::metrics::exposition::{Families, Labels, OPEN_METRICS, PROMETHEUS};

/// `GET /metrics`
pub(super) async fn text(State(worker): State<Arc<Worker>>, headers: HeaderMap) -> Response {
    let mut families = Families::default();
    let connectors = seen::all(&worker);
    for connector in &connectors {
        connect::add(&mut families, connector);
        own::add(&mut families, connector);
        if let (Some(kind), Some(meters)) = (connector.kind, connector.meters()) {
            debezium::add(&mut families, connector, (kind, meters));
        }
    }
    connect::add_worker(&mut families, &connectors);
    own::add_worker(&mut families, &worker);
    process::add(&mut families);
    let accepts = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let kind = if accepts.contains("application/openmetrics-text") { OPEN_METRICS } else { PROMETHEUS };
    match families.text() {
        Ok(text) => ([(CONTENT_TYPE, kind)], text).into_response(),
        Err(error) => ApiError::internal(error.to_string()).into_response(),
    }
}

/// The labels of a connector.
fn of_connector(name: &str) -> Labels {
    vec![("connector", name.to_owned())]
}

/// A count as a gauge has it.
fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
