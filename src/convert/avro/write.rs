//! Avro's binary encoding, written straight from the row.

use std::sync::Arc;

use super::Fault;
use crate::data::Value;

/// How a value is written, with what stands for null.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) shape: Shape,
    /// The branch of the writer's union.
    pub(super) branch: Option<i64>,
    pub(super) null: Null,
}

/// What becomes of a null.
#[derive(Debug)]
pub(super) enum Null {
    /// These bytes: the branch of null, or the default.
    Written(Box<[u8]>),
    /// The schema requires a value, and has no default.
    Required,
    /// The schema allows null, the writer's does not.
    NotInWriter,
}

#[derive(Debug)]
pub(super) enum Shape {
    Bool,
    Int8,
    Int16,
    Int32,
    Int64,
    Float32,
    Float64,
    /// A whole number, or a FLOAT32, under a wider floating-point type.
    AsFloat,
    AsDouble,
    /// Text as a string or as bytes, which look the same.
    Text,
    Bytes,
    /// Bytes under a string: they must be text.
    BytesAsText,
    /// Bytes of exactly that length.
    Fixed(usize),
    /// A decimal, filled up to that length.
    FixedDecimal(usize),
    /// Text as the place of a symbol.
    Enum(Box<[(Box<str>, i64)]>),
    Array(Box<Node>),
    /// A map: its keys are text.
    Map(Box<Node>),
    /// A map as an array of records; its keys are anything. The record's columns are key and value.
    Entries(Box<Record>),
    Struct(Record),
    /// A struct that stands for a union: the first field that has a value.
    Union(Box<[Node]>),
}

/// A record of the writer's schema.
#[derive(Debug)]
pub(super) struct Record {
    /// How many fields the struct has.
    pub(super) columns: usize,
    /// In the order of the writer's fields.
    pub(super) steps: Box<[Step]>,
}

#[derive(Debug)]
pub(super) enum Step {
    /// A field of the struct.
    Column { place: usize, name: Arc<str>, node: Node },
    /// The default of a field that the struct lacks.
    Default(Box<[u8]>),
}

impl Node {
    #[inline]
    pub(super) fn write(&self, out: &mut Vec<u8>, value: &Value) -> Result<(), Fault> {
        if let Value::Null = value {
            return self.write_null(out);
        }
        if let Some(branch) = self.branch {
            write_long(out, branch);
        }
        match (&self.shape, value) {
            (Shape::Union(fields), Value::Struct(values)) => {
                let mut present = fields.iter().zip(values).filter(|(_, value)| !value.is_null());
                match present.next() {
                    Some((node, value)) => node.write(out, value),
                    None => self.write_null(out),
                }
            }
            (shape, value) => shape.write(out, value),
        }
    }

    fn write_null(&self, out: &mut Vec<u8>) -> Result<(), Fault> {
        let reason = match &self.null {
            Null::Written(bytes) => {
                out.extend_from_slice(bytes);
                return Ok(());
            }
            Null::Required => "null, but the field is required and has no default",
            Null::NotInWriter => "null, which the writer's schema does not allow here",
        };
        Err(Fault::new(reason.to_owned()))
    }
}

impl Shape {
    fn write(&self, out: &mut Vec<u8>, value: &Value) -> Result<(), Fault> {
        match (self, value) {
            (Self::Text, Value::Text(text)) => write_bytes(out, text.as_str().as_bytes()),
            (Self::Int64, Value::Int64(number)) => write_long(out, *number),
            (Self::Int32, Value::Int32(number)) => write_long(out, (*number).into()),
            (Self::Struct(record), Value::Struct(values)) => return record.write_struct(out, values),
            (Self::Bool, Value::Bool(flag)) => out.push((*flag).into()),
            (Self::Int16, Value::Int16(number)) => write_long(out, (*number).into()),
            (Self::Int8, Value::Int8(number)) => write_long(out, (*number).into()),
            (Self::Float64, Value::Float64(number)) => out.extend_from_slice(&number.to_le_bytes()),
            (Self::Float32, Value::Float32(number)) => out.extend_from_slice(&number.to_le_bytes()),
            (Self::Bytes, Value::Bytes(bytes)) => write_bytes(out, bytes),
            (Self::Array(node), Value::Array(elements)) => return write_array(out, node, elements),
            (Self::Map(node), Value::Map(entries)) => return write_map(out, node, entries),
            (Self::Entries(record), Value::Map(entries)) => return write_entries(out, record, entries),
            _ => return self.write_rare(out, value),
        }
        Ok(())
    }

    /// What the schema that was derived does not ask for, mostly.
    fn write_rare(&self, out: &mut Vec<u8>, value: &Value) -> Result<(), Fault> {
        match (self, value) {
            (Self::AsFloat, value) => match whole(value) {
                Some(number) => out.extend_from_slice(&(number as f32).to_le_bytes()),
                None => return Err(self.mismatch(value)),
            },
            (Self::AsDouble, Value::Float32(number)) => out.extend_from_slice(&f64::from(*number).to_le_bytes()),
            (Self::AsDouble, value) => match whole(value) {
                Some(number) => out.extend_from_slice(&(number as f64).to_le_bytes()),
                None => return Err(self.mismatch(value)),
            },
            (Self::BytesAsText, Value::Bytes(bytes)) => match str::from_utf8(bytes) {
                Ok(_) => write_bytes(out, bytes),
                Err(_) => return Err(Fault::new("the writer's schema says string, the bytes are no text".to_owned())),
            },
            (Self::Fixed(size), Value::Bytes(bytes)) if bytes.len() == *size => out.extend_from_slice(bytes),
            (Self::FixedDecimal(size), Value::Bytes(unscaled)) if unscaled.len() <= *size => {
                let sign = if unscaled.first().is_some_and(|first| *first >= 0x80) { 0xff } else { 0 };
                out.resize(out.len() + size - unscaled.len(), sign);
                out.extend_from_slice(unscaled);
            }
            (Self::Fixed(size) | Self::FixedDecimal(size), Value::Bytes(bytes)) => {
                let length = bytes.len();
                return Err(Fault::new(format!("the writer's schema says fixed of {size} bytes, there are {length}")));
            }
            (Self::Enum(symbols), Value::Text(text)) => {
                match symbols.iter().find(|(symbol, _)| **symbol == *text.as_str()) {
                    Some((_, place)) => write_long(out, *place),
                    None => return Err(Fault::new("the text is no symbol of the writer's enum".to_owned())),
                }
            }
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
            Self::AsFloat | Self::AsDouble => "a number",
            Self::Text | Self::Enum(_) => "STRING",
            Self::Bytes | Self::BytesAsText | Self::Fixed(_) | Self::FixedDecimal(_) => "BYTES",
            Self::Array(_) => "ARRAY",
            Self::Map(_) | Self::Entries(_) => "MAP",
            Self::Struct(_) | Self::Union(_) => "STRUCT",
        };
        Fault::new(format!("the schema says {wanted}, the value is {}", value.type_name()))
    }
}

impl Record {
    fn write_struct(&self, out: &mut Vec<u8>, values: &[Value]) -> Result<(), Fault> {
        self.write_fields(out, values.len(), |place| values.get(place).unwrap_or(&Value::Null))
    }

    #[inline]
    pub(super) fn write_fields<'v>(
        &self,
        out: &mut Vec<u8>,
        count: usize,
        value: impl Fn(usize) -> &'v Value,
    ) -> Result<(), Fault> {
        if self.columns != count {
            return Err(Fault::new(format!("the schema has {} fields, the value {count}", self.columns)));
        }
        self.write(out, value)
    }

    #[inline]
    fn write<'v>(&self, out: &mut Vec<u8>, column: impl Fn(usize) -> &'v Value) -> Result<(), Fault> {
        for step in &self.steps {
            match step {
                Step::Column { place, name, node } => {
                    node.write(out, column(*place)).map_err(|fault| fault.within(&**name))?;
                }
                Step::Default(bytes) => out.extend_from_slice(bytes),
            }
        }
        Ok(())
    }
}

fn write_array(out: &mut Vec<u8>, node: &Node, elements: &[Value]) -> Result<(), Fault> {
    write_count(out, elements.len());
    for (place, element) in elements.iter().enumerate() {
        node.write(out, element).map_err(|fault| fault.within(format!("[{place}]")))?;
    }
    end_blocks(out, elements.len());
    Ok(())
}

fn write_map(out: &mut Vec<u8>, node: &Node, entries: &[(Value, Value)]) -> Result<(), Fault> {
    write_count(out, entries.len());
    for (key, value) in entries {
        let Value::Text(key) = key else { return Err(Shape::Text.mismatch(key).within("{}")) };
        write_bytes(out, key.as_str().as_bytes());
        node.write(out, value).map_err(|fault| fault.within(key.as_str()))?;
    }
    end_blocks(out, entries.len());
    Ok(())
}

fn write_entries(out: &mut Vec<u8>, record: &Record, entries: &[(Value, Value)]) -> Result<(), Fault> {
    write_count(out, entries.len());
    for (number, (key, value)) in entries.iter().enumerate() {
        let column = |place| if place == 0 { key } else { value };
        record.write(out, column).map_err(|fault| fault.within(format!("[{number}]")))?;
    }
    end_blocks(out, entries.len());
    Ok(())
}

/// The number of entries, the head of the only block of an array or a map.
pub(super) fn write_count(out: &mut Vec<u8>, count: usize) {
    write_long(out, i64::try_from(count).unwrap_or(i64::MAX));
}

/// An empty block ends the others; of an empty array it is all there is.
pub(super) fn end_blocks(out: &mut Vec<u8>, count: usize) {
    if count > 0 {
        out.push(0);
    }
}

/// `bytes` and `string`: the length, then the bytes.
#[inline]
pub(super) fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    write_long(out, i64::try_from(bytes.len()).unwrap_or(i64::MAX));
    out.extend_from_slice(bytes);
}

/// `int` and `long`: zig-zag, seven bits a byte, the lowest first.
#[inline]
pub(super) fn write_long(out: &mut Vec<u8>, number: i64) {
    let mut rest = ((number << 1) ^ (number >> 63)).cast_unsigned();
    if rest < 0x80 {
        out.push(low_bits(rest));
        return;
    }
    let mut bytes = [0; 10];
    let mut length = 0;
    for byte in &mut bytes {
        length += 1;
        if rest < 0x80 {
            *byte = low_bits(rest);
            break;
        }
        *byte = low_bits(rest) | 0x80;
        rest >>= 7;
    }
    out.extend_from_slice(&bytes[..length]);
}

const fn low_bits(number: u64) -> u8 {
    (number & 0x7f) as u8
}

/// A whole number of any width.
fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Int8(number) => Some((*number).into()),
        Value::Int16(number) => Some((*number).into()),
        Value::Int32(number) => Some((*number).into()),
        Value::Int64(number) => Some(*number),
        _ => None,
    }
}
