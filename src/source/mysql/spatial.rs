//! Geometries and vectors, as the server stores them, in Debezium's structs and arrays.
//!
//! Owns both formats; what is in a geometry but a point is not looked at. A geometry is the id of its reference system and
//! its well-known binary (<https://dev.mysql.com/doc/refman/8.4/en/gis-data-formats.html>), a vector is its floats. `None`:
//! the bytes are neither. The parts share the row's buffer.

use bytes::Bytes;

use super::bytes::Cursor;
use crate::data::Value;

/// A `Geometry`: `wkb`, `srid`.
pub(super) fn geometry(bytes: &Bytes) -> Option<Value> {
    let (srid, wkb) = parts(bytes)?;
    Some(Value::Struct(Box::new([Value::Bytes(wkb), srid])))
}

/// A `Point`: `x`, `y`, `wkb`, `srid`.
pub(super) fn point(bytes: &Bytes) -> Option<Value> {
    let (srid, wkb) = parts(bytes)?;
    let mut cursor = Cursor::new(wkb.clone());
    let little = cursor.u8("a point's byte order").ok()? != 0;
    let kind: [u8; 4] = cursor.array("a point's type").ok()?;
    let kind = if little { u32::from_le_bytes(kind) } else { u32::from_be_bytes(kind) };
    let mut coordinate = || {
        let bytes = cursor.array("a coordinate").ok()?;
        Some(Value::Float64(if little { f64::from_le_bytes(bytes) } else { f64::from_be_bytes(bytes) }))
    };
    let (x, y) = (coordinate()?, coordinate()?);
    (kind == 1 && cursor.is_empty()).then(|| Value::Struct(Box::new([x, y, Value::Bytes(wkb), srid])))
}

/// The id of the reference system (0 is none), and the well-known binary.
fn parts(bytes: &Bytes) -> Option<(Value, Bytes)> {
    let srid = i32::from_le_bytes(*bytes.first_chunk()?);
    let srid = if srid == 0 { Value::Null } else { Value::Int32(srid) };
    Some((srid, bytes.slice(4..)))
}

/// A vector's floats.
pub(super) fn vector(bytes: &Bytes) -> Option<Value> {
    let (floats, rest) = bytes.as_chunks();
    let floats = floats.iter().map(|float| Value::Float32(f32::from_le_bytes(*float)));
    rest.is_empty().then(|| Value::Array(floats.collect()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn point_of(srid: u32, order: u8, kind: [u8; 4], x: [u8; 8], y: [u8; 8]) -> Bytes {
        [&srid.to_le_bytes()[..], &[order], &kind, &x, &y].concat().into()
    }

    #[test]
    fn a_point_tells_its_coordinates() {
        let bytes = point_of(4326, 1, [1, 0, 0, 0], 2_f64.to_le_bytes(), 1_f64.to_le_bytes());
        let wkb = Value::Bytes(bytes.slice(4..));
        let expected = [Value::Float64(2.0), Value::Float64(1.0), wkb, Value::Int32(4326)];
        assert_eq!(point(&bytes), Some(Value::Struct(expected.into())));
        let big = point_of(0, 0, [0, 0, 0, 1], 1.5_f64.to_be_bytes(), (-2.25_f64).to_be_bytes());
        let expected = [Value::Float64(1.5), Value::Float64(-2.25), Value::Bytes(big.slice(4..)), Value::Null];
        assert_eq!(point(&big), Some(Value::Struct(expected.into())));
    }

    #[test]
    fn what_is_no_point_is_none() {
        let point_of = |kind| point_of(0, 1, kind, [0; 8], [0; 8]);
        let whole = point_of([1, 0, 0, 0]);
        assert!(point(&whole).is_some());
        assert_eq!(point(&point_of([2, 0, 0, 0])), None);
        assert_eq!(point(&whole.slice(..24)), None);
        assert_eq!(point(&[&whole[..], &[0]].concat().into()), None);
        assert_eq!(geometry(&whole.slice(..3)), None);
    }

    #[test]
    fn a_vector_is_its_floats() {
        let bytes: Bytes = [1_f32, 2.5, -3.0].map(f32::to_le_bytes).concat().into();
        let floats = [Value::Float32(1.0), Value::Float32(2.5), Value::Float32(-3.0)];
        assert_eq!(vector(&bytes), Some(Value::Array(floats.into())));
        assert_eq!(vector(&bytes.slice(..11)), None);
        assert_eq!(vector(&Bytes::new()), Some(Value::Array([].into())));
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let bytes = bytes.into();
            let _ = (geometry(&bytes), point(&bytes), vector(&bytes));
        }
    }
}
