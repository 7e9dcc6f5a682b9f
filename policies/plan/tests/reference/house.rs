//! House rules against the slow reference of them, on random rules, facts and uses.

use std::collections::BTreeMap;

use grantbook_plan::{Fact, HouseRules, Vocabulary};
use grantbook_record::uses::UseFacts;
use grantbook_record::{Currency, DenialReason, Price, Term, UnixSeconds};
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Map, Value, json};

use crate::config;
use crate::slow_house::{Answer, House, slow};

const NOW: u64 = 1_795_000_000;
const NAMES: &[&str] = &["budget_left_cny", "budget_left_eur", "certificate_valid", "masking_level"];

fn fast(house: &House) -> Answer {
    let json = json!({"version": 1, "rules": house.rules}).to_string();
    let rules = HouseRules::parse(json.as_bytes(), Vocabulary::builtin()).unwrap();
    let judged = rules.judge(&house.facts, house.payout, &house.supplied, UnixSeconds(NOW));
    judged
        .map(|relied| relied.iter().map(|fact| fact.fact.to_string()).collect())
        .map_err(|denial| denial.reason)
}

fn when() -> impl Strategy<Value = Value> {
    let part = |words: &'static [&'static str]| weighted(0.25, select(words).prop_map(|word| json!(word)));
    let categories = weighted(0.3, vec(select(&["driving", "purchases", "contact"][..]), 1..3));
    let parts = (
        part(&["pricing", "claims"]),
        part(&["sure-insurance", "other"]),
        part(&["research", "marketing"]),
        part(&["read", "train"]),
        categories.prop_map(|categories| categories.map(|categories| json!(categories))),
    );
    parts.prop_map(|(requester, recipient, purpose, action, categories)| {
        let parts = [
            ("requester", requester),
            ("recipient", recipient),
            ("purpose", purpose),
            ("action", action),
            ("categories", categories),
        ];
        let given = parts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Value::Object(given.collect::<Map<_, _>>())
    })
}

fn demand() -> impl Strategy<Value = Value> {
    let age = 1..=4_u64;
    prop_oneof![
        (select(&["CNY", "EUR"][..]), age.clone()).prop_map(
            |(currency, age)| json!({"budget_left": {"currency": currency, "max_age_seconds": age}})
        ),
        age.clone().prop_map(|age| json!({"certificate_valid": {"max_age_seconds": age}})),
        (1..=3_u64, age)
            .prop_map(|(least, age)| json!({"masking_level": {"least": least, "max_age_seconds": age}})),
    ]
}

fn rule_list() -> impl Strategy<Value = Vec<Value>> {
    vec((when(), demand()), 0..=5).prop_map(|rules| {
        let named = rules.into_iter().enumerate();
        named
            .map(|(n, (when, demand))| json!({"id": format!("r{n}"), "when": when, "demand": demand}))
            .collect()
    })
}

fn use_facts() -> impl Strategy<Value = UseFacts> {
    let categories = vec(select(&["driving", "purchases"][..]), 1..=2);
    (select(&["pricing", "claims"][..]), select(&["research", "marketing"][..]), categories).prop_map(
        |(requester, purpose, categories)| {
            let facts = json!({
                "data_subject": "cs-00004", "requester": requester, "recipient": "sure-insurance",
                "purpose": purpose, "action": "read", "categories": categories, "fields": ["date"],
                "data_period": {"from": "2025-07-01", "to": "2025-07-31"},
            });
            serde_json::from_value(facts).unwrap()
        },
    )
}

fn fact(name: &'static str) -> impl Strategy<Value = Option<(Term, Fact)>> {
    let values = match name {
        "certificate_valid" => (NOW - 1..=NOW + 2).boxed(),
        "masking_level" => (0..=4_u64).boxed(),
        _ => (0..=6_u64).boxed(),
    };
    let at = prop_oneof![6 => NOW - 5..=NOW, 1 => NOW + 59..=NOW + 62];
    weighted(0.85, (values, at)).prop_map(move |fact| {
        let (value, at) = fact?;
        let source = Term::parse("finance").unwrap();
        Some((Term::parse(name).unwrap(), Fact { value, source, at: UnixSeconds(at) }))
    })
}

fn house() -> impl Strategy<Value = House> {
    let supplied: Vec<_> = NAMES.iter().map(|name| fact(name)).collect();
    let payout = prop_oneof![
        2 => (0..=4_u32, select(&["CNY", "EUR"][..]))
            .prop_map(|(minor, code)| Price { currency: Currency::parse(code).unwrap(), minor }),
        1 => Just(Price { currency: Currency::NONE, minor: 0 }),
    ];
    (rule_list(), use_facts(), payout, supplied).prop_map(|(rules, facts, payout, supplied)| House {
        rules,
        facts,
        payout,
        supplied: supplied.into_iter().flatten().collect(),
        now: NOW,
    })
}

proptest! {
    #![proptest_config(config(10_000))]

    #[test]
    fn house_rules_agree_with_the_slow_reference(house in house()) {
        prop_assert_eq!(fast(&house), slow(&house));
    }
}

proptest! {
    #![proptest_config(config(4_000))]

    /// A further rule never turns a denial into a permit.
    #[test]
    fn further_rules_permit_no_more(before in house(), more in rule_list()) {
        prop_assume!(fast(&before).is_err());
        let mut after = before.clone();
        for (n, mut rule) in more.into_iter().enumerate() {
            rule["id"] = json!(format!("more{n}"));
            after.rules.push(rule);
        }
        prop_assert!(fast(&after).is_err());
    }

    /// Nor does a fact that goes missing, or one that grows older.
    #[test]
    fn missing_and_older_facts_permit_no_more(before in house(), which in any::<prop::sample::Index>(), older in 0..5_u64) {
        if fast(&before).is_err() && !before.supplied.is_empty() {
            let name = before.supplied.keys().nth(which.index(before.supplied.len())).unwrap().clone();
            let mut missing = before.clone();
            missing.supplied.remove(&name);
            prop_assert!(fast(&missing).is_err());
            let mut aged = before.clone();
            let fact = aged.supplied.get_mut(&name).unwrap();
            // one from the future comes true
            if fact.at.0 <= NOW {
                fact.at.0 -= older;
                prop_assert!(fast(&aged).is_err());
            }
        }
    }
}

/// Otherwise the agreement above would say little.
#[test]
fn random_houses_reach_every_answer() {
    use DenialReason::{Budget, Certificate, FactMissing, FactStale, MaskingLevel};
    let mut runner = TestRunner::deterministic();
    let mut seen: BTreeMap<Option<DenialReason>, u32> = BTreeMap::new();
    for _ in 0..4_000 {
        let house = house().new_tree(&mut runner).unwrap().current();
        *seen.entry(slow(&house).err()).or_default() += 1;
    }
    for answer in
        [Budget, FactMissing, FactStale, Certificate, MaskingLevel].map(Some).into_iter().chain([None])
    {
        assert!(seen.get(&answer).is_some_and(|times| *times >= 40), "{answer:?} in {seen:?}");
    }
}
