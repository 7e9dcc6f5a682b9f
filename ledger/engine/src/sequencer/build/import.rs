//! Uses that another log admitted first. What they broke was judged there, when they arrived, and is kept.

use grantbook_record::encoding::Bytes32;

use super::super::{Appended, Reply};
use super::{Builder, Draft};
use crate::body::{BodyContent, NO_BATCH};
use crate::error::AppendError;
use crate::published::Owner;
use crate::state::{FoldedUse, UseIdRow, half_digest, imported_use_id};
use crate::store::Fault;
use crate::transfer::ImportedUse;

impl Builder<'_> {
    /// Takes an imported use in, or answers why not.
    pub(in crate::sequencer) fn import(
        &mut self,
        used: ImportedUse,
        reply: Reply<Appended>,
    ) -> Result<(), Fault> {
        let admitted = self.admit_import(used)?;
        self.settle(admitted, reply);
        Ok(())
    }

    fn admit_import(&mut self, used: ImportedUse) -> Result<Result<Appended, AppendError>, Fault> {
        let state = &self.inner.state;
        let ImportedUse { tenant, record, json, salt, link_salt, committed, currency, .. } = used;
        let digest = half_digest(&record.to_json());
        if let Some(UseIdRow { leaf_index, facts }) =
            self.changes.use_id(state, tenant.number, &imported_use_id(&record))?
        {
            return Ok(if facts == digest {
                Ok(Appended { leaf_index, duplicate: true })
            } else {
                Err(AppendError::UseIdConflict)
            });
        }
        // what the gate recorded here itself cannot come from elsewhere too
        let progress = self.changes.gate(state, tenant.number, &record.gate)?;
        if let Some(id) = &record.use_id
            && self.changes.use_id(state, tenant.number, id.as_str())?.is_some()
        {
            return Ok(Err(AppendError::UseIdConflict));
        }
        if self.changes.batch(state, tenant.number, &record.gate, record.seq)?.is_some() {
            return Ok(Err(AppendError::Sequence { expected: progress.next_seq, got: record.seq }));
        }
        let name = state.customer_key(tenant.id, &record.facts.data_subject);
        let customer = self.changes.customer(state, name)?;
        let grant = record.grant().and_then(|id| customer.as_ref()?.grant_at(&id, record.at));
        let (group, linked) = grant.map_or((0, None), |grant| (grant.group, Some(grant.terms_entry)));
        let owner = customer.as_ref().map(|customer| (name, &customer.sub));
        let (key_id, key) = self.changes.data_key(state, tenant.number, owner)?;
        let draft = Draft {
            kind: record.kind(),
            currency,
            salt,
            record_sha256: Bytes32::sha256(&json),
            link_salt,
            group,
            linked,
            committed: &committed,
            first: Some(used.first),
        };
        let (flag, in_window) = (used.flag, used.in_window);
        let content = BodyContent::Use { record: json, batch_first: NO_BATCH, flag, in_window };
        let owner = Owner { tenant: tenant.number, key_id };
        let (leaf_index, _) = self.place(&tenant, owner, &key.key, &draft, content)?;
        let payout_minor = used.payout_minor;
        let (day, imported) = (self.day, true);
        let folded = FoldedUse { record: &record, flag, currency, payout_minor, leaf_index, day, imported };
        self.changes.use_(state, (tenant.number, tenant.id), &folded)?;
        Ok(Ok(Appended { leaf_index, duplicate: false }))
    }
}
