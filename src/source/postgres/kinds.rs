//! From types to decoders and schemas: which types there are, and what becomes of those that are not known.
//!
//! Types go by their names, as in Debezium: extensions' have another OID in each database. Semantics: Debezium's
//! `PostgresValueConverter` and `JdbcValueConverters`.

use std::sync::Arc;

use super::catalog::{Type, Types};
use super::config::PostgresConfig;
use super::decode::{Asked, Decode, dense_schema, sparse_schema, variable_scale_decimal};
use crate::data::{Kind, Schema, semantic};
use crate::source::common::BinaryMode;
use crate::source::decimal::DecimalMode;

/// What is known of a type.
#[derive(Debug)]
pub(super) struct Known {
    /// How its cells are decoded.
    pub(super) decode: Decode,
    /// The schema of its values, required.
    pub(super) schema: Schema,
}

/// Types of which Debezium leaves arrays out even where unknown types are included.
const NEVER_IN_ARRAYS: &[&str] = &["interval", "money", "name", "point", "refcursor", "varbit", "xml"];
/// Types whose elements Debezium makes required; those of other arrays it makes optional.
const REQUIRED_IN_ARRAYS: &[&str] = &["halfvec", "isbn", "sparsevec", "tsvector", "vector"];

/// What is known of a type with its modifier; nothing if Debezium leaves its columns out.
///
/// # Errors
/// What there is to say of a type that is gone.
pub(super) fn known(
    config: &PostgresConfig,
    types: &Types,
    (id, modifier): (u32, i32),
) -> Result<Option<Known>, String> {
    let Some(found) = types.get(&id) else { return Err(format!("with OID {id}, which the server no longer has")) };
    if let Some(base) = found.base {
        return known(config, types, base);
    }
    match found.name.as_str() {
        "int2vector" => return Ok(Some(vector(Decode::Int2, Kind::Int16))),
        "oidvector" => return Ok(Some(vector(Decode::Oid, Kind::Int64))),
        _ => {}
    }
    if let Some(element) = found.element {
        return Ok(array(config, types, (element, modifier)));
    }
    let (decode, schema) = match scalar(config, found, modifier) {
        Some(known) => known,
        None if config.unknown_types => unknown(config.common.binary, &found.name),
        None => return Ok(None),
    };
    Ok(Some(Known { decode, schema }))
}

fn array(config: &PostgresConfig, types: &Types, element: (u32, i32)) -> Option<Known> {
    let found = types.get(&element.0).filter(|found| !NEVER_IN_ARRAYS.contains(&found.name.as_str()))?;
    // Debezium does not look through a domain here.
    let of = if found.base.is_none() { scalar(config, found, element.1) } else { None };
    let required = of.is_none() || found.kind == 'e' || REQUIRED_IN_ARRAYS.contains(&found.name.as_str());
    let (decode, schema) = match of {
        Some(known) => known,
        None if config.unknown_types => unknown(config.common.binary, &found.name),
        None => return None,
    };
    let schema = if required { schema } else { schema.optional() };
    // pg_type.typdelim
    let delimiter = match found.name.as_str() {
        "box" => ';',
        "geography" | "geometry" => ':',
        _ => ',',
    };
    let decode = Decode::Array { of: Box::new(decode), delimiter, nulls: !required };
    Some(Known { decode, schema: Schema::of(Kind::Array(Arc::new(schema))) })
}

/// One of the catalogue's own vectors. Debezium has their schema, and no values.
fn vector(decode: Decode, kind: Kind) -> Known {
    let schema = Schema::of(Kind::Array(Arc::new(Schema::of(kind))));
    Known { decode: Decode::Vector(Box::new(decode)), schema }
}

/// A type that Debezium does not know, as bytes.
fn unknown(mode: BinaryMode, name: &str) -> (Decode, Schema) {
    let decode = match name {
        "box" | "circle" | "line" | "lseg" | "path" | "polygon" => Decode::Figure(mode),
        _ => Decode::Unknown(mode),
    };
    (decode, binary(mode))
}

fn binary(mode: BinaryMode) -> Schema {
    Schema::of(if mode == BinaryMode::Bytes { Kind::Bytes } else { Kind::Text })
}

/// A type that is neither a domain nor an array, if it is known.
fn scalar(config: &PostgresConfig, found: &Type, modifier: i32) -> Option<(Decode, Schema)> {
    // A composite type may have any name.
    if !matches!(found.kind, 'b' | 'e' | 'r') {
        return None;
    }
    let common = &config.common;
    // The modifier of times is their digits, -1 where the type has all six.
    let digits = u32::try_from(modifier).unwrap_or(6).min(6);
    let same = |kind: Kind| Schema::of(kind);
    Some(match found.name.as_str() {
        _ if found.kind == 'e' => (Decode::Text(Asked::AsItIs), enumeration(found)),
        "bool" => (Decode::Bool, same(Kind::Bool)),
        "int2" => (Decode::Int2, same(Kind::Int16)),
        "int4" => (Decode::Int4, same(Kind::Int32)),
        "int8" => (Decode::Int8, same(Kind::Int64)),
        "oid" => (Decode::Oid, same(Kind::Int64)),
        "float4" => (Decode::Float4, same(Kind::Float32)),
        "float8" => (Decode::Float8, same(Kind::Float64)),
        "numeric" => numeric(common.decimal, modifier),
        "money" => money(common.decimal, config.money_digits),
        "bytea" => (Decode::Bytea(common.binary), binary(common.binary)),
        "bit" | "varbit" => bits(modifier),
        "date" => (Decode::Date(common.time.date()), common.time.date().schema()),
        "time" => (Decode::Time(common.time.time(digits)), common.time.time(digits).schema()),
        "timetz" => (Decode::TimeTz, semantic::of(Kind::Text, semantic::ZONED_TIME)),
        "timestamp" => (Decode::Timestamp(common.time.timestamp(digits)), common.time.timestamp(digits).schema()),
        "timestamptz" => (Decode::TimestampTz(digits), semantic::of(Kind::Text, semantic::ZONED_TIMESTAMP)),
        "interval" => (Decode::Interval(config.interval), config.interval.schema()),
        "hstore" => (Decode::Hstore(config.hstore), config.hstore.schema()),
        "point" => (Decode::Point, semantic::point()),
        // Debezium lets it be null whatever the column says.
        "geometry" => (Decode::Geometry, semantic::geometry().optional()),
        "geography" => (Decode::Geometry, semantic::geography()),
        "vector" => (Decode::DoubleVector, dense_schema(Kind::Float64, semantic::DOUBLE_VECTOR)),
        "halfvec" => (Decode::FloatVector, dense_schema(Kind::Float32, semantic::FLOAT_VECTOR)),
        "sparsevec" => (Decode::SparseVector, sparse_schema()),
        name => return text(name),
    })
}

/// A type whose values are text.
fn text(name: &str) -> Option<(Decode, Schema)> {
    let named = |name| semantic::of(Kind::Text, name);
    let (asked, schema) = match name {
        "text" | "varchar" | "bpchar" | "name" | "citext" => (Asked::AsItIs, Schema::of(Kind::Text)),
        // Its cast adds a length of network that its output leaves out.
        "inet" => (Asked::Output("inet_out"), Schema::of(Kind::Text)),
        "char" | "cidr" | "macaddr" | "macaddr8" | "isbn" => (Asked::Cast, Schema::of(Kind::Text)),
        "int4range" | "int8range" | "numrange" | "tsrange" | "tstzrange" | "daterange" => {
            (Asked::Cast, Schema::of(Kind::Text))
        }
        "json" => (Asked::AsItIs, named(semantic::JSON)),
        // The binary form of jsonb has a version in front, as ltree's.
        "jsonb" => (Asked::Cast, named(semantic::JSON)),
        "ltree" => (Asked::Cast, named(semantic::LTREE)),
        // Its cast keeps the declaration of another encoding.
        "xml" => (Asked::Output("xml_out"), named(semantic::XML)),
        "uuid" => (Asked::Cast, named(semantic::UUID)),
        "tsvector" => (Asked::Cast, named(semantic::TSVECTOR)),
        _ => return None,
    };
    Some((Decode::Text(asked), schema))
}

fn enumeration(found: &Type) -> Schema {
    semantic::of(Kind::Text, semantic::ENUM).parameter("allowed", found.labels.join(","))
}

fn numeric(mode: DecimalMode, modifier: i32) -> (Decode, Schema) {
    // numeric_in: the precision in the upper half, the scale in the lower eleven bits, both over 4 (VARHDRSZ).
    let packed = modifier.checked_sub(4).filter(|packed| *packed >= 0);
    match (mode, packed) {
        (DecimalMode::Precise, None) => (Decode::VariableNumeric, variable_scale_decimal()),
        (mode, None) => (Decode::Numeric { mode, scale: 0 }, mode.schema(0, None)),
        (mode, Some(packed)) => {
            let precision = (packed >> 16) & 0xffff;
            let scale = ((packed & 0x7ff) ^ 0x400) - 0x400;
            let schema = mode.schema(scale.max(0), Some(precision.cast_unsigned()));
            (Decode::Numeric { mode, scale: u32::try_from(scale).unwrap_or(0) }, schema)
        }
    }
}

fn money(mode: DecimalMode, digits: u32) -> (Decode, Schema) {
    (Decode::Money { mode, digits }, mode.schema(digits.cast_signed(), None))
}

/// One bit is a boolean.
fn bits(modifier: i32) -> (Decode, Schema) {
    match modifier {
        1 => (Decode::Bit, Schema::of(Kind::Bool)),
        modifier => {
            let length = if modifier == -1 { i32::MAX } else { modifier };
            (Decode::Bits, semantic::of(Kind::Bytes, semantic::BITS).parameter("length", length.to_string()))
        }
    }
}
