//! Mandates: rules that a customer has signed in advance, and the agent's key that answers requests by them.
//! Specification: `docs/spec/mandate.md`.

use serde::{Deserialize, Serialize};

use super::Channel;
use crate::compensation::Benefit;
use crate::day::UnixSeconds;
use crate::id::{Jti, SubjectId, Term};
use crate::jwk::{PublicKey, Thumbprint};
use crate::list::List;
use crate::money::Price;
use crate::terms::{Depth, Level, RetentionDays, RevenueShare, UseCap};
use crate::vocabulary::VocabularyVersion;

/// An agent may answer requests by these rules. Signed by the customer's key that it names, or by the agent's key of the
/// mandate that it hands on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MandateGiven {
    /// The customer.
    pub sub: SubjectId,
    /// Who gives it and signs; of an organisation as many of its keys as its rule asks for sign beside.
    pub from: MandateSource,
    /// The key with which the agent signs.
    pub agent: PublicKey,
    /// First second in which it is no longer in force.
    pub until: UnixSeconds,
    /// How many mandates may be handed on one below the other.
    #[serde(default, skip_serializing_if = "Depth::is_none")]
    pub depth: Depth,
    /// The version of the vocabulary whose words the rules are in; requests in other words are asked.
    #[serde(default, skip_serializing_if = "VocabularyVersion::is_first")]
    pub vocabulary: VocabularyVersion,
    /// The rules. Declining beats asking, asking beats accepting.
    pub rules: List<StandingRule, 1, 16>,
    /// What becomes of a request that no rule is about.
    #[serde(default, skip_serializing_if = "Outside::is_ask")]
    pub otherwise: Outside,
}

/// Who gives a mandate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MandateSource {
    /// The customer, by this enrolled key; the mandate ends with it.
    Key(Thumbprint),
    /// The agent of this mandate, which it hands on; the `jti` of its `mandate.given`.
    Mandate(Jti),
}

/// One rule: which requests it is about, what of them it accepts, and what becomes of the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StandingRule {
    /// Which requests; absent: all.
    #[serde(default, skip_serializing_if = "is_default")]
    pub when: When,
    /// Bounds within which such a request is accepted; absent: none is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accept: Option<Within>,
    /// What becomes of such a request outside these bounds.
    #[serde(default, skip_serializing_if = "Outside::is_ask")]
    pub otherwise: Outside,
}

/// What becomes of a request that is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outside {
    /// The customer is asked.
    #[default]
    Ask,
    /// The agent declines.
    Decline,
}

impl Outside {
    /// Whether it is what JSON leaves out.
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    pub fn is_ask(&self) -> bool {
        *self == Self::Ask
    }
}

/// Which requests a rule is about. All that is not empty must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// The recipient is one of these, or of one of the kinds below.
    #[serde(default, skip_serializing_if = "List::is_empty_list")]
    pub recipients: List<Term, 0, 64>,
    /// Kinds of recipients, words of the vocabulary; of which kind a recipient is, its template says.
    #[serde(default, skip_serializing_if = "List::is_empty_list")]
    pub kinds: List<Term, 0, 16>,
    /// The purpose is one of these.
    #[serde(default, skip_serializing_if = "List::is_empty_list")]
    pub purposes: List<Term, 0, 16>,
    /// Something of one of these categories is asked for.
    #[serde(default, skip_serializing_if = "List::is_empty_list")]
    pub categories: List<Term, 0, 64>,
    /// The template is a version of one of these.
    #[serde(default, skip_serializing_if = "List::is_empty_list")]
    pub templates: List<Term, 0, 16>,
}

/// Bounds of what is accepted. What is absent is not bounded, but separate consents: only those that are named are given.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Within {
    /// Nothing outside these categories.
    #[serde(default, skip_serializing_if = "List::is_empty_list")]
    pub categories: List<Term, 0, 64>,
    /// Nothing of this.
    #[serde(default, skip_serializing_if = "List::is_empty_list")]
    pub never: List<NamedData, 0, 32>,
    /// What the customer gets is at least one of these; empty: anything, or nothing.
    #[serde(default, skip_serializing_if = "List::is_empty_list")]
    pub price_min: List<PriceFloor, 0, 16>,
    /// Days from the first second of validity to its end, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validity_days_max: Option<u32>,
    /// Days after a use by which its data is deleted, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_days_max: Option<RetentionDays>,
    /// Uses, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uses_max: Option<UseCap>,
    /// Personalisation, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level_max: Option<Level>,
    /// Separate consents that the agent may give.
    #[serde(default, skip_serializing_if = "List::is_empty_list")]
    pub consents: List<Term, 0, 16>,
}

/// A category of data, or some of its fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamedData {
    /// The category.
    pub category: Term,
    /// The fields; absent: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<List<Term, 1, 64>>,
}

/// The least that the customer gets, by one way of compensation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PriceFloor {
    /// For each use.
    PerUse(Price),
    /// Once, for the grant.
    PerGrant(Price),
    /// A share of revenue.
    RevenueShare(RevenueShare),
    /// Something other than money: just this.
    Benefit(Benefit),
}

/// A mandate ends, and with it all that were handed on from it. Signed by an enrolled key of the customer, by the agent of
/// the mandate or of one above it, or by the operator, who then names the channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MandateWithdrawn {
    /// The customer.
    pub sub: SubjectId,
    /// The mandate: the `jti` of its `mandate.given`.
    pub mandate: Jti,
    /// How it came, where the operator signs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
