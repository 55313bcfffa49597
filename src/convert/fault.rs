//! Why a value or a schema cannot be written, with the path to the field.

use super::ConvertError;

/// A value that does not fit, or a schema that cannot be written; the path is collected on the way out.
#[derive(Debug)]
pub(super) struct Fault {
    /// From the inside out.
    path: Vec<String>,
    reason: String,
}

impl Fault {
    pub(super) fn new(reason: String) -> Self {
        Self { path: Vec::new(), reason }
    }

    pub(super) fn within(mut self, step: impl Into<String>) -> Self {
        self.path.push(step.into());
        self
    }

    pub(super) fn of_topic(mut self, topic: &str) -> ConvertError {
        self.path.reverse();
        let field = if self.path.is_empty() { "(whole)".to_owned() } else { self.path.join(".") };
        ConvertError::Mismatch { topic: topic.to_owned(), field, reason: self.reason }
    }
}
