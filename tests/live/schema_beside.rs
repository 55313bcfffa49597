//! MySQL's schema changes beside Debezium's: the same DDL under both connectors, and all that differs in what they tell of it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::daemon::Setup;
use crate::support::database::Database;
use crate::support::reader::Reader;
use crate::support::rest::Rest;
use crate::support::server;
use crate::support::{seconds, wait_until};

/// Connect is slow to start, and slower beside other tests.
const PATIENCE: Duration = Duration::from_secs(120);

/// Before the snapshot. What differs is in the README, and not in here: version comments, statements about several tables,
/// character sets that only a collation tells, and keys that another one hid.
const BEFORE: &[&str] = &[
    "CREATE TABLE a (id int PRIMARY KEY, v varchar(20) DEFAULT 'it''s' COMMENT 'a c', w char(3) CHARACTER SET latin1) COMMENT 'of a'",
    "CREATE TABLE nokey (a int NOT NULL, b int, UNIQUE KEY (a), UNIQUE KEY (b))",
    "CREATE TABLE defaults (id serial, a int DEFAULT (1 + 1), b char(36) DEFAULT (uuid()), c float DEFAULT -1.5, d bit(9) DEFAULT b'101', \
     e varbinary(4) DEFAULT 0x4142, f enum('a''b', 'c,d', 'e') DEFAULT 'c,d', g set('x', 'y'), h datetime(3) DEFAULT NOW(3) ON UPDATE NOW(3), \
     i year DEFAULT 2024, j text COLLATE utf8mb4_bin, k int unsigned zerofill, l double DEFAULT 1e10)",
];

/// While both stream.
const DDL: &[&str] = &[
    "/* by a tool */ ALTER TABLE a ADD x decimal(10,3) NOT NULL DEFAULT -1.5 FIRST, ADD COLUMN (y int, z bigint unsigned) -- behind",
    "ALTER TABLE a ALTER v SET DEFAULT 'n', ALTER y SET DEFAULT 7, ALTER x DROP DEFAULT",
    "ALTER TABLE a RENAME COLUMN y TO yy, RENAME INDEX nothing TO nothing2",
    "ALTER TABLE a RENAME COLUMN y TO yy, CHANGE z zz varchar(9) CHARACTER SET utf16 NULL AFTER id",
    "ALTER TABLE a DROP COLUMN w, COMMENT = 'again', ENGINE=InnoDB",
    "ALTER TABLE nokey ADD PRIMARY KEY (b)",
    "ALTER TABLE nokey DROP PRIMARY KEY, DROP KEY a, DROP KEY b",
    "CREATE INDEX ux ON nokey (a)",
    "CREATE TABLE IF NOT EXISTS `q``uote` (`a\"b` int NOT NULL PRIMARY KEY, c varchar(5) NOT NULL UNIQUE) DEFAULT CHARACTER SET latin1",
    "CREATE TABLE latin (a varchar(9), b varchar(9) COLLATE utf8mb4_bin, c nchar(4), d char(9) binary, e text) CHARSET=latin1 COLLATE latin1_german1_ci",
    "ALTER TABLE latin ADD f varchar(3)",
    "CREATE TABLE t1 LIKE defaults",
    "RENAME TABLE t1 TO t2",
    "RENAME TABLE latin TO t1",
    "ALTER TABLE t2 ADD INDEX (a), DROP INDEX id",
    "CREATE TABLE t3 (a bool DEFAULT true, b tinyint(1) DEFAULT 0, c numeric(5), d dec(4,1), e double precision, f real, g integer(5), \
     h int2, i long varchar, j national varchar(7), k character varying(8), l json DEFAULT (JSON_ARRAY()), m point NOT NULL SRID 4326, \
     n timestamp NULL DEFAULT '2020-01-01 00:00:00', o varchar(9) DEFAULT _utf8mb4'x', p blob, q binary, r time(2) DEFAULT '01:02:03.5', \
     s int GENERATED ALWAYS AS (b + 1) STORED COMMENT 's', t vector(4), u bit)",
    "ALTER DATABASE `DB` CHARACTER SET latin1",
    "CREATE TABLE t4 (a varchar(9))",
    "DROP TABLE IF EXISTS t4 CASCADE",
    "CREATE EVENT e ON SCHEDULE EVERY 1 YEAR DO SELECT 1",
    "DROP EVENT e",
    "TRUNCATE TABLE t3",
    "DROP INDEX ux ON nokey",
    "DROP TABLE t1",
    "CREATE TABLE last (a int)",
];

/// What is told of each statement.
fn told(reader: &mut Reader) -> Vec<Value> {
    let parts = |value: Value| {
        let (source, snapshot) = (&value["source"], &value["source"]["snapshot"]);
        json!([
            value["ddl"],
            value["databaseName"],
            source["db"],
            source["table"],
            source["thread"].is_null(),
            snapshot,
            value["tableChanges"]
        ])
    };
    reader.read().iter().map(|record| parts(record.value_json())).collect()
}

fn is_last(told: &[Value]) -> bool {
    told.last().is_some_and(|told| told[0] == "CREATE TABLE last (a int)")
}

#[test]
fn tells_ddl_as_debezium_does() {
    let name = "ddl_beside";
    let database = Database::create(server::mysql97(), name);
    let mut session = database.session();
    for statement in BEFORE {
        session.execute(statement);
    }
    let broker = server::kafka();
    let connect = Rest { port: server::connect().port };
    let file = |prefix: &str| {
        let mut file = database.connector(&json!({"include.schema.changes": true, "include.schema.comments": true}));
        let json = "org.apache.kafka.connect.json.JsonConverter";
        for (key, value) in [
            ("topic.prefix", prefix),
            ("key.converter", json),
            ("value.converter", json),
            ("value.converter.schemas.enable", "false"),
            ("schema.history.internal.kafka.bootstrap.servers", &broker.address()),
            ("schema.history.internal.kafka.topic", &format!("{prefix}-history")),
            // Other tests' databases come and go.
            ("schema.history.internal.store.only.captured.databases.ddl", "true"),
            ("schema.history.internal.skip.unparseable.ddl", "true"),
        ] {
            file["config"][key] = json!(value);
        }
        file["name"] = json!(prefix);
        file
    };
    let prefixes = [format!("{name}_d"), format!("{name}_r")];
    let files = prefixes.each_ref().map(|prefix| file(prefix));
    connect.change("POST", "/connectors", &files[0], 201);
    let daemon = Setup::new().set("bootstrap.servers", &broker.address()).connector(&files[1]).start();
    let mut readers = prefixes.each_ref().map(|prefix| {
        let topic = prefix.clone();
        Reader::of(broker, move |found| found == topic)
    });
    let mut arrive = |what: &str, there: &dyn Fn(&[Value]) -> bool| {
        wait_until(what, PATIENCE, || {
            assert!(!daemon.has_ended(), "the daemon has ended");
            for (rest, connector) in [(connect, &prefixes[0]), (daemon.rest, &prefixes[1])] {
                if let Some((state, trace)) = rest.task(connector) {
                    assert_ne!(state, "FAILED", "{connector}: {trace}");
                }
            }
            readers.iter_mut().all(|reader| there(&told(reader)))
        });
    };
    arrive("the snapshot is told", &|told| told.len() == 4 + 2 * BEFORE.len());
    for statement in DDL {
        let _ = session.try_execute(&statement.replace("DB", name));
    }
    arrive("all of it is told", &is_last);
    let [theirs, ours] = readers.each_mut().map(told);
    daemon.stop(seconds(10));
    connect.change("DELETE", &format!("/connectors/{}", prefixes[0]), &Value::Null, 204);
    let pairs = theirs.iter().zip(&ours).filter(|(theirs, ours)| theirs != ours);
    let different: Vec<String> = pairs.map(|(theirs, ours)| format!("{theirs}\n{ours}\n")).collect();
    assert!(
        different.is_empty() && theirs.len() == ours.len(),
        "{} {}\n{}",
        theirs.len(),
        ours.len(),
        different.join("\n")
    );
}
