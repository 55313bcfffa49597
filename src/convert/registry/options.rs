//! The options of a registry's client and of the subjects, under Confluent's names
//! (`AbstractKafkaSchemaSerDeConfig`, `SchemaRegistryClientConfig`).
//!
//! What would change the bytes or the subjects and is not supported is a problem, never ignored.

use std::time::Duration;

use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::client::{Auth, Connection, Endpoint};
use super::subject::{self, LEVELS, Strategy};
use super::tls;
use crate::config::properties::mask_user_info;
use crate::config::{Importance, Key, KeyKind, Properties, Reader, Secret, Warning};

/// The options of a registry's client: two converters that agree in them share one.
pub(super) const CLIENT_KEYS: &[Key] = &[
    Key::new(URL, KeyKind::List, "The roots of the registry's API; the next one is asked when one does not answer.")
        .required(),
    Key::new(SOURCE, KeyKind::String, "Where user and password stand: URL, or USER_INFO.").default("URL"),
    Key::new(USER_INFO, KeyKind::Password, "user:password, for USER_INFO."),
    Key::new(OLD_USER_INFO, KeyKind::Password, "The older name of basic.auth.user.info."),
    Key::new(BEARER, KeyKind::String, "Where the token stands: STATIC_TOKEN."),
    Key::new("bearer.auth.token", KeyKind::Password, "The token, for STATIC_TOKEN."),
    low("bearer.auth.logical.cluster", KeyKind::String, "Confluent Cloud's cluster, sent beside the token."),
    low("bearer.auth.identity.pool.id", KeyKind::String, "Confluent Cloud's identity pool, sent beside the token."),
    low("request.header.*", KeyKind::Password, "Headers of every request."),
    low("schema.registry.request.header.*", KeyKind::Password, "Headers of every request."),
    low("proxy.host", KeyKind::String, "A proxy."),
    low("proxy.port", KeyKind::Int, "Its port."),
    low("http.connect.timeout.ms", KeyKind::Int, "How long a connection may take, milliseconds.").default("60000"),
    low("http.read.timeout.ms", KeyKind::Int, "How long an answer may take, milliseconds.").default("60000"),
    low("retries.wait.ms", KeyKind::Int, "The first wait for a registry that is away, milliseconds.").default("1000"),
    low("retries.max.wait.ms", KeyKind::Int, "The longest such wait, milliseconds.").default("10000"),
    low("max.retries", KeyKind::Int, "Has no meaning here: the line waits as long as it takes."),
];

/// The options of subjects and schemas: each converter has its own.
pub(super) const SUBJECT_KEYS: &[Key] = &[
    Key::new("auto.register.schemas", KeyKind::Boolean, "Whether new schemas are registered.").default("true"),
    Key::new("use.latest.version", KeyKind::Boolean, "Write with the subject's latest schema (without auto.register).")
        .default("false"),
    Key::new("latest.compatibility.strict", KeyKind::Boolean, "Whether the latest schema must be able to read ours.")
        .default("true"),
    Key::new("normalize.schemas", KeyKind::Boolean, "Whether the registry normalises schemas.").default("false"),
    low("use.schema.id", KeyKind::Int, "Write with the schema of that id (without auto.register).").default("-1"),
    low("id.compatibility.strict", KeyKind::Boolean, "Whether that schema must be able to read ours.").default("true"),
    Key::new("key.subject.name.strategy", KeyKind::Class, "The subjects of keys.").default("TopicNameStrategy"),
    Key::new("value.subject.name.strategy", KeyKind::Class, "The subjects of values.").default("TopicNameStrategy"),
    Key::new("schema.compatibility", KeyKind::String, "The compatibility that a new subject gets.").one_of(LEVELS),
];

/// Options of Confluent that change bytes or subjects and are not supported, but for the values that mean nothing.
const UNSUPPORTED: &[(&str, &[&str], &str)] = &[
    ("use.latest.with.metadata", &[], "use use.latest.version"),
    ("key.schema.id.serializer", &["PrefixSchemaIdSerializer"], "the id stands before the datum"),
    ("value.schema.id.serializer", &["PrefixSchemaIdSerializer"], "the id stands before the datum"),
    (
        "context.name.strategy",
        &["NullContextNameStrategy"],
        "name the context in schema.registry.url: …/contexts/.NAME",
    ),
    ("rule.executors", &[], "the rules of schemas are not applied, encryption neither"),
    ("rule.actions", &[], "the rules of schemas are not applied, encryption neither"),
];

/// Options of Confluent that mean nothing here; a name that ends in `*` stands for all that begin so.
const WITHOUT_MEANING: &[&str] = &[
    "max.schemas.per.subject",
    "schemas.cache.config",
    "schemas.cache.size",
    "latest.cache.size",
    "latest.cache.ttl.sec",
    "missing.*",
    "schema.reflection",
    "schema.format",
    "auto.register.schemas.retry",
    "propagate.schema.tags",
    "reference.subject.name.strategy",
    "rule.service.loader.enable",
    "key.schema.id.deserializer",
    "value.schema.id.deserializer",
    "specific.avro.*",
    "avro.*",
    "schema.registry.ssl.*",
    "bearer.auth.*",
];

const URL: &str = "schema.registry.url";
const SOURCE: &str = "basic.auth.credentials.source";
const USER_INFO: &str = "basic.auth.user.info";
const OLD_USER_INFO: &str = "schema.registry.basic.auth.user.info";
const BEARER: &str = "bearer.auth.credentials.source";

const fn low(name: &'static str, kind: KeyKind, doc: &'static str) -> Key {
    Key { importance: Importance::Low, ..Key::new(name, kind, doc) }
}

/// What the options say.
pub(super) struct Options {
    pub(super) connection: Connection,
    pub(super) pace: Pace,
    pub(super) habits: Habits,
}

/// How long to wait for a registry that is away.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) first: Duration,
    pub(super) longest: Duration,
}

/// What is done with subjects and schemas.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "so many options are flags")]
pub(super) struct Habits {
    pub(super) is_key: bool,
    pub(super) auto_register: bool,
    pub(super) use_latest: bool,
    pub(super) latest_strict: bool,
    pub(super) normalize: bool,
    /// `use.schema.id`
    pub(super) use_id: Option<i32>,
    pub(super) id_strict: bool,
    pub(super) strategy: Strategy,
    /// `schema.compatibility`
    pub(super) level: Option<String>,
}

/// The options that tell one client from another.
pub(super) fn of_client(options: &Properties) -> Properties {
    let is_clients = |name: &str| CLIENT_KEYS.iter().chain(tls::KEYS).any(|key| key.covers(name));
    options.iter().filter(|(name, _)| is_clients(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Reads the options; `None` after a problem, which is the reader's.
pub(super) fn read(
    read: &mut Reader<'_>,
    options: &Properties,
    is_key: bool,
    warnings: &mut Vec<Warning>,
) -> Option<Options> {
    let habits = habits(read, is_key, warnings);
    unsupported(read, options);
    let endpoints = endpoints(read);
    let used = endpoints.iter().any(|endpoint| endpoint.url.scheme() == "https");
    // An empty value of this one means something.
    let identification = options.get("schema.registry.ssl.endpoint.identification.algorithm").map(String::as_str);
    let tls = tls::read(read, identification, used);
    let auth = auth(read, options, &endpoints, warnings);
    let headers = headers(read);
    let proxy = proxy(read);
    let mut millis = |name| Duration::from_millis(read.number(name));
    let (connect_timeout, read_timeout) = (millis("http.connect.timeout.ms"), millis("http.read.timeout.ms"));
    let pace = Pace { first: millis("retries.wait.ms"), longest: millis("retries.max.wait.ms") };
    read.number_opt::<i64>("max.retries");
    let connection = Connection { endpoints, auth: auth?, headers, proxy, connect_timeout, read_timeout, tls: tls? };
    Some(Options { connection, pace, habits: habits? })
}

/// Warnings of options that nobody declares; `others` are the format's.
pub(super) fn unknown(options: &Properties, others: &[Key]) -> Vec<Warning> {
    let lists = [CLIENT_KEYS, SUBJECT_KEYS, tls::KEYS, others];
    let declared = |name: &str| lists.iter().copied().flatten().any(|key| key.covers(name));
    let meant = |name: &str| {
        WITHOUT_MEANING
            .iter()
            .any(|entry| entry.strip_suffix('*').map_or(*entry == name, |prefix| name.starts_with(prefix)))
            || UNSUPPORTED.iter().any(|(known, _, _)| name == *known)
    };
    let unknown = options.keys().filter(|name| !declared(name) && !meant(name));
    unknown.map(|name| Warning::unknown(name, "is no option of the converter; ignored")).collect()
}

fn habits(read: &mut Reader<'_>, is_key: bool, warnings: &mut Vec<Warning>) -> Option<Habits> {
    let option = subject::option(is_key);
    let class = read.text(option);
    let strategy = Strategy::named(&class).map_err(|reason| read.problem(option, Some(class), &reason)).ok();
    let habits = Habits {
        is_key,
        auto_register: read.flag("auto.register.schemas"),
        use_latest: read.flag("use.latest.version"),
        latest_strict: read.flag("latest.compatibility.strict"),
        normalize: read.flag("normalize.schemas"),
        use_id: Some(read.number("use.schema.id")).filter(|id| *id >= 0),
        id_strict: read.flag("id.compatibility.strict"),
        strategy: strategy?,
        level: read.text_opt("schema.compatibility").map(|level| level.to_ascii_uppercase()),
    };
    let without_effect = [("use.latest.version", habits.use_latest), ("use.schema.id", habits.use_id.is_some())];
    for (option, _) in without_effect.into_iter().filter(|(_, set)| *set && habits.auto_register) {
        let what = "has no effect while auto.register.schemas is true, as with Confluent's converter";
        warnings.push(Warning::new(option, what));
    }
    if habits.level.is_some() && !habits.auto_register {
        warnings.push(Warning::new("schema.compatibility", "has no effect without auto.register.schemas"));
    }
    Some(habits)
}

fn unsupported(read: &mut Reader<'_>, options: &Properties) {
    for (name, allowed, instead) in UNSUPPORTED {
        let value = options.get(*name).map(|value| value.trim()).filter(|value| !value.is_empty());
        let Some(value) = value else { continue };
        if !allowed.contains(&value.rsplit('.').next().unwrap_or(value)) {
            read.problem(name, Some(value.to_owned()), &format!("is not supported: {instead}"));
        }
    }
}

fn endpoints(read: &mut Reader<'_>) -> Vec<Endpoint> {
    let mut endpoints = Vec::new();
    for address in read.list(URL) {
        match endpoint(&address) {
            Ok(endpoint) => endpoints.push(endpoint),
            Err(reason) => read.problem(URL, Some(mask_user_info(&address)), reason),
        }
    }
    endpoints
}

/// Java reads an address without a scheme as one of http.
fn endpoint(address: &str) -> Result<Endpoint, &'static str> {
    const RIGHT: &str = "is no address of a registry; write http://HOST:PORT or https://HOST:PORT, with the API's path if \
        it has one";
    if address.starts_with("mock://") {
        return Err("a mock is not supported; write http://HOST:PORT");
    }
    let mut url = Url::parse(address).map_err(|_| RIGHT)?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(RIGHT);
    }
    let login = (!url.username().is_empty())
        .then(|| (decoded(url.username()), Secret::new(decoded(url.password().unwrap_or_default()))));
    if url.set_username("").and_then(|()| url.set_password(None)).is_err() {
        return Err(RIGHT);
    }
    url.set_query(None);
    url.set_fragment(None);
    Ok(Endpoint { url, login })
}

/// What stood behind the `%` of an address.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let hex = text.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        if let Some(hex) = hex.filter(|_| *byte == b'%') {
            decoded.push(hex);
            at += 3;
        } else {
            decoded.push(*byte);
            at += 1;
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn auth(
    read: &mut Reader<'_>,
    options: &Properties,
    endpoints: &[Endpoint],
    warnings: &mut Vec<Warning>,
) -> Option<Auth> {
    let user_info = read.secret(USER_INFO).or_else(|| read.secret(OLD_USER_INFO));
    let token = read.secret("bearer.auth.token");
    if let Some(bearer) = read.text_opt(BEARER) {
        if !bearer.eq_ignore_ascii_case("STATIC_TOKEN") {
            read.problem(BEARER, None, &format!("{bearer} is not supported; use STATIC_TOKEN with bearer.auth.token"));
            return None;
        }
        if options.contains_key(SOURCE) {
            read.problem(BEARER, None, &format!("and {SOURCE} cannot both be set"));
            return None;
        }
        let Some(token) = token else {
            read.problem("bearer.auth.token", None, "is required with STATIC_TOKEN");
            return None;
        };
        return Some(Auth::Bearer(token));
    }
    if token.is_some() {
        warnings.push(Warning::new("bearer.auth.token", format!("has no effect without {BEARER}=STATIC_TOKEN")));
    }
    let source = read.text(SOURCE);
    match source.to_ascii_uppercase().as_str() {
        "URL" => {
            if user_info.is_some() && endpoints.iter().all(|endpoint| endpoint.login.is_none()) {
                let what = format!("has no effect without {SOURCE}=USER_INFO, as with Confluent's converter");
                warnings.push(Warning::new(USER_INFO, what));
            }
            Some(Auth::Url)
        }
        "USER_INFO" => {
            let login = user_info.as_ref().and_then(|info| info.reveal().split_once(':'));
            if login.is_none() {
                read.problem(USER_INFO, None, "must be user:password");
            }
            login.map(|(user, password)| Auth::Basic(user.to_owned(), Secret::new(password.to_owned())))
        }
        _ => {
            read.problem(SOURCE, None, &format!("{source} is not supported; use URL or USER_INFO"));
            None
        }
    }
}

fn headers(read: &mut Reader<'_>) -> HeaderMap {
    const FAMILIES: &[&str] = &["request.header.", "schema.registry.request.header."];
    const CLOUD: &[(&str, &str)] = &[
        ("bearer.auth.logical.cluster", "target-sr-cluster"),
        ("bearer.auth.identity.pool.id", "Confluent-Identity-Pool-Id"),
    ];
    let mut wanted: Vec<(String, String, String)> = Vec::new();
    for prefix in FAMILIES {
        let family = read.family(prefix).into_iter();
        wanted.extend(family.map(|(name, value)| (format!("{prefix}{name}"), name, value)));
    }
    for (option, name) in CLOUD {
        wanted.extend(read.text_opt(option).map(|value| ((*option).to_owned(), (*name).to_owned(), value)));
    }
    let mut headers = HeaderMap::new();
    for (option, name, value) in wanted {
        match (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(&value)) {
            (Ok(name), Ok(mut value)) => {
                value.set_sensitive(true);
                headers.insert(name, value);
            }
            _ => read.problem(&option, None, "cannot be a header of HTTP"),
        }
    }
    headers
}

/// host:port
fn proxy(read: &mut Reader<'_>) -> Option<String> {
    let host = read.text_opt("proxy.host");
    let port: Option<i32> = read.number_opt("proxy.port").filter(|port| *port > 0);
    match (host, port) {
        (Some(host), Some(port)) => Some(format!("{host}:{port}")),
        (Some(_), None) => {
            read.problem("proxy.port", None, "is required with proxy.host");
            None
        }
        (None, _) => None,
    }
}
