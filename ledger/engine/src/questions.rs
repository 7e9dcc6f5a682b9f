//! Questions to the ledger's own gate, whose permits are recorded before they are given.

use grantbook_plan::{Decision, Denial};
use grantbook_record::TenantId;
use grantbook_record::provenance::Provenance;
use grantbook_record::uses::{UseFacts, UseId};
use grantbook_tlog::LeafIndex;
use tokio::sync::oneshot;

use crate::admit::{self, AdmittedQuestion};
use crate::error::AppendError;
use crate::ledger::{Inner, Ledger, Recorded};
use crate::sequencer::{Answer, Job};

impl Inner {
    fn knows_use(&self, tenant: TenantId, id: &UseId) -> Result<bool, AppendError> {
        let number = self.keyring.tenant_number(tenant).ok_or(AppendError::UnknownTenant)?;
        let known = self.state.use_id(number, id.as_str()).map_err(AppendError::Store)?;
        Ok(known.is_some())
    }
}

impl Ledger {
    /// Answers a question and, if it is a permit, records the use before the answer goes out. The same `use_id` with
    /// the same facts again is the same use.
    pub fn decide_and_record(
        &self,
        tenant: TenantId,
        facts: &UseFacts,
        use_id: Option<UseId>,
        at_least: Option<LeafIndex>,
    ) -> Result<Recorded, AppendError> {
        self.decide_and_trace(tenant, facts, use_id, at_least, None)
    }

    /// The same for an automatic decision: what is recorded says where it came from. That is no part of the question,
    /// so asking again with another origin is the same use, as first recorded.
    pub fn decide_and_trace(
        &self,
        tenant: TenantId,
        facts: &UseFacts,
        use_id: Option<UseId>,
        at_least: Option<LeafIndex>,
        provenance: Option<Box<Provenance>>,
    ) -> Result<Recorded, AppendError> {
        let question = match self.question(tenant, facts, use_id, at_least, provenance)? {
            Ok(question) => Box::new(question),
            Err(denial) => return Ok(Recorded::Denial(denial)),
        };
        let answer = self
            .inner
            .submit(|reply| Job::Question(question, Box::new(move |answer| drop(reply.send(answer)))))?;
        self.answered(answer)
    }

    /// The same for a task, which holds no thread while the use is made durable.
    pub async fn decide_and_trace_in_task(
        &self,
        tenant: TenantId,
        facts: &UseFacts,
        use_id: Option<UseId>,
        at_least: Option<LeafIndex>,
        provenance: Option<Box<Provenance>>,
    ) -> Result<Recorded, AppendError> {
        let question = match self.question(tenant, facts, use_id, at_least, provenance)? {
            Ok(question) => Box::new(question),
            Err(denial) => return Ok(Recorded::Denial(denial)),
        };
        let (reply, answer) = oneshot::channel();
        // whoever asked may have gone away
        self.inner.enqueue(Job::Question(question, Box::new(move |answer| drop(reply.send(answer)))))?;
        self.answered(answer.await.unwrap_or_else(|_| self.inner.unanswered())?)
    }

    /// What the sequencer is asked where the state permits it; otherwise the denial.
    fn question(
        &self,
        tenant: TenantId,
        facts: &UseFacts,
        use_id: Option<UseId>,
        at_least: Option<LeafIndex>,
        provenance: Option<Box<Provenance>>,
    ) -> Result<Result<AdmittedQuestion, Denial>, AppendError> {
        let inner = &self.inner;
        let payout_minor = match self.decide(tenant, facts, at_least) {
            // a use that is recorded already under this id may have been the last one
            Decision::Denial(denial) => match &use_id {
                Some(id) if inner.knows_use(tenant, id)? => 0,
                _ => return Ok(Err(denial)),
            },
            Decision::Permit(permission) => permission.payout.minor,
        };
        let now = inner.clock.now().seconds();
        admit::question(&inner.keyring, tenant, facts, use_id, provenance, payout_minor, now).map(Ok)
    }

    fn answered(&self, answer: Answer) -> Result<Recorded, AppendError> {
        Ok(match answer {
            Answer::Denial(denial) => Recorded::Denial(denial),
            Answer::Permit { permission, leaf_index, duplicate } => Recorded::Permit {
                permission,
                receipt: Box::new(
                    self.inner.acknowledgement(leaf_index).map_err(AppendError::from_read_back)?,
                ),
                leaf_index: LeafIndex(leaf_index),
                duplicate,
            },
        })
    }
}
