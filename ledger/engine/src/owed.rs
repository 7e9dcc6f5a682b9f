//! What is owed under grants: who has not acknowledged that one ended, and what must be deleted when.

use grantbook_plan::{Duties, GrantState};
use grantbook_record::day::UnixMillis;
use grantbook_record::event::{Acknowledger, Claims, Event, RecipientAcknowledged};
use grantbook_record::{Envelope, Jti, Kind, SubjectId, TenantId, UnixSeconds};
use grantbook_tlog::LeafIndex;
use tokio::sync::watch;

use crate::body::BodyContent;
use crate::error::{AppendError, ReadError};
use crate::ledger::{Appended, Inner, Ledger};
use crate::reads::GrantRow;

/// The withdrawal or revocation of a grant, and who has to acknowledge it.
#[derive(Debug, Clone)]
pub struct Ending {
    /// The customer.
    pub sub: SubjectId,
    /// The grant as it stands.
    pub grant: GrantState,
    /// The `jti` of the event that ended it.
    pub event: Jti,
    /// Where that stands.
    pub leaf_index: LeafIndex,
    /// What is owed under the grant: the frame of its end, recipients and their acknowledgements.
    pub duties: Duties,
}

/// An acknowledgement as it was signed.
#[derive(Debug, Clone, Copy)]
pub struct Acknowledgement {
    /// Where it stands.
    pub leaf_index: LeafIndex,
    /// Whose word it is.
    pub by: Acknowledger,
    /// Since when it is so.
    pub at: UnixMillis,
}

impl Ledger {
    /// Tells whenever a grant was withdrawn or revoked; the value is how many were since the ledger was opened.
    pub fn wait_endings(&self) -> watch::Receiver<u64> {
        self.inner.endings.subscribe()
    }

    /// A tenant's grants that ended and whose end somebody has not acknowledged, by rising leaf index of the end after
    /// `after`, and where to go on if there are more.
    pub fn open_endings(
        &self,
        tenant: TenantId,
        after: Option<LeafIndex>,
        limit: usize,
    ) -> Result<(Vec<Ending>, Option<LeafIndex>), ReadError> {
        let number = self.inner.number(tenant)?;
        let size = self.inner.published.size();
        let mut rows = self.inner.state.endings(number, after.map(|leaf| leaf.0), limit)?;
        // committed, but not published yet
        rows.retain(|(leaf, _)| *leaf < size);
        let next = rows.last().filter(|_| rows.len() >= limit).map(|(leaf, _)| LeafIndex(*leaf));
        let mut listed = Vec::with_capacity(rows.len());
        for (leaf, key_id) in rows {
            match self.inner.ending_under(tenant, key_id, leaf) {
                Ok(ending) => listed.push(ending),
                // erased meanwhile
                Err(ReadError::Erased | ReadError::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Ok((listed, next))
    }

    /// The end of a grant; `None` while it is neither withdrawn nor revoked.
    pub fn ending(&self, tenant: TenantId, grant: &Jti) -> Result<Option<Ending>, ReadError> {
        let row = self.grant(tenant, grant)?;
        // the state runs ahead of what is published
        let published = row.grant.status_entry < self.inner.published.size();
        match row.duties.frame() {
            Some(_) if published => self.inner.ending_of(row).map(Some),
            _ => Ok(None),
        }
    }

    /// One grant.
    pub fn grant(&self, tenant: TenantId, grant: &Jti) -> Result<GrantRow, ReadError> {
        let LeafIndex(leaf) = self.find_event(tenant, grant).ok_or(ReadError::NotFound)?;
        let number = self.inner.number(tenant)?;
        let owned = self.inner.published.item(leaf)?;
        if owned.owner.tenant != number {
            return Err(ReadError::NotFound);
        }
        self.inner.grant_under(tenant, owned.owner.key_id, |known| known.id == *grant)
    }

    /// A customer's grants, by rising leaf index.
    pub fn grants_of(&self, tenant: TenantId, sub: &SubjectId) -> Result<Vec<GrantRow>, ReadError> {
        let customer = self.inner.state.customer(self.inner.state.customer_key(tenant, sub))?;
        let rows = customer
            .iter()
            .flat_map(|customer| customer.state.grants.iter().map(|grant| GrantRow::new(customer, grant)));
        Ok(rows.collect())
    }

    /// What an acknowledgement says that stands in the log.
    pub fn acknowledgement(&self, leaf: LeafIndex) -> Result<Acknowledgement, ReadError> {
        match self.inner.event_at(leaf.0)?.event {
            Event::RecipientAcknowledged(RecipientAcknowledged { by, at, .. }) => {
                Ok(Acknowledgement { leaf_index: leaf, by, at })
            }
            _ => Err(ReadError::NotFound),
        }
    }

    /// Puts on the log that the recipient of a grant's terms has taken its end in, by the word of `gates` live gates;
    /// refused where that is there already.
    pub fn acknowledge(
        &self,
        tenant: TenantId,
        ending: &Ending,
        gates: u32,
        at: UnixMillis,
    ) -> Result<Appended, AppendError> {
        let jti = Jti::new(self.inner.clock.now(), crate::random::bytes());
        let event = RecipientAcknowledged {
            sub: ending.sub.clone(),
            grant: ending.grant.id,
            ended: ending.event,
            recipient: ending.grant.terms.recipient.clone(),
            by: Acknowledger::Gates(gates),
            at,
        };
        let payload = Claims::new(tenant, jti, event).to_json();
        let operator = &self.inner.keyring.operator;
        self.append(tenant, &Envelope::sign(Kind::RecipientAcknowledged, &payload, &[operator]))
    }

    /// A tenant's grants of which data must be deleted before `due_before`, by rising leaf index after `after`. May give
    /// fewer than `limit` and yet not be at the end: then the position given beside them is where to go on.
    pub fn deletions_due(
        &self,
        tenant: TenantId,
        due_before: UnixSeconds,
        after: Option<LeafIndex>,
        limit: usize,
    ) -> Result<(Vec<GrantRow>, Option<LeafIndex>), ReadError> {
        let number = self.inner.number(tenant)?;
        let rows = self.inner.state.grants(number, after.map(|leaf| leaf.0), GRANTS_SCAN_MAX)?;
        let more = rows.len() >= GRANTS_SCAN_MAX;
        let mut listed = Vec::new();
        let mut last = None;
        for (leaf, key_id) in rows {
            if listed.len() >= limit {
                return Ok((listed, last));
            }
            last = Some(LeafIndex(leaf));
            match self.inner.grant_under(tenant, key_id, |grant| grant.given == leaf) {
                Ok(row) if row.deletion_due().is_some_and(|due| due < due_before) => listed.push(row),
                Ok(_) | Err(ReadError::Erased | ReadError::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Ok((listed, last.filter(|_| more)))
    }
}

/// Grants that one call of [`Ledger::deletions_due`] looks at.
const GRANTS_SCAN_MAX: usize = 4096;

impl Inner {
    /// The grant of the customer to whom a data key belongs that `is_it`.
    fn grant_under(
        &self,
        tenant: TenantId,
        key_id: u64,
        is_it: impl Fn(&GrantState) -> bool,
    ) -> Result<GrantRow, ReadError> {
        let key = self.state.data_key(key_id)?;
        let sub = key.sub.as_ref().ok_or(ReadError::NotFound)?;
        let customer = self.state.customer(self.state.customer_key(tenant, sub))?;
        let customer = customer.ok_or(ReadError::Erased)?;
        let grant = customer.state.grants.iter().find(|grant| is_it(grant)).ok_or(ReadError::NotFound)?;
        Ok(GrantRow::new(&customer, grant))
    }

    fn ending_under(&self, tenant: TenantId, key_id: u64, leaf: u64) -> Result<Ending, ReadError> {
        let row = self.grant_under(tenant, key_id, |grant| grant.status_entry == leaf)?;
        self.ending_of(row)
    }

    fn ending_of(&self, row: GrantRow) -> Result<Ending, ReadError> {
        let GrantRow { sub, grant, duties, .. } = row;
        let event = self.event_at(grant.status_entry)?.jti;
        let leaf_index = LeafIndex(grant.status_entry);
        Ok(Ending { sub, grant, event, leaf_index, duties })
    }

    pub(crate) fn event_at(&self, leaf: u64) -> Result<Claims<Event>, ReadError> {
        let owned = self.published.item(leaf)?;
        let BodyContent::Event { envelope, .. } = self.open_body(leaf, &owned)?.content else {
            return Err(ReadError::NotFound);
        };
        let event = Envelope::parse(&envelope).and_then(|envelope| envelope.event());
        event.map_err(|_| ReadError::Damaged(format!("event {leaf}")))
    }
}
