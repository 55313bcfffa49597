//! Changes of connectors: made, configured, told what to do, restarted, deleted.

use std::sync::Arc;

use super::check::Draft;
use super::entry::{Entry, Wanted};
use super::view::Seen;
use super::{Refusal, Runtime};
use crate::config::properties::masked;
use crate::config::{ConnectorFile, Properties, Target};

/// What of a connector is to be restarted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restart {
    /// `includeTasks`: its task too.
    pub include_tasks: bool,
    /// `onlyFailed`: only what has failed.
    pub only_failed: bool,
}

/// A connector at the moment of its restart, and what of it is restarted.
pub struct Restarted {
    /// As it was.
    pub seen: Seen,
    /// The connector itself is restarted.
    pub connector: bool,
    /// So is its task.
    pub task: bool,
}

impl Runtime {
    /// Makes a connector of that name.
    ///
    /// # Errors
    /// Its configuration is wrong, or the name is taken.
    pub async fn create(&self, name: &str, draft: Draft, target: Target) -> Result<Seen, Refusal> {
        let properties = self.checked(name, draft).await?;
        let entry = self.entry(name);
        let _changing = entry.changing.lock().await;
        if entry.exists() {
            return Err(Refusal::Exists);
        }
        self.configure_entry(&entry, properties, Some(target)).await
    }

    /// Gives a connector another configuration, or makes it; says whether it was made.
    ///
    /// # Errors
    /// The configuration is wrong.
    pub async fn configure(&self, name: &str, draft: Draft) -> Result<(Seen, bool), Refusal> {
        let properties = self.checked(name, draft).await?;
        let entry = self.entry(name);
        let _changing = entry.changing.lock().await;
        let made = !entry.exists();
        Ok((self.configure_entry(&entry, properties, None).await?, made))
    }

    /// Changes some properties of a connector; a null takes one away.
    ///
    /// # Errors
    /// There is no such connector, or the configuration would be wrong.
    pub async fn patch(&self, name: &str, patch: Draft) -> Result<Seen, Refusal> {
        let entry = self.find(name)?;
        // As it is shown: a secret that is not written again is one that was sent back.
        let mut patched = masked(&entry.config().ok_or(Refusal::Unknown)?);
        for null in &patch.nulls {
            patched.remove(null);
        }
        patched.extend(patch.properties);
        let properties = self.checked(name, Draft { properties: patched, ..Draft::default() }).await?;
        let _changing = entry.changing.lock().await;
        if !entry.exists() {
            return Err(Refusal::Unknown);
        }
        self.configure_entry(&entry, properties, None).await
    }

    /// Deletes a connector. Its offsets stay.
    ///
    /// # Errors
    /// There is no such connector.
    pub async fn delete(&self, name: &str) -> Result<(), Refusal> {
        let entry = self.find(name)?;
        let _changing = entry.changing.lock().await;
        if !entry.exists() {
            return Err(Refusal::Unknown);
        }
        self.surroundings.state.unregister(name).await?;
        entry.wanted.send_modify(|wanted| {
            let generation = wanted.generation + 1;
            *wanted = Wanted { file: None, target: Target::Stopped, has_tasks: false, generation, from_file: false };
        });
        Ok(())
    }

    /// Tells a connector what to do.
    ///
    /// # Errors
    /// There is no such connector.
    pub async fn set_target(&self, name: &str, target: Target) -> Result<(), Refusal> {
        let entry = self.find(name)?;
        let _changing = entry.changing.lock().await;
        let wanted = entry.wanted.borrow().clone().with_target(target);
        if wanted.file.is_none() {
            return Err(Refusal::Unknown);
        }
        self.commit(&entry, wanted).await
    }

    /// Restarts a connector, or what of it has failed.
    ///
    /// # Errors
    /// There is no such connector.
    pub async fn restart(&self, name: &str, restart: Restart) -> Result<Restarted, Refusal> {
        let entry = self.find(name)?;
        let _changing = entry.changing.lock().await;
        let seen = entry.seen(self.providers()).ok_or(Refusal::Unknown)?;
        let has_failed = seen.task.as_ref().is_some_and(|task| task.state == "FAILED");
        let task = restart.include_tasks && seen.task.is_some() && (has_failed || !restart.only_failed);
        if task {
            entry.wanted.send_modify(|wanted| wanted.generation += 1);
        }
        // A connector has nothing of its own that could fail, or be restarted: all it does is its task.
        Ok(Restarted { seen, connector: !restart.only_failed, task })
    }

    /// Restarts a task.
    ///
    /// # Errors
    /// There is no such connector, or no such task.
    pub async fn restart_task(&self, name: &str, task: u32) -> Result<(), Refusal> {
        let entry = self.find(name)?;
        let _changing = entry.changing.lock().await;
        let seen = entry.seen(self.providers()).ok_or(Refusal::Unknown)?;
        if seen.task.is_none_or(|seen| seen.id != task) {
            return Err(Refusal::UnknownTask);
        }
        entry.wanted.send_modify(|wanted| wanted.generation += 1);
        Ok(())
    }

    /// Forgets which topics a connector wrote; whether there is such a connector does not matter to Connect.
    ///
    /// # Errors
    /// The state cannot be written.
    pub async fn reset_topics(&self, name: &str) -> Result<(), Refusal> {
        let entry = self.entries.get(name);
        if let Some(run) = entry.and_then(|entry| entry.run()) {
            run.handle.forget_topics();
        }
        Ok(self.surroundings.state.reset_topics(name).await?)
    }

    /// The properties of a draft, if nothing is wrong with it.
    async fn checked(&self, name: &str, draft: Draft) -> Result<Properties, Refusal> {
        let draft = self.unmasked(name, draft);
        let checkup = self.check(&draft).await?;
        if checkup.problems.is_empty() { Ok(draft.properties) } else { Err(Refusal::Invalid(checkup.problems)) }
    }

    async fn configure_entry(
        &self,
        entry: &Arc<Entry>,
        properties: Properties,
        target: Option<Target>,
    ) -> Result<Seen, Refusal> {
        let now = entry.wanted.borrow().clone();
        let target = target.or_else(|| now.file.is_some().then_some(now.target)).unwrap_or(Target::Running);
        let file = ConnectorFile::registered(&entry.name, properties);
        let wanted = Wanted { file: Some(Arc::new(file)), from_file: false, generation: now.generation + 1, ..now };
        self.commit(entry, wanted.with_target(target)).await?;
        entry.seen(self.providers()).ok_or(Refusal::Unknown)
    }

    /// Makes it durable, and then makes it count.
    async fn commit(&self, entry: &Arc<Entry>, wanted: Wanted) -> Result<(), Refusal> {
        self.surroundings.state.register(wanted.registered()).await?;
        entry.wanted.send_replace(wanted);
        Ok(())
    }
}
