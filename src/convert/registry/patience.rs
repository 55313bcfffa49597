//! The schema that a record is written with, as the options say; a registry that is away is waited for.
//!
//! While this waits the line waits: nothing is read, nothing grows, and the database keeps its log.

use std::time::{Duration, Instant};

use rand::Rng;

use super::{Definition, Registered, Registry, RegistryError, explain};

/// Between two warnings of the same outage.
const WARN_EVERY: Duration = Duration::from_secs(60);

/// After that long without an answer it is told that there is none.
const SLOW: Duration = Duration::from_secs(10);

impl Registry {
    /// The schema to write with: its id, and its text. Asks the registry once for each text, and waits for one that is away,
    /// unless that is somebody else's part.
    ///
    /// # Errors
    /// What waiting does not mend; any, where nothing is waited for.
    pub(in crate::convert) async fn writer(
        &self,
        subject: &str,
        ours: &Definition,
    ) -> Result<Registered, RegistryError> {
        if let Some(known) = self.shared.cache.get(subject, ours) {
            return Ok(known);
        }
        let writer =
            if self.waits { self.patiently(subject, ours).await? } else { self.warning_if_slow(subject, ours).await? };
        self.shared.cache.put(subject, ours, &writer);
        Ok(writer)
    }

    async fn patiently(&self, subject: &str, ours: &Definition) -> Result<Registered, RegistryError> {
        let since = Instant::now();
        let mut warned: Option<Instant> = None;
        let mut tries: u32 = 0;
        loop {
            match self.warning_if_slow(subject, ours).await {
                Err(error) if error.can_pass() => {
                    let wait = self.wait(tries);
                    if warned.is_none_or(|last| last.elapsed() >= WARN_EVERY) {
                        let wait_ms = millis(wait);
                        tracing::warn!(%error, wait_ms, "the schema registry is away; the line waits for it");
                        warned = Some(Instant::now());
                    }
                    tries = tries.saturating_add(1);
                    tokio::time::sleep(wait).await;
                }
                answer => {
                    if warned.is_some() {
                        let waited_ms = millis(since.elapsed());
                        tracing::info!(url = self.url(), waited_ms, "the schema registry answers again");
                    }
                    return answer;
                }
            }
        }
    }

    async fn warning_if_slow(&self, subject: &str, ours: &Definition) -> Result<Registered, RegistryError> {
        let asking = self.ask(subject, ours);
        tokio::pin!(asking);
        tokio::select! {
            answer = &mut asking => answer,
            () = tokio::time::sleep(SLOW) => {
                tracing::warn!(url = self.url(), subject, "the schema registry has not answered yet; the line waits for it");
                asking.await
            }
        }
    }

    /// Doubles from the first wait to the longest; a random part keeps many connectors from asking in step.
    fn wait(&self, tries: u32) -> Duration {
        let pace = self.shared.pace;
        let wait = pace.first.saturating_mul(1 << tries.min(16)).min(pace.longest).max(Duration::from_millis(10));
        wait.mul_f64(rand::rng().random_range(0.8..1.0))
    }

    /// Confluent's `AbstractKafkaAvroSerializer.serializeImpl`: the first of the options that is set decides.
    async fn ask(&self, subject: &str, ours: &Definition) -> Result<Registered, RegistryError> {
        let habits = &self.habits;
        if habits.auto_register {
            let registered = self.register(subject, ours).await?;
            // The registry may tell a text that it normalised; the bytes are the same.
            return Ok(Registered { text: ours.text.clone(), ..registered });
        }
        let unregistered = |reason: String| {
            let reason = format!("{reason}; nothing is lost, and it goes on once it is there");
            RegistryError::Unregistered { url: self.url(), subject: subject.to_owned(), reason }
        };
        if let Some(id) = habits.use_id {
            let found = self.by_id(id, subject).await?;
            let found =
                found.ok_or_else(|| unregistered(format!("there is no schema of the id {id} (use.schema.id)")))?;
            return self.readable(subject, ours, found, habits.id_strict.then_some("id.compatibility.strict"));
        }
        if habits.use_latest {
            let found = self.latest(subject).await?;
            let found = found.ok_or_else(|| unregistered("it has no version (use.latest.version)".to_owned()))?;
            return self.readable(subject, ours, found, habits.latest_strict.then_some("latest.compatibility.strict"));
        }
        let found = self.lookup(subject, ours).await?;
        found.map(|found| Registered { text: ours.text.clone(), ..found }).ok_or_else(|| {
            unregistered(format!(
                "the schema is not registered, and auto.register.schemas is false; register it: {}",
                ours.text
            ))
        })
    }

    /// Confluent's `isBackwardCompatible`: whoever reads with the registry's schema must be able to read ours, if the
    /// option that is named asks for it.
    fn readable(
        &self,
        subject: &str,
        ours: &Definition,
        found: Registered,
        strict: Option<&str>,
    ) -> Result<Registered, RegistryError> {
        match (explain::can_read(ours.kind, &ours.text, &found.text), strict) {
            (Err(reason), Some(option)) => Err(RegistryError::Unregistered {
                url: self.url(),
                subject: subject.to_owned(),
                reason: format!(
                    "the schema with the id {} cannot read what the table's schema writes ({option}): {reason}; nothing \
                     is lost, and it goes on once the registry has one that can",
                    found.id
                ),
            }),
            _ => Ok(found),
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
