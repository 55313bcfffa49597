//! What is told of a column's type beside its values: Debezium's name of it, its length and its scale.
//!
//! Follows `ColumnDefinitionParserListener`: all of it is as the type was written, in the DDL or in what `SHOW CREATE TABLE`
//! answers. Knows no values.

use super::definition::{Sign, Type, Written};

/// What is told of a column's type.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(super) struct Told {
    /// In capitals, with the words behind it: `BIGINT UNSIGNED`.
    pub(super) name: String,
    /// What was written as its length; where nothing was, nothing.
    pub(super) length: Option<i32>,
    /// Its digits behind the point.
    pub(super) scale: Option<i32>,
}

impl Told {
    /// What is told of a type that was written so.
    pub(super) fn of_written(written: &Written) -> Self {
        let number = |index: usize| written.numbers.get(index).and_then(|number| i32::try_from(*number).ok());
        let (name, length, scale) = match written.name.as_str() {
            "serial" => ("bigint unsigned", None, None),
            "enum" => ("enum", Some(1), None),
            // Its labels, each of one character, and the commas between them.
            "set" => ("set", i32::try_from((written.labels.len() * 2).saturating_sub(1)).ok(), None),
            name @ ("bit" | "nchar") => (name, number(0).or(Some(1)), None),
            name @ ("decimal" | "numeric" | "fixed") => (name, number(0).or(Some(10)), number(1).or(Some(0))),
            name => (name, number(0), number(1)),
        };
        let mut name = name.to_uppercase();
        name.push_str(match written.sign {
            Some(Sign::Zerofill) => " UNSIGNED ZEROFILL",
            Some(Sign::Unsigned) => " UNSIGNED",
            Some(Sign::Signed) => " SIGNED",
            None => "",
        });
        if written.collated {
            name.push_str(" BINARY");
        }
        Self { name, length, scale }
    }

    /// What the log alone tells of a type, where no definition that fits is known any more.
    pub(super) fn of_log(kind: &Type) -> Self {
        let digits = |digits: u8| (digits > 0).then(|| i32::from(digits));
        let (name, length, scale) = match kind {
            Type::Int { bytes, .. } => match bytes {
                1 => ("TINYINT", None, None),
                2 => ("SMALLINT", None, None),
                3 => ("MEDIUMINT", None, None),
                4 => ("INT", None, None),
                _ => ("BIGINT", None, None),
            },
            Type::Float { .. } => ("FLOAT", None, None),
            Type::Double => ("DOUBLE", None, None),
            Type::Decimal { precision, scale } => ("DECIMAL", digits(*precision), Some(i32::from(*scale))),
            Type::Bit(bits) => ("BIT", Some(i32::from(*bits)), None),
            Type::Year => ("YEAR", None, None),
            Type::Date => ("DATE", None, None),
            Type::Time(fraction) => ("TIME", digits(*fraction), None),
            Type::DateTime(fraction) => ("DATETIME", digits(*fraction), None),
            Type::Timestamp(fraction) => ("TIMESTAMP", digits(*fraction), None),
            Type::Text => ("VARCHAR", None, None),
            Type::Binary { fixed: Some(length) } => ("BINARY", Some(i32::from(*length)), None),
            Type::Binary { fixed: None } => ("VARBINARY", None, None),
            Type::Json => ("JSON", None, None),
            Type::Enum(_) => ("ENUM", Some(1), None),
            Type::Set(labels) => ("SET", i32::try_from((labels.len() * 2).saturating_sub(1)).ok(), None),
            Type::Point => ("POINT", None, None),
            Type::Geometry => ("GEOMETRY", None, None),
            Type::Vector => ("VECTOR", None, None),
            Type::Other(name) => (name.as_str(), None, None),
        };
        let unsigned = if matches!(kind, Type::Int { unsigned: true, .. }) { " UNSIGNED" } else { "" };
        Self { name: format!("{}{unsigned}", name.to_uppercase()), length, scale }
    }
}

#[cfg(test)]
mod tests {
    use crate::source::mysql::catalog::Catalog;
    use crate::source::mysql::ddl;

    /// What is told of a column that is written so.
    fn told(written: &str) -> (String, Option<i32>, Option<i32>) {
        let mut catalog = Catalog::default();
        catalog.apply(ddl::parse(&format!("CREATE TABLE t (c {written} NOT NULL)")), "d");
        let told = catalog.get("d", "t").unwrap().columns[0].told.clone();
        (told.name, told.length, told.scale)
    }

    /// As the schema changes of the recordings `mysql_types` and `mysql_ddl` have it.
    #[test]
    fn types_are_told_as_they_are_written() {
        for (written, name, length, scale) in [
            ("int", "INT", None, None),
            ("bigint unsigned", "BIGINT UNSIGNED", None, None),
            ("int(8) unsigned zerofill", "INT UNSIGNED ZEROFILL", Some(8), None),
            ("tinyint(1)", "TINYINT", Some(1), None),
            ("float(7,3)", "FLOAT", Some(7), Some(3)),
            ("decimal(65,30)", "DECIMAL", Some(65), Some(30)),
            ("decimal(8,4) unsigned", "DECIMAL UNSIGNED", Some(8), Some(4)),
            ("decimal", "DECIMAL", Some(10), Some(0)),
            ("bit", "BIT", Some(1), None),
            ("varchar(50) CHARACTER SET latin1", "VARCHAR", Some(50), None),
            ("text", "TEXT", None, None),
            ("enum('x','y')", "ENUM", Some(1), None),
            ("set('x','y','z')", "SET", Some(5), None),
            ("datetime(3)", "DATETIME", Some(3), None),
            ("timestamp", "TIMESTAMP", None, None),
            ("year", "YEAR", None, None),
            ("vector(3)", "VECTOR", Some(3), None),
            ("char(60) binary", "CHAR BINARY", Some(60), None),
            ("serial", "BIGINT UNSIGNED", None, None),
        ] {
            assert_eq!(told(written), (name.to_owned(), length, scale), "{written}");
        }
    }
}
