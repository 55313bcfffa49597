//! TLS to PostgreSQL: libpq's `sslmode`, for the replication connection and for SQL alike.
//!
//! `require` encrypts and does not verify, `verify-ca` verifies the chain, `verify-full` the host name too, as in libpq
//! (<https://www.postgresql.org/docs/current/libpq-ssl.html>).

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

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
        let check = match self.mode {
            SslMode::VerifyCa | SslMode::VerifyFull => {
                let roots =
                    self.root.as_deref().ok_or("verifying the server's certificate needs database.sslrootcert")?;
                let verifier =
                    WebPkiServerVerifier::builder_with_provider(Arc::new(root_store(roots)?), Arc::clone(&provider))
                        .build()
                        .map_err(|error| format!("database.sslrootcert {roots}: {error}"))?;
                Check { chain: Some(verifier), host: self.mode == SslMode::VerifyFull, provider: Arc::clone(&provider) }
            }
            SslMode::Disable | SslMode::Allow | SslMode::Prefer | SslMode::Require => {
                Check { chain: None, host: false, provider: Arc::clone(&provider) }
            }
        };
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(check));
        match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => config
                .with_client_auth_cert(certificates(certificate)?, private_key(key)?)
                .map_err(|error| format!("database.sslcert {certificate}: {error}")),
            _ => Ok(config.with_no_client_auth()),
        }
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

/// Checks a certificate as far as the mode asks.
#[derive(Debug)]
struct Check {
    chain: Option<Arc<WebPkiServerVerifier>>,
    host: bool,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Check {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(chain) = &self.chain else { return Ok(ServerCertVerified::assertion()) };
        let verified = chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verified {
            // The chain is verified before the name, so a wrong name means a good chain.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.host => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
