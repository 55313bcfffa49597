//! Which databases, schemas, tables and columns are captured: Debezium's include and exclude lists.
//!
//! An entry is a regular expression (Java's dialect) that must match the whole name, whatever its case.

use fancy_regex::Regex;

use crate::config::Reader;
use crate::config::reader::entries;

/// A list of patterns that match whole names.
#[derive(Clone, Debug, Default)]
pub struct Patterns(Vec<Regex>);

impl Patterns {
    /// Reads a list of patterns; one that does not compile is a problem of the key.
    pub fn read(reader: &mut Reader<'_>, key: &'static str) -> Self {
        let list = reader.text(key);
        Self::parse(reader, key, &list)
    }

    /// The patterns of a list that stands at that key, which may be one of a family.
    pub fn parse(reader: &mut Reader<'_>, key: &str, list: &str) -> Self {
        let mut patterns = Vec::new();
        for entry in entries(list) {
            match anchored(&entry) {
                Ok(pattern) => patterns.push(pattern),
                Err(error) => reader.problem(key, Some(entry), &format!("is no regular expression: {error}")),
            }
        }
        Self(patterns)
    }

    /// Whether any pattern matches the whole name.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        self.0.iter().any(|pattern| pattern.is_match(name).unwrap_or(false))
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The entries, as they were written, that match none of the names.
    #[must_use]
    pub fn unmatched(&self, names: &[&str]) -> Vec<&str> {
        let matches_none = |pattern: &&Regex| !names.iter().any(|name| pattern.is_match(name).unwrap_or(false));
        self.0.iter().filter(matches_none).map(written).collect()
    }
}

/// The entry as a pattern for whole names, whatever their case.
///
/// # Errors
/// When it is no regular expression.
pub fn anchored(entry: &str) -> Result<Regex, fancy_regex::Error> {
    Regex::new(&format!("{BEFORE}{entry}{BEHIND}"))
}

const BEFORE: &str = "(?i)^(?:";
const BEHIND: &str = ")$";

/// The entry that a pattern was made of.
fn written(pattern: &Regex) -> &str {
    let pattern = pattern.as_str();
    pattern.strip_prefix(BEFORE).and_then(|rest| rest.strip_suffix(BEHIND)).unwrap_or(pattern)
}

/// An include list and an exclude list, of which one may be set.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    include: Patterns,
    exclude: Patterns,
}

impl Filter {
    /// Reads both lists; both set is a problem.
    pub fn read(reader: &mut Reader<'_>, include_key: &'static str, exclude_key: &'static str) -> Self {
        let include = Patterns::read(reader, include_key);
        let exclude = Patterns::read(reader, exclude_key);
        if !include.is_empty() && !exclude.is_empty() {
            reader.problem(exclude_key, None, &format!("excludes {include_key}; set one of the two"));
        }
        Self { include, exclude }
    }

    /// Whether the name is captured.
    #[must_use]
    pub fn accepts(&self, name: &str) -> bool {
        if self.include.is_empty() { !self.exclude.matches(name) } else { self.include.matches(name) }
    }

    /// The entries of the include list that match none of the names.
    #[must_use]
    pub fn unmatched(&self, names: &[&str]) -> Vec<&str> {
        self.include.unmatched(names)
    }

    /// Whether everything is captured.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.include.is_empty() && self.exclude.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Key, KeyKind, Properties};

    const KEYS: &[Key] = &[
        Key::new("table.include.list", KeyKind::List, "tables"),
        Key::new("table.exclude.list", KeyKind::List, "tables"),
    ];

    fn read(include: &str, exclude: &str) -> Result<Filter, crate::config::Problems> {
        let pairs = [("table.include.list", include), ("table.exclude.list", exclude)];
        let properties: Properties = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let mut reader = Reader::new(&properties, &[KEYS]);
        let filter = Filter::read(&mut reader, "table.include.list", "table.exclude.list");
        reader.finish(filter)
    }

    #[test]
    fn matches_whole_names_whatever_their_case() {
        let filter = read("shop.orders, shop.cust.*", "").unwrap();
        assert!(filter.accepts("SHOP.Orders") && filter.accepts("shop.customers"));
        assert!(!filter.accepts("shop.orders2") && !filter.accepts("eshop.orders"));
        let filter = read("", r"shop\.(?!orders).*").unwrap();
        assert!(filter.accepts("shop.orders") && !filter.accepts("shop.customers"));
        assert!(read("", "").unwrap().accepts("anything"));
        let filter = read(r"shop.orders, shop\.cust.*, a{1\,2}", "").unwrap();
        assert_eq!(filter.unmatched(&["SHOP.Orders", "shop.x"]), [r"shop\.cust.*", "a{1,2}"]);
    }

    #[test]
    fn a_comma_may_be_escaped() {
        assert!(read(r"a{1\,2}", "").unwrap().accepts("aa"));
    }

    #[test]
    fn tells_what_is_wrong() {
        assert!(read("a(", "").unwrap_err().to_string().contains("table.include.list=\"a(\""));
        assert!(read("a", "b").unwrap_err().to_string().contains("set one of the two"));
    }
}
