//! A span for each batch that walks the line: from the source's sending it until its position is saved, with a span below it
//! for each phase. Off unless somebody collects spans; then it costs one look for each batch.
//!
//! Names are OpenTelemetry's where it has some (`messaging.*`, `db.system.name`), else ours (`rowtide.*`). Invariants: no value
//! of a row stands in a span; what a batch carries is bounded, however many records it has.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::fmt::Display;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{Span as _, SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt as _, Tracer as _};
use opentelemetry::{Array, Context, KeyValue, StringValue, Value};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracer, Span};
use serde_json::{Map, Value as Json};

use crate::event::{Batch, Position};
use crate::metrics::Passed;
use crate::sink::{Message, MessageHeader};

/// Traces of records that a batch's span is linked to, at most.
const LINKS_MAX: usize = 32;

/// Topics that a batch's span names, at most.
const TOPICS_MAX: usize = 16;

/// Batches that are durable and wait for a save, at most.
const UNSAVED_MAX: usize = 1024;

/// Bytes of what failed, or of a set of GTIDs, at most.
const TEXT_MAX: usize = 1024;

/// What of a position is shown: places in the log, and never what else a position may hold.
const PLACES: [&str; 5] = ["snapshot", "lsn", "file", "pos", "gtids"];

/// Makes spans of one run's batches.
#[derive(Clone, Debug)]
pub struct Spans {
    tracer: SdkTracer,
    /// What every span has.
    common: Arc<[KeyValue]>,
    /// `messaging.system`, if the sink is one.
    messaging: Option<&'static str>,
    unsaved: Arc<Mutex<VecDeque<(Position, Walk)>>>,
}

impl Spans {
    /// For the run of a connector that reads such a database, and writes to such a messaging system if to any.
    #[must_use]
    pub fn new(tracer: SdkTracer, connector: &str, database: &'static str, messaging: Option<&'static str>) -> Self {
        let common =
            [KeyValue::new("rowtide.connector", connector.to_owned()), KeyValue::new("db.system.name", database)];
        Self { tracer, common: common.into(), messaging, unsaved: Arc::default() }
    }

    /// The pump has taken a batch. One without events only carries progress, and has no span.
    pub(super) fn begin(&self, batch: &Batch, passed: Passed) -> Walk {
        if batch.events.is_empty() {
            return Walk(None);
        }
        let now = SystemTime::now();
        let mut attributes = self.common.to_vec();
        attributes.extend([
            KeyValue::new("rowtide.events", count(batch.events.len())),
            KeyValue::new("rowtide.log.bytes", i64::try_from(passed.bytes).unwrap_or(i64::MAX)),
            KeyValue::new("rowtide.position", place(&batch.position)),
        ]);
        let builder = SpanBuilder::from_name("batch")
            .with_kind(SpanKind::Internal)
            .with_start_time(now.checked_sub(passed.waited).unwrap_or(now))
            .with_attributes(attributes);
        let root = self.tracer.build_with_context(builder, &Context::new());
        if !root.is_recording() {
            return Walk(None);
        }
        let context = Context::new().with_remote_span_context(root.span_context().clone());
        let mut open = Open { spans: self.clone(), root, context, phase: None, left: "made" };
        open.enter(SpanBuilder::from_name("transform").with_kind(SpanKind::Internal));
        Walk(Some(Box::new(open)))
    }

    /// A batch is durable: its span ends when its position is saved.
    pub(super) fn delivered(&self, position: &Position, walk: Walk) {
        if walk.0.is_none() {
            return;
        }
        let mut unsaved = self.unsaved();
        if unsaved.len() >= UNSAVED_MAX
            && let Some((_, walk)) = unsaved.pop_front()
        {
            walk.ends(None);
        }
        unsaved.push_back((position.clone(), walk));
    }

    /// This position is saved, and so are all before it.
    pub(super) fn saved(&self, position: &Position) {
        let saved: Vec<(Position, Walk)> = {
            let mut unsaved = self.unsaved();
            let covered = unsaved.iter().rposition(|(other, _)| other == position).map_or(0, |last| last + 1);
            unsaved.drain(..covered).collect()
        };
        for (_, walk) in saved {
            walk.ends(Some("saved"));
        }
    }

    fn unsaved(&self) -> MutexGuard<'_, VecDeque<(Position, Walk)>> {
        self.unsaved.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The span of one batch, if it has one.
#[derive(Debug)]
pub(super) struct Walk(Option<Box<Open>>);

#[derive(Debug)]
struct Open {
    spans: Spans,
    root: Span,
    /// The root as the parent of its phases.
    context: Context,
    phase: Option<Span>,
    /// What is left to be done with the batch.
    left: &'static str,
}

impl Walk {
    /// No span.
    pub(super) const fn none() -> Self {
        Self(None)
    }

    /// The batch became so many records, and these messages, which go to the sink now.
    pub(super) fn made(&mut self, records: usize, messages: &[Message]) {
        let Some(open) = &mut self.0 else { return };
        let load = Load::of(messages);
        open.leave([KeyValue::new("rowtide.records", count(records))]);
        open.root.set_attributes(load.topics());
        for context in links(messages) {
            open.root.add_link(context, Vec::new());
        }
        open.left = "durable";
        let builder = load.sending(open.spans.messaging);
        open.enter(builder);
    }

    /// The sink has room for all of it.
    pub(super) fn enqueued(&mut self) {
        if let Some(phase) = self.0.as_mut().and_then(|open| open.phase.as_mut()) {
            phase.add_event("enqueued", Vec::new());
        }
    }

    /// The sink has it durably.
    pub(super) fn durable(&mut self) {
        if let Some(open) = &mut self.0 {
            open.leave([]);
            open.left = "saved";
        }
    }

    /// The result of a phase; an error is the batch's too.
    pub(super) fn noted<T, E: Display>(&mut self, result: Result<T, E>) -> Result<T, E> {
        if let Err(error) = &result
            && let Some(mut open) = self.0.take()
        {
            open.fails(&error.to_string());
        }
        result
    }

    fn ends(mut self, event: Option<&'static str>) {
        if let Some(mut open) = self.0.take() {
            if let Some(event) = event {
                open.root.add_event(event, Vec::new());
            }
            open.root.end();
        }
    }
}

impl Drop for Walk {
    /// The run has ended meanwhile.
    fn drop(&mut self) {
        if let Some(open) = &mut self.0 {
            let reason = format!("the run ended before the batch was {}; it is read again", open.left);
            open.fails(&reason);
        }
    }
}

impl Open {
    fn enter(&mut self, builder: SpanBuilder) {
        let mut attributes = self.spans.common.to_vec();
        attributes.extend(builder.attributes.iter().flatten().cloned());
        let builder = builder.with_attributes(attributes);
        self.phase = Some(self.spans.tracer.build_with_context(builder, &self.context));
    }

    fn leave(&mut self, attributes: impl IntoIterator<Item = KeyValue>) {
        if let Some(mut phase) = self.phase.take() {
            phase.set_attributes(attributes);
            phase.end();
        }
    }

    fn fails(&mut self, reason: &str) {
        let status = Status::error(cut(reason).to_owned());
        if let Some(mut phase) = self.phase.take() {
            phase.set_status(status.clone());
            phase.end();
        }
        self.root.set_status(status);
        self.root.end();
    }
}

/// What the messages of a batch are, together.
struct Load<'a> {
    /// The first topics, each once.
    topics: Vec<&'a Arc<str>>,
    messages: usize,
    bytes: usize,
}

impl<'a> Load<'a> {
    fn of(messages: &'a [Message]) -> Self {
        let mut load = Self { topics: Vec::new(), messages: messages.len(), bytes: 0 };
        for Message { topic, key, value, .. } in messages {
            load.bytes += [key, value].into_iter().flatten().map(bytes::Bytes::len).sum::<usize>();
            if load.topics.len() < TOPICS_MAX && !load.topics.contains(&topic) {
                load.topics.push(topic);
            }
        }
        load
    }

    /// OpenTelemetry's attribute is of one topic.
    fn topics(&self) -> Vec<KeyValue> {
        match self.topics.as_slice() {
            [] => Vec::new(),
            [topic] => vec![KeyValue::new("messaging.destination.name", text(topic))],
            topics => {
                let topics = topics.iter().map(|topic| text(topic)).collect();
                vec![KeyValue::new("rowtide.topics", Value::Array(Array::String(topics)))]
            }
        }
    }

    fn sending(&self, system: Option<&'static str>) -> SpanBuilder {
        let name: Cow<'static, str> = match self.topics.as_slice() {
            [topic] => format!("send {topic}").into(),
            _ => "send".into(),
        };
        let mut attributes = self.topics();
        attributes.extend(system.map(|system| KeyValue::new("messaging.system", system)));
        attributes.extend([
            KeyValue::new("messaging.operation.name", "send"),
            KeyValue::new("messaging.operation.type", "send"),
            KeyValue::new("messaging.batch.message_count", count(self.messages)),
            KeyValue::new("rowtide.messages.bytes", count(self.bytes)),
        ]);
        SpanBuilder::from_name(name).with_kind(SpanKind::Producer).with_attributes(attributes)
    }
}

/// The contexts that records carry in their headers, each once; not all, if there are many.
fn links(messages: &[Message]) -> Vec<SpanContext> {
    let mut links = Vec::new();
    for message in messages {
        let Some(context) = carried(message.headers.iter()) else { continue };
        if !links.contains(&context) {
            links.push(context);
        }
        if links.len() == LINKS_MAX {
            break;
        }
    }
    links
}

/// The context that a record's headers hold, as W3C has it.
fn carried<'a>(headers: impl Iterator<Item = &'a MessageHeader>) -> Option<SpanContext> {
    let mut carrier = HashMap::new();
    for (name, value) in headers {
        if matches!(&**name, "traceparent" | "tracestate")
            && let Some(value) = value.as_deref().and_then(|value| std::str::from_utf8(value).ok())
        {
            // A converter may have made JSON of it.
            carrier.insert(name.to_string(), value.trim_matches('"').to_owned());
        }
    }
    if carrier.is_empty() {
        return None;
    }
    let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &carrier);
    Some(context.span().span_context().clone()).filter(SpanContext::is_valid)
}

/// The places of a position, as text.
fn place(position: &Position) -> String {
    let Ok(offset) = serde_json::from_str::<Map<String, Json>>(&position.0) else { return String::new() };
    let places = PLACES.iter().filter_map(|name| match offset.get(*name)? {
        Json::String(text) => Some(format!("{name}={}", cut(text))),
        Json::Number(number) => Some(format!("{name}={number}")),
        Json::Bool(flag) => Some(format!("{name}={flag}")),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    });
    places.collect::<Vec<_>>().join(" ")
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(TEXT_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

fn text(topic: &Arc<str>) -> StringValue {
    StringValue::from(Arc::clone(topic))
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[path = "spans_tests.rs"]
mod tests;
