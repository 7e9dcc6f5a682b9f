//! Tenants, gates and tokens, as the facade offers them.

use grantbook_record::{GateId, PublicKey, TenantId};
use zeroize::Zeroizing;

use crate::error::TenantError;
use crate::keyring::{Principal, Role, SandboxTenant, Tenant, TokenInfo};
use crate::ledger::Ledger;

impl Ledger {
    /// Every tenant, in the order in which they were made.
    pub fn tenants(&self) -> Vec<Tenant> {
        self.inner.keyring.tenants()
    }

    /// One tenant.
    pub fn tenant(&self, id: TenantId) -> Option<Tenant> {
        self.inner.keyring.tenant(id).map(|(_, tenant)| tenant)
    }

    /// Makes a tenant. Its name must be new.
    pub fn create_tenant(
        &self,
        name: &str,
        enterprise_key: PublicKey,
        sandbox: bool,
    ) -> Result<Tenant, TenantError> {
        self.inner.keyring.create_tenant(name, enterprise_key, sandbox)
    }

    /// The tenant for trying things out, made at the first call.
    pub fn sandbox(&self) -> Result<SandboxTenant, TenantError> {
        self.inner.keyring.sandbox()
    }

    /// Lets a gate sign batches with its key. The same again changes nothing.
    pub fn register_gate(&self, tenant: TenantId, id: &GateId, key: PublicKey) -> Result<(), TenantError> {
        self.inner.keyring.register_gate(tenant, id, key)
    }

    /// The present key epoch, and the key under which a registered gate seals what it keeps as long as the epoch lasts.
    pub fn gate_key(
        &self,
        tenant: TenantId,
        gate: &GateId,
    ) -> Result<(u64, Zeroizing<[u8; 32]>), TenantError> {
        let known = self.tenant(tenant).ok_or(TenantError::UnknownTenant)?;
        if !known.gates.iter().any(|known| known.id == *gate) {
            return Err(TenantError::UnknownGate);
        }
        let epoch = self.inner.keyring.epoch();
        Ok((epoch.number, epoch.gate_key(tenant, gate)))
    }

    /// Makes a bearer token; the secret is shown this once.
    pub fn create_token(
        &self,
        tenant: TenantId,
        role: Role,
        label: &str,
    ) -> Result<(TokenInfo, String), TenantError> {
        self.inner.keyring.create_token(tenant, role, label)
    }

    /// A tenant's tokens, without their secrets.
    pub fn tokens(&self, tenant: TenantId) -> Vec<TokenInfo> {
        self.inner.keyring.tokens(tenant)
    }

    /// Makes a token worthless.
    pub fn revoke_token(&self, tenant: TenantId, id: &str) -> Result<(), TenantError> {
        self.inner.keyring.revoke_token(tenant, id)
    }

    /// Who bears this token.
    pub fn authenticate(&self, token: &str) -> Option<Principal> {
        self.inner.keyring.authenticate(token)
    }
}
