//! Records of logical messages (`pg_logical_emit_message`): Debezium's `LogicalDecodingMessageMonitor`.

use std::sync::Arc;

use bytes::Bytes;

use crate::data::{Datum, Field, Kind, Row, Schema, Text, Value};
use crate::event::{Ready, TransactionPlace};
use crate::source::common::BinaryMode;
use crate::source::describe::OwnRecord;
use crate::source::table::transaction_block;

use super::config::PostgresConfig;
use super::decode;

/// Makes the records of logical messages.
#[derive(Debug)]
pub(super) struct Messages {
    key: Arc<Schema>,
    value: Arc<Schema>,
    content: BinaryMode,
    topic: Arc<str>,
}

/// A logical message.
pub(super) struct LogicalMessage<'a> {
    /// Its prefix.
    pub(super) prefix: &'a str,
    /// Its content.
    pub(super) content: &'a [u8],
    /// The `source` block.
    pub(super) source: Value,
    /// Its place in the transaction, if asked for.
    pub(super) transaction: Option<TransactionPlace>,
    /// When it was seen: milliseconds since the epoch.
    pub(super) ts_ms: i64,
    /// Its offset, if asked for.
    pub(super) offset: Option<Arc<str>>,
}

impl Messages {
    /// With the schemas of this connector.
    pub(super) fn new(config: &PostgresConfig) -> Self {
        let name = |part: &str| format!("io.debezium.connector.postgresql.{part}");
        let prefix = || Field::new("prefix", Schema::of(Kind::Text).optional());
        let content = match config.common.binary {
            BinaryMode::Bytes => Kind::Bytes,
            BinaryMode::Base64 | BinaryMode::Base64UrlSafe | BinaryMode::Hex => Kind::Text,
        };
        let message = vec![prefix(), Field::new("content", Schema::of(content).optional())];
        let value = vec![
            Field::new("op", Schema::of(Kind::Text)),
            Field::new("ts_ms", Schema::of(Kind::Int64).optional()),
            Field::new("source", Arc::clone(&config.source.schema)),
            Field::new("transaction", transaction_block()),
            Field::new("message", Schema::structure(name("Message"), message).version(1)),
        ];
        Self {
            key: Arc::new(Schema::structure(name("MessageKey"), vec![prefix()]).version(1)),
            value: Arc::new(Schema::structure(name("MessageValue"), value).version(1)),
            content: config.common.binary,
            topic: Arc::clone(&config.message_topic),
        }
    }

    /// What its records are.
    pub(super) fn described(&self) -> OwnRecord {
        OwnRecord { topic: Arc::clone(&self.topic), key: Arc::clone(&self.key), value: Arc::clone(&self.value) }
    }

    /// The record of a message.
    pub(super) fn record(&self, message: LogicalMessage<'_>) -> Ready {
        let prefix = Value::text(message.prefix);
        let transaction = message.transaction.map_or(Value::Null, |place| {
            let id = Value::text(&*place.id);
            Value::Struct(Box::new([id, place.total_order.into(), place.data_collection_order.into()]))
        });
        let content: Row =
            Box::new([prefix.clone(), decode::bytes(self.content, &Bytes::copy_from_slice(message.content))]);
        let value: Row = Box::new([
            Value::Text(Text::from_static("m")),
            message.ts_ms.into(),
            message.source,
            transaction,
            Value::Struct(content),
        ]);
        Ready {
            topic: Arc::clone(&self.topic),
            partition: None,
            key: Some(Datum { schema: Arc::clone(&self.key), value: Value::Struct(Box::new([prefix])) }),
            value: Some(Datum { schema: Arc::clone(&self.value), value: Value::Struct(value) }),
            context_headers: false,
            offset: message.offset,
        }
    }
}
