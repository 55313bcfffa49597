//! The probes, the levels of the log and the phases of a stop, on live runs.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::daemon::{Daemon, Setup};
use crate::support::database::Database;
use crate::support::exposition::Metrics;
use crate::support::server::{self, Server};
use crate::support::{RUNTIME, seconds, wait_for, wait_until};

fn probe(daemon: &Daemon, path: &str) -> (u16, Value) {
    wait_for(path, seconds(10), || daemon.rest.get(path))
}

#[track_caller]
fn becomes(daemon: &Daemon, path: &str, status: u16, limit: u64) -> Value {
    wait_for(&format!("{path} says {status}"), seconds(limit), || {
        let (now, body) = probe(daemon, path);
        (now == status).then_some(body)
    })
}

/// A broker that is away makes the daemon not ready and leaves it alive, whether there is something to send or not.
#[test]
fn a_broker_that_is_away_is_not_ready_and_not_dead() {
    let broker = Server::own("kafka", "probes", &[]);
    let database = Database::create(server::postgres(), "probed");
    let mut session = database.session();
    session.execute("CREATE TABLE t (id int PRIMARY KEY)");
    session.execute("INSERT INTO t VALUES (1)");
    let setup = Setup::new()
        .connector(&database.connector(&json!({})))
        .set("bootstrap.servers", &broker.address())
        .set("task.shutdown.graceful.timeout.ms", "3000");
    let daemon = setup.start();
    let ready = becomes(&daemon, "/readyz", 200, 60);
    assert_eq!(ready["connectors"]["probed"], json!({"ok": true, "state": "RUNNING"}));
    assert_eq!(probe(&daemon, "/livez").0, 200);
    assert_eq!(probe(&daemon, "/startupz?verbose").0, 200);
    Metrics::wait(daemon.rest, "the row is acknowledged", seconds(30), |metrics| {
        metrics.is("kafka_connect_source_task_source_record_write_total", &[], 1)
            && metrics.is("kafka_connect_source_task_source_record_active_count", &[], 0)
    });

    broker.kill();
    // Nothing is to be sent: the daemon asks the brokers by itself. The connector has nothing to complain of.
    wait_until("the brokers do not answer, and the connector is well", seconds(60), || {
        let (status, away) = probe(&daemon, "/readyz");
        let reason = away["reasons"][0].as_str().unwrap_or_default();
        status == 503 && reason.contains("the brokers do not answer") && away["connectors"]["probed"]["ok"] == true
    });
    session.execute("INSERT INTO t VALUES (2)");
    wait_until("the connector says so too", seconds(30), || {
        let connector = &probe(&daemon, "/readyz").1["connectors"]["probed"];
        connector["reason"].as_str().is_some_and(|reason| reason.contains("no acknowledgement yet"))
    });
    let (status, live) = probe(&daemon, "/livez");
    assert_eq!((status, &live["status"]), (200, &json!("alive")), "{live}");
    broker.restart(&[]);
    becomes(&daemon, "/readyz", 200, 60);
    // Ready it is with the broker's answer, of which the count hears next.
    Metrics::wait(daemon.rest, "nothing is on its way", seconds(30), |metrics| {
        metrics.is("kafka_connect_source_task_source_record_active_count", &[], 0)
    });

    // A stop that cannot deliver says so.
    broker.kill();
    session.execute("INSERT INTO t VALUES (3)");
    Metrics::wait(daemon.rest, "the row waits for the broker", seconds(60), |metrics| {
        metrics.is("kafka_connect_source_task_source_record_active_count", &[], 1)
    });
    daemon.terminate();
    let status = daemon.ended(seconds(20));
    assert_eq!(status.code(), Some(1), "what was not delivered is told: {}", daemon.log());
    assert!(daemon.log().contains("batches were not delivered within"), "{}", daemon.log());
}

/// The daemon is not ready from the first moment of a stop, still alive, and tells how long each phase took.
#[test]
fn a_stop_is_not_ready_at_once() {
    let broker = Server::own("kafka", "stopped", &[]);
    let database = Database::create(server::mysql80(), "stopped");
    let mut session = database.session();
    session.execute("CREATE TABLE t (id int PRIMARY KEY)");
    session.execute("INSERT INTO t VALUES (1)");
    let setup = Setup::new()
        .connector(&database.connector(&json!({})))
        .set("bootstrap.servers", &broker.address())
        // The drain waits for as long as the test takes to look.
        .set("task.shutdown.graceful.timeout.ms", "600000");
    let daemon = setup.start();
    becomes(&daemon, "/readyz", 200, 60);
    let records = |metric: &str, count: i64| {
        let name = format!("kafka_connect_source_task_source_record_{metric}");
        Metrics::wait(daemon.rest, metric, seconds(30), |metrics| metrics.is(&name, &[], count));
    };
    records("write_total", 1);
    records("active_count", 0);
    // The kernel stops the broker, so that the drain takes as long as the test wants.
    let signal = |signal: &str| {
        let done = Command::new("sh").args(["-c", &format!("kill -{signal} {}", broker.pid)]).status().unwrap();
        assert!(done.success());
    };
    signal("STOP");
    session.execute("INSERT INTO t VALUES (2)");
    records("active_count", 1);
    daemon.terminate();
    daemon.says("stopping", seconds(30));
    let (status, body) = probe(&daemon, "/readyz");
    assert_eq!((status, &body["reasons"][0]), (503, &json!("the daemon was told to stop")));
    assert_eq!(probe(&daemon, "/livez").0, 200, "it drains");
    signal("CONT");
    let status = daemon.ended(seconds(40));
    assert!(status.success(), "{status}: {}", daemon.log());
    let log = daemon.log();
    let phases = log.lines().find(|line| line.contains("the connector has stopped")).unwrap_or_else(|| panic!("{log}"));
    for phase in ["drain_ms=", "save_ms=", "confirm_ms="] {
        assert!(phases.contains(phase), "{phases}");
    }
}

/// A database that is away is no reason to kill, nor a reason to start over.
#[test]
fn a_database_that_is_away_is_not_ready() {
    let server = Server::own("mysql80", "probes", &[]);
    let database = Database::create(&server, "away");
    let connector = database.connector(&json!({}));
    server.stop();
    let daemon = Setup::new().connector(&connector).start();
    becomes(&daemon, "/startupz", 200, 30);
    let (status, body) = probe(&daemon, "/readyz");
    let reason = body["connectors"]["away"]["reason"].as_str().unwrap_or_default();
    assert_eq!(status, 503);
    assert!(reason.contains(&server.address()), "{body}");
    assert_eq!(body["connectors"]["away"]["state"], "RESTARTING");
    assert_eq!(probe(&daemon, "/livez").0, 200);
    server.restart(&[]);
    becomes(&daemon, "/readyz", 200, 60);
    daemon.stop(seconds(10));
}

fn set_level(daemon: &Daemon, logger: &str, level: &str) -> Value {
    let url = format!("http://127.0.0.1:{}/admin/loggers/{logger}", daemon.rest.port);
    let request = reqwest::Client::new().put(url).json(&json!({"level": level}));
    RUNTIME.block_on(async { request.send().await.unwrap().json().await.unwrap() })
}

/// A level that is set while the daemon runs changes what is logged, of that part only; and every line of a connector says
/// whose it is.
#[test]
fn levels_change_what_is_logged() {
    let database = Database::create(server::postgres(), "levels");
    let mut session = database.session();
    session.execute("CREATE TABLE t (id int PRIMARY KEY, word text)");
    let setup = Setup::new().connector(&database.connector(&json!({}))).set("log.format", "json");
    let daemon = setup.start();
    daemon.says("\"streaming\"", seconds(30));
    let mut id = 0;
    let mut insert = || {
        id += 1;
        session.execute(&format!("INSERT INTO t VALUES ({id}, 'a value of a row')"));
        super::lines::wait_for_key(&daemon, &json!({"id": id}));
    };
    insert();
    assert!(!daemon.log().contains("read a batch"), "the level is info");
    let changed = set_level(&daemon, "io.debezium", "DEBUG");
    assert!(changed.as_array().unwrap().contains(&json!("io.debezium.connector.postgresql")), "{changed}");
    insert();
    daemon.says("read a batch", seconds(30));
    assert!(!daemon.log().contains("writing a batch"), "that is another part");
    set_level(&daemon, "org.apache.kafka.connect.runtime", "DEBUG");
    insert();
    daemon.says("writing a batch", seconds(30));
    set_level(&daemon, "root", "TRACE");
    insert();
    set_level(&daemon, "root", "INFO");
    // The source tells of one batch after the other: when this one has come, nothing of the last one is still to be told.
    insert();
    let count = || daemon.log().matches("read a batch").count();
    let before = count();
    insert();
    insert();
    assert_eq!(count(), before, "debug lines have ended");
    daemon.stop(seconds(10));
    let log = daemon.log();
    assert!(!log.contains("a value of a row"), "a row's value is in the log");
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let message = line["message"].as_str().unwrap_or_default();
        if ["read a batch", "writing a batch", "streaming", "the connector has stopped"].contains(&message) {
            assert_eq!(line["span"]["connector"], "levels", "{line}");
        }
    }
}

/// What is paused or stopped because it was told to is ready, and its metrics say what it is.
#[test]
fn a_pause_and_a_stop_are_told_and_are_no_fault() {
    let database = Database::create(server::postgres(), "probed_idle");
    let mut session = database.session();
    session.execute("CREATE TABLE t (id int PRIMARY KEY)");
    let daemon = Setup::new().connector(&database.connector(&json!({}))).start();
    becomes(&daemon, "/readyz", 200, 60);
    let state = |task: Option<&'static str>, connector: &'static str| {
        Metrics::wait(daemon.rest, connector, seconds(20), |metrics| {
            let of = |status| [("connector", "probed_idle"), ("status", status)];
            let is_there = |name, status| metrics.find(name, &of(status)).is_some();
            is_there("kafka_connect_connector_status", connector)
                && task.is_none_or(|task| is_there("kafka_connect_connector_task_status", task))
        })
    };
    state(Some("running"), "running");
    daemon.rest.change("PUT", "/connectors/probed_idle/pause", &json!(null), 202);
    let of = [("connector", "probed_idle")];
    // The status says what is wanted; time is counted as paused from when nothing more is taken.
    Metrics::wait(daemon.rest, "nothing more is taken", seconds(30), |metrics| {
        metrics.get("kafka_connect_connector_task_pause_ratio", &of) > 0.0
    });
    session.execute("INSERT INTO t VALUES (1)");
    Metrics::wait(daemon.rest, "the row was read, and waits", seconds(20), |metrics| {
        metrics.is("rowtide_queue_events", &of, 1)
    });
    let paused = state(Some("paused"), "paused");
    assert!(paused.get("kafka_connect_connector_task_pause_ratio", &of) > 0.0);
    assert_eq!(paused.count("kafka_connect_worker_connector_paused_task_count", &of), 1);
    assert_eq!(paused.count("rowtide_connector_ready", &of), 1);
    assert_eq!(paused.count("kafka_connect_source_task_source_record_write_total", &of), 0);
    let ready = becomes(&daemon, "/readyz", 200, 20);
    assert_eq!(ready["connectors"]["probed_idle"], json!({"ok": true, "state": "PAUSED"}));
    daemon.rest.change("PUT", "/connectors/probed_idle/resume", &json!(null), 202);
    Metrics::wait(daemon.rest, "it goes on", seconds(20), |metrics| {
        metrics.is("kafka_connect_source_task_source_record_write_total", &of, 1)
    });
    daemon.rest.change("PUT", "/connectors/probed_idle/stop", &json!(null), 204);
    let stopped = state(None, "stopped");
    assert_eq!(stopped.count("kafka_connect_worker_connector_total_task_count", &of), 0);
    assert_eq!(stopped.count("kafka_connect_worker_connector_count", &[]), 1);
    assert_eq!(stopped.count("kafka_connect_worker_task_count", &[]), 0);
    assert_eq!(stopped.count("rowtide_connector_ready", &of), 1);
    let ready = becomes(&daemon, "/readyz", 200, 20);
    assert_eq!(ready["connectors"]["probed_idle"], json!({"ok": true, "state": "STOPPED"}));
    daemon.stop(seconds(10));
}
