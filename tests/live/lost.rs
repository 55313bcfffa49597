//! The log no longer holds what comes after the saved position: the connector stops and says so, and changes nothing.

use serde_json::{Value, json};

use super::lines;
use crate::support::daemon::Setup;
use crate::support::database::{Database, Session};
use crate::support::server::{self, Server};
use crate::support::{seconds, wait_until};

/// Runs until a row is delivered and saved, stops, spoils the log, and starts again: nothing may come, nothing may change.
fn stops(database: &Database<'_>, spoil: impl FnOnce(), words: &[&str]) {
    let mut session = database.session();
    session.execute("CREATE TABLE t (id int PRIMARY KEY)");
    session.execute("INSERT INTO t VALUES (1)");
    let setup = Setup::new().connector(&database.connector(&json!({})));
    let daemon = setup.start();
    lines::wait(&daemon, 1);
    session.execute("INSERT INTO t VALUES (2)");
    lines::wait(&daemon, 2);
    daemon.stop(seconds(10));
    drop(daemon);
    session.execute("INSERT INTO t VALUES (3)");
    spoil();
    session.execute("INSERT INTO t VALUES (4)");
    let mut offsets = Vec::new();
    for _ in 0..2 {
        let daemon = setup.start();
        let trace = daemon.reaches(&database.name, "FAILED", seconds(30));
        for word in words {
            assert!(trace.contains(word), "{word:?} is missing in the trace: {trace}");
        }
        offsets.push(daemon.rest.get(&format!("/connectors/{}/offsets", database.name)).unwrap().1);
        assert_eq!(lines::ids(&daemon.lines()), [1, 2], "nothing comes after the gap");
        daemon.kill();
    }
    assert_eq!(offsets[0], offsets[1]);
    assert_ne!(offsets[0]["offsets"], Value::Array(Vec::new()));
}

#[test]
fn postgres_slot_dropped() {
    let database = Database::create(server::postgres(), "slot_dropped");
    let mut session = database.session();
    let spoil = || {
        // The server may not have missed its reader yet.
        wait_until("the slot can be dropped", seconds(60), || {
            session.try_execute("SELECT pg_drop_replication_slot('slot_dropped')").is_ok()
        });
    };
    stops(&database, spoil, &["slot_dropped", "snapshot"]);
    let slots = database.session().rows("SELECT FROM pg_replication_slots WHERE slot_name = 'slot_dropped'");
    assert!(slots.is_empty(), "a new slot would hide the gap");
}

#[test]
fn mysql_binlog_purged() {
    let server = Server::own("mysql80", "purged", &[]);
    purged(&server);
}

#[test]
fn mysql_binlog_purged_without_gtid() {
    let server = Server::own("mysql80", "purged-file", &["gtid-mode=OFF", "enforce-gtid-consistency=OFF"]);
    purged(&server);
}

fn purged(server: &Server) {
    let database = Database::create(server, "purged");
    let mut session = database.session();
    let spoil = || {
        session.execute("FLUSH BINARY LOGS");
        // A file that somebody reads is kept, and nobody is told; the server may not have missed its reader yet.
        wait_until("only the newest file is left", seconds(60), || {
            end_dumps(&mut session);
            let newest = session.rows("SHOW BINARY LOGS").pop().unwrap()[0].clone().unwrap();
            let purged = session.try_execute(&format!("PURGE BINARY LOGS TO '{newest}'"));
            purged.is_ok() && session.rows("SHOW BINARY LOGS").len() == 1
        });
    };
    stops(&database, spoil, &["binlog", "snapshot"]);
}

/// Ends what still sends the log to readers that have gone.
fn end_dumps(session: &mut Session) {
    for row in session.rows("SHOW PROCESSLIST") {
        if let [Some(id), _, _, _, Some(command), ..] = row.as_slice()
            && command.starts_with("Binlog Dump")
        {
            // It may end by itself meanwhile.
            let _ = session.try_execute(&format!("KILL {id}"));
        }
    }
}
