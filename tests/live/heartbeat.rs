//! Heartbeats while nothing else happens, and the statement that runs with each.

use serde_json::{Value, json};

use crate::support::daemon::Setup;
use crate::support::database::Database;
use crate::support::server::{self, Server};
use crate::support::{seconds, wait_until};

fn heartbeats(server: &Server, name: &str) {
    let database = Database::create(server, name);
    let mut session = database.session();
    session.execute("CREATE TABLE idle (id int PRIMARY KEY)");
    session.execute("CREATE TABLE beats (id int PRIMARY KEY, count int)");
    session.execute("INSERT INTO beats VALUES (1, 0)");
    let schema = if database.is_postgres() { "public" } else { name };
    if !database.is_postgres() {
        session.execute("GRANT UPDATE ON beats TO dbz");
    }
    let connector = database.connector(&json!({
        "table.include.list": format!("{schema}.idle"),
        "heartbeat.interval.ms": 300,
        "heartbeat.action.query": format!("UPDATE {schema}.beats SET count = count + 1"),
    }));
    let daemon = Setup::new().connector(&connector).start();
    let beats = || -> Vec<Value> {
        let topic = format!("__debezium-heartbeat.{name}");
        daemon.lines().into_iter().filter(|line| line["topic"] == topic.as_str()).collect()
    };
    wait_until("three heartbeats", seconds(30), || beats().len() >= 3);
    wait_until("the statement ran with each", seconds(10), || {
        session.value("SELECT count >= 3 FROM beats").is_some_and(|enough| enough == "t" || enough == "1")
    });
    let first = beats().swap_remove(0);
    assert_eq!(first["key"], json!({"serverName": name}));
    assert!(first["value"]["ts_ms"].is_i64() && first["headers"] == json!([]), "{first}");
    // A statement that fails is told of, and the heart goes on.
    session.execute("DROP TABLE beats");
    daemon.says("heartbeat.action.query failed", seconds(10));
    let before = beats().len();
    wait_until("another heartbeat", seconds(10), || beats().len() > before);
    daemon.stop(seconds(10));
}

#[test]
fn postgres_heartbeats() {
    heartbeats(server::postgres(), "heartbeat_pg");
}

#[test]
fn mysql_heartbeats() {
    heartbeats(server::mysql80(), "heartbeat_my");
}
