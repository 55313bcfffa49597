//! What a client's settings say of where tokens come from: Java's names, those of Kafka 4.1's new settings, and librdkafka's.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};

use super::super::config::{Java, Setting};
use crate::config::properties::mask_user_info;
use crate::config::{Problem, Secret};
use crate::tls::{self, Check};

/// Java's `sasl.oauthbearer.token.endpoint.url`, which everything else goes with.
pub(super) const ENDPOINT: &str = "sasl.oauthbearer.token.endpoint.url";

/// Whom tokens are from, and for whom.
#[derive(Clone, Debug)]
pub(in super::super) struct Oidc {
    /// The key of the address, for errors.
    pub(super) key: String,
    pub(super) from: From,
    /// Kafka's extensions of SASL, such as Confluent Cloud's `logicalCluster`.
    pub(super) extensions: Arc<[(String, String)]>,
    /// The claim that names the principal.
    pub(super) name_claim: String,
}

/// Where a token is.
#[derive(Clone, Debug)]
pub(super) enum From {
    /// An endpoint that gives one for a client's credentials.
    Endpoint(Box<Endpoint>),
    /// A file, which somebody else writes: `file:///…`.
    File(PathBuf),
}

/// A token endpoint.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    pub(super) url: Url,
    pub(super) id: String,
    pub(super) secret: Secret,
    pub(super) scope: Option<String>,
    /// Whether id and secret are encoded before they go into the header (RFC 6749, 2.3.1). Java does not, by default.
    pub(super) urlencode: bool,
    pub(super) connect_timeout: Duration,
    pub(super) read_timeout: Duration,
    pub(super) tls: Arc<ClientConfig>,
}

impl Oidc {
    /// Whether it asks the same one for the same.
    pub(super) fn is(&self, other: &Self) -> bool {
        let same = match (&self.from, &other.from) {
            (From::File(path), From::File(other)) => path == other,
            (From::Endpoint(one), From::Endpoint(other)) => {
                let asked = |of: &Endpoint| (of.url.clone(), of.id.clone(), of.scope.clone(), of.urlencode);
                asked(one) == asked(other) && one.secret.reveal() == other.secret.reveal()
            }
            _ => false,
        };
        same && self.extensions == other.extensions
    }

    /// The address, without what nobody is to see.
    pub(in super::super) fn shown(&self) -> String {
        match &self.from {
            From::Endpoint(endpoint) => {
                let mut url = endpoint.url.clone();
                url.set_query(None);
                mask_user_info(url.as_str())
            }
            From::File(path) => format!("file {}", path.display()),
        }
    }
}

/// Whether a class is Kafka's handler, in its package or in its older one.
pub(in super::super) fn is_handler(class: &str) -> bool {
    const PACKAGE: &str = "org.apache.kafka.common.security.oauthbearer.";
    let name = class.strip_prefix(PACKAGE).map(|name| name.strip_prefix("secured.").unwrap_or(name));
    name == Some("OAuthBearerLoginCallbackHandler")
}

/// The options of `sasl.jaas.config`, and its key.
pub(in super::super) type Jaas<'a> = Option<(&'a str, &'a BTreeMap<String, String>)>;

/// Takes what concerns tokens out of the settings; nothing where no address is given, or after a problem.
pub(in super::super) fn read(settings: &mut Java, jaas: Jaas<'_>, problems: &mut Vec<Problem>) -> Option<Oidc> {
    let mut taken = Taken { settings, jaas, problems };
    let oidc = taken.read();
    // Whatever is left has no meaning without an address.
    for name in NAMES {
        taken.settings.take(name);
    }
    oidc
}

/// All settings that are read here.
const NAMES: &[&str] = &[
    ENDPOINT,
    "sasl.oauthbearer.method",
    "sasl.oauthbearer.client.credentials.client.id",
    "sasl.oauthbearer.client.credentials.client.secret",
    "sasl.oauthbearer.client.id",
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.scope",
    "sasl.oauthbearer.extensions",
    "sasl.oauthbearer.header.urlencode",
    "sasl.oauthbearer.sub.claim.name",
    "sasl.login.connect.timeout.ms",
    "sasl.login.read.timeout.ms",
    "https.ca.location",
    "https.ca.pem",
];

struct Taken<'a> {
    settings: &'a mut Java,
    jaas: Jaas<'a>,
    problems: &'a mut Vec<Problem>,
}

impl Taken<'_> {
    fn read(&mut self) -> Option<Oidc> {
        let Setting { key, value } = self.settings.take(ENDPOINT)?;
        let before = self.problems.len();
        let name_claim = self.text("sasl.oauthbearer.sub.claim.name").unwrap_or_else(|| "sub".to_owned());
        let extensions = self.extensions();
        let from = match Url::parse(&value) {
            // Who may change connectors may not have any file sent to brokers of theirs.
            Ok(url) if url.scheme() == "file" && key.contains(".override.") => {
                let reason = "a file of a token may be named in the worker's settings only";
                self.problems.push(Problem::new(&key, reason).with_value(value));
                None
            }
            Ok(url) if url.scheme() == "file" => url.to_file_path().ok().map(From::File),
            Ok(url) if matches!(url.scheme(), "http" | "https") => self.endpoint(url).map(Box::new).map(From::Endpoint),
            _ => {
                let problem = Problem::new(&key, "must be https://…, http://… or file:///…");
                self.problems.push(problem.with_value(mask_user_info(&value)));
                None
            }
        };
        (self.problems.len() == before).then_some(Oidc { key, from: from?, extensions, name_claim })
    }

    fn text(&mut self, name: &str) -> Option<String> {
        self.settings.take(name).map(|setting| setting.value).filter(|value| !value.is_empty())
    }

    /// An option of JAAS.
    fn option(&self, name: &str) -> Option<String> {
        self.jaas.and_then(|(_, options)| options.get(name)).filter(|value| !value.is_empty()).cloned()
    }

    /// The first of these settings, else the option of JAAS, as Kafka looks for them.
    fn one_of(&mut self, names: [&str; 2], option: &str) -> Option<String> {
        let [first, second] = names.map(|name| self.text(name));
        first.or(second).or_else(|| self.option(option))
    }

    fn endpoint(&mut self, url: Url) -> Option<Endpoint> {
        const ID: [&str; 2] = ["sasl.oauthbearer.client.credentials.client.id", "sasl.oauthbearer.client.id"];
        const SECRET: [&str; 2] =
            ["sasl.oauthbearer.client.credentials.client.secret", "sasl.oauthbearer.client.secret"];
        let (id, secret) = (self.one_of(ID, "clientId"), self.one_of(SECRET, "clientSecret"));
        let scope = self.text("sasl.oauthbearer.scope").or_else(|| self.option("scope"));
        let urlencode = self.text("sasl.oauthbearer.header.urlencode").is_some_and(|value| value == "true");
        let connect_timeout = self.milliseconds("sasl.login.connect.timeout.ms");
        let read_timeout = self.milliseconds("sasl.login.read.timeout.ms");
        let tls = self.tls();
        for (value, option, name) in [(&id, "clientId", ID[0]), (&secret, "clientSecret", SECRET[0])] {
            if value.is_none() {
                let key = self.jaas.map_or(name, |(key, _)| key);
                let reason = format!("needs {option}=\"…\" for {ENDPOINT}; or set {name}");
                self.problems.push(Problem::new(key, reason));
            }
        }
        let secret = Secret::new(secret?);
        Some(Endpoint { url, id: id?, secret, scope, urlencode, connect_timeout, read_timeout, tls: tls? })
    }

    fn milliseconds(&mut self, name: &str) -> Duration {
        const DEFAULT: Duration = Duration::from_secs(10);
        let Some(Setting { key, value }) = self.settings.take(name) else { return DEFAULT };
        let Ok(ms) = value.parse() else {
            self.problems.push(Problem::new(key, "must be a whole number of milliseconds").with_value(value));
            return DEFAULT;
        };
        Duration::from_millis(ms)
    }

    /// `extension_NAME` of JAAS, or librdkafka's list of `name=value`.
    fn extensions(&mut self) -> Arc<[(String, String)]> {
        let listed = self.text("sasl.oauthbearer.extensions").unwrap_or_default();
        let listed = listed.split(',').filter_map(|pair| pair.split_once('='));
        let listed = listed.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()));
        let options = self.jaas.into_iter().flat_map(|(_, options)| options.iter());
        let options = options.filter_map(|(name, value)| {
            Some((name.strip_prefix("extension_")?.to_owned(), value.clone())).filter(|_| !value.is_empty())
        });
        listed.chain(options).collect()
    }

    /// How the endpoint is reached over TLS: JAAS' `ssl.*` as in Java, or librdkafka's `https.ca.*`; else the authorities of the
    /// system, and those of the brokers.
    fn tls(&mut self) -> Option<Arc<ClientConfig>> {
        let (key, own) = self.trusted()?;
        let client = self.client()?;
        let mut roots = RootCertStore::empty();
        if own.is_none() {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        let pem = own.or_else(|| self.brokers());
        let built = pem.map_or(Ok(vec![]), |pem| tls::certificates(&pem)).and_then(|certificates| {
            certificates.into_iter().try_for_each(|one| roots.add(one).map_err(|error| error.to_string()))?;
            let provider = Arc::new(ring::default_provider());
            let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
                .with_safe_default_protocol_versions()
                .map_err(|error| error.to_string())?;
            let checks_name = self.option("ssl.endpoint.identification.algorithm").is_none_or(|name| name == "https");
            let builder = if checks_name || roots.is_empty() {
                builder.with_root_certificates(roots)
            } else {
                let check = Check::chain(roots, provider).map_err(|error| error.to_string())?;
                builder.dangerous().with_custom_certificate_verifier(Arc::new(check))
            };
            let Some(pem) = client else { return Ok(builder.with_no_client_auth()) };
            let (chain, key) = (tls::certificates(&pem)?, tls::private_key(&pem)?);
            builder.with_client_auth_cert(chain, key).map_err(|error| error.to_string())
        });
        built.map(Arc::new).map_err(|reason| self.problems.push(Problem::new(key, reason))).ok()
    }

    /// The authorities that the settings name for the endpoint, and by which key.
    fn trusted(&mut self) -> Option<(String, Option<String>)> {
        let (location, inline) = (self.settings.take("https.ca.location"), self.settings.take("https.ca.pem"));
        let key = self.jaas.map_or(ENDPOINT, |(key, _)| key).to_owned();
        if let Some(text) = self.option("ssl.truststore.certificates") {
            return Some((key, Some(text)));
        }
        if let Some(path) = self.option("ssl.truststore.location") {
            return self.store("truststore", &path).map(|text| (key, Some(text)));
        }
        if let Some(Setting { key, value }) = inline {
            return Some((key, Some(value)));
        }
        match location {
            Some(Setting { key, value }) if value != "probe" => {
                self.file(&key, &value).map(|text| (key.clone(), Some(text)))
            }
            _ => Some((key, None)),
        }
    }

    /// The key and certificates that the endpoint gets to see; `None` after a problem.
    #[expect(clippy::option_option, reason = "there may be none, and there may be a problem")]
    fn client(&mut self) -> Option<Option<String>> {
        if let (Some(key), Some(chain)) =
            (self.option("ssl.keystore.key"), self.option("ssl.keystore.certificate.chain"))
        {
            return Some(Some(format!("{key}\n{chain}")));
        }
        match self.option("ssl.keystore.location") {
            Some(path) => self.store("keystore", &path).map(Some),
            None => Some(None),
        }
    }

    /// A store that JAAS names.
    fn store(&mut self, store: &str, path: &str) -> Option<String> {
        let key = self.jaas.map_or(ENDPOINT, |(key, _)| key).to_owned();
        let kind = self.option(&format!("ssl.{store}.type")).map(|kind| kind.to_ascii_uppercase());
        let is_java = [".jks", ".p12", ".pfx"].iter().any(|end| path.to_ascii_lowercase().ends_with(end));
        if kind.as_deref().is_some_and(|kind| kind != "PEM") || kind.is_none() && is_java {
            let reason = format!("its ssl.{store}.location must be PEM, with ssl.{store}.type=\"PEM\"");
            self.problems.push(Problem::new(key, reason));
            return None;
        }
        self.file(&key, path)
    }

    fn file(&mut self, key: &str, path: &str) -> Option<String> {
        let read = std::fs::read_to_string(path);
        read.map_err(|error| self.problems.push(Problem::new(key, format!("{path} cannot be read: {error}")))).ok()
    }

    /// The authorities of the brokers, as far as they are PEM.
    fn brokers(&mut self) -> Option<String> {
        if let Some(text) = self.settings.get("ssl.truststore.certificates") {
            return Some(text.to_owned());
        }
        // What is wrong with it is told where it is used.
        let path = self.settings.get("ssl.truststore.location")?;
        std::fs::read_to_string(path).ok().filter(|text| tls::certificates(text).is_ok())
    }
}
