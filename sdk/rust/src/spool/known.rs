//! Ids of uses that the gate has placed lately: asking again with one of them is the same use.

use std::collections::{BTreeMap, HashMap};

use grantbook_record::SubjectId;
use grantbook_record::encoding::Bytes32;
use grantbook_record::uses::{UseFacts, UseId};

/// Ids that are remembered.
const KNOWN_MAX: usize = 65_536;

#[derive(Debug, Default)]
pub(super) struct Known {
    by_id: HashMap<UseId, Used>,
    by_seq: BTreeMap<u64, UseId>,
}

#[derive(Debug)]
struct Used {
    seq: u64,
    facts_sha256: Bytes32,
    sub: SubjectId,
}

/// What an id stands for.
pub(super) enum Recalled {
    /// The same use, with this sequence number.
    Same(u64),
    /// Another use.
    Other,
}

impl Known {
    pub(super) fn note(&mut self, id: UseId, facts: &UseFacts, seq: u64) {
        while self.by_seq.len() >= KNOWN_MAX
            && let Some((_, oldest)) = self.by_seq.pop_first()
        {
            self.by_id.remove(&oldest);
        }
        let used = Used { seq, facts_sha256: digest(facts), sub: facts.data_subject.clone() };
        self.by_seq.insert(seq, id.clone());
        if let Some(before) = self.by_id.insert(id, used) {
            self.by_seq.remove(&before.seq);
        }
    }

    pub(super) fn recall(&self, id: &UseId, facts: &UseFacts) -> Option<Recalled> {
        let used = self.by_id.get(id)?;
        let same = used.facts_sha256 == digest(facts);
        Some(if same { Recalled::Same(used.seq) } else { Recalled::Other })
    }

    pub(super) fn forget(&mut self, seq: u64) {
        if let Some(id) = self.by_seq.remove(&seq) {
            self.by_id.remove(&id);
        }
    }

    pub(super) fn forget_customer(&mut self, sub: &SubjectId) {
        let Self { by_id, by_seq } = self;
        by_id.retain(|_, used| {
            let other = used.sub != *sub;
            if !other {
                by_seq.remove(&used.seq);
            }
            other
        });
    }
}

fn digest(facts: &UseFacts) -> Bytes32 {
    Bytes32::sha256(&serde_json::to_vec(facts).unwrap_or_default())
}
