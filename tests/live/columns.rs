//! What the rules for columns make of rows, from both databases.

use serde_json::{Value, json};

use super::lines;
use crate::support::daemon::Setup;
use crate::support::database::Database;
use crate::support::seconds;
use crate::support::server::{self, Server};

/// The hash of `hello` behind the salt `salt`: SHA-256 of both.
const HELLO: &str = "cd31b3b98ece60cb739c0bf770b2de892ae0ad133f645513c3d83f08757a843a";

/// A key column that is left out, a hash cut to its column's length, an adjusted name, an update of what is left out.
fn rules(server: &Server, name: &str) {
    let database = Database::create(server, name);
    let mut session = database.session();
    let (quote, identity) =
        if database.is_postgres() { ('"', "; ALTER TABLE people REPLICA IDENTITY FULL") } else { ('`', "") };
    let zip = format!("{quote}zip-code{quote}");
    let columns =
        format!("id int PRIMARY KEY, {zip} varchar(20), secret varchar(64), short varchar(20), note varchar(20)");
    for statement in format!("CREATE TABLE people ({columns}){identity}").split("; ") {
        session.execute(statement);
    }
    session.execute("INSERT INTO people VALUES (1, '10115', 'hello', 'hello', 'first')");
    let connector = database.connector(&json!({
        "column.exclude.list": r".*\.people\.(id|note)",
        "column.mask.hash.v2.SHA-256.with.salt.salt": r".*\.people\.(secret|short)",
        "column.propagate.source.type": ".*",
        "field.name.adjustment.mode": "avro",
        "skip.messages.without.change": true,
    }));
    let daemon = Setup::new().connector(&connector).start();
    lines::wait(&daemon, 1);
    daemon.says("streaming", seconds(20));
    session.execute("UPDATE people SET note = 'second'");
    session.execute(&format!("UPDATE people SET {zip} = '10117'"));
    session.execute("UPDATE people SET id = 2, note = 'third', secret = NULL");
    let row = |zip: &str, secret: Value| json!({"zip_code": zip, "secret": secret, "short": HELLO[..20]});
    let (first, second, third) = (row("10115", HELLO.into()), row("10117", HELLO.into()), row("10117", Value::Null));
    let expected = [
        json!([1, "r", null, first]),
        json!([1, "u", first, second]),
        json!([1, "d", second, null]),
        json!([1, null, null, null]),
        json!([2, "c", null, third]),
    ];
    let seen = lines::wait(&daemon, expected.len());
    let part = |line: &Value| {
        let value = &line["value"];
        json!([line["key"]["id"], value["op"], value["before"], value["after"]])
    };
    assert_eq!(seen.iter().map(part).collect::<Vec<_>>(), expected);
    daemon.stop(seconds(10));
}

#[test]
fn postgres_rules() {
    rules(server::postgres(), "columns_pg");
}

#[test]
fn mysql_rules() {
    rules(server::mysql80(), "columns_my");
}

/// Two columns that get the same name stop the connector, which names both.
#[test]
fn names_that_collide() {
    let database = Database::create(server::postgres(), "columns_collide");
    database.session().execute(r#"CREATE TABLE t (id int PRIMARY KEY, "a-b" int, a_b int)"#);
    database.session().execute("INSERT INTO t VALUES (1, 2, 3)");
    let daemon = Setup::new().connector(&database.connector(&json!({"field.name.adjustment.mode": "avro"}))).start();
    let trace = daemon.reaches("columns_collide", "FAILED", seconds(30));
    assert!(trace.contains(r#"columns "a-b" and "a_b" of public.t both become field "a_b""#), "{trace}");
    daemon.stop(seconds(10));
}
