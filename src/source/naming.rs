//! How topics are named: Debezium's naming strategies (`io.debezium.schema.*TopicNamingStrategy`).

use std::sync::Arc;

use crate::config::adjust::escape;
use crate::config::{Key, KeyKind, Reader, Rewrite};
use crate::data::Text;

/// The longest topic name that Kafka takes.
const TOPIC_NAME_MAX: usize = 249;

/// The keys.
pub const KEYS: &[Key] = &[
    Key::new("topic.prefix", KeyKind::String, "Logical name of the server: prefix of all topics").required(),
    Key::new("topic.delimiter", KeyKind::String, "Between the parts of a topic's name").default("."),
    Key::new(
        "topic.naming.strategy",
        KeyKind::Class,
        "Which of Debezium's ways topics are named; by default as its connector does",
    ),
    Key::new("topic.regex", KeyKind::String, "Of a Regex strategy: a Java regular expression for whole topic names"),
    Key::new(
        "topic.replacement",
        KeyKind::String,
        "Of a Regex strategy: the topic that becomes of a name that matches",
    ),
    Key::new(
        "topic.key.enforce.uniqueness",
        KeyKind::Boolean,
        "Of a Regex strategy: whether keys get a field that tells their table",
    )
    .default("true"),
    Key::new("topic.key.field.name", KeyKind::String, "Of a Regex strategy: that field's name")
        .default("__dbz__physicalTableIdentifier"),
    Key::new(
        "topic.key.field.regex",
        KeyKind::String,
        "Of a Regex strategy: a Java regular expression for the names that become its value",
    ),
    Key::new(
        "topic.key.field.replacement",
        KeyKind::String,
        "Of a Regex strategy: the value that becomes of a name that matches",
    ),
    Key::new("topic.heartbeat.prefix", KeyKind::String, "Prefix of the heartbeat topic")
        .default("__debezium-heartbeat"),
    Key::new("topic.heartbeat.name", KeyKind::String, "The heartbeat topic's whole name, instead of prefixes"),
    Key::new("topic.transaction", KeyKind::String, "Name of the transaction topic, behind the prefix")
        .default("transaction"),
];

/// What stands before the table's name in its topic's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Its database: nothing in PostgreSQL, where Debezium knows just one.
    Database,
    /// Its schema: nothing in MySQL, which has none.
    Schema,
}

/// What a strategy makes of a name that its parts gave.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `_` for what Kafka does not take.
    Plain,
    /// Its number for what Kafka does not take, and for `_`.
    Unicode,
    /// What a regular expression makes of it.
    Regex,
}

/// A table's whole name, as far as Debezium's `TableId` holds it.
#[derive(Clone, Copy, Debug)]
pub struct TableName<'a> {
    /// The database, in MySQL.
    pub database: &'a str,
    /// The schema, in PostgreSQL.
    pub schema: &'a str,
    /// The table.
    pub table: &'a str,
}

/// Where a table's records go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The topic.
    pub topic: Arc<str>,
    /// What tells the table apart in its key from other tables of the topic: a field's name, and its value.
    pub tag: Option<(Arc<str>, Text)>,
}

/// How topics are named.
#[derive(Clone, Debug)]
pub struct Naming {
    /// `topic.prefix`
    pub prefix: String,
    delimiter: String,
    heartbeat: String,
    transaction: String,
    level: Level,
    /// Whether what Kafka does not take is written as its number, and `_` with it.
    unicode: bool,
    regex: Option<Merging>,
}

/// Tables that share topics, by a regular expression.
#[derive(Clone, Debug)]
struct Merging {
    topic: Rewrite,
    /// The field that is added to keys.
    field: Option<Arc<str>>,
    /// What makes its value of a name; `None`: the name itself.
    identifier: Option<Rewrite>,
}

impl Naming {
    /// Reads [`KEYS`]; `usual` is the connector's own way.
    pub fn read(reader: &mut Reader<'_>, usual: Level) -> Self {
        let delimiter = reader.text("topic.delimiter");
        let prefix = prefix(reader);
        let heartbeat = [&*reader.text("topic.heartbeat.prefix"), &*prefix].join(&delimiter);
        let (level, form) = strategy(reader, usual);
        Self {
            heartbeat: heartbeat_name(reader).unwrap_or(heartbeat),
            transaction: reader.text("topic.transaction"),
            level,
            unicode: form == Form::Unicode,
            regex: if form == Form::Regex { Merging::read(reader) } else { None },
            prefix,
            delimiter,
        }
    }

    /// Where the records of a table go: by the prefix and the parts of its name.
    #[must_use]
    pub fn table(&self, name: TableName<'_>) -> Place {
        let before = match self.level {
            Level::Database => name.database,
            Level::Schema => name.schema,
        };
        let named = [&*self.prefix, before, name.table].into_iter().filter(|part| !part.trim().is_empty());
        let origin = named.collect::<Vec<_>>().join(&self.delimiter);
        let topic = self.sanitize(&origin);
        match &self.regex {
            None => Place { topic, tag: None },
            Some(merging) => Place { topic: merging.topic(topic), tag: merging.tag(&origin) },
        }
    }

    /// The topic of heartbeats.
    #[must_use]
    pub fn heartbeat(&self) -> Arc<str> {
        sanitize(&self.heartbeat)
    }

    /// The topic of logical messages: Debezium does not ask for `topic.delimiter` here.
    #[must_use]
    pub fn message(&self) -> Arc<str> {
        sanitize(&format!("{}.message", self.prefix))
    }

    /// The topic of schema changes: the prefix alone.
    #[must_use]
    pub fn schema_changes(&self) -> Arc<str> {
        self.sanitize(&self.prefix)
    }

    /// The topic of transaction metadata.
    #[must_use]
    pub fn transaction(&self) -> Arc<str> {
        sanitize(&[&*self.prefix, &*self.transaction].join(&self.delimiter))
    }

    fn sanitize(&self, name: &str) -> Arc<str> {
        if self.unicode { sanitized(name, escape, &['.', '-']) } else { sanitize(name) }
    }
}

impl Merging {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        for name in ["topic.regex", "topic.replacement"] {
            if reader.text_opt(name).is_none() {
                reader.problem(name, None, "must be set for this topic.naming.strategy");
                return None;
            }
        }
        let identifier = Rewrite::read_if_set(reader, "topic.key.field.regex", "topic.key.field.replacement");
        let field: Arc<str> = reader.text("topic.key.field.name").into();
        let field = reader.flag("topic.key.enforce.uniqueness").then_some(field);
        Some(Self { topic: Rewrite::read(reader, "topic.regex", "topic.replacement")?, field, identifier })
    }

    fn topic(&self, topic: Arc<str>) -> Arc<str> {
        match self.topic.apply(&topic) {
            None => topic,
            Some(rewritten) if rewritten.is_empty() => {
                tracing::warn!(%topic, "topic.replacement makes no name of this topic; its records stay there");
                topic
            }
            Some(rewritten) => rewritten.into(),
        }
    }

    fn tag(&self, origin: &str) -> Option<(Arc<str>, Text)> {
        let rewritten = self.identifier.as_ref().and_then(|identifier| identifier.apply(origin));
        let value = rewritten.map_or_else(|| Text::from(origin), Text::from);
        Some((Arc::clone(self.field.as_ref()?), value))
    }
}

fn prefix(reader: &mut Reader<'_>) -> String {
    let prefix = reader.text("topic.prefix");
    if !is_topic(&prefix) {
        reader.problem("topic.prefix", Some(prefix.clone()), "may hold only letters, digits, '-', '.' and '_'");
    }
    prefix
}

fn heartbeat_name(reader: &mut Reader<'_>) -> Option<String> {
    let name = reader.text_opt("topic.heartbeat.name")?;
    if !is_topic(&name) {
        let reason = "may hold only letters, digits, '-', '.' and '_'";
        reader.problem("topic.heartbeat.name", Some(name.clone()), reason);
    }
    Some(name)
}

fn is_topic(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_'))
}

/// What a strategy's class stands for.
fn strategy(reader: &mut Reader<'_>, usual: Level) -> (Level, Form) {
    let Some(class) = reader.text_opt("topic.naming.strategy") else { return (usual, Form::Plain) };
    for (level, name) in [(Level::Database, "Default"), (Level::Schema, "Schema")] {
        for (form, kind) in [(Form::Plain, ""), (Form::Unicode, "Unicode"), (Form::Regex, "Regex")] {
            if class == format!("io.debezium.schema.{name}{kind}TopicNamingStrategy") {
                return (level, form);
            }
        }
    }
    let reason = "is none of Debezium's: io.debezium.schema.{Default,Schema}{,Unicode,Regex}TopicNamingStrategy; \
                  a class of your own cannot run here";
    reader.problem("topic.naming.strategy", Some(class), reason);
    (usual, Form::Plain)
}

/// Replaces what Kafka doesn't take in a topic's name by `_`, character by character.
#[must_use]
pub fn sanitize(name: &str) -> Arc<str> {
    // Java counts characters outside the basic plane twice.
    sanitized(name, |c, to| (0..c.len_utf16()).for_each(|_| to.push('_')), &['.', '_', '-'])
}

fn sanitized(name: &str, replace: impl Fn(char, &mut String), signs: &[char]) -> Arc<str> {
    let mut sane = String::with_capacity(name.len());
    // Kafka takes neither for a name.
    let only_dots = matches!(name, "." | "..");
    for c in name.chars() {
        if !only_dots && (c.is_ascii_alphanumeric() || signs.contains(&c)) {
            sane.push(c);
        } else {
            replace(c, &mut sane);
        }
    }
    sane.truncate(TOPIC_NAME_MAX);
    sane.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Properties;

    fn naming(usual: Level, more: &[(&str, &str)]) -> Result<Naming, String> {
        let pairs = [("topic.prefix", "cdc")].iter().chain(more);
        let properties: Properties = pairs.map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let mut reader = Reader::new(&properties, &[KEYS]);
        let naming = Naming::read(&mut reader, usual);
        reader.finish(naming).map_err(|problems| format!("{problems:?}"))
    }

    fn class(name: &str) -> String {
        format!("io.debezium.schema.{name}TopicNamingStrategy")
    }

    /// Of MySQL's table `inv.Mixed Case`, and of PostgreSQL's.
    fn topics(strategy: &str, more: &[(&str, &str)]) -> (String, String) {
        let class = class(strategy);
        let more = [&[("topic.naming.strategy", &*class)], more].concat();
        let table = "Mixed Case";
        let topic = |level, name| (*naming(level, &more).unwrap().table(name).topic).to_owned();
        (
            topic(Level::Database, TableName { database: "inv", schema: "", table }),
            topic(Level::Schema, TableName { database: "", schema: "inv", table }),
        )
    }

    #[test]
    fn strategies_name_topics_as_debezium_does() {
        let expected = |mysql: &str, postgres: &str| (mysql.to_owned(), postgres.to_owned());
        assert_eq!(topics("Default", &[]), expected("cdc.inv.Mixed_Case", "cdc.Mixed_Case"));
        assert_eq!(topics("Schema", &[]), expected("cdc.Mixed_Case", "cdc.inv.Mixed_Case"));
        assert_eq!(topics("DefaultUnicode", &[]).0, "cdc.inv.Mixed_u0020Case");
        assert_eq!(topics("SchemaUnicode", &[("topic.delimiter", "_")]).1, "cdc_u005finv_u005fMixed_u0020Case");
        assert_eq!(topics("Default", &[("topic.delimiter", "-")]).0, "cdc-inv-Mixed_Case");
        let usual = naming(Level::Schema, &[]).unwrap();
        assert_eq!(&*usual.table(TableName { database: "", schema: "inv", table: "t" }).topic, "cdc.inv.t");
        assert_eq!((&*usual.heartbeat(), &*usual.transaction()), ("__debezium-heartbeat.cdc", "cdc.transaction"));
        let dashed = [("topic.delimiter", "-"), ("topic.heartbeat.name", "alive")];
        let dashed = naming(Level::Schema, &dashed).unwrap();
        assert_eq!((&*dashed.message(), &*dashed.heartbeat()), ("cdc.message", "alive"));
        assert_eq!(&*dashed.transaction(), "cdc-transaction");
    }

    #[test]
    fn what_kafka_does_not_take_is_replaced() {
        assert_eq!(&*sanitize(&"é".repeat(300)), "_".repeat(TOPIC_NAME_MAX));
        assert_eq!((&*sanitize("."), &*sanitize(".."), &*sanitize("😀")), ("_", "__", "__"));
    }

    #[test]
    fn tables_that_share_a_topic_are_told_apart_in_keys() {
        let class = class("DefaultRegex");
        let shards =
            [("topic.naming.strategy", &*class), ("topic.regex", r"(.*)_shard\d+"), ("topic.replacement", "$1")];
        let place = |more: &[(&str, &str)], table| {
            let naming = naming(Level::Database, &[&shards, more].concat()).unwrap();
            let Place { topic, tag } = naming.table(TableName { database: "inv", schema: "", table });
            let tag = tag.map(|(field, value)| format!("{field}={}", value.as_str()));
            ((*topic).to_owned(), tag.unwrap_or_default())
        };
        let usual = "__dbz__physicalTableIdentifier";
        let placed = |topic: &str, tag: String| (topic.to_owned(), tag);
        assert_eq!(place(&[], "t_shard1"), placed("cdc.inv.t", format!("{usual}=cdc.inv.t_shard1")));
        assert_eq!(place(&[], "other"), placed("cdc.inv.other", format!("{usual}=cdc.inv.other")));
        let named = [
            ("topic.key.field.name", "part"),
            ("topic.key.field.regex", r".*_(shard\d+)"),
            ("topic.key.field.replacement", "$1"),
        ];
        assert_eq!(place(&named, "t_shard1"), placed("cdc.inv.t", "part=shard1".into()));
        assert_eq!(place(&[("topic.key.enforce.uniqueness", "false")], "t_shard1"), placed("cdc.inv.t", String::new()));
    }

    #[test]
    fn what_is_wrong_is_told() {
        let refused = |more: &[(&str, &str)]| naming(Level::Database, more).unwrap_err();
        assert!(refused(&[("topic.naming.strategy", "com.example.Mine")]).contains("none of Debezium's"));
        let class = class("SchemaRegex");
        let regex = [("topic.naming.strategy", &*class), ("topic.regex", "a")];
        assert!(refused(&regex).contains("topic.replacement"));
        assert!(refused(&[("topic.heartbeat.name", "a b")]).contains("topic.heartbeat.name"));
        assert!(refused(&[("topic.prefix", "a/b")]).contains("topic.prefix"));
    }
}
