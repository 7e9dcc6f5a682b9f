//! Customers' records, which only later events ask for: in memory, or sealed in a file that is appended to.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use grantbook_plan::compact::{CustomerKey, Damaged};
use grantbook_record::encoding::to_base64url;
use rand_core::{OsRng, RngCore as _};
use zeroize::Zeroize as _;

use crate::seal::{NONCE_BYTES, Seal, SealError, TAG_BYTES};

/// How the file's name begins; its id ends it.
pub(super) const NAME: &str = "cold-";
/// First bytes of the file; its id of 16 bytes follows.
const LABEL: &[u8] = b"grantbook-cold/v1\n";
const ID_BYTES: usize = 16;
const FILE_HEAD_BYTES: u64 = (LABEL.len() + ID_BYTES) as u64;
/// Before each sealed record: its length, and one more than where the customer's record before it is.
const HEAD_BYTES: usize = 12;
/// More than 1,024 grants and 64 keys take.
const SEALED_BYTES_MAX: u32 = 1024 * 1024;
const KEY_BYTES: usize = 16;

/// Why a customer's record cannot be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum ColdError {
    /// The file cannot be read or written.
    #[error("file of the replica's records: {0}")]
    File(#[from] io::Error),
    /// Not what was written there.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// Opened, and yet not what a replica writes.
    #[error(transparent)]
    Damaged(#[from] Damaged),
    /// The operating system gives no random bytes.
    #[error("no random bytes")]
    Random,
}

/// Where records are kept. A place is where one of them is; the caller remembers it.
#[derive(Debug)]
pub enum Cold {
    /// In memory; about 200 bytes for a customer with a grant.
    Memory(Shelf),
    /// In a file.
    File(ColdFile),
}

impl Cold {
    pub(super) fn keep(
        &mut self,
        key: CustomerKey,
        previous: Option<u64>,
        record: &[u8],
    ) -> Result<u64, ColdError> {
        match self {
            Self::Memory(memory) => Ok(memory.keep(previous, record)),
            Self::File(file) => file.keep(key, previous, record),
        }
    }

    pub(super) fn read(&self, key: CustomerKey, place: u64) -> Result<Vec<u8>, ColdError> {
        match self {
            Self::Memory(memory) => memory.read(place).ok_or(ColdError::Damaged(Damaged)),
            Self::File(file) => file.read(key, place).map(|(record, _)| record),
        }
    }

    /// Leaves nothing of a customer, nor of what was known of them earlier.
    pub(super) fn forget(&mut self, key: CustomerKey, place: u64) -> Result<(), ColdError> {
        match self {
            Self::Memory(memory) => memory.take(place),
            Self::File(file) => file.forget(key, place)?,
        }
        Ok(())
    }
}

impl Default for Cold {
    fn default() -> Self {
        Self::Memory(Shelf::default())
    }
}

/// Records in memory; wiped when they are no longer needed.
#[derive(Debug, Default)]
pub struct Shelf {
    records: Vec<Box<[u8]>>,
    free: Vec<u64>,
}

impl Shelf {
    fn keep(&mut self, previous: Option<u64>, record: &[u8]) -> u64 {
        if let Some(place) = previous {
            self.take(place);
        }
        let place = self.free.pop().unwrap_or_else(|| {
            self.records.push(Box::default());
            self.records.len() as u64 - 1
        });
        if let Some(kept) = self.at(place) {
            *kept = record.into();
        }
        place
    }

    fn at(&mut self, place: u64) -> Option<&mut Box<[u8]>> {
        self.records.get_mut(usize::try_from(place).ok()?)
    }

    fn read(&self, place: u64) -> Option<Vec<u8>> {
        self.records.get(usize::try_from(place).ok()?).map(|record| record.to_vec())
    }

    fn take(&mut self, place: u64) {
        if let Some(record) = self.at(place) {
            record.zeroize();
            *record = Box::default();
            self.free.push(place);
        }
    }
}

/// Records in a file. Each is written once; a later record of the same customer names the one before it, so that all
/// of them can be wiped.
#[derive(Debug)]
pub struct ColdFile {
    file: Arc<File>,
    seal: Arc<Seal>,
    id: [u8; ID_BYTES],
    /// Where the next record goes.
    end: u64,
    /// Records written, among them those that no longer count.
    written: u64,
}

/// What a snapshot says of the file that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ColdPlace {
    id: String,
    end: u64,
    written: u64,
}

impl ColdPlace {
    pub(super) fn path(&self, folder: &Path) -> PathBuf {
        folder.join(self.name())
    }

    pub(super) fn name(&self) -> String {
        format!("{NAME}{}", self.id)
    }
}

impl ColdFile {
    /// A new file in a folder.
    pub(super) fn create(folder: &Path, seal: Arc<Seal>) -> Result<Self, ColdError> {
        let id = random::<ID_BYTES>()?;
        let place = ColdPlace { id: to_base64url(&id), end: FILE_HEAD_BYTES, written: 0 };
        let file =
            File::options().read(true).write(true).create_new(true).mode(0o600).open(place.path(folder))?;
        file.write_all_at(&[LABEL, &id].concat(), 0)?;
        Ok(Self { file: Arc::new(file), seal, id, end: place.end, written: 0 })
    }

    /// Goes on with the file that a snapshot names; what was written after the snapshot is cut off.
    pub(super) fn open(folder: &Path, seal: Arc<Seal>, place: &ColdPlace) -> Result<Self, ColdError> {
        let file = File::options().read(true).write(true).open(place.path(folder))?;
        let mut head = [0; LABEL.len() + ID_BYTES];
        file.read_exact_at(&mut head, 0)?;
        let (label, id) = head.split_at(LABEL.len());
        let id: [u8; ID_BYTES] = id.try_into().map_err(|_| Damaged)?;
        let ends = FILE_HEAD_BYTES..=file.metadata()?.len();
        if label != LABEL || to_base64url(&id) != place.id || !ends.contains(&place.end) {
            return Err(Damaged.into());
        }
        file.set_len(place.end)?;
        Ok(Self { file: Arc::new(file), seal, id, end: place.end, written: place.written })
    }

    pub(super) fn place(&self) -> ColdPlace {
        ColdPlace { id: to_base64url(&self.id), end: self.end, written: self.written }
    }

    /// To read and sync while others append.
    pub(super) fn reader(&self) -> Self {
        let (file, seal) = (Arc::clone(&self.file), Arc::clone(&self.seal));
        Self { file, seal, ..*self }
    }

    pub(super) fn is_same_file(&self, other: &Self) -> bool {
        self.id == other.id
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Where the next record goes: later records have places from here on.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Whether most of the file is records that no longer count.
    pub(super) fn is_mostly_garbage(&self, customers: usize) -> bool {
        self.written > (customers as u64).saturating_mul(2).saturating_add(1000)
    }

    /// What a record is bound to: file, place, and the record before it.
    fn bound(&self, place: u64, previous: u64) -> Vec<u8> {
        [LABEL, &self.id, &place.to_be_bytes(), &previous.to_be_bytes()].concat()
    }

    pub(super) fn keep(
        &mut self,
        key: CustomerKey,
        previous: Option<u64>,
        record: &[u8],
    ) -> Result<u64, ColdError> {
        let place = self.end;
        let previous = previous.map_or(0, |place| place.saturating_add(1));
        let length = NONCE_BYTES + KEY_BYTES + record.len() + TAG_BYTES;
        let mut bytes = Vec::with_capacity(HEAD_BYTES + length);
        bytes.extend_from_slice(&u32::try_from(length).map_err(|_| Damaged)?.to_be_bytes());
        bytes.extend_from_slice(&previous.to_be_bytes());
        bytes.extend_from_slice(&[0; NONCE_BYTES]);
        bytes.extend_from_slice(&u128::from(key).to_be_bytes());
        bytes.extend_from_slice(record);
        self.seal.seal(&mut bytes, HEAD_BYTES, &random()?, &self.bound(place, previous));
        self.file.write_all_at(&bytes, place)?;
        self.end = place.saturating_add(bytes.len() as u64);
        self.written = self.written.saturating_add(1);
        Ok(place)
    }

    /// The record, and where the one before it is.
    pub(super) fn read(&self, key: CustomerKey, place: u64) -> Result<(Vec<u8>, Option<u64>), ColdError> {
        let (length, previous) = self.head(place)?;
        let mut sealed = vec![0; usize::try_from(length).map_err(|_| Damaged)?];
        self.file.read_exact_at(&mut sealed, place.saturating_add(HEAD_BYTES as u64))?;
        let plain = self.seal.open(&mut sealed, &self.bound(place, previous))?;
        let (whose, record) = plain.split_at_checked(KEY_BYTES).ok_or(Damaged)?;
        if whose != u128::from(key).to_be_bytes() {
            return Err(SealError.into());
        }
        Ok((record.to_vec(), previous.checked_sub(1)))
    }

    fn head(&self, place: u64) -> Result<(u32, u64), ColdError> {
        let mut head = [0; HEAD_BYTES];
        self.file.read_exact_at(&mut head, place)?;
        let [a, b, c, d, previous @ ..] = head;
        let length = u32::from_be_bytes([a, b, c, d]);
        if length > SEALED_BYTES_MAX {
            return Err(Damaged.into());
        }
        Ok((length, u64::from_be_bytes(previous)))
    }

    /// Writes zeros over a customer's record and those before it; on the disk when this returns. Their heads stay, so that
    /// after a crash the way to those that are not wiped yet is still there.
    pub(super) fn forget(&mut self, key: CustomerKey, place: u64) -> Result<(), ColdError> {
        let mut next = Some(place);
        while let Some(place) = next {
            let (length, previous) = self.head(place)?;
            let zeros = vec![0; usize::try_from(length).map_err(|_| Damaged)?];
            let sealed = place.saturating_add(HEAD_BYTES as u64);
            // opened, so that only this customer's records are wiped whatever the file says
            match self.read(key, place) {
                Ok((mut record, _)) => {
                    record.zeroize();
                    self.file.write_all_at(&zeros, sealed)?;
                }
                Err(ColdError::Seal(error)) => {
                    let mut present = zeros.clone();
                    self.file.read_exact_at(&mut present, sealed)?;
                    if present != zeros {
                        return Err(error.into());
                    }
                }
                Err(error) => return Err(error),
            }
            next = previous.checked_sub(1).filter(|before| *before < place);
        }
        Ok(self.sync()?)
    }
}

pub(super) fn random<const N: usize>() -> Result<[u8; N], ColdError> {
    let mut bytes = [0; N];
    OsRng.try_fill_bytes(&mut bytes).map_err(|_| ColdError::Random)?;
    Ok(bytes)
}
