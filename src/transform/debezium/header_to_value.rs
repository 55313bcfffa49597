//! `io.debezium.transforms.HeaderToValue`: values of headers become fields of the value.
//!
//! Structs on the way to a field are made where there are none, at any depth. Unlike Debezium's, a struct that gets a field
//! stays optional if it was, so that a null one can still be written; a field within a null stays away.

use std::convert::Infallible;
use std::sync::Arc;

use super::{Built, SCHEMAS_MAX, Transform, TransformError};
use crate::config::{Importance, Key, KeyKind, Properties, Reader};
use crate::data::{Datum, Field, Kind, PerSchema, Schema, Value};
use crate::record::Record;

/// The options.
pub(in crate::transform) const KEYS: &[Key] = &[
    Key::new("headers", KeyKind::List, "Names of headers").required(),
    Key::new("fields", KeyKind::List, "The fields that they become, in the same order; a dot leads into a struct")
        .required(),
    Key {
        importance: Importance::High,
        ..Key::new("operation", KeyKind::String, "Whether the headers are removed or stay")
    }
    .required()
    .one_of(&["move", "copy"]),
];

/// How many sets of headers are remembered for a schema.
const SETS_MAX: usize = 16;

struct HeaderToValue {
    /// Its name in the connector file.
    name: Arc<str>,
    headers: Vec<String>,
    /// The path of each header's field.
    paths: Vec<Vec<String>>,
    removes: bool,
    plans: PerSchema<Vec<Plan>>,
}

/// What becomes of values of a schema, with certain headers.
struct Plan {
    /// Which of the headers, with which schemas.
    headers: Vec<(usize, Arc<Schema>)>,
    out: Arc<Schema>,
    /// Where each goes: a place in the value, in the struct there, and so on.
    places: Vec<Vec<Step>>,
}

/// A step on the way to a field.
struct Step {
    place: usize,
    /// Whether values do not have that field yet.
    is_new: bool,
}

/// Makes one.
pub(in crate::transform) fn build(name: &Arc<str>, options: &Properties) -> Built {
    let mut read = Reader::new(options, &[KEYS]);
    let (headers, fields) = (read.list("headers"), read.list("fields"));
    if headers.len() != fields.len() && !headers.is_empty() && !fields.is_empty() {
        let reason = format!("must be as many as the headers, of which there are {}", headers.len());
        read.problem("fields", options.get("fields").cloned(), &reason);
    }
    for (key, names) in [("headers", &headers), ("fields", &fields)] {
        for name in names.iter().filter(|name| name.contains(char::is_whitespace)) {
            read.problem(key, Some(name.clone()), "must have no white space");
        }
    }
    let path = |field: &String| field.split('.').map(str::to_owned).collect::<Vec<String>>();
    for (field, _) in
        fields.iter().map(|field| (field, path(field))).filter(|(_, path)| path.iter().any(String::is_empty))
    {
        read.problem("fields", Some(field.clone()), "must be a field, or a path of fields with a dot between two");
    }
    let transform: Box<dyn Transform> = Box::new(HeaderToValue {
        name: Arc::clone(name),
        headers,
        paths: fields.iter().map(path).collect(),
        removes: read.choice("operation") == "move",
        plans: PerSchema::new(SCHEMAS_MAX),
    });
    read.finish(transform)
}

impl Transform for HeaderToValue {
    fn apply(&mut self, mut record: Record) -> Result<Option<Record>, TransformError> {
        let Some(Datum { schema, value }) = record.value.as_mut().filter(|value| !value.value.is_null()) else {
            return Ok(Some(record));
        };
        if value.as_struct().is_none() {
            return Err(TransformError::unsuitable(&self.name, &record.topic, "the value is no struct"));
        }
        let place = |name: &str| self.headers.iter().position(|header| header == name);
        let found: Vec<(usize, Datum)> =
            record.headers.iter().filter_map(|header| Some((place(&header.name)?, header.value.clone()))).collect();
        if found.is_empty() {
            return Ok(Some(record));
        }
        let Ok(plans) = self.plans.get_or_make(schema, |_| Ok::<_, Infallible>(Vec::new()));
        let known = plans.iter().position(|plan| plan.is_for(&found));
        let plan = if let Some(known) = known {
            known
        } else {
            let made = Plan::make(schema, &found, &self.paths);
            if plans.len() >= SETS_MAX {
                plans.clear();
            }
            plans.push(made.map_err(|reason| TransformError::unsuitable(&self.name, &record.topic, reason))?);
            plans.len() - 1
        };
        let plan = &plans[plan];
        for (steps, (_, header)) in plan.places.iter().zip(found) {
            put(value, &plan.out, steps, header.value);
        }
        // Fields that no header of this record fills are there all the same.
        *schema = Arc::clone(&plan.out);
        if self.removes {
            record.headers.retain(|header| !self.headers.iter().any(|name| **name == *header.name));
        }
        Ok(Some(record))
    }
}

impl Plan {
    fn make(schema: &Schema, found: &[(usize, Datum)], paths: &[Vec<String>]) -> Result<Self, String> {
        let mut out = Schema { default: None, ..schema.clone() };
        let mut places = Vec::new();
        for (header, datum) in found {
            let mut steps = Vec::new();
            let path = paths.get(*header).map(Vec::as_slice).unwrap_or_default();
            add(&mut out, Some(schema), path, &datum.schema, &mut steps)?;
            places.push(steps);
        }
        let headers = found.iter().map(|(header, datum)| (*header, Arc::clone(&datum.schema))).collect();
        Ok(Self { headers, out: out.into(), places })
    }

    fn is_for(&self, found: &[(usize, Datum)]) -> bool {
        let same = |((header, schema), (other, datum)): (&(usize, Arc<Schema>), &(usize, Datum))| {
            header == other && (Arc::ptr_eq(schema, &datum.schema) || *schema == datum.schema)
        };
        self.headers.len() == found.len() && self.headers.iter().zip(found).all(same)
    }
}

/// Adds a field, and the structs on the way to it; a field that is there already stays as it is. `old` is the schema that
/// values have.
fn add(
    schema: &mut Schema,
    old: Option<&Schema>,
    path: &[String],
    new: &Arc<Schema>,
    steps: &mut Vec<Step>,
) -> Result<(), String> {
    let Some((name, rest)) = path.split_first() else { return Ok(()) };
    let Kind::Struct(fields) = &mut schema.kind else {
        return Err(format!("field {name:?} cannot be added: what it would be in is no struct"));
    };
    let known = fields.iter().position(|field| *field.name == **name);
    let place = known.unwrap_or(fields.len());
    if known.is_none() {
        let made = Schema::of(Kind::Struct(Vec::new())).optional();
        let schema = if rest.is_empty() { Arc::clone(new) } else { made.into() };
        fields.push(Field::new(name.as_str(), schema));
    }
    let old = old.and_then(|old| old.fields().get(old.index_of(name)?)).map(|field| &*field.schema);
    steps.push(Step { place, is_new: old.is_none() });
    let field = &mut fields[place].schema;
    if !rest.is_empty() {
        return add(Arc::make_mut(field), old, rest, new, steps);
    }
    if field.kind == new.kind {
        return Ok(());
    }
    Err(format!("field {name:?} is there already, of another type than the header"))
}

/// Puts a value in its place. A struct that values have and that is null stays null.
fn put(value: &mut Value, schema: &Schema, steps: &[Step], new: Value) {
    let Some((step, rest)) = steps.split_first() else {
        *value = new;
        return;
    };
    let Value::Struct(fields) = value else { return };
    if fields.len() < schema.fields().len() {
        let mut longer = std::mem::take(fields).into_vec();
        longer.resize(schema.fields().len(), Value::Null);
        *fields = longer.into();
    }
    let (Some(field), Some(slot)) = (schema.fields().get(step.place), fields.get_mut(step.place)) else { return };
    if slot.is_null() && step.is_new && !rest.is_empty() {
        *slot = Value::Struct(vec![Value::Null; field.schema.fields().len()].into());
    }
    put(slot, &field.schema, rest, new);
}

#[cfg(test)]
#[path = "header_to_value_tests.rs"]
mod tests;
