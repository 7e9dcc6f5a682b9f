//! The books of one tenant: which period is open, what each group of terms has come to in it, and the accounts.
//!
//! A period is open until `settlement.closed`, then closed until the last of its lines is posted; from then on nothing
//! about it changes. `check_*` say what may come next and why not; the others take in what was admitted and give `None`
//! where it does not fit, which after a check means that the state is damaged.

use grantbook_plan::tenant::{CompensationMode, GroupTerms};
use grantbook_record::Currency;
use grantbook_record::event::{
    PayoutAccrued, PayoutReversed, Period, RevenueDeclared, SettlementClosed, SettlementPosted,
};
use serde::{Deserialize, Serialize};

use super::accounts::{Account, Accounts, PoolParts, Posting};
use super::price::{part_of, pool_of};
use super::purse::{Earned, Order, Purse};

/// The books of one tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Books {
    /// The open period.
    pub open: Period,
    /// Its first leaf index.
    pub begins: u64,
    /// The period before it, while that is closed and not posted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<ClosedPeriod>,
    /// What groups have come to in periods that are not posted; sorted.
    pub lines: Vec<Line>,
    /// The accounts.
    pub accounts: Accounts,
}

/// A period that was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosedPeriod {
    /// Its number.
    pub period: Period,
    /// What the platform is paid on top of each pool.
    pub fee_basis_points: u16,
    /// Leaf index of its first entry.
    pub begins: u64,
    /// Leaf index of its `settlement.closed`: its entries are those before.
    pub closed_at: u64,
}

/// What one group of terms has come to in one period and currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The period.
    pub period: Period,
    /// The tenant's group of terms.
    pub group: u16,
    /// The currency.
    pub currency: Currency,
    /// Uses of customers who are still known.
    pub uses: u64,
    /// What uses have committed to, minor units.
    pub committed: u64,
    /// Of this, to customers who were erased since.
    pub of_erased: u64,
    /// Of this, to the enterprise, for uses of data assets that belong to it.
    pub of_enterprise: u64,
    /// Prices of grants that have not accrued yet, minor units.
    pub due: u64,
    /// Declared revenue, minor units.
    pub revenue: Option<u64>,
    /// What has accrued, minor units.
    pub accrued: u64,
    /// What was posted.
    pub posted: Option<Posted>,
}

/// What a line was posted as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posted {
    /// Leaf index of its `settlement.posted`.
    pub leaf_index: u64,
    /// The pool, minor units.
    pub pool: u64,
    /// The platform's fee, minor units.
    pub fee: u64,
}

/// A period that was posted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastPeriod {
    /// When it was closed, and on what terms.
    pub closed: ClosedPeriod,
    /// Leaf index of the last entry about it.
    pub posted_at: u64,
    /// What its groups came to.
    pub lines: Vec<Line>,
}

impl Default for Books {
    fn default() -> Self {
        Self { open: Period(1), begins: 0, closed: None, lines: Vec::new(), accounts: Accounts::default() }
    }
}

/// What was admitted does not fit the books.
#[derive(Debug)]
pub(crate) struct Misfit;

type Key = (Period, u16, Currency);

impl Line {
    fn new((period, group, currency): Key) -> Self {
        Self {
            period,
            group,
            currency,
            uses: 0,
            committed: 0,
            of_erased: 0,
            of_enterprise: 0,
            due: 0,
            revenue: None,
            accrued: 0,
            posted: None,
        }
    }

    fn key(&self) -> Key {
        (self.period, self.group, self.currency)
    }

    /// What the group is to be paid, where that is known: for shares the part of the revenue, otherwise what its uses
    /// committed to and what accrued. Without anybody who is known a share is nobody's.
    pub fn pool(&self, terms: &GroupTerms) -> Option<u64> {
        match terms.mode {
            CompensationMode::RevenueShare if self.uses == 0 => Some(0),
            CompensationMode::RevenueShare => pool_of(terms, self.revenue?),
            _ => self.committed.checked_add(self.accrued),
        }
    }
}

impl Books {
    /// The last period that is posted; 0 before the first.
    pub fn posted_through(&self) -> Period {
        Period(self.open.0.saturating_sub(if self.closed.is_some() { 2 } else { 1 }))
    }

    /// First leaf index of what is not posted yet.
    pub(crate) fn unposted_from(&self) -> u64 {
        self.closed.map_or(self.begins, |closed| closed.begins)
    }

    pub(crate) fn line(&self, period: Period, group: u16, currency: Currency) -> Option<&Line> {
        let at = self.lines.binary_search_by_key(&(period, group, currency), Line::key).ok()?;
        self.lines.get(at)
    }

    fn known_line(&mut self, key: Key) -> Option<&mut Line> {
        let at = self.lines.binary_search_by_key(&key, Line::key).ok()?;
        self.lines.get_mut(at)
    }

    fn line_mut(&mut self, key: Key) -> Option<&mut Line> {
        let at = match self.lines.binary_search_by_key(&key, Line::key) {
            Ok(at) => at,
            Err(at) => {
                self.lines.insert(at, Line::new(key));
                at
            }
        };
        self.lines.get_mut(at)
    }

    /// A use that pays, or has a claim to a share.
    #[must_use]
    pub(crate) fn used(&mut self, group: u16, currency: Currency, payout: u32) -> Option<()> {
        let line = self.line_mut((self.open, group, currency))?;
        line.uses = line.uses.checked_add(1)?;
        line.committed = line.committed.checked_add(payout.into())?;
        Some(())
    }

    /// A use of a data asset that belongs to the enterprise.
    #[must_use]
    pub(crate) fn used_of_enterprise(&mut self, group: u16, currency: Currency, payout: u32) -> Option<()> {
        let line = self.line_mut((self.open, group, currency))?;
        line.committed = line.committed.checked_add(payout.into())?;
        line.of_enterprise = line.of_enterprise.checked_add(payout.into())?;
        Some(())
    }

    /// A grant that is paid once.
    #[must_use]
    pub(crate) fn granted(&mut self, group: u16, currency: Currency, price: u32) -> Option<()> {
        let line = self.line_mut((self.open, group, currency))?;
        line.due = line.due.checked_add(price.into())?;
        Some(())
    }

    /// A customer is erased: what is unpaid is owed to nobody who is known, what has not accrued will not.
    #[must_use]
    pub(crate) fn erased(&mut self, earned: &[Earned], purse: &Purse) -> Option<()> {
        let posted_through = self.posted_through();
        let mut posted: Vec<(Currency, i64)> = purse.balances.clone();
        for earned in earned {
            if earned.period <= posted_through {
                posted.push((earned.currency, i64::try_from(earned.total()?).ok()?));
                continue;
            }
            let line = self.known_line((earned.period, earned.group, earned.currency))?;
            line.uses = line.uses.checked_sub(earned.uses.into())?;
            line.of_erased = line.of_erased.checked_add(earned.committed)?;
            if earned.accrued.is_none() {
                line.due = line.due.checked_sub(earned.due.into())?;
            }
        }
        for (currency, balance) in posted {
            let gone = Posting::transfer(currency, Account::Customers, Account::Unclaimed, balance)?;
            self.accounts.post(&gone)?;
        }
        Some(())
    }

    pub(crate) fn check_declared(
        &self,
        event: &RevenueDeclared,
        groups: &[GroupTerms],
    ) -> Result<(), &'static str> {
        if event.period != self.open {
            return Err("revenue is declared for the open period");
        }
        let terms = group_terms(groups, event.group);
        if terms.is_none_or(|terms| terms.mode != CompensationMode::RevenueShare) {
            return Err("the group is paid no share of revenue");
        }
        match self.line(event.period, event.group, event.currency) {
            Some(line) if line.revenue.is_some() => Err("the revenue was declared already"),
            _ => Ok(()),
        }
    }

    #[must_use]
    pub(crate) fn declared(&mut self, event: &RevenueDeclared) -> Option<()> {
        self.line_mut((event.period, event.group, event.currency))?.revenue = Some(event.minor.get());
        Some(())
    }

    pub(crate) fn check_closed(
        &self,
        event: &SettlementClosed,
        groups: &[GroupTerms],
    ) -> Result<(), &'static str> {
        if event.period != self.open || self.closed.is_some() {
            return Err("the period is not the open one, or the one before is not posted yet");
        }
        if event.fee_basis_points > 10_000 {
            return Err("the fee is more than the pool");
        }
        if self.lines.is_empty() {
            return Err("nothing is due");
        }
        let undeclared = self.lines.iter().any(|line| match group_terms(groups, line.group) {
            Some(terms) => line.pool(terms).is_none(),
            None => true,
        });
        if undeclared { Err("a group is paid a share of revenue that was not declared") } else { Ok(()) }
    }

    #[must_use]
    pub(crate) fn close(&mut self, event: &SettlementClosed, leaf_index: u64) -> Option<()> {
        let SettlementClosed { period, fee_basis_points } = *event;
        self.closed =
            Some(ClosedPeriod { period, fee_basis_points, begins: self.begins, closed_at: leaf_index });
        self.open = Period(period.0.checked_add(1)?);
        self.begins = leaf_index;
        Some(())
    }

    #[must_use]
    pub(crate) fn accrued(&mut self, event: &PayoutAccrued, due: u32) -> Option<()> {
        let line = self.known_line((event.period, event.group, event.currency))?;
        line.accrued = line.accrued.checked_add(event.minor.into())?;
        line.due = line.due.checked_sub(due.into())?;
        Some(())
    }

    pub(crate) fn check_posted(
        &self,
        event: &SettlementPosted,
        groups: &[GroupTerms],
    ) -> Result<(), &'static str> {
        let closed = self.closed.filter(|closed| closed.period == event.period);
        let closed = closed.ok_or("the period is not closed, or is posted already")?;
        let line =
            self.line(event.period, event.group, event.currency).ok_or("nothing is due to the group")?;
        let terms = group_terms(groups, event.group).ok_or("there is no such group")?;
        if line.posted.is_some() {
            return Err("the group is posted already");
        }
        let pool = line.pool(terms).ok_or("the pool is not known")?;
        let shared_out = terms.mode != CompensationMode::RevenueShare || line.accrued == pool;
        if line.due != 0 || !shared_out {
            return Err("not all that is due has accrued");
        }
        let fee = part_of(pool, closed.fee_basis_points);
        if event.revenue != line.revenue || event.pool != pool || Some(event.fee) != fee {
            return Err("revenue, pool and fee are not those of the books");
        }
        Ok(())
    }

    /// Posts a line; gives the period, which leaves the books, if that was its last.
    pub(crate) fn post(
        &mut self,
        event: &SettlementPosted,
        leaf_index: u64,
    ) -> Result<Option<PastPeriod>, Misfit> {
        let SettlementPosted { period, group, currency, pool, fee, .. } = *event;
        let line = self.known_line((period, group, currency)).ok_or(Misfit)?;
        line.posted = Some(Posted { leaf_index, pool, fee });
        let parts = PoolParts { of_erased: line.of_erased, of_enterprise: line.of_enterprise };
        let posting = Posting::pool(currency, pool, parts, fee).ok_or(Misfit)?;
        self.accounts.post(&posting).ok_or(Misfit)?;
        if self.lines.iter().any(|line| line.period == period && line.posted.is_none()) {
            return Ok(None);
        }
        let closed = self.closed.take().ok_or(Misfit)?;
        let (lines, left) =
            std::mem::take(&mut self.lines).into_iter().partition(|line| line.period == period);
        self.lines = left;
        Ok(Some(PastPeriod { closed, posted_at: leaf_index, lines }))
    }

    #[must_use]
    pub(crate) fn paid(&mut self, order: &Order) -> Option<()> {
        self.accounts.post(&Posting::payment(order.currency, order.gross, order.withheld, order.country)?)
    }

    /// A reversal is a posting of its own, now; what it takes back stays as it was posted.
    #[must_use]
    pub(crate) fn reversed(&mut self, event: &PayoutReversed) -> Option<()> {
        let amount = i64::try_from(event.minor).ok()?;
        let back = Posting::transfer(event.currency, Account::Customers, Account::Enterprise, amount)?;
        self.accounts.post(&back)
    }
}

/// The terms of a tenant's group.
pub(crate) fn group_terms(groups: &[GroupTerms], group: u16) -> Option<&GroupTerms> {
    groups.get(usize::from(group).checked_sub(1)?)
}

#[cfg(test)]
mod tests;
