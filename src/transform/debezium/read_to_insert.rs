//! `io.debezium.connector.mysql.transforms.ReadToInsertEvent`: a row that a snapshot read looks like one that was inserted.

use std::convert::Infallible;
use std::sync::Arc;

use super::envelope::envelope;
use super::{Built, SCHEMAS_MAX, Transform, TransformError};
use crate::config::{Key, Properties};
use crate::data::{PerSchema, Text, Value};
use crate::record::Record;

/// It has no options.
pub(in crate::transform) const KEYS: &[Key] = &[];

struct ReadToInsert {
    /// Where the operation stands.
    ops: PerSchema<Option<usize>>,
}

/// Makes one.
#[expect(clippy::unnecessary_wraps, reason = "as all builders")]
pub(in crate::transform) fn build(_name: &Arc<str>, _options: &Properties) -> Built {
    Ok(Box::new(ReadToInsert { ops: PerSchema::new(SCHEMAS_MAX) }))
}

impl Transform for ReadToInsert {
    fn apply(&mut self, mut record: Record) -> Result<Option<Record>, TransformError> {
        if let Some((schema, fields)) = envelope(&mut record) {
            let Ok(place) = self.ops.get_or_make(schema, |schema| Ok::<_, Infallible>(schema.index_of("op")));
            let op = place.and_then(|place| fields.get_mut(place));
            if let Some(op) = op.filter(|op| op.as_str() == Some("r")) {
                *op = Value::Text(Text::from_static("c"));
            }
        }
        Ok(Some(record))
    }
}
