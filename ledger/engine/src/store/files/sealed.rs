//! What a data folder holds sealed under its key epoch's key, read without changing anything, beside a running ledger.

use std::path::{Path, PathBuf};

use super::anchor::Anchor;
use super::durable::{self, io};
use super::journal::{self, Next};
use super::{bundle_name, damaged};
use crate::store::{Fault, StoredBatch};

/// The present epoch's folder of a data folder.
pub(crate) struct SealedFolder {
    epoch: u64,
    folder: PathBuf,
}

impl SealedFolder {
    /// The folder with the highest number; `None` where there is none.
    pub(crate) fn find(data: &Path) -> Result<Option<Self>, Fault> {
        let all = data.join("epochs");
        if !all.is_dir() {
            return Ok(None);
        }
        let mut epoch = None;
        for folder in std::fs::read_dir(&all).map_err(io("list", &all))? {
            let name = folder.map_err(io("list", &all))?.file_name();
            epoch = epoch.max(name.to_str().and_then(|name| name.parse::<u64>().ok()));
        }
        Ok(epoch.map(|epoch| Self { epoch, folder: all.join(epoch.to_string()) }))
    }

    /// Its number.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Every whole batch of the journal.
    pub(crate) fn batches(&self, visit: &mut dyn FnMut(StoredBatch)) -> Result<(), Fault> {
        let journal = self.folder.join("journal");
        for file in std::fs::read_dir(&journal).map_err(io("list", &journal))? {
            frames(&file.map_err(io("list", &journal))?.path(), visit)?;
        }
        Ok(())
    }

    /// Every data key that was kept beyond its batch.
    pub(crate) fn keys(&self, visit: &mut dyn FnMut(u64, Vec<u8>)) -> Result<(), Fault> {
        frames(&self.folder.join("keys.log"), &mut |batch| {
            batch.keys.into_iter().for_each(|(id, wrapped)| visit(id, wrapped));
        })
    }

    /// Whose the entries of a bundle are, sealed.
    pub(crate) fn owners(&self, index: u64) -> Result<Option<Vec<u8>>, Fault> {
        durable::read(&self.folder.join("owners").join(bundle_name(index)?))
    }
}

/// The checkpoint in an anchor.
pub(crate) fn anchored(anchor: &Path) -> Result<Option<String>, Fault> {
    Anchor::new(anchor).read()
}

/// Whole frames up to the first that is not: a writer may be at it.
fn frames(path: &Path, visit: &mut dyn FnMut(StoredBatch)) -> Result<(), Fault> {
    let bytes = durable::read(path)?.unwrap_or_default();
    let mut rest = bytes.as_slice();
    while let Next::Frame(payload, length) = journal::next(rest) {
        visit(journal::decode(payload).ok_or_else(|| damaged(path, "a frame has no batch in it"))?);
        rest = rest.get(length..).unwrap_or_default();
    }
    Ok(())
}
