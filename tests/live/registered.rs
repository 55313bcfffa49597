//! Connectors that were registered over REST: what they are to do, and where they stand, outlives any end of the daemon.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::lines;
use crate::support::daemon::{Daemon, Setup};
use crate::support::database::{Database, Session};
use crate::support::exposition::Metrics;
use crate::support::server::{self, Server};
use crate::support::{seconds, wait_for, wait_until};

/// A database with a table of one row.
fn one_row<'a>(server: &'a Server, name: &str) -> (Database<'a>, Session) {
    let database = Database::create(server, name);
    let mut session = database.session();
    session.execute("CREATE TABLE t (id int PRIMARY KEY)");
    session.execute("INSERT INTO t VALUES (1)");
    (database, session)
}

/// Starts the daemon, and waits until it can be asked.
fn start(setup: &Setup) -> Daemon {
    let daemon = setup.start();
    daemon.says("the REST API listens", seconds(10));
    daemon
}

#[track_caller]
fn reaches(daemon: &Daemon, connector: &str, state: &str, task: Option<&str>) {
    wait_until(&format!("{connector} is {state}, and its task {task:?}"), seconds(30), || {
        daemon.rest.states(connector).is_some_and(|(now, of_task)| (now.as_str(), of_task.as_deref()) == (state, task))
    });
}

/// The ids that came of one database, in order.
fn ids_of(daemon: &Daemon, database: &Database<'_>) -> Vec<i64> {
    let prefix = format!("{}.", database.name);
    let of_it = |line: &Value| line["topic"].as_str().is_some_and(|topic| topic.starts_with(&prefix));
    lines::ids(&daemon.lines().into_iter().filter(of_it).collect::<Vec<_>>())
}

/// Waits until all of these came, and nothing else: after a kill some may come twice.
#[track_caller]
fn wait_for_each(daemon: &Daemon, database: &Database<'_>, expected: &[i64]) {
    wait_until(&format!("{} has sent each of {expected:?}", database.name), seconds(30), || {
        let ids: BTreeSet<i64> = ids_of(daemon, database).into_iter().collect();
        ids.iter().eq(expected)
    });
}

#[track_caller]
fn wait_for_ids(daemon: &Daemon, database: &Database<'_>, expected: &[i64]) {
    wait_until(&format!("{} has sent {expected:?}", database.name), seconds(30), || {
        let ids = ids_of(daemon, database);
        assert!(ids.len() <= expected.len(), "{ids:?}");
        ids == expected
    });
}

#[test]
fn a_kill_takes_nothing_back() {
    let (runs, mut of_runs) = one_row(server::postgres(), "reg_runs");
    let (paused, mut of_paused) = one_row(server::mysql80(), "reg_paused");
    let (stopped, mut of_stopped) = one_row(server::postgres(), "reg_stopped");
    let (deleted, _) = one_row(server::postgres(), "reg_deleted");
    let setup = Setup::new();
    let mut daemon = start(&setup);
    for database in [&runs, &paused, &stopped, &deleted] {
        daemon.rest.change("POST", "/connectors", &database.connector(&json!({})), 201);
        // What was answered is durable, however soon the end comes.
        daemon.kill();
        daemon = start(&setup);
        wait_for_each(&daemon, database, &[1]);
        reaches(&daemon, &database.name, "RUNNING", Some("RUNNING"));
    }
    let path = |database: &Database<'_>, what: &str| format!("/connectors/{}{what}", database.name);
    let topics = json!({"reg_runs": {"topics": ["reg_runs.public.t"]}});
    wait_until("the topic is told", seconds(10), || {
        daemon.rest.get("/connectors/reg_runs/topics").is_some_and(|(_, body)| body == topics)
    });
    daemon.rest.change("PUT", &path(&paused, "/pause"), &Value::Null, 202);
    daemon.rest.change("PUT", &path(&stopped, "/stop"), &Value::Null, 204);
    daemon.rest.change("DELETE", &path(&stopped, "/offsets"), &Value::Null, 200);
    let mut slower = runs.connector(&json!({"status.update.interval.ms": "500"}));
    daemon.rest.change("PUT", &path(&runs, "/config"), &slower["config"].take(), 200);
    daemon.rest.change("DELETE", &path(&deleted, ""), &Value::Null, 204);
    daemon.kill();
    of_runs.execute("INSERT INTO t VALUES (2)");
    of_paused.execute("INSERT INTO t VALUES (2)");
    of_stopped.execute("INSERT INTO t VALUES (2)");
    let daemon = start(&setup);
    let (_, names) = daemon.rest.get("/connectors").unwrap();
    assert_eq!(names, json!(["reg_paused", "reg_runs", "reg_stopped"]));
    reaches(&daemon, &paused.name, "PAUSED", Some("PAUSED"));
    reaches(&daemon, &stopped.name, "STOPPED", None);
    reaches(&daemon, &runs.name, "RUNNING", Some("RUNNING"));
    assert_eq!(daemon.rest.get("/connectors/reg_runs/config").unwrap().1["status.update.interval.ms"], "500");
    assert_eq!(daemon.rest.get("/connectors/reg_runs/topics").unwrap().1, topics);
    assert_eq!(daemon.rest.get("/connectors/reg_stopped/offsets").unwrap().1, json!({"offsets": []}));
    wait_for_each(&daemon, &runs, &[1, 2]);
    let before = ids_of(&daemon, &stopped);
    assert!(!ids_of(&daemon, &paused).contains(&2) && !before.contains(&2));
    for database in [&paused, &stopped] {
        daemon.rest.change("PUT", &path(database, "/resume"), &Value::Null, 202);
        reaches(&daemon, &database.name, "RUNNING", Some("RUNNING"));
    }
    wait_for_each(&daemon, &paused, &[1, 2]);
    // Its offsets are gone, so there is a snapshot again.
    wait_for_ids(&daemon, &stopped, &[before, vec![1, 2]].concat());
    daemon.stop(seconds(10));
}

/// A paused connector keeps its session and says nothing; then it goes on where it was.
fn is_quiet(server: &Server, name: &str, mut has_session: impl FnMut(&mut Session) -> bool) {
    let (database, mut session) = one_row(server, name);
    let setup = Setup::new().connector(&database.connector(&json!({})));
    let daemon = start(&setup);
    wait_for_ids(&daemon, &database, &[1]);
    session.execute("INSERT INTO t VALUES (2)");
    wait_for_ids(&daemon, &database, &[1, 2]);
    daemon.rest.change("PUT", &format!("/connectors/{name}/pause"), &Value::Null, 202);
    reaches(&daemon, name, "PAUSED", Some("PAUSED"));
    let of = [("connector", name)];
    // The status says what is wanted; time is counted as paused from when nothing more is taken.
    Metrics::wait(daemon.rest, "nothing more is taken", seconds(30), |metrics| {
        metrics.get("kafka_connect_connector_task_pause_ratio", &of) > 0.0
    });
    for id in 3..100 {
        session.execute(&format!("INSERT INTO t VALUES ({id})"));
    }
    // What was read waits: where nothing is paused, nothing does.
    Metrics::wait(daemon.rest, "rows were read, and wait", seconds(20), |metrics| {
        metrics.find("rowtide_queue_events", &of).is_some_and(|events| events >= 1.0)
    });
    wait_until("it keeps its place at the server", seconds(20), || has_session(&mut session));
    assert_eq!(ids_of(&daemon, &database), [1, 2]);
    // A file's connector stays paused too, and a restart of the task starts nothing.
    daemon.stop(seconds(10));
    let daemon = start(&setup);
    reaches(&daemon, name, "PAUSED", Some("PAUSED"));
    daemon.rest.change("POST", &format!("/connectors/{name}/restart?includeTasks=true"), &Value::Null, 202);
    reaches(&daemon, name, "PAUSED", Some("PAUSED"));
    assert_eq!(ids_of(&daemon, &database), [1, 2]);
    daemon.rest.change("PUT", &format!("/connectors/{name}/resume"), &Value::Null, 202);
    wait_for_ids(&daemon, &database, &(1..100).collect::<Vec<_>>());
    daemon.rest.change("PUT", &format!("/connectors/{name}/pause"), &Value::Null, 202);
    daemon.rest.change("PUT", &format!("/connectors/{name}/resume"), &Value::Null, 202);
    session.execute("INSERT INTO t VALUES (100)");
    wait_for_ids(&daemon, &database, &(1..101).collect::<Vec<_>>());
    daemon.stop(seconds(10));
}

#[test]
fn postgres_pauses_quietly() {
    let active = "SELECT active FROM pg_replication_slots WHERE slot_name = 'paused'";
    is_quiet(server::postgres(), "paused", |session| session.value(active).as_deref() == Some("t"));
}

#[test]
fn mysql_pauses_quietly() {
    is_quiet(server::mysql80(), "paused", |session| {
        let dumps = session.rows("SHOW PROCESSLIST");
        dumps.iter().any(|row| row[4].as_deref().is_some_and(|command| command.starts_with("Binlog Dump")))
    });
}

/// Offsets that an operator patched: a good one is used, whatever else is there fails with words that help.
struct Patched<'a> {
    daemon: Daemon,
    database: &'a Database<'a>,
}

impl Patched<'_> {
    fn path(&self, what: &str) -> String {
        format!("/connectors/{}{what}", self.database.name)
    }

    /// Patches the stopped connector's offset, and lets it run.
    fn run_from(&self, offset: &Value) {
        self.daemon.rest.change("PUT", &self.path("/stop"), &Value::Null, 204);
        let patch = json!({"offsets": [{"partition": {"server": self.database.name}, "offset": offset}]});
        self.daemon.rest.change("PATCH", &self.path("/offsets"), &patch, 200);
        let (_, offsets) = self.daemon.rest.get(&self.path("/offsets")).unwrap();
        assert_eq!(offsets["offsets"][0]["offset"], *offset);
        self.daemon.rest.change("PUT", &self.path("/resume"), &Value::Null, 202);
    }

    /// An offset that must not be used: nothing comes, and the words are there.
    #[track_caller]
    fn fails_from(&self, offset: &Value, words: &[&str]) {
        let before = ids_of(&self.daemon, self.database);
        self.run_from(offset);
        let trace = self.daemon.reaches(&self.database.name, "FAILED", seconds(30));
        for word in words.iter().chain(&["since 20", "/restart?includeTasks=true&onlyFailed=true"]) {
            assert!(trace.contains(word), "{offset}: {word:?} is missing in the trace: {trace}");
        }
        assert_eq!(ids_of(&self.daemon, self.database), before, "{offset}: nothing comes");
    }
}

#[test]
fn postgres_uses_patched_offsets() {
    let (database, mut session) = one_row(server::postgres(), "patched");
    let daemon = start(&Setup::new());
    daemon.rest.change("POST", "/connectors", &database.connector(&json!({})), 201);
    wait_for_ids(&daemon, &database, &[1]);
    reaches(&daemon, "patched", "RUNNING", Some("RUNNING"));
    let patched = Patched { daemon, database: &database };
    patched.fails_from(&json!({"lsn": "abc"}), &["saved position", "abc"]);
    patched.fails_from(&json!({}), &["neither lsn nor lsn_commit"]);
    patched.fails_from(&json!({"lsn": 1}), &["beyond the saved 0/1"]);
    patched.fails_from(&json!({"lsn": 1_u64 << 50}), &["is beyond the end of the server's log"]);
    session.execute("INSERT INTO t VALUES (2)");
    let lsn = session.value("SELECT pg_current_wal_lsn() - '0/0'").unwrap();
    let lsn: u64 = lsn.parse().unwrap();
    session.execute("INSERT INTO t VALUES (3)");
    // It is told to go on behind the second row.
    patched.run_from(&json!({"lsn": lsn}));
    wait_for_ids(&patched.daemon, &database, &[1, 3]);
    // A partition that is not its own is not looked at.
    let other = json!({"offsets": [{"partition": {"foo": "x"}, "offset": {"lsn": 1}}]});
    patched.daemon.rest.change("PUT", "/connectors/patched/stop", &Value::Null, 204);
    patched.daemon.rest.change("PATCH", "/connectors/patched/offsets", &other, 200);
    session.execute("INSERT INTO t VALUES (4)");
    patched.daemon.rest.change("PUT", "/connectors/patched/resume", &Value::Null, 202);
    wait_for_ids(&patched.daemon, &database, &[1, 3, 4]);
    patched.daemon.stop(seconds(10));
}

#[test]
fn mysql_uses_patched_offsets() {
    let (database, mut session) = one_row(server::mysql80(), "patched");
    let daemon = start(&Setup::new());
    daemon.rest.change("POST", "/connectors", &database.connector(&json!({})), 201);
    wait_for_ids(&daemon, &database, &[1]);
    reaches(&daemon, "patched", "RUNNING", Some("RUNNING"));
    let patched = Patched { daemon, database: &database };
    let end = |session: &mut Session| {
        let status = session.rows("SHOW MASTER STATUS").remove(0);
        let text = |column: usize| status[column].clone().unwrap().replace('\n', "");
        (text(0), text(1).parse::<u64>().unwrap(), text(4))
    };
    let (file, pos, gtids) = end(&mut session);
    patched.fails_from(&json!({"lsn": 1}), &["names no binlog file"]);
    patched.fails_from(&json!({"file": file}), &["names no place"]);
    patched.fails_from(&json!({"file": "none.000099", "pos": 4}), &["there is no file none.000099"]);
    patched.fails_from(&json!({"file": file, "pos": pos + 1_000_000_000}), &["the position is"]);
    patched.fails_from(&json!({"file": file, "pos": pos, "gtids": "nonsense"}), &["saved position", "nonsense"]);
    let ahead = format!("{}-999999999", gtids.rsplit_once('-').unwrap().0);
    patched.fails_from(&json!({"file": file, "pos": pos, "gtids": ahead}), &["does not have"]);
    session.execute("INSERT INTO t VALUES (2)");
    let (file, pos, gtids) = end(&mut session);
    session.execute("INSERT INTO t VALUES (3)");
    patched.run_from(&json!({"file": file, "pos": pos, "gtids": gtids}));
    wait_for_ids(&patched.daemon, &database, &[1, 3]);
    patched.daemon.stop(seconds(10));
}

/// What one connector waits for is nobody else's business.
#[test]
fn a_connector_that_cannot_start_harms_no_other() {
    let (database, mut session) = one_row(server::postgres(), "reg_well");
    let away = Server::own("postgres", "away", &[]);
    let (gone, _) = one_row(&away, "reg_gone");
    let setup = Setup::new();
    let daemon = start(&setup);
    for database in [&database, &gone] {
        daemon.rest.change("POST", "/connectors", &database.connector(&json!({})), 201);
        wait_for_ids(&daemon, database, &[1]);
    }
    daemon.kill();
    away.stop();
    session.execute("INSERT INTO t VALUES (2)");
    let daemon = start(&setup);
    wait_for_each(&daemon, &database, &[1, 2]);
    let trace = daemon.reaches("reg_gone", "RESTARTING", seconds(10));
    assert!(trace.contains("in vain; it is tried again by itself within"), "{trace}");
    // It can be told what to do meanwhile, and so can the others.
    daemon.rest.change("PUT", "/connectors/reg_gone/pause", &Value::Null, 202);
    reaches(&daemon, "reg_gone", "PAUSED", Some("PAUSED"));
    daemon.rest.change("PUT", "/connectors/reg_gone/stop", &Value::Null, 204);
    daemon.rest.change("DELETE", "/connectors/reg_gone/offsets", &Value::Null, 200);
    daemon.rest.change("PUT", "/connectors/reg_gone/resume", &Value::Null, 202);
    daemon.rest.change("POST", "/connectors/reg_gone/restart?includeTasks=true", &Value::Null, 202);
    daemon.rest.change("POST", "/connectors/reg_well/restart?includeTasks=true", &Value::Null, 202);
    session.execute("INSERT INTO t VALUES (3)");
    wait_for_each(&daemon, &database, &[1, 2, 3]);
    let again = gone.connector(&json!({}));
    let (status, body) = daemon.rest.send("PUT", "/connectors/reg_gone/config", &again["config"]);
    assert_eq!(status, 400, "its database is not there: {body}");
    daemon.rest.change("DELETE", "/connectors/reg_gone", &Value::Null, 204);
    away.restart(&[]);
    let before = ids_of(&daemon, &gone).len();
    let created = wait_for("the database is back", seconds(30), || {
        let (status, body) = daemon.rest.send("POST", "/connectors", &again);
        (status == 201).then_some(body)
    });
    assert_eq!(created["config"]["database.password"], "********");
    wait_until("there is a snapshot again", seconds(30), || ids_of(&daemon, &gone).len() > before);
    daemon.stop(seconds(10));
}

/// Secrets come back masked; what comes back as a mask stays what it was; placeholders stay placeholders.
#[test]
fn masks_stand_for_what_they_hide() {
    let (database, mut session) = one_row(server::mysql80(), "reg_masks");
    let setup = Setup::new();
    std::fs::write(setup.path("db.properties"), "user=dbz\n").unwrap();
    let user = format!("${{file:{}:user}}", setup.path("db.properties").display());
    let daemon = start(&setup);
    daemon.rest.change("POST", "/connectors", &database.connector(&json!({"database.user": user})), 201);
    wait_for_ids(&daemon, &database, &[1]);
    let mut config = daemon.rest.get("/connectors/reg_masks/config").unwrap().1;
    assert_eq!((&config["database.password"], &config["database.user"]), (&json!("********"), &json!(user)));
    config["poll.interval.ms"] = json!(20);
    daemon.rest.change("PUT", "/connectors/reg_masks/config", &config, 200);
    session.execute("INSERT INTO t VALUES (2)");
    wait_for_ids(&daemon, &database, &[1, 2]);
    let patch = json!({"database.password": "********", "poll.interval.ms": null});
    let patched = daemon.rest.change("PATCH", "/connectors/reg_masks/config", &patch, 200);
    assert_eq!(patched["config"].get("poll.interval.ms"), None);
    daemon.kill();
    let daemon = start(&setup);
    session.execute("INSERT INTO t VALUES (3)");
    wait_for_each(&daemon, &database, &[1, 2, 3]);
    let (status, body) = daemon.rest.send("PATCH", "/connectors/reg_masks/config", &json!({"database.password": "no"}));
    assert_eq!(status, 400, "{body}");
    // A mask that stands for nothing is no password.
    let mut other = database.connector(&json!({"database.password": "********"}));
    other["name"] = json!("reg_masks_2");
    let (status, body) = daemon.rest.send("POST", "/connectors", &other);
    assert!(status == 400 && body["message"].as_str().unwrap().contains("write the secret"), "{body}");
    assert!(daemon.log().contains("audit=true"), "{}", daemon.log());
    daemon.stop(seconds(10));
}
