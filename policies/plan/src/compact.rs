//! What decisions need of all customers, small enough to stay in memory: about 100 bytes for a customer with a grant.
//!
//! A customer's full state has keys, entries, and terms of a kilobyte. Decisions look at little of it, and most
//! customers agree to the same terms. So three parts are kept apart: terms, once for all who share them; one slot of 64
//! bytes per customer; and the rest, which only the admission of later events asks for, as bytes that the caller keeps
//! at a *place* of its own choosing (a file, or memory).
//!
//! No pseudonym is kept: customers are found by a key of 128 bits that the caller makes of it under a secret.
//! [`Known::decide`] gives the same decision as [`crate::decide()`] over the full state, details included.

mod bytes;
mod givers;
mod grant;
mod record;
mod table;
mod terms;

use std::collections::{BTreeMap, HashMap};

use grantbook_record::Jti;
use grantbook_record::day::UnixSeconds;
use grantbook_record::uses::UseFacts;

pub use bytes::Damaged;
pub use record::Record;

use crate::decide::{Basis, Decision, GrantView, UseCount, decide_among};
use crate::guardian::Ward;
use crate::owners::OwnedSource;
use bytes::{Reader, Writer};
use givers::Givers;
use grant::PackedGrant;
use table::{Slot, Table};
use terms::TermsTable;

/// Bytes of a customer with at most one grant in [`CompactPlan::to_bytes`].
const CUSTOMER_BYTES: usize = 62;

/// A customer's key: 128 bits of a keyed hash of the pseudonym, uniform and free of collisions as such are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CustomerKey {
    high: u64,
    low: u64,
}

impl From<u128> for CustomerKey {
    fn from(key: u128) -> Self {
        let half = |bits: u128| u64::try_from(bits & u128::from(u64::MAX)).unwrap_or(0);
        Self { high: half(key >> 64), low: half(key) }
    }
}

impl From<CustomerKey> for u128 {
    fn from(key: CustomerKey) -> Self {
        Self::from(key.high) << 64 | Self::from(key.low)
    }
}

/// All customers of one enterprise.
#[derive(Debug, Default)]
pub struct CompactPlan {
    table: Table,
    /// Further grants of those who have several, by rising leaf index.
    more: Vec<Box<[PackedGrant]>>,
    /// Which of these are free.
    more_free: Vec<u32>,
    terms: TermsTable,
    givers: Givers,
    /// Sources of the customers of whom any is known.
    sources: HashMap<CustomerKey, Box<[OwnedSource]>>,
    /// Birth days of those few who stated one, days since 1900-01-01.
    births: BTreeMap<CustomerKey, u32>,
    /// Those for whom a guardian was named.
    wards: BTreeMap<CustomerKey, Ward>,
}

/// A customer who is known.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    plan: &'a CompactPlan,
    slot: &'a Slot,
}

impl CompactPlan {
    /// How many customers there are.
    pub fn customers(&self) -> usize {
        self.table.len()
    }

    /// How many different terms there are.
    pub fn terms(&self) -> usize {
        self.terms.len()
    }

    /// The customer with this key.
    pub fn known(&self, key: CustomerKey) -> Option<Known<'_>> {
        self.table.get(key).map(|slot| Known { plan: self, slot })
    }

    /// All customers with the places of their records.
    pub fn places(&self) -> impl Iterator<Item = (CustomerKey, u64)> {
        self.table.iter().map(|slot| (slot.key, slot.place))
    }

    /// Who has given the grant whose `grant.given` has this leaf index.
    pub fn giver(&self, given: u64) -> Option<CustomerKey> {
        let half = self.givers.get(given)?;
        let has_it = |slot: &Slot| self.grants(slot).any(|grant| grant.given() == given);
        self.table.find_by_half(half, has_it).map(|slot| slot.key)
    }

    /// Reads a record that [`CompactPlan::put`] has made.
    pub fn record(&self, bytes: &[u8]) -> Result<Record, Damaged> {
        Record::from_bytes(bytes, &self.terms)
    }

    /// Puts a customer in the place of what was known of them; `keep` is given the record's bytes and says where they
    /// are. If it cannot keep them, nothing has changed.
    pub fn put<E>(
        &mut self,
        key: CustomerKey,
        record: &Record,
        keep: impl FnOnce(&[u8]) -> Result<u64, E>,
    ) -> Result<(), E> {
        let grants = &record.state.grants;
        let terms: Vec<u32> = grants.iter().map(|grant| self.terms.add(&grant.terms)).collect();
        let place = match keep(&record.to_bytes(&terms)) {
            Ok(place) => place,
            Err(error) => {
                self.release(terms);
                return Err(error);
            }
        };
        let packed = grants.iter().zip(&terms).map(|(grant, terms)| {
            PackedGrant::pack(grant, *terms, record.blocked_grants.contains(&grant.id))
        });
        let packed: Option<Vec<PackedGrant>> = packed.collect();
        // a number that no log can have: nothing about the customer is decided by it
        let blocked = record.blocked || packed.is_none();
        let packed = packed.unwrap_or_else(|| {
            self.release(terms);
            Vec::new()
        });
        self.drop_grants(key);
        if record.state.sources.is_empty() {
            self.sources.remove(&key);
        } else {
            self.sources.insert(key, record.state.sources.clone().into_boxed_slice());
        }
        for grant in &packed {
            self.givers.put(grant.given(), key.high);
        }
        let mut packed = packed.into_iter();
        let mut first = packed.next().unwrap_or_else(PackedGrant::none);
        first.more = self.keep_more(packed.collect());
        if blocked {
            first.block_customer();
        }
        self.table.put(Slot { key, place, first });
        match record.state.birth_day {
            Some(day) => self.births.insert(key, day),
            None => self.births.remove(&key),
        };
        match &record.state.ward {
            Some(ward) => self.wards.insert(key, ward.clone()),
            None => self.wards.remove(&key),
        };
        Ok(())
    }

    /// Forgets a customer; gives the place of the record.
    pub fn remove(&mut self, key: CustomerKey) -> Option<u64> {
        self.drop_grants(key);
        self.sources.remove(&key);
        self.births.remove(&key);
        self.wards.remove(&key);
        self.table.remove(key).map(|slot| slot.place)
    }

    /// Says that a customer's record is elsewhere now.
    pub fn set_place(&mut self, key: CustomerKey, place: u64) {
        if let Some(slot) = self.table.get_mut(key) {
            slot.place = place;
        }
    }

    fn release(&mut self, terms: Vec<u32>) {
        for id in terms {
            self.terms.release(id);
        }
    }

    /// Gives up what a customer's grants take outside the slot, which is left without grants.
    fn drop_grants(&mut self, key: CustomerKey) {
        let Some(slot) = self.table.get(key).copied() else { return };
        let grants: Vec<PackedGrant> = self.grants(&slot).copied().collect();
        for grant in grants {
            self.terms.release(grant.terms);
            self.givers.remove(grant.given());
        }
        if let Some(at) = slot.first.more.checked_sub(1) {
            if let Some(more) = self.more.get_mut(at as usize) {
                *more = Box::default();
            }
            self.more_free.push(at);
        }
        self.table.put(Slot { first: PackedGrant::none(), ..slot });
    }

    /// Where further grants are, plus one; 0 where there are none.
    fn keep_more(&mut self, grants: Box<[PackedGrant]>) -> u32 {
        if grants.is_empty() {
            return 0;
        }
        let at = self.more_free.pop().unwrap_or_else(|| {
            self.more.push(Box::default());
            u32::try_from(self.more.len() - 1).unwrap_or(u32::MAX)
        });
        if let Some(more) = self.more.get_mut(at as usize) {
            *more = grants;
        }
        at.saturating_add(1)
    }

    /// A customer's grants, by rising leaf index.
    fn grants<'a>(&'a self, slot: &'a Slot) -> impl Iterator<Item = &'a PackedGrant> {
        let first = Some(&slot.first).filter(|first| first.is_present());
        first.into_iter().chain(self.further(slot))
    }

    /// All of them but the first.
    fn further(&self, slot: &Slot) -> &[PackedGrant] {
        let more = slot.first.more.checked_sub(1).and_then(|at| self.more.get(at as usize));
        more.map(AsRef::as_ref).unwrap_or_default()
    }

    fn views<'a>(&'a self, slot: &'a Slot) -> impl Iterator<Item = GrantView<'a>> {
        self.grants(slot).filter_map(|grant| {
            Some(GrantView {
                id: grant.id(),
                given: grant.given(),
                terms: self.terms.get(grant.terms)?,
                starts: grant.starts(),
                ends: grant.ends(),
                status: grant.status(),
                ended_at: grant.ended_at(),
            })
        })
    }

    /// All of it as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.append_to(&mut out);
        out
    }

    /// Appends all of it as bytes: 62 for a customer with one grant.
    pub fn append_to(&self, bytes: &mut Vec<u8>) {
        let mut out = Writer(std::mem::take(bytes));
        out.0.reserve(self.table.len().saturating_mul(CUSTOMER_BYTES));
        self.terms.write(&mut out);
        out.u64(self.table.len() as u64);
        for slot in self.table.iter() {
            out.u64(slot.key.high);
            out.u64(slot.key.low);
            out.u64(slot.place);
            slot.first.write(&mut out);
            let further = self.further(slot);
            out.count(further.len());
            for grant in further {
                grant.write(&mut out);
            }
        }
        out.u64(self.sources.len() as u64);
        let mut owners: Vec<_> = self.sources.iter().collect();
        owners.sort_unstable_by_key(|(key, _)| (key.high, key.low));
        for (key, sources) in owners {
            out.u64(key.high);
            out.u64(key.low);
            out.json(sources);
        }
        out.u64(self.births.len() as u64);
        for (key, day) in &self.births {
            out.u64(key.high);
            out.u64(key.low);
            out.u32(*day);
        }
        out.u64(self.wards.len() as u64);
        for (key, ward) in &self.wards {
            out.u64(key.high);
            out.u64(key.low);
            out.json(ward);
        }
        *bytes = out.0;
    }

    /// Reads what [`CompactPlan::to_bytes`] has made. That nobody has changed it is for the caller to see to.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Damaged> {
        let mut bytes = Reader(bytes);
        let mut plan = Self { terms: TermsTable::read(&mut bytes)?, ..Self::default() };
        let customers = usize::try_from(bytes.u64()?).map_err(|_| Damaged)?;
        // a count that promises more than there is is refused before room is made
        if customers > bytes.0.len() / CUSTOMER_BYTES {
            return Err(Damaged);
        }
        plan.table = Table::with_room(customers);
        let mut givers = Vec::with_capacity(customers);
        for _ in 0..customers {
            let key = CustomerKey { high: bytes.u64()?, low: bytes.u64()? };
            let place = bytes.u64()?;
            let mut first = PackedGrant::read(&mut bytes)?;
            let more = bytes.several(PackedGrant::read)?;
            if plan.table.get(key).is_some() || (!more.is_empty() && !first.is_present()) {
                return Err(Damaged);
            }
            for grant in Some(&first).filter(|first| first.is_present()).into_iter().chain(&more) {
                if !grant.is_present() || !plan.terms.count(grant.terms) {
                    return Err(Damaged);
                }
                givers.push((grant.given(), key.high));
            }
            first.more = plan.keep_more(more.into_boxed_slice());
            plan.table.put(Slot { key, place, first });
        }
        for _ in 0..bytes.u64()? {
            let key = CustomerKey { high: bytes.u64()?, low: bytes.u64()? };
            let sources: Vec<OwnedSource> = bytes.json()?;
            if plan.table.get(key).is_none() || plan.sources.insert(key, sources.into()).is_some() {
                return Err(Damaged);
            }
        }
        plan.givers = Givers::from_pairs(givers);
        for _ in 0..bytes.u64()? {
            let key = CustomerKey { high: bytes.u64()?, low: bytes.u64()? };
            let day = bytes.u32()?;
            if plan.table.get(key).is_none() || plan.births.insert(key, day).is_some() {
                return Err(Damaged);
            }
        }
        for _ in 0..bytes.u64()? {
            let key = CustomerKey { high: bytes.u64()?, low: bytes.u64()? };
            let ward: Ward = bytes.json()?;
            if plan.table.get(key).is_none() || plan.wards.insert(key, ward).is_some() {
                return Err(Damaged);
            }
        }
        bytes.end()?;
        if plan.terms.all_are_used() { Ok(plan) } else { Err(Damaged) }
    }
}

impl<'a> Known<'a> {
    /// Where the customer's record is.
    pub fn place(&self) -> u64 {
        self.slot.place
    }

    fn sources(&self) -> &'a [OwnedSource] {
        // most enterprises have none, and then nothing is looked up
        if self.plan.sources.is_empty() {
            return &[];
        }
        self.plan.sources.get(&self.slot.key).map(AsRef::as_ref).unwrap_or_default()
    }

    fn ward(&self) -> Option<&'a Ward> {
        // for most customers nobody signs but themselves
        if self.plan.wards.is_empty() { None } else { self.plan.wards.get(&self.slot.key) }
    }

    /// Whether everything about the customer is denied.
    pub fn is_blocked(&self) -> bool {
        self.slot.first.is_customer_blocked()
    }

    /// Whether this grant, of those that the customer has, must not be used.
    pub fn is_blocked_grant(&self, id: &Jti) -> bool {
        self.plan.grants(self.slot).any(|grant| grant.id() == *id && grant.is_blocked())
    }

    /// Decides a use of this customer's data by their grants, as [`crate::decide()`] does; blocks are not looked at.
    pub fn decide<'b>(
        &self,
        basis: impl Into<Basis<'b>>,
        count_of: impl Fn(&Jti) -> UseCount,
        facts: &UseFacts,
        now: UnixSeconds,
    ) -> Decision {
        decide_among(self.of_customer(basis.into()), self.plan.views(self.slot), count_of, facts, now)
    }

    /// Decides it as if the customer had no grant but this one; `None` where they do not have it.
    pub fn decide_under<'b>(
        &self,
        grant: &Jti,
        basis: impl Into<Basis<'b>>,
        count_of: impl Fn(&Jti) -> UseCount,
        facts: &UseFacts,
        now: UnixSeconds,
    ) -> Option<Decision> {
        let alone: Vec<GrantView<'a>> =
            self.plan.views(self.slot).filter(|known| known.id == *grant).collect();
        let found = !alone.is_empty();
        found.then(|| decide_among(self.of_customer(basis.into()), alone.into_iter(), count_of, facts, now))
    }

    fn of_customer<'b>(&'b self, basis: Basis<'b>) -> Basis<'b> {
        // without any rule nobody asks, and most decisions are made without
        let asks = basis.rules.is_some();
        let birth_day = asks.then(|| self.plan.births.get(&self.slot.key).copied()).flatten();
        basis.about(birth_day, self.sources(), self.ward())
    }
}

#[cfg(test)]
mod tests;
