//! Counters of a running ledger, for metrics.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use grantbook_record::Kind;

use crate::leases::Outstanding;

/// What a ledger has done since it was opened. Plain numbers; durations in nanoseconds.
#[derive(Debug, Clone, Default)]
pub struct Stats {
    /// Entries appended, by kind.
    pub appended: BTreeMap<Kind, u64>,
    /// Appends that were refused.
    pub refused: u64,
    /// Batches committed.
    pub batches: u64,
    /// Time spent making batches durable, nanoseconds.
    pub commit_ns: u64,
    /// The longest of these, nanoseconds.
    pub commit_ns_max: u64,
    /// Jobs that wait for the sequencer.
    pub queue_length: u64,
    /// Size of the tree as published.
    pub tree_size: u64,
    /// Complete bundles that are kept as files.
    pub archived_bundles: u64,
    /// What gates have leased of grants.
    pub leased_grants: Outstanding,
    /// What gates have leased of budgets.
    pub leased_budgets: Outstanding,
    /// Whether a fault has stopped the sequencer.
    pub stopped: bool,
}

#[derive(Default)]
pub(crate) struct Counters {
    appended: Mutex<BTreeMap<Kind, u64>>,
    pub(crate) refused: AtomicU64,
    batches: AtomicU64,
    commit_ns: AtomicU64,
    commit_ns_max: AtomicU64,
    pub(crate) queue_length: AtomicU64,
    pub(crate) archived_bundles: AtomicU64,
}

impl Counters {
    pub(crate) fn batch(&self, kinds: impl Iterator<Item = Kind>, took: Duration) {
        let mut appended = self.appended.lock().unwrap_or_else(PoisonError::into_inner);
        for kind in kinds {
            *appended.entry(kind).or_default() += 1;
        }
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.batches.fetch_add(1, Ordering::Relaxed);
        self.commit_ns.fetch_add(nanoseconds, Ordering::Relaxed);
        self.commit_ns_max.fetch_max(nanoseconds, Ordering::Relaxed);
    }

    pub(crate) fn read(&self, tree_size: u64, stopped: bool) -> Stats {
        Stats {
            appended: self.appended.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            refused: self.refused.load(Ordering::Relaxed),
            batches: self.batches.load(Ordering::Relaxed),
            commit_ns: self.commit_ns.load(Ordering::Relaxed),
            commit_ns_max: self.commit_ns_max.load(Ordering::Relaxed),
            queue_length: self.queue_length.load(Ordering::Relaxed),
            tree_size,
            archived_bundles: self.archived_bundles.load(Ordering::Relaxed),
            stopped,
            ..Stats::default()
        }
    }
}
