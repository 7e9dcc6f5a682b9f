//! The customers: open addressing with linear probing, one slot of one cache line each, so that a decision waits for
//! memory about once.

use super::CustomerKey;
use super::grant::PackedGrant;

/// Slots of the smallest table.
const SLOTS_MIN: usize = 16;

/// A customer with the first of their grants.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Slot {
    pub(super) key: CustomerKey,
    /// Where everything else about the customer is kept.
    pub(super) place: u64,
    pub(super) first: PackedGrant,
}

const _: () = assert!(size_of::<Slot>() == 64);

/// Slots, at most three quarters of them taken.
#[derive(Debug, Default)]
pub(super) struct Table {
    slots: Vec<Slot>,
    taken: usize,
}

impl Table {
    /// With room for so many customers.
    pub(super) fn with_room(customers: usize) -> Self {
        let mut table = Self::default();
        if customers > 0 {
            table.resize((customers + customers / 2).max(SLOTS_MIN));
        }
        table
    }

    pub(super) fn len(&self) -> usize {
        self.taken
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().filter(|slot| slot.first.is_taken())
    }

    /// Where the search for a key begins. Keys are uniform, so their high bits are a share of the table's length; any
    /// length will do, and a longer table has the same customers in the same order.
    fn home(&self, key: CustomerKey) -> usize {
        let scaled = (u128::from(key.high) * self.slots.len() as u128) >> 64;
        usize::try_from(scaled).unwrap_or(0)
    }

    fn after(&self, at: usize) -> usize {
        if at + 1 == self.slots.len() { 0 } else { at + 1 }
    }

    /// The first slot from a key's home on for which `is_it` holds. Ends, since some slot is free.
    fn find(&self, key: CustomerKey, is_it: impl Fn(&Slot) -> bool) -> Option<usize> {
        let mut at = self.home(key);
        loop {
            let slot = self.slots.get(at)?;
            if !slot.first.is_taken() {
                return None;
            }
            if is_it(slot) {
                return Some(at);
            }
            at = self.after(at);
        }
    }

    pub(super) fn get(&self, key: CustomerKey) -> Option<&Slot> {
        self.slots.get(self.find(key, |slot| slot.key == key)?)
    }

    pub(super) fn get_mut(&mut self, key: CustomerKey) -> Option<&mut Slot> {
        let at = self.find(key, |slot| slot.key == key)?;
        self.slots.get_mut(at)
    }

    /// A slot whose key has this high half and for which `is_it` holds.
    pub(super) fn find_by_half(&self, high: u64, is_it: impl Fn(&Slot) -> bool) -> Option<&Slot> {
        let key = CustomerKey { high, low: 0 };
        self.slots.get(self.find(key, |slot| slot.key.high == high && is_it(slot))?)
    }

    /// Puts a slot, in the place of the one with its key.
    pub(super) fn put(&mut self, mut slot: Slot) {
        slot.first.take();
        if let Some(present) = self.get_mut(slot.key) {
            *present = slot;
            return;
        }
        if (self.taken + 1) * 4 > self.slots.len() * 3 {
            self.resize((self.slots.len() + self.slots.len() / 2).max(SLOTS_MIN));
        }
        self.place(slot);
        self.taken += 1;
    }

    /// Into the first free slot.
    fn place(&mut self, slot: Slot) {
        let mut at = self.home(slot.key);
        while self.slots.get(at).is_some_and(|present| present.first.is_taken()) {
            at = self.after(at);
        }
        if let Some(free) = self.slots.get_mut(at) {
            *free = slot;
        }
    }

    fn resize(&mut self, slots: usize) {
        let free = Slot { key: CustomerKey { high: 0, low: 0 }, place: 0, first: PackedGrant::none() };
        let before = std::mem::replace(&mut self.slots, vec![free; slots]);
        for slot in before.into_iter().filter(|slot| slot.first.is_taken()) {
            self.place(slot);
        }
    }

    /// Takes a customer out. Those behind that were pushed on by others move up, so that no search ends too early.
    pub(super) fn remove(&mut self, key: CustomerKey) -> Option<Slot> {
        let mut hole = self.find(key, |slot| slot.key == key)?;
        let removed = self.slots.get(hole).copied()?;
        let mut at = hole;
        loop {
            at = self.after(at);
            let Some(next) = self.slots.get(at).copied().filter(|next| next.first.is_taken()) else { break };
            let begins = self.home(next.key);
            // whether the hole lies on the way from the next one's home to where it is, around the end
            let reaches =
                if begins <= at { begins <= hole && hole < at } else { begins <= hole || hole < at };
            if reaches {
                self.set(hole, next);
                hole = at;
            }
        }
        let first = PackedGrant::none();
        self.set(hole, Slot { key: CustomerKey { high: 0, low: 0 }, place: 0, first });
        self.taken -= 1;
        Some(removed)
    }

    fn set(&mut self, at: usize, slot: Slot) {
        if let Some(place) = self.slots.get_mut(at) {
            *place = slot;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn slot(key: CustomerKey, place: u64) -> Slot {
        Slot { key, place, first: PackedGrant::none() }
    }

    /// Homes that collide, also around the table's end.
    fn key() -> impl Strategy<Value = CustomerKey> {
        let high = prop_oneof![0..4_u64, (u64::MAX - 3)..=u64::MAX, any::<u64>()];
        (high, 0..3_u64).prop_map(|(high, low)| CustomerKey { high, low })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn it_is_a_map(steps in prop::collection::vec((key(), any::<bool>(), any::<u64>()), 0..200)) {
            let (mut table, mut map) = (Table::default(), BTreeMap::new());
            for (key, put, place) in steps {
                if put {
                    table.put(slot(key, place));
                    map.insert((key.high, key.low), place);
                } else {
                    let removed = table.remove(key).map(|slot| slot.place);
                    prop_assert_eq!(removed, map.remove(&(key.high, key.low)));
                }
                prop_assert_eq!(table.len(), map.len());
                for (&(high, low), place) in &map {
                    let found = table.get(CustomerKey { high, low }).map(|slot| slot.place);
                    prop_assert_eq!(found, Some(*place));
                }
                let mut all: Vec<_> = table.iter().map(|slot| (slot.key.high, slot.key.low)).collect();
                all.sort_unstable();
                prop_assert!(all.into_iter().eq(map.keys().copied()));
            }
        }
    }
}
