//! Spans go to a collector over OTLP, if the environment says so: OpenTelemetry's own variables, with the meaning that its
//! specification gives them (<https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>).
//!
//! Invariants: off unless it is asked for; what cannot be meant is refused before anything starts; the value of a header is
//! never shown.

mod collector;
mod export;
mod tls;

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_otlp::{Compression, Protocol};
use opentelemetry_sdk::trace::Sampler;
use reqwest::Url;
use reqwest::header::{HeaderName, HeaderValue};
use rustls::ClientConfig;

use crate::config::{Key, KeyKind, Problem, Properties, Reader};
pub use export::Traces;

/// A variable for traces alone, and the one for all signals, which counts where the first is not set.
type Pair = [&'static str; 2];

const ENDPOINT: Pair = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
const PROTOCOL: Pair = ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"];
const HEADERS: Pair = ["OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"];
const TIMEOUT: Pair = ["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"];
const COMPRESSION: Pair = ["OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION"];

const SAMPLERS: &[&str] = &[
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
];

const KEYS: &[Key] = &[
    Key::new("OTEL_SDK_DISABLED", KeyKind::Boolean, "true: no spans.").default("false"),
    Key::new("OTEL_TRACES_EXPORTER", KeyKind::String, "none: no spans.").one_of(&["otlp", "none"]),
    Key::new(ENDPOINT[0], KeyKind::String, "Where spans are sent to, as it is."),
    Key::new(ENDPOINT[1], KeyKind::String, "The collector's root; /v1/traces is added."),
    Key::new(PROTOCOL[0], KeyKind::String, "How spans are written."),
    Key::new(PROTOCOL[1], KeyKind::String, "How spans are written."),
    Key::new(HEADERS[0], KeyKind::Password, "name=value,name=value"),
    Key::new(HEADERS[1], KeyKind::Password, "name=value,name=value"),
    Key::new(TIMEOUT[0], KeyKind::Long, "Milliseconds for a request."),
    Key::new(TIMEOUT[1], KeyKind::Long, "Milliseconds for a request."),
    Key::new(COMPRESSION[0], KeyKind::String, "Of requests.").one_of(&["gzip", "none"]),
    Key::new(COMPRESSION[1], KeyKind::String, "Of requests.").one_of(&["gzip", "none"]),
    Key::new("OTEL_SERVICE_NAME", KeyKind::String, "Who sends them."),
    Key::new("OTEL_RESOURCE_ATTRIBUTES", KeyKind::String, "name=value,name=value"),
    Key::new("OTEL_TRACES_SAMPLER", KeyKind::String, "Which batches have spans.")
        .one_of(SAMPLERS)
        .default("parentbased_always_on"),
    Key::new("OTEL_TRACES_SAMPLER_ARG", KeyKind::String, "A sampler's ratio, 0 to 1.").default("1"),
    Key::new("OTEL_BSP_MAX_QUEUE_SIZE", KeyKind::Int, "Spans that may wait.").default("2048"),
    Key::new("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", KeyKind::Int, "Spans of a request.").default("512"),
    Key::new("OTEL_BSP_SCHEDULE_DELAY", KeyKind::Long, "Milliseconds between requests.").default("5000"),
];

/// Where collectors listen, if nothing else is said.
const ENDPOINT_DEFAULT: &str = "http://localhost:4318";

/// Where they take spans.
const PATH: &str = "/v1/traces";

const TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);

/// The most spans that may wait: about a kilobyte each.
const SPANS_MAX: usize = 100_000;

/// Where spans go, which ones, and who sends them.
pub struct Settings {
    endpoint: Url,
    protocol: Protocol,
    timeout: Duration,
    compression: Option<Compression>,
    tls: ClientConfig,
    sampler: Sampler,
    service: Option<String>,
    resource: Vec<KeyValue>,
    queue: Queue,
}

/// How many spans wait, and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Queue {
    spans_max: usize,
    request_spans_max: usize,
    delay: Duration,
}

impl Settings {
    /// What these variables say; `None`: nobody wants spans.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub fn read(environment: impl IntoIterator<Item = (String, String)>) -> Result<Option<Self>, Vec<Problem>> {
        let variables: Properties = environment.into_iter().filter(|(name, _)| name.starts_with("OTEL_")).collect();
        let mut read = Reader::new(&variables, &[KEYS, tls::KEYS]);
        let exporter = read.text_opt("OTEL_TRACES_EXPORTER").map(|exporter| exporter.to_ascii_lowercase());
        let written = either(&mut read, ENDPOINT);
        let wanted = written.is_some() || exporter.as_deref() == Some("otlp");
        // Whoever wants none may have set the other variables for other programs.
        if !wanted || exporter.as_deref() == Some("none") || read.flag("OTEL_SDK_DISABLED") {
            return read.finish(None).map_err(|problems| problems.0);
        }
        let endpoint = endpoint(&mut read, written);
        let tls = tls::read(&mut read);
        check_headers(&mut read);
        let (protocol, timeout, compression) = (protocol(&mut read), timeout(&mut read), compression(&mut read));
        let (sampler, resource, queue) = (sampler(&mut read), resource(&mut read), queue(&mut read));
        let service = read.text_opt("OTEL_SERVICE_NAME");
        // Where either is missing there is a problem.
        let settings = endpoint.zip(tls).map(|(endpoint, tls)| Self {
            endpoint,
            protocol,
            timeout,
            compression,
            tls,
            sampler,
            service,
            resource,
            queue,
        });
        read.finish(settings).map_err(|problems| problems.0)
    }
}

/// The variable that is set, and what it says.
fn either(read: &mut Reader<'_>, names: Pair) -> Option<(&'static str, String)> {
    names.into_iter().find_map(|name| Some((name, read.text_opt(name)?)))
}

fn endpoint(read: &mut Reader<'_>, written: Option<(&'static str, String)>) -> Option<Url> {
    let (name, written) = written.unwrap_or((ENDPOINT[1], ENDPOINT_DEFAULT.to_owned()));
    let whole = if name == ENDPOINT[0] { written.clone() } else { format!("{}{PATH}", written.trim_end_matches('/')) };
    let reason = match Url::parse(&whole) {
        Ok(url) if !matches!(url.scheme(), "http" | "https") => "must begin with http:// or https://".to_owned(),
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            let reason = "must hold no credentials; put them in OTEL_EXPORTER_OTLP_HEADERS: Authorization=Basic%20…";
            read.problem(name, None, reason);
            return None;
        }
        Ok(url) => return Some(url),
        Err(error) => format!("is no address: {error}; write http://host:4318"),
    };
    read.problem(name, Some(written), &reason);
    None
}

fn protocol(read: &mut Reader<'_>) -> Protocol {
    let Some((name, written)) = either(read, PROTOCOL) else { return Protocol::HttpBinary };
    match written.to_ascii_lowercase().as_str() {
        "http/json" => return Protocol::HttpJson,
        "http/protobuf" => {}
        "grpc" => {
            let reason = "is not supported; write http/protobuf, which collectors take at port 4318, or set \
                          OTEL_TRACES_EXPORTER=none for no spans";
            read.problem(name, Some(written), reason);
        }
        _ => read.problem(name, Some(written), "must be http/protobuf or http/json"),
    }
    Protocol::HttpBinary
}

/// The exporter reads them itself, and passes over what it cannot read.
fn check_headers(read: &mut Reader<'_>) {
    let Some((name, written)) = either(read, HEADERS) else { return };
    for (place, entry) in written.split_terminator(',').enumerate() {
        let place = place + 1;
        let Some((header, value)) = entry.split_once('=') else {
            read.problem(name, None, &format!("entry {place} must be name=value"));
            continue;
        };
        let header = header.trim();
        if HeaderName::try_from(header).is_err() {
            read.problem(name, None, &format!("entry {place} has no name that a header can have"));
        } else if decoded(value.trim()).is_none_or(|value| HeaderValue::try_from(value).is_err()) {
            let reason = format!("{header} has no value that a header can have; write other characters as %20");
            read.problem(name, None, &reason);
        }
    }
}

/// What a text with `%20` and the like stands for.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
        } else {
            byte
        });
    }
    String::from_utf8(bytes).ok()
}

fn timeout(read: &mut Reader<'_>) -> Duration {
    let Some((name, _)) = either(read, TIMEOUT) else { return TIMEOUT_DEFAULT };
    read.number_opt(name).map_or(TIMEOUT_DEFAULT, Duration::from_millis)
}

fn compression(read: &mut Reader<'_>) -> Option<Compression> {
    either(read, COMPRESSION).filter(|(_, written)| written.eq_ignore_ascii_case("gzip")).map(|_| Compression::Gzip)
}

fn sampler(read: &mut Reader<'_>) -> Sampler {
    let name = read.choice("OTEL_TRACES_SAMPLER");
    let (is_by_parent, name) = match name.strip_prefix("parentbased_") {
        Some(name) => (true, name),
        None => (false, name.as_str()),
    };
    let sampler = match name {
        "always_off" => Sampler::AlwaysOff,
        "traceidratio" => Sampler::TraceIdRatioBased(ratio(read)),
        _ => Sampler::AlwaysOn,
    };
    if is_by_parent { Sampler::ParentBased(Box::new(sampler)) } else { sampler }
}

fn ratio(read: &mut Reader<'_>) -> f64 {
    const ARGUMENT: &str = "OTEL_TRACES_SAMPLER_ARG";
    let written = read.text(ARGUMENT);
    match written.parse() {
        Ok(ratio) if (0.0..=1.0).contains(&ratio) => ratio,
        _ => {
            read.problem(ARGUMENT, Some(written), "must be a ratio from 0 to 1, such as 0.1");
            1.0
        }
    }
}

fn resource(read: &mut Reader<'_>) -> Vec<KeyValue> {
    const ATTRIBUTES: &str = "OTEL_RESOURCE_ATTRIBUTES";
    let written = read.text(ATTRIBUTES);
    let mut attributes = Vec::new();
    for entry in written.split_terminator(',') {
        let attribute = entry.split_once('=').and_then(|(key, value)| {
            let (key, value) = (decoded(key.trim())?, decoded(value.trim())?);
            (!key.is_empty()).then(|| KeyValue::new(key, value))
        });
        match attribute {
            Some(attribute) => attributes.push(attribute),
            None => read.problem(ATTRIBUTES, Some(entry.to_owned()), "must be name=value,name=value"),
        }
    }
    attributes
}

fn queue(read: &mut Reader<'_>) -> Queue {
    const WAITING: &str = "OTEL_BSP_MAX_QUEUE_SIZE";
    const REQUEST: &str = "OTEL_BSP_MAX_EXPORT_BATCH_SIZE";
    let (spans_max, request_spans_max): (usize, usize) = (read.number(WAITING), read.number(REQUEST));
    if !(1..=SPANS_MAX).contains(&spans_max) {
        read.problem(WAITING, Some(spans_max.to_string()), &format!("must be from 1 to {SPANS_MAX}"));
    }
    if request_spans_max == 0 {
        read.problem(REQUEST, Some(request_spans_max.to_string()), "must be at least 1");
    }
    let delay = Duration::from_millis(read.number("OTEL_BSP_SCHEDULE_DELAY"));
    Queue { spans_max, request_spans_max: request_spans_max.min(spans_max), delay }
}

#[cfg(test)]
mod tests;
