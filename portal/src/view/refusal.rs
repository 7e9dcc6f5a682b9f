//! Customers' refusals, as the enterprise that asked sees them.

use grantbook_record::day::UnixSeconds;

use super::Wording;
use super::money::Amount;

/// A request that a customer has declined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// When.
    pub at: UnixSeconds,
    /// The request's id.
    pub request: String,
    /// For what it asked: recipient, purpose and data; `None` where that can be read no more.
    pub asked: Option<(Wording, Wording, Vec<Wording>)>,
    /// What the customer would accept; `None`: that it is not asked again.
    pub unless: Option<Unless>,
}

/// What a customer would accept; all of it has to be kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unless {
    /// Without these categories.
    pub without: Vec<Wording>,
    /// Days for which a grant holds at most.
    pub days_max: Option<u32>,
    /// Days for which data is kept at most after a use.
    pub kept_days_max: Option<u32>,
    /// Uses at most.
    pub uses_max: Option<u32>,
    /// What each use or the grant pays at least.
    pub price_min: Option<Amount>,
}
