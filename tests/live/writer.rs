//! A writer: transactions of every kind on a few tables, at random, entered in the ledger once they are committed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::ledger::{Ledger, Token, note};
use crate::support::database::{Database, Session};

/// Its tables: a key of one column; a key of two, whose old rows are told whole where the database can choose.
pub(crate) const TABLES: [&str; 2] = ["single", "pair"];

/// The last row that the writer inserts.
pub(crate) const LAST: i64 = -1;

/// Rows of a large transaction.
const LARGE: i64 = 4000;

/// One connection, and what it has committed.
pub(crate) struct Writer {
    session: Session,
    rng: StdRng,
    ledger: Ledger,
    /// The rows of each table that are there.
    ids: [Vec<i64>; 2],
    next_id: i64,
    version: i64,
    tx: i64,
    /// The changes of the open transaction.
    open: Vec<(usize, i64, Token)>,
}

impl Writer {
    /// Makes the tables and their first rows.
    pub(crate) fn new(database: &Database<'_>, seed: u64, rows: i64) -> Self {
        let mut session = database.session();
        let rest = "version bigint NOT NULL, tx bigint NOT NULL, note varchar(100)";
        session.execute(&format!("CREATE TABLE single (id bigint PRIMARY KEY, {rest})"));
        session.execute(&format!(
            "CREATE TABLE pair (part int NOT NULL, id bigint NOT NULL, {rest}, PRIMARY KEY (part, id))"
        ));
        if database.is_postgres() {
            session.execute("ALTER TABLE pair REPLICA IDENTITY FULL");
        }
        let rng = StdRng::seed_from_u64(seed);
        let (ledger, ids, open) = (Ledger::default(), [Vec::new(), Vec::new()], Vec::new());
        let mut writer = Self { session, rng, ledger, ids, next_id: 0, version: 0, tx: 0, open };
        for table in 0..TABLES.len() {
            for _ in 0..rows / 1000 {
                writer.transaction(|writer| writer.insert(table, 1000));
            }
        }
        writer
    }

    /// Goes on in a thread of its own until it is told to finish.
    pub(crate) fn start(mut self, pause: Duration) -> Running {
        let stop = Arc::new(AtomicBool::new(false));
        let stopping = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            while !stopping.load(Ordering::Relaxed) {
                self.any();
                // The pace of a database that is used, not flooded.
                std::thread::sleep(pause);
            }
            self.last();
            self.ledger
        });
        Running { stop, thread }
    }

    fn last(&mut self) {
        self.transaction(|writer| {
            writer.next_id = LAST;
            writer.insert(0, 1);
        });
    }

    /// A transaction of any kind.
    fn any(&mut self) {
        match self.rng.random_range(0..150) {
            0 => self.transaction(|writer| writer.insert(0, LARGE)),
            1 => self.transaction(|writer| writer.update_many(0)),
            2..10 => self.take_back(),
            _ => self.transaction(|writer| {
                for _ in 0..writer.rng.random_range(1..9) {
                    writer.one();
                }
            }),
        }
    }

    fn transaction(&mut self, body: impl FnOnce(&mut Self)) {
        self.tx += 1;
        self.session.execute("BEGIN");
        body(self);
        self.session.execute("COMMIT");
        for (table, id, token) in self.open.drain(..) {
            self.ledger.enter(TABLES[table], id, self.tx, token);
        }
    }

    /// A transaction that is rolled back: nothing of it may be told.
    fn take_back(&mut self) {
        let ids = self.ids.clone();
        self.session.execute("BEGIN");
        for _ in 0..4 {
            self.one();
        }
        self.session.execute("ROLLBACK");
        self.open.clear();
        self.ids = ids;
    }

    /// A change of one row.
    fn one(&mut self) {
        let table = self.rng.random_range(0..TABLES.len());
        match self.rng.random_range(0..10) {
            0..4 => self.insert(table, 1),
            4..8 => self.update(table),
            8 => self.delete(table),
            _ => self.change_key(table),
        }
    }

    fn insert(&mut self, table: usize, count: i64) {
        let mut rows = Vec::new();
        for _ in 0..count {
            let (id, version, tx) = (self.next_id, self.next_version(), self.tx);
            self.next_id += 1;
            let part = if table == 0 { String::new() } else { format!("{}, ", part(id)) };
            rows.push(format!("({part}{id}, {version}, {tx}, '{}')", note(version)));
            self.ids[table].push(id);
            self.open.push((table, id, Token::Create(version)));
        }
        let columns = if table == 0 { "id" } else { "part, id" };
        self.session.execute(&format!(
            "INSERT INTO {} ({columns}, version, tx, note) VALUES {}",
            TABLES[table],
            rows.join(", ")
        ));
    }

    fn update(&mut self, table: usize) {
        let Some(id) = self.any_id(table) else { return };
        let (version, tx) = (self.next_version(), self.tx);
        let set = format!("version = {version}, tx = {tx}, note = '{}'", note(version));
        self.session.execute(&format!("UPDATE {} SET {set} WHERE id = {id}", TABLES[table]));
        self.open.push((table, id, Token::Update(version)));
    }

    /// One statement that changes many rows; their versions follow from their ids.
    fn update_many(&mut self, table: usize) {
        let low = self.next_id.saturating_sub(self.rng.random_range(LARGE..4 * LARGE));
        let base = self.version - low + 1;
        self.version = base + self.next_id;
        let tx = self.tx;
        let text = format!("concat('version ', id + {base}, ', größer als ', id + {base} - 1)");
        let set = format!("version = id + {base}, tx = {tx}, note = {text}");
        self.session.execute(&format!("UPDATE {} SET {set} WHERE id >= {low}", TABLES[table]));
        let changed = self.ids[table].iter().filter(|id| **id >= low);
        self.open.extend(changed.map(|id| (table, *id, Token::Update(id + base))));
    }

    fn delete(&mut self, table: usize) {
        let Some(id) = self.any_id(table) else { return };
        self.session.execute(&format!("DELETE FROM {} WHERE id = {id}", TABLES[table]));
        self.ids[table].retain(|other| *other != id);
        self.open.push((table, id, Token::Delete));
    }

    /// The row goes to another key: deleted there, created here.
    fn change_key(&mut self, table: usize) {
        let Some(id) = self.any_id(table) else { return };
        let (new, version, tx) = (self.next_id, self.next_version(), self.tx);
        self.next_id += 1;
        let part = if table == 0 { String::new() } else { format!("part = {}, ", part(new)) };
        let set = format!("{part}id = {new}, version = {version}, tx = {tx}, note = '{}'", note(version));
        self.session.execute(&format!("UPDATE {} SET {set} WHERE id = {id}", TABLES[table]));
        self.ids[table].retain(|other| *other != id);
        self.ids[table].push(new);
        self.open.push((table, id, Token::Delete));
        self.open.push((table, new, Token::Create(version)));
    }

    /// Mostly one of the newest rows, so that keys have histories.
    fn any_id(&mut self, table: usize) -> Option<i64> {
        let ids = &self.ids[table];
        let from = if self.rng.random_bool(0.8) { ids.len().saturating_sub(30) } else { 0 };
        (!ids.is_empty()).then(|| ids[self.rng.random_range(from..ids.len())])
    }

    const fn next_version(&mut self) -> i64 {
        self.version += 1;
        self.version
    }
}

const fn part(id: i64) -> i64 {
    id.rem_euclid(7)
}

/// A writer at work.
pub(crate) struct Running {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Ledger>,
}

impl Running {
    /// Lets it end with its last row; gives what it has committed.
    pub(crate) fn finish(self) -> Ledger {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}
