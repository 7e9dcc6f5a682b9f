//! The rows with which an epoch began, as frames like the journal's: an item for each row, its key as entry and its value as
//! body; the first leaf index stands for the position.

use std::fs::File;
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _};
use std::path::Path;

use super::damaged;
use super::durable::io;
use crate::store::journal::{self, Next};
use crate::store::{BaseVisitor, Fault, RowChange, StoredBatch, StoredItem};

/// Bytes before a frame's payload, the length among them.
const HEADER_BYTES: usize = 12;

/// One frame of rows.
pub(super) fn frame(rows: &[RowChange], position: u64) -> Vec<u8> {
    let item = |(key, value): &RowChange| StoredItem {
        entry: key.clone(),
        body: value.clone().unwrap_or_default(),
        shared: Vec::new(),
    };
    let items = rows.iter().map(item).collect();
    journal::encode(&StoredBatch { first: position, items, ..StoredBatch::default() })
}

/// Reads the frames one by one; nothing where there is no such file.
pub(crate) fn read(path: &Path, visit: BaseVisitor<'_>) -> Result<(), Fault> {
    let mut file = match File::open(path) {
        Ok(file) => BufReader::new(file),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io("open", path)(error)),
    };
    let torn = || damaged(path, "a frame of it is torn; restore it from a backup");
    loop {
        let mut bytes = vec![0; HEADER_BYTES];
        if file.fill_buf().map_err(io("read", path))?.is_empty() {
            return Ok(());
        }
        file.read_exact(&mut bytes).map_err(|_| torn())?;
        let length = bytes.get(4..8).and_then(|length| length.try_into().ok()).map_or(0, u32::from_be_bytes);
        let mut payload = (&mut file).take(u64::from(length));
        payload.read_to_end(&mut bytes).map_err(io("read", path))?;
        let Next::Frame(payload, _) = journal::next(&bytes) else { return Err(torn()) };
        let StoredBatch { first, items, .. } = journal::decode(payload).ok_or_else(torn)?;
        visit(items.into_iter().map(|item| (item.entry, Some(item.body))).collect(), first)?;
    }
}
