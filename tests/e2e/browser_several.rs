//! Several people for one customer in real browsers: signatories of an organisation, a guardian and the minor. The browsers' side
//! is `tests/browser/several.mjs`.

use std::time::Duration;

use grantbook_record::event::RequestMade;
use grantbook_record::{Envelope, Jti, Kind, SubjectId, UnixSeconds};
use serde_json::json;

use crate::browser_keys::{Browser, invite, vouch};
use crate::client::Call;
use crate::world::{Enterprise, World};

const FLEET: &str = "fleet-3";
const CHILD: &str = "cs-00005";

async fn ask(world: &World, shop: &Enterprise, sub: &str, uses: u32) -> Jti {
    let sub = SubjectId::parse(sub).unwrap();
    let terms = world.terms(shop, |terms| terms["limits"] = json!({"uses": uses}));
    let expires = UnixSeconds(world.now().seconds().0 + 86_400);
    let envelope =
        world.envelope(shop, Kind::RequestMade, RequestMade { sub, terms, expires }, &[&shop.signer]);
    world.append(&envelope).await.expect(201);
    Envelope::parse(&envelope).unwrap().event().unwrap().jti
}

/// A link by which a guardian comes to a minor who was born on this day.
async fn invite_guardian(world: &World, shop: &Enterprise, sub: &str, birth_day: &str) -> String {
    let invitation = json!({"data_subject": sub, "guardian": {"birth_day": birth_day}}).to_string();
    let made = Call::post("/v1/invitations", "application/json", invitation).token(Some(&shop.admin));
    world.send(made).await.expect(201).json()["url"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_of_an_organisation_and_a_guardian_sign() {
    for locale in ["en-GB", "zh-CN"] {
        let world = World::open(Duration::from_secs(5)).await;
        let shop = world.enterprise("voltway").await;
        let origin = format!("http://localhost:{}", world.address().port());
        let link = invite(&world, &shop, FLEET).await;
        let Some(mut browser) = Browser::start("several.mjs", &[&origin, &link, locale]) else { return };
        let fleet = || world.ledger().customer(shop.id, &SubjectId::parse(FLEET).unwrap()).unwrap();

        browser.until("enrolled").await;
        vouch(&world, &shop).await;
        browser.tell(&json!({})).await;
        browser.until("joined").await;
        assert_eq!(fleet().keys.len(), 2);
        assert_eq!(world.ledger().passkeys(shop.id, &SubjectId::parse(FLEET).unwrap()).unwrap().len(), 2);
        browser.tell(&json!({})).await;
        browser.until("agreed").await;
        let rule = fleet().signatories.unwrap();
        assert_eq!((rule.keys.len(), rule.needed), (2, 2));

        let request = ask(&world, &shop, FLEET, 3).await;
        let other = ask(&world, &shop, FLEET, 4).await;
        browser.tell(&json!({"request": request, "other": other})).await;
        browser.until("waits").await;
        assert!(fleet().grants.is_empty(), "one signature of two grants nothing");
        browser.tell(&json!({})).await;
        browser.until("granted").await;
        let [grant] = &fleet().grants[..] else { panic!("one grant") };
        let leaf = world.ledger().find_event(shop.id, &grant.id).unwrap();
        let sub = SubjectId::parse(FLEET).unwrap();
        let receipt = world.ledger().customers_receipt(shop.id, &sub, leaf).unwrap();
        receipt.verify(world.ledger().log_keys()).unwrap();
        browser.tell(&json!({})).await;
        browser.until("dropped").await;
        assert_eq!((fleet().grants.len(), fleet().requests.len()), (1, 1));

        let child = invite(&world, &shop, CHILD).await;
        let guardian = invite_guardian(&world, &shop, CHILD, "2015-03-01").await;
        browser.tell(&json!({"child": child, "guardian": guardian})).await;
        browser.until("child").await;
        vouch(&world, &shop).await;
        browser.tell(&json!({})).await;
        browser.until("named").await;
        vouch(&world, &shop).await;
        let minor = || world.ledger().customer(shop.id, &SubjectId::parse(CHILD).unwrap()).unwrap();
        assert!(minor().has_guardian());
        let asked = ask(&world, &shop, CHILD, 2).await;
        let alone = ask(&world, &shop, CHILD, 1).await;
        browser.tell(&json!({"asked": asked, "alone": alone})).await;
        browser.until("guarded").await;
        assert_eq!(minor().grants.len(), 2);
        assert!(browser.child.wait().await.unwrap().success());
    }
}
