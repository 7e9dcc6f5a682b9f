//! A plan's JSON: strict, with limits.

use std::collections::{BTreeMap, BTreeSet};

use grantbook_record::Term;
use grantbook_record::strict_json::{self, JsonError};
use serde::{Deserialize, Serialize};

use super::condition::ConditionError;
use super::{Party, PolicyPlan, Rule};
use crate::protections::Protections;

/// The version of the plan's schema.
pub const VERSION: u8 = 1;
/// Bytes of a plan's JSON: what a signed envelope has room for.
pub const PLAN_BYTES_MAX: usize = 94 * 1024;
/// Rules of one plan.
pub const RULES_MAX: usize = 1024;
/// Parties of whom a plan says something.
pub(super) const PARTIES_MAX: usize = 1024;
/// What protects data with one party.
const SAFEGUARDS_MAX: usize = 16;
/// Bytes of what a rule demands, in one language.
const TEXT_BYTES_MAX: usize = 512;

/// Why a plan was refused, whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Larger than [`PLAN_BYTES_MAX`].
    #[error("policy plan of {got} bytes, expected at most {PLAN_BYTES_MAX}")]
    TooLarge {
        /// Its bytes.
        got: usize,
    },
    /// The JSON departs from the schema.
    #[error("refused policy plan: {0}")]
    Json(#[source] JsonError),
    /// A version that this reader does not know.
    #[error("policy plan of version {got}, expected {VERSION}")]
    Version {
        /// As written.
        got: u8,
    },
    /// Too many rules, parties or safeguards.
    #[error("{got} {what}, expected at most {max}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        max: usize,
        /// How many there are.
        got: usize,
    },
    /// Something about how customers are treated that is out of its bounds.
    #[error("protections with {what} out of bounds, expected {expected}")]
    Protections {
        /// What.
        what: &'static str,
        /// Its bounds.
        expected: &'static str,
    },
    /// Two rules of one id.
    #[error("two rules {rule}, expected each id once")]
    Repeated {
        /// The id.
        rule: Term,
    },
    /// A text that is empty or too long.
    #[error("rule {rule} with a text that has not 1 to {TEXT_BYTES_MAX} bytes")]
    Text {
        /// The rule's id.
        rule: Term,
    },
    /// A condition that cannot be evaluated.
    #[error("rule {rule}: {error}")]
    Condition {
        /// The rule's id.
        rule: Term,
        /// What is wrong.
        error: ConditionError,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPlan {
    version: u8,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    parties: BTreeMap<Term, Party>,
    #[serde(default, skip_serializing_if = "Protections::are_unsaid")]
    protections: Protections,
    rules: Vec<Rule>,
}

impl TryFrom<RawPlan> for PolicyPlan {
    type Error = PlanError;
    fn try_from(raw: RawPlan) -> Result<Self, PlanError> {
        let RawPlan { version, parties, protections, rules } = raw;
        if version != VERSION {
            return Err(PlanError::Version { got: version });
        }
        Self::protecting(parties, protections, rules)
    }
}

impl From<PolicyPlan> for RawPlan {
    fn from(plan: PolicyPlan) -> Self {
        let (parties, protections) = (plan.parties().clone(), plan.protections().clone());
        Self { version: VERSION, parties, protections, rules: plan.rules().to_vec() }
    }
}

pub(super) fn parse(json: &[u8]) -> Result<PolicyPlan, PlanError> {
    if json.len() > PLAN_BYTES_MAX {
        return Err(PlanError::TooLarge { got: json.len() });
    }
    strict_json::parse::<RawPlan>(json).map_err(PlanError::Json)?.try_into()
}

pub(super) fn from_value(plan: serde_json::Value) -> Result<PolicyPlan, PlanError> {
    strict_json::from_value::<RawPlan>(plan).map_err(PlanError::Json)?.try_into()
}

pub(super) fn check(
    parties: &BTreeMap<Term, Party>,
    protections: &Protections,
    rules: &[Rule],
) -> Result<(), PlanError> {
    let at_most = |what, got: usize, max| {
        if got > max { Err(PlanError::TooMany { what, max, got }) } else { Ok(()) }
    };
    at_most("parties", parties.len(), PARTIES_MAX)?;
    for party in parties.values() {
        at_most("safeguards", party.safeguards.len(), SAFEGUARDS_MAX)?;
    }
    if let Some((what, expected)) = protections.out_of_bounds() {
        return Err(PlanError::Protections { what, expected });
    }
    at_most("rules", rules.len(), RULES_MAX)?;
    let mut ids = BTreeSet::new();
    for rule in rules {
        let id = || rule.id.clone();
        if !ids.insert(&rule.id) {
            return Err(PlanError::Repeated { rule: id() });
        }
        let texts = [&rule.text.en, &rule.text.zh_cn];
        if !texts.iter().all(|text| (1..=TEXT_BYTES_MAX).contains(&text.len())) {
            return Err(PlanError::Text { rule: id() });
        }
        rule.when.check().map_err(|error| PlanError::Condition { rule: id(), error })?;
    }
    Ok(())
}
