//! Rules of law and of the house: what may be done with data beside what its customer has agreed to.
//!
//! A *policy plan* is a set of rules that was written and validated in Cedar and lowered to what a gate can evaluate in
//! less than a microsecond. Pure, and small: the plan knows nothing of Cedar, which is `grantbook-author`'s part. Format
//! and meaning: `docs/spec/policy-plan.md`.
//!
//! Cedar's semantics (a forbid beats every permit, nothing is permitted by default) with one difference: Cedar leaves out
//! a policy whose evaluation fails, and here any such failure denies.

mod asked;
mod attribute;
mod checks;
mod condition;
mod evaluate;
mod format;
mod index;
mod values;

use std::collections::BTreeMap;
use std::sync::Arc;

use grantbook_record::Term;
use grantbook_record::terms::Language;
use serde::{Deserialize, Serialize};

pub use asked::Asked;
pub use attribute::{Attribute, Kind};
pub use condition::{Condition, ConditionError};
pub use evaluate::{EvaluationError, Source, Value, Words};
pub use format::{PLAN_BYTES_MAX, PlanError, RULES_MAX, VERSION};
pub use values::{OwnedValue, Values, ValuesError};

use crate::protections::Protections;
use checks::Checks;
use index::Index;

/// Rules that hold together, ready to be asked.
///
/// Cheap to clone. Two plans are equal if they were written alike.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "format::RawPlan", into = "format::RawPlan")]
pub struct PolicyPlan(Arc<Compiled>);

#[derive(Debug)]
struct Compiled {
    parties: BTreeMap<Term, Party>,
    protections: Protections,
    rules: Vec<Rule>,
    /// What is left of each rule's condition to be evaluated.
    checks: Vec<Checks>,
    index: Index,
}

/// What an enterprise says of somebody who receives data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Party {
    /// Where the data goes with them: an ISO 3166-1 code, in lower case.
    pub country: Term,
    /// What protects the data there, such as `standard-contract`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub safeguards: Vec<Term>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name, once in a plan.
    pub id: Term,
    /// What it does where it holds.
    pub effect: Effect,
    /// What it demands, for people.
    pub text: RuleText,
    /// Where it holds.
    pub when: Condition,
}

/// What a rule does where it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The use may go on, unless another rule forbids it.
    Permit,
    /// The use may not go on.
    Forbid,
}

/// What a rule demands, in the words that a denial gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleText {
    /// In English.
    pub en: String,
    /// In simplified Chinese.
    #[serde(rename = "zh-CN")]
    pub zh_cn: String,
}

impl RuleText {
    /// In one language.
    pub fn in_language(&self, language: Language) -> &str {
        match language {
            Language::English => &self.en,
            Language::SimplifiedChinese => &self.zh_cn,
        }
    }
}

/// Why a plan does not let a use go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken<'a> {
    /// A rule could not be evaluated; the first such one.
    Failed(&'a Rule, EvaluationError),
    /// A rule forbids the use; the first such one.
    Forbidden(&'a Rule),
    /// No rule permits it.
    NotPermitted,
}

impl PolicyPlan {
    /// Parses a plan's JSON.
    pub fn parse(json: &[u8]) -> Result<Self, PlanError> {
        format::parse(json)
    }

    /// Reads a plan that stands in an event.
    pub fn from_value(plan: &serde_json::Value) -> Result<Self, PlanError> {
        format::from_value(plan.clone())
    }

    /// From rules and what is said of parties, checked as [`PolicyPlan::parse`] does.
    pub fn new(parties: BTreeMap<Term, Party>, rules: Vec<Rule>) -> Result<Self, PlanError> {
        Self::protecting(parties, Protections::default(), rules)
    }

    /// The same with what is said of how customers are treated.
    pub fn protecting(
        parties: BTreeMap<Term, Party>,
        protections: Protections,
        rules: Vec<Rule>,
    ) -> Result<Self, PlanError> {
        format::check(&parties, &protections, &rules)?;
        let (index, checks) = Index::over(&rules);
        Ok(Self(Arc::new(Compiled { parties, protections, rules, checks, index })))
    }

    /// The plan's JSON.
    pub fn to_json(&self) -> Vec<u8> {
        // string keys, no fallible serialisers
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// All rules, as they were written.
    pub fn rules(&self) -> &[Rule] {
        &self.0.rules
    }

    /// What is said of parties.
    pub fn parties(&self) -> &BTreeMap<Term, Party> {
        &self.0.parties
    }

    /// How customers are treated.
    pub fn protections(&self) -> &Protections {
        &self.0.protections
    }

    /// Whether data that one party answers for leaves its country with another, as far as the plan says where both are.
    pub fn crosses_border(&self, from: &Term, to: &Term) -> bool {
        let country = |party| self.parties().get(party).map(|party| &party.country);
        country(from).zip(country(to)).is_some_and(|(from, to)| from != to)
    }

    /// Whether the rules let a use go on.
    pub fn judge<'a, S: Source>(&'a self, asked: &S) -> Result<(), Broken<'a>> {
        let mut permitted = false;
        let mut forbidden: Option<usize> = None;
        let mut failed: Option<(usize, EvaluationError)> = None;
        self.0.index.for_each_candidate(asked, |at| {
            let Some((rule, checks)) = self.0.rules.get(at).zip(self.0.checks.get(at)) else { return };
            match (checks.holds(asked), rule.effect) {
                (Ok(true), Effect::Permit) => permitted = true,
                (Ok(true), Effect::Forbid) => forbidden = Some(forbidden.map_or(at, |first| first.min(at))),
                (Err(error), _) if failed.is_none_or(|(first, _)| at < first) => failed = Some((at, error)),
                (Ok(false) | Err(_), _) => {}
            }
        });
        let rule = |at: usize| self.0.rules.get(at);
        if let Some((at, error)) = failed {
            return rule(at).map_or(Err(Broken::NotPermitted), |rule| Err(Broken::Failed(rule, error)));
        }
        if let Some(rule) = forbidden.and_then(rule) {
            return Err(Broken::Forbidden(rule));
        }
        if permitted { Ok(()) } else { Err(Broken::NotPermitted) }
    }
}

/// The plan that permits nothing.
impl Default for PolicyPlan {
    fn default() -> Self {
        let (parties, protections, rules) = (BTreeMap::new(), Protections::default(), Vec::new());
        let (index, checks) = Index::over(&rules);
        Self(Arc::new(Compiled { parties, protections, rules, checks, index }))
    }
}

impl PartialEq for PolicyPlan {
    fn eq(&self, other: &Self) -> bool {
        let Compiled { parties, protections, rules, checks: _, index: _ } = &*self.0;
        *parties == other.0.parties && *protections == other.0.protections && *rules == other.0.rules
    }
}

impl Eq for PolicyPlan {}

impl Rule {
    /// What a use must change so that the rule lets it go on: the attributes that the rule's exception reads (`unless`),
    /// or where it has none all that it reads. By order of [`Attribute::ALL`].
    pub fn turns_on(&self) -> Vec<Attribute> {
        self.when.turns_on()
    }
}

#[cfg(test)]
mod tests;
