//! Fields that a header of the record lists are left out (`drop.fields.*`).

use std::sync::Arc;

use crate::data::{Datum, Field, Kind, Row, Schema, Value};
use crate::record::Record;

/// How many shapes are kept prepared: one per schema and list.
const SHAPES_MAX: usize = 64;

/// Leaves fields out of records.
#[derive(Debug)]
pub(super) struct Dropping {
    header: String,
    from_key: bool,
    keep_compatible: bool,
    shapes: Vec<Shape>,
}

/// A schema without some of its fields.
#[derive(Debug)]
struct Shape {
    schema: Arc<Schema>,
    names: Box<[Value]>,
    kept_last: usize,
    out: Arc<Schema>,
    /// Which fields stay, and what replaces their nulls.
    kept: Vec<(usize, Option<Value>)>,
}

impl Dropping {
    pub(super) fn new(header: String, from_key: bool, keep_compatible: bool) -> Self {
        Self { header, from_key, keep_compatible, shapes: Vec::new() }
    }

    /// Leaves out what the record's header lists, but none of the value's last `kept_last` fields.
    pub(super) fn apply(&mut self, record: &mut Record, kept_last: usize) -> Result<(), String> {
        let Some(header) = record.headers.iter().find(|header| *header.name == *self.header) else { return Ok(()) };
        let names = match &header.value.value {
            Value::Null => return Ok(()),
            Value::Array(names) if names.is_empty() => return Ok(()),
            Value::Array(names) => names.clone(),
            _ => return Err(format!("header {:?} is no list of fields", self.header)),
        };
        if self.from_key {
            self.drop_from(&mut record.key, &names, 0);
        }
        self.drop_from(&mut record.value, &names, kept_last);
        Ok(())
    }

    fn drop_from(&mut self, datum: &mut Option<Datum>, names: &[Value], kept_last: usize) {
        let Some(Datum { schema, value: Value::Struct(row) }) = datum else { return };
        let shape = self.shape(schema, names, kept_last);
        if shape.kept.len() == row.len() {
            return;
        }
        let mut stays = |(place, default): &(usize, Option<Value>)| match row.get_mut(*place).map(std::mem::take) {
            Some(Value::Null) | None => default.clone().unwrap_or_default(),
            Some(value) => value,
        };
        let kept: Row = shape.kept.iter().map(&mut stays).collect();
        *datum = Some(Datum { schema: Arc::clone(&shape.out), value: Value::Struct(kept) });
    }

    fn shape(&mut self, schema: &Arc<Schema>, names: &[Value], kept_last: usize) -> &Shape {
        let same = |shape: &Shape| {
            Arc::ptr_eq(&shape.schema, schema) && *shape.names == *names && shape.kept_last == kept_last
        };
        let place = self.shapes.iter().position(same).unwrap_or_else(|| {
            if self.shapes.len() >= SHAPES_MAX {
                self.shapes.clear();
            }
            self.shapes.push(self.make(schema, names, kept_last));
            self.shapes.len() - 1
        });
        &self.shapes[place]
    }

    fn make(&self, schema: &Arc<Schema>, names: &[Value], kept_last: usize) -> Shape {
        let fields = schema.fields();
        let is_listed = |field: &Field| names.iter().any(|name| name.as_str() == Some(&*field.name));
        let stays = |(place, field): &(usize, &Field)| {
            let droppable = field.schema.optional || !self.keep_compatible;
            place + kept_last >= fields.len() || !droppable || !is_listed(field)
        };
        let kept: Vec<(usize, &Field)> = fields.iter().enumerate().filter(stays).collect();
        let kind = Kind::Struct(kept.iter().map(|(_, field)| Field::clone(field)).collect());
        // As `ReplaceField` does it: the copy is required, and its nulls become defaults.
        let out = Schema { kind, optional: false, default: None, ..Schema::clone(schema) };
        Shape {
            schema: Arc::clone(schema),
            names: names.into(),
            kept_last,
            out: out.into(),
            kept: kept.into_iter().map(|(place, field)| (place, field.schema.default.clone())).collect(),
        }
    }
}
