//! `io.debezium.transforms.SwapGeometryCoordinates`: x and y of geometries change places, where their reference system is
//! listed.
//!
//! It walks Well-Known Binary, with PostGIS' extensions (EWKB), and swaps the first two numbers of each point. Counts come
//! from the bytes themselves: each is read point by point, so that a wrong one ends at the end of the bytes.

use std::sync::Arc;

use super::{Built, Key, KeyKind, Properties, Reader, changing, low};

/// The option that lists reference systems by their numbers.
const SRIDS: &str = "srids";

/// The options.
pub(in crate::transform) const KEYS: &[Key] =
    &[low(SRIDS, KeyKind::List, "The numbers of reference systems whose coordinates are swapped")
        .default("4326,3857,4269")];

/// Makes one.
pub(in crate::transform) fn build(name: &Arc<str>, options: &Properties) -> Built {
    let lists = [KEYS];
    let mut read = Reader::new(options, &lists);
    let mut srids: Vec<i32> = Vec::new();
    for srid in read.list(SRIDS) {
        match srid.parse() {
            Ok(number) => srids.push(number),
            Err(_) => read.problem(SRIDS, Some(srid), "must be the number of a reference system, such as 4326"),
        }
    }
    read.finish(changing(
        name,
        Box::new(move |wkb, srid| {
            // Without a reference system it is not known what the coordinates are.
            if srid.is_some_and(|srid| srids.contains(&srid)) { swapped(wkb).map(Some) } else { Ok(None) }
        }),
    ))
}

const HAS_Z: u32 = 0x8000_0000;
const HAS_M: u32 = 0x4000_0000;
const HAS_SRID: u32 = 0x2000_0000;
/// What is left of a type without the flags.
const TYPE: u32 = 0x1fff_ffff;
/// Collections may hold collections; none that is meant is as deep.
const DEPTH_MAX: u32 = 32;

/// The same geometry with x and y of all points in each other's place.
pub(super) fn swapped(wkb: &[u8]) -> Result<Vec<u8>, String> {
    let mut walk = Walk { bytes: wkb.to_vec(), place: 0, little: false };
    walk.order()?;
    walk.geometry(0)?;
    Ok(walk.bytes)
}

struct Walk {
    bytes: Vec<u8>,
    place: usize,
    /// Whether numbers begin with their lowest byte.
    little: bool,
}

impl Walk {
    /// A whole geometry behind its byte order.
    fn geometry(&mut self, depth: u32) -> Result<(), String> {
        let kind = self.number()?;
        let numbers = 2 + usize::from(kind & HAS_Z != 0) + usize::from(kind & HAS_M != 0);
        if kind & HAS_SRID != 0 {
            self.number()?;
        }
        match kind & TYPE {
            1 => self.point(numbers),
            2 => self.points(numbers),
            3 => self.rings(numbers),
            4 => self.parts(numbers, Self::point),
            5 => self.parts(numbers, Self::points),
            6 => self.parts(numbers, Self::rings),
            7 if depth < DEPTH_MAX => {
                let little = self.little;
                for _ in 0..self.number()? {
                    self.order()?;
                    self.geometry(depth + 1)?;
                    self.little = little;
                }
                Ok(())
            }
            7 => Err(format!("a geometry has collections in each other, more than {DEPTH_MAX}")),
            other => Err(format!("a geometry is of type {other}, at byte {}; there are 1 to 7", self.place - 4)),
        }
    }

    /// Parts that are geometries of one type: byte order and type stand before each.
    fn parts(&mut self, numbers: usize, part: fn(&mut Self, usize) -> Result<(), String>) -> Result<(), String> {
        let little = self.little;
        for _ in 0..self.number()? {
            self.order()?;
            self.number()?;
            part(self, numbers)?;
            self.little = little;
        }
        Ok(())
    }

    fn rings(&mut self, numbers: usize) -> Result<(), String> {
        (0..self.number()?).try_for_each(|_| self.points(numbers))
    }

    fn points(&mut self, numbers: usize) -> Result<(), String> {
        (0..self.number()?).try_for_each(|_| self.point(numbers))
    }

    fn point(&mut self, numbers: usize) -> Result<(), String> {
        let point = self.take(numbers * 8)?;
        let (x, rest) = self.bytes[point].split_at_mut(8);
        x.swap_with_slice(&mut rest[..8]);
        Ok(())
    }

    fn order(&mut self) -> Result<(), String> {
        let byte = self.take(1)?;
        self.little = self.bytes[byte] == [1];
        Ok(())
    }

    fn number(&mut self) -> Result<u32, String> {
        let number = self.take(4)?;
        let bytes = self.bytes[number].try_into().unwrap_or_default();
        Ok(if self.little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    }

    fn take(&mut self, length: usize) -> Result<std::ops::Range<usize>, String> {
        let end = self.place.checked_add(length).filter(|end| *end <= self.bytes.len());
        let end =
            end.ok_or_else(|| format!("a geometry ends at byte {}, in the midst of a point", self.bytes.len()))?;
        Ok(std::mem::replace(&mut self.place, end)..end)
    }
}
