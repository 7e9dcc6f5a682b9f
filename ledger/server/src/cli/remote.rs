//! The blocking HTTP client of the command line.

use std::time::Duration;

use grantbook_record::receipt::RECEIPT_BYTES_MAX;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use ureq::http::Response;
use ureq::{Agent, Body, RequestBuilder};

use super::failure::Failure;

const DEADLINE: Duration = Duration::from_secs(30);
/// Bytes of an answer: a full entry bundle, or a receipt and what surrounds it.
const ANSWER_BYTES_MAX: u64 = 16 * 1024 * 1024 + RECEIPT_BYTES_MAX as u64;

/// A server, and who we are to it.
#[derive(Debug, Clone)]
pub(crate) struct Remote {
    agent: Agent,
    base: String,
    token: Option<String>,
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
            .user_agent(concat!("grantbook/", env!("CARGO_PKG_VERSION")))
            .build()
            .into();
        Ok(Self { agent, base: base.to_owned(), token: token.map(str::to_owned) })
    }

    /// The bytes at a path.
    pub(crate) fn get(&self, path: &str) -> Result<Vec<u8>, Refused> {
        answer(self.authorized(self.agent.get(self.url(path))).call())
    }

    /// The JSON at a path.
    pub(crate) fn get_json<T: DeserializeOwned>(&self, path: &str) -> Result<T, Refused> {
        read(&self.get(path)?)
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
            Some(token) => request.header("Authorization", format!("Bearer {token}")),
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
