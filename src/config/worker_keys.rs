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
    Key::new(
        "listeners",
        KeyKind::List,
        "Where the REST API listens, instead of rest.port: http://… or https://host:port.",
    ),
    Key::new("memory.max.bytes", KeyKind::Long, "The memory that all connectors share for what is on its way.")
        .default("67108864"),
    Key::new(
        "database.connections.max",
        KeyKind::Int,
        "The connections that all connectors may have at one database server, three each; 0: no limit.",
    )
    .default("0"),
    Key::new("rest.request.max.bytes", KeyKind::Int, "The largest body of a REST request.").default("1048576"),
    Key::new(
        "rest.auth.basic.file",
        KeyKind::String,
        "Who may use the REST API: lines of user:hash[:read-only], bcrypt or argon2.",
    ),
    Key::new("rest.auth.token.file", KeyKind::String, "Tokens for the REST API: lines of name:SHA-256[:read-only]."),
    Key::new(
        "rest.auth.certificate.file",
        KeyKind::String,
        "Roles of those who show a certificate: lines of name:admin or name:read-only; * is everybody.",
    ),
    Key::new("rest.auth.metrics", KeyKind::Boolean, "Whether /metrics asks for credentials too.")
        .one_of(&["true", "false"])
        .default("false"),
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
    Key::new("ssl.*", KeyKind::String, "TLS to the brokers, and of https listeners."),
    Key::new("client.id", KeyKind::String, "The name brokers know us by."),
    Key::new("offset.storage.file.filename", KeyKind::String, "Connect's name of state.path."),
    Key::new("offset.flush.interval.ms", KeyKind::Long, "The shortest time between two saves of a position.")
        .default("250"),
    Key::new("offset.flush.timeout.ms", KeyKind::Long, "Connect's; has no meaning here."),
    Key::new(
        "task.shutdown.graceful.timeout.ms",
        KeyKind::Long,
        "How long a stop may take: draining, saving, telling the database.",
    )
    .default("5000"),
    Key::new("topic.creation.enable", KeyKind::Boolean, "Whether topics are created as connectors ask.")
        .default("true"),
    Key::new(
        "connector.client.config.override.policy",
        KeyKind::String,
        "What connectors may override of their Kafka clients: All, Principal (who they are, not where to), or None.",
    )
    .default("All"),
    Key::new("group.id", KeyKind::String, "Distributed mode's group."),
    Key::new("config.storage.*", KeyKind::String, "Distributed mode's topic of configurations."),
    Key::new("offset.storage.*", KeyKind::String, "Distributed mode's topic of positions."),
    Key::new("status.storage.*", KeyKind::String, "Distributed mode's topic of states."),
    Key::new("config.providers", KeyKind::List, "Who resolves placeholders; without it, env, file and dir."),
    Key::new(
        "config.providers.*",
        KeyKind::String,
        "NAME.class, NAME.param.allowed.paths, NAME.param.allowlist.pattern.",
    ),
    Key::new("rest.advertised.*", KeyKind::String, "The address other workers use."),
    Key::new("rest.host.name", KeyKind::String, "Connect's old name of the listener's host; has no meaning here."),
    Key::new(
        "rest.extension.classes",
        KeyKind::List,
        "Connect's; BasicAuthSecurityRestExtension needs rest.auth.basic.file.",
    ),
    Key::new("admin.listeners", KeyKind::List, "Connect's; has no meaning here."),
    Key::new(
        "listeners.https.*",
        KeyKind::String,
        "TLS of https listeners, as ssl.*, which counts where none of these is set.",
    ),
    Key::new("access.control.allow.*", KeyKind::String, "Connect's; has no meaning here."),
    Key::new("response.http.headers.config", KeyKind::String, "Connect's; has no meaning here."),
    Key::new("plugin.path", KeyKind::List, "Connect's; has no meaning here: connectors are built in."),
    Key::new("plugin.discovery", KeyKind::String, "Connect's; has no meaning here."),
    Key::new("topic.tracking.enable", KeyKind::Boolean, "Whether the REST API tells which topics a connector wrote.")
        .default("true"),
    Key::new("topic.tracking.allow.reset", KeyKind::Boolean, "Whether the REST API forgets them when asked to.")
        .default("true"),
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
