//! Money: what is declared, closed, accrued, posted and paid. Specification: `docs/spec/settlement.md`.

use serde::{Deserialize, Serialize};

use crate::class::Class;
use crate::compensation::REVENUE_MAX;
use crate::event::RecordedUse;
use crate::id::{Jti, SubjectId, Term};
use crate::kind::Kind;
use crate::money::{CountryCode, Currency};

/// Number of a settlement period of one tenant: the first is 1, each begins where the one before was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Period(pub u32);

impl std::fmt::Display for Period {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// An event about money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Money {
    /// `revenue.declared`
    RevenueDeclared(RevenueDeclared),
    /// `payout.accrued`
    PayoutAccrued(PayoutAccrued),
    /// `settlement.posted`
    SettlementPosted(SettlementPosted),
    /// `payout.paid`
    PayoutPaid(PayoutPaid),
    /// `payout.failed`
    PayoutFailed(PayoutFailed),
    /// `payout.reversed`
    PayoutReversed(PayoutReversed),
    /// `settlement.closed`
    SettlementClosed(SettlementClosed),
    /// `payout.ordered`
    PayoutOrdered(PayoutOrdered),
}

impl Money {
    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::RevenueDeclared(_) => Kind::RevenueDeclared,
            Self::PayoutAccrued(_) => Kind::PayoutAccrued,
            Self::SettlementPosted(_) => Kind::SettlementPosted,
            Self::PayoutPaid(_) => Kind::PayoutPaid,
            Self::PayoutFailed(_) => Kind::PayoutFailed,
            Self::PayoutReversed(_) => Kind::PayoutReversed,
            Self::SettlementClosed(_) => Kind::SettlementClosed,
            Self::PayoutOrdered(_) => Kind::PayoutOrdered,
        }
    }

    /// The data subject it is about, where it is about one.
    pub fn subject(&self) -> Option<&SubjectId> {
        match self {
            Self::PayoutAccrued(event) => Some(&event.sub),
            Self::PayoutPaid(event) => Some(&event.sub),
            Self::PayoutFailed(event) => Some(&event.sub),
            Self::PayoutReversed(event) => Some(&event.sub),
            Self::PayoutOrdered(event) => Some(&event.sub),
            Self::RevenueDeclared(_) | Self::SettlementPosted(_) | Self::SettlementClosed(_) => None,
        }
    }

    /// The group of terms that its entry's link names; 0 for none.
    pub fn group(&self) -> u16 {
        match self {
            Self::PayoutAccrued(event) => event.group,
            Self::SettlementPosted(event) => event.group,
            _ => 0,
        }
    }

    /// Class, committed values and currency of its entry.
    pub fn committed(&self) -> (Class, Vec<u64>, Currency) {
        match self {
            Self::PayoutAccrued(event) => (Class::Accrual, vec![event.minor.into()], event.currency),
            Self::SettlementPosted(event) => {
                (Class::Settlement, vec![event.revenue.unwrap_or(0), event.pool], event.currency)
            }
            _ => (Class::Plain, Vec::new(), Currency::NONE),
        }
    }
}

/// Revenue of a period with the data of one group of terms. Signed by the enterprise, once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevenueDeclared {
    /// The period, which is still open.
    pub period: Period,
    /// The tenant's group of terms.
    pub group: u16,
    /// Currency of the revenue.
    pub currency: Currency,
    /// The revenue, minor units.
    pub minor: Revenue,
}

/// An amount of at most [`REVENUE_MAX`] minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Revenue(u64);

impl Revenue {
    /// `None` above [`REVENUE_MAX`].
    pub fn new(minor: u64) -> Option<Self> {
        (minor <= REVENUE_MAX).then_some(Self(minor))
    }

    /// Minor units.
    pub fn get(self) -> u64 {
        self.0
    }
}

impl TryFrom<u64> for Revenue {
    type Error = &'static str;
    fn try_from(minor: u64) -> Result<Self, Self::Error> {
        Self::new(minor).ok_or("out of range, expected less than 2^50")
    }
}

impl From<Revenue> for u64 {
    fn from(revenue: Revenue) -> Self {
        revenue.0
    }
}

/// A period ends here: uses and grants of later entries belong to the next. Signed by the operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettlementClosed {
    /// The period.
    pub period: Period,
    /// What the platform is paid on top of each pool.
    pub fee_basis_points: u16,
}

/// An amount became due under a grant, beyond what its uses have committed to. Signed by the operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PayoutAccrued {
    /// The customer.
    pub sub: SubjectId,
    /// The grant.
    pub grant: Jti,
    /// The period, which is closed and not posted.
    pub period: Period,
    /// The tenant's group of terms under which it accrued.
    pub group: u16,
    /// Currency of the amount.
    pub currency: Currency,
    /// The amount, minor units.
    pub minor: u32,
    /// How it came about.
    pub basis: Basis,
}

/// How an accrued amount came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The price of the grant, once.
    PerGrant,
    /// What tiers and minimum give beyond the price of each use.
    Tiers(OfTiers),
    /// Its part of a pool.
    Share(OfPool),
}

/// What tiers were reckoned from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfTiers {
    /// Uses of the grant in the period.
    pub uses: u32,
    /// What they have committed to, minor units.
    pub committed: u64,
    /// What the period is worth, minor units.
    pub worth: u64,
}

/// What a part of a pool was reckoned from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfPool {
    /// Uses of the grant in the period.
    pub uses: u32,
    /// Uses of all grants among which the pool was shared out.
    pub of_uses: u64,
    /// The pool, minor units.
    pub pool: u64,
}

/// What a period comes to for one group of terms and currency. Signed by the operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettlementPosted {
    /// The period, which is closed.
    pub period: Period,
    /// The tenant's group of terms.
    pub group: u16,
    /// Currency of the amounts.
    pub currency: Currency,
    /// Declared revenue, minor units; only where the group is paid a share of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revenue: Option<u64>,
    /// What its uses committed to and what accrued, minor units.
    pub pool: u64,
    /// What the platform gets, minor units.
    pub fee: u64,
}

/// A payment is ordered; it counts as under way from here until it is paid or has failed. Its end-to-end id is the event's
/// `jti` without hyphens. Signed by the operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PayoutOrdered {
    /// The customer.
    pub sub: SubjectId,
    /// Names the file in which it goes to the bank.
    pub file: Jti,
    /// Currency of the amounts.
    pub currency: Currency,
    /// What the customer's account is charged with, minor units.
    pub gross: u64,
    /// Of this, withheld as tax, minor units.
    pub withheld: u64,
    /// For which country.
    pub country: CountryCode,
}

/// The bank says that an ordered payment was made. Signed by the operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PayoutPaid {
    /// The customer.
    pub sub: SubjectId,
    /// The `jti` of the order.
    pub order: Jti,
}

/// The bank says that an ordered payment was not and will not be made. Signed by the operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PayoutFailed {
    /// The customer.
    pub sub: SubjectId,
    /// The `jti` of the order.
    pub order: Jti,
    /// The bank's code, in lower case, such as `ac04`.
    pub reason: Term,
}

/// What a posted period paid for one use or accrual is taken back. Signed by the operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PayoutReversed {
    /// The customer.
    pub sub: SubjectId,
    /// What is taken back, whole.
    pub entry: ReversedEntry,
    /// Its currency.
    pub currency: Currency,
    /// Its amount, minor units.
    pub minor: u64,
    /// Why, as a term.
    pub reason: Term,
}

/// What a reversal takes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReversedEntry {
    /// The payout of a use.
    Use(RecordedUse),
    /// An accrual, by the `jti` of its `payout.accrued`.
    Accrual(Jti),
}
