//! `InsertField`: adds fields with the topic, the partition, the record's time, or a text that is always the same.

use std::cell::RefCell;
use std::convert::Infallible;
use std::sync::Arc;

use crate::config::{Key, KeyKind, Properties, Reader};
use crate::data::{Field, Kind, Schema, Text, Value, semantic};
use crate::record::Record;
use crate::transform::Built;
use crate::transform::shape::{Defaults, Nulls, REPLACE_NULL, Refusal, Reshape, Reshaper, Side};
use crate::transform::shape::{fields_of, row_of, with_fields};
use crate::transform::topics::PerTopic;

/// The options. A name that ends in `!` is of a required field, else (or with `?`) the field is optional.
pub(in crate::transform) const KEYS: &[Key] = &[
    Key::new("topic.field", KeyKind::String, "The field for the topic"),
    Key::new("partition.field", KeyKind::String, "The field for the partition"),
    Key::new("offset.field", KeyKind::String, "Of sink connectors only"),
    Key::new("timestamp.field", KeyKind::String, "The field for the record's timestamp"),
    Key::new("static.field", KeyKind::String, "The field for static.value"),
    Key::new("static.value", KeyKind::String, "What static.field always holds"),
    REPLACE_NULL,
];

/// What a field is filled with.
enum Content {
    /// As a text for each topic.
    Topic(RefCell<PerTopic<Text>>),
    Partition,
    Timestamp,
    Static(Text),
}

struct Insertion {
    field: Field,
    content: Content,
}

struct InsertField {
    insertions: Vec<Insertion>,
    replace_null: bool,
}

/// Makes one.
pub(in crate::transform) fn build(name: &Arc<str>, options: &Properties, side: Side) -> Built {
    let mut read = Reader::new(options, &[KEYS]);
    let mut insertions = Vec::new();
    let mut insert = |spec: Option<String>, content, schema| {
        insertions.extend(spec.map(|spec| Insertion { field: field(&spec, schema), content }));
    };
    insert(read.text_opt("topic.field"), Content::Topic(RefCell::new(PerTopic::new())), Schema::of(Kind::Text));
    insert(read.text_opt("partition.field"), Content::Partition, Schema::of(Kind::Int32));
    let timestamp = semantic::of(Kind::Int64, semantic::CONNECT_TIMESTAMP);
    insert(read.text_opt("timestamp.field"), Content::Timestamp, timestamp);
    let (spec, value) = (read.text_opt("static.field"), read.maybe_empty_opt("static.value"));
    if spec.is_some() && value.is_none() {
        read.problem("static.value", None, "is required beside static.field");
    }
    let is_without_field = spec.is_none() && value.is_some();
    insert(spec, Content::Static(Text::interned(&value.unwrap_or_default())), Schema::of(Kind::Text));
    if let Some(offset) = read.text_opt("offset.field") {
        read.problem("offset.field", Some(offset), "is for sink connectors: a source's record has no offset yet");
    } else if insertions.is_empty() && is_without_field {
        read.problem("static.field", None, "is required beside static.value");
    } else if insertions.is_empty() {
        let reason = "is required, or partition.field, timestamp.field, or static.field with static.value";
        read.problem("topic.field", None, reason);
    }
    let transform = InsertField { insertions, replace_null: read.flag(REPLACE_NULL.name) };
    read.finish(Reshaper::boxed(name, side, transform))
}

fn field(spec: &str, schema: Schema) -> Field {
    match spec.strip_suffix('!') {
        Some(name) => Field::new(name, schema),
        None => Field::new(spec.strip_suffix('?').unwrap_or(spec), schema.optional()),
    }
}

impl Reshape for InsertField {
    type Plan = Defaults;
    const NULLS: Nulls = Nulls::Pass;

    fn plan(&self, schema: &Arc<Schema>) -> Result<(Arc<Schema>, Defaults), Refusal> {
        let fields = fields_of(schema)?;
        let inserted = self.insertions.iter().map(|insertion| insertion.field.clone());
        let out = with_fields(schema, fields.iter().cloned().chain(inserted).collect())?;
        Ok((out, Defaults::of(fields, self.replace_null)))
    }

    fn reshape(&self, defaults: &Defaults, value: Value, record: &mut Record) -> Result<Value, Refusal> {
        let mut row = row_of(value)?;
        defaults.fill(&mut row);
        let mut values = Vec::with_capacity(row.len() + self.insertions.len());
        values.extend(row);
        for Insertion { field, content } in &self.insertions {
            let value = match content {
                Content::Topic(texts) => {
                    let make = || Ok::<_, Infallible>(Text::from(&*record.topic));
                    let Ok(text) = texts.borrow_mut().get_or_make(&record.topic, make);
                    Value::Text(text)
                }
                Content::Partition => record.partition.into(),
                Content::Timestamp => record.ts_ms.into(),
                Content::Static(text) => Value::Text(text.clone()),
            };
            if value.is_null() && !field.schema.optional {
                let reason = format!(
                    "the record has nothing for the required field {:?}: its partition and its time are mostly given \
                     when it is produced; without the `!` the field is optional",
                    field.name
                );
                return Err(reason.into());
            }
            values.push(value);
        }
        Ok(Value::Struct(values.into()))
    }
}
