//! The daemon is killed, or stopped, again and again while a writer runs; then the topics must tell what was committed.

#![expect(clippy::print_stderr, reason = "the seed and the counts are shown when a test fails")]

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::json;

use super::ledger::{self, Ledger};
use super::writer::{LAST, TABLES, Writer};
use crate::support::daemon::{Daemon, Setup};
use crate::support::database::Database;
use crate::support::reader::{Reader, Record};
use crate::support::server::{self, Server};
use crate::support::{seconds, wait_until};

/// A daemon that captures the writer's tables into three partitions each.
fn setup(database: &Database<'_>) -> Setup {
    let three = json!({"topic.creation.default.partitions": 3, "topic.creation.default.replication.factor": 1});
    Setup::new().connector(&database.connector(&three)).set("bootstrap.servers", &server::kafka().address())
}

fn is_streamed(record: &Record) -> bool {
    record.value.as_deref().is_some_and(|value| find(value, br#""op":"c""#))
}

fn is_last(record: &Record) -> bool {
    record.topic.ends_with(".single") && record.key.as_deref() == Some(format!(r#"{{"id":{LAST}}}"#).as_bytes())
}

fn find(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// Lets the daemon deliver the rest, and compares topics, ledger and tables; gives the number of repeats.
fn conclude(database: &Database<'_>, setup: &Setup, reader: &mut Reader, ledger: &Ledger) -> usize {
    let daemon = setup.start();
    reader.read_until(&daemon, "the writer's last row is there", seconds(90), |records| records.iter().any(is_last));
    daemon.stop(seconds(20));
    let records = reader.read();
    let repeats = ledger.check(records);
    let rows = ledger::rows(&mut database.session(), &TABLES);
    let state = ledger::state(records);
    let missing: Vec<_> = rows.iter().filter(|(key, version)| state.get(key) != Some(version)).collect();
    let left: Vec<_> = state.iter().filter(|(key, _)| !rows.contains_key(key)).collect();
    assert!(missing.is_empty() && left.is_empty(), "told too little: {missing:?}, or too much: {left:?}");
    eprintln!("{} rows, {} changes, {} events, {repeats} repeats", rows.len(), ledger.len(), records.len());
    repeats
}

/// `kill -9` at random moments: within the snapshot, and then 20 times in the stream.
fn kills(server: &Server, name: &str) {
    let seed = rand::random();
    eprintln!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let database = Database::create(server, name);
    let setup = setup(&database);
    let mut reader = Reader::new(server::kafka(), &format!("{name}."));
    let writer = Writer::new(&database, seed, 20_000).start(Duration::from_millis(10));
    let mut killed_after = |daemon: &Daemon, least: u64, most: u64| {
        std::thread::sleep(Duration::from_millis(rng.random_range(least..most)));
        assert!(!daemon.has_ended(), "the daemon ended by itself:\n{}", daemon.log());
        daemon.kill();
    };
    for _ in 0..4 {
        killed_after(&setup.start(), 200, 1200);
    }
    let daemon = setup.start();
    reader.read_until(&daemon, "the stream has begun", seconds(60), |records| records.iter().any(is_streamed));
    drop(daemon);
    for round in 0..20 {
        let seen = reader.count();
        let daemon = setup.start();
        // How far a daemon comes within a time is a matter of the machine. So half of them are killed anywhere, and half only
        // when they deliver.
        if round % 2 == 0 {
            killed_after(&daemon, 200, 2500);
            continue;
        }
        wait_until("the daemon delivers something before it is killed", seconds(60), || {
            assert!(!daemon.has_ended(), "the daemon ended by itself:\n{}", daemon.log());
            reader.count() > seen
        });
        killed_after(&daemon, 0, 1500);
    }
    let ledger = writer.finish();
    conclude(&database, &setup, &mut reader, &ledger);
}

/// SIGTERM at random moments: nothing is lost, and nothing is repeated.
fn stops(server: &Server, name: &str) {
    let seed = rand::random();
    eprintln!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let database = Database::create(server, name);
    let setup = setup(&database);
    let mut reader = Reader::new(server::kafka(), &format!("{name}."));
    let writer = Writer::new(&database, seed, 2000).start(Duration::from_millis(10));
    let mut daemon = setup.start();
    reader.read_until(&daemon, "the stream has begun", seconds(60), |records| records.iter().any(is_streamed));
    for _ in 0..10 {
        std::thread::sleep(Duration::from_millis(rng.random_range(0..1500)));
        daemon.stop(seconds(20));
        daemon = setup.start();
        // Before that there is nothing to stop, nor who would hear of it.
        daemon.says("starting", seconds(10));
    }
    daemon.stop(seconds(20));
    let ledger = writer.finish();
    let repeats = conclude(&database, &setup, &mut reader, &ledger);
    assert_eq!(repeats, 0, "clean stops repeat nothing");
}

#[test]
fn postgres_survives_kills() {
    kills(server::postgres(), "kills");
}

#[test]
fn mysql_survives_kills() {
    kills(server::mysql80(), "kills_my");
}

#[test]
fn postgres_stops_cleanly() {
    stops(server::postgres(), "stops");
}

#[test]
fn mysql_stops_cleanly() {
    stops(server::mysql80(), "stops_my");
}
