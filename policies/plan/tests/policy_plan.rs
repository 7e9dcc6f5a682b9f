//! Policy plans against `tests/vectors/policy-plan.json`, and the page that describes them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should fail"
)]

use grantbook_plan::PolicyPlan;
use grantbook_plan::rules::{Attribute, Broken, Values};
use serde::Deserialize;
use serde_json::{Value, json};

const VECTORS: &str = include_str!("../../../tests/vectors/policy-plan.json");
const PAGE: &str = include_str!("../../../docs/spec/policy-plan.md");

#[derive(Deserialize)]
struct Vectors {
    cases: Vec<Case>,
    invalid: Vec<Invalid>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    plan: Value,
    values: Values,
    answer: Value,
}

#[derive(Deserialize)]
struct Invalid {
    name: String,
    json: String,
    error: String,
}

fn answer(plan: &PolicyPlan, values: &Values) -> Value {
    match plan.judge(values) {
        Ok(()) => json!("permit"),
        Err(Broken::Forbidden(rule)) => json!({ "forbidden": rule.id }),
        Err(Broken::Failed(rule, _)) => json!({ "failed": rule.id }),
        Err(Broken::NotPermitted) => json!("not_permitted"),
    }
}

#[test]
fn every_case_is_judged_as_expected_and_every_plan_is_written_as_it_was_read() {
    let Vectors { cases, invalid } = serde_json::from_str(VECTORS).unwrap();
    for Case { name, plan, values, answer: expected } in &cases {
        let parsed = PolicyPlan::parse(plan.to_string().as_bytes()).unwrap();
        assert_eq!(answer(&parsed, values), *expected, "{name}");
        let written: Value = serde_json::from_slice(&parsed.to_json()).unwrap();
        assert_eq!(written, *plan, "{name}");
        assert_eq!(PolicyPlan::from_value(plan).unwrap(), parsed, "{name}");
    }
    assert!(cases.len() >= 20 && invalid.len() >= cases.len());
}

#[test]
fn every_invalid_plan_is_refused_for_its_reason() {
    let Vectors { invalid, .. } = serde_json::from_str(VECTORS).unwrap();
    for Invalid { name, json, error } in invalid {
        let refused = PolicyPlan::parse(json.as_bytes()).unwrap_err().to_string();
        assert!(refused.starts_with(&error), "{name}: {refused}, expected {error}");
    }
    let large = format!("{{\"version\":1,\"rules\":[]{}}}", " ".repeat(94 * 1024));
    let refused = PolicyPlan::parse(large.as_bytes()).unwrap_err().to_string();
    assert!(refused.starts_with("policy plan of 96280 bytes, expected at most 96256"), "{refused}");
}

#[test]
fn the_page_begins_with_a_plan_and_lists_every_attribute() {
    let (_, rest) = PAGE.split_once("```json\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    assert_eq!(PolicyPlan::parse(example.as_bytes()).unwrap().rules().len(), 2);
    let rows = PAGE.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let listed: Vec<&str> = rows
        .filter(|(_, rest)| ["number", "word", "set of words"].iter().any(|kind| rest.starts_with(kind)))
        .map(|(name, _)| name)
        .collect();
    let names: Vec<&str> = Attribute::ALL.iter().map(|attribute| attribute.name()).collect();
    assert_eq!(listed, names);
    for attribute in Attribute::ALL {
        let row = PAGE.lines().find(|line| line.starts_with(&format!("| `{}` |", attribute.name()))).unwrap();
        assert_eq!(row.contains("may be missing"), attribute.is_optional(), "{row}");
    }
}
