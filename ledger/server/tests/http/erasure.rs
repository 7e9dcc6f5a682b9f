//! Erasing customers over HTTP: withdrawn at once, forgotten by the gates, gone for good.

use grantbook_record::state_proof::{GrantStatus, StateProof};
use grantbook_record::{Envelope, Receipt, UnixSeconds};
use serde_json::{Value, json};

use crate::book::{Book, evaluation, facts, signer};
use crate::client::{Answer, Call};

fn admin(book: &Book, call: Call) -> Call {
    call.token(&book.sandbox.token)
}

async fn erase(book: &Book, sub: &str) -> Answer {
    book.send(admin(book, Call::post("/v1/erasures")).json(&json!({"sub": sub, "channel": "mail"}))).await
}

#[tokio::test]
async fn a_customer_is_erased_and_everything_else_stays() {
    let book = Book::open().await;
    let published = book.publish().await;
    let customer = book.customer("cs-00004", 1).await;
    let grant = book.grant(&customer, &published).await;
    let other = book.customer("cs-00005", 2).await;
    let kept = book.grant(&other, &published).await;
    let done = erase(&book, "cs-00004").await.expect(200).json();
    assert_eq!((&done["waiting_for"], &done["epoch"]), (&json!([]), &json!(1)));
    let receipt: Receipt = serde_json::from_value(done["receipt"].clone()).unwrap();
    receipt.verify(book.ledger.log_keys()).unwrap();
    assert!(!done.to_string().contains("cs-00004"), "the certificate names nobody");
    let path = format!("/v1/erasures/{}", done["erasure"]);
    assert_eq!(book.get(&path).await.expect(200).json(), done);
    assert_eq!(book.get("/v1/erasures").await.expect(200).json(), json!({"erasures": []}));

    assert_eq!(book.get(&format!("/v1/grants/{grant}")).await.expect(410).slug(), "erased");
    book.get(&format!("/v1/grants/{kept}")).await.expect(200);
    let listed = book.get("/v1/grants").await.expect(200).json();
    assert_eq!(listed["grants"].as_array().unwrap().len(), 1);
    let denial = book.post("/access/v1/evaluation", &evaluation(&facts("cs-00004", 2), "use-1")).await;
    assert_eq!(denial.expect(200).json()["context"]["reason"], json!("no_grant"));
    assert_eq!(erase(&book, "cs-00004").await.expect(404).slug(), "not-found");
    // what the customer signed once does not come back
    let withdrawal = book.withdrawal(&customer, grant);
    assert_eq!(book.append(withdrawal).await.status.as_u16(), 403);
}

#[tokio::test]
async fn a_hold_and_a_registered_gate_are_waited_for() {
    let book = Book::open().await;
    let published = book.publish().await;
    let customer = book.customer("cs-00004", 1).await;
    book.grant(&customer, &published).await;
    let post = |path: &str, body: Value| book.send(admin(&book, Call::post(path)).json(&body));
    let hold = json!({"sub": "cs-00004", "reason": "file 12 of 2026"});
    post("/v1/holds", hold.clone()).await.expect(204);
    assert_eq!(post("/v1/holds", hold).await.expect(409).slug(), "held");
    assert_eq!(erase(&book, "cs-00004").await.expect(409).slug(), "held");
    let holds = book.send(admin(&book, Call::get("/v1/holds"))).await.expect(200).json();
    assert_eq!(holds["holds"][0]["reason"], json!("file 12 of 2026"));
    let strangers = book.send(Call::get("/v1/holds").token(&book.stranger_token)).await.expect(200).json();
    assert_eq!(strangers, json!({"holds": []}));
    let lift = json!({"sub": "cs-00004"});
    post("/v1/holds/lift", lift.clone()).await.expect(204);
    assert_eq!(post("/v1/holds/lift", lift).await.expect(409).slug(), "held");

    let gate = grantbook_record::GateId::parse("till-1").unwrap();
    book.ledger.register_gate(book.tenant(), &gate, *signer(9).public_key()).unwrap();
    let pending = erase(&book, "cs-00004").await.expect(202).json();
    assert_eq!(pending["waiting_for"], json!(["till-1"]));
    let ask = evaluation(&facts("cs-00004", 2), "use-1");
    let denial = book.post("/access/v1/evaluation", &ask).await.expect(200).json();
    assert_eq!(denial["context"]["reason"], json!("withdrawn"), "withdrawn before any gate was asked");
    let path = format!("/v1/erasures/{}", pending["erasure"]);
    let purged = format!("{path}/purged");
    // a gate of another tenant, another gate, and a word that is none
    let stranger = Call::post(&purged).token(&book.stranger_token).json(&json!({"gate": "till-1"}));
    book.send(stranger).await.expect(204);
    book.post(&purged, &json!({"gate": "till-2"})).await.expect(204);
    assert_eq!(book.post(&purged, &json!({"gate": ""})).await.expect(400).slug(), "malformed-request");
    assert_eq!(book.get(&path).await.expect(200).json()["waiting_for"], json!(["till-1"]));
    book.post(&purged, &json!({"gate": "till-1"})).await.expect(204);
    let done = book.get(&path).await.expect(200).json();
    assert!(done["leaf_index"].is_u64(), "{done}");
    book.send(Call::get(&path).token(&book.stranger_token)).await.expect(404);
}

#[tokio::test]
async fn a_shredded_grant_is_answered_as_erased_and_does_not_come_back() {
    let book = Book::open().await;
    let published = book.publish().await;
    let customer = book.customer("cs-00004", 1).await;
    let envelope = book.grant_event(&customer, published.terms(&json!({"uses": 3})));
    let grant = Envelope::parse(&envelope).unwrap().event().unwrap().jti;
    book.append(envelope.clone()).await.expect(201);
    let withdrawal = book.withdrawal(&customer, grant);
    book.append(withdrawal.clone()).await.expect(201);
    let kept = book.grant(&customer, &published).await;
    assert_eq!(book.ledger.shred_ended(UnixSeconds(u64::MAX)).unwrap(), 1);
    assert_eq!(book.get(&format!("/v1/grants/{grant}")).await.expect(410).slug(), "erased");
    for sent_again in [envelope, withdrawal] {
        let again = book.append(sent_again).await.expect(200).json();
        assert_eq!((&again["duplicate"], &again["receipt"]["content"]), (&json!(true), &json!("erased")));
    }
    // signed now, it is of a grant that nobody knows
    let again = book.withdrawal(&customer, grant);
    assert_eq!(book.append(again).await.expect(422).slug(), "refused");
    book.get(&format!("/v1/grants/{kept}")).await.expect(200);
    assert_eq!(book.get("/v1/grants").await.expect(200).json()["grants"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_grants_came_to_is_proved_as_of_the_last_root() {
    let book = Book::open().await;
    let published = book.publish().await;
    let customer = book.customer("cs-00004", 1).await;
    book.get("/v1/states/cs-00005").await.expect(404);
    book.get("/v1/states/%20").await.expect(404);
    let grant = book.grant(&customer, &published).await;
    assert_eq!(book.get("/v1/states/cs-00004").await.expect(409).slug(), "not-yet");
    book.ledger.record_state_root().unwrap().unwrap();
    let answer = book.get("/v1/states/cs-00004").await.expect(200);
    let verified = StateProof::parse(&answer.body).unwrap().verify(book.ledger.log_keys()).unwrap();
    assert_eq!(verified.states.unwrap().grants()[0].status, GrantStatus::Active);
    book.append(book.withdrawal(&customer, grant)).await.expect(201);
    assert_eq!(book.get("/v1/states/cs-00004").await.expect(409).slug(), "not-yet");
}

#[tokio::test]
async fn erasures_are_refused_for_their_form() {
    let book = Book::open().await;
    for (path, body, status) in [
        ("/v1/erasures", json!({"sub": "cs-00004"}), 400),
        ("/v1/erasures", json!({"sub": "cs-00004", "channel": "pigeon"}), 400),
        ("/v1/erasures", json!({"sub": "cs 4", "channel": "mail"}), 400),
        ("/v1/erasures", json!({"sub": "cs-00004", "channel": "mail", "now": true}), 400),
        ("/v1/erasures", json!({"sub": "cs-00004", "channel": "mail"}), 404),
        ("/v1/erasures/x/purged", json!({"gate": "a"}), 404),
        ("/v1/holds", json!({"sub": "cs-00004"}), 400),
        ("/v1/holds", json!({"sub": "cs-00004", "reason": "file 1"}), 404),
        ("/v1/holds/lift", json!({"sub": "cs-00004"}), 409),
    ] {
        let answer = book.send(admin(&book, Call::post(path)).json(&body)).await;
        assert_eq!(answer.status.as_u16(), status, "{path} {body}: {}", answer.text());
    }
    for path in ["/v1/erasures/7", "/v1/erasures/-1", "/v1/erasures/18446744073709551616"] {
        book.get(path).await.expect(404);
    }
    let answer = book.get("/v1/feed?gate=till%2F1").await.expect(400);
    assert_eq!(answer.slug(), "malformed-request");
}
