//! Days and dates as `java.util.GregorianCalendar` counts them: Gregorian from 1582-10-15, Julian before. (A library's
//! proleptic calendar would differ from what Connect writes for the likes of year 1.)

/// 1582-10-15, in days since 1970-01-01.
const CUTOVER: i64 = -141_427;

/// A day of a year; years before 1 are 0, -1 and so on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Date {
    pub(super) year: i64,
    /// 1 to 12.
    pub(super) month: i64,
    pub(super) day: i64,
}

/// The date of a day since 1970-01-01. Years begin in March here, so that a leap day is the last of its year
/// (<https://howardhinnant.github.io/date_algorithms.html>).
pub(super) fn date_of(days: i64) -> Date {
    let (years_before, of_cycle) = if days >= CUTOVER {
        let shifted = days + 719_468;
        let of_era = shifted.rem_euclid(146_097);
        let centuries = (of_era / 36_524).min(3);
        let of_century = of_era - centuries * 36_524;
        (shifted.div_euclid(146_097) * 400 + centuries * 100 + of_century / 1461 * 4, of_century % 1461)
    } else {
        let shifted = days + 719_470;
        (shifted.div_euclid(1461) * 4, shifted.rem_euclid(1461))
    };
    let year_of_cycle = (of_cycle / 365).min(3);
    let of_year = of_cycle - year_of_cycle * 365;
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    Date { year: years_before + year_of_cycle + i64::from(month <= 2), month, day }
}

/// The day of a date; months and days beyond their range count on, as in a lenient calendar.
pub(super) fn day_of(Date { year, month, day }: Date) -> i64 {
    let year = year + (month - 1).div_euclid(12);
    let month = (month - 1).rem_euclid(12) + 1;
    let march_year = year - i64::from(month <= 2);
    let month_from_march = (month + 9) % 12;
    let of_year = (153 * month_from_march + 2) / 5;
    let years = march_year * 365 + march_year.div_euclid(4);
    let first = if (year, month, day) >= (1582, 10, 15) {
        years - march_year.div_euclid(100) + march_year.div_euclid(400) - 719_468
    } else {
        years - 719_470
    };
    first + of_year + day - 1
}

/// Monday is 0.
pub(super) const fn weekday_of(days: i64) -> i64 {
    (days + 3).rem_euclid(7)
}
