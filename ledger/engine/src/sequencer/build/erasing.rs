//! What may be destroyed: the data key of a customer without grants in force, or of one grant that has ended.

use grantbook_plan::CustomerState;
use grantbook_record::Jti;
use grantbook_record::day::UnixSeconds;
use grantbook_record::event::SubjectErased;

use super::super::broken;
use super::Builder;
use crate::admit::TenantFacts;
use crate::error::ReadError;
use crate::settlement::purse::Earned;
use crate::store::Fault;

impl Builder<'_> {
    /// Whether a data key may be destroyed now, and if not, why.
    pub(super) fn erasable(
        &self,
        tenant: &TenantFacts,
        erased: &SubjectErased,
    ) -> Result<Result<(), &'static str>, Fault> {
        let state = &self.inner.state;
        let key = match self.changes.key(state, erased.data_key) {
            Ok(key) => key,
            Err(ReadError::Erased) => return Ok(Err("there is no such data key")),
            Err(ReadError::Store(fault)) => return Err(fault),
            Err(_) => return Err(broken("a data key does not open")),
        };
        let sub = key.sub.as_ref().filter(|_| key.tenant == tenant.number);
        let Some(sub) = sub else { return Ok(Err("the data key is no customer's of this tenant")) };
        let customer = self.changes.customer(state, state.customer_key(tenant.id, sub))?;
        let Some(customer) = customer else { return Ok(Err("there is no such customer")) };
        let why_not = match &key.grant {
            Some(grant) => {
                let posted_through = self.changes.books(state, tenant.number)?.posted_through();
                let row = self.changes.tenant(state, tenant.number)?;
                let waits = |one: &Earned| {
                    one.grant == *grant && one.period > posted_through && one.may_accrue(&row.state.groups)
                };
                if customer.earned.iter().any(waits) {
                    Some("what accrues under it is not settled yet, expected its period to be posted")
                } else {
                    why_not_to_shred(&customer.state, grant, erased.given, self.now)
                }
            }
            None if erased.given.is_some() => Some("the data key is no grant's"),
            None if customer.key_id != erased.data_key => {
                Some("the data key is not the customer's present one")
            }
            None if customer.state.grants.iter().any(|grant| !grant.status.is_ended()) => {
                Some("a grant is still in force, expected all of them withdrawn")
            }
            None if customer.purse.is_order_under_way() => {
                Some("a payment to the customer is under way, expected it paid or failed")
            }
            None if self.changes.books(state, tenant.number)?.closed.is_some() => {
                Some("a settlement is under way, expected its period to be posted")
            }
            None => None,
        };
        if let Some(why) = why_not {
            return Ok(Err(why));
        }
        let cases = self.inner.keyring.cases()?;
        if cases.holds.iter().any(|hold| hold.tenant == tenant.id && hold.sub == *sub) {
            return Ok(Err("a legal hold is on the customer"));
        }
        let is_theirs =
            |key_id| self.changes.key(state, key_id).is_ok_and(|key| key.sub.as_ref() == Some(sub));
        let is_proved = cases.proofs.iter().any(|kept| kept.tenant == tenant.id);
        let in_batch = is_proved && self.items.iter().any(|owned| is_theirs(owned.owner.key_id));
        let unproved = self.inner.unproved(&cases, (tenant.number, tenant.id), &customer, erased.given)?;
        if in_batch || unproved.is_some() {
            return Ok(Err("proofs of days to come need what lies under the data key"));
        }
        Ok(Ok(()))
    }
}

fn why_not_to_shred(
    customer: &CustomerState,
    grant: &Jti,
    given: Option<u64>,
    now: UnixSeconds,
) -> Option<&'static str> {
    let Some(grant) = customer.grant(grant) else { return Some("there is no such grant") };
    if given != Some(grant.given) {
        return Some("it names another entry than that of the data key's grant");
    }
    if grant.is_in_force(now) {
        return Some("the grant is still in force, expected it to have ended");
    }
    // an asset needs the consent that it was derived under, and says whom its licences paid
    let is_source = customer.assets.iter().any(|asset| asset.issued.derived_from.contains(&grant.id));
    if is_source || grant.terms.licence.is_some() {
        return Some("an asset was derived or licensed under the grant");
    }
    // who reads the log from its start learns from this one alone that the other has ended
    let superseded = grant.terms.supersedes;
    if superseded.is_some_and(|superseded| customer.grant(&superseded).is_some()) {
        return Some("the grant that it superseded is still there, expected that one to go first");
    }
    None
}
