//! Tiles and entry bundles (C2SP tlog-tiles): which of them a tree has, their paths, and reading nodes from them.

mod bundle;
mod coord;
mod reader;
#[cfg(test)]
mod tests;

pub use bundle::{encode_bundle, parse_bundle};
pub use coord::{BundleCoord, TileCoord, bundles, new_bundles, new_tiles, tiles};
pub use reader::{TileNodeReader, TileReadError, TileSource};

use crate::{Hash, empty_root, node_hash};

/// Hashes of a full tile, and entries of a full bundle.
pub const TILE_WIDTH: u16 = 256;

/// Bytes of one hash in a tile.
const HASH_BYTES: usize = 32;

/// Levels that a tree of at most 2^64 − 1 leaves can have. The specification numbers up to 63 of them.
const LEVELS: u8 = 8;

/// What is wrong with a tile, an entry bundle, or a path of either.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TileError {
    /// No tree of 64-bit size has tiles at that level.
    #[error("tile level must be 0 to 7, got {got}")]
    Level {
        /// Level given.
        got: u8,
    },
    /// No tree of 64-bit size has a tile that far to the right.
    #[error("tile index must be at most {limit}, got {got}")]
    Index {
        /// Largest index at the level.
        limit: u64,
        /// Index given.
        got: u64,
    },
    /// A tile is never empty, nor wider than 256.
    #[error("tile width must be 1 to 256, got {got}")]
    Width {
        /// Width given.
        got: u16,
    },
    /// Not the one path of a tile or bundle.
    #[error("expected a path such as tile/0/x001/x234/067.p/8 or tile/entries/067, got another form")]
    Path,
    /// A tile has 32 bytes for each hash of its width.
    #[error("expected {expected} bytes of tile, got {got}")]
    TileLength {
        /// Bytes that the width asks for.
        expected: usize,
        /// Bytes given.
        got: usize,
    },
    /// An entry is longer than its two-byte length can say.
    #[error("an entry has at most {} bytes, got {got}", u16::MAX)]
    EntryLength {
        /// Bytes of the entry.
        got: usize,
    },
    /// A bundle has another number of entries than its width.
    #[error("expected {expected} entries in the bundle, got {got}")]
    EntryCount {
        /// The bundle's width.
        expected: u16,
        /// Entries found, counted to one above the width.
        got: usize,
    },
    /// The bundle ends inside a length or an entry.
    #[error("the bundle ends inside entry {entry}")]
    Truncated {
        /// The entry's position in the bundle.
        entry: usize,
    },
}

/// Splits a tile's bytes into exactly `width` hashes.
pub fn parse_tile(bytes: &[u8], width: u16) -> Result<Vec<Hash>, TileError> {
    if width == 0 || width > TILE_WIDTH {
        return Err(TileError::Width { got: width });
    }
    let expected = usize::from(width) * HASH_BYTES;
    if bytes.len() != expected {
        return Err(TileError::TileLength { expected, got: bytes.len() });
    }
    let (hashes, _) = bytes.as_chunks::<HASH_BYTES>();
    Ok(hashes.iter().copied().map(Hash).collect())
}

/// The bytes of a tile that holds these hashes.
pub fn encode_tile(hashes: &[Hash]) -> Result<Vec<u8>, TileError> {
    match u16::try_from(hashes.len()) {
        Ok(1..=TILE_WIDTH) => Ok(hashes.iter().flat_map(|hash| hash.0).collect()),
        width => Err(TileError::Width { got: width.unwrap_or(u16::MAX) }),
    }
}

/// The root of the subtree over a tile's hashes; over those of a full tile it is the hash that stands for the tile one
/// level up. Without hashes it is the empty root.
pub fn tile_root(hashes: &[Hash]) -> Hash {
    let mut level = hashes.to_vec();
    while level.len() > 1 {
        level = level
            .chunks(2)
            .map(|pair| match pair {
                [left, right] => node_hash(left, right),
                // without a partner a node moves up as it is
                [last, ..] => *last,
                [] => empty_root(),
            })
            .collect();
    }
    level.first().copied().unwrap_or_else(empty_root)
}
