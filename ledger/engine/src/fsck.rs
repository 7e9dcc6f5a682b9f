//! Checking everything that is stored: each entry, tile, bundle, frame, key, body and row, against the signed checkpoint.
//!
//! [`fsck`] reads the files themselves, so that it can say what is wrong with a folder that no start accepts.
//! [`Ledger::fsck`] is what an open ledger can check of itself.

mod item;
mod log;
mod rows;

use std::sync::Arc;

use grantbook_record::Entry;
use grantbook_tlog::{CompactRange, Hash, TreeSize, leaf_hash};

use crate::backup::LOSSES;
use crate::config::LedgerConfig;
use crate::error::{OpenError, ReadError};
use crate::keyring::Keyring;
use crate::ledger::{Inner, Ledger};
use crate::nodes::{Edge, FullTile, full_tile, tile_bytes};
use crate::store::raw::RawFiles;
use crate::store::{Fault, version};
use log::CheckedLog;

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
    /// Whole frames of the journal.
    pub frames: u64,
    /// Wrapped data keys opened.
    pub keys: u64,
    /// State rows compared with what the log leads to.
    pub rows: u64,
    /// Root that the stored entries lead to.
    pub root: Option<Hash>,
    /// What is wrong, one line each, naming the very file, and in it the entry, tile, frame, key or row.
    pub findings: Vec<String>,
    /// What a crash leaves behind and the next start mends.
    pub notes: Vec<String>,
    /// What was made anew.
    pub rebuilt: Vec<String>,
}

impl FsckReport {
    fn finding(&mut self, place: impl std::fmt::Display, what: impl std::fmt::Display) {
        self.findings.push(format!("{place}: {what}"));
    }
}

/// Is told how many of how many entries are done.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64);

/// Checks a ledger that is not open, from its files alone. Nothing is changed but, with `rebuild`, what can be made anew
/// from entries that lead to the signed root: tiles that differ from them, and a state that differs from their fold.
pub fn fsck(config: &LedgerConfig, rebuild: bool, progress: Progress<'_>) -> Result<FsckReport, OpenError> {
    // a token that does not answer says nothing about the files
    if has_keyring(config) {
        Keyring::reach(config)?;
    }
    let files = RawFiles::open(&config.data_dir, &config.anchor);
    let files = Arc::new(files.map_err(|fault| match fault {
        Fault::Held { what } => OpenError::Held(what),
        other => OpenError::Store(other),
    })?);
    let (report, checked) = check(&files, config, progress);
    let anew = if rebuild { make_anew(&files, &report, checked.as_ref())? } else { Vec::new() };
    if anew.is_empty() {
        return Ok(report);
    }
    if anew.iter().any(|part| part == rows::STATE) {
        drop(files);
        let ledger = Ledger::open(config)?;
        ledger.close()?;
        drop(ledger);
        return Ok(FsckReport { rebuilt: anew, ..fsck(config, false, progress)? });
    }
    let (report, _) = check(&files, config, progress);
    Ok(FsckReport { rebuilt: anew, ..report })
}

fn check(
    files: &Arc<RawFiles>,
    config: &LedgerConfig,
    progress: Progress<'_>,
) -> (FsckReport, Option<CheckedLog>) {
    let mut report = FsckReport::default();
    match version::read(&config.data_dir) {
        Ok(Some(version::CURRENT)) => {}
        Ok(got) => {
            let got = got.unwrap_or_default();
            report.findings.push(Fault::Version { what: version::FILE.to_owned(), got }.to_string());
        }
        Err(fault) => report.findings.push(fault.to_string()),
    }
    if let Ok(losses) = std::fs::read_to_string(config.data_dir.join(LOSSES)) {
        let what = "acknowledged entries were given up when an old backup was restored";
        report.notes.extend(losses.lines().map(|loss| format!("{LOSSES}: {what}: {loss}")));
    }
    let keyring = keyring(config, files.epoch(), &mut report);
    let checked = match log::check(files, keyring.as_ref(), &mut report, progress) {
        Ok(checked) => checked,
        Err(fault) => {
            report.findings.push(fault.to_string());
            return (report, None);
        }
    };
    // rows are a fold over the log: with a wrong log there is nothing to compare them with
    if keyring.is_some() && report.findings.is_empty() {
        rows::check(files, config, &checked, &mut report);
    }
    (report, Some(checked))
}

fn has_keyring(config: &LedgerConfig) -> bool {
    config.keyring_dir.join("keyring.json").is_file()
}

/// Opens the keyring that is there; opening one that is not would make it.
fn keyring(config: &LedgerConfig, epoch: u64, report: &mut FsckReport) -> Option<Keyring> {
    let folder = &config.keyring_dir;
    if !has_keyring(config) {
        report.finding(
            folder.display(),
            "the keyring is missing: no body can be opened and no signature checked",
        );
        return None;
    }
    let now = config.clock.now().seconds();
    Keyring::open(config, epoch, now).map_err(|error| report.finding(folder.display(), error)).ok()
}

/// Gives what was made anew, or removed so that the next start makes it anew.
fn make_anew(
    files: &RawFiles,
    report: &FsckReport,
    checked: Option<&CheckedLog>,
) -> Result<Vec<String>, Fault> {
    let mut rebuilt = Vec::new();
    let Some(checked) = checked.filter(|checked| checked.signed) else { return Ok(rebuilt) };
    for (coord, bytes) in &checked.wrong_tiles {
        files.put_tile(coord, bytes)?;
        rebuilt.push(coord.path());
    }
    let wrong_rows = report.findings.iter().any(|finding| finding.starts_with(rows::STATE));
    if wrong_rows && files.has_state() {
        files.remove_state()?;
        rebuilt.push(rows::STATE.to_owned());
    }
    Ok(rebuilt)
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
            if body.digest() != parsed.digest {
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
