//! The default store: a journal, immutable files, and sled for the state.
//!
//! ```text
//! <data>/entries/x000/000              public entry bundle (C2SP tlog-tiles)
//! <data>/vault/x000/000                sealed bodies of the same entries
//! <data>/tile/0/x000/000               full tiles
//! <data>/epochs/<n>/                   what is sealed under the key of the epoch n, and ends with it:
//!   journal/<first leaf index>.log     batches, until their bundles are kept
//!   owners/x000/000                    whose the entries of a bundle are
//!   keys.log                           wrapped data keys whose batches were trimmed
//!   leases.log                         what gates hold of caps, rates and budgets, sealed
//!   base.log                           the rows with which the epoch began; none in the first
//!   state/                             sled: rebuilt from the rest when missing, behind or broken
//! <data>/version                       the format's version
//! <data>/witnessed                     last checkpoint that a quorum of witnesses cosigned
//! <anchor>                             last signed checkpoint, outside the data folder
//!   accounts.log                       the portal's accounts and sessions, sealed
//! <anchor>.leases                      how far leases.log had come
//! ```

mod anchor;
mod base;
pub(crate) mod durable;
mod epoch;
mod frame_log;
mod leases;
pub(crate) mod raw;
mod state;
pub(crate) mod version;

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use grantbook_tlog::tile::{BundleCoord, TileCoord, encode_bundle, parse_bundle};

use super::cursor::{Cursor, put_bytes};
use super::journal::{self, Next};
use super::{
    BUNDLE_WIDTH, BaseVisitor, BatchVisitor, Fault, FrameVisitor, NextEpoch, Row, RowChange, Store,
    StoredBatch, StoredBundle, StoredItem,
};
use anchor::Anchor;
use durable::{create_dir, io, sync_dir, write_new};
use epoch::{Epoch, NextFiles};
use frame_log::FrameLog;

/// Bytes after which a new journal file is begun.
const SEGMENT_BYTES: u64 = 64 * 1024 * 1024;

/// How long a lock is waited for that is held for a moment only.
const LOCK_PATIENCE: Duration = Duration::from_millis(250);
/// Name of the file with the last witnessed checkpoint.
const WITNESSED_FILE: &str = "witnessed";

/// See the module's documentation.
pub struct FileStore {
    data: PathBuf,
    anchor: Anchor,
    leases: FrameLog,
    lease_mark: Anchor,
    accounts: FrameLog,
    cache_bytes: u64,
    epoch: RwLock<Arc<Epoch>>,
    journal: Mutex<Option<Segment>>,
    /// The lowest id of a data key that the journal holds.
    first_key: Mutex<Option<u64>>,
    /// Held, and locked, as long as the store is open.
    _lock: File,
}

struct Segment {
    file: File,
    path: PathBuf,
    bytes: u64,
    /// Whether bytes follow that a crash cut short.
    torn: bool,
}

impl FileStore {
    /// Opens or makes a store. [`Fault::Held`] where another process has it.
    pub fn open(data: &Path, anchor: &Path, state_cache_bytes: u64) -> Result<Self, Fault> {
        create_dir(data)?;
        let lock = lock(data)?;
        version::check(data)?;
        let epoch = Epoch::open_last(data, state_cache_bytes)?;
        // names that a killed process had no time to sync
        sync_dir(data)?;
        Ok(Self {
            data: data.to_owned(),
            anchor: Anchor::new(anchor),
            leases: FrameLog::default(),
            lease_mark: leases::mark_of(anchor),
            accounts: FrameLog::default(),
            cache_bytes: state_cache_bytes,
            epoch: RwLock::new(Arc::new(epoch)),
            journal: Mutex::new(None),
            first_key: Mutex::new(None),
            _lock: lock,
        })
    }

    fn present(&self) -> Arc<Epoch> {
        Arc::clone(&self.epoch.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn journal(&self) -> MutexGuard<'_, Option<Segment>> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn segments(&self) -> Result<Vec<(u64, PathBuf)>, Fault> {
        let folder = self.present().journal();
        let mut segments = Vec::new();
        for file in fs::read_dir(&folder).map_err(io("list", &folder))? {
            let path = file.map_err(io("list", &folder))?.path();
            let first = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
            if let (Some(first), Some("log")) = (first, path.extension().and_then(|e| e.to_str())) {
                segments.push((first, path));
            }
        }
        segments.sort_unstable();
        Ok(segments)
    }

    fn new_segment(folder: &Path, first: u64) -> Result<Segment, Fault> {
        let path = folder.join(format!("{first:020}.log"));
        let file = File::options().create_new(true).append(true).open(&path).map_err(io("create", &path))?;
        sync_dir(folder)?;
        Ok(Segment { file, path, bytes: 0, torn: false })
    }

    fn bundle_path(&self, part: &str, index: u64) -> Result<PathBuf, Fault> {
        Ok(self.data.join(part).join(bundle_name(index)?))
    }

    fn owners_path(&self, index: u64) -> Result<PathBuf, Fault> {
        Ok(self.present().owners().join(bundle_name(index)?))
    }
}

/// `x000/000`: the public path is `tile/entries/<N>`; the other parts of a bundle lie under folders of their own.
fn bundle_name(index: u64) -> Result<String, Fault> {
    Ok(full_bundle(index)?.path().trim_start_matches("tile/entries/").to_owned())
}

/// Takes the lock of a data folder; [`Fault::Held`] where another process has it.
fn lock(data: &Path) -> Result<File, Fault> {
    let path = data.join("lock");
    let lock = File::options().create(true).truncate(false).write(true).open(&path);
    let lock = lock.map_err(io("open", &path))?;
    let begun = Instant::now();
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            // a process that was just forked holds what its parent held until it becomes another program
            Err(fs::TryLockError::WouldBlock) if begun.elapsed() < LOCK_PATIENCE => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(fs::TryLockError::WouldBlock) => {
                return Err(Fault::Held { what: data.display().to_string() });
            }
            Err(fs::TryLockError::Error(source)) => return Err(io("lock", &path)(source)),
        }
    }
}

fn full_bundle(index: u64) -> Result<BundleCoord, Fault> {
    BundleCoord::new(index, 256)
        .map_err(|error| Fault::Damaged { what: format!("bundle {index}"), why: error.to_string() })
}

impl Store for FileStore {
    fn commit(&self, batch: &StoredBatch) -> Result<(), Fault> {
        let frame = journal::encode(batch);
        let mut journal = self.journal();
        if journal.as_ref().is_none_or(|segment| segment.bytes >= SEGMENT_BYTES) {
            *journal = Some(Self::new_segment(&self.present().journal(), batch.first)?);
        }
        let Some(segment) = journal.as_mut() else { return Ok(()) };
        if segment.torn {
            // only now: until the anchor has been checked, these bytes may be all that is left of something acknowledged
            segment.file.set_len(segment.bytes).map_err(io("cut", &segment.path))?;
            segment.file.sync_all().map_err(io("sync", &segment.path))?;
            segment.torn = false;
        }
        segment.file.write_all(&frame).map_err(io("append to", &segment.path))?;
        // the commit point: a crash before this line returns loses nothing that was acknowledged
        segment.file.sync_data().map_err(io("sync", &segment.path))?;
        segment.bytes += frame.len() as u64;
        Ok(())
    }

    fn batches(&self, visit: BatchVisitor<'_>) -> Result<(), Fault> {
        let segments = self.segments()?;
        let last = segments.len().saturating_sub(1);
        let mut first_key = None;
        for (at, (_, path)) in segments.into_iter().enumerate() {
            let mut bytes = Vec::new();
            let mut file = File::options().read(true).append(true).open(&path).map_err(io("open", &path))?;
            file.read_to_end(&mut bytes).map_err(io("read", &path))?;
            if at == last {
                // a killed process may have written what nobody synced; from here on it counts as acknowledged
                file.sync_all().map_err(io("sync", &path))?;
            }
            let mut rest = bytes.as_slice();
            let mut torn = false;
            loop {
                match journal::next(rest) {
                    Next::End => break,
                    Next::Frame(payload, length) => {
                        let batch = journal::decode(payload)
                            .ok_or_else(|| damaged(&path, "a frame has no batch in it"))?;
                        first_key = batch.keys.iter().map(|(id, _)| *id).chain(first_key).min();
                        visit(batch)?;
                        rest = rest.get(length..).unwrap_or_default();
                    }
                    Next::Torn if at < last || journal::has_frame(rest.get(1..).unwrap_or_default()) => {
                        let offset = bytes.len() - rest.len();
                        return Err(damaged(
                            &path,
                            &format!("the frame at byte {offset} is torn, and others follow"),
                        ));
                    }
                    // a crash cut this frame short before it was acknowledged
                    Next::Torn => {
                        torn = true;
                        break;
                    }
                }
            }
            if at == last {
                let segment = Segment { file, path, bytes: (bytes.len() - rest.len()) as u64, torn };
                *self.journal() = Some(segment);
            }
        }
        *self.first_key.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = first_key;
        Ok(())
    }

    fn trim(&self, size: u64) -> Result<(), Fault> {
        let segments = self.segments()?;
        // a segment ends where the next one begins; the last one is being written
        for (this, next) in segments.iter().zip(segments.iter().skip(1)) {
            if next.0 <= size {
                fs::remove_file(&this.1).map_err(io("remove", &this.1))?;
            }
        }
        sync_dir(&self.present().journal())
    }

    fn put_bundle(&self, index: u64, bundle: &StoredBundle) -> Result<(), Fault> {
        let entries: Vec<&[u8]> = bundle.items.iter().map(|item| item.entry.as_slice()).collect();
        let public = encode_bundle(&entries)
            .map_err(|error| Fault::Damaged { what: format!("bundle {index}"), why: error.to_string() })?;
        let mut vault = Vec::new();
        for item in &bundle.items {
            put_bytes(&mut vault, &item.body);
            put_bytes(&mut vault, &item.shared);
        }
        write_new(&self.bundle_path("vault", index)?, &vault)?;
        write_new(&self.owners_path(index)?, &bundle.owners)?;
        // last, since its presence says that the bundle is complete
        write_new(&self.bundle_path("entries", index)?, &public)
    }

    fn bundle(&self, index: u64) -> Result<Option<StoredBundle>, Fault> {
        let entries_path = self.bundle_path("entries", index)?;
        let Some(public) = durable::read(&entries_path)? else { return Ok(None) };
        let vault_path = self.bundle_path("vault", index)?;
        let owners_path = self.owners_path(index)?;
        let vault = durable::read(&vault_path)?.ok_or_else(|| damaged(&vault_path, "it is missing"))?;
        let owners = durable::read(&owners_path)?.ok_or_else(|| damaged(&owners_path, "it is missing"))?;
        let entries =
            parse_bundle(&public, 256).map_err(|error| damaged(&entries_path, &error.to_string()))?;
        let mut cursor = Cursor(&vault);
        let mut items = Vec::with_capacity(entries.len());
        for entry in entries {
            let (Some(body), Some(shared)) = (cursor.bytes(), cursor.bytes()) else {
                return Err(damaged(&vault_path, "it ends early"));
            };
            items.push(StoredItem { entry: entry.to_vec(), body: body.to_vec(), shared: shared.to_vec() });
        }
        if !cursor.is_empty() {
            return Err(damaged(&vault_path, "it goes on after the last body"));
        }
        Ok(Some(StoredBundle { items, owners }))
    }

    fn owners(&self, index: u64) -> Result<Option<Vec<u8>>, Fault> {
        durable::read(&self.owners_path(index)?)
    }

    fn bundles(&self) -> Result<u64, Fault> {
        // complete bundles have no gaps, so their end is found by halving
        let present = |index| Ok::<_, Fault>(self.bundle_path("entries", index)?.exists());
        let (mut low, mut high) = (0, 1);
        while present(high - 1)? {
            low = high;
            high *= 2;
        }
        while low < high {
            let middle = low.midpoint(high);
            if present(middle)? { low = middle + 1 } else { high = middle }
        }
        Ok(low)
    }

    fn put_tile(&self, tile: &TileCoord, bytes: &[u8]) -> Result<(), Fault> {
        write_new(&self.data.join(tile.path()), bytes)
    }

    fn tile(&self, tile: &TileCoord) -> Result<Option<Vec<u8>>, Fault> {
        durable::read(&self.data.join(tile.path()))
    }

    fn put_keys(&self, keys: &[(u64, Vec<u8>)]) -> Result<(), Fault> {
        if keys.is_empty() {
            return Ok(());
        }
        let path = self.present().keys();
        let mut file = File::options().create(true).append(true).open(&path).map_err(io("open", &path))?;
        file.write_all(&key_frames(keys)).map_err(io("append to", &path))?;
        file.sync_data().map_err(io("sync", &path))?;
        // its name may be new, to this process or to one that was killed
        path.parent().map_or(Ok(()), sync_dir)
    }

    fn keys(&self, visit: &mut dyn FnMut(u64, Vec<u8>)) -> Result<(), Fault> {
        let path = self.present().keys();
        let Some(bytes) = durable::read(&path)? else { return Ok(()) };
        let mut rest = bytes.as_slice();
        let mut last_key = 0;
        loop {
            match journal::next(rest) {
                Next::End => return Ok(()),
                Next::Frame(payload, length) => {
                    let batch =
                        journal::decode(payload).ok_or_else(|| damaged(&path, "a frame has no key in it"))?;
                    for (id, wrapped) in batch.keys {
                        last_key = last_key.max(id);
                        visit(id, wrapped);
                    }
                    rest = rest.get(length..).unwrap_or_default();
                }
                Next::Torn if journal::has_frame(rest.get(1..).unwrap_or_default()) => {
                    return Err(damaged(&path, "a frame before the last one is torn"));
                }
                // cut short by a crash before its batch was trimmed, so the journal goes on where these keys end
                Next::Torn => {
                    let first_key = *self.first_key.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    if first_key.is_none_or(|first| first > last_key + 1) {
                        return Err(damaged(
                            &path,
                            "its last frame is torn, and the journal does not have its key",
                        ));
                    }
                    let whole = bytes.len() - rest.len();
                    let file = File::options().write(true).open(&path).map_err(io("open", &path))?;
                    file.set_len(whole as u64).map_err(io("cut", &path))?;
                    return file.sync_all().map_err(io("sync", &path));
                }
            }
        }
    }

    fn accounts(&self, visit: FrameVisitor<'_>) -> Result<(), Fault> {
        self.accounts.read(&self.present().accounts(), visit).map(drop)
    }

    fn append_accounts(&self, serial: u64, frame: &[u8]) -> Result<(), Fault> {
        self.accounts.append(&self.present().accounts(), serial, frame)
    }

    fn replace_accounts(&self, serial: u64, frame: &[u8]) -> Result<(), Fault> {
        self.accounts.replace(&self.present().accounts(), serial, frame)
    }

    fn leases(&self, visit: FrameVisitor<'_>) -> Result<bool, Fault> {
        self.leases.read(&self.present().leases(), visit)
    }

    fn append_leases(&self, serial: u64, frame: &[u8]) -> Result<(), Fault> {
        self.leases.append(&self.present().leases(), serial, frame)
    }

    fn replace_leases(&self, serial: u64, frame: &[u8]) -> Result<(), Fault> {
        self.leases.replace(&self.present().leases(), serial, frame)
    }

    fn lease_mark(&self) -> Result<Option<String>, Fault> {
        self.lease_mark.read()
    }

    fn set_lease_mark(&self, mark: &str) -> Result<(), Fault> {
        self.lease_mark.write(mark)
    }

    fn anchor(&self) -> Result<Option<String>, Fault> {
        self.anchor.read()
    }

    fn set_anchor(&self, checkpoint: &str) -> Result<(), Fault> {
        self.anchor.write(checkpoint)
    }

    fn witnessed(&self) -> Result<Option<String>, Fault> {
        let path = self.data.join(WITNESSED_FILE);
        let damaged =
            |_| Fault::Damaged { what: path.display().to_string(), why: "it is no text".to_owned() };
        durable::read(&path)?.map(|bytes| String::from_utf8(bytes).map_err(damaged)).transpose()
    }

    fn set_witnessed(&self, checkpoint: &str) -> Result<(), Fault> {
        durable::replace(&self.data.join(WITNESSED_FILE), checkpoint.as_bytes())
    }

    fn row(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        self.present().state.row(key)
    }

    fn rows(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Row>, Fault> {
        self.present().state.rows(prefix, after, limit)
    }

    fn apply(&self, rows: Vec<RowChange>, position: u64) -> Result<(), Fault> {
        self.present().state.apply(rows, position)
    }

    fn position(&self) -> Result<u64, Fault> {
        self.present().state.position()
    }

    fn clear_state(&self) -> Result<(), Fault> {
        self.present().state.clear()
    }

    fn flush_state(&self) -> Result<(), Fault> {
        self.present().state.flush()
    }

    fn epoch(&self) -> u64 {
        self.present().number
    }

    fn base(&self, visit: BaseVisitor<'_>) -> Result<(), Fault> {
        base::read(&self.present().base(), visit)
    }

    fn remove_other_epochs(&self) -> Result<(), Fault> {
        self.present().remove_others(&self.data)
    }

    fn next_epoch(&self) -> Result<Box<dyn NextEpoch + '_>, Fault> {
        Ok(Box::new(NextFiles::begin(self)?))
    }
}

/// Data keys as frames of batches without items.
fn key_frames(keys: &[(u64, Vec<u8>)]) -> Vec<u8> {
    let batch = |(id, wrapped): &(u64, Vec<u8>)| StoredBatch {
        keys: vec![(*id, wrapped.clone())],
        ..StoredBatch::default()
    };
    keys.iter().flat_map(|key| journal::encode(&batch(key))).collect()
}

fn damaged(path: &Path, why: &str) -> Fault {
    Fault::Damaged { what: path.display().to_string(), why: why.to_owned() }
}

const _: () = assert!(BUNDLE_WIDTH == 256, "bundles are as wide as tiles");

#[cfg(test)]
mod tests;
