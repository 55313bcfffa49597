//! References into the envelope: `op`, `source.ts_ms`, `transaction.id:TX`.

use std::sync::Arc;

use crate::data::{Schema, Value};

/// A field of the envelope that is to be added to the row or the headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    /// The struct that holds it: `source`, `transaction`; `None`: the envelope itself.
    parent: Option<String>,
    /// Its name there.
    field: String,
    /// Its name where it is added.
    pub(super) new_name: Arc<str>,
}

/// Where in an envelope a field stands.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// In the envelope.
    Top(usize),
    /// In a struct of the envelope.
    Within(usize, usize),
}

impl Reference {
    /// Reads a list's entry; `None`: it is not one.
    pub(super) fn parse(prefix: &str, entry: &str) -> Option<Self> {
        let (path, alias) = entry.split_once(':').map_or((entry, None), |(path, alias)| (path, Some(alias)));
        let (parent, field) = match path.split_once('.') {
            Some((parent, field)) => (Some(parent), field),
            None => (parent_of(path), path),
        };
        let well_formed = |part: &str| !part.is_empty() && !part.contains(['.', ':']);
        if !well_formed(field) || !parent.is_none_or(well_formed) || alias.is_some_and(|alias| alias.contains(':')) {
            return None;
        }
        let new_name = match alias {
            Some(alias) => format!("{prefix}{alias}"),
            None => format!("{prefix}{}", path.replace('.', "_")),
        };
        Some(Self { parent: parent.map(str::to_owned), field: field.to_owned(), new_name: new_name.into() })
    }

    /// Whether this is the operation.
    pub(super) fn is_op(&self) -> bool {
        self.field == "op"
    }

    /// Where the field stands in envelopes of that schema, and its schema: optional, and without a default. A field that
    /// the struct lacks is looked for in the envelope, where another transform may have put it; `None`: it is in neither.
    pub(super) fn find(&self, envelope: &Schema) -> Result<Option<(Place, Schema)>, String> {
        let optional = |schema: &Schema| Schema { default: None, ..schema.clone() }.optional();
        let top = || {
            let place = envelope.index_of(&self.field)?;
            Some((Place::Top(place), optional(&envelope.fields().get(place)?.schema)))
        };
        let Some(parent) = &self.parent else { return Ok(top()) };
        let Some(outer) = envelope.index_of(parent) else {
            return Err(format!("the envelope has no struct {parent:?}"));
        };
        let within = || {
            let parent = &envelope.fields().get(outer)?.schema;
            let inner = parent.index_of(&self.field)?;
            Some((Place::Within(outer, inner), optional(&parent.fields().get(inner)?.schema)))
        };
        Ok(within().or_else(top))
    }
}

/// Where Debezium looks for a field that names no struct.
fn parent_of(field: &str) -> Option<&'static str> {
    match field {
        "id" | "total_order" | "data_collection_order" => Some("transaction"),
        "op" | "ts_ms" | "ts_us" | "ts_ns" => None,
        _ => Some("source"),
    }
}

impl Place {
    /// The value there; null where the struct is missing. Defaults do not count.
    pub(super) fn value_in(self, envelope: &[Value]) -> Value {
        let value = match self {
            Self::Top(place) => envelope.get(place),
            Self::Within(outer, inner) => {
                envelope.get(outer).and_then(Value::as_struct).and_then(|parent| parent.get(inner))
            }
        };
        value.cloned().unwrap_or_default()
    }
}
