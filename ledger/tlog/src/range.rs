//! Tree sizes, leaf indexes, and the compact range that a log appends to.

use std::fmt;

use crate::{Hash, NodeReader, empty_root, node_hash};

/// The zero-based position of an entry in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeafIndex(pub u64);

/// A number of leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreeSize(pub u64);

impl fmt::Display for LeafIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for TreeSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a compact range cannot be built or grown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// A tree of this size decomposes into another number of complete subtrees.
    #[error("a tree of size {size} has {expected} complete subtrees, got {got} hashes")]
    HashCount {
        /// The tree's size.
        size: TreeSize,
        /// Complete subtrees: the ones in the size's binary form.
        expected: u32,
        /// Hashes given.
        got: usize,
    },
    /// The tree holds 2^64 − 1 leaves.
    #[error("the tree is full at {} leaves", u64::MAX)]
    Full,
}

/// The roots of the maximal complete subtrees of a tree over `[0, size)`: all that appending and the root need.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CompactRange {
    size: u64,
    /// One per set bit of `size`, the largest and leftmost subtree first.
    hashes: Vec<Hash>,
}

impl CompactRange {
    /// The range of the empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// Rebuilds a range from [`Self::size`] and [`Self::hashes`]. The hashes are taken as given: compare
    /// [`Self::root`] with a signed root.
    pub fn from_parts(size: TreeSize, hashes: Vec<Hash>) -> Result<Self, RangeError> {
        let expected = size.0.count_ones();
        if u32::try_from(hashes.len()) != Ok(expected) {
            return Err(RangeError::HashCount { size, expected, got: hashes.len() });
        }
        Ok(Self { size: size.0, hashes })
    }

    /// Reads the range of a tree of `size` leaves from stored nodes.
    pub fn load<R: NodeReader>(size: TreeSize, reader: &R) -> Result<Self, R::Error> {
        let hashes =
            subtrees(0, size.0).map(|(level, index)| reader.node(level, index)).collect::<Result<_, _>>()?;
        Ok(Self { size: size.0, hashes })
    }

    /// Appends one leaf and gives its index. `visit` sees `(level, index, hash)` of every subtree that became
    /// complete, the leaf itself at level 0 first and each parent after its children.
    pub fn append(
        &mut self,
        leaf: Hash,
        mut visit: impl FnMut(u8, u64, Hash),
    ) -> Result<LeafIndex, RangeError> {
        let leaf_index = self.size;
        self.size = leaf_index.checked_add(1).ok_or(RangeError::Full)?;
        let (mut level, mut index, mut hash) = (0u8, leaf_index, leaf);
        visit(level, index, hash);
        // an odd index has its left sibling as the last hash of the range
        while index & 1 == 1 {
            let Some(left) = self.hashes.pop() else { break };
            hash = node_hash(&left, &hash);
            level += 1;
            index >>= 1;
            visit(level, index, hash);
        }
        self.hashes.push(hash);
        Ok(LeafIndex(leaf_index))
    }

    /// Leaves appended so far.
    pub fn size(&self) -> TreeSize {
        TreeSize(self.size)
    }

    /// The subtree roots, largest first; one for each set bit of the size.
    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    /// The root of the tree (RFC 6962 Merkle tree hash).
    pub fn root(&self) -> Hash {
        fold_right(&self.hashes).unwrap_or_else(empty_root)
    }
}

/// The root over adjacent subtrees given largest first; `None` for none.
pub(crate) fn fold_right(hashes: &[Hash]) -> Option<Hash> {
    hashes.iter().copied().rev().reduce(|right, left| node_hash(&left, &right))
}

/// `(level, index)` of the maximal complete subtrees of `[start, end)`, left to right. `start` must be a multiple of
/// the smallest power of two that is not below `end - start`.
pub(crate) fn subtrees(start: u64, end: u64) -> impl Iterator<Item = (u8, u64)> {
    let length = end.saturating_sub(start);
    (0u8..64).rev().filter(move |&level| length >> level & 1 == 1).map(move |level| {
        // what lies to the right of the subtree are the lower bits of the length
        let below = length & ((1 << level) - 1);
        (level, (end - below - 1) >> level)
    })
}
