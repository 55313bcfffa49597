//! A poison row in the midst of a stream, with each tolerance.

use serde_json::{Value, json};

use super::{first, ids, keys, letters, setup, table};
use crate::support::database::Database;
use crate::support::reader::{Reader, Record};
use crate::support::seconds;
use crate::support::server;

#[test]
fn a_poison_record_with_each_tolerance() {
    let database = Database::create(server::postgres(), "poison");
    let broker = server::kafka();
    let topic = database.topic("t");
    let mut session = database.session();
    table(&mut session);
    let mut reader = Reader::new(broker, "poison.");
    let setup = setup(&database, broker, &json!({"errors.tolerance": "none"}));
    let daemon = setup.start();
    reader.read_until(&daemon, "the snapshot is there", seconds(60), |records| ids(records, &topic) == [1]);
    session.execute("INSERT INTO t SELECT id, 'x', CASE WHEN id = 50 THEN 7 END FROM generate_series(2, 100) AS id");
    let trace = daemon.reaches("poison", "FAILED", seconds(30));
    assert!(trace.contains("transform unwrap") && trace.contains("dest"), "{trace}");
    daemon.kill();
    assert!(letters(reader.read(), &database).is_empty(), "nothing is tolerated");

    let setup = setup.connector(&keys(&database, &json!({})));
    let daemon = setup.start();
    session.execute("INSERT INTO t VALUES (101, 'last', NULL)");
    let last = |records: &[Record]| ids(records, &topic).contains(&101);
    let all = |records: &[Record]| last(records) && !letters(records, &database).is_empty();
    reader.read_until(&daemon, "the last row and the dead letter are there", seconds(30), all);
    daemon.says("a record failed and is a dead letter", seconds(30));
    daemon.stop(seconds(20));
    let expected: Vec<i64> = (1..=101).filter(|id| *id != 50).collect();
    assert_eq!(first(&ids(&reader.records, &topic)), expected, "the others, in order");
    let letters = letters(&reader.records, &database);
    assert_eq!(letters.len(), 1);
    for (name, expected) in [
        ("x-connector", "poison"),
        ("x-retry-count", "0"),
        ("x-stage", "TRANSFORMATION"),
        ("x-source-table", "public.t"),
        ("x-primary-key", r#"{"id":50}"#),
        ("x-original-topic", &*topic),
        ("__connect.errors.class.name", "io.debezium.transforms.ExtractNewRecordState"),
        ("__connect.errors.task.id", "0"),
    ] {
        assert_eq!(letters[0].header(name).unwrap_or_default(), expected, "{name}");
    }
    let position: Value = serde_json::from_str(&letters[0].header("x-source-position").unwrap_or_default()).unwrap();
    assert!(position["lsn"].as_i64().is_some(), "{position}");
    let value = letters[0].value_json();
    assert_eq!(value["payload"]["after"], json!({"id": 50, "word": "x", "dest": 7}), "before the transform");
    assert_eq!(value["schema"]["name"], format!("{topic}.Envelope"));

    // Without a topic such a record is dropped, and the log says so.
    let drops = json!({"errors.deadletterqueue.topic.name": null});
    let setup = setup.connector(&keys(&database, &drops));
    let daemon = setup.start();
    session.execute("INSERT INTO t VALUES (102, 'poison', 7), (103, 'more', NULL)");
    let more = |records: &[Record]| ids(records, &topic).contains(&103);
    reader.read_until(&daemon, "the row behind it is there", seconds(30), more);
    daemon.says("a record failed and is dropped", seconds(30));
    daemon.stop(seconds(20));
    assert!(!ids(&reader.records, &topic).contains(&102));
}
