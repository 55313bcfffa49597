//! `io.debezium.transforms.ExtractChangedRecordState`: the names of the columns that an update changed, and of those that
//! it did not, as headers.
//!
//! The headers are on every event, with empty lists where there is no row before or none after.

use std::convert::Infallible;
use std::sync::Arc;

use super::envelope::{envelope, low};
use super::{Built, SCHEMAS_MAX, Transform, TransformError};
use crate::config::{Key, KeyKind, Properties, Reader};
use crate::data::{Datum, Kind, PerSchema, Schema, Text, Value};
use crate::record::{Header, Record};

/// The options.
pub(in crate::transform) const KEYS: &[Key] = &[
    low("header.changed.name", KeyKind::String, "The header that lists what was changed"),
    low("header.unchanged.name", KeyKind::String, "The header that lists what was not changed"),
];

struct ChangedState {
    changed: Option<Listing>,
    unchanged: Option<Listing>,
    plans: PerSchema<Option<Plan>>,
}

/// A header that lists columns.
struct Listing {
    name: Arc<str>,
    schema: Arc<Schema>,
}

struct Plan {
    before: usize,
    after: usize,
    /// Of the columns.
    names: Vec<Text>,
}

/// Makes one.
pub(in crate::transform) fn build(_name: &Arc<str>, options: &Properties) -> Built {
    let mut read = Reader::new(options, &[KEYS]);
    let transform: Box<dyn Transform> = Box::new(ChangedState {
        changed: read.text_opt("header.changed.name").map(|name| Listing::new(&name)),
        unchanged: read.text_opt("header.unchanged.name").map(|name| Listing::new(&name)),
        plans: PerSchema::new(SCHEMAS_MAX),
    });
    read.finish(transform)
}

impl Listing {
    fn new(name: &str) -> Self {
        let names = Kind::Array(Schema::of(Kind::Text).optional().into());
        Self { name: name.into(), schema: Schema::of(names).optional().named(name).into() }
    }

    fn header(&self, names: Vec<Value>) -> Header {
        let value = Datum { schema: Arc::clone(&self.schema), value: Value::Array(names.into()) };
        Header { name: Arc::clone(&self.name), value }
    }
}

impl Plan {
    fn make(envelope: &Schema) -> Option<Self> {
        let (before, after) = (envelope.index_of("before")?, envelope.index_of("after")?);
        let row = &envelope.fields().get(after)?.schema;
        let names = row.fields().iter().map(|field| Text::interned(&field.name)).collect();
        Some(Self { before, after, names })
    }

    /// The names of columns that were changed, and of those that were not.
    fn sort(&self, envelope: &[Value]) -> (Vec<Value>, Vec<Value>) {
        let row = |place: usize| envelope.get(place).and_then(Value::as_struct);
        let (Some(before), Some(after)) = (row(self.before), row(self.after)) else { return Default::default() };
        let (mut changed, mut unchanged) = (Vec::new(), Vec::new());
        for (name, (old, new)) in self.names.iter().zip(before.iter().zip(after)) {
            let list = if is_same(old, new) { &mut unchanged } else { &mut changed };
            list.push(Value::Text(name.clone()));
        }
        (changed, unchanged)
    }
}

/// Java's `equals`: NaN is itself, and the two zeros differ.
fn is_same(old: &Value, new: &Value) -> bool {
    match (old, new) {
        (Value::Float32(old), Value::Float32(new)) => old.to_bits() == new.to_bits(),
        (Value::Float64(old), Value::Float64(new)) => old.to_bits() == new.to_bits(),
        _ => old == new,
    }
}

impl Transform for ChangedState {
    fn apply(&mut self, mut record: Record) -> Result<Option<Record>, TransformError> {
        let Some((schema, fields)) = envelope(&mut record) else { return Ok(Some(record)) };
        let Ok(plan) = self.plans.get_or_make(schema, |schema| Ok::<_, Infallible>(Plan::make(schema)));
        let (changed, unchanged) = plan.as_ref().map(|plan| plan.sort(fields)).unwrap_or_default();
        record.headers.last.extend(self.changed.as_ref().map(|header| header.header(changed)));
        record.headers.last.extend(self.unchanged.as_ref().map(|header| header.header(unchanged)));
        Ok(Some(record))
    }
}
