//! What messages a topic takes, told before the first one is sent: whether there can be such a topic, and how large a batch
//! may be.
//!
//! It owns what was learnt of topics whose limit is below what librdkafka puts into one request, and cuts writes so that no
//! request of theirs gets larger: librdkafka, unlike the Java client, does not split a batch that a broker refuses.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource, ResourceSpecifier};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use super::super::limit::{self, Limit};
use super::super::{Message, SinkError};
use super::health::Health;
use super::oauth::Connection;
use super::topics::{AGAIN, Quiet, REQUEST, blocking, client};

/// What Kafka allows in the name of a topic (`org.apache.kafka.common.internals.Topic`).
pub(super) fn check_name(topic: &str) -> Result<(), SinkError> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if (1..=249).contains(&topic.len()) && topic.chars().all(legal) && !matches!(topic, "." | "..") {
        return Ok(());
    }
    Err(SinkError::InvalidTopic { topic: topic.to_owned() })
}

/// How large a batch of the topic may be; `None`: the brokers don't tell. While they are away it waits. A topic that
/// `exists` because it was just made may be news to the broker that is asked.
pub(super) async fn batch_bytes_max(
    admin: &Connection,
    topic: &Arc<str>,
    exists: bool,
    health: &Health,
) -> Result<Option<usize>, SinkError> {
    let begin = Instant::now();
    loop {
        health.check()?;
        let (admin, name, news) = (admin.clone(), Arc::clone(topic), exists && begin.elapsed() < REQUEST);
        let asked = blocking(move || ask(&admin, &name, news)).await;
        match asked.map_err(|stopped| health.unavailable(stopped.to_string()))? {
            Ok(bytes) => {
                health.answered();
                return Ok(bytes);
            }
            Err(error) => {
                health.trouble(&error.to_string());
                health.tell_away();
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

fn ask(admin: &Connection, topic: &str, exists: bool) -> Result<Option<usize>, KafkaError> {
    let client = client(admin)?;
    match setting(&client, ResourceSpecifier::Topic(topic), "max.message.bytes")? {
        Err(code @ (Code::UnknownTopicOrPartition | Code::UnknownTopic)) if exists => Err(KafkaError::AdminOp(code)),
        // It will be made with the broker's default.
        Err(Code::UnknownTopicOrPartition | Code::UnknownTopic) => {
            let metadata = client.inner().fetch_metadata(None, REQUEST)?;
            let Some(broker) = metadata.brokers().first() else { return Ok(None) };
            Ok(setting(&client, ResourceSpecifier::Broker(broker.id()), "message.max.bytes")?.unwrap_or_default())
        }
        Err(code) => {
            let remedy = "grant DESCRIBE_CONFIGS on the topic to the producer's user";
            tracing::warn!(topic, %code, remedy, "cannot learn how large a message may be");
            Ok(None)
        }
        Ok(bytes) => Ok(bytes),
    }
}

/// A setting that is a number.
fn setting(
    client: &AdminClient<Quiet>,
    resource: ResourceSpecifier<'_>,
    name: &str,
) -> Result<Result<Option<usize>, Code>, KafkaError> {
    let options = AdminOptions::new().request_timeout(Some(REQUEST));
    let described = futures::executor::block_on(client.describe_configs([&resource], &options))?;
    let value = |resource: ConfigResource| resource.get(name)?.value.as_ref()?.parse().ok();
    let first = described.into_iter().next();
    Ok(first.map_or(Ok(None), |answer| answer.map(value)))
}

/// Topics that take less in a batch than librdkafka puts into one.
#[derive(Debug)]
pub(super) struct Small {
    /// The most that librdkafka puts into a batch.
    batch_max: usize,
    limits: HashMap<Arc<str>, usize>,
}

/// Messages that are handed over together, and whether nothing else may be on its way with them.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) messages: Vec<Message>,
    pub(super) alone: bool,
}

impl Small {
    pub(super) fn new(batch_max: usize) -> Self {
        Self { batch_max, limits: HashMap::new() }
    }

    /// The newest word about a topic.
    pub(super) fn learn(&mut self, topic: &Arc<str>, limit: Limit) {
        // A batch holds one message at least, however large.
        match limit.topic.filter(|bytes| *bytes < limit::batch(self.batch_max)) {
            Some(bytes) => self.limits.insert(Arc::clone(topic), bytes),
            None => self.limits.remove(topic),
        };
    }

    /// Cuts a write, in its order, so that of no small topic more is handed over at a time than it takes in one batch.
    pub(super) fn cut(&self, messages: Vec<Message>) -> Vec<Part> {
        if self.limits.is_empty() || !messages.iter().any(|message| self.limits.contains_key(&message.topic)) {
            return vec![Part { messages, alone: false }];
        }
        let mut parts = Vec::new();
        let mut part: Vec<Message> = Vec::new();
        let mut taken: HashMap<Arc<str>, usize> = HashMap::new();
        for message in messages {
            if let Some(most) = self.limits.get(&message.topic) {
                let bytes = taken.entry(Arc::clone(&message.topic)).or_default();
                *bytes += limit::in_batch(&message);
                if limit::batch(*bytes) > *most && *bytes > limit::in_batch(&message) {
                    parts.push(Part { messages: std::mem::take(&mut part), alone: true });
                    taken = HashMap::from([(Arc::clone(&message.topic), limit::in_batch(&message))]);
                }
            }
            part.push(message);
        }
        parts.push(Part { messages: part, alone: true });
        parts
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::record::Headers;

    fn message(topic: &Arc<str>, bytes: usize) -> Message {
        Message {
            topic: Arc::clone(topic),
            partition: None,
            key: None,
            value: Some(Bytes::from(vec![0; bytes])),
            headers: Headers::default(),
            ts_ms: None,
            offset: None,
        }
    }

    fn sizes(parts: &[Part]) -> Vec<Vec<usize>> {
        let size = |message: &Message| message.value.as_ref().unwrap().len();
        parts.iter().map(|part| part.messages.iter().map(size).collect()).collect()
    }

    #[test]
    fn names_are_kafkas() {
        assert!(check_name("cdc.Shop_1-x").is_ok() && check_name(&"x".repeat(249)).is_ok());
        for name in ["", ".", "..", "a b", "ä", "a/b", &"x".repeat(250)] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn writes_are_cut_where_a_small_topic_is_full() {
        let (small, large): (Arc<str>, Arc<str>) = ("small".into(), "large".into());
        let mut topics = Small::new(1_000_000);
        let messages = || vec![message(&small, 400), message(&large, 5000), message(&small, 300), message(&small, 400)];
        topics.learn(&large, Limit { client: None, topic: Some(2_000_000) });
        assert_eq!(sizes(&topics.cut(messages())).len(), 1);
        topics.learn(&small, Limit { client: None, topic: Some(1000) });
        let parts = topics.cut(messages());
        assert_eq!(sizes(&parts), [vec![400, 5000, 300], vec![400]]);
        assert!(parts.iter().all(|part| part.alone));
        assert_eq!(sizes(&topics.cut(vec![message(&small, 2000), message(&small, 1)])), [vec![2000], vec![1]]);
        let whole = topics.cut(vec![message(&large, 1), message(&large, 2)]);
        assert!(sizes(&whole) == [vec![1, 2]] && !whole[0].alone);
        topics.learn(&small, Limit { client: None, topic: Some(1_048_588) });
        assert_eq!(sizes(&topics.cut(messages())).len(), 1);
    }
}
