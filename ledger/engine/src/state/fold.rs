//! One step of the fold: what an admitted record changes. The same for live batches and for replay from the log.

mod money;
mod owed;

use std::borrow::Cow;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use grantbook_plan::{Admitted, EntryRef, UseCount};
use grantbook_record::day::Day;
use grantbook_record::encoding::Bytes32;
use grantbook_record::event::{Claims, Event, Period, StateRoot};
use grantbook_record::feed::{Chain, FeedPosition};
use grantbook_record::state_proof::StateKey;
use grantbook_record::uses::{Outcome, UseRecord};
use grantbook_record::{Currency, DenialReason, GateId, Jti, Kind, Salt, SubjectId, TenantId, Thumbprint};
use grantbook_tlog::Hash;

use super::rows::{
    self, BatchRow, Customer, CustomerKey, Enrolment, FeedRow, GateProgress, JtiRow, TenantRow, UseIdRow,
};
use super::{DataKey, State};
use crate::closed::{self, ClosedSum};
use crate::cosign::{self, Passkeys};
use crate::error::ReadError;
use crate::published::Owner;
use crate::settlement::purse::Purse;
use crate::settlement::{Books, PastPeriod};
use crate::state_map::{MapHead, set_head};
use crate::store::{Fault, RowChange};

/// What a batch changes, on top of the state as committed.
#[derive(Default)]
pub(crate) struct Changes {
    pub(super) customers: BTreeMap<CustomerKey, Changed>,
    pub(super) tenants: BTreeMap<u32, TenantRow>,
    pub(super) gates: BTreeMap<(u32, GateId), GateProgress>,
    pub(super) rows: Vec<RowChange>,
    jtis: BTreeMap<(TenantId, Jti), JtiRow>,
    use_ids: BTreeMap<(u32, String), UseIdRow>,
    batches: BTreeMap<(u32, GateId, u64), BatchRow>,
    /// Sums over the payouts of tenants' erased customers.
    pub(super) closed: BTreeMap<u32, Vec<ClosedSum>>,
    /// The books of tenants.
    pub(super) books: BTreeMap<u32, Books>,
    /// Periods that were posted in this batch.
    pub(super) past: BTreeMap<(u32, Period), PastPeriod>,
    /// Wrapped data keys made for this batch.
    pub(crate) keys: Vec<(u64, Vec<u8>)>,
    /// Data keys made for this batch.
    made: BTreeMap<u64, Arc<DataKey>>,
    /// Data key ids of grants given in this batch, by tenant and leaf index.
    grants: BTreeMap<(u32, u64), u64>,
    /// Customers erased in this batch.
    pub(super) erased: BTreeSet<CustomerKey>,
    /// Grants shredded in this batch.
    shredded: Vec<(CustomerKey, Jti)>,
    /// Keys that leave the map of grant states: of customers erased, or without grants.
    pub(super) unmapped: BTreeSet<StateKey>,
    /// Data keys destroyed in this batch.
    pub(super) destroyed: BTreeSet<u64>,
    /// Grants that were withdrawn or revoked in this batch.
    pub(crate) endings: u64,
}

pub(super) struct Changed {
    pub(super) customer: Customer,
    pub(super) state: bool,
    pub(super) counts: bool,
}

/// An event as it was admitted.
pub(crate) struct FoldedEvent<'a> {
    pub(crate) claims: &'a Claims<Event>,
    pub(crate) envelope_sha256: Bytes32,
    /// The salt of its entry.
    pub(crate) salt: Salt,
    pub(crate) admitted: Admitted,
    /// Leaf index of the entry that its own links to.
    pub(crate) linked: Option<u64>,
    /// Whether it was first admitted in another log.
    pub(crate) imported: bool,
    /// Of the passkeys whose assertions are attached.
    pub(crate) passkeys: &'a [Thumbprint],
}

/// A use as it was admitted.
pub(crate) struct FoldedUse<'a> {
    pub(crate) record: &'a UseRecord,
    pub(crate) flag: Option<DenialReason>,
    pub(crate) currency: Currency,
    pub(crate) payout_minor: u32,
    pub(crate) leaf_index: u64,
    /// The day of its admission.
    pub(crate) day: Day,
    /// Whether it was first admitted in another log.
    pub(crate) imported: bool,
}

/// Names an imported use among the ids of uses; no caller's id has a control character in it.
pub(crate) fn imported_use_id(record: &UseRecord) -> String {
    imported_name(&record.gate, record.seq)
}

fn imported_name(gate: &GateId, seq: u64) -> String {
    format!("imported\n{}\n{seq}", gate.as_str())
}

impl Changes {
    /// Customers erased and grants shredded in this batch.
    pub(crate) fn gone(&self) -> (Vec<CustomerKey>, Vec<(CustomerKey, Jti)>) {
        (self.erased.iter().copied().collect(), self.shredded.clone())
    }

    /// A customer as this batch has left it so far.
    pub(crate) fn customer(&self, state: &State, key: CustomerKey) -> Result<Option<Customer>, Fault> {
        match self.customers.get(&key) {
            Some(changed) => Ok(Some(changed.customer.clone())),
            None if self.erased.contains(&key) => Ok(None),
            None => Ok(state.customer(key)?.map(|customer| customer.as_ref().clone())),
        }
    }

    pub(crate) fn tenant(&self, state: &State, number: u32) -> Result<Arc<TenantRow>, Fault> {
        match self.tenants.get(&number) {
            Some(row) => Ok(Arc::new(row.clone())),
            None => state.tenant(number),
        }
    }

    fn tenant_mut(&mut self, state: &State, number: u32) -> Result<&mut TenantRow, Fault> {
        Ok(match self.tenants.entry(number) {
            Entry::Occupied(changed) => changed.into_mut(),
            Entry::Vacant(unchanged) => unchanged.insert(state.tenant(number)?.as_ref().clone()),
        })
    }

    pub(crate) fn gate(&self, state: &State, tenant: u32, gate: &GateId) -> Result<GateProgress, Fault> {
        match self.gates.get(&(tenant, gate.clone())) {
            Some(progress) => Ok(progress.clone()),
            None => state.gate(tenant, gate),
        }
    }

    pub(crate) fn jti(&self, state: &State, tenant: TenantId, jti: &Jti) -> Result<Option<JtiRow>, Fault> {
        match self.jtis.get(&(tenant, *jti)) {
            Some(row) => Ok(Some(*row)),
            None => state.jti(tenant, jti),
        }
    }

    pub(crate) fn use_id(&self, state: &State, tenant: u32, id: &str) -> Result<Option<UseIdRow>, Fault> {
        match self.use_ids.get(&(tenant, id.to_owned())) {
            Some(row) => Ok(Some(*row)),
            None => state.use_id(tenant, id),
        }
    }

    pub(crate) fn batch(
        &self,
        state: &State,
        tenant: u32,
        gate: &GateId,
        first: u64,
    ) -> Result<Option<BatchRow>, Fault> {
        match self.batches.get(&(tenant, gate.clone(), first)) {
            Some(row) => Ok(Some(*row)),
            None => state.batch(tenant, gate, first),
        }
    }

    /// The data key under which a customer's records are sealed, or the tenant's own; made where there is none.
    pub(crate) fn data_key(
        &mut self,
        state: &State,
        tenant: u32,
        customer: Option<(CustomerKey, &SubjectId)>,
    ) -> Result<(u64, Arc<DataKey>), Fault> {
        let known = match customer {
            Some((key, _)) => self.customer(state, key)?.map(|customer| customer.key_id),
            None => Some(self.tenant(state, tenant)?.key_id).filter(|id| *id != 0),
        };
        if let Some(id) = known {
            match self.key(state, id) {
                Ok(key) => return Ok((id, key)),
                // its records are gone; what comes now is sealed under a new key
                Err(ReadError::Erased) => {}
                // a key that cannot be read now is not one that was destroyed
                Err(ReadError::Store(fault)) => return Err(fault),
                Err(_) => return Err(super::damaged("data key")),
            }
        }
        let (id, key) = self.make_key(state, tenant, customer.map(|(_, sub)| sub), None);
        match customer {
            Some((name, sub)) => self.adopt_customer_key(state, name, sub, id)?,
            None => self.tenant_mut(state, tenant)?.key_id = id,
        }
        Ok((id, key))
    }

    /// The data key under which a grant's own events are sealed, so that they can be shredded when the grant has ended.
    pub(crate) fn grant_key(
        &self,
        state: &State,
        tenant: u32,
        given: u64,
    ) -> Result<(u64, Arc<DataKey>), Fault> {
        let id = self.grant_key_id(state, tenant, given)?.ok_or_else(|| super::damaged("grant"))?;
        match self.key(state, id) {
            Ok(key) => Ok((id, key)),
            Err(ReadError::Store(fault)) => Err(fault),
            Err(_) => Err(super::damaged("data key")),
        }
    }

    /// Makes the data key of a grant that is being given.
    pub(crate) fn new_grant_key(
        &mut self,
        state: &State,
        tenant: u32,
        sub: &SubjectId,
        grant: Jti,
    ) -> (u64, Arc<DataKey>) {
        self.make_key(state, tenant, Some(sub), Some(grant))
    }

    pub(crate) fn grant_key_id(&self, state: &State, tenant: u32, given: u64) -> Result<Option<u64>, Fault> {
        match self.grants.get(&(tenant, given)) {
            Some(id) => Ok(Some(*id)),
            None => state.grant_key_id(tenant, given),
        }
    }

    /// A data key as this batch has left it so far.
    pub(crate) fn key(&self, state: &State, id: u64) -> Result<Arc<DataKey>, ReadError> {
        match self.made.get(&id) {
            _ if self.destroyed.contains(&id) => Err(ReadError::Erased),
            Some(key) => Ok(Arc::clone(key)),
            None => state.data_key(id),
        }
    }

    fn make_key(
        &mut self,
        state: &State,
        tenant: u32,
        sub: Option<&SubjectId>,
        grant: Option<Jti>,
    ) -> (u64, Arc<DataKey>) {
        let (id, wrapped, key) = state.new_data_key(tenant, sub, grant);
        self.rows.push((rows::data_key_key(id), Some(wrapped.clone())));
        self.keys.push((id, wrapped));
        self.made.insert(id, Arc::clone(&key));
        (id, key)
    }

    fn destroy_key(&mut self, id: u64) {
        self.rows.push((rows::data_key_key(id), None));
        self.keys.retain(|(made, _)| *made != id);
        self.destroyed.insert(id);
    }

    fn adopt_customer_key(
        &mut self,
        state: &State,
        name: CustomerKey,
        sub: &SubjectId,
        id: u64,
    ) -> Result<(), Fault> {
        let mut customer = self.customer(state, name)?.unwrap_or_else(|| Customer {
            key_id: id,
            sub: sub.clone(),
            enrolment: None,
            passkeys: Passkeys::default(),
            state: Arc::default(),
            earlier: BTreeMap::new(),
            counts: BTreeMap::new(),
            duties: BTreeMap::new(),
            earned: Vec::new(),
            purse: Purse::default(),
        });
        customer.key_id = id;
        let counts = self.customers.get(&name).is_some_and(|changed| changed.counts);
        self.customers.insert(name, Changed { customer, state: true, counts });
        Ok(())
    }

    /// Takes in a wrapped data key from the log and the owner that it names.
    pub(crate) fn replay_key(
        &mut self,
        state: &State,
        id: u64,
        wrapped: &[u8],
        tenant_id: impl Fn(u32) -> Option<TenantId>,
    ) -> Result<(), Fault> {
        state.note_key(id);
        self.rows.push((rows::data_key_key(id), Some(wrapped.to_vec())));
        let Some(key) = state.unwrap(id, wrapped) else { return Err(super::damaged("data key")) };
        match key.sub.as_ref().zip(tenant_id(key.tenant)) {
            // its grant, which the log gives, names it
            Some(_) if key.grant.is_some() => {}
            Some((sub, tenant)) => {
                self.adopt_customer_key(state, state.customer_key(tenant, sub), sub, id)?;
            }
            None => self.tenant_mut(state, key.tenant)?.key_id = id,
        }
        state.keys.insert(id, Arc::new(key));
        Ok(())
    }

    /// Folds an event in, whose entry is the owner's. `admitted.group` is set here from the tenant's groups of terms.
    pub(crate) fn event(
        &mut self,
        state: &State,
        (Owner { tenant: number, key_id }, tenant): (Owner, TenantId),
        origin: &str,
        folded: &FoldedEvent<'_>,
    ) -> Result<(), Fault> {
        let FoldedEvent { claims, envelope_sha256, salt, mut admitted, .. } = *folded;
        let leaf_index = admitted.entry.leaf_index;
        let row = JtiRow { leaf_index, envelope: rows::half(&envelope_sha256) };
        self.jtis.insert((tenant, claims.jti), row);
        self.rows.push((rows::jti_key(tenant, &claims.jti), Some(row.encode())));

        let event = &claims.event;
        if let Event::SubjectErased(erased) = event {
            self.erase(state, tenant, number, erased.data_key)?;
        }
        if let Event::StateRoot(StateRoot { size, root }) = event {
            self.rows.push(set_head(&MapHead { root: *root, size: *size, leaf_index }));
        }
        if self.tenant(state, number)?.state.is_changed_by(event) {
            self.tenant_mut(state, number)?.state.apply(event, envelope_sha256);
        }
        if let Some(terms) = event.granted_terms() {
            admitted.group = self.tenant(state, number)?.state.group(terms).unwrap_or(0);
        }
        if let Event::Money(money) = event
            && !folded.imported
        {
            self.money_of_tenant(state, number, money, leaf_index)?;
        }
        if let Some(sub) = event.subject() {
            let key = state.customer_key(tenant, sub);
            if let Some(mut customer) = self.customer(state, key)? {
                if matches!(event, Event::GrantGiven(_)) {
                    self.grants.insert((number, leaf_index), key_id);
                    let row = key_id.to_be_bytes().to_vec();
                    self.rows.push((rows::grant_key(number, leaf_index), Some(row)));
                }
                if matches!(event, Event::AssetIssued(_)) {
                    let row = key_id.to_be_bytes().to_vec();
                    self.rows.push((rows::asset_key(number, leaf_index), Some(row)));
                }
                if matches!(event, Event::KeyEnrolled(_) | Event::GuardianNamed(_))
                    && customer.state.keys.is_empty()
                {
                    customer.enrolment = Some(Enrolment { leaf_index, salt });
                }
                if let Event::GrantAmended(amended) = event {
                    customer.keep_terms(&amended.grant, admitted.at);
                }
                cosign::fold(event, &mut customer.passkeys, folded.passkeys);
                Arc::make_mut(&mut customer.state).apply(event, &admitted);
                let mut counts = self.customers.get(&key).is_some_and(|changed| changed.counts);
                counts |= self.owe(state, (number, tenant, origin), folded, &mut customer, key_id)?;
                counts |= self.earn_once(state, number, (folded, admitted.group), &mut customer)?;
                counts |= self.money_of_customer(state, number, folded, &mut customer)?;
                self.customers.insert(key, Changed { customer, state: true, counts });
            }
        }
        if event.kind().is_fed() {
            self.feed(state, (number, tenant), origin, &admitted.entry)?;
        }
        Ok(())
    }

    /// Adds a frame to a tenant's feed.
    fn feed(
        &mut self,
        state: &State,
        (number, tenant): (u32, TenantId),
        origin: &str,
        entry: &EntryRef,
    ) -> Result<(), Fault> {
        let tenant_row = self.tenant_mut(state, number)?;
        let before = tenant_row.chain(origin, tenant);
        let after = before.next(entry.leaf_index, &Hash(entry.leaf_hash.0));
        tenant_row.feed = Some((after.position, after.value));
        let FeedPosition(seq) = before.position;
        let frame = FeedRow { leaf_index: entry.leaf_index, chain: after.value };
        self.rows.push((rows::feed_key(number, seq), Some(frame.encode())));
        Ok(())
    }

    /// What an entry leaves whose customer was erased: its frame, and its place in its gate's sequence.
    pub(crate) fn erased(
        &mut self,
        state: &State,
        (number, tenant): (u32, TenantId),
        origin: &str,
        (kind, entry): (Kind, &EntryRef),
        gate: Option<&GateId>,
    ) -> Result<(), Fault> {
        if kind.is_fed() {
            self.feed(state, (number, tenant), origin, entry)?;
        }
        if let Some(gate) =
            gate.filter(|_| matches!(kind, Kind::UseRecorded | Kind::UseDenied | Kind::UseVoided))
        {
            let mut progress = self.gate(state, number, gate)?;
            progress.count_erased(kind == Kind::UseRecorded);
            self.gates.insert((number, gate.clone()), progress);
        }
        Ok(())
    }

    /// Keeps the sums over the payouts of a customer who is about to be erased.
    pub(crate) fn close(&mut self, state: &State, number: u32, sums: Vec<ClosedSum>) -> Result<(), Fault> {
        if sums.is_empty() {
            return Ok(());
        }
        let kept = match self.closed.get(&number) {
            Some(changed) => changed.clone(),
            None => state.closed_sums(number)?,
        };
        let kept = closed::keep(kept, sums).ok_or_else(|| super::damaged("closed sum"))?;
        self.closed.insert(number, kept);
        Ok(())
    }

    /// Destroys a data key and removes its grant, or all rows of its customer with the keys of their grants; nothing where
    /// that was done before.
    fn erase(&mut self, state: &State, tenant: TenantId, number: u32, data_key: u64) -> Result<(), Fault> {
        let key = match self.key(state, data_key) {
            Ok(key) => key,
            Err(ReadError::Erased) => return Ok(()),
            Err(ReadError::Store(fault)) => return Err(fault),
            Err(_) => return Err(super::damaged("data key")),
        };
        let Some(sub) = &key.sub else { return Ok(()) };
        let name = state.customer_key(tenant, sub);
        if let Some(grant) = &key.grant {
            self.destroy_key(data_key);
            return self.forget_grant(state, number, name, grant);
        }
        let customer = self.customer(state, name)?;
        let present = customer.as_ref().map(|customer| customer.key_id);
        for grant in customer.iter().flat_map(|customer| &customer.state.grants) {
            if let Some(id) = self.grant_key_id(state, number, grant.given)? {
                self.destroy_key(id);
            }
            self.rows.push((rows::grant_key(number, grant.given), None));
            self.rows.push((rows::ending_key(number, grant.status_entry), None));
        }
        for asset in customer.iter().flat_map(|customer| &customer.state.assets) {
            self.rows.push((rows::asset_key(number, asset.leaf_index()), None));
        }
        if let Some(customer) = customer.as_ref().filter(|_| present == Some(data_key)) {
            self.books_mut(state, number)?
                .erased(&customer.earned, &customer.purse)
                .ok_or_else(|| super::damaged("books"))?;
        }
        self.unmapped.extend(customer.as_ref().and_then(Customer::map_key));
        self.customers.remove(&name);
        self.erased.insert(name);
        self.rows.extend(state.rows_of(name).map(|row| (row, None)));
        self.destroy_key(data_key);
        // when the log is read back all keys come first: the same pseudonym may have come again under another one
        if let Some(again) = present.filter(|id| *id != data_key) {
            self.adopt_customer_key(state, name, sub, again)?;
        }
        Ok(())
    }

    fn forget_grant(
        &mut self,
        state: &State,
        number: u32,
        name: CustomerKey,
        grant: &Jti,
    ) -> Result<(), Fault> {
        let Some(mut customer) = self.customer(state, name)? else { return Ok(()) };
        let Some(known) = customer.state.grant(grant) else { return Ok(()) };
        let (given, ended) = (known.given, known.status_entry);
        Arc::make_mut(&mut customer.state).forget_grant(given);
        customer.earlier.remove(grant);
        self.shredded.push((name, *grant));
        if customer.state.grants.is_empty() {
            self.unmapped.extend(customer.map_key());
        }
        let changed = self.customers.get(&name).is_some_and(|changed| changed.counts);
        let counted = customer.counts.remove(grant).is_some();
        let counts = customer.duties.remove(grant).is_some() || counted || changed;
        self.customers.insert(name, Changed { customer, state: true, counts });
        self.rows.push((rows::grant_key(number, given), None));
        self.rows.push((rows::ending_key(number, ended), None));
        Ok(())
    }

    /// Folds one use of a batch in.
    pub(crate) fn use_(
        &mut self,
        state: &State,
        (number, tenant): (u32, TenantId),
        used: &FoldedUse<'_>,
    ) -> Result<(), Fault> {
        let FoldedUse { record, flag, currency, payout_minor, leaf_index, imported, .. } = used;
        let mut progress = self.gate(state, number, &record.gate)?;
        progress.count(record.seq, &record.outcome, flag.is_some(), *currency, *payout_minor);
        self.gates.insert((number, record.gate.clone()), progress);
        if let Some(id) = &record.use_id {
            let facts = serde_json::to_vec(&record.facts).unwrap_or_default();
            let row = UseIdRow { leaf_index: *leaf_index, facts: rows::half_digest(&facts) };
            self.use_ids.insert((number, id.as_str().to_owned()), row);
            self.rows.push((rows::use_id_key(number, id.as_str()), Some(row.encode())));
        }
        if *imported {
            // the same use again is found by gate and sequence number, whatever part of its batch is imported
            let id = imported_use_id(record);
            let row = UseIdRow { leaf_index: *leaf_index, facts: rows::half_digest(&record.to_json()) };
            self.rows.push((rows::use_id_key(number, &id), Some(row.encode())));
            self.use_ids.insert((number, id), row);
        }
        let Outcome::Permitted(permitted) = &record.outcome else { return Ok(()) };
        let key = state.customer_key(tenant, &record.facts.data_subject);
        let Some(mut customer) = self.customer(state, key)? else { return Ok(()) };
        let Some(grant) = customer.grant_at(&permitted.grant, record.at).map(Cow::into_owned) else {
            return Ok(());
        };
        let rate = grant.terms.limits.rate;
        let count: &mut UseCount = customer.counts.entry(permitted.grant).or_default();
        count.count(rate.as_ref(), record.at);
        self.owe_for_use(state, number, used, &grant, &mut customer)?;
        let collected = self.earn(state, number, used, &grant, &mut customer)?;
        let changed_state = collected || self.customers.get(&key).is_some_and(|changed| changed.state);
        self.customers.insert(key, Changed { customer, state: changed_state, counts: true });
        Ok(())
    }

    /// The chain of a tenant's feed, if this batch has changed it.
    pub(crate) fn changed_chain(&self, number: u32, origin: &str, tenant: TenantId) -> Option<Chain> {
        self.tenants.get(&number).map(|row| row.chain(origin, tenant))
    }

    /// Notes where a batch stands, so that the same batch again is found.
    pub(crate) fn note_batch(
        &mut self,
        number: u32,
        gate: &GateId,
        first: u64,
        head: &str,
        leaf_index: u64,
        count: u32,
    ) {
        let row = BatchRow { leaf_index, count, head: rows::half_digest(head.as_bytes()) };
        self.batches.insert((number, gate.clone(), first), row);
        self.rows.push((rows::batch_key(number, gate, first), Some(row.encode())));
    }
}
