//! Comparison with what Debezium emitted: `tests/data/debezium`, recorded with Debezium 3.6.1 on Kafka Connect 4.3.1.
//!
//! Without servers: what the converters and transforms make of Debezium's own records. `live` makes the records anew, with
//! real servers.

mod connect;
mod json;
mod live;
mod outbox;
mod rest;
mod statements;
mod unwrap;

use std::fs;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::value::RawValue;

/// A line of `records.jsonl`.
#[derive(Deserialize)]
struct Recorded {
    topic: String,
    headers: Vec<(String, Option<String>)>,
    key: Box<RawValue>,
    value: Box<RawValue>,
}

/// The records of a variant, such as `pg_crud/default`.
fn recorded(variant: &str) -> Vec<Recorded> {
    let path = root().join(variant).join("records.jsonl");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{variant}: {error}"))).collect()
}

/// Every variant that was recorded.
fn variants() -> Vec<String> {
    let mut variants = Vec::new();
    for case in fs::read_dir(root()).unwrap() {
        let case = case.unwrap();
        for variant in fs::read_dir(case.path()).unwrap() {
            let variant = variant.unwrap().path();
            if variant.join("records.jsonl").is_file() {
                let name = variant.file_name().unwrap().to_string_lossy().into_owned();
                variants.push(format!("{}/{name}", case.file_name().to_string_lossy()));
            }
        }
    }
    variants.sort();
    variants
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/debezium")
}
