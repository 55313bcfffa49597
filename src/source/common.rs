//! What both connectors read from their file: the keys that Debezium's relational connectors share.

use super::columns::ColumnRules;
use super::decimal::DecimalMode;
use super::filter::{Filter, Patterns};
use super::naming::{Level, Naming};
use super::temporal::TimePrecision;
use crate::config::{Key, KeyKind, Reader, Secret};
use crate::event::Op;

/// `binary.handling.mode`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryMode {
    /// Bytes
    Bytes,
    /// Base64 text
    Base64,
    /// Base64 text that is safe in URLs
    Base64UrlSafe,
    /// Hexadecimal text
    Hex,
}

/// Keys of both connectors; `KEYS` of each adds its own.
pub const KEYS: &[Key] = &[
    Key::new("database.hostname", KeyKind::String, "Host of the database").required(),
    Key::new("database.user", KeyKind::String, "User of the database").required(),
    Key::new("database.password", KeyKind::Password, "Password of the user"),
    Key::new("table.include.list", KeyKind::List, "Tables to capture: regular expressions of whole names"),
    Key::new("table.exclude.list", KeyKind::List, "Tables to leave out: regular expressions of whole names"),
    Key::new("skipped.operations", KeyKind::List, "Operations that are left out: c, u, d, t or none").default("t"),
    Key::new("decimal.handling.mode", KeyKind::String, "How exact decimals are written")
        .one_of(DecimalMode::NAMES)
        .default("precise"),
    Key::new("binary.handling.mode", KeyKind::String, "How bytes are written")
        .one_of(&["bytes", "base64", "base64-url-safe", "hex"])
        .default("bytes"),
    Key::new("provide.transaction.metadata", KeyKind::Boolean, "Whether transactions are told of").default("false"),
    Key::new("heartbeat.interval.ms", KeyKind::Long, "Time between heartbeats, ms; 0: none").default("0"),
    Key::new("heartbeat.action.query", KeyKind::String, "SQL to run with each heartbeat"),
    Key::new("snapshot.include.collection.list", KeyKind::List, "Tables to snapshot, of those captured"),
    Key::new("max.batch.size", KeyKind::Int, "Events in a batch, at most").default("2048"),
    Key::new("tombstones.on.delete", KeyKind::Boolean, "Whether a delete is followed by a tombstone").default("true"),
    Key::new("extended.headers.enabled", KeyKind::Boolean, "Whether records carry the context headers").default("true"),
];

/// What both connectors read from their file.
#[derive(Clone, Debug)]
pub struct Common {
    /// `database.hostname`
    pub host: String,
    /// `database.port`
    pub port: u16,
    /// `database.user`
    pub user: String,
    /// `database.password`
    pub password: Option<Secret>,
    /// How topics are named.
    pub naming: Naming,
    /// Which tables.
    pub tables: Filter,
    /// What is done to columns.
    pub columns: ColumnRules,
    /// Which of the captured tables are in the snapshot; empty: all.
    pub snapshot_tables: Patterns,
    /// Operations that are left out.
    pub skipped: Vec<Op>,
    /// `decimal.handling.mode`
    pub decimal: DecimalMode,
    /// `time.precision.mode`
    pub time: TimePrecision,
    /// `binary.handling.mode`
    pub binary: BinaryMode,
    /// `provide.transaction.metadata`
    pub transactions: bool,
    /// `heartbeat.interval.ms`; 0: none
    pub heartbeat_ms: u64,
    /// `heartbeat.action.query`
    pub heartbeat_query: Option<String>,
}

impl Common {
    /// Reads the shared keys, those of [`super::columns::KEYS`], and those of [`super::naming::KEYS`] with this default;
    /// `database.port` and `time.precision.mode` must be among the connector's own, since their defaults differ.
    pub fn read(reader: &mut Reader<'_>, level: Level) -> Self {
        let skipped = skipped(reader);
        Self {
            host: reader.text("database.hostname"),
            port: reader.number("database.port"),
            user: reader.text("database.user"),
            password: reader.secret("database.password"),
            naming: Naming::read(reader, level),
            tables: Filter::read(reader, "table.include.list", "table.exclude.list"),
            columns: ColumnRules::read(reader),
            snapshot_tables: Patterns::read(reader, "snapshot.include.collection.list"),
            skipped,
            decimal: DecimalMode::named(&reader.choice("decimal.handling.mode")),
            time: TimePrecision::named(&reader.choice("time.precision.mode")),
            binary: match reader.choice("binary.handling.mode").as_str() {
                "base64" => BinaryMode::Base64,
                "base64-url-safe" => BinaryMode::Base64UrlSafe,
                "hex" => BinaryMode::Hex,
                _ => BinaryMode::Bytes,
            },
            transactions: reader.flag("provide.transaction.metadata"),
            heartbeat_ms: reader.number("heartbeat.interval.ms"),
            heartbeat_query: reader.text_opt("heartbeat.action.query"),
        }
    }

    /// host:port, as messages show it.
    #[must_use]
    pub fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Whether events of that kind are left out.
    #[must_use]
    pub fn skips(&self, op: Op) -> bool {
        self.skipped.contains(&op)
    }
}

fn skipped(reader: &mut Reader<'_>) -> Vec<Op> {
    let mut skipped = Vec::new();
    let entries = reader.list("skipped.operations");
    if entries.len() > 1 && entries.iter().any(|entry| entry.eq_ignore_ascii_case("none")) {
        reader.problem("skipped.operations", None, "has 'none' beside others; none stands alone");
    }
    for entry in entries {
        match entry.to_ascii_lowercase().as_str() {
            "c" => skipped.push(Op::Create),
            "u" => skipped.push(Op::Update),
            "d" => skipped.push(Op::Delete),
            "t" => skipped.push(Op::Truncate),
            "none" => {}
            _ => reader.problem("skipped.operations", Some(entry), "must be a list of c, u, d, t, or none"),
        }
    }
    skipped
}
