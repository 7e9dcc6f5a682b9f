//! Back with a recovery code, and gone for good.

use grantbook_record::encoding::to_base64url;
use grantbook_record::event::{Claims, KeyRotated, Recovery};
use grantbook_record::{Envelope, Kind};
use serde_json::{Value, json};

use crate::book::{Book, jti, signer};
use crate::client::{Answer, Call};
use crate::person::{
    Passkey, Person, challenge_for, code, cookie_of, from_page, invited, recovery_key, signed_by,
};

async fn recover(book: &Book, old: &Value, next: &Value) -> Answer {
    let body = json!({"code": old, "next": next});
    from_page(book, "/account/recover", "", &body).send(book.address).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_brings_back_what_a_lost_device_had() {
    let book = Book::open().await;
    let published = book.publish().await;
    let person = Person::enrolled(&book, "cs-00001", 1).await;
    let grant = person.agrees(person.asked(&published).await).await;

    let wrong = json!({"lookup": code(1)["lookup"], "proof": code(2)["proof"]});
    assert_eq!(recover(&book, &wrong, &code(50)).await.expect(403).slug(), "bad-signature");
    assert_eq!(recover(&book, &code(9), &code(50)).await.expect(403).slug(), "bad-signature");
    let began = recover(&book, &code(1), &code(50)).await.expect(200);
    // what broke off goes on with the same two codes, and with no other
    assert_eq!(recover(&book, &code(1), &code(51)).await.expect(409).slug(), "state-conflict");
    let again = cookie_of(&recover(&book, &code(1), &code(50)).await.expect(200));
    assert_ne!(again, cookie_of(&began));
    let passkey = Passkey::new(33);
    let mut back = Person { cookie: again, passkey, signer: signer(34), ..person.clone() };

    // it can look and stop, nothing else
    let me = back.get("/account/me").await.expect(200).json();
    assert_eq!(
        (me["recovering"].as_bool(), me["memberships"][0]["sub"].as_str()),
        (Some(true), Some("cs-00001"))
    );
    let request = person.asked(&published).await;
    let token = back.form_token().await;
    let path = format!("/my/requests/{request}/agree");
    assert_eq!(back.form(&path, &token, "").await.expect(403).slug(), "not-fresh");
    assert_eq!(back.post("/account/erase", &json!({})).await.expect(403).slug(), "not-fresh");
    let other = invited(&book, &book.stranger_token, &json!({"data_subject": "x-1"})).await;
    assert_eq!(
        back.post("/account/join", &json!({"invitation": other})).await.expect(403).slug(),
        "not-fresh"
    );
    back.form(&format!("/my/grants/{grant}/stop"), &token, "").await.expect(303);

    let spent = recovery_key(1);
    let event = KeyRotated {
        sub: back.sub.clone(),
        old: spent.thumbprint(),
        new: *back.signer.public_key(),
        recovery: Some(Recovery { key: *spent.public_key(), next: recovery_key(50).thumbprint() }),
    };
    let payload = Claims::new(back.tenant, jti(), event).to_json();
    let envelope = Envelope::sign(Kind::KeyRotated, &payload, &[&back.signer, &spent]);
    let attachment = back.passkey.attached(&book, &envelope);
    back.send(&envelope, Some(&attachment)).await.expect(201);
    let challenge = challenge_for(&book, "register", "").await;
    let made = json!({"passkey": back.passkey.made(&book, &challenge)});
    assert_eq!(person.post("/account/recovered", &made).await.expect(409).slug(), "state-conflict");
    back.cookie = cookie_of(&back.post("/account/recovered", &made).await.expect(200));

    // the old device is out: its session, its passkey, its key, its code
    person.get("/account/me").await.expect(401);
    let challenge = challenge_for(&book, "log_in", "").await;
    let shown = person.passkey.shown(&book, &challenge);
    from_page(&book, "/account/log-in", "", &shown).send(book.address).await.expect(403);
    recover(&book, &code(1), &code(52)).await.expect(403);
    let (_, prepared) = back.prepared(&path, "").await;
    let old = signed_by(&prepared, &person.signer);
    assert_eq!(back.send(&old, None).await.expect(403).slug(), "bad-signature");
    let envelope = signed_by(&prepared, &back.signer);
    let olds = person.passkey.attached(&book, &envelope);
    assert_eq!(back.send(&envelope, Some(&olds)).await.expect(422).slug(), "refused");
    back.agrees(request).await;
    recover(&book, &code(50), &code(53)).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_are_tried_few_at_a_time() {
    let book = Book::open().await;
    Person::joined(&book, "cs-00001", 1).await;
    let tries = (0..12_u8).map(|seed| guess(&book, seed));
    let answers = futures_util::future::join_all(tries).await;
    let of = |status: u16| answers.iter().filter(|answer| answer.status.as_u16() == status).count();
    assert_eq!(of(403) + of(429), 12);
    assert!(of(403) > 0 && of(429) > 0, "{} {}", of(403), of(429));
}

/// Somebody who has read half of a code off the store, if that were possible.
async fn guess(book: &Book, seed: u8) -> Answer {
    let guessed = json!({"lookup": code(1)["lookup"], "proof": code(seed.wrapping_add(2))["proof"]});
    recover(book, &guessed, &code(seed)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_account_leaves_no_way_in() {
    let book = Book::open().await;
    let person = Person::enrolled(&book, "cs-00001", 1).await;
    let second = {
        let challenge = challenge_for(&book, "log_in", "").await;
        let shown = person.passkey.shown(&book, &challenge);
        cookie_of(&from_page(&book, "/account/log-in", "", &shown).send(book.address).await.expect(200))
    };
    person.post("/account/erase", &json!({})).await.expect(200);
    for cookie in [&person.cookie, &second] {
        Call::get("/account/me").header("cookie", cookie).send(book.address).await.expect(401);
    }
    let challenge = challenge_for(&book, "log_in", "").await;
    let shown = person.passkey.shown(&book, &challenge);
    from_page(&book, "/account/log-in", "", &shown).send(book.address).await.expect(403);
    recover(&book, &code(1), &code(2)).await.expect(403);
    let rows =
        book.ledger.change_account_rows(|rows| Ok::<_, grantbook_engine::store::Fault>(rows.names("")));
    let left: Vec<String> =
        rows.unwrap().into_iter().filter(|name| !["client", "secret"].contains(&name.as_str())).collect();
    let gone = |prefix: &str| !left.iter().any(|name| name.starts_with(prefix));
    assert!(
        ["account/", "credential/", "member/", "recovery/", "session/"].into_iter().all(gone),
        "{left:?}"
    );
}

/// What the store holds opens nothing: no token, no code, no form token is in it.
#[tokio::test(flavor = "multi_thread")]
async fn the_store_holds_no_secret_of_a_customers() {
    let book = Book::open().await;
    let invitation = invited(&book, &book.sandbox.token, &json!({"data_subject": "cs-00007"})).await;
    let person = Person::enrolled(&book, "cs-00001", 1).await;
    let form = person.form_token().await;
    let kept = book.ledger.change_account_rows(|rows| {
        let names = rows.names("");
        let all = names.iter().flat_map(|name| [name.as_bytes().to_vec(), rows.get(name).unwrap().to_vec()]);
        Ok::<_, grantbook_engine::store::Fault>(
            String::from_utf8_lossy(&all.collect::<Vec<_>>().concat()).into_owned(),
        )
    });
    let kept = kept.unwrap();
    let session = person.cookie.split_once('=').unwrap().1;
    let proof = code(1)["proof"].as_str().unwrap().to_owned();
    let lookup = code(1)["lookup"].as_str().unwrap().to_owned();
    for secret in
        [session, &invitation, &form, &proof, &lookup, &to_base64url(person.signer.seed().as_slice())]
    {
        assert!(!kept.contains(secret), "{secret}");
    }
}
