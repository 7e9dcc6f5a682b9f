#![allow(clippy::needless_pass_by_value, reason = "`json!` values and results read better unborrowed")]

use grantbook_record::event::Event;
use serde_json::{Value, json};

use super::*;
use crate::admission::tests::{CUSTOMER, ENTERPRISE, World, request, tenant_event};
use crate::samples::{START, given, terms};

const TEXT: &str = "Voltway, Nanjing Road 1. privacy@voltway.example. With your consent. Deleted after 30 days. \
    See and correct it under My data. Withdraw under My data. Complain to the authority. Sure Insurance is in the \
    United States under a standard contract. We need trips to price. A model decides.";
const SENTENCE: &str = "Sure Insurance may have these records.";

/// A notice that meets every law, with this merge patch to its contents.
fn published(patch: Value) -> Event {
    let mut contents = json!({
        "laws": ["data-act", "dpdp", "gdpr", "pipl"],
        "controller": "voltway",
        "identity": "Voltway, Nanjing Road 1",
        "contact": "privacy@voltway.example",
        "purposes": ["insurance-underwriting"],
        "legal_basis": "With your consent",
        "categories": ["driving", "fast-charging"],
        "recipients": ["sure-insurance"],
        "retention": "Deleted after 30 days.",
        "rights": "See and correct it under My data.",
        "withdrawal": "Withdraw under My data.",
        "complaint": "Complain to the authority.",
        "cross_border": [{"party": "sure-insurance", "text": "Sure Insurance is in the United States under a standard contract."}],
        "sensitive": "We need trips to price.",
        "automated": "A model decides.",
        "consents": [
            {"to": "third-party", "sentence": SENTENCE},
            {"to": "automated-decision", "sentence": "A model may decide."},
        ],
    });
    for (name, value) in patch.as_object().unwrap() {
        if value.is_null() {
            contents.as_object_mut().unwrap().remove(name);
        } else {
            contents[name] = value.clone();
        }
    }
    let members = json!({"id": "full", "version": 1, "language": "en", "text": TEXT, "contents": contents});
    tenant_event(Event::NoticePublished, members)
}

fn publish_rules(world: &mut World, protections: Value) {
    let party = |country: &str| json!({"country": country});
    let plan = json!({
        "version": 1,
        "parties": {"voltway": party("cn"), "sure-insurance": party("us"), "safe-insurance": party("cn")},
        "protections": protections,
        "rules": [],
    });
    let members = json!({"version": 1, "from": 0, "sources": Bytes32::sha256(b""), "plan": plan});
    world.tenant.apply(&tenant_event(Event::PolicyPublished, members), Bytes32::sha256(b"policy"));
}

fn world() -> World {
    let mut world = World::new();
    publish_rules(&mut world, json!({}));
    world
}

/// The sample's terms under this notice, with this merge patch.
fn told(patch: Value) -> Terms {
    let consent = json!({"to": "third-party", "sentence": Bytes32::sha256(SENTENCE.as_bytes()), "given_at": START.0 * 1000});
    let mut all = json!({"notice": {"hash": Bytes32::sha256(TEXT.as_bytes())}, "consents": [consent]});
    all.as_object_mut().unwrap().extend(patch.as_object().unwrap().clone());
    terms(all)
}

#[test]
fn a_notice_that_says_all_is_admitted() {
    assert_eq!(world().check(&published(json!({})), &[ENTERPRISE]), Ok(()));
    assert!(matches!(world().check(&published(json!({})), &[CUSTOMER]), Err(Refusal::Signers { .. })));
}

/// Of each demand: with the part it is met, without it is not.
#[test]
fn what_a_law_asks_for_and_a_notice_lacks_is_named() {
    for (law, part, provision) in DEMANDS {
        let empty = if *part == Part::CrossBorder { json!([]) } else { Value::Null };
        let lacking = published(json!({"laws": [law], part.member(): empty}));
        let expected = Refusal::NoticeLacks { what: part.member(), law: law.word(), provision };
        assert_eq!(world().check(&lacking, &[ENTERPRISE]), Err(expected));
        assert_eq!(world().check(&published(json!({"laws": [law]})), &[ENTERPRISE]), Ok(()));
    }
    for law in Law::ALL {
        assert!(DEMANDS.iter().any(|(of, ..)| of == law), "{law:?}");
    }
    // nothing is asked for that is not there
    let plain = json!({
        "categories": ["purchases"], "recipients": ["safe-insurance"], "cross_border": [], "sensitive": null,
        "automated": null, "consents": [],
    });
    assert_eq!(world().check(&published(plain), &[ENTERPRISE]), Ok(()));
}

#[test]
fn contents_are_those_of_the_text() {
    for patch in [
        json!({"contact": "somewhere else"}),
        json!({"identity": ""}),
        json!({"cross_border": [{"party": "sure-insurance", "text": "Nowhere."}]}),
        json!({"cross_border": [{"party": "stranger", "text": "A model decides."}]}),
        json!({"purposes": ["war"]}),
        json!({"categories": ["dreams"]}),
        json!({"consents": [{"to": "third-party", "sentence": "Yes."}, {"to": "sensitive", "sentence": "Yes."}]}),
        json!({"consents": [{"to": "third-party", "sentence": "Yes."}, {"to": "third-party", "sentence": "Oh yes."}]}),
        json!({"consents": [{"to": "third-party", "sentence": TEXT}]}),
        json!({"consents": [{"to": "third-party", "sentence": ""}]}),
    ] {
        let got = world().check(&published(patch.clone()), &[ENTERPRISE]);
        assert!(matches!(got, Err(Refusal::Notice { .. })), "{patch}: {got:?}");
    }
    // nobody gives a text that customers have seen another meaning
    let mut world = world();
    world.tenant.apply(&published(json!({})), Bytes32::sha256(b"first"));
    assert_eq!(world.check(&published(json!({})), &[ENTERPRISE]), Ok(()));
    let other = published(json!({"recipients": ["sure-insurance", "safe-insurance"]}));
    assert!(matches!(world.check(&other, &[ENTERPRISE]), Err(Refusal::Notice { .. })));
}

#[test]
fn terms_stay_within_what_the_notice_says() {
    let mut world = world();
    world.tenant.apply(&published(json!({})), Bytes32::sha256(b"first"));
    let check = |patch: Value| world.check(&given(told(patch)), &[CUSTOMER]);
    assert_eq!(check(json!({})), Ok(()));
    let other =
        json!([{"to": "third-party", "sentence": Bytes32::sha256(b"Anything."), "given_at": START.0 * 1000}]);
    let unasked = json!([{"to": "sensitive", "sentence": Bytes32::sha256(SENTENCE.as_bytes()), "given_at": START.0 * 1000}]);
    for (patch, what) in [
        (json!({"recipient": "safe-insurance"}), "recipient"),
        (json!({"purpose": "research"}), "purpose"),
        (json!({"controller": "another"}), "controller"),
        (json!({"scope": {"include": [{"category": "contact"}], "exclude": []}}), "category"),
        (json!({"consents": other}), "sentence of a separate consent"),
        (json!({"consents": unasked}), "sentence of a separate consent"),
    ] {
        assert_eq!(check(patch.clone()), Err(Refusal::NotInNotice { what }), "{patch}");
        let asked = request(json!({"notice": {"hash": Bytes32::sha256(TEXT.as_bytes())}}));
        assert_eq!(world.check(&asked, &[ENTERPRISE]), Ok(()));
    }
    // who has moved abroad since is not who customers were told of
    let mut silent = World::new();
    silent.tenant.apply(&published(json!({"cross_border": [], "laws": ["dpdp"]})), Bytes32::sha256(b"first"));
    assert_eq!(silent.check(&given(told(json!({}))), &[CUSTOMER]), Ok(()));
    publish_rules(&mut silent, json!({}));
    let abroad = Refusal::NotInNotice { what: "country of the recipient" };
    assert_eq!(silent.check(&given(told(json!({}))), &[CUSTOMER]), Err(abroad));
}

#[test]
fn rules_name_the_laws_that_notices_must_meet() {
    let mut world = world();
    world.tenant.apply(&published(json!({"laws": ["pipl"]})), Bytes32::sha256(b"first"));
    publish_rules(&mut world, json!({"notices": ["pipl"]}));
    assert_eq!(world.check(&given(told(json!({}))), &[CUSTOMER]), Ok(()));
    // a text alone meets no law
    let plain = world.check(&given(terms(json!({}))), &[CUSTOMER]);
    assert_eq!(plain, Err(Refusal::NoticeOf { law: "pipl" }));
    publish_rules(&mut world, json!({"notices": ["gdpr", "pipl"]}));
    assert_eq!(world.check(&given(told(json!({}))), &[CUSTOMER]), Err(Refusal::NoticeOf { law: "gdpr" }));
}
