//! The command line as other programs see it: what it prints, and its status. Bad input that needs no server.

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::json;

use crate::support::daemon::Setup;
use crate::support::rest::nobody;
use crate::support::{seconds, wait_until};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

fn rowtide() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rowtide"));
    command.env_remove("RUST_LOG");
    command
}

/// Standard output, standard error, status.
fn run(command: &mut Command) -> (String, String, i32) {
    let Output { stdout, stderr, status } = command.output().unwrap();
    (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap(), status.code().unwrap())
}

fn validate(files: &[&PathBuf]) -> (String, i32) {
    let (stdout, stderr, status) = run(rowtide().arg("validate").args(files));
    assert_eq!(stderr, "");
    (stdout, status)
}

fn connector(more: &str) -> String {
    format!(
        r#"{{"connector.class": "io.debezium.connector.postgresql.PostgresConnector", "topic.prefix": "p",
            "database.hostname": "h", "database.user": "u", "database.password": "s3cret", "database.dbname": "d",
            "plugin.name": "pgoutput"{more}}}"#
    )
}

#[test]
fn version_and_usage() {
    let (stdout, _, status) = run(rowtide().arg("version"));
    assert_eq!((stdout.as_str(), status), (concat!("rowtide ", env!("CARGO_PKG_VERSION"), "\n"), 0));
    for arguments in [&[][..], &["validate"], &["dead-letters"], &["fly"], &["run", "--set", "x"]] {
        let (_, stderr, status) = run(rowtide().args(arguments));
        assert_eq!(status, 2, "{arguments:?}: {stderr}");
        assert!(stderr.contains("Usage") || stderr.contains("--help"), "{arguments:?}: {stderr}");
    }
}

#[test]
fn a_good_file_says_nothing() {
    let folder = Folder::new();
    assert_eq!(validate(&[&folder.file("good.json", &connector(""))]), (String::new(), 0));
}

#[test]
fn every_problem_of_every_file_is_a_line() {
    let folder = Folder::new();
    let broken = folder.file("broken.json", "{\n  \"name\": \"a\",\n  \"x\" 1\n}");
    let missing = folder.file("missing.json", r#"{"connector.class": "PostgresConnector"}"#);
    let wrong = folder.file(
        "wrong.json",
        &connector(r#", "database.port": "many", "tombstones.on.delete": "perhaps", "producer.override.acks": "some""#),
    );
    let absent = folder.0.path().join("absent.json");
    let (lines, status) = validate(&[&broken, &missing, &wrong, &absent]);
    assert_eq!(status, 2);
    let expected: &[&[&str]] = &[
        &["broken.json: error: is no connector file at line 3, column 7: expected `:`"],
        &["missing.json: error: database.hostname: is required"],
        &["missing.json: error: database.user: is required"],
        &["missing.json: error: topic.prefix: is required"],
        &["wrong.json: error: database.port=\"many\": must be a whole number"],
        &["wrong.json: error: tombstones.on.delete=\"perhaps\": must be true or false"],
        &["wrong.json: error: producer.override.acks=\"some\": "],
        &["absent.json: error: cannot be read: No such file"],
    ];
    for parts in expected {
        assert!(lines.lines().any(|line| parts.iter().all(|part| line.contains(part))), "{parts:?} in\n{lines}");
    }
    assert!(!lines.contains("s3cret"));
}

#[test]
fn an_unknown_class_is_told_what_there_is() {
    let folder = Folder::new();
    let file = folder.file("a.json", r#"{"connector.class": "io.debezium.connector.mysql.MySQLConnectr"}"#);
    let (lines, status) = validate(&[&file]);
    assert_eq!(status, 2);
    assert!(lines.contains("there are io.debezium.connector.mysql.MySqlConnector, "), "{lines}");
    assert!(lines.contains("did you mean \"io.debezium.connector.mysql.MySqlConnector\"?"), "{lines}");
}

#[test]
fn an_expression_that_does_not_parse_is_shown_with_its_place() {
    let folder = Folder::new();
    let more = r#", "transforms": "f", "transforms.f.type": "io.debezium.transforms.Filter",
        "transforms.f.language": "jsr223.groovy", "transforms.f.condition": "value.op == 'u' && value.before.id = 2""#;
    let (lines, status) = validate(&[&folder.file("groovy.json", &connector(more))]);
    assert_eq!(status, 2);
    let expected = "transforms.f.condition=\"value.op == 'u' && value.before.id = 2\": line 1, column 36, at \"= 2\": ";
    assert!(lines.contains(expected), "{lines}");
    let good = folder.file("good.json", &connector(&more.replace("id = 2", "id == 2")));
    assert_eq!(validate(&[&good]), (String::new(), 0));
    let script = folder.file("script.json", &connector(&more.replace("groovy", "graal.js")));
    let (lines, status) = validate(&[&script]);
    assert!(status == 2 && lines.contains("transforms.f.language=\"jsr223.graal.js\": is not run here"), "{lines}");
}

/// Each mistake in a transform is told with its key; an option that the class does not have is a warning, which strictness
/// refuses.
#[test]
fn mistakes_in_transforms_are_found() {
    let connect = "org.apache.kafka.connect.transforms";
    let of = |class: &str, options: &str| {
        format!(
            r#", "transforms": "t", "transforms.t.type": "{class}"{}{options}"#,
            if options.is_empty() { "" } else { ", " }
        )
    };
    let unwrap = "io.debezium.transforms.ExtractNewRecordState";
    let predicate = of(
        unwrap,
        r#""transforms.t.predicate": "isDelete", "predicates": "isTombstone",
        "predicates.isTombstone.type": "org.apache.kafka.connect.transforms.predicates.RecordIsTombstone""#,
    );
    let filter = of(
        "io.debezium.transforms.Filter",
        r#""transforms.t.language": "cel", "transforms.t.condition": "op == 'u' &&\n after.id = 2""#,
    );
    for (what, more, status, expected) in [
        (
            "unknown transform",
            of(&format!("{connect}.RegexRoute"), ""),
            2,
            "transforms.t.type=\"org.apache.kafka.connect.transforms.RegexRoute\": does not exist here; there are ",
        ),
        (
            "refused transform",
            of("io.debezium.connector.postgresql.transforms.timescaledb.TimescaleDb", ""),
            2,
            "transforms.t.type: TimescaleDb is not supported: it reads _timescaledb_catalog",
        ),
        (
            "unknown option",
            of(unwrap, r#""transforms.t.add.field": "op""#),
            0,
            "warning: transforms.t.add.field: is no option of it; ignored",
        ),
        ("undefined predicate", predicate, 2, "transforms.t.predicate=\"isDelete\": is no predicate of this connector"),
        ("expression", filter, 2, "line 2, column "),
        (
            "regular expression",
            of(
                &format!("{connect}.RegexRouter"),
                r#""transforms.t.regex": "(orders", "transforms.t.replacement": "x""#,
            ),
            2,
            "transforms.t.regex=\"(orders\": is no regular expression: ",
        ),
        (
            "options that exclude each other",
            of(
                &format!("{connect}.ReplaceField$Value"),
                r#""transforms.t.exclude": "a", "transforms.t.blacklist": "b""#,
            ),
            2,
            "transforms.t.blacklist: is the old name of exclude, which is set too",
        ),
    ] {
        let folder = Folder::new();
        let file = folder.file("a.json", &connector(&more));
        let (lines, found) = validate(&[&file]);
        assert!(found == status && lines.contains(expected) && lines.lines().count() == 1, "{what}: {found}\n{lines}");
        let (_, _, strict) = run(rowtide().args(["validate", "--strict"]).arg(&file));
        assert_eq!(strict, 2, "{what}");
    }
}

#[test]
fn names_must_differ() {
    let folder = Folder::new();
    let one = folder.file("one.json", &connector(r#", "name": "twin""#));
    let two = folder.file("two.json", &connector(r#", "name": "twin""#));
    let (lines, status) = validate(&[&one, &two]);
    assert_eq!(status, 2);
    assert!(
        lines.contains("two.json: error: name=\"twin\": is the name of the connector in ")
            && lines.contains("one.json")
    );
}

#[test]
fn lists_exclude_each_other_and_prefixes_are_plain() {
    let folder = Folder::new();
    let more = r#", "name": "a", "table.include.list": "a.b", "table.exclude.list": "a.c""#;
    let file = folder.file("a.json", &connector(more).replace("\"p\"", "\"a/b\""));
    let (lines, status) = validate(&[&file]);
    assert_eq!(status, 2);
    assert!(lines.contains("table.exclude.list: excludes table.include.list"), "{lines}");
    assert!(lines.contains("topic.prefix=\"a/b\": may hold only letters, digits"), "{lines}");
}

#[test]
fn unknown_keys_are_refused_by_strict_only() {
    let folder = Folder::new();
    let file = folder.file("a.json", &connector(r#", "database.hostnam": "x", "max.queue.size": 100"#));
    let (lines, status) = validate(&[&file]);
    assert_eq!(status, 0, "{lines}");
    assert_eq!(lines.lines().count(), 1, "{lines}");
    let expected = "a.json: warning: database.hostnam: is not known; ignored; did you mean \"database.hostname\"?";
    assert!(lines.contains(expected), "{lines}");
    let (_, _, status) = run(rowtide().args(["validate", "--strict"]).arg(&file));
    assert_eq!(status, 2);
}

#[test]
fn what_becomes_of_failing_records_is_checked() {
    let folder = Folder::new();
    let wrong = r#", "errors.tolerance": "some", "errors.retry.timeout": "-2", "schema.compatibility.policy": "dead-letter",
        "errors.deadletterqueue.topic.nam": "x""#;
    let drops = folder.file("drops.json", &connector(r#", "errors.tolerance": "all""#));
    let (lines, status) = validate(&[&folder.file("wrong.json", &connector(wrong)), &drops]);
    assert_eq!(status, 2);
    for expected in [
        "wrong.json: error: errors.tolerance=\"some\": must be one of none, all",
        "wrong.json: error: errors.retry.timeout=\"-2\": must be -1 or more",
        "wrong.json: error: schema.compatibility.policy=\"dead-letter\": needs errors.deadletterqueue.topic.name",
        "wrong.json: warning: errors.deadletterqueue.topic.nam: is not known; ignored; did you mean",
        "drops.json: warning: errors.tolerance: all without errors.deadletterqueue.topic.name: records that fail are dropped",
    ] {
        assert!(lines.contains(expected), "{expected} is not in\n{lines}");
    }
}

#[test]
fn dead_letters_need_a_topic_and_kafka() {
    let folder = Folder::new();
    let topic = r#", "errors.tolerance": "all", "errors.deadletterqueue.topic.name": "dlq""#;
    for action in ["list", "replay"] {
        let mut command = rowtide();
        command.args(["dead-letters", action, "--set", "bootstrap.servers=localhost:1"]);
        let (_, stderr, status) = run(command.arg(folder.file("none.json", &connector(""))));
        assert_eq!(status, 2);
        assert!(stderr.contains("error: errors.deadletterqueue.topic.name: is required"), "{stderr}");
        let mut command = rowtide();
        let (_, stderr, status) =
            run(command.args(["dead-letters", action]).arg(folder.file("topic.json", &connector(topic))));
        assert_eq!(status, 2);
        assert!(stderr.contains("error: bootstrap.servers: is required"), "{stderr}");
    }
}

#[test]
fn placeholders_name_what_is_missing_and_never_what_they_hold() {
    let folder = Folder::new();
    let text =
        connector(r#", "database.port": "${env:ROWTIDE_TEST_PORT}""#).replace("s3cret", "${env:ROWTIDE_TEST_NONE}");
    let file = folder.file("a.json", &text);
    let (lines, _, status) = run(rowtide().env("ROWTIDE_TEST_PORT", "hidden").arg("validate").arg(&file));
    assert_eq!(status, 2);
    let missing =
        "database.password: cannot resolve ${env:ROWTIDE_TEST_NONE}: the environment variable ROWTIDE_TEST_NONE";
    assert!(lines.contains(missing), "{lines}");
    assert!(lines.contains("database.port=\"${env:ROWTIDE_TEST_PORT}\""), "{lines}");
    assert!(!lines.contains("hidden"), "{lines}");
}

#[test]
fn run_refuses_what_validate_refuses() {
    let folder = Folder::new();
    let file = folder.file("a.json", "[]");
    let (stdout, stderr, status) = run(rowtide().arg("run").arg(&file));
    assert_eq!((stdout.as_str(), status), ("", 2));
    assert!(stderr.contains("a.json: error: is no connector file"), "{stderr}");
    let arguments = ["run", "--config", "none.toml", "--set", "rest.port=many", "--set", "sink=kafka"];
    let (_, stderr, status) = run(rowtide().args(arguments).arg(&file));
    assert_eq!(status, 2);
    let all = [
        "a.json: error: is no connector file",
        "error: none.toml: cannot be read",
        "error: rest.port=\"many\"",
        "error: bootstrap.servers: is required",
    ];
    assert!(all.iter().all(|problem| stderr.contains(problem)), "{stderr}");
}

#[test]
fn once_without_connectors_is_done() {
    let (stdout, stderr, status) =
        run(rowtide().args(["run", "--once", "--set", "rest.port=0", "--set", "state.path=:memory:"]));
    assert_eq!((stdout.as_str(), status), ("", 0), "{stderr}");
    assert!(stderr.contains("no connector file was given"), "{stderr}");
}

#[test]
fn a_port_that_is_taken_is_told() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let (_, stderr, status) =
        run(rowtide().args(["run", "--set", "state.path=:memory:", "--set", &format!("rest.port={port}")]));
    assert_eq!(status, 1);
    assert!(stderr.contains(&format!("cannot listen on 127.0.0.1:{port}")), "{stderr}");
}

#[test]
fn the_log_may_be_json() {
    let arguments =
        ["run", "--once", "--set", "rest.port=0", "--set", "state.path=:memory:", "--set", "log.format=json"];
    let (_, stderr, status) = run(rowtide().args(arguments));
    assert_eq!(status, 0);
    assert!(stderr.lines().count() > 1);
    for line in stderr.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(line["level"].is_string() && line["message"].is_string(), "{line}");
    }
}

#[test]
fn an_unreachable_host_is_tried_again_and_a_stop_is_clean() {
    let (_nobody, port) = nobody();
    let port = port.to_string();
    let setup = Setup::new()
        .connector(&json!({
            "name": "pg", "connector.class": "io.debezium.connector.postgresql.PostgresConnector", "topic.prefix": "p",
            "database.hostname": "127.0.0.1", "database.port": port, "database.user": "u", "database.password": "s3cret",
            "database.dbname": "d", "plugin.name": "pgoutput",
        }))
        .connector(&json!({
            "name": "my", "connector.class": "io.debezium.connector.mysql.MySqlConnector", "topic.prefix": "m",
            "database.hostname": "127.0.0.1", "database.port": port, "database.user": "u", "database.password": "s3cret",
        }));
    let daemon = setup.start();
    for connector in ["pg", "my"] {
        let trace = daemon.reaches(connector, "RESTARTING", seconds(20));
        assert!(trace.contains(&format!("127.0.0.1:{port}")), "{trace}");
    }
    // After three tries the next is three seconds away: none of them fails while the daemon stops.
    wait_until("both were tried three times", seconds(60), || {
        let log = daemon.log();
        let tried = |line: &str, name: &str| {
            [format!("connector={name}}}").as_str(), "trying again", "tries=3"].iter().all(|part| line.contains(part))
        };
        ["pg", "my"].iter().all(|name| log.lines().any(|line| tried(line, name)))
    });
    daemon.stop(seconds(30));
    assert!(!daemon.log().contains("s3cret"));
}
