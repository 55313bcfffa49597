//! The sink that produces to Kafka, through librdkafka.
//!
//! It owns the producer: its settings, its messages on their way, the topics' creation. Invariants: messages of one
//! partition are durable in the order of the writes, or a failure ends the producer (idempotent, gapless); what is on its
//! way is bounded in bytes; an outage of the brokers is waited for, and nothing grows meanwhile.
//!
//! One [`Kafka`] belongs to one connector, because the connector may override the producer's settings.

mod config;
mod health;
mod security;
mod ticket;
mod topics;
mod translate;

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Header, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, PurgeConfig, ThreadedProducer};

pub use self::config::{KEYS, KafkaConfig};
use self::health::{Health, Refused};
use self::ticket::{Load, Room, Ticket};
use self::topics::Topics;
use super::{Delivery, Message, MessageHeader, Sink, SinkError};
use crate::record::Headers;

/// How long a sink that is dropped waits for requests that are under way. The next producer must not meet them.
const LAST_REQUESTS: Duration = Duration::from_secs(1);

/// Kafka's name for its cluster; `None` if no broker tells it in time.
pub async fn cluster_id(config: &KafkaConfig) -> Option<String> {
    let admin = config.admin();
    tokio::task::spawn_blocking(move || topics::cluster_id(&admin)).await.ok().flatten()
}

/// A connector's producer.
pub struct Kafka {
    producer: ThreadedProducer<Callbacks>,
    health: Arc<Health>,
    room: Arc<Room>,
    topics: Option<Topics>,
    shared_headers: Option<(Arc<[MessageHeader]>, OwnedHeaders)>,
    block_max: Option<Duration>,
    bytes_max: usize,
}

impl Kafka {
    /// Makes the producer. It connects by itself, and waits for brokers that are away.
    ///
    /// # Errors
    /// Settings that do not go together.
    pub fn new(config: &KafkaConfig) -> Result<Self, SinkError> {
        let health = Arc::new(Health::new(config.sink_name(), config.creation.is_some()));
        let callbacks = Callbacks { health: Arc::clone(&health), bytes_max: config.bytes_max };
        let producer = config
            .producer()
            .create_with_context(callbacks)
            .map_err(|error| SinkError::Configuration { sink: config.sink_name(), reason: error.to_string() })?;
        Ok(Self {
            producer,
            health,
            room: Room::new(config.buffer_bytes, config.buffer_messages),
            block_max: config.block_max,
            bytes_max: config.bytes_max,
            topics: config.creation.clone().map(|creation| Topics::new(creation, config.admin())),
            shared_headers: None,
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
        for message in &messages {
            if !self.enqueue(message, &ticket) {
                return Err(self.health.failure().await);
            }
        }
        let health = Arc::clone(&self.health);
        let delivery = async move {
            match health.wait(hears).await? {
                Ok(()) => Ok(()),
                Err(_) => Err(health.failure().await),
            }
        };
        Ok(delivery.boxed())
    }

    /// Whether librdkafka took the message.
    fn enqueue(&mut self, message: &Message, ticket: &Arc<Ticket>) -> bool {
        let record = BaseRecord {
            topic: &message.topic,
            partition: message.partition,
            payload: message.value.as_deref(),
            key: message.key.as_deref(),
            timestamp: message.ts_ms,
            headers: self.headers(&message.headers),
            delivery_opaque: Arc::clone(ticket),
        };
        let Err((error, record)) = self.producer.send(record) else { return true };
        // Never enqueued, so never reported.
        record.delivery_opaque.fail();
        let bytes = record.key.map_or(0, <[u8]>::len) + record.payload.map_or(0, <[u8]>::len);
        let refused = Refused { topic: record.topic, partition: record.partition, bytes, bytes_max: self.bytes_max };
        self.health.undelivered(refused, &error);
        false
    }

    /// librdkafka's form of the headers. Those that all messages of a run share are made once and copied.
    fn headers(&mut self, headers: &Headers<MessageHeader>) -> Option<OwnedHeaders> {
        if headers.is_empty() {
            return None;
        }
        let Some(shared) = headers.shared.as_ref().filter(|_| headers.first.is_empty()) else {
            let all = OwnedHeaders::new_with_capacity(headers.len());
            return Some(headers.iter().fold(all, add));
        };
        let all = match &self.shared_headers {
            Some((known, made)) if Arc::ptr_eq(known, shared) => made.clone(),
            _ => {
                let made = shared.iter().fold(OwnedHeaders::new_with_capacity(shared.len()), add);
                self.shared_headers.insert((Arc::clone(shared), made)).1.clone()
            }
        };
        Some(headers.last.iter().fold(all, add))
    }
}

fn add(headers: OwnedHeaders, (name, value): &MessageHeader) -> OwnedHeaders {
    headers.insert(Header { key: name, value: value.as_deref() })
}

impl Sink for Kafka {
    fn write(&mut self, messages: Vec<Message>) -> BoxFuture<'_, Result<Delivery, SinkError>> {
        self.write_all(messages).boxed()
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        self.health.fail(self.health.unavailable("the producer was closed"));
        if self.producer.in_flight_count() > 0 {
            // What was not sent will be read again from the saved position, and sent by the next producer. What was sent
            // must have arrived by then, so that it cannot land behind the repetition.
            self.producer.purge(PurgeConfig::default().queue());
            if let Err(error) = self.producer.flush(LAST_REQUESTS) {
                tracing::debug!(%error, "closed with requests under way");
            }
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
