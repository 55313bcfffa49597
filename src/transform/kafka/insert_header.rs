//! `InsertHeader`: adds a header that is always the same, so that records which share their headers share this one too: it is
//! made, converted and handed to Kafka's client once for all of them.

use std::sync::Arc;

use super::literal;
use crate::config::{Key, KeyKind, Properties, Reader};
use crate::data::{Datum, Kind, Schema, Value};
use crate::record::{Header, Record};
use crate::transform::{Built, Transform, TransformError};

/// The options.
pub(in crate::transform) const KEYS: &[Key] = &[
    Key::new("header", KeyKind::String, "The header's name").required(),
    Key::new("value.literal", KeyKind::String, "Its value; numbers, flags, dates, lists and maps are taken as such")
        .required(),
];

type Shared = Arc<[Header]>;

struct InsertHeader {
    header: Header,
    /// The shared headers that were met last, and the same with this one.
    latest: Option<(Option<Shared>, Shared)>,
}

/// Makes one.
pub(in crate::transform) fn build(_name: &Arc<str>, options: &Properties) -> Built {
    let mut read = Reader::new(options, &[KEYS]);
    let name = read.text("header");
    let text = read.maybe_empty_opt("value.literal").unwrap_or_default();
    let value = literal::parse(&text).unwrap_or_else(|reason| {
        read.problem("value.literal", Some(text), &reason);
        Datum { schema: Schema::of(Kind::Text).optional().into(), value: Value::Null }
    });
    let header = Header { name: name.into(), value };
    let transform: Box<dyn Transform> = Box::new(InsertHeader { header, latest: None });
    read.finish(transform)
}

impl Transform for InsertHeader {
    fn apply(&mut self, mut record: Record) -> Result<Option<Record>, TransformError> {
        if record.headers.last.is_empty() {
            let shared = record.headers.shared.take();
            record.headers.shared = Some(self.with(shared));
        } else {
            record.headers.push(self.header.clone());
        }
        Ok(Some(record))
    }
}

impl InsertHeader {
    /// Those headers and this one.
    fn with(&mut self, shared: Option<Shared>) -> Shared {
        let address = |shared: &Option<Shared>| shared.as_ref().map(Arc::as_ptr);
        if let Some((known, made)) = &self.latest
            && address(known) == address(&shared)
        {
            return Arc::clone(made);
        }
        let made: Shared = shared.iter().flat_map(|shared| shared.iter()).chain([&self.header]).cloned().collect();
        self.latest = Some((shared, Arc::clone(&made)));
        made
    }
}
