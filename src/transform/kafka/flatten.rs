//! `Flatten`: the fields of nested structs become fields of the outermost, `outer.inner`.

use std::sync::Arc;

use crate::config::{Key, KeyKind, Properties, Reader};
use crate::data::{Field, Kind, Row, Schema, Value};
use crate::record::Record;
use crate::transform::Built;
use crate::transform::shape::{Nulls, Refusal, Reshape, Reshaper, Side, copy_basics, fields_of, row_of, with_fields};

/// The options.
pub(in crate::transform) const KEYS: &[Key] =
    &[Key::new("delimiter", KeyKind::String, "What stands between the names").default(".")];

struct Flatten {
    delimiter: String,
}

/// What becomes of a field.
enum Node {
    /// It is copied, its null replaced.
    Leaf(Option<Value>),
    /// Its fields are.
    Struct(Box<[Node]>),
}

/// The fields of a struct, and how many there are flattened.
pub(in crate::transform) struct Plan {
    nodes: Box<[Node]>,
    width: usize,
}

/// Makes one.
pub(in crate::transform) fn build(name: &Arc<str>, options: &Properties, side: Side) -> Built {
    let mut read = Reader::new(options, &[KEYS]);
    let delimiter = read.maybe_empty_opt("delimiter").unwrap_or_default();
    read.finish(Reshaper::boxed(name, side, Flatten { delimiter }))
}

impl Reshape for Flatten {
    type Plan = Plan;
    const NULLS: Nulls = Nulls::Pass;

    fn plan(&self, schema: &Arc<Schema>) -> Result<(Arc<Schema>, Plan), Refusal> {
        let mut out = Vec::new();
        let outer = Outer { prefix: None, optional: schema.optional, default: schema.default.as_ref() };
        let nodes = self.walk(fields_of(schema)?, &outer, &mut out)?;
        let width = out.len();
        Ok((with_fields(schema, out)?, Plan { nodes, width }))
    }

    fn reshape(&self, plan: &Plan, value: Value, _record: &mut Record) -> Result<Value, Refusal> {
        let mut out = Vec::with_capacity(plan.width);
        spread(&plan.nodes, Some(row_of(value)?), &mut out);
        Ok(Value::Struct(out.into()))
    }
}

/// What fields inherit from the structs around them.
struct Outer<'a> {
    prefix: Option<String>,
    optional: bool,
    default: Option<&'a Value>,
}

impl Flatten {
    fn walk(&self, fields: &[Field], outer: &Outer<'_>, out: &mut Vec<Field>) -> Result<Box<[Node]>, Refusal> {
        let mut nodes = Vec::with_capacity(fields.len());
        for (place, field) in fields.iter().enumerate() {
            let name = match &outer.prefix {
                Some(prefix) => format!("{prefix}{}{}", self.delimiter, field.name),
                None => field.name.to_string(),
            };
            let optional = outer.optional || field.schema.optional;
            let inherited = outer.default.and_then(Value::as_struct).and_then(|row| row.get(place));
            let default = field.schema.default.as_ref().or(inherited).filter(|default| !default.is_null());
            match &field.schema.kind {
                Kind::Struct(inner) => {
                    let outer = Outer { prefix: Some(name), optional, default };
                    nodes.push(Node::Struct(self.walk(inner, &outer, out)?));
                }
                Kind::Map(..) => return Err(format!("field {name:?} is a MAP, which cannot be flattened").into()),
                kind => {
                    let basics = copy_basics(&field.schema, kind.clone());
                    out.push(Field::new(name, Schema { optional, default: default.cloned(), ..basics }));
                    nodes.push(Node::Leaf(field.schema.default.clone()));
                }
            }
        }
        Ok(nodes.into())
    }
}

/// Appends the leaves of a row. All of a struct that is null are null: its own default does not count.
fn spread(nodes: &[Node], row: Option<Row>, out: &mut Vec<Value>) {
    let mut values = row.map(Row::into_iter);
    for node in nodes {
        let value = values.as_mut().map(|values| values.next().unwrap_or_default());
        match (node, value) {
            (Node::Leaf(default), Some(Value::Null)) => out.push(default.clone().unwrap_or_default()),
            (Node::Leaf(_), Some(value)) => out.push(value),
            (Node::Leaf(_), None) => out.push(Value::Null),
            (Node::Struct(inner), Some(Value::Struct(row))) => spread(inner, Some(row), out),
            (Node::Struct(inner), _) => spread(inner, None, out),
        }
    }
}
