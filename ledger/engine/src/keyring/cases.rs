//! Legal holds, erasures under way, and what proofs of days to come need: what the operator must not forget and nobody else may read.
//!
//! Kept as one secret beside the keyring, sealed under the key epoch's key, so that nothing of an erased customer is left
//! in it once the epoch has rolled.

use std::collections::BTreeSet;

use grantbook_record::day::UnixSeconds;
use grantbook_record::{GateId, Jti, SubjectId, TenantId};
use serde::{Deserialize, Serialize};

use super::{EpochKeys, Keyring};
use crate::proofs::KeptSums;
use crate::store::Fault;

/// Why a customer's records must stay for now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LegalHold {
    /// The enterprise.
    pub tenant: TenantId,
    /// The customer.
    pub sub: SubjectId,
    /// The ground, for people, such as a court's file number.
    pub reason: String,
    /// Since when.
    pub since: UnixSeconds,
}

/// An erasure that waits for the gates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PendingErasure {
    /// Names it to the gates.
    pub id: u64,
    /// The enterprise.
    pub tenant: TenantId,
    /// The customer.
    pub sub: SubjectId,
    /// Since when.
    pub since: UnixSeconds,
    /// Gates that have forgotten the customer.
    pub purged: BTreeSet<GateId>,
    /// The event that was about to put it on record, by which it is found if a crash came before it was noted as done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) event: Option<Jti>,
}

/// An erasure that is done; names nobody.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DoneErasure {
    pub(crate) id: u64,
    pub(crate) tenant: TenantId,
    pub(crate) leaf_index: u64,
    /// The key epoch in which the data key was destroyed.
    pub(crate) epoch: u64,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cases {
    pub(crate) holds: Vec<LegalHold>,
    pub(crate) erasures: Vec<PendingErasure>,
    /// The last ones that are done, so that who asked for them finds their certificates.
    pub(crate) done: Vec<DoneErasure>,
    pub(crate) next_id: u64,
    /// Openings of sums that proofs of days to come need, by tenant.
    #[serde(default)]
    pub(crate) proofs: Vec<KeptSums>,
}

const PLACE: &[u8] = b"cases";

fn name(epoch: u64) -> String {
    format!("cases-{epoch}.sealed")
}

impl Keyring {
    pub(crate) fn cases(&self) -> Result<Cases, Fault> {
        let (epoch, name, sealed) = loop {
            let epoch = self.epoch();
            let name = name(epoch.number);
            match self.secrets.read(&name)? {
                Some(sealed) => break (epoch, name, sealed),
                None if self.epoch().number == epoch.number => return Ok(Cases::default()),
                // they were carried over to the next epoch in between
                None => {}
            }
        };
        let damaged = || Fault::Damaged { what: name.clone(), why: "it does not open or parse".to_owned() };
        let plain = zeroize::Zeroizing::new(epoch.rows.open(&sealed, PLACE).map_err(|_| damaged())?);
        serde_json::from_slice(&plain).map_err(|_| damaged())
    }

    /// Changes the cases; what is on disk changes whole or not at all.
    pub(crate) fn change_cases<T, E: From<Fault>>(
        &self,
        change: impl FnOnce(&mut Cases) -> Result<T, E>,
    ) -> Result<T, E> {
        let _one = self.cases_lock();
        let mut cases = self.cases()?;
        let value = change(&mut cases)?;
        self.write_cases(&self.epoch(), &cases)?;
        Ok(value)
    }

    /// Writes the cases for the next epoch, before that is gone over to.
    pub(crate) fn carry_cases(&self, next: &EpochKeys) -> Result<(), Fault> {
        self.write_cases(next, &self.cases()?)
    }

    fn write_cases(&self, epoch: &EpochKeys, cases: &Cases) -> Result<(), Fault> {
        // string keys, no fallible serialisers
        let plain = zeroize::Zeroizing::new(serde_json::to_vec(cases).unwrap_or_default());
        self.secrets.replace(&name(epoch.number), &epoch.rows.seal(&plain, PLACE))
    }

    /// Whether a secret is the cases of another epoch than this one.
    pub(super) fn is_cases_of_another(secret: &str, epoch: u64) -> bool {
        secret.starts_with("cases-") && secret != name(epoch)
    }
}
