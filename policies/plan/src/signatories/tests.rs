#![allow(clippy::needless_pass_by_value, reason = "`json!` values and results read better unborrowed")]

use grantbook_record::event::Event;
use serde_json::{Value, json};

use super::*;
use crate::admission::tests::{CUSTOMER, ENTERPRISE, NEW, World, amended, enrolled, event, key, on_grant};
use crate::samples::{admitted, given, signer, terms};

pub(crate) const THIRD: u8 = 5;

pub(crate) fn agreed(keys: &[u8], needed: u8) -> Event {
    let keys: Vec<Value> = keys.iter().map(|n| json!(signer(*n).thumbprint())).collect();
    event(Event::SignatoriesAgreed, json!({"keys": keys, "needed": needed}))
}

/// An organisation of three keys, of which two must sign.
pub(crate) fn world() -> World {
    let mut world = World::new();
    for n in [NEW, THIRD] {
        world.customer.apply(&enrolled(n, "enrolled_key"), &admitted(60 + n, 0));
    }
    assert_eq!(world.check(&agreed(&[CUSTOMER, NEW, THIRD], 2), &[CUSTOMER]), Ok(()));
    world.customer.apply(&agreed(&[CUSTOMER, NEW, THIRD], 2), &admitted(70, 0));
    world
}

fn too_few(got: Result<(), Refusal>) -> bool {
    matches!(got, Err(Refusal::Signatories { .. }))
}

#[test]
fn one_signature_of_two_grants_nothing() {
    let world = world();
    for grants in [
        given(terms(json!({}))),
        amended(0, json!({})),
        on_grant(Event::GrantResumed, 1),
        event(Event::TierAgreed, json!({"tier": "growth"})),
        agreed(&[CUSTOMER], 1),
    ] {
        for alone in [&[CUSTOMER][..], &[NEW], &[NEW, NEW]] {
            assert!(too_few(world.check(&grants, alone)), "{grants:?} by {alone:?}");
        }
        assert_eq!(world.check(&grants, &[NEW, THIRD]), Ok(()), "{grants:?}");
        assert_eq!(world.check(&grants, &[CUSTOMER, NEW, THIRD]), Ok(()), "{grants:?}");
    }
}

#[test]
fn one_of_them_withdraws_and_pauses_alone() {
    let world = world();
    for ends in [on_grant(Event::GrantWithdrawn, 0), on_grant(Event::GrantPaused, 0)] {
        for alone in [CUSTOMER, NEW, THIRD] {
            assert_eq!(world.check(&ends, &[alone]), Ok(()), "{ends:?}");
        }
    }
}

#[test]
fn keys_that_are_no_signatories_do_not_count() {
    let mut world = world();
    world.customer.apply(&agreed(&[CUSTOMER, NEW], 2), &admitted(71, 0));
    let grant = given(terms(json!({})));
    assert!(too_few(world.check(&grant, &[NEW, THIRD])));
    assert_eq!(world.check(&grant, &[CUSTOMER, NEW]), Ok(()));
    // nobody alone takes the others' keys away
    let end = |n: u8| event(Event::KeyRevoked, json!({"key": signer(n).thumbprint()}));
    assert!(too_few(world.check(&end(CUSTOMER), &[NEW])));
    assert_eq!(world.check(&end(NEW), &[NEW]), Ok(()));
    assert_eq!(world.check(&end(THIRD), &[CUSTOMER, NEW]), Ok(()));
    // a signatory who changes the key stays one
    let rotated = json!({"old": signer(NEW).thumbprint(), "new": key(9)});
    let rotated = event(Event::KeyRotated, rotated);
    assert_eq!(world.check(&rotated, &[NEW, 9]), Ok(()));
    world.customer.apply(&rotated, &admitted(72, 0));
    assert_eq!(world.check(&grant, &[CUSTOMER, 9]), Ok(()));
}

#[test]
fn the_recovery_key_does_not_stand_for_several() {
    let mut world = world();
    world.customer.recovery = Some(signer(30).thumbprint());
    let recovered = json!({
        "old": signer(30).thumbprint(), "new": key(31), "recovery": {"key": key(30), "next": signer(32).thumbprint()}});
    let recovered = event(Event::KeyRotated, recovered);
    assert!(too_few(world.check(&recovered, &[30, 31])));
    world.customer.signatories = None;
    assert_eq!(world.check(&recovered, &[30, 31]), Ok(()));
}

#[test]
fn rules_that_nobody_can_keep_are_refused() {
    let world = world();
    let both = [CUSTOMER, NEW];
    for wrong in [
        agreed(&[CUSTOMER, NEW], 0),
        agreed(&[CUSTOMER, NEW], 3),
        agreed(&[CUSTOMER, NEW, CUSTOMER], 2),
        agreed(&[CUSTOMER, 9], 1),
        agreed(&[CUSTOMER, NEW, THIRD], 4),
    ] {
        assert!(too_few(world.check(&wrong, &both)), "{wrong:?}");
    }
    assert!(matches!(world.check(&agreed(&[CUSTOMER], 1), &[ENTERPRISE]), Err(Refusal::Signers { .. })));
}
