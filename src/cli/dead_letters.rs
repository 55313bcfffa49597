//! `dead-letters`: what a connector's dead letter topic holds, and sending it again.
//!
//! Status beside the usual: 3 when records failed again, or cannot be sent.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::{FAILED, assignment, complain, environment, refuse, say};
use crate::config::{ConnectorFile, Problem, Worker};
use crate::connector::ConnectorError;
use crate::connector::dead_letter::kept::Letter;
use crate::connector::dead_letter::replay::{Outcome, group};
use crate::connector::plan::Plan;
use crate::sink::kafka::reader::{Offsets, TopicReader};
use crate::telemetry;

const LEFT: u8 = 3;

/// The subcommand.
#[derive(Debug, Args)]
pub(super) struct DeadLetters {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print the dead letters of a connector, a line each: which were sent again, and why each failed.
    List(List),
    /// Send the dead letters of a connector through its transforms and converters again, each once.
    Replay(Of),
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    of: Of,
    /// A JSON object a line.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Of {
    /// The worker's settings: TOML, YAML, JSON or Java properties; later files win.
    #[arg(long, value_name = "FILE")]
    config: Vec<PathBuf>,
    /// One worker setting, the last word: bootstrap.servers=…
    #[arg(long, value_name = "KEY=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
    /// The connector file.
    #[arg(value_name = "CONNECTOR.json")]
    file: PathBuf,
}

impl DeadLetters {
    pub(super) fn execute(self) -> ExitCode {
        match self.action {
            Action::List(list) => list.execute(),
            Action::Replay(of) => replay(&of),
        }
    }
}

impl Of {
    fn plan(&self) -> Result<(Worker, String, Plan), Vec<Problem>> {
        let worker = Worker::load(&self.config, environment(), &self.set)?;
        let file = ConnectorFile::read(&self.file)?;
        let plan = Plan::of(&file, &worker).map_err(|problems| problems.0)?;
        Ok((worker, file.name, plan))
    }
}

impl List {
    fn execute(self) -> ExitCode {
        let (_, name, plan) = match self.of.plan() {
            Ok(plan) => plan,
            Err(problems) => return refuse(&problems),
        };
        match list(&name, plan, self.json) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failed(error),
        }
    }
}

fn list(name: &str, plan: Plan, json: bool) -> Result<(), ConnectorError> {
    let (config, topic) = plan.dead_letters()?;
    let mut reader = TopicReader::open(&config, &group(name), &topic)?;
    let committed = reader.committed()?;
    reader.start(&Offsets::new())?;
    loop {
        let messages = reader.read()?;
        if messages.is_empty() {
            return Ok(());
        }
        for letter in messages.into_iter().filter_map(|message| Letter::of(message, name)) {
            let sent = committed.get(&letter.message().partition).is_some_and(|next| letter.message().offset < *next);
            let state = match (letter.header("x-omitted"), sent) {
                (Some(_), _) => "incomplete",
                (None, true) => "replayed",
                (None, false) => "waiting",
            };
            say(&if json { machine_line(&letter, state) } else { line(&letter, state) });
        }
    }
}

/// For people: fields between tabs.
fn line(letter: &Letter, state: &str) -> String {
    let message = letter.message();
    let header = |name: &str| letter.header(name).unwrap_or("-").replace(['\t', '\n'], " ");
    format!(
        "{}:{}\t{state}\t{}\t{}\t{}\t{}\tretries {}\t{}",
        message.partition,
        message.offset,
        header("x-failed-at"),
        header("x-stage"),
        header("x-source-table"),
        header("x-primary-key"),
        header("x-retry-count"),
        header("x-reason"),
    )
}

fn machine_line(letter: &Letter, state: &str) -> String {
    let message = letter.message();
    let headers: Map<String, Value> =
        letter.about().map(|(name, text)| (name.to_owned(), Value::from(text.into_owned()))).collect();
    let (partition, offset) = (message.partition, message.offset);
    json!({"partition": partition, "offset": offset, "state": state, "headers": headers}).to_string()
}

fn replay(of: &Of) -> ExitCode {
    let (worker, name, plan) = match of.plan() {
        Ok(plan) => plan,
        Err(problems) => return refuse(&problems),
    };
    if let Err(problem) = telemetry::start(worker.log_format, &worker.log_level) {
        return refuse(&[problem]);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("error: cannot start: {error}"));
            return FAILED.into();
        }
    };
    let replayed = runtime.block_on(async {
        let replay = plan.replay(&name, &worker)?;
        let stop = CancellationToken::new();
        let stopper = stop.clone();
        tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                stopper.cancel();
            }
        });
        Box::pin(replay.run(stop)).await
    });
    runtime.shutdown_background();
    match replayed {
        Ok(Outcome { read, sent, failed, unsendable }) => {
            say(&format!("read {read}, sent {sent}, failed again {failed}, incomplete {unsendable}"));
            if failed + unsendable > 0 { LEFT.into() } else { ExitCode::SUCCESS }
        }
        Err(error) => self::failed(error),
    }
}

fn failed(error: ConnectorError) -> ExitCode {
    match error {
        ConnectorError::Configuration(problems) => refuse(&problems.0),
        error => {
            complain(&format!("error: {error}"));
            FAILED.into()
        }
    }
}
