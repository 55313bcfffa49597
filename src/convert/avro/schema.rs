//! The Avro schema of a Connect schema: `AvroData.fromConnectSchema`, and `Schema.toString` of Avro 1.12.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value as Json, json};

use super::default::{Floats, json_of};
use super::names::{self, FullName, NAMESPACE};
use super::options::{enum_parameters, fixed_size, is_union, parameter};
use super::{AvroData, Fault};
use crate::data::{Field, Kind, Schema, semantic};

/// The name of entries of a map whose keys are no text, and the mark of those that have another name.
const MAP_ENTRY: &str = "MapEntry";
const DECIMAL_PRECISION: &str = "connect.decimal.precision";
const DECIMAL_PRECISION_DEFAULT: i32 = 64;
/// The mark of a default that came from the field of an Avro schema.
const FIELD_DEFAULT: &str = "io.confluent.connect.avro.field.default";

/// The Avro schema of a Connect schema.
#[derive(Debug)]
pub(in crate::convert) struct AvroSchema {
    /// Its JSON text, with the attributes in the order of Java's.
    pub(in crate::convert) text: String,
    /// The full name, if it is a record.
    pub(in crate::convert) name: Option<String>,
}

impl AvroData {
    /// The Avro schema of a Connect schema: `AvroData.fromConnectSchema`.
    ///
    /// # Errors
    /// A name that Avro does not take, one name for two schemas, parameters that cannot be read.
    pub(in crate::convert) fn schema_of(&self, schema: &Schema) -> Result<AvroSchema, Fault> {
        let mut made = Derivation {
            data: self,
            named: HashMap::new(),
            unnamed: Vec::new(),
            unnamed_count: 0,
            seen: HashSet::new(),
        };
        let json = made.of(schema, None)?;
        check(&json)?;
        let name = match schema.kind {
            Kind::Struct(_) if json.get("type").is_some_and(|kind| kind == "record") => made.first_name(&json),
            _ => None,
        };
        Ok(AvroSchema { text: json.to_string(), name })
    }
}

/// A schema in the making.
struct Derivation<'a> {
    data: &'a AvroData,
    /// What has which full name; the second time the name alone is written.
    named: HashMap<FullName, &'a Schema>,
    /// Structs without a name, and what they were called.
    unnamed: Vec<(&'a Schema, FullName)>,
    unnamed_count: usize,
    /// Connect names of the fields so far.
    seen: HashSet<String>,
}

impl<'a> Derivation<'a> {
    /// The schema, as it is written within a namespace.
    fn of(&mut self, schema: &'a Schema, space: Option<&str>) -> Result<Json, Fault> {
        if is_union(schema) {
            return self.union(schema, space);
        }
        let bare = self.bare(schema, space)?;
        let is_struct = matches!(schema.kind, Kind::Struct(_));
        Ok(match (schema.optional, &schema.default) {
            (false, _) => bare,
            // A default is one of the first branch; the null of a struct stands first nevertheless.
            (true, Some(_)) if !is_struct => json!([bare, "null"]),
            (true, _) => json!(["null", bare]),
        })
    }

    /// A struct that stands for a union.
    fn union(&mut self, schema: &'a Schema, space: Option<&str>) -> Result<Json, Fault> {
        let mut branches = if schema.optional { vec![Json::from("null")] } else { Vec::new() };
        for field in schema.fields() {
            branches.push(self.bare(&field.schema, space).map_err(|fault| fault.within(&*field.name))?);
        }
        Ok(Json::Array(branches))
    }

    /// The schema as if it were required.
    fn bare(&mut self, schema: &'a Schema, space: Option<&str>) -> Result<Json, Fault> {
        let mut json = Map::new();
        let mut simple = |name: &str| _ = json.insert("type".to_owned(), name.into());
        match &schema.kind {
            Kind::Bool => simple("boolean"),
            Kind::Int8 | Kind::Int16 | Kind::Int32 => simple("int"),
            Kind::Int64 => simple("long"),
            Kind::Float32 => simple("float"),
            Kind::Float64 => simple("double"),
            Kind::Text => match self.data.enum_parameter(schema) {
                None => simple("string"),
                Some(parameter) => match self.enumeration(schema, parameter, space)? {
                    Named::Known(name) => return Ok(name),
                    Named::New(made) => json = made,
                },
            },
            Kind::Bytes => match fixed_size(schema) {
                None => simple("bytes"),
                Some(size) => match self.fixed(schema, size, space)? {
                    Named::Known(name) => return Ok(name),
                    Named::New(made) => json = made,
                },
            },
            Kind::Array(element) => {
                simple("array");
                json.insert("items".to_owned(), self.of(element, space).map_err(|fault| fault.within("[]"))?);
            }
            Kind::Map(key, value) if self.data.has_text_keys(key) => {
                simple("map");
                json.insert("values".to_owned(), self.of(value, space).map_err(|fault| fault.within("{}"))?);
            }
            Kind::Map(key, value) => {
                simple("array");
                json.insert("items".to_owned(), self.entries(schema, [key, value], space)?);
            }
            Kind::Struct(fields) => match self.record(schema, fields, space)? {
                Named::Known(name) => return Ok(name),
                Named::New(made) => json = made,
            },
        }
        self.annotate(&mut json, schema)?;
        let is_plain = json.len() == 1;
        Ok(match json.get("type") {
            Some(name) if is_plain => name.clone(),
            _ => Json::Object(json),
        })
    }

    /// What the schema says beyond its type.
    fn annotate(&self, json: &mut Map<String, Json>, schema: &Schema) -> Result<(), Fault> {
        let logical = logical_type(schema);
        if logical == Some("decimal") {
            let scale = parameter(schema, "scale").ok_or("lacks the parameter scale").and_then(number);
            let precision = parameter(schema, DECIMAL_PRECISION).map_or(Ok(DECIMAL_PRECISION_DEFAULT), number);
            let wrong = |reason| Fault::new(format!("the schema of a decimal {reason}"));
            json.insert("scale".to_owned(), scale.map_err(wrong)?.into());
            json.insert("precision".to_owned(), precision.map_err(wrong)?.into());
        }
        if self.data.meta_data {
            self.annotate_connect(json, schema)?;
        }
        if let Some(logical) = logical {
            json.insert("logicalType".to_owned(), logical.into());
        }
        for (name, value) in schema.parameters.iter().filter(|(name, _)| name.starts_with("avro")) {
            json.insert((**name).to_owned(), (**value).into());
        }
        Ok(())
    }

    fn annotate_connect(&self, json: &mut Map<String, Json>, schema: &Schema) -> Result<(), Fault> {
        if let Some(doc) = &schema.doc {
            json.insert("connect.doc".to_owned(), (**doc).into());
        }
        if let Some(version) = schema.version {
            json.insert("connect.version".to_owned(), version.into());
        }
        if let Some(parameters) = self.parameters(schema) {
            json.insert("connect.parameters".to_owned(), parameters);
        }
        let default = schema.default.as_ref().filter(|default| !default.is_null());
        let is_fields = !self.data.discard_doc && parameter(schema, FIELD_DEFAULT).is_some();
        if let Some(default) = default.filter(|_| !is_fields) {
            json.insert("connect.default".to_owned(), json_of(self.data, schema, default, Floats::Short)?.json);
        }
        if let Some(name) = &schema.name {
            json.insert("connect.name".to_owned(), (**name).into());
        }
        match schema.kind {
            Kind::Int8 => _ = json.insert("connect.type".to_owned(), "int8".into()),
            Kind::Int16 => _ = json.insert("connect.type".to_owned(), "int16".into()),
            _ => {}
        }
        Ok(())
    }

    /// The parameters as an object, if there are any.
    fn parameters(&self, schema: &Schema) -> Option<Json> {
        let told = schema.parameters.iter().filter(|(name, _)| self.data.discard_doc || &**name != FIELD_DEFAULT);
        let object: Map<String, Json> = told.map(|(name, value)| ((**name).to_owned(), (**value).into())).collect();
        (!object.is_empty()).then_some(Json::Object(object))
    }

    fn record(&mut self, schema: &'a Schema, fields: &'a [Field], space: Option<&str>) -> Result<Named, Fault> {
        let name = match &schema.name {
            Some(name) => FullName::of_connect(name, self.data.scrub)?,
            None => self.unnamed(schema),
        };
        let mut json = match self.begin("record", &name, schema, space)? {
            Named::New(json) => json,
            known @ Named::Known(_) => return Ok(known),
        };
        let doc = if self.data.discard_doc { "connect.record.doc" } else { "io.confluent.connect.avro.record.doc" };
        if let Some(doc) = parameter(schema, doc) {
            json.insert("doc".to_owned(), doc.into());
        }
        let mut made = Vec::with_capacity(fields.len());
        for field in fields {
            let doc = parameter(schema, &format!("io.confluent.connect.avro.field.doc.{}", field.name));
            let json = self.field(&field.name, &field.schema, doc, name.space.as_deref());
            made.push(json.map_err(|fault| fault.within(&*field.name))?);
        }
        json.insert("fields".to_owned(), Json::Array(made));
        Ok(Named::New(json))
    }

    /// `addAvroRecordField`
    fn field(&mut self, name: &str, schema: &'a Schema, doc: Option<&str>, space: Option<&str>) -> Result<Json, Fault> {
        let scrubbed = self.data.name_of(name);
        if !names::is_name(&scrubbed) {
            return Err(names::no_name("field", name));
        }
        let is_seen = schema.name.as_ref().is_some_and(|name| !self.seen.insert((**name).to_owned()));
        let kind = self.of(schema, space)?;
        let is_named = is_named(self.data, schema);
        let mut json = Map::new();
        json.insert("name".to_owned(), scrubbed.into_owned().into());
        json.insert("type".to_owned(), kind);
        let doc = if self.data.discard_doc { schema.doc.as_deref() } else { doc };
        if let Some(doc) = doc {
            json.insert("doc".to_owned(), doc.into());
        }
        match schema.default.as_ref().filter(|default| !default.is_null()) {
            Some(default) => {
                let default = json_of(self.data, schema, default, Floats::Widened)?;
                if default.is_valid {
                    json.insert("default".to_owned(), default.json);
                }
            }
            None if schema.optional => _ = json.insert("default".to_owned(), Json::Null),
            None => {}
        }
        // The type itself is a mere name here, so that its parameters would be lost.
        if self.data.meta_data && is_seen && is_named {
            json.extend(self.parameters(schema).map(|parameters| ("connect.parameters".to_owned(), parameters)));
        }
        Ok(Json::Object(json))
    }

    /// The record of a map's entries.
    fn entries(&mut self, schema: &'a Schema, parts: [&'a Schema; 2], space: Option<&str>) -> Result<Json, Fault> {
        let name = match &schema.name {
            Some(name) => FullName::of_connect(name, self.data.scrub)?,
            None => FullName { space: Some(NAMESPACE.to_owned()), name: MAP_ENTRY.to_owned() },
        };
        let mut json = match self.begin("record", &name, schema, space)? {
            Named::New(json) => json,
            Named::Known(name) => return Ok(name),
        };
        let mut fields = Vec::new();
        for (part, schema) in ["key", "value"].into_iter().zip(parts) {
            fields.push(self.field(part, schema, None, name.space.as_deref()).map_err(|fault| fault.within(part))?);
        }
        json.insert("fields".to_owned(), Json::Array(fields));
        if schema.name.is_some() {
            json.insert("connect.internal.type".to_owned(), MAP_ENTRY.into());
        }
        Ok(Json::Object(json))
    }

    fn enumeration(&mut self, schema: &'a Schema, prefix: &str, space: Option<&str>) -> Result<Named, Fault> {
        let name =
            parameter(schema, prefix).ok_or_else(|| Fault::new(format!("the enum lacks its parameter {prefix}")))?;
        let name = FullName::of_connect(name, false)?;
        let mut json = match self.begin("enum", &name, schema, space)? {
            Named::New(json) => json,
            known @ Named::Known(_) => return Ok(known),
        };
        // Docs and defaults are under the short name of the Connect schema.
        let short = match &schema.name {
            Some(name) => FullName::of_connect(name, self.data.scrub)?.name,
            None => self.next_unnamed().name,
        };
        let (doc, default) = if self.data.discard_doc {
            (parameter(schema, "connect.enum.doc"), None)
        } else {
            (
                parameter(schema, &format!("io.confluent.connect.avro.enum.doc.{short}")),
                parameter(schema, &format!("io.confluent.connect.avro.enum.default.{short}")),
            )
        };
        if let Some(doc) = doc {
            json.insert("doc".to_owned(), doc.into());
        }
        let symbols: Vec<&str> = symbols(schema, prefix).collect();
        if let Some(wrong) = symbols.iter().find(|symbol| !names::is_name(symbol)) {
            return Err(Fault::new(format!("Avro takes no symbol {wrong:?} in an enum; leave enums text")));
        }
        json.insert("symbols".to_owned(), symbols.into());
        if let Some(default) = default {
            json.insert("default".to_owned(), default.into());
        }
        Ok(Named::New(json))
    }

    fn fixed(&mut self, schema: &'a Schema, size: &str, space: Option<&str>) -> Result<Named, Fault> {
        let name = FullName::of_connect(schema.name.as_deref().unwrap_or_default(), self.data.scrub)?;
        let begun = self.begin("fixed", &name, schema, space)?;
        let Named::New(mut json) = begun else { return Ok(begun) };
        let size: u32 = size.parse().map_err(|_| Fault::new(format!("{size:?} is no size of a fixed")))?;
        json.insert("size".to_owned(), size.into());
        Ok(Named::New(json))
    }

    /// The head of a named type, or its name if it was written before.
    fn begin(&mut self, kind: &str, name: &FullName, schema: &'a Schema, space: Option<&str>) -> Result<Named, Fault> {
        if let Some(first) = self.named.get(name) {
            if !is_same_shape(first, schema) {
                let name = name.full();
                return Err(Fault::new(format!(
                    "two different schemas have the name {name}; Avro allows one of a name"
                )));
            }
            return Ok(Named::Known(name.within(space).into()));
        }
        self.named.insert(name.clone(), schema);
        let mut json = Map::new();
        json.insert("type".to_owned(), kind.into());
        json.insert("name".to_owned(), name.name.as_str().into());
        match &name.space {
            own if own.as_deref() == space => {}
            own => _ = json.insert("namespace".to_owned(), own.as_deref().unwrap_or_default().into()),
        }
        Ok(Named::New(json))
    }

    /// The name of a struct without one: that of an equal one, or the next.
    fn unnamed(&mut self, schema: &'a Schema) -> FullName {
        if let Some((_, name)) = self.unnamed.iter().find(|(known, _)| is_equal_but_for_null(known, schema)) {
            return name.clone();
        }
        let name = self.next_unnamed();
        self.unnamed.push((schema, name.clone()));
        name
    }

    fn next_unnamed(&mut self) -> FullName {
        self.unnamed_count += 1;
        let name = match self.unnamed_count {
            1 => "ConnectDefault".to_owned(),
            number => format!("ConnectDefault{number}"),
        };
        FullName { space: Some(NAMESPACE.to_owned()), name }
    }

    /// The full name of the record that was just made.
    fn first_name(&self, json: &Json) -> Option<String> {
        let text = |key| json.get(key).and_then(Json::as_str);
        let name = FullName { space: text("namespace").map(str::to_owned), name: text("name")?.to_owned() };
        debug_assert!(self.named.contains_key(&name), "the record was given its name");
        Some(name.full())
    }
}

/// A named type.
enum Named {
    /// Written before: its name.
    Known(Json),
    New(Map<String, Json>),
}

/// The symbols of an enum, in their order.
fn symbols<'a>(schema: &'a Schema, prefix: &str) -> impl Iterator<Item = &'a str> {
    schema.parameters.iter().filter_map(move |(name, _)| name.strip_prefix(prefix)?.strip_prefix('.'))
}

/// The logical type of Connect's own; names are compared as Confluent does, whatever their case.
fn logical_type(schema: &Schema) -> Option<&'static str> {
    let is = |name: &str| schema.name.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(name));
    match schema.kind {
        Kind::Bytes if is(semantic::DECIMAL) => Some("decimal"),
        Kind::Int32 if is(semantic::CONNECT_TIME) => Some("time-millis"),
        Kind::Int64 if is(semantic::CONNECT_TIMESTAMP) => Some("timestamp-millis"),
        Kind::Int32 if is(semantic::CONNECT_DATE) => Some("date"),
        _ => None,
    }
}

fn number(text: &str) -> Result<i32, &'static str> {
    text.parse().map_err(|_| "has a parameter that is no number")
}

/// Whether the type, or a branch of it, has a name of its own in Avro.
fn is_named(data: &AvroData, schema: &Schema) -> bool {
    match &schema.kind {
        Kind::Struct(fields) if is_union(schema) => fields.iter().any(|field| is_named(data, &field.schema)),
        Kind::Struct(_) => true,
        _ => data.enum_parameter(schema).is_some() || fixed_size(schema).is_some(),
    }
}

/// Whether two schemas of one name are one type for Avro: what is written looks the same.
fn is_same_shape(one: &Schema, two: &Schema) -> bool {
    let is_same = |one: &Schema, two: &Schema| {
        // The default decides which branch stands first.
        (one.optional, one.optional && one.default.is_some()) == (two.optional, two.optional && two.default.is_some())
            && one.name == two.name
            && is_same_shape(one, two)
    };
    match (&one.kind, &two.kind) {
        (Kind::Struct(one), Kind::Struct(two)) => {
            let mut pairs = one.iter().zip(two);
            one.len() == two.len() && pairs.all(|(one, two)| one.name == two.name && is_same(&one.schema, &two.schema))
        }
        (Kind::Array(one), Kind::Array(two)) => is_same(one, two),
        (Kind::Map(one_key, one), Kind::Map(two_key, two)) => is_same(one_key, two_key) && is_same(one, two),
        (Kind::Text, Kind::Text) => enum_parameters(one).eq(enum_parameters(two)),
        (Kind::Bytes, Kind::Bytes) => fixed_size(one) == fixed_size(two),
        (one, two) => one == two,
    }
}

fn is_equal_but_for_null(one: &Schema, two: &Schema) -> bool {
    (&one.kind, &one.name, &one.version, &one.doc, &one.parameters, &one.default)
        == (&two.kind, &two.name, &two.version, &two.doc, &two.parameters, &two.default)
}

/// Holds the schema against another's eyes. Defaults are left out: apache-avro knows none of logical types, and they were made
/// of values that fit.
fn check(json: &Json) -> Result<(), Fault> {
    let parsed = apache_avro::Schema::parse(&without_defaults(json.clone()));
    parsed.map(drop).map_err(|error| Fault::new(format!("this makes no Avro schema: {error}")))
}

/// The same schema, without the defaults of fields.
pub(super) fn without_defaults(mut json: Json) -> Json {
    fn strip(json: &mut Json) {
        match json {
            Json::Array(branches) => branches.iter_mut().for_each(strip),
            Json::Object(object) => {
                for field in object.get_mut("fields").and_then(Json::as_array_mut).into_iter().flatten() {
                    field.as_object_mut().map(|field| field.remove("default"));
                    field.get_mut("type").map(strip);
                }
                for part in ["items", "values"] {
                    object.get_mut(part).map(strip);
                }
            }
            _ => {}
        }
    }
    strip(&mut json);
    json
}
