//! `RegexRouter`: another topic, made of the old one by a regular expression.

use std::sync::Arc;

use fancy_regex::Regex;

use crate::config::java_regex::{Replacement, whole};
use crate::config::{Key, KeyKind, Properties, Reader};
use crate::record::Record;
use crate::transform::topics::PerTopic;
use crate::transform::{Built, Transform, TransformError};

/// The options.
pub(in crate::transform) const KEYS: &[Key] = &[
    Key::new("regex", KeyKind::String, "A Java regular expression that the whole topic must match").required(),
    Key::new("replacement", KeyKind::String, "The new topic; `$1` and `${name}` are groups").required(),
];

struct RegexRouter {
    name: Arc<str>,
    /// Matches whole topics only.
    whole: Regex,
    regex: Regex,
    replacement: Replacement,
    /// `None`: the topic stays.
    topics: PerTopic<Option<Arc<str>>>,
}

/// Makes one.
pub(in crate::transform) fn build(name: &Arc<str>, options: &Properties) -> Built {
    let mut read = Reader::new(options, &[KEYS]);
    let (pattern, replacement) = (read.text("regex"), read.text("replacement"));
    let compiled = Regex::new(&pattern).and_then(|regex| Ok((whole(&pattern)?, regex)));
    let compiled = compiled.map_err(|error| {
        read.problem("regex", Some(pattern), &format!("is no regular expression: {error}"));
    });
    let Ok((whole, regex)) = compiled else { return read.finish(super::filter::build(name, options)?) };
    let replacement = Replacement::parse(&replacement, &regex).unwrap_or_else(|reason| {
        read.problem("replacement", Some(replacement), &reason);
        Replacement::default()
    });
    let topics = PerTopic::new();
    let transform: Box<dyn Transform> =
        Box::new(RegexRouter { name: Arc::clone(name), whole, regex, replacement, topics });
    read.finish(transform)
}

impl Transform for RegexRouter {
    fn apply(&mut self, mut record: Record) -> Result<Option<Record>, TransformError> {
        let routed = self.topics.get_or_make(&record.topic, || {
            if !self.whole.is_match(&record.topic)? {
                return Ok(None);
            }
            // As in Java the whole topic has to match, but the first match is replaced: `a|ab` matches `ab`, and takes its `a`.
            let Some(captures) = self.regex.captures(&record.topic)? else { return Ok(None) };
            Ok(Some(self.replacement.replace_first(&record.topic, &captures).into()))
        });
        let routed = routed.map_err(|error: fancy_regex::Error| {
            TransformError::unsuitable(&self.name, &record.topic, format!("the regular expression gave up: {error}"))
        })?;
        record.topic = routed.unwrap_or(record.topic);
        if record.topic.is_empty() {
            return Err(TransformError::unsuitable(&self.name, &record.topic, "the new topic would have no name"));
        }
        Ok(Some(record))
    }
}
