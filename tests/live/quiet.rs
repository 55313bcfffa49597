//! What happens when nothing happens: idle tables, `--once`, state between runs, sinks without Kafka.

use serde_json::{Value, json};

use super::lines;
use crate::support::daemon::{Setup, lines as lines_of};
use crate::support::database::Database;
use crate::support::server::{self, Server};
use crate::support::{seconds, wait_until};

/// The log of a busy server must not be kept for a table that is idle.
#[test]
fn an_idle_table_does_not_hold_the_log() {
    let database = Database::create(server::postgres(), "idle");
    let mut session = database.session();
    session.execute("CREATE TABLE captured (id int PRIMARY KEY)");
    session.execute("INSERT INTO captured VALUES (1)");
    session.execute("CREATE TABLE busy (id serial PRIMARY KEY, word text)");
    let only = json!({"table.include.list": "public.captured", "publication.autocreate.mode": "filtered",
        "status.update.interval.ms": 500});
    let daemon = Setup::new().connector(&database.connector(&only)).start();
    lines::wait(&daemon, 1);
    session.execute("INSERT INTO busy (word) SELECT repeat('x', 100) FROM generate_series(1, 20000)");
    let end = session.value("SELECT pg_current_wal_lsn()").unwrap();
    let confirmed = format!("SELECT confirmed_flush_lsn >= '{end}' FROM pg_replication_slots WHERE slot_name = 'idle'");
    wait_until("the slot has passed the busy table's log", seconds(30), || {
        // PostgreSQL tells of its progress when something is committed, or its keep-alive is due.
        session.execute("INSERT INTO busy (word) VALUES ('more')");
        session.value(&confirmed).as_deref() == Some("t")
    });
    assert_eq!(lines::ids(&daemon.lines()), [1]);
    daemon.stop(seconds(10));
}

/// What is saved of a MySQL server's log passes what is not captured.
#[test]
fn an_idle_database_does_not_hold_the_position() {
    let database = Database::create(server::mysql80(), "idle");
    let mut session = database.session();
    session.execute("CREATE TABLE captured (id int PRIMARY KEY)");
    session.execute("INSERT INTO captured VALUES (1)");
    session.execute("CREATE TABLE busy (id int AUTO_INCREMENT PRIMARY KEY, word text)");
    let beating = json!({"table.include.list": "idle.captured", "heartbeat.interval.ms": 500});
    let daemon = Setup::new().connector(&database.connector(&beating)).start();
    lines::wait(&daemon, 1);
    session.execute("INSERT INTO busy (word) VALUES ('one'), ('two')");
    let status = session.rows("SHOW MASTER STATUS").remove(0);
    let (file, end) = (status[0].clone().unwrap(), status[1].as_deref().unwrap().parse::<u64>().unwrap());
    wait_until("the saved position has passed the busy table's log", seconds(20), || {
        let Some((200, offsets)) = daemon.rest.get("/connectors/idle/offsets") else { return false };
        let offset = &offsets["offsets"][0]["offset"];
        offset["file"].as_str() > Some(&file) || offset["file"] == *file && offset["pos"].as_u64() >= Some(end)
    });
    let is_beat = |line: &Value| line["topic"] == "__debezium-heartbeat.idle";
    // The position moves on without them too.
    wait_until("it beats", seconds(30), || daemon.lines().iter().any(is_beat));
    daemon.stop(seconds(10));
    let (beats, rows): (Vec<_>, Vec<_>) = daemon.lines().into_iter().partition(is_beat);
    assert_eq!(lines::ids(&rows), [1]);
    assert_eq!(beats[0]["key"], json!({"serverName": "idle"}));
}

/// `--once` ends when it has delivered what was there, and the state goes on from run to run.
fn once(server: &Server, name: &str) {
    let database = Database::create(server, name);
    let mut session = database.session();
    session.execute("CREATE TABLE t (id int PRIMARY KEY, word varchar(20))");
    session.execute("INSERT INTO t VALUES (1, 'one'), (2, 'two')");
    let setup = Setup::new().connector(&database.connector(&json!({}))).argument("--once");
    let run = || {
        let (status, log) = setup.run(seconds(60));
        assert!(status.success(), "{log}");
        lines_of(&setup.path("stdout"))
    };
    assert_eq!(ops(&run()), json!([["r", 1], ["r", 2]]));
    session.execute("UPDATE t SET word = 'zwei' WHERE id = 2");
    session.execute("DELETE FROM t WHERE id = 1");
    let all = run();
    assert_eq!(ops(&all), json!([["r", 1], ["r", 2], ["u", 2], ["d", 1], [null, 1]]), "no second snapshot");
    assert_eq!(run().len(), all.len(), "nothing new, nothing repeated");
    let line = &all[2];
    let fields: Vec<&String> = line.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["topic", "partition", "key", "value", "headers", "timestamp", "source_offset"]);
    assert_eq!(line["topic"], Value::from(database.topic("t")));
    assert!(line["timestamp"].is_i64() && line["source_offset"].is_object(), "{line}");
    let headers: Vec<&str> = line["headers"].as_array().unwrap().iter().filter_map(|h| h["key"].as_str()).collect();
    assert!(headers.contains(&"__debezium.context.connectorName"), "{headers:?}");
}

fn ops(lines: &[Value]) -> Value {
    lines.iter().map(|line| json!([line["value"]["op"], line["key"]["id"]])).collect()
}

#[test]
fn postgres_once() {
    once(server::postgres(), "once");
}

#[test]
fn mysql_once() {
    once(server::mysql80(), "once");
}

/// A large table is delivered whole before `--once` ends.
#[test]
fn once_delivers_all() {
    let database = Database::create(server::postgres(), "once_all");
    let mut session = database.session();
    session.execute("CREATE TABLE t (id int PRIMARY KEY, word text)");
    session.execute("INSERT INTO t SELECT id, 'word' FROM generate_series(1, 30000) AS id");
    let setup = Setup::new().connector(&database.connector(&json!({}))).argument("--once");
    let file = setup.path("events.jsonl");
    let setup = setup.set("sink", "file").set("sink.path", &file.display().to_string());
    let (status, log) = setup.run(seconds(60));
    assert!(status.success(), "{log}");
    assert_eq!(lines::ids(&lines_of(&file)), (1..=30_000).collect::<Vec<_>>());
    session.execute("INSERT INTO t VALUES (30001, 'later')");
    assert!(setup.run(seconds(60)).0.success());
    assert_eq!(lines_of(&file).len(), 30_001, "the file is appended to");
}

/// `--once` with a connector that fails ends with status 1.
#[test]
fn once_fails() {
    let database = Database::create(server::mysql80(), "once_fails");
    let wrong = database.connector(&json!({"database.password": "wrong"}));
    let (status, log) = Setup::new().connector(&wrong).argument("--once").run(seconds(30));
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("database.password"), "{log}");
}
