use grantbook_record::event::Event;
use serde_json::json;

use super::*;
use crate::admission::tests::{CUSTOMER, ENTERPRISE, NEW, OPERATOR, World, enrolled, event, key, on_grant};
use crate::guardian::tests::{GUARDIAN, publish, world as minor};
use crate::samples::{given, signer, terms};
use crate::signatories::tests::{THIRD, agreed, world as organisation};

fn lacks(world: &World, event: &Event, signers: &[u8]) -> Option<Lacking> {
    let parties = crate::Parties {
        enterprise: signer(ENTERPRISE).thumbprint(),
        operator: signer(OPERATOR).thumbprint(),
    };
    let jti = crate::samples::jti(99);
    let context = Context { tenant: &world.tenant, parties: &parties, jti, now: world.now };
    let signers: Vec<Thumbprint> = signers.iter().map(|n| signer(*n).thumbprint()).collect();
    lacking(event, &signers, &world.customer, &context)
}

#[test]
fn signatures_are_counted_until_none_lacks() {
    let world = organisation();
    let grant = given(terms(json!({})));
    assert_eq!(lacks(&world, &grant, &[]), Some(Lacking::Signatories(2)));
    assert_eq!(lacks(&world, &grant, &[NEW, NEW]), Some(Lacking::Signatories(1)));
    assert_eq!(lacks(&world, &grant, &[NEW, THIRD]), None);
    assert_eq!(lacks(&world, &agreed(&[CUSTOMER], 1), &[CUSTOMER]), Some(Lacking::Signatories(1)));
    assert_eq!(lacks(&world, &on_grant(Event::GrantWithdrawn, 0), &[]), None);
}

#[test]
fn a_minor_needs_the_guardian_and_is_heard() {
    let mut world = minor();
    let grant = given(terms(json!({})));
    assert_eq!(lacks(&world, &grant, &[CUSTOMER]), Some(Lacking::Guardian));
    assert_eq!(lacks(&world, &grant, &[GUARDIAN]), None);
    publish(&mut world, json!({"of_age": 14, "heard_from": 10}));
    assert_eq!(lacks(&world, &grant, &[GUARDIAN]), Some(Lacking::OwnKey));
    assert_eq!(lacks(&world, &grant, &[CUSTOMER, GUARDIAN]), None);
}

#[test]
fn whoever_vouches_for_another_key_signs_too() {
    let second = enrolled(NEW, "enrolled_key");
    for (world, own) in [(World::new(), None), (minor(), None)] {
        assert_eq!(lacks(&world, &second, &[NEW]), Some(Lacking::OwnKey));
        assert_eq!(lacks(&world, &second, &[NEW, CUSTOMER]), own);
    }
    // a guardian vouches for no key of the minor's
    assert_eq!(lacks(&minor(), &second, &[NEW, GUARDIAN]), Some(Lacking::OwnKey));
    assert_eq!(lacks(&World::new(), &enrolled(NEW, "enterprise"), &[NEW]), None);
}

#[test]
fn a_guardian_is_named_with_one_of_the_minors_keys() {
    let named = |n| {
        event(
            Event::GuardianNamed,
            json!({"key": key(n), "evidence": "enterprise", "birth_day": 40_969, "until": "2026-03-03"}),
        )
    };
    let mut world = World::new();
    assert_eq!(lacks(&world, &named(NEW), &[NEW]), Some(Lacking::OwnKey));
    assert_eq!(lacks(&world, &named(NEW), &[NEW, CUSTOMER]), None);
    assert_eq!(lacks(&minor(), &named(NEW), &[NEW, CUSTOMER]), Some(Lacking::Guardian));
    assert_eq!(lacks(&minor(), &named(NEW), &[NEW, GUARDIAN]), None);
    world.customer.keys.clear();
    assert_eq!(lacks(&world, &named(NEW), &[NEW]), None);
}
