//! Shredding the envelopes of grants that ended long ago. The events of each grant lie under a data key of their own, apart
//! from the customer's other records; to destroy it leaves uses, counts of gates and every proof as they are.

use std::collections::BTreeSet;

use grantbook_record::day::UnixSeconds;
use grantbook_record::event::{Claims, SubjectErased};
use grantbook_record::{Envelope, Jti, Kind, TenantId};

use crate::erase::EraseError;
use crate::error::{AppendError, ReadError};
use crate::ledger::Ledger;
use crate::state::Customer;
use crate::store::Fault;

impl Ledger {
    /// Destroys the data keys of all grants that ended before a time, and puts each on the log; gives how many. Customers
    /// with a legal hold or an erasure under way are passed over. What backups still hold opens until the key epoch has
    /// rolled.
    pub fn shred_ended(&self, before: UnixSeconds) -> Result<u64, EraseError> {
        let cases = self.inner.keyring.cases()?;
        let held = cases.holds.iter().map(|hold| (hold.tenant, hold.sub.as_str()));
        let leaving = cases.erasures.iter().map(|pending| (pending.tenant, pending.sub.as_str()));
        let spared: BTreeSet<_> = held.chain(leaving).collect();
        let mut ended = Vec::new();
        self.inner.state.each_customer(&mut |customer| {
            // by rising leaf index: a grant that was superseded goes before the one that took its place
            let of_customer: Vec<u64> = customer
                .state
                .grants
                .iter()
                .filter(|grant| grant.end() < before)
                .map(|grant| grant.given)
                .collect();
            if of_customer.is_empty() {
                return Ok(());
            }
            let Some((number, tenant)) = self.tenant_of(&customer)? else { return Ok(()) };
            if spared.contains(&(tenant, customer.sub.as_str())) {
                return Ok(());
            }
            for given in of_customer {
                // records from before grants had keys of their own lie under the customer's
                let key = self.inner.state.grant_key_id(number, given)?;
                ended.extend(key.filter(|id| *id != customer.key_id).map(|id| (tenant, id, given)));
            }
            Ok(())
        })?;
        let mut shredded = 0;
        for (tenant, data_key, given) in ended {
            let jti = Jti::new(self.inner.clock.now(), crate::random::bytes());
            let event = SubjectErased { data_key, given: Some(given) };
            let payload = Claims::new(tenant, jti, event).to_json();
            let envelope = Envelope::sign(Kind::SubjectErased, &payload, &[&self.inner.keyring.operator]);
            match self.append(tenant, &envelope) {
                Ok(_) => shredded += 1,
                // something has come between: a hold, an erasure, an amendment
                Err(AppendError::NotErasable { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(shredded)
    }

    /// The tenant of a customer; `None` for one who has been erased meanwhile.
    fn tenant_of(&self, customer: &Customer) -> Result<Option<(u32, TenantId)>, Fault> {
        let key = match self.inner.state.data_key(customer.key_id) {
            Ok(key) => key,
            Err(ReadError::Store(fault)) => return Err(fault),
            Err(_) => return Ok(None),
        };
        Ok(self.inner.keyring.tenant_id(key.tenant).map(|id| (key.tenant, id)))
    }
}
