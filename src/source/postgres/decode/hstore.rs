//! `hstore`: `hstore.handling.mode`.
#![deny(clippy::indexing_slicing)]

use std::sync::Arc;

use super::Mismatch;
use crate::data::{Kind, Schema, Value, semantic};

/// `hstore.handling.mode`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::source::postgres) enum HstoreForm {
    /// The text of a JSON object
    Json,
    /// A map
    Map,
}

impl HstoreForm {
    /// Its schema, required.
    pub(in crate::source::postgres) fn schema(self) -> Schema {
        match self {
            Self::Json => semantic::of(Kind::Text, semantic::JSON),
            Self::Map => {
                let text = Schema::of(Kind::Text);
                Schema::of(Kind::Map(Arc::new(text.clone()), Arc::new(text.optional())))
            }
        }
    }

    /// The value of these pairs.
    pub(super) fn value(self, pairs: Vec<(String, Option<String>)>) -> Value {
        match self {
            Self::Map => {
                let pair =
                    |(key, value): (String, Option<String>)| (Value::text(key), value.map_or(Value::Null, Value::text));
                Value::Map(pairs.into_iter().map(pair).collect())
            }
            Self::Json => {
                let mut text = String::from("{");
                for (index, (key, value)) in pairs.into_iter().enumerate() {
                    if index > 0 {
                        text.push(',');
                    }
                    push_json(&mut text, key);
                    text.push(':');
                    match value {
                        Some(value) => push_json(&mut text, value),
                        None => text.push_str("null"),
                    }
                }
                text.push('}');
                Value::text(text)
            }
        }
    }
}

fn push_json(out: &mut String, text: String) {
    out.push_str(&serde_json::Value::String(text).to_string());
}

/// The pairs of `"a"=>"1", "b"=>NULL`, in PostgreSQL's order.
pub(super) fn pairs(text: &str) -> Result<Vec<(String, Option<String>)>, Mismatch> {
    parse(text).ok_or("an hstore")
}

fn parse(text: &str) -> Option<Vec<(String, Option<String>)>> {
    let mut pairs = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (key, behind) = quoted(rest)?;
        let behind = behind.strip_prefix("=>")?;
        let (value, behind) = match behind.strip_prefix("NULL") {
            Some(behind) => (None, behind),
            None => quoted(behind).map(|(value, behind)| (Some(value), behind))?,
        };
        pairs.push((key, value));
        rest = if behind.is_empty() { behind } else { behind.strip_prefix(", ")? };
    }
    Some(pairs)
}

/// The text between quotes at the front, and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let inside = text.strip_prefix('"')?;
    let mut unquoted = String::new();
    let mut characters = inside.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((unquoted, inside.get(at + 1..)?)),
            '\\' => unquoted.push(characters.next()?.1),
            character => unquoted.push(character),
        }
    }
    None
}
