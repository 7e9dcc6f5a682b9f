use grantbook_record::PublicKey;
use grantbook_record::encoding::Bytes32;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;
use crate::notice::PublishedNotice;
use crate::samples::{END, NOW, START, admitted, bounds, given, jti, signer, subject, terms};
use crate::tenant::TEMPLATES_MAX;

/// A tenant with a template and a notice; a customer with one key, two grants (the second paused) and a request.
pub(crate) struct World {
    pub(crate) tenant: TenantState,
    pub(crate) customer: CustomerState,
    pub(crate) now: UnixSeconds,
}

pub(crate) const CUSTOMER: u8 = 1;
pub(crate) const ENTERPRISE: u8 = 2;
pub(crate) const OPERATOR: u8 = 3;
/// A key that nobody has enrolled.
pub(crate) const NEW: u8 = 4;
const REQUEST: u8 = 50;

pub(crate) fn key(n: u8) -> PublicKey {
    *signer(n).public_key()
}

pub(crate) fn event<T: DeserializeOwned>(wrap: fn(T) -> Event, mut members: Value) -> Event {
    members["sub"] = json!(subject());
    tenant_event(wrap, members)
}

pub(crate) fn tenant_event<T: DeserializeOwned>(wrap: fn(T) -> Event, members: Value) -> Event {
    wrap(serde_json::from_value(members).unwrap())
}

pub(crate) fn template(id: &str, version: u32, bounds_patch: Value) -> Event {
    let text = json!([{"language": "en", "title": "Charging", "body": "What we ask for."}]);
    let members = json!({"id": id, "version": version, "text": text, "bounds": bounds(bounds_patch)});
    tenant_event(Event::TemplatePublished, members)
}

fn notice(text: &str) -> Event {
    let members = json!({"id": "notice", "version": 1, "language": "en", "text": text});
    tenant_event(Event::NoticePublished, members)
}

pub(crate) fn enrolled(n: u8, evidence: &str) -> Event {
    event(Event::KeyEnrolled, json!({"key": key(n), "evidence": evidence}))
}

pub(crate) fn request(patch: Value) -> Event {
    event(Event::RequestMade, json!({"terms": terms(patch), "expires": NOW.0 + 60}))
}

pub(crate) fn amended(n: u8, patch: Value) -> Event {
    event(Event::GrantAmended, json!({"grant": jti(n), "terms": terms(patch)}))
}

pub(crate) fn on_grant<T: DeserializeOwned>(wrap: fn(T) -> Event, n: u8) -> Event {
    event(wrap, json!({"grant": jti(n)}))
}

fn by_channel(n: u8) -> Event {
    event(Event::GrantWithdrawn, json!({"grant": jti(n), "channel": "phone"}))
}

fn revoked(by: &str) -> Event {
    event(Event::GrantRevoked, json!({"grant": jti(0), "by": by, "reason": "fraud"}))
}

impl World {
    pub(crate) fn new() -> Self {
        let mut tenant = TenantState::default();
        tenant.apply(&template("charging", 1, json!({})), Bytes32::sha256(b"template"));
        tenant.apply(&notice("notice"), Bytes32::sha256(b"envelope"));
        let mut customer = CustomerState::default();
        let paused = on_grant(Event::GrantPaused, 1);
        for (n, event) in [
            (40, enrolled(CUSTOMER, "enterprise")),
            (0, given(terms(json!({})))),
            (1, given(terms(json!({})))),
            (41, paused),
            (REQUEST, request(json!({}))),
        ] {
            tenant.apply(&event, Bytes32::sha256(&[n]));
            customer.apply(&event, &admitted(n, 0));
        }
        Self { tenant, customer, now: NOW }
    }

    pub(crate) fn check(&self, event: &Event, signers: &[u8]) -> Result<(), Refusal> {
        let parties =
            Parties { enterprise: signer(ENTERPRISE).thumbprint(), operator: signer(OPERATOR).thumbprint() };
        let context = Context { tenant: &self.tenant, parties: &parties, jti: jti(99), now: self.now };
        let signers: Vec<Thumbprint> = signers.iter().map(|n| signer(*n).thumbprint()).collect();
        check(event, &signers, &self.customer, &context)
    }
}

/// Every event, once as it is admitted, with its signers.
fn admissible() -> Vec<(Event, Vec<u8>)> {
    vec![
        (enrolled(NEW, "enrolled_key"), vec![NEW, CUSTOMER]),
        (
            event(Event::KeyRotated, json!({"old": signer(CUSTOMER).thumbprint(), "new": key(NEW)})),
            vec![CUSTOMER, NEW],
        ),
        (event(Event::KeyRevoked, json!({"key": signer(CUSTOMER).thumbprint()})), vec![CUSTOMER]),
        (template("charging", 2, json!({})), vec![ENTERPRISE]),
        (template("shopping", 1, json!({})), vec![ENTERPRISE]),
        (notice("another"), vec![ENTERPRISE]),
        (tenant_event(Event::VocabularyPublished, json!({"version": 2})), vec![ENTERPRISE]),
        (event(Event::TierAgreed, json!({"tier": "growth"})), vec![CUSTOMER]),
        (request(json!({})), vec![ENTERPRISE]),
        (event(Event::RequestDeclined, json!({"request": jti(REQUEST)})), vec![CUSTOMER]),
        (given(terms(json!({}))), vec![CUSTOMER]),
        (given(terms(json!({"supersedes": jti(1)}))), vec![CUSTOMER]),
        (
            event(Event::GrantGiven, json!({"terms": terms(json!({})), "request": jti(REQUEST)})),
            vec![CUSTOMER],
        ),
        (amended(0, json!({"limits": {"uses": 5}})), vec![CUSTOMER]),
        (amended(1, json!({"compensation": {"per_use": {"minor": 90}}})), vec![CUSTOMER]),
        (on_grant(Event::GrantPaused, 0), vec![CUSTOMER]),
        (on_grant(Event::GrantResumed, 1), vec![CUSTOMER]),
        (on_grant(Event::GrantWithdrawn, 0), vec![CUSTOMER]),
        (on_grant(Event::GrantWithdrawn, 1), vec![CUSTOMER]),
        (by_channel(0), vec![OPERATOR]),
        (revoked("enterprise"), vec![ENTERPRISE]),
        (revoked("operator"), vec![OPERATOR]),
    ]
}

#[test]
fn every_event_is_admitted_from_its_signers() {
    let world = World::new();
    for (event, signers) in admissible() {
        assert_eq!(world.check(&event, &signers), Ok(()), "{event:?}");
    }
    let stranger = World { customer: CustomerState::default(), ..World::new() };
    for (evidence, voucher) in [("enterprise", ENTERPRISE), ("operators_word", OPERATOR)] {
        for signers in [[NEW, voucher], [voucher, NEW]] {
            assert_eq!(stranger.check(&enrolled(NEW, evidence), &signers), Ok(()), "{evidence}");
        }
    }
}

/// Nobody forges consent: no other set of signers is enough, not even with the right ones among them.
#[test]
fn no_event_is_admitted_from_other_signers() {
    let world = World::new();
    let keys = [CUSTOMER, ENTERPRISE, OPERATOR, NEW];
    let mut sets: Vec<Vec<u8>> = vec![vec![]];
    sets.extend(keys.iter().map(|key| vec![*key]));
    sets.extend(keys.iter().flat_map(|a| keys.iter().map(|b| vec![*a, *b])));
    sets.push(keys.to_vec());
    for (event, right) in admissible() {
        for signers in &sets {
            let mut same = signers.clone();
            let mut sorted = right.clone();
            same.sort_unstable();
            sorted.sort_unstable();
            // a customer's key twice is still the customer alone; the envelope refuses such a pair
            same.dedup();
            if same == sorted {
                continue;
            }
            let got = world.check(&event, signers);
            assert!(matches!(got, Err(Refusal::Signers { .. })), "{got:?} for {event:?} by {signers:?}");
        }
    }
}

#[test]
fn keys_that_have_ended_sign_nothing() {
    let mut world = World::new();
    let rotated = json!({"old": signer(CUSTOMER).thumbprint(), "new": key(NEW)});
    world.customer.apply(&event(Event::KeyRotated, rotated.clone()), &admitted(60, 0));
    for (event, signers) in [
        (given(terms(json!({}))), vec![CUSTOMER]),
        (on_grant(Event::GrantWithdrawn, 0), vec![CUSTOMER]),
        (enrolled(5, "enrolled_key"), vec![5, CUSTOMER]),
    ] {
        assert!(matches!(world.check(&event, &signers), Err(Refusal::Signers { .. })), "{event:?}");
    }
    assert_eq!(world.check(&given(terms(json!({}))), &[NEW]), Ok(()));
    assert_eq!(world.check(&event(Event::KeyRotated, rotated), &[CUSTOMER, NEW]), Err(Refusal::NoSuchKey));
    // coming back under the key that has ended
    assert_eq!(world.check(&enrolled(CUSTOMER, "enrolled_key"), &[CUSTOMER, NEW]), Err(Refusal::KeyKnown));
}

#[test]
fn only_the_recovery_key_recovers_and_only_once() {
    let recovery = |seed: u8| signer(seed).thumbprint();
    let mut world = World { customer: CustomerState::default(), ..World::new() };
    let first = event(
        Event::KeyEnrolled,
        json!({"key": key(CUSTOMER), "evidence": "enterprise", "recovery": recovery(20)}),
    );
    assert_eq!(world.check(&first, &[CUSTOMER, ENTERPRISE]), Ok(()));
    world.customer.apply(&first, &admitted(60, 0));
    // whoever holds a device cannot put another recovery key in the place of the first
    let second = json!({"key": key(NEW), "evidence": "enrolled_key", "recovery": recovery(21)});
    assert_eq!(
        world.check(&event(Event::KeyEnrolled, second), &[NEW, CUSTOMER]),
        Err(Refusal::RecoveryFixed)
    );
    let recovered = |shown: u8, new: u8, next: u8| {
        let recovery = json!({"key": key(shown), "next": recovery(next)});
        let old = signer(shown).thumbprint();
        event(Event::KeyRotated, json!({"old": old, "new": key(new), "recovery": recovery}))
    };
    for (event, signers, refusal) in [
        (recovered(22, NEW, 21), vec![22, NEW], Refusal::NoSuchRecovery),
        (recovered(CUSTOMER, NEW, 21), vec![CUSTOMER, NEW], Refusal::NoSuchRecovery),
        (recovered(20, NEW, 20), vec![20, NEW], Refusal::KeyKnown),
        (recovered(20, NEW, CUSTOMER), vec![20, NEW], Refusal::KeyKnown),
        (recovered(20, 20, 21), vec![20, 20], Refusal::KeyKnown),
        (recovered(20, CUSTOMER, 21), vec![20, CUSTOMER], Refusal::KeyKnown),
    ] {
        let got = world.check(&event, &signers);
        assert!(
            got == Err(refusal.clone()) || matches!(got, Err(Refusal::Signers { .. })),
            "{got:?} {refusal:?}"
        );
    }
    for signers in [vec![20], vec![NEW], vec![CUSTOMER, NEW], vec![20, CUSTOMER], vec![20, NEW, CUSTOMER]] {
        let got = world.check(&recovered(20, NEW, 21), &signers);
        assert!(matches!(got, Err(Refusal::Signers { .. })), "{got:?} by {signers:?}");
    }
    assert_eq!(world.check(&recovered(20, NEW, 21), &[20, NEW]), Ok(()));
    world.customer.apply(&recovered(20, NEW, 21), &admitted(61, 0));
    assert!(world.customer.signing_key(&signer(CUSTOMER).thumbprint()).is_none(), "the lost key has ended");
    assert!(world.customer.signing_key(&signer(NEW).thumbprint()).is_some());
    assert_eq!(world.check(&recovered(20, 23, 24), &[20, 23]), Err(Refusal::NoSuchRecovery));
    assert_eq!(world.check(&recovered(21, 23, 24), &[21, 23]), Ok(()));
}

fn outside(what: &'static str) -> impl Fn(&Refusal) -> bool {
    move |refusal| matches!(refusal, Refusal::OutsideTemplate { what: got, .. } if *got == what)
}

#[test]
fn refusals() {
    let by = |signer: u8| vec![signer];
    let from_customer = |event: Event, refusal: Refusal| (event, by(CUSTOMER), refusal);
    let unknown = |what| Refusal::UnknownTerm { what };
    let changes = |what| Refusal::AmendmentChanges { what };
    let status = |expected, got| Refusal::GrantStatus { expected, got };
    let clause = |category: &str, fields: Value| json!({"category": category, "fields": fields});
    let mandate = event(Event::GrantGiven, json!({"terms": terms(json!({})), "mandate": jti(9)}));
    let answers_nothing = event(Event::GrantGiven, json!({"terms": terms(json!({})), "request": jti(9)}));
    for (event, signers, refusal) in vec![
        (enrolled(NEW, "enterprise"), vec![NEW, ENTERPRISE], Refusal::AlreadyEnrolled),
        (enrolled(NEW, "operators_word"), vec![NEW, OPERATOR], Refusal::AlreadyEnrolled),
        from_customer(event(Event::KeyRevoked, json!({"key": signer(NEW).thumbprint()})), Refusal::NoSuchKey),
        (template("charging", 1, json!({})), by(ENTERPRISE), Refusal::Version { expected: 2 }),
        (template("charging", 3, json!({})), by(ENTERPRISE), Refusal::Version { expected: 2 }),
        (template("shopping", 2, json!({})), by(ENTERPRISE), Refusal::Version { expected: 1 }),
        (template("shopping", 1, json!({"purposes": ["war"]})), by(ENTERPRISE), unknown("purpose")),
        (template("shopping", 1, json!({"categories": ["dreams"]})), by(ENTERPRISE), unknown("category")),
        (notice(""), by(ENTERPRISE), Refusal::Text { got: 0 }),
        (notice(&"x".repeat(TEXT_BYTES_MAX + 1)), by(ENTERPRISE), Refusal::Text { got: TEXT_BYTES_MAX + 1 }),
        from_customer(event(Event::RequestDeclined, json!({"request": jti(9)})), Refusal::NoSuchRequest),
        from_customer(answers_nothing, Refusal::NoSuchRequest),
        from_customer(mandate, crate::mandate::MandateError::NoSuchMandate.into()),
        from_customer(given(terms(json!({"purpose": "war"}))), unknown("purpose")),
        from_customer(
            given(terms(json!({"scope": {"include": [{"category": "dreams"}]}}))),
            unknown("category"),
        ),
        from_customer(
            given(terms(json!({"scope": {"exclude": [clause("fast-charging", json!(["speed"]))]}}))),
            unknown("field"),
        ),
        (request(json!({"purpose": "war"})), by(ENTERPRISE), unknown("purpose")),
        from_customer(given(terms(json!({"validity": {"end": NOW}}))), Refusal::AlreadyExpired),
        from_customer(given(terms(json!({"template": {"version": 2}}))), Refusal::NoSuchTemplate),
        from_customer(
            given(terms(json!({"template": {"hash": Bytes32::sha256(b"other")}}))),
            Refusal::NoSuchTemplate,
        ),
        from_customer(
            given(terms(json!({"notice": {"hash": Bytes32::sha256(b"other")}}))),
            Refusal::NoSuchNotice,
        ),
        from_customer(given(terms(json!({"supersedes": jti(9)}))), Refusal::NoSuchGrant),
        from_customer(amended(9, json!({})), Refusal::NoSuchGrant),
        from_customer(amended(0, json!({"recipient": "safe-insurance"})), changes("recipient")),
        from_customer(amended(0, json!({"purpose": "research"})), changes("purpose")),
        from_customer(
            amended(0, json!({"scope": {"include": [{"category": "driving"}]}})),
            changes("category"),
        ),
        from_customer(amended(0, json!({"supersedes": jti(1)})), changes("grant that it supersedes")),
        from_customer(on_grant(Event::GrantPaused, 1), status("active", "paused")),
        from_customer(on_grant(Event::GrantResumed, 0), status("paused", "active")),
        from_customer(on_grant(Event::GrantWithdrawn, 9), Refusal::NoSuchGrant),
        (by_channel(9), by(OPERATOR), Refusal::NoSuchGrant),
    ] {
        assert_eq!(World::new().check(&event, &signers), Err(refusal), "{event:?}");
    }
}

#[test]
fn terms_stay_within_their_template() {
    let year_and_a_second = json!({"validity": {"start": START, "end": END.0 + 1}});
    for (patch, what) in [
        (json!({"controller": "another"}), "controller"),
        (json!({"recipient": "another"}), "recipient"),
        (json!({"purpose": "marketing"}), "purpose"),
        (json!({"scope": {"include": [{"category": "purchases"}]}}), "category"),
        (year_and_a_second, "validity"),
        (json!({"limits": {"uses": 11}}), "cap"),
        (json!({"limits": {"uses": null}}), "cap"),
        (json!({"limits": {"retention_days": 31}}), "retention"),
        (json!({"limits": {"retention_days": null}}), "retention"),
        (json!({"compensation": {"per_use": {"minor": 49}}}), "price"),
        (json!({"compensation": {"per_use": {"currency": "EUR"}}}), "price"),
        (json!({"compensation": "none"}), "price"),
    ] {
        let refusal = World::new().check(&given(terms(patch.clone())), &[CUSTOMER]).unwrap_err();
        assert!(outside(what)(&refusal), "{refusal:?} for {patch}");
        assert_eq!(World::new().check(&request(patch), &[ENTERPRISE]), Err(refusal));
    }
    let both = terms(json!({"recipient": "another", "limits": {"uses": 11}}));
    let all: Vec<Refusal> = beyond_template(&both, &bounds(json!({}))).collect();
    assert!(all.len() == 2 && outside("recipient")(&all[0]) && outside("cap")(&all[1]), "{all:?}");
}

#[test]
fn a_birth_day_is_stated_just_where_the_template_asks() {
    let mut world = World::new();
    world.tenant.apply(&template("adults", 1, json!({"birth_day": true})), Bytes32::sha256(b"adults"));
    let adults = json!({"template": {"id": "adults", "hash": Bytes32::sha256(b"adults")}});
    for (patch, birth_day, admitted) in [
        (json!({}), None, true),
        (json!({}), Some(30_000), false),
        (adults.clone(), Some(30_000), true),
        (adults.clone(), None, false),
    ] {
        let members = json!({"terms": terms(patch.clone()), "birth_day": birth_day});
        match world.check(&event(Event::GrantGiven, members), &[CUSTOMER]) {
            Ok(()) => assert!(admitted, "{patch}"),
            Err(refusal) => assert!(!admitted && outside("birth day")(&refusal), "{patch}: {refusal}"),
        }
    }
    assert_eq!(world.check(&request(adults), &[ENTERPRISE]), Ok(()), "a request never states one");
}

#[test]
fn a_grant_that_has_ended_takes_no_further_event() {
    for ending in
        [on_grant(Event::GrantWithdrawn, 0), revoked("operator"), given(terms(json!({"supersedes": jti(0)})))]
    {
        let mut world = World::new();
        world.customer.apply(&ending, &admitted(60, 0));
        for (event, signer) in [
            (amended(0, json!({})), CUSTOMER),
            (on_grant(Event::GrantPaused, 0), CUSTOMER),
            (on_grant(Event::GrantResumed, 0), CUSTOMER),
            (on_grant(Event::GrantWithdrawn, 0), CUSTOMER),
            (by_channel(0), OPERATOR),
            (revoked("enterprise"), ENTERPRISE),
            (given(terms(json!({"supersedes": jti(0)}))), CUSTOMER),
        ] {
            assert_eq!(world.check(&event, &[signer]), Err(Refusal::GrantEnded), "{event:?}");
        }
    }
}

#[test]
fn nothing_is_asked_of_or_taken_from_an_unknown_customer() {
    let world = World { customer: CustomerState::default(), ..World::new() };
    assert_eq!(world.check(&request(json!({})), &[ENTERPRISE]), Err(Refusal::UnknownCustomer));
    for event in [given(terms(json!({}))), on_grant(Event::GrantWithdrawn, 0)] {
        assert_eq!(world.check(&event, &[CUSTOMER]), Err(Refusal::UnknownCustomer));
    }
}

#[test]
fn a_request_can_be_answered_until_it_expires() {
    let declined = event(Event::RequestDeclined, json!({"request": jti(REQUEST)}));
    for (offset, expected) in [(59, Ok(())), (60, Err(Refusal::NoSuchRequest))] {
        let world = World { now: UnixSeconds(NOW.0 + offset), ..World::new() };
        assert_eq!(world.check(&declined, &[CUSTOMER]), expected);
    }
}

#[test]
fn limits_bound_what_is_kept() {
    let mut world = World::new();
    let too_many = |what, limit| Err(Refusal::TooMany { what, limit });

    let grant = world.customer.grants[0].clone();
    world.customer.grants.resize(GRANTS_MAX, grant);
    assert_eq!(world.check(&given(terms(json!({}))), &[CUSTOMER]), too_many("grants", GRANTS_MAX));

    let customers_key = world.customer.keys[0].clone();
    world.customer.keys.resize(KEYS_MAX, customers_key);
    let enrolment = enrolled(NEW, "enrolled_key");
    assert_eq!(world.check(&enrolment, &[NEW, CUSTOMER]), too_many("keys", KEYS_MAX));

    let published = world.tenant.templates.values().next().unwrap()[0].clone();
    world.tenant.templates.values_mut().next().unwrap().resize(TEMPLATES_MAX, published);
    let template = template("another", 1, json!({}));
    assert_eq!(world.check(&template, &[ENTERPRISE]), too_many("templates", TEMPLATES_MAX));

    world.tenant.notices.extend(
        (0..NOTICES_MAX as u64).map(|n| (Bytes32::sha256(&n.to_be_bytes()), PublishedNotice::default())),
    );
    assert_eq!(world.check(&notice("more"), &[ENTERPRISE]), too_many("notices", NOTICES_MAX));

    // a full table of groups refuses a new group, not a grant in a group that is there
    let mut world = World::new();
    let group = world.tenant.groups[0].clone();
    world.tenant.groups.resize(GROUPS_MAX, group);
    let per_grant = json!({"compensation": {"per_use": null, "per_grant": {"currency": "CNY", "minor": 90}}});
    assert_eq!(world.check(&given(terms(per_grant)), &[CUSTOMER]), too_many("groups of terms", GROUPS_MAX));
    assert_eq!(world.check(&given(terms(json!({}))), &[CUSTOMER]), Ok(()));
}
