//! Names and values of Debezium 1.x (and those that 2.x and 3.x dropped), as today's.
//!
//! Sources: Debezium's release notes of 2.0 (`database.server.name`, `database.history`, the whitelists), 2.5
//! (`schema_only`), 2.6 (`never` of PostgreSQL) and 3.0.

use super::{Properties, Warning};

/// Old name, new name. A name that ends in a dot stands for all that start with it.
const NAMES: &[(&str, &str)] = &[
    ("database.server.name", "topic.prefix"),
    ("database.history", "schema.history.internal"),
    ("database.history.", "schema.history.internal."),
    ("database.whitelist", "database.include.list"),
    ("database.blacklist", "database.exclude.list"),
    ("schema.whitelist", "schema.include.list"),
    ("schema.blacklist", "schema.exclude.list"),
    ("table.whitelist", "table.include.list"),
    ("table.blacklist", "table.exclude.list"),
    ("column.whitelist", "column.include.list"),
    ("column.blacklist", "column.exclude.list"),
    ("heartbeat.topics.prefix", "topic.heartbeat.prefix"),
    ("slot.drop_on_stop", "slot.drop.on.stop"),
    ("toasted.value.placeholder", "unavailable.value.placeholder"),
];

/// A value of a key, as what it is read, and why.
type Renamed = (&'static str, &'static str, &'static str, &'static str);

const VALUES: &[Renamed] = &[
    ("snapshot.mode", "schema_only", "no_data", "its name since Debezium 2.6"),
    ("snapshot.mode", "schema_only_recovery", "recovery", "its name since Debezium 2.6"),
    ("snapshot.mode", "exported", "initial", "every snapshot is one of the slot's position"),
];

/// Values of PostgreSQL's connector only.
const POSTGRES_VALUES: &[Renamed] = &[
    ("snapshot.mode", "never", "no_data", "its name since Debezium 2.6"),
    ("plugin.name", "decoderbufs", "pgoutput", "the one output plug-in that is read here"),
    ("plugin.name", "wal2json", "pgoutput", "the one output plug-in that is read here"),
    ("plugin.name", "wal2json_rds", "pgoutput", "the one output plug-in that is read here"),
    ("plugin.name", "wal2json_streaming", "pgoutput", "the one output plug-in that is read here"),
    ("plugin.name", "wal2json_rds_streaming", "pgoutput", "the one output plug-in that is read here"),
];

/// Gives the properties today's names and values, and says what was renamed. Where a name is there in both forms, the
/// new one counts.
pub fn migrate(properties: &mut Properties) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for old in properties.keys().cloned().collect::<Vec<_>>() {
        let Some(new) = renamed(&old) else { continue };
        let Some(value) = properties.remove(&old) else { continue };
        let what = if properties.contains_key(&new) { "which is set too and counts" } else { "and read as that" };
        warnings.push(Warning::new(old, format!("is Debezium 1.x's name of {new}, {what}")));
        properties.entry(new).or_insert(value);
    }
    let postgres =
        properties.get("connector.class").is_some_and(|class| class.to_ascii_lowercase().contains("postgres"));
    let more = if postgres { POSTGRES_VALUES } else { &[] };
    for (key, old, new, why) in VALUES.iter().chain(more) {
        if let Some(value) = properties.get_mut(*key)
            && value.trim().eq_ignore_ascii_case(old)
        {
            (*new).clone_into(value);
            warnings.push(Warning::new(*key, format!("{old:?} is read as {new:?}, {why}")));
        }
    }
    warnings
}

fn renamed(old: &str) -> Option<String> {
    NAMES.iter().find_map(|(from, to)| match old.strip_prefix(from) {
        Some("") => Some((*to).to_owned()),
        Some(rest) if from.ends_with('.') => Some(format!("{to}{rest}")),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn migrated(pairs: &[(&str, &str)]) -> (Properties, String) {
        let mut properties = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let warnings = migrate(&mut properties);
        (properties, warnings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn old_names_and_values() {
        let (properties, warnings) = migrated(&[
            ("connector.class", "io.debezium.connector.mysql.MySqlConnector"),
            ("database.server.name", "shop"),
            ("database.history.kafka.topic", "h"),
            ("table.whitelist", "shop.orders"),
            ("snapshot.mode", "SCHEMA_ONLY"),
        ]);
        let expected = [
            ("connector.class", "io.debezium.connector.mysql.MySqlConnector"),
            ("schema.history.internal.kafka.topic", "h"),
            ("snapshot.mode", "no_data"),
            ("table.include.list", "shop.orders"),
            ("topic.prefix", "shop"),
        ];
        assert!(properties.iter().map(|(k, v)| (k.as_str(), v.as_str())).eq(expected), "{properties:?}");
        assert_eq!(warnings.lines().count(), 4, "{warnings}");
    }

    #[test]
    fn the_new_name_wins() {
        let (properties, warnings) = migrated(&[("database.server.name", "shop"), ("topic.prefix", "cdc")]);
        assert_eq!(properties["topic.prefix"], "cdc");
        assert!(!properties.contains_key("database.server.name"));
        assert!(warnings.contains("which is set too and counts"), "{warnings}");
    }

    #[test]
    fn never_is_renamed_for_postgresql_only() {
        let postgres = ("connector.class", "io.debezium.connector.postgresql.PostgresConnector");
        assert_eq!(migrated(&[postgres, ("snapshot.mode", "never")]).0["snapshot.mode"], "no_data");
        let mysql = ("connector.class", "io.debezium.connector.mysql.MySqlConnector");
        assert_eq!(migrated(&[mysql, ("snapshot.mode", "never")]).0["snapshot.mode"], "never");
    }
}
