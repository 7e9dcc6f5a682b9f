//! What the state begins the next key epoch with: every row, those that are sealed or named under the epoch's key anew.

use std::sync::Arc;

use grantbook_record::TenantId;

use super::rows::{
    self, ASSET, BOOKS, CLOSED, COUNTS, CUSTOMER, Customer, DATA_KEY, GRANT, PAST, TENANT, USE_ID, UseIdRow,
};
use super::{State, damaged, sealed, unwrap, wrap};
use crate::keyring::EpochKeys;
use crate::state_map::MAP;
use crate::store::{Fault, NextEpoch, Row, RowChange};

/// First byte of the rows of the map of grant states; those of erased customers are gone from it already.
const MAP_ROWS: &[u8] = &[MAP];

/// Rows copied at once.
const ROWS_AT_ONCE: usize = 1024;
/// Customers decoded at once, while no epoch can begin.
const CUSTOMERS_AT_ONCE: usize = 128;

/// The data keys that are not destroyed, one bit for each id.
#[derive(Default)]
pub(crate) struct LiveKeys(Vec<u64>);

impl LiveKeys {
    fn insert(&mut self, id: u64) {
        let Ok(at) = usize::try_from(id / 64) else { return };
        if self.0.len() <= at {
            self.0.resize(at + 1, 0);
        }
        if let Some(bits) = self.0.get_mut(at) {
            *bits |= 1 << (id % 64);
        }
    }

    pub(crate) fn contains(&self, id: u64) -> bool {
        let bits = usize::try_from(id / 64).ok().and_then(|at| self.0.get(at));
        bits.is_some_and(|bits| bits & (1 << (id % 64)) != 0)
    }
}

impl State {
    /// Writes every row to the next epoch; gives the data keys that are live. `owner_of` gives the data key id of an
    /// entry. Only the sequencer may call it: nothing may be committed meanwhile.
    pub(crate) fn copy_rows(
        &self,
        next: &EpochKeys,
        writer: &mut dyn NextEpoch,
        tenant_id: impl Fn(u32) -> Option<TenantId>,
        owner_of: impl Fn(u64) -> Result<u64, Fault>,
    ) -> Result<LiveKeys, Fault> {
        let position = self.store.position()?;
        let mut live = LiveKeys::default();
        // data keys first: they say which of the other rows are of somebody who is still here
        self.each_page(DATA_KEY, &mut |page| {
            let mut keys = Vec::with_capacity(page.len());
            for (name, wrapped) in &page {
                let id = name.last_chunk().map_or(0, |id| u64::from_be_bytes(*id));
                let key = unwrap(&self.epoch(), id, wrapped).ok_or_else(|| damaged("data key"))?;
                keys.push((id, wrap(next, id, &key)));
                live.insert(id);
            }
            let rows = keys.iter().map(|(id, key)| (rows::data_key_key(*id), Some(key.clone()))).collect();
            writer.put_keys(&keys)?;
            writer.put_rows(rows, position)
        })?;
        self.each_page(&[], &mut |page| {
            let mut copied = Vec::with_capacity(page.len());
            for row in page {
                self.copy_row(next, row, &live, &tenant_id, &owner_of, &mut copied)?;
            }
            writer.put_rows(copied, position)
        })?;
        Ok(live)
    }

    /// Goes over all customers, those who come meanwhile perhaps left out; whether it came to the end. A key epoch that begins
    /// meanwhile gives them other names: then it ends early.
    pub(crate) fn each_customer(
        &self,
        take: &mut dyn FnMut(Customer) -> Result<(), Fault>,
    ) -> Result<bool, Fault> {
        let begun = self.epoch().number;
        let mut after: Option<Vec<u8>> = None;
        loop {
            let mut customers = Vec::new();
            {
                // held, so that rows and the key to them are of one epoch
                let epoch = self.epoch();
                if epoch.number != begun {
                    return Ok(false);
                }
                let page = self.store.rows(CUSTOMER, after.as_deref(), CUSTOMERS_AT_ONCE)?;
                let Some((last, _)) = page.last() else { return Ok(true) };
                after = Some(last.clone());
                for (name, sealed) in &page {
                    let row = epoch.rows.open(sealed, name).map_err(|_| damaged("sealed row"))?;
                    let counts = [COUNTS, name.get(1..).unwrap_or_default()].concat();
                    let counts = self.sealed_row(&epoch, &counts)?;
                    let customer = Customer::decode(&row, counts.as_deref());
                    customers.push(customer.ok_or_else(|| damaged("customer"))?);
                }
            }
            customers.into_iter().try_for_each(&mut *take)?;
        }
    }

    fn copy_row(
        &self,
        next: &EpochKeys,
        (name, value): Row,
        live: &LiveKeys,
        tenant_id: &impl Fn(u32) -> Option<TenantId>,
        owner_of: &impl Fn(u64) -> Result<u64, Fault>,
        copied: &mut Vec<RowChange>,
    ) -> Result<(), Fault> {
        let epoch = Arc::clone(&self.epoch());
        let open =
            |name: &[u8], value: &[u8]| epoch.rows.open(value, name).map_err(|_| damaged("sealed row"));
        match name.get(..1) {
            // copied already, and beside their customers
            Some(DATA_KEY | COUNTS) => {}
            Some(CUSTOMER) => {
                let state = open(&name, &value)?;
                let counts_name = [COUNTS, name.get(1..).unwrap_or_default()].concat();
                let counts = self.sealed_row(&epoch, &counts_name)?;
                let customer =
                    Customer::decode(&state, counts.as_deref()).ok_or_else(|| damaged("customer"))?;
                let owner = self.data_key(customer.key_id).map_err(|_| damaged("customer's data key"))?;
                let tenant = tenant_id(owner.tenant).ok_or_else(|| damaged("customer's tenant"))?;
                let key = self.customer_key(tenant, &customer.sub);
                copied.push(sealed(next, key.state_row(next), &state));
                if let Some(counts) = counts {
                    copied.push(sealed(next, key.counts_row(next), &counts));
                }
            }
            Some(TENANT | CLOSED | BOOKS | PAST | MAP_ROWS) => {
                copied.push(sealed(next, name.clone(), &open(&name, &value)?));
            }
            Some(USE_ID) => {
                let row = UseIdRow::decode(&value).ok_or_else(|| damaged("use id"))?;
                if live.contains(owner_of(row.leaf_index)?) {
                    copied.push((name, Some(value)));
                }
            }
            Some(GRANT | ASSET) => {
                let (_, key_id) = rows::grant_row(&name, &value).ok_or_else(|| damaged("grant"))?;
                if live.contains(key_id) {
                    copied.push((name, Some(value)));
                }
            }
            _ => copied.push((name, Some(value))),
        }
        Ok(())
    }

    /// Pages through the rows of a prefix.
    fn each_page(
        &self,
        prefix: &[u8],
        take: &mut dyn FnMut(Vec<Row>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = self.store.rows(prefix, after.as_deref(), ROWS_AT_ONCE)?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = Some(last.clone());
            take(page)?;
        }
    }
}
