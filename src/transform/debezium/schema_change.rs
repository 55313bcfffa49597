//! `io.debezium.transforms.SchemaChangeEventFilter`: drops records of the schema change topic by what was changed.

use std::sync::Arc;

use super::{Built, Transform, TransformError};
use crate::config::{Importance, Key, KeyKind, Properties, Reader};
use crate::data::{Datum, Kind, Value};
use crate::record::Record;

const LIST: &str = "schema.change.event.exclude.list";

/// The options.
pub(in crate::transform) const KEYS: &[Key] = &[Key {
    importance: Importance::High,
    ..Key::new(LIST, KeyKind::List, "What to drop: CREATE, ALTER, DROP, TRUNCATE, DATABASE").required()
}];

/// `SchemaChangeEvent.SchemaChangeEventType`
const TYPES: &[&str] = &["CREATE", "ALTER", "DROP", "TRUNCATE", "DATABASE"];

struct SchemaChangeFilter {
    /// Its name in the connector file.
    name: Arc<str>,
    excluded: Vec<String>,
}

/// Makes one.
pub(in crate::transform) fn build(name: &Arc<str>, options: &Properties) -> Built {
    let mut read = Reader::new(options, &[KEYS]);
    let excluded = read.list(LIST);
    for unknown in excluded.iter().filter(|excluded| !TYPES.contains(&excluded.as_str())) {
        read.problem(LIST, Some(unknown.clone()), &format!("must be of {}, in capital letters", TYPES.join(", ")));
    }
    let transform: Box<dyn Transform> = Box::new(SchemaChangeFilter { name: Arc::clone(name), excluded });
    read.finish(transform)
}

impl Transform for SchemaChangeFilter {
    fn apply(&mut self, record: Record) -> Result<Option<Record>, TransformError> {
        let Some(Datum { schema, value: Value::Struct(fields) }) = &record.value else { return Ok(Some(record)) };
        let is_change = |name: &str| name.ends_with(".SchemaChangeValue") || name.ends_with(".SchemaChangeKey");
        if !schema.name.as_deref().is_some_and(is_change) {
            return Ok(Some(record));
        }
        let changes = schema.index_of("tableChanges").and_then(|place| {
            let Kind::Array(change) = &schema.fields().get(place)?.schema.kind else { return None };
            Some((change.index_of("type")?, fields.get(place)?))
        });
        let refused = |reason: &str| TransformError::unsuitable(&self.name, &record.topic, reason);
        let (place, changes) =
            changes.ok_or_else(|| refused("the schema change does not tell the type of its changes"))?;
        let changed = match changes {
            Value::Null => return Ok(None),
            Value::Array(changes) => match changes.first() {
                None => "DATABASE",
                Some(change) => {
                    let told = change.as_struct().and_then(|change| change.get(place)?.as_str());
                    told.ok_or_else(|| refused("a change has no type"))?
                }
            },
            _ => return Err(refused("\"tableChanges\" is no list")),
        };
        Ok((!self.excluded.iter().any(|excluded| excluded == changed)).then_some(record))
    }
}
