//! The frozen vectors of `docs/spec/facts.md`, and that page's example.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use grantbook_plan::{Denial, Fact, HouseRules, Vocabulary};
use grantbook_record::list::List;
use grantbook_record::uses::{ReliedFact, UseFacts};
use grantbook_record::{Currency, Price, Term, UnixSeconds};
use serde::Deserialize;
use serde_json::Value;

const VECTORS: &str = include_str!("../../../tests/vectors/facts.json");
const PAGE: &str = include_str!("../../../docs/spec/facts.md");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vectors {
    #[serde(rename = "about")]
    _about: String,
    rules: BTreeMap<String, Value>,
    cases: Vec<Case>,
    refused: Vec<Refused>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    rules: String,
    #[serde(rename = "use")]
    facts_of_use: UseFacts,
    payout: Payout,
    facts: BTreeMap<Term, Fact>,
    now: UnixSeconds,
    expect: Expect,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Payout {
    currency: Option<Currency>,
    minor: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Expect {
    ReliedOn(List<ReliedFact, 0, 8>),
    Denial(Denial),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refused {
    name: String,
    rules: Value,
    error: String,
}

fn vectors() -> Vectors {
    serde_json::from_str(VECTORS).unwrap()
}

fn parse(rules: &Value) -> Result<HouseRules, String> {
    HouseRules::parse(rules.to_string().as_bytes(), Vocabulary::builtin()).map_err(|error| error.to_string())
}

#[test]
fn every_case_is_judged_as_expected() {
    let Vectors { rules, cases, .. } = vectors();
    let mut names = BTreeSet::new();
    for case in cases {
        let Case { name, rules: of, facts_of_use, payout, facts, now, expect } = case;
        let rules = parse(rules.get(&of).unwrap()).unwrap();
        let payout = Price { currency: payout.currency.unwrap_or(Currency::NONE), minor: payout.minor };
        let expected = match expect {
            Expect::ReliedOn(facts) => Ok(facts),
            Expect::Denial(denial) => Err(denial),
        };
        assert_eq!(rules.judge(&facts_of_use, payout, &facts, now), expected, "{name}");
        assert!(names.insert(name));
    }
}

#[test]
fn rules_that_are_not_understood_are_refused() {
    for Refused { name, rules, error } in vectors().refused {
        let got = parse(&rules).unwrap_err();
        assert!(got.starts_with(&error), "{name}: {got}");
    }
}

#[test]
fn the_pages_example_is_of_the_schema() {
    let (_, rest) = PAGE.split_once("```json\n").unwrap();
    let (rules, _) = rest.split_once("```").unwrap();
    assert_eq!(HouseRules::parse(rules.as_bytes(), Vocabulary::builtin()).unwrap().rules().len(), 3);
}
