#![allow(clippy::needless_pass_by_value, reason = "`json!` values and results read better unborrowed")]

use grantbook_record::day::DataPeriod;
use grantbook_record::event::Event;
use serde_json::{Value, json};

use super::*;
use crate::decide::{Decision, Detail, UseCount, decide};
use crate::samples::{NOW, admitted, customer_with, facts, subject, terms};
use crate::vocabulary::Vocabulary;

fn owned(value: &str, from: &str, to: Option<&str>) -> Event {
    let mut event = json!({
        "sub": subject(), "source": {"attribute": "vehicle", "value": value},
        "categories": ["fast-charging"], "from": from,
    });
    if let Some(to) = to {
        event["to"] = json!(to);
    }
    Event::SourceOwned(serde_json::from_value(event).unwrap())
}

fn customer(events: &[Event]) -> CustomerState {
    let mut customer = customer_with([terms(json!({}))]);
    for (n, event) in (60..).zip(events) {
        customer.apply(event, &admitted(n, 0));
    }
    customer
}

/// The first day that is denied for the owner's sake; `Ok` for a permit.
fn asked(customer: &CustomerState, use_: Value) -> Result<(), String> {
    match decide(Vocabulary::builtin(), Some(customer), |_| UseCount::default(), &facts(use_), NOW) {
        Decision::Permit(_) => Ok(()),
        Decision::Denial(denial) => match denial.detail {
            Some(Detail::Owner { day, .. }) => Err(day.to_string()),
            other => panic!("{other:?}"),
        },
    }
}

#[test]
fn data_that_arose_after_the_transfer_is_not_covered_by_the_former_owners_grants() {
    let sold = customer(&[owned("V-81", "2025-01-01", Some("2025-07-15"))]);
    let july = |from: u8, to: u8| json!({"data_period": {"from": format!("2025-07-{from:02}"), "to": format!("2025-07-{to:02}")}});
    assert_eq!(asked(&sold, july(1, 15)), Ok(()));
    assert_eq!(asked(&sold, july(1, 16)), Err("2025-07-16".to_owned()));
    assert_eq!(asked(&sold, july(20, 25)), Err("2025-07-20".to_owned()));
    let rows = |value: &str| json!({"rows": {"vehicle": value}, "data_period": {"from": "2025-07-20", "to": "2025-07-25"}});
    assert_eq!(asked(&sold, rows("V-81")), Err("2025-07-20".to_owned()));
    assert_eq!(asked(&sold, rows("V-82")), Ok(()), "another vehicle, of which nobody said anything");
    // and the new owner's do not cover what arose before
    let bought = customer(&[owned("V-81", "2025-07-16", None)]);
    assert_eq!(asked(&bought, july(15, 20)), Err("2025-07-15".to_owned()));
    assert_eq!(asked(&bought, july(16, 31)), Ok(()));
}

#[test]
fn periods_that_join_cover_together() {
    let again = customer(&[
        owned("V-81", "2025-01-01", None),
        owned("V-81", "2025-01-01", Some("2025-07-10")),
        owned("V-81", "2025-07-11", Some("2025-07-20")),
        owned("V-81", "2025-07-25", None),
    ]);
    assert_eq!(again.sources[0].periods.len(), 3);
    let july = |from: u8, to: u8| json!({"data_period": {"from": format!("2025-07-{from:02}"), "to": format!("2025-07-{to:02}")}});
    assert_eq!(asked(&again, july(1, 20)), Ok(()));
    assert_eq!(asked(&again, july(1, 31)), Err("2025-07-21".to_owned()));
    assert_eq!(asked(&again, july(25, 31)), Ok(()));
}

#[test]
fn other_categories_are_not_concerned() {
    let sold = customer(&[owned("V-81", "2025-01-01", Some("2025-01-31"))]);
    let driving: Term = "driving".parse().unwrap();
    let day = DataDay::parse("2025-07-01").unwrap();
    let mut use_ = facts(json!({}));
    use_.categories = List::new(vec![driving]).unwrap();
    use_.data_period = DataPeriod::new(day, day).unwrap();
    assert_eq!(owner_gap(&sold.sources, &use_), None);
}

#[test]
fn what_an_event_widens() {
    let known = customer(&[owned("V-81", "2025-01-01", None)]);
    let ended = customer(&[owned("V-81", "2025-01-01", Some("2025-07-15"))]);
    let check = |customer: &CustomerState, event: Event| {
        let Event::SourceOwned(event) = event else { unreachable!() };
        check_owned(&event, customer)
    };
    let refused = |got| assert!(matches!(got, Err(Refusal::OwnerPeriod { .. })), "{got:?}");
    assert_eq!(check(&known, owned("V-82", "2025-01-01", None)), Ok(Widens::Not));
    assert_eq!(check(&known, owned("V-81", "2025-01-01", Some("2025-07-15"))), Ok(Widens::Not));
    refused(check(&known, owned("V-81", "2024-01-01", Some("2025-07-15"))));
    refused(check(&known, owned("V-81", "2025-02-01", None)));
    refused(check(&known, owned("V-82", "2025-02-01", Some("2025-01-31"))));
    assert_eq!(check(&ended, owned("V-81", "2025-07-16", None)), Ok(Widens::ByAPeriod));
    refused(check(&ended, owned("V-81", "2025-07-15", None)));
    refused(check(&ended, owned("V-81", "2025-01-01", Some("2025-12-31"))));
}

mod joint {
    use grantbook_record::event::Event;
    use serde_json::{Value, json};

    use crate::admission::Refusal;
    use crate::admission::tests::{
        CUSTOMER, ENTERPRISE, NEW, World, amended, enrolled, event, key, on_grant,
    };
    use crate::samples::{admitted, given, signer, terms};

    fn owned(patch: Value) -> Event {
        let mut members = json!({
            "source": {"attribute": "vehicle", "value": "V-81"}, "categories": ["fast-charging"], "from": "2025-01-01",
            "joint": [signer(CUSTOMER).thumbprint(), signer(NEW).thumbprint()],
        });
        for (name, value) in patch.as_object().unwrap() {
            members[name] = value.clone();
        }
        event(Event::SourceOwned, members)
    }

    /// Two owners of a vehicle with a key each.
    fn world() -> World {
        let mut world = World::new();
        world.customer.apply(&enrolled(NEW, "enrolled_key"), &admitted(60, 0));
        assert_eq!(world.check(&owned(json!({})), &[CUSTOMER]), Ok(()));
        world.customer.apply(&owned(json!({})), &admitted(61, 0));
        world
    }

    fn one_is_missing(got: Result<(), Refusal>) -> bool {
        matches!(got, Err(Refusal::JointOwners { .. }))
    }

    #[test]
    fn every_owner_signs_and_any_one_withdraws() {
        let mut world = world();
        for grants in [given(terms(json!({}))), amended(0, json!({})), on_grant(Event::GrantResumed, 1)] {
            for alone in [CUSTOMER, NEW] {
                assert!(one_is_missing(world.check(&grants, &[alone])), "{grants:?}");
            }
            assert_eq!(world.check(&grants, &[CUSTOMER, NEW]), Ok(()), "{grants:?}");
        }
        for alone in [CUSTOMER, NEW] {
            assert_eq!(world.check(&on_grant(Event::GrantWithdrawn, 0), &[alone]), Ok(()));
            assert_eq!(world.check(&on_grant(Event::GrantPaused, 0), &[alone]), Ok(()));
        }
        // a key that takes an owner's place is the owner's
        let rotated = json!({"old": signer(NEW).thumbprint(), "new": key(9)});
        world.customer.apply(&event(Event::KeyRotated, rotated), &admitted(62, 0));
        assert_eq!(world.check(&given(terms(json!({}))), &[CUSTOMER, 9]), Ok(()));
        assert!(one_is_missing(world.check(&given(terms(json!({}))), &[CUSTOMER])));
    }

    #[test]
    fn what_is_not_of_the_source_needs_one() {
        let world = world();
        let include = |clause: Value| json!({"scope": {"include": [clause], "exclude": []}});
        let other = |value: &str| json!([{"attribute": "vehicle", "any_of": [value]}]);
        for (patch, needs_both) in [
            (include(json!({"category": "driving"})), false),
            (include(json!({"category": "fast-charging"})), true),
            (include(json!({"category": "fast-charging", "filter": other("V-81")})), true),
            (include(json!({"category": "fast-charging", "filter": other("V-82")})), false),
            (
                include(
                    json!({"category": "fast-charging", "period": {"from": "2024-01-01", "to": "2024-12-31"}}),
                ),
                false,
            ),
            (
                include(
                    json!({"category": "fast-charging", "period": {"from": "2024-01-01", "to": "2025-01-01"}}),
                ),
                true,
            ),
            (
                json!({"scope": {
                    "include": [{"category": "fast-charging"}],
                    "exclude": [{"category": "fast-charging", "filter": other("V-81")}],
                }}),
                false,
            ),
            (
                json!({"scope": {
                    "include": [{"category": "fast-charging"}],
                    "exclude": [{"category": "fast-charging", "fields": ["date"], "filter": other("V-81")}],
                }}),
                true,
            ),
        ] {
            let got = world.check(&given(terms(patch.clone())), &[CUSTOMER]);
            assert_eq!(one_is_missing(got.clone()), needs_both, "{patch}: {got:?}");
        }
    }

    #[test]
    fn owners_stay_while_a_period_does() {
        let mut world = world();
        let refused = |got| matches!(got, Err(Refusal::OwnerPeriod { .. }));
        let alone = json!([signer(CUSTOMER).thumbprint(), signer(CUSTOMER).thumbprint()]);
        assert!(refused(world.check(&owned(json!({"to": "2025-06-30", "joint": alone})), &[CUSTOMER])));
        let mut without = owned(json!({"to": "2025-06-30"}));
        let Event::SourceOwned(event) = &mut without else { panic!("another event") };
        event.joint = None;
        assert!(refused(world.check(&without, &[CUSTOMER])));
        let strangers = json!({"source": {"attribute": "vehicle", "value": "V-9"},
            "joint": [signer(CUSTOMER).thumbprint(), signer(9).thumbprint()]});
        assert!(refused(world.check(&owned(strangers), &[CUSTOMER])), "a key that nobody has enrolled");
        // after it has ended, the next one may be one owner's
        world.customer.apply(&owned(json!({"to": "2025-06-30"})), &admitted(63, 0));
        let mut next = owned(json!({"from": "2025-07-01"}));
        let Event::SourceOwned(event) = &mut next else { panic!("another event") };
        event.joint = None;
        assert_eq!(world.check(&next, &[CUSTOMER, ENTERPRISE]), Ok(()));
        world.customer.apply(&next, &admitted(64, 0));
        assert_eq!(world.check(&given(terms(json!({}))), &[CUSTOMER]), Ok(()), "data of the third quarter");
    }
}
