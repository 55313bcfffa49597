//! A snapshot, a create, an update and a delete, on every version of the servers.

use serde_json::{Value, json};

use crate::support::daemon::Setup;
use crate::support::database::Database;
use crate::support::reader::{Reader, Record};
use crate::support::seconds;
use crate::support::server::{self, Server};

/// Captures one table into Kafka: what was there, and a change of each kind.
fn smoke(server: &Server, name: &str, more: &Value) {
    let database = Database::create(server, name);
    let mut session = database.session();
    session.execute("CREATE TABLE t (id int PRIMARY KEY, word varchar(20))");
    session.execute("INSERT INTO t VALUES (1, 'one')");
    let broker = server::kafka();
    let setup = Setup::new().connector(&database.connector(more)).set("bootstrap.servers", &broker.address());
    let daemon = setup.start();
    let mut reader = Reader::new(broker, &format!("{name}."));
    reader.read_until(&daemon, "the snapshot is there", seconds(30), |records| !records.is_empty());
    session.execute("INSERT INTO t VALUES (2, 'two')");
    session.execute("UPDATE t SET word = 'zwei' WHERE id = 2");
    session.execute("DELETE FROM t WHERE id = 1");
    let topic = database.topic("t");
    let of_table = |records: &[Record]| -> Vec<(Value, Value)> {
        let records = records.iter().filter(|record| record.topic == topic);
        records.map(|record| (record.key_json(), record.value_json())).collect()
    };
    reader.read_until(&daemon, "all changes are there", seconds(30), |records| of_table(records).len() >= 5);
    let seen: Vec<_> = of_table(&reader.records)
        .iter()
        .map(|(key, value)| (key["id"].clone(), value["op"].clone(), value["after"]["word"].clone()))
        .collect();
    let expected = json!([[1, "r", "one"], [2, "c", "two"], [2, "u", "zwei"], [1, "d", null], [1, null, null]]);
    assert_eq!(json!(seen), expected);
    assert_eq!(daemon.reaches(name, "RUNNING", seconds(5)), "");
    daemon.stop(seconds(30));
}

#[test]
fn postgres() {
    smoke(server::postgres(), "smoke_pg", &json!({}));
}

#[test]
fn mysql_8_0() {
    smoke(server::mysql80(), "smoke_my", &json!({}));
}

#[test]
fn mysql_9_7() {
    smoke(server::mysql97(), "smoke97", &json!({}));
}

/// The versions that the other tests do not run on.
#[test]
fn every_postgres() {
    for version in 14..=18 {
        let server = Server::own(&format!("postgres{version}"), "smoke", &[]);
        smoke(&server, &format!("smoke{version}"), &json!({}));
    }
}
