//! Which topics a connector writes: each is told once, when its first record is durable.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::sink::Message;

/// Topics that were written, on their way from the pump to the saver.
#[derive(Debug, Default)]
pub struct Topics {
    fresh: Mutex<Vec<Arc<str>>>,
    /// How often they were forgotten.
    epoch: AtomicU64,
}

impl Topics {
    /// Forgets them: each is told again when it is written again.
    pub fn forget(&self) {
        self.epoch.fetch_add(1, Ordering::Release);
        self.fresh.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Records of these are durable.
    pub(super) fn delivered(&self, topics: Vec<Arc<str>>) {
        if !topics.is_empty() {
            self.fresh.lock().unwrap_or_else(PoisonError::into_inner).extend(topics);
        }
    }

    /// Takes those that nobody took yet.
    pub(super) fn take(&self) -> Vec<Arc<str>> {
        std::mem::take(&mut *self.fresh.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The topics that the pump has seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    known: HashSet<Arc<str>>,
    epoch: u64,
}

impl Seen {
    /// The topics of these messages that were not seen before.
    pub(super) fn fresh(&mut self, messages: &[Message], topics: &Topics) -> Vec<Arc<str>> {
        let epoch = topics.epoch.load(Ordering::Acquire);
        if epoch != self.epoch {
            (self.known, self.epoch) = (HashSet::new(), epoch);
        }
        let mut fresh = Vec::new();
        let mut last: Option<&Arc<str>> = None;
        for Message { topic, .. } in messages {
            // Rows of a table come together, and share the name.
            if last.is_some_and(|last| Arc::ptr_eq(last, topic)) {
                continue;
            }
            last = Some(topic);
            if !self.known.contains(topic) {
                self.known.insert(Arc::clone(topic));
                fresh.push(Arc::clone(topic));
            }
        }
        fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(topics: &[&str]) -> Vec<Message> {
        let message = |topic: &&str| Message {
            topic: Arc::from(*topic),
            partition: None,
            key: None,
            value: None,
            headers: crate::record::Headers::default(),
            ts_ms: None,
            offset: None,
        };
        topics.iter().map(message).collect()
    }

    #[test]
    fn each_is_told_once_until_it_is_forgotten() {
        let (topics, mut seen) = (Topics::default(), Seen::default());
        let fresh = seen.fresh(&messages(&["a", "a", "b", "a"]), &topics);
        assert_eq!(fresh, ["a".into(), "b".into()] as [Arc<str>; 2]);
        topics.delivered(fresh);
        assert!(seen.fresh(&messages(&["b", "a"]), &topics).is_empty());
        assert_eq!(topics.take().len(), 2);
        assert!(topics.take().is_empty());
        topics.forget();
        assert_eq!(seen.fresh(&messages(&["b"]), &topics).len(), 1);
    }
}
