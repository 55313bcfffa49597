//! The worker's keys: Kafka Connect's, and ours.

use super::{Key, KeyKind};

/// What a worker's settings may hold. Those of Connect that have no meaning here (`plugin.path`) are named too, so that a
/// worker file moves over without noise.
pub const KEYS: &[Key] = &[
    Key::new("bootstrap.servers", KeyKind::List, "Kafka's brokers, host:port. Without it there is no Kafka."),
    Key::new("sink", KeyKind::String, "Where events go; kafka when bootstrap.servers is set, else stdout.")
        .one_of(&["kafka", "stdout", "file"]),
    Key::new("sink.path", KeyKind::String, "The file that the file sink appends to."),
    Key::new("state.path", KeyKind::String, "The file that keeps positions, or :memory:.").default("rowtide.db"),
    Key::new("rest.port", KeyKind::Int, "The REST API's port on loopback; 0 is off.").default("8083"),
    Key::new("listeners", KeyKind::List, "Where the REST API listens, instead of rest.port: http://host:port."),
    Key::new("log.format", KeyKind::String, "How the log is written.").one_of(&["human", "json"]).default("human"),
    Key::new("log.level", KeyKind::String, "What is logged, as in RUST_LOG, which wins.").default("info"),
    Key::new("key.converter", KeyKind::Class, "Makes bytes of keys.")
        .default("org.apache.kafka.connect.json.JsonConverter"),
    Key::new("key.converter.*", KeyKind::String, "The key converter's settings."),
    Key::new("value.converter", KeyKind::Class, "Makes bytes of values.")
        .default("org.apache.kafka.connect.json.JsonConverter"),
    Key::new("value.converter.*", KeyKind::String, "The value converter's settings."),
    Key::new("header.converter", KeyKind::Class, "Makes bytes of headers.")
        .default("org.apache.kafka.connect.storage.SimpleHeaderConverter"),
    Key::new("header.converter.*", KeyKind::String, "The header converter's settings."),
    Key::new("producer.*", KeyKind::String, "Settings of the Kafka producer, by Java's names or librdkafka's."),
    Key::new("consumer.*", KeyKind::String, "Settings of Kafka consumers."),
    Key::new("admin.*", KeyKind::String, "Settings of Kafka admin clients."),
    Key::new("security.protocol", KeyKind::String, "How brokers are spoken to."),
    Key::new("sasl.*", KeyKind::String, "Authentication at the brokers."),
    Key::new("ssl.*", KeyKind::String, "TLS to the brokers."),
    Key::new("client.id", KeyKind::String, "The name brokers know us by."),
    Key::new("offset.storage.file.filename", KeyKind::String, "Connect's name of state.path."),
    Key::new("offset.flush.interval.ms", KeyKind::Long, "The shortest time between two saves of a position.")
        .default("250"),
    Key::new("offset.flush.timeout.ms", KeyKind::Long, "Connect's; has no meaning here."),
    Key::new("task.shutdown.graceful.timeout.ms", KeyKind::Long, "How long connectors may take to drain at the end.")
        .default("5000"),
    Key::new("topic.creation.enable", KeyKind::Boolean, "Whether topics are created as connectors ask.")
        .default("true"),
    Key::new("connector.client.config.override.policy", KeyKind::String, "Connect's; every override is allowed here."),
    Key::new("group.id", KeyKind::String, "Distributed mode's group."),
    Key::new("config.storage.*", KeyKind::String, "Distributed mode's topic of configurations."),
    Key::new("offset.storage.*", KeyKind::String, "Distributed mode's topic of positions."),
    Key::new("status.storage.*", KeyKind::String, "Distributed mode's topic of states."),
    Key::new("config.providers", KeyKind::List, "Connect's; env, file and dir are always there."),
    Key::new("config.providers.*", KeyKind::String, "Connect's; env, file and dir are always there."),
    Key::new("rest.advertised.*", KeyKind::String, "The address other workers use."),
    Key::new("rest.host.name", KeyKind::String, "Connect's old name of the listener's host; has no meaning here."),
    Key::new("rest.extension.classes", KeyKind::List, "Connect's; has no meaning here."),
    Key::new("admin.listeners", KeyKind::List, "Connect's; has no meaning here."),
    Key::new("listeners.https.*", KeyKind::String, "Connect's; has no meaning here."),
    Key::new("access.control.allow.*", KeyKind::String, "Connect's; has no meaning here."),
    Key::new("response.http.headers.config", KeyKind::String, "Connect's; has no meaning here."),
    Key::new("plugin.path", KeyKind::List, "Connect's; has no meaning here: connectors are built in."),
    Key::new("plugin.discovery", KeyKind::String, "Connect's; has no meaning here."),
    Key::new("topic.tracking.*", KeyKind::Boolean, "Connect's; has no meaning here."),
    Key::new("internal.*", KeyKind::String, "Connect's old internal converters; have no meaning here."),
    Key::new("inter.worker.*", KeyKind::String, "Distributed mode's signatures."),
    Key::new("connect.protocol", KeyKind::String, "Distributed mode's protocol."),
    Key::new("scheduled.rebalance.max.delay.ms", KeyKind::Int, "Distributed mode's patience."),
    Key::new("rebalance.timeout.ms", KeyKind::Int, "Distributed mode's patience."),
    Key::new("session.timeout.ms", KeyKind::Int, "Distributed mode's patience."),
    Key::new("heartbeat.interval.ms", KeyKind::Int, "Distributed mode's heartbeat."),
    Key::new("worker.sync.timeout.ms", KeyKind::Int, "Distributed mode's patience."),
    Key::new("worker.unsync.backoff.ms", KeyKind::Int, "Distributed mode's patience."),
    Key::new("exactly.once.source.support", KeyKind::String, "Distributed mode's transactions."),
    Key::new("metric.reporters", KeyKind::List, "Connect's; has no meaning here."),
    Key::new("metrics.*", KeyKind::String, "Connect's; has no meaning here."),
    Key::new("auto.include.jmx.reporter", KeyKind::Boolean, "Connect's; has no meaning here."),
    Key::new("request.timeout.ms", KeyKind::Int, "Connect's, for its own clients."),
    Key::new("retry.backoff.ms", KeyKind::Long, "Connect's, for its own clients."),
    Key::new("reconnect.backoff.*", KeyKind::Long, "Connect's, for its own clients."),
    Key::new("metadata.max.age.ms", KeyKind::Long, "Connect's, for its own clients."),
];
