//! What a replica holds of customers: in memory what decisions need, and the rest where it is asked for seldom.

use std::hash::BuildHasher as _;

use grantbook_plan::Vocabulary;
use grantbook_plan::compact::{CompactPlan, CustomerKey, Known, Record};
use grantbook_plan::decide::{Basis, Decision, Denial, UseCount, check_terms};
use grantbook_record::Jti;
use grantbook_record::uses::UseFacts;
use grantbook_record::{DenialReason, SubjectId, UnixSeconds};
use siphasher::sip128::SipHasher24;

use super::cold::{Cold, ColdError};
use super::folder::StateFolder;

/// All customers. No pseudonym is kept: they are found by a hash of 128 bits under a secret of this replica.
#[derive(Debug)]
pub struct Holdings {
    pub(super) secret: [u8; 16],
    pub(super) plan: CompactPlan,
    pub(super) cold: Cold,
}

impl Default for Holdings {
    fn default() -> Self {
        Self::new(Cold::default())
    }
}

impl Holdings {
    /// Nobody yet.
    pub fn new(cold: Cold) -> Self {
        // keyed by the operating system's randomness, and unlike a call of its own this cannot fail
        let half = || std::hash::RandomState::new().hash_one(0).to_be_bytes();
        let mut secret = [0; 16];
        let halves = [half(), half()];
        secret.iter_mut().zip(halves.as_flattened()).for_each(|(byte, random)| *byte = *random);
        Self { secret, plan: CompactPlan::default(), cold }
    }

    /// Nobody yet, in a folder of which nothing else is left.
    pub fn in_folder(folder: &StateFolder) -> Result<Self, ColdError> {
        Ok(Self::new(Cold::File(folder.begin()?)))
    }

    fn key(&self, sub: &SubjectId) -> CustomerKey {
        let hash = SipHasher24::new_with_key(&self.secret).hash(sub.as_str().as_bytes());
        CustomerKey::from(hash.as_u128())
    }

    /// How many customers there are.
    pub fn customers(&self) -> usize {
        self.plan.customers()
    }

    pub(super) fn known(&self, sub: &SubjectId) -> Option<Known<'_>> {
        self.plan.known(self.key(sub))
    }

    /// Decides by this customer's grants and the first version of the vocabulary alone; blocks and rules are not looked at.
    pub fn decide(&self, facts: &UseFacts, now: UnixSeconds) -> Decision {
        let basis = Vocabulary::builtin().into();
        decide(basis, self.known(&facts.data_subject).as_ref(), |_| UseCount::default(), facts, now)
    }

    /// Everything known of a customer; nothing where they are not known.
    pub fn record(&self, sub: &SubjectId) -> Result<Record, ColdError> {
        self.record_of(self.key(sub))
    }

    fn record_of(&self, key: CustomerKey) -> Result<Record, ColdError> {
        let Some(known) = self.plan.known(key) else { return Ok(Record::default()) };
        Ok(self.plan.record(&self.cold.read(key, known.place())?)?)
    }

    /// Puts a customer in the place of what was known of them.
    pub fn keep(&mut self, sub: &SubjectId, record: &Record) -> Result<(), ColdError> {
        self.keep_of(self.key(sub), record)
    }

    fn keep_of(&mut self, key: CustomerKey, record: &Record) -> Result<(), ColdError> {
        let previous = self.plan.known(key).map(|known| known.place());
        let cold = &mut self.cold;
        self.plan.put(key, record, |bytes| cold.keep(key, previous, bytes))
    }

    /// Forgets a customer, with all that was known of them earlier.
    pub fn forget(&mut self, sub: &SubjectId) -> Result<(), ColdError> {
        let key = self.key(sub);
        self.plan.remove(key).map_or(Ok(()), |place| self.cold.forget(key, place))
    }

    /// Forgets the grant whose `grant.given` has this leaf index, with all that was known of it earlier.
    pub fn forget_grant(&mut self, given: u64) -> Result<(), ColdError> {
        let Some(key) = self.plan.giver(given) else { return Ok(()) };
        let mut record = self.record_of(key)?;
        if let Some(grant) = record.state.forget_grant(given) {
            record.blocked_grants.remove(&grant);
        }
        if let Some(place) = self.plan.known(key).map(|known| known.place()) {
            let cold = &mut self.cold;
            self.plan.put(key, &record, |bytes| {
                // the new record first, and without a way back to the old ones, which go
                let kept = cold.keep(key, None, bytes)?;
                cold.forget(key, place)?;
                Ok::<u64, ColdError>(kept)
            })?;
        }
        Ok(())
    }
}

/// Decides by what is known of a customer. How much of a grant is used up is known to the ledger alone, so it is an
/// argument.
pub(super) fn decide(
    basis: Basis<'_>,
    known: Option<&Known<'_>>,
    count_of: impl Fn(&Jti) -> UseCount,
    facts: &UseFacts,
    now: UnixSeconds,
) -> Decision {
    if let Some(known) = known {
        return known.decide(basis, count_of, facts, now);
    }
    let unknown_term = check_terms(basis.vocabulary, facts).err();
    Decision::Denial(unknown_term.unwrap_or(Denial::of(DenialReason::NoGrant)))
}
