//! The anchor: a file of two slots, written in turn, so that a crash while one is written leaves the other.
//!
//! A slot is 4096 bytes: the checkpoint's text, zeros, and at the end its turn u64 and the CRC-32 of all before, both
//! big-endian. One write and one `fdatasync` a batch; a file replaced by renaming would take two of them.

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::durable::{self, io};
use crate::store::Fault;

const SLOT_BYTES: usize = 4096;
const FOOTER_BYTES: usize = 12;

pub(super) struct Anchor {
    path: PathBuf,
    open: Mutex<Option<Open>>,
}

struct Open {
    file: File,
    turn: u64,
}

impl Anchor {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), open: Mutex::new(None) }
    }

    /// The checkpoint of the later whole slot; damage where the file is there but has none.
    pub(super) fn read(&self) -> Result<Option<String>, Fault> {
        Ok(self.latest()?.map(|(_, checkpoint)| checkpoint))
    }

    fn latest(&self) -> Result<Option<(u64, String)>, Fault> {
        let Some(bytes) = durable::read(&self.path)? else { return Ok(None) };
        let latest = bytes.chunks(SLOT_BYTES).filter_map(parse_slot).max_by_key(|(turn, _)| *turn);
        latest.map(Some).ok_or_else(|| Fault::Damaged {
            what: self.path.display().to_string(),
            why: "neither of its slots is whole".to_owned(),
        })
    }

    /// Writes the slot whose turn it is; durable on return.
    pub(super) fn write(&self, checkpoint: &str) -> Result<(), Fault> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.is_none() {
            *open = Some(self.open_file(checkpoint)?);
        }
        let Some(Open { file, turn }) = open.as_mut() else { return Ok(()) };
        *turn += 1;
        let slot = slot(*turn, checkpoint).ok_or_else(|| Fault::Damaged {
            what: "checkpoint".to_owned(),
            why: format!("it has {} bytes, more than the anchor holds", checkpoint.len()),
        })?;
        let offset = if turn.is_multiple_of(2) { 0 } else { SLOT_BYTES as u64 };
        file.seek(SeekFrom::Start(offset)).map_err(io("seek in", &self.path))?;
        file.write_all(&slot).map_err(io("write", &self.path))?;
        file.sync_data().map_err(io("sync", &self.path))
    }

    fn open_file(&self, first: &str) -> Result<Open, Fault> {
        let latest = self.latest()?;
        if latest.is_none() {
            // the file comes into being whole: both its slots hold the first checkpoint
            let slot = slot(0, first).unwrap_or_default();
            durable::replace(&self.path, &[slot.as_slice(), &slot].concat())?;
        } else if let Some(folder) = self.path.parent() {
            // a process that was killed may have renamed it and not synced its folder
            durable::sync_dir(folder)?;
        }
        let file = File::options().write(true).open(&self.path).map_err(io("open", &self.path))?;
        Ok(Open { file, turn: latest.map_or(0, |(turn, _)| turn) })
    }
}

fn slot(turn: u64, checkpoint: &str) -> Option<Vec<u8>> {
    let room = (SLOT_BYTES - FOOTER_BYTES).checked_sub(checkpoint.len())?;
    let mut slot = Vec::with_capacity(SLOT_BYTES);
    slot.extend_from_slice(checkpoint.as_bytes());
    slot.resize(checkpoint.len() + room, 0);
    slot.extend_from_slice(&turn.to_be_bytes());
    slot.extend_from_slice(&crc32fast::hash(&slot).to_be_bytes());
    Some(slot)
}

fn parse_slot(slot: &[u8]) -> Option<(u64, String)> {
    let (covered, checksum) = slot.split_last_chunk::<4>()?;
    if slot.len() != SLOT_BYTES || crc32fast::hash(covered) != u32::from_be_bytes(*checksum) {
        return None;
    }
    let (text, turn) = covered.split_last_chunk::<8>()?;
    let text = text.split(|byte| *byte == 0).next()?;
    Some((u64::from_be_bytes(*turn), String::from_utf8(text.to_vec()).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_write_leaves_the_checkpoint_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("anchor");
        for torn_at in [0, 1, 100, 4000, 4095] {
            let anchor = Anchor::new(&path);
            for checkpoint in ["first", "second", "third"] {
                anchor.write(checkpoint).unwrap();
            }
            let before = std::fs::read(&path).unwrap();
            anchor.write("fourth").unwrap();
            let after = std::fs::read(&path).unwrap();
            let changed =
                before.iter().zip(&after).position(|(a, b)| a != b).unwrap() / SLOT_BYTES * SLOT_BYTES;
            let mut torn = after.clone();
            torn[changed + torn_at..changed + SLOT_BYTES].fill(0xAA);
            std::fs::write(&path, torn).unwrap();
            assert_eq!(Anchor::new(&path).read().unwrap().as_deref(), Some("third"), "torn at {torn_at}");
            std::fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn a_file_without_a_whole_slot_is_damage() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("anchor");
        assert!(Anchor::new(&path).read().unwrap().is_none());
        std::fs::write(&path, [0; 2 * SLOT_BYTES]).unwrap();
        assert!(Anchor::new(&path).read().is_err());
    }
}
