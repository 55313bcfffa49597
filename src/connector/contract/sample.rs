//! Events that nobody made happen: a row of neutral values for a table, so that its records go through the line.
//!
//! Owns what is neutral for each type; knows no transform. Invariants: a value fits its schema; and there are two of each,
//! so that what depends on values shows in that the two differ.

use std::sync::Arc;

use bytes::Bytes;

use crate::data::{Kind, Row, Schema, Value, semantic};
use crate::event::{Boundary, Change, Event, Op, Ready, Table};
use crate::source::describe::OwnRecord;

/// What source blocks say of their connector, which no row changes.
#[derive(Clone, Debug)]
pub(in crate::connector) struct Names {
    /// Debezium's name of the connector.
    pub(in crate::connector) connector: &'static str,
    /// `topic.prefix`
    pub(in crate::connector) server: String,
    /// The database, where a connector has one only; else a table's name begins with it.
    pub(in crate::connector) database: Option<String>,
}

impl Names {
    /// Puts them in the source block of a table's change.
    fn put(&self, table: &Table, schema: &Schema, source: &mut Value) {
        let Value::Struct(values) = source else { return };
        let first = table.id.rsplit_once('.').map_or("", |(database, _)| database);
        let database = self.database.as_deref().unwrap_or(first);
        for (field, value) in schema.fields().iter().zip(values) {
            match &*field.name {
                "connector" => *value = Value::text(self.connector),
                "name" => *value = Value::text(&*self.server),
                "db" => *value = Value::text(database),
                _ => {}
            }
        }
    }
}

/// Which of two values stands at each place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sample {
    /// The other value: 1 instead of 0, and so on.
    pub(super) other: bool,
    /// Nulls where they are allowed.
    pub(super) sparse: bool,
}

impl Sample {
    /// A value of that schema.
    pub(super) fn value(self, schema: &Schema) -> Value {
        if schema.optional && self.sparse {
            return Value::Null;
        }
        let small = u8::from(self.other);
        match &schema.kind {
            Kind::Bool => Value::Bool(self.other),
            Kind::Int8 => Value::Int8(i8::from(self.other)),
            Kind::Int16 => Value::Int16(small.into()),
            Kind::Int32 => Value::Int32(small.into()),
            Kind::Int64 => Value::Int64(small.into()),
            Kind::Float32 => Value::Float32(small.into()),
            Kind::Float64 => Value::Float64(small.into()),
            Kind::Text => self.text(schema),
            Kind::Bytes => Value::Bytes(Bytes::copy_from_slice(&[small])),
            Kind::Array(element) => Value::Array(Box::new([self.value(element)])),
            Kind::Map(key, value) => Value::Map(Box::new([(self.value(key), self.value(value))])),
            Kind::Struct(fields) => Value::Struct(fields.iter().map(|field| self.value(&field.schema)).collect()),
        }
    }

    /// A number as text, which transforms take for most of what text may be; or text of its semantic type.
    fn text(self, schema: &Schema) -> Value {
        let [one, other] = match schema.name.as_deref() {
            Some(semantic::ZONED_TIMESTAMP | semantic::ISO_TIMESTAMP) => {
                ["1970-01-01T00:00:00Z", "1970-01-01T00:00:01Z"]
            }
            Some(semantic::ZONED_TIME | semantic::ISO_TIME) => ["00:00:00Z", "00:00:01Z"],
            Some(semantic::ISO_DATE) => ["1970-01-01Z", "1970-01-02Z"],
            Some(semantic::INTERVAL) => ["P0Y0M0DT0H0M0S", "P0Y0M0DT0H0M1S"],
            Some(semantic::JSON) => ["{}", "[]"],
            Some(semantic::XML) => ["<a/>", "<b/>"],
            Some(semantic::UUID) => ["00000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-000000000001"],
            Some(semantic::ENUM | semantic::ENUM_SET) => return self.label(schema),
            _ => ["0", "1"],
        };
        Value::text(if self.other { other } else { one })
    }

    fn label(self, schema: &Schema) -> Value {
        let allowed = schema.parameters.iter().find(|(name, _)| &**name == "allowed").map_or("", |(_, labels)| labels);
        let mut labels = allowed.split(',');
        let first = labels.next().unwrap_or_default();
        Value::text(if self.other { labels.next().unwrap_or(first) } else { first })
    }

    /// A row of a table: its fields, and behind them what only the key has.
    fn row(self, table: &Table) -> Row {
        let mut row: Vec<Value> = table.row.fields().iter().map(|field| self.value(&field.schema)).collect();
        if let Some(key) = &table.key {
            for (place, field) in key.columns.iter().zip(key.schema.fields()) {
                if *place >= row.len() {
                    row.resize(place + 1, Value::Null);
                    row[*place] = self.value(&field.schema);
                }
            }
        }
        row.into_boxed_slice()
    }

    /// That happens to a row of the table.
    pub(super) fn change(self, table: &Arc<Table>, op: Op, names: &Names) -> Event {
        let before = matches!(op, Op::Update | Op::Delete).then(|| self.row(table));
        let after = matches!(op, Op::Read | Op::Create | Op::Update).then(|| self.row(table));
        let block = table.envelope.fields().iter().find(|field| &*field.name == "source");
        let mut source = Value::Null;
        if let Some(block) = block {
            source = self.value(&block.schema);
            names.put(table, &block.schema, &mut source);
        }
        Event::Change(Change {
            table: Arc::clone(table),
            op,
            before,
            after,
            source,
            ts_ns: i64::from(self.other),
            transaction: None,
            offset: None,
        })
    }

    /// A record that the source makes whole.
    pub(super) fn own(self, record: &OwnRecord) -> Event {
        let datum = |schema: &Arc<Schema>| crate::data::Datum { schema: Arc::clone(schema), value: self.value(schema) };
        Event::Ready(Box::new(Ready {
            topic: Arc::clone(&record.topic),
            partition: None,
            key: Some(datum(&record.key)),
            value: Some(datum(&record.value)),
            context_headers: false,
            offset: None,
        }))
    }

    /// A transaction ends.
    pub(super) fn boundary(self) -> Event {
        let count = i64::from(self.other);
        let end = Some(vec![(Arc::from("t"), count)]);
        Event::Boundary(Boundary { id: count.to_string().into(), ts_ms: count, end, offset: None })
    }

    /// A sign of life.
    pub(super) fn heartbeat(self) -> Event {
        Event::Heartbeat { ts_ms: i64::from(self.other) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Field;

    #[test]
    fn two_of_each_and_nulls_where_they_are_allowed() {
        let schema = Schema::structure(
            "s",
            vec![
                Field::new("a", Schema::of(Kind::Int16)),
                Field::new("b", Schema::of(Kind::Text).optional()),
                Field::new("c", semantic::of(Kind::Text, semantic::ENUM).parameter("allowed", "x,y")),
                Field::new("d", Schema::of(Kind::Array(Schema::of(Kind::Bool).into()))),
            ],
        );
        let of = |other, sparse| Sample { other, sparse }.value(&schema);
        let row = |a: i16, b: Value, c: &str, d: bool| {
            Value::Struct([a.into(), b, Value::text(c), Value::Array([d.into()].into())].into())
        };
        assert_eq!(of(false, false), row(0, Value::text("0"), "x", false));
        assert_eq!(of(true, false), row(1, Value::text("1"), "y", true));
        assert_eq!(of(true, true), row(1, Value::Null, "y", true));
    }
}
