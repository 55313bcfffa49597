//! What a writer has committed, key by key, and whether the topics tell the same story.
//!
//! Every row carries a version, which no other change has, and the number of its transaction. So each event names its place
//! in the history of its key, and a repeat can be told from a new change.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Deserialize;

use crate::support::database::Session;
use crate::support::reader::Record;

/// A table and the value of its `id` column.
pub(crate) type Key = (String, i64);

/// What an event says of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    Read(i64),
    Create(i64),
    Update(i64),
    Delete,
    Tombstone,
}

impl Token {
    /// The version of a snapshot's row.
    const fn read(self) -> Option<i64> {
        if let Self::Read(version) = self { Some(version) } else { None }
    }
}

/// What was committed, in the order of commits, which is that of the numbers of transactions.
#[derive(Default)]
pub(crate) struct Ledger {
    history: BTreeMap<Key, Vec<(i64, Token)>>,
}

#[derive(Deserialize)]
struct Envelope {
    op: String,
    after: Option<After>,
}

#[derive(Deserialize)]
struct After {
    version: i64,
    tx: i64,
    note: String,
}

#[derive(Deserialize)]
struct KeyOf {
    id: i64,
}

/// The text that a row of that version has.
pub(crate) fn note(version: i64) -> String {
    format!("version {version}, größer als {}", version - 1)
}

impl Ledger {
    /// A change that was committed.
    pub(crate) fn enter(&mut self, table: &str, id: i64, tx: i64, token: Token) {
        let history = self.history.entry((table.to_owned(), id)).or_default();
        history.push((tx, token));
        if token == Token::Delete {
            history.push((tx, Token::Tombstone));
        }
    }

    /// How many events there should be, without repeats.
    pub(crate) fn len(&self) -> usize {
        self.history.values().map(Vec::len).sum()
    }

    /// Fails unless every committed change is there, in order per key; what was there before may come again only as a
    /// repetition from some point on. What was committed before the stream began may be told by a snapshot's rows alone.
    /// Gives how many events are repeats.
    pub(crate) fn check(&self, records: &[Record]) -> usize {
        let mut told: HashMap<Key, Vec<Token>> = HashMap::new();
        let mut partitions: HashMap<Key, i32> = HashMap::new();
        let mut first_streamed = i64::MAX;
        let mut order = Order::default();
        for record in records {
            let (key, token, tx) = read(record);
            let partition = *partitions.entry(key.clone()).or_insert(record.partition);
            assert_eq!(partition, record.partition, "{key:?} is on two partitions");
            if let (Token::Create(version) | Token::Update(version), Some(tx)) = (token, tx) {
                first_streamed = first_streamed.min(tx);
                order.check(record, version, tx);
            }
            told.entry(key).or_default().push(token);
        }
        let unknown: Vec<_> = told.keys().filter(|key| !self.history.contains_key(*key)).collect();
        assert!(unknown.is_empty(), "events of keys that were never committed: {unknown:?}");
        let mut sum = 0;
        for (key, history) in &self.history {
            let told = told.get(key).map_or(&[][..], Vec::as_slice);
            match walk(history, told, first_streamed) {
                Ok(repeats) => sum += repeats,
                Err(problem) => panic!(
                    "{key:?}: {problem}\ncommitted: {history:?}\ntold: {told:?}\nfirst streamed transaction: {first_streamed}"
                ),
            }
        }
        sum
    }
}

/// First appearances within a partition are in the order of commits.
#[derive(Default)]
struct Order {
    seen: HashSet<(String, i64)>,
    newest: HashMap<(String, i32), i64>,
}

impl Order {
    fn check(&mut self, record: &Record, version: i64, tx: i64) {
        if !self.seen.insert((record.topic.clone(), version)) {
            return;
        }
        let newest = self.newest.entry((record.topic.clone(), record.partition)).or_insert(0);
        assert!(tx >= *newest, "{} offset {}: transaction {tx} comes after {newest}", record.topic, record.offset);
        *newest = tx;
    }
}

/// Walks through a key's history as its events tell it; gives how many of them are repeats.
///
/// Rows of a snapshot may be of any committed version: a snapshot that was interrupted is made again, while the stream begins
/// where the first one stood.
fn walk(history: &[(i64, Token)], told: &[Token], first_streamed: i64) -> Result<usize, String> {
    let reads: Vec<i64> = told.iter().filter_map(|token| token.read()).collect();
    let known = |version: &i64| {
        history.iter().rposition(|(_, token)| *token == Token::Create(*version) || *token == Token::Update(*version))
    };
    let places =
        reads.iter().map(|version| known(version).ok_or_else(|| format!("version {version} was never committed")));
    let places = places.collect::<Result<Vec<usize>, String>>()?;
    // The changes that were over before the stream began: a row of a snapshot tells them, if one was left and stayed.
    let before = history.partition_point(|(tx, _)| *tx < first_streamed);
    let at_rest = before == history.len() && history.last().is_some_and(|(_, token)| *token != Token::Tombstone);
    if at_rest && places.iter().all(|place| place + 1 < before) {
        return Err("the snapshot lacks the row".to_owned());
    }
    let mut repeats = reads.len().saturating_sub(1);
    let (mut done, mut furthest) = (before, 0);
    for token in told.iter().filter(|token| token.read().is_none()) {
        let place = history.iter().take(done + 1).rposition(|(_, known)| known == token);
        let place = place.ok_or_else(|| format!("{token:?} is not what comes after {done} changes, nor a repeat"))?;
        repeats += usize::from(place < furthest);
        done = place + 1;
        furthest = furthest.max(done);
    }
    if done == history.len() { Ok(repeats) } else { Err(format!("{done} of {} changes were told", history.len())) }
}

/// A record's key, what it says, and the transaction that its row names.
fn read(record: &Record) -> (Key, Token, Option<i64>) {
    let table = record.topic.rsplit('.').next().unwrap().to_owned();
    let key: KeyOf = serde_json::from_slice(record.key.as_deref().unwrap()).unwrap();
    let key = (table, key.id);
    let Some(value) = &record.value else { return (key, Token::Tombstone, None) };
    let Envelope { op, after } = serde_json::from_slice(value).unwrap();
    let Some(After { version, tx, note: text }) = after else {
        assert_eq!(op, "d", "{key:?}");
        return (key, Token::Delete, None);
    };
    assert_eq!(text, note(version), "{key:?}");
    let token = match op.as_str() {
        "r" => Token::Read(version),
        "c" => Token::Create(version),
        "u" => Token::Update(version),
        op => panic!("{key:?}: op {op} with a row"),
    };
    (key, token, Some(tx))
}

/// What a consumer that keeps the last event of each key has in the end: the version of every row.
pub(crate) fn state(records: &[Record]) -> BTreeMap<Key, i64> {
    let mut state = BTreeMap::new();
    for record in records {
        let (key, token, _) = read(record);
        match token {
            Token::Read(version) | Token::Create(version) | Token::Update(version) => state.insert(key, version),
            Token::Delete | Token::Tombstone => state.remove(&key),
        };
    }
    state
}

/// The version of every row, as SQL says.
pub(crate) fn rows(session: &mut Session, tables: &[&str]) -> BTreeMap<Key, i64> {
    let number = |text: &Option<String>| text.as_deref().unwrap().parse::<i64>().unwrap();
    let mut state = BTreeMap::new();
    for table in tables {
        let rows = session.rows(&format!("SELECT id, version FROM {table}"));
        state.extend(rows.iter().map(|row| (((*table).to_owned(), number(&row[0])), number(&row[1]))));
    }
    state
}

#[cfg(test)]
mod tests {
    use super::Token::{Create, Delete, Read, Tombstone, Update};
    use super::walk;

    #[test]
    fn losses_and_disorder_are_seen() {
        let history =
            [(1, Create(1)), (2, Update(2)), (3, Delete), (3, Tombstone), (5, Create(3)), (6, Delete), (6, Tombstone)];
        let all = history.map(|(_, token)| token);
        assert_eq!(walk(&history, &all, 1), Ok(0));
        assert_eq!(walk(&history, &[&all[..3], &all[1..]].concat(), 1), Ok(2));
        assert_eq!(walk(&history, &[&[Read(2)], &all[2..]].concat(), 3), Ok(0));
        assert_eq!(walk(&history, &all[4..], 4), Ok(0));
        assert_eq!(walk(&history[..4], &[], 4), Ok(0));
        for lost in 1..all.len() {
            let told = [&all[..lost], &all[lost + 1..]].concat();
            assert!(walk(&history, &told, 1).is_err(), "without {:?}, {lost}", all[lost]);
        }
        assert!(walk(&history, &[Create(1), Delete, Update(2), Tombstone], 1).is_err());
        assert!(walk(&history[..2], &[], 4).is_err());
    }
}
