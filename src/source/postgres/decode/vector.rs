//! pgvector's types.
#![deny(clippy::indexing_slicing)]

use std::sync::Arc;

use super::{Decoded, Mismatch};
use crate::data::{Field, Kind, Schema, Value, semantic};

/// The schema of a dense vector, required.
pub(in crate::source::postgres) fn dense_schema(number: Kind, name: &str) -> Schema {
    semantic::of(Kind::Array(Arc::new(Schema::of(number))), name)
}

/// `io.debezium.data.SparseDoubleVector`
pub(in crate::source::postgres) fn sparse_schema() -> Schema {
    let numbers = Kind::Map(Arc::new(Schema::of(Kind::Int16)), Arc::new(Schema::of(Kind::Float64)));
    let fields = vec![Field::new("dimensions", Schema::of(Kind::Int16)), Field::new("vector", Schema::of(numbers))];
    let mut schema = Schema::structure(semantic::SPARSE_VECTOR, fields).version(1);
    schema.doc = Some("Sparse double vector".into());
    schema
}

/// `[1,2.5]`
pub(super) fn dense(text: &str, number: fn(&str) -> Option<Value>) -> Result<Value, Mismatch> {
    let inside = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let numbers = inside.map(|inside| inside.split(',').map(number).collect::<Option<Box<[Value]>>>());
    numbers.flatten().map(Value::Array).ok_or("a vector")
}

/// `{1:1.5,3:2}/5`: the numbers that are not zero by their places, and how many places there are. The schema has room for
/// 32767.
pub(super) fn sparse(text: &str) -> Result<Decoded, Mismatch> {
    const WANTED: Mismatch = "a sparse vector";
    let (numbers, dimensions) = text.rsplit_once('/').ok_or(WANTED)?;
    let inside = numbers.strip_prefix('{').and_then(|text| text.strip_suffix('}')).ok_or(WANTED)?;
    let Ok(dimensions) = i16::try_from(dimensions.parse::<i32>().map_err(|_| WANTED)?) else {
        return Ok(Decoded::Unrepresentable);
    };
    let pair = |pair: &str| {
        let (place, number) = pair.split_once(':')?;
        Some((Value::Int16(place.parse().ok()?), Value::Float64(number.parse().ok()?)))
    };
    let pairs = inside.split(',').filter(|text| !text.is_empty()).map(pair).collect::<Option<Box<[_]>>>();
    Ok(sparse_of(dimensions, pairs.ok_or(WANTED)?).into())
}

pub(super) fn sparse_of(dimensions: i16, pairs: Box<[(Value, Value)]>) -> Value {
    Value::Struct(Box::new([Value::Int16(dimensions), Value::Map(pairs)]))
}
