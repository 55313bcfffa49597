//! The connector's keys, with Debezium's names and defaults.
//!
//! Owns what a file may say about MySQL; knows no connection. Invariant: what is read here is all that the source knows of
//! its configuration.

use crate::config::{Key, KeyKind, Problems, Properties, Reader};
use crate::source::columns;
use crate::source::common::{self, Common};
use crate::source::filter::{Filter, Patterns};
use crate::source::naming::{self, Level};

use super::converters::Converters;
use super::form::{Modes, Years};

/// `snapshot.mode`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotMode {
    /// Once, before the stream.
    Initial,
    /// Once, and no stream.
    InitialOnly,
    /// Never; the stream begins where the log ends.
    NoData,
    /// At every start.
    Always,
    /// When there is no position, or the log no longer holds it.
    WhenNeeded,
}

/// `snapshot.locking.mode`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockingMode {
    /// Until the position is known.
    Minimal,
    /// Until all rows are read.
    Extended,
    /// None.
    None,
}

/// `database.ssl.mode`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SslMode {
    /// No TLS.
    Disabled,
    /// TLS if the server has it.
    Preferred,
    /// TLS, whoever the server is.
    Required,
    /// TLS, and the certificate must be signed by a known authority.
    VerifyCa,
    /// As `VerifyCa`, and the certificate must name the host.
    VerifyIdentity,
}

/// Which server's connector it is: Debezium has two, with the same keys but for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavor {
    /// `MySqlConnector`
    MySql,
    /// `MariaDbConnector`
    MariaDb,
}

impl Flavor {
    /// Keys of the connector; `common::KEYS` are the others.
    #[must_use]
    pub const fn keys(self) -> &'static [Key] {
        match self {
            Self::MySql => KEYS,
            Self::MariaDb => MARIADB_KEYS,
        }
    }
}

const SSL_MODE: Key = Key::new("database.ssl.mode", KeyKind::String, "Whether connections are encrypted");

const KEYS: &[Key] =
    &keys(SSL_MODE.one_of(&["disabled", "preferred", "required", "verify_ca", "verify_identity"]).default("preferred"));

/// Its driver has other words, and no encryption unless it is asked for.
const MARIADB_KEYS: &[Key] =
    &keys(SSL_MODE.one_of(&["trust", "disable", "verify-ca", "verify-full"]).default("disable"));

const SCHEMA_CHANGES: Key = Key::new(
    "include.schema.changes",
    KeyKind::Boolean,
    "Whether DDL is told in the topic that topic.prefix names, with the columns of its tables",
)
.default("true");

const ONLY_CAPTURED_TABLES: Key = Key::new(
    "schema.history.internal.store.only.captured.tables.ddl",
    KeyKind::Boolean,
    "Whether only DDL of captured tables is told",
)
.default("false");

const ONLY_CAPTURED_DATABASES: Key = Key::new(
    "schema.history.internal.store.only.captured.databases.ddl",
    KeyKind::Boolean,
    "Whether only DDL of captured databases is told",
)
.default("false");

const SCHEMA_HISTORY: Key = Key::new(
    "schema.history.internal*",
    KeyKind::String,
    "Accepted; but for what is told of DDL they are not needed: the log itself tells the tables",
);

const fn keys(ssl_mode: Key) -> [Key; 28] {
    [
        Key::new("database.port", KeyKind::Int, "Port of the server").default("3306"),
        Key::new(
            "database.server.id",
            KeyKind::Long,
            "Replica id, unique among the server's replicas; made up if missing",
        ),
        Key::new("database.include.list", KeyKind::List, "Databases to capture: regular expressions of whole names"),
        Key::new("database.exclude.list", KeyKind::List, "Databases to leave out: regular expressions of whole names"),
        ssl_mode,
        Key::new(
            "database.ssl.truststore",
            KeyKind::String,
            "PEM file of the authorities that sign the server's certificate",
        ),
        Key::new("database.ssl.truststore.password", KeyKind::Password, "Not needed for PEM"),
        Key::new("database.ssl.keystore", KeyKind::String, "PEM file of the client's certificate and key"),
        Key::new("database.ssl.keystore.password", KeyKind::Password, "Not needed for PEM"),
        Key::new("connect.timeout.ms", KeyKind::Int, "How long a connection may take to open, ms").default("30000"),
        Key::new("time.precision.mode", KeyKind::String, "How dates and times are written")
            .one_of(&["adaptive_time_microseconds", "connect", "isostring", "microseconds", "nanoseconds"])
            .default("adaptive_time_microseconds"),
        Key::new("bigint.unsigned.handling.mode", KeyKind::String, "How BIGINT UNSIGNED is written")
            .one_of(&["long", "precise"])
            .default("long"),
        Key::new("enable.time.adjuster", KeyKind::Boolean, "Whether the years 1 to 99 are those from 1970 to 2069")
            .default("true"),
        Key::new("converters", KeyKind::String, "Names of converters of columns; NAME.type is its class"),
        Key::new("snapshot.mode", KeyKind::String, "When the tables are read before the log")
            .one_of(&[
                "initial",
                "initial_only",
                "no_data",
                "schema_only",
                "always",
                "when_needed",
                "recovery",
                "never",
            ])
            .default("initial"),
        Key::new("snapshot.locking.mode", KeyKind::String, "How long writers wait for a snapshot")
            .one_of(&["minimal", "minimal_percona", "extended", "none"])
            .default("minimal"),
        Key::new("snapshot.lock.timeout.ms", KeyKind::Long, "How long a lock is waited for, ms").default("10000"),
        Key::new("snapshot.fetch.size", KeyKind::Int, "Accepted; rows are streamed"),
        Key::new(
            "gtid.source.includes",
            KeyKind::List,
            "Servers whose transactions are followed: regular expressions of UUIDs",
        ),
        Key::new("gtid.source.excludes", KeyKind::List, "Servers whose transactions are not followed"),
        Key::new(
            "include.query",
            KeyKind::Boolean,
            "Whether the source block holds the SQL (binlog_rows_query_log_events=ON)",
        )
        .default("false"),
        Key::new("include.schema.comments", KeyKind::Boolean, "Whether schemas tell the columns' comments")
            .default("false"),
        SCHEMA_CHANGES,
        ONLY_CAPTURED_TABLES,
        ONLY_CAPTURED_DATABASES,
        Key::new("binlog.net.write.timeout", KeyKind::Int, "Seconds the server waits for a slow reader; 0: an hour")
            .default("0"),
        SCHEMA_HISTORY,
        Key::new("connect.keep.alive*", KeyKind::String, "Accepted; the connection is watched by heartbeats"),
    ]
}

/// The configuration of a MySQL source.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of its own")]
pub struct MySqlConfig {
    /// What both sources read.
    pub common: Common,
    /// Which databases.
    pub databases: Filter,
    /// `database.server.id`, or one derived from the names of connector and server.
    pub server_id: u32,
    /// Whether the file says the server id.
    pub server_id_given: bool,
    /// `database.ssl.mode`
    pub ssl_mode: SslMode,
    /// `database.ssl.truststore`: a PEM file.
    pub ssl_roots: Option<String>,
    /// `database.ssl.keystore`: a PEM file.
    pub ssl_identity: Option<String>,
    /// `connect.timeout.ms`
    pub connect_timeout_ms: u64,
    /// `snapshot.mode`
    pub snapshot: SnapshotMode,
    /// `snapshot.locking.mode`
    pub locking: LockingMode,
    /// `snapshot.lock.timeout.ms`
    pub lock_timeout_ms: u64,
    /// `bigint.unsigned.handling.mode=precise`
    pub precise_bigint: bool,
    /// `enable.time.adjuster`
    pub(super) years: Years,
    /// `converters`
    pub(super) converters: Converters,
    /// `gtid.source.includes`
    pub gtid_includes: Patterns,
    /// `gtid.source.excludes`
    pub gtid_excludes: Patterns,
    /// `include.query`
    pub include_query: bool,
    /// `include.schema.comments`
    pub include_comments: bool,
    /// `include.schema.changes`
    pub schema_changes: bool,
    /// `schema.history.internal.store.only.captured.tables.ddl`
    pub only_captured_tables: bool,
    /// `schema.history.internal.store.only.captured.databases.ddl`
    pub only_captured_databases: bool,
    /// Seconds the server waits for a slow reader.
    pub net_write_timeout_s: u32,
}

impl MySqlConfig {
    /// Reads the properties of a connector.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub fn read(flavor: Flavor, properties: &Properties) -> Result<Self, Problems> {
        let lists = [common::KEYS, columns::KEYS, naming::KEYS, flavor.keys()];
        let mut reader = Reader::new(properties, &lists);
        let common = Common::read(&mut reader, Level::Database);
        let given: Option<u32> = reader.number_opt("database.server.id");
        if given == Some(0) {
            reader.problem("database.server.id", Some("0".to_owned()), "must be from 1 to 4294967295");
        }
        let config = Self {
            databases: Filter::read(&mut reader, "database.include.list", "database.exclude.list"),
            server_id: given.unwrap_or_else(|| derived_server_id(&common)),
            server_id_given: given.is_some(),
            ssl_mode: match reader.choice("database.ssl.mode").as_str() {
                "disabled" | "disable" => SslMode::Disabled,
                "required" | "trust" => SslMode::Required,
                "verify_ca" | "verify-ca" => SslMode::VerifyCa,
                "verify_identity" | "verify-full" => SslMode::VerifyIdentity,
                _ => SslMode::Preferred,
            },
            ssl_roots: pem(&mut reader, "database.ssl.truststore"),
            ssl_identity: pem(&mut reader, "database.ssl.keystore"),
            connect_timeout_ms: reader.number("connect.timeout.ms"),
            snapshot: match reader.choice("snapshot.mode").as_str() {
                "initial_only" => SnapshotMode::InitialOnly,
                // Recovery rebuilds Debezium's schema history; there is none here, so only the position counts.
                "no_data" | "schema_only" | "recovery" | "never" => SnapshotMode::NoData,
                "always" => SnapshotMode::Always,
                "when_needed" => SnapshotMode::WhenNeeded,
                _ => SnapshotMode::Initial,
            },
            locking: match reader.choice("snapshot.locking.mode").as_str() {
                "extended" => LockingMode::Extended,
                "none" => LockingMode::None,
                _ => LockingMode::Minimal,
            },
            lock_timeout_ms: reader.number("snapshot.lock.timeout.ms"),
            precise_bigint: reader.choice("bigint.unsigned.handling.mode") == "precise",
            years: if reader.flag("enable.time.adjuster") { Years::Adjusted } else { Years::Kept },
            converters: Converters::read(&mut reader),
            gtid_includes: Patterns::read(&mut reader, "gtid.source.includes"),
            gtid_excludes: Patterns::read(&mut reader, "gtid.source.excludes"),
            include_query: reader.flag("include.query"),
            include_comments: reader.flag("include.schema.comments"),
            schema_changes: reader.flag(SCHEMA_CHANGES.name),
            only_captured_tables: reader.flag(ONLY_CAPTURED_TABLES.name),
            only_captured_databases: reader.flag(ONLY_CAPTURED_DATABASES.name),
            net_write_timeout_s: match reader.number("binlog.net.write.timeout") {
                0 => 3600,
                seconds => seconds,
            },
            common,
        };
        reader.finish(config)
    }

    /// How values are written.
    pub(super) const fn modes(&self) -> Modes {
        Modes {
            decimal: self.common.decimal,
            time: self.common.time,
            binary: self.common.binary,
            precise_bigint: self.precise_bigint,
            years: self.years,
        }
    }

    /// Whether the table is captured.
    #[must_use]
    pub fn captures(&self, database: &str, table: &str) -> bool {
        !is_system(database)
            && self.databases.accepts(database)
            && self.common.tables.accepts(&format!("{database}.{table}"))
    }

    /// Whether a server's transactions are followed.
    pub(super) fn follows(&self, uuid: &uuid::Uuid) -> bool {
        let uuid = uuid.to_string();
        if self.gtid_includes.is_empty() {
            !self.gtid_excludes.matches(&uuid)
        } else {
            self.gtid_includes.matches(&uuid)
        }
    }
}

/// What the names of scratch databases begin with, in which DDL is tried: nobody captures them.
pub(super) const SCRATCH: &str = "rowtide_check_";

/// The server's own databases, and ours.
pub(super) fn is_system(database: &str) -> bool {
    database.starts_with(SCRATCH)
        || ["mysql", "information_schema", "performance_schema", "sys"]
            .iter()
            .any(|name| name.eq_ignore_ascii_case(database))
}

/// A PEM file. Java's key stores are refused with the way out.
fn pem(reader: &mut Reader<'_>, key: &'static str) -> Option<String> {
    let path = reader.text_opt(key)?;
    let extension = std::path::Path::new(&path).extension().map(std::ffi::OsStr::to_ascii_lowercase);
    let java = extension.is_some_and(|extension| {
        ["jks", "p12", "pfx", "pkcs12", "keystore", "truststore"].iter().any(|e| *e == extension)
    });
    if java {
        let reason =
            "must be a PEM file; convert a Java key store with: keytool -exportcert -rfc -keystore FILE -alias ALIAS";
        reader.problem(key, Some(path), reason);
        return None;
    }
    Some(path)
}

/// An id that looks random and stays the same: a hash (FNV-1a) of what names the connector and the server. It keeps clear
/// of the small numbers that people give to their servers.
fn derived_server_id(common: &Common) -> u32 {
    const FIRST: u32 = 1 << 24;
    let name = format!("{}@{}", common.naming.prefix, common.address());
    let hash = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    FIRST + hash % (u32::MAX - FIRST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(more: &[(&str, &str)]) -> Result<MySqlConfig, Problems> {
        let base = [("topic.prefix", "p"), ("database.hostname", "h"), ("database.user", "u")];
        let properties = base.iter().chain(more).map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        MySqlConfig::read(Flavor::MySql, &properties)
    }

    #[test]
    fn has_debeziums_defaults() {
        let config = read(&[]).unwrap();
        assert_eq!(config.common.port, 3306);
        assert_eq!(config.ssl_mode, SslMode::Preferred);
        assert_eq!(config.snapshot, SnapshotMode::Initial);
        assert_eq!(config.locking, LockingMode::Minimal);
        assert!(config.captures("shop", "orders") && !config.captures("mysql", "user"));
    }

    /// As Debezium 3.5.0's `MariaDbConnectorConfig.MariaDbSecureConnectionMode`.
    #[test]
    fn mariadb_has_other_words_for_tls() {
        let read = |mode: &str| {
            let pairs = [
                ("topic.prefix", "p"),
                ("database.hostname", "h"),
                ("database.user", "u"),
                ("database.ssl.mode", mode),
            ];
            let properties = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            MySqlConfig::read(Flavor::MariaDb, &properties)
        };
        for (mode, means) in [
            ("", SslMode::Disabled),
            ("disable", SslMode::Disabled),
            ("TRUST", SslMode::Required),
            ("verify-ca", SslMode::VerifyCa),
            ("verify-full", SslMode::VerifyIdentity),
        ] {
            assert_eq!(read(mode).unwrap().ssl_mode, means, "{mode}");
        }
        let refused = read("preferred").unwrap_err().to_string();
        assert!(refused.contains("must be one of trust, disable, verify-ca, verify-full"), "{refused}");
    }

    #[test]
    fn a_missing_server_id_is_made_up_and_kept() {
        let (first, again) = (read(&[]).unwrap(), read(&[]).unwrap());
        assert_eq!(first.server_id, again.server_id);
        assert!(first.server_id >= 1 << 24 && !first.server_id_given);
        assert_ne!(first.server_id, read(&[("topic.prefix", "q")]).unwrap().server_id);
        assert_eq!(read(&[("database.server.id", "7")]).unwrap().server_id, 7);
    }

    #[test]
    fn tells_what_is_wrong() {
        for (key, value, reason) in [
            ("database.server.id", "0", "from 1"),
            ("database.server.id", "x", "whole number"),
            ("database.ssl.truststore", "/x/trust.jks", "keytool"),
            ("snapshot.mode", "sometimes", "must be one of"),
            ("time.precision.mode", "adaptive", "must be one of"),
        ] {
            assert!(read(&[(key, value)]).unwrap_err().to_string().contains(reason), "{key}={value}");
        }
    }
}
