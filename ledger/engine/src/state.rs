//! The state: a fold over the log, kept in sealed rows and in a bounded cache of decoded ones.
//!
//! | key | row |
//! |---|---|
//! | `c` ‖ customer key | sealed: data key id, pseudonym, keys, grants, requests, what is owed of posted periods |
//! | `u` ‖ customer key | sealed: uses of each grant, what they have earned, and what is owed because of them |
//! | `t` ‖ tenant | sealed: data key id, feed position and chain, templates, notices, groups |
//! | `w` ‖ tenant ‖ gate | progress of a gate |
//! | `b` ‖ tenant ‖ gate ‖ complement of first sequence number | where a batch stands: first leaf index, count, digest of its head |
//! | `i` ‖ tenant ‖ digest of the use id | where a use with a caller's id stands, and the digest of its question |
//! | `j` ‖ digest of tenant and jti | where an envelope stands, and the digest of its bytes |
//! | `f` ‖ tenant ‖ sequence | leaf index and chain value of a feed frame |
//! | `g` ‖ tenant ‖ leaf index | id of the data key under which the events of the grant lie whose `grant.given` this is |
//! | `k` ‖ key id | a wrapped data key |
//! | `e` ‖ tenant ‖ leaf index | id of the data key of the grant that this entry ended, while somebody has not acknowledged it |
//! | `m` ‖ … | sealed: the map of grant states, see [`crate::state_map`] |
//! | `s` ‖ tenant | sealed: sums over the payouts of erased customers |
//! | `a` ‖ tenant | sealed: the books of the open period and of one that is not posted, and the accounts |
//! | `p` ‖ tenant ‖ period | sealed: a period that was posted |
//!
//! Customer keys are keyed hashes under the epoch's key, so that rows of different epochs cannot be joined. Readers hold
//! the epoch while they read, so that they never open a row of one epoch with the keys of another.

mod cache;
mod earlier;
mod epoch;
mod fold;
mod map;
mod rows;

pub(crate) use cache::CustomerCache;
pub(crate) use epoch::LiveKeys;
pub(crate) use fold::{Changes, FoldedEvent, FoldedUse, imported_use_id};
pub use rows::GateProgress;
pub(crate) use rows::{
    BatchRow, Customer, CustomerKey, FeedRow, JtiRow, TenantRow, UseIdRow, half, half_digest,
};

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use grantbook_record::event::Period;
use grantbook_record::{GateId, Jti, SubjectId, TenantId};

use crate::closed::{self, ClosedSum};
use crate::error::ReadError;
use crate::keyring::{EpochKeys, Keyring, short_hmac};
use crate::seal::SealKey;
use crate::settlement::{Books, PastPeriod};
use crate::state_map::{MAP, StateMap, note};
use crate::store::cursor::Cursor;
use crate::store::{Fault, RowChange, Store};

/// Decoded data keys that the cache may hold.
const CACHED_KEYS: usize = 16_384;

/// The state as committed.
pub(crate) struct State {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) epoch: RwLock<Arc<EpochKeys>>,
    names: [u8; 32],
    customers: CustomerCache,
    tenants: RwLock<BTreeMap<u32, Arc<TenantRow>>>,
    keys: quick_cache::sync::Cache<u64, Arc<DataKey>>,
    next_key: AtomicU64,
}

/// An unwrapped data key and whose it is.
pub(crate) struct DataKey {
    pub(crate) tenant: u32,
    /// `None` for the tenant's own.
    pub(crate) sub: Option<SubjectId>,
    /// The grant of `sub` whose own events lie under it; `None` for the customer's other records.
    pub(crate) grant: Option<Jti>,
    pub(crate) key: SealKey,
}

impl State {
    pub(crate) fn new(store: Arc<dyn Store>, keyring: &Keyring) -> Self {
        Self {
            store,
            epoch: RwLock::new(keyring.epoch()),
            names: keyring.names,
            customers: CustomerCache::new(),
            tenants: RwLock::new(BTreeMap::new()),
            keys: quick_cache::sync::Cache::new(CACHED_KEYS),
            next_key: AtomicU64::new(1),
        }
    }

    fn epoch(&self) -> RwLockReadGuard<'_, Arc<EpochKeys>> {
        self.epoch.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// A customer's rows in the present epoch.
    fn rows_of(&self, key: CustomerKey) -> impl Iterator<Item = Vec<u8>> {
        let epoch = self.epoch();
        [key.state_row(&epoch), key.counts_row(&epoch)].into_iter()
    }

    /// The name that a customer has in memory.
    pub(crate) fn customer_key(&self, tenant: TenantId, sub: &SubjectId) -> CustomerKey {
        CustomerKey(short_hmac(&self.names, &[tenant.as_bytes(), sub.as_str().as_bytes()]))
    }

    pub(crate) fn customer(&self, key: CustomerKey) -> Result<Option<Arc<Customer>>, Fault> {
        self.customers.get_or_load(key, || self.load_customer(key))
    }

    fn load_customer(&self, key: CustomerKey) -> Result<Option<Arc<Customer>>, Fault> {
        let epoch = self.epoch();
        let Some(row) = self.sealed_row(&epoch, &key.state_row(&epoch))? else { return Ok(None) };
        let counts = self.sealed_row(&epoch, &key.counts_row(&epoch))?;
        Customer::decode(&row, counts.as_deref())
            .map(|customer| Some(Arc::new(customer)))
            .ok_or_else(|| damaged("customer"))
    }

    pub(crate) fn tenant(&self, number: u32) -> Result<Arc<TenantRow>, Fault> {
        if let Some(row) = self.tenants.read().unwrap_or_else(PoisonError::into_inner).get(&number) {
            return Ok(Arc::clone(row));
        }
        let row = match self.sealed_row(&self.epoch(), &rows::tenant_key(number))? {
            Some(bytes) => TenantRow::decode(&bytes).ok_or_else(|| damaged("tenant"))?,
            None => TenantRow::default(),
        };
        Ok(Arc::new(row))
    }

    pub(crate) fn gate(&self, tenant: u32, gate: &GateId) -> Result<GateProgress, Fault> {
        match self.store.row(&rows::gate_key(tenant, gate))? {
            Some(bytes) => serde_json::from_slice(&bytes).map_err(|_| damaged("gate")),
            None => Ok(GateProgress::default()),
        }
    }

    /// Sums over the payouts of a tenant's erased customers.
    pub(crate) fn closed_sums(&self, tenant: u32) -> Result<Vec<ClosedSum>, Fault> {
        match self.sealed_row(&self.epoch(), &rows::closed_key(tenant))? {
            Some(bytes) => closed::decode(&bytes).ok_or_else(|| damaged("closed sum")),
            None => Ok(Vec::new()),
        }
    }

    /// The books of a tenant.
    pub(crate) fn books(&self, tenant: u32) -> Result<Books, Fault> {
        match self.sealed_row(&self.epoch(), &rows::books_key(tenant))? {
            Some(bytes) => serde_json::from_slice(&bytes).map_err(|_| damaged("books")),
            None => Ok(Books::default()),
        }
    }

    /// A tenant's posted periods after one, by rising number.
    pub(crate) fn past_periods(
        &self,
        tenant: u32,
        after: Option<Period>,
        limit: usize,
    ) -> Result<Vec<PastPeriod>, Fault> {
        let epoch = self.epoch();
        let after = after.map(|period| rows::past_key(tenant, period));
        let rows = self.store.rows(&rows::past_prefix(tenant), after.as_deref(), limit)?;
        rows.into_iter()
            .map(|(name, sealed)| {
                let row = epoch.rows.open(&sealed, &name).map_err(|_| damaged("sealed row"))?;
                serde_json::from_slice(&row).map_err(|_| damaged("posted period"))
            })
            .collect()
    }

    pub(crate) fn jti(&self, tenant: TenantId, jti: &Jti) -> Result<Option<JtiRow>, Fault> {
        let row = self.store.row(&rows::jti_key(tenant, jti))?;
        row.map(|bytes| JtiRow::decode(&bytes).ok_or_else(|| damaged("jti"))).transpose()
    }

    pub(crate) fn batch(&self, tenant: u32, gate: &GateId, first: u64) -> Result<Option<BatchRow>, Fault> {
        let row = self.store.row(&rows::batch_key(tenant, gate, first))?;
        row.map(|bytes| BatchRow::decode(&bytes).ok_or_else(|| damaged("batch"))).transpose()
    }

    /// The batch that has a record, and the sequence number of its first one.
    pub(crate) fn batch_with(
        &self,
        tenant: u32,
        gate: &GateId,
        seq: u64,
    ) -> Result<Option<(u64, BatchRow)>, Fault> {
        let after = seq.checked_add(1).map(|next| rows::batch_key(tenant, gate, next));
        let found = self.store.rows(&rows::batch_prefix(tenant, gate), after.as_deref(), 1)?;
        let Some((key, value)) = found.into_iter().next() else { return Ok(None) };
        let read = rows::batch_first(&key).zip(BatchRow::decode(&value));
        let (first, row) = read.ok_or_else(|| damaged("batch"))?;
        Ok((seq - first < u64::from(row.count)).then_some((first, row)))
    }

    pub(crate) fn use_id(&self, tenant: u32, id: &str) -> Result<Option<UseIdRow>, Fault> {
        let row = self.store.row(&rows::use_id_key(tenant, id))?;
        row.map(|bytes| UseIdRow::decode(&bytes).ok_or_else(|| damaged("use id"))).transpose()
    }

    /// Feed rows from a sequence number on.
    pub(crate) fn feed(&self, tenant: u32, from: u64, limit: usize) -> Result<Vec<(u64, FeedRow)>, Fault> {
        let prefix = rows::feed_prefix(tenant);
        let after = from.checked_sub(1).map(|before| rows::feed_key(tenant, before));
        let rows = self.store.rows(&prefix, after.as_deref(), limit)?;
        rows.into_iter()
            .map(|(key, value)| rows::feed_row(&key, &value).ok_or_else(|| damaged("feed")))
            .collect()
    }

    /// Entries that ended grants and that somebody has not acknowledged, with the data key ids of the grants.
    pub(crate) fn endings(
        &self,
        tenant: u32,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<(u64, u64)>, Fault> {
        let after = after.map(|leaf| rows::ending_key(tenant, leaf));
        let rows = self.store.rows(&rows::ending_prefix(tenant), after.as_deref(), limit)?;
        rows.into_iter()
            .map(|(key, value)| rows::grant_row(&key, &value).ok_or_else(|| damaged("end of a grant")))
            .collect()
    }

    /// Data key ids of a tenant's grants, by the leaf index of the grants.
    pub(crate) fn grants(
        &self,
        tenant: u32,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<(u64, u64)>, Fault> {
        let after = after.map(|leaf| rows::grant_key(tenant, leaf));
        let rows = self.store.rows(&rows::grant_prefix(tenant), after.as_deref(), limit)?;
        rows.into_iter()
            .map(|(key, value)| rows::grant_row(&key, &value).ok_or_else(|| damaged("grant")))
            .collect()
    }

    /// Data key ids of the customers of a tenant's assets, by the leaf index of the assets.
    pub(crate) fn assets(
        &self,
        tenant: u32,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<(u64, u64)>, Fault> {
        let after = after.map(|leaf| rows::asset_key(tenant, leaf));
        let rows = self.store.rows(&rows::asset_prefix(tenant), after.as_deref(), limit)?;
        rows.into_iter()
            .map(|(key, value)| rows::grant_row(&key, &value).ok_or_else(|| damaged("asset")))
            .collect()
    }

    /// The data key id of one grant.
    pub(crate) fn grant_key_id(&self, tenant: u32, given: u64) -> Result<Option<u64>, Fault> {
        let name = rows::grant_key(tenant, given);
        let Some(value) = self.store.row(&name)? else { return Ok(None) };
        let (_, id) = rows::grant_row(&name, &value).ok_or_else(|| damaged("grant"))?;
        Ok(Some(id))
    }

    /// A data key; [`ReadError::Erased`] where it was destroyed.
    pub(crate) fn data_key(&self, id: u64) -> Result<Arc<DataKey>, ReadError> {
        if let Some(key) = self.keys.get(&id) {
            return Ok(key);
        }
        let epoch = self.epoch();
        let wrapped = self.store.row(&rows::data_key_key(id))?.ok_or(ReadError::Erased)?;
        let key = Arc::new(unwrap(&epoch, id, &wrapped).ok_or_else(|| damaged("data key"))?);
        self.keys.insert(id, Arc::clone(&key));
        // it may have been destroyed between the two: whoever comes second takes it out of memory
        if self.store.row(&rows::data_key_key(id))?.is_none() {
            self.keys.remove(&id);
            return Err(ReadError::Erased);
        }
        Ok(key)
    }

    /// Makes a data key for a customer, for one grant of theirs, or for the tenant itself.
    pub(crate) fn new_data_key(
        &self,
        tenant: u32,
        sub: Option<&SubjectId>,
        grant: Option<Jti>,
    ) -> (u64, Vec<u8>, Arc<DataKey>) {
        let id = self.next_key.fetch_add(1, Ordering::Relaxed);
        let key = Arc::new(DataKey { tenant, sub: sub.cloned(), grant, key: SealKey::random() });
        let wrapped = wrap(&self.epoch(), id, &key);
        self.keys.insert(id, Arc::clone(&key));
        (id, wrapped, key)
    }

    /// Opens a wrapped data key; `None` where it does not open.
    pub(crate) fn unwrap(&self, id: u64, wrapped: &[u8]) -> Option<DataKey> {
        unwrap(&self.epoch(), id, wrapped)
    }

    /// Takes in keys that a store held beyond their batches; their ids are never used again.
    pub(crate) fn note_key(&self, id: u64) {
        self.next_key.fetch_max(id.saturating_add(1), Ordering::Relaxed);
    }

    /// Whether two rows under one key say the same; sealed ones are compared by what they seal.
    pub(crate) fn same_row(&self, key: &[u8], one: &[u8], other: &[u8]) -> bool {
        match key.first() {
            Some(b'c' | b'u' | b't' | b's' | b'm' | b'a' | b'p') => {
                let epoch = self.epoch();
                let open = |sealed| epoch.rows.open(sealed, key);
                matches!((open(one), open(other)), (Ok(one), Ok(other)) if one == other)
            }
            _ => one == other,
        }
    }

    fn sealed_row(&self, epoch: &EpochKeys, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        let Some(sealed) = self.store.row(key)? else { return Ok(None) };
        epoch.rows.open(&sealed, key).map(Some).map_err(|_| damaged("sealed row"))
    }

    /// Writes a batch's changes and the position they lead to; then readers see them.
    pub(crate) fn commit(&self, changes: Changes, position: u64) -> Result<(), Fault> {
        let Changes {
            customers,
            tenants,
            gates,
            closed: sums_of,
            books,
            past,
            mut rows,
            erased,
            unmapped,
            destroyed,
            ..
        } = changes;
        let epoch = Arc::clone(&self.epoch());
        if !unmapped.is_empty() {
            rows.extend(StateMap::new(self).erase(&unmapped)?);
        }
        for customer in customers.values().filter(|changed| changed.state).map(|changed| &changed.customer) {
            if let Some((key, value)) = customer.map_key().zip(customer.map_value()) {
                rows.push(note(&key, Some(&value)));
            }
        }
        // the map gives its rows in plain
        for (name, row) in rows.iter_mut().filter(|(name, _)| name.first() == Some(&MAP)) {
            if let Some(plain) = row {
                *plain = epoch.rows.seal(plain, name);
            }
        }
        for (key, changed) in &customers {
            if changed.state {
                rows.push(sealed(&epoch, key.state_row(&epoch), &changed.customer.encode_state()));
            }
            if changed.counts {
                rows.push(sealed(&epoch, key.counts_row(&epoch), &changed.customer.encode_counts()));
            }
        }
        for (number, row) in &tenants {
            rows.push(sealed(&epoch, rows::tenant_key(*number), &row.encode()));
        }
        for (number, sums) in &sums_of {
            rows.push(sealed(&epoch, rows::closed_key(*number), &closed::encode(sums)));
        }
        for (number, books) in &books {
            rows.push(sealed(&epoch, rows::books_key(*number), &rows::encode_books(books)));
        }
        for ((number, period), past) in &past {
            rows.push(sealed(&epoch, rows::past_key(*number, *period), &rows::encode_past(past)));
        }
        for ((tenant, gate), progress) in &gates {
            let json = serde_json::to_vec(progress).unwrap_or_default();
            rows.push((rows::gate_key(*tenant, gate), Some(json)));
        }
        self.store.apply(rows, position)?;
        for key in erased {
            self.customers.remove(key);
        }
        for data_key in destroyed {
            self.keys.remove(&data_key);
        }
        for (key, changed) in customers {
            self.customers.put(key, Arc::new(changed.customer));
        }
        let mut shown = self.tenants.write().unwrap_or_else(PoisonError::into_inner);
        shown.extend(tenants.into_iter().map(|(number, row)| (number, Arc::new(row))));
        Ok(())
    }
}

fn sealed(epoch: &EpochKeys, name: Vec<u8>, row: &[u8]) -> RowChange {
    let sealed = epoch.rows.seal(row, &name);
    (name, Some(sealed))
}

fn wrap(epoch: &EpochKeys, id: u64, key: &DataKey) -> Vec<u8> {
    let mut plain = zeroize::Zeroizing::new(Vec::with_capacity(128));
    plain.extend_from_slice(&key.tenant.to_be_bytes());
    plain.extend_from_slice(key.key.as_bytes());
    plain.extend_from_slice(key.sub.as_ref().map_or("", SubjectId::as_str).as_bytes());
    if let Some(grant) = &key.grant {
        // no pseudonym has a zero byte in it
        plain.push(0);
        plain.extend_from_slice(grant.as_bytes());
    }
    epoch.wrap.seal(&plain, &rows::data_key_key(id))
}

pub(crate) fn unwrap(epoch: &EpochKeys, id: u64, wrapped: &[u8]) -> Option<DataKey> {
    let plain = zeroize::Zeroizing::new(epoch.wrap.open(wrapped, &rows::data_key_key(id)).ok()?);
    let mut cursor = Cursor(&plain);
    let tenant = cursor.u32()?;
    let key = SealKey::from_bytes(cursor.array()?);
    let owner = cursor.0;
    let (sub, grant) = match owner.iter().position(|byte| *byte == 0) {
        Some(end) => {
            let (sub, grant) = owner.split_at_checked(end)?;
            (sub, Some(Jti::from_bytes(grant.get(1..)?.try_into().ok()?).ok()?))
        }
        None => (owner, None),
    };
    let sub = std::str::from_utf8(sub).ok()?;
    let sub = if sub.is_empty() { None } else { Some(SubjectId::parse(sub).ok()?) };
    Some(DataKey { tenant, sub, grant, key })
}

fn damaged(what: &str) -> Fault {
    Fault::Damaged { what: format!("state row of a {what}"), why: "it does not open or parse".to_owned() }
}
