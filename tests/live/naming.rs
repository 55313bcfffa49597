//! Debezium's naming strategies (`topic.naming.strategy`): where rows go, and what tells tables apart that share a topic.

use serde_json::{Value, json};

use super::lines;
use crate::support::daemon::Setup;
use crate::support::database::Database;
use crate::support::seconds;
use crate::support::server::{self, Server};

/// Two shards, one of them without a key, and a table that is none.
fn shards(server: &Server, name: &str, strategy: &str) {
    let database = Database::create(server, name);
    let mut session = database.session();
    for statement in [
        "CREATE TABLE orders_shard1 (id int PRIMARY KEY, v int)",
        "CREATE TABLE orders_shard2 (id int, v int)",
        "CREATE TABLE others (id int PRIMARY KEY, v int)",
        "INSERT INTO orders_shard1 VALUES (1, 1)",
    ] {
        session.execute(statement);
    }
    let connector = database.connector(&json!({
        "topic.naming.strategy": format!("io.debezium.schema.{strategy}RegexTopicNamingStrategy"),
        "topic.regex": "(.*)_shard(\\d+)",
        "topic.replacement": "$1",
        "topic.key.field.name": "part",
        "topic.key.field.regex": ".*_(shard\\d+)",
        "topic.key.field.replacement": "$1",
    }));
    let daemon = Setup::new().connector(&connector).start();
    lines::wait(&daemon, 1);
    session.execute("UPDATE orders_shard1 SET v = 2");
    session.execute("INSERT INTO orders_shard2 VALUES (1, 3)");
    session.execute("INSERT INTO others VALUES (1, 4)");
    session.execute("DELETE FROM orders_shard1");
    let first = json!({"id": 1, "part": "shard1"});
    let expected = [
        json!(["orders", first, "r", 1]),
        json!(["orders", first, "u", 2]),
        json!(["orders", {"part": "shard2"}, "c", 3]),
        json!(["others", {"id": 1, "part": others(&database)}, "c", 4]),
        json!(["orders", first, "d", null]),
        json!(["orders", first, null, null]),
    ];
    let seen = lines::wait(&daemon, expected.len());
    let part = |line: &Value| {
        let (_, topic) = line["topic"].as_str().unwrap().rsplit_once('.').unwrap();
        json!([topic, line["key"], line["value"]["op"], line["value"]["after"]["v"]])
    };
    assert_eq!(seen.iter().map(part).collect::<Vec<_>>(), expected);
    daemon.stop(seconds(10));
}

/// The topic that a table has which no expression names.
fn others(database: &Database) -> String {
    let schema = if database.is_postgres() { "public" } else { &database.name };
    format!("{}.{schema}.others", database.name)
}

#[test]
fn postgres_shards() {
    shards(server::postgres(), "naming_pg", "Schema");
}

#[test]
fn mysql_shards() {
    shards(server::mysql80(), "naming_my", "Default");
}
