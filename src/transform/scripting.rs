//! `io.debezium.transforms.Filter` and `io.debezium.transforms.ContentBasedRouter`: an expression says what becomes of a record.
//!
//! Options and semantics are those of Debezium 3.6.1's `ScriptingTransformation`. Its languages are Java's; here they are CEL,
//! and of Groovy what conditions are written in.

use std::sync::Arc;

use super::expression::{Expression, Language, Outcome, unsuitable};
use super::topics::{TopicFilter, TopicNames};
use super::{Transform, TransformError};
use crate::config::{Importance, Key, KeyKind, Properties, Reader};
use crate::record::Record;

const LANGUAGE: Key =
    Key::new("language", KeyKind::String, "The expression's language: cel, or simple jsr223.groovy").required();
const TOPIC: Key =
    low("topic.regex", "A Java regular expression of the whole topic name; records of other topics pass");
const NULLS: Key = low("null.handling.mode", "What becomes of records without a value")
    .default("keep")
    .one_of(&["keep", "drop", "evaluate"]);

/// The options of `Filter`.
pub(super) const FILTER_KEYS: &[Key] = &[
    LANGUAGE,
    Key::new("condition", KeyKind::String, "The condition under which a record is kept").required(),
    TOPIC,
    NULLS,
];

/// The options of `ContentBasedRouter`.
pub(super) const ROUTER_KEYS: &[Key] = &[
    LANGUAGE,
    Key::new("topic.expression", KeyKind::String, "The topic that a record goes to; where it is null, the topic stays")
        .required(),
    TOPIC,
    NULLS,
];

const fn low(name: &'static str, doc: &'static str) -> Key {
    Key { importance: Importance::Low, ..Key::new(name, KeyKind::String, doc) }
}

/// What becomes of records without a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Nulls {
    Keep,
    Drop,
    Evaluate,
}

/// What the expression says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// Whether a record is kept.
    Keep,
    /// Its topic.
    Route,
}

impl Purpose {
    /// The option that holds the expression.
    const fn option(self) -> &'static str {
        match self {
            Self::Keep => "condition",
            Self::Route => "topic.expression",
        }
    }
}

/// The transform.
struct Scripting {
    /// Its name in the connector file.
    name: Arc<str>,
    purpose: Purpose,
    expression: Expression,
    topics: Option<TopicFilter>,
    nulls: Nulls,
    /// Where records went.
    routes: TopicNames,
}

/// Makes a `Filter`.
pub(super) fn build_filter(name: &Arc<str>, options: &Properties) -> super::Built {
    build(name, options, Purpose::Keep, FILTER_KEYS)
}

/// Makes a `ContentBasedRouter`.
pub(super) fn build_router(name: &Arc<str>, options: &Properties) -> super::Built {
    build(name, options, Purpose::Route, ROUTER_KEYS)
}

fn build(name: &Arc<str>, options: &Properties, purpose: Purpose, keys: &'static [Key]) -> super::Built {
    let lists = [keys];
    let mut read = Reader::new(options, &lists);
    let nulls = match read.choice("null.handling.mode").as_str() {
        "drop" => Nulls::Drop,
        "evaluate" => Nulls::Evaluate,
        _ => Nulls::Keep,
    };
    let topics = read.text_opt("topic.regex").and_then(|pattern| match TopicFilter::new(&pattern) {
        Ok(topics) => Some(topics),
        Err(error) => {
            read.problem("topic.regex", Some(pattern), &format!("is no regular expression: {error}"));
            None
        }
    });
    let expression = expression(&mut read, purpose.option());
    // Without an expression there is a problem, and the reader gives nothing but that.
    let transform: Option<Box<dyn Transform>> = expression.map(|expression| {
        let routes = TopicNames::default();
        let scripting = Scripting { name: Arc::clone(name), purpose, expression, topics, nulls, routes };
        let scripting: Box<dyn Transform> = Box::new(scripting);
        scripting
    });
    read.finish(transform)?.ok_or_else(crate::config::Problems::default)
}

fn expression(read: &mut Reader<'_>, option: &'static str) -> Option<Expression> {
    let language = read.text_opt("language").and_then(|name| {
        Language::named(&name).map_err(|reason| read.problem("language", Some(name.clone()), &reason)).ok()
    });
    let text = read.text_opt(option)?;
    match Expression::compile(language?, &text) {
        Ok(expression) => Some(expression),
        Err(fault) => {
            let reason = fault.describe(&text);
            read.problem(option, Some(text), &reason);
            None
        }
    }
}

impl Transform for Scripting {
    fn apply(&mut self, mut record: Record) -> Result<Option<Record>, TransformError> {
        if self.topics.as_mut().is_some_and(|topics| !topics.takes(&record.topic)) {
            return Ok(Some(record));
        }
        if record.value.as_ref().is_none_or(|value| value.value.is_null()) {
            match self.nulls {
                Nulls::Keep => return Ok(Some(record)),
                Nulls::Drop => return Ok(None),
                Nulls::Evaluate => {}
            }
        }
        let option = self.purpose.option();
        let outcome = self.expression.evaluate(&record);
        let outcome = outcome.map_err(|reason| unsuitable(&self.name, &record, format!("{option}: {reason}")))?;
        let gives = match (self.purpose, outcome) {
            (Purpose::Keep, Outcome::Bool(kept)) => return Ok(kept.then_some(record)),
            (Purpose::Route, Outcome::Null) => return Ok(Some(record)),
            (Purpose::Route, Outcome::Text(topic)) if !topic.is_empty() => {
                if *record.topic != *topic {
                    record.topic = self.routes.of(&topic);
                }
                return Ok(Some(record));
            }
            (_, Outcome::Null) => "null".to_owned(),
            (_, Outcome::Bool(_)) => "a boolean".to_owned(),
            (_, Outcome::Text(text)) if text.is_empty() => "an empty text".to_owned(),
            (_, Outcome::Text(_)) => "text".to_owned(),
            (_, Outcome::Other(kind)) => format!("a value of type {kind}"),
        };
        let wanted = match self.purpose {
            Purpose::Keep => "true or false",
            Purpose::Route => "a topic or null",
        };
        Err(unsuitable(&self.name, &record, format!("{option} gives {gives}; it must give {wanted}")))
    }
}

#[cfg(test)]
#[path = "scripting_tests.rs"]
mod tests;
