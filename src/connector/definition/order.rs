//! The order in which Debezium's connectors tell their keys, and where the three of them differ.

use crate::connector::kind::Kind;

/// PostgreSQL's groups, and the keys of each.
#[rustfmt::skip]
pub(super) const POSTGRES: &[(&str, &[&str])] = &[
    ("Postgres", &[
        "topic.prefix", "database.hostname", "database.port", "database.user", "database.password",
        "database.dbname", "database.query.timeout.ms", "plugin.name", "slot.name", "publication.name",
        "publication.autocreate.mode", "replica.identity.autoset.values", "slot.drop.on.stop", "slot.failover",
        "slot.stream.params", "database.initial.statements", "database.sslmode", "database.sslcert",
        "database.sslpassword", "database.sslrootcert", "database.sslkey", "slot.max.retries",
        "slot.retry.delay.ms", "database.sslfactory", "status.update.interval.ms", "lsn.flush.timeout.ms",
        "lsn.flush.timeout.action", "database.tcpKeepAlive", "xmin.fetch.interval.ms", "skipped.operations",
        "lsn.flush.mode", "flush.lsn.source",
    ]),
    ("Connector", &[
        "event.processing.failure.handling.mode", "max.batch.size", "max.queue.size", "poll.interval.ms",
        "max.queue.size.in.bytes", "provide.transaction.metadata", "snapshot.delay.ms", "streaming.delay.ms",
        "snapshot.include.collection.list", "snapshot.fetch.size", "snapshot.max.threads",
        "snapshot.max.threads.multiplier", "legacy.snapshot.max.threads", "internal.legacy.snapshot.max.threads",
        "snapshot.mode.custom.name", "snapshot.mode.configuration.based.snapshot.data",
        "snapshot.mode.configuration.based.snapshot.schema", "snapshot.mode.configuration.based.start.stream",
        "snapshot.mode.configuration.based.snapshot.on.schema.error",
        "snapshot.mode.configuration.based.snapshot.on.data.error", "retriable.restart.connector.wait.ms",
        "query.fetch.size", "errors.max.retries", "incremental.snapshot.watermarking.strategy",
        "internal.log.position.check.enable", "internal.advanced.metrics.enable",
        "connection.validation.timeout.ms", "executor.shutdown.timeout.ms", "openlineage.integration.enabled",
        "openlineage.integration.config.file.path", "openlineage.integration.job.namespace",
        "openlineage.integration.job.description", "openlineage.integration.job.tags",
        "openlineage.integration.job.owners", "openlineage.integration.dataset.kafka.bootstrap.servers",
        "extended.headers.enabled", "guardrail.collections.max", "guardrail.collections.limit.action",
        "custom.sanitize.pattern", "statistics.metrics.enabled", "decimal.handling.mode", "time.precision.mode",
        "snapshot.lock.timeout.ms", "memory.management.schemas.class", "memory.management.tables.class",
        "snapshot.mode", "snapshot.isolation.mode", "snapshot.query.mode", "snapshot.query.mode.custom.name",
        "snapshot.locking.mode.custom.name", "snapshot.locking.mode", "hstore.handling.mode",
        "binary.handling.mode", "schema.name.adjustment.mode", "interval.handling.mode", "schema.refresh.mode",
        "incremental.snapshot.chunk.size", "unavailable.value.placeholder", "message.prefix.include.list",
        "message.prefix.exclude.list", "publish.via.partition.root",
    ]),
    ("Events", &[
        "converters", "post.processors", "tombstones.on.delete", "heartbeat.interval.ms", "heartbeat.topics.prefix",
        "signal.data.collection", "signal.poll.interval.ms", "signal.enabled.channels", "topic.naming.strategy",
        "notification.enabled.channels", "notification.sink.topic.name", "transaction.metadata.factory",
        "custom.metric.tags", "column.include.list", "column.exclude.list", "table.include.list",
        "table.exclude.list", "table.ignore.builtin", "schema.include.list", "schema.exclude.list",
        "message.key.columns", "snapshot.select.statement.overrides", "column.mask.hash.([^.]+).with.salt.(.+)",
        "column.mask.with.(d+).chars", "column.truncate.to.(d+).chars", "include.schema.comments",
        "column.propagate.source.type", "datatype.propagate.source.type",
        "internal.snapshot.scan.all.columns.force", "snapshot.tables.order.by.row.count", "heartbeat.action.query",
        "include.unknown.datatypes", "sourceinfo.struct.maker",
    ]),
];

/// MySQL's groups; MariaDB's are these without [`NOT_MARIADB`].
#[rustfmt::skip]
pub(super) const MYSQL: &[(&str, &[&str])] = &[
    ("MySQL", &[
        "topic.prefix", "database.hostname", "database.port", "database.user", "database.password",
        "database.query.timeout.ms", "database.initial.statements", "database.server.id",
        "database.server.id.offset", "database.ssl.keystore", "database.ssl.keystore.password",
        "database.ssl.truststore", "database.ssl.truststore.password", "database.jdbc.driver", "database.protocol",
        "database.ssl.mode",
    ]),
    ("Connector", &[
        "event.processing.failure.handling.mode", "max.batch.size", "max.queue.size", "poll.interval.ms",
        "max.queue.size.in.bytes", "provide.transaction.metadata", "skipped.operations", "snapshot.delay.ms",
        "streaming.delay.ms", "snapshot.include.collection.list", "snapshot.fetch.size", "snapshot.max.threads",
        "snapshot.max.threads.multiplier", "legacy.snapshot.max.threads", "internal.legacy.snapshot.max.threads",
        "snapshot.mode.custom.name", "snapshot.mode.configuration.based.snapshot.data",
        "snapshot.mode.configuration.based.snapshot.schema", "snapshot.mode.configuration.based.start.stream",
        "snapshot.mode.configuration.based.snapshot.on.schema.error",
        "snapshot.mode.configuration.based.snapshot.on.data.error", "retriable.restart.connector.wait.ms",
        "query.fetch.size", "errors.max.retries", "incremental.snapshot.watermarking.strategy",
        "internal.log.position.check.enable", "internal.advanced.metrics.enable",
        "connection.validation.timeout.ms", "executor.shutdown.timeout.ms", "openlineage.integration.enabled",
        "openlineage.integration.config.file.path", "openlineage.integration.job.namespace",
        "openlineage.integration.job.description", "openlineage.integration.job.tags",
        "openlineage.integration.job.owners", "openlineage.integration.dataset.kafka.bootstrap.servers",
        "extended.headers.enabled", "guardrail.collections.max", "guardrail.collections.limit.action",
        "custom.sanitize.pattern", "statistics.metrics.enabled", "decimal.handling.mode",
        "snapshot.lock.timeout.ms", "memory.management.schemas.class", "memory.management.tables.class",
        "connect.timeout.ms", "connect.keep.alive", "connect.keep.alive.interval.ms", "use.nongraceful.disconnect",
        "binlog.net.write.timeout", "binlog.net.read.timeout", "snapshot.mode", "snapshot.query.mode",
        "snapshot.query.mode.custom.name", "bigint.unsigned.handling.mode", "time.precision.mode",
        "enable.time.adjuster", "schema.name.adjustment.mode", "min.row.count.to.stream.results",
        "incremental.snapshot.chunk.size", "incremental.snapshot.allow.schema.changes", "snapshot.locking.mode",
        "ddl.parser.type",
    ]),
    ("History Storage", &[
        "schema.history.internal", "schema.history.internal.skip.unparseable.ddl",
        "schema.history.internal.store.only.captured.tables.ddl",
        "schema.history.internal.store.only.captured.databases.ddl",
    ]),
    ("Events", &[
        "converters", "post.processors", "tombstones.on.delete", "heartbeat.interval.ms", "heartbeat.topics.prefix",
        "signal.data.collection", "signal.poll.interval.ms", "signal.enabled.channels", "topic.naming.strategy",
        "notification.enabled.channels", "notification.sink.topic.name", "transaction.metadata.factory",
        "custom.metric.tags", "column.include.list", "column.exclude.list", "table.include.list",
        "table.exclude.list", "message.key.columns", "snapshot.select.statement.overrides",
        "column.mask.hash.([^.]+).with.salt.(.+)", "column.mask.with.(d+).chars", "column.truncate.to.(d+).chars",
        "include.schema.changes", "include.schema.comments", "column.propagate.source.type",
        "datatype.propagate.source.type", "internal.snapshot.scan.all.columns.force",
        "snapshot.tables.order.by.row.count", "heartbeat.action.query", "include.query", "table.ignore.builtin",
        "database.include.list", "database.exclude.list", "binlog.buffer.size",
        "event.deserialization.failure.handling.mode", "inconsistent.schema.handling.mode",
        "gtid.source.filter.dml.events", "gtid.ignore.on.recovery", "gtid.source.includes", "gtid.source.excludes",
        "sourceinfo.struct.maker",
    ]),
];

/// Keys of MySQL that MariaDB does not have.
#[rustfmt::skip]
pub(super) const NOT_MARIADB: &[&str] = &[
    "database.jdbc.driver", "database.protocol", "legacy.snapshot.max.threads", "statistics.metrics.enabled",
    "memory.management.schemas.class", "memory.management.tables.class", "ddl.parser.type",
    "gtid.ignore.on.recovery",
];

/// Defaults that are not those of the table.
#[rustfmt::skip]
pub(super) const DEFAULTS: &[(Kind, &str, &str)] = &[
    (Kind::Postgres, "database.port", "5432"),
    (Kind::Postgres, "time.precision.mode", "adaptive"),
    (Kind::Postgres, "snapshot.locking.mode", "none"),
    (Kind::Postgres, "sourceinfo.struct.maker", "io.debezium.connector.postgresql.PostgresSourceInfoStructMaker"),
    (Kind::MariaDb, "database.ssl.mode", "disable"),
    (Kind::MariaDb, "custom.sanitize.pattern", ".*secret$|.*password$|.*sasl\\.jaas\\.config$|.*basic\\.auth\\.user\\.info|.*registry\\.auth\\.client-secret"),
    (Kind::MariaDb, "sourceinfo.struct.maker", "io.debezium.connector.mariadb.MariaDbSourceInfoStructMaker"),
];
