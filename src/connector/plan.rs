//! A connector's file, understood: every problem of it at once, or the plan from which its parts are built.
//!
//! A plan is made anew for every start, and placeholders are resolved when it is made, so that a changed secret is seen.
//! Invariant: what a plan was made of is never shown; problems and warnings show properties as they were written.

use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};

use super::kind::Kind;
use super::parts::{SinkConfig, SourceParts};
use super::pipeline::Pipeline;
use super::supervise::Retry;
use super::{Connector, ConnectorError, Limits, Settings, keys};
use crate::config::{ConnectorFile, Problem, Problems, Properties, Reader, Warning, Worker, legacy, placeholder};
use crate::convert::{Converter, Converters, HeaderConverter};
use crate::offset::sqlite::Sqlite;
use crate::record::{Records, Run};
use crate::sink::lines::{Encoding, Encodings};
use crate::source::Source;
use crate::source::columns;
use crate::source::common::{self, Common};
use crate::transform::{self, Transform};

/// What a file turned out to be.
#[derive(Default)]
pub struct Checked {
    /// What is wrong; nothing if there is a plan.
    pub problems: Vec<Problem>,
    /// What is accepted, but perhaps not meant.
    pub warnings: Vec<Warning>,
    /// The connector, ready to be built.
    pub plan: Option<Plan>,
}

/// A connector, ready to be built.
pub struct Plan {
    /// Which connector.
    pub kind: Kind,
    /// When to try again after an error that can pass.
    pub retry: Retry,
    /// Which database server it reads: Debezium's source partition, a JSON object.
    pub partition: String,
    source: Box<dyn Source>,
    run: Run,
    transforms: Vec<Box<dyn Transform>>,
    converters: Converters,
    sink: SinkConfig,
}

/// What connectors are built with.
pub struct Surroundings {
    /// The daemon's settings.
    pub worker: Worker,
    /// Where positions are kept.
    pub state: Sqlite,
    /// `--once`
    pub once: bool,
}

/// Builds the connector of a file.
#[must_use]
pub fn build(
    file: &ConnectorFile,
    surroundings: &Surroundings,
) -> BoxFuture<'static, Result<Connector, ConnectorError>> {
    let connector = Plan::of(file, &surroundings.worker)
        .map_err(ConnectorError::from)
        .and_then(|plan| plan.connector(&file.name, surroundings));
    std::future::ready(connector).boxed()
}

impl Plan {
    /// The plan of a file.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn of(file: &ConnectorFile, worker: &Worker) -> Result<Self, Problems> {
        let Checked { problems, plan, .. } = Self::check(file, worker);
        plan.ok_or(Problems(problems))
    }

    /// Understands a file; the daemon's settings count where the file is silent.
    #[must_use]
    pub fn check(file: &ConnectorFile, worker: &Worker) -> Checked {
        let mut warnings = file.warnings.clone();
        let mut written = file.properties.clone();
        warnings.extend(legacy::migrate(&mut written));
        let (properties, unresolved) = placeholder::resolve_all(&written);
        let mut found = Vec::new();
        let mut plan = None;
        match kind(&properties) {
            Ok(kind) => {
                warnings.extend(keys::unknown(
                    &written,
                    &[keys::KEYS, common::KEYS, columns::KEYS, SourceParts::keys(kind)],
                ));
                let of_transforms = transform::unknown_keys(&properties).into_iter();
                warnings.extend(of_transforms.map(|key| Warning::unknown(key, "is no option of it; ignored")));
                match Self::read(kind, &properties, worker) {
                    Ok(read) => {
                        warnings.extend(read.sink.warnings().iter().cloned());
                        plan = Some(read);
                    }
                    Err(problems) => found = problems,
                }
            }
            Err(problems) => found = problems.0,
        }
        placeholder::conceal(&mut found, &written, &properties);
        // What could not be resolved is missing too; once is enough.
        found.retain(|problem| !unresolved.iter().any(|other| other.key == problem.key));
        let problems: Vec<Problem> = unresolved.into_iter().chain(found).collect();
        let plan = plan.filter(|_| problems.is_empty());
        Checked { problems, warnings, plan }
    }

    fn read(kind: Kind, properties: &Properties, worker: &Worker) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let retry = collect(retry(properties), &mut problems);
        let source = collect(SourceParts::read(kind, properties), &mut problems);
        let transforms = collect(transform::build_chain(properties), &mut problems);
        let converters = collect(Converters::configured(&worker.properties, properties), &mut problems);
        let sink = collect(SinkConfig::read(worker, properties), &mut problems);
        let habits = collect(habits(properties), &mut problems);
        match (retry, source, transforms, converters, sink, habits) {
            (Some(retry), Some(source), Some(transforms), Some(converters), Some(sink), Some(habits)) => {
                let SourceParts { common, source } = source;
                let run = run(kind, &common, habits);
                let partition = serde_json::json!({"server": run.prefix}).to_string();
                Ok(Self { kind, retry, partition, source, run, transforms, converters, sink })
            }
            _ => Err(problems),
        }
    }

    fn connector(self, name: &str, surroundings: &Surroundings) -> Result<Connector, ConnectorError> {
        let Surroundings { worker, state, once } = surroundings;
        let encodings = encodings(&self.converters);
        let limits = Limits { drain_ms: worker.stop_timeout_ms, ..Limits::default() };
        Ok(Connector {
            source: self.source,
            pipeline: Pipeline::new(Records::new(self.run), self.transforms, self.converters),
            // A line of JSON shows where its record is in the log; Kafka's records do not.
            settings: Settings {
                limits,
                save_interval: Duration::from_millis(worker.save_interval_ms),
                record_offsets: !matches!(self.sink, SinkConfig::Kafka(_)),
                once: *once,
            },
            sink: self.sink.build(encodings)?,
            offsets: Box::new(state.store(name, &self.partition)),
        })
    }
}

fn collect<T>(result: Result<T, Problems>, problems: &mut Vec<Problem>) -> Option<T> {
    result.map_err(|found| problems.extend(found.0)).ok()
}

fn kind(properties: &Properties) -> Result<Kind, Problems> {
    let mut reader = Reader::new(properties, &[keys::KEYS]);
    let class = reader.text("connector.class");
    let class = reader.finish(class)?;
    Kind::named(&class).map_err(|problem| Problems(vec![problem]))
}

fn retry(properties: &Properties) -> Result<Retry, Problems> {
    let mut reader = Reader::new(properties, &[keys::KEYS]);
    let tries: i64 = reader.number("errors.max.retries");
    let wait_ms: u64 = reader.number("retriable.restart.connector.wait.ms");
    reader.finish(Retry { wait_max: Duration::from_millis(wait_ms), tries_max: u32::try_from(tries).ok() })
}

/// `tombstones.on.delete` and `extended.headers.enabled`
fn habits(properties: &Properties) -> Result<(bool, bool), Problems> {
    let mut reader = Reader::new(properties, &[common::KEYS]);
    let habits = (reader.flag("tombstones.on.delete"), reader.flag("extended.headers.enabled"));
    reader.finish(habits)
}

fn run(kind: Kind, common: &Common, (tombstones, context_headers): (bool, bool)) -> Run {
    Run {
        prefix: common.naming.prefix.clone(),
        connector: kind.name(),
        tombstones,
        context_headers,
        heartbeat_topic: common.naming.heartbeat(),
        transaction_topic: common.naming.transaction(),
    }
}

const fn encodings(converters: &Converters) -> Encodings {
    const fn encoding(converter: &Converter) -> Encoding {
        match converter {
            Converter::Json(_) => Encoding::Json,
            Converter::Text => Encoding::Text,
            Converter::Bytes => Encoding::Binary,
        }
    }
    let header = match converters.header {
        HeaderConverter::Json(_) => Encoding::Json,
        HeaderConverter::Simple | HeaderConverter::Text => Encoding::Text,
        HeaderConverter::Bytes => Encoding::Binary,
    };
    Encodings { key: encoding(&converters.key), value: encoding(&converters.value), header }
}
