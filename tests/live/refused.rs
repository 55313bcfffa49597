//! Databases that are not set up for capturing: the connector fails, and its status and the log say what mends it.

use serde_json::{Value, json};

use super::lines;
use crate::support::daemon::Setup;
use crate::support::database::{Database, Session};
use crate::support::seconds;
use crate::support::server::{self, Server};

/// The connector must fail, and say each of `words`, in its status and in the log.
fn fails(database: &Database<'_>, more: &Value, words: &[&str]) {
    let daemon = Setup::new().connector(&database.connector(more)).start();
    let trace = daemon.reaches(&database.name, "FAILED", seconds(30));
    for word in words {
        assert!(trace.contains(word), "{word:?} is missing in the trace: {trace}");
        assert!(daemon.log().contains(word), "{word:?} is missing in the log");
    }
    assert_eq!(daemon.lines(), Vec::<Value>::new());
}

#[test]
fn postgres_wrong_password() {
    let database = Database::create(server::postgres(), "wrong_password");
    let mut session = database.session();
    session.execute("CREATE ROLE scram_users");
    session.execute("CREATE ROLE wrong_password LOGIN REPLICATION PASSWORD 'right' IN ROLE scram_users");
    let wrong = json!({"database.user": "wrong_password", "database.password": "not-that-one"});
    fails(&database, &wrong, &["wrong_password", "database.password"]);
}

#[test]
fn mysql_wrong_password() {
    let database = Database::create(server::mysql80(), "wrong_password");
    fails(&database, &json!({"database.password": "not-that-one"}), &["dbz", "database.password"]);
}

#[test]
fn postgres_wal_level_replica() {
    let server = Server::own("postgres", "wal-level", &["wal_level=replica"]);
    let database = Database::create(&server, "wal_level");
    fails(&database, &json!({}), &["wal_level", "ALTER SYSTEM SET wal_level = logical"]);
}

#[test]
fn postgres_without_the_right_to_replicate() {
    let database = Database::create(server::postgres(), "no_right");
    database.session().execute("CREATE ROLE no_right LOGIN");
    fails(&database, &json!({"database.user": "no_right"}), &["no_right", "REPLICATION"]);
}

#[test]
fn mysql_binlog_format_statement() {
    let server = Server::own("mysql80", "statement", &["binlog-format=STATEMENT"]);
    let database = Database::create(&server, "statement");
    fails(&database, &json!({}), &["binlog_format", "STATEMENT", "ROW"]);
}

#[test]
fn mysql_without_grants() {
    let database = Database::create(server::mysql80(), "no_grants");
    let mut session = Session::connect(database.server, "");
    session.execute("CREATE USER no_grants IDENTIFIED BY 'secret'");
    session.execute("GRANT SELECT ON no_grants.* TO no_grants");
    let user = json!({"database.user": "no_grants", "database.password": "secret"});
    fails(&database, &user, &["REPLICATION SLAVE", "GRANT"]);
}

#[test]
fn a_slot_in_use_is_waited_for() {
    let database = Database::create(server::postgres(), "slot_in_use");
    let mut session = database.session();
    session.execute("CREATE TABLE t (id int PRIMARY KEY)");
    session.execute("INSERT INTO t VALUES (1)");
    let setup = Setup::new().connector(&database.connector(&json!({})));
    let first = setup.start();
    lines::wait(&first, 1);
    let impatient = json!({"slot.retry.delay.ms": 500});
    let second_setup = Setup::new().connector(&database.connector(&impatient));
    let second = second_setup.start();
    let trace = second.reaches("slot_in_use", "RESTARTING", seconds(30));
    assert!(trace.contains("slot_in_use") && trace.contains("in use"), "{trace}");
    first.stop(seconds(10));
    second.reaches("slot_in_use", "RUNNING", seconds(30));
    session.execute("INSERT INTO t VALUES (2)");
    lines::wait_for_key(&second, &json!({"id": 2}));
}

/// Without a primary key the rows come without a key.
fn no_key(server: &Server) {
    let database = Database::create(server, "no_key");
    let mut session = database.session();
    session.execute("CREATE TABLE t (a int, b varchar(10))");
    session.execute("INSERT INTO t VALUES (1, 'one')");
    let daemon = Setup::new().connector(&database.connector(&json!({}))).start();
    lines::wait(&daemon, 1);
    session.execute("INSERT INTO t VALUES (2, 'two')");
    let seen = lines::wait(&daemon, 2);
    let of = |line: &Value| json!([line["key"], line["value"]["op"], line["value"]["after"]]);
    let expected = [json!([null, "r", {"a": 1, "b": "one"}]), json!([null, "c", {"a": 2, "b": "two"}])];
    assert_eq!(seen.iter().map(of).collect::<Vec<_>>(), expected);
    daemon.stop(seconds(10));
}

#[test]
fn postgres_table_without_primary_key() {
    no_key(server::postgres());
}

#[test]
fn mysql_table_without_primary_key() {
    no_key(server::mysql80());
}
