//! Reads topics back with an independent consumer, from their first record on.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use serde_json::Value;

use super::daemon::Daemon;
use super::server::Server;
use super::{seconds, wait_for, wait_until};

/// A record as the broker has it.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) timestamp: i64,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Record {
    /// The key as JSON; `Null` if there is none.
    pub(crate) fn key_json(&self) -> Value {
        json(self.key.as_deref())
    }

    /// The text of a header.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let (_, value) = self.headers.iter().find(|(header, _)| header == name)?;
        String::from_utf8(value.clone()?).ok()
    }

    /// The value as JSON; `Null` for a tombstone.
    pub(crate) fn value_json(&self) -> Value {
        json(self.value.as_deref())
    }
}

/// Whether a broker is away, or has not heard yet of a topic that was just made.
fn can_pass(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode::{AllBrokersDown, BrokerTransportFailure, OperationTimedOut};
    use RDKafkaErrorCode::{LeaderNotAvailable, NotLeaderForPartition, UnknownTopicOrPartition};
    let is_away = matches!(code, AllBrokersDown | BrokerTransportFailure | OperationTimedOut);
    is_away || matches!(code, LeaderNotAvailable | NotLeaderForPartition | UnknownTopicOrPartition)
}

fn json(bytes: Option<&[u8]>) -> Value {
    bytes.map_or(Value::Null, |bytes| serde_json::from_slice(bytes).unwrap())
}

/// Reads some of the topics, those too that appear later.
pub(crate) struct Reader {
    consumer: Arc<BaseConsumer>,
    wanted: Box<dyn Fn(&str) -> bool>,
    /// The next offset of each partition.
    next: BTreeMap<(String, i32), i64>,
    /// All that was read, in order within each partition.
    pub(crate) records: Vec<Record>,
}

impl Reader {
    /// Of the topics whose names begin with a prefix.
    pub(crate) fn new(broker: &Server, prefix: &str) -> Self {
        let prefix = prefix.to_owned();
        Self::of(broker, move |topic| topic.starts_with(&prefix))
    }

    /// Of the topics that are wanted.
    pub(crate) fn of(broker: &Server, wanted: impl Fn(&str) -> bool + 'static) -> Self {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", broker.address())
            .set("group.id", "unused")
            .set("enable.auto.commit", "false")
            .set("fetch.wait.max.ms", "10")
            .create()
            .unwrap();
        Self { consumer: Arc::new(consumer), wanted: Box::new(wanted), next: BTreeMap::new(), records: Vec::new() }
    }

    /// Reads to the present end of every partition.
    pub(crate) fn read(&mut self) -> &[Record] {
        let ends = self.ends();
        self.assign(&ends);
        let consumer = Arc::clone(&self.consumer);
        wait_until("the consumer reaches the end", seconds(60), || {
            while let Some(message) = consumer.poll(Duration::from_millis(50)) {
                match message {
                    Ok(message) => self.take(&message),
                    // A broker that a test stops comes back.
                    Err(KafkaError::MessageConsumption(code)) if can_pass(code) => continue,
                    Err(error) => panic!("{error}"),
                }
                if self.reached(&ends) {
                    break;
                }
            }
            self.reached(&ends)
        });
        &self.records
    }

    /// Reads on, while that daemon runs, until that holds of all records.
    #[track_caller]
    pub(crate) fn read_until(
        &mut self,
        daemon: &Daemon,
        what: &str,
        limit: Duration,
        holds: impl Fn(&[Record]) -> bool,
    ) {
        wait_until(what, limit, || {
            assert!(!daemon.has_ended(), "the daemon ended by itself; {what}");
            holds(self.read())
        });
    }

    /// How many records the topics hold.
    pub(crate) fn count(&self) -> i64 {
        self.ends().values().sum()
    }

    /// How many partitions a topic has, of those that were read.
    pub(crate) fn partitions(&self, topic: &str) -> usize {
        self.next.keys().filter(|(name, _)| name == topic).count()
    }

    /// The end offset of each partition.
    fn ends(&self) -> BTreeMap<(String, i32), i64> {
        let metadata = || self.consumer.fetch_metadata(None, seconds(20)).ok();
        let metadata = wait_for("the broker tells its topics", seconds(60), metadata);
        let topics = metadata.topics().iter().filter(|topic| (self.wanted)(topic.name()));
        let partitions = topics.flat_map(|topic| topic.partitions().iter().map(|p| (topic.name().to_owned(), p.id())));
        partitions
            .map(|(topic, id)| {
                // A partition that was just made may have no leader yet.
                let ends = || self.consumer.fetch_watermarks(&topic, id, seconds(20)).ok();
                let (_, end) = wait_for(&format!("the end of {topic}, {id}"), seconds(60), ends);
                ((topic, id), end)
            })
            .collect()
    }

    fn reached(&self, ends: &BTreeMap<(String, i32), i64>) -> bool {
        ends.iter().all(|(partition, end)| self.next[partition] >= *end)
    }

    fn assign(&mut self, partitions: &BTreeMap<(String, i32), i64>) {
        let mut new = TopicPartitionList::new();
        for (topic, id) in partitions.keys() {
            if let Entry::Vacant(next) = self.next.entry((topic.clone(), *id)) {
                next.insert(0);
                new.add_partition_offset(topic, *id, Offset::Beginning).unwrap();
            }
        }
        if new.count() > 0 {
            self.consumer.incremental_assign(&new).unwrap();
        }
    }

    fn take(&mut self, message: &BorrowedMessage<'_>) {
        let (topic, partition, offset) = (message.topic().to_owned(), message.partition(), message.offset());
        self.next.insert((topic.clone(), partition), offset + 1);
        let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
        self.records.push(Record {
            topic,
            partition,
            offset,
            timestamp: message.timestamp().to_millis().unwrap_or(-1),
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers: headers.map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec))).collect(),
        });
    }
}
