//! `Cast`: other types for fields, or for the whole key or value, by Java's rules for its numbers.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::config::{Key, KeyKind, Properties, Reader};
use crate::data::{Field, Kind, Schema, Value, number, semantic};
use crate::record::Record;
use crate::transform::Built;
use crate::transform::date_format::iso_text;
use crate::transform::decimal::Decimal;
use crate::transform::shape::{Defaults, Nulls, REPLACE_NULL, Refusal, Reshape, Reshaper, Side};
use crate::transform::shape::{copy_basics, fields_of, row_of, with_fields};

/// The options.
pub(in crate::transform) const KEYS: &[Key] = &[
    Key::new("spec", KeyKind::List, "field:type,field:type, or one type for the whole key or value").required(),
    REPLACE_NULL,
];

const TYPES: &str = "int8, int16, int32, int64, float32, float64, boolean, string";

struct Cast {
    /// The type of the whole.
    whole: Option<Kind>,
    /// The types of fields.
    fields: Vec<(String, Kind)>,
    replace_null: bool,
}

/// What is prepared.
pub(in crate::transform) enum Plan {
    Whole(Meaning, Kind),
    Fields(Vec<FieldCast>, Defaults),
}

/// The cast of a field.
pub(in crate::transform) struct FieldCast {
    place: usize,
    name: Arc<str>,
    meaning: Meaning,
    kind: Kind,
}

/// What a value means, beside being of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::transform) enum Meaning {
    Plain,
    Date,
    /// Connect's `Time` or `Timestamp`: milliseconds.
    Instant,
    /// Connect's `Decimal` of that scale.
    Decimal(i32),
}

/// Makes one.
pub(in crate::transform) fn build(name: &Arc<str>, options: &Properties, side: Side) -> Built {
    let mut read = Reader::new(options, &[KEYS]);
    let mut cast = Cast { whole: None, fields: Vec::new(), replace_null: read.flag(REPLACE_NULL.name) };
    let spec = read.list("spec");
    for entry in &spec {
        let (field, kind) = match entry.split_once(':') {
            Some((field, kind)) => (Some(field.trim()), kind),
            None => (None, entry.as_str()),
        };
        match (field, kind_of(kind)) {
            (Some(field), Ok(kind)) => cast.fields.push((field.to_owned(), kind)),
            (None, Ok(_)) if spec.len() > 1 => {
                let reason = "is a type without a field, which is for the whole and must stand alone; write field:type";
                read.problem("spec", Some(entry.clone()), reason);
            }
            (None, Ok(kind)) => cast.whole = Some(kind),
            (_, Err(reason)) => read.problem("spec", Some(entry.clone()), &reason),
        }
    }
    read.finish(Reshaper::boxed(name, side, cast))
}

/// The type of that name, if something can be cast to it.
fn kind_of(name: &str) -> Result<Kind, String> {
    Ok(match name.trim().to_ascii_lowercase().as_str() {
        "int8" => Kind::Int8,
        "int16" => Kind::Int16,
        "int32" => Kind::Int32,
        "int64" => Kind::Int64,
        "float32" => Kind::Float32,
        "float64" => Kind::Float64,
        "boolean" => Kind::Bool,
        "string" => Kind::Text,
        known @ ("bytes" | "array" | "map" | "struct") => {
            return Err(format!("nothing can be cast to {known}; the types are {TYPES}"));
        }
        unknown => return Err(format!("{unknown:?} is no type; the types are {TYPES}")),
    })
}

impl Reshape for Cast {
    type Plan = Plan;
    const NULLS: Nulls = Nulls::Pass;

    fn plan(&self, schema: &Arc<Schema>) -> Result<(Arc<Schema>, Plan), Refusal> {
        if let Some(kind) = &self.whole {
            let meaning = meaning_of(schema)?;
            let basics = copy_basics(schema, kind.clone());
            let default = cast_default(schema, meaning, kind)?;
            let out = Schema { optional: schema.optional, default, ..basics };
            return Ok((out.into(), Plan::Whole(meaning, kind.clone())));
        }
        let fields = fields_of(schema)?;
        let mut casts = Vec::new();
        let mut out = fields.to_vec();
        for (place, field) in fields.iter().enumerate() {
            // Of a field that is listed twice the last type counts.
            let Some((_, kind)) = self.fields.iter().rev().find(|(name, _)| **name == *field.name) else { continue };
            let within = |reason: String| format!("field {:?}: {reason}", field.name);
            let meaning = meaning_of(&field.schema).map_err(within)?;
            let default = cast_default(&field.schema, meaning, kind).map_err(within)?;
            let cast = Schema { optional: field.schema.optional, default, ..Schema::of(kind.clone()) };
            out[place] = Field::new(Arc::clone(&field.name), cast);
            casts.push(FieldCast { place, name: Arc::clone(&field.name), meaning, kind: kind.clone() });
        }
        let plan = Plan::Fields(casts, Defaults::of(fields, self.replace_null));
        let default = match &schema.default {
            Some(default) if !default.is_null() => Some(apply(&plan, default.clone())?),
            _ => None,
        };
        let out = Schema { optional: schema.optional, default, ..Schema::clone(&*with_fields(schema, out)?) };
        Ok((out.into(), plan))
    }

    fn reshape(&self, plan: &Plan, value: Value, _record: &mut Record) -> Result<Value, Refusal> {
        apply(plan, value)
    }
}

fn apply(plan: &Plan, value: Value) -> Result<Value, Refusal> {
    match plan {
        Plan::Whole(meaning, kind) => Ok(cast(&value, *meaning, kind)?),
        Plan::Fields(casts, defaults) => {
            let mut row = row_of(value)?;
            defaults.fill(&mut row);
            for FieldCast { place, name, meaning, kind } in casts {
                if let Some(value) = row.get_mut(*place).filter(|value| !value.is_null()) {
                    *value = cast(value, *meaning, kind).map_err(|reason| format!("field {name:?}: {reason}"))?;
                }
            }
            Ok(Value::Struct(row))
        }
    }
}

/// What values of a schema mean, if they can be cast.
fn meaning_of(schema: &Schema) -> Result<Meaning, String> {
    if let Kind::Array(_) | Kind::Map(..) | Kind::Struct(_) = schema.kind {
        return Err(format!("{} cannot be cast", schema.kind.name()));
    }
    Ok(match schema.name.as_deref() {
        Some(semantic::CONNECT_DATE) => Meaning::Date,
        Some(semantic::CONNECT_TIME | semantic::CONNECT_TIMESTAMP) => Meaning::Instant,
        _ => number::decimal_scale(schema).map_or(Meaning::Plain, Meaning::Decimal),
    })
}

fn cast_default(schema: &Schema, meaning: Meaning, kind: &Kind) -> Result<Option<Value>, String> {
    let default = schema.default.as_ref().filter(|default| !default.is_null());
    default.map(|default| cast(default, meaning, kind)).transpose()
}

/// The value as one of that kind.
fn cast(value: &Value, meaning: Meaning, kind: &Kind) -> Result<Value, String> {
    if value.is_null() {
        return Ok(Value::Null);
    }
    if *kind == Kind::Text {
        return to_text(value, meaning);
    }
    match (value, meaning) {
        (Value::Text(text), _) => {
            from_text(text.as_str(), kind).ok_or_else(|| format!("the text is no {} in its range", kind.name()))
        }
        (Value::Bytes(bytes), Meaning::Decimal(scale)) => {
            let decimal = Decimal::from_bytes(bytes, scale);
            Ok(match kind {
                Kind::Float32 => Value::Float32(decimal.to_float()),
                Kind::Float64 => Value::Float64(decimal.to_float()),
                _ => from_integer(decimal.to_i64(), kind),
            })
        }
        (Value::Bool(flag), _) => Ok(from_integer(i64::from(*flag), kind)),
        (Value::Int8(number), _) => Ok(from_integer((*number).into(), kind)),
        (Value::Int16(number), _) => Ok(from_integer((*number).into(), kind)),
        (Value::Int32(number), _) => Ok(from_integer((*number).into(), kind)),
        (Value::Int64(number), _) => Ok(from_integer(*number, kind)),
        (Value::Float32(number), _) => Ok(match kind {
            Kind::Float32 => Value::Float32(*number),
            _ => from_float((*number).into(), kind),
        }),
        (Value::Float64(number), _) => Ok(from_float(*number, kind)),
        _ => Err(format!("BYTES can be cast to string only, not to {}", kind.name())),
    }
}

/// Java's conversions of a `long`, which keep the lowest bits.
#[expect(clippy::cast_possible_truncation, reason = "as Java's casts")]
fn from_integer(number: i64, kind: &Kind) -> Value {
    match kind {
        Kind::Int8 => Value::Int8(number as i8),
        Kind::Int16 => Value::Int16(number as i16),
        Kind::Int32 => Value::Int32(number as i32),
        Kind::Float32 => Value::Float32(number as f32),
        Kind::Float64 => Value::Float64(number as f64),
        Kind::Bool => Value::Bool(number != 0),
        _ => Value::Int64(number),
    }
}

/// Java's conversions of a `double`: towards zero, no further than the ends of int and long; smaller types are cut from int.
#[expect(clippy::cast_possible_truncation, reason = "as Java's casts")]
fn from_float(number: f64, kind: &Kind) -> Value {
    match kind {
        Kind::Float32 => Value::Float32(number as f32),
        Kind::Float64 => Value::Float64(number),
        Kind::Int8 | Kind::Int16 | Kind::Int32 => from_integer((number as i32).into(), kind),
        _ => from_integer(number as i64, kind),
    }
}

/// What Java's `parseByte`, `parseDouble` and the like read.
fn from_text(text: &str, kind: &Kind) -> Option<Value> {
    Some(match kind {
        Kind::Int8 => Value::Int8(text.parse().ok()?),
        Kind::Int16 => Value::Int16(text.parse().ok()?),
        Kind::Int32 => Value::Int32(text.parse().ok()?),
        Kind::Float32 => Value::Float32(parse_float(text)?),
        Kind::Float64 => Value::Float64(parse_float(text)?),
        Kind::Bool => Value::Bool(text.eq_ignore_ascii_case("true")),
        _ => Value::Int64(text.parse().ok()?),
    })
}

/// `Double.parseDouble`: blanks around it, a suffix and Java's names of what is not finite; hexadecimal digits are refused.
fn parse_float<F: std::str::FromStr>(text: &str) -> Option<F> {
    let text = text.trim_matches(|character| character <= ' ');
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, "NaN" | "Infinity") {
        return text.parse().ok();
    }
    let digits = text.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(text);
    let is_decimal = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-');
    digits.parse().ok().filter(|_| digits.bytes().all(is_decimal))
}

/// `Object.toString`; for bytes Base64, for times what `Values.dateFormatFor` chooses.
fn to_text(value: &Value, meaning: Meaning) -> Result<Value, String> {
    let float = |write: &dyn Fn(&mut Vec<u8>)| {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap_or_default()
    };
    let integer = |number: i64| match meaning {
        Meaning::Date => iso_text(number.saturating_mul(86_400_000)),
        Meaning::Instant => iso_text(number),
        _ => number.to_string(),
    };
    Ok(Value::text(match value {
        Value::Bool(flag) => flag.to_string(),
        Value::Int8(number) => integer((*number).into()),
        Value::Int16(number) => integer((*number).into()),
        Value::Int32(number) => integer((*number).into()),
        Value::Int64(number) => integer(*number),
        Value::Float32(number) => float(&|out| number::write_float(out, *number)),
        Value::Float64(number) => float(&|out| number::write_float(out, *number)),
        Value::Text(text) => return Ok(Value::Text(text.clone())),
        Value::Bytes(bytes) => match meaning {
            Meaning::Decimal(scale) => Decimal::from_bytes(bytes, scale).to_text(),
            _ => STANDARD.encode(bytes),
        },
        _ => return Err("the value is not of its schema's type".to_owned()),
    }))
}
