#![allow(clippy::needless_pass_by_value, reason = "`json!` values and results read better unborrowed")]

use grantbook_record::encoding::Bytes32;
use grantbook_record::event::Event;
use serde_json::{Value, json};

use super::*;
use crate::admission::tests::{CUSTOMER, ENTERPRISE, World, event, tenant_event};
use crate::samples::{NOW, START, admitted, jti, terms};

const DAY: u64 = 86_400;

fn asked(patch: Value, expires: u64) -> Event {
    event(Event::RequestMade, json!({"terms": terms(patch), "expires": expires}))
}

/// Nobody has asked anything yet.
fn world() -> World {
    let mut world = World::new();
    world.customer.requests.clear();
    world
}

fn at(world: &mut World, days: u64) -> &mut World {
    world.now = UnixSeconds(NOW.0 + days * DAY);
    world
}

/// Asks at the world's time, to be answered within a day, if it may.
fn ask(world: &mut World, n: u8, patch: Value) -> Result<(), Refusal> {
    let request = asked(patch, world.now.0 + DAY);
    world.check(&request, &[ENTERPRISE])?;
    world.customer.apply(&request, &admitted(n, world.now.0 - START.0));
    Ok(())
}

fn decline(world: &mut World, n: u8, unless: Option<Value>) {
    let mut members = json!({"request": jti(n)});
    if let Some(unless) = unless {
        members["unless"] = unless;
    }
    let declined = event(Event::RequestDeclined, members);
    assert_eq!(world.check(&declined, &[CUSTOMER]), Ok(()));
    world.customer.apply(&declined, &admitted(n + 100, world.now.0 - START.0));
}

fn again(days: u64) -> Result<(), Refusal> {
    Err(Refusal::AskedAgain { until: UnixSeconds(NOW.0 + days * DAY) })
}

fn publish(world: &mut World, protections: Value) {
    let plan = json!({"version": 1, "protections": protections, "rules": []});
    let members = json!({"version": 1, "from": 0, "sources": Bytes32::sha256(b""), "plan": plan});
    world.tenant.apply(&tenant_event(Event::PolicyPublished, members), Bytes32::sha256(b"policy"));
}

#[test]
fn what_was_declined_is_not_asked_again_for_a_time() {
    let mut world = world();
    assert_eq!(ask(&mut world, 10, json!({})), Ok(()));
    decline(&mut world, 10, None);
    assert_eq!(ask(&mut world, 11, json!({})), again(90));
    assert_eq!(ask(at(&mut world, 89), 11, json!({})), again(90));
    // a category in common is enough, and so is a better price
    let wider = json!({"scope": {"include": [{"category": "driving"}, {"category": "fast-charging"}]}});
    assert_eq!(ask(&mut world, 11, wider), again(90));
    assert_eq!(ask(&mut world, 11, json!({"compensation": {"per_use": {"minor": 900}}})), again(90));
    // other data, another purpose, another recipient are another question
    let driving = json!({"scope": {"include": [{"category": "driving"}], "exclude": []}});
    assert_eq!(ask(&mut world, 11, driving), Ok(()));
    assert_eq!(ask(&mut world, 12, json!({"purpose": "research"})), Ok(()));
    assert_eq!(ask(&mut world, 13, json!({"recipient": "safe-insurance"})), Ok(()));
    assert_eq!(ask(at(&mut world, 90), 14, json!({})), Ok(()));
}

#[test]
fn the_time_is_the_enterprises_to_lengthen() {
    let mut world = world();
    ask(&mut world, 10, json!({})).unwrap();
    decline(&mut world, 10, None);
    publish(&mut world, json!({"rest_days": 180}));
    assert_eq!(ask(at(&mut world, 179), 11, json!({})), again(180));
    publish(&mut world, json!({"rest_days": 30}));
    assert_eq!(ask(at(&mut world, 30), 11, json!({})), Ok(()));
    for days in [29, 367] {
        let plan = json!({"version": 1, "protections": {"rest_days": days}, "rules": []});
        assert!(crate::rules::PolicyPlan::from_value(&plan).is_err(), "{days}");
    }
}

#[test]
fn what_the_customer_would_consider_may_be_asked() {
    let mut world = world();
    ask(&mut world, 10, json!({})).unwrap();
    let wish = json!({
        "without": ["driving"], "validity_days_max": 30, "uses_max": 5, "retention_days_max": 7,
        "price_min": {"currency": "CNY", "minor": 150},
    });
    decline(&mut world, 10, Some(wish));
    let narrower = |patch: Value| {
        let mut terms = json!({
            "validity": {"start": START, "end": START.0 + 30 * DAY},
            "limits": {"uses": 5, "retention_days": 7},
            "compensation": {"per_use": {"minor": 150}},
        });
        let Value::Object(patch) = patch else { panic!("no object") };
        terms.as_object_mut().unwrap().extend(patch);
        terms
    };
    for short in [
        json!({"validity": {"start": START, "end": START.0 + 31 * DAY}}),
        json!({"limits": {"uses": 6, "retention_days": 7}}),
        json!({"limits": {"uses": 5, "retention_days": 8}}),
        json!({"compensation": {"per_use": {"minor": 149}}}),
        json!({"scope": {"include": [{"category": "driving"}, {"category": "fast-charging"}], "exclude": []}}),
    ] {
        assert_eq!(ask(&mut world, 11, narrower(short.clone())), again(90), "{short}");
    }
    assert_eq!(ask(&mut world, 11, narrower(json!({}))), Ok(()));
    // a wish of nothing is none
    decline(&mut world, 11, Some(json!({})));
    assert_eq!(ask(&mut world, 12, narrower(json!({}))), again(90));
}

#[test]
fn silence_twice_is_a_refusal() {
    let mut world = world();
    ask(&mut world, 10, json!({})).unwrap();
    assert_eq!(ask(at(&mut world, 1), 11, json!({})), Ok(()), "the first one has expired");
    // the second could be answered until day 2, and the first one is forgotten on day 91
    assert_eq!(ask(at(&mut world, 2), 12, json!({})), again(91));
    assert_eq!(ask(at(&mut world, 90), 12, json!({})), again(91));
    assert_eq!(ask(at(&mut world, 91), 12, json!({})), Ok(()));
}

#[test]
fn an_answer_by_a_grant_is_no_refusal() {
    let mut world = world();
    ask(&mut world, 10, json!({})).unwrap();
    let grant = event(Event::GrantGiven, json!({"terms": terms(json!({})), "request": jti(10)}));
    world.customer.apply(&grant, &admitted(20, DAY));
    assert_eq!(ask(&mut world, 11, json!({})), Ok(()));
}

#[test]
fn few_requests_wait_at_a_time() {
    let mut world = world();
    let of = |n: u8| json!({"validity": {"start": START.0 + u64::from(n)}});
    for n in 0..5 {
        assert_eq!(ask(&mut world, n, of(n)), Ok(()));
    }
    let full = |limit| Err(Refusal::TooMany { what: "open requests", limit });
    assert_eq!(ask(&mut world, 6, of(6)), full(5));
    publish(&mut world, json!({"open_requests_max": 6}));
    assert_eq!(ask(&mut world, 6, of(6)), Ok(()));
    assert_eq!(ask(&mut world, 7, of(7)), full(6));
}

/// Otherwise many other questions would have a refusal forgotten.
#[test]
fn refusals_are_not_crowded_out() {
    let mut world = world();
    ask(&mut world, 10, json!({})).unwrap();
    decline(&mut world, 10, None);
    let one = world.customer.past_requests[0].clone();
    world.customer.past_requests.resize(PAST_REQUESTS_MAX, one);
    let full = Err(Refusal::TooMany { what: "requests that came to nothing", limit: PAST_REQUESTS_MAX });
    assert_eq!(ask(&mut world, 11, json!({"purpose": "research"})), full);
    assert_eq!(ask(at(&mut world, 90), 11, json!({"purpose": "research"})), Ok(()));
}
