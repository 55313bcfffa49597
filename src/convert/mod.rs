//! Converters: a datum becomes bytes. A closed, hot set that must await on a new schema, so an enum and not a trait.

/// Why a datum cannot become bytes.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// The value does not fit its schema.
    #[error("topic {topic}: field {field}: {reason}")]
    Mismatch {
        /// The record's topic.
        topic: String,
        /// The field's path.
        field: String,
        /// What the schema asks for, and what was there.
        reason: String,
    },
}
