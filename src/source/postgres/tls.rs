//! TLS to PostgreSQL: libpq's `sslmode`, for the replication connection and for SQL alike.
//!
//! `require` encrypts and does not verify, `verify-ca` verifies the chain, `verify-full` the host name too, as in libpq
//! (<https://www.postgresql.org/docs/current/libpq-ssl.html>).

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::tls::Check;

/// `database.sslmode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SslMode {
    /// Never TLS.
    Disable,
    /// TLS when the server insists.
    Allow,
    /// TLS when the server has it.
    Prefer,
    /// TLS, without a look at the certificate.
    Require,
    /// TLS, and the certificate comes from the root.
    VerifyCa,
    /// TLS, the certificate comes from the root, and it is for this host.
    VerifyFull,
}

impl SslMode {
    /// The ways to try, in order: encrypted or not.
    pub(super) const fn attempts(self) -> &'static [bool] {
        match self {
            Self::Disable => &[false],
            Self::Allow => &[false, true],
            Self::Prefer => &[true, false],
            Self::Require | Self::VerifyCa | Self::VerifyFull => &[true],
        }
    }
}

/// What TLS needs: the mode and the files.
#[derive(Clone, Debug)]
pub(super) struct Tls {
    /// How much is asked for.
    pub(super) mode: SslMode,
    /// `database.sslrootcert`: PEM.
    pub(super) root: Option<String>,
    /// `database.sslcert`: PEM.
    pub(super) certificate: Option<String>,
    /// `database.sslkey`: PEM, or PKCS#8 in DER as pgjdbc wants it.
    pub(super) key: Option<String>,
}

impl Tls {
    /// rustls' configuration.
    ///
    /// # Errors
    /// What is wrong with which file.
    pub(super) fn client_config(&self) -> Result<ClientConfig, String> {
        let provider = Arc::new(ring::default_provider());
        let check = self.check(Arc::clone(&provider))?;
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(check);
        match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => config
                .with_client_auth_cert(certificates(certificate)?, private_key(key)?)
                .map_err(|error| format!("database.sslcert {certificate}: {error}")),
            _ => Ok(config.with_no_client_auth()),
        }
    }

    /// Checks a certificate as far as the mode asks.
    fn check(&self, provider: Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, String> {
        if !matches!(self.mode, SslMode::VerifyCa | SslMode::VerifyFull) {
            return Ok(Arc::new(Check::nothing(provider)));
        }
        let path = self.root.as_deref().ok_or("verifying the server's certificate needs database.sslrootcert")?;
        let roots = root_store(path)?;
        let check: Result<Arc<dyn ServerCertVerifier>, _> = if self.mode == SslMode::VerifyFull {
            let all = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
            all.build().map(|check| check as Arc<dyn ServerCertVerifier>)
        } else {
            Check::chain(roots, provider).map(|check| Arc::new(check) as Arc<dyn ServerCertVerifier>)
        };
        check.map_err(|error| format!("database.sslrootcert {path}: {error}"))
    }
}

fn certificates(path: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    match found {
        Ok(found) if found.is_empty() => Err(format!("{path} holds no certificate in PEM")),
        Ok(found) => Ok(found),
        Err(error) => Err(format!("cannot read certificates from {path}: {error}")),
    }
}

fn root_store(path: &str) -> Result<RootCertStore, String> {
    let mut store = RootCertStore::empty();
    for certificate in certificates(path)? {
        store.add(certificate).map_err(|error| format!("database.sslrootcert {path}: {error}"))?;
    }
    Ok(store)
}

fn private_key(path: &str) -> Result<PrivateKeyDer<'static>, String> {
    match PrivateKeyDer::from_pem_file(path) {
        Ok(key) => Ok(key),
        Err(_) if Path::new(path).extension().is_some_and(|extension| extension == "pk8" || extension == "der") => {
            let der = std::fs::read(path).map_err(|error| format!("cannot read database.sslkey {path}: {error}"))?;
            Ok(PrivatePkcs8KeyDer::from(der).into())
        }
        Err(error) => Err(format!("cannot read database.sslkey {path}: {error}")),
    }
}
