//! Patterns of `java.text.SimpleDateFormat`, in UTC and English: instants to text, and text to instants.
//!
//! Letters that depend on a locale's weeks (`Y`, `w`, `W`, `F`) are refused when the pattern is read. Parsing is lenient as
//! Java's: a thirteenth month is the next year's first, and text after what the pattern asks for is left alone. Two things
//! are stricter: numbers have no sign, and of zones by name only `UTC` and `GMT` are known.

mod calendar;
mod parse;

#[cfg(test)]
mod tests;

use std::fmt::Write;

use calendar::{Date, date_of, day_of, weekday_of};

const DAY_MS: i64 = 86_400_000;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// A pattern that was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DateFormat {
    pattern: String,
    items: Vec<Item>,
    /// Where the hundred years begin that two-digit years are of, milliseconds since the epoch: eighty years ago.
    century_start_ms: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Item {
    Text(String),
    Field(Letter, usize),
}

/// The letters that mean something, with Java's meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Letter {
    Era,
    Year,
    Month,
    DayOfMonth,
    DayOfYear,
    WeekdayName,
    /// Monday is 1.
    WeekdayNumber,
    AmPm,
    Hour0To23,
    Hour1To24,
    Hour0To11,
    Hour1To12,
    Minute,
    Second,
    Millisecond,
    /// `z`: names of zones.
    Zone,
    /// `Z`: +0100.
    Offset,
    /// `X`: Z, +01, +0100, +01:00.
    IsoOffset,
}

impl Letter {
    const fn of(letter: char) -> Option<Self> {
        Some(match letter {
            'G' => Self::Era,
            'y' => Self::Year,
            'M' | 'L' => Self::Month,
            'd' => Self::DayOfMonth,
            'D' => Self::DayOfYear,
            'E' => Self::WeekdayName,
            'u' => Self::WeekdayNumber,
            'a' => Self::AmPm,
            'H' => Self::Hour0To23,
            'k' => Self::Hour1To24,
            'K' => Self::Hour0To11,
            'h' => Self::Hour1To12,
            'm' => Self::Minute,
            's' => Self::Second,
            'S' => Self::Millisecond,
            'z' => Self::Zone,
            'Z' => Self::Offset,
            'X' => Self::IsoOffset,
            _ => return None,
        })
    }

    /// Whether that many of it stand for digits.
    const fn is_number(self, count: usize) -> bool {
        match self {
            Self::Era | Self::WeekdayName | Self::AmPm | Self::Zone | Self::Offset | Self::IsoOffset => false,
            Self::Month => count <= 2,
            _ => true,
        }
    }
}

impl DateFormat {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it, with the position.
    pub(super) fn parse_pattern(pattern: &str) -> Result<Self, String> {
        let mut items: Vec<Item> = Vec::new();
        let mut quote: Option<usize> = None;
        let mut characters = pattern.char_indices().peekable();
        while let Some((position, character)) = characters.next() {
            if character == '\'' {
                if characters.next_if(|(_, next)| *next == '\'').is_some() {
                    push_text(&mut items, '\'');
                } else {
                    quote = if quote.is_some() { None } else { Some(position) };
                }
            } else if quote.is_some() || !character.is_ascii_alphabetic() {
                push_text(&mut items, character);
            } else {
                let mut count = 1;
                while characters.next_if(|(_, next)| *next == character).is_some() {
                    count += 1;
                }
                items.push(Item::Field(letter(character, count, position)?, count));
            }
        }
        if let Some(position) = quote {
            return Err(format!("has a quote at position {position} that none closes; '' stands for a quote"));
        }
        let now = jiff::Timestamp::now().as_millisecond();
        let Date { year, month, day } = date_of(now.div_euclid(DAY_MS));
        let start = day_of(Date { year: year - 80, month, day }) * DAY_MS + now.rem_euclid(DAY_MS);
        Ok(Self { pattern: pattern.to_owned(), items, century_start_ms: start })
    }

    /// The pattern as it was written.
    pub(super) fn pattern(&self) -> &str {
        &self.pattern
    }

    /// Writes the instant, which is in milliseconds since the epoch.
    pub(super) fn format(&self, instant_ms: i64, out: &mut String) {
        let instant = Instant::of(instant_ms);
        for item in &self.items {
            match item {
                Item::Text(text) => out.push_str(text),
                Item::Field(letter, count) => instant.write(out, *letter, *count),
            }
        }
    }
}

fn push_text(items: &mut Vec<Item>, character: char) {
    match items.last_mut() {
        Some(Item::Text(text)) => text.push(character),
        _ => items.push(Item::Text(character.into())),
    }
}

fn letter(letter: char, count: usize, position: usize) -> Result<Letter, String> {
    match (Letter::of(letter), letter) {
        (Some(Letter::IsoOffset), _) if count > 3 => Err(format!("has more than three X, at position {position}")),
        (Some(known), _) => Ok(known),
        (None, 'Y' | 'w' | 'W' | 'F') => Err(format!(
            "has the letter {letter} at position {position}, whose weeks depend on a locale; use y, M, d, D, E or u"
        )),
        (None, _) => Err(format!(
            "has the letter {letter} at position {position}, which means nothing in SimpleDateFormat; quotes ('{letter}') \
             make it text"
        )),
    }
}

/// An instant, taken apart.
struct Instant {
    days: i64,
    date: Date,
    of_day_ms: i64,
}

impl Instant {
    fn of(instant_ms: i64) -> Self {
        let days = instant_ms.div_euclid(DAY_MS);
        Self { days, date: date_of(days), of_day_ms: instant_ms.rem_euclid(DAY_MS) }
    }

    fn write(&self, out: &mut String, letter: Letter, count: usize) {
        let hour = self.of_day_ms / 3_600_000;
        let number = match letter {
            Letter::Era => return out.push_str(if self.date.year > 0 { "AD" } else { "BC" }),
            Letter::Month if count >= 3 => return out.push_str(name(&MONTHS, self.date.month - 1, count)),
            Letter::WeekdayName => return out.push_str(name(&WEEKDAYS, weekday_of(self.days), count)),
            Letter::AmPm => return out.push_str(if hour < 12 { "AM" } else { "PM" }),
            Letter::Zone => return out.push_str(if count >= 4 { "Coordinated Universal Time" } else { "UTC" }),
            Letter::Offset => return out.push_str("+0000"),
            Letter::IsoOffset => return out.push('Z'),
            Letter::Year if count == 2 => self.year_of_era() % 100,
            Letter::Year => self.year_of_era(),
            Letter::Month => self.date.month,
            Letter::DayOfMonth => self.date.day,
            Letter::DayOfYear => self.days - day_of(Date { month: 1, day: 1, ..self.date }) + 1,
            Letter::WeekdayNumber => weekday_of(self.days) + 1,
            Letter::Hour0To23 => hour,
            Letter::Hour1To24 => (hour + 23) % 24 + 1,
            Letter::Hour0To11 => hour % 12,
            Letter::Hour1To12 => (hour + 11) % 12 + 1,
            Letter::Minute => self.of_day_ms / 60_000 % 60,
            Letter::Second => self.of_day_ms / 1000 % 60,
            Letter::Millisecond => self.of_day_ms % 1000,
        };
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(number);
        (digits.len()..count).for_each(|_| out.push('0'));
        out.push_str(digits);
    }

    const fn year_of_era(&self) -> i64 {
        if self.date.year > 0 { self.date.year } else { 1 - self.date.year }
    }
}

/// A name in full from four letters on, else its first three.
fn name(names: &[&'static str], place: i64, count: usize) -> &'static str {
    let name = usize::try_from(place).ok().and_then(|place| names.get(place)).copied().unwrap_or_default();
    if count >= 4 { name } else { name.get(..3).unwrap_or(name) }
}

/// The text that Connect's `Values.dateFormatFor` gives an instant: a time, a date or both, whichever says all.
pub(super) fn iso_text(instant_ms: i64) -> String {
    let instant = Instant::of(instant_ms);
    let mut text = String::new();
    let (with_date, with_time) = match (instant_ms < DAY_MS, instant.of_day_ms) {
        (true, _) => (false, true),
        (false, 0) => (true, false),
        (false, _) => (true, true),
    };
    // A String takes whatever is written.
    if with_date {
        let Date { year: _, month, day } = instant.date;
        let _ = write!(text, "{:04}-{month:02}-{day:02}", instant.year_of_era());
    }
    if with_date && with_time {
        text.push('T');
    }
    if with_time {
        let of_day = instant.of_day_ms;
        let (hours, minutes, seconds) = (of_day / 3_600_000, of_day / 60_000 % 60, of_day / 1000 % 60);
        let _ = write!(text, "{hours:02}:{minutes:02}:{seconds:02}.{:03}Z", of_day % 1000);
    }
    text
}
