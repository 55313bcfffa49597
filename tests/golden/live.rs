//! The whole daemon on the statements of the recordings: the same tables, the same connector files, real servers.
//!
//! What arrives in Kafka is written as the recordings are, and `compare.py` compares the two; what may differ, and why, is in
//! `differences.json`. The databases, prefixes and slots have the names that they had when Debezium was recorded.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::root;
use super::statements::{Step, steps};
use crate::support::daemon::{Daemon, Setup};
use crate::support::database::Session;
use crate::support::reader::{Reader, Record};
use crate::support::registry::Registry;
use crate::support::server::{self, Server};
use crate::support::{seconds, wait_until};

/// How long nothing has come when it is quiet, once all that is expected is there.
const QUIET: Duration = Duration::from_secs(1);

/// How long nothing has come when nothing more is hoped for: the comparison then tells what is missing.
const HOPELESS: Duration = Duration::from_secs(120);

/// A recorded variant, in the making.
struct Run {
    case: &'static str,
    variant: &'static str,
    server: &'static Server,
    /// What case.json says.
    about: Value,
    config: Value,
    reader: Reader,
    /// Of the same topics, but heartbeats, which come for ever.
    counter: Reader,
    /// How many records other variants have left in its topics.
    before: usize,
    /// Where the schemas are, if the connector file names one.
    registry: Option<Registry>,
}

/// Makes the records of a variant, and compares them with Debezium's.
fn same_as_recorded(case: &'static str, variant: &'static str) {
    // The topics of aggregates have no prefix: all variants write to the same ones.
    let topics_alone = case.ends_with("_outbox").then(|| OUTBOX_ALONE.lock().unwrap_or_else(PoisonError::into_inner));
    let mut run = Run::new(case, variant);
    // MySQL's log is one for all databases, and transaction metadata tells of all of it.
    let alone = (!run.is_postgres()).then(|| MYSQL_ALONE.lock().unwrap_or_else(PoisonError::into_inner));
    run.prepare_database();
    let broker = server::kafka().address();
    // As in the recordings: both converters write schemas unless the connector file names others.
    let setup = Setup::new()
        .connector(&run.config)
        .set("bootstrap.servers", &broker)
        .set("key.converter.schemas.enable", "true")
        .set("value.converter.schemas.enable", "true");
    let mut daemon = setup.start();
    run.wait_until_streaming(&mut daemon);
    run.stream();
    run.wait_until_all_came();
    run.wait_for_a_heartbeat();
    run.compare_status(&daemon);
    run.compare_offsets(&daemon);
    daemon.stop(seconds(20));
    let written = run.write();
    run.compare_records(&written);
    drop((alone, topics_alone));
}

static OUTBOX_ALONE: Mutex<()> = Mutex::new(());
static MYSQL_ALONE: Mutex<()> = Mutex::new(());

/// A MySQL that no other test writes to.
fn mysql() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server::own("mysql97", "golden", &[]))
}

impl Run {
    fn new(case: &'static str, variant: &'static str) -> Self {
        let read = |path: &str| fs::read_to_string(root().join(case).join(path)).unwrap();
        let about: Value = serde_json::from_str(&read("case.json")).unwrap();
        let server = if about["db"] == "pg" { server::postgres() } else { mysql() };
        let broker = server::kafka();
        let server_id: u32 = 9000 + rand::random_range(0..1_000_000);
        let config = read(&format!("{variant}/config.json"))
            .replace("{DB_PORT}", &server.port.to_string())
            .replace("{BOOTSTRAP}", &broker.address())
            .replace("{SERVER_ID}", &server_id.to_string());
        let needs_registry = config.contains("{REGISTRY}");
        let registry = needs_registry.then(|| Registry::of(server::registry()));
        let config = if needs_registry {
            config.replace("{REGISTRY}", &format!("http://{}", server::registry().address()))
        } else {
            config
        };
        // A transform may have sent records elsewhere; another variant's may be there at the same time.
        let elsewhere = super::recorded(&format!("{case}/{variant}")).into_iter().map(|record| record.topic);
        let whole: BTreeSet<String> = elsewhere.chain([format!("{case}-{variant}")]).collect();
        let prefix = format!("{case}-{variant}.");
        let wanted = move |topic: &str| topic.starts_with(&prefix) || whole.contains(topic);
        let ends = wanted.clone();
        let counter = Reader::of(broker, move |topic| !topic.starts_with("__debezium-heartbeat") && ends(topic));
        let reader = Reader::of(broker, wanted);
        let config = serde_json::from_str(&config).unwrap();
        let mut run = Self { case, variant, server, about, config, reader, counter, before: 0, registry };
        run.before = run.count();
        run
    }

    fn database(&self) -> String {
        format!("g_{}_{}", self.case, self.variant)
    }

    fn is_postgres(&self) -> bool {
        self.about["db"] == "pg"
    }

    fn steps(&self, file: &str) -> Vec<Step> {
        let text = fs::read_to_string(root().join(self.case).join(file)).unwrap();
        let prefix = format!("{}-{}", self.case, self.variant);
        steps(&text.replace("{DB}", &self.database()).replace("{PREFIX}", &prefix), self.is_postgres())
    }

    fn prepare_database(&self) {
        let name = self.database();
        // The other template cannot be copied while somebody, such as a worker of the server's own, is connected to it.
        let template = if self.is_postgres() { " TEMPLATE template0" } else { "" };
        let mut server = Session::connect(self.server, "");
        if !self.is_postgres() {
            // Schema changes tell of all databases: there is one at a time, as there was in the recordings.
            for other in server.rows(r"SHOW DATABASES LIKE 'g\_%'").into_iter().flatten().flatten() {
                server.execute(&format!("DROP DATABASE `{other}`"));
            }
        }
        server.execute(&format!("CREATE DATABASE {name}{template}"));
        let mut session = Session::connect(self.server, &name);
        for step in self.steps("setup.sql") {
            match step {
                Step::Statement(sql) => session.execute(&sql),
                other => panic!("{other:?} in setup.sql"),
            }
        }
    }

    /// The task runs, and its slot is active or its binlog reader is connected; a snapshot alone has neither.
    fn wait_until_streaming(&mut self, daemon: &mut Daemon) {
        let name = self.config["name"].as_str().unwrap();
        daemon.reaches(name, "RUNNING", seconds(30));
        if self.config["config"]["snapshot.mode"] == "initial_only" {
            self.wait_until_all_came();
            return;
        }
        let mut session = Session::connect(self.server, "");
        wait_until("the connector streams", seconds(60), || {
            assert!(!daemon.has_ended(), "the daemon has ended");
            is_connected(&mut session, &self.config["config"])
        });
    }

    fn stream(&mut self) {
        let mut session = Session::connect(self.server, &self.database());
        for step in self.steps("stream.sql") {
            match step {
                Step::Statement(sql) => session.execute(&sql),
                Step::Sleep(pause) => std::thread::sleep(pause),
                Step::Records(number) => {
                    wait_until("the records of @wait", seconds(60), || self.count() >= number);
                }
                // No script has it: how long it is quiet says nothing of what is still to come.
                Step::Quiet => panic!("@quiet is not done here"),
                Step::Other(directive) => panic!("@{directive} is not done here yet"),
            }
        }
    }

    /// How many records of this run the topics hold, heartbeats aside.
    fn count(&self) -> usize {
        usize::try_from(self.counter.count()).unwrap() - self.before
    }

    /// How many records the recording has in those topics.
    fn expected(&self) -> usize {
        let recorded = super::recorded(&format!("{}/{}", self.case, self.variant));
        recorded.iter().filter(|record| !record.topic.starts_with("__debezium-heartbeat")).count()
    }

    /// As many have come as were recorded, and then none for a while. That none comes for a while is no sign by itself: a
    /// busy machine is quiet too.
    fn wait_until_all_came(&self) {
        let expected = self.expected();
        let (mut count, mut since) = (self.count(), Instant::now());
        wait_until("all records are there, and no more come", 3 * HOPELESS, || {
            let now = self.count();
            if now != count {
                (count, since) = (now, Instant::now());
            }
            since.elapsed() > if count >= expected { QUIET } else { HOPELESS }
        });
    }

    /// What comes for ever has begun, where it was recorded.
    fn wait_for_a_heartbeat(&mut self) {
        let is_heartbeat = |topic: &str| topic.starts_with("__debezium-heartbeat");
        let recorded = super::recorded(&format!("{}/{}", self.case, self.variant));
        if recorded.iter().any(|record| is_heartbeat(&record.topic)) {
            wait_until("a heartbeat is there", seconds(60), || {
                self.reader.read().iter().any(|record| is_heartbeat(&record.topic))
            });
        }
    }

    /// The states of the tasks at the end.
    fn compare_status(&self, daemon: &Daemon) {
        let recorded: Value = self.recorded("status.json");
        let name = self.config["name"].as_str().unwrap();
        daemon.reaches(name, recorded["tasks"][0].as_str().unwrap(), seconds(30));
    }

    /// The offsets, by their meaning.
    fn compare_offsets(&self, daemon: &Daemon) {
        let path = format!("/connectors/{}/offsets", self.config["name"].as_str().unwrap());
        let expected = meaning(&self.recorded("offsets.json"));
        // They are saved after the records are delivered.
        let end = Instant::now() + seconds(90);
        loop {
            let saved = daemon.rest.get(&path).map(|(_, body)| meaning(&body));
            if saved.as_ref() == Some(&expected) {
                return;
            }
            if Instant::now() > end {
                assert_eq!(saved.as_ref(), Some(&expected), "{path}");
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn recorded(&self, file: &str) -> Value {
        let path = root().join(self.case).join(self.variant).join(file);
        serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
    }

    /// Writes what is in the topics, as the recordings are written.
    fn write(&mut self) -> PathBuf {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("golden");
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join(format!("{}.{}.jsonl", self.case, self.variant));
        let registry = &mut self.registry;
        let prefix = self.config["config"]["topic.prefix"].as_str().unwrap().to_owned();
        let mut records: Vec<&Record> = self.reader.read().iter().filter(|record| is_of(record, &prefix)).collect();
        records.sort_by_key(|record| (&record.topic, record.partition, record.offset));
        let lines: String = records.into_iter().map(|record| line(record, registry.as_mut())).collect();
        fs::write(&path, lines).unwrap();
        path
    }

    fn compare_records(&self, written: &PathBuf) {
        let here = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
        let case = root().join(self.case);
        let done = Command::new("python3")
            .arg(here.join("compare.py"))
            .args([&case.join(self.variant).join("records.jsonl"), written])
            .arg("--case")
            .arg(case.join("case.json"))
            .arg("--differences")
            .arg(here.join("differences.json"))
            .arg("--variant")
            .arg(format!("{}/{}", self.case, self.variant))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&done.stdout);
        let errors = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{}\n{said}{errors}", written.display());
    }
}

/// Whether the slot is active, or the binlog reader is registered.
fn is_connected(session: &mut Session, config: &Value) -> bool {
    if let Some(slot) = config["slot.name"].as_str() {
        // While a slot is made it is active too.
        let streams = format!(
            "SELECT 1 FROM pg_replication_slots s JOIN pg_stat_replication r ON r.pid = s.active_pid \
             WHERE s.slot_name = '{slot}' AND r.state = 'streaming'"
        );
        return session.value(&streams).is_some();
    }
    let id = config["database.server.id"].as_str();
    session.rows("SHOW REPLICAS").iter().any(|row| row.first().and_then(Option::as_deref) == id)
}

const MESSAGES: &[&str] = &[
    "transaction_data_collection_order_message",
    "transaction_data_collection_order_io.debezium.connector.postgresql.LogicalDecodingMessage",
];

/// Whether the connector of that prefix wrote the record, as far as its headers tell.
fn is_of(record: &Record, prefix: &str) -> bool {
    let name = record.headers.iter().find(|(name, _)| name == "__debezium.context.connectorLogicalName");
    name.is_none_or(|(_, written)| written.as_deref() == Some(prefix.as_bytes()))
}

/// Of offsets: the partitions, the names of the fields, and of what type each is.
fn meaning(offsets: &Value) -> Value {
    let kind = |value: &Value| match value {
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Bool(_) => "flag",
        _ => "other",
    };
    let entry = |entry: &Value| {
        let fields = entry["offset"].as_object().into_iter().flatten();
        // Logical messages are counted there under the identity of a Java object.
        let fields = fields.filter(|(name, _)| !MESSAGES.iter().any(|messages| name.starts_with(messages)));
        let mut fields: Vec<(&String, &str)> = fields.map(|(name, value)| (name, kind(value))).collect();
        fields.sort_unstable();
        json!({"partition": entry["partition"], "offset": fields})
    };
    offsets["offsets"].as_array().into_iter().flatten().map(entry).collect()
}

/// A record as a line of `records.jsonl`.
fn line(record: &Record, mut registry: Option<&mut Registry>) -> String {
    let headers: Vec<Value> = record
        .headers
        .iter()
        .map(|(name, value)| json!([name, value.as_ref().map(|value| String::from_utf8_lossy(value))]))
        .collect();
    format!(
        "{{\"topic\":{},\"partition\":{},\"offset\":{},\"timestamp\":{},\"headers\":{},\"key\":{},\"value\":{}}}\n",
        json!(record.topic),
        record.partition,
        record.offset,
        record.timestamp,
        json!(headers),
        written(record.key.as_deref(), registry.as_deref_mut()),
        written(record.value.as_deref(), registry)
    )
}

/// Bytes of a key or value: JSON as it is; Avro, other text and other bytes in an object that says so.
fn written(bytes: Option<&[u8]>, registry: Option<&mut Registry>) -> String {
    use base64::Engine;
    let Some(bytes) = bytes else { return "null".to_owned() };
    if let Some(registry) = registry
        && bytes.first() == Some(&0)
    {
        let (schema, datum) = registry.written(bytes);
        return json!({"$avro": {"schema": schema, "datum": datum}}).to_string();
    }
    match str::from_utf8(bytes) {
        Ok(text) if serde_json::from_str::<&serde_json::value::RawValue>(text).is_ok() => text.to_owned(),
        Ok(text) => json!({"$string": text}).to_string(),
        Err(_) => json!({"$base64": base64::engine::general_purpose::STANDARD.encode(bytes)}).to_string(),
    }
}

macro_rules! cases {
    ($($case:ident: $($variant:ident)*;)*) => {
        $(mod $case {
            $(#[test]
            fn $variant() {
                super::same_as_recorded(stringify!($case), stringify!($variant));
            })*
        })*

        /// A variant that is recorded here is either compared or needs what is not built yet.
        #[test]
        fn every_variant_has_its_test() {
            let compared = [$($(concat!(stringify!($case), "/", stringify!($variant))),*),*];
            let forgotten = super::variants().into_iter().filter(|name| {
                !compared.contains(&name.as_str())
            });
            assert_eq!(forgotten.collect::<Vec<_>>(), [""; 0]);
        }
    };
}

cases! {
    pg_crud: default filters initial_only nodata noschema txmeta;
    pg_unwrap: default delete_to_tombstone drop fields rewrite rewrite_tombstone route;
    pg_heartbeat: basic;
    pg_outbox: default expand expand_noschema keyed placement;
    pg_avro: apicurio_confluent cloudevents;
    pg_toast: default schema;
    pg_types: adaptive adaptive_us connect microseconds nanoseconds noschema string;
    mysql_crud: default nodata noschema txmeta;
    mysql_ddl: default skipunparseable;
    mysql_types: connect default double isostring noschema;
    mysql_outbox: default expand;
    mysql_unwrap: default drop fields rewrite;
}
