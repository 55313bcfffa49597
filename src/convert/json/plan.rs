//! What is made once of a schema: how its values are written.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Dialect, Style, text};
use crate::convert::{Fault, number};
use crate::data::{Kind, Schema, Value, semantic};

/// How the values of a schema are written.
#[derive(Debug)]
pub(in crate::convert) struct Plan {
    /// `{"schema":…,"payload":`, or nothing.
    head: Box<[u8]>,
    /// `}`, or nothing.
    tail: &'static [u8],
    body: Node,
}

/// How a value is written, with what stands for null.
#[derive(Debug)]
struct Node {
    shape: Shape,
    null: Null,
}

/// What becomes of a null.
#[derive(Debug)]
enum Null {
    /// This stands for it: `null`, or the default.
    Written(Box<[u8]>),
    /// The field is left out; where there is no field, `null`.
    Omitted,
    Refused,
}

#[derive(Debug)]
enum Shape {
    Bool,
    Int8,
    Int16,
    Int32,
    Int64,
    Float32,
    Float64,
    Text,
    Bytes,
    /// A decimal as a number, of that scale.
    Decimal(i32),
    Array(Box<Node>),
    /// An object: its keys are text.
    Object(Box<Node>),
    /// A list of entries: its keys are anything else.
    Entries(Box<Entries>),
    Struct(Box<[Member]>),
}

/// The entries of a map, and what stands around them.
#[derive(Debug)]
struct Entries {
    key: Node,
    value: Node,
    open: &'static [u8],
    between: &'static [u8],
    close: u8,
}

/// A field of a struct.
#[derive(Debug)]
struct Member {
    name: Arc<str>,
    /// `,"name":`; the comma of the first one becomes the brace.
    prefix: Box<[u8]>,
    node: Node,
}

impl Plan {
    pub(in crate::convert) fn compile(schema: &Schema, style: Style) -> Result<Self, Fault> {
        let body = Node::compile(schema, style)?;
        if !style.schemas {
            return Ok(Self { head: Box::default(), tail: b"", body });
        }
        let mut head = b"{\"schema\":".to_vec();
        write_schema(&mut head, schema, None, style)?;
        head.extend_from_slice(b",\"payload\":");
        Ok(Self { head: head.into(), tail: b"}", body })
    }

    /// A default as that style writes it, whatever it does with nulls.
    pub(in crate::convert) fn default(schema: &Schema, default: &Value, style: Style) -> Result<Vec<u8>, Fault> {
        Shape::compile(schema, style)?.written(default).map_err(|fault| fault.within("default"))
    }

    pub(in crate::convert) fn write(&self, out: &mut Vec<u8>, value: &Value) -> Result<(), Fault> {
        out.extend_from_slice(&self.head);
        self.body.write(out, value)?;
        out.extend_from_slice(self.tail);
        Ok(())
    }

    /// Appends a struct whose values stand in several places: one for each field of the schema, in order.
    pub(in crate::convert) fn write_fields<'v>(
        &self,
        out: &mut Vec<u8>,
        values: impl ExactSizeIterator<Item = &'v Value>,
    ) -> Result<(), Fault> {
        let Shape::Struct(members) = &self.body.shape else {
            return Err(Fault::new("the schema is no STRUCT".to_owned()));
        };
        out.extend_from_slice(&self.head);
        write_struct(out, members, values)?;
        out.extend_from_slice(self.tail);
        Ok(())
    }
}

impl Node {
    fn compile(schema: &Schema, style: Style) -> Result<Self, Fault> {
        let shape = Shape::compile(schema, style)?;
        let null = match &schema.default {
            Some(default) if style.replace_null => Null::Written(shape.written(default)?.into()),
            _ if schema.optional => Null::Written(Box::from(*b"null")),
            Some(_) if style.dialect == Dialect::Confluent => Null::Omitted,
            _ => Null::Refused,
        };
        Ok(Self { shape, null })
    }

    #[inline]
    fn write(&self, out: &mut Vec<u8>, value: &Value) -> Result<(), Fault> {
        if let Value::Null = value {
            return self.write_null(out);
        }
        self.shape.write(out, value)
    }

    fn write_null(&self, out: &mut Vec<u8>) -> Result<(), Fault> {
        match &self.null {
            Null::Written(null) => out.extend_from_slice(null),
            Null::Omitted => out.extend_from_slice(b"null"),
            Null::Refused => {
                return Err(Fault::new("null, but the field is required and has no default".to_owned()));
            }
        }
        Ok(())
    }
}

impl Shape {
    fn compile(schema: &Schema, style: Style) -> Result<Self, Fault> {
        Ok(match &schema.kind {
            Kind::Bool => Self::Bool,
            Kind::Int8 => Self::Int8,
            Kind::Int16 => Self::Int16,
            Kind::Int32 => Self::Int32,
            Kind::Int64 => Self::Int64,
            Kind::Float32 => Self::Float32,
            Kind::Float64 => Self::Float64,
            Kind::Text => Self::Text,
            Kind::Bytes if style.numeric && schema.name.as_deref() == Some(semantic::DECIMAL) => {
                let scale = number::decimal_scale(schema);
                Self::Decimal(scale.ok_or_else(|| Fault::new("the schema of a decimal lacks its scale".to_owned()))?)
            }
            Kind::Bytes => Self::Bytes,
            Kind::Array(element) => Self::Array(Node::compile(element, style).map_err(|f| f.within("[]"))?.into()),
            Kind::Map(key, value) => {
                let value = Node::compile(value, style).map_err(|fault| fault.within("{}"))?;
                let is_connects = style.dialect == Dialect::Connect;
                if key.kind == Kind::Text && (is_connects || !key.optional) {
                    return Ok(Self::Object(value.into()));
                }
                let key = Node::compile(key, style).map_err(|fault| fault.within("{}"))?;
                let (open, between, close): (&'static [u8], &'static [u8], u8) =
                    if is_connects { (b"[", b",", b']') } else { (b"{\"key\":", b",\"value\":", b'}') };
                Self::Entries(Box::new(Entries { key, value, open, between, close }))
            }
            Kind::Struct(fields) => Self::Struct(
                fields
                    .iter()
                    .map(|field| {
                        let mut prefix = vec![b','];
                        text::write(&mut prefix, &field.name);
                        prefix.push(b':');
                        let node = Node::compile(&field.schema, style).map_err(|fault| fault.within(&*field.name))?;
                        Ok(Member { name: Arc::clone(&field.name), prefix: prefix.into(), node })
                    })
                    .collect::<Result<_, Fault>>()?,
            ),
        })
    }

    fn written(&self, value: &Value) -> Result<Vec<u8>, Fault> {
        let mut out = Vec::new();
        self.write(&mut out, value)?;
        Ok(out)
    }

    fn write(&self, out: &mut Vec<u8>, value: &Value) -> Result<(), Fault> {
        match (self, value) {
            (Self::Text, Value::Text(value)) => text::write(out, value.as_str()),
            (Self::Int64, Value::Int64(number)) => write_integer(out, *number),
            (Self::Int32, Value::Int32(number)) => write_integer(out, *number),
            (Self::Struct(members), Value::Struct(values)) => return write_struct(out, members, values.iter()),
            (Self::Bool, Value::Bool(flag)) => out.extend_from_slice(if *flag { b"true" } else { b"false" }),
            (Self::Int16, Value::Int16(number)) => write_integer(out, *number),
            (Self::Int8, Value::Int8(number)) => write_integer(out, *number),
            (Self::Float64, Value::Float64(number)) => write_float(out, *number),
            (Self::Float32, Value::Float32(number)) => write_float(out, *number),
            (Self::Bytes, Value::Bytes(bytes)) => write_base64(out, bytes),
            (Self::Decimal(scale), Value::Bytes(unscaled)) => number::write_decimal(out, unscaled, *scale),
            (Self::Array(node), Value::Array(elements)) => return write_array(out, node, elements),
            (Self::Object(node), Value::Map(entries)) => return write_object(out, node, entries),
            (Self::Entries(form), Value::Map(entries)) => return write_entries(out, form, entries),
            _ => return Err(self.mismatch(value)),
        }
        Ok(())
    }

    #[cold]
    fn mismatch(&self, value: &Value) -> Fault {
        let wanted = match self {
            Self::Bool => "BOOLEAN",
            Self::Int8 => "INT8",
            Self::Int16 => "INT16",
            Self::Int32 => "INT32",
            Self::Int64 => "INT64",
            Self::Float32 => "FLOAT32",
            Self::Float64 => "FLOAT64",
            Self::Text => "STRING",
            Self::Bytes | Self::Decimal(_) => "BYTES",
            Self::Array(_) => "ARRAY",
            Self::Object(_) | Self::Entries(_) => "MAP",
            Self::Struct(_) => "STRUCT",
        };
        Fault::new(format!("the schema says {wanted}, the value is {}", value.type_name()))
    }
}

fn write_struct<'v>(
    out: &mut Vec<u8>,
    members: &[Member],
    values: impl ExactSizeIterator<Item = &'v Value>,
) -> Result<(), Fault> {
    if members.len() != values.len() {
        return Err(Fault::new(format!("the schema has {} fields, the value {}", members.len(), values.len())));
    }
    let start = out.len();
    for (member, value) in members.iter().zip(values) {
        if value.is_null() && matches!(member.node.null, Null::Omitted) {
            continue;
        }
        out.extend_from_slice(&member.prefix);
        member.node.write(out, value).map_err(|fault| fault.within(&*member.name))?;
    }
    match out.get_mut(start) {
        Some(comma) => *comma = b'{',
        None => out.push(b'{'),
    }
    out.push(b'}');
    Ok(())
}

fn write_array(out: &mut Vec<u8>, node: &Node, elements: &[Value]) -> Result<(), Fault> {
    out.push(b'[');
    for (place, element) in elements.iter().enumerate() {
        separate(out, place);
        node.write(out, element).map_err(|fault| fault.within(format!("[{place}]")))?;
    }
    out.push(b']');
    Ok(())
}

fn write_object(out: &mut Vec<u8>, node: &Node, entries: &[(Value, Value)]) -> Result<(), Fault> {
    out.push(b'{');
    for (place, (key, value)) in entries.iter().enumerate() {
        separate(out, place);
        let Value::Text(key) = key else { return Err(Shape::Text.mismatch(key).within("{}")) };
        text::write(out, key.as_str());
        out.push(b':');
        node.write(out, value).map_err(|fault| fault.within(key.as_str()))?;
    }
    out.push(b'}');
    Ok(())
}

fn write_entries(out: &mut Vec<u8>, form: &Entries, entries: &[(Value, Value)]) -> Result<(), Fault> {
    out.push(b'[');
    for (place, (key, value)) in entries.iter().enumerate() {
        separate(out, place);
        out.extend_from_slice(form.open);
        form.key.write(out, key).map_err(|fault| fault.within(format!("[{place}]")))?;
        out.extend_from_slice(form.between);
        form.value.write(out, value).map_err(|fault| fault.within(format!("[{place}]")))?;
        out.push(form.close);
    }
    out.push(b']');
    Ok(())
}

fn separate(out: &mut Vec<u8>, place: usize) {
    if place > 0 {
        out.push(b',');
    }
}

fn write_integer(out: &mut Vec<u8>, number: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Jackson quotes what JSON has no number for.
fn write_float<F: number::Float>(out: &mut Vec<u8>, number: F) {
    if number.into().is_finite() {
        number::write_float(out, number);
    } else {
        out.push(b'"');
        number::write_float(out, number);
        out.push(b'"');
    }
}

pub(in crate::convert) fn write_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    let written = out.get_mut(start..).map(|room| STANDARD.encode_slice(bytes, room));
    debug_assert!(matches!(written, Some(Ok(_))), "the room is as long as the text");
    out.push(b'"');
}

/// The schema as JSON: `JsonConverter.asJsonSchema`; of a field with its name as the last member.
fn write_schema(out: &mut Vec<u8>, schema: &Schema, field: Option<&str>, style: Style) -> Result<(), Fault> {
    out.extend_from_slice(b"{\"type\":");
    match &schema.kind {
        Kind::Array(element) => {
            out.extend_from_slice(b"\"array\",\"items\":");
            write_schema(out, element, None, style)?;
        }
        Kind::Map(key, value) => {
            out.extend_from_slice(b"\"map\",\"keys\":");
            write_schema(out, key, None, style)?;
            out.extend_from_slice(b",\"values\":");
            write_schema(out, value, None, style)?;
        }
        Kind::Struct(fields) => {
            out.extend_from_slice(b"\"struct\",\"fields\":[");
            for (place, field) in fields.iter().enumerate() {
                separate(out, place);
                write_schema(out, &field.schema, Some(&field.name), style)?;
            }
            out.push(b']');
        }
        simple => text::write(out, simple_name(simple)),
    }
    out.extend_from_slice(if schema.optional { b",\"optional\":true" } else { b",\"optional\":false" });
    if let Some(name) = &schema.name {
        write_member(out, "name", name);
    }
    if let Some(version) = schema.version {
        out.extend_from_slice(b",\"version\":");
        write_integer(out, version);
    }
    if let Some(doc) = &schema.doc {
        write_member(out, "doc", doc);
    }
    if !schema.parameters.is_empty() {
        out.extend_from_slice(b",\"parameters\":{");
        for (place, (name, value)) in schema.parameters.iter().enumerate() {
            separate(out, place);
            text::write(out, name);
            out.push(b':');
            text::write(out, value);
        }
        out.push(b'}');
    }
    if let Some(default) = &schema.default {
        out.extend_from_slice(b",\"default\":");
        Shape::compile(schema, style)?.write(out, default).map_err(|fault| fault.within("default"))?;
    }
    if let Some(field) = field {
        write_member(out, "field", field);
    }
    out.push(b'}');
    Ok(())
}

fn write_member(out: &mut Vec<u8>, name: &str, value: &str) {
    out.push(b',');
    text::write(out, name);
    out.push(b':');
    text::write(out, value);
}

/// `JsonSchema`'s name of a simple type.
const fn simple_name(kind: &Kind) -> &'static str {
    match kind {
        Kind::Bool => "boolean",
        Kind::Int8 => "int8",
        Kind::Int16 => "int16",
        Kind::Int32 => "int32",
        Kind::Int64 => "int64",
        Kind::Float32 => "float",
        Kind::Float64 => "double",
        Kind::Text => "string",
        Kind::Bytes => "bytes",
        Kind::Array(_) => "array",
        Kind::Map(..) => "map",
        Kind::Struct(_) => "struct",
    }
}
