//! Debezium's names: its MBeans' attributes, as the example configuration of the JMX exporter names them
//! (`debezium-examples/monitoring/debezium-jmx-exporter/config.yml`): `debezium_metrics_<Attribute>` with the labels
//! `plugin`, `name` (`topic.prefix`) and `context`; ours is `connector`, so that two of one prefix can be told apart.
//! Attributes that are texts have no number, and are not shown by that exporter either.

use super::super::seen::Seen;
use super::signed;
use crate::connector::Limits;
use crate::connector::kind::Kind;
use crate::metrics::exposition::{Families, Labels};
use crate::metrics::{Levels, Meters, Phase};
use crate::source::batcher;

/// The attributes of one context of a connector.
struct Attributes<'a> {
    families: &'a mut Families,
    labels: Labels,
}

impl<'a> Attributes<'a> {
    fn of(families: &'a mut Families, seen: &Seen, (kind, context): (Kind, &str)) -> Self {
        let plugin = match kind {
            Kind::MySql => "mysql",
            Kind::MariaDb => "mariadb",
            Kind::Postgres => "postgres",
        };
        let labels = vec![
            ("connector", seen.name.clone()),
            ("context", context.to_owned()),
            ("name", seen.prefix.clone()),
            ("plugin", plugin.to_owned()),
        ];
        Self { families, labels }
    }

    fn add(&mut self, attribute: &str, help: &'static str, value: i64) {
        self.families.integer(format!("debezium_metrics_{attribute}"), help, &self.labels, value);
    }

    fn count(&mut self, attribute: &str, help: &'static str, value: u64) {
        self.add(attribute, help, signed(value));
    }

    fn flag(&mut self, attribute: &str, help: &'static str, value: bool) {
        self.add(attribute, help, value.into());
    }

    /// Of the queue between source and line: the same in both contexts.
    fn queue(&mut self, meters: &Meters) {
        let batches = Limits::default().batches_queued as u64;
        let batch = batcher::Limits::default();
        let Levels { queued_events, queued_bytes, .. } = meters.flow.levels();
        let capacity = batches * batch.events_max as u64;
        self.count("QueueTotalCapacity", "Events that fit between the source and the line.", capacity);
        let free = capacity.saturating_sub(queued_events);
        self.count("QueueRemainingCapacity", "Events that still fit between the source and the line.", free);
        let bytes = batches * batch.bytes_max as u64;
        self.count("MaxQueueSizeInBytes", "Bytes of the log that fit between the source and the line.", bytes);
        self.count("CurrentQueueSizeInBytes", "Bytes of the log between the source and the line.", queued_bytes);
    }
}

/// Adds the attributes of a connector.
pub(super) fn add(families: &mut Families, seen: &Seen, (kind, meters): (Kind, &Meters)) {
    let mut to = Attributes::of(families, seen, (kind, "streaming"));
    to.flag("Connected", "Whether the connector has a connection to its database.", seen.connected());
    streaming(&mut to, (kind, meters));
    snapshot(&mut Attributes::of(families, seen, (kind, "snapshot")), (kind, meters));
}

fn streaming(to: &mut Attributes<'_>, (kind, meters): (Kind, &Meters)) {
    let source = &meters.source;
    let behind = source.behind();
    to.add(
        "MilliSecondsBehindSource",
        "From the commit of the last event to its reading; -1: none yet.",
        behind.map_or(-1, |behind| behind.last),
    );
    if let Some(behind) = behind {
        to.add("MilliSecondsBehindSourceMinValue", "The shortest of them.", behind.min);
        to.add("MilliSecondsBehindSourceMaxValue", "The longest of them.", behind.max);
        let name = "debezium_metrics_MilliSecondsBehindSourceAverageValue";
        to.families.gauge(name, "The mean of them.", &to.labels, behind.mean);
        let names = [
            "debezium_metrics_MilliSecondsBehindSourceP50",
            "debezium_metrics_MilliSecondsBehindSourceP95",
            "debezium_metrics_MilliSecondsBehindSourceP99",
        ];
        for (name, value) in names.into_iter().zip(behind.quantiles) {
            to.families.gauge(name, "What so many in a hundred of them do not exceed.", &to.labels, value);
        }
    }
    since_last(to, source.since_event_ms());
    to.count("TotalNumberOfEventsSeen", EVENTS_SEEN, source.events());
    to.count("TotalNumberOfCreateEventsSeen", CREATES_SEEN, source.creates.get());
    to.count("TotalNumberOfUpdateEventsSeen", UPDATES_SEEN, source.updates.get());
    to.count("TotalNumberOfDeleteEventsSeen", DELETES_SEEN, source.deletes.get());
    to.count("NumberOfEventsFiltered", FILTERED, source.filtered.get());
    to.count("NumberOfErroneousEvents", ERRONEOUS, source.erroneous.get());
    to.count(
        "NumberOfUnchangedEventsSkipped",
        "Updates that changed no emitted column (skip.messages.without.change).",
        source.unchanged.get(),
    );
    to.count(
        "NumberOfCommittedTransactions",
        "Transactions with captured events whose end was read.",
        source.transactions.get(),
    );
    to.queue(meters);
    if matches!(kind, Kind::MySql | Kind::MariaDb) {
        binlog(to, meters);
    }
}

fn binlog(to: &mut Attributes<'_>, meters: &Meters) {
    let source = &meters.source;
    to.add("BinlogPosition", "The place in the binary log's file.", source.binlog_position.get().unwrap_or(0));
    let gtid = source.gtid_mode.get() == Some(1);
    to.flag("IsGtidModeEnabled", "Whether the place is told by GTIDs.", gtid);
    to.count("NumberOfDisconnects", "Connections that were lost.", source.disconnects.get());
    to.count("NumberOfSkippedEvents", "Events that could not be read and were passed: never.", 0);
    to.count(
        "NumberOfRolledBackTransactions",
        "Transactions that were rolled back and stand in the log.",
        source.rollbacks.get(),
    );
    to.count("NumberOfNotWellFormedTransactions", "Ends of transactions without a beginning.", source.malformed.get());
    to.count("NumberOfLargeTransactions", "Transactions larger than a buffer: there is none.", 0);
}

fn snapshot(to: &mut Attributes<'_>, (kind, meters): (Kind, &Meters)) {
    let state = meters.snapshot.get();
    to.count("TotalTableCount", "Tables in the snapshot.", state.tables as u64);
    to.count("RemainingTableCount", "Tables that the snapshot has not read to their end.", state.remaining as u64);
    to.flag("SnapshotRunning", "Whether the snapshot is being made.", state.phase == Phase::Running);
    to.flag("SnapshotPaused", "Whether the snapshot waits: it never does.", false);
    to.flag("SnapshotCompleted", "Whether the snapshot was made.", state.phase == Phase::Completed);
    to.flag("SnapshotAborted", "Whether the snapshot broke off.", state.phase == Phase::Aborted);
    to.flag("SnapshotSkipped", "Whether there is none to make.", state.skipped);
    let seconds = state.duration().as_secs();
    to.count("SnapshotDurationInSeconds", "How long the snapshot took, or takes already.", seconds);
    to.count("SnapshotPausedDurationInSeconds", "How long the snapshot waited: it never does.", 0);
    for (table, rows) in &state.rows {
        let mut labels = to.labels.clone();
        labels.push(("table", table.to_string()));
        let help = "Rows of the table that the snapshot has read.";
        to.families.integer("debezium_metrics_RowsScanned", help, &labels, signed(*rows));
    }
    since_last(to, meters.source.since_read_ms());
    to.count("TotalNumberOfEventsSeen", EVENTS_SEEN, meters.source.reads.get());
    to.count("TotalNumberOfCreateEventsSeen", CREATES_SEEN, 0);
    to.count("TotalNumberOfUpdateEventsSeen", UPDATES_SEEN, 0);
    to.count("TotalNumberOfDeleteEventsSeen", DELETES_SEEN, 0);
    to.count("NumberOfEventsFiltered", FILTERED, 0);
    to.count("NumberOfErroneousEvents", ERRONEOUS, 0);
    to.queue(meters);
    if matches!(kind, Kind::MySql | Kind::MariaDb) {
        let help = "Whether the snapshot holds the server's global read lock.";
        to.flag("HoldingGlobalLock", help, state.global_lock);
    }
}

fn since_last(to: &mut Attributes<'_>, since_ms: Option<i64>) {
    let help = "Since the last event was read; -1: none yet.";
    to.add("MilliSecondsSinceLastEvent", help, since_ms.unwrap_or(-1));
}

const EVENTS_SEEN: &str = "Events that were read, also those of tables that are not captured.";
const CREATES_SEEN: &str = "Inserts that were read; an update that changes the key is a delete and an insert.";
const UPDATES_SEEN: &str = "Updates that were read.";
const DELETES_SEEN: &str = "Deletes that were read.";
const FILTERED: &str = "Events of tables that are not captured.";
const ERRONEOUS: &str = "Events that could not be decoded; each stops the connector.";
