//! How the producer fares: its first error, which is the end of it, and whether the brokers are away, which is not.
//!
//! It makes errors that an operator understands out of librdkafka's, and logs an outage once when it begins and once when
//! it is over; once more when it learns the reason only later.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use tokio_util::sync::CancellationToken;

use super::super::SinkError;
use crate::metrics::Meters;

/// How long the reason of an end may take to come. It is on its way already.
const REASON: Duration = Duration::from_secs(5);

/// How long Kafka may acknowledge nothing before the log tells that we wait.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Health {
    /// Kafka, with its address: for errors and the log.
    sink: String,
    /// Whether we create topics that are missing.
    creates_topics: bool,
    first_error: OnceLock<SinkError>,
    failed: CancellationToken,
    /// Cancelled when the end is certain, while its reason is still on the way.
    doomed: CancellationToken,
    /// What librdkafka said last about its brokers.
    last_trouble: Mutex<String>,
    /// Whether the log said that the brokers are away.
    away: AtomicBool,
    /// Whether it told why.
    explained: AtomicBool,
    /// How many messages were acknowledged.
    acknowledged: AtomicU64,
    meters: OnceLock<Arc<Meters>>,
}

impl Health {
    pub(super) fn new(sink: String, creates_topics: bool) -> Self {
        Self {
            sink,
            creates_topics,
            first_error: OnceLock::new(),
            failed: CancellationToken::new(),
            doomed: CancellationToken::new(),
            last_trouble: Mutex::default(),
            away: AtomicBool::new(false),
            explained: AtomicBool::new(false),
            acknowledged: AtomicU64::new(0),
            meters: OnceLock::new(),
        }
    }

    /// The end: every write and every delivery that is not done yet gives the first error.
    pub(super) fn fail(&self, error: SinkError) {
        // A second error only follows from the first one.
        drop(self.first_error.set(error));
        self.failed.cancel();
    }

    pub(super) fn unavailable(&self, reason: impl Into<String>) -> SinkError {
        SinkError::Unavailable { sink: self.sink.clone(), reason: reason.into() }
    }

    /// The first error, if there was one.
    pub(super) fn check(&self) -> Result<(), SinkError> {
        self.first_error.get().cloned().map_or(Ok(()), Err)
    }

    /// Waits for the first error.
    pub(super) async fn failure(&self) -> SinkError {
        tokio::select! {
            biased;
            () = self.failed.cancelled() => {}
            () = self.doomed_without_reason() => self.fail(self.unavailable(self.last_trouble())),
        }
        self.first_error.get().cloned().unwrap_or_else(|| self.unavailable(self.last_trouble()))
    }

    async fn doomed_without_reason(&self) {
        self.doomed.cancelled().await;
        tokio::time::sleep(REASON).await;
    }

    /// The producer is at its end, and what ended it will be reported.
    fn doom(&self, what: &str) {
        self.trouble(what);
        self.doomed.cancel();
    }

    /// Waits for something of Kafka's, or for the first error, and tells the log when it hears nothing for long.
    pub(super) async fn wait<T>(&self, something: impl Future<Output = T>) -> Result<T, SinkError> {
        tokio::pin!(something);
        loop {
            let before = self.acknowledged.load(Ordering::SeqCst);
            tokio::select! {
                biased;
                got = &mut something => return Ok(got),
                error = self.failure() => return Err(error),
                () = tokio::time::sleep(PATIENCE) => {
                    if self.acknowledged.load(Ordering::SeqCst) == before {
                        self.tell_away();
                        // What came meanwhile found no outage that it could end.
                        if self.acknowledged.load(Ordering::SeqCst) != before {
                            self.answered();
                        }
                    }
                }
            }
        }
    }

    /// A message was acknowledged. Whether that ends an outage, which is then to be told.
    pub(super) fn delivered(&self) -> bool {
        self.acknowledged.fetch_add(1, Ordering::SeqCst);
        self.away.load(Ordering::SeqCst) && self.away.swap(false, Ordering::SeqCst)
    }

    /// The brokers have answered. Tells it if it ends an outage.
    pub(super) fn answered(&self) {
        if self.away.swap(false, Ordering::SeqCst) {
            self.tell_back();
        }
    }

    /// Tells that an outage is over.
    pub(super) fn tell_back(&self) {
        self.trouble("");
        self.explained.store(false, Ordering::SeqCst);
        tracing::info!(sink = self.sink, "the brokers are back");
        if let Some(meters) = self.meters.get() {
            meters.sink.is_back();
        }
    }

    /// Tells there too whether the brokers are away, from now on.
    pub(super) fn observe(&self, meters: &Arc<Meters>) {
        drop(self.meters.set(Arc::clone(meters)));
    }

    /// librdkafka has trouble that may pass.
    pub(super) fn trouble(&self, what: &str) {
        what.clone_into(&mut self.last_trouble.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn last_trouble(&self) -> String {
        self.last_trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells the log, once for each outage, that we wait, and why; to who asks for the readiness, what is known now.
    pub(super) fn tell_away(&self) {
        let begins = !self.away.swap(true, Ordering::SeqCst);
        let trouble = self.last_trouble();
        if let Some(meters) = self.meters.get() {
            meters.sink.is_away(&format!("{}: no acknowledgement yet ({trouble})", self.sink));
        }
        let explains = !trouble.is_empty() && !self.explained.swap(true, Ordering::SeqCst);
        if begins || explains {
            tracing::warn!(sink = self.sink, trouble, "no acknowledgement yet, waiting for the brokers");
        }
    }

    /// A message was not delivered.
    pub(super) fn undelivered(&self, message: Refused<'_>, error: &KafkaError) {
        match error.rdkafka_error_code() {
            // It only shares the fate of another message.
            Some(Code::Fatal | Code::PurgeQueue | Code::PurgeInflight) => self.doom(&error.to_string()),
            Some(code) => self.fail(message.explain(self, code)),
            None => self.fail(self.unavailable(format!("topic {}: {error}", message.topic))),
        }
    }

    /// An error that concerns the producer as a whole.
    pub(super) fn global(&self, error: &KafkaError, reason: &str) {
        tracing::debug!(sink = self.sink, %error, reason, "librdkafka");
        match error.rdkafka_error_code() {
            // The message that broke the series is reported by itself, with a better reason.
            Some(Code::Fatal) if reason.contains("gap-less") => self.doom(reason),
            Some(Code::Fatal) => self.fail(self.unavailable(reason)),
            Some(Code::Authentication) => {
                let remedy = "check sasl.mechanism, sasl.jaas.config and security.protocol";
                self.fail(self.unavailable(format!("{reason}; {remedy}")));
            }
            Some(Code::SSL) if reason.contains("certificate verify failed") => {
                let remedy = "set ssl.truststore.location to the brokers' authority, with ssl.truststore.type=PEM";
                self.fail(self.unavailable(format!("{reason}; {remedy}")));
            }
            // That no broker is left says less than what was said of one of them.
            Some(Code::AllBrokersDown) if !self.last_trouble().is_empty() => {}
            _ => self.trouble(reason),
        }
    }
}

/// A message that Kafka did not take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refused<'a> {
    pub(super) topic: &'a str,
    pub(super) partition: Option<i32>,
    /// Key and value.
    pub(super) bytes: usize,
    /// `message.max.bytes`, Java's `max.request.size`.
    pub(super) bytes_max: usize,
}

impl Refused<'_> {
    /// What to tell of it.
    fn explain(self, health: &Health, code: Code) -> SinkError {
        let Self { topic, bytes, bytes_max, .. } = self;
        let (reason, remedy) = match code {
            Code::MessageSizeTooLarge if bytes + 64 > bytes_max => (
                format!("a message of {bytes} bytes is larger than max.request.size={bytes_max}"),
                "raise producer.override.max.request.size, and max.message.bytes of the topic".to_owned(),
            ),
            Code::MessageSizeTooLarge | Code::MessageBatchTooLarge => {
                let reason =
                    format!("a message of {bytes} bytes, or the batch it is in, is larger than the topic takes");
                let remedy = "raise max.message.bytes of the topic (or message.max.bytes of the broker), or, if single \
                              messages are smaller, set producer.override.max.request.size to what it takes";
                return SinkError::SizeRefused { topic: topic.to_owned(), reason, remedy: remedy.to_owned() };
            }
            Code::TopicAuthorizationFailed => (
                "the producer's user may not write to it".to_owned(),
                "grant WRITE on the topic, and CREATE where it does not exist".to_owned(),
            ),
            Code::UnknownTopicOrPartition | Code::UnknownTopic if health.creates_topics => {
                return health.unavailable(format!("topic {topic} was deleted; it will be created again"));
            }
            Code::UnknownTopicOrPartition | Code::UnknownTopic => {
                let reason = "the topic does not exist, and the broker did not create it";
                let remedy =
                    "create it, or set topic.creation.default.partitions and topic.creation.default.replication.factor";
                let (topic, reason) = (topic.to_owned(), reason.to_owned());
                return SinkError::TopicMissing { topic, reason, remedy: remedy.to_owned() };
            }
            Code::UnknownPartition => (
                format!("there is no partition {}", self.partition.unwrap_or_default()),
                "add partitions to the topic, or let the transform choose another".to_owned(),
            ),
            Code::InvalidTopic => {
                ("that is no topic name".to_owned(), "use letters, digits, '.', '_' and '-', at most 249".to_owned())
            }
            Code::InvalidRecord => (
                "the broker finds the message invalid".to_owned(),
                "a compacted topic (cleanup.policy=compact) needs a key in every message".to_owned(),
            ),
            Code::InvalidTimestamp => (
                "its time is too far from the broker's".to_owned(),
                "raise message.timestamp.before.max.ms and message.timestamp.after.max.ms of the topic".to_owned(),
            ),
            Code::PolicyViolation => {
                ("it is against the broker's policy".to_owned(), "ask the broker's operators".to_owned())
            }
            other => return health.unavailable(format!("topic {topic}: {other}")),
        };
        SinkError::Refused { topic: topic.to_owned(), reason, remedy }
    }
}
