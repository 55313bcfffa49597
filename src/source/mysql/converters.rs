//! Debezium's converters of single columns (`converters`): what they make of a type instead of its own form.
//!
//! Owns their options; what a value becomes is a [`super::form::Form`]. They are Java classes, which anybody may write: those
//! that are not known here are refused by name, because a schema would silently be another one without them.

use super::definition::{Column, Type};
use crate::config::{Properties, Reader};
use crate::source::filter::Patterns;

/// Names of `TinyIntOneToBooleanConverter`, the second one of before Debezium 3.
const BOOLEAN: [&str; 2] = [
    "io.debezium.connector.binlog.converters.TinyIntOneToBooleanConverter",
    "io.debezium.connector.mysql.converters.TinyIntOneToBooleanConverter",
];

const TYPE: &str = "type";
const SELECTOR: &str = "selector";
const LENGTH_CHECKER: &str = "length.checker";

/// What a converter reads, behind its name and a dot.
pub const OPTIONS: &[&str] = &[TYPE, SELECTOR, LENGTH_CHECKER];

/// The converters of a connector.
#[derive(Clone, Debug, Default)]
pub(super) struct Converters(Vec<Boolean>);

/// `TinyIntOneToBooleanConverter`: which columns are flags.
#[derive(Clone, Debug)]
struct Boolean {
    /// Names of columns; empty: all.
    selector: Patterns,
    /// Only `TINYINT(1)`.
    checks_length: bool,
}

impl Converters {
    /// Reads `converters`, and each one's options.
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let mut converters = Vec::new();
        for name in reader.list("converters") {
            let options = reader.family(&format!("{name}."));
            let option = |option| options.get(option).map(|value| value.trim());
            let class = option(TYPE).unwrap_or_default();
            if BOOLEAN.contains(&class) {
                converters.push(Boolean::read(reader, &name, &options));
                continue;
            }
            let known = format!("must be {}, the only converter here", BOOLEAN[0]);
            reader.problem(&format!("{name}.{TYPE}"), (!class.is_empty()).then(|| class.to_owned()), &known);
        }
        Self(converters)
    }

    /// Whether the column of the table `database.table` is a flag. Its length is what was written, `TINYINT(1)`.
    pub(super) fn is_flag(&self, table: &str, column: &Column) -> bool {
        let is_tiny = matches!(column.kind, Type::Int { bytes: 1, .. });
        is_tiny && self.0.iter().any(|converter| converter.names(table, column))
    }
}

impl Boolean {
    fn read(reader: &mut Reader<'_>, name: &str, options: &Properties) -> Self {
        let selector = options.get(SELECTOR).map(String::as_str).unwrap_or_default();
        // As Java's `Boolean.parseBoolean` has it.
        let checked = options.get(LENGTH_CHECKER).map(|value| value.trim()).filter(|value| !value.is_empty());
        Self {
            selector: Patterns::parse(reader, &format!("{name}.{SELECTOR}"), selector),
            checks_length: checked.is_none_or(|value| value.eq_ignore_ascii_case("true")),
        }
    }

    fn names(&self, table: &str, column: &Column) -> bool {
        (!self.checks_length || column.told.length == Some(1))
            && (self.selector.is_empty() || self.selector.matches(&format!("{table}.{}", column.name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Key, KeyKind, Problems};
    use crate::source::mysql::ddl;

    fn read(pairs: &[(&str, &str)]) -> Result<Converters, Problems> {
        const KEYS: &[Key] = &[Key::new("converters", KeyKind::String, "")];
        let properties: Properties = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let mut reader = Reader::new(&properties, &[KEYS]);
        let converters = Converters::read(&mut reader);
        reader.finish(converters)
    }

    fn flags(more: &[(&str, &str)]) -> String {
        let base = [("converters", "b"), ("b.type", BOOLEAN[0])];
        let converters = read(&[&base[..], more].concat()).unwrap();
        let table = "CREATE TABLE t (a tinyint(1), b tinyint, c tinyint(1) unsigned, d int(1), e tinyint unsigned)";
        let table = ddl::definition(table).unwrap();
        let flags = table.columns.iter().filter(|column| converters.is_flag("shop.t", column));
        flags.map(|column| column.name.as_str()).collect()
    }

    #[test]
    fn chooses_the_columns_that_debezium_does() {
        assert_eq!(flags(&[]), "ac");
        assert_eq!(flags(&[("b.length.checker", "false")]), "abce");
        assert_eq!(flags(&[("b.selector", "shop.t.A, other.*")]), "a");
        assert_eq!(flags(&[("b.length.checker", "false"), ("b.selector", r".*\.[be]")]), "be");
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for (pairs, expected) in [
            (&[("converters", "iso"), ("iso.type", "com.example.Iso")][..], "iso.type=\"com.example.Iso\": must be"),
            (&[("converters", "iso")], "iso.type: must be"),
            (&[("converters", "b"), ("b.type", BOOLEAN[1]), ("b.selector", "(")], "b.selector=\"(\": is no regular"),
        ] {
            let problems = read(pairs).unwrap_err().to_string();
            assert!(problems.starts_with(expected), "{problems}");
        }
    }
}
