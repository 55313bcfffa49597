//! Topics with settings of their own, made and changed by a test.

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;

use super::RUNTIME;
use super::server::Server;

fn admin(broker: &Server) -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", broker.address()).create().unwrap()
}

/// Makes a topic of one partition.
pub(crate) fn create(broker: &Server, topic: &str, settings: &[(&str, &str)]) {
    let new = NewTopic::new(topic, 1, TopicReplication::Fixed(1));
    make(broker, &settings.iter().fold(new, |new, (name, value)| new.set(name, value)));
}

/// Makes a topic of one partition, which only the broker of that number has.
pub(crate) fn create_on(broker: &Server, number: i32, topic: &str) {
    make(broker, &NewTopic::new(topic, 1, TopicReplication::Variable(&[&[number]])));
}

fn make(broker: &Server, topic: &NewTopic<'_>) {
    let created = RUNTIME.block_on(admin(broker).create_topics([topic], &AdminOptions::new())).unwrap();
    created.into_iter().next().unwrap().unwrap();
}

/// Gives a topic these settings, and of all others the broker's.
pub(crate) fn set(broker: &Server, topic: &str, settings: &[(&str, &str)]) {
    let change = AlterConfig::new(ResourceSpecifier::Topic(topic));
    let change = settings.iter().fold(change, |change, (name, value)| change.set(name, value));
    let changed = RUNTIME.block_on(admin(broker).alter_configs(&[change], &AdminOptions::new())).unwrap();
    changed.into_iter().next().unwrap().unwrap();
}
