//! Policies in shadow and on the recorded past, from the command line.

use serde_json::json;

use super::{CHECK, Place, Serving};

const AGREED: &str = "@id(\"agreed\")
@article(\"what the customer signed\")
@en(\"Ask for a grant.\")
@zh(\"请取得授权。\")
permit (principal, action, resource)
when { context.grant.status == Status::\"active\" };
";
const NO_DATES: &str = "@id(\"no-dates\")
@article(\"house rule\")
@en(\"Leave the date out.\")
@zh(\"请勿使用日期。\")
forbid (principal, action, resource)
when { context.fields.contains(Field::\"date\") };
";

/// An enterprise with policies in a folder, a grant of five uses, and the commands that ask and sign.
fn enterprise(place: &Place) -> String {
    let tenant = place.enterprise();
    std::fs::create_dir_all(place.path("mine")).unwrap();
    place.write("mine/agreed.cedar", AGREED);
    place.write("mine/no-dates.cedar", NO_DATES);
    place
        .run(&format!(
            "grant --key alice.key.json --sub alice-7 --published published.json --from 2025-07-01 --to 2025-09-30 \
             --uses 5 --price 0.80~CNY --tenant {tenant} --data-dir data --enterprise-key acme.key.json"
        ))
        .ok();
    tenant
}

#[test]
fn policies_are_tried_before_they_rule() {
    let place = Place::new();
    let tenant = enterprise(&place);
    let data = format!("--tenant {tenant} --data-dir data");
    let check = format!("{CHECK} --tenant {tenant} --json");
    place.run(&check).ok();
    place.run(&check).ok();

    // what nobody signed, on what was recorded
    let simulated = place.run(&format!("policy simulate mine {data} --json")).is(1).json();
    let of = |uses: u64| json!({"uses": uses, "customers": u64::from(uses > 0)});
    assert_eq!(simulated["report"]["judged"], of(2));
    assert_eq!(simulated["report"]["would_deny"], of(2));
    assert_eq!(simulated["report"]["by_rule"], json!({"no-dates": of(2)}));
    let text = place.run(&format!("policy simulate mine {data}")).is(1).out;
    assert!(text.contains("permitted → policy") && text.contains("no-dates"), "{text}");
    assert!(text.contains("████████████████████████"), "{text}");
    assert!(!text.contains("alice-7"), "{text}");
    let before = place.run(&format!("policy simulate mine --until 2026-01-01 {data} --json")).ok().json();
    assert_eq!(before["report"]["judged"], of(0));
    place.run(&format!("policy simulate mine --since yesterday {data}")).is(2);
    place.run(&format!("policy simulate {data}")).is(2);
    place.run(&format!("policy simulate mine --candidate {data}")).is(2);
    place.run(&format!("policy simulate --candidate {data}")).is(1);

    let signed = format!("--enterprise-key acme.key.json {data} --json");
    place.run(&format!("policy promote {signed}")).is(1);
    place.run(&format!("policy drop {signed}")).is(1);
    let shadow = place.run(&format!("policy publish mine --shadow {signed}")).ok().json();
    assert_eq!(shadow["shadow_hours"], json!(72));
    let early = place.run(&format!("policy promote {signed}")).is(1);
    assert!(early.err.contains("in shadow until 20"), "{}", early.err);
    place.run(&check).ok();
    let simulated = place.run(&format!("policy simulate --candidate {data} --json")).is(1).json();
    assert_eq!(simulated["report"]["would_deny"], of(1));
    place.run(&format!("policy drop {signed}")).ok();
    place.run(&format!("policy simulate --candidate {data}")).is(1);
    place.run(&check).ok();

    place.run(&format!("policy publish mine --shadow=1 {signed}")).ok();
    let promoted = place.run(&format!("policy promote --early incident {signed}")).ok().json();
    assert_eq!((&promoted["version"], &promoted["sources"]), (&json!(1), &shadow["sources"]));
    assert_eq!(place.run(&check).is(1).json()["reason"], "policy");
    // they deny what is in the past alike, so nothing would be denied anew
    let simulated = place.run(&format!("policy simulate mine {data} --json")).ok().json();
    assert_eq!((&simulated["in_force"], &simulated["report"]["differences"]), (&json!(1), &json!([])));
}

#[test]
fn a_server_judges_the_past_for_administrators() {
    let place = Place::new();
    let tenant = enterprise(&place);
    place.run(&format!("{CHECK} --tenant {tenant}")).ok();
    let token = |role: &str| {
        let line = format!("token create --role {role} --label r --tenant {tenant} --data-dir data --json");
        place.run(&line).ok().json()["secret"].as_str().unwrap().to_owned()
    };
    let (admin, service) = (token("admin"), token("service"));
    let (_serving, said) = Serving::start(&place, "serve --listen 127.0.0.1:0 --data-dir data --json");
    let url = said["url"].as_str().unwrap().to_owned();
    let run =
        |line: &str, token: &str| place.run(&format!("policy {line} --server {url} --token {token} --json"));
    run("simulate mine", &service).is(1);
    let here = run("simulate mine --since 2026-01-01", &admin).is(1).json();
    assert_eq!(here["report"]["would_deny"], json!({"uses": 1, "customers": 1}));
    run("simulate --candidate", &admin).is(1);
    let key = "--enterprise-key acme.key.json";
    run(&format!("publish mine --shadow=2 {key}"), &service).ok();
    let report = run("simulate --candidate", &admin).ok().json()["report"].clone();
    assert_eq!(report["judged"]["uses"], json!(0));
    assert_eq!(report["until"].as_u64().unwrap() - report["since"].as_u64().unwrap(), 7200);
    run(&format!("promote {key}"), &admin).is(1);
    run(&format!("drop {key}"), &admin).ok();
    run(&format!("drop {key}"), &admin).is(1);
    run(&format!("publish mine --shadow {key}"), &service).ok();
    run(&format!("promote --early incident {key}"), &admin).ok();
    run("show", &service).ok();
}
