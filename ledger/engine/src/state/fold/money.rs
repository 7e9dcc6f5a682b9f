//! What uses, grants and events about money change: purses of customers and books of tenants.

use std::collections::btree_map::Entry;

use grantbook_plan::GrantState;
use grantbook_record::event::{Event, Money, Owner};
use grantbook_record::terms::Compensation;

use super::super::rows::Customer;
use super::super::{State, damaged};
use super::{Changes, FoldedEvent, FoldedUse};
use crate::settlement::Books;
use crate::settlement::purse::{Earned, OrderState};
use crate::store::Fault;

fn books_damaged() -> Fault {
    damaged("books")
}

impl Changes {
    /// The books of a tenant as this batch has left them so far.
    pub(crate) fn books(&self, state: &State, number: u32) -> Result<Books, Fault> {
        match self.books.get(&number) {
            Some(books) => Ok(books.clone()),
            None => state.books(number),
        }
    }

    pub(super) fn books_mut(&mut self, state: &State, number: u32) -> Result<&mut Books, Fault> {
        Ok(match self.books.entry(number) {
            Entry::Occupied(changed) => changed.into_mut(),
            Entry::Vacant(unchanged) => unchanged.insert(state.books(number)?),
        })
    }

    /// What a permitted use earns; whether the purse has changed. A use that was imported was earned in the log before.
    pub(super) fn earn(
        &mut self,
        state: &State,
        number: u32,
        used: &FoldedUse<'_>,
        grant: &GrantState,
        customer: &mut Customer,
    ) -> Result<bool, Fault> {
        let has_claim = match &grant.terms.compensation {
            Compensation::None | Compensation::Benefit(_) | Compensation::PerGrant(_) => false,
            Compensation::PerUse(price) => price.minor > 0,
            Compensation::RevenueShare(_) | Compensation::TieredPrice(_) | Compensation::TieredShare(_) => {
                true
            }
        };
        if used.imported || !has_claim {
            return Ok(false);
        }
        let books = self.books_mut(state, number)?;
        let (period, group, currency) = (books.open, grant.group, used.currency);
        // a licence pays whoever owns its asset when the use comes in
        let licensed = grant.terms.licence.as_ref().and_then(|licence| customer.state.asset(&licence.asset));
        if licensed.is_some_and(|asset| asset.owner() == Owner::Enterprise) {
            books.used_of_enterprise(group, currency, used.payout_minor).ok_or_else(books_damaged)?;
            return Ok(false);
        }
        books.used(group, currency, used.payout_minor).ok_or_else(books_damaged)?;
        let posted_through = books.posted_through();
        let is_it = |one: &&mut Earned| {
            (one.grant, one.period, one.group, one.currency) == (grant.id, period, group, currency)
        };
        if let Some(known) = customer.earned.iter_mut().find(is_it) {
            known.uses = known.uses.checked_add(1).ok_or_else(books_damaged)?;
            let committed = known.committed.checked_add(used.payout_minor.into());
            known.committed = committed.ok_or_else(books_damaged)?;
            return Ok(false);
        }
        let collected = customer.purse.collect(&mut customer.earned, posted_through);
        let committed = used.payout_minor.into();
        customer.earned.push(Earned {
            grant: grant.id,
            period,
            group,
            currency,
            uses: 1,
            committed,
            due: 0,
            accrued: None,
        });
        collected.ok_or_else(books_damaged)
    }

    /// The price of a grant that is paid once, when it is given or first amended to be; whether there is one.
    pub(super) fn earn_once(
        &mut self,
        state: &State,
        number: u32,
        (folded, group): (&FoldedEvent<'_>, u16),
        customer: &mut Customer,
    ) -> Result<bool, Fault> {
        let event = &folded.claims.event;
        let Some(Compensation::PerGrant(price)) = event.granted_terms().map(|terms| &terms.compensation)
        else {
            return Ok(false);
        };
        let grant = event.changed_grant().unwrap_or(folded.claims.jti);
        if folded.imported || price.minor == 0 || !customer.purse.once.insert(grant) {
            return Ok(false);
        }
        let books = self.books_mut(state, number)?;
        books.granted(group, price.currency, price.minor).ok_or_else(books_damaged)?;
        customer.earned.push(Earned {
            grant,
            period: books.open,
            group,
            currency: price.currency,
            uses: 0,
            committed: 0,
            due: price.minor,
            accrued: None,
        });
        Ok(true)
    }

    /// What an event about money changes in the books that is not about one customer.
    pub(super) fn money_of_tenant(
        &mut self,
        state: &State,
        number: u32,
        event: &Money,
        leaf_index: u64,
    ) -> Result<(), Fault> {
        let posted = match event {
            Money::RevenueDeclared(event) => {
                let declared = self.books_mut(state, number)?.declared(event);
                return declared.ok_or_else(books_damaged);
            }
            Money::SettlementClosed(event) => {
                let closed = self.books_mut(state, number)?.close(event, leaf_index);
                return closed.ok_or_else(books_damaged);
            }
            Money::PayoutReversed(event) => {
                let reversed = self.books_mut(state, number)?.reversed(event);
                return reversed.ok_or_else(books_damaged);
            }
            Money::SettlementPosted(event) => self.books_mut(state, number)?.post(event, leaf_index),
            Money::PayoutAccrued(_)
            | Money::PayoutOrdered(_)
            | Money::PayoutPaid(_)
            | Money::PayoutFailed(_) => return Ok(()),
        };
        if let Some(past) = posted.map_err(|_| books_damaged())? {
            self.past.insert((number, past.closed.period), past);
        }
        Ok(())
    }

    /// What an event about money changes for its customer; whether what was earned has changed.
    pub(super) fn money_of_customer(
        &mut self,
        state: &State,
        number: u32,
        folded: &FoldedEvent<'_>,
        customer: &mut Customer,
    ) -> Result<bool, Fault> {
        let (Event::Money(event), false) = (&folded.claims.event, folded.imported) else { return Ok(false) };
        let Customer { earned, purse, .. } = customer;
        match event {
            Money::PayoutAccrued(event) => {
                let accrues = earned.iter_mut().find(|one| {
                    (one.grant, one.period, one.group, one.currency)
                        == (event.grant, event.period, event.group, event.currency)
                });
                let accrues = accrues.ok_or_else(books_damaged)?;
                accrues.accrued = Some(event.minor);
                let due = accrues.due;
                self.books_mut(state, number)?.accrued(event, due).ok_or_else(books_damaged)?;
                return Ok(true);
            }
            Money::PayoutOrdered(event) => {
                let posted_through = self.books(state, number)?.posted_through();
                let collected = purse.collect(earned, posted_through).ok_or_else(books_damaged)?;
                purse.ordered(folded.claims.jti, event).ok_or_else(books_damaged)?;
                return Ok(collected);
            }
            Money::PayoutPaid(event) => {
                let order = purse.ended(&event.order, OrderState::Paid).ok_or_else(books_damaged)?;
                self.books_mut(state, number)?.paid(&order).ok_or_else(books_damaged)?;
            }
            Money::PayoutFailed(event) => {
                purse.ended(&event.order, OrderState::Failed).ok_or_else(books_damaged)?;
            }
            Money::PayoutReversed(event) => {
                let leaf = folded.linked.ok_or_else(books_damaged)?;
                purse.reverse(event, leaf).ok_or_else(books_damaged)?;
            }
            Money::RevenueDeclared(_) | Money::SettlementClosed(_) | Money::SettlementPosted(_) => {}
        }
        Ok(false)
    }
}
