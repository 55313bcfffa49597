//! Values of records as values of expressions.
//!
//! Whole numbers are `int`, floating numbers `double`, text `string`, and so on; dates and times are the numbers or texts that
//! they are in the record. A decimal is the nearest `double`. Structs and maps are `map`.

use std::collections::HashMap;

use cel::common::types::{CelBool, CelBytes, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString};
use cel::common::value::{CowVal, Val};
use num_bigint::BigInt;

use crate::data::{Kind, Schema, Value, semantic};
use crate::record::{Header, Headers};

type Boxed<'v> = Box<dyn Val + 'v>;

/// A value of that schema. Text and bytes are borrowed; structs, maps and lists are made.
pub(super) fn value<'v>(schema: &'v Schema, value: &'v Value) -> CowVal<'v, 'v> {
    match (value, &schema.kind) {
        (Value::Bool(value), _) => CowVal::owned(CelBool::from(*value)),
        (Value::Int8(value), _) => int(i64::from(*value)),
        (Value::Int16(value), _) => int(i64::from(*value)),
        (Value::Int32(value), _) => int(i64::from(*value)),
        (Value::Int64(value), _) => int(*value),
        (Value::Float32(value), _) => CowVal::owned(CelDouble::from(f64::from(*value))),
        (Value::Float64(value), _) => CowVal::owned(CelDouble::from(*value)),
        (Value::Text(text), _) => CowVal::owned(CelString::from(text.as_str())),
        (Value::Bytes(bytes), _) => match scale(schema) {
            Some(scale) => CowVal::owned(CelDouble::from(decimal(bytes, scale))),
            None => CowVal::owned(CelBytes::from(&bytes[..])),
        },
        (Value::Array(elements), Kind::Array(of)) => list(of, elements),
        (Value::Map(entries), Kind::Map(_, of)) => {
            let named = entries.iter().filter_map(|(key, value)| Some((key.as_str()?, of, value)));
            map(named.map(|(name, of, entry)| (name, self::value(of, entry).into_owned())))
        }
        (Value::Struct(row), _) if schema.name.as_deref() == Some(semantic::VARIABLE_SCALE_DECIMAL) => match &row[..] {
            [Value::Int32(scale), Value::Bytes(bytes)] => CowVal::owned(CelDouble::from(decimal(bytes, *scale))),
            _ => CowVal::owned(CelNull),
        },
        (Value::Struct(row), Kind::Struct(fields)) => {
            let named = fields.iter().zip(row);
            map(named.map(|(field, value)| (&*field.name, self::value(&field.schema, value).into_owned())))
        }
        (Value::Null | Value::Array(_) | Value::Map(_) | Value::Struct(_), _) => CowVal::owned(CelNull),
    }
}

/// A header: its value under the name `value`.
pub(super) fn header(header: &Header) -> CowVal<'_, '_> {
    map(std::iter::once(("value", value(&header.value.schema, &header.value.value).into_owned())))
}

/// All headers by their names; of several of one name the last one counts.
pub(super) fn headers(headers: &Headers) -> CowVal<'_, '_> {
    map(headers.iter().map(|each| (&*each.name, header(each).into_owned())))
}

fn int<'v>(value: i64) -> CowVal<'v, 'v> {
    CowVal::owned(CelInt::from(value))
}

fn list<'v>(of: &'v Schema, elements: &'v [Value]) -> CowVal<'v, 'v> {
    let elements: Vec<Boxed<'v>> = elements.iter().map(|element| value(of, element).into_owned()).collect();
    CowVal::owned(CelList::from(elements))
}

fn map<'v>(entries: impl Iterator<Item = (&'v str, Boxed<'v>)>) -> CowVal<'v, 'v> {
    let entries: HashMap<CelMapKey<'v>, Boxed<'v>> =
        entries.map(|(name, value)| (CelMapKey::from(name), value)).collect();
    CowVal::owned(CelMap::from(entries))
}

/// The scale of a schema that is a `Decimal`.
fn scale(schema: &Schema) -> Option<i32> {
    if schema.name.as_deref() != Some(semantic::DECIMAL) {
        return None;
    }
    schema.parameters.iter().find(|(name, _)| &**name == "scale")?.1.parse().ok()
}

/// The nearest double of an unscaled number and its scale: read back from its digits, so that it is rounded once.
fn decimal(unscaled: &[u8], scale: i32) -> f64 {
    let unscaled = BigInt::from_signed_bytes_be(unscaled);
    format!("{unscaled}e{}", -i64::from(scale)).parse().unwrap_or(f64::NAN)
}
