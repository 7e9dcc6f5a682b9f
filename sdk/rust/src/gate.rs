//! The gate itself: one question before each use.

use std::sync::Arc;
use std::time::Duration;

use grantbook_plan::Parties;
use grantbook_plan::decide::{Decision, Denial as Decided, Permission};
use grantbook_record::uses::{UseFacts, UseId};
use grantbook_record::{DenialReason, GateId, Jti, TenantId, UnixMillis};
use grantbook_tlog::{LeafIndex, LogKeys};
use rand_core::{OsRng, RngCore as _};
use tokio::time::{sleep, timeout};

use crate::authzen::{Answer, EVALUATION, Evaluation, Recorded};
use crate::clock::BootTime;
use crate::denial::{Denial, LinkFault, Source};
use crate::http::{ClientError, Http};
use crate::link::Link;
use crate::permit::Permit;
use crate::replica::{Pins, Replica};
use crate::tls::Tls;

const VKEY: &str = "/log/vkey";
/// Between two tries of one question.
const RETRY_AFTER: Duration = Duration::from_millis(50);

/// How a gate reaches the ledger and whom it believes.
#[derive(Debug, Clone)]
pub struct GateConfig {
    /// Address of the server, such as `https://grantbook.example`.
    pub server: String,
    /// A service token of the tenant.
    pub token: Token,
    /// Authorities and client certificate for an `https://` address.
    pub tls: Tls,
    /// The tenant.
    pub tenant: TenantId,
    /// The log's keys, pinned: the text of `/log/vkey`, got once and by a way that is trusted.
    pub log_keys: LogKeys,
    /// Remote or embedded.
    pub door: Door,
    /// Its name, under which an embedded gate says that it has forgotten customers who are erased.
    pub name: Option<GateId>,
    /// How old what a decision rests on may be.
    pub bound: Duration,
    /// How long one question may take, tries and all.
    pub deadline: Duration,
    /// How long [`Gate::connect`] waits for the ledger and, embedded, for the replica to be fed.
    pub connect_within: Duration,
}

impl GateConfig {
    /// Remote, with a bound of 5 s, a deadline of 2 s, and 30 s to connect.
    pub fn new(server: impl Into<String>, token: Token, tenant: TenantId, log_keys: LogKeys) -> Self {
        Self {
            server: server.into(),
            token,
            tls: Tls::default(),
            tenant,
            log_keys,
            door: Door::Remote,
            name: None,
            bound: Duration::from_secs(5),
            deadline: Duration::from_secs(2),
            connect_within: Duration::from_secs(30),
        }
    }

    /// The same under a name, which no other gate of the tenant has.
    #[must_use]
    pub fn named(self, name: GateId) -> Self {
        Self { name: Some(name), ..self }
    }

    /// The same with authorities or a client certificate of its own.
    #[must_use]
    pub fn with_tls(self, tls: Tls) -> Self {
        Self { tls, ..self }
    }

    /// The same with a replica that believes the signatures of these.
    #[must_use]
    pub fn embedded(self, parties: Parties) -> Self {
        Self { door: Door::Embedded(parties), ..self }
    }
}

/// How the gate decides.
#[derive(Debug, Clone, Copy)]
pub enum Door {
    /// The ledger decides each use.
    Remote,
    /// A replica denies by itself; what it would permit, the ledger decides again and records. Needs the enterprise's
    /// key and the operator's, to tell whose events to believe.
    Embedded(Parties),
}

/// A bearer token; shows itself to nobody.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// From its text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

/// Why there is no gate.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The address, the token or the machine's certificates cannot be used.
    #[error("{0}")]
    Config(String),
    /// No bound, or none that a clock can measure.
    #[error("bound of {} ms, expected at least 30", .got.as_millis())]
    Bound {
        /// As configured.
        got: Duration,
    },
    /// The ledger does not answer.
    #[error(transparent)]
    Link(#[from] LinkFault),
    /// The server's log has other keys than those that were pinned.
    #[error("the server's log has other keys, expected those that are pinned")]
    OtherLog,
    /// The replica was not fed in time.
    #[error("replica not fed within {} ms", within.as_millis())]
    NotReady {
        /// The time that it had.
        within: Duration,
    },
}

impl From<ClientError> for ConnectError {
    fn from(error: ClientError) -> Self {
        Self::Config(error.to_string())
    }
}

/// What a question may demand beside the facts.
#[derive(Debug, Clone, Default)]
pub struct CheckOptions {
    /// The use's id: asking again with it is the same use, recorded once. Without it each question has a new one.
    pub use_id: Option<UseId>,
    /// The decision must rest on a state that has this entry.
    pub at_least: Option<LeafIndex>,
}

/// The gate; clones are the same gate.
#[derive(Clone)]
pub struct Gate(Arc<Inner>);

struct Inner {
    http: Arc<Http>,
    tenant: TenantId,
    log_keys: LogKeys,
    bound: Duration,
    deadline: Duration,
    link: Option<Link>,
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate").field("tenant", &self.0.tenant).finish_non_exhaustive()
    }
}

impl Gate {
    /// Connects, and sees that the server's log is the pinned one; an embedded gate is ready to permit afterwards.
    /// Must be called within a Tokio runtime.
    pub async fn connect(config: GateConfig) -> Result<Self, ConnectError> {
        let GateConfig { server, token, tls, tenant, log_keys, door, name, bound, deadline, connect_within } =
            config;
        if bound < Duration::from_millis(30) {
            return Err(ConnectError::Bound { got: bound });
        }
        let http = Arc::new(Http::new(&server, &token.0, &tls)?);
        let within = LinkFault::Deadline { deadline: connect_within };
        let text = timeout(connect_within, http.text(VKEY)).await.map_err(|_| within)??;
        if !LogKeys::parse(&text).is_ok_and(|served| served.are_those_pinned(&log_keys)) {
            return Err(ConnectError::OtherLog);
        }
        let link = match door {
            Door::Remote => None,
            Door::Embedded(parties) => {
                let pins = Pins { tenant, log_keys: log_keys.clone(), parties };
                let link = Link::start(Arc::clone(&http), Replica::new(pins, bound), name, bound, None);
                let ready = timeout(connect_within, link.ready()).await;
                ready.map_err(|_| ConnectError::NotReady { within: connect_within })?;
                Some(link)
            }
        };
        Ok(Self(Arc::new(Inner { http, tenant, log_keys, bound, deadline, link })))
    }

    /// May this use go on? A permit's use is recorded before this returns; whatever goes wrong is a denial.
    pub async fn check(&self, facts: &UseFacts) -> Result<Permit, Denial> {
        self.check_with(facts, &CheckOptions::default()).await
    }

    /// The same with an id of the caller's own, or resting on a state that has a certain entry.
    pub async fn check_with(&self, facts: &UseFacts, options: &CheckOptions) -> Result<Permit, Denial> {
        if let Some(link) = &self.0.link {
            link.permit(|replica, now| match replica.decide(facts, options.at_least, now) {
                Decision::Permit(permission) => Ok(permission),
                Decision::Denial(denial) => Err(denial),
            })?;
        }
        let use_id = match &options.use_id {
            Some(use_id) => use_id.clone(),
            None => new_use_id()?,
        };
        let sent = BootTime::now();
        let recorded = self.record(facts, &use_id, options.at_least).await?;
        let Recorded { grant, leaf_index, mut obligations, receipt } = recorded;
        let mut expires = sent.after(self.0.bound);
        if let Some(link) = &self.0.link {
            // deny beats allow: a withdrawal may have come in meanwhile; and the obligations are those that were signed
            let (permission, fresh_until) = link.permit(|replica, now| {
                let permission = replica.confirm(facts, &grant, now)?;
                Ok((permission, replica.fresh_until(now)))
            })?;
            let Permission { obligations: signed, .. } = permission;
            obligations = signed;
            expires = fresh_until.map_or(expires, |until| until.min(expires));
        }
        Ok(Permit { grant, obligations, receipt, leaf_index, expires })
    }

    /// What the replica alone says, with nothing recorded: for questions in bulk and for showing. Not a permission to
    /// use anything. Does not look at caps and rates. A remote gate has no replica, so it denies as stale.
    pub fn decide(&self, facts: &UseFacts) -> Decision {
        let Some(link) = &self.0.link else {
            return Decision::Denial(Decided::of(DenialReason::Stale));
        };
        link.read(|replica| replica.decide(facts, None, BootTime::now()))
            .unwrap_or(Decision::Denial(Decided::of(DenialReason::EvaluationError)))
    }

    /// What keeps the replica; `None` for a remote gate.
    pub(crate) fn link(&self) -> Option<&Link> {
        self.0.link.as_ref()
    }

    /// Age of the newest head that the replica has reached; `None` without one and for a remote gate. For metrics.
    pub fn head_age(&self) -> Option<Duration> {
        self.0.link.as_ref()?.read(|replica| replica.head_age(BootTime::now())).flatten()
    }

    /// How many frames of the feed the replica has taken in; 0 for a remote gate. For metrics.
    pub fn position(&self) -> u64 {
        self.0.link.as_ref().and_then(|link| link.read(|replica| replica.position().0)).unwrap_or(0)
    }

    /// Has the ledger decide and record; passing faults are tried again under the same id until the deadline.
    async fn record(
        &self,
        facts: &UseFacts,
        use_id: &UseId,
        at_least: Option<LeafIndex>,
    ) -> Result<Recorded, Denial> {
        let question = Evaluation::of(facts, use_id, at_least);
        let deadline = self.0.deadline;
        let tries = async {
            loop {
                match self.0.http.ask::<Answer>(EVALUATION, &question).await {
                    Err(fault) if fault.is_passing() => sleep(RETRY_AFTER).await,
                    answer => return answer,
                }
            }
        };
        let answer = timeout(deadline, tries).await.map_err(|_| LinkFault::Deadline { deadline })??;
        answer.verify(facts, use_id, self.0.tenant, &self.0.log_keys)
    }
}

impl Link {
    /// Asks the replica, and names it and the age of its head where it denies.
    fn permit<T>(
        &self,
        ask: impl FnOnce(&crate::replica::Replica, BootTime) -> Result<T, Decided>,
    ) -> Result<T, Denial> {
        let now = BootTime::now();
        let answer = self.read(|replica| (ask(replica, now), replica.head_age(now)));
        let unusable = (Err(Decided::of(DenialReason::EvaluationError)), None);
        let (answer, head_age) = answer.unwrap_or(unusable);
        answer.map_err(|denial| Denial::decided(denial, Source::Replica { head_age }))
    }
}

/// A UUIDv7.
fn new_use_id() -> Result<UseId, LinkFault> {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let at = UnixMillis(u64::try_from(since_1970.as_millis()).unwrap_or(0));
    UseId::try_from(Jti::new(at, random()?).to_string()).map_err(|_| LinkFault::Random)
}

/// Bytes from the operating system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], LinkFault> {
    let mut bytes = [0; N];
    OsRng.try_fill_bytes(&mut bytes).map_err(|_| LinkFault::Random)?;
    Ok(bytes)
}
