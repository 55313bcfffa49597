//! From what a source knows of a table's columns to its schemas, and to what is done to each of its rows.

use std::sync::Arc;

use tracing::warn;

use super::mask::Masker;
use super::{Change, Chosen, ColumnRules};
use crate::data::{Field, Kind, Row, Schema, Text, Value};
use crate::event::{Key, Table};
use crate::source::SourceError;
use crate::source::table::{self, Identity};

/// What a source knows of a column.
#[derive(Clone, Debug)]
pub struct ColumnFacts {
    /// Its name.
    pub name: Arc<str>,
    /// The schema of its values, as it is without any rule.
    pub schema: Schema,
    /// Its type, as Debezium names it.
    pub type_name: String,
    /// Its length, as Debezium tells it: characters, digits, or what the driver says of the type.
    pub length: Option<i32>,
    /// Its digits behind the point, as Debezium tells them.
    pub scale: Option<i32>,
    /// Its comment.
    pub comment: Option<String>,
    /// Whether its type is one of text for JDBC (`CHAR`, `VARCHAR`, `CLOB`, …): masks are for these only.
    pub is_character: bool,
}

/// A table, and what is done to its rows.
#[derive(Debug)]
pub struct Layout {
    /// The shared part of the table's events.
    pub table: Arc<Table>,
    /// What is done to each row.
    pub projection: Projection,
}

/// From the decoded values of a row to the row of the event.
///
/// Behind the values that are emitted the row holds those of the key that are not, or that are not as they were; what
/// makes the record cuts them off.
#[derive(Clone, Debug, Default)]
pub struct Projection {
    /// How many values are emitted.
    width: usize,
    /// Decoded values that are not emitted.
    hidden: Vec<usize>,
    /// Decoded values that the key has as they are.
    kept: Vec<usize>,
    /// What only the key has, and is the same for each row.
    tag: Option<Value>,
    /// Decoded values that are changed.
    masks: Vec<(usize, Masker)>,
    skip_unchanged: bool,
}

impl Projection {
    /// The row of the event; `decoded` are the values of the columns that are needed, in the table's order.
    #[must_use]
    pub fn row(&self, mut decoded: Vec<Value>) -> Row {
        let kept: Vec<Value> = self.kept.iter().filter_map(|&column| decoded.get(column).cloned()).collect();
        for (column, masker) in &self.masks {
            if let Some(value) = decoded.get_mut(*column) {
                masker.apply(value);
            }
        }
        if !self.hidden.is_empty() {
            let mut column = 0..;
            decoded.retain(|_| column.next().is_none_or(|column: usize| !self.hidden.contains(&column)));
        }
        decoded.extend(kept);
        decoded.extend(self.tag.clone());
        decoded.into_boxed_slice()
    }

    /// Whether the update is to be left out: `skip.messages.without.change`, and nothing that is emitted has changed.
    #[must_use]
    pub fn skips_update(&self, before: Option<&Row>, after: Option<&Row>) -> bool {
        self.skip_unchanged
            && before.zip(after).is_some_and(|(before, after)| before.get(..self.width) == after.get(..self.width))
    }
}

impl ColumnRules {
    /// The schemas of a table, and what is done to its rows. `columns` are as many as were chosen from; those that are not
    /// needed, or that have no value, are `None`.
    ///
    /// # Errors
    /// [`SourceError::NameCollision`]
    pub fn layout(
        &self,
        table: Identity<'_>,
        chosen: &Chosen,
        columns: &[Option<ColumnFacts>],
    ) -> Result<Layout, SourceError> {
        let decoded: Vec<(usize, &ColumnFacts)> =
            columns.iter().enumerate().filter_map(|(column, facts)| Some((column, facts.as_ref()?))).collect();
        let mut projection = Projection { skip_unchanged: self.skip_unchanged, ..Projection::default() };
        let mut fields = Vec::with_capacity(decoded.len());
        // By decoded value: where it is in the row as it was decoded.
        let mut places = Vec::with_capacity(decoded.len());
        for (place, (column, facts)) in decoded.iter().enumerate() {
            if !chosen.emitted.get(*column).copied().unwrap_or(false) {
                projection.hidden.push(place);
                places.push(None);
                continue;
            }
            let (schema, masker) = self.value(table.id, facts);
            places.push(masker.is_none().then_some(fields.len()));
            projection.masks.extend(masker.map(|masker| (place, masker)));
            fields.push(Field::new(&*self.field_names.field(&facts.name), schema));
        }
        projection.width = fields.len();
        let mut key = Vec::new();
        for column in &chosen.key {
            let Some(place) = decoded.iter().position(|(decoded, _)| decoded == column) else { continue };
            let (Some(at), Some((_, facts))) = (places.get(place), decoded.get(place)) else { continue };
            let at = at.unwrap_or_else(|| {
                projection.kept.push(place);
                projection.width + projection.kept.len() - 1
            });
            key.push((at, Field::new(&*self.field_names.field(&facts.name), facts.schema.clone())));
        }
        let emitted = decoded.iter().filter(|(column, _)| chosen.emitted.get(*column) == Some(&true));
        unique(table.id, &fields, emitted.map(|(_, facts)| &*facts.name))?;
        let (mut key, mut key_fields): (Vec<usize>, Vec<Field>) = key.into_iter().unzip();
        let key_names = chosen.key.iter().filter_map(|column| columns.get(*column)?.as_ref());
        unique(table.id, &key_fields, key_names.map(|facts| &*facts.name))?;
        if let Some((name, value)) = table.tag {
            key.push(projection.width + projection.kept.len());
            key_fields.push(Field::new(&**name, Schema::of(Kind::Text)));
            projection.tag = Some(Value::Text(value.clone()));
        }
        let key = (!key.is_empty()).then(|| Key {
            columns: key,
            schema: Arc::new(Schema::structure(
                &*self.schema_names.schema(&format!("{}.Key", table.topic)),
                key_fields,
            )),
        });
        let table = Arc::new(table::table(table, fields, key, self.schema_names));
        Ok(Layout { table, projection })
    }

    /// The schema of a column in the row, and what is done to its values.
    fn value(&self, table: &str, facts: &ColumnFacts) -> (Schema, Option<Masker>) {
        let name = format!("{table}.{}", facts.name);
        let schema = facts.schema.clone();
        let text = schema.kind == Kind::Text;
        let Some(change) = self.change(&name) else { return (self.propagated(&name, table, facts), None) };
        let length = facts.length.and_then(|length| usize::try_from(length).ok());
        let masker = match change {
            Change::Truncate(longest) if length.is_some_and(|length| length <= *longest) => return (schema, None),
            Change::Truncate(longest) => {
                let schema = schema.parameter("truncateLength", longest.to_string());
                // Bytes with a meaning (decimals, bits) are no bytes to Debezium here.
                let cut = text || (schema.kind == Kind::Bytes && schema.name.is_none());
                return (schema, cut.then_some(Masker::Truncate(*longest)));
            }
            Change::Mask(asterisks) => Masker::Constant(Text::from("*".repeat(*asterisks))),
            Change::Hash(hash) => Masker::Hash(hash.clone(), length.filter(|length| *length > 0)),
        };
        let masked = facts.is_character && text;
        if !masked {
            warn!(
                column = name,
                kind = facts.type_name,
                "a mask names a column that is no text; its values are not masked"
            );
        }
        (schema.parameter("masked", "true"), masked.then_some(masker))
    }

    /// The schema of a column that no rule changes: with its type's parameters, if asked for.
    fn propagated(&self, name: &str, table: &str, facts: &ColumnFacts) -> Schema {
        let schema = facts.schema.clone();
        let by_type = || self.propagated_types.matches(&format!("{table}.{}", facts.type_name));
        if !self.propagated.matches(name) && (self.propagated_types.is_empty() || !by_type()) {
            return schema;
        }
        let number = |number: Option<i32>| number.map(|number| number.to_string());
        let told = [
            ("type", Some(facts.type_name.to_uppercase())),
            ("length", number(facts.length)),
            ("scale", number(facts.scale)),
            ("comment", facts.comment.clone().filter(|comment| !comment.is_empty())),
            ("name", Some((*facts.name).to_owned())),
        ];
        told.into_iter().fold(schema, |schema, (what, value)| match value {
            Some(value) => schema.parameter(format!("__debezium.source.column.{what}"), value),
            None => schema,
        })
    }
}

/// Checks that no two columns became the same field; `columns` are the names of the fields' columns.
fn unique<'a>(table: &str, fields: &[Field], columns: impl Iterator<Item = &'a str>) -> Result<(), SourceError> {
    let mut seen: Vec<(&str, &str)> = Vec::with_capacity(fields.len());
    for (field, column) in fields.iter().zip(columns) {
        if let Some((_, first)) = seen.iter().find(|(name, _)| *name == &*field.name) {
            return Err(SourceError::NameCollision {
                table: table.to_owned(),
                first: (*first).to_owned(),
                second: column.to_owned(),
                field: field.name.to_string(),
            });
        }
        seen.push((&field.name, column));
    }
    Ok(())
}
