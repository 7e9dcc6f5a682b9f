//! What a use meets beside the customer's grants: the enterprise's rules and facts, budgets, obligations, a requester that is
//! suspended. What the doors should make of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use grantbook_plan::{Fact, HouseRules, Vocabulary};
use grantbook_record::list::List;
use grantbook_record::terms::{Compensation, Obligation};
use grantbook_record::{Currency, DenialReason, Price, Term, Terms, UnixSeconds};
use grantbook_sdk::House;
use grantbook_sdk::breaker::Breaker;
use grantbook_sdk::facts::{FactSource, Facts, FileSource, Statement, Trust};
use serde_json::{Value, json};

use super::doors::Door;
use super::slow::Answer;
use super::slow_house::{self, House as SlowHouse};
use super::stage::Played;
use crate::world::term;

const SOURCE: &str = "office";

/// What is the case around one use.
pub(super) struct Surroundings {
    pub(super) requester: Term,
    /// Those of `suspended`, `behind` and `unknown_obligation` that hold.
    pub(super) holds: BTreeSet<DenialReason>,
    /// What is left of the ledger's budget for the project.
    pub(super) budget: Option<u32>,
    payout: Price,
    /// Facts by their name: the value, and how old they are.
    supplied: Vec<(&'static str, u64, u64)>,
}

const PRICE: u32 = 80;
const GOOD: u64 = 1000;

fn nothing() -> Price {
    Price { currency: Currency::NONE, minor: 0 }
}

fn rules() -> Value {
    json!([
        {"id": "paid", "when": {"purpose": "research"},
            "demand": {"budget_left": {"currency": "CNY", "max_age_seconds": 600}}},
        {"id": "certified", "when": {"categories": ["driving"]},
            "demand": {"certificate_valid": {"max_age_seconds": 600}}},
        {"id": "masked", "when": {"recipient": "partner", "action": "read"},
            "demand": {"masking_level": {"least": 2, "max_age_seconds": 600}}},
    ])
}

impl Surroundings {
    /// A different one for each number, in which nothing, one or several things are wrong.
    pub(super) fn of(number: usize) -> Self {
        let fact = |name, bad: u64, good: u64, of: usize| match number % of {
            0 => None,
            1 => Some((name, good, 3600)),
            2 | 3 => Some((name, bad, 60)),
            _ => Some((name, good, 60)),
        };
        let supplied = [
            fact("budget_left_cny", u64::from(PRICE) - 1, u64::from(PRICE), 11),
            // how much longer it is valid, from the second before the question
            fact("certificate_valid", 0, GOOD, 8),
            fact("masking_level", 1, 2, 13),
        ];
        let holds = [
            (number % 16 == 3, DenialReason::Suspended),
            (number % 9 == 4, DenialReason::Behind),
            (number % 7 == 5, DenialReason::UnknownObligation),
        ];
        Self {
            requester: term(&format!("project-{number}")),
            holds: holds.into_iter().filter_map(|(holds, reason)| holds.then_some(reason)).collect(),
            budget: match number % 5 {
                1 => Some(PRICE - 1),
                2 => Some(PRICE * 10),
                _ => None,
            },
            payout: if number.is_multiple_of(3) {
                nothing()
            } else {
                Price { currency: Currency::parse("CNY").unwrap(), minor: PRICE }
            },
            supplied: supplied.into_iter().flatten().collect(),
        }
    }

    pub(super) fn change(&self, terms: &mut Terms) {
        if self.payout.minor > 0 {
            terms.compensation = Compensation::PerUse(self.payout);
        }
        if self.holds.contains(&DenialReason::UnknownObligation) {
            let obligations = json!([{"notify": {"party": "ombudsman"}}]);
            let obligations: Vec<Obligation> = serde_json::from_value(obligations).unwrap();
            terms.obligations = List::new(obligations).unwrap();
        }
    }

    fn statements(&self, now: UnixSeconds) -> impl Iterator<Item = Statement> {
        self.supplied.iter().map(move |(name, value, age)| {
            let value = if *name == "certificate_valid" { now.0 - 1 + value } else { *value };
            let (fact, source, at) = (term(name), term(SOURCE), UnixSeconds(now.0 - age));
            Statement { fact, requester: self.requester.clone(), value, source, at }
        })
    }

    /// What the enterprise's rules make of it, by their slow reference.
    fn denied_by_rules(&self, played: &Played, payout: Price, now: UnixSeconds) -> Option<DenialReason> {
        let supplied: BTreeMap<Term, Fact> = self
            .statements(now)
            .map(|Statement { fact, value, source, at, .. }| (fact, Fact { value, source, at }))
            .collect();
        let rules = rules().as_array().unwrap().clone();
        let house = SlowHouse { rules, facts: played.facts().clone(), payout, supplied, now: now.0 };
        slow_house::slow(&house).err()
    }

    /// The reasons that a door finds by itself, and those that only the ledger can find.
    pub(super) fn reasons(
        &self,
        played: &Played,
        door: Door,
        now: UnixSeconds,
    ) -> (Vec<DenialReason>, Vec<DenialReason>) {
        let reason = |answer: Answer| answer.err().map(|(reason, _)| reason);
        let when = |reason| self.holds.get(&reason).copied();
        let suspended = when(DenialReason::Suspended);
        let behind = when(DenialReason::Behind);
        let obliged = when(DenialReason::UnknownObligation);
        let is_unpaid = self.budget.is_some_and(|left| left < self.payout.minor);
        let unpaid = is_unpaid.then_some(DenialReason::Budget);
        let decided = reason(played.case.answer);
        let (own, asked) = if door == Door::Embedded {
            let rules = self.denied_by_rules(played, self.payout, now);
            let own = [suspended, behind, reason(played.case.uncounted), rules, obliged];
            (own.to_vec(), vec![decided, unpaid])
        } else {
            // of a payout it knows nothing before the ledger has answered, nor of obligations and the enterprise's words
            let rules = self.denied_by_rules(played, nothing(), now);
            (vec![suspended, rules], vec![behind, decided, unpaid, obliged])
        };
        (own.into_iter().flatten().collect(), asked.into_iter().flatten().collect())
    }
}

/// The enterprise's rules over a file of facts, as they are at `now`; some requesters are suspended.
pub(super) fn house(dir: &Path, name: &str, now: UnixSeconds, all: &[Surroundings]) -> House {
    let facts: Vec<Statement> = all.iter().flat_map(|surroundings| surroundings.statements(now)).collect();
    let file = dir.join(name);
    std::fs::write(&file, json!({"version": 1, "facts": facts}).to_string()).expect("a file");
    let source: Arc<dyn FactSource> = Arc::new(FileSource::new(term(SOURCE), file, Trust::Unsigned));
    let json = json!({"version": 1, "rules": rules()}).to_string();
    let rules = HouseRules::parse(json.as_bytes(), Vocabulary::builtin()).expect("rules");
    let sources = rules.rules().iter().map(|rule| (rule.fact().clone(), Arc::clone(&source))).collect();
    let breaker = Breaker::in_memory();
    for suspended in all.iter().filter(|surroundings| surroundings.holds.contains(&DenialReason::Suspended)) {
        for _ in 0..2 {
            breaker.denied(&suspended.requester, DenialReason::Certificate, now).expect("noted");
        }
    }
    House::new(Facts::start(rules, sources).expect("facts"), Arc::new(breaker))
}
