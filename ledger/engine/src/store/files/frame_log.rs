//! A log of numbered frames: frames like those of the wrapped keys, each with its number in place of a key's id.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::durable::{self, io, sync_dir};
use super::{damaged, key_frames};
use crate::store::journal::{self, Next};
use crate::store::{Fault, FrameVisitor};

#[derive(Default)]
pub(super) struct FrameLog {
    /// Length of what is whole, where bytes follow that a crash cut short.
    torn: Mutex<Option<u64>>,
}

impl FrameLog {
    pub(super) fn read(&self, path: &Path, visit: FrameVisitor<'_>) -> Result<bool, Fault> {
        let bytes = durable::read(path)?.unwrap_or_default();
        let mut rest = bytes.as_slice();
        loop {
            match journal::next(rest) {
                Next::End => return Ok(false),
                Next::Frame(payload, length) => {
                    let batch = journal::decode(payload);
                    for (serial, frame) in batch.ok_or_else(|| damaged(path, "a frame does not parse"))?.keys
                    {
                        visit(serial, frame)?;
                    }
                    rest = rest.get(length..).unwrap_or_default();
                }
                Next::Torn if journal::has_frame(rest.get(1..).unwrap_or_default()) => {
                    return Err(damaged(path, "a frame before the last one is torn"));
                }
                Next::Torn => {
                    let whole = bytes.len() - rest.len();
                    *self.torn.lock().unwrap_or_else(PoisonError::into_inner) = Some(whole as u64);
                    return Ok(true);
                }
            }
        }
    }

    /// Another log has taken the place of this one.
    pub(super) fn renewed(&self) {
        *self.torn.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(super) fn append(&self, path: &Path, serial: u64, frame: &[u8]) -> Result<(), Fault> {
        let mut file = options().append(true).open(path).map_err(io("open", path))?;
        if let Some(whole) = self.torn.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // only now: until a mark has been checked, these bytes may be all that is left of what somebody was told
            file.set_len(whole).map_err(io("cut", path))?;
            file.sync_all().map_err(io("sync", path))?;
        }
        file.write_all(&key_frames(&[(serial, frame.to_vec())])).map_err(io("append to", path))?;
        file.sync_data().map_err(io("sync", path))?;
        // its name may be new, to this process or to one that was killed
        path.parent().map_or(Ok(()), sync_dir)
    }

    pub(super) fn replace(&self, path: &Path, serial: u64, frame: &[u8]) -> Result<(), Fault> {
        durable::replace(path, &key_frames(&[(serial, frame.to_vec())]))?;
        self.renewed();
        Ok(())
    }
}

/// Readable by its owner only, where it is new.
fn options() -> std::fs::OpenOptions {
    let mut options = File::options();
    options.create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
