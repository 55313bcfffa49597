//! The settings of the Kafka sink: Connect's prefixes, Java's names or librdkafka's, and our defaults.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaConfRes;

use super::ciphers;
use super::feeder::Round;
use super::oauth::{Connection, Oidc, Tokens};
use super::overrides;
use super::security;
use super::topics::{self, Creation};
use super::translate::{Meaning, meaning};
use crate::config::{Key, KeyKind, Problem, Problems, Properties, Warning, properties};

/// The keys of a connector that the sink reads. Those of the worker have the prefix `producer.` instead.
pub const KEYS: &[Key] = &[
    Key::new(
        "producer.override.*",
        KeyKind::String,
        "A setting of the Kafka producer, by Java's name or librdkafka's.",
    ),
    Key::new("admin.override.*", KeyKind::String, "A setting of the client that creates topics."),
    Key::new("topic.creation.default.replication.factor", KeyKind::Int, "Replicas of new topics; -1: the broker's."),
    Key::new("topic.creation.default.partitions", KeyKind::Int, "Partitions of new topics; -1: the broker's."),
    Key::new("topic.creation.groups", KeyKind::List, "Groups of topics with settings of their own."),
    Key::new("topic.creation.*", KeyKind::String, "Any setting of a group's new topics, and its include and exclude."),
];

/// Our defaults, beside librdkafka's. Measured with `cargo bench --bench sink`.
const DEFAULTS: &[(&str, &str)] = &[
    ("enable.idempotence", "true"),
    ("acks", "all"),
    // With more than one, messages can be lost silently. A partition that has no record of this producer yet takes any
    // sequence number, so it may refuse a first request (its leader is not ready) and take the second; librdkafka concludes
    // that the first was kept too (`rd_kafka_dr_implicit_ack`). New topics make that likely.
    ("max.in.flight.requests.per.connection", "1"),
    // A message that cannot be delivered ends the producer before a later one of its partition overtakes it.
    ("enable.gapless.guarantee", "true"),
    // Connect waits for brokers for ever (delivery.timeout.ms=2147483647); 0 says the same here.
    ("delivery.timeout.ms", "0"),
    // The Java client's: the same key goes to the same partition.
    ("partitioner", "murmur2_random"),
    // The Java client's max.request.size.
    ("message.max.bytes", "1048576"),
    // What comes while a round is on its way goes with the next one, so nothing has to wait for company.
    ("linger.ms", "0"),
    ("batch.size", BATCH_BYTES),
    ("reconnect.backoff.max.ms", "1000"),
    ("socket.keepalive.enable", "true"),
    ("log.connection.close", "false"),
];

/// The least and the usual `batch.size`: an idempotent librdkafka has one batch of a partition on its way at a time, so
/// Java's 16384 would be all that fits between two answers (measured: a tenth of the rate for ten times the CPU).
const BATCH_BYTES: &str = "1000000";

/// Java's `batch.size`. Who sets more wants larger requests, and gets them; only who sets less wants something else.
const JAVA_BATCH_BYTES: u64 = 16_384;

/// How long librdkafka keeps messages that it was not told to send.
const LINGER_MS: &str = "1000";

/// What may be on its way, in KiB: enough for a second of a busy line, little beside the 32 MiB of the Java client,
/// because all of the process is to stay small.
const BUFFER_KIB: usize = 16 * 1024;

/// The settings of a connector's producer.
#[derive(Clone)]
pub struct KafkaConfig {
    /// librdkafka's settings.
    client: BTreeMap<String, String>,
    /// The same for the client that creates topics.
    admin: BTreeMap<String, String>,
    /// Where the producer's tokens come from, if they come from somebody.
    pub(super) tokens: Option<Arc<Tokens>>,
    admin_tokens: Option<Arc<Tokens>>,
    pub(super) creation: Option<Creation>,
    /// The worker's `topic.creation.enable`.
    may_create: bool,
    pub(super) buffer_bytes: usize,
    pub(super) buffer_messages: usize,
    pub(super) block_max: Option<Duration>,
    pub(super) bytes_max: usize,
    pub(super) round: Round,
    /// What is accepted, but has no effect.
    pub warnings: Vec<Warning>,
}

impl fmt::Debug for KafkaConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaConfig")
            .field("client", &properties::masked(&self.client))
            .field("creation", &self.creation)
            .field("buffer_bytes", &self.buffer_bytes)
            .finish_non_exhaustive()
    }
}

impl KafkaConfig {
    /// Reads the settings of a worker and a connector, placeholders resolved: the worker's `bootstrap.servers`,
    /// `security.protocol`, `sasl.*`, `ssl.*`, then its `producer.*`, then the connector's `producer.override.*`; later ones
    /// win.
    ///
    /// # Errors
    /// Everything that is wrong, under the key it was given by.
    pub fn read(worker: &Properties, connector: &Properties) -> Result<Self, Problems> {
        let name = connector.get("name").map_or("rowtide", String::as_str);
        let mut producer = Client::default();
        producer.inherit(worker);
        producer.layer(worker, "producer.");
        producer.layer(connector, "producer.override.");
        let mut admin = Client::default();
        admin.inherit(worker);
        for prefix in ["producer.", "admin."] {
            admin.layer(worker, prefix);
            admin.layer(connector, &format!("{prefix}override."));
        }
        producer.finish();
        let buffer_kib = producer.take_number("queue.buffering.max.kbytes").unwrap_or(BUFFER_KIB);
        let buffer_messages = producer.take_number("queue.buffering.max.messages");
        let block_max = producer.take_number::<u64>("max.block.ms");
        producer.set_defaults(name);
        producer.check();
        admin.finish();
        admin.become_admin(name);
        admin.check();
        let mut problems = producer.problems;
        // Its other settings, and what is wrong with them, are the producer's.
        problems.extend(admin.problems.into_iter().filter(|problem| problem.key.starts_with("admin.")));
        let mut warnings = producer.warnings;
        warnings.extend(admin.warnings.into_iter().filter(|warning| warning.key.starts_with("admin.")));
        problems.extend(overrides::refused(worker, connector));
        let creation = Creation::read(worker, connector, &mut problems);
        let size = |name: &str| producer.settings.get(name).and_then(|bytes| bytes.parse::<usize>().ok());
        let bytes_max = size("message.max.bytes").unwrap_or_default();
        let number = |name: &str| producer.settings.get(name).and_then(|value| value.parse::<f64>().ok());
        let linger = number("linger.ms").and_then(|ms| Duration::try_from_secs_f64(ms / 1000.0).ok());
        let bytes = size("batch.size").unwrap_or_default().min(bytes_max);
        let round = Round { bytes, time: linger.unwrap_or_default() };
        let tokens = producer.oidc.map(Tokens::new);
        let admin_tokens = match (admin.oidc, &tokens) {
            (Some(oidc), Some(tokens)) if tokens.are_of(&oidc) => Some(Arc::clone(tokens)),
            (oidc, _) => oidc.map(Tokens::new),
        };
        let config = Self {
            client: producer.settings,
            admin: admin.settings,
            tokens,
            admin_tokens,
            creation,
            may_create: topics::may_create(worker),
            buffer_bytes: buffer_kib.saturating_mul(1024),
            buffer_messages: buffer_messages.filter(|messages| *messages > 0).unwrap_or(usize::MAX),
            // Connect's default, Long.MAX_VALUE, is for ever.
            block_max: block_max.filter(|ms| *ms < u64::MAX / 4).map(Duration::from_millis),
            bytes_max,
            round,
            warnings,
        };
        if problems.is_empty() { Ok(config) } else { Err(Problems(problems)) }
    }

    /// Creates the dead letter topic, if it is missing, with so many replicas (-1: the broker's default).
    pub fn create_dead_letters(&mut self, topic: &str, replication_factor: i32) {
        if self.may_create {
            self.creation = Some(Creation::with_dead_letters(self.creation.take(), topic, replication_factor));
        }
    }

    /// Whether topics of records are created when they are missing.
    pub(super) fn creates_topics(&self) -> bool {
        self.creation.as_ref().is_some_and(Creation::is_general)
    }

    /// Kafka, with its address.
    pub(super) fn sink_name(&self) -> String {
        format!("kafka {}", self.client.get("bootstrap.servers").map_or("", String::as_str))
    }

    /// librdkafka's settings of the producer. It sends when it is told to ([`super::feeder`]), so it lingers for longer than
    /// handing over takes; `linger.ms` is the round's.
    pub(super) fn producer(&self) -> ClientConfig {
        let mut client: ClientConfig = self.client.clone().into_iter().collect();
        client.set("linger.ms", LINGER_MS);
        client
    }

    pub(super) fn admin(&self) -> Connection {
        let settings = self.admin.clone().into_iter().collect();
        Connection { settings, tokens: self.admin_tokens.clone() }
    }

    /// A consumer's settings: the connection's, and those of reading a topic once.
    pub(super) fn consumer(&self, group: &str) -> Connection {
        let mut connection = self.admin();
        connection
            .settings
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "earliest")
            .set("client.id", group);
        connection
    }
}

/// librdkafka's settings while they are put together.
#[derive(Debug, Default)]
struct Client {
    settings: BTreeMap<String, String>,
    /// What of Java's needs more than one setting to be understood.
    java: Java,
    oidc: Option<Oidc>,
    /// The key that each setting was given by.
    keys: BTreeMap<String, String>,
    problems: Vec<Problem>,
    warnings: Vec<Warning>,
}

/// Java's settings by name, each with the key it was given by.
#[derive(Debug, Default)]
pub(super) struct Java(BTreeMap<String, Setting>);

#[derive(Debug)]
pub(super) struct Setting {
    pub(super) key: String,
    pub(super) value: String,
}

impl Java {
    pub(super) fn set(&mut self, name: &str, key: &str, value: &str) {
        self.0.insert(name.to_owned(), Setting { key: key.to_owned(), value: value.to_owned() });
    }

    pub(super) fn take(&mut self, name: &str) -> Option<Setting> {
        self.0.remove(name)
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|setting| setting.value.as_str())
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Client {
    /// The worker's own settings of connection and security, which the producer inherits. (In Connect one writes them
    /// twice, with and without the prefix.)
    fn inherit(&mut self, worker: &Properties) {
        let security = |key: &str| key == "security.protocol" || key.starts_with("sasl.") || key.starts_with("ssl.");
        // What the worker asks of its own clients.
        let security = |key: &str| security(key) && !matches!(key, "ssl.client.auth" | "ssl.principal.mapping.rules");
        for (key, value) in worker.iter().filter(|(key, _)| *key == "bootstrap.servers" || security(key)) {
            self.set(key, key, value);
        }
    }

    /// All settings of a prefix.
    fn layer(&mut self, properties: &Properties, prefix: &str) {
        // Of a connector named in the worker's file, "producer.override.…" would be a layer of its own.
        for (key, value) in properties.range(prefix.to_owned()..).take_while(|(key, _)| key.starts_with(prefix)) {
            self.set(&key[prefix.len()..], key, value);
        }
    }

    fn set(&mut self, name: &str, key: &str, value: &str) {
        let value = value.trim();
        let (client, value) = match meaning(name, value) {
            Meaning::Client(client, value) => (client, value),
            Meaning::Unchanged => (name, value.to_owned()),
            Meaning::Together => return self.java.set(name, key, value),
            Meaning::Ignored(why) => return self.warnings.push(Warning::new(key, format!("has no effect: {why}"))),
            Meaning::Refused(reason) => return self.problems.push(Problem::new(key, reason).with_value(value)),
        };
        self.settings.insert(client.to_owned(), value);
        self.keys.insert(client.to_owned(), key.to_owned());
    }

    /// Understands what needs more than one setting.
    fn finish(&mut self) {
        self.oidc = security::translate(&mut self.java, &mut self.settings, &mut self.problems);
        self.choose_suites();
        let compression = self.settings.get("compression.type").map_or("none", String::as_str).to_ascii_lowercase();
        for codec in ["gzip", "lz4", "zstd"] {
            if let Some(level) = self.java.take(&format!("compression.{codec}.level"))
                && codec == compression
            {
                self.keys.insert("compression.level".to_owned(), level.key);
                self.settings.insert("compression.level".to_owned(), level.value);
            }
        }
        // Java's client gives up a request after this time; librdkafka only tells it to the broker, and gives up itself
        // after socket.timeout.ms.
        let patience = self.settings.get("request.timeout.ms").and_then(|ms| ms.parse::<u32>().ok());
        if let Some(patience) = patience {
            let patience = patience.clamp(10, 300_000).to_string();
            self.settings.entry("socket.timeout.ms".to_owned()).or_insert(patience);
        }
    }

    fn choose_suites(&mut self) {
        let Some(Setting { key, value }) = self.java.take("ssl.cipher.suites") else { return };
        match ciphers::suites(&value) {
            Ok(suites) => {
                if !suites.unchosen.is_empty() {
                    let what = format!("suites of TLS 1.3 cannot be chosen ({})", suites.unchosen.join(", "));
                    self.warnings.push(Warning::new(&key, format!("{what}: all of them are offered")));
                }
                self.keys.insert("ssl.cipher.suites".to_owned(), key);
                self.settings.insert("ssl.cipher.suites".to_owned(), suites.list);
            }
            Err(reason) => self.problems.push(Problem::new(key, reason).with_value(value)),
        }
    }

    /// Takes a setting that is ours, not librdkafka's.
    fn take_number<T: std::str::FromStr>(&mut self, name: &str) -> Option<T> {
        let value = self.settings.remove(name)?;
        let number = value.parse().ok();
        if number.is_none() {
            self.problem(name, "must be a whole number", &value);
        }
        number
    }

    fn set_defaults(&mut self, connector: &str) {
        if !self.settings.contains_key("bootstrap.servers") {
            self.problems.push(Problem::new("bootstrap.servers", "is required: host:port,host:port"));
        }
        // As the Java client does, idempotence gives way to settings that exclude it, unless it is asked for.
        let weak = self.settings.get("acks").filter(|acks| !matches!(acks.as_str(), "all" | "-1"));
        if let Some(acks) = weak {
            let what = format!("acks={acks}: what a broker acknowledged is lost if it fails before it is replicated");
            self.warnings.push(Warning::new(self.key("acks"), what));
            self.settings.entry("enable.idempotence".to_owned()).or_insert_with(|| "false".to_owned());
        }
        let idempotent = self.settings.get("enable.idempotence").is_none_or(|value| value == "true");
        for (name, value) in DEFAULTS {
            if idempotent || *name != "enable.gapless.guarantee" {
                self.settings.entry((*name).to_owned()).or_insert_with(|| (*value).to_owned());
            }
        }
        self.raise_batch();
        let in_flight = self.settings.get("max.in.flight.requests.per.connection").cloned();
        if let Some(in_flight) = in_flight.filter(|count| idempotent && count.parse().is_ok_and(|count: u64| count > 5))
        {
            let reason = "must be at most 5, or order is not kept (enable.idempotence)";
            self.problem("max.in.flight.requests.per.connection", reason, &in_flight);
        }
        self.settings.entry("client.id".to_owned()).or_insert_with(|| format!("connector-producer-{connector}-0"));
        // Our own room is the limit.
        self.settings.insert("queue.buffering.max.kbytes".to_owned(), i32::MAX.to_string());
        self.settings.insert("queue.buffering.max.messages".to_owned(), "0".to_owned());
    }

    fn raise_batch(&mut self) {
        let least: u64 = BATCH_BYTES.parse().unwrap_or_default();
        let asked = self.settings.get("batch.size").and_then(|bytes| bytes.parse::<u64>().ok());
        let Some(asked) = asked.filter(|bytes| *bytes < least) else { return };
        if asked < JAVA_BATCH_BYTES {
            let what = format!("is raised to {least}: what waits goes in one request; max.request.size bounds it");
            self.warnings.push(Warning::new(self.key("batch.size"), what));
        }
        self.settings.insert("batch.size".to_owned(), least.to_string());
    }

    /// Leaves what concerns connections.
    fn become_admin(&mut self, connector: &str) {
        const CONNECTION: &[&str] = &[
            "bootstrap.servers",
            "security.",
            "sasl.",
            "ssl.",
            "socket.",
            "reconnect.",
            "broker.",
            "client.",
            "debug",
        ];
        let admin = self.keys.clone();
        self.settings.retain(|name, _| {
            CONNECTION.iter().any(|prefix| name.starts_with(prefix))
                || admin.get(name).is_some_and(|key| key.starts_with("admin."))
        });
        if !admin.get("client.id").is_some_and(|key| key.starts_with("admin.")) {
            self.settings.insert("client.id".to_owned(), format!("connector-adminclient-{connector}-0"));
        }
        // To look whether a topic exists must not create it.
        self.settings.insert("allow.auto.create.topics".to_owned(), "false".to_owned());
    }

    /// Asks librdkafka about each setting by itself, so that each mistake is found, and under its own key.
    fn check(&mut self) {
        let refused = self.settings.iter().filter_map(|(name, value)| {
            match ClientConfig::new().set(name, value).create_native_config() {
                Err(KafkaError::ClientConfig(kind, reason, ..)) => Some((name.clone(), kind, reason, value.clone())),
                _ => None,
            }
        });
        for (name, kind, reason, value) in refused.collect::<Vec<_>>() {
            if kind == RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN {
                // As Java's client does: a file moves over with what its plug-ins there were told.
                self.settings.remove(&name);
                self.warnings.push(Warning::unknown(self.key(&name), "is no setting of a Kafka client; ignored"));
            } else {
                self.problem(&name, &reason, &value);
            }
        }
    }

    fn problem(&mut self, name: &str, reason: &str, value: &str) {
        let key = self.key(name);
        let problem = Problem::new(&key, reason);
        let secret = properties::is_secret_name(&key);
        self.problems.push(if secret { problem } else { problem.with_value(value) });
    }

    fn key(&self, name: &str) -> String {
        self.keys.get(name).cloned().unwrap_or_else(|| name.to_owned())
    }
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
