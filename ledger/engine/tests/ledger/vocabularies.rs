//! What an enterprise publishes of words and templates, through the ledger: kept, judged by, and there after a start.

use grantbook_engine::{AppendError, Ledger};
use grantbook_plan::{Decision, Refusal};
use grantbook_record::event::{LocalText, SourceOwned, TemplatePublished};
use grantbook_record::list::List;
use grantbook_record::terms::Language;
use grantbook_record::uses::UseFacts;
use grantbook_record::vocabulary::VocabularyPublished;
use grantbook_record::{DenialReason, Kind, Signer, VocabularyVersion};
use serde_json::{Value, json};

use crate::world::{self, World, term};

fn publish(world: &World, event: Value) -> Result<(), AppendError> {
    let event: VocabularyPublished = serde_json::from_value(event).unwrap();
    world.append(Kind::VocabularyPublished, event, &[&world.enterprise]).map(|_| ())
}

/// Purchases with who paid, in version 2.
fn second() -> Value {
    let word = json!({"en": "Something", "zh-CN": "内容"});
    let fields = json!({"date": word, "dollars": word, "payer": word, "product": word, "quantity": word});
    let label = json!({"en": "Purchases", "zh-CN": "购买记录", "iri": "https://w3id.org/dpv/pd#Purchase"});
    json!({"version": 2, "put": {"categories": {"purchases": {"label": label, "fields": fields}}}})
}

fn reason(decision: Decision) -> Option<DenialReason> {
    match decision {
        Decision::Permit(_) => None,
        Decision::Denial(denial) => Some(denial.reason),
    }
}

#[test]
fn a_grant_keeps_its_words_through_a_new_version_and_a_start() {
    let world = World::new();
    let customer = world.enrol("cs-1");
    world.grant(&customer, "cs-1", |_| ());
    let asked = |fields: &[&str]| UseFacts { fields: world::list(fields), ..world::facts("cs-1") };
    assert_eq!(reason(world.decide(&asked(&["date"]))), None);
    assert_eq!(reason(world.decide(&asked(&["date", "payer"]))), Some(DenialReason::UnknownTerm));
    assert!(matches!(
        publish(&world, json!({"version": 3})),
        Err(AppendError::Refused(Refusal::Vocabulary(_)))
    ));
    publish(&world, second()).unwrap();
    assert_eq!(reason(world.decide(&asked(&["date"]))), None);
    assert_eq!(reason(world.decide(&asked(&["date", "payer"]))), Some(DenialReason::Field));
    let World { ledger, config, tenant, folder: _folder, .. } = world;
    ledger.close().unwrap();
    drop(ledger);
    let ledger = Ledger::open(&config).unwrap();
    let state = ledger.tenant_state(tenant).unwrap();
    assert_eq!(state.vocabulary.latest().number(), VocabularyVersion::new(2).unwrap());
    assert_eq!(reason(ledger.decide(tenant, &asked(&["date"]), None)), None);
    assert_eq!(reason(ledger.decide(tenant, &asked(&["date", "payer"]), None)), Some(DenialReason::Field));
}

#[test]
fn later_data_of_a_source_that_was_sold_is_denied_by_the_ledger() {
    let world = World::new();
    let customer = world.enrol("cs-1");
    world.grant(&customer, "cs-1", |_| ());
    assert_eq!(reason(world.decide(&world::facts("cs-1"))), None);
    let sold: SourceOwned = serde_json::from_value(json!({
        "sub": "cs-1", "source": {"attribute": "till", "value": "T-1"}, "categories": ["purchases"],
        "from": "1990-01-01", "to": "1990-12-31",
    }))
    .unwrap();
    world.append(Kind::SourceOwned, sold, &[&world.enterprise]).unwrap();
    assert_eq!(reason(world.decide(&world::facts("cs-1"))), Some(DenialReason::Period));
}

#[test]
fn an_approver_is_found_by_its_key_and_needed_from_then_on() {
    let world = World::new();
    let approver = Signer::from_seed(&[77; 32]).unwrap();
    let state = world.ledger.tenant_state(world.tenant).unwrap();
    let bounds = state.templates[&term("service")][0].bounds.clone();
    let text =
        LocalText { language: Language::English, title: "Recommendations".into(), body: "Again.".into() };
    let version = |version| {
        TemplatePublished::new(
            term("service"),
            version,
            List::new(vec![text.clone()]).unwrap(),
            bounds.clone(),
        )
    };
    let publish = |template: &TemplatePublished, signers: &[&Signer]| {
        world.append(Kind::TemplatePublished, template, signers).map(|_| ())
    };
    let named = TemplatePublished { approver: Some(*approver.public_key()), ..version(2) };
    publish(&named, &[&world.enterprise]).unwrap();
    assert!(matches!(
        publish(&version(3), &[&world.enterprise]),
        Err(AppendError::Refused(Refusal::Signers { .. }))
    ));
    publish(&version(3), &[&world.enterprise, &approver]).unwrap();
}
