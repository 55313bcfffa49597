//! The place of an event in its log, as its `source` block tells it, and the ids that are made of it.

use sha1::{Digest, Sha1};
use uuid::Builder;

use crate::data::{Datum, Schema, Value};

/// The namespace of the ids (RFC 9562, version 5): the UUID, in the namespace of URLs, of this class's name.
const NAMESPACE: [u8; 16] =
    [0xda, 0x71, 0x61, 0xa1, 0x87, 0x3d, 0x50, 0xb8, 0xb8, 0xbf, 0xb4, 0xef, 0x1f, 0x7f, 0xfe, 0x6b];

/// What of the `source` block says where in the log an event stands, and stays the same when it is read again: not the times,
/// and not PostgreSQL's `sequence`, whose first part is unknown after a start. A log's record may hold several rows.
const PLACE: &[&str] = &["connector", "name", "db", "schema", "table", "lsn", "txId", "gtid", "file", "pos", "row"];

/// What names a transaction: PostgreSQL's number, or MySQL's global id.
const TRANSACTION: &[&str] = &["txId", "gtid"];

/// Where things stand in envelopes of one schema.
#[derive(Debug)]
pub(super) struct Envelope {
    before: Option<usize>,
    after: Option<usize>,
    op: usize,
    source: usize,
    transaction: Option<usize>,
    /// In the source block.
    place: Vec<usize>,
    /// What names the server: the connector and its logical name.
    server: Vec<usize>,
    transaction_names: Vec<usize>,
    table: Option<usize>,
}

impl Envelope {
    /// Where things stand; `None`: it is no envelope.
    pub(super) fn of(schema: &Schema) -> Option<Self> {
        let (op, source) = (schema.index_of("op")?, schema.index_of("source")?);
        let block = &schema.fields().get(source)?.schema;
        let places = |names: &[&str]| names.iter().filter_map(|name| block.index_of(name)).collect();
        Some(Self {
            before: schema.index_of("before"),
            after: schema.index_of("after"),
            op,
            source,
            transaction: schema.index_of("transaction"),
            place: places(PLACE),
            server: places(&["connector", "name"]),
            transaction_names: places(TRANSACTION),
            table: block.index_of("table"),
        })
    }

    /// The schema of the rows.
    pub(super) fn row_schema<'s>(&self, schema: &'s Schema) -> Option<&'s Schema> {
        schema.fields().get(self.after.or(self.before)?).map(|field| &*field.schema)
    }

    /// The row as it is now, or as it was before it was deleted.
    pub(super) fn row<'v>(&self, fields: &'v [Value]) -> Option<&'v [Value]> {
        let at = |place: Option<usize>| fields.get(place?).and_then(Value::as_struct);
        at(self.after).or_else(|| at(self.before))
    }

    fn block<'v>(&self, fields: &'v [Value]) -> &'v [Value] {
        fields.get(self.source).and_then(Value::as_struct).unwrap_or_default()
    }

    /// The table and what happened to its row: `orders.created`.
    pub(super) fn event_type(&self, fields: &[Value]) -> Option<String> {
        let happened = match fields.get(self.op)?.as_str()? {
            "r" => "read",
            "c" => "created",
            "u" => "updated",
            "d" => "deleted",
            "t" => "truncated",
            _ => return None,
        };
        let table = self.block(fields).get(self.table?)?.as_str().filter(|table| !table.is_empty())?;
        Some(format!("{table}.{happened}"))
    }
}

/// The id of an event: of its place in the log, what happened, and its key; of a row without a key, of the row.
pub(super) fn id_of_event(envelope: &Envelope, key: Option<&Datum>, fields: &[Value]) -> String {
    let mut hash = Sha1::new_with_prefix(NAMESPACE);
    hash.update(b"event");
    let block = envelope.block(fields);
    envelope.place.iter().for_each(|place| feed(&mut hash, block.get(*place).unwrap_or(&Value::Null)));
    feed(&mut hash, fields.get(envelope.op).unwrap_or(&Value::Null));
    match key {
        Some(key) => feed(&mut hash, &key.value),
        None => [envelope.before, envelope.after]
            .into_iter()
            .flatten()
            .for_each(|place| feed(&mut hash, fields.get(place).unwrap_or(&Value::Null))),
    }
    version_5(hash)
}

/// The id of an event's transaction, as transaction metadata or the source block names it; `None`: it is not known.
pub(super) fn id_of_transaction(envelope: &Envelope, fields: &[Value]) -> Option<String> {
    let block = envelope.block(fields);
    // The metadata's id begins with the same name: `txId:lsn` in PostgreSQL, `gtid` in MySQL.
    let named = envelope.transaction_names.iter().filter_map(|place| block.get(*place)).find(|name| !name.is_null());
    let metadata = || fields.get(envelope.transaction?).and_then(Value::as_struct)?.first();
    let id = named.or_else(metadata).filter(|id| !id.is_null())?;
    let mut hash = Sha1::new_with_prefix(NAMESPACE);
    hash.update(b"transaction");
    envelope.server.iter().for_each(|place| feed(&mut hash, block.get(*place).unwrap_or(&Value::Null)));
    feed(&mut hash, id);
    Some(version_5(hash))
}

fn version_5(hash: Sha1) -> String {
    let digest = hash.finalize();
    let bytes = std::array::from_fn(|place| digest.get(place).copied().unwrap_or_default());
    Builder::from_sha1_bytes(bytes).into_uuid().to_string()
}

/// Hashes a value so that no two values are the same bytes: its kind, its length, its content.
fn feed(hash: &mut Sha1, value: &Value) {
    let mut tagged = |tag: u8, bytes: &[u8]| {
        hash.update([tag]);
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    match value {
        Value::Null => tagged(0, &[]),
        Value::Bool(value) => tagged(1, &[u8::from(*value)]),
        Value::Int8(value) => tagged(2, &i64::from(*value).to_be_bytes()),
        Value::Int16(value) => tagged(2, &i64::from(*value).to_be_bytes()),
        Value::Int32(value) => tagged(2, &i64::from(*value).to_be_bytes()),
        Value::Int64(value) => tagged(2, &value.to_be_bytes()),
        Value::Float32(value) => tagged(3, &value.to_be_bytes()),
        Value::Float64(value) => tagged(4, &value.to_be_bytes()),
        Value::Text(text) => tagged(5, text.as_str().as_bytes()),
        Value::Bytes(bytes) => tagged(6, bytes),
        Value::Array(values) | Value::Struct(values) => {
            tagged(7, &(values.len() as u64).to_be_bytes());
            values.iter().for_each(|value| feed(hash, value));
        }
        Value::Map(entries) => {
            tagged(8, &(entries.len() as u64).to_be_bytes());
            entries.iter().flat_map(|(key, value)| [key, value]).for_each(|value| feed(hash, value));
        }
    }
}
