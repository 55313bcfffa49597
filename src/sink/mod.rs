//! The contract of a sink: messages go in, in order; a delivery comes back when all of them are durable.

pub mod file;
pub mod kafka;
pub mod lines;
pub mod stdout;

use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;

use crate::record::Headers;

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
    /// Enqueues in order and waits only for room. The delivery resolves once all of it is durable.
    fn write(&mut self, messages: Vec<Message>) -> BoxFuture<'_, Result<Delivery, SinkError>>;
}
