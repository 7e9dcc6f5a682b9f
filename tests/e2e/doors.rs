//! Every door through which a grant could come: without the signature of the customer's own enrolled key none gets in.
//!
//! Form, size, authorisation and contradiction are tested endpoint by endpoint with the server itself; here forged
//! consent is carried to all of them.

use std::collections::BTreeMap;
use std::path::Path;

use grantbook_record::encoding::{from_base64url, to_base64url};
use grantbook_record::event::{
    Channel, Claims, Evidence, GrantAmended, GrantGiven, KeyEnrolled, KeyRevoked, KeyRotated,
};
use grantbook_record::uses::{Outcome, Permitted, UseRecord, sign_batch};
use grantbook_record::{DenialReason, Envelope, GateId, Jti, Kind, Salt, Signer, jws};
use grantbook_tlog::{Hash, TreeSize};
use hyper::Method;
use serde_json::{Value, json};

use crate::client::{Answer, Call, JSON, OCTETS};
use crate::replay::program::Place;
use crate::world::{Customer, Enterprise, World, random, signer};

/// Two enterprises; at the first a customer with an enrolled key, one that has ended, and a gate.
struct Book {
    world: World,
    shop: Enterprise,
    club: Enterprise,
    anna: Customer,
    /// Another customer of the shop.
    bert: Customer,
    /// Anna, as the club knows her.
    anna_at_club: Customer,
    rotated: Signer,
    revoked: Signer,
    gate: Signer,
}

impl Book {
    async fn open() -> Self {
        let world = World::open(std::time::Duration::from_secs(5)).await;
        let (shop, club) = (world.enterprise("shop").await, world.enterprise("club").await);
        let mut anna = world.customer(&shop, "anna").await;
        let bert = world.customer(&shop, "bert").await;
        let anna_at_club = world.customer(&club, "anna").await;
        let [next, revoked, gate] = ["anna's next key", "anna's lost key", "gate"].map(signer);
        let sub = || anna.sub.clone();
        let old = anna.key.thumbprint();
        let rotation = KeyRotated { sub: sub(), old, new: *next.public_key(), recovery: None };
        world.record(&shop, Kind::KeyRotated, rotation, &[&anna.key, &next]).await;
        let evidence = Evidence::EnrolledKey;
        let lost = KeyEnrolled { sub: sub(), key: *revoked.public_key(), evidence, recovery: None };
        world.record(&shop, Kind::KeyEnrolled, lost, &[&revoked, &next]).await;
        let lost = KeyRevoked { sub: sub(), key: revoked.thumbprint() };
        world.record(&shop, Kind::KeyRevoked, lost, &[&next]).await;
        let rotated = std::mem::replace(&mut anna.key, next);
        let id = GateId::parse("till-1").expect("a gate's name");
        world.ledger().register_gate(shop.id, &id, *gate.public_key()).expect("registered");
        Self { world, shop, club, anna, bert, anna_at_club, rotated, revoked, gate }
    }

    fn given(&self) -> GrantGiven {
        self.anna.given(self.world.terms(&self.shop, |_| ()))
    }

    /// Anna's consent, signed by these.
    fn signed_by(&self, signers: &[&Signer]) -> Vec<u8> {
        self.world.envelope(&self.shop, Kind::GrantGiven, self.given(), signers)
    }

    /// Anna's consent as a single signature with any header and key.
    fn jws(&self, header: &str, key: Option<&Signer>) -> Vec<u8> {
        let payload = Claims::new(self.shop.id, self.world.jti(), self.given()).to_json();
        let input = format!("{}.{}", to_base64url(header.as_bytes()), to_base64url(&payload));
        let signature = key.map(|key| to_base64url(&key.sign(input.as_bytes()))).unwrap_or_default();
        framed(&format!("{input}.{signature}"))
    }

    /// What an attacker may come up with who has every key but Anna's.
    fn forgeries(&self) -> BTreeMap<&'static str, Vec<u8>> {
        let Self { world, shop, club, anna, bert, anna_at_club, rotated, revoked, gate } = self;
        let (stranger, operator) = (signer("stranger"), world.operator());
        let kid = anna.key.thumbprint();
        let header =
            |alg: &str| format!(r#"{{"alg":"{alg}","typ":"grantbook-grant.given+jwt","kid":"{kid}"}}"#);
        let with = |member: &str, value: Value| {
            let mut event = serde_json::to_value(self.given()).expect("JSON");
            event[member] = value;
            event
        };
        let as_kind = |kind, event: Value, signers: &[&Signer]| world.envelope(shop, kind, event, signers);
        let enrolment = |evidence| KeyEnrolled {
            sub: anna.sub.clone(),
            key: *stranger.public_key(),
            evidence,
            recovery: None,
        };
        let enrolled = |evidence, voucher| {
            world.envelope(shop, Kind::KeyEnrolled, enrolment(evidence), &[&stranger, voucher])
        };
        let rotation =
            KeyRotated { sub: anna.sub.clone(), old: kid, new: *stranger.public_key(), recovery: None };
        let honest = self.signed_by(&[&anna.key]);
        let at_club = anna_at_club.given(world.terms(club, |_| ()));
        BTreeMap::from([
            ("a stranger's key", self.signed_by(&[&stranger])),
            ("the enterprise's key", self.signed_by(&[&shop.signer])),
            ("the operator's key", self.signed_by(&[&operator])),
            ("enterprise and operator", self.signed_by(&[&shop.signer, &operator])),
            ("another customer's key", self.signed_by(&[&bert.key])),
            ("a gate's key", self.signed_by(&[gate])),
            ("another enterprise's key", self.signed_by(&[&club.signer])),
            ("her key at another enterprise", self.signed_by(&[&anna_at_club.key])),
            ("her key that was rotated", self.signed_by(&[rotated])),
            ("her key that was revoked", self.signed_by(&[revoked])),
            ("her kid over a stranger's signature", self.jws(&header("Ed25519"), Some(&stranger))),
            ("her kid over no signature", self.jws(&header("Ed25519"), None)),
            ("no algorithm", self.jws(&header("none"), None)),
            ("a symmetric algorithm", self.jws(&header("HS256"), Some(&stranger))),
            ("her signature over other terms", spliced(&honest, &self.signed_by(&[&stranger]))),
            ("her signature as another kind", relabelled(&anna.key, &honest)),
            (
                "the operator names a channel",
                as_kind(Kind::GrantGiven, with("channel", json!("phone")), &[&operator]),
            ),
            ("under a mandate", as_kind(Kind::GrantGiven, with("mandate", json!(world.jti())), &[&anna.key])),
            ("a mandate", as_kind(Kind::MandateGiven, json!(self.given()), &[&stranger])),
            ("enrolled by enterprise over her", enrolled(Evidence::Enterprise, &shop.signer)),
            ("enrolled by operator over her", enrolled(Evidence::OperatorsWord, &operator)),
            ("enrolled by a key that has ended", enrolled(Evidence::EnrolledKey, revoked)),
            (
                "rotated by the enterprise",
                as_kind(Kind::KeyRotated, json!(rotation), &[&shop.signer, &stranger]),
            ),
            (
                "for another enterprise, by a stranger",
                world.envelope(club, Kind::GrantGiven, at_club, &[&stranger]),
            ),
            (
                "for another enterprise, by her key here",
                world.envelope(club, Kind::GrantGiven, self.given(), &[&anna.key]),
            ),
        ])
    }

    async fn knock(&self, door: Door<'_>, envelope: &[u8]) -> u16 {
        let text = || envelope.get(4..).unwrap_or_default().to_vec();
        let sent = |answer: Answer| answer.status;
        match door {
            Door::Events(token) => {
                sent(self.world.send(Call::post("/v1/events", OCTETS, envelope.to_vec()).token(token)).await)
            }
            Door::Jose(token) => {
                sent(self.world.send(Call::post("/v1/events", "application/jose", text()).token(token)).await)
            }
            Door::Engine(enterprise) => {
                let (ledger, id, envelope) = (self.world.ledger().clone(), enterprise.id, envelope.to_vec());
                let appended = tokio::task::spawn_blocking(move || ledger.append(id, &envelope)).await;
                if appended.expect("no panic").is_ok() { 201 } else { 400 }
            }
        }
    }

    fn size_root(&self) -> (TreeSize, Hash) {
        self.world.size_root()
    }
}

/// A way in for envelopes.
#[derive(Clone, Copy)]
enum Door<'a> {
    /// As bytes, with a token or without.
    Events(Option<&'a str>),
    /// As one JWS.
    Jose(Option<&'a str>),
    /// Past HTTP.
    Engine(&'a Enterprise),
}

fn framed(jws: &str) -> Vec<u8> {
    let mut envelope = u32::try_from(jws.len()).expect("short").to_be_bytes().to_vec();
    envelope.extend_from_slice(jws.as_bytes());
    envelope
}

fn segments(envelope: &[u8]) -> [&str; 3] {
    let text = std::str::from_utf8(&envelope[4..]).expect("one JWS");
    text.split('.').collect::<Vec<_>>().try_into().expect("three segments")
}

/// Header and signature of the first envelope around the payload of the second.
fn spliced(one: &[u8], other: &[u8]) -> Vec<u8> {
    let ([header, _, signature], [_, payload, _]) = (segments(one), segments(other));
    framed(&format!("{header}.{payload}.{signature}"))
}

/// A grant's payload that its customer signed as something else, with the header put right afterwards.
fn relabelled(key: &Signer, grant: &[u8]) -> Vec<u8> {
    let [header, payload, _] = segments(grant);
    let payload = from_base64url(payload).expect("base64url");
    let other = jws::sign("grantbook-request.declined+jwt", &payload, key);
    let signature = other.rsplit_once('.').expect("three segments").1;
    framed(&format!("{header}.{}.{signature}", to_base64url(&payload)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_forged_grant_comes_in_by_any_door() {
    let book = Book::open().await;
    let Book { world, shop, club, .. } = &book;
    let tokens = [None, Some(shop.service.as_str()), Some(&shop.admin), Some(&club.admin)];
    let doors = tokens.map(Door::Events).into_iter().chain(tokens.map(Door::Jose));
    let doors: Vec<_> = doors.chain([shop, club].map(Door::Engine)).collect();
    let before = book.size_root();
    for (name, envelope) in book.forgeries() {
        for (number, door) in doors.iter().enumerate() {
            let status = book.knock(*door, &envelope).await;
            assert!((400..500).contains(&status), "{name} by door {number}: {status}");
            assert_eq!(book.size_root(), before, "{name} by door {number}");
        }
    }
    // the same doors are open to her own key, so it was not something else that kept the others out
    for door in doors.iter().take(3).chain(&doors[4..7]).chain(&doors[8..9]) {
        let before = book.size_root().0.0;
        assert_eq!(book.knock(*door, &book.signed_by(&[&book.anna.key])).await, 201);
        assert_eq!(book.size_root().0.0, before + 1);
    }
    let grants = world.get("/v1/grants", &shop.service).await.expect(200).json();
    assert_eq!(grants["grants"].as_array().expect("rows").len(), 7);
}

/// Every request that the server takes, from its own description, with a forged grant as its body.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_forged_grant_comes_in_by_a_door_for_something_else() {
    let book = Book::open().await;
    let Book { world, shop, .. } = &book;
    let described = world.send(Call::get("/openapi.json")).await.expect(200).json();
    let paths = described["paths"].as_object().expect("paths");
    let methods = |path: &Value| path.as_object().expect("methods").keys().cloned().collect::<Vec<_>>();
    let writing: Vec<(String, Method)> = paths
        .iter()
        .flat_map(|(path, item)| methods(item).into_iter().map(move |method| (path.clone(), method)))
        .filter(|(_, method)| method != "get" && method != "parameters")
        .map(|(path, method)| (path, method.to_uppercase().parse().expect("a method")))
        .collect();
    for known in ["/v1/events", "/v1/uses", "/v1/heads", "/access/v1/evaluation", "/v1/tokens"] {
        assert!(writing.iter().any(|(path, _)| path == known), "{known}: {writing:?}");
    }
    let before = book.size_root();
    for (name, envelope) in book.forgeries() {
        let text = String::from_utf8_lossy(envelope.get(4..).unwrap_or_default()).into_owned();
        let payload = Envelope::parse(&envelope).map(|parsed| parsed.payload().to_vec()).unwrap_or_default();
        let payload = String::from_utf8_lossy(&payload).into_owned();
        let salt = to_base64url(&[7; 32]);
        let bodies = [
            json!({"head": text, "records": [{"salt": salt, "record": payload}]}),
            json!({"envelope": to_base64url(&envelope), "event": text}),
            serde_json::from_str(&payload).unwrap_or_default(),
            json!({"subject": {"type": "service", "id": "web-shop"}, "action": {"name": "read"},
                "resource": {"type": "customer_data", "id": book.anna.sub, "properties": {"grant": text}},
                "context": {"envelope": text, "recipient": "recommender", "purpose": "service-personalisation"}}),
        ];
        for (path, method) in &writing {
            let path = path.replace("{id}", "x").replace("{gate}", "x");
            let call = |content_type, body: Vec<u8>| {
                Call::new(method.clone(), &path).body(content_type, body).token(Some(&shop.admin))
            };
            let mut calls =
                vec![call(OCTETS, envelope.clone()), call("application/jose", text.clone().into_bytes())];
            calls.extend(bodies.iter().map(|body| call(JSON, body.to_string().into_bytes())));
            for call in calls {
                let status = world.send(call).await.status;
                assert!(status < 500, "{name} to {method} {path}: {status}");
                assert_eq!(book.size_root(), before, "{name} to {method} {path}");
            }
        }
    }
    // what signs an event does not sign a batch, and a batch of an event's payload is none
    let forged = jws::sign("grantbook-grant.given+jwt", b"{}", &book.gate);
    let body = json!({"head": forged, "records": []}).to_string();
    world.send(Call::post("/v1/uses", JSON, body).token(Some(&shop.service))).await.expect(400);
    assert_eq!(book.size_root(), before);
}

/// Uses are taken in whatever they say, so that they show; a grant that nobody gave does not come about by them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_use_under_a_grant_that_nobody_gave_is_flagged_and_gives_none() {
    let book = Book::open().await;
    let Book { world, shop, anna, gate, .. } = &book;
    let record = UseRecord::new(
        GateId::parse("till-1").expect("a gate's name"),
        0,
        world.now().seconds(),
        anna.facts(),
        Outcome::Permitted(Permitted::committed(world.jti())),
    );
    let salt = Salt(grantbook_record::encoding::Bytes32(random()));
    let batch = sign_batch(&Claims::new(shop.id, world.jti(), ()), &[(record, salt)], gate).expect("a batch");
    let body = serde_json::to_vec(&batch).expect("JSON");
    let answer =
        world.send(Call::post("/v1/uses", JSON, body).token(Some(&shop.service))).await.expect(201).json();
    assert_eq!(answer["uses"][0]["flag"], json!(DenialReason::NoGrant));
    let grants = world.get(&format!("/v1/grants?sub={}", anna.sub), &shop.service).await.expect(200).json();
    assert_eq!(grants, json!({"grants": []}));
    let denied = grantbook_plan::Denial::of(DenialReason::NoGrant);
    assert_eq!(world.ledger().decide(shop.id, &anna.facts(), None), grantbook_plan::Decision::Denial(denied));
}

/// What is withdrawn stays so: the old consent, sent again, is known and changes nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_envelope_sent_again_is_known_and_revives_nothing() {
    let mut book = Book::open().await;
    let grant = book.world.grant(&book.shop, &book.anna).await;
    book.world.withdraw(&book.shop, &book.anna, &grant).await;
    book.world.all_acknowledged(&book.shop).await;
    for restarted in [false, true] {
        if restarted {
            book.world.stop().await;
            book.world.start().await;
        }
        let Book { world, shop, club, anna, anna_at_club, .. } = &book;
        let before = book.size_root();
        for door in [Door::Events(None), Door::Events(Some(&shop.service)), Door::Jose(None)] {
            assert_eq!(book.knock(door, &grant.envelope).await, 200);
        }
        let answer = world.append(&grant.envelope).await.expect(200).json();
        assert_eq!((&answer["leaf_index"], &answer["duplicate"]), (&json!(grant.leaf_index.0), &json!(true)));
        // the same id with other content, by her own key
        let other = anna.given(world.terms(shop, |terms| terms["limits"] = json!({"uses": 7})));
        let claims = Claims::new(shop.id, grant.id, other);
        world.append(&Envelope::sign(Kind::GrantGiven, &claims.to_json(), &[&anna.key])).await.expect(409);
        // her consent to the one, carried to the other
        world
            .send(Call::post("/v1/events", OCTETS, grant.envelope.clone()).token(Some(&club.admin)))
            .await
            .expect(422);
        let readdressed = Claims::new(club.id, grant.id, book.given());
        let readdressed = Envelope::sign(Kind::GrantGiven, &readdressed.to_json(), &[&anna.key]);
        assert!((400..500).contains(&world.append(&readdressed).await.status));
        assert_eq!(book.size_root(), before);
        for (enterprise, customer, expected) in
            [(shop, anna, DenialReason::Withdrawn), (club, anna_at_club, DenialReason::NoGrant)]
        {
            let decision = world.ledger().decide(enterprise.id, &customer.facts(), None);
            assert!(
                matches!(&decision, grantbook_plan::Decision::Denial(d) if d.reason == expected),
                "{decision:?}"
            );
        }
    }
}

/// Changing a grant is giving one: nobody else can widen it, and the channel of the operator only ends it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_else_amends_resumes_or_revives_a_grant() {
    let book = Book::open().await;
    let Book { world, shop, anna, bert, .. } = &book;
    let grant = world.grant(shop, anna).await;
    let pause = json!({"sub": anna.sub, "grant": grant.id});
    world.record(shop, Kind::GrantPaused, pause.clone(), &[&anna.key]).await;
    let amended =
        |sub, grant: Jti| GrantAmended { sub, grant, terms: world.terms(shop, |_| ()), birth_day: None };
    let before = book.size_root();
    let operator = world.operator();
    for (name, signer) in [
        ("stranger", &signer("stranger")),
        ("enterprise", &shop.signer),
        ("operator", &operator),
        ("another customer", &bert.key),
        ("rotated", &book.rotated),
        ("revoked", &book.revoked),
    ] {
        let amendment =
            world.envelope(shop, Kind::GrantAmended, amended(anna.sub.clone(), grant.id), &[signer]);
        let own_name =
            world.envelope(shop, Kind::GrantAmended, amended(bert.sub.clone(), grant.id), &[signer]);
        let resumed = world.envelope(shop, Kind::GrantResumed, pause.clone(), &[signer]);
        for envelope in [amendment, own_name, resumed] {
            let status = world.append(&envelope).await.status;
            assert!((400..500).contains(&status), "{name}: {status}");
        }
        assert_eq!(book.size_root(), before, "{name}");
    }
    let (ledger, tenant, sub) = (world.ledger().clone(), shop.id, anna.sub.clone());
    let withdraw = move || ledger.withdraw_by_channel(tenant, &sub, grant.id, Channel::Phone);
    tokio::task::spawn_blocking(withdraw).await.expect("no panic").expect("withdrawn");
    world.append(&world.envelope(shop, Kind::GrantResumed, pause, &[&anna.key])).await.expect(409);
}

/// A key file as `keygen` writes it.
fn key_file(folder: &Place, name: &str, key: &Signer) {
    let mut jwk = serde_json::to_value(key.public_key()).expect("JSON");
    jwk["d"] = json!(to_base64url(key.seed().as_slice()));
    folder.write(name, jwk.to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_forged_grant_comes_in_by_the_command_line() {
    let book = Book::open().await;
    let Book { world, shop, anna, .. } = &book;
    let place = Place::new();
    place.write("terms.json", serde_json::to_vec(&world.terms(shop, |_| ())).expect("JSON"));
    key_file(&place, "shop.key.json", &shop.signer);
    let server = format!("--server http://{} --token {} --json", world.address(), shop.admin);
    let give = |key: &Signer, more: &str| {
        let name = format!("{}.key.json", key.thumbprint());
        if !Path::new(&place.path(&name)).exists() {
            key_file(&place, &name, key);
        }
        place.run(&format!("grant --key {name} --sub {} --terms terms.json {more} {server}", anna.sub))
    };
    let before = book.size_root();
    let operator = world.operator();
    for key in [&signer("stranger"), &shop.signer, &operator, &book.bert.key, &book.rotated, &book.revoked] {
        give(key, "").is(1);
        // not even with the enterprise's word for the key: she has one already
        give(key, "--enterprise-key shop.key.json").is(1);
        assert_eq!(book.size_root(), before);
    }
    give(&anna.key, "").ok();
    assert_eq!(book.size_root().0.0, before.0.0 + 1);
}
