//! What the records of one customer's archive come to, grant by grant, and whether that is what the operator has signed.

use std::collections::BTreeSet;

use crate::day::UnixSeconds;
use crate::event::{Claims, Event};
use crate::id::Jti;
use crate::receipt::VerifiedContent;
use crate::state_proof::{GrantStates, GrantStatus, StateOfGrant, VerifiedState};
use crate::terms::Terms;

use super::{LineError, VerifiedRecord};

/// A grant as its records tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchivedGrant {
    /// The `jti` of its `grant.given`.
    pub id: Jti,
    /// Where it stands, told by leaf indexes.
    pub state: StateOfGrant,
    /// The terms in force, or those at its end.
    pub terms: Terms,
    /// When it was given.
    pub given_at: UnixSeconds,
    /// When its status came to be.
    pub since_at: UnixSeconds,
    /// Uses of it that were permitted.
    pub uses: u64,
}

/// The grants of an archive, by rising `given`, as far as it was read.
#[derive(Debug, Clone, Default)]
pub struct ArchivedGrants {
    all: Vec<ArchivedGrant>,
    /// What gave and changed them.
    events: BTreeSet<Jti>,
}

impl ArchivedGrants {
    /// The grants, by rising `given`.
    pub fn all(&self) -> &[ArchivedGrant] {
        &self.all
    }

    /// Takes a record in. They must come by rising leaf index; what was signed once counts once.
    pub(super) fn take(&mut self, record: &VerifiedRecord) -> Result<(), LineError> {
        match &record.here.content {
            VerifiedContent::Event { claims, .. } => {
                let is_of_a_grant =
                    matches!(claims.event, Event::GrantGiven(_)) || claims.event.changed_grant().is_some();
                if is_of_a_grant && !self.events.insert(claims.jti) {
                    return Err(LineError::Mismatch {
                        what: "the jti",
                        expected: "one that no record before has; this one was put on the log again",
                    });
                }
                self.event(claims, record.here.leaf_index.0, record.admitted_at);
            }
            VerifiedContent::Use { record: used, .. } => {
                if let Some(grant) = used.grant().and_then(|id| self.grant(id)) {
                    grant.uses = grant.uses.saturating_add(1);
                }
            }
        }
        Ok(())
    }

    fn grant(&mut self, id: Jti) -> Option<&mut ArchivedGrant> {
        self.all.iter_mut().find(|grant| grant.id == id)
    }

    fn event(&mut self, claims: &Claims<Event>, leaf: u64, at: UnixSeconds) {
        match &claims.event {
            Event::GrantGiven(given) => {
                if let Some(superseded) = given.terms.supersedes {
                    self.end(superseded, GrantStatus::Superseded, leaf, at);
                }
                let state =
                    StateOfGrant { given: leaf, terms: leaf, status: GrantStatus::Active, since: leaf };
                let terms = given.terms.clone();
                self.all.push(ArchivedGrant {
                    id: claims.jti,
                    state,
                    terms,
                    given_at: at,
                    since_at: at,
                    uses: 0,
                });
            }
            Event::GrantAmended(amended) => {
                if let Some(grant) = self.grant(amended.grant) {
                    grant.state.terms = leaf;
                    grant.terms = amended.terms.clone();
                }
            }
            Event::GrantPaused(paused) => self.set(paused.grant, GrantStatus::Paused, leaf, at),
            Event::GrantResumed(resumed) => self.set(resumed.grant, GrantStatus::Active, leaf, at),
            Event::GrantWithdrawn(ended) => self.end(ended.grant, GrantStatus::Withdrawn, leaf, at),
            Event::GrantRevoked(ended) => self.end(ended.grant, GrantStatus::Revoked, leaf, at),
            _ => {}
        }
    }

    fn set(&mut self, id: Jti, status: GrantStatus, leaf: u64, at: UnixSeconds) {
        if let Some(grant) = self.grant(id) {
            (grant.state.status, grant.state.since, grant.since_at) = (status, leaf, at);
        }
    }

    /// Ends a grant, and the licences that end with it.
    fn end(&mut self, id: Jti, status: GrantStatus, leaf: u64, at: UnixSeconds) {
        let open = |grant: &&ArchivedGrant| {
            matches!(grant.state.status, GrantStatus::Active | GrantStatus::Paused)
                && grant.terms.licence.as_ref().is_some_and(|licence| licence.ends_with.contains(&id))
        };
        let ending: Vec<Jti> = self.all.iter().filter(open).map(|grant| grant.id).collect();
        for id in ending.into_iter().chain([id]) {
            self.set(id, status, leaf, at);
        }
    }

    /// Holds the grants against those that the operator has signed: the same ones, in the same states by the same entries.
    pub(super) fn check(&self, signed: &VerifiedState) -> Result<(), LineError> {
        let signed = signed.states.as_ref().map(GrantStates::grants).unwrap_or_default();
        for at in 0..self.all.len().max(signed.len()) {
            let records = self.all.get(at).map(|grant| grant.state);
            let signed = signed.get(at).copied();
            if records != signed {
                return Err(LineError::States { records: said(records), signed: said(signed) });
            }
        }
        Ok(())
    }
}

fn said(state: Option<StateOfGrant>) -> String {
    match state {
        Some(StateOfGrant { given, terms, status, since }) => {
            format!(
                "grant of entry {given} {} by entry {since}, with the terms of entry {terms}",
                status.name()
            )
        }
        None => "no such grant".to_owned(),
    }
}
