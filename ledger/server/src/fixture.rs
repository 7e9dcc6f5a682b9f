//! Fixtures: ordinary templates, notices and grants for the sandbox tenant, from a file.
//!
//! What a fixture brings is signed and admitted like anything else. Its customers' keys are made from the sandbox's own
//! key, so that the same file leads to the same customers at every start. Format: `docs/reference/fixture.md`.

use std::collections::BTreeMap;

use grantbook_engine::{AppendError, Ledger, ReadError, SandboxTenant, TenantError};
use grantbook_plan::TenantState;
use grantbook_record::encoding::Bytes32;
use grantbook_record::event::{
    Claims, ConsentSentence, Evidence, GrantGiven, KeyEnrolled, NoticePublished, TemplatePublished,
};
use grantbook_record::list::List;
use grantbook_record::scope::Scope;
use grantbook_record::strict_json::{self, JsonError};
use grantbook_record::terms::{
    Compensation, Consent, Limits, NoticeShown, Obligation, TemplateRef, Validity,
};
use grantbook_record::{
    Envelope, Jti, Kind, Signer, SubjectId, TenantId, Term, Terms, UnixMillis, UnixSeconds,
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::http::{AuthzenSettings, SettingsError};

/// The version of the format.
const VERSION: u8 = 1;
const SECONDS_PER_DAY: u64 = 86_400;
/// Before what a customer's key is made from, so that it is of use for nothing else.
const KEY_LABEL: &[u8] = b"grantbook fixture customer/v1";

/// Why a fixture was not loaded.
#[derive(Debug, thiserror::Error)]
pub enum FixtureError {
    /// It departs from the schema.
    #[error("refused fixture: {0}")]
    Schema(#[from] JsonError),
    /// A version of the format that this program does not read.
    #[error("unknown version {got}, expected v {VERSION}")]
    Version {
        /// The version that came.
        got: u8,
    },
    /// Its AuthZEN settings are refused.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A part of it contradicts the rest or what is on the ledger.
    #[error("{what}: {why}")]
    Contradiction {
        /// Which part.
        what: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The ledger does not take it.
    #[error("{what}: {error}")]
    Refused {
        /// Which part.
        what: String,
        /// The ledger's word.
        #[source]
        error: AppendError,
    },
    /// There is no sandbox.
    #[error("sandbox tenant: {0}")]
    Sandbox(#[from] TenantError),
    /// The ledger cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// What a sandbox is to have.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fixture {
    v: u8,
    #[serde(default)]
    notices: List<NoticePublished, 0, 64>,
    #[serde(default)]
    templates: List<TemplatePublished, 0, 64>,
    #[serde(default)]
    grants: List<FixtureGrant, 0, 4096>,
    #[serde(default)]
    authzen: AuthzenSettings,
}

/// A grant, signed by a customer of the sandbox's.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct FixtureGrant {
    sub: SubjectId,
    /// Name of a template of the fixture.
    template: Term,
    /// Name of a notice of the fixture.
    notice: Term,
    /// How long it is valid, from when it is loaded.
    days: u32,
    terms: FixtureTerms,
}

/// Terms, as far as they can be written beforehand.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct FixtureTerms {
    controller: Term,
    recipient: Term,
    purpose: Term,
    scope: Scope,
    #[serde(default)]
    limits: Limits,
    compensation: Compensation,
    #[serde(default)]
    obligations: List<Obligation, 0, 16>,
    #[serde(default)]
    consents: List<ConsentSentence, 0, 16>,
}

/// What a fixture came to.
#[derive(Debug)]
pub struct Loaded {
    /// The sandbox's tenant.
    pub tenant: TenantId,
    /// Its customers' keys.
    pub customers: BTreeMap<SubjectId, Signer>,
    /// Its grants, in the fixture's order: those that were there before and those that are new.
    pub grants: Vec<Jti>,
    /// Events that were appended; none if all was there.
    pub appended: u64,
}

impl Fixture {
    /// Parses a fixture; what it names of its own must be there.
    pub fn parse(json: &[u8]) -> Result<Self, FixtureError> {
        let fixture: Self = strict_json::parse(json)?;
        if fixture.v != VERSION {
            return Err(FixtureError::Version { got: fixture.v });
        }
        let authzen = fixture.authzen.checked()?;
        for (at, grant) in fixture.grants.iter().enumerate() {
            let named = |why| FixtureError::Contradiction { what: grant_at(at, &grant.sub), why };
            if !fixture.templates.iter().any(|template| template.id == grant.template) {
                return Err(named("names a template that the fixture does not have"));
            }
            if !fixture.notices.iter().any(|notice| notice.id == grant.notice) {
                return Err(named("names a notice that the fixture does not have"));
            }
        }
        Ok(Self { authzen, ..fixture })
    }

    /// What the tenant's AuthZEN callers mean by their words.
    pub fn authzen(&self) -> &AuthzenSettings {
        &self.authzen
    }

    /// Sees to it that the sandbox has all this. What is there already is left as it is, so that loading again appends
    /// nothing; a grant that its customer has withdrawn stays withdrawn. `new_jti` gives fresh ids as of now.
    pub fn load(&self, ledger: &Ledger, new_jti: impl Fn() -> Jti) -> Result<Loaded, FixtureError> {
        let SandboxTenant { tenant, enterprise, .. } = ledger.sandbox()?;
        let mut loading = Loading { ledger, tenant: tenant.id, enterprise, new_jti, appended: 0 };
        let known = ledger.tenant_state(tenant.id)?;
        self.authzen.check_words(&known.vocabulary)?;
        for notice in self.notices.iter() {
            loading.notice(&known, notice)?;
        }
        let mut templates = BTreeMap::new();
        for template in self.templates.iter() {
            templates.insert(&template.id, loading.template(&known, template)?);
        }
        let mut customers = BTreeMap::new();
        let mut grants = Vec::new();
        for (at, grant) in self.grants.iter().enumerate() {
            let what = grant_at(at, &grant.sub);
            if !customers.contains_key(&grant.sub) {
                customers.insert(grant.sub.clone(), loading.customer(&grant.sub)?);
            }
            let template = templates.get(&grant.template).cloned();
            let notice = self.notices.iter().find(|notice| notice.id == grant.notice);
            // `parse` has seen to it that both are there
            let (Some(template), Some(notice), Some(customer)) =
                (template, notice, customers.get(&grant.sub))
            else {
                return Err(FixtureError::Contradiction { what, why: "names what is not there" });
            };
            let jti = loading.grant(what.clone(), grant, template, notice, customer)?;
            if grants.contains(&jti) {
                return Err(FixtureError::Contradiction { what, why: "is the same as one before it" });
            }
            grants.push(jti);
        }
        Ok(Loaded { tenant: tenant.id, customers, grants, appended: loading.appended })
    }
}

/// The same consents as given when others were.
fn as_if_given(known: &[Consent], given: &[Consent]) -> List<Consent, 0, 16> {
    let acts = given.iter().map(|consent| consent.given_at).chain(std::iter::repeat(None));
    let known = known.iter().zip(acts).map(|(known, given_at)| Consent { given_at, ..known.clone() });
    List::new(known.collect()).unwrap_or_default()
}

fn grant_at(at: usize, sub: &SubjectId) -> String {
    format!("grant {at} of {sub}")
}

struct Loading<'a, N> {
    ledger: &'a Ledger,
    tenant: TenantId,
    enterprise: Signer,
    new_jti: N,
    appended: u64,
}

impl<N: Fn() -> Jti> Loading<'_, N> {
    fn append<T: Serialize>(
        &mut self,
        what: String,
        kind: Kind,
        event: T,
        signers: &[&Signer],
    ) -> Result<(Jti, Vec<u8>), FixtureError> {
        let jti = (self.new_jti)();
        let envelope = Envelope::sign(kind, &Claims::new(self.tenant, jti, event).to_json(), signers);
        self.ledger.append(self.tenant, &envelope).map_err(|error| FixtureError::Refused { what, error })?;
        self.appended += 1;
        Ok((jti, envelope))
    }

    fn notice(&mut self, known: &TenantState, notice: &NoticePublished) -> Result<(), FixtureError> {
        if known.notices.contains_key(&Bytes32::sha256(notice.text.as_bytes())) {
            return Ok(());
        }
        let enterprise = self.enterprise.clone();
        self.append(format!("notice {}", notice.id), Kind::NoticePublished, notice, &[&enterprise]).map(drop)
    }

    fn template(
        &mut self,
        known: &TenantState,
        template: &TemplatePublished,
    ) -> Result<TemplateRef, FixtureError> {
        let TemplatePublished { id, version, bounds, .. } = template;
        let what = format!("template {id}");
        let at = usize::try_from(*version).ok().and_then(|version| version.checked_sub(1));
        let published = at.and_then(|at| known.templates.get(id)?.get(at));
        let hash = match published {
            Some(published) if published.bounds == *bounds => published.hash,
            Some(_) => {
                let why = "this version is published with other bounds, expected the next version";
                return Err(FixtureError::Contradiction { what, why });
            }
            None => {
                let enterprise = self.enterprise.clone();
                let (_, envelope) = self.append(what, Kind::TemplatePublished, template, &[&enterprise])?;
                Bytes32::sha256(&envelope)
            }
        };
        Ok(TemplateRef { id: id.clone(), version: *version, hash })
    }

    /// A customer's key, enrolled.
    fn customer(&mut self, sub: &SubjectId) -> Result<Signer, FixtureError> {
        let what = format!("customer {sub}");
        let secret =
            Zeroizing::new([KEY_LABEL, self.enterprise.seed().as_slice(), sub.as_str().as_bytes()].concat());
        let seed = Zeroizing::new(Bytes32::sha256(&secret).0);
        let Some(key) = Signer::from_seed(&seed) else {
            return Err(FixtureError::Contradiction { what, why: "its key would be a weak one" });
        };
        let known = self.ledger.customer(self.tenant, sub).unwrap_or_default();
        if known.signing_key(&key.public_key().thumbprint()).is_some() {
            return Ok(key);
        }
        if !known.keys.is_empty() {
            let why = "is enrolled with other keys, expected a pseudonym of its own";
            return Err(FixtureError::Contradiction { what, why });
        }
        let event = KeyEnrolled {
            sub: sub.clone(),
            key: *key.public_key(),
            evidence: Evidence::Enterprise,
            recovery: None,
        };
        let enterprise = self.enterprise.clone();
        self.append(what, Kind::KeyEnrolled, event, &[&key, &enterprise])?;
        Ok(key)
    }

    /// The grant with these terms, unless it was there and has not expired.
    fn grant(
        &mut self,
        what: String,
        grant: &FixtureGrant,
        template: TemplateRef,
        notice: &NoticePublished,
        customer: &Signer,
    ) -> Result<Jti, FixtureError> {
        let now = (self.new_jti)().issued_at();
        let end = UnixSeconds(now.0.saturating_add(u64::from(grant.days).saturating_mul(SECONDS_PER_DAY)));
        let Some(validity) = Validity::new(now, end) else {
            return Err(FixtureError::Contradiction { what, why: "is valid for no time, or for too long" });
        };
        let shown = NoticeShown {
            hash: Bytes32::sha256(notice.text.as_bytes()),
            language: notice.language,
            shown_at: now,
        };
        let FixtureTerms { controller, recipient, purpose, scope, limits, compensation, .. } = &grant.terms;
        let asked = grant.terms.consents.iter();
        // in a sandbox nobody ticks anything; each stands for an act of its own all the same
        let acts = (0..).map(|at| UnixMillis(now.0.saturating_mul(1000).saturating_add(at)));
        let consents = asked
            .zip(acts)
            .map(|(ConsentSentence { to, sentence }, at)| Consent::asked(to.clone(), sentence).given(at));
        let consents = List::new(consents.collect()).unwrap_or_default();
        let terms = Terms {
            controller: controller.clone(),
            recipient: recipient.clone(),
            purpose: purpose.clone(),
            scope: scope.clone(),
            validity,
            limits: *limits,
            compensation: compensation.clone(),
            obligations: grant.terms.obligations.clone(),
            notice: shown,
            template,
            consents,
            supersedes: None,
            licence: None,
            vocabulary: grantbook_record::VocabularyVersion::FIRST,
        };
        let known = self.ledger.customer(self.tenant, &grant.sub).unwrap_or_default();
        let same = known.grants.iter().find(|known| {
            let mut of_then = known.terms.clone();
            (of_then.validity, of_then.notice.shown_at) = (validity, now);
            of_then.consents = as_if_given(&of_then.consents, &terms.consents);
            of_then == terms && known.terms.validity.end() > now
        });
        if let Some(known) = same {
            return Ok(known.id);
        }
        let event =
            GrantGiven { sub: grant.sub.clone(), terms, request: None, birth_day: None, mandate: None };
        let (jti, _) = self.append(what, Kind::GrantGiven, event, &[customer])?;
        Ok(jti)
    }
}
