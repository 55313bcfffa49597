use std::time::Duration;

use opentelemetry::trace::{TraceId, TracerProvider as _};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, SpanData, SpanProcessor};

use super::*;
use crate::event::{Event, Tally};
use crate::record::Headers;

/// Keeps what ends.
#[derive(Clone, Debug, Default)]
struct Kept(Arc<Mutex<Vec<SpanData>>>);

impl SpanProcessor for Kept {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        self.0.lock().unwrap().push(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

impl Kept {
    fn take(&self) -> Vec<SpanData> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

fn spans(sampler: Sampler) -> (Spans, Kept) {
    let kept = Kept::default();
    let provider = SdkTracerProvider::builder().with_sampler(sampler).with_span_processor(kept.clone()).build();
    (Spans::new(provider.tracer("test"), "orders", "postgresql", Some("kafka")), kept)
}

fn position(lsn: u64) -> Position {
    Position(format!(r#"{{"lsn":{lsn},"txId":7,"key":"a row's"}}"#).into())
}

fn begun(spans: &Spans, lsn: u64, events: usize) -> Walk {
    let events = vec![Event::Heartbeat { ts_ms: 0 }; events];
    let batch = Batch { events, position: position(lsn), tally: Tally::default() };
    spans.begin(&batch, Passed { waited: Duration::from_secs(2), bytes: 99 })
}

fn message(topic: &str, parent: Option<&str>) -> Message {
    let header = |parent: &str| ("traceparent".into(), Some(parent.to_owned().into()));
    let headers = Headers { last: parent.map(header).into_iter().collect(), ..Headers::default() };
    let value = Some("value".into());
    Message { topic: topic.into(), partition: None, key: None, value, headers, ts_ms: None, offset: None }
}

fn parent(number: usize) -> String {
    format!("00-{number:032x}-{number:016x}-01")
}

fn attribute(span: &SpanData, name: &str) -> String {
    let found = span.attributes.iter().find(|attribute| attribute.key.as_str() == name);
    found.map(|attribute| attribute.value.to_string()).unwrap_or_default()
}

#[test]
fn a_batch_has_a_span_that_ends_with_its_save() {
    let (spans, kept) = spans(Sampler::AlwaysOn);
    let mut walk = begun(&spans, 5, 3);
    walk.made(4, &[message("t", None), message("t", Some(&parent(1)))]);
    walk.enqueued();
    walk.durable();
    spans.delivered(&position(5), walk);
    spans.saved(&position(4));
    assert_eq!(kept.take().len(), 2, "its phases; the position before it is not its own");
    spans.saved(&position(5));
    let root = kept.take().remove(0);
    assert_eq!((&*root.name, &root.status), ("batch", &Status::Unset));
    let expected = [
        ("rowtide.connector", "orders"),
        ("db.system.name", "postgresql"),
        ("rowtide.events", "3"),
        ("rowtide.log.bytes", "99"),
        ("rowtide.position", "lsn=5"),
        ("messaging.destination.name", "t"),
    ];
    assert_eq!(expected.map(|(name, _)| attribute(&root, name)), expected.map(|(_, value)| value.to_owned()));
    assert!(root.end_time.duration_since(root.start_time).unwrap() >= Duration::from_secs(2), "it waited for the pump");
    assert_eq!(root.links.iter().map(|link| link.span_context.trace_id()).collect::<Vec<_>>(), [TraceId::from(1)]);
    assert!(root.events.iter().map(|event| &*event.name).eq(["saved"]));
}

#[test]
fn its_phases_stand_below_it() {
    let (spans, kept) = spans(Sampler::AlwaysOn);
    let mut walk = begun(&spans, 5, 1);
    walk.made(2, &[message("t", None), message("u", None)]);
    walk.durable();
    spans.delivered(&position(5), walk);
    spans.saved(&position(5));
    let all = kept.take();
    let [transform, send, root] = all.as_slice() else { panic!("{all:?}") };
    for phase in [transform, send] {
        assert_eq!(phase.parent_span_id, root.span_context.span_id());
        assert_eq!(phase.span_context.trace_id(), root.span_context.trace_id());
        assert!(phase.start_time >= root.start_time && phase.end_time <= root.end_time);
    }
    assert_eq!((&*transform.name, attribute(transform, "rowtide.records").as_str()), ("transform", "2"));
    assert_eq!((&*send.name, &send.span_kind), ("send", &SpanKind::Producer));
    assert_eq!(attribute(send, "messaging.batch.message_count"), "2");
    assert_eq!(attribute(send, "messaging.system"), "kafka");
    assert_eq!(attribute(send, "rowtide.topics"), "[\"t\",\"u\"]");
}

#[test]
fn what_fails_is_an_error_with_its_cause() {
    let (spans, kept) = spans(Sampler::AlwaysOn);
    let failed = begun(&spans, 5, 1).noted(Err::<(), _>("the transform is wrong"));
    assert!(failed.is_err());
    let all = kept.take();
    assert_eq!(all.len(), 2);
    assert!(all.iter().all(|span| span.status == Status::error("the transform is wrong")), "{all:?}");
    let mut walk = begun(&spans, 6, 1);
    walk.made(1, &[message("t", None)]);
    drop(walk);
    let status = kept.take().pop().unwrap().status;
    assert_eq!(status, Status::error("the run ended before the batch was durable; it is read again"));
}

#[test]
fn links_and_what_waits_for_a_save_are_bounded() {
    let (spans, kept) = spans(Sampler::AlwaysOn);
    let mut walk = begun(&spans, 1, 1);
    // Each context twice, and some that are none.
    let texts: Vec<String> = (0..100).map(|number| parent(number / 2)).chain(["nonsense".to_owned()]).collect();
    walk.made(1, &texts.iter().map(|text| message("t", Some(text))).collect::<Vec<_>>());
    walk.durable();
    spans.delivered(&position(1), walk);
    for lsn in 2..=UNSAVED_MAX as u64 + 1 {
        let mut walk = begun(&spans, lsn, 1);
        walk.durable();
        spans.delivered(&position(lsn), walk);
    }
    let ended = kept.take();
    let root = ended.iter().find(|span| span.name == "batch").unwrap();
    assert_eq!(ended.iter().filter(|span| span.name == "batch").count(), 1, "only the first had to make room");
    assert_eq!((root.links.len(), &root.status), (LINKS_MAX, &Status::Unset));
}

#[test]
fn there_is_no_span_where_nobody_wants_one() {
    let (spans, kept) = spans(Sampler::AlwaysOff);
    assert!(begun(&spans, 1, 1).0.is_none());
    let (spans, _) = self::spans(Sampler::AlwaysOn);
    assert!(begun(&spans, 1, 0).0.is_none(), "it has no events");
    assert!(kept.take().is_empty());
}
