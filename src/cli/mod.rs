//! The command line: `run`, `validate`, `schema`, `dead-letters`, `version`. Other programs rely on it.
//!
//! Status: 0 done, 1 failed while running, 2 wrong usage or configuration, 3 a schema that is not compatible, 141 nobody
//! reads standard output any more.

mod dead_letters;
mod schema;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::api::Door;
use crate::config::{ConnectorFile, Problem, Warning, Worker};
use crate::connector::plan::Plan;
use crate::daemon::{self, DaemonError};
use crate::telemetry::{self, Telemetry, otlp};

/// Change data capture from MySQL and PostgreSQL to Kafka, with Debezium's events and Kafka Connect's interface.
#[derive(Debug, Parser)]
#[command(name = "rowtide", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the daemon with the connectors of these files.
    Run(Run),
    /// Print every problem of every file, a line each.
    Validate(Validate),
    /// Hold the schemas of a connector's records against its schema registry, or register them.
    #[command(subcommand)]
    Schema(schema::Schema),
    /// List the records of a connector that failed, or send them again.
    DeadLetters(dead_letters::DeadLetters),
    /// Print the version.
    Version,
}

#[derive(Debug, Args)]
struct Run {
    /// The worker's settings: TOML, YAML, JSON or Java properties; later files win.
    #[arg(long, value_name = "FILE")]
    config: Vec<PathBuf>,
    /// One worker setting, the last word: bootstrap.servers=…, value.converter=…, rest.port=…
    #[arg(long, value_name = "KEY=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
    /// Stop, with status 0, when every connector has delivered what its log held at the start.
    #[arg(long)]
    once: bool,
    /// Connector files: {"name", "config"}, or the flat map of properties.
    #[arg(value_name = "CONNECTOR.json")]
    files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
struct Validate {
    /// Refuse keys that are not known, too.
    #[arg(long)]
    strict: bool,
    /// Connector files.
    #[arg(value_name = "CONNECTOR.json", required = true)]
    files: Vec<PathBuf>,
}

const FAILED: u8 = 1;
const WRONG: u8 = 2;
const INCOMPATIBLE: u8 = 3;
/// What a shell says of a program that SIGPIPE ended.
const READER_GONE: u8 = 141;

impl Cli {
    /// Does what was asked for.
    #[must_use]
    pub fn execute(self) -> ExitCode {
        match self.command {
            Command::Run(run) => run.execute(),
            Command::Validate(validate) => validate.execute(),
            Command::Schema(schema) => schema.execute(),
            Command::DeadLetters(dead_letters) => dead_letters.execute(),
            Command::Version => {
                say(concat!("rowtide ", env!("CARGO_PKG_VERSION")));
                ExitCode::SUCCESS
            }
        }
    }
}

impl Run {
    fn execute(self) -> ExitCode {
        let (worker, mut problems) = match Worker::load(&self.config, environment(), &self.set) {
            Ok(worker) => (Ok(worker), Vec::new()),
            // The connector files are looked at all the same: every problem at once.
            Err(problems) => (any_worker(), problems),
        };
        let Ok(worker) = worker else { return refuse(&problems) };
        let checked = check(&self.files, &worker);
        let door = Door::read(&worker);
        if let Err(more) = &door {
            problems.extend(more.iter().cloned());
        }
        let traces = otlp::Settings::read(environment());
        if let Err(more) = &traces {
            problems.extend(more.iter().cloned());
        }
        if !problems.is_empty() || checked.iter().any(|file| !file.problems.is_empty()) {
            checked.iter().flat_map(CheckedFile::lines).for_each(|line| complain(&line));
            return refuse(&problems);
        }
        let (Ok(door), Ok(traces)) = (door, traces) else { return refuse(&problems) };
        let loggers = match telemetry::start(worker.log_format, &worker.log_level) {
            Ok(loggers) => loggers,
            Err(problem) => return refuse(&[problem]),
        };
        for warning in &worker.warnings {
            tracing::warn!("{warning}");
        }
        for file in &checked {
            file.warnings.iter().for_each(|warning| tracing::warn!(file = %file.path.display(), "{warning}"));
        }
        let connectors = checked.into_iter().filter_map(|file| file.connector).collect();
        match daemon::start(worker, door, connectors, self.once, Telemetry { loggers, traces }) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                tracing::error!("{error}");
                if matches!(error, DaemonError::ReaderGone) { READER_GONE } else { FAILED }.into()
            }
        }
    }
}

impl Validate {
    fn execute(self) -> ExitCode {
        let worker = match any_worker() {
            Ok(worker) => worker,
            Err(problems) => return refuse(&problems),
        };
        let checked = check(&self.files, &worker);
        checked.iter().flat_map(CheckedFile::lines).for_each(|line| say(&line));
        let wrong = |file: &CheckedFile| {
            !file.problems.is_empty() || self.strict && file.warnings.iter().any(|warning| warning.unknown)
        };
        if checked.iter().any(wrong) { WRONG.into() } else { ExitCode::SUCCESS }
    }
}

/// A file, and what was found in it.
struct CheckedFile {
    path: PathBuf,
    problems: Vec<Problem>,
    warnings: Vec<Warning>,
    connector: Option<ConnectorFile>,
}

impl CheckedFile {
    fn read(path: PathBuf, worker: &Worker) -> Self {
        match ConnectorFile::read(&path) {
            Ok(connector) => {
                let checked = Plan::check(&connector, worker);
                let (problems, warnings) = (checked.problems, checked.warnings);
                Self { path, problems, warnings, connector: Some(connector) }
            }
            Err(problems) => Self { path, problems, warnings: Vec::new(), connector: None },
        }
    }

    /// A line for each problem and warning.
    fn lines(&self) -> Vec<String> {
        let path = self.path.display();
        let problems = self.problems.iter().map(|problem| format!("{path}: error: {problem}"));
        problems.chain(self.warnings.iter().map(|warning| format!("{path}: warning: {warning}"))).collect()
    }
}

/// Everything about every file; a name that an earlier file has is a problem of the later one.
fn check(files: &[PathBuf], worker: &Worker) -> Vec<CheckedFile> {
    let mut checked: Vec<CheckedFile> = Vec::new();
    for path in files {
        let mut file = CheckedFile::read(path.clone(), worker);
        let earlier = |other: &&CheckedFile| match (&other.connector, &file.connector) {
            (Some(other), Some(this)) => other.name == this.name,
            _ => false,
        };
        if let Some(other) = checked.iter().find(earlier) {
            let reason = format!("is the name of the connector in {} too; names must differ", other.path.display());
            let name = file.connector.as_ref().map(|connector| connector.name.clone()).unwrap_or_default();
            file.problems.push(Problem::new("name", reason).with_value(name));
        }
        checked.push(file);
    }
    checked
}

/// The variables of the environment that are text.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// A worker of which nothing is known but that it has Kafka, so that what a file says of the producer and of topics is
/// looked at too. Nothing connects.
fn any_worker() -> Result<Worker, Vec<Problem>> {
    Worker::load(&[], [], &[("bootstrap.servers".to_owned(), "localhost:9092".to_owned())])
}

fn refuse(problems: &[Problem]) -> ExitCode {
    for problem in problems {
        complain(&format!("error: {problem}"));
    }
    WRONG.into()
}

fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.to_owned())),
        _ => Err("must be KEY=VALUE".to_owned()),
    }
}

/// A line of an answer. A reader that has gone wants no more of it.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// A line about what is wrong, before there is a log.
fn complain(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
