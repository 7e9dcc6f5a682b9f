//! What only the ledger can say of an event of a customer: of an acknowledgement and of a deletion which entry it is about,
//! and that it is not there yet; of one about a data asset whether the asset lets it be.

use grantbook_plan::{EntryRef, Refusal};
use grantbook_record::encoding::Bytes32;
use grantbook_record::event::{Claims, DataDeleted, Event, RecipientAcknowledged};
use grantbook_record::uses::Outcome;
use grantbook_record::{Jti, TenantId};
use grantbook_tlog::leaf_hash;

use super::Builder;
use crate::admit::TenantFacts;
use crate::error::ReadError;
use crate::state::Customer;
use crate::store::Fault;

impl Builder<'_> {
    /// The entry that an acknowledgement or a deletion is about, which it links to, or why an event is not admitted; `None`
    /// for every other event. What was `imported` stands as the ledger before admitted it.
    pub(super) fn owed(
        &self,
        tenant: &TenantFacts,
        claims: &Claims<Event>,
        customer: Option<&Customer>,
        imported: bool,
    ) -> Result<Result<Option<EntryRef>, Refusal>, Fault> {
        let Some(customer) = customer else { return Ok(Ok(None)) };
        if let (false, Err(refusal)) = (imported, self.check_asset(&claims.event, customer)) {
            return Ok(Err(refusal));
        }
        let target = match &claims.event {
            Event::RecipientAcknowledged(event) => self.acknowledged(tenant.id, event, customer, imported)?,
            Event::DataDeleted(event) => self.deleted(tenant, event, customer)?,
            _ => return Ok(Ok(None)),
        };
        match target {
            Ok(leaf) => Ok(Ok(Some(self.entry_at(leaf)?))),
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    fn acknowledged(
        &self,
        tenant: TenantId,
        event: &RecipientAcknowledged,
        customer: &Customer,
        imported: bool,
    ) -> Result<Result<u64, Refusal>, Fault> {
        let Some(grant) = customer.state.grant(&event.grant) else { return Ok(Err(Refusal::NoSuchGrant)) };
        let ended = self.changes.jti(&self.inner.state, tenant, &event.ended)?;
        if ended.map(|row| row.leaf_index) != Some(grant.status_entry) {
            return Ok(Err(Refusal::NoSuchEnd));
        }
        let checked = customer.duties(&grant.id).check_acknowledgement(&event.recipient, &grant.terms);
        Ok(match checked {
            // this ledger may have noted the same by itself meanwhile
            Err(Refusal::AlreadyAcknowledged) if imported => Ok(grant.status_entry),
            checked => checked.map(|()| grant.status_entry),
        })
    }

    fn deleted(
        &self,
        tenant: &TenantFacts,
        event: &DataDeleted,
        customer: &Customer,
    ) -> Result<Result<u64, Refusal>, Fault> {
        let through = (&event.through.gate, event.through.seq);
        let Some(leaf) = self.changes.use_at(&self.inner.state, tenant.number, through)? else {
            return Ok(Err(Refusal::NoSuchUse));
        };
        if !self.is_use_of(leaf, tenant.number, event.grant)? {
            return Ok(Err(Refusal::NoSuchUse));
        }
        Ok(customer.duties(&event.grant).check_deletion(leaf).map(|()| leaf))
    }

    /// Whether an entry is a permitted use of this grant.
    fn is_use_of(&self, leaf: u64, tenant: u32, grant: Jti) -> Result<bool, Fault> {
        let record = match self.item_at(leaf) {
            Some(owned) => self.inner.use_record(leaf, owned),
            None => self.inner.published.item(leaf).and_then(|owned| {
                if owned.owner.tenant != tenant {
                    return Err(ReadError::NotFound);
                }
                self.inner.use_record(leaf, &owned)
            }),
        };
        match record {
            Ok(record) => {
                Ok(matches!(record.outcome, Outcome::Permitted(permitted) if permitted.grant == grant))
            }
            Err(ReadError::NotFound | ReadError::Erased) => Ok(false),
            Err(error) => Err(read_fault(leaf, error)),
        }
    }

    /// An entry of the log or of this batch.
    pub(super) fn entry_at(&self, leaf: u64) -> Result<EntryRef, Fault> {
        let hash = if let Some(owned) = self.item_at(leaf) {
            leaf_hash(&owned.item.entry)
        } else {
            let owned = self.inner.published.item(leaf).map_err(|error| read_fault(leaf, error))?;
            leaf_hash(&owned.item.entry)
        };
        Ok(EntryRef { leaf_index: leaf, leaf_hash: Bytes32(hash.0) })
    }

    fn item_at(&self, leaf: u64) -> Option<&crate::published::OwnedItem> {
        self.items.get(usize::try_from(leaf.checked_sub(self.first)?).ok()?)
    }
}

fn read_fault(leaf: u64, error: ReadError) -> Fault {
    match error {
        ReadError::Store(fault) => fault,
        other => Fault::Damaged { what: format!("entry {leaf}"), why: other.to_string() },
    }
}
