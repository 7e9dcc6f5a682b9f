//! The gate itself: one question before each use.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use grantbook_plan::columns::{ColumnWords, words_of};
use grantbook_plan::decide::{Decision, Denial as Decided};
use grantbook_plan::{Parties, Vocabulary};
use grantbook_record::receipt::VerifiedContent;
use grantbook_record::uses::{Denied, Outcome, UseFacts, UseRecord};
use grantbook_record::vocabulary::Source;
use grantbook_record::{DenialReason, GateId, Receipt, TenantId, UnixMillis};
use grantbook_tlog::LogKeys;
use rand_core::{OsRng, RngCore as _};
use serde::Deserialize;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use crate::clock::BootTime;
use crate::denial::{Denial, LinkFault};
use crate::gate_key::{self, GateKey};
use crate::house::House;
use crate::http::{ClientError, Http};
use crate::leases::{Leasing, LeasingConfig, PoolRules};
use crate::link::{Link, SaveEvery};
use crate::obligations::Means;
use crate::replica::{Pins, Replica, SnapshotError, StateFolder};
use crate::spool::{self, Spool, SpoolConfig, SpoolError, SpoolStatus, Unsent, UseRef};
use crate::tls::Tls;

const VKEY: &str = "/log/vkey";
const VOCABULARY: &str = "/v1/vocabulary";
/// How long the folder of the replica may be held by a gate that is gone.
const FREE_WITHIN: Duration = Duration::from_secs(1);

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
    /// Where an embedded gate with a name keeps its replica, so that a restart need not read the whole feed again.
    pub state: Option<StateConfig>,
    /// Rules of the enterprise's own that need facts from outside.
    pub house: Option<House>,
    /// What obligations are carried out with: then a use whose obligations these cannot carry out is denied. A remote gate
    /// hears of them only with the ledger's permit, so there such a use is recorded and counts. Without it they are the
    /// caller's to know.
    pub means: Option<Arc<Means>>,
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
            state: None,
            house: None,
            means: None,
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

    /// The same with a folder for its replica, for an embedded gate with a name.
    #[must_use]
    pub fn with_state(self, dir: impl Into<PathBuf>) -> Self {
        Self { state: Some(StateConfig { dir: dir.into(), every: SaveEvery::default() }), ..self }
    }

    /// The same with rules that need facts from outside.
    #[must_use]
    pub fn with_house(self, house: House) -> Self {
        Self { house: Some(house), ..self }
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

/// Where an embedded gate keeps its replica.
#[derive(Debug, Clone)]
pub struct StateConfig {
    /// A folder of this gate's own; made where there is none.
    pub dir: PathBuf,
    /// How often.
    pub every: SaveEvery,
}

/// How the gate decides.
#[derive(Debug, Clone, Copy)]
pub enum Door {
    /// The ledger decides each use.
    Remote,
    /// A replica decides by itself. With a spool its permits are recorded there; without one the ledger decides again and
    /// records. Needs the enterprise's key and the operator's, to tell whose events to believe.
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
    /// The folder of the replica cannot be used.
    #[error(transparent)]
    State(#[from] SnapshotError),
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

/// The gate; clones are the same gate.
#[derive(Clone)]
pub struct Gate(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) http: Arc<Http>,
    pub(crate) tenant: TenantId,
    pub(crate) log_keys: LogKeys,
    pub(crate) bound: Duration,
    pub(crate) deadline: Duration,
    pub(crate) house: Option<House>,
    pub(crate) means: Option<Arc<Means>>,
    // before the link, so that its tasks end first
    pub(crate) recording: Option<Recording>,
    pub(crate) link: Option<Link>,
}

/// A spool with its two tasks, which end when it is dropped, and the leases that its uses draw on.
pub(crate) struct Recording {
    tasks: [AbortHandle; 2],
    pub(crate) denials: bool,
    pub(crate) leasing: Arc<Leasing>,
    pub(crate) spool: Spool,
}

impl Drop for Recording {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
        if self.leasing.holds_any() {
            self.spool.shared.keep_segment();
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
        let GateConfig { state, house, means, record_denials, bound, deadline, connect_within, .. } = config;
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
                let (replica, save) = match (state, &name) {
                    (None, _) => (Replica::new(pins, bound), None),
                    (Some(state), Some(name)) => {
                        let key = timeout(connect_within, gate_key::fetch(&http, name));
                        let key =
                            key.await.map_err(|_| LinkFault::Deadline { deadline: connect_within })??;
                        let folder = open_folder(&state.dir, &pins, name, &key).await?;
                        // without a snapshot that can be used the feed is read from its start
                        let (replica, _) = Replica::open(pins, bound, folder)?;
                        (replica, Some(state.every))
                    }
                    (Some(_), None) => {
                        return Err(ConnectError::Config("a folder, expected a gate with a name".to_owned()));
                    }
                };
                let shared = spool.as_ref().map(|spool| Arc::clone(&spool.shared));
                let link = Link::start(Arc::clone(&http), replica, name, bound, shared, save);
                let ready = timeout(connect_within, link.ready()).await;
                ready.map_err(|_| ConnectError::NotReady { within: connect_within })?;
                Some(link)
            }
        };
        let recording = link.as_ref().zip(spool).map(|(link, mut spool)| {
            let left_behind = std::mem::take(&mut spool.left_behind);
            let leasing = LeasingConfig {
                tenant,
                spool: Arc::clone(&spool.shared),
                signer: spool.signer.clone(),
                rules: PoolRules::default(),
                deadline,
                now: link.ledger_time(),
            };
            let leasing = Arc::new(Leasing::start(Arc::clone(&http), leasing, left_behind));
            Recording::start(spool, link, leasing, record_denials)
        });
        Ok(Self(Arc::new(Inner { http, tenant, log_keys, bound, deadline, house, means, recording, link })))
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

    /// Waits until the ledger has every use that is in the spool now, and gives leases back; before the process ends. Permits that are still out
    /// hold it up until they expire.
    pub async fn flush(&self, deadline: Duration) -> Result<(), Unsent> {
        match &self.0.recording {
            Some(recording) => {
                let flushed = recording.spool.shared.flush(deadline).await;
                recording.leasing.drain().await;
                flushed
            }
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

    /// The words of columns of the enterprise's systems, for a use of their data; `unknown_term` at the first column that
    /// nobody has mapped. A remote gate, which has no mappings, answers `stale`.
    pub fn words_of(&self, columns: &[Source]) -> Result<ColumnWords, Decided> {
        let Some(link) = &self.0.link else { return Err(Decided::of(DenialReason::Stale)) };
        link.read(|replica| words_of(replica.vocabulary(), columns))
            .unwrap_or(Err(Decided::of(DenialReason::EvaluationError)))
    }

    /// The enterprise's vocabulary, for [`crate::obligations::Context`]: as far as the replica has come; a remote gate asks the
    /// ledger.
    pub async fn vocabulary(&self) -> Result<Vocabulary, LinkFault> {
        let known = self.0.link.as_ref().and_then(|link| link.read(|replica| replica.vocabulary().clone()));
        match known {
            Some(vocabulary) => Ok(vocabulary),
            None => self.0.http.read(VOCABULARY).await.map(|Publications { published }| published),
        }
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
}

/// What the ledger says of the vocabulary.
#[derive(Deserialize)]
struct Publications {
    published: Vocabulary,
}

impl Recording {
    fn start(spool: Spool, link: &Link, leasing: Arc<Leasing>, denials: bool) -> Self {
        let (shared, signer) = (Arc::clone(&spool.shared), spool.signer.clone());
        let tasks = [
            tokio::spawn(spool::drain(Arc::clone(&shared), signer, link.time())).abort_handle(),
            tokio::spawn(shared.follow_epochs()).abort_handle(),
        ];
        Self { tasks, denials, leasing, spool }
    }

    /// Records a denial, unless the gate does not know what time it is.
    pub(crate) fn record(&self, facts: &UseFacts, denial: &Denial, link: &Link) {
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

/// Opens the replica's folder; one that a gate of this process has just left is free a moment later.
async fn open_folder(
    dir: &Path,
    pins: &Pins,
    gate: &GateId,
    key: &GateKey,
) -> Result<Arc<StateFolder>, SnapshotError> {
    let begun = BootTime::now();
    loop {
        match StateFolder::open(dir, pins, gate, &key.key, key.epoch) {
            Err(error)
                if error.kind() == std::io::ErrorKind::WouldBlock
                    && BootTime::now().since(begun) < FREE_WITHIN =>
            {
                sleep(Duration::from_millis(10)).await;
            }
            opened => return Ok(Arc::new(opened?)),
        }
    }
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
