//! Reading tree nodes out of tiles.

use super::{TILE_WIDTH, TileCoord, TileError, parse_tile, tile_root};
use crate::{Hash, NodeReader, TreeSize};

/// Gives the bytes of tiles.
pub trait TileSource {
    /// What the bytes come in.
    type Bytes: AsRef<[u8]>;
    /// Why a tile could not be read.
    type Error;

    /// The tile's bytes, exactly [`TileCoord::byte_len`] of them. A source that has only a wider tile left gives the
    /// first ones of it.
    fn tile(&self, coord: TileCoord) -> Result<Self::Bytes, Self::Error>;
}

impl<S: TileSource + ?Sized> TileSource for &S {
    type Bytes = S::Bytes;
    type Error = S::Error;

    fn tile(&self, coord: TileCoord) -> Result<S::Bytes, S::Error> {
        (**self).tile(coord)
    }
}

/// Why a node cannot be read from tiles.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TileReadError<E> {
    /// The tree has no such complete subtree.
    #[error("a tree of size {size} has no complete subtree {index} at level {level}")]
    NotInTree {
        /// Level of the node.
        level: u8,
        /// Position within the level.
        index: u64,
        /// The tree's size.
        size: TreeSize,
    },
    /// The source failed.
    #[error("reading {coord}: {error}")]
    Source {
        /// The tile asked for.
        coord: TileCoord,
        /// The source's own error.
        error: E,
    },
    /// The source gave something else than the tile.
    #[error("reading {coord}: {error}")]
    Tile {
        /// The tile asked for.
        coord: TileCoord,
        /// What is wrong with the bytes.
        error: TileError,
    },
}

/// Reads the nodes of a tree of a given size from tiles; the seven levels between tiles are computed.
///
/// The tiles are taken as they come: only a root that matches a signed checkpoint vouches for them.
#[derive(Debug, Clone)]
pub struct TileNodeReader<S> {
    source: S,
    size: TreeSize,
}

impl<S: TileSource> TileNodeReader<S> {
    /// A reader of the tree with `size` leaves.
    pub fn new(source: S, size: TreeSize) -> Self {
        Self { source, size }
    }
}

impl<S: TileSource> NodeReader for TileNodeReader<S> {
    type Error = TileReadError<S::Error>;

    fn node(&self, level: u8, index: u64) -> Result<Hash, Self::Error> {
        let missing = TileReadError::NotInTree { level, index, size: self.size };
        if self.size.0.checked_shr(u32::from(level)).is_none_or(|nodes| index >= nodes) {
            return Err(missing);
        }
        // a node at `height` above the tile's hashes is over 2^height of them
        let height = level % 8;
        let first = index << height;
        let width = u64::from(TILE_WIDTH);
        let Some(coord) = TileCoord::in_tree(level / 8, first / width, self.size) else {
            return Err(missing);
        };
        let bytes = self.source.tile(coord).map_err(|error| TileReadError::Source { coord, error })?;
        let hashes = parse_tile(bytes.as_ref(), coord.width())
            .map_err(|error| TileReadError::Tile { coord, error })?;
        let offset = usize::try_from(first % width).unwrap_or(usize::MAX);
        let under = hashes.iter().copied().skip(offset).take(1 << height).collect::<Vec<_>>();
        Ok(tile_root(&under))
    }
}
