//! Templates: bounds within which grants may be asked and given, and who they are for.

use std::num::NonZeroU8;

use serde::{Deserialize, Serialize};

use crate::id::{SubjectId, Term};
use crate::jwk::PublicKey;
use crate::list::List;
use crate::money::Price;
use crate::terms::{Language, Level, UseCap};
use crate::vocabulary::VocabularyVersion;

/// Bounds within which grants may be asked and given. Signed by the enterprise, and by its approver where it has one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplatePublished {
    /// Its name.
    pub id: Term,
    /// Its version, one more than the last.
    pub version: u32,
    /// An earlier version that this one puts back in force, word for word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restores: Option<u32>,
    /// Who gives grants under it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<Audience>,
    /// The phase of a project that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// What customers are told.
    pub text: List<LocalText, 1, 2>,
    /// The bounds.
    pub bounds: Bounds,
    /// A second key of the enterprise, without which it publishes no template from this one on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approver: Option<PublicKey>,
}

impl TemplatePublished {
    /// A template that says nothing beyond these.
    pub fn new(id: Term, version: u32, text: List<LocalText, 1, 2>, bounds: Bounds) -> Self {
        Self { id, version, restores: None, audience: None, phase: None, text, bounds, approver: None }
    }

    /// What a later version repeats that restores this one: everything but its number and who approves.
    #[must_use]
    pub fn content(&self) -> Self {
        Self { version: 0, restores: None, approver: None, ..self.clone() }
    }
}

/// Who gives grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Audience {
    /// A natural person.
    Person,
    /// An organisation that is the enterprise's customer.
    Organisation,
    /// The enterprise itself, of its own data, to an organisation that is its customer.
    Enterprise,
}

/// A phase of a project with an organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Whether there will be a project.
    Exploration,
    /// What it will be.
    Engagement,
    /// Doing it.
    Delivery,
}

/// How far an enterprise and an organisation that is its customer open up to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// Furthest.
    Strategic,
    /// Less far.
    Growth,
    /// Least far.
    LongTail,
}

/// A text in one language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocalText {
    /// Language of the text.
    pub language: Language,
    /// A line that says what it is.
    pub title: String,
    /// The text.
    pub body: String,
}

/// What a grant under a template may say. A request or grant may narrow each of these and widen none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// The version of the vocabulary whose words these are.
    #[serde(default, skip_serializing_if = "VocabularyVersion::is_first")]
    pub vocabulary: VocabularyVersion,
    /// Controllers it may name.
    pub controllers: List<Term, 1, 16>,
    /// Recipients it may name.
    pub recipients: List<Term, 1, 64>,
    /// Of which kinds recipients are.
    #[serde(default, skip_serializing_if = "List::is_empty_list")]
    pub kinds: List<RecipientKind, 0, 64>,
    /// Purposes it may name.
    pub purposes: List<Term, 1, 16>,
    /// Categories its scope may include.
    pub categories: List<Term, 1, 64>,
    /// Longest validity, in days.
    pub validity_days_max: u32,
    /// Most uses; absent: any number, or no cap at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uses_max: Option<UseCap>,
    /// Longest retention after a use, in days; absent: any, or no limit at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_days_max: Option<u32>,
    /// Least price, per use or per grant; absent: none is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_min: Option<Price>,
    /// The most that all uses together cost; absent: any amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_max: Option<Price>,
    /// Furthest personalisation; absent: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level_max: Option<Level>,
    /// Fields that are not open.
    #[serde(default, skip_serializing_if = "List::is_empty_list")]
    pub fields: List<FieldRule, 0, 64>,
    /// Separate consents without which there is no grant.
    #[serde(default, skip_serializing_if = "List::is_empty_list")]
    pub consents: List<Term, 0, 16>,
    /// Keys of the giver that must sign; absent: one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signatures_min: Option<NonZeroU8>,
    /// The tier that the customer must have agreed to; absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<Tier>,
    /// Whether grants must state the customer's birth day.
    #[serde(default)]
    pub birth_day: bool,
}

impl Bounds {
    /// Bounds that name these and bound nothing else.
    pub fn new(
        controllers: List<Term, 1, 16>,
        recipients: List<Term, 1, 64>,
        purposes: List<Term, 1, 16>,
        categories: List<Term, 1, 64>,
        validity_days_max: u32,
    ) -> Self {
        Self {
            vocabulary: VocabularyVersion::FIRST,
            controllers,
            recipients,
            kinds: List::default(),
            purposes,
            categories,
            validity_days_max,
            uses_max: None,
            retention_days_max: None,
            price_min: None,
            budget_max: None,
            level_max: None,
            fields: List::default(),
            consents: List::default(),
            signatures_min: None,
            tier: None,
            birth_day: false,
        }
    }
}

/// Of which kind a recipient is; a customer's standing rules may be about a kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecipientKind {
    /// One of the template's recipients.
    pub recipient: Term,
    /// The kind, a word of the vocabulary such as `insurer`.
    pub kind: Term,
}

/// A field that is not open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldRule {
    /// The category.
    pub category: Term,
    /// The field.
    pub field: Term,
    /// What becomes of it.
    pub handling: Handling,
}

/// What becomes of a field that is not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Handling {
    /// Masked or coarsened before anybody sees it.
    Mask,
    /// Seen in audits alone.
    AuditOnly,
}

/// A customer agrees to a tier, in the place of the one agreed to before. Signed by the customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TierAgreed {
    /// The customer.
    pub sub: SubjectId,
    /// The tier.
    pub tier: Tier,
}
