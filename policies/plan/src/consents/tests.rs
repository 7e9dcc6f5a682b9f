#![allow(clippy::needless_pass_by_value, reason = "`json!` values and results read better unborrowed")]

use grantbook_record::encoding::Bytes32;
use serde_json::{Value, json};

use super::*;
use crate::admission::tests::{CUSTOMER, ENTERPRISE, World, request, tenant_event};
use crate::samples::{START, consents, given, terms};
use crate::vocabulary::Vocabulary;
use grantbook_record::event::Event;

fn with(consents: Value) -> Terms {
    terms(json!({"consents": consents}))
}

fn changed(at: usize, member: &str, value: Value) -> Terms {
    let mut two = consents(&["third-party", "sensitive"]);
    two[at][member] = value;
    with(two)
}

fn refused(terms: &Terms, given: bool) -> Option<&'static str> {
    match ticks(terms, given) {
        Ok(()) => None,
        Err(Refusal::Consents { expected }) => Some(expected),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn one_tick_does_not_count_for_two() {
    let two = with(consents(&["third-party", "sensitive"]));
    assert_eq!(refused(&two, true), None);
    let own_act = Some("each to be given by an act of its own, at a time of its own");
    let first = json!(START.0 * 1000 + 1);
    assert_eq!(refused(&changed(1, "given_at", first.clone()), true), own_act);
    let mut unmarked = two.clone();
    unmarked.consents = grantbook_record::list::List::new(
        two.consents
            .iter()
            .map(|one| grantbook_record::terms::Consent { given_at: None, ..one.clone() })
            .collect(),
    )
    .unwrap();
    assert_eq!(refused(&unmarked, true), own_act);
    // admission asks it of every grant
    let world = World::new();
    assert_eq!(world.check(&given(two), &[CUSTOMER]), Ok(()));
    let one_tick = world.check(&given(changed(1, "given_at", first)), &[CUSTOMER]);
    assert!(matches!(one_tick, Err(Refusal::Consents { .. })), "{one_tick:?}");
}

#[test]
fn each_has_a_sentence_of_its_own_after_the_notice() {
    let of_first = json!(with(consents(&["third-party"])).consents[0].sentence);
    assert_eq!(refused(&changed(1, "sentence", of_first), true), Some("a sentence of its own for each"));
    assert_eq!(refused(&changed(1, "to", json!("third-party")), true), Some("each of them once"));
    let notice = json!(Bytes32::sha256(b"notice"));
    assert_eq!(refused(&changed(0, "sentence", notice), true), Some("a sentence that is not the notice"));
    let early = json!(START.0 * 1000 - 1);
    assert_eq!(
        refused(&changed(0, "given_at", early), true),
        Some("each to be given after the notice was shown")
    );
}

/// A box that is ticked before anybody is asked.
#[test]
fn a_request_gives_nothing() {
    let ticked = with(consents(&["third-party"]));
    let expected = Some("none to be given before the customer is asked");
    assert_eq!(refused(&ticked, false), expected);
    let world = World::new();
    let asked = |consents: Value| world.check(&request(json!({"consents": consents})), &[ENTERPRISE]);
    assert!(matches!(asked(consents(&["third-party"])), Err(Refusal::Consents { .. })));
    let mut open = consents(&["third-party"]);
    open[0].as_object_mut().unwrap().remove("given_at");
    assert_eq!(asked(open), Ok(()));
}

fn plan(kinds: &[&str]) -> PolicyPlan {
    let party = |country: &str| json!({"country": country});
    let plan = json!({
        "version": 1,
        "parties": {"voltway": party("cn"), "sure-insurance": party("us"), "safe-insurance": party("cn")},
        "protections": {"consents": kinds},
        "rules": [],
    });
    PolicyPlan::from_value(&plan).unwrap()
}

#[test]
fn which_are_needed_follows_from_the_terms() {
    let words = Vocabulary::builtin().latest();
    let plan = plan(&[]);
    let only = |clause: Value| json!({"scope": {"include": [clause], "exclude": []}});
    let without = |mut clause: Value| {
        clause["category"] = json!("fast-charging");
        json!({"scope": {"exclude": [clause]}})
    };
    for (to, patch, needed) in [
        (THIRD_PARTY, json!({}), true),
        (THIRD_PARTY, json!({"recipient": "voltway"}), false),
        (CROSS_BORDER, json!({}), true),
        (CROSS_BORDER, json!({"recipient": "safe-insurance"}), false),
        (CROSS_BORDER, json!({"recipient": "somebody"}), false),
        (SENSITIVE, only(json!({"category": "fast-charging", "fields": ["date", "soc"]})), false),
        (SENSITIVE, only(json!({"category": "fast-charging", "fields": ["date", "station"]})), true),
        (SENSITIVE, only(json!({"category": "purchases"})), false),
        (SENSITIVE, without(json!({"fields": ["soc"]})), true),
        (SENSITIVE, without(json!({"fields": ["soc", "station"]})), false),
        (SENSITIVE, without(json!({})), false),
        // on some days, and in some rows, it is granted
        (SENSITIVE, without(json!({"period": {"from": "2025-07-01", "to": "2025-07-31"}})), true),
        (SENSITIVE, without(json!({"filter": [{"attribute": "city", "any_of": ["shanghai"]}]})), true),
        (SPECIAL, only(json!({"category": "driving"})), false),
        (PUBLIC_DISCLOSURE, json!({"recipient": "public"}), true),
        (PUBLIC_DISCLOSURE, json!({}), false),
        (AUTOMATED_DECISION, json!({}), false),
    ] {
        assert_eq!(is_needed(to, &terms(patch.clone()), words, Some(&plan)), needed, "{to} of {patch}");
    }
}

#[test]
fn what_the_rules_demand_must_be_there() {
    let mut world = World::new();
    let demanded = serde_json::to_value(plan(&["cross-border", "third-party", "sensitive"])).unwrap();
    let members = json!({"version": 1, "from": 0, "sources": Bytes32::sha256(b""), "plan": demanded});
    world.tenant.apply(&tenant_event(Event::PolicyPublished, members), Bytes32::sha256(b"policy"));
    let missing = |to: &str| Err(Refusal::ConsentMissing { to: Term::parse(to).unwrap() });
    let dates = json!({"include": [{"category": "fast-charging", "fields": ["date"]}], "exclude": []});
    let with = |consents: Value| terms(json!({"scope": dates, "consents": consents}));
    let check = |kinds: &[&str]| world.check(&given(with(consents(kinds))), &[CUSTOMER]);
    assert_eq!(check(&[]), missing("cross-border"));
    assert_eq!(check(&["cross-border"]), missing("third-party"));
    assert_eq!(check(&["third-party"]), missing("cross-border"));
    assert_eq!(check(&["third-party", "cross-border"]), Ok(()));
    // all of charging takes the consent to sensitive data, and without the station it does not
    let all = |exclude: Value| {
        let scope = json!({"exclude": [exclude]});
        let given_two = consents(&["third-party", "cross-border"]);
        world.check(&given(terms(json!({"scope": scope, "consents": given_two}))), &[CUSTOMER])
    };
    assert_eq!(all(json!({"category": "fast-charging", "fields": ["work_order"]})), missing("sensitive"));
    assert_eq!(all(json!({"category": "fast-charging", "fields": ["station"]})), Ok(()));
    let asked = |kinds: &[&str]| {
        let open: Vec<Value> = consents(kinds).as_array().unwrap().iter().map(undated).collect();
        world.check(&request(json!({"scope": dates, "consents": open})), &[ENTERPRISE])
    };
    assert_eq!(asked(&["third-party"]), missing("cross-border"));
    assert_eq!(asked(&["third-party", "cross-border"]), Ok(()));
}

fn undated(consent: &Value) -> Value {
    let mut consent = consent.clone();
    consent.as_object_mut().unwrap().remove("given_at");
    consent
}

/// What customers are told of the law is what the rules of that law say.
#[test]
fn each_basis_is_a_rule_of_its_law() {
    let laws = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/law.md");
    let laws = std::fs::read_to_string(laws).unwrap();
    for (kind, law, article) in BASIS {
        let name = match law {
            Law::DataAct => "Data Act",
            Law::Dpdp => "DPDP Act",
            Law::Gdpr => "GDPR",
            Law::Pipl => "PIPL",
        };
        let says = |line: &str| {
            let asks = line.starts_with(&format!("| {name} Art."))
                && line.contains(&format!("ask for the consent `{kind}`"));
            let provision = line.split('|').nth(1).unwrap_or_default();
            asks && provision.split([',', ' ']).any(|part| part == *article)
        };
        assert!(laws.lines().any(says), "{name} {article} does not ask for {kind}");
    }
}

#[test]
fn a_consent_is_required_by_the_template_or_by_the_rules() {
    let world = World::new();
    let mut tenant = world.tenant.clone();
    let third = Term::parse(THIRD_PARTY).unwrap();
    let asked = with(consents(&["third-party"]));
    assert!(!is_required(&third, &asked, &tenant), "nobody asks for it");
    let template = tenant.templates.values_mut().flatten().last().unwrap();
    template.bounds.consents = grantbook_record::list::List::new(vec![third.clone()]).unwrap();
    assert!(is_required(&third, &asked, &tenant), "the template does");
    let sensitive = Term::parse(SENSITIVE).unwrap();
    assert!(!is_required(&sensitive, &asked, &tenant));
}
