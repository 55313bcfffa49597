//! `SetSchemaMetadata`: gives the schema another name or version.

use std::sync::Arc;

use crate::config::{Key, KeyKind, Properties, Reader};
use crate::data::{Schema, Value};
use crate::record::Record;
use crate::transform::Built;
use crate::transform::shape::{Defaults, Nulls, REPLACE_NULL, Refusal, Reshape, Reshaper, Side};

/// The options.
pub(in crate::transform) const KEYS: &[Key] = &[
    Key::new("schema.name", KeyKind::String, "The new name"),
    Key::new("schema.version", KeyKind::Int, "The new version"),
    REPLACE_NULL,
];

struct SetSchemaMetadata {
    name: Option<Arc<str>>,
    version: Option<i32>,
    replace_null: bool,
}

/// Makes one.
pub(in crate::transform) fn build(name: &Arc<str>, options: &Properties, side: Side) -> Built {
    let mut read = Reader::new(options, &[KEYS]);
    let schema_name = read.text_opt("schema.name");
    if schema_name.is_none() && read.text_opt("schema.version").is_none() {
        read.problem("schema.name", None, "is required, or schema.version, or both");
    }
    let version = read.number_opt("schema.version");
    let replace_null = read.flag(REPLACE_NULL.name);
    let transform = SetSchemaMetadata { name: schema_name.map(Arc::from), version, replace_null };
    read.finish(Reshaper::boxed(name, side, transform))
}

impl Reshape for SetSchemaMetadata {
    type Plan = Defaults;
    const NULLS: Nulls = Nulls::Reshape;

    fn plan(&self, schema: &Arc<Schema>) -> Result<(Arc<Schema>, Defaults), Refusal> {
        let name = self.name.clone().or_else(|| schema.name.clone());
        let version = self.version.or(schema.version);
        let out = Schema { name, version, ..Schema::clone(schema) };
        Ok((out.into(), Defaults::of(schema.fields(), self.replace_null)))
    }

    fn reshape(&self, defaults: &Defaults, mut value: Value, _record: &mut Record) -> Result<Value, Refusal> {
        if let Value::Struct(row) = &mut value {
            defaults.fill(row);
        }
        Ok(value)
    }
}
