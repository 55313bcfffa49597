//! Topics that do not exist yet: Connect's topic creation (KIP-158).
//!
//! Where a connector has `topic.creation.*`, every topic is looked up once per run, before its first message, and created if
//! it is missing. Where it has not, the brokers create topics by themselves, or do not. The dead letter topic is created in
//! any case, as Connect does, unless `topic.creation.enable` says no.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use fancy_regex::Regex;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use tokio::task::JoinError;
use tracing::Span;

use super::super::{Message, SinkError};
use super::health::Health;
use super::oauth::{Connection, log_in};
use crate::config::{Problem, Properties};

const PREFIX: &str = "topic.creation.";
/// How long one request may take.
pub(super) const REQUEST: Duration = Duration::from_secs(10);
/// How long we wait before we ask brokers again that did not answer.
pub(super) const AGAIN: Duration = Duration::from_millis(500);

/// How to create topics: the groups in their order, the default group last.
#[derive(Clone, Debug)]
pub(super) struct Creation(Arc<[Arc<Group>]>);

#[derive(Debug)]
struct Group {
    name: String,
    /// What its keys begin with.
    prefix: String,
    include: Vec<Regex>,
    exclude: Vec<Regex>,
    /// -1: the broker's default.
    partitions: i32,
    /// -1: the broker's default.
    replication_factor: i32,
    settings: Vec<(String, String)>,
}

/// `topic.creation.enable`
pub(super) fn may_create(worker: &Properties) -> bool {
    worker.get("topic.creation.enable").is_none_or(|enable| !enable.trim().eq_ignore_ascii_case("false"))
}

impl Creation {
    /// `None`: topics are not created.
    pub(super) fn read(worker: &Properties, connector: &Properties, problems: &mut Vec<Problem>) -> Option<Self> {
        if !may_create(worker) || !connector.keys().any(|key| key.starts_with(PREFIX)) {
            return None;
        }
        let default = Group::read(connector, "default", None, problems);
        let names = connector.get("topic.creation.groups").map_or("", String::as_str);
        let names = names.split(',').map(str::trim).filter(|name| !name.is_empty() && *name != "default");
        let mut groups: Vec<Group> = names.map(|name| Group::read(connector, name, Some(&default), problems)).collect();
        groups.push(default);
        Some(Self(groups.into_iter().map(Arc::new).collect()))
    }

    /// What there is to create beside the dead letter topic, and that one, with these replicas.
    pub(super) fn with_dead_letters(creation: Option<Self>, topic: &str, replication_factor: i32) -> Self {
        let name = Regex::new(&format!("^{}$", fancy_regex::escape(topic)));
        let letters = Group {
            name: "dead letters".to_owned(),
            prefix: "errors.deadletterqueue.topic.".to_owned(),
            include: name.into_iter().collect(),
            exclude: Vec::new(),
            // Connect's `DeadLetterQueueReporter.DLQ_NUM_DESIRED_PARTITIONS`.
            partitions: 1,
            replication_factor,
            settings: Vec::new(),
        };
        let others = creation.map_or_else(Arc::default, |creation| creation.0);
        let groups = std::iter::once(Arc::new(letters)).chain(others.iter().map(Arc::clone));
        Self(groups.collect())
    }

    /// Whether it is for more than dead letters.
    pub(super) fn is_general(&self) -> bool {
        self.0.iter().any(|group| group.name == "default")
    }

    /// The first group that takes the topic.
    fn group(&self, topic: &str) -> Option<&Group> {
        self.0.iter().map(|group| &**group).find(|group| group.takes(topic))
    }
}

impl Group {
    fn read(connector: &Properties, name: &str, default: Option<&Self>, problems: &mut Vec<Problem>) -> Self {
        let prefix = format!("{PREFIX}{name}.");
        let mut number = |part: &str, default: Option<i32>| {
            let key = format!("{prefix}{part}");
            let problem = match (connector.get(&key), default) {
                (Some(value), _) => match value.trim().parse() {
                    Ok(number) if number == -1 || number > 0 => return number,
                    _ => Problem::new(key, "must be 1 or more, or -1 for the broker's").with_value(value),
                },
                (None, Some(default)) => return default,
                (None, None) => Problem::new(key, "is required when topics are created; -1: the broker's"),
            };
            problems.push(problem);
            -1
        };
        let replication_factor = number("replication.factor", default.map(|group| group.replication_factor));
        let partitions = number("partitions", default.map(|group| group.partitions));
        let include = patterns(connector, &format!("{prefix}include"), problems);
        if default.is_some() && include.is_empty() {
            problems.push(Problem::new(format!("{prefix}include"), "is required: regular expressions of topic names"));
        }
        let exclude = patterns(connector, &format!("{prefix}exclude"), problems);
        let ours = ["replication.factor", "partitions", "include", "exclude"];
        let settings = connector
            .range(prefix.clone()..)
            .map_while(|(key, value)| Some((key.strip_prefix(&prefix)?, value)))
            .filter(|(setting, _)| !ours.contains(setting))
            .map(|(setting, value)| (setting.to_owned(), value.clone()))
            .collect();
        Self { name: name.to_owned(), prefix, include, exclude, partitions, replication_factor, settings }
    }

    /// The default group takes all that no other one did.
    fn takes(&self, topic: &str) -> bool {
        let matches = |patterns: &[Regex]| patterns.iter().any(|pattern| pattern.is_match(topic).unwrap_or(false));
        (self.name == "default" || matches(&self.include)) && !matches(&self.exclude)
    }

    fn topic<'a>(&'a self, name: &'a str) -> NewTopic<'a> {
        let replication = TopicReplication::Fixed(self.replication_factor);
        let topic = NewTopic::new(name, self.partitions, replication);
        self.settings.iter().fold(topic, |topic, (key, value)| topic.set(key, value))
    }
}

/// Java's `Pattern.matches`: the whole name.
fn patterns(connector: &Properties, key: &str, problems: &mut Vec<Problem>) -> Vec<Regex> {
    let list = connector.get(key).map_or("", String::as_str);
    let mut patterns = Vec::new();
    for text in list.split(',').map(str::trim).filter(|text| !text.is_empty()) {
        match Regex::new(&format!("^(?:{text})$")) {
            Ok(pattern) => patterns.push(pattern),
            Err(error) => {
                problems.push(Problem::new(key, format!("is no regular expression: {error}")).with_value(text));
            }
        }
    }
    patterns
}

/// The topics of a run.
pub(super) struct Topics {
    creation: Creation,
    admin: Connection,
    known: HashSet<Arc<str>>,
}

/// Why topics could not be looked up or created.
enum Failure {
    /// The brokers are away.
    Away(String),
    Definite(SinkError),
}

impl Topics {
    pub(super) fn new(creation: Creation, admin: Connection) -> Self {
        Self { creation, admin, known: HashSet::new() }
    }

    /// Returns when the topics of all messages exist. While the brokers are away it waits.
    pub(super) async fn ensure(&mut self, messages: &[Message], health: &Health) -> Result<(), SinkError> {
        let new = self.new_topics(messages);
        if new.is_empty() {
            return Ok(());
        }
        self.ensure_each(new, health).await
    }

    /// The same for one topic.
    pub(super) async fn ensure_one(&mut self, topic: &Arc<str>, health: &Health) -> Result<(), SinkError> {
        if self.known.contains(topic) {
            return Ok(());
        }
        self.ensure_each(vec![Arc::clone(topic)], health).await
    }

    /// Whether the topic is created when it is missing.
    pub(super) fn creates(&self, topic: &str) -> bool {
        self.creation.group(topic).is_some()
    }

    async fn ensure_each(&mut self, new: Vec<Arc<str>>, health: &Health) -> Result<(), SinkError> {
        loop {
            // A login that is refused ends the producer, and not this.
            health.check()?;
            let (admin, creation, topics) = (self.admin.clone(), self.creation.clone(), new.clone());
            let created = blocking(move || create_missing(&admin, &creation, &topics)).await;
            match created {
                Ok(Ok(())) => {
                    health.answered();
                    break;
                }
                Ok(Err(Failure::Definite(error))) => return Err(error),
                Ok(Err(Failure::Away(reason))) => {
                    health.trouble(&reason);
                    health.tell_away();
                    tokio::time::sleep(AGAIN).await;
                }
                Err(stopped) => return Err(health.unavailable(stopped.to_string())),
            }
        }
        self.known.extend(new);
        Ok(())
    }

    fn new_topics(&self, messages: &[Message]) -> Vec<Arc<str>> {
        let mut new: Vec<Arc<str>> = Vec::new();
        let mut last: Option<&Arc<str>> = None;
        for Message { topic, .. } in messages {
            // Records of one table share their topic's name.
            let same = last.is_some_and(|last| Arc::ptr_eq(last, topic));
            if !same && !self.known.contains(topic) && !new.contains(topic) {
                new.push(Arc::clone(topic));
            }
            last = Some(topic);
        }
        new
    }
}

/// Runs what blocks beside the runtime; what it logs says whose it is.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, JoinError> {
    let span = Span::current();
    tokio::task::spawn_blocking(move || span.in_scope(work)).await
}

pub(super) fn client(admin: &Connection) -> Result<AdminClient<Quiet>, KafkaError> {
    let token = admin.token()?;
    let client: AdminClient<Quiet> = admin.settings.create_with_context(Quiet::here())?;
    log_in(client.inner(), token.as_ref())?;
    Ok(client)
}

/// Kafka's name for its cluster; `None` if no broker tells it in time. Blocks.
pub(super) fn cluster_id(admin: &Connection) -> Option<String> {
    client(admin).ok()?.inner().fetch_cluster_id(REQUEST)
}

fn create_missing(admin: &Connection, creation: &Creation, topics: &[Arc<str>]) -> Result<(), Failure> {
    let away = |error: KafkaError| Failure::Away(error.to_string());
    let client = client(admin).map_err(away)?;
    let mut missing = Vec::new();
    for topic in topics {
        let metadata = client.inner().fetch_metadata(Some(topic), REQUEST).map_err(away)?;
        let error = metadata.topics().first().and_then(rdkafka::metadata::MetadataTopic::error).map(Code::from);
        let group = creation.group(topic);
        match (error, group) {
            (Some(Code::UnknownTopicOrPartition | Code::UnknownTopic), Some(group)) => missing.push((topic, group)),
            (Some(code @ (Code::TopicAuthorizationFailed | Code::InvalidTopic)), _) => {
                return Err(Failure::Definite(refused(topic, code, None)));
            }
            _ => {}
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let new: Vec<NewTopic<'_>> = missing.iter().map(|(topic, group)| group.topic(topic)).collect();
    let options = AdminOptions::new().request_timeout(Some(REQUEST)).operation_timeout(Some(REQUEST));
    let results = futures::executor::block_on(client.create_topics(&new, &options)).map_err(away)?;
    for (result, (topic, group)) in results.into_iter().zip(missing) {
        match result {
            Ok(_) => {
                let Group { name, partitions, replication_factor, .. } = group;
                tracing::info!(topic = &**topic, group = name, partitions, replication_factor, "created a topic");
            }
            // Somebody was faster.
            Err((_, Code::TopicAlreadyExists)) => {}
            Err((_, code)) if is_definite(code) => return Err(Failure::Definite(refused(topic, code, Some(group)))),
            Err((_, code)) => return Err(Failure::Away(format!("topic {topic} cannot be created: {code}"))),
        }
    }
    Ok(())
}

fn is_definite(code: Code) -> bool {
    matches!(
        code,
        Code::TopicAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::InvalidTopic
            | Code::InvalidPartitions
            | Code::InvalidReplicationFactor
            | Code::InvalidReplicaAssignment
            | Code::InvalidConfig
            | Code::InvalidRequest
            | Code::PolicyViolation
            | Code::UnsupportedVersion
    )
}

fn refused(topic: &str, code: Code, group: Option<&Group>) -> SinkError {
    let prefix = group.map_or("topic.creation.default.", |group| group.prefix.as_str());
    let remedy = match code {
        Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed => {
            "grant DESCRIBE, CREATE and WRITE on the topic to the producer's user, or create it beforehand".to_owned()
        }
        Code::InvalidTopic => "use letters, digits, '.', '_' and '-', at most 249".to_owned(),
        Code::InvalidReplicationFactor => format!(
            "{prefix}replication.factor={} must not be more than there are brokers",
            group.map_or(-1, |group| group.replication_factor)
        ),
        _ => format!("check {prefix}*, or create the topic beforehand"),
    };
    SinkError::Refused { topic: topic.to_owned(), reason: format!("cannot create it: {code}"), remedy }
}

/// The admin client lives shortly, and its errors come as results. Its threads log as the task that made it does.
pub(super) struct Quiet(Span);

impl Quiet {
    pub(super) fn here() -> Self {
        Self(Span::current())
    }
}

impl ClientContext for Quiet {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.0.in_scope(|| tracing::debug!(?level, facility, "librdkafka: {message}"));
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.in_scope(|| tracing::debug!(%error, reason, "librdkafka"));
    }
}

#[cfg(test)]
#[path = "topics_tests.rs"]
mod tests;
