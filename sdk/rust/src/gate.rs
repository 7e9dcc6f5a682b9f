//! The gate itself: one question before each use.

use std::sync::Arc;
use std::time::Duration;

use grantbook_plan::Parties;
use grantbook_plan::decide::{Decision, Denial as Decided, Permission};
use grantbook_record::list::List;
use grantbook_record::provenance::Provenance;
use grantbook_record::receipt::VerifiedContent;
use grantbook_record::uses::{Denied, Outcome, Permitted, ReliedFact, UseFacts, UseId, UseRecord};
use grantbook_record::{DenialReason, GateId, Jti, Receipt, TenantId, UnixMillis, UnixSeconds};
use grantbook_tlog::{LeafIndex, LogKeys};
use rand_core::{OsRng, RngCore as _};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use crate::authzen::{Answer, EVALUATION, Evaluation, Recorded as ByLedger};
use crate::clock::BootTime;
use crate::denial::{Denial, LinkFault, Source};
use crate::http::{ClientError, Http};
use crate::link::Link;
use crate::permit::{Permit, Recorded};
use crate::replica::{Pins, Replica};
use crate::spool::{self, Durability, Spool, SpoolConfig, SpoolError, SpoolStatus, Unsent, UseRef};
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
    /// Where an embedded gate with a name records uses until the ledger has them. Without it the ledger records each.
    pub spool: Option<SpoolConfig>,
    /// Whether denials are recorded as well, in the spool; by default they are not.
    pub record_denials: bool,
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
            spool: None,
            record_denials: false,
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

    /// The same with a spool, for an embedded gate with a name.
    #[must_use]
    pub fn spooled(self, spool: SpoolConfig) -> Self {
        Self { spool: Some(spool), ..self }
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
    /// The spool cannot be used.
    #[error(transparent)]
    Spool(#[from] SpoolError),
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
    /// When the permit may be given; absent: [`Durability::Disk`] with a spool, otherwise [`Durability::Ledger`].
    pub durability: Option<Durability>,
    /// The automatic decision for which the data is used; recorded in the spool with the use.
    pub provenance: Option<Box<Provenance>>,
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
    // before the link, so that its tasks end first
    recording: Option<Recording>,
    link: Option<Link>,
}

/// A spool with its two tasks, which end when it is dropped.
struct Recording {
    tasks: [AbortHandle; 2],
    denials: bool,
    spool: Spool,
}

impl Drop for Recording {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
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
        let GateConfig { server, token, tls, tenant, log_keys, door, name, spool, .. } = config;
        let GateConfig { record_denials, bound, deadline, connect_within, .. } = config;
        if bound < Duration::from_millis(30) {
            return Err(ConnectError::Bound { got: bound });
        }
        let http = Arc::new(Http::new(&server, &token.0, &tls)?);
        let within = LinkFault::Deadline { deadline: connect_within };
        let text = timeout(connect_within, http.text(VKEY)).await.map_err(|_| within)??;
        if !LogKeys::parse(&text).is_ok_and(|served| served.are_those_pinned(&log_keys)) {
            return Err(ConnectError::OtherLog);
        }
        let spool = match (spool, &name, &door) {
            (None, ..) => None,
            (Some(spool), Some(name), Door::Embedded(_)) => {
                let (http, log_keys) = (Arc::clone(&http), log_keys.clone());
                Some(Spool::open(spool, http, name.clone(), tenant, log_keys, connect_within).await?)
            }
            _ => {
                return Err(ConnectError::Config(
                    "a spool, expected an embedded gate with a name".to_owned(),
                ));
            }
        };
        let link = match door {
            Door::Remote => None,
            Door::Embedded(parties) => {
                let pins = Pins { tenant, log_keys: log_keys.clone(), parties };
                let spool = spool.as_ref().map(|spool| Arc::clone(&spool.shared));
                let link = Link::start(Arc::clone(&http), pins, name, bound, spool);
                let ready = timeout(connect_within, link.ready()).await;
                ready.map_err(|_| ConnectError::NotReady { within: connect_within })?;
                Some(link)
            }
        };
        let recording =
            link.as_ref().zip(spool).map(|(link, spool)| Recording::start(spool, link, record_denials));
        Ok(Self(Arc::new(Inner { http, tenant, log_keys, bound, deadline, recording, link })))
    }

    /// May this use go on? A permit's use is recorded before this returns; whatever goes wrong is a denial.
    pub async fn check(&self, facts: &UseFacts) -> Result<Permit, Denial> {
        self.check_with(facts, &CheckOptions::default()).await
    }

    /// The same with an id of the caller's own, resting on a state that has a certain entry, or recorded otherwise.
    pub async fn check_with(&self, facts: &UseFacts, options: &CheckOptions) -> Result<Permit, Denial> {
        let spooled = self.0.link.as_ref().zip(self.0.recording.as_ref());
        let answer = match (options.durability, spooled) {
            (None | Some(Durability::Ledger), None) | (Some(Durability::Ledger), Some(_)) => {
                self.check_by_ledger(facts, options).await
            }
            // what cannot be recorded as was demanded is not permitted
            (Some(Durability::Disk | Durability::Process), None) => {
                Err(Denial::by_gate(DenialReason::SpoolFull, None))
            }
            (durability, Some((link, recording))) => {
                let durability = durability.unwrap_or(Durability::Disk);
                self.check_by_spool(facts, options, durability, link, &recording.spool.shared).await
            }
        };
        if let (Err(denial), Some((link, recording))) = (&answer, spooled)
            && recording.denials
        {
            recording.record(facts, denial, link);
        }
        answer
    }

    /// The ledger decides again and records.
    async fn check_by_ledger(&self, facts: &UseFacts, options: &CheckOptions) -> Result<Permit, Denial> {
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
        let ByLedger { grant, leaf_index, mut obligations, receipt, use_ref } = recorded;
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
        let recorded = Recorded::Ledger { receipt, leaf_index };
        Ok(Permit { grant, obligations, expires, use_ref, recorded })
    }

    /// The replica decides, and the use is recorded in the spool.
    async fn check_by_spool(
        &self,
        facts: &UseFacts,
        options: &CheckOptions,
        durability: Durability,
        link: &Link,
        spool: &Arc<spool::Shared>,
    ) -> Result<Permit, Denial> {
        let (decided, seen) =
            link.permit(|replica, now| match replica.decide(facts, options.at_least, now) {
                Decision::Permit(permission) => Ok((permission, (replica.position(), replica.time_at(now)))),
                Decision::Denial(denial) => Err(denial),
            })?;
        let grant = decided.grant;
        // what was decided in the same second on the same frames holds, unless the head has become old or the customer was
        // forgotten since
        let holds = |replica: &Replica, now| {
            let same = (replica.position(), replica.time_at(now)) == seen
                && replica.fresh_until(now).is_some()
                && replica.is_limited(&facts.data_subject, &grant).is_some();
            if same { Ok(()) } else { replica.confirm(facts, &grant, now).map(|_| ()) }
        };
        let mut record = UseRecord::new(
            spool.gate.clone(),
            0,
            UnixSeconds(0),
            facts.clone(),
            Outcome::Permitted(Permitted::committed(grant)),
        );
        record.use_id.clone_from(&options.use_id);
        record.provenance.clone_from(&options.provenance);
        if !spool.knows(&record) {
            record.relied_on = self.relied_on(&decided, facts).await?;
            record.leases = self.draw(&decided, facts).await?;
        }
        // within one look at the replica, so that a customer who is forgotten by it gets no record afterwards
        let (placed, until) = link.permit(|replica, now| {
            holds(replica, now)?;
            let stale = || Decided::of(DenialReason::Stale);
            let until = replica.fresh_until(now).ok_or_else(stale)?.min(now.after(self.0.bound));
            record.at = replica.time_at(now).ok_or_else(stale)?;
            record.position = Some(replica.position());
            Ok((spool.place(record, until, durability), until))
        })?;
        let mut placed = placed.map_err(|unplaced| Denial::by_gate(unplaced.reason(), Some(grant)))?;
        if !placed.durable().await {
            return Err(Denial::by_gate(DenialReason::SpoolFull, Some(grant)));
        }
        // deny beats allow: a withdrawal may have come in meanwhile, and then the record says that nothing was used
        link.permit(holds)?;
        placed.hand_out();
        let Permission { obligations, .. } = decided;
        let use_ref = placed.use_ref();
        Ok(Permit { grant, obligations, expires: until, use_ref, recorded: Recorded::Spool(placed) })
    }

    /// Facts from outside on which the decision rests.
    #[allow(clippy::unused_async, reason = "facts are fetched")]
    async fn relied_on(
        &self,
        _permission: &Permission,
        _facts: &UseFacts,
    ) -> Result<List<ReliedFact, 0, 8>, Denial> {
        Ok(List::default())
    }

    /// Leases on which the use draws: none for a grant without cap and rate.
    #[allow(clippy::unused_async, reason = "slices are leased")]
    async fn draw(&self, permission: &Permission, facts: &UseFacts) -> Result<List<Jti, 0, 2>, Denial> {
        let link = self.0.link.as_ref();
        let limited = |replica: &Replica| replica.is_limited(&facts.data_subject, &permission.grant);
        match link.and_then(|link| link.read(limited)).flatten() {
            Some(false) => Ok(List::default()),
            _ => Err(Denial::by_gate(DenialReason::Unleased, Some(permission.grant))),
        }
    }

    /// The receipt of a use, verified. Waits until the ledger has the use; asked for later, it is one that witnesses vouch
    /// for, where there are witnesses.
    pub async fn receipt(&self, use_ref: &UseRef) -> Result<Receipt, LinkFault> {
        let spool = self.0.recording.as_ref().map(|recording| &recording.spool.shared);
        let own = spool.filter(|spool| spool.gate == use_ref.gate);
        let at_hand = match own {
            Some(spool) => spool.sent(use_ref.seq).await,
            None => None,
        };
        let receipt = match at_hand {
            Some(receipt) => receipt,
            None => spool::fetch(&self.0.http, use_ref).await?,
        };
        let refused = |expected| LinkFault::Receipt { expected };
        let verified = receipt.verify(&self.0.log_keys);
        let verified = verified.map_err(|_| refused("one that verifies against the pinned keys"))?;
        match verified.content {
            VerifiedContent::Use { record, batch, .. }
                if record.gate == use_ref.gate && record.seq == use_ref.seq && batch.aud == self.0.tenant =>
            {
                Ok(receipt)
            }
            _ => Err(refused("that of the use which was asked about")),
        }
    }

    /// Waits until the ledger has every use that is in the spool now; before the process ends. Permits that are still out
    /// hold it up until they expire.
    pub async fn flush(&self, deadline: Duration) -> Result<(), Unsent> {
        match &self.0.recording {
            Some(recording) => recording.spool.shared.flush(deadline).await,
            None => Ok(()),
        }
    }

    /// How the spool is; `None` without one. For metrics.
    pub fn spool(&self) -> Option<SpoolStatus> {
        self.0.recording.as_ref().map(|recording| recording.spool.shared.status())
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
    ) -> Result<ByLedger, Denial> {
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

impl Recording {
    fn start(spool: Spool, link: &Link, denials: bool) -> Self {
        let (shared, signer) = (Arc::clone(&spool.shared), spool.signer.clone());
        let tasks = [
            tokio::spawn(spool::drain(Arc::clone(&shared), signer, link.time())).abort_handle(),
            tokio::spawn(shared.follow_epochs()).abort_handle(),
        ];
        Self { tasks, denials, spool }
    }

    /// Records a denial, unless the gate does not know what time it is.
    fn record(&self, facts: &UseFacts, denial: &Denial, link: &Link) {
        let now = BootTime::now();
        let Some((Some(at), position)) = link.read(|replica| (replica.time_at(now), replica.position()))
        else {
            return;
        };
        let outcome = Outcome::Denied(Denied { reason: denial.reason, grant: denial.grant });
        let mut record = UseRecord::new(self.spool.shared.gate.clone(), 0, at, facts.clone(), outcome);
        record.position = Some(position);
        self.spool.shared.place_denial(record);
    }
}

impl Link {
    /// Asks the replica, and names it and the age of its head where it denies.
    fn permit<T>(&self, ask: impl FnOnce(&Replica, BootTime) -> Result<T, Decided>) -> Result<T, Denial> {
        let now = BootTime::now();
        let answer = self.read(|replica| (ask(replica, now), replica.head_age(now)));
        let unusable = (Err(Decided::of(DenialReason::EvaluationError)), None);
        let (answer, head_age) = answer.unwrap_or(unusable);
        answer.map_err(|denial| Denial::decided(denial, Source::Replica { head_age }))
    }
}

/// A UUIDv7.
fn new_use_id() -> Result<UseId, LinkFault> {
    UseId::try_from(Jti::new(machine_time(), random()?).to_string()).map_err(|_| LinkFault::Random)
}

/// By the machine's clock, which anybody may have set.
pub(crate) fn machine_time() -> UnixMillis {
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    UnixMillis(u64::try_from(since_1970.as_millis()).unwrap_or(0))
}

/// Bytes from the operating system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], LinkFault> {
    let mut bytes = [0; N];
    OsRng.try_fill_bytes(&mut bytes).map_err(|_| LinkFault::Random)?;
    Ok(bytes)
}
