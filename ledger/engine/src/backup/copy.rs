//! Taking a backup. A server may be appending all the while, so the order matters:
//!
//! 0. the leases: what they say of the log is then in what the anchor vouches for;
//! 1. the anchor: what it vouches for is durable, and nothing beyond it is copied;
//! 2. the journal, whole frames up to there: the archiver drops a file of it only after its entries are in bundles, so
//! 3. the bundles and tiles, of entries that the anchor vouches for: they reach to where the journal begins or further;
//! 4. the wrapped keys, last: a key is there before the journal's frame that brought it is dropped.
//!
//! A roll of the key epoch takes the folder away that journal, owners and keys lie in. The next one has its name before
//! that, so if the epoch is still the present one at the end, nothing of it was missed; otherwise the copy begins again.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use grantbook_record::encoding::Bytes32;
use grantbook_tlog::{LogKeys, TreeSize};

use super::manifest::{Manifest, ManifestFile, VERSION, Vaulted};
use super::{BackupError, BackupReport, tree};
use crate::config::LedgerConfig;
use crate::fsck::Progress;
use crate::store::durable::{self, io};
use crate::store::raw::{Frame, Frames, RawFiles};
use crate::store::{BUNDLE_WIDTH, version};

/// How often a copy is begun again that the archiver or a new key epoch overtook.
const TRIES: usize = 10;

/// Adds a generation to the backups in `to`. Of a running ledger too; `keep` drops all but that many generations.
pub fn backup(
    config: &LedgerConfig,
    to: &Path,
    keep: Option<usize>,
    progress: Progress<'_>,
) -> Result<BackupReport, BackupError> {
    let keys = super::log_keys(config)?;
    version::check_present(&config.data_dir)?;
    let vaulted = Vaulted(to.to_owned());
    for _ in 0..TRIES {
        let files = RawFiles::shared(&config.data_dir, &config.anchor);
        match generation(&files, &vaulted, &keys, config, progress) {
            Ok(Some(report)) => {
                if let Some(keep) = keep {
                    vaulted.prune(keep)?;
                }
                return Ok(report);
            }
            Ok(None) => {}
            // what was missing or wrong went with its epoch
            Err(_) if files.is_of_an_ended_epoch() => {}
            Err(error) => return Err(error),
        }
    }
    Err(BackupError::Busy)
}

/// One try; `None` where the archiver or a new key epoch was faster.
fn generation(
    files: &RawFiles,
    vaulted: &Vaulted,
    keys: &LogKeys,
    config: &LedgerConfig,
    progress: Progress<'_>,
) -> Result<Option<BackupReport>, BackupError> {
    let before = vaulted.manifest(None)?;
    let leases = whole_frames(files, &files.sealed("leases.log"))?;
    let anchor = files.anchor()?.ok_or_else(|| BackupError::wrong("anchor", "it is missing"))?;
    let anchored = keys.verify_checkpoint(anchor.as_bytes());
    let TreeSize(size) = anchored.map_err(|error| BackupError::wrong("anchor", error))?.checkpoint.size();

    let Some((journal, frames)) = journal(files, size)? else { return Ok(None) };
    let kept = files.bundles("entries")?.known.len() as u64;
    let bundles = kept.min(size / BUNDLE_WIDTH);
    let of_before = before.iter().flat_map(|before| &before.files);
    let of_before = of_before.map(|file| (file.path.as_str(), file)).collect();
    let mut copy = Copy { files, vaulted, before: of_before, listed: Vec::new(), copied: (0, 0) };
    for (name, bytes) in &journal {
        copy.put(name, bytes, 0)?;
    }
    for index in 0..bundles {
        for part in ["entries", "vault", "owners"] {
            copy.file(&files.bundle_name(part, index)?)?;
        }
        progress((index + 1) * BUNDLE_WIDTH, size);
    }
    let mut tiles = bundles;
    let mut level = 0;
    while tiles > 0 {
        for index in 0..tiles {
            copy.file(&crate::nodes::full_tile(level, index)?.path())?;
        }
        tiles /= BUNDLE_WIDTH;
        level += 1;
    }
    let keys_log = files.sealed("keys.log");
    if let Some(bytes) = whole_frames(files, &keys_log)? {
        copy.put(&keys_log, &bytes, 0)?;
    }
    if let Some(bytes) = leases {
        copy.put(&files.sealed("leases.log"), &bytes, 0)?;
    }
    let accounts = files.sealed("accounts.log");
    if let Some(bytes) = whole_frames(files, &accounts)? {
        copy.put(&accounts, &bytes, 0)?;
    }
    let base = files.sealed("base.log");
    if files.data().join(&base).exists() {
        copy.file(&base)?;
    }
    copy.file(version::FILE)?;
    if files.data().join(super::restore::LOSSES).exists() {
        copy.file(super::restore::LOSSES)?;
    }

    let read = |name: &str| {
        let bytes = durable::read(&files.data().join(name))?;
        bytes.ok_or_else(|| BackupError::wrong(name, "it is missing"))
    };
    let checkpoint = frames.whole.last().map_or(anchor.as_str(), |frame| frame.batch.checkpoint.as_str());
    tree::check(&read, tree::From::Tiles, bundles, &frames, checkpoint, keys)?;
    if files.is_of_an_ended_epoch() {
        return Ok(None);
    }
    let Copy { listed, copied: (copied_files, copied_bytes), .. } = copy;
    let manifest = Manifest {
        v: VERSION,
        generation: before.as_ref().map_or(0, |before| before.generation) + 1,
        made_at: config.clock.now().seconds().0,
        checkpoint: checkpoint.to_owned(),
        files: listed,
    };
    vaulted.put_manifest(&manifest)?;
    Ok(Some(BackupReport {
        generation: manifest.generation,
        tree_size: size,
        files: manifest.files.len() as u64,
        copied_files,
        copied_bytes,
    }))
}

/// A file of frames, without what is torn at its end; `None` where there is no such file.
fn whole_frames(files: &RawFiles, name: &str) -> Result<Option<Vec<u8>>, BackupError> {
    let Some(mut bytes) = durable::read(&files.data().join(name))? else { return Ok(None) };
    let mut frames = Frames::default();
    frames.take(name, &bytes);
    bytes.truncate(frames.whole.last().map_or(0, |frame| frame.offset + frame.length));
    Ok(Some(bytes))
}

type JournalFiles = Vec<(String, Vec<u8>)>;

/// The journal's files, each cut behind its last frame of the first `size` entries; `None` where it moved on meanwhile.
fn journal(files: &RawFiles, size: u64) -> Result<Option<(JournalFiles, Frames)>, BackupError> {
    let mut copied = Vec::new();
    let mut all = Frames::default();
    for name in files.journal_names()? {
        // dropped since it was listed
        let Some(mut bytes) = durable::read(&files.data().join(&name))? else { return Ok(None) };
        let mut frames = Frames::default();
        frames.take(&name, &bytes);
        if let Some(torn) = frames.torn.iter().find(|torn| !torn.last) {
            let what = format!("{}, frame at byte {}", torn.file, torn.offset);
            return Err(BackupError::wrong(what, "it is torn; see what `grantbook fsck` says"));
        }
        let within = |frame: &&Frame| frame.batch.first + frame.batch.items.len() as u64 <= size;
        let count = frames.whole.iter().take_while(within).count();
        frames.whole.truncate(count);
        let Some(last) = frames.whole.last() else { break };
        bytes.truncate(last.offset + last.length);
        copied.push((name, bytes));
        all.whole.extend(frames.whole);
    }
    let end = all.whole.last().map_or(0, |frame| frame.batch.first + frame.batch.items.len() as u64);
    Ok((end == size).then_some((copied, all)))
}

struct Copy<'a> {
    files: &'a RawFiles,
    vaulted: &'a Vaulted,
    /// The files of the generation before, by path.
    before: BTreeMap<&'a str, &'a ManifestFile>,
    listed: Vec<ManifestFile>,
    /// Files and bytes.
    copied: (u64, u64),
}

impl Copy<'_> {
    /// Copies a file that is replaced whole if ever, unless the generation before has it as it is.
    fn file(&mut self, name: &str) -> Result<(), BackupError> {
        let path = self.files.data().join(name);
        let meta = fs::metadata(&path).map_err(io("read", &path))?;
        let written = meta.modified().unwrap_or(SystemTime::UNIX_EPOCH).duration_since(UNIX_EPOCH);
        let written_ns = u64::try_from(written.unwrap_or_default().as_nanos()).unwrap_or(u64::MAX);
        let same = self.before.get(name).copied();
        if let Some(same) = same.filter(|same| same.bytes == meta.len() && same.written_ns == written_ns)
            && self.vaulted.has(same)
        {
            self.listed.push(same.clone());
            return Ok(());
        }
        let bytes = fs::read(&path).map_err(io("read", &path))?;
        self.put(name, &bytes, written_ns)
    }

    fn put(&mut self, name: &str, bytes: &[u8], written_ns: u64) -> Result<(), BackupError> {
        let sha256 = Bytes32::sha256(bytes);
        if self.vaulted.put(&sha256, bytes)? {
            self.copied.0 += 1;
            self.copied.1 += bytes.len() as u64;
        }
        self.listed.push(ManifestFile {
            path: name.to_owned(),
            bytes: bytes.len() as u64,
            written_ns,
            sha256,
        });
        Ok(())
    }
}
