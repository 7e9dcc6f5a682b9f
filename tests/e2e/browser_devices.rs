//! A second device in real browsers: invited and enrolled on one, added from there, granting by itself, ending the first.
//! The browsers' side is `tests/browser/devices.mjs`.

use std::time::Duration;

use grantbook_plan::Status;
use grantbook_record::SubjectId;
use serde_json::json;

use crate::browser_keys::{Browser, ask, invite, vouch};
use crate::world::World;

const SUB: &str = "cs-00004";

#[tokio::test(flavor = "multi_thread")]
async fn a_second_device_is_added_and_ends_the_first() {
    let world = World::open(Duration::from_secs(5)).await;
    let voltway = world.enterprise("voltway").await;
    let origin = format!("http://localhost:{}", world.address().port());
    let link = &invite(&world, &voltway, SUB).await;
    let Some(mut browser) = Browser::start("devices.mjs", &[&origin, link]) else { return };
    let sub = SubjectId::parse(SUB).unwrap();
    let customer = || world.ledger().customer(voltway.id, &sub).unwrap();

    browser.until("enrolled").await;
    vouch(&world, &voltway).await;
    let first = customer().keys[0].key.thumbprint();
    let request = ask(&world, &voltway).await;
    browser.tell(&json!({"request": request})).await;

    // whoever takes the link, and whatever comes in between, gets no key
    browser.until("refused").await;
    assert_eq!(customer().keys.len(), 1);
    browser.tell(&json!({})).await;

    browser.until("added").await;
    let known = customer();
    assert_eq!(known.keys.iter().filter(|key| !key.ended).count(), 2);
    let second = known.keys[1].key.thumbprint();
    assert_eq!(world.ledger().passkeys(voltway.id, &sub).unwrap().len(), 2);
    browser.tell(&json!({})).await;

    browser.until("granted").await;
    assert_eq!(customer().grants[0].status, Status::Active);
    let request = ask(&world, &voltway).await;
    browser.tell(&json!({"request": request})).await;

    browser.until("ended").await;
    let known = customer();
    assert!(known.signing_key(&first).is_none() && known.signing_key(&second).is_some());
    assert_eq!(known.grants.len(), 1, "the ended device has granted nothing");
    browser.tell(&json!({})).await;
    browser.until("done").await;
    assert!(browser.child.wait().await.unwrap().success());
}
