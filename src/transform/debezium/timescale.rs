//! `io.debezium.connector.postgresql.transforms.timescaledb.TimescaleDb`: known by name, and refused.
//!
//! It asks the database, through a connection of its own, which hypertable a chunk belongs to. Transforms here know no
//! database; a chain that would quietly send chunks to topics of their own must not start.

use std::sync::Arc;

use super::Built;
use crate::config::{Key, KeyKind, Problem, Problems, Properties};

/// The options.
pub(in crate::transform) const KEYS: &[Key] = &[
    Key::new("schema.list", KeyKind::List, "The schemas that hold chunks").default("_timescaledb_internal"),
    Key::new("target.topic.prefix", KeyKind::String, "What the topics of hypertables begin with")
        .default("timescaledb"),
    Key::new("database.*", KeyKind::String, "The connection that it reads its catalogue through"),
    Key::new("driver.*", KeyKind::String, "More of that connection"),
];

/// Refuses it.
pub(in crate::transform) fn build(_name: &Arc<str>, _options: &Properties) -> Built {
    let reason = "TimescaleDb is not supported: it reads _timescaledb_catalog (chunk, hypertable, continuous_agg) from the \
        database to rename chunks to their hypertables, and transforms have no connection here. Without it each chunk has \
        a topic of its own; a RegexRouter or ByLogicalTableRouter can send the chunks of one hypertable to one topic";
    Err(Problems(vec![Problem::new("type", reason)]))
}
