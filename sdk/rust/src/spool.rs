//! The spool: records of uses on the gate's own disk, until the ledger has them.
//!
//! Many callers, one thread that writes ([`writer`]) and one task that sends ([`drain`]). What a spool holds is
//! [`state`], how it lies on the disk [`log`]; both do no more than they are told, so that every crash can be tried.

mod disk;
mod drain;
mod entry;
mod error;
mod frame;
mod known;
mod log;
mod recent;
mod state;
#[cfg(test)]
mod tests;
mod unaccounted;
mod writer;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use grantbook_record::encoding::Bytes32;
use grantbook_record::lease::{OpenLease, OpenLeases};
use grantbook_record::uses::UseRecord;
use grantbook_record::{DenialReason, GateId, Jti, Receipt, Salt, Signer, SubjectId, TenantId};
use grantbook_tlog::LogKeys;
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::{sleep, timeout};

use crate::clock::BootTime;
use crate::denial::LinkFault;
use crate::gate::random;
use crate::gate_key::{self, GateKey};
use crate::http::Http;
use crate::seal::Seal;
use disk::Folder;
pub(crate) use drain::run as drain;
pub(crate) use entry::Ending;
pub use error::{SpoolError, Unsent};
use log::Log;
use recent::Recent;
pub(crate) use recent::fetch;
use state::{Class, Full, Placing, State};
pub(crate) use unaccounted::LeftBehind;

const GATES: &str = "/v1/gates";
const LEASES: &str = "/v1/leases";
/// Between two tries of what must succeed at last.
const RETRY_AFTER: Duration = Duration::from_millis(200);

/// Where the gate keeps records until the ledger has them.
#[derive(Debug, Clone)]
pub struct SpoolConfig {
    /// A folder of this gate's own, on a disk that is not shared; made where there is none.
    pub dir: PathBuf,
    /// The gate's key, which is registered at the ledger under the gate's name.
    pub signer: Signer,
    /// Bytes of records that wait; beyond them permits are denied as `spool_full`. They are held in memory, too; the folder
    /// takes up to three times as much for moments.
    pub max_bytes: u64,
}

impl SpoolConfig {
    /// With room for 256 MiB of records, some 250,000 uses.
    pub fn new(dir: impl Into<PathBuf>, signer: Signer) -> Self {
        Self { dir: dir.into(), signer, max_bytes: 256 * 1024 * 1024 }
    }
}

/// When a permit may be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Once the ledger has recorded the use: the permit has its receipt.
    Ledger,
    /// Once the record is synced to the gate's disk.
    Disk,
    /// Once the record is on its way to the gate's disk: a crash may lose it.
    Process,
}

/// A use, by its gate and the number of its record there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UseRef {
    /// The gate; `remote` for the ledger's own.
    pub gate: GateId,
    /// The number.
    pub seq: u64,
}

/// How a spool is, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpoolStatus {
    /// Records that the ledger does not have.
    pub records: u64,
    /// Bytes of these.
    pub bytes: u64,
    /// Whether permits are denied as `spool_full`.
    pub is_full: bool,
}

/// What threads and tasks share.
pub(crate) struct Shared {
    pub(crate) gate: GateId,
    tenant: TenantId,
    log_keys: LogKeys,
    http: Arc<Http>,
    guarded: Mutex<Guarded>,
    /// There is something to write.
    wake: Condvar,
    /// There may be something to send.
    work: Notify,
    /// The first number that the ledger does not have.
    first: watch::Sender<u64>,
    /// The key epoch for which the segment is sealed.
    epoch: watch::Sender<u64>,
    /// The key epoch that there is, as far as the gate was told.
    told: watch::Sender<u64>,
    recent: Mutex<Recent>,
    /// The ledger has other records under this gate's name.
    halted: AtomicBool,
}

struct Guarded {
    state: State,
    /// Who waits for which record to be durable.
    waiting: Vec<(u64, oneshot::Sender<bool>)>,
    /// Somebody waits for what is to be written.
    urgent: bool,
    orders: VecDeque<Order>,
    closing: bool,
    /// A start needs the segment though the ledger has every record: leases are open, and it tells what became of them.
    keeps: bool,
}

impl Guarded {
    /// Whether the thread that writes must be woken, who may wait for what nobody waits for: at the first of it, and
    /// when it has become much.
    fn begins(&self, queued_before: usize) -> bool {
        queued_before == 0 || self.state.queued() > writer::QUEUE_MAX
    }
}

/// The segment is to be written anew, under another key if there is one.
struct Order {
    key: Option<Seal>,
    done: oneshot::Sender<bool>,
}

/// A record's place, with somebody who will say what became of the use. Dropped, it says what was meant to be said then.
#[derive(Debug)]
pub(crate) struct Placed {
    shared: Arc<Shared>,
    pub(crate) seq: u64,
    /// `None`: nothing, as somebody else has the use as well.
    on_drop: Option<Ending>,
    /// It was not written.
    taken_back: bool,
    durable: Option<oneshot::Receiver<bool>>,
}

/// Why a record has no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unplaced {
    /// No room, or nothing can be written.
    Full,
    /// The id is that of another use.
    OtherUse,
    /// More bytes than a record may have.
    TooLarge,
}

impl Unplaced {
    pub(crate) fn reason(self) -> DenialReason {
        match self {
            Self::Full => DenialReason::SpoolFull,
            Self::OtherUse | Self::TooLarge => DenialReason::EvaluationError,
        }
    }
}

/// The spool with its thread, which ends when it is dropped.
pub(crate) struct Spool {
    pub(crate) shared: Arc<Shared>,
    pub(crate) signer: Signer,
    /// Leases that a gate has left open which is gone.
    pub(crate) left_behind: LeftBehind,
    thread: Option<JoinHandle<()>>,
}

#[derive(Deserialize)]
struct Progress {
    next_seq: u64,
}

impl Spool {
    /// Opens the spool, and sees how far the ledger has come and what leases are open.
    pub(crate) async fn open(
        config: SpoolConfig,
        http: Arc<Http>,
        gate: GateId,
        tenant: TenantId,
        log_keys: LogKeys,
        within: Duration,
    ) -> Result<Self, SpoolError> {
        let SpoolConfig { dir, signer, max_bytes } = config;
        let asked = async {
            let key = fetch_key(&http, tenant, &gate).await?;
            let expected = progress(&http, &gate).await?;
            // after it, so that whatever of these is not said to have arrived is in the spool
            let open = open_leases(&http, &gate).await?;
            Ok::<_, LinkFault>((key, expected, open))
        };
        let asked = timeout(within, asked).await.map_err(|_| LinkFault::Deadline { deadline: within })??;
        let (key, expected, open) = asked;
        let epoch = key.epoch();
        let folder = Folder::open(&dir).map_err(|source| SpoolError::Io { doing: "open", source })?;
        let mut disk = Box::new(folder.ok_or(SpoolError::Held { dir })?);
        let mut read = log::read(disk.as_mut(), &key, expected, max_bytes)?;
        // a crash came between sending and hearing that it arrived
        let state = &mut read.state;
        if expected > state.first() {
            if let Some(last) = expected.checked_sub(1) {
                confirm(&http, &log_keys, &gate, last, state.salt(last)).await?;
            }
            state.acknowledge(expected);
        }
        // before the new segment, which holds the marks
        let left_behind = state.left_behind(&open, read.is_whole);
        let (log, state) = Log::start(disk, key, read)?;
        let shared = Arc::new(Shared::new(gate, tenant, log_keys, http, state, epoch));
        let for_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("grantbook-spool".to_owned());
        let thread = thread.spawn(move || writer::run(&for_thread, log));
        let thread = thread.map_err(|source| SpoolError::Io { doing: "start a thread for", source })?;
        Ok(Self { shared, signer, left_behind, thread: Some(thread) })
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        self.shared.lock().closing = true;
        self.shared.wake.notify_one();
        // so that the folder is free when this is gone
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn new(
        gate: GateId,
        tenant: TenantId,
        log_keys: LogKeys,
        http: Arc<Http>,
        state: State,
        epoch: u64,
    ) -> Self {
        Self {
            gate,
            tenant,
            log_keys,
            http,
            first: watch::Sender::new(state.first()),
            epoch: watch::Sender::new(epoch),
            told: watch::Sender::new(epoch),
            guarded: Mutex::new(Guarded {
                state,
                waiting: Vec::new(),
                urgent: false,
                orders: VecDeque::new(),
                closing: false,
                keeps: false,
            }),
            wake: Condvar::new(),
            work: Notify::new(),
            recent: Mutex::default(),
            halted: AtomicBool::new(false),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Guarded> {
        self.guarded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the record of a permit its place; then it is still to be durable, see [`Placed::durable`].
    pub(crate) fn place(
        self: &Arc<Self>,
        record: UseRecord,
        until: BootTime,
        durability: Durability,
    ) -> Result<Placed, Unplaced> {
        let salt = Salt(Bytes32(random().map_err(|_| Unplaced::Full)?));
        let mut guarded = self.lock();
        if self.halted.load(Ordering::SeqCst) || guarded.closing {
            return Err(Unplaced::Full);
        }
        let queued = guarded.state.queued();
        // the disk must know beforehand of which leases a crash may lose uses
        let awaited = durability != Durability::Process || !guarded.state.mark_unaccounted(&record.leases);
        let class = if awaited { Class::Awaited } else { Class::Enqueued };
        // until its permit is out, nobody can have used the data
        let (seq, on_drop) = match guarded.state.place(record, salt, Some(until), class) {
            Ok(Placing::New(seq)) => (seq, Some(Ending::Voided)),
            Ok(Placing::Again(seq)) => (seq, None),
            Ok(Placing::OtherUse) => return Err(Unplaced::OtherUse),
            Ok(Placing::TooLarge) => return Err(Unplaced::TooLarge),
            Err(Full) => return Err(Unplaced::Full),
        };
        let mut durable = None;
        if awaited && seq >= guarded.state.durable() {
            let (send, receive) = oneshot::channel();
            guarded.waiting.push((seq, send));
            guarded.urgent = true;
            durable = Some(receive);
        }
        let begins = durable.is_some() || guarded.begins(queued);
        drop(guarded);
        if begins {
            self.wake.notify_one();
        }
        Ok(Placed { shared: Arc::clone(self), seq, on_drop, taken_back: false, durable })
    }

    /// Records a denial, if there is room; nobody waits for it.
    pub(crate) fn place_denial(&self, record: UseRecord) {
        let Ok(salt) = random() else { return };
        // it denies all the same where there is none
        let _ = self.lock().state.place(record, Salt(Bytes32(salt)), None, Class::Enqueued);
        self.wake.notify_one();
    }

    /// Whether a use of this id was placed before.
    pub(crate) fn knows(&self, record: &UseRecord) -> bool {
        self.lock().state.recall(record).is_some()
    }

    /// The ledger knows what was drawn on these leases.
    pub(crate) fn released(&self, leases: &[Jti]) {
        self.lock().state.released(leases);
    }

    /// Leases stay open when this ends.
    pub(crate) fn keep_segment(&self) {
        self.lock().keeps = true;
    }

    fn end(&self, placed: &mut Placed) -> Option<Ending> {
        let mut guarded = self.lock();
        // its number may be another record's by now; who waits is told so under this lock
        let told = placed.durable.as_mut().map(oneshot::Receiver::try_recv);
        if placed.taken_back || matches!(told, Some(Ok(false))) {
            return None;
        }
        let queued = guarded.state.queued();
        let holds = guarded.state.end(placed.seq, placed.on_drop?);
        let begins = guarded.begins(queued);
        drop(guarded);
        if begins {
            self.wake.notify_one();
        }
        self.work.notify_one();
        holds
    }

    fn acknowledge(&self, below: u64, receipts: Vec<(u64, SubjectId, Receipt)>) {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner).extend(receipts);
        let mut guarded = self.lock();
        guarded.state.acknowledge(below);
        let first = guarded.state.first();
        drop(guarded);
        self.first.send_replace(first);
        self.wake.notify_one();
    }

    /// The number that the next record gets.
    pub(crate) fn next_seq(&self) -> u64 {
        self.lock().state.next()
    }

    /// Waits until half of the room is free, for somebody who records faster than the ledger takes in.
    pub(crate) async fn has_room(&self, deadline: Duration) {
        let mut first = self.first.subscribe();
        let room = async {
            loop {
                let (bytes, bytes_max) = {
                    let guarded = self.lock();
                    (guarded.state.bytes(), guarded.state.bytes_max())
                };
                if bytes <= bytes_max / 2 || first.changed().await.is_err() {
                    return;
                }
            }
        };
        // without room permits are denied as `spool_full`
        let _ = timeout(deadline, room).await;
    }

    pub(crate) fn status(&self) -> SpoolStatus {
        let guarded = self.lock();
        let state = &guarded.state;
        SpoolStatus {
            records: state.next() - state.first(),
            bytes: state.bytes(),
            is_full: state.is_full() || state.is_crowded() || self.halted.load(Ordering::SeqCst),
        }
    }

    /// Waits until the ledger has every record that is there now.
    pub(crate) async fn flush(&self, deadline: Duration) -> Result<(), Unsent> {
        let next = self.lock().state.next();
        let mut first = self.first.subscribe();
        let flushed = timeout(deadline, first.wait_for(|first| *first >= next)).await;
        match flushed {
            Ok(_) => Ok(()),
            Err(_) => Err(Unsent { records: next - self.lock().state.first().min(next) }),
        }
    }

    /// Waits until the ledger has a record.
    pub(crate) async fn arrived(&self, seq: u64) {
        // the sender lives as long as this
        let _ = self.first.subscribe().wait_for(|first| *first > seq).await;
    }

    /// Waits until the ledger has a record, and gives its receipt if it is at hand.
    pub(crate) async fn sent(&self, seq: u64) -> Option<Receipt> {
        self.arrived(seq).await;
        self.recent.lock().unwrap_or_else(PoisonError::into_inner).take(seq)
    }

    /// A key epoch has begun.
    pub(crate) fn tell_epoch(&self, epoch: u64) {
        self.told.send_replace(epoch);
    }

    /// Forgets a customer: sends what is still to be sent, then writes the segment anew without what was sent. The replica
    /// must have forgotten the customer before, so that nothing more comes.
    pub(crate) async fn forget(&self, sub: &SubjectId) {
        let mut first = self.first.subscribe();
        while self.lock().state.has_records_of(sub) {
            if first.changed().await.is_err() {
                return;
            }
        }
        self.lock().state.forget(sub);
        self.recent.lock().unwrap_or_else(PoisonError::into_inner).forget(sub);
        while !self.write_anew(None).await {
            sleep(RETRY_AFTER).await;
        }
    }

    /// Writes the segment anew; whether that was done.
    async fn write_anew(&self, key: Option<Seal>) -> bool {
        let (done, told) = oneshot::channel();
        self.lock().orders.push_back(Order { key, done });
        self.wake.notify_one();
        told.await.unwrap_or(false)
    }

    /// Seals anew whenever a key epoch has begun, for ever.
    pub(crate) async fn follow_epochs(self: Arc<Self>) {
        let mut told = self.told.subscribe();
        loop {
            let epoch = *self.epoch.borrow();
            if told.wait_for(|told| *told > epoch).await.is_err() {
                return;
            }
            let sealed = match timeout(RETRY_AFTER * 50, fetch_key(&self.http, self.tenant, &self.gate)).await
            {
                Ok(Ok(key)) if key.epoch() > epoch => self.write_anew(Some(key)).await,
                _ => false,
            };
            if !sealed {
                sleep(RETRY_AFTER).await;
            }
        }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spool").field("gate", &self.gate).finish_non_exhaustive()
    }
}

impl Placed {
    /// Waits until the record is on the disk; `false` if it will not be.
    pub(crate) async fn durable(&mut self) -> bool {
        let Some(waiting) = &mut self.durable else { return true };
        let durable = waiting.await.unwrap_or(false);
        self.durable = None;
        self.taken_back = !durable;
        durable
    }

    /// The permit goes out: from now on nobody knows what becomes of the use until somebody says so.
    pub(crate) fn hand_out(&mut self) {
        self.on_drop = Some(Ending::Unknown);
    }

    /// Says what became of the use, and gives what holds; `None` once the ledger has it.
    pub(crate) fn end(mut self, ending: Ending) -> Option<Ending> {
        self.on_drop = Some(ending);
        let shared = Arc::clone(&self.shared);
        shared.end(&mut self)
    }

    pub(crate) fn use_ref(&self) -> UseRef {
        UseRef { gate: self.shared.gate.clone(), seq: self.seq }
    }
}

impl Drop for Placed {
    fn drop(&mut self) {
        let shared = Arc::clone(&self.shared);
        shared.end(self);
    }
}

async fn fetch_key(http: &Http, tenant: TenantId, gate: &GateId) -> Result<Seal, LinkFault> {
    let GateKey { epoch, key } = gate_key::fetch(http, gate).await?;
    Ok(seal(&key, epoch, tenant, gate))
}

fn seal(key: &[u8; 32], epoch: u64, tenant: TenantId, gate: &GateId) -> Seal {
    Seal::new(key, epoch, &[b"spool", tenant.as_bytes(), gate.as_str().as_bytes()])
}

async fn progress(http: &Http, gate: &GateId) -> Result<u64, LinkFault> {
    let Progress { next_seq } = http.read(&format!("{GATES}/{gate}")).await?;
    Ok(next_seq)
}

/// Every lease of a gate that is open.
pub(crate) async fn open_leases(http: &Http, gate: &GateId) -> Result<Vec<OpenLease>, LinkFault> {
    let mut open = Vec::new();
    let mut cursor = String::new();
    loop {
        let OpenLeases { leases, next } = http.read(&format!("{LEASES}?gate={gate}{cursor}")).await?;
        open.extend(leases.to_vec());
        let Some(next) = next else { return Ok(open) };
        cursor = format!("&cursor={next}");
    }
}

/// Sees that a record which the ledger has is this spool's: its salt is.
async fn confirm(
    http: &Http,
    keys: &LogKeys,
    gate: &GateId,
    seq: u64,
    salt: Option<Salt>,
) -> Result<(), SpoolError> {
    let use_ref = UseRef { gate: gate.clone(), seq };
    let receipt = match recent::fetch(http, &use_ref).await {
        // erased since; that its number is taken is all that is left of it
        Err(LinkFault::Status { got: 410 }) => return Ok(()),
        receipt => receipt?,
    };
    let refused = |_| LinkFault::Receipt { expected: "one that verifies against the pinned keys" };
    receipt.verify(keys).map_err(refused)?;
    if Some(receipt.salt) == salt { Ok(()) } else { Err(SpoolError::OtherGate { seq }) }
}
