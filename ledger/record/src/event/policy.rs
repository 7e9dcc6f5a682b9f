//! Rules of law and of the house, in force or tried in shadow. Specification: `docs/spec/policy-plan.md`.

use std::num::NonZeroU16;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::day::UnixSeconds;
use crate::encoding::Bytes32;
use crate::id::Term;

/// Rules of law and of the house. Signed by the enterprise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyPublished {
    /// Its version, one more than that in force.
    pub version: u32,
    /// Uses that a gate has recorded earlier are not judged by it: the enterprise's clock when it signed.
    pub from: UnixSeconds,
    /// SHA-256 of the Cedar sources, as `docs/spec/policy-plan.md` joins them.
    pub sources: Bytes32,
    /// The lowered plan, `docs/spec/policy-plan.md`; null, and left out, where a candidate is dropped.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub plan: Value,
    /// Absent: every later use is judged by the rules, beside its grant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
}

/// What rules are that do not come into force as they are published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The candidate from now on, which changes nothing.
    Shadow(Shadow),
    /// The candidate, which comes into force.
    Promoted(Promotion),
    /// The candidate, which is one no more.
    Dropped,
}

/// Rules that are tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shadow {
    /// For how long.
    pub hours: NonZeroU16,
}

/// Rules that were tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Promotion {
    /// Why before the end of the shadow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub early: Option<Term>,
}
