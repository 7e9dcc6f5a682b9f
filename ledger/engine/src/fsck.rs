//! Checking everything that is stored: each entry, tile, bundle and body, against the signed checkpoint.

use grantbook_record::encoding::Bytes32;
use grantbook_record::{Entry, entry};
use grantbook_tlog::{CompactRange, Hash, TreeSize, leaf_hash};

use crate::body::BodyContent;
use crate::error::ReadError;
use crate::ledger::{Inner, Ledger};
use crate::nodes::{Edge, FullTile, full_tile, tile_bytes};

/// What a check found.
#[derive(Debug, Clone, Default)]
pub struct FsckReport {
    /// Entries checked.
    pub entries: u64,
    /// Full tiles checked.
    pub tiles: u64,
    /// Bodies opened and compared with their entries.
    pub bodies: u64,
    /// Bodies whose keys were destroyed.
    pub erased: u64,
    /// What is wrong, one line each, naming the very entry, tile or bundle.
    pub findings: Vec<String>,
}

impl Ledger {
    /// Re-reads and re-hashes everything; `progress` is told how many entries of how many are done.
    pub fn fsck(&self, progress: &mut dyn FnMut(u64, u64)) -> FsckReport {
        let inner = &self.inner;
        let (TreeSize(size), root) = inner.published.size_root();
        let mut report = FsckReport::default();
        let mut range = CompactRange::new();
        // the tiles as the stored entries make them, to be compared with the stored tiles
        let mut edge = Edge::default();
        for leaf in 0..size {
            let Some(hash) = check_entry(inner, leaf, &mut report) else { continue };
            let mut full = Vec::new();
            if range.append(hash, |level, index, hash| full.extend(edge.push(level, index, hash))).is_err() {
                report.findings.push(format!("entry {leaf}: the tree is full"));
            }
            for tile in &full {
                check_tile(inner, tile, &mut report);
            }
            if leaf % 1024 == 0 {
                progress(leaf, size);
            }
        }
        if range.size() == TreeSize(size) && range.root() != root {
            report.findings.push("the stored entries do not lead to the signed root".to_owned());
        }
        progress(size, size);
        report
    }
}

/// Checks an entry and its body; gives the entry's leaf hash.
fn check_entry(inner: &Inner, leaf: u64, report: &mut FsckReport) -> Option<Hash> {
    let mut finding = |what: &dyn std::fmt::Display| report.findings.push(format!("entry {leaf}: {what}"));
    let owned = inner.published.item(leaf).map_err(|error| finding(&error)).ok()?;
    report.entries += 1;
    let hash = leaf_hash(&owned.item.entry);
    let parsed = match Entry::parse(&owned.item.entry) {
        Ok(parsed) => parsed,
        Err(error) => {
            finding(&error);
            return Some(hash);
        }
    };
    match inner.open_body(leaf, &owned) {
        Ok(body) => {
            let record = match &body.content {
                BodyContent::Event { envelope, .. } => envelope,
                BodyContent::Use { record, .. } => record,
            };
            if entry::digest(&body.salt, &Bytes32::sha256(record), None) != parsed.digest {
                finding(&"its body is another one than its digest covers");
            }
            report.bodies += 1;
        }
        Err(ReadError::Erased) => report.erased += 1,
        Err(error) => finding(&error),
    }
    Some(hash)
}

fn check_tile(inner: &Inner, tile: &FullTile, report: &mut FsckReport) {
    let (level, index) = (tile.level, tile.index);
    let mut finding =
        |what: &dyn std::fmt::Display| report.findings.push(format!("tile {level}/{index}: {what}"));
    match full_tile(level, index).and_then(|coord| inner.store.tile(&coord)) {
        Ok(Some(stored)) if Some(&stored) == tile_bytes(&tile.tile, 256).as_ref() => {}
        Ok(Some(_)) => finding(&"it is not what the stored entries make"),
        Ok(None) if inner.published.holds_tile(level, index) => {}
        Ok(None) => finding(&"it is missing"),
        Err(fault) => finding(&fault),
    }
    report.tiles += 1;
}
