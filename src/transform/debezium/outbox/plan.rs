//! What is made once per schema of an outbox's envelopes.

use std::sync::Arc;

use super::options::{Options, Placement};
use crate::data::{Datum, Field, Kind, Schema, Value, semantic};
use crate::transform::debezium::envelope;
use crate::transform::shape::Refusal;

/// How many schemas of values are remembered.
const ENVELOPED_MAX: usize = 1024;

/// Where things stand in an envelope.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) op: usize,
    pub(super) after: usize,
    pub(super) ts_ms: Option<usize>,
    /// Of the row. Deletes and updates need none of it.
    pub(super) outbox: Result<Outbox, Refusal>,
}

/// Where things stand in a row.
#[derive(Debug)]
pub(super) struct Outbox {
    /// The name of the row's schema.
    name: Option<Arc<str>>,
    pub(super) key: Column,
    pub(super) payload: Column,
    pub(super) route: usize,
    /// The column, and how many of its units are a millisecond.
    timestamp: Option<(usize, i64)>,
    version: Option<usize>,
    partition: Option<usize>,
    /// Under their names; the id is the first.
    pub(super) headers: Vec<(Arc<str>, Column)>,
    /// What stands beside the payload.
    pub(super) enveloped: Vec<(Arc<str>, Column)>,
}

/// A column of a row.
#[derive(Clone, Debug)]
pub(super) struct Column {
    place: usize,
    schema: Arc<Schema>,
}

impl Column {
    fn find(row: &Schema, name: &str) -> Result<Self, Refusal> {
        let place = row.index_of(name).ok_or_else(|| Refusal::Missing(name.to_owned()))?;
        Ok(Self { place, schema: Arc::clone(&row.fields()[place].schema) })
    }

    /// The same, if it is of that type.
    fn of_kind(self, kind: &Kind, name: &str, what: &str) -> Result<usize, Refusal> {
        if self.schema.kind == *kind {
            return Ok(self.place);
        }
        Err(Refusal::Unsuitable(format!("field {name:?} is of type {}; {what}", self.schema.kind.name())))
    }

    /// Its value, or its default.
    pub(super) fn datum(&self, row: &[Value]) -> Datum {
        let value = envelope::get(row, self.place, &self.schema);
        Datum { schema: Arc::clone(&self.schema), value }
    }
}

impl Plan {
    pub(super) fn make(envelope: &Schema, options: &Options) -> Result<Self, Refusal> {
        let place = |name: &str| envelope.index_of(name).ok_or_else(|| Refusal::Missing(name.to_owned()));
        let after = place("after")?;
        let outbox = Outbox::make(&envelope.fields()[after].schema, options);
        Ok(Self { op: place("op")?, after, ts_ms: envelope.index_of("ts_ms"), outbox })
    }
}

impl Outbox {
    fn make(row: &Schema, options: &Options) -> Result<Self, Refusal> {
        let payload = Column::find(row, &options.payload)?;
        let route = Column::find(row, &options.route)?;
        let timestamp = options.timestamp.as_deref().map(|name| timestamp(row, name)).transpose()?;
        let mut outbox = Self {
            name: row.name.clone(),
            key: Column::find(row, &options.key)?,
            payload,
            route: route.of_kind(&Kind::Text, &options.route, "only text says where an event goes")?,
            timestamp,
            version: None,
            partition: None,
            headers: vec![("id".into(), Column::find(row, &options.id)?)],
            enveloped: Vec::new(),
        };
        for additional in &options.additional {
            let column = match Column::find(row, &additional.column) {
                Err(Refusal::Missing(_)) if !options.needs_additional => continue,
                found => found?,
            };
            match additional.placement {
                Placement::Header => outbox.headers.push((Arc::clone(&additional.alias), column)),
                Placement::Envelope => outbox.enveloped.push((Arc::clone(&additional.alias), column)),
                Placement::Partition => {
                    let what = "a partition is an integer of 32 bits";
                    outbox.partition = Some(column.of_kind(&Kind::Int32, &additional.column, what)?);
                }
            }
        }
        // The version is one of the envelope's schema; without an envelope nothing has it.
        if let Some(version) = options.version.as_deref().filter(|_| !outbox.enveloped.is_empty()) {
            let what = "a version is an integer of 32 bits";
            outbox.version = Some(Column::find(row, version)?.of_kind(&Kind::Int32, version, what)?);
        }
        Ok(outbox)
    }

    /// The event's own time: milliseconds since the epoch.
    pub(super) fn timestamp(&self, row: &[Value]) -> Option<i64> {
        let (place, units) = self.timestamp?;
        match row.get(place) {
            Some(Value::Int64(time)) => Some(time / units),
            _ => None,
        }
    }

    pub(super) fn partition(&self, row: &[Value]) -> Option<i32> {
        int32(row, self.partition?)
    }
}

fn int32(row: &[Value], place: usize) -> Option<i32> {
    match row.get(place) {
        Some(Value::Int32(number)) => Some(*number),
        _ => None,
    }
}

fn timestamp(row: &Schema, name: &str) -> Result<(usize, i64), Refusal> {
    let column = Column::find(row, name)?;
    let units = match column.schema.name.as_deref() {
        Some(semantic::TIMESTAMP) => 1,
        Some(semantic::MICRO_TIMESTAMP) => 1000,
        Some(semantic::NANO_TIMESTAMP) => 1_000_000,
        other => {
            let found = other.map_or_else(|| column.schema.kind.name().to_owned(), str::to_owned);
            let reason = format!(
                "field {name:?} is of type {found}; an event's time is a timestamp without a zone, \
                 with time.precision.mode other than connect or isostring"
            );
            return Err(Refusal::Unsuitable(reason));
        }
    };
    Ok((column.place, units))
}

/// Makes values of payloads and what stands beside them.
#[derive(Debug, Default)]
pub(super) struct Enveloped {
    schemas: Vec<Arc<Schema>>,
    /// For payload schemas that were seen, by address: the version, and where the schema stands in `schemas`.
    seen: Vec<(Arc<Schema>, Option<i32>, usize)>,
}

impl Enveloped {
    /// A struct of the payload and what stands beside it.
    pub(super) fn wrap(&mut self, outbox: &Outbox, row: &[Value], payload: Datum, route: &str) -> Datum {
        let version = outbox.version.and_then(|place| int32(row, place));
        let schema = self.schema(outbox, &payload.schema, version, route);
        let beside = outbox.enveloped.iter().map(|(_, column)| envelope::get(row, column.place, &column.schema));
        let value = Value::Struct(std::iter::once(payload.value).chain(beside).collect());
        Datum { schema, value }
    }

    /// The schema of values with such a payload. Its name has the route of the first of them, whatever the routes of
    /// those behind it: so has Debezium's, and names in a registry depend on it.
    fn schema(&mut self, outbox: &Outbox, payload: &Arc<Schema>, version: Option<i32>, route: &str) -> Arc<Schema> {
        let fields = || {
            let beside = outbox
                .enveloped
                .iter()
                .map(|(alias, column)| Field::new(Arc::clone(alias), Arc::clone(&column.schema)));
            std::iter::once(Field::new("payload", Arc::clone(payload))).chain(beside)
        };
        let is_seen = |(schema, of, place): &&(Arc<Schema>, Option<i32>, usize)| {
            let beside = || self.schemas[*place].fields().iter().skip(1).map(|field| &field.schema);
            Arc::ptr_eq(schema, payload)
                && *of == version
                && beside().eq(outbox.enveloped.iter().map(|(_, column)| &column.schema))
        };
        if let Some((_, _, place)) = self.seen.iter().find(is_seen) {
            return Arc::clone(&self.schemas[*place]);
        }
        let is_same = |schema: &Arc<Schema>| schema.version == version && schema.fields().iter().cloned().eq(fields());
        let place = self.schemas.iter().position(is_same).unwrap_or_else(|| {
            if self.schemas.len() >= ENVELOPED_MAX {
                self.schemas.clear();
                self.seen.clear();
            }
            let name = schema_name(outbox.name.as_deref(), route);
            let schema = Schema { version, ..Schema::structure(name, fields().collect()) };
            self.schemas.push(schema.into());
            self.schemas.len() - 1
        });
        if self.seen.len() >= ENVELOPED_MAX {
            self.seen.clear();
        }
        self.seen.push((Arc::clone(payload), version, place));
        Arc::clone(&self.schemas[place])
    }
}

/// The row's name with the route before its last part.
fn schema_name(row: Option<&str>, route: &str) -> String {
    match row.map(|row| row.rsplit_once('.').ok_or(row)) {
        Some(Ok((space, last))) => format!("{space}.{route}.{last}"),
        Some(Err(row)) => format!("{route}.{row}"),
        None => route.to_owned(),
    }
}
