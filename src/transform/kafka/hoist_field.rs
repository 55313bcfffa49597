//! `HoistField`: puts the whole key or value into a field of a new struct.

use std::sync::Arc;

use crate::config::{Key, KeyKind, Properties, Reader};
use crate::data::{Datum, Field, Kind, PerSchema, Schema, Value};
use crate::record::Record;
use crate::transform::shape::{SCHEMAS_MAX, Side};
use crate::transform::{Built, Transform, TransformError};

/// The options.
pub(in crate::transform) const KEYS: &[Key] =
    &[Key::new("field", KeyKind::String, "The field that takes the key or value").required()];

struct HoistField {
    name: Arc<str>,
    side: Side,
    field: Arc<str>,
    schemas: PerSchema<Arc<Schema>>,
    /// What stands for data without a schema.
    schemaless: Arc<Schema>,
}

/// Makes one.
pub(in crate::transform) fn build(name: &Arc<str>, options: &Properties, side: Side) -> Built {
    let mut read = Reader::new(options, &[KEYS]);
    let field = read.text("field").into();
    let entry = (Schema::of(Kind::Text), Schema::of(Kind::Text).optional());
    let schemaless = Schema::of(Kind::Map(entry.0.into(), entry.1.into())).into();
    let schemas = PerSchema::new(SCHEMAS_MAX);
    let transform: Box<dyn Transform> =
        Box::new(HoistField { name: Arc::clone(name), side, field, schemas, schemaless });
    read.finish(transform)
}

impl Transform for HoistField {
    fn apply(&mut self, mut record: Record) -> Result<Option<Record>, TransformError> {
        let side = self.side.of(&mut record);
        let Some(Datum { schema, value }) = side.take() else {
            // Connect makes a map without a schema of it, so that a tombstone is none any more.
            let entry = (Value::text(&*self.field), Value::Null);
            *side = Some(Datum { schema: Arc::clone(&self.schemaless), value: Value::Map([entry].into()) });
            return Ok(Some(record));
        };
        if value.is_null() && !schema.optional && schema.default.is_none() {
            let reason = format!("null cannot be put into field {:?}: its schema is required", self.field);
            return Err(TransformError::unsuitable(&self.name, &record.topic, reason));
        }
        let Ok(hoisted) = self.schemas.get_or_make::<std::convert::Infallible>(&schema, |_| {
            Ok(Schema::of(Kind::Struct(vec![Field::new(Arc::clone(&self.field), Arc::clone(&schema))])).into())
        });
        *side = Some(Datum { schema: Arc::clone(hoisted), value: Value::Struct([value].into()) });
        Ok(Some(record))
    }
}
