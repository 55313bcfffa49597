//! Connectors share the connections that they may have at one server; who finds none waits, and says so.

use serde_json::json;

use crate::support::daemon::Setup;
use crate::support::database::Database;
use crate::support::exposition::Metrics;
use crate::support::server::Server;
use crate::support::{seconds, wait_until};

/// Two connectors of three.
const MAX: usize = 6;

fn connectors_share_a_servers_connections(kind: &str, ours: &str) {
    let server = Server::own(kind, "seats", &[]);
    let database = Database::create(&server, "seats");
    let mut session = database.session();
    let mut setup = Setup::new().set("database.connections.max", &MAX.to_string());
    for number in 0..3 {
        session.execute(&format!("CREATE TABLE t{number} (id int PRIMARY KEY)"));
        session.execute(&format!("INSERT INTO t{number} VALUES (1)"));
        let name = format!("seats_{number}");
        let schema = if database.is_postgres() { "public" } else { "seats" };
        let mut own = json!({"topic.prefix": name, "table.include.list": format!("{schema}.t{number}")});
        if database.is_postgres() {
            own["slot.name"] = json!(name);
            own["publication.name"] = json!(name);
        }
        let mut connector = database.connector(&own);
        connector["name"] = json!(name);
        setup = setup.connector(&connector);
    }
    let daemon = setup.start();
    let mut most = 0;
    let mut open = || {
        // A server learns late that a connection was closed: more than are allowed may be listed for a moment, not for long.
        wait_until("no more connections are open than are allowed", seconds(60), || {
            let now: usize = session.value(ours).unwrap().parse().unwrap();
            if now <= MAX {
                most = now.max(most);
            }
            now <= MAX
        });
    };
    let count = |number: usize| {
        daemon.lines().iter().filter(|line| line["topic"].as_str().unwrap().ends_with(&format!(".t{number}"))).count()
    };
    let waits = |number: usize| {
        daemon.rest.task(&format!("seats_{number}")).is_some_and(|(_, trace)| {
            trace.contains("other connectors have the 6 connections that database.connections.max allows at one server")
        })
    };
    let mut waiting = None;
    wait_until("two run, and the third says what it waits for", seconds(90), || {
        open();
        waiting = (0..3).find(|number| waits(*number));
        (0..3).filter(|number| count(*number) == 1).count() == 2 && waiting.is_some()
    });
    let waiting = waiting.unwrap();
    let taken = Metrics::scrape(daemon.rest).unwrap();
    assert_eq!(taken.count("rowtide_database_connections", &[]), 6);
    let other = (waiting + 1) % 3;
    daemon.rest.change("PUT", &format!("/connectors/seats_{other}/stop"), &json!(null), 204);
    wait_until("it has its turn", seconds(60), || {
        open();
        count(waiting) == 1
    });
    assert!(most > 0, "no connection of ours was seen");
    daemon.stop(seconds(30));
}

#[test]
fn postgres() {
    let ours = "SELECT count(*)::text FROM pg_stat_activity WHERE application_name = 'rowtide'";
    connectors_share_a_servers_connections("postgres", ours);
}

#[test]
fn mysql() {
    let ours = "SELECT CAST(COUNT(*) AS CHAR) FROM information_schema.PROCESSLIST WHERE USER = 'dbz'";
    connectors_share_a_servers_connections("mysql80", ours);
}
