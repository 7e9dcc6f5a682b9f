use serde_json::{Value, json};

use super::*;
use crate::CustomerState;
use crate::admission::{self, Context, Parties, Refusal};
use crate::samples::{NOW, bounds, given, jti, signer, terms};

fn published(id: &str, version: u32) -> Event {
    let text = json!([{"language": "en", "title": "Charging", "body": "What we ask for."}]);
    let members = json!({"id": id, "version": version, "text": text, "bounds": bounds(json!({}))});
    Event::TemplatePublished(serde_json::from_value(members).unwrap())
}

fn named(id: &str, version: u32, hash: &[u8]) -> TemplateRef {
    let members = json!({"id": id, "version": version, "hash": Bytes32::sha256(hash)});
    serde_json::from_value(members).unwrap()
}

#[test]
fn templates_are_found_by_name_version_and_hash_together() {
    let mut tenant = TenantState::default();
    tenant.apply(&published("charging", 1), Bytes32::sha256(b"one"));
    tenant.apply(&published("charging", 2), Bytes32::sha256(b"two"));
    for (name, version, hash, found) in [
        ("charging", 1, b"one", true),
        ("charging", 2, b"two", true),
        ("charging", 1, b"two", false),
        ("charging", 0, b"one", false),
        ("charging", 3, b"one", false),
        ("shopping", 1, b"one", false),
    ] {
        assert_eq!(tenant.template(&named(name, version, hash)).is_some(), found, "{name} {version}");
    }
}

#[test]
fn notices_are_known_by_the_hash_of_their_text() {
    let mut tenant = TenantState::default();
    let notice = json!({"id": "notice", "version": 1, "language": "en", "text": "What we do."});
    tenant.apply(&Event::NoticePublished(serde_json::from_value(notice).unwrap()), Bytes32::sha256(b"x"));
    assert!(tenant.notices.contains_key(&Bytes32::sha256(b"What we do.")));
    assert_eq!(tenant.notices.len(), 1);
}

#[test]
fn groups_are_numbered_from_one_as_they_come() {
    let mut tenant = TenantState::default();
    let with = |compensation: Value| terms(json!({"compensation": compensation}));
    let price = |minor: u32| json!({"currency": "CNY", "minor": minor});
    let share =
        |points: u16| json!({"per_use": null, "revenue_share": {"currency": "CNY", "basis_points": points}});
    for (compensation, group) in [
        (json!({"per_use": price(80)}), 1),
        (json!("none"), 2),
        (json!({"per_use": price(90)}), 1), // prices are no part of a group
        (json!({"per_use": null, "per_grant": price(80)}), 3),
        (share(250), 4),
        (share(300), 5),
        (share(250), 4),
    ] {
        let event = given(with(compensation.clone()));
        let is_new = tenant.groups.len() < usize::from(group);
        assert_eq!(tenant.is_changed_by(&event), is_new, "{compensation}");
        tenant.apply(&event, Bytes32::sha256(b"x"));
        assert_eq!(tenant.group(&with(compensation.clone())), Some(group), "{compensation}");
    }
    assert_eq!(tenant.groups.len(), 5);
    // the same terms under another template are another cohort's
    let mut other = with(json!({"per_use": price(80)}));
    other.template.id = grantbook_record::Term::parse("another").unwrap();
    assert_eq!(tenant.group_to_be(&other), 6);
}

fn rules(id: &str) -> Value {
    let text = json!({"en": "ask", "zh-CN": "请求"});
    json!({"version": 1, "rules": [{"id": id, "effect": "permit", "text": text, "when": {"bool": true}}]})
}

/// The next version, signed on the second day.
fn policy(version: u32, plan: &Value, stage: &Value) -> Event {
    let sources = Bytes32::sha256(b"sources");
    let members = json!({"version": version, "from": NOW, "sources": sources, "plan": plan, "stage": stage});
    Event::PolicyPublished(serde_json::from_value(members).unwrap())
}

/// Takes it in if admission does.
fn publish(tenant: &mut TenantState, event: &Event) -> Result<(), Refusal> {
    let parties = Parties { enterprise: signer(1).thumbprint(), operator: signer(2).thumbprint() };
    let context = Context { tenant, parties: &parties, jti: jti(99), now: NOW };
    admission::check(event, &[parties.enterprise], &CustomerState::default(), &context)?;
    tenant.apply(event, Bytes32::sha256(b"envelope"));
    Ok(())
}

#[test]
fn rules_in_shadow_do_not_hold() {
    let mut tenant = TenantState::default();
    let (one, two) = (rules("one"), rules("two"));
    let plan = |json: &Value| PolicyPlan::from_value(json).unwrap();
    publish(&mut tenant, &policy(1, &one, &json!({"shadow": {"hours": 2}}))).unwrap();
    assert_eq!((tenant.rules(), tenant.basis().rules), (None, None));
    let Candidate { from, until, .. } = tenant.candidate.clone().unwrap();
    assert_eq!((from, until), (NOW, UnixSeconds(NOW.0 + 7200)));
    publish(&mut tenant, &policy(1, &two, &Value::Null)).unwrap();
    assert_eq!(tenant.rules(), Some(&plan(&two)));
    assert_eq!(tenant.candidate.as_ref().map(|candidate| &candidate.plan), Some(&plan(&one)));
    publish(&mut tenant, &policy(2, &one, &json!({"promoted": {"early": "incident"}}))).unwrap();
    assert_eq!((tenant.rules(), &tenant.candidate), (Some(&plan(&one)), &None));
    assert_eq!(tenant.policy.as_ref().map(|policy| policy.version), Some(2));
}

#[test]
fn other_rules_than_those_in_shadow_are_not_promoted() {
    let mut tenant = TenantState::default();
    let promoted =
        |version, id: &str| policy(version, &rules(id), &json!({"promoted": {"early": "incident"}}));
    let other = |refused| matches!(refused, Err(Refusal::OtherCandidate { .. }));
    assert_eq!(publish(&mut tenant, &promoted(1, "one")), Err(Refusal::NoCandidate));
    publish(&mut tenant, &policy(1, &rules("one"), &json!({"shadow": {"hours": 2}}))).unwrap();
    assert!(other(publish(&mut tenant, &promoted(1, "two"))));
    assert!(other(publish(&mut tenant, &policy(1, &rules("one"), &json!("dropped")))));
    let still = Refusal::StillInShadow { until: UnixSeconds(NOW.0 + 7200) };
    assert_eq!(publish(&mut tenant, &policy(1, &rules("one"), &json!({"promoted": {}}))), Err(still));
    publish(&mut tenant, &policy(1, &Value::Null, &json!("dropped"))).unwrap();
    assert_eq!(publish(&mut tenant, &promoted(1, "one")), Err(Refusal::NoCandidate));
    assert_eq!(tenant, TenantState::default());
}
