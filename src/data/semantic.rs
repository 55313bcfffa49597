//! Names and versions of the semantic types: `org.apache.kafka.connect.data.*` and `io.debezium.*`.
//!
//! All of Debezium's carry version 1, as Connect's do.

use super::{Field, Kind, Schema};

/// Connect's `Decimal`: the unscaled number as bytes, parameter `scale`.
pub const DECIMAL: &str = "org.apache.kafka.connect.data.Decimal";
/// Connect's `Date`: days since 1970-01-01, int32.
pub const CONNECT_DATE: &str = "org.apache.kafka.connect.data.Date";
/// Connect's `Time`: milliseconds of the day, int32.
pub const CONNECT_TIME: &str = "org.apache.kafka.connect.data.Time";
/// Connect's `Timestamp`: milliseconds since the epoch, int64.
pub const CONNECT_TIMESTAMP: &str = "org.apache.kafka.connect.data.Timestamp";
/// Days since 1970-01-01, int32.
pub const DATE: &str = "io.debezium.time.Date";
/// Milliseconds of the day, int32.
pub const TIME: &str = "io.debezium.time.Time";
/// Microseconds of the day, int64.
pub const MICRO_TIME: &str = "io.debezium.time.MicroTime";
/// Nanoseconds of the day, int64.
pub const NANO_TIME: &str = "io.debezium.time.NanoTime";
/// Milliseconds since the epoch, without a zone, int64.
pub const TIMESTAMP: &str = "io.debezium.time.Timestamp";
/// Microseconds since the epoch, without a zone, int64.
pub const MICRO_TIMESTAMP: &str = "io.debezium.time.MicroTimestamp";
/// Nanoseconds since the epoch, without a zone, int64.
pub const NANO_TIMESTAMP: &str = "io.debezium.time.NanoTimestamp";
/// ISO 8601 text in UTC.
pub const ZONED_TIMESTAMP: &str = "io.debezium.time.ZonedTimestamp";
/// ISO 8601 time of day with offset.
pub const ZONED_TIME: &str = "io.debezium.time.ZonedTime";
/// ISO 8601 date.
pub const ISO_DATE: &str = "io.debezium.time.IsoDate";
/// ISO 8601 time of day.
pub const ISO_TIME: &str = "io.debezium.time.IsoTime";
/// ISO 8601 timestamp.
pub const ISO_TIMESTAMP: &str = "io.debezium.time.IsoTimestamp";
/// A year, int32.
pub const YEAR: &str = "io.debezium.time.Year";
/// Microseconds of an interval, int64.
pub const MICRO_DURATION: &str = "io.debezium.time.MicroDuration";
/// ISO 8601 duration.
pub const INTERVAL: &str = "io.debezium.time.Interval";
/// Bits, little-endian, parameter `length`.
pub const BITS: &str = "io.debezium.data.Bits";
/// JSON text.
pub const JSON: &str = "io.debezium.data.Json";
/// XML text.
pub const XML: &str = "io.debezium.data.Xml";
/// A path of labels as text.
pub const LTREE: &str = "io.debezium.data.Ltree";
/// Lexemes with their places, as text.
pub const TSVECTOR: &str = "io.debezium.data.Tsvector";
/// A point of the plane: a struct of `x`, `y`, `wkb` and `srid`.
pub const POINT: &str = "io.debezium.data.geometry.Point";
/// A geometry: a struct of `wkb` and `srid`.
pub const GEOMETRY: &str = "io.debezium.data.geometry.Geometry";
/// PostGIS's geography: a struct of `wkb` and `srid`.
pub const GEOGRAPHY: &str = "io.debezium.data.geometry.Geography";
/// An array of doubles.
pub const DOUBLE_VECTOR: &str = "io.debezium.data.DoubleVector";
/// An array of floats.
pub const FLOAT_VECTOR: &str = "io.debezium.data.FloatVector";
/// A struct of `dimensions` and a map of the numbers that are not zero.
pub const SPARSE_VECTOR: &str = "io.debezium.data.SparseDoubleVector";
/// A UUID as text.
pub const UUID: &str = "io.debezium.data.Uuid";
/// One of the labels in parameter `allowed`.
pub const ENUM: &str = "io.debezium.data.Enum";
/// Some of the labels in parameter `allowed`, comma-separated.
pub const ENUM_SET: &str = "io.debezium.data.EnumSet";
/// A struct of `scale` and the unscaled `value`.
pub const VARIABLE_SCALE_DECIMAL: &str = "io.debezium.data.VariableScaleDecimal";

/// A required schema of a semantic type, version 1.
#[must_use]
pub fn of(kind: Kind, name: &str) -> Schema {
    Schema::of(kind).named(name).version(1)
}

/// A geometry, as Debezium's `Geometry.builder` has it: well-known binary, and the id of its reference system.
#[must_use]
pub fn geometry() -> Schema {
    documented(binary_figure(GEOMETRY), "Geometry")
}

/// A geography, as Debezium's `Geography.builder` has it: likewise.
#[must_use]
pub fn geography() -> Schema {
    documented(binary_figure(GEOGRAPHY), "Geography")
}

fn binary_figure(name: &str) -> Schema {
    let fields =
        vec![Field::new("wkb", Schema::of(Kind::Bytes)), Field::new("srid", Schema::of(Kind::Int32).optional())];
    of(Kind::Struct(fields), name)
}

/// A point, as Debezium's `Point.builder` has it: its coordinates before what every geometry has.
#[must_use]
pub fn point() -> Schema {
    let fields = vec![
        Field::new("x", Schema::of(Kind::Float64)),
        Field::new("y", Schema::of(Kind::Float64)),
        Field::new("wkb", Schema::of(Kind::Bytes).optional()),
        Field::new("srid", Schema::of(Kind::Int32).optional()),
    ];
    documented(of(Kind::Struct(fields), POINT), "Geometry (POINT)")
}

/// A vector of float32.
#[must_use]
pub fn float_vector() -> Schema {
    of(Kind::Array(Schema::of(Kind::Float32).into()), FLOAT_VECTOR)
}

fn documented(mut schema: Schema, doc: &str) -> Schema {
    schema.doc = Some(doc.into());
    schema
}

/// Connect's `Decimal` with its scale, and Debezium's precision where the column has one.
#[must_use]
pub fn decimal(scale: i32, precision: Option<u32>) -> Schema {
    let schema = of(Kind::Bytes, DECIMAL).parameter("scale", scale.to_string());
    match precision {
        Some(precision) => schema.parameter("connect.decimal.precision", precision.to_string()),
        None => schema,
    }
}
