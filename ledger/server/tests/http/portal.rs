//! The portal over HTTP: what a session is, what it can do, and what it cannot.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use grantbook_plan::Status;
use grantbook_record::encoding::{Bytes32, from_base64url, to_base64url};
use grantbook_record::event::{Channel, Event, Evidence};
use grantbook_record::receipt::VerifiedContent;
use grantbook_record::{Envelope, Jti, Kind};
use grantbook_server::archive_page;
use grantbook_tlog::LeafIndex;
use serde_json::{Value, json};

use crate::book::{Book, facts, signer};
use crate::client::Call;
use crate::person::{Passkey, Person, challenge_for, code, cookie_of, from_page, invited, origin, signed_by};

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_comes_in_agrees_and_stops() {
    let book = Book::open().await;
    let published = book.publish().await;
    let person = Person::enrolled(&book, "cs-00001", 1).await;
    let known = book.ledger.customer(book.tenant(), &person.sub).unwrap();
    assert_eq!(known.keys.len(), 1);
    assert_eq!(
        book.ledger.passkeys(book.tenant(), &person.sub).unwrap(),
        [person.passkey.public().thumbprint()]
    );

    let request = person.asked(&published).await;
    let grant = person.agrees(request).await;
    let asked = Call::post("/access/v1/evaluation").token(&book.service_token);
    let evaluated = async |id: &str| {
        let asked = asked.clone().json(&crate::book::evaluation(&facts("cs-00001", 2), id));
        asked.send(book.address).await.expect(200).json()["decision"].clone()
    };
    assert_eq!(evaluated("use-1").await, true);

    // without any key, at once, and as often as the finger slips
    let token = person.form_token().await;
    for _ in 0..2 {
        let stopped =
            person.form(&format!("/my/grants/{grant}/stop"), &token, "&delete=now").await.expect(303);
        assert_eq!(stopped.header("location"), format!("/my/grants/{grant}/stopped"));
    }
    assert_eq!(evaluated("use-2").await, false);
    let known = book.ledger.customer(book.tenant(), &person.sub).unwrap();
    assert_eq!(known.grant(&grant).unwrap().status, Status::Withdrawn);
    let leaf = LeafIndex(book.size_root().0.0 - 1);
    let leaves = (0..=leaf.0).rev().filter_map(|leaf| {
        let receipt = book.ledger.receipt(book.tenant(), LeafIndex(leaf)).ok()?;
        match receipt.verify(book.ledger.log_keys()).ok()?.content {
            VerifiedContent::Event { claims, keys } => Some((claims.event, keys)),
            VerifiedContent::Use { .. } => None,
        }
    });
    let withdrawals: Vec<_> = leaves.filter(|(event, _)| event.kind() == Kind::GrantWithdrawn).collect();
    let [(Event::GrantWithdrawn(withdrawn), keys)] = withdrawals.as_slice() else { panic!("one withdrawal") };
    assert_eq!(withdrawn.channel, Some(Channel::Session));
    assert_eq!(keys[..], [book.ledger.operator_key()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_without_the_customers_key_makes_no_grant() {
    let book = Book::open().await;
    let published = book.publish().await;
    let person = Person::enrolled(&book, "cs-00001", 1).await;
    let request = person.asked(&published).await;
    let (_, prepared) = person.prepared(&format!("/my/requests/{request}/agree"), "").await;
    let thief = signer(66);
    // with the session and the passkey, but another key
    let forged = signed_by(&prepared, &thief);
    let attachment = person.passkey.attached(&book, &forged);
    assert_eq!(person.send(&forged, Some(&attachment)).await.expect(403).slug(), "bad-signature");
    // with the enterprise's key, which the operator of a sandbox has
    let forged = signed_by(&prepared, &book.sandbox.enterprise);
    assert_eq!(person.send(&forged, None).await.expect(403).slug(), "bad-signature");
    // with a key of the thief's, for which nobody vouches twice
    let thief = Person {
        signer: signer(66),
        passkey: person.passkey.clone(),
        sub: person.sub.clone(),
        cookie: person.cookie.clone(),
        ..Person::joined(&book, "cs-00002", 2).await
    };
    for (evidence, status) in
        [(Evidence::Enterprise, 409), (Evidence::OperatorsWord, 400), (Evidence::EnrolledKey, 400)]
    {
        thief.enrol(&thief.enrolment(evidence)).await.expect(status);
    }
    // with the key, but without the passkey
    let envelope = signed_by(&prepared, &person.signer);
    assert_eq!(person.send(&envelope, None).await.expect(403).slug(), "passkey-required");
    let other = Passkey::new(9).attached(&book, &envelope);
    assert_eq!(person.send(&envelope, Some(&other)).await.expect(422).slug(), "refused");
    assert!(book.ledger.customer(book.tenant(), &person.sub).unwrap().grants.is_empty());
    let attachment = person.passkey.attached(&book, &envelope);
    person.send(&envelope, Some(&attachment)).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn narrowing_leaves_less_and_never_more() {
    let book = Book::open().await;
    let published = book.publish().await;
    let person = Person::enrolled(&book, "cs-00001", 1).await;
    let request = person.asked(&published).await;
    let path = format!("/my/requests/{request}/agree");
    let terms = async |more: &str| {
        let (_, prepared) = person.prepared(&path, more).await;
        let payload = from_base64url(prepared["payload"].as_str().unwrap()).unwrap();
        let Event::GrantGiven(given) = Event::parse(Kind::GrantGiven, &payload).unwrap().event else {
            panic!("a grant")
        };
        given.terms
    };
    let asked = published.terms(&json!({"uses": 10}));
    let fewer = terms("&uses=3&days=2&without=purchases%2Fproduct").await;
    assert_eq!(fewer.limits.uses.unwrap().get(), 3);
    assert_eq!(fewer.validity.end().0, asked.validity.start().0 + 2 * 86_400);
    assert_eq!(fewer.scope.exclude.len(), asked.scope.exclude.len() + 1);
    let more = terms("&uses=1000&days=9999").await;
    assert_eq!((more.limits.uses, more.validity), (asked.limits.uses, asked.validity));
    let token = person.form_token().await;
    for nothing in ["&without=purchases", "&without=contact", "&days=0", "&uses=0", "&uses=many"] {
        assert_eq!(
            person.form(&path, &token, nothing).await.expect(400).slug(),
            "malformed-request",
            "{nothing}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_cannot_be_fixed() {
    let book = Book::open().await;
    let person = Person::joined(&book, "cs-00001", 1).await;
    let log_in = async |cookie: &str| {
        let challenge = challenge_for(&book, "log_in", "").await;
        let shown = person.passkey.shown(&book, &challenge);
        cookie_of(&from_page(&book, "/account/log-in", cookie, &shown).send(book.address).await.expect(200))
    };
    let planted = format!("__Host-session={}", to_base64url(&[7; 32]));
    let after = log_in(&planted).await;
    assert_ne!(after, planted);
    let me = async |cookie: &str| {
        Call::get("/account/me").header("cookie", cookie).send(book.address).await.status.as_u16()
    };
    assert_eq!((me(&planted).await, me(&after).await), (401, 200));
    // the session that there was ends where another begins in its browser
    let next = log_in(&after).await;
    assert_eq!((me(&after).await, me(&next).await), (401, 200));
    // one of two was planted, and nobody can tell which
    assert_eq!(me(&format!("{next}; {planted}")).await, 401);
    assert_eq!(me(&next.replace("__Host-session", "session")).await, 401);
    let out = from_page(&book, "/account/log-out", &next, &json!({})).send(book.address).await.expect(303);
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(me(&next).await, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_site_sends_anything() {
    let book = Book::open().await;
    let published = book.publish().await;
    let person = Person::enrolled(&book, "cs-00001", 1).await;
    let grant = person.agrees(person.asked(&published).await).await;
    let token = person.form_token().await;
    let path = format!("/my/grants/{grant}/stop");
    let own = origin(&book);
    let send = async |headers: &[(&str, &str)], token: &str| {
        let mut call = Call::post(&path).header("cookie", &person.cookie);
        for (name, value) in headers {
            call = call.header(*name, *value);
        }
        let body = format!("form_token={token}");
        call.bytes("application/x-www-form-urlencoded", body).send(book.address).await
    };
    for headers in [
        &[("origin", "https://evil.example")][..],
        &[("origin", "null")],
        &[("origin", "null"), ("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "none")],
        &[("origin", own.as_str()), ("sec-fetch-site", "cross-site")],
        &[],
    ] {
        assert_eq!(send(headers, &token).await.expect(403).slug(), "cross-site", "{headers:?}");
    }
    let from_here = &[("origin", own.as_str())][..];
    let others = Person::joined(&book, "cs-00002", 2).await.form_token().await;
    for wrong in ["", "AAAA", others.as_str()] {
        assert_eq!(send(from_here, wrong).await.expect(403).slug(), "cross-site", "{wrong}");
    }
    let live = || book.ledger.customer(book.tenant(), &person.sub).unwrap().grant(&grant).unwrap().status;
    assert_eq!(live(), Status::Active);
    // a form of another site can send JSON only as something else
    let plain = Call::post("/account/join").header("origin", &own).header("cookie", &person.cookie);
    plain.bytes("text/plain", r#"{"invitation":""}"#).send(book.address).await.expect(400);
    send(&[("sec-fetch-site", "same-origin")], &token).await.expect(303);
    assert_eq!(live(), Status::Withdrawn);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_is_shown_once_here_and_by_its_owner() {
    let book = Book::open().await;
    let person = Person::joined(&book, "cs-00001", 1).await;
    let log_in =
        async |shown: Value| from_page(&book, "/account/log-in", "", &shown).send(book.address).await;
    let challenge = challenge_for(&book, "log_in", "").await;
    let shown = person.passkey.shown(&book, &challenge);
    log_in(shown.clone()).await.expect(200);
    assert_eq!(log_in(shown).await.expect(410).slug(), "gone", "replayed");

    let lying = |change: &dyn Fn(&mut Passkey)| {
        let mut passkey = person.passkey.clone();
        change(&mut passkey);
        passkey
    };
    let fresh = async || challenge_for(&book, "log_in", "").await;
    for (name, passkey) in [
        ("not verified", lying(&|passkey| passkey.flags = 0x01)),
        ("not present", lying(&|passkey| passkey.flags = 0x04)),
        ("another origin", lying(&|passkey| passkey.origin = Some("https://evil.example".to_owned()))),
        (
            "127.0.0.1",
            lying(&|passkey| passkey.origin = Some(format!("http://127.0.0.1:{}", book.address.port()))),
        ),
        ("an unknown credential", lying(&|passkey| passkey.id = vec![200; 16])),
        ("another key", Passkey { id: person.passkey.id.clone(), ..Passkey::new(77) }),
    ] {
        let shown = passkey.shown(&book, &fresh().await);
        assert_eq!(log_in(shown).await.expect(403).slug(), "bad-signature", "{name}");
    }
    for (name, challenge) in [
        ("of another purpose", challenge_for(&book, "register", "").await),
        ("of a session", challenge_for(&book, "step_up", &person.cookie).await),
        ("of nobody", to_base64url(&[5; 32])),
    ] {
        let shown = person.passkey.shown(&book, &challenge);
        assert_eq!(log_in(shown).await.expect(410).slug(), "gone", "{name}");
    }
    // a step-up is for the very session, and gives it a new name
    let other = Person::joined(&book, "cs-00002", 2).await;
    let challenge = challenge_for(&book, "step_up", &other.cookie).await;
    let theirs = person.passkey.shown(&book, &challenge);
    assert_eq!(person.post("/account/step-up", &theirs).await.expect(410).slug(), "gone");
    let challenge = challenge_for(&book, "step_up", &person.cookie).await;
    let foreign = other.passkey.shown(&book, &challenge);
    assert_eq!(person.post("/account/step-up", &foreign).await.expect(403).slug(), "bad-signature");
    let own = person.passkey.shown(&book, &challenge);
    let renewed = cookie_of(&person.post("/account/step-up", &own).await.expect(200));
    assert_ne!(renewed, person.cookie);
    person.get("/account/me").await.expect(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_is_one_persons() {
    let book = Book::open().await;
    let token = invited(&book, &book.sandbox.token, &json!({"data_subject": "cs-00009"})).await;
    let opened = book.get(&format!("/i/{token}")).await.expect(303);
    assert_eq!(opened.header("location"), format!("/sign/#invitation={token}"));
    let body = json!({"invitation": token});
    let look = from_page(&book, "/account/invitation", "", &body).send(book.address).await.expect(200).json();
    assert_eq!((look["enterprise"].as_str(), look["logged_in"].as_bool()), (Some("sandbox"), Some(false)));
    let first = Person::joined(&book, "cs-00001", 1).await;
    let second = Person::joined(&book, "cs-00002", 2).await;
    // one pseudonym at each enterprise
    assert_eq!(first.post("/account/join", &body).await.expect(409).slug(), "state-conflict");
    let stranger = book.stranger_token.clone();
    let strangers = invited(
        &book,
        &stranger,
        &json!({"data_subject": "x-1", "return_url": "https://voltway.example/app?a=b"}),
    )
    .await;
    let body = json!({"invitation": strangers});
    let joined = first.post("/account/join", &body).await.expect(200).json();
    assert_eq!(joined["return_url"], "https://voltway.example/app?a=b");
    first.post("/account/join", &body).await.expect(200);
    for _ in 0..2 {
        assert_eq!(second.post("/account/join", &body).await.expect(410).slug(), "gone", "used by another");
    }
    let register = challenge_for(&book, "register", "").await;
    let made = Passkey::new(3).made(&book, &register);
    let late = json!({"passkey": made, "code": code(3), "invitation": strangers});
    assert_eq!(
        from_page(&book, "/account/register", "", &late).send(book.address).await.expect(410).slug(),
        "gone"
    );
    for bad in [
        json!({"data_subject": "cs-1", "return_url": "http://voltway.example"}),
        json!({"data_subject": "cs-1", "return_url": "javascript:alert(1)"}),
        json!({"data_subject": "cs-1", "return_url": "https://evil@voltway.example/"}),
        json!({"data_subject": "cs-1", "return_url": "https:///x"}),
        json!({"data_subject": "cs-1", "seconds": 1}),
        json!({"data_subject": "cs-1", "seconds": 99_999_999}),
        json!({"data_subject": "cs-1", "evidence": "enrolled_key"}),
        json!({"data_subject": "cs 1"}),
    ] {
        let call = Call::post("/v1/invitations").token(&book.sandbox.token).json(&bad);
        call.send(book.address).await.expect(400);
    }
    book.get(&format!("/i/{}", to_base64url(&[1; 31]))).await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enterprise_vouches_for_its_own_customers_first_key() {
    let book = Book::open().await;
    let enterprise = signer(250);
    let tenant = book.ledger.tenants().into_iter().find(|tenant| tenant.name == "stranger").unwrap().id;
    let invitation = invited(&book, &book.stranger_token, &json!({"data_subject": "x-1"})).await;
    let mut person = Person::joined(&book, "cs-00001", 1).await;
    person.post("/account/join", &json!({"invitation": invitation})).await.expect(200);
    (person.tenant, person.sub) = (tenant, grantbook_record::SubjectId::parse("x-1").unwrap());
    person.signer = signer(81);
    // the enterprise chose to vouch itself
    person.enrol(&person.enrolment(Evidence::OperatorsWord)).await.expect(400);
    let envelope = person.enrolment(Evidence::Enterprise);
    for _ in 0..2 {
        assert_eq!(person.enrol(&envelope).await.expect(202).json()["state"], "waiting");
    }
    let list = async |token: &str| {
        let answer = Call::get("/v1/enrolments").token(token).send(book.address).await.expect(200).json();
        answer["enrolments"].as_array().unwrap().clone()
    };
    assert!(list(&book.sandbox.token).await.is_empty());
    let waiting = list(&book.stranger_token).await;
    assert_eq!((waiting.len(), waiting[0]["data_subject"].as_str()), (1, Some("x-1")));
    let text = Value::Array(waiting.clone()).to_string();
    assert!(!text.contains("authenticator") && !text.contains("P-256"), "{text}");
    let payload = from_base64url(waiting[0]["payload"].as_str().unwrap()).unwrap();
    let path = format!("/v1/enrolments/{}", waiting[0]["id"].as_str().unwrap());
    let vouch = async |token: &str, by: &grantbook_record::Signer| {
        let word = Envelope::sign(Kind::KeyEnrolled, &payload, &[by]);
        let call = Call::post(&path).token(token).bytes("application/jose", word[4..].to_vec());
        call.send(book.address).await
    };
    vouch(&book.sandbox.token, &enterprise).await.expect(404);
    assert_eq!(vouch(&book.stranger_token, &signer(5)).await.expect(403).slug(), "bad-signature");
    vouch(&book.stranger_token, &enterprise).await.expect(201);
    vouch(&book.stranger_token, &enterprise).await.expect(404);
    assert_eq!(book.ledger.passkeys(tenant, &person.sub).unwrap(), [person.passkey.public().thumbprint()]);
    assert!(book.ledger.customer(book.tenant(), &person.sub).is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_one_persons_is_nobody_elses() {
    let book = Book::open().await;
    let published = book.publish().await;
    let one = Person::enrolled(&book, "cs-00001", 1).await;
    let two = Person::enrolled(&book, "cs-00002", 2).await;
    let request = one.asked(&published).await;
    let (id, _) = one.prepared(&format!("/my/requests/{request}/agree"), "").await;
    two.get(&format!("/account/prepared/{id}")).await.expect(404);
    Call::get(format!("/account/prepared/{id}")).send(book.address).await.expect(401);
    let grant = one.agrees(request).await;
    let token = two.form_token().await;
    for path in [
        format!("/my/requests/{request}/agree"),
        format!("/my/requests/{request}/decline"),
        format!("/my/grants/{grant}/pause"),
        format!("/my/grants/{grant}/resume"),
        format!("/my/grants/{grant}/stop"),
        "/my/grants/nothing/stop".to_owned(),
        format!("/my/grants/{}/stop", Jti::new(crate::book::now(), [3; 10])),
    ] {
        two.form(&path, &token, "").await.expect(404);
    }
    let known = book.ledger.customer(book.tenant(), &one.sub).unwrap();
    assert_eq!(known.grant(&grant).unwrap().status, Status::Active);
}

/// The page's policy and what the log says of its files.
#[tokio::test(flavor = "multi_thread")]
async fn the_signing_page_is_the_one_on_the_log() {
    let book = Book::open().await;
    let before = book.size_root();
    assert!(!book.ledger.has_client(), "nobody uses the portal yet");
    invited(&book, &book.sandbox.token, &json!({"data_subject": "cs-00001"})).await;
    invited(&book, &book.sandbox.token, &json!({"data_subject": "cs-00002"})).await;
    assert_eq!(book.size_root().0.0, before.0.0 + 1, "published once");
    let page = book.get("/sign/").await.expect(200);
    let policy = page.header("content-security-policy").to_owned();
    let directives: BTreeMap<&str, &str> =
        policy.split("; ").map(|directive| directive.split_once(' ').unwrap()).collect();
    for (name, value) in [
        ("default-src", "'none'"),
        ("connect-src", "'self'"),
        ("base-uri", "'none'"),
        ("form-action", "'none'"),
        ("frame-ancestors", "'none'"),
        ("trusted-types", "'none'"),
        ("require-trusted-types-for", "'script'"),
    ] {
        assert_eq!(directives.get(name), Some(&value), "{policy}");
    }
    let hashes_alone = |name: &str| directives[name].split(' ').all(|source| source.starts_with("'sha256-"));
    assert!(hashes_alone("script-src") && hashes_alone("style-src"), "{policy}");
    let mut names: Vec<String> = page
        .text()
        .split("\"/sign/")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect();
    names.sort();
    names.dedup();
    assert!(names.len() > 8, "{names:?}");
    let mut list = format!("{} /sign/\n", to_base64url(&Bytes32::sha256(&page.body).0));
    for name in names {
        let module = book.get(&format!("/sign/{name}")).await.expect(200);
        assert_eq!(module.header("content-type"), "text/javascript; charset=utf-8");
        writeln!(list, "{} /sign/{name}", to_base64url(&Bytes32::sha256(&module.body).0)).unwrap();
    }
    let said = (0..book.size_root().0.0).find_map(|leaf| {
        let receipt = book.ledger.public_receipt(LeafIndex(leaf)).ok()?;
        match receipt.verify(book.ledger.log_keys()).ok()?.content {
            VerifiedContent::Event { claims, .. } => match claims.event {
                Event::ClientPublished(client) => Some(client),
                _ => None,
            },
            VerifiedContent::Use { .. } => None,
        }
    });
    let said = said.unwrap();
    assert_eq!(said.files_sha256, Bytes32::sha256(list.as_bytes()), "{list}");
    assert_eq!((said.relying_party.id.as_str(), said.relying_party.origin), ("localhost", origin(&book)));
    book.get("/sign/page.html").await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_takes_along_what_is_theirs() {
    let book = Book::open().await;
    let published = book.publish().await;
    let person = Person::enrolled(&book, "cs-00001", 1).await;
    let other = Person::enrolled(&book, "cs-00002", 2).await;
    let grant = person.agrees(person.asked(&published).await).await;
    let token = person.form_token().await;
    person.form(&format!("/my/grants/{grant}/stop"), &token, "").await.expect(303);

    let archive = format!("/my/account/data/{}/archive", book.tenant());
    let answer = person.get(&archive).await.expect(200);
    assert_eq!(answer.header("content-disposition"), "attachment; filename=\"my-records.html\"");
    assert_eq!(answer.header("cache-control"), "no-store");
    let parts = archive_page::parse(&answer.body).unwrap();
    assert!(parts.own);
    let reader = archive_page::verify(&parts, Some(book.ledger.log_keys())).unwrap();
    let header = reader.header();
    assert_eq!((&header.subject, header.tenant.id), (&Some(person.sub.clone()), book.tenant()));
    assert!(header.states.is_some(), "the next root was signed for it");
    let [held] = reader.grants().all() else { panic!("one grant") };
    assert_eq!((held.id, held.state.status.name()), (grant, "withdrawn"));

    for (form, kind, says) in [
        ("iso27560", "application/ld+json", "dpv:ConsentWithdrawn"),
        ("kantara", "application/json", "KI-CR-v1.1.0"),
    ] {
        let path = format!("/my/grants/{grant}/{form}");
        let answer = person.get(&path).await.expect(200);
        assert_eq!(answer.header("content-type"), kind);
        let text = answer.text();
        assert!(text.contains(says) && text.contains(&grant.to_string()), "{text}");
        other.get(&path).await.expect(404);
        Call::get(&path).send(book.address).await.expect(401);
    }
    // somebody else's page is of somebody else
    let others = archive_page::parse(&other.get(&archive).await.expect(200).body).unwrap();
    let others = archive_page::verify(&others, Some(book.ledger.log_keys())).unwrap();
    assert_eq!((&others.header().subject, others.grants().all().len()), (&Some(other.sub.clone()), 0));
    Call::get(&archive).send(book.address).await.expect(401);
    person.get("/my/account/data/07070707-0707-4707-8707-070707070707/archive").await.expect(404);
    person.get("/my/account/data/nothing/archive").await.expect(404);
}
