use std::collections::BTreeMap;

use grantbook_record::day::{UnixMillis, UnixSeconds};
use grantbook_record::encoding::Bytes32;
use grantbook_record::event::{Event, GrantGiven};
use grantbook_record::uses::UseFacts;
use grantbook_record::{DenialReason, Jti, Terms};
use serde_json::{Value, json};

use super::*;
use crate::decide::{BrokenRule, Detail};
use crate::samples::{facts, terms};
use crate::{Admitted, Basis, CustomerState, Decision, EntryRef, UseCount, Vocabulary, decide};

fn rule(id: &str, effect: &str, when: &Value) -> Rule {
    let rule = json!({"id": id, "effect": effect, "text": {"en": id, "zh-CN": id}, "when": when});
    serde_json::from_value(rule).unwrap()
}

fn plan(rules: Vec<Rule>) -> PolicyPlan {
    PolicyPlan::new(BTreeMap::new(), rules).unwrap()
}

fn word(attribute: &str, word: &str) -> Value {
    json!({"equal": [{"attribute": attribute}, {"word": word}]})
}

fn customer(terms: &Terms, birth_day: Option<u32>) -> CustomerState {
    let sub = facts(json!({})).data_subject;
    let given = GrantGiven { sub, terms: terms.clone(), request: None, birth_day, mandate: None };
    let entry = EntryRef { leaf_index: 0, leaf_hash: Bytes32([0; 32]) };
    let jti = Jti::new(UnixMillis(0), [0; 10]);
    let at = terms.validity.start();
    let mut customer = CustomerState::default();
    customer.apply(&Event::GrantGiven(given), &Admitted { jti, entry, at, group: 0 });
    customer
}

fn answer(
    plan: &PolicyPlan,
    customer: &CustomerState,
    facts: &UseFacts,
    now: UnixSeconds,
) -> Result<(), (DenialReason, Option<BrokenRule>)> {
    let basis = Basis::new(Vocabulary::builtin(), Some(plan));
    match decide(basis, Some(customer), |_| UseCount::default(), facts, now) {
        Decision::Permit(_) => Ok(()),
        Decision::Denial(denial) => Err((
            denial.reason,
            match denial.detail {
                Some(Detail::Rule(broken)) => Some(*broken),
                _ => None,
            },
        )),
    }
}

#[test]
fn a_denial_names_the_rule_what_failed_and_what_would_mend_it() {
    let terms = terms(json!({}));
    let now = terms.validity.start();
    let permit = rule("agreed", "permit", &word("grant.status", "active"));
    let unless = json!({"all": [
        word("purpose", terms.purpose.as_str()),
        {"not": {"contains": [{"attribute": "grant.consents"}, {"word": "special"}]}},
    ]});
    let forbid = rule("special", "forbid", &unless);
    let customer = customer(&terms, None);
    assert_eq!(answer(&plan(vec![permit.clone()]), &customer, &facts(json!({})), now), Ok(()));
    let denied = answer(&plan(vec![permit.clone(), forbid]), &customer, &facts(json!({})), now);
    let (reason, broken) = denied.unwrap_err();
    let broken = broken.unwrap();
    assert_eq!((reason, broken.rule.as_str()), (DenialReason::Policy, "special"));
    assert_eq!(broken.failed, ["grant.consents".into()]);
    assert_eq!(broken.demands.en, "special");
    assert_eq!(
        answer(&plan(Vec::new()), &customer, &facts(json!({})), now),
        Err((DenialReason::Policy, None))
    );
    let reads = json!({"less": [{"attribute": "customer.age"}, {"long": 14}]});
    let failing = plan(vec![permit, rule("minors", "forbid", &reads)]);
    let (reason, broken) = answer(&failing, &customer, &facts(json!({})), now).unwrap_err();
    assert_eq!(reason, DenialReason::PolicyError);
    assert_eq!(broken.unwrap().failed, ["customer.age".into()]);
}

/// 2004-02-29 is day 38,044 since 1900-01-01: 16 years old on 2020-02-29.
#[test]
fn a_birth_day_makes_an_age_until_the_last_grant_is_forgotten() {
    let terms = terms(json!({}));
    let now = terms.validity.start();
    let young = json!({"all": [
        {"has": "customer.age"},
        {"less": [{"attribute": "customer.age"}, {"long": 200}]},
    ]});
    let plan = plan(vec![rule("all", "permit", &json!({"bool": true})), rule("young", "forbid", &young)]);
    let mut known = customer(&terms, Some(38_044));
    assert_eq!(answer(&plan, &known, &facts(json!({})), now).unwrap_err().0, DenialReason::Policy);
    assert_eq!(answer(&plan, &customer(&terms, None), &facts(json!({})), now), Ok(()));
    known.forget_grant(0);
    assert_eq!(known.birth_day, None);
}

/// What the plan is asked of a real decision is what the use and the grant say.
#[test]
fn attributes_are_those_of_the_use_and_its_grant() {
    let terms = terms(json!({}));
    let facts = facts(json!({}));
    let customer = customer(&terms, Some(38_044));
    let party = |country: &str, safeguards: &[&str]| Party {
        country: Term::parse(country).unwrap(),
        safeguards: safeguards.iter().map(|one| Term::parse(one).unwrap()).collect(),
    };
    let parties = BTreeMap::from([(facts.recipient.clone(), party("de", &["adequacy", "certification"]))]);
    let plan = PolicyPlan::new(parties, Vec::new()).unwrap();
    let grant = &(&customer.grants[0]).into();
    let basis = Basis::new(Vocabulary::builtin(), Some(&plan)).of(&customer);
    let read = |facts: &UseFacts| {
        let now = terms.validity.start();
        let asked = Asked::new((&plan, Vocabulary::builtin().latest()), grant, facts, &basis, now);
        Values::of(&asked).unwrap()
    };
    let values = serde_json::to_value(read(&facts)).unwrap();
    for (name, expected) in [
        ("requester", json!(facts.requester)),
        ("purpose", json!(facts.purpose)),
        ("recipient", json!(facts.recipient)),
        ("countries", json!(["de"])),
        ("safeguards", json!(["adequacy", "certification"])),
        ("sensitivities", json!(["ordinary"])),
        ("data_from", json!(facts.data_period.from().0)),
        ("data_to", json!(facts.data_period.to().0)),
        ("now", json!(terms.validity.start().0)),
        ("grant.status", json!("active")),
        ("grant.starts", json!(terms.validity.start().0)),
        ("grant.ends", json!(terms.validity.end().0)),
        ("grant.template", json!(terms.template.id)),
        ("grant.price", json!(terms.compensation.price_minor())),
        ("grant.language", json!("en")),
    ] {
        assert_eq!(values[name], expected, "{name}");
    }
    // of somebody to whom it is passed on nothing is said
    let mut onward = serde_json::to_value(&facts).unwrap();
    onward["onward"] = json!(["someone"]);
    let values = serde_json::to_value(read(&serde_json::from_value(onward).unwrap())).unwrap();
    assert_eq!(values["countries"], json!(["de", "unknown"]));
    assert_eq!(values["safeguards"], json!([]));
}

/// Leaving rules out by the index changes no answer: the same plan without guards says the same.
#[test]
fn the_index_leaves_out_only_what_would_not_matter() {
    let terms = terms(json!({}));
    let customer = customer(&terms, None);
    let now = terms.validity.start();
    let facts = facts(json!({}));
    let conditions = [
        json!({"bool": true}),
        word("purpose", facts.purpose.as_str()),
        word("purpose", "research"),
        json!({"less": [{"attribute": "customer.age"}, {"long": 14}]}),
        json!({"contains": [{"words": ["share", facts.action.as_str()]}, {"attribute": "action"}]}),
        json!({"contains_any": [{"attribute": "categories"}, {"words": ["driving"]}]}),
        json!({"has": "level"}),
    ];
    let mut seen = std::collections::BTreeSet::new();
    for effect in ["permit", "forbid"] {
        for first in &conditions {
            for second in &conditions {
                let indexed = json!({"all": [first, second]});
                // nothing is known of what stands below `if`
                let opaque = json!({"if": [indexed.clone(), {"bool": true}, {"bool": false}]});
                let answers = [indexed, opaque].map(|when| {
                    let rules = vec![rule("all", "permit", &json!({"bool": true})), rule("r", effect, &when)];
                    answer(&plan(rules), &customer, &facts, now).map_err(|(reason, _)| reason)
                });
                assert_eq!(answers[0], answers[1], "{effect} {first} {second}");
                seen.insert(answers[0].err());
            }
        }
    }
    assert_eq!(seen.len(), 3, "{seen:?}");
}
