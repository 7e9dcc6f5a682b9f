//! The folder of a key epoch, and how the next one takes its place: it is written whole beside it, made durable, and
//! renamed; the folder with the highest number is the present epoch.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use super::durable::{create_dir, io, sync_dir};
use super::state::SledState;
use super::{FileStore, base, bundle_name, key_frames};
use crate::store::{Fault, NextEpoch, RowChange, StoredBatch, journal};

/// Folder of all epochs, below the data folder.
pub(super) const FOLDER: &str = "epochs";
/// What a folder is called until it is whole.
const UNFINISHED: &str = "next";

pub(super) struct Epoch {
    pub(super) number: u64,
    folder: PathBuf,
    pub(super) state: SledState,
}

impl Epoch {
    /// Opens the present epoch, or makes the first one.
    pub(super) fn open_last(data: &Path, cache_bytes: u64) -> Result<Self, Fault> {
        let all = data.join(FOLDER);
        create_dir(&all)?;
        let number = last(data).map_or(1, |(number, _)| number);
        let folder = all.join(number.to_string());
        create_dir(&folder.join("journal"))?;
        // names that a killed process had no time to sync
        for folder in [&all, &folder, &folder.join("journal")] {
            sync_dir(folder)?;
        }
        Self::open(folder, number, cache_bytes)
    }

    /// Removes what a crash has left of other epochs.
    pub(super) fn remove_others(&self, data: &Path) -> Result<(), Fault> {
        let all = data.join(FOLDER);
        for (path, number) in folders(&all)? {
            if number != Some(self.number) {
                fs::remove_dir_all(&path).map_err(io("remove", &path))?;
            }
        }
        Ok(())
    }

    fn open(folder: PathBuf, number: u64, cache_bytes: u64) -> Result<Self, Fault> {
        let state = SledState::open(&folder.join("state"), cache_bytes)?;
        Ok(Self { number, folder, state })
    }

    pub(super) fn journal(&self) -> PathBuf {
        self.folder.join("journal")
    }

    pub(super) fn owners(&self) -> PathBuf {
        self.folder.join("owners")
    }

    pub(super) fn base(&self) -> PathBuf {
        self.folder.join("base.log")
    }

    pub(super) fn keys(&self) -> PathBuf {
        self.folder.join("keys.log")
    }

    pub(super) fn leases(&self) -> PathBuf {
        self.folder.join("leases.log")
    }

    pub(super) fn accounts(&self) -> PathBuf {
        self.folder.join("accounts.log")
    }
}

/// The present epoch's number and folder; `None` where there is none yet.
pub(super) fn last(data: &Path) -> Option<(u64, PathBuf)> {
    let all = folders(&data.join(FOLDER)).unwrap_or_default().into_iter();
    all.filter_map(|(path, number)| Some((number?, path))).max()
}

/// The number that an epoch's folder has as its name.
pub(super) fn number_of(folder: &Path) -> Option<u64> {
    folder.file_name()?.to_str()?.parse().ok()
}

/// What lies in the folder of epochs, with the number of what is one.
fn folders(all: &Path) -> Result<Vec<(PathBuf, Option<u64>)>, Fault> {
    let mut folders = Vec::new();
    for folder in fs::read_dir(all).map_err(io("list", all))? {
        let path = folder.map_err(io("list", all))?.path();
        let number = number_of(&path);
        folders.push((path, number));
    }
    Ok(folders)
}

/// The next epoch while it is written. Its files are made durable together at the end, not one by one.
pub(super) struct NextFiles<'a> {
    store: &'a FileStore,
    /// `None` once it is finished.
    epoch: Option<Epoch>,
    keys: File,
    base: File,
}

impl<'a> NextFiles<'a> {
    pub(super) fn begin(store: &'a FileStore) -> Result<Self, Fault> {
        let number = store.present().number.saturating_add(1);
        let folder = store.data.join(FOLDER).join(UNFINISHED);
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(io("remove", &folder))?;
        }
        create_dir(&folder.join("journal"))?;
        let epoch = Epoch::open(folder, number, store.cache_bytes)?;
        let (keys, base) = (create(&epoch.keys())?, create(&epoch.base())?);
        Ok(Self { store, epoch: Some(epoch), keys, base })
    }

    fn epoch(&self) -> Result<&Epoch, Fault> {
        let gone = || Fault::Damaged { what: "next epoch".to_owned(), why: "it is finished".to_owned() };
        self.epoch.as_ref().ok_or_else(gone)
    }
}

impl NextEpoch for NextFiles<'_> {
    fn put_owners(&mut self, index: u64, owners: &[u8]) -> Result<(), Fault> {
        let path = self.epoch()?.owners().join(bundle_name(index)?);
        if let Some(folder) = path.parent().filter(|folder| !folder.is_dir()) {
            create_dir(folder)?;
        }
        create(&path)?.write_all(owners).map_err(io("write", &path))
    }

    fn put_keys(&mut self, keys: &[(u64, Vec<u8>)]) -> Result<(), Fault> {
        let path = self.epoch()?.keys();
        self.keys.write_all(&key_frames(keys)).map_err(io("append to", &path))
    }

    fn put_leases(&mut self, serial: u64, frame: &[u8]) -> Result<(), Fault> {
        let path = self.epoch()?.leases();
        let frame = key_frames(&[(serial, frame.to_vec())]);
        create(&path)?.write_all(&frame).map_err(io("write", &path))
    }

    fn put_accounts(&mut self, serial: u64, frame: &[u8]) -> Result<(), Fault> {
        let path = self.epoch()?.accounts();
        let frame = key_frames(&[(serial, frame.to_vec())]);
        create(&path)?.write_all(&frame).map_err(io("write", &path))
    }

    fn put_rows(&mut self, rows: Vec<RowChange>, position: u64) -> Result<(), Fault> {
        let path = self.epoch()?.base();
        self.base.write_all(&base::frame(&rows, position)).map_err(io("append to", &path))?;
        self.epoch()?.state.apply(rows, position)
    }

    fn finish(mut self: Box<Self>, tail: &StoredBatch) -> Result<(), Fault> {
        let store = self.store;
        let Some(Epoch { number, folder, state }) = self.epoch.take() else {
            return self.epoch().map(|_| ());
        };
        let mut segment = FileStore::new_segment(&folder.join("journal"), tail.first)?;
        let frame = journal::encode(tail);
        segment.file.write_all(&frame).map_err(io("append to", &segment.path))?;
        state.flush()?;
        // sled would go on under the old name
        drop(state);
        sync_all(&folder)?;
        let all = store.data.join(FOLDER);
        let named = all.join(number.to_string());
        fs::rename(&folder, &named).map_err(io("rename", &folder))?;
        sync_dir(&all)?;
        // from here on the next start finds the new epoch
        let epoch = Epoch::open(named, number, store.cache_bytes)?;
        segment.path = epoch.journal().join(segment.path.file_name().unwrap_or_default());
        segment.bytes = frame.len() as u64;
        *store.journal() = Some(segment);
        let mut present = store.epoch.write().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::replace(&mut *present, Arc::new(epoch));
        drop(present);
        store.leases.renewed();
        store.accounts.renewed();
        fs::remove_dir_all(&old.folder).map_err(io("remove", &old.folder))?;
        sync_dir(&all)
    }
}

impl Drop for NextFiles<'_> {
    fn drop(&mut self) {
        if let Some(Epoch { folder, state, .. }) = self.epoch.take() {
            drop(state);
            // what stays is removed at the next start
            let _ = fs::remove_dir_all(folder);
        }
    }
}

fn create(path: &Path) -> Result<File, Fault> {
    let mut options = File::options();
    options.create(true).truncate(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(io("create", path))
}

/// Makes everything on the folder's file system durable: one call instead of three for each of many small files.
fn sync_all(folder: &Path) -> Result<(), Fault> {
    let file = File::open(folder).map_err(io("open", folder))?;
    rustix::fs::syncfs(file).map_err(|error| io("sync", folder)(error.into()))
}
