//! Complaints: made by a customer, answered by the enterprise, seen by nobody else, and gone with the customer.

use grantbook_record::complaint::COMPLAINT_CHARS_MAX;
use grantbook_record::event::Channel;
use serde_json::{Value, json};

use crate::book::{Book, jti};
use crate::client::{Answer, Call};
use crate::desk::{Stranger, form_token, signed_in};
use crate::person::{Person, origin};

const TEXT: &str = "They called me at night.";
const PAGE: &str = "/my/account/complaints";

async fn complain(person: &Person<'_>, tenant: &str, text: &str) -> Answer {
    let token = person.form_token().await;
    person.form(PAGE, &token, &format!("&company={tenant}&text={}", text.replace(' ', "+"))).await
}

async fn listed(book: &Book, token: &str) -> Value {
    book.send(Call::get("/v1/complaints").token(token)).await.expect(200).json()
}

async fn answered(book: &Book, token: &str, id: &str, text: &str) -> Answer {
    book.send(Call::post(format!("/v1/complaints/{id}/answer")).json(&json!({"text": text})).token(token))
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_complaint_is_answered_once_and_told_to_nobody_else() {
    let book = Book::open().await;
    let enterprise = Stranger::prepare(&book).await;
    let person = Person::enrolled(&book, "cs-00001", 1).await;
    let neighbour = Person::enrolled(&book, "cs-00002", 2).await;
    let tenant = book.tenant().to_string();
    let before = book.size_root();

    complain(&person, &tenant, TEXT).await.expect(303);
    for (company, text, status) in [
        (enterprise.id.to_string(), TEXT.to_owned(), 404),
        ("nobody".to_owned(), TEXT.to_owned(), 404),
        (tenant.clone(), String::new(), 400),
        (tenant.clone(), "+%E2%80%8B".to_owned(), 400),
        (tenant.clone(), "x".repeat(COMPLAINT_CHARS_MAX + 1), 400),
    ] {
        complain(&person, &company, &text).await.expect(status);
    }
    person.form(PAGE, "", &format!("&company={tenant}&text=x")).await.expect(403);

    let list = listed(&book, &book.service_token).await;
    let [waiting] = &list["waiting"].as_array().unwrap()[..] else { panic!("{list}") };
    assert_eq!((&waiting["sub"], &waiting["text"]), (&json!("cs-00001"), &json!(TEXT)));
    // no notice names a law: 30 days
    assert_eq!(waiting["due"].as_u64().unwrap() - waiting["made"].as_u64().unwrap(), 30 * 86_400);
    assert_eq!(list["counts"]["open"], 1);
    assert_eq!(listed(&book, &book.stranger_token).await["waiting"], json!([]));
    assert!(!neighbour.get(PAGE).await.expect(200).text().contains(TEXT));

    let id = waiting["complaint"].as_str().unwrap();
    let cookie = signed_in(&book, &book.service_token).await;
    let page = book.send(Call::get("/company/complaints").header("cookie", &cookie)).await.expect(200);
    assert!(page.text().contains(TEXT) && page.text().contains(id));
    answered(&book, &book.stranger_token, id, "Ours.").await.expect(404);
    answered(&book, &book.service_token, &jti().to_string(), "Which?").await.expect(404);
    answered(&book, &book.service_token, id, " ").await.expect(400);
    let form = format!("form_token={}&text=It+stops.", form_token(&page));
    let answer = Call::post(format!("/company/complaints/{id}"))
        .header("origin", origin(&book))
        .header("cookie", &cookie)
        .bytes("application/x-www-form-urlencoded", form);
    book.send(answer).await.expect(303);
    answered(&book, &book.service_token, id, "Once more.").await.expect(409);

    let shown = person.get(PAGE).await.expect(200);
    assert!(shown.text().contains("It stops.") && !shown.text().contains("Once more."));
    assert!(person.get("/my/notifications").await.expect(200).text().contains(PAGE), "told");
    let list = listed(&book, &book.service_token).await;
    assert_eq!((&list["waiting"], &list["counts"]["in_time"]), (&json!([]), &json!(1)));
    assert_eq!(book.size_root(), before, "not on the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn complaints_are_bounded_and_erased_with_the_customer() {
    let book = Book::open().await;
    let person = Person::enrolled(&book, "cs-00001", 1).await;
    let tenant = book.tenant().to_string();
    for _ in 0..20 {
        complain(&person, &tenant, TEXT).await.expect(303);
    }
    complain(&person, &tenant, TEXT).await.expect(429);
    let pending = book.ledger.begin_erasure(book.tenant(), &person.sub, Channel::Mail).unwrap();
    book.ledger.finish_erasure(book.tenant(), pending.id, &[]).unwrap();
    let list = listed(&book, &book.service_token).await;
    assert_eq!((&list["waiting"], &list["counts"]["open"]), (&json!([]), &json!(0)));
    assert_eq!(list["counts"]["erased"], 20);
    assert!(book.ledger.complaints_of(book.tenant(), &person.sub).unwrap().is_empty());
}
