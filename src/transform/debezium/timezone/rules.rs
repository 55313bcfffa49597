//! Which fields are converted: `include.list` and `exclude.list`.

use std::collections::HashMap;

use crate::config::Reader;

/// The rules of one of the two lists.
#[derive(Debug, Default)]
pub(super) struct Rules {
    /// `None`: no list, everything is converted.
    list: Option<List>,
    /// By topic, by table, and by either: the fields that are named; none: all.
    topics: HashMap<String, Vec<String>>,
    tables: HashMap<String, Vec<String>>,
    either: HashMap<String, Vec<String>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum List {
    Include,
    Exclude,
}

/// What is converted in an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Selection<'a> {
    /// All of the row.
    All,
    /// Only these.
    Only(&'a [String]),
    /// All but these.
    Not(&'a [String]),
}

impl Rules {
    pub(super) fn read(read: &mut Reader<'_>) -> Self {
        let (include, exclude) = (read.list("include.list"), read.list("exclude.list"));
        if !include.is_empty() && !exclude.is_empty() {
            read.problem("exclude.list", None, "cannot be set together with include.list");
        }
        let (key, list, entries) = if include.is_empty() {
            ("exclude.list", List::Exclude, exclude)
        } else {
            ("include.list", List::Include, include)
        };
        let mut rules = Self { list: (!entries.is_empty()).then_some(list), ..Self::default() };
        let mut kind = None;
        for entry in entries {
            if rules.add(&entry, &mut kind).is_none() {
                let reason = "must be source:TABLE, source:TABLE:FIELD, topic:TOPIC, topic:TOPIC:FIELD, or NAME:FIELD";
                read.problem(key, Some(entry), reason);
            }
        }
        rules
    }

    /// Adds an entry; `source` and `topic` go on to count for entries that name neither.
    fn add(&mut self, entry: &str, kind: &mut Option<&'static str>) -> Option<()> {
        let mut parts: Vec<&str> = entry.split(':').map(str::trim).collect();
        let named = [Some("source"), Some("topic")].into_iter().find(|kind| {
            parts.len() > 1
                && kind.is_some_and(|kind| parts.first().is_some_and(|part| part.eq_ignore_ascii_case(kind)))
        });
        if let Some(named) = named {
            *kind = named;
            parts.remove(0);
        }
        let (name, field) = match parts.as_slice() {
            // Debezium takes a name alone only behind a rule that says of what.
            [name] if kind.is_some() => (*name, None),
            [name, field] => (*name, Some(*field)),
            _ => return None,
        };
        if name.is_empty() || field.is_some_and(str::is_empty) {
            return None;
        }
        let map = match kind {
            Some("topic") => &mut self.topics,
            Some(_) => &mut self.tables,
            None => &mut self.either,
        };
        map.entry(name.to_owned()).or_default().extend(field.map(str::to_owned));
        Some(())
    }

    /// What is converted in events of a table on a topic; `None`: nothing.
    pub(super) fn find(&self, topic: &str, table: Option<&str>) -> Option<Selection<'_>> {
        let Some(list) = self.list else { return Some(Selection::All) };
        let of_table = |map: &'_ HashMap<String, Vec<String>>| table.is_some_and(|table| map.contains_key(table));
        let fields = if let Some(fields) = self.topics.get(topic) {
            Some(fields)
        } else if of_table(&self.tables) {
            table.and_then(|table| self.tables.get(table))
        } else {
            self.either.get(topic).or_else(|| self.either.get(table?))
        };
        match (list, fields) {
            (List::Include, None) => None,
            (List::Include, Some(fields)) if fields.is_empty() => Some(Selection::All),
            (List::Include, Some(fields)) => Some(Selection::Only(fields)),
            (List::Exclude, None) => Some(Selection::All),
            (List::Exclude, Some(fields)) if fields.is_empty() => None,
            (List::Exclude, Some(fields)) => Some(Selection::Not(fields)),
        }
    }
}

impl Selection<'_> {
    /// Whether the field of that part of the envelope is converted. The source block only is where a rule names it.
    pub(super) fn has(&self, part: &str, field: &str) -> bool {
        let within =
            |named: &String| named.strip_prefix(part).and_then(|rest| rest.strip_prefix('.')).map(str::to_owned);
        let elsewhere = |named: &String| ["source.", "before.", "after."].iter().any(|other| named.starts_with(other));
        let names = |named: &String| match within(named) {
            Some(within) => within == field,
            None => part != "source" && !elsewhere(named) && named == field,
        };
        match self {
            Self::All => part != "source",
            Self::Only(fields) => fields.iter().any(names),
            Self::Not(fields) if part == "source" => {
                fields.iter().any(|named| within(named).is_some()) && !fields.iter().any(names)
            }
            Self::Not(fields) => !fields.iter().any(names),
        }
    }
}
