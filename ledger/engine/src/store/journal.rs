//! The journal's bytes: frames of one batch each, with length and checksum before them.
//!
//! A frame is `GBJ1` ‖ length u32 ‖ CRC-32 u32 ‖ payload, integers big-endian.

use super::cursor::{Cursor, put_bytes};
use super::{StoredBatch, StoredItem};

const MAGIC: &[u8; 4] = b"GBJ1";
const FRAME_HEADER_BYTES: usize = 12;

/// One frame for `batch`.
pub(super) fn encode(batch: &StoredBatch) -> Vec<u8> {
    let mut payload = Vec::with_capacity(1024 * batch.items.len());
    payload.extend_from_slice(&batch.first.to_be_bytes());
    put_count(&mut payload, batch.items.len());
    for item in &batch.items {
        put_item(&mut payload, item);
    }
    put_bytes(&mut payload, &batch.owners);
    put_count(&mut payload, batch.keys.len());
    for (id, wrapped) in &batch.keys {
        payload.extend_from_slice(&id.to_be_bytes());
        put_bytes(&mut payload, wrapped);
    }
    put_bytes(&mut payload, batch.checkpoint.as_bytes());

    let mut frame = Vec::with_capacity(FRAME_HEADER_BYTES + payload.len());
    frame.extend_from_slice(MAGIC);
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(&crc32fast::hash(&payload).to_be_bytes());
    frame.extend_from_slice(&payload);
    frame
}

/// What stands at the beginning of the rest of a journal.
pub(super) enum Next<'a> {
    /// A whole frame: its payload, and how many bytes the frame takes.
    Frame(&'a [u8], usize),
    /// Nothing more.
    End,
    /// Bytes that are no whole frame.
    Torn,
}

/// Reads one frame.
pub(super) fn next(rest: &[u8]) -> Next<'_> {
    if rest.is_empty() {
        return Next::End;
    }
    let mut cursor = Cursor(rest);
    let frame = (|| {
        let magic = cursor.array::<4>()?;
        let length = usize::try_from(cursor.u32()?).ok()?;
        let checksum = cursor.u32()?;
        let payload = cursor.take(length)?;
        (magic == *MAGIC && crc32fast::hash(payload) == checksum).then_some(payload)
    })();
    frame.map_or(Next::Torn, |payload| Next::Frame(payload, FRAME_HEADER_BYTES + payload.len()))
}

/// Whether a whole frame begins anywhere in `rest`: then what is torn before it is damage, not a crash.
pub(super) fn has_frame(rest: &[u8]) -> bool {
    next_frame(rest).is_some()
}

/// Where the first whole frame in `rest` begins.
pub(super) fn next_frame(rest: &[u8]) -> Option<usize> {
    rest.windows(MAGIC.len())
        .enumerate()
        .filter(|(_, window)| window == MAGIC)
        .map(|(at, _)| at)
        .find(|at| matches!(next(rest.get(*at..).unwrap_or_default()), Next::Frame(..)))
}

/// Reads a frame's payload back.
pub(super) fn decode(payload: &[u8]) -> Option<StoredBatch> {
    let mut cursor = Cursor(payload);
    let first = cursor.u64()?;
    let items = (0..cursor.u32()?).map(|_| take_item(&mut cursor)).collect::<Option<Vec<_>>>()?;
    let owners = cursor.bytes()?.to_vec();
    let keys = (0..cursor.u32()?)
        .map(|_| Some((cursor.u64()?, cursor.bytes()?.to_vec())))
        .collect::<Option<Vec<_>>>()?;
    let checkpoint = String::from_utf8(cursor.bytes()?.to_vec()).ok()?;
    cursor.is_empty().then_some(StoredBatch { first, items, owners, keys, checkpoint })
}

pub(super) fn put_item(into: &mut Vec<u8>, item: &StoredItem) {
    put_bytes(into, &item.entry);
    put_bytes(into, &item.body);
    put_bytes(into, &item.shared);
}

fn take_item(cursor: &mut Cursor<'_>) -> Option<StoredItem> {
    Some(StoredItem {
        entry: cursor.bytes()?.to_vec(),
        body: cursor.bytes()?.to_vec(),
        shared: cursor.bytes()?.to_vec(),
    })
}

fn put_count(into: &mut Vec<u8>, count: usize) {
    into.extend_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch() -> StoredBatch {
        StoredBatch {
            first: 7,
            items: vec![
                StoredItem { entry: vec![1; 87], body: vec![2; 300], shared: vec![] },
                StoredItem { entry: vec![3; 151], body: vec![4; 10], shared: vec![5; 9] },
            ],
            owners: vec![6; 50],
            keys: vec![(1, vec![7; 90])],
            checkpoint: "checkpoint".to_owned(),
        }
    }

    #[test]
    fn every_changed_or_missing_byte_tears_the_frame() {
        let frame = encode(&batch());
        let Next::Frame(payload, length) = next(&frame) else { panic!("whole frame expected") };
        assert_eq!(length, frame.len());
        assert_eq!(decode(payload), Some(batch()));
        for at in 0..frame.len() {
            let mut changed = frame.clone();
            changed[at] ^= 1;
            assert!(matches!(next(&changed), Next::Torn), "byte {at}");
            assert!(at == 0 || matches!(next(&frame[..at]), Next::Torn), "cut at {at}");
        }
    }

    #[test]
    fn a_frame_behind_torn_bytes_is_found() {
        let frame = encode(&batch());
        let torn = [&frame[..40], &frame[..]].concat();
        assert!(has_frame(&torn[1..]));
        assert!(!has_frame(&frame[1..]));
    }
}
