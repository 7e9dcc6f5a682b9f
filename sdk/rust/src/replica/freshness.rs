//! How old what the replica knows may be. A head counts from the moment at which its nonce was sent, and only once the
//! replica's own chain has the head's value at the head's position.

use std::collections::VecDeque;

use grantbook_record::UnixMillis;
use grantbook_record::encoding::Bytes32;
use grantbook_record::feed::Chain;
use grantbook_record::head::Head;
use grantbook_tlog::{Hash, TreeSize};

use super::Fault;
use crate::clock::BootTime;

/// Chain values that are remembered: how far the feed may run ahead of a head that is still on its way.
const HISTORY_MAX: usize = 4096;
/// Heads that wait for frames. Questions are asked every third of the bound, so that few are ever young enough.
const PENDING_MAX: usize = 16;

#[derive(Debug)]
pub(super) struct Freshness {
    /// The latest chain values, the newest last.
    history: VecDeque<Bytes32>,
    chain: Chain,
    /// Heads ahead of the chain.
    pending: VecDeque<(Head, BootTime)>,
    counted: Option<Counted>,
}

/// A head whose position was reached.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counted {
    /// When its nonce was sent.
    pub(super) sent: BootTime,
    /// Size of its tree.
    pub(super) size: TreeSize,
    root: Hash,
    time: UnixMillis,
}

impl Counted {
    /// The ledger's time at `now`: the head's, and what has passed since its nonce was sent.
    pub(super) fn time_at(&self, now: BootTime) -> UnixMillis {
        let passed = u64::try_from(now.since(self.sent).as_millis()).unwrap_or(u64::MAX);
        UnixMillis(self.time.0.saturating_add(passed))
    }
}

impl Freshness {
    pub(super) fn new(chain: Chain) -> Self {
        Self { history: VecDeque::from([chain.value]), chain, pending: VecDeque::new(), counted: None }
    }

    pub(super) fn counted(&self) -> Option<&Counted> {
        self.counted.as_ref()
    }

    pub(super) fn waiting_since(&self) -> Option<BootTime> {
        self.pending.iter().map(|(_, sent)| *sent).min()
    }

    /// The chain has one more frame: heads that waited for it count now.
    pub(super) fn advance(&mut self, chain: Chain) -> Result<(), Fault> {
        self.chain = chain;
        if self.history.len() == HISTORY_MAX {
            self.history.pop_front();
        }
        self.history.push_back(chain.value);
        let (reached, pending) =
            self.pending.drain(..).partition(|(head, _)| head.feed.position <= chain.position);
        self.pending = pending;
        let reached: VecDeque<(Head, BootTime)> = reached;
        reached.into_iter().try_for_each(|(head, sent)| self.count(&head, sent))
    }

    /// A verified head; those for which `is_young` does not hold are forgotten.
    pub(super) fn take(
        &mut self,
        head: Head,
        sent: BootTime,
        is_young: impl Fn(BootTime) -> bool,
    ) -> Result<(), Fault> {
        self.pending.retain(|(_, sent)| is_young(*sent));
        if head.feed.position <= self.chain.position {
            return self.count(&head, sent);
        }
        if is_young(sent) && self.pending.len() < PENDING_MAX {
            self.pending.push_back((head, sent));
        }
        Ok(())
    }

    fn count(&mut self, head: &Head, sent: BootTime) -> Result<(), Fault> {
        let behind = self.chain.position.0.saturating_sub(head.feed.position.0);
        let at = usize::try_from(behind).ok().and_then(|behind| self.history.len().checked_sub(behind + 1));
        // so far back that the chain's value is forgotten: the next head will be nearer
        let Some(value) = at.and_then(|at| self.history.get(at)) else {
            return Ok(());
        };
        if *value != head.feed.value {
            return Err(Fault::Chain);
        }
        if let Some(counted) = &self.counted {
            if counted.size == head.size && counted.root != head.root {
                return Err(Fault::Fork);
            }
            // a smaller tree is that of a head overtaken on its way, or of a ledger that was rolled back
            if sent <= counted.sent || head.size < counted.size {
                return Ok(());
            }
        }
        self.counted = Some(Counted { sent, size: head.size, root: head.root, time: head.time });
        Ok(())
    }
}
