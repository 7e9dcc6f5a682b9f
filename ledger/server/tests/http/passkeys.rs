//! Attacks on passkeys at the portal's door: made elsewhere, for others, by nobody, twice, by a copy.

use grantbook_record::encoding::{from_base64url, to_base64url};
use serde_json::{Value, json};

use crate::book::Book;
use crate::client::Answer;
use crate::person::{Passkey, Person, challenge_for, code, cookie_of, from_page, invited};

async fn log_in(book: &Book, shown: &Value) -> Answer {
    from_page(book, "/account/log-in", "", shown).send(book.address).await
}

async fn shown(book: &Book, passkey: &Passkey) -> Value {
    passkey.shown(book, &challenge_for(book, "log_in", "").await)
}

fn lying(passkey: &Passkey, change: impl Fn(&mut Passkey)) -> Passkey {
    let mut passkey = passkey.clone();
    change(&mut passkey);
    passkey
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_of_another_relying_party_opens_nothing() {
    let book = Book::open().await;
    let person = Person::joined(&book, "cs-00001", 1).await;
    for rp_id in ["evil.example", "localhost.evil.example", "LOCALHOST", "", "127.0.0.1"] {
        let foreign = lying(&person.passkey, |passkey| passkey.rp_id = rp_id);
        let refused = log_in(&book, &shown(&book, &foreign).await).await.expect(403);
        assert_eq!(refused.slug(), "bad-signature", "{rp_id}");
        let challenge = challenge_for(&book, "step_up", &person.cookie).await;
        let stepped = person.post("/account/step-up", &foreign.shown(&book, &challenge)).await.expect(403);
        assert_eq!(stepped.slug(), "bad-signature", "{rp_id}");
    }
    log_in(&book, &shown(&book, &person.passkey).await).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_account_is_made_with_a_passkey_of_elsewhere() {
    let book = Book::open().await;
    let invitation = invited(&book, &book.sandbox.token, &json!({"data_subject": "cs-00001"})).await;
    let register = async |passkey: &Passkey, purpose: &str| {
        let made = passkey.made(&book, &challenge_for(&book, purpose, "").await);
        let body = json!({"passkey": made, "code": code(1), "invitation": invitation});
        from_page(&book, "/account/register", "", &body).send(book.address).await
    };
    let good = Passkey::new(1);
    for (name, passkey) in [
        ("another relying party", lying(&good, |passkey| passkey.rp_id = "evil.example")),
        ("another origin", lying(&good, |passkey| passkey.origin = Some("https://evil.example".to_owned()))),
        ("nobody verified", lying(&good, |passkey| passkey.flags = 0x01)),
        ("nobody present", lying(&good, |passkey| passkey.flags = 0x04)),
    ] {
        assert_eq!(register(&passkey, "register").await.expect(400).slug(), "malformed-request", "{name}");
    }
    assert_eq!(register(&good, "log_in").await.expect(410).slug(), "gone", "a challenge of another purpose");
    register(&good, "register").await.expect(201);
}

/// Web Authentication Level 2, section 7.2, step 21: a counter that does not rise is a sign of a copy.
#[tokio::test(flavor = "multi_thread")]
async fn a_counter_that_does_not_rise_logs_nobody_in() {
    let book = Book::open().await;
    let person = Person::joined(&book, "cs-00001", 1).await;
    let at = async |counter: u32| {
        let passkey = lying(&person.passkey, |passkey| passkey.counter = counter);
        log_in(&book, &shown(&book, &passkey).await).await.status.as_u16()
    };
    // one that counts nothing may say 0 for ever, as those do that are synchronised
    assert_eq!((at(0).await, at(0).await), (200, 200));
    assert_eq!((at(7).await, at(9).await), (200, 200));
    for (name, counter) in [("the same again", 9), ("one from before", 8), ("no longer counting", 0)] {
        assert_eq!(at(counter).await, 403, "{name}");
    }
    // what was refused has moved nothing
    assert_eq!((at(10).await, at(u32::MAX).await, at(u32::MAX).await), (200, 200, 403));

    // a step-up counts, too
    let other = Person::joined(&book, "cs-00002", 2).await;
    let step = async |cookie: &str, counter: u32| {
        let passkey = lying(&other.passkey, |passkey| passkey.counter = counter);
        let shown = passkey.shown(&book, &challenge_for(&book, "step_up", cookie).await);
        from_page(&book, "/account/step-up", cookie, &shown).send(book.address).await
    };
    let cookie = cookie_of(&step(&other.cookie, 5).await.expect(200));
    assert_eq!(step(&cookie, 5).await.expect(403).slug(), "bad-signature");
    let copy = lying(&other.passkey, |passkey| passkey.counter = 4);
    log_in(&book, &shown(&book, &copy).await).await.expect(403);
    step(&cookie, 6).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assertion_is_its_owners_alone() {
    let book = Book::open().await;
    let person = Person::joined(&book, "cs-00001", 1).await;
    let other = Person::joined(&book, "cs-00002", 2).await;
    // the other's assertion under this one's credential, and the other way round
    let theirs = shown(&book, &other.passkey).await;
    let mut swapped = theirs.clone();
    swapped["credential"] = json!(to_base64url(&person.passkey.id));
    assert_eq!(log_in(&book, &swapped).await.expect(403).slug(), "bad-signature");
    // one's own parts put together of two: each is signed with the other
    let (one, two) = (shown(&book, &person.passkey).await, shown(&book, &person.passkey).await);
    let mut mixed = one.clone();
    mixed["client_data"] = two["client_data"].clone();
    assert_eq!(log_in(&book, &mixed).await.expect(403).slug(), "bad-signature");
    // a bit of what is signed: here the flag that the user was verified, set after the fact
    let mut unverified = shown(&book, &lying(&person.passkey, |passkey| passkey.flags = 0x01)).await;
    let mut data = from_base64url(unverified["authenticator_data"].as_str().unwrap()).unwrap();
    data[32] |= 0x04;
    unverified["authenticator_data"] = json!(to_base64url(&data));
    assert_eq!(log_in(&book, &unverified).await.expect(403).slug(), "bad-signature");
    // refused as it was, it is good for its owner, who gets a session of one's own account, once
    let cookie = cookie_of(&log_in(&book, &theirs).await.expect(200));
    let me = crate::client::Call::get("/account/me").header("cookie", cookie).send(book.address).await;
    assert_eq!(me.expect(200).json()["memberships"][0]["sub"], "cs-00002");
    assert_eq!(log_in(&book, &theirs).await.expect(410).slug(), "gone", "replayed");
}

/// A session that an attacker planted in the browser is not raised by the owner's step-up, nor survives it.
#[tokio::test(flavor = "multi_thread")]
async fn a_step_up_raises_no_session_that_others_know() {
    let book = Book::open().await;
    let person = Person::joined(&book, "cs-00001", 1).await;
    let thief = Person::joined(&book, "cs-00002", 2).await;
    // the owner's browser holds the thief's cookie: the owner's passkey is of another account
    let challenge = challenge_for(&book, "step_up", &thief.cookie).await;
    let owners = person.passkey.shown(&book, &challenge);
    assert_eq!(thief.post("/account/step-up", &owners).await.expect(403).slug(), "bad-signature");
    // it logs in instead: the planted session ends, and the new one nobody has seen
    let challenge = challenge_for(&book, "log_in", &thief.cookie).await;
    let shown = person.passkey.shown(&book, &challenge);
    let cookie = cookie_of(&thief.post("/account/log-in", &shown).await.expect(200));
    assert_ne!(cookie, thief.cookie);
    thief.get("/account/me").await.expect(401);
}
