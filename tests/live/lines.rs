//! Events on standard output, waited for.

use serde_json::Value;

use crate::support::daemon::Daemon;
use crate::support::{seconds, wait_for};

/// Waits for so many events; gives them all.
#[track_caller]
pub(crate) fn wait(daemon: &Daemon, count: usize) -> Vec<Value> {
    wait_for(&format!("{count} events"), seconds(60), || {
        assert!(!daemon.has_ended(), "the daemon ended by itself");
        let lines = daemon.lines();
        (lines.len() >= count).then_some(lines)
    })
}

/// Waits for an event with that key; gives all events.
#[track_caller]
pub(crate) fn wait_for_key(daemon: &Daemon, key: &Value) -> Vec<Value> {
    wait_for(&format!("an event of {key}"), seconds(60), || {
        assert!(!daemon.has_ended(), "the daemon ended by itself");
        let lines = daemon.lines();
        lines.iter().any(|line| line["key"] == *key).then_some(lines)
    })
}

/// The `id` of each event's key, in order.
pub(crate) fn ids(lines: &[Value]) -> Vec<i64> {
    lines.iter().map(|line| line["key"]["id"].as_i64().unwrap()).collect()
}
