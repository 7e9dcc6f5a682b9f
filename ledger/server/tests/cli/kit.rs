//! Regulator kits from the command line: made, verified by both verifiers, and every change found by both.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use grantbook_engine::date_of;
use serde_json::{Value, json};

use super::prove::{Past, past};
use super::{Done, Place, Serving};

/// A ledger whose three days are proved, and the kit of these days.
fn kit(place: &Place) -> (Past, [String; 3]) {
    let past = past(place);
    let Past { tenant, days, rogue } = &past;
    let days = days.map(date_of);
    place.run(&format!("prove --policy sandbox --except {rogue}:6 --tenant {tenant} --data-dir data")).ok();
    place.write(
        "details.json",
        r#"{"v":1,"controllers":{"record-shop":{"name":"Record Shop Ltd","contact":"1 High Street"}},"measures":"<i>locks</i>"}"#,
    );
    let [first, .., last] = &days;
    let made = place
        .run(&format!(
            "kit --from {first} --to {last} --out kit --details details.json --tenant {tenant} --data-dir data --json"
        ))
        .ok()
        .json();
    assert_eq!(made["proved_days"], json!(days));
    (past, days)
}

fn verify(place: &Place, folder: &str, rest: &str) -> Done {
    place.run(&format!("verify kit {folder} --log-keys vkey --json {rest}"))
}

/// Files with findings.
fn files(report: &Value) -> BTreeSet<String> {
    let findings = report["findings"].as_array().unwrap().iter();
    findings.map(|finding| finding["file"].as_str().unwrap().to_owned()).collect()
}

/// What the modules of the page say of a kit; `None` where there is no Node.
fn in_node(place: &Place, folder: &str, vkey: &str) -> Option<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/kit_in_node.mjs");
    // the page as it was made, not the one that may have been changed
    let run = Command::new("node")
        .arg(script)
        .args(["kit/reader.html", folder, vkey].map(|name| place.path(name)))
        .output();
    let Ok(output) = run else {
        eprintln!("skipped: there is no Node");
        return None;
    };
    Some(Done::of(output).ok().json())
}

#[test]
fn a_kit_is_made_and_every_change_is_found() {
    let place = Place::new();
    let (Past { tenant, .. }, [first, second, third]) = kit(&place);
    let asked = format!("--policy sandbox --from {first} --to {third}");
    let verified = verify(&place, "kit", &asked).ok().json();
    assert_eq!((&verified["valid"], &verified["keys"]), (&json!(true), &json!("given")));
    assert_eq!(verified["reports"].as_array().unwrap().len(), 3);
    let alone = place.run("verify kit kit").ok();
    assert!(alone.out.contains("on the operator's word"), "{}", alone.out);

    let tables: Value = serde_json::from_slice(&fs::read(place.path("kit/kit.json")).unwrap()).unwrap();
    assert_eq!(tables["period"], json!({ "from": first, "to": third }));
    // the one grant was withdrawn on the second day
    assert_eq!(tables["record"]["activities"], json!([]));
    assert_eq!(tables["withdrawals"]["made"], json!("suppressed"));
    let outcomes: Vec<_> = tables["fairness"].as_array().unwrap().iter().map(|day| &day["day"]).collect();
    assert_eq!(outcomes, [&first, &second, &third]);
    let page = fs::read_to_string(place.path("kit/kit.en.html")).unwrap();
    assert!(page.contains("&lt;i&gt;locks") && !page.contains("alice-7"), "{page}");

    let node = in_node(&place, "kit", "vkey");
    if let Some(said) = &node {
        assert_eq!(said["findings"], json!([]));
        assert_eq!(
            (&said["tenant"], &said["days"]),
            (&json!(tenant.to_string()), &json!([first, second, third]))
        );
    }

    let mut names = Vec::new();
    for folder in ["kit", "kit/proofs"] {
        let entries = fs::read_dir(place.path(folder)).unwrap().map(Result::unwrap);
        names.extend(entries.filter(|entry| entry.path().is_file()).map(|entry| entry.path()));
    }
    assert_eq!(names.len(), 17, "{names:?}");
    for path in &names {
        let name = path.strip_prefix(place.path("kit")).unwrap().to_str().unwrap().to_owned();
        let whole = fs::read(path).unwrap();
        let mut changed = whole.clone();
        let at = changed.len() / 2;
        changed[at] ^= 1;
        for (bytes, what) in [(Some(changed), "changed"), (None, "missing")] {
            match bytes {
                Some(bytes) => fs::write(path, bytes).unwrap(),
                None => fs::remove_file(path).unwrap(),
            }
            let found = files(&verify(&place, "kit", "").is(1).json());
            assert!(found.contains(&name), "{name} {what}: {found:?}");
            // the page is read from the folder
            if node.is_some() && name != "reader.html" {
                let said = files(&in_node(&place, "kit", "vkey").unwrap());
                assert_eq!(said, found, "{name} {what}");
            }
        }
        fs::write(path, whole).unwrap();
    }
    verify(&place, "kit", "").ok();

    for (name, extra) in
        [("kit/more", "more"), ("kit/proofs/more", "proofs/more"), ("kit/deep/more", "deep/more")]
    {
        fs::create_dir_all(place.path(name).parent().unwrap()).unwrap();
        place.write(name, "");
        assert_eq!(files(&verify(&place, "kit", "").is(1).json()), BTreeSet::from([extra.to_owned()]));
        fs::remove_file(place.path(name)).unwrap();
    }
}

#[test]
fn a_kit_is_of_its_log_policy_and_days() {
    let place = Place::new();
    let (Past { tenant, .. }, [first, second, third]) = kit(&place);
    let other = Place::new();
    other.enterprise();
    let keys = other.run("verify log --data-dir data --json");
    keys.ok();
    for (rest, file) in [
        (format!("--from {first} --to {second}"), "manifest.jws".to_owned()),
        ("--policy gdpr".to_owned(), format!("proofs/{first}.bundle")),
    ] {
        assert!(files(&verify(&place, "kit", &rest).is(1).json()).contains(&file), "{rest}");
    }
    verify(&place, "kit", &format!("--from {second} --to {first}")).is(2);
    verify(&place, "nowhere", "").is(2);

    // another log's keys
    let data = other.path("data");
    let wrong = place.run(&format!("verify kit kit --json --data-dir {}", data.display())).is(1).json();
    assert_eq!(files(&wrong), BTreeSet::from(["issued.json".to_owned()]));

    // the receipt of another kit of the same ledger
    let make = |rest: &str| place.run(&format!("kit --tenant {tenant} --data-dir data {rest}"));
    make(&format!("--from {second} --to {second} --out second")).ok();
    verify(&place, "second", "").ok();
    fs::copy(place.path("second/issued.json"), place.path("kit/issued.json")).unwrap();
    assert_eq!(files(&verify(&place, "kit", "").is(1).json()), BTreeSet::from(["issued.json".to_owned()]));
    // those before the period belong to the chain, those after it do not
    assert!(place.path(&format!("second/proofs/{first}.bundle")).exists());
    assert!(!place.path(&format!("second/proofs/{third}.bundle")).exists());

    for (rest, status, message) in [
        (format!("--from {third} --to {first} --out new"), 2, "366 days at most"),
        (format!("--from {first} --to 2100-01-01 --out new"), 2, "366 days at most"),
        (format!("--from {first} --to {third} --out second"), 2, "is there already"),
        (format!("--from {first} --to {third} --out new --details vkey"), 2, "refused details"),
        ("--from 2026-3-1 --to 2026-03-02 --out new".to_owned(), 2, "expected a day such as"),
    ] {
        let done = make(&rest).is(status);
        assert!(done.err.contains(message), "{rest}: {}", done.err);
        assert!(!place.path("new").exists());
    }
}

#[test]
fn a_server_makes_kits_for_the_enterprises_administrators() {
    let place = Place::new();
    let (Past { tenant, .. }, [first, _, third]) = kit(&place);
    let token = |role: &str| {
        let line = format!("token create --role {role} --label r --tenant {tenant} --data-dir data --json");
        place.run(&line).ok().json()["secret"].as_str().unwrap().to_owned()
    };
    let (admin, service) = (token("admin"), token("service"));
    let (serving, said) = Serving::start(&place, "serve --listen 127.0.0.1:0 --data-dir data --json");
    let url = said["url"].as_str().unwrap().to_owned();
    let make = |token: &str, rest: &str| {
        place.run(&format!("kit --details details.json --server {url} --token {token} --from {first} {rest}"))
    };
    make(&service, &format!("--to {third} --out none")).is(1);
    make(&admin, &format!("--to {third} --out remote")).ok();
    let today = date_of(grantbook_engine::Clock::system().now().seconds().day());
    let refused = make(&admin, &format!("--to {today} --out none")).is(1);
    assert!(refused.err.contains("is not over yet"), "{}", refused.err);
    drop(serving);
    verify(&place, "remote", "--policy sandbox").ok();
    let same = |name: &str| {
        fs::read(place.path(&format!("kit/{name}"))).unwrap()
            == fs::read(place.path(&format!("remote/{name}"))).unwrap()
    };
    for name in ["kit.json", "record.csv", "kit.zh.html", "reader.html", &format!("proofs/{first}.bundle")] {
        assert!(same(name), "{name}");
    }
}

#[test]
fn the_page_works_in_a_browser() {
    if Command::new("chromium").arg("--version").output().is_err()
        || Command::new("node").arg("--version").output().is_err()
    {
        eprintln!("skipped: there is no Chromium, or no Node to drive it");
        return;
    }
    let place = Place::new();
    let (Past { tenant, .. }, _) = kit(&place);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/kit_in_chromium.mjs");
    // where pictures are wanted, they are kept
    let pictures =
        std::env::var("GRANTBOOK_PICTURES").unwrap_or_else(|_| place.path(".").display().to_string());
    let picture = Path::new(&pictures).join("reader");
    let open = || {
        let run = Command::new("node")
            .arg(&script)
            .args(["kit/reader.html", "kit", "vkey", "profile"].map(|name| place.path(name)))
            .arg(&picture)
            .output();
        Done::of(run.unwrap()).ok().json()
    };
    let said = open();
    assert_eq!(said["complaints"], json!([]));
    let (english, chinese) = (said["english"].as_str().unwrap(), said["chinese"].as_str().unwrap());
    assert!(english.starts_with("Everything holds"), "{english}");
    assert!(english.contains(&tenant.to_string()) && english.contains("<i>locks</i>"), "{english}");
    assert!(chinese.starts_with("全部成立") && chinese.contains("处理活动记录"), "{chinese}");

    let csv = place.path("kit/rates.csv");
    fs::write(&csv, fs::read_to_string(&csv).unwrap().replace("9200", "9100")).unwrap();
    let english = open()["english"].as_str().unwrap().to_owned();
    assert!(english.starts_with("Something is wrong") && english.contains("rates.csv"), "{english}");
}
