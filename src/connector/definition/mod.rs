//! Definitions of configuration keys, as Kafka Connect tells them (`ConfigKeyInfo`): those of a connector are Debezium's and
//! Connect's, those of any other plug-in are the keys that it declares.
//!
//! What a key means here, and which values it takes, comes from its declaration ([`Key`]) wherever there is one. The tables
//! beside this file add what clients expect of keys that have no meaning here: that they exist, and in which order.

mod connect;
mod debezium;
mod order;

use std::borrow::Cow;

use super::kind::Kind;
use super::parts::SourceConfig;
use super::{dead_letter, keys};
use crate::config::{Importance, Key, KeyKind, Problem};
use crate::source::{columns, common, naming};

pub use connect::{GROUPS, is_connects, of_converter, of_link};

/// How wide a field for the value is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// Nobody said.
    None,
    /// A number.
    Short,
    /// A name.
    Medium,
    /// A list.
    Long,
}

impl Width {
    /// Connect's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Short => "SHORT",
            Self::Medium => "MEDIUM",
            Self::Long => "LONG",
        }
    }
}

/// What is known of a key before any configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// The key.
    pub name: Cow<'static, str>,
    /// What values it takes.
    pub kind: KeyKind,
    /// Whether it must be set, as Connect's definitions see it: Debezium's connectors check that on their own.
    pub required: bool,
    /// As it would be written.
    pub default: Option<Cow<'static, str>>,
    /// How often users set it.
    pub importance: Importance,
    /// A sentence.
    pub doc: Cow<'static, str>,
    /// The group it is shown in, and its place there.
    pub group: Option<(Cow<'static, str>, usize)>,
    /// How wide its value is.
    pub width: Width,
    /// Keys whose meaning depends on it.
    pub dependents: &'static [&'static str],
    /// The values it may take; empty: any.
    pub values: Vec<Cow<'static, str>>,
    /// The smallest number it may be.
    pub least: Option<i64>,
    /// Whether Debezium tells twice of a value that is not of its type.
    pub told_twice: bool,
}

impl Definition {
    /// What a declared key is, without a group.
    #[must_use]
    pub fn of(key: &Key) -> Self {
        Self {
            name: key.name.into(),
            kind: key.kind,
            required: key.required,
            default: key.default.map(Into::into),
            importance: key.importance,
            doc: key.doc.into(),
            group: None,
            width: Width::Medium,
            dependents: &[],
            values: key.values.iter().map(|value| (*value).into()).collect(),
            least: None,
            told_twice: false,
        }
    }

    /// The key's name as a title: `Database hostname`.
    #[must_use]
    pub fn display_name(&self) -> String {
        let words = self.name.replace(['.', '_', '-'], " ");
        let mut characters = words.trim().chars();
        characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
    }

    /// Whether a text is a value of the key's type.
    #[must_use]
    pub fn is_typed(&self, value: &str) -> bool {
        let value = value.trim();
        match self.kind {
            KeyKind::Int => value.parse::<i32>().is_ok(),
            KeyKind::Long => value.parse::<i64>().is_ok(),
            KeyKind::Boolean => ["true", "false"].iter().any(|flag| flag.eq_ignore_ascii_case(value)),
            _ => true,
        }
    }

    /// What is wrong with a value, by the key's type, its range and its values alone. Debezium looks at some twice, and
    /// clients count.
    #[must_use]
    pub fn problems(&self, value: &str) -> Vec<Problem> {
        let value = value.trim();
        if value.is_empty() {
            return Vec::new();
        }
        let number = match self.kind {
            KeyKind::Int => value.parse::<i32>().map(i64::from).ok(),
            KeyKind::Long => value.parse::<i64>().ok(),
            _ => None,
        };
        let is_number = matches!(self.kind, KeyKind::Int | KeyKind::Long);
        let is_no_flag = self.kind == KeyKind::Boolean && !self.is_typed(value);
        let mut reasons = Vec::new();
        match (self.kind, number) {
            (KeyKind::Int, None) => reasons.push("must be a whole number of 32 bits".to_owned()),
            (KeyKind::Long, None) => reasons.push("must be a whole number of 64 bits".to_owned()),
            _ if is_no_flag => reasons.push("must be true or false".to_owned()),
            _ => {}
        }
        let is_below = |least| is_number && number.is_none_or(|number| number < least);
        if let Some(least) = self.least.filter(|least| is_below(*least)) {
            reasons.push(format!("must be {least} or more"));
        }
        if self.told_twice {
            reasons.extend(reasons.first().cloned());
        }
        if !self.values.is_empty() && !self.values.iter().any(|known| known.eq_ignore_ascii_case(value)) {
            reasons.push(format!("must be one of {}", self.values.join(", ")));
        }
        reasons.into_iter().map(|reason| Problem::new(&*self.name, reason).with_value(value)).collect()
    }
}

/// A line of the tables.
struct Row {
    name: &'static str,
    kind: KeyKind,
    importance: Importance,
    width: Width,
    default: Option<&'static str>,
    values: &'static [&'static str],
    least: Option<i64>,
    told_twice: bool,
}

const fn row(name: &'static str, kind: KeyKind, importance: Importance, width: Width) -> Row {
    Row { name, kind, importance, width, default: None, values: &[], least: None, told_twice: false }
}

impl Row {
    const fn default(mut self, default: &'static str) -> Self {
        self.default = Some(default);
        self
    }

    const fn one_of(mut self, values: &'static [&'static str]) -> Self {
        self.values = values;
        self
    }

    const fn least(mut self, least: i64) -> Self {
        self.least = Some(least);
        self
    }

    const fn told_twice(mut self) -> Self {
        self.told_twice = true;
        self
    }

    /// The definition, with what the key's declaration says of its meaning.
    fn definition(&self, kind: Kind, group: &'static str, place: usize) -> Definition {
        let declared = declared(kind, self.name);
        let values = declared.map(|key| key.values).filter(|values| !values.is_empty()).unwrap_or(self.values);
        let default = order::DEFAULTS.iter().find(|(of, name, _)| *of == kind && *name == self.name);
        Definition {
            name: self.name.into(),
            kind: self.kind,
            required: false,
            default: default.map_or(self.default, |(_, _, default)| Some(default)).map(Into::into),
            importance: self.importance,
            doc: declared.map_or_else(|| keys::without_declaration(self.name), |key| key.doc).into(),
            group: Some((group.into(), place)),
            width: self.width,
            dependents: match self.name {
                "database.include.list" | "schema.include.list" | "gtid.source.includes" => &["table.include.list"],
                "table.ignore.builtin" if kind != Kind::Postgres => &["database.include.list"],
                _ => &[],
            },
            values: values.iter().map(|value| (*value).into()).collect(),
            least: self.least,
            told_twice: self.told_twice,
        }
    }
}

/// The declaration of a connector's key, if it has one.
#[must_use]
pub fn declared(kind: Kind, name: &str) -> Option<&'static Key> {
    let lists: [&'static [Key]; 6] =
        [SourceConfig::keys(kind), common::KEYS, columns::KEYS, naming::KEYS, keys::KEYS, dead_letter::config::KEYS];
    let exact = lists.iter().copied().flatten().find(|key| key.name == name);
    exact.or_else(|| lists.iter().copied().flatten().find(|key| key.covers(name)))
}

/// Debezium's keys of a connector, in its order.
#[must_use]
pub fn of_connector(kind: Kind) -> Vec<Definition> {
    let groups = match kind {
        Kind::Postgres => order::POSTGRES,
        Kind::MySql | Kind::MariaDb => order::MYSQL,
    };
    let mut definitions = Vec::new();
    for (group, names) in groups {
        let group = if (kind, *group) == (Kind::MariaDb, "MySQL") { "MariaDB" } else { group };
        let there = names.iter().filter(|name| kind != Kind::MariaDb || !order::NOT_MARIADB.contains(name));
        for (place, name) in there.enumerate() {
            if let Some(row) = debezium::ROWS.iter().find(|row| row.name == *name) {
                definitions.push(row.definition(kind, group, place + 1));
            }
        }
    }
    definitions
}

/// Kafka Connect's keys of every source connector, in its order.
#[must_use]
pub fn of_every_connector(kind: Kind) -> Vec<Definition> {
    connect::ROWS
        .iter()
        .map(|(group, place, row)| {
            let mut definition = row.definition(kind, group, *place);
            definition.required = matches!(row.name, "name" | "connector.class");
            if row.name == "connector.plugin.version" {
                definition.default = Some(kind.debezium_version().into());
                definition.values = vec![kind.debezium_version().into()];
            }
            definition
        })
        .collect()
}

/// What the declared keys of a transform, a predicate or a converter are. Debezium's are told as Debezium tells them: none is
/// required there, and those that it reads without telling are left out.
#[must_use]
pub fn of_plugin(class: &str, keys: &[Key]) -> Vec<Definition> {
    let declared = |key: &Key| {
        let definition = Definition::of(key);
        Definition { required: definition.required && !is_debeziums(class), ..definition }
    };
    if class.ends_with("ExtractNewRecordState") {
        let told = debezium::EXTRACT_NEW_RECORD_STATE.iter();
        let key = |name: &str| keys.iter().find(|key| key.name == name).map(declared);
        return told
            .filter_map(|(name, default)| {
                let importance = if name.starts_with("delete.") { Importance::Medium } else { Importance::Low };
                Some(Definition { default: default.map(Into::into), importance, ..key(name)? })
            })
            .collect();
    }
    keys.iter().filter(|key| !key.name.ends_with('*')).map(declared).collect()
}

/// Whether a class is one of Debezium's.
#[must_use]
pub fn is_debeziums(class: &str) -> bool {
    class.starts_with("io.debezium.")
}

/// The groups of a connector's definitions, in Connect's order.
#[must_use]
pub fn groups(kind: Kind) -> Vec<Cow<'static, str>> {
    let mut groups: Vec<Cow<'static, str>> = GROUPS.iter().map(|group| Cow::Borrowed(*group)).collect();
    for (group, _) in of_connector(kind).into_iter().filter_map(|definition| definition.group) {
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(kind: Kind) -> Vec<Definition> {
        of_connector(kind).into_iter().chain(of_every_connector(kind)).collect()
    }

    #[test]
    fn every_name_of_the_orders_is_in_the_table() {
        assert_eq!(Kind::ALL.map(|kind| all(kind).len()), [148, 140, 150]);
        for kind in Kind::ALL {
            let mut names: Vec<_> = all(kind).into_iter().map(|definition| definition.name).collect();
            names.sort();
            assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{kind:?}");
        }
    }

    /// A default that is told must be the one that counts.
    #[test]
    fn defaults_are_those_of_the_declarations() {
        // What is told of these is Debezium's, and means what ours does.
        let told = [
            // Read as pgoutput.
            "plugin.name",
            // That of schemas is told for MySQL too, where that of databases counts.
            "topic.naming.strategy",
            // Which class it is does not matter, nor how often nothing is done.
            "schema.history.internal",
            "connect.keep.alive",
            "connect.keep.alive.interval.ms",
            "snapshot.fetch.size",
            // An empty value is one that is not set.
            "transforms",
            "predicates",
            "topic.creation.groups",
            // There is one task anyway, and secrets are read anew at each start.
            "tasks.max.enforce",
            "config.action.reload",
            "connector.plugin.version",
        ];
        for kind in Kind::ALL {
            for definition in all(kind).iter().filter(|definition| !told.contains(&&*definition.name)) {
                let Some(key) = declared(kind, &definition.name).filter(|key| !key.name.ends_with('*')) else {
                    continue;
                };
                assert_eq!(definition.default.as_deref(), key.default, "{kind:?} {}", key.name);
            }
        }
    }

    #[test]
    fn every_key_says_something() {
        for definition in Kind::ALL.into_iter().flat_map(all) {
            assert!(!definition.doc.is_empty() && !definition.display_name().contains('.'), "{definition:?}");
        }
        let port =
            of_connector(Kind::Postgres).into_iter().find(|definition| definition.name == "database.port").unwrap();
        assert_eq!(port.display_name(), "Database port");
        let told: Vec<String> = port.problems("x").iter().map(ToString::to_string).collect();
        assert_eq!(told, ["database.port=\"x\": must be a whole number of 32 bits"; 2]);
        assert!(port.problems(" 5432 ").is_empty());
        let poll =
            of_connector(Kind::MySql).into_iter().find(|definition| definition.name == "poll.interval.ms").unwrap();
        assert_eq!(poll.problems("x").len(), 2);
        assert_eq!(poll.problems("0")[0].reason, "must be 1 or more");
    }

    #[test]
    fn groups_are_connects_and_debeziums() {
        let groups = groups(Kind::MariaDb).join(",");
        assert!(
            groups.starts_with("Common,Transforms,") && groups.ends_with(",MariaDB,Connector,History Storage,Events")
        );
    }
}
