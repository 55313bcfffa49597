//! `io.debezium.transforms.ExtractNewRecordState`: the row takes the place of the envelope.
//!
//! As in Debezium 3.6.1, with the two options of versions before 3.2 beside (`drop.tombstones`, `delete.handling.mode`):
//! their files are still everywhere. What is no envelope (heartbeats, schema changes, transactions) passes unchanged.

mod drop;
mod fields;
mod plan;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::shape::SCHEMAS_MAX;
use super::topics::TopicNames;
use super::{Transform, TransformError};
use crate::config::{Importance, Key, KeyKind, Properties, Reader};
use crate::data::{Datum, Kind, PerSchema, Row, Schema, Text, Value};
use crate::record::{Header, Record};
use drop::Dropping;
use fields::Reference;
use plan::{Plan, Rows};

const MODES: &[&str] = &["drop", "tombstone", "rewrite", "rewrite-with-tombstone", "delete-to-tombstone"];

/// The options.
pub(super) const KEYS: &[Key] = &[
    Key::new("delete.tombstone.handling.mode", KeyKind::String, "What becomes of deletes and of their tombstones")
        .default("tombstone")
        .one_of(MODES),
    Key::new("add.fields", KeyKind::List, "Fields of the envelope, its source or its transaction to add to the row"),
    Key::new("add.fields.prefix", KeyKind::String, "What the names of added fields begin with").default("__"),
    Key::new("add.headers", KeyKind::List, "Fields of the envelope, its source or its transaction to add as headers"),
    Key::new("add.headers.prefix", KeyKind::String, "What the names of added headers begin with").default("__"),
    low("route.by.field", KeyKind::String, "The column whose value becomes the topic"),
    low("drop.fields.header.name", KeyKind::String, "The header that lists fields to leave out"),
    low("drop.fields.from.key", KeyKind::Boolean, "Whether they are left out of the key too").default("false"),
    low("drop.fields.keep.schema.compatible", KeyKind::Boolean, "Whether only optional fields may be left out")
        .default("true"),
    low("replace.null.with.default", KeyKind::Boolean, "Whether a rewritten null becomes the default of its field")
        .default("true"),
    low("drop.tombstones", KeyKind::Boolean, "The name before Debezium 3.2; see delete.tombstone.handling.mode"),
    low("delete.handling.mode", KeyKind::String, "The name before Debezium 3.2; see delete.tombstone.handling.mode")
        .one_of(&["drop", "rewrite", "none"]),
];

const fn low(name: &'static str, kind: KeyKind, doc: &'static str) -> Key {
    Key { importance: Importance::Low, ..Key::new(name, kind, doc) }
}

/// What becomes of a delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deletes {
    /// Nothing.
    Drop,
    /// A null that keeps the row's schema.
    Null,
    /// A tombstone.
    Tombstone,
    /// The old row, with `__deleted`.
    Rewrite,
}

/// The transform.
pub(super) struct Unwrap {
    /// Its name in the connector file.
    name: Arc<str>,
    deletes: Deletes,
    /// Whether incoming tombstones pass.
    tombstones: bool,
    rows: Rows,
    add_headers: Vec<Reference>,
    route_by: Option<String>,
    dropping: Option<Dropping>,
    plans: PerSchema<Plan>,
    /// That columns name.
    topics: TopicNames,
    text: Arc<Schema>,
}

/// Makes one.
pub(super) fn build(name: &Arc<str>, options: &Properties) -> super::Built {
    let mut read = Reader::new(options, &[KEYS]);
    let (deletes, tombstones) = deletes(&mut read, options);
    let rows = Rows {
        add: references(&mut read, options, "add.fields", "add.fields.prefix"),
        deleted: deletes == Deletes::Rewrite,
        replace_null: read.flag("replace.null.with.default"),
    };
    let add_headers = references(&mut read, options, "add.headers", "add.headers.prefix");
    let from_key = read.flag("drop.fields.from.key");
    let keep_compatible = read.flag("drop.fields.keep.schema.compatible");
    let header = read.text_opt("drop.fields.header.name");
    let unwrap = Unwrap {
        name: Arc::clone(name),
        deletes,
        tombstones,
        rows,
        add_headers,
        route_by: read.text_opt("route.by.field"),
        dropping: header.map(|header| Dropping::new(header, from_key, keep_compatible)),
        plans: PerSchema::new(SCHEMAS_MAX),
        topics: TopicNames::default(),
        text: Arc::new(Schema::of(Kind::Text)),
    };
    let unwrap: Box<dyn Transform> = Box::new(unwrap);
    read.finish(unwrap)
}

/// What becomes of deletes, and whether tombstones pass. The new option counts where both are given, as in Debezium 2.7.
fn deletes(read: &mut Reader<'_>, options: &Properties) -> (Deletes, bool) {
    let is_set = |key: &str| options.get(key).is_some_and(|value| !value.trim().is_empty());
    let legacy = is_set("drop.tombstones") || is_set("delete.handling.mode");
    if legacy && !is_set("delete.tombstone.handling.mode") {
        let tombstones = is_set("drop.tombstones") && !read.flag("drop.tombstones");
        return match (read.choice("delete.handling.mode").as_str(), tombstones) {
            ("none", tombstones) => (Deletes::Null, tombstones),
            ("rewrite", tombstones) => (Deletes::Rewrite, tombstones),
            (_, tombstones) => (Deletes::Drop, tombstones),
        };
    }
    match read.choice("delete.tombstone.handling.mode").as_str() {
        "drop" => (Deletes::Drop, false),
        "delete-to-tombstone" => (Deletes::Tombstone, false),
        "rewrite" => (Deletes::Rewrite, false),
        "rewrite-with-tombstone" => (Deletes::Rewrite, true),
        _ => (Deletes::Null, false),
    }
}

/// The fields of a list, `field`, `struct.field` or `field:NEW_NAME`. An empty prefix is a prefix.
fn references(
    read: &mut Reader<'_>,
    options: &Properties,
    list: &'static str,
    prefix_key: &'static str,
) -> Vec<Reference> {
    let prefix = options.get(prefix_key).map_or("__", String::as_str);
    let mut references = Vec::new();
    for field in read.list(list) {
        match Reference::parse(prefix, &field) {
            Some(reference) => references.push(reference),
            None => read.problem(list, Some(field), "must be a field, struct.field, or one of these with :NEW_NAME"),
        }
    }
    references
}

impl Transform for Unwrap {
    fn apply(&mut self, mut record: Record) -> Result<Option<Record>, TransformError> {
        let Some(value) = record.value.take().filter(|value| !value.value.is_null()) else {
            // Debezium takes a null with a schema for a tombstone too.
            self.add_tombstone_headers(&mut record);
            return Ok(self.tombstones.then_some(record));
        };
        if !value.schema.name.as_deref().is_some_and(|name| name.ends_with(".Envelope")) {
            record.value = Some(value);
            return Ok(Some(record));
        }
        let plan = self
            .plans
            .get_or_make(&value.schema, |schema| {
                Plan::make(schema, &self.rows, &self.add_headers, self.route_by.as_deref())
            })
            .map_err(|reason| unsuitable(&self.name, &record, reason))?;
        let Value::Struct(mut envelope) = value.value else {
            return Err(unsuitable(&self.name, &record, "the envelope is no struct".to_owned()));
        };
        for (name, schema, place) in &plan.headers {
            let value = Datum { schema: Arc::clone(schema), value: place.value_in(&envelope) };
            record.headers.push(Header { name: Arc::clone(name), value });
        }
        // Before the rows are taken: a reference may be to a column of theirs.
        let added = plan.added_values(&envelope);
        let after = take(&mut envelope, plan.after);
        let deleted = after.is_none();
        // A truncate has neither a row before nor one after.
        let Some(row) = after.or_else(|| take(&mut envelope, plan.before)) else { return Ok(None) };
        if let Some(column) = &self.route_by {
            let topic = topic(&self.name, plan, column, &row, &record)?;
            if let Some(topic) = topic {
                record.topic = self.topics.of(topic.as_str());
            }
        }
        match (deleted, self.deletes) {
            (true, Deletes::Drop) => return Ok(None),
            (true, Deletes::Tombstone) => record.value = None,
            (true, Deletes::Null) => {
                record.value = Some(Datum { schema: Arc::clone(&plan.row), value: Value::Null });
            }
            (true, Deletes::Rewrite) | (false, _) => {
                record.value = Some(plan.unwrapped(row, deleted, added));
            }
        }
        if let Some(dropping) = &mut self.dropping {
            // Debezium adds fields to the row of a delete after it has dropped, so those stay.
            let kept_last = if deleted { plan.added } else { 0 };
            dropping.apply(&mut record, kept_last).map_err(|reason| unsuitable(&self.name, &record, reason))?;
        }
        Ok(Some(record))
    }
}

impl Unwrap {
    /// A tombstone has no envelope, but it is known to be a delete.
    fn add_tombstone_headers(&self, record: &mut Record) {
        for reference in self.add_headers.iter().filter(|reference| reference.is_op()) {
            let value = Datum { schema: Arc::clone(&self.text), value: Value::text("d") };
            record.headers.push(Header { name: Arc::clone(&reference.new_name), value });
        }
    }
}

/// Takes a row out of an envelope; `None`: it is null.
fn take(envelope: &mut [Value], place: usize) -> Option<Row> {
    match envelope.get_mut(place).map(std::mem::take) {
        Some(Value::Struct(row)) => Some(row),
        _ => None,
    }
}

/// The topic that the record's column names; `None`: it stays where it is, because that is null or blank.
fn topic<'r>(
    name: &Arc<str>,
    plan: &Plan,
    column: &str,
    row: &'r [Value],
    record: &Record,
) -> Result<Option<&'r Text>, TransformError> {
    let place = plan.route.ok_or_else(|| TransformError::missing(name, &record.topic, column))?;
    match row.get(place) {
        Some(Value::Text(topic)) => Ok(Some(topic).filter(|topic| !topic.as_str().trim().is_empty())),
        Some(Value::Null) | None => Ok(None),
        Some(_) => Err(unsuitable(name, record, format!("field {column:?} is no text, so no topic"))),
    }
}

fn unsuitable(name: &Arc<str>, record: &Record, reason: String) -> TransformError {
    TransformError::unsuitable(name, &record.topic, reason)
}
