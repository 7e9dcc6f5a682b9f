//! A grant in 40 bytes, without what many grants share.

use grantbook_record::Jti;
use grantbook_record::day::{SecondsSince2020, UnixMillis, UnixSeconds};

use super::bytes::{Damaged, Reader, Writer};
use crate::customer::{GrantState, Status};

/// Leaf indexes take 56 bits; the byte above holds the marks.
const GIVEN_BITS: u32 = 56;
const GIVEN: u64 = (1 << GIVEN_BITS) - 1;

/// Bits of the mark: the status, and what else is the case.
const STATUS: u8 = 0b0000_0111;
const END_KNOWN: u8 = 0b0000_1000;
const BLOCKED: u8 = 0b0001_0000;
const PRESENT: u8 = 0b0010_0000;
/// Of the slot that the grant lies in: a customer has it, and everything about the customer is blocked.
const TAKEN: u8 = 0b0100_0000;
const CUSTOMER_BLOCKED: u8 = 0b1000_0000;

/// What differs from grant to grant. An ended grant needs no start, so its end stands there.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(super) struct PackedGrant {
    id: Jti,
    /// Leaf index of its `grant.given`, and the marks above it.
    word: u64,
    /// First second in force; of an ended grant, when it ended. Since 2020.
    starts_or_ended: u32,
    /// First second after its validity, since 2020.
    ends: u32,
    /// Its terms in the table.
    pub(super) terms: u32,
    /// In a slot: where the customer's further grants are, plus one.
    pub(super) more: u32,
}

impl PackedGrant {
    /// No grant, in a slot that nobody has.
    pub(super) fn none() -> Self {
        let id = Jti::new(UnixMillis(0), [0; 10]);
        Self { id, word: 0, starts_or_ended: 0, ends: 0, terms: 0, more: 0 }
    }

    /// `None` where a number does not fit, which then is none that a log can have.
    pub(super) fn pack(grant: &GrantState, terms: u32, blocked: bool) -> Option<Self> {
        let seconds = |at: UnixSeconds| {
            let SecondsSince2020(seconds) = at.since_2020();
            (SecondsSince2020(seconds).unix() == at).then_some(seconds)
        };
        let ended = grant.status.is_ended();
        let mut marks = PRESENT | number(grant.status);
        let starts_or_ended = match grant.ended_at {
            Some(at) if ended => {
                marks |= END_KNOWN;
                seconds(at)?
            }
            None if ended => 0,
            _ => seconds(grant.starts)?,
        };
        if blocked {
            marks |= BLOCKED;
        }
        if grant.given > GIVEN {
            return None;
        }
        let word = grant.given | u64::from(marks) << GIVEN_BITS;
        let ends = seconds(grant.terms.validity.end())?;
        Some(Self { id: grant.id, word, starts_or_ended, ends, terms, more: 0 })
    }

    pub(super) fn id(&self) -> Jti {
        self.id
    }

    pub(super) fn given(&self) -> u64 {
        self.word & GIVEN
    }

    fn marks(&self) -> u8 {
        u8::try_from(self.word >> GIVEN_BITS).unwrap_or(0)
    }

    fn has(&self, mark: u8) -> bool {
        self.marks() & mark != 0
    }

    fn set(&mut self, mark: u8) {
        self.word |= u64::from(mark) << GIVEN_BITS;
    }

    /// Whether there is a grant; a customer may have none.
    pub(super) fn is_present(&self) -> bool {
        self.has(PRESENT)
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.has(BLOCKED)
    }

    pub(super) fn is_taken(&self) -> bool {
        self.has(TAKEN)
    }

    pub(super) fn take(&mut self) {
        self.set(TAKEN);
    }

    pub(super) fn is_customer_blocked(&self) -> bool {
        self.has(CUSTOMER_BLOCKED)
    }

    pub(super) fn block_customer(&mut self) {
        self.set(CUSTOMER_BLOCKED);
    }

    pub(super) fn status(&self) -> Status {
        match self.marks() & STATUS {
            0 => Status::Active,
            1 => Status::Paused,
            2 => Status::Superseded,
            3 => Status::Withdrawn,
            // what no status has denies, and for good
            _ => Status::Revoked,
        }
    }

    /// First second in force; of an ended grant not known.
    pub(super) fn starts(&self) -> UnixSeconds {
        SecondsSince2020(self.starts_or_ended).unix()
    }

    pub(super) fn ends(&self) -> UnixSeconds {
        SecondsSince2020(self.ends).unix()
    }

    pub(super) fn ended_at(&self) -> Option<UnixSeconds> {
        self.has(END_KNOWN).then(|| SecondsSince2020(self.starts_or_ended).unix())
    }

    /// All but `more`, which is a place in memory.
    pub(super) fn write(&self, out: &mut Writer) {
        out.jti(&self.id);
        out.u64(self.word);
        out.u32(self.starts_or_ended);
        out.u32(self.ends);
        out.u32(self.terms);
    }

    pub(super) fn read(bytes: &mut Reader<'_>) -> Result<Self, Damaged> {
        let (id, word) = (bytes.jti()?, bytes.u64()?);
        let (starts_or_ended, ends, terms) = (bytes.u32()?, bytes.u32()?, bytes.u32()?);
        Ok(Self { id, word, starts_or_ended, ends, terms, more: 0 })
    }
}

pub(super) fn number(status: Status) -> u8 {
    match status {
        Status::Active => 0,
        Status::Paused => 1,
        Status::Superseded => 2,
        Status::Withdrawn => 3,
        Status::Revoked => 4,
    }
}
