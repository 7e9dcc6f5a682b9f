//! Erasure waits for the proofs (design, section 5): what the next day's proof must open may not be destroyed.

use std::collections::BTreeSet;

use grantbook_record::{Entry, Jti, Kind, LinkTarget, TenantId};
use grantbook_tlog::LeafIndex;

use super::KeptSums;
use crate::body::BodyContent;
use crate::error::ReadError;
use crate::keyring::Cases;
use crate::ledger::Inner;
use crate::state::Customer;
use crate::store::Fault;

/// Why records may not be destroyed yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unproved {
    /// An entry of a day that is not proved.
    Entry(LeafIndex),
    /// Uses whose data is kept, and ends that nobody has acknowledged: later days must show something about them.
    Open { uses: u64, ends: u64 },
}

impl Inner {
    /// What proofs of days to come must open of a customer's records: of all, or of those about the grant of one
    /// `grant.given`. `None` also where no proof policy is in use.
    pub(crate) fn unproved(
        &self,
        cases: &Cases,
        (number, tenant): (u32, TenantId),
        customer: &Customer,
        given: Option<u64>,
    ) -> Result<Option<Unproved>, Fault> {
        let Some(KeptSums { from, size, .. }) = cases.proofs.iter().find(|kept| kept.tenant == tenant) else {
            return Ok(None);
        };
        let grants =
            || customer.state.grants.iter().filter(|grant| given.is_none_or(|given| grant.given == given));
        let mut keys = BTreeSet::new();
        if given.is_none() {
            keys.insert(customer.key_id);
        }
        for grant in grants() {
            keys.extend(self.state.grant_key_id(number, grant.given)?);
        }
        let end = self.published.size();
        for key in keys {
            // an erasure itself, and what it names nobody in, lies under the tenant's key
            if let Some(leaf) = self.published.leaves_under(key, *size..end)?.into_iter().min() {
                return Ok(Some(Unproved::Entry(LeafIndex(leaf))));
            }
        }
        let is_about = |id: &Jti| grants().any(|grant| grant.id == *id);
        let mut uses = 0;
        for leaf in self.published.leaves_under(customer.key_id, *from..end)? {
            let grant = self.grant_of_use(leaf)?;
            let deleted = |grant: &Jti| customer.duties(grant).deleted_through();
            if grant
                .is_some_and(|grant| is_about(&grant) && deleted(&grant).is_none_or(|through| through < leaf))
            {
                uses += 1;
            }
        }
        let is_open = |grant: &&grantbook_plan::GrantState| {
            let duties = customer.duties(&grant.id);
            let mut recipients = duties.recipients(&grant.terms);
            duties.frame().is_some()
                && grant.status_entry >= *from
                && !recipients.any(|recipient| recipient.acknowledged.is_some())
        };
        let ends = grants().filter(is_open).count() as u64;
        Ok((uses > 0 || ends > 0).then_some(Unproved::Open { uses, ends }))
    }

    /// The grant under which a use is recorded; `None` for other entries, and for uses that name none.
    fn grant_of_use(&self, leaf: u64) -> Result<Option<Jti>, Fault> {
        let damaged = |why: &str| Fault::Damaged { what: format!("entry {leaf}"), why: why.to_owned() };
        let fault = |error| match error {
            ReadError::Store(fault) => fault,
            other => damaged(&other.to_string()),
        };
        let owned = self.published.item(leaf).map_err(fault)?;
        let entry = Entry::parse(&owned.item.entry).map_err(|_| damaged("it does not parse"))?;
        if entry.kind != Kind::UseRecorded {
            return Ok(None);
        }
        let body = self.open_body(leaf, &owned).map_err(fault)?;
        match (body.link.target == LinkTarget::NONE, body.content) {
            (false, BodyContent::Use { .. }) => {
                self.use_record(leaf, &owned).map(|used| used.grant()).map_err(fault)
            }
            _ => Ok(None),
        }
    }
}
