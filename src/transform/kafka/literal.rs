//! Text that stands for a value: `org.apache.kafka.connect.data.Values.parseString`.
//!
//! Numbers become the smallest type that holds them, `true`, `false` and `null` what they say, ISO 8601 dates and times
//! Connect's types, `[…]` and `{…}` lists and maps; all else is the text as it is. As in Connect, a number counts as one
//! though a `:` or `,` and more stand behind it.

use std::sync::Arc;

use crate::data::{Datum, Kind, Schema, Value, semantic};
use crate::transform::date_format::DateFormat;
use crate::transform::decimal::Decimal;

const DAY_MS: i64 = 86_400_000;

/// The value of a text.
///
/// # Errors
/// When the elements of a list or a map are of types that no type covers: Connect leaves these without a schema.
pub(super) fn parse(text: &str) -> Result<Datum, String> {
    if text.is_empty() {
        return Ok(datum(Schema::of(Kind::Text), Value::text("")));
    }
    let mut parser = Parser { text, position: 0 };
    match parser.value(false) {
        Ok(Some(value)) => Ok(value),
        Ok(None) => Ok(datum(Schema::of(Kind::Text).optional(), Value::Null)),
        Err(Stop::NoSchema(reason)) => Err(reason),
        Err(Stop::NoLiteral) => Ok(datum(Schema::of(Kind::Text), Value::text(text))),
    }
}

fn datum(schema: Schema, value: Value) -> Datum {
    Datum { schema: schema.into(), value }
}

/// Why parsing stops.
enum Stop {
    /// What stands there is no list or map.
    NoLiteral,
    /// It is one, but there is no schema for it.
    NoSchema(String),
}

struct Parser<'a> {
    text: &'a str,
    position: usize,
}

impl<'a> Parser<'a> {
    /// The token that comes next: up to a delimiter, or a delimiter; a backslash makes that ordinary.
    fn peek(&self) -> Option<&'a str> {
        let rest = self.text.get(self.position..).filter(|rest| !rest.is_empty())?;
        let mut escaped = false;
        for (place, character) in rest.char_indices() {
            match character {
                ':' | ',' | '{' | '}' | '[' | ']' | '"' if !escaped => {
                    return rest.get(..if place > 0 { place } else { 1 });
                }
                _ => escaped = character == '\\' && !escaped,
            }
        }
        Some(rest)
    }

    fn next(&mut self) -> Option<&'a str> {
        let token = self.peek()?;
        self.position += token.len();
        Some(token)
    }

    /// Whether the next token that is not blank is this one; it is consumed then.
    fn consume(&mut self, expected: &str) -> bool {
        while let Some(token) = self.peek() {
            let end = self.position + token.len();
            if token.trim() == expected {
                self.position = end;
                return true;
            }
            if !token.trim().is_empty() || end == self.text.len() {
                return false;
            }
            self.position = end;
        }
        false
    }

    /// A word that must stand alone when it is the whole.
    fn word(&mut self, expected: &str, embedded: bool) -> bool {
        let start = self.position;
        if self.consume(expected) && (embedded || self.peek().is_none()) {
            return true;
        }
        self.position = start;
        false
    }

    /// A value; `None`: it is null.
    fn value(&mut self, embedded: bool) -> Result<Option<Datum>, Stop> {
        if self.peek().is_none() {
            return Ok(None);
        }
        if embedded && self.consume("\"") {
            return Ok(Some(self.quoted()));
        }
        if self.word("null", embedded) {
            return Ok(None);
        }
        for (word, flag) in [("true", true), ("false", false)] {
            if self.word(word, embedded) {
                return Ok(Some(datum(Schema::of(Kind::Bool), Value::Bool(flag))));
            }
        }
        let start = self.position;
        let nested = if self.consume("[") {
            self.array()
        } else if self.consume("{") {
            self.map()
        } else {
            Err(Stop::NoLiteral)
        };
        match nested {
            Err(Stop::NoLiteral) => self.position = start,
            found => return found.map(Some),
        }
        let token = self.next().unwrap_or_default();
        match token.trim() {
            "" => Ok(Some(datum(Schema::of(Kind::Text), Value::text(token)))),
            trimmed => self.scalar(trimmed, embedded).map(Some),
        }
    }

    fn scalar(&mut self, token: &str, embedded: bool) -> Result<Datum, Stop> {
        let is_digit = token.starts_with(|first: char| first.is_ascii_digit());
        if is_digit {
            // A time has colons, which are tokens of their own.
            let start = self.position;
            let four = (0..4).filter_map(|_| self.next()).count();
            let joined = format!("{token}{}", self.text.get(start..self.position).unwrap_or_default());
            if let Some(time) = temporal(&joined).filter(|_| four == 4) {
                return Ok(time);
            }
            self.position = start;
            if let Some(date) = temporal(token) {
                return Ok(date);
            }
        }
        if (is_digit || token.starts_with(['+', '-']))
            && let Some(number) = Decimal::parse(token)
        {
            return Ok(smallest(&number));
        }
        if embedded { Err(Stop::NoLiteral) } else { Ok(datum(Schema::of(Kind::Text), Value::text(self.text))) }
    }

    /// The text up to the next quote.
    fn quoted(&mut self) -> Datum {
        let mut content = String::new();
        while self.peek().is_some() && !self.consume("\"") {
            content.push_str(self.next().unwrap_or_default());
        }
        temporal(&content).unwrap_or_else(|| datum(Schema::of(Kind::Text), Value::text(content)))
    }

    fn array(&mut self) -> Result<Datum, Stop> {
        let mut elements = Vec::new();
        while self.peek().is_some() {
            if self.consume("]") {
                let (schema, elements) = aligned(elements)?;
                return Ok(datum(Schema::of(Kind::Array(schema)), Value::Array(elements.into())));
            }
            if self.consume(",") {
                return Err(Stop::NoLiteral);
            }
            elements.push(self.value(true)?);
            let after = self.position;
            if self.consume("]") {
                self.position = after;
            } else if !self.consume(",") {
                return Err(Stop::NoLiteral);
            }
        }
        Err(Stop::NoLiteral)
    }

    fn map(&mut self) -> Result<Datum, Stop> {
        let (mut keys, mut values): (Vec<Option<Datum>>, Vec<Option<Datum>>) = (Vec::new(), Vec::new());
        while self.peek().is_some() {
            if self.consume("}") {
                let ((key, keys), (value, values)) = (aligned(keys)?, aligned(values)?);
                let entries = keys.into_iter().zip(values).collect();
                return Ok(datum(Schema::of(Kind::Map(key, value)), Value::Map(entries)));
            }
            if self.consume(",") {
                return Err(Stop::NoLiteral);
            }
            let key = Some(self.value(true)?.ok_or(Stop::NoLiteral)?);
            if !self.consume(":") {
                return Err(Stop::NoLiteral);
            }
            let value = self.value(true)?;
            self.consume(",");
            // Of a key that is there twice the last value counts.
            if let Some(place) = keys.iter().position(|known| *known == key) {
                values[place] = value;
            } else {
                keys.push(key);
                values.push(value);
            }
        }
        Err(Stop::NoLiteral)
    }
}

/// The number in the smallest type that holds it.
fn smallest(number: &Decimal) -> Datum {
    if let Some(whole) = number.to_exact_i64() {
        let (kind, value) = if let Ok(number) = i8::try_from(whole) {
            (Kind::Int8, Value::Int8(number))
        } else if let Ok(number) = i16::try_from(whole) {
            (Kind::Int16, Value::Int16(number))
        } else if let Ok(number) = i32::try_from(whole) {
            (Kind::Int32, Value::Int32(number))
        } else {
            (Kind::Int64, Value::Int64(whole))
        };
        return datum(Schema::of(kind), value);
    }
    let (single, double) = (number.to_float::<f32>(), number.to_float::<f64>());
    if number.scale != 0 && single.is_finite() {
        datum(Schema::of(Kind::Float32), Value::Float32(single))
    } else if number.scale != 0 && double.is_finite() {
        datum(Schema::of(Kind::Float64), Value::Float64(double))
    } else {
        datum(semantic::decimal(number.scale, None), Decimal::to_value(&number.unscaled))
    }
}

/// The date or time that a text of their length is, in UTC.
fn temporal(text: &str) -> Option<Datum> {
    let text = text.replace("\\:", ":");
    let (pattern, schema) = match text.len() {
        10 => ("yyyy-MM-dd", semantic::of(Kind::Int32, semantic::CONNECT_DATE)),
        13 => ("HH:mm:ss.SSS'Z'", semantic::of(Kind::Int32, semantic::CONNECT_TIME)),
        24 => ("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'", semantic::of(Kind::Int64, semantic::CONNECT_TIMESTAMP)),
        _ => return None,
    };
    let instant_ms = DateFormat::parse_pattern(pattern).ok()?.parse(&text)?;
    let value = match text.len() {
        10 => Value::Int32(i32::try_from(instant_ms.div_euclid(DAY_MS)).ok()?),
        13 => Value::Int32(i32::try_from(instant_ms).ok()?),
        _ => Value::Int64(instant_ms),
    };
    Some(datum(schema, value))
}

/// The elements as values of one schema: of numbers the widest type.
fn aligned(elements: Vec<Option<Datum>>) -> Result<(Arc<Schema>, Vec<Value>), Stop> {
    let mut common: Option<Schema> = None;
    for schema in elements.iter().flatten().map(|element| &element.schema) {
        common = Some(match common {
            None => Schema::clone(schema),
            Some(common) if common == **schema => common,
            Some(common) => match (width(&common), width(schema)) {
                (Some(wide), Some(other)) if wide >= other => common,
                (Some(_), Some(_)) => Schema::clone(schema),
                _ => {
                    let reason =
                        "has elements of several types, for which there is no schema; quote what is to be text";
                    return Err(Stop::NoSchema(reason.to_owned()));
                }
            },
        });
    }
    if common.is_some() && elements.iter().any(Option::is_none) {
        // A null is not of the others' type; Connect takes the whole for text then.
        return Err(Stop::NoLiteral);
    }
    let schema = common.unwrap_or(Schema::of(Kind::Text).optional());
    let kind = schema.kind.clone();
    let widened =
        elements.into_iter().map(|element| element.map_or(Value::Null, |element| widen(element.value, &kind)));
    let widened = widened.collect();
    Ok((schema.into(), widened))
}

/// The rank of a number's type.
fn width(schema: &Schema) -> Option<usize> {
    let kinds = [Kind::Int8, Kind::Int16, Kind::Int32, Kind::Int64, Kind::Float32, Kind::Float64];
    kinds.iter().position(|kind| *kind == schema.kind).filter(|_| schema.name.is_none())
}

/// The number as one of a wider type.
fn widen(value: Value, kind: &Kind) -> Value {
    let whole = match value {
        Value::Int8(number) => i64::from(number),
        Value::Int16(number) => i64::from(number),
        Value::Int32(number) if matches!(kind, Kind::Int64 | Kind::Float32 | Kind::Float64) => i64::from(number),
        Value::Int64(number) if matches!(kind, Kind::Float32 | Kind::Float64) => number,
        Value::Float32(number) if *kind == Kind::Float64 => return Value::Float64(number.into()),
        other => return other,
    };
    match kind {
        Kind::Int16 => i16::try_from(whole).map_or(Value::Null, Value::Int16),
        Kind::Int32 => i32::try_from(whole).map_or(Value::Null, Value::Int32),
        Kind::Int64 => Value::Int64(whole),
        Kind::Float32 => Value::Float32(whole as f32),
        Kind::Float64 => Value::Float64(whole as f64),
        _ => i8::try_from(whole).map_or(Value::Null, Value::Int8),
    }
}

#[cfg(test)]
#[path = "literal_tests.rs"]
mod tests;
