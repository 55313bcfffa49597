//! `rowtide schema check` and `schema register`: against real databases and a real registry, and held against what the
//! daemon then registers.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::daemon::Setup;
use crate::support::database::{Database, Row, Session};
use crate::support::registry::{Registry, api};
use crate::support::rest::nobody;
use crate::support::server::{self, Server};
use crate::support::{seconds, wait_until};

/// A database, a connector file for it, and what the command says of them.
struct Case<'a> {
    database: Database<'a>,
    folder: tempfile::TempDir,
    more: Value,
}

struct Said {
    out: String,
    err: String,
    status: i32,
}

impl Said {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}{}", self.out, self.err))
    }
}

impl<'a> Case<'a> {
    fn new(server: &'a Server, name: &str) -> Self {
        let class = "io.confluent.connect.avro.AvroConverter";
        let url = api(server::registry());
        let more = json!({
            "key.converter": class, "key.converter.schema.registry.url": url,
            "value.converter": class, "value.converter.schema.registry.url": url,
        });
        Self { database: Database::create(server, name), folder: tempfile::tempdir().unwrap(), more }
    }

    fn set(&mut self, key: &str, value: Value) {
        self.more[key] = value;
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn run(&self, arguments: &[&str]) -> Said {
        let connector = self.file("connector.json", &self.database.connector(&self.more).to_string());
        let mut command = Command::new(env!("CARGO_BIN_EXE_rowtide"));
        let done = command.arg("schema").args(arguments).arg(connector).env_remove("RUST_LOG").output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Said { out: text(done.stdout), err: text(done.stderr), status: done.status.code().unwrap() }
    }

    /// `check`, as it would be after this DDL.
    fn with_ddl(&self, ddl: &str, more: &[&str]) -> Said {
        let script = self.file("migration.sql", ddl);
        self.run(&[&["check", "--ddl", script.to_str().unwrap()], more].concat())
    }

    /// Subject without its topic prefix, and verdict.
    fn verdicts(&self, said: &Said) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let subjects = said.json()["subjects"].as_array().unwrap().clone();
        let prefix = self.database.topic("");
        subjects
            .iter()
            .map(|entry| (text(&entry["subject"]).trim_start_matches(&prefix).to_owned(), text(&entry["verdict"])))
            .collect()
    }

    fn subject(&self, of: &str) -> String {
        self.database.topic(of)
    }

    /// What DDL changes: columns, types, and everything else that a trial could leave behind.
    fn catalogue(&self) -> Vec<Row> {
        let mut session = self.database.session();
        if self.database.is_postgres() {
            let mut rows = session.rows(
                "SELECT c.relname, a.attname, a.atttypid::regtype, a.attnotnull FROM pg_class c \
                 JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.relnamespace = 'public'::regnamespace ORDER BY 1, a.attnum",
            );
            rows.extend(
                session.rows("SELECT typname FROM pg_type WHERE typnamespace = 'public'::regnamespace ORDER BY 1"),
            );
            rows.extend(session.rows("SELECT count(*) FROM pg_publication"));
            rows.extend(session.rows("SELECT count(*) FROM pg_replication_slots WHERE database = current_database()"));
            return rows;
        }
        // Those of tests that run beside go, too.
        wait_until("no scratch database is left", seconds(120), || {
            session.rows("SHOW DATABASES LIKE 'rowtide\\_check\\_%'").is_empty()
        });
        session.rows(&format!(
            "SELECT TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE FROM information_schema.COLUMNS \
             WHERE TABLE_SCHEMA = '{}' ORDER BY TABLE_NAME, ORDINAL_POSITION",
            self.database.name
        ))
    }
}

/// A MySQL user who may do what the README says, and as the command's message says, try DDL.
fn allowed(case: &mut Case<'_>) {
    let name = case.database.name.clone();
    let mut session = Session::connect(case.database.server, "");
    session.execute(&format!("CREATE USER {name} IDENTIFIED BY 'x'"));
    session.execute(&format!(
        "GRANT SELECT, RELOAD, SHOW DATABASES, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO {name}"
    ));
    case.set("database.user", json!(name));
    case.set("database.password", json!("x"));
    let said = case.with_ddl("ALTER TABLE t ADD x int", &[]);
    assert_eq!(said.status, 1, "{}{}", said.out, said.err);
    let grant = said.err.split("; ").find(|part| part.starts_with("GRANT")).unwrap_or_else(|| panic!("{}", said.err));
    session.execute(grant.trim());
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(subject, verdict)| ((*subject).to_owned(), (*verdict).to_owned())).collect()
}

/// From new over registered and compatible to incompatible; the database stays as it is.
fn verdicts(server: &Server, name: &str) {
    let mut case = Case::new(server, name);
    let mut session = case.database.session();
    session.execute("CREATE TABLE t (id int PRIMARY KEY, word varchar(20))");
    if !case.database.is_postgres() {
        allowed(&mut case);
    }
    case.set("schema.compatibility", json!("BACKWARD"));
    let said = case.run(&["check", "--json"]);
    assert_eq!(case.verdicts(&said), pairs(&[("t-key", "new"), ("t-value", "new")]), "{}", said.err);
    assert_eq!((said.status, &said.json()["subjects"][1]["schema_type"]), (0, &json!("AVRO")));
    let registry = Registry::of(server::registry());
    assert_eq!(registry.versions(&case.subject("t-value")), Vec::<i64>::new(), "nothing was registered");

    let said = case.run(&["register"]);
    assert_eq!(said.status, 0, "{}", said.err);
    assert!(said.out.contains(&format!("registered   {} as version 1, id ", case.subject("t-value"))), "{}", said.out);
    assert_eq!(registry.get(&format!("/config/{}", case.subject("t-value")))["compatibilityLevel"], "BACKWARD");
    let unchanged = pairs(&[("t-key", "unchanged"), ("t-value", "unchanged")]);
    assert_eq!(case.verdicts(&case.run(&["check", "--json"])), unchanged);

    let before = case.catalogue();
    let said = case.with_ddl("ALTER TABLE t ADD note varchar(5);", &["--json"]);
    assert_eq!(case.verdicts(&said), pairs(&[("t-key", "unchanged"), ("t-value", "compatible")]), "{}", said.err);
    assert_eq!((said.status, &said.json()["subjects"][1]["against"]), (0, &json!(1)));
    let required = "-- of last week\nALTER TABLE t ADD city varchar(20) NOT NULL;\nCREATE TABLE u (a int PRIMARY KEY);";
    let said = case.with_ddl(required, &["--json"]);
    let expected = [("t-key", "unchanged"), ("t-value", "incompatible"), ("u-key", "new"), ("u-value", "new")];
    assert_eq!(case.verdicts(&said), pairs(&expected), "{}", said.err);
    let entry = &said.json()["subjects"][1];
    assert_eq!((said.status, &entry["compatibility"], &entry["against"]), (3, &json!("BACKWARD"), &json!(1)));
    assert!(entry["messages"].to_string().contains("city"), "{entry}");
    let said = case.with_ddl(required, &[]);
    let line = format!("incompatible {} with version 1 (BACKWARD)\n", case.subject("t-value"));
    assert!(said.status == 3 && said.out.contains(&line) && said.out.contains("city"), "{}", said.out);
    assert_eq!(case.catalogue(), before);

    // Nothing is registered where anything is incompatible.
    let script = case.file("migration.sql", required);
    let said = case.run(&["register", "--ddl", script.to_str().unwrap()]);
    assert_eq!((said.status, registry.versions(&case.subject("u-key"))), (3, vec![]), "{}", said.out);

    let said = case.with_ddl("ALTER TABLE t ADD a int;\n\nALTER TABLE t\n  DROP COLUMN nowhere;", &[]);
    assert_eq!((said.status, said.out.as_str()), (2, ""));
    assert!(said.err.contains("migration.sql:3: ") && said.err.contains("nowhere"), "{}", said.err);
    let said = case.with_ddl("ALTER TABLE t ADD a int;\nINSERT INTO t VALUES (1, 'x')", &[]);
    assert!(said.status == 2 && said.err.contains("migration.sql:2: "), "{}", said.err);
    assert_eq!(case.catalogue(), before);

    session.execute("ALTER TABLE t ADD note varchar(5)");
    let said = case.run(&["check", "--json"]);
    assert_eq!(case.verdicts(&said), pairs(&[("t-key", "unchanged"), ("t-value", "compatible")]));
}

#[test]
fn postgres_verdicts() {
    verdicts(server::postgres(), "check_pg");
}

#[test]
fn mysql_verdicts() {
    verdicts(server::mysql80(), "check_my");
}

#[test]
fn mysql_9_7_verdicts() {
    verdicts(server::mysql97(), "check_97");
}

/// The daemon registers what was told before the DDL was run.
fn prediction(server: &Server, name: &str, more: &Value, ddl: &str, inserts: &[&str]) {
    let mut case = Case::new(server, name);
    let mut session = case.database.session();
    session.execute("CREATE TABLE t (id int PRIMARY KEY, word varchar(20), gone int)");
    session.execute("INSERT INTO t VALUES (1, 'one', 1)");
    if !case.database.is_postgres() {
        case.set("database.user", json!("root"));
        case.set("database.password", Value::Null);
    }
    for (key, value) in more.as_object().unwrap() {
        case.set(key, value.clone());
    }
    let daemon = Setup::new().connector(&case.database.connector(&case.more)).start();
    let registry = Registry::of(server::registry());
    let versions = |of: &str| registry.versions(&case.subject(of)).len();
    daemon.reaches(name, "RUNNING", seconds(60));
    session.execute("INSERT INTO t VALUES (9, 'nine', 9)");
    wait_until("the first schema is registered", seconds(90), || versions("t-value") == 1);

    let said = case.with_ddl(ddl, &["--json"]);
    assert_eq!(said.status, 0, "{}{}", said.out, said.err);
    assert_eq!(versions("t-value") + versions("u-value"), 1, "nothing was registered");
    for statement in ddl.split(";\n") {
        session.execute(statement);
    }
    for insert in inserts {
        session.execute(insert);
    }
    wait_until("the new schemas are registered", seconds(90), || {
        assert!(!daemon.has_ended());
        (versions("t-value"), versions("u-value")) == (2, 1)
    });
    for entry in said.json()["subjects"].as_array().unwrap() {
        let subject = entry["subject"].as_str().unwrap();
        let latest = registry.get(&format!("/subjects/{subject}/versions/latest"));
        assert_eq!(latest["schema"], entry["schema"], "{subject}");
    }
    // Of two tables, and of schema changes.
    let subjects = if case.more["include.schema.changes"] == true { 6 } else { 4 };
    assert_eq!(said.json()["subjects"].as_array().unwrap().len(), subjects);
    daemon.stop(seconds(20));
}

#[test]
fn postgres_registers_what_was_predicted() {
    let ddl = "CREATE TYPE mood AS ENUM ('calm', 'it''s')\
        ;\nALTER TABLE t DROP COLUMN gone, ADD amount numeric(10,2) DEFAULT 1.5 NOT NULL, ADD m mood DEFAULT 'calm', \
           ALTER word TYPE text, ADD twice int GENERATED ALWAYS AS (id * 2) STORED\
        ;\nCREATE TABLE u (a bigint, b uuid, c timestamptz(3), d text[], PRIMARY KEY (b, a))";
    let inserts = [
        "INSERT INTO t VALUES (2, 'two')",
        "INSERT INTO u VALUES (1, '00000000-0000-0000-0000-000000000001', now(), '{x}')",
    ];
    prediction(server::postgres(), "predicted_pg", &json!({"snapshot.mode": "no_data"}), ddl, &inserts);
}

#[test]
fn json_schemas_are_predicted_too() {
    let class = "io.confluent.connect.json.JsonSchemaConverter";
    let more = json!({"snapshot.mode": "no_data", "key.converter": class, "value.converter": class});
    let ddl = "ALTER TABLE t DROP COLUMN gone, ADD amount numeric(10,2) DEFAULT 1.5 NOT NULL, ADD at timestamptz\
        ;\nCREATE TABLE u (a bigint, b uuid, c double precision, PRIMARY KEY (b, a))";
    let inserts =
        ["INSERT INTO t VALUES (2, 'two')", "INSERT INTO u VALUES (1, '00000000-0000-0000-0000-000000000001', 1.5)"];
    prediction(server::postgres(), "predicted_json", &more, ddl, &inserts);
}

#[test]
fn the_data_of_cloud_events_is_predicted_too() {
    let class = "io.debezium.converters.CloudEventsConverter";
    let more = json!({
        "snapshot.mode": "no_data", "value.converter": class, "value.converter.data.serializer.type": "avro",
        "value.converter.avro.schema.registry.url": api(server::registry()),
    });
    let ddl = "ALTER TABLE t DROP COLUMN gone, ADD amount numeric(10,2) DEFAULT 1.5 NOT NULL\
        ;\nCREATE TABLE u (a bigint PRIMARY KEY)";
    let inserts = ["INSERT INTO t VALUES (2, 'two')", "INSERT INTO u VALUES (1)"];
    prediction(server::postgres(), "predicted_events", &more, ddl, &inserts);
}

#[test]
fn mysql_registers_what_was_predicted() {
    let ddl = "ALTER TABLE t DROP COLUMN gone, ADD amount decimal(10,2) DEFAULT 1.5 NOT NULL, ADD m enum('calm','it''s') \
           DEFAULT 'calm', CHANGE word wort varchar(40) NOT NULL DEFAULT 'w', ADD twice int AS (id * 2) STORED\
        ;\nCREATE TABLE predicted_my.v (a bigint unsigned, b binary(16), c datetime(3), d set('x','y'), PRIMARY KEY (b, a))\
        ;\nRENAME TABLE v TO u";
    let inserts = ["INSERT INTO t (id) VALUES (2)", "INSERT INTO u VALUES (1, 'b', now(), 'x')"];
    prediction(server::mysql80(), "predicted_my", &json!({"include.schema.changes": true}), ddl, &inserts);
}

#[test]
fn postgres_trials_wait_for_nobody_and_say_what_stands_in_their_way() {
    let case = Case::new(server::postgres(), "check_locks");
    let mut session = case.database.session();
    session.execute("CREATE TABLE t (id int PRIMARY KEY)");
    let before = case.catalogue();
    let mut other = case.database.session();
    other.execute("BEGIN");
    other.execute("LOCK TABLE t IN ACCESS SHARE MODE");
    let said = case.with_ddl("SET lock_timeout = 0;\nALTER TABLE t ADD a int;", &[]);
    other.execute("ROLLBACK");
    assert_eq!(said.status, 1, "{}", said.err);
    assert!(said.err.contains("migration.sql:2: ") && said.err.contains("others held a lock"), "{}", said.err);
    for (ddl, status, words) in [
        ("CREATE INDEX CONCURRENTLY i ON t (id)", 2, "cannot be tried: CREATE INDEX CONCURRENTLY cannot run inside"),
        ("ALTER TABLE t ADD a int; ROLLBACK; ALTER TABLE t ADD b int", 2, "\"ROLLBACK\" is no DDL"),
        ("ALTER TABLE t ADD a\n wrong", 2, "migration.sql:2: "),
        (
            r#"BEGIN; ALTER TABLE t ADD "a-b" int, ADD a_b int; COMMIT;"#,
            3,
            r#"refused      public.t: columns "a-b" and "a_b" of public.t both become field"#,
        ),
    ] {
        let said = case.with_ddl(ddl, &[]);
        assert_eq!(said.status, status, "{ddl}: {}{}", said.out, said.err);
        assert!(said.err.contains(words) || said.out.contains(words), "{ddl}: {}{}", said.out, said.err);
    }
    session.execute("CREATE ROLE check_reader LOGIN REPLICATION");
    let mut reader = Case { more: case.more.clone(), ..case };
    reader.set("database.user", json!("check_reader"));
    let said = reader.with_ddl("ALTER TABLE t ADD a int", &[]);
    assert!(said.status == 1 && said.err.contains("must be owner of table t"), "{}", said.err);
    assert!(said.err.contains("GRANT the table's owner TO \"check_reader\""), "{}", said.err);
    assert_eq!(reader.catalogue(), before);
}

#[test]
fn without_a_registry_there_is_nothing_to_check() {
    let mut case = Case::new(server::postgres(), "check_none");
    let (_nobody, port) = nobody();
    let nobody = format!("http://127.0.0.1:{port}");
    case.database.session().execute("CREATE TABLE t (id int PRIMARY KEY)");
    case.set("value.converter.schema.registry.url", json!(nobody));
    let said = case.run(&["check"]);
    assert!(said.status == 1 && said.err.contains(&nobody), "{}", said.err);
    case.set("value.converter", json!("org.apache.kafka.connect.json.JsonConverter"));
    let said = case.run(&["check"]);
    assert!(said.status == 0 && said.out.contains("t-key") && !said.out.contains("t-value"), "{}", said.out);
    assert!(said.err.contains("value.converter uses no schema registry"), "{}", said.err);
    case.set("key.converter", Value::Null);
    let said = case.run(&["check"]);
    assert!(said.status == 2 && said.err.contains("uses a schema registry"), "{}", said.err);
    let said = case.run(&["check", "--ddl", "nowhere.sql"]);
    assert_eq!(said.status, 2, "{}", said.err);
    case.set("database.port", json!("many"));
    let said = case.run(&["check"]);
    assert!(said.status == 2 && said.err.contains("database.port"), "{}", said.err);
}
