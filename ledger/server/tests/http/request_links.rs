//! Links from an enterprise's own app: to one request, for the customer whom it asks, and back with what came of it.

use serde_json::json;

use crate::book::Book;
use crate::client::Call;
use crate::person::{Person, from_page, invited};

#[tokio::test(flavor = "multi_thread")]
async fn a_link_leads_to_the_request_and_back() {
    let book = Book::open().await;
    let published = book.publish().await;
    let person = Person::enrolled(&book, "cs-00001", 1).await;
    let other = Person::enrolled(&book, "cs-00002", 2).await;
    let request = person.asked(&published).await;
    let body = json!({
        "data_subject": "cs-00001", "request": request, "return_url": "https://app.example/done?from=portal",
    });
    let token = invited(&book, &book.service_token, &body).await;

    // looking says what it is about, and uses nothing up
    let looked = from_page(&book, "/account/invitation", "", &json!({"invitation": token}));
    let looked = looked.send(book.address).await.expect(200).json();
    assert_eq!((&looked["known"], &looked["logged_in"]), (&json!(true), &json!(false)));
    assert!(!looked.to_string().contains("cs-00001"), "{looked}");
    // whoever else holds the link becomes nobody by it
    other.post("/account/join", &json!({"invitation": token})).await.expect(404);
    assert_eq!(other.get("/account/me").await.expect(200).json()["memberships"][0]["sub"], "cs-00002");
    other.get(&format!("/my/requests/{request}")).await.expect(404);

    let joined = person.post("/account/join", &json!({"invitation": token})).await.expect(200).json();
    assert_eq!(joined["request"], json!(request));
    let (_, agreed) = person.prepared(&format!("/my/requests/{request}/agree"), "").await;
    let (_, declined) = person.prepared(&format!("/my/requests/{request}/decline"), "").await;
    let back = |outcome: &str| json!(format!("https://app.example/done?from=portal&outcome={outcome}"));
    assert_eq!(agreed["back"], json!({"signed": back("agreed"), "unsigned": back("unanswered")}));
    assert_eq!(declined["back"], json!({"signed": back("declined"), "unsigned": back("unanswered")}));
    // a request to which no link led has no way back
    let second = person.asked(&published).await;
    let (_, plain) = person.prepared(&format!("/my/requests/{second}/agree"), "").await;
    assert!(plain["back"].is_null(), "{plain}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_with_a_key_is_invited_to_an_open_request_alone() {
    let book = Book::open().await;
    let published = book.publish().await;
    let person = Person::enrolled(&book, "cs-00001", 1).await;
    let other = Person::enrolled(&book, "cs-00002", 2).await;
    let request = person.asked(&published).await;
    let refused = async |body: serde_json::Value| {
        let call = Call::post("/v1/invitations").token(&book.service_token).json(&body);
        assert_eq!(call.send(book.address).await.expect(409).slug(), "state-conflict");
    };
    refused(json!({"data_subject": "cs-00001"})).await;
    refused(json!({"data_subject": "cs-00002", "request": request})).await;
    refused(json!({"data_subject": "cs-00001", "request": crate::book::jti()})).await;
    person.agrees(request).await;
    refused(json!({"data_subject": "cs-00001", "request": request})).await;
    assert_eq!(other.sub.as_str(), "cs-00002");
}
