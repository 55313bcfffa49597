//! The connectors of this process: which there are, what each is to do, and what it does.
//!
//! Every change is durable before it counts, and is carried out by the connector's own keeper (`keeper.rs`): nothing here
//! waits for another connector, nor for the end of a run, but the change of offsets, which must not meet one.
//! Invariants: what a connector is to do (`Wanted`) is what the state file says; one connector has one run at a time.

mod change;
mod check;
mod entry;
mod keeper;
mod offsets;
mod secrets;
mod view;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures::future::join_all;
use tokio_util::sync::CancellationToken;

use self::entry::{Entry, Wanted};
use crate::config::{ConnectorFile, Problem, Properties, Target, Worker};
use crate::connector::plan::Surroundings;
use crate::connector::status::Status;
use crate::connector::supervise::Handle;
use crate::offset::OffsetError;
use crate::offset::sqlite::Registered;

pub use self::change::{Restart, Restarted};
pub use self::check::{Checkup, Draft, UNREACHED};
pub use self::offsets::Alteration;
pub use self::view::{Seen, Task};

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// There is no such connector.
    #[error("there is no such connector")]
    Unknown,
    /// The connector has no such task.
    #[error("there is no such task")]
    UnknownTask,
    /// There is a connector of that name.
    #[error("there is a connector of that name")]
    Exists,
    /// A configuration without `connector.class`; as it may be shown.
    #[error("the configuration names no connector.class")]
    NoClass(Properties),
    /// A class that does not exist here.
    #[error("there is no connector class {0}")]
    UnknownClass(String),
    /// The configuration is wrong.
    #[error("the configuration is wrong")]
    Invalid(Vec<Problem>),
    /// Offsets can be changed only where nothing runs.
    #[error("the connector is not stopped")]
    NotStopped,
    /// It is not done yet, and nobody waits for ever.
    #[error("the connector has not ended within {0:?}")]
    TimedOut(Duration),
    /// The state file.
    #[error(transparent)]
    State(#[from] OffsetError),
}

/// How the connectors ended that did not end well.
#[derive(Debug)]
pub enum Unclean {
    /// It repeats what was not saved.
    Failed {
        /// The connector.
        name: String,
        /// Its error.
        trace: String,
    },
    /// They took too long.
    Undrained {
        /// The connectors.
        names: Vec<String>,
    },
}

/// The connectors of this process.
pub struct Runtime {
    surroundings: Arc<Surroundings>,
    entries: Arc<Entries>,
    closing: CancellationToken,
}

/// The connectors, by name.
#[derive(Default)]
struct Entries(RwLock<BTreeMap<String, Arc<Entry>>>);

impl Entries {
    fn get(&self, name: &str) -> Option<Arc<Entry>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    fn all(&self) -> Vec<Arc<Entry>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Lets go of a connector that was deleted, unless somebody is about to make it anew.
    fn forget(&self, entry: &Arc<Entry>) -> bool {
        let mut entries = self.0.write().unwrap_or_else(PoisonError::into_inner);
        // The map's and the caller's.
        let is_idle = Arc::strong_count(entry) <= 2 && entry.wanted.borrow().file.is_none();
        if is_idle {
            entries.remove(&entry.name);
        }
        is_idle
    }
}

impl Runtime {
    /// Starts the connectors of these files and those of the state, each on its own.
    ///
    /// # Errors
    /// The state cannot be read.
    pub async fn start(surroundings: Surroundings, files: Vec<ConnectorFile>) -> Result<Self, OffsetError> {
        let mut registered: BTreeMap<String, Registered> = BTreeMap::new();
        for connector in surroundings.state.registered().await? {
            registered.insert(connector.name.clone(), connector);
        }
        let runtime =
            Self { surroundings: Arc::new(surroundings), entries: Arc::default(), closing: CancellationToken::new() };
        for file in files {
            let known = registered.remove(&file.name);
            tell_of_difference(&file, known.as_ref());
            let wanted = Wanted::of_file(file, known.as_ref());
            runtime.surroundings.state.register(wanted.registered()).await?;
            runtime.adopt(wanted);
        }
        for (name, connector) in registered {
            if let Some(wanted) = Wanted::of_registered(connector) {
                runtime.adopt(wanted);
            } else {
                tracing::info!(name, "its connector file was not given this time; it does not run");
            }
        }
        Ok(runtime)
    }

    /// The worker's settings.
    #[must_use]
    pub fn worker(&self) -> &Worker {
        &self.surroundings.worker
    }

    /// How many connectors there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.entries.all().iter().filter(|entry| entry.exists()).count()
    }

    /// The runs of those connectors that are to run, once they have begun.
    pub async fn runs(&self) -> Vec<(String, Arc<Handle>)> {
        let running = self.entries.all().into_iter().filter(|entry| entry.wants(Target::Running));
        join_all(running.map(|entry| async move { Some((entry.name.clone(), entry.began().await?)) }))
            .await
            .into_iter()
            .flatten()
            .collect()
    }

    /// Stops all connectors at the same time, and waits until they have drained, saved, and told their databases.
    ///
    /// # Errors
    /// One did not end well, or some not in time.
    pub async fn stop(&self, limit: Duration) -> Result<(), Unclean> {
        self.closing.cancel();
        let entries = self.entries.all();
        let ends = join_all(entries.iter().map(|entry| async move { (entry.name.clone(), entry.ended().await) }));
        let Ok(ends) = tokio::time::timeout(limit, ends).await else {
            let names = entries.iter().filter(|entry| !entry.has_ended()).map(|entry| entry.name.clone()).collect();
            return Err(Unclean::Undrained { names });
        };
        let failed = ends.into_iter().find_map(|(name, status)| match status {
            Some(Status { state: crate::connector::status::State::Stopped, trace: Some(trace), .. }) => {
                Some(Unclean::Failed { name, trace })
            }
            _ => None,
        });
        failed.map_or(Ok(()), Err)
    }

    /// Takes a connector in, and sees to it from now on.
    fn adopt(&self, wanted: Wanted) {
        let Some(name) = wanted.file.as_ref().map(|file| file.name.clone()) else { return };
        self.entry(&name).wanted.send_replace(wanted);
    }

    /// The place of a connector, which may not be there yet.
    fn entry(&self, name: &str) -> Arc<Entry> {
        let mut entries = self.entries.0.write().unwrap_or_else(PoisonError::into_inner);
        let made = entries.entry(name.to_owned()).or_insert_with(|| {
            let entry = Arc::new(Entry::new(name));
            let keeper = keeper::Keeper {
                entry: Arc::clone(&entry),
                entries: Arc::clone(&self.entries),
                surroundings: Arc::clone(&self.surroundings),
                closing: self.closing.clone(),
            };
            tokio::spawn(keeper.keep());
            entry
        });
        Arc::clone(made)
    }

    /// The connector of that name.
    fn find(&self, name: &str) -> Result<Arc<Entry>, Refusal> {
        self.entries.get(name).filter(|entry| entry.exists()).ok_or(Refusal::Unknown)
    }
}

/// A file wins over what was registered under its name; whoever registered that must be able to see it.
fn tell_of_difference(file: &ConnectorFile, known: Option<&Registered>) {
    let Some(config) = known.and_then(|known| known.config.as_ref()) else { return };
    let keys: Vec<&str> = config
        .keys()
        .chain(file.properties.keys())
        .map(String::as_str)
        .filter(|key| config.get(*key) != file.properties.get(*key))
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect();
    if !keys.is_empty() {
        tracing::warn!(
            name = file.name,
            file = %file.path.display(),
            keys = keys.join(", "),
            "the connector's file differs from what the REST API had set, and wins"
        );
    }
}
