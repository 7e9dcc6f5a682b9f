//! The way of a grant through every door, from key to withdrawal.

use grantbook_record::{Jti, Receipt};
use grantbook_tlog::LogKeys;
use serde_json::{Value, json};

use crate::book::{Book, evaluation, facts, record, signer};
use crate::client::Call;

async fn keys(book: &Book) -> LogKeys {
    LogKeys::parse(book.send(Call::get("/log/vkey")).await.expect(200).text()).unwrap()
}

fn verified(keys: &LogKeys, receipt: &Value) -> u64 {
    let receipt: Receipt = serde_json::from_value(receipt.clone()).unwrap();
    receipt.verify(keys).unwrap().leaf_index.0
}

#[tokio::test]
async fn a_grant_permits_until_it_is_withdrawn() {
    let book = Book::open().await;
    let keys = keys(&book).await;
    let published = book.publish().await;
    let customer = book.customer("cs-00004", 1).await;
    let grant = book.grant(&customer, &published).await;

    let ask = evaluation(&facts("cs-00004", 2), "use-1");
    let permit = book.post("/access/v1/evaluation", &ask).await.expect(200).json();
    assert_eq!(permit["decision"], json!(true));
    assert_eq!(permit["context"]["grant"], json!(grant));
    let leaf_index = permit["context"]["leaf_index"].as_u64().unwrap();
    let stored = book.get(&format!("/v1/receipts/{leaf_index}")).await.expect(200);
    let receipt = Receipt::parse(&stored.body).unwrap();
    assert_eq!(receipt.verify(&keys).unwrap().leaf_index.0, leaf_index);
    let inside: Receipt = serde_json::from_value(permit["context"]["receipt"].clone()).unwrap();
    assert_eq!(inside.entry, receipt.entry);

    // the same use again is the same use
    let size = book.size_root();
    let again = book.post("/access/v1/evaluation", &ask).await.expect(200).json();
    assert_eq!(again["context"]["leaf_index"], json!(leaf_index));
    assert_eq!(book.size_root(), size);

    let withdrawal = book.withdrawal(&customer, grant);
    book.append(withdrawal.clone()).await.expect(201);
    let denial =
        book.post("/access/v1/evaluation", &evaluation(&facts("cs-00004", 2), "use-2")).await.expect(200);
    assert_eq!(denial.json()["decision"], json!(false));
    assert_eq!(denial.json()["context"]["reason"], json!("withdrawn"));
    assert_eq!(denial.json()["context"]["grant"], json!(grant));

    // the same envelope again is the same event
    book.all_acknowledged().await;
    let size = book.size_root();
    let again = book.append(withdrawal).await.expect(200).json();
    assert_eq!(again["duplicate"], json!(true));
    assert_eq!(book.size_root(), size);

    let listed = book.get(&format!("/v1/grants/{grant}")).await.expect(200).json();
    assert_eq!((&listed["status"], &listed["uses"]), (&json!("withdrawn"), &json!(1)));
    assert_eq!(listed["sub"], json!("cs-00004"));
}

#[tokio::test]
async fn a_batch_of_a_registered_gate_is_recorded_and_flagged() {
    let book = Book::open().await;
    let keys = keys(&book).await;
    let published = book.publish().await;
    let customer = book.customer("cs-00004", 1).await;
    let grant = book.grant(&customer, &published).await;
    let gate = signer(40);
    let register = Call::new(hyper::Method::PUT, "/v1/gates/shop.eu-1")
        .token(&book.sandbox.token)
        .json(&serde_json::to_value(gate.public_key()).unwrap());
    book.send(register.clone()).await.expect(204);
    book.send(register).await.expect(204);

    let batch = book.batch(&gate, record("shop.eu-1", 0, facts("cs-00004", 3), Some(grant)), 1);
    let first = book.post("/v1/uses", &batch).await.expect(201).json();
    let use_ = &first["uses"][0];
    assert_eq!(use_.get("flag"), None, "within the grant");
    assert_eq!(verified(&keys, &use_["receipt"]), use_["leaf_index"].as_u64().unwrap());
    let size = book.size_root();
    let again = book.post("/v1/uses", &batch).await.expect(200).json();
    assert_eq!(again["uses"][0]["leaf_index"], use_["leaf_index"]);
    assert_eq!(book.size_root(), size, "the same batch again adds nothing");

    // December is outside the granted period: admitted, flagged, shown
    let batch = book.batch(&gate, record("shop.eu-1", 1, facts("cs-00004", 12), Some(grant)), 2);
    let second = book.post("/v1/uses", &batch).await.expect(201).json();
    assert_eq!(second["uses"][0]["flag"], json!("period"));

    let page = book.get("/v1/uses?limit=1").await.expect(200).json();
    assert_eq!(page["uses"].as_array().unwrap().len(), 1);
    assert_eq!(page["uses"][0]["payout_minor"], json!(80));
    assert_eq!(page["uses"][0]["currency"], json!("CNY"));
    let mut all = 1;
    let mut next = page["next"].clone();
    while let Value::String(cursor) = next {
        let page = book.get(&format!("/v1/uses?cursor={cursor}")).await.expect(200).json();
        all += page["uses"].as_array().unwrap().len();
        next = page["next"].clone();
    }
    assert_eq!(all, 2);
    let progress = book.get("/v1/gates/shop.eu-1").await.expect(200).json();
    assert_eq!(progress["next_seq"], json!(2));
}

#[tokio::test]
async fn lists_are_paged_and_filtered() {
    let book = Book::open().await;
    let published = book.publish().await;
    let mut given: Vec<Jti> = Vec::new();
    for number in 1..=5_u8 {
        let customer = book.customer(&format!("cs-{number}"), number).await;
        given.push(book.grant(&customer, &published).await);
    }
    let mut seen = Vec::new();
    let mut path = "/v1/grants?limit=2".to_owned();
    loop {
        let page = book.get(&path).await.expect(200).json();
        let rows = page["grants"].as_array().unwrap();
        assert!(rows.len() <= 2);
        seen.extend(rows.iter().map(|row| row["grant"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/grants?limit=2&cursor={next}");
    }
    assert_eq!(seen, given.iter().map(ToString::to_string).collect::<Vec<_>>());
    let one = book.get("/v1/grants?sub=cs-3").await.expect(200).json();
    assert_eq!(one["grants"].as_array().unwrap().len(), 1);
    assert_eq!(one["grants"][0]["grant"], json!(given[2]));
    let none = book.get("/v1/grants?sub=nobody").await.expect(200).json();
    assert_eq!(none["grants"], json!([]));
}

#[tokio::test]
async fn one_jws_is_an_envelope_too() {
    let book = Book::open().await;
    let published = book.publish().await;
    let customer = book.customer("cs-00004", 1).await;
    let envelope = book.grant_event(&customer, published.terms(&json!({})));
    let jws = envelope[4..].to_vec();
    book.send(Call::post("/v1/events").bytes("application/jose", jws)).await.expect(201);
    // the same bytes in their frame are the same envelope
    book.append(envelope).await.expect(200);
}

#[tokio::test]
async fn administrators_manage_tokens() {
    let book = Book::open().await;
    let admin = |call: Call| call.token(&book.sandbox.token);
    let made =
        book.send(admin(Call::post("/v1/tokens")).json(&json!({"role": "service", "label": "shop"}))).await;
    let made = made.expect(201).json();
    let secret = made["secret"].as_str().unwrap();
    let tenant = book.send(Call::get("/v1/tenant").token(secret)).await.expect(200).json();
    assert_eq!(tenant["id"], json!(book.tenant()));
    assert_eq!(tenant["operator_key"], serde_json::to_value(book.ledger.operator_key()).unwrap());
    let id = made["token"]["id"].as_str().unwrap();
    let listed = book.send(admin(Call::get("/v1/tokens"))).await.expect(200);
    assert!(listed.text().contains(id) && !listed.text().contains(secret));
    let revoke = || admin(Call::new(hyper::Method::DELETE, format!("/v1/tokens/{id}")));
    book.send(revoke()).await.expect(204);
    book.send(revoke()).await.expect(404);
    book.send(Call::get("/v1/tenant").token(secret)).await.expect(401);
}
