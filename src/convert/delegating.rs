//! Debezium's `BinaryDataConverter` and `ByteArrayConverter`: bytes as they are, and another converter for what is no bytes.
//!
//! The older one takes a byte array only, and leaves the buffers that bytes of a column are in Java to its delegate. Here there
//! is one kind of bytes, and both pass it.

use bytes::Bytes;

use super::registry::Registries;
use super::{ConvertError, Converter, EncodedHeaders, Fault, number};
use crate::config::{Importance, Key, KeyKind, Problems, Properties, Warning};
use crate::data::{Datum, Kind, Schema, Value};

/// Debezium's class.
pub(super) const BINARY: &str = "io.debezium.converters.BinaryDataConverter";
/// Its older sister.
pub(super) const BYTES: &str = "io.debezium.converters.ByteArrayConverter";

const DELEGATE: &str = "delegate.converter.type";

/// The options.
pub(super) const KEYS: &[Key] = &[
    Key { importance: Importance::Low, ..Key::new(DELEGATE, KeyKind::Class, "The converter of what is no bytes") },
    Key {
        importance: Importance::Low,
        ..Key::new("delegate.converter.type.*", KeyKind::String, "That converter's options")
    },
];

/// Passes bytes, and leaves the rest to another converter.
#[derive(Debug)]
pub struct Delegating {
    delegate: Option<Converter>,
}

impl Delegating {
    /// Whether that class is one of the two. A name without a package is not: `ByteArrayConverter` is Connect's.
    pub(super) fn is_named(class: &str) -> bool {
        matches!(class, BINARY | BYTES | "BinaryDataConverter" | "BinaryData")
    }

    /// A converter with these options, their names without a prefix; `key` is the property that names it.
    ///
    /// # Errors
    /// What the other converter says, under its full key.
    pub(super) fn build(
        key: &str,
        options: &Properties,
        registries: &mut Registries,
        warnings: &mut Vec<Warning>,
    ) -> Result<Self, Problems> {
        let class = options.get(DELEGATE).map(|class| class.trim()).filter(|class| !class.is_empty());
        let Some(class) = class else { return Ok(Self { delegate: None }) };
        let prefix = format!("{DELEGATE}.");
        let named = options.iter().filter_map(|(name, value)| Some((name.strip_prefix(&prefix)?, value.clone())));
        let own: Properties = named.map(|(name, value)| (name.to_owned(), value)).collect();
        let key = format!("{key}.{DELEGATE}");
        Converter::build_beside(&key, class, &own, registries, warnings)
            .map(|delegate| Self { delegate: Some(delegate) })
    }

    /// The converter of a schema's values, unless they are bytes.
    pub(super) fn delegate_of(&self, schema: &Schema) -> Option<&Converter> {
        self.delegate.as_ref().filter(|_| !is_bytes(schema))
    }

    /// The other converter.
    pub(super) const fn delegate(&self) -> Option<&Converter> {
        self.delegate.as_ref()
    }

    /// From now on a registry that is away is an error at once.
    pub(super) const fn ask_once(&mut self) {
        if let Some(delegate) = &mut self.delegate {
            delegate.ask_once();
        }
    }

    /// The bytes of a value, or what the other converter makes of it.
    ///
    /// # Errors
    /// A value that is no bytes, without another converter; and what that says.
    pub(super) async fn encode(
        &mut self,
        topic: &str,
        datum: &Datum,
        headers: &EncodedHeaders,
    ) -> Result<Option<Bytes>, ConvertError> {
        let is_null = datum.value.is_null() && datum.schema.kind == Kind::Bytes;
        if is_null {
            return Ok(None);
        }
        if let Value::Bytes(bytes) = &datum.value
            && is_bytes(&datum.schema)
        {
            return Ok(Some(bytes.clone()));
        }
        let Some(delegate) = &mut self.delegate else {
            let what = datum.schema.kind.name();
            let reason = format!("a {what} is no bytes; name a converter for it with {DELEGATE}");
            return Err(Fault::new(reason).of_topic(topic));
        };
        Box::pin(delegate.encode(topic, Some(datum), headers)).await
    }
}

/// Whether its values are bytes in Java too: a decimal is none.
fn is_bytes(schema: &Schema) -> bool {
    schema.kind == Kind::Bytes && number::decimal_scale(schema).is_none()
}
