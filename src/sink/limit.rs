//! How large a message may be that a sink takes, so that one that is too large is known before it is handed over.
//!
//! Sizes are those of Kafka's record format (<https://kafka.apache.org/documentation/#recordbatch>), before compression.

use super::{Message, SinkError};

/// A batch's own bytes, before its records.
const BATCH_BYTES: usize = 61;

/// What librdkafka adds to key, value and headers of a message at most (`RD_KAFKAP_MESSAGE_V2_MAX_OVERHEAD`).
const CLIENT_BYTES: usize = 36;

/// How large a message of some topic may be; any size where nothing is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limit {
    /// The client's: `max.request.size`.
    pub client: Option<usize>,
    /// The topic's: `max.message.bytes`, which bounds a batch; a message is at least a batch by itself.
    pub topic: Option<usize>,
}

impl Limit {
    /// # Errors
    /// [`SinkError::TooLarge`]
    pub fn check(self, message: &Message) -> Result<(), SinkError> {
        let too_large = |bytes, limit, by_topic, remedy: &str| SinkError::TooLarge {
            topic: message.topic.to_string(),
            bytes,
            limit,
            by_topic,
            remedy: remedy.to_owned(),
        };
        if let Some(limit) = self.client {
            let bytes = CLIENT_BYTES + content(message);
            if bytes > limit {
                let remedy = "raise producer.override.max.request.size, and max.message.bytes of the topic";
                return Err(too_large(bytes, limit, false, remedy));
            }
        }
        if let Some(limit) = self.topic {
            let bytes = BATCH_BYTES + record(message);
            if bytes > limit {
                let remedy = "raise max.message.bytes of the topic (or message.max.bytes of the broker)";
                return Err(too_large(bytes, limit, true, remedy));
            }
        }
        Ok(())
    }
}

/// The most that a message adds to a batch that holds others too: its place and its time are further from the batch's.
#[must_use]
pub fn in_batch(message: &Message) -> usize {
    record(message) + 12
}

/// The most that a batch of such messages takes.
#[must_use]
pub const fn batch(messages: usize) -> usize {
    BATCH_BYTES + messages
}

/// A record that is the first of its batch.
fn record(message: &Message) -> usize {
    let length = |bytes: &Option<bytes::Bytes>| varint(bytes.as_ref().map_or(0, bytes::Bytes::len));
    // Attributes, and the distances in time and place, which are zero.
    let body = 3 + length(&message.key) + length(&message.value) + varint(message.headers.len()) + content(message);
    varint(body) + body
}

/// Key, value and headers.
fn content(message: &Message) -> usize {
    let length = |bytes: &Option<bytes::Bytes>| bytes.as_ref().map_or(0, bytes::Bytes::len);
    let header = |name: usize, value: usize| varint(name) + name + varint(value) + value;
    let headers = message.headers.iter().map(|(name, value)| header(name.len(), length(value)));
    length(&message.key) + length(&message.value) + headers.sum::<usize>()
}

/// The bytes of a length as a zigzag varint.
const fn varint(length: usize) -> usize {
    let bits = usize::BITS - (length << 1).leading_zeros();
    if bits == 0 { 1 } else { bits.div_ceil(7) as usize }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;

    use super::*;
    use crate::record::Headers;

    fn message(value: usize) -> Message {
        Message {
            topic: Arc::from("t"),
            partition: None,
            key: Some(Bytes::from_static(b"key")),
            value: Some(Bytes::from(vec![b'x'; value])),
            headers: Headers { first: vec![(Arc::from("h"), None)], ..Headers::default() },
            ts_ms: None,
            offset: None,
        }
    }

    #[test]
    fn lengths_are_zigzag_varints() {
        for (length, bytes) in [(0, 1), (63, 1), (64, 2), (8191, 2), (8192, 3), (1 << 20, 4)] {
            assert_eq!(varint(length), bytes, "{length}");
        }
    }

    #[test]
    fn a_message_is_measured_as_the_broker_does() {
        // length(2) + attributes and distances(3) + key(1+3) + value(2+100) + count(1) + header(1+1+1)
        assert_eq!(record(&message(100)), 2 + 3 + 4 + 102 + 1 + 3);
        let limit = |client, topic| Limit { client, topic };
        assert_eq!(limit(None, None).check(&message(10_000)), Ok(()));
        assert_eq!(limit(None, Some(61 + 115)).check(&message(100)), Ok(()));
        let error = limit(None, Some(61 + 114)).check(&message(100)).unwrap_err().to_string();
        assert!(error.contains("topic t") && error.contains("176") && error.contains("max.message.bytes"), "{error}");
        assert_eq!(limit(Some(36 + 106), None).check(&message(100)), Ok(()));
        assert!(limit(Some(36 + 105), None).check(&message(100)).is_err());
    }
}
