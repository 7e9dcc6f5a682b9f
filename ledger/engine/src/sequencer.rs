//! The sequencer: one thread that gives every record its place, and makes batches durable before anybody hears of them.
//!
//! Commit order of a batch: check against the state, build entries and root → re-derive the root from the bytes about
//! to be stored → one journal append and one `fdatasync` (the commit point) → state → anchor → publish → acknowledge.
//! A crash before the commit point leaves nothing; after it, the next start replays the batch from the journal. A
//! fault at or after the commit point stops the sequencer: what is durable is then not known.

pub(crate) mod build;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::{Duration, Instant};

use grantbook_plan::Denial;
use grantbook_plan::decide::Permission;
use grantbook_record::day::{Day, UnixMillis};
use grantbook_record::event::Event;
use grantbook_record::{DenialReason, Entry};
use grantbook_tlog::{Checkpoint, Hash, TreeSize, cosignature, leaf_hash};

use crate::admit::{AdmittedBatch, AdmittedEvent, AdmittedQuestion};
use crate::archive::keep_bundles;
use crate::config::Archiving;
use crate::epoch::{self, Epoch};
use crate::error::AppendError;
use crate::leases::{self, LeaseJob, settle};
use crate::ledger::Inner;
use crate::published::Addition;
use crate::state_root::record_state_root;
use crate::store::Fault;
use crate::transfer::ImportedUse;
use build::{Builder, Built};

/// Name of the ledger's own gate at every tenant; the operator's key signs its batches.
pub(crate) const REMOTE_GATE: &str = "remote";
/// Entries after which a batch takes no further job.
const BATCH_ENTRIES: usize = 1024;
/// Entries that may be in memory and journal alone.
const UNKEPT_ENTRIES_MAX: usize = 32 * 1024;
/// Jobs that may wait.
pub(crate) const QUEUE_JOBS: usize = 8192;

/// Something to be appended, and where the answer goes.
pub(crate) enum Job {
    Event(Box<AdmittedEvent>, Reply<Appended>),
    Uses(Box<AdmittedBatch>, Reply<AppendedUses>),
    Question(Box<AdmittedQuestion>, Tell),
    /// The next key epoch is to begin, after all that came before.
    Roll(Reply<(Epoch, Appended)>),
    /// A part of what was noted for the map of grant states goes into its tree; the answer is whether there was any.
    DrainMap(Reply<bool>),
    /// The map's root goes on the log, unless it is there.
    StateRoot(Reply<Option<Appended>>),
    Import(Box<ImportedUse>, Reply<Appended>),
    /// After the batch of all that came before.
    Leases(Box<LeaseJob>),
}

pub(crate) type Reply<T> = SyncSender<Result<T, AppendError>>;

/// Tells a thread or a task what came of its question.
pub(crate) type Tell = Box<dyn FnOnce(Result<Answer, AppendError>) + Send>;

/// Where an event stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Appended {
    pub(crate) leaf_index: u64,
    pub(crate) duplicate: bool,
}

/// Where a batch of uses stands.
#[derive(Debug, Clone)]
pub(crate) struct AppendedUses {
    pub(crate) leaf_index: u64,
    pub(crate) count: u32,
    pub(crate) duplicate: bool,
}

/// What the ledger's own gate said.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Permit { permission: Permission, leaf_index: u64, duplicate: bool },
    Denial(Denial),
}

/// A flag on an admitted use, and whether it fell into the window after a withdrawal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Verdict {
    pub(crate) flag: Option<DenialReason>,
    pub(crate) in_window: bool,
}

/// Answers that go out once the batch is durable.
type Acknowledgement = Box<dyn FnOnce() + Send>;

/// The thread's body; ends when every sender is gone, or at a fault.
pub(crate) fn run(inner: &Arc<Inner>, jobs: &Receiver<Job>, wake_archiver: &SyncSender<()>) {
    let mut last_day = inner.last_day;
    while let Ok(first) = jobs.recv() {
        let mut entries = weight(&first);
        let mut batch = vec![first];
        while entries < BATCH_ENTRIES {
            let Ok(next) = jobs.try_recv() else { break };
            entries += weight(&next);
            batch.push(next);
        }
        inner.counters.queue_length.fetch_sub(batch.len() as u64, Ordering::Relaxed);
        if inner.archiving == Archiving::Between && !archived(inner) {
            return;
        }
        // days never decrease along the log, even if the clock does
        let now = inner.clock.now();
        last_day = last_day.max(now.seconds().day());
        if let Err(fault) = sequence(inner, batch, last_day, now) {
            // the callers of this batch learn that the ledger stopped, not that their record failed
            inner.stop(&fault);
            return;
        }
        if inner.archiving == Archiving::Between {
            continue;
        }
        // a full queue means that the archiver is awake already
        let _ = wake_archiver.try_send(());
        // entries wait in memory until they are kept, so the archiver must not fall far behind
        while inner.published.unkept() > UNKEPT_ENTRIES_MAX && !inner.is_stopped() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    if inner.archiving == Archiving::Between {
        archived(inner);
    }
}

/// Keeps what is complete; after a fault the ledger stops.
fn archived(inner: &Inner) -> bool {
    keep_bundles(inner).map_err(|fault| inner.stop(&fault)).is_ok()
}

fn weight(job: &Job) -> usize {
    match job {
        Job::Uses(batch, _) => batch.batch.records.len(),
        Job::Event(..) | Job::Question(..) | Job::Import(..) | Job::Leases(_) => 1,
        // after a batch: nothing may be under way
        Job::Roll(_) | Job::DrainMap(_) | Job::StateRoot(_) => BATCH_ENTRIES,
    }
}

fn sequence(inner: &Inner, jobs: Vec<Job>, day: Day, now: UnixMillis) -> Result<(), Fault> {
    if jobs.iter().any(is_erasure) {
        // what somebody erased was paid can be read no more afterwards
        leases::keep(inner, true, now)?;
    }
    let mut builder = Builder::new(inner, day, now.seconds());
    let mut questions = Vec::new();
    let mut after = Vec::new();
    let mut asked = Vec::new();
    for job in jobs {
        match job {
            Job::Leases(job) => asked.push(*job),
            Job::Roll(_) | Job::DrainMap(_) | Job::StateRoot(_) => after.push(job),
            Job::Event(event, reply) => builder.event(*event, reply)?,
            Job::Uses(batch, reply) => builder.uses(*batch, reply)?,
            Job::Import(used, reply) => builder.import(*used, reply)?,
            Job::Question(question, reply) => questions.push((*question, reply)),
        }
    }
    // the permits of one tenant come one after another, so that one signature covers them all
    questions.sort_by_key(|(question, _)| question.tenant.number);
    builder.questions(questions)?;
    if let Some(built) = builder.finish() {
        commit(inner, built, day, now)?;
    }
    settle(inner, asked, now)?;
    for job in after {
        match job {
            Job::Roll(reply) => answer(&reply, epoch::roll(inner, day, now)?),
            Job::DrainMap(reply) => answer(&reply, inner.state.drain_map()?),
            Job::StateRoot(reply) => answer(&reply, record_state_root(inner, day, now)?),
            Job::Event(..) | Job::Uses(..) | Job::Import(..) | Job::Question(..) | Job::Leases(_) => {}
        }
    }
    Ok(())
}

fn is_erasure(job: &Job) -> bool {
    matches!(job, Job::Event(event, _) if matches!(event.claims.event, Event::SubjectErased(_)))
}

fn answer<T>(reply: &Reply<T>, done: T) {
    // nobody waits any more
    let _ = reply.send(Ok(done));
}

pub(crate) fn commit(inner: &Inner, built: Built, day: Day, now: UnixMillis) -> Result<(), Fault> {
    let size = built.addition.range.size();
    let root = built.addition.range.root();
    // a clock that was set back does not take the checkpoint before the day of its entries
    let signed = sign_checkpoint(inner, size, root, now.max(day.begins()))?;
    let mut stored = built.batch;
    stored.checkpoint.clone_from(&signed);

    let mut again = inner.published.range();
    for item in &stored.items {
        again.append(leaf_hash(&item.entry), |_, _, _| ()).map_err(|error| broken(&error.to_string()))?;
    }
    if again.root() != root || again.size() != size {
        return Err(broken("the entries about to be stored do not lead to the root about to be signed"));
    }

    let begun = Instant::now();
    inner.store.commit(&stored)?;
    let took = begun.elapsed();
    // from here on the batch is there after a crash; nobody has been told yet
    inner.keep_later(&stored.keys);
    let (customers, grants) = built.changes.gone();
    let endings = built.changes.endings;
    inner.state.commit(built.changes, size.0)?;
    inner.store.set_anchor(&signed)?;
    let kinds: Vec<_> =
        stored.items.iter().filter_map(|item| Some(Entry::parse(&item.entry).ok()?.kind)).collect();
    inner.published.add(Addition { checkpoint: signed, ..built.addition });
    if endings > 0 {
        inner.endings.send_modify(|count| *count = count.wrapping_add(endings));
    }
    inner.counters.batch(kinds.into_iter(), took);
    leases::forget(inner, &customers, &grants, now)?;
    for acknowledge in built.acknowledgements {
        acknowledge();
    }
    Ok(())
}

/// Signs a checkpoint with the log's key and cosigns it with the clock's.
pub(crate) fn sign_checkpoint(
    inner: &Inner,
    size: TreeSize,
    root: Hash,
    now: UnixMillis,
) -> Result<String, Fault> {
    let keyring = &inner.keyring;
    let signed = Checkpoint::new(keyring.log_keys.origin(), size, root)
        .and_then(|checkpoint| checkpoint.sign(&keyring.log))
        .map_err(|error| broken(&error.to_string()))?;
    let mut note = signed;
    let time = grantbook_tlog::UnixSeconds(now.seconds().0);
    let line =
        cosignature::sign(&keyring.clock, time, note.text()).map_err(|error| broken(&error.to_string()))?;
    note.add(line).map_err(|error| broken(&error.to_string()))?;
    Ok(note.to_string())
}

pub(crate) fn broken(why: &str) -> Fault {
    Fault::Damaged { what: "batch".to_owned(), why: why.to_owned() }
}
