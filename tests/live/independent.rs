//! What Confluent's own client reads from the topics is what SQL tells of the rows, for every type that is mapped.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::daemon::Setup;
use crate::support::database::{Database, Row, Session};
use crate::support::reader::Reader;
use crate::support::registry::api;
use crate::support::seconds;
use crate::support::server::{self, Server};

/// A column: name, type, what SQL tells of it as text (`?` is the column), two values, whether it may have a default.
/// The first letter of the name says how the texts are compared: `r` as 32 bit floats, `d` as 64 bit floats, `j` as JSON.
type Column = (&'static str, &'static str, &'static str, &'static str, &'static str, bool);

const MICROS: &str = "to_char(?, 'YYYY-MM-DD HH24:MI:SS.US')";
const UTC: &str = "to_char(? AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')";
const OF_DAY: &str = "to_char(?::interval, 'HH24:MI:SS.US')";

const POSTGRES: &[Column] = &[
    ("small", "smallint", "?::text", "-32768", "32767", true),
    ("whole", "integer", "?::text", "-2147483648", "2147483647", true),
    ("big", "bigint", "?::text", "-9223372036854775808", "9223372036854775807", true),
    ("r_real", "real", "?::text", "3.14", "-3.4028235e38", true),
    ("d_double", "double precision", "?::text", "2.718281828459045", "1.7976931348623157e308", true),
    ("money2", "numeric(10,2)", "?::text", "-99999999.99", "0.01", true),
    ("wide", "numeric(38,10)", "?::text", "-1234567890123456789012345678.0123456789", "0.0000000001", true),
    ("digits", "numeric(5)", "?::text", "-99999", "128", true),
    ("flag", "boolean", "?::text", "true", "false", true),
    ("words", "text", "?", "\u{1}é 😀 \"q\" \\ / <>&", "", true),
    ("word", "varchar(20)", "?", "ünïcødé", "null", true),
    ("letters", "char(5)", "?", "ab", "abcde", true),
    ("bin", "bytea", "encode(?, 'hex')", "\\x00ff10", "\\x", true),
    ("day", "date", "?::text", "0001-01-01", "9999-12-31", true),
    ("at", "timestamp", MICROS, "1969-12-31 23:59:59.999999", "9999-12-31 23:59:59.999999", true),
    ("at3", "timestamp(3)", MICROS, "0001-01-01 00:00:00.001", "2024-02-29 12:34:56.789", true),
    ("zoned", "timestamptz", UTC, "2024-02-29 12:34:56.789012+05:30", "1969-12-31 23:59:59.999999+00", true),
    ("clock", "time", OF_DAY, "00:00:00.000001", "23:59:59.999999", true),
    ("clock3", "time(3)", OF_DAY, "00:00:00.001", "24:00:00", true),
    (
        "zclock",
        "timetz",
        "to_char((date '2000-01-01' + ?) AT TIME ZONE 'UTC', 'HH24:MI:SS.US')",
        "12:34:56.789012+05:30",
        "00:00:00+00",
        true,
    ),
    ("ident", "uuid", "?::text", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "00000000-0000-0000-0000-000000000000", true),
    ("j_text", "json", "?::text", "{\"b\": 2,  \"a\":[1, 2.5]}", "null", true),
    ("j_bin", "jsonb", "?::text", "{\"b\": 2, \"u\":\"é\"}", "[]", true),
    ("mood", "mood", "?::text", "sad", "it's", true),
];

const MICROS_MYSQL: &str = "date_format(?, '%Y-%m-%d %H:%i:%s.%f')";

const MYSQL: &[Column] = &[
    ("tiny", "tinyint", "cast(? as char)", "-128", "127", true),
    ("utiny", "tinyint unsigned", "cast(? as char)", "0", "255", true),
    ("small", "smallint", "cast(? as char)", "-32768", "32767", true),
    ("medium", "mediumint", "cast(? as char)", "-8388608", "8388607", true),
    ("whole", "int", "cast(? as char)", "-2147483648", "2147483647", true),
    ("uwhole", "int unsigned", "cast(? as char)", "0", "4294967295", true),
    ("big", "bigint", "cast(? as char)", "-9223372036854775808", "9223372036854775807", true),
    ("r_real", "float", "cast(? as double)", "3.14", "-1e-7", true),
    ("d_double", "double", "cast(? as double)", "2.718281828459045", "-1e21", true),
    ("money2", "decimal(10,2)", "cast(? as char)", "-99999999.99", "0.01", true),
    ("wide", "decimal(65,30)", "cast(? as char)", "12345678901234567890123456789012345.1", "-0.5", true),
    ("flag", "bit(1)", "elt(1 + ?, 'false', 'true')", "1", "0", false),
    ("words", "text", "?", "\u{1}é 😀 \"q\" / <>&", "", false),
    ("word", "varchar(20)", "?", "ünïcødé", "null", true),
    ("latin", "varchar(20) character set latin1", "?", "café", "", true),
    ("letters", "char(5)", "?", "ab", "abcde", true),
    ("bin", "varbinary(10)", "lower(hex(?))", "a~", "", true),
    ("bin4", "binary(4)", "lower(hex(?))", "abcd", "wxyz", true),
    ("blob0", "blob", "lower(hex(?))", "bytes", "", false),
    ("day", "date", "cast(? as char)", "1000-01-01", "9999-12-31", true),
    ("at", "datetime", MICROS_MYSQL, "1000-01-01 00:00:00", "2024-02-29 12:34:56", true),
    ("at3", "datetime(3)", MICROS_MYSQL, "1969-12-31 23:59:59.999", "2024-02-29 12:34:56.789", true),
    ("at6", "datetime(6)", MICROS_MYSQL, "1000-01-01 00:00:00.000001", "9999-12-31 23:59:59.999999", true),
    ("zoned", "timestamp", MICROS_MYSQL, "1970-01-01 00:00:01", "2038-01-19 03:14:07", true),
    ("zoned6", "timestamp(6)", MICROS_MYSQL, "1970-01-01 00:00:01.000001", "2024-02-29 12:34:56.789012", true),
    ("clock", "time", "cast(cast(? as time(6)) as char)", "-838:59:59", "12:34:56", true),
    ("clock6", "time(6)", "cast(? as char)", "-00:00:00.000001", "23:59:59.999999", true),
    ("year0", "year", "cast(? as char)", "1901", "2155", true),
    ("j_bin", "json", "cast(? as char)", "{\"b\": 2, \"a\": [1, 2.5, null, true, \"é\"]}", "[]", false),
    ("mood", "enum('sad','it''s')", "?", "sad", "it's", true),
];

/// A table of all types, each column once nullable and once not, and four rows: both values, null and the default.
struct Types<'a> {
    columns: &'a [Column],
    is_postgres: bool,
}

impl Types<'_> {
    fn quoted(value: &str) -> String {
        format!("'{}'", value.replace('\'', "''"))
    }

    fn create(&self, session: &mut Session) {
        if self.is_postgres {
            session.execute("CREATE TYPE mood AS ENUM ('sad', 'it''s')");
        }
        let columns: Vec<String> = self
            .columns
            .iter()
            .map(|(name, of, _, _, high, has_default)| {
                let default = if *has_default { format!(" DEFAULT {}", Self::quoted(high)) } else { String::new() };
                format!(", {name} {of} NULL, {name}_n {of} NOT NULL{default}")
            })
            .collect();
        session.execute(&format!("CREATE TABLE t (id int PRIMARY KEY{})", columns.concat()));
    }

    fn value(&self, of: &str, value: &str) -> String {
        if self.is_postgres || !of.starts_with("bit") { Self::quoted(value) } else { value.to_owned() }
    }

    /// A row of the lower or the upper values.
    fn insert_values(&self, session: &mut Session, id: u32, is_high: bool) {
        let values: Vec<String> = self
            .columns
            .iter()
            .map(|(_, of, _, low, high, _)| {
                let value = self.value(of, if is_high { high } else { low });
                format!(", {value}, {value}")
            })
            .collect();
        session.execute(&format!("INSERT INTO t VALUES ({id}{})", values.concat()));
    }

    /// A row of nulls and defaults.
    fn insert_defaults(&self, session: &mut Session, id: u32) {
        let must = self.columns.iter().filter(|column| !column.5);
        let (names, values): (String, String) = must
            .map(|(name, of, _, _, high, _)| (format!(", {name}_n"), format!(", {}", self.value(of, high))))
            .unzip();
        session.execute(&format!("INSERT INTO t (id{names}) VALUES ({id}{values})"));
    }

    /// What SQL tells of the rows.
    fn rows(&self, session: &mut Session) -> Vec<Row> {
        let names = self
            .columns
            .iter()
            .flat_map(|(name, _, text, ..)| [text.replace('?', name), text.replace('?', &format!("{name}_n"))]);
        let texts: Vec<String> = names.collect();
        session.rows(&format!("SELECT {} FROM t ORDER BY id", texts.join(", ")))
    }
}

/// Whether a client's text means what SQL's text means.
fn is_same(name: &str, client: &str, sql: &str) -> bool {
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    match name.as_bytes() {
        [b'r', b'_', ..] => client.parse::<f32>().unwrap().to_bits() == sql.parse::<f32>().unwrap().to_bits(),
        [b'd', b'_', ..] => client.parse::<f64>().unwrap().to_bits() == sql.parse::<f64>().unwrap().to_bits(),
        [b'j', b'_', ..] => json(client) == json(sql),
        _ => client == sql,
    }
}

/// What Confluent's client reads from a topic: a line for each record.
fn read(form: &str, topic: &str, count: usize) -> Vec<Value> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let done = Command::new(server::python())
        .arg(here.join("support/independent.py"))
        .args([form, &server::kafka().address(), &api(server::registry()), topic, &count.to_string()])
        .output()
        .unwrap();
    assert!(done.status.success(), "{topic}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn every_type(server: &Server, name: &str, form: &str, class: &str) {
    let database = Database::create(server, name);
    let is_postgres = database.is_postgres();
    let types = Types { columns: if is_postgres { POSTGRES } else { MYSQL }, is_postgres };
    let mut session = database.session();
    if !is_postgres {
        session.execute("SET time_zone = '+00:00'");
    }
    types.create(&mut session);
    types.insert_values(&mut session, 1, false);
    types.insert_defaults(&mut session, 2);
    let url = api(server::registry());
    let config = database.connector(&json!({
        "key.converter": class,
        "key.converter.schema.registry.url": url,
        "value.converter": class,
        "value.converter.schema.registry.url": url,
    }));
    let setup = Setup::new().connector(&config).set("bootstrap.servers", &server::kafka().address());
    let daemon = setup.start();
    let mut reader = Reader::new(server::kafka(), &format!("{name}."));
    reader.read_until(&daemon, "the snapshot is there", seconds(60), |records| records.len() >= 2);
    types.insert_values(&mut session, 3, true);
    types.insert_defaults(&mut session, 4);
    types.insert_values(&mut session, 5, false);
    // JSON has no such numbers.
    let has_specials = is_postgres && form == "avro";
    if has_specials {
        session.execute("INSERT INTO t (id, r_real, d_double) VALUES (6, 'NaN', '-Infinity'), (7, 'Infinity', '-0')");
    }
    let count = if has_specials { 7 } else { 5 };
    reader.read_until(&daemon, "all rows are there", seconds(60), |records| records.len() >= count);
    let rows = types.rows(&mut session);
    let seen = read(form, &database.topic("t"), count);
    assert_eq!((seen.len(), rows.len()), (count, count));
    let mut wrong = Vec::new();
    for (at, (event, row)) in seen.iter().zip(rows).enumerate() {
        assert_eq!(event["key"]["id"], at + 1);
        assert_eq!(event["op"], if at < 2 { "r" } else { "c" });
        let names = types.columns.iter().flat_map(|column| [column.0.to_owned(), format!("{}_n", column.0)]);
        let after = event["after"].as_object().unwrap();
        assert_eq!(after.len(), 1 + 2 * types.columns.len());
        for (name, sql) in names.zip(row) {
            let same = match (after[&name].as_str(), &sql) {
                (None, None) => true,
                (Some(client), Some(sql)) => is_same(&name, client, sql),
                _ => false,
            };
            if !same {
                wrong.push(format!("row {}, {name}: the client read {}, SQL tells {sql:?}", at + 1, after[&name]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    daemon.stop(seconds(20));
}

const AVRO: &str = "io.confluent.connect.avro.AvroConverter";
const JSON_SCHEMA: &str = "io.confluent.connect.json.JsonSchemaConverter";

#[test]
fn avro_postgres() {
    every_type(server::postgres(), "independent_avro_pg", "avro", AVRO);
}

#[test]
fn avro_mysql() {
    every_type(server::mysql80(), "independent_avro_my", "avro", AVRO);
}

#[test]
fn json_schema_postgres() {
    every_type(server::postgres(), "independent_json_pg", "json", JSON_SCHEMA);
}

#[test]
fn json_schema_mysql() {
    every_type(server::mysql80(), "independent_json_my", "json", JSON_SCHEMA);
}
