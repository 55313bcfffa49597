//! Moving from Debezium on Kafka Connect to Rowtide and back, as the README shows it: the same connector file, and the
//! offsets through the REST interfaces of both.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::daemon::Setup;
use crate::support::database::Database;
use crate::support::reader::Reader;
use crate::support::rest::Rest;
use crate::support::server;
use crate::support::{seconds, wait_until};

/// Connect is slow to start, and slower beside other tests.
const PATIENCE: Duration = Duration::from_secs(120);

/// One worker of Connect serves both tests. While it sorts out the connectors of one, it refuses requests about the other, and
/// may tell of a task that still runs, and has not saved its offsets, as if it had gone.
static CONNECT: Mutex<()> = Mutex::new(());

/// Makes a change that must be answered so. Connect, while it sorts out who runs what, wants to be asked again.
fn change(rest: Rest, method: &str, path: &str, body: &Value, expected: u16) {
    let is_connect = rest.port == server::connect().port;
    wait_until(&format!("{method} {path} is answered with {expected}"), PATIENCE, || {
        let (status, answer) = rest.send(method, path, body);
        let is_busy = is_connect && [409, 500, 503].contains(&status);
        assert!(status == expected || is_busy, "{method} {path}: {status}, {answer}");
        // What was not answered in time may have been done.
        status == expected || answer.to_string().contains("already exists")
    });
}

/// A connector that is handed over.
struct Moved<'a> {
    database: &'a Database<'a>,
    reader: Reader,
    rows: i64,
}

impl Moved<'_> {
    fn path(&self, rest: &str) -> String {
        format!("/connectors/{}{rest}", self.database.name)
    }

    /// Writes another row.
    fn write(&mut self) {
        self.rows += 1;
        self.database.session().execute(&format!("INSERT INTO t VALUES ({})", self.rows));
    }

    /// Waits until every row is in the topic, and holds that none is there twice.
    fn arrives(&mut self, by: &str) {
        let topic = self.database.topic("t");
        let ids = |reader: &Reader| -> Vec<i64> {
            let records = reader.records.iter().filter(|record| record.topic == topic);
            records.map(|record| record.key_json()["id"].as_i64().unwrap()).collect()
        };
        wait_until(&format!("row {} arrives through {by}", self.rows), PATIENCE, || {
            self.reader.read();
            ids(&self.reader).contains(&self.rows)
        });
        assert_eq!(ids(&self.reader), (1..=self.rows).collect::<Vec<_>>(), "{by}");
    }

    /// Stops it there, and gives its offsets.
    fn stop(&self, rest: Rest) -> Value {
        change(rest, "PUT", &self.path("/stop"), &Value::Null, 204);
        wait_until("it has no task", PATIENCE, || {
            rest.states(&self.database.name) == Some(("STOPPED".to_owned(), None))
        });
        let (status, offsets) = rest.get(&self.path("/offsets")).unwrap();
        assert_eq!((status, offsets["offsets"].as_array().map(Vec::len)), (200, Some(1)), "{offsets}");
        offsets
    }

    fn go_on(&self, rest: Rest, offsets: &Value) {
        change(rest, "PATCH", &self.path("/offsets"), offsets, 200);
        change(rest, "PUT", &self.path("/resume"), &Value::Null, 202);
    }
}

fn there_and_back(database: &Database<'_>, more: &Value) {
    let _alone = CONNECT.lock().unwrap_or_else(PoisonError::into_inner);
    let mut session = database.session();
    session.execute("CREATE TABLE t (id int PRIMARY KEY)");
    session.execute("INSERT INTO t VALUES (1), (2)");
    let broker = server::kafka();
    let connect = Rest { port: server::connect().port };
    let file = database.connector(more);
    let reader = Reader::new(broker, &format!("{}.", database.name));
    let mut moved = Moved { database, reader, rows: 2 };
    change(connect, "POST", "/connectors", &file, 201);
    moved.arrives("Debezium's snapshot");
    moved.write();
    moved.arrives("Debezium");
    let offsets = moved.stop(connect);
    // Nobody reads at the moment.
    moved.write();
    let daemon = Setup::new().set("bootstrap.servers", &broker.address()).start();
    daemon.says("the REST API listens", seconds(10));
    let mut stopped = file;
    stopped["initial_state"] = json!("STOPPED");
    daemon.rest.change("POST", "/connectors", &stopped, 201);
    moved.go_on(daemon.rest, &offsets);
    moved.arrives("Rowtide");
    moved.write();
    moved.arrives("Rowtide");
    let offsets = moved.stop(daemon.rest);
    moved.write();
    moved.go_on(connect, &offsets);
    moved.arrives("Debezium again");
    moved.write();
    moved.arrives("Debezium again");
    daemon.stop(seconds(10));
    moved.stop(connect);
}

/// Connect's own defaults differ between workers, so the file says them.
fn converters() -> Value {
    let json = "org.apache.kafka.connect.json.JsonConverter";
    json!({"key.converter": json, "key.converter.schemas.enable": "false",
        "value.converter": json, "value.converter.schemas.enable": "false"})
}

#[test]
fn postgres_moves_and_comes_back() {
    let database = Database::create(server::postgres(), "handover_pg");
    there_and_back(&database, &converters());
}

#[test]
fn mysql_moves_and_comes_back() {
    let database = Database::create(server::mysql80(), "handover_my");
    let mut more = converters();
    more["schema.history.internal.kafka.bootstrap.servers"] = json!(server::kafka().address());
    more["schema.history.internal.kafka.topic"] = json!("handover-history");
    there_and_back(&database, &more);
}
