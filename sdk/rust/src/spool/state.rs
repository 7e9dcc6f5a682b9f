//! What a spool holds: records on their way to the ledger, and what of them is still to be written. No I/O.
//!
//! A record takes its place when it is made, so that its sequence number is there at once and numbers have no gaps. What
//! became of the use comes later. Records leave in order, up to the first one that is still open.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use grantbook_record::lease::OpenLease;
use grantbook_record::uses::{
    BATCH_BYTES_MAX, BATCH_RECORDS_MAX, Completion, Outcome, RECORD_BYTES_MAX, UseRecord, Voided,
};
use grantbook_record::{Jti, Salt, SubjectId};

use super::entry::{Ending, Entry};
use super::known::{Known, Recalled};
use super::unaccounted::{LeftBehind, Unaccounted};
use crate::clock::BootTime;

/// Bytes that an entry takes beside its record's.
const ENTRY_BYTES: u64 = 64;
/// Bytes of a batch that are left for its head and its JSON's frame.
const BATCH_BYTES_LEFT: usize = 16 * 1024;
/// Bytes by which its ending may lengthen a record.
const ENDING_BYTES: usize = 64;
/// Bytes that a record takes in a batch beside its own.
const WIRE_BYTES: usize = 128;

/// No room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

/// Who waits for a record to be durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Whoever asked: without the record there is no permit.
    Awaited,
    /// Nobody: the permit is out already.
    Enqueued,
}

/// A record with its place.
#[derive(Debug)]
struct Place {
    /// As it was placed.
    json: Arc<[u8]>,
    salt: Salt,
    sub: SubjectId,
    stage: Stage,
    class: Class,
    /// Several permits are out for it: none of their holders knows what the others have done.
    asked_again: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Until then, or for ever.
    Open(Option<BootTime>),
    Ended(Ending),
}

/// A record that can be sent.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    pub(super) json: Arc<[u8]>,
    pub(super) salt: Salt,
    ending: Ending,
}

impl Outgoing {
    /// With its outcome; `None` for what is no record.
    pub(super) fn record(&self) -> Option<UseRecord> {
        let mut record = UseRecord::parse(&self.json).ok()?;
        if let Outcome::Permitted(permitted) = &mut record.outcome {
            match self.ending {
                Ending::Committed => {}
                Ending::Unknown => permitted.completion = Completion::Unknown,
                Ending::Voided => record.outcome = Outcome::Voided(Voided { grant: permitted.grant }),
            }
        }
        Some(record)
    }
}

/// Where a use has its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placing {
    /// A new record.
    New(u64),
    /// The same use was recorded before.
    Again(u64),
    /// Its id is that of another use.
    OtherUse,
    /// More bytes than a record may have.
    TooLarge,
}

/// See the module.
#[derive(Debug)]
pub(super) struct State {
    /// Sequence number of the first record.
    first: u64,
    places: VecDeque<Place>,
    /// All before are on the disk.
    durable: u64,
    /// All before are sent as they are.
    frozen: u64,
    bytes: u64,
    bytes_max: u64,
    /// Nothing can be written for now.
    full: bool,
    /// A record found no room, and none has left since.
    crowded: bool,
    /// What is to be written, in order.
    queue: Vec<Entry>,
    known: Known,
    unaccounted: Unaccounted,
}

impl State {
    /// Without records; the next has the number `first`.
    pub(super) fn new(first: u64, bytes_max: u64) -> Self {
        Self {
            first,
            places: VecDeque::new(),
            durable: first,
            frozen: first,
            bytes: 0,
            bytes_max,
            full: false,
            crowded: false,
            queue: Vec::new(),
            known: Known::default(),
            unaccounted: Unaccounted::default(),
        }
    }

    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// The next sequence number.
    pub(super) fn next(&self) -> u64 {
        self.first + self.places.len() as u64
    }

    pub(super) fn durable(&self) -> u64 {
        self.durable
    }

    /// Bytes of the records that the ledger does not have.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn is_full(&self) -> bool {
        self.full
    }

    /// Whether a record was refused for want of bytes, and that still stands.
    pub(super) fn is_crowded(&self) -> bool {
        self.crowded
    }

    pub(super) fn bytes_max(&self) -> u64 {
        self.bytes_max
    }

    /// How many entries are to be written.
    pub(super) fn queued(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn salt(&self, seq: u64) -> Option<Salt> {
        self.place_at(seq).map(|place| place.salt)
    }

    pub(super) fn has_records_of(&self, sub: &SubjectId) -> bool {
        self.places.iter().any(|place| place.sub == *sub)
    }

    /// Forgets the ids of a customer's uses.
    pub(super) fn forget(&mut self, sub: &SubjectId) {
        self.known.forget_customer(sub);
    }

    /// Whether a use of this id was placed before.
    pub(super) fn recall(&self, record: &UseRecord) -> Option<Placing> {
        let id = record.use_id.as_ref()?;
        Some(match self.known.recall(id, &record.facts)? {
            Recalled::Same(seq) => Placing::Again(seq),
            Recalled::Other => Placing::OtherUse,
        })
    }

    /// Marks leases that the next record draws on and that a crash may lose; gives whether all marks are on the disk.
    pub(super) fn mark_unaccounted(&mut self, leases: &[Jti]) -> bool {
        let next = self.next();
        let mut durable = true;
        for lease in leases {
            if self.unaccounted.mark(*lease, next) {
                self.queue.push(Entry::Unaccounted(*lease));
            }
            durable &= self.unaccounted.is_durable(lease, self.durable);
        }
        durable
    }

    /// The ledger knows what was drawn on these.
    pub(super) fn released(&mut self, leases: &[Jti]) {
        self.unaccounted.retain(|lease| !leases.contains(lease));
    }

    /// At a start: what of the leases that are open the spool accounts for. The others are marked; with `is_whole` unset
    /// these are all, since it is not known what the spool held.
    pub(super) fn left_behind(&mut self, open: &[OpenLease], is_whole: bool) -> LeftBehind {
        let ids: BTreeSet<Jti> = open.iter().map(|lease| lease.id).collect();
        self.unaccounted.retain(|lease| ids.contains(lease));
        if !is_whole {
            let next = self.next();
            for lease in &ids {
                self.unaccounted.mark(*lease, next);
            }
        }
        let voided = Stage::Ended(Ending::Voided);
        let records = self.places.iter().filter(|place| place.stage != voided);
        let records = records.filter_map(|place| UseRecord::parse(&place.json).ok());
        let drawn_on = records.flat_map(|record| record.leases.to_vec()).collect();
        LeftBehind::of(open, &self.unaccounted, &drawn_on, self.next())
    }

    /// Gives a record its number and its place. A permit's is open `until` then; a denial's is not open.
    pub(super) fn place(
        &mut self,
        mut record: UseRecord,
        salt: Salt,
        until: Option<BootTime>,
        class: Class,
    ) -> Result<Placing, Full> {
        if let Some(placing) = self.recall(&record) {
            if let Placing::Again(seq) = placing
                && let Some(place) = self.place_at_mut(seq)
            {
                place.asked_again = true;
            }
            return Ok(placing);
        }
        let seq = self.next();
        record.seq = seq;
        let json: Arc<[u8]> = record.to_json().into();
        if json.len() > RECORD_BYTES_MAX - ENDING_BYTES {
            return Ok(Placing::TooLarge);
        }
        let bytes = self.bytes + json.len() as u64 + ENTRY_BYTES;
        self.crowded = bytes > self.bytes_max;
        if self.full || self.crowded {
            return Err(Full);
        }
        let stage = match until {
            Some(until) => Stage::Open(Some(until)),
            None => Stage::Ended(Ending::Committed),
        };
        self.queue.push(Entry::Placed { seq, open: until.is_some(), salt, json: Arc::clone(&json) });
        if let Some(id) = record.use_id {
            self.known.note(id, &record.facts, seq);
        }
        self.push(Place { json, salt, sub: record.facts.data_subject, stage, class, asked_again: false });
        Ok(Placing::New(seq))
    }

    fn push(&mut self, place: Place) {
        self.bytes += place.json.len() as u64 + ENTRY_BYTES;
        self.places.push_back(place);
    }

    /// Says what became of a use, and gives what holds: what was said before and may be on its way already stands. Who
    /// said nothing may still say that the data was used. One that several have permits for is not given back by any of
    /// them. `None` once the ledger has it.
    pub(super) fn end(&mut self, seq: u64, ending: Ending) -> Option<Ending> {
        let frozen = seq < self.frozen;
        let place = self.place_at_mut(seq)?;
        let ending = if place.asked_again && ending == Ending::Voided { Ending::Unknown } else { ending };
        let holds = match place.stage {
            Stage::Open(_) => None,
            Stage::Ended(Ending::Unknown) if ending == Ending::Committed && !frozen => None,
            Stage::Ended(before) => Some(before),
        };
        if holds.is_some() {
            return holds;
        }
        place.stage = Stage::Ended(ending);
        self.queue.push(Entry::Ended { seq, ending });
        if ending == Ending::Voided {
            self.known.forget(seq);
        }
        Some(ending)
    }

    /// What is to be written next, and the sequence number after it.
    pub(super) fn take_queue(&mut self) -> (Vec<Entry>, u64) {
        (std::mem::take(&mut self.queue), self.next())
    }

    /// All before `next` is durable.
    pub(super) fn written(&mut self, next: u64) {
        self.durable = next;
        self.full = false;
    }

    /// What was taken was not written. Records that were waited for are taken back: their numbers are free again, and
    /// where a later record has its number already, they count as given back unused.
    pub(super) fn refused(&mut self, mut taken: Vec<Entry>) {
        self.full = true;
        taken.append(&mut self.queue);
        while self.next() > self.durable
            && self.places.back().is_some_and(|place| place.class == Class::Awaited)
        {
            if let Some(place) = self.places.pop_back() {
                self.bytes -= place.json.len() as u64 + ENTRY_BYTES;
                self.crowded = false;
            }
            self.known.forget(self.next());
        }
        let next = self.next();
        taken.retain(|entry| match entry {
            Entry::Placed { seq, .. } | Entry::Ended { seq, .. } => *seq < next,
            Entry::Start(_) | Entry::Acknowledged(_) | Entry::Unaccounted(_) => true,
        });
        self.queue = taken;
        for seq in self.durable..next {
            if self.place_at(seq).is_some_and(|place| place.class == Class::Awaited) {
                self.end(seq, Ending::Voided);
            }
        }
    }

    /// What was taken is to be written after all.
    pub(super) fn put_back(&mut self, mut taken: Vec<Entry>) {
        taken.append(&mut self.queue);
        self.queue = taken;
    }

    /// Everything as entries, for a segment of their own, and the sequence number after them.
    pub(super) fn snapshot(&self) -> (Vec<Entry>, u64) {
        let mut entries = vec![Entry::Start(self.first)];
        entries.extend(self.unaccounted.leases().map(Entry::Unaccounted));
        for (seq, place) in (self.first..).zip(&self.places) {
            let open = matches!(place.stage, Stage::Open(_));
            entries.push(Entry::Placed { seq, open, salt: place.salt, json: Arc::clone(&place.json) });
            if let Stage::Ended(ending @ (Ending::Voided | Ending::Unknown)) = place.stage {
                entries.push(Entry::Ended { seq, ending });
            }
        }
        (entries, self.next())
    }

    /// Records that can be sent now: durable, in order, up to the first that is open. One whose time is over is open no
    /// more. What is given here does not change any more.
    pub(super) fn outgoing(&mut self, now: BootTime) -> Vec<Outgoing> {
        let mut outgoing = Vec::new();
        let mut bytes = BATCH_BYTES_LEFT;
        for seq in self.first..self.durable {
            let Some(place) = self.place_at_mut(seq) else { break };
            if matches!(place.stage, Stage::Open(Some(until)) if until <= now) {
                self.end(seq, Ending::Unknown);
            }
            let Some(place) = self.place_at(seq) else { break };
            let Stage::Ended(ending) = place.stage else { break };
            // as text in JSON, each quote is two bytes; what completes the record is short
            let escaped = place.json.split(|byte| matches!(byte, b'"' | b'\\')).count();
            bytes += place.json.len() + escaped + WIRE_BYTES;
            if bytes > BATCH_BYTES_MAX || outgoing.len() == BATCH_RECORDS_MAX {
                break;
            }
            outgoing.push(Outgoing { json: Arc::clone(&place.json), salt: place.salt, ending });
        }
        self.frozen = self.frozen.max(self.first + outgoing.len() as u64);
        outgoing
    }

    /// The ledger has all records before this number.
    pub(super) fn acknowledge(&mut self, below: u64) {
        let below = below.min(self.durable);
        while self.first < below
            && let Some(place) = self.places.pop_front()
        {
            self.bytes -= place.json.len() as u64 + ENTRY_BYTES;
            self.crowded = false;
            self.first += 1;
        }
        self.queue.push(Entry::Acknowledged(below));
    }

    /// Takes in an entry as it was written; `false` for one that cannot follow.
    pub(super) fn replay(&mut self, entry: Entry) -> bool {
        match entry {
            Entry::Start(first) => {
                let fits = self.places.is_empty();
                *self = Self::new(first, self.bytes_max);
                fits
            }
            Entry::Placed { seq, open, salt, json } => {
                let Ok(record) = UseRecord::parse(&json) else { return false };
                if record.seq != seq || seq != self.next() {
                    return false;
                }
                if let Some(id) = record.use_id {
                    self.known.note(id, &record.facts, seq);
                }
                let stage = if open { Stage::Open(None) } else { Stage::Ended(Ending::Committed) };
                let (sub, class) = (record.facts.data_subject, Class::Enqueued);
                self.push(Place { json, salt, sub, stage, class, asked_again: false });
                self.durable = self.next();
                true
            }
            Entry::Ended { seq, ending } => {
                let Some(place) = self.place_at_mut(seq) else { return seq < self.next() };
                place.stage = Stage::Ended(ending);
                if ending == Ending::Voided {
                    self.known.forget(seq);
                }
                true
            }
            Entry::Unaccounted(lease) => {
                self.unaccounted.mark(lease, self.first);
                true
            }
            Entry::Acknowledged(below) => {
                let fits = below <= self.next();
                self.acknowledge(below);
                self.queue.clear();
                fits
            }
        }
    }

    /// After a start: nobody will say any more what became of the uses that are open.
    pub(super) fn end_all(&mut self) {
        for place in &mut self.places {
            if matches!(place.stage, Stage::Open(_)) {
                place.stage = Stage::Ended(Ending::Unknown);
            }
        }
    }

    fn place_at(&self, seq: u64) -> Option<&Place> {
        self.places.get(usize::try_from(seq.checked_sub(self.first)?).ok()?)
    }

    fn place_at_mut(&mut self, seq: u64) -> Option<&mut Place> {
        self.places.get_mut(usize::try_from(seq.checked_sub(self.first)?).ok()?)
    }
}
