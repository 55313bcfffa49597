//! Kafka Connect's names, as Strimzi's rules for the JMX exporter make them
//! (`packaging/examples/metrics/…/kafka-connect-metrics.yaml`). Averages, maxima and rates are those of the last thirty to
//! sixty seconds, as Kafka's are.

use super::super::seen::Seen;
use super::{of_connector, signed};
use crate::metrics::exposition::{Families, Labels};
use crate::metrics::{Line, Meters, Outcomes, STARTUPS, Stats};
use crate::source::table::VERSION;

/// States that Connect counts tasks of.
const COUNTED: [(&str, &str); 6] = [
    ("running", "kafka_connect_worker_connector_running_task_count"),
    ("paused", "kafka_connect_worker_connector_paused_task_count"),
    ("failed", "kafka_connect_worker_connector_failed_task_count"),
    ("unassigned", "kafka_connect_worker_connector_unassigned_task_count"),
    ("destroyed", "kafka_connect_worker_connector_destroyed_task_count"),
    ("restarting", "kafka_connect_worker_connector_restarting_task_count"),
];

/// The state of its task, as Connect's metrics write it; `None`: it has no task.
fn task_status(seen: &Seen) -> Option<String> {
    seen.task.as_ref().map(|task| task.state.to_ascii_lowercase())
}

/// Adds what is told of a connector and of its task.
pub(super) fn add(families: &mut Families, seen: &Seen) {
    let labels = of_connector(&seen.name);
    let task = task_status(seen);
    let with = |name, value: &str| [&labels[..], &[(name, value.to_owned())]].concat();
    let status = with("status", &seen.state.to_ascii_lowercase());
    families.integer("kafka_connect_connector_status", "The connector's state.", &status, 1);
    if let Some(kind) = seen.kind {
        let class = with("connector_class", kind.class());
        families.integer("kafka_connect_connector_connector_class", "The connector's class.", &class, 1);
    }
    let kind = with("connector_type", "source");
    families.integer("kafka_connect_connector_connector_type", "The connector's type.", &kind, 1);
    let version = with("connector_version", VERSION);
    families.integer("kafka_connect_connector_connector_version", "The connector's version.", &version, 1);
    let total = i64::from(task.is_some());
    let name = "kafka_connect_worker_connector_total_task_count";
    families.integer(name, "Tasks of the connector.", &labels, total);
    for (state, name) in COUNTED {
        let count = i64::from(task.as_deref() == Some(state));
        families.integer(name, "Tasks of the connector in that state.", &labels, count);
    }
    if let Some(status) = task {
        let labels = with("task", "0");
        let with_status = [&labels[..], &[("status", status)]].concat();
        families.integer("kafka_connect_connector_task_status", "The task's state.", &with_status, 1);
        if let Some(meters) = seen.meters() {
            add_task(families, meters, &labels);
        }
    }
}

fn add_task(families: &mut Families, meters: &Meters, labels: &Labels) {
    let line = &meters.line;
    let mut gauge = |name: &'static str, help, value: f64| families.gauge(name, help, labels, value);
    let Stats { mean, max, .. } = line.batch_size.stats();
    gauge("kafka_connect_connector_task_batch_size_avg", "Records of a batch: the mean.", mean);
    gauge("kafka_connect_connector_task_batch_size_max", "Records of a batch: the most.", max);
    let Stats { mean, max, .. } = meters.saves.took.stats();
    gauge(
        "kafka_connect_connector_task_offset_commit_avg_time_ms",
        "Time that saving a position took: the mean.",
        mean,
    );
    gauge("kafka_connect_connector_task_offset_commit_max_time_ms", "Time that saving a position took: the most.", max);
    // As Connect's, shares and not percentages; without any save, neither.
    let good = meters.saves.succeeded.stats().mean;
    let (good, bad) = if good.is_nan() { (0.0, 0.0) } else { (good, 1.0 - good) };
    let name = "kafka_connect_connector_task_offset_commit_success_percentage";
    gauge(name, "The share of saves of a position that were done.", good);
    let name = "kafka_connect_connector_task_offset_commit_failure_percentage";
    gauge(name, "The share of saves of a position that failed.", bad);
    let (running, paused) = meters.life.ratios();
    gauge("kafka_connect_connector_task_running_ratio", "The part of its time that the task ran.", running);
    gauge("kafka_connect_connector_task_pause_ratio", "The part of its time that the task was paused.", paused);
    let Stats { mean, max, .. } = line.active_window.stats();
    gauge("kafka_connect_source_task_source_record_active_count_avg", "Records on their way: the mean.", mean);
    gauge("kafka_connect_source_task_source_record_active_count_max", "Records on their way: the most.", max);
    let poll_rate = line.poll_window.stats().rate;
    gauge("kafka_connect_source_task_source_record_poll_rate", "Records that were read, a second.", poll_rate);
    let write_rate = line.write_window.stats().rate;
    gauge("kafka_connect_source_task_source_record_write_rate", "Records that became durable, a second.", write_rate);
    families.integer(
        "kafka_connect_source_task_source_record_active_count",
        "Records that were handed to the sink and are not durable.",
        labels,
        signed(line.active()),
    );
    families.counter(
        "kafka_connect_source_task_source_record_poll",
        "Records that were read, before transforms.",
        labels,
        line.polled.get(),
    );
    families.counter(
        "kafka_connect_source_task_source_record_write",
        "Records that are durable, after transforms.",
        labels,
        line.delivered.get(),
    );
    add_errors(families, line, labels);
}

fn add_errors(families: &mut Families, line: &Line, labels: &Labels) {
    let mut add = |name: &'static str, help, value| families.integer(name, help, labels, value);
    let count = |count: &crate::metrics::Count| signed(count.get());
    add("kafka_connect_task_error_total_record_failures", "Tries of records that failed.", count(&line.failures));
    add("kafka_connect_task_error_total_record_errors", "Records that failed.", count(&line.errors));
    add("kafka_connect_task_error_total_records_skipped", "Records that failed, tolerated.", count(&line.skipped));
    add("kafka_connect_task_error_total_retries", "Tries again of records.", count(&line.retries));
    add("kafka_connect_task_error_total_errors_logged", "Records that failed and were logged.", count(&line.logged));
    let letters = count(&line.dead_letters);
    add("kafka_connect_task_error_deadletterqueue_produce_requests", "Dead letters that were sent.", letters);
    let help = "Dead letters that could not be sent and were given up: never.";
    add("kafka_connect_task_error_deadletterqueue_produce_failures", help, 0);
    let last = line.last_error_ms.get().unwrap_or(0);
    add("kafka_connect_task_error_last_error_timestamp", "When a record failed last, ms since the epoch.", last);
}

/// Adds what is told of the worker.
pub(super) fn add_worker(families: &mut Families, connectors: &[Seen]) {
    let none = Labels::new();
    let tasks = signed(connectors.iter().filter(|seen| task_status(seen).is_some()).count() as u64);
    let count = signed(connectors.len() as u64);
    families.integer("kafka_connect_worker_connector_count", "Connectors of this worker.", &none, count);
    families.integer("kafka_connect_worker_task_count", "Tasks of this worker.", &none, tasks);
    families.integer("kafka_connect_coordinator_assigned_connectors", "Connectors of this worker.", &none, count);
    families.integer("kafka_connect_coordinator_assigned_tasks", "Tasks of this worker.", &none, tasks);
    let Outcomes { attempts, successes, failures } = &STARTUPS.connectors;
    let (tried, well, ill) = (attempts.get(), successes.get(), failures.get());
    let help = "Connectors that were started.";
    families.counter("kafka_connect_worker_connector_startup_attempts", help, &none, tried);
    families.counter("kafka_connect_worker_connector_startup_success", "Those that started.", &none, well);
    families.counter("kafka_connect_worker_connector_startup_failure", "Those that did not.", &none, ill);
    let (well_part, ill_part) = parts(well, ill);
    let help = "The part of the starts that went well.";
    families.gauge("kafka_connect_worker_connector_startup_success_percentage", help, &none, well_part);
    let help = "The part of the starts that did not.";
    families.gauge("kafka_connect_worker_connector_startup_failure_percentage", help, &none, ill_part);
    let Outcomes { attempts, successes, failures } = &STARTUPS.tasks;
    let (tried, well, ill) = (attempts.get(), successes.get(), failures.get());
    families.counter("kafka_connect_worker_task_startup_attempts", "Runs of tasks that were begun.", &none, tried);
    families.counter("kafka_connect_worker_task_startup_success", "Those that connected.", &none, well);
    families.counter("kafka_connect_worker_task_startup_failure", "Those that did not.", &none, ill);
    let (well_part, ill_part) = parts(well, ill);
    let help = "The part of the runs that connected.";
    families.gauge("kafka_connect_worker_task_startup_success_percentage", help, &none, well_part);
    let help = "The part of the runs that did not.";
    families.gauge("kafka_connect_worker_task_startup_failure_percentage", help, &none, ill_part);
}

/// The parts of what went well and of what did not; 0 before anything did.
fn parts(well: u64, ill: u64) -> (f64, f64) {
    let all = (well + ill).max(1) as f64;
    (well as f64 / all, ill as f64 / all)
}
