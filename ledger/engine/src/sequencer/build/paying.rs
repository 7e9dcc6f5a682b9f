//! What only the books can say of an event about money: whether it is due, and not there yet.

use grantbook_plan::{EntryRef, TenantState};
use grantbook_record::event::{Claims, Event, Money, Owner, PayoutReversed, ReversedEntry};
use grantbook_record::uses::Outcome;
use grantbook_record::{Class, Entry};

use super::super::broken;
use super::Builder;
use crate::admit::TenantFacts;
use crate::body::BodyContent;
use crate::published::OwnedItem;
use crate::settlement::Books;
use crate::settlement::books::group_terms;
use crate::state::Customer;
use crate::store::Fault;

/// Why an event is not due, or the entry that it links to beside the grant.
type Due = Result<Option<EntryRef>, &'static str>;

impl Builder<'_> {
    /// Whether an event about money is due now. What was imported changes no books, so it is not asked.
    pub(super) fn due(
        &self,
        tenant: &TenantFacts,
        claims: &Claims<Event>,
        customer: Option<&Customer>,
        imported: bool,
    ) -> Result<Due, Fault> {
        let Event::Money(event) = &claims.event else { return Ok(Ok(None)) };
        let state = &self.inner.state;
        let row = self.changes.tenant(state, tenant.number)?;
        let groups = row.state.groups.as_slice();
        let books = self.changes.books(state, tenant.number)?;
        if imported {
            return Ok(Ok(self.linked_import(tenant, event, customer)?));
        }
        let checked = match (event, customer) {
            (Money::RevenueDeclared(event), _) => books.check_declared(event, groups),
            (Money::SettlementClosed(event), _) => books.check_closed(event, groups),
            (Money::SettlementPosted(event), _) => books.check_posted(event, groups),
            (_, None) => Err("there is no such customer"),
            (Money::PayoutAccrued(event), Some(customer)) => {
                if books.closed.map(|closed| closed.period) != Some(event.period) {
                    return Ok(Err("the period is not closed, or is posted already"));
                }
                let earned = customer.earned.iter().find(|one| {
                    (one.grant, one.period, one.group, one.currency)
                        == (event.grant, event.period, event.group, event.currency)
                });
                let (Some(earned), Some(terms)) = (earned, group_terms(groups, event.group)) else {
                    return Ok(Err("nothing is due under the grant"));
                };
                if let Err(why) = earned.check_accrued(event, terms) {
                    return Ok(Err(why));
                }
                let grant = customer.state.grant(&event.grant);
                return Ok(Ok(grant.map(|grant| grant.terms_entry)));
            }
            (Money::PayoutOrdered(event), Some(customer)) => {
                let (mut earned, mut purse) = (customer.earned.clone(), customer.purse.clone());
                let collected = purse.collect(&mut earned, books.posted_through());
                collected.ok_or_else(|| broken("a balance"))?;
                purse.check_ordered(event)
            }
            (Money::PayoutPaid(event), Some(customer)) => is_sent(customer, &event.order),
            (Money::PayoutFailed(event), Some(customer)) => is_sent(customer, &event.order),
            (Money::PayoutReversed(event), Some(customer)) => {
                return self.reversible(tenant, event, customer, &books);
            }
        };
        Ok(checked.map(|()| None))
    }

    /// What an imported event links to here: its grant, or what it takes back; where that came with no archive, the enrolment of
    /// its customer.
    fn linked_import(
        &self,
        tenant: &TenantFacts,
        event: &Money,
        customer: Option<&Customer>,
    ) -> Result<Option<EntryRef>, Fault> {
        let Some(customer) = customer else { return Ok(None) };
        let leaf = match event {
            Money::PayoutAccrued(event) => {
                customer.state.grant(&event.grant).map(|grant| grant.terms_entry.leaf_index)
            }
            Money::PayoutReversed(event) => self.reversed_leaf(tenant, &event.entry)?,
            _ => return Ok(None),
        };
        let leaf = leaf.or(customer.enrolment.map(|enrolment| enrolment.leaf_index));
        leaf.map(|leaf| self.entry_at(leaf)).transpose()
    }

    /// Where the use or accrual stands that a reversal is about.
    fn reversed_leaf(&self, tenant: &TenantFacts, entry: &ReversedEntry) -> Result<Option<u64>, Fault> {
        let state = &self.inner.state;
        Ok(match entry {
            ReversedEntry::Use(used) => self.changes.use_at(state, tenant.number, (&used.gate, used.seq))?,
            ReversedEntry::Accrual(jti) => self.changes.jti(state, tenant.id, jti)?.map(|row| row.leaf_index),
        })
    }

    /// The entry that a reversal takes back: a use or an accrual of the customer, of a posted period, that was not taken back
    /// before.
    fn reversible(
        &self,
        tenant: &TenantFacts,
        event: &PayoutReversed,
        customer: &Customer,
        books: &Books,
    ) -> Result<Due, Fault> {
        let leaf = self.reversed_leaf(tenant, &event.entry)?;
        let Some(leaf) = leaf else { return Ok(Err("there is no such use or accrual")) };
        if customer.purse.reversed.contains(&leaf) {
            return Ok(Err("it was taken back already"));
        }
        let owned = match self.inner.published.item(leaf) {
            Ok(owned) if owned.owner.tenant == tenant.number => owned,
            _ => return Ok(Err("there is no such use or accrual")),
        };
        match self.paid_by(leaf, &owned, customer, books) {
            None => Ok(Err("it is not the customer's, or of a period that is not posted")),
            Some(paid) if paid != (event.currency.numeric(), event.minor) => {
                Ok(Err("the amount is not what was paid"))
            }
            Some(_) => Ok(Ok(Some(self.entry_at(leaf)?))),
        }
    }

    /// Currency and amount of a use or an accrual of the customer in a posted period.
    fn paid_by(
        &self,
        leaf: u64,
        owned: &OwnedItem,
        customer: &Customer,
        books: &Books,
    ) -> Option<(u16, u64)> {
        let entry = Entry::parse(&owned.item.entry).ok()?;
        let body = self.inner.open_body(leaf, owned).ok()?;
        let is_posted = match &body.content {
            // it was imported: the log before has settled it
            _ if body.first.is_some() => false,
            BodyContent::Use { .. } if entry.class == Class::Use => {
                let record = self.inner.use_record(leaf, owned).ok()?;
                // what was paid to the enterprise is not the customer's to give back
                matches!(record.outcome, Outcome::Permitted(_))
                    && customer.state.owner_of_use(&record, leaf) == Owner::Customer
                    && record.facts.data_subject == customer.sub
                    && leaf < books.unposted_from()
            }
            BodyContent::Event { .. } if entry.class == Class::Accrual => {
                let claims = self.inner.event_at(leaf).ok()?;
                let Event::Money(Money::PayoutAccrued(accrued)) = claims.event else { return None };
                accrued.sub == customer.sub && accrued.period <= books.posted_through()
            }
            _ => false,
        };
        let amount = match entry.class {
            Class::Use => body.openings.get(1),
            _ => body.openings.first(),
        };
        is_posted.then_some((entry.currency.numeric(), amount?.value))
    }
}

/// The group that an event's link names: of the terms that it brings, of the grant that it is `under`, or as it says itself.
pub(super) fn group_of(event: &Event, tenant: &TenantState, under: Option<u16>) -> u16 {
    match (event, event.granted_terms()) {
        (Event::Money(money), _) => money.group(),
        (_, Some(terms)) => tenant.group_to_be(terms),
        (_, None) => under.unwrap_or(0),
    }
}

fn is_sent(customer: &Customer, order: &grantbook_record::Jti) -> Result<(), &'static str> {
    customer.purse.sent(order).map(|_| ()).ok_or("no such payment is under way")
}
