//! `ExtractField`: a field takes the place of the whole key or value.

use std::sync::Arc;

use crate::config::{Key, KeyKind, Properties, Reader};
use crate::data::{Schema, Value};
use crate::record::Record;
use crate::transform::Built;
use crate::transform::path::{Path, Place, SYNTAX};
use crate::transform::shape::{Nulls, REPLACE_NULL, Refusal, Reshape, Reshaper, Side};

/// The options.
pub(in crate::transform) const KEYS: &[Key] =
    &[Key::new("field", KeyKind::String, "The field").required(), SYNTAX, REPLACE_NULL];

struct ExtractField {
    path: Path,
    replace_null: bool,
}

/// Makes one.
pub(in crate::transform) fn build(name: &Arc<str>, options: &Properties, side: Side) -> Built {
    let mut read = Reader::new(options, &[KEYS]);
    let path = Path::read(&mut read, "field");
    let replace_null = read.flag(REPLACE_NULL.name);
    read.finish(Reshaper::boxed(name, side, ExtractField { path, replace_null }))
}

impl Reshape for ExtractField {
    type Plan = Place;
    const NULLS: Nulls = Nulls::Reshape;

    fn plan(&self, schema: &Arc<Schema>) -> Result<(Arc<Schema>, Place), Refusal> {
        let (place, field) = self.path.find(schema, self.replace_null)?;
        Ok((Arc::clone(&field.schema), place))
    }

    fn reshape(&self, place: &Place, value: Value, _record: &mut Record) -> Result<Value, Refusal> {
        Ok(place.take(value))
    }
}
