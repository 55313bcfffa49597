//! Decimals as numbers: what transforms make of Connect's `Decimal`, and of numbers in options (`java.math.BigDecimal`).

use num_bigint::BigInt;

use crate::data::{Value, number};

/// `unscaled` × 10^-`scale`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decimal {
    pub(super) unscaled: BigInt,
    pub(super) scale: i32,
}

impl Decimal {
    /// The decimal in a value's bytes.
    pub(super) fn from_bytes(bytes: &[u8], scale: i32) -> Self {
        Self { unscaled: BigInt::from_signed_bytes_be(bytes), scale }
    }

    /// The decimal that a text is: digits, perhaps with a sign, a point and an exponent, and nothing around them.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        let unsigned = digits.strip_prefix(['+', '-']).unwrap_or(&digits);
        if unsigned.is_empty() || !unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let scale = i32::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
        Some(Self { unscaled: digits.parse().ok()?, scale })
    }

    /// The whole part's lowest 64 bits: `BigDecimal.longValue`.
    pub(super) fn to_i64(&self) -> i64 {
        let Some(whole) = self.whole() else { return 0 };
        let negative = whole.sign() == num_bigint::Sign::Minus;
        let mut low = [if negative { 0xff } else { 0 }; 8];
        for (to, from) in low.iter_mut().zip(whole.to_signed_bytes_le()) {
            *to = from;
        }
        i64::from_le_bytes(low)
    }

    /// The same number, if it is whole and fits.
    pub(super) fn to_exact_i64(&self) -> Option<i64> {
        if self.scale > 0 && self.rescaled(0).is_none() {
            return None;
        }
        let zeros = u32::try_from(-i64::from(self.scale)).unwrap_or(0);
        // More than nineteen zeros fit only behind a zero.
        if zeros > 19 {
            return (self.unscaled == BigInt::ZERO).then_some(0);
        }
        i64::try_from(self.whole()?).ok()
    }

    /// The whole part; `None`: its lowest 64 bits are zero.
    fn whole(&self) -> Option<BigInt> {
        let ten = BigInt::from(10);
        if self.scale > 0 {
            let scale = u32::try_from(self.scale).ok()?;
            // Every digit is worth more than three bits.
            (u64::from(scale) <= self.unscaled.bits() / 3 + 1).then(|| &self.unscaled / ten.pow(scale))
        } else {
            // Each zero is worth a bit at least.
            let zeros = u32::try_from(-i64::from(self.scale)).ok()?;
            (zeros < 64).then(|| &self.unscaled * ten.pow(zeros))
        }
    }

    /// The unscaled number at that scale; `None`: it would lose digits, or be absurdly long.
    pub(super) fn rescaled(&self, scale: i32) -> Option<BigInt> {
        const ZEROS_MAX: u32 = 10_000;
        let ten = BigInt::from(10);
        let zeros = i64::from(scale) - i64::from(self.scale);
        let power = ten.pow(u32::try_from(zeros.unsigned_abs()).ok().filter(|zeros| *zeros <= ZEROS_MAX)?);
        if zeros >= 0 {
            return Some(&self.unscaled * power);
        }
        (&self.unscaled % &power == BigInt::ZERO).then(|| &self.unscaled / power)
    }

    /// The text of `BigDecimal.toString`.
    pub(super) fn to_text(&self) -> String {
        let mut text = Vec::new();
        number::write_decimal(&mut text, &self.unscaled.to_signed_bytes_be(), self.scale);
        String::from_utf8(text).unwrap_or_default()
    }

    /// The nearest number of that type.
    pub(super) fn to_float<F: std::str::FromStr + Default>(&self) -> F {
        self.to_text().parse().unwrap_or_default()
    }

    /// Connect's value of it.
    pub(super) fn to_value(unscaled: &BigInt) -> Value {
        Value::Bytes(unscaled.to_signed_bytes_be().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As jshell prints `new BigDecimal(…)`, its `longValue()`, and whether `longValueExact()` throws.
    #[test]
    fn decimals_are_javas() {
        for (text, printed, low, exact) in [
            ("1.50", "1.50", 1, None),
            ("-0.9", "-0.9", 0, None),
            ("+12", "12", 12, Some(12)),
            ("12.000", "12.000", 12, Some(12)),
            ("1e3", "1E+3", 1000, Some(1000)),
            ("-1.5E+1", "-15", -15, Some(-15)),
            (".5", "0.5", 0, None),
            ("5.", "5", 5, Some(5)),
            ("9223372036854775808", "9223372036854775808", i64::MIN, None),
            ("-9223372036854775808", "-9223372036854775808", i64::MIN, Some(i64::MIN)),
            ("1e400", "1E+400", 0, None),
            ("1e-400", "1E-400", 0, None),
            ("0e30", "0E+30", 0, Some(0)),
        ] {
            let decimal = Decimal::parse(text).unwrap();
            assert_eq!((decimal.to_text().as_str(), decimal.to_i64(), decimal.to_exact_i64()), (printed, low, exact));
        }
        for text in ["", "+", ".", "1.2.3", "1e", "e1", " 1", "0x1", "1_000", "--1", "1.-2"] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
        assert_eq!(Decimal::parse("1.5").unwrap().rescaled(3), Some(1500.into()));
        assert_eq!(Decimal::parse("1.50").unwrap().rescaled(1), Some(15.into()));
        assert_eq!(Decimal::parse("1.55").unwrap().rescaled(1), None);
    }
}
