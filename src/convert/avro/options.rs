//! The options of Confluent's `AvroData`, and what they say of a schema.

use std::borrow::Cow;

use super::names;
use crate::config::{Importance, Key, KeyKind, Reader};
use crate::data::{Kind, Schema};

/// The options of Confluent's `AvroDataConfig`, and those of its relatives that people set on it.
pub(in crate::convert) const KEYS: &[Key] = &[
    flag(
        "enhanced.avro.schema.support",
        "false",
        "Whether text with the parameters of `io.confluent.connect.avro.Enum` becomes an enum",
    ),
    flag("connect.meta.data", "true", "Whether the schema carries what Connect's says beyond Avro's, as `connect.*`"),
    flag("scrub.invalid.names", "false", "Whether what a name may not hold is replaced"),
    flag(
        "generalized.sum.type.support",
        "false",
        "Whether text with the parameters of `org.apache.kafka.connect.data.Enum` becomes an enum",
    ),
    flag(
        "ignore.default.for.nullables",
        "false",
        "Whether a null stays null in an optional field that has a default; else the default is written",
    ),
    flag("discard.type.doc.default", "false", "Whether the doc of a field is the one of its Connect schema"),
    flag("allow.optional.map.keys", "false", "Whether a map is a map though its keys may be null"),
    flag("flatten.unions", "false", "For reading only; accepted"),
    flag("flatten.singleton.unions", "true", "For reading only; accepted"),
    number("schemas.cache.config", "How many schemas are kept prepared (1000)"),
    number("schemas.cache.size", "The same, by the name that the JSON converter has for it"),
];

/// Unless an option says otherwise.
const SCHEMAS_MAX: usize = 1000;

const fn flag(name: &'static str, default: &'static str, doc: &'static str) -> Key {
    Key { importance: Importance::Low, ..Key::new(name, KeyKind::Boolean, doc).default(default) }
}

const fn number(name: &'static str, doc: &'static str) -> Key {
    Key { importance: Importance::Low, ..Key::new(name, KeyKind::Int, doc) }
}

/// The parameter that names an enum, by option.
const ENUM: &str = "io.confluent.connect.avro.Enum";
const ENUM_GENERALIZED: &str = "org.apache.kafka.connect.data.Enum";
/// What makes a struct a union: one of its fields has the value.
const UNION: &str = "io.confluent.connect.avro.Union";
const UNION_GENERALIZED: &str = "org.apache.kafka.connect.data.Union";
/// The parameter that makes named bytes a fixed.
const FIXED_SIZE: &str = "connect.fixed.size";

/// What the options of Confluent's `AvroData` say.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub(in crate::convert) struct AvroData {
    /// How many schemas are kept prepared.
    pub(in crate::convert) schemas_max: usize,
    enhanced: bool,
    generalized: bool,
    pub(super) meta_data: bool,
    pub(super) scrub: bool,
    pub(super) ignore_default: bool,
    pub(super) discard_doc: bool,
    optional_keys: bool,
}

impl AvroData {
    /// What the options say; they are declared in [`KEYS`].
    pub(in crate::convert) fn read(read: &mut Reader<'_>) -> Self {
        let size = read.number_opt("schemas.cache.size");
        for reading in ["flatten.unions", "flatten.singleton.unions"] {
            read.flag(reading);
        }
        Self {
            schemas_max: read.number_opt("schemas.cache.config").or(size).unwrap_or(SCHEMAS_MAX),
            enhanced: read.flag("enhanced.avro.schema.support"),
            generalized: read.flag("generalized.sum.type.support"),
            meta_data: read.flag("connect.meta.data"),
            scrub: read.flag("scrub.invalid.names"),
            ignore_default: read.flag("ignore.default.for.nullables"),
            discard_doc: read.flag("discard.type.doc.default"),
            optional_keys: read.flag("allow.optional.map.keys"),
        }
    }

    /// The parameter that holds the name of the enum, if the schema is to be one. Its symbols are in parameters that begin
    /// with it and a dot.
    pub(super) fn enum_parameter(&self, schema: &Schema) -> Option<&'static str> {
        let is_enum = schema.kind == Kind::Text
            && (self.enhanced || self.generalized)
            && (parameter(schema, ENUM).is_some() || parameter(schema, ENUM_GENERALIZED).is_some());
        is_enum.then_some(if self.generalized { ENUM_GENERALIZED } else { ENUM })
    }

    /// The name of a field in Avro.
    pub(super) fn name_of<'a>(&self, field: &'a str) -> Cow<'a, str> {
        if self.scrub { names::scrubbed(field) } else { Cow::Borrowed(field) }
    }

    /// Whether a map is written as Avro's map, whose keys are text; else it is an array of entries.
    pub(super) const fn has_text_keys(&self, key: &Schema) -> bool {
        matches!(key.kind, Kind::Text) && (!key.optional || self.optional_keys)
    }
}

/// A parameter of a schema.
pub(super) fn parameter<'a>(schema: &'a Schema, name: &str) -> Option<&'a str> {
    schema.parameters.iter().find(|(key, _)| &**key == name).map(|(_, value)| &**value)
}

/// What a text's parameters say of an enum, whether it is one or not.
pub(super) fn enum_parameters(schema: &Schema) -> impl Iterator<Item = (&str, &str)> {
    let all = schema.parameters.iter().map(|(name, value)| (&**name, &**value));
    all.filter(|(name, _)| name.starts_with(ENUM) || name.starts_with(ENUM_GENERALIZED))
}

/// The text of the size, if these bytes are a fixed.
pub(super) fn fixed_size(schema: &Schema) -> Option<&str> {
    if schema.kind == Kind::Bytes && schema.name.is_some() { parameter(schema, FIXED_SIZE) } else { None }
}

/// Whether the struct is a union.
pub(super) fn is_union(schema: &Schema) -> bool {
    matches!(schema.kind, Kind::Struct(_))
        && (schema.name.as_deref() == Some(UNION) || parameter(schema, UNION_GENERALIZED).is_some())
}
