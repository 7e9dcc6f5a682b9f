//! What a simulation comes to: counts alone, of uses and of customers, and nobody's name.

use std::collections::{BTreeMap, HashSet};

use grantbook_record::day::UnixSeconds;
use grantbook_record::{DenialReason, Term};
use serde::{Deserialize, Serialize};

use super::{Judged, Verdict, Window};

/// Uses, and the customers whose data they are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sum {
    /// Uses.
    pub uses: u64,
    /// Customers, each once.
    pub customers: u64,
}

/// What becomes of a use, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// It is permitted.
    Permitted,
    /// It is permitted, under another grant than by the rules in force.
    PermittedByAnother,
    /// It is denied.
    #[serde(untagged)]
    Denied(DenialReason),
}

impl Word {
    /// The word.
    pub fn code(self) -> &'static str {
        match self {
            Self::Permitted => "permitted",
            Self::PermittedByAnother => "permitted_by_another",
            Self::Denied(reason) => reason.code(),
        }
    }
}

/// Uses on which the two sides differ alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// By the rules in force.
    pub now: Word,
    /// By the candidate.
    pub then: Word,
    /// The rule: the candidate's that denies, otherwise the one in force that does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<Term>,
    /// How many.
    #[serde(flatten)]
    pub sum: Sum,
}

/// What would have been different.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// First second that is judged, Unix.
    pub since: UnixSeconds,
    /// First second after, Unix; absent: there is none.
    #[serde(default = "never", skip_serializing_if = "is_never")]
    pub until: UnixSeconds,
    /// Recorded uses and denials that were judged.
    pub judged: Sum,
    /// Of these, uses that are permitted now.
    pub permitted: Sum,
    /// Records that nobody can read any more, or whose grants nobody can.
    pub unreadable: u64,
    /// Permitted now, and denied by the candidate.
    pub would_deny: Sum,
    /// Denied now, and permitted by the candidate.
    pub would_permit: Sum,
    /// Differences by rule, by rising name.
    pub by_rule: BTreeMap<Term, Sum>,
    /// Differences by what becomes of the use by the candidate.
    pub by_reason: BTreeMap<String, Sum>,
    /// All differences.
    pub differences: Vec<Difference>,
}

fn never() -> UnixSeconds {
    Window::ALL.until
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_never(until: &UnixSeconds) -> bool {
    *until == never()
}

/// Uses and the numbers of their customers.
#[derive(Default)]
struct Counted {
    uses: u64,
    customers: HashSet<usize>,
}

impl Counted {
    fn add(&mut self, customer: usize) {
        self.uses += 1;
        self.customers.insert(customer);
    }

    fn sum(&self) -> Sum {
        Sum { uses: self.uses, customers: self.customers.len() as u64 }
    }
}

#[derive(Default)]
pub(super) struct Tally {
    pub(super) unreadable: u64,
    judged: Counted,
    permitted: Counted,
    would_deny: Counted,
    would_permit: Counted,
    by_rule: BTreeMap<Term, Counted>,
    by_reason: BTreeMap<Word, Counted>,
    differences: BTreeMap<(Word, Word, Option<Term>), Counted>,
}

impl Tally {
    pub(super) fn add(&mut self, judged: &Judged, customer: usize) {
        let Judged { now, then } = judged;
        self.judged.add(customer);
        if now.grant().is_some() {
            self.permitted.add(customer);
        }
        if now == then {
            return;
        }
        match (now.grant(), then.grant()) {
            (Some(_), None) => self.would_deny.add(customer),
            (None, Some(_)) => self.would_permit.add(customer),
            _ => {}
        }
        let word = |verdict: &Verdict, permitted| match verdict {
            Verdict::Permitted { .. } => permitted,
            Verdict::Denied { reason, .. } => Word::Denied(*reason),
        };
        let is_another = now.grant().is_some() && then.grant().is_some();
        let permitted = if is_another { Word::PermittedByAnother } else { Word::Permitted };
        let (from, to) = (word(now, Word::Permitted), word(then, permitted));
        let rule = then.rule().or(now.rule()).cloned();
        if let Some(rule) = &rule {
            self.by_rule.entry(rule.clone()).or_default().add(customer);
        }
        self.by_reason.entry(to).or_default().add(customer);
        self.differences.entry((from, to, rule)).or_default().add(customer);
    }

    pub(super) fn report(&self, Window { since, until }: Window) -> Report {
        let differences = self.differences.iter().map(|((now, then, rule), counted)| Difference {
            now: *now,
            then: *then,
            rule: rule.clone(),
            sum: counted.sum(),
        });
        Report {
            since,
            until,
            judged: self.judged.sum(),
            permitted: self.permitted.sum(),
            unreadable: self.unreadable,
            would_deny: self.would_deny.sum(),
            would_permit: self.would_permit.sum(),
            by_rule: self.by_rule.iter().map(|(rule, counted)| (rule.clone(), counted.sum())).collect(),
            by_reason: self
                .by_reason
                .iter()
                .map(|(to, counted)| (to.code().to_owned(), counted.sum()))
                .collect(),
            differences: differences.collect(),
        }
    }
}
