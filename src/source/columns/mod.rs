//! What both sources do to columns between the decoder and the event: which are emitted, under which names, with which
//! parameters, masked how, and which make the key.
//!
//! Owns Debezium's keys for it ([`KEYS`]), and the order in which they apply (`TableSchemaBuilder`, `ColumnMappers`,
//! `Key.CustomKeyMapper`). Knows no database: a source says what it knows of its columns ([`ColumnFacts`]). Invariants: the
//! rules are looked up once per version of a table, and a row costs nothing but its masks; a key holds the columns' own
//! values, whatever happens to them in the row; of the rules that name a column the first one counts. Unlike Debezium, where
//! `column.propagate.source.type` would switch off a hash for the same column, masks come before all that only tells.

mod layout;
mod mask;

use fancy_regex::Regex;

use super::filter::{Filter, Patterns, anchored};
use crate::config::{Key, KeyKind, NameAdjustment, Reader};
use mask::{Algorithm, Hash, Hashed};

pub use layout::{ColumnFacts, Layout, Projection};

/// The keys that [`ColumnRules`] reads. Names of columns are those of the table, a dot, and the column's.
pub const KEYS: &[Key] = &[
    Key::new("column.include.list", KeyKind::List, "Columns to keep: regular expressions of whole names"),
    Key::new("column.exclude.list", KeyKind::List, "Columns to leave out: regular expressions of whole names"),
    Key::new("message.key.columns", KeyKind::String, "Keys of tables: table:column,column;…"),
    Key::new("column.truncate.to.*", KeyKind::List, "….N.chars: columns whose values are cut to so many characters"),
    Key::new("column.mask.with.*", KeyKind::List, "….N.chars: columns whose text becomes so many asterisks"),
    Key::new(
        "column.mask.hash.*",
        KeyKind::List,
        "….ALGORITHM.with.salt.SALT, or ….v2.ALGORITHM.with.salt.SALT: columns whose text becomes its hash",
    ),
    Key::new("column.propagate.source.type", KeyKind::List, "Columns whose schema tells their type in the database"),
    Key::new("datatype.propagate.source.type", KeyKind::List, "The same for all columns of a type: table.type"),
    Key::new("schema.name.adjustment.mode", KeyKind::String, "How names of schemas are made fit for Avro")
        .one_of(NameAdjustment::NAMES)
        .default("none"),
    Key::new("field.name.adjustment.mode", KeyKind::String, "How names of fields are made fit for Avro")
        .one_of(NameAdjustment::NAMES)
        .default("none"),
    Key::new(
        "skip.messages.without.change",
        KeyKind::Boolean,
        "Whether an update that changes no emitted column is left out",
    )
    .default("false"),
];

/// Converters for which Debezium adjusts names of fields unasked.
const AVRO_CONVERTERS: [&str; 2] =
    ["io.confluent.connect.avro.AvroConverter", "io.apicurio.registry.utils.converter.AvroConverter"];

/// What is done to columns, as the connector's file says.
#[derive(Clone, Debug, Default)]
pub struct ColumnRules {
    filter: Filter,
    /// `message.key.columns`: whole names of columns, in order.
    keys: Vec<Regex>,
    /// In the order in which they count.
    changes: Vec<(Patterns, Change)>,
    propagated: Patterns,
    propagated_types: Patterns,
    schema_names: NameAdjustment,
    field_names: NameAdjustment,
    skip_unchanged: bool,
}

/// What a rule makes of the columns that it names.
#[derive(Clone, Debug)]
enum Change {
    Truncate(usize),
    Mask(usize),
    Hash(Hash),
}

/// Which columns of a table are needed, and for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// By column: whether it is part of the row.
    emitted: Vec<bool>,
    /// The columns of the key, in its order.
    key: Vec<usize>,
}

impl Chosen {
    /// Whether the column has to be decoded; the others need not even have a type that is supported.
    #[must_use]
    pub fn needs(&self, column: usize) -> bool {
        self.emitted.get(column).copied().unwrap_or(false) || self.key.contains(&column)
    }
}

impl ColumnRules {
    /// Reads the keys. The converters of the file must be known too: with Avro, names of fields are adjusted unasked.
    pub fn read(reader: &mut Reader<'_>) -> Self {
        let mut changes = Vec::new();
        truncations(reader, &mut changes);
        masks(reader, &mut changes);
        hashes(reader, &mut changes);
        let field_names = match NameAdjustment::read(reader, "field.name.adjustment.mode") {
            NameAdjustment::None if is_avro(reader) => NameAdjustment::Avro,
            mode => mode,
        };
        Self {
            filter: Filter::read(reader, "column.include.list", "column.exclude.list"),
            keys: key_columns(reader),
            changes,
            propagated: Patterns::read(reader, "column.propagate.source.type"),
            propagated_types: Patterns::read(reader, "datatype.propagate.source.type"),
            schema_names: NameAdjustment::read(reader, "schema.name.adjustment.mode"),
            field_names,
            skip_unchanged: reader.flag("skip.messages.without.change"),
        }
    }

    /// Which columns of a table are needed. `table` is its whole name, as the lists have it; `columns` are the names of its
    /// columns in order; `key` are the places of those of its own key, in the key's order.
    #[must_use]
    pub fn choose(&self, table: &str, columns: &[&str], key: &[usize]) -> Chosen {
        let names: Vec<String> = columns.iter().map(|column| format!("{table}.{column}")).collect();
        let mut chosen = Vec::new();
        for pattern in &self.keys {
            for (column, name) in names.iter().enumerate() {
                if pattern.is_match(name).unwrap_or(false) && !chosen.contains(&column) {
                    chosen.push(column);
                }
            }
        }
        let key = if chosen.is_empty() { key.to_vec() } else { chosen };
        Chosen { emitted: names.iter().map(|name| self.filter.accepts(name)).collect(), key }
    }

    /// The first rule that names the column.
    fn change(&self, column: &str) -> Option<&Change> {
        self.changes.iter().find(|(patterns, _)| patterns.matches(column)).map(|(_, change)| change)
    }
}

fn is_avro(reader: &Reader<'_>) -> bool {
    ["key.converter", "value.converter"].iter().any(|key| {
        let family = reader.family(key);
        family.get("").is_some_and(|class| AVRO_CONVERTERS.contains(&class.trim()))
    })
}

fn truncations(reader: &mut Reader<'_>, changes: &mut Vec<(Patterns, Change)>) {
    for (key, list, length) in numbered(reader, "column.truncate.to.") {
        changes.push((Patterns::parse(reader, &key, &list), Change::Truncate(length)));
    }
}

fn masks(reader: &mut Reader<'_>, changes: &mut Vec<(Patterns, Change)>) {
    for (key, list, length) in numbered(reader, "column.mask.with.") {
        changes.push((Patterns::parse(reader, &key, &list), Change::Mask(length)));
    }
}

/// The keys `<prefix>N.chars`, with their values and N, from the smallest N on.
fn numbered(reader: &mut Reader<'_>, prefix: &str) -> Vec<(String, String, usize)> {
    let mut found = Vec::new();
    for (rest, list) in reader.family(prefix) {
        let key = format!("{prefix}{rest}");
        match rest.strip_suffix(".chars").and_then(|number| number.parse().ok()) {
            Some(number) => found.push((key, list, number)),
            None => reader.problem(&key, None, &format!("must be {prefix}N.chars, with a number for N")),
        }
    }
    found.sort_by_key(|(_, _, number)| *number);
    found
}

/// Both versions of hashes; what is not well formed must not leave its columns in the clear.
fn hashes(reader: &mut Reader<'_>, changes: &mut Vec<(Patterns, Change)>) {
    const PREFIX: &str = "column.mask.hash.";
    for (rest, list) in reader.family(PREFIX) {
        let key = format!("{PREFIX}{rest}");
        let (hashed, named) = match rest.strip_prefix("v2.") {
            Some(named) => (Hashed::Plain, named),
            None => (Hashed::Serialized, rest.as_str()),
        };
        let parts = named.split_once(".with.salt.").filter(|(name, salt)| !name.contains('.') && !salt.is_empty());
        let Some((name, salt)) = parts else {
            reader.problem(&key, None, "must be column.mask.hash.ALGORITHM.with.salt.SALT, perhaps with v2. in front");
            continue;
        };
        let Some(algorithm) = Algorithm::named(name) else {
            reader.problem(&key, None, &format!("there is no algorithm {name:?}; there are {}", Algorithm::NAMES));
            continue;
        };
        let hash = Hash { algorithm, salt: salt.into(), hashed };
        changes.push((Patterns::parse(reader, &key, &list), Change::Hash(hash)));
    }
}

/// `table:column,column;table:column`, with regular expressions for tables and columns.
fn key_columns(reader: &mut Reader<'_>) -> Vec<Regex> {
    const KEY: &str = "message.key.columns";
    let mut keys = Vec::new();
    let text = reader.text(KEY);
    for entry in text.split(';').map(str::trim).filter(|entry| !entry.is_empty()) {
        let Some((table, columns)) = entry.split_once(':').filter(|(_, columns)| !columns.contains(':')) else {
            reader.problem(KEY, Some(entry.to_owned()), "must be table:column,column;… with regular expressions");
            continue;
        };
        for column in columns.split(',').map(str::trim) {
            if column.is_empty() {
                reader.problem(KEY, Some(entry.to_owned()), "names a column without a name");
                continue;
            }
            match anchored(&format!("{}.{column}", table.trim())) {
                Ok(pattern) => keys.push(pattern),
                Err(error) => {
                    reader.problem(KEY, Some(entry.to_owned()), &format!("is no regular expression: {error}"));
                }
            }
        }
    }
    keys
}

#[cfg(test)]
mod tests;
