//! The JSON schema of a Connect schema: `JsonSchemaData.fromConnectSchema`, and the text that everit's library makes of it,
//! member for member in its order.

use super::{ENUM, GENERALIZED_ENUM, JsonSchemaData, hash_order};
use crate::convert::Fault;
use crate::convert::json::{Plan, text};
use crate::data::{Field, Kind, Schema, Value, semantic};

/// Parameters that start so are the converter's own.
const NAMESPACE: &str = "io.confluent.connect.json";
/// The symbol of an enum that stands for null.
const NULL_SYMBOL: &str = "<NULL>";
/// A struct of this name is a choice between its fields.
const ONE_OF: &str = "io.confluent.connect.json.OneOf";
/// So is one with this parameter.
const UNION: &str = "org.apache.kafka.connect.data.Union";
/// A value that brings its own type along.
const VARIANT: &str = "org.apache.kafka.connect.data.Variant";

impl JsonSchemaData {
    pub(super) fn schema_text(&self, schema: &Schema) -> Result<String, Fault> {
        let mut out = Vec::with_capacity(1024);
        self.write(&mut out, schema, None)?;
        Ok(String::from_utf8_lossy(&out).into_owned())
    }

    /// `index`: the place within a struct.
    fn write(&self, out: &mut Vec<u8>, schema: &Schema, index: Option<usize>) -> Result<(), Fault> {
        out.push(b'{');
        if schema.optional {
            if let Some(index) = index {
                write_number(out, "connect.index", index);
            }
            write_key(out, "oneOf");
            out.extend_from_slice(b"[{\"type\":\"null\"},{");
            self.write_members(out, schema, None)?;
            out.extend_from_slice(b"}]");
        } else {
            self.write_members(out, schema, index)?;
        }
        out.push(b'}');
        Ok(())
    }

    /// The members of a schema, without regard to null.
    fn write_members(&self, out: &mut Vec<u8>, schema: &Schema, index: Option<usize>) -> Result<(), Fault> {
        let numeric = self.style.numeric && schema.name.as_deref() == Some(semantic::DECIMAL);
        let connect_type = connect_type(&schema.kind);
        match &schema.kind {
            Kind::Int8 | Kind::Int16 | Kind::Int32 | Kind::Int64 => write_text(out, "type", "integer"),
            Kind::Float32 | Kind::Float64 => write_text(out, "type", "number"),
            Kind::Bytes => write_text(out, "type", if numeric { "number" } else { "string" }),
            Kind::Text => self.write_text_type(out, schema),
            // The type of a boolean stands last.
            Kind::Bool => {}
            Kind::Array(_) => write_text(out, "type", "array"),
            Kind::Map(key, _) => write_text(out, "type", if is_name(key) { "object" } else { "array" }),
            Kind::Struct(_) => {
                refuse_choices(schema)?;
                write_text(out, "type", "object");
                if !self.additional_properties {
                    write_key(out, "additionalProperties");
                    out.extend_from_slice(b"false");
                }
            }
        }
        self.write_annotations(out, schema, index, connect_type)?;
        match &schema.kind {
            Kind::Bool => write_text(out, "type", "boolean"),
            Kind::Array(element) => {
                write_key(out, "items");
                self.write(out, element, None).map_err(|fault| fault.within("[]"))?;
            }
            Kind::Map(key, value) if is_name(key) => {
                write_key(out, "additionalProperties");
                self.write(out, value, None).map_err(|fault| fault.within("{}"))?;
            }
            Kind::Map(key, value) => {
                let entry =
                    [Field::new("key", std::sync::Arc::clone(key)), Field::new("value", std::sync::Arc::clone(value))];
                write_key(out, "items");
                out.extend_from_slice(b"{\"type\":\"object\"");
                self.write_properties(out, &entry).map_err(|fault| fault.within("{}"))?;
                out.push(b'}');
            }
            Kind::Struct(fields) => self.write_properties(out, fields)?,
            _ => {}
        }
        Ok(())
    }

    /// Text, or one of the symbols that the parameters hold.
    fn write_text_type(&self, out: &mut Vec<u8>, schema: &Schema) {
        if !schema.parameters.iter().any(|(name, _)| matches!(&**name, ENUM | GENERALIZED_ENUM)) {
            return write_text(out, "type", "string");
        }
        let symbol = |name| str::strip_prefix(name, self.enum_parameter)?.strip_prefix('.');
        let symbols = schema.parameters.iter().filter_map(|(name, _)| symbol(name));
        let mut symbols: Vec<_> = symbols.map(|symbol| (symbol != NULL_SYMBOL).then_some(symbol)).collect();
        hash_order::of_map(&mut symbols, |symbol| *symbol);
        write_key(out, "enum");
        out.push(b'[');
        for (place, symbol) in symbols.into_iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            match symbol {
                Some(symbol) => text::write(out, symbol),
                None => out.extend_from_slice(b"null"),
            }
        }
        out.push(b']');
    }

    /// What every schema may have.
    fn write_annotations(
        &self,
        out: &mut Vec<u8>,
        schema: &Schema,
        index: Option<usize>,
        connect_type: Option<&str>,
    ) -> Result<(), Fault> {
        if let Some(name) = &schema.name {
            write_text(out, "title", name);
        }
        if let Some(doc) = &schema.doc {
            write_text(out, "description", doc);
        }
        if let Some(default) = &schema.default {
            write_key(out, "default");
            out.extend_from_slice(&self.default_text(schema, default)?);
        }
        // The rest in the order of its hashes.
        if let Some(index) = index {
            write_number(out, "connect.index", index);
        }
        if let Some(version) = schema.version {
            write_number(out, "connect.version", version);
        }
        if let Some(connect_type) = connect_type {
            write_text(out, "connect.type", connect_type);
        }
        let parameters = schema.parameters.iter().map(|(name, value)| (&**name, &**value));
        let mut parameters: Vec<_> = parameters.filter(|(name, _)| !name.starts_with(NAMESPACE)).collect();
        if !parameters.is_empty() {
            hash_order::of_map(&mut parameters, |(name, _)| Some(name));
            hash_order::of_copy(&mut parameters, |(name, _)| Some(name));
            write_key(out, "connect.parameters");
            out.push(b'{');
            for (name, value) in parameters {
                write_text(out, name, value);
            }
            out.push(b'}');
        }
        Ok(())
    }

    /// The default as the payload would have it. `org.json` cuts the zeros behind a decimal point.
    fn default_text(&self, schema: &Schema, default: &Value) -> Result<Vec<u8>, Fault> {
        let is_finite = match default {
            Value::Float32(number) => number.is_finite(),
            Value::Float64(number) => number.is_finite(),
            _ => true,
        };
        if !is_finite {
            let reason = "the default is no finite number, and JSON has no other; give the column another default";
            return Err(Fault::new(reason.to_owned()));
        }
        let mut text = Plan::default(schema, default, self.style)?;
        if !text.starts_with(b"\"") && text.contains(&b'.') && !text.contains(&b'E') {
            let zeros = text.iter().rev().take_while(|digit| **digit == b'0').count();
            text.truncate(text.len() - zeros);
            text.pop_if(|last| *last == b'.');
        }
        Ok(text)
    }

    fn write_properties(&self, out: &mut Vec<u8>, fields: &[Field]) -> Result<(), Fault> {
        if fields.is_empty() {
            return Ok(());
        }
        let mut fields: Vec<(usize, &Field)> = fields.iter().enumerate().collect();
        hash_order::of_map(&mut fields, |(_, field)| Some(&field.name));
        write_key(out, "properties");
        out.push(b'{');
        for (index, field) in fields {
            write_key(out, &field.name);
            self.write(out, &field.schema, Some(index)).map_err(|fault| fault.within(&*field.name))?;
        }
        out.push(b'}');
        Ok(())
    }
}

/// Whether such keys of a map can be the names of an object.
fn is_name(key: &Schema) -> bool {
    key.kind == Kind::Text && !key.optional
}

fn refuse_choices(schema: &Schema) -> Result<(), Fault> {
    let is_choice = matches!(schema.name.as_deref(), Some(ONE_OF | VARIANT))
        || schema.parameters.iter().any(|(name, _)| &**name == UNION);
    if !is_choice {
        return Ok(());
    }
    let name = schema.name.as_deref().unwrap_or(UNION);
    Err(Fault::new(format!("a struct that is a choice of types ({name}) is not supported")))
}

/// What JSON's types do not tell.
const fn connect_type(kind: &Kind) -> Option<&'static str> {
    match kind {
        Kind::Int8 => Some("int8"),
        Kind::Int16 => Some("int16"),
        Kind::Int32 => Some("int32"),
        Kind::Int64 => Some("int64"),
        Kind::Float32 => Some("float32"),
        Kind::Float64 => Some("float64"),
        Kind::Bytes => Some("bytes"),
        Kind::Map(..) => Some("map"),
        Kind::Bool | Kind::Text | Kind::Array(_) | Kind::Struct(_) => None,
    }
}

/// The key of a member, after a comma unless it is the first one.
fn write_key(out: &mut Vec<u8>, key: &str) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    text::write(out, key);
    out.push(b':');
}

fn write_text(out: &mut Vec<u8>, key: &str, value: &str) {
    write_key(out, key);
    text::write(out, value);
}

fn write_number(out: &mut Vec<u8>, key: &str, value: impl itoa::Integer) {
    write_key(out, key);
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}
