//! Kafka refuses a message, or goes away and comes back.

#![expect(clippy::print_stderr, reason = "the memory is shown when a test fails")]

use serde_json::{Value, json};

use crate::support::daemon::Setup;
use crate::support::database::Database;
use crate::support::reader::{Reader, Record};
use crate::support::server::{self, Server};
use crate::support::{seconds, wait_until};

fn ids(records: &[Record]) -> Vec<i64> {
    records.iter().map(|record| record.key_json()["id"].as_i64().unwrap()).collect()
}

/// Each first appearance, in order.
fn first(ids: &[i64]) -> Vec<i64> {
    let mut seen = std::collections::HashSet::new();
    ids.iter().copied().filter(|id| seen.insert(*id)).collect()
}

/// The line waits for the broker: nothing is lost, the order is kept, nothing grows, and a stop can be cut short.
fn broker_goes_and_returns(server: &Server, name: &str, fill: &str) {
    const ROWS: i64 = 30_000;
    let broker = Server::own("kafka", name, &[]);
    let database = Database::create(server, name);
    let mut session = database.session();
    session.execute("CREATE TABLE t (id int PRIMARY KEY, word varchar(200))");
    session.execute("INSERT INTO t VALUES (1, 'one')");
    // A small buffer, so that the line is full long before the rows are through.
    let small = json!({"producer.override.buffer.memory": 2_000_000});
    let setup = Setup::new()
        .connector(&database.connector(&small))
        .set("bootstrap.servers", &broker.address())
        .set("task.shutdown.graceful.timeout.ms", "60000");
    let daemon = setup.start();
    let mut reader = Reader::new(&broker, &format!("{name}."));
    reader.read_until(&daemon, "the snapshot is there", seconds(30), |records| records.len() == 1);

    broker.kill();
    for _ in 0..6 {
        session.execute(&fill.replace("ROWS", &(ROWS / 6).to_string()));
    }
    // The line is full when memory does not grow any more.
    let mut memory = vec![daemon.memory()];
    wait_until("memory stays", seconds(60), || {
        std::thread::sleep(seconds(1));
        memory.push(daemon.memory());
        memory.len() > 8 && memory[memory.len() - 5] >= daemon.memory() - daemon.memory() / 50
    });
    eprintln!("resident memory from second to second: {memory:?}");
    assert!(daemon.memory() < memory[0] + 100_000_000, "memory grows while the broker is away");
    broker.restart(&[]);
    // Some may come twice, so their number says nothing.
    reader.read_until(&daemon, "all rows are there", seconds(90), |records| {
        records.len() > usize::try_from(ROWS).unwrap() && ids(records).contains(&(ROWS + 1))
    });
    assert_eq!(first(&ids(&reader.records)), (1..=ROWS + 1).collect::<Vec<_>>());

    // Only a row that is on its way keeps a stop waiting: the daemon misses its acknowledgement, and no earlier one.
    daemon.is_acknowledged(name, seconds(60));
    let missed = daemon.said("no acknowledgement yet");
    broker.kill();
    session.execute("INSERT INTO t VALUES (1000000, 'last')");
    daemon.says_again("no acknowledgement yet", missed, seconds(60));
    daemon.terminate();
    daemon.says("stopping", seconds(30));
    assert!(!daemon.has_ended(), "it waits for the broker");
    daemon.terminate();
    assert_eq!(daemon.ended(seconds(10)).code(), Some(1));
    broker.restart(&[]);
    let daemon = setup.start();
    reader.read_until(&daemon, "the last row is there", seconds(30), |records| ids(records).contains(&1_000_000));
    daemon.stop(seconds(20));
}

#[test]
fn broker_goes_and_returns_postgres() {
    let fill = "INSERT INTO t SELECT id, repeat('x', 150) FROM generate_series((SELECT max(id) FROM t) + 1, \
        (SELECT max(id) FROM t) + ROWS) AS id";
    broker_goes_and_returns(server::postgres(), "broker_pg", fill);
}

#[test]
fn broker_goes_and_returns_mysql() {
    let fill = "INSERT INTO t WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ROWS) \
        SELECT /*+ SET_VAR(cte_max_recursion_depth = 100000) */ (SELECT max(id) FROM t) + i, repeat('x', 150) FROM n";
    broker_goes_and_returns(server::mysql80(), "broker_my", fill);
}

/// A message that the broker does not take stops the connector: it is named, and nothing after it is sent.
#[test]
fn a_message_that_is_too_large() {
    let database = Database::create(server::postgres(), "too_large");
    let mut session = database.session();
    session.execute("CREATE TABLE t (id int PRIMARY KEY, word text)");
    session.execute("INSERT INTO t VALUES (1, 'one')");
    let broker = server::kafka();
    let small = json!({"topic.creation.default.partitions": 1, "topic.creation.default.replication.factor": 1,
        "topic.creation.default.max.message.bytes": 20_000});
    let setup = Setup::new().connector(&database.connector(&small)).set("bootstrap.servers", &broker.address());
    let daemon = setup.start();
    let mut reader = Reader::new(broker, "too_large.");
    reader.read_until(&daemon, "the snapshot is there", seconds(30), |records| records.len() == 1);
    session.execute("INSERT INTO t VALUES (2, repeat('x', 30000))");
    session.execute("INSERT INTO t VALUES (3, 'three')");
    let trace = daemon.reaches("too_large", "FAILED", seconds(30));
    for word in ["too_large.public.t", "max.message.bytes"] {
        assert!(trace.contains(word), "{word} is missing in {trace}");
    }
    assert_eq!(ids(reader.read()), [1], "nothing passes the message that was refused");
    drop(daemon);
    // It is still the next one.
    let daemon = setup.start();
    daemon.reaches("too_large", "FAILED", seconds(30));
    assert_eq!(first(&ids(reader.read())), [1]);
    assert_eq!(reader.records[0].value_json()["after"]["word"], Value::from("one"));
}
