//! `schema check` and `schema register`: what a schema registry would say of a connector's records, for CI and before DDL.
//!
//! Owns the report's two forms, lines and JSON; what is in it is [`crate::connector::contract`]'s. Status: 0 good, 3 a
//! schema that is not compatible or a table that would stop the connector, 2 wrong usage or configuration (a script that
//! the database does not take, too), 1 the database or the registry could not be asked.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{CheckedFile, FAILED, INCOMPATIBLE, WRONG, assignment, complain, environment, refuse, say};
use crate::config::Worker;
use crate::connector::contract::report::{self, Entry, Report};
use crate::connector::plan::Plan;
use crate::convert::Converters;
use crate::convert::registry::{Registered, SchemaType, Verdict};
use crate::source::describe::{DescribeError, Script};
use crate::telemetry;

/// What is done with a connector's schemas.
#[derive(Debug, Subcommand)]
pub(super) enum Schema {
    /// Tell, subject by subject, what registering the schemas of all captured tables would do; nothing is changed.
    Check(Target),
    /// Register them, if all are compatible, before anything is produced.
    Register(Target),
}

/// Which connector, and how its tables are to be.
#[derive(Debug, Args)]
pub(super) struct Target {
    /// The worker's settings, as for `run`.
    #[arg(long, value_name = "FILE")]
    config: Vec<PathBuf>,
    /// One worker setting, as for `run`.
    #[arg(long, value_name = "KEY=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
    /// The tables as they would be after this DDL: it is tried, in PostgreSQL in a transaction that is rolled back, in MySQL
    /// in scratch databases that are dropped.
    #[arg(long, value_name = "FILE")]
    ddl: Option<PathBuf>,
    /// One JSON object instead of lines.
    #[arg(long)]
    json: bool,
    /// The connector file.
    #[arg(value_name = "CONNECTOR.json")]
    file: PathBuf,
}

/// Why there is no report: what is said, and the status.
struct Failure(u8, String);

impl Schema {
    pub(super) fn execute(self) -> ExitCode {
        let (target, registers) = match self {
            Self::Check(target) => (target, false),
            Self::Register(target) => (target, true),
        };
        match target.run(registers) {
            Ok(code) => code,
            Err(Failure(status, message)) => {
                complain(&format!("{}: error: {message}", target.file.display()));
                status.into()
            }
        }
    }
}

impl Target {
    fn run(&self, registers: bool) -> Result<ExitCode, Failure> {
        let worker = match Worker::load(&self.config, environment(), &self.set) {
            Ok(worker) => worker,
            Err(problems) => return Ok(refuse(&problems)),
        };
        let checked = CheckedFile::read(self.file.clone(), &worker);
        checked.lines().iter().for_each(|line| complain(line));
        let (Some(connector), true) = (checked.connector, checked.problems.is_empty()) else { return Ok(WRONG.into()) };
        let plan = Plan::of(&connector, &worker).map_err(|problems| Failure(WRONG, problems.to_string()))?;
        if !report::has_registry(plan.converters()) {
            let reason = "neither key.converter nor value.converter uses a schema registry, so there is no subject to look \
                          at; name io.confluent.connect.avro.AvroConverter, in the file or with --set, and its \
                          schema.registry.url";
            return Err(Failure(WRONG, reason.to_owned()));
        }
        // Answers are on standard output; of the log only what a user must know is wanted here.
        if let Err(problem) = telemetry::start(worker.log_format, "warn") {
            return Ok(refuse(&[problem]));
        }
        let stop = CancellationToken::new();
        let script = self.script(&stop)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure(FAILED, format!("cannot start: {error}")))?;
        let report = runtime.block_on(async {
            interrupts(&stop).map_err(|error| Failure(FAILED, format!("cannot start: {error}")))?;
            Box::pin(asked(plan, script.as_ref(), &stop, registers)).await
        });
        let Asked { report, without, failure } = report?;
        let ddl = script.as_ref().map(|script| script.file.as_str());
        if self.json {
            say(&document(&connector.name, ddl, &report, &without).to_string());
        } else {
            lines(&report, &without);
        }
        match failure {
            Some(failure) => Err(failure),
            None if report.is_good() => Ok(ExitCode::SUCCESS),
            None => Ok(INCOMPATIBLE.into()),
        }
    }

    fn script(&self, stop: &CancellationToken) -> Result<Option<Script>, Failure> {
        let Some(path) = &self.ddl else { return Ok(None) };
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path);
        let text = text.map_err(|error| Failure(WRONG, format!("--ddl {file}: cannot be read: {error}")))?;
        Ok(Some(Script { file, text, stop: stop.clone() }))
    }
}

/// Cancels with the first SIGINT or SIGTERM.
fn interrupts(stop: &CancellationToken) -> std::io::Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let stop = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        stop.cancel();
    });
    Ok(())
}

/// A report, the parts whose converter has no registry, and what broke off the registering.
struct Asked {
    report: Report,
    without: Vec<&'static str>,
    failure: Option<Failure>,
}

async fn asked(
    plan: Plan,
    script: Option<&Script>,
    stop: &CancellationToken,
    registers: bool,
) -> Result<Asked, Failure> {
    let stopped = || Failure(FAILED, DescribeError::Interrupted.to_string());
    let describing = plan.contract(script);
    // What a script needs to be undone it does itself, before it ends.
    let described = if script.is_some() {
        describing.await
    } else {
        tokio::select! {
            described = describing => described,
            () = stop.cancelled() => Err(DescribeError::Interrupted),
        }
    };
    let (contract, converters) = described.map_err(|error| {
        let status = if matches!(error, DescribeError::Wrong { .. }) { WRONG } else { FAILED };
        Failure(status, error.to_string())
    })?;
    let asking = async {
        let examined = report::examine(contract, &converters).await;
        let mut report = examined.map_err(|error| Failure(FAILED, error.to_string()))?;
        let done = if registers { report::register(&mut report, &converters).await } else { Ok(()) };
        let failure = done.err().map(|error| Failure(FAILED, error.to_string()));
        Ok(Asked { report, without: without(&converters), failure })
    };
    tokio::select! {
        asked = asking => asked,
        () = stop.cancelled() => Err(stopped()),
    }
}

fn without(converters: &Converters) -> Vec<&'static str> {
    let parts = [("key", &converters.key), ("value", &converters.value)];
    parts.into_iter().filter(|(_, converter)| converter.framed().is_none()).map(|(part, _)| part).collect()
}

/// The verdict in a word.
const fn word(entry: &Entry) -> &'static str {
    match (&entry.verdict, &entry.registered) {
        (Verdict::Incompatible { .. }, _) => "incompatible",
        (_, Some(_)) => "registered",
        (Verdict::New, None) => "new",
        (Verdict::Unchanged { .. }, None) => "unchanged",
        (Verdict::Compatible { .. }, None) => "compatible",
    }
}

fn lines(report: &Report, without: &[&str]) {
    for entry in &report.entries {
        let version = |version: &Option<i32>| version.map_or_else(|| "?".to_owned(), |version| version.to_string());
        let detail = match (&entry.verdict, &entry.registered) {
            (Verdict::Incompatible { against, level, .. }, _) => {
                let level = level.as_ref().map(|level| format!(" ({level})")).unwrap_or_default();
                format!(" with version {}{level}", version(against))
            }
            (_, Some(Registered { id, version: of, .. })) => format!(" as version {}, id {id}", version(of)),
            (Verdict::New, None) => String::new(),
            (Verdict::Unchanged { version: of, id }, None) => format!(" version {}, id {id}", version(of)),
            (Verdict::Compatible { against }, None) => format!(" after version {}", version(against)),
        };
        say(&format!("{:<12} {}{detail}", word(entry), entry.claim.subject));
        if let Verdict::Incompatible { messages, .. } = &entry.verdict {
            messages.iter().flat_map(|message| message.lines()).for_each(|line| say(&format!("             {line}")));
            if messages.is_empty() {
                say("             the registry gives no reason");
            }
        }
    }
    for refused in &report.refused {
        say(&format!("{:<12} {}: {}", "refused", refused.origin, refused.reason));
    }
    for note in &report.notes {
        complain(&format!("warning: {}: {}", note.origin, note.reason));
    }
    for part in without {
        complain(&format!("warning: {part}.converter uses no schema registry: {part}s are not looked at"));
    }
    if report.entries.is_empty() && report.refused.is_empty() {
        complain("warning: no table is captured: check the include and exclude lists");
    }
}

fn document(connector: &str, ddl: Option<&str>, report: &Report, without: &[&str]) -> Value {
    let subjects: Vec<Value> = report.entries.iter().map(subject).collect();
    let remarks = |remarks: &[crate::connector::contract::Remark]| {
        remarks.iter().map(|remark| json!({"of": remark.origin, "reason": remark.reason})).collect::<Vec<_>>()
    };
    json!({
        "connector": connector,
        "ddl": ddl,
        "good": report.is_good(),
        "subjects": subjects,
        "refused": remarks(&report.refused),
        "warnings": remarks(&report.notes),
        "without_registry": without,
    })
}

fn subject(entry: &Entry) -> Value {
    let mut told = json!({
        "subject": entry.claim.subject,
        "verdict": word(entry),
        "of": entry.origins,
        "topics": entry.topics,
        "part": entry.part.name(),
        "schema_type": match entry.claim.definition.kind {
            SchemaType::Avro => "AVRO",
            SchemaType::Json => "JSON",
        },
        "schema": entry.claim.definition.text,
    });
    match (&entry.verdict, &entry.registered) {
        (Verdict::Incompatible { against, level, messages }, _) => {
            told["against"] = json!(against);
            told["compatibility"] = json!(level);
            told["messages"] = json!(messages);
        }
        (_, Some(Registered { id, version, .. })) | (Verdict::Unchanged { version, id }, None) => {
            told["version"] = json!(version);
            told["id"] = json!(id);
        }
        (Verdict::Compatible { against }, None) => told["against"] = json!(against),
        (Verdict::New, None) => {}
    }
    told
}
