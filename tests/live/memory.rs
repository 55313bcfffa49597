//! Connectors whose broker is away wait together in one memory; none takes it all, and none is left without.

use std::collections::HashSet;

use serde_json::json;

use crate::support::daemon::{Daemon, Setup};
use crate::support::database::Database;
use crate::support::exposition::Metrics;
use crate::support::reader::{Reader, Record};
use crate::support::server::{self, Server};
use crate::support::{seconds, wait_until};

const CONNECTORS: usize = 12;

/// In each table.
const ROWS: usize = 8000;

/// What the connectors may hold together, and beside it one batch at either end of each: half a megabyte at most.
const MEMORY_MAX: f64 = (4 << 20) as f64 + (CONNECTORS << 20) as f64;

/// What each connector holds, in the order of the names: rows that wait, and messages on their way.
fn held(daemon: &Daemon) -> Vec<f64> {
    let metrics = Metrics::wait(daemon.rest, "the metrics are told", seconds(20), |_| true);
    let of = |number: usize| {
        let connector = format!("memory_{number}");
        let labels = [("connector", connector.as_str())];
        let value = |name: &str| metrics.find(name, &labels).unwrap_or_default();
        value("rowtide_queue_bytes") + value("rowtide_sink_bytes")
    };
    (0..CONNECTORS).map(of).collect()
}

/// What nobody holds.
fn free(daemon: &Daemon) -> i64 {
    let metrics = Metrics::wait(daemon.rest, "the metrics are told", seconds(20), |_| true);
    metrics.count("rowtide_memory_free_bytes", &[])
}

#[test]
fn connectors_share_their_memory() {
    let broker = Server::own("kafka", "memory", &[]);
    let database = Database::create(server::postgres(), "memory");
    let mut session = database.session();
    let mut setup = Setup::new().set("bootstrap.servers", &broker.address()).set("memory.max.bytes", "4194304");
    for number in 0..CONNECTORS {
        session.execute(&format!("CREATE TABLE t{number} (id int PRIMARY KEY, word text)"));
        let name = format!("memory_{number}");
        let own = json!({
            "topic.prefix": name, "slot.name": name, "publication.name": name,
            "publication.autocreate.mode": "filtered", "table.include.list": format!("public.t{number}"),
            "snapshot.mode": "no_data",
        });
        let config = database.connector(&own)["config"].clone();
        setup = setup.connector(&json!({"name": name, "config": config}));
    }
    let daemon = setup.start();
    for number in 0..CONNECTORS {
        daemon.reaches(&format!("memory_{number}"), "RUNNING", seconds(60));
    }
    broker.kill();
    let fill = format!("SELECT id, repeat('x', 300) FROM generate_series(1, {ROWS}) AS id");
    for number in 0..CONNECTORS {
        session.execute(&format!("INSERT INTO t{number} {fill}"));
    }
    // All stand still when nothing moves for a while, and there is no room to move.
    let mut still = 0;
    let mut last = Vec::new();
    wait_until("all stand still, each with something, and hold what there is", seconds(60), || {
        std::thread::sleep(std::time::Duration::from_millis(500));
        let now = held(&daemon);
        still = if now == last { still + 1 } else { 0 };
        last = now;
        still > 5 && last.iter().all(|bytes| *bytes > 0.0) && free(&daemon) < 1 << 20
    });
    let all: f64 = last.iter().sum();
    assert!(all < MEMORY_MAX, "{all} bytes are held: {last:?}");
    let told = Metrics::wait(daemon.rest, "the metrics are told", seconds(20), |_| true);
    assert_eq!(told.count("rowtide_memory_max_bytes", &[]), 4 << 20);
    assert!((CONNECTORS * ROWS * 300) as f64 > 1.5 * MEMORY_MAX, "there is more to hold");
    broker.restart(&[]);
    let mut reader = Reader::new(&broker, "memory_");
    reader.read_until(&daemon, "every row is there", seconds(90), |records| {
        let last = |record: &&Record| record.key_json()["id"] == ROWS;
        records.iter().filter(last).map(|record| &record.topic).collect::<HashSet<_>>().len() == CONNECTORS
    });
    let ids = |number: usize| {
        let topic = format!("memory_{number}.public.t{number}");
        let of_it = reader.records.iter().filter(move |record| record.topic == topic);
        let mut seen = HashSet::new();
        // One that the broker's end cut off may come twice.
        of_it.filter_map(|record| record.key_json()["id"].as_u64()).filter(|id| seen.insert(*id)).collect::<Vec<u64>>()
    };
    for number in 0..CONNECTORS {
        assert_eq!(ids(number), (1..=ROWS as u64).collect::<Vec<_>>(), "t{number}");
    }
    daemon.stop(seconds(20));
}
