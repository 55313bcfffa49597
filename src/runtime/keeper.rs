//! A connector's keeper: makes what the connector does what it is to do.
//!
//! It alone starts and ends runs. However fast its orders change, it follows the newest one when it is free again; an end
//! that takes its time holds up this connector and no other.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::Entries;
use super::entry::{Doing, Entry, Run, Wanted};
use crate::config::{ConnectorFile, Target};
use crate::connector::plan::{self, Plan, Surroundings};
use crate::connector::supervise::{self, Retry};

pub(super) struct Keeper {
    pub(super) entry: Arc<Entry>,
    pub(super) entries: Arc<Entries>,
    pub(super) surroundings: Arc<Surroundings>,
    /// The process ends.
    pub(super) closing: CancellationToken,
}

impl Keeper {
    /// Until the process ends, or the connector was deleted.
    pub(super) async fn keep(self) {
        let mut wanted = self.entry.wanted.subscribe();
        loop {
            let now = wanted.borrow_and_update().clone();
            if self.closing.is_cancelled() {
                return self.close().await;
            }
            if !self.follow(&now).await {
                continue;
            }
            if now.file.is_none() && self.entries.forget(&self.entry) {
                return;
            }
            tokio::select! {
                _ = wanted.changed() => {}
                () = self.closing.cancelled() => {}
            }
        }
    }

    /// Does what is wanted; `false` after a wait, in which something else may have been wanted.
    async fn follow(&self, wanted: &Wanted) -> bool {
        let Wanted { file, target, generation, .. } = wanted;
        match (self.entry.run(), file) {
            (Some(run), Some(_)) if run.generation == *generation && *target != Target::Stopped => {
                run.handle.pause(*target == Target::Paused);
            }
            (Some(run), _) => {
                run.handle.stop();
                run.handle.ended().await;
                self.entry.doing.send_replace(Doing::Nothing);
                return false;
            }
            (None, Some(file)) if *target == Target::Running => self.start(file, *generation),
            (None, _) => {}
        }
        true
    }

    fn start(&self, file: &Arc<ConnectorFile>, generation: u64) {
        let checked = Plan::check(file, &self.surroundings.worker);
        let span = tracing::info_span!("connector", connector = %file.name);
        let _entered = span.enter();
        if file.path.as_os_str().is_empty() {
            // Those of files were told when the files were read.
            checked.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        }
        let class = checked.plan.as_ref().map(|plan| plan.kind.class());
        // A plan that cannot be made fails the run at once, with its problems.
        let retry = checked.plan.map_or_else(Retry::default, |plan| plan.retry);
        let (file, surroundings) = (Arc::clone(file), Arc::clone(&self.surroundings));
        tracing::info!(class, "starting");
        let handle = supervise::start(Box::new(move || plan::build(&file, &surroundings)), retry);
        self.entry.doing.send_replace(Doing::Running(Run { generation, handle: Arc::new(handle) }));
    }

    async fn close(&self) {
        let run = self.entry.run();
        let status = match run {
            Some(run) => {
                run.handle.stop();
                Some(run.handle.ended().await)
            }
            None => None,
        };
        self.entry.doing.send_replace(Doing::Ended(status));
    }
}
