//! Cells: a column's value as it stands in the log, before it is written in Debezium's form ([`super::form`]).
//!
//! Owns the binary formats of rows; knows no schema. Prepared per TABLE_MAP: the wire type says how far a value reaches.
//! Formats: `Field::pack`, `my_decimal2binary`, `my_time_packed_to_binary` of the server, as the log writes them.

use bytes::Bytes;

use super::bytes::{Cursor, Short};
use super::tablemap::Wire;
use crate::source::temporal::{DAY_US, days};

/// A column's value, of the database's types.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    /// `NULL`
    Null,
    /// An integer as its bytes say, without sign; so many bytes.
    Int(u64, u8),
    /// `FLOAT`
    Float(f32),
    /// `DOUBLE`
    Double(f64),
    /// `DECIMAL` of at most 38 digits, without its point.
    Unscaled(i128),
    /// `DECIMAL` as text.
    Digits(String),
    /// `YEAR`
    Year(u16),
    /// `DATE`: days since 1970-01-01; `None`: no such day (a zero date).
    Date(Option<i32>),
    /// `TIME`: microseconds.
    Time(i64),
    /// `DATETIME` or `TIMESTAMP`: microseconds since the epoch; `None`: no such moment (a zero date).
    Moment(Option<i64>),
    /// `BIT`
    Bits(u64),
    /// Text in the column's character set, or bytes.
    Bytes(Bytes),
    /// `JSON` in binary form.
    Json(Bytes),
    /// `ENUM`: the index of its label, from 1; 0: none.
    Label(u64),
    /// `SET`: a bit for each label.
    Labels(u64),
}

/// Why a value could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadCell {
    /// The event ended too early.
    #[error(transparent)]
    Short(#[from] Short),
    /// A type of before MySQL 5.6, or one of a later server.
    #[error("the log has the column with type number {0}, which is not known")]
    Unknown(u8),
}

/// Bytes of a group of up to nine decimal digits.
const DIGIT_BYTES: [usize; 10] = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4];

impl Wire {
    /// Reads one value, which is not null.
    pub(super) fn read(self, cursor: &mut Cursor) -> Result<Cell, BadCell> {
        Ok(match self {
            Self::Int(bytes) => Cell::Int(cursor.uint_le(bytes.into(), "an integer")?, bytes),
            Self::Float => Cell::Float(f32::from_le_bytes(cursor.array("a float")?)),
            Self::Double => Cell::Double(f64::from_le_bytes(cursor.array("a double")?)),
            Self::Decimal(precision, scale) => decimal(cursor, precision.into(), scale.into())?,
            // The year 0000 is stored as 0, which Debezium reads as 1900.
            Self::Year => Cell::Year(1900 + u16::from(cursor.u8("a year")?)),
            Self::Date => {
                let packed = cursor.uint_le(3, "a date")?;
                Cell::Date(day(packed >> 9, packed >> 5 & 15, packed & 31))
            }
            Self::Time(digits) => Cell::Time(time(cursor, digits)?),
            Self::DateTime(digits) => Cell::Moment(datetime(cursor, digits)?),
            Self::Timestamp(digits) => {
                let seconds = cursor.uint_be(4, "a timestamp")?;
                let micros = fraction(cursor, digits)?;
                let moment = i64::try_from(seconds * 1_000_000 + micros).unwrap_or(i64::MAX);
                Cell::Moment((moment != 0).then_some(moment))
            }
            Self::Bit(bits) => Cell::Bits(cursor.uint_be(usize::from(bits).div_ceil(8), "bits")?),
            Self::Char(length) | Self::Varchar(length) => {
                let prefix = if length > 255 { 2 } else { 1 };
                Cell::Bytes(sized(cursor, prefix, "text")?)
            }
            Self::Blob(prefix) | Self::Geometry(prefix) | Self::Vector(prefix) => {
                Cell::Bytes(sized(cursor, prefix, "a blob")?)
            }
            Self::Json(prefix) => Cell::Json(sized(cursor, prefix, "json")?),
            Self::Enum(bytes) => Cell::Label(cursor.uint_le(bytes.into(), "an enum")?),
            Self::Set(bytes) => Cell::Labels(cursor.uint_le(bytes.into(), "a set")?),
            Self::Unknown(kind) => return Err(BadCell::Unknown(kind)),
        })
    }

    /// Passes one value, which is not null, without making it.
    pub(super) fn skip(self, cursor: &mut Cursor) -> Result<(), BadCell> {
        let length = match self {
            Self::Int(bytes) | Self::Enum(bytes) | Self::Set(bytes) => usize::from(bytes),
            Self::Float => 4,
            Self::Double => 8,
            Self::Decimal(precision, scale) => decimal_bytes(precision.into(), scale.into()),
            Self::Year => 1,
            Self::Date => 3,
            Self::Time(digits) => 3 + usize::from(digits).div_ceil(2),
            Self::DateTime(digits) => 5 + usize::from(digits).div_ceil(2),
            Self::Timestamp(digits) => 4 + usize::from(digits).div_ceil(2),
            Self::Bit(bits) => usize::from(bits).div_ceil(8),
            Self::Char(length) | Self::Varchar(length) => length_of(cursor, if length > 255 { 2 } else { 1 })?,
            Self::Blob(prefix) | Self::Geometry(prefix) | Self::Vector(prefix) | Self::Json(prefix) => {
                length_of(cursor, prefix)?
            }
            Self::Unknown(kind) => return Err(BadCell::Unknown(kind)),
        };
        Ok(cursor.skip(length, "a value")?)
    }
}

fn length_of(cursor: &mut Cursor, prefix: u8) -> Result<usize, Short> {
    let length = cursor.uint_le(prefix.into(), "a length")?;
    usize::try_from(length).map_err(|_| Short { what: "a length" })
}

fn sized(cursor: &mut Cursor, prefix: u8, what: &'static str) -> Result<Bytes, Short> {
    let length = length_of(cursor, prefix)?;
    cursor.take(length, what)
}

/// The day, if there is such a day: years, months and days may be zero, and days too large, in MySQL.
pub(super) fn day(year: u64, month: u64, day: u64) -> Option<i32> {
    let (month, day) = (u8::try_from(month).ok()?, u8::try_from(day).ok()?);
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let last = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    if year == 0 || !(1..=last).contains(&day) {
        return None;
    }
    i32::try_from(days(i64::try_from(year).ok()?, month, day)).ok()
}

/// Microseconds of a second's fraction.
fn fraction(cursor: &mut Cursor, digits: u8) -> Result<u64, Short> {
    let bytes = usize::from(digits).div_ceil(2);
    let packed = cursor.uint_be(bytes, "a fraction of a second")?;
    Ok(packed * fraction_unit(bytes))
}

/// Microseconds of one unit of a fraction that takes so many bytes.
const fn fraction_unit(bytes: usize) -> u64 {
    match bytes {
        1 => 10_000,
        2 => 100,
        _ => 1,
    }
}

fn datetime(cursor: &mut Cursor, digits: u8) -> Result<Option<i64>, Short> {
    let packed = cursor.uint_be(5, "a datetime")?.wrapping_sub(0x80_0000_0000) & 0x7f_ffff_ffff;
    let micros = fraction(cursor, digits)?;
    let (date, time) = (packed >> 17, packed & 0x1_ffff);
    let month_of_all = date >> 5;
    let seconds = (time >> 12) * 3600 + (time >> 6 & 63) * 60 + (time & 63);
    let of_day = i64::try_from(seconds * 1_000_000 + micros).unwrap_or(0);
    Ok(day(month_of_all / 13, month_of_all % 13, date & 31).map(|day| i64::from(day) * DAY_US + of_day))
}

/// A time is one signed number: hours, minutes and seconds before the fraction, which borrows from them when negative.
fn time(cursor: &mut Cursor, digits: u8) -> Result<i64, Short> {
    let fraction_bytes = usize::from(digits).div_ceil(2);
    let shift = 8 * fraction_bytes;
    let raw = cursor.uint_be(3 + fraction_bytes, "a time")?;
    let packed = i64::try_from(raw).unwrap_or(0) - (0x80_0000_i64 << shift);
    let (negative, packed) = (packed < 0, packed.unsigned_abs());
    let (clock, fraction) = (packed >> shift, packed & ((1 << shift) - 1));
    let seconds = (clock >> 12 & 0x3ff) * 3600 + (clock >> 6 & 63) * 60 + (clock & 63);
    let micros = seconds * 1_000_000 + fraction * fraction_unit(fraction_bytes);
    let micros = i64::try_from(micros).unwrap_or(0);
    Ok(if negative { -micros } else { micros })
}

fn decimal_bytes(precision: usize, scale: usize) -> usize {
    let bytes = |digits: usize| digits / 9 * 4 + DIGIT_BYTES.get(digits % 9).copied().unwrap_or(0);
    bytes(precision.saturating_sub(scale)) + bytes(scale)
}

/// A decimal: groups of nine digits in four bytes, the odd digits at both ends in fewer; the highest bit of all is the
/// sign, turned around; of a negative number every bit is turned around.
fn decimal(cursor: &mut Cursor, precision: usize, scale: usize) -> Result<Cell, Short> {
    let length = decimal_bytes(precision, scale);
    let bytes = cursor.peek(length, "a decimal")?;
    let positive = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
    let mask = if positive { 0 } else { 0xff };
    let mut flipped = bytes.iter().enumerate().map(|(at, byte)| byte ^ mask ^ if at == 0 { 0x80 } else { 0 });
    let mut group = |bytes: usize| flipped.by_ref().take(bytes).fold(0_u64, |n, byte| n << 8 | u64::from(byte));
    let mut groups: [(u64, usize); 20] = [(0, 0); 20];
    let mut count = 0;
    let whole = precision.saturating_sub(scale);
    let sizes = std::iter::once(whole % 9)
        .chain(std::iter::repeat_n(9, whole / 9))
        .chain(std::iter::repeat_n(9, scale / 9))
        .chain(std::iter::once(scale % 9));
    for digits in sizes.filter(|digits| *digits > 0) {
        if let Some(slot) = groups.get_mut(count) {
            *slot = (group(DIGIT_BYTES.get(digits).copied().unwrap_or(0)), digits);
            count += 1;
        }
    }
    let groups = groups.get(..count).unwrap_or_default();
    let cell = if precision <= 38 {
        let join = |number: i128, (group, digits): &(u64, usize)| {
            let shift = 10_i128.pow(u32::try_from(*digits).unwrap_or(0));
            number.wrapping_mul(shift).wrapping_add((*group).into())
        };
        let number = groups.iter().fold(0, join);
        Cell::Unscaled(if positive { number } else { -number })
    } else {
        Cell::Digits(digits_text(groups, positive, scale))
    };
    cursor.skip(length, "a decimal")?;
    Ok(cell)
}

fn digits_text(groups: &[(u64, usize)], positive: bool, scale: usize) -> String {
    use std::fmt::Write as _;
    let mut digits = String::with_capacity(68);
    for (group, width) in groups {
        // Writing to a string cannot fail.
        let _ = write!(digits, "{group:0width$}");
    }
    let whole = digits.len().saturating_sub(scale);
    let (whole, fraction) = digits.split_at(whole);
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let sign = if positive { "" } else { "-" };
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
