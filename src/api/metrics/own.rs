//! Our own names, `rowtide_…`: what neither Debezium nor Kafka Connect tells.

use std::collections::BTreeMap;

use super::super::Worker;
use super::super::seen::Seen;
use super::{of_connector, signed};
use crate::metrics::exposition::{Families, Labels};
use crate::metrics::{Meters, Slot};
use crate::sink::kafka::probe::Brokers;
use crate::source::table::VERSION;

/// Why connections are made anew; each is shown from the beginning, so that a first one is seen as a change.
const RECONNECTS: [&str; 5] =
    ["database_unreachable", "database_disconnected", "slot_in_use", "sink_unavailable", "registry_unavailable"];

/// Classes of errors (`connector::policy`), likewise.
const CLASSES: [&str; 4] = ["transient", "blocked", "locked out", "definite"];

/// Adds what is told of a connector.
pub(super) fn add(families: &mut Families, seen: &Seen) {
    let labels = of_connector(&seen.name);
    let help = "Whether the connector does what it is to do, as /readyz says.";
    families.integer("rowtide_connector_ready", help, &labels, seen.moves().is_ok().into());
    if let Some(meters) = seen.meters() {
        add_lag(families, meters, &labels);
        add_flow(families, meters, &labels);
        add_events(families, meters, &labels);
    }
}

fn add_events(families: &mut Families, meters: &Meters, labels: &Labels) {
    let life = &meters.life;
    let help = "How often a connection that was lost, or could not be made, had the connector built anew.";
    add_each(families, ("rowtide_reconnects", help, "cause"), labels, &known(&RECONNECTS, life.reconnects()));
    let help = "How often the connector was built anew after an error.";
    add_each(families, ("rowtide_restarts", help, "cause"), labels, &known(&RECONNECTS, life.restarts()));
    let help = "Runs that ended with an error: it can pass, must be mended elsewhere, or here.";
    add_each(families, ("rowtide_errors", help, "class"), labels, &known(&CLASSES, life.errors()));
    let help = "Calls of the schema registry, by what came of them.";
    add_each(families, ("rowtide_registry_calls", help, "outcome"), labels, &meters.registry.get());
    let line = &meters.line;
    let help = "Records that failed and went to the dead letter topic.";
    families.counter("rowtide_dead_letters", help, labels, line.dead_letters.get());
    let help = "Records that failed and went nowhere.";
    families.counter("rowtide_dropped_records", help, labels, line.dropped.get());
    families.counter("rowtide_saves", "Positions that were saved.", labels, meters.saves.done.get());
    let help = "Positions that could not be saved.";
    families.counter("rowtide_save_failures", help, labels, meters.saves.failed.get());
}

fn add_lag(families: &mut Families, meters: &Meters, labels: &Labels) {
    families.integer(
        "rowtide_lag_events",
        "Events between the end of the source's log and what is durable: counted if read, else judged by the log's bytes.",
        labels,
        signed(meters.lag_events()),
    );
    let help = "For how long the oldest change that is not durable has been committed.";
    families.gauge("rowtide_lag_seconds", help, labels, meters.lag_seconds());
    if let Some(behind) = meters.head.behind() {
        let help = "Bytes of the source's log that are not read, when its server was asked last.";
        families.integer("rowtide_log_behind_bytes", help, labels, signed(behind));
    }
    if let Some(Slot { name, retained, safe }) = meters.head.slot() {
        let labels = [&labels[..], &[("slot", name)]].concat();
        let help = "Bytes of the log that the server keeps for the replication slot.";
        families.integer("rowtide_replication_slot_retained_bytes", help, &labels, signed(retained));
        if let Some(safe) = safe {
            let help = "Bytes that can still be written until the replication slot may be lost; not there if never.";
            families.integer("rowtide_replication_slot_safe_bytes", help, &labels, safe);
        }
    }
}

fn add_flow(families: &mut Families, meters: &Meters, labels: &Labels) {
    let help = "From the commit of a change in the database to its acknowledgement by the sink.";
    families.histogram("rowtide_commit_to_ack_seconds", help, labels, meters.flow.latency());
    let levels = meters.flow.levels();
    let help = "Bytes of the log between the source and the line.";
    families.integer("rowtide_queue_bytes", help, labels, signed(levels.queued_bytes));
    let help = "Events between the source and the line.";
    families.integer("rowtide_queue_events", help, labels, signed(levels.queued_events));
    let help = "Bytes of messages that the sink has taken and that are not durable.";
    families.integer("rowtide_sink_bytes", help, labels, signed(meters.sink.bytes() as u64));
    let help = "Whether the sink does not answer.";
    families.integer("rowtide_sink_away", help, labels, meters.sink.away().is_some().into());
}

type Counts = BTreeMap<&'static str, u64>;

/// The counts, and zero for those that are known and did not happen.
fn known(names: &[&'static str], mut counts: Counts) -> Counts {
    for name in names {
        counts.entry(name).or_default();
    }
    counts
}

fn add_each(
    families: &mut Families,
    (name, help, label): (&'static str, &'static str, &'static str),
    labels: &Labels,
    counts: &Counts,
) {
    for (value, count) in counts {
        let labels = [&labels[..], &[(label, (*value).to_owned())]].concat();
        families.counter(name, help, &labels, *count);
    }
}

/// Adds what is told of the daemon.
pub(super) fn add_worker(families: &mut Families, worker: &Worker) {
    let labels = vec![("version", VERSION.to_owned())];
    families.integer("rowtide_build_info", "The version that runs.", &labels, 1);
    let budget = worker.runtime.budget();
    let help = "What all connectors together may hold of rows and messages on their way, bytes.";
    families.integer("rowtide_memory_max_bytes", help, &Labels::new(), signed(budget.max() as u64));
    let help = "What of that memory is not taken, bytes; without any, connectors wait for each other.";
    families.integer("rowtide_memory_free_bytes", help, &Labels::new(), signed(budget.left() as u64));
    let help = "Connections that connectors may have at a database server, of database.connections.max.";
    for (server, taken) in worker.runtime.seats().taken() {
        families.integer("rowtide_database_connections", help, &vec![("server", server)], taken.into());
    }
    if let Some(end) = worker.operations.tls.as_ref().and_then(|tls| tls.expires()) {
        let help = "When the first certificate of the REST API's https listeners ends, in seconds since 1970.";
        families.integer("rowtide_rest_certificate_expiry_timestamp_seconds", help, &Labels::new(), end);
    }
    let answer = match &*worker.operations.brokers.borrow() {
        Brokers::None => return,
        Brokers::Unknown | Brokers::Silent(_) => 0,
        Brokers::Answer => 1,
    };
    families.integer("rowtide_brokers_reachable", "Whether the brokers answer.", &Labels::new(), answer);
}
