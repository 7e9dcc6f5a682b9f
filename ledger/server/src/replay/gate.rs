//! The replay's gate: it decides uses in their order, ahead of the ledger by at most one batch, and records all of them.

use std::collections::HashMap;

use grantbook_engine::{AppendedUse, Ledger};
use grantbook_plan::{Decision, TenantState, UseCount, decide};
use grantbook_record::day::UnixSeconds;
use grantbook_record::entry::Salt;
use grantbook_record::event::Claims;
use grantbook_record::uses::{Denied, Outcome, Permitted, UseFacts, UseRecord, sign_batch};
use grantbook_record::{GateId, Jti, Signer, TenantId};
use rand_core::OsRng;

use super::shop::patiently;
use super::time::Time;
use crate::cli::failure::Failure;

/// Uses that are signed and sent at once.
const BATCH: usize = 256;

/// A gate of the tenant, whose sequence number is the row's position in the ordered file.
pub(super) struct Gate<'a> {
    ledger: &'a Ledger,
    time: Time,
    tenant: TenantId,
    /// What the enterprise had published when it began.
    published: TenantState,
    id: GateId,
    signer: Signer,
    next: u64,
    batch: Vec<(UseRecord, Salt)>,
    /// Counts of the grants used in the batch: what the ledger has acknowledged and what the batch adds.
    ahead: HashMap<Jti, UseCount>,
}

impl<'a> Gate<'a> {
    /// Goes on where the ledger has acknowledged the gate.
    pub(super) fn resume(
        ledger: &'a Ledger,
        time: &Time,
        tenant: TenantId,
        (id, signer): (GateId, Signer),
    ) -> Result<Self, Failure> {
        let next = ledger.gate_progress(tenant, &id)?.next_seq;
        let (time, published) = (time.clone(), ledger.tenant_state(tenant)?);
        let (batch, ahead) = (Vec::new(), HashMap::new());
        Ok(Self { ledger, time, tenant, published, id, signer, next, batch, ahead })
    }

    /// The sequence number of the next use.
    pub(super) fn next_seq(&self) -> u64 {
        self.next
    }

    /// Decides one use and puts it on record; whether the batch is full and should be sent.
    pub(super) fn take(&mut self, facts: UseFacts) -> bool {
        let at = self.time.now().seconds();
        let outcome = self.decide(&facts, at);
        let (seq, gate) = (self.next, self.id.clone());
        self.next = seq.saturating_add(1);
        let record = UseRecord::new(gate, seq, at, facts, outcome);
        self.batch.push((record, Salt::random(&mut OsRng)));
        self.batch.len() >= BATCH
    }

    /// Sends what was put on record, and gives what the ledger has made of it.
    pub(super) fn flush(&mut self) -> Result<Vec<AppendedUse>, Failure> {
        let claims = Claims::new(self.tenant, self.time.new_jti(), ());
        let Some(batch) = sign_batch(&claims, &self.batch, &self.signer) else {
            return Ok(Vec::new());
        };
        let json = serde_json::to_vec(&batch).map_err(Failure::fault)?;
        let appended = patiently(|| self.ledger.append_uses(self.tenant, &json))?;
        self.batch.clear();
        self.ahead.clear();
        Ok(appended)
    }

    fn decide(&mut self, facts: &UseFacts, at: UnixSeconds) -> Outcome {
        let Self { ledger, tenant, published, ahead, .. } = self;
        let customer = ledger.customer(*tenant, &facts.data_subject);
        let acknowledged = |grant: &Jti| ledger.use_count(*tenant, &facts.data_subject, grant);
        let count_of = |grant: &Jti| ahead.get(grant).copied().unwrap_or_else(|| acknowledged(grant));
        match decide(published.basis(), customer.as_ref(), count_of, facts, at) {
            Decision::Permit(permission) => {
                let grant = permission.grant;
                let rate = customer.as_ref().and_then(|customer| customer.grant(&grant)?.terms.limits.rate);
                ahead.entry(grant).or_insert_with(|| acknowledged(&grant)).count(rate.as_ref(), at);
                Outcome::Permitted(Permitted::committed(grant))
            }
            Decision::Denial(denial) => {
                Outcome::Denied(Denied { reason: denial.reason, grant: denial.grant })
            }
        }
    }
}
