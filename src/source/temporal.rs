//! Dates and times without a zone, in the forms of `time.precision.mode`; timestamps with a zone as ISO 8601 text.
//!
//! A column's form is chosen once; a row's value costs one match. Table: Debezium's `TemporalPrecisionMode` and
//! `io.debezium.time.*`.

use crate::data::{Kind, Schema, Value, semantic};

/// Microseconds of a day.
pub const DAY_US: i64 = 86_400_000_000;

/// `time.precision.mode`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimePrecision {
    /// As precise as the column.
    Adaptive,
    /// As `adaptive`, but a time of day is always in microseconds.
    AdaptiveTimeMicroseconds,
    /// Connect's logical types.
    Connect,
    /// ISO 8601 text.
    IsoString,
    /// Always microseconds.
    Microseconds,
    /// Always nanoseconds.
    Nanoseconds,
}

impl TimePrecision {
    /// The values of `time.precision.mode`; MySQL has no `adaptive` (Debezium 3).
    pub const NAMES: &'static [&'static str] =
        &["adaptive", "adaptive_time_microseconds", "connect", "isostring", "microseconds", "nanoseconds"];

    /// The mode of that name, `adaptive_time_microseconds` by default.
    #[must_use]
    pub fn named(name: &str) -> Self {
        match name {
            "adaptive" => Self::Adaptive,
            "connect" => Self::Connect,
            "isostring" => Self::IsoString,
            "microseconds" => Self::Microseconds,
            "nanoseconds" => Self::Nanoseconds,
            _ => Self::AdaptiveTimeMicroseconds,
        }
    }

    /// The form of a date.
    #[must_use]
    pub const fn date(self) -> DateForm {
        match self {
            Self::Connect => DateForm::Connect,
            Self::IsoString => DateForm::Iso,
            _ => DateForm::Days,
        }
    }

    /// The form of a time of day with so many digits of a second's fraction.
    #[must_use]
    pub const fn time(self, digits: u32) -> TimeForm {
        match self {
            Self::Adaptive if digits <= 3 => TimeForm::Millis,
            Self::Adaptive | Self::AdaptiveTimeMicroseconds | Self::Microseconds => TimeForm::Micros,
            Self::Connect => TimeForm::Connect,
            Self::IsoString => TimeForm::Iso,
            Self::Nanoseconds => TimeForm::Nanos,
        }
    }

    /// The form of a timestamp without zone with so many digits of a second's fraction.
    #[must_use]
    pub const fn timestamp(self, digits: u32) -> TimestampForm {
        match self {
            Self::Adaptive | Self::AdaptiveTimeMicroseconds if digits <= 3 => TimestampForm::Millis,
            Self::Adaptive | Self::AdaptiveTimeMicroseconds | Self::Microseconds => TimestampForm::Micros,
            Self::Connect => TimestampForm::Connect,
            Self::IsoString => TimestampForm::Iso,
            Self::Nanoseconds => TimestampForm::Nanos,
        }
    }
}

/// How a date is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateForm {
    /// `io.debezium.time.Date`
    Days,
    /// Connect's `Date`
    Connect,
    /// `io.debezium.time.IsoDate`
    Iso,
}

impl DateForm {
    /// Its schema, required.
    #[must_use]
    pub fn schema(self) -> Schema {
        match self {
            Self::Days => semantic::of(Kind::Int32, semantic::DATE),
            Self::Connect => semantic::of(Kind::Int32, semantic::CONNECT_DATE),
            Self::Iso => semantic::of(Kind::Text, semantic::ISO_DATE),
        }
    }

    /// The value of a date: days since 1970-01-01.
    #[must_use]
    pub fn value(self, days: i32) -> Value {
        match self {
            Self::Days | Self::Connect => Value::Int32(days),
            Self::Iso => {
                let mut text = String::with_capacity(11);
                push_date(&mut text, days.into());
                text.push('Z');
                Value::text(text)
            }
        }
    }
}

/// How a time of day is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeForm {
    /// `io.debezium.time.Time`
    Millis,
    /// `io.debezium.time.MicroTime`
    Micros,
    /// `io.debezium.time.NanoTime`
    Nanos,
    /// Connect's `Time`
    Connect,
    /// `io.debezium.time.IsoTime`
    Iso,
}

impl TimeForm {
    /// Its schema, required.
    #[must_use]
    pub fn schema(self) -> Schema {
        match self {
            Self::Millis => semantic::of(Kind::Int32, semantic::TIME),
            Self::Micros => semantic::of(Kind::Int64, semantic::MICRO_TIME),
            Self::Nanos => semantic::of(Kind::Int64, semantic::NANO_TIME),
            Self::Connect => semantic::of(Kind::Int32, semantic::CONNECT_TIME),
            Self::Iso => semantic::of(Kind::Text, semantic::ISO_TIME),
        }
    }

    /// The value of a time: microseconds since midnight (MySQL's may be negative, or more than a day). `None`: out of range.
    #[must_use]
    pub fn value(self, micros: i64) -> Option<Value> {
        match self {
            Self::Millis | Self::Connect => i32::try_from(micros.div_euclid(1000)).ok().map(Value::Int32),
            Self::Micros => Some(Value::Int64(micros)),
            Self::Nanos => micros.checked_mul(1000).map(Value::Int64),
            Self::Iso => {
                let mut text = String::with_capacity(17);
                push_time(&mut text, micros, Fraction::AsNeeded);
                text.push('Z');
                Some(Value::text(text))
            }
        }
    }
}

/// How a timestamp without zone is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampForm {
    /// `io.debezium.time.Timestamp`
    Millis,
    /// `io.debezium.time.MicroTimestamp`
    Micros,
    /// `io.debezium.time.NanoTimestamp`
    Nanos,
    /// Connect's `Timestamp`
    Connect,
    /// `io.debezium.time.IsoTimestamp`
    Iso,
}

impl TimestampForm {
    /// Its schema, required.
    #[must_use]
    pub fn schema(self) -> Schema {
        match self {
            Self::Millis => semantic::of(Kind::Int64, semantic::TIMESTAMP),
            Self::Micros => semantic::of(Kind::Int64, semantic::MICRO_TIMESTAMP),
            Self::Nanos => semantic::of(Kind::Int64, semantic::NANO_TIMESTAMP),
            Self::Connect => semantic::of(Kind::Int64, semantic::CONNECT_TIMESTAMP),
            Self::Iso => semantic::of(Kind::Text, semantic::ISO_TIMESTAMP),
        }
    }

    /// The value of a timestamp: microseconds since the epoch, as if it were UTC. `None`: out of range.
    #[must_use]
    pub fn value(self, micros: i64) -> Option<Value> {
        match self {
            Self::Millis | Self::Connect => Some(Value::Int64(micros.div_euclid(1000))),
            Self::Micros => Some(Value::Int64(micros)),
            Self::Nanos => micros.checked_mul(1000).map(Value::Int64),
            Self::Iso => Some(Value::text(timestamp_text(micros, Fraction::AsNeeded))),
        }
    }
}

/// How many digits of a second's fraction are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fraction {
    /// So many, at most six.
    Digits(u32),
    /// As Java's `ISO_OFFSET_*` formats: up to the last that is not zero.
    AsNeeded,
}

/// A moment as ISO 8601 text in UTC (`2024-02-29T07:04:56.789012Z`): microseconds since the epoch.
#[must_use]
pub fn timestamp_text(micros: i64, fraction: Fraction) -> String {
    moment_text(micros.div_euclid(DAY_US), micros.rem_euclid(DAY_US), fraction)
}

/// As [`timestamp_text`]: days since 1970-01-01, and microseconds of the day.
#[must_use]
pub fn moment_text(days: i64, micros: i64, fraction: Fraction) -> String {
    // As long as it gets, in our age: text that fills its buffer is one allocation, not two.
    let seconds = "0000-00-00T00:00:00Z".len();
    let mut text = String::with_capacity(match fraction {
        Fraction::Digits(0) => seconds,
        Fraction::Digits(digits) => seconds + 1 + digits.min(6) as usize,
        Fraction::AsNeeded => seconds + 7,
    });
    push_date(&mut text, days);
    text.push('T');
    push_time(&mut text, micros, fraction);
    text.push('Z');
    text
}

/// A time of day as text (`07:04:56.789012`): microseconds since midnight.
pub fn push_time(text: &mut String, micros: i64, fraction: Fraction) {
    if micros < 0 {
        text.push('-');
    }
    let micros = micros.unsigned_abs();
    let (seconds, micros) = (micros / 1_000_000, micros % 1_000_000);
    push_padded(text, seconds / 3600, 2);
    text.push(':');
    push_padded(text, seconds / 60 % 60, 2);
    text.push(':');
    push_padded(text, seconds % 60, 2);
    let (digits, cut) = match fraction {
        Fraction::Digits(digits) => (digits.min(6), false),
        Fraction::AsNeeded => (if micros == 0 { 0 } else { 6 }, true),
    };
    if digits == 0 {
        return;
    }
    text.push('.');
    push_padded(text, micros / 10_u64.pow(6 - digits), digits as usize);
    while cut && text.ends_with('0') {
        text.pop();
    }
}

/// A date as text (`2024-02-29`): days since 1970-01-01. Years before 0 and after 9999 carry a sign, as Java writes them.
pub fn push_date(text: &mut String, days: i64) {
    let (year, month, day) = civil(days);
    if year < 0 {
        text.push('-');
    } else if year > 9999 {
        text.push('+');
    }
    push_padded(text, year.unsigned_abs(), 4);
    text.push('-');
    push_padded(text, month.into(), 2);
    text.push('-');
    push_padded(text, day.into(), 2);
}

/// Year, month and day of the proleptic Gregorian calendar: days since 1970-01-01. (Howard Hinnant's `civil_from_days`,
/// <https://howardhinnant.github.io/date_algorithms.html>.)
#[must_use]
pub fn civil(days: i64) -> (i64, u8, u8) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, u8::try_from(month).unwrap_or(1), u8::try_from(day).unwrap_or(1))
}

/// Days since 1970-01-01 of a date of the proleptic Gregorian calendar.
#[must_use]
pub fn days(year: i64, month: u8, day: u8) -> i64 {
    let (month, day) = (i64::from(month), i64::from(day));
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn push_padded(text: &mut String, number: u64, width: usize) {
    const ZEROS: &str = "000000000";
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(number);
    text.push_str(ZEROS.get(..width.saturating_sub(digits.len())).unwrap_or(ZEROS));
    text.push_str(digits);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn writes_moments_as_debezium_does() {
        let micros = 1_709_210_096_789_012;
        assert_eq!(timestamp_text(micros, Fraction::Digits(6)), "2024-02-29T12:34:56.789012Z");
        assert_eq!(timestamp_text(micros, Fraction::Digits(3)), "2024-02-29T12:34:56.789Z");
        assert_eq!(timestamp_text(micros, Fraction::Digits(0)), "2024-02-29T12:34:56Z");
        assert_eq!(timestamp_text(-1, Fraction::Digits(6)), "1969-12-31T23:59:59.999999Z");
        assert_eq!(timestamp_text(-63_517_780_800_000_000, Fraction::Digits(6)), "-0043-03-15T12:00:00.000000Z");
        assert_eq!(timestamp_text(100_000, Fraction::AsNeeded), "1970-01-01T00:00:00.1Z");
    }

    #[test]
    fn chooses_forms_by_mode_and_digits() {
        assert_eq!(TimePrecision::Adaptive.timestamp(3).value(-1), Some(Value::Int64(-1)));
        assert_eq!(TimePrecision::Adaptive.time(0), TimeForm::Millis);
        assert_eq!(TimePrecision::AdaptiveTimeMicroseconds.time(0), TimeForm::Micros);
        assert_eq!(TimePrecision::Nanoseconds.timestamp(6).value(i64::MAX / 10), None);
        assert_eq!(TimePrecision::IsoString.date().value(19_782), Value::text("2024-02-29Z"));
    }

    proptest! {
        #[test]
        fn days_and_dates_are_inverse(day in -200_000_000_i64..200_000_000) {
            let (year, month, date) = civil(day);
            prop_assert_eq!(days(year, month, date), day);
        }
    }
}
