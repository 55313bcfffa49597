//! Avro's names: what they may be, and how they are told in short.

use std::borrow::Cow;
use std::fmt::Write;

use super::Fault;

/// The namespace of what has no name of its own.
pub(super) const NAMESPACE: &str = "io.confluent.connect.avro";

/// Names of types: a named type that has one of them is always told in full.
const TYPES: &[&str] = &[
    "record", "enum", "array", "map", "union", "fixed", "string", "bytes", "int", "long", "float", "double", "boolean",
    "null",
];

/// The name of a record, an enum or a fixed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct FullName {
    pub(super) space: Option<String>,
    pub(super) name: String,
}

impl FullName {
    /// Of a Connect name, cut at the last dot; `scrub` replaces what may not be in it.
    pub(super) fn of_connect(name: &str, scrub: bool) -> Result<Self, Fault> {
        // Java's split leaves out the empty parts at the end.
        let parts = name.trim_end_matches('.').split('.');
        let mut parts: Vec<Cow<'_, str>> =
            parts.map(|part| if scrub { scrubbed(part) } else { Cow::Borrowed(part) }).collect();
        if !parts.iter().all(|part| is_name(part)) {
            return Err(no_name("schema", name));
        }
        let name = parts.pop().unwrap_or_default().into_owned();
        Ok(Self { space: (!parts.is_empty()).then(|| parts.join(".")), name })
    }

    /// With its namespace.
    pub(super) fn full(&self) -> String {
        match &self.space {
            Some(space) => format!("{space}.{}", self.name),
            None => self.name.clone(),
        }
    }

    /// As it is referred to within that namespace.
    pub(super) fn within(&self, space: Option<&str>) -> String {
        let is_short = self.space.is_some() && self.space.as_deref() == space && !TYPES.contains(&self.name.as_str());
        if is_short { self.name.clone() } else { self.full() }
    }
}

/// Whether Avro takes it for the name of a field, a symbol, or a part of a namespace.
pub(super) fn is_name(name: &str) -> bool {
    let is_letter = |character: char| character.is_ascii_alphabetic() || character == '_';
    name.starts_with(is_letter) && name.chars().all(|character| is_letter(character) || character.is_ascii_digit())
}

/// The fault of a name that Avro does not take; `whose` is `schema` or `field`.
pub(super) fn no_name(whose: &str, name: &str) -> Fault {
    Fault::new(format!(
        "Avro takes no {whose} name {name:?}: it may hold letters, digits and _ only, and begin with no digit; \
         {whose}.name.adjustment.mode=avro makes one of it"
    ))
}

/// `AvroData.doScrubName`: encoded as in a URL, then `_` for everything that a name may not hold.
pub(super) fn scrubbed(name: &str) -> Cow<'_, str> {
    if name.is_empty() || is_name(name) {
        return Cow::Borrowed(name);
    }
    let mut scrubbed = String::with_capacity(name.len() + 8);
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => scrubbed.push(char::from(byte)),
            b'_' | b'-' | b'.' | b'*' | b' ' => scrubbed.push('_'),
            // The percent sign becomes a `_` too.
            _ => _ = write!(scrubbed, "_{byte:02X}"),
        }
    }
    if scrubbed.starts_with(|first: char| first.is_ascii_digit()) {
        scrubbed.insert(0, 'x');
    }
    Cow::Owned(scrubbed)
}
