//! `money`, whose binary form does not tell how many of its digits stand behind the point: `money.fraction.digits`.
#![deny(clippy::indexing_slicing)]

use super::{Mismatch, padded};
use crate::data::Value;
use crate::source::decimal::{DecimalMode, fewest_bytes};

const WANTED: Mismatch = "money as it is written in English (see the database's lc_monetary)";

/// The value of `-$1,234.56` or `($1,234.56)`.
pub(super) fn value(mode: DecimalMode, digits: u32, text: &str) -> Result<Value, Mismatch> {
    let plain = plain(text).ok_or(WANTED)?;
    match mode {
        DecimalMode::Precise => Ok(Value::Bytes(fewest_bytes(rounded(&plain, digits).ok_or(WANTED)?))),
        mode => mode.value(&plain, 0).ok_or(WANTED),
    }
}

/// Nothing, with as many digits as the others have.
pub(super) fn zero(mode: DecimalMode, digits: u32) -> Value {
    mode.value(&padded("0", digits), digits).unwrap_or_default()
}

/// The number without currency and commas: `-1234.56`.
fn plain(text: &str) -> Option<String> {
    let is_digit = |c: char| c.is_ascii_digit();
    let (_, number) = text.split_at_checked(text.find(is_digit)?)?;
    let end = number.find(|c: char| !(is_digit(c) || matches!(c, ',' | '.'))).unwrap_or(number.len());
    let (number, behind) = number.split_at_checked(end)?;
    let (whole, fraction) = number.split_once('.').map_or((number, None), |(whole, fraction)| (whole, Some(fraction)));
    // A comma that does not part thousands is the point of another language.
    let is_english = whole.split(',').skip(1).all(|group| group.len() == 3)
        && fraction.is_none_or(|fraction| !fraction.is_empty() && fraction.chars().all(is_digit))
        && !behind.contains(is_digit);
    if !is_english {
        return None;
    }
    let mut plain = String::with_capacity(text.len());
    if text.starts_with('(') || text.contains('-') {
        plain.push('-');
    }
    plain.extend(whole.chars().filter(|c| *c != ','));
    if let Some(fraction) = fraction {
        plain.push('.');
        plain.push_str(fraction);
    }
    Some(plain)
}

/// The number with so many digits behind the point, half rounded up, without that point.
fn rounded(plain: &str, digits: u32) -> Option<i128> {
    let scale = plain.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let scale = u32::try_from(scale).ok()?;
    let number: i128 = plain.replace('.', "").parse().ok()?;
    if let Some(more) = digits.checked_sub(scale) {
        return number.checked_mul(10_i128.checked_pow(more)?);
    }
    let unit = 10_i128.checked_pow(scale - digits)?;
    let (whole, rest) = (number / unit, number % unit);
    Some(if rest.abs() >= unit / 2 { whole + number.signum() } else { whole })
}
