//! What happened to a grant, in order of time.

use grantbook_record::DenialReason;
use grantbook_record::day::UnixSeconds;

use super::Wording;
use super::agreement::Agreement;
use super::money::Amount;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happening {
    /// When, by the clock that the log vouches for.
    pub at: UnixSeconds,
    /// Where its entry stands in the log.
    pub leaf_index: u64,
    /// What it is.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// The customer agreed.
    Given,
    /// The customer changed the terms: those before, and those after.
    Changed(Box<(Agreement, Agreement)>),
    /// The customer paused it.
    Paused,
    /// The customer let it go on.
    Resumed,
    /// The customer ended it.
    Withdrawn,
    /// Somebody else ended it.
    Revoked {
        /// Who.
        by: Wording,
        /// Why.
        reason: String,
    },
    /// A recipient has taken in that it ended.
    Acknowledged {
        /// Who.
        recipient: Wording,
        /// How many gates said so; `None`: it is the recipient's own word.
        gates: Option<u32>,
    },
    /// The data of uses is deleted.
    Deleted,
    /// Data was used.
    Used(Box<Used>),
    /// A use was refused.
    Refused(Box<Refused>),
    /// An amount beyond what uses had brought.
    Earned(Amount),
}

/// A use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Used {
    /// Which service or member asked.
    pub by: Wording,
    /// What was done.
    pub action: Wording,
    /// With which data.
    pub data: Vec<Wording>,
    /// How many fields of it.
    pub fields: usize,
    /// What it brought.
    pub brought: Option<Amount>,
    /// The rule that it broke.
    pub broke: Option<DenialReason>,
    /// Whether it fell between a withdrawal and the moment by which gates had to know of it.
    pub in_window: bool,
}

/// A use that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Which service or member asked.
    pub by: Wording,
    /// For which data.
    pub data: Vec<Wording>,
    /// Why it was refused.
    pub reason: DenialReason,
}

/// One fact that differs between two agreements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Key of the fact's name in the words.
    pub fact: &'static str,
    /// As it was; empty if it was not there.
    pub before: String,
    /// As it is; empty if it is not there any more.
    pub after: String,
}

impl What {
    /// The mark's class.
    pub fn tone(&self) -> &'static str {
        match self {
            Self::Given | Self::Resumed => "begun",
            Self::Changed(_) | Self::Acknowledged { .. } | Self::Deleted => "noted",
            Self::Paused | Self::Withdrawn | Self::Revoked { .. } => "ended",
            Self::Used(_) | Self::Earned(_) => "used",
            Self::Refused(_) => "refused",
        }
    }
}
