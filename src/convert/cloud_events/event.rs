//! One event: what headers tell of it, its texts, and its attributes as JSON or as a row.

use std::fmt::Write as _;

use bytes::Bytes;

use super::options::{Metadata, Options, Origin};
use super::plan::{Attribute, Plan, What};
use crate::convert::header::civil_date;
use crate::convert::json::{JsonReader, text};
use crate::convert::{EncodedHeaders, Fault};
use crate::data::{Datum, Text, Value};

/// What a record's headers tell: nothing, unless options ask for it. They are read as `JsonConverter` with schemas writes
/// them, because so does Debezium's converter.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) source: Option<Datum>,
    pub(super) op: Value,
    pub(super) transaction: Value,
    pub(super) data_name: Option<Text>,
    id: Option<Text>,
    kind: Value,
    trace: Value,
}

impl Told {
    /// `None`: source block and operation had to be there, and are not.
    pub(super) fn read(
        options: &Options,
        headers: &EncodedHeaders,
        reader: &mut JsonReader,
    ) -> Result<Option<Self>, Fault> {
        let mut told = Self::default();
        if !options.uses_headers() {
            return Ok(Some(told));
        }
        let mut headers = Reading { headers, reader };
        let Metadata { in_headers, id, kind, data_name } = options.metadata;
        if in_headers {
            if !headers.has("source") || !headers.has("op") {
                return Ok(None);
            }
            told.source = headers.datum("source")?;
            told.op = headers.value("op")?;
            told.transaction = headers.value("transaction")?;
        }
        if id == Origin::Header {
            told.id = Some(headers.required("id")?);
        }
        if kind == Origin::Header {
            told.kind = Value::Text(headers.required("type")?);
        }
        if data_name == Origin::Header {
            told.data_name = Some(headers.required("dataSchemaName")?);
        }
        if options.trace {
            told.trace = headers.value("traceparent")?;
        }
        Ok(Some(told))
    }
}

struct Reading<'a> {
    headers: &'a EncodedHeaders,
    reader: &'a mut JsonReader,
}

impl Reading<'_> {
    /// The bytes of the last header of that name, which may be null.
    fn last(&self, name: &str) -> Option<&Option<Bytes>> {
        self.headers.iter().filter(|(other, _)| **other == *name).last().map(|(_, value)| value)
    }

    fn has(&self, name: &str) -> bool {
        self.last(name).is_some()
    }

    /// `None` of one that is missing or null.
    fn datum(&mut self, name: &str) -> Result<Option<Datum>, Fault> {
        let Some(Some(bytes)) = self.last(name) else { return Ok(None) };
        let bytes = bytes.clone();
        self.reader.read(&bytes).map(Some).map_err(|reason| {
            let advice = "set header.converter=org.apache.kafka.connect.json.JsonConverter, with its schemas";
            Fault::new(format!("{reason}; {advice}")).within(format!("header {name}"))
        })
    }

    fn value(&mut self, name: &str) -> Result<Value, Fault> {
        Ok(self.datum(name)?.map_or(Value::Null, |datum| datum.value))
    }

    fn required(&mut self, name: &str) -> Result<Text, Fault> {
        match self.value(name)? {
            Value::Text(text) => Ok(text),
            Value::Null => Err(Fault::new(format!("there is no header {name}"))),
            other => {
                Err(Fault::new(format!("must be STRING, is {}", other.type_name())).within(format!("header {name}")))
            }
        }
    }
}

/// Texts in the making.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    id: String,
    time: String,
}

/// An event, but for its data.
pub(super) struct Event<'a> {
    plan: &'a Plan,
    told: &'a Told,
    uri: &'a Text,
    id: &'a str,
    time: &'a str,
    source: &'a [Value],
    op: &'a Value,
    transaction: Option<&'a [Value]>,
}

/// The value of an attribute.
enum Piece<'a> {
    Text(&'a str),
    /// A number that is written as text.
    Digits(i64),
    Value(&'a Value),
}

impl<'a> Event<'a> {
    pub(super) fn new(
        plan: &'a Plan,
        uri: &'a Text,
        told: &'a Told,
        (source, op, transaction): (&'a [Value], &'a Value, Option<&'a [Value]>),
        scratch: &'a mut Scratch,
    ) -> Result<Self, Fault> {
        let Scratch { id, time } = scratch;
        let Value::Int64(millis) = plan.time.value(source) else {
            return Err(Fault::new("there is no time".to_owned()).within("source.ts_ms"));
        };
        time.clear();
        write_time(time, *millis);
        id.clear();
        for (part, place) in &plan.id {
            id.push_str(part);
            write_plain(id, place.value(source));
        }
        let id = told.id.as_ref().map_or(id.as_str(), Text::as_str);
        Ok(Self { plan, told, uri, id, time, source, op, transaction })
    }

    /// The object up to the data.
    pub(super) fn write(&self, out: &mut Vec<u8>, data_schema: Option<&str>) -> Result<(), Fault> {
        for attribute in &self.plan.attributes {
            out.extend_from_slice(&attribute.prefix);
            match self.piece(attribute, data_schema)? {
                Piece::Text(value) => text::write(out, value),
                Piece::Digits(number) => {
                    out.push(b'"');
                    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
                    out.push(b'"');
                }
                Piece::Value(Value::Text(value)) => text::write(out, value.as_str()),
                Piece::Value(Value::Bool(flag)) => out.extend_from_slice(if *flag { b"true" } else { b"false" }),
                Piece::Value(value) => match whole(value) {
                    Some(number) => out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes()),
                    None => out.extend_from_slice(b"null"),
                },
            }
        }
        out.extend_from_slice(b",\"data\":");
        Ok(())
    }

    /// The values of the attributes, and the data.
    pub(super) fn row(&self, data_schema: &str, data: Bytes) -> Result<Vec<Value>, Fault> {
        let mut row = Vec::with_capacity(self.plan.attributes.len() + 1);
        for attribute in &self.plan.attributes {
            row.push(match self.piece(attribute, Some(data_schema))? {
                Piece::Text(value) => Value::text(value),
                Piece::Digits(number) => Value::text(itoa::Buffer::new().format(number)),
                Piece::Value(value) => match whole(value) {
                    Some(number) => Value::Int32(number),
                    None => value.clone(),
                },
            });
        }
        row.push(Value::Bytes(data));
        Ok(row)
    }

    fn piece<'b>(&'b self, attribute: &'b Attribute, data_schema: Option<&'b str>) -> Result<Piece<'b>, Fault> {
        let piece = match &attribute.what {
            What::Id => Piece::Text(self.id),
            What::Source => Piece::Text(self.uri.as_str()),
            What::Time => Piece::Text(self.time),
            What::DataSchema => Piece::Text(data_schema.unwrap_or_default()),
            What::Always(text) => Piece::Text(text.as_str()),
            What::Type => Piece::Value(&self.told.kind),
            What::Trace => Piece::Value(&self.told.trace),
            What::Op => Piece::Value(self.op),
            What::OfSource(place) => Piece::Value(place.value(self.source)),
            What::OfTransaction(place) => {
                Piece::Value(self.transaction.and_then(|values| values.get(*place)).unwrap_or(&Value::Null))
            }
        };
        match piece {
            Piece::Value(Value::Int64(number)) => Ok(Piece::Digits(*number)),
            Piece::Value(Value::Null) if !attribute.optional => Err(missing(attribute)),
            Piece::Value(Value::Text(_) | Value::Null | Value::Bool(_)) | Piece::Text(_) | Piece::Digits(_) => {
                Ok(piece)
            }
            Piece::Value(value) if whole(value).is_some() => Ok(piece),
            Piece::Value(value) => {
                let reason = format!("a {} cannot be an attribute of an event", value.type_name());
                Err(Fault::new(reason).within(&*attribute.name))
            }
        }
    }
}

#[cold]
fn missing(attribute: &Attribute) -> Fault {
    let reason = match attribute.what {
        What::Trace => "there is no header traceparent, and events must have it",
        _ => "null, but the attribute is required",
    };
    Fault::new(reason.to_owned()).within(&*attribute.name)
}

/// A small whole number.
fn whole(value: &Value) -> Option<i32> {
    match value {
        Value::Int8(number) => Some((*number).into()),
        Value::Int16(number) => Some((*number).into()),
        Value::Int32(number) => Some(*number),
        _ => None,
    }
}

/// Java's `String.valueOf`.
fn write_plain(out: &mut String, value: &Value) {
    match value {
        Value::Text(text) => out.push_str(text.as_str()),
        Value::Int64(number) => out.push_str(itoa::Buffer::new().format(*number)),
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        value => match whole(value) {
            Some(number) => out.push_str(itoa::Buffer::new().format(number)),
            None => out.push_str("null"),
        },
    }
}

/// An instant as `yyyy-MM-dd'T'HH:mm:ss.SSSXXX` in UTC.
fn write_time(out: &mut String, millis: i64) {
    const DAY_MS: i64 = 86_400_000;
    let (year, month, day) = civil_date(millis.div_euclid(DAY_MS));
    let of_day = millis.rem_euclid(DAY_MS);
    let (hours, minutes, seconds) = (of_day / 3_600_000, of_day / 60_000 % 60, of_day / 1000 % 60);
    let millis = of_day % 1000;
    // Text takes everything.
    let _ = write!(out, "{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}.{millis:03}Z");
}
