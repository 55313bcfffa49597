//! Connect's `JsonConverter`: the same bytes, written straight from schema and value.
//!
//! What depends on a schema (its own JSON text, the escaped names of its fields, the text of defaults) is made once per
//! schema.

mod plan;
mod text;

#[cfg(test)]
mod tests;

use bytes::{Bytes, BytesMut};

use super::ConvertError;
use crate::config::{Importance, Key, KeyKind, Problems, Properties, Reader};
use crate::data::{Datum, PerSchema};
use plan::Plan;

/// The options of Connect's `JsonConverter`.
pub(super) const KEYS: &[Key] = &[
    Key::new("schemas.enable", KeyKind::Boolean, "Whether each message carries its schema beside its payload")
        .default("true"),
    Key { importance: Importance::Low, ..SCHEMAS_CACHE_SIZE },
    Key { importance: Importance::Low, ..DECIMAL_FORMAT },
    Key { importance: Importance::Low, ..REPLACE_NULL },
];
const SCHEMAS_CACHE_SIZE: Key =
    Key::new("schemas.cache.size", KeyKind::Int, "How many schemas are kept prepared").default("1000");
const DECIMAL_FORMAT: Key =
    Key::new("decimal.format", KeyKind::String, "Decimals as base64 of the unscaled number, or as JSON numbers")
        .default("BASE64")
        .one_of(&["BASE64", "NUMERIC"]);
const REPLACE_NULL: Key =
    Key::new("replace.null.with.default", KeyKind::Boolean, "Whether a null is written as the default of its field")
        .default("true");

/// How bytes are allotted: messages share blocks of this many bytes.
const BLOCK_BYTES: usize = 64 * 1024;

/// What the options say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    /// `{"schema":…,"payload":…}` around each value.
    schemas: bool,
    /// Decimals as numbers.
    numeric: bool,
    /// Defaults in place of nulls.
    replace_null: bool,
}

/// Connect's `JsonConverter`.
#[derive(Debug)]
pub struct Json {
    style: Style,
    plans: PerSchema<Plan>,
    /// The message in the making; reused.
    scratch: Vec<u8>,
    /// What finished messages are cut from.
    block: BytesMut,
}

impl Json {
    /// A converter with these options, their names without a prefix.
    ///
    /// # Errors
    /// Every option that is wrong.
    pub fn build(options: &Properties) -> Result<Self, Problems> {
        let mut read = Reader::new(options, &[KEYS]);
        let style = Style {
            schemas: read.flag("schemas.enable"),
            numeric: read.choice("decimal.format") == "numeric",
            replace_null: read.flag("replace.null.with.default"),
        };
        let plans = PerSchema::new(read.number("schemas.cache.size"));
        read.finish(Self { style, plans, scratch: Vec::new(), block: BytesMut::new() })
    }

    /// The bytes of a datum; of a null that has a schema too.
    ///
    /// # Errors
    /// When the value does not fit its schema.
    pub fn encode(&mut self, topic: &str, datum: &Datum) -> Result<Bytes, ConvertError> {
        self.scratch.clear();
        self.write(datum).map_err(|fault| fault.of_topic(topic))?;
        if self.block.capacity() < self.scratch.len() {
            self.block = BytesMut::with_capacity(self.scratch.len().max(BLOCK_BYTES));
        }
        self.block.extend_from_slice(&self.scratch);
        Ok(self.block.split().freeze())
    }

    fn write(&mut self, datum: &Datum) -> Result<(), Fault> {
        let plan = self.plans.get_or_make(&datum.schema, |schema| Plan::compile(schema, self.style))?;
        plan.write(&mut self.scratch, &datum.value)
    }
}

/// A value that does not fit, or a schema that cannot be written; the path is collected on the way out.
#[derive(Debug)]
struct Fault {
    /// From the inside out.
    path: Vec<String>,
    reason: String,
}

impl Fault {
    fn new(reason: String) -> Self {
        Self { path: Vec::new(), reason }
    }

    fn within(mut self, step: impl Into<String>) -> Self {
        self.path.push(step.into());
        self
    }

    fn of_topic(mut self, topic: &str) -> ConvertError {
        self.path.reverse();
        let field = if self.path.is_empty() { "(whole)".to_owned() } else { self.path.join(".") };
        ConvertError::Mismatch { topic: topic.to_owned(), field, reason: self.reason }
    }
}
