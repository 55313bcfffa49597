//! `HeaderFrom`: moves or copies fields into headers.

use std::sync::Arc;

use super::replace_field::Kept;
use crate::config::{Key, KeyKind, Properties, Reader};
use crate::data::{Datum, Field, Schema, Value};
use crate::record::{Header, Record};
use crate::transform::Built;
use crate::transform::shape::{Nulls, REPLACE_NULL, Refusal, Reshape, Reshaper, Side, fields_of, with_fields};

/// The options.
pub(in crate::transform) const KEYS: &[Key] = &[
    Key::new("fields", KeyKind::List, "The fields").required(),
    Key::new("headers", KeyKind::List, "The headers' names, in the order of the fields").required(),
    Key::new("operation", KeyKind::String, "Whether the fields stay").required().one_of(&["move", "copy"]),
    REPLACE_NULL,
];

struct HeaderFrom {
    /// Fields and their headers.
    pairs: Vec<(String, Arc<str>)>,
    moves: bool,
    replace_null: bool,
}

/// What is prepared: the headers to add, and what is left.
pub(in crate::transform) struct Plan {
    headers: Vec<Source>,
    /// `None`: all, untouched.
    kept: Option<Kept>,
}

/// Where a header comes from.
struct Source {
    header: Arc<str>,
    place: usize,
    schema: Arc<Schema>,
}

/// Makes one.
pub(in crate::transform) fn build(name: &Arc<str>, options: &Properties, side: Side) -> Built {
    let mut read = Reader::new(options, &[KEYS]);
    let (fields, headers) = (read.list("fields"), read.list("headers"));
    if fields.len() != headers.len() && !fields.is_empty() && !headers.is_empty() {
        let reason = format!("must name a header for each of the {} fields", fields.len());
        read.problem("headers", Some(headers.join(",")), &reason);
    }
    let pairs = fields.into_iter().zip(headers.into_iter().map(Arc::from)).collect();
    let moves = read.choice("operation") == "move";
    let transform = HeaderFrom { pairs, moves, replace_null: read.flag(REPLACE_NULL.name) };
    read.finish(Reshaper::boxed(name, side, transform))
}

impl Reshape for HeaderFrom {
    type Plan = Plan;
    const NULLS: Nulls = Nulls::Refuse;

    fn plan(&self, schema: &Arc<Schema>) -> Result<(Arc<Schema>, Plan), Refusal> {
        let fields = fields_of(schema)?;
        let source = |(name, header): &(String, Arc<str>)| {
            let place = schema.index_of(name).ok_or_else(|| Refusal::Missing(name.clone()))?;
            Ok(Source { header: Arc::clone(header), place, schema: Arc::clone(&fields[place].schema) })
        };
        let headers: Vec<Source> = self.pairs.iter().map(source).collect::<Result<_, Refusal>>()?;
        if !self.moves {
            return Ok((Arc::clone(schema), Plan { headers, kept: None }));
        }
        let stays = |(place, _): &(usize, &Field)| !headers.iter().any(|source| source.place == *place);
        let (places, kept) = fields.iter().enumerate().filter(stays).map(|(at, field)| (at, field.clone())).unzip();
        let out = with_fields(schema, kept)?;
        let kept = Kept::new(fields, places, self.replace_null);
        Ok((out, Plan { headers, kept: Some(kept) }))
    }

    fn reshape(&self, plan: &Plan, value: Value, record: &mut Record) -> Result<Value, Refusal> {
        let row = value.as_struct().unwrap_or_default();
        for source in &plan.headers {
            let value = match row.get(source.place) {
                Some(Value::Null) | None if self.replace_null => source.schema.default.clone().unwrap_or_default(),
                Some(value) => value.clone(),
                None => Value::Null,
            };
            let value = Datum { schema: Arc::clone(&source.schema), value };
            record.headers.push(Header { name: Arc::clone(&source.header), value });
        }
        match &plan.kept {
            Some(kept) => kept.of(value),
            None => Ok(value),
        }
    }
}
