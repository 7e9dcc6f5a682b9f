//! Who signs for a customer, how a customer says no, and that a customer confirms a milestone. Specification: `docs/spec/people.md`.

use serde::{Deserialize, Serialize};

use super::Evidence;
use crate::day::DataDay;
use crate::id::{Jti, RecordId, SubjectId, Term};
use crate::jwk::{PublicKey, Thumbprint};
use crate::list::List;
use crate::mirror::Title;
use crate::money::Price;
use crate::terms::{RetentionDays, UseCap};

/// A guardian's key joins a minor's keys. Signed by the new key, by who gives the evidence and, where the minor has keys, by one of
/// them: a guardian's where there is one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuardianNamed {
    /// The minor.
    pub sub: SubjectId,
    /// The guardian's key.
    pub key: PublicKey,
    /// Who vouches that it is a guardian's: the enterprise, or the operator by his word.
    pub evidence: Evidence,
    /// The minor's birth day, days since 1900-01-01.
    pub birth_day: u32,
    /// The day on which the minor comes of age, from whose first second (UTC) on the key grants nothing more.
    pub until: DataDay,
}

/// From now on so many of these keys sign what an organisation grants. Signed by an enrolled key, or by as many as the rule before
/// asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignatoriesAgreed {
    /// The organisation.
    pub sub: SubjectId,
    /// The signatories' keys.
    pub keys: List<Thumbprint, 1, 16>,
    /// How many of them must sign.
    pub needed: u8,
}

/// The customer said no. Signed by the customer, or by the agent of a mandate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestDeclined {
    /// The customer.
    pub sub: SubjectId,
    /// The request.
    pub request: Jti,
    /// What would have to be narrower for the customer to consider it; absent: nothing, so that it is not to be asked again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unless: Option<Wish>,
    /// The mandate under which an agent signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mandate: Option<Jti>,
}

/// The customer confirms that what was agreed on has been reached. Signed by the customer. Says all that it is about: the
/// enterprise's record of it is no part of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MilestoneConfirmed {
    /// The customer.
    pub sub: SubjectId,
    /// The enterprise's record whose milestone it is, such as a contract.
    pub record: RecordId,
    /// Names the milestone within its record.
    pub milestone: RecordId,
    /// What was reached.
    pub title: Title,
    /// The day on which it was.
    pub reached_on: DataDay,
}

/// How narrow terms must be for a customer who has declined wider ones.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    /// Categories that they must not include.
    #[serde(default, skip_serializing_if = "List::is_empty_list")]
    pub without: List<Term, 0, 16>,
    /// Days for which they may hold at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validity_days_max: Option<u32>,
    /// Days after a use by which its data must be deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_days_max: Option<RetentionDays>,
    /// Uses at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uses_max: Option<UseCap>,
    /// What each use or the grant must pay at least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_min: Option<Price>,
}
