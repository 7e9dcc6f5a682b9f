//! What the operator does from the command line, read by everybody.

use serde_json::{Value, json};

use super::Place;

#[test]
fn what_the_operator_does_can_be_read_with_the_log() {
    let place = Place::new();
    let tenant = place.enterprise();
    place.run("keygen --out till.key.json").ok();
    place.run(&format!("tenant gate till --key till.key.json --tenant {tenant} --data-dir data")).ok();
    place.run(&format!("token create --role service --label till --tenant {tenant} --data-dir data")).ok();
    place.run("epoch roll --data-dir data").ok();
    let read = place.run("verify log --data-dir data --public --json").ok();
    let events = read.json()["public"].as_array().unwrap().clone();
    let act = |at: usize| match &events[at]["event"] {
        Value::Object(acted) if acted.contains_key("act") => acted["act"].clone(),
        act => act.clone(),
    };
    let acts: Vec<_> = (0..events.len()).map(act).collect();
    let rolled = json!({ "epoch_rolled": { "epoch": 2 } });
    let expected = [json!("tenant_created"), json!("gate_registered"), json!("token_created"), rolled];
    assert_eq!(acts, expected);
    // what was about the enterprise does not say which one
    assert!(!read.out.contains(&tenant), "{}", read.out);
    assert!(place.run("verify log --data-dir data --json").ok().json().get("public").is_none());
}
