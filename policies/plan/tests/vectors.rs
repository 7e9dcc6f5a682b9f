//! The frozen vectors of `docs/spec/denials.md`, and that page's table.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use grantbook_plan::{Admitted, CustomerState, Decision, Denial, EntryRef, Permission, Status};
use grantbook_plan::{UseCount, Vocabulary, decide, judge_grant};
use grantbook_record::encoding::Bytes32;
use grantbook_record::event::{Event, GrantGiven};
use grantbook_record::terms::Obligation;
use grantbook_record::uses::UseFacts;
use grantbook_record::{Currency, DenialReason, Jti, SubjectId, Terms, UnixMillis, UnixSeconds};
use serde::Deserialize;
use serde_json::{Value, json};

const VECTORS: &str = include_str!("../../../tests/vectors/decision.json");
const CONFORMANCE: &str = include_str!("../../../tests/vectors/conformance.json");
const PAGE: &str = include_str!("../../../docs/spec/denials.md");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vectors {
    #[serde(rename = "about")]
    _about: String,
    terms: BTreeMap<String, Terms>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    grants: Vec<Grant>,
    now: UnixSeconds,
    #[serde(rename = "use")]
    facts: UseFacts,
    expect: Expect,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Grant {
    terms: String,
    id: Jti,
    given: u64,
    status: Status,
    ended_at: Option<UnixSeconds>,
    starts: Option<UnixSeconds>,
    #[serde(default)]
    count: UseCount,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Expect {
    Permit(Permit),
    Denial(Denial),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Permit {
    grant: Jti,
    given: u64,
    payout: Payout,
    retention_days: Option<u32>,
    limited: bool,
    obligations: Vec<Obligation>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Payout {
    currency: Option<Currency>,
    minor: u32,
}

impl From<Expect> for Decision {
    fn from(expect: Expect) -> Self {
        match expect {
            Expect::Denial(denial) => Self::Denial(denial),
            Expect::Permit(Permit { grant, given, payout, retention_days, limited, obligations }) => {
                let currency = payout.currency.unwrap_or(Currency::NONE);
                let payout = grantbook_record::Price { currency, minor: payout.minor };
                Self::Permit(Permission { grant, given, obligations, payout, retention_days, limited })
            }
        }
    }
}

fn customer(grants: &[Grant], terms: &BTreeMap<String, Terms>) -> CustomerState {
    let mut customer = CustomerState::default();
    for grant in grants {
        let entry = EntryRef { leaf_index: grant.given, leaf_hash: Bytes32([0; 32]) };
        let terms = terms[&grant.terms].clone();
        let sub = SubjectId::parse("cs-00004").unwrap();
        let given = GrantGiven { sub, terms, request: None, birth_day: None, mandate: None };
        let admitted = Admitted { jti: grant.id, entry, at: UnixSeconds(0), group: 1 };
        customer.apply(&Event::GrantGiven(given), &admitted);
        let state = customer.grants.last_mut().unwrap();
        state.status = grant.status;
        state.ended_at = grant.ended_at;
        state.starts = grant.starts.unwrap_or(state.starts);
    }
    customer
}

#[test]
fn every_case_is_decided_as_expected() {
    let Vectors { terms, cases, .. } = serde_json::from_str(VECTORS).unwrap();
    let (mut permits, mut denials) = (0, 0);
    for case in cases {
        let customer = customer(&case.grants, &terms);
        let count_of = |id: &Jti| case.grants.iter().find(|grant| grant.id == *id).unwrap().count;
        let decision = decide(Vocabulary::builtin(), Some(&customer), count_of, &case.facts, case.now);
        match &case.expect {
            Expect::Permit(_) => permits += 1,
            Expect::Denial(_) => denials += 1,
        }
        let expected = Decision::from(case.expect);
        assert_eq!(decision, expected, "{}", case.name);

        // a record of this use that names a grant is judged by that grant alone
        if let [grant] = customer.grants.as_slice() {
            let alone = judge_grant(Vocabulary::builtin(), grant, count_of(&grant.id), &case.facts, case.now);
            assert_eq!(alone.is_ok(), matches!(expected, Decision::Permit(_)), "{}", case.name);
        }
    }
    assert!(permits + denials >= 40 && denials >= permits, "{permits} permits, {denials} denials");
}

/// The published conformance cases can be read as they are described, and are decided as they say, with and without the
/// uses so far.
#[test]
fn every_conformance_case_is_decided_as_expected() {
    let Value::Object(published) = serde_json::from_str(CONFORMANCE).unwrap() else { unreachable!() };
    let cases = published["cases"].as_array().unwrap();
    for (number, case) in cases.iter().enumerate() {
        let grants = case["grants"].as_array().unwrap();
        let terms = grants.iter().enumerate().map(|(at, grant)| {
            let mut terms = grant["terms"].clone();
            terms.as_object_mut().unwrap().extend(published["common"].as_object().unwrap().clone());
            (at.to_string(), serde_json::from_value(terms).unwrap())
        });
        let terms: BTreeMap<String, Terms> = terms.collect();
        let id = |at: usize| Jti::new(UnixMillis(0), [u8::try_from(at).unwrap(); 10]);
        let time = |grant: &Value, name: &str| serde_json::from_value(grant[name].clone()).unwrap();
        let grants: Vec<Grant> = grants
            .iter()
            .enumerate()
            .map(|(at, grant)| {
                let uses: Vec<UnixSeconds> = serde_json::from_value(grant["uses"].clone()).unwrap();
                let mut count = UseCount::default();
                let rate = terms[&at.to_string()].limits.rate;
                for at in uses {
                    count.count(rate.as_ref(), at);
                }
                let status: Option<Status> = serde_json::from_value(grant["status"].clone()).unwrap();
                Grant {
                    terms: at.to_string(),
                    id: id(at),
                    given: at as u64,
                    status: status.unwrap_or(Status::Active),
                    ended_at: time(grant, "ended"),
                    starts: time(grant, "starts"),
                    count,
                }
            })
            .collect();
        let customer = customer(&grants, &terms);
        let facts: UseFacts = serde_json::from_value(case["use"].clone()).unwrap();
        let now: UnixSeconds = serde_json::from_value(case["now"].clone()).unwrap();
        let answer = |count_of: &dyn Fn(&Jti) -> UseCount| {
            let at = |jti| grants.iter().position(|grant| grant.id == jti).unwrap();
            match decide(Vocabulary::builtin(), Some(&customer), count_of, &facts, now) {
                Decision::Permit(permission) => json!({"permit": at(permission.grant)}),
                Decision::Denial(Denial { reason, grant: None, .. }) => json!({"reason": reason}),
                Decision::Denial(Denial { reason, grant: Some(grant), .. }) => {
                    json!({"reason": reason, "closest": at(grant)})
                }
            }
        };
        let counted = answer(&|id| grants.iter().find(|grant| grant.id == *id).unwrap().count);
        assert_eq!(counted, case["answer"], "case {number}");
        let in_bulk = answer(&|_| UseCount::default());
        assert_eq!(in_bulk, *case.get("in_bulk").unwrap_or(&case["answer"]), "case {number}");
    }
    assert!(cases.len() >= 500);
}

#[test]
fn names_of_cases_are_unique_and_all_terms_are_used() {
    let Vectors { terms, cases, .. } = serde_json::from_str(VECTORS).unwrap();
    let names: std::collections::BTreeSet<_> = cases.iter().map(|case| &case.name).collect();
    assert_eq!(names.len(), cases.len());
    let used = |name: &String| cases.iter().flat_map(|case| &case.grants).any(|grant| grant.terms == *name);
    assert!(terms.keys().all(used));
}

#[test]
fn the_page_lists_every_reason_in_order_of_precedence() {
    let (_, section) = PAGE.split_once("\n## Reasons, in order of precedence\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    let rows: Vec<[&str; 3]> = rows
        .filter_map(|row| {
            let mut cells = row.split('|').map(|cell| cell.trim().trim_end_matches('`'));
            Some([cells.next()?, cells.next()?, cells.next()?])
        })
        .collect();
    let expected: Vec<[&str; 3]> =
        DenialReason::ALL.iter().map(|reason| [reason.code(), reason.what(), reason.remedy()]).collect();
    assert_eq!(rows, expected);
}

/// The page begins with a use and its denial: decide that use and compare.
#[test]
fn the_example_of_the_page_is_real() {
    let mut blocks = PAGE.split("```json\n").skip(1).map(|block| block.split("```").next().unwrap());
    let terms: Terms = serde_json::from_str(blocks.next().unwrap()).unwrap();
    let facts: UseFacts = serde_json::from_str(blocks.next().unwrap()).unwrap();
    let expected: Denial = serde_json::from_str(blocks.next().unwrap()).unwrap();
    let grant = Grant {
        terms: String::new(),
        id: expected.grant.unwrap(),
        given: 0,
        status: Status::Active,
        ended_at: None,
        starts: None,
        count: UseCount::default(),
    };
    let now = terms.validity.start();
    let customer = customer(&[grant], &BTreeMap::from([(String::new(), terms)]));
    let decision = decide(Vocabulary::builtin(), Some(&customer), |_| UseCount::default(), &facts, now);
    assert_eq!(decision, Decision::Denial(expected));
}
