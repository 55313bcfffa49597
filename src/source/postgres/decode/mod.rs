//! From a cell's bytes to a value: text as the stream has it, binary as `COPY` has it.
//!
//! It knows how PostgreSQL writes the values of its types; which type a column has is `schema`'s business. Invariant: the
//! same value read from the snapshot and from the stream is equal. Types whose binary form is not simply the value are read
//! as text in the snapshot too ([`Decode::is_binary`]), so there is one decoder for them.
#![deny(clippy::indexing_slicing)]

mod array;
mod bits;
mod geometry;
mod hstore;
mod interval;
mod money;
mod time;
mod vector;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use bytes::Bytes;

pub(super) use self::hstore::HstoreForm;
use self::interval::Interval;
pub(super) use self::interval::IntervalForm;
use self::time::{EPOCH_OFFSET_DAYS, Moment, timestamp, timestamptz};
pub(super) use self::vector::{dense_schema, sparse_schema};
use super::cursor::Cursor;
use crate::data::{Field, Kind, Schema, Text, Value, semantic};
use crate::source::common::BinaryMode;
use crate::source::decimal::{DecimalMode, unscaled};
use crate::source::temporal::{DateForm, TimeForm, TimestampForm};

/// How the snapshot asks for text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// As it is: `COPY`'s binary form is that text.
    AsItIs,
    /// By a cast to `text`.
    Cast,
    /// By the type's output function, since its cast says something else.
    Output(&'static str),
}

/// How the cells of a column become values. Chosen once per column.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Decode {
    /// `boolean`
    Bool,
    /// `smallint`
    Int2,
    /// `integer`
    Int4,
    /// `bigint`
    Int8,
    /// `oid`: 32 bits without sign, as a 64 bit number
    Oid,
    /// `real`
    Float4,
    /// `double precision`
    Float8,
    /// `numeric` of a fixed scale
    Numeric { mode: DecimalMode, scale: u32 },
    /// `numeric` without a scale: every value has its own
    VariableNumeric,
    /// Anything that is its text: `text`, `varchar`, `uuid`, `json`, enums, …
    Text(Asked),
    /// `bytea`
    Bytea(BinaryMode),
    /// `date`
    Date(DateForm),
    /// `time`
    Time(TimeForm),
    /// `time with time zone`
    TimeTz,
    /// `timestamp`
    Timestamp(TimestampForm),
    /// `timestamp with time zone`, with so many digits of a second's fraction
    TimestampTz(u32),
    /// `money`, with so many digits behind the point
    Money { mode: DecimalMode, digits: u32 },
    /// `interval`
    Interval(IntervalForm),
    /// `bit(1)`: a boolean
    Bit,
    /// `bit`, `varbit`
    Bits,
    /// `hstore`
    Hstore(HstoreForm),
    /// `point`
    Point,
    /// A figure of the plane, which Debezium does not know: the bytes of its text as pgjdbc writes it
    Figure(BinaryMode),
    /// Another type that Debezium does not know: the bytes of its text
    Unknown(BinaryMode),
    /// PostGIS's `geometry` and `geography`
    Geometry,
    /// pgvector's `vector`
    DoubleVector,
    /// pgvector's `halfvec`
    FloatVector,
    /// pgvector's `sparsevec`
    SparseVector,
    /// An array, with what parts its elements; without `nulls` its schema has no room for them
    Array { of: Box<Decode>, delimiter: char, nulls: bool },
    /// `int2vector` and `oidvector`: numbers between spaces
    Vector(Box<Decode>),
}

/// Why a cell has no value: what was expected.
pub(super) type Mismatch = &'static str;

/// What a cell holds.
#[derive(Debug, PartialEq)]
pub(super) enum Decoded {
    /// A value of the column's schema.
    Value(Value),
    /// A value that the schema has no room for (`NaN` as a decimal): Debezium writes null.
    Unrepresentable,
}

impl From<Value> for Decoded {
    fn from(value: Value) -> Self {
        Self::Value(value)
    }
}

impl Decode {
    /// Whether the snapshot reads the column in binary form, and not as text.
    pub(super) const fn is_binary(&self) -> bool {
        match self {
            Self::Numeric { .. }
            | Self::VariableNumeric
            | Self::TimeTz
            | Self::Money { .. }
            | Self::Hstore(_)
            | Self::Figure(_)
            | Self::Unknown(_)
            | Self::Geometry
            | Self::DoubleVector
            | Self::FloatVector
            | Self::SparseVector
            | Self::Array { .. }
            | Self::Vector(_) => false,
            Self::Text(asked) => matches!(asked, Asked::AsItIs),
            _ => true,
        }
    }

    /// The expression by which the snapshot selects a column of that name, quoted.
    pub(super) fn selected(&self, column: &str) -> String {
        match self {
            Self::Text(Asked::Output(function)) => format!("pg_catalog.{function}({column})::text"),
            decode if decode.is_binary() => column.to_owned(),
            _ => format!("{column}::text"),
        }
    }

    /// The value of a cell as text. `cell` is a part of `frame`: text shares its buffer.
    ///
    /// # Errors
    /// When the cell does not hold what the type writes.
    pub(super) fn text(&self, cell: &[u8], frame: &Bytes) -> Result<Decoded, Mismatch> {
        let value = match self {
            Self::Bool => Value::Bool(cell == b"t"),
            Self::Int2 => Value::Int16(number(cell, "a smallint")?),
            Self::Int4 => Value::Int32(number(cell, "an integer")?),
            Self::Int8 | Self::Oid => Value::Int64(number(cell, "a bigint")?),
            Self::Float4 => Value::Float32(number(cell, "a real")?),
            Self::Float8 => Value::Float64(number(cell, "a double precision")?),
            Self::Numeric { mode, scale } => return numeric(*mode, *scale, utf8(cell)?),
            Self::VariableNumeric => return variable_numeric(utf8(cell)?),
            Self::Text(_) => Value::Text(Text::from_utf8(frame.slice_ref(cell)).map_err(|_| "UTF-8")?),
            Self::Bytea(mode) => bytes(*mode, &unhex(cell).ok_or("a bytea in hexadecimal form")?),
            Self::Date(form) => form.value(time::date_text(cell).ok_or("a date")?),
            Self::Time(form) => form.value(time::time_text(cell).ok_or("a time")?).ok_or("a time")?,
            Self::TimeTz => time::timetz_text(cell).ok_or("a time with time zone")?,
            Self::Timestamp(form) => return Ok(timestamp(*form, time::timestamp_text(cell).ok_or("a timestamp")?)),
            Self::TimestampTz(digits) => {
                timestamptz(*digits, time::timestamp_text(cell).ok_or("a timestamp with time zone")?)
            }
            Self::Money { mode, digits } => money::value(*mode, *digits, utf8(cell)?)?,
            Self::Interval(form) => return Ok(Interval::value(Interval::text(utf8(cell)?)?, *form)),
            Self::Bit => Value::Bool(!bits::text(cell)?.is_empty()),
            Self::Bits => Value::Bytes(bits::text(cell)?),
            Self::Hstore(form) => form.value(hstore::pairs(utf8(cell)?)?),
            Self::Point => geometry::point_text(utf8(cell)?)?,
            Self::Figure(mode) => bytes(*mode, &geometry::figure(utf8(cell)?)?),
            Self::Unknown(mode) => bytes(*mode, cell),
            Self::Geometry => geometry::postgis(cell)?,
            Self::DoubleVector => vector::dense(utf8(cell)?, |number| number.parse().ok().map(Value::Float64))?,
            Self::FloatVector => vector::dense(utf8(cell)?, |number| number.parse().ok().map(Value::Float32))?,
            Self::SparseVector => return vector::sparse(utf8(cell)?),
            Self::Array { of, delimiter, nulls } => return array::array(of, *delimiter, *nulls, utf8(cell)?),
            Self::Vector(of) => array::vector(of, utf8(cell)?)?,
        };
        Ok(value.into())
    }

    /// The value of a cell of `COPY … (FORMAT binary)`, if [`Decode::is_binary`]; else the cell holds text.
    ///
    /// # Errors
    /// When the cell does not hold what the type writes.
    pub(super) fn binary(&self, cell: &[u8], frame: &Bytes) -> Result<Decoded, Mismatch> {
        let mut data = Cursor(cell);
        let short = |_| "as many bytes as the type has";
        let value = match self {
            Self::Bool => Value::Bool(data.u8().map_err(short)? != 0),
            Self::Int2 => Value::Int16(data.u16().map_err(short)?.cast_signed()),
            Self::Int4 => Value::Int32(data.i32().map_err(short)?),
            Self::Int8 => Value::Int64(data.i64().map_err(short)?),
            Self::Oid => Value::Int64(data.u32().map_err(short)?.into()),
            Self::Float4 => Value::Float32(f32::from_bits(data.u32().map_err(short)?)),
            Self::Float8 => Value::Float64(f64::from_bits(data.u64().map_err(short)?)),
            Self::Bytea(BinaryMode::Bytes) => Value::Bytes(frame.slice_ref(cell)),
            Self::Bytea(mode) => bytes(*mode, cell),
            Self::Date(form) => form.value(data.i32().map_err(short)?.wrapping_add(EPOCH_OFFSET_DAYS)),
            Self::Time(form) => form.value(data.i64().map_err(short)?).ok_or("a time")?,
            Self::Timestamp(form) => return Ok(timestamp(*form, Moment::of(data.i64().map_err(short)?))),
            Self::TimestampTz(digits) => timestamptz(*digits, Moment::of(data.i64().map_err(short)?)),
            Self::Interval(form) => return Ok(Interval::value(Interval::binary(cell)?, *form)),
            Self::Bit => Value::Bool(!bits::binary(cell)?.is_empty()),
            Self::Bits => Value::Bytes(bits::binary(cell)?),
            Self::Point => geometry::point_binary(cell)?,
            // Those that are not binary.
            _ => return self.text(cell, frame),
        };
        Ok(value.into())
    }

    /// The type's zero: what Debezium writes for a null that the schema does not allow (`JdbcValueConverters`).
    pub(super) fn zero(&self) -> Value {
        match self {
            Self::Bool | Self::Bit => Value::Bool(false),
            Self::Int2 => Value::Int16(0),
            Self::Int4 => Value::Int32(0),
            Self::Int8 | Self::Oid => Value::Int64(0),
            Self::Float4 => Value::Float32(0.0),
            Self::Float8 => Value::Float64(0.0),
            Self::Numeric { mode: DecimalMode::String, scale } => Value::text(padded("0", *scale)),
            Self::Numeric { mode, scale } => mode.value("0", *scale).unwrap_or_default(),
            Self::VariableNumeric => Value::Struct(Box::new([Value::Int32(0), Value::Bytes(Bytes::from_static(&[0]))])),
            Self::Text(_) => Value::Text(Text::default()),
            Self::Bytea(mode) | Self::Figure(mode) | Self::Unknown(mode) => bytes(*mode, b""),
            Self::Bits => Value::Bytes(Bytes::new()),
            Self::Date(form) => form.value(0),
            Self::Time(form) => form.value(0).unwrap_or_default(),
            Self::TimeTz => Value::text("00:00:00Z"),
            Self::Timestamp(form) => form.value(0).unwrap_or_default(),
            Self::TimestampTz(_) => timestamptz(0, Moment::EPOCH),
            Self::Money { mode, digits } => money::zero(*mode, *digits),
            Self::Interval(form) => form.zero(),
            Self::Hstore(form) => form.value(Vec::new()),
            Self::Point => geometry::point(0.0, 0.0),
            Self::Geometry => geometry::no_geometry(),
            Self::SparseVector => vector::sparse_of(0, Box::default()),
            Self::DoubleVector | Self::FloatVector | Self::Array { .. } | Self::Vector(_) => {
                Value::Array(Box::default())
            }
        }
    }

    /// What stands for the value of a function, where that is a column's default (`PostgresDefaultValueConverter`);
    /// `schema` is the column's.
    pub(super) fn of_function(&self, schema: &Schema) -> Value {
        match (self, schema.name.as_deref()) {
            (Self::Text(_), Some(semantic::UUID)) => Value::text("00000000-0000-0000-0000-000000000000"),
            (Self::Text(_), Some(semantic::JSON)) => Value::text("{}"),
            (Self::TimestampTz(digits), _) => timestamptz(*digits, Moment::EPOCH),
            _ => self.zero(),
        }
    }

    /// What stands for a TOASTed value that the update did not touch (`unavailable.value.placeholder`); `schema` is the
    /// column's.
    pub(super) fn unavailable(&self, placeholder: &[u8], schema: &Schema) -> Value {
        let text = || String::from_utf8_lossy(placeholder).into_owned();
        match self {
            // Debezium writes it as it is where hexadecimal digits are asked for; and null for base64, which we don't.
            Self::Text(_)
            | Self::Numeric { mode: DecimalMode::String, .. }
            | Self::Bytea(BinaryMode::Hex)
            | Self::Figure(BinaryMode::Hex)
            | Self::Unknown(BinaryMode::Hex) => Value::text(text()),
            Self::Bytea(mode) | Self::Figure(mode) | Self::Unknown(mode) => bytes(*mode, placeholder),
            Self::Hstore(form) => form.value(vec![(text(), Some(text()))]),
            Self::Array { of, .. } => match &schema.kind {
                Kind::Array(schema) => of.unavailable_in_array(placeholder, schema),
                _ => Value::Null,
            },
            // No vector is empty. Debezium writes null, and ends where the column allows none.
            Self::DoubleVector | Self::FloatVector if !schema.optional => self.zero(),
            // Other types are too short to be TOASTed, or have no value that could be told from a real one.
            _ => Value::Null,
        }
    }

    /// The same for an array of such elements.
    fn unavailable_in_array(&self, placeholder: &[u8], schema: &Schema) -> Value {
        let bytes = |number: fn(u8) -> Value| Value::Array(placeholder.iter().map(|byte| number(*byte)).collect());
        let one = |value: Value| Value::Array(Box::new([value]));
        match self {
            Self::Int2 => bytes(|byte| Value::Int16(byte.into())),
            Self::Int4 | Self::Date(DateForm::Days | DateForm::Connect) => bytes(|byte| Value::Int32(byte.into())),
            Self::Int8 => bytes(|byte| Value::Int64(byte.into())),
            Self::Text(_) if schema.name.as_deref() == Some(semantic::UUID) => one(Value::text(name_uuid(placeholder))),
            element => match element.unavailable(placeholder, schema) {
                Value::Null => Value::Null,
                value => one(value),
            },
        }
    }
}

/// Java's `UUID.nameUUIDFromBytes`.
fn name_uuid(name: &[u8]) -> String {
    use md5::Digest as _;
    uuid::Builder::from_md5_bytes(md5::Md5::digest(name).into()).into_uuid().to_string()
}

fn utf8(cell: &[u8]) -> Result<&str, Mismatch> {
    std::str::from_utf8(cell).map_err(|_| "UTF-8")
}

fn number<T: std::str::FromStr>(cell: &[u8], wanted: Mismatch) -> Result<T, Mismatch> {
    std::str::from_utf8(cell).ok().and_then(|text| text.parse().ok()).ok_or(wanted)
}

fn numeric(mode: DecimalMode, scale: u32, text: &str) -> Result<Decoded, Mismatch> {
    // Text begins with a letter only where it is no number.
    if text.trim_start_matches('-').starts_with(|c: char| c.is_ascii_alphabetic()) {
        return match (mode, text) {
            (DecimalMode::String, "NaN") => Ok(Value::Text(Text::from_static("NAN")).into()),
            (DecimalMode::String, "Infinity") => Ok(Value::Text(Text::from_static("POSITIVE_INFINITY")).into()),
            (DecimalMode::String, "-Infinity") => Ok(Value::Text(Text::from_static("NEGATIVE_INFINITY")).into()),
            (DecimalMode::Precise, text) if is_special(text) => Ok(Decoded::Unrepresentable),
            (DecimalMode::Double, text) if is_special(text) => {
                mode.value(text, scale).map(Decoded::Value).ok_or("a numeric")
            }
            _ => Err("a numeric"),
        };
    }
    mode.value(text, scale).map(Decoded::Value).ok_or("a numeric of the column's scale")
}

fn variable_numeric(text: &str) -> Result<Decoded, Mismatch> {
    if is_special(text) {
        return Ok(Decoded::Unrepresentable);
    }
    let scale = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let scale = i32::try_from(scale).map_err(|_| "a numeric")?;
    let number = unscaled(text, scale.cast_unsigned()).ok_or("a numeric")?;
    Ok(Value::Struct(Box::new([Value::Int32(scale), Value::Bytes(number)])).into())
}

/// A decimal's text with so many digits behind the point, if it has fewer.
pub(super) fn padded(decimal: &str, scale: u32) -> String {
    let (whole, fraction) = decimal.split_once('.').unwrap_or((decimal, ""));
    if scale == 0 { decimal.to_owned() } else { format!("{whole}.{fraction:0<0$}", scale as usize) }
}

fn is_special(numeric: &str) -> bool {
    matches!(numeric, "NaN" | "Infinity" | "-Infinity")
}

/// `io.debezium.data.VariableScaleDecimal`
pub(super) fn variable_scale_decimal() -> Schema {
    let fields = vec![Field::new("scale", Schema::of(Kind::Int32)), Field::new("value", Schema::of(Kind::Bytes))];
    let mut schema = Schema::structure(semantic::VARIABLE_SCALE_DECIMAL, fields).version(1);
    schema.doc = Some("Variable scaled decimal".into());
    schema
}

/// Bytes as `binary.handling.mode` has them.
pub(super) fn bytes(mode: BinaryMode, bytes: &[u8]) -> Value {
    match mode {
        BinaryMode::Bytes => Value::Bytes(Bytes::copy_from_slice(bytes)),
        BinaryMode::Base64 => Value::text(STANDARD.encode(bytes)),
        BinaryMode::Base64UrlSafe => Value::text(URL_SAFE.encode(bytes)),
        BinaryMode::Hex => {
            let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or('0');
            let text: String = bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect();
            Value::text(text)
        }
    }
}

fn unhex(cell: &[u8]) -> Option<Vec<u8>> {
    digits(cell.strip_prefix(b"\\x")?)
}

/// Bytes from hexadecimal digits.
fn digits(digits: &[u8]) -> Option<Vec<u8>> {
    let nibble = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = digits.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(nibble(*high)? << 4 | nibble(*low)?)).collect()
}

#[cfg(test)]
mod tests;
