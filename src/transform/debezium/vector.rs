//! `io.debezium.transforms.VectorToJsonConverter`: vectors become JSON text, for consumers that know no arrays or maps.

use std::convert::Infallible;
use std::sync::Arc;

use super::{Built, SCHEMAS_MAX, Transform, TransformError};
use crate::config::{Key, Properties};
use crate::data::number::write_float;
use crate::data::{Datum, Field, Kind, PerSchema, Schema, Value, semantic};
use crate::record::Record;

/// It has no options.
pub(in crate::transform) const KEYS: &[Key] = &[];

struct VectorToJson {
    /// Its name in the connector file.
    name: Arc<str>,
    plans: PerSchema<Option<(Arc<Schema>, Vec<Place>)>>,
}

/// Where vectors are in a struct.
enum Place {
    /// A field is one; a default counts as a value.
    Vector(usize, Form, Option<Value>),
    /// A field is a struct with some in it.
    Struct(usize, Vec<Place>),
}

#[derive(Clone, Copy, Debug)]
enum Form {
    /// All numbers.
    Dense,
    /// Those that are not zero, by their place: where the dimensions stand, and the map.
    Sparse(usize, usize),
}

/// Makes one.
#[expect(clippy::unnecessary_wraps, reason = "as all builders")]
pub(in crate::transform) fn build(name: &Arc<str>, _options: &Properties) -> Built {
    Ok(Box::new(VectorToJson { name: Arc::clone(name), plans: PerSchema::new(SCHEMAS_MAX) }))
}

impl Transform for VectorToJson {
    fn apply(&mut self, mut record: Record) -> Result<Option<Record>, TransformError> {
        let Some(Datum { schema, value }) = &mut record.value else { return Ok(Some(record)) };
        let Ok(plan) = self.plans.get_or_make(schema, |schema| Ok::<_, Infallible>(plan(schema)));
        if let Some((out, places)) = plan {
            convert(value, places).map_err(|reason| TransformError::unsuitable(&self.name, &record.topic, reason))?;
            *schema = Arc::clone(out);
        }
        Ok(Some(record))
    }
}

/// The new schema, and where vectors are; `None`: nowhere.
fn plan(schema: &Schema) -> Option<(Arc<Schema>, Vec<Place>)> {
    let mut places = Vec::new();
    let mut fields = schema.fields().to_vec();
    for (place, field) in fields.iter_mut().enumerate() {
        if let Some(form) = form(&field.schema) {
            places.push(Place::Vector(place, form, field.schema.default.clone()));
            let json = semantic::of(Kind::Text, semantic::JSON);
            *field = Field::new(Arc::clone(&field.name), Schema { optional: field.schema.optional, ..json });
        } else if let Some((out, within)) = plan(&field.schema) {
            places.push(Place::Struct(place, within));
            field.schema = out;
        }
    }
    let out = Schema { kind: Kind::Struct(fields), default: None, ..schema.clone() };
    (!places.is_empty()).then(|| (Arc::new(out), places))
}

fn form(schema: &Schema) -> Option<Form> {
    match schema.name.as_deref()? {
        "io.debezium.data.DoubleVector" | "io.debezium.data.FloatVector" => Some(Form::Dense),
        "io.debezium.data.SparseDoubleVector" => {
            Some(Form::Sparse(schema.index_of("dimensions")?, schema.index_of("vector")?))
        }
        _ => None,
    }
}

fn convert(value: &mut Value, places: &[Place]) -> Result<(), String> {
    let Value::Struct(fields) = value else { return Ok(()) };
    for place in places {
        match place {
            Place::Vector(place, form, default) => {
                let Some(vector) = fields.get_mut(*place) else { continue };
                let told = if vector.is_null() { default.as_ref().unwrap_or(&Value::Null) } else { &*vector };
                *vector = json(told, *form)?;
            }
            Place::Struct(place, within) => {
                fields.get_mut(*place).map_or(Ok(()), |field| convert(field, within))?;
            }
        }
    }
    Ok(())
}

/// The text, spaces and all, that Debezium makes.
fn json(vector: &Value, form: Form) -> Result<Value, String> {
    if vector.is_null() {
        return Ok(Value::Null);
    }
    let text = match form {
        Form::Dense => {
            let Value::Array(numbers) = vector else { return Err("a vector is no array".to_owned()) };
            let numbers: Result<Vec<String>, String> = numbers.iter().map(number).collect();
            format!("{{ \"values\": [{}] }}", numbers?.join(", "))
        }
        Form::Sparse(dimensions, map) => {
            let field = |place: usize| vector.as_struct().and_then(|fields| fields.get(place));
            let (Some(Value::Int16(dimensions)), Some(Value::Map(entries))) = (field(dimensions), field(map)) else {
                return Err("a sparse vector has no dimensions or no map".to_owned());
            };
            let mut sorted = Vec::with_capacity(entries.len());
            for (place, value) in entries {
                let Value::Int16(place) = place else {
                    return Err("a place in a sparse vector is no INT16".to_owned());
                };
                sorted.push((*place, number(value)?));
            }
            sorted.sort_by_key(|(place, _)| *place);
            let entries: Vec<String> = sorted.iter().map(|(place, value)| format!("\"{place}\": {value}")).collect();
            format!("{{ \"dimensions\": {dimensions}, \"vector\": {{ {} }} }}", entries.join(", "))
        }
    };
    Ok(Value::text(text))
}

fn number(value: &Value) -> Result<String, String> {
    let mut text = Vec::new();
    match value {
        Value::Float32(number) => write_float(&mut text, *number),
        Value::Float64(number) => write_float(&mut text, *number),
        Value::Null => text.extend_from_slice(b"null"),
        _ => return Err("a vector holds something that is no floating-point number".to_owned()),
    }
    String::from_utf8(text).map_err(|error| error.to_string())
}

#[cfg(test)]
#[path = "vector_tests.rs"]
mod tests;
