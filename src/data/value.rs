//! Values of a row, and the text that shares its buffer with the packet it came from.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use bytestring::ByteString;

/// UTF-8 text. It shares its buffer with the packet it was cut from: a value that is kept for long must be copied, or it
/// keeps the packet alive.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Text(ByteString);

impl Text {
    /// Checks the bytes once, at the edge; every later read is free.
    ///
    /// # Errors
    /// When the bytes are not UTF-8.
    pub fn from_utf8(bytes: Bytes) -> Result<Self, std::str::Utf8Error> {
        ByteString::try_from(bytes).map(Self)
    }

    /// Text that is part of the program.
    #[must_use]
    pub const fn from_static(text: &'static str) -> Self {
        Self(ByteString::from_static(text))
    }

    /// A name that stands in every row: kept for the life of the program, once for each name, so that a copy costs no
    /// counter. (Rows are made by one thread and dropped by another: a shared counter would go to and fro between them.)
    #[must_use]
    pub fn interned(name: &str) -> Self {
        static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
        let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = names.get(name) {
            return Self::from_static(known);
        }
        let kept: &'static str = Box::leak(name.into());
        names.insert(kept);
        Self::from_static(kept)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The UTF-8 bytes, sharing the buffer.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.0.into_bytes()
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(ByteString::from(text))
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(ByteString::from(text))
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A value of Connect's data model. Logical types (decimal, date, …) are their base type here; the schema's name tells.
#[derive(Clone, Debug, PartialEq, Default)]
pub enum Value {
    /// No value; allowed where the schema is optional.
    #[default]
    Null,
    /// `BOOLEAN`
    Bool(bool),
    /// `INT8`
    Int8(i8),
    /// `INT16`
    Int16(i16),
    /// `INT32`
    Int32(i32),
    /// `INT64`
    Int64(i64),
    /// `FLOAT32`
    Float32(f32),
    /// `FLOAT64`
    Float64(f64),
    /// `STRING`
    Text(Text),
    /// `BYTES`; a Connect `Decimal` is its unscaled number, big-endian, two's complement, no superfluous bytes.
    Bytes(Bytes),
    /// `ARRAY`
    Array(Box<[Value]>),
    /// `MAP`, in the order of its entries
    Map(Box<[(Value, Value)]>),
    /// `STRUCT`: the values in the order of the schema's fields
    Struct(Row),
}

/// The values of a row, in the order of its schema's fields.
pub type Row = Box<[Value]>;

impl Value {
    /// Whether there is no value.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Connect's name of its type; what a refusal may tell, since the value itself may be private.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "BOOLEAN",
            Self::Int8(_) => "INT8",
            Self::Int16(_) => "INT16",
            Self::Int32(_) => "INT32",
            Self::Int64(_) => "INT64",
            Self::Float32(_) => "FLOAT32",
            Self::Float64(_) => "FLOAT64",
            Self::Text(_) => "STRING",
            Self::Bytes(_) => "BYTES",
            Self::Array(_) => "ARRAY",
            Self::Map(_) => "MAP",
            Self::Struct(_) => "STRUCT",
        }
    }

    /// Text made from a string.
    #[must_use]
    pub fn text(text: impl Into<Text>) -> Self {
        Self::Text(text.into())
    }

    /// The fields, when this is a struct.
    #[must_use]
    pub fn as_struct(&self) -> Option<&[Value]> {
        match self {
            Self::Struct(fields) => Some(fields),
            _ => None,
        }
    }

    /// The text, when this is text.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text.as_str()),
            _ => None,
        }
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

macro_rules! value_from {
    ($($variant:ident: $type:ty),*) => {
        $(impl From<$type> for Value {
            fn from(value: $type) -> Self {
                Self::$variant(value)
            }
        })*
    };
}
value_from!(Bool: bool, Int8: i8, Int16: i16, Int32: i32, Int64: i64, Float32: f32, Float64: f64, Text: Text, Bytes: Bytes);
