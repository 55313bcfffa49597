//! MySQL's dead letters: of a transform, and of the broker.

use serde_json::{Value, json};

use super::{dead_letters, first, ids, keys, letters, setup};
use crate::support::database::Database;
use crate::support::reader::{Reader, Record};
use crate::support::seconds;
use crate::support::server::{self, Server};

fn poison_and_oversize(server: &Server, name: &str) {
    let database = Database::create(server, name);
    let broker = server::kafka();
    let topic = database.topic("t");
    let mut session = database.session();
    session.execute("CREATE TABLE t (id int PRIMARY KEY, word mediumtext, dest int)");
    session.execute("INSERT INTO t VALUES (1, 'one', NULL)");
    let mut reader = Reader::new(broker, &format!("{name}."));
    let small = json!({"topic.creation.default.max.message.bytes": 20_000});
    let setup = setup(&database, broker, &small);
    let daemon = setup.start();
    reader.read_until(&daemon, "the snapshot is there", seconds(60), |records| ids(records, &topic) == [1]);
    session.execute(
        "INSERT INTO t WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 200) \
         SELECT i, repeat('x', IF(i = 60, 30000, 150)), IF(i = 50, 7, NULL) FROM n",
    );
    session.execute("DELETE FROM t WHERE id = 50");
    session.execute("INSERT INTO t VALUES (201, 'last', NULL)");
    let last = |records: &[Record]| ids(records, &topic).contains(&201);
    reader.read_until(&daemon, "the last row is there", seconds(60), last);
    daemon.stop(seconds(20));
    let there: Vec<i64> = first(&ids(reader.read(), &topic)).into_iter().filter(|id| *id > 0).collect();
    assert_eq!(there, (1..=201).filter(|id| ![50, 60].contains(id)).collect::<Vec<_>>(), "the others, in order");
    // The row's insert and its delete, whose old row names the same topic.
    let told: Vec<(String, String)> = letters(&reader.records, &database)
        .iter()
        .map(|letter| ["x-primary-key", "x-stage"].map(|name| letter.header(name).unwrap_or_default()).into())
        .collect();
    let of = |id: i64, stage: &str| (format!(r#"{{"id":{id}}}"#), stage.to_owned());
    let expected = [of(50, "TRANSFORMATION"), of(60, "KAFKA_PRODUCE"), of(50, "TRANSFORMATION")];
    assert_eq!(told, expected);
    for letter in letters(&reader.records, &database) {
        assert_eq!(letter.header("x-source-table"), Some(format!("{name}.t")));
        let position: Value = serde_json::from_str(&letter.header("x-source-position").unwrap()).unwrap();
        assert!(position["file"].is_string() && position["pos"].is_i64(), "{position}");
    }
    let poison = letters(&reader.records, &database)[0].value_json();
    assert_eq!(poison["payload"]["after"], json!({"id": 50, "word": "x".repeat(150), "dest": 7}));
    assert!(letters(&reader.records, &database)[1].header("x-reason").unwrap().contains("is larger than 20000"));

    let more = json!({"topic.creation.default.max.message.bytes": 20_000, "transforms.unwrap.route.by.field": null});
    let setup = setup.connector(&keys(&database, &more));
    let replayed = dead_letters(&setup, &database, broker, &["replay"]);
    assert_eq!(replayed, ("read 3, sent 2, failed again 1, incomplete 0\n".to_owned(), 3), "it is still too large");
    let of_topic = reader.read().iter().filter(|record| record.topic == topic);
    let replayed: Vec<(Value, bool)> =
        of_topic.map(|record| (record.key_json()["id"].clone(), record.value_json().is_null())).collect();
    assert_eq!(replayed[replayed.len() - 2..], [(json!(50), false), (json!(50), true)], "behind the others, in order");
}

#[test]
fn poison_and_oversize_mysql_8_0() {
    poison_and_oversize(server::mysql80(), "dead_my");
}

#[test]
fn poison_and_oversize_mysql_9_7() {
    poison_and_oversize(server::mysql97(), "dead_my97");
}
