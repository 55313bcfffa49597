//! The daemon's own settings: Kafka Connect's worker keys and ours, from files, environment and command line.
//!
//! Layers, later ones win: defaults, files in their order, `CONNECT_…` and `ROWTIDE_…` of the environment, `--set`. Every
//! layer is flattened to dotted keys before figment merges it, because `value.converter` is a key and
//! `value.converter.schemas.enable` is one too, which no tree can hold.

use std::fmt;
use std::path::{Path, PathBuf};

use figment::providers::{Format, Json, Toml, Yaml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};

use super::worker_keys::KEYS;
use super::{Problem, Properties, Providers, Reader, Warning, java, key, placeholder};

/// Where events go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SinkKind {
    /// Kafka, at these `bootstrap.servers`.
    Kafka(String),
    /// Standard output, a JSON object a line.
    Stdout,
    /// The same, appended to a file.
    File(PathBuf),
}

impl fmt::Display for SinkKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kafka(servers) => write!(f, "kafka {servers}"),
            Self::Stdout => f.write_str("stdout"),
            Self::File(path) => write!(f, "file {}", path.display()),
        }
    }
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Human,
    /// A JSON object a line.
    Json,
}

/// An address to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// A name or an address.
    pub host: String,
    /// 0: any free one.
    pub port: u16,
    /// Whether it is spoken to over TLS.
    pub is_https: bool,
}

/// The daemon's settings.
#[derive(Clone, Debug)]
pub struct Worker {
    /// All of them, placeholders resolved: converters and clients read theirs by prefix. Never to be shown.
    pub properties: Properties,
    /// All of them as they are written, for what is read again while the daemon runs.
    pub written: Properties,
    /// Who resolves placeholders.
    pub providers: Providers,
    /// Where events go.
    pub sink: SinkKind,
    /// The state's file, or `:memory:`.
    pub state_path: String,
    /// Where the REST API listens; nowhere if empty.
    pub listeners: Vec<Listener>,
    /// The most that the body of a request may have, bytes.
    pub body_bytes_max: usize,
    /// The memory that all connectors share for what is on its way, bytes.
    pub memory_bytes_max: usize,
    /// The connections that all connectors may have at one database server; 0: no limit.
    pub database_connections_max: u32,
    /// How the log is written.
    pub log_format: LogFormat,
    /// What is logged, as in `RUST_LOG`.
    pub log_level: String,
    /// The shortest time between two saves of a connector's position, milliseconds.
    pub save_interval_ms: u64,
    /// How long a stop may take in all, milliseconds.
    pub stop_timeout_ms: u64,
    /// What is accepted, but perhaps not meant.
    pub warnings: Vec<Warning>,
}

impl Worker {
    /// Reads the settings of these files, this environment and these assignments, in this order.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub fn load(
        files: &[PathBuf],
        environment: impl IntoIterator<Item = (String, String)>,
        assignments: &[(String, String)],
    ) -> Result<Self, Vec<Problem>> {
        let mut layers = vec![defaults()];
        let mut problems = Vec::new();
        for path in files {
            match file_layer(path) {
                Ok(layer) => layers.push(layer),
                Err(reason) => problems.push(Problem::new("", format!("{}: {reason}", path.display()))),
            }
        }
        layers.extend(environment_layers(environment));
        layers.push(Layer { name: "--set".to_owned(), properties: assignments.iter().cloned().collect() });
        let figment = layers.iter().fold(Figment::new(), |figment, layer| figment.merge(layer));
        match figment.extract::<Properties>().map(|written| Self::read(&written, &layers)) {
            Ok(Ok(worker)) if problems.is_empty() => return Ok(worker),
            Ok(Ok(_)) => {}
            Ok(Err(found)) => problems.extend(found),
            Err(error) => problems.push(Problem::new("", error.to_string())),
        }
        Err(problems)
    }

    fn read(written: &Properties, layers: &[Layer]) -> Result<Self, Vec<Problem>> {
        let (providers, mut problems) = match Providers::read(written) {
            Ok(providers) => (providers, Vec::new()),
            Err(problems) => (Providers::default(), problems),
        };
        let (properties, unresolved) = providers.resolve_all(written);
        problems.extend(unresolved);
        let mut reader = Reader::new(&properties, &[KEYS]);
        let worker = Self {
            providers,
            sink: sink(&mut reader),
            state_path: state_path(&mut reader, layers),
            listeners: listeners(&mut reader, layers),
            memory_bytes_max: reader.number("memory.max.bytes"),
            database_connections_max: reader.number("database.connections.max"),
            body_bytes_max: reader.number("rest.request.max.bytes"),
            log_format: if reader.choice("log.format") == "json" { LogFormat::Json } else { LogFormat::Human },
            log_level: reader.text("log.level"),
            save_interval_ms: reader.number("offset.flush.interval.ms"),
            stop_timeout_ms: reader.number("task.shutdown.graceful.timeout.ms"),
            warnings: warnings(&properties),
            properties: Properties::new(),
            written: Properties::new(),
        };
        match reader.finish(worker) {
            Ok(worker) if problems.is_empty() => return Ok(Self { properties, written: written.clone(), ..worker }),
            Ok(_) => {}
            Err(found) => problems.extend(found.0),
        }
        placeholder::conceal(&mut problems, written, &properties);
        for problem in &mut problems {
            if let Some(layer) = layer_of(layers, &problem.key).and_then(|index| layers.get(index)) {
                problem.reason = format!("{} (from {})", problem.reason, layer.name);
            }
        }
        Err(problems)
    }
}

fn sink(reader: &mut Reader<'_>) -> SinkKind {
    let servers = reader.text_opt("bootstrap.servers");
    let path = reader.text_opt("sink.path");
    match (reader.text_opt("sink").map(|sink| sink.to_ascii_lowercase()).as_deref(), servers, path) {
        (Some("stdout"), ..) | (None, None, _) => SinkKind::Stdout,
        (Some("file"), _, Some(path)) => SinkKind::File(path.into()),
        (Some("file"), _, None) => {
            reader.problem("sink.path", None, "is required when sink=file: the file to append to");
            SinkKind::Stdout
        }
        (_, Some(servers), _) => SinkKind::Kafka(servers),
        (Some(_), None, _) => {
            reader.problem("bootstrap.servers", None, "is required when sink=kafka: host:port,host:port");
            SinkKind::Stdout
        }
    }
}

/// `state.path`, unless a later layer says where Connect would keep its offsets.
fn state_path(reader: &mut Reader<'_>, layers: &[Layer]) -> String {
    let offsets = "offset.storage.file.filename";
    let key = if layer_of(layers, offsets) > layer_of(layers, "state.path") { offsets } else { "state.path" };
    reader.text(key)
}

/// The last layer that holds the key.
fn layer_of(layers: &[Layer], key: &str) -> Option<usize> {
    layers.iter().rposition(|layer| layer.properties.contains_key(key))
}

/// `listeners` if set, else `rest.port` on loopback; whichever was set by the later layer, and 0 is off.
fn listeners(reader: &mut Reader<'_>, layers: &[Layer]) -> Vec<Listener> {
    let port: u16 = reader.number("rest.port");
    let urls = reader.list("listeners");
    if urls.is_empty() || layer_of(layers, "rest.port") > layer_of(layers, "listeners") {
        return if port == 0 {
            Vec::new()
        } else {
            vec![Listener { host: "127.0.0.1".to_owned(), port, is_https: false }]
        };
    }
    urls.into_iter()
        .filter_map(|url| {
            let listener = listener(&url);
            if listener.is_none() {
                reader.problem("listeners", Some(url), "must be http://host:port or https://host:port");
            }
            listener
        })
        .collect()
}

fn listener(url: &str) -> Option<Listener> {
    let (scheme, address) = url.split_once("://")?;
    let (host, port) = address.trim_end_matches('/').rsplit_once(':')?;
    let (port, is_https) = (port.parse().ok()?, scheme.eq_ignore_ascii_case("https"));
    if !is_https && !scheme.eq_ignore_ascii_case("http") {
        return None;
    }
    // Connect listens on all interfaces where no host is named.
    let host = if host.is_empty() { "0.0.0.0" } else { host.trim_start_matches('[').trim_end_matches(']') };
    Some(Listener { host: host.to_owned(), port, is_https })
}

fn warnings(properties: &Properties) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let unknown: Vec<&str> = key::unknown(properties, &[KEYS]).collect();
    if !unknown.is_empty() {
        warnings.push(Warning::unknown(unknown.join(", "), "not known to this worker; ignored"));
    }
    if properties.contains_key("group.id") {
        let what = "distributed mode is not supported yet; this worker runs standalone, with its state in state.path";
        warnings.push(Warning::new("group.id", what));
    }
    let transactions = properties.get("exactly.once.source.support");
    if transactions.is_some_and(|asked| !asked.trim().eq_ignore_ascii_case("disabled")) {
        let what = "there are no transactions here: events are written at least once";
        warnings.push(Warning::new("exactly.once.source.support", what));
    }
    warnings
}

/// Settings from one place.
struct Layer {
    name: String,
    properties: Properties,
}

impl Provider for &Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let dict = self.properties.iter().map(|(key, value)| (key.clone(), Value::from(value.clone()))).collect();
        Ok(Map::from([(Profile::Default, dict)]))
    }
}

fn defaults() -> Layer {
    let properties = KEYS.iter().filter_map(|key| Some((key.name.to_owned(), key.default?.to_owned()))).collect();
    Layer { name: "the defaults".to_owned(), properties }
}

fn file_layer(path: &Path) -> Result<Layer, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("cannot be read: {error}"))?;
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
    let data = match extension.as_deref() {
        Some("properties") => return Ok(Layer { name: path.display().to_string(), properties: java::parse(&text) }),
        Some("toml") => Toml::string(&text).data(),
        Some("yaml" | "yml") => Yaml::string(&text).data(),
        Some("json") => Json::string(&text).data(),
        _ => return Err("is no .toml, .yaml, .json or .properties file".to_owned()),
    };
    let profiles = data.map_err(|error| error.to_string().split_whitespace().collect::<Vec<_>>().join(" "))?;
    let mut properties = Properties::new();
    for dict in profiles.into_values() {
        flatten("", dict, &mut properties);
    }
    Ok(Layer { name: path.display().to_string(), properties })
}

/// Tables join their keys with dots, lists their entries with commas.
fn flatten(prefix: &str, dict: Dict, flat: &mut Properties) {
    for (key, value) in dict {
        let name = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
        match value {
            Value::Dict(_, inner) => flatten(&name, inner, flat),
            Value::Array(_, entries) => {
                let entries: Vec<String> = entries.into_iter().filter_map(text).collect();
                flat.insert(name, entries.join(","));
            }
            scalar => flat.extend(text(scalar).map(|text| (name, text))),
        }
    }
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::String(_, text) => Some(text),
        Value::Char(_, character) => Some(character.to_string()),
        Value::Bool(_, flag) => Some(flag.to_string()),
        Value::Num(_, number) => number
            .to_i128()
            .map(|number| number.to_string())
            .or_else(|| number.to_u128().map(|number| number.to_string()))
            .or_else(|| number.to_f64().map(|number| number.to_string())),
        Value::Empty(..) | Value::Dict(..) | Value::Array(..) => None,
    }
}

/// `CONNECT_…` and then `ROWTIDE_…`, named as Connect's container images do: `_` is a dot, `__` an underscore, `___` a
/// hyphen.
fn environment_layers(environment: impl IntoIterator<Item = (String, String)>) -> [Layer; 2] {
    let mut layers =
        ["CONNECT_", "ROWTIDE_"].map(|name| Layer { name: format!("{name}…"), properties: Properties::new() });
    for (variable, value) in environment {
        for (layer, prefix) in layers.iter_mut().zip(["CONNECT_", "ROWTIDE_"]) {
            if let Some(name) = variable.strip_prefix(prefix) {
                let name = name.to_ascii_lowercase().replace("___", "-").replace("__", "\0").replace('_', ".");
                layer.properties.insert(name.replace('\0', "_"), value.clone());
            }
        }
    }
    layers
}

#[cfg(test)]
#[path = "worker_tests.rs"]
mod tests;
