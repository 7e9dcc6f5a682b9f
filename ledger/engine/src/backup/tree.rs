//! Whether the files of a generation lead to its signed checkpoint.

use grantbook_tlog::tile::{parse_bundle, parse_tile};
use grantbook_tlog::{CompactRange, Hash, LogKeys, leaf_hash};

use super::BackupError;
use crate::nodes::full_tile;
use crate::store::BUNDLE_WIDTH;
use crate::store::raw::{Frames, RawFiles};

/// Where leaf hashes are taken from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    /// The lowest tiles: enough for what was just copied from a ledger that opened.
    Tiles,
    /// The entries, which the tiles must agree with.
    Entries,
}

/// Reads a file by its path below the data folder.
pub(super) type Read<'a> = &'a dyn Fn(&str) -> Result<Vec<u8>, BackupError>;

/// Checks that `bundles` complete bundles and the journal lead to the checkpoint, and that it is signed.
pub(super) fn check(
    read: Read<'_>,
    from: From,
    bundles: u64,
    journal: &Frames,
    checkpoint: &str,
    keys: &LogKeys,
) -> Result<u64, BackupError> {
    let signed = keys.verify_checkpoint(checkpoint.as_bytes());
    let signed = signed.map_err(|error| BackupError::wrong("checkpoint", error))?.checkpoint;
    let mut range = CompactRange::new();
    let full = |error: grantbook_tlog::RangeError| BackupError::wrong("tree", error);
    for index in 0..bundles {
        for hash in leaves(read, from, index)? {
            range.append(hash, |_, _, _| ()).map_err(full)?;
        }
    }
    let kept = bundles * BUNDLE_WIDTH;
    for frame in &journal.whole {
        for (leaf, item) in (frame.batch.first..).zip(&frame.batch.items) {
            if leaf > range.size().0 {
                return Err(BackupError::wrong(&frame.file, format!("entries before {leaf} are in no file")));
            }
            if leaf >= kept && leaf == range.size().0 {
                range.append(leaf_hash(&item.entry), |_, _, _| ()).map_err(full)?;
            }
        }
    }
    if range.size() == signed.size() && range.root() == signed.root() {
        return Ok(signed.size().0);
    }
    let (got, expected) = (range.size(), signed.size());
    Err(BackupError::wrong("log", format!("{got} entries do not lead to the signed root of {expected}")))
}

fn leaves(read: Read<'_>, from: From, index: u64) -> Result<Vec<Hash>, BackupError> {
    let name = full_tile(0, index)?.path();
    let tile = parse_tile(&read(&name)?, 256).map_err(|error| BackupError::wrong(&name, error))?;
    if from == From::Tiles {
        return Ok(tile);
    }
    let name = RawFiles::entries_name(index)?;
    let bytes = read(&name)?;
    let entries = parse_bundle(&bytes, 256).map_err(|error| BackupError::wrong(&name, error))?;
    let hashes: Vec<Hash> = entries.into_iter().map(leaf_hash).collect();
    if hashes == tile { Ok(hashes) } else { Err(BackupError::wrong(name, "it does not hash to its tile")) }
}
