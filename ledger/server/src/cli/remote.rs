//! The blocking HTTP client of the command line.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use grantbook_record::receipt::RECEIPT_BYTES_MAX;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use ureq::http::Response;
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body, RequestBuilder};

use super::failure::Failure;
use super::secret::Secret;

const DEADLINE: Duration = Duration::from_secs(30);
/// Bytes of an answer: a full entry bundle, or a receipt and what surrounds it.
const ANSWER_BYTES_MAX: u64 = 16 * 1024 * 1024 + RECEIPT_BYTES_MAX as u64;

/// TLS of this process's clients, set once from the command line.
static TLS: OnceLock<TlsConfig> = OnceLock::new();
/// The same for its gates.
static GATE_TLS: OnceLock<grantbook_sdk::Tls> = OnceLock::new();

/// Whom to trust behind `https://` addresses, and who to say we are.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct TlsArgs {
    /// PEM file with the only authorities to trust behind https:// [default: well-known ones]
    #[arg(long, value_name = "FILE", env = "GRANTBOOK_CA", global = true, help_heading = "TLS")]
    ca: Option<PathBuf>,
    /// PEM file with the certificate to present to a server that demands one
    #[arg(
        long,
        value_name = "FILE",
        env = "GRANTBOOK_CLIENT_CERTIFICATE",
        global = true,
        requires = "client_key",
        help_heading = "TLS"
    )]
    client_certificate: Option<PathBuf>,
    /// PEM file with that certificate's key
    #[arg(
        long,
        value_name = "FILE",
        env = "GRANTBOOK_CLIENT_KEY",
        global = true,
        requires = "client_certificate",
        help_heading = "TLS"
    )]
    client_key: Option<PathBuf>,
}

impl TlsArgs {
    /// Has the clients of this process heed the arguments.
    pub(crate) fn heed(&self) -> Result<(), Failure> {
        let mut config = TlsConfig::builder();
        if let Some(file) = &self.ca {
            config = config.root_certs(RootCerts::new_with_certs(&certificates(file)?));
        }
        if let (Some(certificate), Some(key)) = (&self.client_certificate, &self.client_key) {
            let secret = PrivateKey::from_pem(&read_file(key)?).map_err(|_| no_pem(key, "a private key"))?;
            config =
                config.client_cert(Some(ClientCert::new_with_certs(&certificates(certificate)?, secret)));
        }
        // the first word counts: there is one command line
        let _ = TLS.set(config.build());
        let identity = self.client_certificate.clone().zip(self.client_key.clone());
        let identity = identity.map(|(certificate, key)| grantbook_sdk::Identity { certificate, key });
        let _ = GATE_TLS.set(grantbook_sdk::Tls { ca: self.ca.clone(), identity });
        Ok(())
    }

    /// What gates of this process heed.
    pub(crate) fn of_gates() -> grantbook_sdk::Tls {
        GATE_TLS.get().cloned().unwrap_or_default()
    }
}

fn certificates(file: &Path) -> Result<Vec<Certificate<'static>>, Failure> {
    let bytes = read_file(file)?;
    let found: Result<Vec<_>, _> = parse_pem(&bytes).collect();
    let found = found.map_err(|_| no_pem(file, "certificates"))?;
    let certificates: Vec<_> = found
        .into_iter()
        .filter_map(|item| match item {
            PemItem::Certificate(certificate) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() { Err(no_pem(file, "certificates")) } else { Ok(certificates) }
}

fn read_file(file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file).map_err(|error| Failure::input(format!("{}: {error}", file.display())))
}

fn no_pem(file: &Path, expected: &str) -> Failure {
    Failure::input(format!("{}: expected PEM with {expected}", file.display()))
}

/// A server, and who we are to it.
#[derive(Debug, Clone)]
pub(crate) struct Remote {
    agent: Agent,
    base: String,
    token: Option<Secret>,
}

/// An answer that is an error, as RFC 9457 has it.
#[derive(Debug, Deserialize)]
struct ProblemBody {
    r#type: String,
    title: String,
    #[serde(default)]
    detail: String,
}

/// Why a request had no result.
#[derive(Debug)]
pub(crate) struct Refused {
    /// Last part of the problem's type; empty where there was no problem.
    pub(crate) slug: String,
    /// As a failure of the command.
    pub(crate) failure: Failure,
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        refused.failure
    }
}

impl Remote {
    /// A client of the server at `base`.
    pub(crate) fn new(base: &str, token: Option<&str>) -> Result<Self, Failure> {
        let base = base.trim_end_matches('/');
        if !(base.starts_with("http://") || base.starts_with("https://")) {
            return Err(Failure::input("malformed server address, expected http://… or https://…"));
        }
        if token.is_some_and(|token| !token.bytes().all(|byte| byte.is_ascii_graphic())) {
            return Err(Failure::input("malformed token, expected visible ASCII characters"));
        }
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(DEADLINE))
            .tls_config(TLS.get().cloned().unwrap_or_default())
            .user_agent(concat!("grantbook/", env!("CARGO_PKG_VERSION")))
            .build()
            .into();
        Ok(Self { agent, base: base.to_owned(), token: token.map(|token| token.to_owned().into()) })
    }

    /// Its address, without a slash at the end.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Who we are to it.
    pub(crate) fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// Whether it says who we are.
    pub(crate) fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// The bytes at a path.
    pub(crate) fn get(&self, path: &str) -> Result<Vec<u8>, Refused> {
        answer(self.authorized(self.agent.get(self.url(path))).call())
    }

    /// The JSON at a path.
    pub(crate) fn get_json<T: DeserializeOwned>(&self, path: &str) -> Result<T, Refused> {
        read(&self.get(path)?)
    }

    /// What is at a path, piece by piece, however long it takes.
    pub(crate) fn get_streaming(&self, path: &str) -> Result<impl std::io::Read + use<>, Refused> {
        let request = self.authorized(self.agent.get(self.url(path))).config();
        let request = request.timeout_global(None).timeout_recv_response(Some(DEADLINE)).build();
        let response = request.call();
        let response = response.map_err(|error| fault(format!("no answer from the server: {error}")))?;
        if response.status().is_success() {
            Ok(response.into_body().into_reader())
        } else {
            Err(answer(Ok(response)).err().unwrap_or_else(|| fault("the server refused without saying why")))
        }
    }

    /// Sends bytes, reads JSON.
    pub(crate) fn post_bytes<T: DeserializeOwned>(&self, path: &str, bytes: &[u8]) -> Result<T, Refused> {
        let request = self.authorized(self.agent.post(self.url(path)));
        read(&answer(request.content_type("application/octet-stream").send(bytes))?)
    }

    /// Sends JSON, reads JSON.
    pub(crate) fn post_json<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Refused> {
        let request = self.authorized(self.agent.post(self.url(path)));
        read(&answer(request.content_type("application/json").send(&json(body)[..]))?)
    }

    /// Sends a JSON text, and gives what is answered piece by piece, however long it takes.
    pub(crate) fn post_streaming(
        &self,
        path: &str,
        text: &[u8],
    ) -> Result<impl std::io::Read + use<>, Refused> {
        let request = self.authorized(self.agent.post(self.url(path))).config();
        let request = request.timeout_global(None).timeout_recv_response(Some(DEADLINE)).build();
        let response = request.content_type("application/json").send(text);
        let response = response.map_err(|error| fault(format!("no answer from the server: {error}")))?;
        if response.status().is_success() {
            Ok(response.into_body().into_reader())
        } else {
            Err(answer(Ok(response)).err().unwrap_or_else(|| fault("the server refused without saying why")))
        }
    }

    /// Sends JSON that is answered without content.
    pub(crate) fn post_unanswered(&self, path: &str, body: &impl Serialize) -> Result<(), Refused> {
        let request = self.authorized(self.agent.post(self.url(path)));
        answer(request.content_type("application/json").send(&json(body)[..])).map(|_| ())
    }

    /// Puts JSON.
    pub(crate) fn put_json(&self, path: &str, body: &impl Serialize) -> Result<(), Refused> {
        let request = self.authorized(self.agent.put(self.url(path)));
        answer(request.content_type("application/json").send(&json(body)[..])).map(|_| ())
    }

    /// Deletes what is at a path.
    pub(crate) fn delete(&self, path: &str) -> Result<(), Refused> {
        answer(self.authorized(self.agent.delete(self.url(path))).call()).map(|_| ())
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn authorized<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        match &self.token {
            Some(token) => request.header("Authorization", format!("Bearer {}", &**token)),
            None => request,
        }
    }
}

fn json(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).unwrap_or_default()
}

fn fault(why: impl ToString) -> Refused {
    Refused { slug: String::new(), failure: Failure::fault(why) }
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refused> {
    serde_json::from_slice(bytes)
        .map_err(|error| fault(format!("the server's answer departs from its form: {error}")))
}

fn answer(response: Result<Response<Body>, ureq::Error>) -> Result<Vec<u8>, Refused> {
    let mut response = response.map_err(|error| fault(format!("no answer from the server: {error}")))?;
    let status = response.status().as_u16();
    let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
    let body = body.map_err(|error| fault(format!("the server's answer broke off: {error}")))?;
    if (200..300).contains(&status) {
        return Ok(body);
    }
    let Ok(problem) = serde_json::from_slice::<ProblemBody>(&body) else {
        return Err(fault(format!("the server answered {status} without saying why")));
    };
    let slug = problem.r#type.rsplit('/').next().unwrap_or_default().to_owned();
    // a detail that begins as the title does says it all
    let says_it_all = problem.detail.to_lowercase().starts_with(&problem.title.to_lowercase());
    let message = match problem.detail.as_str() {
        "" => problem.title,
        _ if says_it_all => problem.detail,
        detail => format!("{}: {detail}", problem.title),
    };
    let failure = if status >= 500 || status == 429 { Failure::Fault(message) } else { Failure::No(message) };
    Err(Refused { slug, failure })
}
