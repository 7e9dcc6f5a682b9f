//! Trees to test with.

use std::collections::BTreeMap;
use std::convert::Infallible;

use grantbook_tlog::tile::{TileCoord, TileSource, encode_tile};
use grantbook_tlog::{CompactRange, Hash, NodeReader, TreeSize, leaf_hash, node_hash};

/// Every complete subtree of a tree whose leaves all differ.
pub(crate) struct MemoryTree {
    pub(crate) leaves: Vec<Hash>,
    pub(crate) nodes: BTreeMap<(u8, u64), Hash>,
    /// By tree size.
    pub(crate) roots: Vec<Hash>,
}

pub(crate) fn entry(index: u64) -> Vec<u8> {
    format!("entry {index}").into_bytes()
}

impl MemoryTree {
    pub(crate) fn new(size: u64) -> Self {
        Self::of(size, entry)
    }

    /// Another history: every leaf differs.
    pub(crate) fn other(size: u64) -> Self {
        Self::of(size, |index| format!("other {index}").into_bytes())
    }

    fn of(size: u64, entry: impl Fn(u64) -> Vec<u8>) -> Self {
        let (mut range, mut nodes) = (CompactRange::new(), BTreeMap::new());
        let (mut leaves, mut roots) = (Vec::new(), vec![range.root()]);
        for index in 0..size {
            let leaf = leaf_hash(&entry(index));
            leaves.push(leaf);
            range
                .append(leaf, |level, index, hash| {
                    assert_eq!(nodes.insert((level, index), hash), None, "visited once");
                })
                .unwrap();
            roots.push(range.root());
        }
        Self { leaves, nodes, roots }
    }

    pub(crate) fn root(&self, size: u64) -> Hash {
        self.roots[usize::try_from(size).unwrap()]
    }

    pub(crate) fn leaf(&self, index: u64) -> Hash {
        self.leaves[usize::try_from(index).unwrap()]
    }
}

impl NodeReader for MemoryTree {
    type Error = (u8, u64);

    fn node(&self, level: u8, index: u64) -> Result<Hash, (u8, u64)> {
        self.nodes.get(&(level, index)).copied().ok_or((level, index))
    }
}

/// Cuts tiles out of the nodes, level by level of eight.
impl TileSource for MemoryTree {
    type Bytes = Vec<u8>;
    type Error = (u8, u64);

    fn tile(&self, coord: TileCoord) -> Result<Vec<u8>, (u8, u64)> {
        let first = coord.index() * 256;
        let hashes = (first..first + u64::from(coord.width()))
            .map(|index| self.node(coord.level() * 8, index))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(encode_tile(&hashes).unwrap())
    }
}

/// A tree of any size whose leaves are all the same, so that each level has one node hash. It reaches sizes that no
/// memory holds.
pub(crate) struct UniformTree {
    pub(crate) levels: Vec<Hash>,
}

impl UniformTree {
    pub(crate) fn new() -> Self {
        let mut levels = vec![leaf_hash(b"same")];
        for level in 1..64 {
            levels.push(node_hash(&levels[level - 1], &levels[level - 1]));
        }
        Self { levels }
    }

    pub(crate) fn root(&self, size: u64) -> Hash {
        CompactRange::load(TreeSize(size), self).unwrap().root()
    }
}

impl NodeReader for UniformTree {
    type Error = Infallible;

    fn node(&self, level: u8, _: u64) -> Result<Hash, Infallible> {
        Ok(self.levels[usize::from(level)])
    }
}
