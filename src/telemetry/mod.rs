//! What the daemon tells of itself: the log, to standard error, for people or as JSON; and spans, in [`otlp`]. What is a
//! secret is never a field; who logs a property logs it as [`crate::config::properties::shown`] gives it.

pub mod otlp;

use std::io::IsTerminal;
use std::sync::Arc;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, reload};

use crate::config::Problem;
use crate::config::worker::LogFormat;
use crate::loggers::{Loggers, with_audit};

/// What the daemon tells of itself.
pub struct Telemetry {
    /// The levels of the log.
    pub loggers: Arc<Loggers>,
    /// Where spans go, where somebody collects them.
    pub traces: Option<otlp::Settings>,
}

/// Starts the log, and gives its levels. `RUST_LOG`, where it is set, says more than `log.level`.
///
/// # Errors
/// When either is no filter, or a log was started before.
pub fn start(format: LogFormat, level: &str) -> Result<Arc<Loggers>, Problem> {
    let (key, written) = match std::env::var("RUST_LOG") {
        Ok(filter) if !filter.is_empty() => ("RUST_LOG", filter),
        _ => ("log.level", level.to_owned()),
    };
    let filter = EnvFilter::try_new(with_audit(&written)).map_err(|error| {
        let reason = format!("is no filter: {error}; write error, warn, info, debug or trace, or target=level,…");
        Problem::new(key, reason).with_value(&written)
    })?;
    let (filter, handle) = reload::Layer::new(filter);
    let loggers = Loggers::new(&written, move |filter| handle.reload(filter).map_err(|error| error.to_string()));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
    let registry = tracing_subscriber::registry().with(filter);
    match format {
        LogFormat::Human => registry.with(lines.with_ansi(std::io::stderr().is_terminal())).try_init(),
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init(),
    }
    .map_err(|error| Problem::new("log.format", error.to_string()))?;
    // A panic is a line of the log like any other, also where lines are JSON.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let payload = panic.payload();
        let text = payload.downcast_ref::<String>().map(String::as_str);
        tracing::error!(place, reason = text.or_else(|| payload.downcast_ref::<&str>().copied()), "panicked");
    }));
    Ok(Arc::new(loggers))
}
