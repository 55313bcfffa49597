//! Connect's `JsonConverter`: the same bytes, written straight from schema and value.
//!
//! What depends on a schema (its own JSON text, the escaped names of its fields, the text of defaults) is made once per
//! schema and kept under the schema's address, which stays its own while the cache holds the `Arc`.

mod plan;
mod text;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::ConvertError;
use crate::config::{Importance, Key, KeyKind, Problems, Properties, Reader};
use crate::data::{Datum, Schema};
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
    prepared: Vec<Prepared>,
    /// Where the schema at an address stands in `prepared`.
    places: HashMap<usize, usize>,
    /// The place of the schema of the message before: mostly the one that is asked for next.
    latest: usize,
    schemas_max: usize,
    /// The message in the making; reused.
    scratch: Vec<u8>,
    /// What finished messages are cut from.
    block: BytesMut,
}

/// A schema and what was made of it.
#[derive(Debug)]
struct Prepared {
    /// Held, so that its address is not given to another schema meanwhile.
    schema: Arc<Schema>,
    plan: Plan,
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
        let schemas_max = read.number::<usize>("schemas.cache.size").max(1);
        read.finish(Self {
            style,
            prepared: Vec::new(),
            places: HashMap::new(),
            latest: 0,
            schemas_max,
            scratch: Vec::new(),
            block: BytesMut::new(),
        })
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
        let place = self.place(&datum.schema)?;
        match self.prepared.get(place) {
            Some(prepared) => prepared.plan.write(&mut self.scratch, &datum.value),
            None => Ok(()),
        }
    }

    /// Where the schema's plan stands; made if it is new. When there are too many, all are forgotten: whoever uses more
    /// schemas at once than the cache holds gains nothing from keeping some.
    fn place(&mut self, schema: &Arc<Schema>) -> Result<usize, Fault> {
        if self.prepared.get(self.latest).is_some_and(|prepared| Arc::ptr_eq(&prepared.schema, schema)) {
            return Ok(self.latest);
        }
        let address = Arc::as_ptr(schema).addr();
        if let Some(place) = self.places.get(&address) {
            self.latest = *place;
            return Ok(*place);
        }
        let plan = Plan::compile(schema, self.style)?;
        if self.prepared.len() >= self.schemas_max {
            self.prepared.clear();
            self.places.clear();
        }
        self.latest = self.prepared.len();
        self.places.insert(address, self.latest);
        self.prepared.push(Prepared { schema: Arc::clone(schema), plan });
        Ok(self.latest)
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
