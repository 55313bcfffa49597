//! A connector's file, understood: every problem of it at once, or the plan by which its parts are built, for each run
//! anew.
//!
//! Placeholders are resolved when the plan is made, and a plan is made for every start, so that a changed secret is seen.

use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};

use crate::config::{ConnectorFile, Key, Problem, Problems, Properties, Reader, Warning, Worker, legacy, placeholder};
use crate::convert::Converters;
use crate::offset::sqlite::Sqlite;
use crate::source::common;

use super::keys;
use super::kind::Kind;
use super::supervise::Retry;
use super::{Connector, ConnectorError};

/// What a file turned out to be.
#[derive(Debug, Default)]
pub struct Checked {
    /// What is wrong; nothing if there is a plan.
    pub problems: Vec<Problem>,
    /// What is accepted, but perhaps not meant.
    pub warnings: Vec<Warning>,
    /// The connector, ready to be built.
    pub plan: Option<Plan>,
}

/// A connector, ready to be built.
#[derive(Debug)]
pub struct Plan {
    /// Which connector.
    pub kind: Kind,
    /// `topic.prefix`
    pub prefix: String,
    /// `database.hostname`
    pub host: String,
    /// When to try again.
    pub retry: Retry,
}

/// What a connector is built with.
pub struct Surroundings {
    /// The daemon's settings.
    pub worker: Worker,
    /// Where positions are kept.
    pub state: Sqlite,
    /// `--once`
    pub once: bool,
}

/// Builds the connector of a file.
pub fn build(
    file: &ConnectorFile,
    surroundings: &Surroundings,
) -> BoxFuture<'static, Result<Connector, ConnectorError>> {
    let plan = Plan::of(file, &surroundings.worker.properties);
    let _ = &surroundings.once;
    let _ = &surroundings.state;
    async move {
        let plan = plan?;
        let reason = format!("{} is not built in yet", plan.kind.class());
        Err(Problems(vec![Problem::new("connector.class", reason)]).into())
    }
    .boxed()
}

impl Plan {
    /// The plan of a file.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn of(file: &ConnectorFile, worker: &Properties) -> Result<Self, Problems> {
        let Checked { problems, plan, .. } = Self::check(file, worker);
        plan.ok_or(Problems(problems))
    }

    /// Understands a file; `worker` are the daemon's settings, whose converters count where the file names none.
    #[must_use]
    pub fn check(file: &ConnectorFile, worker: &Properties) -> Checked {
        let mut warnings = file.warnings.clone();
        let mut written = file.properties.clone();
        warnings.extend(legacy::migrate(&mut written));
        let (properties, unresolved) = placeholder::resolve_all(&written);
        let mut reader = Reader::new(&properties, &[keys::KEYS]);
        let class = reader.text("connector.class");
        let kind = (!class.is_empty()).then(|| Kind::named(&class));
        let mut found = Vec::new();
        found.extend(reader.finish(()).err().into_iter().flat_map(|problems| problems.0));
        let mut plan = None;
        match kind {
            Some(Ok(kind)) => {
                warnings.extend(keys::unknown(&properties, &[keys::KEYS, common::KEYS]));
                match Self::read(kind, &properties, worker) {
                    Ok(read) => plan = Some(read),
                    Err(problems) => found.extend(problems),
                }
            }
            Some(Err(problem)) => found.push(problem),
            None => {}
        }
        placeholder::conceal(&mut found, &written, &properties);
        // What could not be resolved is missing too; once is enough.
        found.retain(|problem| !unresolved.iter().any(|other| other.key == problem.key));
        let problems: Vec<Problem> = unresolved.into_iter().chain(found).collect();
        let plan = plan.filter(|_| problems.is_empty());
        Checked { problems, warnings, plan }
    }

    fn read(kind: Kind, properties: &Properties, worker: &Properties) -> Result<Self, Vec<Problem>> {
        let keys: &[&[Key]] = &[keys::KEYS, common::KEYS];
        let mut reader = Reader::new(properties, keys);
        let plan = Self {
            kind,
            prefix: reader.text("topic.prefix"),
            host: reader.text("database.hostname"),
            retry: retry(&mut reader),
        };
        let converters = Converters::configured(worker, properties);
        match (reader.finish(plan), converters) {
            (Ok(plan), Ok(_)) => Ok(plan),
            (plan, converters) => {
                let problems = [plan.err(), converters.err()];
                Err(problems.into_iter().flatten().flat_map(|problems| problems.0).collect())
            }
        }
    }
}

fn retry(reader: &mut Reader<'_>) -> Retry {
    let tries: i64 = reader.number("errors.max.retries");
    let wait_ms: u64 = reader.number("retriable.restart.connector.wait.ms");
    Retry { wait_max: Duration::from_millis(wait_ms), tries_max: u32::try_from(tries).ok() }
}
