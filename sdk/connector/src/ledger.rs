//! The ledger's side: pushes, and wishes that wait.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use grantbook_record::event::Claims;
use grantbook_record::list::List;
use grantbook_record::mirror::{
    self, MirrorDecided, MirrorPushAnswer, MirrorPushed, MirroredChange, Outcome, SourceState, Statement,
    WaitingWishes, WishOutcome,
};
use grantbook_record::{Jti, Signer, SourceId, TenantId, UnixMillis, strict_json};
use rand_core::{OsRng, RngCore as _};
use serde::de::DeserializeOwned;
use ureq::Agent;
use zeroize::Zeroizing;

const DEADLINE: Duration = Duration::from_secs(30);
const ANSWER_BYTES_MAX: u64 = 1024 * 1024;

/// Why the ledger did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LedgerError {
    #[error("the ledger cannot be reached: {0}")]
    Unreachable(String),
    /// Its own words hold nothing of what was sent.
    #[error("the ledger answered {status}: {detail}")]
    Refused { status: u16, detail: String },
    #[error("the ledger's answer is malformed: {0}")]
    Malformed(String),
    #[error("too much for one push, expected a smaller one")]
    TooMuch,
}

pub(crate) struct Ledger {
    agent: Agent,
    base: String,
    token: Zeroizing<String>,
    tenant: TenantId,
    source: SourceId,
    key: Signer,
}

impl Ledger {
    pub(crate) fn new(
        base: &str,
        token: Zeroizing<String>,
        tenant: TenantId,
        source: SourceId,
        key: Signer,
    ) -> Self {
        let config = Agent::config_builder().timeout_global(Some(DEADLINE)).http_status_as_error(false);
        Self { agent: config.build().into(), base: base.to_owned(), token, tenant, source, key }
    }

    pub(crate) fn state(&self) -> Result<SourceState, LedgerError> {
        self.get(&format!("/v1/mirror/sources/{}", self.source))
    }

    /// One page of the wishes that wait.
    pub(crate) fn wishes(&self, after: Option<Jti>) -> Result<WaitingWishes, LedgerError> {
        let cursor = after.map(|id| format!("&cursor={id}")).unwrap_or_default();
        self.get(&format!("/v1/mirror/wishes?source={}{cursor}", self.source))
    }

    pub(crate) fn push(
        &self,
        sequence: u64,
        as_of: Option<UnixMillis>,
        mark: &str,
        records: Vec<MirroredChange>,
    ) -> Result<MirrorPushAnswer, LedgerError> {
        let mark = mirror::Mark::new(mark).ok_or(LedgerError::TooMuch)?;
        let records = List::new(records).ok_or(LedgerError::TooMuch)?;
        let event = MirrorPushed { source: self.source.clone(), sequence, as_of, mark, records };
        let body = serde_json::json!({"pushed": self.signed(event)});
        read(&self.post("/v1/mirror", &body)?)
    }

    pub(crate) fn decide(&self, outcomes: Vec<(Jti, Outcome)>) -> Result<(), LedgerError> {
        let outcomes = outcomes.into_iter().map(|(wish, outcome)| WishOutcome { wish, outcome });
        let outcomes = List::new(outcomes.collect()).ok_or(LedgerError::TooMuch)?;
        let event = MirrorDecided { source: self.source.clone(), outcomes };
        self.post("/v1/mirror/wishes", &serde_json::json!({"decided": self.signed(event)})).map(drop)
    }

    fn signed<T: Statement>(&self, event: T) -> String {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
        let mut random = [0; 10];
        OsRng.fill_bytes(&mut random);
        mirror::sign(&Claims::new(self.tenant, Jti::new(now, random), event), &self.key)
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, LedgerError> {
        let call = self.agent.get(format!("{}{path}", self.base));
        let call = call.header("authorization", format!("Bearer {}", self.token.as_str()));
        read(&answer(call.call())?)
    }

    fn post(&self, path: &str, body: &serde_json::Value) -> Result<Vec<u8>, LedgerError> {
        let call = self.agent.post(format!("{}{path}", self.base)).content_type("application/json");
        let call = call.header("authorization", format!("Bearer {}", self.token.as_str()));
        answer(call.send(body.to_string()))
    }
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, LedgerError> {
    strict_json::parse(bytes).map_err(|error| LedgerError::Malformed(error.to_string()))
}

fn answer(response: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Vec<u8>, LedgerError> {
    let unreachable = |error: ureq::Error| LedgerError::Unreachable(error.to_string());
    let mut response = response.map_err(unreachable)?;
    let status = response.status();
    let bytes =
        response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec().map_err(unreachable)?;
    if status.is_success() {
        return Ok(bytes);
    }
    let problem: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let detail = problem.get("detail").and_then(|detail| detail.as_str()).unwrap_or("no problem details");
    Err(LedgerError::Refused { status: status.as_u16(), detail: detail.to_owned() })
}
