//! Cells made of a default's text in DDL, so that a default takes the same form as a value.
//!
//! Knows types and literals; no schema. `None`: the text is no value of that type, and the schema tells no default.

use bytes::Bytes;
use num_bigint::BigUint;

use super::decode::{Cell, day};
use super::definition::Type;
use crate::source::temporal::DAY_US;

/// The cell of a literal's text.
pub(super) fn of(kind: &Type, text: &str) -> Option<Cell> {
    Some(match kind {
        Type::Int { bytes, .. } => Cell::Int(integer(text)?, *bytes),
        Type::Float { digits: false } => Cell::Float(text.trim().parse().ok()?),
        Type::Float { digits: true } | Type::Double => Cell::Double(text.trim().parse().ok()?),
        Type::Decimal { scale, .. } => Cell::Digits(scaled(text.trim(), (*scale).into())),
        Type::Bit(_) => Cell::Bits(integer(text)?),
        Type::Year => Cell::Year(year(text.trim().parse().ok()?)),
        Type::Date => Cell::Date(date(text.get(..10).unwrap_or(text))),
        Type::Time(_) => Cell::Time(time(text)?),
        Type::DateTime(_) | Type::Timestamp(_) => Cell::Moment(moment(text)),
        Type::Text | Type::Binary { .. } | Type::Json | Type::Enum(_) | Type::Set(_) => {
            Cell::Bytes(Bytes::copy_from_slice(text.as_bytes()))
        }
        Type::Point | Type::Geometry | Type::Vector | Type::Other(_) => return None,
    })
}

/// The cell of a bit or hexadecimal literal.
pub(super) fn of_bytes(kind: &Type, bytes: &[u8]) -> Option<Cell> {
    let number = || bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    match kind {
        Type::Bit(_) => Some(Cell::Bits(number())),
        Type::Int { bytes: width, .. } => Some(Cell::Int(number(), *width)),
        Type::Text | Type::Binary { .. } => Some(Cell::Bytes(Bytes::copy_from_slice(bytes))),
        _ => None,
    }
}

/// The bits of an integer's text; a fraction is rounded off. What is above `BIGINT` becomes the largest, as in Debezium.
fn integer(text: &str) -> Option<u64> {
    let text = text.trim();
    let whole = text.split_once('.').map_or(text, |(whole, _)| whole);
    let number: i128 = whole.parse().ok()?;
    Some(i64::try_from(number).unwrap_or(if number < 0 { i64::MIN } else { i64::MAX }).cast_unsigned())
}

/// A decimal's text with as many digits behind the point as the column has; a half is rounded away from zero.
fn scaled(text: &str, scale: usize) -> String {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let (kept, cut) = fraction.split_at_checked(scale).unwrap_or((fraction, ""));
    if cut.starts_with(['5', '6', '7', '8', '9'])
        && let Some(rounded) = rounded_up(whole, kept)
    {
        return rounded;
    }
    if scale == 0 { whole.to_owned() } else { format!("{whole}.{kept:0<scale$}") }
}

/// The decimal of these digits with the last one raised.
fn rounded_up(whole: &str, fraction: &str) -> Option<String> {
    let (sign, whole) = whole.strip_prefix('-').map_or(("", whole), |whole| ("-", whole));
    let number: BigUint = format!("{whole}{fraction}").parse().ok()?;
    let digits = format!("{:0>width$}", (number + 1_u8).to_string(), width = fraction.len() + 1);
    let (whole, fraction) = digits.split_at_checked(digits.len() - fraction.len())?;
    Some(if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") })
}

/// Two digits mean 1970 to 2069.
fn year(year: u16) -> u16 {
    match year {
        0..=69 => 2000 + year,
        70..=99 => 1900 + year,
        _ => year,
    }
}

fn numbers<const N: usize>(text: &str, separator: char) -> Option<[u64; N]> {
    let mut numbers = [0; N];
    let mut parts = text.trim().split(separator);
    for number in &mut numbers {
        *number = parts.next()?.trim().parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

fn date(text: &str) -> Option<i32> {
    let [year, month, date] = numbers(text, '-')?;
    day(year, month, date)
}

/// Microseconds of `[-]HH:MM[:SS][.ffffff]`.
pub(super) fn time(text: &str) -> Option<i64> {
    let text = text.trim();
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |text| (true, text));
    let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
    let short = || numbers(clock, ':').map(|[hours, minutes]| [hours, minutes, 0]);
    let [hours, minutes, seconds] = numbers(clock, ':').or_else(short)?;
    let fraction: u64 = format!("{:0<6}", fraction.get(..fraction.len().min(6))?).parse().ok()?;
    let micros = i64::try_from((hours * 3600 + minutes * 60 + seconds).checked_mul(1_000_000)? + fraction).ok()?;
    Some(if negative { -micros } else { micros })
}

/// Microseconds since the epoch of `YYYY-MM-DD[ HH:MM:SS[.ffffff]]`; `None`: a zero date.
fn moment(text: &str) -> Option<i64> {
    let (day, clock) = text.trim().split_once([' ', 'T']).unwrap_or((text, "00:00:00"));
    Some(i64::from(date(day)?) * DAY_US + time(clock)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_literals() {
        let int = Type::Int { bytes: 2, unsigned: false };
        assert_eq!(of(&int, "-1"), Some(Cell::Int(u64::MAX, 2)));
        assert_eq!(
            of(&Type::Int { bytes: 8, unsigned: true }, "18446744073709551615"),
            Some(Cell::Int(u64::MAX >> 1, 8))
        );
        assert_eq!(of(&Type::Decimal { precision: 6, scale: 2 }, "1.5"), Some(Cell::Digits("1.50".into())));
        for (text, expected) in
            [("1.005", "1.01"), ("-9.995", "-10.00"), ("0.0049", "0.00"), ("-.5", "-.50"), ("7", "7.00")]
        {
            assert_eq!(scaled(text, 2), expected);
        }
        assert_eq!((scaled("12.5", 0), scaled("99.49", 0), scaled("x.9", 0)), ("13".into(), "99".into(), "x".into()));
        assert_eq!(of(&Type::Time(0), "1:2"), Some(Cell::Time(3_720_000_000)));
        assert_eq!(of(&Type::Year, "24"), Some(Cell::Year(2024)));
        assert_eq!(of(&Type::Date, "2024-02-29"), Some(Cell::Date(Some(19_782))));
        assert_eq!(of(&Type::Time(0), "-01:02:03.5"), Some(Cell::Time(-3_723_500_000)));
        assert_eq!(of(&Type::DateTime(0), "2020-01-01 00:00:00"), Some(Cell::Moment(Some(1_577_836_800_000_000))));
        assert_eq!(of(&Type::DateTime(0), "0000-00-00 00:00:00"), Some(Cell::Moment(None)));
        assert_eq!(of(&int, "x"), None);
        assert_eq!(of_bytes(&Type::Bit(3), &[5]), Some(Cell::Bits(5)));
    }
}
