//! A customer's standing rules in a real browser: tried, signed, answered by, ended. The browser's side is `tests/browser/rules.mjs`.

use std::time::Duration;

use grantbook_record::event::RequestMade;
use grantbook_record::{Envelope, Jti, Kind, SubjectId, UnixSeconds};
use serde_json::json;

use crate::browser_keys::{Browser, invite, vouch};
use crate::world::{Enterprise, World};

const SUB: &str = "cs-00004";

async fn ask(world: &World, shop: &Enterprise, uses: u32) -> Jti {
    let sub = SubjectId::parse(SUB).unwrap();
    let terms = world.terms(shop, |terms| terms["limits"] = json!({"uses": uses}));
    let expires = UnixSeconds(world.now().seconds().0 + 86_400);
    let envelope =
        world.envelope(shop, Kind::RequestMade, RequestMade { sub, terms, expires }, &[&shop.signer]);
    world.append(&envelope).await.expect(201);
    Envelope::parse(&envelope).unwrap().event().unwrap().jti
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_is_tried_signed_answers_and_ends() {
    let world = World::open(Duration::from_secs(5)).await;
    let shop = world.enterprise("voltway").await;
    let origin = format!("http://localhost:{}", world.address().port());
    let link = &invite(&world, &shop, SUB).await;
    let Some(mut browser) = Browser::start("rules.mjs", &[&origin, link]) else { return };
    let sub = SubjectId::parse(SUB).unwrap();
    let customer = || world.ledger().customer(shop.id, &sub).unwrap();

    browser.until("enrolled").await;
    vouch(&world, &shop).await;
    let wide = ask(&world, &shop, 6).await;
    let narrow = ask(&world, &shop, 5).await;
    browser.tell(&json!({})).await;

    browser.until("made").await;
    let [row] = &world.ledger().mandates_of(shop.id, &sub).unwrap()[..] else { panic!("one mandate") };
    assert!(row.in_force && customer().grants.is_empty());
    let agent = row.mandate.given.agent.thumbprint();
    assert!(customer().signing_key(&agent).is_none(), "what answers is no key of the customer");
    browser.tell(&json!({})).await;

    browser.until("ended").await;
    assert!(!world.ledger().mandates_of(shop.id, &sub).unwrap()[0].in_force);
    assert_eq!((customer().grants.len(), customer().requests.len()), (0, 2));
    browser.tell(&json!({})).await;

    browser.until("answered").await;
    let known = customer();
    let [grant] = &known.grants[..] else { panic!("one grant") };
    assert_eq!(grant.terms.limits.uses.unwrap().get(), 5);
    let leaf = world.ledger().find_event(shop.id, &grant.id).unwrap();
    world.ledger().customers_receipt(shop.id, &sub, leaf).unwrap().verify(world.ledger().log_keys()).unwrap();
    assert_eq!(world.ledger().declined(shop.id, 10).unwrap()[0].answer.request, wide);
    assert!(known.requests.is_empty(), "{narrow} is answered, too");
    assert!(browser.child.wait().await.unwrap().success());
}
