//! From columns to schemas: what a table's rows look like, and how each of their cells is decoded.
//!
//! The columns are those of the relation message, or of the snapshot's query; the catalogue adds what the message does not
//! say. Where the two disagree the message is right: it is as old as the row. Semantics: Debezium's
//! `PostgresValueConverter`, `PostgresDefaultValueConverter`.

use std::sync::Arc;

use super::catalog::{CatalogColumn, CatalogTable, Types};
use super::config::PostgresConfig;
use super::decode::Decode;
use super::default;
use super::kinds::{self, Known};
use super::told::{self, Origin};
use crate::data::{Schema, Text, Value};
use crate::event::Table;
use crate::source::SourceError;
use crate::source::columns::{self, ColumnFacts, Projection};
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

impl Column {
    /// What becomes of a value that the schema has no room for: null, where that is allowed.
    ///
    /// # Errors
    /// Why not; Debezium ends there too.
    pub(super) fn unrepresentable(&self) -> Result<Value, &'static str> {
        match self.null {
            Value::Null => Ok(Value::Null),
            _ => Err("the value has no place in the schema, and the column allows no null; another \
                 decimal.handling.mode or time.precision.mode may have one"),
        }
    }
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
        let known = kinds::known(config, types, (shape.type_id, shape.modifier));
        let known = known.map_err(|kind| SourceError::UnsupportedType {
            table: full_name.clone(),
            column: shape.name.clone(),
            kind,
        })?;
        let Some(known) = known else {
            let kind = types.get(&shape.type_id).map_or("", |found| &found.name);
            tracing::warn!(
                table = full_name,
                column = shape.name,
                kind,
                "the column is left out: Debezium does not know its type (include.unknown.datatypes has most as bytes)"
            );
            facts.push(None);
            columns.push(None);
            continue;
        };
        // A column that the catalogue no longer has, or has with another type, may have been anything.
        let same = |column: &&CatalogColumn| column.name == shape.name && column.type_id == shape.type_id;
        let in_catalog = catalog.columns.iter().find(same);
        let (column, column_facts) = column(config, types, (shape, relation.origin), known, in_catalog);
        facts.push(Some(column_facts));
        columns.push(Some(column));
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

/// A column, and what there is to say of it; `catalog` is what the catalogue says of it.
fn column(
    config: &PostgresConfig,
    types: &Types,
    (shape, origin): (&Shape, Origin),
    known: Known,
    catalog: Option<&CatalogColumn>,
) -> (Column, ColumnFacts) {
    let Known { decode, schema } = known;
    let schema = if catalog.is_none_or(|column| column.optional) { schema.optional() } else { schema };
    let expression = catalog.and_then(|column| column.default.as_deref());
    let kind = types.get(&shape.type_id);
    let default = expression.zip(kind).and_then(|(text, kind)| default::value(kind, &decode, &schema, text));
    let null = match (&default, schema.optional) {
        (_, true) => Value::Null,
        (Some(default), false) => default.clone(),
        (None, false) => decode.zero(),
    };
    let unavailable = decode.unavailable(&config.placeholder, &schema);
    let name: Arc<str> = shape.name.as_str().into();
    let told = told::of(types, (shape.type_id, shape.modifier), expression, origin);
    let facts = ColumnFacts {
        name: Arc::clone(&name),
        schema: Schema { default, ..schema },
        type_name: told.type_name,
        length: Some(told.length),
        scale: told.scale,
        comment: None,
        is_character: told.is_character,
    };
    (Column { name, decode, null, unavailable }, facts)
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
