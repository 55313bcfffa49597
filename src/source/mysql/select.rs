//! Rows of a SELECT as cells, so that a snapshot's values take the forms of the log's.
//!
//! Owns what the binary protocol's values mean for each type; knows no connection.

use bytes::Bytes;
use mysql_async::Value as Sent;

use super::decode::{Cell, day};
use super::definition::Type;
use super::form::BadValue;
use super::schema::{BadRow, RowProblem, Shape};
use crate::data::{Row, Value};
use crate::source::temporal::DAY_US;

/// A row's values in their forms, and about how many bytes they have. Both `kinds` and the row are of the kept columns.
pub(super) fn row(shape: &Shape, kinds: &[Type], sent: mysql_async::Row) -> Result<(Row, usize), BadRow> {
    let mut row = Vec::with_capacity(shape.columns.len());
    let mut bytes = 0;
    let kept = shape.columns.iter().filter_map(|column| Some((column, column.form.as_ref()?)));
    for (((column, form), kind), value) in kept.zip(kinds).zip(sent.unwrap()) {
        bytes += if let Sent::Bytes(text) = &value { text.len() } else { 8 };
        let bad = |reason: RowProblem| BadRow { column: column.name.clone(), reason };
        let cell = cell(kind, value).ok_or_else(|| bad(BadValue::Mismatch.into()))?;
        row.push(match cell {
            Cell::Null => Value::Null,
            cell => form.value(cell, &column.missing).map_err(|error| bad(error.into()))?,
        });
    }
    Ok((shape.projection.row(row), bytes))
}

/// A value as a cell of that type; `None`: it is of another type.
fn cell(kind: &Type, sent: Sent) -> Option<Cell> {
    Some(match (kind, sent) {
        (_, Sent::NULL) => Cell::Null,
        (Type::Int { bytes, .. }, Sent::Int(number)) => Cell::Int(number.cast_unsigned(), *bytes),
        (Type::Int { bytes, .. }, Sent::UInt(number)) => Cell::Int(number, *bytes),
        // The driver's calendar has no year 0000; Debezium's snapshot says 2000.
        (Type::Year, Sent::Int(0) | Sent::UInt(0)) => Cell::Year(2000),
        (Type::Year, Sent::Int(year)) => Cell::Year(u16::try_from(year).ok()?),
        (Type::Year, Sent::UInt(year)) => Cell::Year(u16::try_from(year).ok()?),
        (Type::Float { .. }, Sent::Float(number)) => Cell::Float(number),
        (Type::Float { .. } | Type::Double, Sent::Double(number)) => Cell::Double(number),
        (Type::Decimal { .. }, Sent::Bytes(text)) => Cell::Digits(String::from_utf8(text).ok()?),
        (Type::Bit(_), Sent::Bytes(bits)) => {
            Cell::Bits(bits.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
        }
        (Type::Date, Sent::Date(year, month, date, ..)) => Cell::Date(day(year.into(), month.into(), date.into())),
        (Type::DateTime(_) | Type::Timestamp(_), Sent::Date(year, month, date, hour, minute, second, micros)) => {
            let of_day = micros_of(0, [hour, minute, second], micros);
            Cell::Moment(day(year.into(), month.into(), date.into()).map(|day| i64::from(day) * DAY_US + of_day))
        }
        (Type::Time(_), Sent::Time(negative, days, hour, minute, second, micros)) => {
            let micros = micros_of(days, [hour, minute, second], micros);
            Cell::Time(if negative { -micros } else { micros })
        }
        (
            Type::Text
            | Type::Binary { .. }
            | Type::Json
            | Type::Enum(_)
            | Type::Set(_)
            | Type::Point
            | Type::Geometry
            | Type::Vector,
            Sent::Bytes(bytes),
        ) => Cell::Bytes(Bytes::from(bytes)),
        _ => return None,
    })
}

fn micros_of(days: u32, clock: [u8; 3], micros: u32) -> i64 {
    let [hour, minute, second] = clock.map(i64::from);
    i64::from(days) * DAY_US + (hour * 3600 + minute * 60 + second) * 1_000_000 + i64::from(micros)
}
