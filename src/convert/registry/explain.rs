//! Whether one schema reads what another writes, and why not: where a registry is not asked, or does not say.

use apache_avro::Schema;
use apache_avro::error::CompatibilityError;
use apache_avro::schema_compatibility::SchemaCompatibility;
use serde_json::Value;

use super::{Definition, SchemaType};

/// Why the reader's schema cannot read what the writer's writes. Where that cannot be told here it counts as readable: JSON
/// Schema has no such rule, and a registry's Avro may be looser than ours.
pub(super) fn can_read(kind: SchemaType, writer: &str, reader: &str) -> Result<(), String> {
    if kind != SchemaType::Avro {
        return Ok(());
    }
    let (Ok(writer), Ok(reader)) = (Schema::parse_str(writer), Schema::parse_str(reader)) else { return Ok(()) };
    match SchemaCompatibility::can_read(&writer, &reader) {
        // Registries look at a record's name without its namespace, or not at all.
        Ok(_) | Err(CompatibilityError::NameMismatch { .. } | CompatibilityError::Inconclusive(_)) => Ok(()),
        Err(error) => Err(chain(&error)),
    }
}

/// The error and its causes: the innermost says most.
fn chain(error: &CompatibilityError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// In what the fields of a new schema differ from those of the latest one, so far as a level minds. Registries say of a row
/// within an envelope only that the row differs.
pub(super) fn changed_fields(schema: &Definition, latest: &str) -> Vec<String> {
    let (Ok(new), Ok(old)) = (serde_json::from_str(&schema.text), serde_json::from_str(latest)) else {
        return Vec::new();
    };
    let (mut news, mut olds) = (Vec::new(), Vec::new());
    records(&new, &mut news);
    records(&old, &mut olds);
    let mut changes = Vec::new();
    for (name, new) in &news {
        let Some((_, old)) = olds.iter().find(|(other, _)| other == name) else { continue };
        let find =
            |fields: &[Value], field: &Value| fields.iter().find(|other| other["name"] == field["name"]).cloned();
        for field in *new {
            let (of, name) = (field["name"].as_str().unwrap_or_default(), name);
            match find(old, field) {
                None if field.get("default").is_none() => {
                    changes.push(format!("field '{of}' of {name} is new and has no default"));
                }
                // A record within is told by itself.
                Some(old) if old["type"] != field["type"] && !field["type"].to_string().contains("\"fields\"") => {
                    changes.push(format!("field '{of}' of {name} was {}, and is {}", old["type"], field["type"]));
                }
                _ => {}
            }
        }
        for field in old.iter().filter(|field| field.get("default").is_none() && find(new, field).is_none()) {
            let of = field["name"].as_str().unwrap_or_default();
            changes.push(format!("field '{of}' of {name} is gone and had no default"));
        }
    }
    changes
}

/// The records within a schema, by name, with their fields.
fn records<'a>(json: &'a Value, found: &mut Vec<(&'a str, &'a [Value])>) {
    match json {
        Value::Array(parts) => parts.iter().for_each(|part| records(part, found)),
        Value::Object(parts) => {
            if let (Some(name), Some(fields)) = (json["name"].as_str(), json["fields"].as_array()) {
                found.push((name, fields));
            }
            parts.iter().filter(|(key, _)| *key != "default").for_each(|(_, part)| records(part, found));
        }
        _ => {}
    }
}

/// Why a schema is not compatible with the latest one, by the level in force.
pub(super) fn difference(schema: &Definition, latest: &str, level: Option<&str>) -> Vec<String> {
    let level = level.unwrap_or_default();
    let both = level.starts_with("FULL");
    let mut reasons = Vec::new();
    if (both || level.starts_with("BACKWARD"))
        && let Err(reason) = can_read(schema.kind, latest, &schema.text)
    {
        reasons.push(format!("the new schema cannot read what the latest one wrote: {reason}"));
    }
    if (both || level.starts_with("FORWARD"))
        && let Err(reason) = can_read(schema.kind, &schema.text, latest)
    {
        reasons.push(format!("the latest schema cannot read what the new one writes: {reason}"));
    }
    reasons
}
