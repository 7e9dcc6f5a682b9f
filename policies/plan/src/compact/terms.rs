//! Terms that many grants share, kept once and counted, so that they go away with the last grant.

use std::collections::BTreeSet;
use std::hash::Hasher as _;

use grantbook_record::Terms;
use grantbook_record::day::{EPOCH_2020, UnixSeconds};
use grantbook_record::list::List;
use grantbook_record::strict_json;
use grantbook_record::terms::{Consent, Validity};

use super::bytes::{Damaged, Reader, Writer};

/// Terms and how many grants have them.
#[derive(Debug)]
struct Shared {
    terms: Terms,
    grants: u32,
}

#[derive(Debug, Default)]
pub(super) struct TermsTable {
    shared: Vec<Option<Shared>>,
    free: Vec<u32>,
    /// Hashes of the terms with their ids.
    index: BTreeSet<(u64, u32)>,
}

/// The terms without what differs from customer to customer though the agreement is the same: when it holds, when the
/// notice was shown and separate consents were given, and which earlier grant it ends.
fn shared_part(terms: &Terms) -> Terms {
    let validity = Validity::new(UnixSeconds(EPOCH_2020), UnixSeconds(EPOCH_2020 + 1));
    let mut shared = terms.clone();
    shared.validity = validity.unwrap_or(terms.validity);
    shared.notice.shown_at = UnixSeconds(0);
    shared.supersedes = None;
    let undated = |consent: &Consent| Consent { given_at: None, ..consent.clone() };
    shared.consents = List::new(terms.consents.iter().map(undated).collect()).unwrap_or_default();
    shared
}

fn json(terms: &Terms) -> Vec<u8> {
    // string keys, no fallible serialisers
    serde_json::to_vec(terms).unwrap_or_default()
}

fn hash(terms: &Terms) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    hasher.write(&json(terms));
    hasher.finish()
}

impl TermsTable {
    /// The id of these terms, which have one grant more from now on.
    pub(super) fn add(&mut self, terms: &Terms) -> u32 {
        let terms = shared_part(terms);
        let hash = hash(&terms);
        let same_hash = self.index.range((hash, 0)..=(hash, u32::MAX)).map(|(_, id)| *id);
        let known = same_hash.into_iter().find(|id| self.get(*id) == Some(&terms));
        if let Some(id) = known {
            self.count(id);
            return id;
        }
        let next = u32::try_from(self.shared.len()).unwrap_or(u32::MAX);
        let id = self.free.pop().unwrap_or(next);
        self.put(id, hash, Shared { terms, grants: 1 });
        id
    }

    fn put(&mut self, id: u32, hash: u64, shared: Shared) {
        let at = id as usize;
        if at >= self.shared.len() {
            self.shared.resize_with(at + 1, || None);
        }
        if let Some(place) = self.shared.get_mut(at) {
            *place = Some(shared);
        }
        self.index.insert((hash, id));
    }

    /// One grant more; `false` where there are no such terms.
    pub(super) fn count(&mut self, id: u32) -> bool {
        let shared = self.shared.get_mut(id as usize).and_then(Option::as_mut);
        shared.is_some_and(|shared| {
            shared.grants = shared.grants.saturating_add(1);
            true
        })
    }

    /// One grant less.
    pub(super) fn release(&mut self, id: u32) {
        let Some(place) = self.shared.get_mut(id as usize) else { return };
        let Some(shared) = place else { return };
        shared.grants = shared.grants.saturating_sub(1);
        if shared.grants == 0 {
            let hash = hash(&shared.terms);
            *place = None;
            self.index.remove(&(hash, id));
            self.free.push(id);
        }
    }

    pub(super) fn get(&self, id: u32) -> Option<&Terms> {
        self.shared.get(id as usize)?.as_ref().map(|shared| &shared.terms)
    }

    /// How many different terms there are.
    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.u32(u32::try_from(self.len()).unwrap_or(u32::MAX));
        for (id, shared) in (0_u32..).zip(&self.shared) {
            if let Some(Shared { terms, .. }) = shared {
                let json = json(terms);
                out.u32(id);
                out.u32(u32::try_from(json.len()).unwrap_or(u32::MAX));
                out.bytes(&json);
            }
        }
    }

    /// With no grants yet: whoever reads grants counts them.
    pub(super) fn read(bytes: &mut Reader<'_>) -> Result<Self, Damaged> {
        let mut table = Self::default();
        let count = bytes.u32()?;
        for _ in 0..count {
            let id = bytes.u32()?;
            let length = usize::try_from(bytes.u32()?).map_err(|_| Damaged)?;
            let terms: Terms = strict_json::parse(bytes.bytes(length)?).map_err(|_| Damaged)?;
            // ids that were given away lie close together
            if table.get(id).is_some() || id as usize > table.shared.len() + length + 1_000_000 {
                return Err(Damaged);
            }
            table.put(id, hash(&terms), Shared { terms, grants: 0 });
        }
        for (id, place) in (0_u32..).zip(&table.shared) {
            if place.is_none() {
                table.free.push(id);
            }
        }
        Ok(table)
    }

    /// Whether every one of them has a grant.
    pub(super) fn all_are_used(&self) -> bool {
        self.shared.iter().flatten().all(|shared| shared.grants > 0)
    }
}
