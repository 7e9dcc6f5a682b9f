//! What one customer has earned, is owed, and was paid.

use std::collections::BTreeSet;

use grantbook_plan::tenant::{CompensationMode, GroupTerms, Tiers};
use grantbook_record::event::{Basis, PayoutAccrued, PayoutOrdered, PayoutReversed, Period};
use grantbook_record::{CountryCode, Currency, Jti};
use serde::{Deserialize, Serialize};

use super::books::group_terms;
use super::price::worth_of_uses;

/// What one grant has earned in one period under one group of terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Earned {
    pub(crate) grant: Jti,
    pub(crate) period: Period,
    pub(crate) group: u16,
    pub(crate) currency: Currency,
    pub(crate) uses: u32,
    /// What the uses have committed to, minor units.
    pub(crate) committed: u64,
    /// The price of the grant, where it is paid once and fell into this period.
    pub(crate) due: u32,
    /// What has accrued at the period's end.
    pub(crate) accrued: Option<u32>,
}

impl Earned {
    pub(crate) fn total(&self) -> Option<u64> {
        self.committed.checked_add(self.accrued.unwrap_or(0).into())
    }

    /// What has to accrue under terms that do not depend on others; `None` for shares, and on overflow.
    pub(crate) fn own_due(&self, terms: &GroupTerms) -> Option<u64> {
        match (terms.mode, &terms.tiers) {
            (CompensationMode::RevenueShare, _) => None,
            (_, Some(Tiers::Price(price))) => {
                worth_of_uses(price, self.uses.into(), self.committed)?.checked_sub(self.committed)
            }
            _ => Some(self.due.into()),
        }
    }

    /// Whether something may have to accrue, in an entry that links to the grant.
    pub(crate) fn may_accrue(&self, groups: &[GroupTerms]) -> bool {
        let terms = group_terms(groups, self.group);
        self.due > 0
            || terms.is_none_or(|terms| terms.mode == CompensationMode::RevenueShare || terms.tiers.is_some())
    }

    /// What an accrual is checked against beside the books.
    pub(crate) fn check_accrued(
        &self,
        event: &PayoutAccrued,
        terms: &GroupTerms,
    ) -> Result<(), &'static str> {
        if self.accrued.is_some() {
            return Err("it has accrued already");
        }
        let of_share = terms.mode == CompensationMode::RevenueShare;
        let right = match event.basis {
            Basis::Share(part) => of_share && part.uses == self.uses && u64::from(event.minor) <= part.pool,
            Basis::Tiers(tiers) => {
                tiers.uses == self.uses
                    && tiers.committed == self.committed
                    && self.own_due(terms) == Some(event.minor.into())
                    && tiers.committed.checked_add(event.minor.into()) == Some(tiers.worth)
            }
            Basis::PerGrant => self.own_due(terms) == Some(event.minor.into()),
        };
        if right { Ok(()) } else { Err("the amount is not what the books say") }
    }
}

/// Where a payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// Ordered; whether the bank has it is not known. Never ordered again while it is so.
    Sent,
    /// The bank has made it.
    Paid,
    /// The bank has not made it and will not; the amount is owed again.
    Failed,
}

/// A payment to a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The `jti` of its `payout.ordered`; its end-to-end id without the hyphens.
    pub id: Jti,
    /// Its file.
    pub file: Jti,
    /// Its currency.
    pub currency: Currency,
    /// What the customer's balance was charged with, minor units.
    pub gross: u64,
    /// Of this, withheld as tax, minor units.
    pub withheld: u64,
    /// For which country.
    pub country: CountryCode,
    /// Where it stands.
    pub state: OrderState,
}

/// What one customer is owed of posted periods, and the payments made of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Purse {
    /// Owed and not ordered, minor units; below zero after a reversal of what was paid. Sorted by currency.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) balances: Vec<(Currency, i64)>,
    /// Payments, by the order in which they were ordered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) orders: Vec<Order>,
    /// Leaf indices of what was taken back.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) reversed: BTreeSet<u64>,
    /// Grants that are paid once, and whose price fell due.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) once: BTreeSet<Jti>,
}

impl Purse {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn balance(&self, currency: Currency) -> i64 {
        self.balances.iter().find(|(of, _)| *of == currency).map_or(0, |(_, balance)| *balance)
    }

    #[must_use]
    fn add(&mut self, currency: Currency, amount: i64) -> Option<()> {
        match self.balances.iter_mut().find(|(of, _)| *of == currency) {
            Some((_, balance)) => *balance = balance.checked_add(amount)?,
            None => self.balances.push((currency, amount)),
        }
        self.balances.retain(|(_, balance)| *balance != 0);
        self.balances.sort_unstable();
        Some(())
    }

    /// Moves what was earned in posted periods to what is owed; whether there was any.
    pub(crate) fn collect(&mut self, earned: &mut Vec<Earned>, posted_through: Period) -> Option<bool> {
        let before = earned.len();
        for one in earned.iter().filter(|one| one.period <= posted_through) {
            self.add(one.currency, i64::try_from(one.total()?).ok()?)?;
        }
        earned.retain(|one| one.period > posted_through);
        Some(earned.len() < before)
    }

    pub(crate) fn is_order_under_way(&self) -> bool {
        self.orders.iter().any(|order| order.state == OrderState::Sent)
    }

    pub(crate) fn sent(&self, id: &Jti) -> Option<&Order> {
        self.orders.iter().find(|order| order.id == *id && order.state == OrderState::Sent)
    }

    /// Whether an amount may be ordered, once what was earned in posted periods is collected.
    pub(crate) fn check_ordered(&self, event: &PayoutOrdered) -> Result<(), &'static str> {
        if event.gross == 0 || event.withheld > event.gross {
            return Err("there is nothing to pay");
        }
        match i64::try_from(event.gross) {
            Ok(gross) if gross <= self.balance(event.currency) => Ok(()),
            _ => Err("more is ordered than is owed"),
        }
    }

    #[must_use]
    pub(crate) fn ordered(&mut self, id: Jti, event: &PayoutOrdered) -> Option<()> {
        let PayoutOrdered { file, currency, gross, withheld, country, .. } = *event;
        self.add(currency, i64::try_from(gross).ok()?.checked_neg()?)?;
        self.orders.push(Order { id, file, currency, gross, withheld, country, state: OrderState::Sent });
        Some(())
    }

    /// Takes in what became of a payment; gives it.
    pub(crate) fn ended(&mut self, id: &Jti, state: OrderState) -> Option<Order> {
        let order =
            self.orders.iter_mut().find(|order| order.id == *id && order.state == OrderState::Sent)?;
        order.state = state;
        let order = *order;
        if state == OrderState::Failed {
            self.add(order.currency, i64::try_from(order.gross).ok()?)?;
        }
        Some(order)
    }

    #[must_use]
    pub(crate) fn reverse(&mut self, event: &PayoutReversed, leaf_index: u64) -> Option<()> {
        self.reversed.insert(leaf_index);
        self.add(event.currency, i64::try_from(event.minor).ok()?.checked_neg()?)
    }
}

/// What is to be paid of a balance: all of it, once it reaches the threshold below which a transfer costs more than it
/// brings; until then it is carried forward.
pub(crate) fn payable(balance: i64, threshold: u64) -> Option<u64> {
    u64::try_from(balance).ok().filter(|balance| *balance > 0 && *balance >= threshold)
}

#[cfg(test)]
mod tests;
