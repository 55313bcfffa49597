//! The sink that produces to Kafka, through librdkafka.
//!
//! It owns the producer: its settings, its messages on their way, the topics' creation. Invariants: messages of one
//! partition are durable in the order of the writes, or a failure ends the producer (idempotent, gapless); what is on its
//! way is bounded in bytes; an outage of the brokers is waited for, and nothing grows meanwhile.
//!
//! One [`Kafka`] belongs to one connector, because the connector may override the producer's settings.

mod config;
mod feeder;
mod health;
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

pub use self::config::{KEYS, KafkaConfig};
use self::feeder::{Event, Feeder};
use self::health::{Health, Refused};
use self::ticket::{Load, Room, Ticket};
use self::topics::Topics;
use super::{Delivery, Message, Sink, SinkError};

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
}

impl Kafka {
    /// Makes the producer. It connects by itself, and waits for brokers that are away.
    ///
    /// # Errors
    /// Settings that do not go together.
    pub fn new(config: &KafkaConfig) -> Result<Self, SinkError> {
        let wrong = |reason: String| SinkError::Configuration { sink: config.sink_name(), reason };
        let health = Arc::new(Health::new(config.sink_name(), config.creation.is_some()));
        let callbacks = Callbacks { health: Arc::clone(&health), bytes_max: config.bytes_max };
        let producer: Producer =
            config.producer().create_with_context(callbacks).map_err(|error| wrong(error.to_string()))?;
        let (events, heard) = std::sync::mpsc::channel();
        let feeder = Feeder {
            producer,
            health: Arc::clone(&health),
            events: heard,
            landed: events.clone(),
            round: config.round,
            bytes_max: config.bytes_max,
            waiting: VecDeque::new(),
            shared_headers: None,
        };
        let feeder = std::thread::Builder::new().name("kafka feeder".to_owned()).spawn(|| feeder.run());
        Ok(Self {
            feeder: Some(feeder.map_err(|error| wrong(error.to_string()))?),
            events,
            health,
            room: Room::new(config.buffer_bytes, config.buffer_messages),
            block_max: config.block_max,
            topics: config.creation.clone().map(|creation| Topics::new(creation, config.admin())),
        })
    }

    async fn write_all(&mut self, messages: Vec<Message>) -> Result<Delivery, SinkError> {
        self.health.check()?;
        if let Some(topics) = &mut self.topics {
            topics.ensure(&messages, &self.health).await?;
        }
        let room = self.health.wait(self.room.take(Load::of(&messages)));
        let room = match self.block_max {
            None => room.await?,
            Some(limit) => tokio::time::timeout(limit, room).await.map_err(|_| {
                self.health.unavailable(format!("no room for {} ms (max.block.ms)", limit.as_millis()))
            })??,
        };
        let (ticket, hears) = Ticket::new(room);
        self.events
            .send(Event::Write(messages, ticket))
            .map_err(|_| self.health.unavailable("its thread has ended"))?;
        let health = Arc::clone(&self.health);
        let delivery = async move {
            match health.wait(hears).await? {
                Ok(()) => Ok(()),
                Err(_) => Err(health.failure().await),
            }
        };
        Ok(delivery.boxed())
    }
}

impl Sink for Kafka {
    fn write(&mut self, messages: Vec<Message>) -> BoxFuture<'_, Result<Delivery, SinkError>> {
        self.write_all(messages).boxed()
    }
}

impl Drop for Kafka {
    /// Returns when nothing of this producer can reach the brokers any more, or after two seconds.
    fn drop(&mut self) {
        self.health.fail(self.health.unavailable("the producer was closed"));
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
}

impl ProducerContext for Callbacks {
    type DeliveryOpaque = Arc<Ticket>;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: Arc<Ticket>) {
        match result {
            Ok(_) => self.health.delivered(),
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
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.health.global(&error, reason);
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
