//! Reads of data assets. Specification: `docs/spec/asset.md`.

use grantbook_plan::AssetState;
use grantbook_record::{Jti, SubjectId, TenantId};
use grantbook_tlog::LeafIndex;

use crate::error::ReadError;
use crate::ledger::Ledger;
use crate::state::Customer;

/// A data asset as listed.
#[derive(Debug, Clone)]
pub struct AssetRow {
    /// The customer from whose data it was derived.
    pub sub: SubjectId,
    /// The asset as it stands.
    pub asset: AssetState,
    /// Whether a licence of it may be given now.
    pub licensable: bool,
}

/// Assets as listed.
#[derive(Debug, Clone)]
pub struct AssetRows {
    /// By rising leaf index of their `asset.issued`.
    pub assets: Vec<AssetRow>,
    /// Where to go on, unless that was the end.
    pub next: Option<LeafIndex>,
}

impl Ledger {
    /// A tenant's data assets, by rising leaf index after `after`.
    pub fn assets(
        &self,
        tenant: TenantId,
        after: Option<LeafIndex>,
        limit: usize,
    ) -> Result<AssetRows, ReadError> {
        let state = &self.inner.state;
        let rows = state.assets(self.inner.number(tenant)?, after.map(|leaf| leaf.0), limit)?;
        let next = rows.last().filter(|_| rows.len() >= limit).map(|(leaf, _)| LeafIndex(*leaf));
        let mut assets = Vec::with_capacity(rows.len());
        for (leaf, key_id) in rows {
            let key = match state.data_key(key_id) {
                Ok(key) => key,
                Err(ReadError::Erased) => continue,
                Err(error) => return Err(error),
            };
            let Some(sub) = &key.sub else { continue };
            let Some(customer) = state.customer(state.customer_key(tenant, sub))? else { continue };
            let asset = customer.state.assets.iter().find(|asset| asset.leaf_index() == leaf);
            assets.extend(asset.map(|asset| self.asset_row(&customer, asset)));
        }
        Ok(AssetRows { assets, next })
    }

    /// The data assets derived from one customer's data, by rising leaf index.
    pub fn assets_of(&self, tenant: TenantId, sub: &SubjectId) -> Result<Vec<AssetRow>, ReadError> {
        let customer = self.inner.state.customer(self.inner.state.customer_key(tenant, sub))?;
        let Some(customer) = customer else { return Ok(Vec::new()) };
        Ok(customer.state.assets.iter().map(|asset| self.asset_row(&customer, asset)).collect())
    }

    /// The data asset whose `asset.issued` has this `jti`.
    pub fn asset(&self, tenant: TenantId, jti: &Jti) -> Result<AssetRow, ReadError> {
        let row = self.inner.state.jti(tenant, jti)?.ok_or(ReadError::NotFound)?;
        let owned = self.inner.tenants_item(tenant, row.leaf_index)?;
        let key = self.inner.state.data_key(owned.owner.key_id)?;
        let sub = key.sub.as_ref().ok_or(ReadError::NotFound)?;
        let rows = self.assets_of(tenant, sub)?;
        rows.into_iter().find(|row| row.asset.id == *jti).ok_or(ReadError::NotFound)
    }

    fn asset_row(&self, customer: &Customer, asset: &AssetState) -> AssetRow {
        let licensable = asset.is_licensable(&customer.state, self.inner.clock.now().seconds());
        AssetRow { sub: customer.sub.clone(), asset: asset.clone(), licensable }
    }
}
