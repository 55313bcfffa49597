//! From a cell's bytes to a value: text as the stream has it, binary as `COPY` has it.
//!
//! It knows how PostgreSQL writes the values of its types; which type a column has is `schema`'s business. Invariant: the
//! same value read from the snapshot and from the stream is equal. Types whose binary form is not simply the value are read
//! as text in the snapshot too ([`Decode::is_binary`]), so there is one decoder for them.
#![deny(clippy::indexing_slicing)]

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use bytes::Bytes;

use super::cursor::Cursor;
use crate::data::{Field, Kind, Schema, Text, Value, semantic};
use crate::source::common::BinaryMode;
use crate::source::decimal::{DecimalMode, unscaled};
use crate::source::temporal::{self, DAY_US, DateForm, Fraction, TimeForm, TimestampForm};

/// Days from 1970-01-01 to 2000-01-01.
const EPOCH_OFFSET_DAYS: i32 = 10_957;
/// What pgjdbc makes of `infinity`, in milliseconds since the epoch; Debezium passes it on.
const INFINITY_MS: i64 = 9_223_372_036_825_200;
/// What pgjdbc makes of `-infinity`.
const NEGATIVE_INFINITY_MS: i64 = -9_223_372_036_832_400;

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
    /// Anything that is its text: `text`, `varchar`, `uuid`, `json`, enums, …; `binary` if `COPY`'s binary form is that text
    Text { binary: bool },
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
    /// An array
    Array(Box<Decode>),
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
            Self::Numeric { .. } | Self::VariableNumeric | Self::TimeTz | Self::Array(_) => false,
            Self::Text { binary } => *binary,
            _ => true,
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
            Self::Text { .. } => Value::Text(Text::from_utf8(frame.slice_ref(cell)).map_err(|_| "UTF-8")?),
            Self::Bytea(mode) => bytes(*mode, &unhex(cell).ok_or("a bytea in hexadecimal form")?),
            Self::Date(form) => form.value(date_text(cell).ok_or("a date")?),
            Self::Time(form) => form.value(time_text(cell).ok_or("a time")?).ok_or("a time")?,
            Self::TimeTz => timetz_text(cell).ok_or("a time with time zone")?,
            Self::Timestamp(form) => timestamp(*form, timestamp_text(cell).ok_or("a timestamp")?),
            Self::TimestampTz(digits) => {
                timestamptz(*digits, timestamp_text(cell).ok_or("a timestamp with time zone")?)
            }
            Self::Array(element) => array(element, utf8(cell)?)?,
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
            Self::Timestamp(form) => timestamp(*form, Moment::of(data.i64().map_err(short)?)),
            Self::TimestampTz(digits) => timestamptz(*digits, Moment::of(data.i64().map_err(short)?)),
            Self::Text { .. } | Self::Numeric { .. } | Self::VariableNumeric | Self::TimeTz | Self::Array(_) => {
                return self.text(cell, frame);
            }
        };
        Ok(value.into())
    }

    /// The type's zero: what Debezium writes for a null that the schema does not allow, and as the default of a column
    /// whose default is a function (`JdbcValueConverters`).
    pub(super) fn zero(&self, schema: &Schema) -> Value {
        match self {
            Self::Bool => Value::Bool(false),
            Self::Int2 => Value::Int16(0),
            Self::Int4 => Value::Int32(0),
            Self::Int8 | Self::Oid => Value::Int64(0),
            Self::Float4 => Value::Float32(0.0),
            Self::Float8 => Value::Float64(0.0),
            Self::Numeric { mode, scale } => mode.value("0", *scale).unwrap_or_default(),
            Self::VariableNumeric => Value::Struct(Box::new([Value::Int32(0), Value::Bytes(Bytes::from_static(&[0]))])),
            Self::Text { .. } => Value::Text(Text::from_static(match schema.name.as_deref() {
                Some(semantic::UUID) => "00000000-0000-0000-0000-000000000000",
                Some(semantic::JSON) => "{}",
                _ => "",
            })),
            Self::Bytea(BinaryMode::Bytes) => Value::Bytes(Bytes::new()),
            Self::Bytea(_) => Value::Text(Text::default()),
            Self::Date(form) => form.value(0),
            Self::Time(form) => form.value(0).unwrap_or_default(),
            Self::TimeTz => Value::text("00:00:00Z"),
            Self::Timestamp(form) => form.value(0).unwrap_or_default(),
            Self::TimestampTz(digits) => timestamptz(*digits, Moment::At(0)),
            Self::Array(_) => Value::Array(Box::default()),
        }
    }

    /// What stands for a TOASTed value that the update did not touch (`unavailable.value.placeholder`).
    pub(super) fn unavailable(&self, placeholder: &[u8]) -> Value {
        match self {
            // Debezium writes it as it is where hexadecimal digits are asked for; and null for base64, which we don't.
            Self::Text { .. } | Self::Numeric { mode: DecimalMode::String, .. } | Self::Bytea(BinaryMode::Hex) => {
                Value::text(String::from_utf8_lossy(placeholder).into_owned())
            }
            Self::Bytea(mode) => bytes(*mode, placeholder),
            Self::Array(element) => match element.as_ref() {
                Self::Int2 | Self::Int4 | Self::Date(_) | Self::Int8 => {
                    Value::Array(placeholder.iter().map(|byte| element.number(*byte)).collect())
                }
                element => Value::Array(Box::new([element.unavailable(placeholder)])),
            },
            // Other types are too short to be TOASTed, or have no value that could be told from a real one.
            _ => Value::Null,
        }
    }

    fn number(&self, byte: u8) -> Value {
        match self {
            Self::Int2 => Value::Int16(byte.into()),
            Self::Int8 => Value::Int64(byte.into()),
            _ => Value::Int32(byte.into()),
        }
    }
}

fn utf8(cell: &[u8]) -> Result<&str, Mismatch> {
    std::str::from_utf8(cell).map_err(|_| "UTF-8")
}

fn number<T: std::str::FromStr>(cell: &[u8], wanted: Mismatch) -> Result<T, Mismatch> {
    std::str::from_utf8(cell).ok().and_then(|text| text.parse().ok()).ok_or(wanted)
}

fn numeric(mode: DecimalMode, scale: u32, text: &str) -> Result<Decoded, Mismatch> {
    if mode == DecimalMode::Precise && is_special(text) {
        return Ok(Decoded::Unrepresentable);
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
    let digits = cell.strip_prefix(b"\\x")?;
    let nibble = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = digits.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(nibble(*high)? << 4 | nibble(*low)?)).collect()
}

/// A timestamp: a moment, or one of the ends of time.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Moment {
    /// Microseconds since the Unix epoch.
    At(i64),
    Infinity,
    NegativeInfinity,
}

impl Moment {
    /// From PostgreSQL's binary form: microseconds since 2000-01-01.
    const fn of(micros: i64) -> Self {
        match micros {
            i64::MAX => Self::Infinity,
            i64::MIN => Self::NegativeInfinity,
            // The years behind 294246 don't fit when counted from 1970, as in Debezium.
            micros => Self::At(micros.saturating_add(super::pgoutput::EPOCH_OFFSET_US)),
        }
    }
}

fn timestamp(form: TimestampForm, moment: Moment) -> Value {
    let end = |millis: i64| match form {
        TimestampForm::Micros => Value::Int64(millis.saturating_mul(1000)),
        TimestampForm::Nanos => Value::Int64(if millis > 0 { i64::MAX } else { i64::MIN }),
        TimestampForm::Millis | TimestampForm::Connect => Value::Int64(millis),
        TimestampForm::Iso => form.value(millis.saturating_mul(1000)).unwrap_or_default(),
    };
    match moment {
        Moment::At(micros) => form.value(micros).unwrap_or_default(),
        Moment::Infinity => end(INFINITY_MS),
        Moment::NegativeInfinity => end(NEGATIVE_INFINITY_MS),
    }
}

fn timestamptz(digits: u32, moment: Moment) -> Value {
    match moment {
        Moment::At(micros) => Value::text(temporal::timestamp_text(micros, Fraction::Digits(digits))),
        Moment::Infinity => Value::Text(Text::from_static("infinity")),
        Moment::NegativeInfinity => Value::Text(Text::from_static("-infinity")),
    }
}

/// Digits at the front, and what follows.
fn digits(text: &[u8]) -> Option<(i64, usize, &[u8])> {
    let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at_checked(count)?;
    if digits.is_empty() || count > 18 {
        return None;
    }
    Some((digits.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0')), count, rest))
}

/// `2024-02-29`; days since 1970-01-01, and what follows. `before_christ`: the text ends with ` BC`.
fn date_front(text: &[u8], before_christ: bool) -> Option<(i64, &[u8])> {
    let (year, _, rest) = digits(text)?;
    let (month, _, rest) = digits(rest.strip_prefix(b"-")?)?;
    let (day, _, rest) = digits(rest.strip_prefix(b"-")?)?;
    let year = if before_christ { 1 - year } else { year };
    Some((temporal::days(year, u8::try_from(month).ok()?, u8::try_from(day).ok()?), rest))
}

/// `12:34:56.789012`; microseconds of the day, and what follows.
fn time_front(text: &[u8]) -> Option<(i64, &[u8])> {
    let (hours, _, rest) = digits(text)?;
    let (minutes, _, rest) = digits(rest.strip_prefix(b":")?)?;
    let (seconds, _, rest) = digits(rest.strip_prefix(b":")?)?;
    let whole = (hours * 60 + minutes) * 60 + seconds;
    let Some(fraction) = rest.strip_prefix(b".") else { return Some((whole * 1_000_000, rest)) };
    let (fraction, count, rest) = digits(fraction)?;
    let scale = 10_i64.pow(6_u32.checked_sub(u32::try_from(count).ok()?)?);
    Some((whole * 1_000_000 + fraction * scale, rest))
}

/// `+05:30:15`; seconds east of UTC.
fn offset(text: &[u8]) -> Option<i64> {
    let (sign, text) = match text.split_first()? {
        (b'+', rest) => (1, rest),
        (b'-', rest) => (-1, rest),
        _ => return None,
    };
    let (mut seconds, _, mut rest) = digits(text)?;
    seconds *= 3600;
    for unit in [60, 1] {
        if let Some(part) = rest.strip_prefix(b":") {
            let (part, _, behind) = digits(part)?;
            seconds += part * unit;
            rest = behind;
        }
    }
    rest.is_empty().then_some(sign * seconds)
}

fn split_era(text: &[u8]) -> (&[u8], bool) {
    text.strip_suffix(b" BC").map_or((text, false), |text| (text, true))
}

fn date_text(text: &[u8]) -> Option<i32> {
    match text {
        b"infinity" => return Some(i32::MAX.wrapping_add(EPOCH_OFFSET_DAYS)),
        b"-infinity" => return Some(i32::MIN.wrapping_add(EPOCH_OFFSET_DAYS)),
        _ => {}
    }
    let (text, before_christ) = split_era(text);
    let (days, rest) = date_front(text, before_christ)?;
    if rest.is_empty() { i32::try_from(days).ok() } else { None }
}

fn time_text(text: &[u8]) -> Option<i64> {
    time_front(text).and_then(|(micros, rest)| rest.is_empty().then_some(micros))
}

/// The time of day in UTC, as Java's `ISO_OFFSET_TIME` writes it.
fn timetz_text(text: &[u8]) -> Option<Value> {
    let (micros, rest) = time_front(text)?;
    let utc = (micros - offset(rest)? * 1_000_000).rem_euclid(DAY_US);
    let mut text = String::with_capacity(16);
    temporal::push_time(&mut text, utc, Fraction::AsNeeded);
    text.push('Z');
    Some(Value::text(text))
}

/// With or without a zone: the session's is UTC, so the offset is nothing but that.
fn timestamp_text(text: &[u8]) -> Option<Moment> {
    match text {
        b"infinity" => return Some(Moment::Infinity),
        b"-infinity" => return Some(Moment::NegativeInfinity),
        _ => {}
    }
    let (text, before_christ) = split_era(text);
    let (days, rest) = date_front(text, before_christ)?;
    let (micros, rest) = time_front(rest.strip_prefix(b" ")?)?;
    let east = if rest.is_empty() { 0 } else { offset(rest)? };
    let micros = days.saturating_mul(DAY_US).saturating_add(micros).saturating_sub(east * 1_000_000);
    Some(Moment::At(micros))
}

/// An array's text (`{1,NULL,"a b"}`). Of an array of arrays Debezium knows only that there is something.
fn array(element: &Decode, text: &str) -> Result<Value, Mismatch> {
    // `[2:3]={…}`: bounds that do not start at 1.
    let text = match text.split_once("]=") {
        Some((bounds, items)) if bounds.starts_with('[') => items,
        _ => text,
    };
    let items = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).ok_or("an array")?;
    let mut rest = items.chars().peekable();
    let mut values = Vec::new();
    while rest.peek().is_some() {
        values.push(match array_item(&mut rest) {
            Some(item) => match element.text(&item, &item)? {
                Decoded::Value(value) => value,
                Decoded::Unrepresentable => Value::Null,
            },
            None => Value::Null,
        });
    }
    Ok(Value::Array(values.into_boxed_slice()))
}

/// The next item of an array, up to its comma; `None`: null.
fn array_item(rest: &mut impl Iterator<Item = char>) -> Option<Bytes> {
    let mut item = String::new();
    let (mut is_text, mut in_quotes, mut depth) = (false, false, 0_u32);
    let mut is_nested = false;
    while let Some(character) = rest.next() {
        match character {
            '\\' => item.extend(rest.next()),
            '"' => (is_text, in_quotes) = (true, !in_quotes),
            '{' if !in_quotes => (is_nested, depth) = (true, depth + 1),
            '}' if !in_quotes => depth = depth.saturating_sub(1),
            ',' if !in_quotes && depth == 0 => break,
            character => item.push(character),
        }
    }
    let is_null = is_nested || (!is_text && item == "NULL");
    (!is_null).then(|| Bytes::from(item))
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
