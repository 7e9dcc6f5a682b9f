//! What the operator of a ledger does to it, for everybody to see.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::encoding::Bytes32;
use crate::id::{Jti, TenantId};

/// The operator did something that is no customer's and no enterprise's event. Public; signed by the operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperatorActed {
    /// What it did.
    pub act: Act,
    /// The enterprise that it was about, as [`about_tenant`] hides it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<Bytes32>,
}

/// What an operator can do to a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// An enterprise was taken in.
    TenantCreated,
    /// An enterprise's record was taken over from another ledger.
    TenantImported,
    /// A gate may sign uses for an enterprise.
    GateRegistered,
    /// A token of an enterprise was made.
    TokenCreated,
    /// A token of an enterprise is worthless.
    TokenRevoked,
    /// A legal hold keeps a customer from being erased.
    HoldPlaced,
    /// A legal hold was lifted.
    HoldLifted,
    /// The next key epoch began.
    EpochRolled(RolledEpoch),
    /// A backup was put in place that is older than what was acknowledged.
    LossAccepted(AcceptedLoss),
    /// Entries that a regulator had drawn were opened to it.
    AuditOpened(OpenedAudit),
    /// A regulator kit was made.
    KitIssued(IssuedKit),
}

/// A regulator kit, as it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuedKit {
    /// SHA-256 of its signed manifest.
    pub manifest: Bytes32,
}

/// An audit's request, as it was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenedAudit {
    /// SHA-256 of the request.
    pub request: Bytes32,
    /// How many entries it asked for.
    pub entries: u32,
}

/// A key epoch that began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RolledEpoch {
    /// Its number, from 1.
    pub epoch: u64,
}

/// What a backup that was put in place lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcceptedLoss {
    /// Tree size of the backup.
    pub restored: u64,
    /// Tree size that had been signed.
    pub given_up: u64,
}

/// SHA-256(`54` ‖ jti of the envelope ‖ tenant id), 16 bytes each: an enterprise finds what was about it; nobody else
/// does, or sees which acts were about the same one.
pub fn about_tenant(jti: &Jti, tenant: TenantId) -> Bytes32 {
    let digest = Sha256::new()
        .chain_update([0x54])
        .chain_update(jti.as_bytes())
        .chain_update(tenant.as_bytes())
        .finalize();
    Bytes32(digest.into())
}
