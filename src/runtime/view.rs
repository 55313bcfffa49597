//! What can be seen of a connector.

use std::sync::Arc;

use super::entry::{Entry, Run, Wanted};
use super::{Refusal, Runtime};
use crate::budget::Budget;
use crate::config::properties::masked;
use crate::config::{Properties, Providers, Target};
use crate::connector::kind::Kind;
use crate::connector::status::{State, Status};
use crate::connector::supervise::Handle;
use crate::source::seats::Seats;

/// A connector, at one moment.
#[derive(Clone)]
pub struct Seen {
    /// Its name.
    pub name: String,
    /// Its class; `None`: it names none that exists.
    pub kind: Option<Kind>,
    /// Its properties as written, masked.
    pub config: Properties,
    /// Connect's state of the connector.
    pub state: &'static str,
    /// Its task, unless it has none.
    pub task: Option<Task>,
    /// What runs.
    pub handle: Option<Arc<Handle>>,
}

/// A connector's only task, at one moment.
#[derive(Clone, Debug)]
pub struct Task {
    /// Its number.
    pub id: u32,
    /// Connect's state of the task.
    pub state: &'static str,
    /// Why it does not run, since when, and what comes of it.
    pub trace: Option<String>,
}

impl Runtime {
    /// The names of all connectors.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.entries.all().iter().filter(|entry| entry.exists()).map(|entry| entry.name.clone()).collect()
    }

    /// All connectors.
    #[must_use]
    pub fn all(&self) -> Vec<Seen> {
        self.entries.all().iter().filter_map(|entry| entry.seen(self.providers())).collect()
    }

    /// The memory that the connectors share.
    #[must_use]
    pub fn budget(&self) -> &Budget {
        &self.surroundings.budget
    }

    /// The connections to each database server that they share.
    #[must_use]
    pub fn seats(&self) -> &Seats {
        &self.surroundings.seats
    }

    /// Who resolves placeholders.
    pub(super) fn providers(&self) -> &Providers {
        &self.surroundings.worker.providers
    }

    /// A connector.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn get(&self, name: &str) -> Result<Seen, Refusal> {
        self.find(name)?.seen(self.providers()).ok_or(Refusal::Unknown)
    }

    /// The topics that a connector wrote since it was made, or since they were reset.
    ///
    /// # Errors
    /// The state cannot be read.
    pub async fn topics(&self, name: &str) -> Result<Vec<String>, Refusal> {
        Ok(self.surroundings.state.topics(name).await?)
    }
}

impl Entry {
    /// What can be seen of it; `None`: there is no such connector.
    pub(super) fn seen(&self, providers: &Providers) -> Option<Seen> {
        let wanted = self.wanted.borrow().clone();
        let file = wanted.file.as_ref()?;
        let run = self.run();
        let class = file.properties.get("connector.class").and_then(|class| providers.resolve(class).ok());
        let status = run.as_ref().map(|run| run.handle.status());
        let (state, task) = states(&self.name, &wanted, run.as_ref(), status.as_ref());
        Some(Seen {
            name: self.name.clone(),
            kind: class.and_then(|class| Kind::named(class.trim()).ok()),
            config: masked(&file.properties),
            state,
            task,
            handle: run.map(|run| run.handle),
        })
    }
}

/// The state of the connector, and its task.
fn states(name: &str, wanted: &Wanted, run: Option<&Run>, status: Option<&Status>) -> (&'static str, Option<Task>) {
    let task = |state, trace| Some(Task { id: 0, state, trace });
    let of_status = |status: &Status| task(status.state.name(), status.explained(name));
    let has_failed = |status: &&Status| status.state == State::Failed;
    let is_current = run.is_some_and(|run| run.generation == wanted.generation);
    match wanted.target {
        Target::Stopped => (Target::Stopped.name(), None),
        // What has failed stays so, as in Connect.
        Target::Paused if wanted.has_tasks => {
            // Until it takes nothing more it is not paused.
            let takes = run.is_some_and(|run| !run.handle.is_paused());
            let told = status.filter(|status| is_current && (takes || has_failed(status))).and_then(of_status);
            (Target::Paused.name(), told.or_else(|| task(Target::Paused.name(), None)))
        }
        Target::Paused => (Target::Paused.name(), None),
        Target::Running => match status {
            // `--once`: it is done.
            Some(status) if is_current && status.state == State::Stopped => (State::Stopped.name(), None),
            Some(status) if is_current => (Target::Running.name(), of_status(status)),
            // The run before it comes to its end.
            Some(_) => (Target::Running.name(), task(State::Restarting.name(), None)),
            None => (Target::Running.name(), task(State::Unassigned.name(), None)),
        },
    }
}
