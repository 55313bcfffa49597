//! Keys of a connector file that belong to no part of the line: Kafka Connect's for every source connector, and Debezium's
//! that mean nothing here, or nothing yet.

use crate::config::problem::did_you_mean;
use crate::config::reader::entries;
use crate::config::{Key, KeyKind, Properties, Warning, key};
use crate::source::mysql::CONVERTER_OPTIONS;

/// Kafka Connect's keys of every source connector (`org.apache.kafka.connect.runtime.SourceConnectorConfig`).
pub const KEYS: &[Key] = &[
    Key::new("name", KeyKind::String, "The connector's name."),
    Key::new("connector.class", KeyKind::Class, "Which connector it is.").required(),
    Key::new("connector.plugin.version", KeyKind::String, "Accepted; there is one version of each connector here."),
    Key::new("tasks.max", KeyKind::Int, "Connect's; these connectors have one task.").default("1"),
    Key::new("tasks.max.enforce", KeyKind::Boolean, "Connect's; these connectors have one task."),
    Key::new("config.action.reload", KeyKind::String, "Connect's; secrets are read anew at each start."),
    Key::new("key.converter", KeyKind::Class, "Makes bytes of keys; else the worker's."),
    Key::new("key.converter.*", KeyKind::String, "The key converter's settings."),
    Key::new("value.converter", KeyKind::Class, "Makes bytes of values; else the worker's."),
    Key::new("value.converter.*", KeyKind::String, "The value converter's settings."),
    Key::new("header.converter", KeyKind::Class, "Makes bytes of headers; else the worker's."),
    Key::new("header.converter.*", KeyKind::String, "The header converter's settings."),
    Key::new("schema.compatibility", KeyKind::String, "The compatibility that new subjects of a schema registry get."),
    Key::new("transforms", KeyKind::List, "Names of transforms, in order."),
    Key::new("transforms.*", KeyKind::String, "The transforms' settings."),
    Key::new("predicates", KeyKind::List, "Names of predicates."),
    Key::new("predicates.*", KeyKind::String, "The predicates' settings."),
    Key::new("topic.creation.*", KeyKind::String, "How topics are created."),
    Key::new("producer.override.*", KeyKind::String, "Settings of the Kafka producer."),
    Key::new(
        "errors.max.retries",
        KeyKind::Int,
        "Tries after errors that can pass, without progress between; -1: no limit.",
    )
    .default("-1"),
    Key::new("retriable.restart.connector.wait.ms", KeyKind::Long, "The longest wait between two tries.")
        .default("10000"),
    Key::new("exactly.once.support", KeyKind::String, "requested: at least once, which is what there is here.")
        .default("requested")
        .one_of(&["requested", "required"]),
];

/// Connect's words of a worker without transactions.
pub const NOT_EXACTLY_ONCE: &str = "This worker does not have exactly-once source support enabled.";

/// Names that a Debezium file may hold and that have no meaning here, because what they tune does not exist: the schema
/// history, the JVM's queues, JDBC, schema changes of PostgreSQL. A name that ends in `*` stands for all that start so.
const WITHOUT_MEANING: &[&str] = &[
    "schema.history.internal",
    "schema.history.internal.*",
    "include.schema.changes",
    "max.queue.size",
    "max.queue.size.in.bytes",
    "queue.provider.type",
    "poll.interval.ms",
    "poll.dispatch.interval.ms",
    "query.fetch.size",
    "snapshot.fetch.size",
    "min.row.count.to.stream.results",
    "connection.validation.timeout.ms",
    "executor.shutdown.timeout.ms",
    "custom.sanitize.pattern",
    "custom.metric.tags",
    "database.connection.factory.class",
    "database.protocol",
    "database.jdbc.driver",
    "driver.*",
    "topic.cache.size",
    "memory.management.*",
    "ddl.parser.type",
    "openlineage.*",
    "internal.*",
    "statistics.metrics.enabled",
    "admin.override.*",
    "consumer.override.*",
    "sourceinfo.struct.maker",
    "use.nongraceful.disconnect",
    "connect.keep.alive",
    "connect.keep.alive.*",
    "binlog.buffer.size",
    "database.server.id.offset",
];

/// Names of Debezium and Kafka Connect that are not supported yet.
const NOT_YET: &[&str] = &[
    "converters",
    "post.processors",
    "guardrail.*",
    "table.ignore.builtin",
    "snapshot.*",
    "streaming.delay.ms",
    "incremental.snapshot.*",
    "signal.*",
    "notification.*",
    "read.only",
    "bigint.unsigned.handling.mode",
    "include.schema.comments",
    "include.query",
    "event.converting.failure.handling.mode",
    "event.deserialization.failure.handling.mode",
    "event.processing.failure.handling.mode",
    "inconsistent.schema.handling.mode",
    "transaction.metadata.factory",
    "transaction.boundary",
    "transaction.boundary.interval.ms",
    "offsets.storage.topic",
    "message.prefix.*",
    "gtid.*",
    "slot.*",
    "publication.*",
    "publish.via.partition.root",
    "replica.identity.autoset.values",
    "lsn.flush.*",
    "flush.lsn.source",
    "offset.mismatch.strategy",
    "offset.flush.*",
    "status.update.interval.ms",
    "xmin.fetch.interval.ms",
    "schema.refresh.mode",
    "plugin.name",
    "database.*",
    "schema.include.list",
    "schema.exclude.list",
    "connect.timeout.ms",
    "binlog.net.*",
    "unavailable.value.placeholder",
    "enable.time.adjuster",
    "resolve.create.table.like.schema",
    "time.precision.mode",
];

/// What there is to say of a name of Debezium's or Connect's that none of the lists of keys declares.
#[must_use]
pub(super) fn without_declaration(name: &str) -> &'static str {
    if is_in(WITHOUT_MEANING, name) {
        "Debezium's; accepted, and has no meaning here."
    } else {
        "Debezium's; accepted, and not supported yet: it is ignored."
    }
}

/// Warnings of the names that none of these lists declares.
pub(super) fn unknown(properties: &Properties, lists: &[&[Key]]) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let converters = converters(properties, lists);
    let is_known = |name: &&str| is_in(WITHOUT_MEANING, name) || is_option(&converters, name);
    for name in key::unknown(properties, lists).filter(|name| !is_known(name)) {
        let declared = lists.iter().copied().flatten().map(|key| key.name).filter(|known| !known.ends_with('*'));
        let meant = did_you_mean(name, declared);
        // A name of Debezium's in full is no slip of the finger, one of its families' may be.
        let what = if NOT_YET.contains(&name) || is_in(NOT_YET, name) && meant.is_empty() {
            "is not supported yet; ignored".to_owned()
        } else {
            format!("is not known; ignored{meant}")
        };
        warnings.push(Warning::unknown(name, what));
    }
    warnings
}

/// The names of the converters, where there are any.
fn converters(properties: &Properties, lists: &[&[Key]]) -> Vec<String> {
    const KEY: &str = "converters";
    let declared = lists.iter().copied().flatten().any(|key| key.name == KEY);
    properties.get(KEY).filter(|_| declared).map(|list| entries(list)).unwrap_or_default()
}

/// Whether the name is an option of one of these converters.
fn is_option(converters: &[String], name: &str) -> bool {
    converters.iter().any(|converter| {
        let option = name.strip_prefix(converter.as_str()).and_then(|rest| rest.strip_prefix('.'));
        option.is_some_and(|option| CONVERTER_OPTIONS.contains(&option))
    })
}

fn is_in(list: &[&str], name: &str) -> bool {
    list.iter().any(|entry| match entry.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => *entry == name,
    })
}
