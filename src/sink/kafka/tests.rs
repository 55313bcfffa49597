use bytes::Bytes;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::*;
use crate::config::Properties;
use crate::record::Headers;
use crate::sink::MessageHeader;

type Cluster = MockCluster<'static, DefaultProducerContext>;

const LIMIT: Duration = Duration::from_secs(120);

fn cluster(topic: &str, partitions: i32) -> Cluster {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic(topic, partitions, 1).unwrap();
    cluster
}

fn sink(servers: &str, overrides: &[(&str, &str)]) -> Kafka {
    let worker = Properties::from([("bootstrap.servers".to_owned(), servers.to_owned())]);
    let overrides = overrides.iter().map(|(name, value)| (format!("producer.override.{name}"), (*value).to_owned()));
    Kafka::new(&KafkaConfig::read(&worker, &overrides.collect()).unwrap()).unwrap()
}

fn message(topic: &str, key: impl Into<Bytes>, value: impl Into<Bytes>) -> Message {
    Message {
        topic: Arc::from(topic),
        partition: None,
        key: Some(key.into()),
        value: Some(value.into()),
        headers: Headers::default(),
        ts_ms: None,
        offset: None,
    }
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, future).await.expect("in time")
}

/// All there is in a topic: partition, key, value, headers.
type Read = (i32, Option<Vec<u8>>, Option<Vec<u8>>, Vec<(String, Option<Vec<u8>>)>);

fn read(servers: &str, topic: &str, partitions: i32, count: usize) -> Vec<Read> {
    use rdkafka::message::Headers as _;
    let mut config = rdkafka::ClientConfig::new();
    let consumer: BaseConsumer =
        config.set("bootstrap.servers", servers).set("group.id", "test").create().expect("a consumer");
    let mut list = TopicPartitionList::new();
    for partition in 0..partitions {
        list.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
    }
    consumer.assign(&list).unwrap();
    let mut all = Vec::new();
    let end = std::time::Instant::now() + LIMIT;
    while all.len() < count {
        assert!(std::time::Instant::now() < end, "{} of {count} messages", all.len());
        let Some(message) = consumer.poll(Duration::from_millis(100)) else { continue };
        let message = message.unwrap();
        let headers = message.headers().map_or_else(Vec::new, |headers| {
            headers.iter().map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec))).collect()
        });
        let bytes = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
        all.push((message.partition(), bytes(message.key()), bytes(message.payload()), headers));
    }
    all
}

/// `org.apache.kafka.common.utils.Utils.murmur2`.
fn murmur2(data: &[u8]) -> i32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c_u32 ^ u32::try_from(data.len()).unwrap();
    let mut words = data.chunks_exact(4);
    for word in &mut words {
        let mut k = u32::from_le_bytes(word.try_into().unwrap()).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        for (index, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * index);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    (hash ^ (hash >> 15)).cast_signed()
}

#[test]
fn murmur2_is_javas() {
    // From Kafka's UtilsTest.testMurmur2.
    for (text, hash) in [
        ("21", -973_932_308),
        ("foobar", -790_332_482),
        ("a-little-bit-long-string", -985_981_536),
        ("a-little-bit-longer-string", -1_486_304_829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
        ("abc", 479_470_107),
    ] {
        assert_eq!(murmur2(text.as_bytes()), hash, "{text}");
    }
}

#[tokio::test]
async fn a_key_goes_to_the_partition_that_java_chooses() {
    let cluster = cluster("keys", 12);
    let mut sink = sink(&cluster.bootstrap_servers(), &[]);
    let mut keys: Vec<String> = (0..500).map(|id| format!("{{\"id\":{id}}}")).collect();
    keys.extend([String::new(), "21".to_owned(), "a-little-bit-longer-string".to_owned()]);
    let messages = keys.iter().map(|key| message("keys", key.clone(), "v")).collect();
    within(sink.write(messages).await.unwrap()).await.unwrap();
    for (partition, key, ..) in read(&cluster.bootstrap_servers(), "keys", 12, keys.len()) {
        let key = key.unwrap();
        assert_eq!(partition, (murmur2(&key) & 0x7fff_ffff) % 12, "{}", String::from_utf8_lossy(&key));
    }
}

#[tokio::test]
async fn a_message_arrives_as_it_was_written() {
    let cluster = cluster("whole", 3);
    let mut sink = sink(&cluster.bootstrap_servers(), &[]);
    let shared: Arc<[MessageHeader]> = Arc::from([(Arc::from("shared"), Some(Bytes::from_static(b"1")))]);
    let mut plain = message("whole", "k", "v");
    plain.partition = Some(2);
    plain.headers.shared = Some(Arc::clone(&shared));
    let mut tombstone = message("whole", "k", "v");
    tombstone.partition = Some(2);
    tombstone.value = None;
    tombstone.headers.shared = Some(shared);
    tombstone.headers.push((Arc::from("last"), None));
    let mut empty = message("whole", "", "");
    empty.partition = Some(2);
    empty.headers.first.push((Arc::from("first"), Some(Bytes::new())));
    let mut bare = message("whole", "", "x");
    bare.partition = Some(2);
    bare.key = None;
    within(sink.write(vec![plain, tombstone, empty, bare]).await.unwrap()).await.unwrap();
    let shared = ("shared".to_owned(), Some(b"1".to_vec()));
    assert_eq!(
        read(&cluster.bootstrap_servers(), "whole", 3, 4),
        [
            (2, Some(b"k".to_vec()), Some(b"v".to_vec()), vec![shared.clone()]),
            (2, Some(b"k".to_vec()), None, vec![shared, ("last".to_owned(), None)]),
            (2, Some(vec![]), Some(vec![]), vec![("first".to_owned(), Some(vec![]))]),
            (2, None, Some(b"x".to_vec()), vec![]),
        ]
    );
}

#[tokio::test]
async fn a_full_room_holds_back_and_nothing_overtakes() {
    let cluster = cluster("order", 1);
    // Room for a few messages only: nearly every write has to wait for deliveries.
    let mut sink = sink(&cluster.bootstrap_servers(), &[("buffer.memory", "4096"), ("linger.ms", "0")]);
    let mut deliveries = Vec::new();
    for write in 0..200_u32 {
        let messages = (0..5).map(|place| message("order", "k", (write * 5 + place).to_string())).collect();
        deliveries.push(within(sink.write(messages)).await.unwrap());
    }
    within(futures::future::try_join_all(deliveries)).await.unwrap();
    let values = read(&cluster.bootstrap_servers(), "order", 1, 1000).into_iter().map(|read| read.2.unwrap());
    assert!(values.eq((0..1000).map(|number: u32| number.to_string().into_bytes())));
}

#[tokio::test]
async fn an_outage_is_waited_for_and_loses_nothing() {
    let cluster = cluster("outage", 1);
    let mut sink = sink(&cluster.bootstrap_servers(), &[("buffer.memory", "100000")]);
    within(sink.write(vec![message("outage", "k", "first")]).await.unwrap()).await.unwrap();
    cluster.broker_down(1).unwrap();
    let mut deliveries = Vec::new();
    // Until there is no more room: what does not get through for so long does not for want of it, however busy the machine is.
    loop {
        let number = deliveries.len().to_string();
        let write = sink.write(vec![message("outage", "k", number)]);
        match tokio::time::timeout(Duration::from_secs(3), write).await {
            Ok(delivery) => deliveries.push(delivery.unwrap()),
            Err(_) => break,
        }
    }
    assert!((100..1000).contains(&deliveries.len()), "{}", deliveries.len());
    cluster.broker_up(1).unwrap();
    let count = deliveries.len();
    within(futures::future::try_join_all(deliveries)).await.unwrap();
    let values = read(&cluster.bootstrap_servers(), "outage", 1, 1 + count).into_iter().skip(1);
    let numbers = (0..count).map(|number| number.to_string().into_bytes());
    assert!(values.map(|read| read.2.unwrap()).eq(numbers));
}

#[tokio::test]
async fn a_message_that_is_too_large_is_refused_with_both_settings() {
    let cluster = cluster("large", 1);
    let mut sink = sink(&cluster.bootstrap_servers(), &[("max.request.size", "20000")]);
    let delivery = sink.write(vec![message("large", "k", vec![0; 30_000])]).await.unwrap();
    let error = within(delivery).await.unwrap_err().to_string();
    for part in ["topic large", "30001 bytes", "20000", "producer.override.max.request.size", "max.message.bytes"] {
        assert!(error.contains(part), "{error}");
    }
    let again = sink.write(vec![message("large", "k", "small")]).await.err().unwrap().to_string();
    assert_eq!(again, error, "nothing may overtake it");
}

#[tokio::test]
async fn what_the_broker_refuses_ends_the_producer_with_the_reason() {
    use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
    // (That nothing overtakes it is the broker's part, which the mock does not play; see tests/live.)
    let cluster = cluster("refused", 1);
    let mut sink = sink(&cluster.bootstrap_servers(), &[]);
    within(sink.write(vec![message("refused", "k", "before")]).await.unwrap()).await.unwrap();
    let too_large = RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
    cluster.request_errors(RDKafkaApiKey::Produce, &[too_large]);
    let delivery = sink.write(vec![message("refused", "k", "refused")]).await.unwrap();
    let error = within(delivery).await.unwrap_err();
    assert!(matches!(&error, SinkError::SizeRefused { topic, .. } if topic == "refused"), "{error}");
    assert!(error.to_string().contains("max.message.bytes"), "{error}");
    let again = sink.write(vec![message("refused", "k", "again")]).await.err();
    assert_eq!(again, Some(error));
}

#[tokio::test]
async fn a_dropped_sink_ends_its_deliveries_and_does_not_hang() {
    let cluster = cluster("dropped", 1);
    let mut sink = sink(&cluster.bootstrap_servers(), &[]);
    cluster.broker_down(1).unwrap();
    let delivery = sink.write(vec![message("dropped", "k", "v")]).await.unwrap();
    let begin = std::time::Instant::now();
    drop(sink);
    assert!(begin.elapsed() < LIMIT, "{:?}", begin.elapsed());
    assert!(matches!(within(delivery).await, Err(SinkError::Unavailable { .. })));
}

#[tokio::test]
async fn a_partition_that_does_not_exist_is_refused() {
    let cluster = cluster("few", 2);
    let mut sink = sink(&cluster.bootstrap_servers(), &[]);
    let mut message = message("few", "k", "v");
    message.partition = Some(7);
    let error = within(sink.write(vec![message]).await.unwrap()).await.unwrap_err();
    assert!(error.to_string().contains("there is no partition 7"), "{error}");
}

/// A partition that has just been made takes the first request that its leader is ready for, whatever its sequence number.
/// librdkafka concludes from its success that those before it were kept too: a request that was refused while the leader
/// was not ready would be lost silently.
#[tokio::test]
async fn a_refused_first_request_is_not_overtaken() {
    let cluster = cluster("new", 1);
    cluster.broker_round_trip_time(1, Duration::from_millis(300)).unwrap();
    let mut sink = sink(&cluster.bootstrap_servers(), &[("linger.ms", "0")]);
    // Another topic's message brings the connection and the producer's id.
    cluster.create_topic("warm", 1, 1).unwrap();
    within(sink.write(vec![message("warm", "k", "0")]).await.unwrap()).await.unwrap();
    cluster.request_errors(RDKafkaApiKey::Produce, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION]);
    let first = sink.write(vec![message("new", "k", "1")]).await.unwrap();
    tokio::time::sleep(Duration::from_millis(450)).await;
    let second = sink.write(vec![message("new", "k", "2")]).await.unwrap();
    within(first).await.unwrap();
    within(second).await.unwrap();
    let values = read(&cluster.bootstrap_servers(), "new", 1, 2).into_iter().map(|(_, _, value, _)| value.unwrap());
    assert_eq!(values.collect::<Vec<_>>(), [b"1", b"2"]);
}
