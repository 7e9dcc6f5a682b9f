//! Proofs of the map: a sparse Merkle tree of depth 256 in which a subtree of one leaf is that leaf. The hashing is that
//! of the crate `jmt` 0.12 over SHA-256; the page `docs/spec/state-proof.md` says all of it.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::states::StateKey;
use crate::encoding::Bytes32;
use crate::list::List;

/// Bits of a key, and so siblings of a proof at most.
pub const DEPTH: usize = 256;
/// The hash of a subtree without leaves, and the root of the map without keys.
pub const EMPTY: Bytes32 = Bytes32(*b"SPARSE_MERKLE_PLACEHOLDER_HASH__");

const LEAF_DOMAIN: &[u8] = b"JMT::LeafNode";
// sixteen bytes by leaving a vowel out, as the crate has it
const INTERNAL_DOMAIN: &[u8] = b"JMT::IntrnalNode";

/// What leads from the place of a key to the map's root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MapProof {
    /// Where the key is absent and the subtree in which it would be holds one other leaf: that leaf.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<OtherLeaf>,
    /// Hashes of the subtrees beside the way, from the leaf up to the root.
    pub siblings: List<Bytes32, 0, DEPTH>,
}

/// Another customer's leaf: two hashes that say nothing to those who lack that customer's salt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtherLeaf {
    /// Its key.
    pub key: Bytes32,
    /// SHA-256 of its value.
    pub value_hash: Bytes32,
}

impl MapProof {
    /// The root to which the proof leads for `key` with `value`, or for its absence; `None` where the proof is not of
    /// that form.
    pub fn root(&self, key: &StateKey, value: Option<&Bytes32>) -> Option<Bytes32> {
        let start = match (value, &self.other) {
            (Some(value), None) => leaf_hash(&key.0, &Bytes32::sha256(&value.0)),
            (None, None) => EMPTY,
            (None, Some(other)) => {
                // the key would be in the same subtree, which has no second leaf
                let is_beside = other.key != key.0 && shared_bits(&other.key, &key.0) >= self.siblings.len();
                is_beside.then(|| leaf_hash(&other.key, &other.value_hash))?
            }
            (Some(_), Some(_)) => return None,
        };
        let above = (0..self.siblings.len()).rev();
        Some(self.siblings.iter().zip(above).fold(start, |hash, (sibling, depth)| {
            if bit(&key.0, depth) { node_hash(sibling, &hash) } else { node_hash(&hash, sibling) }
        }))
    }
}

/// The hash of a subtree of one leaf: SHA-256("JMT::LeafNode" ‖ key ‖ SHA-256(value)).
pub fn leaf_hash(key: &Bytes32, value_hash: &Bytes32) -> Bytes32 {
    hash_of(LEAF_DOMAIN, key, value_hash)
}

/// The hash of a subtree of several leaves: SHA-256("JMT::IntrnalNode" ‖ left ‖ right).
pub fn node_hash(left: &Bytes32, right: &Bytes32) -> Bytes32 {
    hash_of(INTERNAL_DOMAIN, left, right)
}

fn hash_of(domain: &[u8], one: &Bytes32, other: &Bytes32) -> Bytes32 {
    let hash = Sha256::new().chain_update(domain).chain_update(one.0).chain_update(other.0);
    Bytes32(hash.finalize().into())
}

/// The bit at `depth`, the first being the highest of the first byte.
fn bit(key: &Bytes32, depth: usize) -> bool {
    key.0.get(depth / 8).is_some_and(|byte| byte & (0x80 >> (depth % 8)) != 0)
}

/// How many bits two keys begin with alike.
fn shared_bits(one: &Bytes32, other: &Bytes32) -> usize {
    (0..DEPTH).take_while(|depth| bit(one, *depth) == bit(other, *depth)).count()
}
