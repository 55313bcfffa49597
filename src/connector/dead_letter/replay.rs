//! Sends dead letters again: the connector's own line, with the dead letter topic for a source and the offsets of a group
//! for a position.
//!
//! Invariant: what the group has committed was durable before, in its topic or as another dead letter. What the connector
//! has saved of its database is not touched.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::future::{BoxFuture, FutureExt};
use tokio_util::sync::CancellationToken;

use super::kept::Letter;
use crate::config::{Problem, Problems};
use crate::connector::pipeline::Pipeline;
use crate::connector::{Connector, ConnectorError, Settings, Telltale, run};
use crate::convert::JsonReader;
use crate::event::{Batch, Event, Position, Tally};
use crate::offset::{OffsetError, OffsetStore};
use crate::sink::kafka::KafkaConfig;
use crate::sink::kafka::reader::{Kept, Offsets, TopicReader};
use crate::sink::{Sink, SinkError};
use crate::source::{Outbox, Source, SourceError};

pub(crate) const NO_TOPIC: (&str, &str) =
    ("errors.deadletterqueue.topic.name", "is required: without it there are no dead letters");
pub(crate) const NO_KAFKA: (&str, &str) = ("bootstrap.servers", "is required: dead letters are kept by Kafka");

pub(crate) fn problem((key, reason): (&str, &str)) -> ConnectorError {
    ConnectorError::Configuration(Problems(vec![Problem::new(key, reason)]))
}

/// The group that keeps how far a connector's dead letters were sent again.
#[must_use]
pub fn group(connector: &str) -> String {
    format!("rowtide-dead-letters-{connector}")
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Dead letters of this connector that were read.
    pub read: u64,
    /// Messages that were sent to where they belong.
    pub sent: u64,
    /// Records that failed again, and are dead letters again.
    pub failed: u64,
    /// Dead letters that cannot be sent: a part of them is not there.
    pub unsendable: u64,
}

/// A replay, ready to run.
pub struct Replay {
    config: KafkaConfig,
    connector: Arc<str>,
    topic: Arc<str>,
    line: (Pipeline, Box<dyn Sink>, Settings),
}

#[derive(Debug, Default)]
struct Read {
    letters: AtomicU64,
    unsendable: AtomicU64,
}

impl Replay {
    pub(crate) fn new(
        config: KafkaConfig,
        connector: &str,
        topic: Arc<str>,
        line: (Pipeline, Box<dyn Sink>, Settings),
    ) -> Self {
        Self { config, connector: connector.into(), topic, line }
    }

    /// Sends again what the topic held when this began and no replay before has sent.
    ///
    /// # Errors
    /// The first error of any part. What was sent until then is remembered.
    pub async fn run(self, stop: CancellationToken) -> Result<Outcome, ConnectorError> {
        let Self { config, connector, topic, line: (pipeline, sink, settings) } = self;
        let read = Arc::<Read>::default();
        let telltale = Telltale::default();
        let opened = open(config.clone(), group(&connector), Arc::clone(&topic)).await?;
        let source = Letters { reader: opened, connector: Arc::clone(&connector), read: Arc::clone(&read) };
        let committing = open(config, group(&connector), topic).await?;
        let offsets = Committed { reader: Arc::new(committing) };
        let (source, offsets) = (Box::new(source), Box::new(offsets));
        run(Connector { source, pipeline, sink, offsets, settings, spans: None }, &telltale, stop).await?;
        let failed = telltale.meters.line.dead_letters.get();
        Ok(Outcome {
            read: read.letters.load(Ordering::Relaxed),
            sent: telltale.meters.line.written.get() - failed,
            failed,
            unsendable: read.unsendable.load(Ordering::Relaxed),
        })
    }
}

async fn open(config: KafkaConfig, group: String, topic: Arc<str>) -> Result<TopicReader, SinkError> {
    blocking(&Arc::clone(&topic), move || TopicReader::open(&config, &group, &topic)).await
}

async fn blocking<T: Send + 'static>(
    topic: &str,
    work: impl FnOnce() -> Result<T, SinkError> + Send + 'static,
) -> Result<T, SinkError> {
    let stopped = |error: tokio::task::JoinError| SinkError::Unavailable {
        sink: format!("topic {topic}"),
        reason: error.to_string(),
    };
    tokio::task::spawn_blocking(work).await.map_err(stopped)?
}

/// The dead letter topic as a source.
struct Letters {
    reader: TopicReader,
    connector: Arc<str>,
    read: Arc<Read>,
}

impl Letters {
    /// The events of what was read, and where the topic goes on.
    fn batch(&self, messages: Vec<Kept>, json: &mut JsonReader, offsets: &mut Offsets) -> Batch {
        let mut events = Vec::with_capacity(messages.len());
        for message in messages {
            offsets.insert(message.partition, message.offset + 1);
            let Some(letter) = Letter::of(message, &self.connector) else { continue };
            self.read.letters.fetch_add(1, Ordering::Relaxed);
            match letter.event(json) {
                Ok(event) => events.push(Event::DeadLetter(Box::new(event))),
                Err(reason) => {
                    self.read.unsendable.fetch_add(1, Ordering::Relaxed);
                    let (partition, offset) = (letter.message().partition, letter.message().offset);
                    tracing::error!(partition, offset, reason, "a dead letter cannot be sent again; it is left behind");
                }
            }
        }
        Batch { events, position: position(offsets), tally: Tally::default() }
    }

    async fn read(mut self, start: Option<Position>, out: Outbox) -> Result<(), SinkError> {
        let mut offsets = start.as_ref().map(offsets_of).unwrap_or_default();
        self.reader.start(&offsets)?;
        out.progress.send_modify(|progress| progress.connected = true);
        let mut json = JsonReader::default();
        loop {
            let Self { mut reader, connector, read } = self;
            let (back, messages) = blocking(&Arc::clone(&connector), move || {
                let messages = reader.read()?;
                Ok((reader, messages))
            })
            .await?;
            self = Self { reader: back, connector, read };
            if messages.is_empty() {
                break;
            }
            if out.send(self.batch(messages, &mut json, &mut offsets)).await.is_err() {
                return Ok(());
            }
        }
        out.progress.send_modify(|progress| progress.caught_up = true);
        out.stop.cancelled().await;
        Ok(())
    }
}

impl Source for Letters {
    fn run(self: Box<Self>, start: Option<Position>, out: Outbox) -> BoxFuture<'static, Result<(), SourceError>> {
        let lost = |error: SinkError| SourceError::Disconnected {
            address: "the dead letter topic".to_owned(),
            reason: error.to_string(),
        };
        async move { self.read(start, out).await.map_err(lost) }.boxed()
    }
}

/// The offsets of the group as a store of positions.
struct Committed {
    reader: Arc<TopicReader>,
}

impl Committed {
    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&TopicReader) -> Result<T, SinkError> + Send + 'static,
    ) -> Result<T, OffsetError> {
        let reader = Arc::clone(&self.reader);
        let done = blocking("of dead letters", move || work(&reader)).await;
        done.map_err(|error| OffsetError::State { path: "of the dead letters".to_owned(), reason: error.to_string() })
    }
}

impl OffsetStore for Committed {
    fn load(&mut self) -> BoxFuture<'_, Result<Option<Position>, OffsetError>> {
        async move {
            let committed = self.with(TopicReader::committed).await?;
            Ok((!committed.is_empty()).then(|| position(&committed)))
        }
        .boxed()
    }

    fn save(&mut self, position: Position) -> BoxFuture<'_, Result<(), OffsetError>> {
        async move { self.with(move |reader| reader.commit(&offsets_of(&position))).await }.boxed()
    }
}

/// The next offset of each partition, as JSON.
fn position(offsets: &Offsets) -> Position {
    let offsets: BTreeMap<String, i64> = offsets.iter().map(|(part, offset)| (part.to_string(), *offset)).collect();
    Position(serde_json::to_string(&offsets).unwrap_or_default().into())
}

fn offsets_of(position: &Position) -> Offsets {
    let offsets: BTreeMap<String, i64> = serde_json::from_str(&position.0).unwrap_or_default();
    offsets.into_iter().filter_map(|(part, offset)| Some((part.parse().ok()?, offset))).collect()
}
