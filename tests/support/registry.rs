//! Looks into a schema registry, and reads what was written with its schemas by an independent library.

use std::collections::BTreeMap;

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value as Avro;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::RUNTIME;
use super::server::Server;

/// The root of Confluent's API.
pub(crate) fn api(server: &Server) -> String {
    format!("http://{}/apis/ccompat/v7", server.address())
}

/// A client of a registry.
pub(crate) struct Registry {
    root: String,
    schemas: BTreeMap<u32, (Value, Schema)>,
}

impl Registry {
    pub(crate) fn of(server: &Server) -> Self {
        Self { root: api(server), schemas: BTreeMap::new() }
    }

    /// What it answers.
    pub(crate) fn get(&self, path: &str) -> Value {
        RUNTIME.block_on(async { reqwest::get(format!("{}{path}", self.root)).await.unwrap().json().await.unwrap() })
    }

    /// The ids of a subject's versions, in order.
    pub(crate) fn versions(&self, subject: &str) -> Vec<i64> {
        self.get(&format!("/subjects/{subject}/versions"))
            .as_array()
            .map(|versions| versions.iter().filter_map(Value::as_i64).collect())
            .unwrap_or_default()
    }

    /// Sets a subject's compatibility.
    pub(crate) fn set_level(&self, subject: &str, level: &str) {
        let url = format!("{}/config/{subject}", self.root);
        let body = json!({"compatibility": level});
        let answer = RUNTIME.block_on(reqwest::Client::new().put(url).json(&body).send()).unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
    }

    /// A message in Confluent's form, read with the schema that its id names.
    pub(crate) fn decode(&mut self, message: &[u8]) -> Value {
        self.written(message).1
    }

    /// The schema that a message was written with, its attributes in the registry's order, and the datum: the values of
    /// unions bare, bytes as `{"$base64": …}`, whatever their logical types.
    pub(crate) fn written(&mut self, message: &[u8]) -> (Value, Value) {
        let id = id(message);
        let (text, schema) = self.schema(id);
        let mut datum = &message[5..];
        let reader = GenericDatumReader::builder(schema).build().unwrap();
        let value = reader.read_value(&mut datum).unwrap();
        assert!(datum.is_empty(), "{} bytes follow the datum", datum.len());
        (text.clone(), json(value))
    }

    /// The schema of an id, as the registry has it, and without what is no part of its bytes.
    fn schema(&mut self, id: u32) -> &(Value, Schema) {
        if !self.schemas.contains_key(&id) {
            let answer = self.get(&format!("/schemas/ids/{id}"));
            let text = answer["schema"].as_str().unwrap_or_else(|| panic!("no schema {id}: {answer}"));
            let text: Value = serde_json::from_str(text).unwrap();
            let mut bare = text.clone();
            drop_logical_types(&mut bare);
            self.schemas.insert(id, (text, Schema::parse(&bare).unwrap()));
        }
        &self.schemas[&id]
    }
}

/// The id of the schema that a message in Confluent's form was written with.
pub(crate) fn id(message: &[u8]) -> u32 {
    assert_eq!(message[0], 0, "it begins with a zero byte");
    u32::from_be_bytes(message[1..5].try_into().unwrap())
}

/// Values stay as they are in the bytes.
fn drop_logical_types(schema: &mut Value) {
    match schema {
        Value::Object(attributes) => {
            attributes.shift_remove("logicalType");
            attributes.values_mut().for_each(drop_logical_types);
        }
        Value::Array(elements) => elements.iter_mut().for_each(drop_logical_types),
        _ => {}
    }
}

fn json(value: Avro) -> Value {
    match value {
        Avro::Union(_, value) => json(*value),
        Avro::Record(fields) => Value::Object(fields.into_iter().map(|(name, value)| (name, json(value))).collect()),
        Avro::Array(elements) => elements.into_iter().map(json).collect(),
        Avro::Bytes(bytes) | Avro::Fixed(_, bytes) => json!({"$base64": STANDARD.encode(bytes)}),
        other => other.try_into().unwrap(),
    }
}
