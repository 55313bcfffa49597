//! Topics with settings of their own, made and changed by a test.

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;

use super::server::Server;
use super::{RUNTIME, seconds, wait_until};

fn admin(broker: &Server) -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", broker.address()).create().unwrap()
}

/// Makes a topic of one partition. The controller is the first to know of it: when this returns the broker does, too.
pub(crate) fn create(broker: &Server, topic: &str, settings: &[(&str, &str)]) {
    let new = NewTopic::new(topic, 1, TopicReplication::Fixed(1));
    make(broker, &settings.iter().fold(new, |new, (name, value)| new.set(name, value)));
}

/// Makes a topic of one partition, which only the broker of that number has.
pub(crate) fn create_on(broker: &Server, number: i32, topic: &str) {
    make(broker, &NewTopic::new(topic, 1, TopicReplication::Variable(&[&[number]])));
}

fn make(broker: &Server, topic: &NewTopic<'_>) {
    let admin = admin(broker);
    let created = RUNTIME.block_on(admin.create_topics([topic], &AdminOptions::new())).unwrap();
    created.into_iter().next().unwrap().unwrap();
    wait_until(&format!("the broker has topic {}", topic.name), seconds(60), || {
        let Ok(metadata) = admin.inner().fetch_metadata(None, seconds(20)) else { return false };
        let found = metadata.topics().iter().find(|found| found.name() == topic.name);
        found.is_some_and(|found| found.partitions().iter().any(|partition| partition.leader() >= 0))
    });
}

/// Gives a topic these settings, and of all others the broker's.
pub(crate) fn set(broker: &Server, topic: &str, settings: &[(&str, &str)]) {
    let change = AlterConfig::new(ResourceSpecifier::Topic(topic));
    let change = settings.iter().fold(change, |change, (name, value)| change.set(name, value));
    let admin = admin(broker);
    let changed = RUNTIME.block_on(admin.alter_configs(&[change], &AdminOptions::new())).unwrap();
    changed.into_iter().next().unwrap().unwrap();
    wait_until(&format!("the broker knows the settings of {topic}"), seconds(60), || {
        let (of_it, options) = ([ResourceSpecifier::Topic(topic)], AdminOptions::new());
        let answer = RUNTIME.block_on(admin.describe_configs(&of_it, &options));
        let Some(Ok(found)) = answer.unwrap_or_default().into_iter().next() else { return false };
        let is = |name: &str, value: &str| found.get(name).is_some_and(|now| now.value.as_deref() == Some(value));
        settings.iter().all(|(name, value)| is(name, value))
    });
}
