//! Intervals: `interval.handling.mode`.
#![deny(clippy::indexing_slicing)]

use std::fmt::Write as _;

use super::{Decoded, Mismatch};
use crate::data::{Kind, Schema, Value, semantic};
use crate::source::postgres::cursor::Cursor;

const HOUR_US: i64 = 3_600_000_000;
const MINUTE_US: i64 = 60_000_000;
const SECOND_US: i64 = 1_000_000;
/// What Debezium counts for a month.
const DAYS_OF_MONTH: f64 = 30.4375;

/// `interval.handling.mode`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::source::postgres) enum IntervalForm {
    /// `io.debezium.time.MicroDuration`
    Micros,
    /// `io.debezium.time.Interval`: ISO 8601 text
    Iso,
}

impl IntervalForm {
    /// Its schema, required.
    pub(in crate::source::postgres) fn schema(self) -> Schema {
        match self {
            Self::Micros => semantic::of(Kind::Int64, semantic::MICRO_DURATION),
            Self::Iso => semantic::of(Kind::Text, semantic::INTERVAL),
        }
    }

    /// No time at all.
    pub(super) fn zero(self) -> Value {
        Interval::default().in_form(self)
    }
}

/// An interval, as PostgreSQL keeps it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Interval {
    months: i32,
    days: i32,
    micros: i64,
}

impl Interval {
    /// `1 year 2 mons -3 days +04:05:06.789`, as `IntervalStyle` `postgres` has it; `None` for the ends of time.
    pub(super) fn text(cell: &str) -> Result<Option<Self>, Mismatch> {
        if matches!(cell, "infinity" | "-infinity") {
            return Ok(None);
        }
        Self::parse(cell).map(Some).ok_or("an interval")
    }

    /// From the binary form; `None` for the ends of time.
    pub(super) fn binary(cell: &[u8]) -> Result<Option<Self>, Mismatch> {
        let mut data = Cursor(cell);
        let short = |_| "an interval";
        let micros = data.i64().map_err(short)?;
        let (days, months) = (data.i32().map_err(short)?, data.i32().map_err(short)?);
        let is_end = (micros, days, months) == (i64::MAX, i32::MAX, i32::MAX)
            || (micros, days, months) == (i64::MIN, i32::MIN, i32::MIN);
        Ok((!is_end).then_some(Self { months, days, micros }))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut interval = Self::default();
        let mut words = text.split(' ');
        let mut any = false;
        while let Some(word) = words.next() {
            any = true;
            if word.contains(':') {
                interval.micros = clock(word)?;
                return words.next().is_none().then_some(interval);
            }
            let number: i32 = word.parse().ok()?;
            match words.next()?.trim_end_matches('s') {
                "year" => interval.months = interval.months.checked_add(number.checked_mul(12)?)?,
                "mon" => interval.months = interval.months.checked_add(number)?,
                "day" => interval.days = number,
                _ => return None,
            }
        }
        any.then_some(interval)
    }

    /// Its value; the ends of time have none.
    pub(super) fn value(interval: Option<Self>, form: IntervalForm) -> Decoded {
        interval.map_or(Decoded::Unrepresentable, |interval| interval.in_form(form).into())
    }

    fn in_form(self, form: IntervalForm) -> Value {
        match form {
            IntervalForm::Micros => Value::Int64(self.in_micros()),
            IntervalForm::Iso => Value::text(self.iso()),
        }
    }

    /// Debezium's arithmetic, in doubles: `MicroDuration.durationMicros`.
    fn in_micros(self) -> i64 {
        let days = f64::from(self.months) * DAYS_OF_MONTH + f64::from(self.days);
        let hours = (self.micros / HOUR_US) as f64;
        let minutes = (self.micros % HOUR_US / MINUTE_US) as f64;
        let of_minute = self.micros % MINUTE_US;
        let seconds = (of_minute / SECOND_US) as f64 + (of_minute % SECOND_US) as f64 / 1e6;
        let micros = (((days * 24.0 + hours) * 60.0 + minutes) * 60.0 + seconds) * 1e6;
        #[expect(clippy::cast_possible_truncation, reason = "what is too large becomes the largest, as in Java")]
        let micros = micros as i64;
        micros
    }

    /// `P1Y2M3DT4H5M6.789S`
    fn iso(self) -> String {
        let (years, months) = (self.months / 12, self.months % 12);
        let (hours, minutes) = (self.micros / HOUR_US, self.micros % HOUR_US / MINUTE_US);
        let of_minute = self.micros % MINUTE_US;
        let sign = if of_minute < 0 { "-" } else { "" };
        let (seconds, fraction) = ((of_minute / SECOND_US).abs(), (of_minute % SECOND_US).abs());
        let mut text = format!("P{years}Y{months}M{}DT{hours}H{minutes}M{sign}{seconds}", self.days);
        if fraction != 0 {
            // Writing to a string cannot fail.
            let _ = write!(text, ".{fraction:06}");
            text.truncate(text.trim_end_matches('0').len());
        }
        text.push('S');
        text
    }
}

/// `-04:05:06.789`, in microseconds.
fn clock(text: &str) -> Option<i64> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(text) => (true, text),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut parts = text.split(':');
    let hours = number(parts.next()?)?.checked_mul(HOUR_US)?;
    let minutes = number(parts.next()?)?.checked_mul(MINUTE_US)?;
    let (seconds, fraction) = parts.next().map(|seconds| seconds.split_once('.').unwrap_or((seconds, "")))?;
    let scale = 10_i64.pow(6_u32.checked_sub(u32::try_from(fraction.len()).ok()?)?);
    let fraction = if fraction.is_empty() { 0 } else { number(fraction)? * scale };
    let seconds = number(seconds)?.checked_mul(SECOND_US)?;
    // The sum is made below zero, where there is room for one more.
    let sum = 0_i64.checked_sub(hours)?.checked_sub(minutes)?.checked_sub(seconds)?.checked_sub(fraction)?;
    if parts.next().is_some() {
        return None;
    }
    if negative { Some(sum) } else { sum.checked_neg() }
}

fn number(digits: &str) -> Option<i64> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}
