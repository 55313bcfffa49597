//! `io.debezium.transforms.ExtractSchemaToNewRecord`: a field `sourceSchema` that tells the table's columns as the
//! database declares them.
//!
//! It reads what `column.propagate.source.type` or `datatype.propagate.source.type` puts into the schema.

use std::sync::Arc;

use super::envelope::{is_envelope, low};
use super::{Built, SCHEMAS_MAX, Transform, TransformError};
use crate::config::{Key, KeyKind, NameAdjustment, Properties, Reader};
use crate::data::{Datum, Field, Kind, PerSchema, Row, Schema, Value};
use crate::record::Record;

/// The options.
pub(in crate::transform) const KEYS: &[Key] =
    &[low("schema.name.adjustment.mode", KeyKind::String, "How the names of the added schemas are made fit for Avro")
        .default("none")
        .one_of(NameAdjustment::NAMES)];

const FIELD: &str = "sourceSchema";

struct SourceSchema {
    /// Its name in the connector file.
    name: Arc<str>,
    table: Arc<Schema>,
    plans: PerSchema<Plan>,
}

struct Plan {
    before: usize,
    after: usize,
    /// The envelope's schema with the new field.
    out: Arc<Schema>,
    /// The new field's value.
    told: Value,
}

/// Makes one.
pub(in crate::transform) fn build(name: &Arc<str>, options: &Properties) -> Built {
    let mut read = Reader::new(options, &[KEYS]);
    let names = NameAdjustment::read(&mut read, "schema.name.adjustment.mode");
    let transform: Box<dyn Transform> = Box::new(SourceSchema {
        name: Arc::clone(name),
        table: schema(names).into(),
        plans: PerSchema::new(SCHEMAS_MAX),
    });
    read.finish(transform)
}

/// The new field's schema: `SchemaFactory.sourceSchemaBlockSchema`.
fn schema(names: NameAdjustment) -> Schema {
    let name = |name: &str| names.schema(&format!("io.debezium.connector.source.{name}")).into_owned();
    let text = || Schema::of(Kind::Text);
    let number = || Schema::of(Kind::Int32).optional();
    let column = vec![
        Field::new("name", text()),
        Field::new("typeName", text()),
        Field::new("length", number()),
        Field::new("scale", number()),
        Field::new("comment", text().optional()),
    ];
    let column = Schema::structure(name("schema.Column"), column).version(1);
    let columns = Field::new("columns", Schema::of(Kind::Array(column.into())));
    // Debezium does not adjust this one's name.
    let table = Schema::structure("io.debezium.connector.source.schema.Table", vec![columns]).version(1);
    Schema::structure(name("Schema"), vec![Field::new("id", text()), Field::new("table", table)]).version(1)
}

impl Plan {
    fn make(envelope: &Schema, fields: &[Value], table: &Arc<Schema>) -> Result<Self, String> {
        let place = |name: &str| envelope.index_of(name).ok_or_else(|| format!("the envelope has no field {name:?}"));
        let (before, after, source) = (place("before")?, place("after")?, place("source")?);
        if envelope.index_of(FIELD).is_some() {
            return Err(format!("the envelope has a field {FIELD:?} already"));
        }
        let id = envelope.fields()[source].schema.index_of("table");
        let id = id.and_then(|id| fields.get(source)?.as_struct()?.get(id)).cloned().unwrap_or_default();
        let columns: Result<Box<[Value]>, String> =
            envelope.fields()[after].schema.fields().iter().map(column).collect();
        let told = Value::Struct([id, Value::Struct([Value::Array(columns?)].into())].into());
        let mut out = envelope.fields().to_vec();
        out.push(Field::new(FIELD, Arc::clone(table)));
        let out = Schema { kind: Kind::Struct(out), default: None, ..envelope.clone() };
        Ok(Self { before, after, out: out.into(), told })
    }
}

/// A column as its schema's parameters tell it.
fn column(field: &Field) -> Result<Value, String> {
    let told = |what: &str| {
        let mut parameters = field.schema.parameters.iter();
        parameters
            .find(|(name, _)| name.strip_prefix("__debezium.source.column.") == Some(what))
            .map(|(_, value)| value)
    };
    let (Some(name), Some(type_name)) = (told("name"), told("type")) else {
        return Err(format!(
            "nothing tells how the database declares column {:?}; set column.propagate.source.type=.* for the connector",
            field.name
        ));
    };
    let number = |what: &str| told(what).and_then(|number| number.parse::<i32>().ok());
    Ok(Value::Struct(
        [
            Value::text(&**name),
            Value::text(&**type_name),
            number("length").into(),
            number("scale").into(),
            told("comment").map(|comment| Value::text(&**comment)).unwrap_or_default(),
        ]
        .into(),
    ))
}

impl Transform for SourceSchema {
    fn apply(&mut self, mut record: Record) -> Result<Option<Record>, TransformError> {
        let Some(Datum { schema, value: Value::Struct(fields) }) = &mut record.value else { return Ok(Some(record)) };
        if !is_envelope(schema) {
            return Ok(Some(record));
        }
        let plan = self
            .plans
            .get_or_make(schema, |schema| Plan::make(schema, fields, &self.table))
            .map_err(|reason| TransformError::unsuitable(&self.name, &record.topic, reason))?;
        let is_null = |place: usize| fields.get(place).is_none_or(Value::is_null);
        // A truncate has no row.
        if !(is_null(plan.before) && is_null(plan.after)) {
            *fields = added(std::mem::take(fields), plan.told.clone());
            *schema = Arc::clone(&plan.out);
        }
        Ok(Some(record))
    }
}

fn added(fields: Row, value: Value) -> Row {
    let mut fields = fields.into_vec();
    fields.push(value);
    fields.into()
}
