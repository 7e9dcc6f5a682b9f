//! The folder of one gate's replica: the snapshot and the file of records that it names.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use grantbook_record::GateId;

use super::Pins;
use super::cold::{ColdError, ColdFile, ColdPlace, NAME as COLD};
use crate::seal::Seal;

const SNAPSHOT: &str = "snapshot";
const UNFINISHED: &str = "snapshot.new";
const LOCK: &str = "lock";

/// A folder with the key of an epoch, under which everything in it is sealed for one gate of one tenant.
#[derive(Debug)]
pub struct StateFolder {
    path: PathBuf,
    /// Held as long as somebody uses the folder.
    lock: Arc<File>,
    pub(super) seal: Arc<Seal>,
}

impl StateFolder {
    /// Opens a folder, made where there is none, for the gate `gate` of the pinned tenant. An error of the kind
    /// [`io::ErrorKind::WouldBlock`] says that another gate uses it. Nothing is read yet.
    pub fn open(
        path: impl Into<PathBuf>,
        pins: &Pins,
        gate: &GateId,
        key: &[u8; 32],
        epoch: u64,
    ) -> io::Result<Self> {
        let path = path.into();
        fs::create_dir_all(&path)?;
        let lock =
            File::options().create(true).truncate(false).write(true).mode(0o600).open(path.join(LOCK))?;
        lock.try_lock().map_err(io::Error::from)?;
        let seal = seal(key, epoch, pins, gate);
        Ok(Self { path, lock: Arc::new(lock), seal: Arc::new(seal) })
    }

    /// The same folder under the key of another epoch.
    #[must_use]
    pub fn of_epoch(&self, pins: &Pins, gate: &GateId, key: &[u8; 32], epoch: u64) -> Self {
        let seal = seal(key, epoch, pins, gate);
        Self { path: self.path.clone(), lock: Arc::clone(&self.lock), seal: Arc::new(seal) }
    }

    /// The key epoch for which it is sealed.
    pub fn epoch(&self) -> u64 {
        self.seal.epoch()
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A new file of records in a folder that has nothing else.
    pub(super) fn begin(&self) -> Result<ColdFile, ColdError> {
        self.clear()?;
        ColdFile::create(&self.path, Arc::clone(&self.seal))
    }

    /// Removes snapshot and records.
    fn clear(&self) -> io::Result<()> {
        self.remove_snapshot()?;
        self.keep_only(None)
    }

    pub(super) fn remove_snapshot(&self) -> io::Result<()> {
        for name in [SNAPSHOT, UNFINISHED] {
            match fs::remove_file(self.path.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        self.sync()
    }

    /// Removes files of records that no snapshot names.
    pub(super) fn keep_only(&self, named: Option<&ColdPlace>) -> io::Result<()> {
        let kept = named.map(ColdPlace::name);
        for file in fs::read_dir(&self.path)? {
            let file = file?;
            let name = file.file_name();
            let of_records = name.to_str().filter(|name| name.starts_with(COLD));
            if of_records.is_some_and(|name| Some(name) != kept.as_deref()) {
                fs::remove_file(file.path())?;
            }
        }
        self.sync()
    }

    pub(super) fn read_snapshot(&self) -> io::Result<Vec<u8>> {
        fs::read(self.path.join(SNAPSHOT))
    }

    /// Whole or not at all: under another name, synced, renamed, and the folder synced.
    pub(super) fn write_snapshot(&self, sealed: &[u8]) -> io::Result<()> {
        let unfinished = self.path.join(UNFINISHED);
        let mut file =
            File::options().create(true).truncate(true).write(true).mode(0o600).open(&unfinished)?;
        file.write_all(sealed)?;
        file.sync_all()?;
        fs::rename(unfinished, self.path.join(SNAPSHOT))?;
        self.sync()
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

/// Bound to all that is pinned: what was believed under other pins is not.
fn seal(key: &[u8; 32], epoch: u64, pins: &Pins, gate: &GateId) -> Seal {
    let Pins { tenant, log_keys, parties } = pins;
    let keys = log_keys.to_string();
    let owner = [
        b"replica".as_slice(),
        tenant.as_bytes(),
        &parties.enterprise.0.0,
        &parties.operator.0.0,
        gate.as_str().as_bytes(),
        keys.as_bytes(),
    ];
    Seal::new(key, epoch, &owner)
}
