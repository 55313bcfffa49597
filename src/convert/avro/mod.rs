//! Confluent's `AvroData`: the Avro schema of a Connect schema, and the bytes of its values.
//!
//! Schemas are those that Confluent's converter makes, so that subjects which are registered already go on working. Bytes are
//! written straight from schema and row; what does not depend on the row is made once per schema. Invariant: what is written
//! can be read with the writer's schema.

mod default;
mod names;
mod options;
mod plan;
mod schema;
mod write;
mod writer;

#[cfg(test)]
mod plan_tests;
#[cfg(test)]
mod round_tests;
#[cfg(test)]
mod schema_tests;

use super::Fault;

pub(super) use options::{AvroData, KEYS};
pub(super) use plan::Plan;
