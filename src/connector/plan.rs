//! A connector's file, understood: every problem of it at once, or the plan from which its parts are built.
//!
//! A plan is made anew for every start, and placeholders are resolved when it is made, so that a changed secret is seen.
//! Invariant: what a plan was made of is never shown; problems and warnings show properties as they were written.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use opentelemetry_sdk::trace::SdkTracer;

use super::contract::{Contract, Walk};
use super::dead_letter::replay::{self, Replay};
use super::dead_letter::{self, Classes, Failing};
use super::kind::Kind;
use super::parts::{SinkConfig, SourceConfig};
use super::pipeline::Pipeline;
use super::spans::Spans;
use super::stopping::Stopping;
use super::supervise::Retry;
use super::{Connector, ConnectorError, Limits, Settings, keys};
use crate::budget::Budget;
use crate::config::{ConnectorFile, Problem, Problems, Properties, Reader, Warning, Worker, legacy, placeholder};
use crate::convert::{Converter, Converters, HeaderConverter};
use crate::offset::sqlite::Sqlite;
use crate::record::{Records, Run};
use crate::sink::kafka::KafkaConfig;
use crate::sink::lines::{Encoding, Encodings};
use crate::source::columns;
use crate::source::common::{self, Common};
use crate::source::describe::{DescribeError, Script};
use crate::source::naming;
use crate::source::seats::Seats;
use crate::source::{SourceError, batcher};
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
    source: SourceConfig,
    run: Run,
    transforms: Vec<Box<dyn Transform>>,
    converters: Converters,
    sink: SinkConfig,
    failing: dead_letter::config::Config,
    classes: Classes,
}

/// What connectors are built with.
pub struct Surroundings {
    /// The daemon's settings.
    pub worker: Worker,
    /// Where positions are kept.
    pub state: Sqlite,
    /// `--once`
    pub once: bool,
    /// The memory that all connectors share.
    pub budget: Budget,
    /// The connections to each database server that all connectors share.
    pub seats: Seats,
    /// What makes spans, where somebody collects them.
    pub tracer: Option<SdkTracer>,
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
        let (properties, unresolved) = worker.providers.resolve_all(&written);
        let mut found = Vec::new();
        let mut plan = None;
        match kind(&properties) {
            Ok(kind) => {
                warnings.extend(keys::unknown(
                    &written,
                    &[
                        keys::KEYS,
                        dead_letter::config::KEYS,
                        common::KEYS,
                        columns::KEYS,
                        naming::KEYS,
                        SourceConfig::keys(kind),
                    ],
                ));
                let of_transforms = transform::unknown_keys(&properties).into_iter();
                warnings.extend(of_transforms.map(|key| Warning::unknown(key, "is no option of it; ignored")));
                match Self::read(kind, &properties, worker) {
                    Ok(read) => {
                        warnings.extend(read.sink.warnings().iter().cloned());
                        warnings.extend(read.converters.warnings.iter().cloned());
                        warnings.extend(read.failing.warnings.iter().cloned());
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
        let source = collect(SourceConfig::read(kind, properties), &mut problems);
        let transforms = collect(transform::build_chain(properties), &mut problems);
        let converters = collect(Converters::configured(&worker.properties, properties), &mut problems);
        let sink = collect(SinkConfig::read(worker, properties), &mut problems);
        let habits = collect(habits(properties), &mut problems);
        let failing = collect(dead_letter::config::Config::read(properties), &mut problems);
        let guarantee = collect(guarantee(properties), &mut problems);
        let habits = habits.zip(failing).filter(|_| guarantee.is_some());
        match (retry, source, transforms, converters, sink, habits) {
            (
                Some(retry),
                Some(source),
                Some(transforms),
                Some(converters),
                Some(mut sink),
                Some((habits, failing)),
            ) => {
                if let Some(topic) = failing.dead_letters() {
                    sink.create_dead_letters(topic, failing.replication_factor);
                }
                let classes = Classes::named(properties, &worker.properties);
                let run = run(kind, source.common(), habits);
                let partition = serde_json::json!({"server": run.prefix}).to_string();
                Ok(Self { kind, retry, partition, source, run, transforms, converters, sink, failing, classes })
            }
            _ => Err(problems),
        }
    }

    /// What makes bytes of its records.
    #[must_use]
    pub const fn converters(&self) -> &Converters {
        &self.converters
    }

    /// Whether the database can be reached as the file says.
    ///
    /// # Errors
    /// Why not.
    pub async fn reach(self) -> Result<(), SourceError> {
        let Self { source, .. } = self;
        source.reach().await
    }

    /// The same of a file that may be wrong in other respects: `None` if it does not say where the database is.
    pub fn reach_of(
        file: &ConnectorFile,
        worker: &Worker,
    ) -> Option<impl Future<Output = Result<(), SourceError>> + use<>> {
        let mut written = file.properties.clone();
        legacy::migrate(&mut written);
        let (mut properties, _) = worker.providers.resolve_all(&written);
        properties.retain(|key, _| says_where(key));
        let kind = kind(&properties).ok()?;
        let source = SourceConfig::read(kind, &properties).ok()?;
        Some(async move { source.reach().await })
    }

    /// The schemas of the connector's records, for the tables as they are now or would be after the script; and the
    /// converters that would write them.
    ///
    /// # Errors
    /// When the database cannot be asked, or the script cannot be tried.
    pub async fn contract(self, script: Option<&Script>) -> Result<(Contract, Converters), DescribeError> {
        let description = self.source.describe(script).await?;
        let walk = Walk::new(Records::new(self.run), self.transforms);
        Ok((walk.contract(&description, self.source.common()), self.converters))
    }

    fn connector(self, name: &str, surroundings: &Surroundings) -> Result<Connector, ConnectorError> {
        let Surroundings { worker, state, once, budget, seats, tracer } = surroundings;
        let messaging = matches!(self.sink, SinkConfig::Kafka(_)).then_some("kafka");
        let spans = tracer.as_ref().map(|tracer| Spans::new(tracer.clone(), name, self.kind.name(), messaging));
        let encodings = encodings(&self.converters);
        let limits = limits(worker);
        let address = self.source.common().address();
        let source = self.source.build();
        Ok(Connector {
            source: seats.seated(source, address),
            pipeline: Pipeline::new(Records::new(self.run), self.transforms, self.converters).failing(Failing::new(
                self.failing,
                name,
                self.classes,
            )),
            // A line of JSON shows where its record is in the log; Kafka's records do not.
            settings: Settings {
                limits,
                save_interval: Duration::from_millis(worker.save_interval_ms),
                batch: batcher::Limits::default(),
                record_offsets: !matches!(self.sink, SinkConfig::Kafka(_)),
                once: *once,
                budget: Some(budget.clone()),
            },
            sink: self.sink.build(encodings)?,
            offsets: Box::new(state.store(name, &self.partition)),
            spans,
        })
    }
}

impl Plan {
    /// What sends a connector's dead letters again: the same line, from the dead letter topic instead of the database. The
    /// connector's position has no part in it.
    ///
    /// # Errors
    /// The file names no dead letter topic, or there is no Kafka.
    pub fn replay(self, name: &str, worker: &Worker) -> Result<Replay, ConnectorError> {
        let Self { run, transforms, converters, sink, mut failing, classes, .. } = self;
        let topic = failing.topic.clone().ok_or_else(|| replay::problem(replay::NO_TOPIC))?;
        let SinkConfig::Kafka(mut config) = sink else { return Err(replay::problem(replay::NO_KAFKA)) };
        // What fails again goes there again, whatever the file says of the daemon.
        failing.tolerant = true;
        config.create_dead_letters(&topic, failing.replication_factor);
        let encodings = encodings(&converters);
        let pipeline =
            Pipeline::new(Records::new(run), transforms, converters).failing(Failing::new(failing, name, classes));
        let settings = Settings {
            limits: limits(worker),
            save_interval: Duration::from_millis(worker.save_interval_ms),
            batch: batcher::Limits::default(),
            record_offsets: false,
            once: true,
            budget: None,
        };
        let sink = SinkConfig::Kafka(config.clone()).build(encodings)?;
        Ok(Replay::new(*config, name, topic, (pipeline, sink, settings)))
    }

    /// Where a connector's dead letters are: what reads them, and the topic.
    ///
    /// # Errors
    /// The file names no dead letter topic, or there is no Kafka.
    pub fn dead_letters(self) -> Result<(KafkaConfig, Arc<str>), ConnectorError> {
        let topic = self.failing.topic.clone().ok_or_else(|| replay::problem(replay::NO_TOPIC))?;
        match self.sink {
            SinkConfig::Kafka(config) => Ok((*config, topic)),
            SinkConfig::Stdout | SinkConfig::File(_) => Err(replay::problem(replay::NO_KAFKA)),
        }
    }
}

fn limits(worker: &Worker) -> Limits {
    let stopping = Stopping::within(Duration::from_millis(worker.stop_timeout_ms));
    Limits { stopping, ..Limits::default() }
}

/// Whether a key is one of those that a connection to the database is made by.
fn says_where(key: &str) -> bool {
    let lists = ["database.include.list", "database.exclude.list", "database.server.id"];
    matches!(key, "connector.class" | "topic.prefix") || (key.starts_with("database.") && !lists.contains(&key))
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

/// `exactly.once.support`: whoever insists on more than there is must know that before anything is written.
fn guarantee(properties: &Properties) -> Result<(), Problems> {
    let mut reader = Reader::new(properties, &[keys::KEYS]);
    let asked = reader.choice("exactly.once.support");
    if asked == "required" {
        let reason = format!(
            "{} What was written and not yet saved is written again after a crash: set requested if consumers can take an \
             event twice",
            keys::NOT_EXACTLY_ONCE
        );
        reader.problem("exactly.once.support", Some(asked), &reason);
    }
    reader.finish(())
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
            Converter::Bytes | Converter::Framed(_) => Encoding::Binary,
        }
    }
    let header = match converters.header {
        HeaderConverter::Json(_) => Encoding::Json,
        HeaderConverter::Simple | HeaderConverter::Text => Encoding::Text,
        HeaderConverter::Bytes => Encoding::Binary,
    };
    Encodings { key: encoding(&converters.key), value: encoding(&converters.value), header }
}
