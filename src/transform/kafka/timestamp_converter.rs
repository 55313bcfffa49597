//! `TimestampConverter`: a point in time as text, as a count since the epoch, or as one of Connect's three types.
//!
//! What comes in is known by its schema: Connect's types by their names, other text by `format`, other int64 by
//! `unix.precision`. So it is with Debezium's own types, which are no more than numbers to Connect.

use std::sync::Arc;

use crate::config::{Key, KeyKind, Properties, Reader};
use crate::data::{Field, Kind, Schema, Value, semantic};
use crate::record::Record;
use crate::transform::Built;
use crate::transform::date_format::DateFormat;
use crate::transform::shape::{Defaults, Nulls, REPLACE_NULL, Refusal, Reshape, Reshaper, Side};
use crate::transform::shape::{fields_of, row_of, with_fields};

/// The options.
pub(in crate::transform) const KEYS: &[Key] = &[
    Key::new("field", KeyKind::String, "The field; without it the whole key or value is a time"),
    Key::new("target.type", KeyKind::String, "What it becomes").required().one_of(&[
        "string",
        "unix",
        "Date",
        "Time",
        "Timestamp",
    ]),
    Key::new("format", KeyKind::String, "A pattern of SimpleDateFormat for text, UTC"),
    Key::new("unix.precision", KeyKind::String, "What int64 counts").default("milliseconds").one_of(&[
        "seconds",
        "milliseconds",
        "microseconds",
        "nanoseconds",
    ]),
    REPLACE_NULL,
];

const DAY_MS: i64 = 86_400_000;

/// How a time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::transform) enum Form {
    /// Text, by the format.
    Text,
    /// A count since the epoch, int64.
    Unix,
    /// Connect's `Date`.
    Date,
    /// Connect's `Time`.
    Time,
    /// Connect's `Timestamp`.
    Timestamp,
}

/// What `unix.precision` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Precision {
    Seconds,
    Milliseconds,
    Microseconds,
    Nanoseconds,
}

struct TimestampConverter {
    field: Option<String>,
    target: Form,
    format: Option<DateFormat>,
    precision: Precision,
    replace_null: bool,
}

/// What is prepared.
pub(in crate::transform) enum Plan {
    /// The whole is a time.
    Whole(Form),
    /// A field is; `None`: there is no such field.
    Field(Option<(usize, Form)>, Defaults),
}

/// Makes one.
pub(in crate::transform) fn build(name: &Arc<str>, options: &Properties, side: Side) -> Built {
    let mut read = Reader::new(options, &[KEYS]);
    let target = match read.choice("target.type").as_str() {
        "string" => Form::Text,
        "date" => Form::Date,
        "time" => Form::Time,
        "timestamp" => Form::Timestamp,
        _ => Form::Unix,
    };
    let pattern = read.text_opt("format");
    if target == Form::Text && pattern.is_none() {
        read.problem("format", None, "is required with target.type=string, e.g. yyyy-MM-dd'T'HH:mm:ss.SSS'Z'");
    }
    let format = pattern.and_then(|pattern| match DateFormat::parse_pattern(&pattern) {
        Ok(format) => Some(format),
        Err(reason) => {
            read.problem("format", Some(pattern), &reason);
            None
        }
    });
    let precision = match read.choice("unix.precision").as_str() {
        "seconds" => Precision::Seconds,
        "microseconds" => Precision::Microseconds,
        "nanoseconds" => Precision::Nanoseconds,
        _ => Precision::Milliseconds,
    };
    let field = read.text_opt("field");
    let replace_null = read.flag(REPLACE_NULL.name);
    let converter = TimestampConverter { field, target, format, precision, replace_null };
    read.finish(Reshaper::boxed(name, side, converter))
}

impl Reshape for TimestampConverter {
    type Plan = Plan;
    const NULLS: Nulls = Nulls::Reshape;

    fn plan(&self, schema: &Arc<Schema>) -> Result<(Arc<Schema>, Plan), Refusal> {
        let Some(name) = &self.field else {
            let form = self.source(schema).map_err(|reason| format!("the whole {reason}"))?;
            return Ok((self.target_schema(schema.optional).into(), Plan::Whole(form)));
        };
        let fields = fields_of(schema)?;
        let defaults = Defaults::of(fields, self.replace_null);
        let mut out = fields.to_vec();
        let mut place = None;
        if let Some(at) = schema.index_of(name) {
            let field: &Field = &fields[at];
            let form = self.source(&field.schema).map_err(|reason| format!("field {name:?} {reason}"))?;
            out[at] = Field::new(Arc::clone(&field.name), self.target_schema(field.schema.optional));
            place = Some((at, form));
        }
        let plan = Plan::Field(place, defaults);
        let default = match &schema.default {
            Some(default) if !default.is_null() => Some(self.convert(&plan, default.clone())?),
            _ => None,
        };
        let out = Schema { optional: schema.optional, default, ..Schema::clone(&*with_fields(schema, out)?) };
        Ok((out.into(), plan))
    }

    fn reshape(&self, plan: &Plan, value: Value, _record: &mut Record) -> Result<Value, Refusal> {
        self.convert(plan, value)
    }
}

impl TimestampConverter {
    /// How a time of that schema is written.
    fn source(&self, schema: &Schema) -> Result<Form, String> {
        let form = match (schema.name.as_deref(), &schema.kind) {
            (Some(semantic::CONNECT_TIMESTAMP), _) => Form::Timestamp,
            (Some(semantic::CONNECT_DATE), _) => Form::Date,
            (Some(semantic::CONNECT_TIME), _) => Form::Time,
            (_, Kind::Text) => Form::Text,
            (_, Kind::Int64) => Form::Unix,
            (name, kind) => {
                let name = name.map(|name| format!(" {name}")).unwrap_or_default();
                return Err(format!(
                    "is {}{name}, which is no time that this transform knows: text, int64, or Connect's Date, Time and \
                     Timestamp (time.precision.mode=connect gives these)",
                    kind.name()
                ));
            }
        };
        if form == Form::Text && self.format.is_none() {
            return Err("is text, and the option format does not say how to read it".to_owned());
        }
        Ok(form)
    }

    fn target_schema(&self, optional: bool) -> Schema {
        let schema = match self.target {
            Form::Text => Schema::of(Kind::Text),
            Form::Unix => Schema::of(Kind::Int64),
            Form::Date => semantic::of(Kind::Int32, semantic::CONNECT_DATE),
            Form::Time => semantic::of(Kind::Int32, semantic::CONNECT_TIME),
            Form::Timestamp => semantic::of(Kind::Int64, semantic::CONNECT_TIMESTAMP),
        };
        Schema { optional, ..schema }
    }

    fn convert(&self, plan: &Plan, value: Value) -> Result<Value, Refusal> {
        match plan {
            Plan::Whole(form) => Ok(self.time(*form, &value)?),
            Plan::Field(place, defaults) => {
                let mut row = row_of(value)?;
                defaults.fill(&mut row);
                if let Some((place, form)) = place
                    && let Some(value) = row.get_mut(*place).filter(|value| !value.is_null())
                {
                    let field = self.field.as_deref().unwrap_or_default();
                    *value = self.time(*form, value).map_err(|reason| format!("field {field:?}: {reason}"))?;
                }
                Ok(Value::Struct(row))
            }
        }
    }

    /// The same time as the target has it.
    fn time(&self, form: Form, value: &Value) -> Result<Value, String> {
        let instant_ms = self.instant_ms(form, value)?;
        let out_of_range = || format!("the time {instant_ms} ms is out of range");
        Ok(match (self.target, &self.format) {
            (Form::Text, Some(format)) => {
                let mut text = String::with_capacity(format.pattern().len() + 8);
                format.format(instant_ms, &mut text);
                Value::text(text)
            }
            (Form::Text, None) => return Err("there is no format".to_owned()),
            (Form::Unix, _) => Value::Int64(match self.precision {
                Precision::Seconds => instant_ms / 1000,
                Precision::Milliseconds => instant_ms,
                Precision::Microseconds => instant_ms.saturating_mul(1000),
                Precision::Nanoseconds => instant_ms.saturating_mul(1_000_000),
            }),
            (Form::Date, _) => {
                let days = i32::try_from(instant_ms.div_euclid(DAY_MS));
                Value::Int32(days.map_err(|_| out_of_range())?)
            }
            (Form::Time, _) => Value::Int32(i32::try_from(instant_ms.rem_euclid(DAY_MS)).map_err(|_| out_of_range())?),
            (Form::Timestamp, _) => Value::Int64(instant_ms),
        })
    }

    /// The instant that a value stands for. Counts are cut towards zero, as `TimeUnit.toMillis` cuts them.
    fn instant_ms(&self, form: Form, value: &Value) -> Result<i64, String> {
        match (form, value) {
            (Form::Text, Value::Text(text)) => {
                let format = self.format.as_ref().ok_or_else(|| "there is no format".to_owned())?;
                // The text itself is a row's, and belongs in no log.
                let mismatch = || format!("the text does not match the format {:?}", format.pattern());
                format.parse(text.as_str()).ok_or_else(mismatch)
            }
            (Form::Unix, Value::Int64(count)) => Ok(match self.precision {
                Precision::Seconds => count.saturating_mul(1000),
                Precision::Milliseconds => *count,
                Precision::Microseconds => count / 1000,
                Precision::Nanoseconds => count / 1_000_000,
            }),
            (Form::Date, Value::Int32(days)) => Ok(i64::from(*days) * DAY_MS),
            (Form::Time, Value::Int32(millis)) => Ok(i64::from(*millis)),
            (Form::Timestamp, Value::Int64(millis)) => Ok(*millis),
            _ => Err("the value is not of its schema's type".to_owned()),
        }
    }
}
