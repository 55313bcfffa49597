//! What a registry has told: which schema a text is written with, so that equal schemas cost one look-up.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::{Definition, Registered, SchemaType};

/// A table that is altered without end must not fill the memory; Confluent's `max.schemas.per.subject` is as much.
const SCHEMAS_MAX: usize = 1000;

#[derive(PartialEq, Eq, Hash)]
struct Question {
    subject: String,
    kind: SchemaType,
    text: String,
}

/// Answers that stay true: an id never changes its schema.
#[derive(Default)]
pub(super) struct Cache(Mutex<HashMap<Question, Registered>>);

impl Cache {
    /// What is known of a schema under that subject.
    pub(super) fn get(&self, subject: &str, schema: &Definition) -> Option<Registered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&question(subject, schema)).cloned()
    }

    /// Keeps an answer.
    pub(super) fn put(&self, subject: &str, schema: &Definition, answer: &Registered) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= SCHEMAS_MAX {
            known.clear();
        }
        known.insert(question(subject, schema), answer.clone());
    }
}

fn question(subject: &str, schema: &Definition) -> Question {
    Question { subject: subject.to_owned(), kind: schema.kind, text: schema.text.clone() }
}
