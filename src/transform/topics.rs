//! What is made once per topic: records come in runs of one topic, and a connector has as many topics as tables.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::sync::Arc;

use fancy_regex::Regex;

use crate::config::java_regex::whole;

/// How many topics are kept; when there are more, all are forgotten.
const TOPICS_MAX: usize = 4096;

/// Things made once per topic.
#[derive(Clone, Debug)]
pub(super) struct PerTopic<T> {
    made: HashMap<Arc<str>, T>,
    /// The topic that was asked for last.
    latest: Option<(Arc<str>, T)>,
}

impl<T: Clone> PerTopic<T> {
    /// None yet.
    pub(super) fn new() -> Self {
        Self { made: HashMap::new(), latest: None }
    }

    /// The topic's; made if it is new.
    ///
    /// # Errors
    /// What `make` says.
    pub(super) fn get_or_make<E>(&mut self, topic: &Arc<str>, make: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        if let Some((latest, thing)) = &self.latest
            && Arc::ptr_eq(latest, topic)
        {
            return Ok(thing.clone());
        }
        let thing = if let Some(thing) = self.made.get(topic) {
            thing.clone()
        } else {
            let thing = make()?;
            if self.made.len() >= TOPICS_MAX {
                self.made.clear();
            }
            self.made.insert(Arc::clone(topic), thing.clone());
            thing
        };
        self.latest = Some((Arc::clone(topic), thing.clone()));
        Ok(thing)
    }
}

/// Which topics are meant, by a Java regular expression of their whole names.
#[derive(Clone, Debug)]
pub(super) struct TopicFilter {
    whole: Regex,
    known: PerTopic<bool>,
}

impl TopicFilter {
    /// # Errors
    /// When that is no regular expression.
    pub(super) fn new(pattern: &str) -> Result<Self, fancy_regex::Error> {
        Ok(Self { whole: whole(pattern)?, known: PerTopic::new() })
    }

    /// Whether this topic is. An expression that backtracks without end matches nothing.
    pub(super) fn takes(&mut self, topic: &Arc<str>) -> bool {
        let Self { whole, known } = self;
        let Ok(takes) = known.get_or_make(topic, || Ok::<_, Infallible>(whole.is_match(topic).unwrap_or(false)));
        takes
    }
}

/// Topics that values name: each is one shared text, however many records go there.
#[derive(Debug, Default)]
pub(super) struct TopicNames(HashSet<Arc<str>>);

impl TopicNames {
    /// The topic of that name.
    pub(super) fn of(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.0.get(name) {
            return Arc::clone(known);
        }
        if self.0.len() >= TOPICS_MAX {
            self.0.clear();
        }
        let topic: Arc<str> = name.into();
        self.0.insert(Arc::clone(&topic));
        topic
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_shared_text() {
        let mut names = TopicNames::default();
        let (first, second) = (names.of("a"), names.of("a"));
        assert!(Arc::ptr_eq(&first, &second) && *names.of("b") == *"b");
        for number in 0..TOPICS_MAX {
            names.of(&number.to_string());
        }
        assert!(names.0.len() <= TOPICS_MAX && *names.of("a") == *"a");
    }
}
