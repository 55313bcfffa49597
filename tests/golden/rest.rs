//! Transcripts of Kafka Connect's REST API (`tests/data/rest`), block by block against the real daemon with a real
//! PostgreSQL and a real broker.
//!
//! Compared by the rules of their recording: the status; Content-Type, the path of Location, the set of Allow; the JSON body,
//! objects without order. Not compared: versions, commit, cluster and worker ids, the numbers in offsets, times, traces, the
//! order of connector names, the tasks in the answer to a creation, messages, plug-ins of others, documentation and display of
//! definitions. A `GET` is repeated until it settles. What else differs, and why, is in `differences.json`.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use fancy_regex::Regex;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::support::RUNTIME;
use crate::support::daemon::{Daemon, Setup};
use crate::support::database::Session;
use crate::support::server::{self, Server};

/// How long a `GET` may take to settle; as with all limits of waits, longer than an idle machine needs.
const SETTLES: Duration = Duration::from_secs(90);

/// A request, and its answer.
struct Block {
    title: String,
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
    /// Another status that is as good.
    accept: Option<u16>,
    expected: Answer,
}

/// An answer, as far as it is compared.
struct Answer {
    status: u16,
    content_type: Option<String>,
    /// The path of Location.
    location: Option<String>,
    allow: Option<BTreeSet<String>>,
    body: String,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/rest")
}

/// The blocks of a transcript.
fn blocks(name: &str, replace: impl Fn(&str) -> String) -> Vec<Block> {
    let text = fs::read_to_string(folder().join(format!("{name}.txt"))).unwrap();
    let blocks: Vec<Block> = text.split("### ").skip(1).map(|block| parse(&replace(block))).collect();
    assert!(!blocks.is_empty(), "{name}");
    blocks
}

fn parse(block: &str) -> Block {
    let (title, rest) = block.split_once('\n').unwrap();
    let (head, body) = rest.split_once("\n\n").unwrap_or((rest, ""));
    let lines = |start: &'static str| head.lines().filter_map(move |line| line.strip_prefix(start).map(str::to_owned));
    let asked: Vec<String> = lines("> ").collect();
    let (method, path) = asked[0].split_once(' ').unwrap();
    let body_sent = asked.iter().find_map(|line| line.strip_prefix("body: ").map(str::to_owned));
    let mut headers: Vec<(String, String)> = asked
        .iter()
        .filter_map(|line| line.strip_prefix("header: ")?.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    if headers.is_empty() {
        headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
    }
    Block {
        title: title.to_owned(),
        method: method.to_owned(),
        path: path.to_owned(),
        headers,
        body: body_sent,
        accept: asked.iter().find_map(|line| line.strip_prefix("accept: ")?.parse().ok()),
        expected: Answer {
            status: lines("HTTP/1.1 ").next().unwrap()[..3].parse().unwrap(),
            content_type: lines("Content-Type: ").next(),
            location: lines("Location: ").next().map(|location| path_of(&location)),
            allow: lines("Allow: ").next().map(|allow| set_of(&allow)),
            body: body.trim().to_owned(),
        },
    }
}

fn path_of(location: &str) -> String {
    reqwest::Url::parse(location).unwrap().path().to_owned()
}

fn set_of(allow: &str) -> BTreeSet<String> {
    allow.split(',').map(|method| method.trim().to_owned()).collect()
}

/// What the daemon answers.
fn ask(daemon: &Daemon, block: &Block) -> Answer {
    let url = format!("http://127.0.0.1:{}{}", daemon.rest.port, block.path);
    RUNTIME.block_on(async {
        let mut request = reqwest::Client::new().request(block.method.parse().unwrap(), url);
        for (name, value) in &block.headers {
            request = request.header(name, value);
        }
        if let Some(body) = &block.body {
            request = request.body(body.clone());
        }
        let response = request.send().await.unwrap();
        let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        Answer {
            status: response.status().as_u16(),
            content_type: header("content-type"),
            location: header("location").map(|location| path_of(&location)),
            allow: header("allow").map(|allow| set_of(&allow)),
            body: response.text().await.unwrap(),
        }
    })
}

/// Where two answers differ, and how.
type Difference = (String, String);

fn differences(block: &Block, actual: &Answer) -> Vec<Difference> {
    let expected = &block.expected;
    if Some(actual.status) == block.accept && actual.status != expected.status {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut compare = |what: &str, expected: String, actual: String| {
        if expected != actual {
            found.push((what.to_owned(), format!("expected {expected}, was {actual}")));
        }
    };
    compare("status", expected.status.to_string(), actual.status.to_string());
    compare("Content-Type", format!("{:?}", expected.content_type), format!("{:?}", actual.content_type));
    compare("Location", format!("{:?}", expected.location), format!("{:?}", actual.location));
    compare("Allow", format!("{:?}", expected.allow), format!("{:?}", actual.allow));
    let json = |answer: &Answer| serde_json::from_str::<Value>(&answer.body).ok().map(|body| normal(body, block));
    match (json(expected), json(actual)) {
        (Some(expected), Some(actual)) => walk("body", &expected, &actual, &mut found),
        (None, None) => {
            if expected.body != actual.body {
                found.push(("body".to_owned(), format!("expected {:?}, was {:?}", expected.body, actual.body)));
            }
        }
        (expected, actual) => found.push(("body".to_owned(), format!("expected {expected:?}, was {actual:?}"))),
    }
    found
}

fn walk(path: &str, expected: &Value, actual: &Value, found: &mut Vec<Difference>) {
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => {
            let names: BTreeSet<&String> = expected.keys().chain(actual.keys()).collect();
            for name in names {
                let path = format!("{path}/{name}");
                match (expected.get(name), actual.get(name)) {
                    (Some(expected), Some(actual)) => walk(&path, expected, actual, found),
                    (expected, actual) => found.push((path, format!("expected {expected:?}, was {actual:?}"))),
                }
            }
        }
        (Value::Array(expected), Value::Array(actual)) if expected.len() == actual.len() => {
            for (index, (expected, actual)) in expected.iter().zip(actual).enumerate() {
                walk(&format!("{path}/{index}"), expected, actual, found);
            }
        }
        _ if expected == actual => {}
        _ => found.push((path.to_owned(), format!("expected {expected}, was {actual}"))),
    }
}

/// A body without what is not compared.
fn normal(body: Value, block: &Block) -> Value {
    let mut body = strip(body);
    if block.path == "/connectors"
        && let Value::Array(names) = &mut body
    {
        names.sort_by_key(ToString::to_string);
    }
    if block.expected.status == 201
        && let Value::Object(members) = &mut body
    {
        members.remove("tasks");
    }
    if block.path.starts_with("/connector-plugins?") || block.path == "/connector-plugins" {
        let is_debeziums =
            |plugin: &Value| plugin["class"].as_str().is_some_and(|class| class.starts_with("io.debezium.connector."));
        if let Value::Array(plugins) = &mut body {
            plugins.retain(is_debeziums);
        }
    }
    body
}

fn strip(value: Value) -> Value {
    match value {
        Value::Object(members) if members.contains_key("documentation") => definition(&members),
        Value::Object(members) if members.contains_key("recommended_values") => {
            let has_errors = members["errors"].as_array().is_some_and(|errors| !errors.is_empty());
            json!({"name": members["name"], "value": members["value"], "has_errors": has_errors})
        }
        Value::Object(members) => {
            let of_offsets = members.contains_key("partition");
            let member = |(name, value): (String, Value)| {
                let value = match name.as_str() {
                    "version" | "commit" | "kafka_cluster_id" | "worker_id" | "trace" | "message" => {
                        assert!(value.is_string() || name == "kafka_cluster_id", "{name}: {value}");
                        // There is a cluster, so there is a name for it.
                        json!(value.is_string())
                    }
                    // When it was.
                    "last_modified" => json!(value.is_number()),
                    "offset" if of_offsets => without_numbers(value),
                    _ => strip(value),
                };
                (name, value)
            };
            Value::Object(members.into_iter().map(member).collect())
        }
        Value::Array(entries) => Value::Array(entries.into_iter().map(strip).collect()),
        other => other,
    }
}

fn definition(members: &Map<String, Value>) -> Value {
    let compared = ["name", "type", "required", "default_value"];
    // That the other members are there is compared, though not what they say.
    let names: BTreeSet<&String> = members.keys().collect();
    let mut kept: Map<String, Value> =
        compared.iter().map(|name| ((*name).to_owned(), members[*name].clone())).collect();
    kept.insert("members".to_owned(), json!(names));
    Value::Object(kept)
}

fn without_numbers(value: Value) -> Value {
    match value {
        Value::Number(_) => json!(0),
        Value::Object(members) => {
            Value::Object(members.into_iter().map(|(name, value)| (name, without_numbers(value))).collect())
        }
        other => other,
    }
}

/// A difference that is meant to be: regular expressions that match as a whole.
#[derive(Deserialize)]
struct Meant {
    variant: String,
    /// A block's title.
    topic: String,
    path: String,
}

/// What of `differences.json` is about a transcript.
struct MeantHere(Vec<(Meant, bool)>);

impl MeantHere {
    fn of(name: &str) -> Self {
        let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/differences.json");
        let all: Vec<Meant> = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        let variant = format!("rest/{name}");
        let here = all.into_iter().filter(|meant| is_whole(&meant.variant, &variant));
        Self(here.map(|meant| (meant, false)).collect())
    }

    fn holds(&mut self, title: &str, path: &str) -> bool {
        let mut holds = false;
        for (meant, seen) in &mut self.0 {
            if is_whole(&meant.topic, title) && is_whole(&meant.path, path) {
                (*seen, holds) = (true, true);
            }
        }
        holds
    }
}

fn is_whole(pattern: &str, text: &str) -> bool {
    Regex::new(&format!("^(?:{pattern})$")).unwrap().is_match(text).unwrap()
}

/// A PostgreSQL of its own: slots have the names of the recordings, which are the same in all of them.
fn postgres() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server::own("postgres", "rest", &[]))
}

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Replays a transcript.
fn replay(name: &str) {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let (server, broker) = (postgres(), server::kafka());
    clear(server);
    Session::connect(server, "").execute("CREATE DATABASE rest_db TEMPLATE template0");
    Session::connect(server, "rest_db")
        .execute("CREATE TABLE a (id int PRIMARY KEY, v text); INSERT INTO a VALUES (1, 'x')");
    let mut meant = MeantHere::of(name);
    // As the recordings' worker has it.
    let setup = Setup::new()
        .set("bootstrap.servers", &broker.address())
        .set("key.converter.schemas.enable", "true")
        .set("value.converter.schemas.enable", "true");
    let daemon = setup.start();
    daemon.says("the REST API listens", Duration::from_secs(20));
    let port = server.port.to_string();
    let blocks = blocks(name, |text| text.replace("{PG_PORT}", &port).replace("{BOOTSTRAP}", &broker.address()));
    let mut found = Vec::new();
    for block in &blocks {
        if name == "06-lifecycle" && block.title == "pause" {
            snapshot_is_saved(&daemon, "c1");
        }
        let end = Instant::now() + SETTLES;
        let left = loop {
            let mut left = differences(block, &ask(&daemon, block));
            left.retain(|(path, _)| !meant.holds(&block.title, path));
            if left.is_empty() || block.method != "GET" || Instant::now() > end {
                break left;
            }
            std::thread::sleep(Duration::from_millis(100));
        };
        found.extend(left.into_iter().map(|(path, how)| format!("{}: {path}: {how}", block.title)));
    }
    for (meant, _) in meant.0.iter().filter(|(_, seen)| !seen) {
        found.push(format!("{}: {}: is a difference no more", meant.topic, meant.path));
    }
    assert!(found.is_empty(), "{name}:\n{}", found.join("\n"));
    // What is left may be amid its first connection, or find its slot still held: that stop need not be a clean one.
    daemon.terminate();
    daemon.ended(Duration::from_secs(20));
}

/// Waits for what the recordings slept for: only then is all written that is written, before the topics are reset. A row that
/// came after the reset would bring its topic back; and RUNNING says that the slot is there, not that a row was delivered.
fn snapshot_is_saved(daemon: &Daemon, connector: &str) {
    let path = format!("/connectors/{connector}/offsets");
    crate::support::wait_until("the snapshot's end is saved", Duration::from_secs(60), || {
        let saved = daemon.rest.get(&path).map(|(_, body)| body["offsets"][0]["offset"]["snapshot_completed"].clone());
        saved == Some(json!(true))
    });
}

/// Takes away what an earlier transcript left.
fn clear(server: &Server) {
    let mut session = Session::connect(server, "");
    let slots = session.rows("SELECT slot_name FROM pg_replication_slots");
    for slot in slots.into_iter().flatten().flatten() {
        let drop = format!("SELECT pg_drop_replication_slot('{slot}')");
        crate::support::wait_until("the slot is free", Duration::from_secs(60), || {
            // A server learns late that its client has gone, and a slot may be taken between two looks.
            session.execute(
                "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active_pid IS NOT NULL",
            );
            session.try_execute(&drop).is_ok()
        });
    }
    session.execute("DROP DATABASE IF EXISTS rest_db WITH (FORCE)");
}

#[test]
fn every_transcript_is_replayed() {
    let mut names: Vec<String> = fs::read_dir(folder())
        .unwrap()
        .map(|file| file.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert_eq!(names, TRANSCRIPTS);
}

macro_rules! transcripts {
    ($($test:ident: $name:literal,)*) => {
        const TRANSCRIPTS: &[&str] = &[$($name),*];
        $(#[test]
        fn $test() {
            replay($name);
        })*
    };
}

transcripts! {
    root: "01-root",
    plugins: "02-plugins",
    validate: "03-validate",
    create: "04-create",
    get: "05-get",
    lifecycle: "06-lifecycle",
    offsets: "07-offsets",
    failed: "09-failed",
    logging: "10-logging",
    delete: "11-delete",
    invalid_by_connector: "12-invalid-by-connector",
}
