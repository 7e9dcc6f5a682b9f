//! Entry bundles: entries one after another, each behind its length as a big-endian u16.

use super::{TILE_WIDTH, TileError};

/// The bytes of a bundle of 1 to 256 entries of at most 65,535 bytes each.
pub fn encode_bundle<T: AsRef<[u8]>>(entries: &[T]) -> Result<Vec<u8>, TileError> {
    if entries.is_empty() || entries.len() > usize::from(TILE_WIDTH) {
        return Err(TileError::Width { got: u16::try_from(entries.len()).unwrap_or(u16::MAX) });
    }
    let mut bytes = Vec::with_capacity(entries.iter().map(|entry| entry.as_ref().len() + 2).sum());
    for entry in entries {
        let entry = entry.as_ref();
        let length = u16::try_from(entry.len()).map_err(|_| TileError::EntryLength { got: entry.len() })?;
        bytes.extend(length.to_be_bytes());
        bytes.extend(entry);
    }
    Ok(bytes)
}

/// Splits a bundle into exactly `width` entries, which must fill it.
pub fn parse_bundle(bytes: &[u8], width: u16) -> Result<Vec<&[u8]>, TileError> {
    if width == 0 || width > TILE_WIDTH {
        return Err(TileError::Width { got: width });
    }
    let mut entries = Vec::with_capacity(usize::from(width));
    let mut rest = bytes;
    while !rest.is_empty() {
        if entries.len() == usize::from(width) {
            return Err(TileError::EntryCount { expected: width, got: entries.len() + 1 });
        }
        let truncated = TileError::Truncated { entry: entries.len() };
        let Some((length, after)) = rest.split_first_chunk::<2>() else {
            return Err(truncated);
        };
        let Some((entry, after)) = after.split_at_checked(usize::from(u16::from_be_bytes(*length))) else {
            return Err(truncated);
        };
        entries.push(entry);
        rest = after;
    }
    if entries.len() != usize::from(width) {
        return Err(TileError::EntryCount { expected: width, got: entries.len() });
    }
    Ok(entries)
}
