//! `io.debezium.transforms.EnforceRecordSize`: where a record is too large, texts and bytes of its rows are cut, the larger
//! ones by more.
//!
//! Sizes are Debezium's estimates of what a record takes in Java's memory (`ApproximateStructSizeCalculator`), not of its
//! bytes in Kafka. Where its own transform has faults, this one has none of them: `compression.ratio` counts for what is cut
//! too, text is measured in bytes and never cut within a character, and decimals stay whole.

use std::convert::Infallible;
use std::sync::Arc;

use super::{Built, SCHEMAS_MAX, Transform, TransformError};
use crate::config::{Key, KeyKind, Properties, Reader};
use crate::data::{Datum, Field, Kind, PerSchema, Schema, Text, Value, semantic};
use crate::record::Record;

/// The options.
pub(in crate::transform) const KEYS: &[Key] = &[
    Key::new("max.bytes", KeyKind::Int, "How large a record may be, by estimate").required(),
    Key::new("compression.ratio", KeyKind::String, "What the estimate is multiplied by").default("1.0"),
    Key::new("min.field.size", KeyKind::Int, "Fields that are no larger are not cut").default("25000"),
    Key::new("strategy", KeyKind::String, "What is done about a record that is too large: truncate")
        .default("truncate")
        .one_of(&["truncate"]),
];

const PRIMITIVE: usize = 24;
const TEXT: usize = 56;
const BYTES: usize = 24;
const STRUCT: usize = 56;
const ARRAY: usize = 64;
const MAP: usize = 88;
const REFERENCE: usize = 8;
const TIMESTAMP: usize = 8;
/// A header, or an entry of the source's partition or offset.
const ENTRY: usize = 100;
/// The entries of partition and offset that there are mostly; a record does not know its own here.
const SOURCE_ENTRIES: usize = 7;

struct EnforceRecordSize {
    /// The most before the ratio.
    raw_max: usize,
    field_min: usize,
    plans: PerSchema<Vec<Rows>>,
}

/// Where something can be cut: a row of the envelope, and its columns of text and bytes.
struct Rows {
    row: usize,
    columns: Vec<usize>,
}

/// Makes one.
pub(in crate::transform) fn build(_name: &Arc<str>, options: &Properties) -> Built {
    let mut read = Reader::new(options, &[KEYS]);
    let max: Option<u32> = read.number_opt("max.bytes");
    if max == Some(0) {
        read.problem("max.bytes", Some("0".to_owned()), "must be 1 or more");
    }
    let text = read.text("compression.ratio");
    let ratio = text.parse().ok().filter(|ratio: &f64| ratio.is_finite() && *ratio > 0.0);
    if ratio.is_none() {
        read.problem("compression.ratio", Some(text), "must be a number above zero, such as 0.5");
    }
    // The only strategy is the default.
    read.choice("strategy");
    let field_min: u32 = read.number("min.field.size");
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is positive, and saturates")]
    let raw_max = (f64::from(max.unwrap_or_default()) / ratio.unwrap_or(1.0)) as usize;
    let field_min = usize::try_from(field_min).unwrap_or(usize::MAX);
    read.finish(Box::new(EnforceRecordSize { raw_max, field_min, plans: PerSchema::new(SCHEMAS_MAX) }))
}

impl Transform for EnforceRecordSize {
    fn apply(&mut self, mut record: Record) -> Result<Option<Record>, TransformError> {
        let Some(excess) = record_size(&record).checked_sub(self.raw_max).filter(|excess| *excess > 0) else {
            return Ok(Some(record));
        };
        if let Some(Datum { schema, value: Value::Struct(envelope) }) = &mut record.value {
            let Ok(plan) = self.plans.get_or_make(schema, |schema| Ok::<_, Infallible>(cuttable(schema)));
            cut(envelope, plan, self.field_min, excess);
        }
        Ok(Some(record))
    }
}

fn cuttable(envelope: &Schema) -> Vec<Rows> {
    let is_cuttable = |field: &Field| match field.schema.kind {
        Kind::Text => true,
        Kind::Bytes => field.schema.name.as_deref() != Some(semantic::DECIMAL),
        _ => false,
    };
    let rows = |name: &&str| {
        let row = envelope.index_of(name)?;
        let columns = envelope.fields().get(row)?.schema.fields().iter().enumerate();
        let columns = columns.filter(|(_, field)| is_cuttable(field)).map(|(place, _)| place).collect();
        Some(Rows { row, columns })
    };
    ["before", "after"].iter().filter_map(rows).collect()
}

/// Takes the excess from all fields that are large enough, in proportion to their sizes.
fn cut(envelope: &mut [Value], plan: &[Rows], field_min: usize, excess: usize) {
    let is_large = |size: usize| size > field_min;
    let mut total = 0;
    for Rows { row, columns } in plan {
        let Some(row) = envelope.get(*row).and_then(Value::as_struct) else { continue };
        let sizes = columns.iter().filter_map(|column| row.get(*column)).map(length);
        total += sizes.filter(|size| is_large(*size)).sum::<usize>();
    }
    for Rows { row, columns } in plan {
        let Some(Value::Struct(row)) = envelope.get_mut(*row) else { continue };
        for column in columns {
            let Some(value) = row.get_mut(*column) else { continue };
            let size = length(value);
            if is_large(size) {
                let share = (size as u128 * excess as u128).div_ceil(total.max(1) as u128);
                shorten(value, size.saturating_sub(usize::try_from(share).unwrap_or(size)));
            }
        }
    }
}

/// The bytes of a text, or of bytes.
fn length(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.as_str().len(),
        Value::Bytes(bytes) => bytes.len(),
        _ => 0,
    }
}

fn shorten(value: &mut Value, length: usize) {
    match value {
        Value::Text(text) => {
            let whole = text.as_str();
            let end = (0..=length.min(whole.len())).rev().find(|end| whole.is_char_boundary(*end)).unwrap_or_default();
            *text = Text::from(whole.get(..end).unwrap_or_default());
        }
        Value::Bytes(bytes) => bytes.truncate(length),
        _ => {}
    }
}

/// How large Debezium takes the record to be.
fn record_size(record: &Record) -> usize {
    let of = |datum: &Option<Datum>| datum.as_ref().map_or(0, |datum| size(&datum.schema, &datum.value));
    let entries = SOURCE_ENTRIES + record.headers.len();
    entries * ENTRY + TIMESTAMP + of(&record.key) + of(&record.value) + record.topic.len()
}

fn size(schema: &Schema, value: &Value) -> usize {
    match (&schema.kind, value) {
        (Kind::Struct(fields), Value::Struct(values)) => {
            let fields = fields.iter().zip(values).map(|(field, value)| REFERENCE + size(&field.schema, value));
            STRUCT + fields.sum::<usize>()
        }
        (Kind::Array(element), Value::Array(values)) => {
            ARRAY + values.iter().map(|value| REFERENCE + size(element, value)).sum::<usize>()
        }
        (Kind::Map(key, value), Value::Map(entries)) => {
            let entries = entries.iter().map(|(k, v)| 2 * REFERENCE + size(key, k) + size(value, v));
            MAP + entries.sum::<usize>()
        }
        (_, Value::Text(text)) => TEXT + text.as_str().len(),
        (_, Value::Bytes(bytes)) => BYTES + bytes.len(),
        (Kind::Text | Kind::Bytes | Kind::Struct(_) | Kind::Array(_) | Kind::Map(..), _) => 0,
        _ => PRIMITIVE,
    }
}

#[cfg(test)]
#[path = "record_size_tests.rs"]
mod tests;
