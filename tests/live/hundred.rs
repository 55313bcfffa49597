//! A hundred connectors in one process: half of them on one PostgreSQL, half on one MySQL, all into one Kafka. One is broken on
//! purpose.

use std::collections::BTreeSet;
use std::time::Instant;

use serde_json::{Value, json};

use crate::support::daemon::{Daemon, Setup};
use crate::support::database::{Database, Session};
use crate::support::reader::{Reader, Record};
use crate::support::server::{self, Server};
use crate::support::{seconds, wait_until};

/// On each of the two servers.
const HALF: usize = 50;

/// What the daemon may hold, with all of them.
const MEMORY_MAX: u64 = 256 << 20;

/// The connectors of one server, each with a table of its own.
struct Side<'a> {
    database: Database<'a>,
    session: Session,
}

impl<'a> Side<'a> {
    fn create(server: &'a Server, name: &str) -> Self {
        let database = Database::create(server, name);
        let mut session = database.session();
        for number in 0..HALF {
            session.execute(&format!("CREATE TABLE t{number} (id int PRIMARY KEY, word varchar(100))"));
            session.execute(&format!("INSERT INTO t{number} VALUES (1, 'before')"));
        }
        Self { database, session }
    }

    fn name(&self, number: usize) -> String {
        format!("{}_{number}", self.database.name)
    }

    fn connector(&self, number: usize, more: &Value) -> Value {
        let name = self.name(number);
        let schema = if self.database.is_postgres() { "public" } else { &self.database.name };
        let mut own = json!({"topic.prefix": name, "table.include.list": format!("{schema}.t{number}")});
        if self.database.is_postgres() {
            own["slot.name"] = json!(name);
            own["publication.name"] = json!(name);
            own["publication.autocreate.mode"] = json!("filtered");
        }
        let own = own.as_object_mut().unwrap();
        own.extend(more.as_object().unwrap().clone());
        let mut connector = self.database.connector(&Value::Object(own.clone()));
        connector["name"] = json!(name);
        connector
    }

    /// A row in every table.
    fn insert(&mut self, id: usize) {
        for number in 0..HALF {
            self.session.execute(&format!("INSERT INTO t{number} VALUES ({id}, 'after')"));
        }
    }

    /// The topics of its connectors.
    fn topics(&self) -> impl Iterator<Item = (String, String)> {
        let schema = if self.database.is_postgres() { "public".to_owned() } else { self.database.name.clone() };
        (0..HALF).map(move |number| {
            let name = self.name(number);
            (name.clone(), format!("{name}.{schema}.t{number}"))
        })
    }
}

/// A row in every table of both.
fn insert(sides: &mut [Side<'_>; 2], id: usize) {
    for side in sides {
        side.insert(id);
    }
}

/// The states of all tasks, by connector.
fn states(daemon: &Daemon) -> Vec<(String, String)> {
    let (_, all) = daemon.rest.get("/connectors?expand=status").unwrap();
    let state = |status: &Value| status["status"]["tasks"][0]["state"].as_str().unwrap_or("none").to_owned();
    all.as_object().unwrap().iter().map(|(name, status)| (name.clone(), state(status))).collect()
}

/// Waits until there is a record of that id in every topic but those of the connectors named.
fn wait_for_row(reader: &mut Reader, sides: [&Side<'_>; 2], id: usize, but: &[String]) {
    let expected: BTreeSet<String> = sides
        .iter()
        .flat_map(|side| side.topics())
        .filter(|(name, _)| !but.contains(name))
        .map(|(_, topic)| topic)
        .collect();
    wait_until(&format!("row {id} is in every topic"), seconds(60), || {
        let has = |record: &&Record| record.key_json()["id"] == id;
        let there: BTreeSet<String> = reader.read().iter().filter(has).map(|record| record.topic.clone()).collect();
        expected.is_subset(&there)
    });
}

#[test]
fn a_hundred_connectors() {
    let postgres = Server::own("postgres", "hundred", &["max_connections=400"]);
    let (mysql, broker) = (Server::own("mysql80", "hundred", &["max-connections=400"]), server::kafka());
    let mut sides = [Side::create(&postgres, "hundred"), Side::create(&mysql, "hundred_my")];
    let setup = Setup::new().set("bootstrap.servers", &broker.address());
    let daemon = setup.start();
    daemon.says("the REST API listens", seconds(10));
    let empty = daemon.memory();
    let broken = sides[0].name(7);
    let begin = Instant::now();
    for side in &sides {
        for number in 0..HALF {
            let without_publication = json!({"publication.autocreate.mode": "disabled"});
            let more = if side.name(number) == broken { without_publication } else { json!({}) };
            daemon.rest.change("POST", "/connectors", &side.connector(number, &more), 201);
        }
    }
    eprintln!("registered in {:?}", begin.elapsed());
    let well = |name: &String, state: &String| state == if *name == broken { "FAILED" } else { "RUNNING" };
    wait_until("all run, but the one", seconds(60), || states(&daemon).iter().all(|(name, state)| well(name, state)));
    eprintln!("running after {:?}", begin.elapsed());
    let mut reader = Reader::new(broker, "hundred");
    insert(&mut sides, 2);
    wait_for_row(&mut reader, sides.each_ref(), 2, std::slice::from_ref(&broken));
    // In any order, at any time: some stop, some start again, some go, and none minds another.
    let path = |side: usize, number: usize, what: &str| format!("/connectors/{}{what}", sides[side].name(number));
    for number in 0..10 {
        let side = number % 2;
        daemon.rest.change("PUT", &path(side, number, "/stop"), &Value::Null, 204);
        daemon.rest.change("PUT", &path(1 - side, number, "/pause"), &Value::Null, 202);
        daemon.rest.change("POST", &path(side, number + 10, "/restart?includeTasks=true"), &Value::Null, 202);
        daemon.rest.change("DELETE", &path(1 - side, number + 20, ""), &Value::Null, 204);
    }
    for number in (0..10).rev() {
        let side = number % 2;
        daemon.rest.change("POST", "/connectors", &sides[1 - side].connector(number + 20, &json!({})), 201);
        daemon.rest.change("PUT", &path(side, number, "/resume"), &Value::Null, 202);
        daemon.rest.change("PUT", &path(1 - side, number, "/resume"), &Value::Null, 202);
    }
    insert(&mut sides, 3);
    wait_for_row(&mut reader, sides.each_ref(), 3, std::slice::from_ref(&broken));
    wait_until("all run again", seconds(60), || states(&daemon).iter().all(|(name, state)| well(name, state)));
    let (memory, threads) = (daemon.memory(), daemon.threads());
    eprintln!("{} MB with a hundred, {} MB without; {threads} threads", memory >> 20, empty >> 20);
    assert!(memory < MEMORY_MAX, "{memory} bytes");
    // A restart of the process starts all of them.
    let begin = Instant::now();
    daemon.stop(seconds(30));
    eprintln!("stopped in {:?}", begin.elapsed());
    let daemon = setup.start();
    insert(&mut sides, 4);
    wait_for_row(&mut reader, sides.each_ref(), 4, std::slice::from_ref(&broken));
    daemon.stop(seconds(30));
}
