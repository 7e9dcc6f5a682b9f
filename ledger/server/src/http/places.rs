//! Places that a tenant's requests take, so that none takes them all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use grantbook_record::TenantId;

/// How many places each tenant has taken.
#[derive(Clone)]
pub(super) struct Places {
    each: u32,
    taken: Arc<Mutex<HashMap<TenantId, u32>>>,
}

/// A place, given back when it is dropped.
pub(super) struct Place {
    places: Places,
    tenant: TenantId,
}

impl Places {
    /// So many for each tenant.
    pub(super) fn new(each: u32) -> Self {
        Self { each, taken: Arc::default() }
    }

    /// One for the tenant, if it has one left.
    pub(super) fn take(&self, tenant: TenantId) -> Option<Place> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(tenant).or_default();
        if *count >= self.each {
            return None;
        }
        *count += 1;
        Some(Place { places: self.clone(), tenant })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.tenant) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tenant_has_its_own_and_gets_them_back() {
        let [one, other] = [1, 2].map(|id| TenantId::from_bytes([id; 16]));
        let places = Places::new(2);
        let taken = [places.take(one), places.take(one)];
        assert!(taken.iter().all(Option::is_some));
        assert!(places.take(one).is_none());
        assert!(places.take(other).is_some());
        drop(taken);
        assert!(places.take(one).is_some());
        assert!(places.taken.lock().unwrap().is_empty());
    }
}
