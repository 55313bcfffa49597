//! The daemon under test: the real binary, with a folder of its own for its state, its files and its log.

#![expect(clippy::print_stderr, reason = "a failed test shows what the daemon said")]

use std::cell::RefCell;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::rc::Rc;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::exposition::Metrics;
use super::rest::Rest;
use super::{free_port, wait_for, wait_until};

/// What a daemon is started with, again and again: the state in its folder outlives each run.
pub(crate) struct Setup {
    dir: Rc<TempDir>,
    files: Vec<PathBuf>,
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
}

impl Setup {
    /// Events go to standard output, JSON without schemas, until [`Setup::set`] says otherwise.
    pub(crate) fn new() -> Self {
        let dir = Rc::new(tempfile::tempdir().unwrap());
        let setup = Self { dir, files: Vec::new(), arguments: Vec::new(), variables: Vec::new() };
        let state = setup.path("state.db").display().to_string();
        setup
            .set("state.path", &state)
            // A clean stop on a busy machine may take longer than the five seconds after which it is no clean one.
            .set("task.shutdown.graceful.timeout.ms", "30000")
            .set("key.converter.schemas.enable", "false")
            .set("value.converter.schemas.enable", "false")
    }

    /// With that connector file.
    pub(crate) fn connector(self, file: &Value) -> Self {
        let name = format!("{}.json", file["name"].as_str().unwrap_or("connector"));
        self.file(&name, &file.to_string())
    }

    /// With a connector file of that text.
    pub(crate) fn file(mut self, name: &str, text: &str) -> Self {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        if !self.files.contains(&path) {
            self.files.push(path);
        }
        self
    }

    /// With that worker setting.
    pub(crate) fn set(self, key: &str, value: &str) -> Self {
        self.argument("--set").argument(&format!("{key}={value}"))
    }

    /// With another argument.
    pub(crate) fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// With a variable in its environment.
    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A path in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Starts the daemon.
    pub(crate) fn start(&self) -> Daemon {
        self.start_with(None)
    }

    /// Starts the daemon with another standard output than the file of its lines.
    pub(crate) fn start_into(&self, stdout: impl Into<Stdio>) -> Daemon {
        self.start_with(Some(stdout.into()))
    }

    fn start_with(&self, stdout: Option<Stdio>) -> Daemon {
        let rest = Rest { port: free_port() };
        let (out, log) = (self.path("stdout"), self.path("stderr"));
        // The shell that would tell us of its death is not there: the kernel ends the daemon when the test has gone.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", env!("CARGO_BIN_EXE_rowtide"), "run"]);
        command.args(&self.arguments).arg("--set").arg(format!("rest.port={}", rest.port)).args(&self.files);
        for (variable, _) in std::env::vars() {
            if ["ROWTIDE_", "CONNECT_", "OTEL_", "RUST_LOG"].iter().any(|prefix| variable.starts_with(prefix)) {
                command.env_remove(variable);
            }
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        let append = |path: &Path| File::options().create(true).append(true).open(path).unwrap();
        let log_start = fs::metadata(&log).map_or(0, |log| usize::try_from(log.len()).unwrap());
        let child = command
            .stdin(Stdio::null())
            .stdout(stdout.unwrap_or_else(|| append(&out).into()))
            .stderr(append(&log))
            .spawn()
            .unwrap();
        Daemon { _dir: Rc::clone(&self.dir), child: RefCell::new(child), rest, out, log, log_start }
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, limit: Duration) -> (ExitStatus, String) {
        let daemon = self.start();
        let status = daemon.ended(limit);
        (status, daemon.log())
    }
}

/// A running daemon; killed when dropped.
pub(crate) struct Daemon {
    /// Its folder stays as long as it runs.
    _dir: Rc<TempDir>,
    child: RefCell<Child>,
    pub(crate) rest: Rest,
    out: PathBuf,
    log: PathBuf,
    /// Where in the log file this run begins.
    log_start: usize,
}

impl Daemon {
    pub(crate) fn pid(&self) -> u32 {
        self.child.borrow().id()
    }

    /// `kill -9`
    pub(crate) fn kill(&self) {
        self.child.borrow_mut().kill().unwrap();
        self.child.borrow_mut().wait().unwrap();
    }

    /// Asks it to stop, as service managers do.
    pub(crate) fn terminate(&self) {
        let done = Command::new("sh").args(["-c", &format!("kill -TERM {}", self.pid())]).status().unwrap();
        assert!(done.success(), "the daemon has gone before it was told to");
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&self) -> bool {
        self.child.borrow_mut().try_wait().unwrap().is_some()
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn ended(&self, limit: Duration) -> ExitStatus {
        wait_for("the daemon ends", limit, || self.child.borrow_mut().try_wait().unwrap())
    }

    /// A clean stop, which must end with status 0.
    #[track_caller]
    pub(crate) fn stop(&self, limit: Duration) {
        self.terminate();
        let status = self.ended(limit);
        assert!(status.success(), "a clean stop ended with {status}");
    }

    /// What it wrote to standard error in this run; as long as it runs, the lines that are complete.
    pub(crate) fn log(&self) -> String {
        let has_ended = self.has_ended();
        let log = fs::read(&self.log).unwrap();
        let mut text = String::from_utf8_lossy(log.get(self.log_start..).unwrap_or_default()).into_owned();
        if !has_ended {
            text.truncate(text.rfind('\n').map_or(0, |end| end + 1));
        }
        text
    }

    /// Waits until it says that.
    #[track_caller]
    pub(crate) fn says(&self, text: &str, limit: Duration) {
        wait_until(&format!("the daemon says {text:?}"), limit, || self.log().contains(text) || self.has_ended());
        assert!(self.log().contains(text), "the daemon ended, and never said {text:?}");
    }

    /// How often it has said that.
    pub(crate) fn said(&self, text: &str) -> usize {
        self.log().matches(text).count()
    }

    /// Waits until it says that once more than so many times: what it said before may have been said too early to count.
    #[track_caller]
    pub(crate) fn says_again(&self, text: &str, before: usize, limit: Duration) {
        let what = format!("the daemon says {text:?} after {before} times");
        wait_until(&what, limit, || self.said(text) > before || self.has_ended());
        assert!(self.said(text) > before, "the daemon ended, and never said {text:?} again");
    }

    /// Waits until Kafka has acknowledged all that it was given: who reads a record knows nothing of that.
    #[track_caller]
    pub(crate) fn is_acknowledged(&self, connector: &str, limit: Duration) {
        let what = format!("all messages of {connector} are acknowledged");
        Metrics::wait(self.rest, &what, limit, |metrics| {
            metrics.is("rowtide_sink_bytes", &[("connector", connector)], 0)
        });
    }

    /// Waits until its connector's task is in that state; gives the trace.
    #[track_caller]
    pub(crate) fn reaches(&self, connector: &str, state: &str, limit: Duration) -> String {
        wait_for(&format!("{connector} becomes {state}"), limit, || {
            assert!(!self.has_ended(), "the daemon ended before {connector} became {state}");
            self.rest.task(connector).filter(|(now, _)| now == state).map(|(_, trace)| trace)
        })
    }

    /// The events on standard output, of all runs.
    pub(crate) fn lines(&self) -> Vec<Value> {
        lines(&self.out)
    }

    /// How many threads it has.
    pub(crate) fn threads(&self) -> usize {
        fs::read_dir(format!("/proc/{}/task", self.pid())).unwrap().count()
    }

    /// Resident memory, bytes.
    pub(crate) fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.borrow_mut().kill();
        let _ = self.child.borrow_mut().wait();
        if std::thread::panicking() {
            eprintln!("--- the daemon said:\n{}---", self.log());
        }
    }
}

/// The complete lines of a file of events.
pub(crate) fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let complete = text.rfind('\n').map_or("", |end| &text[..end]);
    complete.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}
