//! Rules of law and of the house, as the ledger takes them in and judges by them.

use grantbook_engine::{AppendError, Recorded};
use grantbook_plan::rules::PLAN_BYTES_MAX;
use grantbook_plan::{Decision, Denial, Refusal};
use grantbook_record::encoding::Bytes32;
use grantbook_record::event::PolicyPublished;
use grantbook_record::{DenialReason, EnvelopeError, Kind};
use serde_json::{Value, json};

use crate::world::{self, World};

fn event(world: &World, version: u32, when: &Value) -> PolicyPublished {
    let text = json!({"en": "ask", "zh-CN": "请求"});
    let rules = json!([
        {"id": "agreed", "effect": "permit", "text": text, "when": {"equal": [{"attribute": "grant.status"}, {"word": "active"}]}},
        {"id": "no", "effect": "forbid", "text": text, "when": when},
    ]);
    let plan = json!({"version": 1, "rules": rules});
    let from = world.config.clock.now().seconds();
    PolicyPublished { version, from, sources: Bytes32([1; 32]), plan, stage: None }
}

fn denial(decision: Decision) -> Option<Denial> {
    match decision {
        Decision::Permit(_) => None,
        Decision::Denial(denial) => Some(denial),
    }
}

#[test]
fn later_uses_are_judged_by_the_rules_published_last() {
    let world = World::new();
    let customer = world.enrol("cs-1");
    let grant = world.grant(&customer, "cs-1", |_| ());
    let facts = world::facts("cs-1");
    assert_eq!(denial(world.decide(&facts)), None);
    let by_purpose = |purpose: &str| json!({"equal": [{"attribute": "purpose"}, {"word": purpose}]});
    let publish = |event: PolicyPublished| world.append(Kind::PolicyPublished, event, &[&world.enterprise]);
    publish(event(&world, 1, &by_purpose("service-personalisation"))).unwrap();
    let denied = denial(world.decide(&facts)).unwrap();
    assert_eq!((denied.reason, denied.grant), (DenialReason::Policy, Some(grant.id)));
    assert!(serde_json::to_string(&denied.detail).unwrap().contains("\"rule\":\"no\""));
    let recorded = world.ledger.decide_and_record(world.tenant, &facts, None, None).unwrap();
    assert!(matches!(recorded, Recorded::Denial(denial) if denial.reason == DenialReason::Policy));

    publish(event(&world, 2, &by_purpose("marketing"))).unwrap();
    assert_eq!(denial(world.decide(&facts)), None);
    let recorded = world.ledger.decide_and_record(world.tenant, &facts, None, None).unwrap();
    assert!(matches!(recorded, Recorded::Permit { .. }));
    assert_eq!(world.ledger.tenant_state(world.tenant).unwrap().policy.unwrap().version, 2);
    assert!(world.ledger.fsck(&mut |_, _| ()).findings.is_empty());
}

#[test]
fn rules_that_cannot_be_evaluated_or_come_out_of_turn_are_refused() {
    let world = World::new();
    let good = event(&world, 1, &json!({"bool": false}));
    let refused =
        |event: PolicyPublished| match world.append(Kind::PolicyPublished, event, &[&world.enterprise]) {
            Err(AppendError::Refused(refusal)) => refusal,
            other => panic!("expected a refusal, got {other:?}"),
        };
    for plan in [
        json!({"version": 1}),
        json!({"version": 2, "rules": []}),
        json!("permit (principal, action, resource);"),
        event(&world, 1, &json!({"like": [{"attribute": "purpose"}, {"word": "m"}]})).plan,
        event(&world, 1, &json!({"less": [{"attribute": "purpose"}, {"long": 1}]})).plan,
    ] {
        assert!(matches!(refused(PolicyPublished { plan, ..good.clone() }), Refusal::Plan(_)));
    }
    let second = PolicyPublished { version: 2, ..good.clone() };
    assert_eq!(refused(second), Refusal::Version { expected: 1 });
    let stranger = world.enrol("cs-1");
    // a customer's key is nobody's where the event is about no customer
    assert!(world.append(Kind::PolicyPublished, good, &[&stranger]).is_err());
    assert!(world.ledger.tenant_state(world.tenant).unwrap().policy.is_none());
}

#[test]
fn the_largest_plan_that_fits_is_published_and_judges() {
    const RULES: usize = 200;
    let world = World::new();
    let customer = world.enrol("cs-1");
    world.grant(&customer, "cs-1", |_| ());
    let small = event(&world, 1, &json!({"equal": [{"attribute": "purpose"}, {"word": "marketing"}]}));
    // what the texts of so many rules come to is spread over them
    let with_text = |total: usize| {
        let rules = small.plan["rules"].as_array().unwrap().clone();
        let more = (0..RULES).map(|number| {
            let length = total / RULES + usize::from(number < total % RULES);
            let when = json!({"equal": [{"attribute": "recipient"}, {"word": "nobody"}]});
            let text = json!({"en": "e".repeat(length), "zh-CN": "请求"});
            json!({"id": format!("house-{number}"), "effect": "forbid", "text": text, "when": when})
        });
        json!({"version": 1, "rules": rules.into_iter().chain(more).collect::<Vec<_>>()})
    };
    let bytes = |plan: &Value| serde_json::to_vec(plan).unwrap().len();
    let most = RULES + PLAN_BYTES_MAX - bytes(&with_text(RULES));
    let largest = PolicyPublished { plan: with_text(most), ..small.clone() };
    assert_eq!(bytes(&largest.plan), PLAN_BYTES_MAX);
    let publish = |event: PolicyPublished| world.append(Kind::PolicyPublished, event, &[&world.enterprise]);
    let larger = PolicyPublished { plan: with_text(most + 4096), ..small.clone() };
    let refused = publish(larger);
    assert!(
        matches!(refused, Err(AppendError::Envelope(EnvelopeError::PayloadTooLarge { .. }))),
        "{refused:?}"
    );
    publish(largest).unwrap();
    assert_eq!(denial(world.decide(&world::facts("cs-1"))), None);
    let reopened = world.reopen(|_| ());
    assert_eq!(reopened.ledger.tenant_state(reopened.tenant).unwrap().policy.unwrap().version, 1);
}
