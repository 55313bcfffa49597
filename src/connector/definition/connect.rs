//! What Kafka Connect 4.3 tells of the keys that every source connector has, and of those that each transform and predicate
//! has beside its own.

use std::borrow::Cow;

use super::{Definition, Row, Width, row};
use crate::config::Importance::{self, High, Low, Medium};
use crate::config::Key;
use crate::config::KeyKind::{self, Boolean, Class, Int, List, Long, String};

/// The version of Kafka whose converters and transforms these stand in for.
const VERSION: &str = "4.3.1";

/// The version of Debezium whose transforms these stand in for.
const DEBEZIUM_VERSION: &str = "3.6.1.Final";

/// The groups, before those of the connector.
pub const GROUPS: &[&str] = &[
    "Common",
    "Transforms",
    "Predicates",
    "Error Handling",
    "Topic Creation",
    "Exactly Once Support",
    "offsets.topic",
];

/// Each key with its group and its place there, as Connect counts it.
#[rustfmt::skip]
pub(super) const ROWS: &[(&str, usize, Row)] = &[
    ("Common", 1, row("name", String, High, Width::Medium)),
    ("Common", 2, row("connector.class", String, High, Width::Long)),
    ("Common", 3, row("connector.plugin.version", String, Medium, Width::Medium)),
    ("Common", 4, row("tasks.max", Int, High, Width::Short).default("1").least(1)),
    ("Common", 5, row("tasks.max.enforce", Boolean, Low, Width::Short).default("true")),
    ("Common", 6, row("key.converter", Class, Low, Width::Short)),
    ("Common", 7, row("key.converter.plugin.version", String, Low, Width::Short)),
    ("Common", 8, row("value.converter", Class, Low, Width::Short)),
    ("Common", 9, row("value.converter.plugin.version", String, Low, Width::Short)),
    ("Common", 10, row("header.converter", Class, Low, Width::Short)),
    ("Common", 11, row("header.converter.plugin.version", String, Low, Width::Short)),
    ("Transforms", 12, row("transforms", List, Low, Width::Long).default("")),
    ("Predicates", 13, row("predicates", List, Low, Width::Long).default("")),
    ("Common", 14, row("config.action.reload", String, Low, Width::Medium).default("restart").one_of(&["none", "restart"])),
    ("Error Handling", 1, row("errors.retry.timeout", Long, Medium, Width::Medium).default("0")),
    ("Error Handling", 2, row("errors.retry.delay.max.ms", Long, Medium, Width::Medium).default("60000")),
    ("Error Handling", 3, row("errors.tolerance", String, Medium, Width::Short).default("none")),
    ("Error Handling", 4, row("errors.log.enable", Boolean, Medium, Width::Short).default("false")),
    ("Error Handling", 5, row("errors.log.include.messages", Boolean, Medium, Width::Short).default("false")),
    ("Topic Creation", 1, row("topic.creation.groups", List, Low, Width::Long).default("")),
    ("Exactly Once Support", 2, row("exactly.once.support", String, Medium, Width::Short).default("requested")
        .one_of(&["requested", "required"])),
    ("Exactly Once Support", 3, row("transaction.boundary", String, Medium, Width::Short).default("poll")
        .one_of(&["poll", "interval", "connector"])),
    ("Exactly Once Support", 4, row("transaction.boundary.interval.ms", Long, Low, Width::Short)),
    ("offsets.topic", 1, row("offsets.storage.topic", String, Low, Width::Long)),
];

/// Whether a key is Connect's own, and not one of the connector: its errors are told in other words.
#[must_use]
pub fn is_connects(name: &str) -> bool {
    let families = ["transforms.", "predicates.", "topic.creation.", "producer.override."];
    ROWS.iter().any(|(_, _, row)| row.name == name) || families.iter().any(|family| name.starts_with(family))
}

/// The keys of a converter: `role` is `key`, `value` or `header`, `class` its class, and `keys` the options that it reads here.
#[must_use]
pub fn of_converter(role: &'static str, class: &str, keys: &[Key]) -> Vec<Definition> {
    const TYPE: Key =
        Key::new("converter.type", String, "Whether it makes keys, values or headers; known by its place");
    const CONTENT: Key = Key::new("schema.content", String, "A schema for reading; nothing is read here");
    const ENCODING: Key = Key::new("converter.encoding", String, "The encoding of texts: UTF-8").default("UTF-8");
    let own = |key: &Key, importance| Definition { importance, width: Width::None, ..Definition::of(key) };
    let mut definitions = vec![Definition { required: true, ..own(&TYPE, Low) }];
    if class.ends_with("JsonConverter") {
        definitions.push(own(&CONTENT, High));
    } else if class.ends_with("StringConverter") {
        definitions.push(own(&ENCODING, High));
    }
    definitions.extend(super::of_plugin(class, keys));
    if !role.is_empty() {
        for definition in &mut definitions {
            if definition.name == TYPE.name {
                definition.default = Some(role.into());
            }
            definition.name = format!("{role}.converter.{}", definition.name).into();
        }
    }
    definitions
}

/// The keys of one transform or predicate of a file: `list` is `transforms` or `predicates`, `class` its class, if it is one
/// that exists, and `keys` the options of that class. In Connect's order, which is by what must be set, by importance and by
/// name; Debezium's options stand behind Connect's.
#[must_use]
pub fn of_link(list: &str, name: &str, class: Option<&str>, keys: &[Key]) -> Vec<Definition> {
    let (title, what) = if list == "transforms" { ("Transforms", "transform") } else { ("Predicates", "predicate") };
    let own = |option: &'static str, kind: KeyKind, importance: Importance| Definition {
        importance,
        width: Width::None,
        ..Definition::of(&Key::new(option, kind, ""))
    };
    let version = class.map(|class| if super::is_debeziums(class) { DEBEZIUM_VERSION } else { VERSION });
    let first = [
        Definition {
            required: true,
            width: Width::Long,
            doc: format!("The class of {what} {name}.").into(),
            ..own("type", Class, High)
        },
        Definition {
            default: version.map(Into::into),
            width: Width::Long,
            doc: "There is one version of everything here.".into(),
            ..own("plugin.version", String, Medium)
        },
    ];
    let mut options = class.map(|class| super::of_plugin(class, keys)).unwrap_or_default();
    let mut common = Vec::new();
    if list == "transforms" && class.is_some() {
        let doc = "Whether it works where the predicate does not hold.".into();
        common.push(Definition { default: Some("false".into()), doc, ..own("negate", Boolean, Medium) });
        let doc = format!("The predicate that says on which records {name} works.").into();
        common.push(Definition { doc, ..own("predicate", String, Medium) });
    }
    let behind = class.is_some_and(super::is_debeziums);
    let rank = |definition: &Definition| {
        let importance = [High, Medium, Low].iter().position(|importance| *importance == definition.importance);
        let is_common = matches!(&*definition.name, "negate" | "predicate");
        (behind && !is_common, !definition.required, importance, definition.name.clone())
    };
    options.extend(common);
    options.sort_by_cached_key(rank);
    let group: Cow<'static, str> = format!("{title}: {name}").into();
    let of_name = |(place, definition): (usize, Definition)| Definition {
        name: format!("{list}.{name}.{}", definition.name).into(),
        group: Some((group.clone(), place)),
        ..definition
    };
    first.into_iter().chain(options).enumerate().map(of_name).collect()
}
