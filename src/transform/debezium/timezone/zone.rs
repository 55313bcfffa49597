//! A time zone, and ISO 8601 as Java's `OffsetDateTime` and `OffsetTime` read and write it.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

/// A time zone.
#[derive(Debug)]
pub(super) struct Zone(TimeZone);

/// The days of four hundred years, after which the calendar and the rules of zones repeat.
const CYCLE: i64 = 146_097 * 86_400;
/// Within the range of the library on both sides, offsets aside: the years -9000 and 9900.
const EARLIEST: i64 = -346_000_000_000;
const LATEST: i64 = 250_000_000_000;

impl Zone {
    /// By its name, or an offset: `+08:00`, `-03:30:00`.
    pub(super) fn named(name: &str) -> Option<Self> {
        if name.starts_with(['+', '-']) {
            let (seconds, rest) = offset(name)?;
            let is_offset = rest.is_empty() && matches!(name.len(), 6 | 9) && seconds.abs() <= 18 * 3600;
            return is_offset.then(|| Offset::from_seconds(seconds).ok())?.map(|offset| Self(TimeZone::fixed(offset)));
        }
        TimeZone::get(name).ok().map(Self)
    }

    /// The offset at an instant: seconds since the epoch.
    fn offset_at(&self, seconds: i64) -> i64 {
        Timestamp::from_second(within(seconds)).map_or(0, |at| self.0.to_offset(at).seconds()).into()
    }

    /// The offset at a local time, told as if it were UTC; the earlier one where there are two or none, as Java has it.
    fn offset_at_local(&self, seconds: i64) -> i64 {
        let Ok(at) = Timestamp::from_second(within(seconds)) else { return 0 };
        let offset = match self.0.to_ambiguous_timestamp(Offset::UTC.to_datetime(at)).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset,
            AmbiguousOffset::Gap { before, .. } | AmbiguousOffset::Fold { before, .. } => before,
        };
        offset.seconds().into()
    }

    /// The instant of a local time, both in so many units a second.
    pub(super) fn instant_of(&self, local: i64, units: i64) -> i64 {
        local.saturating_sub(self.offset_at_local(local.div_euclid(units)) * units)
    }

    /// The local time of an instant, both in so many units a second.
    pub(super) fn local_of(&self, instant: i64, units: i64) -> i64 {
        instant.saturating_add(self.offset_at(instant.div_euclid(units)) * units)
    }

    /// The same instant with the zone's offset; `None`: the text is no such time.
    pub(super) fn timestamp(&self, text: &str) -> Option<String> {
        let (day, rest) = date(text)?;
        let (second, nanos, rest) = time(rest.strip_prefix(['T', 't'])?)?;
        let (old, rest) = offset(rest)?;
        let local = day * 86_400 + second;
        let new = self.offset_at_local(local);
        let local = local - i64::from(old) + new;
        let mut written = String::with_capacity(text.len() + 5);
        write_date(&mut written, local.div_euclid(86_400));
        written.push('T');
        write_time(&mut written, local.rem_euclid(86_400), nanos);
        write_offset(&mut written, new);
        rest.is_empty().then_some(written)
    }

    /// The same time of day with the offset that the zone has now.
    pub(super) fn time(&self, text: &str) -> Option<String> {
        let (second, nanos, rest) = time(text)?;
        let (old, rest) = offset(rest)?;
        let new = self.offset_at(Timestamp::now().as_second());
        let mut written = String::with_capacity(text.len() + 5);
        write_time(&mut written, (second - i64::from(old) + new).rem_euclid(86_400), nanos);
        write_offset(&mut written, new);
        rest.is_empty().then_some(written)
    }
}

/// A time with the same offsets, of which the library knows.
fn within(seconds: i64) -> i64 {
    if seconds > LATEST { LATEST - CYCLE + (seconds - LATEST).rem_euclid(CYCLE) } else { seconds.max(EARLIEST) }
}

/// A number of so many digits, and what follows it.
fn digits(text: &str, count: usize) -> Option<(i64, &str)> {
    let (number, rest) = text.split_at_checked(count)?;
    let all = number.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| number.parse().ok())?.map(|number| (number, rest))
}

/// A number of so many digits that is no more than `max`.
fn part(text: &str, max: i64) -> Option<(i64, &str)> {
    digits(text, 2).filter(|(number, _)| *number <= max)
}

/// The days since the epoch of `[+-]YYYY-MM-DD`, whose year may have up to nine digits.
fn date(text: &str) -> Option<(i64, &str)> {
    let unsigned = text.trim_start_matches(['+', '-']);
    let length = unsigned.bytes().take_while(u8::is_ascii_digit).count();
    let (year, rest) = digits(unsigned, length).filter(|_| (4..=9).contains(&length))?;
    let year = if text.starts_with('-') { -year } else { year };
    let (month, rest) = part(rest.strip_prefix('-')?, 12)?;
    let (day, rest) = part(rest.strip_prefix('-')?, 31)?;
    Some((days(year, month, day), rest))
}

/// The second of the day, and the nanoseconds, of `HH:MM[:SS[.FFFFFFFFF]]`.
fn time(text: &str) -> Option<(i64, u32, &str)> {
    let (hour, rest) = part(text, 23)?;
    let (minute, rest) = part(rest.strip_prefix(':')?, 59)?;
    let Some(rest) = rest.strip_prefix(':') else { return Some((hour * 3600 + minute * 60, 0, rest)) };
    let (second, rest) = part(rest, 59)?;
    let second = hour * 3600 + minute * 60 + second;
    let Some(rest) = rest.strip_prefix('.') else { return Some((second, 0, rest)) };
    let length = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (fraction, rest) = rest.split_at_checked(length)?;
    let nanos = format!("{fraction:0<9}").parse().ok().filter(|_| (1..=9).contains(&length))?;
    Some((second, nanos, rest))
}

/// The seconds of `Z` or `[+-]HH:MM[:SS]`.
fn offset(text: &str) -> Option<(i32, &str)> {
    if let Some(rest) = text.strip_prefix(['Z', 'z']) {
        return Some((0, rest));
    }
    let unsigned = text.strip_prefix(['+', '-'])?;
    let (hours, rest) = part(unsigned, 18)?;
    let (minutes, rest) = part(rest.strip_prefix(':')?, 59)?;
    let (seconds, rest) = match rest.strip_prefix(':') {
        Some(rest) => part(rest, 59)?,
        None => (0, rest),
    };
    let seconds = i32::try_from(hours * 3600 + minutes * 60 + seconds).ok()?;
    Some((if text.starts_with('-') { -seconds } else { seconds }, rest))
}

/// Days since 1970-01-01, of the calendar that Java goes by for all years. The year begins in March, so that the leap day
/// is its last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
    let day = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year * 365 + year / 4 - year / 100 + day - 719_468
}

fn write_date(out: &mut String, days: i64) {
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + i64::from(month <= 2);
    let sign = if year < 0 {
        "-"
    } else if year > 9999 {
        "+"
    } else {
        ""
    };
    // Writing to a string cannot fail.
    let _ = write!(out, "{sign}{:04}-{month:02}-{day:02}", year.abs());
}

/// `HH:MM:SS`, and the fraction without zeros at its end.
fn write_time(out: &mut String, second: i64, nanos: u32) {
    let _ = write!(out, "{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60);
    if nanos > 0 {
        out.push('.');
        out.push_str(format!("{nanos:09}").trim_end_matches('0'));
    }
}

fn write_offset(out: &mut String, seconds: i64) {
    if seconds == 0 {
        out.push('Z');
        return;
    }
    let sign = if seconds < 0 { '-' } else { '+' };
    let (hours, minutes, seconds) = (seconds.abs() / 3600, seconds.abs() / 60 % 60, seconds.abs() % 60);
    let _ = write!(out, "{sign}{hours:02}:{minutes:02}");
    if seconds > 0 {
        let _ = write!(out, ":{seconds:02}");
    }
}
