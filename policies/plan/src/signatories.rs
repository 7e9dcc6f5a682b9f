//! Organisations of which several sign: so many of these keys. Specification: `docs/spec/people.md`.

use std::collections::BTreeSet;

use grantbook_record::Thumbprint;
use grantbook_record::event::{Event, MandateSource, SignatoriesAgreed};
use serde::{Deserialize, Serialize};

use crate::admission::Refusal;
use crate::customer::CustomerState;

/// Signatures that a rule may ask for: an envelope has room for four, of which the enterprise's may be one.
pub const NEEDED_MAX: u8 = 3;

/// The rule that holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signatories {
    /// Thumbprints of the signatories' keys.
    pub keys: Vec<Thumbprint>,
    /// How many of them must sign.
    pub needed: u8,
}

impl Signatories {
    pub(crate) fn new(event: &SignatoriesAgreed) -> Self {
        Self { keys: event.keys.to_vec(), needed: event.needed }
    }

    /// How many of them have signed: one that signs twice counts once.
    fn signed(&self, signers: &[Thumbprint]) -> usize {
        let distinct: BTreeSet<&Thumbprint> = signers.iter().filter(|kid| self.keys.contains(kid)).collect();
        distinct.len()
    }

    /// A key took another's place.
    pub(crate) fn rotate(&mut self, old: &Thumbprint, new: Thumbprint) {
        self.keys.iter_mut().filter(|kid| **kid == *old).for_each(|kid| *kid = new);
    }
}

/// Whether a rule may be the next; that the right ones sign, [`check`] says.
pub(crate) fn check_agreed(event: &SignatoriesAgreed, customer: &CustomerState) -> Result<(), Refusal> {
    let distinct: BTreeSet<&Thumbprint> = event.keys.iter().collect();
    let enrolled = event.keys.iter().all(|kid| customer.signing_key(kid).is_some());
    if !enrolled || distinct.len() != event.keys.len() {
        return Err(Refusal::Signatories { expected: "enrolled keys of the organisation, each once" });
    }
    if !(1..=NEEDED_MAX).contains(&event.needed) || usize::from(event.needed) > distinct.len() {
        return Err(Refusal::Signatories { expected: "1 to 3 of them to sign, and no more than there are" });
    }
    if customer.ward.is_some() {
        return Err(Refusal::Signatories { expected: "an organisation" });
    }
    Ok(())
}

/// What an organisation with signatories needs beside what the event needs anyway.
pub(crate) fn check(event: &Event, signers: &[Thumbprint], customer: &CustomerState) -> Result<(), Refusal> {
    match lacking(event, signers, customer) {
        None => Ok(()),
        Some(_) => {
            Err(Refusal::Signatories { expected: "as many signatories to sign as their rule asks for" })
        }
    }
}

/// How many more of the signatories must sign; `None` where no more. Withdrawing and pausing need none.
pub(crate) fn lacking(event: &Event, signers: &[Thumbprint], customer: &CustomerState) -> Option<usize> {
    let rule = customer.signatories.as_ref()?;
    let needed = match event {
        // what an agent gives lies within a mandate that as many have signed
        Event::GrantGiven(event) => event.mandate.is_none(),
        Event::MandateGiven(event) => matches!(event.from, MandateSource::Key(_)),
        Event::GrantAmended(_)
        | Event::GrantResumed(_)
        | Event::TierAgreed(_)
        | Event::MilestoneConfirmed(_)
        | Event::SignatoriesAgreed(_) => true,
        // nobody alone ends the others' keys, and the recovery key is one key
        Event::KeyRevoked(event) => signers != [event.key],
        Event::KeyRotated(event) => event.recovery.is_some(),
        _ => false,
    };
    let more = usize::from(rule.needed).saturating_sub(rule.signed(signers));
    (needed && more > 0).then_some(more)
}

#[cfg(test)]
pub(crate) mod tests;
