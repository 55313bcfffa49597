//! TLS to a registry: Confluent's `schema.registry.ssl.*`, which are Kafka's `ssl.*`, in rustls' terms.
//!
//! Stores are PEM, in a file or in the option itself. Java's own stores are refused with the command that makes PEM of them.

use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::config::{Importance, Key, KeyKind, Problem, Reader};
use crate::tls::{self, Check};

/// The options of TLS.
pub(super) const KEYS: &[Key] = &[
    Key::new(TRUSTSTORE, KeyKind::String, "Certificates to trust, PEM; without it, the system's."),
    Key::new("schema.registry.ssl.truststore.type", KeyKind::String, "PEM."),
    Key::new("schema.registry.ssl.truststore.password", KeyKind::Password, "PEM needs none."),
    Key::new("schema.registry.ssl.truststore.certificates", KeyKind::String, "Certificates to trust, themselves, PEM."),
    Key::new(KEYSTORE, KeyKind::String, "The client's key and certificates, PEM."),
    Key::new("schema.registry.ssl.keystore.type", KeyKind::String, "PEM."),
    Key::new("schema.registry.ssl.keystore.password", KeyKind::Password, "PEM needs none."),
    Key::new("schema.registry.ssl.keystore.key", KeyKind::Password, "The client's key itself, PEM."),
    Key::new("schema.registry.ssl.keystore.certificate.chain", KeyKind::String, "The client's certificates, PEM."),
    Key::new("schema.registry.ssl.key.password", KeyKind::Password, "Encrypted keys are not read."),
    Key {
        importance: Importance::Low,
        ..Key::new(IDENTIFICATION, KeyKind::String, "https checks the server's name; empty does not.")
    },
];
const TRUSTSTORE: &str = "schema.registry.ssl.truststore.location";
const KEYSTORE: &str = "schema.registry.ssl.keystore.location";
const IDENTIFICATION: &str = "schema.registry.ssl.endpoint.identification.algorithm";

/// What of PEM a file or an option must hold.
struct Pem {
    /// The option, for problems.
    option: &'static str,
    text: String,
}

/// rustls' configuration, as the options say; `None` after a problem.
/// `used`: whether any address asks for TLS.
pub(super) fn read(read: &mut Reader<'_>, identification: Option<&str>, used: bool) -> Option<ClientConfig> {
    let mut problems = Vec::new();
    let config = configure(read, identification, used, &mut problems);
    for Problem { key, value, reason } in problems {
        read.problem(&key, value, &reason);
    }
    config
}

fn configure(
    read: &mut Reader<'_>,
    identification: Option<&str>,
    used: bool,
    problems: &mut Vec<Problem>,
) -> Option<ClientConfig> {
    let trusted = truststore(read, problems);
    let client = keystore(read, problems);
    let check_name = match identification.map(|algorithm| algorithm.trim().to_ascii_lowercase()).as_deref() {
        None | Some("https") => true,
        Some("") => false,
        Some(_) => {
            problems.push(Problem::new(IDENTIFICATION, "must be https, or empty for no check of the server's name"));
            true
        }
    };
    if !problems.is_empty() {
        return None;
    }
    let option = trusted.as_ref().map_or(TRUSTSTORE, |pem| pem.option);
    let built = roots(trusted.as_ref(), used).and_then(|roots| build(option, roots, client.as_ref(), check_name));
    built.map_err(|problem| problems.push(problem)).ok()
}

fn build(
    option: &str,
    roots: RootCertStore,
    client: Option<&(Pem, Pem)>,
    check_name: bool,
) -> Result<ClientConfig, Problem> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| Problem::new(option, error.to_string()))?;
    // A machine without any certificates is no problem until a registry is asked over TLS.
    let builder = if check_name || roots.is_empty() {
        builder.with_root_certificates(roots)
    } else {
        let check = Check::chain(roots, provider).map_err(|error| Problem::new(option, error.to_string()))?;
        builder.dangerous().with_custom_certificate_verifier(Arc::new(check))
    };
    let Some((key, chain)) = client else { return Ok(builder.with_no_client_auth()) };
    builder
        .with_client_auth_cert(certificates(chain)?, private_key(key)?)
        .map_err(|error| Problem::new(chain.option, error.to_string()))
}

/// What is trusted: what the options say, else what the system trusts.
fn roots(trusted: Option<&Pem>, used: bool) -> Result<RootCertStore, Problem> {
    let mut store = RootCertStore::empty();
    let Some(pem) = trusted else {
        if used {
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        return Ok(store);
    };
    for certificate in certificates(pem)? {
        store.add(certificate).map_err(|error| Problem::new(pem.option, error.to_string()))?;
    }
    Ok(store)
}

fn certificates(pem: &Pem) -> Result<Vec<CertificateDer<'static>>, Problem> {
    tls::certificates(&pem.text).map_err(|reason| Problem::new(pem.option, reason))
}

fn private_key(pem: &Pem) -> Result<PrivateKeyDer<'static>, Problem> {
    tls::private_key(&pem.text).map_err(|reason| Problem::new(pem.option, reason))
}

fn truststore(read: &mut Reader<'_>, problems: &mut Vec<Problem>) -> Option<Pem> {
    const INLINE: &str = "schema.registry.ssl.truststore.certificates";
    // A password is of no use for PEM, and names the store that it belongs to.
    read.secret("schema.registry.ssl.truststore.password");
    let kind = read.text_opt("schema.registry.ssl.truststore.type");
    let inline = read.text_opt(INLINE).map(|text| Pem { option: INLINE, text });
    let location = read.text_opt(TRUSTSTORE);
    let make = |path: &str, java: bool| {
        if java {
            format!("keytool -list -rfc -keystore {path} > ca.pem")
        } else {
            format!("openssl pkcs12 -in {path} -nokeys -out ca.pem")
        }
    };
    let stored = location
        .and_then(|path| store((TRUSTSTORE, "schema.registry.ssl.truststore.type"), &path, kind, make, problems));
    stored.or(inline)
}

/// The key and its certificates.
fn keystore(read: &mut Reader<'_>, problems: &mut Vec<Problem>) -> Option<(Pem, Pem)> {
    const KEY: &str = "schema.registry.ssl.keystore.key";
    const CHAIN: &str = "schema.registry.ssl.keystore.certificate.chain";
    read.secret("schema.registry.ssl.keystore.password");
    read.secret("schema.registry.ssl.key.password");
    let kind = read.text_opt("schema.registry.ssl.keystore.type");
    let (key, chain) = (read.text_opt(KEY), read.text_opt(CHAIN));
    if let Some(path) = read.text_opt(KEYSTORE) {
        let make = |path: &str, java: bool| {
            let first = if java {
                format!("keytool -importkeystore -srckeystore {path} -destkeystore c.p12 -deststoretype PKCS12, then ")
            } else {
                String::new()
            };
            let from = if java { "c.p12" } else { path };
            format!("{first}openssl pkcs12 -in {from} -nodes -out client.pem")
        };
        // Kafka's PEM key store holds the key and its certificates in one file.
        let pem = store((KEYSTORE, "schema.registry.ssl.keystore.type"), &path, kind, make, problems)?;
        return Some((Pem { option: KEYSTORE, text: pem.text.clone() }, pem));
    }
    match (key, chain) {
        (Some(key), Some(chain)) => Some((Pem { option: KEY, text: key }, Pem { option: CHAIN, text: chain })),
        (None, None) => None,
        (Some(_), None) => {
            problems.push(Problem::new(CHAIN, format!("is required beside {KEY}")));
            None
        }
        (None, Some(_)) => {
            problems.push(Problem::new(KEY, format!("is required beside {CHAIN}")));
            None
        }
    }
}

/// The text of a store in PEM. Its type is the declared one, else its file name tells; Java's default is JKS.
fn store(
    (option, type_option): (&'static str, &str),
    path: &str,
    declared: Option<String>,
    make: impl Fn(&str, bool) -> String,
    problems: &mut Vec<Problem>,
) -> Option<Pem> {
    let declared = declared.map(|kind| kind.to_ascii_uppercase());
    let extension = path.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    let refuse = |kind: &str, java: bool| {
        let command = make(path, java);
        let reason = format!("{kind} is not supported; make PEM of it and set {type_option}=PEM: {command}");
        Problem::new(option, reason).with_value(path)
    };
    let problem = match (declared.as_deref(), extension.as_deref()) {
        (Some("PEM"), _) | (None, Some("pem" | "crt" | "cer" | "key")) => match std::fs::read_to_string(path) {
            Ok(text) => return Some(Pem { option, text }),
            Err(error) => Problem::new(option, format!("cannot be read: {error}")).with_value(path),
        },
        (Some("PKCS12"), _) | (None, Some("p12" | "pfx")) => refuse("PKCS12", false),
        _ => refuse("JKS", true),
    };
    problems.push(problem);
    None
}
