//! Transforms: what a user puts between the event and the bytes (Kafka Connect's single message transforms).
//!
//! A transform is one file here and one line in `BUILDERS`. What depends on a schema it computes once per schema. It knows
//! records, and neither sources nor formats. Invariant: a record leaves a chain whole, or dropped, or as an error.

mod chain;
mod correlate;
mod date_format;
mod debezium;
mod decimal;
mod expression;
mod kafka;
mod mask;
mod path;
mod predicate;
mod scripting;
mod shape;
#[cfg(test)]
mod test_records;
mod topics;
mod unwrap;

#[cfg(test)]
mod example_tests;

use std::sync::Arc;

use crate::config::{Key, Problems, Properties};
use crate::record::Record;

pub use chain::{build_chain, classes, full_name, keys_of, names_in, predicate_classes, unknown_keys};
use shape::Side;

/// Why a transform refuses a record.
#[derive(Debug, thiserror::Error)]
pub enum TransformError {
    /// The record lacks a field that the transform needs.
    #[error("transform {transform}: topic {topic} has no field {field:?}")]
    MissingField {
        /// The transform's name in the connector file.
        transform: Arc<str>,
        /// The record's topic.
        topic: Arc<str>,
        /// The field.
        field: String,
    },
    /// The record is not of the kind that the transform works on.
    #[error("transform {transform}: topic {topic}: {reason}")]
    Unsuitable {
        /// The transform's name in the connector file.
        transform: Arc<str>,
        /// The record's topic.
        topic: Arc<str>,
        /// What it met, and what it needs.
        reason: String,
    },
}

impl TransformError {
    /// The record lacks a field.
    fn missing(transform: &Arc<str>, topic: &Arc<str>, field: impl Into<String>) -> Self {
        Self::MissingField { transform: Arc::clone(transform), topic: Arc::clone(topic), field: field.into() }
    }

    /// The record is of the wrong kind.
    fn unsuitable(transform: &Arc<str>, topic: &Arc<str>, reason: impl Into<String>) -> Self {
        Self::Unsuitable { transform: Arc::clone(transform), topic: Arc::clone(topic), reason: reason.into() }
    }
}

type Built = Result<Box<dyn Transform>, Problems>;

/// A kind of transform: what a connector file names, and how one is made.
struct Builder {
    /// The Java class; a file may leave out the package, where no other class has the same name.
    class: &'static str,
    /// Its options.
    keys: &'static [Key],
    /// Makes one.
    build: Build,
}

/// Makes a transform of its name in the connector file and its options without their prefix.
#[derive(Clone, Copy)]
enum Build {
    /// Of a class that works on records.
    Whole(fn(&Arc<str>, &Properties) -> Built),
    /// Of a class that works on keys as `…$Key`, and on values as `…$Value`.
    Sided(fn(&Arc<str>, &Properties, Side) -> Built),
}

/// A class that works on records.
const fn whole(class: &'static str, keys: &'static [Key], build: fn(&Arc<str>, &Properties) -> Built) -> Builder {
    Builder { class, keys, build: Build::Whole(build) }
}

/// A class of which there are `…$Key` and `…$Value`.
const fn sided(class: &'static str, keys: &'static [Key], build: fn(&Arc<str>, &Properties, Side) -> Built) -> Builder {
    Builder { class, keys, build: Build::Sided(build) }
}

/// Every kind there is.
#[rustfmt::skip]
const BUILDERS: &[Builder] = &[
    whole("io.debezium.transforms.ByLogicalTableRouter", debezium::logical_router::KEYS, debezium::logical_router::build),
    whole("io.debezium.transforms.EnforceRecordSize", debezium::record_size::KEYS, debezium::record_size::build),
    whole("io.debezium.transforms.ExtractChangedRecordState", debezium::changed_state::KEYS, debezium::changed_state::build),
    whole("io.debezium.transforms.ExtractNewRecordState", unwrap::KEYS, unwrap::build),
    whole("io.debezium.transforms.ExtractSchemaToNewRecord", debezium::source_schema::KEYS, debezium::source_schema::build),
    whole("io.debezium.transforms.GeometryFormatTransformer", debezium::geometry::format::KEYS, debezium::geometry::format::build),
    whole("io.debezium.transforms.HeaderToValue", debezium::header_to_value::KEYS, debezium::header_to_value::build),
    whole("io.debezium.transforms.SchemaChangeEventFilter", debezium::schema_change::KEYS, debezium::schema_change::build),
    whole("io.debezium.transforms.SwapGeometryCoordinates", debezium::geometry::swap::KEYS, debezium::geometry::swap::build),
    whole("io.debezium.transforms.TimezoneConverter", debezium::timezone::KEYS, debezium::timezone::build),
    whole("io.debezium.transforms.VectorToJsonConverter", debezium::vector::KEYS, debezium::vector::build),
    whole("io.debezium.transforms.outbox.EventRouter", debezium::outbox::KEYS, debezium::outbox::build),
    whole("io.debezium.transforms.partitions.PartitionRouting", debezium::partition::KEYS, debezium::partition::build),
    whole("io.debezium.connector.mysql.transforms.ReadToInsertEvent", debezium::read_to_insert::KEYS, debezium::read_to_insert::build),
    whole("io.debezium.connector.postgresql.transforms.DecodeLogicalDecodingMessageContent", debezium::decode_message::KEYS, debezium::decode_message::build),
    whole("io.debezium.connector.postgresql.transforms.timescaledb.TimescaleDb", debezium::timescale::KEYS, debezium::timescale::build),
    whole("io.debezium.transforms.tracing.ActivateTracingSpan", debezium::trace_context::KEYS, debezium::trace_context::build),
    sided("org.apache.kafka.connect.transforms.Cast", kafka::cast::KEYS, kafka::cast::build),
    whole("org.apache.kafka.connect.transforms.DropHeaders", kafka::drop_headers::KEYS, kafka::drop_headers::build),
    sided("org.apache.kafka.connect.transforms.ExtractField", kafka::extract_field::KEYS, kafka::extract_field::build),
    whole("org.apache.kafka.connect.transforms.Filter", kafka::filter::KEYS, kafka::filter::build),
    sided("org.apache.kafka.connect.transforms.Flatten", kafka::flatten::KEYS, kafka::flatten::build),
    sided("org.apache.kafka.connect.transforms.HeaderFrom", kafka::header_from::KEYS, kafka::header_from::build),
    sided("org.apache.kafka.connect.transforms.HoistField", kafka::hoist_field::KEYS, kafka::hoist_field::build),
    sided("org.apache.kafka.connect.transforms.InsertField", kafka::insert_field::KEYS, kafka::insert_field::build),
    whole("org.apache.kafka.connect.transforms.InsertHeader", kafka::insert_header::KEYS, kafka::insert_header::build),
    sided("org.apache.kafka.connect.transforms.MaskField", kafka::mask_field::KEYS, kafka::mask_field::build),
    whole("org.apache.kafka.connect.transforms.RegexRouter", kafka::regex_router::KEYS, kafka::regex_router::build),
    sided("org.apache.kafka.connect.transforms.ReplaceField", kafka::replace_field::KEYS, kafka::replace_field::build),
    sided("org.apache.kafka.connect.transforms.SetSchemaMetadata", kafka::set_schema_metadata::KEYS, kafka::set_schema_metadata::build),
    sided("org.apache.kafka.connect.transforms.TimestampConverter", kafka::timestamp_converter::KEYS, kafka::timestamp_converter::build),
    whole("org.apache.kafka.connect.transforms.TimestampRouter", kafka::timestamp_router::KEYS, kafka::timestamp_router::build),
    whole("org.apache.kafka.connect.transforms.ValueToKey", kafka::value_to_key::KEYS, kafka::value_to_key::build),
    whole("io.debezium.transforms.Filter", scripting::FILTER_KEYS, scripting::build_filter),
    whole("io.debezium.transforms.ContentBasedRouter", scripting::ROUTER_KEYS, scripting::build_router),
    whole("io.rowtide.transforms.Correlate", correlate::KEYS, correlate::build),
    whole("io.rowtide.transforms.Mask", mask::KEYS, mask::build),
];

/// Changes a record, or drops it.
pub trait Transform: Send {
    /// `None` drops the record.
    ///
    /// # Errors
    /// When the record is not what the transform can work on.
    fn apply(&mut self, record: Record) -> Result<Option<Record>, TransformError>;
}

/// Sends a record through the chain, in order, until it is dropped or out.
///
/// # Errors
/// The first transform's that refuses it.
pub fn apply_all(chain: &mut [Box<dyn Transform>], record: Record) -> Result<Option<Record>, TransformError> {
    apply_each(chain, record).map_err(|(_, error)| error)
}

/// The same; an error comes with the transform's place in the chain.
///
/// # Errors
/// The first transform's that refuses it.
pub fn apply_each(
    chain: &mut [Box<dyn Transform>],
    mut record: Record,
) -> Result<Option<Record>, (usize, TransformError)> {
    for (place, transform) in chain.iter_mut().enumerate() {
        match transform.apply(record).map_err(|error| (place, error))? {
            Some(next) => record = next,
            None => return Ok(None),
        }
    }
    Ok(Some(record))
}

/// The class name without its package.
fn short_name(class: &str) -> &str {
    class.rsplit('.').next().unwrap_or(class)
}
