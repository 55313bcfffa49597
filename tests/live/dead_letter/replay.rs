//! `rowtide dead-letters`: what is there, and sending it again.

use std::collections::HashSet;
use std::process::{Child, Stdio};
use std::time::Duration;

use rand::Rng;
use serde_json::{Value, json};

use super::{command, dead_letter_topic, dead_letters, first, ids, keys, letters, setup, table};
use crate::support::database::Database;
use crate::support::reader::{Reader, Record};
use crate::support::server::{self, Server};
use crate::support::{seconds, topics, wait_until};

#[test]
fn replay_puts_records_where_they_belong() {
    let database = Database::create(server::postgres(), "replayed");
    let broker = server::kafka();
    let topic = database.topic("t");
    let mut session = database.session();
    table(&mut session);
    let mut reader = Reader::new(broker, "replayed.");
    let setup = setup(&database, broker, &json!({}));
    assert_eq!(dead_letters(&setup, &database, broker, &["list"]), (String::new(), 0), "there is no topic yet");
    let daemon = setup.start();
    session.execute("INSERT INTO t SELECT id, 'x', CASE WHEN id % 10 = 0 THEN 7 END FROM generate_series(2, 31) AS id");
    let last = |records: &[Record]| ids(records, &topic).contains(&31);
    reader.read_until(&daemon, "the last row is there", seconds(60), last);
    daemon.stop(seconds(20));
    let state = std::fs::read(setup.path("state.db")).unwrap();
    let (listed, status) = dead_letters(&setup, &database, broker, &["list"]);
    assert_eq!((listed.lines().count(), listed.matches("\twaiting\t").count(), status), (3, 3, 0), "{listed}");
    assert!(listed.contains("public.t") && listed.contains(r#"{"id":20}"#) && listed.contains("dest"), "{listed}");

    // What still fails becomes a dead letter again.
    let again = dead_letters(&setup, &database, broker, &["replay"]);
    assert_eq!(again, ("read 3, sent 0, failed again 3, incomplete 0\n".to_owned(), 3));
    let (listed, _) = dead_letters(&setup, &database, broker, &["list", "--json"]);
    let lines: Vec<Value> = listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<(&str, &str)> = lines
        .iter()
        .map(|line| (line["state"].as_str().unwrap(), line["headers"]["x-retry-count"].as_str().unwrap()))
        .collect();
    assert_eq!(told, [[("replayed", "0"); 3], [("waiting", "1"); 3]].concat());

    let setup = setup.connector(&keys(&database, &json!({"transforms.unwrap.route.by.field": null})));
    let sent = dead_letters(&setup, &database, broker, &["replay"]);
    assert_eq!(sent, ("read 3, sent 3, failed again 0, incomplete 0\n".to_owned(), 0));
    let none = dead_letters(&setup, &database, broker, &["replay"]);
    assert_eq!(none, ("read 0, sent 0, failed again 0, incomplete 0\n".to_owned(), 0));
    assert_eq!(std::fs::read(setup.path("state.db")).unwrap(), state, "the connector's position is not touched");
    reader.read();
    let all = ids(&reader.records, &topic);
    assert_eq!(all[all.len() - 3..], [10, 20, 30], "in their order, behind the others");
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), 31);
    let replayed = reader.records.iter().rfind(|record| record.topic == topic).unwrap();
    let direct = reader.records.iter().find(|record| record.topic == topic && record.key_json()["id"] == 29).unwrap();
    assert_eq!(replayed.value_json(), json!({"id": 30, "word": "x", "dest": 7}));
    assert_eq!(replayed.headers, direct.headers, "nothing is left of the dead letter");
    assert_eq!(replayed.key_json(), json!({"id": 30}));
}

/// A replay at work; killed when dropped.
struct Replaying(Child);

impl Replaying {
    fn kill(mut self) {
        assert!(self.0.try_wait().unwrap().is_none(), "it ended before it was killed");
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Replaying {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `kill -9` in the midst: nothing is lost, what was not remembered comes again. A topic whose broker is away keeps a replay
/// from its end.
#[test]
fn a_replay_that_is_killed_goes_on() {
    let database = Database::create(server::postgres(), "replay_killed");
    let (broker, second) = Server::two_brokers("replay");
    let broker = &broker;
    let (topic, away) = (database.topic("t"), database.topic("u"));
    topics::create_on(broker, 2, &away);
    // Where replays keep how far they have come is there too.
    for topic in [&*topic, &dead_letter_topic(&database), "__consumer_offsets"] {
        topics::create_on(broker, 1, topic);
    }
    let mut session = database.session();
    table(&mut session);
    session.execute("CREATE TABLE u (id int PRIMARY KEY, word text, dest int)");
    let present = [topic.clone(), dead_letter_topic(&database)];
    let mut reader = Reader::of(broker, move |name| present.iter().any(|topic| topic == name));
    let setup = setup(&database, broker, &json!({}));
    let daemon = setup.start();
    reader.read_until(&daemon, "the snapshot is there", seconds(60), |records| ids(records, &topic) == [1]);
    session.execute("INSERT INTO t SELECT id, 'poison', 7 FROM generate_series(2, 1500) AS id");
    session.execute("INSERT INTO u VALUES (1501, 'poison', 7)");
    session.execute("INSERT INTO t SELECT id, 'poison', 7 FROM generate_series(1502, 3000) AS id");
    reader
        .read_until(&daemon, "all letters are there", seconds(60), |records| letters(records, &database).len() == 2999);
    daemon.stop(seconds(20));
    assert_eq!(ids(reader.read(), &topic), [1]);

    let setup = setup.connector(&keys(&database, &json!({"transforms.unwrap.route.by.field": null})));
    // A clean stop, so that the cluster knows at once that it has gone.
    second.stop();
    let start = || {
        let mut replay = command(&setup, &database, broker, &["replay"]);
        Replaying(replay.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    };
    let replay = start();
    wait_until("some are sent again", seconds(60), || ids(reader.read(), &topic).len() > 1);
    replay.kill();
    for _ in 0..4 {
        let replay = start();
        std::thread::sleep(Duration::from_millis(rand::rng().random_range(50..800)));
        replay.kill();
    }

    second.restart(&[]);
    let (said, status) = dead_letters(&setup, &database, broker, &["replay"]);
    assert!(said.ends_with("failed again 0, incomplete 0\n") && status == 0, "{said}");
    let none = dead_letters(&setup, &database, broker, &["replay"]);
    assert_eq!(none, ("read 0, sent 0, failed again 0, incomplete 0\n".to_owned(), 0));
    let expected: Vec<i64> = (1..=3000).filter(|id| *id != 1501).collect();
    assert_eq!(first(&ids(reader.read(), &topic)), expected, "nothing is lost, in order");
    let mut reader = Reader::new(broker, &away);
    assert_eq!(first(&ids(reader.read(), &away)), [1501]);
    let (listed, _) = dead_letters(&setup, &database, broker, &["list"]);
    assert_eq!((listed.matches("\treplayed\t").count(), listed.matches("\twaiting\t").count()), (2999, 0));
}
