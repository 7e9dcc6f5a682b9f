//! Inclusion and consistency proofs (RFC 6962, sections 2.1.1 and 2.1.2).
//!
//! Both are one path: an inclusion proof is the path of siblings of a leaf, and a consistency proof is the path of the
//! last subtree that is complete in the old tree, led by that subtree's root unless it is the whole old tree.

use crate::range::{fold_right, subtrees};
use crate::{Hash, LeafIndex, TreeSize, empty_root, node_hash};

/// Gives the roots of complete subtrees, so that proofs can be made.
pub trait NodeReader {
    /// Why a node could not be read.
    type Error;

    /// The root of the complete subtree over the leaves `[index * 2^level, (index + 1) * 2^level)`.
    fn node(&self, level: u8, index: u64) -> Result<Hash, Self::Error>;
}

impl<R: NodeReader + ?Sized> NodeReader for &R {
    type Error = R::Error;

    fn node(&self, level: u8, index: u64) -> Result<Hash, R::Error> {
        (**self).node(level, index)
    }
}

/// Why a proof cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError<E> {
    /// The tree has no such leaf.
    #[error("leaf index {index} is not below tree size {size}")]
    IndexOutOfTree {
        /// The leaf index asked for.
        index: LeafIndex,
        /// The tree's size.
        size: TreeSize,
    },
    /// The old tree is larger than the new one.
    #[error("old tree size {old} is above new tree size {new}")]
    SizeShrinks {
        /// The old size.
        old: TreeSize,
        /// The new size.
        new: TreeSize,
    },
    /// A node could not be read.
    #[error("reading a tree node: {0}")]
    Reader(E),
}

/// Why a proof does not verify.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The tree has no such leaf.
    #[error("leaf index {index} is not below tree size {size}")]
    IndexOutOfTree {
        /// The leaf index claimed.
        index: LeafIndex,
        /// The tree's size.
        size: TreeSize,
    },
    /// The old tree is larger than the new one.
    #[error("old tree size {old} is above new tree size {new}")]
    SizeShrinks {
        /// The old size.
        old: TreeSize,
        /// The new size.
        new: TreeSize,
    },
    /// Index and sizes fix the number of hashes.
    #[error("the proof must have {expected} hashes, got {got}")]
    Length {
        /// Hashes that index and sizes ask for.
        expected: usize,
        /// Hashes given.
        got: usize,
    },
    /// The proof leads to another root of the (new) tree.
    #[error("expected root {expected}, the proof leads to {got}")]
    Root {
        /// The root to be matched.
        expected: Hash,
        /// The root that the proof leads to.
        got: Hash,
    },
    /// The proof leads to another root of the old tree.
    #[error("expected old root {expected}, the proof leads to {got}")]
    OldRoot {
        /// The root to be matched.
        expected: Hash,
        /// The root that the proof leads to.
        got: Hash,
    },
}

/// How a path runs from the subtree `index` at `level` up to the root of a tree of `size` leaves: first `inner` levels
/// with a sibling each, then along the tree's right edge, where only a set bit of the index has a (left) sibling.
struct PathShape {
    level: u32,
    inner: u32,
    /// Set bits of the leaf index above the inner part.
    border: u64,
}

impl PathShape {
    /// For the complete subtree at `level` that ends in leaf `last`, which must be the whole tree's last leaf only at
    /// level 0: then `last` ends in `level` ones and meets the path of the tree's last leaf above them.
    fn new(level: u32, last: u64, size: u64) -> Self {
        let inner = u64::BITS - (last ^ (size - 1)).leading_zeros();
        let border = last.checked_shr(inner).unwrap_or(0);
        Self { level, inner, border }
    }

    fn inner_len(&self) -> usize {
        (self.inner - self.level) as usize
    }

    fn len(&self) -> usize {
        self.inner_len() + self.border.count_ones() as usize
    }
}

/// Reads the siblings from the subtree that ends in leaf `last` at `level` up to the root.
fn path<R: NodeReader>(level: u32, last: u64, size: u64, reader: &R) -> Result<Vec<Hash>, R::Error> {
    let shape = PathShape::new(level, last, size);
    let mut hashes = Vec::with_capacity(shape.len());
    for level in shape.level..shape.inner {
        let sibling = (last >> level) ^ 1;
        let start = sibling << level;
        if (size - start) >> level == 0 {
            // only the topmost sibling can be cut off by the tree's end
            let parts = subtrees(start, size)
                .map(|(level, index)| reader.node(level, index))
                .collect::<Result<Vec<_>, _>>()?;
            hashes.extend(fold_right(&parts));
        } else {
            hashes.push(reader.node(level_u8(level), sibling)?);
        }
    }
    for bit in (0..u64::BITS).filter(|bit| shape.border >> bit & 1 == 1) {
        let index = (shape.border >> bit) ^ 1;
        hashes.push(reader.node(level_u8(shape.inner + bit), index)?);
    }
    Ok(hashes)
}

/// Levels are below 64.
fn level_u8(level: u32) -> u8 {
    u8::try_from(level).unwrap_or(u8::MAX)
}

/// The inclusion proof of leaf `index` in the tree of `size` leaves, from the leaf's sibling upwards; at most 64 hashes.
pub fn inclusion_proof<R: NodeReader>(
    index: LeafIndex,
    size: TreeSize,
    reader: &R,
) -> Result<Vec<Hash>, ProofError<R::Error>> {
    if index.0 >= size.0 {
        return Err(ProofError::IndexOutOfTree { index, size });
    }
    path(0, index.0, size.0, reader).map_err(ProofError::Reader)
}

/// The root that `proof` leads to from a leaf hash.
pub fn root_from_inclusion(
    leaf: &Hash,
    index: LeafIndex,
    size: TreeSize,
    proof: &[Hash],
) -> Result<Hash, VerifyError> {
    if index.0 >= size.0 {
        return Err(VerifyError::IndexOutOfTree { index, size });
    }
    let shape = PathShape::new(0, index.0, size.0);
    let (inner, border) = split_proof(&shape, proof)?;
    let hash = inner.iter().enumerate().fold(*leaf, |hash, (level, sibling)| {
        if index.0 >> level & 1 == 1 { node_hash(sibling, &hash) } else { node_hash(&hash, sibling) }
    });
    Ok(border.iter().fold(hash, |hash, left| node_hash(left, &hash)))
}

fn split_proof<'a>(shape: &PathShape, proof: &'a [Hash]) -> Result<(&'a [Hash], &'a [Hash]), VerifyError> {
    let length = VerifyError::Length { expected: shape.len(), got: proof.len() };
    if proof.len() != shape.len() {
        return Err(length);
    }
    proof.split_at_checked(shape.inner_len()).ok_or(length)
}

/// Checks that the leaf hash is at `index` in the tree of `size` leaves with this root.
///
/// A root does not fix its tree's size: take both from one signed checkpoint. The same proof can hold for other sizes.
pub fn verify_inclusion(
    leaf: &Hash,
    index: LeafIndex,
    size: TreeSize,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), VerifyError> {
    let got = root_from_inclusion(leaf, index, size, proof)?;
    if got != *root {
        return Err(VerifyError::Root { expected: *root, got });
    }
    Ok(())
}

/// The proof that the tree of `new` leaves begins with the tree of `old` leaves. It is empty when the old tree is empty
/// or the trees are the same.
pub fn consistency_proof<R: NodeReader>(
    old: TreeSize,
    new: TreeSize,
    reader: &R,
) -> Result<Vec<Hash>, ProofError<R::Error>> {
    if old.0 > new.0 {
        return Err(ProofError::SizeShrinks { old, new });
    }
    if old.0 == 0 || old.0 == new.0 {
        return Ok(Vec::new());
    }
    let (last, level) = (old.0 - 1, old.0.trailing_zeros());
    let mut hashes = Vec::new();
    if !old.0.is_power_of_two() {
        hashes.push(reader.node(level_u8(level), last >> level).map_err(ProofError::Reader)?);
    }
    hashes.extend(path(level, last, new.0, reader).map_err(ProofError::Reader)?);
    Ok(hashes)
}

/// Checks that the tree of `new_size` leaves and `new_root` begins with the tree of `old_size` leaves and `old_root`.
/// An empty old tree must have the empty root; it begins every tree.
pub fn verify_consistency(
    old_size: TreeSize,
    old_root: &Hash,
    new_size: TreeSize,
    new_root: &Hash,
    proof: &[Hash],
) -> Result<(), VerifyError> {
    if old_size.0 > new_size.0 {
        return Err(VerifyError::SizeShrinks { old: old_size, new: new_size });
    }
    let (old, new) = if old_size.0 == 0 || old_size.0 == new_size.0 {
        if !proof.is_empty() {
            return Err(VerifyError::Length { expected: 0, got: proof.len() });
        }
        let old = if old_size.0 == 0 { empty_root() } else { *old_root };
        (old, if old_size.0 == new_size.0 { old } else { *new_root })
    } else {
        roots_from_consistency(old_size.0, old_root, new_size.0, proof)?
    };
    if old != *old_root {
        return Err(VerifyError::OldRoot { expected: *old_root, got: old });
    }
    if new != *new_root {
        return Err(VerifyError::Root { expected: *new_root, got: new });
    }
    Ok(())
}

/// The old and the new root that the proof leads to, for `0 < old < new`.
fn roots_from_consistency(
    old: u64,
    old_root: &Hash,
    new: u64,
    proof: &[Hash],
) -> Result<(Hash, Hash), VerifyError> {
    let (last, level) = (old - 1, old.trailing_zeros());
    let shape = PathShape::new(level, last, new);
    let (seed, rest) = if old.is_power_of_two() {
        (*old_root, proof)
    } else {
        let (seed, rest) =
            proof.split_first().ok_or(VerifyError::Length { expected: shape.len() + 1, got: 0 })?;
        (*seed, rest)
    };
    let lead = proof.len() - rest.len();
    let (inner, border) = split_proof(&shape, rest)
        .map_err(|_| VerifyError::Length { expected: shape.len() + lead, got: proof.len() })?;
    let (mut old_hash, mut new_hash) = (seed, seed);
    for (step, sibling) in inner.iter().enumerate() {
        if (last >> level) >> step & 1 == 1 {
            // a left sibling lies in both trees
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
    }
    for left in border {
        old_hash = node_hash(left, &old_hash);
        new_hash = node_hash(left, &new_hash);
    }
    Ok((old_hash, new_hash))
}
