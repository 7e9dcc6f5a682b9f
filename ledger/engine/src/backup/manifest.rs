//! Generations: each a list of files by digest, and the files themselves by their digests, shared among generations.
//!
//! ```text
//! <backup>/generations/000001-<SHA-256 of the manifest>.json
//! <backup>/objects/<first two digits>/<SHA-256 of the file>
//! ```

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use grantbook_record::encoding::Bytes32;
use grantbook_record::strict_json;
use serde::{Deserialize, Serialize};

use super::BackupError;
use crate::store::durable::{self, io};

/// Version of the form of backups.
pub(super) const VERSION: u8 = 1;

/// One generation of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of the form.
    pub v: u8,
    /// Its number, from 1.
    pub generation: u64,
    /// When it was made, Unix seconds.
    pub made_at: u64,
    /// The signed checkpoint that the files lead to.
    pub checkpoint: String,
    /// The data folder's files.
    pub files: Vec<ManifestFile>,
}

/// A file of the data folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestFile {
    /// Its path below the data folder.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// When it was last written, nanoseconds since 1970: how the next generation sees that it is unchanged.
    pub written_ns: u64,
    /// SHA-256 of its bytes, base64url.
    pub sha256: Bytes32,
}

/// A folder of backups.
pub(super) struct Vaulted(pub(super) PathBuf);

fn hex(digest: &Bytes32) -> String {
    digest.0.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The numbers of the generations in a folder of backups, the first one first.
pub fn generations(folder: &Path) -> Result<Vec<u64>, BackupError> {
    Ok(Vaulted(folder.to_owned()).listed()?.into_iter().map(|(number, _)| number).collect())
}

impl Vaulted {
    fn listed(&self) -> Result<Vec<(u64, PathBuf)>, BackupError> {
        let folder = self.0.join("generations");
        let mut found = Vec::new();
        let read = match fs::read_dir(&folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(found),
            read => read.map_err(io("list", &folder))?,
        };
        for file in read {
            let path = file.map_err(io("list", &folder))?.path();
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            let number = stem.and_then(|stem| stem.split_once('-')?.0.parse().ok());
            if let (Some(number), Some("json")) = (number, path.extension().and_then(|part| part.to_str())) {
                found.push((number, path));
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    /// A generation, the newest where none is named; `None` where there is none.
    pub(super) fn manifest(&self, generation: Option<u64>) -> Result<Option<Manifest>, BackupError> {
        let listed = self.listed()?;
        let found = match generation {
            Some(number) => listed.into_iter().find(|(known, _)| *known == number),
            None => listed.into_iter().next_back(),
        };
        let Some((number, path)) = found else { return Ok(None) };
        let bytes = durable::read(&path)?.unwrap_or_default();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name != file_name(number, &bytes) {
            return Err(BackupError::wrong(name, "its bytes are not those that its name covers"));
        }
        let manifest: Manifest =
            strict_json::parse(&bytes).map_err(|error| BackupError::wrong(&name, error))?;
        if manifest.v != VERSION {
            return Err(BackupError::wrong(name, format!("version {}, expected {VERSION}", manifest.v)));
        }
        if let Some(file) = manifest.files.iter().find(|file| !is_ours(&file.path)) {
            return Err(BackupError::wrong(name, format!("it names {:?}, no file of a ledger", file.path)));
        }
        Ok(Some(manifest))
    }

    /// Keeps a generation, durable on return; last, since its presence says that all its files are there.
    pub(super) fn put_manifest(&self, manifest: &Manifest) -> Result<(), BackupError> {
        // these types have string keys and no fallible serialisers
        let bytes = serde_json::to_vec(manifest).unwrap_or_default();
        let name = file_name(manifest.generation, &bytes);
        Ok(durable::replace(&self.0.join("generations").join(name), &bytes)?)
    }

    fn object(&self, sha256: &Bytes32) -> PathBuf {
        let name = hex(sha256);
        self.0.join("objects").join(name.get(..2).unwrap_or_default()).join(name)
    }

    /// Keeps a file's bytes; whether they were not there.
    pub(super) fn put(&self, sha256: &Bytes32, bytes: &[u8]) -> Result<bool, BackupError> {
        let path = self.object(sha256);
        if fs::metadata(&path).is_ok_and(|present| present.len() == bytes.len() as u64) {
            return Ok(false);
        }
        durable::replace(&path, bytes)?;
        Ok(true)
    }

    /// Whether a file's bytes are there, as far as their length tells.
    pub(super) fn has(&self, file: &ManifestFile) -> bool {
        fs::metadata(self.object(&file.sha256)).is_ok_and(|present| present.len() == file.bytes)
    }

    /// A file's bytes, compared with their digest.
    pub(super) fn read(&self, file: &ManifestFile) -> Result<Vec<u8>, BackupError> {
        let bytes = durable::read(&self.object(&file.sha256))?;
        let bytes = bytes.ok_or_else(|| BackupError::wrong(&file.path, "it is missing"))?;
        if Bytes32::sha256(&bytes) == file.sha256 {
            Ok(bytes)
        } else {
            Err(BackupError::wrong(&file.path, "its SHA-256 is not the one in the manifest"))
        }
    }

    /// Drops all but the last `keep` generations, and the files that only they have.
    pub(super) fn prune(&self, keep: usize) -> Result<(), BackupError> {
        let listed = self.listed()?;
        let kept = listed.len().saturating_sub(keep.max(1));
        if kept == 0 {
            return Ok(());
        }
        let mut needed = BTreeSet::new();
        for (number, _) in listed.iter().skip(kept) {
            let manifest = self.manifest(Some(*number))?;
            needed.extend(
                manifest.into_iter().flat_map(|manifest| manifest.files).map(|file| hex(&file.sha256)),
            );
        }
        // generations go first: one that is there has all its files
        for (_, path) in listed.iter().take(kept) {
            fs::remove_file(path).map_err(io("remove", path))?;
        }
        durable::sync_dir(&self.0.join("generations"))?;
        let objects = self.0.join("objects");
        for folder in fs::read_dir(&objects).map_err(io("list", &objects))? {
            let folder = folder.map_err(io("list", &objects))?.path();
            for file in fs::read_dir(&folder).map_err(io("list", &folder))? {
                let path = file.map_err(io("list", &folder))?.path();
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                if !needed.contains(&name) {
                    fs::remove_file(&path).map_err(io("remove", &path))?;
                }
            }
        }
        Ok(())
    }
}

fn file_name(number: u64, bytes: &[u8]) -> String {
    format!("{number:06}-{}.json", hex(&Bytes32::sha256(bytes)))
}

/// Whether a path is one that a backup writes: nothing else is ever put into a data folder.
fn is_ours(path: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.')
    };
    let parts: Vec<&str> = path.split('/').collect();
    let known = match parts.as_slice() {
        ["version" | "losses.log"] => true,
        ["entries" | "vault" | "tile", rest @ ..] => !rest.is_empty(),
        ["epochs", number, "keys.log" | "base.log" | "leases.log" | "accounts.log"]
        | ["epochs", number, "journal", _] => is_number(number),
        ["epochs", number, "owners", rest @ ..] => is_number(number) && !rest.is_empty(),
        _ => false,
    };
    known && parts.iter().all(|part| plain(part) && !part.starts_with('.'))
}

fn is_number(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::is_ours;

    #[test]
    fn no_path_leads_out_of_the_folder() {
        for path in [
            "epochs/1/journal/00000000000000000000.log",
            "entries/x001/000",
            "tile/0/000",
            "epochs/12/keys.log",
            "version",
        ] {
            assert!(is_ours(path), "{path}");
        }
        for path in [
            "",
            "/etc/passwd",
            "entries/../../x",
            "entries",
            "entries/",
            "epochs/1/state/db",
            "lock",
            "epochs/1/journal/a/b",
            "epochs/x/keys.log",
        ] {
            assert!(!is_ours(path), "{path}");
        }
    }
}
