//! From columns to schemas: what a table's rows look like, and how each of their cells is decoded.
//!
//! The columns are those of the relation message, or of the snapshot's query; the catalogue adds what the message does not
//! say. Where the two disagree the message is right: it is as old as the row. Semantics: Debezium's
//! `PostgresValueConverter`, `PostgresDefaultValueConverter`.

use std::sync::Arc;

use super::catalog::{CatalogTable, Type, Types};
use super::config::PostgresConfig;
use super::decode::{Decode, Decoded, variable_scale_decimal};
use super::told::{self, Origin};
use crate::data::{Kind, Schema, Text, Value, semantic};
use crate::event::Table;
use crate::source::SourceError;
use crate::source::columns::{self, ColumnFacts, Projection};
use crate::source::common::BinaryMode;
use crate::source::decimal::DecimalMode;
use crate::source::naming::TableName;
use crate::source::table::Identity;

/// A column, as the log or the snapshot's query has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// Its name.
    pub(super) name: String,
    /// The OID of its type.
    pub(super) type_id: u32,
    /// Its type's modifier, -1 for none.
    pub(super) modifier: i32,
    /// Whether the log says that it belongs to the key.
    pub(super) key: bool,
}

/// A table, as the log or the snapshot's query has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Relation {
    /// Its OID.
    pub(super) id: u32,
    /// Its schema.
    pub(super) schema: String,
    /// Its name.
    pub(super) name: String,
    /// Its columns, in the order of the cells.
    pub(super) columns: Vec<Shape>,
    /// Whether [`Shape::key`] is the primary key, as the log says with the default replica identity.
    pub(super) keyed: bool,
    /// Where it was read.
    pub(super) origin: Origin,
}

impl Relation {
    /// `schema.table`, as filters and Debezium name it.
    pub(super) fn full_name(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }
}

/// A captured column.
#[derive(Clone, Debug)]
pub(super) struct Column {
    /// Its name.
    pub(super) name: Arc<str>,
    /// How its cells become values.
    pub(super) decode: Decode,
    /// What a null becomes: null, or where the schema does not allow it the default or zero.
    pub(super) null: Value,
    /// What a TOASTed value that the update did not touch becomes.
    pub(super) unavailable: Value,
}

/// A table's rows in one version of its schema.
#[derive(Debug)]
pub(super) struct Layout {
    /// The shared part of its events.
    pub(super) table: Arc<Table>,
    /// Its schema and name, for the `source` block.
    pub(super) schema: Text,
    /// See `schema`.
    pub(super) name: Text,
    /// Its columns, in the order of the cells; `None` for those that are left out.
    pub(super) columns: Vec<Option<Column>>,
    /// How many are not left out.
    pub(super) width: usize,
    /// What becomes of their values.
    pub(super) projection: Projection,
}

/// Builds the layout of a table.
///
/// # Errors
/// [`SourceError::UnsupportedType`]
pub(super) fn layout(
    config: &PostgresConfig,
    relation: &Relation,
    catalog: &CatalogTable,
    types: &Types,
) -> Result<Layout, SourceError> {
    let full_name = relation.full_name();
    let names: Vec<&str> = relation.columns.iter().map(|shape| shape.name.as_str()).collect();
    let rules = &config.common.columns;
    let chosen = rules.choose(&full_name, &names, &key(relation, catalog));
    let mut facts = Vec::with_capacity(relation.columns.len());
    let mut columns = Vec::with_capacity(relation.columns.len());
    for (index, shape) in relation.columns.iter().enumerate() {
        if !chosen.needs(index) {
            facts.push(None);
            columns.push(None);
            continue;
        }
        let (decode, schema) = decoder(config, types, shape.type_id, shape.modifier).map_err(|kind| {
            SourceError::UnsupportedType { table: full_name.clone(), column: shape.name.clone(), kind }
        })?;
        // A column that the catalogue no longer has, or has with another type, may have been anything.
        let known = catalog.columns.iter().find(|column| column.name == shape.name && column.type_id == shape.type_id);
        let schema = if known.is_none_or(|column| column.optional) { schema.optional() } else { schema };
        let expression = known.and_then(|column| column.default.as_deref());
        let default = expression.and_then(|text| default(&decode, &schema, text));
        let null = match (&default, schema.optional) {
            (_, true) => Value::Null,
            (Some(default), false) => default.clone(),
            (None, false) => decode.zero(&schema),
        };
        let unavailable = decode.unavailable(&config.placeholder);
        let name: Arc<str> = shape.name.as_str().into();
        let told = told::of(types, (shape.type_id, shape.modifier), expression, relation.origin);
        facts.push(Some(ColumnFacts {
            name: Arc::clone(&name),
            schema: Schema { default, ..schema },
            type_name: told.type_name,
            length: Some(told.length),
            scale: told.scale,
            comment: None,
            is_character: told.is_character,
        }));
        columns.push(Some(Column { name, decode, null, unavailable }));
    }
    let name = TableName { database: "", schema: &relation.schema, table: &relation.name };
    let place = config.common.naming.table(name);
    let tag = place.tag.as_ref();
    let identity = Identity { id: &full_name, topic: &place.topic, source: &config.source.schema, tag };
    let columns::Layout { table, projection } = rules.layout(identity, &chosen, &facts)?;
    Ok(Layout {
        table,
        schema: Text::interned(&relation.schema),
        name: Text::interned(&relation.name),
        columns,
        width: facts.iter().flatten().count(),
        projection,
    })
}

/// The columns of the table's own key, by their places in the relation.
fn key(relation: &Relation, catalog: &CatalogTable) -> Vec<usize> {
    let in_log = || relation.columns.iter().filter(|shape| shape.key);
    let is_in_log = |name: &String| in_log().any(|shape| shape.name == *name);
    let outdated = relation.keyed
        && in_log().next().is_some()
        && !(catalog.key.len() == in_log().count() && catalog.key.iter().all(is_in_log));
    let index = |name: &String| relation.columns.iter().position(|shape| shape.name == *name);
    if outdated {
        in_log().filter_map(|shape| index(&shape.name)).collect()
    } else {
        catalog.key.iter().filter_map(index).collect()
    }
}

/// How a type's cells are decoded, and their schema, required; or the name of a type that is not supported.
fn decoder(config: &PostgresConfig, types: &Types, id: u32, modifier: i32) -> Result<(Decode, Schema), String> {
    let Some(found) = types.get(&id) else { return Err(format!("with OID {id}, which the server no longer has")) };
    if let Some((base, base_modifier)) = found.base {
        return decoder(config, types, base, base_modifier);
    }
    if let Some(element) = found.element {
        return array(config, types, element, modifier).map_err(|_| found.name.clone());
    }
    if found.kind == 'e' {
        return Ok((Decode::Text { binary: true }, enumeration(found)));
    }
    scalar(config, found, modifier).ok_or_else(|| found.name.clone())
}

fn enumeration(found: &Type) -> Schema {
    semantic::of(Kind::Text, semantic::ENUM).parameter("allowed", found.labels.join(","))
}

fn array(config: &PostgresConfig, types: &Types, element: u32, modifier: i32) -> Result<(Decode, Schema), String> {
    let (decode, schema) = decoder(config, types, element, modifier)?;
    // Debezium makes the elements of all arrays optional but those of enums.
    let schema = if schema.name.as_deref() == Some(semantic::ENUM) { schema } else { schema.optional() };
    Ok((Decode::Array(Box::new(decode)), Schema::of(Kind::Array(Arc::new(schema)))))
}

fn scalar(config: &PostgresConfig, found: &Type, modifier: i32) -> Option<(Decode, Schema)> {
    let common = &config.common;
    // The modifier of times is their digits, -1 where the type has all six.
    let digits = u32::try_from(modifier).unwrap_or(6).min(6);
    let same = |kind: Kind| Schema::of(kind);
    let text = |binary| Decode::Text { binary };
    let named = |name| (text(true), semantic::of(Kind::Text, name));
    Some(match found.name.as_str() {
        "bool" => (Decode::Bool, same(Kind::Bool)),
        "int2" => (Decode::Int2, same(Kind::Int16)),
        "int4" => (Decode::Int4, same(Kind::Int32)),
        "int8" => (Decode::Int8, same(Kind::Int64)),
        "oid" => (Decode::Oid, same(Kind::Int64)),
        "float4" => (Decode::Float4, same(Kind::Float32)),
        "float8" => (Decode::Float8, same(Kind::Float64)),
        "numeric" => numeric(common.decimal, modifier),
        "text" | "varchar" | "bpchar" | "name" | "citext" => (text(true), same(Kind::Text)),
        "bytea" if common.binary == BinaryMode::Bytes => (Decode::Bytea(common.binary), same(Kind::Bytes)),
        "bytea" => (Decode::Bytea(common.binary), same(Kind::Text)),
        "json" => named(semantic::JSON),
        // The binary form of jsonb has a version in front.
        "jsonb" => (text(false), semantic::of(Kind::Text, semantic::JSON)),
        "uuid" => (text(false), semantic::of(Kind::Text, semantic::UUID)),
        "date" => (Decode::Date(common.time.date()), common.time.date().schema()),
        "time" => (Decode::Time(common.time.time(digits)), common.time.time(digits).schema()),
        "timetz" => (Decode::TimeTz, semantic::of(Kind::Text, semantic::ZONED_TIME)),
        "timestamp" => (Decode::Timestamp(common.time.timestamp(digits)), common.time.timestamp(digits).schema()),
        "timestamptz" => (Decode::TimestampTz(digits), semantic::of(Kind::Text, semantic::ZONED_TIMESTAMP)),
        _ => return None,
    })
}

fn numeric(mode: DecimalMode, modifier: i32) -> (Decode, Schema) {
    // numeric_in: the precision in the upper half, the scale in the lower eleven bits, both over 4 (VARHDRSZ).
    let packed = modifier.checked_sub(4).filter(|packed| *packed >= 0);
    match (mode, packed) {
        (DecimalMode::Precise, None) => (Decode::VariableNumeric, variable_scale_decimal()),
        (mode, None) => (Decode::Numeric { mode, scale: 0 }, mode.schema(0, None)),
        (mode, Some(packed)) => {
            let precision = (packed >> 16) & 0xffff;
            let scale = ((packed & 0x7ff) ^ 0x400) - 0x400;
            let schema = mode.schema(scale.max(0), Some(precision.cast_unsigned()));
            (Decode::Numeric { mode, scale: u32::try_from(scale).unwrap_or(0) }, schema)
        }
    }
}

/// The value of a column's default, as the catalogue writes the expression; `None` when Debezium gives none.
fn default(decode: &Decode, schema: &Schema, expression: &str) -> Option<Value> {
    if matches!(decode, Decode::Bytea(_) | Decode::Array(_)) {
        return None;
    }
    let expression = expression.trim();
    let literal = if let Some(quoted) = expression.strip_prefix('\'') {
        unquote(quoted)?
    } else {
        let plain = expression.split("::").next().unwrap_or_default();
        match plain.trim_start_matches('(').trim_end_matches(')') {
            "true" => "t".to_owned(),
            "false" => "f".to_owned(),
            "NULL" => return None,
            number if number.parse::<f64>().is_ok() => number.to_owned(),
            // A function's value is another for each row: the type's zero stands for it.
            _ => return Some(decode.zero(schema)),
        }
    };
    let literal = bytes::Bytes::from(literal);
    match decode.text(&literal, &literal) {
        Ok(Decoded::Value(value)) => Some(value),
        _ => None,
    }
}

/// The text of a literal behind its first quote, if nothing but a cast follows it.
fn unquote(quoted: &str) -> Option<String> {
    let mut text = String::new();
    let mut rest = quoted;
    loop {
        let (part, behind) = rest.split_once('\'')?;
        text.push_str(part);
        match behind.strip_prefix('\'') {
            Some(behind) => {
                text.push('\'');
                rest = behind;
            }
            None => return (behind.is_empty() || behind.starts_with("::")).then_some(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::temporal::TimestampForm;

    fn default_of(decode: &Decode, expression: &str) -> Option<Value> {
        default(decode, &Schema::of(Kind::Text), expression)
    }

    /// Expressions as `pg_get_expr` writes them; values as in Debezium's records of `pg_types`.
    #[test]
    fn defaults_are_debeziums() {
        let text = Decode::Text { binary: true };
        assert_eq!(default_of(&text, "'hello'::text"), Some(Value::text("hello")));
        assert_eq!(default_of(&text, "'it''s'::character varying"), Some(Value::text("it's")));
        assert_eq!(default_of(&text, "NULL::character varying"), None);
        assert_eq!(default_of(&Decode::Int4, "42"), Some(Value::Int32(42)));
        assert_eq!(default_of(&Decode::Int4, "'-1'::integer"), Some(Value::Int32(-1)));
        assert_eq!(default_of(&Decode::Int4, "(-1)"), Some(Value::Int32(-1)));
        assert_eq!(default_of(&Decode::Int4, "nextval('t_id_seq'::regclass)"), Some(Value::Int32(0)));
        assert_eq!(default_of(&Decode::Bool, "true"), Some(Value::Bool(true)));
        let price = Decode::Numeric { mode: DecimalMode::Precise, scale: 2 };
        assert_eq!(default_of(&price, "1.50"), Some(Value::Bytes(vec![0, 0x96].into())));
        let timestamp = Decode::Timestamp(TimestampForm::Micros);
        let expression = "'2020-01-01 00:00:00'::timestamp without time zone";
        assert_eq!(default_of(&timestamp, expression), Some(Value::Int64(1_577_836_800_000_000)));
        let moment = Decode::TimestampTz(6);
        assert_eq!(default_of(&moment, "now()"), Some(Value::text("1970-01-01T00:00:00.000000Z")));
        assert_eq!(default_of(&Decode::Bytea(BinaryMode::Bytes), "'\\x01ff'::bytea"), None);
    }
}
