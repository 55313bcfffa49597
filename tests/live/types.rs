//! What types become that no recording has, and that a row is the same in a snapshot and in the stream, on PostgreSQL.

use serde_json::{Value, json};

use super::lines;
use crate::support::daemon::Setup;
use crate::support::database::Database;
use crate::support::seconds;
use crate::support::server;

/// Columns: the type, a value as SQL, and what Debezium 3.6.1 made of it where unknown types are included; `null` where it
/// has no such field. (It loses the fractions in `timetz[]`, and has no values of `bit[]` and the vectors.)
fn columns() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("time[]", "'{12:34:56.5,NULL}'", json!([45_296_500_000_i64, null])),
        ("timetz[]", "'{12:34:56.5+02,23:00:00-05}'", json!(["10:34:56.5Z", "04:00:00Z"])),
        ("timestamptz(3)[]", "'{\"2024-02-29 12:34:56.789+05\"}'", json!(["2024-02-29T07:34:56.789Z"])),
        ("citext[]", "'{Ab,NULL}'", json!(["Ab", null])),
        ("hstore[]", "ARRAY['a=>1,b=>NULL'::hstore]", json!([r#"{"a":"1","b":null}"#])),
        ("oid[]", "'{4294967295}'", json!([4_294_967_295_i64])),
        ("\"char\"[]", "'{a,Z}'", json!(["a", "Z"])),
        ("int4range[]", "'{\"[1,5)\"}'", json!(["[1,5)"])),
        ("tsvector[]", "ARRAY['a b'::tsvector]", json!(["'a' 'b'"])),
        ("bit(3)[]", "'{101,000}'", json!(["BQ==", ""])),
        ("mood[]", "'{sad,ok}'", json!(["sad", "ok"])),
        // Its elements may not be null.
        ("mood[]", "'{sad,NULL}'", json!(null)),
        ("pair[]", "ARRAY[ROW(1,'x')::pair]", json!(["KDEseCk="])),
        ("posint[]", "'{1}'", json!(["MQ=="])),
        ("money[]", "'{$1.00}'", json!(null)),
        ("int2vector", "'1 2'", json!([1, 2])),
        ("oidvector", "'3 4'", json!([3, 4])),
        ("refcursor", "'c'", json!("Yw==")),
        ("pg_lsn", "'0/16'", json!("MC8xNg==")),
        ("tsquery", "'a & b'", json!("J2EnICYgJ2In")),
        ("regclass", "'pg_class'", json!("cGdfY2xhc3M=")),
        ("path", "'[(0,1e20)]'", json!("WygwLjAsMS4wRTIwKV0=")),
        ("ints", "'{1,2}'", json!([1, 2])),
        ("bits", "B'101'", json!("BQ==")),
        ("varbit(1)", "B'1'", json!(true)),
        ("host", "'10.0.0.1'", json!("10.0.0.1")),
        ("inet", "'10.0.0.1'", json!("10.0.0.1")),
        ("inet", "'::1/64'", json!("::1/64")),
        ("xml", "'<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a/>'", json!("<a/>")),
        ("\"char\"", "''", json!("")),
        ("char(3)", "'a'", json!("a  ")),
        ("name", "'n'", json!("n")),
        ("interval year to month", "'2 years 3 mons'", json!(71_004_600_000_000_i64)),
        ("money", "'-$1,000.55'", json!("/nkp")),
        ("numeric", "'Infinity'", json!(null)),
        ("varchar(3) DEFAULT 'x' NOT NULL", "'abc'", json!("abc")),
    ]
}

#[test]
fn a_row_is_the_same_in_snapshot_and_stream() {
    let database = Database::create(server::postgres(), "types_pg");
    let mut session = database.session();
    for statement in [
        "CREATE EXTENSION hstore",
        "CREATE EXTENSION citext",
        "CREATE TYPE mood AS ENUM ('sad', 'ok')",
        "CREATE TYPE pair AS (a int, b text)",
        "CREATE DOMAIN posint AS int",
        "CREATE DOMAIN ints AS int[]",
        "CREATE DOMAIN bits AS bit(3)",
        "CREATE DOMAIN host AS inet",
    ] {
        session.execute(statement);
    }
    let columns = columns();
    let list = |part: &dyn Fn(usize) -> String| (0..columns.len()).map(part).collect::<Vec<_>>().join(", ");
    session.execute(&format!(
        "CREATE TABLE t (id int PRIMARY KEY, {})",
        list(&|column| format!("c{column} {}", columns[column].0))
    ));
    let values = list(&|column| columns[column].1.to_owned());
    session.execute(&format!("INSERT INTO t VALUES (1, {values})"));
    let connector = database.connector(&json!({"include.unknown.datatypes": true}));
    let daemon = Setup::new().connector(&connector).start();
    lines::wait(&daemon, 1);
    daemon.says("streaming", seconds(20));
    session.execute(&format!("INSERT INTO t VALUES (2, {values})"));
    let seen = lines::wait(&daemon, 2);
    for (column, (kind, value, expected)) in columns.iter().enumerate() {
        for line in &seen {
            let seen = &line["value"]["after"][format!("c{column}")];
            assert_eq!(seen, expected, "{kind} {value} {}", line["value"]["op"]);
        }
    }
    daemon.stop(seconds(10));
}
