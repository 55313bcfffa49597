//! `rowtide run | head`: whoever read standard output has gone.

use std::io::{BufRead, BufReader};

use serde_json::{Value, json};

use super::lines;
use crate::support::daemon::Setup;
use crate::support::database::Database;
use crate::support::seconds;
use crate::support::server;

/// The daemon ends, and the next start writes what that reader did not get.
fn the_daemon_ends(database: &Database<'_>) {
    let mut session = database.session();
    session.execute("CREATE TABLE t (id int PRIMARY KEY)");
    session.execute("INSERT INTO t VALUES (1), (2), (3)");
    let setup = Setup::new().connector(&database.connector(&json!({})));
    let (reader, writer) = std::io::pipe().unwrap();
    let daemon = setup.start_into(writer);
    let mut reader = BufReader::new(reader);
    for id in 1..=3 {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["key"], json!({"id": id}));
    }
    daemon.says("streaming", seconds(20));
    drop(reader);
    session.execute("INSERT INTO t VALUES (4)");
    let status = daemon.ended(seconds(20));
    assert_eq!(status.code(), Some(141), "{}", daemon.log());
    assert!(daemon.log().contains("standard output's reader has gone"), "{}", daemon.log());
    session.execute("INSERT INTO t VALUES (5)");
    let daemon = setup.start();
    lines::wait_for_key(&daemon, &json!({"id": 5}));
    assert_eq!(lines::ids(&daemon.lines()), [4, 5], "nothing is missing, and nothing that was written comes again");
    daemon.stop(seconds(10));
}

#[test]
fn postgres_has_no_reader() {
    the_daemon_ends(&Database::create(server::postgres(), "reader_gone"));
}

#[test]
fn mysql_has_no_reader() {
    the_daemon_ends(&Database::create(server::mysql80(), "reader_gone"));
}
