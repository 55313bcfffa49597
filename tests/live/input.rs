//! Bad input: the daemon does not start, and says which file, which key and why, all at once.

use crate::support::daemon::Setup;
use crate::support::seconds;

const POSTGRES: &str = r#""connector.class": "io.debezium.connector.postgresql.PostgresConnector""#;

/// Runs with a file of that text; it must end with status 2, and say each of `words`.
fn refused(text: &str, words: &[&str]) {
    let (status, log) = Setup::new().file("bad.json", text).run(seconds(10));
    assert_eq!(status.code(), Some(2), "{log}");
    for word in [&["bad.json"], words].concat() {
        assert!(log.contains(word), "{word:?} is missing in:\n{log}");
    }
}

#[test]
fn no_json() {
    refused("connector.class=io.debezium", &["JSON"]);
}

#[test]
fn unknown_class() {
    refused(
        r#"{"name": "a", "config": {"connector.class": "com.example.Nothing"}}"#,
        &["connector.class", "com.example.Nothing", "io.debezium.connector.mysql.MySqlConnector"],
    );
}

#[test]
fn missing_and_wrong_values_are_told_together() {
    let text = format!(
        r#"{{"name": "a", "config": {{{POSTGRES}, "database.hostname": "h", "database.user": "u", "database.dbname": "d",
            "database.port": "many", "tombstones.on.delete": "perhaps", "database.password": "hush-hush"}}}}"#
    );
    refused(&text, &["topic.prefix", "database.port", "many", "tombstones.on.delete", "perhaps"]);
    let (_, log) = Setup::new().file("bad.json", &text).run(seconds(10));
    assert!(!log.contains("hush-hush"), "{log}");
}

#[test]
fn a_file_that_is_not_there() {
    let (status, log) = Setup::new().argument("/nowhere/c.json").run(seconds(10));
    assert_eq!(status.code(), Some(2), "{log}");
    assert!(log.contains("/nowhere/c.json"), "{log}");
}
