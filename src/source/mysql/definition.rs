//! Definitions: what DDL says of a table, and of each of its columns.
//!
//! Owns the types' names and their arguments; knows no log and no values. Invariant: a type that is not known keeps its
//! name ([`Type::Other`]), so that it can be refused by name.

use super::told::Told;

/// A column's type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Type {
    /// Integers of 1, 2, 3, 4 or 8 bytes.
    Int { bytes: u8, unsigned: bool },
    /// `FLOAT`; with digits (`FLOAT(7,3)`) Debezium makes it a double.
    Float { digits: bool },
    /// `DOUBLE`
    Double,
    /// `DECIMAL`: digits in all, and behind the point.
    Decimal { precision: u8, scale: u8 },
    /// `BIT` of so many bits.
    Bit(u16),
    /// `YEAR`
    Year,
    /// `DATE`
    Date,
    /// `TIME` with so many digits of a fraction.
    Time(u8),
    /// `DATETIME` with so many digits of a fraction.
    DateTime(u8),
    /// `TIMESTAMP` with so many digits of a fraction.
    Timestamp(u8),
    /// Text of every length, in the column's character set.
    Text,
    /// Bytes; `BINARY(n)` has a fixed length.
    Binary { fixed: Option<u16> },
    /// `JSON`
    Json,
    /// `ENUM` with its labels.
    Enum(Vec<String>),
    /// `SET` with its labels.
    Set(Vec<String>),
    /// `POINT`
    Point,
    /// `GEOMETRY`, and the kinds of it but points.
    Geometry,
    /// `VECTOR`
    Vector,
    /// Another type, by name.
    Other(String),
}

/// What a column holds when nothing is said.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(super) enum DefaultValue {
    /// No default, or null.
    #[default]
    None,
    /// A literal's text.
    Text(String),
    /// A bit or hexadecimal literal.
    Bytes(Vec<u8>),
    /// `CURRENT_TIMESTAMP`, whatever its name.
    Now,
    /// An expression that is computed when the row is made.
    Computed,
}

/// A column as DDL defines it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Column {
    /// Its name.
    pub(super) name: String,
    /// Its type.
    pub(super) kind: Type,
    /// How its type was written.
    pub(super) told: Told,
    /// Its comment.
    pub(super) comment: Option<String>,
    /// Whether null is allowed.
    pub(super) nullable: bool,
    /// Its default.
    pub(super) default: DefaultValue,
    /// Whether it is computed from other columns.
    pub(super) generated: bool,
    /// Whether the server fills it: `AUTO_INCREMENT`, or `ON UPDATE CURRENT_TIMESTAMP`.
    pub(super) filled: bool,
    /// Its own character set, if it was said.
    pub(super) charset: Option<String>,
    /// Its default as schema changes tell it.
    pub(super) expression: Option<String>,
}

/// A unique key: its name, and its columns.
pub(super) type UniqueKey = (String, Vec<String>);

/// A table as DDL defines it.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(super) struct Definition {
    /// Its columns, in order.
    pub(super) columns: Vec<Column>,
    /// The columns of its primary key; empty: none.
    pub(super) primary_key: Vec<String>,
    /// Its unique keys.
    pub(super) unique_keys: Vec<UniqueKey>,
    /// The character set of its columns that name none.
    pub(super) charset: Option<String>,
    /// Its comment.
    pub(super) comment: Option<String>,
}

impl Definition {
    /// Where the column of that name stands; names of columns don't care for case.
    pub(super) fn index_of(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name.eq_ignore_ascii_case(name))
    }

    /// The column of that name.
    pub(super) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name))
    }

    /// The columns that name a row: the primary key, else the first unique key without nulls, as Debezium chooses.
    pub(super) fn key(&self) -> &[String] {
        if !self.primary_key.is_empty() {
            return &self.primary_key;
        }
        let required = |name: &String| self.column(name).is_some_and(|column| !column.nullable);
        let unique = self.unique_keys.iter().find(|(_, columns)| !columns.is_empty() && columns.iter().all(required));
        unique.map_or(&[], |(_, columns)| columns)
    }
}

/// What is said behind a type of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sign {
    /// `SIGNED`
    Signed,
    /// `UNSIGNED`
    Unsigned,
    /// `ZEROFILL`, which means unsigned, whatever else is said.
    Zerofill,
}

/// A type as it is written: its name, what stands in its parentheses, and the words behind.
#[derive(Clone, Debug, Default)]
pub(super) struct Written {
    /// In lower case, words joined by a blank.
    pub(super) name: String,
    /// Numbers in its parentheses.
    pub(super) numbers: Vec<u32>,
    /// Labels in its parentheses.
    pub(super) labels: Vec<String>,
    /// What is said of its sign.
    pub(super) sign: Option<Sign>,
    /// `BINARY` behind a type of text: the collation of its character set that compares numbers.
    pub(super) collated: bool,
    /// Its character set is `binary`.
    pub(super) binary: bool,
    /// Its character set, if it was said.
    pub(super) charset: Option<String>,
}

impl Written {
    /// What is meant (<https://dev.mysql.com/doc/refman/8.4/en/data-types.html>).
    pub(super) fn resolve(self) -> Type {
        let Self { name, numbers, labels, sign, binary, .. } = self;
        let number = |index: usize, default: u32| numbers.get(index).copied().unwrap_or(default);
        let small = |number: u32| u8::try_from(number).unwrap_or(u8::MAX);
        let fixed = |length: u32| Type::Binary { fixed: Some(u16::try_from(length).unwrap_or(u16::MAX)) };
        let int = |bytes| Type::Int { bytes, unsigned: sign > Some(Sign::Signed) };
        match name.as_str() {
            "tinyint" | "int1" => int(1),
            "bool" | "boolean" => Type::Int { bytes: 1, unsigned: false },
            "smallint" | "int2" => int(2),
            "mediumint" | "int3" | "middleint" => int(3),
            "int" | "integer" | "int4" => int(4),
            "bigint" | "int8" => int(8),
            "serial" => Type::Int { bytes: 8, unsigned: true },
            "float" | "float4" if numbers.len() == 1 && number(0, 0) > 24 => Type::Double,
            "float" | "float4" => Type::Float { digits: numbers.len() > 1 },
            "double" | "double precision" | "real" | "float8" => Type::Double,
            "decimal" | "dec" | "numeric" | "fixed" => {
                Type::Decimal { precision: small(number(0, 10)), scale: small(number(1, 0)) }
            }
            "bit" => Type::Bit(u16::try_from(number(0, 1)).unwrap_or(u16::MAX)),
            "year" => Type::Year,
            "date" => Type::Date,
            "time" => Type::Time(small(number(0, 0))),
            "datetime" => Type::DateTime(small(number(0, 0))),
            "timestamp" => Type::Timestamp(small(number(0, 0))),
            "binary" | "char byte" => fixed(number(0, 1)),
            "char" | "character" if binary => fixed(number(0, 1)),
            "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" | "long varbinary" => {
                Type::Binary { fixed: None }
            }
            "char"
            | "character"
            | "varchar"
            | "varcharacter"
            | "character varying"
            | "char varying"
            | "nchar"
            | "nvarchar"
            | "national char"
            | "national character"
            | "national varchar"
            | "national varcharacter"
            | "national char varying"
            | "national character varying"
            | "nchar varying"
            | "nchar varchar"
            | "tinytext"
            | "text"
            | "mediumtext"
            | "longtext"
            | "long"
            | "long varchar" => {
                if binary {
                    Type::Binary { fixed: None }
                } else {
                    Type::Text
                }
            }
            "json" => Type::Json,
            "enum" => Type::Enum(labels),
            "set" => Type::Set(labels),
            "point" => Type::Point,
            "geometry" | "linestring" | "polygon" | "multipoint" | "multilinestring" | "multipolygon"
            | "geometrycollection" | "geomcollection" => Type::Geometry,
            "vector" => Type::Vector,
            _ => Type::Other(name),
        }
    }
}
