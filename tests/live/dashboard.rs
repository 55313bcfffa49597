//! The dashboard and the alerts of `config/`: every number they ask for is told by a live run, and promtool finds the rules
//! good and fires them as `data/prometheus/alerts_test.yaml` says.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use figment::Figment;
use figment::providers::{Format, Yaml};
use serde_json::{Value, json};

use crate::support::certificates::Certificates;
use crate::support::daemon::Setup;
use crate::support::database::Database;
use crate::support::exposition::Metrics;
use crate::support::rest::Rest;
use crate::support::server::{self, Server};
use crate::support::{free_port, seconds};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The texts of these keys, wherever they stand.
fn texts<'a>(value: &'a Value, keys: &[&str], found: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                match member {
                    Value::String(text) if keys.contains(&key.as_str()) => found.push(text),
                    other => texts(other, keys, found),
                }
            }
        }
        Value::Array(entries) => entries.iter().for_each(|entry| texts(entry, keys, found)),
        _ => {}
    }
}

/// The expressions of the dashboard and of the alerts.
fn expressions() -> Vec<String> {
    let dashboard = std::fs::read_to_string(root().join("config/grafana/rowtide.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
    let alerts: Value = Figment::from(Yaml::file(root().join("config/prometheus/alerts.yaml"))).extract().unwrap();
    let mut found = Vec::new();
    texts(&dashboard, &["expr", "definition"], &mut found);
    let panels = found.len();
    texts(&alerts, &["expr"], &mut found);
    assert!(panels > 30 && found.len() > panels + 8, "expressions are not found: {found:?}");
    found.into_iter().map(str::to_owned).collect()
}

/// Takes out what stands between these two.
fn without(text: &str, open: char, close: char) -> String {
    let mut depth = 0;
    let mut kept = String::new();
    for character in text.chars() {
        depth += i32::from(character == open);
        if depth == 0 {
            kept.push(character);
        }
        depth -= i32::from(character == close);
    }
    kept
}

/// The metrics that an expression of PromQL, or Grafana's `label_values`, names.
fn names(expression: &str) -> BTreeSet<String> {
    const WORDS: [&str; 8] = ["by", "or", "and", "unless", "on", "ignoring", "bool", "offset"];
    let plain = without(&without(expression, '{', '}'), '[', ']');
    // Labels stand in the parentheses behind `by`, and behind the comma of `label_values`.
    let mut parts = plain.split(" by (");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push_str(part.split_once(')').map_or("", |(_, rest)| rest));
    }
    let plain = match plain.strip_prefix("label_values(") {
        Some(inside) => inside.split(',').next().unwrap_or_default().to_owned(),
        None => plain,
    };
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut names = BTreeSet::new();
    let mut rest = plain.as_str();
    while let Some(start) = rest.find(is_part) {
        rest = &rest[start..];
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let is_function = after.trim_start().starts_with('(');
        if !word.starts_with(|c: char| c.is_ascii_digit()) && !is_function && !WORDS.contains(&word) {
            names.insert(word.to_owned());
        }
        rest = after;
    }
    names
}

#[test]
fn names_are_found_in_expressions() {
    let found = |expression: &str| names(expression).into_iter().collect::<Vec<_>>().join(" ");
    let quantile = "histogram_quantile(0.99, sum by (connector, le) (rate(a_bucket{c=~\"$c\"}[5m]))) > 0.5";
    assert_eq!(found(quantile), "a_bucket");
    assert_eq!(found("a < 0.2 * (a + b)\n or predict_linear(c[30m], 3600) < 0"), "a b c");
    assert_eq!(found("label_values(ready, connector)"), "ready");
    assert_eq!(found("a{x=\"1\"} or b{y=\"z\"}"), "a b");
}

#[test]
fn every_number_that_is_asked_for_is_told() {
    let postgres = Server::own("postgres", "dashboard", &["max_slot_wal_keep_size=1GB"]);
    let databases = [Database::create(&postgres, "dash_pg"), Database::create(server::mysql80(), "dash_my")];
    // One listener more than others have, whose certificate is told of.
    let certificates = Certificates::new();
    let rest = Rest { port: free_port() };
    let mut setup = Setup::new()
        .set("bootstrap.servers", &server::kafka().address())
        .set("listeners", &format!("http://127.0.0.1:{},https://127.0.0.1:{}", rest.port, free_port()))
        .set("listeners.https.ssl.keystore.location", &certificates.path("server.pem"));
    let registry = json!({
        "value.converter": "io.confluent.connect.avro.AvroConverter",
        "value.converter.schema.registry.url": crate::support::registry::api(server::registry()),
    });
    for database in &databases {
        let mut session = database.session();
        session.execute("CREATE TABLE t (id int PRIMARY KEY)");
        session.execute("INSERT INTO t VALUES (1)");
        let more = if database.is_postgres() { &registry } else { &json!({}) };
        setup = setup.connector(&database.connector(more));
    }
    let daemon = setup.start();
    let wanted: BTreeSet<String> = expressions().iter().flat_map(|expression| names(expression)).collect();
    assert!(wanted.len() > 40, "{wanted:?}");
    let missing = |metrics: &Metrics| -> Vec<String> {
        wanted.iter().filter(|name| metrics.all(name, &[]).is_empty()).cloned().collect()
    };
    // Some are told once something was done, or asked in the background, in no certain order.
    let mut nobody_tells = Vec::new();
    Metrics::wait(rest, "both databases were asked where their logs end, and all is told", seconds(60), |metrics| {
        let now = missing(metrics);
        if now != nobody_tells {
            eprintln!("names that nobody tells yet: {now:?}");
            nobody_tells = now;
        }
        let asked = |name| metrics.find("rowtide_log_behind_bytes", &[("connector", name)]).is_some();
        nobody_tells.is_empty() && asked("dash_pg") && asked("dash_my")
    });
    daemon.stop(seconds(10));
}

#[test]
fn promtool_fires_the_alerts() {
    let stack = |arguments: &[&str]| {
        let done = Command::new(root().join("tests/stack/stack")).args(arguments).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    };
    stack(&["install", "promtool"]);
    let promtool = PathBuf::from(stack(&["path", "promtool"])).join("bin/promtool");
    let folder = tempfile::tempdir().unwrap();
    for file in ["config/prometheus/alerts.yaml", "tests/data/prometheus/alerts_test.yaml"] {
        let file = root().join(file);
        std::fs::copy(&file, folder.path().join(file.file_name().unwrap())).unwrap();
    }
    for arguments in [["check", "rules", "alerts.yaml"], ["test", "rules", "alerts_test.yaml"]] {
        let done = Command::new(&promtool).args(arguments).current_dir(folder.path()).output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        assert!(done.status.success(), "promtool {}: {said}", arguments.join(" "));
    }
}
