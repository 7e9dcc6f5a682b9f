//! The way back: nothing is put in place before every file was hashed and the entries led to the signed checkpoint.

use std::fs;
use std::path::Path;

use grantbook_tlog::{LogKeys, TreeSize};
use serde_json::json;

use super::manifest::{Manifest, Vaulted};
use super::{BackupError, BackupReport, tree};
use crate::config::LedgerConfig;
use crate::fsck::Progress;
use crate::store::durable::{self, io};
use crate::store::raw::Frames;
use crate::store::{FileStore, Store as _};

/// Lines of JSON, one for each time that acknowledged entries were given up.
pub(crate) const LOSSES: &str = "losses.log";

/// What was restored.
#[derive(Debug, Clone)]
pub struct RestoreReport {
    /// From which generation.
    pub generation: u64,
    /// Entries of the log.
    pub tree_size: u64,
    /// Acknowledged entries that are lost.
    pub lost: u64,
    /// Whether there was an anchor; without one nobody can tell whether the backup is the latest state.
    pub anchored: bool,
}

/// Hashes every file of a generation (the newest where none is named) and checks that the entries lead to its signed
/// checkpoint.
pub fn verify_backup(
    from: &Path,
    generation: Option<u64>,
    keys: &LogKeys,
    progress: Progress<'_>,
) -> Result<BackupReport, BackupError> {
    let vaulted = Vaulted(from.to_owned());
    let manifest = vaulted.manifest(generation)?;
    let manifest = manifest.ok_or_else(|| BackupError::NoGeneration(from.to_owned()))?;
    let tree_size = verify(&vaulted, &manifest, keys, progress)?;
    let files = manifest.files.len() as u64;
    Ok(BackupReport { generation: manifest.generation, tree_size, files, copied_files: 0, copied_bytes: 0 })
}

fn verify(
    vaulted: &Vaulted,
    manifest: &Manifest,
    keys: &LogKeys,
    progress: Progress<'_>,
) -> Result<u64, BackupError> {
    let mut journal = Frames::default();
    for (done, file) in (1..).zip(&manifest.files) {
        let bytes = vaulted.read(file)?;
        if file.path.starts_with("epochs/") && file.path.contains("/journal/") {
            journal.take(&file.path, &bytes);
        }
        progress(done, manifest.files.len() as u64);
    }
    if let Some(torn) = journal.torn.first() {
        return Err(BackupError::wrong(
            format!("{}, frame at byte {}", torn.file, torn.offset),
            "it is torn",
        ));
    }
    let by_path: std::collections::BTreeMap<_, _> =
        manifest.files.iter().map(|file| (file.path.as_str(), file)).collect();
    let read = |name: &str| {
        let file = by_path.get(name).ok_or_else(|| BackupError::wrong(name, "it is missing"))?;
        vaulted.read(file)
    };
    let bundles = manifest.files.iter().filter(|file| file.path.starts_with("entries/")).count() as u64;
    tree::check(&read, tree::From::Entries, bundles, &journal, &manifest.checkpoint, keys)
}

/// Puts a generation (the newest where none is named) where `config` says. A backup that is older than what the anchor
/// vouches for is refused, unless `accept_loss`: then the anchor is set back, the old one is kept beside it, and both
/// checkpoints are written to the folder's `losses.log`.
pub fn restore(
    from: &Path,
    generation: Option<u64>,
    config: &LedgerConfig,
    keys: &LogKeys,
    accept_loss: bool,
    progress: Progress<'_>,
) -> Result<RestoreReport, BackupError> {
    let vaulted = Vaulted(from.to_owned());
    let manifest = vaulted.manifest(generation)?;
    let manifest = manifest.ok_or_else(|| BackupError::NoGeneration(from.to_owned()))?;
    let data = &config.data_dir;
    if fs::read_dir(data).is_ok_and(|mut files| files.next().is_some()) {
        return Err(BackupError::Occupied(data.clone()));
    }
    let tree_size = verify(&vaulted, &manifest, keys, progress)?;
    let anchor = crate::store::raw::RawFiles::shared(data, &config.anchor).anchor()?;
    let anchored = match &anchor {
        Some(anchor) => {
            let signed = keys.verify_checkpoint(anchor.as_bytes());
            let TreeSize(size) =
                signed.map_err(|error| BackupError::wrong("anchor", error))?.checkpoint.size();
            size
        }
        None => 0,
    };
    let lost = anchored.saturating_sub(tree_size);
    if lost > 0 && !accept_loss {
        return Err(BackupError::Loss { restored: tree_size, anchored });
    }

    let mut name = data.file_name().unwrap_or_default().to_owned();
    name.push(".restoring");
    let place = data.with_file_name(name);
    if place.exists() {
        // left by a restore that was cut short
        fs::remove_dir_all(&place).map_err(io("remove", &place))?;
    }
    durable::create_dir(&place)?;
    for file in &manifest.files {
        durable::replace(&place.join(&file.path), &vaulted.read(file)?)?;
    }
    if lost > 0 {
        let line = json!({
            "at": config.clock.now().seconds().0,
            "generation": manifest.generation,
            "entries_lost": lost,
            "restored": manifest.checkpoint,
            "given_up": anchor,
        });
        let mut losses = durable::read(&place.join(LOSSES))?.unwrap_or_default();
        losses.extend_from_slice(format!("{line}\n").as_bytes());
        durable::replace(&place.join(LOSSES), &losses)?;
        let mut kept = config.anchor.file_name().unwrap_or_default().to_owned();
        kept.push(format!(".lost-{anchored}"));
        let kept = config.anchor.with_file_name(kept);
        fs::rename(&config.anchor, &kept).map_err(io("rename", &config.anchor))?;
    }
    if anchor.is_none() || lost > 0 {
        // made as the store makes it, on the folder that is not in its place yet
        let store = FileStore::open(&place, &config.anchor, 1 << 20)?;
        store.set_anchor(&manifest.checkpoint)?;
    }
    if data.exists() {
        fs::remove_dir(data).map_err(io("remove", data))?;
    }
    fs::rename(&place, data).map_err(io("rename", &place))?;
    durable::sync_dir(data.parent().unwrap_or_else(|| Path::new(".")))?;
    let anchored = anchor.is_some();
    Ok(RestoreReport { generation: manifest.generation, tree_size, lost, anchored })
}
