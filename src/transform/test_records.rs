//! Records for the tests of transforms.

use std::sync::Arc;

use super::{Transform, TransformError};
use crate::config::Properties;
use crate::data::{Datum, Field, Kind, Schema, Value};
use crate::record::{Headers, Record};

/// The transform that a builder makes of these options.
pub(super) fn built(
    build: fn(&Arc<str>, &Properties) -> super::Built,
    options: &[(&str, &str)],
) -> Result<Box<dyn Transform>, String> {
    let options = options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    build(&"t".into(), &options).map_err(|problems| problems.to_string())
}

/// A required schema.
pub(super) fn of(kind: Kind) -> Schema {
    Schema::of(kind)
}

/// A struct's value.
pub(super) fn row(values: impl IntoIterator<Item = Value>) -> Value {
    Value::Struct(values.into_iter().collect())
}

/// An event of the table `orders` in `shop`, on the topic `shop.orders`: an envelope of these columns.
pub(super) fn event(op: &str, columns: &[(&str, Schema)], before: Value, after: Value) -> Record {
    let columns = columns.iter().map(|(name, schema)| Field::new(*name, schema.clone())).collect();
    let columns = Arc::new(Schema::structure("shop.orders.Value", columns).optional());
    let source = vec![Field::new("table", of(Kind::Text)), Field::new("ts_ms", of(Kind::Int64))];
    let fields = vec![
        Field::new("before", Arc::clone(&columns)),
        Field::new("after", columns),
        Field::new("source", Schema::structure("Source", source)),
        Field::new("op", of(Kind::Text)),
        Field::new("ts_ms", of(Kind::Int64).optional()),
    ];
    let source = row([Value::text("orders"), Value::Int64(1_000)]);
    let value = row([before, after, source, Value::text(op), Value::Int64(2_000)]);
    let key = Schema::structure("shop.orders.Key", vec![Field::new("id", of(Kind::Int32))]);
    Record {
        topic: "shop.orders".into(),
        partition: None,
        key: Some(Datum { schema: key.into(), value: row([Value::Int32(1)]) }),
        value: Some(Datum { schema: Schema::structure("shop.orders.Envelope", fields).version(2).into(), value }),
        headers: Headers::default(),
        ts_ms: None,
        offset: None,
    }
}

/// The tombstone of the same key.
pub(super) fn tombstone() -> Record {
    Record { value: None, ..event("d", &[], Value::Null, Value::Null) }
}

/// What is no envelope.
pub(super) fn heartbeat() -> Record {
    let schema =
        Schema::structure("io.debezium.connector.common.Heartbeat", vec![Field::new("ts_ms", of(Kind::Int64))]);
    Record { value: Some(Datum { schema: schema.into(), value: row([Value::Int64(1)]) }), ..tombstone() }
}

/// The record that comes out; one must.
pub(super) fn applied(transform: &mut dyn Transform, record: Record) -> Record {
    transform.apply(record).unwrap().unwrap()
}

/// The error of a record that is refused.
pub(super) fn refusal(result: Result<Option<Record>, TransformError>) -> String {
    result.err().unwrap().to_string()
}

/// The value's field at a path.
pub(super) fn field(record: &Record, path: &str) -> Value {
    let datum = record.value.as_ref().unwrap();
    let (mut schema, mut value) = (&datum.schema, &datum.value);
    for step in path.split('.') {
        let place = schema.index_of(step).unwrap_or_else(|| panic!("no field {step:?} of {path:?}"));
        value = &value.as_struct().unwrap()[place];
        schema = &schema.fields()[place].schema;
    }
    value.clone()
}

/// Names and values of the headers.
pub(super) fn headers(record: &Record) -> Vec<(String, Value)> {
    record.headers.iter().map(|header| (header.name.to_string(), header.value.value.clone())).collect()
}
