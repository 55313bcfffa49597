//! The half of Confluent's `JsonSchemaConverter` that needs no registry: the JSON schema of a Connect schema, and how its
//! values are written.
//!
//! The rules are those of `io.confluent.connect.json.JsonSchemaData`. Payloads are written by the plan of
//! [`super::json`]. What only a schema can be that was read from a registry (`oneOf` held as a struct, variants) no record
//! here has; it is refused. No field is ever named `required`: Confluent's converter names none either.

mod hash_order;
mod schema;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod validity_tests;

use super::Fault;
use super::json::{Dialect, Plan, Style};
use crate::config::{Importance, Key, KeyKind, Reader};
use crate::data::Schema;

/// The parameter that marks an enum, and starts the names of those that hold its symbols.
const ENUM: &str = "io.confluent.connect.json.Enum";
/// The same in the form that all of Confluent's converters understand.
const GENERALIZED_ENUM: &str = "org.apache.kafka.connect.data.Enum";

/// Confluent's `JsonSchemaData`.
#[derive(Clone, Debug)]
pub(super) struct JsonSchemaData {
    /// How many schemas are kept prepared.
    pub(super) schemas_max: usize,
    /// Whether objects may have properties that their schema doesn't name.
    additional_properties: bool,
    /// [`ENUM`] or [`GENERALIZED_ENUM`].
    enum_parameter: &'static str,
    style: Style,
}

/// A JSON schema as it is registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct JsonSchemaText {
    pub(super) text: String,
    /// The title of the whole, which strategies of subject names take as the record's name. An optional record has none:
    /// its title stands within `oneOf`.
    pub(super) name: Option<String>,
}

impl JsonSchemaData {
    /// The options of `JsonSchemaDataConfig`, and of `KafkaJsonSchemaSerializerConfig` those that aren't the registry's.
    pub(super) const KEYS: &[Key] = KEYS;

    /// Reads the options; those that ask for what is not done here are problems.
    pub(super) fn read(read: &mut Reader) -> Self {
        refuse(read, "json.fail.invalid.schema", "payloads are not validated; what is written fits the table's schema");
        refuse(read, "json.indent.output", "payloads are written without white space");
        let execution = read.choice("validation.rules.execution");
        if execution != "disabled" {
            read.problem("validation.rules.execution", Some(execution), "is not supported: rules are not executed");
        }
        let additional_properties = read.flag("object.additional.properties");
        let is_generalized = read.flag("generalized.sum.type.support");
        let style = Style {
            schemas: false,
            numeric: read.choice("decimal.format") == "numeric",
            replace_null: !read.flag("ignore.default.for.nullables"),
            dialect: Dialect::Confluent,
        };
        let enum_parameter = if is_generalized { GENERALIZED_ENUM } else { ENUM };
        // Read for their problems only.
        let _ = (read.choice("json.schema.spec.version"), read.choice("json.default.property.inclusion"));
        for name in WITHOUT_EFFECT {
            let _ = read.flag(name);
        }
        let schemas_max = read.number::<i32>("schemas.cache.config").try_into().unwrap_or(1);
        Self { schemas_max, additional_properties, enum_parameter, style }
    }

    /// The JSON schema.
    ///
    /// # Errors
    /// A schema that has no JSON schema, with the path to the field.
    pub(super) fn schema_of(&self, schema: &Schema) -> Result<JsonSchemaText, Fault> {
        let text = self.schema_text(schema)?;
        let name = schema.name.as_deref().filter(|_| !schema.optional).map(str::to_owned);
        Ok(JsonSchemaText { text, name })
    }

    /// How the values of a schema are written.
    ///
    /// # Errors
    /// A default that does not fit, a decimal without a scale.
    pub(super) fn plan(&self, schema: &Schema) -> Result<Plan, Fault> {
        Plan::compile(schema, self.style)
    }
}

/// A flag that is not supported.
fn refuse(read: &mut Reader, name: &'static str, reason: &str) {
    if read.flag(name) {
        read.problem(name, Some("true".to_owned()), &format!("is not supported: {reason}"));
    }
}

/// Flags that in Confluent's converter, too, do nothing for what a source writes.
const WITHOUT_EFFECT: &[&str] = &[
    "use.optional.for.nonrequired",
    "ignore.modern.dialects",
    "flatten.singleton.unions",
    "preserve.additional.properties",
    "json.oneof.for.nullables",
    "json.fail.unknown.properties",
    "json.write.dates.iso8601",
    "json.envelope.detection",
    "json.validate.before.domain.rules",
];

const KEYS: &[Key] = &[
    flag("object.additional.properties", "true", "Whether objects may have properties that their schema doesn't name"),
    flag("ignore.default.for.nullables", "false", "Whether a null is written as null though its field has a default"),
    flag("generalized.sum.type.support", "false", "Whether enums are those that all of Confluent's converters know"),
    Key { importance: Importance::Low, ..DECIMAL_FORMAT },
    Key { importance: Importance::Low, ..SCHEMAS_CACHE },
    low_flag("use.optional.for.nonrequired", "false", "For readers; nothing to a source"),
    low_flag("ignore.modern.dialects", "false", "For readers; nothing to a source"),
    low_flag("flatten.singleton.unions", "true", "For readers; nothing to a source"),
    low_flag("preserve.additional.properties", "false", "For readers; nothing to a source"),
    low_flag(
        "json.oneof.for.nullables",
        "true",
        "For schemas of Java classes; here a nullable field is always a oneOf",
    ),
    low_flag("json.fail.unknown.properties", "true", "For schemas of Java classes; nothing to a source"),
    low_flag("json.write.dates.iso8601", "false", "For Java's dates; Connect's are numbers always"),
    low_flag("json.envelope.detection", "true", "For producers; nothing to a source"),
    low_flag("json.validate.before.domain.rules", "false", "For validation, which is not supported"),
    low_flag("json.fail.invalid.schema", "false", "Whether payloads are validated; true is not supported"),
    low_flag("json.indent.output", "false", "Whether payloads are indented; true is not supported"),
    Key { importance: Importance::Low, ..SPEC_VERSION },
    Key { importance: Importance::Low, ..PROPERTY_INCLUSION },
    Key { importance: Importance::Low, ..RULES_EXECUTION },
    Key {
        importance: Importance::Low,
        ..Key::new("json.schema.scan.packages", KeyKind::List, "For schemas of Java classes; nothing to a source")
    },
];
const DECIMAL_FORMAT: Key =
    Key::new("decimal.format", KeyKind::String, "Decimals as base64 of the unscaled number, or as JSON numbers")
        .default("BASE64")
        .one_of(&["BASE64", "NUMERIC"]);
const SCHEMAS_CACHE: Key =
    Key::new("schemas.cache.config", KeyKind::Int, "How many schemas are kept prepared").default("1000");
const SPEC_VERSION: Key =
    Key::new("json.schema.spec.version", KeyKind::String, "For schemas of Java classes; here it is always draft 7")
        .default("draft_7")
        .one_of(&["draft_4", "draft_6", "draft_7", "draft_2019_09", "draft_2020_12"]);
const PROPERTY_INCLUSION: Key =
    Key::new("json.default.property.inclusion", KeyKind::String, "For Java objects; nulls are always written")
        .one_of(&["ALWAYS", "NON_NULL", "NON_ABSENT", "NON_EMPTY", "NON_DEFAULT", "CUSTOM", "USE_DEFAULTS"]);
const RULES_EXECUTION: Key =
    Key::new("validation.rules.execution", KeyKind::String, "When rules of a schema run; only DISABLED is supported")
        .default("DISABLED")
        .one_of(&["DISABLED", "BEFORE_DOMAIN_RULES", "AFTER_DOMAIN_RULES"]);

const fn flag(name: &'static str, default: &'static str, doc: &'static str) -> Key {
    Key::new(name, KeyKind::Boolean, doc).default(default)
}

const fn low_flag(name: &'static str, default: &'static str, doc: &'static str) -> Key {
    Key { importance: Importance::Low, ..flag(name, default, doc) }
}
