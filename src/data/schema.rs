//! Schemas: the shape of a value, as Kafka Connect describes it.

use std::sync::Arc;

use super::Value;

/// The base type of a schema.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// `BOOLEAN`
    Bool,
    /// `INT8`
    Int8,
    /// `INT16`
    Int16,
    /// `INT32`
    Int32,
    /// `INT64`
    Int64,
    /// `FLOAT32`
    Float32,
    /// `FLOAT64`
    Float64,
    /// `STRING`
    Text,
    /// `BYTES`
    Bytes,
    /// `ARRAY` of elements of one schema
    Array(Arc<Schema>),
    /// `MAP` from a key schema to a value schema
    Map(Arc<Schema>, Arc<Schema>),
    /// `STRUCT`
    Struct(Vec<Field>),
}

impl Kind {
    /// Connect's name: `org.apache.kafka.connect.data.Schema.Type`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Bool => "BOOLEAN",
            Self::Int8 => "INT8",
            Self::Int16 => "INT16",
            Self::Int32 => "INT32",
            Self::Int64 => "INT64",
            Self::Float32 => "FLOAT32",
            Self::Float64 => "FLOAT64",
            Self::Text => "STRING",
            Self::Bytes => "BYTES",
            Self::Array(_) => "ARRAY",
            Self::Map(..) => "MAP",
            Self::Struct(_) => "STRUCT",
        }
    }
}

/// A field of a struct.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Its name, as consumers see it.
    pub name: Arc<str>,
    /// Its shape.
    pub schema: Arc<Schema>,
}

impl Field {
    /// A field of that name and shape.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>, schema: impl Into<Arc<Schema>>) -> Self {
        Self { name: name.into(), schema: schema.into() }
    }
}

/// The shape of a value: `org.apache.kafka.connect.data.Schema`.
#[derive(Clone, Debug, PartialEq)]
pub struct Schema {
    /// The base type.
    pub kind: Kind,
    /// Whether null is allowed.
    pub optional: bool,
    /// The semantic type, such as `io.debezium.time.Timestamp`, or the name of a struct.
    pub name: Option<Arc<str>>,
    /// The version of the semantic type.
    pub version: Option<i32>,
    /// Documentation (Debezium: a column's comment, when asked for).
    pub doc: Option<Arc<str>>,
    /// Parameters of the semantic type, in their order.
    pub parameters: Vec<(Arc<str>, Arc<str>)>,
    /// What stands for a missing value.
    pub default: Option<Value>,
}

impl Schema {
    /// A required schema without a name.
    #[must_use]
    pub const fn of(kind: Kind) -> Self {
        Self { kind, optional: false, name: None, version: None, doc: None, parameters: Vec::new(), default: None }
    }

    /// A required struct of that name.
    #[must_use]
    pub fn structure(name: impl Into<Arc<str>>, fields: Vec<Field>) -> Self {
        Self::of(Kind::Struct(fields)).named(name)
    }

    /// The same, null allowed.
    #[must_use]
    pub const fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// The same, named.
    #[must_use]
    pub fn named(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The same, of that version.
    #[must_use]
    pub const fn version(mut self, version: i32) -> Self {
        self.version = Some(version);
        self
    }

    /// The same, with one more parameter.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<Arc<str>>, value: impl Into<Arc<str>>) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    /// The same, with a default.
    #[must_use]
    pub fn default(mut self, value: impl Into<Value>) -> Self {
        self.default = Some(value.into());
        self
    }

    /// The fields; none when this is no struct.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        match &self.kind {
            Kind::Struct(fields) => fields,
            _ => &[],
        }
    }

    /// Where the field of that name stands.
    #[must_use]
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.fields().iter().position(|field| &*field.name == name)
    }
}
