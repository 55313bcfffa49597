//! What a listener for TLS is made of: Connect's `listeners.https.ssl.*`, or `ssl.*`. Stores are PEM.
//!
//! Placeholders are resolved and files are read on each [`Settings::read`], so that the same settings make a new listener of
//! renewed certificates, wherever these come from.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::CertificateDer;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedCipherSuite, SupportedProtocolVersion};
use sha2::{Digest, Sha256};
use x509_cert::Certificate;
use x509_cert::der::Decode;

use crate::config::{Problem, Properties, Providers, Worker};
use crate::tls;

/// The settings of TLS as they are written: those with Connect's prefix if there are any, else those without.
pub(super) struct Settings {
    written: Properties,
    providers: Providers,
    prefix: &'static str,
}

/// The same at one moment, placeholders resolved.
struct Options {
    properties: Properties,
    prefix: &'static str,
}

/// PEM text, and the key that it was given by.
struct Pem {
    key: String,
    text: String,
}

/// What the files and options hold at one moment.
pub(super) struct Texts {
    options: Options,
    key: Pem,
    chain: Pem,
    /// The authorities of clients' certificates, where these are asked for.
    trusted: Option<Pem>,
}

impl Texts {
    /// Tells whether anything has changed, without keeping a key in memory.
    pub(super) fn digest(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        for pem in [Some(&self.key), Some(&self.chain), self.trusted.as_ref()].into_iter().flatten() {
            digest.update(pem.text.len().to_be_bytes());
            digest.update(&pem.text);
        }
        digest.finalize().into()
    }

    /// What to serve with.
    ///
    /// # Errors
    /// What is missing or wrong, by its key.
    pub(super) fn build(&self) -> Result<Current, Problem> {
        let Self { options, key, chain, trusted } = self;
        let certificates = tls::certificates(&chain.text).map_err(|reason| Problem::new(&chain.key, reason))?;
        let private_key = tls::private_key(&key.text).map_err(|reason| Problem::new(&key.key, reason))?;
        let builder = ServerConfig::builder_with_provider(Arc::new(options.provider()?))
            .with_protocol_versions(&options.versions()?)
            .map_err(|error| options.problem("ssl.enabled.protocols", error.to_string()))?;
        let builder = match options.verifier(trusted.as_ref())? {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let expires = certificates.iter().filter_map(end).min();
        // That the key is the certificate's is checked here.
        let config = builder.with_single_cert(certificates, private_key);
        let mut config = config.map_err(|error| Problem::new(&key.key, error.to_string()))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let clients = options.clients()?;
        let (is_mutual, asks) = (clients == Clients::Required, clients != Clients::Unasked);
        Ok(Current { config: Arc::new(config), expires, is_mutual, asks })
    }
}

/// What a listener serves with.
pub(super) struct Current {
    pub(super) config: Arc<ServerConfig>,
    /// When the first certificate of the chain ends, in seconds since 1970; `None` if that cannot be read.
    pub(super) expires: Option<i64>,
    /// Whether every client has a certificate that was verified.
    pub(super) is_mutual: bool,
    /// Whether clients are asked for one.
    pub(super) asks: bool,
}

/// Whether clients show a certificate.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Clients {
    Unasked,
    Asked,
    Required,
}

impl Settings {
    pub(super) fn of(worker: &Worker) -> Self {
        const PREFIX: &str = "listeners.https.";
        let is_prefixed = worker.written.keys().any(|key| key.starts_with("listeners.https.ssl."));
        let prefix = if is_prefixed { PREFIX } else { "" };
        let relevant = worker.written.iter().filter(|(key, _)| key.starts_with(&format!("{prefix}ssl.")));
        let written = relevant.map(|(key, value)| (key.clone(), value.clone())).collect();
        Self { written, providers: worker.providers.clone(), prefix }
    }

    /// Reads what there is now.
    ///
    /// # Errors
    /// What is missing or wrong, by its key.
    pub(super) fn read(&self) -> Result<Texts, Problem> {
        let (properties, problems) = self.providers.resolve_all(&self.written);
        if let Some(problem) = problems.into_iter().next() {
            return Err(problem);
        }
        Options { properties, prefix: self.prefix }.read()
    }
}

impl Options {
    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.properties.get(&self.key(name)).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    fn problem(&self, name: &str, reason: impl Into<String>) -> Problem {
        Problem::new(self.key(name), reason)
    }

    /// The text of a store, or of the option that holds it.
    fn pem(&self, store: &str, inline: &str) -> Result<Option<Pem>, Problem> {
        let location = format!("ssl.{store}.location");
        let Some(path) = self.get(&location) else {
            return Ok(self.get(inline).map(|text| Pem { key: self.key(inline), text: text.to_owned() }));
        };
        let kind = self.get(&format!("ssl.{store}.type")).map(str::to_ascii_uppercase);
        let is_java = [".jks", ".p12", ".pfx"].iter().any(|end| path.to_ascii_lowercase().ends_with(end));
        if kind.as_deref().is_some_and(|kind| kind != "PEM") || kind.is_none() && is_java {
            let reason =
                format!("must be PEM: openssl pkcs12 -in STORE.p12 -nodes -out {store}.pem, and ssl.{store}.type=PEM");
            return Err(self.problem(&location, reason).with_value(path));
        }
        let text = std::fs::read_to_string(path);
        let text =
            text.map_err(|error| self.problem(&location, format!("cannot be read: {error}")).with_value(path))?;
        Ok(Some(Pem { key: self.key(&location), text }))
    }

    /// Whether clients show a certificate.
    fn clients(&self) -> Result<Clients, Problem> {
        const NAME: &str = "ssl.client.auth";
        match self.get(NAME).unwrap_or("none").to_ascii_lowercase().as_str() {
            "none" => Ok(Clients::Unasked),
            "requested" => Ok(Clients::Asked),
            "required" => Ok(Clients::Required),
            other => Err(self.problem(NAME, "must be none, requested or required").with_value(other)),
        }
    }

    /// Reads the files.
    fn read(self) -> Result<Texts, Problem> {
        let key = self.pem("keystore", "ssl.keystore.key")?.ok_or_else(|| {
            self.problem("ssl.keystore.location", "is required for https: a PEM file of the key and its certificates")
        })?;
        let chain = match self.get("ssl.keystore.certificate.chain") {
            Some(chain) => Pem { key: self.key("ssl.keystore.certificate.chain"), text: chain.to_owned() },
            None => Pem { key: key.key.clone(), text: key.text.clone() },
        };
        let trusted = match self.clients()? {
            Clients::Unasked => None,
            Clients::Asked | Clients::Required => self.pem("truststore", "ssl.truststore.certificates")?,
        };
        Ok(Texts { options: self, key, chain, trusted })
    }

    /// The provider with the suites that may be used.
    fn provider(&self) -> Result<CryptoProvider, Problem> {
        const NAME: &str = "ssl.cipher.suites";
        let mut provider = ring::default_provider();
        let Some(list) = self.get(NAME) else { return Ok(provider) };
        // The standard has no number in the names of TLS 1.3.
        let name = |suite: &SupportedCipherSuite| format!("{:?}", suite.suite()).replacen("TLS13_", "TLS_", 1);
        let wanted: Vec<&str> = list.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        let names: Vec<String> = provider.cipher_suites.iter().map(name).collect();
        if let Some(missing) = wanted.iter().find(|wanted| !names.iter().any(|name| name == *wanted)) {
            let reason = format!("there is no {missing} here; there are {}", names.join(", "));
            return Err(self.problem(NAME, reason));
        }
        provider.cipher_suites.retain(|suite| wanted.contains(&name(suite).as_str()));
        Ok(provider)
    }

    fn versions(&self) -> Result<Vec<&'static SupportedProtocolVersion>, Problem> {
        const NAME: &str = "ssl.enabled.protocols";
        let enabled = self.get(NAME).unwrap_or("TLSv1.2,TLSv1.3");
        enabled
            .split(',')
            .map(|version| match version.trim() {
                "TLSv1.2" => Ok(&rustls::version::TLS12),
                "TLSv1.3" => Ok(&rustls::version::TLS13),
                _ => Err(self.problem(NAME, "must be TLSv1.2, TLSv1.3 or both").with_value(enabled)),
            })
            .collect()
    }

    /// Who checks clients' certificates.
    fn verifier(&self, trusted: Option<&Pem>) -> Result<Option<Arc<dyn ClientCertVerifier>>, Problem> {
        let clients = self.clients()?;
        if clients == Clients::Unasked {
            return Ok(None);
        }
        let Pem { key, text } = trusted.ok_or_else(|| {
            let reason =
                "is required with ssl.client.auth: a PEM file of the authorities that sign clients' certificates";
            self.problem("ssl.truststore.location", reason)
        })?;
        let mut roots = RootCertStore::empty();
        for certificate in tls::certificates(text).map_err(|reason| Problem::new(key, reason))? {
            roots.add(certificate).map_err(|error| Problem::new(key, error.to_string()))?;
        }
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::new(ring::default_provider()));
        let builder = if clients == Clients::Required { builder } else { builder.allow_unauthenticated() };
        Ok(Some(builder.build().map_err(|error| Problem::new(key, error.to_string()))?))
    }
}

/// When a certificate ends, in seconds since 1970.
fn end(certificate: &CertificateDer<'_>) -> Option<i64> {
    let certificate = Certificate::from_der(certificate).ok()?;
    let end = certificate.tbs_certificate.validity.not_after.to_unix_duration();
    i64::try_from(end.as_secs()).ok()
}
