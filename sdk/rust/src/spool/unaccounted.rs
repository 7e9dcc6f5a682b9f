//! Leases of which the spool cannot tell what became of all their units, and what a gate that was killed gives back.
//!
//! A permit of the class `process` is given before its record is on the disk. So the first such use of a lease waits until
//! the disk has a mark that says so; a lease with a mark stays charged when the gate comes back.

use std::collections::{BTreeMap, BTreeSet};

use grantbook_record::Jti;
use grantbook_record::lease::{OpenLease, Release};

/// Leases with a mark, each with the number of the record with which the mark is on the disk.
#[derive(Debug, Default)]
pub(super) struct Unaccounted(BTreeMap<Jti, u64>);

impl Unaccounted {
    /// Marks a lease; gives whether it had no mark.
    pub(super) fn mark(&mut self, lease: Jti, with: u64) -> bool {
        let is_new = !self.0.contains_key(&lease);
        self.0.entry(lease).or_insert(with);
        is_new
    }

    /// Whether the mark of this lease is on the disk, with all records before `durable`.
    pub(super) fn is_durable(&self, lease: &Jti, durable: u64) -> bool {
        self.0.get(lease).is_some_and(|with| *with < durable)
    }

    /// These were given back, or are none any more.
    pub(super) fn retain(&mut self, keep: impl Fn(&Jti) -> bool) {
        self.0.retain(|lease, _| keep(lease));
    }

    pub(super) fn leases(&self) -> impl Iterator<Item = Jti> {
        self.0.keys().copied()
    }
}

/// What a gate that is gone has left open and its spool accounts for.
#[derive(Debug, Default)]
pub(crate) struct LeftBehind {
    /// Whatever was used of these has arrived.
    pub(crate) at_once: Vec<Release>,
    /// Records in the spool draw on these.
    pub(crate) later: BTreeSet<Jti>,
    /// The number after the last of these records.
    pub(crate) next: u64,
}

impl LeftBehind {
    /// `drawn_on`: leases that records in the spool name.
    pub(super) fn of(open: &[OpenLease], marked: &Unaccounted, drawn_on: &BTreeSet<Jti>, next: u64) -> Self {
        let accounted = open.iter().filter(|lease| !marked.0.contains_key(&lease.id));
        let (later, now): (Vec<_>, Vec<_>) = accounted.partition(|lease| drawn_on.contains(&lease.id));
        let at_once = now.into_iter().map(|lease| Release { lease: lease.id, spent: lease.arrived });
        Self { at_once: at_once.collect(), later: later.into_iter().map(|lease| lease.id).collect(), next }
    }
}
