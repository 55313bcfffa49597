//! What is made once per envelope schema.

use std::sync::Arc;

use super::fields::{Place, Reference};
use crate::data::{Datum, Field, Kind, Row, Schema, Text, Value};

/// How rows are to be written.
#[derive(Debug)]
pub(super) struct Rows {
    /// The fields to add.
    pub(super) add: Vec<Reference>,
    /// Whether `__deleted` is added.
    pub(super) deleted: bool,
    /// Whether, where `__deleted` is added, nulls become defaults.
    pub(super) replace_null: bool,
}

/// What envelopes of one schema become.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) before: usize,
    pub(super) after: usize,
    /// The schema of the row in the envelope.
    pub(super) row: Arc<Schema>,
    /// Where the column stands in it that names the topic.
    pub(super) route: Option<usize>,
    /// The schema of the row that goes out.
    out: Arc<Schema>,
    /// Where the added fields come from.
    add: Vec<Place>,
    /// How many fields are added, `__deleted` aside.
    pub(super) added: usize,
    /// Whether `__deleted` is added.
    deleted: bool,
    /// What replaces the nulls of the row's fields, where it is to be.
    defaults: Vec<(usize, Value)>,
    /// The headers to add: name, schema, origin.
    pub(super) headers: Vec<(Arc<str>, Arc<Schema>, Place)>,
}

impl Plan {
    pub(super) fn make(
        envelope: &Schema,
        rows: &Rows,
        add_headers: &[Reference],
        route_by: Option<&str>,
    ) -> Result<Self, String> {
        let place = |name: &str| envelope.index_of(name).ok_or_else(|| format!("the envelope has no field {name:?}"));
        let (before, after) = (place("before")?, place("after")?);
        let row = Arc::clone(&envelope.fields()[after].schema);
        let mut fields = row.fields().to_vec();
        if rows.deleted {
            add_field(&mut fields, "__deleted".into(), Schema::of(Kind::Text).optional())?;
        }
        let mut add = Vec::new();
        for reference in &rows.add {
            if let Some((place, schema)) = reference.find(envelope)? {
                add_field(&mut fields, Arc::clone(&reference.new_name), schema)?;
                add.push(place);
            }
        }
        let mut headers = Vec::new();
        for reference in add_headers {
            if let Some((place, schema)) = reference.find(envelope)? {
                headers.push((Arc::clone(&reference.new_name), Arc::new(schema), place));
            }
        }
        let replace = rows.deleted && rows.replace_null;
        let default = |(place, field): (usize, &Field)| Some((place, field.schema.default.clone()?));
        let defaults = row.fields().iter().enumerate().filter_map(default).filter(|_| replace).collect();
        // The copy is required: Connect's `SchemaUtil.copySchemaBasics` leaves out whether a schema is optional.
        let out = Schema { kind: Kind::Struct(fields), optional: false, default: None, ..Schema::clone(&row) };
        let (added, deleted) = (add.len(), rows.deleted);
        let route = route_by.and_then(|column| row.index_of(column));
        Ok(Self { before, after, row, route, out: out.into(), add, added, deleted, defaults, headers })
    }

    /// What is added to the row.
    pub(super) fn added_values(&self, envelope: &[Value]) -> Vec<Value> {
        self.add.iter().map(|place| place.value_in(envelope)).collect()
    }

    /// The row with what is added to it.
    pub(super) fn unwrapped(&self, mut row: Row, deleted: bool, added: Vec<Value>) -> Datum {
        for (place, default) in &self.defaults {
            if let Some(value) = row.get_mut(*place).filter(|value| value.is_null()) {
                *value = default.clone();
            }
        }
        if self.deleted || self.added > 0 {
            let mut values = Vec::with_capacity(row.len() + usize::from(self.deleted) + self.added);
            values.extend(row);
            if self.deleted {
                values.push(Value::Text(Text::from_static(if deleted { "true" } else { "false" })));
            }
            values.extend(added);
            row = values.into();
        }
        Datum { schema: Arc::clone(&self.out), value: Value::Struct(row) }
    }
}

fn add_field(fields: &mut Vec<Field>, name: Arc<str>, schema: Schema) -> Result<(), String> {
    if fields.iter().any(|field| field.name == name) {
        return Err(format!("the row has a field {name:?} already; choose another prefix or name for the added one"));
    }
    fields.push(Field::new(name, schema));
    Ok(())
}
