//! A connector's properties: a flat map of text, as in Kafka Connect.

use std::collections::BTreeMap;
use std::fmt;

/// A connector's properties, by name. Values are as written: placeholders are resolved when a [`super::Reader`] reads them.
pub type Properties = BTreeMap<String, String>;

/// Text that must not be shown.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

impl Secret {
    /// Hides the text.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The text, for the one who needs it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}
