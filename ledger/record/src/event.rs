//! The payloads of envelopes, by kind. Specification: `docs/spec/event.md`.

mod acts;
mod assets;
mod duties;
mod mandates;
mod money;
mod notices;
mod people;
mod policy;
mod sources;
mod templates;

pub use acts::{AcceptedLoss, Act, IssuedKit, OpenedAudit, OperatorActed, RolledEpoch, about_tenant};
pub use assets::{AssetIssued, AssetTerms, AssetTransferred, LicenceOffer, Owner};
pub use duties::{Acknowledger, DataDeleted, RecipientAcknowledged, RecordedUse};
pub use mandates::{
    MandateGiven, MandateSource, MandateWithdrawn, NamedData, Outside, PriceFloor, StandingRule, When, Within,
};
pub use money::{
    Basis, Money, OfPool, OfTiers, PayoutAccrued, PayoutFailed, PayoutOrdered, PayoutPaid, PayoutReversed,
    Period, Revenue, RevenueDeclared, ReversedEntry, SettlementClosed, SettlementPosted,
};
pub use notices::{ConsentSentence, CrossBorder, Law, NoticeContents, NoticePublished};
pub use people::{GuardianNamed, MilestoneConfirmed, RequestDeclined, SignatoriesAgreed, Wish};
pub use policy::{PolicyPublished, Promotion, Shadow, Stage};
pub use sources::{DataSource, SourceOwned};
pub use templates::{
    Audience, Bounds, FieldRule, Handling, LocalText, Phase, RecipientKind, TemplatePublished, Tier,
    TierAgreed,
};

use serde::{Deserialize, Serialize};

use crate::day::{Day, UnixSeconds};
use crate::encoding::Bytes32;
use crate::id::{Jti, SubjectId, TenantId, Term};
use crate::jwk::{PublicKey, Thumbprint};
use crate::kind::Kind;
use crate::strict_json::{self, JsonError};
use crate::terms::Terms;
pub use crate::vocabulary::VocabularyPublished;
use crate::webauthn::RelyingParty;

/// The schema version that this crate reads and writes.
pub const VERSION: u8 = 1;

/// Why a payload was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// The JSON departs from the schema.
    #[error("refused payload: {0}")]
    Schema(#[from] JsonError),
    /// A schema version that this reader does not know.
    #[error("unknown version {got}, expected v {VERSION}")]
    Version {
        /// The version that came.
        got: u8,
    },
    /// A kind that is in the registry but is not appended by an envelope, or not yet.
    #[error("kind {kind} is not accepted, expected one that an envelope may carry")]
    KindNotAccepted {
        /// The kind.
        kind: Kind,
    },
}

/// What every payload has, around the event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims<T> {
    /// Schema version.
    pub v: u8,
    /// The tenant's permanent id.
    pub aud: TenantId,
    /// The envelope's id: the same again is the same event.
    pub jti: Jti,
    /// When it was signed.
    pub iat: UnixSeconds,
    /// Until when it may be sent in, for offline signing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exp: Option<UnixSeconds>,
    /// The event.
    pub event: T,
}

impl<T> Claims<T> {
    /// Wraps an event; `iat` is the second inside `jti`.
    pub fn new(aud: TenantId, jti: Jti, event: T) -> Self {
        Self { v: VERSION, aud, jti, iat: jti.issued_at(), exp: None, event }
    }

    fn map<U>(self, wrap: impl FnOnce(T) -> U) -> Claims<U> {
        let Self { v, aud, jti, iat, exp, event } = self;
        Claims { v, aud, jti, iat, exp, event: wrap(event) }
    }
}

impl<T: Serialize> Claims<T> {
    /// The payload's JSON.
    pub fn to_json(&self) -> Vec<u8> {
        // these types have string keys and no fallible serialisers
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// `key.enrolled`
    KeyEnrolled(KeyEnrolled),
    /// `key.rotated`
    KeyRotated(KeyRotated),
    /// `key.revoked`
    KeyRevoked(KeyRevoked),
    /// `guardian.named`
    GuardianNamed(GuardianNamed),
    /// `signatories.agreed`
    SignatoriesAgreed(SignatoriesAgreed),
    /// `vocabulary.published`
    VocabularyPublished(VocabularyPublished),
    /// `template.published`
    TemplatePublished(TemplatePublished),
    /// `notice.published`
    NoticePublished(NoticePublished),
    /// `policy.published`
    PolicyPublished(PolicyPublished),
    /// `request.made`
    RequestMade(RequestMade),
    /// `request.declined`
    RequestDeclined(RequestDeclined),
    /// `grant.given`
    GrantGiven(GrantGiven),
    /// `grant.amended`
    GrantAmended(GrantAmended),
    /// `grant.paused`
    GrantPaused(GrantPaused),
    /// `grant.resumed`
    GrantResumed(GrantResumed),
    /// `grant.withdrawn`
    GrantWithdrawn(GrantWithdrawn),
    /// `grant.revoked`
    GrantRevoked(GrantRevoked),
    /// `mandate.given`
    MandateGiven(MandateGiven),
    /// `mandate.withdrawn`
    MandateWithdrawn(MandateWithdrawn),
    /// `tier.agreed`
    TierAgreed(TierAgreed),
    /// `milestone.confirmed`
    MilestoneConfirmed(MilestoneConfirmed),
    /// `source.owned`
    SourceOwned(SourceOwned),
    /// `data.deleted`
    DataDeleted(DataDeleted),
    /// `recipient.acknowledged`
    RecipientAcknowledged(RecipientAcknowledged),
    /// `subject.erased`
    SubjectErased(SubjectErased),
    /// `operator.acted`
    OperatorActed(OperatorActed),
    /// `state.root`
    StateRoot(StateRoot),
    /// `proof.published`
    ProofPublished(ProofPublished),
    /// `client.published`
    ClientPublished(ClientPublished),
    /// About money.
    Money(Money),
    /// `asset.issued`
    AssetIssued(AssetIssued),
    /// `asset.transferred`
    AssetTransferred(AssetTransferred),
}

impl Event {
    /// Parses a payload by the schema of its kind; implies no trust.
    pub fn parse(kind: Kind, payload: &[u8]) -> Result<Claims<Self>, EventError> {
        fn read<T: for<'de> Deserialize<'de>>(
            payload: &[u8],
            wrap: fn(T) -> Event,
        ) -> Result<Claims<Event>, EventError> {
            let claims: Claims<T> = strict_json::parse(payload)?;
            if claims.v != VERSION {
                return Err(EventError::Version { got: claims.v });
            }
            Ok(claims.map(wrap))
        }
        match kind {
            Kind::KeyEnrolled => read(payload, Self::KeyEnrolled),
            Kind::KeyRotated => read(payload, Self::KeyRotated),
            Kind::KeyRevoked => read(payload, Self::KeyRevoked),
            Kind::GuardianNamed => read(payload, Self::GuardianNamed),
            Kind::SignatoriesAgreed => read(payload, Self::SignatoriesAgreed),
            Kind::VocabularyPublished => read(payload, Self::VocabularyPublished),
            Kind::TemplatePublished => read(payload, Self::TemplatePublished),
            Kind::NoticePublished => read(payload, Self::NoticePublished),
            Kind::PolicyPublished => read(payload, Self::PolicyPublished),
            Kind::RequestMade => read(payload, Self::RequestMade),
            Kind::RequestDeclined => read(payload, Self::RequestDeclined),
            Kind::GrantGiven => read(payload, Self::GrantGiven),
            Kind::GrantAmended => read(payload, Self::GrantAmended),
            Kind::GrantPaused => read(payload, Self::GrantPaused),
            Kind::GrantResumed => read(payload, Self::GrantResumed),
            Kind::GrantWithdrawn => read(payload, Self::GrantWithdrawn),
            Kind::GrantRevoked => read(payload, Self::GrantRevoked),
            Kind::MandateGiven => read(payload, Self::MandateGiven),
            Kind::MandateWithdrawn => read(payload, Self::MandateWithdrawn),
            Kind::TierAgreed => read(payload, Self::TierAgreed),
            Kind::MilestoneConfirmed => read(payload, Self::MilestoneConfirmed),
            Kind::SourceOwned => read(payload, Self::SourceOwned),
            Kind::DataDeleted => read(payload, Self::DataDeleted),
            Kind::RecipientAcknowledged => read(payload, Self::RecipientAcknowledged),
            Kind::SubjectErased => read(payload, Self::SubjectErased),
            Kind::OperatorActed => read(payload, Self::OperatorActed),
            Kind::StateRoot => read(payload, Self::StateRoot),
            Kind::ProofPublished => read(payload, Self::ProofPublished),
            Kind::ClientPublished => read(payload, Self::ClientPublished),
            Kind::RevenueDeclared => read(payload, |event| Self::Money(Money::RevenueDeclared(event))),
            Kind::PayoutAccrued => read(payload, |event| Self::Money(Money::PayoutAccrued(event))),
            Kind::SettlementPosted => read(payload, |event| Self::Money(Money::SettlementPosted(event))),
            Kind::PayoutPaid => read(payload, |event| Self::Money(Money::PayoutPaid(event))),
            Kind::PayoutFailed => read(payload, |event| Self::Money(Money::PayoutFailed(event))),
            Kind::PayoutReversed => read(payload, |event| Self::Money(Money::PayoutReversed(event))),
            Kind::SettlementClosed => read(payload, |event| Self::Money(Money::SettlementClosed(event))),
            Kind::PayoutOrdered => read(payload, |event| Self::Money(Money::PayoutOrdered(event))),
            Kind::AssetIssued => read(payload, Self::AssetIssued),
            Kind::AssetTransferred => read(payload, Self::AssetTransferred),
            other => Err(EventError::KindNotAccepted { kind: other }),
        }
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::KeyEnrolled(_) => Kind::KeyEnrolled,
            Self::KeyRotated(_) => Kind::KeyRotated,
            Self::KeyRevoked(_) => Kind::KeyRevoked,
            Self::GuardianNamed(_) => Kind::GuardianNamed,
            Self::SignatoriesAgreed(_) => Kind::SignatoriesAgreed,
            Self::VocabularyPublished(_) => Kind::VocabularyPublished,
            Self::TemplatePublished(_) => Kind::TemplatePublished,
            Self::NoticePublished(_) => Kind::NoticePublished,
            Self::PolicyPublished(_) => Kind::PolicyPublished,
            Self::RequestMade(_) => Kind::RequestMade,
            Self::RequestDeclined(_) => Kind::RequestDeclined,
            Self::GrantGiven(_) => Kind::GrantGiven,
            Self::GrantAmended(_) => Kind::GrantAmended,
            Self::GrantPaused(_) => Kind::GrantPaused,
            Self::GrantResumed(_) => Kind::GrantResumed,
            Self::GrantWithdrawn(_) => Kind::GrantWithdrawn,
            Self::GrantRevoked(_) => Kind::GrantRevoked,
            Self::MandateGiven(_) => Kind::MandateGiven,
            Self::MandateWithdrawn(_) => Kind::MandateWithdrawn,
            Self::TierAgreed(_) => Kind::TierAgreed,
            Self::MilestoneConfirmed(_) => Kind::MilestoneConfirmed,
            Self::SourceOwned(_) => Kind::SourceOwned,
            Self::DataDeleted(_) => Kind::DataDeleted,
            Self::RecipientAcknowledged(_) => Kind::RecipientAcknowledged,
            Self::SubjectErased(_) => Kind::SubjectErased,
            Self::OperatorActed(_) => Kind::OperatorActed,
            Self::StateRoot(_) => Kind::StateRoot,
            Self::ProofPublished(_) => Kind::ProofPublished,
            Self::ClientPublished(_) => Kind::ClientPublished,
            Self::Money(event) => event.kind(),
            Self::AssetIssued(_) => Kind::AssetIssued,
            Self::AssetTransferred(_) => Kind::AssetTransferred,
        }
    }

    /// The terms that it puts in force, where it does.
    pub fn granted_terms(&self) -> Option<&Terms> {
        match self {
            Self::GrantGiven(event) => Some(&event.terms),
            Self::GrantAmended(event) => Some(&event.terms),
            _ => None,
        }
    }

    /// The grant given before that it changes or is about, where there is one.
    pub fn changed_grant(&self) -> Option<Jti> {
        match self {
            Self::GrantAmended(event) => Some(event.grant),
            Self::GrantPaused(event) => Some(event.grant),
            Self::GrantResumed(event) => Some(event.grant),
            Self::GrantWithdrawn(event) => Some(event.grant),
            Self::GrantRevoked(event) => Some(event.grant),
            Self::DataDeleted(event) => Some(event.grant),
            Self::RecipientAcknowledged(event) => Some(event.grant),
            _ => None,
        }
    }

    /// The mandate by which an agent signed, or that ends; for one that is handed on, the one above it.
    pub fn named_mandate(&self) -> Option<Jti> {
        match self {
            Self::GrantGiven(event) => event.mandate,
            Self::RequestDeclined(event) => event.mandate,
            Self::MandateWithdrawn(event) => Some(event.mandate),
            Self::MandateGiven(event) => match event.from {
                MandateSource::Mandate(parent) => Some(parent),
                MandateSource::Key(_) => None,
            },
            _ => None,
        }
    }

    /// The data subject it is about, where it is about one.
    pub fn subject(&self) -> Option<&SubjectId> {
        match self {
            Self::KeyEnrolled(event) => Some(&event.sub),
            Self::KeyRotated(event) => Some(&event.sub),
            Self::KeyRevoked(event) => Some(&event.sub),
            Self::GuardianNamed(event) => Some(&event.sub),
            Self::SignatoriesAgreed(event) => Some(&event.sub),
            Self::RequestMade(event) => Some(&event.sub),
            Self::RequestDeclined(event) => Some(&event.sub),
            Self::GrantGiven(event) => Some(&event.sub),
            Self::GrantAmended(event) => Some(&event.sub),
            Self::GrantPaused(event) => Some(&event.sub),
            Self::GrantResumed(event) => Some(&event.sub),
            Self::GrantWithdrawn(event) => Some(&event.sub),
            Self::GrantRevoked(event) => Some(&event.sub),
            Self::MandateGiven(event) => Some(&event.sub),
            Self::MandateWithdrawn(event) => Some(&event.sub),
            Self::TierAgreed(event) => Some(&event.sub),
            Self::MilestoneConfirmed(event) => Some(&event.sub),
            Self::SourceOwned(event) => Some(&event.sub),
            Self::DataDeleted(event) => Some(&event.sub),
            Self::RecipientAcknowledged(event) => Some(&event.sub),
            Self::Money(event) => event.subject(),
            Self::AssetIssued(event) => Some(&event.sub),
            Self::AssetTransferred(event) => Some(&event.sub),
            Self::VocabularyPublished(_)
            | Self::TemplatePublished(_)
            | Self::NoticePublished(_)
            | Self::PolicyPublished(_)
            | Self::SubjectErased(_)
            | Self::OperatorActed(_)
            | Self::StateRoot(_)
            | Self::ProofPublished(_)
            | Self::ClientPublished(_) => None,
        }
    }
}

/// Who vouches that a customer's first key is the customer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// The enterprise co-signs.
    Enterprise,
    /// Only the operator co-signs; shown as "operator's word" wherever the customer is shown.
    OperatorsWord,
    /// A key of the customer that is enrolled already co-signs.
    EnrolledKey,
}

/// A key joins a customer's keys. Signed by the new key and by who gives the evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyEnrolled {
    /// The customer.
    pub sub: SubjectId,
    /// The new key.
    pub key: PublicKey,
    /// Who vouches for it.
    pub evidence: Evidence,
    /// Thumbprint of the recovery key, which may end all other keys; the key itself stays unseen until then. Only
    /// while the customer has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Thumbprint>,
}

/// A key takes another's place. Signed by both. With `recovery`, the recovery key takes the place of `old`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRotated {
    /// The customer.
    pub sub: SubjectId,
    /// The key that ends.
    pub old: Thumbprint,
    /// The key that begins.
    pub new: PublicKey,
    /// Where `old` is the recovery key: ends every other key as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Recovery>,
}

/// The recovery key steps out once, and names its successor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recovery {
    /// The key whose thumbprint was given at enrolment or at the last recovery.
    pub key: PublicKey,
    /// Thumbprint of the recovery key after this one.
    pub next: Thumbprint,
}

/// A key is valid no more. Signed by any enrolled key of the customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRevoked {
    /// The customer.
    pub sub: SubjectId,
    /// The key that ends.
    pub key: Thumbprint,
}

/// An enterprise asks a customer for a grant. Signed by the enterprise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestMade {
    /// The customer.
    pub sub: SubjectId,
    /// What is asked for.
    pub terms: Terms,
    /// Until when the customer may answer.
    pub expires: UnixSeconds,
}

/// The customer agrees. Signed by the customer, or by the agent of a mandate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantGiven {
    /// The customer.
    pub sub: SubjectId,
    /// What to.
    pub terms: Terms,
    /// The request that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Jti>,
    /// The customer's birth day, days since 1900-01-01, where the template asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub birth_day: Option<u32>,
    /// The mandate under which an agent signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mandate: Option<Jti>,
}

/// The customer changes the terms, but not who, what for and which categories. Signed by the customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantAmended {
    /// The customer.
    pub sub: SubjectId,
    /// The grant: the `jti` of its `grant.given`.
    pub grant: Jti,
    /// The new terms, whole.
    pub terms: Terms,
    /// The customer's birth day, days since 1900-01-01, where the template asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub birth_day: Option<u32>,
}

/// The customer pauses all uses under a grant. Signed by the customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantPaused {
    /// The customer.
    pub sub: SubjectId,
    /// The grant.
    pub grant: Jti,
}

/// The customer lets uses go on. Signed by the customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantResumed {
    /// The customer.
    pub sub: SubjectId,
    /// The grant.
    pub grant: Jti,
}

/// How a withdrawal reached the operator that is not signed by the customer's own key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// A logged-in session of the portal.
    Session,
    /// By telephone.
    Phone,
    /// By electronic mail.
    Mail,
    /// By letter.
    Letter,
    /// In person.
    InPerson,
}

/// Ended by the customer. Signed by any enrolled key, or by the operator, who then names the channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantWithdrawn {
    /// The customer.
    pub sub: SubjectId,
    /// The grant.
    pub grant: Jti,
    /// How it came, where the operator signs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
}

/// Who revokes a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Revoker {
    /// The enterprise to which it was given.
    Enterprise,
    /// The operator of the ledger.
    Operator,
}

/// Ended by anyone else than the customer. Signed by who does it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantRevoked {
    /// The customer.
    pub sub: SubjectId,
    /// The grant.
    pub grant: Jti,
    /// Who does it.
    pub by: Revoker,
    /// Why, a word of the vocabulary.
    pub reason: Term,
}

/// A data key is destroyed, and what lay under it can be read no more: a customer's records, or the envelopes of one grant
/// that had ended. Names nobody. Signed by the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubjectErased {
    /// The ledger's number of the data key; which entries lay under it is known to nobody once the key epoch has ended.
    pub data_key: u64,
    /// Leaf index of the `grant.given`, where the key was one grant's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<u64>,
}

/// The root of the map of grant states, see [`crate::state_proof`]. Names nobody. Signed by the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateRoot {
    /// Size of the tree whose fold the map is: all entries before. At most the leaf index of this event's own entry.
    pub size: u64,
    /// The map's root.
    pub root: Bytes32,
}

/// A proof bundle was made. Names nobody. Signed by the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProofPublished {
    /// The enterprise whose day it is, as [`about_tenant`] hides it.
    pub about: Bytes32,
    /// SHA-256 of the bundle's bytes.
    pub bundle_sha256: Bytes32,
    /// The day that it is about, days since 2020-01-01.
    pub day: Day,
    /// Size of the tree where that day ends.
    pub size: u64,
}

/// The files of the signing page, as the portal serves them from here on. Signed by the operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientPublished {
    /// SHA-256 of the list of its files and their hashes (`docs/reference/portal.md`).
    pub files_sha256: Bytes32,
    /// For whom passkeys' assertions are made there.
    pub relying_party: RelyingParty,
}
