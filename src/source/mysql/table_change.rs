//! What a schema change tells of a table: its columns, as Debezium's `ConnectTableChangeSerializer` writes them.
//!
//! Made of the definition that rows are read by; there is no other model of a table. Owns the schemas of
//! `io.debezium.connector.schema.*` and the JDBC numbers of types; knows no statement and no log.

use std::sync::Arc;

use super::catalog::Name;
use super::ddl::escaped;
use super::definition::{Column, Definition, Type};
use crate::data::{Field, Kind, Schema, Value};

/// What happened to a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happened {
    /// It was made.
    Created,
    /// It was changed, or got another name.
    Altered,
    /// It was dropped.
    Dropped,
}

/// `io.debezium.connector.schema.Change`
pub(super) fn schema() -> Schema {
    let named =
        |name: &str, fields| Schema::structure(format!("io.debezium.connector.schema.{name}"), fields).version(1);
    let text = |name: &str| Field::new(name, Schema::of(Kind::Text));
    let maybe = |name: &str, kind| Field::new(name, Schema::of(kind).optional());
    let texts = || Kind::Array(Arc::new(Schema::of(Kind::Text)));
    let column = vec![
        text("name"),
        Field::new("jdbcType", Schema::of(Kind::Int32)),
        maybe("nativeType", Kind::Int32),
        text("typeName"),
        maybe("typeExpression", Kind::Text),
        maybe("charsetName", Kind::Text),
        maybe("length", Kind::Int32),
        maybe("scale", Kind::Int32),
        Field::new("position", Schema::of(Kind::Int32)),
        maybe("optional", Kind::Bool),
        maybe("autoIncremented", Kind::Bool),
        maybe("generated", Kind::Bool),
        maybe("comment", Kind::Text),
        maybe("defaultValueExpression", Kind::Text),
        maybe("enumValues", texts()),
    ];
    let table = vec![
        maybe("defaultCharsetName", Kind::Text),
        maybe("primaryKeyColumnNames", texts()),
        Field::new("columns", Schema::of(Kind::Array(Arc::new(named("Column", column))))),
        maybe("comment", Kind::Text),
    ];
    named("Change", vec![text("type"), text("id"), Field::new("table", named("Table", table).optional())])
}

/// The change of a table; of one that was dropped only its name is told.
pub(super) fn value(happened: Happened, name: &Name, definition: Option<&Definition>, comments: bool) -> Value {
    let kind = match happened {
        Happened::Created => "CREATE",
        Happened::Altered => "ALTER",
        Happened::Dropped => "DROP",
    };
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let id = format!("{}.{}", quoted(&name.0), quoted(&name.1));
    Value::Struct(Box::new([
        Value::text(kind),
        Value::text(id),
        definition.map(|table| self::table(table, comments)).into(),
    ]))
}

fn table(table: &Definition, comments: bool) -> Value {
    let key = table.key().iter().filter_map(|name| table.column(name)).map(|column| Value::text(column.name.as_str()));
    let columns = (1..).zip(&table.columns).map(|(position, column)| self::column(column, position, table, comments));
    Value::Struct(Box::new([
        table.charset.as_deref().map(Value::text).into(),
        Value::Array(key.collect()),
        Value::Array(columns.collect()),
        table.comment.as_deref().filter(|_| comments).map(Value::text).into(),
    ]))
}

fn column(column: &Column, position: i32, table: &Definition, comments: bool) -> Value {
    let is_text = matches!(column.kind, Type::Text | Type::Enum(_) | Type::Set(_));
    let charset = column.charset.as_deref().or(table.charset.as_deref()).filter(|_| is_text);
    let labels = match &column.kind {
        Type::Enum(labels) | Type::Set(labels) => {
            let quoted = labels.iter().map(|label| Value::text(format!("'{}'", escaped(label))));
            Value::Array(quoted.collect())
        }
        _ => Value::Null,
    };
    let type_name = Value::text(column.told.name.as_str());
    Value::Struct(Box::new([
        Value::text(column.name.as_str()),
        Value::Int32(jdbc_type(&column.told.name)),
        Value::Null,
        type_name.clone(),
        type_name,
        charset.map(Value::text).into(),
        column.told.length.into(),
        column.told.scale.into(),
        Value::Int32(position),
        Value::Bool(column.nullable),
        Value::Bool(column.filled),
        // Debezium means by it what the server fills, not what it computes.
        Value::Bool(column.filled),
        column.comment.as_deref().filter(|_| comments).map(Value::text).into(),
        column.expression.as_deref().map(Value::text).into(),
        labels,
    ]))
}

/// A type's number in `java.sql.Types`, as Debezium's `MySqlAntlrDdlParser` gives it.
fn jdbc_type(told: &str) -> i32 {
    let base = told.trim_end_matches(" BINARY").trim_end_matches(" ZEROFILL");
    let base = base.trim_end_matches(" UNSIGNED").trim_end_matches(" SIGNED");
    match base {
        "CHAR" | "CHARACTER" | "ENUM" | "SET" => 1,
        "NUMERIC" => 2,
        "DECIMAL" | "DEC" | "FIXED" => 3,
        "MEDIUMINT" | "INT3" | "MIDDLEINT" | "INT" | "INTEGER" | "INT4" | "YEAR" => 4,
        "TINYINT" | "INT1" | "SMALLINT" | "INT2" => 5,
        "FLOAT" | "FLOAT4" => 6,
        "REAL" => 7,
        "DOUBLE" | "DOUBLE PRECISION" | "FLOAT8" => 8,
        "VARCHAR" | "CHARACTER VARYING" | "CHAR VARYING" | "TINYTEXT" | "TEXT" | "MEDIUMTEXT" | "LONGTEXT" | "LONG"
        | "LONG VARCHAR" => 12,
        "BOOL" | "BOOLEAN" => 16,
        "DATE" => 91,
        "TIME" => 92,
        "DATETIME" => 93,
        "BLOB" | "TINYBLOB" | "MEDIUMBLOB" | "LONGBLOB" | "LONG VARBINARY" => 2004,
        "TIMESTAMP" => 2014,
        "BINARY" | "CHAR BYTE" => -2,
        "VARBINARY" => -3,
        "BIGINT" | "INT8" | "SERIAL" => -5,
        "BIT" => -7,
        "NCHAR" | "NATIONAL CHAR" | "NATIONAL CHARACTER" => -15,
        name if name.starts_with("NATIONAL ") || name.starts_with("NCHAR ") || name == "NVARCHAR" => -9,
        // JSON, VECTOR, and what is on maps.
        _ => 1111,
    }
}
