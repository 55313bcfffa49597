//! The sink that produces to Kafka, through librdkafka.
//!
//! It owns the producer: its settings, its messages on their way, the topics' creation. Invariants: messages of one
//! partition are durable in the order of the writes, or a failure ends the producer (idempotent, gapless); what is on its
//! way is bounded in bytes; an outage of the brokers is waited for, and nothing grows meanwhile.
//!
//! One [`Kafka`] belongs to one connector, because the connector may override the producer's settings.

mod admit;
mod ciphers;
mod config;
mod feeder;
mod flush;
mod health;
mod oauth;
mod overrides;
pub mod probe;
pub mod reader;
mod security;
mod ticket;
mod topics;
mod translate;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Message as _};
use rdkafka::producer::{ProducerContext, ThreadedProducer};
use tokio::runtime::{Handle, TryCurrentError};
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tracing::{Instrument as _, Span};

use self::admit::{Part, Small};
pub use self::config::{KEYS, KafkaConfig};
use self::feeder::{Event, Feeder};
use self::health::{Health, Refused};
use self::oauth::{Connection, News, Tokens};
use self::ticket::{Load, Room, Ticket};
use self::topics::Topics;
use super::limit::Limit;
use super::{Delivery, Message, Sink, SinkError};
use crate::metrics::Meters;

type Producer = ThreadedProducer<Callbacks>;

/// Kafka's name for its cluster; `None` if no broker tells it in time.
pub async fn cluster_id(config: &KafkaConfig) -> Option<String> {
    let admin = config.admin();
    tokio::task::spawn_blocking(move || topics::cluster_id(&admin)).await.ok().flatten()
}

/// A connector's producer.
pub struct Kafka {
    feeder: Option<JoinHandle<()>>,
    events: Sender<Event>,
    health: Arc<Health>,
    room: Arc<Room>,
    topics: Option<Topics>,
    block_max: Option<Duration>,
    admin: Connection,
    /// Sees to the producer's tokens.
    keeper: Option<AbortHandle>,
    bytes_max: usize,
    /// Of those topics that somebody asked about.
    small: Small,
}

impl Kafka {
    /// Makes the producer. It connects by itself, and waits for brokers that are away.
    ///
    /// # Errors
    /// Settings that do not go together.
    pub fn new(config: &KafkaConfig) -> Result<Self, SinkError> {
        let wrong = |reason: String| SinkError::Configuration { sink: config.sink_name(), reason };
        let health = Arc::new(Health::new(config.sink_name(), config.creates_topics()));
        // Its threads are not tasks of the connector: what they log says whose they are all the same.
        let span = Span::current();
        let callbacks = Callbacks { health: Arc::clone(&health), bytes_max: config.bytes_max, span: span.clone() };
        let producer: Producer =
            config.producer().create_with_context(callbacks).map_err(|error| wrong(error.to_string()))?;
        let (events, heard) = std::sync::mpsc::channel();
        let feeder = Feeder {
            producer,
            health: Arc::clone(&health),
            events: heard,
            round: config.round,
            bytes_max: config.bytes_max,
            waiting: VecDeque::new(),
            shared_headers: None,
        };
        let keeper = config.tokens.as_ref().map(|tokens| keep_tokens(tokens, &events, &health)).transpose();
        let keeper = keeper.map_err(|error| wrong(error.to_string()))?;
        let feed = move || span.in_scope(|| feeder.run());
        let feeder = std::thread::Builder::new().name("kafka feeder".to_owned()).spawn(feed);
        Ok(Self {
            feeder: Some(feeder.map_err(|error| wrong(error.to_string()))?),
            events,
            health,
            room: Room::new(config.buffer_bytes, config.buffer_messages),
            block_max: config.block_max,
            topics: config.creation.clone().map(|creation| Topics::new(creation, config.admin())),
            admin: config.admin(),
            keeper,
            bytes_max: config.bytes_max,
            small: Small::new(config.round.bytes),
        })
    }

    async fn write_all(&mut self, messages: Vec<Message>) -> Result<Delivery, SinkError> {
        self.health.check()?;
        if let Some(topics) = &mut self.topics {
            topics.ensure(&messages, &self.health).await?;
        }
        let mut parts = Vec::new();
        for part in self.small.cut(messages) {
            parts.push(self.write_part(part).await?);
        }
        let health = Arc::clone(&self.health);
        let delivery = async move {
            for hears in parts {
                if health.wait(hears).await?.is_err() {
                    return Err(health.failure().await);
                }
            }
            Ok(())
        };
        Ok(delivery.boxed())
    }

    async fn write_part(&mut self, part: Part) -> Result<oneshot::Receiver<()>, SinkError> {
        let room = self.health.wait(self.room.take(Load::of(&part.messages)));
        let room = match self.block_max {
            None => room.await?,
            Some(limit) => tokio::time::timeout(limit, room).await.map_err(|_| {
                self.health.unavailable(format!("no room for {} ms (max.block.ms)", limit.as_millis()))
            })??,
        };
        let (ticket, hears) = Ticket::new(room);
        self.events.send(Event::Write(part, ticket)).map_err(|_| self.health.unavailable("its thread has ended"))?;
        Ok(hears)
    }

    async fn limit(&mut self, topic: &Arc<str>) -> Result<Limit, SinkError> {
        admit::check_name(topic)?;
        self.health.check()?;
        let mut exists = false;
        if let Some(topics) = &mut self.topics {
            topics.ensure_one(topic, &self.health).await?;
            exists = topics.creates(topic);
        }
        let of_topic = admit::batch_bytes_max(&self.admin, topic, exists, &self.health).await?;
        let limit = Limit { client: Some(self.bytes_max), topic: of_topic };
        self.small.learn(topic, limit);
        Ok(limit)
    }
}

/// Gives the producer a token, and a new one before each ends.
fn keep_tokens(
    tokens: &Arc<Tokens>,
    events: &Sender<Event>,
    health: &Arc<Health>,
) -> Result<AbortHandle, TryCurrentError> {
    let (events, health) = (events.clone(), Arc::clone(health));
    let hears = move |news| match news {
        News::Token(token) => events.send(Event::Token(token)).is_ok(),
        News::Trouble(error) => {
            health.trouble(&error.to_string());
            true
        }
        News::End(error) => {
            health.fail(health.unavailable(error.to_string()));
            false
        }
    };
    let keeper = oauth::keep(Arc::clone(tokens), hears).in_current_span();
    Ok(Handle::try_current()?.spawn(keeper).abort_handle())
}

impl Sink for Kafka {
    fn observe(&mut self, meters: &Arc<Meters>) {
        self.health.observe(meters);
        self.room.observe(meters);
    }

    fn admit<'a>(&'a mut self, topic: &'a Arc<str>) -> BoxFuture<'a, Result<Limit, SinkError>> {
        self.limit(topic).boxed()
    }

    fn write(&mut self, messages: Vec<Message>) -> BoxFuture<'_, Result<Delivery, SinkError>> {
        self.write_all(messages).boxed()
    }
}

impl Drop for Kafka {
    /// Returns when nothing of this producer can reach the brokers any more, or after two seconds.
    fn drop(&mut self) {
        self.health.fail(self.health.unavailable("the producer was closed"));
        if let Some(keeper) = self.keeper.take() {
            keeper.abort();
        }
        // The thread may have ended by itself: then there is nothing to wait for.
        drop(self.events.send(Event::Close));
        if let Some(Err(_)) = self.feeder.take().map(JoinHandle::join) {
            tracing::error!("the thread that feeds Kafka panicked");
        }
    }
}

/// What librdkafka calls, on the producer's thread.
struct Callbacks {
    health: Arc<Health>,
    bytes_max: usize,
    /// Whose it is, for the log.
    span: Span,
}

impl ProducerContext for Callbacks {
    type DeliveryOpaque = Arc<Ticket>;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: Arc<Ticket>) {
        match result {
            Ok(_) => {
                if self.health.delivered() {
                    self.span.in_scope(|| self.health.tell_back());
                }
            }
            Err((error, message)) => {
                ticket.fail();
                let refused = Refused {
                    topic: message.topic(),
                    partition: Some(message.partition()),
                    bytes: message.key_len() + message.payload_len(),
                    bytes_max: self.bytes_max,
                };
                self.health.undelivered(refused, error);
            }
        }
    }
}

impl ClientContext for Callbacks {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.span.in_scope(|| log(level, facility, message));
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.span.in_scope(|| self.health.global(&error, reason));
    }
}

/// librdkafka's log. Its errors come as error events too, and are told from there.
fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        // Its remarks on settings are about those that we set on purpose; a user's are checked where they are read.
        RDKafkaLogLevel::Warning if facility != "CONFWARN" => tracing::warn!(facility, "librdkafka: {message}"),
        RDKafkaLogLevel::Warning
        | RDKafkaLogLevel::Emerg
        | RDKafkaLogLevel::Alert
        | RDKafkaLogLevel::Critical
        | RDKafkaLogLevel::Error
        | RDKafkaLogLevel::Notice
        | RDKafkaLogLevel::Info
        | RDKafkaLogLevel::Debug => tracing::debug!(facility, "librdkafka: {message}"),
    }
}

#[cfg(test)]
mod tests;
