//! TLS of the server: its certificate, and the authorities of its clients where they must have one.
//!
//! The files are read at the start and at every SIGHUP. New connections get what was read last; files that cannot be
//! used leave it as it is.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::config::TlsConfig;

/// Why there is no TLS. Nothing of a key is told.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or holds no PEM of the kind.
    #[error("{}: expected PEM with {expected}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What should be in it.
        expected: &'static str,
    },
    /// Certificate, key and authorities do not go together.
    #[error("certificate or key: {0}")]
    Unusable(String),
}

/// What makes connections into TLS connections.
pub(super) struct Tls {
    config: TlsConfig,
    current: RwLock<Arc<ServerConfig>>,
}

impl Tls {
    /// Reads the files; `None` where none are configured.
    pub(super) fn new(config: &TlsConfig) -> Result<Option<Self>, TlsError> {
        let Some(current) = read(config)? else { return Ok(None) };
        Ok(Some(Self { config: config.clone(), current: RwLock::new(current) }))
    }

    /// Reads the files again.
    pub(super) fn reload(&self) -> Result<(), TlsError> {
        if let Some(new) = read(&self.config)? {
            *self.current.write().unwrap_or_else(PoisonError::into_inner) = new;
        }
        Ok(())
    }

    /// The handshake; `None` where it fails or takes too long. What failed is the client's affair: no error leaves here.
    pub(super) async fn handshake(&self, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
        let current = Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner));
        let within = Duration::from_millis(self.config.handshake_ms);
        match tokio::time::timeout(within, TlsAcceptor::from(current).accept(stream)).await {
            Ok(Ok(stream)) => Some(stream),
            Ok(Err(error)) => {
                tracing::debug!(%error, "no TLS handshake");
                None
            }
            Err(_) => {
                tracing::debug!("TLS handshake not finished in time");
                None
            }
        }
    }

    /// Reads the files again at every SIGHUP, for ever. The signal is heard from the call on.
    pub(super) fn reload_on_hangup(self: Arc<Self>) -> impl Future<Output = ()> + Send + 'static {
        let signal = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup());
        async move {
            let mut hangup = match signal {
                Ok(hangup) => hangup,
                Err(error) => {
                    tracing::warn!(%error, "SIGHUP will not be heard");
                    return;
                }
            };
            while hangup.recv().await.is_some() {
                let tls = Arc::clone(&self);
                let error = match tokio::task::spawn_blocking(move || tls.reload()).await {
                    Ok(Ok(())) => {
                        tracing::info!("certificates read again");
                        continue;
                    }
                    Ok(Err(error)) => error.to_string(),
                    Err(error) => error.to_string(),
                };
                tracing::error!(error, "certificates not read again, the old ones stay");
            }
        }
    }
}

fn read(config: &TlsConfig) -> Result<Option<Arc<ServerConfig>>, TlsError> {
    let (Some(certificate), Some(key)) = (&config.certificate, &config.key) else { return Ok(None) };
    let chain = certificates(certificate)?;
    let missing = || TlsError::File { file: key.clone(), expected: "a private key" };
    let key = PrivateKeyDer::from_pem_file(key).map_err(|_| missing())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(&error))?;
    let builder = match &config.client_ca {
        Some(file) => builder.with_client_cert_verifier(verifier(file, provider)?),
        None => builder.with_no_client_auth(),
    };
    let mut tls = builder.with_single_cert(chain, key).map_err(|error| unusable(&error))?;
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Some(Arc::new(tls)))
}

/// Demands a certificate of every client.
fn verifier(
    file: &Path,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn rustls::server::danger::ClientCertVerifier>, TlsError> {
    let mut roots = RootCertStore::empty();
    for authority in certificates(file)? {
        roots.add(authority).map_err(|error| unusable(&error))?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| unusable(&error))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let wrong = || TlsError::File { file: file.to_owned(), expected: "certificates" };
    let chain = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    chain.ok().filter(|chain| !chain.is_empty()).ok_or_else(wrong)
}

fn unusable(error: &dyn std::error::Error) -> TlsError {
    TlsError::Unusable(error.to_string())
}
