//! A tenant's or one customer's record, out of this ledger and into another, as an archive that verifies by itself.
//!
//! What is imported goes through the same admission as everything else, by the rules of the time at which it was first
//! admitted; the receipt of that admission is kept beside it. `docs/decisions/008-imports.md` says why.

use std::collections::BTreeSet;

use grantbook_plan::Parties;
use grantbook_record::archive::{
    ArchiveError, ArchivedGate, ArchivedTenant, Earlier, First, Header, Reader, Record, VERSION,
    VerifiedRecord, Writer,
};
use grantbook_record::day::{SecondsSince2020, UnixSeconds};
use grantbook_record::encoding::Bytes32;
use grantbook_record::entry::Salt;
use grantbook_record::list::List;
use grantbook_record::receipt::{Attached, Content, VerifiedContent};
use grantbook_record::state_proof::StateProof;
use grantbook_record::uses::UseRecord;
use grantbook_record::{
    Currency, DenialReason, Envelope, Event, Kind, Quantity, SubjectId, TenantId, strict_json,
};

use crate::admit::{AdmittedEvent, Closing, Committed, TenantFacts, commit, passkeys_in, tenant_facts};
use crate::body::{Attachment, BodyContent};
use crate::cosign::Cosignature;
use crate::error::{AppendError, ReadError, TenantError};
use crate::fsck::Progress;
use crate::keyring::{GateKey, Tenant};
use crate::ledger::{Inner, Ledger};
use crate::publication::PublishedCheckpoint;
use crate::published::OwnedItem;
use crate::sequencer::{Appended, Job};

/// What was exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Archived {
    /// Records in the archive.
    pub records: u64,
    /// Entries whose keys were destroyed, which nobody can export.
    pub erased: u64,
}

/// What was imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The tenant.
    pub tenant: TenantId,
    /// Records in the archive.
    pub records: u64,
    /// Records that were here already.
    pub duplicates: u64,
}

/// Why an archive was not imported, or not to its end. What was imported before stays; importing again goes on.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The archive does not verify.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The tenant cannot be taken over.
    #[error("tenant: {0}")]
    Tenant(#[from] TenantError),
    /// A record is refused by the rules of admission.
    #[error("record {record}: {error}")]
    Refused {
        /// Its place in the archive, from 1.
        record: u64,
        /// Why.
        error: AppendError,
    },
}

/// A use that another log admitted first.
pub(crate) struct ImportedUse {
    pub(crate) tenant: TenantFacts,
    pub(crate) record: UseRecord,
    pub(crate) json: Vec<u8>,
    /// The first log's, since the gate's signature covers the salted digest.
    pub(crate) salt: Salt,
    pub(crate) link_salt: Salt,
    pub(crate) committed: Committed,
    pub(crate) currency: Currency,
    pub(crate) payout_minor: u32,
    pub(crate) flag: Option<DenialReason>,
    pub(crate) in_window: bool,
    pub(crate) first: Vec<u8>,
}

/// The trees that an archive's receipts are under: the last one, and that which witnesses have cosigned, where it is another.
struct Trees {
    last: PublishedCheckpoint,
    earlier: Option<(PublishedCheckpoint, Earlier)>,
}

impl Trees {
    /// The checkpoint for an entry: the one that most have vouched for.
    fn over(&self, leaf: u64) -> &PublishedCheckpoint {
        match &self.earlier {
            Some((earlier, _)) if leaf < earlier.size.0 => earlier,
            _ => &self.last,
        }
    }
}

impl Ledger {
    /// Writes an archive of a tenant's record, or of one customer's with the templates and notices it refers to. `write`
    /// gets one line after another.
    pub fn export<E: From<ReadError>>(
        &self,
        tenant: TenantId,
        subject: Option<&SubjectId>,
        write: &mut dyn FnMut(&[u8]) -> Result<(), E>,
        progress: Progress<'_>,
    ) -> Result<Archived, E> {
        let inner = &self.inner;
        let (number, known) = inner.keyring.tenant(tenant).ok_or(ReadError::NotFound)?;
        let trees = inner.trees().map_err(E::from)?;
        let (leaves, erased) =
            inner.leaves_for(number, tenant, subject, trees.last.size.0).map_err(E::from)?;
        let states = match subject {
            Some(subject) => inner.states_of(tenant, subject, &trees).map_err(E::from)?,
            None => None,
        };
        let records = leaves.len() as u64;
        let (mut writer, line) = Writer::begin(Header {
            v: VERSION,
            vkey: inner.keyring.log_keys.to_string(),
            tenant: archived(&known, *inner.keyring.operator.public_key()),
            subject: subject.cloned(),
            checkpoint: trees.last.note.to_string(),
            earlier: trees.earlier.as_ref().map(|(_, earlier)| earlier.clone()),
            complete_below: subject.map(|_| trees.last.size.0),
            states,
            records,
        });
        write(&line)?;
        for (done, leaf) in (1..).zip(leaves) {
            let record = inner.archived(leaf, trees.over(leaf)).map_err(E::from)?;
            write(&writer.record(record))?;
            progress(done, records);
        }
        write(&writer.end(&inner.keyring.head))?;
        Ok(Archived { records, erased })
    }

    /// Begins to take an archive in: the tenant is taken over, or must be here with the same enterprise key.
    pub fn adopt(&self, reader: &Reader) -> Result<TenantId, ImportError> {
        let ArchivedTenant { id, name, enterprise_key, gates, .. } = &reader.header().tenant;
        let gates: Vec<GateKey> =
            gates.iter().map(|ArchivedGate { id, key }| GateKey { id: id.clone(), key: *key }).collect();
        let (id, name, enterprise_key) = (*id, name.clone(), *enterprise_key);
        self.inner.keyring.adopt_tenant(&Tenant {
            id,
            name,
            sandbox: false,
            enterprise_key,
            gates: gates.clone(),
            cosignature: Cosignature::default(),
        })?;
        for gate in gates {
            self.register_gate(id, &gate.id, gate.key)?;
        }
        Ok(id)
    }

    /// Takes one verified record in; whether it was here already.
    pub fn import(&self, tenant: TenantId, record: &VerifiedRecord) -> Result<bool, ImportError> {
        let number = record.number;
        let appended = self.import_record(tenant, record);
        let Appended { duplicate, .. } =
            appended.map_err(|error| ImportError::Refused { record: number, error })?;
        Ok(duplicate)
    }

    fn import_record(&self, tenant: TenantId, record: &VerifiedRecord) -> Result<Appended, AppendError> {
        let inner = &self.inner;
        let (facts, _) = tenant_facts(&inner.keyring, tenant)?;
        let values: Vec<u64> = record.quantities.iter().map(|(_, value)| *value).collect();
        let committed = commit(record.here.entry.class, &values);
        // these types have string keys and no fallible serialisers
        let first = serde_json::to_vec(&record.first).unwrap_or_default();
        let link_salt = crate::random::with(Salt::random);
        match (&record.here.content, &record.first.receipt.content) {
            (VerifiedContent::Event { claims, keys }, Content::Event(content)) => {
                let envelope = Envelope::parse(&content.envelope.0)?;
                // the operator whose word counted is the one of the ledger that took it
                let operator = record.first.operator_key.thumbprint();
                let parties = Parties { operator, ..facts.parties };
                let shown = content.attached.as_ref().and_then(Attached::shown);
                let event = AdmittedEvent {
                    passkeys: shown.map(passkeys_in).unwrap_or_default(),
                    attached: shown.map(Attachment::of),
                    tenant: TenantFacts { parties, ..facts },
                    envelope_sha256: envelope.sha256(),
                    signers: envelope.signers().to_vec(),
                    kind: envelope.kind(),
                    envelope: content.envelope.0.clone(),
                    claims: claims.as_ref().clone(),
                    keys: keys.clone(),
                    currency: record.currency,
                    salt: crate::random::with(Salt::random),
                    link_salt,
                    committed,
                    at: record.admitted_at,
                    first: Some(first),
                    closing: Closing::default(),
                };
                inner.submit(|reply| Job::Event(Box::new(event), reply))
            }
            (VerifiedContent::Use { record: used, .. }, Content::Use(content)) => {
                let payout = record.quantities.iter().find(|(quantity, _)| *quantity == Quantity::Payout);
                let used = ImportedUse {
                    tenant: facts,
                    record: used.as_ref().clone(),
                    json: content.record.clone().into_bytes(),
                    salt: record.first.receipt.salt,
                    link_salt,
                    committed,
                    currency: record.currency,
                    payout_minor: payout.map_or(0, |(_, minor)| u32::try_from(*minor).unwrap_or(u32::MAX)),
                    flag: record.flag,
                    in_window: record.in_window,
                    first,
                };
                inner.submit(|reply| Job::Import(Box::new(used), reply))
            }
            // both were compared when the archive was read
            _ => Err(AppendError::UnknownTenant),
        }
    }
}

impl Inner {
    fn is_about(&self, leaf: u64, owned: &OwnedItem, subject: Option<&SubjectId>) -> Result<bool, ReadError> {
        let key = self.state.data_key(owned.owner.key_id)?;
        match (subject, &key.sub) {
            (None, _) => Ok(true),
            (Some(one), Some(other)) => Ok(one == other),
            // sealed under the tenant's own key: published for all, or a use of somebody who was not known
            (Some(subject), None) => match self.open_body(leaf, owned)?.content {
                BodyContent::Event { .. } => Ok(true),
                BodyContent::Use { record, .. } => {
                    let record = UseRecord::parse(&record);
                    Ok(record.is_ok_and(|record| record.facts.data_subject == *subject))
                }
            },
        }
    }

    fn trees(&self) -> Result<Trees, ReadError> {
        let (_, size) = self.published.checkpoint();
        let last = self.checkpoint_for(size.saturating_sub(1))?;
        let earlier = self.publication.witnessed().filter(|witnessed| witnessed.size < last.size);
        let Some(earlier) = earlier else { return Ok(Trees { last, earlier: None }) };
        let proof = self.published.consistency(earlier.size, last.size)?;
        let proof = List::new(proof.into_iter().map(|hash| Bytes32(hash.0)).collect());
        let proof = proof.ok_or_else(|| ReadError::Damaged("consistency proof".to_owned()))?;
        let proven = Earlier { checkpoint: earlier.note.to_string(), proof };
        Ok(Trees { last, earlier: Some((earlier, proven)) })
    }

    /// What belongs into an archive, by rising leaf index, and how many entries nobody can open any more.
    fn leaves_for(
        &self,
        number: u32,
        tenant: TenantId,
        subject: Option<&SubjectId>,
        below: u64,
    ) -> Result<(Vec<u64>, u64), ReadError> {
        let candidates = match subject {
            Some(subject) => {
                // what came for a pseudonym before it was enrolled lies under the tenant's own key
                let mut keys = match self.keys_of(tenant, subject) {
                    Ok(keys) => keys,
                    Err(ReadError::NotFound) => BTreeSet::new(),
                    Err(error) => return Err(error),
                };
                keys.insert(self.state.tenant(number)?.key_id);
                self.published.leaves_under_any(&keys, 0..below)?
            }
            None => (0..below).collect(),
        };
        let (mut leaves, mut erased) = (Vec::new(), 0);
        for leaf in candidates {
            let owned = self.published.item(leaf)?;
            // an erasure is of the ledger that destroyed the key
            let is_erasure = owned.item.entry.get(1) == Some(&Kind::SubjectErased.number());
            if owned.owner.tenant == number && !is_erasure {
                match self.is_about(leaf, &owned, subject) {
                    Ok(true) => leaves.push(leaf),
                    Err(ReadError::Erased) if subject.is_none() => erased += 1,
                    // of another customer, or of one whom nobody can name any more
                    Ok(false) | Err(ReadError::Erased) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok((leaves, erased))
    }

    /// What the customer's grants came to, as far as a root under these trees says so.
    fn states_of(
        &self,
        tenant: TenantId,
        subject: &SubjectId,
        trees: &Trees,
    ) -> Result<Option<StateProof>, ReadError> {
        let choose = |leaf: u64| {
            if leaf < trees.last.size.0 { Ok(trees.over(leaf).clone()) } else { Err(ReadError::NotYet) }
        };
        match self.state_proof_under(tenant, subject, &choose) {
            Ok(proof) => Ok(Some(proof)),
            Err(ReadError::NotYet | ReadError::NotFound | ReadError::Erased) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn archived(&self, leaf: u64, under: &PublishedCheckpoint) -> Result<Record, ReadError> {
        let owned = self.published.item(leaf)?;
        let body = self.open_body(leaf, &owned)?;
        let damaged = || ReadError::Damaged(format!("entry {leaf}"));
        let first = match &body.first {
            Some(json) => Some(strict_json::parse::<First>(json).map_err(|_| damaged())?),
            None => None,
        };
        let (admitted_at, flag, in_window) = match &body.content {
            BodyContent::Event { admitted_at, envelope, .. } => {
                let claims = Envelope::parse(envelope).and_then(|envelope| envelope.event());
                let at = match claims.map_err(|_| damaged())?.event {
                    // for others the entry commits to the very second
                    Event::GrantGiven(_) | Event::GrantAmended(_) | Event::Money(_) => *admitted_at,
                    _ => body.openings.first().map_or(*admitted_at, |opening| committed_time(opening.value)),
                };
                (UnixSeconds(at), None, false)
            }
            BodyContent::Use { record, flag, in_window, .. } => {
                let at = UseRecord::parse(record).map_err(|_| damaged())?.at;
                (at, *flag, *in_window)
            }
        };
        let receipt = self.whole_receipt_of(leaf, &owned, body, under)?;
        Ok(Record { before: Bytes32([0; 32]), admitted_at, flag, in_window, receipt, first })
    }
}

fn committed_time(seconds: u64) -> u64 {
    SecondsSince2020(u32::try_from(seconds).unwrap_or(u32::MAX)).unix().0
}

fn archived(tenant: &Tenant, operator_key: grantbook_record::PublicKey) -> ArchivedTenant {
    ArchivedTenant {
        id: tenant.id,
        name: tenant.name.clone(),
        enterprise_key: tenant.enterprise_key,
        operator_key,
        gates: tenant.gates.iter().map(|gate| ArchivedGate { id: gate.id.clone(), key: gate.key }).collect(),
    }
}
