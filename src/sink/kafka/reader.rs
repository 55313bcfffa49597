//! Reads a topic back, from where a group stands to where the topic ends now, and remembers how far.
//!
//! It belongs to no group of consumers: partitions are assigned, the group only keeps the offsets. Everything here blocks.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use rdkafka::metadata::MetadataPartition;
use rdkafka::{Offset, TopicPartitionList};

use super::super::SinkError;
use super::KafkaConfig;
use super::oauth::{Connection, log_in};
use super::topics::{Quiet, REQUEST};

/// How long a partition may keep silent before it is taken for away.
const SILENCE: Duration = Duration::from_secs(30);

/// How much is read at a time.
const BATCH_MESSAGES: usize = 500;
const BATCH_BYTES: usize = 1024 * 1024;

/// The next offset of each partition.
pub type Offsets = BTreeMap<i32, i64>;

/// A message as the topic has it.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Its key.
    pub key: Option<Bytes>,
    /// Its value.
    pub value: Option<Bytes>,
    /// Its headers, in order.
    pub headers: Vec<(String, Option<Bytes>)>,
}

impl ConsumerContext for Quiet {}

/// A topic, read once.
pub struct TopicReader {
    consumer: BaseConsumer<Quiet>,
    connection: Connection,
    sink: String,
    topic: String,
    /// Where each partition ended when the reader was opened.
    ends: Offsets,
    next: Offsets,
}

impl TopicReader {
    /// A reader of what the topic holds now. A topic that does not exist holds nothing.
    ///
    /// # Errors
    /// [`SinkError::Unavailable`]
    pub fn open(config: &KafkaConfig, group: &str, topic: &str) -> Result<Self, SinkError> {
        let sink = config.sink_name();
        let away = |error: KafkaError| unavailable(&sink, topic, &error);
        let connection = config.consumer(group);
        let token = connection.token().map_err(away)?;
        let consumer: BaseConsumer<Quiet> = connection.settings.create_with_context(Quiet::here()).map_err(away)?;
        log_in(consumer.client(), token.as_ref()).map_err(away)?;
        let metadata = consumer.fetch_metadata(Some(topic), REQUEST).map_err(away)?;
        let partitions =
            metadata.topics().iter().flat_map(|topic| topic.partitions().iter().map(MetadataPartition::id));
        let (mut ends, mut next) = (Offsets::new(), Offsets::new());
        for partition in partitions.collect::<Vec<i32>>() {
            let (begin, end) = consumer.fetch_watermarks(topic, partition, REQUEST).map_err(away)?;
            next.insert(partition, begin);
            ends.insert(partition, end);
        }
        Ok(Self { consumer, connection, sink, topic: topic.to_owned(), ends, next })
    }

    /// How far the group has come.
    ///
    /// # Errors
    /// [`SinkError::Unavailable`]
    pub fn committed(&self) -> Result<Offsets, SinkError> {
        if self.ends.is_empty() {
            return Ok(Offsets::new());
        }
        let mut list = TopicPartitionList::new();
        for partition in self.ends.keys() {
            list.add_partition(&self.topic, *partition);
        }
        let committed = self.consumer.committed_offsets(list, REQUEST).map_err(|error| self.unavailable(&error))?;
        let offsets = committed.elements().into_iter().filter_map(|element| match element.offset() {
            Offset::Offset(offset) => Some((element.partition(), offset)),
            _ => None,
        });
        Ok(offsets.collect())
    }

    /// Keeps how far the group has come: what is before these offsets.
    ///
    /// # Errors
    /// [`SinkError::Unavailable`]
    pub fn commit(&self, offsets: &Offsets) -> Result<(), SinkError> {
        let mut list = TopicPartitionList::new();
        for (partition, offset) in offsets {
            list.add_partition_offset(&self.topic, *partition, Offset::Offset(*offset))
                .map_err(|error| self.unavailable(&error))?;
        }
        self.consumer.commit(&list, CommitMode::Sync).map_err(|error| self.unavailable(&error))
    }

    /// Begins behind these offsets; where they say nothing, at the first message.
    ///
    /// # Errors
    /// [`SinkError::Unavailable`]
    pub fn start(&mut self, offsets: &Offsets) -> Result<(), SinkError> {
        let mut list = TopicPartitionList::new();
        for (partition, next) in &mut self.next {
            *next = offsets.get(partition).map_or(*next, |offset| (*offset).max(*next));
            list.add_partition_offset(&self.topic, *partition, Offset::Offset(*next))
                .map_err(|error| unavailable(&self.sink, &self.topic, &error))?;
        }
        self.consumer.assign(&list).map_err(|error| self.unavailable(&error))
    }

    /// The next messages; none at the end.
    ///
    /// # Errors
    /// [`SinkError::Unavailable`]
    pub fn read(&mut self) -> Result<Vec<Kept>, SinkError> {
        let token = self.connection.token().map_err(|error| self.unavailable(&error))?;
        log_in(self.consumer.client(), token.as_ref()).map_err(|error| self.unavailable(&error))?;
        let (mut batch, mut bytes) = (Vec::new(), 0);
        let mut deadline = Instant::now() + SILENCE;
        while !self.is_done() && batch.len() < BATCH_MESSAGES && bytes < BATCH_BYTES {
            let kept = match self.consumer.poll(Duration::from_millis(100)) {
                None if Instant::now() < deadline => continue,
                None => {
                    let reason = format!("topic {}: nothing came for {SILENCE:?}", self.topic);
                    return Err(SinkError::Unavailable { sink: self.sink.clone(), reason });
                }
                Some(Ok(message)) => kept(&message),
                // Offsets may be missing at the end: records that mark transactions have some.
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    if let Some(end) = self.ends.get(&partition) {
                        self.next.insert(partition, *end);
                    }
                    continue;
                }
                Some(Err(KafkaError::MessageConsumption(
                    Code::AllBrokersDown | Code::BrokerTransportFailure | Code::OperationTimedOut,
                ))) => continue,
                Some(Err(error)) => return Err(self.unavailable(&error)),
            };
            deadline = Instant::now() + SILENCE;
            let end = self.ends.get(&kept.partition).copied().unwrap_or_default();
            self.next.insert(kept.partition, (kept.offset + 1).min(end));
            if kept.offset < end {
                bytes += kept.value.as_ref().map_or(0, Bytes::len) + 1;
                batch.push(kept);
            }
        }
        Ok(batch)
    }

    fn is_done(&self) -> bool {
        self.ends.iter().all(|(partition, end)| self.next.get(partition).is_none_or(|next| next >= end))
    }

    fn unavailable(&self, error: &KafkaError) -> SinkError {
        unavailable(&self.sink, &self.topic, error)
    }
}

fn unavailable(sink: &str, topic: &str, error: &KafkaError) -> SinkError {
    SinkError::Unavailable { sink: sink.to_owned(), reason: format!("topic {topic}: {error}") }
}

fn kept(message: &BorrowedMessage<'_>) -> Kept {
    let bytes = |bytes: Option<&[u8]>| bytes.map(Bytes::copy_from_slice);
    let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
    Kept {
        partition: message.partition(),
        offset: message.offset(),
        key: bytes(message.key()),
        value: bytes(message.payload()),
        headers: headers.map(|header| (header.key.to_owned(), bytes(header.value))).collect(),
    }
}
