//! Slots: the places of a record that an expression asks for, found once per schema.

use std::sync::Arc;

use cel::common::types::{CelBool, CelInt, CelNull, CelString};
use cel::common::value::CowVal;
use cel::context::VariableResolver;

use super::convert;
use crate::data::{Datum, Kind, PerSchema, Schema, Value};
use crate::record::Record;
use crate::transform::shape::SCHEMAS_MAX;

/// Where the way to a value begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Root {
    Key,
    Value,
    KeySchema,
    ValueSchema,
    Topic,
    /// All headers.
    Headers,
    /// The last header of that name.
    Header(String),
}

/// A step to a field, or to the entry of a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) name: String,
    /// Whether null stays null (`?.`); else the step from it is an error.
    pub(super) safe: bool,
}

/// What is asked of the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// The value itself.
    Value,
    /// Whether it is null.
    IsNull,
    /// Whether it is there and not null; a way that breaks off is no error.
    IsSet,
}

/// A place of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) root: Root,
    pub(super) steps: Vec<Step>,
    pub(super) ask: Ask,
    /// What its root is called, for messages; empty where the first step stands for itself (`before`).
    pub(super) shown: String,
}

/// The slots of an expression, and where they are in the schemas seen.
pub(super) struct Slots {
    asked: Vec<Slot>,
    keys: PerSchema<Box<[Way]>>,
    values: PerSchema<Box<[Way]>>,
}

/// A way through a schema: as far as the schema has it.
type Way = Box<[Hop]>;

#[derive(Clone, Copy, Debug)]
enum Hop {
    /// The field of a struct.
    Field(usize),
    /// An entry of a map, found for each record.
    Entry,
}

/// Why a way does not arrive.
enum Broken {
    /// Null stands before the step of that number.
    Null(usize),
    /// The schema does not have the step of that number.
    Missing(usize),
}

impl Slots {
    pub(super) fn new(slots: Vec<Slot>) -> Self {
        Self { asked: slots, keys: PerSchema::new(SCHEMAS_MAX), values: PerSchema::new(SCHEMAS_MAX) }
    }

    /// The slots in this record.
    pub(super) fn places<'r>(&'r mut self, record: &'r Record) -> Places<'r> {
        let Self { asked, keys, values } = self;
        let slots: &[Slot] = asked;
        Places {
            keys: ways(keys, slots, &Root::Key, record.key.as_ref()),
            values: ways(values, slots, &Root::Value, record.value.as_ref()),
            slots,
            record,
        }
    }
}

/// The ways of those slots that begin there; of the others, none.
fn ways<'c>(cache: &'c mut PerSchema<Box<[Way]>>, slots: &[Slot], root: &Root, datum: Option<&Datum>) -> &'c [Way] {
    let Some(datum) = datum else { return &[] };
    let make = |schema: &Schema| {
        let of_slot = |slot: &Slot| if slot.root == *root { way(schema, &slot.steps) } else { Way::default() };
        Ok::<_, std::convert::Infallible>(slots.iter().map(of_slot).collect())
    };
    match cache.get_or_make(&datum.schema, make) {
        Ok(ways) => ways,
        Err(never) => match never {},
    }
}

fn way(schema: &Schema, steps: &[Step]) -> Way {
    let mut hops = Vec::with_capacity(steps.len());
    let mut here = schema;
    for step in steps {
        match &here.kind {
            Kind::Struct(fields) => {
                let Some(place) = here.index_of(&step.name) else { break };
                hops.push(Hop::Field(place));
                here = &fields[place].schema;
            }
            Kind::Map(_, value) => {
                hops.push(Hop::Entry);
                here = value;
            }
            _ => break,
        }
    }
    hops.into()
}

/// Walks a way through a value. A null whose field has a default is the default, as `Struct.get` has it.
fn walk<'v>(steps: &[Step], way: &[Hop], mut schema: &'v Schema, mut value: &'v Value) -> Result<Found<'v>, Broken> {
    for (number, step) in steps.iter().enumerate() {
        if value.is_null() {
            return if step.safe { Ok(Found::NULL) } else { Err(Broken::Null(number)) };
        }
        (schema, value) = match (way.get(number), &schema.kind, value) {
            (Some(Hop::Field(place)), Kind::Struct(fields), Value::Struct(row)) => {
                let (Some(field), Some(value)) = (fields.get(*place), row.get(*place)) else {
                    return Err(Broken::Missing(number));
                };
                let default = field.schema.default.as_ref().filter(|_| value.is_null());
                (&*field.schema, default.unwrap_or(value))
            }
            (Some(Hop::Entry), Kind::Map(_, of_values), Value::Map(entries)) => {
                let entry = entries.iter().find(|(key, _)| key.as_str() == Some(&step.name));
                (&**of_values, entry.map_or(&Value::Null, |(_, value)| value))
            }
            _ => return Err(Broken::Missing(number)),
        };
    }
    Ok(Found { schema: Some(schema), value })
}

/// What stands at the end of a way.
#[derive(Clone, Copy)]
struct Found<'v> {
    schema: Option<&'v Schema>,
    value: &'v Value,
}

impl Found<'_> {
    const NULL: Self = Self { schema: None, value: &Value::Null };
}

/// The slots in one record; a tree asks for them by their names.
pub(super) struct Places<'r> {
    slots: &'r [Slot],
    keys: &'r [Way],
    values: &'r [Way],
    record: &'r Record,
}

/// The variable that stands for a slot in a tree.
pub(super) fn variable(number: usize) -> String {
    format!("#{number}")
}

impl VariableResolver for Places<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        let number = variable.strip_prefix('#')?.parse().ok()?;
        self.ask(number, self.slots.get(number)?).ok()
    }
}

impl Places<'_> {
    /// Why a variable has no value; `None`: it is no slot, or has one.
    pub(super) fn why_not(&self, variable: &str) -> Option<String> {
        let number: usize = variable.strip_prefix('#')?.parse().ok()?;
        let slot = self.slots.get(number)?;
        let so_far = |steps: usize| {
            let names = slot.steps[..steps].iter().map(|step| step.name.as_str());
            let root = if slot.shown.is_empty() && steps == 0 { "value" } else { &*slot.shown };
            std::iter::once(root).filter(|root| !root.is_empty()).chain(names).collect::<Vec<_>>().join(".")
        };
        match self.ask(number, slot).err()? {
            Broken::Null(step) => Some(format!(
                "{} is null, so it has no {:?}; test it before (has(…) in CEL, ?. in Groovy)",
                so_far(step),
                slot.steps[step].name
            )),
            Broken::Missing(step) => Some(format!("{} has no field {:?}", so_far(step), slot.steps[step].name)),
        }
    }

    fn ask(&self, number: usize, slot: &Slot) -> Result<CowVal<'_, '_>, Broken> {
        let schema_of = |datum: &Option<Datum>| datum.as_ref().map(|datum| Arc::clone(&datum.schema));
        match &slot.root {
            Root::Key => ask_datum(slot, self.keys.get(number), self.record.key.as_ref()),
            Root::Value => ask_datum(slot, self.values.get(number), self.record.value.as_ref()),
            Root::KeySchema => ask_schema(slot, schema_of(&self.record.key).as_deref()),
            Root::ValueSchema => ask_schema(slot, schema_of(&self.record.value).as_deref()),
            Root::Topic => Ok(match slot.ask {
                Ask::Value => CowVal::owned(CelString::from(&*self.record.topic)),
                Ask::IsNull => flag(false),
                Ask::IsSet => flag(true),
            }),
            Root::Headers => Ok(match slot.ask {
                Ask::Value => convert::headers(&self.record.headers),
                Ask::IsNull => flag(false),
                Ask::IsSet => flag(true),
            }),
            Root::Header(name) => self.ask_header(slot, name),
        }
    }

    fn ask_header(&self, slot: &Slot, name: &str) -> Result<CowVal<'_, '_>, Broken> {
        let header = self.record.headers.iter().filter(|header| *header.name == *name).last();
        let Some((first, rest)) = slot.steps.split_first() else {
            return Ok(match (slot.ask, header) {
                (Ask::Value, Some(header)) => convert::header(header),
                (Ask::Value, None) => CowVal::owned(CelNull),
                (Ask::IsNull, header) => flag(header.is_none()),
                (Ask::IsSet, header) => flag(header.is_some()),
            });
        };
        let found = match header {
            None if first.safe => Ok(Found::NULL),
            None => Err(Broken::Null(0)),
            Some(header) => walk(rest, &way(&header.value.schema, rest), &header.value.schema, &header.value.value)
                .map_err(|broken| match broken {
                    Broken::Null(step) => Broken::Null(step + 1),
                    Broken::Missing(step) => Broken::Missing(step + 1),
                }),
        };
        answer(slot, found)
    }
}

fn ask_datum<'b>(slot: &Slot, way: Option<&Way>, datum: Option<&'b Datum>) -> Result<CowVal<'b, 'b>, Broken> {
    let way: &[Hop] = way.map_or(&[], |way| way);
    let found = match datum {
        Some(datum) => walk(&slot.steps, way, &datum.schema, &datum.value),
        None => walk(&slot.steps, way, &NOTHING, &Value::Null),
    };
    answer(slot, found)
}

/// The schema of a record that has no key or no value.
static NOTHING: Schema = Schema::of(Kind::Text);

fn flag<'v>(flag: bool) -> CowVal<'v, 'v> {
    CowVal::owned(CelBool::from(flag))
}

fn answer<'v>(slot: &Slot, found: Result<Found<'v>, Broken>) -> Result<CowVal<'v, 'v>, Broken> {
    Ok(match slot.ask {
        Ask::Value => {
            let Found { schema, value } = found?;
            schema.map_or_else(|| CowVal::owned(CelNull), |schema| convert::value(schema, value))
        }
        Ask::IsNull => flag(found?.value.is_null()),
        Ask::IsSet => flag(found.is_ok_and(|found| !found.value.is_null())),
    })
}

/// What is asked of a schema; the steps were checked when the expression was compiled.
fn ask_schema<'v>(slot: &Slot, schema: Option<&Schema>) -> Result<CowVal<'v, 'v>, Broken> {
    let Some(step) = slot.steps.first() else {
        return Ok(flag(if slot.ask == Ask::IsSet { schema.is_some() } else { schema.is_none() }));
    };
    let Some(schema) = schema else {
        return match slot.ask {
            Ask::IsSet => Ok(flag(false)),
            Ask::IsNull if step.safe => Ok(flag(true)),
            Ask::Value if step.safe => Ok(CowVal::owned(CelNull)),
            Ask::IsNull | Ask::Value => Err(Broken::Null(0)),
        };
    };
    let text = |text: &str| CowVal::owned(CelString::from(text.to_owned()));
    let asked = match step.name.as_str() {
        "name" => schema.name.as_deref().map(text),
        "doc" => schema.doc.as_deref().map(text),
        _ => schema.version.map(|version| CowVal::owned(CelInt::from(i64::from(version)))),
    };
    Ok(match slot.ask {
        Ask::Value => asked.unwrap_or_else(|| CowVal::owned(CelNull)),
        Ask::IsNull => flag(asked.is_none()),
        Ask::IsSet => flag(asked.is_some()),
    })
}
