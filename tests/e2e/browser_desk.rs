//! The sandbox in a real browser: every role at once, tours, the company's sign-in, a request that the customer sees.

use std::process::Command;

use serde_json::{Value, json};

use crate::browser_pages::has_browser;
use crate::replay::program::{Place, Served, workspace};

fn told(place: &Place) -> Served {
    Served::start(place.command("serve --story --listen 127.0.0.1:0 --data-dir data --json"))
}

fn token(place: &Place, served: &Served) -> String {
    let file = std::fs::read(place.path(&served.sandbox).join("sandbox.json")).expect("the sandbox's folder");
    let sandbox: Value = serde_json::from_slice(&file).expect("JSON");
    sandbox["token"].as_str().expect("a token").to_owned()
}

#[test]
fn every_role_at_once_and_a_request_from_the_desk_to_the_customer() {
    if !has_browser("the sandbox in a browser") {
        return;
    }
    let place = Place::new();
    let served = told(&place);
    let pages = served.url.replace("127.0.0.1", "localhost");
    let mut browser = Command::new("node");
    browser.arg(workspace().join("tests/browser/desk.mjs")).arg(&pages).arg(token(&place, &served));
    if let Some(folder) = std::env::var_os("GRANTBOOK_SCREENS") {
        browser.arg(folder);
    }
    let run = browser.output().expect("node starts");
    let (out, err) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    let steps: Vec<Value> =
        out.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    assert!(run.status.success(), "{out}{err}");
    let step = |name: &str, at: usize| -> Value {
        let found = steps.iter().filter(|step| step["step"] == name).nth(at);
        found.unwrap_or_else(|| panic!("{name}: {out}{err}")).clone()
    };
    for (at, mark) in [(0, "Sandbox"), (1, "沙盒")] {
        let roles = step("roles", at);
        assert!(roles["mark"].as_str().unwrap().contains(mark), "{roles}");
        let passed = |role: &str| roles[role].as_array().unwrap().len();
        assert_eq!((passed("customer"), passed("company"), passed("regulator")), (5, 6, 3), "{roles}");
        assert_eq!(roles["still"], true, "a customer stays one beside the desk: {roles}");
        assert_ne!(roles["out"], json!(0), "signed out: {roles}");
    }
    assert_eq!(step("invited", 0)["path"], "/sign/");
    let signed_in = step("signed-in", 0);
    assert_eq!((&signed_in["kept"], &signed_in["strict"]), (&json!(false), &json!(true)), "{signed_in}");
    let asked = step("asked", 0);
    assert_eq!(asked["faults"].as_array().unwrap().len(), 1, "{asked}");
    assert_eq!(asked["facts"], true, "{asked}");
    let seen = step("seen", 0);
    assert_eq!((&seen["seen"], &seen["own"]), (&json!([true, true]), &json!(true)), "{seen}");
}
