//! One connector's place: what it is to do, and what it does.

use std::sync::Arc;

use tokio::sync::{Mutex, watch};

use crate::config::{ConnectorFile, Properties, Target};
use crate::connector::status::Status;
use crate::connector::supervise::Handle;
use crate::offset::sqlite::Registered;

/// What a connector is to do.
#[derive(Clone)]
pub(super) struct Wanted {
    /// Its configuration; `None`: there is no such connector, not yet or not any more.
    pub(super) file: Option<Arc<ConnectorFile>>,
    /// Whether the configuration is that of its file, and not of the API.
    pub(super) from_file: bool,
    pub(super) target: Target,
    /// Whether it was started since it was made, or since it was stopped: as long, Connect has its task's configuration.
    pub(super) has_tasks: bool,
    /// A run of another generation has to end: the configuration is a new one, or a restart was asked for.
    pub(super) generation: u64,
}

impl Wanted {
    const NOTHING: Self =
        Self { file: None, from_file: false, target: Target::Stopped, has_tasks: false, generation: 0 };

    /// What a file asks for, after what was asked for before.
    pub(super) fn of_file(file: ConnectorFile, known: Option<&Registered>) -> Self {
        let target = known.map_or(file.initial_state, |known| known.target);
        let has_tasks = target == Target::Running || known.is_some_and(|known| known.has_tasks);
        Self { file: Some(Arc::new(file)), from_file: true, target, has_tasks, generation: 0 }
    }

    /// What was registered; `None` if only its file knows its configuration.
    pub(super) fn of_registered(connector: Registered) -> Option<Self> {
        let Registered { name, config, target, has_tasks } = connector;
        let file = ConnectorFile::registered(&name, config?);
        Some(Self { file: Some(Arc::new(file)), from_file: false, target, has_tasks, generation: 0 })
    }

    /// As the state keeps it.
    pub(super) fn registered(&self) -> Registered {
        let file = self.file.as_ref();
        Registered {
            name: file.map(|file| file.name.clone()).unwrap_or_default(),
            config: file.filter(|_| !self.from_file).map(|file| file.properties.clone()),
            target: self.target,
            has_tasks: self.has_tasks,
        }
    }

    /// The same with another target.
    pub(super) fn with_target(mut self, target: Target) -> Self {
        self.has_tasks = match target {
            Target::Running => true,
            Target::Paused => self.has_tasks,
            Target::Stopped => false,
        };
        Self { target, ..self }
    }
}

/// What runs.
#[derive(Clone)]
pub(super) struct Run {
    pub(super) generation: u64,
    pub(super) handle: Arc<Handle>,
}

/// What the keeper does.
#[derive(Clone)]
pub(super) enum Doing {
    /// Nothing runs.
    Nothing,
    /// This runs, or comes to its end.
    Running(Run),
    /// The process ends, and so did the connector, with that status.
    Ended(Option<Status>),
}

/// One connector's place.
pub(super) struct Entry {
    pub(super) name: String,
    /// One change at a time.
    pub(super) changing: Mutex<()>,
    pub(super) wanted: watch::Sender<Wanted>,
    pub(super) doing: watch::Sender<Doing>,
}

impl Entry {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            changing: Mutex::default(),
            wanted: watch::Sender::new(Wanted::NOTHING),
            doing: watch::Sender::new(Doing::Nothing),
        }
    }

    /// Whether there is such a connector.
    pub(super) fn exists(&self) -> bool {
        self.wanted.borrow().file.is_some()
    }

    /// Whether there is such a connector, and that is what it is to do.
    pub(super) fn wants(&self, target: Target) -> bool {
        let wanted = self.wanted.borrow();
        wanted.file.is_some() && wanted.target == target
    }

    /// Its configuration, as written.
    pub(super) fn config(&self) -> Option<Properties> {
        self.wanted.borrow().file.as_ref().map(|file| file.properties.clone())
    }

    /// What runs, if anything does.
    pub(super) fn run(&self) -> Option<Run> {
        match &*self.doing.borrow() {
            Doing::Running(run) => Some(run.clone()),
            Doing::Nothing | Doing::Ended(_) => None,
        }
    }

    /// Waits until something runs; `None` when the process ends.
    pub(super) async fn began(&self) -> Option<Arc<Handle>> {
        let mut doing = self.doing.subscribe();
        let begun = doing.wait_for(|doing| !matches!(doing, Doing::Nothing)).await.ok()?.clone();
        match begun {
            Doing::Running(run) => Some(run.handle),
            Doing::Nothing | Doing::Ended(_) => None,
        }
    }

    /// Waits until nothing runs.
    pub(super) async fn idle(&self) {
        let mut doing = self.doing.subscribe();
        // The sender is here: it cannot have gone.
        drop(doing.wait_for(|doing| !matches!(doing, Doing::Running(_))).await);
    }

    /// Waits until its keeper has ended, with the process; gives the status that the connector had.
    pub(super) async fn ended(&self) -> Option<Status> {
        let mut doing = self.doing.subscribe();
        match doing.wait_for(|doing| matches!(doing, Doing::Ended(_))).await.ok()?.clone() {
            Doing::Ended(status) => status,
            Doing::Nothing | Doing::Running(_) => None,
        }
    }

    /// Whether its keeper has ended.
    pub(super) fn has_ended(&self) -> bool {
        matches!(&*self.doing.borrow(), Doing::Ended(_))
    }
}
