//! The bytes of a segment: a header, then frames, one for each group of entries that was written together.
//!
//! | part | bytes |
//! |---|---|
//! | header | `GBSPOOL1` ‖ key epoch u64 ‖ segment number u64 ‖ CRC-32 of these u32 |
//! | frame | `GBS1` ‖ sealed bytes u32 ‖ next sequence number u64 ‖ CRC-32 of the sealed bytes u32 ‖ CRC-32 of these u32 ‖ sealed bytes |
//!
//! Integers are big-endian. A frame is sealed for its place: the chain over all that comes before it, and its own header.
//!
//! There is never more than one frame that is not synced. So only the last one may be torn by a crash, and then it shows:
//! the file ends within it, or a sector of it was never written and reads as zeros. All else that is wrong is damage.

use sha2::{Digest as _, Sha256};

const SEGMENT_MAGIC: &[u8; 8] = b"GBSPOOL1";
pub(super) const SEGMENT_HEADER_BYTES: usize = 28;
const FRAME_MAGIC: &[u8; 4] = b"GBS1";
pub(super) const FRAME_HEADER_BYTES: usize = 24;
/// What disks write whole, if not more.
const SECTOR_BYTES: usize = 512;

/// Which segment, and under which epoch's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub(super) epoch: u64,
    pub(super) number: u64,
}

impl SegmentHeader {
    pub(super) fn to_bytes(self) -> Vec<u8> {
        let mut bytes =
            [SEGMENT_MAGIC.as_slice(), &self.epoch.to_be_bytes(), &self.number.to_be_bytes()].concat();
        bytes.extend(crc32fast::hash(&bytes).to_be_bytes());
        bytes
    }

    pub(super) fn parse(segment: &[u8]) -> Option<Self> {
        let (header, checksum) = segment.get(..SEGMENT_HEADER_BYTES)?.split_last_chunk::<4>()?;
        let (magic, numbers) = header.split_first_chunk::<8>()?;
        let (epoch, number) = numbers.split_first_chunk::<8>()?;
        let whole = magic == SEGMENT_MAGIC && crc32fast::hash(header).to_be_bytes() == *checksum;
        let number = u64::from_be_bytes(number.try_into().ok()?);
        whole.then_some(Self { epoch: u64::from_be_bytes(*epoch), number })
    }
}

/// What stands before a frame's sealed bytes, without the checksums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameHeader {
    /// Sequence number of the record that would come after this frame.
    pub(super) next: u64,
    sealed_bytes: u32,
}

impl FrameHeader {
    /// `None` for more than a frame can hold.
    pub(super) fn new(next: u64, sealed_bytes: usize) -> Option<Self> {
        Some(Self { next, sealed_bytes: u32::try_from(sealed_bytes).ok()? })
    }

    fn start(self) -> Vec<u8> {
        [FRAME_MAGIC.as_slice(), &self.sealed_bytes.to_be_bytes(), &self.next.to_be_bytes()].concat()
    }

    /// The whole frame.
    pub(super) fn frame(self, sealed: &[u8]) -> Vec<u8> {
        let mut frame = self.start();
        frame.extend(crc32fast::hash(sealed).to_be_bytes());
        frame.extend(crc32fast::hash(&frame).to_be_bytes());
        frame.extend(sealed);
        frame
    }
}

/// SHA-256 over everything before a frame, frame by frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chain([u8; 32]);

impl Chain {
    /// Before the first frame of a segment.
    pub(super) fn start(header: &[u8]) -> Self {
        let hash = Sha256::new().chain_update(b"grantbook-spool/v1").chain_update(header);
        Self(hash.finalize().into())
    }

    /// After one more frame.
    pub(super) fn after(self, frame: &[u8]) -> Self {
        Self(Sha256::new().chain_update([0x53]).chain_update(self.0).chain_update(frame).finalize().into())
    }

    /// The place of the next frame.
    pub(super) fn place(self, header: FrameHeader) -> Vec<u8> {
        [self.0.as_slice(), &header.start()].concat()
    }
}

/// What stands at the beginning of the rest of a segment.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<'a> {
    /// A whole frame: its header, its sealed bytes, and all of it.
    Frame(FrameHeader, &'a [u8], &'a [u8]),
    /// Nothing more.
    End,
    /// What a crash left of the last frame.
    Torn,
    /// Bytes that were written and are not there any more.
    Damaged,
}

/// Reads what begins at `at`.
pub(super) fn next(segment: &[u8], at: usize) -> Next<'_> {
    let rest = segment.get(at..).unwrap_or_default();
    if rest.is_empty() {
        return Next::End;
    }
    if let Some((header, sealed, frame)) = whole(rest) {
        return Next::Frame(header, sealed, frame);
    }
    let cut = match parse_header(rest) {
        // a header that is there, of a frame that is not all there
        Some((header, _)) => rest.len() - FRAME_HEADER_BYTES < bytes_of(header),
        None => rest.len() < FRAME_HEADER_BYTES,
    };
    if (cut || has_gap(rest, at)) && !has_frame(rest) { Next::Torn } else { Next::Damaged }
}

/// The sequence number after the last whole frame, as headers tell it; for a segment that cannot be opened. `None` for a
/// segment that is damaged.
pub(super) fn last_next(segment: &[u8]) -> Option<u64> {
    let (mut at, mut last) = (SEGMENT_HEADER_BYTES, None);
    loop {
        match next(segment, at) {
            Next::Frame(header, _, frame) => {
                last = Some(header.next);
                at += frame.len();
            }
            Next::Torn | Next::End => return last,
            Next::Damaged => return None,
        }
    }
}

fn bytes_of(header: FrameHeader) -> usize {
    usize::try_from(header.sealed_bytes).unwrap_or(usize::MAX)
}

fn parse_header(rest: &[u8]) -> Option<(FrameHeader, u32)> {
    let (header, checksum) = rest.get(..FRAME_HEADER_BYTES)?.split_last_chunk::<4>()?;
    let (magic, numbers) = header.split_first_chunk::<4>()?;
    let (sealed_bytes, numbers) = numbers.split_first_chunk::<4>()?;
    let (next, of_sealed) = numbers.split_first_chunk::<8>()?;
    let of_sealed = u32::from_be_bytes(of_sealed.try_into().ok()?);
    let header_is_whole = magic == FRAME_MAGIC && crc32fast::hash(header).to_be_bytes() == *checksum;
    let (next, sealed_bytes) = (u64::from_be_bytes(*next), u32::from_be_bytes(*sealed_bytes));
    header_is_whole.then_some((FrameHeader { next, sealed_bytes }, of_sealed))
}

fn whole(rest: &[u8]) -> Option<(FrameHeader, &[u8], &[u8])> {
    let (header, of_sealed) = parse_header(rest)?;
    let frame = rest.get(..FRAME_HEADER_BYTES.checked_add(bytes_of(header))?)?;
    let sealed = frame.get(FRAME_HEADER_BYTES..)?;
    (crc32fast::hash(sealed) == of_sealed).then_some((header, sealed, frame))
}

/// Whether some sector of these bytes, which begin at `at`, is all zeros.
fn has_gap(bytes: &[u8], at: usize) -> bool {
    let (first, others) = bytes.split_at((SECTOR_BYTES - at % SECTOR_BYTES).min(bytes.len()));
    let is_unwritten = |sector: &[u8]| sector.iter().all(|byte| *byte == 0);
    is_unwritten(first) || others.chunks(SECTOR_BYTES).any(is_unwritten)
}

/// Whether a whole frame begins anywhere after the first byte: then what is wrong before it is damage.
fn has_frame(rest: &[u8]) -> bool {
    let later = rest.get(1..).unwrap_or_default();
    let starts = later.windows(FRAME_MAGIC.len()).enumerate().filter(|(_, window)| window == FRAME_MAGIC);
    starts.into_iter().any(|(at, _)| later.get(at..).is_some_and(|rest| whole(rest).is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(next: u64, sealed: &[u8]) -> Vec<u8> {
        FrameHeader::new(next, sealed.len()).unwrap().frame(sealed)
    }

    fn sealed(length: usize) -> Vec<u8> {
        (1..=length).map(|at| u8::try_from(at % 251 + 1).unwrap()).collect()
    }

    #[test]
    fn a_frame_that_was_written_never_passes_for_torn() {
        let (header, last) = (SegmentHeader { epoch: 3, number: 9 }, frame(7, &sealed(1500)));
        let segment = [header.to_bytes(), last.clone()].concat();
        assert_eq!(SegmentHeader::parse(&segment), Some(header));
        assert!(matches!(next(&segment, SEGMENT_HEADER_BYTES), Next::Frame(header, ..) if header.next == 7));
        assert_eq!(last_next(&segment), Some(7));
        for at in 0..segment.len() {
            let mut changed = segment.clone();
            changed[at] ^= 1;
            if at < SEGMENT_HEADER_BYTES {
                assert_eq!(SegmentHeader::parse(&changed), None, "byte {at}");
            } else {
                assert_eq!(next(&changed, SEGMENT_HEADER_BYTES), Next::Damaged, "byte {at}");
            }
        }
    }

    #[test]
    fn what_a_crash_leaves_of_the_last_frame_is_torn() {
        let before = SEGMENT_HEADER_BYTES;
        let whole = [vec![9; before], frame(7, &sealed(3000))].concat();
        for length in before + 1..whole.len() {
            assert_eq!(next(&whole[..length], before), Next::Torn, "cut at {length}");
        }
        for sector in (0..whole.len()).step_by(SECTOR_BYTES) {
            let mut unwritten = whole.clone();
            let end = (sector + SECTOR_BYTES).min(whole.len());
            unwritten[sector.max(before)..end].fill(0);
            assert_eq!(next(&unwritten, before), Next::Torn, "sector at {sector}");
        }
        assert_eq!(next(&whole, whole.len()), Next::End);
    }

    #[test]
    fn before_a_whole_frame_everything_wrong_is_damage() {
        let (one, other) = (frame(7, &sealed(900)), frame(8, &sealed(20)));
        for length in 1..one.len() {
            assert_eq!(
                next(&[&one[..length], other.as_slice()].concat(), 0),
                Next::Damaged,
                "cut at {length}"
            );
        }
        let mut unwritten = one.clone();
        unwritten[512..].fill(0);
        assert_eq!(next(&[unwritten, other].concat(), 0), Next::Damaged);
    }
}
