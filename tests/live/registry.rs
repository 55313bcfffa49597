//! The daemon with a schema registry: Avro from the table to the topic, compatibility while rows flow, and outages.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::daemon::{Daemon, Setup};
use crate::support::database::Database;
use crate::support::reader::{Reader, Record};
use crate::support::registry::{Registry, api};
use crate::support::server::{self, Server};
use crate::support::{seconds, wait_until};

/// The connector file of a database, with Avro by that registry.
fn connector(database: &Database<'_>, registry: &Server, more: &Value) -> Value {
    let class = "io.confluent.connect.avro.AvroConverter";
    let mut avro = json!({
        "key.converter": class,
        "key.converter.schema.registry.url": api(registry),
        "value.converter": class,
        "value.converter.schema.registry.url": api(registry),
        // Waits that a test can afford.
        "key.converter.retries.max.wait.ms": 1000,
        "value.converter.retries.max.wait.ms": 1000,
    });
    for (key, value) in more.as_object().unwrap() {
        avro[key] = value.clone();
    }
    database.connector(&avro)
}

fn started(database: &Database<'_>, registry: &Server, broker: &Server, more: &Value) -> Setup {
    Setup::new().connector(&connector(database, registry, more)).set("bootstrap.servers", &broker.address())
}

/// The ids of the keys, in order.
fn ids(registry: &mut Registry, records: &[Record]) -> Vec<i64> {
    records.iter().map(|record| registry.decode(record.key.as_ref().unwrap())["id"].as_i64().unwrap()).collect()
}

fn read(reader: &mut Reader, daemon: &Daemon, count: usize, limit: Duration) {
    reader.read_until(daemon, &format!("{count} records are there"), limit, |records| records.len() >= count);
    assert_eq!(reader.records.len(), count);
}

/// Rows become Avro that others can read, under the subjects that Confluent's converter would use.
fn end_to_end(server: &Server, name: &str) {
    let database = Database::create(server, name);
    let mut session = database.session();
    session.execute("CREATE TABLE t (id int PRIMARY KEY, word varchar(20), amount decimal(10,2) NOT NULL)");
    session.execute("INSERT INTO t VALUES (1, 'one', 12.34)");
    let registry_server = server::registry();
    let setup = started(&database, registry_server, server::kafka(), &json!({"schema.compatibility": "FULL"}));
    let daemon = setup.start();
    let mut reader = Reader::new(server::kafka(), &format!("{name}."));
    read(&mut reader, &daemon, 1, seconds(60));
    session.execute("UPDATE t SET word = NULL WHERE id = 1");
    session.execute("DELETE FROM t WHERE id = 1");
    read(&mut reader, &daemon, 4, seconds(30));
    let mut registry = Registry::of(registry_server);
    assert_eq!(ids(&mut registry, &reader.records), [1; 4]);
    assert_eq!(reader.records[3].value, None, "a tombstone has no bytes");
    let values: Vec<Value> =
        reader.records[..3].iter().map(|record| registry.decode(record.value.as_ref().unwrap())).collect();
    let ops: Vec<&Value> = values.iter().map(|value| &value["op"]).collect();
    assert_eq!(ops, ["r", "u", "d"]);
    assert_eq!(values[0]["after"]["word"], "one");
    assert_eq!((&values[1]["after"]["word"], &values[1]["after"]["id"]), (&Value::Null, &json!(1)));
    let topic = database.topic("t");
    for of in ["key", "value"] {
        let subject = format!("{topic}-{of}");
        assert_eq!(registry.versions(&subject), [1]);
        assert_eq!(registry.get(&format!("/config/{subject}"))["compatibilityLevel"], "FULL");
    }
    daemon.stop(seconds(20));
}

#[test]
fn end_to_end_postgres() {
    end_to_end(server::postgres(), "avro_pg");
}

#[test]
fn end_to_end_mysql() {
    end_to_end(server::mysql80(), "avro_my");
}

/// A change of a table that the subject does not take fails the connector, with the reason; nothing is lost, and it goes on
/// by itself when the subject takes it.
fn refused_and_resumed(server: &Server, name: &str) {
    let database = Database::create(server, name);
    let mut session = database.session();
    session.execute("CREATE TABLE t (id int PRIMARY KEY, word varchar(20))");
    session.execute("INSERT INTO t VALUES (1, 'one')");
    let registry_server = server::registry();
    let level = json!({"schema.compatibility": "BACKWARD"});
    let daemon = started(&database, registry_server, server::kafka(), &level).start();
    let mut reader = Reader::new(server::kafka(), &format!("{name}."));
    read(&mut reader, &daemon, 1, seconds(60));
    daemon.reaches(name, "RUNNING", seconds(10));
    let mut registry = Registry::of(registry_server);
    let subject = format!("{}-value", database.topic("t"));

    // Backward: a column that may be null may come, one that must be there may go.
    session.execute("ALTER TABLE t ADD note varchar(20)");
    session.execute("INSERT INTO t VALUES (2, 'two', 'x')");
    read(&mut reader, &daemon, 2, seconds(30));
    assert_eq!(registry.versions(&subject), [1, 2]);
    session.execute("INSERT INTO t VALUES (3, 'three', 'x')");
    session.execute("ALTER TABLE t ADD city varchar(20) NOT NULL DEFAULT 'x'");
    session.execute("ALTER TABLE t ALTER city DROP DEFAULT");
    session.execute("INSERT INTO t VALUES (4, 'four', 'x', 'Bern')");
    session.execute("INSERT INTO t VALUES (5, 'five', 'x', 'Bonn')");
    let trace = daemon.reaches(name, "FAILED", seconds(30));
    for part in [subject.as_str(), "field city", "version 3", "version 2", "BACKWARD", "Incompatible artifact"] {
        assert!(trace.contains(part), "{part} is missing in {trace}");
    }
    assert_eq!(registry.versions(&subject), [1, 2], "nothing was registered");
    // It looks again and again, and stays FAILED.
    let tries = |daemon: &Daemon| daemon.log().matches("goes on when this is mended").count();
    wait_until("it tries a third time", seconds(30), || tries(&daemon) >= 3);
    assert_eq!(daemon.rest.task(name).unwrap().0, "FAILED");
    read(&mut reader, &daemon, 3, seconds(30));

    registry.set_level(&subject, "NONE");
    read(&mut reader, &daemon, 5, seconds(60));
    daemon.reaches(name, "RUNNING", seconds(30));
    assert_eq!(ids(&mut registry, &reader.records), [1, 2, 3, 4, 5], "nothing is lost, nothing twice");
    assert_eq!(registry.decode(reader.records[3].value.as_ref().unwrap())["after"]["city"], "Bern");
    assert_eq!(registry.versions(&subject), [1, 2, 3]);
    daemon.stop(seconds(20));
}

#[test]
fn refused_and_resumed_postgres() {
    refused_and_resumed(server::postgres(), "avro_refused_pg");
}

#[test]
fn refused_and_resumed_mysql() {
    refused_and_resumed(server::mysql80(), "avro_refused_my");
}

/// With the policy, rows whose schema the subject does not take go to the dead letter topic; all others go on.
fn refused_and_set_aside(server: &Server, name: &str) {
    let database = Database::create(server, name);
    let mut session = database.session();
    session.execute("CREATE TABLE t (id int PRIMARY KEY, word varchar(20))");
    session.execute("INSERT INTO t VALUES (1, 'one')");
    let policy = json!({
        "schema.compatibility": "BACKWARD",
        "schema.compatibility.policy": "dead-letter",
        "errors.deadletterqueue.topic.name": format!("{name}-dead"),
        "errors.deadletterqueue.topic.replication.factor": 1,
    });
    let daemon = started(&database, server::registry(), server::kafka(), &policy).start();
    let mut reader = Reader::new(server::kafka(), &format!("{name}."));
    read(&mut reader, &daemon, 1, seconds(60));
    daemon.reaches(name, "RUNNING", seconds(10));
    session.execute("ALTER TABLE t ADD city varchar(20) NOT NULL DEFAULT 'x'");
    session.execute("ALTER TABLE t ALTER city DROP DEFAULT");
    for id in 2..=6 {
        session.execute(&format!("INSERT INTO t VALUES ({id}, 'word', 'Bern')"));
    }
    let mut dead = Reader::new(server::kafka(), &format!("{name}-dead"));
    read(&mut dead, &daemon, 5, seconds(60));
    session.execute("ALTER TABLE t DROP city");
    session.execute("INSERT INTO t VALUES (7, 'seven')");
    read(&mut reader, &daemon, 2, seconds(30));
    assert_eq!(ids(&mut Registry::of(server::registry()), &reader.records), [1, 7]);
    let letters: Vec<Value> =
        dead.records.iter().map(|record| record.value_json()["payload"]["after"].clone()).collect();
    assert_eq!(letters.iter().map(|row| row["id"].as_i64().unwrap()).collect::<Vec<_>>(), [2, 3, 4, 5, 6]);
    assert!(letters.iter().all(|row| row["city"] == "Bern"), "{letters:?}");
    let reason = dead.records[0].header("x-reason").unwrap();
    assert!(reason.contains(&format!("{}-value", database.topic("t"))), "{reason}");
    daemon.reaches(name, "RUNNING", seconds(30));
    daemon.stop(seconds(20));
}

#[test]
fn refused_and_set_aside_postgres() {
    refused_and_set_aside(server::postgres(), "avro_aside_pg");
}

#[test]
fn refused_and_set_aside_mysql() {
    refused_and_set_aside(server::mysql80(), "avro_aside_my");
}

/// The registry is not there at the start; then it is away while new schemas come: the line waits, says so, a stop gets
/// through, and nothing is lost.
#[test]
fn the_registry_comes_and_goes() {
    let registry_server = Server::own("registry", "outage", &[]);
    let database = Database::create(server::postgres(), "avro_outage");
    let mut session = database.session();
    session.execute("CREATE TABLE t (id int PRIMARY KEY)");
    session.execute("INSERT INTO t VALUES (1)");
    registry_server.stop();
    let setup = started(&database, &registry_server, server::kafka(), &json!({}))
        .set("task.shutdown.graceful.timeout.ms", "1000");
    let daemon = setup.start();
    daemon.says("the schema registry is away; the line waits for it", seconds(30));
    daemon.says(&api(&registry_server), seconds(30));
    // A stop gets through, and says that a row was not delivered.
    daemon.terminate();
    assert_eq!(daemon.ended(seconds(20)).code(), Some(1));
    // The next stop is to deliver and save all that is there, however busy the disk.
    let setup = setup.set("task.shutdown.graceful.timeout.ms", "30000");
    let daemon = setup.start();
    daemon.says("the schema registry is away", seconds(30));
    registry_server.restart(&[]);
    daemon.says("the schema registry answers again", seconds(30));
    let mut reader = Reader::new(server::kafka(), "avro_outage.");
    read(&mut reader, &daemon, 1, seconds(30));

    // What is known needs no registry; a new schema waits for it, and all behind it.
    registry_server.stop();
    // It is told once a minute, so a slow start of the registry is told twice.
    let times = |daemon: &Daemon| daemon.log().matches("the schema registry is away").count();
    let before = times(&daemon);
    session.execute("INSERT INTO t VALUES (2)");
    read(&mut reader, &daemon, 2, seconds(30));
    session.execute("ALTER TABLE t ADD word text");
    session.execute("INSERT INTO t SELECT id, 'x' FROM generate_series(3, 20000) AS id");
    wait_until("it waits again", seconds(30), || times(&daemon) > before);
    assert_eq!(daemon.rest.task("avro_outage").unwrap().0, "RUNNING");
    assert_eq!(reader.read().len(), 2);
    let memory = daemon.memory();
    for round in 0..5 {
        session.execute(&format!("UPDATE t SET word = 'y{round}'"));
    }
    assert!(daemon.memory() < memory + 100_000_000, "memory grows while the registry is away");
    registry_server.restart(&[]);
    reader.read_until(&daemon, "all rows are there", seconds(120), |records| records.len() >= 20_000 + 5 * 20_000);
    let mut registry = Registry::of(&registry_server);
    let seen = ids(&mut registry, &reader.records);
    assert_eq!(seen[..20_000], (1..=20_000).collect::<Vec<_>>());
    assert_eq!(seen.len(), 120_000, "nothing is lost, nothing twice");
    daemon.stop(seconds(30));
}
