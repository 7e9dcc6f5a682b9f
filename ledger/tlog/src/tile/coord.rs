//! Coordinates of tiles and entry bundles, and their paths.

use std::fmt;
use std::str::FromStr;

use super::{HASH_BYTES, LEVELS, TILE_WIDTH, TileError};
use crate::TreeSize;
use crate::decimal::parse_decimal;

/// Which tile: hashes `[256 * index, 256 * index + width)` at a tile level, each the root of 256^level leaves.
///
/// Displays and parses as its path below the log's prefix: `tile/<L>/<N>[.p/<W>]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileCoord {
    level: u8,
    index: u64,
    width: u16,
}

/// Which entry bundle: entries `[256 * index, 256 * index + width)`.
///
/// Displays and parses as its path below the log's prefix: `tile/entries/<N>[.p/<W>]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BundleCoord {
    index: u64,
    width: u16,
}

impl TileCoord {
    /// `level` 0 to 7, `width` 1 to 256 (full); `index` such that the tile begins below leaf 2^64.
    pub fn new(level: u8, index: u64, width: u16) -> Result<Self, TileError> {
        if level >= LEVELS {
            return Err(TileError::Level { got: level });
        }
        let limit = u64::MAX.checked_shr(8 * (u32::from(level) + 1)).unwrap_or(0);
        if index > limit {
            return Err(TileError::Index { limit, got: index });
        }
        if width == 0 || width > TILE_WIDTH {
            return Err(TileError::Width { got: width });
        }
        Ok(Self { level, index, width })
    }

    /// The tile as it is in a tree of `size` leaves: full, partial, or none.
    pub fn in_tree(level: u8, index: u64, size: TreeSize) -> Option<Self> {
        if level >= LEVELS {
            return None;
        }
        let hashes = size.0 >> (8 * u32::from(level));
        let before = index.checked_mul(u64::from(TILE_WIDTH))?;
        let width = hashes.checked_sub(before)?.min(u64::from(TILE_WIDTH));
        Self::new(level, index, u16::try_from(width).ok()?).ok()
    }

    /// Tile level: a hash at level L stands for 256^L leaves.
    pub fn level(&self) -> u8 {
        self.level
    }

    /// Position within the level.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Hashes in the tile, 1 to 256.
    pub fn width(&self) -> u16 {
        self.width
    }

    /// Whether the tile has all of its 256 hashes, and so never changes.
    pub fn is_full(&self) -> bool {
        self.width == TILE_WIDTH
    }

    /// Bytes of the tile.
    pub fn byte_len(&self) -> usize {
        usize::from(self.width) * HASH_BYTES
    }

    /// The path below the log's prefix, such as `tile/0/x001/x234/067.p/8`.
    pub fn path(&self) -> String {
        self.to_string()
    }

    /// Parses [`Self::path`].
    pub fn parse(path: &str) -> Result<Self, TileError> {
        let (level, rest) =
            path.strip_prefix("tile/").and_then(|rest| rest.split_once('/')).ok_or(TileError::Path)?;
        let level = parse_decimal(level).and_then(|level| u8::try_from(level).ok()).ok_or(TileError::Path)?;
        let (index, width) = parse_tail(rest)?;
        Self::new(level, index, width)
    }
}

impl BundleCoord {
    /// `width` 1 to 256 (full); `index` such that the bundle begins below leaf 2^64.
    pub fn new(index: u64, width: u16) -> Result<Self, TileError> {
        TileCoord::new(0, index, width).map(Self::beside)
    }

    /// The bundle as it is in a tree of `size` leaves: full, partial, or none.
    pub fn in_tree(index: u64, size: TreeSize) -> Option<Self> {
        TileCoord::in_tree(0, index, size).map(Self::beside)
    }

    /// The bundle whose entries a level 0 tile hashes.
    fn beside(tile: TileCoord) -> Self {
        Self { index: tile.index, width: tile.width }
    }

    /// The level 0 tile with the hashes of the bundle's entries.
    pub fn tile(&self) -> TileCoord {
        TileCoord { level: 0, index: self.index, width: self.width }
    }

    /// Position among the bundles.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Entries in the bundle, 1 to 256.
    pub fn width(&self) -> u16 {
        self.width
    }

    /// Whether the bundle has all of its 256 entries, and so never changes.
    pub fn is_full(&self) -> bool {
        self.width == TILE_WIDTH
    }

    /// The path below the log's prefix, such as `tile/entries/x001/234`.
    pub fn path(&self) -> String {
        self.to_string()
    }

    /// Parses [`Self::path`].
    pub fn parse(path: &str) -> Result<Self, TileError> {
        let rest = path.strip_prefix("tile/entries/").ok_or(TileError::Path)?;
        let (index, width) = parse_tail(rest)?;
        Self::new(index, width)
    }
}

impl fmt::Display for TileCoord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tile/{}/", self.level)?;
        write_tail(f, self.index, self.width)
    }
}

impl fmt::Display for BundleCoord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tile/entries/")?;
        write_tail(f, self.index, self.width)
    }
}

impl FromStr for TileCoord {
    type Err = TileError;

    fn from_str(path: &str) -> Result<Self, TileError> {
        Self::parse(path)
    }
}

impl FromStr for BundleCoord {
    type Err = TileError;

    fn from_str(path: &str) -> Result<Self, TileError> {
        Self::parse(path)
    }
}

/// Writes `<N>[.p/<W>]`: groups of three digits, all but the last marked by an `x`.
fn write_tail(f: &mut fmt::Formatter<'_>, index: u64, width: u16) -> fmt::Result {
    let (mut high, last) = (index / 1000, index % 1000);
    let mut groups = Vec::new();
    while high > 0 {
        groups.push(high % 1000);
        high /= 1000;
    }
    for group in groups.iter().rev() {
        write!(f, "x{group:03}/")?;
    }
    write!(f, "{last:03}")?;
    if width < TILE_WIDTH { write!(f, ".p/{width}") } else { Ok(()) }
}

/// Parses `<N>[.p/<W>]` into index and width; one spelling only.
fn parse_tail(text: &str) -> Result<(u64, u16), TileError> {
    let (index_text, width) = match text.split_once(".p/") {
        None => (text, TILE_WIDTH),
        Some((index, width)) => match parse_decimal(width) {
            Some(width @ 1..=255) => (index, u16::try_from(width).map_err(|_| TileError::Path)?),
            _ => return Err(TileError::Path),
        },
    };
    let (high, last) =
        index_text.rsplit_once('/').map_or((None, index_text), |(high, last)| (Some(high), last));
    let mut index = 0u64;
    for (position, group) in high.into_iter().flat_map(|high| high.split('/')).enumerate() {
        let group = three_digits(group.strip_prefix('x').ok_or(TileError::Path)?)?;
        if position == 0 && group == 0 {
            return Err(TileError::Path);
        }
        index = push_group(index, group)?;
    }
    Ok((push_group(index, three_digits(last)?)?, width))
}

fn push_group(index: u64, group: u64) -> Result<u64, TileError> {
    index.checked_mul(1000).and_then(|index| index.checked_add(group)).ok_or(TileError::Path)
}

fn three_digits(text: &str) -> Result<u64, TileError> {
    if text.len() != 3 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(TileError::Path);
    }
    text.parse().map_err(|_| TileError::Path)
}

/// All tiles of a tree, level by level, left to right.
pub fn tiles(size: TreeSize) -> impl Iterator<Item = TileCoord> {
    new_tiles(TreeSize(0), size)
}

/// The tiles of a tree of `new` leaves that a tree of `old` leaves lacks or has narrower, level by level, left to
/// right; none when the tree did not grow.
pub fn new_tiles(old: TreeSize, new: TreeSize) -> impl Iterator<Item = TileCoord> {
    (0..LEVELS).flat_map(move |level| {
        let shift = 8 * u32::from(level);
        let (old_hashes, new_hashes) = (old.0 >> shift, new.0 >> shift);
        let width = u64::from(TILE_WIDTH);
        let first = old_hashes / width;
        let end = if new_hashes > old_hashes { new_hashes.div_ceil(width) } else { first };
        (first..end).filter_map(move |index| TileCoord::in_tree(level, index, new))
    })
}

/// All entry bundles of a tree, left to right.
pub fn bundles(size: TreeSize) -> impl Iterator<Item = BundleCoord> {
    new_bundles(TreeSize(0), size)
}

/// The entry bundles of a tree of `new` leaves that a tree of `old` leaves lacks or has shorter, left to right.
pub fn new_bundles(old: TreeSize, new: TreeSize) -> impl Iterator<Item = BundleCoord> {
    // level 0 comes first
    new_tiles(old, new).take_while(|tile| tile.level == 0).map(BundleCoord::beside)
}
