//! Permits: the use is recorded, this is its receipt, and this is what must be done.

use grantbook_record::terms::Obligation;
use grantbook_record::{Jti, Receipt};
use grantbook_tlog::LeafIndex;

use crate::clock::BootTime;

/// The gate says yes, for this one use, until it expires.
///
/// Durability class `ledger`: the use was recorded, fsynced and put under a signed checkpoint before this was made, and
/// its receipt verifies against the pinned keys. Dropping a permit does not undo the use.
#[derive(Debug, Clone)]
#[must_use = "the use is recorded and counted already, and its obligations bind whoever uses the data"]
pub struct Permit {
    pub(crate) grant: Jti,
    pub(crate) obligations: Vec<Obligation>,
    pub(crate) receipt: Box<Receipt>,
    pub(crate) leaf_index: LeafIndex,
    pub(crate) expires: BootTime,
}

impl Permit {
    /// The grant under which the use is permitted: the `jti` of its `grant.given`.
    pub fn grant(&self) -> Jti {
        self.grant
    }

    /// What the user of the data must do.
    pub fn obligations(&self) -> &[Obligation] {
        &self.obligations
    }

    /// The receipt of the recorded use, verified.
    pub fn receipt(&self) -> &Receipt {
        &self.receipt
    }

    /// Where the use stands in the log.
    pub fn leaf_index(&self) -> LeafIndex {
        self.leaf_index
    }

    /// Until when the data may be fetched. Ask this right before: a later withdrawal may have been taken in since.
    pub fn is_live(&self) -> bool {
        BootTime::now() < self.expires
    }

    /// When it expires.
    pub fn expires(&self) -> BootTime {
        self.expires
    }
}
