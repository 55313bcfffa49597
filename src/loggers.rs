//! The levels of the log, changed while the daemon runs: Kafka Connect's `Loggers`, on `tracing`'s targets.
//!
//! It owns the names under which levels are known. They are Java's, because that is what operators have in their scripts
//! (`io.debezium`, `org.apache.kafka.connect`), and ours (`rowtide.sink.kafka`); each stands for targets. Invariants: what is
//! set for a name counts for all below it, as in Java, whatever was said of them before; except for the audit log, which
//! only its own name silences.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use tracing_subscriber::EnvFilter;

/// Names that are known from the beginning, and the targets they stand for.
const NAMES: &[(&str, &[&str])] = &[
    ("io.apicurio.registry", &["rowtide::convert::registry"]),
    ("io.confluent.kafka.schemaregistry", &["rowtide::convert::registry"]),
    ("io.debezium", &["rowtide::source", "rowtide::record", "rowtide::transform"]),
    ("io.debezium.connector.mysql", &["rowtide::source::mysql"]),
    ("io.debezium.connector.postgresql", &["rowtide::source::postgres"]),
    ("io.debezium.transforms", &["rowtide::transform"]),
    ("org.apache.kafka.clients", &["rowtide::sink::kafka", "rdkafka", "librdkafka"]),
    ("org.apache.kafka.clients.producer", &["rowtide::sink::kafka"]),
    (
        "org.apache.kafka.connect",
        &[
            "rowtide::api",
            "rowtide::cli",
            "rowtide::config",
            "rowtide::connector",
            "rowtide::convert",
            "rowtide::daemon",
            "rowtide::offset",
        ],
    ),
    ("org.apache.kafka.connect.json", &["rowtide::convert::json"]),
    ("org.apache.kafka.connect.runtime", &["rowtide::connector", "rowtide::daemon"]),
    ("org.apache.kafka.connect.runtime.errors", &["rowtide::connector::dead_letter"]),
    ("org.apache.kafka.connect.runtime.rest", &["rowtide::api"]),
    ("org.apache.kafka.connect.storage", &["rowtide::offset"]),
    ("org.apache.kafka.connect.transforms", &["rowtide::transform::kafka"]),
    ("rowtide", &["rowtide"]),
    ("rowtide.api", &["rowtide::api"]),
    ("rowtide.api.audit", &[AUDIT]),
    ("rowtide.connector", &["rowtide::connector"]),
    ("rowtide.convert", &["rowtide::convert"]),
    ("rowtide.daemon", &["rowtide::daemon"]),
    ("rowtide.offset", &["rowtide::offset"]),
    ("rowtide.sink", &["rowtide::sink"]),
    ("rowtide.sink.kafka", &["rowtide::sink::kafka"]),
    ("rowtide.source", &["rowtide::source"]),
    ("rowtide.source.mysql", &["rowtide::source::mysql"]),
    ("rowtide.source.postgres", &["rowtide::source::postgres"]),
    ("rowtide.transform", &["rowtide::transform"]),
];

/// The target of the audit log's lines.
pub const AUDIT: &str = "rowtide::api::audit";

/// The name of everything.
const ROOT: &str = "root";

/// A filter (`RUST_LOG`'s form) with the audit log's lines, unless it says something of them itself.
#[must_use]
pub fn with_audit(filter: &str) -> String {
    let names_it = filter.split(',').any(|directive| directive.split('=').next().is_some_and(|of| of.trim() == AUDIT));
    if names_it { filter.to_owned() } else { format!("{filter},{AUDIT}=info") }
}

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Nothing.
    Off,
    /// Errors.
    Error,
    /// And warnings.
    Warn,
    /// And what an operator should know.
    Info,
    /// And what a developer should know.
    Debug,
    /// And every step.
    Trace,
}

impl Level {
    /// The level of that name, log4j's or ours, whatever its case.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_uppercase().as_str() {
            "OFF" => Self::Off,
            "ERROR" | "FATAL" => Self::Error,
            "WARN" => Self::Warn,
            "INFO" => Self::Info,
            "DEBUG" => Self::Debug,
            "TRACE" | "ALL" => Self::Trace,
            _ => return None,
        })
    }

    /// Log4j's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "OFF",
            Self::Error => "ERROR",
            Self::Warn => "WARN",
            Self::Info => "INFO",
            Self::Debug => "DEBUG",
            Self::Trace => "TRACE",
        }
    }
}

/// A logger as the API shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Logger {
    /// Its level.
    pub level: Level,
    /// When it was set: milliseconds since the epoch.
    pub last_modified: Option<i64>,
}

/// Puts a filter in the place of the one before; says why it cannot.
type Apply = Box<dyn Fn(EnvFilter) -> Result<(), String> + Send + Sync>;

/// The levels.
pub struct Loggers {
    state: Mutex<Directives>,
    apply: Apply,
}

impl fmt::Debug for Loggers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loggers").field("state", &self.state).finish_non_exhaustive()
    }
}

/// What is logged, as it is now.
#[derive(Debug)]
struct Directives {
    root: Level,
    /// The level of the audit log.
    audit: Level,
    /// Levels of targets.
    targets: BTreeMap<String, Level>,
    /// Directives with spans or fields, as they were written: they stay as they are.
    others: Vec<String>,
    /// When a name was set.
    modified: BTreeMap<String, i64>,
    /// Names that were set and stand for nothing that is known.
    invented: Vec<String>,
}

impl Loggers {
    /// Levels that begin as a filter (`RUST_LOG`'s form) says, and are put into force by `apply`.
    #[must_use]
    pub fn new(filter: &str, apply: impl Fn(EnvFilter) -> Result<(), String> + Send + Sync + 'static) -> Self {
        Self { state: Mutex::new(Directives::read(filter)), apply: Box::new(apply) }
    }

    /// Whether a name stands for the audit log alone.
    #[must_use]
    pub fn is_audit(name: &str) -> bool {
        targets_of(name).first().is_some_and(|target| target == AUDIT)
    }

    fn state(&self) -> MutexGuard<'_, Directives> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All that are known and not off, by name.
    #[must_use]
    pub fn all(&self) -> BTreeMap<String, Logger> {
        let state = self.state();
        let known = state.names().into_iter().map(|name| (name.to_owned(), state.logger(name)));
        known.filter(|(_, logger)| logger.level != Level::Off).collect()
    }

    /// One; `None` if it is not known.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Logger> {
        let state = self.state();
        let name = if name.eq_ignore_ascii_case(ROOT) { ROOT } else { name };
        state.names().contains(&name).then(|| state.logger(name))
    }

    /// Sets the level of a name and of all below it: the names whose level that changed.
    ///
    /// # Errors
    /// When the log does not take it.
    pub fn set(&self, name: &str, level: Level) -> Result<Vec<String>, String> {
        let mut state = self.state();
        let name = if name.is_empty() || name.eq_ignore_ascii_case(ROOT) { ROOT } else { name };
        let before: BTreeMap<String, Level> =
            state.names().into_iter().map(|name| (name.to_owned(), state.logger(name).level)).collect();
        state.set(name, level);
        (self.apply)(state.filter())?;
        let now_ms = now_ms();
        let is_news = |name: &&str| before.get(*name) != Some(&state.logger(name).level);
        let mut changed: Vec<String> = state.names().into_iter().filter(is_news).map(str::to_owned).collect();
        changed.sort_unstable();
        state.modified.extend(changed.iter().map(|name| (name.clone(), now_ms)));
        Ok(changed)
    }
}

impl Directives {
    fn read(filter: &str) -> Self {
        let mut read = Self {
            root: Level::Off,
            audit: Level::Info,
            targets: BTreeMap::new(),
            others: Vec::new(),
            modified: BTreeMap::new(),
            invented: Vec::new(),
        };
        for directive in filter.split(',').map(str::trim).filter(|directive| !directive.is_empty()) {
            let (target, level) = match directive.split_once('=') {
                Some((target, level)) => (target, Level::named(level)),
                None => match Level::named(directive) {
                    Some(level) => {
                        read.root = level;
                        continue;
                    }
                    None => (directive, Some(Level::Trace)),
                },
            };
            match level {
                Some(level) if target == AUDIT => read.audit = level,
                Some(level) if !target.contains(['[', '{']) => drop(read.targets.insert(target.to_owned(), level)),
                _ => read.others.push(directive.to_owned()),
            }
        }
        read
    }

    fn filter(&self) -> EnvFilter {
        // A name that is no target is nobody's, and must not be read as something else.
        let is_target = |name: &str| name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | ':' | '-'));
        let targets = self.targets.iter().filter(|(target, _)| is_target(target));
        let targets = targets.map(|(target, level)| format!("{target}={}", level.name()));
        let fixed = [self.root.name().to_owned(), format!("{AUDIT}={}", self.audit.name())];
        let all: Vec<String> = fixed.into_iter().chain(targets).chain(self.others.iter().cloned()).collect();
        EnvFilter::new(all.join(","))
    }

    /// Names that are known.
    fn names(&self) -> Vec<&str> {
        let invented = self.invented.iter().map(String::as_str);
        std::iter::once(ROOT).chain(NAMES.iter().map(|(name, _)| *name)).chain(invented).collect()
    }

    fn logger(&self, name: &str) -> Logger {
        let level = targets_of(name).first().map_or(self.root, |target| self.level_of(target));
        Logger { level, last_modified: self.modified.get(name).copied() }
    }

    /// The level of a target: that of the longest directive above it.
    fn level_of(&self, target: &str) -> Level {
        if target == AUDIT {
            return self.audit;
        }
        let above = self.targets.iter().filter(|(above, _)| target == above.as_str() || is_below(target, above));
        above.max_by_key(|(above, _)| above.len()).map_or(self.root, |(_, level)| *level)
    }

    fn set(&mut self, name: &str, level: Level) {
        if name == ROOT {
            self.root = level;
            self.targets.clear();
            return;
        }
        if !self.names().contains(&name) {
            self.invented.push(name.to_owned());
        }
        for target in targets_of(name) {
            if target == AUDIT {
                self.audit = level;
                continue;
            }
            self.targets.retain(|other, _| !is_below(other, &target));
            self.targets.insert(target, level);
        }
    }
}

/// The targets that a name stands for; of one that is not known, those of the same words; none of the root.
fn targets_of(name: &str) -> Vec<String> {
    if name == ROOT {
        return Vec::new();
    }
    let known = NAMES.iter().find(|(known, _)| *known == name);
    known.map_or_else(
        || vec![name.replace('.', "::")],
        |(_, targets)| targets.iter().map(|target| (*target).to_owned()).collect(),
    )
}

fn is_below(target: &str, above: &str) -> bool {
    target.strip_prefix(above).is_some_and(|rest| rest.starts_with("::"))
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// Levels, and the filter in force.
    fn loggers(filter: &str) -> (Loggers, Arc<Mutex<String>>) {
        let applied: Arc<Mutex<String>> = Arc::default();
        let told = Arc::clone(&applied);
        let apply = move |filter: EnvFilter| {
            *told.lock().unwrap() = filter.to_string();
            Ok(())
        };
        (Loggers::new(filter, apply), applied)
    }

    fn level(loggers: &Loggers, name: &str) -> &'static str {
        loggers.get(name).unwrap().level.name()
    }

    #[test]
    fn what_is_set_counts_for_all_below() {
        let (loggers, applied) = loggers("info,rowtide::source::mysql=trace,hyper=warn");
        assert_eq!((level(&loggers, "root"), level(&loggers, "io.debezium")), ("INFO", "INFO"));
        assert_eq!(level(&loggers, "io.debezium.connector.mysql"), "TRACE");
        let changed = loggers.set("io.debezium", Level::Debug).unwrap();
        for name in ["io.debezium", "io.debezium.connector.mysql", "io.debezium.transforms", "rowtide.source"] {
            assert!(changed.iter().any(|changed| changed == name), "{name} is missing in {changed:?}");
            assert_eq!(level(&loggers, name), "DEBUG");
            assert!(loggers.get(name).unwrap().last_modified.is_some());
        }
        assert!(!changed.contains(&"org.apache.kafka.connect".to_owned()) && !changed.contains(&"root".to_owned()));
        let filter = applied.lock().unwrap().clone();
        assert!(filter.contains("rowtide::source=debug") && !filter.contains("mysql"), "{filter}");
        assert!(loggers.set("io.debezium", Level::Debug).unwrap().is_empty(), "nothing changes");
        loggers.set("root", Level::Warn).unwrap();
        assert_eq!((level(&loggers, "rowtide.source"), level(&loggers, "ROOT")), ("WARN", "WARN"));
        let filter = applied.lock().unwrap().clone();
        assert!(filter.ends_with("warn") && !filter.contains("source"), "{filter}");
    }

    #[test]
    fn the_audit_log_is_silenced_only_by_its_own_name() {
        let (levels, applied) = loggers("error,rowtide::api=off");
        assert_eq!(level(&levels, "rowtide.api.audit"), "INFO");
        assert_eq!(with_audit("error"), "error,rowtide::api::audit=info");
        assert_eq!(with_audit("rowtide::api::audit=off,info"), "rowtide::api::audit=off,info");
        for name in ["root", "org.apache.kafka.connect", "rowtide", "rowtide.api"] {
            let changed = levels.set(name, Level::Off).unwrap();
            assert!(!changed.contains(&"rowtide.api.audit".to_owned()), "{name}");
            let filter = applied.lock().unwrap().clone();
            assert!(filter.contains("rowtide::api::audit=info"), "{name}: {filter}");
        }
        assert_eq!(levels.set("rowtide.api.audit", Level::Off).unwrap(), ["rowtide.api.audit"]);
        assert!(applied.lock().unwrap().contains("rowtide::api::audit=off"));
        assert!(!levels.all().contains_key("rowtide.api.audit"));
        levels.set("root", Level::Debug).unwrap();
        assert_eq!(level(&levels, "rowtide.api.audit"), "OFF", "what was said of it stays");
        let (started, _) = loggers("info,rowtide::api::audit=off");
        assert_eq!(level(&started, "rowtide.api.audit"), "OFF");
        assert!(
            Loggers::is_audit("rowtide.api.audit") && !Loggers::is_audit("rowtide.api") && !Loggers::is_audit("root")
        );
    }

    #[test]
    fn a_name_that_is_not_known_becomes_known() {
        let (loggers, applied) = loggers("info");
        assert_eq!(loggers.get("mysql_async.conn"), None);
        assert_eq!(loggers.set("mysql_async.conn", Level::Trace).unwrap(), ["mysql_async.conn"]);
        assert_eq!(level(&loggers, "mysql_async.conn"), "TRACE");
        assert!(applied.lock().unwrap().contains("mysql_async::conn=trace"));
        loggers.set("x=trace,rowtide", Level::Debug).unwrap();
        assert!(!applied.lock().unwrap().contains("x=trace"), "what is no target is no filter");
        loggers.set("mysql_async.conn", Level::Off).unwrap();
        assert!(!loggers.all().contains_key("mysql_async.conn"), "what is off is not listed");
        assert!(loggers.all().contains_key("root"));
    }
}
