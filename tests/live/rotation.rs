//! Secrets out of files: a login that is refused is tried again with what the file holds then.

use std::fs;

use serde_json::json;

use super::lines;
use crate::support::daemon::{Daemon, Setup};
use crate::support::database::{Database, Session};
use crate::support::seconds;
use crate::support::server::{self, Server};

/// The file holds `stale`, then `fresh`; then the server's password is changed under the running connector, and the file.
fn is_picked_up(database: &Database<'_>, user: &str, change: impl Fn(&mut Session, &str), cut: impl Fn(&mut Session)) {
    let mut session = database.session();
    session.execute("CREATE TABLE t (id int PRIMARY KEY)");
    session.execute("INSERT INTO t VALUES (1)");
    let setup = Setup::new();
    let (file, draft) = (setup.path("password"), setup.path("password.new"));
    // As a whole: an empty password is another failure, which may stay.
    let write = |password: &str| {
        fs::write(&draft, format!("{password}\n")).unwrap();
        fs::rename(&draft, &file).unwrap();
    };
    write("stale-0451");
    let folder = setup.path("");
    let placeholder = format!("${{secrets:{}:password}}", folder.display().to_string().trim_end_matches('/'));
    let class = "org.apache.kafka.common.config.provider.DirectoryConfigProvider";
    let setup = setup
        .set("config.providers", "secrets")
        .set("config.providers.secrets.class", class)
        .set("config.providers.secrets.param.allowed.paths", &folder.display().to_string())
        .connector(&database.connector(&json!({"database.user": user, "database.password": placeholder})));
    let daemon = setup.start();
    let trace = daemon.reaches(&database.name, "FAILED", seconds(30));
    assert!(trace.contains("database.password") && trace.contains("looks again"), "{trace}");
    write("fresh-1984");
    runs(&daemon, database, 1);
    change(&mut session, "later-2001");
    write("later-2001");
    cut(&mut session);
    session.execute("INSERT INTO t VALUES (2)");
    lines::wait_for_key(&daemon, &json!({"id": 2}));
    runs(&daemon, database, 2);
    for secret in ["stale-0451", "fresh-1984", "later-2001"] {
        assert!(!daemon.log().contains(secret), "{secret} is in the log");
    }
    daemon.stop(seconds(30));
}

fn runs(daemon: &Daemon, database: &Database<'_>, rows: i64) {
    lines::wait_for_key(daemon, &json!({"id": rows}));
    daemon.reaches(&database.name, "RUNNING", seconds(30));
}

#[test]
fn postgres_password_of_a_file() {
    let server = Server::own("postgres", "rotation", &[]);
    let database = Database::create(&server, "rotation");
    let mut session = database.session();
    session.execute("CREATE ROLE scram_users");
    session.execute("CREATE ROLE rotated LOGIN SUPERUSER REPLICATION PASSWORD 'fresh-1984' IN ROLE scram_users");
    let change = |session: &mut Session, password: &str| {
        session.execute(&format!("ALTER ROLE rotated PASSWORD '{password}'"));
    };
    is_picked_up(&database, "rotated", change, |session| {
        session.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'rotated'");
    });
}

#[test]
fn mysql_password_of_a_file() {
    let database = Database::create(server::mysql80(), "rotation");
    let mut session = database.session();
    session.execute("CREATE USER rotated IDENTIFIED BY 'fresh-1984'");
    session.execute("GRANT SELECT, RELOAD, SHOW DATABASES, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO rotated");
    let change = |session: &mut Session, password: &str| {
        session.execute(&format!("ALTER USER rotated IDENTIFIED BY '{password}'"));
    };
    is_picked_up(&database, "rotated", change, |session| {
        let ids = session.rows("SELECT id FROM information_schema.processlist WHERE user = 'rotated'");
        for id in ids.into_iter().flatten().flatten() {
            // One may have ended by itself.
            let _ = session.try_execute(&format!("KILL {id}"));
        }
    });
}
