//! A tenant's recorded past under other rules, read from the log itself.

use grantbook_plan::simulation::{AsOf, Compared, Judged, Report, Simulation, Window};
use grantbook_plan::tenant::{Candidate, PublishedPolicy};
use grantbook_plan::{Admitted, EntryRef, PolicyPlan};
use grantbook_record::day::UnixSeconds;
use grantbook_record::encoding::Bytes32;
use grantbook_record::uses::UseRecord;
use grantbook_record::{Entry, Envelope, TenantId};
use grantbook_tlog::LeafIndex;

use crate::body::{Body, BodyContent};
use crate::error::ReadError;
use crate::ledger::Ledger;
use crate::published::OwnedItem;
use crate::sequencer::REMOTE_GATE;

/// What a candidate would have changed, and between which rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Simulated {
    /// Version of the rules in force; `None`: there are none.
    pub in_force: Option<u32>,
    /// What would have been different.
    pub report: Report,
}

impl Ledger {
    /// Judges a tenant's recorded uses and denials by a candidate and by the rules in force. `each` gets every one that is
    /// judged, with its leaf index. Reads the whole log.
    pub fn simulate(
        &self,
        tenant: TenantId,
        candidate: &PolicyPlan,
        window: Window,
        each: &mut dyn FnMut(LeafIndex, &UseRecord, &Judged),
    ) -> Result<Simulated, ReadError> {
        self.judge_past(tenant, (candidate, window), |simulation| simulation, each)
    }

    /// As [`Self::simulate`]; `prepared` says what else is to be known of the simulation before it begins.
    fn judge_past(
        &self,
        tenant: TenantId,
        (candidate, window): (&PolicyPlan, Window),
        prepared: impl FnOnce(Simulation<'_>) -> Simulation<'_>,
        each: &mut dyn FnMut(LeafIndex, &UseRecord, &Judged),
    ) -> Result<Simulated, ReadError> {
        let inner = &self.inner;
        let number = inner.number(tenant)?;
        let published = inner.state.tenant(number)?;
        let in_force = published.state.policy.as_ref();
        let compared = Compared { in_force: in_force.map(|policy| &policy.plan), candidate };
        let mut simulation = prepared(Simulation::new(compared, window, inner.late_after.as_secs()));
        for leaf in 0..inner.published.size() {
            let owned = inner.published.item(leaf)?;
            if owned.owner.tenant != number {
                continue;
            }
            match inner.open_body(leaf, &owned) {
                Ok(body) => {
                    if let Some((record, judged)) = take(&mut simulation, leaf, body)? {
                        each(LeafIndex(leaf), &record, &judged);
                    }
                }
                Err(ReadError::Erased) => {
                    let entry = entry(leaf, &owned)?;
                    simulation.erased(entry.kind, entry.day);
                }
                Err(error) => return Err(error),
            }
        }
        let in_force = in_force.map(|PublishedPolicy { version, .. }| *version);
        Ok(Simulated { in_force, report: simulation.finish() })
    }

    /// What the rules in shadow would have changed so far; `None` where none are.
    pub fn shadow(&self, tenant: TenantId) -> Result<Option<(Candidate, Simulated)>, ReadError> {
        let Some(candidate) = self.tenant_state(tenant)?.candidate else { return Ok(None) };
        let Candidate { from: since, until, .. } = candidate;
        let past = (&candidate.plan, Window { since, until });
        let simulated =
            self.judge_past(tenant, past, |simulation| simulation.after(&candidate), &mut |_, _, _| ())?;
        Ok(Some((candidate, simulated)))
    }
}

fn take(
    simulation: &mut Simulation<'_>,
    leaf: u64,
    body: Body,
) -> Result<Option<(UseRecord, Judged)>, ReadError> {
    let damaged = || ReadError::Damaged(format!("entry {leaf}"));
    match body.content {
        BodyContent::Event { envelope, admitted_at, .. } => {
            let claims = Envelope::parse(&envelope).and_then(|envelope| envelope.event());
            let claims = claims.map_err(|_| damaged())?;
            // no verdict turns on the entry's hash
            let entry = EntryRef { leaf_index: leaf, leaf_hash: Bytes32([0; 32]) };
            let at = UnixSeconds(admitted_at);
            simulation.event(&claims.event, &Admitted { jti: claims.jti, entry, at, group: 0 });
            Ok(None)
        }
        BodyContent::Use { record, .. } => {
            let record = UseRecord::parse(&record).map_err(|_| damaged())?;
            let as_of = match record.position {
                // decided where the log stood
                _ if record.gate.as_str() == REMOTE_GATE && body.first.is_none() => AsOf::Now,
                // the feed that its gate had come so far in was another log's
                _ if body.first.is_some() => AsOf::Time(record.at),
                _ => AsOf::from(&record),
            };
            Ok(simulation.record(&record, as_of).map(|judged| (record, judged)))
        }
    }
}

fn entry(leaf: u64, owned: &OwnedItem) -> Result<Entry, ReadError> {
    Entry::parse(&owned.item.entry).map_err(|_| ReadError::Damaged(format!("entry {leaf}")))
}
