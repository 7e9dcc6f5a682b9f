//! Decoded customers, bounded, in shards so that readers rarely wait for each other.

use std::sync::{Arc, Mutex, PoisonError};

use super::rows::{Customer, CustomerKey};
use crate::store::Fault;

const SHARDS: usize = 64;
/// Customers that all shards together may hold, about 4 kB each.
const CACHED_CUSTOMERS: usize = 16_384;

type Shard = Mutex<quick_cache::unsync::Cache<CustomerKey, Arc<Customer>>>;

pub(crate) struct CustomerCache(Vec<Shard>);

impl CustomerCache {
    pub(crate) fn new() -> Self {
        let shard = || Mutex::new(quick_cache::unsync::Cache::new(CACHED_CUSTOMERS / SHARDS));
        Self((0..SHARDS).map(|_| shard()).collect())
    }

    /// The row is read under the shard's lock, so that a reader can never put back what the sequencer replaced.
    pub(crate) fn get_or_load(
        &self,
        key: CustomerKey,
        load: impl FnOnce() -> Result<Option<Arc<Customer>>, Fault>,
    ) -> Result<Option<Arc<Customer>>, Fault> {
        let Some(shard) = self.0.get(usize::from(key.first()) % SHARDS) else { return load() };
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(customer) = shard.get(&key) {
            return Ok(Some(Arc::clone(customer)));
        }
        let loaded = load()?;
        if let Some(customer) = &loaded {
            shard.insert(key, Arc::clone(customer));
        }
        Ok(loaded)
    }

    /// Forgets a customer; called after the rows are removed.
    pub(crate) fn remove(&self, key: CustomerKey) {
        if let Some(shard) = self.0.get(usize::from(key.first()) % SHARDS) {
            shard.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        }
    }

    /// Replaces what readers see; called after the rows are written.
    pub(crate) fn put(&self, key: CustomerKey, customer: Arc<Customer>) {
        if let Some(shard) = self.0.get(usize::from(key.first()) % SHARDS) {
            shard.lock().unwrap_or_else(PoisonError::into_inner).insert(key, customer);
        }
    }
}
