//! A database for one test, on a server that others may use too, and the connector file that captures it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mysql_async::prelude::Queryable;
use serde_json::{Value, json};
use tokio_postgres::SimpleQueryMessage;

use super::RUNTIME;
use super::server::Server;

/// A row as text.
pub(crate) type Row = Vec<Option<String>>;

/// A connection.
pub(crate) enum Session {
    Postgres(tokio_postgres::Client),
    Mysql(mysql_async::Conn),
}

impl Session {
    /// As the superuser. `database` is empty for none (MySQL) or `postgres`.
    pub(crate) fn connect(server: &Server, database: &str) -> Self {
        if server.kind.starts_with("postgres") {
            let database = if database.is_empty() { "postgres" } else { database };
            let url = format!("host=127.0.0.1 port={} user=postgres dbname={database}", server.port);
            let connecting = tokio_postgres::connect(&url, tokio_postgres::NoTls);
            let (client, connection) = RUNTIME.block_on(connecting).unwrap();
            RUNTIME.spawn(connection);
            return Self::Postgres(client);
        }
        let options = mysql_async::OptsBuilder::default()
            .ip_or_hostname("127.0.0.1")
            .tcp_port(server.port)
            .user(Some("root"))
            .prefer_socket(false)
            .db_name(Some(database).filter(|name| !name.is_empty()));
        Self::Mysql(RUNTIME.block_on(mysql_async::Conn::new(options)).unwrap())
    }

    /// Runs a statement.
    #[track_caller]
    pub(crate) fn execute(&mut self, sql: &str) {
        if let Err(error) = self.try_execute(sql) {
            panic!("{sql}: {error}");
        }
    }

    /// Runs a statement; says what went wrong.
    pub(crate) fn try_execute(&mut self, sql: &str) -> Result<(), String> {
        match self {
            Self::Postgres(client) => RUNTIME.block_on(client.batch_execute(sql)).map_err(|error| format!("{error:?}")),
            Self::Mysql(connection) => RUNTIME.block_on(connection.query_drop(sql)).map_err(|error| error.to_string()),
        }
    }

    /// The rows of a query, as text.
    #[track_caller]
    pub(crate) fn rows(&mut self, sql: &str) -> Vec<Row> {
        match self {
            Self::Postgres(client) => {
                let messages = RUNTIME.block_on(client.simple_query(sql)).unwrap();
                let rows = messages.iter().filter_map(|message| match message {
                    SimpleQueryMessage::Row(row) => Some(row),
                    _ => None,
                });
                rows.map(|row| (0..row.len()).map(|column| row.get(column).map(str::to_owned)).collect()).collect()
            }
            Self::Mysql(connection) => {
                let rows: Vec<mysql_async::Row> = RUNTIME.block_on(connection.query(sql)).unwrap();
                rows.into_iter().map(|row| row.unwrap().into_iter().map(text).collect()).collect()
            }
        }
    }

    /// The first column of the first row.
    #[track_caller]
    pub(crate) fn value(&mut self, sql: &str) -> Option<String> {
        self.rows(sql).into_iter().next()?.into_iter().next()?
    }
}

fn text(value: mysql_async::Value) -> Option<String> {
    match value {
        mysql_async::Value::NULL => None,
        mysql_async::Value::Bytes(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        other => Some(other.as_sql(true).trim_matches('\'').to_owned()),
    }
}

/// A database of its own; its replication slots go with it.
pub(crate) struct Database<'a> {
    pub(crate) server: &'a Server,
    /// Of the database, the slot, the publication, the topic prefix and the connector.
    pub(crate) name: String,
}

impl<'a> Database<'a> {
    /// An empty one.
    pub(crate) fn create(server: &'a Server, name: &str) -> Self {
        // The other template cannot be copied while somebody, such as a worker of the server's own, is connected to it.
        let template = if server.kind.starts_with("postgres") { " TEMPLATE template0" } else { "" };
        Session::connect(server, "").execute(&format!("CREATE DATABASE {name}{template}"));
        Self { server, name: name.to_owned() }
    }

    pub(crate) fn is_postgres(&self) -> bool {
        self.server.kind.starts_with("postgres")
    }

    pub(crate) fn session(&self) -> Session {
        Session::connect(self.server, &self.name)
    }

    /// The topic of one of its tables.
    pub(crate) fn topic(&self, table: &str) -> String {
        let middle = if self.is_postgres() { "public" } else { &self.name };
        format!("{}.{middle}.{table}", self.name)
    }

    /// The connector file that captures all of it, with these keys beside, or instead (null: without).
    pub(crate) fn connector(&self, more: &Value) -> Value {
        let mut config = json!({
            "database.hostname": "127.0.0.1",
            "database.port": self.server.port,
            "topic.prefix": self.name,
            // A test does not wait half a minute until an unreachable server is tried again.
            "retriable.restart.connector.wait.ms": 1000,
        });
        let own = if self.is_postgres() {
            json!({
                "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
                "database.user": "postgres",
                "database.password": "unused",
                "database.dbname": self.name,
                "plugin.name": "pgoutput",
                "slot.name": self.name,
                "publication.name": self.name,
            })
        } else {
            static SERVER_ID: AtomicU32 = AtomicU32::new(7000);
            json!({
                "connector.class": "io.debezium.connector.mysql.MySqlConnector",
                "database.user": "dbz",
                "database.password": "dbz",
                "database.include.list": self.name,
                // They tell of all databases of a server, and so of other tests.
                "include.schema.changes": false,
                "database.server.id": SERVER_ID.fetch_add(1, Ordering::Relaxed),
                // The read lock of another test on the same server holds up everybody's.
                "snapshot.lock.timeout.ms": 60000,
            })
        };
        let config_map = config.as_object_mut().unwrap();
        for (key, value) in own.as_object().unwrap().iter().chain(more.as_object().unwrap()) {
            if value.is_null() {
                config_map.remove(key);
            } else {
                config_map.insert(key.clone(), value.clone());
            }
        }
        json!({"name": self.name, "config": config})
    }
}

impl Drop for Database<'_> {
    fn drop(&mut self) {
        // What a failed test leaves goes with the server.
        if std::thread::panicking() || !self.is_postgres() {
            return;
        }
        let of_this = format!("FROM pg_replication_slots WHERE database = '{}'", self.name);
        let free = format!("SELECT pg_drop_replication_slot(slot_name) {of_this}");
        let end = format!("SELECT pg_terminate_backend(active_pid) {of_this} AND active");
        let mut session = Session::connect(self.server, "");
        // The server may not have noticed yet that a daemon has gone. A slot that stayed would keep the log, and one of the
        // places for slots, from all other tests.
        for _ in 0..100 {
            if session.try_execute(&free).is_ok() {
                return;
            }
            let _ = session.try_execute(&end);
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
