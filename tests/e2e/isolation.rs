//! Two enterprises that share customers find nothing by which to join what they hold.
//!
//! A person enrols a key and a pseudonym of their own at each. Everything that an enterprise can read over HTTP is taken
//! apart to its values, and the two sets are joined. What is the same for everybody on the log is named below, with the
//! reason; all else must not match.

mod values;

use grantbook_engine::Role;
use grantbook_plan::Vocabulary;
use grantbook_record::encoding::{Bytes32, to_base64url};
use grantbook_record::event::{
    Channel, Evidence, GrantAmended, GrantPaused, GrantResumed, GrantRevoked, KeyRotated, RequestMade,
    Revoker,
};
use grantbook_record::feed::{Chain, Frame};
use grantbook_record::head::SignedHead;
use grantbook_record::uses::BATCH_TYP;
use grantbook_record::{Kind, Receipt, Signer, Thumbprint, UnixSeconds};
use grantbook_tlog::LogKeys;
use serde_json::{Value, json};

use crate::client::{Call, JSON, frames};
use crate::world::{Customer, Enterprise, FIRST_DAY, LAST_DAY, ORIGIN, World, random, signer, term};
use values::Values;

const PERSONS: [&str; 3] = ["anna", "bert", "carla"];

/// What a person does wrong: something that belongs to them is given to both enterprises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Misuse {
    Nothing,
    Key,
    Pseudonym,
    Recovery,
}

impl Misuse {
    fn of_key(self, person: &str, here: Signer) -> Signer {
        if self == Self::Key && person == PERSONS[0] { signer("one key for all") } else { here }
    }
}

/// One of the two, with all of its customers.
async fn enterprise(world: &World, name: &str, misuse: Misuse) -> Enterprise {
    let enterprise = world.enterprise(name).await;
    for person in PERSONS {
        let mut customer = Customer::new(&enterprise, person);
        customer.key = misuse.of_key(person, customer.key);
        if misuse == Misuse::Pseudonym && person == PERSONS[1] {
            customer.sub = "national-id-4711".parse().expect("a pseudonym");
        }
        live(world, &enterprise, person, customer, misuse).await;
    }
    enterprise
}

/// A customer's life: every kind of event that an enterprise is fed, and uses.
async fn live(world: &World, enterprise: &Enterprise, person: &str, mut customer: Customer, misuse: Misuse) {
    let record = async |kind, event: Value, signers: &[&Signer]| {
        world.record(enterprise, kind, event, signers).await;
    };
    // one of them comes on the operator's word, the others on the enterprise's
    let operator = world.operator();
    let (evidence, voucher) = match person {
        "carla" => (Evidence::OperatorsWord, &operator),
        _ => (Evidence::Enterprise, &enterprise.signer),
    };
    let mut enrolled = customer.enrolment(evidence);
    let shared = misuse == Misuse::Recovery && person == PERSONS[2];
    let recovery = if shared { "one for all".to_owned() } else { format!("{person} at {}", enterprise.name) };
    enrolled.recovery = Some(Thumbprint(Bytes32::sha256(recovery.as_bytes())));
    record(Kind::KeyEnrolled, to_json(enrolled), &[&customer.key, voucher]).await;

    let sub = customer.sub.clone();
    let expires = UnixSeconds(world.now().seconds().0 + 3600);
    let asked = RequestMade { sub: sub.clone(), terms: world.terms(enterprise, |_| ()), expires };
    record(Kind::RequestMade, to_json(asked), &[&enterprise.signer]).await;
    let grant = world.grant(enterprise, &customer).await.id;
    for _ in 0..2 {
        evaluate(world, enterprise, &customer).await;
    }
    let terms = world.terms(enterprise, |terms| terms["limits"] = json!({"uses": 7}));
    let amended = GrantAmended { sub: sub.clone(), grant, terms, birth_day: None };
    record(Kind::GrantAmended, to_json(amended), &[&customer.key]).await;
    record(Kind::GrantPaused, to_json(GrantPaused { sub: sub.clone(), grant }), &[&customer.key]).await;
    record(Kind::GrantResumed, to_json(GrantResumed { sub: sub.clone(), grant }), &[&customer.key]).await;
    if misuse != Misuse::Key {
        let next = signer(&format!("{person}'s next at {}", enterprise.name));
        let rotated = KeyRotated {
            sub: sub.clone(),
            old: customer.key.thumbprint(),
            new: *next.public_key(),
            recovery: None,
        };
        record(Kind::KeyRotated, to_json(rotated), &[&customer.key, &next]).await;
        customer.key = next;
    }
    let second = world.grant(enterprise, &customer).await;
    evaluate(world, enterprise, &customer).await;
    match person {
        "anna" => drop(world.withdraw(enterprise, &customer, &second).await),
        "bert" => {
            let ledger = world.ledger().clone();
            let (tenant, channel) = (enterprise.id, Channel::InPerson);
            let withdraw = move || ledger.withdraw_by_channel(tenant, &sub, second.id, channel);
            tokio::task::spawn_blocking(withdraw).await.expect("no panic").expect("withdrawn");
        }
        _ => {
            let by = Revoker::Enterprise;
            let revoked = GrantRevoked { sub, grant: second.id, by, reason: term("service-ended") };
            record(Kind::GrantRevoked, to_json(revoked), &[&enterprise.signer]).await;
        }
    }
}

fn to_json(event: impl serde::Serialize) -> Value {
    serde_json::to_value(event).expect("JSON")
}

async fn evaluate(world: &World, enterprise: &Enterprise, customer: &Customer) {
    let facts = customer.facts();
    let question = json!({
        "subject": {"type": "service", "id": facts.requester},
        "resource": {"type": "customer_data", "id": facts.data_subject,
            "properties": {"categories": facts.categories, "fields": facts.fields}},
        "action": {"name": facts.action},
        "context": {"recipient": facts.recipient, "purpose": facts.purpose, "data_period": facts.data_period},
    });
    let call = Call::post("/access/v1/evaluation", JSON, question.to_string());
    let answer = world.send(call.token(Some(&enterprise.service))).await.expect(200).json();
    assert_eq!(answer["decision"], json!(true), "{answer}");
}

/// What is the same for everybody, and why that joins nobody.
fn the_same_for_everybody(world: &World, keys: &LogKeys) -> Vec<(Values, &'static str)> {
    let named: Vec<(String, &'static str)> = vec![
        (to_text(&Bytes32::sha256(ORIGIN.as_bytes())), "links name the log: the hash of its origin"),
        (to_text(&Bytes32([0; 32])), "zeros, where a link names no entry"),
        (
            to_text(world.operator().public_key()),
            "the operator's key, which records uses for every enterprise",
        ),
        (to_text(&world.operator().thumbprint()), "its thumbprint"),
        (FIRST_DAY.to_owned(), "a day that the template proposes to all customers"),
        (LAST_DAY.to_owned(), "the other one"),
        ("recommender".to_owned(), "the recipient that the template names, a company"),
        ("service-personalisation".to_owned(), "a purpose of the vocabulary"),
        ("purchases".to_owned(), "a category of the vocabulary"),
        ("service-ended".to_owned(), "a reason that the enterprise gives"),
        ("enterprise".to_owned(), "evidence: one of three words of the format"),
        ("operators_word".to_owned(), "evidence: another of these"),
        ("in_person".to_owned(), "a channel: one of five words of the format"),
        ("withdrawn".to_owned(), "a status: one of five words of the format"),
    ];
    let vocabulary = Vocabulary::builtin();
    assert!(
        vocabulary.has_purpose(&term("service-personalisation"))
            && vocabulary.has_category(&term("purchases"))
    );
    assert_eq!(keys.origin(), ORIGIN);
    let types = types().into_iter().map(|typ| (typ, "a type of what is signed"));
    let of_operator = headers(&world.operator()).into_iter();
    let of_operator = of_operator.map(|header| (header, "a header of what the operator signs"));
    named.into_iter().chain(types).chain(of_operator).map(|(text, why)| (Values::of(&text), why)).collect()
}

/// Types of signatures.
fn types() -> Vec<String> {
    let events = Kind::ALL.iter().map(|kind| format!("grantbook-{kind}+jwt"));
    events.chain([BATCH_TYP.to_owned()]).collect()
}

/// The headers of all that a key can sign, encoded.
fn headers(key: &Signer) -> Vec<String> {
    let kid = key.thumbprint();
    let header = |typ| format!(r#"{{"alg":"Ed25519","typ":"{typ}","kid":"{kid}"}}"#);
    types().into_iter().map(|typ| to_base64url(header(typ).as_bytes())).collect()
}

fn to_text(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value).expect("JSON") {
        Value::String(text) => text,
        Value::Object(jwk) => jwk["x"].as_str().expect("a key").to_owned(),
        other => other.to_string(),
    }
}

/// Everything that an enterprise can read: the whole feed, every receipt, every row.
async fn all_values(world: &World, keys: &LogKeys, enterprise: &Enterprise) -> Values {
    let token = enterprise.service.as_str();
    let mut values = Values::default();
    let checkpoint = world.send(Call::get("/log/checkpoint")).await.expect(200);

    let nonce = random::<32>();
    let call = Call::post("/v1/heads", JSON, json!({"nonce": Bytes32(nonce)}).to_string());
    let head = world.send(call.token(Some(token))).await.expect(200);
    let head =
        SignedHead::parse(&head.body).expect("a head").verify(keys, enterprise.id, &nonce).expect("valid");
    let mut chain = Chain::start(ORIGIN, enterprise.id);
    for bytes in frames(world.address(), token, head.feed.position.0).await {
        let frame = Frame::parse(&bytes).expect("a frame");
        (chain, _) = frame.verify(keys, &chain).expect("the next one");
        is_of_the_log(&frame.receipt.proof, checkpoint.text());
        values.json(&serde_json::from_slice(&bytes).expect("JSON"), "frame", "proof");
    }
    // none was left out
    assert_eq!(chain, head.feed);

    let mut own = 0;
    for leaf_index in 0..head.size.0 {
        let answer = world.get(&format!("/v1/receipts/{leaf_index}"), token).await;
        if answer.status == 200 {
            let receipt = Receipt::parse(&answer.body).expect("a receipt");
            receipt.verify(keys).expect("valid");
            is_of_the_log(&receipt.proof, checkpoint.text());
            values.json(&answer.json(), "receipt", "proof");
            own += 1;
        }
    }
    assert!(own > head.feed.position.0 && own < head.size.0, "{own} entries of {}", head.size.0);
    for list in ["/v1/grants", "/v1/uses"] {
        let page = world.get(list, token).await.expect(200).json();
        assert!(page.get("next").is_none(), "one page");
        values.json(&page, list, "");
    }
    values
}

/// A proof is a place in the log, hashes on the way to the root, and the checkpoint that everybody gets, without the
/// line by the ML-DSA-44 key. The receipt verifies, so that there is but one such text for each entry.
fn is_of_the_log(proof: &str, checkpoint: &str) {
    let last = checkpoint.trim_end().rfind('\n').expect("lines") + 1;
    let checkpoint = &checkpoint[..last];
    let path = proof.strip_prefix("c2sp.org/tlog-proof@v1\nindex ").expect("no extra data");
    let path = path.strip_suffix(checkpoint).expect("the log's latest checkpoint");
    let (index, hashes) = path.split_once('\n').expect("lines");
    assert!(index.parse::<u64>().is_ok());
    assert!(hashes.lines().all(|line| line.is_empty() || line.len() == 44), "{hashes}");
}

/// What joins the two, after they have lived through the same with their customers.
async fn joined(world: &World, misuse: Misuse) -> Values {
    let [one, other] =
        [format!("shop-{misuse:?}"), format!("club-{misuse:?}")].map(|name| name.to_lowercase());
    let (one, other) = (enterprise(world, &one, misuse).await, enterprise(world, &other, misuse).await);
    let keys = world.log_keys().await;
    for enterprise in [&one, &other] {
        world.all_acknowledged(enterprise).await;
    }
    let mut one = all_values(world, &keys, &one).await;
    let mut other = all_values(world, &keys, &other).await;
    assert!(one.len() > 1000 && other.len() > 1000, "{} and {}", one.len(), other.len());
    let both = one.join(&other);
    for (same, why) in the_same_for_everybody(world, &keys) {
        // of types and headers not every one is in use
        if misuse == Misuse::Nothing && !why.starts_with("a type") && !why.starts_with("a header") {
            assert!(both.join(&same).len() > 0, "nothing has to be excepted as {why}");
        }
        one.remove(&same);
        other.remove(&same);
    }
    one.join(&other)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_two_enterprises_hold_of_shared_customers_does_not_join() {
    let world = World::open(std::time::Duration::from_secs(5)).await;
    let joined = joined(&world, Misuse::Nothing).await;
    assert_eq!(joined.len(), 0, "{joined}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_who_gives_both_the_same_is_found() {
    let world = World::open(std::time::Duration::from_secs(5)).await;
    let key = signer("one key for all");
    for (misuse, texts) in [
        (Misuse::Key, vec![to_text(&key.thumbprint()), to_text(key.public_key())]),
        (Misuse::Pseudonym, vec!["national-id-4711".to_owned()]),
        (Misuse::Recovery, vec![to_text(&Bytes32::sha256(b"one for all"))]),
    ] {
        let mut joined = joined(&world, misuse).await;
        for text in &texts {
            assert!(joined.holds(text), "{misuse:?}: {text} is not found");
        }
        // and nothing else
        let headers = headers(&key);
        texts.iter().chain(&headers).for_each(|text| joined.remove(&Values::of(text)));
        assert_eq!(joined.len(), 0, "{misuse:?}: {joined}");
    }
}

/// A token opens one enterprise's entries, and every entry is one enterprise's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_entry_is_shown_to_one_enterprise_only() {
    let world = World::open(std::time::Duration::from_secs(5)).await;
    let mut enterprises = Vec::new();
    for name in ["shop", "club"] {
        enterprises.push(enterprise(&world, name, Misuse::Nothing).await);
    }
    let bystander = world.enterprise("bystander").await;
    let (_, token) = world.ledger().create_token(bystander.id, Role::Admin, "another").expect("a token");
    let size = world.size_root().0.0;
    for leaf_index in 0..size {
        let mut shown = Vec::new();
        for enterprise in &enterprises {
            let answer = world.get(&format!("/v1/receipts/{leaf_index}"), &enterprise.admin).await;
            shown.push(answer.status);
        }
        shown.sort_unstable();
        let of_bystander = world.get(&format!("/v1/receipts/{leaf_index}"), &token).await.status;
        let expected = if leaf_index < size - 2 { ([200, 404], 404) } else { ([404, 404], 200) };
        assert_eq!(
            (shown.as_slice(), of_bystander),
            (expected.0.as_slice(), expected.1),
            "entry {leaf_index}"
        );
    }
}
