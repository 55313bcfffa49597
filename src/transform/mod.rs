//! Transforms: what a user puts between the event and the bytes (Kafka Connect's single message transforms).
//!
//! A transform is one file here and one line in `BUILDERS`. What depends on a schema it computes once per schema. It knows
//! records, and neither sources nor formats. Invariant: a record leaves a chain whole, or dropped, or as an error.

mod chain;
mod predicate;
mod unwrap;

use std::sync::Arc;

use crate::config::{Key, Problems, Properties};
use crate::record::Record;

pub use chain::{build_chain, unknown_keys};

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

type Built = Result<Box<dyn Transform>, Problems>;

/// A kind of transform: what a connector file names, and how one is made.
struct Builder {
    /// The Java class; a file may leave out the package.
    class: &'static str,
    /// Its options.
    keys: &'static [Key],
    /// Makes one: its name in the connector file, its options without their prefix.
    build: fn(&Arc<str>, &Properties) -> Built,
}

/// Every kind there is.
const BUILDERS: &[Builder] =
    &[Builder { class: "io.debezium.transforms.ExtractNewRecordState", keys: unwrap::KEYS, build: unwrap::build }];

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

/// The class name without its package.
fn short_name(class: &str) -> &str {
    class.rsplit('.').next().unwrap_or(class)
}
