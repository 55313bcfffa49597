//! Streams that were recorded (`tests/data/postgres/record`), for tests without servers.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bytes::Bytes;
use serde::Deserialize;

use super::catalog::{CatalogTable, Types};
use super::position::parse_lsn;

/// The catalogue as it was behind the recorded statements.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Catalog {
    tables: BTreeMap<u32, CatalogTable>,
    types: Types,
}

impl Catalog {
    /// The catalogue of a recording.
    pub(super) fn of(name: &str) -> Self {
        serde_json::from_str(&read(&format!("{name}.catalog.json"))).unwrap()
    }

    /// What it says of a table, and of all types.
    pub(super) fn about(&self, id: u32) -> (CatalogTable, Types) {
        (self.tables.get(&id).cloned().unwrap_or_default(), self.types.clone())
    }
}

/// The messages of a recording, with their places in the log.
pub(super) fn messages(name: &str) -> Vec<(u64, Bytes)> {
    let message = |line: &str| {
        let (lsn, hex) = line.split_once(' ').unwrap();
        let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        (parse_lsn(lsn).unwrap(), (0..hex.len()).step_by(2).map(byte).collect())
    };
    read(&format!("{name}.pgoutput")).lines().map(message).collect()
}

/// A file of the recordings.
pub(super) fn read(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/postgres").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
