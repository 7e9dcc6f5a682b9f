use serde_json::json;

use super::*;
use crate::Vocabulary;
use crate::customer::{CustomerState, Status};
use crate::samples::{NOW, customer_with, facts, jti, terms};

fn key(n: u64) -> CustomerKey {
    CustomerKey::from(u128::from(n).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835))
}

fn put(plan: &mut CompactPlan, key: CustomerKey, state: CustomerState) -> Vec<u8> {
    let mut kept = Vec::new();
    let record = Record { state, ..Record::default() };
    plan.put(key, &record, |bytes| {
        kept = bytes.to_vec();
        Ok::<u64, ()>(7)
    })
    .unwrap();
    kept
}

fn decide(plan: &CompactPlan, key: CustomerKey) -> Option<Decision> {
    let known = plan.known(key)?;
    Some(known.decide(Vocabulary::builtin(), |_| UseCount::default(), &facts(json!({})), NOW))
}

#[test]
fn equal_terms_are_kept_once_and_go_with_the_last_grant() {
    let mut plan = CompactPlan::default();
    let later = json!({"validity": {"start": NOW.0 - 9}, "notice": {"shown_at": NOW.0 - 10}});
    put(&mut plan, key(1), customer_with([terms(json!({}))]));
    put(&mut plan, key(2), customer_with([terms(later)]));
    assert_eq!((plan.customers(), plan.terms()), (2, 1));
    put(&mut plan, key(3), customer_with([terms(json!({})), terms(json!({"limits": {"uses": 9}}))]));
    assert_eq!(plan.terms(), 2);
    put(&mut plan, key(3), customer_with([terms(json!({}))]));
    assert_eq!(plan.terms(), 1);
    for n in 1..=3 {
        assert_eq!(plan.terms(), 1);
        assert_eq!(plan.remove(key(n)), Some(7));
    }
    assert_eq!((plan.customers(), plan.terms()), (0, 0));
    assert_eq!(plan.remove(key(1)), None);
}

#[test]
fn what_cannot_be_kept_changes_nothing() {
    let mut plan = CompactPlan::default();
    put(&mut plan, key(1), customer_with([terms(json!({}))]));
    let record =
        Record { state: customer_with([terms(json!({"limits": {"uses": 9}}))]), ..Record::default() };
    assert_eq!(plan.put(key(1), &record, |_| Err(())), Err(()));
    assert_eq!(plan.terms(), 1);
    assert!(matches!(decide(&plan, key(1)), Some(Decision::Permit(_))));
}

#[test]
fn grants_are_found_by_their_leaf_index() {
    let mut plan = CompactPlan::default();
    put(&mut plan, key(1), customer_with([terms(json!({})), terms(json!({})), terms(json!({}))]));
    assert_eq!([0, 2, 3].map(|given| plan.giver(given)), [Some(key(1)), Some(key(1)), None]);
    let mut state = customer_with([terms(json!({})), terms(json!({})), terms(json!({}))]);
    assert_eq!(state.forget_grant(1), Some(jti(1)));
    put(&mut plan, key(1), state);
    assert_eq!([0, 1, 2].map(|given| plan.giver(given)), [Some(key(1)), None, Some(key(1))]);
    let plan = CompactPlan::from_bytes(&plan.to_bytes()).unwrap();
    assert_eq!([0, 1, 2].map(|given| plan.giver(given)), [Some(key(1)), None, Some(key(1))]);
}

/// The ledger's own numbers always fit.
#[test]
fn a_number_that_does_not_fit_blocks_the_customer() {
    let mut plan = CompactPlan::default();
    for spoil in [
        |state: &mut CustomerState| state.grants[0].given = 1 << 56,
        |state: &mut CustomerState| state.grants[0].starts = UnixSeconds(u64::MAX),
        |state: &mut CustomerState| {
            state.grants[0].status = Status::Withdrawn;
            state.grants[0].ended_at = Some(UnixSeconds(1));
        },
    ] {
        let mut state = customer_with([terms(json!({}))]);
        spoil(&mut state);
        let kept = put(&mut plan, key(1), state.clone());
        let known = plan.known(key(1)).unwrap();
        assert!(known.is_blocked());
        assert!(!matches!(decide(&plan, key(1)), Some(Decision::Permit(_))));
        // the record itself has room for every number, but its terms are nobody's now
        assert!(plan.record(&kept).is_err());
    }
}

#[test]
fn cut_and_longer_bytes_are_refused() {
    let mut plan = CompactPlan::default();
    let record =
        put(&mut plan, key(1), customer_with([terms(json!({})), terms(json!({"limits": {"uses": 9}}))]));
    put(&mut plan, key(2), CustomerState::default());
    let image = plan.to_bytes();
    assert!(CompactPlan::from_bytes(&image).is_ok());
    for length in 0..image.len() {
        assert!(CompactPlan::from_bytes(&image[..length]).is_err(), "{length}");
    }
    assert!(CompactPlan::from_bytes(&[image.as_slice(), &[0]].concat()).is_err());
    for length in 0..record.len() {
        assert!(plan.record(&record[..length]).is_err(), "{length}");
    }
    assert!(plan.record(&[record.as_slice(), &[0]].concat()).is_err());
}

/// Whatever the bytes are: an error or a plan, never a panic.
#[test]
fn changed_bytes_never_panic() {
    let mut plan = CompactPlan::default();
    put(&mut plan, key(1), customer_with([terms(json!({})), terms(json!({}))]));
    let image = plan.to_bytes();
    for at in 0..image.len() {
        for change in [1, 0x80, 0xFF] {
            let mut changed = image.clone();
            changed[at] ^= change;
            if let Ok(plan) = CompactPlan::from_bytes(&changed) {
                let _ = decide(&plan, key(1));
            }
        }
    }
}

#[test]
fn owner_periods_survive_and_go_with_the_customer() {
    let mut state = customer_with([terms(json!({}))]);
    let owned = json!({
        "sub": "cs-00004", "source": {"attribute": "vehicle", "value": "V-81"},
        "categories": ["fast-charging"], "from": "2025-01-01", "to": "2025-01-31"});
    let event = grantbook_record::event::Event::SourceOwned(serde_json::from_value(owned).unwrap());
    state.apply(&event, &crate::samples::admitted(60, 0));
    let mut plan = CompactPlan::default();
    let record = Record { state, ..Record::default() };
    let mut kept = Vec::new();
    let keep = |bytes: &[u8]| {
        kept = bytes.to_vec();
        Ok::<u64, Damaged>(7)
    };
    plan.put(key(1), &record, keep).unwrap();
    assert_eq!(plan.record(&kept).unwrap(), record);
    let mut read = CompactPlan::from_bytes(&plan.to_bytes()).unwrap();
    for plan in [&plan, &read] {
        assert!(matches!(decide(plan, key(1)), Some(Decision::Denial(denial)) if denial.detail.is_some()));
    }
    read.remove(key(1));
    put(&mut read, key(1), customer_with([terms(json!({}))]));
    assert!(matches!(decide(&read, key(1)), Some(Decision::Permit(_))));
}

/// Fuzzing begins with it (`fuzz/parsers`).
#[test]
fn the_seed_of_fuzzing_is_what_is_written() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/seeds/compact_plan/0");
    let mut plan = CompactPlan::default();
    put(&mut plan, key(1), customer_with([terms(json!({})), terms(json!({"limits": {"uses": 9}}))]));
    put(&mut plan, key(2), customer_with([terms(json!({}))]));
    put(&mut plan, key(3), CustomerState::default());
    if std::env::var_os("GRANTBOOK_VECTORS").is_some_and(|value| value == "write") {
        std::fs::write(path, plan.to_bytes()).unwrap();
    }
    let seed = std::fs::read(path).unwrap();
    assert_eq!(plan.to_bytes(), seed, "run with GRANTBOOK_VECTORS=write");
    assert_eq!(CompactPlan::from_bytes(&seed).unwrap().customers(), 3);
}

/// Birth days are kept beside the slots, for rules that ask for an age.
#[test]
fn a_birth_day_is_kept_as_long_as_its_customer() {
    let born = |plan: &CompactPlan, n: u64| {
        let rule = json!({"version": 1, "rules": [
            {"id": "all", "effect": "permit", "text": {"en": "a", "zh-CN": "a"}, "when": {"has": "customer.age"}},
        ]});
        let rules = crate::PolicyPlan::from_value(&rule).unwrap();
        let basis = crate::Basis::new(Vocabulary::builtin(), Some(&rules));
        let known = plan.known(key(n))?;
        let decision = known.decide(basis, |_| UseCount::default(), &facts(json!({})), NOW);
        Some(matches!(decision, Decision::Permit(_)))
    };
    let mut plan = CompactPlan::default();
    let stated = CustomerState { birth_day: Some(38_044), ..customer_with([terms(json!({}))]) };
    put(&mut plan, key(1), stated.clone());
    put(&mut plan, key(2), customer_with([terms(json!({}))]));
    let read = CompactPlan::from_bytes(&plan.to_bytes()).unwrap();
    for plan in [&plan, &read] {
        assert_eq!((born(plan, 1), born(plan, 2)), (Some(true), Some(false)));
    }
    let record = Record { state: stated, ..Record::default() };
    let ids: Vec<u32> = record.state.grants.iter().map(|grant| plan.terms.add(&grant.terms)).collect();
    assert_eq!(plan.record(&record.to_bytes(&ids)).unwrap(), record);
    plan.remove(key(1));
    put(&mut plan, key(1), customer_with([terms(json!({}))]));
    assert_eq!(born(&plan, 1), Some(false));
}
