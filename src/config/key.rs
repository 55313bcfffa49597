//! A declared key: each component lists its keys beside the struct that reads them.
//!
//! From these lists come validation, the answer of the API's `validate`, and the README's table.

use super::Properties;

/// What kind of value a key takes; names are those of Connect's `ConfigDef.Type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// `true` or `false`
    Boolean,
    /// Text
    String,
    /// A number of 32 bits
    Int,
    /// A number of 64 bits
    Long,
    /// A comma-separated list
    List,
    /// Text that must not be shown
    Password,
    /// A Java class name
    Class,
}

impl KeyKind {
    /// Connect's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Boolean => "BOOLEAN",
            Self::String => "STRING",
            Self::Int => "INT",
            Self::Long => "LONG",
            Self::List => "LIST",
            Self::Password => "PASSWORD",
            Self::Class => "CLASS",
        }
    }
}

/// Connect's `ConfigDef.Importance`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Importance {
    /// Nearly everyone sets it.
    High,
    /// Many set it.
    Medium,
    /// Few set it.
    Low,
}

impl Importance {
    /// Connect's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::High => "HIGH",
            Self::Medium => "MEDIUM",
            Self::Low => "LOW",
        }
    }
}

/// A key of the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Debezium's or Connect's name. A name that ends in `*` stands for a family of keys.
    pub name: &'static str,
    /// What values it takes.
    pub kind: KeyKind,
    /// As it would be written in a file; `None`: no default.
    pub default: Option<&'static str>,
    /// Whether it must be set.
    pub required: bool,
    /// The values it may take; empty: any.
    pub values: &'static [&'static str],
    /// How often users set it.
    pub importance: Importance,
    /// One sentence.
    pub doc: &'static str,
}

impl Key {
    /// An optional key without a default, of medium importance.
    #[must_use]
    pub const fn new(name: &'static str, kind: KeyKind, doc: &'static str) -> Self {
        Self { name, kind, default: None, required: false, values: &[], importance: Importance::Medium, doc }
    }

    /// The same, which must be set.
    #[must_use]
    pub const fn required(mut self) -> Self {
        self.required = true;
        self.importance = Importance::High;
        self
    }

    /// The same, with a default.
    #[must_use]
    pub const fn default(mut self, default: &'static str) -> Self {
        self.default = Some(default);
        self
    }

    /// The same, limited to these values.
    #[must_use]
    pub const fn one_of(mut self, values: &'static [&'static str]) -> Self {
        self.values = values;
        self
    }
}

impl Key {
    /// Whether this key is that name, or the family that holds it.
    #[must_use]
    pub fn covers(&self, name: &str) -> bool {
        match self.name.strip_suffix('*') {
            Some(prefix) => name.len() > prefix.len() && name.starts_with(prefix),
            None => name == self.name,
        }
    }
}

/// The names that no key of these lists covers.
pub fn unknown<'a>(properties: &'a Properties, keys: &'a [&'a [Key]]) -> impl Iterator<Item = &'a str> {
    properties.keys().map(String::as_str).filter(|name| !keys.iter().copied().flatten().any(|key| key.covers(name)))
}
