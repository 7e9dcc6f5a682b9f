//! The mandates of one customer, folded from the log.

use grantbook_record::event::{MandateGiven, MandateSource};
use grantbook_record::{Jti, PublicKey, Thumbprint};
use serde::{Deserialize, Serialize};

use crate::customer::{Admitted, CustomerState};

/// Mandates of one customer at one enterprise that have not ended.
pub const MANDATES_MAX: usize = 32;
/// How many are remembered, ended ones included: so that what an agent sends again finds its key.
const REMEMBERED_MAX: usize = 64;

/// A mandate, and whether it is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MandateState {
    /// The `jti` of its `mandate.given`.
    pub id: Jti,
    /// What was given.
    pub given: MandateGiven,
    /// The customer's key with which it ends; none for a mandate that was handed on, which ends with the one above it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Thumbprint>,
    /// Leaf index of its `mandate.given`.
    pub leaf_index: u64,
    /// Whether it has ended, otherwise than by its time.
    pub ended: bool,
}

impl MandateState {
    /// The mandate that it was handed on from.
    pub fn parent(&self) -> Option<Jti> {
        match self.given.from {
            MandateSource::Mandate(parent) => Some(parent),
            MandateSource::Key(_) => None,
        }
    }
}

impl CustomerState {
    /// The mandate whose `mandate.given` has this `jti`, also if it has ended.
    pub fn mandate(&self, id: &Jti) -> Option<&MandateState> {
        self.mandates.iter().find(|mandate| mandate.id == *id)
    }

    /// The agent's key with this thumbprint, also if its mandate has ended.
    pub fn agent_key(&self, kid: &Thumbprint) -> Option<&PublicKey> {
        self.mandates.iter().map(|mandate| &mandate.given.agent).find(|key| key.thumbprint() == *kid)
    }

    /// Grants that were given under a mandate or under one that was handed on from it, and have not ended.
    pub fn given_under(&self, mandate: &Jti) -> Vec<Jti> {
        let family = below(&self.mandates, mandate);
        let under = |id: &Option<Jti>| id.is_some_and(|id| family.contains(&id));
        let live = self.grants.iter().filter(|grant| !grant.status.is_ended() && under(&grant.mandate));
        live.map(|grant| grant.id).collect()
    }
}

/// A mandate and all that were handed on from it, directly or not.
fn below(mandates: &[MandateState], top: &Jti) -> Vec<Jti> {
    let mut family = vec![*top];
    // a mandate comes after the one above it
    for mandate in mandates {
        if mandate.parent().is_some_and(|parent| family.contains(&parent)) {
            family.push(mandate.id);
        }
    }
    family
}

/// Whether a mandate is as old as those that are remembered no more, so that it may be one of them.
pub(crate) fn is_forgotten(mandates: &[MandateState], id: &Jti) -> bool {
    let oldest = mandates.first().filter(|_| mandates.len() >= REMEMBERED_MAX);
    oldest.is_some_and(|oldest| id.made_at() < oldest.id.made_at())
}

/// Takes in a mandate. Those whose time has passed end where the customer gives a further one: by the time that was signed, so
/// that they end alike for every reader.
pub(crate) fn apply_given(mandates: &mut Vec<MandateState>, given: &MandateGiven, admitted: &Admitted) {
    let signed_at = admitted.jti.issued_at();
    // an agent, who may name a time a little ahead, ends nothing that is not its own
    let by_customer = matches!(given.from, MandateSource::Key(_));
    for mandate in mandates.iter_mut().filter(|mandate| by_customer && mandate.given.until <= signed_at) {
        mandate.ended = true;
    }
    if mandates.len() >= REMEMBERED_MAX
        && let Some(oldest) = mandates.iter().position(|mandate| mandate.ended)
    {
        mandates.remove(oldest);
    }
    let key = match given.from {
        MandateSource::Key(key) => Some(key),
        MandateSource::Mandate(_) => None,
    };
    let (id, leaf_index) = (admitted.jti, admitted.entry.leaf_index);
    mandates.push(MandateState { id, given: given.clone(), key, leaf_index, ended: false });
}

/// Ends a mandate and all that were handed on from it.
pub(crate) fn end(mandates: &mut [MandateState], id: &Jti) {
    let family = below(mandates, id);
    for mandate in mandates.iter_mut().filter(|mandate| family.contains(&mandate.id)) {
        mandate.ended = true;
    }
}

/// Ends what rests on a key that is valid no more: whoever has the key could have given it.
pub(crate) fn end_with_key(mandates: &mut [MandateState], key: &Thumbprint) {
    let resting: Vec<Jti> =
        mandates.iter().filter(|mandate| mandate.key == Some(*key)).map(|mandate| mandate.id).collect();
    for id in &resting {
        end(mandates, id);
    }
}

/// Ends all of them.
pub(crate) fn end_all(mandates: &mut [MandateState]) {
    for mandate in mandates {
        mandate.ended = true;
    }
}

/// A key that the customer replaced, both signing: what rested on the old one rests on the new one.
pub(crate) fn pass_to_key(mandates: &mut [MandateState], old: &Thumbprint, new: &Thumbprint) {
    for mandate in mandates.iter_mut().filter(|mandate| mandate.key == Some(*old)) {
        mandate.key = Some(*new);
    }
}
