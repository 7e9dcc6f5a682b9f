//! Cases: uses with the answer that an author expects of a draft of terms.

use grantbook_plan::{Admitted, CustomerState, Decision, Denial, EntryRef, UseCount, Vocabulary, decide};
use grantbook_record::day::{UnixMillis, UnixSeconds};
use grantbook_record::encoding::Bytes32;
use grantbook_record::event::{Event, GrantGiven};
use grantbook_record::uses::UseFacts;
use grantbook_record::{DenialReason, Jti, Terms};
use serde::{Deserialize, Serialize};

/// A use and what the gate should answer if the terms were granted and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What it shows.
    pub name: String,
    /// The use.
    #[serde(rename = "use")]
    pub facts: UseFacts,
    /// When; absent: the first second of the terms' validity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<UnixSeconds>,
    /// Uses made before, over the grant's whole life.
    #[serde(default)]
    pub uses_before: u64,
    /// The answer.
    pub expect: Expected,
}

/// An expected answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    /// The use may go on.
    Permit,
    /// It may not, for this reason.
    Denial(DenialReason),
}

/// A case that came out otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{name}: got {}, expected {expected}", Expected::of(got.as_ref()))]
pub struct Failure {
    /// The case's name.
    pub name: String,
    /// What was expected.
    pub expected: Expected,
    /// What came; `None`: a permit.
    pub got: Option<Denial>,
}

impl Expected {
    fn of(answer: Option<&Denial>) -> Self {
        answer.map_or(Self::Permit, |denial| Self::Denial(denial.reason))
    }
}

impl std::fmt::Display for Expected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Permit => f.write_str("permit"),
            Self::Denial(reason) => write!(f, "denial: {reason}"),
        }
    }
}

/// Tries every case and returns those that came out otherwise.
pub fn run(terms: &Terms, cases: &[Case], vocabulary: &Vocabulary) -> Vec<Failure> {
    let failures = cases.iter().filter_map(|case| {
        let got = answer(terms, case, vocabulary);
        (Expected::of(got.as_ref()) != case.expect).then(|| Failure {
            name: case.name.clone(),
            expected: case.expect,
            got,
        })
    });
    failures.collect()
}

/// The denial, if any, once the case's customer has granted the terms.
fn answer(terms: &Terms, case: &Case, vocabulary: &Vocabulary) -> Option<Denial> {
    let starts = terms.validity.start();
    let event = GrantGiven {
        sub: case.facts.data_subject.clone(),
        terms: terms.clone(),
        request: None,
        birth_day: None,
        mandate: None,
    };
    let admitted = Admitted {
        jti: Jti::new(UnixMillis(starts.0.saturating_mul(1000)), [0; 10]),
        entry: EntryRef { leaf_index: 0, leaf_hash: Bytes32([0; 32]) },
        at: starts,
        group: 0,
    };
    let mut customer = CustomerState::default();
    customer.apply(&Event::GrantGiven(event), &admitted);
    let count = UseCount { uses: case.uses_before, ..UseCount::default() };
    match decide(vocabulary, Some(&customer), |_| count, &case.facts, case.at.unwrap_or(starts)) {
        Decision::Permit(_) => None,
        Decision::Denial(denial) => Some(denial),
    }
}

#[cfg(test)]
mod tests;
