//! Kafka Connect's own transforms: `org.apache.kafka.connect.transforms.*` as of Kafka 4.3, one file each.
//!
//! Records always have schemas here, so of every transform only the half that Connect applies to records with schemas
//! exists. What Connect's `DataException` says, [`Refusal`](super::shape::Refusal) says.

mod literal;

pub(super) mod cast;
pub(super) mod drop_headers;
pub(super) mod extract_field;
pub(super) mod filter;
pub(super) mod flatten;
pub(super) mod header_from;
pub(super) mod hoist_field;
pub(super) mod insert_field;
pub(super) mod insert_header;
pub(super) mod mask_field;
pub(super) mod regex_router;
pub(super) mod replace_field;
pub(super) mod set_schema_metadata;
pub(super) mod timestamp_converter;
pub(super) mod timestamp_router;
pub(super) mod value_to_key;

#[cfg(test)]
mod config_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod time_tests;
