//! The data model: what a value is, and what shape it has.
//!
//! It follows Kafka Connect's data API (`org.apache.kafka.connect.data`), because transforms and converters are defined in
//! its terms. It knows no database and no Kafka.

pub mod number;
mod per_schema;
mod schema;
pub mod semantic;
mod value;

use std::sync::Arc;

pub use per_schema::PerSchema;
pub use schema::{Field, Kind, Schema};
pub use value::{Row, Text, Value};

/// A value and its shape: what transforms change and converters encode.
#[derive(Clone, Debug, PartialEq)]
pub struct Datum {
    /// The shape; shared by all values of one table version, so caches may use its address as key while they hold it.
    pub schema: Arc<Schema>,
    /// The value, of that shape.
    pub value: Value,
}
