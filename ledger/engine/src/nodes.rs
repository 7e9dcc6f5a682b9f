//! Tree nodes held ready for proofs: the right edge of the tree, whole tiles in a bounded cache, the rest in the store.
//!
//! A tile of level L (C2SP tlog-tiles) holds the nodes of tree levels 8·L to 8·L+7 above its 256 lowest hashes. Kept
//! expanded, a proof reads nodes instead of hashing them again.

use std::sync::Arc;

use grantbook_tlog::tile::{TileCoord, encode_tile, parse_tile};
use grantbook_tlog::{Hash, node_hash};

use crate::store::{Fault, Store};

const LEVELS: usize = 8;
/// Hashes of a whole tile.
const WIDTH: usize = 256;

/// The nodes of one tile, from its lowest hashes up; grows to the right.
#[derive(Debug, Clone, Default)]
pub(crate) struct NodeTile([Vec<Hash>; LEVELS]);

impl NodeTile {
    /// Expands the lowest hashes of a tile.
    pub(crate) fn expand(hashes: Vec<Hash>) -> Self {
        let mut tile = Self::default();
        for hash in hashes {
            tile.push_and_join(hash);
        }
        tile
    }

    fn push_and_join(&mut self, mut hash: Hash) {
        for level in &mut self.0 {
            level.push(hash);
            let [.., left, right] = level.as_slice() else { return };
            if level.len() % 2 == 1 {
                return;
            }
            hash = node_hash(left, right);
        }
    }

    /// A node by its level and index within the tile.
    pub(crate) fn node(&self, level: usize, index: usize) -> Option<Hash> {
        self.0.get(level)?.get(index).copied()
    }

    /// The lowest hashes.
    pub(crate) fn hashes(&self) -> &[Hash] {
        let [lowest, ..] = &self.0;
        lowest
    }

    pub(crate) fn is_full(&self) -> bool {
        self.hashes().len() == WIDTH
    }
}

/// The last tile of each tile level; all but these are full.
#[derive(Debug, Clone, Default)]
pub(crate) struct Edge(Vec<NodeTile>);

/// A tile that became full.
pub(crate) struct FullTile {
    pub(crate) level: u8,
    pub(crate) index: u64,
    pub(crate) tile: Arc<NodeTile>,
}

impl Edge {
    /// Takes in a completed node, as [`grantbook_tlog::CompactRange::append`] visits them; gives the tile it fills.
    pub(crate) fn push(&mut self, level: u8, index: u64, hash: Hash) -> Option<FullTile> {
        let (tile_level, within) = (usize::from(level) / LEVELS, usize::from(level) % LEVELS);
        if self.0.len() <= tile_level {
            self.0.resize_with(tile_level + 1, NodeTile::default);
        }
        let tile = self.0.get_mut(tile_level)?;
        tile.0.get_mut(within)?.push(hash);
        // the highest node of a tile is its second last to be made: its sibling fills the tile
        if within == LEVELS - 1 && tile.is_full() {
            let full = Arc::new(std::mem::take(tile));
            return Some(FullTile { level: u8::try_from(tile_level).ok()?, index: index / 2, tile: full });
        }
        None
    }

    pub(crate) fn tile(&self, level: u8) -> Option<&NodeTile> {
        self.0.get(usize::from(level))
    }

    /// Reads the edge of a tree of `size` whose full tiles are in the store and whose last lowest hashes are given.
    pub(crate) fn load(size: u64, tail: Vec<Hash>, tiles: &TileCache) -> Result<Self, Fault> {
        let mut edge = vec![NodeTile::expand(tail)];
        let (mut level, mut full) = (1_u8, size / WIDTH as u64);
        while full > 0 {
            let first = full - full % WIDTH as u64;
            let hashes = (first..full)
                .map(|index| {
                    let below = tiles.read(level - 1, index)?;
                    let top = below.node(LEVELS - 1, 0).zip(below.node(LEVELS - 1, 1));
                    let (left, right) = top.ok_or_else(|| damaged(level - 1, index, "it is not full"))?;
                    Ok(node_hash(&left, &right))
                })
                .collect::<Result<Vec<_>, Fault>>()?;
            edge.push(NodeTile::expand(hashes));
            full /= WIDTH as u64;
            level += 1;
        }
        Ok(Self(edge))
    }
}

/// Full tiles, expanded, read through a bounded cache.
pub(crate) struct TileCache {
    store: Arc<dyn Store>,
    cache: quick_cache::sync::Cache<(u8, u64), Arc<NodeTile>>,
}

/// Expanded tiles that the cache may hold, 16 kB each.
const CACHED_TILES: usize = 1024;

impl TileCache {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, cache: quick_cache::sync::Cache::new(CACHED_TILES) }
    }

    /// A full tile; damage where the store does not have it.
    pub(crate) fn read(&self, level: u8, index: u64) -> Result<Arc<NodeTile>, Fault> {
        if let Some(tile) = self.cache.get(&(level, index)) {
            return Ok(tile);
        }
        let coord = full_tile(level, index)?;
        let bytes = self.store.tile(&coord)?.ok_or_else(|| damaged(level, index, "it is missing"))?;
        let hashes = parse_tile(&bytes, 256).map_err(|error| damaged(level, index, &error.to_string()))?;
        let tile = Arc::new(NodeTile::expand(hashes));
        self.cache.insert((level, index), Arc::clone(&tile));
        Ok(tile)
    }

    /// Remembers a tile that just became full.
    pub(crate) fn insert(&self, full: &FullTile) {
        self.cache.insert((full.level, full.index), Arc::clone(&full.tile));
    }
}

/// Coordinates of a full tile.
pub(crate) fn full_tile(level: u8, index: u64) -> Result<TileCoord, Fault> {
    TileCoord::new(level, index, 256).map_err(|error| damaged(level, index, &error.to_string()))
}

/// The bytes of a tile's lowest `width` hashes.
pub(crate) fn tile_bytes(tile: &NodeTile, width: usize) -> Option<Vec<u8>> {
    encode_tile(tile.hashes().get(..width)?).ok()
}

/// Where a node lies: tile level, tile index, level and index within the tile.
pub(crate) fn locate(level: u8, index: u64) -> Option<(u8, u64, usize, usize)> {
    let (tile_level, within) = (level / 8, level % 8);
    let per_tile = (WIDTH as u64) >> within;
    let tile_index = index / per_tile;
    Some((tile_level, tile_index, usize::from(within), usize::try_from(index % per_tile).ok()?))
}

fn damaged(level: u8, index: u64, why: &str) -> Fault {
    Fault::Damaged { what: format!("tile {level}/{index}"), why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use grantbook_tlog::{CompactRange, leaf_hash};

    #[test]
    fn the_edge_holds_every_node_of_its_tiles() {
        let mut range = CompactRange::new();
        let mut edge = Edge::default();
        let mut full = Vec::new();
        for leaf in 0_u32..600 {
            range
                .append(leaf_hash(&leaf.to_be_bytes()), |level, index, hash| {
                    full.extend(edge.push(level, index, hash));
                })
                .unwrap();
        }
        assert_eq!(full.iter().map(|t| (t.level, t.index)).collect::<Vec<_>>(), [(0, 0), (0, 1)]);
        let expanded = NodeTile::expand(full[0].tile.hashes().to_vec());
        assert_eq!(expanded.0, full[0].tile.0);
        assert_eq!(edge.tile(0).unwrap().hashes().len(), 600 - 512);
        assert_eq!(edge.tile(1).unwrap().hashes().len(), 2);
    }
}
