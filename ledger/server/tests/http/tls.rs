//! TLS over real sockets: who is let in, who is not, and what happens to those who speak something else or nothing.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use grantbook_record::GateId;
use grantbook_sdk::{CheckOptions, ConnectError, DenialReason, Gate, GateConfig, Identity, Tls, Token};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::book::{Book, facts};

/// An authority of the tests' own, with the files of those whom it vouches for.
struct Authority {
    folder: tempfile::TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { folder, issuer }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn ca(&self) -> PathBuf {
        self.file("ca.pem")
    }

    /// Files of a new certificate for somebody, over those that were there.
    fn vouch(&self, name: &str) -> Identity {
        let key = KeyPair::generate().unwrap();
        let mut params =
            CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let files = Identity {
            certificate: self.file(&format!("{name}.pem")),
            key: self.file(&format!("{name}.key.pem")),
        };
        std::fs::write(&files.certificate, certificate.pem()).unwrap();
        std::fs::write(&files.key, key.serialize_pem()).unwrap();
        files
    }

    /// A server with a certificate of this authority.
    async fn book(&self, client_ca: Option<PathBuf>) -> Book {
        let Identity { certificate, key } = self.vouch("server");
        Book::open_with(|config| {
            config.tls.certificate = Some(certificate);
            config.tls.key = Some(key);
            config.tls.client_ca = client_ca;
            config.tls.handshake_ms = 300;
            config.limits.connections_max = 4;
        })
        .await
    }
}

/// What comes of a gate that connects and asks.
async fn ask(book: &Book, tls: Tls) -> Result<DenialReason, ConnectError> {
    let server = format!("https://localhost:{}", book.address.port());
    let keys = book.ledger.log_keys().clone();
    let config = GateConfig::new(server, Token::new(&book.service_token), book.tenant(), keys);
    let gate = Gate::connect(config.with_tls(tls)).await?;
    let asked = gate.check_with(&facts("cs-00004", 2), &CheckOptions::default()).await;
    Ok(asked.unwrap_err().reason)
}

#[tokio::test]
async fn a_server_is_believed_by_those_who_trust_its_authority() {
    let ours = Authority::new("ours");
    let theirs = Authority::new("theirs");
    let book = ours.book(None).await;
    let trusting = |ca: PathBuf| Tls { ca: Some(ca), identity: None };
    assert_eq!(ask(&book, trusting(ours.ca())).await.unwrap(), DenialReason::NoGrant);
    for (tls, expected) in [
        (trusting(theirs.ca()), "Link"),
        (Tls::default(), ""),
        (trusting(ours.file("absent.pem")), "Config"),
        (trusting(ours.file("server.key.pem")), "Config"),
    ] {
        let error = ask(&book, tls.clone()).await.unwrap_err();
        assert!(format!("{error:?}").contains(expected), "{tls:?}: {error:?}");
    }
}

#[tokio::test]
async fn a_client_without_the_certificate_that_is_demanded_gets_nothing() {
    let ours = Authority::new("ours");
    let theirs = Authority::new("theirs");
    let book = ours.book(Some(ours.ca())).await;
    let tls = |identity| Tls { ca: Some(ours.ca()), identity };
    assert_eq!(ask(&book, tls(Some(ours.vouch("gate")))).await.unwrap(), DenialReason::NoGrant);
    for identity in [None, Some(theirs.vouch("gate"))] {
        let error = ask(&book, tls(identity.clone())).await.unwrap_err();
        assert!(matches!(error, ConnectError::Link(_)), "{identity:?}: {error:?}");
    }
}

#[tokio::test]
async fn plain_http_on_a_port_with_tls_gets_no_answer() {
    let book = Authority::new("ours").book(None).await;
    let mut stream = TcpStream::connect(book.address).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(!String::from_utf8_lossy(&answer).contains("HTTP"), "{answer:?}");
}

#[tokio::test]
async fn handshakes_that_stall_are_cut_off_and_give_their_places_back() {
    let ours = Authority::new("ours");
    let book = ours.book(None).await;
    let begun = Instant::now();
    let mut stalled = Vec::new();
    for first in [&b""[..], b"\x16\x03\x01\x02\x00\x01", b"", b"\x16\x03\x01"] {
        let mut stream = TcpStream::connect(book.address).await.unwrap();
        stream.write_all(first).await.unwrap();
        stalled.push(stream);
    }
    // all places are taken; this one waits until they are cut off
    assert_eq!(ask(&book, Tls { ca: Some(ours.ca()), identity: None }).await.unwrap(), DenialReason::NoGrant);
    assert!(begun.elapsed() >= Duration::from_millis(250), "{:?}", begun.elapsed());
    for mut stream in stalled {
        let ended = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut [0; 64])).await;
        assert!(matches!(ended, Ok(Ok(0) | Err(_))), "{ended:?}");
    }
    assert!(begun.elapsed() < Duration::from_secs(5));
}

/// The certificate that a server shows now.
async fn shown(
    address: SocketAddr,
    ca: &PathBuf,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> Option<Vec<u8>> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await.ok()?;
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let stream = connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.ok()?;
    let chain = stream.get_ref().1.peer_certificates()?;
    Some(chain.first()?.to_vec())
}

#[tokio::test]
async fn a_hangup_renews_the_certificate_and_a_bad_file_changes_nothing() {
    let ours = Authority::new("ours");
    let book = ours.book(None).await;
    let both: &[_] = &[&rustls::version::TLS13, &rustls::version::TLS12];
    let first = shown(book.address, &ours.ca(), both).await.unwrap();
    assert_eq!(shown(book.address, &ours.ca(), &[&rustls::version::TLS12]).await.unwrap(), first);
    let hang_up = || {
        let id = std::process::id().to_string();
        assert!(std::process::Command::new("kill").args(["-HUP", &id]).status().unwrap().success());
    };
    ours.vouch("server");
    hang_up();
    let begun = Instant::now();
    while shown(book.address, &ours.ca(), both).await.unwrap() == first {
        assert!(begun.elapsed() < Duration::from_secs(10), "the new certificate is not shown");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let second = shown(book.address, &ours.ca(), both).await.unwrap();
    std::fs::write(ours.file("server.pem"), "no certificate").unwrap();
    hang_up();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(shown(book.address, &ours.ca(), both).await.unwrap(), second);
}

#[tokio::test]
async fn the_command_line_trusts_the_authority_that_it_is_told() {
    let ours = Authority::new("ours");
    let theirs = Authority::new("theirs");
    let book = ours.book(Some(ours.ca())).await;
    let me = ours.vouch("me");
    let gate = GateId::parse("gate").unwrap();
    book.ledger.register_gate(book.tenant(), &gate, *crate::book::signer(40).public_key()).unwrap();
    let run = async |ca: PathBuf, with_certificate: bool| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_grantbook"));
        command.args(["token", "list", "--server", &format!("https://localhost:{}", book.address.port())]);
        command.env("GRANTBOOK_TOKEN", &book.sandbox.token).arg("--ca").arg(ca);
        if with_certificate {
            command.arg("--client-certificate").arg(&me.certificate).arg("--client-key").arg(&me.key);
        }
        let done = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        (done.status.code(), String::from_utf8(done.stderr).unwrap())
    };
    assert_eq!(run(ours.ca(), true).await.0, Some(0), "{}", run(ours.ca(), true).await.1);
    assert_eq!(run(ours.ca(), false).await.0, Some(3));
    assert_eq!(run(theirs.ca(), true).await.0, Some(3));
    assert_eq!(run(ours.file("absent.pem"), true).await.0, Some(2));
}
