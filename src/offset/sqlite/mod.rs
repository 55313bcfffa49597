//! The state of a standalone daemon: one SQLite file, with positions, registered connectors and the topics that they wrote.
//!
//! It owns the file, its schema and the thread that writes it. What a position or a property means is not its business.
//! Operators may read the file with `sqlite3` while the daemon runs; a second daemon is refused.
//!
//! Invariants: a save that has returned survives `kill -9` and power loss (write-ahead log, `synchronous=FULL`); a save
//! that was asked for later never loses against an earlier one.
//!
//! All saves that wait while the disk is busy are committed together: what a save costs is shared by the connectors.

mod registered;
mod schema;

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use tokio::sync::{mpsc, oneshot};

use self::schema::{Prepared, VERSION};
use super::{OffsetError, OffsetStore};
use crate::event::Position;

pub use self::registered::Registered;

const SAVE_OFFSET: &str = "
INSERT INTO offsets (connector, source_partition, source_offset, updated)
VALUES (?1, ?2, ?3, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
ON CONFLICT DO UPDATE SET source_offset = excluded.source_offset, updated = excluded.updated";

const KEEP: &str = "
INSERT INTO kept (connector, name, value, updated)
VALUES (?1, ?2, ?3, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
ON CONFLICT DO UPDATE SET value = excluded.value, updated = excluded.updated";

/// The state file, shared by all connectors. It is closed when the last clone and the last store of it are dropped.
#[derive(Clone)]
pub struct Sqlite {
    path: Arc<str>,
    jobs: mpsc::UnboundedSender<Job>,
}

type Work = Box<dyn FnOnce(&Transaction<'_>) -> rusqlite::Result<()> + Send>;

/// Some work within the next transaction, and who wants to hear that it is durable.
struct Job {
    work: Work,
    done: oneshot::Sender<Result<(), String>>,
}

impl Sqlite {
    /// Opens the state file, or creates it; `:memory:` keeps the state only while the process lives.
    ///
    /// # Errors
    /// The file is in use by another daemon, is no state file, is damaged, or is of a newer version.
    pub fn open(path: &str) -> Result<Self, OffsetError> {
        let failed = |reason: String| OffsetError::State { path: path.to_owned(), reason };
        let lock = if path == ":memory:" { None } else { Some(lock(Path::new(path)).map_err(failed)?) };
        if lock.is_some() {
            make_private(Path::new(path)).map_err(failed)?;
        }
        let connection = connect(path).map_err(failed)?;
        let (jobs, waiting) = mpsc::unbounded_channel();
        std::thread::Builder::new()
            .name("state".to_owned())
            .spawn(move || {
                write_state(connection, waiting);
                // Another daemon may open the file only after it was closed.
                drop(lock);
            })
            .map_err(|error| failed(error.to_string()))?;
        Ok(Self { path: Arc::from(path), jobs })
    }

    /// The saved position of one connector and source partition (Debezium's, a JSON object).
    #[must_use]
    pub fn store(&self, connector: &str, source_partition: &str) -> Store {
        Store { state: self.clone(), connector: Arc::from(connector), source_partition: Arc::from(source_partition) }
    }

    /// All positions of a connector: source partition and source offset, JSON objects.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn offsets(&self, connector: &str) -> Result<Vec<(String, String)>, OffsetError> {
        let connector = connector.to_owned();
        self.ask(move |state| {
            let sql = "SELECT source_partition, source_offset FROM offsets WHERE connector = ?1 ORDER BY 1";
            state.prepare_cached(sql)?.query_map([connector], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })
        .await
    }

    /// What was kept under a name for a connector.
    ///
    /// # Errors
    /// The file cannot be read.
    pub async fn kept(&self, connector: &str, name: &str) -> Result<Option<String>, OffsetError> {
        let (connector, name) = (connector.to_owned(), name.to_owned());
        self.ask(move |state| {
            let sql = "SELECT value FROM kept WHERE connector = ?1 AND name = ?2";
            state.query_row(sql, [connector, name], |row| row.get(0)).optional()
        })
        .await
    }

    /// Keeps a value that was chosen once, such as a random `database.server.id`. Durable when it returns.
    ///
    /// # Errors
    /// The file cannot be written.
    pub async fn keep(&self, connector: &str, name: &str, value: &str) -> Result<(), OffsetError> {
        let (connector, name, value) = (connector.to_owned(), name.to_owned(), value.to_owned());
        self.ask(move |state| state.execute(KEEP, [connector, name, value]).map(|_| ())).await
    }

    /// Lets the thread do some work, and waits until it is durable.
    async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, OffsetError> {
        let failed = |reason: String| OffsetError::State { path: self.path.to_string(), reason };
        let gone = || failed("its thread has ended".to_owned());
        let (answer, answered) = oneshot::channel();
        let (done, finished) = oneshot::channel();
        let work = Box::new(move |state: &Transaction<'_>| {
            // The asker may have gone: its answer is of no use then, the work is.
            drop(answer.send(work(state)?));
            Ok(())
        });
        self.jobs.send(Job { work, done }).map_err(|_| gone())?;
        finished.await.map_err(|_| gone())?.map_err(failed)?;
        answered.await.map_err(|_| gone())
    }
}

/// One connector's position in the state file.
#[derive(Clone)]
pub struct Store {
    state: Sqlite,
    connector: Arc<str>,
    source_partition: Arc<str>,
}

impl OffsetStore for Store {
    fn load(&mut self) -> BoxFuture<'_, Result<Option<Position>, OffsetError>> {
        let (connector, source_partition) = (Arc::clone(&self.connector), Arc::clone(&self.source_partition));
        let load = move |state: &Transaction<'_>| {
            let sql = "SELECT source_offset FROM offsets WHERE connector = ?1 AND source_partition = ?2";
            state.query_row(sql, [connector, source_partition], |row| row.get::<_, String>(0)).optional()
        };
        let loaded = self.state.ask(load);
        loaded.map(|offset| Ok(offset?.map(|offset| Position(Arc::from(offset))))).boxed()
    }

    fn save(&mut self, position: Position) -> BoxFuture<'_, Result<(), OffsetError>> {
        let (connector, source_partition) = (Arc::clone(&self.connector), Arc::clone(&self.source_partition));
        let save = move |state: &Transaction<'_>| {
            state.prepare_cached(SAVE_OFFSET)?.execute(params![connector, source_partition, position.0]).map(|_| ())
        };
        self.state.ask(save).boxed()
    }

    fn wrote(&mut self, topics: Vec<Arc<str>>) -> BoxFuture<'_, Result<(), OffsetError>> {
        let connector = Arc::clone(&self.connector);
        self.state.ask(move |state| registered::note_written(state, &connector, &topics)).boxed()
    }
}

/// The thread of the file: takes what waits, commits it together, tells everybody.
fn write_state(mut connection: Connection, mut waiting: mpsc::UnboundedReceiver<Job>) {
    while let Some(first) = waiting.blocking_recv() {
        let mut jobs = vec![first];
        while let Ok(job) = waiting.try_recv() {
            jobs.push(job);
        }
        let (works, askers): (Vec<Work>, Vec<_>) = jobs.into_iter().map(|job| (job.work, job.done)).unzip();
        let committed = commit(&mut connection, works).map_err(|error| explain(&error));
        for asker in askers {
            // Whoever asked may have gone.
            drop(asker.send(committed.clone()));
        }
    }
}

fn commit(connection: &mut Connection, works: Vec<Work>) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    works.into_iter().try_for_each(|work| work(&transaction))?;
    transaction.commit()
}

/// Holds a file beside the state file locked while the daemon lives; the kernel lets go of it when the process ends.
fn lock(path: &Path) -> Result<File, String> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|error| format!("cannot create its folder: {error}"))?;
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let failed = |error: std::io::Error| format!("cannot lock {}: {error}", name.display());
    // Not truncated: another daemon may have its process id there.
    let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(PathBuf::from(&name));
    let mut file = options.map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {
            file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(failed)?;
            Ok(file)
        }
        Err(TryLockError::Error(error)) => Err(failed(error)),
        Err(TryLockError::WouldBlock) => {
            let mut owner = String::new();
            // Only for the message: without it, the message is a bit shorter.
            drop(file.read_to_string(&mut owner));
            let owner = owner.trim();
            Err(format!("is in use by another rowtide, process {owner}; stop it, or set another state.path"))
        }
    }
}

/// A new file is its owner's alone, since registered connectors may hold passwords; SQLite's other files take after it.
fn make_private(path: &Path) -> Result<(), String> {
    use std::os::unix::fs::OpenOptionsExt as _;
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(format!("cannot be made: {error}")),
        _ => Ok(()),
    }
}

fn connect(path: &str) -> Result<Connection, String> {
    let open = || -> rusqlite::Result<(Connection, String)> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(std::time::Duration::from_secs(5))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        let check = connection.pragma_query_value(None, "quick_check", |row| row.get(0))?;
        Ok((connection, check))
    };
    let (mut connection, check) = open().map_err(|error| explain(&error))?;
    if check != "ok" {
        return Err(damaged(&check));
    }
    match schema::prepare(&mut connection).map_err(|error| explain(&error))? {
        Prepared::Ready => Ok(connection),
        Prepared::Newer(newer) => {
            Err(format!("has version {newer}, and this rowtide knows version {VERSION}; use the rowtide that wrote it"))
        }
    }
}

/// What SQLite said, with what to do about it.
fn explain(error: &rusqlite::Error) -> String {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt) => damaged(&error.to_string()),
        _ => error.to_string(),
    }
}

fn damaged(what: &str) -> String {
    format!("is damaged or no state file ({what}); restore a copy, or move it away to begin anew with a snapshot")
}

#[cfg(test)]
mod tests;
