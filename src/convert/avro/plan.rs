//! What is made once of a schema: how its values are written under the writer's schema.

use std::sync::Arc;

use serde_json::Value as Json;

use super::names;
use super::options::{fixed_size, is_union};
use super::write::{Node, Null, Record, Shape, Step, write_long};
use super::writer::{At, Type, Writer, WriterField};
use super::{AvroData, Fault};
use crate::convert::number;
use crate::data::{Field, Kind, Schema, Value, semantic};

/// How the values of a Connect schema are written under an Avro schema.
#[derive(Debug)]
pub(in crate::convert) struct Plan {
    node: Node,
}

impl Plan {
    /// The writer's schema is mostly the one that was derived from the Connect schema. Of another, fields are matched by
    /// name: what it lacks is left out, what it has besides takes its default; numbers are widened as Avro allows.
    ///
    /// # Errors
    /// A field whose values cannot be written under the writer's schema.
    pub(in crate::convert) fn compile(connect: &Schema, writer: &Json, data: &AvroData) -> Result<Self, Fault> {
        let writer = Writer::new(writer)?;
        let node = Compiler { writer: &writer, data }.node(connect, writer.root())?;
        Ok(Self { node })
    }

    /// Appends the datum, without a header.
    ///
    /// # Errors
    /// When the value does not fit its schema, or the writer's.
    pub(in crate::convert) fn write(&self, out: &mut Vec<u8>, value: &Value) -> Result<(), Fault> {
        self.node.write(out, value)
    }

    /// Appends a struct whose values stand in several places: one for each field of the schema, in order.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub(in crate::convert) fn write_fields<'v>(
        &self,
        out: &mut Vec<u8>,
        count: usize,
        value: impl Fn(usize) -> &'v Value,
    ) -> Result<(), Fault> {
        let Shape::Struct(record) = &self.node.shape else {
            return Err(Fault::new("the schema is no STRUCT".to_owned()));
        };
        if let Some(branch) = self.node.branch {
            write_long(out, branch);
        }
        record.write_fields(out, count, value)
    }
}

#[derive(Clone, Copy)]
struct Compiler<'a> {
    writer: &'a Writer<'a>,
    data: &'a AvroData,
}

impl<'a> Compiler<'a> {
    fn node(self, schema: &Schema, at: At<'a>) -> Result<Node, Fault> {
        let kind = self.writer.type_of(at)?;
        let Type::Union(branches) = &kind else {
            if is_union(schema) {
                return self.union(schema, at, &[]);
            }
            let null = if schema.optional { Null::NotInWriter } else { Null::Required };
            return Ok(Node { shape: self.shape(schema, kind, at)?, branch: None, null });
        };
        if is_union(schema) {
            return self.union(schema, at, branches);
        }
        let (branch, shape) = self.branch(schema, branches)?;
        Ok(Node { shape, branch: Some(branch), null: self.null(schema, branches)? })
    }

    /// A field of a struct: its default stands for null.
    fn field(self, schema: &Schema, at: At<'a>) -> Result<Node, Fault> {
        let mut node = self.node(schema, at)?;
        let default = schema.default.as_ref().filter(|default| !default.is_null());
        if let Some(default) = default.filter(|_| !(schema.optional && self.data.ignore_default)) {
            let mut bytes = Vec::new();
            node.write(&mut bytes, default).map_err(|fault| fault.within("default"))?;
            node.null = Null::Written(bytes.into());
        }
        Ok(node)
    }

    /// What becomes of a null under a union.
    fn null(self, schema: &Schema, branches: &[At<'a>]) -> Result<Null, Fault> {
        if !schema.optional {
            return Ok(Null::Required);
        }
        for (place, branch) in (0..).zip(branches) {
            if let Type::Null = self.writer.type_of(*branch)? {
                let mut bytes = Vec::new();
                write_long(&mut bytes, place);
                return Ok(Null::Written(bytes.into()));
            }
        }
        Ok(Null::NotInWriter)
    }

    /// The branch that fits best.
    fn branch(self, schema: &Schema, branches: &[At<'a>]) -> Result<(i64, Shape), Fault> {
        let mut fitting = Vec::new();
        for (place, branch) in (0..).zip(branches) {
            let kind = self.writer.type_of(*branch)?;
            fitting.extend(self.fit(schema, &kind).map(|fit| (fit, place, kind, *branch)));
        }
        fitting.sort_by_key(|(fit, place, ..)| (*fit, *place));
        let mut first = None;
        for (_, place, kind, branch) in fitting {
            match self.shape(schema, kind, branch) {
                Ok(shape) => return Ok((place, shape)),
                Err(fault) => _ = first.get_or_insert(fault),
            }
        }
        Err(first.unwrap_or_else(|| {
            Fault::new(format!("{} fits no branch of the union in the writer's schema", schema.kind.name()))
        }))
    }

    /// How far a type is from the schema's own; `None`: it cannot hold its values.
    fn fit(self, schema: &Schema, kind: &Type<'_>) -> Option<u8> {
        let is_enum = self.data.enum_parameter(schema).is_some();
        Some(match (&schema.kind, kind) {
            (Kind::Text, Type::Enum { .. }) if !is_enum => 1,
            (Kind::Text, Type::String) if is_enum => 1,
            (Kind::Bool, Type::Boolean)
            | (Kind::Int8 | Kind::Int16 | Kind::Int32, Type::Int)
            | (Kind::Int64, Type::Long)
            | (Kind::Float32, Type::Float)
            | (Kind::Float64, Type::Double)
            | (Kind::Text, Type::String | Type::Enum { .. })
            | (Kind::Array(_), Type::Array(_))
            | (Kind::Map(..), Type::Map(_)) => 0,
            (Kind::Bytes, Type::Bytes) => u8::from(fixed_size(schema).is_some()),
            (Kind::Bytes, Type::Fixed { .. }) => u8::from(fixed_size(schema).is_none()),
            (Kind::Int8 | Kind::Int16 | Kind::Int32, Type::Long)
            | (Kind::Float32, Type::Double)
            | (Kind::Map(..), Type::Array(_)) => 1,
            // A double holds every INT32, a float does not.
            (Kind::Int8 | Kind::Int16 | Kind::Int32 | Kind::Int64, Type::Double)
            | (Kind::Text, Type::Bytes)
            | (Kind::Bytes, Type::String) => 2,
            (Kind::Int8 | Kind::Int16 | Kind::Int32 | Kind::Int64, Type::Float) => 3,
            (Kind::Struct(_), Type::Record { name, .. }) => self.distance(schema, name),
            _ => return None,
        })
    }

    /// How far the name of a record is from the schema's.
    fn distance(self, schema: &Schema, name: &str) -> u8 {
        let own = schema.name.as_deref().and_then(|own| names::FullName::of_connect(own, self.data.scrub).ok());
        let short = |name: &str| name.rsplit('.').next().map(str::to_owned);
        match own {
            Some(own) if own.full() == name => 0,
            Some(own) if short(name).as_ref() == Some(&own.name) => 1,
            _ => 2,
        }
    }

    fn shape(self, schema: &Schema, kind: Type<'a>, at: At<'a>) -> Result<Shape, Fault> {
        if self.fit(schema, &kind).is_none() {
            let wanted = type_name(&kind);
            let own = schema.kind.name();
            return Err(Fault::new(format!("{own} cannot be written as the {wanted} of the writer's schema")));
        }
        agree(schema, at)?;
        Ok(match (&schema.kind, kind) {
            (Kind::Struct(fields), Type::Record { fields: written, .. }) => {
                Shape::Struct(self.record(fields, &written)?)
            }
            (Kind::Array(element), Type::Array(items)) => {
                Shape::Array(self.node(element, items).map_err(|fault| fault.within("[]"))?.into())
            }
            (Kind::Map(key, value), Type::Map(values)) => {
                if key.kind != Kind::Text {
                    let own = key.kind.name();
                    return Err(Fault::new(format!("the keys are {own}, those of the writer's map are text")));
                }
                Shape::Map(self.node(value, values).map_err(|fault| fault.within("{}"))?.into())
            }
            (Kind::Map(key, value), Type::Array(items)) => {
                let Type::Record { fields, .. } = self.writer.type_of(items)? else {
                    return Err(Fault::new("the entries of a map are no records in the writer's schema".to_owned()));
                };
                let columns = [Field::new("key", Arc::clone(key)), Field::new("value", Arc::clone(value))];
                Shape::Entries(self.record(&columns, &fields)?.into())
            }
            (Kind::Text, Type::Enum { symbols }) => Shape::Enum(symbols.into_iter().map(Box::from).zip(0..).collect()),
            (Kind::Bytes, Type::Fixed { size }) if number::decimal_scale(schema).is_some() => Shape::FixedDecimal(size),
            (Kind::Bytes, Type::Fixed { size }) => Shape::Fixed(size),
            (simple, kind) => simple_shape(simple, &kind),
        })
    }

    /// The fields of the writer's record, each from the column of its name.
    fn record(self, columns: &[Field], fields: &[WriterField<'a>]) -> Result<Record, Fault> {
        let step = |field: &WriterField<'a>| {
            let is_own = |own: &Field| self.data.name_of(&own.name) == field.name;
            if let Some(place) = columns.iter().position(is_own) {
                let own = &columns[place];
                let node = self.field(&own.schema, field.at)?;
                return Ok(Step::Column { place, name: Arc::clone(&own.name), node });
            }
            let Some(default) = field.default else {
                let reason = "the writer's schema has this field without a default, and the record lacks it";
                return Err(Fault::new(reason.to_owned()));
            };
            self.writer.default(field.at, default).map(Step::Default)
        };
        let steps = fields.iter().map(|field| step(field).map_err(|fault| fault.within(field.name)));
        Ok(Record { columns: columns.len(), steps: steps.collect::<Result<_, _>>()? })
    }

    /// A struct that stands for a union: each field as a branch.
    fn union(self, schema: &Schema, at: At<'a>, branches: &[At<'a>]) -> Result<Node, Fault> {
        let field = |field: &Field| self.node(&field.schema, at).map_err(|fault| fault.within(&*field.name));
        let fields = schema.fields().iter().map(field).collect::<Result<_, _>>()?;
        Ok(Node { shape: Shape::Union(fields), branch: None, null: self.null(schema, branches)? })
    }
}

fn simple_shape(simple: &Kind, kind: &Type<'_>) -> Shape {
    match (simple, kind) {
        (Kind::Int8 | Kind::Int16 | Kind::Int32 | Kind::Int64, Type::Float) => Shape::AsFloat,
        (Kind::Int8 | Kind::Int16 | Kind::Int32 | Kind::Int64 | Kind::Float32, Type::Double) => Shape::AsDouble,
        (Kind::Bytes, Type::String) => Shape::BytesAsText,
        (Kind::Bool, _) => Shape::Bool,
        (Kind::Int8, _) => Shape::Int8,
        (Kind::Int16, _) => Shape::Int16,
        (Kind::Int32, _) => Shape::Int32,
        (Kind::Int64, _) => Shape::Int64,
        (Kind::Float32, _) => Shape::Float32,
        (Kind::Float64, _) => Shape::Float64,
        (Kind::Bytes, _) => Shape::Bytes,
        _ => Shape::Text,
    }
}

/// Numbers that mean another unit, or another scale, in the writer's schema would be read as other values.
fn agree(schema: &Schema, at: At<'_>) -> Result<(), Fault> {
    let (Some(own), Some(written)) = (meaning(schema), at.logical()) else { return Ok(()) };
    let name = written.name.strip_prefix("local-").unwrap_or(written.name);
    if own != name && is_meaning(name) {
        return Err(Fault::new(format!("the values are {own}, the writer's schema says {}", written.name)));
    }
    match number::decimal_scale(schema) {
        Some(scale) if name == "decimal" && i64::from(scale) != written.scale => {
            Err(Fault::new(format!("the scale of the decimal is {scale}, in the writer's schema {}", written.scale)))
        }
        _ => Ok(()),
    }
}

/// The logical type whose unit the values have.
fn meaning(schema: &Schema) -> Option<&'static str> {
    Some(match schema.name.as_deref()? {
        semantic::DECIMAL => "decimal",
        semantic::CONNECT_DATE | semantic::DATE => "date",
        semantic::CONNECT_TIME | semantic::TIME => "time-millis",
        semantic::MICRO_TIME => "time-micros",
        semantic::CONNECT_TIMESTAMP | semantic::TIMESTAMP => "timestamp-millis",
        semantic::MICRO_TIMESTAMP => "timestamp-micros",
        semantic::NANO_TIMESTAMP => "timestamp-nanos",
        _ => return None,
    })
}

fn is_meaning(name: &str) -> bool {
    matches!(
        name,
        "decimal"
            | "date"
            | "time-millis"
            | "time-micros"
            | "timestamp-millis"
            | "timestamp-micros"
            | "timestamp-nanos"
    )
}

/// Avro's name of a type.
const fn type_name(kind: &Type<'_>) -> &'static str {
    match kind {
        Type::Null => "null",
        Type::Boolean => "boolean",
        Type::Int => "int",
        Type::Long => "long",
        Type::Float => "float",
        Type::Double => "double",
        Type::Bytes => "bytes",
        Type::String => "string",
        Type::Array(_) => "array",
        Type::Map(_) => "map",
        Type::Union(_) => "union",
        Type::Enum { .. } => "enum",
        Type::Fixed { .. } => "fixed",
        Type::Record { .. } => "record",
    }
}
