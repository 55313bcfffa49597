//! Header converters: Connect's simple one (the default), and those of values that can serve.
//!
//! The simple one writes `org.apache.kafka.connect.data.Values.convertToString`: text bare, structs, maps and arrays like
//! JSON, in which only quotes and backslashes are escaped.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::{ConvertError, Json, delegating, number, plain, short_name, under, unknown};
use crate::config::{Problems, Properties};
use crate::data::{Datum, Kind, Schema, Value, semantic};

/// Makes bytes of header values. No header converter ever waits for a registry.
#[derive(Debug)]
pub enum HeaderConverter {
    /// `org.apache.kafka.connect.storage.SimpleHeaderConverter`
    Simple,
    /// `org.apache.kafka.connect.json.JsonConverter`
    Json(Json),
    /// `org.apache.kafka.connect.storage.StringConverter`
    Text,
    /// `org.apache.kafka.connect.converters.ByteArrayConverter`
    Bytes,
}

/// The class names that [`HeaderConverter::build`] knows.
pub const CLASSES: &[&str] = &[
    "org.apache.kafka.connect.storage.SimpleHeaderConverter",
    "org.apache.kafka.connect.json.JsonConverter",
    "org.apache.kafka.connect.storage.StringConverter",
    "org.apache.kafka.connect.converters.ByteArrayConverter",
    delegating::BINARY,
    delegating::BYTES,
];

impl HeaderConverter {
    /// As [`super::Converter::build`].
    ///
    /// # Errors
    /// An unknown class, and every option that is wrong.
    pub fn build(key: &str, class: &str, options: &Properties) -> Result<Self, Problems> {
        match short_name(class) {
            "SimpleHeaderConverter" | "Simple" => Ok(Self::Simple),
            "JsonConverter" | "Json" => Json::build(options).map(Self::Json).map_err(|problems| under(key, problems)),
            "StringConverter" | "String" => Ok(Self::Text),
            // Debezium's two, too, take bytes only where they convert headers: they get no options there.
            "ByteArrayConverter" | "ByteArray" | "BinaryDataConverter" | "BinaryData" => Ok(Self::Bytes),
            _ => Err(unknown(key, class, CLASSES)),
        }
    }

    /// Whether each value comes with its schema.
    pub(super) fn has_schemas(&self) -> bool {
        matches!(self, Self::Json(json) if json.has_schemas())
    }

    /// The bytes of a header's value; `None`: null.
    ///
    /// # Errors
    /// When the value does not fit its schema.
    pub fn encode(&mut self, topic: &str, datum: &Datum) -> Result<Option<Bytes>, ConvertError> {
        match self {
            Self::Simple => Ok(simple(datum)),
            Self::Json(json) => json.encode(topic, datum).map(Some),
            Self::Text => Ok(plain::text(datum)),
            Self::Bytes => plain::bytes(topic, datum),
        }
    }
}

fn simple(datum: &Datum) -> Option<Bytes> {
    match &datum.value {
        Value::Null => None,
        Value::Text(text) => Some(text.clone().into_bytes()),
        value => {
            let mut out = Vec::with_capacity(64);
            write(&mut out, &datum.schema, value, false);
            Some(out.into())
        }
    }
}

/// `Values.append`: text is quoted when it stands within something.
fn write(out: &mut Vec<u8>, schema: &Schema, value: &Value, embedded: bool) {
    match value {
        Value::Null => match &schema.default {
            Some(default) => write(out, schema, default, embedded),
            None => out.extend_from_slice(b"null"),
        },
        Value::Bool(flag) => out.extend_from_slice(if *flag { b"true" } else { b"false" }),
        Value::Int8(number) => write_integer(out, schema, i64::from(*number)),
        Value::Int16(number) => write_integer(out, schema, i64::from(*number)),
        Value::Int32(number) => write_integer(out, schema, i64::from(*number)),
        Value::Int64(number) => write_integer(out, schema, *number),
        Value::Float32(number) => number::write_float(out, *number),
        Value::Float64(number) => number::write_float(out, *number),
        Value::Text(text) => write_text(out, text.as_str(), embedded),
        Value::Bytes(bytes) => match number::decimal_scale(schema) {
            Some(scale) => number::write_decimal(out, bytes, scale),
            None => write_text(out, &STANDARD.encode(bytes), embedded),
        },
        Value::Array(elements) => {
            let element_schema = if let Kind::Array(element) = &schema.kind { element } else { schema };
            write_list(out, *b"[]", elements, |out, element| write(out, element_schema, element, true));
        }
        Value::Map(entries) => {
            let (key_schema, value_schema) =
                if let Kind::Map(key, value) = &schema.kind { (&**key, &**value) } else { (schema, schema) };
            write_list(out, *b"{}", entries, |out, (key, value)| {
                write(out, key_schema, key, true);
                out.push(b':');
                write(out, value_schema, value, true);
            });
        }
        Value::Struct(values) => write_list(out, *b"{}", schema.fields().iter().zip(values), |out, (field, value)| {
            write_text(out, &field.name, true);
            out.push(b':');
            write(out, &field.schema, value, true);
        }),
    }
}

fn write_list<T>(
    out: &mut Vec<u8>,
    [open, close]: [u8; 2],
    items: impl IntoIterator<Item = T>,
    write_item: impl Fn(&mut Vec<u8>, T),
) {
    out.push(open);
    for (place, item) in items.into_iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write_item(out, item);
    }
    out.push(close);
}

fn write_text(out: &mut Vec<u8>, text: &str, embedded: bool) {
    if !embedded {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    for byte in text.bytes() {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

/// A number; or, of Connect's three temporal types, the date or time that `Values.dateFormatFor` makes of the instant.
fn write_integer(out: &mut Vec<u8>, schema: &Schema, number: i64) {
    const DAY_MS: i64 = 86_400_000;
    let millis = match schema.name.as_deref() {
        Some(semantic::CONNECT_DATE) => number.saturating_mul(DAY_MS),
        Some(semantic::CONNECT_TIME | semantic::CONNECT_TIMESTAMP) => number,
        _ => return out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes()),
    };
    let (year, month, day) = civil_date(millis.div_euclid(DAY_MS));
    let of_day = millis.rem_euclid(DAY_MS);
    let date = format!("{year:04}-{month:02}-{day:02}");
    let (hours, minutes, seconds) = (of_day / 3_600_000, of_day / 60_000 % 60, of_day / 1000 % 60);
    let time = format!("{hours:02}:{minutes:02}:{seconds:02}.{:03}Z", of_day % 1000);
    let text = match (millis < DAY_MS, of_day) {
        (true, _) => time,
        (false, 0) => date,
        (false, _) => format!("{date}T{time}"),
    };
    out.extend_from_slice(text.as_bytes());
}

/// Year, month and day of a day since 1970-01-01, in the proleptic Gregorian calendar
/// (<https://howardhinnant.github.io/date_algorithms.html#civil_from_days>).
pub(super) fn civil_date(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Field;

    fn written(schema: Schema, value: Value) -> String {
        let bytes = simple(&Datum { schema: schema.into(), value }).unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[test]
    fn text_stands_bare_and_a_struct_looks_like_json() {
        assert_eq!(written(Schema::of(Kind::Text), Value::text("a \"b\"")), "a \"b\"");
        let key = Schema::structure(
            "k",
            vec![
                Field::new("id", Schema::of(Kind::Int32)),
                Field::new("name", Schema::of(Kind::Text).optional().default(Value::text("none"))),
                Field::new("amount", semantic::decimal(2, None)),
            ],
        );
        let value = [Value::Int32(1004), Value::text("a \"b\""), Value::Bytes(Bytes::from_static(&[125]))];
        let written_key = written(key.clone(), Value::Struct(value.into()));
        assert_eq!(written_key, r#"{"id":1004,"name":"a \"b\"","amount":1.25}"#);
        let missing = [Value::Int32(1), Value::Null, Value::Null];
        assert_eq!(written(key, Value::Struct(missing.into())), r#"{"id":1,"name":"none","amount":null}"#);
    }

    #[test]
    fn instants_are_dates_and_times() {
        let of = |kind, name| semantic::of(kind, name);
        assert_eq!(written(of(Kind::Int32, semantic::CONNECT_DATE), Value::Int32(19_723)), "2024-01-01");
        assert_eq!(written(of(Kind::Int32, semantic::CONNECT_TIME), Value::Int32(3_723_004)), "01:02:03.004Z");
        let timestamp = written(of(Kind::Int64, semantic::CONNECT_TIMESTAMP), Value::Int64(1_709_210_096_789));
        assert_eq!(timestamp, "2024-02-29T12:34:56.789Z");
    }

    #[test]
    fn null_is_null_and_an_unknown_class_names_what_there_is() {
        assert_eq!(simple(&Datum { schema: Schema::of(Kind::Text).optional().into(), value: Value::Null }), None);
        let problems = HeaderConverter::build("header.converter", "x.AvroConverter", &Properties::new()).unwrap_err();
        assert!(problems.to_string().contains("SimpleHeaderConverter"), "{problems}");
    }
}
