//! The contract of a sink: messages go in, in order; a delivery comes back when all of them are durable.

pub mod file;
pub mod kafka;
pub mod limit;
pub mod lines;
pub mod stdout;

use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;

use crate::metrics::Meters;
use crate::record::Headers;
use limit::Limit;

/// Why a sink could not keep messages. `connector::policy` says of each whether it passes by itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SinkError {
    /// The sink is away, or answers with an error that can pass.
    #[error("{sink}: {reason}")]
    Unavailable {
        /// The sink, with its address.
        sink: String,
        /// What it said.
        reason: String,
    },
    /// The sink refuses a message for good.
    #[error("topic {topic}: the sink refuses a message: {reason}; {remedy}")]
    Refused {
        /// Where it was to go.
        topic: String,
        /// What the sink said.
        reason: String,
        /// What would help.
        remedy: String,
    },
    /// The sink refuses a message for its size. Who asks beforehand what topics take ([`Sink::admit`]) is told which one,
    /// and has not sent it.
    #[error("topic {topic}: the sink refuses a message: {reason}; {remedy}")]
    SizeRefused {
        /// Where it was to go.
        topic: String,
        /// What the sink said.
        reason: String,
        /// What would help.
        remedy: String,
    },
    /// There is no such topic, and it is not ours to create it. A broker that has just started says so too, of topics that it
    /// has not loaded yet.
    #[error("topic {topic}: the sink refuses a message: {reason}; {remedy}")]
    TopicMissing {
        /// Where it was to go.
        topic: String,
        /// What the sink said.
        reason: String,
        /// What would help.
        remedy: String,
    },
    /// There can be no topic of that name.
    #[error("topic {topic:?}: that is no topic name; use letters, digits, '.', '_' and '-', at most 249")]
    InvalidTopic {
        /// Where the message was to go.
        topic: String,
    },
    /// A message is larger than the sink takes.
    #[error("topic {topic}: a message of {bytes} bytes is larger than {limit}, the most that is taken; {remedy}")]
    TooLarge {
        /// Where it was to go.
        topic: String,
        /// As it would be sent, before compression.
        bytes: usize,
        /// The most that is taken.
        limit: usize,
        /// Whether that is a setting of the topic; else it is the connector's own.
        by_topic: bool,
        /// What would help.
        remedy: String,
    },
    /// Nobody reads any more: the reader of standard output has gone. The daemon has nothing left to do.
    #[error("{sink} is closed: {reason}")]
    Closed {
        /// The sink.
        sink: String,
        /// What the operating system said.
        reason: String,
    },
    /// The sink's settings are wrong.
    #[error("{sink}: {reason}")]
    Configuration {
        /// The sink.
        sink: String,
        /// What is wrong, and what would be right.
        reason: String,
    },
}

impl SinkError {
    /// Whether a message was found unfit before it was sent, so that the sink itself is well.
    #[must_use]
    pub const fn is_foreseen(&self) -> bool {
        matches!(self, Self::InvalidTopic { .. } | Self::TooLarge { .. })
    }
}

/// A header's name and the bytes of its value.
pub type MessageHeader = (Arc<str>, Option<Bytes>);

/// The bytes of one record.
#[derive(Clone, Debug)]
pub struct Message {
    /// Where it goes.
    pub topic: Arc<str>,
    /// `None`: by the key.
    pub partition: Option<i32>,
    /// `None`: null.
    pub key: Option<Bytes>,
    /// `None`: a tombstone.
    pub value: Option<Bytes>,
    /// Names and values, in order.
    pub headers: Headers<MessageHeader>,
    /// Milliseconds since the epoch; `None`: now.
    pub ts_ms: Option<i64>,
    /// Debezium's offset of this record, as JSON, where the sink asked for it.
    pub offset: Option<Arc<str>>,
}

/// Resolves once every message of one `write` is durable.
pub type Delivery = BoxFuture<'static, Result<(), SinkError>>;

/// Where messages go.
pub trait Sink: Send {
    /// Asks what messages a topic takes, before the first one is written: who can do something else with a message asks;
    /// who cannot lets `write` fail. Waits while the sink is away.
    ///
    /// # Errors
    /// [`SinkError::InvalidTopic`]: there can be no such topic. Any other is no message's fault.
    fn admit<'a>(&'a mut self, topic: &'a Arc<str>) -> BoxFuture<'a, Result<Limit, SinkError>> {
        let _ = topic;
        Box::pin(std::future::ready(Ok(Limit::default())))
    }

    /// Tells there whether it answers and what it holds, from now on. Who is always there tells nothing.
    fn observe(&mut self, meters: &Arc<Meters>) {
        let _ = meters;
    }

    /// Enqueues in order and waits only for room. The delivery resolves once all of it is durable.
    fn write(&mut self, messages: Vec<Message>) -> BoxFuture<'_, Result<Delivery, SinkError>>;
}
