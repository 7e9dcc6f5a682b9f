//! Withdrawals until everybody has them, and what must be deleted.

use std::time::{Duration, Instant};

use grantbook_record::event::{Acknowledger, DataDeleted, RecipientAcknowledged, RecordedUse};
use grantbook_record::{GateId, Jti, Kind, SubjectId};
use grantbook_sdk::{Gate, GateConfig, Parties, Token};
use serde_json::{Value, json};

use crate::book::{Book, Customer, facts, now, record, signer, term};
use crate::client::Call;

fn register(book: &Book, name: &str) {
    let gate = GateId::parse(name).unwrap();
    book.ledger.register_gate(book.tenant(), &gate, *signer(9).public_key()).unwrap();
}

/// A gate that asks for a head every ten seconds, unless something has ended.
async fn gate(book: &Book, name: &str) -> Gate {
    register(book, name);
    let parties = Parties {
        enterprise: book.sandbox.enterprise.thumbprint(),
        operator: book.ledger.operator_key().thumbprint(),
    };
    let server = format!("http://{}", book.address);
    let keys = book.ledger.log_keys().clone();
    let config = GateConfig {
        bound: Duration::from_secs(30),
        ..GateConfig::new(server, Token::new(&*book.service_token), book.tenant(), keys)
    };
    Gate::connect(config.embedded(parties).named(GateId::parse(name).unwrap())).await.unwrap()
}

async fn report(book: &Book, name: &str, position: u64) {
    let nonce = "A".repeat(43);
    book.post("/v1/heads", &json!({"nonce": nonce, "gate": name, "position": position})).await.expect(200);
}

async fn standing(book: &Book, grant: Jti) -> Value {
    book.get(&format!("/v1/grants/{grant}/acknowledgements")).await.expect(200).json()
}

fn acknowledged(standing: &Value) -> Option<&Value> {
    standing["recipients"][0].get("acknowledged")
}

/// Waits until the recipient of the terms has acknowledged.
async fn settled(book: &Book, grant: Jti) -> Value {
    let begun = Instant::now();
    loop {
        let standing = standing(book, grant).await;
        if acknowledged(&standing).is_some() {
            return standing;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{standing}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The entries that acknowledge, by the log itself.
fn entries(book: &Book) -> usize {
    let (size, _) = book.size_root();
    let leaves = (0..size.0).map(grantbook_tlog::LeafIndex);
    leaves.filter(|leaf| book.ledger.acknowledgement(*leaf).is_ok()).count()
}

async fn story(book: &Book) -> (Customer, Jti) {
    let published = book.publish().await;
    let customer = book.customer("cs-00004", 1).await;
    let grant = book.grant(&customer, &published).await;
    (customer, grant)
}

#[tokio::test]
async fn a_withdrawal_is_acknowledged_once_the_last_of_three_gates_has_it() {
    let book = Book::open().await;
    let (customer, grant) = story(&book).await;
    let before = standing(&book, grant).await;
    assert_eq!((before.get("ended"), before.get("gates")), (None, None));
    assert_eq!(before["recipients"], json!([{"recipient": "recommender", "onward": false}]));
    let mut gates = Vec::new();
    for name in ["till-1", "till-2", "till-3"] {
        gates.push(gate(&book, name).await);
    }
    let since = now().0;
    book.append(book.withdrawal(&customer, grant)).await.expect(201);
    let after = settled(&book, grant).await;
    let (at, until) = (after["gates"]["at"].as_u64().unwrap(), now().0);
    // long before the next head that they ask for anyway
    assert!(since <= at && at <= until && at < since + 8000, "{since} {at} {until}");
    assert_eq!((&after["gates"]["taken_in"], &after["gates"]["of"]), (&json!(3), &json!(3)));
    let each = after["gates"]["each"].as_array().unwrap();
    assert!(each.iter().all(|gate| (since..=at).contains(&gate["at"].as_u64().unwrap())), "{each:?}");
    let word = acknowledged(&after).unwrap();
    assert_eq!((&word["by"], &word["at"]), (&json!({"gates": 3}), &json!(at)));
    for gate in &gates {
        assert_eq!(gate.position(), book.ledger.feed_end(book.tenant()).unwrap().position.0);
    }
    assert_eq!(entries(&book), 1);
    assert_eq!(book.get("/v1/acknowledgements").await.expect(200).json(), json!({"grants": []}));
}

#[tokio::test]
async fn a_gate_that_falls_silent_is_waited_for_until_it_denies() {
    let book = Book::open_with(|config| config.freshness_bound_ms = 500).await;
    let (customer, grant) = story(&book).await;
    for name in ["till-1", "till-2"] {
        register(&book, name);
    }
    let position = book.ledger.feed_end(book.tenant()).unwrap().position.0;
    // not registered, or ahead of the feed: heads they get, but nobody waits for them
    report(&book, "till-9", position).await;
    report(&book, "till-1", position + 7).await;
    report(&book, "till-1", position).await;
    let silent = Instant::now();
    report(&book, "till-2", position).await;
    book.append(book.withdrawal(&customer, grant)).await.expect(201);
    loop {
        report(&book, "till-1", position + 1).await;
        let standing = standing(&book, grant).await;
        if acknowledged(&standing).is_some() {
            break;
        }
        let gates = &standing["gates"];
        // given up, but not on the log yet
        let given_up = gates["of"] == json!(1);
        assert_eq!((&gates["taken_in"], gates.get("at").is_some()), (&json!(1), given_up));
        if !given_up {
            let open = book.get("/v1/acknowledgements").await.expect(200).json();
            assert_eq!(open["grants"][0]["grant"], json!(grant));
        }
        assert!(silent.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(silent.elapsed() > Duration::from_millis(1500), "acknowledged too early");
    let after = standing(&book, grant).await;
    assert_eq!(acknowledged(&after).unwrap()["by"], json!({"gates": 1}));
    assert_eq!((&after["gates"]["taken_in"], &after["gates"]["of"]), (&json!(1), &json!(1)));
    assert_eq!(entries(&book), 1);
}

#[tokio::test]
async fn without_gates_it_is_acknowledged_at_once_and_after_a_restart_not_again() {
    let mut book = Book::open_with(|config| config.freshness_bound_ms = 1000).await;
    let (customer, grant) = story(&book).await;
    book.append(book.withdrawal(&customer, grant)).await.expect(201);
    let after = settled(&book, grant).await;
    assert_eq!(acknowledged(&after).unwrap()["by"], json!({"gates": 0}));
    assert_eq!(after["gates"], json!({"taken_in": 0, "of": 0, "each": []}));
    // a gate that may come back holds the next one up, and a restart does not forget it
    register(&book, "till-1");
    let other = book.customer("cs-00005", 2).await;
    let terms = book.ledger.grant(book.tenant(), &grant).unwrap().grant.terms;
    let envelope = book.grant_event(&other, terms);
    let second = grantbook_record::Envelope::parse(&envelope).unwrap().event().unwrap().jti;
    book.append(envelope).await.expect(201);
    let position = book.ledger.feed_end(book.tenant()).unwrap().position.0;
    report(&book, "till-1", position).await;
    book.append(book.withdrawal(&other, second)).await.expect(201);
    assert!(acknowledged(&standing(&book, second).await).is_none());
    book = book.restart().await;
    assert_eq!(entries(&book), 1);
    report(&book, "till-1", position + 1).await;
    let after = settled(&book, second).await;
    assert_eq!(acknowledged(&after).unwrap()["by"], json!({"gates": 1}));
    for _ in 0..2 {
        book = book.restart().await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(entries(&book), 2);
        let remembered = standing(&book, second).await;
        assert_eq!(remembered["gates"]["at"], after["gates"]["at"], "the log remembers");
    }
}

#[tokio::test]
async fn those_to_whom_data_was_passed_on_acknowledge_too() {
    let book = Book::open().await;
    let (customer, grant) = story(&book).await;
    register(&book, "till-1");
    let mut facts = facts("cs-00004", 2);
    facts.onward = serde_json::from_value(json!(["broker"])).unwrap();
    let batch = book.batch(&signer(9), record("till-1", 0, facts, Some(grant)), 1);
    book.post("/v1/uses", &batch).await.expect(201);
    let position = book.ledger.feed_end(book.tenant()).unwrap().position.0;
    let event = |ended: Jti| {
        let event = RecipientAcknowledged {
            sub: SubjectId::parse("cs-00004").unwrap(),
            grant,
            ended,
            recipient: term("broker"),
            by: Acknowledger::Recipient,
            at: now(),
        };
        book.envelope(Kind::RecipientAcknowledged, event, &[&book.sandbox.enterprise])
    };
    assert_eq!(book.append(event(grant)).await.expect(422).slug(), "refused", "it has not ended");
    book.append(book.withdrawal(&customer, grant)).await.expect(201);
    report(&book, "till-1", position + 1).await;
    let after = settled(&book, grant).await;
    assert_eq!(after["recipients"][1], json!({"recipient": "broker", "onward": true}));
    let open = book.get("/v1/acknowledgements?open=true").await.expect(200).json();
    assert_eq!(open["grants"].as_array().unwrap().len(), 1);
    let ended: Jti = serde_json::from_value(after["ended"]["event"].clone()).unwrap();
    book.append(event(ended)).await.expect(201);
    assert_eq!(book.append(event(ended)).await.expect(409).slug(), "state-conflict");
    assert_eq!(book.get("/v1/acknowledgements").await.expect(200).json(), json!({"grants": []}));
    let after = standing(&book, grant).await;
    assert_eq!(after["recipients"][1]["acknowledged"]["by"], json!("recipient"));
    book.send(Call::get(format!("/v1/grants/{grant}/acknowledgements")).token(&book.stranger_token))
        .await
        .expect(404);
}

#[tokio::test]
async fn a_head_takes_gate_and_position_together() {
    let book = Book::open().await;
    let nonce = "A".repeat(43);
    for (body, status) in [
        (json!({"nonce": nonce, "gate": "till-1"}), 400),
        (json!({"nonce": nonce, "position": 0}), 400),
        (json!({"nonce": nonce, "gate": "till 1", "position": 0}), 400),
        (json!({"nonce": nonce, "gate": "till-1", "position": -1}), 400),
        (json!({"nonce": nonce, "gate": "till-1", "position": 0}), 200),
    ] {
        let answer = book.post("/v1/heads", &body).await;
        assert_eq!(answer.status.as_u16(), status, "{body}: {}", answer.text());
    }
}

#[tokio::test]
async fn what_is_due_is_listed_until_it_is_deleted() {
    let book = Book::open().await;
    let published = book.publish().await;
    let customer = book.customer("cs-00004", 1).await;
    let envelope = book.grant_event(&customer, published.terms(&json!({"uses": 3, "retention_days": 30})));
    let grant = grantbook_record::Envelope::parse(&envelope).unwrap().event().unwrap().jti;
    book.append(envelope).await.expect(201);
    register(&book, "till-1");
    let batch = book.batch(&signer(9), record("till-1", 0, facts("cs-00004", 2), Some(grant)), 1);
    let used = book.post("/v1/uses", &batch).await.expect(201).json();
    let leaf = used["uses"][0]["leaf_index"].clone();
    let day = 86_400;
    let due = now().seconds().0 / day * day + 30 * day;
    let row = json!({"grant": grant, "sub": "cs-00004", "due": due, "days": 30});
    let listed = book.get("/v1/deletions").await.expect(200).json();
    assert_eq!(listed, json!({"deletions": [row]}));
    for (before, rows) in [(due, 0), (due + 1, 1)] {
        let listed = book.get(&format!("/v1/deletions?due_before={before}")).await.expect(200).json();
        assert_eq!(listed["deletions"].as_array().unwrap().len(), rows);
    }
    assert_eq!(book.get("/v1/deletions?due_before=soon").await.expect(400).slug(), "malformed-request");
    let shown = book.get(&format!("/v1/grants/{grant}")).await.expect(200).json();
    assert_eq!((&shown["deletion_due"], shown.get("deleted_through")), (&json!(due), None));
    let event = DataDeleted {
        sub: SubjectId::parse("cs-00004").unwrap(),
        grant,
        through: RecordedUse { gate: GateId::parse("till-1").unwrap(), seq: 0 },
        at: now().seconds(),
    };
    let sign = |event: &DataDeleted| book.envelope(Kind::DataDeleted, event, &[&book.sandbox.enterprise]);
    let mut wrong = event.clone();
    wrong.through.seq = 1;
    assert_eq!(book.append(sign(&wrong)).await.expect(422).slug(), "refused");
    book.append(sign(&event)).await.expect(201);
    assert_eq!(book.append(sign(&event)).await.expect(409).slug(), "state-conflict");
    let shown = book.get(&format!("/v1/grants/{grant}")).await.expect(200).json();
    assert_eq!((shown.get("deletion_due"), &shown["deleted_through"]), (None, &leaf));
    assert_eq!(book.get("/v1/deletions").await.expect(200).json(), json!({"deletions": []}));
}
