//! Admission before the sequencer: parse, verify signatures, salt and commit. Runs in the callers' threads, in parallel.
//!
//! What it learns from the state (keys, prices) is as of now; the sequencer checks everything again in order.

use std::sync::Arc;

use grantbook_compliance::{Commitment, Opening, commit_batch};
use grantbook_plan::{Parties, Refusal};
use grantbook_record::attachment::Attachments;
use grantbook_record::day::UnixSeconds;
use grantbook_record::encoding::Bytes32;
use grantbook_record::entry::Salt;
use grantbook_record::event::{Claims, Event, PolicyPublished, Promotion, Stage};
use grantbook_record::provenance::Provenance;
use grantbook_record::uses::{Outcome, UseBatch, UseError, UseFacts, UseId, UseRecord};
use grantbook_record::webauthn::RelyingParty;
use grantbook_record::{
    Class, Currency, Envelope, EnvelopeError, Kind, PublicKey, SubjectId, TenantId, Terms, Thumbprint,
};

use crate::body::Attachment;
use crate::closed::ClosedSum;
use crate::cosign::Cosignature;
use crate::error::AppendError;
use crate::keyring::{Keyring, Tenant};
use crate::state::State;

/// How far an enterprise's clock may be ahead of the ledger's where it matters.
const CLOCK_AHEAD_SECONDS: u64 = 60;

/// The tenant as admission and sequencer need it.
#[derive(Clone)]
pub(crate) struct TenantFacts {
    pub(crate) number: u32,
    pub(crate) id: TenantId,
    pub(crate) parties: Parties,
    /// Whether customers' passkeys are asked for.
    pub(crate) cosignature: Cosignature,
}

/// An event whose signatures were verified.
pub(crate) struct AdmittedEvent {
    pub(crate) tenant: TenantFacts,
    pub(crate) envelope: Vec<u8>,
    pub(crate) envelope_sha256: Bytes32,
    /// What came in beside it.
    pub(crate) attached: Option<Attachment>,
    /// Of the passkeys whose assertions these are.
    pub(crate) passkeys: Vec<Thumbprint>,
    pub(crate) claims: Claims<Event>,
    pub(crate) signers: Vec<Thumbprint>,
    pub(crate) keys: Vec<PublicKey>,
    pub(crate) kind: Kind,
    pub(crate) currency: Currency,
    pub(crate) salt: Salt,
    pub(crate) link_salt: Salt,
    pub(crate) committed: Committed,
    /// The ledger's clock at verification; for an imported one, that of the ledger that admitted it first.
    pub(crate) at: UnixSeconds,
    /// The proof of a first admission in another log: then the rules are those of that time.
    pub(crate) first: Option<Vec<u8>>,
    /// Of an erasure.
    pub(crate) closing: Closing,
}

/// What a customer who is to be erased was paid by the entries before `until`.
#[derive(Default)]
pub(crate) struct Closing {
    pub(crate) sums: Vec<ClosedSum>,
    pub(crate) until: u64,
}

/// Openings and commitments of one entry.
pub(crate) struct Committed {
    pub(crate) class: Class,
    pub(crate) openings: Vec<Opening>,
    pub(crate) commitments: Vec<Commitment>,
}

/// A use batch whose signature was verified.
pub(crate) struct AdmittedBatch {
    pub(crate) tenant: TenantFacts,
    pub(crate) batch: UseBatch,
    pub(crate) key: PublicKey,
    pub(crate) uses: Vec<AdmittedUse>,
}

/// What one record of a batch gets beside what the gate sent.
pub(crate) struct AdmittedUse {
    pub(crate) link_salt: Salt,
    pub(crate) committed: Committed,
}

/// A question to the ledger's own gate, to be recorded if it is permitted.
pub(crate) struct AdmittedQuestion {
    pub(crate) tenant: TenantFacts,
    pub(crate) facts: UseFacts,
    pub(crate) use_id: Option<UseId>,
    pub(crate) provenance: Option<Box<Provenance>>,
    pub(crate) salt: Salt,
    pub(crate) used: AdmittedUse,
    pub(crate) at: UnixSeconds,
}

/// Looks up what is known of a tenant.
pub(crate) fn tenant_facts(keyring: &Keyring, id: TenantId) -> Result<(TenantFacts, Tenant), AppendError> {
    let (number, tenant) = keyring.tenant(id).ok_or(AppendError::UnknownTenant)?;
    let enterprise = tenant.enterprise_key.thumbprint();
    let parties = Parties { enterprise, operator: keyring.operator.thumbprint() };
    Ok((TenantFacts { number, id, parties, cosignature: tenant.cosignature }, tenant))
}

/// What is sent in beside an envelope, and for whom its assertions must be made.
#[derive(Clone, Copy)]
pub(crate) struct Beside<'a> {
    pub(crate) attachments: &'a [u8],
    /// `None` where the ledger has no portal.
    pub(crate) relying_party: Option<&'a RelyingParty>,
}

/// The passkeys named in attachments that were verified before.
pub(crate) fn passkeys_in(attachments: &[u8]) -> Vec<Thumbprint> {
    let parsed = Attachments::parse(attachments).ok();
    let assertions = parsed.iter().flat_map(|parsed| parsed.assertions.iter());
    assertions.map(|assertion| assertion.key.thumbprint()).collect()
}

/// Admits an envelope.
pub(crate) fn event(
    keyring: &Keyring,
    state: &State,
    tenant: TenantId,
    bytes: &[u8],
    beside: Option<Beside<'_>>,
    now: UnixSeconds,
) -> Result<AdmittedEvent, AppendError> {
    let (facts, public) = tenant_facts(keyring, tenant)?;
    let envelope = Envelope::parse(bytes)?;
    let claims = envelope.event()?;
    let envelope_sha256 = envelope.sha256();
    // the same envelope again is answered with its receipt however old it is, so its time is checked last
    let seen = state.jti(tenant, &claims.jti).map_err(AppendError::Store)?;
    if seen.is_none() {
        claims.check(tenant, now)?;
        check_promotion(&claims.event, now)?;
    } else if claims.aud != tenant {
        return Err(EnvelopeError::WrongAudience.into());
    }
    let keys = signer_keys(keyring, state, (facts.number, &public), &claims.event, envelope.signers())?;
    envelope.verify_signatures(|kid| keys.iter().find(|key| key.thumbprint() == *kid).copied())?;

    let passkeys = match beside {
        None => Vec::new(),
        Some(Beside { attachments, relying_party }) => {
            let relying_party = relying_party.ok_or(AppendError::NoPortal)?;
            Attachments::parse(attachments)?.verify(envelope.first_jws(), relying_party)?
        }
    };

    let currency = claims.event.granted_terms().map_or(Currency::NONE, |terms| terms.compensation.currency());
    let (committed, currency) = match (&claims.event, claims.event.granted_terms()) {
        (Event::Money(money), _) => {
            let (class, values, currency) = money.committed();
            (commit(class, &values), currency)
        }
        (event, terms) => {
            let (class, values) = committed_by(event, terms, now);
            (commit(class, &values.into_iter().map(u64::from).collect::<Vec<_>>()), currency)
        }
    };
    Ok(AdmittedEvent {
        tenant: facts,
        envelope: bytes.to_vec(),
        envelope_sha256,
        attached: beside.map(|beside| Attachment::of(beside.attachments)),
        passkeys,
        signers: envelope.signers().to_vec(),
        keys,
        kind: envelope.kind(),
        currency,
        claims,
        salt: crate::random::with(Salt::random),
        link_salt: crate::random::with(Salt::random),
        committed,
        at: now,
        first: None,
        closing: Closing::default(),
    })
}

/// Rules whose shadow is over by a clock that is ahead of this one are still in shadow.
fn check_promotion(event: &Event, now: UnixSeconds) -> Result<(), Refusal> {
    match event {
        Event::PolicyPublished(PolicyPublished {
            from,
            stage: Some(Stage::Promoted(Promotion { early: None })),
            ..
        }) if from.0 > now.0.saturating_add(CLOCK_AHEAD_SECONDS) => {
            Err(Refusal::StillInShadow { until: *from })
        }
        _ => Ok(()),
    }
}

/// What an event that is not about money commits to.
fn committed_by(event: &Event, terms: Option<&Terms>, now: UnixSeconds) -> (Class, Vec<u32>) {
    match (event, terms) {
        (Event::GrantGiven(event), Some(terms)) => terms.committed(event.birth_day),
        (Event::GrantAmended(event), Some(terms)) => {
            let (class, mut values) = terms.committed(event.birth_day);
            // an amendment starts at its admission
            if let Some(start) = values.first_mut() {
                *start = (*start).max(now.since_2020().0);
            }
            (class, values)
        }
        _ if event.changed_grant().is_some() => (Class::Timed, vec![now.since_2020().0]),
        _ => (Class::Plain, Vec::new()),
    }
}

/// The keys that the signers' thumbprints name: the enterprise's, the operator's, the customer's, their agents', the
/// approver's, or a new one that the event itself brings. Whether they are the right ones is for the rules of admission to say.
fn signer_keys(
    keyring: &Keyring,
    state: &State,
    (number, tenant): (u32, &Tenant),
    event: &Event,
    signers: &[Thumbprint],
) -> Result<Vec<PublicKey>, AppendError> {
    let customer = match event.subject() {
        Some(sub) => customer(state, tenant.id, sub)?,
        None => None,
    };
    let brought = match event {
        Event::KeyEnrolled(event) => [Some(event.key), None],
        Event::GuardianNamed(event) => [Some(event.key), None],
        Event::KeyRotated(event) => [Some(event.new), event.recovery.as_ref().map(|recovery| recovery.key)],
        _ => [None, None],
    };
    let approver = match event {
        Event::TemplatePublished(_) => {
            let row = state.tenant(number).map_err(AppendError::Store)?;
            row.state.approver
        }
        _ => None,
    };
    signers
        .iter()
        .map(|kid| {
            let fixed = [tenant.enterprise_key, *keyring.operator.public_key()].into_iter();
            fixed
                .chain(brought.into_iter().flatten())
                .chain(approver)
                .find(|key| key.thumbprint() == *kid)
                // a key that has ended still proves who sent a repeated envelope, and so does that of an ended mandate
                .or_else(|| customer.as_ref()?.state.any_key(kid).copied())
                .or_else(|| customer.as_ref()?.state.agent_key(kid).copied())
                .ok_or_else(|| EnvelopeError::UnknownSigner.into())
        })
        .collect()
}

fn customer(
    state: &State,
    tenant: TenantId,
    sub: &SubjectId,
) -> Result<Option<Arc<crate::state::Customer>>, AppendError> {
    state.customer(state.customer_key(tenant, sub)).map_err(AppendError::Store)
}

/// Admits a batch of uses.
pub(crate) fn uses(
    keyring: &Keyring,
    state: &State,
    tenant: TenantId,
    json: &[u8],
    now: UnixSeconds,
) -> Result<AdmittedBatch, AppendError> {
    let (facts, public) = tenant_facts(keyring, tenant)?;
    let batch = UseBatch::parse(json)?;
    let gate = public.gates.iter().find(|gate| gate.id == batch.claims.event.gate);
    let key = gate.filter(|gate| gate.key.thumbprint() == batch.signer).ok_or(AppendError::UnknownGate)?.key;
    batch.verify_signature(&key)?;
    let known = state.batch(facts.number, &batch.claims.event.gate, batch.claims.event.first);
    if known.map_err(AppendError::Store)?.is_none() {
        batch.claims.check(tenant, now)?;
    } else if batch.claims.aud != tenant {
        return Err(EnvelopeError::WrongAudience.into());
    }
    let uses = batch
        .records
        .iter()
        .map(|record| {
            let payout = expected_payout(state, tenant, &record.record)?;
            Ok(use_of(&record.record, payout))
        })
        .collect::<Result<_, AppendError>>()?;
    Ok(AdmittedBatch { tenant: facts, batch, key, uses })
}

/// What a record's use pays, going by the state as of now.
fn expected_payout(state: &State, tenant: TenantId, record: &UseRecord) -> Result<u32, AppendError> {
    let Outcome::Permitted(permitted) = &record.outcome else { return Ok(0) };
    let customer = customer(state, tenant, &record.facts.data_subject)?;
    let grant = customer.as_ref().and_then(|customer| customer.grant_at(&permitted.grant, record.at));
    Ok(grant.map_or(0, |grant| grant.terms.compensation.payout_per_use_minor()))
}

/// Salt and commitments for a record.
pub(crate) fn use_of(record: &UseRecord, payout_minor: u32) -> AdmittedUse {
    let committed = match record.kind() {
        Kind::UseRecorded => commit_use(record.at, payout_minor),
        _ => commit(Class::Plain, &[]),
    };
    AdmittedUse { link_salt: crate::random::with(Salt::random), committed }
}

/// Commitments of a use.
pub(crate) fn commit_use(at: UnixSeconds, payout_minor: u32) -> Committed {
    commit(Class::Use, &[at.since_2020().0.into(), payout_minor.into()])
}

/// Admits a question to the ledger's own gate.
pub(crate) fn question(
    keyring: &Keyring,
    tenant: TenantId,
    facts: &UseFacts,
    use_id: Option<UseId>,
    provenance: Option<Box<Provenance>>,
    payout_minor: u32,
    now: UnixSeconds,
) -> Result<AdmittedQuestion, AppendError> {
    let (tenant, _) = tenant_facts(keyring, tenant)?;
    let size = serde_json::to_vec(&(facts, &provenance)).map_or(usize::MAX, |json| json.len());
    if size > grantbook_record::uses::RECORD_BYTES_MAX - 1024 {
        return Err(UseError::RecordTooLarge { got: size }.into());
    }
    let used = AdmittedUse {
        link_salt: crate::random::with(Salt::random),
        committed: commit_use(now, payout_minor),
    };
    Ok(AdmittedQuestion {
        tenant,
        facts: facts.clone(),
        use_id,
        provenance,
        salt: crate::random::with(Salt::random),
        used,
        at: now,
    })
}

pub(crate) fn commit(class: Class, values: &[u64]) -> Committed {
    let openings: Vec<Opening> =
        crate::random::with(|rng| values.iter().map(|value| Opening::random(*value, rng)).collect());
    Committed { class, commitments: commit_batch(&openings), openings }
}
