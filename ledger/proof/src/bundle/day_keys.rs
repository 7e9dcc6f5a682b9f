//! That a day key is the tenant's, not one made up to find other entries or none.
//!
//! All day keys of a tenant are the leaves of one tree. Its root stays the same along a chain, so a prover who would hide a
//! day's entries behind another key had to know so before the first bundle.

use grantbook_record::Day;
use grantbook_record::entry::TagKey;
use grantbook_tlog::{
    CompactRange, Hash, LeafIndex, RangeError, TreeSize, inclusion_proof, leaf_hash, verify_inclusion,
};

use super::{Reader, write_hashes};
use crate::error::ProofError;

/// Days that there are, and leaves of the tree.
const DAYS: u64 = 1 << 16;
/// Hashes of a path.
const PATH: usize = 16;

/// The root over all day keys of a tenant, and the path of one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyProof {
    /// RFC 6962 root over the 65,536 day keys.
    pub root: Hash,
    path: Vec<Hash>,
}

impl KeyProof {
    /// The proof for one day's key of a tenant. Hashes 65,536 keys.
    pub fn new(tag_key: &TagKey, day: Day) -> Result<Self, RangeError> {
        let mut range = CompactRange::new();
        let mut levels = vec![Vec::new(); PATH + 1];
        for day in 0..=u16::MAX {
            let leaf = leaf_hash(&tag_key.day_key(Day(day)).to_bytes());
            range.append(leaf, |level, _, hash| {
                if let Some(nodes) = levels.get_mut(usize::from(level)) {
                    nodes.push(hash);
                }
            })?;
        }
        // a tree of all its leaves has every node
        let path = inclusion_proof(LeafIndex(day.0.into()), TreeSize(DAYS), &Levels(levels));
        Ok(Self { root: range.root(), path: path.unwrap_or_default() })
    }

    pub(super) fn parse(reader: &mut Reader<'_>, day: Day, day_key: &[u8; 32]) -> Result<Self, ProofError> {
        let root = Hash(reader.array("day keys")?);
        let path = reader.hashes(PATH, "day keys")?;
        let leaf = leaf_hash(day_key);
        verify_inclusion(&leaf, LeafIndex(day.0.into()), TreeSize(DAYS), &path, &root)
            .map_err(|_| ProofError::Field { field: "day keys", expected: "the path of the day key" })?;
        Ok(Self { root, path })
    }

    pub(super) fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.root.0);
        write_hashes(&self.path, bytes);
    }
}

/// Nodes by level.
struct Levels(Vec<Vec<Hash>>);

impl grantbook_tlog::NodeReader for Levels {
    type Error = ();

    fn node(&self, level: u8, index: u64) -> Result<Hash, ()> {
        let level = self.0.get(usize::from(level)).ok_or(())?;
        usize::try_from(index).ok().and_then(|index| level.get(index)).copied().ok_or(())
    }
}
