//! Having everything erased at one enterprise: before, and how far it is.

use grantbook_record::day::UnixSeconds;

use super::Wording;
use super::customer::Connection;
use super::money::Amount;

/// What erasing means, before it is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasureReview {
    /// The enterprise's id.
    pub tenant: String,
    /// Its name.
    pub company: Wording,
    /// Records that become unreadable.
    pub records: u64,
    /// Grants that end with it.
    pub open: Vec<Connection>,
    /// What is owed and will be paid all the same.
    pub owed: Vec<Amount>,
    /// Seconds within which every gate refuses.
    pub within_seconds: u64,
    /// Hours after which no gate is waited for any more.
    pub waits_hours: u64,
    /// When backups no longer open, either.
    pub backups_until: UnixSeconds,
    /// Whether a legal hold keeps the records.
    pub held: bool,
}

/// An erasure that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasureReport {
    /// The enterprise's id.
    pub tenant: String,
    /// Its name.
    pub company: Wording,
    /// When it was asked for.
    pub asked: UnixSeconds,
    /// How far it is.
    pub state: ErasureState,
}

/// How far an erasure is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErasureState {
    /// The log held nothing about the customer.
    Nothing,
    /// So many gates have yet to forget the customer; with none, proofs of the days before are yet to be made.
    Waiting {
        /// Gates that have not said so yet.
        gates: u64,
        /// When no gate is waited for any more.
        until: UnixSeconds,
    },
    /// Nobody can read anything of it any more.
    Done {
        /// When the key was destroyed.
        at: UnixSeconds,
        /// Where that is on the log, naming nobody.
        leaf_index: u64,
        /// When backups no longer open, either; `None`: they do not any more.
        backups_until: Option<UnixSeconds>,
    },
}
