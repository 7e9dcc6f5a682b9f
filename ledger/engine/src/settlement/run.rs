//! Settling: closing a period, letting accrue what is due, posting; ordering payments and taking in what became of them.
//!
//! Every step is an event through the one write path, checked there against the books. A run that was cut off anywhere is
//! taken up by the next: what has accrued, was posted or was ordered is not due any more.

use std::collections::BTreeMap;
use std::sync::Mutex;

use grantbook_plan::tenant::{CompensationMode, GroupTerms};
use grantbook_record::event::{
    Basis, Claims, Event, Money, OfPool, OfTiers, PayoutAccrued, PayoutFailed, PayoutOrdered, PayoutPaid,
    PayoutReversed, Period, RecordedUse, ReversedEntry, SettlementClosed, SettlementPosted,
};
use grantbook_record::{CountryCode, Currency, DataDay, Envelope, Jti, SubjectId, TenantId, Term};
use grantbook_tlog::LeafIndex;
use serde::Serialize;

use super::books::{ClosedPeriod, group_terms};
use super::price::part_of;
use super::purse::{Earned, Purse, payable};
use super::{Books, Claim, Line, Order, OrderState, PastPeriod, Withholding, apportion};
use crate::error::{AppendError, ReadError};
use crate::ledger::{Appended, Ledger};
use crate::reads::UseRow;
use crate::state::Customer;
use crate::store::Fault;

/// Events that are signed and appended at the same time, so that they share batches.
const AT_ONCE: usize = 32;

/// Why a settlement stops.
#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    /// An event was not admitted.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The books or a customer cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A group is paid a share of revenue that was not declared.
    #[error("group {group} is paid a share of revenue in {}, expected revenue.declared for period {period}", currency.code())]
    RevenueNotDeclared {
        /// The period.
        period: Period,
        /// The tenant's group of terms.
        group: u16,
        /// The currency.
        currency: Currency,
    },
    /// An amount that no commitment can hold.
    #[error("an amount under one grant is 2^32 minor units or more, expected less")]
    TooLarge,
}

impl From<Fault> for SettleError {
    fn from(fault: Fault) -> Self {
        Self::Read(fault.into())
    }
}

/// What a run of [`Ledger::settle`] has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// The period that is now posted; `None` where nothing was due.
    pub period: Option<PastPeriod>,
    /// Accruals that this run has appended.
    pub accruals: u64,
}

/// On what terms payments are ordered.
#[derive(Debug, Clone)]
pub struct PayoutRules {
    /// Balances below this many minor units are carried forward; currencies that are not named, below
    /// [`PayoutRules::THRESHOLD`].
    pub thresholds: BTreeMap<Currency, u64>,
    /// What is withheld.
    pub withholding: Withholding,
    /// The day of payment, for which tax is withheld.
    pub day: DataDay,
}

impl PayoutRules {
    /// Ten of most currencies' major units: about what a transfer costs.
    pub const THRESHOLD: u64 = 1000;
}

/// What came of the wish to pay a customer in one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ordered {
    /// In the file.
    Order(Order),
    /// Below the threshold: carried forward.
    Carried {
        /// The currency.
        currency: Currency,
        /// What is owed, minor units.
        balance: i64,
    },
    /// The table does not say what is to be withheld: carried forward.
    NoRule {
        /// The country.
        country: CountryCode,
    },
}

/// What one customer is owed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Owed {
    /// Of posted periods, not ordered; minor units.
    pub balances: Vec<(Currency, i64)>,
    /// Of periods that are not posted, as far as it is known yet; minor units.
    pub pending: Vec<(Currency, u64)>,
    /// Payments.
    pub orders: Vec<Order>,
}

/// An accrual that is due.
struct Due {
    sub: SubjectId,
    grant: Jti,
    group: u16,
    currency: Currency,
    minor: u32,
    basis: Basis,
}

/// One grant's claim to a share.
struct Claimant {
    sub: SubjectId,
    grant: Jti,
    claim: Claim,
    accrued: bool,
}

impl Ledger {
    /// The books of a tenant.
    pub fn books(&self, tenant: TenantId) -> Result<Books, ReadError> {
        Ok(self.inner.state.books(self.inner.number(tenant)?)?)
    }

    /// A tenant's posted periods after one, by rising number.
    pub fn settlements(
        &self,
        tenant: TenantId,
        after: Option<Period>,
        limit: usize,
    ) -> Result<Vec<PastPeriod>, ReadError> {
        Ok(self.inner.state.past_periods(self.inner.number(tenant)?, after, limit)?)
    }

    /// Closes the open period, lets accrue what is due, and posts it; or finishes what an earlier run has begun. Where
    /// nothing is due, nothing is done.
    pub fn settle(&self, tenant: TenantId, fee_basis_points: u16) -> Result<Settled, SettleError> {
        let number = self.inner.number(tenant)?;
        let groups = self.inner.state.tenant(number)?.state.groups.clone();
        let books = self.books(tenant)?;
        let closed = match books.closed {
            Some(closed) => closed,
            None if books.lines.is_empty() => return Ok(Settled { period: None, accruals: 0 }),
            None => {
                check_declared(&books, &groups)?;
                let event = SettlementClosed { period: books.open, fee_basis_points };
                self.append_money(tenant, Money::SettlementClosed(event))?;
                let closed = self.books(tenant)?.closed;
                closed.ok_or_else(|| ReadError::Damaged("books".to_owned()))?
            }
        };
        let books = self.books(tenant)?;
        let lines: Vec<Line> = books.lines.into_iter().filter(|line| line.period == closed.period).collect();
        let due = self.all_due(number, closed.period, &lines, &groups)?;
        let accruals = due.len() as u64;
        self.append_all(tenant, due.into_iter().map(|due| due.event(closed.period)).collect())?;
        let lines = self.books(tenant)?.lines;
        let mut posts = Vec::new();
        for line in lines.iter().filter(|line| line.period == closed.period && line.posted.is_none()) {
            posts.push(posting(line, &closed, &groups).ok_or(SettleError::TooLarge)?);
        }
        // one after another: the last one of them ends the period
        for post in posts {
            self.append_money(tenant, Money::SettlementPosted(post))?;
        }
        let before = Period(closed.period.0.saturating_sub(1));
        let period = self.settlements(tenant, Some(before), 1)?.pop();
        Ok(Settled { period, accruals })
    }

    /// Everything that has to accrue in a closed period and has not.
    fn all_due(
        &self,
        number: u32,
        period: Period,
        lines: &[Line],
        groups: &[GroupTerms],
    ) -> Result<Vec<Due>, SettleError> {
        loop {
            let mut due = Vec::new();
            let mut claimants: BTreeMap<(u16, Currency), Vec<Claimant>> = BTreeMap::new();
            let mut too_large = false;
            let complete = self.each_purse(number, &mut |customer| {
                for earned in customer.earned.iter().filter(|earned| earned.period == period) {
                    let Some(terms) = group_terms(groups, earned.group) else { continue };
                    if terms.mode == CompensationMode::RevenueShare {
                        let given = customer.state.grant(&earned.grant).map_or(u64::MAX, |grant| grant.given);
                        claimants.entry((earned.group, earned.currency)).or_default().push(Claimant {
                            sub: customer.sub.clone(),
                            grant: earned.grant,
                            claim: Claim { weight: earned.uses, rank: given },
                            accrued: earned.accrued.is_some(),
                        });
                    } else if earned.accrued.is_none() {
                        match own_due(&customer, earned, terms) {
                            Ok(one) => due.extend(one),
                            Err(_) => too_large = true,
                        }
                    }
                }
                Ok(())
            })?;
            // a new key epoch gave the customers other names meanwhile
            if !complete {
                continue;
            }
            if too_large {
                return Err(SettleError::TooLarge);
            }
            for ((group, currency), claimants) in claimants {
                let pool = lines
                    .iter()
                    .find(|line| (line.group, line.currency) == (group, currency))
                    .and_then(|line| line.pool(group_terms(groups, group)?))
                    .ok_or(SettleError::RevenueNotDeclared { period, group, currency })?;
                due.extend(shares((group, currency), pool, claimants).ok_or(SettleError::TooLarge)?);
            }
            return Ok(due);
        }
    }

    /// Goes over a tenant's customers with all that is theirs; whether it came to the end.
    fn each_purse(
        &self,
        number: u32,
        take: &mut dyn FnMut(Customer) -> Result<(), Fault>,
    ) -> Result<bool, Fault> {
        self.inner.state.each_customer(&mut |customer| match self.inner.state.data_key(customer.key_id) {
            Ok(key) if key.tenant == number => take(customer),
            Ok(_) | Err(ReadError::Erased) => Ok(()),
            Err(ReadError::Store(fault)) => Err(fault),
            Err(error) => {
                Err(Fault::Damaged { what: "a customer's data key".to_owned(), why: error.to_string() })
            }
        })
    }

    /// Orders payments of what customers are owed, in one file. The same file again gives the same orders, and adds what
    /// was not ordered yet.
    pub fn order_payouts(
        &self,
        tenant: TenantId,
        file: Jti,
        payees: &[(SubjectId, CountryCode)],
        rules: &PayoutRules,
    ) -> Result<Vec<(SubjectId, Ordered)>, SettleError> {
        let mut wishes = Vec::new();
        let mut carried = Vec::new();
        for (sub, country) in payees {
            let purse = self.collected(tenant, sub)?;
            for (currency, balance) in &purse.balances {
                let threshold = rules.thresholds.get(currency).copied().unwrap_or(PayoutRules::THRESHOLD);
                let Some(gross) = payable(*balance, threshold) else {
                    let carry = Ordered::Carried { currency: *currency, balance: *balance };
                    carried.push((sub.clone(), carry));
                    continue;
                };
                let Some(withheld) = rules.withholding.withheld(*country, rules.day, gross) else {
                    carried.push((sub.clone(), Ordered::NoRule { country: *country }));
                    continue;
                };
                wishes.push(Money::PayoutOrdered(PayoutOrdered {
                    sub: sub.clone(),
                    file,
                    currency: *currency,
                    gross,
                    withheld,
                    country: *country,
                }));
            }
        }
        self.append_all(tenant, wishes)?;
        let mut ordered = Vec::new();
        for (sub, _) in payees {
            let orders = self.collected(tenant, sub)?.orders;
            let of_file = orders.into_iter().filter(|order| order.file == file);
            ordered.extend(of_file.map(|order| (sub.clone(), Ordered::Order(order))));
        }
        ordered.extend(carried);
        Ok(ordered)
    }

    /// A tenant's payments: of one file, or all that are in a state.
    pub fn orders(
        &self,
        tenant: TenantId,
        wanted: impl Fn(&Order) -> bool,
    ) -> Result<Vec<(SubjectId, Order)>, ReadError> {
        let number = self.inner.number(tenant)?;
        loop {
            let mut found = Vec::new();
            let complete = self.each_purse(number, &mut |customer| {
                let orders = customer.purse.orders.iter().filter(|order| wanted(order));
                found.extend(orders.map(|order| (customer.sub.clone(), *order)));
                Ok(())
            })?;
            if complete {
                found.sort_by_key(|(_, order)| order.id);
                return Ok(found);
            }
        }
    }

    /// Takes in the bank's final word on a payment. The same word again changes nothing; a word against an earlier one is
    /// refused, for a person to look into. Gives whether it was new.
    pub fn payment_ended(
        &self,
        tenant: TenantId,
        order: Jti,
        failed: Option<Term>,
    ) -> Result<bool, SettleError> {
        let leaf = self.find_event(tenant, &order).ok_or(ReadError::NotFound)?;
        let Event::Money(Money::PayoutOrdered(PayoutOrdered { sub, .. })) =
            self.inner.event_at(leaf.0)?.event
        else {
            return Err(ReadError::NotFound.into());
        };
        let state = if failed.is_some() { OrderState::Failed } else { OrderState::Paid };
        let known = self.collected(tenant, &sub)?.orders.into_iter().find(|known| known.id == order);
        if known.is_some_and(|known| known.state == state) {
            return Ok(false);
        }
        let event = match failed {
            None => Money::PayoutPaid(PayoutPaid { sub, order }),
            Some(reason) => Money::PayoutFailed(PayoutFailed { sub, order, reason }),
        };
        self.append_money(tenant, event)?;
        Ok(true)
    }

    /// Takes back what a posted period paid for the use or accrual of one entry: a posting of its own, in the period that is
    /// open.
    pub fn reverse_payout(
        &self,
        tenant: TenantId,
        entry: LeafIndex,
        reason: Term,
    ) -> Result<Appended, SettleError> {
        let number = self.inner.number(tenant)?;
        if self.inner.published.item(entry.0)?.owner.tenant != number {
            return Err(ReadError::NotFound.into());
        }
        let event = if let Some(row) = self.use_row_at(entry)? {
            let UseRow { record, payout_minor, currency, .. } = row;
            let entry = ReversedEntry::Use(RecordedUse { gate: record.gate, seq: record.seq });
            let sub = record.facts.data_subject;
            PayoutReversed { sub, entry, currency, minor: payout_minor, reason }
        } else {
            let claims = self.inner.event_at(entry.0)?;
            let Event::Money(Money::PayoutAccrued(accrued)) = claims.event else {
                return Err(ReadError::NotFound.into());
            };
            let PayoutAccrued { sub, currency, minor, .. } = accrued;
            let entry = ReversedEntry::Accrual(claims.jti);
            PayoutReversed { sub, entry, currency, minor: minor.into(), reason }
        };
        Ok(self.append_money(tenant, Money::PayoutReversed(event))?)
    }

    /// What a customer is owed.
    pub fn owed(&self, tenant: TenantId, sub: &SubjectId) -> Result<Owed, ReadError> {
        let number = self.inner.number(tenant)?;
        let posted_through = self.inner.state.books(number)?.posted_through();
        let Some(customer) = self.inner.state.customer(self.inner.state.customer_key(tenant, sub))? else {
            return Err(ReadError::NotFound);
        };
        let (mut earned, mut purse) = (customer.earned.clone(), customer.purse.clone());
        let damaged = || ReadError::Damaged("balance".to_owned());
        purse.collect(&mut earned, posted_through).ok_or_else(damaged)?;
        let mut pending: BTreeMap<Currency, u64> = BTreeMap::new();
        for one in &earned {
            let sum = pending.entry(one.currency).or_default();
            *sum = one.total().and_then(|total| sum.checked_add(total)).ok_or_else(damaged)?;
        }
        Ok(Owed { balances: purse.balances, pending: pending.into_iter().collect(), orders: purse.orders })
    }

    fn collected(&self, tenant: TenantId, sub: &SubjectId) -> Result<Purse, ReadError> {
        match self.owed(tenant, sub) {
            Ok(Owed { balances, orders, .. }) => Ok(Purse { balances, orders, ..Purse::default() }),
            Err(ReadError::NotFound) => Ok(Purse::default()),
            Err(error) => Err(error),
        }
    }

    fn append_money(&self, tenant: TenantId, event: Money) -> Result<Appended, AppendError> {
        let jti = Jti::new(self.inner.clock.now(), crate::random::bytes());
        let kind = event.kind();
        let payload = match event {
            Money::RevenueDeclared(event) => Claims::new(tenant, jti, event).to_json(),
            Money::PayoutAccrued(event) => Claims::new(tenant, jti, event).to_json(),
            Money::SettlementPosted(event) => Claims::new(tenant, jti, event).to_json(),
            Money::PayoutPaid(event) => Claims::new(tenant, jti, event).to_json(),
            Money::PayoutFailed(event) => Claims::new(tenant, jti, event).to_json(),
            Money::PayoutReversed(event) => Claims::new(tenant, jti, event).to_json(),
            Money::SettlementClosed(event) => Claims::new(tenant, jti, event).to_json(),
            Money::PayoutOrdered(event) => Claims::new(tenant, jti, event).to_json(),
        };
        self.append(tenant, &Envelope::sign(kind, &payload, &[&self.inner.keyring.operator]))
    }

    /// Appends events that do not depend on each other, so many at a time that batches fill.
    fn append_all(&self, tenant: TenantId, events: Vec<Money>) -> Result<(), AppendError> {
        let threads = AT_ONCE.min(events.len());
        let left = Mutex::new(events.into_iter());
        let next = || left.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next();
        let work = || {
            while let Some(event) = next() {
                self.append_money(tenant, event)?;
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            let ended = threads.into_iter().map(|thread| thread.join().unwrap_or(Err(AppendError::Stopped)));
            ended.fold(Ok(()), Result::and)
        })
    }
}

impl Due {
    fn event(self, period: Period) -> Money {
        let Self { sub, grant, group, currency, minor, basis } = self;
        Money::PayoutAccrued(PayoutAccrued { sub, grant, period, group, currency, minor, basis })
    }
}

fn check_declared(books: &Books, groups: &[GroupTerms]) -> Result<(), SettleError> {
    for line in &books.lines {
        let terms = group_terms(groups, line.group);
        if terms.is_some_and(|terms| line.pool(terms).is_none()) {
            let Line { period, group, currency, .. } = *line;
            return Err(SettleError::RevenueNotDeclared { period, group, currency });
        }
    }
    Ok(())
}

/// What has to accrue under terms that do not depend on other customers, if anything.
fn own_due(customer: &Customer, earned: &Earned, terms: &GroupTerms) -> Result<Option<Due>, SettleError> {
    let minor = earned.own_due(terms).and_then(|minor| u32::try_from(minor).ok());
    let minor = minor.ok_or(SettleError::TooLarge)?;
    if minor == 0 {
        return Ok(None);
    }
    let basis = if earned.due > 0 {
        Basis::PerGrant
    } else {
        let worth = earned.committed.checked_add(minor.into()).ok_or(SettleError::TooLarge)?;
        Basis::Tiers(OfTiers { uses: earned.uses, committed: earned.committed, worth })
    };
    let Earned { grant, group, currency, .. } = *earned;
    Ok(Some(Due { sub: customer.sub.clone(), grant, group, currency, minor, basis }))
}

/// The parts of a pool that have not accrued. All claims are looked at, so that a run that was cut off goes on with the
/// same parts.
fn shares((group, currency): (u16, Currency), pool: u64, claimants: Vec<Claimant>) -> Option<Vec<Due>> {
    let claims: Vec<Claim> = claimants.iter().map(|claimant| claimant.claim).collect();
    let of_uses = claims.iter().map(|claim| u64::from(claim.weight)).sum();
    let parts = apportion(pool, &claims)?;
    let mut due = Vec::new();
    for (claimant, part) in claimants.into_iter().zip(parts) {
        if claimant.accrued || part == 0 {
            continue;
        }
        let Claimant { sub, grant, claim, .. } = claimant;
        let basis = Basis::Share(OfPool { uses: claim.weight, of_uses, pool });
        due.push(Due { sub, grant, group, currency, minor: u32::try_from(part).ok()?, basis });
    }
    Some(due)
}

fn posting(line: &Line, closed: &ClosedPeriod, groups: &[GroupTerms]) -> Option<SettlementPosted> {
    let pool = line.pool(group_terms(groups, line.group)?)?;
    let fee = part_of(pool, closed.fee_basis_points)?;
    let Line { period, group, currency, revenue, .. } = *line;
    Some(SettlementPosted { period, group, currency, revenue, pool, fee })
}
