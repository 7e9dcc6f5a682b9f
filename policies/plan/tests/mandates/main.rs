//! Mandates against a second judge, written from `docs/spec/mandate.md` over JSON and slow on purpose; and that whatever a
//! mandate accepts that was handed on, the one above it accepts.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod dice;
mod slow;

use std::collections::BTreeMap;

use grantbook_plan::TenantState;
use grantbook_plan::mandate::{Judgement, Request, check_handed_on, judge};
use grantbook_record::Terms;
use grantbook_record::encoding::Bytes32;
use grantbook_record::event::{Event, MandateGiven, TemplatePublished};
use serde_json::Value;

use dice::Dice;

/// How many pairs of a mandate and a request are compared.
fn worlds() -> u64 {
    std::env::var("GRANTBOOK_WORLDS").ok().and_then(|worlds| worlds.parse().ok()).unwrap_or(2000)
}

/// A tenant with these templates; each one's hash is that of its name.
fn tenant(templates: &[Value]) -> TenantState {
    let mut tenant = TenantState::default();
    for template in templates {
        let event: TemplatePublished = serde_json::from_value(template.clone()).unwrap();
        let hash = Bytes32::sha256(event.id.as_str().as_bytes());
        tenant.apply(&Event::TemplatePublished(event), hash);
    }
    tenant
}

fn judged(tenant: &TenantState, mandate: &Value, terms: &Value) -> Judgement {
    let mandate: MandateGiven = serde_json::from_value(mandate.clone()).unwrap();
    let terms: Terms = serde_json::from_value(terms.clone()).unwrap();
    judge(&mandate, &Request::new(&terms, tenant))
}

fn verdict(judgement: Judgement) -> (&'static str, Option<usize>) {
    match judgement {
        Judgement::Accept { rule } => ("accept", Some(rule)),
        Judgement::Decline { rule, .. } => ("decline", rule),
        Judgement::Ask { rule, .. } => ("ask", rule),
    }
}

#[test]
fn the_slow_judge_says_the_same() {
    let templates = dice::templates();
    let tenant = tenant(&templates);
    let mut verdicts: BTreeMap<&str, u64> = BTreeMap::new();
    for seed in 0..worlds() {
        let mut dice = Dice::new(seed);
        let (mandate, terms) = (dice.mandate(), dice.terms());
        let got = verdict(judged(&tenant, &mandate, &terms));
        let expected = slow::judge(&mandate, &terms, &templates);
        assert_eq!(got, expected, "seed {seed}\n{mandate:#}\n{terms:#}");
        *verdicts.entry(got.0).or_default() += 1;
    }
    // each verdict is reached, and none of them most of the time
    for name in ["accept", "decline", "ask"] {
        let reached = verdicts.get(name).copied().unwrap_or(0);
        assert!(reached * 20 >= worlds() && reached * 10 <= worlds() * 8, "{name}: {verdicts:?}");
    }
}

/// Whatever a mandate accepts that was handed on, the one above it accepts.
#[test]
fn what_is_handed_on_accepts_no_more() {
    let tenant = tenant(&dice::templates());
    let (mut handed_on, mut wider, mut accepted) = (0_u64, 0_u64, 0_u64);
    for seed in 0..worlds() {
        let mut dice = Dice::new(seed);
        let parent = dice.mandate();
        let child = dice.narrowed(&parent);
        let narrow: MandateGiven = serde_json::from_value(child.clone()).unwrap();
        let wide: MandateGiven = serde_json::from_value(parent.clone()).unwrap();
        if check_handed_on(&narrow, &wide).is_err() {
            wider += 1;
            continue;
        }
        handed_on += 1;
        for _ in 0..40 {
            let terms = dice.terms();
            if verdict(judged(&tenant, &child, &terms)).0 != "accept" {
                continue;
            }
            accepted += 1;
            let above = judged(&tenant, &parent, &terms);
            assert_eq!(verdict(above).0, "accept", "seed {seed}\n{parent:#}\n{child:#}\n{terms:#}");
        }
    }
    assert!(handed_on * 10 >= worlds() && wider * 10 >= worlds(), "{handed_on} handed on, {wider} wider");
    assert!(accepted * 2 >= worlds(), "{accepted} accepted");
}

/// A mandate may be handed on as it is, if it may be handed on at all.
#[test]
fn a_mandate_is_within_itself() {
    for seed in 0..200 {
        let mut dice = Dice::new(seed);
        let mut parent = dice.mandate();
        parent["depth"] = 4.into();
        let mut child = parent.clone();
        child["depth"] = 3.into();
        let narrow: MandateGiven = serde_json::from_value(child).unwrap();
        let wide: MandateGiven = serde_json::from_value(parent.clone()).unwrap();
        assert_eq!(check_handed_on(&narrow, &wide), Ok(()), "seed {seed}\n{parent:#}");
    }
}
