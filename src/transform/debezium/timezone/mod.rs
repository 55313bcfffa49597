//! `io.debezium.transforms.TimezoneConverter`: times of rows in another time zone.
//!
//! Text with an offset keeps its instant and gets the zone's offset. A number without a zone is taken for the zone's local
//! time, and becomes the instant that it names. Both as in Debezium 3.6.1, which looks the offset up by the local time that
//! stands in the event, and that of a `ZonedTime` by the clock. `infinity`, at which Debezium's fails, stays what it is.

mod rules;
mod zone;

#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::sync::Arc;

use super::envelope::envelope;
use super::{Built, SCHEMAS_MAX, Transform, TransformError};
use crate::config::{Importance, Key, KeyKind, Properties, Reader};
use crate::data::{PerSchema, Schema, Value, semantic};
use crate::record::Record;
use rules::Rules;
use zone::Zone;

/// The options.
pub(in crate::transform) const KEYS: &[Key] = &[
    Key::new("converted.timezone", KeyKind::String, "The time zone: a name such as America/Lima, or an offset, +08:00")
        .required(),
    high("include.list", "What is converted: source:TABLE[:FIELD], topic:TOPIC[:FIELD], NAME:FIELD"),
    high("exclude.list", "What is not converted, in the same form"),
];

const fn high(name: &'static str, doc: &'static str) -> Key {
    Key { importance: Importance::High, ..Key::new(name, KeyKind::List, doc) }
}

/// How many topics and tables are remembered for a schema.
const PLANS_MAX: usize = 64;

struct TimezoneConverter {
    /// Its name in the connector file.
    name: Arc<str>,
    zone: Zone,
    rules: Rules,
    plans: PerSchema<Vec<Plan>>,
}

/// What is converted in a table's events on a topic.
struct Plan {
    topic: Arc<str>,
    table: Option<String>,
    conversions: Vec<Conversion>,
}

struct Conversion {
    /// The struct in the envelope, and the field in it.
    place: (usize, usize),
    form: Form,
    /// A default counts as a value.
    default: Option<Value>,
}

/// How a field tells its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// `ZonedTimestamp`
    Timestamp,
    /// `ZonedTime`
    Time,
    /// Units since the epoch, so many a second, of a local time.
    Local(i64),
    /// The same, of an instant: `source.ts_…`.
    Instant(i64),
}

/// Makes one.
pub(in crate::transform) fn build(name: &Arc<str>, options: &Properties) -> Built {
    let mut read = Reader::new(options, &[KEYS]);
    let text = read.text("converted.timezone");
    let zone = Zone::named(&text);
    if zone.is_none() && !text.is_empty() {
        let reason = "must be the name of a time zone, such as America/Lima, or an offset, such as +08:00";
        read.problem("converted.timezone", Some(text), reason);
    }
    let rules = Rules::read(&mut read);
    let transform = zone.map(|zone| {
        let transform = TimezoneConverter { name: Arc::clone(name), zone, rules, plans: PerSchema::new(SCHEMAS_MAX) };
        Box::new(transform) as Box<dyn Transform>
    });
    // Without a zone there is a problem, and nothing is built.
    read.finish(transform).and_then(|transform| transform.ok_or_else(Default::default))
}

impl Transform for TimezoneConverter {
    fn apply(&mut self, mut record: Record) -> Result<Option<Record>, TransformError> {
        let topic = Arc::clone(&record.topic);
        let Some((schema, fields)) = envelope(&mut record) else { return Ok(Some(record)) };
        let table = table(schema, fields);
        let Ok(plans) = self.plans.get_or_make(schema, |_| Ok::<_, Infallible>(Vec::new()));
        let is_for = |plan: &Plan| *plan.topic == *topic && plan.table.as_deref() == table;
        let plan = plans.iter().position(is_for).unwrap_or_else(|| {
            if plans.len() >= PLANS_MAX {
                plans.clear();
            }
            plans.push(Plan::make(&self.name, schema, &topic, table, &self.rules));
            plans.len() - 1
        });
        for conversion in &plans[plan].conversions {
            let (outer, inner) = conversion.place;
            let Some(Value::Struct(row)) = fields.get_mut(outer) else { continue };
            let Some(value) = row.get_mut(inner) else { continue };
            conversion
                .apply(&self.zone, value)
                .map_err(|reason| TransformError::unsuitable(&self.name, &topic, reason))?;
        }
        Ok(Some(record))
    }
}

/// The table that the source block names.
fn table<'a>(schema: &Schema, fields: &'a [Value]) -> Option<&'a str> {
    let source = schema.index_of("source")?;
    let table = schema.fields().get(source)?.schema.index_of("table")?;
    fields.get(source)?.as_struct()?.get(table)?.as_str()
}

impl Plan {
    fn make(name: &Arc<str>, schema: &Schema, topic: &Arc<str>, table: Option<&str>, rules: &Rules) -> Self {
        let mut conversions = Vec::new();
        if let Some(selection) = rules.find(topic, table) {
            for (outer, part) in schema.fields().iter().enumerate() {
                if !matches!(&*part.name, "before" | "after" | "source") {
                    continue;
                }
                let fields = part.schema.fields().iter().enumerate();
                for (inner, field) in fields.filter(|(_, field)| selection.has(&part.name, &field.name)) {
                    if let Some(form) = form(&part.name, &field.name, &field.schema) {
                        let default = field.schema.default.clone();
                        conversions.push(Conversion { place: (outer, inner), form, default });
                    } else if is_zoneless(&field.schema) {
                        let field = &field.name;
                        tracing::warn!(transform = %name, %topic, %field, "dates and times of day are not converted");
                    }
                }
            }
        }
        Self { topic: Arc::clone(topic), table: table.map(str::to_owned), conversions }
    }
}

fn form(part: &str, name: &str, schema: &Schema) -> Option<Form> {
    Some(match schema.name.as_deref() {
        Some(semantic::ZONED_TIMESTAMP) => Form::Timestamp,
        Some(semantic::ZONED_TIME) => Form::Time,
        Some(semantic::TIMESTAMP | semantic::CONNECT_TIMESTAMP) => Form::Local(1000),
        Some(semantic::MICRO_TIMESTAMP) => Form::Local(1_000_000),
        Some(semantic::NANO_TIMESTAMP) => Form::Local(1_000_000_000),
        None if part == "source" => match name {
            "ts_ms" => Form::Instant(1000),
            "ts_us" => Form::Instant(1_000_000),
            "ts_ns" => Form::Instant(1_000_000_000),
            _ => return None,
        },
        _ => return None,
    })
}

fn is_zoneless(schema: &Schema) -> bool {
    use semantic::{CONNECT_DATE, CONNECT_TIME, DATE, MICRO_TIME, NANO_TIME, TIME};
    let zoneless = [DATE, MICRO_TIME, NANO_TIME, TIME, CONNECT_DATE, CONNECT_TIME];
    schema.name.as_deref().is_some_and(|name| zoneless.contains(&name))
}

impl Conversion {
    fn apply(&self, zone: &Zone, value: &mut Value) -> Result<(), String> {
        if value.is_null()
            && let Some(default) = &self.default
        {
            *value = default.clone();
        }
        match (self.form, &mut *value) {
            (_, Value::Null) => {}
            (Form::Timestamp, Value::Text(text)) if matches!(text.as_str(), "infinity" | "-infinity") => {}
            (Form::Timestamp, Value::Text(text)) => {
                let converted = zone.timestamp(text.as_str());
                *value = Value::text(converted.ok_or_else(|| format!("{text:?} is no ISO 8601 time with an offset"))?);
            }
            (Form::Time, Value::Text(text)) => {
                let converted = zone.time(text.as_str());
                *value = Value::text(
                    converted.ok_or_else(|| format!("{text:?} is no ISO 8601 time of day with an offset"))?,
                );
            }
            (Form::Local(units), Value::Int64(time)) => *time = zone.instant_of(*time, units),
            (Form::Instant(units), Value::Int64(time)) => *time = zone.local_of(*time, units),
            (form, _) => return Err(format!("a time of the form {form:?} is of another type")),
        }
        Ok(())
    }
}
