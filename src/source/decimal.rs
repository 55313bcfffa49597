//! Exact decimals: `decimal.handling.mode`.
//!
//! A Connect `Decimal` is the unscaled number as Java's `BigInteger.toByteArray` gives it: big-endian, two's complement, in
//! the fewest bytes.

use bytes::Bytes;
use num_bigint::BigInt;

use crate::data::{Kind, Schema, Value, semantic};

/// `decimal.handling.mode`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecimalMode {
    /// Connect's `Decimal`
    Precise,
    /// A double, which may lose digits
    Double,
    /// Text
    String,
}

impl DecimalMode {
    /// The values of `decimal.handling.mode`.
    pub const NAMES: &'static [&'static str] = &["precise", "double", "string"];

    /// The mode of that name, `precise` by default.
    #[must_use]
    pub fn named(name: &str) -> Self {
        match name {
            "double" => Self::Double,
            "string" => Self::String,
            _ => Self::Precise,
        }
    }

    /// The schema of a decimal column of that scale and precision.
    #[must_use]
    pub fn schema(self, scale: i32, precision: Option<u32>) -> Schema {
        match self {
            Self::Precise => semantic::decimal(scale, precision),
            Self::Double => Schema::of(Kind::Float64),
            Self::String => Schema::of(Kind::Text),
        }
    }

    /// The value of a decimal's text (`-12.50`) for a column of that scale; `None` if it is no decimal of that scale.
    #[must_use]
    pub fn value(self, text: &str, scale: u32) -> Option<Value> {
        match self {
            Self::Precise => unscaled(text, scale).map(Value::Bytes),
            Self::Double => text.parse().ok().map(Value::Float64),
            Self::String => Some(Value::text(text)),
        }
    }
}

/// The unscaled number of a decimal's text, in the fewest bytes. Digits that the scale has no room for must be zeros.
#[must_use]
pub fn unscaled(text: &str, scale: u32) -> Option<Bytes> {
    let scale = usize::try_from(scale).ok()?;
    let (negative, digits) = match text.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest.strip_prefix(b"+").unwrap_or(rest)),
    };
    let point = digits.iter().position(|&b| b == b'.').unwrap_or(digits.len());
    let (whole, fraction) = digits.split_at(point);
    let fraction = fraction.get(1..).unwrap_or_default();
    let (kept, cut) = fraction.split_at(fraction.len().min(scale));
    if whole.is_empty() && fraction.is_empty() || cut.iter().any(|&b| b != b'0') {
        return None;
    }
    let padding = std::iter::repeat_n(&b'0', scale - kept.len());
    let mut small: Option<i128> = Some(0);
    for &digit in whole.iter().chain(kept).chain(padding.clone()) {
        let digit = if digit.is_ascii_digit() { digit - b'0' } else { return None };
        small = small.and_then(|n| n.checked_mul(10)).and_then(|n| n.checked_add(digit.into()));
    }
    if let Some(number) = small {
        return Some(fewest_bytes(if negative { -number } else { number }));
    }
    let text: Vec<u8> = whole.iter().chain(kept).chain(padding).copied().collect();
    let number = BigInt::parse_bytes(&text, 10)?;
    Some(Bytes::from((if negative { -number } else { number }).to_signed_bytes_be()))
}

/// A number as `BigInteger.toByteArray` gives it.
#[must_use]
pub fn fewest_bytes(number: i128) -> Bytes {
    let bytes = number.to_be_bytes();
    let sign = if number < 0 { 0xff } else { 0 };
    let mut start = 0;
    while let (Some(&first), Some(&second)) = (bytes.get(start), bytes.get(start + 1)) {
        if first != sign || (second ^ sign) & 0x80 != 0 {
            break;
        }
        start += 1;
    }
    Bytes::copy_from_slice(bytes.get(start..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn writes_what_java_writes() {
        // from Debezium's own records: 10.50, -0.01 and 99999999.99 of a decimal(10,2)
        assert_eq!(unscaled("10.50", 2).unwrap().as_ref(), [4, 26]);
        assert_eq!(unscaled("-0.01", 2).unwrap().as_ref(), [255]);
        assert_eq!(unscaled("99999999.99", 2).unwrap().as_ref(), [2, 84, 11, 227, 255]);
        assert_eq!(unscaled("0", 0).unwrap().as_ref(), [0]);
        assert_eq!(unscaled("128", 0).unwrap().as_ref(), [0, 128]);
        assert_eq!(unscaled("-128", 0).unwrap().as_ref(), [128]);
    }

    #[test]
    fn refuses_what_is_no_decimal_of_that_scale() {
        for text in ["", "-", ".", "NaN", "1.234", "1e5", "1.2.3"] {
            assert_eq!(unscaled(text, 2), None, "{text}");
        }
        assert_eq!(unscaled("1.2300", 2), unscaled("1.23", 2));
    }

    proptest! {
        #[test]
        fn large_and_small_agree_with_the_textbook(number in "-?[1-9][0-9]{0,60}", fraction in "[0-9]{0,5}") {
            let text = if fraction.is_empty() { number.clone() } else { format!("{number}.{fraction}") };
            let unscaled_text = format!("{number}{fraction:0<5}");
            let expected = unscaled_text.parse::<BigInt>().unwrap().to_signed_bytes_be();
            prop_assert_eq!(unscaled(&text, 5).unwrap().to_vec(), expected);
        }
    }
}
