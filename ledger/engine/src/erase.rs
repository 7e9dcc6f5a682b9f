//! Erasing a customer: legal holds, withdrawal of what is in force, gates that forget, and at last the data key.
//!
//! `begin_erasure` withdraws and asks the gates; `finish_erasure` destroys the data key and the customer's rows and puts
//! `subject.erased` on the log. What backups still hold opens until the key epoch has rolled.

use grantbook_record::event::{Channel, Claims, SubjectErased};
use grantbook_record::{Envelope, GateId, Jti, Kind, Receipt, SubjectId, TenantId};
use grantbook_tlog::LeafIndex;

use crate::error::AppendError;
use crate::keyring::{DoneErasure, LegalHold, PendingErasure};
use crate::ledger::{Inner, Ledger};
use crate::proofs::Unproved;
use crate::store::Fault;

/// Holds and erasures under way that one ledger may have.
const CASES_MAX: usize = 10_000;
/// Seconds for which an erasure is tried again with the same event; far below the age at which an event is refused.
const EVENT_REUSED_SECONDS: u64 = 3600;
/// Bytes of a hold's reason.
const REASON_BYTES_MAX: usize = 256;

/// Why a customer was not erased, or not held.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// No such customer of this tenant.
    #[error("no such customer, expected one with records at this enterprise")]
    UnknownCustomer,
    /// No such erasure under way.
    #[error("no such erasure, expected one that is under way")]
    UnknownErasure,
    /// A legal hold.
    #[error("a legal hold is on the customer, expected it to be lifted first")]
    Held,
    /// A hold that is there already, or was never placed.
    #[error("{0}")]
    Hold(&'static str),
    /// Gates still hold the customer's grants.
    #[error("{} of the gates have not forgotten the customer yet, expected all of them", .0.len())]
    Waiting(Vec<GateId>),
    /// The proof of a day is still to be made.
    #[error("entry {entry} of the customer is in no proof yet, expected the proof of its day first")]
    Unproved {
        /// Leaf index of the first such entry.
        entry: LeafIndex,
    },
    /// Proofs of the days to come would have to show something about the customer.
    #[error(
        "{uses} uses of which data is kept and {ends} ends that nobody has acknowledged are open, expected deletions and \
         acknowledgements, and the proof of their day, first"
    )]
    Open {
        /// Recorded uses that no deletion covers.
        uses: u64,
        /// Withdrawals and revocations without an acknowledgement.
        ends: u64,
    },
    /// More than may be under way at once.
    #[error("too many holds and erasures, expected at most {CASES_MAX}")]
    TooMany,
    /// Withdrawing, or putting the erasure on record.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The keyring.
    #[error("the keyring has a fault")]
    Store(#[from] Fault),
}

/// A customer who is erased.
#[derive(Debug, Clone)]
pub struct Erased {
    /// Where `subject.erased` stands.
    pub leaf_index: LeafIndex,
    /// Its receipt.
    pub receipt: Receipt,
    /// The key epoch in which the data key was destroyed: until it has ended, a backup of the store and of the keyring
    /// together still opens.
    pub epoch: u64,
}

/// How far an erasure is.
#[derive(Debug, Clone)]
pub enum Erasure {
    /// It waits for gates.
    Pending(PendingErasure),
    /// It is done.
    Done(Box<Erased>),
}

impl Ledger {
    /// Every legal hold.
    pub fn legal_holds(&self) -> Result<Vec<LegalHold>, Fault> {
        Ok(self.inner.keyring.cases()?.holds)
    }

    /// Keeps a customer's records from being erased.
    pub fn place_hold(&self, tenant: TenantId, sub: &SubjectId, reason: &str) -> Result<(), EraseError> {
        if reason.is_empty() || reason.len() > REASON_BYTES_MAX || reason.chars().any(char::is_control) {
            return Err(EraseError::Hold(
                "malformed reason, expected 1 to 256 bytes without control characters",
            ));
        }
        self.inner.known(tenant, sub)?;
        let since = self.inner.clock.now().seconds();
        self.inner.keyring.change_cases(|cases| {
            if cases.holds.iter().any(|hold| hold.tenant == tenant && hold.sub == *sub) {
                return Err(EraseError::Hold("there is a legal hold on the customer already"));
            }
            room(cases.holds.len())?;
            cases.holds.push(LegalHold { tenant, sub: sub.clone(), reason: reason.to_owned(), since });
            Ok(())
        })
    }

    /// Lifts a legal hold.
    pub fn lift_hold(&self, tenant: TenantId, sub: &SubjectId) -> Result<(), EraseError> {
        self.inner.keyring.change_cases(|cases| {
            let before = cases.holds.len();
            cases.holds.retain(|hold| hold.tenant != tenant || hold.sub != *sub);
            if cases.holds.len() < before {
                Ok(())
            } else {
                Err(EraseError::Hold("there is no legal hold on the customer"))
            }
        })
    }

    /// Withdraws everything that a customer has granted and asks the gates to forget them. The same again gives the
    /// erasure that is under way.
    pub fn begin_erasure(
        &self,
        tenant: TenantId,
        sub: &SubjectId,
        channel: Channel,
    ) -> Result<PendingErasure, EraseError> {
        let known = self.inner.known(tenant, sub);
        let mut pending = self.inner.keyring.cases()?.erasures.into_iter();
        if let Some(pending) = pending.find(|pending| pending.tenant == tenant && pending.sub == *sub)
            && self.recorded(&pending).is_some()
        {
            // a crash came before it was noted as done; whoever is known under the pseudonym has come since
            match known {
                Err(EraseError::UnknownCustomer) => return Ok(pending),
                _ => drop(self.finish_erasure(tenant, pending.id, &[])?),
            }
        }
        let customer = known?;
        let held = |hold: &LegalHold| hold.tenant == tenant && hold.sub == *sub;
        if self.legal_holds()?.iter().any(held) {
            return Err(EraseError::Held);
        }
        // first of all nobody gives any more of them
        let standing = customer.state.mandates.iter().filter(|mandate| !mandate.ended);
        for mandate in standing.filter(|mandate| mandate.parent().is_none()) {
            self.withdraw_mandate_by_channel(tenant, sub, mandate.id, channel)?;
        }
        // the latest first: a licence would end with the grants that its asset was derived from
        for grant in customer.state.grants.iter().rev().filter(|grant| !grant.status.is_ended()) {
            self.withdraw_by_channel(tenant, sub, grant.id, channel)?;
        }
        let since = self.inner.clock.now().seconds();
        self.inner.keyring.change_cases(|cases| {
            let same = cases.erasures.iter().find(|pending| pending.tenant == tenant && pending.sub == *sub);
            if let Some(pending) = same {
                return Ok(pending.clone());
            }
            room(cases.erasures.len())?;
            let id = cases.next_id;
            cases.next_id += 1;
            let purged = std::collections::BTreeSet::new();
            let pending = PendingErasure { id, tenant, sub: sub.clone(), since, purged, event: None };
            cases.erasures.push(pending.clone());
            Ok(pending)
        })
    }

    /// A tenant's erasures that are under way.
    pub fn erasures(&self, tenant: TenantId) -> Result<Vec<PendingErasure>, Fault> {
        let mut erasures = self.inner.keyring.cases()?.erasures;
        erasures.retain(|pending| pending.tenant == tenant);
        Ok(erasures)
    }

    /// How far an erasure is.
    pub fn erasure(&self, tenant: TenantId, id: u64) -> Result<Erasure, EraseError> {
        let cases = self.inner.keyring.cases()?;
        if let Some(pending) = cases.erasures.into_iter().find(|one| one.tenant == tenant && one.id == id) {
            return Ok(Erasure::Pending(pending));
        }
        let done = cases.done.into_iter().find(|one| one.tenant == tenant && one.id == id);
        let DoneErasure { leaf_index, epoch, .. } = done.ok_or(EraseError::UnknownErasure)?;
        let receipt = self.inner.receipt_at(leaf_index).map_err(AppendError::from_read_back)?;
        Ok(Erasure::Done(Box::new(Erased { leaf_index: LeafIndex(leaf_index), receipt, epoch })))
    }

    /// Takes a gate's word that it has forgotten the customer. For an erasure that is done, nothing is left to be done.
    pub fn purged(&self, tenant: TenantId, id: u64, gate: GateId) -> Result<(), Fault> {
        self.inner.keyring.change_cases(|cases| {
            let pending = cases.erasures.iter_mut().find(|one| one.tenant == tenant && one.id == id);
            if let Some(pending) = pending
                && pending.purged.len() < CASES_MAX
            {
                pending.purged.insert(gate);
            }
            Ok(())
        })
    }

    /// Destroys the data key of a customer, with all rows of theirs, and puts that on the log. `expected` are the gates
    /// that must have forgotten the customer, unless they have been silent for longer than a use may be late: by then
    /// they deny, and what they still have recorded is refused as late.
    pub fn finish_erasure(
        &self,
        tenant: TenantId,
        id: u64,
        expected: &[GateId],
    ) -> Result<Erased, EraseError> {
        let inner = &self.inner;
        let pending = self.erasures(tenant)?.into_iter().find(|pending| pending.id == id);
        let pending = pending.ok_or(EraseError::UnknownErasure)?;
        if let Some(leaf_index) = self.recorded(&pending) {
            let receipt = inner.receipt_at(leaf_index.0).map_err(AppendError::from_read_back)?;
            self.forget_rows_of(tenant, &pending.sub)?;
            return self.note_erased(tenant, id, leaf_index, receipt);
        }
        let now = inner.clock.now();
        let too_late = pending.since.0.saturating_add(inner.late_after.as_secs()) < now.seconds().0;
        let waiting: Vec<_> =
            expected.iter().filter(|gate| !pending.purged.contains(*gate)).cloned().collect();
        if !waiting.is_empty() && !too_late {
            return Err(EraseError::Waiting(waiting));
        }
        let customer = inner.known(tenant, &pending.sub)?;
        let number =
            inner.keyring.tenant(tenant).map(|(number, _)| number).ok_or(EraseError::UnknownErasure)?;
        match inner.unproved(&inner.keyring.cases()?, (number, tenant), &customer, None)? {
            Some(Unproved::Entry(entry)) => return Err(EraseError::Unproved { entry }),
            Some(Unproved::Open { uses, ends }) => return Err(EraseError::Open { uses, ends }),
            None => {}
        }
        let event = SubjectErased { data_key: customer.key_id, given: None };
        let fresh = |jti: &Jti| jti.issued_at().0.abs_diff(now.seconds().0) < EVENT_REUSED_SECONDS;
        let jti = match pending.event.filter(fresh) {
            Some(jti) => jti,
            None => inner.keyring.change_cases(|cases| {
                let pending = cases.erasures.iter_mut().find(|one| one.tenant == tenant && one.id == id);
                let event = &mut pending.ok_or(EraseError::UnknownErasure)?.event;
                let jti = event.filter(fresh).unwrap_or_else(|| Jti::new(now, crate::random::bytes()));
                *event = Some(jti);
                Ok::<_, EraseError>(jti)
            })?,
        };
        let payload = Claims::new(tenant, jti, event).to_json();
        let envelope = Envelope::sign(Kind::SubjectErased, &payload, &[&inner.keyring.operator]);
        let appended = self.append(tenant, &envelope)?;
        self.forget_rows_of(tenant, &pending.sub)?;
        self.note_erased(tenant, id, appended.leaf_index, appended.receipt)
    }

    /// Removes what no log leads to.
    fn forget_rows_of(&self, tenant: TenantId, sub: &SubjectId) -> Result<(), EraseError> {
        self.forget_mirrored(tenant, sub)?;
        Ok(self.forget_complaints(tenant, sub)?)
    }

    /// Where an erasure stands on the log that is not noted as done.
    fn recorded(&self, pending: &PendingErasure) -> Option<LeafIndex> {
        self.find_event(pending.tenant, &pending.event?)
    }

    fn note_erased(
        &self,
        tenant: TenantId,
        id: u64,
        leaf_index: LeafIndex,
        receipt: Receipt,
    ) -> Result<Erased, EraseError> {
        self.inner.keyring.change_cases(|cases| {
            let epoch = self.epoch().number;
            cases.erasures.retain(|one| one.tenant != tenant || one.id != id);
            if cases.done.len() >= CASES_MAX {
                cases.done.remove(0);
            }
            cases.done.push(DoneErasure { id, tenant, leaf_index: leaf_index.0, epoch });
            Ok(Erased { leaf_index, receipt, epoch })
        })
    }
}

impl Inner {
    fn known(
        &self,
        tenant: TenantId,
        sub: &SubjectId,
    ) -> Result<std::sync::Arc<crate::state::Customer>, EraseError> {
        let customer = self.state.customer(self.state.customer_key(tenant, sub))?;
        customer.ok_or(EraseError::UnknownCustomer)
    }
}

fn room(count: usize) -> Result<(), EraseError> {
    if count < CASES_MAX { Ok(()) } else { Err(EraseError::TooMany) }
}
