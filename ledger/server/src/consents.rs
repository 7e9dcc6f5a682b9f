//! What an archive says of a customer's consents, and each of them in two forms that others read: a consent record of
//! ISO/IEC TS 27560:2023 in the W3C Data Privacy Vocabulary, and a Kantara consent receipt 1.1.
//!
//! All of it follows from records that were verified, but for what terms are called: that is the enterprise's word.
//! Reference: `docs/reference/consent-records.md`.

mod iso27560;
mod kantara;

use grantbook_plan::Vocabulary;
use grantbook_portal::view::{Names as _, Wording};
use grantbook_record::archive::{ArchivedGrant, Header, VerifiedRecord};
use grantbook_record::day::{DataDay, UnixSeconds};
use grantbook_record::event::{Law, Stage};
use grantbook_record::receipt::VerifiedContent;
use grantbook_record::state_proof::{GrantStatus, StateOfGrant};
use grantbook_record::{Event, Jti, Term, Terms};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Version of the summary.
const VERSION: u8 = 1;
const SECONDS_PER_DAY: u64 = 86_400;

/// What a page says of an archive's consents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    v: u8,
    /// The laws that the enterprise's rules name.
    laws: Vec<Law>,
    consents: Vec<Consent>,
}

/// One consent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Consent {
    grant: Jti,
    state: StateOfGrant,
    names: Names,
    iso27560: Value,
    kantara: Value,
}

/// What the parties, the purpose and the data of terms are called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Names {
    /// Who receives the data.
    pub recipient: Name,
    /// Who decides why and how it is used.
    pub controller: Name,
    /// What for.
    pub purpose: Name,
    /// Which data: a name for each included clause, in their order.
    pub data: Vec<Name>,
}

/// A term and what it is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Name {
    /// The term, as it was signed.
    pub id: Term,
    /// In English.
    pub english: String,
    /// In Simplified Chinese.
    pub chinese: String,
}

/// Why a summary is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SummaryError {
    /// Another version of the format.
    #[error("version {got}, expected {VERSION}")]
    Version {
        /// As came.
        got: u8,
    },
    /// Other laws than the enterprise has published.
    #[error("laws are not those of the enterprise's rules")]
    Laws,
    /// Other grants.
    #[error("{got} consents, expected {expected}")]
    Count {
        /// As came.
        got: usize,
        /// As the records have.
        expected: usize,
    },
    /// Something is said of a grant that its records do not say.
    #[error("{part} of grant {grant} is not what its records say")]
    Differs {
        /// Which grant.
        grant: Jti,
        /// What is said of it.
        part: &'static str,
    },
}

/// What is known of a consent beside its grant.
struct Context<'a> {
    header: &'a Header,
    laws: &'a [Law],
    names: &'a Names,
}

/// The laws that the enterprise's rules name from this record on; `None` where it publishes no rules.
pub fn laws_in(record: &VerifiedRecord) -> Option<Vec<Law>> {
    let VerifiedContent::Event { claims, .. } = &record.here.content else { return None };
    let Event::PolicyPublished(published) = &claims.event else { return None };
    if !matches!(published.stage, None | Some(Stage::Promoted(_))) {
        return None;
    }
    let laws = published.plan.get("protections").and_then(|protections| protections.get("notices"));
    Some(laws.and_then(|laws| serde_json::from_value(laws.clone()).ok()).unwrap_or_default())
}

impl Summary {
    pub(crate) fn of(
        header: &Header,
        grants: &[ArchivedGrant],
        laws: Vec<Law>,
        vocabulary: &Vocabulary,
    ) -> Self {
        let named = |grant: &ArchivedGrant| Names::of(&grant.terms, vocabulary);
        let consents = grants.iter().map(|grant| Consent::of(header, grant, &laws, named(grant)));
        Self { v: VERSION, consents: consents.collect(), laws }
    }

    /// Holds all that is said against the records; names are taken as they are, but for the terms that they are of.
    pub(crate) fn check(
        &self,
        header: &Header,
        grants: &[ArchivedGrant],
        laws: &[Law],
    ) -> Result<(), SummaryError> {
        if self.v != VERSION {
            return Err(SummaryError::Version { got: self.v });
        }
        if self.laws != laws {
            return Err(SummaryError::Laws);
        }
        if self.consents.len() != grants.len() {
            return Err(SummaryError::Count { got: self.consents.len(), expected: grants.len() });
        }
        for (said, grant) in self.consents.iter().zip(grants) {
            let differs = |part| Err(SummaryError::Differs { grant: grant.id, part });
            if !said.names.are_of(&grant.terms) {
                return differs("names");
            }
            let expected = Consent::of(header, grant, laws, said.names.clone());
            if said.grant != expected.grant || said.state != expected.state {
                return differs("state");
            }
            if said.iso27560 != expected.iso27560 {
                return differs("consent record");
            }
            if said.kantara != expected.kantara {
                return differs("consent receipt");
            }
        }
        Ok(())
    }

    /// The consent record (ISO/IEC TS 27560) of a grant.
    pub fn iso27560(&self, grant: &Jti) -> Option<&Value> {
        self.consent(grant).map(|consent| &consent.iso27560)
    }

    /// The consent receipt (Kantara) of a grant.
    pub fn kantara(&self, grant: &Jti) -> Option<&Value> {
        self.consent(grant).map(|consent| &consent.kantara)
    }

    fn consent(&self, grant: &Jti) -> Option<&Consent> {
        self.consents.iter().find(|consent| consent.grant == *grant)
    }
}

impl Consent {
    fn of(header: &Header, grant: &ArchivedGrant, laws: &[Law], names: Names) -> Self {
        let context = Context { header, laws, names: &names };
        let (iso27560, kantara) = (iso27560::record(&context, grant), kantara::receipt(&context, grant));
        Self { grant: grant.id, state: grant.state, iso27560, kantara, names }
    }
}

impl Names {
    /// What terms are called in the words that they pin.
    pub fn of(terms: &Terms, vocabulary: &Vocabulary) -> Self {
        let version = vocabulary.version(terms.vocabulary).unwrap_or_else(|| vocabulary.latest());
        let name = |id: &Term, Wording { english, chinese }| Name { id: id.clone(), english, chinese };
        let included = terms.scope.include.iter().map(|clause| &clause.category);
        Self {
            recipient: name(&terms.recipient, version.party(&terms.recipient)),
            controller: name(&terms.controller, version.party(&terms.controller)),
            purpose: name(&terms.purpose, version.purpose(&terms.purpose)),
            data: included.map(|category| name(category, version.category(category))).collect(),
        }
    }

    fn are_of(&self, terms: &Terms) -> bool {
        let included = terms.scope.include.iter().map(|clause| &clause.category);
        self.recipient.id == terms.recipient
            && self.controller.id == terms.controller
            && self.purpose.id == terms.purpose
            && included.eq(self.data.iter().map(|name| &name.id))
    }
}

/// `2026-03-02T09:30:00Z`.
fn date_time(at: UnixSeconds) -> String {
    let day = i32::try_from(at.0 / SECONDS_PER_DAY).unwrap_or(i32::MAX);
    let (hour, minute, second) = (at.0 / 3600 % 24, at.0 / 60 % 60, at.0 % 60);
    format!("{}T{hour:02}:{minute:02}:{second:02}Z", DataDay(day))
}

/// Days that data of a use is kept, at most.
fn retention_days(terms: &Terms) -> Option<u32> {
    terms.limits.retention_days.map(|days| u32::try_from(u64::from(days)).unwrap_or(u32::MAX))
}

/// Whether it has ended, and not by its time alone.
fn was_ended(status: GrantStatus) -> bool {
    matches!(status, GrantStatus::Superseded | GrantStatus::Withdrawn | GrantStatus::Revoked)
}
