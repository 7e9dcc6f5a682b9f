//! A second device, from the link to its end: what the portal passes on, and what it does not let anybody do.

use grantbook_record::attachment::Attachments;
use grantbook_record::encoding::{Bytes32, to_base64url};
use grantbook_record::event::{Claims, Evidence, KeyEnrolled, KeyRevoked};
use grantbook_record::list::List;
use grantbook_record::{Envelope, Kind, Signer};
use serde_json::{Value, json};

use crate::book::{Book, jti, signer};
use crate::client::Answer;
use crate::person::{Passkey, Person, challenge_for, cookie_of, from_page, signed_by};

/// A device that comes with a passkey of its own.
struct Coming<'b> {
    book: &'b Book,
    token: String,
    signer: Signer,
    passkey: Passkey,
}

impl Coming<'_> {
    async fn post(&self, path: &str, body: &Value) -> Answer {
        from_page(self.book, path, "", body).send(self.book.address).await
    }

    async fn join(&self) -> Answer {
        let challenge = challenge_for(self.book, "register", "").await;
        let body = json!({
            "token": self.token, "name": "second", "commitment": Bytes32([1; 32]),
            "passkey": self.passkey.made(self.book, &challenge),
        });
        self.post("/account/devices/join", &body).await
    }

    async fn step(&self, claim: &str, step: Value) -> Answer {
        let body = json!({"token": self.token, "claim": claim, "step": step});
        self.post("/account/devices/step", &body).await
    }

    fn opening(&self) -> Value {
        let keys = [self.signer.thumbprint()];
        json!({"open": {"nonce": Bytes32([2; 32]), "keys": keys, "passkey": self.passkey.public().thumbprint()}})
    }

    /// A `key.enrolled` that the new key has signed, with the new passkey's assertion.
    fn enrolment(&self, person: &Person<'_>) -> (Vec<u8>, Value) {
        let key = *self.signer.public_key();
        let evidence = Evidence::EnrolledKey;
        let event = KeyEnrolled { sub: person.sub.clone(), key, evidence, recovery: None };
        let payload = Claims::new(person.tenant, jti(), event).to_json();
        let envelope = Envelope::sign(Kind::KeyEnrolled, &payload, &[&self.signer]);
        let jws = Envelope::parse(&envelope).unwrap().first_jws().to_owned();
        let attached = Attachments::parse(&self.passkey.attached(self.book, &envelope)).unwrap();
        let assertion = attached.assertions.first().unwrap().clone();
        (payload, json!({"sign": [{"tenant": person.tenant, "jws": jws, "assertion": assertion}]}))
    }

    async fn logs_in(&self) -> u16 {
        let challenge = challenge_for(self.book, "log_in", "").await;
        self.post("/account/log-in", &self.passkey.shown(self.book, &challenge)).await.status.as_u16()
    }
}

async fn offered<'b>(person: &Person<'b>) -> Coming<'b> {
    let offer = person.post("/account/devices/offer", &json!({})).await.expect(201).json();
    let token = offer["token"].as_str().unwrap().to_owned();
    assert!(offer["url"].as_str().unwrap().ends_with(&format!("/sign/#device={token}")));
    let width = usize::try_from(offer["qr"]["width"].as_u64().unwrap()).unwrap();
    assert_eq!(offer["qr"]["modules"].as_str().unwrap().len(), width * width);
    Coming { book: person.book, token, signer: signer(50), passkey: Passkey::new(51) }
}

async fn step(person: &Person<'_>, token: &str, step: Value) -> Answer {
    person.post("/account/devices/step", &json!({"token": token, "step": step})).await
}

/// The first device signs for the second's key, and sends what both have signed.
async fn signs(person: &Person<'_>, payload: &[u8], sent: &Value, by: &Signer) -> Answer {
    let jws = sent["sign"][0]["jws"].as_str().unwrap();
    let mut envelope = u32::try_from(jws.len()).unwrap().to_be_bytes().to_vec();
    envelope.extend(jws.as_bytes());
    let own = Attachments::parse(&person.passkey.attached(person.book, &envelope)).unwrap();
    let theirs = serde_json::from_value(sent["sign"][0]["assertion"].clone()).unwrap();
    let assertions = List::new(vec![own.assertions.first().unwrap().clone(), theirs]).unwrap();
    envelope.extend(Envelope::sign(Kind::KeyEnrolled, payload, &[by]));
    person.send(&envelope, Some(&Attachments { v: 1, assertions }.to_json())).await
}

/// A second device with a key and a passkey of its own.
pub(crate) async fn added<'b>(person: &Person<'b>) -> Person<'b> {
    let coming = offered(person).await;
    let claim = coming.join().await.expect(201).json()["claim"].as_str().unwrap().to_owned();
    step(person, &coming.token, json!({"nonce": Bytes32([3; 32])})).await.expect(200);
    coming.step(&claim, coming.opening()).await.expect(200);
    step(person, &coming.token, json!("confirm")).await.expect(200);
    let (payload, sent) = coming.enrolment(person);
    coming.step(&claim, sent.clone()).await.expect(200);
    signs(person, &payload, &sent, &person.signer).await.expect(201);
    person.post("/account/devices/finish", &json!({"token": coming.token})).await.expect(200);
    let challenge = challenge_for(person.book, "log_in", "").await;
    let shown = coming.passkey.shown(person.book, &challenge);
    let cookie = cookie_of(&coming.post("/account/log-in", &shown).await.expect(200));
    Person { cookie, passkey: coming.passkey, signer: coming.signer, ..person.clone() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_device_comes_step_by_step() {
    let book = Book::open().await;
    let published = book.publish().await;
    let person = Person::enrolled(&book, "cs-00001", 1).await;
    let coming = offered(&person).await;
    let look = json!({"token": coming.token});
    let looked = coming.post("/account/devices/look", &look).await.expect(200).json();
    assert_eq!(looked, json!({"keys": 1, "known": false}), "a link tells of no company and no person");

    let claim = coming.join().await.expect(201).json()["claim"].as_str().unwrap().to_owned();
    // the link is good once
    assert_eq!(coming.join().await.expect(410).slug(), "gone");
    coming.post("/account/devices/look", &look).await.expect(410);
    // nobody else goes on with it: no other claim, no other account, no session that a code began
    let stranger = Person::joined(&book, "cs-00002", 2).await;
    coming.step(&to_base64url(&[9; 32]), coming.opening()).await.expect(404);
    step(&stranger, &coming.token, json!({"nonce": Bytes32([3; 32])})).await.expect(404);
    coming.post("/account/devices/step", &look).await.expect(401);

    // no step out of order, nor the other's
    for early in [json!("confirm"), json!({"sign": []}), coming.opening()] {
        assert_eq!(step(&person, &coming.token, early).await.expect(409).slug(), "state-conflict");
    }
    coming.step(&claim, coming.opening()).await.expect(409);
    coming.step(&claim, json!({"nonce": Bytes32([3; 32])})).await.expect(409);
    let seen = step(&person, &coming.token, json!({"nonce": Bytes32([3; 32])})).await.expect(200).json();
    assert_eq!(seen["stage"], "challenged");
    // the nonce is said once: what was committed to it cannot be tried against another
    step(&person, &coming.token, json!({"nonce": Bytes32([4; 32])})).await.expect(409);
    let seen = coming.step(&claim, coming.opening()).await.expect(200).json();
    assert_eq!(seen, json!({"stage": "opened"}), "nothing of the person before the digits were compared");
    // what was opened stays, and is confirmed by the first device alone
    coming.step(&claim, coming.opening()).await.expect(409);
    coming.step(&claim, json!("confirm")).await.expect(409);
    let (payload, sent) = coming.enrolment(&person);
    coming.step(&claim, sent.clone()).await.expect(409);
    step(&person, &coming.token, json!("confirm")).await.expect(200);
    let seen = coming.post("/account/devices/step", &json!({"token": coming.token, "claim": claim})).await;
    assert_eq!(seen.expect(200).json()["places"][0]["sub"], "cs-00001");
    coming.step(&claim, sent.clone()).await.expect(200);

    // the account takes nothing that the log has not, and the log nothing that the first key has not signed
    let finish = json!({"token": coming.token});
    assert_eq!(person.post("/account/devices/finish", &finish).await.expect(409).slug(), "state-conflict");
    assert_eq!(coming.logs_in().await, 403);
    signs(&person, &payload, &sent, &signer(66)).await.expect(403);
    signs(&person, &payload, &sent, &book.sandbox.enterprise).await.expect(403);
    signs(&person, &payload, &sent, &person.signer).await.expect(201);
    assert_eq!(stranger.post("/account/devices/finish", &finish).await.expect(404).slug(), "not-found");
    person.post("/account/devices/finish", &finish).await.expect(200);
    person.post("/account/devices/finish", &finish).await.expect(409);
    assert_eq!(coming.logs_in().await, 200);
    let me = person.get("/account/me").await.expect(200).json();
    assert_eq!(
        (me["devices"][0]["name"].as_str(), me["devices"][1]["name"].as_str()),
        (Some("first"), Some("second"))
    );

    // it grants with its own key and passkey
    let challenge = challenge_for(&book, "log_in", "").await;
    let shown = coming.passkey.shown(&book, &challenge);
    let cookie = cookie_of(&coming.post("/account/log-in", &shown).await.expect(200));
    let second =
        Person { cookie, passkey: coming.passkey.clone(), signer: coming.signer.clone(), ..person.clone() };
    second.agrees(person.asked(&published).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_needs_a_fresh_passkey_and_the_account() {
    let book = Book::open().await;
    let person = Person::enrolled(&book, "cs-00001", 1).await;
    from_page(&book, "/account/devices/offer", "", &json!({})).send(book.address).await.expect(401);
    // a newer link takes the place of an older one
    let (older, newer) = (offered(&person).await, offered(&person).await);
    older.join().await.expect(404);
    // a session of another account joins nothing
    let stranger = Person::joined(&book, "cs-00002", 2).await;
    let body = json!({"token": newer.token, "name": "theirs", "commitment": Bytes32([1; 32])});
    assert_eq!(stranger.post("/account/devices/join", &body).await.expect(403).slug(), "bad-signature");
    from_page(&book, "/account/devices/join", "", &body).send(book.address).await.expect(401);
    for name in [json!(""), json!("a\u{202e}b"), json!("x".repeat(121)), json!(7)] {
        let body = json!({"token": newer.token, "name": name, "commitment": Bytes32([1; 32])});
        person.post("/account/devices/join", &body).await.expect(400);
    }
    // another session of the account joins, by a passkey that is on both
    person.post("/account/devices/join", &body).await.expect(201);
    for (token, status) in [(to_base64url(&[1; 32]), 404), ("short".to_owned(), 404)] {
        person.post("/account/devices/look", &json!({"token": token})).await.expect(status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_device_signs_and_logs_in_no_more() {
    let book = Book::open().await;
    let published = book.publish().await;
    let first = Person::enrolled(&book, "cs-00001", 1).await;
    let second = added(&first).await;
    let request = first.asked(&published).await;
    let (_, prepared) = first.prepared(&format!("/my/requests/{request}/agree"), "").await;
    let me = second.get("/account/me").await.expect(200).json();
    let id = me["devices"][0]["id"].as_str().unwrap().to_owned();

    // a stranger knows of none of these
    let stranger = Person::joined(&book, "cs-00002", 2).await;
    stranger.post("/account/devices/end", &json!({"device": id})).await.expect(404);
    // the other's key is ended by the second's
    let event = KeyRevoked { sub: first.sub.clone(), key: first.signer.thumbprint() };
    let payload = Claims::new(first.tenant, jti(), event).to_json();
    for (by, status) in [(&book.sandbox.enterprise, 403), (&signer(66), 403), (&second.signer, 201)] {
        second.send(&Envelope::sign(Kind::KeyRevoked, &payload, &[by]), None).await.expect(status);
    }
    let ended = second.post("/account/devices/end", &json!({"device": id})).await.expect(200).json();
    assert_eq!(ended, json!({"left": [], "logged_out": false}));

    first.get("/account/me").await.expect(401);
    let challenge = challenge_for(&book, "log_in", "").await;
    let shown = first.passkey.shown(&book, &challenge);
    from_page(&book, "/account/log-in", "", &shown).send(book.address).await.expect(403);
    let envelope = signed_by(&prepared, &first.signer);
    let attachment = first.passkey.attached(&book, &envelope);
    assert_eq!(first.send(&envelope, Some(&attachment)).await.expect(403).slug(), "bad-signature");
    second.agrees(request).await;

    // the last one goes when its owner knows that it is the last
    let me = second.get("/account/me").await.expect(200).json();
    let [only] = me["devices"].as_array().unwrap().as_slice() else { panic!("one device: {me}") };
    let body = json!({"device": only["id"]});
    assert_eq!(second.post("/account/devices/end", &body).await.expect(409).slug(), "state-conflict");
    second.get("/account/me").await.expect(200);
    let body = json!({"device": only["id"], "last": true});
    let ended = second.post("/account/devices/end", &body).await.expect(200).json();
    // its key was not revoked, which is said
    assert_eq!(ended["left"][0]["key"], json!(second.signer.thumbprint()));
    assert_eq!(ended["logged_out"], true);
    second.get("/account/me").await.expect(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_is_named_by_its_owner() {
    let book = Book::open().await;
    let person = Person::enrolled(&book, "cs-00001", 1).await;
    let me = person.get("/account/me").await.expect(200).json();
    let path = format!("/my/account/devices/{}/name", me["devices"][0]["id"].as_str().unwrap());
    let token = person.form_token().await;
    person.form(&path, &token, "&name=%E5%AE%B6%E9%87%8C%3Cb%3E").await.expect(303);
    let page = person.get("/my/account").await.expect(200);
    assert!(page.text().contains("家里&#60;b&#62;"), "{}", page.text());
    for bad in ["", "&name=", "&name=a%0Ab", "&name=a%E2%80%AEb"] {
        person.form(&path, &token, bad).await.expect(400);
    }
    person.form(&path, "AAAA", "&name=x").await.expect(403);
    let stranger = Person::joined(&book, "cs-00002", 2).await;
    stranger.form(&path, &stranger.form_token().await, "&name=x").await.expect(404);
}
