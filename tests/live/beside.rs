//! MySQL's values beside Debezium's: the same tables under both connectors, a snapshot and a stream, and all that differs.
//!
//! What no recording has: defaults of every kind, JSON of types that JSON has not, the modes of numbers and times.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::daemon::Setup;
use crate::support::database::{Database, Session};
use crate::support::reader::Reader;
use crate::support::rest::Rest;
use crate::support::server;
use crate::support::{seconds, wait_until};

/// Connect is slow to start, and slower beside other tests.
const PATIENCE: Duration = Duration::from_secs(120);

/// Both say it too: each row of the statements, `{id}` from 1 on for the snapshot, and from 101 on for the stream.
const TABLES: &[&str] = &[
    "CREATE TABLE defaults (id int PRIMARY KEY, a datetime DEFAULT CURRENT_TIMESTAMP, b datetime(6) NOT NULL DEFAULT NOW(6), \
     c timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, d timestamp(6) NOT NULL DEFAULT NOW(6), \
     e timestamp(3) NULL DEFAULT '1970-01-01 00:00:01', f date NOT NULL DEFAULT '0000-00-00', g date DEFAULT '0000-00-00', \
     h datetime(2) NOT NULL DEFAULT '0000-00-00 00:00:00', i timestamp NOT NULL DEFAULT '0000-00-00 00:00:00', \
     j time DEFAULT '-01:02:03', k time(3) NOT NULL DEFAULT '12:34:56.789', l year DEFAULT '70', m year NOT NULL DEFAULT 1901, \
     n bit(1) DEFAULT b'1', o bit(10) NOT NULL DEFAULT b'1010101010', p decimal(10,3) DEFAULT -1.5, \
     q decimal(5) NOT NULL DEFAULT '12', r double DEFAULT 1e10, s float NOT NULL DEFAULT 1.1, t varchar(20) DEFAULT '', \
     u enum('a', 'b,c') NOT NULL DEFAULT 'b,c', v set('x', 'y') DEFAULT '', w binary(2) DEFAULT 0x4142, \
     x varbinary(9) NOT NULL DEFAULT 'x', y bool DEFAULT true, z json DEFAULT (JSON_ARRAY(1)), \
     aa char(36) DEFAULT (UUID()), ab int DEFAULT (1 + 1), ac int unsigned NOT NULL DEFAULT 4294967295, \
     ad datetime(6) DEFAULT '2024-02-29 01:02:03.5', ae bigint unsigned NOT NULL DEFAULT 18446744073709551615, \
     af timestamp DEFAULT '2024-02-29 01:02:03', ag decimal(65,30) NOT NULL DEFAULT 0.1, ah varchar(9) CHARACTER SET latin1 DEFAULT 'é')",
    "CREATE TABLE jsons (id int PRIMARY KEY, j json)",
    "CREATE TABLE plain (id int PRIMARY KEY, bu bigint unsigned, mu mediumint unsigned, de decimal(65,30), un decimal(20,0) unsigned, \
     r double, b9 bit(9), d date NOT NULL, dn date, t time, t2 time(2), t6 time(6), dt datetime, \
     dt1 datetime(1), dt5 datetime(5) NOT NULL, ts timestamp NOT NULL DEFAULT '2020-01-01', ts4 timestamp(4) NULL, y year, \
     bin binary(6) NOT NULL, bl blob, e enum('', 'a', 'ß') NOT NULL, s set('x', 'é', 'z') NOT NULL, \
     g geometry, p point NOT NULL, v vector(2), c char(9) CHARACTER SET utf32, gb varchar(9) CHARACTER SET gbk)",
];

/// What the log tells of columns, as somebody wrote it.
const ALTERED: &str = "ALTER TABLE defaults ADD ba datetime NOT NULL DEFAULT now() ON UPDATE now(), ADD bb decimal(6,2) DEFAULT 1.005, \
     ADD bc enum('q', 'r,s') CHARACTER SET latin1 DEFAULT 'r,s', ADD bd float(7,3) DEFAULT 1.5, ADD be int(5) ZEROFILL DEFAULT 7, \
     ADD bf tinyint(1) NOT NULL DEFAULT '1', ADD bg year DEFAULT 24, ADD bh timestamp NULL DEFAULT '2020-01-01', \
     ADD bi bit(3) DEFAULT 5, ADD bj point, ADD bk double precision DEFAULT -1, ADD bl int DEFAULT NULL, ADD bm date DEFAULT 20240229, \
     ADD bn time DEFAULT 10203, ADD bo dec(5,1) NOT NULL, ADD bp smallint UNSIGNED DEFAULT 0x10, ADD bq varchar(9) DEFAULT 'a' 'b', \
     ADD br bool, ADD bs char(3) BINARY DEFAULT \"x\", ADD bt bigint DEFAULT -9223372036854775808, ADD bu double(9,2) DEFAULT 1e2, \
     ADD bv time(2) DEFAULT '1:2', ADD bw numeric, ADD bx int1, ADD cy long varchar, ADD bz datetime(3) DEFAULT '2024-2-29 1:2:3.5'";

const ROWS: &[&str] = &[
    "INSERT INTO defaults (id) VALUES ({id})",
    "INSERT INTO jsons VALUES ({id}, JSON_OBJECT('date', CAST('2024-02-29' AS DATE), 'time', CAST('12:34:56.5' AS TIME(6)), \
     'long', CAST('100:00:00' AS TIME), 'datetime', CAST('2024-02-29 01:02:03' AS DATETIME), \
     'micros', CAST('2024-02-29 01:02:03.000100' AS DATETIME(6)), 'zero', CAST('0000-00-00' AS DATE), \
     'decimal', CAST(-1.50 AS DECIMAL(10,2)), 'tiny', CAST(0.0000001 AS DECIMAL(10,7)), \
     'large', CAST(12345678901234567890123456789012345 AS DECIMAL(40,0)), 'blob', x'00ff', 'bits', b'101'))",
    "INSERT INTO jsons VALUES ({id} + 1, '[1e7, 1e-4, 0.001, 9999999.0, -0.0, 123456789012345678, -2147483649, 4294967296, \"\\\\u001f\\\\u007f/\", \"😀\"]')",
    "INSERT INTO jsons VALUES ({id} + 2, NULL), ({id} + 3, '{}'), ({id} + 4, '\"\"'), ({id} + 5, '-1'), ({id} + 6, 'null')",
    "INSERT INTO plain VALUES ({id}, 18446744073709551615, 16777215, -12345.000000000000000000000000000001, 18446744073709551615, \
     1.7976931348623157e308, b'100000001', '9999-12-31', '0001-01-01', '-838:59:59', '-00:00:00.01', '838:59:58.999999', \
     '9999-12-31 23:59:59', '1000-01-01 00:00:00.9', '2024-02-29 23:59:59.99999', '2038-01-19 03:14:07', \
     '2024-02-29 12:00:00.0001', 2155, x'00ff00', x'ff00', 'ß', 'x,z', \
     ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 2), LINESTRING(0 0, 1 1))', 4326), POINT(-0.5, 1e300), \
     STRING_TO_VECTOR('[-1.5, 3e38]'), 'é', '中文')",
    "INSERT INTO plain VALUES ({id} + 1, 0, NULL, 0, 0, 0.1, NULL, '0000-00-00', '0000-00-00', 0, '00:00:00.99', \
     '23:59:59.000001', '0000-00-00', '0000-00-00', '2024-00-31', '0000-00-00', '0000-00-00', 1901, '', '', 0, '', NULL, \
     POINT(0, 0), NULL, '', '')",
];

/// How many records each of the two makes of [`ROWS`].
const RECORDS: usize = 10;

fn insert(session: &mut Session, id: usize) {
    for row in ROWS {
        session.execute(&row.replace("{id}", &id.to_string()));
    }
}

/// What a connector wrote of a row: its table and its id, its columns' schemas, their values.
fn rows(reader: &mut Reader) -> Vec<(String, Vec<Value>, Value)> {
    let records = reader.read().iter().filter(|record| record.topic.matches('.').count() == 2);
    let mut rows: Vec<_> = records
        .map(|record| {
            let (key, mut value) = (record.key_json(), record.value_json());
            let table = record.topic.rsplit('.').next().unwrap();
            let schemas = value["schema"]["fields"][1]["fields"].as_array().unwrap().clone();
            (
                format!("{table} {:03}", key["payload"]["id"].as_i64().unwrap()),
                schemas,
                value["payload"]["after"].take(),
            )
        })
        .collect();
    rows.sort_by(|(one, ..), (other, ..)| one.cmp(other));
    rows
}

/// What differs, each column once: `table.column`, what Debezium says and what Rowtide says.
fn differences(name: &str, more: &Value) -> BTreeSet<String> {
    let database = Database::create(server::mysql97(), name);
    let mut session = database.session();
    session.execute("SET sql_mode = '', time_zone = '+00:00', timestamp = 1700000000");
    for table in TABLES {
        session.execute(table);
    }
    insert(&mut session, 1);
    let broker = server::kafka();
    let connect = Rest { port: server::connect().port };
    let file = |prefix: &str| {
        let mut file = database.connector(more);
        let json = "org.apache.kafka.connect.json.JsonConverter";
        for (key, value) in [
            ("topic.prefix", prefix),
            ("key.converter", json),
            ("value.converter", json),
            ("schema.history.internal.kafka.bootstrap.servers", &broker.address()),
            ("schema.history.internal.kafka.topic", &format!("{prefix}-history")),
            // Other tests' tables come and go.
            ("schema.history.internal.store.only.captured.databases.ddl", "true"),
            ("schema.history.internal.store.only.captured.tables.ddl", "true"),
        ] {
            file["config"][key] = json!(value);
        }
        file["name"] = json!(prefix);
        file
    };
    let (theirs, ours) = (format!("{name}_d"), format!("{name}_r"));
    let files = [&theirs, &ours].map(|prefix| file(prefix));
    connect.change("POST", "/connectors", &files[0], 201);
    let daemon = Setup::new().set("bootstrap.servers", &broker.address()).connector(&files[1]).start();
    let mut readers = [&theirs, &ours].map(|prefix| Reader::new(broker, &format!("{prefix}.{name}.")));
    let mut arrive = |count: usize| {
        wait_until(&format!("{count} records of both"), PATIENCE, || {
            assert!(!daemon.has_ended(), "the daemon has ended");
            for (rest, connector) in [(connect, &theirs), (daemon.rest, &ours)] {
                if let Some((state, trace)) = rest.task(connector) {
                    assert_ne!(state, "FAILED", "{connector}: {trace}");
                }
            }
            readers.iter_mut().all(|reader| rows(reader).len() >= count)
        });
    };
    arrive(RECORDS);
    // All that comes now is in the stream, whether or not that is read already.
    session.execute(ALTERED);
    insert(&mut session, 101);
    arrive(2 * RECORDS);
    let [theirs_rows, ours_rows] = readers.each_mut().map(rows);
    daemon.stop(seconds(10));
    connect.change("DELETE", &format!("/connectors/{theirs}"), &Value::Null, 204);
    let mut differences = BTreeSet::new();
    for ((id, their_schemas, their_values), (_, our_schemas, our_values)) in theirs_rows.iter().zip(&ours_rows) {
        let (table, id) = id.split_once(' ').unwrap();
        let kind = if id < "100" { "snapshot" } else { "stream" };
        for (theirs, ours) in their_schemas.iter().zip(our_schemas) {
            if theirs != ours {
                differences.insert(format!("{table}.{}: {theirs} / {ours}", theirs["field"].as_str().unwrap()));
            }
        }
        for (column, theirs) in their_values.as_object().unwrap() {
            let ours = &our_values[column];
            if ours != theirs {
                differences.insert(format!("{table}.{column} {kind} {id}: {theirs} / {ours}"));
            }
        }
    }
    assert_eq!(theirs_rows.len(), ours_rows.len());
    differences
}

/// Holds that nothing differs but what is known.
fn compare(name: &str, more: &Value) {
    let differences = differences(name, more);
    // Debezium reads a number as the bits' digits (`bi`), two digits of hexadecimal as one (`bp`), two texts with the quotes
    // between them (`bq`), and no date without its zeros (`bz`). What the log calls `bool` is a boolean to it until a
    // snapshot, which calls it `tinyint(1)` (`br`).
    let known = ["bi", "bp", "bq", "br", "bz"].map(|column| format!("defaults.{column}:"));
    let unknown = differences.iter().filter(|difference| !known.iter().any(|known| difference.starts_with(known)));
    assert_eq!(unknown.collect::<Vec<_>>(), [""; 0]);
    assert_eq!(differences.len(), known.len());
}

#[test]
fn default_modes() {
    compare("beside_default", &json!({}));
}

#[test]
fn precise_numbers_and_texts_of_times() {
    let more = json!({"time.precision.mode": "isostring", "bigint.unsigned.handling.mode": "precise", "binary.handling.mode": "base64"});
    compare("beside_iso", &more);
}

#[test]
fn nanoseconds_and_texts_of_numbers() {
    let more =
        json!({"time.precision.mode": "nanoseconds", "decimal.handling.mode": "string", "binary.handling.mode": "hex"});
    compare("beside_nanos", &more);
}
