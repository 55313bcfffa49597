//! The metrics of a live run, held against SQL.

use std::time::Instant;

use serde_json::json;

use crate::support::daemon::{Daemon, Setup};
use crate::support::database::{Database, Session};
use crate::support::exposition::Metrics;
use crate::support::server::{self, Server};
use crate::support::{seconds, wait_until};

const CHANGES: [&str; 8] = [
    "INSERT INTO t SELECT id + 10, 'new' FROM t",
    "UPDATE t SET word = 'changed' WHERE id > 10",
    "UPDATE t SET id = 99 WHERE id = 3",
    "DELETE FROM t WHERE id = 1",
    "INSERT INTO other VALUES (1), (2)",
    "UPDATE other SET id = id + 10",
    "INSERT INTO uncaptured VALUES (1)",
    "DELETE FROM other",
];

fn prepare(session: &mut Session) {
    for table in ["t (id int PRIMARY KEY, word varchar(20))", "other (id int PRIMARY KEY)", "uncaptured (id int)"] {
        session.execute(&format!("CREATE TABLE {table}"));
    }
    session.execute("INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd')");
}

fn counts_are_those_of_the_database(server: &Server, name: &str) {
    let database = Database::create(server, name);
    let mut session = database.session();
    prepare(&mut session);
    let schema = if database.is_postgres() { "public" } else { name };
    let captured = json!({"table.include.list": format!("{schema}.t,{schema}.other")});
    let broker = server::kafka();
    let setup = Setup::new().connector(&database.connector(&captured)).set("bootstrap.servers", &broker.address());
    let daemon = setup.start();
    let plugin = if database.is_postgres() { "postgres" } else { "mysql" };
    let labels = |context: &'static str| [("name", name), ("plugin", plugin), ("context", context)];
    let streaming = labels("streaming");
    the_snapshot_is_counted(&daemon, (name, schema), (&labels("snapshot"), &streaming));

    let begun = Instant::now();
    for statement in CHANGES {
        session.execute(statement);
    }
    // An update of the key is a delete and an insert, as its records are.
    let (creates, updates, deletes): (i64, i64, i64) = (4 + 2 + 3, 4, 1 + 1 + 4);
    // Each delete brings a tombstone.
    let records = 4 + creates + updates + 2 * deletes;
    let metrics = all_is_told(&daemon, name, &streaming, (records, creates + updates + deletes));
    let streamed = |attribute: &str| metrics.count(&format!("debezium_metrics_{attribute}"), &streaming);
    assert_eq!(streamed("TotalNumberOfCreateEventsSeen"), creates);
    assert_eq!(streamed("TotalNumberOfUpdateEventsSeen"), updates);
    assert_eq!(streamed("TotalNumberOfDeleteEventsSeen"), deletes);
    assert_eq!(streamed("NumberOfCommittedTransactions"), 7);
    assert_eq!(streamed("NumberOfErroneousEvents"), 0);
    if !database.is_postgres() {
        assert!(streamed("NumberOfEventsFiltered") >= 1, "the binary log has all tables");
        assert!(streamed("BinlogPosition") > 4 && streamed("NumberOfDisconnects") == 0);
    }
    // Nothing of it is older than the changes; a second is for the two clocks.
    let most = i64::try_from(begun.elapsed().as_millis()).unwrap() + 1000;
    let behind = streamed("MilliSecondsBehindSource");
    assert!((0..=most).contains(&behind), "{behind} ms behind, after {most} ms");
    assert!((0..=most).contains(&streamed("MilliSecondsSinceLastEvent")));
    let told = |of: &str| metrics.get(&format!("debezium_metrics_MilliSecondsBehindSource{of}"), &streaming);
    let rising = [told("MinValue") * 0.98, told("P50"), told("P95"), told("P99"), told("MaxValue") * 1.02 + 0.1];
    assert!(rising.is_sorted(), "{rising:?}");
    the_line_is_counted(&metrics, name, records);
    // Three of the updates changed the key: one change each.
    let of = [("connector", name)];
    assert_eq!(metrics.count("rowtide_commit_to_ack_seconds_count", &of), creates + updates + deletes - 3);
    the_heads_distance_is_told(&daemon, name, database.is_postgres());
    daemon.stop(seconds(10));
}

/// What tells a metric from others of its name.
type Labels<'a> = &'a [(&'a str, &'a str)];

fn the_snapshot_is_counted(
    daemon: &Daemon,
    (name, schema): (&str, &str),
    (snapshot, streaming): (Labels<'_>, Labels<'_>),
) {
    let of = [("connector", name)];
    let metrics = Metrics::wait(daemon.rest, "the snapshot is complete", seconds(60), |metrics| {
        metrics.is("debezium_metrics_SnapshotCompleted", snapshot, 1)
            && metrics.is("debezium_metrics_Connected", streaming, 1)
            && metrics.is("kafka_connect_source_task_source_record_write_total", &of, 4)
    });
    let snapshotted = |attribute: &str| metrics.count(&format!("debezium_metrics_{attribute}"), snapshot);
    assert_eq!((snapshotted("TotalTableCount"), snapshotted("RemainingTableCount")), (2, 0));
    assert_eq!((snapshotted("SnapshotRunning"), snapshotted("SnapshotAborted")), (0, 0));
    assert_eq!(snapshotted("TotalNumberOfEventsSeen"), 4);
    for (table, rows) in [("t", 4), ("other", 0)] {
        let table = format!("{schema}.{table}");
        let labels = [snapshot, &[("table", &*table)]].concat();
        assert_eq!(metrics.count("debezium_metrics_RowsScanned", &labels), rows, "{table}");
    }
    assert_eq!(metrics.count("debezium_metrics_MilliSecondsBehindSource", streaming), -1);
    // It is the most of the last half minute, in which only the snapshot's rows are sure to be one batch.
    assert!(metrics.get("kafka_connect_connector_task_batch_size_max", &of) >= 4.0);
}

/// Waits for what each part tells for itself: a delivery before its save, rows before the end of their transaction. The
/// brokers, and the end of a log that others write to, are looked at now and then.
fn all_is_told(daemon: &Daemon, name: &str, streaming: &[(&str, &str)], (records, events): (i64, i64)) -> Metrics {
    let of = [("connector", name)];
    Metrics::wait(daemon.rest, "all changes are durable, saved and counted", seconds(60), |metrics| {
        let streamed = |attribute: &str| metrics.count(&format!("debezium_metrics_{attribute}"), streaming);
        metrics.is("kafka_connect_source_task_source_record_write_total", &of, records)
            && metrics.is("kafka_connect_source_task_source_record_active_count", &of, 0)
            && streamed("NumberOfCommittedTransactions") >= 7
            // Others' events may be counted between the one number and the other.
            && streamed("TotalNumberOfEventsSeen") == events + streamed("NumberOfEventsFiltered")
            && metrics.get("rowtide_saves_total", &of) >= 1.0
            && metrics.get("kafka_connect_connector_task_offset_commit_max_time_ms", &of) > 0.0
            && metrics.is("rowtide_lag_events", &of, 0)
            && metrics.is("rowtide_connector_ready", &of, 1)
            && metrics.is("rowtide_brokers_reachable", &[], 1)
    })
}

/// What Connect tells of a task that has written so many records.
fn the_line_is_counted(metrics: &Metrics, name: &str, records: i64) {
    let of = [("connector", name), ("task", "0")];
    let task = |metric: &str| metrics.count(&format!("kafka_connect_source_task_{metric}"), &of);
    assert_eq!(task("source_record_poll_total"), records);
    let running = [("connector", name), ("status", "running")];
    assert_eq!(metrics.count("kafka_connect_connector_status", &running), 1);
    assert_eq!(metrics.count("kafka_connect_connector_task_status", &running), 1);
    assert_eq!(metrics.count("kafka_connect_worker_connector_running_task_count", &[("connector", name)]), 1);
    assert_eq!(metrics.count("kafka_connect_worker_connector_count", &[]), 1);
    assert_eq!(metrics.count("kafka_connect_worker_task_startup_success_total", &[]), 1);
    assert_eq!(metrics.count("kafka_connect_task_error_total_record_errors", &of), 0);
    // How much of its time it took to start is the machine's affair.
    let share = metrics.get("kafka_connect_connector_task_running_ratio", &of);
    assert!(share > 0.0 && share <= 1.0, "{share}");
    assert!(task_share(metrics, "success", &of) > 0.9 && task_share(metrics, "failure", &of) < 0.1);
    assert!(metrics.get("process_resident_memory_bytes", &[]) > 1e6);
}

fn task_share(metrics: &Metrics, of: &str, labels: &[(&str, &str)]) -> f64 {
    metrics.get(&format!("kafka_connect_connector_task_offset_commit_{of}_percentage"), labels)
}

/// The head is looked for by a task of its own, which may come after the rows, and may find the server busy.
fn the_heads_distance_is_told(daemon: &Daemon, name: &str, slot: bool) {
    let of = [("connector", name)];
    let of_slot = [("connector", name), ("slot", name)];
    let retained = |metrics: &Metrics| metrics.find("rowtide_replication_slot_retained_bytes", &of_slot);
    let metrics = Metrics::wait(daemon.rest, "the head is known", seconds(60), |metrics| {
        metrics.find("rowtide_log_behind_bytes", &of).is_some() && (retained(metrics).is_some() || !slot)
    });
    let behind = metrics.get("rowtide_log_behind_bytes", &of);
    assert!((0.0..1e9).contains(&behind), "{behind} bytes behind");
    let retained = retained(&metrics);
    assert_eq!(retained.is_some_and(|bytes| (0.0..1e9).contains(&bytes)), slot, "{retained:?}");
}

#[test]
fn postgres_counts() {
    counts_are_those_of_the_database(server::postgres(), "metrics_pg");
}

#[test]
fn mysql_counts() {
    counts_are_those_of_the_database(server::mysql80(), "metrics_my");
}

/// The slot's margin is what the server says, and the connector's restarts are told with their cause.
#[test]
fn a_slot_has_a_margin_and_a_lost_connection_is_counted() {
    let server = Server::own("postgres", "metrics", &["max_slot_wal_keep_size=1GB"]);
    let database = Database::create(&server, "margin");
    let mut session = database.session();
    prepare(&mut session);
    let daemon = Setup::new().connector(&database.connector(&json!({}))).start();
    let slot = [("connector", "margin"), ("slot", "margin")];
    let metrics = Metrics::wait(daemon.rest, "the slot's margin is known", seconds(60), |metrics| {
        metrics.find("rowtide_replication_slot_safe_bytes", &slot).is_some()
    });
    let margin = "SELECT safe_wal_size FROM pg_replication_slots WHERE slot_name = 'margin'";
    let now: f64 = session.value(margin).unwrap().parse().unwrap();
    let told = metrics.get("rowtide_replication_slot_safe_bytes", &slot);
    assert!((told - now).abs() < 64.0 * 1024.0 * 1024.0, "{told} is far from {now}");
    // The margin can be known before the stream has begun, and a slot is in use already while it is asked for.
    daemon.says("streaming", seconds(60));
    let terminate =
        "SELECT pg_terminate_backend(active_pid)::text FROM pg_replication_slots WHERE slot_name = 'margin'";
    wait_until("the slot is in use", seconds(30), || session.value(terminate).is_some_and(|done| done == "true"));
    let of = |cause| [("connector", "margin"), ("cause", cause)];
    Metrics::wait(daemon.rest, "the reconnect is counted", seconds(30), |metrics| {
        metrics.is("rowtide_reconnects_total", &of("database_disconnected"), 1)
    });
    session.execute("INSERT INTO t VALUES (5, 'e')");
    Metrics::wait(daemon.rest, "it goes on", seconds(30), |metrics| {
        let context = [("name", "margin"), ("context", "streaming")];
        metrics.is("debezium_metrics_TotalNumberOfCreateEventsSeen", &context, 1)
            && metrics.is("debezium_metrics_Connected", &context, 1)
            && metrics.is("rowtide_restarts_total", &of("database_disconnected"), 1)
            && metrics.get("rowtide_errors_total", &[("class", "transient")]) >= 1.0
    });
    daemon.stop(seconds(10));
}
