//! Databases that are away, or go away, and come back.

use std::collections::HashSet;

use serde_json::json;

use super::lines;
use crate::support::daemon::Setup;
use crate::support::database::Database;
use crate::support::seconds;
use crate::support::server::Server;

/// The daemon is started before its database; then the database is restarted, and crashes, while it streams.
fn comes_and_goes(kind: &str) {
    let server = Server::own(kind, "outage", &[]);
    let database = Database::create(&server, "outage");
    let mut session = database.session();
    session.execute("CREATE TABLE t (id int PRIMARY KEY)");
    session.execute("INSERT INTO t VALUES (1)");
    drop(session);
    server.stop();

    let daemon = Setup::new().connector(&database.connector(&json!({}))).start();
    let trace = daemon.reaches("outage", "RESTARTING", seconds(20));
    assert!(trace.contains(&server.address()), "{trace}");
    daemon.says("trying again", seconds(10));
    server.restart(&[]);
    lines::wait(&daemon, 1);
    daemon.reaches("outage", "RUNNING", seconds(30));

    database.session().execute("INSERT INTO t VALUES (2)");
    lines::wait(&daemon, 2);
    server.restart(&[]);
    database.session().execute("INSERT INTO t VALUES (3)");
    lines::wait_for_key(&daemon, &json!({"id": 3}));
    server.kill();
    daemon.reaches("outage", "RESTARTING", seconds(20));
    server.restart(&[]);
    database.session().execute("INSERT INTO t VALUES (4)");
    lines::wait_for_key(&daemon, &json!({"id": 4}));
    daemon.stop(seconds(10));
    // What was not saved when a server went away may come again.
    let mut seen = HashSet::new();
    let ids = lines::ids(&daemon.lines());
    let first: Vec<i64> = ids.iter().copied().filter(|id| seen.insert(*id)).collect();
    assert_eq!(first, [1, 2, 3, 4], "{ids:?}");
}

#[test]
fn postgres_comes_and_goes() {
    comes_and_goes("postgres");
}

#[test]
fn mysql_comes_and_goes() {
    comes_and_goes("mysql80");
}
