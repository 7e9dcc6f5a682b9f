//! Guardians and signatories from the command line: who signs, and that nobody grants without.

use serde_json::json;

use crate::Place;

#[test]
fn a_guardian_signs_for_a_minor() {
    let place = Place::new();
    let tenant = place.enterprise();
    let end = format!("--sub alice-7 --tenant {tenant} --data-dir data --json");
    for key in ["mother", "father", "stranger"] {
        place.run(&format!("keygen --out {key}.key.json")).ok();
    }
    place
        .run(&format!(
            "key enrol --key alice.key.json --enterprise-key acme.key.json --code-out alice.code {end}"
        ))
        .ok();
    let name = |key: &str, more: &str| {
        place.run(&format!(
            "guardian name --key {key}.key.json --enterprise-key acme.key.json {more} {end} --save {key}.receipt"
        ))
    };
    let born = "--birth-day 2015-03-01";
    // nobody becomes the guardian of somebody who has keys and does not sign
    name("stranger", born).is(1);
    name("mother", &format!("{born} --beside alice.key.json")).ok();
    // the minor alone names no further one, and another birth day is another child's
    name("father", &format!("{born} --beside alice.key.json")).is(1);
    name("father", "--birth-day 2015-03-02 --beside mother.key.json").is(1);
    // of age at 18, where no rule says otherwise
    name("father", &format!("{born} --until 2029-03-01 --beside mother.key.json")).is(1);
    name("father", &format!("{born} --until 2033-03-01 --beside mother.key.json")).ok();
    name("stranger", "--birth-day yesterday").is(2);
    name("stranger", "--birth-day 1899-12-31").is(2);
    name("stranger", "--birth-day 2000-01-01 --beside mother.key.json").is(1);

    let grant = format!("grant --published published.json --days 10 {end}");
    let refused = place.run(&format!("{grant} --key alice.key.json")).is(1);
    assert!(refused.err.contains("guardian"), "{}", refused.err);
    place.run(&format!("{grant} --key mother.key.json")).ok();
    place.run(&format!("{grant} --key alice.key.json --beside father.key.json")).ok();
    place.run("verify receipt mother.receipt --data-dir data").ok();
    assert_eq!(place.run("fsck --data-dir data --json").ok().json()["clean"], true);
}

#[test]
fn two_of_three_sign_for_an_organisation() {
    let place = Place::new();
    let tenant = place.enterprise();
    let end = format!("--sub fleet-3 --tenant {tenant} --data-dir data --json");
    place
        .run(&format!(
            "key enrol --key alice.key.json --enterprise-key acme.key.json --code-out fleet.code {end}"
        ))
        .ok();
    for key in ["bob", "carol", "dan"] {
        place.run(&format!("keygen --out {key}.key.json")).ok();
        if key != "dan" {
            place.run(&format!("key add --key alice.key.json --new {key}.key.json {end}")).ok();
        }
    }
    let agree = |names: &str, needed: u8, signers: &str| {
        let files = |flag: &str, names: &str| {
            let files = names.split(' ').map(|name| format!("--{flag} {name}.key.json"));
            files.collect::<Vec<_>>().join(" ")
        };
        let (names, signers) = (files("signatory", names), files("key", signers));
        place.run(&format!("signatories agree {names} --needed {needed} {signers} {end}"))
    };
    let all = "alice bob carol";
    agree("alice dan", 2, "alice").is(1);
    agree(all, 4, "alice").is(1);
    let agreed = agree(all, 2, "alice").ok().json();
    assert_eq!((&agreed["needed"], agreed["keys"].as_array().unwrap().len()), (&json!(2), 3));

    let grant = format!("grant --published published.json --days 10 {end}");
    place.run(&format!("{grant} --key alice.key.json")).is(1);
    place.run(&format!("{grant} --key alice.key.json --beside alice.key.json")).is(1);
    let given = place.run(&format!("{grant} --key alice.key.json --beside carol.key.json")).ok().json();
    // one of them changes no rule, two do
    agree("alice", 1, "alice").is(1);
    agree("alice bob", 2, "alice carol").ok();
    place.run(&format!("{grant} --key alice.key.json --beside carol.key.json")).is(1);
    let grant = given["grant"].as_str().unwrap();
    place.run(&format!("withdraw --key carol.key.json --grant {grant} {end}")).ok();
}
