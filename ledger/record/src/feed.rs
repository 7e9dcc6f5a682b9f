//! The feed: a tenant's events in the order of the log, as a hash chain, so that a dropped frame shows.
//!
//! Specification: `docs/spec/feed.md`.

use grantbook_tlog::{Hash, LogKeys};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::encoding::Bytes32;
use crate::entry;
use crate::event::{Claims, Event};
use crate::id::{Jti, SubjectId, TenantId};
use crate::receipt::{Receipt, ReceiptError, VerifiedContent, VerifiedReceipt};
use crate::strict_json::{self, JsonError};

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
    /// The entry with its content, proof and openings.
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
    /// Somebody who was erased. Which frames were about them is not to be known any more, so a reader cannot tell a
    /// frame that was held back from it: until a later `subject.erased` it denies whatever the feed is about.
    Erased,
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

/// Why a frame was refused.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// Larger than [`FRAME_BYTES_MAX`].
    #[error("frame of {got} bytes, expected at most {FRAME_BYTES_MAX}")]
    TooLarge {
        /// Its bytes.
        got: usize,
    },
    /// The JSON departs from the schema.
    #[error("refused frame: {0}")]
    Schema(#[from] JsonError),
    /// Another spelling of the same frame.
    #[error("frame is not in its one spelling, expected the bytes as they were issued")]
    Spelling,
    /// Another place in the feed than the next one: a frame is missing or came twice.
    #[error("frame {got}, expected {expected}", got = got.0, expected = expected.0)]
    Sequence {
        /// The next place.
        expected: FeedPosition,
        /// The frame's.
        got: FeedPosition,
    },
    /// The receipt does not verify.
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
    /// The chain's value is not what the frames so far lead to.
    #[error("frame does not continue the chain")]
    Chain,
    /// The frame says that it is about something else than its event is.
    #[error("frame is about something else than its event")]
    About,
}

impl About {
    /// What an event is about: grant events about a grant, other events of a customer about the customer.
    pub fn of(claims: &Claims<Event>) -> Self {
        let grant = match &claims.event {
            Event::GrantGiven(_) => Some(claims.jti),
            event => event.changed_grant(),
        };
        match (claims.event.subject(), grant) {
            (Some(sub), Some(grant)) => Self::Grant(GrantOf { sub: sub.clone(), grant }),
            (Some(sub), None) => Self::Customer(sub.clone()),
            (None, _) => Self::Tenant,
        }
    }
}

impl Frame {
    /// Parses a frame in its one spelling; implies no trust.
    pub fn parse(json: &[u8]) -> Result<Self, FrameError> {
        if json.len() > FRAME_BYTES_MAX {
            return Err(FrameError::TooLarge { got: json.len() });
        }
        let frame: Self = strict_json::parse(json)?;
        if frame.to_json() == json { Ok(frame) } else { Err(FrameError::Spelling) }
    }

    /// The frame's bytes.
    pub fn to_json(&self) -> Vec<u8> {
        // string keys, no fallible serialisers
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Checks place, receipt, chain and subject, given the chain before the frame; gives the chain after it.
    ///
    /// A reader that does not know the event's kind or version gets [`FrameError::Receipt`]: for a critical kind it
    /// denies what [`Frame::about`] names.
    pub fn verify(&self, keys: &LogKeys, before: &Chain) -> Result<(Chain, VerifiedReceipt), FrameError> {
        if self.seq != before.position {
            return Err(FrameError::Sequence { expected: before.position, got: self.seq });
        }
        let verified = self.receipt.verify(keys)?;
        let after = before.next(verified.leaf_index.0, &verified.leaf_hash);
        if after.value != self.chain {
            return Err(FrameError::Chain);
        }
        match &verified.content {
            VerifiedContent::Event { claims, .. } if About::of(claims) == self.about => Ok((after, verified)),
            _ => Err(FrameError::About),
        }
    }
}
