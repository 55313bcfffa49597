//! `ReplaceField`: leaves out and renames fields.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::{Importance, Key, KeyKind, Properties, Reader};
use crate::data::{Field, Schema, Value};
use crate::record::Record;
use crate::transform::Built;
use crate::transform::shape::{Defaults, Nulls, REPLACE_NULL, Refusal, Reshape, Reshaper, Side};
use crate::transform::shape::{fields_of, row_of, with_fields};

/// The options.
pub(in crate::transform) const KEYS: &[Key] = &[
    Key::new("exclude", KeyKind::List, "Fields to leave out; counts more than include"),
    Key::new("include", KeyKind::List, "The only fields to keep; empty: all"),
    Key::new("renames", KeyKind::List, "Fields to rename, old:new"),
    REPLACE_NULL,
    Key { importance: Importance::Low, ..Key::new("blacklist", KeyKind::List, "The name of exclude before Kafka 4") },
    Key { importance: Importance::Low, ..Key::new("whitelist", KeyKind::List, "The name of include before Kafka 4") },
];

struct ReplaceField {
    exclude: Vec<String>,
    include: Vec<String>,
    renames: BTreeMap<String, Arc<str>>,
    replace_null: bool,
}

/// What is left of a row.
pub(super) struct Kept {
    /// Whether all fields stay, in their order.
    all: bool,
    places: Vec<usize>,
    defaults: Defaults,
}

impl Kept {
    /// The fields at these places, of so many.
    pub(super) fn new(fields: &[Field], places: Vec<usize>, replace_null: bool) -> Self {
        Self { all: places.len() == fields.len(), places, defaults: Defaults::of(fields, replace_null) }
    }

    /// What stays of a row, each null with what replaces it.
    pub(super) fn of(&self, value: Value) -> Result<Value, Refusal> {
        let mut row = row_of(value)?;
        self.defaults.fill(&mut row);
        if self.all {
            return Ok(Value::Struct(row));
        }
        let kept = self.places.iter().map(|place| row.get_mut(*place).map(std::mem::take).unwrap_or_default());
        Ok(Value::Struct(kept.collect()))
    }
}

/// Makes one.
pub(in crate::transform) fn build(name: &Arc<str>, options: &Properties, side: Side) -> Built {
    let mut read = Reader::new(options, &[KEYS]);
    let transform = ReplaceField {
        exclude: either(&mut read, "exclude", "blacklist"),
        include: either(&mut read, "include", "whitelist"),
        renames: renames(&mut read),
        replace_null: read.flag(REPLACE_NULL.name),
    };
    read.finish(Reshaper::boxed(name, side, transform))
}

fn either(read: &mut Reader<'_>, key: &'static str, old_key: &'static str) -> Vec<String> {
    let (list, old_list) = (read.list(key), read.list(old_key));
    if !list.is_empty() && !old_list.is_empty() {
        read.problem(old_key, None, &format!("is the old name of {key}, which is set too; leave it out"));
    }
    if list.is_empty() { old_list } else { list }
}

fn renames(read: &mut Reader<'_>) -> BTreeMap<String, Arc<str>> {
    let mut renames = BTreeMap::new();
    for entry in read.list("renames") {
        match entry.split_once(':') {
            Some((old, new)) if !old.is_empty() && !new.is_empty() && !new.contains(':') => {
                renames.insert(old.to_owned(), new.into());
            }
            _ => read.problem("renames", Some(entry), "must be a field and its new name, old:new"),
        }
    }
    renames
}

impl Reshape for ReplaceField {
    type Plan = Kept;
    const NULLS: Nulls = Nulls::Pass;

    fn plan(&self, schema: &Arc<Schema>) -> Result<(Arc<Schema>, Kept), Refusal> {
        let fields = fields_of(schema)?;
        let lists = |list: &[String], field: &Field| list.iter().any(|name| **name == *field.name);
        let stays = |(_, field): &(usize, &Field)| {
            !lists(&self.exclude, field) && (self.include.is_empty() || lists(&self.include, field))
        };
        let renamed = |(place, field): (usize, &Field)| {
            let name = self.renames.get(&*field.name).unwrap_or(&field.name);
            (place, Field::new(Arc::clone(name), Arc::clone(&field.schema)))
        };
        let (places, kept) = fields.iter().enumerate().filter(stays).map(renamed).unzip();
        Ok((with_fields(schema, kept)?, Kept::new(fields, places, self.replace_null)))
    }

    fn reshape(&self, kept: &Kept, value: Value, _record: &mut Record) -> Result<Value, Refusal> {
        kept.of(value)
    }
}
