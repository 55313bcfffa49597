//! Records that fail: with each tolerance, too large for the broker, while the dead letter topic is away or refuses them, and
//! sent again.
//!
//! The poison is a row whose `dest` is a number: `route.by.field` makes a topic of it, which only text can be.

mod away;
mod mysql;
mod replay;
mod retry;
mod size;
mod tolerance;

use std::collections::HashSet;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::support::daemon::Setup;
use crate::support::database::{Database, Session};
use crate::support::reader::Record;
use crate::support::server::Server;

fn table(session: &mut Session) {
    session.execute("CREATE TABLE t (id int PRIMARY KEY, word text, dest int)");
    session.execute("INSERT INTO t VALUES (1, 'one', NULL)");
}

/// The connector's keys; `more` wins, null removes.
fn keys(database: &Database<'_>, more: &Value) -> Value {
    let mut keys = json!({
        "transforms": "unwrap",
        "transforms.unwrap.type": "io.debezium.transforms.ExtractNewRecordState",
        "transforms.unwrap.route.by.field": "dest",
        "errors.tolerance": "all",
        "errors.deadletterqueue.topic.name": dead_letter_topic(database),
        "errors.deadletterqueue.topic.replication.factor": 1,
        "errors.deadletterqueue.context.headers.enable": true,
        "topic.creation.default.partitions": 1,
        "topic.creation.default.replication.factor": 1,
    });
    for (key, value) in more.as_object().unwrap() {
        keys[key] = value.clone();
    }
    database.connector(&keys)
}

fn setup(database: &Database<'_>, broker: &Server, more: &Value) -> Setup {
    Setup::new().connector(&keys(database, more)).set("bootstrap.servers", &broker.address())
}

fn dead_letter_topic(database: &Database<'_>) -> String {
    format!("{}.dlq", database.name)
}

fn ids(records: &[Record], topic: &str) -> Vec<i64> {
    let of_topic = records.iter().filter(|record| record.topic == topic);
    of_topic.map(|record| record.value_json()["id"].as_i64().unwrap_or(-1)).collect()
}

/// Each first appearance, in order.
fn first(ids: &[i64]) -> Vec<i64> {
    let mut seen = HashSet::new();
    ids.iter().copied().filter(|id| seen.insert(*id)).collect()
}

fn letters<'a>(records: &'a [Record], database: &Database<'_>) -> Vec<&'a Record> {
    let topic = dead_letter_topic(database);
    records.iter().filter(|record| record.topic == topic).collect()
}

/// The keys of the rows whose dead letters there are.
fn keys_of_letters(records: &[Record], database: &Database<'_>) -> HashSet<String> {
    letters(records, database).into_iter().map(|letter| letter.header("x-primary-key").unwrap_or_default()).collect()
}

/// `rowtide dead-letters …` with the file of that setup.
fn command(setup: &Setup, database: &Database<'_>, broker: &Server, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rowtide"));
    command.arg("dead-letters").args(arguments);
    for set in ["key.converter.schemas.enable=false", "value.converter.schemas.enable=false"] {
        command.args(["--set", set]);
    }
    command.args(["--set", &format!("bootstrap.servers={}", broker.address())]);
    command.arg(setup.path(&format!("{}.json", database.name))).stdin(Stdio::null());
    command
}

/// The same, run to its end: standard output, and the status.
fn dead_letters(setup: &Setup, database: &Database<'_>, broker: &Server, arguments: &[&str]) -> (String, i32) {
    let Output { status, stdout, stderr } = command(setup, database, broker, arguments).output().unwrap();
    let said = String::from_utf8_lossy(&stderr);
    (String::from_utf8(stdout).unwrap(), status.code().unwrap_or_else(|| panic!("{said}")))
}
