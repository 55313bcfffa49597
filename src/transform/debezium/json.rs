//! JSON text becomes a struct: its schema is inferred, as `io.debezium.transforms.outbox.JsonSchemaData` infers it.
//!
//! Texts of one shape share one schema, so that what depends on a schema is made once per shape.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use crate::config::NameAdjustment;
use crate::data::{Datum, Field, Kind, Schema, Value};

/// How many shapes are remembered.
const SHAPES_MAX: usize = 1024;

/// Makes structs of JSON texts.
#[derive(Debug)]
pub(super) struct JsonShapes {
    /// Whether a null is a field of optional bytes; else it is left out.
    nulls: bool,
    /// Whether an empty array is one of optional text; else it is left out.
    empty_arrays: bool,
    names: NameAdjustment,
    /// The schema of each shape.
    known: HashMap<String, Arc<Schema>>,
}

impl JsonShapes {
    pub(super) fn new(nulls: bool, empty_arrays: bool, names: NameAdjustment) -> Self {
        Self { nulls, empty_arrays, names, known: HashMap::new() }
    }

    /// The text as a value with a schema; structs are named `name`, and those within it by their path.
    ///
    /// # Errors
    /// When the text is no JSON object or array, or has no schema: elements of an array that differ in type.
    pub(super) fn read(&mut self, name: Option<&str>, text: &str) -> Result<Datum, String> {
        if !text.starts_with(['{', '[']) {
            return Err("the text begins with neither { nor [".to_owned());
        }
        let json: Json = serde_json::from_str(text).map_err(|error| format!("the text is no JSON: {error}"))?;
        let mut shape = String::with_capacity(text.len());
        write_shape(&json, &mut shape);
        let schema = match self.known.get(&shape) {
            Some(schema) => Arc::clone(schema),
            None => self.remember(shape, name, &json)?,
        };
        let value = self.value(&schema, &json)?;
        Ok(Datum { schema, value })
    }

    fn remember(&mut self, shape: String, name: Option<&str>, json: &Json) -> Result<Arc<Schema>, String> {
        let schema = self.schema(name, json)?.ok_or("the text has no fields to expand")?;
        if self.known.len() >= SHAPES_MAX {
            self.known.clear();
        }
        self.known.insert(shape, Arc::clone(&schema));
        Ok(schema)
    }

    /// `None`: the value is left out.
    fn schema(&self, name: Option<&str>, json: &Json) -> Result<Option<Arc<Schema>>, String> {
        let kind = match json {
            Json::Null if self.nulls => Kind::Bytes,
            Json::Null => return Ok(None),
            Json::Bool(_) => Kind::Bool,
            Json::String(_) => Kind::Text,
            Json::Number(number) => number_kind(number),
            Json::Array(elements) if elements.is_empty() && self.empty_arrays => {
                Kind::Array(Arc::new(Schema::of(Kind::Text).optional()))
            }
            Json::Array(elements) if elements.is_empty() => return Ok(None),
            Json::Array(elements) => Kind::Array(self.element(name, elements)?),
            Json::Object(object) => return self.structure(name, object).map(|schema| Some(schema.into())),
        };
        Ok(Some(Schema::of(kind).optional().into()))
    }

    fn structure(&self, name: Option<&str>, object: &Map<String, Json>) -> Result<Schema, String> {
        let mut fields: Vec<Field> = Vec::with_capacity(object.len());
        for (key, json) in object {
            let key = self.names.field(key);
            if key.is_empty() {
                return Err("an object has a field without a name".to_owned());
            }
            let path = match name.filter(|name| !name.trim().is_empty()) {
                Some(name) => format!("{name}.{key}"),
                None => key.to_string(),
            };
            // Of two names that are adjusted to one the first counts.
            if let Some(schema) = self.schema(Some(&path), json)?
                && !fields.iter().any(|field| *field.name == *key)
            {
                fields.push(Field::new(&*key, schema));
            }
        }
        let schema = Schema::of(Kind::Struct(fields)).optional();
        Ok(match name {
            Some(name) => schema.named(name),
            None => schema,
        })
    }

    /// The schema of an array's elements, nulls aside: all of one type; of objects, the fields of all.
    fn element(&self, name: Option<&str>, elements: &[Json]) -> Result<Arc<Schema>, String> {
        let mut present = elements.iter().filter(|element| !element.is_null());
        let sample = present.next().unwrap_or(&Json::Null);
        if let Some(other) = present.find(|element| type_of(element) != type_of(sample)) {
            return Err(format!("an array has elements of different types: {sample} and {other}"));
        }
        if !sample.is_object() {
            let schema = self.schema(None, sample)?;
            return schema.ok_or_else(|| "an array has no element that tells its type".to_owned());
        }
        let mut merged: Option<Schema> = None;
        for object in elements.iter().filter_map(Json::as_object) {
            let schema = self.structure(name, object)?;
            merged = Some(match merged {
                Some(merged) => merge(merged, &schema),
                None => schema,
            });
        }
        merged.map(Arc::new).ok_or_else(|| "an array has no element that tells its type".to_owned())
    }

    /// The value, of that schema.
    fn value(&self, schema: &Schema, json: &Json) -> Result<Value, String> {
        Ok(match (&schema.kind, json) {
            (_, Json::Null) => Value::Null,
            (Kind::Bool, Json::Bool(flag)) => Value::Bool(*flag),
            (Kind::Text, Json::String(text)) => Value::text(text.as_str()),
            (Kind::Int32, Json::Number(number)) => {
                let number = number.as_i64().and_then(|number| i32::try_from(number).ok());
                Value::Int32(number.ok_or_else(|| misfit(schema, json))?)
            }
            (Kind::Int64, Json::Number(number)) => Value::Int64(number.as_i64().ok_or_else(|| misfit(schema, json))?),
            (Kind::Float64, Json::Number(number)) => {
                Value::Float64(number.as_f64().ok_or_else(|| misfit(schema, json))?)
            }
            (Kind::Array(element), Json::Array(elements)) => {
                let values: Result<Box<[Value]>, String> =
                    elements.iter().map(|json| self.value(element, json)).collect();
                Value::Array(values?)
            }
            (Kind::Struct(fields), Json::Object(object)) => {
                let value = |field: &Field| match self.find(object, &field.name) {
                    Some(json) => self.value(&field.schema, json),
                    None => Ok(Value::Null),
                };
                Value::Struct(fields.iter().map(value).collect::<Result<_, _>>()?)
            }
            _ => return Err(misfit(schema, json)),
        })
    }

    fn find<'a>(&self, object: &'a Map<String, Json>, name: &str) -> Option<&'a Json> {
        match self.names {
            NameAdjustment::None => object.get(name),
            _ => object.iter().find(|(key, _)| self.names.field(key) == name).map(|(_, json)| json),
        }
    }
}

/// The fields of both. Where both have one, the left one's counts, unless it was only a null.
fn merge(mut left: Schema, right: &Schema) -> Schema {
    if let Kind::Struct(fields) = &mut left.kind {
        for field in right.fields() {
            match fields.iter_mut().find(|known| known.name == field.name) {
                Some(known) if known.schema.kind == Kind::Bytes => known.schema = Arc::clone(&field.schema),
                Some(_) => {}
                None => fields.push(field.clone()),
            }
        }
    }
    left
}

fn misfit(schema: &Schema, json: &Json) -> String {
    format!("an array has elements of different types: {json} is no {:?}", schema.kind)
}

fn number_kind(number: &serde_json::Number) -> Kind {
    match number.as_i64() {
        Some(number) if i32::try_from(number).is_ok() => Kind::Int32,
        Some(_) => Kind::Int64,
        None => Kind::Float64,
    }
}

/// A letter for each type that a schema tells apart.
fn type_of(json: &Json) -> char {
    match json {
        Json::Null => 'n',
        Json::Bool(_) => 'b',
        Json::String(_) => 's',
        Json::Array(_) => '[',
        Json::Object(_) => '{',
        Json::Number(number) => match number_kind(number) {
            Kind::Int32 => 'i',
            Kind::Int64 => 'l',
            _ => 'd',
        },
    }
}

/// Writes all that the schema of a JSON value depends on, and nothing else.
fn write_shape(json: &Json, shape: &mut String) {
    shape.push(type_of(json));
    match json {
        Json::Array(elements) => {
            let mut last = usize::MAX..usize::MAX;
            for element in elements {
                let start = shape.len();
                write_shape(element, shape);
                // An element like the one before it adds nothing.
                if shape.get(last.clone()).is_some_and(|before| shape.get(start..) == Some(before)) {
                    shape.truncate(start);
                } else {
                    last = start..shape.len();
                }
            }
            shape.push(']');
        }
        Json::Object(object) => {
            for (key, json) in object {
                // Writing to a string cannot fail. The length keeps names from running into types.
                let _ = write!(shape, "{}:{key}", key.len());
                write_shape(json, shape);
            }
            shape.push('}');
        }
        _ => {}
    }
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
