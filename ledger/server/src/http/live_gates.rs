//! How far the gates that are alive have folded the feed, and so when each took in that a grant has ended.
//!
//! A gate says how far it is whenever it asks for a head. One that has not been heard of for three times the bound is not
//! live: it has had no head since, and denies.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use grantbook_record::feed::FeedPosition;
use grantbook_record::{GateId, TenantId, UnixMillis};
use grantbook_tlog::LeafIndex;
use tokio::sync::watch;

/// Positions that are remembered of one gate, with when it said that it had reached them.
const STEPS_MAX: usize = 256;
/// Ends of which is remembered when gates took them in, after they were acknowledged.
const ENDS_MAX: usize = 4096;

/// Which gate says how far it is.
type Named = (TenantId, GateId);

/// The gates that were heard of since the server began.
pub(super) struct LiveGates {
    /// Silent for longer, a gate is not live.
    within: Duration,
    began: Instant,
    known: Mutex<Known>,
    heard: watch::Sender<u64>,
}

#[derive(Default)]
struct Known {
    gates: BTreeMap<Named, Gate>,
    /// By the leaf index of the event that ended the grant.
    ends: BTreeMap<(LeafIndex, TenantId), Taken>,
}

struct Gate {
    seen: Instant,
    /// Rising positions, the newest last.
    steps: VecDeque<(FeedPosition, UnixMillis)>,
}

#[derive(Default)]
struct Taken {
    at: BTreeMap<GateId, UnixMillis>,
    acknowledged: bool,
}

/// What the live gates have taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TakenIn {
    /// Gates that have, and live ones that have not; with the time from which on it is known.
    pub(super) gates: Vec<(GateId, Option<UnixMillis>)>,
    /// Whether one was given up because it is not live any more.
    given_up: bool,
}

impl TakenIn {
    /// How many have.
    pub(super) fn count(&self) -> usize {
        self.gates.iter().filter(|(_, at)| at.is_some()).count()
    }

    /// Whether no live gate is left that has not.
    pub(super) fn by_all(&self) -> bool {
        self.count() == self.gates.len()
    }

    /// When the last one did; `None` if none did, or not all have.
    pub(super) fn last(&self) -> Option<UnixMillis> {
        if self.by_all() { self.gates.iter().filter_map(|(_, at)| *at).max() } else { None }
    }

    /// Since when it is so that all have: at the latest, and where nothing tells better, `now`.
    pub(super) fn since(&self, now: UnixMillis) -> UnixMillis {
        self.last().filter(|_| !self.given_up).unwrap_or(now)
    }
}

impl LiveGates {
    pub(super) fn new(within: Duration, began: Instant) -> Self {
        Self { within, began, known: Mutex::default(), heard: watch::Sender::new(0) }
    }

    /// Tells whenever a gate has come further.
    pub(super) fn heard(&self) -> watch::Receiver<u64> {
        self.heard.subscribe()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A registered gate of the tenant says how many frames it has folded.
    pub(super) fn report(
        &self,
        tenant: TenantId,
        gate: GateId,
        position: FeedPosition,
        at: UnixMillis,
        now: Instant,
    ) {
        let mut known = self.known();
        let gate =
            known.gates.entry((tenant, gate)).or_insert_with(|| Gate { seen: now, steps: VecDeque::new() });
        gate.seen = now;
        let last = gate.steps.back().map(|(last, _)| *last);
        if last == Some(position) {
            return;
        }
        if last.is_some_and(|last| position < last) {
            // it was fed from the start again: what it had, it has not any more
            gate.steps.clear();
        }
        if gate.steps.len() == STEPS_MAX {
            gate.steps.pop_front();
        }
        gate.steps.push_back((position, at));
        drop(known);
        self.heard.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// How long ago a gate was heard of, and how far it was then; `None` if not since the server began.
    pub(super) fn heard_of(
        &self,
        tenant: TenantId,
        gate: &GateId,
        now: Instant,
    ) -> Option<(Duration, FeedPosition)> {
        let known = self.known();
        let gate = known.gates.get(&(tenant, gate.clone()))?;
        let (position, _) = gate.steps.back()?;
        Some((now.saturating_duration_since(gate.seen), *position))
    }

    /// Which of the tenant's gates have taken in the entry at `leaf`, which is the frame `frame` of its feed.
    pub(super) fn taken_in(
        &self,
        tenant: TenantId,
        (leaf, frame): (LeafIndex, FeedPosition),
        registered: &[GateId],
        now: Instant,
    ) -> TakenIn {
        let Known { gates, ends } = &mut *self.known();
        let taken = ends.entry((leaf, tenant)).or_default();
        // gates that were connected before the server began need time to come back
        let beginning = now.saturating_duration_since(self.began) <= self.within;
        let mut listed = Vec::new();
        let mut given_up = false;
        for id in registered {
            let gate = gates.get(&(tenant, id.clone()));
            // once acknowledged, nothing is added to what was
            if let Some(gate) = gate.filter(|_| !taken.acknowledged)
                && let Some((_, at)) = gate.steps.iter().find(|(position, _)| *position > frame)
            {
                taken.at.entry(id.clone()).or_insert(*at);
            }
            let at = taken.at.get(id).copied();
            let live = match gate {
                Some(gate) => now.saturating_duration_since(gate.seen) <= self.within,
                None => beginning,
            };
            if at.is_some() || (live && !taken.acknowledged) {
                listed.push((id.clone(), at));
            } else {
                given_up |= gate.is_some();
            }
        }
        TakenIn { gates: listed, given_up }
    }

    /// What is remembered of an end that was acknowledged.
    pub(super) fn remembered(&self, tenant: TenantId, leaf: LeafIndex) -> Option<TakenIn> {
        let known = self.known();
        let taken = known.ends.get(&(leaf, tenant)).filter(|taken| taken.acknowledged)?;
        let gates = taken.at.iter().map(|(gate, at)| (gate.clone(), Some(*at))).collect();
        Some(TakenIn { gates, given_up: false })
    }

    /// The end is acknowledged: what was taken in stays as it is, for a while.
    pub(super) fn acknowledged(&self, tenant: TenantId, leaf: LeafIndex) {
        let mut known = self.known();
        known.ends.entry((leaf, tenant)).or_default().acknowledged = true;
        while known.ends.len() > ENDS_MAX {
            let oldest = known.ends.iter().find(|(_, taken)| taken.acknowledged).map(|(key, _)| *key);
            let Some(oldest) = oldest else { break };
            known.ends.remove(&oldest);
        }
    }

    /// The grant is gone, and its end with it.
    pub(super) fn forget(&self, tenant: TenantId, leaf: LeafIndex) {
        self.known().ends.remove(&(leaf, tenant));
    }
}

#[cfg(test)]
mod tests;
