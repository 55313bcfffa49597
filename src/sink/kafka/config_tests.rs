use super::*;

fn properties(pairs: &[(&str, &str)]) -> Properties {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

const SERVERS: (&str, &str) = ("bootstrap.servers", "k:9092");

fn read(worker: &[(&str, &str)], connector: &[(&str, &str)]) -> Result<KafkaConfig, String> {
    let worker = [&[SERVERS], worker].concat();
    KafkaConfig::read(&properties(&worker), &properties(connector)).map_err(|problems| problems.to_string())
}

#[test]
fn defaults_are_safe() {
    let config = read(&[], &[("name", "orders")]).unwrap();
    let client = |name: &str| config.client[name].as_str();
    assert_eq!(
        (client("acks"), client("enable.idempotence"), client("enable.gapless.guarantee")),
        ("all", "true", "true")
    );
    assert_eq!((client("partitioner"), client("delivery.timeout.ms")), ("murmur2_random", "0"));
    assert_eq!(client("client.id"), "connector-producer-orders-0");
    assert_eq!((config.round.bytes, config.round.time), (1_000_000, Duration::ZERO));
    assert_eq!((config.bytes_max, config.block_max, config.buffer_messages), (1_048_576, None, usize::MAX));
    assert_eq!(config.admin["client.id"], "connector-adminclient-orders-0");
    assert_eq!(config.admin["allow.auto.create.topics"], "false");
    assert_eq!(config.admin.get("enable.idempotence"), None);
    assert!(config.creation.is_none() && config.warnings.is_empty());
}

#[test]
fn the_connector_wins_over_the_producer_and_the_worker() {
    let config = read(
        &[
            ("security.protocol", "SASL_SSL"),
            ("sasl.mechanism", "PLAIN"),
            ("sasl.jaas.config", "x.PlainLoginModule required username=\"w\" password=\"hush\";"),
            ("producer.linger.ms", "7"),
            ("producer.buffer.memory", "1048576"),
            ("producer.compression.type", "lz4"),
            ("producer.compression.lz4.level", "3"),
        ],
        &[
            ("producer.override.queue.buffering.max.ms", "9"),
            ("producer.override.queue.buffering.max.kbytes", "2048"),
            ("producer.override.max.block.ms", "1000"),
            ("producer.override.request.timeout.ms", "400000"),
            ("admin.override.client.id", "admin"),
        ],
    )
    .unwrap();
    let client = |name: &str| config.client[name].as_str();
    assert_eq!((client("linger.ms"), config.round.time), ("9", Duration::from_millis(9)));
    assert_eq!(config.producer().get("linger.ms"), Some(LINGER_MS), "librdkafka sends when it is told to");
    assert_eq!(config.buffer_bytes, 2 * 1024 * 1024);
    assert_eq!((client("compression.type"), client("compression.level")), ("lz4", "3"));
    assert_eq!((client("request.timeout.ms"), client("socket.timeout.ms")), ("400000", "300000"));
    assert_eq!(config.block_max, Some(Duration::from_secs(1)));
    assert_eq!((client("security.protocol"), client("sasl.username")), ("sasl_ssl", "w"));
    assert_eq!(config.admin["sasl.password"], "hush");
    assert_eq!(config.admin["client.id"], "admin");
    assert!(!format!("{config:?}").contains("hush"), "{config:?}");
}

#[test]
fn every_problem_has_its_key() {
    let problems = read(
        &[("producer.transactional.id", "t"), ("producer.linger.ms", "soon")],
        &[
            ("producer.override.max.in.flight.requests.per.connection", "6"),
            ("producer.override.buffer.memory", "much"),
            ("producer.override.compression.type", "rar"),
            ("producer.override.security.protocol", "SASL_PLAINTEXT"),
            ("admin.override.socket.timeout.ms", "soon"),
            ("topic.creation.default.partitions", "0"),
        ],
    )
    .unwrap_err();
    for part in [
        "producer.transactional.id=\"t\": transactions are not supported yet",
        "producer.linger.ms=\"soon\": ",
        "producer.override.max.in.flight.requests.per.connection=\"6\": must be at most 5",
        "producer.override.buffer.memory=\"much\": must be a whole number",
        "producer.override.compression.type=\"rar\": ",
        "sasl.mechanism: is required with SASL",
        "admin.override.socket.timeout.ms=\"soon\": ",
        "topic.creation.default.partitions=\"0\": must be 1 or more",
        "topic.creation.default.replication.factor: is required",
    ] {
        assert_eq!(problems.matches(part).count(), 1, "{part:?} in\n{problems}");
    }
    assert_eq!(problems.lines().count(), 9, "{problems}");
}

#[test]
fn what_no_client_knows_is_told_and_ignored() {
    let connector = [("producer.override.no.such.thing", "1"), ("admin.override.nonsense", "1")];
    let config = read(&[("producer.confluent.monitoring.interceptor.topic", "m")], &connector).unwrap();
    for key in ["producer.override.no.such.thing", "admin.override.nonsense", "producer.confluent.monitoring."] {
        let told = config.warnings.iter().filter(|warning| warning.to_string().starts_with(key)).count();
        assert_eq!(told, 1, "{key} in {:?}", config.warnings);
    }
    assert!(!config.client.contains_key("no.such.thing") && !config.admin.contains_key("nonsense"));
}

#[test]
fn without_brokers_there_is_no_kafka() {
    let problems = KafkaConfig::read(&Properties::new(), &Properties::new()).unwrap_err().to_string();
    assert_eq!(problems, "bootstrap.servers: is required: host:port,host:port");
}

#[test]
fn weaker_acknowledgement_gives_up_idempotence_and_says_so() {
    let config = read(&[], &[("producer.override.acks", "1"), ("producer.override.linger.ms", "0.5")]).unwrap();
    assert_eq!(config.round.time, Duration::from_micros(500));
    assert_eq!(config.client["enable.idempotence"], "false");
    assert_eq!(config.client.get("enable.gapless.guarantee"), None);
    assert!(config.warnings[0].to_string().starts_with("producer.override.acks: acks=1"), "{:?}", config.warnings);
}

#[test]
fn a_connect_file_moves_over() {
    let config = read(
        &[
            ("producer.key.serializer", "org.apache.kafka.common.serialization.ByteArraySerializer"),
            ("producer.interceptor.classes", "io.confluent.Monitoring"),
            ("producer.delivery.timeout.ms", "2147483647"),
            ("producer.max.block.ms", "9223372036854775807"),
            ("producer.max.in.flight.requests.per.connection", "1"),
            ("producer.send.buffer.bytes", "131072"),
        ],
        &[("producer.override.batch.size", "65536"), ("producer.override.max.request.size", "5242880")],
    )
    .unwrap();
    assert_eq!((config.block_max, config.bytes_max), (None, 5_242_880));
    assert_eq!(config.client["batch.size"], "1000000");
    let warned: Vec<&str> = config.warnings.iter().map(|warning| warning.key.as_str()).collect();
    assert_eq!(warned, ["producer.interceptor.classes", "producer.key.serializer"]);
    // Smaller requests than Java's are something that is asked for, and not given.
    let config = read(&[], &[("producer.override.batch.size", "4096")]).unwrap();
    assert_eq!((config.client["batch.size"].as_str(), config.warnings.len()), ("1000000", 1));
}
