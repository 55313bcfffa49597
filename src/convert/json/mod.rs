//! Connect's `JsonConverter`: the same bytes, written straight from schema and value.
//!
//! What depends on a schema (its own JSON text, the escaped names of its fields, the text of defaults) is made once per
//! schema. Confluent's `JsonSchemaConverter` writes its payloads with the same [`Plan`], in another [`Dialect`].

mod plan;
mod read;
pub(super) mod text;

#[cfg(test)]
mod tests;

use bytes::Bytes;

use super::block::Block;
use super::{ConvertError, Fault};
use crate::config::{Importance, Key, KeyKind, Problems, Properties, Reader};
use crate::data::{Datum, PerSchema};
pub(super) use plan::{Plan, write_base64};
pub use read::JsonReader;

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

/// What the options say, and whose form it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    /// `{"schema":…,"payload":…}` around each value.
    pub(super) schemas: bool,
    /// Decimals as numbers.
    pub(super) numeric: bool,
    /// Defaults in place of nulls.
    pub(super) replace_null: bool,
    pub(super) dialect: Dialect,
}

impl Style {
    /// Connect's, and how many schemas are kept; the options are declared in [`KEYS`].
    pub(super) fn read(read: &mut Reader<'_>) -> (Self, usize) {
        let style = Self {
            schemas: read.flag("schemas.enable"),
            numeric: read.choice("decimal.format") == "numeric",
            replace_null: read.flag("replace.null.with.default"),
            dialect: Dialect::Connect,
        };
        (style, read.number("schemas.cache.size"))
    }
}

/// In what the JSON of Connect and that of Confluent differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `JsonConverter`: the entries of a map are `[key,value]` unless its keys are text, also optional text. A null that is
    /// not replaced needs an optional field.
    Connect,
    /// `JsonSchemaConverter`: the entries of a map are `{"key":…,"value":…}` unless its keys are required text. A field
    /// that is required and has a default is left out when it is null and not replaced.
    Confluent,
}

/// Connect's `JsonConverter`.
#[derive(Debug)]
pub struct Json {
    style: Style,
    plans: PerSchema<Plan>,
    block: Block,
}

impl Json {
    /// A converter with these options, their names without a prefix.
    ///
    /// # Errors
    /// Every option that is wrong.
    pub fn build(options: &Properties) -> Result<Self, Problems> {
        let mut read = Reader::new(options, &[KEYS]);
        let (style, schemas_max) = Style::read(&mut read);
        let plans = PerSchema::new(schemas_max);
        read.finish(Self { style, plans, block: Block::default() })
    }

    /// Whether each value comes with its schema.
    pub(super) const fn has_schemas(&self) -> bool {
        self.style.schemas
    }

    /// The bytes of a datum; of a null that has a schema too.
    ///
    /// # Errors
    /// When the value does not fit its schema.
    pub fn encode(&mut self, topic: &str, datum: &Datum) -> Result<Bytes, ConvertError> {
        self.block.scratch.clear();
        self.write(datum).map_err(|fault| fault.of_topic(topic))?;
        Ok(self.block.cut())
    }

    fn write(&mut self, datum: &Datum) -> Result<(), Fault> {
        let plan = self.plans.get_or_make(&datum.schema, |schema| Plan::compile(schema, self.style))?;
        plan.write(&mut self.block.scratch, &datum.value)
    }
}
