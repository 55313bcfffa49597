//! TLS to the collector: whom we trust, and our own certificate, as PEM files that the environment names.

use std::sync::Arc;

use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};

use super::{Pair, either};
use crate::config::{Key, KeyKind, Reader};
use crate::tls;

const TRUSTED: Pair = ["OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE"];
const KEY: Pair = ["OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", "OTEL_EXPORTER_OTLP_CLIENT_KEY"];
const CHAIN: Pair = ["OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"];

pub(super) const KEYS: &[Key] = &[
    Key::new(TRUSTED[0], KeyKind::String, "Certificates to trust; without it, the system's."),
    Key::new(TRUSTED[1], KeyKind::String, "Certificates to trust; without it, the system's."),
    Key::new(KEY[0], KeyKind::String, "Our key."),
    Key::new(KEY[1], KeyKind::String, "Our key."),
    Key::new(CHAIN[0], KeyKind::String, "Our certificates."),
    Key::new(CHAIN[1], KeyKind::String, "Our certificates."),
];

/// rustls' configuration, as the variables say; `None` after a problem.
pub(super) fn read(read: &mut Reader<'_>) -> Option<ClientConfig> {
    let roots = roots(read);
    let client = match (either(read, KEY), either(read, CHAIN)) {
        (Some(key), Some(chain)) => {
            let (name, key) = (key.0, file(read, &key, tls::private_key));
            key.zip(file(read, &chain, tls::certificates)).map(|pair| Some((name, pair)))
        }
        (None, None) => Some(None),
        (Some((name, _)), None) => problem(read, name, "needs OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE beside it"),
        (None, Some((name, _))) => problem(read, name, "needs OTEL_EXPORTER_OTLP_CLIENT_KEY beside it"),
    };
    let (roots, client) = roots.zip(client)?;
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = match builder.with_safe_default_protocol_versions() {
        Ok(builder) => builder.with_root_certificates(roots),
        Err(error) => return problem(read, TRUSTED[1], &error.to_string()),
    };
    let Some((name, (key, chain))) = client else { return Some(builder.with_no_client_auth()) };
    builder.with_client_auth_cert(chain, key).map_err(|error| problem::<()>(read, name, &error.to_string())).ok()
}

fn roots(read: &mut Reader<'_>) -> Option<RootCertStore> {
    let mut store = RootCertStore::empty();
    let Some(trusted) = either(read, TRUSTED) else {
        store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return Some(store);
    };
    for certificate in file(read, &trusted, tls::certificates)? {
        if let Err(error) = store.add(certificate) {
            return problem(read, trusted.0, &error.to_string());
        }
    }
    Some(store)
}

/// What is in the file that a variable names.
fn file<T>(
    read: &mut Reader<'_>,
    (name, path): &(&'static str, String),
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Option<T> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("cannot be read: {error}"));
    match text.and_then(|text| parse(&text)) {
        Ok(parsed) => Some(parsed),
        Err(reason) => {
            read.problem(name, Some(path.clone()), &reason);
            None
        }
    }
}

fn problem<T>(read: &mut Reader<'_>, name: &str, reason: &str) -> Option<T> {
    read.problem(name, None, reason);
    None
}
