//! `MaskField`: fields become empty, or a replacement.

use std::sync::Arc;

use crate::config::{Importance, Key, KeyKind, Properties, Reader};
use crate::data::{Kind, Schema, Text, Value, number, semantic};
use crate::record::Record;
use crate::transform::Built;
use crate::transform::decimal::Decimal;
use crate::transform::shape::{Defaults, Nulls, REPLACE_NULL, Refusal, Reshape, Reshaper, Side};
use crate::transform::shape::{fields_of, row_of};

/// The options.
pub(in crate::transform) const KEYS: &[Key] = &[
    Key::new("fields", KeyKind::List, "The fields to mask").required(),
    Key {
        importance: Importance::Low,
        ..Key::new("replacement", KeyKind::String, "What numbers and text become, instead of zero and nothing")
    },
    REPLACE_NULL,
];

struct MaskField {
    fields: Vec<String>,
    replacement: Option<String>,
    replace_null: bool,
}

/// What is prepared: of each masked field the mask, or why there is none.
pub(in crate::transform) struct Plan {
    masks: Vec<(usize, Result<Value, String>)>,
    defaults: Defaults,
}

/// Makes one.
pub(in crate::transform) fn build(name: &Arc<str>, options: &Properties, side: Side) -> Built {
    let mut read = Reader::new(options, &[KEYS]);
    let fields = read.list("fields");
    let replacement = read.maybe_empty_opt("replacement");
    if replacement.as_ref().is_some_and(String::is_empty) {
        read.problem("replacement", None, "is empty; without it text becomes empty and numbers zero");
    }
    let replace_null = read.flag(REPLACE_NULL.name);
    read.finish(Reshaper::boxed(name, side, MaskField { fields, replacement, replace_null }))
}

impl Reshape for MaskField {
    type Plan = Plan;
    const NULLS: Nulls = Nulls::Refuse;

    fn plan(&self, schema: &Arc<Schema>) -> Result<(Arc<Schema>, Plan), Refusal> {
        let fields = fields_of(schema)?;
        let masked =
            fields.iter().enumerate().filter(|(_, field)| self.fields.iter().any(|name| **name == *field.name));
        let mask = |schema: &Schema| match &self.replacement {
            Some(replacement) => replaced(schema, replacement),
            None => emptied(schema),
        };
        let masks = masked.map(|(place, field)| {
            (place, mask(&field.schema).map_err(|reason| format!("field {:?}: {reason}", field.name)))
        });
        let plan = Plan { masks: masks.collect(), defaults: Defaults::of(fields, self.replace_null) };
        Ok((Arc::clone(schema), plan))
    }

    fn reshape(&self, plan: &Plan, value: Value, _record: &mut Record) -> Result<Value, Refusal> {
        let mut row = row_of(value)?;
        plan.defaults.fill(&mut row);
        for (place, mask) in &plan.masks {
            if let Some(value) = row.get_mut(*place).filter(|value| !value.is_null()) {
                *value = mask.clone()?;
            }
        }
        Ok(Value::Struct(row))
    }
}

/// What stands for nothing.
fn emptied(schema: &Schema) -> Result<Value, String> {
    Ok(match &schema.kind {
        Kind::Bool => Value::Bool(false),
        Kind::Int8 => Value::Int8(0),
        Kind::Int16 => Value::Int16(0),
        Kind::Int32 => Value::Int32(0),
        Kind::Int64 => Value::Int64(0),
        Kind::Float32 => Value::Float32(0.0),
        Kind::Float64 => Value::Float64(0.0),
        Kind::Text => Value::Text(Text::from_static("")),
        // Connect's zero has the scale 0, which fails when it is written with another; this one has the field's.
        Kind::Bytes if number::decimal_scale(schema).is_some() => Value::Bytes(bytes::Bytes::from_static(&[0])),
        Kind::Array(_) => Value::Array(Box::default()),
        Kind::Map(..) => Value::Map(Box::default()),
        kind => return Err(format!("{} has no masked form; leave it out with ReplaceField", kind.name())),
    })
}

/// The replacement as a value of that schema. Integers are cut from decimals as `Values.convertToLong` cuts them.
#[expect(clippy::cast_possible_truncation, reason = "as Java's casts")]
fn replaced(schema: &Schema, replacement: &str) -> Result<Value, String> {
    let name = schema.name.as_deref();
    let is_time = matches!(name, Some(semantic::CONNECT_DATE | semantic::CONNECT_TIME | semantic::CONNECT_TIMESTAMP));
    if schema.kind == Kind::Text {
        return Ok(Value::Text(Text::interned(replacement)));
    }
    let scale = number::decimal_scale(schema);
    let is_number =
        matches!(schema.kind, Kind::Int8 | Kind::Int16 | Kind::Int32 | Kind::Int64 | Kind::Float32 | Kind::Float64);
    if is_time || !(is_number || scale.is_some()) {
        let what = if is_time { name.unwrap_or_default() } else { schema.kind.name() };
        return Err(format!("{what} cannot be masked with a replacement; mask it without one"));
    }
    let number = Decimal::parse(replacement).ok_or_else(|| format!("the replacement {replacement:?} is no number"))?;
    let whole = number.to_i64();
    Ok(match (&schema.kind, scale) {
        (Kind::Int8, _) => Value::Int8(whole as i8),
        (Kind::Int16, _) => Value::Int16(whole as i16),
        (Kind::Int32, _) => Value::Int32(whole as i32),
        (Kind::Int64, _) => Value::Int64(whole),
        (Kind::Float32, _) => Value::Float32(number.to_float::<f64>() as f32),
        (Kind::Float64, _) => Value::Float64(number.to_float()),
        (_, scale) => {
            let scale = scale.unwrap_or_default();
            let fits = number.rescaled(scale);
            Decimal::to_value(
                &fits.ok_or_else(|| format!("the replacement {replacement:?} does not fit scale {scale}"))?,
            )
        }
    })
}
