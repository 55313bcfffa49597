//! The connectors as the probes and the metrics see them.

use std::sync::Arc;

use super::Worker;
use crate::config::Providers;
use crate::connector::kind::Kind;
use crate::connector::status::{State, Status};
use crate::connector::supervise::Handle;
use crate::connector::vitals;
use crate::metrics::Meters;
use crate::runtime::{self, Task};

/// A connector, at this moment.
pub(super) struct Seen {
    pub(super) name: String,
    /// Its class; `None`: it names none that exists.
    pub(super) kind: Option<Kind>,
    /// `topic.prefix`
    pub(super) prefix: String,
    /// Connect's state of the connector.
    pub(super) state: &'static str,
    /// Its task, unless it has none.
    pub(super) task: Option<Task>,
    run: Option<(Status, Arc<Handle>)>,
}

impl Seen {
    fn of(seen: runtime::Seen, providers: &Providers) -> Self {
        let prefix = seen.config.get("topic.prefix").and_then(|prefix| providers.resolve(prefix).ok());
        Self {
            name: seen.name,
            kind: seen.kind,
            prefix: prefix.unwrap_or_default().trim().to_owned(),
            state: seen.state,
            task: seen.task,
            run: seen.handle.map(|handle| (handle.status(), handle)),
        }
    }

    /// What is counted and measured of it; `None`: nothing of it runs.
    pub(super) fn meters(&self) -> Option<&Meters> {
        self.run.as_ref().map(|(_, handle)| handle.meters())
    }

    /// Whether it runs, with a connection to its database that was found fit.
    pub(super) fn connected(&self) -> bool {
        let run = self.run.as_ref();
        run.is_some_and(|(status, handle)| status.state == State::Running && handle.progress().connected)
    }

    /// The state that says most of it: its task's, if it has one.
    pub(super) fn shown_state(&self) -> &'static str {
        self.task.as_ref().map_or(self.state, |task| task.state)
    }

    /// Whether a first run of it was tried, unless it is not to run.
    ///
    /// # Errors
    /// It was not.
    pub(super) fn tried(&self) -> Result<(), String> {
        if self.shown_state() == State::Unassigned.name() { Err("it was not tried yet".to_owned()) } else { Ok(()) }
    }

    /// Whether it does what it is to do: it runs and moves forward, or is paused or stopped.
    ///
    /// # Errors
    /// Why it does not.
    pub(super) fn moves(&self) -> Result<(), String> {
        let Some(Task { state, trace, .. }) = &self.task else { return Ok(()) };
        match &self.run {
            Some((status, handle)) if *state == status.state.name() && trace.is_none() => {
                vitals::moves(status, handle.meters())
            }
            // Paused: as it was told.
            _ if trace.is_none() && *state == self.state => Ok(()),
            _ => Err(trace.clone().unwrap_or_else(|| "it starts".to_owned())),
        }
    }

    /// Whether its loop turns, if it has one.
    ///
    /// # Errors
    /// For how long it has not.
    pub(super) fn turns(&self) -> Result<(), String> {
        self.meters().map_or(Ok(()), vitals::turns)
    }
}

/// All of them.
pub(super) fn all(worker: &Worker) -> Vec<Seen> {
    let providers = &worker.runtime.worker().providers;
    worker.runtime.all().into_iter().map(|seen| Seen::of(seen, providers)).collect()
}
