//! Bit strings: `bit`, `varbit`.
#![deny(clippy::indexing_slicing)]

use bytes::Bytes;

use super::Mismatch;
use crate::source::postgres::cursor::Cursor;

/// The bits of text (`1011`) as a number, little-endian, in the fewest bytes: `io.debezium.data.Bits`.
pub(super) fn text(cell: &[u8]) -> Result<Bytes, Mismatch> {
    if cell.iter().any(|digit| !matches!(digit, b'0' | b'1')) {
        return Err("a bit string");
    }
    Ok(packed(cell.iter().rev().map(|digit| *digit == b'1'), cell.len()))
}

/// The same from the binary form: the number of bits, then bytes, of which the first bit is the highest.
pub(super) fn binary(cell: &[u8]) -> Result<Bytes, Mismatch> {
    let mut data = Cursor(cell);
    let length = data.i32().ok().and_then(|length| usize::try_from(length).ok()).ok_or("a bit string")?;
    let bytes = data.bytes(length.div_ceil(8)).map_err(|_| "a bit string")?;
    let bit = |at: usize| bytes.get(at / 8).is_some_and(|byte| byte & (0x80 >> (at % 8)) != 0);
    Ok(packed((0..length).rev().map(bit), length))
}

/// Bits, the lowest first.
fn packed(bits: impl Iterator<Item = bool>, length: usize) -> Bytes {
    let mut bytes = Vec::with_capacity(length.div_ceil(8));
    for (index, bit) in bits.enumerate() {
        if index % 8 == 0 {
            bytes.push(0);
        }
        if let Some(last) = bytes.last_mut() {
            *last |= u8::from(bit) << (index % 8);
        }
    }
    bytes.truncate(bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1));
    bytes.into()
}
