//! What the prover keeps secret between days: the openings of the sums that no settlement has taken yet. Part of the
//! keyring's cases, so sealed under the key epoch's key.

use grantbook_proof::prove::SecretSums;
use grantbook_record::TenantId;
use grantbook_record::encoding::Bytes32;
use serde::{Deserialize, Serialize};

/// How far a tenant's days are proved. That there is one means that a proof policy is in use.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptSums {
    pub(crate) tenant: TenantId,
    /// Size of the tree where the chain of the tenant's bundles begins.
    pub(crate) from: u64,
    /// Size of the tree up to which the tenant's days are proved.
    pub(crate) size: u64,
    /// Digest of the bundle after which these are the sums; none before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) after: Option<Bytes32>,
    pub(crate) sums: SecretSums,
}
