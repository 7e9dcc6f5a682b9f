//! What happens around the file's rows: who accepts which offer.

use serde::{Deserialize, Serialize};

use super::identity::GateName;
use super::offer::{KEPT_A_YEAR, Offer, PURCHASES, RESEARCH, TRENDS, WITH_BIRTH_DAY};

/// What is replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Scenario {
    /// A grant of each customer, the rows, and withdrawals.
    Plain,
    /// All that can happen to grants, on days that are over.
    WholeLife,
}

impl Scenario {
    /// What the shop offers.
    pub(super) fn offers(self) -> &'static [&'static Offer] {
        match self {
            Self::Plain => &[&PURCHASES],
            Self::WholeLife => &[&KEPT_A_YEAR, &WITH_BIRTH_DAY, &RESEARCH, &TRENDS],
        }
    }

    /// The gates that ask.
    pub(super) fn gates(self) -> &'static [GateName] {
        match self {
            Self::Plain => &[GateName::Purchases],
            Self::WholeLife => &[GateName::Purchases, GateName::Beyond],
        }
    }

    /// The gate that asks for uses beyond the rows.
    pub(super) fn beyond_gate(self) -> Option<GateName> {
        (self == Self::WholeLife).then_some(GateName::Beyond)
    }

    /// The offer under which the rows of the customer with this number are uses.
    pub(super) fn per_use(self, number: u64) -> &'static Offer {
        match self {
            Self::Plain => &PURCHASES,
            Self::WholeLife if number.is_multiple_of(2) => &WITH_BIRTH_DAY,
            Self::WholeLife => &KEPT_A_YEAR,
        }
    }

    /// What the customer with this id in the file has accepted besides.
    pub(super) fn beyond(self, id: u64) -> Option<&'static Offer> {
        match (self, id % 8) {
            (Self::WholeLife, 1) => Some(&RESEARCH),
            (Self::WholeLife, 3) => Some(&TRENDS),
            _ => None,
        }
    }

    /// Everything that a customer has accepted.
    pub(super) fn accepted_by(self, number: u64, id: u64) -> impl Iterator<Item = &'static Offer> {
        std::iter::once(self.per_use(number)).chain(self.beyond(id))
    }
}

/// A made-up birth day in the second half of the last century, days since 1900-01-01.
pub(super) fn birth_day(number: u64) -> u32 {
    let days = number.wrapping_mul(9973) % 18_000;
    18_262_u32.saturating_add(u32::try_from(days).unwrap_or_default())
}
