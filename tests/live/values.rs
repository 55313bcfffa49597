//! MySQL's values that no recording has: every character set, JSON that the log tells by its changes, every mode of numbers and
//! times. A snapshot must say of a row what the stream says.

use serde_json::{Value, json};

use super::lines;
use crate::support::daemon::Setup;
use crate::support::database::{Database, Session};
use crate::support::seconds;
use crate::support::server::{self, Server};

/// What a snapshot says of the rows of `t`, and what the stream says of the same rows again, behind their ids.
fn twice(database: &Database, session: &mut Session, columns: &str, more: &Value) -> (Vec<Value>, Vec<Value>) {
    let count: usize = session.value("SELECT count(*) FROM t").unwrap().parse().unwrap();
    let daemon = Setup::new().connector(&database.connector(more)).start();
    lines::wait(&daemon, count);
    daemon.says("streaming", seconds(20));
    // By way of a table that has them as they are.
    session.execute(&format!("CREATE TABLE again AS SELECT {columns} FROM t"));
    session.execute("UPDATE again SET id = id + 10000000 ORDER BY id DESC");
    session.execute(&format!("INSERT INTO t ({columns}) SELECT * FROM again ORDER BY id"));
    let of_t = |lines: Vec<Value>| -> Vec<Value> {
        let is_t = |line: &Value| line["value"]["source"]["table"] == "t";
        let rows = lines.into_iter().filter(is_t).map(|mut line| line["value"]["after"].take());
        let without_id = |mut row: Value| {
            row.as_object_mut().unwrap().remove("id");
            row
        };
        rows.map(without_id).collect()
    };
    let end = json!({"id": session.value("SELECT max(id) FROM t").unwrap().parse::<i64>().unwrap()});
    let mut snapshot = of_t(lines::wait_for_key(&daemon, &end));
    daemon.stop(seconds(10));
    let stream = snapshot.split_off(count);
    (snapshot, stream)
}

/// The values that are not the same in both; of texts of one length the characters.
fn differing(snapshot: &[Value], stream: &[Value]) -> Vec<String> {
    let mut differing = Vec::new();
    for (read, told) in snapshot.iter().zip(stream) {
        for (column, read) in read.as_object().unwrap() {
            let told = &told[column];
            match (read.as_str(), told.as_str()) {
                _ if read == told => {}
                (Some(read), Some(told)) if read.chars().count() == told.chars().count() => {
                    // What the server has, but no character for it, the stream may have.
                    let pairs =
                        read.chars().zip(told.chars()).filter(|(read, told)| read != told && *read != '\u{fffd}');
                    differing.extend(pairs.map(|(read, told)| format!("{column}: {read:?}, {told:?}")));
                }
                _ => differing.push(format!("{column}: {read}, {told}")),
            }
        }
    }
    assert_eq!(snapshot.len(), stream.len());
    differing
}

#[test]
fn text_in_every_character_set() {
    let database = Database::create(server::mysql97(), "charsets");
    let mut session = database.session();
    let sets = session.rows("SELECT CHARACTER_SET_NAME, MAXLEN FROM information_schema.CHARACTER_SETS ORDER BY 1");
    let sets: Vec<(String, bool)> = sets
        .into_iter()
        .map(|row| (row[0].clone().unwrap(), row[1].as_deref() == Some("1")))
        .filter(|(name, _)| name != "binary")
        .collect();
    let columns: Vec<String> = sets.iter().map(|(name, _)| format!("c_{name} text CHARACTER SET {name}")).collect();
    let names: Vec<String> =
        ["id".to_owned()].into_iter().chain(sets.iter().map(|(name, _)| format!("c_{name}"))).collect();
    session.execute("SET sql_mode = ''");
    session.execute(&format!("CREATE TABLE t (id int PRIMARY KEY, {})", columns.join(", ")));
    // Every byte of the sets with one; in the others, what they have of these words.
    for byte in 0x20..=0xff_u32 {
        let value = |(name, single): &(String, bool)| {
            let text = format!("CONVERT(CAST(x'{byte:02x}' AS BINARY) USING {name})");
            // What means nothing is a question mark to the server.
            let meaning = format!("IF(CONVERT({text} USING utf8mb4) = '?', '?', {text})");
            if *single { meaning } else { "NULL".to_owned() }
        };
        let values: Vec<String> = sets.iter().map(value).collect();
        session.execute(&format!("INSERT INTO t VALUES ({byte}, {})", values.join(", ")));
    }
    // All pairs of bytes of the others, by the first; and what EUC has behind 8F.
    session.execute("SET group_concat_max_len = 100000");
    let double = |(_, (name, single)): &(usize, &(String, bool))| !single && !name.starts_with("ut") && name != "ucs2";
    for (number, (name, _)) in sets.iter().enumerate().filter(double) {
        let prefixes: &[&str] = if matches!(name.as_str(), "ujis" | "eucjpms") { &["", "8F"] } else { &[""] };
        for prefix in prefixes {
            let text = format!("CONVERT(CAST(UNHEX(CONCAT('{prefix}', HEX(a.n * 256 + b.n))) AS BINARY) USING {name})");
            let id = number * 1000 + prefix.len() * 100_000;
            session.execute(&format!(
                "INSERT INTO t (id, c_{name}) \
                 WITH RECURSIVE b (n) AS (SELECT 64 UNION ALL SELECT n + 1 FROM b WHERE n < 254) \
                 SELECT {id} + a.n, GROUP_CONCAT({text} ORDER BY b.n SEPARATOR '') FROM b AS a, b \
                 WHERE a.n > 127 AND CONVERT({text} USING utf8mb4) NOT LIKE '%?%' GROUP BY a.n"
            ));
        }
    }
    for (id, words) in ["naïve Größe", "Ελληνικά", "русский", "中文 汉字 漢字", "日本語 ひらがな ｶﾅ", "한국어", "😀𝄞"]
        .iter()
        .enumerate()
    {
        let values = vec![format!("'{words}'"); sets.len()];
        session.execute(&format!("INSERT INTO t VALUES ({}, {})", 1_000_000 + id, values.join(", ")));
    }
    let (snapshot, stream) = twice(&database, &mut session, &names.join(", "), &json!({}));
    assert_eq!(differing(&snapshot, &stream), [""; 0]);
}

/// In every mode of times, numbers and bytes: what a table holds when MySQL is asked not to be strict.
#[test]
fn every_mode() {
    let server = server::mysql97();
    for (number, more) in [
        json!({}),
        json!({"time.precision.mode": "connect", "decimal.handling.mode": "string", "binary.handling.mode": "base64"}),
        json!({"time.precision.mode": "isostring", "bigint.unsigned.handling.mode": "precise"}),
        json!({"time.precision.mode": "microseconds", "decimal.handling.mode": "double"}),
        json!({"time.precision.mode": "nanoseconds", "binary.handling.mode": "base64-url-safe"}),
    ]
    .iter()
    .enumerate()
    {
        let database = Database::create(server, &format!("modes_{number}"));
        let mut session = database.session();
        session.execute("SET sql_mode = '', time_zone = '+03:00'");
        session.execute(TABLE);
        for row in ROWS {
            session.execute(&format!("INSERT INTO t ({COLUMNS}) VALUES ({row})"));
        }
        let (snapshot, stream) = twice(&database, &mut session, COLUMNS, more);
        assert_eq!(snapshot.len(), ROWS.len());
        assert_eq!(differing(&snapshot, &stream), [""; 0], "{more}");
        if number == 2 {
            assert_eq!(snapshot[0]["bu"], "AP//////////");
            // No such day, and no such moment: the epoch, or the default, which was written at +03:00.
            let day = ["d", "dt5", "ts"].map(|column| snapshot[1][column].as_str().unwrap());
            assert_eq!(day, ["1970-01-01Z", "1970-01-01T00:00:00Z", "2019-12-31T21:00:00Z"]);
        }
    }
}

const TABLE: &str = "CREATE TABLE t (id int PRIMARY KEY, bu bigint unsigned NOT NULL, mu mediumint unsigned, m mediumint, \
     de decimal(65,30), d9 decimal(9,9), un decimal(20,0) unsigned, f float NOT NULL, r double, b9 bit(9), b33 bit(33), \
     d date NOT NULL, dn date, t time, t2 time(2), t6 time(6), dt datetime, dt1 datetime(1), \
     dt5 datetime(5) NOT NULL, ts timestamp NOT NULL DEFAULT '2020-01-01', ts4 timestamp(4) NULL, y year NOT NULL, \
     bin binary(6) NOT NULL, vb varbinary(300), bl mediumblob, e enum('', 'a', 'ß') NOT NULL, s set('x', 'é', 'z') NOT NULL, \
     g geometry, p point NOT NULL, v vector(2), c char(255) CHARACTER SET utf32, \
     gen varchar(20) CHARACTER SET utf16 GENERATED ALWAYS AS (CONCAT('é', mu)) STORED, \
     vir int GENERATED ALWAYS AS (m + 1) VIRTUAL, hid int INVISIBLE DEFAULT 5)";

const COLUMNS: &str = "id, bu, mu, m, de, d9, un, f, r, b9, b33, d, dn, t, t2, t6, dt, dt1, dt5, ts, ts4, y, bin, vb, bl, e, s, g, p, v, c";

const ROWS: &[&str] = &[
    "1, 18446744073709551615, 16777215, -8388608, -12345678901234567890123456789012345.000000000000000000000000000001, \
     -0.000000001, 18446744073709551615, -3.4028235e38, 1.7976931348623157e308, b'100000001', b'111111111111111111111111111111111', \
     '9999-12-31', '0001-01-01', '-838:59:59', '-00:00:00.01', '838:59:58.999999', '9999-12-31 23:59:59', \
     '1000-01-01 00:00:00.9', '2024-02-29 23:59:59.99999', '2038-01-19 03:14:07', '2024-02-29 12:00:00.0001', 2155, \
     x'00ff00', REPEAT('x', 300), REPEAT(x'ff00', 400), 'ß', 'x,z', \
     ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 2), LINESTRING(0 0, 1 1))', 4326), POINT(-0.0, 1e300), \
     STRING_TO_VECTOR('[-1.5, 3e38]'), '😀 é'",
    "2, 0, NULL, NULL, 0, 0, 0, 0, -0.0, NULL, 0, '0000-00-00', '0000-00-00', 0, '-00:00:00.99', '-838:59:58.000001', \
     '0000-00-00', '0000-00-00', '2024-00-31', '0000-00-00', '0000-00-00', 2000, '', '', '', 0, '', NULL, POINT(0, 0), NULL, ''",
    "3, 9223372036854775808, 0, 8388607, 1e-30, 0.999999999, 1, 1.17549435e-38, 4.9e-324, 0, b'100000000000000000000000000000000', \
     '1969-12-31', '2024-02-30', '23:59:59', '24:00:00', '-00:00:00.000001', '1969-12-31 23:59:59', '1969-12-31 23:59:59.9', \
     '2262-04-11 23:47:16.85477', '1970-01-01 03:00:01', '2024-11-03 01:30:00.1234', 1901, 'abcdef', x'00', 'x', '', 'é', \
     ST_GeomFromText('MULTIPOINT(0 0, 1 1)'), ST_GeomFromText('POINT(1 2)'), STRING_TO_VECTOR('[0, 1]'), REPEAT('é', 255)",
];

/// `binlog_row_value_options=PARTIAL_JSON`: what the log tells by its changes is what a later event tells as a whole.
#[test]
fn json_in_parts() {
    // Its log is looked into.
    let server = Server::own("mysql97", "partial", &[]);
    let database = Database::create(&server, "partial");
    let mut session = database.session();
    session.execute("CREATE TABLE t (id int PRIMARY KEY, a json, left_out json, b json, n int)");
    let document = r#"{"k": 1, "name": "x", "list": [1, [2, 3], {"deep": null}], "q \"u\" o.[t": {"é": 1.5}}"#;
    session.execute(&format!("INSERT INTO t VALUES (1, '{0}', '{0}', '[1, 2]', 0)", document.replace('\\', "\\\\")));
    let more = json!({"column.exclude.list": ".*left_out"});
    let daemon = Setup::new().connector(&database.connector(&more)).start();
    lines::wait(&daemon, 1);
    daemon.says("streaming", seconds(20));
    let changes = [
        "a = JSON_SET(a, '$.k', 2, '$.new', 'y')",
        "a = JSON_REMOVE(a, '$.name'), b = JSON_SET(b, '$[1]', 'z')",
        "left_out = JSON_SET(left_out, '$.k', 3), b = JSON_SET(b, '$[7]', CAST('2024-02-29' AS DATE))",
        "a = JSON_REPLACE(a, '$.list[1][0]', JSON_OBJECT('o', 1)), left_out = JSON_REMOVE(left_out, '$.list')",
        "a = JSON_SET(a, '$.list[last].deep', 1e100), b = NULL",
        r#"a = JSON_SET(a, '$."q \\"u\\" o.[t"."é"', REPEAT('long', 100)), b = '{}'"#,
        "a = JSON_REMOVE(JSON_SET(a, '$.list[0]', TRUE), '$.list[1]', '$.new'), b = JSON_SET(b, '$.a', 1, '$.B', 2)",
        "a = JSON_SET(a, '$.k[0]', 5)",
        "n = 5",
    ];
    for change in changes {
        session.execute("SET SESSION binlog_row_value_options = 'PARTIAL_JSON'");
        session.execute(&format!("UPDATE t SET {change}"));
        session.execute("SET SESSION binlog_row_value_options = ''");
        session.execute("UPDATE t SET n = n + 1");
    }
    let seen = lines::wait(&daemon, 1 + 2 * changes.len());
    let mut updates = seen[1..].iter().map(|line| &line["value"]);
    for change in changes {
        let (partial, whole) = (updates.next().unwrap(), updates.next().unwrap());
        assert_eq!(partial["after"], whole["before"], "{change}");
    }
    let kinds =
        session.rows("SHOW BINLOG EVENTS").into_iter().filter(|row| row[2].as_deref() == Some("Update_rows_partial"));
    assert!(kinds.count() >= changes.len() - 1);
    daemon.stop(seconds(10));
}

/// `include.query` and `include.schema.comments`, and the converter of flags in both.
#[test]
fn statements_comments_and_flags() {
    let database = Database::create(server::mysql80(), "told");
    let mut session = database.session();
    session.execute(
        "CREATE TABLE t (id int PRIMARY KEY COMMENT 'It''s the key', f tinyint(1) NOT NULL DEFAULT 1 COMMENT '', \
         g point COMMENT 'where', n tinyint(1))",
    );
    session.execute("INSERT INTO t (id) VALUES (1)");
    let more = json!({
        "include.query": true,
        "include.schema.comments": true,
        "converters": "flags",
        "flags.type": "io.debezium.connector.mysql.converters.TinyIntOneToBooleanConverter",
        "flags.selector": ".*\\.t\\.f",
    });
    let setup = Setup::new().connector(&database.connector(&more)).set("value.converter.schemas.enable", "true");
    let daemon = setup.start();
    lines::wait(&daemon, 1);
    daemon.says("streaming", seconds(20));
    assert!(!daemon.log().contains("WARN"), "{}", daemon.log());
    session.execute("SET SESSION binlog_rows_query_log_events = ON");
    session.execute("INSERT INTO t VALUES (2, 0, POINT(1, 2), 7) /* by hand */");
    let seen = lines::wait(&daemon, 2);
    for (line, f, n, query) in [
        (&seen[0], true, Value::Null, Value::Null),
        (&seen[1], false, json!(7), json!("INSERT INTO t VALUES (2, 0, POINT(1, 2), 7) /* by hand */")),
    ] {
        let payload = &line["value"]["payload"];
        assert_eq!((&payload["after"]["f"], &payload["after"]["n"]), (&json!(f), &n));
        assert_eq!(payload["source"]["query"], query);
        let fields = line["value"]["schema"]["fields"][1]["fields"].as_array().unwrap();
        let told = fields.iter().map(|field| json!([field["field"], field["type"], field["doc"], field["default"]]));
        let expected = [
            json!(["id", "int32", "It's the key", null]),
            json!(["f", "boolean", null, true]),
            json!(["g", "struct", "where", null]),
            json!(["n", "int16", null, null]),
        ];
        assert_eq!(told.collect::<Vec<_>>(), expected);
    }
    daemon.stop(seconds(10));
}
