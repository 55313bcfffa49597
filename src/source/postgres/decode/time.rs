//! Dates, times and timestamps: as PostgreSQL writes them, and in the forms that the connector file asks for.
//!
//! What is out of range for Java, Debezium's records show; it is followed where snapshot and stream agree there.
#![deny(clippy::indexing_slicing)]

use super::Decoded;
use crate::data::{Text, Value};
use crate::source::postgres::pgoutput::EPOCH_OFFSET_US;
use crate::source::temporal::{self, DAY_US, Fraction, TimestampForm};

/// Days from 1970-01-01 to 2000-01-01.
pub(super) const EPOCH_OFFSET_DAYS: i32 = 10_957;
/// What pgjdbc makes of `infinity`, in milliseconds since the epoch; Debezium passes it on.
const INFINITY_MS: i64 = 9_223_372_036_825_200;
/// What pgjdbc makes of `-infinity`.
const NEGATIVE_INFINITY_MS: i64 = -9_223_372_036_832_400;

/// The digits of a number of a date or time, at most: no arithmetic on them can overflow.
const DIGITS_MAX: usize = 9;

/// A timestamp: a moment, or one of the ends of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Moment {
    /// Microseconds since 2000-01-01, as PostgreSQL counts: counted from 1970 its last years do not fit.
    At(i64),
    Infinity,
    NegativeInfinity,
}

impl Moment {
    /// 1970-01-01
    pub(super) const EPOCH: Self = Self::At(-EPOCH_OFFSET_US);

    /// From PostgreSQL's binary form.
    pub(super) const fn of(micros: i64) -> Self {
        match micros {
            i64::MAX => Self::Infinity,
            i64::MIN => Self::NegativeInfinity,
            micros => Self::At(micros),
        }
    }
}

/// The value of a timestamp without zone.
pub(super) fn timestamp(form: TimestampForm, moment: Moment) -> Decoded {
    let end = |millis: i64| match form {
        TimestampForm::Micros => Value::Int64(millis.saturating_mul(1000)),
        TimestampForm::Nanos => Value::Int64(if millis > 0 { i64::MAX } else { i64::MIN }),
        TimestampForm::Millis | TimestampForm::Connect => Value::Int64(millis),
        TimestampForm::Iso => form.value(millis.saturating_mul(1000)).unwrap_or_default(),
    };
    let value = match moment {
        Moment::At(since_2000) => match since_2000.checked_add(EPOCH_OFFSET_US) {
            Some(micros) => form.value(micros),
            None => beyond(form, since_2000),
        },
        Moment::Infinity => Some(end(INFINITY_MS)),
        Moment::NegativeInfinity => Some(end(NEGATIVE_INFINITY_MS)),
    };
    // Nanoseconds since 1970 have room for the years from 1677 to 2262.
    value.map_or(Decoded::Unrepresentable, Decoded::Value)
}

/// A timestamp after the year 294246. As microseconds it is what Java's arithmetic leaves of it, as Debezium writes it.
fn beyond(form: TimestampForm, since_2000: i64) -> Option<Value> {
    match form {
        TimestampForm::Millis | TimestampForm::Connect => {
            Some(Value::Int64(since_2000.div_euclid(1000) + EPOCH_OFFSET_US / 1000))
        }
        TimestampForm::Micros => Some(Value::Int64(i64::MAX.wrapping_add(since_2000.rem_euclid(1_000_000)))),
        TimestampForm::Nanos => None,
        TimestampForm::Iso => Some(Value::text(moment_text(since_2000, Fraction::AsNeeded))),
    }
}

/// The value of a timestamp with zone, with so many digits of a second's fraction.
pub(super) fn timestamptz(digits: u32, moment: Moment) -> Value {
    match moment {
        Moment::At(since_2000) => Value::text(moment_text(since_2000, Fraction::Digits(digits))),
        Moment::Infinity => Value::Text(Text::from_static("infinity")),
        Moment::NegativeInfinity => Value::Text(Text::from_static("-infinity")),
    }
}

fn moment_text(since_2000: i64, fraction: Fraction) -> String {
    let days = since_2000.div_euclid(DAY_US) + i64::from(EPOCH_OFFSET_DAYS);
    temporal::moment_text(days, since_2000.rem_euclid(DAY_US), fraction)
}

/// Digits at the front, and what follows.
fn digits(text: &[u8]) -> Option<(i64, usize, &[u8])> {
    let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at_checked(count)?;
    if digits.is_empty() || count > DIGITS_MAX {
        return None;
    }
    Some((digits.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0')), count, rest))
}

/// `2024-02-29`; days since 1970-01-01, and what follows. `before_christ`: the text ends with ` BC`.
fn date_front(text: &[u8], before_christ: bool) -> Option<(i64, &[u8])> {
    let (year, _, rest) = digits(text)?;
    let (month, _, rest) = digits(rest.strip_prefix(b"-")?)?;
    let (day, _, rest) = digits(rest.strip_prefix(b"-")?)?;
    let year = if before_christ { 1 - year } else { year };
    Some((temporal::days(year, u8::try_from(month).ok()?, u8::try_from(day).ok()?), rest))
}

/// `12:34:56.789012`; microseconds of the day, and what follows.
fn time_front(text: &[u8]) -> Option<(i64, &[u8])> {
    let (hours, _, rest) = digits(text)?;
    let (minutes, _, rest) = digits(rest.strip_prefix(b":")?)?;
    let (seconds, _, rest) = digits(rest.strip_prefix(b":")?)?;
    let whole = (hours * 60 + minutes) * 60 + seconds;
    let Some(fraction) = rest.strip_prefix(b".") else { return Some((whole * 1_000_000, rest)) };
    let (fraction, count, rest) = digits(fraction)?;
    let scale = 10_i64.pow(6_u32.checked_sub(u32::try_from(count).ok()?)?);
    Some((whole * 1_000_000 + fraction * scale, rest))
}

/// `+05:30:15`; seconds east of UTC.
fn offset(text: &[u8]) -> Option<i64> {
    let (sign, text) = match text.split_first()? {
        (b'+', rest) => (1, rest),
        (b'-', rest) => (-1, rest),
        _ => return None,
    };
    let (mut seconds, _, mut rest) = digits(text)?;
    seconds *= 3600;
    for unit in [60, 1] {
        if let Some(part) = rest.strip_prefix(b":") {
            let (part, _, behind) = digits(part)?;
            seconds += part * unit;
            rest = behind;
        }
    }
    rest.is_empty().then_some(sign * seconds)
}

fn split_era(text: &[u8]) -> (&[u8], bool) {
    text.strip_suffix(b" BC").map_or((text, false), |text| (text, true))
}

pub(super) fn date_text(text: &[u8]) -> Option<i32> {
    match text {
        b"infinity" => return Some(i32::MAX.wrapping_add(EPOCH_OFFSET_DAYS)),
        b"-infinity" => return Some(i32::MIN.wrapping_add(EPOCH_OFFSET_DAYS)),
        _ => {}
    }
    let (text, before_christ) = split_era(text);
    let (days, rest) = date_front(text, before_christ)?;
    if rest.is_empty() { i32::try_from(days).ok() } else { None }
}

pub(super) fn time_text(text: &[u8]) -> Option<i64> {
    time_front(text).and_then(|(micros, rest)| rest.is_empty().then_some(micros))
}

/// The time of day in UTC, as Java's `ISO_OFFSET_TIME` writes it.
pub(super) fn timetz_text(text: &[u8]) -> Option<Value> {
    let (micros, rest) = time_front(text)?;
    let utc = (micros - offset(rest)? * 1_000_000).rem_euclid(DAY_US);
    let mut text = String::with_capacity(16);
    temporal::push_time(&mut text, utc, Fraction::AsNeeded);
    text.push('Z');
    Some(Value::text(text))
}

/// With or without a zone: the session's is UTC, so the offset is nothing but that.
pub(super) fn timestamp_text(text: &[u8]) -> Option<Moment> {
    match text {
        b"infinity" => return Some(Moment::Infinity),
        b"-infinity" => return Some(Moment::NegativeInfinity),
        _ => {}
    }
    let (text, before_christ) = split_era(text);
    let (days, rest) = date_front(text, before_christ)?;
    let (micros, rest) = time_front(rest.strip_prefix(b" ")?)?;
    let east = if rest.is_empty() { 0 } else { offset(rest)? };
    let days = days.saturating_sub(EPOCH_OFFSET_DAYS.into());
    Some(Moment::At(days.saturating_mul(DAY_US).saturating_add(micros).saturating_sub(east.saturating_mul(1_000_000))))
}
