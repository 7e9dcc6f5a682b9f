//! Keys of a customer, up to the loss of all devices, from the command line.

use std::fs;

use super::Place;

#[test]
fn a_customer_who_loses_every_device_comes_back_with_the_code() {
    let place = Place::new();
    let tenant = place.enterprise();
    // a pseudonym may begin as an option does
    let who = format!("--sub -hannah-7 --tenant {tenant} --data-dir data --json");
    let key = |line: &str| place.run(&format!("key {line} {who}"));
    for device in ["phone", "laptop", "new-phone", "mallory", "fresh"] {
        place.run(&format!("keygen --out {device}")).ok();
    }
    key("enrol --key phone --enterprise-key acme.key.json --code-out code").ok();
    // the code that nobody could use is not left behind
    key("enrol --key laptop --enterprise-key acme.key.json --code-out other").is(1);
    assert!(!place.path("other").exists());
    key("add --key phone --new laptop").ok();
    let stolen = key("rotate --key phone --new mallory").ok().json();
    let revoke = format!("revoke --key laptop --revoke {}", stolen["key"].as_str().unwrap());
    key(&revoke).ok();
    key(&revoke).is(1);
    key("add --key mallory --new new-phone").is(1);

    let code = fs::read_to_string(place.path("code")).unwrap();
    place.write("mistyped", code.replacen('-', "U", 1));
    place.write("foreign", "0000-0000-0000-0000-0000-0000-0000-003G\n");
    for code in ["mistyped", "foreign"] {
        key(&format!("recover --code {code} --new new-phone --code-out next")).is(2);
    }
    key("recover --code code --new new-phone --code-out next").ok();
    let again = key("recover --code code --new mallory --code-out third").is(1);
    assert!(again.err.contains("no such recovery key"), "{}", again.err);
    key("add --key laptop --new mallory").is(1);
    for (new, status) in [("phone", 1), ("mallory", 1), ("fresh", 0)] {
        key(&format!("recover --code next --new {new} --code-out third")).is(status);
    }
}
