//! `TimestampRouter`: the record's time in its topic.

use std::sync::Arc;

use crate::config::{Key, KeyKind, Properties, Reader};
use crate::record::Record;
use crate::transform::date_format::DateFormat;
use crate::transform::{Built, Transform, TransformError};

/// The options.
pub(in crate::transform) const KEYS: &[Key] = &[
    Key::new("topic.format", KeyKind::String, "The new topic, of ${topic} and ${timestamp}")
        .default("${topic}-${timestamp}"),
    Key::new("timestamp.format", KeyKind::String, "A pattern of SimpleDateFormat for the timestamp, UTC")
        .default("yyyyMMdd"),
];

struct TimestampRouter {
    name: Arc<str>,
    topic: String,
    timestamp: DateFormat,
    /// The topic and the formatted time that were met last, and what they became.
    latest: Option<(Arc<str>, String, Arc<str>)>,
    formatted: String,
}

/// Makes one.
pub(in crate::transform) fn build(name: &Arc<str>, options: &Properties) -> Built {
    let mut read = Reader::new(options, &[KEYS]);
    let (topic, pattern) = (read.text("topic.format"), read.text("timestamp.format"));
    let timestamp = match DateFormat::parse_pattern(&pattern) {
        Ok(timestamp) => timestamp,
        Err(reason) => {
            read.problem("timestamp.format", Some(pattern), &reason);
            return read.finish(super::filter::build(name, options)?);
        }
    };
    let name = Arc::clone(name);
    let transform: Box<dyn Transform> =
        Box::new(TimestampRouter { name, topic, timestamp, latest: None, formatted: String::new() });
    read.finish(transform)
}

impl Transform for TimestampRouter {
    fn apply(&mut self, mut record: Record) -> Result<Option<Record>, TransformError> {
        let Some(ts_ms) = record.ts_ms else {
            let reason =
                "the record has no timestamp: it gets one when it is produced, unless a transform before sets it";
            return Err(TransformError::unsuitable(&self.name, &record.topic, reason));
        };
        self.formatted.clear();
        self.timestamp.format(ts_ms, &mut self.formatted);
        if let Some((before, formatted, after)) = &self.latest
            && Arc::ptr_eq(before, &record.topic)
            && *formatted == self.formatted
        {
            record.topic = Arc::clone(after);
            return Ok(Some(record));
        }
        let topic = self.topic.replace("${topic}", &record.topic).replace("${timestamp}", &self.formatted);
        let topic: Arc<str> = topic.into();
        self.latest = Some((record.topic, self.formatted.clone(), Arc::clone(&topic)));
        record.topic = topic;
        Ok(Some(record))
    }
}
