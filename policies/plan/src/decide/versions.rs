//! Grants keep the words of the version that they name.

use grantbook_record::uses::UseFacts;
use grantbook_record::vocabulary::VocabularyPublished;
use grantbook_record::{DenialReason, Term, Terms};
use serde_json::{Value, json};

use super::{Decision, Denial, Detail, UseCount, decide};
use crate::columns::words_of;
use crate::samples::{NOW, customer_with, facts, terms};
use crate::vocabulary::Vocabulary;

fn publication(members: Value) -> VocabularyPublished {
    serde_json::from_value(members).unwrap()
}

fn category(fields: &[&str], sensitivity: &str) -> Value {
    let field = json!({"en": "Something", "zh-CN": "内容"});
    let fields: serde_json::Map<_, _> =
        fields.iter().map(|name| ((*name).to_owned(), field.clone())).collect();
    json!({
        "label": {"en": "Something", "zh-CN": "内容", "iri": "https://w3id.org/dpv#PersonalData"},
        "sensitivity": sensitivity,
        "fields": fields,
    })
}

/// Version 2 renames `purchases`, splits `driving`, reclassifies and widens `fast-charging`, and brings an action.
fn second() -> Vocabulary {
    let mut vocabulary = Vocabulary::default();
    let action = json!({"en": "Sell", "zh-CN": "出售", "iri": "https://w3id.org/dpv#SellDataToThirdParties"});
    let categories = json!({
        "orders": category(&["date", "dollars", "product", "quantity"], "ordinary"),
        "trips": category(&["date", "distance_km", "speed"], "ordinary"),
        "whereabouts": category(&["date", "location"], "special"),
        "fast-charging": category(
            &["date", "duration_min", "energy_kwh", "location", "payer", "soc", "station", "work_order"], "sensitive"),
    });
    let event = json!({
        "version": 2,
        "put": {"categories": categories, "actions": {"sell": action}},
        "drop": {"categories": ["driving", "purchases"]},
    });
    vocabulary.publish(&publication(event)).unwrap();
    vocabulary
}

fn granted(scope: &Value) -> Terms {
    terms(json!({"scope": {"include": scope, "exclude": []}, "obligations": [], "limits": {"uses": null}}))
}

fn asked(vocabulary: &Vocabulary, terms: &Terms, facts: &UseFacts) -> Result<(), Denial> {
    let customer = customer_with([terms.clone()]);
    match decide(vocabulary, Some(&customer), |_| UseCount::default(), facts, NOW) {
        Decision::Permit(_) => Ok(()),
        Decision::Denial(denial) => Err(denial),
    }
}

fn denied(vocabulary: &Vocabulary, terms: &Terms, use_: Value) -> DenialReason {
    asked(vocabulary, terms, &facts(use_)).unwrap_err().reason
}

/// Whatever a use asks for in words of version 1, under a grant of version 1.
#[test]
fn a_grant_under_the_first_version_means_the_same_after_the_second() {
    let (one, two) = (Vocabulary::default(), second());
    let all: Vec<Term> = one.categories().keys().cloned().collect();
    let fields: Vec<Term> = one.categories().values().flat_map(|of| of.fields.keys().cloned()).collect();
    let scopes = [
        json!([{"category": "fast-charging"}]),
        json!([{"category": "driving"}, {"category": "fast-charging"}]),
        json!([{"category": "purchases", "fields": ["date"]}]),
    ];
    let mut permits = 0;
    for scope in &scopes {
        let terms = granted(scope);
        for action in ["read", "profile", "share", "train"] {
            for category in &all {
                for other in &all {
                    for field in &fields {
                        let use_ = facts(
                            json!({"action": action, "categories": [category, other], "fields": [field]}),
                        );
                        let before = asked(&one, &terms, &use_);
                        permits += u32::from(before.is_ok());
                        // a field that version 2 brings into a category of the grant is the one thing that is denied anew
                        let (was, is) = (one.latest(), two.latest());
                        let added = |category: &Term| {
                            is.has_field(category, field) && !was.has_field(category, field)
                        };
                        let widened = added(category) || added(other);
                        assert_eq!(
                            asked(&two, &terms, &use_).is_ok(),
                            before.is_ok() && !widened,
                            "{use_:?}"
                        );
                    }
                }
            }
        }
    }
    assert!(permits > 100, "{permits}");
}

#[test]
fn what_a_later_version_brings_is_not_granted_by_earlier_terms() {
    let two = second();
    let everything = granted(&json!([{"category": "fast-charging"}]));
    let new_field = json!({"fields": ["payer"]});
    assert_eq!(denied(&two, &everything, new_field.clone()), DenialReason::Field);
    assert_eq!(denied(&two, &everything, json!({"fields": ["date", "payer"]})), DenialReason::Field);
    assert_eq!(denied(&two, &everything, json!({"action": "sell"})), DenialReason::NoGrant);
    // the renamed category is another one
    let shopping = granted(&json!([{"category": "purchases"}]));
    assert_eq!(
        denied(&two, &shopping, json!({"categories": ["orders"], "fields": ["date"]})),
        DenialReason::NoGrant
    );
    assert_eq!(
        asked(&two, &shopping, &facts(json!({"categories": ["purchases"], "fields": ["date"]}))),
        Ok(())
    );
    // a field that moved into a category of the grant is none that it had
    let trips = granted(&json!([{"category": "driving"}, {"category": "fast-charging"}]));
    let moved = json!({"categories": ["driving", "fast-charging"], "fields": ["location"]});
    assert_eq!(denied(&two, &trips, moved), DenialReason::Field);
    // and terms of version 2 have version 2's words
    let mut of_two = everything;
    of_two.vocabulary = two.latest().number();
    assert_eq!(asked(&two, &of_two, &facts(new_field)), Ok(()));
    assert_eq!(asked(&two, &of_two, &facts(json!({"action": "sell"}))), Ok(()));
    let mut gone = granted(&json!([{"category": "driving"}]));
    gone.vocabulary = two.latest().number().next();
    let trip = json!({"categories": ["driving"], "fields": ["date"]});
    assert_eq!(denied(&two, &gone, trip), DenialReason::NoGrant, "of a version that was never published");
}

#[test]
fn words_of_no_version_are_unknown() {
    let two = second();
    let everything = granted(&json!([{"category": "fast-charging"}]));
    for use_ in [json!({"purpose": "war"}), json!({"fields": ["colour"]}), json!({"categories": ["dreams"]})]
    {
        assert_eq!(denied(&two, &everything, use_), DenialReason::UnknownTerm);
    }
    // no version has both
    assert_eq!(
        denied(&two, &everything, json!({"categories": ["driving", "orders"], "fields": ["date"]})),
        DenialReason::UnknownTerm
    );
}

/// A column that appears in a system is denied until it is mapped, and then by grants that were given before.
#[test]
fn a_new_column_is_denied_until_it_is_mapped() {
    let mut vocabulary = second();
    let column = |name: &str| json!({"system": "csms", "table": "sessions", "column": name});
    let energy = json!({"source": column("EnergyKWh"), "category": "fast-charging", "field": "energy_kwh"});
    let payer = json!({"source": column("payer_id"), "category": "fast-charging", "field": "payer"});
    vocabulary.publish(&publication(json!({"version": 3, "map": [energy]}))).unwrap();
    let columns: Vec<_> =
        ["EnergyKWh", "payer_id"].map(|name| serde_json::from_value(column(name)).unwrap()).into();
    assert_eq!(words_of(&vocabulary, &columns[..1]).unwrap().fields.len(), 1);
    let denial = words_of(&vocabulary, &columns).unwrap_err();
    assert_eq!(
        (denial.reason, &denial.detail),
        (DenialReason::UnknownTerm, &Some(Detail::Source(columns[1].clone())))
    );
    vocabulary.publish(&publication(json!({"version": 4, "map": [payer]}))).unwrap();
    let words = words_of(&vocabulary, &columns).unwrap();
    let fields: Vec<_> = words.fields.iter().map(Term::as_str).collect();
    assert_eq!(fields, ["energy_kwh", "payer"]);
    let everything = granted(&json!([{"category": "fast-charging"}]));
    assert_eq!(denied(&vocabulary, &everything, json!({"fields": fields})), DenialReason::Field);
}

#[test]
fn fields_for_audits_are_seen_in_audits_alone() {
    let mut hidden = granted(&json!([{"category": "fast-charging"}]));
    let obligations = json!([{"audit_only": {"fields": ["work_order"]}}]);
    hidden.obligations = serde_json::from_value(obligations).unwrap();
    let one = Vocabulary::default();
    assert_eq!(denied(&one, &hidden, json!({"fields": ["date", "work_order"]})), DenialReason::Field);
    assert_eq!(asked(&one, &hidden, &facts(json!({"fields": ["date"]}))), Ok(()));
    let audit = json!({"action": "audit", "fields": ["date", "work_order"]});
    assert_eq!(asked(&one, &hidden, &facts(audit)), Ok(()));
}
