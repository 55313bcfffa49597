//! Forms: how Debezium writes a column's values. Chosen once per table version; a value costs one match.
//!
//! Owns the mapping of types to Connect schemas and the handling modes; the snapshot's values and the log's go through the
//! same forms. Table: Debezium's `MySqlValueConverters` and section 2.17 of its semantics.

use std::sync::Arc;

use base64::Engine as _;
use bytes::Bytes;

use super::charset::Charset;
use super::decode::Cell;
use super::definition::{DefaultValue, Type};
use super::{jsonb, spatial};
use crate::data::{Kind, Schema, Text, Value, semantic};
use crate::source::common::BinaryMode;
use crate::source::decimal::{DecimalMode, fewest_bytes};
use crate::source::temporal::{
    DAY_US, DateForm, Fraction, TimeForm, TimePrecision, TimestampForm, civil, days, timestamp_text,
};

/// The handling modes of a connector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Modes {
    /// `decimal.handling.mode`
    pub(super) decimal: DecimalMode,
    /// `time.precision.mode`
    pub(super) time: TimePrecision,
    /// `binary.handling.mode`
    pub(super) binary: BinaryMode,
    /// `bigint.unsigned.handling.mode=precise`
    pub(super) precise_bigint: bool,
    /// `enable.time.adjuster`
    pub(super) years: Years,
}

/// What becomes of the years 1 to 99 in dates and timestamps without zone: `enable.time.adjuster`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Years {
    /// They stay as they are.
    Kept,
    /// They are those from 1970 to 2069 (`BinlogValueConverters.adjustTemporal`).
    Adjusted,
}

/// How a column's values are written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Form {
    /// Integers, sign-extended or not, as INT16, INT32, INT64.
    Int16 {
        unsigned: bool,
    },
    Int32 {
        unsigned: bool,
    },
    Int64 {
        unsigned: bool,
    },
    /// `BIGINT UNSIGNED` as a Connect `Decimal`.
    BigUnsigned,
    Float32,
    Float64,
    /// A decimal of that scale.
    Decimal(DecimalMode, u32),
    /// `BIT(1)`
    Flag,
    /// An integer, which says yes above zero (`TinyIntOneToBooleanConverter`).
    IntFlag {
        unsigned: bool,
    },
    /// `BIT(n)`: so many bytes, the lowest first.
    Bits(usize),
    Year,
    Date(DateForm, Years),
    Time(TimeForm),
    Timestamp(TimestampForm, Years),
    /// `TIMESTAMP`: a moment, with so many digits of a fraction.
    Zoned(Fraction),
    Text(Charset),
    /// Bytes, padded to a length.
    Bytes(BinaryMode, usize),
    Json,
    /// The labels as they are emitted.
    Enum(Arc<[Text]>),
    Set(Arc<[Text]>),
    Point,
    Geometry,
    /// `VECTOR`
    Vector,
}

/// Why a cell cannot be written in its column's form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadValue {
    /// The log's type and the column's are not the same.
    #[error("the log holds a value of another type than the table's definition says")]
    Mismatch,
    /// The value is out of the form's range.
    #[error("the value does not fit {0}")]
    Range(&'static str),
    /// The binary JSON is not well formed.
    #[error(transparent)]
    Json(#[from] jsonb::BadJson),
    /// The geometry is not well formed.
    #[error("the geometry is not well formed")]
    Geometry,
    /// The vector is not well formed.
    #[error("the vector is not well formed")]
    Vector,
}

impl Form {
    /// The form of a type; `None`: the type is not mapped.
    pub(super) fn of(kind: &Type, charset: Charset, modes: Modes) -> Option<Self> {
        Some(match kind {
            Type::Int { bytes: 1, unsigned } | Type::Int { bytes: 2, unsigned: unsigned @ false } => {
                Self::Int16 { unsigned: *unsigned }
            }
            Type::Int { bytes: 2 | 3, unsigned } | Type::Int { bytes: 4, unsigned: unsigned @ false } => {
                Self::Int32 { unsigned: *unsigned }
            }
            Type::Int { bytes: 8, unsigned: true } if modes.precise_bigint => Self::BigUnsigned,
            Type::Int { unsigned, .. } => Self::Int64 { unsigned: *unsigned },
            Type::Float { digits: false } => Self::Float32,
            Type::Float { digits: true } | Type::Double => Self::Float64,
            Type::Decimal { scale, .. } => Self::Decimal(modes.decimal, (*scale).into()),
            Type::Bit(1) => Self::Flag,
            Type::Bit(bits) => Self::Bits(usize::from(*bits).div_ceil(8)),
            Type::Year => Self::Year,
            Type::Date => Self::Date(modes.time.date(), modes.years),
            Type::Time(digits) => Self::Time(modes.time.time((*digits).into())),
            Type::DateTime(digits) => Self::Timestamp(modes.time.timestamp((*digits).into()), modes.years),
            // A moment is text in UTC whatever the mode.
            Type::Timestamp(digits) => Self::Zoned(Fraction::Digits((*digits).into())),
            Type::Text => Self::Text(charset),
            Type::Binary { fixed } => Self::Bytes(modes.binary, fixed.unwrap_or(0).into()),
            Type::Json => Self::Json,
            Type::Enum(labels) => Self::Enum(labels.iter().map(|label| Text::from(escaped(label))).collect()),
            Type::Set(labels) => Self::Set(labels.iter().map(|label| Text::from(label.as_str())).collect()),
            Type::Point => Self::Point,
            Type::Geometry => Self::Geometry,
            Type::Vector => Self::Vector,
            Type::Other(_) => return None,
        })
    }

    /// The same for rows of a snapshot, where Debezium writes a moment's fraction only as far as needed.
    pub(super) fn for_snapshot(self) -> Self {
        if matches!(self, Self::Zoned(_)) { Self::Zoned(Fraction::AsNeeded) } else { self }
    }

    /// The schema of a type in this form, required and without default.
    pub(super) fn schema(&self, kind: &Type) -> Schema {
        let labels = |labels: &[String]| labels.iter().map(|label| escaped(label)).collect::<Vec<_>>().join(",");
        match (self, kind) {
            (Self::Int16 { .. }, _) => Schema::of(Kind::Int16),
            (Self::Int32 { .. }, _) => Schema::of(Kind::Int32),
            (Self::Int64 { .. }, _) => Schema::of(Kind::Int64),
            (Self::BigUnsigned, _) => semantic::decimal(0, Some(20)),
            (Self::Float32, _) => Schema::of(Kind::Float32),
            (Self::Float64, _) => Schema::of(Kind::Float64),
            (Self::Decimal(mode, scale), Type::Decimal { precision, .. }) => {
                mode.schema(i32::try_from(*scale).unwrap_or(0), Some((*precision).into()))
            }
            (Self::Decimal(mode, scale), _) => mode.schema(i32::try_from(*scale).unwrap_or(0), None),
            (Self::Flag | Self::IntFlag { .. }, _) => Schema::of(Kind::Bool),
            (Self::Bits(_), kind) => {
                let length = if let Type::Bit(bits) = kind { *bits } else { 0 };
                semantic::of(Kind::Bytes, semantic::BITS).parameter("length", length.to_string())
            }
            (Self::Year, _) => semantic::of(Kind::Int32, semantic::YEAR),
            (Self::Date(form, _), _) => form.schema(),
            (Self::Time(form), _) => form.schema(),
            (Self::Timestamp(form, _), _) => form.schema(),
            (Self::Zoned(_), _) => semantic::of(Kind::Text, semantic::ZONED_TIMESTAMP),
            (Self::Bytes(BinaryMode::Bytes, _), _) => Schema::of(Kind::Bytes),
            (Self::Text(_) | Self::Bytes(..), _) => Schema::of(Kind::Text),
            (Self::Json, _) => semantic::of(Kind::Text, semantic::JSON),
            (Self::Enum(_), Type::Enum(all)) => {
                semantic::of(Kind::Text, semantic::ENUM).parameter("allowed", labels(all))
            }
            (Self::Enum(_), _) => semantic::of(Kind::Text, semantic::ENUM),
            (Self::Set(_), Type::Set(all)) => {
                semantic::of(Kind::Text, semantic::ENUM_SET).parameter("allowed", labels(all))
            }
            (Self::Set(_), _) => semantic::of(Kind::Text, semantic::ENUM_SET),
            (Self::Point, _) => semantic::point(),
            (Self::Geometry, _) => semantic::geometry(),
            (Self::Vector, _) => semantic::float_vector(),
        }
    }

    /// The value of a cell. `missing` is that of a day or moment that does not exist ([`Self::missing`]).
    pub(super) fn value(&self, cell: Cell, missing: &Value) -> Result<Value, BadValue> {
        Ok(match (self, cell) {
            (_, Cell::Null) => Value::Null,
            (Self::Int16 { unsigned }, Cell::Int(number, bytes)) => {
                Value::Int16(narrow(extend(number, bytes, *unsigned))?)
            }
            (Self::Int32 { unsigned }, Cell::Int(number, bytes)) => {
                Value::Int32(narrow(extend(number, bytes, *unsigned))?)
            }
            (Self::Int64 { unsigned }, Cell::Int(number, bytes)) => Value::Int64(extend(number, bytes, *unsigned)),
            (Self::IntFlag { unsigned }, Cell::Int(number, bytes)) => Value::Bool(extend(number, bytes, *unsigned) > 0),
            (Self::BigUnsigned, Cell::Int(number, _)) => Value::Bytes(fewest_bytes(number.into())),
            (Self::Float32, Cell::Float(number)) => Value::Float32(number),
            (Self::Float64, Cell::Float(number)) => Value::Float64(number.into()),
            (Self::Float64, Cell::Double(number)) => Value::Float64(number),
            (Self::Decimal(DecimalMode::Precise, _), Cell::Unscaled(number)) => Value::Bytes(fewest_bytes(number)),
            (Self::Decimal(mode, scale), Cell::Unscaled(number)) => decimal(*mode, *scale, &plain(number, *scale))?,
            (Self::Decimal(mode, scale), Cell::Digits(text)) => decimal(*mode, *scale, &text)?,
            (Self::Flag, Cell::Bits(bits)) => Value::Bool(bits & 1 == 1),
            (Self::Bits(bytes), Cell::Bits(bits)) => {
                Value::Bytes(Bytes::copy_from_slice(bits.to_le_bytes().get(..*bytes).unwrap_or_default()))
            }
            (Self::Year, Cell::Year(year)) => Value::Int32(year.into()),
            (Self::Date(..) | Self::Timestamp(..) | Self::Zoned(_), Cell::Date(None) | Cell::Moment(None)) => {
                missing.clone()
            }
            (Self::Date(form, years), Cell::Date(Some(day))) => form.value(years.of_day(day)),
            // Connect's and Java's times end with the day; what lies outside is null, as Debezium has it.
            (Self::Time(TimeForm::Connect | TimeForm::Iso), Cell::Time(micros)) if !(0..DAY_US).contains(&micros) => {
                Value::Null
            }
            (Self::Time(form), Cell::Time(micros)) => {
                form.value(micros).ok_or(BadValue::Range("time.precision.mode"))?
            }
            // What has no place in nanoseconds is null, as Debezium has it.
            (Self::Timestamp(form, years), Cell::Moment(Some(micros))) => {
                form.value(years.of_moment(micros)).unwrap_or_default()
            }
            (Self::Zoned(fraction), Cell::Moment(Some(micros))) => Value::text(timestamp_text(micros, *fraction)),
            (Self::Text(charset), Cell::Bytes(bytes)) => Value::Text(charset.text(&bytes)),
            (Self::Bytes(mode, length), Cell::Bytes(bytes)) => binary(*mode, padded(bytes, *length)),
            (Self::Json, Cell::Json(bytes)) => Value::text(jsonb::text(&bytes)?),
            (Self::Json | Self::Enum(_) | Self::Set(_), Cell::Bytes(bytes)) => Value::Text(Charset::Utf8.text(&bytes)),
            (Self::Enum(labels), Cell::Label(index)) => label(labels, index)?,
            (Self::Set(labels), Cell::Labels(bits)) => Value::text(joined(labels, bits)),
            (Self::Point, Cell::Bytes(bytes)) => spatial::point(&bytes).ok_or(BadValue::Geometry)?,
            (Self::Geometry, Cell::Bytes(bytes)) => spatial::geometry(&bytes).ok_or(BadValue::Geometry)?,
            (Self::Vector, Cell::Bytes(bytes)) => spatial::vector(&bytes).ok_or(BadValue::Vector)?,
            _ => return Err(BadValue::Mismatch),
        })
    }

    /// The value of a day or moment that does not exist (a zero date): null, or where null is not allowed the default, else
    /// the epoch. Debezium's epoch has no fraction, whatever the column's.
    pub(super) fn missing(&self, required: bool, default: Option<&Value>) -> Value {
        if !required {
            return Value::Null;
        }
        let epoch = || match self {
            Self::Date(form, _) => form.value(0),
            Self::Timestamp(form, _) => form.value(0).unwrap_or_default(),
            Self::Zoned(_) => Value::text(timestamp_text(0, Fraction::Digits(0))),
            _ => Value::Null,
        };
        default.cloned().unwrap_or_else(epoch)
    }

    /// The value of a column's default, if it has one that a schema can tell. `required`: null is not allowed.
    pub(super) fn default(&self, kind: &Type, default: &DefaultValue, required: bool) -> Option<Value> {
        let cell = match default {
            DefaultValue::None | DefaultValue::Computed => return None,
            // A moment that is not known is the epoch to Debezium, but for a `TIMESTAMP` that may be null
            // (`BinlogDefaultValueConverter.convertToTimestamp`, and `convertToLocalDateTime`, which has no such case).
            DefaultValue::Now if matches!(kind, Type::DateTime(_)) => Cell::Moment(Some(0)),
            DefaultValue::Now => Cell::Moment(None),
            // Only here is there room for all of them.
            DefaultValue::Text(text) if matches!(self, Self::BigUnsigned) => Cell::Int(text.trim().parse().ok()?, 8),
            DefaultValue::Text(text) => super::default_cell::of(kind, text)?,
            DefaultValue::Bytes(bytes) => super::default_cell::of_bytes(kind, bytes)?,
        };
        self.with_text_in_utf8().value(cell, &self.missing(required, None)).ok().filter(|value| !value.is_null())
    }

    /// Text that comes from SQL is UTF-8, whatever the column's set.
    fn with_text_in_utf8(&self) -> Self {
        if matches!(self, Self::Text(_)) { Self::Text(Charset::Utf8) } else { self.clone() }
    }
}

impl Years {
    fn of_day(self, day: i32) -> i32 {
        i32::try_from(self.of(day.into())).unwrap_or(day)
    }

    fn of_moment(self, micros: i64) -> i64 {
        let day = micros.div_euclid(DAY_US);
        micros + (self.of(day) - day) * DAY_US
    }

    fn of(self, day: i64) -> i64 {
        if day >= YEAR_100 || self == Self::Kept {
            return day;
        }
        let (year, month, date) = civil(day);
        match year {
            0..=69 => days(year + 2000, month, date),
            70..=99 => days(year + 1900, month, date),
            _ => day,
        }
    }
}

/// The first day of the year 100.
const YEAR_100: i64 = -683_003;

fn extend(number: u64, bytes: u8, unsigned: bool) -> i64 {
    let unused = 64 - 8 * u32::from(bytes.clamp(1, 8));
    // The bits are the number's, whatever its sign: an unsigned one above i64 wraps, as Debezium's mode `long` says.
    let shifted = (number << unused).cast_signed();
    if unsigned { number.cast_signed() } else { shifted >> unused }
}

fn narrow<T: TryFrom<i64>>(number: i64) -> Result<T, BadValue> {
    T::try_from(number).map_err(|_| BadValue::Mismatch)
}

fn decimal(mode: DecimalMode, scale: u32, text: &str) -> Result<Value, BadValue> {
    mode.value(text, scale).ok_or(BadValue::Range("the decimal's scale"))
}

/// A decimal's digits with its point.
pub(super) fn plain(number: i128, scale: u32) -> String {
    let scale = scale as usize;
    let sign = if number < 0 { "-" } else { "" };
    let digits = format!("{:0width$}", number.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// `BINARY(n)` loses its trailing zeros in the log.
fn padded(bytes: Bytes, length: usize) -> Bytes {
    if bytes.len() >= length {
        return bytes;
    }
    let mut longer = bytes.to_vec();
    longer.resize(length, 0);
    longer.into()
}

fn binary(mode: BinaryMode, bytes: Bytes) -> Value {
    match mode {
        BinaryMode::Bytes => Value::Bytes(bytes),
        BinaryMode::Base64 => Value::text(base64::engine::general_purpose::STANDARD.encode(bytes)),
        BinaryMode::Base64UrlSafe => Value::text(base64::engine::general_purpose::URL_SAFE.encode(bytes)),
        BinaryMode::Hex => Value::text(hex(&bytes)),
    }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn label(labels: &[Text], index: u64) -> Result<Value, BadValue> {
    // Index 0 is MySQL's mark of a value that was no label: the empty text.
    let Some(index) = index.checked_sub(1) else { return Ok(Value::text("")) };
    let found = usize::try_from(index).ok().and_then(|index| labels.get(index));
    found.cloned().map(Value::Text).ok_or(BadValue::Mismatch)
}

fn joined(labels: &[Text], bits: u64) -> String {
    let set = labels.iter().enumerate().filter(|(index, _)| *index < 64 && bits >> index & 1 == 1);
    set.map(|(_, label)| label.as_str()).collect::<Vec<_>>().join(",")
}

/// A label as the `allowed` parameter holds it: its commas escaped, since commas separate labels.
fn escaped(label: &str) -> String {
    label.replace(',', "\\,")
}
