//! `ValueToKey`: makes the key of fields of the value.

use std::sync::Arc;

use crate::config::{Key, KeyKind, Properties, Reader};
use crate::data::{Datum, Field, Kind, PerSchema, Schema, Value};
use crate::record::Record;
use crate::transform::shape::{REPLACE_NULL, Refusal, SCHEMAS_MAX, fields_of};
use crate::transform::{Built, Transform, TransformError};

/// The options.
pub(in crate::transform) const KEYS: &[Key] =
    &[Key::new("fields", KeyKind::List, "The fields of the value that become the key").required(), REPLACE_NULL];

struct ValueToKey {
    name: Arc<str>,
    fields: Vec<String>,
    replace_null: bool,
    plans: PerSchema<Plan>,
}

/// The key's schema, and where each of its fields comes from, with what replaces its null.
struct Plan {
    schema: Arc<Schema>,
    sources: Vec<(usize, Value)>,
}

/// Makes one.
pub(in crate::transform) fn build(name: &Arc<str>, options: &Properties) -> Built {
    let mut read = Reader::new(options, &[KEYS]);
    let mut fields: Vec<String> = Vec::new();
    for field in read.list("fields") {
        if !fields.contains(&field) {
            fields.push(field);
        }
    }
    let replace_null = read.flag(REPLACE_NULL.name);
    let plans = PerSchema::new(SCHEMAS_MAX);
    let transform: Box<dyn Transform> = Box::new(ValueToKey { name: Arc::clone(name), fields, replace_null, plans });
    read.finish(transform)
}

impl Transform for ValueToKey {
    fn apply(&mut self, mut record: Record) -> Result<Option<Record>, TransformError> {
        let Some((value, row)) = record.value.as_ref().and_then(|value| Some((value, value.value.as_struct()?))) else {
            let reason = "its value is no struct; a predicate (RecordIsTombstone, negated) keeps tombstones away";
            return Err(TransformError::unsuitable(&self.name, &record.topic, reason));
        };
        let plan = self
            .plans
            .get_or_make(&value.schema, |schema| Plan::make(schema, &self.fields, self.replace_null))
            .map_err(|refusal| refusal.of(&self.name, &record.topic))?;
        let field = |(place, default): &(usize, Value)| match row.get(*place) {
            Some(Value::Null) | None => default.clone(),
            Some(value) => value.clone(),
        };
        let key = Value::Struct(plan.sources.iter().map(field).collect());
        record.key = Some(Datum { schema: Arc::clone(&plan.schema), value: key });
        Ok(Some(record))
    }
}

impl Plan {
    fn make(schema: &Schema, names: &[String], replace_null: bool) -> Result<Self, Refusal> {
        let fields = fields_of(schema)?;
        let mut sources = Vec::new();
        let mut key = Vec::new();
        for name in names {
            let place = schema.index_of(name).ok_or_else(|| Refusal::Missing(name.clone()))?;
            let field: &Field = &fields[place];
            key.push(field.clone());
            sources.push((place, field.schema.default.clone().filter(|_| replace_null).unwrap_or_default()));
        }
        Ok(Self { schema: Schema::of(Kind::Struct(key)).into(), sources })
    }
}
