//! Whose a grant is, by the leaf index of its `grant.given`: 16 bytes each. Grants come in the order of the log, so
//! that the list is sorted as it grows.

/// Entries of customers who are gone that the list may hold.
const GONE_MAX: usize = 1024;

#[derive(Debug, Clone, Copy)]
struct Giver {
    given: u64,
    /// High half of the customer's key; 0 once the grant is gone. A customer's own half is 0 for one of 2^64, whose
    /// grant is then not found by its leaf index.
    half: u64,
}

#[derive(Debug, Default)]
pub(super) struct Givers {
    by_given: Vec<Giver>,
    gone: usize,
}

impl Givers {
    pub(super) fn put(&mut self, given: u64, half: u64) {
        let entry = Giver { given, half };
        if self.by_given.last().is_none_or(|last| last.given < given) {
            if self.by_given.len() == self.by_given.capacity() {
                // a quarter more at a time: this list is long, and mostly it does not grow any more
                self.by_given.reserve_exact(self.by_given.len() / 4 + 16);
            }
            self.by_given.push(entry);
            return;
        }
        match self.by_given.binary_search_by_key(&given, |known| known.given) {
            Ok(at) => {
                if let Some(known) = self.by_given.get_mut(at) {
                    self.gone -= usize::from(known.half == 0).min(self.gone);
                    *known = entry;
                }
            }
            Err(at) => self.by_given.insert(at, entry),
        }
    }

    pub(super) fn get(&self, given: u64) -> Option<u64> {
        let at = self.by_given.binary_search_by_key(&given, |known| known.given).ok()?;
        self.by_given.get(at).map(|known| known.half).filter(|half| *half != 0)
    }

    pub(super) fn remove(&mut self, given: u64) {
        let found = self.by_given.binary_search_by_key(&given, |known| known.given);
        if let Some(known) =
            found.ok().and_then(|at| self.by_given.get_mut(at)).filter(|known| known.half != 0)
        {
            known.half = 0;
            self.gone += 1;
        }
        if self.gone > GONE_MAX.max(self.by_given.len() / 2) {
            self.by_given.retain(|known| known.half != 0);
            self.by_given.shrink_to_fit();
            self.gone = 0;
        }
    }

    /// From pairs in any order.
    pub(super) fn from_pairs(pairs: Vec<(u64, u64)>) -> Self {
        let mut by_given: Vec<_> = pairs.into_iter().map(|(given, half)| Giver { given, half }).collect();
        by_given.sort_unstable_by_key(|giver| giver.given);
        Self { by_given, gone: 0 }
    }
}
