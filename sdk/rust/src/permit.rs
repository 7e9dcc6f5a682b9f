//! Permits: this one use may go on, and this is what must be done.

use grantbook_record::terms::Obligation;
use grantbook_record::{Jti, Receipt};
use grantbook_tlog::LeafIndex;

use crate::check::Units;
use crate::clock::BootTime;
use crate::spool::{Ending, Placed, UseRef};

/// The gate says yes, for this one use, until it expires. The use was recorded before this was made, as durably as was
/// asked for ([`crate::Durability`]).
///
/// Say what became of it: [`Self::commit`] or [`Self::void`]. Dropped, it counts as used, and its record says that nobody
/// knows.
#[derive(Debug)]
#[must_use = "the use is recorded and counted already, and its obligations bind whoever uses the data"]
pub struct Permit {
    pub(crate) grant: Jti,
    pub(crate) obligations: Vec<Obligation>,
    pub(crate) expires: BootTime,
    pub(crate) use_ref: UseRef,
    pub(crate) recorded: Recorded,
}

/// Where the use is recorded.
#[derive(Debug)]
pub(crate) enum Recorded {
    /// On the ledger.
    Ledger { receipt: Box<Receipt>, leaf_index: LeafIndex },
    /// In the gate's spool.
    Spool {
        placed: Placed,
        /// What it drew from leases; nothing for a use that was asked for again.
        units: Option<Units>,
    },
}

/// What came of giving a permit back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a use that could not be given back counts"]
pub enum Voided {
    /// It counts as never used.
    GivenBack,
    /// It counts as used all the same: it was on the ledger, or on its way there.
    Charged,
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

    /// Names the use, to ask for its receipt: [`crate::Gate::receipt`].
    pub fn use_ref(&self) -> &UseRef {
        &self.use_ref
    }

    /// The receipt of the recorded use, verified: at once where the ledger has recorded it, otherwise only later, see
    /// [`crate::Gate::receipt`].
    pub fn receipt(&self) -> Option<&Receipt> {
        match &self.recorded {
            Recorded::Ledger { receipt, .. } => Some(receipt),
            Recorded::Spool { .. } => None,
        }
    }

    /// Where the use stands in the log, where the ledger has recorded it.
    pub fn leaf_index(&self) -> Option<LeafIndex> {
        match &self.recorded {
            Recorded::Ledger { leaf_index, .. } => Some(*leaf_index),
            Recorded::Spool { .. } => None,
        }
    }

    /// Until when the data may be fetched. Ask this right before: a later withdrawal may have been taken in since.
    pub fn is_live(&self) -> bool {
        BootTime::now() < self.expires
    }

    /// When it expires.
    pub fn expires(&self) -> BootTime {
        self.expires
    }

    /// The data was used.
    pub fn commit(self) -> UseRef {
        if let Recorded::Spool { placed, .. } = self.recorded {
            placed.end(Ending::Committed);
        }
        self.use_ref
    }

    /// No data was used. What the ledger has recorded cannot be given back, nor what expired and is on its way there.
    pub fn void(self) -> Voided {
        match self.recorded {
            Recorded::Ledger { .. } => Voided::Charged,
            Recorded::Spool { placed, units } => match placed.end(Ending::Voided) {
                Some(Ending::Voided) => {
                    if let Some(units) = units {
                        units.give_back();
                    }
                    Voided::GivenBack
                }
                _ => Voided::Charged,
            },
        }
    }
}
