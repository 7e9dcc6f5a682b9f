use grantbook_record::event::Event;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;
use crate::samples::{START, admitted, customer_with, given, jti, signer, subject, terms};

fn event<T: DeserializeOwned>(wrap: fn(T) -> Event, mut members: Value) -> Event {
    members["sub"] = json!(subject());
    wrap(serde_json::from_value(members).unwrap())
}

fn on_grant<T: DeserializeOwned>(wrap: fn(T) -> Event, n: u8) -> Event {
    event(wrap, json!({"grant": jti(n)}))
}

#[test]
fn keys_join_rotate_and_end() {
    let mut customer = CustomerState::default();
    let (first, second, third) = (signer(1), signer(2), signer(3));
    let enrolled =
        |key: &PublicKey, evidence| event(Event::KeyEnrolled, json!({"key": key, "evidence": evidence}));
    customer.apply(&enrolled(first.public_key(), "operators_word"), &admitted(0, 0));
    assert!(customer.rests_on_operators_word());
    assert_eq!(customer.signing_key(&first.thumbprint()), Some(first.public_key()));

    customer.apply(&enrolled(second.public_key(), "enrolled_key"), &admitted(1, 0));
    assert!(customer.rests_on_operators_word(), "a later key rests on what the first rests on");

    let rotated = json!({"old": first.thumbprint(), "new": third.public_key()});
    customer.apply(&event(Event::KeyRotated, rotated), &admitted(2, 0));
    assert_eq!(customer.signing_key(&first.thumbprint()), None);
    assert_eq!(customer.any_key(&first.thumbprint()), Some(first.public_key()));
    assert!(customer.signing_key(&third.thumbprint()).is_some());

    customer.apply(&event(Event::KeyRevoked, json!({"key": second.thumbprint()})), &admitted(3, 0));
    let ended: Vec<bool> = customer.keys.iter().map(|key| key.ended).collect();
    assert_eq!(ended, [true, true, false]);
}

#[test]
fn a_grant_goes_through_its_states() {
    let mut customer = customer_with([terms(json!({})), terms(json!({}))]);
    let revoked = json!({"grant": jti(1), "by": "operator", "reason": "fraud"});
    for (n, event, status, ended_at) in [
        (2, on_grant(Event::GrantPaused, 1), Status::Paused, None),
        (3, on_grant(Event::GrantResumed, 1), Status::Active, None),
        (4, on_grant(Event::GrantWithdrawn, 1), Status::Withdrawn, Some(UnixSeconds(START.0 + 4))),
        (5, event(Event::GrantRevoked, revoked), Status::Revoked, Some(UnixSeconds(START.0 + 5))),
    ] {
        customer.apply(&event, &admitted(n, n.into()));
        let grant = customer.grant(&jti(1)).unwrap();
        assert_eq!((grant.status, grant.ended_at), (status, ended_at), "after event {n}");
        assert_eq!(grant.terms_entry, admitted(1, 0).entry, "uses stay under the terms' entry");
        assert_eq!(status.is_ended(), ended_at.is_some());
    }
    assert_eq!(customer.grant(&jti(0)).unwrap().status, Status::Active, "the other grant goes on");
}

#[test]
fn amended_terms_begin_with_their_admission_at_the_earliest() {
    for (start, at, starts) in [(START.0, 500, START.0 + 500), (START.0 + 900, 500, START.0 + 900)] {
        let mut customer = customer_with([terms(json!({}))]);
        let amended = terms(json!({"validity": {"start": start}, "limits": {"uses": 20}}));
        let members = json!({"grant": jti(0), "terms": amended});
        customer.apply(&event(Event::GrantAmended, members), &admitted(7, at));
        let grant = customer.grant(&jti(0)).unwrap();
        assert_eq!((grant.starts, grant.group), (UnixSeconds(starts), 7));
        assert_eq!((grant.given, grant.terms_entry), (0, admitted(7, at).entry));
        assert_eq!(grant.terms, amended);
    }
}

#[test]
fn a_later_grant_takes_the_place_of_the_one_it_names() {
    let mut customer = customer_with([terms(json!({})), terms(json!({}))]);
    customer.apply(&given(terms(json!({"supersedes": jti(0)}))), &admitted(2, 60));
    let states: Vec<_> = customer.grants.iter().map(|grant| (grant.status, grant.ended_at)).collect();
    let ended_at = Some(UnixSeconds(START.0 + 60));
    assert_eq!(states, [(Status::Superseded, ended_at), (Status::Active, None), (Status::Active, None)]);
}

#[test]
fn requests_stay_open_until_answered_or_expired() {
    let mut customer = CustomerState::default();
    let made = |seconds: u64| {
        let members = json!({"terms": terms(json!({})), "expires": START.0 + seconds});
        event(Event::RequestMade, members)
    };
    customer.apply(&made(100), &admitted(0, 0));
    customer.apply(&made(10), &admitted(1, 0));
    customer.apply(&made(100), &admitted(2, 10));
    let open =
        |customer: &CustomerState| customer.requests.iter().map(|request| request.id).collect::<Vec<_>>();
    assert_eq!(open(&customer), [jti(0), jti(2)], "the second has expired");
    customer.apply(&event(Event::RequestDeclined, json!({"request": jti(0)})), &admitted(3, 20));
    assert_eq!(open(&customer), [jti(2)]);
    let answer = json!({"terms": terms(json!({})), "request": jti(2)});
    customer.apply(&event(Event::GrantGiven, answer), &admitted(4, 30));
    assert!(open(&customer).is_empty());
}

#[test]
fn events_on_a_grant_link_to_the_terms_in_force() {
    let mut customer = customer_with([terms(json!({}))]);
    let withdrawn = on_grant(Event::GrantWithdrawn, 0);
    assert_eq!(customer.link_target(&withdrawn), Some((admitted(0, 0).entry, 0)));
    let amended = json!({"grant": jti(0), "terms": terms(json!({}))});
    customer.apply(&event(Event::GrantAmended, amended), &admitted(5, 0));
    assert_eq!(customer.link_target(&withdrawn), Some((admitted(5, 0).entry, 5)));
    assert_eq!(customer.link_target(&on_grant(Event::GrantWithdrawn, 9)), None);
    assert_eq!(customer.link_target(&given(terms(json!({})))), None);
}

#[test]
fn events_that_refer_to_nothing_known_change_nothing() {
    let before = customer_with([terms(json!({}))]);
    let mut customer = before.clone();
    let revoked = json!({"grant": jti(9), "by": "operator", "reason": "fraud"});
    for event in [
        on_grant(Event::GrantPaused, 9),
        on_grant(Event::GrantResumed, 9),
        on_grant(Event::GrantWithdrawn, 9),
        event(Event::GrantRevoked, revoked),
        event(Event::KeyRevoked, json!({"key": signer(9).thumbprint()})),
        event(Event::RequestDeclined, json!({"request": jti(9)})),
    ] {
        customer.apply(&event, &admitted(1, 1));
        assert_eq!(customer, before, "{event:?}");
    }
}

#[test]
fn states_read_back_what_they_write() {
    let customer = customer_with([terms(json!({})), terms(json!({"supersedes": jti(0)}))]);
    let json = serde_json::to_string(&customer).unwrap();
    assert_eq!(serde_json::from_str::<CustomerState>(&json).unwrap(), customer);
}
