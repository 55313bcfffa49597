//! What a connector says of itself while it runs: the status behind the API. Its numbers are [`crate::metrics::Meters`].

use std::time::{Duration, SystemTime};

/// The states of Kafka Connect's `AbstractStatus.State` that occur here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It starts: the database is not reached yet, or not found fit.
    Unassigned,
    /// It runs.
    Running,
    /// It stopped with an error that does not pass by itself.
    Failed,
    /// It met an error that can pass, and waits to try again.
    Restarting,
    /// It was told to stop.
    Stopped,
}

impl State {
    /// Connect's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unassigned => "UNASSIGNED",
            Self::Running => "RUNNING",
            Self::Failed => "FAILED",
            Self::Restarting => "RESTARTING",
            Self::Stopped => "STOPPED",
        }
    }
}

/// What a connector is doing.
#[derive(Clone, Debug)]
pub struct Status {
    /// The state of its task.
    pub state: State,
    /// Since when.
    pub since: SystemTime,
    /// Why it is not running: the error and its causes.
    pub trace: Option<String>,
    /// What comes of it; only where it is not running.
    pub outlook: Option<Outlook>,
}

/// What comes of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// It is tried again, after so many tries.
    Tried {
        /// Tries in vain so far.
        tries: u32,
        /// The longest wait until the next one.
        wait: Duration,
    },
    /// Somebody must mend something elsewhere; it is looked for again and again.
    Watched {
        /// The wait until the next look.
        wait: Duration,
    },
    /// It stays as it is until somebody mends it here.
    Stays,
}

impl Status {
    /// That state, from now on.
    #[must_use]
    pub fn now(state: State) -> Self {
        Self { state, since: SystemTime::now(), trace: None, outlook: None }
    }

    /// Why, since when and what comes of it, for people.
    #[must_use]
    pub fn explained(&self, connector: &str) -> Option<String> {
        let trace = self.trace.as_ref()?;
        let Some(outlook) = self.outlook else { return Some(trace.clone()) };
        let since = jiff::Timestamp::try_from(self.since).map(|since| format!("{since:.0}")).unwrap_or_default();
        let seconds = |wait: Duration| format!("{:.1} s", wait.as_secs_f64());
        let outlook = match outlook {
            Outlook::Tried { tries, wait } => {
                let times = if tries == 1 { "once".to_owned() } else { format!("{tries} times") };
                format!("tried {times} in vain; it is tried again by itself within {}", seconds(wait))
            }
            Outlook::Watched { wait } => {
                format!("it goes on by itself when this is mended, and looks again within {}", seconds(wait))
            }
            Outlook::Stays => format!(
                "it stays so; mend what is said above, then POST \
                 /connectors/{connector}/restart?includeTasks=true&onlyFailed=true, or PUT another configuration"
            ),
        };
        Some(format!("{trace}\nsince {since}: {outlook}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_why_since_when_and_what_to_do() {
        let status = |outlook| Status {
            state: State::Failed,
            since: SystemTime::UNIX_EPOCH,
            trace: Some("slot.name: is taken".to_owned()),
            outlook,
        };
        assert_eq!(status(None).explained("c").as_deref(), Some("slot.name: is taken"));
        let tried = status(Some(Outlook::Tried { tries: 3, wait: Duration::from_millis(1500) })).explained("c");
        let expected = "slot.name: is taken\nsince 1970-01-01T00:00:00Z: tried 3 times in vain; it is tried again by \
                        itself within 1.5 s";
        assert_eq!(tried.as_deref(), Some(expected));
        assert!(status(Some(Outlook::Stays)).explained("c").unwrap().contains("POST /connectors/c/restart?"));
        assert_eq!(Status::now(State::Running).explained("c"), None);
    }
}
