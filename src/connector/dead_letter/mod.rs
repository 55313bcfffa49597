//! What becomes of a record that fails: tried again, sent to the dead letter topic, dropped, or the end of the run.
//!
//! The line stays straight: a dead letter is a message in the place of the record's own, in the same batch, to the same
//! sink. So the position moves on only when it is durable, and the order of all others is kept. Nothing of this exists
//! where nothing is tolerated; where something is, the record is copied before its transforms (its values are shared, not
//! its rows), and not at all where there are none.

pub mod config;
pub mod kept;
mod letter;
pub mod replay;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ConnectorError;
use super::pipeline::Line;
use super::policy::{self, Verdict};
use crate::config::Properties;
use crate::convert::ConvertError;
use crate::convert::registry::RegistryError;
use crate::data::{Datum, Value};
use crate::event::{Event, Position};
use crate::metrics::Line as Counts;
use crate::record::Record;
use crate::sink::limit::Limit;
use crate::sink::{Message, Sink, SinkError};
use config::{Config, Log};
use letter::Letters;

/// The first wait before a try (`RetryWithToleranceOperator.RETRIES_DELAY_MIN_MS`).
const RETRY_DELAY_MIN: Duration = Duration::from_millis(300);

/// How old a topic's limit may be when a message is refused because of it: somebody may have raised it.
const LIMIT_AGE_MAX: Duration = Duration::from_secs(10);

/// How many topics' limits are kept; a transform may send each record to a topic of its own.
const LIMITS_MAX: usize = 10_000;

/// What a record was doing: Connect's `Stage`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Transformation,
    KeyConverter,
    ValueConverter,
    HeaderConverter,
    KafkaProduce,
}

impl Stage {
    /// Connect's name.
    const fn name(self) -> &'static str {
        match self {
            Self::Transformation => "TRANSFORMATION",
            Self::KeyConverter => "KEY_CONVERTER",
            Self::ValueConverter => "VALUE_CONVERTER",
            Self::HeaderConverter => "HEADER_CONVERTER",
            Self::KafkaProduce => "KAFKA_PRODUCE",
        }
    }
}

/// Why a record failed.
#[derive(Debug)]
pub(super) struct Failure {
    stage: Stage,
    /// The class that would have failed in Connect.
    class: Arc<str>,
    /// The exception that it would have thrown.
    exception: &'static str,
    error: ConnectorError,
}

/// What is known of an event beside its records.
#[derive(Debug, Default)]
pub(super) struct Origin {
    table: Option<Arc<str>>,
    /// How often its record failed before.
    failures: u32,
}

impl Origin {
    pub(super) fn of(event: &Event) -> Self {
        match event {
            Event::Change(change) => Self { table: Some(Arc::clone(&change.table.id)), failures: 0 },
            Event::DeadLetter(letter) => Self { table: letter.table.clone(), failures: letter.retries + 1 },
            Event::Boundary(_) | Event::Ready(_) | Event::Heartbeat { .. } => Self::default(),
        }
    }
}

/// The classes that a connector file names, for Connect's headers.
#[derive(Clone, Debug)]
pub struct Classes {
    /// Of the transforms, in their order.
    pub transforms: Vec<Arc<str>>,
    /// Of the key converter.
    pub key: Arc<str>,
    /// Of the value converter.
    pub value: Arc<str>,
    /// Of the header converter.
    pub header: Arc<str>,
}

impl Classes {
    /// Those of a connector file; the worker's converters count where it names none.
    #[must_use]
    pub fn named(connector: &Properties, worker: &Properties) -> Self {
        let transforms = connector.get("transforms").map_or("", String::as_str).split(',').map(str::trim);
        let class =
            |name: &str| connector.get(&format!("transforms.{name}.type")).map_or("", |class| class.trim()).into();
        let converter = |key: &str, default: &str| {
            connector.get(key).or_else(|| worker.get(key)).map_or(default, |class| class.trim()).into()
        };
        let json = "org.apache.kafka.connect.json.JsonConverter";
        Self {
            transforms: transforms.filter(|name| !name.is_empty()).map(class).collect(),
            key: converter("key.converter", json),
            value: converter("value.converter", json),
            header: converter("header.converter", "org.apache.kafka.connect.storage.SimpleHeaderConverter"),
        }
    }
}

/// Where the records of a batch are on their way.
pub(super) struct Surroundings<'a> {
    pub(super) sink: &'a mut dyn Sink,
    pub(super) counts: &'a Counts,
    /// Behind the batch.
    pub(super) position: &'a Position,
}

/// What is done about records that fail.
pub struct Failing {
    config: Config,
    classes: Classes,
    letters: Option<Letters>,
    /// Whether it is asked beforehand what topics take.
    asks: bool,
    limits: HashMap<Arc<str>, Known>,
    /// The topic that was asked for last.
    latest: Option<(Arc<str>, Limit)>,
    told: bool,
}

struct Known {
    limit: Limit,
    since: Instant,
}

impl Failing {
    /// What the configuration says; `None`: a record that fails ends the run.
    #[must_use]
    pub fn new(config: Config, connector: &str, classes: Classes) -> Option<Self> {
        let letters =
            config.dead_letters().map(|topic| Letters::new(Arc::clone(topic), connector, config.context_headers));
        config.is_active().then(|| Self::with(config, classes, letters))
    }

    /// A record that fails ends the run, as without this; but what topics would not take is known before it is sent.
    #[must_use]
    pub fn asking() -> Self {
        let none = || "".into();
        let classes = Classes { transforms: Vec::new(), key: none(), value: none(), header: none() };
        Self { asks: true, ..Self::with(Config::default(), classes, None) }
    }

    fn with(config: Config, classes: Classes, letters: Option<Letters>) -> Self {
        let asks = config.tolerant;
        Self { config, classes, letters, asks, limits: HashMap::new(), latest: None, told: false }
    }

    /// Whether an error that can pass is tried again here; else the line waits for what is away.
    pub(super) fn retries(&self) -> bool {
        self.config.retries()
    }

    /// From now on it is asked beforehand what topics take.
    pub(super) const fn ask(&mut self) {
        self.asks = true;
    }

    /// Looks that the dead letter topic is there before anything is to go to it.
    pub(super) async fn prepare(&mut self, around: &mut Surroundings<'_>) -> Result<(), ConnectorError> {
        if let Some(letters) = &self.letters
            && !self.limits.contains_key(&letters.topic)
        {
            let topic = Arc::clone(&letters.topic);
            self.limit(&topic, false, around).await?;
        }
        Ok(())
    }

    /// The message of a record, or of its dead letter; `None`: a transform dropped it, or it failed and is dropped.
    pub(super) async fn message(
        &mut self,
        line: &mut Line,
        record: Record,
        origin: &Origin,
        around: &mut Surroundings<'_>,
    ) -> Result<Option<Message>, ConnectorError> {
        let original = (self.config.keeps() && line.has_transforms()).then(|| record.clone());
        let record = match line.transform(record) {
            Ok(Some(record)) => record,
            Ok(None) => return Ok(None),
            Err((place, error)) => {
                let class = self.classes.transforms.get(place).map_or_else(|| "".into(), Arc::clone);
                let failure = Failure { stage: Stage::Transformation, class, exception: DATA, error: error.into() };
                return if let Some(original) = original {
                    self.failed(&original, origin, failure, around).await
                } else {
                    around.counts.failed();
                    Err(failure.error)
                };
            }
        };
        let outcome = match self.bytes(line, &record, around.counts).await {
            Ok((key, value, headers)) => {
                let Record { topic, partition, ts_ms, offset, .. } = &record;
                let (topic, partition, ts_ms, offset) = (Arc::clone(topic), *partition, *ts_ms, offset.clone());
                let message = Message { topic, partition, key, value, headers, ts_ms, offset };
                if !self.asks {
                    return Ok(Some(message));
                }
                self.check(&message, around).await?.map_or(Ok(message), Err)
            }
            Err(failure) => Err(failure),
        };
        match outcome {
            Ok(message) => Ok(Some(message)),
            Err(failure) => self.failed(original.as_ref().unwrap_or(&record), origin, failure, around).await,
        }
    }

    /// The bytes of a record. An error that can pass is tried again.
    async fn bytes(
        &self,
        line: &mut Line,
        record: &Record,
        counts: &Counts,
    ) -> Result<super::pipeline::Parts, Failure> {
        let begin = Instant::now();
        let mut delay = RETRY_DELAY_MIN;
        loop {
            let (stage, error) = match line.bytes(record).await {
                Ok(parts) => return Ok(parts),
                Err((stage, error)) => (stage, ConnectorError::from(error)),
            };
            let can_pass = policy::judge(&error) == Verdict::Transient;
            let left = self.config.retry.map(|limit| limit.saturating_sub(begin.elapsed()));
            if !can_pass || left.is_some_and(|left| left.is_zero()) {
                let class = match stage {
                    Stage::KeyConverter => &self.classes.key,
                    Stage::HeaderConverter => &self.classes.header,
                    _ => &self.classes.value,
                };
                let exception = if can_pass { RETRIABLE } else { DATA };
                return Err(Failure { stage, class: Arc::clone(class), exception, error });
            }
            let wait = delay.min(self.config.retry_delay_max).min(left.unwrap_or(Duration::MAX));
            counts.retried();
            let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            tracing::warn!(%error, wait_ms, "trying the record again");
            tokio::time::sleep(wait).await;
            delay = delay.saturating_mul(2);
        }
    }

    /// Why the sink would refuse the message, if it would.
    async fn check(
        &mut self,
        message: &Message,
        around: &mut Surroundings<'_>,
    ) -> Result<Option<Failure>, ConnectorError> {
        let latest = self.latest.as_ref().filter(|(topic, _)| Arc::ptr_eq(topic, &message.topic));
        let checked = match latest.map(|(_, limit)| *limit) {
            Some(limit) => limit.check(message),
            None => match self.limit(&message.topic, false, around).await {
                Ok(limit) => limit.check(message),
                Err(ConnectorError::Sink(error @ SinkError::InvalidTopic { .. })) => Err(error),
                Err(other) => return Err(other),
            },
        };
        let mut refused = checked.err();
        if let Some(SinkError::TooLarge { .. }) = refused {
            refused = self.limit(&message.topic, true, around).await?.check(message).err();
        }
        Ok(refused.map(|error| {
            let exception = if matches!(error, SinkError::TooLarge { .. }) { TOO_LARGE } else { INVALID_TOPIC };
            Failure { stage: Stage::KafkaProduce, class: TASK.into(), exception, error: error.into() }
        }))
    }

    /// What a topic takes; asked anew, if wanted, when the last answer has aged.
    async fn limit(
        &mut self,
        topic: &Arc<str>,
        anew: bool,
        around: &mut Surroundings<'_>,
    ) -> Result<Limit, ConnectorError> {
        let known = self.limits.get(topic).filter(|known| !anew || known.since.elapsed() < LIMIT_AGE_MAX);
        let limit = if let Some(known) = known {
            known.limit
        } else {
            let limit = around.sink.admit(topic).await?;
            if self.limits.len() >= LIMITS_MAX {
                self.limits.clear();
            }
            self.limits.insert(Arc::clone(topic), Known { limit, since: Instant::now() });
            limit
        };
        self.latest = Some((Arc::clone(topic), limit));
        Ok(limit)
    }

    /// What takes the place of a record that failed.
    async fn failed(
        &mut self,
        record: &Record,
        origin: &Origin,
        failure: Failure,
        around: &mut Surroundings<'_>,
    ) -> Result<Option<Message>, ConnectorError> {
        around.counts.failed();
        if !self.tolerates(&failure.error) {
            return Err(failure.error);
        }
        around.counts.skipped.add(1);
        let Some(letters) = &mut self.letters else {
            around.counts.dropped.add(1);
            around.counts.logged.add(self.log(record, origin, &failure, None).into());
            return Ok(None);
        };
        let letter = letters.of(record, origin, &failure, around.position).await;
        around.counts.logged.add(self.log(record, origin, &failure, Some(&letter.topic)).into());
        around.counts.dead_letters.add(1);
        let limit = self.limit(&letter.topic, false, around).await?;
        for fits in [letter.clone(), letter::shrink(&letter, false)] {
            if limit.check(&fits).is_ok() {
                return Ok(Some(fits));
            }
        }
        Ok(Some(letter::shrink(&letter, true)))
    }

    fn tolerates(&self, error: &ConnectorError) -> bool {
        match error {
            // What can pass is waited for, as everywhere, unless the file gives it a time, and that is over.
            _ if policy::judge(error) == Verdict::Transient && !self.config.retries() => false,
            ConnectorError::Convert(error) if self.config.incompatible && is_incompatible(error) => true,
            ConnectorError::Transform(_) | ConnectorError::Convert(_) | ConnectorError::Sink(_) => self.config.tolerant,
            ConnectorError::Source(_)
            | ConnectorError::Offset(_)
            | ConnectorError::Undelivered { .. }
            | ConnectorError::Unsaved { .. }
            | ConnectorError::Configuration(_)
            | ConnectorError::Panicked { .. } => false,
        }
    }

    /// Tells of each record that is lost, of each other one where the file asks for it, and of the first. Whether it did.
    fn log(&mut self, record: &Record, origin: &Origin, failure: &Failure, to: Option<&str>) -> bool {
        let Failure { stage, error, .. } = failure;
        let (stage, topic, table) = (stage.name(), &*record.topic, origin.table.as_deref());
        let log = self.config.log;
        let row = (log == Log::EachWithRow)
            .then(|| format!("{:?} {:?}", values(record.key.as_ref()), values(record.value.as_ref())));
        match to {
            None => tracing::error!(stage, topic, table, %error, row, "a record failed and is dropped"),
            Some(to) if log != Log::First => {
                tracing::error!(stage, topic, table, %error, row, to, "a record failed and is a dead letter");
            }
            Some(to) if !self.told => {
                let more = "errors.log.enable=true tells of each";
                tracing::warn!(stage, topic, table, %error, to, more, "a record failed and is a dead letter");
            }
            Some(_) => return false,
        }
        self.told = true;
        true
    }
}

fn values(datum: Option<&Datum>) -> &Value {
    datum.map_or(&Value::Null, |datum| &datum.value)
}

const DATA: &str = "org.apache.kafka.connect.errors.DataException";
const RETRIABLE: &str = "org.apache.kafka.connect.errors.RetriableException";
const TOO_LARGE: &str = "org.apache.kafka.common.errors.RecordTooLargeException";
const INVALID_TOPIC: &str = "org.apache.kafka.common.errors.InvalidTopicException";
/// What fails in Connect when a producer does.
const TASK: &str = "org.apache.kafka.connect.runtime.AbstractWorkerSourceTask";

/// Whether the registry refused the record's schema because it is not compatible with those before.
const fn is_incompatible(error: &ConvertError) -> bool {
    matches!(error, ConvertError::Registry(RegistryError::Incompatible { .. }))
}
