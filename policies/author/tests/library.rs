//! The templates of `policies/templates`: all valid, in plain words, and none of them can be widened.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use grantbook_author::{validate_template, validate_terms};
use grantbook_plan::admission::beyond_template;
use grantbook_plan::mandate::{Judgement, Request, judge};
use grantbook_plan::vocabulary::Sensitivity;
use grantbook_plan::{TenantState, Vocabulary};
use grantbook_record::encoding::Bytes32;
use grantbook_record::event::{Audience, Event, Handling, MandateGiven, Phase, TemplatePublished, Tier};
use grantbook_record::terms::Language;
use grantbook_record::{Signer, Terms, strict_json};
use serde_json::{Value, json};

fn policies() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The first version and the words of organisations.
fn vocabulary() -> Vocabulary {
    let mut vocabulary = Vocabulary::default();
    let words = std::fs::read(policies().join("vocabulary/organisations-v2.json")).unwrap();
    vocabulary.publish(&strict_json::parse(&words).unwrap()).unwrap();
    vocabulary
}

type Widen = fn(&mut Value);

/// By folder and name.
fn library() -> BTreeMap<(String, String), TemplatePublished> {
    let mut library = BTreeMap::new();
    for folder in ["car-owner", "shopper", "organisation"] {
        for file in std::fs::read_dir(policies().join("templates").join(folder)).unwrap() {
            let path = file.unwrap().path();
            let json = std::fs::read(&path).unwrap();
            let template: TemplatePublished =
                strict_json::parse(&json).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            library.insert((folder.to_owned(), name), template);
        }
    }
    library
}

/// Terms at the bounds of a template.
fn widest(template: &TemplatePublished) -> Terms {
    let bounds = &template.bounds;
    let include: Vec<Value> =
        bounds.categories.iter().map(|category| json!({"category": category})).collect();
    let rule = |handling| bounds.fields.iter().filter(move |rule| rule.handling == handling);
    let mut obligations: Vec<Value> =
        rule(Handling::Mask).map(|rule| json!({"mask": {"fields": [rule.field]}})).collect();
    obligations.extend(rule(Handling::AuditOnly).map(|rule| json!({"audit_only": {"fields": [rule.field]}})));
    let price = bounds.price_min;
    let mut limits = json!({});
    for (name, value) in [
        ("uses", json!(bounds.uses_max)),
        ("retention_days", json!(bounds.retention_days_max)),
        ("level", json!(bounds.level_max)),
    ] {
        if !value.is_null() {
            limits[name] = value;
        }
    }
    let consents = bounds.consents.iter().map(|to| {
        let sentence = Bytes32::sha256(to.as_str().as_bytes());
        json!({"to": to, "sentence": sentence})
    });
    let consents: Vec<Value> = consents.collect();
    serde_json::from_value(json!({
        "vocabulary": bounds.vocabulary,
        "controller": bounds.controllers[0],
        "recipient": bounds.recipients[0],
        "purpose": bounds.purposes[0],
        "scope": {"include": include},
        "validity": {"start": 1_800_000_000_u64, "end": 1_800_000_000 + u64::from(bounds.validity_days_max) * 86_400},
        "limits": limits,
        "compensation": price.map_or(json!("none"), |price| json!({"per_use": price})),
        "obligations": obligations,
        "notice": {"hash": "A".repeat(43), "language": "en", "shown_at": 1_800_000_000_u64},
        "template": {"id": template.id, "version": 1, "hash": "A".repeat(43)},
        "consents": consents,
    }))
    .unwrap()
}

#[test]
fn every_template_is_valid_and_told_in_two_languages() {
    let (vocabulary, library) = (vocabulary(), library());
    assert!(library.len() >= 14);
    for ((folder, name), template) in &library {
        assert_eq!(template.id.as_str(), name);
        validate_template(template, &vocabulary).unwrap_or_else(|problems| panic!("{name}:\n{problems}"));
        let languages: BTreeSet<Language> = template.text.iter().map(|text| text.language).collect();
        assert_eq!(languages.len(), 2, "{name}");
        for text in template.text.iter() {
            // short enough to be read before signing, and no terms of the format in it
            assert!(text.body.chars().count() <= 400 && text.title.chars().count() <= 40, "{name}");
            assert!(
                !["_", "scope", "controller", "processing"].iter().any(|word| text.body.contains(word)),
                "{name}"
            );
        }
        let person = template.audience == Some(Audience::Person);
        assert_eq!(person, folder != "organisation", "{name}");
    }
}

/// Data that harms if it leaks is masked, left to audits, or consented to on its own.
#[test]
fn sensitive_fields_are_not_open_without_a_consent_of_their_own() {
    let vocabulary = vocabulary();
    for ((_, name), template) in library() {
        let bounds = &template.bounds;
        let version = vocabulary.version(bounds.vocabulary).unwrap();
        let consented = bounds.consents.iter().any(|consent| consent.as_str() == "sensitive");
        for category in bounds.categories.iter() {
            for field in version.words().categories[category].fields.keys() {
                let sensitive = version.sensitivity(category, field).unwrap() > Sensitivity::Ordinary;
                let handled =
                    bounds.fields.iter().any(|rule| rule.category == *category && rule.field == *field);
                assert!(!sensitive || handled || consented, "{name}: {category}.{field}");
            }
        }
    }
}

#[test]
fn each_phase_shows_as_much_as_the_one_before_and_each_tier_is_named_once() {
    let library = library();
    let phases: BTreeMap<Phase, &TemplatePublished> =
        library.values().filter_map(|template| Some((template.phase?, template))).collect();
    let visible: Vec<BTreeSet<_>> =
        phases.values().map(|template| template.bounds.categories.iter().collect()).collect();
    assert_eq!(visible.len(), 3);
    assert!(visible[0].is_subset(&visible[1]) && visible[1].is_subset(&visible[2]));
    assert!(phases.values().all(|template| template.bounds.budget_max.is_some()));
    let tiers: BTreeSet<Tier> = library.values().filter_map(|template| template.bounds.tier).collect();
    assert_eq!(tiers, BTreeSet::from([Tier::Strategic, Tier::Growth, Tier::LongTail]));
}

#[test]
fn terms_may_narrow_every_bound_and_widen_none() {
    let vocabulary = vocabulary();
    let library = library();
    let beyond = |terms: &Terms, template: &TemplatePublished| {
        let refusals: Vec<String> =
            beyond_template(terms, &template.bounds).map(|refusal| refusal.to_string()).collect();
        refusals
    };
    for ((_, name), template) in &library {
        let widest = widest(template);
        assert_eq!(beyond(&widest, template), [""; 0], "{name}");
        validate_terms(&widest, Some(&template.bounds), &vocabulary)
            .unwrap_or_else(|e| panic!("{name}:\n{e}"));
    }
    let named = |folder: &str, name: &str| &library[&(folder.to_owned(), name.to_owned())];
    let quote = named("car-owner", "charging-for-insurance");
    let delivery = named("organisation", "project-delivery");
    let shop = named("shopper", "offers-by-mail");
    let widenings: [(&TemplatePublished, Widen, &str); 14] = [
        (quote, |terms| terms["recipient"] = json!("somebody"), "recipient"),
        (quote, |terms| terms["purpose"] = json!("marketing"), "purpose"),
        (quote, |terms| terms["scope"]["include"] = json!([{"category": "driving"}]), "category"),
        (quote, |terms| terms["validity"]["end"] = json!(1_800_000_000_u64 + 366 * 86_400), "validity"),
        (quote, |terms| terms["limits"]["uses"] = json!(101), "cap"),
        (quote, |terms| terms["limits"]["retention_days"] = json!(91), "retention"),
        (
            quote,
            |terms| terms["compensation"] = json!({"per_use": {"currency": "CNY", "minor": 49}}),
            "price",
        ),
        (
            quote,
            |terms| terms["compensation"] = json!({"per_use": {"currency": "CNY", "minor": 201}}),
            "budget",
        ),
        (quote, |terms| terms["obligations"] = json!([{"mask": {"fields": ["station"]}}]), "obligations"),
        (quote, |terms| terms["consents"] = json!([]), "consents"),
        (delivery, |terms| terms["vocabulary"] = json!(1), "vocabulary"),
        (
            delivery,
            |terms| terms["compensation"] = json!({"revenue_share": {"currency": "CNY", "basis_points": 1}}),
            "budget",
        ),
        (shop, |terms| terms["limits"]["level"] = json!(2), "level"),
        (shop, |terms| terms["limits"] = json!({"uses": 26, "retention_days": 30}), "level"),
    ];
    for (template, widen, expected) in widenings {
        let mut terms = serde_json::to_value(widest(template)).unwrap();
        widen(&mut terms);
        let refused = beyond(&serde_json::from_value(terms).unwrap(), template);
        assert!(refused.iter().any(|refusal| refusal.starts_with(expected)), "{expected}: {refused:?}");
    }
    // narrowed, as a customer may
    let mut terms = serde_json::to_value(widest(quote)).unwrap();
    terms["limits"]["uses"] = json!(3);
    terms["scope"]["include"][0]["fields"] = json!(["date", "energy_kwh"]);
    terms["obligations"] = json!([]);
    assert_eq!(beyond(&serde_json::from_value(terms).unwrap(), quote), [""; 0]);
}

#[test]
fn whoever_else_receives_data_is_of_a_kind() {
    for ((_, name), template) in library() {
        let bounds = &template.bounds;
        for recipient in bounds.recipients.iter().filter(|recipient| !bounds.controllers.contains(recipient))
        {
            let of_enterprise = template.audience == Some(Audience::Enterprise);
            let kind = bounds.kinds.iter().any(|known| known.recipient == *recipient);
            assert!(kind || of_enterprise, "{name}: {recipient}");
        }
    }
}

/// "Insurers may ask": whatever they are called, and nobody else.
#[test]
fn a_standing_rule_about_insurers_is_about_their_templates() {
    let signer = Signer::from_seed(&[1; 32]).unwrap();
    let mandate: MandateGiven = serde_json::from_value(json!({
        "sub": "cs-00004",
        "from": {"key": signer.thumbprint()},
        "agent": signer.public_key(),
        "until": 1_900_000_000_u64,
        "rules": [{"when": {"kinds": ["insurer"]}, "accept": {"consents": ["sensitive", "third-party"]}}],
    }))
    .unwrap();
    let envelope = Bytes32::sha256(b"template");
    let mut accepted = Vec::new();
    for ((folder, name), template) in library() {
        // in words that the rules are in
        if folder == "organisation" {
            continue;
        }
        let mut tenant = TenantState::default();
        tenant.apply(&Event::TemplatePublished(template.clone()), envelope);
        let mut terms = serde_json::to_value(widest(&template)).unwrap();
        terms["template"]["hash"] = json!(envelope);
        let terms: Terms = serde_json::from_value(terms).unwrap();
        match judge(&mandate, &Request::new(&terms, &tenant)) {
            Judgement::Accept { rule: 0 } => accepted.push(name),
            other => assert!(matches!(other, Judgement::Ask { rule: None, .. }), "{name}: {other:?}"),
        }
    }
    assert_eq!(accepted, ["charging-for-insurance", "trips-for-insurance"]);
}
