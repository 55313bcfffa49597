//! The Kafka sink against a real broker: what its mock does not do.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rowtide::config::Properties;
use rowtide::record::Headers;
use rowtide::sink::kafka::{Kafka, KafkaConfig};
use rowtide::sink::{Message, Sink, SinkError};

use crate::support::reader::Reader;
use crate::support::server::{self, Server};
use crate::support::{RUNTIME, seconds};

fn sink(broker: &Server, connector: &[(&str, &str)]) -> Kafka {
    let worker = Properties::from([("bootstrap.servers".to_owned(), broker.address())]);
    let connector = connector.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Kafka::new(&KafkaConfig::read(&worker, &connector).unwrap()).unwrap()
}

fn message(topic: &str, key: &str, value: impl Into<Bytes>) -> Message {
    Message {
        topic: Arc::from(topic),
        partition: None,
        key: Some(Bytes::from(key.to_owned())),
        value: Some(value.into()),
        headers: Headers::default(),
        ts_ms: None,
        offset: None,
    }
}

fn in_time<T>(limit: Duration, future: impl Future<Output = T>) -> T {
    RUNTIME.block_on(async { tokio::time::timeout(limit, future).await }).expect("in time")
}

/// Writes, and waits for the delivery.
fn deliver(sink: &mut Kafka, messages: Vec<Message>) -> Result<(), SinkError> {
    in_time(seconds(240), async { sink.write(messages).await?.await })
}

fn values(reader: &mut Reader) -> Vec<String> {
    let text = |value: &Option<Vec<u8>>| String::from_utf8_lossy(value.as_deref().unwrap_or_default()).into_owned();
    reader.read().iter().map(|record| text(&record.value)).collect()
}

const ONE_PARTITION: [(&str, &str); 2] =
    [("topic.creation.default.partitions", "1"), ("topic.creation.default.replication.factor", "1")];

#[test]
fn topics_are_created_once_and_as_asked_for() {
    let broker = server::kafka();
    let connector = [
        ("topic.creation.default.partitions", "3"),
        ("topic.creation.default.replication.factor", "1"),
        ("topic.creation.groups", "wide"),
        ("topic.creation.wide.include", "created\\.wide.*"),
        ("topic.creation.wide.partitions", "5"),
        ("topic.creation.wide.retention.ms", "3600000"),
    ];
    for value in ["first run", "second run"] {
        let topics = ["created.default", "created.wide"];
        let messages = topics.map(|topic| message(topic, "k", value)).to_vec();
        deliver(&mut sink(broker, &connector), messages).unwrap();
    }
    let mut reader = Reader::new(broker, "created.");
    let records = reader.read();
    assert_eq!(records.len(), 4);
    let partitions = |topic: &str| reader.partitions(topic);
    assert_eq!((partitions("created.default"), partitions("created.wide")), (3, 5));
}

#[test]
fn a_topic_that_cannot_be_created_is_refused_with_the_setting() {
    let connector = [("topic.creation.default.partitions", "1"), ("topic.creation.default.replication.factor", "100")];
    let error = deliver(&mut sink(server::kafka(), &connector), vec![message("uncreated", "k", "v")]).unwrap_err();
    assert!(matches!(error, SinkError::Refused { .. }), "{error}");
    assert!(error.to_string().contains("topic.creation.default.replication.factor=100"), "{error}");
    let connector = [ONE_PARTITION.as_slice(), &[("topic.creation.default.no.such.setting", "1")]].concat();
    let error = deliver(&mut sink(server::kafka(), &connector), vec![message("uncreated", "k", "v")]).unwrap_err();
    assert!(error.to_string().contains("topic uncreated"), "{error}");
    let error = deliver(&mut sink(server::kafka(), &ONE_PARTITION), vec![message("no topic!", "k", "v")]).unwrap_err();
    assert!(error.to_string().contains("letters, digits"), "{error}");
}

#[test]
fn without_creation_the_broker_creates_topics_by_itself() {
    let broker = server::kafka();
    deliver(&mut sink(broker, &[]), vec![message("auto.created", "k", "v")]).unwrap();
    assert_eq!(values(&mut Reader::new(broker, "auto.created")), ["v"]);
}

#[test]
fn nothing_overtakes_a_message_that_the_topic_refuses() {
    let broker = server::kafka();
    let connector = [
        ONE_PARTITION.as_slice(),
        &[("topic.creation.default.max.message.bytes", "10000")],
        // Five requests at a time, one message in each.
        &[("producer.override.batch.num.messages", "1"), ("producer.override.linger.ms", "0")],
    ]
    .concat();
    let mut first = sink(broker, &connector);
    deliver(&mut first, vec![message("overtaken", "k", "0")]).unwrap();
    let mut messages: Vec<Message> = (2..50).map(|number| message("overtaken", "k", number.to_string())).collect();
    messages.insert(0, message("overtaken", "k", vec![b'x'; 20_000]));
    let error = deliver(&mut first, messages).unwrap_err();
    assert!(matches!(error, SinkError::SizeRefused { .. }), "{error}");
    for part in ["topic overtaken", "20001 bytes", "max.message.bytes of the topic"] {
        assert!(error.to_string().contains(part), "{error}");
    }
    drop(first);
    deliver(&mut sink(broker, &connector), vec![message("overtaken", "k", "after")]).unwrap();
    assert_eq!(values(&mut Reader::new(broker, "overtaken")), ["0", "after"]);
}

#[test]
fn a_topic_that_takes_small_batches_gets_them() {
    let broker = server::kafka();
    let connector = [
        ONE_PARTITION.as_slice(),
        &[("topic.creation.default.max.message.bytes", "10000"), ("producer.override.max.request.size", "10000")],
    ]
    .concat();
    let messages: Vec<Message> = (0..200).map(|number| message("small", "k", format!("{number:0600}"))).collect();
    let expected: Vec<String> = (0..200).map(|number| format!("{number:0600}")).collect();
    deliver(&mut sink(broker, &connector), messages).unwrap();
    assert_eq!(values(&mut Reader::new(broker, "small")), expected);
}

#[test]
fn a_broker_that_goes_away_and_returns_costs_time_only() {
    let broker = Server::own("kafka", "outage", &[]);
    let connector = [ONE_PARTITION.as_slice(), &[("producer.override.buffer.memory", "1000000")]].concat();
    let mut sink = sink(&broker, &connector);
    let mut written = 0;
    let mut deliveries = Vec::new();
    for outage in [Server::stop, Server::kill] {
        deliver(&mut sink, vec![message("outage", "k", written.to_string())]).unwrap();
        written += 1;
        outage(&broker);
        // Until there is no more room. While there is some a write is done at once, however slow the machine: only one that
        // finds none is still waiting when the time is looked at.
        loop {
            let messages: Vec<Message> =
                (0..50).map(|number| message("outage", "k", (written + number).to_string())).collect();
            let write = async { tokio::time::timeout(seconds(1), sink.write(messages)).await };
            let Ok(delivery) = RUNTIME.block_on(write) else { break };
            deliveries.push(delivery.unwrap());
            written += 50;
        }
        // It is a megabyte, and a message takes at least 400 bytes of it.
        assert!((10..=50).contains(&deliveries.len()), "{}", deliveries.len());
        broker.restart(&[]);
        in_time(seconds(240), futures::future::try_join_all(deliveries.drain(..))).unwrap();
    }
    let expected: Vec<String> = (0..written).map(|number| number.to_string()).collect();
    assert_eq!(values(&mut Reader::new(&broker, "outage")), expected);
}
