//! Admission of templates with their further bounds, of vocabularies, tiers and owner periods.

use grantbook_record::encoding::Bytes32;
use grantbook_record::event::{Bounds, Event};
use serde_json::{Value, json};

use super::tests::{CUSTOMER, ENTERPRISE, NEW, OPERATOR, World, enrolled, event, key, tenant_event};
use super::*;
use crate::samples::{bounds, given, jti, terms};

fn template(version: u32, patch: &Value) -> Event {
    let text = json!([{"language": "en", "title": "Charging", "body": "What we ask for."}]);
    let mut members =
        json!({"id": "charging", "version": version, "text": text, "bounds": bounds(json!({}))});
    for (name, value) in patch.as_object().unwrap() {
        members[name] = value.clone();
    }
    tenant_event(Event::TemplatePublished, members)
}

/// A world in which the template `charging` of version 2 says this; terms under it.
fn under(patch: &Value) -> (World, Value) {
    let mut world = World::new();
    world.tenant.apply(&template(2, patch), Bytes32::sha256(b"second"));
    (world, json!({"id": "charging", "version": 2, "hash": Bytes32::sha256(b"second")}))
}

fn bounded(patch: Value) -> Bounds {
    bounds(patch)
}

#[test]
fn a_version_is_restored_word_for_word_and_marked() {
    let mut world = World::new();
    let narrowed = json!({"bounds": bounds(json!({"uses_max": 5}))});
    world.tenant.apply(&template(2, &narrowed), Bytes32::sha256(b"second"));
    let restored = |patch: Value| {
        let mut members = json!({"restores": 1});
        members.as_object_mut().unwrap().extend(patch.as_object().unwrap().clone());
        template(3, &members)
    };
    assert_eq!(world.check(&restored(json!({})), &[ENTERPRISE]), Ok(()));
    for other in [
        restored(narrowed),
        restored(json!({"restores": 2})),
        restored(json!({"restores": 3})),
        restored(json!({"restores": 0})),
        restored(json!({"text": [{"language": "en", "title": "Charging", "body": "Something else."}]})),
        restored(json!({"audience": "organisation"})),
    ] {
        assert_eq!(world.check(&other, &[ENTERPRISE]), Err(Refusal::NotRestored), "{other:?}");
    }
}

#[test]
fn with_an_approver_no_template_is_published_by_one_alone() {
    let (world, _) = under(&json!({"approver": key(NEW)}));
    let signed = |event: &Event, signers: &[u8]| world.check(event, signers).is_ok();
    let next = template(3, &json!({}));
    assert!(signed(&next, &[ENTERPRISE, NEW]) && signed(&next, &[NEW, ENTERPRISE]));
    for signers in
        [&[ENTERPRISE][..], &[NEW], &[ENTERPRISE, OPERATOR], &[ENTERPRISE, CUSTOMER], &[OPERATOR, NEW]]
    {
        assert!(!signed(&next, signers), "{signers:?}");
    }
    // a lost key is replaced by the operator's word, and by it alone
    let replaced = template(3, &json!({"approver": key(7)}));
    assert!(signed(&replaced, &[ENTERPRISE, OPERATOR]) && !signed(&replaced, &[ENTERPRISE]));
    let same = template(3, &json!({"approver": key(NEW)}));
    assert!(!signed(&same, &[ENTERPRISE, OPERATOR]) && signed(&same, &[ENTERPRISE, NEW]));
}

#[test]
fn a_tier_counts_once_the_customer_has_signed_it() {
    let (mut world, template) = under(&json!({"bounds": bounded(json!({"tier": "growth"}))}));
    let grant = given(terms(json!({"template": template})));
    let outside =
        Err(Refusal::OutsideTemplate { what: "tier", expected: "one that the customer has agreed to last" });
    assert_eq!(world.check(&grant, &[CUSTOMER]), outside);
    let agreed = |tier: &str| event(Event::TierAgreed, json!({"tier": tier}));
    assert!(matches!(world.check(&agreed("growth"), &[ENTERPRISE]), Err(Refusal::Signers { .. })));
    assert_eq!(world.check(&agreed("growth"), &[CUSTOMER]), Ok(()));
    world.customer.apply(&agreed("growth"), &admitted(70));
    assert_eq!(world.check(&grant, &[CUSTOMER]), Ok(()));
    world.customer.apply(&agreed("strategic"), &admitted(71));
    assert_eq!(world.check(&grant, &[CUSTOMER]), outside);
}

fn admitted(n: u8) -> crate::customer::Admitted {
    crate::samples::admitted(n, 0)
}

#[test]
fn a_phase_may_need_several_signatories() {
    let (mut world, template) = under(&json!({"bounds": bounded(json!({"signatures_min": 2}))}));
    let grant = given(terms(json!({"template": template})));
    let short = |got| matches!(got, Err(Refusal::Signers { .. }));
    assert!(short(world.check(&grant, &[CUSTOMER])));
    assert!(short(world.check(&grant, &[CUSTOMER, CUSTOMER])), "one key twice");
    assert!(short(world.check(&grant, &[CUSTOMER, NEW])), "nobody's key");
    world.customer.apply(&enrolled(NEW, "enrolled_key"), &admitted(70));
    assert_eq!(world.check(&grant, &[CUSTOMER, NEW]), Ok(()));
    // one of them alone cannot lead it out of the template that both were asked under
    world.customer.apply(&grant, &admitted(71));
    let amended = event(Event::GrantAmended, json!({"grant": jti(71), "terms": terms(json!({}))}));
    assert!(short(world.check(&amended, &[CUSTOMER])));
    assert_eq!(world.check(&amended, &[CUSTOMER, NEW]), Ok(()));
}

#[test]
fn the_enterprise_gives_of_its_own_data_with_its_own_key_too() {
    let (world, template) = under(&json!({"audience": "enterprise"}));
    let grant = given(terms(json!({"template": template})));
    assert_eq!(world.check(&grant, &[CUSTOMER, ENTERPRISE]), Ok(()));
    for signers in [&[CUSTOMER][..], &[ENTERPRISE], &[ENTERPRISE, OPERATOR]] {
        assert!(matches!(world.check(&grant, signers), Err(Refusal::Signers { .. })), "{signers:?}");
    }
    // under any other template the enterprise's signature has no place
    let plain = given(terms(json!({})));
    assert!(matches!(world.check(&plain, &[CUSTOMER, ENTERPRISE]), Err(Refusal::Signers { .. })));
}

#[test]
fn vocabularies_come_from_the_enterprise_one_after_the_other() {
    let mut world = World::new();
    let label = json!({"en": "Repairs", "zh-CN": "维修", "iri": "https://w3id.org/dpv#RepairImpairments"});
    let next = |version: u32| {
        let members = json!({"version": version, "put": {"purposes": {"repair": label}}});
        tenant_event(Event::VocabularyPublished, members)
    };
    for signers in [&[OPERATOR][..], &[CUSTOMER], &[ENTERPRISE, OPERATOR]] {
        assert!(matches!(world.check(&next(2), signers), Err(Refusal::Signers { .. })));
    }
    assert!(matches!(world.check(&next(3), &[ENTERPRISE]), Err(Refusal::Vocabulary(_))));
    assert_eq!(world.check(&next(2), &[ENTERPRISE]), Ok(()));
    // terms name a version that there is, and that of their template; amendments stay in it
    let of_two = given(terms(json!({"vocabulary": 2})));
    let unknown = Err(Refusal::UnknownTerm { what: "version of the vocabulary" });
    assert_eq!(world.check(&of_two, &[CUSTOMER]), unknown);
    world.tenant.apply(&next(2), Bytes32::sha256(b"vocabulary"));
    let outside = Refusal::OutsideTemplate { what: "vocabulary", expected: "the template's version" };
    assert_eq!(world.check(&of_two, &[CUSTOMER]), Err(outside));
    let purposes = bounds(json!({"vocabulary": 2, "purposes": ["repair", "insurance-underwriting"]}));
    let second = template(2, &json!({"bounds": purposes}));
    assert_eq!(world.check(&second, &[ENTERPRISE]), Ok(()));
    world.tenant.apply(&second, Bytes32::sha256(b"second"));
    let reference = json!({"id": "charging", "version": 2, "hash": Bytes32::sha256(b"second")});
    let repair = |vocabulary: u32| {
        terms(json!({"vocabulary": vocabulary, "purpose": "repair", "template": reference}))
    };
    assert_eq!(world.check(&given(repair(2)), &[CUSTOMER]), Ok(()));
    assert_eq!(world.check(&given(repair(1)), &[CUSTOMER]), Err(Refusal::UnknownTerm { what: "purpose" }));
    let moved = terms(json!({"vocabulary": 2, "template": reference}));
    let amended = event(Event::GrantAmended, json!({"grant": jti(0), "terms": moved}));
    let changes = Refusal::AmendmentChanges { what: "version of the vocabulary" };
    assert_eq!(world.check(&amended, &[CUSTOMER]), Err(changes));
}

#[test]
fn owner_periods_end_by_one_and_are_added_by_both() {
    let mut world = World::new();
    let owned = |from: &str, to: Option<&str>| {
        let mut members = json!({
            "source": {"attribute": "vehicle", "value": "V-81"}, "categories": ["driving"], "from": from});
        if let Some(to) = to {
            members["to"] = json!(to);
        }
        event(Event::SourceOwned, members)
    };
    let (begun, sold, again) =
        (owned("2025-01-01", None), owned("2025-01-01", Some("2025-07-15")), owned("2025-09-01", None));
    for signer in [CUSTOMER, ENTERPRISE] {
        assert_eq!(world.check(&begun, &[signer]), Ok(()));
        assert_eq!(world.check(&sold, &[signer]), Ok(()));
    }
    assert!(matches!(world.check(&sold, &[OPERATOR]), Err(Refusal::Signers { .. })));
    world.customer.apply(&begun, &admitted(70));
    assert_eq!(world.check(&sold, &[ENTERPRISE]), Ok(()));
    world.customer.apply(&sold, &admitted(71));
    for signer in [CUSTOMER, ENTERPRISE] {
        assert!(matches!(world.check(&again, &[signer]), Err(Refusal::Signers { .. })));
    }
    assert_eq!(world.check(&again, &[CUSTOMER, ENTERPRISE]), Ok(()));
    let unknown = event(
        Event::SourceOwned,
        json!({"source": {"attribute": "vehicle", "value": "V"}, "categories": ["dreams"], "from": "2025-01-01"}),
    );
    assert_eq!(world.check(&unknown, &[CUSTOMER]), Err(Refusal::UnknownTerm { what: "category" }));
}
