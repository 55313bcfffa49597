//! The schema change topic of MySQL: a daemon that is stopped or killed in the middle of DDL tells all of it, in order.

#![expect(clippy::print_stderr, reason = "the seed is shown when a test fails")]

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use crate::support::daemon::Setup;
use crate::support::database::Database;
use crate::support::reader::Reader;
use crate::support::server;
use crate::support::{seconds, wait_until};

/// How often the table changes.
const ROUNDS: usize = 30;

/// What one of them runs: DDL of several tables, DDL within the transaction of its rows, DDL that nobody understands.
fn statements(round: usize) -> [String; 7] {
    [
        format!("ALTER TABLE t ADD c{round} int"),
        format!("INSERT INTO t (id, c{round}) VALUES ({round}, {round})"),
        format!("CREATE TABLE x{round} AS SELECT * FROM t"),
        format!("CREATE TABLE y{round} (a int)"),
        format!("RENAME TABLE y{round} TO z{round}"),
        format!("DROP TABLE x{round}, z{round}"),
        format!("CREATE EVENT e{round} ON SCHEDULE EVERY 1 YEAR DO SELECT 1"),
    ]
}

/// What is told of it: the first words, the type of the change, and how many columns there are then.
fn told(round: usize) -> Vec<String> {
    let (of_t, name) = (round + 1, |kind: char| format!("`{kind}{round}`"));
    vec![
        format!("ALTER TABLE t ADD ALTER {of_t}"),
        format!("CREATE TABLE {} ( CREATE {of_t}", name('x')),
        format!("CREATE TABLE y{round} (a CREATE 1"),
        format!("RENAME TABLE y{round} TO ALTER 1"),
        format!("DROP TABLE `DB`.{} DROP 0", name('x')),
        format!("DROP TABLE `DB`.{} DROP 0", name('z')),
        format!("EVENT none{round}"),
    ]
}

/// A record of the topic, as [`told`] has it; none of the snapshot's.
fn shown(value: &Value, database: &str) -> Option<String> {
    if value["source"]["snapshot"] != "false" {
        return None;
    }
    let ddl = value["ddl"].as_str().unwrap().replace(database, "DB");
    if let Some((_, event)) = ddl.split_once(" EVENT ") {
        assert_eq!(value["tableChanges"], json!([]));
        return Some(format!("EVENT none{}", &event[1..event.find(' ').unwrap()]));
    }
    let words = if ddl.starts_with("DROP") { 3 } else { 4 };
    let first: Vec<&str> = ddl.split_whitespace().take(words).collect();
    let first = first.join(" ");
    let [change] = value["tableChanges"].as_array().unwrap().as_slice() else { return Some(format!("{first} none")) };
    let columns = change["table"]["columns"].as_array().map_or(0, Vec::len);
    Some(format!("{first} {} {columns}", change["type"].as_str().unwrap()))
}

/// Runs all statements while daemons come and go; gives what was told in the end.
fn interrupted(name: &str, kills: bool) -> Vec<String> {
    let seed = rand::random();
    eprintln!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let database = Database::create(server::mysql97(), name);
    let mut session = database.session();
    session.execute("CREATE TABLE t (id int PRIMARY KEY)");
    let only =
        json!({"include.schema.changes": true, "schema.history.internal.store.only.captured.databases.ddl": true});
    let setup = Setup::new().connector(&database.connector(&only)).set("bootstrap.servers", &server::kafka().address());
    let topic = name.to_owned();
    let mut reader = Reader::of(server::kafka(), move |found| found == topic);
    let mut daemon = setup.start();
    reader.read_until(&daemon, "the snapshot is told", seconds(60), |records| {
        records
            .iter()
            .any(|record| record.value_json()["ddl"].as_str().is_some_and(|ddl| ddl.starts_with("CREATE TABLE")))
    });
    daemon.says("streaming", seconds(60));
    for round in 1..=ROUNDS {
        for statement in statements(round) {
            session.execute(&statement);
            if rng.random_range(0..20) > 0 {
                continue;
            }
            std::thread::sleep(Duration::from_millis(rng.random_range(0..300)));
            if kills {
                daemon.kill();
            } else {
                daemon.stop(seconds(20));
            }
            daemon = setup.start();
            // The definitions that a daemon begins with are those of now: what it tells of DDL before is of now too.
            daemon.says("streaming", seconds(60));
        }
    }
    let read = |reader: &mut Reader| -> Vec<String> {
        reader.read().iter().filter_map(|record| shown(&record.value_json(), name)).collect()
    };
    let last = "EVENT none".to_owned() + &ROUNDS.to_string();
    wait_until("all of it is told", seconds(60), || read(&mut reader).last() == Some(&last));
    daemon.stop(seconds(20));
    read(&mut reader)
}

/// The statements alone: after a restart, the columns may be those of a later moment.
fn texts(told: impl IntoIterator<Item = String>) -> Vec<String> {
    let kinds = [" CREATE", " ALTER", " DROP", " none"];
    let text = |told: String| {
        let text = told.trim_end_matches(|c: char| c == ' ' || c.is_ascii_digit()).to_owned();
        let kind = kinds.iter().find(|kind| text.ends_with(**kind));
        kind.map_or(text.clone(), |kind| text.trim_end_matches(kind).to_owned())
    };
    told.into_iter().map(text).collect()
}

#[test]
fn stops_in_the_middle_of_ddl_repeat_and_lose_nothing() {
    let told_of_all = texts((1..=ROUNDS).flat_map(told));
    assert_eq!(texts(interrupted("ddl_stops", false)), told_of_all);
}

#[test]
fn kills_in_the_middle_of_ddl_lose_nothing() {
    let mut rest = texts(interrupted("ddl_kills", true)).into_iter();
    // What was told before a kill may be told again: behind the first of each, nothing new is out of order.
    for expected in texts((1..=ROUNDS).flat_map(told)) {
        assert!(rest.any(|found| found == expected), "{expected} is missing");
    }
}

/// What runs while a daemon runs is told with the columns of its moment.
#[test]
fn each_change_is_told_with_the_columns_of_its_moment() {
    let database = Database::create(server::mysql97(), "ddl_moments");
    let mut session = database.session();
    session.execute("CREATE TABLE t (id int PRIMARY KEY)");
    let only = json!({
        "include.schema.changes": true,
        "schema.history.internal.store.only.captured.databases.ddl": true,
        "table.include.list": "none",
    });
    let setup = Setup::new().connector(&database.connector(&only)).set("bootstrap.servers", &server::kafka().address());
    let mut reader = Reader::of(server::kafka(), |found| found == "ddl_moments");
    let daemon = setup.start();
    daemon.says("streaming", seconds(60));
    for statement in statements(1) {
        session.execute(&statement);
    }
    let expected = told(1);
    let shown = |record: &crate::support::reader::Record| shown(&record.value_json(), "ddl_moments");
    reader.read_until(&daemon, "all of it is told", seconds(60), |records| {
        records.iter().filter_map(shown).count() >= expected.len()
    });
    // No table of it is captured, and yet it is told, as Debezium tells it.
    assert_eq!(reader.records.iter().filter_map(shown).collect::<Vec<_>>(), expected);
}
