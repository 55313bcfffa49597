//! Transforms: what a user puts between the event and the bytes (Kafka Connect's single message transforms).
//!
//! A transform is one file here and one line in `BUILDERS`. What depends on a schema it computes once per schema.

use std::sync::Arc;

use crate::record::Record;

/// Why a transform refuses a record.
#[derive(Debug, thiserror::Error)]
pub enum TransformError {
    /// The record lacks a field that the transform needs.
    #[error("transform {transform}: topic {topic} has no field {field:?}")]
    MissingField {
        /// The transform's name in the connector file.
        transform: Arc<str>,
        /// The record's topic.
        topic: Arc<str>,
        /// The field.
        field: String,
    },
    /// The record is not of the kind that the transform works on.
    #[error("transform {transform}: topic {topic}: {reason}")]
    Unsuitable {
        /// The transform's name in the connector file.
        transform: Arc<str>,
        /// The record's topic.
        topic: Arc<str>,
        /// What it met, and what it needs.
        reason: String,
    },
}

/// Changes a record, or drops it.
pub trait Transform: Send {
    /// `None` drops the record.
    ///
    /// # Errors
    /// When the record is not what the transform can work on.
    fn apply(&mut self, record: Record) -> Result<Option<Record>, TransformError>;
}

/// Sends a record through the chain, in order, until it is dropped or out.
///
/// # Errors
/// The first transform's that refuses it.
pub fn apply_all(chain: &mut [Box<dyn Transform>], mut record: Record) -> Result<Option<Record>, TransformError> {
    for transform in chain {
        match transform.apply(record)? {
            Some(next) => record = next,
            None => return Ok(None),
        }
    }
    Ok(Some(record))
}
