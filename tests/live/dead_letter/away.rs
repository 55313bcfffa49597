//! Dead letters that nobody takes: the line waits, or stops, and nothing is lost.

use serde_json::json;

use super::{dead_letter_topic, first, ids, keys_of_letters, letters, setup, table};
use crate::support::daemon::Daemon;
use crate::support::database::{Database, Session};
use crate::support::reader::{Reader, Record};
use crate::support::server::{self, Server};
use crate::support::{seconds, topics, wait_until};

/// Which transaction of the stream the saved position has come to; 0 while it is the snapshot's.
fn saved(daemon: &Daemon, connector: &str) -> i64 {
    let (_, body) = daemon.rest.get(&format!("/connectors/{connector}/offsets")).unwrap();
    body["offsets"][0]["offset"]["txId"].as_i64().unwrap_or_default()
}

/// The transaction that wrote a row.
fn writer_of(session: &mut Session, id: i64) -> i64 {
    session.value(&format!("SELECT xmin FROM t WHERE id = {id}")).unwrap().parse().unwrap()
}

/// Brokers that do not take a dead letter hold the line, and what is saved; killed meanwhile, the daemon loses nothing.
#[test]
fn the_brokers_are_away_when_a_record_fails() {
    let database = Database::create(server::postgres(), "letters_away");
    let broker = Server::own("kafka", "letters-away", &[]);
    let topic = database.topic("t");
    let mut session = database.session();
    table(&mut session);
    let mut reader = Reader::new(&broker, "letters_away.");
    let setup = setup(&database, &broker, &json!({}));
    let daemon = setup.start();
    reader.read_until(&daemon, "the snapshot is there", seconds(60), |records| ids(records, &topic) == [1]);
    session.execute("INSERT INTO t VALUES (2, 'two', NULL)");
    reader.read_until(&daemon, "the stream is there", seconds(30), |records| ids(records, &topic) == [1, 2]);
    let second = writer_of(&mut session, 2);
    wait_until("the second row is saved", seconds(30), || saved(&daemon, "letters_away") >= second);
    let missed = daemon.said("no acknowledgement yet");
    broker.kill();
    for sql in [
        "INSERT INTO t VALUES (3, 'poison', 7)",
        "INSERT INTO t SELECT id, 'x' FROM generate_series(4, 200) AS id",
        "INSERT INTO t VALUES (201, 'poison', 7), (202, 'last', NULL)",
    ] {
        session.execute(sql);
    }
    daemon.says("a record failed and is a dead letter", seconds(30));
    daemon.says_again("no acknowledgement yet", missed, seconds(30));
    daemon.reaches("letters_away", "RUNNING", seconds(30));
    assert!(saved(&daemon, "letters_away") < writer_of(&mut session, 3), "the position waits for the dead letter");
    daemon.kill();

    let daemon = setup.start();
    daemon.says("no acknowledgement yet", seconds(30));
    broker.restart(&[]);
    reader.read_until(&daemon, "all rows and letters are there", seconds(60), |records| {
        ids(records, &topic).contains(&202) && keys_of_letters(records, &database).len() >= 2
    });
    daemon.stop(seconds(20));
    let expected: Vec<i64> = (1..=202).filter(|id| ![3, 201].contains(id)).collect();
    assert_eq!(first(&ids(reader.read(), &topic)), expected);
    let keys = keys_of_letters(&reader.records, &database);
    assert_eq!(keys, [r#"{"id":3}"#, r#"{"id":201}"#].map(str::to_owned).into());
}

/// The broker that has the topic is away, the one that has the table's topic is there.
#[test]
fn the_dead_letter_topic_alone_is_away() {
    let database = Database::create(server::postgres(), "letters_alone");
    let (broker, second) = Server::two_brokers("alone");
    let (topic, dead) = (database.topic("t"), dead_letter_topic(&database));
    topics::create_on(&broker, 1, &topic);
    topics::create_on(&broker, 2, &dead);
    let mut session = database.session();
    table(&mut session);
    let mut reader = Reader::of(&broker, {
        let topic = topic.clone();
        move |name| name == topic
    });
    let setup = setup(&database, &broker, &json!({}));
    let daemon = setup.start();
    reader.read_until(&daemon, "the snapshot is there", seconds(60), |records| ids(records, &topic) == [1]);
    session.execute("INSERT INTO t VALUES (2, 'two', NULL)");
    reader.read_until(&daemon, "the stream is there", seconds(30), |records| ids(records, &topic) == [1, 2]);
    let row = writer_of(&mut session, 2);
    wait_until("the second row is saved", seconds(30), || saved(&daemon, "letters_alone") >= row);
    let missed = daemon.said("no acknowledgement yet");
    second.kill();
    session.execute("INSERT INTO t VALUES (3, 'poison', 7)");
    session.execute("INSERT INTO t SELECT id, 'x' FROM generate_series(4, 100) AS id");
    daemon.says("a record failed and is a dead letter", seconds(30));
    // The letter is on its way, so what is written from now on comes behind it.
    daemon.says_again("no acknowledgement yet", missed, seconds(30));
    session.execute("INSERT INTO t SELECT id, 'x' FROM generate_series(101, 200) AS id");
    session.execute("INSERT INTO t VALUES (201, 'poison', 7), (202, 'last', NULL)");
    daemon.reaches("letters_alone", "RUNNING", seconds(30));
    assert!(saved(&daemon, "letters_alone") < writer_of(&mut session, 3), "the position waits for the dead letter");
    assert!(!ids(reader.read(), &topic).contains(&202), "the line waits");
    daemon.kill();

    let daemon = setup.start();
    daemon.says("no acknowledgement yet", seconds(30));
    second.restart(&[]);
    let last = |records: &[Record]| ids(records, &topic).contains(&202);
    reader.read_until(&daemon, "all rows are there", seconds(60), last);
    daemon.stop(seconds(20));
    let expected: Vec<i64> = (1..=202).filter(|id| ![3, 201].contains(id)).collect();
    assert_eq!(first(&ids(reader.read(), &topic)), expected, "nothing is lost, the order is kept");
    let mut reader = Reader::new(&broker, &dead);
    let keys = keys_of_letters(reader.read(), &database);
    assert_eq!(keys, [r#"{"id":3}"#, r#"{"id":201}"#].map(str::to_owned).into());
}

/// A compacted topic takes no message without a key, and this table has none.
#[test]
fn the_dead_letter_topic_refuses_the_letter() {
    let database = Database::create(server::postgres(), "letters_refused");
    let broker = server::kafka();
    let (topic, dead) = (database.topic("t"), dead_letter_topic(&database));
    topics::create(broker, &dead, &[("cleanup.policy", "compact")]);
    let mut session = database.session();
    session.execute("CREATE TABLE t (id int, word text, dest int)");
    session.execute("INSERT INTO t VALUES (1, 'one', NULL)");
    let mut reader = Reader::new(broker, "letters_refused.");
    let setup = setup(&database, broker, &json!({}));
    let daemon = setup.start();
    reader.read_until(&daemon, "the snapshot is there", seconds(60), |records| ids(records, &topic) == [1]);
    session.execute("INSERT INTO t VALUES (2, 'two', NULL)");
    session.execute("INSERT INTO t VALUES (3, 'poison', 7)");
    session.execute("INSERT INTO t VALUES (4, 'four', NULL)");
    let trace = daemon.reaches("letters_refused", "FAILED", seconds(30));
    assert!(trace.contains(&dead) && trace.contains("cleanup.policy=compact"), "{trace}");
    daemon.kill();

    topics::set(broker, &dead, &[("cleanup.policy", "delete")]);
    let daemon = setup.start();
    let last = |records: &[Record]| ids(records, &topic).contains(&4) && !letters(records, &database).is_empty();
    reader.read_until(&daemon, "the last row and the letter are there", seconds(30), last);
    daemon.stop(seconds(20));
    assert_eq!(first(&ids(&reader.records, &topic)), [1, 2, 4]);
    let after = &letters(&reader.records, &database)[0].value_json()["payload"]["after"];
    assert_eq!(*after, json!({"id": 3, "word": "poison", "dest": 7}));
}
