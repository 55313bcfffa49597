//! What transforms of keys and values have in common: the side, the work that is done once per schema, and Connect's rules
//! for schemas that are built from others.

use std::sync::Arc;

use super::{Transform, TransformError};
use crate::config::{Key, KeyKind};
use crate::data::{Datum, Field, Kind, PerSchema, Row, Schema, Value};
use crate::record::Record;

/// How many schemas a transform keeps prepared: the tables of a large database, a few versions each.
pub(super) const SCHEMAS_MAX: usize = 1024;

/// `replace.null.with.default`, which most of Connect's transforms have.
pub(super) const REPLACE_NULL: Key =
    Key::new("replace.null.with.default", KeyKind::Boolean, "Whether a null becomes the default of its field")
        .default("true");

/// Which side of a record a transform works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// `…$Key`
    Key,
    /// `…$Value`
    Value,
}

impl Side {
    /// That side of the record.
    pub(super) const fn of(self, record: &mut Record) -> &mut Option<Datum> {
        match self {
            Self::Key => &mut record.key,
            Self::Value => &mut record.value,
        }
    }
}

/// Why a transform refuses a record, without the names that every refusal carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// A field is missing.
    Missing(String),
    /// Anything else.
    Unsuitable(String),
}

impl From<String> for Refusal {
    fn from(reason: String) -> Self {
        Self::Unsuitable(reason)
    }
}

impl Refusal {
    /// The same, with the names.
    pub(super) fn of(self, transform: &Arc<str>, topic: &Arc<str>) -> TransformError {
        match self {
            Self::Missing(field) => TransformError::missing(transform, topic, field),
            Self::Unsuitable(reason) => TransformError::unsuitable(transform, topic, reason),
        }
    }
}

/// What becomes of nulls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nulls {
    /// The record passes unchanged.
    Pass,
    /// A null keeps being null, but its schema changes; one without a schema passes unchanged.
    Reshape,
    /// The record is refused, as Connect's `Requirements.requireStruct` refuses it.
    Refuse,
}

/// A transform of a key or a value that prepares its work once per schema.
pub(super) trait Reshape: Send {
    /// What is prepared, beside the new schema.
    type Plan: Send;
    /// What becomes of nulls.
    const NULLS: Nulls;

    /// What data of that schema become, and how.
    fn plan(&self, schema: &Arc<Schema>) -> Result<(Arc<Schema>, Self::Plan), Refusal>;

    /// The new value of one that is not null. The record is without that side meanwhile.
    fn reshape(&self, plan: &Self::Plan, value: Value, record: &mut Record) -> Result<Value, Refusal>;
}

/// A [`Reshape`] at its place.
pub(super) struct Reshaper<T: Reshape> {
    name: Arc<str>,
    side: Side,
    what: T,
    plans: PerSchema<(Arc<Schema>, T::Plan)>,
}

impl<T: Reshape + 'static> Reshaper<T> {
    /// A transform of that name which does this to that side.
    pub(super) fn boxed(name: &Arc<str>, side: Side, what: T) -> Box<dyn Transform> {
        Box::new(Self { name: Arc::clone(name), side, what, plans: PerSchema::new(SCHEMAS_MAX) })
    }
}

impl<T: Reshape> Transform for Reshaper<T> {
    fn apply(&mut self, mut record: Record) -> Result<Option<Record>, TransformError> {
        let taken = self.side.of(&mut record).take();
        let is_null = taken.as_ref().is_none_or(|datum| datum.value.is_null());
        let datum = match taken {
            Some(datum) if !is_null || T::NULLS == Nulls::Reshape => datum,
            _ if T::NULLS == Nulls::Refuse => {
                let side = if self.side == Side::Key { "key" } else { "value" };
                let reason = format!("its {side} is null; a predicate keeps such records from this transform");
                return Err(TransformError::unsuitable(&self.name, &record.topic, reason));
            }
            null => {
                *self.side.of(&mut record) = null;
                return Ok(Some(record));
            }
        };
        let (schema, plan) = self
            .plans
            .get_or_make(&datum.schema, |_| self.what.plan(&datum.schema))
            .map_err(|refusal| refusal.of(&self.name, &record.topic))?;
        let value = if is_null {
            Value::Null
        } else {
            let reshaped = self.what.reshape(plan, datum.value, &mut record);
            reshaped.map_err(|refusal| refusal.of(&self.name, &record.topic))?
        };
        *self.side.of(&mut record) = Some(Datum { schema: Arc::clone(schema), value });
        Ok(Some(record))
    }
}

/// The fields, where a struct is needed.
pub(super) fn fields_of(schema: &Schema) -> Result<&[Field], Refusal> {
    match &schema.kind {
        Kind::Struct(fields) => Ok(fields),
        kind => Err(format!("it works on structs, and this is {}", kind.name()).into()),
    }
}

/// The values of a struct.
pub(super) fn row_of(value: Value) -> Result<Row, Refusal> {
    match value {
        Value::Struct(row) => Ok(row),
        _ => Err(Refusal::Unsuitable("the value is no struct, though its schema is".to_owned())),
    }
}

/// A schema of that kind with another's name, version, documentation and parameters: required and without a default, as
/// Connect's `SchemaUtil.copySchemaBasics` makes it.
pub(super) fn copy_basics(schema: &Schema, kind: Kind) -> Schema {
    Schema { kind, optional: false, default: None, ..schema.clone() }
}

/// A struct like that one with other fields ([`copy_basics`]), each name once.
pub(super) fn with_fields(schema: &Schema, fields: Vec<Field>) -> Result<Arc<Schema>, Refusal> {
    for (place, field) in fields.iter().enumerate() {
        if fields.iter().take(place).any(|earlier| earlier.name == field.name) {
            return Err(format!("the struct would have two fields {:?}", field.name).into());
        }
    }
    Ok(copy_basics(schema, Kind::Struct(fields)).into())
}

/// What replaces the nulls of a struct's fields: Connect's `Struct.get` against `Struct.getWithoutDefault`.
#[derive(Debug)]
pub(super) struct Defaults(Box<[(usize, Value)]>);

impl Defaults {
    /// Those of the fields; none where they are not to be `replaced`.
    pub(super) fn of(fields: &[Field], replaced: bool) -> Self {
        let default = |(place, field): (usize, &Field)| Some((place, field.schema.default.clone()?));
        Self(fields.iter().enumerate().filter_map(default).filter(|_| replaced).collect())
    }

    /// Replaces the nulls of a row.
    pub(super) fn fill(&self, row: &mut [Value]) {
        for (place, default) in &self.0 {
            if let Some(value) = row.get_mut(*place).filter(|value| value.is_null()) {
                *value = default.clone();
            }
        }
    }
}
