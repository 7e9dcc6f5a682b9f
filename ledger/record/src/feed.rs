//! The feed: a tenant's events in the order of the log, as a hash chain, so that a dropped frame shows.
//!
//! Specification: `docs/spec/feed.md`.

use grantbook_tlog::Hash;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::encoding::Bytes32;
use crate::entry;
use crate::id::{Jti, SubjectId, TenantId};
use crate::receipt::Receipt;

/// Bytes of one frame's JSON.
pub const FRAME_BYTES_MAX: usize = 512 * 1024;

/// How many frames of a tenant's feed there are before this one; the first frame has sequence 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FeedPosition(pub u64);

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Frame {
    /// Its place in the feed, from 0 without gaps.
    pub seq: FeedPosition,
    /// The chain's value after it.
    pub chain: Bytes32,
    /// What it is about, so that a reader that does not know its kind can deny just that.
    pub about: About,
    /// The entry with its content and proof, without openings.
    pub receipt: Receipt,
}

/// What a frame is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// The whole tenant.
    Tenant,
    /// A customer.
    Customer(SubjectId),
    /// One grant of a customer.
    Grant(GrantOf),
}

/// A grant and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantOf {
    /// The customer.
    pub sub: SubjectId,
    /// The grant.
    pub grant: Jti,
}

/// The value of a feed's chain: before the first frame
/// `SHA-256(0x46 ‖ SHA-256(origin) ‖ tenant id)`, after each
/// `SHA-256(0x46 ‖ chain ‖ sequence ‖ leaf index ‖ leaf hash)`, integers big-endian 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chain {
    /// Frames so far.
    pub position: FeedPosition,
    /// The value.
    pub value: Bytes32,
}

impl Chain {
    /// Before the first frame.
    pub fn start(origin: &str, tenant: TenantId) -> Self {
        Self { position: FeedPosition(0), value: Bytes32(entry::chain_start(origin, tenant).0) }
    }

    /// After one more frame.
    #[must_use]
    pub fn next(&self, leaf_index: u64, leaf_hash: &Hash) -> Self {
        let hash = Sha256::new()
            .chain_update([0x46])
            .chain_update(self.value.0)
            .chain_update(self.position.0.to_be_bytes())
            .chain_update(leaf_index.to_be_bytes())
            .chain_update(leaf_hash.0)
            .finalize();
        Self { position: FeedPosition(self.position.0.saturating_add(1)), value: Bytes32(hash.into()) }
    }
}
