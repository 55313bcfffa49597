//! `io.debezium.transforms.GeometryFormatTransformer`: Well-Known Binary becomes the extended one (EWKB), which holds its
//! reference system, and the extended one the plain one.
//!
//! Each geometry is judged by itself: an extended one becomes plain, a plain one extended. Debezium's, once it has met an
//! extended one, leaves all plain ones as they are, and so it does from the beginning with `format=ewkb`: the option is
//! said to name the target there, and names what the geometries are.

use std::sync::Arc;

use super::{Built, Key, KeyKind, Properties, Reader, changing, low};

const FORMAT: &str = "format";

/// The options.
pub(in crate::transform) const KEYS: &[Key] =
    &[low(FORMAT, KeyKind::String, "What plain geometries become: extended ones (wkb), or nothing else (ewkb)")
        .default("wkb")
        .one_of(&["wkb", "ewkb"])];

/// In the type of an extended geometry: the number of its reference system follows.
const HAS_SRID: u32 = 0x2000_0000;

/// Makes one.
pub(in crate::transform) fn build(name: &Arc<str>, options: &Properties) -> Built {
    let lists = [KEYS];
    let mut read = Reader::new(options, &lists);
    let extends = read.choice(FORMAT) == "wkb";
    read.finish(changing(name, Box::new(move |wkb, srid| converted(wkb, srid, extends))))
}

/// The same geometry in the other format; `None`: it stays what it is.
pub(super) fn converted(wkb: &[u8], srid: Option<i32>, extends: bool) -> Result<Option<Vec<u8>>, String> {
    let too_short = || format!("a geometry ends at byte {}, in the midst of its head", wkb.len());
    let (order, rest) = wkb.split_first().ok_or_else(too_short)?;
    let (kind, rest) = rest.split_first_chunk().ok_or_else(too_short)?;
    let is_little = *order == 1;
    let kind = if is_little { u32::from_le_bytes(*kind) } else { u32::from_be_bytes(*kind) };
    let bytes = |number: u32| if is_little { number.to_le_bytes() } else { number.to_be_bytes() };
    let mut out = Vec::with_capacity(wkb.len() + 4);
    out.push(*order);
    if kind & HAS_SRID != 0 {
        out.extend_from_slice(&bytes(kind & !HAS_SRID));
        out.extend_from_slice(rest.get(4..).ok_or_else(too_short)?);
        return Ok(Some(out));
    }
    if !extends {
        return Ok(None);
    }
    let Some(srid) = srid else {
        return Err("a geometry has no reference system (srid is null), so it cannot be extended".to_owned());
    };
    out.extend_from_slice(&bytes(kind | HAS_SRID));
    out.extend_from_slice(&bytes(srid.cast_unsigned()));
    out.extend_from_slice(rest);
    Ok(Some(out))
}
