//! The least rights in the databases: exactly the statements that the README shows, and none of them too many.

use serde_json::{Value, json};

use super::lines;
use crate::support::daemon::Setup;
use crate::support::database::{Database, Session};
use crate::support::server;
use crate::support::{seconds, wait_until};

/// The statements of the README's block that begins so.
fn shown(first: &str) -> Vec<String> {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let block = readme.split("```sql\n").skip(1).find(|block| block.starts_with(first));
    let block = block.unwrap_or_else(|| panic!("README.md shows no SQL that begins with {first:?}"));
    let block = block.split("```").next().unwrap();
    block.split(";\n").map(str::trim).filter(|statement| !statement.is_empty()).map(str::to_owned).collect()
}

/// What mends a database whose tables MySQL hides.
const GRANT: &str = "GRANT SELECT ON `shop`.* TO 'rowtide'@'%'";

/// Snapshots and streams with all of the statements, and fails without any one grant.
fn are_least(database: &Database<'_>, first: &str, more: &Value, undo: impl Fn(&mut Session)) {
    let mut session = database.session();
    for table in ["customers", "orders"] {
        session.execute(&format!("CREATE TABLE {table} (id int PRIMARY KEY)"));
        session.execute(&format!("INSERT INTO {table} VALUES (1)"));
    }
    let statements = shown(first);
    for statement in &statements {
        session.execute(statement);
    }
    let daemon = Setup::new().connector(&database.connector(more)).start();
    lines::wait(&daemon, 2);
    session.execute("INSERT INTO orders VALUES (2)");
    lines::wait_for_key(&daemon, &json!({"id": 2}));
    session.execute("ALTER TABLE orders ADD v int");
    session.execute("INSERT INTO orders VALUES (3, 3)");
    lines::wait_for_key(&daemon, &json!({"id": 3}));
    daemon.stop(seconds(30));
    let grants: Vec<&String> = statements.iter().filter(|statement| statement.starts_with("GRANT")).collect();
    assert_eq!(grants.len(), 3, "{statements:?}");
    for left_out in grants {
        undo(&mut session);
        statements.iter().filter(|statement| *statement != left_out).for_each(|statement| session.execute(statement));
        let daemon = Setup::new().connector(&database.connector(more)).start();
        // MySQL hides what may not be read: there is nothing to capture then.
        wait_until(&format!("it is told what {left_out} is for"), seconds(60), || {
            let failed = daemon.rest.task(&database.name).filter(|(state, _)| state == "FAILED");
            failed.is_some_and(|(_, trace)| trace.contains("rowtide"))
                || daemon.log().contains("snapshot begins tables=0") && daemon.log().contains(GRANT)
        });
        assert_eq!(daemon.lines(), Vec::<Value>::new());
    }
    undo(&mut session);
}

#[test]
fn postgres_least_rights() {
    let database = Database::create(server::postgres(), "shop");
    let mut session = database.session();
    session.execute("REVOKE ALL ON DATABASE shop FROM PUBLIC; REVOKE ALL ON SCHEMA public FROM PUBLIC");
    let more = json!({"database.user": "rowtide", "database.password": "a-long-one", "publication.name": "rowtide",
        "publication.autocreate.mode": "disabled", "slot.name": "rowtide",
        "table.include.list": "public.customers,public.orders"});
    are_least(&database, "CREATE ROLE rowtide", &more, |session| {
        // A server learns late that its client has gone: until then the slot is in use.
        wait_until("the slot is gone", seconds(60), || {
            session.execute(
                "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots \
                 WHERE slot_name = 'rowtide' AND active_pid IS NOT NULL",
            );
            let drop =
                "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = 'rowtide'";
            session.try_execute(drop).is_ok()
        });
        session.execute("DROP PUBLICATION rowtide; DROP OWNED BY rowtide; DROP ROLE rowtide");
    });
}

#[test]
fn mysql_least_rights() {
    let database = Database::create(server::mysql80(), "shop");
    let more = json!({"database.user": "rowtide", "database.password": "a-long-one"});
    are_least(&database, "CREATE USER", &more, |session| session.execute("DROP USER rowtide"));
}

/// MySQL hides a table that may not be read: nothing fails, so a warning must name it.
#[test]
fn mysql_tables_that_cannot_be_seen_are_named() {
    let database = Database::create(server::mysql80(), "unseen");
    let mut session = database.session();
    for table in ["customers", "orders"] {
        session.execute(&format!("CREATE TABLE {table} (id int PRIMARY KEY)"));
        session.execute(&format!("INSERT INTO {table} VALUES (1)"));
    }
    session.execute("CREATE USER half IDENTIFIED BY 'half'");
    session.execute("GRANT REPLICATION CLIENT, REPLICATION SLAVE ON *.* TO half");
    session.execute("GRANT SELECT ON unseen.customers TO half");
    let more = json!({"database.user": "half", "database.password": "half",
        "table.include.list": "unseen.customers,unseen\\.orders"});
    let setup = Setup::new().connector(&database.connector(&more));
    let daemon = setup.start();
    let warning = "WARN connector{connector=unseen}: no table that \"half\" sees matches, so no snapshot holds its rows; if it \
                   is there: GRANT SELECT ON `unseen`.`orders` TO 'half'@'%' key=\"table.include.list\" \
                   entries=\"unseen\\\\.orders\"";
    daemon.says(warning, seconds(20));
    daemon.says("streaming", seconds(20));
    assert_eq!(lines::wait(&daemon, 1).len(), 1, "only what may be read");
    // The log holds it all the same.
    session.execute("INSERT INTO orders VALUES (2)");
    lines::wait_for_key(&daemon, &json!({"id": 2}));
    daemon.stop(seconds(30));
    session.execute("GRANT SELECT ON unseen.orders TO half");
    let daemon = setup.start();
    daemon.says("streaming", seconds(20));
    assert!(!daemon.log().contains("sees matches"), "{}", daemon.log());
    daemon.stop(seconds(30));
    session.execute("DROP USER half");
}
