//! Which fields of a schema are masked, and how; found once per schema.

use fancy_regex::Regex;

use super::Mode;
use super::format::Formats;
use crate::data::{Field, Kind, Schema, Value, semantic};

/// What is to be masked.
pub(super) struct Fields {
    pub(super) patterns: Vec<Regex>,
    pub(super) mode: Mode,
}

impl Fields {
    fn names(&self, path: &str) -> bool {
        // An expression that backtracks without end must not let a value through.
        self.patterns.iter().any(|pattern| pattern.is_match(path).unwrap_or(true))
    }
}

/// How a value is masked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Masker {
    /// A hash in hexadecimal digits.
    HashText,
    /// A hash in the form of a UUID.
    HashUuid,
    /// A hash of 32 bytes.
    HashBytes,
    /// Text of the same form.
    Text,
    /// A UUID.
    Uuid,
    /// A whole number of as many digits.
    Int,
    /// An unscaled number of as many digits.
    Decimal,
}

/// The fields of one schema that are masked: the ways to them.
#[derive(Debug)]
pub(super) struct Plan {
    fields: Vec<(Vec<usize>, Masker)>,
}

impl Plan {
    /// Finds the fields.
    ///
    /// # Errors
    /// When one is of a type that cannot be masked.
    pub(super) fn make(schema: &Schema, fields: &Fields) -> Result<Self, String> {
        let mut plan = Self { fields: Vec::new() };
        let is_envelope = schema.name.as_deref().is_some_and(|name| name.ends_with(".Envelope"));
        if is_envelope {
            for (place, field) in schema.fields().iter().enumerate() {
                if matches!(&*field.name, "before" | "after") {
                    plan.add(field.schema.fields(), fields, &mut vec![place], "")?;
                }
            }
        } else {
            plan.add(schema.fields(), fields, &mut Vec::new(), "")?;
        }
        Ok(plan)
    }

    fn add(&mut self, of: &[Field], fields: &Fields, way: &mut Vec<usize>, parent: &str) -> Result<(), String> {
        for (place, field) in of.iter().enumerate() {
            let path = if parent.is_empty() { field.name.to_string() } else { format!("{parent}.{}", field.name) };
            way.push(place);
            if fields.names(&path) {
                self.fields.push((way.clone(), masker(&path, &field.schema, fields.mode)?));
            } else {
                self.add(field.schema.fields(), fields, way, &path)?;
            }
            way.pop();
        }
        Ok(())
    }

    /// Masks a value.
    ///
    /// # Errors
    /// When it is not of its schema.
    pub(super) fn apply(&self, value: &mut Value, formats: &mut Formats) -> Result<(), String> {
        for (way, masker) in &self.fields {
            if let Some(value) = at(value, way) {
                formats.mask(*masker, value)?;
            }
        }
        Ok(())
    }
}

/// The value at the end of a way; `None`: null stands before.
fn at<'v>(mut value: &'v mut Value, way: &[usize]) -> Option<&'v mut Value> {
    for place in way {
        let Value::Struct(row) = value else { return None };
        value = row.get_mut(*place)?;
    }
    Some(value)
}

fn masker(path: &str, schema: &Schema, mode: Mode) -> Result<Masker, String> {
    Ok(match (mode, &schema.kind, schema.name.as_deref()) {
        (Mode::Hash, Kind::Text, None) => Masker::HashText,
        (Mode::Hash, Kind::Text, Some(semantic::UUID)) => Masker::HashUuid,
        (Mode::Hash, Kind::Bytes, None) => Masker::HashBytes,
        (Mode::Format, Kind::Text, None) => Masker::Text,
        (Mode::Format, Kind::Text, Some(semantic::UUID)) => Masker::Uuid,
        (Mode::Format, Kind::Int8 | Kind::Int16 | Kind::Int32 | Kind::Int64, None) => Masker::Int,
        (Mode::Format, Kind::Bytes, Some(semantic::DECIMAL)) => Masker::Decimal,
        (mode, kind, name) => {
            let what = name.map_or_else(|| format!("a {}", kind_name(kind)), str::to_owned);
            let takes = match mode {
                Mode::Hash => "hash takes text, UUIDs and bytes; mode=format takes numbers",
                Mode::Format => "format takes text, UUIDs, whole numbers and decimals",
            };
            return Err(format!(
                "field {path:?} is {what} and cannot be masked: mode={takes}. Leave it out with ReplaceField or \
                 column.exclude.list"
            ));
        }
    })
}

const fn kind_name(kind: &Kind) -> &'static str {
    match kind {
        Kind::Bool => "boolean",
        Kind::Int8 | Kind::Int16 | Kind::Int32 | Kind::Int64 => "whole number",
        Kind::Float32 | Kind::Float64 => "floating number",
        Kind::Text => "text",
        Kind::Bytes => "value of bytes",
        Kind::Array(_) => "list",
        Kind::Map(..) => "map",
        Kind::Struct(_) => "struct",
    }
}
