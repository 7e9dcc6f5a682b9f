//! State proofs: what a customer's grants at one enterprise came to at some size of the log, or that there were none.
//!
//! Specification: `docs/spec/state-proof.md`. A state proof is JSON in one spelling: what [`StateProof::to_json`] writes.

mod map;
mod states;

pub use map::{DEPTH, EMPTY, MapProof, OtherLeaf, leaf_hash, node_hash};
pub use states::{GRANTS_MAX, GrantStates, GrantStatus, StateKey, StateOfGrant, state_key};

use grantbook_tlog::{Demands, LeafIndex, LogKeys, TreeSize};
use serde::{Deserialize, Serialize};

use crate::day::UnixSeconds;
use crate::event::{Claims, Event, Evidence};
use crate::id::{SubjectId, TenantId};
use crate::jwk::PublicKey;
use crate::kind::Kind;
use crate::receipt::{Receipt, ReceiptError, Trust, VerifiedContent, VerifiedReceipt};
use crate::strict_json::{self, JsonError};

/// Version of the format.
pub const VERSION: u8 = 1;
/// Bytes of a state proof's JSON.
pub const STATE_PROOF_BYTES_MAX: usize = 1024 * 1024;

/// Why a state proof does not verify.
#[derive(Debug, thiserror::Error)]
pub enum StateProofError {
    /// Larger than [`STATE_PROOF_BYTES_MAX`].
    #[error("state proof of {got} bytes, expected at most {STATE_PROOF_BYTES_MAX}")]
    TooLarge {
        /// Its bytes.
        got: usize,
    },
    /// The JSON departs from the schema.
    #[error("refused state proof: {0}")]
    Schema(#[from] JsonError),
    /// Another spelling of the same proof.
    #[error("state proof is not in its one spelling, expected the bytes as they were issued")]
    Spelling,
    /// Another version of the format.
    #[error("state proof version {got}, expected {VERSION}")]
    Version {
        /// As came.
        got: u8,
    },
    /// The receipt of the root.
    #[error("receipt of the root: {0}")]
    Root(#[source] ReceiptError),
    /// The receipt of the enrolment.
    #[error("receipt of the enrolment: {0}")]
    Enrolment(#[source] ReceiptError),
    /// The two receipts are under different checkpoints.
    #[error("receipts under two checkpoints, expected the same one")]
    Checkpoints,
    /// A receipt of another kind of entry.
    #[error("receipt of {got}, expected one of {expected}")]
    Kind {
        /// As the place demands.
        expected: Kind,
        /// As came.
        got: Kind,
    },
    /// The root is another log's, or a tenant's.
    #[error("root for {got}, expected the log itself, {expected}")]
    Audience {
        /// The id of the log.
        expected: TenantId,
        /// As came.
        got: TenantId,
    },
    /// The enrolled key is not the customer's first.
    #[error("key that was enrolled on an earlier key's word, expected the customer's first key")]
    NotFirst,
    /// The root is of a later log than that which its entry follows.
    #[error("root of size {size} at entry {entry}, expected a size of at most {entry}")]
    Size {
        /// Size of the tree whose fold it is.
        size: u64,
        /// Where the root's entry stands.
        entry: u64,
    },
    /// The customer was not enrolled yet.
    #[error("customer enrolled at entry {enrolled}, expected one below size {size}")]
    NotEnrolled {
        /// Where the enrolment stands.
        enrolled: u64,
        /// Size of the tree whose fold the root is.
        size: u64,
    },
    /// A state names an entry that the customer's grants cannot have had.
    #[error("states name an entry outside of {above} to {size}, expected entries between enrolment and size")]
    Entries {
        /// Where the enrolment stands.
        above: u64,
        /// Size of the tree whose fold the root is.
        size: u64,
    },
    /// The map's proof does not lead to the root.
    #[error("proof of the map does not lead to the signed root")]
    Map,
}

/// Everything that is needed to check offline what a customer's grants came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateProof {
    /// Version of the format.
    pub v: u8,
    /// Receipt of the `state.root` entry.
    pub root: Receipt,
    /// Receipt of the `key.enrolled` entry of the customer's first key at the enterprise.
    pub enrolment: Receipt,
    /// The states of the customer's grants; absent where the map has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub states: Option<GrantStates>,
    /// What leads from the customer's place in the map to its root.
    pub map: MapProof,
}

/// A state proof that was checked.
#[derive(Debug, Clone)]
pub struct VerifiedState {
    /// Size of the tree whose fold it is: all entries before.
    pub size: TreeSize,
    /// When the operator signed the root, by the operator's word.
    pub signed_at: UnixSeconds,
    /// Where the root stands in the log.
    pub root_entry: LeafIndex,
    /// The key that signed the root. That it is the operator's is for who knows it to compare.
    pub signed_by: PublicKey,
    /// The enterprise.
    pub tenant: TenantId,
    /// The customer, as the enterprise names them.
    pub sub: SubjectId,
    /// Where the customer's first key was enrolled.
    pub enrolled: LeafIndex,
    /// The customer's grants; `None` where the map has none: never granted, or erased by then.
    pub states: Option<GrantStates>,
    /// Size of the tree whose checkpoint both receipts lead to.
    pub tree_size: TreeSize,
    /// When the log's clock key cosigned that checkpoint.
    pub cosigned_at: UnixSeconds,
    /// How far the checkpoint is vouched for.
    pub trust: Trust,
}

impl StateProof {
    /// Parses a state proof in its one spelling (a final line feed is allowed); implies no trust.
    pub fn parse(json: &[u8]) -> Result<Self, StateProofError> {
        if json.len() > STATE_PROOF_BYTES_MAX {
            return Err(StateProofError::TooLarge { got: json.len() });
        }
        let json = json.strip_suffix(b"\n").unwrap_or(json);
        let proof: Self = strict_json::parse(json)?;
        if proof.v != VERSION {
            return Err(StateProofError::Version { got: proof.v });
        }
        if proof.to_json() != json {
            return Err(StateProofError::Spelling);
        }
        Ok(proof)
    }

    /// The proof's bytes.
    pub fn to_json(&self) -> Vec<u8> {
        // string keys, no fallible serialisers
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Checks everything but the entries' tags.
    pub fn verify(&self, keys: &LogKeys) -> Result<VerifiedState, StateProofError> {
        self.verify_under(keys, &Demands::default())
    }

    /// As [`Self::verify`], under demands beyond the log's own two signatures.
    pub fn verify_under(&self, keys: &LogKeys, demands: &Demands) -> Result<VerifiedState, StateProofError> {
        let root = self.root.verify_under(keys, demands).map_err(StateProofError::Root)?;
        let enrolment = self.enrolment.verify_under(keys, demands).map_err(StateProofError::Enrolment)?;
        // two checkpoints could be of two histories
        if (root.tree_size, root.root) != (enrolment.tree_size, enrolment.root) {
            return Err(StateProofError::Checkpoints);
        }
        let kind = |expected, got: &VerifiedReceipt| StateProofError::Kind { expected, got: got.entry.kind };
        let Some((claims, Event::StateRoot(published), signed_by)) = event_of(&root) else {
            return Err(kind(Kind::StateRoot, &root));
        };
        let expected = TenantId::of_log(keys.origin());
        if claims.aud != expected {
            return Err(StateProofError::Audience { expected, got: claims.aud });
        }
        let Some((enrolled_by, event, _)) = event_of(&enrolment) else {
            return Err(kind(Kind::KeyEnrolled, &enrolment));
        };
        let (sub, first, evidence) = match event {
            Event::KeyEnrolled(first) => (&first.sub, &first.key, first.evidence),
            // a minor whose first key is a guardian's
            Event::GuardianNamed(first) => (&first.sub, &first.key, first.evidence),
            _ => return Err(kind(Kind::KeyEnrolled, &enrolment)),
        };
        if evidence == Evidence::EnrolledKey {
            return Err(StateProofError::NotFirst);
        }
        let (size, entry, enrolled) = (published.size, root.leaf_index.0, enrolment.leaf_index.0);
        if size > entry {
            return Err(StateProofError::Size { size, entry });
        }
        if enrolled >= size {
            return Err(StateProofError::NotEnrolled { enrolled, size });
        }
        if let Some(states) = &self.states {
            let first = states.grants().first().map_or(0, |grant| grant.given);
            if first <= enrolled || states.last_entry() >= size {
                return Err(StateProofError::Entries { above: enrolled, size });
            }
        }
        let salt = &self.enrolment.salt;
        let value = self.states.as_ref().map(|states| states.value(salt));
        if self.map.root(&state_key(salt, &first.thumbprint()), value.as_ref()) != Some(published.root) {
            return Err(StateProofError::Map);
        }
        Ok(VerifiedState {
            size: TreeSize(size),
            signed_at: claims.iat,
            root_entry: root.leaf_index,
            signed_by,
            tenant: enrolled_by.aud,
            sub: sub.clone(),
            enrolled: enrolment.leaf_index,
            states: self.states.clone(),
            tree_size: root.tree_size,
            cosigned_at: root.cosigned_at.min(enrolment.cosigned_at),
            trust: root.trust.min(enrolment.trust),
        })
    }
}

/// Claims and event of a verified receipt, where it is one of an event, and the first of its signers.
fn event_of(verified: &VerifiedReceipt) -> Option<(&Claims<Event>, &Event, PublicKey)> {
    match &verified.content {
        VerifiedContent::Event { claims, keys } => Some((claims, &claims.event, *keys.first()?)),
        VerifiedContent::Use { .. } => None,
    }
}
