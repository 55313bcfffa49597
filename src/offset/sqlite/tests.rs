use super::*;
use crate::config::Target;

const PARTITION: &str = r#"{"server":"cdc"}"#;

fn position(text: &str) -> Position {
    Position(Arc::from(text))
}

fn open(path: &Path) -> Result<Sqlite, OffsetError> {
    Sqlite::open(path.to_str().unwrap())
}

/// Opens as soon as the thread of the one before has closed the file.
async fn reopen(path: &Path) -> Sqlite {
    let limit = std::time::Instant::now() + std::time::Duration::from_secs(120);
    loop {
        match open(path) {
            Ok(state) => return state,
            Err(error) => assert!(std::time::Instant::now() < limit, "{error}"),
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_was_saved_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new").join("state.sqlite");
    {
        let state = open(&path).unwrap();
        let mut orders = state.store("orders", PARTITION);
        assert_eq!(orders.load().await.unwrap(), None);
        for lsn in 0..100 {
            orders.save(position(&format!(r#"{{"lsn":{lsn}}}"#))).await.unwrap();
        }
        state.store("users", PARTITION).save(position("{}")).await.unwrap();
        assert_eq!(state.kept("orders", "database.server.id").await.unwrap(), None);
        state.keep("orders", "database.server.id", "6400").await.unwrap();
    }
    let state = reopen(&path).await;
    assert_eq!(state.store("orders", PARTITION).load().await.unwrap(), Some(position(r#"{"lsn":99}"#)));
    assert_eq!(state.store("orders", "{}").load().await.unwrap(), None);
    assert_eq!(state.store("users", PARTITION).load().await.unwrap(), Some(position("{}")));
    assert_eq!(state.kept("orders", "database.server.id").await.unwrap().as_deref(), Some("6400"));
    let offsets = state.offsets("orders").await.unwrap();
    assert_eq!(offsets, [(PARTITION.to_owned(), r#"{"lsn":99}"#.to_owned())]);
}

#[tokio::test]
async fn saves_that_wait_together_keep_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let state = open(&folder.path().join("state.sqlite")).unwrap();
    let mut stores: Vec<Store> = (0..1000).map(|_| state.store("orders", PARTITION)).collect();
    let saves = stores.iter_mut().enumerate().map(|(number, store)| store.save(position(&number.to_string())));
    futures::future::try_join_all(saves).await.unwrap();
    assert_eq!(state.store("orders", PARTITION).load().await.unwrap(), Some(position("999")));
}

#[tokio::test]
async fn a_reader_sees_the_state_while_the_daemon_runs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.sqlite");
    let state = open(&path).unwrap();
    state.store("orders", PARTITION).save(position(r#"{"lsn":7}"#)).await.unwrap();
    let reader = Connection::open(&path).unwrap();
    let row: (String, String, String) = reader
        .query_row("SELECT connector, source_offset, updated FROM offsets", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .unwrap();
    assert_eq!((row.0.as_str(), row.1.as_str()), ("orders", r#"{"lsn":7}"#));
    assert!(row.2.starts_with("20") && row.2.ends_with('Z'), "{}", row.2);
    let version: i64 = reader.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, VERSION);
}

#[tokio::test]
async fn a_second_daemon_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.sqlite");
    let first = open(&path).unwrap();
    let error = open(&path).err().unwrap().to_string();
    assert!(error.contains(&format!("in use by another rowtide, process {};", std::process::id())), "{error}");
    assert!(error.contains("state.path") && error.contains("state.sqlite"), "{error}");
    drop(first);
    reopen(&path).await;
}

#[test]
fn what_is_no_state_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.sqlite");
    std::fs::write(&path, "this is no database, but long enough to be one ".repeat(100)).unwrap();
    let error = open(&path).err().unwrap().to_string();
    assert!(error.contains("no state file") && error.contains("move it away"), "{error}");
}

#[tokio::test]
async fn a_damaged_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.sqlite");
    let state = open(&path).unwrap();
    state.store("orders", PARTITION).save(position("{}")).await.unwrap();
    drop(state);
    drop(reopen(&path).await);
    // Wait until it is closed: the log is gone then.
    drop(reopen(&path).await);
    let mut bytes = std::fs::read(&path).unwrap();
    assert!(bytes.len() > 4096, "{}", bytes.len());
    bytes[4096..].fill(0xa5);
    std::fs::write(&path, bytes).unwrap();
    let limit = std::time::Instant::now() + std::time::Duration::from_secs(120);
    let error = loop {
        let error = open(&path).err().unwrap().to_string();
        if !error.contains("in use") {
            break error;
        }
        assert!(std::time::Instant::now() < limit, "{error}");
    };
    assert!(error.contains("damaged"), "{error}");
}

#[test]
fn a_newer_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.sqlite");
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let error = open(&path).err().unwrap().to_string();
    assert!(error.contains("version 99"), "{error}");
}

#[tokio::test]
async fn memory_is_a_state_of_its_own() {
    let first = Sqlite::open(":memory:").unwrap();
    let second = Sqlite::open(":memory:").unwrap();
    first.store("orders", PARTITION).save(position("{}")).await.unwrap();
    assert_eq!(first.store("orders", PARTITION).load().await.unwrap(), Some(position("{}")));
    assert_eq!(second.store("orders", PARTITION).load().await.unwrap(), None);
}

fn properties(pairs: &[(&str, &str)]) -> crate::config::Properties {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn connectors_are_registered_until_they_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.sqlite");
    let orders = Registered {
        name: "orders".to_owned(),
        config: Some(properties(&[("a", "1"), ("database.password", "${env:PW}")])),
        target: Target::Paused,
        has_tasks: true,
    };
    let users = Registered { name: "users".to_owned(), config: None, target: Target::Stopped, has_tasks: false };
    {
        let state = open(&path).unwrap();
        state.register(users.clone()).await.unwrap();
        state.register(Registered { target: Target::Running, ..orders.clone() }).await.unwrap();
        state.register(orders.clone()).await.unwrap();
    }
    let state = reopen(&path).await;
    assert_eq!(state.registered().await.unwrap(), [orders, users.clone()]);
    state.store("orders", PARTITION).wrote(vec!["a".into(), "b".into(), "a".into()]).await.unwrap();
    state.store("orders", PARTITION).save(position("{}")).await.unwrap();
    assert_eq!(state.topics("orders").await.unwrap(), ["a", "b"]);
    state.unregister("orders").await.unwrap();
    assert_eq!(state.registered().await.unwrap(), [users]);
    assert!(state.topics("orders").await.unwrap().is_empty());
    assert_eq!(state.offsets("orders").await.unwrap().len(), 1, "a connector that comes back goes on");
    state.store("users", PARTITION).wrote(vec!["c".into()]).await.unwrap();
    state.reset_topics("users").await.unwrap();
    assert!(state.topics("users").await.unwrap().is_empty());
}

#[tokio::test]
async fn offsets_are_altered_and_reset() {
    let state = Sqlite::open(":memory:").unwrap();
    state.store("orders", PARTITION).save(position(r#"{"lsn":7}"#)).await.unwrap();
    state.store("users", PARTITION).save(position("{}")).await.unwrap();
    let other = r#"{"foo":1}"#.to_owned();
    let altered = vec![(PARTITION.to_owned(), Some(r#"{"lsn":9}"#.to_owned())), (other.clone(), Some("{}".to_owned()))];
    state.alter_offsets("orders", altered).await.unwrap();
    assert_eq!(state.store("orders", PARTITION).load().await.unwrap(), Some(position(r#"{"lsn":9}"#)));
    state.alter_offsets("orders", vec![(PARTITION.to_owned(), None)]).await.unwrap();
    assert_eq!(state.offsets("orders").await.unwrap(), [(other, "{}".to_owned())]);
    state.reset_offsets("orders").await.unwrap();
    assert!(state.offsets("orders").await.unwrap().is_empty());
    assert_eq!(state.offsets("users").await.unwrap().len(), 1);
}

/// What the first version wrote, by its own statements.
#[tokio::test]
async fn a_file_of_the_first_version_is_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.sqlite");
    {
        let old = Connection::open(&path).unwrap();
        old.execute_batch(
            "CREATE TABLE offsets (connector TEXT NOT NULL, source_partition TEXT NOT NULL,
                source_offset TEXT NOT NULL, updated TEXT NOT NULL, PRIMARY KEY (connector, source_partition));
             CREATE TABLE kept (connector TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, updated TEXT NOT NULL,
                PRIMARY KEY (connector, name));
             INSERT INTO offsets VALUES ('orders', '{\"server\":\"cdc\"}', '{\"lsn\":7}', '2026-01-01T00:00:00.000Z');
             INSERT INTO kept VALUES ('orders', 'database.server.id', '6400', '2026-01-01T00:00:00.000Z');
             PRAGMA user_version = 1;",
        )
        .unwrap();
    }
    let state = open(&path).unwrap();
    assert_eq!(state.store("orders", PARTITION).load().await.unwrap(), Some(position(r#"{"lsn":7}"#)));
    assert_eq!(state.kept("orders", "database.server.id").await.unwrap().as_deref(), Some("6400"));
    assert!(state.registered().await.unwrap().is_empty());
    let users = Registered { name: "users".to_owned(), config: None, target: Target::Running, has_tasks: true };
    state.register(users.clone()).await.unwrap();
    drop(state);
    assert_eq!(reopen(&path).await.registered().await.unwrap(), [users], "a second opening takes no step again");
}

#[test]
fn a_new_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.sqlite");
    let _state = open(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let log = std::fs::metadata(folder.path().join("state.sqlite-wal"));
    assert!(log.is_ok_and(|log| log.permissions().mode() & 0o777 == 0o600), "its log is as private");
}

#[tokio::test]
async fn what_is_no_connector_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.sqlite");
    let state = open(&path).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute("INSERT INTO connectors VALUES ('x', NULL, 'JUMPING', 0, '')", []).unwrap();
    let error = state.registered().await.unwrap_err().to_string();
    assert!(error.contains("\"x\" is \"JUMPING\""), "{error}");
}
