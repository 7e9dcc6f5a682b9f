//! What the callers know: what they sent, what was acknowledged, what they saw published.

use std::collections::{BTreeMap, BTreeSet};

use grantbook_engine::{AppendError, Ledger, Recorded};
use grantbook_record::uses::{UseFacts, UseId};
use grantbook_record::{Jti, Receipt, TenantId};
use grantbook_tlog::{Hash, leaf_hash};

/// Something sent to the ledger, as bytes, so that it can be sent again.
#[derive(Clone)]
pub(crate) enum Sent {
    Event { tenant: TenantId, envelope: Vec<u8>, jti: Jti, about: About },
    Uses { tenant: TenantId, json: Vec<u8>, shop: usize, first: u64, customers: Vec<usize> },
    Question { tenant: TenantId, facts: UseFacts, use_id: Option<UseId> },
    Roll,
    Root,
}

/// What an event changes that later answers are held against.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum About {
    Nothing,
    Key { shop: usize, customer: usize },
    Grant { shop: usize, customer: usize, cap: Option<u64> },
    Amendment { grant: usize, cap: Option<u64> },
    Paused { grant: usize },
    Resumed { grant: usize },
    Ended { grant: usize, by_customer: bool },
}

/// An answer.
pub(crate) enum Answer {
    Appended {
        leaf: u64,
        hash: Hash,
        duplicate: bool,
        receipt: Box<Receipt>,
    },
    Uses {
        leaves: Vec<(u64, Hash)>,
        duplicate: bool,
    },
    Permit {
        leaf: u64,
        hash: Hash,
        grant: Jti,
        duplicate: bool,
    },
    Denied,
    /// A new key epoch, and the entry that says so.
    Rolled {
        number: u64,
        leaf: u64,
    },
    /// The entry of a root, unless nothing has changed since the last.
    Rooted(Option<u64>),
    Refused(String),
    /// Whether it is there is not known.
    Unknown(String),
}

impl Sent {
    pub(crate) fn send(&self, ledger: &Ledger) -> Answer {
        let sent = match self {
            Self::Event { tenant, envelope, .. } => {
                ledger.append(*tenant, envelope).map(|appended| Answer::Appended {
                    leaf: appended.leaf_index.0,
                    hash: leaf_hash(&appended.receipt.entry.0),
                    duplicate: appended.duplicate,
                    receipt: Box::new(appended.receipt),
                })
            }
            Self::Uses { tenant, json, .. } => ledger.append_uses(*tenant, json).map(|uses| Answer::Uses {
                duplicate: uses.iter().all(|used| used.duplicate),
                leaves: uses
                    .iter()
                    .map(|used| (used.leaf_index.0, leaf_hash(&used.receipt.entry.0)))
                    .collect(),
            }),
            Self::Question { tenant, facts, use_id } => ledger
                .decide_and_record(*tenant, facts, use_id.clone(), None)
                .map(|recorded| match recorded {
                    Recorded::Denial(_) => Answer::Denied,
                    Recorded::Permit { permission, receipt, leaf_index, duplicate } => Answer::Permit {
                        leaf: leaf_index.0,
                        hash: leaf_hash(&receipt.entry.0),
                        grant: permission.grant,
                        duplicate,
                    },
                }),
            Self::Roll => ledger
                .roll_epoch()
                .map(|rolled| Answer::Rolled { number: rolled.epoch.number, leaf: rolled.leaf_index.0 }),
            Self::Root => ledger.record_state_root().map(|root| Answer::Rooted(root.map(|leaf| leaf.0))),
        };
        match sent {
            Ok(answer) => answer,
            Err(error @ (AppendError::Stopped | AppendError::Store(_) | AppendError::Busy)) => {
                Answer::Unknown(error.to_string())
            }
            Err(error) => Answer::Refused(error.to_string()),
        }
    }
}

/// A grant as its customer knows it.
#[derive(Debug, Clone)]
pub(crate) struct Grant {
    pub(crate) shop: usize,
    pub(crate) customer: usize,
    pub(crate) id: Jti,
    /// The highest cap that it ever had; `None` once it had none.
    pub(crate) cap: Option<u64>,
    pub(crate) ended: bool,
    /// Its customer was erased.
    pub(crate) gone: bool,
}

impl Grant {
    pub(crate) fn is_of(&self, owner: Owner) -> bool {
        (self.shop, self.customer) == owner
    }
}

#[derive(Default)]
pub(crate) struct Model {
    /// Leaf hashes of the log as it was published.
    pub(crate) leaves: Vec<Hash>,
    /// What was acknowledged: where, and with which leaf hash.
    pub(crate) acknowledged: BTreeMap<u64, Hash>,
    /// Texts of checkpoints that were published or in the anchor.
    pub(crate) checkpoints: BTreeSet<String>,
    /// Sent, with the leaf index where it is known.
    pub(crate) sent: Vec<(Sent, Option<u64>)>,
    /// Places in `sent` of what may or may not be in the log.
    pub(crate) unknown: Vec<usize>,
    pub(crate) grants: Vec<Grant>,
    /// Keys that each customer has, by shop and number.
    pub(crate) keys: BTreeMap<(usize, usize), usize>,
    /// The next sequence number of each shop's gate, as far as acknowledged.
    pub(crate) next_seq: [u64; 2],
    /// Grants under a withdrawal that was sent to this process and is not known to stand.
    pub(crate) withdrawing: BTreeSet<usize>,
    /// Key epochs ended so far, as far as known, and whether another one may have been.
    pub(crate) rolled: u64,
    pub(crate) rolling: bool,
    /// Whose the acknowledged entries are, where that is certain; `None` for those that are nobody's.
    pub(crate) owners: BTreeMap<u64, Option<Owner>>,
    /// Erasures under way that may be further than is known, with their number once that is known.
    pub(crate) erasing: BTreeMap<Owner, Option<u64>>,
    /// Where the last `subject.erased` of a customer stands: nothing of theirs before it can be read.
    pub(crate) erased: BTreeMap<Owner, u64>,
    pub(crate) held: BTreeSet<Owner>,
    /// Whose hold may have been placed or lifted.
    pub(crate) holding: Option<Owner>,
}

/// A customer, by shop and number.
pub(crate) type Owner = (usize, usize);

impl Model {
    /// Takes in that an event stands in the log.
    pub(crate) fn stands(&mut self, sent: &Sent) {
        match sent {
            Sent::Event { jti, about, .. } => match *about {
                About::Key { shop, customer } => *self.keys.entry((shop, customer)).or_default() += 1,
                About::Grant { shop, customer, cap } => {
                    self.grants.push(Grant { shop, customer, id: *jti, cap, ended: false, gone: false });
                }
                About::Amendment { grant, cap } => {
                    let known = &mut self.grants[grant].cap;
                    *known = known.zip(cap).map(|(old, new)| old.max(new));
                }
                About::Ended { grant, .. } => self.grants[grant].ended = true,
                About::Paused { .. } | About::Resumed { .. } | About::Nothing => {}
            },
            Sent::Uses { shop, first, customers, .. } => {
                self.next_seq[*shop] = first + customers.len() as u64;
            }
            Sent::Question { .. } | Sent::Roll | Sent::Root => {}
        }
    }

    /// Whose an event is, if anybody's.
    pub(crate) fn owner(&self, about: &About) -> Option<Owner> {
        match *about {
            About::Nothing => None,
            About::Key { shop, customer } | About::Grant { shop, customer, .. } => Some((shop, customer)),
            About::Amendment { grant, .. }
            | About::Paused { grant }
            | About::Resumed { grant }
            | About::Ended { grant, .. } => {
                let grant = &self.grants[grant];
                Some((grant.shop, grant.customer))
            }
        }
    }

    /// Takes in that a customer was erased.
    pub(crate) fn erase(&mut self, owner: Owner, leaf: u64) {
        self.erasing.remove(&owner);
        self.erased.insert(owner, leaf);
        self.keys.remove(&owner);
        for grant in self.grants.iter_mut().filter(|grant| grant.is_of(owner)) {
            (grant.ended, grant.gone) = (true, true);
        }
    }

    /// Whether the record at a leaf was erased with its customer.
    pub(crate) fn is_erased(&self, leaf: u64) -> bool {
        let owner = self.owners.get(&leaf).copied().flatten();
        owner.and_then(|owner| self.erased.get(&owner)).is_some_and(|erased| leaf < *erased)
    }
}

/// Whether both are the same sending, which has one answer.
pub(crate) fn same(one: &Sent, other: &Sent) -> bool {
    match (one, other) {
        (Sent::Event { envelope: a, .. }, Sent::Event { envelope: b, .. })
        | (Sent::Uses { json: a, .. }, Sent::Uses { json: b, .. }) => a == b,
        (Sent::Question { use_id: None, .. }, _) => false,
        (
            Sent::Question { tenant, facts, use_id },
            Sent::Question { tenant: of, facts: about, use_id: id },
        ) => (tenant, facts, use_id) == (of, about, id),
        _ => false,
    }
}
