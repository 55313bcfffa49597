//! Shapes: a table version prepared for its rows, from the log's TABLE_MAP and the table's definition.
//!
//! Owns what of the two counts where they differ: names, types, signs, character sets, labels and keys are the log's, if
//! it tells them; the rest (defaults, unique keys) is the definition's. Invariant: a definition that does not fit the log
//! never decodes a row; it is an error, with the way out.

use std::sync::Arc;

use super::bytes::{Cursor, bit};
use super::charset::{self, Charset};
use super::config::MySqlConfig;
use super::decode::{BadCell, Cell};
use super::definition::{Column, DefaultValue, Definition, Type};
use super::form::{BadValue, Form};
use super::schema_change::SchemaChanges;
use super::tablemap::{MappedColumn, TableMap, Wire};
use super::told::Told;
use crate::data::{Field, Kind, Row, Schema, Text, Value};
use crate::event::Table;
use crate::source::SourceError;
use crate::source::columns::{ColumnFacts, Layout, Projection};
use crate::source::naming::TableName;
use crate::source::table::{Identity, SourceBlock};

/// What all tables of a connector have in common.
#[derive(Debug)]
pub(super) struct Common {
    pub(super) config: Arc<MySqlConfig>,
    pub(super) source: SourceBlock,
    /// What is told of DDL, if it is.
    pub(super) changes: Option<SchemaChanges>,
}

impl Common {
    pub(super) fn new(config: Arc<MySqlConfig>) -> Self {
        let own = vec![
            Field::new("table", Schema::of(Kind::Text).optional()),
            Field::new("server_id", Schema::of(Kind::Int64)),
            Field::new("gtid", Schema::of(Kind::Text).optional()),
            Field::new("file", Schema::of(Kind::Text)),
            Field::new("pos", Schema::of(Kind::Int64)),
            Field::new("row", Schema::of(Kind::Int32)),
            Field::new("thread", Schema::of(Kind::Int64).optional()),
            Field::new("query", Schema::of(Kind::Text).optional()),
        ];
        let source = SourceBlock::new("mysql", &config.common.naming.prefix, own);
        let changes = config.schema_changes.then(|| SchemaChanges::new(Arc::clone(&config), &source));
        Self { config, source, changes }
    }

    /// Makes the shape of a table. `columns` are all of its columns, in the log's order; `key` names those of its key.
    fn shape(&self, names: (&str, &str), columns: Vec<Merged>, key: &[String]) -> Result<Shape, SourceError> {
        let (database, name) = names;
        let id = format!("{database}.{name}");
        let all: Vec<&str> = columns.iter().map(|merged| merged.column.name.as_str()).collect();
        let index = |name: &String| all.iter().position(|column| column.eq_ignore_ascii_case(name));
        let key: Option<Vec<usize>> = key.iter().map(index).collect();
        let rules = &self.config.common.columns;
        let chosen = rules.choose(&id, &all, &key.unwrap_or_default());
        let mut facts = Vec::with_capacity(columns.len());
        let mut prepared = Vec::with_capacity(columns.len());
        for (index, Merged { column, wire, charset }) in columns.into_iter().enumerate() {
            if !chosen.needs(index) {
                facts.push(None);
                prepared.push(Prepared { name: column.name, wire, form: None, missing: Value::Null });
                continue;
            }
            let form = match column.kind {
                Type::Int { unsigned, .. } if self.config.converters.is_flag(&id, &column) => {
                    Some(Form::IntFlag { unsigned })
                }
                ref kind => charset.and_then(|charset| Form::of(kind, charset, self.config.modes())),
            };
            let Some(form) = form else {
                let kind = if let Type::Other(kind) = &column.kind {
                    kind.clone()
                } else {
                    "text in a character set without decoder".to_owned()
                };
                return Err(SourceError::UnsupportedType { table: id, column: column.name, kind });
            };
            let told = self.facts(&form, &column);
            let missing = form.missing(!column.nullable, told.schema.default.as_ref());
            facts.push(Some(told));
            prepared.push(Prepared { name: column.name, wire, form: Some(form), missing });
        }
        let place = self.config.common.naming.table(TableName { database, schema: "", table: name });
        let tag = place.tag.as_ref();
        let identity = Identity { id: &id, topic: &place.topic, source: &self.source.schema, tag };
        let Layout { table, projection } = rules.layout(identity, &chosen, &facts)?;
        let decoded = facts.iter().flatten().count();
        Ok(Shape {
            table,
            database: Text::interned(database),
            name: Text::interned(name),
            columns: prepared,
            projection,
            decoded,
        })
    }

    fn facts(&self, form: &Form, column: &Column) -> ColumnFacts {
        let mut schema = schema(form, column);
        let comment = column.comment.clone().filter(|_| self.config.include_comments);
        if let Some(comment) = &comment {
            schema.doc = Some(comment.as_str().into());
        }
        ColumnFacts {
            name: column.name.as_str().into(),
            schema,
            type_name: column.told.name.clone(),
            length: column.told.length,
            scale: column.told.scale,
            comment,
            is_character: matches!(column.kind, Type::Text | Type::Enum(_) | Type::Set(_)),
        }
    }

    /// The shape of a table's rows in the log.
    pub(super) fn logged(&self, map: &TableMap, definition: Option<&Definition>) -> Result<Shape, SourceError> {
        let fitting = definition.filter(|definition| definition.columns.len() == map.columns.len());
        let mut columns = Vec::with_capacity(map.columns.len());
        for (index, mapped) in map.columns.iter().enumerate() {
            let defined = match &mapped.name {
                Some(name) => definition.and_then(|definition| definition.column(name)),
                None => fitting.and_then(|definition| definition.columns.get(index)),
            };
            columns.push(merge(mapped, defined).ok_or_else(|| mismatch(map, index))?);
        }
        let names: Vec<String> = map
            .primary_key
            .iter()
            .filter_map(|&index| columns.get(index).map(|merged| merged.column.name.clone()))
            .collect();
        let key = if names.is_empty() { definition.map_or(&[][..], Definition::key) } else { &names };
        self.shape((&map.database, &map.table), columns, key)
    }

    /// The shape of a table's rows in a snapshot.
    pub(super) fn selected(&self, names: (&str, &str), definition: &Definition) -> Result<Shape, SourceError> {
        let columns = definition.columns.iter().map(|column| {
            // The server sends text in the connection's character set, UTF-8.
            Merged { column: column.clone(), wire: Wire::Unknown(0), charset: Some(Charset::Utf8) }
        });
        let mut shape = self.shape(names, columns.collect(), definition.key())?;
        for column in &mut shape.columns {
            column.form = column.form.take().map(Form::for_snapshot);
        }
        Ok(shape)
    }
}

/// A column's schema: its form's, optional if null is allowed, with its default.
fn schema(form: &Form, column: &Column) -> Schema {
    let mut schema = form.schema(&column.kind);
    if column.nullable {
        schema = schema.optional();
    }
    match form.default(&column.kind, &column.default, !column.nullable) {
        Some(default) => schema.default(default),
        None => schema,
    }
}

fn mismatch(map: &TableMap, index: usize) -> SourceError {
    let told = map.columns.get(index).map(|column| format!("{:?}", column.wire)).unwrap_or_default();
    SourceError::Undecodable {
        what: format!("rows of {}.{}, column {}", map.database, map.table, index + 1),
        position: "TABLE_MAP".to_owned(),
        reason: format!(
            "the log has {} columns, this one of type {told}, which is not what the table's definition says now; it was \
             changed after these rows were logged. Set binlog_row_metadata=FULL, which makes the log tell the columns; \
             to pass these rows, remove the connector's offset, so that it takes a new snapshot",
            map.columns.len()
        ),
    }
}

struct Merged {
    column: Column,
    wire: Wire,
    charset: Option<Charset>,
}

/// A column of the log, with what the definition adds; `None`: the two do not fit, or the name is not known.
fn merge(mapped: &MappedColumn, defined: Option<&Column>) -> Option<Merged> {
    let fitting = defined.filter(|column| fits(mapped.wire, &column.kind));
    let name = match (&mapped.name, fitting) {
        (Some(name), _) => name.clone(),
        (None, Some(column)) => column.name.clone(),
        (None, None) => return None,
    };
    let charset = mapped.collation.and_then(charset::of_collation);
    let binary = charset == Some("binary");
    let kind = match mapped.wire {
        Wire::Int(bytes) => Type::Int { bytes, unsigned: unsigned(mapped, fitting)? },
        Wire::Float => Type::Float { digits: fitting.is_some_and(|c| c.kind == Type::Float { digits: true }) },
        Wire::Double => Type::Double,
        Wire::Decimal(precision, scale) => Type::Decimal { precision, scale },
        Wire::Year => Type::Year,
        Wire::Date => Type::Date,
        Wire::Time(digits) => Type::Time(digits),
        Wire::DateTime(digits) => Type::DateTime(digits),
        Wire::Timestamp(digits) => Type::Timestamp(digits),
        Wire::Bit(bits) => Type::Bit(bits),
        Wire::Char(length) if binary => Type::Binary { fixed: Some(length) },
        Wire::Varchar(_) | Wire::Blob(_) if binary => Type::Binary { fixed: None },
        Wire::Char(_) | Wire::Varchar(_) | Wire::Blob(_) if charset.is_some() => Type::Text,
        Wire::Char(_) | Wire::Varchar(_) | Wire::Blob(_) => return None,
        Wire::Json(_) => Type::Json,
        Wire::Enum(_) | Wire::Set(_) if mapped.labels.is_empty() => fitting?.kind.clone(),
        Wire::Enum(_) => Type::Enum(labels(mapped)),
        Wire::Set(_) => Type::Set(labels(mapped)),
        Wire::Geometry(_) => match mapped.point {
            Some(true) => Type::Point,
            Some(false) => Type::Geometry,
            None => fitting?.kind.clone(),
        },
        Wire::Vector(_) => Type::Vector,
        Wire::Unknown(kind) => Type::Other(other(fitting, &format!("number {kind}"))),
    };
    let text = matches!(kind, Type::Text);
    let column = Column {
        name,
        told: fitting.map_or_else(|| Told::of_log(&kind), |column| column.told.clone()),
        comment: fitting.and_then(|column| column.comment.clone()),
        kind,
        nullable: mapped.nullable,
        default: fitting.map_or(DefaultValue::None, |column| column.default.clone()),
        generated: fitting.is_some_and(|column| column.generated),
        filled: false,
        charset: None,
        expression: None,
    };
    let charset = if text { charset.and_then(Charset::named) } else { Some(Charset::Utf8) };
    Some(Merged { column, wire: mapped.wire, charset })
}

fn unsigned(mapped: &MappedColumn, defined: Option<&Column>) -> Option<bool> {
    mapped.unsigned.or_else(|| match defined?.kind {
        Type::Int { unsigned, .. } => Some(unsigned),
        _ => None,
    })
}

fn labels(mapped: &MappedColumn) -> Vec<String> {
    let charset = mapped.collation.and_then(charset::of_collation).and_then(Charset::named).unwrap_or(Charset::Utf8);
    mapped.labels.iter().map(|label| charset.text(label).as_str().to_owned()).collect()
}

fn other(defined: Option<&Column>, name: &str) -> String {
    match defined.map(|column| &column.kind) {
        Some(Type::Other(name)) => name.clone(),
        _ => name.to_owned(),
    }
}

/// Whether a definition's type is what the log has.
fn fits(wire: Wire, kind: &Type) -> bool {
    match (wire, kind) {
        (Wire::Int(wire), Type::Int { bytes, .. }) => wire == *bytes,
        (Wire::Decimal(p, s), Type::Decimal { precision, scale }) => (p, s) == (*precision, *scale),
        (Wire::Time(wire), Type::Time(digits))
        | (Wire::DateTime(wire), Type::DateTime(digits))
        | (Wire::Timestamp(wire), Type::Timestamp(digits)) => wire == *digits,
        (Wire::Bit(wire), Type::Bit(bits)) => wire == *bits,
        (Wire::Float, Type::Float { .. })
        | (Wire::Double, Type::Double)
        | (Wire::Year, Type::Year)
        | (Wire::Date, Type::Date)
        | (Wire::Char(_) | Wire::Varchar(_) | Wire::Blob(_), Type::Text | Type::Binary { .. })
        | (Wire::Json(_), Type::Json)
        | (Wire::Enum(_), Type::Enum(_))
        | (Wire::Set(_), Type::Set(_))
        | (Wire::Geometry(_), Type::Point | Type::Geometry)
        | (Wire::Vector(_), Type::Vector)
        | (Wire::Unknown(_), Type::Other(_)) => true,
        _ => false,
    }
}

/// A column, prepared for its values.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) name: String,
    pub(super) wire: Wire,
    /// `None`: it is left out.
    pub(super) form: Option<Form>,
    /// The value of a day that does not exist.
    pub(super) missing: Value,
}

/// A table version, prepared for its rows.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) table: Arc<Table>,
    pub(super) database: Text,
    pub(super) name: Text,
    pub(super) columns: Vec<Prepared>,
    /// What becomes of the decoded values.
    pub(super) projection: Projection,
    decoded: usize,
}

/// Why a row could not be decoded, and in which column.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {reason}")]
pub(super) struct BadRow {
    pub(super) column: String,
    pub(super) reason: RowProblem,
}

/// Why a row could not be decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum RowProblem {
    /// Its bytes.
    #[error(transparent)]
    Cell(#[from] BadCell),
    /// Its value.
    #[error(transparent)]
    Value(#[from] BadValue),
    /// The row image is not full.
    #[error("the row image does not hold it; set binlog_row_image=FULL, also in sessions")]
    Absent,
}

impl Shape {
    /// Decodes one row image. `present` has a bit for each column of the table that the image holds.
    pub(super) fn row(&self, cursor: &mut Cursor, present: &[u8]) -> Result<Row, BadRow> {
        self.row_by(cursor, present, |_, wire, cursor| Ok(wire.read(cursor)?))
    }

    /// The same; `read` reads the value of the column of that number.
    pub(super) fn row_by(
        &self,
        cursor: &mut Cursor,
        present: &[u8],
        mut read: impl FnMut(usize, Wire, &mut Cursor) -> Result<Cell, RowProblem>,
    ) -> Result<Row, BadRow> {
        let held = self.columns.iter().enumerate().filter(|(index, _)| bit(present, *index)).count();
        let bad = |column: &Prepared, reason| BadRow { column: column.name.clone(), reason };
        let none = || self.columns.first().map(|column| column.name.clone()).unwrap_or_default();
        let nulls = cursor
            .take(held.div_ceil(8), "the nulls of a row")
            .map_err(|short| BadRow { column: none(), reason: BadCell::from(short).into() })?;
        let mut row = Vec::with_capacity(self.decoded);
        let mut at = 0;
        for (index, column) in self.columns.iter().enumerate() {
            if !bit(present, index) {
                if column.form.is_some() {
                    return Err(bad(column, RowProblem::Absent));
                }
                continue;
            }
            let null = bit(&nulls, at);
            at += 1;
            match &column.form {
                Some(_) if null => row.push(Value::Null),
                Some(form) => {
                    let cell = read(index, column.wire, cursor).map_err(|error| bad(column, error))?;
                    row.push(form.value(cell, &column.missing).map_err(|error| bad(column, error.into()))?);
                }
                None if null => {}
                None => column.wire.skip(cursor).map_err(|error| bad(column, error.into()))?,
            }
        }
        Ok(self.projection.row(row))
    }
}
