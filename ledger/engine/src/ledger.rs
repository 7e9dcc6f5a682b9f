//! The ledger: opening, the one write path, decisions. Reads are in [`crate::reads`].

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use grantbook_plan::decide::{Permission, decide};
use grantbook_plan::{Decision, Denial, UseCount};
use grantbook_record::day::Day;
use grantbook_record::event::{Channel, Claims, Event, GrantWithdrawn};
use grantbook_record::uses::UseFacts;
use grantbook_record::webauthn::RelyingParty;
use grantbook_record::{
    DenialReason, Envelope, Jti, Kind, PublicKey, Receipt, SubjectId, TenantId, UnixSeconds,
};
use grantbook_tlog::{LeafIndex, LogKeys};
use tokio::sync::watch;

use crate::accounts::AccountRows;
use crate::admit::{self, Beside, Closing};
use crate::clock::Clock;
use crate::config::{Archiving, LedgerConfig};
use crate::error::{AppendError, OpenError, ReadError};
use crate::keyring::{self, Keyring, SecretStore};
use crate::leases::{KeptLeases, LeaseRules};
use crate::publication::Publication;
use crate::published::Published;
use crate::reads::SignedBatch;
use crate::sequencer::{self, Job, QUEUE_JOBS};
use crate::state::{CustomerKey, State};
use crate::stats::{Counters, Stats};
use crate::store::{Fault, FileStore, Store};

/// Signed batches that the cache may hold, at most about 70 kB each.
const CACHED_BATCHES: usize = 256;

/// An event and its receipt.
#[derive(Debug, Clone)]
pub struct Appended {
    /// The receipt.
    pub receipt: Receipt,
    /// Where it stands.
    pub leaf_index: LeafIndex,
    /// Whether it was there before.
    pub duplicate: bool,
}

/// A recorded use and its receipt.
#[derive(Debug, Clone)]
pub struct AppendedUse {
    /// The receipt.
    pub receipt: Receipt,
    /// Where it stands.
    pub leaf_index: LeafIndex,
    /// The rule that it broke when it was admitted.
    pub flag: Option<DenialReason>,
    /// Whether it fell between a withdrawal and the bound.
    pub in_window: bool,
    /// Whether it was there before.
    pub duplicate: bool,
}

/// The answer of the ledger's own gate, recorded if it is a permit.
#[derive(Debug, Clone)]
pub enum Recorded {
    /// Permitted, and recorded.
    Permit {
        /// Under which grant, on what conditions.
        permission: Permission,
        /// The receipt of the recorded use.
        receipt: Box<Receipt>,
        /// Where it stands.
        leaf_index: LeafIndex,
        /// Whether the use was recorded before under the same id.
        duplicate: bool,
    },
    /// Denied; nothing is recorded.
    Denial(Denial),
}

/// A consent ledger, open. Cloning gives another handle of the same.
#[derive(Clone)]
pub struct Ledger {
    pub(crate) inner: Arc<Inner>,
    threads: Arc<Mutex<Option<Threads>>>,
}

struct Threads {
    sequencer: JoinHandle<()>,
    archiver: JoinHandle<()>,
}

pub(crate) struct Inner {
    pub(crate) keyring: Keyring,
    pub(crate) state: State,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) published: Published,
    pub(crate) publication: Publication,
    pub(crate) post_quantum_from: Option<UnixSeconds>,
    /// Batches of which receipts were made lately.
    pub(crate) batches: quick_cache::sync::Cache<u64, Arc<SignedBatch>>,
    pub(crate) clock: Clock,
    pub(crate) counters: Counters,
    pub(crate) freshness_bound: Duration,
    pub(crate) late_after: Duration,
    pub(crate) lease_rules: LeaseRules,
    pub(crate) leases: RwLock<KeptLeases>,
    pub(crate) last_day: Day,
    pub(crate) archiving: Archiving,
    pub(crate) trim_every_entries: u64,
    /// Wrapped data keys that only the journal holds.
    pub(crate) unkept_keys: Mutex<Vec<(u64, Vec<u8>)>>,
    archive: Mutex<()>,
    jobs: Mutex<Option<SyncSender<Job>>>,
    stopped: watch::Sender<bool>,
    /// What stopped it.
    fault: Mutex<Option<String>>,
    /// How many grants were withdrawn or revoked since it was opened.
    pub(crate) endings: watch::Sender<u64>,
    /// The portal's rows.
    pub(crate) accounts: Mutex<AccountRows>,
    /// For whom passkeys' assertions must be made.
    pub(crate) relying_party: RwLock<Option<Arc<RelyingParty>>>,
    withdrawing: RwLock<BTreeSet<(CustomerKey, Jti)>>,
    withdrawing_count: AtomicUsize,
}

impl Inner {
    #[allow(clippy::too_many_arguments, reason = "made in one place, when a ledger is opened")]
    pub(crate) fn new(
        keyring: Keyring,
        state: State,
        store: Arc<dyn Store>,
        published: Published,
        config: &LedgerConfig,
        last_day: Day,
        unkept_keys: Vec<(u64, Vec<u8>)>,
        archived_bundles: u64,
    ) -> Self {
        let counters = Counters::default();
        counters.archived_bundles.store(archived_bundles, Ordering::Relaxed);
        Self {
            keyring,
            state,
            store,
            published,
            publication: Publication::default(),
            post_quantum_from: config.post_quantum_from,
            batches: quick_cache::sync::Cache::new(CACHED_BATCHES),
            clock: config.clock.clone(),
            counters,
            freshness_bound: config.freshness_bound,
            late_after: config.late_after,
            lease_rules: LeaseRules {
                ttl_ms: milliseconds(config.lease_ttl),
                late_after_ms: milliseconds(config.late_after),
            },
            leases: RwLock::default(),
            last_day,
            archiving: config.archiving,
            trim_every_entries: config.trim_every_entries,
            unkept_keys: Mutex::new(unkept_keys),
            archive: Mutex::new(()),
            jobs: Mutex::new(None),
            stopped: watch::Sender::new(false),
            fault: Mutex::new(None),
            endings: watch::Sender::new(0),
            accounts: Mutex::default(),
            relying_party: RwLock::default(),
            withdrawing: RwLock::new(BTreeSet::new()),
            withdrawing_count: AtomicUsize::new(0),
        }
    }

    /// Stops taking entries: it is not known what is durable. Only a new start, which reads it back, can tell.
    pub(crate) fn stop(&self, fault: &Fault) {
        tracing::error!(%fault, "the ledger stops: an append may or may not be durable");
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault.to_string());
        self.halt();
    }

    fn halt(&self) {
        *self.jobs.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.stopped.send_replace(true);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        *self.stopped.borrow()
    }

    pub(crate) fn keep_later(&self, keys: &[(u64, Vec<u8>)]) {
        self.unkept_keys.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(keys);
    }

    pub(crate) fn is_withdrawing(&self, customer: CustomerKey, grant: &Jti) -> bool {
        self.withdrawing_count.load(Ordering::SeqCst) > 0
            && self.withdrawing.read().unwrap_or_else(PoisonError::into_inner).contains(&(customer, *grant))
    }

    pub(crate) fn forget_unkept_keys(&self) {
        self.unkept_keys.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Held while bundles are kept, so that nobody else writes to the epoch's folder.
    pub(crate) fn lock_archive(&self) -> MutexGuard<'_, ()> {
        self.archive.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a job to the sequencer.
    pub(crate) fn enqueue(&self, job: Job) -> Result<(), AppendError> {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let jobs = jobs.as_ref().ok_or(AppendError::Stopped)?;
        self.counters.queue_length.fetch_add(1, Ordering::Relaxed);
        jobs.try_send(job).map_err(|error| {
            self.counters.queue_length.fetch_sub(1, Ordering::Relaxed);
            match error {
                mpsc::TrySendError::Full(_) => AppendError::Busy,
                mpsc::TrySendError::Disconnected(_) => AppendError::Stopped,
            }
        })
    }

    /// The sequencer drops a reply unanswered only when it stops; its callers may hear of it before it says so, and a
    /// withdrawal among them must not cease to deny in between.
    pub(crate) fn unanswered<T>(&self) -> Result<T, AppendError> {
        self.halt();
        Err(AppendError::Stopped)
    }

    pub(crate) fn submit<T>(&self, job: impl FnOnce(sequencer::Reply<T>) -> Job) -> Result<T, AppendError> {
        let (reply, answer) = mpsc::sync_channel(1);
        self.enqueue(job(reply))?;
        answer.recv().unwrap_or_else(|_| self.unanswered())
    }

    fn counted<T>(&self, result: Result<T, AppendError>) -> Result<T, AppendError> {
        if result.is_err() {
            self.counters.refused.fetch_add(1, Ordering::Relaxed);
        }
        result
    }
}

impl Ledger {
    /// Opens a ledger in its folders, or makes one.
    pub fn open(config: &LedgerConfig) -> Result<Self, OpenError> {
        let store = FileStore::open(&config.data_dir, &config.anchor, config.state_cache_bytes);
        let store = store.map_err(|fault| match fault {
            Fault::Held { what } => OpenError::Held(what),
            other => OpenError::Store(other),
        })?;
        let ledger = Self::open_on(Arc::new(store), config)?;
        ledger.record_losses(config).map_err(|error| OpenError::Root(error.to_string()))?;
        Ok(ledger)
    }

    /// Opens a ledger on a store of the caller's; `config` gives the keyring and behaviour.
    pub fn open_on(store: Arc<dyn Store>, config: &LedgerConfig) -> Result<Self, OpenError> {
        let secrets = keyring::store::open(&config.keyring_dir, &config.keyring)?;
        Self::open_with(store, secrets, config)
    }

    /// Opens a ledger on a store and a keyring of the caller's.
    pub fn open_with(
        store: Arc<dyn Store>,
        secrets: Box<dyn SecretStore>,
        config: &LedgerConfig,
    ) -> Result<Self, OpenError> {
        let inner = Arc::new(crate::open::open(store, secrets, config)?);
        // what a crash has left of another epoch, now that this one has proved to be the right one
        inner.store.remove_other_epochs()?;
        inner.keyring.destroy_other_epochs()?;
        let (jobs, waiting) = mpsc::sync_channel(QUEUE_JOBS);
        let (wake, woken) = mpsc::sync_channel(1);
        *inner.jobs.lock().unwrap_or_else(PoisonError::into_inner) = Some(jobs);
        let (for_sequencer, for_archiver) = (Arc::clone(&inner), Arc::clone(&inner));
        let sequencer = std::thread::Builder::new().name("sequencer".to_owned()).spawn(move || {
            let _guard = HaltOnPanic(&for_sequencer);
            sequencer::run(&for_sequencer, &waiting, &wake);
        });
        let archiver = std::thread::Builder::new().name("archiver".to_owned()).spawn(move || {
            let _guard = HaltOnPanic(&for_archiver);
            crate::archive::run(&for_archiver, &woken);
        });
        let thread = |source| Fault::Io { doing: "start", what: "thread".to_owned(), source };
        let threads = Threads { sequencer: sequencer.map_err(thread)?, archiver: archiver.map_err(thread)? };
        Ok(Self { inner, threads: Arc::new(Mutex::new(Some(threads))) })
    }

    /// Takes no further entry, finishes those that wait, keeps complete bundles and flushes the state. Of a ledger that
    /// a fault has stopped, [`Fault::Stopped`].
    pub fn close(&self) -> Result<(), Fault> {
        *self.inner.jobs.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(threads) = threads {
            // a thread that panicked has nothing left to finish
            let _ = threads.sequencer.join();
            let _ = threads.archiver.join();
        }
        if self.inner.is_stopped() {
            let fault = self.inner.fault.lock().unwrap_or_else(PoisonError::into_inner).clone();
            return Err(Fault::Stopped { by: fault.unwrap_or_else(|| "a thread panicked".to_owned()) });
        }
        self.inner.state.store.flush_state()
    }

    /// Until a fault stops the ledger. The process should end then: only a new start can tell what is durable.
    pub async fn wait_stopped(&self) {
        // the sender lives as long as this handle
        let _ = self.inner.stopped.subscribe().wait_for(|stopped| *stopped).await;
    }

    /// Origin of the log.
    pub fn origin(&self) -> &str {
        self.inner.keyring.log_keys.origin()
    }

    /// The keys that readers pin.
    pub fn log_keys(&self) -> &LogKeys {
        &self.inner.keyring.log_keys
    }

    /// The key with which the operator signs events and the ledger's own gate its batches.
    pub fn operator_key(&self) -> PublicKey {
        *self.inner.keyring.operator.public_key()
    }

    /// How long after a withdrawal a gate may still permit.
    pub fn freshness_bound(&self) -> Duration {
        self.inner.freshness_bound
    }

    /// Appends a signed event: the one way in.
    pub fn append(&self, tenant: TenantId, envelope: &[u8]) -> Result<Appended, AppendError> {
        self.append_with(tenant, envelope, None)
    }

    /// The same with what comes in beside the envelope (`docs/spec/attachment.md`). Its receipt hides the attachments:
    /// whoever sends an envelope again is not told them.
    pub fn append_with(
        &self,
        tenant: TenantId,
        envelope: &[u8],
        attachments: Option<&[u8]>,
    ) -> Result<Appended, AppendError> {
        self.inner.counted(self.append_event(tenant, envelope, attachments))
    }

    fn append_event(
        &self,
        tenant: TenantId,
        envelope: &[u8],
        attachments: Option<&[u8]>,
    ) -> Result<Appended, AppendError> {
        let inner = &self.inner;
        let now = inner.clock.now().seconds();
        let relying_party = inner.relying_party();
        let relying_party = relying_party.as_deref();
        let beside = attachments.map(|attachments| Beside { attachments, relying_party });
        let mut event = admit::event(&inner.keyring, &inner.state, tenant, envelope, beside, now)?;
        if let Event::SubjectErased(erased) = &event.claims.event
            && erased.given.is_none()
            && event.signers == [event.tenant.parties.operator]
        {
            // most of it here, since the whole log is gone through and the sequencer must not wait for that
            let until = inner.published.size();
            let sums = inner.payouts_under(erased.data_key, 0..until).map_err(AppendError::Store)?;
            event.closing = Closing { sums, until };
        }
        let withdrawing = self.begin_withdrawal(tenant, &event)?;
        let appended = inner.submit(|reply| Job::Event(Box::new(event), reply));
        self.end_withdrawal(&withdrawing);
        let sequencer::Appended { leaf_index, duplicate } = appended?;
        let receipt = inner.acknowledgement(leaf_index).map_err(AppendError::from_read_back)?;
        Ok(Appended { receipt, leaf_index: LeafIndex(leaf_index), duplicate })
    }

    /// A verified withdrawal denies before it is even committed. What admission would refuse denies nobody anything.
    fn begin_withdrawal(
        &self,
        tenant: TenantId,
        event: &admit::AdmittedEvent,
    ) -> Result<Vec<(CustomerKey, Jti)>, AppendError> {
        let Event::GrantWithdrawn(withdrawn) = &event.claims.event else { return Ok(Vec::new()) };
        let inner = &self.inner;
        let key = inner.state.customer_key(tenant, &withdrawn.sub);
        let customer = inner.state.customer(key).map_err(AppendError::Store)?;
        let known = customer.as_ref().map(|customer| customer.state.as_ref());
        let by_customer =
            known.is_some_and(|known| event.signers.iter().all(|kid| known.signing_key(kid).is_some()));
        let by_operator = withdrawn.channel.is_some() && event.signers == [event.tenant.parties.operator];
        if !by_customer && !by_operator {
            return Ok(Vec::new());
        }
        let licences = known.map(|known| known.ending_with(&withdrawn.grant)).unwrap_or_default();
        let mut withdrawing = inner.withdrawing.write().unwrap_or_else(PoisonError::into_inner);
        let mut begun: Vec<_> = licences.into_iter().chain([withdrawn.grant]).map(|id| (key, id)).collect();
        begun.retain(|one| withdrawing.insert(*one));
        inner.withdrawing_count.fetch_add(begun.len(), Ordering::SeqCst);
        Ok(begun)
    }

    fn end_withdrawal(&self, withdrawing: &[(CustomerKey, Jti)]) {
        // after a fault the withdrawal may or may not be durable, so it goes on denying
        if self.inner.is_stopped() {
            return;
        }
        let mut all = self.inner.withdrawing.write().unwrap_or_else(PoisonError::into_inner);
        for one in withdrawing {
            if all.remove(one) {
                self.inner.withdrawing_count.fetch_sub(1, Ordering::SeqCst);
            }
        }
    }

    /// Withdraws a grant for a customer who asked through a channel other than their key; signed by the operator.
    pub fn withdraw_by_channel(
        &self,
        tenant: TenantId,
        sub: &SubjectId,
        grant: Jti,
        channel: Channel,
    ) -> Result<Appended, AppendError> {
        let jti = Jti::new(self.inner.clock.now(), crate::random::bytes());
        let event = GrantWithdrawn { sub: sub.clone(), grant, channel: Some(channel) };
        let payload = Claims::new(tenant, jti, event).to_json();
        let envelope = Envelope::sign(Kind::GrantWithdrawn, &payload, &[&self.inner.keyring.operator]);
        self.append(tenant, &envelope)
    }

    /// Appends a gate's signed batch of uses, as one piece.
    pub fn append_uses(&self, tenant: TenantId, batch_json: &[u8]) -> Result<Vec<AppendedUse>, AppendError> {
        self.inner.counted(self.append_batch(tenant, batch_json))
    }

    fn append_batch(&self, tenant: TenantId, batch_json: &[u8]) -> Result<Vec<AppendedUse>, AppendError> {
        let inner = &self.inner;
        let now = inner.clock.now().seconds();
        let batch = admit::uses(&inner.keyring, &inner.state, tenant, batch_json, now)?;
        let appended = inner.submit(|reply| Job::Uses(Box::new(batch), reply))?;
        inner.appended_uses(&appended).map_err(AppendError::from_read_back)
    }

    /// Answers a question from the ledger's state; nothing is recorded.
    pub fn decide(&self, tenant: TenantId, facts: &UseFacts, at_least: Option<LeafIndex>) -> Decision {
        let inner = &self.inner;
        let denial = |reason| Decision::Denial(Denial::of(reason));
        if at_least.is_some_and(|LeafIndex(leaf)| leaf >= inner.published.size()) {
            return denial(DenialReason::Behind);
        }
        let key = inner.state.customer_key(tenant, &facts.data_subject);
        let Ok(customer) = inner.state.customer(key) else { return denial(DenialReason::EvaluationError) };
        let known = customer.as_ref().map(|customer| customer.state.as_ref());
        let now = inner.clock.now();
        let Some(number) = inner.keyring.tenant_number(tenant) else { return denial(DenialReason::NoGrant) };
        let count_of = |grant: &Jti| {
            let counted = customer
                .as_ref()
                .map(|known| inner.count_with_leases(number, key, known, grant, now.seconds()));
            counted.unwrap_or_default()
        };
        let Ok(published) = inner.state.tenant(number) else { return denial(DenialReason::EvaluationError) };
        match decide(published.state.basis(), known, count_of, facts, now.seconds()) {
            Decision::Permit(permission) if inner.is_withdrawing(key, &permission.grant) => {
                Decision::Denial(Denial {
                    grant: Some(permission.grant),
                    ..Denial::of(DenialReason::Withdrawn)
                })
            }
            Decision::Permit(permission) => {
                let limits = customer
                    .as_ref()
                    .and_then(|customer| inner.denied_by_leases(number, customer, &permission, facts, now));
                limits.map_or(Decision::Permit(permission), Decision::Denial)
            }
            denied @ Decision::Denial(_) => denied,
        }
    }

    /// The ledger's clock.
    pub fn now(&self) -> grantbook_record::UnixMillis {
        self.inner.clock.now()
    }

    /// An id that nobody has: by the ledger's clock, and of the randomness that its records have.
    pub fn new_id(&self) -> Jti {
        Jti::new(self.inner.clock.now(), crate::random::bytes())
    }

    /// How much of a grant is used up.
    pub fn use_count(&self, tenant: TenantId, sub: &SubjectId, grant: &Jti) -> UseCount {
        let key = self.inner.state.customer_key(tenant, sub);
        let customer = self.inner.state.customer(key).ok().flatten();
        customer.map(|customer| customer.count(grant)).unwrap_or_default()
    }

    /// Counters since it was opened.
    pub fn stats(&self) -> Stats {
        let inner = &self.inner;
        let [leased_grants, leased_budgets] =
            inner.leases().book.outstanding(inner.clock.now(), &inner.lease_rules);
        let counted = inner.counters.read(inner.published.size(), inner.is_stopped());
        Stats { leased_grants, leased_budgets, ..counted }
    }

    /// Whether entries are taken; otherwise why not.
    pub fn readiness(&self) -> Result<(), String> {
        if self.inner.is_stopped() {
            return Err("a fault has stopped the ledger; restart it and read its log".to_owned());
        }
        let jobs = self.inner.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        if jobs.is_some() { Ok(()) } else { Err("the ledger is closing".to_owned()) }
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A thread that panics leaves as much unknown as a fault.
struct HaltOnPanic<'a>(&'a Inner);

impl Drop for HaltOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.halt();
        }
    }
}

impl AppendError {
    /// What was acknowledged cannot be read back: the record is durable, only its receipt is not at hand.
    pub(crate) fn from_read_back(error: ReadError) -> Self {
        match error {
            ReadError::Store(fault) => Self::Store(fault),
            other => Self::Store(Fault::Damaged { what: "receipt".to_owned(), why: other.to_string() }),
        }
    }
}
