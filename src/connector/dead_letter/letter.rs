//! The dead letter: what the topic keeps of a record that failed.
//!
//! It owns the form of the message, which other programs rely on: key, value and headers as the source made them, before any
//! transform, as JSON with schema; then headers of ours (`x-…`, text), and Connect's where they are asked for
//! (`org.apache.kafka.connect.runtime.errors.DeadLetterQueueReporter`). Invariant: what is written here is read back by
//! [`super::kept`].

use std::sync::Arc;

use bytes::Bytes;

use super::{Failure, Origin};
use crate::config::Properties;
use crate::convert::{Converter, Json};
use crate::data::Datum;
use crate::event::Position;
use crate::record::{Headers, Record};
use crate::sink::{Message, MessageHeader};

/// The connector. The headers before the last one of this name are the record's own.
pub(crate) const CONNECTOR: &str = "x-connector";
/// How often the record was sent again already: 0 when it fails for the first time.
pub(crate) const RETRY_COUNT: &str = "x-retry-count";
/// Why it failed.
pub(crate) const REASON: &str = "x-reason";
/// What failed, by Connect's name of the stage.
pub(crate) const STAGE: &str = "x-stage";
/// When, ISO 8601 in UTC.
pub(crate) const FAILED_AT: &str = "x-failed-at";
/// Where it is in the log, JSON.
pub(crate) const SOURCE_POSITION: &str = "x-source-position";
/// Its table: `db.table`, or `schema.table` in PostgreSQL.
pub(crate) const SOURCE_TABLE: &str = "x-source-table";
/// Its key, JSON without schema.
pub(crate) const PRIMARY_KEY: &str = "x-primary-key";
/// Where it was to go before any transform.
pub(crate) const ORIGINAL_TOPIC: &str = "x-original-topic";
/// Its partition, where one was chosen.
pub(crate) const ORIGINAL_PARTITION: &str = "x-original-partition";
/// What of `key`, `value` and `headers` is missing here, because it is too large, or does not fit its schema.
pub(crate) const OMITTED: &str = "x-omitted";
/// How large the value would be that is missing.
const VALUE_BYTES: &str = "x-value-bytes";

/// Makes dead letters of one connector.
pub(super) struct Letters {
    pub(super) topic: Arc<str>,
    connector: Arc<str>,
    context_headers: bool,
    key: Json,
    value: Json,
    header: Json,
    /// Without schemas.
    plain: Converter,
}

impl Letters {
    pub(super) fn new(topic: Arc<str>, connector: &str, context_headers: bool) -> Self {
        let exact = || json(&[("schemas.enable", "true"), ("replace.null.with.default", "false")]);
        Self {
            topic,
            connector: connector.into(),
            context_headers,
            key: exact(),
            value: exact(),
            header: exact(),
            plain: Converter::Json(json(&[("schemas.enable", "false")])),
        }
    }

    /// The record as a dead letter.
    pub(super) async fn of(
        &mut self,
        record: &Record,
        origin: &Origin,
        failure: &Failure,
        position: &Position,
    ) -> Message {
        let mut omitted = Vec::new();
        let mut part = |json: &mut Json, datum: &Option<Datum>, name| match datum {
            Some(datum) => json.encode(&record.topic, datum).map_err(|_| omitted.push(name)).ok(),
            None => None,
        };
        let key = part(&mut self.key, &record.key, "key");
        let value = part(&mut self.value, &record.value, "value");
        let mut headers = Vec::new();
        for header in record.headers.iter() {
            match self.header.encode(&record.topic, &header.value) {
                Ok(value) => headers.push((Arc::clone(&header.name), Some(value))),
                Err(_) if omitted.contains(&"headers") => {}
                Err(_) => omitted.push("headers"),
            }
        }
        let mut last = self.about(record, origin, failure, position).await;
        if !omitted.is_empty() {
            last.push(text(OMITTED, omitted.join(",")));
        }
        if self.context_headers {
            self.context(record, failure, &mut last);
        }
        Message {
            topic: Arc::clone(&self.topic),
            partition: None,
            key,
            value,
            headers: Headers { first: headers, shared: None, last },
            ts_ms: None,
            offset: record.offset.clone(),
        }
    }

    async fn about(
        &mut self,
        record: &Record,
        origin: &Origin,
        failure: &Failure,
        position: &Position,
    ) -> Vec<MessageHeader> {
        let mut headers = vec![
            text(CONNECTOR, &*self.connector),
            text(RETRY_COUNT, origin.failures.to_string()),
            text(REASON, failure.error.to_string()),
            text(STAGE, failure.stage.name()),
            text(FAILED_AT, jiff::Timestamp::now().to_string()),
            (SOURCE_POSITION.into(), Some(self.position(record, position).await)),
        ];
        if let Some(table) = &origin.table {
            headers.push(text(SOURCE_TABLE, &**table));
        }
        if let Ok(Some(key)) = self.plain.encode(&record.topic, record.key.as_ref(), &Headers::default()).await {
            headers.push((PRIMARY_KEY.into(), Some(key)));
        }
        headers.push(text(ORIGINAL_TOPIC, &*record.topic));
        if let Some(partition) = record.partition {
            headers.push(text(ORIGINAL_PARTITION, partition.to_string()));
        }
        headers
    }

    /// The record's own offset where it is known; else the `source` block of its envelope, which names the same places;
    /// else where the connector resumes behind it.
    async fn position(&mut self, record: &Record, position: &Position) -> Bytes {
        if let Some(offset) = &record.offset {
            return Bytes::copy_from_slice(offset.as_bytes());
        }
        if let Some(source) = record.value.as_ref().and_then(source_block)
            && let Ok(Some(block)) = self.plain.encode(&record.topic, Some(&source), &Headers::default()).await
        {
            return block;
        }
        Bytes::copy_from_slice(position.0.as_bytes())
    }

    /// Connect's, all of them under the same names. A source has no topic's offset.
    fn context(&self, record: &Record, failure: &Failure, headers: &mut Vec<MessageHeader>) {
        let mut add = |name: &str, value: String| headers.push(text(&format!("__connect.errors.{name}"), value));
        add("topic", record.topic.to_string());
        if let Some(partition) = record.partition {
            add("partition", partition.to_string());
        }
        add("connector.name", self.connector.to_string());
        add("task.id", "0".to_owned());
        add("stage", failure.stage.name().to_owned());
        add("class.name", failure.class.to_string());
        add("exception.class.name", failure.exception.to_owned());
        add("exception.message", failure.error.to_string());
        add("exception.stacktrace", super::super::supervise::trace(&failure.error));
    }
}

/// What is left when a dead letter is too large itself: without its value, then without key and headers of the record. The
/// header `x-omitted` says so.
pub(super) fn shrink(letter: &Message, everything: bool) -> Message {
    let mut small = letter.clone();
    let before = small.headers.last.iter().position(|(name, _)| &**name == OMITTED);
    let mut omitted: Vec<String> = match before.map(|place| small.headers.last.remove(place)) {
        Some((_, Some(list))) => String::from_utf8_lossy(&list).split(',').map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    if let Some(value) = small.value.take() {
        omitted.push("value".to_owned());
        small.headers.push(text(VALUE_BYTES, value.len().to_string()));
    }
    if everything {
        if small.key.take().is_some() {
            omitted.push("key".to_owned());
        }
        if !small.headers.first.is_empty() {
            small.headers.first.clear();
            omitted.push("headers".to_owned());
        }
        // It may be what is too large.
        small.headers.last.retain(|(name, _)| &**name != PRIMARY_KEY);
    }
    small.headers.push(text(OMITTED, omitted.join(",")));
    small
}

fn text(name: &str, value: impl Into<String>) -> MessageHeader {
    (name.into(), Some(Bytes::from(value.into())))
}

fn json(options: &[(&str, &str)]) -> Json {
    let options: Properties = options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Json::build(&options).unwrap_or_else(|_| unreachable!("these options are right"))
}

/// `source` of an envelope.
fn source_block(value: &Datum) -> Option<Datum> {
    let place = value.schema.index_of("source")?;
    let field = value.schema.fields().get(place)?;
    let block = value.value.as_struct()?.get(place).filter(|block| !block.is_null())?;
    Some(Datum { schema: Arc::clone(&field.schema), value: block.clone() })
}
