//! `io.debezium.transforms.partitions.PartitionRouting`: fields of the event say which partition it goes to.
//!
//! A field that the event does not have is left out of the sum. (Debezium's fails where a whole row is missing, `after.x`
//! of a delete, against its own documentation.)

mod hash;

use std::sync::Arc;

use super::envelope::{envelope, get, low};
use super::{Built, SCHEMAS_MAX, Transform, TransformError};
use crate::config::{Importance, Key, KeyKind, Properties, Reader};
use crate::data::{PerSchema, Schema, Value};
use crate::record::Record;
use hash::Hash;

/// The options.
pub(in crate::transform) const KEYS: &[Key] = &[
    Key::new(
        "partition.payload.fields",
        KeyKind::List,
        "Fields of the envelope; change.x is after.x, or a delete's before.x",
    )
    .required(),
    Key {
        importance: Importance::High,
        ..Key::new("partition.topic.num", KeyKind::Int, "How many partitions the topic has")
    }
    .required(),
    low("partition.hash.function", KeyKind::String, "How a number is made of them")
        .default("java")
        .one_of(&["java", "murmur"]),
];

struct PartitionRouting {
    /// The paths of the fields.
    paths: Vec<Vec<String>>,
    partitions: u32,
    hash: Hash,
    plans: PerSchema<Plan>,
}

/// Where the fields stand.
struct Plan {
    op: Option<usize>,
    /// Of events other than deletes.
    written: Vec<Place>,
    deleted: Vec<Place>,
}

/// A field: its place in the envelope, in the struct there, and so on; and its schema.
struct Place {
    steps: Vec<usize>,
    schema: Arc<Schema>,
}

/// Makes one.
pub(in crate::transform) fn build(_name: &Arc<str>, options: &Properties) -> Built {
    let mut read = Reader::new(options, &[KEYS]);
    let mut paths = Vec::new();
    for field in read.list("partition.payload.fields") {
        let path: Vec<String> = field.split('.').map(|step| step.trim().to_owned()).collect();
        if path.iter().any(String::is_empty) {
            read.problem(
                "partition.payload.fields",
                Some(field),
                "must be a path of names, such as change.customer_id",
            );
        } else {
            paths.push(path);
        }
    }
    let partitions = read.number::<u32>("partition.topic.num");
    if options.contains_key("partition.topic.num") && !(1..=i32::MAX.unsigned_abs()).contains(&partitions) {
        read.problem("partition.topic.num", Some(partitions.to_string()), "must be one at least");
    }
    let hash = if read.choice("partition.hash.function") == "murmur" { Hash::Murmur } else { Hash::Java };
    let transform: Box<dyn Transform> =
        Box::new(PartitionRouting { paths, partitions, hash, plans: PerSchema::new(SCHEMAS_MAX) });
    read.finish(transform)
}

impl Transform for PartitionRouting {
    fn apply(&mut self, mut record: Record) -> Result<Option<Record>, TransformError> {
        let Some((schema, fields)) = envelope(&mut record) else { return Ok(Some(record)) };
        let make = |schema: &Schema| Ok::<_, std::convert::Infallible>(Plan::make(schema, &self.paths));
        let Ok(plan) = self.plans.get_or_make(schema, make);
        let places = match plan.op.and_then(|op| fields.get(op)).and_then(Value::as_str) {
            // Neither has a row.
            Some("t" | "m") => return Ok(Some(record)),
            Some("d") => &plan.deleted,
            _ => &plan.written,
        };
        let mut sum: Option<i32> = None;
        for place in places {
            let value = place.value(fields);
            if !value.is_null() {
                sum = Some(sum.unwrap_or_default().wrapping_add(self.hash.of(&place.schema, &value)));
            }
        }
        if let Some(sum) = sum {
            // As there: the sign is cut off, and the largest number counts as zero.
            let sum = Some(sum & i32::MAX).filter(|sum| *sum != i32::MAX).unwrap_or_default();
            record.partition = Some((sum.unsigned_abs() % self.partitions).cast_signed());
        }
        Ok(Some(record))
    }
}

impl Plan {
    fn make(envelope: &Schema, paths: &[Vec<String>]) -> Self {
        let places = |row: &str| paths.iter().filter_map(|path| Place::find(envelope, path, row)).collect();
        Self { op: envelope.index_of("op"), written: places("after"), deleted: places("before") }
    }
}

impl Place {
    /// Where the field at that path stands; `change` within a path is the row.
    fn find(envelope: &Schema, path: &[String], row: &str) -> Option<Self> {
        let mut steps = Vec::with_capacity(path.len());
        let mut schema: Option<&Arc<Schema>> = None;
        for (number, name) in path.iter().enumerate() {
            let name = if name == "change" && number + 1 < path.len() { row } else { name };
            let within = schema.map_or(envelope, |schema| schema);
            let step = within.index_of(name)?;
            schema = Some(&within.fields().get(step)?.schema);
            steps.push(step);
        }
        Some(Self { steps, schema: Arc::clone(schema?) })
    }

    fn value(&self, envelope: &[Value]) -> Value {
        let Some((last, outer)) = self.steps.split_last() else { return Value::Null };
        let mut fields = envelope;
        for step in outer {
            let Some(within) = fields.get(*step).and_then(Value::as_struct) else { return Value::Null };
            fields = within;
        }
        get(fields, *last, &self.schema)
    }
}

#[cfg(test)]
mod tests;
