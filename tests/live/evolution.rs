//! Tables that change while rows flow: every event has the schema that was true for it, and the registry is asked for each
//! schema once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use serde_json::{Value, json};

use crate::support::daemon::{Daemon, Setup};
use crate::support::database::{Database, Session};
use crate::support::reader::{Reader, Record};
use crate::support::registry::{Registry, id};
use crate::support::server::{self, Server};
use crate::support::{RUNTIME, seconds};

/// Stands before a registry, passes everything on, and counts what is asked for.
struct Counter {
    port: u16,
    seen: Arc<Mutex<BTreeMap<String, usize>>>,
}

impl Counter {
    fn before(registry: &Server) -> Self {
        let seen: Arc<Mutex<BTreeMap<String, usize>>> = Arc::default();
        // It listens when this returns, on a port that nobody else can have taken meanwhile.
        let listener = RUNTIME.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let counter = Self { port: listener.local_addr().unwrap().port(), seen: Arc::clone(&seen) };
        let root = format!("http://{}", registry.address());
        let app = Router::new().fallback(move |request: Request| pass(root.clone(), Arc::clone(&seen), request));
        RUNTIME.spawn(async move { axum::serve(listener, app).await.unwrap() });
        counter
    }

    /// How often each was asked for and answered.
    fn seen(&self) -> BTreeMap<String, usize> {
        self.seen.lock().unwrap().clone()
    }
}

async fn pass(root: String, seen: Arc<Mutex<BTreeMap<String, usize>>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let what = format!("{} {}", head.method, head.uri.path());
    let url = format!("{root}{}", head.uri);
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let asked = reqwest::Client::new().request(head.method, url).headers(head.headers).body(body);
    let answer = asked.send().await.unwrap();
    // What a registry fails to answer is rightly asked again.
    if !answer.status().is_server_error() {
        *seen.lock().unwrap().entry(what).or_default() += 1;
    }
    let mut response = Response::builder().status(answer.status());
    if let Some(kind) = answer.headers().get("content-type") {
        response = response.header("content-type", kind);
    }
    response.body(Body::from(answer.bytes().await.unwrap())).unwrap()
}

/// A change of the table, and the columns after it: `name:type`, `?` where null is allowed, `=` and the default.
struct Step {
    postgres: &'static str,
    mysql: &'static str,
    columns: &'static [&'static str],
}

const fn step(change: &'static str, columns: &'static [&'static str]) -> Step {
    Step { postgres: change, mysql: change, columns }
}

const STEPS: &[Step] = &[
    step("", &["id:int", "a:int?", "b:string"]),
    step("ADD c varchar(10) DEFAULT 'x'", &["id:int", "a:int?", "b:string", "c:string?=\"x\""]),
    step("ADD d int", &["id:int", "a:int?", "b:string", "c:string?=\"x\"", "d:int?"]),
    step("DROP COLUMN a", &["id:int", "b:string", "c:string?=\"x\"", "d:int?"]),
    step("RENAME COLUMN d TO e", &["id:int", "b:string", "c:string?=\"x\"", "e:int?"]),
    Step {
        postgres: "ALTER e TYPE bigint",
        mysql: "MODIFY e bigint",
        columns: &["id:int", "b:string", "c:string?=\"x\"", "e:long?"],
    },
    Step {
        postgres: "ALTER b DROP NOT NULL, ALTER b SET DEFAULT 'y'",
        mysql: "MODIFY b varchar(20) NULL DEFAULT 'y'",
        columns: &["id:int", "b:string?=\"y\"", "c:string?=\"x\"", "e:long?"],
    },
    step("ALTER c SET DEFAULT 'z'", &["id:int", "b:string?=\"y\"", "c:string?=\"z\"", "e:long?"]),
];

/// The columns of the rows of an envelope, as [`Step::columns`] has them.
fn columns(envelope: &Value) -> Vec<String> {
    let fields = envelope["fields"][0]["type"][1]["fields"].as_array().unwrap();
    fields
        .iter()
        .map(|field| {
            let branches = field["type"].as_array().cloned();
            let optional = if branches.is_some() { "?" } else { "" };
            let branches = branches.unwrap_or_else(|| vec![field["type"].clone()]);
            let of = branches.iter().find(|branch| *branch != "null").unwrap();
            let of = if of.is_object() { &of["type"] } else { of };
            let default = field.get("default").filter(|default| !default.is_null());
            let default = default.map(|default| format!("={default}")).unwrap_or_default();
            format!("{}:{}{optional}{default}", field["name"].as_str().unwrap(), of.as_str().unwrap())
        })
        .collect()
}

const ROWS: usize = 3;

fn started(database: &Database<'_>, counter: &Counter) -> Daemon {
    let class = "io.confluent.connect.avro.AvroConverter";
    let url = format!("http://127.0.0.1:{}/apis/ccompat/v7", counter.port);
    let config = database.connector(&json!({
        "key.converter": class,
        "key.converter.schema.registry.url": url,
        "value.converter": class,
        "value.converter.schema.registry.url": url,
        "schema.compatibility": "NONE",
    }));
    Setup::new().connector(&config).set("bootstrap.servers", &server::kafka().address()).start()
}

fn change(session: &mut Session, is_postgres: bool, step: &Step) {
    let change = if is_postgres { step.postgres } else { step.mysql };
    if !change.is_empty() {
        session.execute(&format!("ALTER TABLE t {change}"));
    }
}

fn insert(session: &mut Session, last: &mut usize, count: usize) {
    for _ in 0..count {
        *last += 1;
        session.execute(&format!("INSERT INTO t (id, b) VALUES ({last}, 'b')"));
    }
}

/// Rows between changes. PostgreSQL's log tells neither defaults nor what may be null: they are read from the catalogue when
/// the changed table is first seen, so there each step waits for the rows before it.
fn evolution(server: &Server, name: &str) {
    let database = Database::create(server, name);
    let is_postgres = database.is_postgres();
    let mut session = database.session();
    session.execute("CREATE TABLE t (id int PRIMARY KEY, a int, b varchar(20) NOT NULL)");
    session.execute("INSERT INTO t VALUES (1, 1, 'b')");
    let counter = Counter::before(server::registry());
    let daemon = started(&database, &counter);
    let mut reader = Reader::new(server::kafka(), &format!("{name}."));
    reader.read_until(&daemon, "the snapshot is there", seconds(60), |records| records.len() == 1);
    let mut last = 1;
    for (at, step) in STEPS.iter().enumerate() {
        change(&mut session, is_postgres, step);
        insert(&mut session, &mut last, ROWS);
        if is_postgres {
            let wanted = 1 + ROWS * (at + 1);
            reader.read_until(&daemon, "the step's rows are there", seconds(30), |records| records.len() >= wanted);
        }
    }
    let wanted = 1 + ROWS * STEPS.len();
    reader.read_until(&daemon, "all rows are there", seconds(60), |records| records.len() >= wanted);
    assert_schemas(&reader.records[1..]);

    // Once for each schema, whatever the number of rows.
    let seen = counter.seen();
    let subject = format!("{}-value", database.topic("t"));
    let registered = format!("POST /apis/ccompat/v7/subjects/{subject}/versions");
    assert_eq!(seen.get(&registered), Some(&STEPS.len()), "{seen:?}");
    let repeated: Vec<_> = seen.iter().filter(|(_, count)| **count > STEPS.len()).collect();
    assert!(repeated.is_empty(), "more often than there are schemas: {repeated:?}");
    insert(&mut session, &mut last, 200);
    reader.read_until(&daemon, "more rows are there", seconds(60), |records| records.len() >= wanted + 200);
    assert_eq!(counter.seen(), seen, "rows of a known schema ask nothing");
    daemon.stop(seconds(20));
}

/// Every record's schema is that of its step, and its id is that of no other step.
fn assert_schemas(records: &[Record]) {
    let mut registry = Registry::of(server::registry());
    let mut ids: Vec<u32> = Vec::new();
    let key = id(records[0].key.as_ref().unwrap());
    for (rows, step) in records.chunks(ROWS).zip(STEPS) {
        for row in rows {
            let value = row.value.as_ref().unwrap();
            let (schema, datum) = registry.written(value);
            assert_eq!(columns(&schema), step.columns, "id {}", datum["after"]["id"]);
            let after: Vec<&String> = datum["after"].as_object().unwrap().keys().collect();
            let names: Vec<&str> = step.columns.iter().map(|column| column.split(':').next().unwrap()).collect();
            assert_eq!(after, names);
            assert_eq!(id(row.key.as_ref().unwrap()), key, "the key's schema is the same");
            ids.push(id(value));
        }
    }
    assert_eq!(ids.len(), ROWS * STEPS.len());
    let constant = ids.chunks(ROWS).all(|ids| ids.iter().all(|id| *id == ids[0]));
    assert!(constant, "a step's rows have one schema: {ids:?}");
    let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(distinct.len(), STEPS.len(), "{ids:?}");
}

/// All of it in one transaction, which PostgreSQL sends when it is over: names and types are still those of each row.
#[test]
fn one_transaction_postgres() {
    let database = Database::create(server::postgres(), "evolution_tx");
    let mut session = database.session();
    session.execute("CREATE TABLE t (id int PRIMARY KEY, a int, b varchar(20) NOT NULL)");
    session.execute("INSERT INTO t VALUES (1, 1, 'b')");
    let counter = Counter::before(server::registry());
    let daemon = started(&database, &counter);
    let mut reader = Reader::new(server::kafka(), "evolution_tx.");
    reader.read_until(&daemon, "the snapshot is there", seconds(60), |records| records.len() == 1);
    session.execute("BEGIN");
    let mut last = 1;
    for step in STEPS {
        change(&mut session, true, step);
        insert(&mut session, &mut last, ROWS);
    }
    session.execute("COMMIT");
    let wanted = 1 + ROWS * STEPS.len();
    reader.read_until(&daemon, "all rows are there", seconds(60), |records| records.len() >= wanted);
    let mut registry = Registry::of(server::registry());
    let bare = |column: &str| column.split(['?', '=']).next().unwrap().to_owned();
    for (rows, step) in reader.records[1..].chunks(ROWS).zip(STEPS) {
        let wanted: Vec<String> = step.columns.iter().map(|column| bare(column)).collect();
        for row in rows {
            let (schema, datum) = registry.written(row.value.as_ref().unwrap());
            let seen: Vec<String> = columns(&schema).iter().map(|column| bare(column)).collect();
            assert_eq!(seen, wanted, "id {}", datum["after"]["id"]);
        }
    }
    daemon.stop(seconds(20));
}

#[test]
fn evolution_postgres() {
    evolution(server::postgres(), "evolution_pg");
}

#[test]
fn evolution_mysql() {
    evolution(server::mysql80(), "evolution_my");
}
