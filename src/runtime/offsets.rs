//! Offsets as an operator sees and changes them: Debezium's source partition and source offset, JSON objects.
//!
//! What a partition or an offset means is not looked at here, as in Connect: the connector says so when it starts.

use std::time::Duration;

use serde_json::{Map, Value};

use super::{Refusal, Runtime};
use crate::config::Target;

/// How long a request waits for the end of the connector's last run: Connect's time for any request.
const IDLE_LIMIT: Duration = Duration::from_secs(90);

/// A source partition, and its offset; `None` takes it away.
pub type Alteration = (Map<String, Value>, Option<Map<String, Value>>);

impl Runtime {
    /// The saved offsets of a connector: partition and offset. Those of one that was told to stop are the last ones: whoever
    /// hands them to another must not be given what the end of its run is about to change.
    ///
    /// # Errors
    /// There is no such connector.
    pub async fn offsets(&self, name: &str) -> Result<Vec<(Value, Value)>, Refusal> {
        let entry = self.find(name)?;
        if entry.wants(Target::Stopped) {
            // A run that does not end has not changed them for long.
            drop(tokio::time::timeout(IDLE_LIMIT, entry.idle()).await);
        }
        let saved = self.surroundings.state.offsets(name).await?;
        let json = |text: String| serde_json::from_str(&text).unwrap_or(Value::String(text));
        Ok(saved.into_iter().map(|(partition, offset)| (json(partition), json(offset))).collect())
    }

    /// Puts offsets in place of those that are there; the others stay.
    ///
    /// # Errors
    /// There is no such connector, or it is not stopped.
    pub async fn alter_offsets(&self, name: &str, alterations: Vec<Alteration>) -> Result<(), Refusal> {
        let texts = alterations.into_iter().map(|(partition, offset)| {
            // As the connector itself writes it, whose partitions have one key.
            (sorted(Value::Object(partition)).to_string(), offset.map(|offset| Value::Object(offset).to_string()))
        });
        let texts = texts.collect();
        self.stopped(name, async || self.surroundings.state.alter_offsets(name, texts).await).await
    }

    /// Takes all offsets of a connector away.
    ///
    /// # Errors
    /// There is no such connector, or it is not stopped.
    pub async fn reset_offsets(&self, name: &str) -> Result<(), Refusal> {
        self.stopped(name, async || self.surroundings.state.reset_offsets(name).await).await
    }

    /// Does something while the connector stays stopped, after its last run has ended.
    async fn stopped<T>(
        &self,
        name: &str,
        change: impl AsyncFnOnce() -> Result<T, crate::offset::OffsetError>,
    ) -> Result<T, Refusal> {
        let entry = self.find(name)?;
        let limit = tokio::time::sleep(IDLE_LIMIT);
        tokio::pin!(limit);
        let _changing = tokio::select! {
            changing = entry.changing.lock() => changing,
            () = &mut limit => return Err(Refusal::TimedOut(IDLE_LIMIT)),
        };
        if !entry.exists() {
            return Err(Refusal::Unknown);
        }
        if !entry.wants(Target::Stopped) {
            return Err(Refusal::NotStopped);
        }
        tokio::select! {
            () = entry.idle() => {}
            () = limit => return Err(Refusal::TimedOut(IDLE_LIMIT)),
        }
        Ok(change().await?)
    }
}

/// The same object with its members in the order of their names, so that equal partitions are equal texts.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<(String, Value)> =
                members.into_iter().map(|(name, value)| (name, sorted(value))).collect();
            members.sort_by(|(one, _), (other, _)| one.cmp(other));
            Value::Object(members.into_iter().collect())
        }
        Value::Array(entries) => Value::Array(entries.into_iter().map(sorted).collect()),
        other => other,
    }
}
