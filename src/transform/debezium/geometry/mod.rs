//! What transforms do to geometries: values of the semantic type `io.debezium.data.geometry.Geometry`, wherever they stand
//! in a record's value. They differ in what becomes of the bytes.

pub(in crate::transform) mod format;
pub(in crate::transform) mod swap;

use std::convert::Infallible;
use std::sync::Arc;

use super::envelope::low;
use super::{Built, SCHEMAS_MAX, Transform, TransformError};
use crate::config::{Key, KeyKind, Properties, Reader};
use crate::data::{Kind, PerSchema, Schema, Value};
use crate::record::Record;

const GEOMETRY: &str = "io.debezium.data.geometry.Geometry";

/// What becomes of a geometry's bytes, by its reference system; `None`: they stay.
type Change = Box<dyn Fn(&[u8], Option<i32>) -> Result<Option<Vec<u8>>, String> + Send>;

/// A transform of geometries.
struct Geometries {
    /// Its name in the connector file.
    name: Arc<str>,
    change: Change,
    plans: PerSchema<Option<Within>>,
}

/// Where geometries are in values of a schema.
#[derive(Debug)]
enum Within {
    /// The value is one: where its bytes and its reference system are.
    Geometry { wkb: usize, srid: usize },
    /// In fields of a struct.
    Fields(Vec<(usize, Within)>),
    /// In each element of an array.
    Elements(Box<Within>),
    /// In the keys or the values of a map.
    Entries(Option<Box<Within>>, Option<Box<Within>>),
}

/// A transform that changes geometries so.
fn changing(name: &Arc<str>, change: Change) -> Box<dyn Transform> {
    Box::new(Geometries { name: Arc::clone(name), change, plans: PerSchema::new(SCHEMAS_MAX) })
}

impl Transform for Geometries {
    fn apply(&mut self, mut record: Record) -> Result<Option<Record>, TransformError> {
        if let Some(value) = &mut record.value {
            let Ok(plan) = self.plans.get_or_make(&value.schema, |schema| Ok::<_, Infallible>(Within::find(schema)));
            if let Some(plan) = plan {
                let done = plan.change(&mut value.value, &self.change);
                done.map_err(|reason| TransformError::unsuitable(&self.name, &record.topic, reason))?;
            }
        }
        Ok(Some(record))
    }
}

impl Within {
    fn find(schema: &Schema) -> Option<Self> {
        match &schema.kind {
            Kind::Struct(_) if schema.name.as_deref() == Some(GEOMETRY) => {
                Some(Self::Geometry { wkb: schema.index_of("wkb")?, srid: schema.index_of("srid")? })
            }
            Kind::Struct(fields) => {
                let fields = fields.iter().enumerate();
                let found: Vec<_> =
                    fields.filter_map(|(place, field)| Some((place, Self::find(&field.schema)?))).collect();
                (!found.is_empty()).then_some(Self::Fields(found))
            }
            Kind::Array(element) => Self::find(element).map(|within| Self::Elements(Box::new(within))),
            Kind::Map(key, value) => {
                let (key, value) = (Self::find(key).map(Box::new), Self::find(value).map(Box::new));
                (key.is_some() || value.is_some()).then_some(Self::Entries(key, value))
            }
            _ => None,
        }
    }

    fn change(
        &self,
        value: &mut Value,
        change: &impl Fn(&[u8], Option<i32>) -> Result<Option<Vec<u8>>, String>,
    ) -> Result<(), String> {
        match (self, value) {
            (Self::Geometry { wkb, srid }, Value::Struct(fields)) => {
                let srid = match fields.get(*srid) {
                    Some(Value::Int32(srid)) => Some(*srid),
                    _ => None,
                };
                let Some(Value::Bytes(bytes)) = fields.get_mut(*wkb) else {
                    return Err("a geometry has no bytes".to_owned());
                };
                if let Some(changed) = change(bytes, srid)? {
                    *bytes = changed.into();
                }
                Ok(())
            }
            (Self::Fields(within), Value::Struct(fields)) => within.iter().try_for_each(|(place, within)| {
                fields.get_mut(*place).map_or(Ok(()), |field| within.change(field, change))
            }),
            (Self::Elements(within), Value::Array(elements)) => {
                elements.iter_mut().try_for_each(|element| within.change(element, change))
            }
            (Self::Entries(keys, values), Value::Map(entries)) => entries.iter_mut().try_for_each(|(key, value)| {
                keys.as_ref().map_or(Ok(()), |within| within.change(key, change))?;
                values.as_ref().map_or(Ok(()), |within| within.change(value, change))
            }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
