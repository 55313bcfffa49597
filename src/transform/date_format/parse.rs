//! Text to instants.

use super::calendar::{Date, day_of};
use super::{DAY_MS, DateFormat, Item, Letter, MONTHS, WEEKDAYS};

/// What a text said.
#[derive(Default)]
struct Parsed {
    before_christ: bool,
    year: Option<i64>,
    /// Whether the year had the two digits that both ends of the hundred years around now have.
    short_year: bool,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    /// How many hours and halves of days were read: of two that differ the later counts.
    steps: usize,
    hour: Option<(usize, i64)>,
    hour_of_half: Option<(usize, i64)>,
    afternoon: Option<(usize, bool)>,
    minute: i64,
    second: i64,
    millisecond: i64,
    offset_minutes: i64,
}

impl DateFormat {
    /// The instant in milliseconds since the epoch; `None`: the text does not match.
    pub(in crate::transform) fn parse(&self, text: &str) -> Option<i64> {
        let mut rest = text;
        let mut parsed = Parsed::default();
        for (place, item) in self.items.iter().enumerate() {
            match item {
                Item::Text(expected) => rest = rest.strip_prefix(expected.as_str())?,
                Item::Field(letter, count) => {
                    // Where digits follow digits, only the letters say where the first number ends.
                    let abuts = matches!(self.items.get(place + 1),
                        Some(Item::Field(next, next_count)) if next.is_number(*next_count));
                    rest = rest.trim_start_matches([' ', '\t']);
                    rest = if letter.is_number(*count) {
                        self.number(&mut parsed, (*letter, *count), rest, abuts)?
                    } else {
                        word(&mut parsed, *letter, *count, rest)?
                    };
                }
            }
        }
        parsed.instant_ms(self.century_start_ms)
    }

    /// Reads a field that is a number, and gives what is left.
    fn number<'a>(
        &self,
        parsed: &mut Parsed,
        (letter, count): (Letter, usize),
        rest: &'a str,
        abuts: bool,
    ) -> Option<&'a str> {
        let limit = if abuts { count } else { usize::MAX };
        let length = rest.bytes().take(limit).take_while(u8::is_ascii_digit).count();
        let number: i64 = rest.get(..length)?.parse().ok().filter(|number| *number <= i64::from(i32::MAX))?;
        match letter {
            Letter::Year if count <= 2 && length == 2 => {
                let start = super::date_of(self.century_start_ms.div_euclid(DAY_MS)).year;
                let century = start / 100 * 100 + if number < start % 100 { 100 } else { 0 };
                parsed.year = Some(century + number);
                parsed.short_year = number == start % 100;
            }
            Letter::Year => parsed.year = Some(number),
            Letter::Month => parsed.month = Some(number),
            Letter::DayOfMonth => parsed.day = Some(number),
            Letter::DayOfYear => parsed.day_of_year = Some(number),
            Letter::Hour0To23 => parsed.hour = Some((parsed.step(), number)),
            Letter::Hour1To24 => parsed.hour = Some((parsed.step(), if number == 24 { 0 } else { number })),
            Letter::Hour0To11 => parsed.hour_of_half = Some((parsed.step(), number)),
            Letter::Hour1To12 => parsed.hour_of_half = Some((parsed.step(), if number == 12 { 0 } else { number })),
            Letter::Minute => parsed.minute = number,
            Letter::Second => parsed.second = number,
            Letter::Millisecond => parsed.millisecond = number,
            // A weekday does not change a date that is given, and gives none.
            _ => {}
        }
        rest.get(length..)
    }
}

/// Reads a field that is no number.
fn word<'a>(parsed: &mut Parsed, letter: Letter, count: usize, rest: &'a str) -> Option<&'a str> {
    match letter {
        Letter::Era => {
            let (place, rest) = one_of(rest, &["BC", "AD"])?;
            parsed.before_christ = place == 0;
            Some(rest)
        }
        Letter::AmPm => {
            let (place, rest) = one_of(rest, &["AM", "PM"])?;
            parsed.afternoon = Some((parsed.step(), place == 1));
            Some(rest)
        }
        Letter::Month => {
            let (place, rest) = one_of_names(rest, &MONTHS)?;
            parsed.month = Some(i64::try_from(place).ok()? + 1);
            Some(rest)
        }
        Letter::WeekdayName => Some(one_of_names(rest, &WEEKDAYS)?.1),
        Letter::IsoOffset => {
            if let Some(rest) = rest.strip_prefix('Z') {
                return Some(rest);
            }
            let form = [Form::Hours, Form::Minutes, Form::Colon].into_iter().nth(count - 1)?;
            let (minutes, rest) = offset(rest, form)?;
            parsed.offset_minutes = minutes;
            Some(rest)
        }
        _ => zone(parsed, rest),
    }
}

/// `+0100`, `GMT+01:00`, `GMT` or `UTC`.
fn zone<'a>(parsed: &mut Parsed, rest: &'a str) -> Option<&'a str> {
    if let Some((minutes, rest)) = offset(rest, Form::Minutes) {
        parsed.offset_minutes = minutes;
        return Some(rest);
    }
    let (name, rest) = one_of(rest, &["GMT", "UTC"])?;
    if name == 1 || !rest.starts_with(['+', '-']) {
        return Some(rest);
    }
    let (minutes, rest) = offset(rest, Form::Colon)?;
    parsed.offset_minutes = minutes;
    Some(rest)
}

/// How an offset is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Hours,
    Minutes,
    Colon,
}

/// An offset in minutes, east of Greenwich.
fn offset(rest: &str, form: Form) -> Option<(i64, &str)> {
    let (sign, rest) = match rest.as_bytes().first()? {
        b'+' => (1, rest.get(1..)?),
        b'-' => (-1, rest.get(1..)?),
        _ => return None,
    };
    let two =
        |rest: &str| rest.get(..2).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok();
    // An hour before a colon may have one digit.
    let one = form == Form::Colon && rest.as_bytes().get(1) == Some(&b':');
    let (hours, rest): (i64, &str) =
        if one { (rest.get(..1)?.parse().ok()?, rest.get(1..)?) } else { (two(rest)?, rest.get(2..)?) };
    let (minutes, rest): (i64, &str) = match form {
        Form::Hours => (0, rest),
        Form::Minutes => (two(rest)?, rest.get(2..)?),
        Form::Colon => {
            let rest = rest.strip_prefix(':')?;
            (two(rest)?, rest.get(2..)?)
        }
    };
    (hours <= 23 && minutes <= 59).then_some((sign * (hours * 60 + minutes), rest))
}

/// Which of the texts stands there, whatever its case, and what is left.
fn one_of<'a>(rest: &'a str, texts: &[&str]) -> Option<(usize, &'a str)> {
    let matches = |text: &str| rest.get(..text.len()).is_some_and(|start| start.eq_ignore_ascii_case(text));
    let place = texts.iter().position(|text| matches(text))?;
    Some((place, rest.get(texts[place].len()..)?))
}

/// The same for names in full or their first three letters.
fn one_of_names<'a>(rest: &'a str, names: &[&str]) -> Option<(usize, &'a str)> {
    one_of(rest, names).or_else(|| {
        let short: Vec<&str> = names.iter().map(|name| &name[..3]).collect();
        one_of(rest, &short)
    })
}

impl Parsed {
    fn step(&mut self) -> usize {
        self.steps += 1;
        self.steps
    }

    /// The hour from `H` or `k`, unless an hour and its half of the day were read after it.
    fn hour_of_day(&self) -> i64 {
        let half_step = self.hour_of_half.zip(self.afternoon).map(|((hour, _), (half, _))| hour.max(half));
        match self.hour {
            Some((step, hour)) if half_step.is_none_or(|half_step| step > half_step) => hour,
            _ => {
                let hour = self.hour_of_half.map_or(0, |(_, hour)| hour);
                hour + if self.afternoon.is_some_and(|(_, afternoon)| afternoon) { 12 } else { 0 }
            }
        }
    }

    fn instant_ms(&self, century_start_ms: i64) -> Option<i64> {
        let year = self.year.unwrap_or(1970);
        let year = if self.before_christ { 1 - year } else { year };
        let instant = self.instant_in(year)?;
        if self.short_year && instant < century_start_ms { self.instant_in(year + 100) } else { Some(instant) }
    }

    fn instant_in(&self, year: i64) -> Option<i64> {
        let days = match (self.month, self.day, self.day_of_year) {
            (None, None, Some(day)) => day_of(Date { year, month: 1, day: 1 }) + day - 1,
            (month, day, _) => day_of(Date { year, month: month.unwrap_or(1), day: day.unwrap_or(1) }),
        };
        let minutes = self.hour_of_day().checked_mul(60)?.checked_add(self.minute)?.checked_sub(self.offset_minutes)?;
        let seconds = minutes.checked_mul(60)?.checked_add(self.second)?;
        days.checked_mul(DAY_MS)?.checked_add(seconds.checked_mul(1000)?.checked_add(self.millisecond)?)
    }
}
