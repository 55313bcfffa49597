//! Points and figures of the plane.
#![deny(clippy::indexing_slicing)]

use bytes::Bytes;

use super::Mismatch;
use crate::data::{Field, Kind, Schema, Value, number, semantic};
use crate::source::postgres::cursor::Cursor;

/// `io.debezium.data.geometry.Point`
pub(in crate::source::postgres) fn point_schema() -> Schema {
    let fields = vec![
        Field::new("x", Schema::of(Kind::Float64)),
        Field::new("y", Schema::of(Kind::Float64)),
        Field::new("wkb", Schema::of(Kind::Bytes).optional()),
        Field::new("srid", Schema::of(Kind::Int32).optional()),
    ];
    let mut schema = Schema::structure(semantic::POINT, fields).version(1);
    schema.doc = Some("Geometry (POINT)".into());
    schema
}

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
