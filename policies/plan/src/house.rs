//! House rules: what an enterprise demands of a use beside the customer's grant, judged by facts from outside.
//!
//! Pure: the facts come as arguments, and so does the time. Where they come from is the gate's part. Specified in
//! `docs/spec/facts.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU8;

use grantbook_record::day::UnixSeconds;
use grantbook_record::id::IdError;
use grantbook_record::list::List;
use grantbook_record::strict_json::{self, JsonError};
use grantbook_record::uses::{ReliedFact, UseFacts};
use grantbook_record::{Currency, DenialReason, Price, Term};
use serde::{Deserialize, Serialize};

use crate::decide::{Denial, Detail, Part};
use crate::vocabulary::Vocabulary;

/// The version of the rules' schema.
pub const VERSION: u8 = 1;
/// Bytes of the rules' JSON.
pub const RULES_BYTES_MAX: usize = 256 * 1024;
/// Rules of one enterprise.
pub const RULES_MAX: usize = 256;
/// Facts that one use may rest on, as many as its record has room for.
pub const FACTS_MAX: usize = 8;
/// How far before the decision's clock a source's may go, in seconds. A fact from further ahead says nothing: it would
/// never grow old.
pub const AHEAD_MAX_SECONDS: u64 = 60;

/// A fact from outside, about one requester.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fact {
    /// An amount in minor units, Unix seconds or a level, as the fact's name demands.
    pub value: u64,
    /// Who says so.
    pub source: Term,
    /// As of when.
    pub at: UnixSeconds,
}

/// The rules of an enterprise.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HouseRules(Vec<Rule>);

/// One rule: where the condition holds, the demand must be met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    id: Term,
    when: When,
    demand: Demand,
    /// The name of the fact that the demand is about.
    fact: Term,
}

/// To which uses a rule applies; an absent part is met by any use.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// Who asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requester: Option<Term>,
    /// Who receives the data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient: Option<Term>,
    /// What for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<Term>,
    /// What is done with the data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Term>,
    /// Categories of which the use names at least one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub categories: Option<List<Term, 1, 16>>,
}

/// What a rule demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Demand {
    /// The requester's budget pays for the use.
    BudgetLeft(BudgetLeft),
    /// The requester's certificate is valid.
    CertificateValid(CertificateValid),
    /// The requester gets the data masked as far as the team's access policy demands.
    MaskingLevel(MaskingLevel),
}

/// A budget that pays for the use. The fact's value: minor units that are left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BudgetLeft {
    /// The budget's currency; a use that pays in another one is not paid by it.
    pub currency: Currency,
    /// How old the fact may be.
    pub max_age_seconds: MaxAge,
}

/// A certificate that is valid now. The fact's value: the first second at which it is valid no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateValid {
    /// How old the fact may be.
    pub max_age_seconds: MaxAge,
}

/// Data that is masked far enough. The fact's value: the level at which it is masked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaskingLevel {
    /// The level that the team's access policy demands.
    pub least: NonZeroU8,
    /// How old the fact may be.
    pub max_age_seconds: MaxAge,
}

/// How old a fact may be: 1 to 31,622,400 seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct MaxAge(u32);

impl MaxAge {
    /// 366 days.
    const LONGEST: u32 = 31_622_400;

    /// In seconds.
    pub fn seconds(self) -> u64 {
        self.0.into()
    }
}

impl TryFrom<u64> for MaxAge {
    type Error = &'static str;
    fn try_from(seconds: u64) -> Result<Self, Self::Error> {
        let seconds = u32::try_from(seconds).ok().filter(|seconds| (1..=Self::LONGEST).contains(seconds));
        seconds.map(Self).ok_or("out of range, expected 1 to 31622400")
    }
}

impl From<MaxAge> for u64 {
    fn from(age: MaxAge) -> Self {
        age.seconds()
    }
}

/// Why rules were refused, whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HouseError {
    /// Larger than [`RULES_BYTES_MAX`].
    #[error("house rules of {got} bytes, expected at most {RULES_BYTES_MAX}")]
    TooLarge {
        /// Their bytes.
        got: usize,
    },
    /// The JSON departs from the schema.
    #[error("refused house rules: {0}")]
    Json(#[source] JsonError),
    /// A version that this reader does not know.
    #[error("house rules of version {got}, expected {VERSION}")]
    Version {
        /// As written.
        got: u8,
    },
    /// Two rules of one id.
    #[error("two rules {rule}, expected each id once")]
    Repeated {
        /// The id.
        rule: Term,
    },
    /// A condition on a word that no use can have.
    #[error("rule {rule} turns on an unknown {}, expected a word of the vocabulary", part.word())]
    UnknownWord {
        /// The rule's id.
        rule: Term,
        /// Where the word stands.
        part: Part,
    },
    /// Rules about more facts than the record of a use has room for.
    #[error("rules about {got} facts, expected at most {FACTS_MAX}")]
    TooManyFacts {
        /// How many they are about.
        got: usize,
    },
    /// The name of a fact is no term; not met, since currencies are letters.
    #[error(transparent)]
    Fact(#[from] IdError),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRules {
    version: u8,
    rules: List<RawRule, 0, RULES_MAX>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    id: Term,
    #[serde(default)]
    when: When,
    demand: Demand,
}

impl HouseRules {
    /// Parses the rules' JSON. Refuses all of them where one is not understood or could never apply: a rule that is
    /// left out permits.
    pub fn parse(json: &[u8], vocabulary: &Vocabulary) -> Result<Self, HouseError> {
        if json.len() > RULES_BYTES_MAX {
            return Err(HouseError::TooLarge { got: json.len() });
        }
        let RawRules { version, rules } = strict_json::parse(json).map_err(HouseError::Json)?;
        if version != VERSION {
            return Err(HouseError::Version { got: version });
        }
        let mut ids = BTreeSet::new();
        let mut parsed = Vec::with_capacity(rules.len());
        for RawRule { id, when, demand } in rules.iter().cloned() {
            if !ids.insert(id.clone()) {
                return Err(HouseError::Repeated { rule: id });
            }
            if let Some(part) = when.unknown(vocabulary) {
                return Err(HouseError::UnknownWord { rule: id, part });
            }
            let fact = Term::parse(&demand.fact())?;
            parsed.push(Rule { id, when, demand, fact });
        }
        let facts: BTreeSet<&Term> = parsed.iter().map(|rule| &rule.fact).collect();
        if facts.len() > FACTS_MAX {
            return Err(HouseError::TooManyFacts { got: facts.len() });
        }
        Ok(Self(parsed))
    }

    /// All rules, as they were written.
    pub fn rules(&self) -> &[Rule] {
        &self.0
    }

    /// The facts that a use needs, by name, and how old each may be for the strictest rule about it.
    pub fn needs(&self, facts: &UseFacts) -> BTreeMap<&Term, MaxAge> {
        let mut needs = BTreeMap::new();
        for rule in self.applying(facts) {
            let max_age = rule.demand.max_age();
            needs
                .entry(&rule.fact)
                .and_modify(|age: &mut MaxAge| *age = max_age.min(*age))
                .or_insert(max_age);
        }
        needs
    }

    /// Judges a use at `now` that pays `payout`, by the facts about its requester, by name. Gives those on which it
    /// rests, each once and by rising name; or the denial, whose grant is for the caller to name.
    pub fn judge(
        &self,
        facts: &UseFacts,
        payout: Price,
        supplied: &BTreeMap<Term, Fact>,
        now: UnixSeconds,
    ) -> Result<List<ReliedFact, 0, FACTS_MAX>, Denial> {
        let mut relied = BTreeMap::new();
        let mut first: Option<Denial> = None;
        for rule in self.applying(facts) {
            let fact =
                supplied.get(&rule.fact).filter(|fact| fact.at.0 <= now.0.saturating_add(AHEAD_MAX_SECONDS));
            match rule.demand.check(fact, payout, now) {
                Ok(fact) => {
                    relied.insert(&rule.fact, fact);
                }
                Err(reason) if first.as_ref().is_none_or(|denial| reason < denial.reason) => {
                    first = Some(rule.denial(reason, fact, now));
                }
                Err(_) => {}
            }
        }
        if let Some(denial) = first {
            return Err(denial);
        }
        let relied = relied.into_iter().map(|(name, fact)| ReliedFact {
            fact: name.clone(),
            value: fact.value,
            source: fact.source.clone(),
            at: fact.at,
        });
        List::new(relied.collect()).ok_or(Denial::of(DenialReason::EvaluationError))
    }

    fn applying(&self, facts: &UseFacts) -> impl Iterator<Item = &Rule> {
        self.0.iter().filter(|rule| rule.when.holds(facts))
    }
}

impl Rule {
    /// Its id, unique among the rules.
    pub fn id(&self) -> &Term {
        &self.id
    }

    /// To which uses it applies.
    pub fn when(&self) -> &When {
        &self.when
    }

    /// What it demands.
    pub fn demand(&self) -> &Demand {
        &self.demand
    }

    /// The name of the fact that it needs.
    pub fn fact(&self) -> &Term {
        &self.fact
    }

    fn denial(&self, reason: DenialReason, fact: Option<&Fact>, now: UnixSeconds) -> Denial {
        let detail = Detail::Fact {
            rule: self.id.clone(),
            fact: self.fact.clone(),
            source: fact.map(|fact| fact.source.clone()),
            age_seconds: fact.map(|fact| fact.age(now)),
        };
        Denial { reason, grant: None, detail: Some(detail) }
    }
}

impl When {
    /// Whether a use meets every part.
    pub fn holds(&self, facts: &UseFacts) -> bool {
        let is = |wanted: &Option<Term>, got: &Term| wanted.as_ref().is_none_or(|wanted| wanted == got);
        is(&self.requester, &facts.requester)
            && is(&self.recipient, &facts.recipient)
            && is(&self.purpose, &facts.purpose)
            && is(&self.action, &facts.action)
            && self.categories.as_ref().is_none_or(|any| any.iter().any(|one| facts.categories.contains(one)))
    }

    /// The first part with a word that the vocabulary does not have. Parties are no words of it.
    fn unknown(&self, vocabulary: &Vocabulary) -> Option<Part> {
        let categories = self.categories.as_deref().unwrap_or_default();
        if self.purpose.as_ref().is_some_and(|purpose| !vocabulary.has_purpose(purpose)) {
            Some(Part::Purpose)
        } else if categories.iter().any(|category| !vocabulary.has_category(category)) {
            Some(Part::Category)
        } else if self.action.as_ref().is_some_and(|action| !vocabulary.has_action(action)) {
            Some(Part::Action)
        } else {
            None
        }
    }
}

impl Demand {
    /// The name of the fact that it is about. Budgets of two currencies are two facts.
    fn fact(&self) -> String {
        match self {
            Self::BudgetLeft(budget) => {
                format!("budget_left_{}", budget.currency.code().to_ascii_lowercase())
            }
            Self::CertificateValid(_) => "certificate_valid".to_owned(),
            Self::MaskingLevel(_) => "masking_level".to_owned(),
        }
    }

    /// How old the fact may be.
    pub fn max_age(&self) -> MaxAge {
        match self {
            Self::BudgetLeft(BudgetLeft { max_age_seconds, .. })
            | Self::CertificateValid(CertificateValid { max_age_seconds })
            | Self::MaskingLevel(MaskingLevel { max_age_seconds, .. }) => *max_age_seconds,
        }
    }

    /// The fact, if it is there, is young enough, and meets the demand.
    fn check<'a>(
        &self,
        fact: Option<&'a Fact>,
        payout: Price,
        now: UnixSeconds,
    ) -> Result<&'a Fact, DenialReason> {
        let fact = fact.ok_or(DenialReason::FactMissing)?;
        if fact.age(now) > self.max_age().seconds() {
            return Err(DenialReason::FactStale);
        }
        let (met, otherwise) = match self {
            Self::BudgetLeft(budget) => {
                let pays = budget.currency == payout.currency && fact.value >= payout.minor.into();
                (pays || payout.minor == 0, DenialReason::Budget)
            }
            Self::CertificateValid(_) => (fact.value > now.0, DenialReason::Certificate),
            Self::MaskingLevel(masking) => {
                (fact.value >= masking.least.get().into(), DenialReason::MaskingLevel)
            }
        };
        if met { Ok(fact) } else { Err(otherwise) }
    }
}

impl Fact {
    /// How old it is at `now`, in seconds; 0 where its source's clock is ahead.
    pub fn age(&self, now: UnixSeconds) -> u64 {
        now.0.saturating_sub(self.at.0)
    }
}

#[cfg(test)]
mod tests;
