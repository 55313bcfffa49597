//! The way of spans to the collector: a bounded queue, and a thread that sends what is in it.
//!
//! Invariants: who ends a span never waits; no more spans wait than the queue takes; what is lost is counted and told, not
//! more often than once a minute for each reason. The exporter makes no spans of its own requests: only the line makes any.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{Context, InstrumentationScope, KeyValue};
use opentelemetry_otlp::{SpanExporter as Otlp, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, SdkTracer, SdkTracerProvider, Span, SpanData, SpanExporter, SpanProcessor,
};

use super::collector::Collector;
use super::{ENDPOINT, Settings};
use crate::config::Problem;

/// Between two lines of the log about lost spans.
const TELL_PAUSE: Duration = Duration::from_secs(60);

/// The name of who sends, if nobody gave it one.
const SERVICE: &str = "rowtide";

/// What makes spans and sends them, until it is stopped.
pub struct Traces {
    provider: SdkTracerProvider,
    losses: Arc<Losses>,
}

impl Traces {
    /// Starts the thread that sends. Must be called on the daemon's runtime.
    ///
    /// # Errors
    /// What of the settings cannot be.
    pub fn start(settings: Settings) -> Result<Self, Problem> {
        let wrong = |reason: String| Problem::new(ENDPOINT[1], reason);
        let Settings { endpoint, protocol, timeout, compression, tls, sampler, service, resource, queue } = settings;
        let losses = Arc::new(Losses::new(endpoint.to_string(), queue.spans_max));
        let collector = Collector::new(tls, timeout).map_err(wrong)?;
        let mut otlp = Otlp::builder()
            .with_http()
            .with_http_client(collector.clone())
            .with_endpoint(endpoint.as_str())
            .with_protocol(protocol)
            .with_timeout(timeout);
        if let Some(compression) = compression {
            otlp = otlp.with_compression(compression);
        }
        let otlp = otlp.build().map_err(|error| wrong(error.to_string()))?;
        let exporter = Exporter { otlp, collector, losses: Arc::clone(&losses) };
        let config = BatchConfigBuilder::default()
            .with_max_queue_size(queue.spans_max)
            .with_max_export_batch_size(queue.request_spans_max)
            .with_scheduled_delay(queue.delay)
            .build();
        let batches = BatchSpanProcessor::builder(exporter).with_batch_config(config).build();
        let provider = SdkTracerProvider::builder()
            .with_span_processor(Gate { batches, losses: Arc::clone(&losses) })
            .with_sampler(sampler)
            .with_resource(described(service, resource))
            .build();
        tracing::info!(%endpoint, "spans of batches are sent");
        Ok(Self { provider, losses })
    }

    /// What makes spans.
    #[must_use]
    pub fn tracer(&self) -> SdkTracer {
        let scope = InstrumentationScope::builder(SERVICE).with_version(env!("CARGO_PKG_VERSION")).build();
        self.provider.tracer_with_scope(scope)
    }

    /// Sends what waits, as far as that is done within this time.
    pub async fn stop(self, limit: Duration) {
        let provider = self.provider.clone();
        let sending = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(limit));
        if !matches!(sending.await, Ok(Ok(()))) {
            tracing::debug!(?limit, "the collector did not take what waited in time");
        }
        self.losses.end();
    }
}

impl Drop for Traces {
    /// The provider would wait by itself.
    fn drop(&mut self) {
        let _ = self.provider.shutdown_with_timeout(Duration::ZERO);
    }
}

/// Who sends the spans: what the user says, and what else is known.
fn described(service: Option<String>, attributes: Vec<KeyValue>) -> Resource {
    let own = [("service.name", SERVICE), ("service.version", env!("CARGO_PKG_VERSION"))];
    let own = own.map(|(key, value)| KeyValue::new(key, value));
    let resource = Resource::builder().with_attributes(own).with_attributes(attributes);
    match service {
        Some(name) => resource.with_service_name(name).build(),
        None => resource.build(),
    }
}

/// Spans that wait, and those that were lost.
#[derive(Debug)]
struct Losses {
    endpoint: String,
    spans_max: usize,
    waiting: AtomicUsize,
    /// Those that found no room.
    unqueued: Mutex<Told>,
    /// Those of requests that failed.
    unsent: Mutex<Told>,
}

/// What was told of lost spans, and what was not.
#[derive(Debug, Default)]
struct Told {
    /// Spans that were lost and not told yet.
    untold: usize,
    /// When some were told last.
    when: Option<Instant>,
    /// Whether the last that was told is that they are lost.
    is_bad: bool,
}

impl Told {
    /// So many more were lost: how many to tell of now, if it is time for that.
    fn lost(&mut self, spans: usize) -> Option<usize> {
        self.untold += spans;
        if self.when.is_some_and(|when| when.elapsed() < TELL_PAUSE) {
            return None;
        }
        (self.when, self.is_bad) = (Some(Instant::now()), true);
        Some(std::mem::take(&mut self.untold))
    }
}

fn locked(told: &Mutex<Told>) -> MutexGuard<'_, Told> {
    told.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Losses {
    fn new(endpoint: String, spans_max: usize) -> Self {
        let (unqueued, unsent) = Default::default();
        Self { endpoint, spans_max, waiting: AtomicUsize::new(0), unqueued, unsent }
    }

    /// Whether there is room for one more, which is taken.
    fn enters(&self) -> bool {
        let more = |waiting: usize| (waiting < self.spans_max).then_some(waiting + 1);
        self.waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).is_ok()
    }

    fn leave(&self, spans: usize) {
        self.waiting.fetch_sub(spans, Ordering::AcqRel);
    }

    fn unqueued(&self) {
        if let Some(spans) = locked(&self.unqueued).lost(1) {
            let (queue, endpoint) = (self.spans_max, &self.endpoint);
            tracing::warn!(spans, queue, %endpoint, "spans were lost: more wait than OTEL_BSP_MAX_QUEUE_SIZE allows");
        }
    }

    fn unsent(&self, spans: usize, reason: &str) {
        if let Some(spans) = locked(&self.unsent).lost(spans) {
            tracing::warn!(spans, endpoint = %self.endpoint, reason, "spans were lost: the collector did not take them");
        }
    }

    fn sent(&self) {
        let mut told = locked(&self.unsent);
        if std::mem::take(&mut told.is_bad) {
            let lost = std::mem::take(&mut told.untold);
            tracing::info!(lost, endpoint = %self.endpoint, "the collector takes spans again");
        }
    }

    /// Nothing is sent any more.
    fn end(&self) {
        let untold = [&self.unqueued, &self.unsent].map(|told| std::mem::take(&mut locked(told).untold));
        let spans = untold.iter().sum::<usize>() + self.waiting.load(Ordering::Acquire);
        if spans > 0 {
            tracing::warn!(spans, endpoint = %self.endpoint, "spans were lost until the stop");
        }
    }
}

/// Lets no more spans into the queue than it takes, so that those that find no room are counted.
#[derive(Debug)]
struct Gate {
    batches: BatchSpanProcessor,
    losses: Arc<Losses>,
}

impl SpanProcessor for Gate {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.batches.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        if self.losses.enters() {
            self.batches.on_end(span);
        } else {
            self.losses.unqueued();
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.batches.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.batches.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.batches.set_resource(resource);
    }
}

/// Sends spans, and accounts for them.
#[derive(Debug)]
struct Exporter {
    otlp: Otlp,
    collector: Collector,
    losses: Arc<Losses>,
}

impl SpanExporter for Exporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let sent = self.otlp.export(batch).await;
        self.losses.leave(spans);
        match &sent {
            Ok(()) => self.losses.sent(),
            Err(error) => self.losses.unsent(spans, &self.collector.fault().unwrap_or_else(|| error.to_string())),
        }
        sent
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.otlp.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.otlp.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.otlp.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_told_once_a_minute_with_all_that_were_lost_since() {
        let mut told = Told::default();
        assert_eq!((told.lost(3), told.lost(2), told.lost(1)), (Some(3), None, None));
        told.when = Instant::now().checked_sub(TELL_PAUSE);
        assert_eq!((told.lost(1), told.untold), (Some(4), 0));
    }

    #[test]
    fn no_more_spans_wait_than_the_queue_takes() {
        let losses = Losses::new(String::new(), 2);
        assert_eq!([(); 3].map(|()| losses.enters()), [true, true, false]);
        losses.leave(1);
        assert!(losses.enters());
    }
}
