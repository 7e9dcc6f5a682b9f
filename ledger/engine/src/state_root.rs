//! The root of the map of grant states on the log, and what a customer's grants came to under it.

use grantbook_record::day::{Day, UnixMillis};
use grantbook_record::event::StateRoot;
use grantbook_record::state_proof::{EMPTY, StateProof, VERSION};
use grantbook_record::{Kind, SubjectId, TenantId};
use grantbook_tlog::LeafIndex;

use crate::acts::record;
use crate::error::{AppendError, ReadError};
use crate::ledger::{Inner, Ledger};
use crate::publication::PublishedCheckpoint;
use crate::sequencer::{Appended, Job};
use crate::state_map::{StateMap, grant_states};
use crate::store::Fault;

impl Ledger {
    /// Puts the root of the map of grant states on the log; `None` where the last one is still that. Appends wait while a
    /// thousand changed customers at a time are taken into the tree, and may come in between.
    pub fn record_state_root(&self) -> Result<Option<LeafIndex>, AppendError> {
        while self.inner.submit(Job::DrainMap)? {}
        let recorded = self.inner.submit(Job::StateRoot)?;
        Ok(recorded.map(|appended| LeafIndex(appended.leaf_index)))
    }

    /// Whether nothing can be proved before the next root, such as after an erasure.
    pub fn is_state_root_due(&self) -> Result<bool, Fault> {
        let map = StateMap::new(&self.inner.state);
        let recorded = map.head()?.map_or(EMPTY, |head| head.root);
        Ok(map.root()? != recorded)
    }

    /// Signs the next root where the last one does not show what a customer's grants come to now, so that
    /// [`Self::state_proof`] has it. Nothing is appended for somebody who is not known.
    pub fn sign_states_of(&self, tenant: TenantId, sub: &SubjectId) -> Result<(), AppendError> {
        match self.state_proof(tenant, sub) {
            Err(ReadError::NotYet) => self.record_state_root().map(drop),
            _ => Ok(()),
        }
    }

    /// Proves what a customer's grants came to under the last root on the log, or that there were none.
    /// [`ReadError::NotYet`] where they have changed since: then the next root proves it.
    pub fn state_proof(&self, tenant: TenantId, sub: &SubjectId) -> Result<StateProof, ReadError> {
        self.inner.state_proof_under(tenant, sub, &|leaf| Ok(self.inner.checkpoint_for(leaf)?))
    }
}

impl Inner {
    /// The same, under the checkpoint that is chosen for the root's entry.
    pub(crate) fn state_proof_under(
        &self,
        tenant: TenantId,
        sub: &SubjectId,
        choose: &dyn Fn(u64) -> Result<PublishedCheckpoint, ReadError>,
    ) -> Result<StateProof, ReadError> {
        let customer = self.state.customer(self.state.customer_key(tenant, sub))?;
        let customer = customer.ok_or(ReadError::NotFound)?;
        let (key, enrolment) = customer.map_key().zip(customer.enrolment).ok_or(ReadError::NotFound)?;
        let proven = StateMap::new(&self.state).prove(&key, customer.map_value().as_ref())?;
        let proven = proven.ok_or(ReadError::NotYet)?;
        // both under one checkpoint: two could be of two histories
        let under = choose(proven.head.leaf_index)?;
        let receipt = |leaf| {
            let owned = self.published.item(leaf)?;
            self.receipt_of(leaf, &owned, self.open_body(leaf, &owned)?, &under)
        };
        Ok(StateProof {
            v: VERSION,
            root: receipt(proven.head.leaf_index)?,
            enrolment: receipt(enrolment.leaf_index)?,
            states: grant_states(&customer.state),
            map: proven.proof,
        })
    }
}

/// The sequencer's part: the root is the first entry of its batch, and its fold that of all before it.
pub(crate) fn record_state_root(inner: &Inner, day: Day, now: UnixMillis) -> Result<Option<Appended>, Fault> {
    let root = inner.state.settle_map()?;
    let recorded = StateMap::new(&inner.state).head()?.map_or(EMPTY, |head| head.root);
    if root == recorded {
        return Ok(None);
    }
    let event = StateRoot { size: inner.published.size(), root };
    record(inner, Kind::StateRoot, event, day, now).map(Some)
}
