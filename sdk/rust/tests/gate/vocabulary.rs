//! What an enterprise publishes of its vocabulary, and to whom its data belongs, as its gates see it.

use std::time::Duration;

use grantbook_plan::columns::words_of;
use grantbook_plan::decide::{Denial, Detail};
use grantbook_record::event::{Event, SourceOwned};
use grantbook_record::list::List;
use grantbook_record::vocabulary::{Source, VocabularyPublished};
use grantbook_record::{DenialReason, Signer, Term};
use grantbook_sdk::{BootTime, Decision, Replica, UseFacts};
use serde_json::{Value, json};

use crate::book::{Book, facts, signer, sub, term};

fn boot(seconds: u64) -> BootTime {
    BootTime(Duration::from_secs(seconds))
}

fn granted() -> Book {
    let mut book = Book::new();
    let key = signer(20);
    book.enrol("anna", &key);
    book.grant("anna", &key);
    book
}

fn publish(book: &mut Book, event: Value) {
    let event: VocabularyPublished = serde_json::from_value(event).unwrap();
    let enterprise: Signer = book.enterprise.clone();
    book.append(&Event::VocabularyPublished(event), &[&enterprise]);
}

fn asked(replica: &Replica, facts: &UseFacts) -> Result<(), Denial> {
    match replica.decide(facts, None, boot(101)) {
        Decision::Permit(_) => Ok(()),
        Decision::Denial(denial) => Err(denial),
    }
}

fn with_fields(fields: &[&Term]) -> UseFacts {
    let fields = List::new(fields.iter().map(|field| (*field).clone()).collect()).unwrap();
    UseFacts { fields, ..facts("anna") }
}

/// Purchases as version 1 has them, and with who paid.
fn purchases() -> Value {
    let word = json!({"en": "Something", "zh-CN": "内容"});
    let fields = json!({"date": word, "dollars": word, "payer": word, "product": word, "quantity": word});
    let label = json!({"en": "Purchases", "zh-CN": "购买记录", "iri": "https://w3id.org/dpv/pd#Purchase"});
    json!({"categories": {"purchases": {"label": label, "fields": fields}}})
}

fn column(name: &str) -> Source {
    serde_json::from_value(json!({"system": "shop", "table": "Orders", "column": name})).unwrap()
}

fn mapping(name: &str, field: &str) -> Value {
    json!({"source": column(name), "category": "purchases", "field": field})
}

/// An imported schema has a column more than yesterday: no word for it, no permit, whoever granted what.
#[test]
fn a_new_column_is_denied_until_it_is_mapped_and_then_needs_a_grant() {
    let mut book = granted();
    publish(&mut book, json!({"version": 2, "map": [mapping("OrderDate", "date")]}));
    let replica = book.replica(boot(100));
    let known = words_of(replica.vocabulary(), &[column("OrderDate")]).unwrap();
    assert_eq!(asked(&replica, &with_fields(&known.fields.iter().collect::<Vec<_>>())), Ok(()));
    let denial = words_of(replica.vocabulary(), &[column("OrderDate"), column("payer_id")]).unwrap_err();
    assert_eq!(denial.reason, DenialReason::UnknownTerm);
    assert_eq!(denial.detail, Some(Detail::Source(column("payer_id"))));
    // a service that asks by a word of its own gets no further
    let unmapped = asked(&replica, &with_fields(&[&term("payer")])).unwrap_err();
    assert_eq!(unmapped.reason, DenialReason::UnknownTerm);

    publish(&mut book, json!({"version": 3, "put": purchases(), "map": [mapping("payer_id", "payer")]}));
    let replica = book.replica(boot(100));
    let words = words_of(replica.vocabulary(), &[column("payer_id")]).unwrap();
    let denied = asked(&replica, &with_fields(&words.fields.iter().collect::<Vec<_>>())).unwrap_err();
    assert_eq!(
        denied.reason,
        DenialReason::Field,
        "mapped, and granted by nobody: the grant is of version 1"
    );
    assert_eq!(asked(&replica, &with_fields(&[&term("date")])), Ok(()));
}

#[test]
fn what_another_than_the_enterprise_publishes_is_not_taken_in() {
    let mut book = granted();
    let event: VocabularyPublished =
        serde_json::from_value(json!({"version": 2, "map": [mapping("OrderDate", "date")]})).unwrap();
    let operator: Signer = book.operator.clone();
    book.append(&Event::VocabularyPublished(event), &[&operator]);
    let replica = book.replica(boot(100));
    assert!(replica.vocabulary().has_one_version());
    assert_eq!(asked(&replica, &facts("anna")), Ok(()));
}

#[test]
fn after_the_transfer_later_data_is_denied_at_the_gate() {
    let mut book = granted();
    let owned = |from: &str, to: Option<&str>| {
        let mut event = json!({
            "sub": sub("anna"), "source": {"attribute": "till", "value": "T-1"},
            "categories": ["purchases"], "from": from,
        });
        if let Some(to) = to {
            event["to"] = json!(to);
        }
        let event: SourceOwned = serde_json::from_value(event).unwrap();
        Event::SourceOwned(event)
    };
    let enterprise: Signer = book.enterprise.clone();
    book.append(&owned("2026-01-01", None), &[&enterprise]);
    assert_eq!(asked(&book.replica(boot(100)), &facts("anna")), Ok(()));
    book.append(&owned("2026-01-01", Some("2026-04-15")), &[&enterprise]);
    let replica = book.replica(boot(100));
    let all = facts("anna");
    let denial = asked(&replica, &all).unwrap_err();
    assert_eq!(denial.reason, DenialReason::Period);
    assert!(matches!(denial.detail, Some(Detail::Owner { .. })), "{denial:?}");
    let until = |day: &str| {
        let data_period = serde_json::from_value(json!({"from": "2026-04-01", "to": day})).unwrap();
        UseFacts { data_period, ..facts("anna") }
    };
    assert_eq!(asked(&replica, &until("2026-04-15")), Ok(()));
    assert!(asked(&replica, &until("2026-04-16")).is_err());
}
