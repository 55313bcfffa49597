//! Configuration: connector files (Debezium's flat properties) and the daemon's own settings.

pub mod key;
pub mod properties;
pub mod reader;

pub use key::{Importance, Key, KeyKind};
pub use properties::{Properties, Secret};
pub use reader::{Problem, Problems, Reader};
