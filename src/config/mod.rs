//! Configuration: connector files (Debezium's flat properties) and the daemon's own settings.
//!
//! What was written becomes what it means in two steps: files and layers become flat [`Properties`], and a [`Reader`]
//! makes structs of them by declared [`Key`]s. No step stops at its first problem. It knows no source and no sink.

pub mod adjust;
pub mod file;
pub mod java;
pub mod java_regex;
pub mod key;
pub mod legacy;
pub mod placeholder;
pub mod problem;
pub mod properties;
pub mod providers;
pub mod reader;
pub mod rewrite;
pub mod target;
pub mod worker;
pub mod worker_keys;

pub use adjust::NameAdjustment;
pub use file::ConnectorFile;
pub use key::{Importance, Key, KeyKind};
pub use problem::{Problem, Problems, Warning};
pub use properties::{Properties, Secret};
pub use providers::Providers;
pub use reader::Reader;
pub use rewrite::Rewrite;
pub use target::Target;
pub use worker::Worker;
