//! What events and uses make owed: acknowledgements of a grant's end, and deletions.

use grantbook_plan::GrantState;
use grantbook_record::event::Event;
use grantbook_record::{GateId, TenantId};

use super::super::rows::{self, Customer};
use super::super::{State, damaged};
use super::{Changes, FoldedEvent, FoldedUse, imported_name};
use crate::store::Fault;

impl Changes {
    /// What is owed because of an event that the customer's state has taken in; whether that changed.
    pub(super) fn owe(
        &mut self,
        state: &State,
        (number, tenant, origin): (u32, TenantId, &str),
        folded: &FoldedEvent<'_>,
        customer: &mut Customer,
        key_id: u64,
    ) -> Result<bool, Fault> {
        let event = &folded.claims.event;
        let Some(grant) = event.changed_grant().and_then(|id| customer.state.grant(&id)) else {
            return Ok(false);
        };
        let ending = rows::ending_key(number, grant.status_entry);
        match event {
            Event::GrantWithdrawn(_) | Event::GrantRevoked(_) => {
                // that of this very event, which is fed next
                let frame = self.tenant(state, number)?.chain(origin, tenant).position;
                customer.duties.entry(grant.id).or_default().ended(frame);
                self.rows.push((ending, Some(key_id.to_be_bytes().to_vec())));
                self.endings += 1;
            }
            Event::RecipientAcknowledged(event) => {
                let duties = customer.duties.entry(grant.id).or_default();
                duties.acknowledged(&event.recipient, folded.admitted.entry.leaf_index);
                if !duties.is_open(&grant.terms) {
                    self.rows.push((ending, None));
                }
            }
            Event::DataDeleted(_) => {
                let through = folded.linked.ok_or_else(|| damaged("deletion"))?;
                customer.duties.entry(grant.id).or_default().deleted(through);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// What is owed because of a permitted use under `grant`.
    pub(super) fn owe_for_use(
        &mut self,
        state: &State,
        number: u32,
        used: &FoldedUse<'_>,
        grant: &GrantState,
        customer: &mut Customer,
    ) -> Result<(), Fault> {
        let mut duties = customer.duties(&grant.id);
        let was_open = duties.is_open(&grant.terms);
        // a gate whose clock is ahead keeps nothing for longer
        let day = used.record.at.day().min(used.day);
        duties.used(&used.record.facts.onward, &grant.terms, day, used.leaf_index);
        // a use that arrives late may name one more who has to acknowledge
        if duties.is_open(&grant.terms) && !was_open {
            let ending = rows::ending_key(number, grant.status_entry);
            let id = self.grant_key_id(state, number, grant.given)?.ok_or_else(|| damaged("grant"))?;
            self.rows.push((ending, Some(id.to_be_bytes().to_vec())));
        }
        if !duties.is_empty() {
            customer.duties.insert(grant.id, duties);
        }
        Ok(())
    }

    /// Where a gate's record of this number stands, be it the gate's here or one that was imported.
    pub(crate) fn use_at(
        &self,
        state: &State,
        tenant: u32,
        (gate, seq): (&GateId, u64),
    ) -> Result<Option<u64>, Fault> {
        if let Some(row) = self.use_id(state, tenant, &imported_name(gate, seq))? {
            return Ok(Some(row.leaf_index));
        }
        let first = (tenant, gate.clone(), 0);
        let here = self.batches.range(first..=(tenant, gate.clone(), seq)).next_back();
        let batch = match here.map(|((.., first), row)| (*first, *row)) {
            Some(batch) => Some(batch),
            None => state.batch_with(tenant, gate, seq)?,
        };
        let within = batch.filter(|(first, row)| seq - first < u64::from(row.count));
        Ok(within.map(|(first, row)| row.leaf_index.saturating_add(seq - first)))
    }
}
