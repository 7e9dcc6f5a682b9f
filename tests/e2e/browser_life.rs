//! A customer's whole life in a real browser, in both languages: enrolled, asked, used by a real gate, paid, recovered on another
//! device, stopped, erased. The browser's side is `tests/browser/life.mjs`.

use std::time::{Duration, Instant};

use grantbook_plan::Status;
use grantbook_plan::nagging::Answer;
use grantbook_record::encoding::Bytes32;
use grantbook_record::event::{NoticePublished, RequestMade, TemplatePublished};
use grantbook_record::uses::UseFacts;
use grantbook_record::{DataDay, Envelope, GateId, Jti, Kind, SubjectId, UnixSeconds};
use grantbook_sdk::{Decision, Gate};
use serde_json::{Value, json};

use crate::browser_keys::{Browser, invite, vouch};
use crate::client::{Call, JSON};
use crate::replay::program::Place;
use crate::world::{Enterprise, World, facts, signer};

const PATIENCE: Duration = Duration::from_secs(60);
const THIRD_PARTY: &str = "The recommender may have my purchases.";
const AUTOMATED: &str = "What I am offered may be chosen without a person.";

/// A notice that asks two separate consents, and a template that needs the first; gives what terms say of them.
async fn publish(world: &World, shop: &Enterprise) -> Value {
    let parts = [
        "We are the shop.",
        "Write to us.",
        "Kept 30 days.",
        "You may ask.",
        "You may stop.",
        "A program chooses.",
    ];
    let [identity, contact, retention, rights, withdrawal, automated] = parts;
    let text = parts.join(" ");
    let notice: NoticePublished = serde_json::from_value(json!({
        "id": "separate", "version": 1, "language": "en", "text": text,
        "contents": {
            "laws": ["pipl"], "controller": shop.name, "identity": identity, "contact": contact,
            "purposes": ["service-personalisation"], "categories": ["purchases"], "recipients": ["recommender"],
            "retention": retention, "rights": rights, "withdrawal": withdrawal, "automated": automated,
            "consents": [
                {"to": "third-party", "sentence": THIRD_PARTY},
                {"to": "automated-decision", "sentence": AUTOMATED},
            ],
        },
    }))
    .expect("a notice");
    world.record(shop, Kind::NoticePublished, notice, &[&shop.signer]).await;
    let template: TemplatePublished = serde_json::from_value(json!({
        "id": "separate", "version": 1,
        "text": [{"language": "en", "title": "Records", "body": text}],
        "bounds": {
            "controllers": [shop.name], "recipients": ["recommender"], "purposes": ["service-personalisation"],
            "categories": ["purchases"], "validity_days_max": 400, "consents": ["third-party"],
        },
    }))
    .expect("a template");
    let envelope = world.envelope(shop, Kind::TemplatePublished, template, &[&shop.signer]);
    world.append(&envelope).await.expect(201);
    let sentence = |text: &str| Bytes32::sha256(text.as_bytes());
    json!({
        "notice": Bytes32::sha256(text.as_bytes()),
        "template": {"id": "separate", "version": 1, "hash": Bytes32::sha256(&envelope)},
        "consents": [
            {"to": "third-party", "sentence": sentence(THIRD_PARTY)},
            {"to": "automated-decision", "sentence": sentence(AUTOMATED)},
        ],
    })
}

async fn ask(world: &World, shop: &Enterprise, sub: &SubjectId, separate: Option<&Value>) -> Jti {
    let terms = world.terms(shop, |terms| {
        if let Some(separate) = separate {
            terms["notice"]["hash"] = separate["notice"].clone();
            terms["template"] = separate["template"].clone();
            terms["consents"] = separate["consents"].clone();
        }
    });
    let expires = UnixSeconds(world.now().seconds().0 + 86_400);
    let event = RequestMade { sub: sub.clone(), terms, expires };
    let envelope = world.envelope(shop, Kind::RequestMade, event, &[&shop.signer]);
    world.append(&envelope).await.expect(201);
    Envelope::parse(&envelope).unwrap().event().unwrap().jti
}

/// Settles the period, orders what the customer is owed, and says that the bank has paid it.
async fn pay(world: &World, shop: &Enterprise, sub: &SubjectId) {
    let post = async |path: &str, body: Value| {
        let call = Call::post(path, JSON, body.to_string()).token(Some(&shop.admin));
        world.send(call).await.expect(200).json()
    };
    assert_eq!(
        post("/v1/settlements", json!({})).await["accruals"],
        0,
        "each use has brought its own already"
    );
    let today = DataDay(i32::try_from(world.now().seconds().0 / 86_400).expect("a day")).to_string();
    let order = json!({
        "file": world.jti(), "payees": [{"sub": sub, "country": "CN"}], "day": today,
        "thresholds": [{"currency": "CNY", "minor": 1}],
    });
    let ordered = post("/v1/payouts", order).await;
    let order = &ordered["payouts"][0]["order"];
    assert_eq!((&order["gross_minor"], &order["withheld_minor"]), (&json!(80), &json!(16)));
    let id = order["order"].as_str().expect("an order");
    assert_eq!(post(&format!("/v1/payouts/{id}"), json!({})).await["new"], true);
}

/// Asks the gate until it says so.
async fn until(gate: &Gate, facts: &UseFacts, permitted: bool) {
    let started = Instant::now();
    while matches!(gate.decide(facts), Decision::Permit(_)) != permitted {
        assert!(started.elapsed() < PATIENCE, "permitted: {permitted}, but {:?}", gate.decide(facts));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A use that the log has.
async fn used(gate: &Gate, facts: &UseFacts) {
    gate.check(facts).await.expect("a permit").commit();
    gate.flush(PATIENCE).await.expect("sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_life_in_both_languages() {
    let world = World::open(Duration::from_secs(5)).await;
    let shop = world.enterprise("voltway").await;
    let separate = publish(&world, &shop).await;
    let config = world.gate(&shop, world.address()).await.embedded(world.parties(&shop));
    let till = GateId::parse("till-1").unwrap();
    world.ledger().register_gate(shop.id, &till, *signer("till-1").public_key()).expect("registered");
    let gate = Gate::connect(config.named(till)).await.expect("a gate");
    for (sub, locale) in [("cs-00004", "en-GB"), ("cs-00005", "zh-CN")] {
        if !live(&world, &shop, &separate, &gate, sub, locale).await {
            return;
        }
    }
}

async fn live(
    world: &World,
    shop: &Enterprise,
    separate: &Value,
    gate: &Gate,
    sub: &str,
    locale: &str,
) -> bool {
    let origin = format!("http://localhost:{}", world.address().port());
    let link = invite(world, shop, sub).await;
    let place = Place::new();
    let archive = place.path("archive.html").display().to_string();
    let Some(mut browser) = Browser::start("life.mjs", &[&origin, &link, locale, &archive]) else {
        return false;
    };
    let sub = SubjectId::parse(sub).unwrap();
    let customer = || world.ledger().customer(shop.id, &sub).unwrap();
    browser.until("enrolled").await;
    vouch(world, shop).await;
    let wide = ask(world, shop, &sub, Some(separate)).await;
    let narrow = ask(world, shop, &sub, Some(separate)).await;
    let unwanted = ask(world, shop, &sub, None).await;
    browser.tell(&json!({"wide": wide, "narrow": narrow, "unwanted": unwanted})).await;

    browser.until("agreed").await;
    let known = customer();
    let [first, second] = known.grants.as_slice() else { panic!("two grants") };
    for grant in [first, second] {
        let consents: Vec<_> = grant.terms.consents.iter().collect();
        assert_eq!(consents.iter().map(|one| one.to.as_str()).collect::<Vec<_>>(), ["third-party"]);
        assert!(consents[0].given_at.unwrap().seconds() >= grant.terms.notice.shown_at);
    }
    assert_eq!(second.terms.limits.uses.unwrap().get(), 3, "narrowed");
    let Answer::Unless(wish) = &known.past_requests[0].answer else { panic!("a no with conditions") };
    assert_eq!((wish.uses_max.unwrap().get(), wish.price_min.unwrap().minor), (2, 120));
    let declined = world.ledger().declined(shop.id, 10).unwrap();
    assert_eq!(declined[0].answer.request, unwanted);

    // a real gate, which was told of none of it but by the feed
    let facts = facts(&sub);
    until(gate, &facts, true).await;
    used(gate, &facts).await;
    browser.tell(&json!({"grant": first.id})).await;
    browser.until("seen").await;
    pay(world, shop, &sub).await;
    browser.tell(&json!({})).await;
    browser.until("recovered").await;
    used(gate, &facts).await;
    assert!(customer().keys.iter().filter(|key| !key.ended).count() == 1, "the lost key has ended");
    browser.tell(&json!({})).await;

    browser.until("stopped").await;
    until(gate, &facts, false).await;
    assert_eq!(customer().grant(&first.id).unwrap().status, Status::Withdrawn);
    browser.tell(&json!({})).await;
    browser.until("exported").await;
    let vkey = world.get("/log/vkey", &shop.service).await.expect(200);
    place.write("vkey", vkey.text());
    let verified = place.run("verify archive archive.html --vkey vkey --json").ok().json();
    assert_eq!(verified["valid"], true, "{verified}");
    browser.tell(&json!({})).await;
    browser.until("erased").await;
    assert!(world.ledger().customer(shop.id, &sub).is_none());
    assert!(!matches!(gate.decide(&facts), Decision::Permit(_)));
    assert!(browser.child.wait().await.unwrap().success());
    true
}
