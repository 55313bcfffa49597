//! Numbers as Java writes them: `Float.toString`, `Double.toString` and `BigDecimal.toString`.
//!
//! Consumers see these texts in JSON and in headers, so they are part of the format. Floating-point numbers follow the
//! specification of Java 19 and later (the shortest digits that read back as the same number); older ones now and then
//! print a digit more.

use crate::data::{Schema, semantic};

/// The scale of Connect's `Decimal`; `None` of every other schema.
pub fn decimal_scale(schema: &Schema) -> Option<i32> {
    let scale = || schema.parameters.iter().find(|(name, _)| &**name == "scale")?.1.parse().ok();
    (schema.name.as_deref() == Some(semantic::DECIMAL)).then(scale).flatten()
}

/// A floating-point number that Java writes.
pub trait Float: ryu::Float + std::fmt::LowerExp + Copy + Into<f64> {}
impl Float for f32 {}
impl Float for f64 {}

/// The text of `Double.toString` and `Float.toString`; `NaN`, `Infinity` and `-Infinity` are the caller's to quote.
pub fn write_float<F: Float>(out: &mut Vec<u8>, number: F) {
    let wide: f64 = number.into();
    if wide == 0.0 || (1e-3..1e7).contains(&wide.abs()) {
        // Here the two spellings are the same.
        out.extend_from_slice(ryu::Buffer::new().format(number).as_bytes());
    } else if wide.is_finite() {
        write_scientific(out, number);
    } else {
        let name = if wide.is_nan() { "NaN" } else { ["Infinity", "-Infinity"][usize::from(wide < 0.0)] };
        out.extend_from_slice(name.as_bytes());
    }
}

/// Java's `1.0E10`: one digit, a point, at least one more digit, the exponent without a plus.
fn write_scientific<F: Float>(out: &mut Vec<u8>, number: F) {
    let shortest = format!("{number:e}");
    // A single digit gets company: Java takes the nearest of the two-digit decimals (4.9E-324, not 5.0E-324).
    let text = if shortest.contains('.') { shortest } else { format!("{number:.1e}") };
    out.extend(text.bytes().map(|byte| byte.to_ascii_uppercase()));
}

/// The text of `BigDecimal.toString` for an unscaled number (big-endian, two's complement) and its scale.
pub fn write_decimal(out: &mut Vec<u8>, unscaled: &[u8], scale: i32) {
    let (negative, digits) = decimal_digits(unscaled);
    if negative {
        out.push(b'-');
    }
    let scale = i64::from(scale);
    let exponent = i64::try_from(digits.len()).unwrap_or(i64::MAX) - 1 - scale;
    if scale >= 0 && exponent >= -6 {
        write_plain(out, digits.as_bytes(), usize::try_from(scale).unwrap_or_default());
        return;
    }
    let (first, rest) = digits.split_at(1);
    out.extend_from_slice(first.as_bytes());
    if !rest.is_empty() {
        out.push(b'.');
        out.extend_from_slice(rest.as_bytes());
    }
    if exponent != 0 {
        out.extend_from_slice(format!("E{exponent:+}").as_bytes());
    }
}

/// The digits with a point before the last `scale` of them, and zeros where digits are missing.
fn write_plain(out: &mut Vec<u8>, digits: &[u8], scale: usize) {
    let (whole, fraction) = digits.split_at(digits.len().saturating_sub(scale));
    out.extend_from_slice(if whole.is_empty() { b"0" } else { whole });
    if scale > 0 {
        out.push(b'.');
        out.resize(out.len() + scale - fraction.len(), b'0');
        out.extend_from_slice(fraction);
    }
}

/// Sign and decimal digits of a number in two's complement, big-endian; no bytes are zero.
fn decimal_digits(unscaled: &[u8]) -> (bool, String) {
    let negative = unscaled.first().is_some_and(|byte| byte & 0x80 != 0);
    if unscaled.len() <= 16 {
        let fill = if negative { u128::MAX } else { 0 };
        let bits = unscaled.iter().fold(fill, |bits, byte| bits << 8 | u128::from(*byte));
        return (negative, bits.cast_signed().unsigned_abs().to_string());
    }
    (negative, long_digits(limbs_of_magnitude(unscaled, negative)))
}

/// The magnitude in limbs of 32 bits, the most significant first.
fn limbs_of_magnitude(unscaled: &[u8], negative: bool) -> Vec<u32> {
    let fill = if negative { u32::MAX } else { 0 };
    let mut limbs: Vec<u32> = unscaled
        .rchunks(4)
        .rev()
        .map(|bytes| bytes.iter().fold(fill, |limb, byte| limb << 8 | u32::from(*byte)))
        .collect();
    if negative {
        let mut carry = true;
        for limb in limbs.iter_mut().rev() {
            (*limb, carry) = (!*limb).overflowing_add(u32::from(carry));
        }
        if carry {
            limbs.insert(0, 1);
        }
    }
    limbs
}

/// Decimal digits by repeated division: nine digits a round.
fn long_digits(mut limbs: Vec<u32>) -> String {
    const NINE_DIGITS: u64 = 1_000_000_000;
    let mut groups = Vec::new();
    let mut start = 0;
    while let Some(significant) = limbs.get_mut(start..).filter(|limbs| !limbs.is_empty()) {
        let mut remainder = 0_u64;
        for limb in significant.iter_mut() {
            let dividend = remainder << 32 | u64::from(*limb);
            *limb = u32::try_from(dividend / NINE_DIGITS).unwrap_or(u32::MAX);
            remainder = dividend % NINE_DIGITS;
        }
        groups.push(remainder);
        start += significant.iter().take_while(|limb| **limb == 0).count();
    }
    let mut groups = groups.into_iter().rev().skip_while(|group| *group == 0);
    let mut digits = groups.next().unwrap_or_default().to_string();
    digits.extend(groups.map(|group| format!("{group:09}")));
    digits
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn float<F: Float>(number: F) -> String {
        let mut out = Vec::new();
        write_float(&mut out, number);
        String::from_utf8(out).unwrap()
    }

    fn decimal(unscaled: &[u8], scale: i32) -> String {
        let mut out = Vec::new();
        write_decimal(&mut out, unscaled, scale);
        String::from_utf8(out).unwrap()
    }

    /// As jshell prints them.
    #[test]
    fn floats_are_spelled_as_java_spells_them() {
        for (number, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (-12.5, "-12.5"),
            (0.001, "0.001"),
            (0.000_999, "9.99E-4"),
            (9_999_999.0, "9999999.0"),
            (1e7, "1.0E7"),
            (12_345_678.9, "1.23456789E7"),
            (1e21, "1.0E21"),
            (1e-7, "1.0E-7"),
            (-1.5e-10, "-1.5E-10"),
            (f64::MAX, "1.7976931348623157E308"),
            (5e-324, "4.9E-324"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "Infinity"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(float(number), text);
        }
        for (number, text) in
            [(1.5_f32, "1.5"), (1_234.567_f32, "1234.567"), (16_777_216_f32, "1.6777216E7"), (1e-45, "1.4E-45")]
        {
            assert_eq!(float(number), text);
        }
    }

    /// As jshell prints `new BigDecimal(new BigInteger(bytes), scale)`.
    #[test]
    fn decimals_are_spelled_as_java_spells_them() {
        for (unscaled, scale, text) in [
            (&[125_u8][..], 2, "1.25"),
            (&[0x83], 2, "-1.25"),
            (&[0], 2, "0.00"),
            (&[0], 8, "0E-8"),
            (&[], 0, "0"),
            (&[1], 6, "0.000001"),
            (&[1], 7, "1E-7"),
            (&[12], 8, "1.2E-7"),
            (&[12], -3, "1.2E+4"),
            (&[0x01, 0x5e], 2, "3.50"),
            (&[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 0, "-170141183460469231731687303715884105728"),
            (&[0x00, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 0, "170141183460469231731687303715884105728"),
            (&[0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 0, "-340282366920938463463374607431768211456"),
        ] {
            assert_eq!(decimal(unscaled, scale), text);
        }
    }

    proptest! {
        #[test]
        fn the_long_way_gives_the_digits_of_the_short_way(number: i128) {
            let mut padded = vec![if number < 0 { 0xff } else { 0 }; 5];
            padded.extend_from_slice(&number.to_be_bytes());
            prop_assert_eq!(decimal(&padded, 0), number.to_string());
        }

        #[test]
        fn a_float_reads_back(number: f64) {
            prop_assume!(number.is_finite());
            prop_assert_eq!(float(number).parse::<f64>().unwrap().to_bits(), number.to_bits());
        }
    }
}
