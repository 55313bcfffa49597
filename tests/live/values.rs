//! MySQL's values that no recording has: every character set, JSON that the log tells by its changes, every mode of numbers and
//! times. A snapshot must say of a row what the stream says.

use serde_json::{Value, json};

use super::lines;
use crate::support::daemon::Setup;
use crate::support::database::{Database, Session};
use crate::support::seconds;
use crate::support::server;

/// What a snapshot says of the rows of `t`, and what the stream says of the same rows again, behind their ids.
fn twice(database: &Database, session: &mut Session, more: &Value) -> (Vec<Value>, Vec<Value>) {
    let count: usize = session.value("SELECT count(*) FROM t").unwrap().parse().unwrap();
    let daemon = Setup::new().connector(&database.connector(more)).start();
    lines::wait(&daemon, count);
    daemon.says("streaming", seconds(20));
    // By way of a table that has them as they are.
    session.execute("CREATE TABLE again AS SELECT * FROM t");
    session.execute("UPDATE again SET id = id + 100000 ORDER BY id DESC");
    let streamed = "INSERT INTO t SELECT * FROM again ORDER BY id";
    session.execute(streamed);
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
    let columns: Vec<String> =
        sets.iter().map(|(name, _)| format!("c_{name} varchar(60) CHARACTER SET {name}")).collect();
    session.execute("SET sql_mode = ''");
    session.execute(&format!("CREATE TABLE t (id int PRIMARY KEY, {})", columns.join(", ")));
    // Every byte of the sets with one; in the others, what they have of these words.
    for byte in 0x20..=0xff_u32 {
        let value = |(name, single): &(String, bool)| {
            if *single { format!("CONVERT(CAST(x'{byte:02x}' AS BINARY) USING {name})") } else { "NULL".to_owned() }
        };
        let values: Vec<String> = sets.iter().map(value).collect();
        session.execute(&format!("INSERT INTO t VALUES ({byte}, {})", values.join(", ")));
    }
    for (id, words) in ["naïve Größe", "Ελληνικά", "русский", "中文 汉字 漢字", "日本語 ひらがな ｶﾅ", "한국어", "😀𝄞"]
        .iter()
        .enumerate()
    {
        let values = vec![format!("'{words}'"); sets.len()];
        session.execute(&format!("INSERT INTO t VALUES ({}, {})", 1000 + id, values.join(", ")));
    }
    let (snapshot, stream) = twice(&database, &mut session, &json!({}));
    let mut wrong = Vec::new();
    for (read, told) in snapshot.iter().zip(&stream) {
        for (column, value) in read.as_object().unwrap() {
            if told[column] != *value {
                wrong.push(format!("{column}: {value} and {}", told[column]));
            }
        }
    }
    assert_eq!((wrong, stream.len()), (vec![], snapshot.len()));
}

/// `binlog_row_value_options=PARTIAL_JSON`: what the log tells by its changes is what a later event tells as a whole.
#[test]
fn json_in_parts() {
    let database = Database::create(server::mysql97(), "partial");
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
