//! Several people for one customer: who is let in, whose signatures are collected, and what nobody can do alone.

use grantbook_record::attachment::Attachments;
use grantbook_record::encoding::{from_base64url, to_base64url};
use grantbook_record::event::{Claims, Evidence, GrantGiven, GuardianNamed, KeyEnrolled, SignatoriesAgreed};
use grantbook_record::list::List;
use grantbook_record::{DataDay, Envelope, Jti, Kind, Signer, SubjectId, TenantId};
use serde_json::{Value, json};

use crate::book::{Book, jti, now, signer};
use crate::client::Answer;
use crate::person::{Passkey, Person, challenge_for, code, cookie_of, from_page, invited, signed_by};

const BORN: &str = "2015-03-01";

/// The token of a link by which somebody comes who signs beside this person.
pub(crate) async fn invitation(person: &Person<'_>) -> String {
    let body = json!({"tenant": person.tenant, "name": "Ann"});
    let made = person.post("/account/signers/invite", &body).await.expect(201).json();
    made["url"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
}

/// Somebody with an account of their own who has opened the link and knows for whom it is.
async fn opens<'b>(book: &'b Book, token: &str, seed: u8) -> Person<'b> {
    let passkey = Passkey::new(seed);
    let made = passkey.made(book, &challenge_for(book, "register", "").await);
    let body = json!({"passkey": made, "code": code(seed), "invitation": token});
    let cookie =
        cookie_of(&from_page(book, "/account/register", "", &body).send(book.address).await.expect(201));
    let joined = from_page(book, "/account/join", &cookie, &json!({"invitation": token}));
    let joined = joined.send(book.address).await.expect(200).json();
    let sub = SubjectId::parse(joined["sub"].as_str().unwrap()).unwrap();
    let tenant = TenantId::parse(joined["tenant"].as_str().unwrap()).unwrap();
    Person { book, cookie, passkey, signer: signer(seed), tenant, sub, code: seed }
}

fn envelope<T: serde::Serialize>(person: &Person<'_>, kind: Kind, event: T, signers: &[&Signer]) -> Vec<u8> {
    Envelope::sign(kind, &Claims::new(person.tenant, jti(), event).to_json(), signers)
}

/// The enrolment of their key, which somebody else must vouch for.
fn enrolment(person: &Person<'_>) -> Vec<u8> {
    let (sub, key) = (person.sub.clone(), *person.signer.public_key());
    let event = KeyEnrolled { sub, key, evidence: Evidence::EnrolledKey, recovery: None };
    envelope(person, Kind::KeyEnrolled, event, &[&person.signer])
}

async fn begins(person: &Person<'_>, envelope: &[u8], invitation: Option<&str>) -> Answer {
    begins_as(person, envelope, invitation, ["Bo", "Mia"]).await
}

/// The same of somebody with this name, and one for the minor.
async fn begins_as(
    person: &Person<'_>,
    envelope: &[u8],
    invitation: Option<&str>,
    [name, ward]: [&str; 2],
) -> Answer {
    let attachment = person.passkey.attached(person.book, envelope);
    let mut body = json!({"envelope": to_base64url(envelope), "attachment": to_base64url(&attachment)});
    if let Some(invitation) = invitation {
        let device = json!({"name": "first", "keys": []});
        body["invited"] = json!({"invitation": invitation, "device": device, "name": name, "ward": ward});
    }
    person.post("/account/cosign", &body).await
}

/// Somebody who has come by a link and waits to be vouched for; the id under which that waits.
pub(crate) async fn comes<'b>(book: &'b Book, token: &str, seed: u8) -> (Person<'b>, String) {
    comes_as(book, token, seed, "Bo").await
}

/// The same of somebody with this name.
pub(crate) async fn comes_as<'b>(book: &'b Book, token: &str, seed: u8, name: &str) -> (Person<'b>, String) {
    let person = opens(book, token, seed).await;
    let came = begins_as(&person, &enrolment(&person), Some(token), [name, "Mia"]).await.expect(202).json();
    assert_eq!((&came["lacking"], &came["more"]), (&json!("own_key"), &json!(1)));
    (person, came["id"].as_str().unwrap().to_owned())
}

/// A signature over what waits, with the passkey's assertion over the first one.
pub(crate) async fn signs(person: &Person<'_>, id: &str, assert: bool) -> Answer {
    let waiting = person.get(&format!("/account/cosign/{id}")).await.expect(200).json();
    let mut body = json!({"envelope": to_base64url(&signed_by(&waiting, &person.signer))});
    if assert {
        let first = waiting["first"].as_str().unwrap();
        let framed = [&u32::try_from(first.len()).unwrap().to_be_bytes(), first.as_bytes()].concat();
        let attached = Attachments::parse(&person.passkey.attached(person.book, &framed)).unwrap();
        body["assertion"] = json!(attached.assertions.first().unwrap());
    }
    person.post(&format!("/account/cosign/{id}/sign"), &body).await
}

/// Two people of whom either may sign.
async fn pair(book: &Book) -> (Person<'_>, Person<'_>) {
    let ann = Person::enrolled(book, "fleet-1", 1).await;
    let (bo, id) = comes(book, &invitation(&ann).await, 2).await;
    signs(&ann, &id, true).await.expect(201);
    (ann, bo)
}

/// Has it that all of them must sign.
async fn all_of(people: &[&Person<'_>]) {
    let (first, needed) = (people[0], u8::try_from(people.len()).unwrap());
    let keys = List::new(people.iter().map(|person| person.signer.thumbprint()).collect()).unwrap();
    let event = SignatoriesAgreed { sub: first.sub.clone(), keys, needed };
    let agreed = envelope(first, Kind::SignatoriesAgreed, event, &[&first.signer]);
    first.send(&agreed, None).await.expect(201);
}

/// Two people who both must sign.
async fn both(book: &Book) -> (Person<'_>, Person<'_>) {
    let (ann, bo) = pair(book).await;
    all_of(&[&ann, &bo]).await;
    (ann, bo)
}

/// What the form of a request prepares, signed by one.
async fn agreed(person: &Person<'_>, request: Jti) -> Vec<u8> {
    let (_, prepared) = person.prepared(&format!("/my/requests/{request}/agree"), "").await;
    assert_eq!(prepared["several"], true);
    signed_by(&prepared, &person.signer)
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_acts_for_a_customer_before_somebody_vouches() {
    let book = Book::open().await;
    let ann = Person::enrolled(&book, "fleet-1", 1).await;
    let link = invitation(&ann).await;
    let (bo, id) = comes(&book, &link, 2).await;
    let me = bo.get("/account/me").await.expect(200).json();
    assert_eq!(me["memberships"], json!([]));
    for path in [format!("/account/cosign/{id}"), format!("/my/account/data/{}/archive", bo.tenant)] {
        bo.get(&path).await.expect(404);
    }
    let token = bo.form_token().await;
    bo.form(&format!("/my/signatures/{id}/drop"), &token, "").await.expect(404);
    let first = begins(&bo, &enrolment(&bo), None).await.expect(404);
    assert_eq!(first.slug(), "not-found", "without the invitation");
    // the link was for one account
    let other = Person::joined(&book, "cs-00002", 3).await;
    other.post("/account/join", &json!({"invitation": link})).await.expect(410);
    begins(&other, &enrolment(&bo), Some(&link)).await.expect(410);
    // nobody else vouches, and no signature of whoever comes does
    other.get(&format!("/account/cosign/{id}")).await.expect(404);
    signs(&ann, &id, true).await.expect(201);
    let known = book.ledger.customer(book.tenant(), &ann.sub).unwrap();
    assert!(known.signing_key(&bo.signer.thumbprint()).is_some());
    assert_eq!(bo.get("/account/me").await.expect(200).json()["memberships"][0]["sub"], "fleet-1");
    assert!(ann.get("/my/account/signers").await.expect(200).text().contains("Bo"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_brings_the_key_that_it_is_for_and_nothing_else() {
    let book = Book::open().await;
    let ann = Person::enrolled(&book, "fleet-1", 1).await;
    let link = invitation(&ann).await;
    let bo = opens(&book, &link, 2).await;
    let key = *bo.signer.public_key();
    let enrolled = |sub: &str, evidence, recovery: bool| {
        let recovery = recovery.then(|| signer(9).thumbprint());
        KeyEnrolled { sub: SubjectId::parse(sub).unwrap(), key, evidence, recovery }
    };
    let sign = |event, signers: &[&Signer]| envelope(&bo, Kind::KeyEnrolled, event, signers);
    let guardian = GuardianNamed {
        sub: ann.sub.clone(),
        key,
        evidence: Evidence::Enterprise,
        birth_day: 42_062,
        until: DataDay::parse("2033-03-01").unwrap(),
    };
    for (name, refused) in [
        ("another customer", sign(enrolled("fleet-2", Evidence::EnrolledKey, false), &[&bo.signer])),
        ("the enterprise's word", sign(enrolled("fleet-1", Evidence::Enterprise, false), &[&bo.signer])),
        ("a recovery key", sign(enrolled("fleet-1", Evidence::EnrolledKey, true), &[&bo.signer])),
        ("another's signature", sign(enrolled("fleet-1", Evidence::EnrolledKey, false), &[&signer(9)])),
        (
            "two signatures",
            sign(enrolled("fleet-1", Evidence::EnrolledKey, false), &[&bo.signer, &signer(9)]),
        ),
        ("a guardian", envelope(&bo, Kind::GuardianNamed, guardian, &[&bo.signer])),
    ] {
        let slug = begins(&bo, &refused, Some(&link)).await.expect(400).slug();
        assert_eq!(slug, "malformed-request", "{name}");
    }
    begins(&bo, &enrolment(&bo), Some(&link)).await.expect(202);
    // a link is made by who has shown a passkey, for the own customer, of age
    let other = Person::joined(&book, "cs-00002", 3).await;
    let asked = |tenant: &str| json!({"tenant": tenant, "name": "Ann"});
    let tenant = book.tenant().to_string();
    other.post("/account/signers/invite", &asked(&tenant)).await.expect(409);
    let elsewhere = "00000000-0000-4000-8000-000000000000";
    ann.post("/account/signers/invite", &asked(elsewhere)).await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_sign_and_one_does_nothing_that_widens() {
    let book = Book::open().await;
    let published = book.publish().await;
    let (ann, bo) = both(&book).await;
    let known = || book.ledger.customer(book.tenant(), &ann.sub).unwrap();
    let first = agreed(&ann, ann.asked(&published).await).await;
    let attached = ann.passkey.attached(&book, &first);
    assert_eq!(ann.send(&first, Some(&attached)).await.expect(422).slug(), "refused");
    let came = begins(&ann, &first, None).await.expect(202).json();
    assert_eq!((&came["lacking"], &came["more"]), (&json!("signatories"), &json!(1)));
    let id = came["id"].as_str().unwrap();

    // the same person again is not a second one, and nobody else's signature counts
    assert!(signs(&ann, id, false).await.status.as_u16() != 201);
    let stranger = Person { signer: signer(9), ..bo.clone() };
    signs(&stranger, id, false).await.expect(403);
    // what is signed is what the first has signed
    let other = agreed(&bo, bo.asked(&published).await).await;
    let swapped = json!({"envelope": to_base64url(&other)});
    bo.post(&format!("/account/cosign/{id}/sign"), &swapped).await.expect(400);
    assert!(known().grants.is_empty());

    assert!(bo.get("/my").await.expect(200).text().contains(&format!("/sign/#cosign={id}")));
    let told = bo.get("/my/notifications").await.expect(200).text().to_owned();
    assert!(told.contains("waits for your signature"), "{told}");
    signs(&bo, id, true).await.expect(201);
    assert_eq!(known().grants.len(), 1);
    bo.get(&format!("/account/cosign/{id}")).await.expect(404);

    // one alone stops, and erases nothing that two have signed
    let token = bo.form_token().await;
    let path = format!("/my/account/data/{}/erase", book.tenant());
    assert_eq!(bo.form(&path, &token, "").await.expect(409).slug(), "state-conflict");
    let grant = known().grants[0].id;
    bo.form(&format!("/my/grants/{grant}/stop"), &token, "").await.expect(303);
    assert!(known().grants[0].status.is_ended());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_signature_is_lost_where_two_sign_at_one_moment() {
    let book = Book::open().await;
    let published = book.publish().await;
    let (ann, bo) = pair(&book).await;
    let (cai, id) = comes_as(&book, &invitation(&ann).await, 3, "Cai").await;
    signs(&ann, &id, true).await.expect(201);
    all_of(&[&ann, &bo, &cai]).await;
    for grants in 1..=8 {
        let first = agreed(&ann, ann.asked(&published).await).await;
        let id = begins(&ann, &first, None).await.expect(202).json()["id"].as_str().unwrap().to_owned();
        let answers = tokio::join!(signs(&bo, &id, true), signs(&cai, &id, false));
        let statuses = [answers.0.status.as_u16(), answers.1.status.as_u16()];
        for ((person, assert), status) in [(&bo, true), (&cai, false)].into_iter().zip(statuses) {
            match status {
                201 | 202 => {}
                // the other was first: what waits has one signature more
                409 => drop(signs(person, &id, assert).await.expect(201)),
                other => panic!("{other}: {statuses:?}"),
            }
        }
        let known = book.ledger.customer(book.tenant(), &ann.sub).unwrap();
        assert_eq!(known.grants.len(), grants, "{statuses:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_counts_people_and_not_keys() {
    let book = Book::open().await;
    let (ann, bo) = pair(&book).await;
    let path = format!("/my/account/signers/{}", book.tenant());
    let token = ann.form_token().await;
    let [hers, his] = [&ann, &bo].map(|person| person.signer.thumbprint());
    for (name, form) in [
        ("nobody", "&needed=1".to_owned()),
        ("more than there are", format!("&needed=2&key={hers}")),
        ("none of them", format!("&needed=0&key={hers}")),
        ("four", format!("&needed=4&key={hers}&key={his}")),
        ("no key", "&needed=1&key=x".to_owned()),
        ("nobody's key", format!("&needed=1&key={}", signer(9).thumbprint())),
    ] {
        assert_eq!(ann.form(&path, &token, &form).await.expect(400).slug(), "malformed-request", "{name}");
    }
    let form = format!("&needed=2&key={hers}&key={his}");
    let (_, prepared) = ann.prepared(&path, &form).await;
    assert_eq!(prepared["kind"], "signatories.agreed");
    // a second device's key is the same person's
    let second = crate::devices::added(&ann).await;
    let form = format!("&needed=2&key={hers}&key={}", second.signer.thumbprint());
    let refused = ann.form(&path, &token, &form).await.expect(400);
    assert!(refused.text().contains("one key of each person"), "{}", refused.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guardian_comes_with_the_minors_signature_and_grants_until_the_day() {
    let book = Book::open().await;
    let published = book.publish().await;
    let child = Person::enrolled(&book, "cs-00001", 1).await;
    let body = json!({"data_subject": "cs-00001", "guardian": {"birth_day": BORN}});
    let link = invited(&book, &book.sandbox.token, &body).await;
    let mother = opens(&book, &link, 2).await;
    let named = |birth_day: u32, until: &str| {
        let event = GuardianNamed {
            sub: mother.sub.clone(),
            key: *mother.signer.public_key(),
            evidence: Evidence::Enterprise,
            birth_day,
            until: DataDay::parse(until).unwrap(),
        };
        envelope(&mother, Kind::GuardianNamed, event, &[&mother.signer])
    };
    // 2015-03-01 is so many days after 1900-01-01
    let born = 42_062;
    begins(&mother, &named(born + 1, "2033-03-01"), Some(&link)).await.expect(400);
    begins(&mother, &named(born, "2035-03-01"), Some(&link)).await.expect(400);
    begins(&mother, &enrolment(&mother), Some(&link)).await.expect(400);
    let came = begins(&mother, &named(born, "2033-03-01"), Some(&link)).await.expect(202).json();
    assert_eq!(came["lacking"], "own_key");
    let known = || book.ledger.customer(book.tenant(), &child.sub).unwrap();
    assert!(!known().has_guardian());
    signs(&child, came["id"].as_str().unwrap(), false).await.expect(201);
    assert!(known().has_guardian());

    // the minor's waits for the guardian, who sees whose it is
    let first = agreed(&child, child.asked(&published).await).await;
    let came = begins(&child, &first, None).await.expect(202).json();
    assert_eq!(came["lacking"], "guardian");
    assert!(mother.get("/my").await.expect(200).text().contains("Mia"));
    signs(&mother, came["id"].as_str().unwrap(), false).await.expect(201);
    // her own is enough, with her own passkey
    let alone = agreed(&mother, mother.asked(&published).await).await;
    assert_eq!(begins(&mother, &alone, None).await.expect(201).json()["state"], "signed");
    assert_eq!(known().grants.len(), 2);
    // what is the child's to take along or to erase is not hers
    mother.get(&format!("/my/account/data/{}/archive", book.tenant())).await.expect(404);
    let token = mother.form_token().await;
    mother.form(&format!("/my/account/data/{}/erase", book.tenant()), &token, "").await.expect(404);
    // nobody signs beside a minor but guardians
    let asked = json!({"tenant": book.tenant(), "name": "Cai"});
    child.post("/account/signers/invite", &asked).await.expect(409);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guardian_may_come_before_the_minor_has_a_key() {
    let book = Book::open().await;
    let published = book.publish().await;
    let body = json!({"data_subject": "cs-00001", "guardian": {"birth_day": BORN}});
    let link = invited(&book, &book.sandbox.token, &body).await;
    let mother = opens(&book, &link, 2).await;
    let event = GuardianNamed {
        sub: mother.sub.clone(),
        key: *mother.signer.public_key(),
        evidence: Evidence::Enterprise,
        birth_day: 42_062,
        until: DataDay::parse("2033-03-01").unwrap(),
    };
    let named = envelope(&mother, Kind::GuardianNamed, event, &[&mother.signer]);
    assert_eq!(begins(&mother, &named, Some(&link)).await.expect(201).json()["state"], "signed");
    let alone = agreed(&mother, mother.asked(&published).await).await;
    begins(&mother, &alone, None).await.expect(201);
    // the first key of the minor's own comes as any first key does
    let child = Person::enrolled(&book, "cs-00001", 1).await;
    let known = book.ledger.customer(book.tenant(), &child.sub).unwrap();
    assert!(known.is_own(&child.signer.thumbprint()) && known.has_guardian());
    let first = agreed(&child, child.asked(&published).await).await;
    let came = begins(&child, &first, None).await.expect(202).json();
    signs(&mother, came["id"].as_str().unwrap(), false).await.expect(201);
    assert_eq!(book.ledger.customer(book.tenant(), &child.sub).unwrap().grants.len(), 2);
    // nobody else becomes either of them
    let body = json!({"data_subject": "cs-00001"});
    let again = crate::client::Call::post("/v1/invitations").token(&book.sandbox.token).json(&body);
    again.send(book.address).await.expect(409);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_nobodys_but_theirs_and_not_for_ever() {
    let book = Book::open().await;
    let published = book.publish().await;
    let (ann, bo) = both(&book).await;
    let request = ann.asked(&published).await;
    let id = begins(&ann, &agreed(&ann, request).await, None).await.expect(202).json()["id"].clone();
    let id = id.as_str().unwrap();
    let other = Person::enrolled(&book, "cs-00002", 3).await;
    other.get(&format!("/account/cosign/{id}")).await.expect(404);
    other.post(&format!("/account/cosign/{id}/sign"), &json!({"envelope": "AAAA"})).await.expect(404);
    let path = format!("/my/signatures/{id}/drop");
    other.form(&path, &other.form_token().await, "").await.expect(404);
    bo.form(&path, &other.form_token().await, "").await.expect(403);
    // a grant for somebody else is begun by nobody
    let terms = published.terms(&json!({"uses": 10}));
    let given = GrantGiven { sub: ann.sub.clone(), terms, request: None, birth_day: None, mandate: None };
    let foreign = envelope(&ann, Kind::GrantGiven, given, &[&ann.signer]);
    begins(&other, &foreign, None).await.expect(404);
    // either drops what waits
    bo.form(&path, &bo.form_token().await, "").await.expect(303);
    ann.get(&format!("/account/cosign/{id}")).await.expect(404);
    // and it says until when it may be sent in
    let (_, prepared) = ann.prepared(&format!("/my/requests/{request}/agree"), "").await;
    let payload = from_base64url(prepared["payload"].as_str().unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&payload).unwrap();
    let week = 7 * 86_400;
    assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), week);
    assert!(claims["exp"].as_u64().unwrap() > now().seconds().0);
    // a store is not filled with them
    let mut last = 202;
    for _ in 0..17 {
        let answer = begins(&ann, &agreed(&ann, request).await, None).await;
        last = answer.status.as_u16();
    }
    assert_eq!(last, 429);
}
