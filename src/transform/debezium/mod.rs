//! Debezium's own transforms, as of Debezium 3.6.1, one file or folder each; `ExtractNewRecordState` is
//! [`unwrap`](super::unwrap).
//!
//! Where one of them does something else than Debezium's, its head says what.

mod envelope;
mod json;

pub(super) mod changed_state;
pub(super) mod decode_message;
pub(super) mod geometry;
pub(super) mod header_to_value;
pub(super) mod logical_router;
pub(super) mod outbox;
pub(super) mod partition;
pub(super) mod read_to_insert;
pub(super) mod record_size;
pub(super) mod schema_change;
pub(super) mod source_schema;
pub(super) mod timescale;
pub(super) mod timezone;
pub(super) mod trace_context;
pub(super) mod vector;

use super::shape::SCHEMAS_MAX;
use super::{Built, Transform, TransformError};

#[cfg(test)]
mod tests;
