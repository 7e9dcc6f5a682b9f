//! The spool on the disk: segments of sealed frames, of which only the last one counts.
//!
//! A segment begins with all that the spool held when it was made, and takes the place of the one before it; so sealing
//! anew, forgetting what is sent, and leaving a file behind that failed are one thing.
//!
//! What a crash leaves: half a segment under a temporary name, which is removed; two segments, of which the later one
//! counts; or a torn last frame, which nobody was waiting for any more (see [`super::frame`]).

use std::io;

use super::SpoolError;
use super::disk::{self, Disk};
use super::entry::Entry;
use super::frame::{self, Chain, FrameHeader, Next, SEGMENT_HEADER_BYTES, SegmentHeader};
use super::state::State;
use crate::gate::random;
use crate::seal::{NONCE_BYTES, Seal, TAG_BYTES};

/// Bytes of entries that a new segment puts in one frame.
const FRAME_BYTES: usize = 1024 * 1024;

/// What was read at a start.
pub(super) struct Read {
    pub(super) state: State,
    /// Whether the state is all that there was: `false` without a segment, and for one whose key is gone.
    pub(super) is_whole: bool,
    /// Number of the segment read; 0 for none.
    segment: u64,
}

/// Reads what is there. `expected` is the number that the ledger expects of the gate's next record.
pub(super) fn read(
    disk: &mut dyn Disk,
    key: &Seal,
    expected: u64,
    bytes_max: u64,
) -> Result<Read, SpoolError> {
    let Some(number) = disk.segments().map_err(io("list"))?.into_iter().max() else {
        return Ok(Read { state: State::new(expected, bytes_max), is_whole: false, segment: 0 });
    };
    let segment = disk.read(number).map_err(io("read"))?;
    let damaged = |at: usize| SpoolError::Damaged { segment: disk::name(number), at: at as u64 };
    let header = SegmentHeader::parse(&segment).filter(|header| header.number == number);
    let header = header.ok_or_else(|| damaged(0))?;
    if header.epoch != key.epoch() {
        // the key is gone; nothing is lost with it if the ledger has everything
        let next = frame::last_next(&segment).ok_or_else(|| damaged(SEGMENT_HEADER_BYTES))?;
        if next <= expected {
            let state = State::new(expected, bytes_max);
            return Ok(Read { state, is_whole: false, segment: number });
        }
        let (spool, ledger) = (header.epoch, key.epoch());
        let segment = disk::name(number);
        return Err(SpoolError::OtherEpoch { segment, spool, ledger, records: next - expected });
    }
    let mut state = State::new(0, bytes_max);
    let mut chain = Chain::start(&header.to_bytes());
    let mut at = SEGMENT_HEADER_BYTES;
    let mut next = 0;
    loop {
        match frame::next(&segment, at) {
            Next::Frame(header, sealed, bytes) => {
                let mut sealed = sealed.to_vec();
                let plain = key.open(&mut sealed, &chain.place(header)).ok();
                let entries = plain.and_then(Entry::decode_all);
                let fit = entries.is_some_and(|entries| entries.into_iter().all(|entry| state.replay(entry)));
                // several frames may begin a segment, and each says what comes after all of them
                if !fit || state.next() > header.next {
                    return Err(damaged(at));
                }
                chain = chain.after(bytes);
                at += bytes.len();
                next = header.next;
            }
            // a segment is made whole, so its first frame cannot be torn
            Next::Torn | Next::End if at > SEGMENT_HEADER_BYTES && state.next() == next => break,
            _ => return Err(damaged(at)),
        }
    }
    if expected < state.first() || expected > state.next() {
        let (first, next) = (state.first(), state.next());
        return Err(SpoolError::Sequence { expected, first, next });
    }
    state.end_all();
    Ok(Read { state, is_whole: true, segment: number })
}

/// The last segment, to be written to.
pub(super) struct Log {
    disk: Box<dyn Disk>,
    key: Seal,
    segment: u64,
    chain: Chain,
    bytes: u64,
    /// What is durable of it is not known.
    poisoned: bool,
}

impl Log {
    /// Goes on after what was read, in a new segment.
    pub(super) fn start(disk: Box<dyn Disk>, key: Seal, read: Read) -> Result<(Self, State), SpoolError> {
        let Read { mut state, segment, .. } = read;
        drop(state.take_queue());
        let chain = Chain::start(&[]);
        let mut log = Self { disk, key, segment, chain, bytes: 0, poisoned: true };
        let (entries, next) = state.snapshot();
        log.begin(None, &entries, next).map_err(io("write"))?;
        state.written(next);
        Ok((log, state))
    }

    /// Bytes of the segment.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether only a new segment can be written.
    pub(super) fn is_poisoned(&self) -> bool {
        self.poisoned
    }

    pub(super) fn epoch(&self) -> u64 {
        self.key.epoch()
    }

    /// Writes entries, durable on return. After an error none of them is there.
    pub(super) fn append(&mut self, entries: &[Entry], next: u64) -> io::Result<()> {
        if self.poisoned {
            return Err(io::Error::other("a new segment is needed"));
        }
        let (frame, chain) = seal(&self.key, self.chain, entries, next)?;
        let written = self.disk.append(&frame).and_then(|()| {
            // the system may forget what it could not sync and then say that all is well
            self.disk.sync().inspect_err(|_| self.poisoned = true)
        });
        if let Err(error) = written {
            self.poisoned |= self.disk.cut(self.bytes).is_err();
            return Err(error);
        }
        self.bytes += frame.len() as u64;
        self.chain = chain;
        Ok(())
    }

    /// Begins a segment with these entries, which are all that counts from now on, and removes the others; `false` if that
    /// failed. After an error either the last segment goes on, or only a new one can be written.
    pub(super) fn begin(&mut self, key: Option<Seal>, entries: &[Entry], next: u64) -> io::Result<bool> {
        let number = self.segment + 1;
        let sealing = key.as_ref().unwrap_or(&self.key);
        let header = SegmentHeader { epoch: sealing.epoch(), number }.to_bytes();
        let mut chain = Chain::start(&header);
        let mut bytes = header;
        for part in parts(entries) {
            let (frame, after) = seal(sealing, chain, part, next)?;
            bytes.extend(frame);
            chain = after;
        }
        let mut created = self.disk.create(number, &bytes);
        if created.is_err() && matches!(entries, [Entry::Start(_)]) {
            // on a full disk there may be room for nothing in the place of what nobody needs any more; without any segment
            // the ledger's number is the right one, as it has every record before it
            self.poisoned = true;
            self.disk.remove(self.segment)?;
            created = self.disk.create(number, &bytes);
        }
        if let Err(error) = created {
            // if it is there, durable or not, it counts at the next start: then nothing may go to the last one any more
            if self.disk.segments().map_or(true, |segments| segments.contains(&number)) {
                self.poisoned = true;
                self.segment = number;
            }
            return Err(error);
        }
        if let Some(key) = key {
            self.key = key;
        }
        (self.segment, self.chain, self.bytes) = (number, chain, bytes.len() as u64);
        self.poisoned = false;
        Ok(self.remove_others().is_ok())
    }

    fn remove_others(&mut self) -> io::Result<()> {
        for other in self.disk.segments()? {
            if other != self.segment {
                self.disk.remove(other)?;
            }
        }
        Ok(())
    }

    /// Leaves nothing behind; only where the ledger has every record.
    pub(super) fn clear(mut self) -> io::Result<()> {
        for segment in self.disk.segments()? {
            self.disk.remove(segment)?;
        }
        Ok(())
    }
}

fn seal(key: &Seal, chain: Chain, entries: &[Entry], next: u64) -> io::Result<(Vec<u8>, Chain)> {
    let mut sealed = Vec::with_capacity(entries.len() * 1024);
    // room for the nonce
    sealed.extend([0; NONCE_BYTES]);
    for entry in entries {
        entry.encode(&mut sealed);
    }
    let header = FrameHeader::new(next, sealed.len() + TAG_BYTES);
    let header = header.ok_or_else(|| io::Error::other("frame too large, expected less than 4 GiB"))?;
    let nonce = random().map_err(io::Error::other)?;
    key.seal(&mut sealed, 0, &nonce, &chain.place(header));
    let frame = header.frame(&sealed);
    let chain = chain.after(&frame);
    Ok((frame, chain))
}

/// The entries in frames of bounded size.
fn parts(entries: &[Entry]) -> Vec<&[Entry]> {
    let mut bytes = 0;
    let cuts = entries.chunk_by(|one, _| {
        bytes += if let Entry::Placed { json, .. } = one { json.len() } else { 0 };
        let same = bytes < FRAME_BYTES;
        if !same {
            bytes = 0;
        }
        same
    });
    cuts.collect()
}

fn io(doing: &'static str) -> impl FnOnce(io::Error) -> SpoolError {
    move |source| SpoolError::Io { doing, source }
}
