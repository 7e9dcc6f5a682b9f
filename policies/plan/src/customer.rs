//! One customer at one enterprise: keys, grants and open requests, folded from the log.

use std::borrow::Cow;

use grantbook_record::day::UnixSeconds;
use grantbook_record::encoding::Bytes32;
use grantbook_record::event::{Event, Evidence, Owner, Tier};
use grantbook_record::uses::UseRecord;
use grantbook_record::{Jti, PublicKey, Terms, Thumbprint};
use serde::{Deserialize, Serialize};

use crate::assets::AssetState;
use crate::guardian::Ward;
use crate::mandate::{self, MandateState};
use crate::nagging::{self, Aim, PastRequest};
use crate::owners::{self, OwnedSource};
use crate::signatories::Signatories;

/// Grants of one customer at one enterprise, ended ones included.
pub const GRANTS_MAX: usize = 1024;
/// Keys of one customer at one enterprise, ended ones included.
pub const KEYS_MAX: usize = 64;
/// Requests that are remembered once they wait no longer.
pub const CLOSED_REQUESTS_MAX: usize = 64;

/// Everything that decisions and admission need to know of a customer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CustomerState {
    /// Keys, by order of enrolment.
    pub keys: Vec<CustomerKey>,
    /// Grants, by rising leaf index of their `grant.given`.
    pub grants: Vec<GrantState>,
    /// Requests that wait for an answer.
    pub requests: Vec<OpenRequest>,
    /// Thumbprint of the key that may end all keys of the customer; it never signs anything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Thumbprint>,
    /// What data of the customer comes from, where somebody said from when to when it is the customer's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<OwnedSource>,
    /// The tier agreed to last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<Tier>,
    /// Assets derived from the customer's data, by rising leaf index of their `asset.issued`. Gates do not have them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assets: Vec<AssetState>,
    /// Mandates, ended ones as long as there is room, by rising leaf index of their `mandate.given`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mandates: Vec<MandateState>,
    /// The latest requests that wait no longer, the last one last. Gates do not have them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub closed_requests: Vec<Jti>,
    /// Requests that came to nothing, and for a time are not made again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub past_requests: Vec<PastRequest>,
    /// Who was a minor when a guardian was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ward: Option<Ward>,
    /// How many of which keys sign for an organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signatories: Option<Signatories>,
    /// The birth day that the customer stated last, days since 1900-01-01; gone with the last grant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub birth_day: Option<u32>,
}

/// A key and whether it may still sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerKey {
    /// The key.
    pub key: PublicKey,
    /// Who vouched for it.
    pub evidence: Evidence,
    /// Whether it was rotated or revoked.
    pub ended: bool,
    /// Whether it is a guardian's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub guardian: bool,
}

/// An entry that later ones link to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryRef {
    /// Its leaf index.
    pub leaf_index: u64,
    /// Its leaf hash.
    pub leaf_hash: Bytes32,
}

/// A grant with all its amendments so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantState {
    /// The `jti` of its `grant.given`.
    pub id: Jti,
    /// Leaf index of its `grant.given`: the order among grants that match alike.
    pub given: u64,
    /// The mandate under which an agent gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mandate: Option<Jti>,
    /// The terms now in force.
    pub terms: Terms,
    /// The tenant's group of these terms.
    pub group: u16,
    /// First second in force: the start of validity, for amended terms not before the amendment's admission.
    pub starts: UnixSeconds,
    /// The entry of the terms in force; uses and later events link to it.
    pub terms_entry: EntryRef,
    /// The `jti` of the customer's last amendment, pause or resumption, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<Jti>,
    /// Whether uses may go on.
    pub status: Status,
    /// Leaf index of the entry that brought this status.
    pub status_entry: u64,
    /// When it ended, by the ledger's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<UnixSeconds>,
}

/// Whether uses of a grant may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// They may.
    Active,
    /// Not until the customer resumes it.
    Paused,
    /// Never again: a later grant took its place.
    Superseded,
    /// Never again: the customer ended it.
    Withdrawn,
    /// Never again: somebody else ended it.
    Revoked,
}

impl Status {
    /// Whether the grant can never permit a use again.
    pub fn is_ended(self) -> bool {
        matches!(self, Self::Superseded | Self::Withdrawn | Self::Revoked)
    }
}

impl GrantState {
    /// When it stops permitting: at the end of its validity, or when it was ended before that.
    pub fn end(&self) -> UnixSeconds {
        let valid_until = self.terms.validity.end();
        self.ended_at.map_or(valid_until, |ended| ended.min(valid_until))
    }

    /// Whether it may permit a use now or later.
    pub fn is_in_force(&self, now: UnixSeconds) -> bool {
        !self.status.is_ended() && now < self.terms.validity.end()
    }
}

/// A request that waits for the customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenRequest {
    /// The `jti` of its `request.made`.
    pub id: Jti,
    /// Until when it may be answered.
    pub expires: UnixSeconds,
    /// What it is about.
    pub aim: Aim,
}

/// What the ledger added to an event when it took it in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admitted {
    /// The envelope's id.
    pub jti: Jti,
    /// Where it stands.
    pub entry: EntryRef,
    /// When, by the ledger's clock; for entries that commit to a time, that time.
    pub at: UnixSeconds,
    /// The tenant's group of the terms; 0 for events without terms.
    pub group: u16,
}

impl CustomerState {
    /// The key with this thumbprint, if it may still sign.
    pub fn signing_key(&self, kid: &Thumbprint) -> Option<&PublicKey> {
        self.keys.iter().find(|known| !known.ended && known.key.thumbprint() == *kid).map(|known| &known.key)
    }

    /// The key with this thumbprint, even if it has ended since.
    pub fn any_key(&self, kid: &Thumbprint) -> Option<&PublicKey> {
        self.keys.iter().find(|known| known.key.thumbprint() == *kid).map(|known| &known.key)
    }

    /// Whether the key with this thumbprint may still sign and is a guardian's.
    pub fn is_guardians(&self, kid: &Thumbprint) -> bool {
        self.keys.iter().any(|known| known.guardian && !known.ended && known.key.thumbprint() == *kid)
    }

    /// The same, of a key that is the customer's own.
    pub fn is_own(&self, kid: &Thumbprint) -> bool {
        self.signing_key(kid).is_some() && !self.is_guardians(kid)
    }

    /// Whether any key may still sign.
    pub fn has_signing_key(&self) -> bool {
        self.keys.iter().any(|known| !known.ended)
    }

    /// Whether a guardian's key may still sign.
    pub fn has_guardian(&self) -> bool {
        self.keys.iter().any(|known| known.guardian && !known.ended)
    }

    /// The grant whose `grant.given` has this `jti`.
    pub fn grant(&self, id: &Jti) -> Option<&GrantState> {
        self.grants.iter().find(|grant| grant.id == *id)
    }

    /// The asset whose `asset.issued` has this `jti`.
    pub fn asset(&self, id: &Jti) -> Option<&AssetState> {
        self.assets.iter().find(|asset| asset.id == *id)
    }

    /// Who is paid for a use that was admitted at this leaf index: the owner of its asset, if it was licensed.
    pub fn owner_of_use(&self, record: &UseRecord, leaf_index: u64) -> Owner {
        let grant = record.grant().and_then(|id| self.grant(&id));
        let licence = grant.and_then(|grant| grant.terms.licence.as_ref());
        let asset = licence.and_then(|licence| self.asset(&licence.asset));
        asset.map_or(Owner::Customer, |asset| asset.owner_at(leaf_index))
    }

    /// Forgets the grant whose `grant.given` has this leaf index; gives its id.
    pub fn forget_grant(&mut self, given: u64) -> Option<Jti> {
        let at = self.grants.iter().position(|grant| grant.given == given)?;
        let forgotten = self.grants.remove(at).id;
        if let Some(ward) = &mut self.ward {
            ward.signed.remove(&forgotten);
        }
        if self.grants.is_empty() {
            self.birth_day = None;
        }
        Some(forgotten)
    }

    /// The event for somebody who may lack grants that ended long ago: without the grant that it supersedes where that is
    /// not known, since there is nothing to be ended then.
    pub fn without_forgotten<'e>(&self, event: &'e Event) -> Cow<'e, Event> {
        match event {
            Event::GrantGiven(given)
                if given.terms.supersedes.is_some_and(|id| self.grant(&id).is_none()) =>
            {
                let mut given = given.clone();
                given.terms.supersedes = None;
                Cow::Owned(Event::GrantGiven(given))
            }
            event => Cow::Borrowed(event),
        }
    }

    /// Whether nothing but the operator's word links the first key to the customer.
    pub fn rests_on_operators_word(&self) -> bool {
        self.keys.first().is_some_and(|first| first.evidence == Evidence::OperatorsWord)
    }

    /// The entry that an event about this customer links to, with its group. An acknowledgement and a deletion link to
    /// entries that are not kept here.
    pub fn link_target(&self, event: &Event) -> Option<(EntryRef, u16)> {
        if let Event::AssetTransferred(event) = event {
            return Some((self.asset(&event.asset)?.owners.last()?.entry, 0));
        }
        self.grant(&event.changed_grant()?).map(|grant| (grant.terms_entry, grant.group))
    }

    /// Takes in an event that was admitted. Events that refer to nothing known change nothing.
    pub fn apply(&mut self, event: &Event, admitted: &Admitted) {
        let waited: Vec<Jti> = self.requests.iter().map(|request| request.id).collect();
        self.take_in(event, admitted);
        self.note_closed(&waited);
    }

    fn take_in(&mut self, event: &Event, admitted: &Admitted) {
        match event {
            Event::KeyEnrolled(event) => {
                self.add_key(event.key, event.evidence, false);
                self.recovery = self.recovery.or(event.recovery);
            }
            Event::GuardianNamed(event) => {
                self.add_key(event.key, event.evidence, true);
                self.ward.get_or_insert_with(|| Ward::new(event));
                mandate::end_all(&mut self.mandates);
            }
            Event::SignatoriesAgreed(event) => {
                self.signatories = Some(Signatories::new(event));
                // as many as the rule asks for have signed none of them
                mandate::end_all(&mut self.mandates);
            }
            Event::KeyRotated(event) => {
                mandate::pass_to_key(&mut self.mandates, &event.old, &event.new.thumbprint());
                if let Some(recovery) = &event.recovery {
                    mandate::end_all(&mut self.mandates);
                    // a guardian stays one, whatever the minor has lost
                    let own = self.keys.iter_mut().filter(|known| !known.guardian);
                    own.for_each(|known| known.ended = true);
                    self.recovery = Some(recovery.next);
                }
                let guardian = self.is_guardians(&event.old);
                self.end_key(&event.old);
                self.add_key(event.new, Evidence::EnrolledKey, guardian);
                let new = event.new.thumbprint();
                self.signatories.iter_mut().for_each(|rule| rule.rotate(&event.old, new));
                owners::rotate(&mut self.sources, &event.old, new);
            }
            Event::KeyRevoked(event) => {
                self.end_key(&event.key);
                mandate::end_with_key(&mut self.mandates, &event.key);
            }
            Event::MandateGiven(event) => mandate::apply_given(&mut self.mandates, event, admitted),
            Event::MandateWithdrawn(event) => mandate::end(&mut self.mandates, &event.mandate),
            Event::RequestMade(event) => {
                nagging::made(self, (admitted.jti, admitted.at), event);
            }
            Event::RequestDeclined(event) => nagging::declined(self, admitted.at, event),
            Event::GrantGiven(event) => {
                self.requests.retain(|request| Some(request.id) != event.request);
                if let Some(superseded) = event.terms.supersedes {
                    self.set_status(&superseded, Status::Superseded, admitted);
                }
                self.birth_day = event.birth_day.or(self.birth_day);
                self.note_signed(admitted.jti, admitted.at);
                self.grants.push(GrantState {
                    id: admitted.jti,
                    given: admitted.entry.leaf_index,
                    mandate: event.mandate,
                    starts: event.terms.validity.start(),
                    terms: event.terms.clone(),
                    group: admitted.group,
                    terms_entry: admitted.entry,
                    changed: None,
                    status: Status::Active,
                    status_entry: admitted.entry.leaf_index,
                    ended_at: None,
                });
            }
            Event::GrantAmended(event) => {
                self.birth_day = event.birth_day.or(self.birth_day);
                self.note_signed(event.grant, admitted.at);
                self.with_grant(&event.grant, |grant| {
                    grant.starts = event.terms.validity.start().max(admitted.at);
                    grant.terms = event.terms.clone();
                    grant.group = admitted.group;
                    grant.terms_entry = admitted.entry;
                    grant.changed = Some(admitted.jti);
                });
            }
            Event::GrantPaused(event) => self.set_status(&event.grant, Status::Paused, admitted),
            Event::GrantResumed(event) => self.set_status(&event.grant, Status::Active, admitted),
            Event::GrantWithdrawn(event) => self.set_status(&event.grant, Status::Withdrawn, admitted),
            Event::GrantRevoked(event) => self.set_status(&event.grant, Status::Revoked, admitted),
            Event::AssetIssued(event) => self.assets.push(AssetState::new(event, admitted)),
            Event::AssetTransferred(event) => {
                if let Some(asset) = self.assets.iter_mut().find(|asset| asset.id == event.asset) {
                    asset.pass_to(event.to, admitted);
                }
            }
            Event::TierAgreed(event) => self.tier = Some(event.tier),
            Event::SourceOwned(event) => owners::apply(&mut self.sources, event),
            Event::VocabularyPublished(_)
            | Event::TemplatePublished(_)
            | Event::NoticePublished(_)
            | Event::PolicyPublished(_)
            | Event::MilestoneConfirmed(_)
            | Event::DataDeleted(_)
            | Event::RecipientAcknowledged(_)
            | Event::SubjectErased(_)
            | Event::OperatorActed(_)
            | Event::StateRoot(_)
            | Event::ProofPublished(_)
            | Event::ClientPublished(_)
            | Event::Money(_) => {}
        }
    }

    /// Of those that waited, the ones that do so no longer.
    fn note_closed(&mut self, waited: &[Jti]) {
        let waits = |id: &Jti| self.requests.iter().any(|request| request.id == *id);
        let closed: Vec<Jti> = waited.iter().filter(|id| !waits(id)).copied().collect();
        self.closed_requests.extend(closed);
        let surplus = self.closed_requests.len().saturating_sub(CLOSED_REQUESTS_MAX);
        self.closed_requests.drain(..surplus);
    }

    fn add_key(&mut self, key: PublicKey, evidence: Evidence, guardian: bool) {
        self.keys.push(CustomerKey { key, evidence, ended: false, guardian });
    }

    fn note_signed(&mut self, grant: Jti, at: UnixSeconds) {
        if let Some(ward) = &mut self.ward {
            ward.signed.insert(grant, at);
        }
    }

    fn end_key(&mut self, kid: &Thumbprint) {
        for known in self.keys.iter_mut().filter(|known| known.key.thumbprint() == *kid) {
            known.ended = true;
        }
    }

    fn with_grant(&mut self, id: &Jti, change: impl FnOnce(&mut GrantState)) {
        if let Some(grant) = self.grants.iter_mut().find(|grant| grant.id == *id) {
            change(grant);
        }
    }

    fn set_status(&mut self, id: &Jti, status: Status, admitted: &Admitted) {
        let ending = if status.is_ended() { self.ending_with(id) } else { Vec::new() };
        for id in ending.iter().chain([id]) {
            self.with_grant(id, |grant| {
                if !status.is_ended() {
                    grant.changed = Some(admitted.jti);
                }
                grant.status = status;
                grant.status_entry = admitted.entry.leaf_index;
                grant.ended_at = status.is_ended().then_some(admitted.at);
            });
        }
    }

    /// The licences that end when this grant does, as far as they have not ended.
    pub fn ending_with(&self, id: &Jti) -> Vec<Jti> {
        let ends_with_it = |grant: &&GrantState| {
            let licence = grant.terms.licence.as_ref();
            !grant.status.is_ended() && licence.is_some_and(|licence| licence.ends_with.contains(id))
        };
        self.grants.iter().filter(ends_with_it).map(|grant| grant.id).collect()
    }
}

#[cfg(test)]
mod tests;
