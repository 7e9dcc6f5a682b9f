//! The one thread that writes: it takes all that has come up, writes it as one frame, syncs, and lets those go who wait
//! for it. While it syncs, the next group gathers.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::entry::Entry;
use super::log::Log;
use super::{Order, Shared};
use crate::seal::Seal;

/// How long what nobody waits for may lie in memory.
const LAZY: Duration = Duration::from_millis(20);
/// Entries that are written though nobody waits for them.
pub(super) const QUEUE_MAX: usize = 4096;
/// Between two tries to write while nothing can be written.
const RETRY: Duration = Duration::from_millis(100);
/// Bytes of a segment that nobody needs, beside as many as are needed, before it is written anew.
const WASTE_MIN: u64 = 4 * 1024 * 1024;

enum Work {
    Group(Vec<Entry>, u64),
    Anew(Order),
    End,
}

/// Until the spool is closed.
pub(super) fn run(shared: &Shared, mut log: Log) {
    loop {
        match shared.next_work() {
            Work::Group(entries, next) => write(shared, &mut log, entries, next),
            Work::Anew(Order { key, done }) => {
                // whoever is gone does not want to know
                let _ = done.send(write_anew(shared, &mut log, key));
            }
            Work::End => break,
        }
    }
    if shared.is_drained() {
        // a start needs nothing of it: the ledger knows the next number
        let _ = log.clear();
    }
}

/// Writes a group; where that fails, whoever waits for it is refused.
pub(super) fn write(shared: &Shared, log: &mut Log, entries: Vec<Entry>, next: u64) {
    if log.append(&entries, next).is_ok() {
        shared.written(next);
    } else {
        shared.refused(entries);
        // what failed may have been the file and not the disk, and a smaller file may fit
        if log.is_poisoned() || log.bytes() > shared.lock().state.bytes() * 2 {
            write_anew(shared, log, None);
        }
    }
    if log.bytes() > shared.waste_max() {
        write_anew(shared, log, None);
    }
}

/// Begins a segment with all that there is. Whether that is done, the last segment is removed.
pub(super) fn write_anew(shared: &Shared, log: &mut Log, key: Option<Seal>) -> bool {
    let (taken, (entries, next)) = {
        let mut guarded = shared.lock();
        let (taken, _) = guarded.state.take_queue();
        (taken, guarded.state.snapshot())
    };
    if let Ok(alone) = log.begin(key, &entries, next) {
        shared.epoch.send_replace(log.epoch());
        shared.written(next);
        return alone;
    }
    if log.is_poisoned() {
        shared.refused(taken);
    } else {
        shared.lock().state.put_back(taken);
    }
    false
}

impl Shared {
    fn next_work(&self) -> Work {
        let mut guarded = self.lock();
        let mut since: Option<Instant> = None;
        loop {
            if let Some(order) = guarded.orders.pop_front() {
                return Work::Anew(order);
            }
            let full = guarded.state.is_full();
            let has_queue = guarded.state.queued() > 0;
            if guarded.closing && (full || !has_queue) {
                return Work::End;
            }
            let begun = *since.get_or_insert_with(Instant::now);
            let wait = if full {
                // an empty group is written to see whether there is room again
                RETRY
            } else if guarded.urgent || guarded.closing || guarded.state.queued() > QUEUE_MAX {
                Duration::ZERO
            } else if has_queue {
                LAZY
            } else {
                since = None;
                guarded = self.wake.wait(guarded).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = wait.saturating_sub(begun.elapsed());
            if left.is_zero() {
                guarded.urgent = false;
                let (entries, next) = guarded.state.take_queue();
                return Work::Group(entries, next);
            }
            let waited = self.wake.wait_timeout(guarded, left);
            guarded = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// All before `next` is durable.
    fn written(&self, next: u64) {
        let mut guarded = self.lock();
        guarded.state.written(next);
        let waiting = std::mem::take(&mut guarded.waiting);
        let (ready, still) = waiting.into_iter().partition(|(seq, _)| *seq < next);
        guarded.waiting = still;
        drop(guarded);
        let ready: Vec<_> = ready;
        for (_, waiter) in ready {
            let _ = waiter.send(true);
        }
        self.work.notify_one();
    }

    /// Nothing can be written: nobody who waits gets a permit.
    fn refused(&self, taken: Vec<Entry>) {
        let mut guarded = self.lock();
        guarded.state.refused(taken);
        // before anybody else can be given their numbers
        for (_, waiter) in std::mem::take(&mut guarded.waiting) {
            let _ = waiter.send(false);
        }
    }

    /// Bytes that a segment may have.
    fn waste_max(&self) -> u64 {
        let guarded = self.lock();
        let waste = WASTE_MIN.max(guarded.state.bytes_max() / 4);
        guarded.state.bytes().saturating_mul(2).saturating_add(waste)
    }

    fn is_drained(&self) -> bool {
        let guarded = self.lock();
        guarded.state.first() == guarded.state.next() && !guarded.keeps
    }
}
