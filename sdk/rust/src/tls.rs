//! Whom the client trusts, and who it says it is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};

use crate::http::ClientError;

/// TLS of an `https://` address: PEM files, which [`crate::Gate::connect`] reads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// The only authorities that are trusted; absent: the operating system's.
    pub ca: Option<PathBuf>,
    /// The certificate that is presented to a server that demands one.
    pub identity: Option<Identity>,
}

/// A client's certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The certificate, then those between it and its authority.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl Tls {
    pub(crate) fn connector(&self) -> Result<HttpsConnector<HttpConnector>, ClientError> {
        let builder = match &self.ca {
            Some(file) => builder()?.with_root_certificates(roots(file)?),
            None => builder()?.with_native_roots().map_err(|_| ClientError::Tls)?,
        };
        let config = if let Some(Identity { certificate, key }) = &self.identity {
            let secret = PrivateKeyDer::from_pem_file(key).map_err(|_| wrong(key))?;
            builder.with_client_auth_cert(certificates(certificate)?, secret).map_err(|_| wrong(key))?
        } else {
            builder.with_no_client_auth()
        };
        Ok(HttpsConnectorBuilder::new().with_tls_config(config).https_only().enable_http1().build())
    }
}

/// The same type without roots, so that machines without any can reach a ledger behind a local proxy.
pub(crate) fn plain() -> Result<HttpsConnector<HttpConnector>, ClientError> {
    let config = builder()?.with_root_certificates(RootCertStore::empty()).with_no_client_auth();
    Ok(HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1().build())
}

fn builder() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, ClientError> {
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|_| ClientError::Tls)
}

fn roots(file: &Path) -> Result<RootCertStore, ClientError> {
    let mut roots = RootCertStore::empty();
    for authority in certificates(file)? {
        roots.add(authority).map_err(|_| wrong(file))?;
    }
    Ok(roots)
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, ClientError> {
    let chain = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    chain.ok().filter(|chain| !chain.is_empty()).ok_or_else(|| wrong(file))
}

fn wrong(file: &Path) -> ClientError {
    ClientError::File { file: file.to_owned() }
}
