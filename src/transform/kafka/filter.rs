//! `Filter`: drops every record; a predicate says which ones it sees.

use std::sync::Arc;

use crate::config::{Key, Properties};
use crate::record::Record;
use crate::transform::{Built, Transform, TransformError};

/// The options.
pub(in crate::transform) const KEYS: &[Key] = &[];

struct Filter;

/// Makes one.
#[expect(clippy::unnecessary_wraps, reason = "every transform is built so")]
pub(in crate::transform) fn build(_name: &Arc<str>, _options: &Properties) -> Built {
    Ok(Box::new(Filter))
}

impl Transform for Filter {
    fn apply(&mut self, _record: Record) -> Result<Option<Record>, TransformError> {
        Ok(None)
    }
}
