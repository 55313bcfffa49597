//! `DropHeaders`: leaves out headers by their names.

use std::sync::Arc;

use crate::config::{Key, KeyKind, Properties, Reader};
use crate::record::{Header, Record};
use crate::transform::{Built, Transform, TransformError};

/// The options.
pub(in crate::transform) const KEYS: &[Key] =
    &[Key::new("headers", KeyKind::List, "The names of the headers to leave out").required()];

struct DropHeaders {
    names: Vec<String>,
    /// The shared headers that were met last, and what is left of them: all records of a run share theirs.
    shared: Option<Shared>,
}

/// Headers before and after.
struct Shared {
    before: Arc<[Header]>,
    after: Arc<[Header]>,
}

/// Makes one.
pub(in crate::transform) fn build(_name: &Arc<str>, options: &Properties) -> Built {
    let mut read = Reader::new(options, &[KEYS]);
    let transform: Box<dyn Transform> = Box::new(DropHeaders { names: read.list("headers"), shared: None });
    read.finish(transform)
}

impl Transform for DropHeaders {
    fn apply(&mut self, mut record: Record) -> Result<Option<Record>, TransformError> {
        let stays = |header: &Header| !self.names.iter().any(|name| **name == *header.name);
        let headers = &mut record.headers;
        headers.first.retain(stays);
        headers.last.retain(stays);
        if let Some(shared) = headers.shared.take() {
            if !self.shared.as_ref().is_some_and(|known| Arc::ptr_eq(&known.before, &shared)) {
                let after = shared.iter().filter(|header| stays(header)).cloned().collect();
                self.shared = Some(Shared { before: shared, after });
            }
            headers.shared = self.shared.as_ref().map(|known| Arc::clone(&known.after));
        }
        Ok(Some(record))
    }
}
