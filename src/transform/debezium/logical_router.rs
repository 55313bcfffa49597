//! `io.debezium.transforms.ByLogicalTableRouter`: tables that are parts of one, shards and partitions, share its topic.
//!
//! The schemas get the names that they would have if the topic were the table's own. Since the parts may use the same key
//! twice, each key gets a field that tells its part (`key.enforce.uniqueness`).

use std::collections::HashMap;
use std::sync::Arc;

use super::envelope::{is_envelope, low};
use super::{Built, SCHEMAS_MAX, Transform, TransformError};
use crate::config::{Key, KeyKind, NameAdjustment, Properties, Reader, Rewrite};
use crate::data::{Datum, Field, Kind, PerSchema, Schema, Text, Value};
use crate::record::Record;

/// The options.
pub(in crate::transform) const KEYS: &[Key] = &[
    Key::new("topic.regex", KeyKind::String, "A Java regular expression for whole topic names").required(),
    Key::new("topic.replacement", KeyKind::String, "The topic that becomes of a name that matches").required(),
    low("key.enforce.uniqueness", KeyKind::Boolean, "Whether keys get a field that tells their table").default("true"),
    low("key.field.name", KeyKind::String, "That field's name").default("__dbz__physicalTableIdentifier"),
    low("key.field.regex", KeyKind::String, "A Java regular expression for the topic names that become its value"),
    low("key.field.replacement", KeyKind::String, "The value that becomes of a name that matches"),
    low("schema.name.adjustment.mode", KeyKind::String, "How the new names of schemas are made fit for Avro")
        .default("none")
        .one_of(NameAdjustment::NAMES),
    low("logical.table.cache.size", KeyKind::Int, "Accepted; at least 1024 topics are remembered").default("16"),
];

struct LogicalRouter {
    /// Its name in the connector file.
    name: Arc<str>,
    topic: Rewrite,
    naming: Naming,
    /// By the old topic; `None`: records of that topic pass.
    routes: HashMap<Arc<str>, Option<Route>>,
    routes_max: usize,
}

/// What new topics have in common.
struct Naming {
    names: NameAdjustment,
    /// The field that is added to keys.
    field: Option<Arc<str>>,
    /// What makes its value of a topic; `None`: the topic itself.
    identifier: Option<Rewrite>,
}

/// What becomes of one topic's records.
struct Route {
    topic: Arc<str>,
    identifier: Text,
    keys: PerSchema<Arc<Schema>>,
    envelopes: PerSchema<Arc<Schema>>,
}

/// Makes one.
pub(in crate::transform) fn build(name: &Arc<str>, options: &Properties) -> Built {
    let mut read = Reader::new(options, &[KEYS]);
    let topic = Rewrite::read(&mut read, "topic.regex", "topic.replacement");
    let identifier = Rewrite::read_if_set(&mut read, "key.field.regex", "key.field.replacement");
    let unique = read.flag("key.enforce.uniqueness");
    let field: Arc<str> = read.text("key.field.name").into();
    let naming = Naming {
        names: NameAdjustment::read(&mut read, "schema.name.adjustment.mode"),
        field: unique.then_some(field),
        identifier,
    };
    let routes_max = read.number::<usize>("logical.table.cache.size").max(SCHEMAS_MAX);
    let router: Option<Box<dyn Transform>> = topic.map(|topic| {
        let router = LogicalRouter { name: Arc::clone(name), topic, naming, routes: HashMap::new(), routes_max };
        Box::new(router) as Box<dyn Transform>
    });
    // Without an expression there is a problem, and nothing is built.
    read.finish(router).and_then(|router| router.ok_or_else(Default::default))
}

impl Transform for LogicalRouter {
    fn apply(&mut self, mut record: Record) -> Result<Option<Record>, TransformError> {
        if !self.routes.contains_key(&record.topic) {
            if self.routes.len() >= self.routes_max {
                self.routes.clear();
            }
            let route = Route::find(&self.topic, &self.naming, &record.topic);
            self.routes.insert(Arc::clone(&record.topic), route);
        }
        let Some(Some(route)) = self.routes.get_mut(&record.topic) else { return Ok(Some(record)) };
        route
            .rename(&self.naming, &mut record)
            .map_err(|reason| TransformError::unsuitable(&self.name, &record.topic, reason))?;
        record.topic = Arc::clone(&route.topic);
        Ok(Some(record))
    }
}

impl Route {
    fn find(rewrite: &Rewrite, naming: &Naming, old: &Arc<str>) -> Option<Self> {
        let topic = rewrite.apply(old)?;
        if topic.is_empty() {
            tracing::warn!(topic = %old, "topic.replacement makes no name of this topic; its records stay there");
            return None;
        }
        let identifier = naming.identifier.as_ref().and_then(|identifier| identifier.apply(old));
        Some(Self {
            topic: topic.into(),
            identifier: identifier.map_or_else(|| Text::from(&**old), Text::from),
            keys: PerSchema::new(SCHEMAS_MAX),
            envelopes: PerSchema::new(SCHEMAS_MAX),
        })
    }

    fn rename(&mut self, naming: &Naming, record: &mut Record) -> Result<(), String> {
        if let Some(Datum { schema, value }) = record.key.as_mut().filter(|key| !key.value.is_null()) {
            let Value::Struct(fields) = value else { return Err("the key is no struct".to_owned()) };
            let make = |schema: &Schema| key_schema(naming, &self.topic, schema);
            *schema = Arc::clone(self.keys.get_or_make(schema, make)?);
            if naming.field.is_some() {
                let fields = std::mem::take(fields).into_iter();
                *value = Value::Struct(fields.chain([Value::Text(self.identifier.clone())]).collect());
            }
        }
        if let Some(Datum { schema, .. }) = record.value.as_mut().filter(|value| !value.value.is_null())
            && is_envelope(schema)
        {
            let make = |schema: &Schema| envelope_schema(naming, &self.topic, schema);
            *schema = Arc::clone(self.envelopes.get_or_make(schema, make)?);
        }
        Ok(())
    }
}

fn key_schema(naming: &Naming, topic: &str, old: &Schema) -> Result<Arc<Schema>, String> {
    let mut fields = old.fields().to_vec();
    if let Some(field) = &naming.field {
        if fields.iter().any(|other| other.name == *field) {
            return Err(format!("the key has a field {field:?} already; choose another key.field.name"));
        }
        fields.push(Field::new(Arc::clone(field), Schema::of(Kind::Text)));
    }
    Ok(renamed(naming, &format!("{topic}.Key"), old, fields))
}

fn envelope_schema(naming: &Naming, topic: &str, old: &Schema) -> Result<Arc<Schema>, String> {
    let row = old.index_of("before").ok_or("the envelope has no field \"before\"")?;
    let row = &old.fields()[row].schema;
    let row = renamed(naming, &format!("{topic}.Value"), row, row.fields().to_vec());
    let fields = old.fields().iter().map(|field| match &*field.name {
        "before" | "after" => Field::new(Arc::clone(&field.name), Arc::clone(&row)),
        _ => field.clone(),
    });
    Ok(renamed(naming, &format!("{topic}.Envelope"), old, fields.collect()))
}

fn renamed(naming: &Naming, name: &str, old: &Schema, fields: Vec<Field>) -> Arc<Schema> {
    let name = naming.names.schema(name).into_owned();
    Arc::new(Schema { kind: Kind::Struct(fields), default: None, ..old.clone() }.named(name))
}

#[cfg(test)]
#[path = "logical_router_tests.rs"]
mod tests;
