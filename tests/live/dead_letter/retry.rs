//! Errors that can pass, tried again for as long as the file says (`errors.retry.timeout`, `errors.retry.delay.max.ms`): a
//! schema registry that is away while a table's new schema comes.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{dead_letters, keys, letters};
use crate::support::daemon::{Daemon, Setup};
use crate::support::database::Database;
use crate::support::reader::{Reader, Record};
use crate::support::registry::{Registry, api};
use crate::support::server::{self, Server};
use crate::support::{seconds, wait_until};

/// Avro by that registry, no transform, and these keys.
fn connector(database: &Database<'_>, registry: &Server, more: &Value) -> Value {
    let class = "io.confluent.connect.avro.AvroConverter";
    let mut avro = json!({
        "transforms": null,
        "transforms.unwrap.type": null,
        "transforms.unwrap.route.by.field": null,
        "key.converter": class,
        "key.converter.schema.registry.url": api(registry),
        "value.converter": class,
        "value.converter.schema.registry.url": api(registry),
        "errors.retry.delay.max.ms": 400,
    });
    for (key, value) in more.as_object().unwrap() {
        avro[key] = value.clone();
    }
    keys(database, &avro)
}

/// How long the daemon waited between its tries, in milliseconds.
fn waits(daemon: &Daemon) -> Vec<u64> {
    let log = daemon.log();
    let lines = log.lines().filter(|line| line.contains("trying the record again"));
    let wait = |line: &str| line.split("wait_ms=").nth(1)?.split_whitespace().next()?.parse().ok();
    lines.map(|line| wait(line).unwrap_or_else(|| panic!("{line}"))).collect()
}

/// The ids of the table's rows, in order.
fn ids(registry: &mut Registry, records: &[Record], topic: &str) -> Vec<i64> {
    let of_topic = records.iter().filter(|record| record.topic == topic);
    of_topic.map(|record| registry.decode(record.key.as_ref().unwrap())["id"].as_i64().unwrap()).collect()
}

fn count(records: &[Record], topic: &str) -> usize {
    records.iter().filter(|record| record.topic == topic).count()
}

#[test]
fn a_registry_that_is_away_is_asked_for_as_long_as_the_file_says() {
    let (database, broker) = (Database::create(server::postgres(), "retried"), server::kafka());
    let registry_server = Server::own("registry", "retried", &[]);
    let topic = database.topic("t");
    let mut session = database.session();
    session.execute("CREATE TABLE t (id int PRIMARY KEY, word text)");
    session.execute("INSERT INTO t VALUES (1, 'one')");
    let of = |more: Value| connector(&database, &registry_server, &more);
    let setup = Setup::new().connector(&of(json!({"errors.retry.timeout": 10_000})));
    let setup = setup.set("bootstrap.servers", &broker.address());
    let daemon = setup.start();
    let mut reader = Reader::new(broker, "retried.");
    reader.read_until(&daemon, "the snapshot is there", seconds(60), |records| count(records, &topic) == 1);

    // Too long: the record fails, and those behind it go on.
    registry_server.stop();
    session.execute("ALTER TABLE t ADD note text");
    let begin = Instant::now();
    session.execute("INSERT INTO t VALUES (2, 'two', 'x')");
    reader.read_until(&daemon, "the letter is there", seconds(30), |records| letters(records, &database).len() == 1);
    let took = begin.elapsed();
    assert!(took >= seconds(10), "{took:?}");
    // That it is not tried for longer is told by the waits: the tries between them take the machine's time.
    let waits_ms = waits(&daemon);
    let sum = Duration::from_millis(waits_ms.iter().sum());
    assert!(waits_ms.len() >= 3 && sum <= seconds(10), "{waits_ms:?}");
    assert!(waits_ms[0] == 300 && waits_ms.iter().all(|wait| *wait <= 400), "{waits_ms:?}");
    let letter = letters(&reader.records, &database)[0];
    assert_eq!(letter.header("x-stage").unwrap(), "VALUE_CONVERTER");
    let exception = letter.header("__connect.errors.exception.class.name").unwrap();
    assert_eq!(exception, "org.apache.kafka.connect.errors.RetriableException");
    assert!(letter.header("x-reason").unwrap().contains("schema registry"), "{:?}", letter.header("x-reason"));
    registry_server.restart(&[]);
    session.execute("INSERT INTO t VALUES (3, 'three', 'x')");
    reader.read_until(&daemon, "the next row is there", seconds(30), |records| count(records, &topic) == 2);
    daemon.stop(seconds(20));
    let replayed = dead_letters(&setup, &database, broker, &["replay"]);
    assert_eq!(replayed, ("read 1, sent 1, failed again 0, incomplete 0\n".to_owned(), 0));
    let mut registry = Registry::of(&registry_server);
    assert_eq!(ids(&mut registry, reader.read(), &topic), [1, 3, 2]);

    // In time: no letter, and nothing passes the record meanwhile.
    let setup = setup.connector(&of(json!({"errors.retry.timeout": -1})));
    let daemon = setup.start();
    daemon.says("streaming", seconds(30));
    registry_server.stop();
    session.execute("ALTER TABLE t ADD more text");
    session.execute("INSERT INTO t VALUES (4, 'four', 'x', 'y'), (5, 'five', 'x', 'y')");
    wait_until("it was tried for more than three seconds", seconds(30), || waits(&daemon).iter().sum::<u64>() > 3000);
    assert_eq!((count(reader.read(), &topic), letters(&reader.records, &database).len()), (3, 1));
    registry_server.restart(&[]);
    reader.read_until(&daemon, "both rows are there", seconds(30), |records| count(records, &topic) == 5);
    daemon.stop(seconds(20));

    // Without tolerance the connector starts again and again.
    let setup = setup.connector(&of(json!({"errors.retry.timeout": 1000, "errors.tolerance": "none"})));
    let daemon = setup.start();
    daemon.says("streaming", seconds(30));
    registry_server.stop();
    session.execute("ALTER TABLE t ADD last text");
    session.execute("INSERT INTO t VALUES (6, 'six', 'x', 'y', 'z')");
    let trace = daemon.reaches("retried", "RESTARTING", seconds(30));
    assert!(trace.contains("schema registry"), "{trace}");
    registry_server.restart(&[]);
    reader.read_until(&daemon, "the row is there", seconds(60), |records| count(records, &topic) == 6);
    daemon.stop(seconds(20));
    assert_eq!(ids(&mut registry, reader.read(), &topic), [1, 3, 2, 4, 5, 6]);
    assert_eq!(letters(&reader.records, &database).len(), 1);
}
