//! The connector's keys, with Debezium's names and defaults.

use std::sync::Arc;
use std::time::Duration;

use super::decode::{HstoreForm, IntervalForm};
use super::server::Server;
use super::tls::{SslMode, Tls};
use crate::config::{Key, KeyKind, Problems, Properties, Reader};
use crate::data::{Field, Kind, Schema, Text};
use crate::source::columns;
use crate::source::common::{self, Common};
use crate::source::filter::Filter;
use crate::source::naming::{self, Level};
use crate::source::table::SourceBlock;
use crate::source::temporal::TimePrecision;

/// The keys of the PostgreSQL connector, beside those that both connectors have ([`common::KEYS`]).
pub const KEYS: &[Key] = &[
    Key::new("database.port", KeyKind::Int, "Port of the database").default("5432"),
    Key::new("database.dbname", KeyKind::String, "The database to capture").required(),
    Key::new("database.sslmode", KeyKind::String, "How much TLS is asked for, as libpq's sslmode")
        .one_of(&["disable", "allow", "prefer", "require", "verify-ca", "verify-full"])
        .default("prefer"),
    Key::new("database.sslrootcert", KeyKind::String, "PEM file of the certificates that sign the server's"),
    Key::new("database.sslcert", KeyKind::String, "PEM file of our certificate"),
    Key::new("database.sslkey", KeyKind::String, "PEM or PKCS#8 file of our certificate's key"),
    Key::new("database.tcpKeepAlive", KeyKind::Boolean, "Whether TCP probes an idle connection").default("true"),
    Key::new("connection.validation.timeout.ms", KeyKind::Long, "Longest time to connect, ms").default("60000"),
    Key::new("schema.include.list", KeyKind::List, "Schemas to capture: regular expressions of whole names"),
    Key::new("schema.exclude.list", KeyKind::List, "Schemas to leave out: regular expressions of whole names"),
    Key::new("plugin.name", KeyKind::String, "The output plug-in; only pgoutput is there, and it is used by default")
        .one_of(&["pgoutput"])
        .default("pgoutput"),
    Key::new("slot.name", KeyKind::String, "The replication slot").default("debezium"),
    Key::new("slot.drop.on.stop", KeyKind::Boolean, "Whether a clean stop drops the slot").default("false"),
    Key::new("slot.failover", KeyKind::Boolean, "Whether the slot is kept on standbys (PostgreSQL 17)")
        .default("false"),
    Key::new("slot.retry.delay.ms", KeyKind::Long, "How long a slot that is in use is waited for, ms").default("10000"),
    Key::new("publication.name", KeyKind::String, "The publication").default("dbz_publication"),
    Key::new("publication.autocreate.mode", KeyKind::String, "Whether and for which tables the publication is made")
        .one_of(&["disabled", "all_tables", "filtered", "no_tables"])
        .default("all_tables"),
    Key::new("publish.via.partition.root", KeyKind::Boolean, "Whether partitions' rows appear as their root table's")
        .default("false"),
    Key::new("snapshot.mode", KeyKind::String, "When a snapshot is made")
        .one_of(&["initial", "initial_only", "no_data", "always", "when_needed"])
        .default("initial"),
    Key::new("status.update.interval.ms", KeyKind::Int, "Longest time between status updates, ms").default("10000"),
    Key::new("offset.mismatch.strategy", KeyKind::String, "What if the slot is beyond the saved position")
        .one_of(&["no_validation", "trust_offset", "trust_slot", "trust_greater_lsn"])
        .default("no_validation"),
    Key::new("message.prefix.include.list", KeyKind::List, "Logical messages to keep: regular expressions of prefixes"),
    Key::new(
        "message.prefix.exclude.list",
        KeyKind::List,
        "Logical messages to leave out: regular expressions of prefixes",
    ),
    Key::new(
        "unavailable.value.placeholder",
        KeyKind::String,
        "What stands for TOASTed values that are not in the log; hex: and digits for bytes",
    )
    .default("__debezium_unavailable_value"),
    Key::new("time.precision.mode", KeyKind::String, "How dates and times are written")
        .one_of(TimePrecision::NAMES)
        .default("adaptive"),
    Key::new("interval.handling.mode", KeyKind::String, "How intervals are written")
        .one_of(&["numeric", "string"])
        .default("numeric"),
    Key::new("hstore.handling.mode", KeyKind::String, "How hstores are written")
        .one_of(&["json", "map"])
        .default("json"),
    Key::new("money.fraction.digits", KeyKind::Int, "Digits of money behind the point").default("2"),
    Key::new("include.unknown.datatypes", KeyKind::Boolean, "Whether types that Debezium does not know are bytes")
        .default("false"),
];

/// The longest `money.fraction.digits`: Connect's decimals of more are read by nobody.
const MONEY_DIGITS_MAX: u32 = 18;

/// `publication.autocreate.mode`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Autocreate {
    /// It must be there.
    Disabled,
    /// For all tables.
    AllTables,
    /// For the captured tables.
    Filtered,
    /// Without tables: somebody else adds them.
    NoTables,
}

/// `snapshot.mode`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SnapshotMode {
    /// When nothing was saved.
    Initial,
    /// When nothing was saved, and nothing else.
    InitialOnly,
    /// Never.
    NoData,
    /// At every start.
    Always,
    /// When nothing was saved, or what was saved is no longer in the log.
    WhenNeeded,
}

/// The replication slot, as the file says.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    /// `slot.name`
    pub(super) name: String,
    /// `slot.failover`
    pub(super) failover: bool,
    /// `slot.drop.on.stop`
    pub(super) drop_on_stop: bool,
    /// `slot.retry.delay.ms`
    pub(super) patience: Duration,
    /// `offset.mismatch.strategy`: whether a slot beyond the saved position is followed.
    pub(super) trusted: bool,
}

/// What the connector's file says.
#[derive(Clone, Debug)]
pub struct PostgresConfig {
    /// What both connectors have.
    pub common: Common,
    pub(super) server: Server,
    pub(super) schemas: Filter,
    pub(super) slot: Slot,
    pub(super) publication: String,
    pub(super) autocreate: Autocreate,
    pub(super) via_root: bool,
    pub(super) snapshot: SnapshotMode,
    pub(super) status_interval: Duration,
    pub(super) messages: Filter,
    pub(super) placeholder: Vec<u8>,
    pub(super) interval: IntervalForm,
    pub(super) hstore: HstoreForm,
    pub(super) money_digits: u32,
    /// `include.unknown.datatypes`
    pub(super) unknown_types: bool,
    pub(super) source: SourceBlock,
    /// `database.dbname`
    pub database: Text,
    pub(super) message_topic: Arc<str>,
}

impl PostgresConfig {
    /// Reads a connector's properties.
    ///
    /// # Errors
    /// Every problem at once.
    pub fn read(properties: &Properties) -> Result<Self, Problems> {
        let mut reader = Reader::new(properties, &[common::KEYS, columns::KEYS, naming::KEYS, KEYS]);
        let config = Self::read_with(&mut reader);
        reader.finish(config)
    }

    /// Reads the properties that `reader` has; it keeps the problems.
    pub fn read_with(reader: &mut Reader<'_>) -> Self {
        let common = Common::read(reader, Level::Schema);
        // The only one: the others' names are a problem, or were read as this one before.
        reader.text("plugin.name");
        let server = server(reader, &common);
        let source = SourceBlock::new("postgresql", &common.naming.prefix, source_fields());
        Self {
            schemas: Filter::read(reader, "schema.include.list", "schema.exclude.list"),
            slot: slot(reader),
            publication: reader.text("publication.name"),
            autocreate: match reader.choice("publication.autocreate.mode").as_str() {
                "disabled" => Autocreate::Disabled,
                "filtered" => Autocreate::Filtered,
                "no_tables" => Autocreate::NoTables,
                _ => Autocreate::AllTables,
            },
            via_root: reader.flag("publish.via.partition.root"),
            snapshot: match reader.choice("snapshot.mode").as_str() {
                "initial_only" => SnapshotMode::InitialOnly,
                "no_data" => SnapshotMode::NoData,
                "always" => SnapshotMode::Always,
                "when_needed" => SnapshotMode::WhenNeeded,
                _ => SnapshotMode::Initial,
            },
            status_interval: Duration::from_millis(reader.number::<u64>("status.update.interval.ms").max(1)),
            messages: Filter::read(reader, "message.prefix.include.list", "message.prefix.exclude.list"),
            placeholder: placeholder(reader),
            interval: match reader.choice("interval.handling.mode").as_str() {
                "string" => IntervalForm::Iso,
                _ => IntervalForm::Micros,
            },
            hstore: match reader.choice("hstore.handling.mode").as_str() {
                "map" => HstoreForm::Map,
                _ => HstoreForm::Json,
            },
            money_digits: money_digits(reader),
            unknown_types: reader.flag("include.unknown.datatypes"),
            source,
            database: Text::interned(&server.database),
            message_topic: common.naming.message(),
            common,
            server,
        }
    }

    /// Whether a table is captured.
    pub(super) fn captures(&self, schema: &str, table: &str) -> bool {
        let builtin = matches!(schema, "pg_catalog" | "information_schema") || schema.starts_with("pg_toast");
        !builtin && self.schemas.accepts(schema) && self.common.tables.accepts(&format!("{schema}.{table}"))
    }
}

fn server(reader: &mut Reader<'_>, common: &Common) -> Server {
    let mode = match reader.choice("database.sslmode").as_str() {
        "disable" => SslMode::Disable,
        "allow" => SslMode::Allow,
        "require" => SslMode::Require,
        "verify-ca" => SslMode::VerifyCa,
        "verify-full" => SslMode::VerifyFull,
        _ => SslMode::Prefer,
    };
    let tls = Tls {
        mode,
        root: reader.text_opt("database.sslrootcert"),
        certificate: reader.text_opt("database.sslcert"),
        key: reader.text_opt("database.sslkey"),
    };
    if matches!(mode, SslMode::VerifyCa | SslMode::VerifyFull) && tls.root.is_none() {
        reader.problem("database.sslrootcert", None, "is required to verify the server's certificate");
    }
    if tls.certificate.is_some() != tls.key.is_some() {
        reader.problem("database.sslkey", None, "and database.sslcert need each other");
    }
    Server {
        host: common.host.clone(),
        port: common.port,
        user: common.user.clone(),
        password: common.password.clone(),
        database: reader.text("database.dbname"),
        tls,
        tcp_keep_alive: reader.flag("database.tcpKeepAlive"),
        connect_timeout: Duration::from_millis(reader.number("connection.validation.timeout.ms")),
    }
}

fn placeholder(reader: &mut Reader<'_>) -> Vec<u8> {
    const NAME: &str = "unavailable.value.placeholder";
    let text = reader.text(NAME);
    let Some(digits) = text.strip_prefix("hex:") else { return text.into_bytes() };
    let digit = |digit: &u8| char::from(*digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    let bytes: Option<Vec<u8>> = pairs.iter().map(|[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect();
    bytes.filter(|_| rest.is_empty()).unwrap_or_else(|| {
        reader.problem(NAME, Some(text), "must have pairs of hexadecimal digits behind hex:");
        Vec::new()
    })
}

fn money_digits(reader: &mut Reader<'_>) -> u32 {
    const NAME: &str = "money.fraction.digits";
    let digits: u32 = reader.number(NAME);
    if digits > MONEY_DIGITS_MAX {
        reader.problem(NAME, Some(digits.to_string()), &format!("must be {MONEY_DIGITS_MAX} at most"));
    }
    digits.min(MONEY_DIGITS_MAX)
}

fn slot(reader: &mut Reader<'_>) -> Slot {
    let name = reader.text("slot.name");
    let valid = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.len() > 63 || !name.chars().all(valid) {
        let reason = "may hold only lower case letters, digits and '_', at most 63";
        reader.problem("slot.name", Some(name.clone()), reason);
    }
    let strategy = reader.choice("offset.mismatch.strategy");
    Slot {
        name,
        failover: reader.flag("slot.failover"),
        drop_on_stop: reader.flag("slot.drop.on.stop"),
        patience: Duration::from_millis(reader.number("slot.retry.delay.ms")),
        trusted: matches!(strategy.as_str(), "trust_slot" | "trust_greater_lsn"),
    }
}

/// The fields of `io.debezium.connector.postgresql.Source` behind the common ones.
fn source_fields() -> Vec<Field> {
    let optional = |name: &str, kind| Field::new(name, Schema::of(kind).optional());
    vec![
        Field::new("schema", Schema::of(Kind::Text)),
        Field::new("table", Schema::of(Kind::Text)),
        optional("txId", Kind::Int64),
        optional("lsn", Kind::Int64),
        optional("xmin", Kind::Int64),
        optional("origin", Kind::Text),
        optional("origin_lsn", Kind::Int64),
    ]
}
