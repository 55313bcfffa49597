//! Points and figures of the plane.
#![deny(clippy::indexing_slicing)]

use bytes::Bytes;

use super::Mismatch;
use crate::data::{Value, number};
use crate::source::postgres::cursor::Cursor;

/// A point's value: its coordinates, and well-known binary, little-endian.
pub(super) fn point(x: f64, y: f64) -> Value {
    const POINT: [u8; 5] = [1, 1, 0, 0, 0];
    let wkb = [&POINT[..], &x.to_le_bytes(), &y.to_le_bytes()].concat();
    Value::Struct(Box::new([Value::Float64(x), Value::Float64(y), Value::Bytes(Bytes::from(wkb)), Value::Null]))
}

/// `(1.5,-2.25)`
pub(super) fn point_text(text: &str) -> Result<Value, Mismatch> {
    let inside = text.strip_prefix('(').and_then(|text| text.strip_suffix(')'));
    let coordinates = inside.and_then(|text| text.split_once(','));
    let parsed = coordinates.and_then(|(x, y)| Some((x.parse().ok()?, y.parse().ok()?)));
    parsed.map(|(x, y)| point(x, y)).ok_or("a point")
}

/// The binary form: both coordinates.
pub(super) fn point_binary(cell: &[u8]) -> Result<Value, Mismatch> {
    let mut data = Cursor(cell);
    let mut coordinate = || data.u64().map(f64::from_bits).map_err(|_| "a point");
    Ok(point(coordinate()?, coordinate()?))
}

/// PostGIS's text: extended well-known binary in hexadecimal digits. It stays what it is; the system of its coordinates
/// is told beside it.
pub(super) fn postgis(cell: &[u8]) -> Result<Value, Mismatch> {
    const HAS_SRID: u32 = 0x2000_0000;
    const WANTED: Mismatch = "a geometry in well-known binary";
    let wkb = super::digits(cell).ok_or(WANTED)?;
    let (order, rest) = wkb.split_first().ok_or(WANTED)?;
    let number = |bytes: [u8; 4]| if *order == 0 { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) };
    let (kind, rest) = rest.split_first_chunk().ok_or(WANTED)?;
    // What follows is a number in any case.
    let (srid, _) = rest.split_first_chunk().ok_or(WANTED)?;
    let srid = (number(*kind) & HAS_SRID != 0).then(|| Value::Int32(number(*srid).cast_signed()));
    Ok(Value::Struct(Box::new([Value::Bytes(wkb.into()), srid.unwrap_or_default()])))
}

/// A collection of no geometries.
pub(super) fn no_geometry() -> Value {
    let wkb = Bytes::from_static(&[1, 7, 0, 0, 0, 0, 0, 0, 0]);
    Value::Struct(Box::new([Value::Bytes(wkb), Value::Null]))
}

/// The text of a figure (`((0,0),(1,1))`) with its numbers as pgjdbc's classes for figures write them: `((0.0,0.0),(1.0,1.0))`.
pub(super) fn figure(text: &str) -> Result<Vec<u8>, Mismatch> {
    let is_mark = |c: char| matches!(c, '(' | ')' | '[' | ']' | '<' | '>' | '{' | '}' | ',');
    let mut written = Vec::with_capacity(text.len() * 2);
    for part in text.split_inclusive(is_mark) {
        let (number, mark) = part.split_at(part.trim_end_matches(is_mark).len());
        if !number.is_empty() {
            number::write_float(&mut written, number.parse::<f64>().map_err(|_| "a figure of the plane")?);
        }
        written.extend_from_slice(mark.as_bytes());
    }
    Ok(written)
}
