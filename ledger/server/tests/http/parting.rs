//! A customer has everything erased from the portal: with the passkey just shown, at one enterprise, and is told how far it is.

use grantbook_engine::store::Fault;
use grantbook_record::GateId;
use serde_json::{Value, json};

use crate::book::{Book, signer};
use crate::person::{Passkey, Person, challenge_for, code, cookie_of, from_page};

/// Waits until the page says this.
async fn until(person: &Person<'_>, path: &str, said: &str) -> String {
    for _ in 0..200 {
        let page = person.get(path).await.expect(200).text().to_owned();
        if page.contains(said) {
            return page;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("{path} never said {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_erased_and_the_result_is_dated() {
    let book = Book::open().await;
    let published = book.publish().await;
    let person = Person::enrolled(&book, "cs-00001", 1).await;
    let request = person.asked(&published).await;
    person.agrees(request).await;
    let waiting = person.asked(&published).await;
    let (prepared, _) = person.prepared(&format!("/my/requests/{waiting}/agree"), "").await;
    let other = Person::enrolled(&book, "cs-00002", 2).await;

    let path = format!("/my/account/data/{}/erase", person.tenant);
    let page = person.get(&path).await.expect(200).text().to_owned();
    for said in ["records about you", "open connection", "Records of money", "no backup opens"] {
        assert!(page.contains(said), "{said}: {page}");
    }
    // one form, of the session that is there, and nothing else begins it
    let token = person.form_token().await;
    assert_eq!(person.form(&path, &other.form_token().await, "").await.expect(403).slug(), "cross-site");
    other.form("/my/account/data/somewhere/erase", &other.form_token().await, "").await.expect(404);
    assert!(book.ledger.customer(book.tenant(), &person.sub).is_some());

    let done = person.form(&path, &token, "").await.expect(303);
    let result = format!("/my/account/data/{}/erased", person.tenant);
    assert_eq!(done.header("location"), result);
    let page = until(&person, &result, "You are erased").await;
    assert!(page.contains("Key destroyed") && !page.contains("cs-00001"), "{page}");
    assert!(book.ledger.customer(book.tenant(), &person.sub).is_none());
    // the portal has forgotten who it was, and what was prepared
    let me = person.get("/account/me").await.expect(200).json();
    assert_eq!(me["memberships"], json!([]));
    person.get(&format!("/account/prepared/{prepared}")).await.expect(404);
    person.form(&path, &token, "").await.expect(404);
    let data = person.get("/my/account/data").await.expect(200).text().to_owned();
    assert!(data.contains(&result), "{data}");
    // nobody else is told, and nobody else is erased
    other.get(&result).await.expect(404);
    assert!(book.ledger.customer(book.tenant(), &other.sub).is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn erasing_waits_for_gates_and_for_holds() {
    let book = Book::open().await;
    let published = book.publish().await;
    let person = Person::enrolled(&book, "cs-00001", 1).await;
    let request = person.asked(&published).await;
    person.agrees(request).await;
    let gate = GateId::parse("till-1").unwrap();
    book.ledger.register_gate(book.tenant(), &gate, *signer(9).public_key()).unwrap();
    let path = format!("/my/account/data/{}/erase", person.tenant);
    let token = person.form_token().await;

    book.ledger.place_hold(book.tenant(), &person.sub, "file 12 of 2026").unwrap();
    let page = person.get(&path).await.expect(200).text().to_owned();
    assert!(!page.contains("<form method=\"post\" action=\"/my/account"), "{page}");
    assert_eq!(person.form(&path, &token, "").await.expect(409).slug(), "held");
    book.ledger.lift_hold(book.tenant(), &person.sub).unwrap();

    person.form(&path, &token, "").await.expect(303);
    let result = format!("/my/account/data/{}/erased", person.tenant);
    let page = person.get(&result).await.expect(200).text().to_owned();
    assert!(page.contains("one gate that has yet to forget you"), "{page}");
    let pending = book.ledger.erasures(book.tenant()).unwrap();
    let purged = format!("/v1/erasures/{}/purged", pending[0].id);
    book.post(&purged, &json!({"gate": "till-1"})).await.expect(204);
    until(&person, &result, "You are erased").await;
}

/// A session that somebody left open erases nothing.
#[tokio::test(flavor = "multi_thread")]
async fn erasing_needs_a_passkey_that_was_just_shown() {
    let book = Book::open().await;
    let person = Person::enrolled(&book, "cs-00001", 1).await;
    let path = format!("/my/account/data/{}/erase", person.tenant);
    // the code logs in to a session that is never fresh
    let body = json!({"code": code(1), "next": code(50)});
    let began = from_page(&book, "/account/recover", "", &body).send(book.address).await.expect(200);
    let recovering = Person { cookie: cookie_of(&began), ..person.clone() };
    let token = recovering.form_token().await;
    assert_eq!(recovering.form(&path, &token, "").await.expect(403).slug(), "not-fresh");
    let aged = book.ledger.change_account_rows::<_, Fault>(|rows| {
        for name in rows.names("session/") {
            let mut session: Value = serde_json::from_slice(rows.get(&name).unwrap()).unwrap();
            session["fresh_until"] = json!(0);
            rows.put(&name, serde_json::to_vec(&session).unwrap());
        }
        Ok(())
    });
    aged.unwrap();
    let token = person.form_token().await;
    let answer = person.form(&path, &token, "").await.expect(303);
    assert_eq!(answer.header("location"), format!("/sign/#step-up={path}"));
    assert!(book.ledger.customer(book.tenant(), &person.sub).is_some());
    let challenge = challenge_for(&book, "step_up", &person.cookie).await;
    let stepped =
        person.post("/account/step-up", &Passkey::new(1).shown(&book, &challenge)).await.expect(200);
    let person = Person { cookie: cookie_of(&stepped), ..person };
    let token = person.form_token().await;
    person.form(&path, &token, "").await.expect(303);
}
