//! The state: a fold over the log, kept in sealed rows and in a bounded cache of decoded ones.
//!
//! | key | row |
//! |---|---|
//! | `c` ‖ customer key | sealed: data key id, pseudonym, keys, grants, requests |
//! | `u` ‖ customer key | sealed: uses of each grant |
//! | `t` ‖ tenant | sealed: data key id, feed position and chain, templates, notices, groups |
//! | `w` ‖ tenant ‖ gate | progress of a gate |
//! | `b` ‖ tenant ‖ gate ‖ first sequence number | where a batch stands: first leaf index, count, digest of its head |
//! | `i` ‖ tenant ‖ digest of the use id | where a use with a caller's id stands, and the digest of its question |
//! | `j` ‖ digest of tenant and jti | where an envelope stands, and the digest of its bytes |
//! | `f` ‖ tenant ‖ sequence | leaf index and chain value of a feed frame |
//! | `g` ‖ tenant ‖ leaf index | customer key of a `grant.given` |
//! | `k` ‖ key id | a wrapped data key |
//!
//! Customer keys are keyed hashes under the epoch's key, so that rows of different epochs cannot be joined.

mod cache;
mod fold;
mod rows;

pub(crate) use cache::CustomerCache;
pub(crate) use fold::{Changes, FoldedUse, imported_use_id};
pub use rows::GateProgress;
pub(crate) use rows::{
    BatchRow, Customer, CustomerKey, FeedRow, JtiRow, TenantRow, UseIdRow, half, half_digest,
};

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use grantbook_record::{GateId, Jti, SubjectId, TenantId};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::error::ReadError;
use crate::keyring::EpochKeys;
use crate::seal::SealKey;
use crate::store::cursor::Cursor;
use crate::store::{Fault, Store};

/// Decoded data keys that the cache may hold.
const CACHED_KEYS: usize = 16_384;

/// The state as committed.
pub(crate) struct State {
    pub(crate) store: Arc<dyn Store>,
    rows_key: SealKey,
    wrap_key: SealKey,
    index_key: [u8; 32],
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
    pub(crate) key: SealKey,
}

impl State {
    pub(crate) fn new(store: Arc<dyn Store>, epoch: &EpochKeys) -> Self {
        Self {
            store,
            rows_key: epoch.rows.clone(),
            wrap_key: epoch.wrap.clone(),
            index_key: epoch.index,
            customers: CustomerCache::new(),
            tenants: RwLock::new(BTreeMap::new()),
            keys: quick_cache::sync::Cache::new(CACHED_KEYS),
            next_key: AtomicU64::new(1),
        }
    }

    /// The name of a customer's rows in this epoch.
    pub(crate) fn customer_key(&self, tenant: TenantId, sub: &SubjectId) -> CustomerKey {
        // HMAC takes keys of any length, so making it from 32 bytes cannot fail
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.index_key) else {
            return CustomerKey([0; 16]);
        };
        mac.update(tenant.as_bytes());
        mac.update(sub.as_str().as_bytes());
        let full: [u8; 32] = mac.finalize().into_bytes().into();
        CustomerKey(full.first_chunk::<16>().copied().unwrap_or_default())
    }

    pub(crate) fn customer(&self, key: CustomerKey) -> Result<Option<Arc<Customer>>, Fault> {
        self.customers.get_or_load(key, || self.load_customer(key))
    }

    fn load_customer(&self, key: CustomerKey) -> Result<Option<Arc<Customer>>, Fault> {
        let Some(row) = self.sealed_row(&key.state_row())? else { return Ok(None) };
        let counts = self.sealed_row(&key.counts_row())?;
        Customer::decode(&row, counts.as_deref())
            .map(|customer| Some(Arc::new(customer)))
            .ok_or_else(|| damaged("customer"))
    }

    pub(crate) fn tenant(&self, number: u32) -> Result<Arc<TenantRow>, Fault> {
        if let Some(row) = self.tenants.read().unwrap_or_else(PoisonError::into_inner).get(&number) {
            return Ok(Arc::clone(row));
        }
        let row = match self.sealed_row(&rows::tenant_key(number))? {
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

    pub(crate) fn jti(&self, tenant: TenantId, jti: &Jti) -> Result<Option<JtiRow>, Fault> {
        let row = self.store.row(&rows::jti_key(tenant, jti))?;
        row.map(|bytes| JtiRow::decode(&bytes).ok_or_else(|| damaged("jti"))).transpose()
    }

    pub(crate) fn batch(&self, tenant: u32, gate: &GateId, first: u64) -> Result<Option<BatchRow>, Fault> {
        let row = self.store.row(&rows::batch_key(tenant, gate, first))?;
        row.map(|bytes| BatchRow::decode(&bytes).ok_or_else(|| damaged("batch"))).transpose()
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

    /// Customers by the leaf index of their grants.
    pub(crate) fn grants(
        &self,
        tenant: u32,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Vec<(u64, CustomerKey)>, Fault> {
        let after = after.map(|leaf| rows::grant_key(tenant, leaf));
        let rows = self.store.rows(&rows::grant_prefix(tenant), after.as_deref(), limit)?;
        rows.into_iter()
            .map(|(key, value)| rows::grant_row(&key, &value).ok_or_else(|| damaged("grant")))
            .collect()
    }

    /// A data key; [`ReadError::Erased`] where it was destroyed.
    pub(crate) fn data_key(&self, id: u64) -> Result<Arc<DataKey>, ReadError> {
        if let Some(key) = self.keys.get(&id) {
            return Ok(key);
        }
        let wrapped = self.store.row(&rows::data_key_key(id))?.ok_or(ReadError::Erased)?;
        let key = Arc::new(self.unwrap(id, &wrapped).ok_or_else(|| damaged("data key"))?);
        self.keys.insert(id, Arc::clone(&key));
        Ok(key)
    }

    /// Makes a data key for a customer, or for the tenant itself.
    pub(crate) fn new_data_key(&self, tenant: u32, sub: Option<&SubjectId>) -> (u64, Vec<u8>, Arc<DataKey>) {
        let id = self.next_key.fetch_add(1, Ordering::Relaxed);
        let key = DataKey { tenant, sub: sub.cloned(), key: SealKey::random() };
        let mut plain = zeroize::Zeroizing::new(Vec::with_capacity(100));
        plain.extend_from_slice(&tenant.to_be_bytes());
        plain.extend_from_slice(key.key.as_bytes());
        plain.extend_from_slice(sub.map_or("", SubjectId::as_str).as_bytes());
        let wrapped = self.wrap_key.seal(&plain, &rows::data_key_key(id));
        let key = Arc::new(key);
        self.keys.insert(id, Arc::clone(&key));
        (id, wrapped, key)
    }

    /// Opens a wrapped data key; `None` where it does not open.
    pub(crate) fn unwrap(&self, id: u64, wrapped: &[u8]) -> Option<DataKey> {
        let plain = zeroize::Zeroizing::new(self.wrap_key.open(wrapped, &rows::data_key_key(id)).ok()?);
        let mut cursor = Cursor(&plain);
        let tenant = cursor.u32()?;
        let key = SealKey::from_bytes(cursor.array()?);
        let sub = std::str::from_utf8(cursor.0).ok()?;
        let sub = if sub.is_empty() { None } else { Some(SubjectId::parse(sub).ok()?) };
        Some(DataKey { tenant, sub, key })
    }

    /// Takes in keys that a store held beyond their batches; their ids are never used again.
    pub(crate) fn note_key(&self, id: u64) {
        self.next_key.fetch_max(id.saturating_add(1), Ordering::Relaxed);
    }

    /// Whether two rows under one key say the same; sealed ones are compared by what they seal.
    pub(crate) fn same_row(&self, key: &[u8], one: &[u8], other: &[u8]) -> bool {
        match key.first() {
            Some(b'c' | b'u' | b't') => {
                let open = |sealed| self.rows_key.open(sealed, key);
                matches!((open(one), open(other)), (Ok(one), Ok(other)) if one == other)
            }
            _ => one == other,
        }
    }

    fn sealed_row(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        let Some(sealed) = self.store.row(key)? else { return Ok(None) };
        self.rows_key.open(&sealed, key).map(Some).map_err(|_| damaged("sealed row"))
    }

    /// Writes a batch's changes and the position they lead to; then readers see them.
    pub(crate) fn commit(&self, changes: Changes, position: u64) -> Result<(), Fault> {
        let Changes { customers, tenants, gates, mut rows, .. } = changes;
        for (key, changed) in &customers {
            if changed.state {
                let name = key.state_row();
                let sealed = self.rows_key.seal(&changed.customer.encode_state(), &name);
                rows.push((name, Some(sealed)));
            }
            if changed.counts {
                let name = key.counts_row();
                let sealed = self.rows_key.seal(&changed.customer.encode_counts(), &name);
                rows.push((name, Some(sealed)));
            }
        }
        for (number, row) in &tenants {
            let name = rows::tenant_key(*number);
            let sealed = self.rows_key.seal(&row.encode(), &name);
            rows.push((name, Some(sealed)));
        }
        for ((tenant, gate), progress) in &gates {
            let json = serde_json::to_vec(progress).unwrap_or_default();
            rows.push((rows::gate_key(*tenant, gate), Some(json)));
        }
        self.store.apply(rows, position)?;
        for (key, changed) in customers {
            self.customers.put(key, Arc::new(changed.customer));
        }
        let mut shown = self.tenants.write().unwrap_or_else(PoisonError::into_inner);
        shown.extend(tenants.into_iter().map(|(number, row)| (number, Arc::new(row))));
        Ok(())
    }
}

fn damaged(what: &str) -> Fault {
    Fault::Damaged { what: format!("state row of a {what}"), why: "it does not open or parse".to_owned() }
}
