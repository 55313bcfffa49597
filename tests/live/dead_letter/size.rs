//! Messages that the broker refuses for their size, and a limit that changes while rows flow.

use serde_json::json;

use super::{first, ids, keys_of_letters, letters, setup, table};
use crate::support::database::Database;
use crate::support::reader::{Reader, Record};
use crate::support::server;
use crate::support::{seconds, topics, wait_until};

/// A topic that takes less than librdkafka puts into one request: what is small passes, what is too large does not.
#[test]
fn a_message_that_the_broker_refuses_for_its_size() {
    let database = Database::create(server::postgres(), "oversize");
    let broker = server::kafka();
    let topic = database.topic("t");
    let mut session = database.session();
    table(&mut session);
    let mut reader = Reader::new(broker, "oversize.");
    let setup = setup(&database, broker, &json!({"topic.creation.default.max.message.bytes": 20_000}));
    let daemon = setup.start();
    reader.read_until(&daemon, "the snapshot is there", seconds(60), |records| ids(records, &topic) == [1]);
    session.execute(
        "INSERT INTO t SELECT id, repeat('x', CASE WHEN id = 1000 THEN 30000 ELSE 150 END) FROM generate_series(2, 3000) AS id",
    );
    let last = |records: &[Record]| ids(records, &topic).contains(&3000);
    reader.read_until(&daemon, "the last row is there", seconds(60), last);
    daemon.stop(seconds(20));
    let expected: Vec<i64> = (1..=3000).filter(|id| *id != 1000).collect();
    // The letter is in another topic: that the last row was seen says nothing of it, only the clean stop does.
    assert_eq!(ids(reader.read(), &topic), expected);
    let letters = letters(&reader.records, &database);
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].header("x-primary-key").unwrap_or_default(), r#"{"id":1000}"#);
    assert_eq!(letters[0].header("x-stage").unwrap_or_default(), "KAFKA_PRODUCE");
    assert!(letters[0].header("x-reason").unwrap_or_default().contains("max.message.bytes"));
    assert_eq!(letters[0].value_json()["payload"]["after"]["word"].as_str().unwrap().len(), 30_000);
}

/// Rows behind a large one, more of them than a request of the new limit holds.
const MORE: &str = "INSERT INTO t SELECT id, repeat('x', CASE WHEN id = 3 THEN 30000 ELSE 150 END) \
    FROM generate_series(3, 2000) AS id";

/// The topic takes less than when it was asked: the connector asks again by itself, and goes on as the file says.
#[test]
fn a_limit_that_is_lowered_makes_a_dead_letter() {
    let database = Database::create(server::postgres(), "lowered");
    let broker = server::kafka();
    let topic = database.topic("t");
    let mut session = database.session();
    table(&mut session);
    let mut reader = Reader::new(broker, "lowered.");
    let daemon = setup(&database, broker, &json!({})).start();
    reader.read_until(&daemon, "the snapshot is there", seconds(60), |records| ids(records, &topic) == [1]);
    session.execute("INSERT INTO t VALUES (2, repeat('x', 30000), NULL)");
    reader.read_until(&daemon, "the topic takes it", seconds(30), |records| ids(records, &topic) == [1, 2]);
    // Twice: what helped once helps again.
    for (round, limit) in [(0, "20000"), (1, "15000")] {
        topics::set(broker, &topic, &[("max.message.bytes", limit)]);
        let (large, last) = (3 + 2000 * round, 2002 + 2000 * round);
        session.execute(&format!(
            "INSERT INTO t SELECT id, repeat('x', CASE WHEN id = {large} THEN {} ELSE 150 END) \
             FROM generate_series({large}, {last}) AS id",
            if round == 0 { 30_000 } else { 18_000 }
        ));
        let there = |records: &[Record]| ids(records, &topic).contains(&last);
        reader.read_until(&daemon, "the last row is there", seconds(90), there);
    }
    daemon.reaches("lowered", "RUNNING", seconds(10));
    daemon.stop(seconds(20));
    let expected: Vec<i64> = (1..=4002).filter(|id| ![3, 2003].contains(id)).collect();
    assert_eq!(first(&ids(reader.read(), &topic)), expected, "the others, in order");
    let keys = keys_of_letters(&reader.records, &database);
    assert_eq!(keys, [r#"{"id":3}"#, r#"{"id":2003}"#].map(str::to_owned).into());
}

/// Without tolerance the task fails, repeats nothing while it looks again, and goes on when the topic takes the row.
#[test]
fn a_limit_that_is_lowered_blocks_the_line_until_it_is_raised() {
    let database = Database::create(server::postgres(), "blocked_size");
    let broker = server::kafka();
    let topic = database.topic("t");
    let mut session = database.session();
    table(&mut session);
    let mut reader = Reader::new(broker, "blocked_size.");
    let intolerant = json!({"errors.tolerance": "none", "transforms.unwrap.route.by.field": null});
    let daemon = setup(&database, broker, &intolerant).start();
    reader.read_until(&daemon, "the snapshot is there", seconds(60), |records| ids(records, &topic) == [1]);
    topics::set(broker, &topic, &[("max.message.bytes", "20000")]);
    session.execute("INSERT INTO t VALUES (2, 'two', NULL)");
    session.execute(MORE);
    let trace = daemon.reaches("blocked_size", "FAILED", seconds(60));
    for part in [&*topic, "is larger than 20000", "max.message.bytes"] {
        assert!(trace.contains(part), "{part} is missing in {trace}");
    }
    let looks = || daemon.log().matches("goes on when this is mended").count();
    wait_until("it looks a third time", seconds(30), || looks() >= 3);
    let before = ids(reader.read(), &topic);
    wait_until("it looks twice more", seconds(30), || looks() >= 5);
    assert_eq!(ids(reader.read(), &topic), before, "nothing is repeated, and nothing passes the row");
    assert_eq!(daemon.rest.task("blocked_size").unwrap().0, "FAILED");
    assert_eq!(first(&before), [1, 2]);

    topics::set(broker, &topic, &[("max.message.bytes", "1000000")]);
    let there = |records: &[Record]| ids(records, &topic).contains(&2000);
    reader.read_until(&daemon, "the last row is there", seconds(60), there);
    daemon.reaches("blocked_size", "RUNNING", seconds(20));
    daemon.stop(seconds(20));
    assert_eq!(first(&ids(reader.read(), &topic)), (1..=2000).collect::<Vec<_>>());
    assert!(letters(&reader.records, &database).is_empty());
}
